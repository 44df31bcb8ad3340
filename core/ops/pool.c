/* Pools. Depends on family.h, spatial.h. */
#include "core/ops/family.h"
#include "core/ops/spatial.h"

static gboolean
infer_pool (GonioInfer *infer, GError **error)
{
  int rank = gonio_infer_rank (infer, 0);
  GonioSpatial s = {0};

  if (!gonio_infer_need_rank (infer, 0, 3, GONIO_MAX_RANK, error))
    return FALSE;
  if (rank < 0)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error) &&
           gonio_infer_dtype_only (infer, 1, GONIO_DTYPE_INT64, error);
  if (!gonio_op_spatial_partial (infer->graph, infer->node, &s, error))
    return FALSE;
  GonioSymShape shape = gonio_sym_rank (rank);
  shape.dims[0] = gonio_infer_dim (infer, 0, 0);
  shape.dims[1] = gonio_infer_dim (infer, 0, 1);
  for (int i = 0; i < s.n; i++)
    shape.dims[i + 2] = s.out[i] >= 0 ? GONIO_DIM (s.out[i]) : GONIO_DIM_UNKNOWN;
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error) &&
         gonio_infer_set (infer, 1, GONIO_DTYPE_INT64, &shape, error);
}

static gboolean
infer_global_pool (GonioInfer *infer, GError **error)
{
  int rank = gonio_infer_rank (infer, 0);
  GonioSymShape shape = *gonio_infer_shape (infer, 0);

  if (!gonio_infer_need_rank (infer, 0, 2, GONIO_MAX_RANK, error))
    return FALSE;
  for (int i = 2; i < rank; i++)
    shape.dims[i] = GONIO_DIM (1);
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* Inputs: values, their indices, output shape. */
static gboolean
infer_max_unpool (GonioInfer *infer, GError **error)
{
  int rank = gonio_infer_rank (infer, 0);
  GonioSymShape shape = gonio_sym_rank (rank);
  guint n_kernel = 0, n_strides = 0, n_pads = 0, n = 0;
  const int64_t *kernel = gonio_node_attr_ints (infer->node, "kernel_shape", &n_kernel);
  const int64_t *strides = gonio_node_attr_ints (infer->node, "strides", &n_strides);
  const int64_t *pads = gonio_node_attr_ints (infer->node, "pads", &n_pads);
  g_autofree int64_t *wanted = NULL;

  if (!gonio_infer_need_rank (infer, 0, 3, GONIO_MAX_RANK, error))
    return FALSE;
  if (rank < 0)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  guint spatial = (guint)rank - 2;
  if (n_kernel != spatial || (strides && n_strides != spatial) || (pads && n_pads != 2 * spatial))
    return gonio_infer_fail (error, "its attributes do not fit %u spatial dimensions.", spatial);
  if (gonio_infer_ints (infer, 2, &wanted, &n)) {
    for (int i = 0; (int)n == rank && i < rank; i++)
      shape.dims[i] = wanted[i] >= 0 ? GONIO_DIM (wanted[i]) : GONIO_DIM_UNKNOWN;
  } else if (infer->node->n_inputs < 3) {
    shape.dims[0] = gonio_infer_dim (infer, 0, 0);
    shape.dims[1] = gonio_infer_dim (infer, 0, 1);
    for (guint i = 0; i < spatial; i++) {
      GonioDim in = gonio_infer_dim (infer, 0, (int)i + 2);
      int64_t rest = 0;
      if (in.value < 0)
        continue;
      /* (in - 1) * stride + kernel - pads */
      if (!gonio_checked_mul_i64 (in.value - 1, strides ? strides[i] : 1, &rest) ||
          !gonio_checked_add_i64 (rest, kernel[i], &rest) ||
          (pads && (__builtin_sub_overflow (rest, pads[i], &rest) ||
                    __builtin_sub_overflow (rest, pads[spatial + i], &rest))) ||
          rest < 0)
        return gonio_infer_fail (error, "its attributes give no size for spatial axis %u.", i);
      shape.dims[i + 2] = GONIO_DIM (rest);
    }
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

#define WINDOW                                                                                     \
  {"auto_pad", GONIO_ATTR_STRING, FALSE}, {"kernel_shape", GONIO_ATTR_INTS, TRUE},                 \
      {"pads", GONIO_ATTR_INTS, FALSE}, {"strides", GONIO_ATTR_INTS, FALSE},                       \
      {"dilations", GONIO_ATTR_INTS, FALSE},                                                       \
  {                                                                                                \
    "ceil_mode", GONIO_ATTR_INT, FALSE                                                             \
  }

static const GonioAttrSchema attrs_average[] = {
    WINDOW, {"count_include_pad", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_lp[] = {WINDOW, {"p", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_max[] = {WINDOW, {"storage_order", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_global_lp[] = {{"p", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_unpool[] = {{"kernel_shape", GONIO_ATTR_INTS, TRUE},
                                               {"pads", GONIO_ATTR_INTS, FALSE},
                                               {"strides", GONIO_ATTR_INTS, FALSE},
                                               {0}};

#define FLAGS    GONIO_OPF_LAYOUT_SENSITIVE
#define EXACT    GONIO_TOLERANCE_EXACT
#define ROUNDING GONIO_TOLERANCE_ROUNDING
#define TRANS    GONIO_TOLERANCE_TRANSCENDENTAL

const GonioOpDef gonio_ops_pool[] = {
    {GONIO_OP_AVERAGE_POOL, 1, 1, 1, 1, FLAGS, 0, ROUNDING, attrs_average, infer_pool},
    {GONIO_OP_GLOBAL_AVERAGE_POOL, 1, 1, 1, 1, FLAGS, 0, ROUNDING, NULL, infer_global_pool},
    {GONIO_OP_GLOBAL_LP_POOL, 1, 1, 1, 1, FLAGS, 0, TRANS, attrs_global_lp, infer_global_pool},
    {GONIO_OP_GLOBAL_MAX_POOL, 1, 1, 1, 1, FLAGS, 0, EXACT, NULL, infer_global_pool},
    {GONIO_OP_LP_POOL, 1, 1, 1, 1, FLAGS, 0, TRANS, attrs_lp, infer_pool},
    {GONIO_OP_MAX_POOL, 1, 1, 1, 2, FLAGS, 0, EXACT, attrs_max, infer_pool},
    {GONIO_OP_MAX_UNPOOL, 2, 3, 1, 1, FLAGS, 0, EXACT, attrs_unpool, infer_max_unpool},
    {.id = GONIO_OP_INVALID},
};
