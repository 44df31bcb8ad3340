/* Views, data movement and arithmetic on shapes. Depends on family.h. The operators that only
 * change how dimensions are written down are in reshape.c. */
#include "core/ops/family.h"

/* ---- Concat, Split ---- */

static void
concat_elements (GonioInfer *infer)
{
  g_autoptr (GArray) all = g_array_new (FALSE, TRUE, sizeof (GonioDim));

  for (guint i = 0; i < infer->node->n_inputs; i++) {
    g_autofree GonioDim *part = NULL;
    guint n = 0;
    GonioDim length = gonio_infer_dim (infer, i, 0);
    if (gonio_infer_elements (infer, i, &part, &n)) {
      g_array_append_vals (all, part, n);
    } else { /* unknown elements still have places */
      if (length.value < 0 || length.value > GONIO_MAX_KNOWN)
        return;
      for (int64_t k = 0; k < length.value; k++)
        g_array_append_val (all, GONIO_DIM_UNKNOWN);
    }
    if (all->len > GONIO_MAX_KNOWN)
      return;
  }
  gonio_infer_set_elements (infer, 0, (const GonioDim *)all->data, all->len);
}

static gboolean
concat_axis (GonioInfer *infer, guint i, int axis, GonioSymShape *shape, GError **error)
{
  const GonioSymShape *other = gonio_infer_shape (infer, i);

  if (!other->has_rank) {
    shape->dims[axis] = GONIO_DIM_UNKNOWN;
    return TRUE;
  }
  gboolean fits = other->rank == shape->rank;
  for (int d = 0; fits && d < shape->rank; d++) {
    if (d == axis)
      shape->dims[d] = gonio_dim_add (shape->dims[d], other->dims[d]);
    else
      fits = gonio_dim_merge (shape->dims[d], other->dims[d], &shape->dims[d]);
  }
  if (fits)
    return TRUE;
  g_autofree char *text = gonio_sym_shape_to_string (other);
  g_autofree char *first = gonio_sym_shape_to_string (gonio_infer_shape (infer, 0));
  return gonio_infer_fail (error, "input %u has shape %s, which does not fit %s along axis %d.", i,
                           text, first, axis);
}

static gboolean
infer_concat (GonioInfer *infer, GError **error)
{
  GonioDType dtype = GONIO_DTYPE_NONE;
  int rank = -1, axis = 0;

  for (guint i = 0; i < infer->node->n_inputs; i++) {
    if (!gonio_infer_same_dtype (infer, 0, i, error))
      return FALSE;
    dtype = dtype ? dtype : gonio_infer_dtype (infer, i);
    rank = rank >= 0 ? rank : gonio_infer_rank (infer, i);
  }
  if (rank < 0)
    return gonio_infer_dtype_only (infer, 0, dtype, error);
  if (!gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", 0), rank, &axis, error))
    return FALSE;
  GonioSymShape shape = gonio_sym_rank (rank);
  shape.dims[axis] = GONIO_DIM (0);
  for (guint i = 0; i < infer->node->n_inputs; i++) {
    if (!concat_axis (infer, i, axis, &shape, error))
      return FALSE;
  }
  /* One input without a rank makes the sum unknown whatever follows. */
  for (guint i = 0; i < infer->node->n_inputs; i++) {
    if (gonio_infer_rank (infer, i) < 0)
      shape.dims[axis] = GONIO_DIM_UNKNOWN;
  }
  if (!gonio_infer_set (infer, 0, dtype, &shape, error))
    return FALSE;
  if (rank == 1 && (dtype == GONIO_DTYPE_INT64 || dtype == GONIO_DTYPE_INT32))
    concat_elements (infer);
  return TRUE;
}

static gboolean
split_lengths (GonioInfer *infer, int64_t total, int64_t *out, guint n, gboolean *out_known,
               GError **error)
{
  g_autofree int64_t *lengths = NULL;
  guint n_lengths = 0;
  int64_t sum = 0;

  *out_known = FALSE;
  if (infer->node->n_inputs > 1) {
    if (!gonio_infer_ints (infer, 1, &lengths, &n_lengths))
      return TRUE;
    if (n_lengths != n)
      return gonio_infer_fail (error, "%u lengths are given for %u outputs.", n_lengths, n);
    for (guint i = 0; i < n; i++) {
      if (lengths[i] < 0 || !gonio_checked_add_i64 (sum, lengths[i], &sum))
        return gonio_infer_fail (error, "length %u is %" G_GINT64_FORMAT ".", i, lengths[i]);
      out[i] = lengths[i];
    }
    if (total >= 0 && sum != total)
      return gonio_infer_fail (
          error, "its lengths add up to %" G_GINT64_FORMAT ", the axis has %" G_GINT64_FORMAT ".",
          sum, total);
    *out_known = TRUE;
    return TRUE;
  }
  int64_t parts = gonio_node_attr_int (infer->node, "num_outputs", n);
  if (parts != n)
    return gonio_infer_fail (error, "num_outputs is %" G_GINT64_FORMAT " for %u outputs.", parts,
                             n);
  if (total < 0)
    return TRUE;
  int64_t chunk = total / parts + (total % parts != 0);
  for (guint i = 0; i < n; i++)
    out[i] = CLAMP (total - (int64_t)i * chunk, 0, chunk);
  *out_known = TRUE;
  return TRUE;
}

static gboolean
infer_split (GonioInfer *infer, GError **error)
{
  guint n = infer->node->n_outputs;
  g_autofree int64_t *lengths = g_new0 (int64_t, n + 1);
  g_autofree GonioDim *elements = NULL;
  int rank = gonio_infer_rank (infer, 0), axis = 0;
  guint n_elements = 0, at = 0;
  gboolean known = FALSE;

  if (rank < 0) {
    for (guint i = 0; i < n; i++) {
      if (!gonio_infer_dtype_only (infer, i, gonio_infer_dtype (infer, 0), error))
        return FALSE;
    }
    return TRUE;
  }
  if (!gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", 0), rank, &axis, error) ||
      !split_lengths (infer, gonio_infer_dim (infer, 0, axis).value, lengths, n, &known, error))
    return FALSE;
  gboolean has_elements = known && gonio_infer_elements (infer, 0, &elements, &n_elements);
  for (guint i = 0; i < n; i++) {
    GonioSymShape shape = *gonio_infer_shape (infer, 0);
    shape.dims[axis] = known ? GONIO_DIM (lengths[i]) : GONIO_DIM_UNKNOWN;
    if (!gonio_infer_set (infer, i, gonio_infer_dtype (infer, 0), &shape, error))
      return FALSE;
    if (has_elements && at + lengths[i] <= n_elements) {
      gonio_infer_set_elements (infer, i, elements + at, (guint)lengths[i]);
      at += (guint)lengths[i];
    }
  }
  return TRUE;
}

/* ---- Slice ---- */

/* One axis as numpy slices it. */
static void
slice_length (int64_t size, int64_t start, int64_t end, int64_t step, int64_t *out_first,
              int64_t *out_count)
{
  int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;

  if (start < 0)
    start = start < -size ? low : start + size;
  if (end < 0)
    end = end < -size ? low : end + size;
  start = CLAMP (start, low, high);
  end = CLAMP (end, low, size);
  int64_t span = step > 0 ? end - start : start - end;
  uint64_t magnitude = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
  *out_first = start;
  *out_count = span > 0 ? (int64_t)(((uint64_t)span + magnitude - 1) / magnitude) : 0;
}

typedef struct {
  GonioDim *starts, *ends;
  int64_t *axes, *steps;
  guint n;
} SliceArgs;

static void
slice_args_clear (SliceArgs *args)
{
  g_free (args->starts);
  g_free (args->ends);
  g_free (args->axes);
  g_free (args->steps);
}

/* Elements of input i, all unknown when only their number is. */
static gboolean
elements_or_places (const GonioInfer *infer, guint i, GonioDim **out_dims, guint *out_count)
{
  GonioDim length = gonio_infer_dim (infer, i, 0);

  if (gonio_infer_elements (infer, i, out_dims, out_count))
    return TRUE;
  if (length.value < 0 || length.value > GONIO_MAX_RANK)
    return FALSE;
  *out_count = (guint)length.value;
  *out_dims = g_new0 (GonioDim, *out_count + 1);
  for (guint k = 0; k < *out_count; k++)
    (*out_dims)[k] = GONIO_DIM_UNKNOWN;
  return TRUE;
}

/* FALSE: axes or steps are not known, or the counts differ (with error). */
static gboolean
read_slice_args (GonioInfer *infer, SliceArgs *args, GError **error)
{
  guint n_ends = 0, n_axes = 0, n_steps = 0;

  if (!elements_or_places (infer, 1, &args->starts, &args->n) ||
      !elements_or_places (infer, 2, &args->ends, &n_ends))
    return FALSE;
  if (gonio_infer_input (infer, 3)) {
    if (!gonio_infer_ints (infer, 3, &args->axes, &n_axes))
      return FALSE;
  } else {
    n_axes = args->n;
    args->axes = g_new0 (int64_t, n_axes + 1);
    for (guint i = 0; i < n_axes; i++)
      args->axes[i] = i;
  }
  if (gonio_infer_input (infer, 4)) {
    if (!gonio_infer_ints (infer, 4, &args->steps, &n_steps))
      return FALSE;
  } else {
    n_steps = args->n;
    args->steps = g_new0 (int64_t, n_steps + 1);
    for (guint i = 0; i < n_steps; i++)
      args->steps[i] = 1;
  }
  if (n_ends != args->n || n_axes != args->n || n_steps != args->n)
    return gonio_infer_fail (error, "starts, ends, axes and steps have %u, %u, %u and %u elements.",
                             args->n, n_ends, n_axes, n_steps);
  return TRUE;
}

static gboolean
slice_axis (GonioSymShape *shape, const SliceArgs *args, guint i, GError **error)
{
  int64_t start = 0, end = 0, first = 0, count = 0;
  int axis = 0;

  if (!gonio_infer_axis (args->axes[i], shape->rank, &axis, error))
    return FALSE;
  if (args->steps[i] == 0)
    return gonio_infer_fail (error, "a step is 0.");
  GonioDim size = shape->dims[axis];
  gboolean known_start = gonio_dim_known (args->starts[i], &start);
  gboolean known_end = gonio_dim_known (args->ends[i], &end);
  if (size.value < 0) {
    /* The whole of an unknown length stays what it is; [0, n) of at least n is not known. */
    gboolean whole =
        known_start && known_end && start == 0 && end >= G_MAXINT32 && args->steps[i] == 1;
    whole |=
        known_start && start == 0 && args->steps[i] == 1 && gonio_dim_equal (args->ends[i], size);
    if (!whole)
      shape->dims[axis] = GONIO_DIM_UNKNOWN;
    return TRUE;
  }
  if (!known_start || !known_end) {
    shape->dims[axis] = GONIO_DIM_UNKNOWN;
    return TRUE;
  }
  slice_length (size.value, start, end, args->steps[i], &first, &count);
  shape->dims[axis] = GONIO_DIM (count);
  return TRUE;
}

static void
slice_elements (GonioInfer *infer, const SliceArgs *args)
{
  g_autofree GonioDim *elements = NULL;
  int64_t start = 0, end = 0, first = 0, count = 0;
  guint n = 0;

  if (args->n != 1 || !gonio_infer_elements (infer, 0, &elements, &n) ||
      !gonio_dim_known (args->starts[0], &start) || !gonio_dim_known (args->ends[0], &end))
    return;
  slice_length (n, start, end, args->steps[0], &first, &count);
  g_autofree GonioDim *result = g_new0 (GonioDim, (gsize)count + 1);
  for (int64_t i = 0; i < count; i++)
    result[i] = elements[first + i * args->steps[0]];
  gonio_infer_set_elements (infer, 0, result, (guint)count);
}

static gboolean
infer_slice (GonioInfer *infer, GError **error)
{
  int rank = gonio_infer_rank (infer, 0);
  GonioSymShape shape = gonio_sym_rank (rank);
  SliceArgs args = {0};
  GError *bad = NULL;

  if (rank < 0)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  gboolean known = read_slice_args (infer, &args, &bad);
  if (known) {
    shape = *gonio_infer_shape (infer, 0);
    for (guint i = 0; i < args.n && !bad; i++)
      slice_axis (&shape, &args, i, &bad);
  }
  gboolean ok = !bad && gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, &bad);
  if (ok && known && rank == 1)
    slice_elements (infer, &args);
  slice_args_clear (&args);
  if (bad)
    g_propagate_error (error, bad);
  return ok;
}

/* ---- Pad, CenterCropPad ---- */

static gboolean
infer_pad (GonioInfer *infer, GError **error)
{
  int rank = gonio_infer_rank (infer, 0);
  GonioSymShape shape = gonio_sym_rank (rank);
  g_autofree int64_t *axes = NULL;
  g_autofree GonioDim *pads = NULL;
  guint n_pads = 0, n_axes = 0;

  if (rank < 0)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  gboolean known = gonio_infer_elements (infer, 1, &pads, &n_pads);
  if (gonio_infer_input (infer, 3)) {
    known = known && gonio_infer_ints (infer, 3, &axes, &n_axes);
  } else {
    n_axes = (guint)rank;
    axes = g_new0 (int64_t, n_axes + 1);
    for (guint i = 0; i < n_axes; i++)
      axes[i] = i;
  }
  if (!known)
    return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
  if (n_pads != 2 * n_axes)
    return gonio_infer_fail (error, "%u pads are given for %u axes.", n_pads, n_axes);
  shape = *gonio_infer_shape (infer, 0);
  for (guint i = 0; i < n_axes; i++) {
    int axis = 0;
    if (!gonio_infer_axis (axes[i], rank, &axis, error))
      return FALSE;
    GonioDim grown = gonio_dim_add (gonio_dim_add (shape.dims[axis], pads[i]), pads[n_axes + i]);
    int64_t size = 0;
    if (gonio_dim_known (grown, &size) && size < 0)
      return gonio_infer_fail (error, "its pads remove more than axis %d has.", axis);
    shape.dims[axis] = grown;
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static gboolean
infer_center_crop_pad (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);
  g_autofree GonioDim *sizes = NULL;
  guint n = 0, n_axes = 0;
  const int64_t *axes = gonio_node_attr_ints (infer->node, "axes", &n_axes);

  if (!shape.has_rank)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  gboolean known = gonio_infer_elements (infer, 1, &sizes, &n);
  if (known && n != (axes ? n_axes : (guint)shape.rank))
    return gonio_infer_fail (error, "%u sizes are given for %d axes.", n,
                             axes ? (int)n_axes : shape.rank);
  for (guint i = 0; i < (axes ? n_axes : (guint)shape.rank); i++) {
    int axis = 0;
    int64_t size = 0;
    if (!gonio_infer_axis (axes ? axes[i] : (int64_t)i, shape.rank, &axis, error))
      return FALSE;
    if (known && gonio_dim_known (sizes[i], &size) && size < 0)
      return gonio_infer_fail (error, "size %u is negative.", i);
    shape.dims[axis] = known ? sizes[i] : GONIO_DIM_UNKNOWN;
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* ---- Expand, Tile, ConstantOfShape, Range, EyeLike ---- */

/* Elements of input i as a shape; unknown dimensions when only their number is known. */
static GonioSymShape
shape_from_input (const GonioInfer *infer, guint i)
{
  g_autofree GonioDim *dims = NULL;
  guint n = 0;

  if (gonio_infer_elements (infer, i, &dims, &n) && n <= GONIO_MAX_RANK) {
    GonioSymShape shape = gonio_sym_rank ((int)n);
    for (guint d = 0; d < n; d++)
      shape.dims[d] = dims[d];
    return shape;
  }
  GonioDim length = gonio_infer_dim (infer, i, 0);
  return gonio_sym_rank (length.value >= 0 && length.value <= GONIO_MAX_RANK ? (int)length.value
                                                                             : -1);
}

static gboolean
refuse_negative (const GonioSymShape *shape, GError **error)
{
  for (int d = 0; shape->has_rank && d < shape->rank; d++) {
    int64_t value = 0;
    if (gonio_dim_known (shape->dims[d], &value) && value < 0)
      return gonio_infer_fail (error, "the shape asked for has the dimension %" G_GINT64_FORMAT ".",
                               value);
  }
  return TRUE;
}

static void
repeat_element (GonioInfer *infer, const GonioSymShape *shape)
{
  g_autofree GonioDim *elements = NULL;
  guint n = 0;
  int64_t count = shape->has_rank && shape->rank == 1   ? shape->dims[0].value
                  : shape->has_rank && shape->rank == 0 ? 1
                                                        : -1;
  if (count < 0 || count > GONIO_MAX_KNOWN || !gonio_infer_elements (infer, 0, &elements, &n) ||
      n == 0 || (n != 1 && n != count))
    return;
  g_autofree GonioDim *result = g_new0 (GonioDim, (gsize)count + 1);
  for (int64_t i = 0; i < count; i++)
    result[i] = elements[n == 1 ? 0 : i];
  gonio_infer_set_elements (infer, 0, result, (guint)count);
}

static gboolean
infer_expand (GonioInfer *infer, GError **error)
{
  GonioSymShape target = shape_from_input (infer, 1), shape = {0};

  if (!refuse_negative (&target, error) ||
      !gonio_sym_broadcast (gonio_infer_shape (infer, 0), &target, &shape, error) ||
      !gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error))
    return FALSE;
  if (gonio_dtype_is_integer (gonio_infer_dtype (infer, 0)))
    repeat_element (infer, &shape);
  return TRUE;
}

static gboolean
infer_tile (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);
  g_autofree GonioDim *repeats = NULL;
  guint n = 0;

  if (!shape.has_rank)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  gboolean known = gonio_infer_elements (infer, 1, &repeats, &n);
  if (known && (int)n != shape.rank)
    return gonio_infer_fail (error, "%u repeats are given for rank %d.", n, shape.rank);
  for (int d = 0; d < shape.rank; d++) {
    int64_t times = 0;
    if (known && gonio_dim_known (repeats[d], &times) && times < 0)
      return gonio_infer_fail (error, "a repeat is %" G_GINT64_FORMAT ".", times);
    shape.dims[d] = known ? gonio_dim_mul (shape.dims[d], repeats[d]) : GONIO_DIM_UNKNOWN;
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static gboolean
infer_constant_of_shape (GonioInfer *infer, GError **error)
{
  const GonioAttr *attr = gonio_node_attr (infer->node, "value");
  gboolean has_value = attr && attr->type == GONIO_ATTR_TENSOR;
  GonioDType dtype = has_value ? gonio_tensor_dtype (attr->tensor) : GONIO_DTYPE_FLOAT;
  GonioSymShape shape = shape_from_input (infer, 0);

  if (has_value && gonio_tensor_count (attr->tensor) != 1)
    return gonio_infer_fail (error, "attribute “value” must have one element.");
  if (!refuse_negative (&shape, error) || !gonio_infer_set (infer, 0, dtype, &shape, error))
    return FALSE;
  int64_t count = shape.has_rank && shape.rank == 1 ? shape.dims[0].value : -1;
  if (!has_value || (dtype != GONIO_DTYPE_INT64 && dtype != GONIO_DTYPE_INT32) || count < 0 ||
      count > GONIO_MAX_KNOWN)
    return TRUE;
  g_autofree GonioDim *elements = g_new0 (GonioDim, (gsize)count + 1);
  for (int64_t i = 0; i < count; i++)
    elements[i] = gonio_dim_from_int (gonio_tensor_get_int (attr->tensor, 0));
  gonio_infer_set_elements (infer, 0, elements, (guint)count);
  return TRUE;
}

static gboolean
range_count (const GonioInfer *infer, int64_t *out_count, int64_t *out_start, int64_t *out_step)
{
  int64_t start = 0, limit = 0, step = 0, span = 0;

  if (!gonio_infer_scalar (infer, 0, &start) || !gonio_infer_scalar (infer, 1, &limit) ||
      !gonio_infer_scalar (infer, 2, &step) || step == 0 || step == INT64_MIN ||
      __builtin_sub_overflow (limit, start, &span))
    return FALSE;
  if (step < 0) {
    if (__builtin_sub_overflow (start, limit, &span))
      return FALSE;
  }
  int64_t magnitude = step < 0 ? -step : step;
  *out_count = span <= 0 ? 0 : span / magnitude + (span % magnitude != 0);
  *out_start = start;
  *out_step = step;
  return TRUE;
}

static gboolean
infer_range (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = gonio_sym_rank (1);
  GonioDType dtype = gonio_infer_dtype (infer, 0);
  int64_t count = 0, start = 0, step = 0;

  if (!gonio_infer_same_dtype (infer, 0, 1, error) || !gonio_infer_same_dtype (infer, 0, 2, error))
    return FALSE;
  gboolean known = range_count (infer, &count, &start, &step);
  if (known)
    shape.dims[0] = GONIO_DIM (count);
  if (!gonio_infer_set (infer, 0, dtype, &shape, error))
    return FALSE;
  if (!known || count > GONIO_MAX_KNOWN ||
      (dtype != GONIO_DTYPE_INT64 && dtype != GONIO_DTYPE_INT32))
    return TRUE;
  g_autofree GonioDim *elements = g_new0 (GonioDim, (gsize)count + 1);
  for (int64_t i = 0; i < count; i++)
    elements[i] = gonio_dim_from_int (start + i * step);
  gonio_infer_set_elements (infer, 0, elements, (guint)count);
  return TRUE;
}

static gboolean
infer_eye_like (GonioInfer *infer, GError **error)
{
  int64_t dtype = gonio_node_attr_int (infer->node, "dtype", gonio_infer_dtype (infer, 0));

  if (dtype < 0 || dtype >= GONIO_DTYPE_COUNT)
    return gonio_infer_fail (error, "attribute “dtype” is %" G_GINT64_FORMAT ".", dtype);
  return gonio_infer_need_rank (infer, 0, 2, 2, error) &&
         gonio_infer_set (infer, 0, (GonioDType)dtype, gonio_infer_shape (infer, 0), error);
}

/* ---- rearrangement ---- */

static gboolean
infer_transpose (GonioInfer *infer, GError **error)
{
  const GonioSymShape *in = gonio_infer_shape (infer, 0);
  guint n = 0, seen = 0;
  const int64_t *perm = gonio_node_attr_ints (infer->node, "perm", &n);

  if (!in->has_rank)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  if (perm && (int)n != in->rank)
    return gonio_infer_fail (error, "perm has %u elements for rank %d.", n, in->rank);
  GonioSymShape shape = gonio_sym_rank (in->rank);
  for (int d = 0; d < in->rank; d++) {
    int64_t from = perm ? perm[d] : in->rank - 1 - d;
    if (from < 0 || from >= in->rank || seen & 1u << from)
      return gonio_infer_fail (error, "perm is not a permutation of 0 to %d.", in->rank - 1);
    seen |= 1u << from;
    shape.dims[d] = in->dims[from];
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static gboolean
infer_block (GonioInfer *infer, GError **error)
{
  gboolean to_space = infer->node->op == GONIO_OP_DEPTH_TO_SPACE;
  int64_t block = gonio_node_attr_int (infer->node, "blocksize", 0);
  GonioSymShape shape = *gonio_infer_shape (infer, 0);

  if (block < 1 || block > 1 << 15)
    return gonio_infer_fail (error, "blocksize is %" G_GINT64_FORMAT ".", block);
  if (!gonio_infer_need_rank (infer, 0, 4, 4, error))
    return FALSE;
  for (int d = 1; shape.has_rank && d < 4; d++) {
    int64_t by = d == 1 ? block * block : block;
    gboolean shrinks = (d == 1) == to_space;
    if (shrinks && shape.dims[d].value >= 0 && shape.dims[d].value % by != 0)
      return gonio_infer_fail (
          error, "dimension %d (%" G_GINT64_FORMAT ") does not divide by %" G_GINT64_FORMAT ".", d,
          shape.dims[d].value, by);
    if (!shrinks)
      shape.dims[d] = gonio_dim_mul (shape.dims[d], GONIO_DIM (by));
    else if (by > 1)
      shape.dims[d] =
          shape.dims[d].value >= 0 ? GONIO_DIM (shape.dims[d].value / by) : GONIO_DIM_UNKNOWN;
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static gboolean
infer_trilu (GonioInfer *infer, GError **error)
{
  return gonio_infer_need_rank (infer, 0, 2, GONIO_MAX_RANK, error) &&
         gonio_infer_same (infer, error);
}

static gboolean
infer_reverse_sequence (GonioInfer *infer, GError **error)
{
  return gonio_infer_need_rank (infer, 0, 2, GONIO_MAX_RANK, error) &&
         gonio_infer_need_rank (infer, 1, 1, 1, error) && gonio_infer_same (infer, error);
}

/* ---- schemas ---- */

static const GonioAttrSchema attrs_axis[] = {{"axis", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_axis_required[] = {{"axis", GONIO_ATTR_INT, TRUE}, {0}};
static const GonioAttrSchema attrs_split[] = {
    {"axis", GONIO_ATTR_INT, FALSE}, {"num_outputs", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_axes[] = {{"axes", GONIO_ATTR_INTS, FALSE}, {0}};
static const GonioAttrSchema attrs_value[] = {{"value", GONIO_ATTR_TENSOR, FALSE}, {0}};
static const GonioAttrSchema attrs_depth[] = {
    {"blocksize", GONIO_ATTR_INT, TRUE}, {"mode", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_block[] = {{"blocksize", GONIO_ATTR_INT, TRUE}, {0}};
static const GonioAttrSchema attrs_eye[] = {
    {"dtype", GONIO_ATTR_INT, FALSE}, {"k", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_allowzero[] = {{"allowzero", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_mode[] = {{"mode", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_perm[] = {{"perm", GONIO_ATTR_INTS, FALSE}, {0}};
static const GonioAttrSchema attrs_reverse[] = {
    {"batch_axis", GONIO_ATTR_INT, FALSE}, {"time_axis", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_shape[] = {
    {"start", GONIO_ATTR_INT, FALSE}, {"end", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_trilu[] = {{"upper", GONIO_ATTR_INT, FALSE}, {0}};

#define LAYOUT GONIO_OPF_LAYOUT_SENSITIVE
#define EXACT  GONIO_TOLERANCE_EXACT

const GonioOpDef gonio_ops_shape[] = {
    {GONIO_OP_CENTER_CROP_PAD, 2, 2, 1, 1, LAYOUT, 0, EXACT, attrs_axes, infer_center_crop_pad},
    {GONIO_OP_CONCAT, 1, -1, 1, 1, LAYOUT, 0, EXACT, attrs_axis_required, infer_concat},
    {GONIO_OP_CONSTANT_OF_SHAPE, 1, 1, 1, 1, GONIO_OPF_NO_FOLD, 0, EXACT, attrs_value,
     infer_constant_of_shape},
    {GONIO_OP_DEPTH_TO_SPACE, 1, 1, 1, 1, LAYOUT, 0, EXACT, attrs_depth, infer_block},
    {GONIO_OP_EXPAND, 2, 2, 1, 1, LAYOUT | GONIO_OPF_NO_FOLD, 0, EXACT, NULL, infer_expand},
    {GONIO_OP_EYE_LIKE, 1, 1, 1, 1, LAYOUT, 0, EXACT, attrs_eye, infer_eye_like},
    {GONIO_OP_FLATTEN, 1, 1, 1, 1, LAYOUT, 1, EXACT, attrs_axis, gonio_infer_flatten},
    {GONIO_OP_PAD, 2, 4, 1, 1, LAYOUT, 0, EXACT, attrs_mode, infer_pad},
    {GONIO_OP_RANGE, 3, 3, 1, 1, 0, 0, EXACT, NULL, infer_range},
    {GONIO_OP_RESHAPE, 2, 2, 1, 1, LAYOUT, 1, EXACT, attrs_allowzero, gonio_infer_reshape},
    {GONIO_OP_REVERSE_SEQUENCE, 2, 2, 1, 1, LAYOUT, 0, EXACT, attrs_reverse,
     infer_reverse_sequence},
    {GONIO_OP_SHAPE, 1, 1, 1, 1, LAYOUT | GONIO_OPF_SHAPE, 0, EXACT, attrs_shape,
     gonio_infer_shape_of},
    {GONIO_OP_SIZE, 1, 1, 1, 1, GONIO_OPF_SHAPE, 0, EXACT, NULL, gonio_infer_size},
    {GONIO_OP_SLICE, 3, 5, 1, 1, LAYOUT, 0, EXACT, NULL, infer_slice},
    {GONIO_OP_SPACE_TO_DEPTH, 1, 1, 1, 1, LAYOUT, 0, EXACT, attrs_block, infer_block},
    {GONIO_OP_SPLIT, 1, 2, 1, -1, LAYOUT, 0, EXACT, attrs_split, infer_split},
    {GONIO_OP_SQUEEZE, 1, 2, 1, 1, LAYOUT, 1, EXACT, NULL, gonio_infer_squeeze},
    {GONIO_OP_TILE, 2, 2, 1, 1, LAYOUT | GONIO_OPF_NO_FOLD, 0, EXACT, NULL, infer_tile},
    {GONIO_OP_TRANSPOSE, 1, 1, 1, 1, LAYOUT, 0, EXACT, attrs_perm, infer_transpose},
    {GONIO_OP_TRILU, 1, 2, 1, 1, LAYOUT, 1, EXACT, attrs_trilu, infer_trilu},
    {GONIO_OP_UNSQUEEZE, 2, 2, 1, 1, LAYOUT, 1, EXACT, NULL, gonio_infer_unsqueeze},
    {.id = GONIO_OP_INVALID},
};
