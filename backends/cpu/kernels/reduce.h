/* Folds, statistics and row mixtures. For the kernel files only. */
#pragma once

#include "backends/cpu/kernels/elementwise.h"

/* Floats are summed in blocks of this many, blocks in double. */
#define GONIO_SUM_BLOCK 2048
#define GONIO_SIMD_SUM  _Pragma ("omp simd reduction(+ : sum)")

#define FOLD_SUM(NAME, EXPR)                                                                       \
  static double fold_##NAME (const float *xs, size_t n)                                            \
  {                                                                                                \
    double total = 0;                                                                              \
    for (size_t start = 0; start < n; start += GONIO_SUM_BLOCK) {                                  \
      size_t count = MIN (n - start, GONIO_SUM_BLOCK);                                             \
      const float *block = xs + start;                                                             \
      float sum = 0;                                                                               \
      GONIO_SIMD_SUM                                                                               \
      for (size_t i = 0; i < count; i++) {                                                         \
        const float x = block[i];                                                                  \
        sum += (EXPR);                                                                             \
      }                                                                                            \
      total += sum;                                                                                \
    }                                                                                              \
    return total;                                                                                  \
  }
#define FOLD_INTO(NAME, EXPR)                                                                      \
  static void fold_into_##NAME (float *acc, const float *xs, size_t n)                             \
  {                                                                                                \
    GONIO_SIMD                                                                                     \
    for (size_t i = 0; i < n; i++) {                                                               \
      const float x = xs[i], a = acc[i];                                                           \
      acc[i] = (EXPR);                                                                             \
    }                                                                                              \
  }

FOLD_SUM (SUM, x)
FOLD_SUM (SUM_ABS, __builtin_fabsf (x))
FOLD_SUM (SUM_SQUARE, x *x)
FOLD_INTO (SUM, a + x)
FOLD_INTO (SUM_ABS, a + __builtin_fabsf (x))
FOLD_INTO (SUM_SQUARE, a + x * x)
FOLD_INTO (PROD, a *x)
FOLD_INTO (MAX, x > a ? x : a)
FOLD_INTO (MIN, x < a ? x : a)

static double
fold_PROD (const float *xs, size_t n)
{
  double total = 1;
  for (size_t i = 0; i < n; i++)
    total *= xs[i];
  return total;
}

/* In vectors by hand: compilers refuse to reorder comparisons that may meet NaN. */
#define FOLD_EXTREME(NAME, START, VEC, BETTER)                                                     \
  static double fold_##NAME (const float *xs, size_t n)                                            \
  {                                                                                                \
    GonioVec acc[2] = {vec_set (START), vec_set (START)};                                          \
    size_t i = 0;                                                                                  \
    for (; i + 2 * GONIO_LANES <= n; i += 2 * GONIO_LANES) {                                       \
      acc[0] = VEC (vec_load (xs + i), acc[0]);                                                    \
      acc[1] = VEC (vec_load (xs + i + GONIO_LANES), acc[1]);                                      \
    }                                                                                              \
    acc[0] = VEC (acc[0], acc[1]);                                                                 \
    float best = START;                                                                            \
    for (int lane = 0; lane < GONIO_LANES; lane++)                                                 \
      best = acc[0][lane] BETTER best ? acc[0][lane] : best;                                       \
    for (; i < n; i++)                                                                             \
      best = xs[i] BETTER best ? xs[i] : best;                                                     \
    return best;                                                                                   \
  }
FOLD_EXTREME (MAX, -INFINITY, vec_max, >)
FOLD_EXTREME (MIN, INFINITY, vec_min, <)

static double
sum_square_diff (const float *xs, size_t n, float mean)
{
  double total = 0;
  for (size_t start = 0; start < n; start += GONIO_SUM_BLOCK) {
    size_t count = MIN (n - start, GONIO_SUM_BLOCK);
    const float *block = xs + start;
    float sum = 0;
    GONIO_SIMD_SUM
    for (size_t i = 0; i < count; i++) {
      const float d = block[i] - mean;
      sum += d * d;
    }
    total += sum;
  }
  return total;
}

static double
exp_sum (const float *xs, float *ys, size_t n, float shift)
{
  double total = 0;
  for (size_t start = 0; start < n; start += GONIO_SUM_BLOCK) {
    size_t count = MIN (n - start, GONIO_SUM_BLOCK);
    const float *in = xs + start;
    float *out = ys + start;
    float sum = 0;
    GONIO_SIMD_SUM
    for (size_t i = 0; i < count; i++) {
      const float e = m_exp (in[i] - shift);
      out[i] = e;
      sum += e;
    }
    total += sum;
  }
  return total;
}

static void
normalize (const float *xs, float *ys, size_t n, float mean, float scale, const float *gain,
           const float *bias)
{
  if (gain && bias) {
    GONIO_SIMD
    for (size_t i = 0; i < n; i++)
      ys[i] = (xs[i] - mean) * scale * gain[i] + bias[i];
  } else {
    GONIO_SIMD
    for (size_t i = 0; i < n; i++)
      ys[i] = (xs[i] - mean) * scale;
    if (gain)
      binary_MUL (ys, 1, gain, 1, ys, n);
    if (bias)
      binary_ADD (ys, 1, bias, 1, ys, n);
  }
}

static void
scale_shift (const float *xs, float *ys, size_t n, const float *gain, const float *bias)
{
  GONIO_SIMD
  for (size_t i = 0; i < n; i++)
    ys[i] = xs[i] * gain[i] + bias[i];
}

static void
square_diff_into (float *acc, const float *xs, const float *mean, size_t n)
{
  GONIO_SIMD
  for (size_t i = 0; i < n; i++) {
    const float d = xs[i] - mean[i];
    acc[i] += d * d;
  }
}

/* count vectors from element i on, the last one of `part` elements when that is not 0. */
GONIO_INLINE void
mix_block (const float *const *rows, const float *w, size_t taps, float *y, size_t i, int count,
           size_t part)
{
  GonioVec acc[4];
#pragma GCC unroll 4
  for (int v = 0; v < count; v++)
    acc[v] = vec_load_some (rows[0] + i + v * GONIO_LANES, part) * w[0];
  for (size_t t = 1; t < taps; t++)
#pragma GCC unroll 4
    for (int v = 0; v < count; v++)
      acc[v] += vec_load_some (rows[t] + i + v * GONIO_LANES, part) * w[t];
#pragma GCC unroll 4
  for (int v = 0; v < count; v++)
    vec_store_some (y + i + v * GONIO_LANES, acc[v], part);
}

static void
mix (const float *const *rows, const float *w, size_t taps, float *y, size_t n)
{
  size_t i = 0;
  for (; i + 4 * GONIO_LANES <= n; i += 4 * GONIO_LANES)
    mix_block (rows, w, taps, y, i, 4, 0);
  for (; i + GONIO_LANES <= n; i += GONIO_LANES)
    mix_block (rows, w, taps, y, i, 1, 0);
  if (i < n)
    mix_block (rows, w, taps, y, i, 1, n - i);
}

GONIO_INLINE void
max_block (const float *const *rows, size_t taps, float *y, size_t i, int count, size_t part)
{
  GonioVec acc[4];
#pragma GCC unroll 4
  for (int v = 0; v < count; v++)
    acc[v] = vec_load_some (rows[0] + i + v * GONIO_LANES, part);
  for (size_t t = 1; t < taps; t++)
#pragma GCC unroll 4
    for (int v = 0; v < count; v++)
      acc[v] = vec_max (vec_load_some (rows[t] + i + v * GONIO_LANES, part), acc[v]);
#pragma GCC unroll 4
  for (int v = 0; v < count; v++)
    vec_store_some (y + i + v * GONIO_LANES, acc[v], part);
}

static void
max_rows (const float *const *rows, size_t taps, float *y, size_t n)
{
  size_t i = 0;
  for (; i + 4 * GONIO_LANES <= n; i += 4 * GONIO_LANES)
    max_block (rows, taps, y, i, 4, 0);
  for (; i + GONIO_LANES <= n; i += GONIO_LANES)
    max_block (rows, taps, y, i, 1, 0);
  if (i < n)
    max_block (rows, taps, y, i, 1, n - i);
}
