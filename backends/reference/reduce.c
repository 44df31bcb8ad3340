/* Reductions over any set of axes: floats in double, integers exactly.
 * Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>

/* Folds n values into sums acc[0], acc[step], ... (step 0: all into one). */
typedef void (*FoldF) (double *acc, int step, const double *v, int n);
typedef void (*FoldI) (int64_t *acc, int step, const int64_t *v, int n);
typedef void (*FoldU) (uint64_t *acc, int step, const uint64_t *v, int n);

typedef struct {
  FoldF f;
  FoldI i; /* NULL: integers are folded as doubles and truncated */
  FoldU u;
  double start;    /* of f */
  int64_t start_i; /* of i, its bits of u unless start_u */
  uint64_t start_u;
  double (*finish) (double sum, double count); /* of f, nullable */
  gboolean shifted; /* log-sum-exp: fold exp (v - max), add max at the end */
} ReduceOp;

#define FOLD(NAME, TYPE, EXPR)                                                                     \
  static void NAME (TYPE *acc, int step, const TYPE *v, int n)                                     \
  {                                                                                                \
    if (step == 0) {                                                                               \
      TYPE a = *acc;                                                                               \
      for (int k = 0; k < n; k++) {                                                                \
        TYPE x = v[k];                                                                             \
        a = (EXPR);                                                                                \
      }                                                                                            \
      *acc = a;                                                                                    \
      return;                                                                                      \
    }                                                                                              \
    for (int k = 0; k < n; k++) {                                                                  \
      TYPE x = v[k], a = acc[k];                                                                   \
      acc[k] = (EXPR);                                                                             \
    }                                                                                              \
  }

FOLD (sum_f, double, a + x)
FOLD (sum_i, int64_t, (int64_t)((uint64_t)a + (uint64_t)x))
FOLD (sum_u, uint64_t, a + x)
FOLD (prod_f, double, a *x)
FOLD (prod_i, int64_t, (int64_t)((uint64_t)a *(uint64_t)x))
FOLD (prod_u, uint64_t, a *x)
FOLD (max_f, double, isnan (a) || a > x ? a : x)
FOLD (max_i, int64_t, MAX (a, x))
FOLD (max_u, uint64_t, MAX (a, x))
FOLD (min_f, double, isnan (a) || a < x ? a : x)
FOLD (min_i, int64_t, MIN (a, x))
FOLD (min_u, uint64_t, MIN (a, x))
FOLD (abs_f, double, a + fabs (x))
FOLD (abs_i, int64_t, (int64_t)((uint64_t)a + (x < 0 ? 0 - (uint64_t)x : (uint64_t)x)))
FOLD (square_f, double, a + x * x)
FOLD (square_i, int64_t, (int64_t)((uint64_t)a + (uint64_t)x * (uint64_t)x))
FOLD (square_u, uint64_t, a + x * x)

static double
finish_mean (double sum, double count)
{
  return sum / count;
}

static double
finish_sqrt (double sum, double count)
{
  return sqrt (sum);
}

static double
finish_log (double sum, double count)
{
  return log (sum);
}

static const ReduceOp op_l1 = {.f = abs_f, .i = abs_i, .u = sum_u};
static const ReduceOp op_l2 = {.f = square_f, .finish = finish_sqrt};
static const ReduceOp op_log_sum = {.f = sum_f, .finish = finish_log};
static const ReduceOp op_log_sum_exp = {.f = sum_f, .finish = finish_log, .shifted = TRUE};
static const ReduceOp op_max = {
    .f = max_f, .i = max_i, .u = max_u, .start = -INFINITY, .start_i = G_MININT64, .start_u = 0};
static const ReduceOp op_mean = {.f = sum_f, .finish = finish_mean};
static const ReduceOp op_min = {.f = min_f,
                                .i = min_i,
                                .u = min_u,
                                .start = INFINITY,
                                .start_i = G_MAXINT64,
                                .start_u = G_MAXUINT64};
static const ReduceOp op_prod = {
    .f = prod_f, .i = prod_i, .u = prod_u, .start = 1, .start_i = 1, .start_u = 1};
static const ReduceOp op_sum = {.f = sum_f, .i = sum_i, .u = sum_u};
static const ReduceOp op_sum_square = {.f = square_f, .i = square_i, .u = square_u};

/* The state of one reduction. totals holds count wide numbers in the form that is folded. */
typedef struct {
  const ReduceOp *op;
  const GonioTensor *x;
  RefForm form;
  GonioTensor *totals; /* DOUBLE, INT64 or UINT64 of the kept shape, dimensions 1 kept */
  GonioTensor *shift;  /* of the same shape, nullable: subtracted before exp */
} Reduction;

/* One pass over x; with a shift, of exp (x - shift). */
static gboolean
fold_all (const Reduction *r, FoldF f, FoldI i, FoldU u, GError **error)
{
  GonioTensor *operands[] = {(GonioTensor *)r->x, r->totals};
  void *totals = gonio_tensor_writable_data (r->totals);
  const double *shift = r->shift != NULL ? gonio_tensor_data (r->shift) : NULL;
  g_auto (RefBroadcast) b = {0};
  RefChunk c;

  if (!ref_broadcast_init_to (&b, gonio_tensor_shape (r->x), operands, 2, error))
    return FALSE;
  for (int64_t row = 0, at = 0; row < b.rows; row++, ref_broadcast_next (&b)) {
    for (int64_t done = 0; done < b.row; done += REF_CHUNK) {
      int n = (int)MIN (REF_CHUNK, b.row - done), step = b.step[1];
      int64_t to = b.offset[1] + done * step;

      ref_load (r->x, at, 1, n, r->form, &c);
      for (int k = 0; shift != NULL && k < n; k++)
        c.f[k] = exp (c.f[k] - shift[to + k * step]);
      if (r->form == REF_FORM_FLOAT)
        f ((double *)totals + to, step, c.f, n);
      else if (r->form == REF_FORM_INT)
        i ((int64_t *)totals + to, step, c.i, n);
      else
        u ((uint64_t *)totals + to, step, c.u, n);
      at += n;
    }
  }
  return TRUE;
}

static GonioTensor *
new_totals (RefForm form, const GonioShape *shape, double start, int64_t start_i, uint64_t start_u,
            GError **error)
{
  GonioDType dtype = form == REF_FORM_FLOAT ? GONIO_DTYPE_DOUBLE
                     : form == REF_FORM_INT ? GONIO_DTYPE_INT64
                                            : GONIO_DTYPE_UINT64;
  GonioTensor *totals = gonio_tensor_new (dtype, shape, error);

  for (int64_t i = 0; totals != NULL && i < gonio_tensor_count (totals); i++) {
    void *data = gonio_tensor_writable_data (totals);

    if (form == REF_FORM_FLOAT)
      ((double *)data)[i] = start;
    else if (form == REF_FORM_INT)
      ((int64_t *)data)[i] = start_i;
    else
      ((uint64_t *)data)[i] = start_u;
  }
  return totals;
}

/* The largest values as shift, 0 where they are infinite: exp (inf - inf) would be no number. */
static gboolean
find_shift (Reduction *r, const GonioShape *kept, GError **error)
{
  GonioTensor *totals = r->totals;
  double *data;
  gboolean ok;

  r->totals = new_totals (REF_FORM_FLOAT, kept, -INFINITY, 0, 0, error);
  ok = r->totals != NULL && fold_all (r, max_f, NULL, NULL, error);
  r->shift = r->totals;
  r->totals = totals;
  if (!ok)
    return FALSE;
  data = gonio_tensor_writable_data (r->shift);
  for (int64_t i = 0; i < gonio_tensor_count (r->shift); i++)
    if (isinf (data[i]))
      data[i] = 0;
  return TRUE;
}

static void
finish (const Reduction *r, double count, GonioTensor *y)
{
  double *totals = gonio_tensor_writable_data (r->totals);
  int64_t n = gonio_tensor_count (r->totals);

  if (r->form != REF_FORM_FLOAT) {
    gboolean narrow = count == 0; /* an empty maximum: the least value of the type itself */

    for (int64_t i = 0; narrow && i < n; i++) {
      int64_t *bits = gonio_tensor_writable_data (r->totals);
      guint width = gonio_dtype_bits (gonio_tensor_dtype (y));

      if (r->form == REF_FORM_INT && (bits[i] == G_MININT64 || bits[i] == G_MAXINT64))
        bits[i] >>= 64 - width;
    }
    ref_store_i64 (y, 0, n, gonio_tensor_data (r->totals), r->form == REF_FORM_UINT);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    if (r->op->finish != NULL)
      totals[i] = r->op->finish (totals[i], count);
    if (r->shift != NULL)
      totals[i] += ((const double *)gonio_tensor_data (r->shift))[i];
  }
  ref_store_f64 (y, 0, n, totals);
}

static gboolean
reduce (GonioKernel *k, Reduction *r, const GonioShape *kept, double count, GonioTensor *y,
        GError **error)
{
  const ReduceOp *op = r->op;
  gboolean ok;

  r->totals = new_totals (r->form, kept, op->start, op->start_i, op->start_u, error);
  ok = r->totals != NULL && (!op->shifted || find_shift (r, kept, error)) &&
       fold_all (r, op->f, op->i, op->u, error);
  if (ok)
    finish (r, count, y);
  g_clear_pointer (&r->totals, gonio_tensor_unref);
  g_clear_pointer (&r->shift, gonio_tensor_unref);
  return ok;
}

static gboolean
run_reduce (GonioKernel *k, GError **error)
{
  const ReduceOp *op = k->row->data;
  GonioTensor *x = k->inputs[0], *axes = ref_in (k, 1), *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  GonioShape kept = *shape, result = {0};
  gboolean keepdims = ref_attr_int (k, "keepdims", 1) != 0;
  gboolean none = (axes == NULL || gonio_tensor_count (axes) == 0) &&
                  ref_attr_int (k, "noop_with_empty_axes", 0) != 0;
  gboolean set[GONIO_MAX_RANK] = {FALSE};
  Reduction r = {.op = op, .x = x, .form = ref_form (gonio_tensor_dtype (x))};
  double count = 1;

  if (op->i == NULL)
    r.form = REF_FORM_FLOAT;
  if (!none && !ref_axis_set (axes, shape->rank, set, error))
    return FALSE;
  for (int d = 0; d < shape->rank; d++) {
    if (set[d]) {
      count *= (double)shape->dims[d];
      kept.dims[d] = 1;
    }
    if (!set[d] || keepdims)
      result.dims[result.rank++] = kept.dims[d];
  }
  y = ref_output (k, 0, gonio_tensor_dtype (x), &result, error);
  if (y == NULL)
    return FALSE;
  return reduce (k, &r, &kept, count, y, error);
}

#define TYPES (REF_FLOATS | REF_INTEGERS)
#define ROW(ID, OP, SET)                                                                           \
  {                                                                                                \
    GONIO_OP_##ID, run_reduce, &op_##OP, {SET, REF_T (INT64)}, 0, 0                                \
  }

const RefRow ref_rows_reduce[] = {
    ROW (REDUCE_L1, l1, TYPES),
    ROW (REDUCE_L2, l2, TYPES),
    ROW (REDUCE_LOG_SUM, log_sum, TYPES),
    ROW (REDUCE_LOG_SUM_EXP, log_sum_exp, TYPES),
    ROW (REDUCE_MAX, max, TYPES | REF_BOOL),
    ROW (REDUCE_MEAN, mean, TYPES),
    ROW (REDUCE_MIN, min, TYPES | REF_BOOL),
    ROW (REDUCE_PROD, prod, TYPES),
    ROW (REDUCE_SUM, sum, TYPES),
    ROW (REDUCE_SUM_SQUARE, sum_square, TYPES),
    {0},
};
