/* Views, shape arithmetic and tensors made of nothing but a shape. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>

/* Same elements in order, another shape of the same count. */
static gboolean
copy_as (GonioKernel *k, const GonioShape *shape, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  int64_t count;

  if (!ref_check_shape (shape, error))
    return FALSE;
  if (!gonio_shape_count (shape, &count) || count != gonio_tensor_count (x)) {
    g_autofree char *from = gonio_shape_to_string (gonio_tensor_shape (x));
    g_autofree char *to = gonio_shape_to_string (shape);

    return ref_bad_shape (error, "a tensor of shape %s cannot take shape %s", from, to);
  }
  y = ref_output (k, 0, gonio_tensor_dtype (x), shape, error);
  if (y == NULL)
    return FALSE;
  ref_copy (y, 0, x, 0, count);
  return TRUE;
}

static gboolean
run_reshape (GonioKernel *k, GError **error)
{
  const GonioShape *from = gonio_tensor_shape (k->inputs[0]);
  gboolean allow_zero = ref_attr_int (k, "allowzero", 0) != 0;
  GonioShape to = {0};
  int64_t rest = 1;
  int unknown = -1;

  if (!ref_ints (k->inputs[1], GONIO_MAX_RANK, to.dims, &to.rank, "shape", error))
    return FALSE;
  for (int d = 0; d < to.rank; d++) {
    if (to.dims[d] == 0 && !allow_zero) {
      if (d >= from->rank)
        return ref_bad_shape (error, "shape copies dimension %d of a tensor of rank %d", d,
                              from->rank);
      to.dims[d] = from->dims[d];
    }
    if (to.dims[d] < -1 || (to.dims[d] == -1 && unknown >= 0))
      return ref_bad_shape (error, "shape holds %" G_GINT64_FORMAT " at %d", to.dims[d], d);
    if (to.dims[d] == -1)
      unknown = d;
    else if (!gonio_checked_mul_i64 (rest, to.dims[d], &rest))
      return ref_bad_shape (error, "shape has too many elements");
  }
  if (unknown >= 0) {
    if (rest == 0 || gonio_tensor_count (k->inputs[0]) % rest != 0) {
      g_autofree char *text = gonio_shape_to_string (from);

      return ref_bad_shape (error, "%s does not divide into rows of %" G_GINT64_FORMAT, text, rest);
    }
    to.dims[unknown] = gonio_tensor_count (k->inputs[0]) / rest;
  }
  return copy_as (k, &to, error);
}

static gboolean
run_flatten (GonioKernel *k, GError **error)
{
  const GonioShape *from = gonio_tensor_shape (k->inputs[0]);
  int64_t axis = ref_attr_int (k, "axis", 1);
  GonioShape to = {.rank = 2};

  if (axis < -from->rank || axis > from->rank)
    return ref_bad_value (error, "axis %" G_GINT64_FORMAT " is outside a tensor of rank %d", axis,
                          from->rank);
  if (axis < 0)
    axis += from->rank;
  to.dims[0] = ref_dims_product (from, 0, (int)axis);
  to.dims[1] = ref_dims_product (from, (int)axis, from->rank);
  return copy_as (k, &to, error);
}

static gboolean
run_squeeze (GonioKernel *k, GError **error)
{
  const GonioShape *from = gonio_tensor_shape (k->inputs[0]);
  GonioTensor *axes = ref_in (k, 1);
  gboolean named = axes != NULL && gonio_tensor_count (axes) > 0, set[GONIO_MAX_RANK];
  GonioShape to = {0};

  if (!ref_axis_set (axes, from->rank, set, error))
    return FALSE;
  for (int d = 0; d < from->rank; d++) {
    if (named && set[d] && from->dims[d] != 1)
      return ref_bad_shape (error, "axis %d has %" G_GINT64_FORMAT " elements and cannot go", d,
                            from->dims[d]);
    if (axes != NULL && !named ? TRUE : named ? !set[d] : from->dims[d] != 1)
      to.dims[to.rank++] = from->dims[d];
  }
  return copy_as (k, &to, error);
}

static gboolean
run_unsqueeze (GonioKernel *k, GError **error)
{
  const GonioShape *from = gonio_tensor_shape (k->inputs[0]);
  int64_t total = from->rank + gonio_tensor_count (k->inputs[1]);
  gboolean set[GONIO_MAX_RANK] = {FALSE};
  GonioShape to = {0};

  if (total > GONIO_MAX_RANK)
    return ref_bad_shape (error,
                          "result would have rank %" G_GINT64_FORMAT ", at most %d is supported",
                          total, GONIO_MAX_RANK);
  if (gonio_tensor_count (k->inputs[1]) > 0 && !ref_axis_set (k->inputs[1], (int)total, set, error))
    return FALSE;
  for (int d = 0, at = 0; d < (int)total; d++)
    to.dims[to.rank++] = set[d] ? 1 : from->dims[at++];
  return copy_as (k, &to, error);
}

static gboolean
run_shape (GonioKernel *k, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (k->inputs[0]);
  int64_t start = ref_attr_int (k, "start", 0), end = ref_attr_int (k, "end", shape->rank);
  GonioTensor *y;

  start = CLAMP (start < 0 ? start + shape->rank : start, 0, shape->rank);
  end = CLAMP (end < 0 ? end + shape->rank : end, 0, shape->rank);
  y = ref_output (k, 0, GONIO_DTYPE_INT64, REF_SHAPE (MAX (end - start, 0)), error);
  if (y == NULL)
    return FALSE;
  for (int64_t d = start; d < end; d++)
    ((int64_t *)gonio_tensor_writable_data (y))[d - start] = shape->dims[d];
  return TRUE;
}

static gboolean
run_size (GonioKernel *k, GError **error)
{
  GonioTensor *y = ref_output (k, 0, GONIO_DTYPE_INT64, &GONIO_SHAPE_SCALAR, error);

  if (y == NULL)
    return FALSE;
  *(int64_t *)gonio_tensor_writable_data (y) = gonio_tensor_count (k->inputs[0]);
  return TRUE;
}

/* ---- made of a shape ---- */

static gboolean
run_constant_of_shape (GonioKernel *k, GError **error)
{
  const GonioAttr *value = gonio_node_attr (k->node, "value");
  GonioTensor *one = value != NULL && value->type == GONIO_ATTR_TENSOR ? value->tensor : NULL;
  GonioShape shape = {0};
  GonioTensor *y;

  if (!ref_ints (k->inputs[0], GONIO_MAX_RANK, shape.dims, &shape.rank, "shape", error))
    return FALSE;
  if (one != NULL && gonio_tensor_count (one) != 1)
    return ref_bad_value (error, "attribute value must hold one element");
  y = ref_output (k, 0, one != NULL ? gonio_tensor_dtype (one) : GONIO_DTYPE_FLOAT, &shape, error);
  if (y == NULL)
    return FALSE;
  if (one != NULL)
    ref_fill (y, 0, one, 0, gonio_tensor_count (y));
  else
    ref_clear (y, 0, gonio_tensor_count (y));
  return TRUE;
}

/* ceil ((limit - start) / delta), at least 0; exact. */
static int64_t
range_count_int (int64_t start, int64_t limit, int64_t delta)
{
  uint64_t span, step;

  if (delta > 0 ? limit <= start : limit >= start)
    return 0;
  span = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
  step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
  span = (span - 1) / step + 1;
  return span > G_MAXINT64 ? G_MAXINT64 : (int64_t)span;
}

static gboolean
run_range (GonioKernel *k, GError **error)
{
  GonioDType dtype = gonio_tensor_dtype (k->inputs[0]);
  gboolean is_float = ref_form (dtype) == REF_FORM_FLOAT;
  static const char *const names[] = {"start", "limit", "delta"};
  int64_t i[3] = {0}, count;
  double f[3] = {0};
  GonioTensor *y;

  for (int n = 0; n < 3; n++)
    if (is_float ? !ref_scalar_f64 (k->inputs[n], &f[n], names[n], error)
                 : !ref_scalar_int (k->inputs[n], &i[n], names[n], error))
      return FALSE;
  if (is_float ? f[2] == 0 : i[2] == 0)
    return ref_bad_value (error, "delta is 0");
  if (is_float) {
    double steps = ceil ((f[1] - f[0]) / f[2]);

    if (isnan (steps) || steps > 0x1p62)
      return ref_bad_value (error, "a range from %g to %g by %g has no end", f[0], f[1], f[2]);
    count = steps > 0 ? (int64_t)steps : 0;
  } else {
    count = range_count_int (i[0], i[1], i[2]);
  }
  y = ref_output (k, 0, dtype, REF_SHAPE (count), error);
  if (y == NULL)
    return FALSE;
  for (int64_t n = 0; n < count; n++) {
    double value = f[0] + (double)n * f[2];
    int64_t whole = (int64_t)((uint64_t)i[0] + (uint64_t)n * (uint64_t)i[2]);

    if (is_float)
      ref_store_f64 (y, n, 1, &value);
    else
      ref_store_i64 (y, n, 1, &whole, FALSE);
  }
  return TRUE;
}

static gboolean
run_eye_like (GonioKernel *k, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (k->inputs[0]);
  int64_t dtype = ref_attr_int (k, "dtype", gonio_tensor_dtype (k->inputs[0]));
  int64_t diagonal = ref_attr_int (k, "k", 0), one = 1;
  GonioTensor *y;

  if (shape->rank != 2)
    return ref_bad_shape (error, "input has rank %d, it must be a matrix", shape->rank);
  if (dtype <= 0 || dtype >= GONIO_DTYPE_COUNT || (((REF_NUMBERS | REF_BOOL) >> dtype) & 1) == 0)
    return ref_bad_value (error, "dtype %" G_GINT64_FORMAT " is no numeric type", dtype);
  y = ref_output (k, 0, (GonioDType)dtype, shape, error);
  if (y == NULL)
    return FALSE;
  ref_clear (y, 0, gonio_tensor_count (y));
  diagonal = CLAMP (diagonal, -shape->dims[0], shape->dims[1]);
  for (int64_t row = MAX (-diagonal, 0); row < shape->dims[0]; row++) {
    if (row + diagonal >= shape->dims[1])
      break;
    ref_store_i64 (y, row * shape->dims[1] + row + diagonal, 1, &one, FALSE);
  }
  return TRUE;
}

const RefRow ref_rows_shape[] = {
    {GONIO_OP_CONSTANT_OF_SHAPE, run_constant_of_shape, NULL, {REF_T (INT64)}, 0, 0},
    {GONIO_OP_EYE_LIKE, run_eye_like, NULL, {REF_NUMBERS | REF_BOOL}, 0, 0},
    {GONIO_OP_FLATTEN, run_flatten, NULL, {REF_ANY}, 0, 0},
    {GONIO_OP_RANGE, run_range, NULL, {REF_NUMBERS}, REF_SAME_ALL, 0},
    {GONIO_OP_RESHAPE, run_reshape, NULL, {REF_ANY, REF_T (INT64)}, 0, 0},
    {GONIO_OP_SHAPE, run_shape, NULL, {REF_ANY}, 0, 0},
    {GONIO_OP_SIZE, run_size, NULL, {REF_ANY}, 0, 0},
    {GONIO_OP_SQUEEZE, run_squeeze, NULL, {REF_ANY, REF_T (INT64)}, 0, 0},
    {GONIO_OP_UNSQUEEZE, run_unsqueeze, NULL, {REF_ANY, REF_T (INT64)}, 0, 0},
    {0},
};
