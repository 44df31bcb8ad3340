/* Choosing NHWC or plain for each node of a region. Depends on partition, graph, ops.
 *
 * Nodes that can only work one way are fixed. The others start as their backend prefers and
 * are flipped, singly and as connected groups, while that lowers the bytes to convert. A
 * conversion is made where a decision ends, so no two of them ever follow each other.
 */
#include "core/plan/layout.h"

#include "core/ops/op.h"

#include <string.h>

#define MAX_ROUNDS 8
/* Rounds of group flips look at every edge for every group; larger regions go without. */
#define MAX_GROUPED_NODES 20000

typedef struct {
  GonioGraph *graph;
  GonioPartition *partition;
  guint region_index;
  const GonioPlanRegion *region;
} Work;

static gboolean
is_image (const GonioGraph *graph, GonioValueId id)
{
  const GonioValue *value = gonio_graph_value (graph, id);
  return value->kind == GONIO_KIND_TENSOR && value->constant == NULL && value->shape.has_rank &&
         value->shape.rank >= 3 && value->shape.rank <= 5;
}

/* Bytes a conversion moves; nothing when both forms are the same bytes. */
static double
conversion_bytes (const GonioGraph *graph, GonioValueId id)
{
  const GonioValue *value = gonio_graph_value (graph, id);
  GonioShape shape;
  size_t size;
  if (!gonio_sym_shape_known (&value->shape, &shape) ||
      !gonio_tensor_bytes (value->dtype, &shape, &size))
    return 1e6; /* unknown, so nothing to be had for free */
  int64_t space = 1;
  for (int i = 2; i < shape.rank; i++)
    space = shape.dims[i] == 1 ? space : 2;
  return shape.dims[1] == 1 || space == 1 ? 1 : (double)size;
}

static GonioPlanNode *
entry_of (const Work *work, GonioNodeId id)
{
  return gonio_partition_node (work->partition, id);
}

static gboolean
is_inside (const Work *work, GonioNodeId id)
{
  return id != GONIO_NODE_NONE && entry_of (work, id)->region == work->region_index;
}

static gboolean
is_flexible (const GonioPlanNode *entry)
{
  return (entry->claim.layouts & GONIO_CLAIM_PLAIN) && (entry->claim.layouts & GONIO_CLAIM_NHWC);
}

/* Does node want its input i in NHWC? */
static gboolean
wants_nhwc (const Work *work, GonioNodeId id, guint i)
{
  const GonioPlanNode *entry = entry_of (work, id);
  return entry->is_nhwc && i < 32 && (entry->claim.nhwc_inputs >> i & 1);
}

typedef struct {
  gboolean produced_nhwc, needs_nhwc, needs_plain;
} Demand;

static Demand
demand_of (const Work *work, GonioValueId id)
{
  Demand demand = {0};
  const GonioValue *value = gonio_graph_value (work->graph, id);
  gboolean made_here = is_inside (work, value->producer);
  demand.produced_nhwc = made_here && entry_of (work, value->producer)->is_nhwc;
  demand.needs_plain = gonio_graph_is_output (work->graph, id);
  guint n;
  const GonioNodeId *users = gonio_graph_users (work->graph, id, &n);
  for (guint u = 0; u < n; u++) {
    if (!is_inside (work, users[u])) {
      demand.needs_plain = TRUE;
      continue;
    }
    const GonioNode *node = gonio_graph_node (work->graph, users[u]);
    gboolean direct = FALSE;
    for (guint i = 0; i < node->n_inputs; i++) {
      if (node->inputs[i] != id)
        continue;
      direct = TRUE;
      if (wants_nhwc (work, users[u], i))
        demand.needs_nhwc = TRUE;
      else
        demand.needs_plain = TRUE;
    }
    demand.needs_plain |= !direct; /* read by a subgraph */
  }
  return demand;
}

static double
value_cost (const Work *work, GonioValueId id)
{
  if (!is_image (work->graph, id))
    return 0;
  Demand demand = demand_of (work, id);
  gboolean convert = demand.produced_nhwc ? demand.needs_plain : demand.needs_nhwc;
  return convert ? conversion_bytes (work->graph, id) : 0;
}

/* Cost of every value the node touches. */
static double
node_cost (const Work *work, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (work->graph, id);
  double cost = 0;
  for (guint i = 0; i < node->n_inputs; i++)
    if (node->inputs[i] != GONIO_VALUE_NONE)
      cost += value_cost (work, node->inputs[i]);
  for (guint o = 0; o < node->n_outputs; o++)
    if (node->outputs[o] != GONIO_VALUE_NONE)
      cost += value_cost (work, node->outputs[o]);
  return cost;
}

static gboolean
flip_single_nodes (const Work *work)
{
  gboolean changed = FALSE;
  for (guint i = 0; i < work->region->nodes->len; i++) {
    GonioNodeId id = g_array_index (work->region->nodes, GonioNodeId, i);
    GonioPlanNode *entry = entry_of (work, id);
    if (!is_flexible (entry))
      continue;
    double before = node_cost (work, id);
    entry->is_nhwc = !entry->is_nhwc;
    if (node_cost (work, id) < before)
      changed = TRUE;
    else
      entry->is_nhwc = !entry->is_nhwc;
  }
  return changed;
}

static void
push_if_grouped (const Work *work, GonioNodeId id, gboolean is_nhwc, guint8 *seen, GArray *group)
{
  if (!is_inside (work, id) || seen[id] || !is_flexible (entry_of (work, id)) ||
      entry_of (work, id)->is_nhwc != is_nhwc)
    return;
  seen[id] = TRUE;
  g_array_append_val (group, id);
}

/* Flexible nodes of the same form connected with start through image values. */
static GArray *
collect_group (const Work *work, GonioNodeId start, guint8 *seen)
{
  GArray *group = g_array_new (FALSE, FALSE, sizeof (GonioNodeId));
  gboolean is_nhwc = entry_of (work, start)->is_nhwc;
  push_if_grouped (work, start, is_nhwc, seen, group);
  for (guint at = 0; at < group->len; at++) {
    const GonioNode *node = gonio_graph_node (work->graph, g_array_index (group, GonioNodeId, at));
    for (guint i = 0; i < node->n_inputs + node->n_outputs; i++) {
      GonioValueId v = i < node->n_inputs ? node->inputs[i] : node->outputs[i - node->n_inputs];
      if (v == GONIO_VALUE_NONE || !is_image (work->graph, v))
        continue;
      GonioNodeId producer = gonio_graph_value (work->graph, v)->producer;
      if (producer != GONIO_NODE_NONE)
        push_if_grouped (work, producer, is_nhwc, seen, group);
      guint n;
      const GonioNodeId *users = gonio_graph_users (work->graph, v, &n);
      for (guint u = 0; u < n; u++)
        push_if_grouped (work, users[u], is_nhwc, seen, group);
    }
  }
  return group;
}

/* Each touched value once, or shared ones would weigh twice. */
static double
group_cost (const Work *work, const GArray *group)
{
  g_autoptr (GHashTable) values = g_hash_table_new (NULL, NULL);
  double cost = 0;
  for (guint at = 0; at < group->len; at++) {
    const GonioNode *node = gonio_graph_node (work->graph, g_array_index (group, GonioNodeId, at));
    for (guint i = 0; i < node->n_inputs + node->n_outputs; i++) {
      GonioValueId v = i < node->n_inputs ? node->inputs[i] : node->outputs[i - node->n_inputs];
      if (v != GONIO_VALUE_NONE && g_hash_table_add (values, GUINT_TO_POINTER (v)))
        cost += value_cost (work, v);
    }
  }
  return cost;
}

static void
flip_group (const Work *work, const GArray *group)
{
  for (guint i = 0; i < group->len; i++) {
    GonioPlanNode *entry = entry_of (work, g_array_index (group, GonioNodeId, i));
    entry->is_nhwc = !entry->is_nhwc;
  }
}

static gboolean
flip_groups (const Work *work)
{
  gboolean changed = FALSE;
  g_autofree guint8 *seen = g_new0 (guint8, MAX (gonio_graph_n_nodes (work->graph), 1));
  for (guint i = 0; i < work->region->nodes->len; i++) {
    GonioNodeId id = g_array_index (work->region->nodes, GonioNodeId, i);
    if (seen[id] || !is_flexible (entry_of (work, id)))
      continue;
    g_autoptr (GArray) group = collect_group (work, id, seen);
    double before = group_cost (work, group);
    flip_group (work, group);
    if (group_cost (work, group) < before)
      changed = TRUE;
    else
      flip_group (work, group);
  }
  return changed;
}

static void
decide (const Work *work)
{
  for (guint i = 0; i < work->region->nodes->len; i++) {
    GonioPlanNode *entry = entry_of (work, g_array_index (work->region->nodes, GonioNodeId, i));
    entry->is_nhwc = is_flexible (entry) ? (entry->claim.preferred & GONIO_CLAIM_NHWC) != 0
                                         : (entry->claim.layouts & GONIO_CLAIM_NHWC) != 0;
  }
  gboolean grouped = work->region->nodes->len <= MAX_GROUPED_NODES;
  for (guint round = 0; round < MAX_ROUNDS; round++) {
    gboolean changed = flip_single_nodes (work);
    if (grouped)
      changed |= flip_groups (work);
    if (!changed)
      break;
  }
}

/* ---- writing the decision into the graph ---- */

static GonioValueId
add_twin (GonioGraph *graph, GonioValueId id)
{
  const GonioValue *value = gonio_graph_value (graph, id);
  g_autofree char *name = g_strconcat (value->name, ":nhwc", NULL);
  GonioSymShape shape = value->shape;
  GonioValueId twin = gonio_graph_add_value (graph, name, value->dtype, &shape);
  gonio_graph_set_layout (graph, twin, GONIO_LAYOUT_NHWC);
  return twin;
}

static void
add_conversion (Work *work, GonioValueId from, GonioValueId to, const char *form)
{
  g_autofree char *name =
      g_strconcat (gonio_graph_value (work->graph, from)->name, ":to-", form, NULL);
  GonioNodeId node = gonio_graph_add_node (work->graph, GONIO_OP_LAYOUT, name, &from, 1, &to, 1);
  gonio_graph_set_attr_string (work->graph, node, "to", form);
  gonio_partition_add_node (work->partition, node, work->region_index, strcmp (form, "nhwc") == 0);
}

/* Nodes of the region that want id in NHWC read twin instead. users: copy, edits move it. */
static void
redirect (Work *work, const GArray *users, GonioValueId id, GonioValueId twin)
{
  for (guint u = 0; u < users->len; u++) {
    GonioNodeId user = g_array_index (users, GonioNodeId, u);
    if (!is_inside (work, user))
      continue;
    const GonioNode *node = gonio_graph_node (work->graph, user);
    for (guint i = 0; i < node->n_inputs; i++)
      if (node->inputs[i] == id && wants_nhwc (work, user, i))
        gonio_graph_set_input (work->graph, user, i, twin);
  }
}

static void
replace_output (GonioGraph *graph, GonioNodeId id, GonioValueId old, GonioValueId replacement)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  guint n = node->n_outputs;
  g_autofree GonioValueId *outputs = g_memdup2 (node->outputs, n * sizeof *node->outputs);
  for (guint o = 0; o < n; o++)
    if (outputs[o] == old)
      outputs[o] = replacement;
  gonio_graph_set_outputs (graph, id, outputs, n);
}

static void
apply_value (Work *work, GonioValueId id)
{
  if (!is_image (work->graph, id))
    return;
  Demand demand = demand_of (work, id);
  if (!demand.produced_nhwc && !demand.needs_nhwc)
    return;
  if (demand.produced_nhwc && !demand.needs_plain) {
    gonio_graph_set_layout (work->graph, id, GONIO_LAYOUT_NHWC);
    return;
  }
  guint n;
  const GonioNodeId *users = gonio_graph_users (work->graph, id, &n);
  g_autoptr (GArray) copy = g_array_new (FALSE, FALSE, sizeof (GonioNodeId));
  if (n > 0)
    g_array_append_vals (copy, users, n);

  GonioNodeId producer = gonio_graph_value (work->graph, id)->producer;
  GonioValueId twin = add_twin (work->graph, id);
  redirect (work, copy, id, twin);
  if (demand.produced_nhwc) {
    replace_output (work->graph, producer, id, twin);
    add_conversion (work, twin, id, "plain");
  } else {
    add_conversion (work, id, twin, "nhwc");
  }
}

static void
apply_region (Work *work)
{
  decide (work);
  /* Values first: editing changes what the nodes list. */
  g_autoptr (GArray) values = g_array_copy (work->region->inputs);
  for (guint i = 0; i < work->region->nodes->len; i++) {
    const GonioNode *node =
        gonio_graph_node (work->graph, g_array_index (work->region->nodes, GonioNodeId, i));
    for (guint o = 0; o < node->n_outputs; o++)
      if (node->outputs[o] != GONIO_VALUE_NONE)
        g_array_append_val (values, node->outputs[o]);
  }
  for (guint i = 0; i < values->len; i++)
    apply_value (work, g_array_index (values, GonioValueId, i));
}

void
gonio_layout_apply (GonioGraph *graph, GonioPartition *partition, const GonioPlanBackend *backends)
{
  for (guint r = 0; r < partition->regions->len; r++) {
    const GonioPlanRegion *region = gonio_partition_region (partition, r);
    if (!backends[region->backend].def->any_layout)
      continue;
    Work work = {graph, partition, r, region};
    apply_region (&work);
  }
  gonio_partition_set_borders (partition, graph);
}
