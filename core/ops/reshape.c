/* Operators that only write dimensions down differently, and those that read them: Reshape,
 * Flatten, Squeeze, Unsqueeze, Shape, Size. Rows are in shape.c. Depends on family.h. */
#include "core/ops/family.h"

static void
pass_elements (GonioInfer *infer)
{
  g_autofree GonioDim *elements = NULL;
  guint n = 0;
  GonioDType dtype = gonio_infer_dtype (infer, 0);

  if ((dtype == GONIO_DTYPE_INT64 || dtype == GONIO_DTYPE_INT32 || dtype == GONIO_DTYPE_BOOL) &&
      gonio_infer_has_output (infer, 0) &&
      gonio_graph_value (infer->graph, infer->node->outputs[0])->shape.has_rank &&
      gonio_graph_value (infer->graph, infer->node->outputs[0])->shape.rank <= 1 &&
      gonio_infer_elements (infer, 0, &elements, &n))
    gonio_infer_set_elements (infer, 0, elements, n);
}

static gboolean
set_shape (GonioInfer *infer, const GonioSymShape *shape, GError **error)
{
  if (!gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), shape, error))
    return FALSE;
  pass_elements (infer);
  return TRUE;
}

/* ---- Reshape ---- */

/* The dimension written as -1: what the input has beyond the other dimensions. Equal symbols
 * on both sides cancel; what is left must be numbers. */
static gboolean
solve_missing (const GonioSymShape *in, const GonioSymShape *out, int missing, GonioDim *out_dim,
               GError **error)
{
  guint used = 0; /* dimensions of in that have cancelled */
  int64_t have = 1, want = 1;
  int left = -1, n_left = 0;

  *out_dim = GONIO_DIM_UNKNOWN;
  for (int d = 0; d < out->rank; d++) {
    if (d == missing)
      continue;
    if (out->dims[d].value >= 0) {
      if (!gonio_checked_mul_i64 (want, out->dims[d].value, &want))
        return gonio_infer_fail (error, "the shape asked for is too large.");
      continue;
    }
    int match = -1;
    for (int k = 0; k < in->rank && match < 0; k++) {
      if (!(used & 1u << k) && gonio_dim_equal (in->dims[k], out->dims[d]))
        match = k;
    }
    if (match < 0)
      return TRUE;
    used |= 1u << match;
  }
  for (int k = 0; k < in->rank; k++) {
    if (used & 1u << k)
      continue;
    if (in->dims[k].value < 0) {
      left = k;
      n_left++;
    } else if (!gonio_checked_mul_i64 (have, in->dims[k].value, &have)) {
      return gonio_infer_fail (error, "its input is too large.");
    }
  }
  if (n_left == 1 && have == want) {
    *out_dim = in->dims[left];
    return TRUE;
  }
  if (n_left > 0)
    return TRUE;
  if (want == 0 || have % want != 0) {
    g_autofree char *from = gonio_sym_shape_to_string (in);
    g_autofree char *to = gonio_sym_shape_to_string (out);
    return gonio_infer_fail (error, "shape %s cannot become %s.", from, to);
  }
  *out_dim = GONIO_DIM (have / want);
  return TRUE;
}

static gboolean
check_count (const GonioSymShape *in, const GonioSymShape *out, GError **error)
{
  GonioShape a = {0}, b = {0};
  int64_t n_a = 0, n_b = 0;

  if (!gonio_sym_shape_known (in, &a) || !gonio_sym_shape_known (out, &b))
    return TRUE;
  if (gonio_shape_count (&a, &n_a) && gonio_shape_count (&b, &n_b) && n_a == n_b)
    return TRUE;
  g_autofree char *from = gonio_sym_shape_to_string (in);
  g_autofree char *to = gonio_sym_shape_to_string (out);
  return gonio_infer_fail (error, "shape %s cannot become %s: their element counts differ.", from,
                           to);
}

static gboolean
read_target (GonioInfer *infer, const GonioDim *target, guint n, GonioSymShape *out,
             int *out_missing, GError **error)
{
  const GonioSymShape *in = gonio_infer_shape (infer, 0);
  gboolean allow_zero = gonio_node_attr_int (infer->node, "allowzero", 0) != 0;

  *out = gonio_sym_rank ((int)n);
  *out_missing = -1;
  for (guint d = 0; d < n; d++) {
    int64_t value = 0;
    if (!gonio_dim_known (target[d], &value)) {
      out->dims[d] = target[d];
    } else if (value == -1) {
      if (*out_missing >= 0)
        return gonio_infer_fail (error, "the shape asked for has -1 twice.");
      *out_missing = (int)d;
    } else if (value < 0) {
      return gonio_infer_fail (error, "the shape asked for has the dimension %" G_GINT64_FORMAT ".",
                               value);
    } else if (value == 0 && !allow_zero) {
      if (in->has_rank && (int)d >= in->rank)
        return gonio_infer_fail (error, "dimension %u is to be copied from an input of rank %d.", d,
                                 in->rank);
      out->dims[d] = in->has_rank ? in->dims[d] : GONIO_DIM_UNKNOWN;
    } else {
      out->dims[d] = GONIO_DIM (value);
    }
  }
  return TRUE;
}

/* A target element that is not known could itself be -1 or 0 at run time; only a symbol, which
 * stands for a dimension, may be taken at its word. */
static gboolean
has_open_element (const GonioDim *target, guint n)
{
  for (guint d = 0; d < n; d++) {
    int64_t value = 0;
    if (!gonio_dim_known (target[d], &value) && !target[d].symbol)
      return TRUE;
  }
  return FALSE;
}

gboolean
gonio_infer_reshape (GonioInfer *infer, GError **error)
{
  const GonioSymShape *in = gonio_infer_shape (infer, 0);
  g_autofree GonioDim *target = NULL;
  GonioSymShape shape = {0};
  guint n = 0;
  int missing = -1;

  if (!gonio_infer_elements (infer, 1, &target, &n)) {
    GonioDim length = gonio_infer_dim (infer, 1, 0);
    shape = gonio_sym_rank (length.value >= 0 && length.value <= GONIO_MAX_RANK ? (int)length.value
                                                                                : -1);
    return set_shape (infer, &shape, error);
  }
  if (n > GONIO_MAX_RANK)
    return gonio_infer_fail (error, "the shape asked for has %u dimensions; %d are possible.", n,
                             GONIO_MAX_RANK);
  if (!read_target (infer, target, n, &shape, &missing, error))
    return FALSE;
  if (missing >= 0 && in->has_rank && !has_open_element (target, n)) {
    GonioDim found = GONIO_DIM_UNKNOWN;
    if (!solve_missing (in, &shape, missing, &found, error))
      return FALSE;
    shape.dims[missing] = found;
  }
  if (in->has_rank && !check_count (in, &shape, error))
    return FALSE;
  return set_shape (infer, &shape, error);
}

/* ---- Flatten ---- */

gboolean
gonio_infer_flatten (GonioInfer *infer, GError **error)
{
  const GonioSymShape *in = gonio_infer_shape (infer, 0);
  int64_t axis = gonio_node_attr_int (infer->node, "axis", 1);
  GonioSymShape shape = gonio_sym_rank (2);

  if (in->has_rank) {
    if (axis < -in->rank || axis > in->rank)
      return gonio_infer_fail (error, "axis %" G_GINT64_FORMAT " is out of range for rank %d.",
                               axis, in->rank);
    axis = axis < 0 ? axis + in->rank : axis;
    shape.dims[0] = shape.dims[1] = GONIO_DIM (1);
    for (int d = 0; d < in->rank; d++)
      shape.dims[d >= axis] = gonio_dim_mul (shape.dims[d >= axis], in->dims[d]);
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* ---- Squeeze, Unsqueeze ---- */

static gboolean
axes_to_mask (const int64_t *axes, guint n, int rank, guint *out_mask, GError **error)
{
  guint mask = 0;
  for (guint i = 0; i < n; i++) {
    int axis = 0;
    if (!gonio_infer_axis (axes[i], rank, &axis, error))
      return FALSE;
    if (mask & 1u << axis)
      return gonio_infer_fail (error, "axis %d is given twice.", axis);
    mask |= 1u << axis;
  }
  *out_mask = mask;
  return TRUE;
}

gboolean
gonio_infer_squeeze (GonioInfer *infer, GError **error)
{
  const GonioSymShape *in = gonio_infer_shape (infer, 0);
  g_autofree int64_t *axes = NULL;
  GonioSymShape shape = {.has_rank = TRUE};
  guint n = 0, mask = 0;
  gboolean given = gonio_infer_input (infer, 1) != NULL;

  if (!in->has_rank || (given && !gonio_infer_ints (infer, 1, &axes, &n)))
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  if (given && !axes_to_mask (axes, n, in->rank, &mask, error))
    return FALSE;
  for (int d = 0; d < in->rank; d++) {
    if (!given && in->dims[d].value < 0) /* could be 1 */
      return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
    gboolean goes = given ? (mask >> d & 1) : in->dims[d].value == 1;
    if (!goes)
      shape.dims[shape.rank++] = in->dims[d];
    else if (in->dims[d].value > 1 || in->dims[d].value == 0)
      return gonio_infer_fail (error, "axis %d has %" G_GINT64_FORMAT " elements, not 1.", d,
                               in->dims[d].value);
  }
  return set_shape (infer, &shape, error);
}

gboolean
gonio_infer_unsqueeze (GonioInfer *infer, GError **error)
{
  const GonioSymShape *in = gonio_infer_shape (infer, 0);
  g_autofree int64_t *axes = NULL;
  guint n = 0, mask = 0;

  if (!in->has_rank)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  if (!gonio_infer_ints (infer, 1, &axes, &n)) {
    GonioDim n_axes = gonio_infer_dim (infer, 1, 0);
    gboolean counted = n_axes.value >= 0 && n_axes.value <= GONIO_MAX_RANK - in->rank;
    GonioSymShape open = gonio_sym_rank (counted ? in->rank + (int)n_axes.value : -1);
    return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &open, error);
  }
  if (n > (guint)(GONIO_MAX_RANK - in->rank))
    return gonio_infer_fail (error, "its result would have %u dimensions; %d are possible.",
                             n + (guint)in->rank, GONIO_MAX_RANK);
  int rank = in->rank + (int)n;
  if (!axes_to_mask (axes, n, rank, &mask, error))
    return FALSE;
  GonioSymShape shape = gonio_sym_rank (rank);
  for (int d = 0, from = 0; d < rank; d++)
    shape.dims[d] = mask >> d & 1 ? GONIO_DIM (1) : in->dims[from++];
  return set_shape (infer, &shape, error);
}

/* ---- Shape, Size ---- */

gboolean
gonio_infer_shape_of (GonioInfer *infer, GError **error)
{
  const GonioSymShape *in = gonio_infer_shape (infer, 0);
  int64_t start = gonio_node_attr_int (infer->node, "start", 0);
  int64_t end = gonio_node_attr_int (infer->node, "end", INT64_MAX);
  GonioSymShape shape = gonio_sym_rank (1);

  if (!in->has_rank)
    return gonio_infer_set (infer, 0, GONIO_DTYPE_INT64, &shape, error);
  start = CLAMP (start < 0 && start >= -in->rank ? start + in->rank : start, 0, in->rank);
  end = CLAMP (end < 0 && end >= -in->rank ? end + in->rank : end, 0, in->rank);
  shape.dims[0] = GONIO_DIM (MAX (end - start, 0));
  if (!gonio_infer_set (infer, 0, GONIO_DTYPE_INT64, &shape, error))
    return FALSE;
  gonio_infer_set_elements (infer, 0, in->dims + start, (guint)shape.dims[0].value);
  return TRUE;
}

gboolean
gonio_infer_size (GonioInfer *infer, GError **error)
{
  const GonioSymShape *in = gonio_infer_shape (infer, 0);
  GonioSymShape shape = gonio_sym_rank (0);
  GonioDim count = GONIO_DIM (1);

  if (!gonio_infer_set (infer, 0, GONIO_DTYPE_INT64, &shape, error))
    return FALSE;
  for (int d = 0; in->has_rank && d < in->rank; d++)
    count = gonio_dim_mul (count, in->dims[d]);
  if (in->has_rank)
    gonio_infer_set_elements (infer, 0, &count, 1);
  return TRUE;
}
