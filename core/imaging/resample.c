/* Pyramid, bilinear reads, thumbnails. Depends on base. */
#include "core/imaging/resample.h"

#include "core/imaging/load-private.h"

#include <math.h>

#define MAX_LEVELS      17 /* 65536 halves to 1 in 16 steps */
#define MAX_SUPERSAMPLE 8
#define MAX_FOLD        6 /* level pixels a destination pixel may span: fewer blur, more cost */

typedef struct {
  guint width, height;
  gconstpointer pixels;
  gpointer owned;
} Level;

struct _GonioSampler {
  GonioImage *image;
  guint channels;
  guint n_levels;
  Level level[MAX_LEVELS];
};

GonioSampler *
gonio_sampler_new (const GonioImage *image)
{
  GonioSampler *sampler = g_new0 (GonioSampler, 1);

  sampler->image = gonio_image_ref ((GonioImage *)image);
  sampler->channels = image->format == GONIO_PIXELS_GREY16 ? 1 : 3;
  sampler->n_levels = 1;
  sampler->level[0] = (Level){image->width, image->height, image->pixels, NULL};
  return sampler;
}

void
gonio_sampler_free (GonioSampler *sampler)
{
  if (!sampler)
    return;
  for (guint i = 0; i < sampler->n_levels; i++)
    g_free (sampler->level[i].owned);
  gonio_image_unref (sampler->image);
  g_free (sampler);
}

/* Mean of 2x2 pixels; at an odd border the last row or column counts twice. */
static void
halve_grey (const Level *src, Level *dst)
{
  const uint16_t *in = src->pixels;
  uint16_t *out = dst->owned;

  for (guint y = 0; y < dst->height; y++) {
    const uint16_t *a = in + (size_t)(2 * y) * src->width;
    const uint16_t *b = 2 * y + 1 < src->height ? a + src->width : a;

    for (guint x = 0; x < dst->width; x++) {
      guint l = 2 * x, r = MIN (l + 1, src->width - 1);

      *out++ = (uint16_t)(((guint)a[l] + a[r] + b[l] + b[r] + 2) >> 2);
    }
  }
}

static void
halve_rgb (const Level *src, Level *dst)
{
  const uint8_t *in = src->pixels;
  uint8_t *out = dst->owned;

  for (guint y = 0; y < dst->height; y++) {
    const uint8_t *a = in + (size_t)(2 * y) * src->width * 3;
    const uint8_t *b = 2 * y + 1 < src->height ? a + (size_t)src->width * 3 : a;

    for (guint x = 0; x < dst->width; x++) {
      guint l = 2 * x * 3, r = MIN (2 * x + 1, src->width - 1) * 3;

      for (guint c = 0; c < 3; c++)
        *out++ = (uint8_t)(((guint)a[l + c] + a[r + c] + b[l + c] + b[r + c] + 2) >> 2);
    }
  }
}

static const Level *
sampler_level (GonioSampler *sampler, guint index)
{
  while (sampler->n_levels <= index) {
    const Level *src = &sampler->level[sampler->n_levels - 1];
    Level *dst = &sampler->level[sampler->n_levels];

    dst->width = (src->width + 1) / 2;
    dst->height = (src->height + 1) / 2;
    dst->owned =
        g_malloc ((size_t)dst->width * dst->height * gonio_pixels_size (sampler->image->format));
    dst->pixels = dst->owned;
    if (sampler->channels == 1)
      halve_grey (src, dst);
    else
      halve_rgb (src, dst);
    sampler->n_levels++;
  }
  return &sampler->level[index];
}

static guint
samples_for (double step)
{
  double n = ceil (step - 0.01); /* a step of 1 and a rounding error is one sample */

  return n > 1 ? (guint)MIN (n, MAX_SUPERSAMPLE) : 1;
}

GonioFootprint
gonio_sampler_footprint (GonioSampler *sampler, double step_x, double step_y)
{
  double small = MIN (step_x, step_y), large = MAX (step_x, step_y);
  guint level = 0;

  /* The short side picks the level; a long side beyond the supersampling limit raises it. A level
   * near the destination's own size would blur as much again as the averaging itself, and the
   * networks were taught on plain averages. */
  while (level + 1 < MAX_LEVELS && (small >= MAX_FOLD || large > MAX_SUPERSAMPLE)) {
    small /= 2;
    large /= 2;
    level++;
  }
  return (GonioFootprint){
      .level = level,
      .nx = samples_for (step_x / (double)(1u << level)),
      .ny = samples_for (step_y / (double)(1u << level)),
  };
}

/* Indices of both neighbours and the weight of the second; positions outside take the border. */
static inline void
neighbours (double position, guint size, guint *out_a, guint *out_b, float *out_t)
{
  double p = position - 0.5;

  if (!(p > 0)) {
    *out_a = *out_b = 0;
    *out_t = 0;
  } else if (p >= size - 1) {
    *out_a = *out_b = size - 1;
    *out_t = 0;
  } else {
    *out_a = (guint)p;
    *out_b = *out_a + 1;
    *out_t = (float)(p - *out_a);
  }
}

static inline float
lerp (float a, float b, float t)
{
  return a + (b - a) * t;
}

static inline void
read_bilinear (const Level *level, guint channels, double x, double y, float *out)
{
  guint x0 = 0, x1 = 0, y0 = 0, y1 = 0;
  float tx = 0, ty = 0;

  neighbours (x, level->width, &x0, &x1, &tx);
  neighbours (y, level->height, &y0, &y1, &ty);
  if (channels == 1) {
    const uint16_t *a = (const uint16_t *)level->pixels + (size_t)y0 * level->width;
    const uint16_t *b = (const uint16_t *)level->pixels + (size_t)y1 * level->width;

    out[0] += lerp (lerp (a[x0], a[x1], tx), lerp (b[x0], b[x1], tx), ty);
  } else {
    const uint8_t *a = (const uint8_t *)level->pixels + (size_t)y0 * level->width * 3;
    const uint8_t *b = (const uint8_t *)level->pixels + (size_t)y1 * level->width * 3;

    for (guint c = 0; c < 3; c++)
      out[c] += lerp (lerp (a[x0 * 3 + c], a[x1 * 3 + c], tx),
                      lerp (b[x0 * 3 + c], b[x1 * 3 + c], tx), ty);
  }
}

void
gonio_sampler_read (GonioSampler *sampler, GonioFootprint footprint, double x, double y, double ax,
                    double ay, double bx, double by, float *out)
{
  const Level *level = sampler_level (sampler, footprint.level);
  double s = 1.0 / (double)(1u << footprint.level);
  guint channels = sampler->channels;

  for (guint c = 0; c < channels; c++)
    out[c] = 0;
  if (footprint.nx == 1 && footprint.ny == 1) {
    read_bilinear (level, channels, x * s, y * s, out);
    return;
  }
  for (guint j = 0; j < footprint.ny; j++) {
    double v = (j + 0.5) / footprint.ny - 0.5;

    for (guint i = 0; i < footprint.nx; i++) {
      double u = (i + 0.5) / footprint.nx - 0.5;

      read_bilinear (level, channels, (x + u * ax + v * bx) * s, (y + u * ay + v * by) * s, out);
    }
  }
  for (guint c = 0; c < channels; c++)
    out[c] /= (float)(footprint.nx * footprint.ny);
}

/* ---- thumbnail ---- */

/* Source pixels [first, last] of a destination cell and the covered shares of both. */
typedef struct {
  guint first, last;
  float first_weight, last_weight;
} Span;

static Span *
spans_new (guint src, guint dst)
{
  Span *spans = g_new (Span, dst);

  for (guint i = 0; i < dst; i++) {
    double a = (double)i * src / dst, b = (double)(i + 1) * src / dst;
    guint first = (guint)a, last = MIN ((guint)ceil (b) - 1, src - 1);

    last = MAX (first, last);
    spans[i] = (Span){
        .first = first,
        .last = last,
        .first_weight = (float)(first == last ? b - a : first + 1 - a),
        .last_weight = (float)(b - last),
    };
  }
  return spans;
}

/* Adds weight * (one source row, averaged into cells) to sums. */
static void
add_row (const float *row, guint channels, const Span *spans, guint n, float weight, float *sums)
{
  for (guint i = 0; i < n; i++) {
    const Span *s = &spans[i];

    for (guint c = 0; c < channels; c++) {
      float sum = row[s->first * channels + c] * s->first_weight;

      for (guint x = s->first + 1; x < s->last; x++)
        sum += row[x * channels + c];
      if (s->last > s->first)
        sum += row[s->last * channels + c] * s->last_weight;
      sums[i * channels + c] += sum * weight;
    }
  }
}

static void
load_row (const GonioImage *image, const float *table, guint y, float *row)
{
  if (image->format == GONIO_PIXELS_GREY16) {
    const uint16_t *p = (const uint16_t *)image->pixels + (size_t)y * image->width;

    for (guint x = 0; x < image->width; x++)
      row[x] = table[p[x]];
  } else {
    const uint8_t *p = (const uint8_t *)image->pixels + (size_t)y * image->width * 3;

    for (guint x = 0; x < image->width * 3; x++)
      row[x] = p[x];
  }
}

GonioImage *
gonio_image_thumbnail (const GonioImage *image, guint edge)
{
  guint longer = MAX (image->width, image->height);
  double scale = edge > 0 && edge < longer ? (double)edge / longer : 1.0;
  guint w = MAX (1, (guint)lround (image->width * scale));
  guint h = MAX (1, (guint)lround (image->height * scale));
  guint channels = image->format == GONIO_PIXELS_GREY16 ? 1 : 3;
  g_autofree Span *columns = spans_new (image->width, w);
  g_autofree Span *rows = spans_new (image->height, h);
  g_autofree float *table = NULL;
  g_autofree float *row = g_new (float, (size_t)image->width *channels);
  g_autofree float *sums = g_new (float, (size_t)w *channels);
  gpointer pixels = g_malloc ((size_t)w * h * gonio_pixels_size (image->format));
  float area = (float)((double)image->width / w * ((double)image->height / h));
  GonioImageInfo info = {0};

  if (channels == 1) {
    table = g_new (float, 65536);
    gonio_window_to_floats (&image->window, table);
  }
  for (guint y = 0; y < h; y++) {
    const Span *s = &rows[y];

    memset (sums, 0, (size_t)w * channels * sizeof *sums);
    for (guint sy = s->first; sy <= s->last; sy++) {
      float weight = sy == s->first ? s->first_weight : sy == s->last ? s->last_weight : 1.0f;

      load_row (image, table, sy, row);
      add_row (row, channels, columns, w, weight, sums);
    }
    for (guint i = 0; i < w * channels; i++) {
      float mean = sums[i] / area;

      if (channels == 1)
        ((uint16_t *)pixels)[(size_t)y * w + i] =
            (uint16_t)(CLAMP (mean, 0.0f, 1.0f) * 65535.0f + 0.5f);
      else
        ((uint8_t *)pixels)[(size_t)y * w * 3 + i] = (uint8_t)(CLAMP (mean, 0, 255) + 0.5f);
    }
  }
  gonio_image_info_copy (&info, &image->info);
  return gonio_image_new (image->format, w, h, pixels, &info, NULL);
}
