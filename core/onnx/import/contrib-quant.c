/* Import rows of the quantised operators of com.microsoft: computed on real numbers between a
 * dequantisation and a quantisation. Depends on import.h. */
#include "core/onnx/import.h"

#define DOMAIN "com.microsoft"

static const GonioAttrSchema attrs_none[] = {{0}};
static const GonioAttrSchema attrs_leaky[] = {{"alpha", GONIO_ATTR_FLOAT, FALSE}, {0}};
static const GonioAttrSchema attrs_softmax[] = {
    {"axis", GONIO_ATTR_INT, FALSE}, {"opset", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_global[] = {{"channels_last", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_pool[] = {
    {"auto_pad", GONIO_ATTR_STRING, FALSE},   {"ceil_mode", GONIO_ATTR_INT, FALSE},
    {"channels_last", GONIO_ATTR_INT, FALSE}, {"count_include_pad", GONIO_ATTR_INT, FALSE},
    {"kernel_shape", GONIO_ATTR_INTS, TRUE},  {"pads", GONIO_ATTR_INTS, FALSE},
    {"strides", GONIO_ATTR_INTS, FALSE},      {0}};
static const GonioAttrSchema attrs_mean[] = {
    {"axes", GONIO_ATTR_INTS, FALSE}, {"keepdims", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_concat[] = {{"axis", GONIO_ATTR_INT, TRUE}, {0}};

/* Inputs i to i + 2 (quantised values, scale, zero point) as real numbers. */
static GonioValueId
real_input (GonioImportNode *in, guint i, const char *hint)
{
  const GonioValueId args[3] = {gonio_import_input (in, i), gonio_import_input (in, i + 1),
                                gonio_import_input (in, i + 2)};
  return gonio_import_emit (in, GONIO_OP_DEQUANTIZE_LINEAR, hint, args,
                            args[2] == GONIO_VALUE_NONE ? 2 : 3, NULL);
}

/* The node becomes the quantisation of a value by inputs i and i + 1. */
static gboolean
quantise (GonioImportNode *in, GonioValueId real, guint i)
{
  const GonioValueId args[3] = {real, gonio_import_input (in, i), gonio_import_input (in, i + 1)};

  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_QUANTIZE_LINEAR);
  gonio_graph_set_inputs (in->graph, in->id, args, args[2] == GONIO_VALUE_NONE ? 2 : 3);
  return TRUE;
}

/* At least that many inputs, and the attributes. */
static gboolean
check (const GonioImportNode *in, guint least, const GonioAttrSchema *attrs, GError **error)
{
  if (in->node->n_inputs >= least)
    return gonio_import_check_attrs (in, attrs, error);
  return gonio_import_malformed (error, "it has %u inputs; at least %u are needed.",
                                 in->node->n_inputs, least);
}

/* A, its scale and zero point, B, its, the result's. */
static gboolean
binary (GonioImportNode *in, GError **error)
{
  GonioOpId op = g_str_equal (in->op, "QLinearMul") ? GONIO_OP_MUL : GONIO_OP_ADD;

  if (!check (in, 7, attrs_none, error))
    return FALSE;
  GonioValueId a = real_input (in, 0, "a"), b = real_input (in, 3, "b");
  return quantise (in, gonio_import_binary (in, op, "real", a, b), 6);
}

/* ---- X, its scale and zero point, the result's ---- */

static gboolean
sigmoid (GonioImportNode *in, GError **error)
{
  return check (in, 4, attrs_none, error) &&
         quantise (in, gonio_import_unary (in, GONIO_OP_SIGMOID, "real", real_input (in, 0, "x")),
                   3);
}

static gboolean
leaky_relu (GonioImportNode *in, GError **error)
{
  float alpha = gonio_node_attr_float (in->node, "alpha", 0.01f);
  GonioNodeId node = GONIO_NODE_NONE;

  if (!check (in, 4, attrs_leaky, error))
    return FALSE;
  GonioValueId x = real_input (in, 0, "x");
  GonioValueId y = gonio_import_emit (in, GONIO_OP_LEAKY_RELU, "real", &x, 1, &node);
  gonio_graph_set_attr_float (in->graph, node, "alpha", alpha);
  return quantise (in, y, 3);
}

static gboolean
softmax (GonioImportNode *in, GError **error)
{
  int64_t axis = gonio_node_attr_int (in->node, "axis", -1);
  int rank = gonio_import_rank (in, gonio_import_input (in, 0));
  GonioNodeId node = GONIO_NODE_NONE;

  if (!check (in, 4, attrs_softmax, error))
    return FALSE;
  if (gonio_node_attr_int (in->node, "opset", 0) < 13 && axis != -1 && axis != rank - 1)
    return gonio_import_unsupported (error, "before opset 13 only the last axis is supported.");
  GonioValueId x = real_input (in, 0, "x");
  GonioValueId y = gonio_import_emit (in, GONIO_OP_SOFTMAX, "real", &x, 1, &node);
  gonio_graph_set_attr_int (in->graph, node, "axis", axis);
  return quantise (in, y, 3);
}

/* The rank of images with the channels in the last place, 0 of others. */
static gboolean
last_channels (const GonioImportNode *in, int *out_rank, GError **error)
{
  *out_rank = 0;
  if (gonio_node_attr_int (in->node, "channels_last", 0) == 0)
    return TRUE;
  *out_rank = gonio_import_rank (in, gonio_import_input (in, 0));
  return *out_rank >= 3 ||
         gonio_import_unsupported (error, "with channels last its input needs a known rank of 3 or "
                                          "more.");
}

/* Input 0 as real numbers with the channels in the second place. */
static GonioValueId
pool_input (GonioImportNode *in, int rank)
{
  GonioValueId x = real_input (in, 0, "x");
  return rank > 0 ? gonio_import_turn (in, x, rank, TRUE) : x;
}

static gboolean
quantise_pool (GonioImportNode *in, GonioValueId y, int rank)
{
  return quantise (in, rank > 0 ? gonio_import_turn (in, y, rank, FALSE) : y, 3);
}

static gboolean
global_average_pool (GonioImportNode *in, GError **error)
{
  int rank = 0;

  if (!check (in, 4, attrs_global, error) || !last_channels (in, &rank, error))
    return FALSE;
  GonioValueId x = pool_input (in, rank);
  return quantise_pool (in, gonio_import_unary (in, GONIO_OP_GLOBAL_AVERAGE_POOL, "real", x), rank);
}

static gboolean
average_pool (GonioImportNode *in, GError **error)
{
  static const char *const names[] = {"ceil_mode", "count_include_pad", "kernel_shape", "strides"};
  const char *mode = gonio_node_attr_string (in->node, "auto_pad", "NOTSET");
  gboolean explicit_pads = g_str_equal (mode, "NOTSET") || *mode == '\0';
  GonioNodeId node = GONIO_NODE_NONE;
  int rank = 0;

  if (!check (in, 4, attrs_pool, error) || !last_channels (in, &rank, error))
    return FALSE;
  GonioValueId x = pool_input (in, rank);
  GonioValueId y = gonio_import_emit (in, GONIO_OP_AVERAGE_POOL, "real", &x, 1, &node);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const GonioAttr *attr = gonio_node_attr (in->node, names[i]);
    if (attr)
      gonio_graph_copy_attr (in->graph, node, attr);
  }
  const GonioAttr *pads = gonio_node_attr (in->node, explicit_pads ? "pads" : "auto_pad");
  if (pads && !g_str_equal (mode, "VALID"))
    gonio_graph_copy_attr (in->graph, node, pads);
  return quantise_pool (in, y, rank);
}

static gboolean
reduce_mean (GonioImportNode *in, GError **error)
{
  int64_t keep = gonio_node_attr_int (in->node, "keepdims", 1);
  guint n = 0;
  const int64_t *axes = gonio_node_attr_ints (in->node, "axes", &n);
  GonioNodeId node = GONIO_NODE_NONE;

  if (!check (in, 4, attrs_mean, error))
    return FALSE;
  const GonioValueId args[2] = {real_input (in, 0, "x"),
                                gonio_import_const_ints (in, "axes", axes, n)};
  GonioValueId y = gonio_import_emit (in, GONIO_OP_REDUCE_MEAN, "real", args, n > 0 ? 2 : 1, &node);
  gonio_graph_set_attr_int (in->graph, node, "keepdims", keep);
  return quantise (in, y, 3);
}

/* Condition, X, its scale and zero point, Y, its, the result's. */
static gboolean
where (GonioImportNode *in, GError **error)
{
  if (!check (in, 8, attrs_none, error))
    return FALSE;
  const GonioValueId args[3] = {gonio_import_input (in, 0), real_input (in, 1, "x"),
                                real_input (in, 4, "y")};
  return quantise (in, gonio_import_emit (in, GONIO_OP_WHERE, "real", args, 3, NULL), 7);
}

/* The result's scale and zero point, then three inputs for each part. */
static gboolean
concat (GonioImportNode *in, GError **error)
{
  const GonioAttr *axis = gonio_node_attr (in->node, "axis");
  guint n = in->node->n_inputs / 3;
  g_autofree GonioValueId *parts = g_new0 (GonioValueId, n + 1);
  GonioNodeId node = GONIO_NODE_NONE;

  if (!check (in, 4, attrs_concat, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    parts[i] = real_input (in, 2 + 3 * i, "part");
  GonioValueId y = gonio_import_emit (in, GONIO_OP_CONCAT, "real", parts, n, &node);
  gonio_graph_set_attr_int (in->graph, node, "axis", axis->i);
  return quantise (in, y, 0);
}

const GonioImportRow gonio_import_contrib_quant[] = {
    {"QLinearAdd", DOMAIN, 1, 0, binary},
    {"QLinearAveragePool", DOMAIN, 1, 0, average_pool},
    {"QLinearConcat", DOMAIN, 1, 0, concat},
    {"QLinearGlobalAveragePool", DOMAIN, 1, 0, global_average_pool},
    {"QLinearLeakyRelu", DOMAIN, 1, 0, leaky_relu},
    {"QLinearMul", DOMAIN, 1, 0, binary},
    {"QLinearReduceMean", DOMAIN, 1, 0, reduce_mean},
    {"QLinearSigmoid", DOMAIN, 1, 0, sigmoid},
    {"QLinearSoftmax", DOMAIN, 1, 0, softmax},
    {"QLinearWhere", DOMAIN, 1, 0, where},
    {0},
};
