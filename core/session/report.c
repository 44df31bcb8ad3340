/* What a session's latest plan looks like, for reports. Depends on session-private.h, plan. */

#include "core/session/session-private.h"

#include "core/ops/op.h"
#include "core/plan/report.h"

static void
free_placement (gpointer data)
{
  GonioPlacement *row = data;
  g_free (row->node);
  g_free (row->op);
  g_free (row->backend);
  g_free (row->layout);
  g_free (row->reason);
  g_free (row->output_shape);
  g_free (row);
}

/* Bytes of the values of known type and shape. */
static size_t
count_bytes (const GonioGraph *graph, const GonioValueId *ids, guint n)
{
  size_t sum = 0, size;
  GonioShape shape;
  for (guint i = 0; i < n; i++) {
    const GonioValue *value = ids[i] != GONIO_VALUE_NONE ? gonio_graph_value (graph, ids[i]) : NULL;
    if (value != NULL && value->kind == GONIO_KIND_TENSOR && value->dtype != GONIO_DTYPE_NONE &&
        gonio_sym_shape_known (&value->shape, &shape) &&
        gonio_tensor_bytes (value->dtype, &shape, &size))
      sum += size;
  }
  return sum;
}

static GonioPlacement *
describe_node (GonioSession *session, GonioExecutable *exec, GonioNodeId id)
{
  const GonioGraph *graph = gonio_executable_graph (exec);
  const GonioNode *node = gonio_graph_node (graph, id);
  const GonioPlanNode *entry = gonio_partition_node (gonio_executable_partition (exec), id);
  const GonioPlanBackend *backend =
      &g_array_index (session->backends, GonioPlanBackend, entry->backend);
  GonioPlacement *row = g_new0 (GonioPlacement, 1);
  row->node = g_strdup (node->name);
  row->op = g_strdup (gonio_op_name (node->op));
  row->backend = g_strdup (backend->def->name);
  row->layout = g_strdup (entry->is_nhwc ? "nhwc" : "plain");
  row->reason = g_strdup (entry->reason != NULL ? entry->reason : "");
  row->output_shape =
      node->n_outputs > 0 && node->outputs[0] != GONIO_VALUE_NONE
          ? gonio_sym_shape_to_string (&gonio_graph_value (graph, node->outputs[0])->shape)
          : g_strdup ("");
  row->read_bytes = count_bytes (graph, node->inputs, node->n_inputs);
  row->written_bytes = count_bytes (graph, node->outputs, node->n_outputs);
  gonio_executable_profile (exec, id, &row->time_ns, &row->runs);
  return row;
}

GPtrArray *
gonio_session_dup_report (GonioSession *session)
{
  GPtrArray *rows = g_ptr_array_new_with_free_func (free_placement);
  g_autoptr (GonioExecutable) exec = gonio_session_latest_plan (session);
  if (exec == NULL)
    return rows;
  const GonioPartition *partition = gonio_executable_partition (exec);
  for (guint r = 0; r < partition->regions->len; r++) {
    const GonioPlanRegion *region = gonio_partition_region (partition, r);
    for (guint i = 0; i < region->nodes->len; i++)
      g_ptr_array_add (
          rows, describe_node (session, exec, g_array_index (region->nodes, GonioNodeId, i)));
  }
  return rows;
}

GArray *
gonio_session_dup_trace (GonioSession *session)
{
  GArray *trace = g_array_new (FALSE, FALSE, sizeof (GonioTraceEvent));
  g_autoptr (GonioExecutable) exec = gonio_session_latest_plan (session);
  if (exec == NULL)
    return trace;
  const GonioPartition *partition = gonio_executable_partition (exec);
  g_autofree guint *row_of = g_new0 (guint, MAX (partition->nodes->len, 1));
  guint row = 0;
  for (guint r = 0; r < partition->regions->len; r++) {
    const GonioPlanRegion *region = gonio_partition_region (partition, r);
    for (guint i = 0; i < region->nodes->len; i++)
      row_of[g_array_index (region->nodes, GonioNodeId, i)] = row++;
  }
  g_autoptr (GArray) events = gonio_executable_dup_events (exec);
  for (guint i = 0; i < events->len; i++) {
    const GonioNodeEvent *from = &g_array_index (events, GonioNodeEvent, i);
    GonioTraceEvent event = {row_of[from->node], from->start_ns, from->end_ns};
    g_array_append_val (trace, event);
  }
  return trace;
}

char *
gonio_session_dup_fallbacks (GonioSession *session)
{
  g_autoptr (GonioExecutable) exec = gonio_session_latest_plan (session);
  const GArray *refusals = exec != NULL ? gonio_executable_refusals (exec) : NULL;
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; refusals != NULL && i < refusals->len; i++) {
    const GonioRefusal *refusal = &g_array_index (refusals, GonioRefusal, i);
    const GonioPlanBackend *row =
        &g_array_index (session->backends, GonioPlanBackend, refusal->backend);
    g_autofree char *line = g_strdup_printf ("%s: %s", row->def->name, refusal->reason);
    if (!g_ptr_array_find_with_equal_func (lines, line, g_str_equal, NULL))
      g_ptr_array_add (lines, g_steal_pointer (&line));
  }
  if (lines->len == 0)
    return NULL;
  g_ptr_array_add (lines, NULL);
  return g_strjoinv ("\n", (char **)lines->pdata);
}

char *
gonio_session_dup_placement_summary (GonioSession *session)
{
  g_autoptr (GonioExecutable) exec = gonio_session_latest_plan (session);
  if (exec == NULL)
    return g_strdup ("not compiled yet");
  return gonio_plan_summary (gonio_executable_partition (exec),
                             (const GonioPlanBackend *)session->backends->data,
                             session->backends->len);
}

GArray *
gonio_session_dup_placement_counts (GonioSession *session)
{
  GArray *counts = g_array_new (FALSE, FALSE, sizeof (GonioPlacementCount));
  g_autoptr (GonioExecutable) exec = gonio_session_latest_plan (session);
  for (guint b = 0; exec != NULL && b < session->backends->len; b++) {
    GonioPlacementCount count = {
        g_array_index (session->backends, GonioPlanBackend, b).def->name,
        gonio_plan_count_nodes (gonio_executable_partition (exec), b),
    };
    if (count.nodes > 0)
      g_array_append_val (counts, count);
  }
  return counts;
}

void
gonio_session_stats (GonioSession *session, GonioSessionStats *out_stats)
{
  GonioSessionStats stats = {0};
  g_autoptr (GonioExecutable) exec = gonio_session_latest_plan (session);
  const GonioGraph *graph = exec != NULL ? gonio_executable_graph (exec) : session->graph;
  for (guint i = 0; i < gonio_graph_n_values (graph); i++) {
    const GonioTensor *constant = gonio_graph_value (graph, i)->constant;
    stats.constant_bytes += constant != NULL ? gonio_tensor_size (constant) : 0;
  }
  gonio_graph_order (graph, &stats.n_nodes);
  stats.flops = gonio_plan_flops (graph);
  if (exec != NULL) {
    stats.arena_bytes = gonio_executable_arena_bytes (exec);
    stats.constant_bytes += gonio_executable_released_bytes (exec);
  }
  *out_stats = stats;
}

GonioGraph *
gonio_session_dup_graph (GonioSession *session)
{
  g_autoptr (GonioExecutable) exec = gonio_session_latest_plan (session);
  return gonio_graph_clone (exec != NULL ? gonio_executable_graph (exec) : session->graph);
}
