/* Sums over the lines of an image, made by the step that computes it while it is near, for the
 * GlobalAveragePool that reads it next. Depends on compiled. */
#include "backends/cpu/compiled.h"

static gboolean
is_averaged (const GonioGraph *graph, GonioValueId id)
{
  guint n_users;
  const GonioNodeId *users = gonio_graph_users (graph, id, &n_users);
  for (guint i = 0; i < n_users; i++)
    if (gonio_graph_node (graph, users[i])->op == GONIO_OP_GLOBAL_AVERAGE_POOL)
      return TRUE;
  return FALSE;
}

GonioCpuSlot
gonio_cpu_line_sums_offer (GonioCpuLower *lower, size_t lines, size_t channels)
{
  GonioCompiled *compiled = lower->compiled;
  GonioValueId out = lower->node.node->outputs[0];
  if (!is_averaged (lower->node.graph, out))
    return GONIO_CPU_NO_SLOT;
  guint slot = gonio_cpu_slot_add (compiled, GONIO_PLACE_ARENA, lines * channels * sizeof (float));
  g_hash_table_insert (compiled->line_sums, GUINT_TO_POINTER (out), GUINT_TO_POINTER (slot + 1));
  return slot;
}

GonioCpuSlot
gonio_cpu_line_sums_find (GonioCpuLower *lower, guint i)
{
  GonioCompiled *compiled = lower->compiled;
  guint slot = GPOINTER_TO_UINT (
      g_hash_table_lookup (compiled->line_sums, GUINT_TO_POINTER (lower->node.node->inputs[i])));
  return slot ? gonio_cpu_slot_touch (compiled, slot - 1) : GONIO_CPU_NO_SLOT;
}
