/* Consistency of a graph. Depends on graph-private.h. */
#include "core/base/error.h"
#include "core/graph/graph-private.h"

static gboolean fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  GError *made = g_error_new_valist (GONIO_RUN_ERROR, GONIO_RUN_ERROR_CHECK, format, args);
  va_end (args);
  g_propagate_error (error, made);
  return FALSE;
}

static gboolean
id_ok (const GonioGraph *graph, GonioValueId id)
{
  return id == GONIO_VALUE_NONE || (id < graph->values->len && !gonio_graph_slot (graph, id)->dead);
}

static gboolean
check_captures (const GonioGraph *parent, const GonioNode *node, const GonioGraph *sub,
                guint *use_counts, GError **error)
{
  for (guint i = 0; i < sub->captures->len; i++) {
    GonioCapture capture = g_array_index (sub->captures, GonioCapture, i);
    if (capture.outer == GONIO_VALUE_NONE || !id_ok (parent, capture.outer) ||
        capture.inner == GONIO_VALUE_NONE || !id_ok (sub, capture.inner))
      return fail (error, "Node “%s”: capture %u of its subgraph points to no value.", node->name,
                   i);
    if (gonio_graph_slot (sub, capture.inner)->pub.producer != GONIO_NODE_NONE)
      return fail (error, "Node “%s”: the captured value “%s” is also computed by its subgraph.",
                   node->name, gonio_graph_slot (sub, capture.inner)->name);
    use_counts[capture.outer]++;
  }
  return TRUE;
}

static gboolean
check_node (const GonioGraph *graph, GonioNodeId id, guint *use_counts, GonioNodeCheck check,
            GError **error)
{
  const GonioNode *node = gonio_graph_node_slot (graph, id);

  for (guint i = 0; i < node->n_inputs; i++) {
    if (!id_ok (graph, node->inputs[i]))
      return fail (error, "Node “%s”: input %u points to no value.", node->name, i);
    if (node->inputs[i] != GONIO_VALUE_NONE)
      use_counts[node->inputs[i]]++;
  }
  for (guint i = 0; i < node->n_outputs; i++) {
    if (node->outputs[i] == GONIO_VALUE_NONE)
      continue;
    if (!id_ok (graph, node->outputs[i]))
      return fail (error, "Node “%s”: output %u points to no value.", node->name, i);
    if (gonio_graph_slot (graph, node->outputs[i])->pub.producer != id)
      return fail (error, "Node “%s”: its output “%s” names another producer.", node->name,
                   gonio_graph_slot (graph, node->outputs[i])->name);
  }
  for (guint a = 0; a < node->n_attrs; a++) {
    if (node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    if (!check_captures (graph, node, node->attrs[a].graph, use_counts, error) ||
        !gonio_graph_check (node->attrs[a].graph, check, error))
      return FALSE;
  }
  return !check || check (graph, id, error);
}

static gboolean
check_value (const GonioGraph *graph, GonioValueId id, const guint *use_counts, GError **error)
{
  const GonioValueSlot *slot = gonio_graph_slot (graph, id);
  const GonioValue *value = &slot->pub;

  if (slot->users->len != use_counts[id])
    return fail (error, "Value “%s” is read %u times but lists %u readers.", slot->name,
                 use_counts[id], slot->users->len);
  if (value->shape.has_rank && (value->shape.rank < 0 || value->shape.rank > GONIO_MAX_RANK))
    return fail (error, "Value “%s” has rank %d; 0 to %d are possible.", slot->name,
                 value->shape.rank, GONIO_MAX_RANK);
  if (value->producer == GONIO_NODE_NONE)
    return TRUE;
  if (value->constant)
    return fail (error, "Value “%s” is constant and computed by a node at once.", slot->name);
  const GonioNode *node =
      value->producer < graph->nodes->len ? gonio_graph_node_slot (graph, value->producer) : NULL;
  for (guint i = 0; node && i < node->n_outputs; i++) {
    if (node->outputs[i] == id)
      return TRUE;
  }
  return fail (error, "Value “%s” names a producer that does not produce it.", slot->name);
}

gboolean
gonio_graph_check (const GonioGraph *graph, GonioNodeCheck check, GError **error)
{
  g_autofree guint *use_counts = g_new0 (guint, graph->values->len + 1);

  for (guint i = 0; i < graph->inputs->len; i++) {
    if (!id_ok (graph, g_array_index (graph->inputs, GonioValueId, i)))
      return fail (error, "Input %u of graph “%s” points to no value.", i, graph->name);
  }
  for (guint i = 0; i < graph->outputs->len; i++) {
    if (!id_ok (graph, g_array_index (graph->outputs, GonioValueId, i)))
      return fail (error, "Output %u of graph “%s” points to no value.", i, graph->name);
  }
  for (guint i = 0; i < graph->nodes->len; i++) {
    if (g_ptr_array_index (graph->nodes, i) && !check_node (graph, i, use_counts, check, error))
      return FALSE;
  }
  for (guint i = 0; i < graph->values->len; i++) {
    if (!check_value (graph, i, use_counts, error))
      return FALSE;
  }
  if (!gonio_graph_is_acyclic (graph))
    return fail (error, "The nodes of graph “%s” form a cycle.", graph->name);
  return TRUE;
}
