/* Import rows of operators that ONNX Runtime writes into optimised models (com.microsoft), as
 * far as they are plain combinations. Depends on import.h. */
#include "core/graph/activation.h"
#include "core/onnx/import.h"

#include <math.h>

#define DOMAIN "com.microsoft"

/* Writes the activation on the node that already is an operator that may carry one. */
static gboolean
set_activation (GonioImportNode *in, GonioNodeId node, const char *name, const float *params,
                guint n, GError **error)
{
  static const struct {
    const char *name;
    GonioActKind kind;
    guint n;
    float params[2];
  } rows[] = {
      {"Relu", GONIO_ACT_CLIP, 2, {0, INFINITY}},
      {"Clip", GONIO_ACT_CLIP, 2, {-INFINITY, INFINITY}},
      {"LeakyRelu", GONIO_ACT_LEAKY_RELU, 1, {0.01f, 0}},
      {"Sigmoid", GONIO_ACT_SIGMOID, 0, {0, 0}},
      {"Tanh", GONIO_ACT_TANH, 0, {0, 0}},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    if (!g_str_equal (rows[i].name, name))
      continue;
    float values[2] = {rows[i].params[0], rows[i].params[1]};
    for (guint k = 0; k < n && k < rows[i].n && !g_str_equal (name, "Relu"); k++)
      values[k] = params[k];
    gonio_graph_set_attr_string (in->graph, node, "activation",
                                 gonio_activation_name (rows[i].kind));
    gonio_graph_remove_attr (in->graph, node, "activation_params");
    if (rows[i].n > 0)
      gonio_graph_set_attr_floats (in->graph, node, "activation_params", values, rows[i].n);
    return TRUE;
  }
  return gonio_import_unsupported (error, "activation “%s” is not supported.", name);
}

/* X, W, B and a summand; then the activation. */
static gboolean
fused_conv (GonioImportNode *in, GError **error)
{
  g_autofree char *name = g_strdup (gonio_node_attr_string (in->node, "activation", ""));
  guint n = 0;
  const float *given = gonio_node_attr_floats (in->node, "activation_params", &n);
  g_autofree float *params = g_memdup2 (given, n * sizeof *given);
  GonioValueId summand = gonio_import_input (in, 3);
  GonioNodeId last = in->id;

  gonio_graph_set_op (in->graph, in->id, GONIO_OP_CONV);
  gonio_import_drop (in, "activation", GONIO_ATTR_STRING);
  gonio_import_drop (in, "activation_params", GONIO_ATTR_FLOATS);
  if (g_strcmp0 (gonio_node_attr_string (in->node, "auto_pad", NULL), "NOTSET") == 0)
    gonio_import_drop (in, "auto_pad", GONIO_ATTR_STRING);
  if (summand != GONIO_VALUE_NONE) {
    GonioValueId output = in->node->outputs[0];
    gonio_import_set_input (in, 3, GONIO_VALUE_NONE);
    GonioValueId terms[2] = {gonio_import_detour_output (in, "conv"), summand};
    last = gonio_import_emit_to (in, GONIO_OP_ADD, "sum", terms, 2, output);
  }
  return *name == '\0' || set_activation (in, last, name, params, n, error);
}

static gboolean
fused_gemm (GonioImportNode *in, GError **error)
{
  g_autofree char *name = g_strdup (gonio_node_attr_string (in->node, "activation", ""));
  const float alpha = gonio_node_attr_float (in->node, "activation_alpha", 0.01f);

  gonio_graph_set_op (in->graph, in->id, GONIO_OP_GEMM);
  gonio_import_drop (in, "activation", GONIO_ATTR_STRING);
  gonio_import_drop (in, "activation_alpha", GONIO_ATTR_FLOAT);
  gonio_import_drop (in, "activation_beta", GONIO_ATTR_FLOAT);
  gonio_import_drop (in, "activation_gamma", GONIO_ATTR_FLOAT);
  return *name == '\0' ||
         set_activation (in, in->id, name, &alpha, g_str_equal (name, "LeakyRelu"), error);
}

/* Transposes the last two axes. */
static gboolean
transpose_input (GonioImportNode *in, guint i, const char *hint, GError **error)
{
  GonioValueId value = gonio_import_input (in, i);
  int rank = gonio_import_rank (in, value);
  int64_t perm[GONIO_MAX_RANK] = {0};
  GonioNodeId node = GONIO_NODE_NONE;

  if (rank < 2)
    return gonio_import_unsupported (error, "a transposed input needs a known rank.");
  for (int d = 0; d < rank; d++)
    perm[d] = d < rank - 2 ? d : 2 * rank - 3 - d;
  gonio_import_set_input (in, i,
                          gonio_import_emit (in, GONIO_OP_TRANSPOSE, hint, &value, 1, &node));
  gonio_graph_set_attr_ints (in->graph, node, "perm", perm, (guint)rank);
  return TRUE;
}

static const GonioAttrSchema attrs_matmul[] = {
    {"alpha", GONIO_ATTR_FLOAT, FALSE},     {"transA", GONIO_ATTR_INT, FALSE},
    {"transB", GONIO_ATTR_INT, FALSE},      {"transBatchA", GONIO_ATTR_INT, FALSE},
    {"transBatchB", GONIO_ATTR_INT, FALSE}, {0}};

static gboolean
fused_matmul (GonioImportNode *in, GError **error)
{
  float alpha = gonio_node_attr_float (in->node, "alpha", 1);
  gboolean trans_a = gonio_node_attr_int (in->node, "transA", 0) != 0;
  gboolean trans_b = gonio_node_attr_int (in->node, "transB", 0) != 0;
  GonioDType dtype = gonio_import_dtype (in, gonio_import_input (in, 0));

  if (!gonio_import_check_attrs (in, attrs_matmul, error))
    return FALSE;
  if (gonio_node_attr_int (in->node, "transBatchA", 0) ||
      gonio_node_attr_int (in->node, "transBatchB", 0))
    return gonio_import_unsupported (error, "transposed batches are not supported.");
  if ((trans_a && !transpose_input (in, 0, "a", error)) ||
      (trans_b && !transpose_input (in, 1, "b", error)))
    return FALSE;
  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_MATMUL);
  if (alpha != 1) {
    GonioValueId output = in->node->outputs[0];
    GonioValueId factors[2] = {
        gonio_import_detour_output (in, "product"),
        gonio_import_const_scalar (in, "alpha", dtype ? dtype : GONIO_DTYPE_FLOAT, alpha)};
    gonio_import_emit_to (in, GONIO_OP_MUL, "scaled", factors, 2, output);
  }
  return TRUE;
}

static const GonioAttrSchema attrs_none[] = {{0}};
static const GonioAttrSchema attrs_alpha[] = {{"alpha", GONIO_ATTR_FLOAT, FALSE}, {0}};

/* Gelu of x plus an optional bias. */
static gboolean
bias_gelu (GonioImportNode *in, GError **error)
{
  GonioValueId terms[2] = {gonio_import_input (in, 0), gonio_import_input (in, 1)};

  if (!gonio_import_check_attrs (in, attrs_none, error))
    return FALSE;
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_GELU);
  if (g_str_equal (in->op, "FastGelu"))
    gonio_graph_set_attr_string (in->graph, in->id, "approximate", "tanh");
  if (terms[1] != GONIO_VALUE_NONE) {
    GonioValueId sum = gonio_import_emit (in, GONIO_OP_ADD, "sum", terms, 2, NULL);
    gonio_graph_set_inputs (in->graph, in->id, &sum, 1);
  }
  return TRUE;
}

/* x * sigmoid (alpha x) is Swish. */
static gboolean
quick_gelu (GonioImportNode *in, GError **error)
{
  float alpha = gonio_node_attr_float (in->node, "alpha", 1.702f);

  if (!gonio_import_check_attrs (in, attrs_alpha, error))
    return FALSE;
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_SWISH);
  gonio_graph_set_attr_float (in->graph, in->id, "alpha", alpha);
  return TRUE;
}

/* What the standard operator of that name does as well. */
static gboolean
standard (GonioImportNode *in, GError **error)
{
  gonio_graph_set_op (in->graph, in->id, gonio_op_find ("", in->op));
  return TRUE;
}

const GonioImportRow gonio_import_contrib[] = {
    {"BiasGelu", DOMAIN, 1, 0, bias_gelu},      {"DequantizeLinear", DOMAIN, 1, 0, standard},
    {"FastGelu", DOMAIN, 1, 0, bias_gelu},      {"FusedConv", DOMAIN, 1, 0, fused_conv},
    {"FusedGemm", DOMAIN, 1, 0, fused_gemm},    {"FusedMatMul", DOMAIN, 1, 0, fused_matmul},
    {"GatherND", DOMAIN, 1, 0, standard},       {"Gelu", DOMAIN, 1, 0, bias_gelu},
    {"QuantizeLinear", DOMAIN, 1, 0, standard}, {"QuickGelu", DOMAIN, 1, 0, quick_gelu},
    {"Range", DOMAIN, 1, 0, standard},          {"TransposeMatMul", DOMAIN, 1, 0, fused_matmul},
    {"Trilu", DOMAIN, 1, 0, standard},          {0},
};
