/* What one run of a model would cost; see estimate.h. */
#include "app/cli/estimate.h"

#include "core/ops/op.h"
#include "core/plan/report.h"

static gboolean
fix_inputs (GonioGraph *graph, char **dims, GError **error)
{
  guint n;
  const GonioValueId *ids = gonio_graph_inputs (graph, &n);
  for (guint i = 0; i < n; i++) {
    const GonioValue *value = gonio_graph_value (graph, ids[i]);
    GonioSymShape shape = value->shape;
    if (value->constant != NULL || value->kind != GONIO_KIND_TENSOR || !shape.has_rank)
      continue;
    for (int d = 0; d < shape.rank; d++) {
      int64_t size = shape.dims[d].value;
      if (size < 0 && !gonio_cli_free_dimension (dims, shape.dims[d].symbol, &size, error))
        return FALSE;
      shape.dims[d] = GONIO_DIM (size);
    }
    gonio_graph_set_shape (graph, ids[i], &shape);
  }
  return TRUE;
}

/* 0 when it is not known. */
static guint64
bytes_of (const GonioValue *value)
{
  GonioShape shape;
  size_t size;
  if (value->kind == GONIO_KIND_TENSOR && value->dtype != GONIO_DTYPE_NONE &&
      gonio_sym_shape_known (&value->shape, &shape) &&
      gonio_tensor_bytes (value->dtype, &shape, &size))
    return size;
  return 0;
}

static gboolean
is_known (const GonioValue *value)
{
  GonioShape shape;
  return value->kind == GONIO_KIND_TENSOR && value->dtype != GONIO_DTYPE_NONE &&
         gonio_sym_shape_known (&value->shape, &shape);
}

/* Position in the order after which nobody needs the value; of a value nobody reads its own. */
static guint
last_use (const GonioGraph *graph, GonioValueId id, const guint *position, guint own, guint end)
{
  guint n, last = own;
  if (gonio_graph_is_output (graph, id))
    return end;
  const GonioNodeId *users = gonio_graph_users (graph, id, &n);
  for (guint i = 0; i < n; i++)
    last = MAX (last, position[users[i]]);
  return last;
}

static void
add_lifetime (const GonioGraph *graph, GonioValueId id, const guint *position, guint own, guint end,
              guint64 *grows, guint64 *shrinks)
{
  guint64 size = bytes_of (gonio_graph_value (graph, id));
  grows[own] += size;
  shrinks[last_use (graph, id, position, own, end)] += size;
}

static void
count_activations (const GonioGraph *graph, GonioEstimate *estimate)
{
  guint n, n_inputs;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  const GonioValueId *inputs = gonio_graph_inputs (graph, &n_inputs);
  g_autofree guint *position = g_new0 (guint, gonio_graph_n_nodes (graph) + 1);
  g_autofree guint64 *grows = g_new0 (guint64, n + 2);
  g_autofree guint64 *shrinks = g_new0 (guint64, n + 2);
  for (guint i = 0; i < n; i++)
    position[order[i]] = i + 1;
  for (guint i = 0; i < n_inputs; i++)
    if (gonio_graph_value (graph, inputs[i])->constant == NULL)
      add_lifetime (graph, inputs[i], position, 0, n + 1, grows, shrinks);
  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, order[i]);
    for (guint o = 0; o < node->n_outputs; o++) {
      if (node->outputs[o] == GONIO_VALUE_NONE)
        continue;
      const GonioValue *value = gonio_graph_value (graph, node->outputs[o]);
      estimate->n_unknown += !is_known (value);
      estimate->activation_bytes += bytes_of (value);
      add_lifetime (graph, node->outputs[o], position, i + 1, n + 1, grows, shrinks);
    }
  }
  guint64 live = 0;
  for (guint i = 0; i <= n + 1; i++) {
    live += grows[i];
    estimate->peak_bytes = MAX (estimate->peak_bytes, live);
    live -= shrinks[i];
  }
}

gboolean
gonio_cli_estimate (const GonioGraph *graph, char **dims, GonioEstimate *out_estimate,
                    GError **error)
{
  GonioEstimate estimate = {0};
  g_autoptr (GonioGraph) fixed = gonio_graph_clone (graph);
  if (!fix_inputs (fixed, dims, error) || !gonio_infer_graph (fixed, error))
    return FALSE;
  estimate.flops = gonio_plan_flops (fixed);
  count_activations (fixed, &estimate);
  *out_estimate = estimate;
  return TRUE;
}
