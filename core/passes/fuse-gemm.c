/* Pass "fuse-gemm": a product of matrices plus a constant is a Gemm, which also reads a
 * transposed factor as it lies. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

static int
rank_of (const GonioGraph *graph, GonioValueId value)
{
  const GonioSymShape *shape = &gonio_graph_value (graph, value)->shape;
  return shape->has_rank ? shape->rank : -1;
}

/* A summand that does not widen the product: one per column, one for all, or one per element. */
static gboolean
fits_product (const GonioGraph *graph, const GonioTensor *bias, GonioValueId product)
{
  const GonioShape *shape = gonio_tensor_shape (bias);
  const GonioSymShape *out = &gonio_graph_value (graph, product)->shape;

  if (shape->rank > 2 || !out->has_rank || out->rank != 2)
    return FALSE;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] != 1 && shape->dims[d] != out->dims[d + 2 - shape->rank].value)
      return FALSE;
  }
  return TRUE;
}

static gboolean
fuse_sum (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *add = gonio_graph_node (graph, id);

  for (guint i = 0; gonio_match_is_plain (add, GONIO_OP_ADD) && i < 2; i++) {
    GonioNodeId product_id = gonio_match_producer (graph, add->inputs[i], GONIO_OP_MATMUL);
    const GonioTensor *bias = gonio_match_constant (graph, add->inputs[1 - i]);
    if (product_id == GONIO_NODE_NONE || !bias || !fits_product (graph, bias, add->inputs[i]))
      continue;
    const GonioNode *product = gonio_graph_node (graph, product_id);
    const GonioValueId inputs[3] = {product->inputs[0], product->inputs[1], add->inputs[1 - i]};
    if (!gonio_match_is_plain (product, GONIO_OP_MATMUL) || rank_of (graph, inputs[0]) != 2 ||
        rank_of (graph, inputs[1]) != 2 || !gonio_match_is_float (graph, inputs[0]))
      continue;
    gonio_graph_set_op (graph, product_id, GONIO_OP_GEMM);
    gonio_graph_set_inputs (graph, product_id, inputs, 3);
    gonio_match_take_output (graph, product_id, id);
    return TRUE;
  }
  return FALSE;
}

/* Gemm (A, transpose (B)) toggles transB, likewise for A. */
static gboolean
absorb_transpose (GonioGraph *graph, GonioNodeId id, guint input, const char *attr)
{
  const GonioNode *gemm = gonio_graph_node (graph, id);
  const GonioNode *transpose =
      gonio_match_made_by (graph, gonio_match_input (gemm, input), GONIO_OP_TRANSPOSE);

  if (!gonio_match_is_plain (gemm, GONIO_OP_GEMM) || !transpose ||
      rank_of (graph, transpose->inputs[0]) != 2)
    return FALSE;
  guint n = 0;
  const int64_t *perm = gonio_node_attr_ints (transpose, "perm", &n);
  if (perm && (n != 2 || perm[0] != 1))
    return FALSE;
  int64_t flag = gonio_node_attr_int (gemm, attr, 0) == 0;
  GonioValueId straight = transpose->inputs[0];
  gonio_graph_set_input (graph, id, input, straight);
  gonio_graph_set_attr_int (graph, id, attr, flag);
  return TRUE;
}

gboolean
gonio_pass_fuse_gemm (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                      GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  for (guint i = 0; i < n; i++) {
    if (!gonio_graph_node (graph, nodes[i]))
      continue;
    *out_changes += (guint)absorb_transpose (graph, nodes[i], 0, "transA");
    *out_changes += (guint)absorb_transpose (graph, nodes[i], 1, "transB");
    *out_changes += (guint)fuse_sum (graph, nodes[i]);
  }
  return TRUE;
}
