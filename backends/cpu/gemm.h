/* Blocked, threaded matrix products with a packed right side; convolutions are products whose
 * rows of A are given by address. Depends on lower.
 *
 * Why not XNNPACK's: the 2022 library that distributions ship reaches 60 % of the AVX-512 peak
 * in its f32 GEMM and convolution; the kernels here reach 85 %, hold no state between runs and
 * take every fused activation. README.md has the figures.
 */
#pragma once

#include "backends/cpu/lower.h"

G_BEGIN_DECLS

/* The right side: taps * kc rows of n columns, in panels of kernels->nr columns; the last one is
 * rounded up to whole vectors. */
size_t gonio_cpu_packed_floats (const GonioCpuKernels *kernels, size_t taps, size_t kc, size_t n);
/* Columns rounded up to whole vectors: what a bias must have. */
size_t gonio_cpu_padded_columns (const GonioCpuKernels *kernels, size_t n);

/* Where the right side comes from: element (t, k, j) is source[t * st + k * sk + j * sj] * scale.
 */
typedef struct {
  size_t taps, kc, n;
  int64_t st, sk, sj;
  float scale;
  size_t fold; /* for parts: row k is row k % fold, k / fold times sf further on; 0: none */
  int64_t sf;
} GonioCpuPack;
/* On the calling thread (compile time). */
void gonio_cpu_pack (const GonioCpuKernels *kernels, const GonioCpuPack *pack, const float *source,
                     float *packed);
/* On all threads, `count` matrices one after the other; offsets in floats. */
void gonio_cpu_pack_run (const GonioCpuRun *run, const GonioCpuPack *pack, const float *source,
                         const int64_t *source_offsets, size_t count, float *packed);

/* What is done to a result before it is left: clamped, then sent through a function. */
typedef struct {
  float lo, hi;
  gboolean has_after; /* an activation beyond a clamp */
  GonioCpuUnary after;
  float p[2];
} GonioCpuActivation;

/* From the activation fused into a node. */
GonioCpuActivation gonio_cpu_activation (const GonioNode *node);

typedef struct _GonioCpuPartsForm GonioCpuPartsForm;
typedef struct _GonioCpuGemm GonioCpuGemm;

/* How c lies when it is not one matrix: rows in lines, columns in groups. */
typedef struct {
  size_t rows, line_step; /* of a line, and floats from line to line */
  size_t columns;         /* of a group, in whole panels */
  const int64_t *offsets; /* of each group, in floats */
} GonioCpuScatter;

struct _GonioCpuGemm {
  size_t m, n, taps, kc;
  size_t first; /* row to begin with; not for parts */
  size_t batch; /* independent products */
  /* Points a, packed, bias and c of the copy it is given to product `index`. NULL with batch 1. */
  void (*select) (GonioCpuGemm *product, size_t index);
  /* Addresses of rows first..first+count-1 for taps tap..tap+taps-1: row i of tap t goes to
   * out[t * step + i]. */
  void (*rows) (const GonioCpuGemm *product, size_t first, size_t count, size_t tap, size_t taps,
                size_t step, const float **out);
  /* Instead of rows, when kc is small and taps lie side by side: addresses of whole runs of taps,
   * that of run t of row i going to out[t * step + i]. What lies nowhere is written into room,
   * which has taps * kc floats (at most GONIO_CPU_GATHER) per row. */
  void (*gather) (const GonioCpuGemm *product, size_t first, size_t count, size_t step,
                  const float **out, float *room);
  size_t runs; /* into which gather divides the taps, all alike; at most GONIO_CPU_RUNS */
  gconstpointer context;
  size_t line; /* free for select to tell rows where it has pointed the product */
  const float *a;
  size_t lda;                    /* used by gonio_cpu_rows_plain() */
  const float *packed;           /* panels of floats */
  const uint16_t *parts;         /* or, when not NULL, split ones (gemm-parts.h) */
  size_t right_size;             /* numbers from one product's right side to the next one's */
  const GonioCpuPartsForm *form; /* for parts */
  void *scratch;                 /* for parts */
  const float *bias;             /* padded columns; NULL: c holds what to start from */
  float *c;
  size_t ldc;
  const GonioCpuScatter *scatter; /* for parts; nullable */
  const float *add; /* as c lies, added before the activation; nullable, only with a bias */
  GonioCpuActivation activation;
};

#define GONIO_CPU_GATHER 512
#define GONIO_CPU_RUNS   64

/* rows of an ordinary matrix: a + i * lda */
void gonio_cpu_rows_plain (const GonioCpuGemm *product, size_t first, size_t count, size_t tap,
                           size_t taps, size_t step, const float **out);

/* A right side known when compiling, in the form that suits the machine. */
typedef struct {
  GonioCpuSlot packed, scratch; /* scratch: GONIO_CPU_NO_SLOT for floats */
  size_t size;                  /* of one, in numbers */
} GonioCpuRight;

/* Packs `count` right sides, offsets in floats; used by the step appended last. They are split when
 * the product has a form and they can be; with a form and no rows they must. */
gboolean gonio_cpu_right_init (GonioCpuRight *right, GonioCpuLower *lower, const GonioCpuGemm *gemm,
                               const GonioCpuPack *pack, const GonioTensor *source,
                               const int64_t *source_offsets, size_t count, GError **error);
/* Lets the product read it. */
void gonio_cpu_right_use (const GonioCpuRight *right, const GonioCpuRun *run, GonioCpuGemm *gemm);
/* Points a product at the right side `index` further on. */
static inline void
gonio_cpu_right_move (GonioCpuGemm *product, size_t index)
{
  if (product->parts)
    product->parts += index * product->right_size;
  else
    product->packed += index * product->right_size;
}

/* Applies what of the activation is no clamp to rows and columns of c. */
void gonio_cpu_gemm_activate (const GonioCpuGemm *product, const GonioCpuKernels *kernels,
                              size_t row, size_t rows, size_t column, size_t columns);
void gonio_cpu_gemm_run (const GonioCpuGemm *gemm, const GonioCpuRun *run);

G_END_DECLS
