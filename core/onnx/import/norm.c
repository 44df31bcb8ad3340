/* Import rows of normalisations and softmax. Depends on import.h. */
#include "core/onnx/import.h"

static void
keep_first_output (GonioImportNode *in)
{
  GonioValueId first = in->node->outputs[0];
  gonio_graph_set_outputs (in->graph, in->id, &first, 1);
}

/* Before opset 14 the mode shows in an attribute or in the number of outputs. */
static gboolean
old_batch_norm (GonioImportNode *in, GError **error)
{
  gboolean spatial = gonio_node_attr_int (in->node, "spatial", 1) != 0;
  gboolean training = in->version < 7 && gonio_node_attr_int (in->node, "is_test", 0) == 0;

  gonio_import_drop (in, "spatial", GONIO_ATTR_INT);
  gonio_import_drop (in, "is_test", GONIO_ATTR_INT);
  gonio_import_drop (in, "consumed_inputs", GONIO_ATTR_INTS);
  if (!spatial)
    return gonio_import_unsupported (error,
                                     "statistics per element (spatial 0) are not supported.");
  if (training)
    return gonio_import_unsupported (error, "training mode is not supported.");
  for (guint i = 1; i < in->node->n_outputs; i++) {
    if (gonio_import_has_output (in, i))
      return gonio_import_unsupported (error, "training mode is not supported.");
  }
  keep_first_output (in);
  return TRUE;
}

static gboolean
drop_consumed (GonioImportNode *in, GError **error)
{
  gonio_import_drop (in, "consumed_inputs", GONIO_ATTR_INTS);
  return TRUE;
}

/* One number per group, [groups], becomes one per channel. */
static GonioValueId
spread_groups (GonioImportNode *in, guint input, const char *hint, int64_t groups, int64_t channels)
{
  const int64_t column[2] = {groups, 1}, block[2] = {groups, channels / groups}, row = -1;
  g_autofree char *hint_column = g_strconcat (hint, "_column", NULL);
  g_autofree char *hint_block = g_strconcat (hint, "_block", NULL);
  GonioValueId args[2] = {gonio_import_input (in, input),
                          gonio_import_const_ints (in, hint_column, column, 2)};

  args[0] = gonio_import_emit (in, GONIO_OP_RESHAPE, hint_column, args, 2, NULL);
  args[1] = gonio_import_const_ints (in, hint_block, block, 2);
  args[0] = gonio_import_emit (in, GONIO_OP_EXPAND, hint_block, args, 2, NULL);
  args[1] = gonio_import_const_ints (in, hint, &row, 1);
  return gonio_import_emit (in, GONIO_OP_RESHAPE, hint, args, 2, NULL);
}

/* Opset 18 to 20: scale and bias have one element per group. */
static gboolean
old_group_norm (GonioImportNode *in, GError **error)
{
  int64_t groups = gonio_node_attr_int (in->node, "num_groups", 0);
  GonioValueId x = gonio_import_input (in, 0);
  int64_t channels =
      gonio_import_rank (in, x) > 1 ? gonio_graph_value (in->graph, x)->shape.dims[1].value : -1;

  if (channels < 0)
    return gonio_import_unsupported (error,
                                     "the form of this opset needs a known number of channels.");
  if (groups < 1 || channels % groups != 0)
    return gonio_import_malformed (error, "num_groups does not divide the channels.");
  gonio_import_set_input (in, 1, spread_groups (in, 1, "scale", groups, channels));
  gonio_import_set_input (in, 2, spread_groups (in, 2, "bias", groups, channels));
  return TRUE;
}

/* Opset 1 to 12: the input counts as a matrix that is split at axis (default 1). */
static gboolean
old_softmax (GonioImportNode *in, GError **error)
{
  GonioValueId x = gonio_import_input (in, 0);
  int64_t axis = gonio_node_attr_int (in->node, "axis", 1);
  int rank = gonio_import_rank (in, x);
  GonioNodeId flatten = GONIO_NODE_NONE;

  gonio_import_drop (in, "axis", GONIO_ATTR_INT);
  gonio_graph_set_attr_int (in->graph, in->id, "axis", -1);
  if (axis == -1 || (rank >= 0 && axis == rank - 1) || !gonio_import_has_output (in, 0))
    return TRUE;
  gonio_import_set_input (in, 0,
                          gonio_import_emit (in, GONIO_OP_FLATTEN, "matrix", &x, 1, &flatten));
  gonio_graph_set_attr_int (in->graph, flatten, "axis", axis);

  GonioValueId output = in->node->outputs[0];
  GonioValueId back[2] = {gonio_import_detour_output (in, "rows"),
                          gonio_import_emit (in, GONIO_OP_SHAPE, "shape", &x, 1, NULL)};
  gonio_import_emit_to (in, GONIO_OP_RESHAPE, "back", back, 2, output);
  return TRUE;
}

#define SINCE(NAME, VERSION)                                                                       \
  {                                                                                                \
    NAME, "", VERSION, 0, NULL                                                                     \
  }
#define SOFTMAX(NAME)                                                                              \
  {NAME, "", 1, 12, old_softmax},                                                                  \
  {                                                                                                \
    NAME, "", 13, 0, NULL                                                                          \
  }

const GonioImportRow gonio_import_norm[] = {
    {"BatchNormalization", "", 1, 13, old_batch_norm},
    SINCE ("BatchNormalization", 14),
    {"GroupNormalization", "", 18, 20, old_group_norm},
    SINCE ("GroupNormalization", 21),
    SOFTMAX ("Hardmax"),
    {"InstanceNormalization", "", 1, 5, drop_consumed},
    SINCE ("InstanceNormalization", 6),
    SINCE ("LayerNormalization", 1), /* earlier than the standard: ONNX Runtime writes it so */
    SOFTMAX ("LogSoftmax"),
    SINCE ("LpNormalization", 1),
    SINCE ("LRN", 1),
    SINCE ("MeanVarianceNormalization", 9),
    SINCE ("RMSNormalization", 23),
    SOFTMAX ("Softmax"),
    {0},
};
