/* Matrix product block, depthwise taps, transposition. For the kernel files only. */
#pragma once

#include "backends/cpu/kernels/reduce.h"

/* mr rows by nv vectors held in registers; mr and nv are compile-time constants after
 * inlining, so the arrays become registers. */
GONIO_INLINE void
gemm_block (const GonioCpuGemmTile *tile, int mr, int nv)
{
  const size_t width = (size_t)nv * GONIO_LANES, kc = tile->kc, step = tile->row_step;
  const float *w = tile->w;
  float *const c = tile->c;
  const size_t ldc = tile->ldc;
  const size_t tail = tile->cols % GONIO_LANES; /* columns in the last vector, 0: all */
  GonioVec acc[GONIO_MR][2];

  if (tile->bias) {
#pragma GCC unroll 2
    for (int j = 0; j < nv; j++) {
      GonioVec b = vec_load (tile->bias + j * GONIO_LANES);
#pragma GCC unroll 16
      for (int i = 0; i < mr; i++)
        acc[i][j] = b;
    }
    if (tile->add)
#pragma GCC unroll 16
      for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
        for (int j = 0; j < nv; j++)
          acc[i][j] +=
              vec_load_some (tile->add + i * ldc + j * GONIO_LANES, j == nv - 1 ? tail : 0);
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
      for (int j = 0; j < nv; j++) {
        const float *p = c + i * ldc + j * GONIO_LANES;
        acc[i][j] = vec_load_some (p, j == nv - 1 ? tail : 0);
      }
  }

  const float *fetch = tile->fetch ? tile->fetch : w;
  const size_t fetch_step = tile->fetch_step;
  for (size_t t = 0; t < tile->taps; t++) {
    const float *a[GONIO_MR];
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++)
      a[i] = tile->rows[t * step + i];
    for (size_t k = 0; k < kc; k++, fetch += fetch_step) {
      GonioVec b[2];
      __builtin_prefetch (fetch, 0, 2);
#pragma GCC unroll 2
      for (int j = 0; j < nv; j++)
        b[j] = *(const GonioVec *)(w + j * GONIO_LANES);
      w += width;
#pragma GCC unroll 16
      for (int i = 0; i < mr; i++) {
        const float x = a[i][k];
#pragma GCC unroll 2
        for (int j = 0; j < nv; j++)
          acc[i][j] += x * b[j];
      }
    }
  }

  const GonioVec lo = vec_set (tile->lo), hi = vec_set (tile->hi);
#pragma GCC unroll 16
  for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
    for (int j = 0; j < nv; j++) {
      /* operand order keeps NaN */
      GonioVec y = vec_min (hi, vec_max (lo, acc[i][j]));
      float *p = c + i * ldc + j * GONIO_LANES;
      vec_store_some (p, y, j == nv - 1 ? tail : 0);
    }
}

#define GEMM_ROWS(M)                                                                               \
  static __attribute__ ((noinline)) void gemm_##M##_1 (const GonioCpuGemmTile *tile)               \
  {                                                                                                \
    gemm_block (tile, M, 1);                                                                       \
  }                                                                                                \
  static __attribute__ ((noinline)) void gemm_##M##_2 (const GonioCpuGemmTile *tile)               \
  {                                                                                                \
    gemm_block (tile, M, 2);                                                                       \
  }
#if GONIO_MR == 14
#define GEMM_EACH(X)                                                                               \
  X (1) X (2) X (3) X (4) X (5) X (6) X (7) X (8) X (9) X (10) X (11) X (12) X (13) X (14)
#else
#define GEMM_EACH(X) X (1) X (2) X (3) X (4) X (5) X (6)
#endif
GEMM_EACH (GEMM_ROWS)

static void
gemm (const GonioCpuGemmTile *tile)
{
#define GEMM_ENTRY(M) {gemm_##M##_1, gemm_##M##_2},
  static void (*const blocks[GONIO_MR][2]) (const GonioCpuGemmTile *) = {GEMM_EACH (GEMM_ENTRY)};
#undef GEMM_ENTRY
  blocks[tile->mr - 1][tile->cols > GONIO_LANES](tile);
}

/* Pixels that share one pass over the channels: their lines stay in the first-level cache. */
#define GONIO_PIXELS 16

/* One vector of channels (part of one when part is not 0) over count pixels from first on, for a
 * kernel of constant size: weights and addresses are read once and stay in registers. */
GONIO_INLINE void
depthwise_small (const GonioCpuDepthwise *d, size_t ky, size_t kx, size_t c, size_t part,
                 size_t first, size_t count)
{
  const GonioVec lo = vec_set (d->lo), hi = vec_set (d->hi);
  const GonioVec bias = vec_load_some (d->bias + c, part);
  const size_t tap = d->tap_step, pixel = d->pixel_step, channels = d->channels;
  const float *in[5];
  GonioVec w[25];
#pragma GCC unroll 5
  for (size_t j = 0; j < ky; j++) {
    in[j] = d->lines[j] + first * pixel + c;
#pragma GCC unroll 5
    for (size_t i = 0; i < kx; i++)
      w[j * kx + i] = vec_load_some (d->w + j * d->w_line + i * channels + c, part);
  }
  float *y = d->y + first * channels + c;
  for (size_t p = 0; p < count; p++, y += channels) {
    GonioVec acc = bias;
#pragma GCC unroll 5
    for (size_t j = 0; j < ky; j++) {
#pragma GCC unroll 5
      for (size_t i = 0; i < kx; i++)
        acc += vec_load_some (in[j] + i * tap, part) * w[j * kx + i];
      in[j] += pixel;
    }
    vec_store_some (y, vec_min (hi, vec_max (lo, acc)), part);
  }
}

/* A line of the kernel over four pixels, which read each weight once. */
GONIO_INLINE void
depthwise_line (const float *in, size_t pixel, size_t tap, const float *w, size_t channels,
                size_t kx, size_t part, GonioVec acc[4])
{
  for (size_t i = 0; i < kx; i++, in += tap, w += channels) {
    const GonioVec weight = vec_load_some (w, part);
#pragma GCC unroll 4
    for (size_t p = 0; p < 4; p++)
      acc[p] += vec_load_some (in + p * pixel, part) * weight;
  }
}

/* The same for five taps as far apart as pixels: what one sees the next one does, too. */
GONIO_INLINE void
depthwise_line_5 (const float *in, size_t pixel, const float *w, size_t channels, size_t part,
                  GonioVec acc[4])
{
  GonioVec x[8];
#pragma GCC unroll 8
  for (size_t i = 0; i < 8; i++)
    x[i] = vec_load_some (in + i * pixel, part);
#pragma GCC unroll 5
  for (size_t i = 0; i < 5; i++) {
    const GonioVec weight = vec_load_some (w + i * channels, part);
#pragma GCC unroll 4
    for (size_t p = 0; p < 4; p++)
      acc[p] += x[i + p] * weight;
  }
}

/* Four pixels, for kernels whose weights do not fit the registers. kx: 5 for depthwise_line_5(). */
GONIO_INLINE void
depthwise_four (const GonioCpuDepthwise *d, size_t kx, size_t c, size_t part, size_t first)
{
  const GonioVec lo = vec_set (d->lo), hi = vec_set (d->hi);
  const GonioVec bias = vec_load_some (d->bias + c, part);
  const size_t pixel = d->pixel_step;
  GonioVec acc[4] = {bias, bias, bias, bias};
  for (size_t j = 0; j < d->ky; j++) {
    const float *in = d->lines[j] + first * pixel + c, *w = d->w + j * d->w_line + c;
    if (kx == 5)
      depthwise_line_5 (in, pixel, w, d->channels, part, acc);
    else
      depthwise_line (in, pixel, d->tap_step, w, d->channels, d->kx, part, acc);
  }
#pragma GCC unroll 4
  for (size_t p = 0; p < 4; p++)
    vec_store_some (d->y + (first + p) * d->channels + c, vec_min (hi, vec_max (lo, acc[p])), part);
}

GONIO_INLINE void
depthwise_one (const GonioCpuDepthwise *d, size_t c, size_t part, size_t p)
{
  const GonioVec lo = vec_set (d->lo), hi = vec_set (d->hi);
  GonioVec acc = vec_load_some (d->bias + c, part);
  for (size_t j = 0; j < d->ky; j++) {
    const float *in = d->lines[j] + p * d->pixel_step + c;
    const float *w = d->w + j * d->w_line + c;
    for (size_t i = 0; i < d->kx; i++)
      acc += vec_load_some (in + i * d->tap_step, part) * vec_load_some (w + i * d->channels, part);
  }
  vec_store_some (d->y + p * d->channels + c, vec_min (hi, vec_max (lo, acc)), part);
}

/* Any size; kx as above. */
GONIO_INLINE void
depthwise_any (const GonioCpuDepthwise *d, size_t kx, size_t c, size_t part, size_t first,
               size_t count)
{
  size_t p = first, end = first + count;
  for (; p + 4 <= end; p += 4)
    depthwise_four (d, kx, c, part, p);
  for (; p < end; p++)
    depthwise_one (d, c, part, p);
}

GONIO_INLINE void
depthwise_channels (const GonioCpuDepthwise *d, size_t ky, size_t kx, size_t c, size_t part,
                    size_t first, size_t count)
{
  if (ky)
    depthwise_small (d, ky, kx, c, part, first, count);
  else
    depthwise_any (d, kx, c, part, first, count);
}

/* ky, kx: constants, or ky 0 for any size and kx as depthwise_four() takes it. */
GONIO_INLINE void
depthwise_sized (const GonioCpuDepthwise *d, size_t ky, size_t kx)
{
  for (size_t first = 0; first < d->pixels; first += GONIO_PIXELS) {
    size_t count = MIN (GONIO_PIXELS, d->pixels - first), c = 0;
    for (; c + GONIO_LANES <= d->channels; c += GONIO_LANES)
      depthwise_channels (d, ky, kx, c, 0, first, count);
    if (c < d->channels)
      depthwise_channels (d, ky, kx, c, d->channels - c, first, count);
  }
}

static void
depthwise (const GonioCpuDepthwise *d)
{
  if (d->ky == 3 && d->kx == 3)
    depthwise_sized (d, 3, 3);
#if GONIO_LANES == 16
  else if (d->ky == 5 && d->kx == 5)
    depthwise_sized (d, 5, 5);
#else
  else if (d->kx == 5 && d->tap_step == d->pixel_step)
    depthwise_sized (d, 0, 5);
#endif
  else
    depthwise_sized (d, 0, 0);
}

typedef float GonioVec8 __attribute__ ((vector_size (32), may_alias));
typedef float GonioVec8U __attribute__ ((vector_size (32), aligned (4), may_alias));

/* Interleave low and high halves of pairs at distance 4, 2, 1: three rounds turn an 8x8 block. */
GONIO_INLINE void
transpose_8x8 (const float *src, size_t lds, float *dst, size_t ldd)
{
  GonioVec8 a[8], b[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
    a[i] = *(const GonioVec8U *)(src + i * lds);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    b[i] = __builtin_shufflevector (a[i], a[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    b[i + 1] = __builtin_shufflevector (a[i], a[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
#pragma GCC unroll 8
  for (int g = 0; g < 8; g += 4)
#pragma GCC unroll 2
    for (int i = g; i < g + 2; i++) {
      a[i] = __builtin_shufflevector (b[i], b[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      a[i + 2] = __builtin_shufflevector (b[i], b[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    *(GonioVec8U *)(dst + i * ldd) =
        __builtin_shufflevector (a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    *(GonioVec8U *)(dst + (i + 4) * ldd) =
        __builtin_shufflevector (a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

static void
transpose (const float *src, size_t lds, float *dst, size_t ldd, size_t rows, size_t cols)
{
  size_t r = 0;
  for (; r + 8 <= rows; r += 8) {
    size_t c = 0;
    for (; c + 8 <= cols; c += 8)
      transpose_8x8 (src + r * lds + c, lds, dst + c * ldd + r, ldd);
    for (; c < cols; c++)
      for (size_t i = 0; i < 8; i++)
        memcpy (dst + c * ldd + r + i, src + (r + i) * lds + c, sizeof (float));
  }
  for (size_t c = 0; c < cols; c++)
    for (size_t i = r; i < rows; i++)
      memcpy (dst + c * ldd + i, src + i * lds + c, sizeof (float));
}
