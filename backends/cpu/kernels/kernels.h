/* The inner loops, built once per instruction set and chosen when the backend is created.
 * All are single-threaded, free of state and read nothing beyond the ranges given, except
 * where a tail is asked for. Depends on GLib only. */
#pragma once

#include "backends/cpu/kernels/parts.h"

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* y[i] = f (x[i]); x and y may be the same. p: up to two parameters, per kernel. */
#define GONIO_CPU_UNARY_LIST(X)                                                                    \
  X (ABS)                                                                                          \
  X (ACOS)                                                                                         \
  X (ACOSH)                                                                                        \
  X (ASIN) X (ASINH) X (ATAN) X (ATANH) X (AFFINE) /* p0 x + p1 */                                 \
      X (CEIL) X (CELU) /* alpha */ X (CLIP) /* min, max */ X (COS) X (COSH)                       \
          X (ELU) /* alpha */ X (ERF) X (EXP) X (FLOOR) X (GELU) X (GELU_TANH)                     \
              X (HARD_SIGMOID) /* alpha, beta */ X (HARD_SWISH) X (LEAKY_RELU) /* alpha */ X (LOG) \
                  X (MISH) X (NEG) X (RECIPROCAL) X (RELU) X (ROUND) X (SELU) /* alpha, gamma */   \
      X (SHRINK) /* bias, lambda */ X (SIGMOID) X (SIGN) X (SIN) X (SINH) X (SOFTPLUS)             \
          X (SOFTSIGN) X (SQRT) X (SQUARE) X (SWISH) /* alpha */ X (TAN) X (TANH)                  \
              X (THRESHOLDED_RELU) /* alpha */
typedef enum {
#define X(NAME) GONIO_CPU_UNARY_##NAME,
  GONIO_CPU_UNARY_LIST (X)
#undef X
      GONIO_CPU_UNARY_COUNT
} GonioCpuUnary;
typedef void (*GonioCpuUnaryFunc) (const float *x, float *y, size_t n, const float *p);

/* y[i] = f (a[i * step_a], b[i * step_b]); steps are 0 or 1; y may be a or b. */
#define GONIO_CPU_BINARY_LIST(X) X (ADD) X (SUB) X (MUL) X (DIV) X (MAX) X (MIN) X (POW) X (PRELU)
typedef enum {
#define X(NAME) GONIO_CPU_BINARY_##NAME,
  GONIO_CPU_BINARY_LIST (X)
#undef X
      GONIO_CPU_BINARY_COUNT
} GonioCpuBinary;
typedef void (*GonioCpuBinaryFunc) (const float *a, size_t step_a, const float *b, size_t step_b,
                                    float *y, size_t n);

/* The same with a truth value (0 or 1) as the result. */
#define GONIO_CPU_COMPARE_LIST(X)                                                                  \
  X (EQUAL) X (GREATER) X (GREATER_OR_EQUAL) X (LESS) X (LESS_OR_EQUAL)
typedef enum {
#define X(NAME) GONIO_CPU_COMPARE_##NAME,
  GONIO_CPU_COMPARE_LIST (X)
#undef X
      GONIO_CPU_COMPARE_COUNT
} GonioCpuCompare;
typedef void (*GonioCpuCompareFunc) (const float *a, size_t step_a, const float *b, size_t step_b,
                                     uint8_t *y, size_t n);

/* Fold of a contiguous run into one number. Sums run in double over blocks of floats. */
#define GONIO_CPU_FOLD_LIST(X) X (SUM) X (SUM_ABS) X (SUM_SQUARE) X (PROD) X (MAX) X (MIN)
typedef enum {
#define X(NAME) GONIO_CPU_FOLD_##NAME,
  GONIO_CPU_FOLD_LIST (X)
#undef X
      GONIO_CPU_FOLD_COUNT
} GonioCpuFold;
typedef double (*GonioCpuFoldFunc) (const float *x, size_t n);
/* The same, element by element: acc[i] = fold (acc[i], x[i]). */
typedef void (*GonioCpuFoldIntoFunc) (float *acc, const float *x, size_t n);

/* A block of a matrix product: mr rows of A, given by address, times one panel of packed B.
 *   c[i][j] = clamp (start + sum over t, k of rows[t * row_step + i][k] * w[(t * kc + k) * width +
 * j]) width is cols rounded up to whole vectors, at most nr. */
typedef struct {
  const float *const *rows; /* taps * row_step addresses of kc floats each */
  size_t row_step;
  size_t taps;
  size_t kc;
  const float *w;    /* 64-byte aligned */
  const float *bias; /* width floats to start from; NULL: start from c */
  const float *add;  /* what bias is added to, as c lies; nullable, only with bias */
  float *c;
  size_t ldc; /* floats from row to row of c and add */
  /* Brought near meanwhile, fetch_step floats for every row of w; nullable. Reading what lies far
   * away takes longer than multiplying a few rows by it. */
  const float *fetch;
  size_t fetch_step;
  guint mr;   /* 1..GonioCpuKernels.mr */
  guint cols; /* 1..GonioCpuKernels.nr, columns of c that are written */
  float lo, hi;
} GonioCpuGemmTile;

/* A run of output pixels of a depthwise convolution, channels side by side.
 *   y[p][c] = clamp (bias[c] + sum over j, i of
 *                    lines[j][p * pixel_step + i * tap_step + c] * w[j * w_line + i * channels +
 * c]) for p < pixels, j < ky, i < kx, c < channels. */
typedef struct {
  const float *const *lines;
  size_t ky, kx;
  size_t tap_step, pixel_step, w_line; /* floats */
  const float *w, *bias;
  float *y;
  size_t channels, pixels;
  float lo, hi;
} GonioCpuDepthwise;

/* Winograd's F(m x m, 3 x 3): tiles of m x m outputs from (m + 2) x (m + 2) inputs, one product
 * for each of the (m + 2)^2 positions of a tile. */

/* One tile of the input: channels floats per pixel, rounded up to whole vectors in out. */
typedef struct {
  const float *in;      /* the tile's first pixel, which may lie outside the image */
  int64_t line, pixel;  /* floats from one to the next */
  int first[2], end[2]; /* the lines (0) and pixels (1) of the tile that exist; others are zero */
  size_t channels;
  float *out;      /* aligned to vectors */
  size_t position; /* floats from one position to the next, whole vectors */
} GonioCpuWinogradIn;

/* out[row][j] = sum over i of inputs_at[row * pitch + i] * weights[i * width + j] */
typedef struct {
  const float *inputs_at;
  size_t pitch, rows, inputs;
  const float *weights; /* aligned to vectors */
  size_t width;         /* one or two vectors */
  float *out;           /* aligned to vectors */
  size_t ldc;           /* floats from row to row of out, whole vectors */
  const float *fetch;   /* brought near meanwhile: as much as weights; may lie anywhere */
  size_t fetch_step;    /* set by the kernel */
} GonioCpuWinogradProduct;

/* One tile of the output: out = clamp (transformed products + bias + add) */
typedef struct {
  const float *products; /* aligned to vectors */
  size_t position;
  size_t channels;
  const float *bias; /* whole vectors */
  const float *add;  /* nullable */
  float *out;
  int64_t add_line, add_pixel, line, pixel;
  int rows, cols; /* the lines and pixels of the tile that exist, 1..m */
  float lo, hi;
} GonioCpuWinogradOut;

/* Weights of up to nr output channels, by way of double: out[p * position + i * width + j] from the
 * nine floats at weights[j * step + i * 9]. */
typedef struct {
  const float *weights;
  size_t step, inputs, count;
  float *out;
  size_t position; /* floats from one position to the next */
  size_t width;    /* count rounded up to whole vectors; those beyond it become zero */
} GonioCpuWinogradWeights;

typedef struct {
  int m;
  void (*in) (const GonioCpuWinogradIn *work);
  void (*product) (const GonioCpuWinogradProduct *work);
  void (*out) (const GonioCpuWinogradOut *work);
  void (*weights) (const GonioCpuWinogradWeights *work);
} GonioCpuWinograd;

typedef struct {
  const char *name; /* "AVX-512", "AVX2", "AVX", "baseline" */
  guint lanes;      /* floats per vector */
  guint mr, nr;     /* largest block of gemm */

  GonioCpuUnaryFunc unary[GONIO_CPU_UNARY_COUNT];
  GonioCpuBinaryFunc binary[GONIO_CPU_BINARY_COUNT];
  GonioCpuCompareFunc compare[GONIO_CPU_COMPARE_COUNT];
  GonioCpuFoldFunc fold[GONIO_CPU_FOLD_COUNT];
  GonioCpuFoldIntoFunc fold_into[GONIO_CPU_FOLD_COUNT];

  void (*gemm) (const GonioCpuGemmTile *tile);

  /* sum of (x[i] - mean)^2 */
  double (*sum_square_diff) (const float *x, size_t n, float mean);
  /* y[i] = exp (x[i] - shift), the sum is returned; y may be x. */
  double (*exp_sum) (const float *x, float *y, size_t n, float shift);
  /* y[i] = (x[i] - mean) * scale * gain[i] + bias[i]; gain, bias nullable; y may be x. */
  void (*normalize) (const float *x, float *y, size_t n, float mean, float scale, const float *gain,
                     const float *bias);
  /* y[i] = x[i] * gain[i] + bias[i] */
  void (*scale_shift) (const float *x, float *y, size_t n, const float *gain, const float *bias);
  /* acc[i] += (x[i] - mean[i])^2 */
  void (*square_diff_into) (float *acc, const float *x, const float *mean, size_t n);

  /* y[i] = sum over t of rows[t][i] * w[t] */
  void (*mix) (const float *const *rows, const float *w, size_t taps, float *y, size_t n);
  /* y[i] = max over t of rows[t][i]; taps >= 1 */
  void (*max_rows) (const float *const *rows, size_t taps, float *y, size_t n);
  void (*depthwise) (const GonioCpuDepthwise *work);
  GonioCpuWinograd winograd[2]; /* m = 2, 4 */

  /* dst[c * ldd + r] = src[r * lds + c] for r < rows, c < cols; 4-byte elements. */
  void (*transpose) (const float *src, size_t lds, float *dst, size_t ldd, size_t rows,
                     size_t cols);

  const GonioCpuParts *parts; /* NULL without a matrix unit */
} GonioCpuKernels;

extern const GonioCpuKernels gonio_cpu_kernels_base;
#if defined(__x86_64__)
extern const GonioCpuKernels gonio_cpu_kernels_avx;
extern const GonioCpuKernels gonio_cpu_kernels_avx2;
extern const GonioCpuKernels gonio_cpu_kernels_avx512;
#endif

/* The widest set this processor can run. The environment variable GONIO_CPU_KERNELS picks another,
 * for tests: baseline, avx, avx2, avx512 (without the matrix unit), amx (the matrix unit for
 * products of any size). */
const GonioCpuKernels *gonio_cpu_kernels_select (void);

G_END_DECLS
