/* Normalisations and softmax. Depends on family.h. */
#include "core/ops/family.h"

static gboolean
check_per_channel (const GonioInfer *infer, guint first, guint last, int channel_axis,
                   GError **error)
{
  GonioDim channels = gonio_infer_dim (infer, 0, channel_axis);

  for (guint i = first; i <= last; i++) {
    GonioDim n = gonio_infer_dim (infer, i, 0);
    if (!gonio_infer_need_rank (infer, i, 1, 1, error))
      return FALSE;
    if (n.value >= 0 && channels.value >= 0 && n.value != channels.value)
      return gonio_infer_fail (
          error, "input %u has %" G_GINT64_FORMAT " elements for %" G_GINT64_FORMAT " channels.", i,
          n.value, channels.value);
  }
  return TRUE;
}

/* Training mode gives the running statistics as further outputs. */
static gboolean
infer_batch_norm (GonioInfer *infer, GError **error)
{
  GonioSymShape channels = gonio_sym_rank (1);

  channels.dims[0] = gonio_infer_dim (infer, 0, 1);
  if (!gonio_infer_need_rank (infer, 0, 1, GONIO_MAX_RANK, error) ||
      (gonio_infer_rank (infer, 0) != 1 && !check_per_channel (infer, 1, 4, 1, error)))
    return FALSE;
  for (guint i = 1; i < 3; i++) {
    if (!gonio_infer_set (infer, i, gonio_infer_dtype (infer, 2 + i), &channels, error))
      return FALSE;
  }
  return gonio_infer_same (infer, error);
}

static gboolean
infer_instance_norm (GonioInfer *infer, GError **error)
{
  return gonio_infer_need_rank (infer, 0, 2, GONIO_MAX_RANK, error) &&
         check_per_channel (infer, 1, 2, 1, error) && gonio_infer_same (infer, error);
}

static gboolean
infer_group_norm (GonioInfer *infer, GError **error)
{
  int64_t groups = gonio_node_attr_int (infer->node, "num_groups", 0);
  GonioDim channels = gonio_infer_dim (infer, 0, 1);

  if (groups < 1 || (channels.value >= 0 && channels.value % groups != 0))
    return gonio_infer_fail (
        error, "%" G_GINT64_FORMAT " channels do not divide into %" G_GINT64_FORMAT " groups.",
        channels.value, groups);
  return infer_instance_norm (infer, error);
}

static gboolean
infer_layer_norm (GonioInfer *infer, GError **error)
{
  GonioSymShape reduced = *gonio_infer_shape (infer, 0), joined = {0};
  int64_t stash = gonio_node_attr_int (infer->node, "stash_type", GONIO_DTYPE_FLOAT);
  int axis = 0;

  if (!gonio_infer_same (infer, error))
    return FALSE;
  if (!reduced.has_rank)
    return TRUE;
  if (!gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", -1), reduced.rank, &axis, error))
    return FALSE;
  for (guint i = 1; i < infer->node->n_inputs; i++) {
    if (!gonio_sym_broadcast (&reduced, gonio_infer_shape (infer, i), &joined, error))
      return FALSE;
  }
  for (int d = axis; d < reduced.rank; d++)
    reduced.dims[d] = GONIO_DIM (1);
  if (stash <= 0 || stash >= GONIO_DTYPE_COUNT)
    return gonio_infer_fail (error, "stash_type is %" G_GINT64_FORMAT ".", stash);
  return gonio_infer_set (infer, 1, (GonioDType)stash, &reduced, error) &&
         gonio_infer_set (infer, 2, (GonioDType)stash, &reduced, error);
}

static gboolean
infer_along_axis (GonioInfer *infer, GError **error)
{
  int rank = gonio_infer_rank (infer, 0), axis = 0;
  int64_t given = gonio_node_attr_int (infer->node, "axis", -1);

  if (rank > 0 && !gonio_infer_axis (given, rank, &axis, error))
    return FALSE;
  return gonio_infer_same (infer, error);
}

static gboolean
infer_lrn (GonioInfer *infer, GError **error)
{
  return gonio_infer_need_rank (infer, 0, 2, GONIO_MAX_RANK, error) &&
         gonio_infer_same (infer, error);
}

/* ---- schemas ---- */

static const GonioAttrSchema attrs_batch[] = {{"epsilon", GONIO_ATTR_FLOAT, FALSE},
                                              {"momentum", GONIO_ATTR_FLOAT, FALSE},
                                              {"training_mode", GONIO_ATTR_INT, FALSE},
                                              {"activation", GONIO_ATTR_STRING, FALSE},
                                              {"activation_params", GONIO_ATTR_FLOATS, FALSE},
                                              {0}};
static const GonioAttrSchema attrs_group[] = {{"epsilon", GONIO_ATTR_FLOAT, FALSE},
                                              {"num_groups", GONIO_ATTR_INT, TRUE},
                                              {"stash_type", GONIO_ATTR_INT, FALSE},
                                              {0}};
static const GonioAttrSchema attrs_epsilon[] = {{"epsilon", GONIO_ATTR_FLOAT, FALSE}, {0}};
static const GonioAttrSchema attrs_layer[] = {{"axis", GONIO_ATTR_INT, FALSE},
                                              {"epsilon", GONIO_ATTR_FLOAT, FALSE},
                                              {"stash_type", GONIO_ATTR_INT, FALSE},
                                              {0}};
static const GonioAttrSchema attrs_axis[] = {{"axis", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_lp[] = {
    {"axis", GONIO_ATTR_INT, FALSE}, {"p", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_lrn[] = {{"alpha", GONIO_ATTR_FLOAT, FALSE},
                                            {"beta", GONIO_ATTR_FLOAT, FALSE},
                                            {"bias", GONIO_ATTR_FLOAT, FALSE},
                                            {"size", GONIO_ATTR_INT, TRUE},
                                            {0}};
static const GonioAttrSchema attrs_axes[] = {{"axes", GONIO_ATTR_INTS, FALSE}, {0}};

#define LAYOUT   GONIO_OPF_LAYOUT_SENSITIVE
#define ROUNDING GONIO_TOLERANCE_ROUNDING
#define TRANS    GONIO_TOLERANCE_TRANSCENDENTAL

const GonioOpDef gonio_ops_norm[] = {
    {GONIO_OP_BATCH_NORMALIZATION, 5, 5, 1, 3, LAYOUT, 1, ROUNDING, attrs_batch, infer_batch_norm},
    {GONIO_OP_GROUP_NORMALIZATION, 3, 3, 1, 1, LAYOUT, 0, ROUNDING, attrs_group, infer_group_norm},
    {GONIO_OP_HARDMAX, 1, 1, 1, 1, LAYOUT, 0, GONIO_TOLERANCE_EXACT, attrs_axis, infer_along_axis},
    {GONIO_OP_INSTANCE_NORMALIZATION, 3, 3, 1, 1, LAYOUT, 0, ROUNDING, attrs_epsilon,
     infer_instance_norm},
    {GONIO_OP_LAYER_NORMALIZATION, 2, 3, 1, 3, LAYOUT, 0, ROUNDING, attrs_layer, infer_layer_norm},
    {GONIO_OP_LOG_SOFTMAX, 1, 1, 1, 1, LAYOUT, 0, TRANS, attrs_axis, infer_along_axis},
    {GONIO_OP_LP_NORMALIZATION, 1, 1, 1, 1, LAYOUT, 0, ROUNDING, attrs_lp, infer_along_axis},
    {GONIO_OP_LRN, 1, 1, 1, 1, LAYOUT, 0, TRANS, attrs_lrn, infer_lrn},
    {GONIO_OP_MEAN_VARIANCE_NORMALIZATION, 1, 1, 1, 1, LAYOUT, 0, ROUNDING, attrs_axes,
     gonio_infer_same},
    {GONIO_OP_RMS_NORMALIZATION, 2, 2, 1, 1, LAYOUT, 0, ROUNDING, attrs_layer, infer_layer_norm},
    {GONIO_OP_SOFTMAX, 1, 1, 1, 1, LAYOUT, 0, TRANS, attrs_axis, infer_along_axis},
    {.id = GONIO_OP_INVALID},
};
