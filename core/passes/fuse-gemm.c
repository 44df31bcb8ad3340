/* Pass "fuse-gemm": MatMul of rank 2 plus a constant vector is a Gemm. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

static gboolean
has_rank_2 (const GonioGraph *graph, GonioValueId value)
{
  const GonioSymShape *shape = &gonio_graph_value (graph, value)->shape;
  return shape->has_rank && shape->rank == 2;
}

static gboolean
fuse (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *add = gonio_graph_node (graph, id);
  if (add->op != GONIO_OP_ADD || add->n_inputs != 2 || gonio_node_attr (add, "activation"))
    return FALSE;
  for (guint i = 0; i < 2; i++) {
    const GonioNodeId product_id = gonio_match_producer (graph, add->inputs[i], GONIO_OP_MATMUL);
    const GonioTensor *bias = gonio_match_constant (graph, add->inputs[1 - i]);
    if (product_id == GONIO_NODE_NONE || !bias || gonio_tensor_dtype (bias) != GONIO_DTYPE_FLOAT)
      continue;
    const GonioNode *product = gonio_graph_node (graph, product_id);
    const GonioValueId a = product->inputs[0], b = product->inputs[1];
    const GonioSymShape *shape = &gonio_graph_value (graph, b)->shape;
    if (gonio_node_attr (product, "activation") || !has_rank_2 (graph, a) ||
        !has_rank_2 (graph, b) || gonio_tensor_shape (bias)->rank != 1 ||
        gonio_tensor_count (bias) != shape->dims[1].value)
      continue;
    const GonioValueId inputs[] = {a, b, add->inputs[1 - i]};
    gonio_graph_set_op (graph, product_id, GONIO_OP_GEMM);
    gonio_graph_set_inputs (graph, product_id, inputs, 3);
    gonio_match_take_output (graph, product_id, id);
    return TRUE;
  }
  return FALSE;
}

gboolean
gonio_pass_fuse_gemm (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
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
