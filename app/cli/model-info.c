/* gonio-cli model info: what is in a model file, without running it. */
#include "app/cli/estimate.h"
#include "app/cli/initializers.h"
#include "app/cli/json.h"
#include "core/onnx/load.h"
#include "core/ops/op.h"

typedef struct {
  const GonioGraph *graph;
  const GonioModelInfo *info;
  GHashTable *histogram; /* operator name -> count */
  guint n_nodes;
  guint64 n_parameters, parameter_bytes;
  GonioEstimate estimate;
  char *no_estimate;       /* why there is none; NULL: there is */
  GPtrArray *initializers; /* GonioInitializer; NULL: not asked for */
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
print_estimate (const Facts *facts)
{
  const GonioEstimate *e = &facts->estimate;
  if (facts->no_estimate != NULL) {
    gonio_cli_print (
        "flops        unknown: %s (--dim NAME=SIZE sets free dimensions, which are 1 here)\n",
        facts->no_estimate);
    return;
  }
  gonio_cli_print ("flops        %.0f (convolutions and matrix products)\n", e->flops);
  gonio_cli_print ("activations  %" G_GUINT64_FORMAT " bytes, at most %" G_GUINT64_FORMAT
                   " at the same time",
                   e->activation_bytes, e->peak_bytes);
  if (e->n_unknown > 0)
    gonio_cli_print ("; %u values depend on the data and are not counted", e->n_unknown);
  gonio_cli_print ("\n");
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
  print_estimate (facts);
  g_autoptr (GList) names = sorted_names (facts->histogram);
  for (GList *l = names; l != NULL; l = l->next)
    gonio_cli_print ("op           %s %u\n", (const char *)l->data,
                     GPOINTER_TO_UINT (g_hash_table_lookup (facts->histogram, l->data)));
  g_autoptr (GList) keys = sorted_names (info->metadata);
  for (GList *l = keys; l != NULL; l = l->next)
    gonio_cli_print ("metadata     %s = %s\n", (const char *)l->data,
                     (const char *)g_hash_table_lookup (info->metadata, l->data));
  for (guint i = 0; facts->initializers != NULL && i < facts->initializers->len; i++) {
    const GonioInitializer *row = g_ptr_array_index (facts->initializers, i);
    g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (row->tensor));
    gonio_cli_print ("initializer  %s: %s %s, %" G_GSIZE_FORMAT " bytes\n", row->name,
                     gonio_dtype_name (gonio_tensor_dtype (row->tensor)), shape,
                     gonio_tensor_size (row->tensor));
  }
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
    gonio_cli_json_string (builder, "name", value->name);
    gonio_cli_json_string (builder, "dtype", gonio_dtype_name (value->dtype));
    gonio_cli_json_string (builder, "shape", shape);
    json_builder_end_object (builder);
  }
  json_builder_end_array (builder);
}

static void
add_estimate (JsonBuilder *builder, const Facts *facts)
{
  const GonioEstimate *e = &facts->estimate;
  if (facts->no_estimate != NULL) {
    gonio_cli_json_string (builder, "no_estimate", facts->no_estimate);
    return;
  }
  gonio_cli_json_number (builder, "flops", e->flops);
  gonio_cli_json_int (builder, "activation_bytes", (gint64)e->activation_bytes);
  gonio_cli_json_int (builder, "activation_peak_bytes", (gint64)e->peak_bytes);
  gonio_cli_json_int (builder, "values_of_unknown_size", e->n_unknown);
}

static void
add_initializers (JsonBuilder *builder, const Facts *facts)
{
  if (facts->initializers == NULL)
    return;
  json_builder_set_member_name (builder, "initializers");
  json_builder_begin_array (builder);
  for (guint i = 0; i < facts->initializers->len; i++) {
    const GonioInitializer *row = g_ptr_array_index (facts->initializers, i);
    g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (row->tensor));
    json_builder_begin_object (builder);
    gonio_cli_json_string (builder, "name", row->name);
    gonio_cli_json_string (builder, "dtype", gonio_dtype_name (gonio_tensor_dtype (row->tensor)));
    gonio_cli_json_string (builder, "shape", shape);
    gonio_cli_json_int (builder, "bytes", (gint64)gonio_tensor_size (row->tensor));
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
  gonio_cli_json_string (builder, "graph", gonio_graph_name (facts->graph));
  gonio_cli_json_string (builder, "producer", facts->info->producer);
  gonio_cli_json_int (builder, "ir_version", facts->info->ir_version);
  gonio_cli_json_string (builder, "opsets", facts->info->opsets);
  const GonioValueId *ids = gonio_graph_inputs (facts->graph, &n);
  add_values (builder, facts, "inputs", ids, n);
  ids = gonio_graph_outputs (facts->graph, &n);
  add_values (builder, facts, "outputs", ids, n);
  gonio_cli_json_int (builder, "nodes", facts->n_nodes);
  gonio_cli_json_int (builder, "parameters", (gint64)facts->n_parameters);
  gonio_cli_json_int (builder, "parameter_bytes", (gint64)facts->parameter_bytes);
  add_estimate (builder, facts);
  json_builder_set_member_name (builder, "ops");
  json_builder_begin_object (builder);
  g_autoptr (GList) names = sorted_names (facts->histogram);
  for (GList *l = names; l != NULL; l = l->next)
    gonio_cli_json_int (builder, l->data,
                        GPOINTER_TO_UINT (g_hash_table_lookup (facts->histogram, l->data)));
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "metadata");
  json_builder_begin_object (builder);
  g_autoptr (GList) keys = sorted_names (facts->info->metadata);
  for (GList *l = keys; l != NULL; l = l->next) {
    g_autofree char *key = g_utf8_make_valid (l->data, -1);
    gonio_cli_json_string (builder, key, g_hash_table_lookup (facts->info->metadata, l->data));
  }
  json_builder_end_object (builder);
  add_initializers (builder, facts);
  json_builder_end_object (builder);
  gonio_cli_json_print (builder);
}

/* A wrong --dim is an error; shapes at odds only mean that there is no estimate. */
static gboolean
estimate (Facts *facts, char **dims, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (gonio_cli_estimate (facts->graph, dims, &facts->estimate, &local))
    return TRUE;
  if (local->domain == G_OPTION_ERROR) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  facts->no_estimate = g_strdup (local->message);
  return TRUE;
}

static void
clear_facts (Facts *facts)
{
  g_clear_pointer (&facts->histogram, g_hash_table_unref);
  g_clear_pointer (&facts->initializers, g_ptr_array_unref);
  g_clear_pointer (&facts->no_estimate, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Facts, clear_facts)

GonioExit
gonio_cli_model_info (const GonioCommand *command, int argc, char **argv)
{
  g_auto (Facts) facts = {0};
  g_auto (GStrv) dims = NULL;
  g_autofree char *dir = NULL;
  g_autoptr (GError) error = NULL;
  gboolean json = FALSE, list = FALSE;
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "one JSON object on stdout", NULL},
      {"initializers", 0, 0, G_OPTION_ARG_NONE, &list, "list constants and their sizes", NULL},
      {"export", 0, 0, G_OPTION_ARG_FILENAME, &dir, "write each constant as <name>.npy there",
       "DIR"},
      {"dim", 'd', 0, G_OPTION_ARG_STRING_ARRAY, &dims, "size of a free dimension (1)",
       "NAME=SIZE"},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, NULL, 1, 1, &argc, &argv, &code))
    return code;
  g_autoptr (GonioGraph) graph = gonio_onnx_load_file (argv[1], NULL, &error);
  if (graph == NULL)
    return gonio_cli_fail (error);
  facts.graph = graph;
  facts.info = gonio_graph_info (graph);
  facts.histogram = g_hash_table_new (g_str_hash, g_str_equal);
  facts.initializers = list || dir != NULL ? gonio_cli_initializers (graph) : NULL;
  count_graph (&facts, graph);
  if (!estimate (&facts, dims, &error) ||
      (dir != NULL && !gonio_cli_export_initializers (facts.initializers, dir, &error)))
    return gonio_cli_fail (error);
  if (json)
    print_json (&facts);
  else
    print_text (&facts);
  return GONIO_EXIT_DONE;
}
