/* Means of bilinear reads around source points, a row of destination pixels at a time. Depends on
 * base. */
#include "core/imaging/resample.h"

#include <math.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define MAX_FOLD 6 /* level pixels a destination pixel may span: fewer blur, more cost */

/* The neighbours of one sample of every pixel in a row: the upper left one's index, and the weights
 * of the right and the lower ones. */
typedef struct {
  int32_t at[GONIO_AREA_ROW];
  float tx[GONIO_AREA_ROW], ty[GONIO_AREA_ROW];
} Sample;

typedef double Double4 __attribute__ ((vector_size (32)));
typedef float Float4 __attribute__ ((vector_size (16)));
typedef int32_t Int4 __attribute__ ((vector_size (16)));
typedef uint32_t Word4 __attribute__ ((vector_size (16)));

/* Of two grey pixels that were read as one word. */
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
#define FIRST_OF_TWO(word)  ((word)&0xffff)
#define SECOND_OF_TWO(word) ((word) >> 16)
#else
#define FIRST_OF_TWO(word)  ((word) >> 16)
#define SECOND_OF_TWO(word) ((word)&0xffff)
#endif

#define AREA(name) name
#define AREA_TARGET
#include "core/imaging/area-rows.h"
#undef AREA
#undef AREA_TARGET

#if defined(__x86_64__)
#define AREA(name)  name##_avx2
#define AREA_TARGET __attribute__ ((target ("avx2,fma")))
#include "core/imaging/area-rows.h"
#undef AREA
#undef AREA_TARGET
#endif

/* Red, green and blue as floats; the fourth byte, the next pixel's, becomes 0. */
static inline Float4
load_rgb (const uint8_t *pixel)
{
  const Int4 mask = {0xff, 0xff00, 0xff0000, 0};
  const Float4 scale = {1, 1 / 256.0f, 1 / 65536.0f, 0};
  guint32 word = 0;

  memcpy (&word, pixel, sizeof word);
  gint32 w = (gint32)GUINT32_FROM_LE (word);
  return __builtin_convertvector((Int4){w, w, w, w} & mask, Float4) * scale;
}

static void
read_rgb (const GonioLevel *level, const Sample *samples, guint count, float *out)
{
  const uint8_t *upper = level->pixels, *lower = upper + (size_t)level->width * 3;

  for (guint i = 0; i < GONIO_AREA_ROW; i++) {
    Float4 sum = {0};

    for (guint k = 0; k < count; k++) {
      const uint8_t *a = upper + (size_t)samples[k].at[i] * 3;
      const uint8_t *b = lower + (size_t)samples[k].at[i] * 3;
      Float4 a0 = load_rgb (a), a1 = load_rgb (a + 3), b0 = load_rgb (b), b1 = load_rgb (b + 3);
      Float4 up = a0 + (a1 - a0) * samples[k].tx[i], down = b0 + (b1 - b0) * samples[k].tx[i];

      sum += up + (down - up) * samples[k].ty[i];
    }
    sum *= 1 / (float)count;
    memcpy (out + 4 * (size_t)i, &sum, sizeof sum);
  }
}

#if defined(__x86_64__)
/* Both neighbours of a sample lie in one vector, and are mixed up and down first: the sum of
 * a + (b - a) t over all samples is sum (a) - sum (a t) + sum (b t). */
__attribute__ ((target ("avx2,fma"))) static void
read_rgb_avx2 (const GonioLevel *level, const Sample *samples, guint count, float *out)
{
  const __m256i three_on = _mm256_setr_epi32 (3, 4, 5, 6, 7, 7, 7, 7);
  const uint8_t *upper = level->pixels, *lower = upper + (size_t)level->width * 3;
  const __m128 share = _mm_set1_ps (1 / (float)count);

  for (guint i = 0; i < GONIO_AREA_ROW; i++) {
    __m256 sum = _mm256_setzero_ps (), shares = _mm256_setzero_ps ();

    for (guint k = 0; k < count; k++) {
      size_t at = (size_t)samples[k].at[i] * 3;
      __m256 a = _mm256_cvtepi32_ps (_mm256_cvtepu8_epi32 (_mm_loadu_si64 (upper + at)));
      __m256 b = _mm256_cvtepi32_ps (_mm256_cvtepu8_epi32 (_mm_loadu_si64 (lower + at)));
      __m256 mixed =
          _mm256_fmadd_ps (_mm256_sub_ps (b, a), _mm256_broadcast_ss (&samples[k].ty[i]), a);

      sum = _mm256_add_ps (sum, mixed);
      shares = _mm256_fmadd_ps (mixed, _mm256_broadcast_ss (&samples[k].tx[i]), shares);
    }
    sum = _mm256_add_ps (_mm256_sub_ps (sum, shares), _mm256_permutevar8x32_ps (shares, three_on));
    _mm_storeu_ps (out + 4 * (size_t)i, _mm_mul_ps (_mm256_castps256_ps128 (sum), share));
  }
}
#endif

typedef struct {
  void (*locate) (const GonioLevel *level, const double *x, const double *y, GonioPoint offset,
                  Sample *out);
  void (*read_grey) (const GonioLevel *level, const Sample *samples, guint count, float *out);
  void (*read_rgb) (const GonioLevel *level, const Sample *samples, guint count, float *out);
} Reader;

static gint plain_only; /* atomic */

void
gonio_area_set_plain (gboolean plain)
{
  g_atomic_int_set (&plain_only, plain);
}

static const Reader *
choose_reader (void)
{
  static const Reader plain = {locate, read_grey, read_rgb};
#if defined(__x86_64__)
  static const Reader avx2 = {locate_avx2, read_grey_avx2, read_rgb_avx2};

  if (!g_atomic_int_get (&plain_only) && __builtin_cpu_supports ("avx2") &&
      __builtin_cpu_supports ("fma"))
    return &avx2;
#endif
  return &plain;
}

static guint
samples_for (double step)
{
  double n = ceil (step - 0.01); /* a step of 1 and a rounding error is one sample */

  return n > 1 ? (guint)MIN (n, GONIO_AREA_SUPERSAMPLE) : 1;
}

GonioFootprint
gonio_footprint (double step_x, double step_y)
{
  double small = MIN (step_x, step_y), large = MAX (step_x, step_y);
  guint level = 0;

  /* The short side picks the level; a long side beyond the supersampling limit raises it. A level
   * near the destination's own size would blur as much again as the averaging itself, and the
   * networks were taught on plain averages. */
  while (level + 1 < GONIO_IMAGE_MAX_LEVELS &&
         (small >= MAX_FOLD || large > GONIO_AREA_SUPERSAMPLE)) {
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

void
gonio_area_init (GonioArea *area, const GonioImage *image, GonioPoint a, GonioPoint b)
{
  GonioFootprint footprint = gonio_footprint (hypot (a.x, a.y), hypot (b.x, b.y));
  double s = 1.0 / (double)(1u << footprint.level);
  guint nx = footprint.nx, ny = footprint.ny;

  area->level = gonio_image_level (image, footprint.level);
  area->grey = image->format == GONIO_PIXELS_GREY16;
  area->scale = s;
  area->count = nx * ny;
  area->reach_x = 0.5 * s * (fabs (a.x) + fabs (b.x)) + 1.5;
  area->reach_y = 0.5 * s * (fabs (a.y) + fabs (b.y)) + 1.5;
  for (guint j = 0; j < ny; j++) {
    double v = ((j + 0.5) / ny - 0.5) * s;

    for (guint i = 0; i < nx; i++) {
      double u = ((i + 0.5) / nx - 0.5) * s;

      area->offsets[j * nx + i] = (GonioPoint){u * a.x + v * b.x, u * a.y + v * b.y};
    }
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

static void
read_near_border (const GonioArea *area, double x, double y, float *out)
{
  float sum[3] = {0};

  for (guint k = 0; k < area->count; k++)
    add_near_border (&area->level, area->grey, x + area->offsets[k].x, y + area->offsets[k].y, sum);
  for (guint c = 0; c < (area->grey ? 1 : 3); c++)
    out[c] = sum[c] / (float)area->count;
}

gboolean
gonio_area_is_clear (const GonioArea *area, GonioPoint low, GonioPoint high)
{
  const GonioLevel *level = &area->level;

  return low.x * area->scale > area->reach_x && low.y * area->scale > area->reach_y &&
         high.x * area->scale < level->width - area->reach_x &&
         high.y * area->scale < level->height - area->reach_y;
}

/* x, y: level px, all clear of the border. */
static void
read_clear (const GonioArea *area, const double *x, const double *y, float *out)
{
  const Reader *reader = choose_reader ();
  Sample samples[GONIO_AREA_SUPERSAMPLE * GONIO_AREA_SUPERSAMPLE];

  for (guint k = 0; k < area->count; k++)
    reader->locate (&area->level, x, y, area->offsets[k], &samples[k]);
  (area->grey ? reader->read_grey : reader->read_rgb) (&area->level, samples, area->count, out);
}

/* Some at the border, or not inside. */
static void
read_mixed (const GonioArea *area, const double *x, const double *y, const uint8_t *inside,
            float *out)
{
  double right = area->level.width - area->reach_x, bottom = area->level.height - area->reach_y;
  double safe_x[GONIO_AREA_ROW], safe_y[GONIO_AREA_ROW];
  gboolean clear[GONIO_AREA_ROW];
  guint some = GONIO_AREA_ROW;

  for (guint i = 0; i < GONIO_AREA_ROW; i++) {
    clear[i] =
        inside[i] && x[i] > area->reach_x && y[i] > area->reach_y && x[i] < right && y[i] < bottom;
    some = clear[i] ? i : some;
  }
  if (some < GONIO_AREA_ROW) {
    for (guint i = 0; i < GONIO_AREA_ROW; i++) {
      safe_x[i] = x[clear[i] ? i : some];
      safe_y[i] = y[clear[i] ? i : some];
    }
    read_clear (area, safe_x, safe_y, out);
  }
  for (guint i = 0; i < GONIO_AREA_ROW; i++)
    if (inside[i] && !clear[i])
      read_near_border (area, x[i], y[i], out + (area->grey ? i : 4 * (size_t)i));
}

void
gonio_area_read (const GonioArea *area, const double *x, const double *y, const uint8_t *inside,
                 float *out)
{
  double level_x[GONIO_AREA_ROW], level_y[GONIO_AREA_ROW];

  for (guint i = 0; i < GONIO_AREA_ROW; i++) {
    level_x[i] = x[i] * area->scale;
    level_y[i] = y[i] * area->scale;
    if (inside && !inside[i] && !area->grey)
      memset (out + 4 * (size_t)i, 0, 4 * sizeof *out);
    else if (inside && !inside[i])
      out[i] = 0;
  }
  if (inside)
    read_mixed (area, level_x, level_y, inside, out);
  else
    read_clear (area, level_x, level_y, out);
}
