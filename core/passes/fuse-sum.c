/* Pass "fuse-sum": lets a convolution add what is added to its result, as its fourth input. Where
 * both sides are convolutions the one computed last takes the other's result. */
#include "core/base/memory.h"
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

/* Side i of the sum is a convolution that may take the other one. Nothing else reads its result,
 * so the other side cannot depend on it. */
static gboolean
takes_sum (const GonioGraph *graph, const GonioNode *sum, guint i)
{
  GonioValueId own = sum->inputs[i], other = sum->inputs[1 - i];
  const GonioNode *conv = gonio_match_made_by (graph, own, GONIO_OP_CONV);

  return conv && own != other && gonio_match_is_plain (conv, GONIO_OP_CONV) &&
         gonio_match_input (conv, 3) == GONIO_VALUE_NONE &&
         gonio_node_attr_int (conv, "group", 1) == 1 && gonio_match_is_float (graph, own) &&
         gonio_match_is_float (graph, other) && !gonio_match_constant (graph, other) &&
         gonio_sym_shape_equal (&gonio_graph_value (graph, own)->shape,
                                &gonio_graph_value (graph, other)->shape);
}

/* place: of every node in the order of execution. */
static gboolean
fuse (GonioGraph *graph, GonioNodeId id, const guint *place)
{
  const GonioNode *sum = gonio_graph_node (graph, id);
  GonioNodeId best = GONIO_NODE_NONE;
  GonioValueId inputs[4] = {GONIO_VALUE_NONE, GONIO_VALUE_NONE, GONIO_VALUE_NONE, GONIO_VALUE_NONE};

  if ((sum->op != GONIO_OP_ADD && sum->op != GONIO_OP_SUM) || sum->n_inputs != 2)
    return FALSE;
  for (guint i = 0; i < 2; i++) {
    if (!takes_sum (graph, sum, i))
      continue;
    GonioNodeId conv = gonio_graph_value (graph, sum->inputs[i])->producer;
    if (best != GONIO_NODE_NONE && place[best] > place[conv])
      continue;
    best = conv;
    inputs[3] = sum->inputs[1 - i];
  }
  if (best == GONIO_NODE_NONE)
    return FALSE;
  for (guint i = 0; i < 3; i++)
    inputs[i] = gonio_match_input (gonio_graph_node (graph, best), i);
  for (guint i = 0; i < sum->n_attrs; i++) /* its activation */
    gonio_graph_copy_attr (graph, best, &sum->attrs[i]);
  gonio_graph_set_inputs (graph, best, inputs, 4);
  gonio_match_take_output (graph, best, id);
  return TRUE;
}

gboolean
gonio_pass_fuse_sum (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                     GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);
  g_autofree guint *place =
      gonio_new0 (guint, gonio_graph_n_nodes (graph), "the order of nodes", error);

  if (!place)
    return FALSE;
  for (guint i = 0; i < n; i++)
    place[nodes[i]] = i;
  for (guint i = 0; i < n; i++) {
    if (gonio_graph_node (graph, nodes[i]))
      *out_changes += (guint)fuse (graph, nodes[i], place);
  }
  return TRUE;
}
