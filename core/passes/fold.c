/* Pass "fold": computes at build time what depends on constants alone, and writes down what
 * inference already knows (shapes, small integers). */
#include "core/base/memory.h"
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

#define DEFAULT_LIMIT ((size_t)64 << 20)
#define GROWTH_LIMIT  ((size_t)512 << 20) /* of all constants together, in one run of the pass */
#define SMALL_LIMIT   ((size_t)64 << 10)  /* of what blows a small constant up */

static gboolean
inputs_are_constant (const GonioGraph *graph, const GonioNode *node, size_t *out_bytes)
{
  *out_bytes = 0;
  for (guint i = 0; i < node->n_inputs; i++) {
    if (node->inputs[i] == GONIO_VALUE_NONE)
      continue;
    const GonioTensor *constant = gonio_graph_value (graph, node->inputs[i])->constant;
    if (!constant)
      return FALSE;
    *out_bytes += gonio_tensor_size (constant);
  }
  return TRUE;
}

static gboolean
outputs_are_small (const GonioGraph *graph, const GonioNode *node, size_t limit, gboolean strict)
{
  guint n_live = 0;

  for (guint i = 0; i < node->n_outputs; i++) {
    GonioShape shape = {0};
    size_t bytes = 0;
    if (node->outputs[i] == GONIO_VALUE_NONE)
      continue;
    const GonioValue *value = gonio_graph_value (graph, node->outputs[i]);
    n_live++;
    if (value->kind != GONIO_KIND_TENSOR)
      return FALSE;
    if (!gonio_sym_shape_known (&value->shape, &shape)) {
      if (strict)
        return FALSE;
      continue;
    }
    if (!gonio_tensor_bytes (value->dtype, &shape, &bytes) || bytes > limit)
      return FALSE;
  }
  return n_live > 0;
}

static gboolean
is_foldable (const GonioGraph *graph, const GonioNode *node, size_t limit)
{
  guint flags = gonio_op_def (node->op)->flags;
  gboolean grows = (flags & GONIO_OPF_NO_FOLD) != 0;
  size_t given = 0;

  if (flags & (GONIO_OPF_IMPURE | GONIO_OPF_CONTROL) || !inputs_are_constant (graph, node, &given))
    return FALSE;
  /* A result of unknown size is fair game only when it cannot outgrow small inputs. */
  return outputs_are_small (graph, node, grows ? MIN (limit, SMALL_LIMIT) : limit,
                            grows || given > limit);
}

/* ---- what inference knows ---- */

static void
put_element (GonioTensor *tensor, guint i, int64_t value)
{
  void *data = gonio_tensor_writable_data (tensor);

  if (gonio_tensor_dtype (tensor) == GONIO_DTYPE_INT64)
    ((int64_t *)data)[i] = value;
  else if (gonio_tensor_dtype (tensor) == GONIO_DTYPE_INT32)
    ((int32_t *)data)[i] = (int32_t)value;
  else
    ((guint8 *)data)[i] = value != 0;
}

/* A small integer value whose elements are all known; NULL otherwise. (transfer full) */
static GonioTensor *
from_elements (const GonioValue *value)
{
  GonioShape shape = {0};
  int64_t count = 0, element = 0;

  if (!value->partial || value->constant || !gonio_sym_shape_known (&value->shape, &shape) ||
      !gonio_shape_count (&shape, &count) || count != (int64_t)value->n_partial ||
      (value->dtype != GONIO_DTYPE_INT64 && value->dtype != GONIO_DTYPE_INT32 &&
       value->dtype != GONIO_DTYPE_BOOL))
    return NULL;
  for (guint i = 0; i < value->n_partial; i++) {
    if (!gonio_dim_known (value->partial[i], &element))
      return NULL;
  }
  GonioTensor *tensor = gonio_tensor_new (value->dtype, &shape, NULL);
  for (guint i = 0; tensor && i < value->n_partial; i++) {
    gonio_dim_known (value->partial[i], &element);
    put_element (tensor, i, element);
  }
  return tensor;
}

/* A graph output keeps its producer: who runs the graph gets it from a node. */
static gboolean
makes_output (const GonioGraph *graph, const GonioNode *node)
{
  for (guint i = 0; i < node->n_outputs; i++) {
    if (node->outputs[i] != GONIO_VALUE_NONE && gonio_graph_is_output (graph, node->outputs[i]))
      return TRUE;
  }
  return FALSE;
}

static void
fold_known (GonioGraph *graph, GonioNodeId id, guint *changes)
{
  const GonioNode *node = gonio_graph_node (graph, id);

  for (guint i = 0; i < node->n_outputs; i++) {
    GonioValueId output = node->outputs[i];
    if (output == GONIO_VALUE_NONE)
      continue;
    g_autoptr (GonioTensor) known = from_elements (gonio_graph_value (graph, output));
    if (known) {
      gonio_graph_set_constant (graph, output, known);
      (*changes)++;
    }
  }
}

/* ---- evaluation ---- */

/* What only the folded node has read need not wait for the sweep of dead code. */
static size_t
give_back (GonioGraph *graph, const GonioValueId *values, guint n)
{
  size_t freed = 0;

  for (guint i = 0; i < n; i++) {
    guint n_users = 0;
    if (values[i] == GONIO_VALUE_NONE || gonio_graph_is_output (graph, values[i]))
      continue;
    const GonioValue *value = gonio_graph_value (graph, values[i]);
    gonio_graph_users (graph, values[i], &n_users);
    if (n_users > 0 || !value->constant)
      continue;
    freed += gonio_tensor_size (value->constant);
    gonio_graph_set_constant (graph, values[i], NULL);
  }
  return freed;
}

/* *growth: bytes by which constants have grown; signed, as folding may free more than it makes. */
static void
fold_node (GonioGraph *graph, GonioNodeId id, const GonioPassOptions *options, gint64 *growth,
           guint *changes)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  guint n_inputs = node->n_inputs, n_outputs = node->n_outputs;
  g_autofree GonioTensor **inputs = g_new0 (GonioTensor *, n_inputs + 1);
  g_autofree GonioTensor **outputs = g_new0 (GonioTensor *, n_outputs + 1);
  g_autofree GonioValueId *sources = g_memdup2 (node->inputs, n_inputs * sizeof *node->inputs);
  g_autofree GonioValueId *results = g_memdup2 (node->outputs, n_outputs * sizeof *node->outputs);
  g_autoptr (GError) refused = NULL;
  gboolean complete = TRUE;

  for (guint i = 0; i < n_inputs; i++) {
    if (sources[i] != GONIO_VALUE_NONE)
      inputs[i] = gonio_graph_value (graph, sources[i])->constant;
  }
  if (!options->evaluate (graph, id, inputs, outputs, &refused)) {
    /* It stays in the graph: the run reports what is wrong, with the right inputs at hand. */
    g_debug ("%s is not folded: %s", node->name, refused ? refused->message : "no reason given");
    return;
  }
  for (guint i = 0; i < n_outputs; i++) {
    if (results[i] == GONIO_VALUE_NONE)
      continue;
    complete = complete && outputs[i];
    if (outputs[i]) {
      *growth += (gint64)gonio_tensor_size (outputs[i]);
      gonio_graph_set_constant (graph, results[i], outputs[i]);
    }
  }
  for (guint i = 0; i < n_outputs; i++)
    g_clear_pointer (&outputs[i], gonio_tensor_unref);
  if (complete) {
    gonio_graph_remove_node (graph, id);
    *growth -= (gint64)give_back (graph, sources, n_inputs);
  }
  (*changes)++;
}

gboolean
gonio_pass_fold (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                 GError **error)
{
  size_t limit = options->fold_limit ? options->fold_limit : DEFAULT_LIMIT;
  guint n = 0;
  gint64 growth = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, nodes[i]);
    if (!gonio_work_go_on (error))
      return FALSE;
    if (!node || makes_output (graph, node))
      continue;
    if (options->evaluate && growth < (gint64)GROWTH_LIMIT && is_foldable (graph, node, limit))
      fold_node (graph, nodes[i], options, &growth, out_changes);
    else
      fold_known (graph, nodes[i], out_changes);
  }
  return TRUE;
}
