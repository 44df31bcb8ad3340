/* Pass "fuse-pad": gives zero padding of spatial axes to the convolution, or average pool that
 * counts its padding, that follows. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

static gboolean
pads_with_zero (const GonioGraph *graph, const GonioNode *pad)
{
  const GonioValueId value = gonio_node_input (pad, 2);
  double scalar;
  if (!g_str_equal (gonio_node_attr_string (pad, "mode", "constant"), "constant") ||
      gonio_node_input (pad, 3) != GONIO_VALUE_NONE)
    return FALSE;
  return value == GONIO_VALUE_NONE || (gonio_match_scalar (graph, value, &scalar) && scalar == 0);
}

static gboolean
takes_padding (const GonioNode *node)
{
  if (!g_str_equal (gonio_node_attr_string (node, "auto_pad", "NOTSET"), "NOTSET"))
    return FALSE;
  return node->op == GONIO_OP_CONV || (node->op == GONIO_OP_AVERAGE_POOL &&
                                       gonio_node_attr_int (node, "count_include_pad", 0) == 1 &&
                                       gonio_node_attr_int (node, "ceil_mode", 0) == 0);
}

static gboolean
fuse (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  if (!takes_padding (node))
    return FALSE;
  const GonioNodeId pad_id = gonio_match_producer (graph, node->inputs[0], GONIO_OP_PAD);
  if (pad_id == GONIO_NODE_NONE)
    return FALSE;
  const GonioNode *pad = gonio_graph_node (graph, pad_id);
  const GonioTensor *amounts = gonio_match_constant (graph, gonio_node_input (pad, 1));
  if (!amounts || !pads_with_zero (graph, pad))
    return FALSE;
  const int64_t rank = gonio_tensor_count (amounts) / 2;
  const guint spatial = rank > 2 ? (guint)(rank - 2) : 0;
  guint n_old = 0;
  const int64_t *old = gonio_node_attr_ints (node, "pads", &n_old);
  if (spatial == 0 || rank > GONIO_MAX_RANK || (old && n_old != 2 * spatial))
    return FALSE;
  int64_t pads[2 * GONIO_MAX_RANK] = {0};
  for (int64_t i = 0; i < 2 * rank; i++) {
    const int64_t axis = i % rank, amount = gonio_tensor_get_int (amounts, i);
    if (amount < 0 || amount > G_MAXINT32 || (axis < 2 && amount != 0))
      return FALSE;
    if (axis < 2)
      continue;
    const guint k = (guint)(axis - 2) + (i < rank ? 0 : spatial);
    pads[k] = amount + (old ? old[k] : 0);
  }
  const GonioValueId input = pad->inputs[0];
  gonio_graph_set_attr_ints (graph, id, "pads", pads, 2 * spatial);
  gonio_graph_set_input (graph, id, 0, input);
  gonio_graph_remove_node (graph, pad_id);
  return TRUE;
}

gboolean
gonio_pass_fuse_pad (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                     GError **error)
{
  guint n = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  g_autofree GonioNodeId *nodes = g_memdup2 (order, n * sizeof *order);
  *out_changes = 0;
  for (guint i = 0; i < n; i++)
    if (gonio_graph_node (graph, nodes[i]) && fuse (graph, nodes[i]))
      (*out_changes)++;
  return TRUE;
}
