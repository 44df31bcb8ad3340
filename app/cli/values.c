/* A run's inputs from files, a folder or a seed; its values in the order of computing. */
#include "app/cli/values.h"

#include "core/ops/op.h"

#include <string.h>

char *
gonio_cli_value_path (const char *dir, const char *name, const char *ending)
{
  g_autofree char *file = g_strconcat (name, ending, NULL);
  for (char *p = file; *p != '\0'; p++)
    if (*p == '/' || (guchar)*p < 0x20)
      *p = '_';
  if (file[0] == '.')
    file[0] = '_';
  return g_build_filename (dir, file, NULL);
}

/* ---- inputs ---- */

/* The file of the pair "NAME=FILE" for this input; NULL when there is none. Names may hold '='. */
static const char *
given_file (char **pairs, const char *name)
{
  gsize length = strlen (name);
  for (guint i = 0; pairs != NULL && pairs[i] != NULL; i++)
    if (strncmp (pairs[i], name, length) == 0 && pairs[i][length] == '=')
      return pairs[i] + length + 1;
  return NULL;
}

static gboolean
check_pairs (GonioSession *session, char **pairs, GError **error)
{
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  for (guint i = 0; pairs != NULL && pairs[i] != NULL; i++) {
    gboolean found = FALSE;
    g_autoptr (GString) known = g_string_new (NULL);
    char *pair[] = {pairs[i], NULL};
    for (guint p = 0; p < n; p++) {
      found |= given_file (pair, ports[p].name) != NULL;
      g_string_append_printf (known, "%s'%s'", p > 0 ? ", " : "", ports[p].name);
    }
    if (!found) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "--input wants NAME=FILE with NAME one of %s, not '%s'",
                   n > 0 ? known->str : "no inputs", pairs[i]);
      return FALSE;
    }
  }
  return TRUE;
}

/* NULL without error: nobody gives it. */
static GonioTensor *
given_tensor (const GonioCliInputs *args, const GonioPort *port, GError **error)
{
  const char *file = given_file (args->pairs, port->name);
  if (file != NULL)
    return gonio_cli_load_value (file, port->kind, port->dtype, error);
  if (args->dir == NULL)
    return NULL;
  g_autofree char *path = gonio_cli_value_path (args->dir, port->name, ".npy");
  return g_file_test (path, G_FILE_TEST_EXISTS)
             ? gonio_cli_load_value (path, port->kind, port->dtype, error)
             : NULL;
}

gboolean
gonio_cli_inputs_make (GonioSession *session, const GonioCliInputs *args, GPtrArray **out_names,
                       GPtrArray **out_tensors, GError **error)
{
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  if (!check_pairs (session, args->pairs, error))
    return FALSE;
  g_autoptr (GPtrArray) tensors = gonio_cli_random_inputs (session, args->dims, args->seed, error);
  if (tensors == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) local = NULL;
    GonioTensor *given = given_tensor (args, &ports[i], &local);
    if (local != NULL) {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
    if (given == NULL && args->all_given) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "input '%s' is not given: use --input %s=FILE, or put %s.npy into %s",
                   ports[i].name, ports[i].name, ports[i].name,
                   args->dir != NULL ? args->dir : "the folder");
      return FALSE;
    }
    if (given != NULL) {
      gonio_tensor_unref (g_ptr_array_index (tensors, i));
      tensors->pdata[i] = given;
    }
  }
  *out_names = gonio_cli_input_names (session);
  *out_tensors = g_steal_pointer (&tensors);
  return TRUE;
}

/* ---- values ---- */

typedef struct {
  guint position; /* of the computing node in the order */
  guint output;
  GonioNodeId node;
} Place;

static gint
by_position (gconstpointer pa, gconstpointer pb)
{
  const Place *a = pa, *b = pb;
  if (a->position != b->position)
    return a->position < b->position ? -1 : 1;
  return (a->output > b->output) - (a->output < b->output);
}

/* The node that computes a value, conversions between layouts apart. */
static GonioNodeId
true_producer (const GonioGraph *graph, GonioValueId id)
{
  GonioNodeId producer = gonio_graph_value (graph, id)->producer;
  while (producer != GONIO_NODE_NONE && gonio_graph_node (graph, producer)->op == GONIO_OP_LAYOUT)
    producer = gonio_graph_value (graph, gonio_graph_node (graph, producer)->inputs[0])->producer;
  return producer;
}

static void
add_rows (GonioCliValues *values, GonioCliValue row)
{
  if (gonio_tensor_kind (row.tensor) == GONIO_KIND_TENSOR) {
    g_array_append_val (values->rows, row);
    return;
  }
  for (guint i = 0; i < gonio_list_length (row.tensor); i++) {
    g_autofree char *name = g_strdup_printf ("%s.%u", row.name, i);
    GonioCliValue item = row;
    item.name = g_string_chunk_insert (values->names, name);
    item.tensor = gonio_list_item (row.tensor, i);
    add_rows (values, item);
  }
}

static void
order_rows (GonioCliValues *values)
{
  guint n, n_ports;
  const GonioNodeId *order = gonio_graph_order (values->graph, &n);
  g_autofree guint *position = g_new0 (guint, MAX (gonio_graph_n_nodes (values->graph), 1));
  for (guint i = 0; i < n; i++)
    position[order[i]] = i + 1;
  const GonioPort *ports = gonio_session_outputs (values->session, &n_ports);
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (Place));
  for (guint i = 0; i < n_ports; i++) {
    GonioValueId id = gonio_graph_find_value (values->graph, ports[i].name);
    GonioNodeId node = id != GONIO_VALUE_NONE ? true_producer (values->graph, id) : GONIO_NODE_NONE;
    Place place = {node != GONIO_NODE_NONE ? position[node] : 0, i, node};
    g_array_append_val (places, place);
  }
  g_array_sort (places, by_position);
  for (guint i = 0; i < places->len; i++) {
    const Place *place = &g_array_index (places, Place, i);
    const GonioNode *node =
        place->node != GONIO_NODE_NONE ? gonio_graph_node (values->graph, place->node) : NULL;
    GonioCliValue row = {ports[place->output].name,
                         node != NULL ? gonio_op_name (node->op) : "constant",
                         node != NULL ? node->name : "", values->outputs[place->output]};
    add_rows (values, row);
  }
}

gboolean
gonio_cli_values_run (const char *model, const GonioSessionOptions *options,
                      const GonioCliInputs *inputs, GonioCliValues *out_values, GError **error)
{
  GonioSessionOptions exposing = *options;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) tensors = NULL;
  exposing.expose_all = TRUE;
  out_values->rows = g_array_new (FALSE, FALSE, sizeof (GonioCliValue));
  out_values->names = g_string_chunk_new (256);
  out_values->session =
      gonio_session_new_from_file (model, &exposing, gonio_cli_cancellable (), error);
  if (out_values->session == NULL ||
      !gonio_cli_inputs_make (out_values->session, inputs, &names, &tensors, error))
    return FALSE;
  gonio_session_outputs (out_values->session, &out_values->n_outputs);
  if (!gonio_session_run (out_values->session, (const char *const *)names->pdata,
                          (GonioTensor *const *)tensors->pdata, names->len, &out_values->outputs,
                          gonio_cli_cancellable (), error))
    return FALSE;
  out_values->graph = gonio_session_dup_graph (out_values->session);
  order_rows (out_values);
  return TRUE;
}

void
gonio_cli_values_clear (GonioCliValues *values)
{
  gonio_session_free_outputs (values->outputs, values->n_outputs);
  values->outputs = NULL;
  g_clear_pointer (&values->graph, gonio_graph_unref);
  g_clear_pointer (&values->session, gonio_session_unref);
  g_clear_pointer (&values->rows, g_array_unref);
  g_clear_pointer (&values->names, g_string_chunk_free);
}
