/* Pooling of any spatial rank, plane by plane in double. Depends on kernel.h, window.h. */
#include "backends/reference/window.h"

#include <math.h>

typedef enum { POOL_MAX, POOL_AVERAGE, POOL_LP } PoolKind;

typedef struct {
  PoolKind kind;
  gboolean global;
} PoolOp;

typedef struct {
  PoolKind kind;
  RefWindow w;
  double p;                              /* POOL_LP */
  gboolean count_include_pad;            /* POOL_AVERAGE */
  gboolean want_indices;                 /* POOL_MAX */
  int64_t stride[REF_WINDOW_RANK];       /* of the plane */
  int64_t index_stride[REF_WINDOW_RANK]; /* as storage_order counts indices */
} Pool;

/* What of one window lies inside the plane: taps first[d]..last[d]-1, and how many positions
 * count for an average. */
typedef struct {
  int64_t start[REF_WINDOW_RANK];
  int64_t first[REF_WINDOW_RANK];
  int64_t last[REF_WINDOW_RANK];
  gboolean empty;
  double counted;
} Reach;

static int64_t
ceil_div (int64_t a, int64_t b)
{
  return a <= 0 ? 0 : (a + b - 1) / b;
}

static void
window_reach (const Pool *p, const int64_t *position, Reach *r)
{
  const RefWindow *w = &p->w;

  r->empty = FALSE;
  r->counted = 1;
  for (int d = 0; d < w->rank; d++) {
    int64_t start = position[d] * w->stride[d] - w->begin[d], padded;

    r->start[d] = start;
    r->first[d] = ceil_div (-start, w->dilation[d]);
    r->last[d] = MIN (w->kernel[d], ceil_div (w->in[d] - start, w->dilation[d]));
    padded = MIN (w->kernel[d], ceil_div (w->in[d] + w->end[d] - start, w->dilation[d]));
    r->empty = r->empty || r->first[d] >= r->last[d];
    r->counted *= (double)(p->count_include_pad ? padded : MAX (r->last[d] - r->first[d], 0));
  }
}

/* Folds one row of taps along the last dimension. */
static void
fold_row (const Pool *p, const double *plane, int64_t at, int64_t step, int64_t n, double *value,
          int64_t *best)
{
  for (int64_t i = 0; i < n; i++, at += step) {
    double x = plane[at];

    if (p->kind == POOL_AVERAGE) {
      *value += x;
    } else if (p->kind == POOL_LP) {
      *value += p->p == 2 ? x * x : p->p == 1 ? fabs (x) : pow (fabs (x), p->p);
    } else if (*best < 0 || x > *value || (isnan (x) && !isnan (*value))) {
      *value = x;
      *best = at;
    }
  }
}

static double
pool_window (const Pool *p, const double *plane, const Reach *r, int64_t *best)
{
  const RefWindow *w = &p->w;
  int last = w->rank - 1;
  int64_t tap[REF_WINDOW_RANK];
  double value = p->kind == POOL_MAX ? -INFINITY : 0;
  int d;

  *best = -1;
  for (d = 0; d < w->rank; d++)
    tap[d] = r->first[d];
  while (!r->empty) {
    int64_t at = 0;

    for (d = 0; d < w->rank; d++)
      at += (r->start[d] + tap[d] * w->dilation[d]) * p->stride[d];
    fold_row (p, plane, at, w->dilation[last] * p->stride[last], r->last[last] - r->first[last],
              &value, best);
    for (d = last - 1; d >= 0; d--) {
      if (++tap[d] < r->last[d])
        break;
      tap[d] = r->first[d];
    }
    if (d < 0)
      break;
  }
  if (p->kind == POOL_AVERAGE)
    return r->counted > 0 ? value / r->counted : 0;
  if (p->kind == POOL_LP)
    return p->p == 2 ? sqrt (value) : pow (value, 1 / p->p);
  return value;
}

/* The position in the plane as storage_order counts it. */
static int64_t
plane_index (const Pool *p, int64_t at)
{
  int64_t index = 0;

  for (int d = 0; d < p->w.rank; d++) {
    index += at / p->stride[d] * p->index_stride[d];
    at %= p->stride[d];
  }
  return index;
}

static gboolean
pool_planes (const Pool *p, const GonioTensor *x, GonioTensor *y, GonioTensor *indices,
             GError **error)
{
  int64_t in_area = ref_window_in_count (&p->w), out_area = ref_window_out_count (&p->w);
  int64_t planes = ref_dims_product (gonio_tensor_shape (x), 0, 2);
  g_autofree double *in = ref_alloc (in_area, sizeof *in, error);
  g_autofree double *out = in != NULL ? ref_alloc (out_area, sizeof *out, error) : NULL;

  if (out == NULL)
    return FALSE;
  for (int64_t plane = 0; plane < planes; plane++) {
    int64_t position[REF_WINDOW_RANK] = {0};

    ref_load_f64 (x, plane * in_area, in_area, in);
    for (int64_t i = 0; i < out_area; i++) {
      Reach reach;
      int64_t best;

      if ((i & 63) == 0 && !gonio_work_go_on (error))
        return FALSE;
      window_reach (p, position, &reach);
      out[i] = pool_window (p, in, &reach, &best);
      if (indices != NULL)
        ((int64_t *)gonio_tensor_writable_data (indices))[plane * out_area + i] =
            best < 0 ? -1 : plane * in_area + plane_index (p, best);
      ref_next_index (p->w.rank, p->w.out, position);
    }
    ref_store_f64 (y, plane * out_area, out_area, out);
  }
  return TRUE;
}

/* Attributes of the windowed forms. */
static gboolean
pool_window_init (Pool *p, GonioKernel *k, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]);
  int64_t kernel[REF_WINDOW_RANK];
  guint n_kernel;

  if (gonio_node_attr_ints (k->node, "kernel_shape", &n_kernel) == NULL)
    return ref_bad_value (error, "attribute kernel_shape is missing");
  if (x->rank < 3)
    return ref_bad_shape (error, "input has rank %d, pooling needs 3 or more", x->rank);
  if (!ref_attr_ints (k, "kernel_shape", x->rank - 2, 1, kernel, error) ||
      !ref_window_attrs (&p->w, k, x, kernel, error))
    return FALSE;
  p->count_include_pad = ref_attr_int (k, "count_include_pad", 0) != 0;
  return ref_window_output (&p->w, k, ref_attr_int (k, "ceil_mode", 0) != 0, error);
}

/* One window that covers the whole plane. */
static gboolean
pool_global_init (Pool *p, GonioKernel *k, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]);

  if (x->rank < 3)
    return ref_bad_shape (error, "input has rank %d, pooling needs 3 or more", x->rank);
  p->w.rank = x->rank - 2;
  for (int d = 0; d < p->w.rank; d++) {
    p->w.in[d] = p->w.kernel[d] = p->w.extent[d] = x->dims[2 + d];
    p->w.stride[d] = p->w.dilation[d] = p->w.out[d] = 1;
  }
  return TRUE;
}

static gboolean
run_pool (GonioKernel *k, GError **error)
{
  const PoolOp *op = k->row->data;
  GonioTensor *x = k->inputs[0], *y, *indices = NULL;
  const GonioShape *x_shape = gonio_tensor_shape (x);
  Pool p = {.kind = op->kind, .p = (double)ref_attr_int (k, "p", 2)};
  gboolean by_column = ref_attr_int (k, "storage_order", 0) != 0;
  GonioShape shape;
  int64_t rows = 1, columns = 1;

  if (op->global ? !pool_global_init (&p, k, error) : !pool_window_init (&p, k, error))
    return FALSE;
  if (p.kind == POOL_LP && p.p < 1)
    return ref_bad_value (error, "p is %g, it must be at least 1", p.p);
  shape = ref_window_shape (&p.w, x_shape->dims[0], x_shape->dims[1]);
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  if (p.kind == POOL_MAX && ref_wants (k, 1) &&
      (indices = ref_output (k, 1, GONIO_DTYPE_INT64, &shape, error)) == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  for (int d = p.w.rank - 1, e = 0; d >= 0; d--, e++) {
    p.stride[d] = rows;
    p.index_stride[e] = columns;
    /* Overflows only when another dimension is 0, and then nothing is ever indexed. */
    if (!gonio_checked_mul_i64 (rows, MAX (p.w.in[d], 1), &rows))
      rows = 1;
    if (!gonio_checked_mul_i64 (columns, MAX (p.w.in[e], 1), &columns))
      columns = 1;
  }
  for (int d = 0; !by_column && d < p.w.rank; d++)
    p.index_stride[d] = p.stride[d];
  return pool_planes (&p, x, y, indices, error);
}

/* ---- MaxUnpool ---- */

/* What the output is without output_shape: the shape that was pooled. */
static gboolean
unpooled_shape (const GonioKernel *k, GonioShape *shape, GError **error)
{
  int64_t kernel[REF_WINDOW_RANK];
  RefWindow w;

  if (shape->rank < 3)
    return ref_bad_shape (error, "input has rank %d, pooling needs 3 or more", shape->rank);
  if (!ref_attr_ints (k, "kernel_shape", shape->rank - 2, 1, kernel, error) ||
      !ref_window_attrs (&w, k, shape, kernel, error))
    return FALSE;
  for (int d = 0; d < w.rank; d++)
    shape->dims[2 + d] = (w.in[d] - 1) * w.stride[d] + w.kernel[d] - w.begin[d] - w.end[d];
  return ref_check_shape (shape, error);
}

/* Puts each value at its index into the pooled shape; a larger output_shape adds zeros after
 * it. */
static gboolean
run_max_unpool (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *indices = k->inputs[1], *sizes = ref_in (k, 2), *y;
  GonioShape pooled = *gonio_tensor_shape (x), shape;
  int64_t count, strides[GONIO_MAX_RANK], y_strides[GONIO_MAX_RANK];

  if (!unpooled_shape (k, &pooled, error))
    return FALSE;
  shape = pooled;
  if (sizes != NULL &&
      !ref_ints (sizes, GONIO_MAX_RANK, shape.dims, &shape.rank, "output_shape", error))
    return FALSE;
  for (int d = 0; d < pooled.rank; d++)
    if (shape.rank != pooled.rank || shape.dims[d] < pooled.dims[d])
      return ref_bad_shape (error, "output_shape is smaller than what was pooled");
  if (gonio_tensor_count (indices) != gonio_tensor_count (x))
    return ref_bad_shape (error, "input and indices must have the same shape");
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL || !gonio_shape_count (&pooled, &count))
    return FALSE;
  ref_clear (y, 0, gonio_tensor_count (y));
  gonio_shape_strides (&pooled, strides);
  gonio_shape_strides (&shape, y_strides);
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    int64_t index, at = 0;

    ref_load_i64 (indices, i, 1, &index);
    if (index < 0 || index >= count)
      return ref_bad_value (error, "index %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT, index, count);
    for (int d = 0; d < pooled.rank; d++) {
      at += index / strides[d] * y_strides[d];
      index %= strides[d];
    }
    ref_copy (y, at, x, i, 1);
  }
  return TRUE;
}

static const PoolOp op_average = {POOL_AVERAGE, FALSE};
static const PoolOp op_global_average = {POOL_AVERAGE, TRUE};
static const PoolOp op_global_lp = {POOL_LP, TRUE};
static const PoolOp op_global_max = {POOL_MAX, TRUE};
static const PoolOp op_lp = {POOL_LP, FALSE};
static const PoolOp op_max = {POOL_MAX, FALSE};

#define MAX_TYPES (REF_FLOATS | REF_T (INT8) | REF_T (UINT8))

const RefRow ref_rows_pool[] = {
    {GONIO_OP_AVERAGE_POOL, run_pool, &op_average, {REF_FLOATS}, 0, 0},
    {GONIO_OP_GLOBAL_AVERAGE_POOL, run_pool, &op_global_average, {REF_FLOATS}, 0, 0},
    {GONIO_OP_GLOBAL_LP_POOL, run_pool, &op_global_lp, {REF_FLOATS}, 0, 0},
    {GONIO_OP_GLOBAL_MAX_POOL, run_pool, &op_global_max, {REF_FLOATS}, 0, 0},
    {GONIO_OP_LP_POOL, run_pool, &op_lp, {REF_FLOATS}, 0, 0},
    {GONIO_OP_MAX_POOL, run_pool, &op_max, {MAX_TYPES}, 0, 0},
    {GONIO_OP_MAX_UNPOOL, run_max_unpool, NULL, {REF_FLOATS, REF_T (INT64)}, 0, 0},
    {0},
};
