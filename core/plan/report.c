/* Summaries of a plan. Depends on partition, graph, ops. */
#include "core/plan/report.h"

#include "core/ops/op.h"

guint
gonio_plan_count_nodes (const GonioPartition *partition, guint backend)
{
  guint count = 0;
  for (guint i = 0; i < partition->nodes->len; i++) {
    const GonioPlanNode *entry = gonio_partition_node (partition, i);
    count += entry->region != GONIO_REGION_NONE && entry->backend == backend;
  }
  return count;
}

char *
gonio_plan_summary (const GonioPartition *partition, const GonioPlanBackend *backends,
                    guint n_backends)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint b = 0; b < n_backends; b++) {
    guint count = gonio_plan_count_nodes (partition, b);
    if (count > 0)
      g_string_append_printf (text, "%s%s %u node%s", text->len > 0 ? ", " : "",
                              backends[b].def->name, count, count == 1 ? "" : "s");
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
known_shape (const GonioGraph *graph, GonioValueId id, GonioShape *out_shape, double *out_count)
{
  int64_t count;
  if (id == GONIO_VALUE_NONE ||
      !gonio_sym_shape_known (&gonio_graph_value (graph, id)->shape, out_shape) ||
      !gonio_shape_count (out_shape, &count))
    return FALSE;
  *out_count = (double)count;
  return TRUE;
}

static double
node_flops (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape a, w, y;
  double n_a, n_w, n_y;
  if (node->n_inputs < 2 || node->n_outputs < 1 ||
      !known_shape (graph, node->inputs[0], &a, &n_a) ||
      !known_shape (graph, node->inputs[1], &w, &n_w) ||
      !known_shape (graph, node->outputs[0], &y, &n_y))
    return 0;
  switch (node->op) {
  case GONIO_OP_CONV: /* weights [M, C/group, k...]: n_w / M products for each output */
    return w.rank > 0 && w.dims[0] > 0 ? 2 * n_y * n_w / (double)w.dims[0] : 0;
  case GONIO_OP_CONV_TRANSPOSE: /* weights [C, M/group, k...]: likewise for each input */
    return w.rank > 0 && w.dims[0] > 0 ? 2 * n_a * n_w / (double)w.dims[0] : 0;
  case GONIO_OP_GEMM:
    if (a.rank != 2)
      return 0;
    return 2 * n_y * (double)a.dims[gonio_node_attr_int (node, "transA", 0) ? 0 : 1];
  case GONIO_OP_MATMUL:
    return a.rank > 0 ? 2 * n_y * (double)a.dims[a.rank - 1] : 0;
  default:
    return 0;
  }
}

double
gonio_plan_flops (const GonioGraph *graph)
{
  guint n;
  double flops = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  for (guint i = 0; i < n; i++)
    flops += node_flops (graph, gonio_graph_node (graph, order[i]));
  return flops;
}
