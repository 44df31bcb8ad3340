/* Pass "identity": removes nodes that hand their input on unchanged, and pairs of transposes
 * that cancel. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

static gboolean
same_shape (const GonioGraph *graph, GonioValueId a, GonioValueId b)
{
  GonioShape sa, sb;
  return gonio_sym_shape_known (&gonio_graph_value (graph, a)->shape, &sa) &&
         gonio_sym_shape_known (&gonio_graph_value (graph, b)->shape, &sb) &&
         gonio_shape_equal (&sa, &sb);
}

static gboolean
keeps_everything (const GonioGraph *graph, const GonioNode *node)
{
  return TRUE;
}

/* Reshape, Flatten, Expand, Tile, Squeeze, Unsqueeze, Slice, Pad, Resize of equal size. */
static gboolean
keeps_shape (const GonioGraph *graph, const GonioNode *node)
{
  return same_shape (graph, node->inputs[0], node->outputs[0]);
}

static gboolean
keeps_type (const GonioGraph *graph, const GonioNode *node)
{
  const GonioDType from = gonio_graph_value (graph, node->inputs[0])->dtype;
  return from != GONIO_DTYPE_NONE && from == gonio_graph_value (graph, node->outputs[0])->dtype;
}

static gboolean
keeps_order (const GonioGraph *graph, const GonioNode *node)
{
  guint n = 0;
  const int64_t *perm = gonio_node_attr_ints (node, "perm", &n);
  for (guint i = 0; i < n; i++)
    if (perm[i] != i)
      return FALSE;
  return perm != NULL;
}

static gboolean
has_one_input (const GonioGraph *graph, const GonioNode *node)
{
  return node->n_inputs == 1;
}

/* A slice of equal size with positive steps takes every element in order. */
static gboolean
slices_everything (const GonioGraph *graph, const GonioNode *node)
{
  const GonioValueId steps = gonio_node_input (node, 4);
  if (steps != GONIO_VALUE_NONE) {
    const GonioTensor *tensor = gonio_match_constant (graph, steps);
    if (!tensor)
      return FALSE;
    for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
      if (gonio_tensor_get_int (tensor, i) != 1)
        return FALSE;
  }
  return keeps_shape (graph, node);
}

static gboolean
pads_nothing (const GonioGraph *graph, const GonioNode *node)
{
  const GonioTensor *pads = gonio_match_constant (graph, gonio_node_input (node, 1));
  if (!pads)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (pads); i++)
    if (gonio_tensor_get_int (pads, i) != 0)
      return FALSE;
  return TRUE;
}

static const struct {
  GonioOpId op;
  gboolean (*is_identity) (const GonioGraph *graph, const GonioNode *node);
} rules[] = {
    {GONIO_OP_IDENTITY, keeps_everything}, {GONIO_OP_RESHAPE, keeps_shape},
    {GONIO_OP_FLATTEN, keeps_shape},       {GONIO_OP_EXPAND, keeps_shape},
    {GONIO_OP_SQUEEZE, keeps_shape},       {GONIO_OP_UNSQUEEZE, keeps_shape},
    {GONIO_OP_TILE, keeps_shape},          {GONIO_OP_SLICE, slices_everything},
    {GONIO_OP_PAD, pads_nothing},          {GONIO_OP_CAST, keeps_type},
    {GONIO_OP_TRANSPOSE, keeps_order},     {GONIO_OP_CONCAT, has_one_input},
    {GONIO_OP_SUM, has_one_input},         {GONIO_OP_MAX, has_one_input},
    {GONIO_OP_MIN, has_one_input},         {GONIO_OP_MEAN, has_one_input},
};

static gboolean
is_identity (const GonioGraph *graph, const GonioNode *node)
{
  if (node->n_outputs != 1 || node->n_inputs == 0 || node->inputs[0] == GONIO_VALUE_NONE ||
      node->outputs[0] == GONIO_VALUE_NONE)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    if (rules[i].op == node->op)
      return rules[i].is_identity (graph, node);
  return FALSE;
}

/* Transpose (Transpose (x)): one transpose, or none when they cancel. */
static gboolean
merge_transposes (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *second = gonio_graph_node (graph, id);
  if (second->op != GONIO_OP_TRANSPOSE)
    return FALSE;
  const GonioNodeId first_id = gonio_match_producer (graph, second->inputs[0], GONIO_OP_TRANSPOSE);
  if (first_id == GONIO_NODE_NONE)
    return FALSE;
  guint n = 0, m = 0;
  const GonioNode *first = gonio_graph_node (graph, first_id);
  const int64_t *p = gonio_node_attr_ints (first, "perm", &n);
  const int64_t *q = gonio_node_attr_ints (second, "perm", &m);
  int64_t merged[GONIO_MAX_RANK];
  if (!p || !q || n != m || n > GONIO_MAX_RANK)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    if (q[i] < 0 || q[i] >= n)
      return FALSE;
    merged[i] = p[q[i]];
  }
  const GonioValueId input = first->inputs[0];
  gonio_graph_set_attr_ints (graph, id, "perm", merged, n);
  gonio_graph_set_input (graph, id, 0, input);
  gonio_graph_remove_node (graph, first_id);
  return TRUE;
}

gboolean
gonio_pass_identity (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                     GError **error)
{
  guint n = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  g_autofree GonioNodeId *nodes = g_memdup2 (order, n * sizeof *order);
  *out_changes = 0;
  for (guint i = 0; i < n; i++) {
    if (!gonio_graph_node (graph, nodes[i]))
      continue;
    if (merge_transposes (graph, nodes[i]))
      (*out_changes)++;
    const GonioNode *node = gonio_graph_node (graph, nodes[i]);
    if (!is_identity (graph, node))
      continue;
    const GonioValueId input = node->inputs[0], output = node->outputs[0];
    /* A graph output keeps its own value, and so its name. */
    if (gonio_graph_is_output (graph, output))
      continue;
    gonio_graph_replace_uses (graph, output, input);
    gonio_graph_remove_node (graph, nodes[i]);
    (*out_changes)++;
  }
  return TRUE;
}
