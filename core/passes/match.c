/* What passes ask again and again; see match.h. */
#include "core/passes/match.h"

#include <math.h>

GonioValueId
gonio_node_input (const GonioNode *node, guint i)
{
  return i < node->n_inputs ? node->inputs[i] : GONIO_VALUE_NONE;
}

GonioNodeId
gonio_match_single_user (const GonioGraph *graph, GonioValueId value)
{
  guint n = 0;
  const GonioNodeId *users = gonio_graph_users (graph, value, &n);
  if (n != 1 || gonio_graph_is_output (graph, value))
    return GONIO_NODE_NONE;
  return users[0];
}

GonioNodeId
gonio_match_producer (const GonioGraph *graph, GonioValueId value, GonioOpId op)
{
  if (value == GONIO_VALUE_NONE || gonio_match_single_user (graph, value) == GONIO_NODE_NONE)
    return GONIO_NODE_NONE;
  const GonioNodeId producer = gonio_graph_value (graph, value)->producer;
  const GonioNode *node = producer == GONIO_NODE_NONE ? NULL : gonio_graph_node (graph, producer);
  return node && node->op == op ? producer : GONIO_NODE_NONE;
}

const GonioTensor *
gonio_match_constant (const GonioGraph *graph, GonioValueId value)
{
  return value == GONIO_VALUE_NONE ? NULL : gonio_graph_value (graph, value)->constant;
}

gboolean
gonio_match_scalar (const GonioGraph *graph, GonioValueId value, double *out)
{
  const GonioTensor *tensor = gonio_match_constant (graph, value);
  if (!tensor || gonio_tensor_count (tensor) != 1 ||
      !gonio_dtype_is_float (gonio_tensor_dtype (tensor)))
    return FALSE;
  *out = gonio_tensor_get_double (tensor, 0);
  return TRUE;
}

gboolean
gonio_match_scalar_is (const GonioGraph *graph, GonioValueId value, double expected)
{
  double scalar;
  return gonio_match_scalar (graph, value, &scalar) &&
         fabs (scalar - expected) <= 1e-4 * MAX (fabs (expected), 1e-3);
}

gboolean
gonio_match_with_scalar (const GonioGraph *graph, const GonioNode *node, GonioValueId *out_value,
                         double *out_scalar)
{
  for (guint i = 0; node->n_inputs == 2 && i < 2; i++) {
    if (gonio_match_scalar (graph, node->inputs[i], out_scalar)) {
      *out_value = node->inputs[1 - i];
      return TRUE;
    }
  }
  return FALSE;
}

void
gonio_match_take_output (GonioGraph *graph, GonioNodeId first, GonioNodeId last)
{
  const GonioNode *node = gonio_graph_node (graph, last);
  g_autofree GonioValueId *outputs =
      g_memdup2 (node->outputs, node->n_outputs * sizeof *node->outputs);
  const guint n_outputs = node->n_outputs;
  gonio_graph_remove_node (graph, last);
  gonio_graph_set_outputs (graph, first, outputs, n_outputs);
}

void
gonio_match_replace (GonioGraph *graph, GonioNodeId last, GonioOpId op, GonioValueId input)
{
  const GonioNode *node = gonio_graph_node (graph, last);
  const GonioValueId output = node->outputs[0];
  g_autofree char *name = g_strdup (node->name);
  gonio_graph_remove_node (graph, last);
  gonio_graph_add_node (graph, op, name, &input, 1, &output, 1);
}
