/* Data movement: every element of the output is one of the input (or a filler), so any type
 * goes, strings included. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <string.h>

/* ---- Concat, Split ---- */

gboolean
ref_join (GonioKernel *k, guint output, GonioTensor *const *parts, guint n, int64_t axis_given,
          GError **error)
{
  GonioShape shape = *gonio_tensor_shape (parts[0]);
  int64_t at = 0, block, outer;
  GonioTensor *y;
  int axis;

  if (!ref_axis (axis_given, shape.rank, &axis, error))
    return FALSE;
  for (guint i = 1; i < n; i++) {
    const GonioShape *next;
    gboolean fits;

    if (parts[i] == NULL)
      return ref_bad_shape (error, "input %u is missing", i);
    next = gonio_tensor_shape (parts[i]);
    fits = next->rank == shape.rank;
    for (int d = 0; fits && d < shape.rank; d++)
      fits = d == axis || next->dims[d] == shape.dims[d];
    if (!fits || !gonio_checked_add_i64 (shape.dims[axis], next->dims[axis], &shape.dims[axis])) {
      g_autofree char *left = gonio_shape_to_string (gonio_tensor_shape (parts[0]));
      g_autofree char *right = gonio_shape_to_string (next);

      return ref_bad_shape (error, "shapes %s and %s cannot be joined along axis %d", left, right,
                            axis);
    }
  }
  y = ref_output (k, output, gonio_tensor_dtype (parts[0]), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  outer = ref_dims_product (&shape, 0, axis);
  block = ref_dims_product (&shape, axis, shape.rank);
  for (guint i = 0; i < n; i++) {
    int64_t own = ref_dims_product (gonio_tensor_shape (parts[i]), axis, shape.rank);

    for (int64_t o = 0; o < outer; o++)
      ref_copy (y, o * block + at, parts[i], o * own, own);
    at += own;
  }
  return TRUE;
}

gboolean
ref_stack (GonioKernel *k, guint output, GonioTensor *const *parts, guint n, int64_t axis_given,
           GError **error)
{
  g_auto (RefItems) views = {0};
  int axis;

  if (!ref_axis (axis_given, gonio_tensor_shape (parts[0])->rank + 1, &axis, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    GonioShape shape = *gonio_tensor_shape (parts[i]);

    if (shape.rank < axis || shape.rank >= GONIO_MAX_RANK)
      return ref_bad_shape (error, "part %u has rank %d, which leaves no room for axis %d", i,
                            shape.rank, axis);
    for (int d = shape.rank++; d > axis; d--)
      shape.dims[d] = shape.dims[d - 1];
    shape.dims[axis] = 1;
    if (!ref_items_take (&views, gonio_tensor_new_view (parts[i], &shape, error), error))
      return FALSE;
  }
  return ref_join (k, output, views.items, n, axis, error);
}

GonioTensor *
ref_part (const GonioTensor *x, int axis, int64_t from, int64_t size, gboolean keep_axis,
          GError **error)
{
  GonioShape shape = *gonio_tensor_shape (x);
  int64_t dim = shape.dims[axis], outer = ref_dims_product (&shape, 0, axis);
  int64_t inner = ref_dims_product (&shape, axis + 1, shape.rank);
  GonioTensor *part;

  shape.dims[axis] = size;
  if (!keep_axis) {
    shape.rank--;
    for (int d = axis; d < shape.rank; d++)
      shape.dims[d] = shape.dims[d + 1];
  }
  part = gonio_tensor_new (gonio_tensor_dtype (x), &shape, error);
  for (int64_t o = 0; part != NULL && gonio_tensor_count (part) > 0 && o < outer; o++)
    ref_copy (part, o * size * inner, x, (o * dim + from) * inner, size * inner);
  return part;
}

static gboolean
run_concat (GonioKernel *k, GError **error)
{
  return ref_join (k, 0, k->inputs, k->node->n_inputs, ref_attr_int (k, "axis", 0), error);
}

/* Size of part i of n when no sizes are given: equal, the last ones smaller. */
static int64_t
equal_part (int64_t dim, int64_t n, int64_t i)
{
  int64_t part = dim / n + (dim % n != 0), start;

  if (!gonio_checked_mul_i64 (part, i, &start) || start >= dim)
    return 0;
  return MIN (part, dim - start);
}

static gboolean
run_split (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *sizes = ref_in (k, 1);
  GonioShape shape = *gonio_tensor_shape (x);
  int64_t n = k->node->n_outputs, named = ref_attr_int (k, "num_outputs", n);
  int64_t dim, outer, inner, at = 0;
  int axis;

  if (!ref_axis (ref_attr_int (k, "axis", 0), shape.rank, &axis, error))
    return FALSE;
  if (named != n || (sizes != NULL && gonio_tensor_count (sizes) != n))
    return ref_bad_shape (error, "%" G_GINT64_FORMAT " parts for %" G_GINT64_FORMAT " outputs",
                          sizes != NULL ? gonio_tensor_count (sizes) : named, n);
  dim = shape.dims[axis];
  outer = ref_dims_product (&shape, 0, axis);
  inner = ref_dims_product (&shape, axis + 1, shape.rank);
  for (int64_t i = 0; i < n; i++) {
    int64_t size = equal_part (dim, n, i);
    GonioTensor *y;

    if (sizes != NULL)
      ref_load_i64 (sizes, i, 1, &size);
    if (size < 0 || size > dim - at)
      return ref_bad_value (error,
                            "part %" G_GINT64_FORMAT " has size %" G_GINT64_FORMAT
                            ", %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " elements are left",
                            i, size, dim - at, dim);
    shape.dims[axis] = size;
    if (ref_wants (k, (guint)i)) {
      y = ref_output (k, (guint)i, gonio_tensor_dtype (x), &shape, error);
      if (y == NULL)
        return FALSE;
      for (int64_t o = 0; gonio_tensor_count (y) > 0 && o < outer; o++)
        ref_copy (y, o * size * inner, x, (o * dim + at) * inner, size * inner);
    }
    at += size;
  }
  if (at != dim)
    return ref_bad_value (
        error, "the parts hold %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " elements of axis %d",
        at, dim, axis);
  return TRUE;
}

/* ---- Slice ---- */

/* First element, step and count along one axis, as ONNX clamps them. */
static int64_t
slice_range (int64_t dim, int64_t *start, int64_t end, int64_t step)
{
  if (*start < 0)
    *start += dim;
  if (end < 0)
    end += dim;
  if (step > 0) {
    *start = CLAMP (*start, 0, dim);
    end = CLAMP (end, 0, dim);
    return end > *start ? (end - *start - 1) / step + 1 : 0;
  }
  *start = MIN (MAX (*start, 0), dim - 1); /* -1 where there is nothing */
  end = end >= dim ? dim - 1 : MAX (end, -1);
  return *start > end ? (*start - end - 1) / -step + 1 : 0;
}

static gboolean
run_slice (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *axes = ref_in (k, 3), *steps = ref_in (k, 4), *y;
  GonioShape shape = *gonio_tensor_shape (x);
  int64_t list[4][GONIO_MAX_RANK], strides[GONIO_MAX_RANK], y_strides[GONIO_MAX_RANK], from = 0;
  int n[4] = {0};
  gboolean seen[GONIO_MAX_RANK] = {FALSE};
  RefBox box = {.rank = shape.rank};

  for (int i = 0; i < GONIO_MAX_RANK; i++) {
    list[2][i] = i;
    list[3][i] = 1;
  }
  if (!ref_ints (k->inputs[1], shape.rank, list[0], &n[0], "starts", error) ||
      !ref_ints (k->inputs[2], shape.rank, list[1], &n[1], "ends", error) ||
      (axes != NULL && !ref_ints (axes, shape.rank, list[2], &n[2], "axes", error)) ||
      (steps != NULL && !ref_ints (steps, shape.rank, list[3], &n[3], "steps", error)))
    return FALSE;
  if (n[1] != n[0] || (axes != NULL && n[2] != n[0]) || (steps != NULL && n[3] != n[0]))
    return ref_bad_shape (error, "starts, ends, axes and steps have %d, %d, %d and %d elements",
                          n[0], n[1], n[2], n[3]);

  gonio_shape_strides (gonio_tensor_shape (x), strides);
  memcpy (box.src_stride, strides, sizeof strides);
  for (int i = 0; i < n[0]; i++) {
    int64_t start = list[0][i], step = MAX (list[3][i], -G_MAXINT64);
    int axis;

    if (!ref_axis (list[2][i], shape.rank, &axis, error))
      return FALSE;
    if (step == 0 || seen[axis])
      return ref_bad_value (error, step == 0 ? "step is 0" : "an axis is given twice");
    seen[axis] = TRUE;
    shape.dims[axis] = slice_range (shape.dims[axis], &start, list[1][i], step);
    if (shape.dims[axis] > 0)
      from += start * strides[axis];
    box.src_stride[axis] = shape.dims[axis] > 1 ? strides[axis] * step : 0;
  }
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  gonio_shape_strides (&shape, y_strides);
  memcpy (box.dims, shape.dims, sizeof shape.dims);
  memcpy (box.dst_stride, y_strides, sizeof y_strides);
  ref_copy_box (y, 0, x, from, &box);
  return TRUE;
}

/* ---- Transpose, Expand, Tile ---- */

static gboolean
run_transpose (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *from = gonio_tensor_shape (x);
  GonioShape shape = {.rank = from->rank};
  int64_t strides[GONIO_MAX_RANK], y_strides[GONIO_MAX_RANK];
  gboolean seen[GONIO_MAX_RANK] = {FALSE};
  RefBox box = {.rank = from->rank};
  guint n;
  const int64_t *perm = gonio_node_attr_ints (k->node, "perm", &n);

  if (perm != NULL && n != (guint)from->rank)
    return ref_bad_shape (error, "perm has %u elements for a tensor of rank %d", n, from->rank);
  gonio_shape_strides (from, strides);
  for (int d = 0; d < from->rank; d++) {
    int64_t axis = perm != NULL ? perm[d] : from->rank - 1 - d;
    int own;

    if (!ref_axis (axis, from->rank, &own, error))
      return FALSE;
    if (seen[own])
      return ref_bad_value (error, "perm names axis %d twice", own);
    seen[own] = TRUE;
    shape.dims[d] = box.dims[d] = from->dims[own];
    box.src_stride[d] = strides[own];
  }
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  gonio_shape_strides (&shape, y_strides);
  memcpy (box.dst_stride, y_strides, sizeof y_strides);
  ref_copy_box (y, 0, x, 0, &box);
  return TRUE;
}

static gboolean
run_expand (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *from = gonio_tensor_shape (x);
  GonioShape wanted = {0}, shape;
  int64_t strides[GONIO_MAX_RANK], y_strides[GONIO_MAX_RANK];
  RefBox box = {0};

  if (!ref_ints (k->inputs[1], GONIO_MAX_RANK, wanted.dims, &wanted.rank, "shape", error) ||
      !ref_check_shape (&wanted, error))
    return FALSE;
  if (!gonio_shape_broadcast (from, &wanted, &shape)) {
    g_autofree char *left = gonio_shape_to_string (from);
    g_autofree char *right = gonio_shape_to_string (&wanted);

    return ref_bad_shape (error, "shape %s cannot be expanded to %s", left, right);
  }
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  gonio_shape_strides (from, strides);
  gonio_shape_strides (&shape, y_strides);
  box.rank = shape.rank;
  for (int d = 0; d < shape.rank; d++) {
    int own = d - (shape.rank - from->rank);

    box.dims[d] = shape.dims[d];
    box.dst_stride[d] = y_strides[d];
    box.src_stride[d] = own >= 0 && from->dims[own] != 1 ? strides[own] : 0;
  }
  ref_copy_box (y, 0, x, 0, &box);
  return TRUE;
}

static gboolean
run_tile (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *from = gonio_tensor_shape (x);
  GonioShape shape = *from;
  int64_t repeats[GONIO_MAX_RANK], strides[GONIO_MAX_RANK], y_strides[GONIO_MAX_RANK];
  RefBox box = {.rank = 2 * from->rank};
  int n;

  if (!ref_ints (k->inputs[1], GONIO_MAX_RANK, repeats, &n, "repeats", error))
    return FALSE;
  if (n != from->rank)
    return ref_bad_shape (error, "repeats has %d elements for a tensor of rank %d", n, from->rank);
  for (int d = 0; d < n; d++)
    if (repeats[d] < 0 || !gonio_checked_mul_i64 (shape.dims[d], repeats[d], &shape.dims[d]))
      return ref_bad_value (error, "repeat %d is %" G_GINT64_FORMAT, d, repeats[d]);
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  gonio_shape_strides (from, strides);
  gonio_shape_strides (&shape, y_strides);
  for (int d = 0; d < n; d++) {
    box.dims[2 * d] = repeats[d];
    box.dst_stride[2 * d] = from->dims[d] * y_strides[d];
    box.dims[2 * d + 1] = from->dims[d];
    box.src_stride[2 * d + 1] = strides[d];
    box.dst_stride[2 * d + 1] = y_strides[d];
  }
  ref_copy_box (y, 0, x, 0, &box);
  return TRUE;
}

/* ---- DepthToSpace, SpaceToDepth ---- */

/* A transposition of axes 0..5 of a tensor seen in six dimensions. */
static gboolean
shuffle (GonioKernel *k, const int64_t *view, const int *perm, const GonioShape *shape,
         GError **error)
{
  GonioTensor *x = k->inputs[0];
  GonioTensor *y = ref_output (k, 0, gonio_tensor_dtype (x), shape, error);
  GonioShape six = gonio_shape_make (6, view), turned = {.rank = 6};
  int64_t strides[GONIO_MAX_RANK], y_strides[GONIO_MAX_RANK];
  RefBox box = {.rank = 6};

  if (y == NULL)
    return FALSE;
  gonio_shape_strides (&six, strides);
  for (int d = 0; d < 6; d++) {
    turned.dims[d] = box.dims[d] = view[perm[d]];
    box.src_stride[d] = strides[perm[d]];
  }
  gonio_shape_strides (&turned, y_strides);
  memcpy (box.dst_stride, y_strides, sizeof y_strides);
  ref_copy_box (y, 0, x, 0, &box);
  return TRUE;
}

static gboolean
block_size (const GonioKernel *k, int64_t *out_block, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]);
  int64_t block = ref_attr_int (k, "blocksize", 0);

  if (x->rank != 4)
    return ref_bad_shape (error, "input has rank %d, it must be 4", x->rank);
  if (block < 1 || block > G_MAXINT32)
    return ref_bad_value (error, "blocksize is %" G_GINT64_FORMAT, block);
  *out_block = block;
  return TRUE;
}

static gboolean
run_depth_to_space (GonioKernel *k, GError **error)
{
  static const int dcr[] = {0, 3, 4, 1, 5, 2}, crd[] = {0, 1, 4, 2, 5, 3};
  const int64_t *x = gonio_tensor_shape (k->inputs[0])->dims;
  const char *mode = ref_attr_string (k, "mode", "DCR");
  gboolean by_depth = g_str_equal (mode, "DCR");
  int64_t b, c, height, width;

  if (!block_size (k, &b, error))
    return FALSE;
  if (!by_depth && !g_str_equal (mode, "CRD"))
    return ref_bad_value (error, "mode is \"%s\", it must be DCR or CRD", mode);
  if (x[1] % (b * b) != 0 || !gonio_checked_mul_i64 (x[2], b, &height) ||
      !gonio_checked_mul_i64 (x[3], b, &width))
    return ref_bad_shape (error,
                          "%" G_GINT64_FORMAT " channels do not fill blocks of %" G_GINT64_FORMAT
                          " x %" G_GINT64_FORMAT,
                          x[1], b, b);
  c = x[1] / (b * b);
  if (by_depth)
    return shuffle (k, (const int64_t[]){x[0], b, b, c, x[2], x[3]}, dcr,
                    REF_SHAPE (x[0], c, height, width), error);
  return shuffle (k, (const int64_t[]){x[0], c, b, b, x[2], x[3]}, crd,
                  REF_SHAPE (x[0], c, height, width), error);
}

static gboolean
run_space_to_depth (GonioKernel *k, GError **error)
{
  static const int perm[] = {0, 3, 5, 1, 2, 4};
  const int64_t *x = gonio_tensor_shape (k->inputs[0])->dims;
  int64_t b, channels;

  if (!block_size (k, &b, error))
    return FALSE;
  if (x[2] % b != 0 || x[3] % b != 0 || !gonio_checked_mul_i64 (x[1], b * b, &channels))
    return ref_bad_shape (error,
                          "an image of %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT
                          " does not split into blocks of %" G_GINT64_FORMAT,
                          x[2], x[3], b);
  return shuffle (k, (const int64_t[]){x[0], x[1], x[2] / b, b, x[3] / b, b}, perm,
                  REF_SHAPE (x[0], channels, x[2] / b, x[3] / b), error);
}

/* ---- ReverseSequence, Trilu ---- */

static gboolean
run_reverse_sequence (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  int64_t strides[GONIO_MAX_RANK];
  RefBox box = {.rank = shape->rank};
  int batch, time;

  if (!ref_axis (ref_attr_int (k, "batch_axis", 1), shape->rank, &batch, error) ||
      !ref_axis (ref_attr_int (k, "time_axis", 0), shape->rank, &time, error))
    return FALSE;
  if (batch == time)
    return ref_bad_value (error, "batch_axis and time_axis are both %d", batch);
  if (gonio_tensor_count (k->inputs[1]) != shape->dims[batch])
    return ref_bad_shape (
        error, "sequence_lens has %" G_GINT64_FORMAT " elements for a batch of %" G_GINT64_FORMAT,
        gonio_tensor_count (k->inputs[1]), shape->dims[batch]);
  y = ref_output (k, 0, gonio_tensor_dtype (x), shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  gonio_shape_strides (shape, strides);
  for (int d = 0; d < shape->rank; d++) {
    box.dims[d] = d == batch || d == time ? 1 : shape->dims[d];
    box.src_stride[d] = box.dst_stride[d] = strides[d];
  }
  for (int64_t b = 0; b < shape->dims[batch]; b++) {
    int64_t length;

    ref_load_i64 (k->inputs[1], b, 1, &length);
    if (length < 0 || length > shape->dims[time])
      return ref_bad_value (error, "sequence length %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT,
                            length, shape->dims[time]);
    for (int64_t t = 0; t < shape->dims[time]; t++) {
      int64_t from = t < length ? length - 1 - t : t;

      ref_copy_box (y, b * strides[batch] + t * strides[time], x,
                    b * strides[batch] + from * strides[time], &box);
    }
  }
  return TRUE;
}

static gboolean
run_trilu (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  gboolean upper = ref_attr_int (k, "upper", 1) != 0;
  int64_t diagonal = 0, rows, columns;

  if (shape->rank < 2)
    return ref_bad_shape (error, "input has rank %d, it must hold matrices", shape->rank);
  if (ref_in (k, 1) != NULL && !ref_scalar_int (k->inputs[1], &diagonal, "k", error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (x), shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  rows = shape->dims[shape->rank - 2];
  columns = shape->dims[shape->rank - 1];
  diagonal = CLAMP (diagonal, -rows, columns);
  for (int64_t r = 0; r < gonio_tensor_count (x) / columns; r++) {
    /* columns before edge are below the diagonal */
    int64_t edge = CLAMP (r % rows + diagonal + (upper ? 0 : 1), 0, columns), at = r * columns;

    if (upper) {
      ref_clear (y, at, edge);
      ref_copy (y, at + edge, x, at + edge, columns - edge);
    } else {
      ref_copy (y, at, x, at, edge);
      ref_clear (y, at + edge, columns - edge);
    }
  }
  return TRUE;
}

const RefRow ref_rows_move[] = {
    {GONIO_OP_CONCAT, run_concat, NULL, {REF_ANY}, REF_SAME_ALL, 0},
    {GONIO_OP_DEPTH_TO_SPACE, run_depth_to_space, NULL, {REF_ANY}, 0, 0},
    {GONIO_OP_EXPAND, run_expand, NULL, {REF_ANY, REF_T (INT64)}, 0, 0},
    {GONIO_OP_REVERSE_SEQUENCE, run_reverse_sequence, NULL, {REF_ANY, REF_T (INT64)}, 0, 0},
    {GONIO_OP_SLICE, run_slice, NULL, {REF_ANY, REF_INDEX}, 0, 0},
    {GONIO_OP_SPACE_TO_DEPTH, run_space_to_depth, NULL, {REF_ANY}, 0, 0},
    {GONIO_OP_SPLIT, run_split, NULL, {REF_ANY, REF_T (INT64)}, 0, 0},
    {GONIO_OP_TILE, run_tile, NULL, {REF_ANY, REF_T (INT64)}, 0, 0},
    {GONIO_OP_TRANSPOSE, run_transpose, NULL, {REF_ANY}, 0, 0},
    {GONIO_OP_TRILU, run_trilu, NULL, {REF_ANY, REF_T (INT64)}, 0, 0},
    {0},
};
