/* Results that are computed right where a Concat needs them. What goes where is decided before
 * anything is lowered: the last Concat takes what it can, those before it find their parts lying
 * there already. */
#include "backends/cpu/compiled.h"

#include <string.h>

typedef struct {
  GonioValueId host; /* whose memory it is */
  GonioCpuView view; /* of that memory; slot not set */
} Place;

typedef struct {
  GonioCpuLower lower;
  GHashTable *nodes, *outputs; /* sets of ids: of the region, and what is read outside */
} Placing;

static const Place *
find_place (const GonioCompiled *compiled, GonioValueId id)
{
  return g_hash_table_lookup (compiled->placed, GUINT_TO_POINTER (id));
}

gboolean
gonio_cpu_is_placed (const GonioCpuLower *lower, guint out)
{
  return find_place (lower->compiled, lower->node.node->outputs[out]) != NULL;
}

GonioCpuView
gonio_cpu_target (GonioCpuLower *lower, guint out)
{
  GonioCompiled *compiled = lower->compiled;
  GonioValueId id = lower->node.node->outputs[out];
  const Place *place = find_place (compiled, id);
  GonioCpuView view = {.offset = 0};
  if (place) {
    view = place->view;
    view.slot = gonio_cpu_slot_touch (compiled, gonio_cpu_slot_of_value (compiled, place->host));
    gonio_cpu_note_view (compiled, id, &view);
  } else {
    view.slot = gonio_cpu_slot_out (lower, out);
    gonio_cpu_strides (gonio_graph_value (compiled->graph, id), view.strides);
  }
  return view;
}

gboolean
gonio_cpu_writes_any (const GonioCpuLower *lower, guint out, const GonioCpuView *view)
{
  return TRUE;
}

gboolean
gonio_cpu_writes_pixels (const GonioCpuLower *lower, guint out, const GonioCpuView *view)
{
  return gonio_cpu_in_pixels (gonio_cpu_out (&lower->node, out), view);
}

gboolean
gonio_cpu_in_pixels (const GonioValue *value, const GonioCpuView *view)
{
  GonioShape shape = gonio_cpu_shape (value);
  if (value->layout != GONIO_LAYOUT_NHWC || shape.rank < 3 ||
      (shape.dims[1] != 1 && view->strides[1] != 1))
    return FALSE;
  int64_t next = 0; /* where the next larger axis must step; 0: not known yet */
  for (int i = shape.rank; i >= 2; i--) {
    int axis = i == 2 ? 0 : i - 1;
    if (shape.dims[axis] == 1)
      continue;
    if (view->strides[axis] <= 0 || (next != 0 && view->strides[axis] != next))
      return FALSE;
    next = view->strides[axis] * shape.dims[axis];
  }
  return TRUE;
}

int64_t
gonio_cpu_pixel (const GonioValue *value, const GonioCpuView *view)
{
  GonioShape shape = gonio_cpu_shape (value);
  for (int axis = shape.rank - 1; axis >= 2; axis--)
    if (shape.dims[axis] != 1)
      return view->strides[axis];
  return shape.dims[0] != 1 ? view->strides[0] : shape.dims[1];
}

/* ---- who goes where ---- */

static gboolean
contains (GHashTable *set, guint id)
{
  return g_hash_table_contains (set, GUINT_TO_POINTER (id));
}

/* Can the value be computed at that place? */
static gboolean
may_place (const Placing *placing, GonioValueId id, const GonioValue *host, const Place *place)
{
  const GonioCompiled *compiled = placing->lower.compiled;
  const GonioValue *value = gonio_graph_value (compiled->graph, id);
  if (value->constant || value->producer == GONIO_NODE_NONE ||
      !contains (placing->nodes, value->producer) || contains (placing->outputs, id) ||
      find_place (compiled, id) || gonio_cpu_count (value) == 0 || value->layout != host->layout)
    return FALSE;
  GonioCpuLower lower = placing->lower;
  lower.node = (GonioCpuNode){compiled->graph, value->producer,
                              gonio_graph_node (compiled->graph, value->producer)};
  const GonioCpuOp *op = gonio_cpu_op (lower.node.node->op);
  guint out = 0;
  while (lower.node.node->outputs[out] != id)
    out++;
  return op && op->writes_view && op->writes_view (&lower, out, &place->view);
}

/* Inputs first..first+n-1 of the Concat are all parts of one Split along its axis, in order: the
 * value that is split. GONIO_VALUE_NONE when they are not. */
static GonioValueId
find_split (const Placing *placing, const GonioNode *concat, guint first, int axis, guint *out_n)
{
  const GonioGraph *graph = placing->lower.compiled->graph;
  const GonioValue *value = gonio_graph_value (graph, concat->inputs[first]);
  if (value->constant || value->producer == GONIO_NODE_NONE ||
      !contains (placing->nodes, value->producer))
    return GONIO_VALUE_NONE;
  const GonioNode *split = gonio_graph_node (graph, value->producer);
  guint n = split->n_outputs;
  if (split->op != GONIO_OP_SPLIT || first + n > concat->n_inputs ||
      memcmp (split->outputs, concat->inputs + first, n * sizeof *split->outputs) != 0 ||
      gonio_cpu_normal_axis (gonio_node_attr_int (split, "axis", 0), value->shape.rank) != axis)
    return GONIO_VALUE_NONE;
  *out_n = n;
  return split->inputs[0];
}

static void
place_parts (Placing *placing, const GonioNode *concat)
{
  GonioCompiled *compiled = placing->lower.compiled;
  const GonioGraph *graph = compiled->graph;
  GonioValueId id = concat->outputs[0];
  const GonioValue *host = gonio_graph_value (graph, id);
  const Place *own = find_place (compiled, id);
  Place place = {.host = id};
  gonio_cpu_strides (host, place.view.strides);
  if (own)
    place = *own;
  int axis = gonio_cpu_normal_axis (gonio_node_attr_int (concat, "axis", 0), host->shape.rank);
  for (guint i = 0, n = 1; i < concat->n_inputs; i += n) {
    GonioValueId part = find_split (placing, concat, i, axis, &n);
    if (part == GONIO_VALUE_NONE) {
      part = concat->inputs[i];
      n = 1;
    }
    if (may_place (placing, part, host, &place))
      g_hash_table_insert (compiled->placed, GUINT_TO_POINTER (part),
                           g_memdup2 (&place, sizeof place));
    place.view.offset +=
        gonio_cpu_shape (gonio_graph_value (graph, part)).dims[axis] * place.view.strides[axis];
  }
}

void
gonio_cpu_place (const GonioCpuLower *lower, const GonioRegion *region)
{
  Placing placing = {*lower, g_hash_table_new (NULL, NULL), g_hash_table_new (NULL, NULL)};
  for (guint i = 0; i < region->n_nodes; i++)
    g_hash_table_add (placing.nodes, GUINT_TO_POINTER (region->nodes[i]));
  for (guint i = 0; i < region->n_outputs; i++)
    g_hash_table_add (placing.outputs, GUINT_TO_POINTER (region->outputs[i]));
  for (guint i = region->n_nodes; i-- > 0;) {
    const GonioNode *node = gonio_graph_node (region->graph, region->nodes[i]);
    if (node->op == GONIO_OP_CONCAT &&
        gonio_cpu_count (gonio_graph_value (region->graph, node->outputs[0])) > 0)
      place_parts (&placing, node);
  }
  g_hash_table_unref (placing.nodes);
  g_hash_table_unref (placing.outputs);
}
