/* From a picture to a network's input. Depends on models/store.h. */
#include "core/models/store.h"

#include "core/base/times.h"

#include <math.h>
#include <string.h>

/* ---- frames ---- */

GonioTransform *
gonio_model_frame_whole (const GonioManifest *m, double width, double height, GError **error)
{
  double w = m->input.width, h = m->input.height;
  double sx = w / width, sy = h / height;
  if (m->input.resize == GONIO_RESIZE_LETTERBOX)
    sx = sy = MIN (sx, sy);
  else if (m->input.resize == GONIO_RESIZE_CROP)
    sx = sy = MAX (sx, sy);
  const double a[6] = {sx, 0, 0.5 * (w - sx * width), 0, sy, 0.5 * (h - sy * height)};
  return gonio_transform_new_affine (a, error);
}

GonioTransform *
gonio_model_frame_square (const GonioManifest *m, GonioPoint center, double side, double degrees,
                          gboolean mirrored, GError **error)
{
  double w = m->input.width, h = m->input.height, s = MIN (w, h) / side;
  /* The square is turned clockwise on the picture, so the picture turns back in the input. */
  double c = s * cos (degrees * G_PI / 180), n = s * sin (degrees * G_PI / 180);
  double f = mirrored ? -1 : 1;
  const double a[6] = {f * c, f * n, 0.5 * w - f * (c * center.x + n * center.y),
                       -n,    c,     0.5 * h + n * center.x - c * center.y};
  return gonio_transform_new_affine (a, error);
}

GonioTransform *
gonio_model_frame_turned (const GonioManifest *m, double width, double height, int quarter_turns,
                          GError **error)
{
  GonioPoint center = {0.5 * width, 0.5 * height};
  return quarter_turns == 0 ? gonio_model_frame_whole (m, width, height, error)
                            : gonio_model_frame_square (m, center, MAX (width, height),
                                                        90.0 * quarter_turns, FALSE, error);
}

/* ---- samples that are kept ---- */

enum { MAX_KEPT = 12 }; /* four turns of networks with three sizes of input */

typedef struct {
  const GonioImage *image;
  const GonioWindow *window;
  guint width, height;
  double frame[6];
  float *plane; /* NAN outside the picture */
} Kept;

struct _GonioSampleCache {
  GArray *kept;
};

static void
kept_clear (gpointer data)
{
  g_free (((Kept *)data)->plane);
}

GonioSampleCache *
gonio_sample_cache_new (void)
{
  GonioSampleCache *cache = g_new0 (GonioSampleCache, 1);
  cache->kept = g_array_new (FALSE, FALSE, sizeof (Kept));
  g_array_set_clear_func (cache->kept, kept_clear);
  return cache;
}

void
gonio_sample_cache_free (GonioSampleCache *cache)
{
  if (cache == NULL)
    return;
  g_array_unref (cache->kept);
  g_free (cache);
}

/* The plane of that look, sampled once; NULL when it cannot be kept or sampled. */
static const float *
kept_plane (const GonioModelInput *in, const GonioModelLook *look, const GonioTransform *frame)
{
  Kept row = {
      .image = look->image, .window = look->window, .width = in->width, .height = in->height};
  if (look->cache == NULL || !gonio_transform_as_affine (frame, row.frame))
    return NULL;
  GArray *kept = look->cache->kept;
  for (guint i = 0; i < kept->len; i++) {
    const Kept *k = &g_array_index (kept, Kept, i);
    if (k->image == row.image && k->window == row.window && k->width == row.width &&
        k->height == row.height && memcmp (k->frame, row.frame, sizeof row.frame) == 0)
      return k->plane;
  }
  if (kept->len >= MAX_KEPT)
    return NULL;
  row.plane = g_new (float, (size_t)in->width * in->height);
  if (!gonio_image_sample_float (look->image, look->window, frame, in->width, in->height, NAN,
                                 row.plane, NULL)) {
    g_free (row.plane);
    return NULL;
  }
  g_array_append_val (kept, row);
  return row.plane;
}

/* One plane 0..1; outside the picture: fill. */
static gboolean
sample_grey (const GonioModelInput *in, const GonioModelLook *look, const GonioTransform *frame,
             float fill, float *out, GError **error)
{
  const float *plane = kept_plane (in, look, frame);
  if (plane == NULL)
    return gonio_image_sample_float (look->image, look->window, frame, in->width, in->height, fill,
                                     out, error);
  size_t n = (size_t)in->width * in->height;
  for (size_t i = 0; i < n; i++)
    out[i] = isnan (plane[i]) ? fill : plane[i];
  return TRUE;
}

/* Three planes 0..1 of an RGB picture, black outside. */
static gboolean
sample_colour (const GonioModelInput *in, const GonioImage *image, const GonioTransform *frame,
               float *out, GError **error)
{
  g_autoptr (GonioImage) small =
      gonio_image_transform (image, frame, in->width, in->height, NULL, error);
  if (small == NULL)
    return FALSE;
  const uint8_t *pixels = gonio_image_pixels (small);
  size_t plane = (size_t)in->width * in->height;
  for (size_t i = 0; i < plane; i++)
    for (size_t c = 0; c < 3; c++)
      out[c * plane + i] = pixels[3 * i + c] / 255.0f;
  return TRUE;
}

static GonioTensor *
make_input (const GonioManifest *m, const GonioModelLook *look, const GonioTransform *frame,
            GError **error)
{
  const GonioModelInput *in = &m->input;
  const GonioShape shape = GONIO_SHAPE (1, in->channels, in->height, in->width);
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, error);
  if (tensor == NULL)
    return NULL;
  float *data = gonio_tensor_writable_data (tensor);
  double span = in->range[1] - in->range[0];
  double pad = (in->pad - in->range[0]) / span;
  gboolean invert = look->invert != (in->polarity == GONIO_POLARITY_BONE_BLACK);
  gboolean colour = in->channels == 3 && pad == 0 && !invert &&
                    gonio_image_format (look->image) == GONIO_PIXELS_RGB8;
  if (colour ? !sample_colour (in, look->image, frame, data, error)
             : !sample_grey (in, look, frame, (float)(invert ? 1 - pad : pad), data, error))
    return NULL;
  size_t plane = (size_t)in->width * in->height;
  for (guint c = in->channels; c-- > 0;) {
    double scale = span / in->std[c], offset = (in->range[0] - in->mean[c]) / in->std[c];
    const float *source = colour ? data + c * plane : data;
    if (!invert && scale == 1 && offset == 0 && source == data + c * plane)
      continue;
    for (size_t i = 0; i < plane; i++) {
      double v = invert ? 1 - source[i] : source[i];
      data[c * plane + i] = (float)(v * scale + offset);
    }
  }
  return g_steal_pointer (&tensor);
}

GonioTensor *
gonio_model_make_input (const GonioManifest *m, const GonioModelLook *look,
                        const GonioTransform *frame, GError **error)
{
  gint64 start = gonio_times_start ();
  GonioTensor *input = make_input (m, look, frame, error);
  gonio_times_add ("input", start);
  return input;
}
