/* Matrix product with double accumulation, the core of conv and matmul. Depends on GLib. */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* c (m x n) = a (m x k) * b (k x n).
 * Element (i, p) of a is a[i * a_row + p * a_col].
 * Element (p, j) of b is b[b_row[p] + b_col[j]], float or double; the two offset tables let
 * one routine read plain, transposed and batched matrices and the windows of a convolution.
 * c is row-major with rows of ldc elements and is overwritten. */
typedef struct {
  int64_t m, n, k;
  const double *a;
  int64_t a_row, a_col;
  const void *b;
  gboolean b_is_double;
  const int64_t *b_row; /* k */
  const int64_t *b_col; /* n */
  double *c;
  int64_t ldc;
} RefGemm;

/* FALSE with GONIO_RUN_ERROR_MEMORY when the packing buffers cannot be had. */
gboolean ref_gemm (const RefGemm *gemm, GError **error);

G_END_DECLS
