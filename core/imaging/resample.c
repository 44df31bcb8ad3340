/* Pyramid, bilinear reads, thumbnails. Depends on base. */
#include "core/imaging/resample.h"

#include "core/imaging/bands.h"

#include <math.h>

#define MAX_SUPERSAMPLE 8
#define MAX_FOLD        6 /* level pixels a destination pixel may span: fewer blur, more cost */

/* ---- pyramid ---- */

typedef struct {
  GonioPixels format;
  GonioLevel from, to;
} Halving;

/* Mean of 2x2 pixels; at an odd border the last row or column counts twice. */
static void
halve_grey (gpointer data, guint first, guint end)
{
  const Halving *h = data;
  guint pairs = h->from.width / 2;

  for (guint y = first; y < end; y++) {
    const uint16_t *a = (const uint16_t *)h->from.pixels + (size_t)(2 * y) * h->from.width;
    const uint16_t *b = 2 * y + 1 < h->from.height ? a + h->from.width : a;
    uint16_t *out = (uint16_t *)h->to.pixels + (size_t)y * h->to.width;

    for (guint x = 0; x < pairs; x++)
      out[x] = (uint16_t)(((guint)a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) >> 2);
    if (h->from.width % 2)
      out[pairs] = (uint16_t)((2u * a[2 * pairs] + 2u * b[2 * pairs] + 2) >> 2);
  }
}

static void
halve_rgb (gpointer data, guint first, guint end)
{
  const Halving *h = data;
  guint pairs = h->from.width / 2;

  for (guint y = first; y < end; y++) {
    const uint8_t *a = (const uint8_t *)h->from.pixels + (size_t)(2 * y) * h->from.width * 3;
    const uint8_t *b = 2 * y + 1 < h->from.height ? a + (size_t)h->from.width * 3 : a;
    uint8_t *out = (uint8_t *)h->to.pixels + (size_t)y * h->to.width * 3;

    for (guint x = 0; x < pairs; x++, a += 6, b += 6, out += 3)
      for (guint c = 0; c < 3; c++)
        out[c] = (uint8_t)(((guint)a[c] + a[c + 3] + b[c] + b[c + 3] + 2) >> 2);
    for (guint c = 0; h->from.width % 2 && c < 3; c++)
      out[c] = (uint8_t)((2u * a[c] + 2u * b[c] + 2) >> 2);
  }
}

static GonioLevel
halve (const GonioImage *image, GonioLevel from)
{
  Halving h = {image->format, from, {(from.width + 1) / 2, (from.height + 1) / 2, NULL}};

  h.to.pixels = g_malloc ((size_t)h.to.width * h.to.height * gonio_pixels_size (image->format));
  gonio_bands_run (h.to.height, 1, (guint64)from.width * from.height / 4,
                   image->format == GONIO_PIXELS_GREY16 ? halve_grey : halve_rgb, &h);
  return h.to;
}

GonioLevel
gonio_image_level (const GonioImage *image, guint index)
{
  GonioImage *owner = (GonioImage *)image; /* the halved copies are a cache */
  GonioLevel level = {image->width, image->height, image->pixels};

  if (index == 0)
    return level;
  g_mutex_lock (&owner->cache_lock);
  while (owner->n_halved < index) {
    GonioLevel last = owner->n_halved > 0 ? owner->halved[owner->n_halved - 1] : level;

    owner->halved[owner->n_halved] = halve (image, last);
    owner->n_halved++;
  }
  level = owner->halved[index - 1];
  g_mutex_unlock (&owner->cache_lock);
  return level;
}

/* ---- one destination pixel ---- */

static guint
samples_for (double step)
{
  double n = ceil (step - 0.01); /* a step of 1 and a rounding error is one sample */

  return n > 1 ? (guint)MIN (n, MAX_SUPERSAMPLE) : 1;
}

GonioFootprint
gonio_footprint (double step_x, double step_y)
{
  double small = MIN (step_x, step_y), large = MAX (step_x, step_y);
  guint level = 0;

  /* The short side picks the level; a long side beyond the supersampling limit raises it. A level
   * near the destination's own size would blur as much again as the averaging itself, and the
   * networks were taught on plain averages. */
  while (level + 1 < GONIO_IMAGE_MAX_LEVELS && (small >= MAX_FOLD || large > MAX_SUPERSAMPLE)) {
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

void
gonio_neighbours (double position, guint size, guint *out_a, guint *out_b, float *out_t)
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

/* Adds the bilinear sample at a level's (x, y), which may lie at its border or outside. */
static void
add_near_border (const GonioLevel *level, gboolean grey, double x, double y, float *sum)
{
  guint x0 = 0, x1 = 0, y0 = 0, y1 = 0;
  float tx = 0, ty = 0;

  gonio_neighbours (x, level->width, &x0, &x1, &tx);
  gonio_neighbours (y, level->height, &y0, &y1, &ty);
  if (grey) {
    const uint16_t *a = (const uint16_t *)level->pixels + (size_t)y0 * level->width;
    const uint16_t *b = (const uint16_t *)level->pixels + (size_t)y1 * level->width;

    sum[0] += lerp (lerp (a[x0], a[x1], tx), lerp (b[x0], b[x1], tx), ty);
  } else {
    const uint8_t *a = (const uint8_t *)level->pixels + (size_t)y0 * level->width * 3;
    const uint8_t *b = (const uint8_t *)level->pixels + (size_t)y1 * level->width * 3;

    for (guint c = 0; c < 3; c++)
      sum[c] += lerp (lerp (a[x0 * 3 + c], a[x1 * 3 + c], tx),
                      lerp (b[x0 * 3 + c], b[x1 * 3 + c], tx), ty);
  }
}

typedef float Vec __attribute__ ((vector_size (16)));
typedef int32_t VecInt __attribute__ ((vector_size (16)));

/* Red, green and blue as floats; the fourth byte, the next pixel's, becomes 0. */
static inline Vec
load_rgb (const uint8_t *pixel)
{
  const VecInt mask = {0xff, 0xff00, 0xff0000, 0};
  const Vec scale = {1, 1 / 256.0f, 1 / 65536.0f, 0};
  guint32 word = 0;

  memcpy (&word, pixel, sizeof word);
  gint32 w = (gint32)GUINT32_FROM_LE (word);
  return __builtin_convertvector((VecInt){w, w, w, w} & mask, Vec) * scale;
}

/* The bilinear sample at a level's (x, y), at least a pixel and a half away from its border. */
static inline Vec
rgb_inside (const GonioLevel *level, double x, double y)
{
  int ix = (int)(x - 0.5), iy = (int)(y - 0.5);
  float tx = (float)(x - 0.5 - ix), ty = (float)(y - 0.5 - iy);
  const uint8_t *a = (const uint8_t *)level->pixels + ((size_t)iy * level->width + (size_t)ix) * 3;
  const uint8_t *b = a + (size_t)level->width * 3;
  Vec a0 = load_rgb (a), a1 = load_rgb (a + 3), b0 = load_rgb (b), b1 = load_rgb (b + 3);
  Vec up = a0 + (a1 - a0) * tx, down = b0 + (b1 - b0) * tx;

  return up + (down - up) * ty;
}

static inline float
grey_inside (const GonioLevel *level, double x, double y)
{
  int ix = (int)(x - 0.5), iy = (int)(y - 0.5);
  float tx = (float)(x - 0.5 - ix), ty = (float)(y - 0.5 - iy);
  const uint16_t *a = (const uint16_t *)level->pixels + (size_t)iy * level->width + (size_t)ix;
  const uint16_t *b = a + level->width;

  return lerp (lerp (a[0], a[1], tx), lerp (b[0], b[1], tx), ty);
}

void
gonio_area_init (GonioArea *area, const GonioImage *image, GonioPoint a, GonioPoint b)
{
  GonioFootprint footprint = gonio_footprint (hypot (a.x, a.y), hypot (b.x, b.y));
  double s = 1.0 / (double)(1u << footprint.level);

  *area = (GonioArea){.image = image,
                      .level = gonio_image_level (image, footprint.level),
                      .footprint = footprint,
                      .scale = s,
                      .ax = a.x * s,
                      .ay = a.y * s,
                      .bx = b.x * s,
                      .by = b.y * s};
}

/* Samples of a destination pixel relative to its centre, level px; returns how many. */
static guint
sample_offsets (const GonioArea *area, GonioPoint out[MAX_SUPERSAMPLE * MAX_SUPERSAMPLE])
{
  guint nx = area->footprint.nx, ny = area->footprint.ny;

  for (guint j = 0; j < ny; j++) {
    double v = (j + 0.5) / ny - 0.5;

    for (guint i = 0; i < nx; i++) {
      double u = (i + 0.5) / nx - 0.5;

      out[j * nx + i] = (GonioPoint){u * area->ax + v * area->bx, u * area->ay + v * area->by};
    }
  }
  return nx * ny;
}

void
gonio_area_read (const GonioArea *area, const GonioPoint *points, const uint8_t *inside, guint n,
                 float *out)
{
  GonioPoint offset[MAX_SUPERSAMPLE * MAX_SUPERSAMPLE];
  const GonioLevel *level = &area->level;
  guint count = sample_offsets (area, offset);
  gboolean grey = area->image->format == GONIO_PIXELS_GREY16;
  double rx = 0.5 * (fabs (area->ax) + fabs (area->bx)) + 1.5;
  double ry = 0.5 * (fabs (area->ay) + fabs (area->by)) + 1.5;
  double right = level->width - rx, bottom = level->height - ry;

  for (guint i = 0; i < n; i++) {
    double x = points[i].x * area->scale, y = points[i].y * area->scale;
    Vec sum = {0};

    if (!inside[i])
      continue;
    if (!(x > rx && y > ry && x < right && y < bottom)) {
      float mean[4] = {0};

      for (guint k = 0; k < count; k++)
        add_near_border (level, grey, x + offset[k].x, y + offset[k].y, mean);
      memcpy (&sum, mean, sizeof sum);
    } else if (grey) {
      for (guint k = 0; k < count; k++)
        sum[0] += grey_inside (level, x + offset[k].x, y + offset[k].y);
    } else {
      for (guint k = 0; k < count; k++)
        sum += rgb_inside (level, x + offset[k].x, y + offset[k].y);
    }
    if (grey) {
      out[i] = sum[0] / (float)count;
    } else {
      sum /= (float)count;
      memcpy (out + 4 * (size_t)i, &sum, sizeof sum);
    }
  }
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
