/* Import rows of operators that are a few others put together. Depends on import.h. */
#include "core/onnx/import.h"

/* swish (a, alpha) * b */
static gboolean
swiglu (GonioImportNode *in, GError **error)
{
  GonioValueId a = gonio_import_input (in, 0);
  float alpha = gonio_node_attr_float (in->node, "alpha", 1);
  GonioNodeId gate = GONIO_NODE_NONE;

  gonio_import_set_input (in, 0, gonio_import_emit (in, GONIO_OP_SWISH, "gate", &a, 1, &gate));
  gonio_graph_set_attr_float (in->graph, gate, "alpha", alpha);
  gonio_import_drop (in, "alpha", GONIO_ATTR_FLOAT);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_MUL);
  return TRUE;
}

/* ---- CausalConvWithState ---- */

/* The input with the state before it: the one given, or zeros. */
static GonioValueId
prepend_state (GonioImportNode *in, int64_t kernel)
{
  const int64_t pads[6] = {0, 0, kernel - 1, 0, 0, 0};
  GonioValueId x = gonio_import_input (in, 0), state = gonio_import_input (in, 3);
  GonioNodeId joined = GONIO_NODE_NONE;

  if (state == GONIO_VALUE_NONE) {
    const GonioValueId args[2] = {x, gonio_import_const_ints (in, "pads", pads, 6)};
    return gonio_import_emit (in, GONIO_OP_PAD, "padded", args, 2, NULL);
  }
  const GonioValueId parts[2] = {state, x};
  GonioValueId result = gonio_import_emit (in, GONIO_OP_CONCAT, "joined", parts, 2, &joined);
  gonio_graph_set_attr_int (in->graph, joined, "axis", 2);
  return result;
}

/* The last kernel - 1 steps are the state for the next call. */
static void
emit_state (GonioImportNode *in, GonioValueId padded, int64_t kernel, GonioValueId output)
{
  const int64_t start = kernel > 1 ? 1 - kernel : INT64_MAX, end = INT64_MAX, axis = 2;
  const GonioValueId args[4] = {padded, gonio_import_const_ints (in, "start", &start, 1),
                                gonio_import_const_ints (in, "end", &end, 1),
                                gonio_import_const_ints (in, "axis", &axis, 1)};
  gonio_import_emit_to (in, GONIO_OP_SLICE, "state", args, 4, output);
}

/* Swish of the result, computed in float32 whatever the type, as the operator asks for. */
static void
emit_swish (GonioImportNode *in, GonioDType dtype)
{
  GonioValueId output = in->node->outputs[0], raw = gonio_import_detour_output (in, "raw");

  if (dtype == GONIO_DTYPE_FLOAT || dtype == GONIO_DTYPE_DOUBLE) {
    gonio_import_emit_to (in, GONIO_OP_SWISH, "swish", &raw, 1, output);
    return;
  }
  GonioValueId wide = gonio_import_cast (in, raw, GONIO_DTYPE_FLOAT, "wide");
  const GonioValueId back[2] = {gonio_import_emit (in, GONIO_OP_SWISH, "swish", &wide, 1, NULL),
                                raw};
  gonio_import_emit_to (in, GONIO_OP_CAST_LIKE, "back", back, 2, output);
}

/* Inputs: data [batch,channels,length], weights [channels,1,kernel], bias, state
 * [batch,channels,kernel - 1]; a depthwise convolution that sees no future. */
static gboolean
causal_conv (GonioImportNode *in, GError **error)
{
  g_autofree char *activation = g_strdup (gonio_node_attr_string (in->node, "activation", "none"));
  GonioValueId weights = gonio_import_input (in, 1), bias = gonio_import_input (in, 2);
  gboolean swish = g_str_equal (activation, "silu") || g_str_equal (activation, "swish");

  if (gonio_import_rank (in, weights) != 3)
    return gonio_import_unsupported (error, "its weights need a known rank of 3.");
  const GonioSymShape *shape = &gonio_graph_value (in->graph, weights)->shape;
  int64_t channels = shape->dims[0].value, kernel = shape->dims[2].value;
  if (channels < 1 || kernel < 1)
    return gonio_import_unsupported (error, "its weights need known dimensions.");
  if (!swish && !g_str_equal (activation, "none"))
    return gonio_import_unsupported (error, "activation “%s” is not supported.", activation);

  GonioValueId padded = prepend_state (in, kernel);
  if (gonio_import_has_output (in, 1)) {
    GonioValueId result = in->node->outputs[0], state = in->node->outputs[1];
    gonio_graph_set_outputs (in->graph, in->id, &result, 1);
    emit_state (in, padded, kernel, state);
  }
  const GonioValueId inputs[3] = {padded, weights, bias};
  gonio_graph_set_inputs (in->graph, in->id, inputs, bias == GONIO_VALUE_NONE ? 2 : 3);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_CONV);
  gonio_graph_set_attr_int (in->graph, in->id, "group", channels);
  gonio_import_drop (in, "activation", GONIO_ATTR_STRING);
  if (swish && gonio_import_has_output (in, 0))
    emit_swish (in, gonio_import_dtype (in, weights));
  return TRUE;
}

const GonioImportRow gonio_import_compose[] = {
    {"CausalConvWithState", "", 27, 0, causal_conv},
    {"SwiGLU", "", 28, 0, swiglu},
    {0},
};
