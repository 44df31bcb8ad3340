/* Pass "inline-if": an If whose condition is known gives way to the branch that is taken. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

static void
splice (GonioGraph *graph, GonioNodeId id, const GonioGraph *branch)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  guint n = node->n_outputs, n_branch = 0;
  g_autofree GonioValueId *outputs = g_memdup2 (node->outputs, n * sizeof *node->outputs);
  g_autofree char *name = g_strdup (node->name);

  gonio_graph_outputs (branch, &n_branch);
  g_autofree GonioValueId *results = g_new (GonioValueId, n_branch + 1);
  gonio_graph_inline (graph, branch, NULL, results);
  gonio_graph_remove_node (graph, id);
  /* Identities keep the names of graph outputs; the identity pass clears away what it can. */
  for (guint i = 0; i < n; i++) {
    if (outputs[i] != GONIO_VALUE_NONE)
      gonio_graph_add_node (graph, GONIO_OP_IDENTITY, name, &results[i], 1, &outputs[i], 1);
  }
}

gboolean
gonio_pass_inline_if (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                      GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, nodes[i]);
    guint n_inputs = 0, n_outputs = 0;
    if (!node || node->op != GONIO_OP_IF)
      continue;
    const GonioTensor *condition = gonio_match_constant (graph, gonio_match_input (node, 0));
    if (!condition || gonio_tensor_count (condition) != 1)
      continue;
    const char *taken = gonio_tensor_get_int (condition, 0) != 0 ? "then_branch" : "else_branch";
    const GonioAttr *attr = gonio_node_attr (node, taken);
    if (!attr || attr->type != GONIO_ATTR_GRAPH)
      continue;
    gonio_graph_inputs (attr->graph, &n_inputs);
    gonio_graph_outputs (attr->graph, &n_outputs);
    if (n_inputs > 0 || n_outputs < node->n_outputs)
      continue; /* not a valid branch: inference says so */
    g_autoptr (GonioGraph) branch = gonio_graph_ref (attr->graph);
    splice (graph, nodes[i], branch);
    (*out_changes)++;
  }
  return TRUE;
}
