/* WebP by libwebp: still pictures, lossy and lossless, as RGB8. Depends on base and libwebp. */
#include "core/imaging/formats.h"
#include "core/imaging/load-private.h"

#include <webp/decode.h>

gboolean
gonio_webp_detect (const uint8_t *head, size_t size)
{
  return size >= 12 && memcmp (head, "RIFF", 4) == 0 && memcmp (head + 8, "WEBP", 4) == 0;
}

GonioImage *
gonio_webp_load (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                 GCancellable *cancellable, GError **error)
{
  size_t size = 0;
  const uint8_t *data = g_bytes_get_data (bytes, &size);
  GonioImageLimits l = gonio_limits_resolve (limits);
  WebPBitstreamFeatures features = {0};
  GonioImageInfo info = {.frames = 1};
  uint8_t *pixels = NULL;
  size_t stride = 0;

  if (!gonio_frame_check (frame, 1, error))
    return NULL;
  if (WebPGetFeatures (data, size, &features) != VP8_STATUS_OK) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the WebP header is damaged. Copy the file again");
    return NULL;
  }
  if (features.has_animation) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                         "moving WebP pictures are not read. Export a single picture");
    return NULL;
  }
  if (!gonio_limits_check (&l, (guint64)features.width, (guint64)features.height, error))
    return NULL;
  pixels = gonio_pixels_alloc ((guint64)features.width, (guint64)features.height, 3, error);
  if (!pixels)
    return NULL;
  stride = (size_t)features.width * 3;
  if (!WebPDecodeRGBInto (data, size, pixels, stride * (size_t)features.height, (int)stride)) {
    g_free (pixels);
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the WebP data are damaged or cut short. Copy the file again");
    return NULL;
  }
  info.format = g_strdup ("WebP");
  return gonio_image_new (GONIO_PIXELS_RGB8, (guint)features.width, (guint)features.height, pixels,
                          &info, NULL);
}
