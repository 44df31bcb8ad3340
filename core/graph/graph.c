/* The graph: storage, reading, order, copy. Depends on tensor. */
#include "core/graph/graph-private.h"

#include "core/base/text-hash.h"
#include "core/graph/edit.h"

/* ---- symbolic shapes ---- */

GonioSymShape
gonio_sym_shape_from_shape (const GonioShape *shape)
{
  GonioSymShape sym = {.has_rank = TRUE, .rank = shape->rank};
  for (int i = 0; i < shape->rank; i++)
    sym.dims[i] = GONIO_DIM (shape->dims[i]);
  return sym;
}

gboolean
gonio_sym_shape_known (const GonioSymShape *sym, GonioShape *out_shape)
{
  GonioShape shape = {.rank = sym->rank};

  if (!sym->has_rank)
    return FALSE;
  for (int i = 0; i < sym->rank; i++) {
    if (sym->dims[i].value < 0)
      return FALSE;
    shape.dims[i] = sym->dims[i].value;
  }
  if (out_shape)
    *out_shape = shape;
  return TRUE;
}

gboolean
gonio_dim_equal (GonioDim a, GonioDim b)
{
  if (a.value >= 0 || b.value >= 0)
    return a.value >= 0 && a.value == b.value;
  return a.symbol != NULL && a.symbol == b.symbol && a.value == b.value;
}

gboolean
gonio_sym_shape_equal (const GonioSymShape *a, const GonioSymShape *b)
{
  if (!a->has_rank || !b->has_rank || a->rank != b->rank)
    return FALSE;
  for (int i = 0; i < a->rank; i++) {
    if (!gonio_dim_equal (a->dims[i], b->dims[i]))
      return FALSE;
  }
  return TRUE;
}

static void
append_dim (GString *text, GonioDim dim)
{
  if (dim.value >= 0)
    g_string_append_printf (text, "%" G_GINT64_FORMAT, dim.value);
  else
    g_string_append (text, dim.symbol ? dim.symbol : "?");
}

char *
gonio_sym_shape_to_string (const GonioSymShape *sym)
{
  if (!sym->has_rank)
    return g_strdup ("?");

  GString *text = g_string_new ("[");
  for (int i = 0; i < sym->rank; i++) {
    if (i > 0)
      g_string_append_c (text, ',');
    append_dim (text, sym->dims[i]);
  }
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

/* ---- attributes ---- */

void
gonio_attr_clear (GonioAttr *attr)
{
  switch (attr->type) {
  case GONIO_ATTR_STRING:
    g_free (attr->s);
    break;
  case GONIO_ATTR_TENSOR:
    gonio_tensor_unref (attr->tensor);
    break;
  case GONIO_ATTR_INTS:
    g_free (attr->ints);
    break;
  case GONIO_ATTR_FLOATS:
    g_free (attr->floats);
    break;
  case GONIO_ATTR_STRINGS:
    g_strfreev (attr->strings);
    break;
  case GONIO_ATTR_GRAPH:
    attr->graph->parent = NULL;
    gonio_graph_unref (attr->graph);
    break;
  case GONIO_ATTR_INT:
  case GONIO_ATTR_FLOAT:
    break;
  }
}

const GonioAttr *
gonio_node_attr (const GonioNode *node, const char *name)
{
  for (guint i = 0; i < node->n_attrs; i++) {
    if (g_str_equal (node->attrs[i].name, name))
      return &node->attrs[i];
  }
  return NULL;
}

static const GonioAttr *
attr_of_type (const GonioNode *node, const char *name, GonioAttrType type)
{
  const GonioAttr *attr = gonio_node_attr (node, name);
  return attr && attr->type == type ? attr : NULL;
}

int64_t
gonio_node_attr_int (const GonioNode *node, const char *name, int64_t fallback)
{
  const GonioAttr *attr = attr_of_type (node, name, GONIO_ATTR_INT);
  return attr ? attr->i : fallback;
}

float
gonio_node_attr_float (const GonioNode *node, const char *name, float fallback)
{
  const GonioAttr *attr = attr_of_type (node, name, GONIO_ATTR_FLOAT);
  return attr ? attr->f : fallback;
}

const char *
gonio_node_attr_string (const GonioNode *node, const char *name, const char *fallback)
{
  const GonioAttr *attr = attr_of_type (node, name, GONIO_ATTR_STRING);
  return attr ? attr->s : fallback;
}

const int64_t *
gonio_node_attr_ints (const GonioNode *node, const char *name, guint *out_count)
{
  const GonioAttr *attr = attr_of_type (node, name, GONIO_ATTR_INTS);
  *out_count = attr ? (guint)attr->count : 0;
  return attr ? attr->ints : NULL;
}

const float *
gonio_node_attr_floats (const GonioNode *node, const char *name, guint *out_count)
{
  const GonioAttr *attr = attr_of_type (node, name, GONIO_ATTR_FLOATS);
  *out_count = attr ? (guint)attr->count : 0;
  return attr ? attr->floats : NULL;
}

/* ---- life ---- */

static void
slot_free (gpointer data)
{
  GonioValueSlot *slot = data;
  g_free (slot->name);
  g_free (slot->pub.partial);
  g_clear_pointer (&slot->pub.constant, gonio_tensor_unref);
  g_array_unref (slot->users);
  g_free (slot);
}

void
gonio_node_free (GonioNode *node)
{
  if (!node)
    return;
  for (guint i = 0; i < node->n_attrs; i++)
    gonio_attr_clear (&node->attrs[i]);
  g_free (node->attrs);
  g_free (node->inputs);
  g_free (node->outputs);
  g_free ((char *)node->name);
  g_free (node);
}

GonioGraph *
gonio_graph_new (const char *name)
{
  GonioGraph *graph = g_new0 (GonioGraph, 1);
  g_atomic_ref_count_init (&graph->refs);
  graph->name = g_strdup (name ? name : "");
  graph->values = g_ptr_array_new_with_free_func (slot_free);
  graph->nodes = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_node_free);
  graph->by_name = g_hash_table_new (gonio_text_hash, g_str_equal);
  graph->inputs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  graph->outputs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  graph->captures = g_array_new (FALSE, FALSE, sizeof (GonioCapture));
  g_mutex_init (&graph->order_lock);
  return graph;
}

GonioGraph *
gonio_graph_ref (GonioGraph *graph)
{
  g_atomic_ref_count_inc (&graph->refs);
  return graph;
}

static void
info_free (GonioModelInfo *info)
{
  if (!info)
    return;
  g_free (info->opsets);
  g_free (info->producer);
  g_free (info->doc);
  g_clear_pointer (&info->metadata, g_hash_table_unref);
  g_free (info);
}

void
gonio_graph_unref (GonioGraph *graph)
{
  if (!graph || !g_atomic_ref_count_dec (&graph->refs))
    return;
  g_hash_table_unref (graph->by_name);
  g_ptr_array_unref (graph->nodes);
  g_ptr_array_unref (graph->values);
  g_array_unref (graph->inputs);
  g_array_unref (graph->outputs);
  g_array_unref (graph->captures);
  g_clear_pointer (&graph->order, g_array_unref);
  g_mutex_clear (&graph->order_lock);
  info_free (graph->info);
  g_free (graph->name);
  g_free (graph);
}

/* ---- reading ---- */

GonioValueSlot *
gonio_graph_slot (const GonioGraph *graph, GonioValueId id)
{
  g_return_val_if_fail (id < graph->values->len, NULL);
  return g_ptr_array_index (graph->values, id);
}

GonioNode *
gonio_graph_node_slot (const GonioGraph *graph, GonioNodeId id)
{
  g_return_val_if_fail (id < graph->nodes->len, NULL);
  return g_ptr_array_index (graph->nodes, id);
}

const char *
gonio_graph_name (const GonioGraph *graph)
{
  return graph->name;
}

guint
gonio_graph_n_values (const GonioGraph *graph)
{
  return graph->values->len;
}

guint
gonio_graph_n_nodes (const GonioGraph *graph)
{
  return graph->nodes->len;
}

const GonioValue *
gonio_graph_value (const GonioGraph *graph, GonioValueId id)
{
  GonioValueSlot *slot = gonio_graph_slot (graph, id);
  return slot ? &slot->pub : NULL;
}

const GonioNode *
gonio_graph_node (const GonioGraph *graph, GonioNodeId id)
{
  return gonio_graph_node_slot (graph, id);
}

GonioValueId
gonio_graph_find_value (const GonioGraph *graph, const char *name)
{
  guint found = GPOINTER_TO_UINT (g_hash_table_lookup (graph->by_name, name));
  return found ? found - 1 : GONIO_VALUE_NONE;
}

const GonioValueId *
gonio_graph_inputs (const GonioGraph *graph, guint *out_count)
{
  *out_count = graph->inputs->len;
  return (const GonioValueId *)graph->inputs->data;
}

const GonioValueId *
gonio_graph_outputs (const GonioGraph *graph, guint *out_count)
{
  *out_count = graph->outputs->len;
  return (const GonioValueId *)graph->outputs->data;
}

gboolean
gonio_graph_is_output (const GonioGraph *graph, GonioValueId id)
{
  GonioValueSlot *slot = gonio_graph_slot (graph, id);
  return slot && slot->n_outputs > 0;
}

const GonioNodeId *
gonio_graph_users (const GonioGraph *graph, GonioValueId id, guint *out_count)
{
  GonioValueSlot *slot = gonio_graph_slot (graph, id);
  *out_count = slot ? slot->users->len : 0;
  return slot ? (const GonioNodeId *)slot->users->data : NULL;
}

const GonioCapture *
gonio_graph_captures (const GonioGraph *graph, guint *out_count)
{
  *out_count = graph->captures->len;
  return (const GonioCapture *)graph->captures->data;
}

GonioModelInfo *
gonio_graph_info (GonioGraph *graph)
{
  if (!graph->info && !graph->parent) {
    graph->info = g_new0 (GonioModelInfo, 1);
    graph->info->metadata = g_hash_table_new_full (gonio_text_hash, g_str_equal, g_free, g_free);
  }
  return graph->info;
}

/* ---- order ---- */

void
gonio_graph_stale (GonioGraph *graph)
{
  g_clear_pointer (&graph->order, g_array_unref);
}

/* Values a node needs before it can run: its inputs and what its subgraphs capture. */
static void
collect_needs (const GonioNode *node, GArray *out_values)
{
  g_array_set_size (out_values, 0);
  g_array_append_vals (out_values, node->inputs, node->n_inputs);
  for (guint a = 0; a < node->n_attrs; a++) {
    if (node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    const GArray *captures = node->attrs[a].graph->captures;
    for (guint c = 0; c < captures->len; c++)
      g_array_append_val (out_values, g_array_index (captures, GonioCapture, c).outer);
  }
}

typedef enum { MARK_NEW, MARK_OPEN, MARK_DONE } Mark;

/* Depth first from one node, without recursion: models may be chains of 100,000 nodes. A node
 * is looked at twice: opened (its producers are pushed) and closed (all of them are done). */
static gboolean
visit (const GonioGraph *graph, GonioNodeId root, guint8 *marks, GArray *stack, GArray *needs,
       GArray *order)
{
  gboolean acyclic = TRUE;

  g_array_append_val (stack, root);
  while (stack->len > 0) {
    GonioNodeId id = g_array_index (stack, GonioNodeId, stack->len - 1);
    const GonioNode *node = g_ptr_array_index (graph->nodes, id);

    if (marks[id] != MARK_NEW) {
      g_array_set_size (stack, stack->len - 1);
      if (marks[id] == MARK_OPEN) {
        marks[id] = MARK_DONE;
        g_array_append_val (order, id);
      }
      continue;
    }
    marks[id] = MARK_OPEN;
    collect_needs (node, needs);
    for (guint i = needs->len; i-- > 0;) {
      GonioValueId value = g_array_index (needs, GonioValueId, i);
      GonioNodeId producer = value == GONIO_VALUE_NONE
                                 ? GONIO_NODE_NONE
                                 : gonio_graph_slot (graph, value)->pub.producer;
      if (producer == GONIO_NODE_NONE || marks[producer] == MARK_DONE)
        continue;
      if (marks[producer] == MARK_OPEN)
        acyclic = FALSE;
      else
        g_array_append_val (stack, producer);
    }
  }
  return acyclic;
}

/* Producers come right before their first user and else in order of ids, so a node that a pass
 * adds late still runs where it belongs, which keeps live ranges short. */
static void
compute_order (GonioGraph *graph)
{
  guint n = graph->nodes->len;
  g_autofree guint8 *marks = g_new0 (guint8, n + 1);
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (GonioNodeId));
  g_autoptr (GArray) needs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));

  graph->order = g_array_sized_new (FALSE, FALSE, sizeof (GonioNodeId), n);
  graph->order_complete = TRUE;
  for (GonioNodeId id = 0; id < n; id++) {
    if (g_ptr_array_index (graph->nodes, id) && marks[id] == MARK_NEW &&
        !visit (graph, id, marks, stack, needs, graph->order))
      graph->order_complete = FALSE;
  }
}

static void
ensure_order (const GonioGraph *graph)
{
  GonioGraph *mutable = (GonioGraph *)graph;
  g_mutex_lock (&mutable->order_lock);
  if (!mutable->order)
    compute_order (mutable);
  g_mutex_unlock (&mutable->order_lock);
}

const GonioNodeId *
gonio_graph_order (const GonioGraph *graph, guint *out_count)
{
  ensure_order (graph);
  *out_count = graph->order->len;
  return (const GonioNodeId *)graph->order->data;
}

gboolean
gonio_graph_is_acyclic (const GonioGraph *graph)
{
  ensure_order (graph);
  return graph->order_complete;
}

/* ---- copy ---- */

void
gonio_graph_copy_attr (GonioGraph *copy, GonioNodeId node, const GonioAttr *attr)
{
  switch (attr->type) {
  case GONIO_ATTR_INT:
    gonio_graph_set_attr_int (copy, node, attr->name, attr->i);
    break;
  case GONIO_ATTR_FLOAT:
    gonio_graph_set_attr_float (copy, node, attr->name, attr->f);
    break;
  case GONIO_ATTR_STRING:
    gonio_graph_set_attr_string (copy, node, attr->name, attr->s);
    break;
  case GONIO_ATTR_TENSOR:
    gonio_graph_set_attr_tensor (copy, node, attr->name, attr->tensor);
    break;
  case GONIO_ATTR_INTS:
    gonio_graph_set_attr_ints (copy, node, attr->name, attr->ints, (guint)attr->count);
    break;
  case GONIO_ATTR_FLOATS:
    gonio_graph_set_attr_floats (copy, node, attr->name, attr->floats, (guint)attr->count);
    break;
  case GONIO_ATTR_STRINGS:
    gonio_graph_set_attr_strings (copy, node, attr->name, (const char *const *)attr->strings,
                                  (guint)attr->count);
    break;
  case GONIO_ATTR_GRAPH:
    gonio_graph_set_attr_graph (copy, node, attr->name, gonio_graph_clone (attr->graph));
    break;
  }
}

static void
copy_values (GonioGraph *copy, const GonioGraph *graph)
{
  for (guint i = 0; i < graph->values->len; i++) {
    const GonioValueSlot *from = g_ptr_array_index (graph->values, i);
    GonioValueSlot *to = g_new0 (GonioValueSlot, 1);

    *to = *from;
    to->name = g_strdup (from->name);
    to->pub.name = to->name;
    to->pub.producer = GONIO_NODE_NONE;
    if (to->pub.constant)
      gonio_tensor_ref (to->pub.constant);
    to->pub.partial = NULL;
    to->pub.n_partial = 0;
    to->users = g_array_new (FALSE, FALSE, sizeof (GonioNodeId));
    g_ptr_array_add (copy->values, to);
    if (from->pub.partial)
      gonio_graph_set_partial (copy, i, from->pub.partial, from->pub.n_partial);
    if (!to->dead)
      g_hash_table_insert (copy->by_name, to->name, GUINT_TO_POINTER (i + 1));
  }
}

static void
copy_info (GonioGraph *copy, const GonioGraph *graph)
{
  GHashTableIter iter;
  gpointer key = NULL, value = NULL;

  if (!graph->info)
    return;
  GonioModelInfo *info = gonio_graph_info (copy);
  info->ir_version = graph->info->ir_version;
  info->opset = graph->info->opset;
  info->opsets = g_strdup (graph->info->opsets);
  info->producer = g_strdup (graph->info->producer);
  info->doc = g_strdup (graph->info->doc);
  g_hash_table_iter_init (&iter, graph->info->metadata);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_hash_table_insert (info->metadata, g_strdup (key), g_strdup (value));
}

static size_t
attr_bytes (const GonioAttr *attr)
{
  size_t bytes = sizeof *attr;
  switch (attr->type) {
  case GONIO_ATTR_STRING:
    return bytes + strlen (attr->s);
  case GONIO_ATTR_INTS:
    return bytes + attr->count * sizeof *attr->ints;
  case GONIO_ATTR_FLOATS:
    return bytes + attr->count * sizeof *attr->floats;
  case GONIO_ATTR_STRINGS:
    for (size_t i = 0; i < attr->count; i++)
      bytes += strlen (attr->strings[i]) + sizeof (char *);
    return bytes;
  case GONIO_ATTR_GRAPH:
    return bytes + gonio_graph_bytes (attr->graph);
  default:
    return bytes;
  }
}

size_t
gonio_graph_bytes (const GonioGraph *graph)
{
  size_t bytes = sizeof *graph + graph->n_known * sizeof (GonioDim);
  bytes += graph->values->len * GONIO_GRAPH_NODE_BYTES / 2;
  for (guint i = 0; i < graph->nodes->len; i++) {
    const GonioNode *node = g_ptr_array_index (graph->nodes, i);
    if (!node)
      continue;
    bytes += GONIO_GRAPH_NODE_BYTES / 2 + (node->n_inputs + node->n_outputs) * sizeof (guint) * 2;
    for (guint a = 0; a < node->n_attrs; a++)
      bytes += attr_bytes (&node->attrs[a]);
  }
  return bytes;
}

GonioGraph *
gonio_graph_clone (const GonioGraph *graph)
{
  GonioGraph *copy = gonio_graph_new (graph->name);

  copy->next_name = graph->next_name;
  copy_values (copy, graph);
  for (guint i = 0; i < graph->nodes->len; i++) {
    const GonioNode *node = g_ptr_array_index (graph->nodes, i);
    if (!node) {
      g_ptr_array_add (copy->nodes, NULL);
      continue;
    }
    GonioNodeId id = gonio_graph_add_node (copy, node->op, node->name, node->inputs, node->n_inputs,
                                           node->outputs, node->n_outputs);
    for (guint a = 0; a < node->n_attrs; a++)
      gonio_graph_copy_attr (copy, id, &node->attrs[a]);
  }
  g_array_append_vals (copy->inputs, graph->inputs->data, graph->inputs->len);
  g_array_append_vals (copy->outputs, graph->outputs->data, graph->outputs->len);
  g_array_append_vals (copy->captures, graph->captures->data, graph->captures->len);
  copy_info (copy, graph);
  return copy;
}
