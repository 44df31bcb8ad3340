/* The mutator: every change of a graph. Depends on graph-private.h. */
#include "core/graph/edit.h"

#include "core/base/text-hash.h"
#include "core/graph/graph-private.h"

#include <string.h>

/* ---- use lists ---- */

static void
add_use (GonioGraph *graph, GonioValueId value, GonioNodeId node)
{
  if (value != GONIO_VALUE_NONE)
    g_array_append_val (gonio_graph_slot (graph, value)->users, node);
}

static void
drop_use (GonioGraph *graph, GonioValueId value, GonioNodeId node)
{
  if (value == GONIO_VALUE_NONE)
    return;
  GArray *users = gonio_graph_slot (graph, value)->users;
  /* From the end: nodes are mostly removed last to first. */
  for (guint i = users->len; i-- > 0;) {
    if (g_array_index (users, GonioNodeId, i) == node) {
      g_array_remove_index (users, i);
      return;
    }
  }
}

static void
use_captures (GonioGraph *graph, const GonioAttr *attr, GonioNodeId node,
              void (*change) (GonioGraph *, GonioValueId, GonioNodeId))
{
  if (attr->type != GONIO_ATTR_GRAPH)
    return;
  const GArray *captures = attr->graph->captures;
  for (guint i = 0; i < captures->len; i++)
    change (graph, g_array_index (captures, GonioCapture, i).outer, node);
}

/* ---- values ---- */

char *
gonio_graph_unique_name (GonioGraph *graph, const char *hint)
{
  if (hint && *hint && !g_hash_table_contains (graph->by_name, hint))
    return g_strdup (hint);
  for (;;) {
    g_autofree char *name =
        g_strdup_printf ("%s_%u", hint && *hint ? hint : "value", graph->next_name++);
    if (!g_hash_table_contains (graph->by_name, name))
      return g_steal_pointer (&name);
  }
}

GonioValueId
gonio_graph_add_value (GonioGraph *graph, const char *name, GonioDType dtype,
                       const GonioSymShape *shape)
{
  GonioValueSlot *slot = g_new0 (GonioValueSlot, 1);
  GonioValueId id = graph->values->len;

  slot->name = gonio_graph_unique_name (graph, name);
  slot->pub.name = slot->name;
  slot->pub.dtype = dtype;
  if (shape)
    slot->pub.shape = *shape;
  slot->pub.producer = GONIO_NODE_NONE;
  slot->users = g_array_new (FALSE, FALSE, sizeof (GonioNodeId));
  g_ptr_array_add (graph->values, slot);
  g_hash_table_insert (graph->by_name, slot->name, GUINT_TO_POINTER (id + 1));
  return id;
}

GonioValueId
gonio_graph_add_constant (GonioGraph *graph, const char *name, GonioTensor *tensor)
{
  GonioSymShape shape = gonio_sym_shape_from_shape (gonio_tensor_shape (tensor));
  GonioValueId id = gonio_graph_add_value (graph, name, gonio_tensor_dtype (tensor), &shape);
  gonio_graph_slot (graph, id)->pub.constant = gonio_tensor_ref (tensor);
  return id;
}

GonioValueId
gonio_graph_add_input (GonioGraph *graph, const char *name, GonioDType dtype,
                       const GonioSymShape *shape)
{
  GonioValueId id = gonio_graph_add_value (graph, name, dtype, shape);
  g_array_append_val (graph->inputs, id);
  return id;
}

void
gonio_graph_add_output (GonioGraph *graph, GonioValueId value)
{
  g_return_if_fail (gonio_graph_slot (graph, value) != NULL);
  g_array_append_val (graph->outputs, value);
  gonio_graph_slot (graph, value)->n_outputs++;
}

void
gonio_graph_set_output (GonioGraph *graph, guint index, GonioValueId value)
{
  g_return_if_fail (index < graph->outputs->len && gonio_graph_slot (graph, value) != NULL);
  GonioValueId *output = &g_array_index (graph->outputs, GonioValueId, index);
  gonio_graph_slot (graph, *output)->n_outputs--;
  gonio_graph_slot (graph, value)->n_outputs++;
  *output = value;
}

void
gonio_graph_add_capture (GonioGraph *graph, GonioValueId outer, GonioValueId inner)
{
  GonioCapture capture = {.outer = outer, .inner = inner};
  g_return_if_fail (gonio_graph_slot (graph, inner) != NULL);
  g_array_append_val (graph->captures, capture);
  if (graph->parent) {
    add_use (graph->parent, outer, graph->parent_node);
    gonio_graph_stale (graph->parent);
  }
}

void
gonio_graph_set_capture (GonioGraph *graph, guint i, GonioValueId outer)
{
  g_return_if_fail (!graph->parent && i < graph->captures->len);
  g_array_index (graph->captures, GonioCapture, i).outer = outer;
}

void
gonio_graph_set_dtype (GonioGraph *graph, GonioValueId id, GonioDType dtype)
{
  gonio_graph_slot (graph, id)->pub.dtype = dtype;
}

void
gonio_graph_set_kind (GonioGraph *graph, GonioValueId id, GonioKind kind)
{
  gonio_graph_slot (graph, id)->pub.kind = kind;
}

void
gonio_graph_set_shape (GonioGraph *graph, GonioValueId id, const GonioSymShape *shape)
{
  gonio_graph_slot (graph, id)->pub.shape = *shape;
}

void
gonio_graph_set_layout (GonioGraph *graph, GonioValueId id, GonioLayout layout)
{
  gonio_graph_slot (graph, id)->pub.layout = layout;
}

void
gonio_graph_set_partial (GonioGraph *graph, GonioValueId id, const GonioDim *dims, guint n)
{
  GonioValue *value = &gonio_graph_slot (graph, id)->pub;
  GonioDim *copy = NULL;

  if (dims && graph->n_known - value->n_partial + n <= GONIO_MAX_KNOWN_TOTAL) {
    copy = g_new0 (GonioDim, MAX (n, 1)); /* no elements, but known to be none */
    memcpy (copy, dims, n * sizeof *copy);
  }
  graph->n_known -= value->n_partial;
  g_free (value->partial);
  value->partial = copy;
  value->n_partial = copy ? n : 0;
  graph->n_known += value->n_partial;
}

/* The producer forgets one of its outputs; the place stays, as an omitted output. */
static void
drop_producer (GonioGraph *graph, GonioValueId id)
{
  GonioValue *value = &gonio_graph_slot (graph, id)->pub;
  if (value->producer == GONIO_NODE_NONE)
    return;
  GonioNode *node = gonio_graph_node_slot (graph, value->producer);
  for (guint i = 0; node && i < node->n_outputs; i++) {
    if (node->outputs[i] == id)
      node->outputs[i] = GONIO_VALUE_NONE;
  }
  value->producer = GONIO_NODE_NONE;
  gonio_graph_stale (graph);
}

void
gonio_graph_set_constant (GonioGraph *graph, GonioValueId id, GonioTensor *tensor)
{
  GonioValue *value = &gonio_graph_slot (graph, id)->pub;
  GonioTensor *old = value->constant;

  drop_producer (graph, id);
  value->constant = tensor ? gonio_tensor_ref (tensor) : NULL;
  g_clear_pointer (&old, gonio_tensor_unref);
  gonio_graph_set_partial (graph, id, NULL, 0);
  if (tensor) {
    value->dtype = gonio_tensor_dtype (tensor);
    value->shape = gonio_sym_shape_from_shape (gonio_tensor_shape (tensor));
  }
}

/* ---- nodes ---- */

static void
take_outputs (GonioGraph *graph, GonioNodeId id, const GonioValueId *outputs, guint n)
{
  for (guint i = 0; i < n; i++) {
    if (outputs[i] == GONIO_VALUE_NONE)
      continue;
    GonioValue *value = &gonio_graph_slot (graph, outputs[i])->pub;
    g_return_if_fail (value->producer == GONIO_NODE_NONE || value->producer == id);
    value->producer = id;
  }
}

GonioNodeId
gonio_graph_add_node (GonioGraph *graph, guint op, const char *name, const GonioValueId *inputs,
                      guint n_inputs, const GonioValueId *outputs, guint n_outputs)
{
  GonioNode *node = g_new0 (GonioNode, 1);
  GonioNodeId id = graph->nodes->len;

  node->op = op;
  node->name = name && *name ? g_strdup (name) : g_strdup_printf ("node_%u", id);
  node->inputs = g_memdup2 (inputs, n_inputs * sizeof *inputs);
  node->n_inputs = n_inputs;
  node->outputs = g_memdup2 (outputs, n_outputs * sizeof *outputs);
  node->n_outputs = n_outputs;
  g_ptr_array_add (graph->nodes, node);
  for (guint i = 0; i < n_inputs; i++)
    add_use (graph, inputs[i], id);
  take_outputs (graph, id, outputs, n_outputs);
  gonio_graph_stale (graph);
  return id;
}

void
gonio_graph_remove_node (GonioGraph *graph, GonioNodeId id)
{
  GonioNode *node = gonio_graph_node_slot (graph, id);

  if (!node)
    return;
  for (guint i = 0; i < node->n_inputs; i++)
    drop_use (graph, node->inputs[i], id);
  for (guint i = 0; i < node->n_attrs; i++)
    use_captures (graph, &node->attrs[i], id, drop_use);
  for (guint i = 0; i < node->n_outputs; i++) {
    if (node->outputs[i] != GONIO_VALUE_NONE)
      gonio_graph_slot (graph, node->outputs[i])->pub.producer = GONIO_NODE_NONE;
  }
  graph->nodes->pdata[id] = NULL;
  gonio_node_free (node);
  gonio_graph_stale (graph);
}

void
gonio_graph_set_op (GonioGraph *graph, GonioNodeId node, guint op)
{
  gonio_graph_node_slot (graph, node)->op = op;
}

void
gonio_graph_set_input (GonioGraph *graph, GonioNodeId id, guint index, GonioValueId value)
{
  GonioNode *node = gonio_graph_node_slot (graph, id);
  g_return_if_fail (node && index < node->n_inputs);
  add_use (graph, value, id);
  drop_use (graph, node->inputs[index], id);
  node->inputs[index] = value;
  gonio_graph_stale (graph);
}

void
gonio_graph_set_inputs (GonioGraph *graph, GonioNodeId id, const GonioValueId *inputs,
                        guint n_inputs)
{
  GonioNode *node = gonio_graph_node_slot (graph, id);
  GonioValueId *old = node->inputs;
  guint n_old = node->n_inputs;

  node->inputs = g_memdup2 (inputs, n_inputs * sizeof *inputs);
  node->n_inputs = n_inputs;
  for (guint i = 0; i < n_inputs; i++)
    add_use (graph, node->inputs[i], id);
  for (guint i = 0; i < n_old; i++)
    drop_use (graph, old[i], id);
  g_free (old);
  gonio_graph_stale (graph);
}

void
gonio_graph_set_outputs (GonioGraph *graph, GonioNodeId id, const GonioValueId *outputs,
                         guint n_outputs)
{
  GonioNode *node = gonio_graph_node_slot (graph, id);
  g_autofree GonioValueId *old = node->outputs;

  for (guint i = 0; i < node->n_outputs; i++) {
    if (old[i] != GONIO_VALUE_NONE)
      gonio_graph_slot (graph, old[i])->pub.producer = GONIO_NODE_NONE;
  }
  node->outputs = g_memdup2 (outputs, n_outputs * sizeof *outputs);
  node->n_outputs = n_outputs;
  take_outputs (graph, id, outputs, n_outputs);
  gonio_graph_stale (graph);
}

static void
replace_captured (GonioGraph *graph, GonioNode *node, GonioValueId old, GonioValueId replacement)
{
  for (guint a = 0; a < node->n_attrs; a++) {
    if (node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    GArray *captures = node->attrs[a].graph->captures;
    for (guint c = 0; c < captures->len; c++) {
      GonioCapture *capture = &g_array_index (captures, GonioCapture, c);
      if (capture->outer == old)
        capture->outer = replacement;
    }
  }
}

void
gonio_graph_replace_uses (GonioGraph *graph, GonioValueId old, GonioValueId replacement)
{
  GonioValueSlot *from = gonio_graph_slot (graph, old);
  GonioValueSlot *to = gonio_graph_slot (graph, replacement);

  if (old == replacement)
    return;
  for (guint u = 0; u < from->users->len; u++) {
    GonioNodeId id = g_array_index (from->users, GonioNodeId, u);
    GonioNode *node = gonio_graph_node_slot (graph, id);
    /* One entry per use, mostly next to each other: a node is gone through once. */
    if (u == 0 || g_array_index (from->users, GonioNodeId, u - 1) != id) {
      for (guint i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == old)
          node->inputs[i] = replacement;
      }
      replace_captured (graph, node, old, replacement);
    }
    g_array_append_val (to->users, id);
  }
  g_array_set_size (from->users, 0);
  for (guint i = 0; from->n_outputs > 0 && i < graph->outputs->len; i++) {
    if (g_array_index (graph->outputs, GonioValueId, i) == old)
      gonio_graph_set_output (graph, i, replacement);
  }
  gonio_graph_stale (graph);
}

/* ---- attributes ---- */

/* The place for an attribute of this name, empty: an old one is released first. */
static GonioAttr *
attr_slot (GonioGraph *graph, GonioNodeId id, const char *name, GonioAttrType type)
{
  GonioNode *node = gonio_graph_node_slot (graph, id);
  GonioAttr *attr = (GonioAttr *)gonio_node_attr (node, name);

  if (attr) {
    use_captures (graph, attr, id, drop_use);
    gonio_attr_clear (attr);
  } else {
    node->attrs = g_renew (GonioAttr, node->attrs, node->n_attrs + 1);
    attr = &node->attrs[node->n_attrs++];
  }
  memset (attr, 0, sizeof *attr);
  attr->name = gonio_intern (name);
  attr->type = type;
  return attr;
}

void
gonio_graph_set_attr_int (GonioGraph *graph, GonioNodeId node, const char *name, int64_t v)
{
  attr_slot (graph, node, name, GONIO_ATTR_INT)->i = v;
}

void
gonio_graph_set_attr_float (GonioGraph *graph, GonioNodeId node, const char *name, float v)
{
  attr_slot (graph, node, name, GONIO_ATTR_FLOAT)->f = v;
}

void
gonio_graph_set_attr_string (GonioGraph *graph, GonioNodeId node, const char *name, const char *v)
{
  g_autofree char *copy = g_strdup (v); /* v may be the old text */
  attr_slot (graph, node, name, GONIO_ATTR_STRING)->s = g_steal_pointer (&copy);
}

void
gonio_graph_set_attr_ints (GonioGraph *graph, GonioNodeId node, const char *name, const int64_t *v,
                           guint n)
{
  g_autofree int64_t *copy = g_memdup2 (v, n * sizeof *v);
  GonioAttr *attr = attr_slot (graph, node, name, GONIO_ATTR_INTS);
  attr->ints = g_steal_pointer (&copy);
  attr->count = n;
}

void
gonio_graph_set_attr_floats (GonioGraph *graph, GonioNodeId node, const char *name, const float *v,
                             guint n)
{
  g_autofree float *copy = g_memdup2 (v, n * sizeof *v);
  GonioAttr *attr = attr_slot (graph, node, name, GONIO_ATTR_FLOATS);
  attr->floats = g_steal_pointer (&copy);
  attr->count = n;
}

void
gonio_graph_set_attr_strings (GonioGraph *graph, GonioNodeId node, const char *name,
                              const char *const *v, guint n)
{
  char **copy = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    copy[i] = g_strdup (v[i]);
  GonioAttr *attr = attr_slot (graph, node, name, GONIO_ATTR_STRINGS);
  attr->strings = copy;
  attr->count = n;
}

void
gonio_graph_set_attr_tensor (GonioGraph *graph, GonioNodeId node, const char *name, GonioTensor *v)
{
  gonio_tensor_ref (v);
  attr_slot (graph, node, name, GONIO_ATTR_TENSOR)->tensor = v;
}

void
gonio_graph_set_attr_graph (GonioGraph *graph, GonioNodeId node, const char *name, GonioGraph *v)
{
  GonioAttr *attr = attr_slot (graph, node, name, GONIO_ATTR_GRAPH);
  attr->graph = v;
  v->parent = graph;
  v->parent_node = node;
  use_captures (graph, attr, node, add_use);
  gonio_graph_stale (graph);
}

void
gonio_graph_remove_attr (GonioGraph *graph, GonioNodeId id, const char *name)
{
  GonioNode *node = gonio_graph_node_slot (graph, id);
  GonioAttr *attr = (GonioAttr *)gonio_node_attr (node, name);

  if (!attr)
    return;
  use_captures (graph, attr, id, drop_use);
  gonio_attr_clear (attr);
  size_t index = (size_t)(attr - node->attrs);
  memmove (attr, attr + 1, (node->n_attrs - index - 1) * sizeof *attr);
  node->n_attrs--;
  gonio_graph_stale (graph);
}

/* ---- dead code ---- */

static gboolean
node_is_read (const GonioGraph *graph, const GonioNode *node)
{
  for (guint i = 0; i < node->n_outputs; i++) {
    if (node->outputs[i] == GONIO_VALUE_NONE)
      continue;
    const GonioValueSlot *slot = gonio_graph_slot (graph, node->outputs[i]);
    if (slot->n_outputs > 0 || slot->users->len > 0)
      return TRUE;
  }
  return FALSE;
}

static void
drop_value (GonioGraph *graph, GonioValueSlot *slot)
{
  g_hash_table_remove (graph->by_name, slot->name);
  g_clear_pointer (&slot->pub.constant, gonio_tensor_unref);
  g_clear_pointer (&slot->pub.partial, g_free);
  graph->n_known -= slot->pub.n_partial;
  slot->pub.n_partial = 0;
  slot->pub.dtype = GONIO_DTYPE_NONE;
  slot->pub.shape = (GonioSymShape){0};
  slot->dead = TRUE;
}

/* Captures whose inner value nothing reads keep outer values alive for nothing. */
static guint
trim_subgraphs (GonioGraph *graph, GonioNodeId id, const GonioNode *node,
                gboolean (*keep) (const GonioGraph *graph, GonioNodeId node))
{
  guint removed = 0;

  for (guint a = 0; a < node->n_attrs; a++) {
    if (node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    GonioGraph *sub = node->attrs[a].graph;
    removed += gonio_graph_remove_dead (sub, keep);
    for (guint c = sub->captures->len; c-- > 0;) {
      GonioCapture capture = g_array_index (sub->captures, GonioCapture, c);
      if (gonio_graph_slot (sub, capture.inner)->users->len > 0 ||
          gonio_graph_is_output (sub, capture.inner))
        continue;
      drop_use (graph, capture.outer, id);
      g_array_remove_index (sub->captures, c);
      drop_value (sub, gonio_graph_slot (sub, capture.inner));
    }
  }
  return removed;
}

static void
drop_unread_values (GonioGraph *graph)
{
  g_autofree guint8 *pinned = g_new0 (guint8, graph->values->len + 1);

  for (guint i = 0; i < graph->inputs->len; i++)
    pinned[g_array_index (graph->inputs, GonioValueId, i)] = TRUE;
  for (guint i = 0; i < graph->captures->len; i++)
    pinned[g_array_index (graph->captures, GonioCapture, i).inner] = TRUE;
  for (guint i = 0; i < graph->values->len; i++) {
    GonioValueSlot *slot = g_ptr_array_index (graph->values, i);
    if (!slot->dead && !pinned[i] && slot->n_outputs == 0 && slot->users->len == 0 &&
        slot->pub.producer == GONIO_NODE_NONE)
      drop_value (graph, slot);
  }
}

guint
gonio_graph_remove_dead (GonioGraph *graph,
                         gboolean (*keep) (const GonioGraph *graph, GonioNodeId node))
{
  guint n = 0, removed = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  g_autofree GonioNodeId *nodes = g_memdup2 (order, n * sizeof *order);

  /* Last to first: when a node is looked at, its dead readers are gone already. */
  for (guint i = n; i-- > 0;) {
    GonioNode *node = gonio_graph_node_slot (graph, nodes[i]);
    if (!node_is_read (graph, node) && !(keep && keep (graph, nodes[i]))) {
      gonio_graph_remove_node (graph, nodes[i]);
      removed++;
    } else {
      removed += trim_subgraphs (graph, nodes[i], node, keep);
    }
  }
  drop_unread_values (graph);
  return removed;
}
