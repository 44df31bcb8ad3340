/* Orientation, camera and lens tags by libexif. Depends on base and libexif. */
#include "core/imaging/exif.h"

#include <libexif/exif-data.h>
#include <math.h>
#include <string.h>

#define MAX_EXIF (1u << 20)

static gboolean
has_text (ExifData *data, ExifIfd ifd, ExifTag tag)
{
  ExifEntry *entry = exif_content_get_entry (data->ifd[ifd], tag);

  return entry && entry->size > 1;
}

/* A whole number of either width; 0 when it is missing or of another type. */
static guint
read_number (ExifData *data, ExifTag tag)
{
  ExifEntry *entry = exif_content_get_entry (data->ifd[EXIF_IFD_EXIF], tag);
  ExifByteOrder order = exif_data_get_byte_order (data);

  if (entry && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
    return exif_get_short (entry->data, order);
  if (entry && entry->format == EXIF_FORMAT_LONG && entry->size >= 4)
    return exif_get_long (entry->data, order);
  return 0;
}

double
gonio_exif_focal (const GonioExif *exif, guint width, guint height)
{
  double here = (double)MAX (width, height) / MAX (1, MIN (width, height));
  double then = (double)MAX (exif->width, exif->height) / MAX (1, MIN (exif->width, exif->height));

  if (exif->width > 0 && exif->height > 0 && fabs (here - then) > 0.01 * then)
    return 0;
  return exif->focal_35mm;
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
  out.focal_35mm = read_number (exif, EXIF_TAG_FOCAL_LENGTH_IN_35MM_FILM);
  out.width = read_number (exif, EXIF_TAG_PIXEL_X_DIMENSION);
  out.height = read_number (exif, EXIF_TAG_PIXEL_Y_DIMENSION);
  exif_data_unref (exif);
  return out;
}
