/* A picture at halving resolutions; see gonio-pyramid.h. */
#include "ui/viewer/gonio-pyramid.h"

#include <math.h>

#define MIN_EDGE   256
#define MAX_LEVELS 12

typedef struct {
  guint width, height;
  const uint16_t *grey; /* one of the two */
  const uint8_t *rgb;
  gpointer owned; /* NULL for level 0, whose pixels are the image's */
} Level;

struct _GonioPyramid {
  gatomicrefcount refs;
  GonioImage *image;
  Level levels[MAX_LEVELS];
  guint n_levels;
};

static void
halve_grey (const Level *from, Level *to)
{
  uint16_t *out = g_new (uint16_t, (gsize)to->width * to->height);
  for (guint y = 0; y < to->height; y++) {
    const uint16_t *r0 = from->grey + (gsize)(2 * y) * from->width;
    const uint16_t *r1 = r0 + from->width;
    uint16_t *row = out + (gsize)y * to->width;
    for (guint x = 0; x < to->width; x++)
      row[x] = (uint16_t)((r0[2 * x] + r0[2 * x + 1] + r1[2 * x] + r1[2 * x + 1] + 2) / 4);
  }
  to->grey = to->owned = out;
}

static void
halve_rgb (const Level *from, Level *to)
{
  uint8_t *out = g_new (uint8_t, (gsize)to->width * to->height * 3);
  for (guint y = 0; y < to->height; y++) {
    const uint8_t *r0 = from->rgb + (gsize)(2 * y) * from->width * 3;
    const uint8_t *r1 = r0 + (gsize)from->width * 3;
    uint8_t *row = out + (gsize)y * to->width * 3;
    for (guint x = 0; x < to->width; x++)
      for (guint c = 0; c < 3; c++)
        row[3 * x + c] =
            (uint8_t)((r0[6 * x + c] + r0[6 * x + 3 + c] + r1[6 * x + c] + r1[6 * x + 3 + c] + 2) /
                      4);
  }
  to->rgb = to->owned = out;
}

GonioPyramid *
gonio_pyramid_new (GonioImage *image)
{
  GonioPyramid *self = g_new0 (GonioPyramid, 1);
  g_atomic_ref_count_init (&self->refs);
  self->image = gonio_image_ref (image);
  Level *base = &self->levels[0];
  base->width = gonio_image_width (image);
  base->height = gonio_image_height (image);
  base->grey = gonio_image_grey16 (image);
  if (!base->grey)
    base->rgb = gonio_image_pixels (image);
  self->n_levels = 1;
  while (self->n_levels < MAX_LEVELS) {
    const Level *from = &self->levels[self->n_levels - 1];
    if (MAX (from->width, from->height) / 2 < MIN_EDGE || from->width < 2 || from->height < 2)
      break;
    Level *to = &self->levels[self->n_levels++];
    to->width = from->width / 2;
    to->height = from->height / 2;
    if (from->grey)
      halve_grey (from, to);
    else
      halve_rgb (from, to);
  }
  return self;
}

GonioPyramid *
gonio_pyramid_ref (GonioPyramid *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
gonio_pyramid_unref (GonioPyramid *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  for (guint i = 0; i < self->n_levels; i++)
    g_free (self->levels[i].owned);
  gonio_image_unref (self->image);
  g_free (self);
}

GonioImage *
gonio_pyramid_get_image (GonioPyramid *self)
{
  return self->image;
}

GdkTexture *
gonio_pyramid_render (GonioPyramid *self, guint level, guint x, guint y, guint width, guint height,
                      const uint8_t table[65536])
{
  const Level *source = &self->levels[level];
  const gsize stride = (gsize)width * 3;
  uint8_t *out = g_malloc (stride * height);
  for (guint row = 0; row < height; row++) {
    uint8_t *to = out + row * stride;
    if (source->grey) {
      const uint16_t *from = source->grey + (gsize)(y + row) * source->width + x;
      for (guint i = 0; i < width; i++)
        to[3 * i] = to[3 * i + 1] = to[3 * i + 2] = table[from[i]];
    } else {
      const uint8_t *from = source->rgb + ((gsize)(y + row) * source->width + x) * 3;
      for (guint i = 0; i < width * 3; i++)
        to[i] = table[from[i] * 257];
    }
  }
  g_autoptr (GBytes) bytes = g_bytes_new_take (out, stride * height);
  return gdk_memory_texture_new ((int)width, (int)height, GDK_MEMORY_R8G8B8, bytes, stride);
}

/* ---- a whole view ---- */

enum { WEIGHT_BITS = 8 };

/* Where the pixels along one axis of the view come from: element offsets of two neighbours and
 * the weight of the second. */
typedef struct {
  guint begin, end; /* the picture lies under these view px */
  gsize *first, *second;
  int *weight;
} Axis;

static void
axis_clear (Axis *axis)
{
  g_free (axis->first);
  g_free (axis->second);
  g_free (axis->weight);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Axis, axis_clear)

/* from, step: picture coordinate at the middle of view px 0, and from one to the next. size: of
 * the picture along the axis; pitch: elements from one level px to the next, of n. */
static void
axis_init (Axis *axis, guint view, double from, double step, double size, double scale, guint n,
           gsize pitch)
{
  axis->first = g_new (gsize, view);
  axis->second = g_new (gsize, view);
  axis->weight = g_new (int, view);
  axis->begin = view;
  for (guint i = 0; i < view; i++) {
    const double at = from + i * step;
    if (!(at >= 0 && at < size))
      continue;
    axis->begin = MIN (axis->begin, i);
    axis->end = i + 1;
    const double u = CLAMP (at / scale - 0.5, 0, n - 1);
    const guint k = MIN ((guint)u, n - 1);
    axis->first[i] = k * pitch;
    axis->second[i] = MIN (k + 1, n - 1) * pitch;
    axis->weight[i] = (int)((u - k) * (1 << WEIGHT_BITS));
  }
}

static inline int
mix (int a, int b, int weight)
{
  return a + (((b - a) * weight) >> WEIGHT_BITS);
}

static void
grey_row (const uint16_t *upper, const uint16_t *lower, int wy, const Axis *x, const uint8_t *table,
          uint8_t *out)
{
  for (guint i = x->begin; i < x->end; i++) {
    const gsize a = x->first[i], b = x->second[i];
    const int w = x->weight[i];
    const uint8_t v = table[mix (mix (upper[a], upper[b], w), mix (lower[a], lower[b], w), wy)];
    out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = v;
  }
}

static void
rgb_row (const uint8_t *upper, const uint8_t *lower, int wy, const Axis *x, const uint8_t *table,
         uint8_t *out)
{
  for (guint i = x->begin; i < x->end; i++) {
    const gsize a = x->first[i], b = x->second[i];
    const int w = x->weight[i];
    for (guint c = 0; c < 3; c++)
      out[3 * i + c] = table[257 * mix (mix (upper[a + c], upper[b + c], w),
                                        mix (lower[a + c], lower[b + c], w), wy)];
  }
}

static void
fill (uint8_t *row, guint from, guint to, guint32 color)
{
  for (guint i = from; i < to; i++) {
    row[3 * i] = (uint8_t)(color >> 16);
    row[3 * i + 1] = (uint8_t)(color >> 8);
    row[3 * i + 2] = (uint8_t)color;
  }
}

GdkTexture *
gonio_pyramid_render_view (GonioPyramid *self, const GonioViewFrame *frame, guint32 background,
                           const uint8_t table[65536])
{
  guint level = 0;
  while (level + 1 < self->n_levels && frame->zoom * (2 << level) <= 1.0)
    level++;
  const Level *source = &self->levels[level];
  const guint width = (guint)MAX (frame->width, 1), height = (guint)MAX (frame->height, 1);
  const gsize channels = source->grey ? 1 : 3;
  const gsize row = source->width * channels;

  /* Quarter turns only, so the view's axes are the picture's, perhaps swapped. */
  const gboolean upright = (frame->turns & 1) == 0;
  const GonioPoint p = gonio_view_frame_to_picture (frame, (GonioPoint){0.5, 0.5});
  const GonioPoint dx = gonio_view_frame_vector_to_picture (frame, 1, 0);
  const GonioPoint dy = gonio_view_frame_vector_to_picture (frame, 0, 1);
  const double scale = 1 << level;
  const guint w = self->levels[0].width, h = self->levels[0].height;
  g_auto (Axis) x = {0}, y = {0};
  if (upright) {
    axis_init (&x, width, p.x, dx.x, w, scale, source->width, channels);
    axis_init (&y, height, p.y, dy.y, h, scale, source->height, row);
  } else {
    axis_init (&x, width, p.y, dx.y, h, scale, source->height, row);
    axis_init (&y, height, p.x, dy.x, w, scale, source->width, channels);
  }

  /* GTK has a fast path from three bytes to its surfaces, but (4.8) none from its own format. */
  const gsize stride = (gsize)width * 3;
  uint8_t *out = g_malloc (stride * height);
  for (guint j = 0; j < height; j++) {
    uint8_t *to = out + j * stride;
    const gboolean within = j >= y.begin && j < y.end;
    fill (to, 0, within ? MIN (x.begin, width) : width, background);
    if (!within)
      continue;
    fill (to, MAX (x.begin, x.end), width, background);
    if (source->grey)
      grey_row (source->grey + y.first[j], source->grey + y.second[j], y.weight[j], &x, table, to);
    else
      rgb_row (source->rgb + y.first[j], source->rgb + y.second[j], y.weight[j], &x, table, to);
  }
  g_autoptr (GBytes) bytes = g_bytes_new_take (out, stride * height);
  return gdk_memory_texture_new ((int)width, (int)height, GDK_MEMORY_R8G8B8, bytes, stride);
}
