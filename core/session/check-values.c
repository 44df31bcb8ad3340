/* The debug mode check_values: which node was the first to make NaN or an infinity? Values of the
 * graph are looked at after the run; those of subgraphs, which are gone by then, while it lasts.
 * Depends on session-private.h. */
#include "core/session/session-private.h"

#include "core/base/error.h"
#include "core/ops/op.h"
#include "core/tensor/statistics.h"

/* What a value holds; by value id. */
enum { HAS_NAN = 1 << 0, HAS_INF = 1 << 1 };

typedef struct {
  const GonioGraph *graph;
  const GonioBodyCheck *bodies;
  GonioTensor **tensors; /* by value id, borrowed; NULL: not kept */
  guint8 *holds;         /* by value id */
} Check;

/* The value behind conversions between layouts. */
static GonioValueId
plain_value (const GonioGraph *graph, GonioValueId id)
{
  for (;;) {
    GonioNodeId producer = gonio_graph_value (graph, id)->producer;
    if (producer == GONIO_NODE_NONE || gonio_graph_node (graph, producer)->op != GONIO_OP_LAYOUT)
      return id;
    id = gonio_graph_node (graph, producer)->inputs[0];
  }
}

static guint8
held_by (const GonioTensor *tensor)
{
  GonioTensorStatistics s = gonio_tensor_count_special (tensor);
  return (guint8)((s.n_nan > 0 ? HAS_NAN : 0) | (s.n_inf > 0 ? HAS_INF : 0));
}

/* "'y' float [2,3] holds 2 NaN and 0 infinities among 6 numbers, the first at 4" */
static char *
describe_bad (const char *name, const GonioTensor *tensor)
{
  GonioTensorStatistics s = gonio_tensor_count_special (tensor);
  g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (tensor));
  int64_t first = s.first_nan < 0   ? s.first_inf
                  : s.first_inf < 0 ? s.first_nan
                                    : MIN (s.first_nan, s.first_inf);
  return g_strdup_printf ("'%s' %s %s holds %" G_GINT64_FORMAT " NaN and %" G_GINT64_FORMAT
                          " infinities among %" G_GINT64_FORMAT
                          " numbers, the first at %" G_GINT64_FORMAT,
                          name, gonio_dtype_name (gonio_tensor_dtype (tensor)), shape, s.n_nan,
                          s.n_inf, s.n_numbers, first);
}

/* "'x' float [2,3] from -1 to 2" for each tensor the node reads. */
static void
describe_read (const GonioValue *value, const GonioTensor *tensor, GString *text)
{
  GonioTensorStatistics s = gonio_tensor_statistics (tensor);
  g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (tensor));
  g_string_append_printf (text, "%s'%s' %s %s", text->len > 0 ? ", " : "", value->name,
                          gonio_dtype_name (gonio_tensor_dtype (tensor)), shape);
  if (s.n_numbers > s.n_nan + s.n_inf)
    g_string_append_printf (text, " from %.6g to %.6g", s.min, s.max);
  if (s.n_nan > 0)
    g_string_append_printf (text, " with %" G_GINT64_FORMAT " NaN", s.n_nan);
  if (s.n_inf > 0)
    g_string_append_printf (text, " with %" G_GINT64_FORMAT " infinities", s.n_inf);
}

static void
describe_input (const Check *check, GonioValueId id, GString *text)
{
  id = plain_value (check->graph, id);
  const GonioValue *value = gonio_graph_value (check->graph, id);
  const GonioTensor *tensor = check->tensors[id] != NULL ? check->tensors[id] : value->constant;
  if (tensor != NULL)
    describe_read (value, tensor, text);
}

/* ---- subgraphs ---- */

struct _GonioBodyCheck {
  GonioBodyWatch watch;
  const GonioGraph *graph;
  GHashTable *found; /* node id -> char*: what was found first in its subgraphs */
  GHashTable *runs;  /* GonioNode* -> how often it ran */
};

/* Tensors, not lists of them. */
static guint8
held_by_value (const GonioTensor *tensor)
{
  return tensor != NULL && gonio_tensor_kind (tensor) == GONIO_KIND_TENSOR ? held_by (tensor) : 0;
}

static char *
describe_node (const GonioNode *holder, const GonioGraph *graph, const GonioNode *node, guint n_run,
               GonioTensor *const *inputs, const GonioValue *bad_value, const GonioTensor *bad)
{
  g_autofree char *what = describe_bad (bad_value->name, bad);
  g_autoptr (GString) read = g_string_new (NULL);

  for (guint i = 0; i < node->n_inputs; i++)
    if (inputs[i] != NULL && gonio_tensor_kind (inputs[i]) == GONIO_KIND_TENSOR)
      describe_read (gonio_graph_value (graph, node->inputs[i]), inputs[i], read);
  return g_strdup_printf (
      "node '%s' (%s) within '%s' (%s) is the first to make NaN or infinities, in "
      "its run %u: its output %s; it read %s",
      node->name, gonio_op_name (node->op), holder->name, gonio_op_name (holder->op), n_run, what,
      read->len > 0 ? read->str : "no tensors");
}

static void
body_node_ran (gpointer data, GonioNodeId holder, const GonioNode *node, const GonioGraph *graph,
               GonioTensor *const *inputs, GonioTensor *const *outputs)
{
  GonioBodyCheck *check = data;
  guint n_run = GPOINTER_TO_UINT (g_hash_table_lookup (check->runs, node)) + 1;
  guint8 read = 0;

  if (g_hash_table_contains (check->found, GUINT_TO_POINTER (holder)))
    return;
  g_hash_table_insert (check->runs, (gpointer)node, GUINT_TO_POINTER (n_run));
  for (guint i = 0; i < node->n_inputs; i++)
    read |= held_by_value (inputs[i]);
  for (guint o = 0; o < node->n_outputs; o++) {
    if ((held_by_value (outputs[o]) & ~read) == 0)
      continue;
    char *text = describe_node (gonio_graph_node (check->graph, holder), graph, node, n_run, inputs,
                                gonio_graph_value (graph, node->outputs[o]), outputs[o]);
    g_hash_table_insert (check->found, GUINT_TO_POINTER (holder), text);
    return;
  }
}

GonioBodyCheck *
gonio_body_check_new (const GonioGraph *graph)
{
  GonioBodyCheck *check = g_new (GonioBodyCheck, 1);

  *check = (GonioBodyCheck){.watch = {body_node_ran, check},
                            .graph = graph,
                            .found = g_hash_table_new_full (NULL, NULL, NULL, g_free),
                            .runs = g_hash_table_new (NULL, NULL)};
  return check;
}

const GonioBodyWatch *
gonio_body_check_watch (const GonioBodyCheck *check)
{
  return check != NULL ? &check->watch : NULL;
}

void
gonio_body_check_free (GonioBodyCheck *check)
{
  g_hash_table_unref (check->found);
  g_hash_table_unref (check->runs);
  g_free (check);
}

/* ---- the graph ---- */

typedef void (*ReadFunc) (const Check *check, GonioValueId id, gpointer data);

/* Everything a node reads, captures of its subgraphs included. */
static void
for_each_read (const Check *check, const GonioNode *node, ReadFunc func, gpointer data)
{
  for (guint i = 0; i < node->n_inputs; i++)
    if (node->inputs[i] != GONIO_VALUE_NONE)
      func (check, node->inputs[i], data);
  for (guint a = 0; a < node->n_attrs; a++) {
    guint n;
    if (node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    const GonioCapture *captures = gonio_graph_captures (node->attrs[a].graph, &n);
    for (guint i = 0; i < n; i++)
      func (check, captures[i].outer, data);
  }
}

static void
add_held (const Check *check, GonioValueId id, gpointer data)
{
  *(guint8 *)data |= check->holds[plain_value (check->graph, id)];
}

static void
add_description (const Check *check, GonioValueId id, gpointer data)
{
  describe_input (check, id, data);
}

static gboolean
check_node (const Check *check, GonioNodeId node_id, GError **error)
{
  const GonioNode *node = gonio_graph_node (check->graph, node_id);
  const char *inside = g_hash_table_lookup (check->bodies->found, GUINT_TO_POINTER (node_id));
  guint8 read = 0;
  if (inside != NULL) {
    g_set_error_literal (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE, inside);
    return FALSE;
  }
  for_each_read (check, node, add_held, &read);
  for (guint o = 0; o < node->n_outputs; o++) {
    GonioValueId id = node->outputs[o];
    if (id == GONIO_VALUE_NONE || check->tensors[id] == NULL)
      continue;
    check->holds[id] = held_by (check->tensors[id]);
    if ((check->holds[id] & ~read) == 0)
      continue;
    g_autofree char *bad =
        describe_bad (gonio_graph_value (check->graph, id)->name, check->tensors[id]);
    g_autoptr (GString) inputs = g_string_new (NULL);
    for_each_read (check, node, add_description, inputs);
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE,
                 "node '%s' (%s) is the first to make NaN or infinities: its output %s; it read %s",
                 node->name, gonio_op_name (node->op), bad,
                 inputs->len > 0 ? inputs->str : "no tensors");
    return FALSE;
  }
  return TRUE;
}

static gboolean
note_given (const Check *check, GonioTensor *const *inputs, GError **error)
{
  guint n, at = 0;
  const GonioValueId *ids = gonio_graph_inputs (check->graph, &n);
  for (guint i = 0; i < gonio_graph_n_values (check->graph); i++) {
    const GonioTensor *constant = gonio_graph_value (check->graph, i)->constant;
    check->holds[i] = constant != NULL ? held_by (constant) : 0;
  }
  for (guint i = 0; i < n; i++) {
    const GonioValue *value = gonio_graph_value (check->graph, ids[i]);
    if (value->constant != NULL)
      continue;
    GonioTensor *tensor = inputs[at++];
    if (value->kind != GONIO_KIND_TENSOR)
      continue;
    check->tensors[ids[i]] = tensor;
    check->holds[ids[i]] = held_by (tensor);
    if (check->holds[ids[i]] != 0) {
      g_autofree char *bad = describe_bad (value->name, tensor);
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE, "the model's input %s", bad);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
gonio_session_check_values (GonioSession *session, GonioExecutable *exec,
                            const GonioBodyCheck *bodies, GonioTensor *const *inputs,
                            GonioTensor *const *outputs, GError **error)
{
  const GonioGraph *graph = gonio_executable_graph (exec);
  guint n_values = MAX (gonio_graph_n_values (graph), 1), n;
  g_autofree GonioTensor **tensors = g_new0 (GonioTensor *, n_values);
  g_autofree guint8 *holds = g_new0 (guint8, n_values);
  Check check = {graph, bodies, tensors, holds};

  const GonioValueId *ids = gonio_graph_outputs (graph, &n);
  for (guint i = 0; i < n; i++)
    if (gonio_graph_value (graph, ids[i])->kind == GONIO_KIND_TENSOR)
      tensors[plain_value (graph, ids[i])] = outputs[i];
  if (!note_given (&check, inputs, error))
    return FALSE;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  for (guint i = 0; i < n; i++)
    if (!check_node (&check, order[i], error))
      return FALSE;
  gonio_session_log (session, G_LOG_LEVEL_INFO, "none of %u nodes made NaN or infinities", n);
  return TRUE;
}
