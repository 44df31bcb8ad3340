/* Pass "shuffle": a Concat of n equal parts along channels whose channels are then interleaved
 * (Reshape to [N, n, C, ...], Transpose of the two) puts the parts side by side in the first place:
 * each becomes [N, C, 1, ...], and they are joined along the new axis. One copy less. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

#include <string.h>

/* value is [N, n, C, ...], where each part is [N, C, ...]. */
static gboolean
splits_parts (const GonioGraph *graph, GonioValueId value, GonioValueId part, guint n)
{
  GonioShape whole = {0}, one = {0};

  return gonio_sym_shape_known (&gonio_graph_value (graph, value)->shape, &whole) &&
         gonio_sym_shape_known (&gonio_graph_value (graph, part)->shape, &one) && one.rank >= 2 &&
         whole.rank == one.rank + 1 && whole.dims[0] == one.dims[0] && whole.dims[1] == n &&
         memcmp (whole.dims + 2, one.dims + 1, (size_t)(one.rank - 1) * sizeof *one.dims) == 0;
}

static gboolean
swaps_1_and_2 (const GonioNode *node)
{
  guint n = 0;
  const int64_t *perm = gonio_node_attr_ints (node, "perm", &n);

  if (!perm || n < 3 || perm[1] != 2 || perm[2] != 1)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    if (i != 1 && i != 2 && perm[i] != i)
      return FALSE;
  }
  return TRUE;
}

/* Parts of one shape. */
static gboolean
joins_equal_parts (const GonioGraph *graph, const GonioNode *concat)
{
  if (gonio_node_attr_int (concat, "axis", 0) != 1 || concat->n_inputs < 2)
    return FALSE;
  for (guint i = 1; i < concat->n_inputs; i++) {
    if (!gonio_sym_shape_equal (&gonio_graph_value (graph, concat->inputs[0])->shape,
                                &gonio_graph_value (graph, concat->inputs[i])->shape))
      return FALSE;
  }
  return TRUE;
}

static gboolean
join_side_by_side (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *turn = gonio_graph_node (graph, id);
  const GonioNode *view = gonio_match_made_by (graph, turn->inputs[0], GONIO_OP_RESHAPE);
  const GonioNode *concat =
      view ? gonio_match_made_by (graph, view->inputs[0], GONIO_OP_CONCAT) : NULL;
  const int64_t two = 2;
  const GonioShape one = GONIO_SHAPE (1);

  if (!concat || !swaps_1_and_2 (turn) || !joins_equal_parts (graph, concat) ||
      !splits_parts (graph, view->outputs[0], concat->inputs[0], concat->n_inputs))
    return FALSE;
  g_autoptr (GonioTensor) axes =
      gonio_tensor_new_copy (GONIO_DTYPE_INT64, &one, &two, sizeof two, NULL);
  if (!axes)
    return FALSE;
  guint n = concat->n_inputs;
  GonioDType dtype = gonio_graph_value (graph, concat->inputs[0])->dtype;
  g_autofree GonioValueId *parts = g_memdup2 (concat->inputs, n * sizeof *parts);
  g_autofree char *name = g_strdup (concat->name);
  GonioValueId axis = gonio_graph_add_constant (graph, name, axes);
  for (guint i = 0; i < n; i++) {
    GonioValueId inputs[2] = {parts[i], axis};
    parts[i] = gonio_graph_add_value (graph, name, dtype, NULL);
    gonio_graph_add_node (graph, GONIO_OP_UNSQUEEZE, name, inputs, 2, &parts[i], 1);
  }
  GonioNodeId joined = gonio_match_replace (graph, id, GONIO_OP_CONCAT, parts, n);
  gonio_graph_set_attr_int (graph, joined, "axis", 2);
  return TRUE;
}

gboolean
gonio_pass_shuffle (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                    GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, nodes[i]);
    if (node && node->op == GONIO_OP_TRANSPOSE)
      *out_changes += (guint)join_side_by_side (graph, nodes[i]);
  }
  return TRUE;
}
