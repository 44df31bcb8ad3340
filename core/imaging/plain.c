/* Picture files as plain bytes; see plain.h. */
#include "core/imaging/plain.h"

#include "core/imaging/formats.h"
#include "core/imaging/load-private.h"

#define HEAD_BYTES 4096

static const GonioImageFormat formats[] = {
    {"PNG", gonio_png_detect, gonio_png_load},       {"JPEG", gonio_jpeg_detect, gonio_jpeg_load},
    {"TIFF", gonio_tiff_detect, gonio_tiff_load},    {"WebP", gonio_webp_detect, gonio_webp_load},
    {"JPEG 2000", gonio_jp2_detect, gonio_jp2_load}, {"BMP", gonio_bmp_detect, gonio_bmp_load},
    {"PNM", gonio_pnm_detect, gonio_pnm_load},       {NULL, NULL, NULL},
};

static GonioImage *
load (GBytes *file, const GonioImageLimits *limits, GError **error)
{
  size_t size = 0;
  const uint8_t *data = g_bytes_get_data (file, &size);

  for (const GonioImageFormat *f = formats; size > 0 && f->name; f++)
    if (f->detect (data, MIN (size, HEAD_BYTES)))
      return f->load (file, 0, limits, NULL, error);
  g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_NOT_IMAGE,
                       "this is no picture file. Use PNG, JPEG, TIFF, WebP, JPEG 2000, BMP or PNM");
  return NULL;
}

static void
from_grey (const uint16_t *grey, size_t n, gboolean to_grey, uint8_t *out)
{
  for (size_t i = 0; i < n; i++) {
    uint8_t level = (uint8_t)(grey[i] >> 8);

    if (to_grey)
      out[i] = level;
    else
      out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = level;
  }
}

static void
from_rgb (const uint8_t *rgb, size_t n, gboolean to_grey, uint8_t *out)
{
  if (!to_grey) {
    memcpy (out, rgb, 3 * n);
    return;
  }
  for (size_t i = 0; i < n; i++, rgb += 3)
    out[i] = (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
}

uint8_t *
gonio_plain_decode (GBytes *file, gboolean grey, const GonioImageLimits *limits, guint *out_width,
                    guint *out_height, GError **error)
{
  GonioImageLimits resolved = gonio_limits_resolve (limits);
  g_autoptr (GonioImage) image = load (file, &resolved, error);
  uint8_t *out = NULL;

  if (!image)
    return NULL;
  out = gonio_pixels_alloc (image->width, image->height, grey ? 1 : 3, error);
  if (!out)
    return NULL;
  size_t n = (size_t)image->width * image->height;
  if (image->format == GONIO_PIXELS_GREY16)
    from_grey (image->pixels, n, grey, out);
  else
    from_rgb (image->pixels, n, grey, out);
  *out_width = image->width;
  *out_height = image->height;
  return out;
}
