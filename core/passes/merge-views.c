/* Pass "merge-views": a transpose of a transpose is one transpose; a reshape reads what stands
 * before other reshapes, as order in memory is all that counts. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

/* The first one goes as dead code when nobody else reads it. */
static gboolean
merge_transposes (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *second = gonio_graph_node (graph, id);
  const GonioNode *first = gonio_match_origin (graph, second->inputs[0], GONIO_OP_TRANSPOSE);
  int64_t merged[GONIO_MAX_RANK] = {0};
  guint n = 0, m = 0;

  if (!first)
    return FALSE;
  const int64_t *p = gonio_node_attr_ints (first, "perm", &n);
  const int64_t *q = gonio_node_attr_ints (second, "perm", &m);
  if (!p || !q || n != m || n > GONIO_MAX_RANK)
    return FALSE;
  for (guint i = 0; i < n; i++)
    merged[i] = p[q[i]]; /* inference has found both to be permutations */
  gonio_graph_set_attr_ints (graph, id, "perm", merged, n);
  gonio_graph_set_input (graph, id, 0, first->inputs[0]);
  return TRUE;
}

static const GonioNode *
view_behind (const GonioGraph *graph, GonioValueId value)
{
  static const GonioOpId views[] = {GONIO_OP_RESHAPE, GONIO_OP_FLATTEN, GONIO_OP_SQUEEZE,
                                    GONIO_OP_UNSQUEEZE};
  for (guint i = 0; i < G_N_ELEMENTS (views); i++) {
    const GonioNode *node = gonio_match_origin (graph, value, views[i]);
    if (node)
      return node;
  }
  return NULL;
}

/* Only with the result's shape known: a target may copy dimensions of the input it loses. */
static gboolean
skip_views (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  const GonioNode *before = view_behind (graph, node->inputs[0]);
  GonioShape shape = {0};

  if (!before || node->outputs[0] == GONIO_VALUE_NONE ||
      !gonio_sym_shape_known (&gonio_graph_value (graph, node->outputs[0])->shape, &shape))
    return FALSE;
  GonioShape length = GONIO_SHAPE (shape.rank);
  g_autoptr (GonioTensor) target = gonio_tensor_new_copy (
      GONIO_DTYPE_INT64, &length, shape.dims, (size_t)shape.rank * sizeof *shape.dims, NULL);
  if (!target)
    return FALSE;
  g_autofree char *name = g_strconcat (node->name, "/target", NULL);
  GonioValueId inputs[2] = {before->inputs[0], gonio_graph_add_constant (graph, name, target)};
  gonio_graph_set_op (graph, id, GONIO_OP_RESHAPE);
  gonio_graph_set_inputs (graph, id, inputs, 2);
  gonio_graph_remove_attr (graph, id, "axis");
  gonio_graph_set_attr_int (graph, id, "allowzero", 1); /* the numbers are meant as they are */
  return TRUE;
}

gboolean
gonio_pass_merge_views (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                        GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, nodes[i]);
    if (!node || node->n_inputs == 0 || node->inputs[0] == GONIO_VALUE_NONE)
      continue;
    if (node->op == GONIO_OP_TRANSPOSE)
      *out_changes += (guint)merge_transposes (graph, nodes[i]);
    else if (node->op == GONIO_OP_RESHAPE || node->op == GONIO_OP_FLATTEN ||
             node->op == GONIO_OP_SQUEEZE || node->op == GONIO_OP_UNSQUEEZE)
      *out_changes += (guint)skip_views (graph, nodes[i]);
  }
  return TRUE;
}
