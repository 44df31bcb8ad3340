/* gonio-cli model info: what is in a model file, without running it. */
#include "app/cli/cli.h"

#include "core/onnx/load.h"
#include "core/ops/op.h"

#include <json-glib/json-glib.h>

typedef struct {
  const GonioGraph *graph;
  const GonioModelInfo *info;
  GHashTable *histogram; /* operator name -> count */
  guint n_nodes;
  guint64 n_parameters, parameter_bytes;
} Facts;

static void
count_graph (Facts *facts, const GonioGraph *graph)
{
  guint n;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, order[i]);
    gpointer name = (gpointer)gonio_op_name (node->op);
    guint count = GPOINTER_TO_UINT (g_hash_table_lookup (facts->histogram, name));
    g_hash_table_insert (facts->histogram, name, GUINT_TO_POINTER (count + 1));
    for (guint a = 0; a < node->n_attrs; a++)
      if (node->attrs[a].type == GONIO_ATTR_GRAPH)
        count_graph (facts, node->attrs[a].graph);
  }
  facts->n_nodes += n;
  for (guint i = 0; i < gonio_graph_n_values (graph); i++) {
    const GonioTensor *constant = gonio_graph_value (graph, i)->constant;
    if (constant == NULL)
      continue;
    facts->n_parameters += (guint64)gonio_tensor_count (constant);
    facts->parameter_bytes += gonio_tensor_size (constant);
  }
}

static GList *
sorted_names (GHashTable *table)
{
  return g_list_sort (g_hash_table_get_keys (table), (GCompareFunc)g_strcmp0);
}

static char *
value_text (const GonioValue *value)
{
  static const char *const kinds[] = {"", "sequence of ", "optional ", "optional sequence of "};
  g_autofree char *shape = gonio_sym_shape_to_string (&value->shape);
  return g_strdup_printf ("%s%s %s", kinds[value->kind], gonio_dtype_name (value->dtype), shape);
}

static void
print_values (const Facts *facts, const char *title, const GonioValueId *ids, guint n)
{
  for (guint i = 0; i < n; i++) {
    const GonioValue *value = gonio_graph_value (facts->graph, ids[i]);
    g_autofree char *text = value_text (value);
    if (value->constant == NULL || title[0] == 'o')
      gonio_cli_print ("%-12s %s: %s\n", title, value->name, text);
  }
}

static void
print_text (const Facts *facts)
{
  const GonioModelInfo *info = facts->info;
  guint n;
  gonio_cli_print ("graph        %s\nproducer     %s\nir version   %" G_GINT64_FORMAT
                   "\nopsets       %s\n",
                   gonio_graph_name (facts->graph), info->producer ? info->producer : "",
                   info->ir_version, info->opsets ? info->opsets : "");
  const GonioValueId *ids = gonio_graph_inputs (facts->graph, &n);
  print_values (facts, "input", ids, n);
  ids = gonio_graph_outputs (facts->graph, &n);
  print_values (facts, "output", ids, n);
  gonio_cli_print ("nodes        %u\nparameters   %" G_GUINT64_FORMAT " (%" G_GUINT64_FORMAT
                   " bytes)\n",
                   facts->n_nodes, facts->n_parameters, facts->parameter_bytes);
  g_autoptr (GList) names = sorted_names (facts->histogram);
  for (GList *l = names; l != NULL; l = l->next)
    gonio_cli_print ("op           %s %u\n", (const char *)l->data,
                     GPOINTER_TO_UINT (g_hash_table_lookup (facts->histogram, l->data)));
  g_autoptr (GList) keys = sorted_names (info->metadata);
  for (GList *l = keys; l != NULL; l = l->next)
    gonio_cli_print ("metadata     %s = %s\n", (const char *)l->data,
                     (const char *)g_hash_table_lookup (info->metadata, l->data));
}

static void
add_string (JsonBuilder *builder, const char *key, const char *text)
{
  json_builder_set_member_name (builder, key);
  /* Model files hold any bytes; JSON must stay UTF-8. */
  g_autofree char *valid = g_utf8_make_valid (text != NULL ? text : "", -1);
  json_builder_add_string_value (builder, valid);
}

static void
add_int (JsonBuilder *builder, const char *key, gint64 value)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_int_value (builder, value);
}

static void
add_values (JsonBuilder *builder, const Facts *facts, const char *key, const GonioValueId *ids,
            guint n)
{
  json_builder_set_member_name (builder, key);
  json_builder_begin_array (builder);
  for (guint i = 0; i < n; i++) {
    const GonioValue *value = gonio_graph_value (facts->graph, ids[i]);
    g_autofree char *shape = gonio_sym_shape_to_string (&value->shape);
    json_builder_begin_object (builder);
    add_string (builder, "name", value->name);
    add_string (builder, "dtype", gonio_dtype_name (value->dtype));
    add_string (builder, "shape", shape);
    json_builder_end_object (builder);
  }
  json_builder_end_array (builder);
}

static void
print_json (const Facts *facts)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  guint n;
  json_builder_begin_object (builder);
  add_string (builder, "graph", gonio_graph_name (facts->graph));
  add_string (builder, "producer", facts->info->producer);
  add_int (builder, "ir_version", facts->info->ir_version);
  add_string (builder, "opsets", facts->info->opsets);
  const GonioValueId *ids = gonio_graph_inputs (facts->graph, &n);
  add_values (builder, facts, "inputs", ids, n);
  ids = gonio_graph_outputs (facts->graph, &n);
  add_values (builder, facts, "outputs", ids, n);
  add_int (builder, "nodes", facts->n_nodes);
  add_int (builder, "parameters", (gint64)facts->n_parameters);
  add_int (builder, "parameter_bytes", (gint64)facts->parameter_bytes);
  json_builder_set_member_name (builder, "ops");
  json_builder_begin_object (builder);
  g_autoptr (GList) names = sorted_names (facts->histogram);
  for (GList *l = names; l != NULL; l = l->next)
    add_int (builder, l->data, GPOINTER_TO_UINT (g_hash_table_lookup (facts->histogram, l->data)));
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "metadata");
  json_builder_begin_object (builder);
  g_autoptr (GList) keys = sorted_names (facts->info->metadata);
  for (GList *l = keys; l != NULL; l = l->next) {
    g_autofree char *key = g_utf8_make_valid (l->data, -1);
    add_string (builder, key, g_hash_table_lookup (facts->info->metadata, l->data));
  }
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = json_to_string (root, TRUE);
  gonio_cli_print ("%s\n", text);
}

GonioExit
gonio_cli_model_info (const GonioCommand *command, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean json = FALSE;
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "one JSON object on stdout", NULL},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, NULL, 1, 1, &argc, &argv, &code))
    return code;
  g_autoptr (GonioGraph) graph = gonio_onnx_load_file (argv[1], NULL, &error);
  if (graph == NULL)
    return gonio_cli_fail (error);
  g_autoptr (GHashTable) histogram = g_hash_table_new (g_str_hash, g_str_equal);
  Facts facts = {.graph = graph, .info = gonio_graph_info (graph), .histogram = histogram};
  count_graph (&facts, graph);
  if (json)
    print_json (&facts);
  else
    print_text (&facts);
  return GONIO_EXIT_DONE;
}
