/* Gather and scatter: reading and writing through index tensors, each index checked.
 * Depends on kernel.h, window.h. */
#include "backends/reference/kernel.h"
#include "backends/reference/window.h"

#include <string.h>

/* Element i of an index tensor as a position in a dimension; negative ones count from the end. */
static gboolean
read_index (const GonioTensor *indices, int64_t i, int64_t dim, int64_t *out, GError **error)
{
  int64_t value;

  ref_load_i64 (indices, i, 1, &value);
  if (value < -dim || value >= dim)
    return ref_bad_value (error,
                          "index %" G_GINT64_FORMAT " at position %" G_GINT64_FORMAT
                          " is outside a dimension of %" G_GINT64_FORMAT,
                          value, i, dim);
  *out = value < 0 ? value + dim : value;
  return TRUE;
}

/* ---- Gather ---- */

static gboolean
run_gather (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *indices = k->inputs[1], *y;
  const GonioShape *from = gonio_tensor_shape (x), *picks = gonio_tensor_shape (indices);
  int64_t outer, inner, dim, count = gonio_tensor_count (indices);
  GonioShape shape = {0};
  int axis;

  if (!ref_axis (ref_attr_int (k, "axis", 0), from->rank, &axis, error))
    return FALSE;
  if (from->rank - 1 + picks->rank > GONIO_MAX_RANK)
    return ref_bad_shape (error, "result would have rank %d, at most %d is supported",
                          from->rank - 1 + picks->rank, GONIO_MAX_RANK);
  for (int d = 0; d < axis; d++)
    shape.dims[shape.rank++] = from->dims[d];
  for (int d = 0; d < picks->rank; d++)
    shape.dims[shape.rank++] = picks->dims[d];
  for (int d = axis + 1; d < from->rank; d++)
    shape.dims[shape.rank++] = from->dims[d];
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  dim = from->dims[axis];
  outer = ref_dims_product (from, 0, axis);
  inner = ref_dims_product (from, axis + 1, from->rank);
  for (int64_t i = 0; i < count; i++) {
    int64_t pick;

    if (!read_index (indices, i, dim, &pick, error))
      return FALSE;
    for (int64_t o = 0; o < outer; o++)
      ref_copy (y, (o * count + i) * inner, x, (o * dim + pick) * inner, inner);
  }
  return TRUE;
}

/* ---- GatherElements, ScatterElements ---- */

/* indices must have x's rank and, off the axis, no larger dimensions. */
static gboolean
check_elements (const GonioTensor *x, const GonioTensor *indices, int axis, GError **error)
{
  const GonioShape *from = gonio_tensor_shape (x), *picks = gonio_tensor_shape (indices);
  gboolean fits = from->rank == picks->rank;

  for (int d = 0; fits && d < from->rank; d++)
    fits = d == axis || picks->dims[d] <= from->dims[d];
  if (!fits) {
    g_autofree char *left = gonio_shape_to_string (from);
    g_autofree char *right = gonio_shape_to_string (picks);

    return ref_bad_shape (error, "indices of shape %s do not fit data of shape %s", right, left);
  }
  return TRUE;
}

/* Where indices[i], at coordinates index, points to in x. */
static gboolean
element_target (const GonioTensor *indices, int64_t i, const GonioShape *shape,
                const int64_t *strides, int axis, const int64_t *index, int64_t *out,
                GError **error)
{
  int64_t pick;

  if (!read_index (indices, i, shape->dims[axis], &pick, error))
    return FALSE;
  *out = pick * strides[axis];
  for (int d = 0; d < shape->rank; d++)
    if (d != axis)
      *out += index[d] * strides[d];
  return TRUE;
}

static gboolean
run_gather_elements (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *indices = k->inputs[1], *y;
  const GonioShape *picks = gonio_tensor_shape (indices);
  int64_t strides[GONIO_MAX_RANK], index[GONIO_MAX_RANK] = {0};
  int axis;

  if (!ref_axis (ref_attr_int (k, "axis", 0), gonio_tensor_shape (x)->rank, &axis, error) ||
      !check_elements (x, indices, axis, error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (x), picks, error);
  if (y == NULL)
    return FALSE;
  gonio_shape_strides (gonio_tensor_shape (x), strides);
  for (int64_t i = 0; i < gonio_tensor_count (y); i++) {
    int64_t from;

    if (!element_target (indices, i, gonio_tensor_shape (x), strides, axis, index, &from, error))
      return FALSE;
    ref_copy (y, i, x, from, 1);
    ref_next_index (picks->rank, picks->dims, index);
  }
  return TRUE;
}

typedef enum { REDUCE_NONE, REDUCE_ADD, REDUCE_MUL, REDUCE_MAX, REDUCE_MIN } Reduction;

static gboolean
read_reduction (const GonioKernel *k, Reduction *out, GError **error)
{
  static const char *const names[] = {"none", "add", "mul", "max", "min", NULL};
  const char *name = ref_attr_string (k, "reduction", "none");
  RefTypes type = (RefTypes)1 << gonio_tensor_dtype (k->inputs[0]);

  for (int i = 0; names[i] != NULL; i++)
    if (g_str_equal (name, names[i])) {
      if (i != REDUCE_NONE && (type & (REF_NUMBERS | REF_BOOL)) == 0)
        return ref_bad_value (error, "reduction %s makes no sense for %s", name,
                              gonio_dtype_name (gonio_tensor_dtype (k->inputs[0])));
      *out = (Reduction)i;
      return TRUE;
    }
  return ref_bad_value (error, "reduction is \"%s\"", name);
}

/* y[at..] = reduce (y[at..], updates[from..]) for n elements. */
static void
combine (GonioTensor *y, int64_t at, const GonioTensor *updates, int64_t from, int64_t n,
         Reduction reduction)
{
  RefForm form = ref_form (gonio_tensor_dtype (y));

  if (reduction == REDUCE_NONE) {
    ref_copy (y, at, updates, from, n);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    double f[2];
    int64_t v[2];

#define FOLD(A, ADD, LESS)                                                                         \
  switch (reduction) {                                                                             \
  case REDUCE_ADD:                                                                                 \
    A[0] = ADD (+);                                                                                \
    break;                                                                                         \
  case REDUCE_MUL:                                                                                 \
    A[0] = ADD (*);                                                                                \
    break;                                                                                         \
  case REDUCE_MAX:                                                                                 \
    A[0] = LESS (A[0], A[1]) ? A[1] : A[0];                                                        \
    break;                                                                                         \
  default:                                                                                         \
    A[0] = LESS (A[1], A[0]) ? A[1] : A[0];                                                        \
  }
#define FLOAT_OP(OP)    (f[0] OP f[1])
#define WRAP_OP(OP)     ((int64_t)((uint64_t)v[0] OP (uint64_t) v[1]))
#define LESS(A, B)      ((A) < (B))
#define LESS_BITS(A, B) ((uint64_t)(A) < (uint64_t)(B))
    if (form == REF_FORM_FLOAT) {
      ref_load_f64 (y, at + i, 1, &f[0]);
      ref_load_f64 (updates, from + i, 1, &f[1]);
      FOLD (f, FLOAT_OP, LESS)
      ref_store_f64 (y, at + i, 1, &f[0]);
      continue;
    }
    ref_load_i64 (y, at + i, 1, &v[0]);
    ref_load_i64 (updates, from + i, 1, &v[1]);
    if (form == REF_FORM_INT)
      FOLD (v, WRAP_OP, LESS)
    else
      FOLD (v, WRAP_OP, LESS_BITS)
    ref_store_i64 (y, at + i, 1, &v[0], form == REF_FORM_UINT);
  }
}

static gboolean
run_scatter_elements (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *indices = k->inputs[1], *updates = k->inputs[2], *y;
  const GonioShape *picks = gonio_tensor_shape (indices);
  int64_t strides[GONIO_MAX_RANK], index[GONIO_MAX_RANK] = {0};
  Reduction reduction;
  int axis;

  if (!ref_axis (ref_attr_int (k, "axis", 0), gonio_tensor_shape (x)->rank, &axis, error) ||
      !check_elements (x, indices, axis, error) || !read_reduction (k, &reduction, error))
    return FALSE;
  if (!gonio_shape_equal (picks, gonio_tensor_shape (updates)))
    return ref_bad_shape (error, "indices and updates must have the same shape");
  y = ref_output (k, 0, gonio_tensor_dtype (x), gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  ref_copy (y, 0, x, 0, gonio_tensor_count (x));
  gonio_shape_strides (gonio_tensor_shape (x), strides);
  for (int64_t i = 0; i < gonio_tensor_count (indices); i++) {
    int64_t to;

    if (!element_target (indices, i, gonio_tensor_shape (x), strides, axis, index, &to, error))
      return FALSE;
    combine (y, to, updates, i, 1, reduction);
    ref_next_index (picks->rank, picks->dims, index);
  }
  return TRUE;
}

/* ---- GatherND, ScatterND ---- */

/* Index tuples of `width` numbers, the last dimension of indices; each names a slice of x of
 * `slice` elements, after `batch` leading dimensions shared by both. */
typedef struct {
  int batch, width;
  int64_t tuples, tuples_per_batch, slice;
  const GonioShape *x;
  int64_t strides[GONIO_MAX_RANK];
} Tuples;

static gboolean
tuples_init (Tuples *t, const GonioTensor *x, const GonioTensor *indices, int64_t batch,
             GError **error)
{
  const GonioShape *from = gonio_tensor_shape (x), *picks = gonio_tensor_shape (indices);
  int64_t width;

  if (picks->rank < 1 || from->rank < 1)
    return ref_bad_shape (error, "data and indices must not be scalars");
  if (batch < 0 || batch >= MIN (from->rank, picks->rank))
    return ref_bad_value (error, "batch_dims is %" G_GINT64_FORMAT, batch);
  width = picks->dims[picks->rank - 1];
  if (width < 0 || width > from->rank - batch)
    return ref_bad_shape (error, "index tuples of %" G_GINT64_FORMAT " numbers for data of rank %d",
                          width, from->rank - (int)batch);
  for (int d = 0; d < batch; d++)
    if (from->dims[d] != picks->dims[d])
      return ref_bad_shape (error, "batch dimension %d differs between data and indices", d);
  *t = (Tuples){.batch = (int)batch, .width = (int)width, .x = from};
  t->tuples = ref_dims_product (picks, 0, picks->rank - 1);
  t->tuples_per_batch = ref_dims_product (picks, (int)batch, picks->rank - 1);
  t->slice = ref_dims_product (from, (int)(batch + width), from->rank);
  gonio_shape_strides (from, t->strides);
  return TRUE;
}

/* First element of the slice that tuple i names. */
static gboolean
tuple_target (const Tuples *t, const GonioTensor *indices, int64_t i, int64_t *out, GError **error)
{
  *out = t->batch > 0 ? i / t->tuples_per_batch * t->strides[t->batch - 1] : 0;
  for (int w = 0; w < t->width; w++) {
    int64_t pick;

    if (!read_index (indices, i * t->width + w, t->x->dims[t->batch + w], &pick, error))
      return FALSE;
    *out += pick * t->strides[t->batch + w];
  }
  return TRUE;
}

static gboolean
run_gather_nd (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *indices = k->inputs[1], *y;
  const GonioShape *picks = gonio_tensor_shape (indices);
  GonioShape shape = {0};
  Tuples t;

  if (!tuples_init (&t, x, indices, ref_attr_int (k, "batch_dims", 0), error))
    return FALSE;
  if (picks->rank - 1 + t.x->rank - t.batch - t.width > GONIO_MAX_RANK)
    return ref_bad_shape (error, "result would have too many dimensions");
  for (int d = 0; d < picks->rank - 1; d++)
    shape.dims[shape.rank++] = picks->dims[d];
  for (int d = t.batch + t.width; d < t.x->rank; d++)
    shape.dims[shape.rank++] = t.x->dims[d];
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  for (int64_t i = 0; i < t.tuples; i++) {
    int64_t from;

    if (!tuple_target (&t, indices, i, &from, error))
      return FALSE;
    ref_copy (y, i * t.slice, x, from, t.slice);
  }
  return TRUE;
}

static gboolean
run_scatter_nd (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *indices = k->inputs[1], *updates = k->inputs[2], *y;
  Reduction reduction;
  int64_t needed;
  Tuples t;

  if (!tuples_init (&t, x, indices, 0, error) || !read_reduction (k, &reduction, error))
    return FALSE;
  if (!gonio_checked_mul_i64 (t.tuples, t.slice, &needed) || needed != gonio_tensor_count (updates))
    return ref_bad_shape (error,
                          "updates has %" G_GINT64_FORMAT " elements, %" G_GINT64_FORMAT
                          " slices of %" G_GINT64_FORMAT " are written",
                          gonio_tensor_count (updates), t.tuples, t.slice);
  y = ref_output (k, 0, gonio_tensor_dtype (x), gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  ref_copy (y, 0, x, 0, gonio_tensor_count (x));
  for (int64_t i = 0; needed > 0 && i < t.tuples; i++) {
    int64_t to;

    if (!tuple_target (&t, indices, i, &to, error))
      return FALSE;
    combine (y, to, updates, i * t.slice, t.slice, reduction);
  }
  return TRUE;
}

/* ---- TensorScatter ---- */

/* Writes update into a copy of the cache from write_indices[batch] on, along one axis. */
static gboolean
run_tensor_scatter (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *update = k->inputs[1], *starts = ref_in (k, 2), *y;
  const GonioShape *shape = gonio_tensor_shape (x), *part = gonio_tensor_shape (update);
  const char *mode = ref_attr_string (k, "mode", "linear");
  gboolean circular = g_str_equal (mode, "circular"), fits = part->rank == shape->rank;
  int64_t dim, n, inner, outer;
  int axis;

  if (!ref_axis (ref_attr_int (k, "axis", -2), shape->rank, &axis, error))
    return FALSE;
  if (!circular && !g_str_equal (mode, "linear"))
    return ref_bad_value (error, "mode is \"%s\"", mode);
  for (int d = 0; fits && d < shape->rank; d++)
    fits = d == axis ? part->dims[d] <= shape->dims[d] : part->dims[d] == shape->dims[d];
  if (!fits || axis == 0 || (starts != NULL && gonio_tensor_count (starts) != shape->dims[0])) {
    g_autofree char *left = gonio_shape_to_string (shape), *right = gonio_shape_to_string (part);

    return ref_bad_shape (error,
                          "an update of shape %s does not fit a cache of shape %s along "
                          "axis %d",
                          right, left, axis);
  }
  y = ref_output (k, 0, gonio_tensor_dtype (x), shape, error);
  if (y == NULL)
    return FALSE;
  ref_copy (y, 0, x, 0, gonio_tensor_count (x));
  if (gonio_tensor_count (update) == 0)
    return TRUE;
  dim = shape->dims[axis];
  n = part->dims[axis];
  inner = ref_dims_product (shape, axis + 1, shape->rank);
  outer = ref_dims_product (shape, 0, axis);
  for (int64_t o = 0; o < outer; o++) {
    int64_t start = 0;

    if (starts != NULL)
      ref_load_i64 (starts, o / (outer / shape->dims[0]), 1, &start);
    if (start < 0 || start >= dim || (!circular && start > dim - n))
      return ref_bad_value (error,
                            "write index %" G_GINT64_FORMAT " for %" G_GINT64_FORMAT
                            " of %" G_GINT64_FORMAT " rows",
                            start, n, dim);
    for (int64_t i = 0; i < n; i++)
      ref_copy (y, (o * dim + (start + i) % dim) * inner, update, (o * n + i) * inner, inner);
  }
  return TRUE;
}

#define SCATTER(ID, RUN)                                                                           \
  {                                                                                                \
    GONIO_OP_##ID, RUN, NULL, {REF_ANY, REF_INDEX, REF_ANY}, 0x5, 0                                \
  }

const RefRow ref_rows_index[] = {
    {GONIO_OP_GATHER, run_gather, NULL, {REF_ANY, REF_INDEX}, 0, 0},
    {GONIO_OP_GATHER_ELEMENTS, run_gather_elements, NULL, {REF_ANY, REF_INDEX}, 0, 0},
    {GONIO_OP_GATHER_ND, run_gather_nd, NULL, {REF_ANY, REF_T (INT64)}, 0, 0},
    SCATTER (SCATTER_ELEMENTS, run_scatter_elements),
    SCATTER (SCATTER_ND, run_scatter_nd),
    {GONIO_OP_TENSOR_SCATTER, run_tensor_scatter, NULL, {REF_ANY, REF_ANY, REF_T (INT64)}, 0x3, 0},
    {0},
};
