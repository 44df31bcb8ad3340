/* HEIF and AVIF by libheif (HEVC through libde265): what phones write. Rotation and mirroring
 * stand in the container and are applied by the library, so the EXIF orientation inside is only
 * reported (ISO/IEC 23008-12 A.2.1). Depends on base, libheif and libexif.
 */
#include "core/imaging/exif.h"
#include "core/imaging/formats.h"
#include "core/imaging/load-private.h"

#include <libheif/heif.h>

#define MAX_EXIF   (1u << 20)
#define MAX_IMAGES 1000

typedef struct heif_context HeifContext;
typedef struct heif_image_handle HeifHandle;
typedef struct heif_image HeifImage;
typedef struct heif_decoding_options HeifOptions;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HeifContext, heif_context_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HeifHandle, heif_image_handle_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HeifImage, heif_image_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HeifOptions, heif_decoding_options_free)

gboolean
gonio_heif_detect (const uint8_t *head, size_t size)
{
  static const char *const brands[] = {"heic", "heix", "hevc", "hevx", "heim",
                                       "heis", "mif1", "msf1", "avif", "avis"};

  if (size < 12 || memcmp (head + 4, "ftyp", 4) != 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (brands); i++)
    if (memcmp (head + 8, brands[i], 4) == 0)
      return TRUE;
  return FALSE;
}

/* The one place where a heif_error becomes a GError. */
static gboolean
check (struct heif_error status, GError **error)
{
  GonioImageError code = GONIO_IMAGE_ERROR_MALFORMED;

  if (status.code == heif_error_Ok)
    return TRUE;
  if (status.code == heif_error_Unsupported_feature ||
      status.code == heif_error_Unsupported_filetype)
    code = GONIO_IMAGE_ERROR_UNSUPPORTED;
  else if (status.code == heif_error_Memory_allocation_error)
    code = GONIO_IMAGE_ERROR_LIMIT;
  g_set_error (error, GONIO_IMAGE_ERROR, code,
               "the HEIF picture cannot be decoded (%s). Copy the file again or export it as JPEG",
               status.message ? status.message : "damaged data");
  return FALSE;
}

/* Picture number frame: the primary one first, the others in file order. */
static HeifHandle *
open_frame (HeifContext *context, guint frame, guint *out_frames, GError **error)
{
  heif_item_id ids[MAX_IMAGES] = {0}, primary = 0, wanted = 0;
  int n = heif_context_get_list_of_top_level_image_IDs (context, ids, MAX_IMAGES);
  HeifHandle *handle = NULL;

  if (!check (heif_context_get_primary_image_ID (context, &primary), error) ||
      !gonio_frame_check (frame, (guint)MAX (n, 1), error))
    return NULL;
  wanted = primary;
  for (int i = 0, number = 1; frame > 0 && i < n; i++) {
    if (ids[i] == primary)
      continue;
    if ((guint)number++ == frame)
      wanted = ids[i];
  }
  if (!check (heif_context_get_image_handle (context, wanted, &handle), error))
    return NULL;
  *out_frames = (guint)MAX (n, 1);
  return handle;
}

static GonioExif
read_exif (const HeifHandle *handle)
{
  GonioExif exif = {.orientation = 1};
  heif_item_id id = 0;
  size_t size = 0;
  g_autofree uint8_t *data = NULL;
  guint32 skip = 0;

  if (heif_image_handle_get_list_of_metadata_block_IDs (handle, "Exif", &id, 1) < 1)
    return exif;
  size = heif_image_handle_get_metadata_size (handle, id);
  if (size < 8 || size > MAX_EXIF)
    return exif;
  data = g_malloc0 (size);
  if (heif_image_handle_get_metadata (handle, id, data).code != heif_error_Ok)
    return exif;
  /* A big-endian offset to the TIFF structure comes first. */
  skip = (guint32)data[0] << 24 | (guint32)data[1] << 16 | (guint32)data[2] << 8 | data[3];
  if (skip > size - 4)
    return exif;
  return gonio_exif_read (data + 4 + skip, size - 4 - skip);
}

static gpointer
copy_rgb (const HeifImage *image, guint width, guint height, GError **error)
{
  int stride = 0;
  const uint8_t *plane = heif_image_get_plane_readonly (image, heif_channel_interleaved, &stride);
  uint8_t *pixels = NULL;

  if (!plane || stride < (int)(width * 3)) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                         "the HEIF picture is in a form that cannot be read. Export it as JPEG");
    return NULL;
  }
  pixels = gonio_pixels_alloc (width, height, 3, error);
  for (guint y = 0; pixels && y < height; y++)
    memcpy (pixels + (size_t)y * width * 3, plane + (size_t)y * (size_t)stride, width * 3);
  return pixels;
}

static GonioImage *
load_handle (const HeifHandle *handle, guint frame, guint frames, const GonioImageLimits *limits,
             GError **error)
{
  g_autoptr (HeifOptions) options = heif_decoding_options_alloc ();
  g_autoptr (HeifImage) picture = NULL;
  int w = heif_image_handle_get_width (handle), h = heif_image_handle_get_height (handle);
  guint width = 0, height = 0;
  GonioExif exif = {.orientation = 1};
  GonioImageInfo info = {0};
  gpointer pixels = NULL;

  if (!gonio_limits_check (limits, (guint64)MAX (w, 0), (guint64)MAX (h, 0), error))
    return NULL;
  options->convert_hdr_to_8bit = 1;
  options->strict_decoding = 1;
  if (!check (heif_decode_image (handle, &picture, heif_colorspace_RGB, heif_chroma_interleaved_RGB,
                                 options),
              error))
    return NULL;
  width = (guint)MAX (heif_image_get_width (picture, heif_channel_interleaved), 0);
  height = (guint)MAX (heif_image_get_height (picture, heif_channel_interleaved), 0);
  if (!gonio_limits_check (limits, width, height, error))
    return NULL;
  pixels = copy_rgb (picture, width, height, error);
  if (!pixels)
    return NULL;
  exif = read_exif (handle);
  info = (GonioImageInfo){
      .format = g_strdup ("HEIF"),
      .frames = frames,
      .frame = frame,
      .is_photo = TRUE,
      .exif_orientation = exif.orientation,
      .focal_35mm = gonio_exif_focal (&exif, width, height),
  };
  return gonio_image_new (GONIO_PIXELS_RGB8, width, height, pixels, &info, NULL);
}

GonioImage *
gonio_heif_load (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                 GCancellable *cancellable, GError **error)
{
  g_autoptr (HeifContext) context = heif_context_alloc ();
  g_autoptr (HeifHandle) handle = NULL;
  GonioImageLimits l = gonio_limits_resolve (limits);
  size_t size = 0;
  const void *data = g_bytes_get_data (bytes, &size);
  guint frames = 1;

  heif_context_set_maximum_image_size_limit (context, (int)l.max_edge);
  if (!check (heif_context_read_from_memory_without_copy (context, data, size, NULL), error))
    return NULL;
  handle = open_frame (context, frame, &frames, error);
  if (!handle || g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  return load_handle (handle, frame, frames, limits, error);
}
