/* A picture with its overlay as a PNG file. Depends on overlay.h, cairo. */
#include "core/pipeline/overlay.h"
#include "core/pipeline/pipeline.h"

#include "core/base/error.h"

#include <cairo.h>
#include <math.h>

enum { LONGEST_EDGE = 2400, SHORTEST_EDGE = 900 };

static gboolean
scale_point (GonioPoint original, GonioPoint *out_device, gpointer data)
{
  double scale = *(double *)data;
  *out_device = (GonioPoint){original.x * scale, original.y * scale};
  return TRUE;
}

/* The picture at width x height, as it is displayed. */
static cairo_surface_t *
make_surface (const GonioImage *image, double scale, int width, int height, GError **error)
{
  const double m[6] = {scale, 0, 0, 0, scale, 0};
  g_autoptr (GonioTransform) shrink = gonio_transform_new_affine (m, error);
  g_autoptr (GonioImage) small =
      shrink != NULL
          ? gonio_image_transform (image, shrink, (guint)width, (guint)height, NULL, error)
          : NULL;
  if (small == NULL)
    return NULL;
  gboolean colour = gonio_image_format (small) == GONIO_PIXELS_RGB8;
  g_autofree uint8_t *grey =
      colour ? NULL : gonio_image_render_grey8 (small, gonio_image_window (small));
  const uint8_t *rgb = colour ? gonio_image_pixels (small) : NULL;
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height);
  if (cairo_surface_status (surface) != CAIRO_STATUS_SUCCESS) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                 "No memory for a picture of %d x %d pixels.", width, height);
    cairo_surface_destroy (surface);
    return NULL;
  }
  cairo_surface_flush (surface);
  size_t stride = (size_t)cairo_image_surface_get_stride (surface);
  for (int y = 0; y < height; y++) {
    uint32_t *row =
        (uint32_t *)(void *)(cairo_image_surface_get_data (surface) + (size_t)y * stride);
    for (int x = 0; x < width; x++) {
      size_t i = (size_t)y * (size_t)width + (size_t)x;
      uint32_t r = colour ? rgb[3 * i] : grey[i], g = colour ? rgb[3 * i + 1] : grey[i];
      uint32_t b = colour ? rgb[3 * i + 2] : grey[i];
      row[x] = r << 16 | g << 8 | b;
    }
  }
  cairo_surface_mark_dirty (surface);
  return surface;
}

static cairo_status_t
append (void *closure, const unsigned char *data, unsigned int length)
{
  g_byte_array_append (closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

gboolean
gonio_overlay_write_png (const GonioPipelineOutput *output, const char *path, GError **error)
{
  double w = gonio_image_width (output->original), h = gonio_image_height (output->original);
  double scale = LONGEST_EDGE / MAX (w, h);
  if (scale > 1)
    scale = MAX (1, SHORTEST_EDGE / MAX (w, h));
  int width = (int)MAX (1, round (w * scale)), height = (int)MAX (1, round (h * scale));
  cairo_surface_t *surface = make_surface (output->original, scale, width, height, error);
  if (surface == NULL)
    return FALSE;
  cairo_t *cr = cairo_create (surface);
  GonioOverlay overlay = {.protocol = output->protocol,
                          .result = output->result,
                          .to_flat = output->to_flat,
                          .map = scale_point,
                          .map_data = &scale,
                          .unit = MAX (1, MAX (width, height) / 1200.0),
                          .width = width,
                          .height = height,
                          .detail = GONIO_OVERLAY_VALUES,
                          .landmarks = TRUE};
  gonio_overlay_draw (cr, &overlay);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  cairo_status_t status = cairo_status (cr);
  cairo_destroy (cr);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_write_to_png_stream (surface, append, bytes);
  cairo_surface_destroy (surface);
  if (status != CAIRO_STATUS_SUCCESS) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_IO, "The overlay cannot be drawn: %s.",
                 cairo_status_to_string (status));
    return FALSE;
  }
  g_autoptr (GFile) file = g_file_new_for_path (path);
  return g_file_replace_contents (file, (const char *)bytes->data, bytes->len, NULL, FALSE,
                                  G_FILE_CREATE_NONE, NULL, NULL, error);
}
