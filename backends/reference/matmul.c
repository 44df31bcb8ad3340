/* MatMul and Gemm: floats with double sums, integers exactly (wrapping).
 * Depends on kernel.h, gemm.h. */
#include "backends/reference/matmul.h"

#include "backends/reference/gemm.h"
#include "backends/reference/window.h"

#include <math.h>
#include <string.h>

gboolean
ref_matmul_init (RefMatmul *mm, const GonioShape *a, const GonioShape *b, GError **error)
{
  int a_batch = MAX (a->rank - 2, 0), b_batch = MAX (b->rank - 2, 0);
  GonioShape left = gonio_shape_make (a_batch, a->dims);
  GonioShape right = gonio_shape_make (b_batch, b->dims);
  GonioShape batch;
  int64_t left_strides[GONIO_MAX_RANK], right_strides[GONIO_MAX_RANK], b_k;

  *mm = (RefMatmul){.m = 1, .n = 1};
  if (a->rank < 1 || b->rank < 1)
    return ref_bad_shape (error, "a scalar has no matrix product");
  mm->k = a->dims[a->rank - 1];
  b_k = b->rank > 1 ? b->dims[b->rank - 2] : b->dims[0];
  if (a->rank > 1)
    mm->m = a->dims[a->rank - 2];
  if (b->rank > 1)
    mm->n = b->dims[b->rank - 1];
  if (mm->k != b_k || !gonio_shape_broadcast (&left, &right, &batch)) {
    g_autofree char *x = gonio_shape_to_string (a), *y = gonio_shape_to_string (b);

    return ref_bad_shape (error, "shapes %s and %s cannot be multiplied", x, y);
  }

  gonio_shape_strides (&left, left_strides);
  gonio_shape_strides (&right, right_strides);
  mm->batch_rank = batch.rank;
  for (int d = 0; d < batch.rank; d++) {
    int l = d - (batch.rank - a_batch), r = d - (batch.rank - b_batch);

    mm->batch[d] = batch.dims[d];
    mm->a_stride[d] = l >= 0 && left.dims[l] != 1 ? left_strides[l] : 0;
    mm->b_stride[d] = r >= 0 && right.dims[r] != 1 ? right_strides[r] : 0;
  }
  mm->shape = batch;
  if (a->rank > 1)
    mm->shape.dims[mm->shape.rank++] = mm->m;
  if (b->rank > 1)
    mm->shape.dims[mm->shape.rank++] = mm->n;
  return TRUE;
}

gboolean
ref_matmul_next (RefMatmul *mm)
{
  gboolean more = ref_next_index (mm->batch_rank, mm->batch, mm->index);

  mm->a_matrix = mm->b_matrix = 0;
  for (int d = 0; d < mm->batch_rank; d++) {
    mm->a_matrix += mm->index[d] * mm->a_stride[d];
    mm->b_matrix += mm->index[d] * mm->b_stride[d];
  }
  return more;
}

/* ---- floats ---- */

/* A right-hand operand the product reads in place when it can. */
typedef struct {
  const void *data;
  gboolean is_double;
  double *wide; /* owned, nullable */
} Operand;

static gboolean
operand_init (Operand *o, const GonioTensor *tensor, GError **error)
{
  GonioDType dtype = gonio_tensor_dtype (tensor);

  *o = (Operand){.data = gonio_tensor_data (tensor), .is_double = dtype != GONIO_DTYPE_FLOAT};
  if (dtype != GONIO_DTYPE_FLOAT && dtype != GONIO_DTYPE_DOUBLE)
    o->data = o->wide = ref_dup_f64 (tensor, error);
  return o->data != NULL;
}

static const void *
operand_at (const Operand *o, int64_t element)
{
  return (const char *)o->data +
         (size_t)element * (o->is_double ? sizeof (double) : sizeof (float));
}

static int64_t *
offset_table (int64_t n, int64_t step, GError **error)
{
  int64_t *table = ref_alloc (n, sizeof *table, error);

  for (int64_t i = 0; table != NULL && i < n; i++)
    table[i] = i * step;
  return table;
}

gboolean
ref_matmul (RefMatmul *mm, const GonioTensor *left, const GonioTensor *right, GonioTensor *y,
            GError **error)
{
  int64_t size = mm->m * mm->n, at = 0;
  g_autofree double *a = NULL;
  g_autofree double *c = NULL;
  g_autofree int64_t *rows = NULL;
  g_autofree int64_t *columns = NULL;
  Operand b = {0};
  gboolean ok;

  if (gonio_tensor_count (y) == 0)
    return TRUE;
  ok = (a = ref_dup_f64 (left, error)) != NULL &&
       (c = ref_alloc (size, sizeof *c, error)) != NULL &&
       (rows = offset_table (mm->k, mm->n, error)) != NULL &&
       (columns = offset_table (mm->n, 1, error)) != NULL && operand_init (&b, right, error);
  while (ok) {
    RefGemm gemm = {.m = mm->m,
                    .n = mm->n,
                    .k = mm->k,
                    .a = a + mm->a_matrix * mm->m * mm->k,
                    .a_row = mm->k,
                    .a_col = 1,
                    .b = operand_at (&b, mm->b_matrix * mm->k * mm->n),
                    .b_is_double = b.is_double,
                    .b_row = rows,
                    .b_col = columns,
                    .c = c,
                    .ldc = mm->n};

    ok = ref_gemm (&gemm, error);
    if (ok)
      ref_store_f64 (y, at, size, c);
    at += size;
    if (!ref_matmul_next (mm))
      break;
  }
  g_free (b.wide);
  return ok;
}

/* ---- integers ---- */

/* c (m x n) = a * b modulo 2^64. */
static gboolean
multiply_int (int64_t m, int64_t n, int64_t k, const int64_t *a, int64_t a_row, int64_t a_col,
              const int64_t *b, int64_t b_row, int64_t b_col, int64_t *c, GError **error)
{
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      uint64_t sum = 0;

      if ((j & 255) == 0 && !gonio_work_go_on (error))
        return FALSE;

      for (int64_t p = 0; p < k; p++)
        sum += (uint64_t)a[i * a_row + p * a_col] * (uint64_t)b[p * b_row + j * b_col];
      c[i * n + j] = (int64_t)sum;
    }
  return TRUE;
}

static gboolean
matmul_int (RefMatmul *mm, GonioKernel *k, GonioTensor *y, GError **error)
{
  int64_t size = mm->m * mm->n, at = 0;
  g_autofree int64_t *a = ref_dup_i64 (k->inputs[0], error);
  g_autofree int64_t *b = a != NULL ? ref_dup_i64 (k->inputs[1], error) : NULL;
  g_autofree int64_t *c = b != NULL ? ref_alloc (size, sizeof *c, error) : NULL;

  if (c == NULL)
    return FALSE;
  do {
    if (!multiply_int (mm->m, mm->n, mm->k, a + mm->a_matrix * mm->m * mm->k, mm->k, 1,
                       b + mm->b_matrix * mm->k * mm->n, mm->n, 1, c, error))
      return FALSE;
    ref_store_i64 (y, at, size, c, FALSE);
    at += size;
  } while (ref_matmul_next (mm));
  return TRUE;
}

static gboolean
run_matmul (GonioKernel *k, GError **error)
{
  GonioDType dtype = gonio_tensor_dtype (k->inputs[0]);
  RefMatmul mm;
  GonioTensor *y;

  if (!ref_matmul_init (&mm, gonio_tensor_shape (k->inputs[0]), gonio_tensor_shape (k->inputs[1]),
                        error))
    return FALSE;
  y = ref_output (k, 0, dtype, &mm.shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  return ref_form (dtype) == REF_FORM_FLOAT ? ref_matmul (&mm, k->inputs[0], k->inputs[1], y, error)
                                            : matmul_int (&mm, k, y, error);
}

/* ---- Gemm ---- */

typedef struct {
  int64_t m, n, k;
  int64_t a_row, a_col, b_row, b_col;
  double alpha, beta;
} GemmShape;

static gboolean
gemm_shape (GemmShape *s, const GonioKernel *k, GError **error)
{
  const GonioShape *a = gonio_tensor_shape (k->inputs[0]);
  const GonioShape *b = gonio_tensor_shape (k->inputs[1]);
  int trans_a = ref_attr_int (k, "transA", 0) != 0, trans_b = ref_attr_int (k, "transB", 0) != 0;

  if (a->rank != 2 || b->rank != 2 || a->dims[!trans_a] != b->dims[trans_b]) {
    g_autofree char *x = gonio_shape_to_string (a), *y = gonio_shape_to_string (b);

    return ref_bad_shape (error, "matrices %s%s and %s%s cannot be multiplied", x,
                          trans_a ? " (transposed)" : "", y, trans_b ? " (transposed)" : "");
  }
  s->m = a->dims[trans_a];
  s->k = a->dims[!trans_a];
  s->n = b->dims[!trans_b];
  s->a_row = trans_a ? 1 : a->dims[1];
  s->a_col = trans_a ? a->dims[1] : 1;
  s->b_row = trans_b ? 1 : b->dims[1];
  s->b_col = trans_b ? b->dims[1] : 1;
  s->alpha = ref_attr_float (k, "alpha", 1);
  s->beta = ref_attr_float (k, "beta", 1);
  return TRUE;
}

/* y = alpha * product + beta * C, row by row of the broadcast C. */
static gboolean
gemm_float (const GemmShape *s, GonioKernel *k, RefBroadcast *rows, GonioTensor *y, GError **error)
{
  GonioTensor *bias = ref_in (k, 2);
  g_autofree double *a = ref_dup_f64 (k->inputs[0], error);
  g_autofree double *c = a != NULL ? ref_alloc (s->m * s->n, sizeof *c, error) : NULL;
  g_autofree int64_t *b_row = c != NULL ? offset_table (s->k, s->b_row, error) : NULL;
  g_autofree int64_t *b_col = b_row != NULL ? offset_table (s->n, s->b_col, error) : NULL;
  Operand b = {0};
  RefGemm gemm = {.m = s->m,
                  .n = s->n,
                  .k = s->k,
                  .a = a,
                  .a_row = s->a_row,
                  .a_col = s->a_col,
                  .b_row = b_row,
                  .b_col = b_col,
                  .c = c,
                  .ldc = s->n};
  gboolean ok = b_col != NULL && operand_init (&b, k->inputs[1], error);

  gemm.b = b.data;
  gemm.b_is_double = b.is_double;
  ok = ok && ref_gemm (&gemm, error);
  for (int64_t i = 0; ok && i < s->m * s->n; i++)
    c[i] *= s->alpha;
  for (int64_t r = 0, at = 0; ok && bias != NULL && r < rows->rows; r++, ref_broadcast_next (rows))
    for (int64_t j = 0; j < rows->row; j++) {
      double value;

      ref_load_f64 (bias, rows->offset[0] + j * rows->step[0], 1, &value);
      c[at++] += s->beta * value;
    }
  if (ok)
    ref_store_f64 (y, 0, s->m * s->n, c);
  g_free (b.wide);
  return ok;
}

/* Factors other than whole numbers make no sense for integers. */
static gboolean
gemm_int (const GemmShape *s, GonioKernel *k, RefBroadcast *rows, GonioTensor *y, GError **error)
{
  GonioTensor *bias = ref_in (k, 2);
  gboolean whole = fabs (s->alpha) < 1e9 && s->alpha == trunc (s->alpha) && fabs (s->beta) < 1e9 &&
                   s->beta == trunc (s->beta);
  uint64_t alpha = whole ? (uint64_t)(int64_t)s->alpha : 0;
  uint64_t beta = whole ? (uint64_t)(int64_t)s->beta : 0;
  g_autofree int64_t *a = ref_dup_i64 (k->inputs[0], error);
  g_autofree int64_t *b = a != NULL ? ref_dup_i64 (k->inputs[1], error) : NULL;
  g_autofree int64_t *c = b != NULL ? ref_alloc (s->m * s->n, sizeof *c, error) : NULL;

  if (c == NULL)
    return FALSE;
  if (!whole)
    return ref_bad_value (error, "alpha %g and beta %g must be whole numbers for integers",
                          s->alpha, s->beta);
  if (!multiply_int (s->m, s->n, s->k, a, s->a_row, s->a_col, b, s->b_row, s->b_col, c, error))
    return FALSE;
  for (int64_t i = 0; i < s->m * s->n; i++)
    c[i] = (int64_t)((uint64_t)c[i] * alpha);
  for (int64_t r = 0, at = 0; bias != NULL && r < rows->rows; r++, ref_broadcast_next (rows))
    for (int64_t j = 0; j < rows->row; j++, at++) {
      int64_t value;

      ref_load_i64 (bias, rows->offset[0] + j * rows->step[0], 1, &value);
      c[at] = (int64_t)((uint64_t)c[at] + beta * (uint64_t)value);
    }
  ref_store_i64 (y, 0, s->m * s->n, c, FALSE);
  return TRUE;
}

static gboolean
run_gemm (GonioKernel *k, GError **error)
{
  GonioDType dtype = gonio_tensor_dtype (k->inputs[0]);
  GonioTensor *bias = ref_in (k, 2), *y;
  g_auto (RefBroadcast) rows = {0};
  GemmShape s;
  GonioShape shape;

  if (!gemm_shape (&s, k, error))
    return FALSE;
  shape = GONIO_SHAPE (s.m, s.n);
  if (bias != NULL && !ref_broadcast_init_to (&rows, &shape, &bias, 1, error))
    return FALSE;
  y = ref_output (k, 0, dtype, &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  return ref_form (dtype) == REF_FORM_FLOAT ? gemm_float (&s, k, &rows, y, error)
                                            : gemm_int (&s, k, &rows, y, error);
}

const RefRow ref_rows_matmul[] = {
    {GONIO_OP_GEMM, run_gemm, NULL, {REF_NUMBERS}, REF_SAME_ALL, 0},
    {GONIO_OP_MATMUL, run_matmul, NULL, {REF_NUMBERS}, REF_SAME_ALL, 0},
    {0},
};
