/* Pyramid and thumbnails. Depends on base. */
#include "core/imaging/resample.h"

#include "core/imaging/bands.h"

#include <math.h>

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

/* Means of whole pixels at every byte, of which every sixth begins a new pair. */
static inline __attribute__ ((always_inline)) void
halve_rgb_row (const uint8_t *a, const uint8_t *b, guint pairs, uint8_t *out)
{
  enum { CHUNK = 128 }; /* pairs */
  uint8_t mean[6 * CHUNK];

  for (guint done = 0; done < pairs; done += CHUNK) {
    guint n = MIN (CHUNK, pairs - done), bytes = 6 * n - 3;

    for (guint i = 0; i < bytes; i++)
      mean[i] = (uint8_t)((guint16)(a[i] + a[i + 3] + b[i] + b[i + 3] + 2) >> 2);
    for (guint x = 0; x + 1 < n; x++, out += 3)
      memcpy (out, mean + 6 * (size_t)x, 4); /* the fourth byte is written over */
    memcpy (out, mean + 6 * (size_t)(n - 1), 3);
    out += 3;
    a += 6 * (size_t)n;
    b += 6 * (size_t)n;
  }
}

#if defined(__x86_64__)
__attribute__ ((target ("avx2"))) static void
halve_rgb_row_avx2 (const uint8_t *a, const uint8_t *b, guint pairs, uint8_t *out)
{
  halve_rgb_row (a, b, pairs, out);
}
#endif

static void
halve_rgb (gpointer data, guint first, guint end)
{
  const Halving *h = data;
  guint pairs = h->from.width / 2;

  for (guint y = first; y < end; y++) {
    const uint8_t *a = (const uint8_t *)h->from.pixels + (size_t)(2 * y) * h->from.width * 3;
    const uint8_t *b = 2 * y + 1 < h->from.height ? a + (size_t)h->from.width * 3 : a;
    uint8_t *out = (uint8_t *)h->to.pixels + (size_t)y * h->to.width * 3;

#if defined(__x86_64__)
    if (__builtin_cpu_supports ("avx2"))
      halve_rgb_row_avx2 (a, b, pairs, out);
    else
#endif
      halve_rgb_row (a, b, pairs, out);
    a += 6 * (size_t)pairs;
    b += 6 * (size_t)pairs;
    for (guint c = 0; h->from.width % 2 && c < 3; c++)
      out[3 * (size_t)pairs + c] = (uint8_t)((2u * a[c] + 2u * b[c] + 2) >> 2);
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
