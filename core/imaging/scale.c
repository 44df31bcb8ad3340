/* Resampling through transforms that only scale, mirror and move. What a destination pixel
 * averages is a product of columns and rows, so source rows are summed first, once for a whole
 * row of the destination, and only sums are read column by column. Depends on base.
 */
#include "core/imaging/bands.h"
#include "core/imaging/resample.h"

#include <math.h>

#define STEP     8    /* destination rows of a band, at least */
#define STRAIGHT 1e-6 /* destination px that a source edge may lean over its length */

/* Where the pixels along one axis of the destination come from: count samples each. */
typedef struct {
  guint count;
  uint8_t *inside;
  guint *first;    /* of both neighbours, level px */
  float *t;        /* weight of the second */
  guint low, high; /* neighbours in use: low..high */
} Axis;

static void
axis_clear (Axis *axis)
{
  g_free (axis->inside);
  g_free (axis->first);
  g_free (axis->t);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Axis, axis_clear)

/* position: source px of the destination pixel i's centre: start + step * i. */
static void
axis_init (Axis *axis, guint n, double start, double step, guint source, guint level_size,
           double scale, guint count)
{
  *axis = (Axis){.count = count,
                 .inside = g_new (uint8_t, n),
                 .first = g_new (guint, (size_t)n * count),
                 .t = g_new (float, (size_t)n *count),
                 .low = level_size - 1};
  for (guint i = 0; i < n; i++) {
    double p = start + step * i;

    axis->inside[i] = p >= 0 && p <= source;
    for (guint k = 0; axis->inside[i] && k < count; k++) {
      size_t at = (size_t)i * count + k;
      guint second = 0;
      double u = (k + 0.5) / count - 0.5;

      gonio_neighbours ((p + u * step) * scale, level_size, &axis->first[at], &second,
                        &axis->t[at]);
      axis->low = MIN (axis->low, axis->first[at]);
      axis->high = MAX (axis->high, second);
    }
  }
}

typedef struct {
  const GonioImage *image;
  GonioLevel level;
  guint width;
  Axis x, y;
  GonioStore store;
  gpointer out;
  GCancellable *cancellable;
} Scaling;

static inline void
add_row_grey (const uint16_t *a, const uint16_t *b, float t, size_t n, float *sums)
{
  for (size_t i = 0; i < n; i++)
    sums[i] += (float)a[i] + ((float)b[i] - (float)a[i]) * t;
}

static inline void
add_row_rgb (const uint8_t *a, const uint8_t *b, float t, size_t n, float *sums)
{
  for (size_t i = 0; i < n; i++)
    sums[i] += (float)a[i] + ((float)b[i] - (float)a[i]) * t;
}

/* Sums of the samples of destination row j over the source columns low..high, and the last of them
 * once more. */
static void
sum_rows (const Scaling *s, guint j, float *sums)
{
  guint channels = s->image->format == GONIO_PIXELS_GREY16 ? 1 : 3;
  size_t n = (size_t)(s->x.high - s->x.low + 1) * channels, width = s->level.width;

  memset (sums, 0, n * sizeof *sums);
  for (guint k = 0; k < s->y.count; k++) {
    size_t at = (size_t)j * s->y.count + k, row = s->y.first[at];
    size_t next = MIN (row + 1, s->level.height - 1u);

    if (channels == 1) {
      const uint16_t *p = (const uint16_t *)s->level.pixels + s->x.low;

      add_row_grey (p + row * width, p + next * width, s->y.t[at], n, sums);
    } else {
      const uint8_t *p = (const uint8_t *)s->level.pixels + (size_t)s->x.low * 3;

      add_row_rgb (p + row * width * 3, p + next * width * 3, s->y.t[at], n, sums);
    }
  }
  memcpy (sums + n, sums + n - channels, channels * sizeof *sums);
}

static void
read_columns_grey (const Scaling *s, const float *sums, float *values)
{
  const guint *first = s->x.first;
  const float *t = s->x.t;
  guint count = s->x.count;
  float samples = (float)(count * s->y.count);

  for (guint i = 0; i < s->width; i++, first += count, t += count) {
    float sum = 0;

    if (!s->x.inside[i])
      continue;
    for (guint k = 0; k < count; k++) {
      const float *p = sums + (first[k] - s->x.low);

      sum += p[0] + (p[1] - p[0]) * t[k];
    }
    values[i] = sum / samples;
  }
}

static void
read_columns_rgb (const Scaling *s, const float *sums, float *values)
{
  const guint *first = s->x.first;
  const float *t = s->x.t;
  guint count = s->x.count;
  float samples = (float)(count * s->y.count);

  for (guint i = 0; i < s->width; i++, first += count, t += count) {
    float sum[3] = {0};

    if (!s->x.inside[i])
      continue;
    for (guint k = 0; k < count; k++) {
      const float *p = sums + (size_t)(first[k] - s->x.low) * 3;

      for (guint c = 0; c < 3; c++)
        sum[c] += p[c] + (p[c + 3] - p[c]) * t[k];
    }
    for (guint c = 0; c < 3; c++)
      values[4 * (size_t)i + c] = sum[c] / samples;
  }
}

static void
scale_band (gpointer data, guint first, guint end)
{
  const Scaling *s = data;
  gboolean grey = s->image->format == GONIO_PIXELS_GREY16;
  size_t columns = s->x.high >= s->x.low ? s->x.high - s->x.low + 1 : 0;
  g_autofree float *sums = g_new (float, (columns + 1) * (grey ? 1 : 3));
  g_autofree float *values = g_new0 (float, (size_t)s->width *gonio_values_stride (s->image));
  g_autofree uint8_t *nowhere = g_new0 (uint8_t, s->width);

  for (guint j = first; j < end; j++) {
    gboolean inside = s->y.inside[j] && columns > 0;

    if (g_cancellable_is_cancelled (s->cancellable))
      return;
    if (inside) {
      sum_rows (s, j, sums);
      (grey ? read_columns_grey : read_columns_rgb) (s, sums, values);
    }
    s->store (s->out, (size_t)j * s->width, s->width, values, inside ? s->x.inside : nowhere);
  }
}

gboolean
gonio_resample_scaled (const GonioImage *image, const GonioTransform *t, guint width, guint height,
                       GonioStore store, gpointer out, GCancellable *cancellable)
{
  double m[6] = {0};
  GonioPoint start = {0, 0};

  if (!gonio_transform_as_affine (t, m) || !(fabs (m[1]) * image->height < STRAIGHT) ||
      !(fabs (m[3]) * image->width < STRAIGHT) ||
      !gonio_transform_inverse (t, (GonioPoint){0.5, 0.5}, &start))
    return FALSE;
  double step_x = 1 / m[0], step_y = 1 / m[4];
  if (!isfinite (step_x) || !isfinite (step_y))
    return FALSE;
  GonioFootprint f = gonio_footprint (fabs (step_x), fabs (step_y));
  double scale = 1.0 / (double)(1u << f.level);
  g_auto (Axis) x = {0}, y = {0};
  GonioLevel level = gonio_image_level (image, f.level);

  axis_init (&x, width, start.x, step_x, image->width, level.width, scale, f.nx);
  axis_init (&y, height, start.y, step_y, image->height, level.height, scale, f.ny);
  Scaling s = {.image = image,
               .level = level,
               .width = width,
               .x = x,
               .y = y,
               .store = store,
               .out = out,
               .cancellable = cancellable};
  guint64 columns = x.high >= x.low ? x.high - x.low + 1 : 0;
  guint64 cost = (columns * f.ny / 4 + (guint64)width * f.nx) * height / 2;
  gonio_bands_run (height, STEP, cost, scale_band, &s);
  return TRUE;
}
