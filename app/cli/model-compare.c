/* gonio-cli model compare: every value of a model on two backends. */
#include "app/backends.h"
#include "app/cli/cli.h"
#include "core/ops/op.h"

#include <math.h>

typedef struct {
  GonioSession *session;
  GonioTensor **outputs;
  guint n_outputs;
} Side;

static void
clear_side (Side *side)
{
  gonio_session_free_outputs (side->outputs, side->n_outputs);
  g_clear_pointer (&side->session, gonio_session_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Side, clear_side)

/* The named backend first, the reference for what it cannot run. */
static gboolean
run_side (const char *model, const char *backend, GonioSessionOptions options, char **dims,
          Side *side, GError **error)
{
  const GonioBackendDef *const *all = gonio_backends ();
  const GonioBackendDef *last = NULL;
  for (guint i = 0; all[i] != NULL; i++)
    last = all[i];
  g_autofree char *list = g_str_equal (backend, last->name)
                              ? g_strdup (backend)
                              : g_strdup_printf ("%s,%s", backend, last->name);
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (list, error);
  if (backends == NULL)
    return FALSE;
  options.backends = backends;
  options.expose_all = TRUE;
  side->session = gonio_session_new_from_file (model, &options, NULL, error);
  if (side->session == NULL)
    return FALSE;
  g_autoptr (GPtrArray) names = gonio_cli_input_names (side->session);
  g_autoptr (GPtrArray) inputs = gonio_cli_seeded_inputs (side->session, dims, error);
  gonio_session_outputs (side->session, &side->n_outputs);
  return inputs != NULL && gonio_session_run (side->session, (const char *const *)names->pdata,
                                              (GonioTensor *const *)inputs->pdata, names->len,
                                              &side->outputs, NULL, error);
}

static const GonioTensor *
find_output (const Side *side, const char *name)
{
  guint n;
  const GonioPort *ports = gonio_session_outputs (side->session, &n);
  for (guint i = 0; i < n; i++)
    if (g_str_equal (ports[i].name, name))
      return side->outputs[i];
  return NULL;
}

typedef struct {
  double max_abs, max_rel; /* relative to the largest magnitude of the first side */
  gboolean same_form;
} Difference;

static Difference
difference_of (const GonioTensor *a, const GonioTensor *b)
{
  Difference d = {0};
  d.same_form = gonio_tensor_dtype (a) == gonio_tensor_dtype (b) &&
                gonio_shape_equal (gonio_tensor_shape (a), gonio_tensor_shape (b));
  if (!d.same_form || gonio_tensor_dtype (a) == GONIO_DTYPE_STRING)
    return d;
  double largest = 0;
  for (int64_t i = 0; i < gonio_tensor_count (a); i++) {
    double x = gonio_tensor_get_double (a, i), y = gonio_tensor_get_double (b, i);
    gboolean equal = x == y || (isnan (x) && isnan (y));
    double off = equal ? 0 : fabs (x - y);
    d.max_abs = isnan (off) ? INFINITY : MAX (d.max_abs, off);
    if (isfinite (x))
      largest = MAX (largest, fabs (x));
  }
  d.max_rel = d.max_abs == 0 ? 0 : largest > 0 ? d.max_abs / largest : INFINITY;
  return d;
}

typedef struct {
  double rtol, atol;
  char *first; /* the first value that differs too much, with its node */
  guint n_values, n_diverging;
} Verdict;

static void
compare_value (const Side *a, const Side *b, const char *op, const char *node, const char *name,
               Verdict *verdict)
{
  const GonioTensor *ta = find_output (a, name), *tb = find_output (b, name);
  if (ta == NULL || tb == NULL)
    return;
  Difference d = difference_of (ta, tb);
  g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (ta));
  gboolean diverges = !d.same_form || (d.max_abs > verdict->atol && d.max_rel > verdict->rtol);
  gonio_cli_print ("%-12.4g %-12.4g %s %-20s %-20s %s\n", d.max_abs, d.max_rel,
                   diverges ? "!" : " ", op, shape, name);
  verdict->n_values++;
  verdict->n_diverging += diverges;
  if (diverges && verdict->first == NULL)
    verdict->first =
        g_strdup_printf ("'%s' of %s '%s'%s: max abs %.4g, max rel %.4g", name, op, node,
                         d.same_form ? "" : " (type or shape)", d.max_abs, d.max_rel);
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

typedef struct {
  guint position; /* of the computing node in execution order */
  GonioNodeId node;
  const char *name;
} Row;

static gint
by_position (gconstpointer pa, gconstpointer pb)
{
  const Row *a = pa, *b = pb;
  return (a->position > b->position) - (a->position < b->position);
}

/* In execution order, so that the first divergence is the cause and not a consequence. */
static void
compare_all (const Side *a, const Side *b, Verdict *verdict)
{
  g_autoptr (GonioGraph) graph = gonio_session_dup_graph (a->session);
  guint n, n_ports;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  g_autofree guint *position = g_new0 (guint, MAX (gonio_graph_n_nodes (graph), 1));
  for (guint i = 0; i < n; i++)
    position[order[i]] = i;

  const GonioPort *ports = gonio_session_outputs (a->session, &n_ports);
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (Row));
  for (guint i = 0; i < n_ports; i++) {
    GonioValueId id = gonio_graph_find_value (graph, ports[i].name);
    GonioNodeId node = id != GONIO_VALUE_NONE ? true_producer (graph, id) : GONIO_NODE_NONE;
    Row row = {node != GONIO_NODE_NONE ? position[node] : 0, node, ports[i].name};
    g_array_append_val (rows, row);
  }
  g_array_sort (rows, by_position);

  gonio_cli_print ("%-12s %-12s   %-20s %-20s %s\n", "max_abs", "max_rel", "op", "shape", "value");
  for (guint i = 0; i < rows->len; i++) {
    const Row *row = &g_array_index (rows, Row, i);
    const GonioNode *node =
        row->node != GONIO_NODE_NONE ? gonio_graph_node (graph, row->node) : NULL;
    compare_value (a, b, node != NULL ? gonio_op_name (node->op) : "constant",
                   node != NULL ? node->name : "", row->name, verdict);
  }
}

static GonioExit
compare (const char *model, char **names, const GonioSessionOptions *options, char **dims,
         Verdict *verdict)
{
  g_autoptr (GError) error = NULL;
  g_auto (Side) a = {0};
  g_auto (Side) b = {0};
  if (!run_side (model, g_strstrip (names[0]), *options, dims, &a, &error) ||
      !run_side (model, g_strstrip (names[1]), *options, dims, &b, &error))
    return gonio_cli_fail (error);
  compare_all (&a, &b, verdict);
  if (verdict->first == NULL) {
    gonio_cli_print ("no divergence in %u values (rtol %g of the largest magnitude, atol %g)\n",
                     verdict->n_values, verdict->rtol, verdict->atol);
    return GONIO_EXIT_DONE;
  }
  gonio_cli_print ("%u of %u values diverge\nfirst divergence: %s\n", verdict->n_diverging,
                   verdict->n_values, verdict->first);
  g_free (verdict->first);
  return GONIO_EXIT_INPUT;
}

GonioExit
gonio_cli_model_compare (const GonioCommand *command, int argc, char **argv)
{
  g_auto (GonioCliSession) args = {0};
  g_auto (GStrv) dims = NULL;
  g_autofree char *pair = NULL;
  g_autoptr (GError) error = NULL;
  Verdict verdict = {.rtol = 1e-4, .atol = 1e-7};
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"backends", 0, 0, G_OPTION_ARG_STRING, &pair, "the two backends", "A,B"},
      {"rtol", 0, 0, G_OPTION_ARG_DOUBLE, &verdict.rtol, "of a value's largest magnitude (1e-4)",
       "X"},
      {"atol", 0, 0, G_OPTION_ARG_DOUBLE, &verdict.atol, "absolute tolerance (1e-7)", "X"},
      {"dim", 'd', 0, G_OPTION_ARG_STRING_ARRAY, &dims, "size of a free dimension (1)",
       "NAME=SIZE"},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, &args, 1, 1, &argc, &argv, &code))
    return code;
  g_auto (GStrv) names = g_strsplit (pair != NULL ? pair : "", ",", -1);
  if (g_strv_length (names) != 2)
    return gonio_cli_usage ("--backends wants two names, as in --backends cpu,reference");
  GonioSessionOptions options;
  g_autofree const GonioBackendDef **backends = NULL;
  if (!gonio_cli_session_options (&args, &options, &backends, &error))
    return gonio_cli_fail (error);
  return compare (argv[1], names, &options, dims, &verdict);
}
