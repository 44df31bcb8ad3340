/* Pass "fold": computes at build time what depends on constants alone, and what inference
 * already knows (shapes, small integers). */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

#define DEFAULT_LIMIT ((size_t)64 << 20)

static gboolean
foldable (const GonioGraph *graph, const GonioNode *node, size_t limit)
{
  const guint flags = gonio_op_def (node->op)->flags;
  if (flags & (GONIO_OPF_IMPURE | GONIO_OPF_CONTROL))
    return FALSE;
  for (guint i = 0; i < node->n_inputs; i++)
    if (node->inputs[i] != GONIO_VALUE_NONE &&
        !gonio_graph_value (graph, node->inputs[i])->constant)
      return FALSE;
  guint live = 0;
  for (guint i = 0; i < node->n_outputs; i++) {
    if (node->outputs[i] == GONIO_VALUE_NONE)
      continue;
    live++;
    const GonioValue *value = gonio_graph_value (graph, node->outputs[i]);
    GonioShape shape;
    size_t bytes;
    if (value->kind != GONIO_KIND_TENSOR)
      return FALSE;
    /* What blows a small constant up is folded only while it stays small. */
    const size_t most = flags & GONIO_OPF_NO_FOLD ? MIN (limit, (size_t)1 << 16) : limit;
    if (!gonio_sym_shape_known (&value->shape, &shape))
      return !(flags & GONIO_OPF_NO_FOLD);
    if (!gonio_tensor_bytes (value->dtype, &shape, &bytes) || bytes > most)
      return FALSE;
  }
  return live > 0;
}

/* An integer value whose elements inference has all found out. */
static GonioTensor *
from_partial (const GonioValue *value)
{
  GonioShape shape;
  if (!value->partial || value->constant || !gonio_sym_shape_known (&value->shape, &shape) ||
      (value->dtype != GONIO_DTYPE_INT64 && value->dtype != GONIO_DTYPE_INT32))
    return NULL;
  int64_t count;
  if (!gonio_shape_count (&shape, &count) || count != (int64_t)value->n_partial)
    return NULL;
  for (guint i = 0; i < value->n_partial; i++)
    if (value->partial[i].symbol || value->partial[i].value < 0)
      return NULL; /* a negative element is indistinguishable from an unknown one */
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (value->dtype, &shape, NULL);
  if (!tensor)
    return NULL;
  for (guint i = 0; i < value->n_partial; i++) {
    if (value->dtype == GONIO_DTYPE_INT64)
      ((int64_t *)gonio_tensor_writable_data (tensor))[i] = value->partial[i].value;
    else
      ((int32_t *)gonio_tensor_writable_data (tensor))[i] = (int32_t)value->partial[i].value;
  }
  return g_steal_pointer (&tensor);
}

/* A graph output keeps its producer: its name and its place in the plan are the caller's. */
static gboolean
makes_output (const GonioGraph *graph, const GonioNode *node)
{
  for (guint i = 0; i < node->n_outputs; i++)
    if (node->outputs[i] != GONIO_VALUE_NONE && gonio_graph_is_output (graph, node->outputs[i]))
      return TRUE;
  return FALSE;
}

static gboolean
fold_node (GonioGraph *graph, GonioNodeId id, const GonioPassOptions *options, guint *changes)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  const guint n_outputs = node->n_outputs;
  g_autofree GonioTensor **inputs = g_new0 (GonioTensor *, MAX (node->n_inputs, 1));
  g_autofree GonioTensor **outputs = g_new0 (GonioTensor *, MAX (n_outputs, 1));
  g_autofree GonioValueId *ids = g_memdup2 (node->outputs, n_outputs * sizeof *node->outputs);
  g_autoptr (GError) refused = NULL;
  for (guint i = 0; i < node->n_inputs; i++)
    if (node->inputs[i] != GONIO_VALUE_NONE)
      inputs[i] = gonio_graph_value (graph, node->inputs[i])->constant;
  if (!options->evaluate (graph, id, inputs, outputs, &refused)) {
    /* Left in the graph: the run reports what is wrong, with the right inputs at hand. */
    g_debug ("%s is not folded: %s", node->name, refused->message);
    return FALSE;
  }
  for (guint i = 0; i < n_outputs; i++) {
    if (ids[i] != GONIO_VALUE_NONE && outputs[i])
      gonio_graph_set_constant (graph, ids[i], outputs[i]);
    g_clear_pointer (&outputs[i], gonio_tensor_unref);
  }
  (*changes)++;
  return TRUE;
}

gboolean
gonio_pass_fold (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                 GError **error)
{
  const size_t limit = options->fold_limit ? options->fold_limit : DEFAULT_LIMIT;
  guint n = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  g_autofree GonioNodeId *nodes = g_memdup2 (order, n * sizeof *order);
  *out_changes = 0;
  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, nodes[i]);
    if (!node || makes_output (graph, node))
      continue;
    if (options->evaluate && foldable (graph, node, limit)) {
      fold_node (graph, nodes[i], options, out_changes);
    } else if (node->n_outputs == 1 && node->outputs[0] != GONIO_VALUE_NONE) {
      const GonioValueId output = node->outputs[0];
      g_autoptr (GonioTensor) known = from_partial (gonio_graph_value (graph, output));
      if (known) {
        gonio_graph_set_constant (graph, output, known);
        (*out_changes)++;
      }
    }
  }
  return TRUE;
}
