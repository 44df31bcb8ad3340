/* Graphs as text and as Graphviz. Depends on graph. */
#include "core/graph/graph-private.h"

#define MAX_SHOWN 12 /* list elements before "..." */

static void
append_value (GString *out, const GonioGraph *graph, GonioValueId id)
{
  if (id == GONIO_VALUE_NONE) {
    g_string_append (out, "-");
    return;
  }
  const GonioValue *value = gonio_graph_value (graph, id);
  g_autofree char *shape = gonio_sym_shape_to_string (&value->shape);
  static const char *const kinds[] = {"", "seq ", "optional ", "optional seq "};
  g_string_append_printf (out, "%s: %s%s%s%s", value->name, kinds[value->kind],
                          gonio_dtype_name (value->dtype), shape,
                          value->layout == GONIO_LAYOUT_NHWC ? " nhwc" : "");
}

static void
append_tensor (GString *out, const GonioTensor *tensor)
{
  g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (tensor));
  GonioDType dtype = gonio_tensor_dtype (tensor);
  int64_t count = gonio_tensor_count (tensor);

  g_string_append_printf (out, "%s%s", gonio_dtype_name (dtype), shape);
  if (count > MAX_SHOWN || !(gonio_dtype_is_float (dtype) || gonio_dtype_is_integer (dtype) ||
                             dtype == GONIO_DTYPE_BOOL))
    return;
  g_string_append (out, " {");
  for (int64_t i = 0; i < count; i++)
    g_string_append_printf (out, "%s%.9g", i ? "," : "", gonio_tensor_get_double (tensor, i));
  g_string_append_c (out, '}');
}

static void
append_attr (GString *out, const GonioAttr *attr)
{
  size_t shown = MIN (attr->count, (size_t)MAX_SHOWN);

  g_string_append_printf (out, "%s=", attr->name);
  switch (attr->type) {
  case GONIO_ATTR_INT:
    g_string_append_printf (out, "%" G_GINT64_FORMAT, attr->i);
    return;
  case GONIO_ATTR_FLOAT:
    g_string_append_printf (out, "%.9g", (double)attr->f);
    return;
  case GONIO_ATTR_STRING: {
    g_autofree char *escaped = g_strescape (attr->s, NULL);
    g_string_append_printf (out, "\"%s\"", escaped);
    return;
  }
  case GONIO_ATTR_TENSOR:
    append_tensor (out, attr->tensor);
    return;
  case GONIO_ATTR_GRAPH:
    g_string_append_printf (out, "graph %s", gonio_graph_name (attr->graph));
    return;
  default:
    break;
  }
  g_string_append_c (out, '[');
  for (size_t i = 0; i < shown; i++) {
    g_string_append (out, i ? "," : "");
    if (attr->type == GONIO_ATTR_INTS)
      g_string_append_printf (out, "%" G_GINT64_FORMAT, attr->ints[i]);
    else if (attr->type == GONIO_ATTR_FLOATS)
      g_string_append_printf (out, "%.9g", (double)attr->floats[i]);
    else
      g_string_append_printf (out, "\"%s\"", attr->strings[i]);
  }
  g_string_append (out, shown < attr->count ? ",...]" : "]");
}

static void append_graph (GString *out, const GonioGraph *graph, GonioOpNamer namer, guint indent);

static void
append_node (GString *out, const GonioGraph *graph, GonioNodeId id, GonioOpNamer namer,
             guint indent)
{
  const GonioNode *node = gonio_graph_node (graph, id);

  g_string_append_printf (out, "%*s", (int)indent, "");
  for (guint i = 0; i < node->n_outputs; i++) {
    g_string_append (out, i ? ", " : "");
    append_value (out, graph, node->outputs[i]);
  }
  g_string_append_printf (out, " = %s (", namer (node->op));
  for (guint i = 0; i < node->n_inputs; i++) {
    g_string_append (out, i ? ", " : "");
    g_string_append (out, node->inputs[i] == GONIO_VALUE_NONE
                              ? "-"
                              : gonio_graph_value (graph, node->inputs[i])->name);
  }
  g_string_append_c (out, ')');
  for (guint i = 0; i < node->n_attrs; i++) {
    g_string_append_c (out, ' ');
    append_attr (out, &node->attrs[i]);
  }
  g_string_append_printf (out, "  # %s\n", node->name);
  for (guint i = 0; i < node->n_attrs; i++) {
    if (node->attrs[i].type == GONIO_ATTR_GRAPH)
      append_graph (out, node->attrs[i].graph, namer, indent + 2);
  }
}

static void
append_graph (GString *out, const GonioGraph *graph, GonioOpNamer namer, guint indent)
{
  guint n = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  const char *pad = "";

  g_string_append_printf (out, "%*sgraph %s\n", (int)indent, pad, graph->name);
  for (guint i = 0; i < graph->inputs->len; i++) {
    g_string_append_printf (out, "%*sinput ", (int)indent + 2, pad);
    append_value (out, graph, g_array_index (graph->inputs, GonioValueId, i));
    g_string_append_c (out, '\n');
  }
  for (guint i = 0; i < graph->captures->len; i++) {
    g_string_append_printf (out, "%*scapture ", (int)indent + 2, pad);
    append_value (out, graph, g_array_index (graph->captures, GonioCapture, i).inner);
    g_string_append_c (out, '\n');
  }
  for (guint i = 0; i < graph->values->len; i++) {
    const GonioValue *value = gonio_graph_value (graph, i);
    if (!value->constant)
      continue;
    g_string_append_printf (out, "%*sconstant %s: ", (int)indent + 2, pad, value->name);
    append_tensor (out, value->constant);
    g_string_append_c (out, '\n');
  }
  for (guint i = 0; i < n; i++)
    append_node (out, graph, order[i], namer, indent + 2);
  for (guint i = 0; i < graph->outputs->len; i++) {
    g_string_append_printf (out, "%*soutput ", (int)indent + 2, pad);
    append_value (out, graph, g_array_index (graph->outputs, GonioValueId, i));
    g_string_append_c (out, '\n');
  }
}

char *
gonio_graph_to_text (const GonioGraph *graph, GonioOpNamer namer)
{
  GString *out = g_string_new (NULL);
  append_graph (out, graph, namer, 0);
  return g_string_free (out, FALSE);
}

/* ---- Graphviz ---- */

static void
append_dot_edges (GString *out, const GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  for (guint i = 0; i < node->n_inputs; i++) {
    if (node->inputs[i] == GONIO_VALUE_NONE)
      continue;
    const GonioValue *value = gonio_graph_value (graph, node->inputs[i]);
    if (value->constant)
      continue;
    g_autofree char *shape = gonio_sym_shape_to_string (&value->shape);
    g_autofree char *label = g_strescape (shape, NULL);
    if (value->producer == GONIO_NODE_NONE)
      g_string_append_printf (out, "  v%u -> n%u [label=\"%s\"];\n", node->inputs[i], id, label);
    else
      g_string_append_printf (out, "  n%u -> n%u [label=\"%s\"];\n", value->producer, id, label);
  }
}

char *
gonio_graph_to_dot (const GonioGraph *graph, GonioOpNamer namer)
{
  GString *out = g_string_new ("digraph model {\n  node [shape=box];\n");
  guint n = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);

  for (guint i = 0; i < graph->inputs->len; i++) {
    GonioValueId id = g_array_index (graph->inputs, GonioValueId, i);
    g_autofree char *name = g_strescape (gonio_graph_value (graph, id)->name, NULL);
    g_string_append_printf (out, "  v%u [label=\"%s\", shape=ellipse];\n", id, name);
  }
  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, order[i]);
    g_autofree char *name = g_strescape (node->name, NULL);
    g_string_append_printf (out, "  n%u [label=\"%s\\n%s\"];\n", order[i], namer (node->op), name);
  }
  for (guint i = 0; i < n; i++)
    append_dot_edges (out, graph, order[i]);
  for (guint i = 0; i < graph->outputs->len; i++) {
    GonioValueId id = g_array_index (graph->outputs, GonioValueId, i);
    const GonioValue *value = gonio_graph_value (graph, id);
    g_autofree char *name = g_strescape (value->name, NULL);
    g_string_append_printf (out, "  o%u [label=\"%s\", shape=ellipse];\n", i, name);
    if (value->producer != GONIO_NODE_NONE)
      g_string_append_printf (out, "  n%u -> o%u;\n", value->producer, i);
    else if (!value->constant)
      g_string_append_printf (out, "  v%u -> o%u;\n", id, i);
  }
  g_string_append (out, "}\n");
  return g_string_free (out, FALSE);
}
