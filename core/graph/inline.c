/* Splicing a subgraph into the graph around it. Depends on graph-private.h. */
#include "core/graph/edit.h"
#include "core/graph/graph-private.h"

/* Values of the subgraph as values of the graph around it. */
static GonioValueId *
map_values (GonioGraph *graph, const GonioGraph *sub, const GonioValueId *args)
{
  GonioValueId *map = g_new (GonioValueId, sub->values->len + 1);

  for (guint i = 0; i < sub->values->len; i++)
    map[i] = GONIO_VALUE_NONE;
  for (guint i = 0; i < sub->inputs->len; i++)
    map[g_array_index (sub->inputs, GonioValueId, i)] = args[i];
  for (guint i = 0; i < sub->captures->len; i++) {
    GonioCapture capture = g_array_index (sub->captures, GonioCapture, i);
    map[capture.inner] = capture.outer;
  }
  for (guint i = 0; i < sub->values->len; i++) {
    const GonioValueSlot *slot = gonio_graph_slot (sub, i);
    if (slot->dead || map[i] != GONIO_VALUE_NONE)
      continue;
    const GonioValue *value = &slot->pub;
    if (value->constant) {
      map[i] = gonio_graph_add_constant (graph, value->name, value->constant);
      continue;
    }
    map[i] = gonio_graph_add_value (graph, value->name, value->dtype, &value->shape);
    gonio_graph_set_kind (graph, map[i], value->kind);
    if (value->partial)
      gonio_graph_set_partial (graph, map[i], value->partial, value->n_partial);
  }
  return map;
}

/* Subgraphs further inside captured values of sub; they capture their stand-ins now. */
static void
copy_attr (GonioGraph *graph, GonioNodeId node, const GonioAttr *attr, const GonioValueId *map)
{
  if (attr->type != GONIO_ATTR_GRAPH) {
    gonio_graph_copy_attr (graph, node, attr);
    return;
  }
  GonioGraph *inner = gonio_graph_clone (attr->graph);
  for (guint i = 0; i < inner->captures->len; i++) {
    GonioCapture *capture = &g_array_index (inner->captures, GonioCapture, i);
    capture->outer = map[capture->outer];
  }
  gonio_graph_set_attr_graph (graph, node, attr->name, inner);
}

void
gonio_graph_inline (GonioGraph *graph, const GonioGraph *sub, const GonioValueId *args,
                    GonioValueId *out_outputs)
{
  g_autofree GonioValueId *map = map_values (graph, sub, args);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (GonioValueId));

  for (guint n = 0; n < sub->nodes->len; n++) {
    const GonioNode *node = g_ptr_array_index (sub->nodes, n);
    if (!node)
      continue;
    g_array_set_size (ids, 0);
    for (guint i = 0; i < node->n_inputs + node->n_outputs; i++) {
      GonioValueId old = i < node->n_inputs ? node->inputs[i] : node->outputs[i - node->n_inputs];
      GonioValueId id = old == GONIO_VALUE_NONE ? old : map[old];
      g_array_append_val (ids, id);
    }
    const GonioValueId *inputs = (const GonioValueId *)ids->data;
    GonioNodeId copy = gonio_graph_add_node (graph, node->op, node->name, inputs, node->n_inputs,
                                             inputs + node->n_inputs, node->n_outputs);
    for (guint a = 0; a < node->n_attrs; a++)
      copy_attr (graph, copy, &node->attrs[a], map);
  }
  for (guint i = 0; i < sub->outputs->len; i++)
    out_outputs[i] = map[g_array_index (sub->outputs, GonioValueId, i)];
}
