/* Shapes of a numpy-style batched matrix product. Depends on kernel.h. */
#pragma once

#include "backends/reference/kernel.h"

G_BEGIN_DECLS

typedef struct {
  int64_t m, n, k;
  GonioShape shape; /* of the product; the dimension a 1-D operand lacks is dropped */
  int batch_rank;
  int64_t batch[GONIO_MAX_RANK];    /* broadcast batch dimensions */
  int64_t a_stride[GONIO_MAX_RANK]; /* per batch dimension, in matrices */
  int64_t b_stride[GONIO_MAX_RANK];
  int64_t index[GONIO_MAX_RANK]; /* where ref_matmul_next() stands */
  int64_t a_matrix, b_matrix;    /* matrix of a and b that belongs to it */
} RefMatmul;

gboolean ref_matmul_init (RefMatmul *mm, const GonioShape *a, const GonioShape *b, GError **error);
/* On to the next matrix of the batch; FALSE after the last. */
gboolean ref_matmul_next (RefMatmul *mm);

/* The whole batch on floating tensors; y has mm->shape and any floating type. */
gboolean ref_matmul (RefMatmul *mm, const GonioTensor *left, const GonioTensor *right,
                     GonioTensor *y, GError **error);

G_END_DECLS
