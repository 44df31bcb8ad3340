/* Reductions, running sums and searches along axes. Depends on family.h. */
#include "core/ops/family.h"

/* ReduceProd of known elements is the element count of a shape. */
static void
reduce_elements (GonioInfer *infer)
{
  g_autofree GonioDim *elements = NULL;
  GonioDim result = {0};
  guint n = 0;
  guint op = infer->node->op;
  GonioDType dtype = gonio_infer_dtype (infer, 0);

  if ((op != GONIO_OP_REDUCE_PROD && op != GONIO_OP_REDUCE_SUM) || dtype != GONIO_DTYPE_INT64 ||
      gonio_infer_rank (infer, 0) != 1 || !gonio_infer_elements (infer, 0, &elements, &n))
    return;
  result = GONIO_DIM (op == GONIO_OP_REDUCE_PROD);
  for (guint i = 0; i < n; i++)
    result = op == GONIO_OP_REDUCE_PROD ? gonio_dim_mul (result, elements[i])
                                        : gonio_dim_add (result, elements[i]);
  gonio_infer_set_elements (infer, 0, &result, 1);
}

static gboolean
reduce_mask (const GonioInfer *infer, int rank, guint *out_mask, gboolean *out_known,
             GError **error)
{
  g_autofree int64_t *axes = NULL;
  guint n = 0, mask = 0;
  gboolean noop = gonio_node_attr_int (infer->node, "noop_with_empty_axes", 0) != 0;

  *out_known = TRUE;
  if (gonio_infer_input (infer, 1) && !gonio_infer_ints (infer, 1, &axes, &n)) {
    *out_known = FALSE;
    return TRUE;
  }
  for (guint i = 0; i < n; i++) {
    int axis = 0;
    if (!gonio_infer_axis (axes[i], rank, &axis, error))
      return FALSE;
    mask |= 1u << axis;
  }
  *out_mask = n > 0 ? mask : noop ? 0 : (1u << rank) - 1;
  return TRUE;
}

static gboolean
infer_reduce (GonioInfer *infer, GError **error)
{
  const GonioSymShape *in = gonio_infer_shape (infer, 0);
  gboolean keep = gonio_node_attr_int (infer->node, "keepdims", 1) != 0, known = FALSE;
  GonioSymShape shape = {0};
  guint mask = 0;

  if (!in->has_rank)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  if (!reduce_mask (infer, in->rank, &mask, &known, error))
    return FALSE;
  if (!known) {
    GonioDim n_axes = gonio_infer_dim (infer, 1, 0);
    gboolean counted = n_axes.value > 0 && n_axes.value <= in->rank;
    shape = gonio_sym_rank (keep ? in->rank : counted ? in->rank - (int)n_axes.value : -1);
    return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
  }
  shape.has_rank = TRUE;
  for (int d = 0; d < in->rank; d++) {
    if (!(mask >> d & 1))
      shape.dims[shape.rank++] = in->dims[d];
    else if (keep)
      shape.dims[shape.rank++] = GONIO_DIM (1);
  }
  if (!gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error))
    return FALSE;
  if (mask)
    reduce_elements (infer);
  return TRUE;
}

static gboolean
infer_arg (GonioInfer *infer, GError **error)
{
  const GonioSymShape *in = gonio_infer_shape (infer, 0);
  gboolean keep = gonio_node_attr_int (infer->node, "keepdims", 1) != 0;
  GonioSymShape shape = {.has_rank = TRUE};
  int axis = 0;

  if (!in->has_rank)
    return gonio_infer_dtype_only (infer, 0, GONIO_DTYPE_INT64, error);
  if (!gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", 0), in->rank, &axis, error))
    return FALSE;
  for (int d = 0; d < in->rank; d++) {
    if (d != axis)
      shape.dims[shape.rank++] = in->dims[d];
    else if (keep)
      shape.dims[shape.rank++] = GONIO_DIM (1);
  }
  return gonio_infer_set (infer, 0, GONIO_DTYPE_INT64, &shape, error);
}

static gboolean
infer_cumulative (GonioInfer *infer, GError **error)
{
  int64_t given = 0;
  int axis = 0, rank = gonio_infer_rank (infer, 0);

  if (rank >= 0 && gonio_infer_scalar (infer, 1, &given) &&
      !gonio_infer_axis (given, rank, &axis, error))
    return FALSE;
  return gonio_infer_same (infer, error);
}

static gboolean
infer_top_k (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);
  int64_t k = 0;
  int axis = 0;

  if (!shape.has_rank)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error) &&
           gonio_infer_dtype_only (infer, 1, GONIO_DTYPE_INT64, error);
  if (!gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", -1), shape.rank, &axis, error))
    return FALSE;
  if (!gonio_infer_scalar (infer, 1, &k)) {
    shape.dims[axis] = GONIO_DIM_UNKNOWN;
  } else {
    if (k < 0 || (shape.dims[axis].value >= 0 && k > shape.dims[axis].value))
      return gonio_infer_fail (
          error, "K is %" G_GINT64_FORMAT ", axis %d has %" G_GINT64_FORMAT " elements.", k, axis,
          shape.dims[axis].value);
    shape.dims[axis] = GONIO_DIM (k);
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error) &&
         gonio_infer_set (infer, 1, GONIO_DTYPE_INT64, &shape, error);
}

/* ---- schemas ---- */

static const GonioAttrSchema attrs_reduce[] = {
    {"keepdims", GONIO_ATTR_INT, FALSE}, {"noop_with_empty_axes", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_arg[] = {{"axis", GONIO_ATTR_INT, FALSE},
                                            {"keepdims", GONIO_ATTR_INT, FALSE},
                                            {"select_last_index", GONIO_ATTR_INT, FALSE},
                                            {0}};
static const GonioAttrSchema attrs_cumulative[] = {
    {"exclusive", GONIO_ATTR_INT, FALSE}, {"reverse", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_top_k[] = {{"axis", GONIO_ATTR_INT, FALSE},
                                              {"largest", GONIO_ATTR_INT, FALSE},
                                              {"sorted", GONIO_ATTR_INT, FALSE},
                                              {0}};

#define LAYOUT GONIO_OPF_LAYOUT_SENSITIVE
#define REDUCE(ID, TOLERANCE)                                                                      \
  {                                                                                                \
    GONIO_OP_REDUCE_##ID, 1, 2, 1, 1, LAYOUT, 0, GONIO_TOLERANCE_##TOLERANCE, attrs_reduce,        \
        infer_reduce                                                                               \
  }

const GonioOpDef gonio_ops_reduce[] = {
    {GONIO_OP_ARG_MAX, 1, 1, 1, 1, LAYOUT, 0, GONIO_TOLERANCE_EXACT, attrs_arg, infer_arg},
    {GONIO_OP_ARG_MIN, 1, 1, 1, 1, LAYOUT, 0, GONIO_TOLERANCE_EXACT, attrs_arg, infer_arg},
    {GONIO_OP_CUM_PROD, 2, 2, 1, 1, LAYOUT, 0, GONIO_TOLERANCE_ROUNDING, attrs_cumulative,
     infer_cumulative},
    {GONIO_OP_CUM_SUM, 2, 2, 1, 1, LAYOUT, 0, GONIO_TOLERANCE_ROUNDING, attrs_cumulative,
     infer_cumulative},
    REDUCE (L1, ROUNDING),
    REDUCE (L2, ROUNDING),
    REDUCE (LOG_SUM, TRANSCENDENTAL),
    REDUCE (LOG_SUM_EXP, TRANSCENDENTAL),
    REDUCE (MAX, EXACT),
    REDUCE (MEAN, ROUNDING),
    REDUCE (MIN, EXACT),
    REDUCE (PROD, ROUNDING),
    REDUCE (SUM, ROUNDING),
    REDUCE (SUM_SQUARE, ROUNDING),
    {GONIO_OP_TOP_K, 2, 2, 1, 2, LAYOUT, 0, GONIO_TOLERANCE_EXACT, attrs_top_k, infer_top_k},
    {.id = GONIO_OP_INVALID},
};
