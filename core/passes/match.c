/* What passes ask again and again; see match.h. */
#include "core/passes/match.h"

#include <math.h>

GonioNodeId *
gonio_match_order (const GonioGraph *graph, guint *out_count)
{
  const GonioNodeId *order = gonio_graph_order (graph, out_count);
  return g_memdup2 (order, *out_count * sizeof *order);
}

GonioValueId
gonio_match_input (const GonioNode *node, guint i)
{
  return i < node->n_inputs ? node->inputs[i] : GONIO_VALUE_NONE;
}

GonioNodeId
gonio_match_single_user (const GonioGraph *graph, GonioValueId value)
{
  guint n = 0;
  const GonioNodeId *users = gonio_graph_users (graph, value, &n);

  return n == 1 && !gonio_graph_is_output (graph, value) ? users[0] : GONIO_NODE_NONE;
}

const GonioNode *
gonio_match_origin (const GonioGraph *graph, GonioValueId value, GonioOpId op)
{
  if (value == GONIO_VALUE_NONE)
    return NULL;
  GonioNodeId producer = gonio_graph_value (graph, value)->producer;
  const GonioNode *node = producer == GONIO_NODE_NONE ? NULL : gonio_graph_node (graph, producer);
  return node && node->op == op ? node : NULL;
}

GonioNodeId
gonio_match_producer (const GonioGraph *graph, GonioValueId value, GonioOpId op)
{
  if (!gonio_match_origin (graph, value, op) ||
      gonio_match_single_user (graph, value) == GONIO_NODE_NONE)
    return GONIO_NODE_NONE;
  return gonio_graph_value (graph, value)->producer;
}

const GonioNode *
gonio_match_made_by (const GonioGraph *graph, GonioValueId value, GonioOpId op)
{
  GonioNodeId id = gonio_match_producer (graph, value, op);
  return id == GONIO_NODE_NONE ? NULL : gonio_graph_node (graph, id);
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
      !(gonio_dtype_is_float (gonio_tensor_dtype (tensor)) ||
        gonio_dtype_is_integer (gonio_tensor_dtype (tensor))))
    return FALSE;
  *out = gonio_tensor_get_double (tensor, 0);
  return TRUE;
}

gboolean
gonio_match_close (double a, double b)
{
  return fabs (a - b) <= 2e-4 * fabs (b);
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

gboolean
gonio_match_is_plain (const GonioNode *node, GonioOpId op)
{
  return node->op == op && node->n_outputs == 1 && node->outputs[0] != GONIO_VALUE_NONE &&
         !gonio_node_attr (node, "activation");
}

gboolean
gonio_match_is_float (const GonioGraph *graph, GonioValueId value)
{
  return value != GONIO_VALUE_NONE && gonio_graph_value (graph, value)->dtype == GONIO_DTYPE_FLOAT;
}

void
gonio_match_take_output (GonioGraph *graph, GonioNodeId first, GonioNodeId last)
{
  GonioValueId output = gonio_graph_node (graph, last)->outputs[0];

  gonio_graph_remove_node (graph, last);
  gonio_graph_set_outputs (graph, first, &output, 1);
}

GonioNodeId
gonio_match_replace (GonioGraph *graph, GonioNodeId last, GonioOpId op, const GonioValueId *inputs,
                     guint n_inputs)
{
  const GonioNode *node = gonio_graph_node (graph, last);
  GonioValueId output = node->outputs[0];
  g_autofree char *name = g_strdup (node->name);

  gonio_graph_remove_node (graph, last);
  return gonio_graph_add_node (graph, op, name, inputs, n_inputs, &output, 1);
}

/* The output takes value's place at its producer. */
static gboolean
rename_producer (GonioGraph *graph, GonioNodeId id, GonioValueId value, GonioValueId output)
{
  GonioNodeId maker = gonio_graph_value (graph, value)->producer;

  if (maker == GONIO_NODE_NONE || gonio_graph_is_output (graph, value))
    return FALSE;
  const GonioNode *node = gonio_graph_node (graph, maker);
  guint n = node->n_outputs;
  g_autofree GonioValueId *outputs = g_memdup2 (node->outputs, n * sizeof *node->outputs);
  for (guint i = 0; i < n; i++)
    outputs[i] = outputs[i] == value ? output : outputs[i];
  gonio_graph_remove_node (graph, id);
  gonio_graph_replace_uses (graph, value, output);
  gonio_graph_set_outputs (graph, maker, outputs, n);
  return TRUE;
}

gboolean
gonio_match_bypass (GonioGraph *graph, GonioNodeId id, GonioValueId value)
{
  GonioValueId output = gonio_graph_node (graph, id)->outputs[0];

  if (gonio_graph_is_output (graph, output))
    return rename_producer (graph, id, value, output);
  gonio_graph_replace_uses (graph, output, value);
  gonio_graph_remove_node (graph, id);
  return TRUE;
}
