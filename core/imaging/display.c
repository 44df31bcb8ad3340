/* From modality values to display levels: VOI window or LUT, then inversion. Formulas from
 * DICOM PS3.3 C.11.2 (VOI LUT module) and C.11.6 (presentation LUT). Depends on base.
 */
#include "core/imaging/load-private.h"

#include <float.h>
#include <math.h>

/* Histogram over pixels (RGB as luma); 65536 bins. Padding is left out unless nothing is left. */
static guint64
histogram (const GonioImage *image, guint *bins)
{
  size_t n = (size_t)image->width * image->height;
  guint64 total = n;

  memset (bins, 0, 65536 * sizeof *bins);
  if (image->format == GONIO_PIXELS_GREY16) {
    const uint16_t *p = image->pixels;

    for (size_t i = 0; i < n; i++)
      bins[p[i]]++;
  } else {
    const uint8_t *p = image->pixels;

    for (size_t i = 0; i < n; i++, p += 3)
      bins[gonio_luma16 (p)]++;
  }
  if (image->has_padding) {
    guint64 padded = 0;

    for (guint v = image->pad_low; v <= image->pad_high; v++)
      padded += bins[v];
    if (padded < total) {
      memset (bins + image->pad_low, 0, (image->pad_high - image->pad_low + 1u) * sizeof *bins);
      total -= padded;
    }
  }
  return total;
}

void
gonio_image_percentiles (const GonioImage *image, double low, double high, guint *out_low,
                         guint *out_high)
{
  g_autofree guint *bins = g_new (guint, 65536);
  guint64 total = histogram (image, bins);
  /* Ranks of the first and last picture element that count. */
  guint64 rank_low = (guint64)floor (low * (double)(total - 1));
  guint64 rank_high = (guint64)ceil (high * (double)(total - 1));
  guint64 seen = 0;
  guint lo = 0, hi = 65535;
  gboolean have_low = FALSE;

  for (guint v = 0; v < 65536; v++) {
    seen += bins[v];
    if (!have_low && seen > rank_low) {
      lo = v;
      have_low = TRUE;
    }
    if (seen > rank_high) {
      hi = v;
      break;
    }
  }
  *out_low = lo;
  *out_high = MAX (lo, hi);
}

GonioWindow
gonio_window_for_bits (guint bits, guint k)
{
  double values = (double)(1u << bits);

  return (GonioWindow){
      .kind = GONIO_VOI_LINEAR,
      .center = values / 2,
      .width = values,
      .scale = 1.0 / k,
  };
}

GonioWindow
gonio_window_between (guint lo, guint hi, double scale, double offset)
{
  double a = lo * scale + offset, b = MAX (hi, lo + 1) * scale + offset;

  return (GonioWindow){
      .kind = GONIO_VOI_LINEAR_EXACT,
      .center = (a + b) / 2,
      .width = fabs (b - a),
      .scale = scale,
      .offset = offset,
  };
}

GonioWindow
gonio_window_full_range (const GonioImage *image, double scale, double offset)
{
  guint lo = 0, hi = 0;

  gonio_image_percentiles (image, 0, 1, &lo, &hi);
  return gonio_window_between (lo, hi, scale, offset);
}

void
gonio_image_set_grey_window (GonioImage *image, guint bits)
{
  GonioWindow window = gonio_window_for_bits (bits, bits == 8 ? 257 : 1);

  if (bits > 8) {
    guint lo = 0, hi = 0;

    gonio_image_percentiles (image, 0, 1, &lo, &hi);
    if (hi < 0x8000)
      window = gonio_window_between (0, hi, 1, 0);
  }
  gonio_image_set_window (image, &window);
}

GonioWindow
gonio_image_auto_window (const GonioImage *image)
{
  const GonioWindow *own = &image->window;
  guint lo = 0, hi = 0;
  GonioWindow window;

  gonio_image_percentiles (image, 0.005, 0.995, &lo, &hi);
  window = gonio_window_between (lo, hi, own->scale != 0 ? own->scale : 1.0, own->offset);
  window.invert = own->invert;
  return window;
}

/* ---- tables ---- */

/* C.11.2.1.2.1; width < 1 is not allowed there and is read as 1. */
static double
voi_linear (double x, double center, double width)
{
  double w = MAX (width, 1.0), c = center - 0.5;

  if (x <= c - (w - 1) / 2)
    return 0;
  if (x > c + (w - 1) / 2)
    return 1;
  return (x - c) / (w - 1) + 0.5;
}

/* C.11.2.1.3.2 */
static double
voi_linear_exact (double x, double center, double width)
{
  double w = MAX (width, DBL_MIN);

  if (x <= center - w / 2)
    return 0;
  if (x > center + w / 2)
    return 1;
  return (x - center) / w + 0.5;
}

/* C.11.2.1.3.1 */
static double
voi_sigmoid (double x, double center, double width)
{
  return 1.0 / (1.0 + exp (-4.0 * (x - center) / MAX (width, DBL_MIN)));
}

/* C.11.2.1.1: values before the first entry take it, values after the last take the last. */
static double
voi_lut (const GonioWindow *window, double x)
{
  double index = floor (x - window->lut_first + 0.5);

  if (!window->lut || window->lut_size == 0)
    return 0;
  if (!(index > 0))
    return window->lut[0] / 65535.0;
  if (index >= window->lut_size)
    return window->lut[window->lut_size - 1] / 65535.0;
  return window->lut[(guint)index] / 65535.0;
}

/* One loop for each kind, which compilers turn into vectors. */
#define FILL(level)                                                                                \
  for (guint p = 0; p < 65536; p++) {                                                              \
    double x = p * scale + offset, y = level;                                                      \
    y = CLAMP (y, 0.0, 1.0);                                                                       \
    out_table[p] = (float)(invert ? 1.0 - y : y);                                                  \
  }

void
gonio_window_to_floats (const GonioWindow *window, float *out_table)
{
  const double scale = window->scale, offset = window->offset;
  const double center = window->center, width = window->width;
  const gboolean invert = window->invert;

  switch (window->kind) {
  case GONIO_VOI_LINEAR:
    FILL (voi_linear (x, center, width));
    break;
  case GONIO_VOI_LINEAR_EXACT:
    FILL (voi_linear_exact (x, center, width));
    break;
  case GONIO_VOI_SIGMOID:
    FILL (voi_sigmoid (x, center, width));
    break;
  case GONIO_VOI_LUT:
    FILL (voi_lut (window, x));
    break;
  }
}
#undef FILL

static gboolean
same_window (const GonioWindow *a, const GonioWindow *b)
{
  return a->kind == b->kind && a->center == b->center && a->width == b->width &&
         a->scale == b->scale && a->offset == b->offset && a->invert == b->invert &&
         a->lut == b->lut && a->lut_size == b->lut_size && a->lut_first == b->lut_first;
}

float *
gonio_image_levels (const GonioImage *image, const GonioWindow *window)
{
  GonioImage *owner = (GonioImage *)image; /* the table is a cache */
  const GonioWindow *w = window ? window : &image->window;
  float *table = NULL;

  g_mutex_lock (&owner->cache_lock);
  /* A LUT's address says what is in it only while the image holds it. */
  if (!owner->table || !same_window (w, &owner->table_window) || w->kind == GONIO_VOI_LUT) {
    g_clear_pointer (&owner->table, g_atomic_rc_box_release);
    owner->table = g_atomic_rc_box_alloc (65536 * sizeof *table);
    gonio_window_to_floats (w, owner->table);
    owner->table_window = *w;
  }
  table = g_atomic_rc_box_acquire (owner->table);
  g_mutex_unlock (&owner->cache_lock);
  return table;
}

void
gonio_window_to_table (const GonioWindow *window, uint8_t out_table[65536])
{
  g_autofree float *levels = g_new (float, 65536);

  gonio_window_to_floats (window, levels);
  for (guint p = 0; p < 65536; p++)
    out_table[p] = (uint8_t)(levels[p] * 255.0f + 0.5f);
}

gboolean
gonio_window_is_useful (const GonioImage *image, const GonioWindow *window)
{
  g_autofree float *levels = NULL;
  float lowest = 1, highest = 0;
  guint lo = 0, hi = 0;

  gonio_image_percentiles (image, 0.01, 0.99, &lo, &hi);
  if (lo == hi)
    return TRUE; /* an even picture looks even in every window */
  levels = g_new (float, 65536);
  gonio_window_to_floats (window, levels);
  for (guint p = lo; p <= hi; p++) {
    lowest = MIN (lowest, levels[p]);
    highest = MAX (highest, levels[p]);
  }
  return highest - lowest > 1.0f / 64;
}

uint8_t *
gonio_image_render_grey8 (const GonioImage *image, const GonioWindow *window)
{
  size_t n = (size_t)image->width * image->height;
  g_autofree uint8_t *table = g_new (uint8_t, 65536);
  uint8_t *out = g_malloc (n);

  gonio_window_to_table (window ? window : &image->window, table);
  if (image->format == GONIO_PIXELS_GREY16) {
    const uint16_t *p = image->pixels;

    for (size_t i = 0; i < n; i++)
      out[i] = table[p[i]];
  } else {
    const uint8_t *p = image->pixels;

    for (size_t i = 0; i < n; i++, p += 3)
      out[i] = table[gonio_luma16 (p)];
  }
  return out;
}
