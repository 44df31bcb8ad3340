/* JPEG 2000 files and codestreams as pictures: grey or RGB, each with or without transparency,
 * which is left out. Depends on base and jpeg2000.c. */
#include "core/imaging/dicom.h"
#include "core/imaging/formats.h"
#include "core/imaging/load-private.h"

gboolean
gonio_jp2_detect (const uint8_t *head, size_t size)
{
  return (size >= 12 && memcmp (head, "\0\0\0\014jP  \r\n\207\n", 12) == 0) ||
         (size >= 4 && memcmp (head, "\377\117\377\121", 4) == 0);
}

/* Samples of any precision as 8 or 16 bits; signed ones are shifted up. */
static guint
spread (guint sample, const GonioJpeg2000Info *info, guint top)
{
  guint most = (1u << info->precision) - 1;
  guint value = info->is_signed ? (sample + (most + 1) / 2) & most : sample;

  return (guint)(((guint64)value * top + most / 2) / most);
}

static gpointer
convert (const uint16_t *samples, size_t n, guint components, const GonioJpeg2000Info *info,
         gboolean grey, guint width, guint height, GError **error)
{
  gpointer pixels = gonio_pixels_alloc (width, height, grey ? 2 : 3, error);
  uint16_t *levels = pixels;
  uint8_t *rgb = pixels;

  for (size_t i = 0; pixels && i < n; i++) {
    const uint16_t *s = samples + i * components;

    if (grey)
      levels[i] = (uint16_t)spread (s[0], info, 65535);
    for (guint c = 0; !grey && c < 3; c++)
      rgb[3 * i + c] = (uint8_t)spread (s[c], info, 255);
  }
  return pixels;
}

GonioImage *
gonio_jp2_load (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                GCancellable *cancellable, GError **error)
{
  GonioImageLimits l = gonio_limits_resolve (limits);
  GonioJpeg2000Info decoded = {0};
  GonioImageInfo info = {.frames = 1};
  guint width = 0, height = 0, components = 0;
  g_autofree uint16_t *samples = NULL;
  gpointer pixels = NULL;

  if (!gonio_frame_check (frame, 1, error) ||
      !gonio_jpeg2000_size (bytes, &width, &height, &components, error) ||
      !gonio_limits_check (&l, width, height, error))
    return NULL;
  if (components < 1 || components > 4) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                 "JPEG 2000 with %u channels is no picture. Export it as PNG", components);
    return NULL;
  }
  samples = gonio_pixels_alloc (width, height, 2 * (size_t)components, error);
  if (!samples ||
      !gonio_jpeg2000_decode (bytes, width, height, components, samples, &decoded, error))
    return NULL;
  pixels = convert (samples, (size_t)width * height, components, &decoded, components < 3, width,
                    height, error);
  if (!pixels)
    return NULL;
  info.format = g_strdup ("JPEG 2000");
  return gonio_image_new (components < 3 ? GONIO_PIXELS_GREY16 : GONIO_PIXELS_RGB8, width, height,
                          pixels, &info, NULL);
}
