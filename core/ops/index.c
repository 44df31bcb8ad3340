/* Gathering, scattering and searching. Depends on family.h. */
#include "core/ops/family.h"

static void
gather_elements (GonioInfer *infer)
{
  g_autofree GonioDim *data = NULL;
  g_autofree int64_t *at = NULL;
  guint n = 0, n_at = 0;

  if (gonio_infer_rank (infer, 0) != 1 || gonio_infer_rank (infer, 1) > 1 ||
      !gonio_infer_elements (infer, 0, &data, &n) || !gonio_infer_ints (infer, 1, &at, &n_at))
    return;
  g_autofree GonioDim *result = g_new0 (GonioDim, n_at + 1);
  for (guint i = 0; i < n_at; i++) {
    int64_t k = at[i] < 0 ? at[i] + n : at[i];
    if (k < 0 || k >= n)
      return; /* an error that running the node reports */
    result[i] = data[k];
  }
  gonio_infer_set_elements (infer, 0, result, n_at);
}

static gboolean
infer_gather (GonioInfer *infer, GError **error)
{
  const GonioSymShape *data = gonio_infer_shape (infer, 0), *at = gonio_infer_shape (infer, 1);
  GonioSymShape shape = {.has_rank = TRUE};
  int axis = 0;

  if (!data->has_rank || !at->has_rank)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  if (!gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", 0), data->rank, &axis, error))
    return FALSE;
  if (data->rank - 1 + at->rank > GONIO_MAX_RANK)
    return gonio_infer_fail (error, "its result would have %d dimensions.",
                             data->rank - 1 + at->rank);
  for (int d = 0; d < axis; d++)
    shape.dims[shape.rank++] = data->dims[d];
  for (int d = 0; d < at->rank; d++)
    shape.dims[shape.rank++] = at->dims[d];
  for (int d = axis + 1; d < data->rank; d++)
    shape.dims[shape.rank++] = data->dims[d];
  if (!gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error))
    return FALSE;
  GonioDType dtype = gonio_infer_dtype (infer, 0);
  if (dtype == GONIO_DTYPE_INT64 || dtype == GONIO_DTYPE_INT32 || dtype == GONIO_DTYPE_BOOL)
    gather_elements (infer);
  return TRUE;
}

static gboolean
infer_gather_elements (GonioInfer *infer, GError **error)
{
  int a = gonio_infer_rank (infer, 0), b = gonio_infer_rank (infer, 1), axis = 0;

  if (a >= 0 && b >= 0 && a != b)
    return gonio_infer_fail (error, "data has rank %d, indices rank %d.", a, b);
  if (a >= 0 && !gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", 0), a, &axis, error))
    return FALSE;
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), gonio_infer_shape (infer, 1),
                          error);
}

static gboolean
infer_gather_nd (GonioInfer *infer, GError **error)
{
  const GonioSymShape *data = gonio_infer_shape (infer, 0), *at = gonio_infer_shape (infer, 1);
  int64_t batch = gonio_node_attr_int (infer->node, "batch_dims", 0);
  GonioSymShape shape = {.has_rank = TRUE};

  if (!data->has_rank || !at->has_rank || at->rank < 1 || at->dims[at->rank - 1].value < 0)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  int64_t depth = at->dims[at->rank - 1].value;
  if (batch < 0 || batch >= MIN (data->rank, at->rank) || depth < 1 || depth > data->rank - batch)
    return gonio_infer_fail (error,
                             "indices of depth %" G_GINT64_FORMAT
                             " with batch_dims %" G_GINT64_FORMAT " do not fit data of rank %d.",
                             depth, batch, data->rank);
  int rest = data->rank - (int)batch - (int)depth;
  if (at->rank - 1 + rest > GONIO_MAX_RANK)
    return gonio_infer_fail (error, "its result would have %d dimensions.", at->rank - 1 + rest);
  for (int d = 0; d < at->rank - 1; d++)
    shape.dims[shape.rank++] = at->dims[d];
  for (int d = data->rank - rest; d < data->rank; d++)
    shape.dims[shape.rank++] = data->dims[d];
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static gboolean
infer_scatter (GonioInfer *infer, GError **error)
{
  return gonio_infer_same_dtype (infer, 0, 2, error) && gonio_infer_same (infer, error);
}

static gboolean
infer_tensor_scatter (GonioInfer *infer, GError **error)
{
  return gonio_infer_same_dtype (infer, 0, 1, error) && gonio_infer_same (infer, error);
}

static gboolean
infer_compress (GonioInfer *infer, GError **error)
{
  const GonioAttr *given = gonio_node_attr (infer->node, "axis");
  GonioSymShape shape = *gonio_infer_shape (infer, 0);
  int axis = 0;

  if (!given)
    shape = gonio_sym_rank (1);
  else if (shape.has_rank) {
    if (!gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", 0), shape.rank, &axis, error))
      return FALSE;
    shape.dims[axis] = GONIO_DIM_UNKNOWN;
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static gboolean
infer_nms (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = gonio_sym_rank (2);
  shape.dims[1] = GONIO_DIM (3);
  return gonio_infer_need_rank (infer, 0, 3, 3, error) &&
         gonio_infer_need_rank (infer, 1, 3, 3, error) &&
         gonio_infer_set (infer, 0, GONIO_DTYPE_INT64, &shape, error);
}

static gboolean
infer_non_zero (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = gonio_sym_rank (2);
  int rank = gonio_infer_rank (infer, 0);
  if (rank >= 0)
    shape.dims[0] = GONIO_DIM (rank);
  return gonio_infer_set (infer, 0, GONIO_DTYPE_INT64, &shape, error);
}

static gboolean
infer_one_hot (GonioInfer *infer, GError **error)
{
  const GonioSymShape *at = gonio_infer_shape (infer, 0);
  GonioSymShape shape = {.has_rank = TRUE};
  GonioDType dtype = gonio_infer_dtype (infer, 2);
  int64_t depth = -1;
  int axis = 0;

  if (!at->has_rank)
    return gonio_infer_dtype_only (infer, 0, dtype, error);
  if (at->rank >= GONIO_MAX_RANK)
    return gonio_infer_fail (error, "its result would have %d dimensions.", at->rank + 1);
  if (!gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", -1), at->rank + 1, &axis, error))
    return FALSE;
  if (gonio_infer_scalar (infer, 1, &depth) && depth < 0)
    return gonio_infer_fail (error, "depth is %" G_GINT64_FORMAT ".", depth);
  shape.rank = at->rank + 1;
  for (int d = 0, from = 0; d < shape.rank; d++)
    shape.dims[d] =
        d == axis ? (depth >= 0 ? GONIO_DIM (depth) : GONIO_DIM_UNKNOWN) : at->dims[from++];
  return gonio_infer_set (infer, 0, dtype, &shape, error);
}

/* Outputs: the different values, where each first stood, where each went, how often each came. */
static gboolean
infer_unique (GonioInfer *infer, GError **error)
{
  const GonioAttr *given = gonio_node_attr (infer->node, "axis");
  GonioSymShape shape = *gonio_infer_shape (infer, 0), list = gonio_sym_rank (1), inverse = list;
  int axis = 0;

  if (!given) {
    GonioDim count = GONIO_DIM (1);
    for (int d = 0; shape.has_rank && d < shape.rank; d++)
      count = gonio_dim_mul (count, shape.dims[d]);
    if (shape.has_rank)
      inverse.dims[0] = count;
    shape = list;
  } else if (shape.has_rank) {
    if (!gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", 0), shape.rank, &axis, error))
      return FALSE;
    inverse.dims[0] = shape.dims[axis];
    shape.dims[axis] = GONIO_DIM_UNKNOWN;
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error) &&
         gonio_infer_set (infer, 1, GONIO_DTYPE_INT64, &list, error) &&
         gonio_infer_set (infer, 2, GONIO_DTYPE_INT64, &inverse, error) &&
         gonio_infer_set (infer, 3, GONIO_DTYPE_INT64, &list, error);
}

/* ---- schemas ---- */

static const GonioAttrSchema attrs_axis[] = {{"axis", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_batch[] = {{"batch_dims", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_center[] = {{"center_point_box", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_scatter[] = {
    {"axis", GONIO_ATTR_INT, FALSE}, {"reduction", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_scatter_nd[] = {{"reduction", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_tensor_scatter[] = {
    {"axis", GONIO_ATTR_INT, FALSE}, {"mode", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_unique[] = {
    {"axis", GONIO_ATTR_INT, FALSE}, {"sorted", GONIO_ATTR_INT, FALSE}, {0}};

#define LAYOUT  GONIO_OPF_LAYOUT_SENSITIVE
#define DYNAMIC (GONIO_OPF_LAYOUT_SENSITIVE | GONIO_OPF_DYNAMIC)
#define EXACT   GONIO_TOLERANCE_EXACT

const GonioOpDef gonio_ops_index[] = {
    {GONIO_OP_COMPRESS, 2, 2, 1, 1, DYNAMIC, 0, EXACT, attrs_axis, infer_compress},
    {GONIO_OP_GATHER, 2, 2, 1, 1, LAYOUT, 0, EXACT, attrs_axis, infer_gather},
    {GONIO_OP_GATHER_ELEMENTS, 2, 2, 1, 1, LAYOUT, 0, EXACT, attrs_axis, infer_gather_elements},
    {GONIO_OP_GATHER_ND, 2, 2, 1, 1, LAYOUT, 0, EXACT, attrs_batch, infer_gather_nd},
    {GONIO_OP_NON_MAX_SUPPRESSION, 2, 5, 1, 1, DYNAMIC, 0, EXACT, attrs_center, infer_nms},
    {GONIO_OP_NON_ZERO, 1, 1, 1, 1, DYNAMIC, 0, EXACT, NULL, infer_non_zero},
    {GONIO_OP_ONE_HOT, 3, 3, 1, 1, LAYOUT | GONIO_OPF_NO_FOLD, 0, EXACT, attrs_axis, infer_one_hot},
    {GONIO_OP_SCATTER_ELEMENTS, 3, 3, 1, 1, LAYOUT, 1, GONIO_TOLERANCE_ROUNDING, attrs_scatter,
     infer_scatter},
    {GONIO_OP_SCATTER_ND, 3, 3, 1, 1, LAYOUT, 1, GONIO_TOLERANCE_ROUNDING, attrs_scatter_nd,
     infer_scatter},
    {GONIO_OP_TENSOR_SCATTER, 2, 3, 1, 1, LAYOUT, 1, EXACT, attrs_tensor_scatter,
     infer_tensor_scatter},
    {GONIO_OP_UNIQUE, 1, 1, 1, 4, DYNAMIC, 0, EXACT, attrs_unique, infer_unique},
    {.id = GONIO_OP_INVALID},
};
