/* Along one axis: ArgMax, ArgMin, CumSum, TopK. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>

/* One lane in its wide form. Unsigned numbers have their top bit flipped, so that int64
 * comparison orders them. */
typedef struct {
  gboolean is_float;
  union {
    double *f;
    int64_t *i;
  };
} Lane;

static void
lane_load (Lane *lane, const GonioTensor *x, int64_t at, int64_t stride, int64_t n)
{
  if (lane->is_float) {
    ref_load_lane (x, at, stride, n, lane->f);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    ref_load_i64 (x, at + i * stride, 1, &lane->i[i]);
    if (ref_form (gonio_tensor_dtype (x)) == REF_FORM_UINT)
      lane->i[i] ^= G_MININT64;
  }
}

/* Order of two elements; a NaN is above everything, as numpy sorts. */
static int
lane_compare (const Lane *lane, int64_t a, int64_t b)
{
  if (lane->is_float) {
    double x = lane->f[a], y = lane->f[b];

    if (isnan (x) || isnan (y))
      return (isnan (x) ? 1 : 0) - (isnan (y) ? 1 : 0);
    return (x > y) - (x < y);
  }
  return (lane->i[a] > lane->i[b]) - (lane->i[a] < lane->i[b]);
}

/* A tensor cut along an axis: outer x n x inner. */
typedef struct {
  int axis;
  int64_t outer, n, inner;
} Cut;

static gboolean
cut_init (Cut *cut, const GonioTensor *x, int64_t axis, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (x);

  if (shape->rank == 0 && axis >= -1 && axis <= 0) {
    *cut = (Cut){0, 1, 1, 1};
    return TRUE;
  }
  if (!ref_axis (axis, shape->rank, &cut->axis, error))
    return FALSE;
  cut->n = shape->dims[cut->axis];
  cut->outer = ref_dims_product (shape, 0, cut->axis);
  cut->inner = ref_dims_product (shape, cut->axis + 1, shape->rank);
  return TRUE;
}

/* ---- ArgMax, ArgMin ---- */

typedef struct {
  int sign; /* 1: largest, -1: smallest */
} ArgOp;

static gboolean
run_arg (GonioKernel *k, GError **error)
{
  const ArgOp *op = k->row->data;
  GonioTensor *x = k->inputs[0], *y;
  GonioShape shape = *gonio_tensor_shape (x);
  gboolean last = ref_attr_int (k, "select_last_index", 0) != 0;
  Lane lane = {.is_float = ref_form (gonio_tensor_dtype (x)) == REF_FORM_FLOAT};
  g_autofree double *memory = NULL;
  int64_t *out;
  Cut cut;

  if (!cut_init (&cut, x, ref_attr_int (k, "axis", 0), error))
    return FALSE;
  if (shape.rank > 0 && ref_attr_int (k, "keepdims", 1) != 0)
    shape.dims[cut.axis] = 1;
  else if (shape.rank > 0) {
    for (int d = cut.axis; d + 1 < shape.rank; d++)
      shape.dims[d] = shape.dims[d + 1];
    shape.rank--;
  }
  y = ref_output (k, 0, GONIO_DTYPE_INT64, &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  if (cut.n == 0)
    return ref_bad_shape (error, "axis %d is empty: nothing is largest or smallest", cut.axis);
  memory = ref_alloc (cut.n, 8, error);
  if (memory == NULL)
    return FALSE;
  lane.f = memory;
  out = gonio_tensor_writable_data (y);
  for (int64_t o = 0; o < cut.outer; o++)
    for (int64_t i = 0; i < cut.inner; i++) {
      int64_t best = 0;

      lane_load (&lane, x, o * cut.n * cut.inner + i, cut.inner, cut.n);
      for (int64_t j = 1; j < cut.n; j++) {
        int order = op->sign * lane_compare (&lane, j, best);

        if (order > 0 || (order == 0 && last))
          best = j;
      }
      *out++ = best;
    }
  return TRUE;
}

/* ---- CumSum, CumProd ---- */

typedef struct {
  gboolean product;
} CumOp;

static void
cumulate (const CumOp *op, Lane *lane, int64_t n, gboolean exclusive, gboolean reverse)
{
  double total = op->product ? 1 : 0;
  uint64_t wrapped = op->product ? 1 : 0;

  for (int64_t j = 0; j < n; j++) {
    int64_t at = reverse ? n - 1 - j : j;

    if (lane->is_float) {
      double next = op->product ? total * lane->f[at] : total + lane->f[at];

      lane->f[at] = exclusive ? total : next;
      total = next;
    } else {
      uint64_t value = (uint64_t)lane->i[at];
      uint64_t next = op->product ? wrapped * value : wrapped + value;

      lane->i[at] = (int64_t)(exclusive ? wrapped : next);
      wrapped = next;
    }
  }
}

static gboolean
run_cumulate (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  gboolean exclusive = ref_attr_int (k, "exclusive", 0) != 0;
  gboolean reverse = ref_attr_int (k, "reverse", 0) != 0;
  Lane lane = {.is_float = ref_form (gonio_tensor_dtype (x)) == REF_FORM_FLOAT};
  g_autofree double *memory = NULL;
  int64_t axis;
  Cut cut;

  if (!ref_scalar_int (k->inputs[1], &axis, "axis", error) || !cut_init (&cut, x, axis, error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (x), gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  memory = ref_alloc (cut.n, 8, error);
  if (memory == NULL)
    return FALSE;
  lane.f = memory;
  for (int64_t o = 0; o < cut.outer; o++)
    for (int64_t i = 0; i < cut.inner; i++) {
      int64_t at = o * cut.n * cut.inner + i;

      if (lane.is_float)
        ref_load_lane (x, at, cut.inner, cut.n, lane.f);
      for (int64_t j = 0; !lane.is_float && j < cut.n; j++)
        ref_load_i64 (x, at + j * cut.inner, 1, &lane.i[j]);
      cumulate (k->row->data, &lane, cut.n, exclusive, reverse);
      if (lane.is_float)
        ref_store_lane (y, at, cut.inner, cut.n, lane.f);
      for (int64_t j = 0; !lane.is_float && j < cut.n; j++)
        ref_store_i64 (y, at + j * cut.inner, 1, &lane.i[j], FALSE);
    }
  return TRUE;
}

/* ---- TopK ---- */

typedef struct {
  const Lane *lane;
  int sign; /* 1: largest first */
} TopKOrder;

/* Ties go to the lower index. */
static int
compare_top (gconstpointer a, gconstpointer b, gpointer data)
{
  const TopKOrder *order = data;
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  int by_value = order->sign * lane_compare (order->lane, y, x);

  return by_value != 0 ? by_value : (x > y) - (x < y);
}

static gboolean
run_top_k (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *values, *indices = NULL;
  GonioShape shape = *gonio_tensor_shape (x);
  Lane lane = {.is_float = ref_form (gonio_tensor_dtype (x)) == REF_FORM_FLOAT};
  TopKOrder order = {&lane, ref_attr_int (k, "largest", 1) != 0 ? 1 : -1};
  g_autofree double *memory = NULL;
  g_autofree int64_t *rank = NULL;
  int64_t top;
  Cut cut;

  if (!ref_scalar_int (k->inputs[1], &top, "K", error) ||
      !cut_init (&cut, x, ref_attr_int (k, "axis", -1), error))
    return FALSE;
  if (top < 0 || top > cut.n)
    return ref_bad_value (
        error, "K is %" G_GINT64_FORMAT ", the axis has %" G_GINT64_FORMAT " elements", top, cut.n);
  if (shape.rank > 0)
    shape.dims[cut.axis] = top;
  values = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (values == NULL)
    return FALSE;
  if (ref_wants (k, 1) && (indices = ref_output (k, 1, GONIO_DTYPE_INT64, &shape, error)) == NULL)
    return FALSE;
  if (gonio_tensor_count (values) == 0)
    return TRUE;
  memory = ref_alloc (cut.n, 8, error);
  rank = ref_alloc (cut.n, sizeof *rank, error);
  if (memory == NULL || rank == NULL)
    return FALSE;
  lane.f = memory;
  for (int64_t o = 0; o < cut.outer; o++)
    for (int64_t i = 0; i < cut.inner; i++) {
      int64_t at = o * cut.n * cut.inner + i;

      lane_load (&lane, x, at, cut.inner, cut.n);
      for (int64_t j = 0; j < cut.n; j++)
        rank[j] = j;
      if (cut.n > G_MAXINT)
        return ref_bad_shape (error, "axis of %" G_GINT64_FORMAT " elements is too long", cut.n);
      qsort_r (rank, (size_t)cut.n, sizeof *rank, compare_top, &order);
      for (int64_t j = 0; j < top; j++) {
        int64_t to = o * top * cut.inner + j * cut.inner + i;

        ref_copy (values, to, x, at + rank[j] * cut.inner, 1);
        if (indices != NULL)
          ((int64_t *)gonio_tensor_writable_data (indices))[to] = rank[j];
      }
    }
  return TRUE;
}

static const ArgOp op_arg_max = {1}, op_arg_min = {-1};
static const CumOp op_cum_prod = {TRUE}, op_cum_sum = {FALSE};

const RefRow ref_rows_search[] = {
    {GONIO_OP_ARG_MAX, run_arg, &op_arg_max, {REF_NUMBERS}, 0, 0},
    {GONIO_OP_ARG_MIN, run_arg, &op_arg_min, {REF_NUMBERS}, 0, 0},
    {GONIO_OP_CUM_PROD, run_cumulate, &op_cum_prod, {REF_NUMBERS, REF_INDEX}, 0, 0},
    {GONIO_OP_CUM_SUM, run_cumulate, &op_cum_sum, {REF_NUMBERS, REF_INDEX}, 0, 0},
    {GONIO_OP_TOP_K, run_top_k, NULL, {REF_NUMBERS, REF_T (INT64)}, 0, 0},
    {0},
};
