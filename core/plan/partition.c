/* Claims, regions, islands. Depends on session/backend.h, graph, ops. */
#include "core/plan/partition.h"

#include "core/base/error.h"
#include "core/ops/op.h"

/* Integer tensors up to this many elements count as shape arithmetic. */
#define SMALL_COUNT 1024
/* So many nodes are named in an error; the rest is counted. */
#define MAX_NAMED 20

typedef struct {
  const GonioGraph *graph;
  const GonioPlanBackend *backends;
  guint n_backends;
  const GonioPartitionOptions *options;
  const GonioNodeId *order;
  guint n_order;
  GonioPartition *partition;
} Work;

void
gonio_refusal_clear (GonioRefusal *refusal)
{
  g_clear_pointer (&refusal->reason, g_free);
}

static void
clear_plan_node (GonioPlanNode *node)
{
  g_free (node->reason);
}

static void
free_region (gpointer data)
{
  GonioPlanRegion *region = data;
  g_array_unref (region->nodes);
  g_array_unref (region->inputs);
  g_array_unref (region->outputs);
  g_free (region);
}

void
gonio_partition_free (GonioPartition *partition)
{
  g_array_unref (partition->nodes);
  g_ptr_array_unref (partition->regions);
  g_free (partition);
}

GonioPlanNode *
gonio_partition_node (const GonioPartition *partition, GonioNodeId node)
{
  return &g_array_index (partition->nodes, GonioPlanNode, node);
}

GonioPlanRegion *
gonio_partition_region (const GonioPartition *partition, guint region)
{
  return g_ptr_array_index (partition->regions, region);
}

void
gonio_partition_add_node (GonioPartition *partition, GonioNodeId node, guint region,
                          gboolean is_nhwc)
{
  GonioPlanNode none = {.region = GONIO_REGION_NONE};
  while (partition->nodes->len <= node)
    g_array_append_val (partition->nodes, none);
  GonioPlanNode *entry = gonio_partition_node (partition, node);
  entry->region = region;
  entry->backend = gonio_partition_region (partition, region)->backend;
  entry->is_nhwc = is_nhwc;
}

GArray *
gonio_plan_node_reads (const GonioGraph *graph, GonioNodeId id)
{
  GArray *reads = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  const GonioNode *node = gonio_graph_node (graph, id);
  for (guint i = 0; i < node->n_inputs; i++)
    if (node->inputs[i] != GONIO_VALUE_NONE)
      g_array_append_val (reads, node->inputs[i]);
  for (guint a = 0; a < node->n_attrs; a++) {
    if (node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    guint n;
    const GonioCapture *captures = gonio_graph_captures (node->attrs[a].graph, &n);
    for (guint i = 0; i < n; i++)
      g_array_append_val (reads, captures[i].outer);
  }
  return reads;
}

/* ---- claims ---- */

static gboolean
is_small_integer (const GonioGraph *graph, GonioValueId id)
{
  const GonioValue *value = gonio_graph_value (graph, id);
  GonioShape shape;
  int64_t count;
  return value->kind == GONIO_KIND_TENSOR &&
         (value->dtype == GONIO_DTYPE_INT64 || value->dtype == GONIO_DTYPE_INT32 ||
          value->dtype == GONIO_DTYPE_BOOL) &&
         gonio_sym_shape_known (&value->shape, &shape) && shape.rank <= 1 &&
         gonio_shape_count (&shape, &count) && count <= SMALL_COUNT;
}

/* Shape arithmetic: moving it to a device and back costs more than computing it. */
static gboolean
belongs_to_host (const GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  if (gonio_op_def (node->op)->flags & GONIO_OPF_SHAPE)
    return TRUE;
  for (guint i = 0; i < node->n_inputs; i++)
    if (node->inputs[i] != GONIO_VALUE_NONE && !is_small_integer (graph, node->inputs[i]))
      return FALSE;
  for (guint i = 0; i < node->n_outputs; i++)
    if (node->outputs[i] != GONIO_VALUE_NONE && !is_small_integer (graph, node->outputs[i]))
      return FALSE;
  return node->n_inputs > 0;
}

static const char *
refusal_of (const GonioPartitionOptions *options, GonioNodeId node, guint backend)
{
  for (guint i = 0; options->refusals != NULL && i < options->refusals->len; i++) {
    const GonioRefusal *refusal = &g_array_index (options->refusals, GonioRefusal, i);
    if ((refusal->node == node || refusal->node == GONIO_NODE_NONE) && refusal->backend == backend)
      return refusal->reason;
  }
  return NULL;
}

static gboolean
ask (const Work *work, guint backend, GonioNodeId node, GonioClaim *out_claim,
     const char **out_reason)
{
  GonioClaim claim = {0};
  const GonioPlanBackend *row = &work->backends[backend];
  *out_reason = refusal_of (work->options, node, backend);
  if (*out_reason != NULL)
    return FALSE;
  if (!row->def->claim (row->backend, work->graph, node, &claim)) {
    *out_reason = claim.reason != NULL ? claim.reason : "not supported";
    return FALSE;
  }
  if (claim.layouts == 0)
    claim.layouts = GONIO_CLAIM_PLAIN;
  if ((claim.preferred & claim.layouts) == 0)
    claim.preferred = claim.layouts & GONIO_CLAIM_PLAIN ? GONIO_CLAIM_PLAIN : GONIO_CLAIM_NHWC;
  *out_claim = claim;
  return TRUE;
}

/* Gives the node to the first of the backends from first on that takes it. */
static gboolean
assign (Work *work, GonioNodeId id, guint first)
{
  GonioPlanNode *entry = gonio_partition_node (work->partition, id);
  g_autoptr (GString) reasons = g_string_new (entry->reason);
  for (guint b = first; b < work->n_backends; b++) {
    const char *reason = NULL;
    if (ask (work, b, id, &entry->claim, &reason)) {
      entry->backend = b;
      g_free (entry->reason);
      entry->reason = reasons->len > 0 ? g_strdup (reasons->str) : NULL;
      return TRUE;
    }
    g_string_append_printf (reasons, "%s%s: %s", reasons->len > 0 ? "; " : "",
                            work->backends[b].def->name, reason);
  }
  g_free (entry->reason);
  entry->reason = g_strdup (reasons->str);
  return FALSE;
}

static void
pin_or_assign (Work *work, GonioNodeId id, GArray *unplaced)
{
  GonioPlanNode *entry = gonio_partition_node (work->partition, id);
  guint host = work->n_backends - 1;
  const char *reason = NULL;
  if (host > 0 && belongs_to_host (work->graph, id) &&
      ask (work, host, id, &entry->claim, &reason)) {
    entry->backend = host;
    entry->pinned = TRUE;
    entry->reason = g_strdup ("shape arithmetic stays on the host");
    return;
  }
  gboolean placed = assign (work, id, 0);
  if (!placed || (work->options->strict && entry->backend > 0))
    g_array_append_val (unplaced, id);
}

static gboolean
place_error (const Work *work, const GArray *unplaced, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < unplaced->len && i < MAX_NAMED; i++) {
    GonioNodeId id = g_array_index (unplaced, GonioNodeId, i);
    const GonioNode *node = gonio_graph_node (work->graph, id);
    g_string_append_printf (text, "%s%s '%s' (%s)", i ? ", " : "", gonio_op_name (node->op),
                            node->name, gonio_partition_node (work->partition, id)->reason);
  }
  if (unplaced->len > MAX_NAMED)
    g_string_append_printf (text, " and %u more", unplaced->len - MAX_NAMED);
  if (work->options->strict)
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_PLACEMENT,
                 "strict mode: %u nodes cannot run on %s: %s", unplaced->len,
                 work->backends[0].def->name, text->str);
  else
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_PLACEMENT,
                 "no backend can run %u nodes: %s", unplaced->len, text->str);
  return FALSE;
}

static gboolean
claim_all (Work *work, GError **error)
{
  g_autoptr (GArray) unplaced = g_array_new (FALSE, FALSE, sizeof (GonioNodeId));
  for (guint i = 0; i < work->n_order; i++)
    pin_or_assign (work, work->order[i], unplaced);
  return unplaced->len == 0 || place_error (work, unplaced, error);
}

/* ---- regions ----
 *
 * Every node gets a level: that of its producers, one more where the backend changes. Nodes of
 * one backend and level form a region: a path that leaves the backend raises the level and can
 * never come back to the same one, so regions are convex and (level, backend) orders them. */

static GonioNodeId
producer_of (const Work *work, GonioValueId value)
{
  return gonio_graph_value (work->graph, value)->producer;
}

static void
set_levels (const Work *work, guint *levels)
{
  for (guint i = 0; i < work->n_order; i++) {
    GonioNodeId id = work->order[i];
    guint backend = gonio_partition_node (work->partition, id)->backend, level = 0;
    g_autoptr (GArray) reads = gonio_plan_node_reads (work->graph, id);
    for (guint r = 0; r < reads->len; r++) {
      GonioNodeId from = producer_of (work, g_array_index (reads, GonioValueId, r));
      if (from == GONIO_NODE_NONE)
        continue;
      gboolean same = gonio_partition_node (work->partition, from)->backend == backend;
      level = MAX (level, levels[from] + (same ? 0 : 1));
    }
    levels[id] = level;
  }
  /* Nodes that nobody needs so early move up to where a user of the same backend is: fewer,
   * larger regions. */
  for (guint i = work->n_order; i-- > 0;) {
    GonioNodeId id = work->order[i];
    guint backend = gonio_partition_node (work->partition, id)->backend;
    guint limit = G_MAXUINT, wanted = levels[id];
    const GonioNode *node = gonio_graph_node (work->graph, id);
    for (guint o = 0; o < node->n_outputs; o++) {
      if (node->outputs[o] == GONIO_VALUE_NONE)
        continue;
      guint n;
      const GonioNodeId *users = gonio_graph_users (work->graph, node->outputs[o], &n);
      for (guint u = 0; u < n; u++) {
        gboolean same = gonio_partition_node (work->partition, users[u])->backend == backend;
        limit = MIN (limit, levels[users[u]] - (same ? 0 : 1));
        if (same)
          wanted = MAX (wanted, levels[users[u]]);
      }
    }
    if (wanted <= limit)
      levels[id] = wanted;
  }
}

typedef struct {
  guint level, backend, region;
} RegionKey;

static gint
by_key (gconstpointer pa, gconstpointer pb)
{
  const RegionKey *a = pa, *b = pb;
  if (a->level != b->level)
    return a->level < b->level ? -1 : 1;
  return a->backend < b->backend ? -1 : a->backend > b->backend;
}

static void
group (Work *work)
{
  g_autofree guint *levels = g_new0 (guint, MAX (gonio_graph_n_nodes (work->graph), 1));
  set_levels (work, levels);

  g_autoptr (GArray) keys = g_array_new (FALSE, FALSE, sizeof (RegionKey));
  for (guint i = 0; i < work->n_order; i++) {
    GonioNodeId id = work->order[i];
    RegionKey key = {levels[id], gonio_partition_node (work->partition, id)->backend, 0};
    g_array_append_val (keys, key);
  }
  g_array_sort (keys, by_key);

  g_ptr_array_set_size (work->partition->regions, 0);
  guint unique = 0;
  for (guint i = 0; i < keys->len; i++) {
    RegionKey *key = &g_array_index (keys, RegionKey, i);
    if (unique > 0 && by_key (key, &g_array_index (keys, RegionKey, unique - 1)) == 0)
      continue;
    GonioPlanRegion *region = g_new0 (GonioPlanRegion, 1);
    region->backend = key->backend;
    region->nodes = g_array_new (FALSE, FALSE, sizeof (GonioNodeId));
    region->inputs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
    region->outputs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
    g_ptr_array_add (work->partition->regions, region);
    g_array_index (keys, RegionKey, unique) = *key;
    g_array_index (keys, RegionKey, unique).region = unique;
    unique++;
  }
  g_array_set_size (keys, unique);

  for (guint i = 0; i < work->n_order; i++) {
    GonioPlanNode *entry = gonio_partition_node (work->partition, work->order[i]);
    RegionKey wanted = {levels[work->order[i]], entry->backend, 0};
    guint at = 0;
    g_array_binary_search (keys, &wanted, by_key, &at);
    entry->region = at;
  }
}

/* ---- borders ---- */

void
gonio_partition_set_borders (GonioPartition *partition, const GonioGraph *graph)
{
  for (guint r = 0; r < partition->regions->len; r++) {
    GonioPlanRegion *region = gonio_partition_region (partition, r);
    g_array_set_size (region->nodes, 0);
    g_array_set_size (region->inputs, 0);
    g_array_set_size (region->outputs, 0);
  }
  /* One bit per value and kind of border would need a set per region; the last region that
   * listed a value as input is enough, because regions are filled one after the other. */
  guint n_order, n_values = gonio_graph_n_values (graph);
  const GonioNodeId *order = gonio_graph_order (graph, &n_order);
  for (guint i = 0; i < n_order; i++) {
    GonioPlanNode *entry = gonio_partition_node (partition, order[i]);
    g_array_append_val (gonio_partition_region (partition, entry->region)->nodes, order[i]);
  }
  g_autofree guint *listed = g_new0 (guint, MAX (n_values, 1));
  for (guint r = 0; r < partition->regions->len; r++) {
    GonioPlanRegion *region = gonio_partition_region (partition, r);
    for (guint i = 0; i < region->nodes->len; i++) {
      GonioNodeId id = g_array_index (region->nodes, GonioNodeId, i);
      const GonioNode *node = gonio_graph_node (graph, id);
      g_autoptr (GArray) reads = gonio_plan_node_reads (graph, id);
      for (guint k = 0; k < reads->len; k++) {
        GonioValueId v = g_array_index (reads, GonioValueId, k);
        const GonioValue *value = gonio_graph_value (graph, v);
        gboolean inside = value->producer != GONIO_NODE_NONE &&
                          gonio_partition_node (partition, value->producer)->region == r;
        if (!inside && value->constant == NULL && listed[v] != r + 1) {
          listed[v] = r + 1;
          g_array_append_val (region->inputs, v);
        }
      }
      for (guint o = 0; o < node->n_outputs; o++) {
        GonioValueId v = node->outputs[o];
        if (v == GONIO_VALUE_NONE)
          continue;
        guint n;
        const GonioNodeId *users = gonio_graph_users (graph, v, &n);
        gboolean outside = gonio_graph_is_output (graph, v);
        for (guint u = 0; u < n && !outside; u++)
          outside = gonio_partition_node (partition, users[u])->region != r;
        if (outside)
          g_array_append_val (region->outputs, v);
      }
    }
  }
}

/* ---- islands ---- */

static double
border_bytes (const GonioGraph *graph, const GArray *values)
{
  double bytes = 0;
  for (guint i = 0; i < values->len; i++) {
    const GonioValue *value = gonio_graph_value (graph, g_array_index (values, GonioValueId, i));
    GonioShape shape;
    size_t size;
    if (gonio_sym_shape_known (&value->shape, &shape) &&
        gonio_tensor_bytes (value->dtype, &shape, &size))
      bytes += (double)size;
  }
  return bytes;
}

static gboolean
is_island (const Work *work, const GonioPlanRegion *region)
{
  const GonioBackendDef *def = work->backends[region->backend].def;
  if (region->backend == work->n_backends - 1 ||
      (def->border_ns <= 0 && def->border_ns_per_byte <= 0))
    return FALSE;
  double saved = 0;
  for (guint i = 0; i < region->nodes->len; i++) {
    GonioNodeId id = g_array_index (region->nodes, GonioNodeId, i);
    double cost = gonio_partition_node (work->partition, id)->claim.cost;
    if (cost <= 0)
      return FALSE; /* unknown: trust the order of preference */
    saved += cost;
  }
  double bytes =
      border_bytes (work->graph, region->inputs) + border_bytes (work->graph, region->outputs);
  return saved < def->border_ns + bytes * def->border_ns_per_byte;
}

/* Hands the nodes of islands to the next backends that take them. */
static gboolean
drop_islands (Work *work)
{
  gboolean changed = FALSE;
  for (guint r = 0; r < work->partition->regions->len; r++) {
    GonioPlanRegion *region = gonio_partition_region (work->partition, r);
    if (!is_island (work, region))
      continue;
    for (guint i = 0; i < region->nodes->len; i++) {
      GonioNodeId id = g_array_index (region->nodes, GonioNodeId, i);
      GonioPlanNode *entry = gonio_partition_node (work->partition, id);
      guint before = entry->backend;
      GonioClaim claim = entry->claim;
      g_autofree char *reason = g_steal_pointer (&entry->reason);
      entry->reason = g_strdup_printf ("%s%s%s: an island of %u nodes costs more than it saves",
                                       reason ? reason : "", reason ? "; " : "",
                                       work->backends[before].def->name, region->nodes->len);
      if (assign (work, id, before + 1)) {
        changed = TRUE;
        continue;
      }
      entry->backend = before;
      entry->claim = claim;
      g_free (entry->reason);
      entry->reason = g_steal_pointer (&reason);
    }
  }
  return changed;
}

GonioPartition *
gonio_partition_new (const GonioGraph *graph, const GonioPlanBackend *backends, guint n_backends,
                     const GonioPartitionOptions *options, GError **error)
{
  g_return_val_if_fail (n_backends > 0, NULL);
  g_autoptr (GonioPartition) partition = g_new0 (GonioPartition, 1);
  partition->nodes = g_array_new (FALSE, TRUE, sizeof (GonioPlanNode));
  g_array_set_clear_func (partition->nodes, (GDestroyNotify)clear_plan_node);
  g_array_set_size (partition->nodes, gonio_graph_n_nodes (graph));
  for (guint i = 0; i < partition->nodes->len; i++)
    gonio_partition_node (partition, i)->region = GONIO_REGION_NONE;
  partition->regions = g_ptr_array_new_with_free_func (free_region);

  Work work = {graph, backends, n_backends, options, NULL, 0, partition};
  work.order = gonio_graph_order (graph, &work.n_order);
  if (!claim_all (&work, error))
    return NULL;
  group (&work);
  gonio_partition_set_borders (partition, graph);
  /* Dropping an island can isolate its neighbours; every round moves nodes towards the host. */
  gboolean keep = options->strict || options->keep_islands;
  for (guint round = 0; !keep && round < n_backends && drop_islands (&work); round++) {
    group (&work);
    gonio_partition_set_borders (partition, graph);
  }
  return g_steal_pointer (&partition);
}
