/* Orientation and camera tags by libexif. Depends on base and libexif. */
#include "core/imaging/exif.h"

#include <libexif/exif-data.h>
#include <string.h>

#define MAX_EXIF (1u << 20)

static gboolean
has_text (ExifData *data, ExifIfd ifd, ExifTag tag)
{
  ExifEntry *entry = exif_content_get_entry (data->ifd[ifd], tag);

  return entry && entry->size > 1;
}

GonioExif
gonio_exif_read (const uint8_t *data, size_t size)
{
  static const uint8_t magic[6] = {'E', 'x', 'i', 'f', 0, 0};
  GonioExif out = {.orientation = 1};
  g_autofree uint8_t *block = NULL;
  ExifData *exif = NULL;
  ExifEntry *entry = NULL;

  if (size >= sizeof magic && memcmp (data, magic, sizeof magic) == 0) {
    data += sizeof magic;
    size -= sizeof magic;
  }
  if (size < 8 || size > MAX_EXIF)
    return out;
  block = g_malloc (size + sizeof magic);
  memcpy (block, magic, sizeof magic);
  memcpy (block + sizeof magic, data, size);

  exif = exif_data_new ();
  if (!exif)
    return out;
  exif_data_unset_option (exif, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
  exif_data_load_data (exif, block, (unsigned int)(size + sizeof magic));
  entry = exif_content_get_entry (exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2) {
    int value = exif_get_short (entry->data, exif_data_get_byte_order (exif));

    if (value >= 1 && value <= 8)
      out.orientation = value;
  }
  out.is_camera = has_text (exif, EXIF_IFD_0, EXIF_TAG_MAKE) ||
                  has_text (exif, EXIF_IFD_0, EXIF_TAG_MODEL) ||
                  has_text (exif, EXIF_IFD_EXIF, EXIF_TAG_EXPOSURE_TIME) ||
                  has_text (exif, EXIF_IFD_EXIF, EXIF_TAG_FNUMBER);
  exif_data_unref (exif);
  return out;
}
