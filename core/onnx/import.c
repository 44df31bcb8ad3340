/* GraphProto to graph: names and scopes, constants, nodes, subgraphs, inlined functions.
 * Depends on model.h, ops. */
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/text-hash.h"
#include "core/onnx/model.h"

#include <string.h>

#define NODES_AT_ONCE 256 /* that memory is asked for */

/* ---- scopes ---- */

static GHashTable *
names_new (void)
{
  return g_hash_table_new_full (gonio_text_hash, g_str_equal, g_free, NULL);
}

static void
names_put (GonioScope *scope, const char *name, GonioValueId id)
{
  g_hash_table_insert (scope->names, g_strdup (name), GUINT_TO_POINTER (id));
}

static gboolean
names_get (const GonioScope *scope, const char *name, GonioValueId *out_id)
{
  gpointer id = NULL;
  if (!g_hash_table_lookup_extended (scope->names, name, NULL, &id))
    return FALSE;
  *out_id = GPOINTER_TO_UINT (id);
  return TRUE;
}

/* The value of that name as seen from scope; a value of a surrounding graph becomes a capture,
 * or a constant of this graph when it is one there. */
static gboolean
resolve (GonioScope *scope, const char *name, GonioValueId *out_id)
{
  GonioValueId outer = GONIO_VALUE_NONE;

  if (names_get (scope, name, out_id))
    return TRUE;
  if (!scope->outer || !resolve (scope->outer, name, &outer))
    return FALSE;
  if (scope->outer->graph == scope->graph || outer == GONIO_VALUE_NONE) {
    *out_id = outer;
    return TRUE;
  }
  const GonioValue *value = gonio_graph_value (scope->outer->graph, outer);
  if (value->constant) {
    *out_id = gonio_graph_add_constant (scope->graph, name, value->constant);
  } else {
    *out_id = gonio_graph_add_value (scope->graph, name, value->dtype, &value->shape);
    gonio_graph_set_kind (scope->graph, *out_id, value->kind);
    gonio_graph_add_capture (scope->graph, outer, *out_id);
  }
  names_put (scope, name, *out_id);
  return TRUE;
}

/* ---- types ---- */

static void
read_shape (GonioOnnxSource *source, const GonioOnnx__TensorShapeProto *proto,
            GonioSymShape *out_shape)
{
  if (!proto || proto->n_dim > GONIO_MAX_RANK)
    return;
  out_shape->has_rank = TRUE;
  out_shape->rank = (int)proto->n_dim;
  for (size_t i = 0; i < proto->n_dim; i++) {
    const GonioOnnx__TensorShapeProto__Dimension *dim = proto->dim[i];
    out_shape->dims[i] = GONIO_DIM_UNKNOWN;
    if (dim->has_dim_value && dim->dim_value >= 0)
      out_shape->dims[i] = GONIO_DIM (dim->dim_value);
    else if (dim->dim_param && *dim->dim_param)
      out_shape->dims[i].symbol = gonio_onnx_intern (source, dim->dim_param);
  }
}

static const char *
why_no_tensor (const TypeProto *type)
{
  if (type->map_type)
    return "it is a map, and values here are tensors, sequences and optionals; leave the operator "
           "that reads the map (DictVectorizer, CastMap) out of the model and give the model the "
           "numbers as a tensor.";
  if (type->sparse_tensor_type)
    return "it is a sparse tensor, and values here are stored in full; export the model with an "
           "ordinary tensor in its place.";
  return "its type is neither tensor, sequence nor optional; export the model anew.";
}

static gboolean
read_type (GonioOnnxSource *source, const TypeProto *type, GonioKind *out_kind,
           GonioDType *out_dtype, GonioSymShape *out_shape, GError **error)
{
  if (type && type->optional_type) {
    *out_kind = GONIO_KIND_OPTIONAL;
    type = type->optional_type->elem_type;
  }
  if (type && type->sequence_type) {
    *out_kind =
        *out_kind == GONIO_KIND_OPTIONAL ? GONIO_KIND_OPTIONAL_SEQUENCE : GONIO_KIND_SEQUENCE;
    type = type->sequence_type->elem_type;
  }
  if (!type)
    return TRUE;
  if (!type->tensor_type)
    return gonio_import_unsupported (error, "%s", why_no_tensor (type));
  if (type->tensor_type->elem_type < 0 || type->tensor_type->elem_type >= GONIO_DTYPE_COUNT)
    return gonio_import_unsupported (error, "its element type %d is unknown.",
                                     type->tensor_type->elem_type);
  *out_dtype = (GonioDType)type->tensor_type->elem_type;
  if (*out_kind == GONIO_KIND_TENSOR) {
    if (type->tensor_type->shape && type->tensor_type->shape->n_dim > GONIO_MAX_RANK)
      return gonio_import_unsupported (error, "it has %zu dimensions; %d are possible.",
                                       type->tensor_type->shape->n_dim, GONIO_MAX_RANK);
    read_shape (source, type->tensor_type->shape, out_shape);
  }
  return TRUE;
}

static gboolean
add_input (GonioImport *import, GonioScope *scope, const ValueInfoProto *proto, GError **error)
{
  GonioKind kind = GONIO_KIND_TENSOR;
  GonioDType dtype = GONIO_DTYPE_NONE;
  GonioSymShape shape = {0};
  GonioValueId id = GONIO_VALUE_NONE;

  if (!proto->name || !*proto->name)
    return gonio_import_malformed (error, "An input of the graph has no name.");
  if (names_get (scope, proto->name, &id)) /* an initializer gives the value */
    return gonio_graph_value (scope->graph, id)->constant
               ? TRUE
               : gonio_import_malformed (error, "Input “%s” appears twice.", proto->name);
  if (!read_type (import->source, proto->type, &kind, &dtype, &shape, error)) {
    g_prefix_error (error, "Input “%s”: ", proto->name);
    return FALSE;
  }
  /* What a loop's body declares need not hold in every round; the node knows better. */
  if (scope->outer && shape.has_rank)
    for (int d = 0; d < shape.rank; d++)
      shape.dims[d] = GONIO_DIM_UNKNOWN;
  id = gonio_graph_add_input (scope->graph, proto->name, dtype, &shape);
  gonio_graph_set_kind (scope->graph, id, kind);
  names_put (scope, proto->name, id);
  return TRUE;
}

/* ---- initializers ---- */

static gboolean
add_initializer (GonioImport *import, GonioScope *scope, const TensorProto *dense,
                 const SparseTensorProto *sparse, GError **error)
{
  const TensorProto *named = dense ? dense : sparse->values;
  const char *name = named ? named->name : NULL;
  GonioValueId id = GONIO_VALUE_NONE;

  if (!name || !*name)
    return gonio_import_malformed (error, "An initializer has no name.");
  if (names_get (scope, name, &id))
    return gonio_import_malformed (error, "Initializer “%s” appears twice.", name);
  g_autofree char *what = g_strdup_printf ("“%s”", name);
  g_autoptr (GonioTensor) tensor =
      dense ? gonio_onnx_tensor (import->source, dense, what, error)
            : gonio_onnx_sparse_tensor (import->source, sparse, what, error);
  if (!tensor)
    return FALSE;
  names_put (scope, name, gonio_graph_add_constant (scope->graph, name, tensor));
  return TRUE;
}

/* ---- nodes ---- */

/* "<call>/<name>": what is inlined is named after the call. Both are cut, as one long name in a
 * function's body would be copied for every call. */
static char *
joined_name (const char *prefix, const char *name)
{
  g_autofree char *head = NULL, *tail = NULL;

  if (!prefix)
    return g_strdup (name);
  head = g_strndup (prefix, GONIO_ONNX_MAX_NAME);
  tail = g_strndup (name, GONIO_ONNX_MAX_NAME);
  g_autofree char *joined = g_strconcat (head, "/", tail, NULL);
  return g_utf8_make_valid (joined, -1);
}

static void
note_unsupported (GonioImport *import, const NodeProto *proto, const char *node, const char *reason)
{
  if (import->unsupported->len >= GONIO_ONNX_MAX_REPORTED)
    return;
  GonioUnsupported *row = g_new0 (GonioUnsupported, 1);
  row->op = g_strdup (proto->op_type);
  row->domain = g_strdup (proto->domain ? proto->domain : "");
  row->node = g_strdup (node);
  row->reason = g_strdup (reason);
  g_ptr_array_add (import->unsupported, row);
}

static const char *
domain_of (const NodeProto *proto)
{
  return !proto->domain || g_str_equal (proto->domain, "ai.onnx") ? "" : proto->domain;
}

static gboolean
collect_inputs (GonioScope *scope, const NodeProto *proto, GArray *out_ids, GError **error)
{
  guint n_users = 0;

  for (size_t i = 0; i < proto->n_input; i++) {
    GonioValueId id = GONIO_VALUE_NONE;
    if (*proto->input[i] && !resolve (scope, proto->input[i], &id))
      return gonio_import_malformed (error, "it reads “%s”, which nothing produces.",
                                     proto->input[i]);
    g_array_append_val (out_ids, id);
    if (id != GONIO_VALUE_NONE)
      gonio_graph_users (scope->graph, id, &n_users);
    if (n_users + proto->n_input > GONIO_ONNX_MAX_USES) {
      g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT,
                   "“%s” is read more than %d times.", proto->input[i], GONIO_ONNX_MAX_USES);
      return FALSE;
    }
  }
  while (out_ids->len > 0 &&
         g_array_index (out_ids, GonioValueId, out_ids->len - 1) == GONIO_VALUE_NONE)
    g_array_set_size (out_ids, out_ids->len - 1);
  return TRUE;
}

static void
collect_outputs (GonioScope *scope, const NodeProto *proto, GArray *out_ids)
{
  for (size_t i = 0; i < proto->n_output; i++) {
    GonioValueId id = GONIO_VALUE_NONE;
    if (*proto->output[i])
      names_get (scope, proto->output[i], &id);
    g_array_append_val (out_ids, id);
  }
}

/* What the rows need to know of shapes is inferred as the graph grows. Contradictions are left
 * to the inference of the whole graph, which names them. Twice: a row may add producers of its
 * node's inputs after it. */
static void
infer_new (GonioGraph *graph, GonioNodeId first)
{
  for (int round = 0; round < 2; round++) {
    for (GonioNodeId id = first; id < gonio_graph_n_nodes (graph); id++) {
      if (gonio_graph_node (graph, id))
        gonio_infer_node (graph, id, NULL);
    }
    if (gonio_graph_n_nodes (graph) == first + 1)
      return;
  }
}

static gboolean
convert (GonioImport *import, GonioScope *scope, const NodeProto *proto, GonioNodeId id,
         GError **error)
{
  const char *domain = domain_of (proto);
  gpointer version = NULL;
  const char *reason = NULL;

  if (!g_hash_table_lookup_extended (import->opsets, domain, NULL, &version))
    version = GINT_TO_POINTER (1);
  GonioImportNode in = {.graph = scope->graph,
                        .id = id,
                        .node = gonio_graph_node (scope->graph, id),
                        .op = proto->op_type,
                        .version = GPOINTER_TO_INT (version)};
  const GonioImportRow *row = gonio_import_find (domain, proto->op_type, in.version, &reason);
  if (!row)
    return gonio_import_unsupported (error, "%s", reason);
  if (!gonio_onnx_import_attrs (import, scope, proto, id, error))
    return FALSE;
  g_autoptr (GError) local = NULL;
  gboolean ok = !row->fn || row->fn (&in, &local);
  if (!ok || in.failure) {
    g_propagate_error (error, in.failure ? in.failure : g_steal_pointer (&local));
    return FALSE;
  }
  infer_new (scope->graph, id);
  return TRUE;
}

static gboolean
import_op (GonioImport *import, GonioScope *scope, const NodeProto *proto, const char *name,
           GError **error)
{
  g_autoptr (GArray) inputs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  g_autoptr (GArray) outputs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  g_autoptr (GError) local = NULL;

  if (proto->n_output == 0)
    return gonio_import_malformed (error, "it has no outputs.");
  if (!collect_inputs (scope, proto, inputs, error))
    return FALSE;
  collect_outputs (scope, proto, outputs);
  GonioNodeId id =
      gonio_graph_add_node (scope->graph, gonio_op_find (domain_of (proto), proto->op_type), name,
                            (const GonioValueId *)inputs->data, inputs->len,
                            (const GonioValueId *)outputs->data, outputs->len);
  if (convert (import, scope, proto, id, &local))
    return TRUE;
  if (g_error_matches (local, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED)) {
    note_unsupported (import, proto, name, local->message);
    gonio_graph_remove_node (scope->graph, id);
    return TRUE;
  }
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean inline_function (GonioImport *import, GonioScope *scope, const NodeProto *proto,
                                 const FunctionProto *function, const char *name, GError **error);

static gboolean
import_node (GonioImport *import, GonioScope *scope, const NodeProto *proto, const char *prefix,
             GError **error)
{
  if (!proto->op_type || !*proto->op_type)
    return gonio_import_malformed (error, "A node has no operator.");
  g_autofree char *own = proto->name && *proto->name
                             ? g_strdup (proto->name)
                             : g_strdup_printf ("%s_%u", proto->op_type, import->n_nodes);
  g_autofree char *name = joined_name (prefix, own);
  g_autofree char *key = g_strdup_printf ("%s\n%s\n%s", domain_of (proto), proto->op_type,
                                          proto->overload ? proto->overload : "");
  const FunctionProto *function = g_hash_table_lookup (import->functions, key);

  if (!gonio_work_go_on (error))
    return FALSE;
  if (import->n_nodes % NODES_AT_ONCE == 0 &&
      !gonio_expect (NODES_AT_ONCE * GONIO_GRAPH_NODE_BYTES, "the next nodes of the model", error))
    return FALSE;
  if (++import->n_nodes > import->source->limits.max_nodes) {
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT,
                 "The model has more than %u nodes once its functions are inlined.",
                 import->source->limits.max_nodes);
    return FALSE;
  }
  gboolean ok = function ? inline_function (import, scope, proto, function, name, error)
                         : import_op (import, scope, proto, name, error);
  if (!ok)
    g_prefix_error (error, "Node “%s” (%s): ", name, proto->op_type);
  return ok;
}

/* Values of all node outputs come first, so that nodes may stand in any order. pending: names
 * that already have a value waiting for a producer (outputs of a function); nullable. */
static gboolean
declare_outputs (GonioScope *scope, NodeProto *const *nodes, size_t n_nodes, GHashTable *pending,
                 const char *prefix, GError **error)
{
  for (size_t n = 0; n < n_nodes; n++) {
    for (size_t i = 0; i < nodes[n]->n_output; i++) {
      const char *name = nodes[n]->output[i];
      GonioValueId id = GONIO_VALUE_NONE;
      if (!*name || (pending && g_hash_table_remove (pending, name)))
        continue;
      if (names_get (scope, name, &id))
        return gonio_import_malformed (error, "Value “%s” is produced twice.", name);
      g_autofree char *full = joined_name (prefix, name);
      names_put (scope, name, gonio_graph_add_value (scope->graph, full, GONIO_DTYPE_NONE, NULL));
    }
  }
  return TRUE;
}

static gboolean
import_nodes (GonioImport *import, GonioScope *scope, NodeProto *const *nodes, size_t n_nodes,
              const char *prefix, GError **error)
{
  for (size_t i = 0; i < n_nodes; i++) {
    if (!import_node (import, scope, nodes[i], prefix, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- model-local functions ---- */

/* Function outputs take the call's values; what the caller does not want gets none here and a
 * value of its own when declared. */
static gboolean
bind_outputs (GonioScope *inside, GonioScope *scope, const NodeProto *proto, const char *name,
              GHashTable *pending, GError **error)
{
  const FunctionProto *function = inside->function;

  for (size_t i = 0; i < proto->n_output && i < function->n_output; i++) {
    GonioValueId value = GONIO_VALUE_NONE, source = GONIO_VALUE_NONE;
    if (!*proto->output[i] || !names_get (scope, proto->output[i], &value))
      continue;
    if (!names_get (inside, function->output[i], &source)) {
      names_put (inside, function->output[i], value);
      g_hash_table_add (pending, g_strdup (function->output[i]));
    } else if (source == GONIO_VALUE_NONE) {
      return gonio_import_malformed (error, "it passes on input “%s”, which is not given.",
                                     function->output[i]);
    } else { /* an input handed through, or the same output twice */
      gonio_graph_add_node (scope->graph, GONIO_OP_IDENTITY, name, &source, 1, &value, 1);
    }
  }
  return TRUE;
}

static GHashTable *
read_opsets (GonioOnnx__OperatorSetIdProto *const *protos, size_t n, GError **error)
{
  g_autoptr (GHashTable) opsets = names_new ();

  for (size_t i = 0; i < n; i++) {
    const char *domain = protos[i]->domain ? protos[i]->domain : "";
    int64_t version = protos[i]->version;
    if (g_str_equal (domain, "ai.onnx"))
      domain = "";
    if (version < 1 || version > G_MAXINT) {
      gonio_import_malformed (error, "Operator set “%s” has version %" G_GINT64_FORMAT ".", domain,
                              version);
      return NULL;
    }
    if (*domain == '\0' && version > GONIO_ONNX_NEWEST_OPSET) {
      gonio_import_unsupported (
          error, "The model uses opset %" G_GINT64_FORMAT " of ai.onnx; up to %d is understood.",
          version, GONIO_ONNX_NEWEST_OPSET);
      return NULL;
    }
    g_hash_table_insert (opsets, g_strdup (domain), GINT_TO_POINTER ((int)version));
  }
  return g_steal_pointer (&opsets);
}

static gboolean
import_body (GonioImport *import, GonioScope *inside, GonioScope *scope, const NodeProto *proto,
             const char *name, GError **error)
{
  const FunctionProto *function = inside->function;
  g_autoptr (GHashTable) pending =
      g_hash_table_new_full (gonio_text_hash, g_str_equal, g_free, NULL);

  for (size_t i = 0; i < function->n_input; i++) {
    GonioValueId id = GONIO_VALUE_NONE;
    if (i < proto->n_input && *proto->input[i] && !resolve (scope, proto->input[i], &id))
      return gonio_import_malformed (error, "it reads “%s”, which nothing produces.",
                                     proto->input[i]);
    names_put (inside, function->input[i], id);
  }
  if (!bind_outputs (inside, scope, proto, name, pending, error) ||
      !declare_outputs (inside, function->node, function->n_node, pending, name, error))
    return FALSE;
  if (g_hash_table_size (pending) > 0)
    return gonio_import_malformed (error, "its function does not produce all of its outputs.");
  return import_nodes (import, inside, function->node, function->n_node, name, error);
}

static gboolean
inline_function (GonioImport *import, GonioScope *scope, const NodeProto *proto,
                 const FunctionProto *function, const char *name, GError **error)
{
  GonioScope inside = {.graph = scope->graph, .call = proto, .caller = scope, .function = function};
  GHashTable *outer_opsets = import->opsets;
  g_autoptr (GHashTable) opsets = NULL;

  if (import->n_calls >= GONIO_ONNX_MAX_CALLS) {
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT,
                 "functions call each other more than %d deep.", GONIO_ONNX_MAX_CALLS);
    return FALSE;
  }
  if (function->n_opset_import > 0) {
    opsets = read_opsets (function->opset_import, function->n_opset_import, error);
    if (!opsets)
      return FALSE;
    import->opsets = opsets;
  }
  inside.names = names_new ();
  import->n_calls++;
  gboolean ok = import_body (import, &inside, scope, proto, name, error);
  import->n_calls--;
  g_hash_table_unref (inside.names);
  import->opsets = outer_opsets;
  return ok;
}

/* ---- graphs ---- */

static gboolean
fill_graph (GonioImport *import, GonioScope *scope, const GraphProto *proto, GError **error)
{
  for (size_t i = 0; i < proto->n_initializer; i++) {
    if (!add_initializer (import, scope, proto->initializer[i], NULL, error))
      return FALSE;
  }
  for (size_t i = 0; i < proto->n_sparse_initializer; i++) {
    if (!add_initializer (import, scope, NULL, proto->sparse_initializer[i], error))
      return FALSE;
  }
  for (size_t i = 0; i < proto->n_input; i++) {
    if (!add_input (import, scope, proto->input[i], error))
      return FALSE;
  }
  if (!declare_outputs (scope, proto->node, proto->n_node, NULL, NULL, error) ||
      !import_nodes (import, scope, proto->node, proto->n_node, NULL, error))
    return FALSE;
  for (size_t i = 0; i < proto->n_output; i++) {
    const char *name = proto->output[i]->name ? proto->output[i]->name : "";
    GonioValueId id = GONIO_VALUE_NONE;
    if (!resolve (scope, name, &id) || id == GONIO_VALUE_NONE)
      return gonio_import_malformed (error,
                                     "Output “%s” of graph “%s” is not produced by any node.", name,
                                     gonio_graph_name (scope->graph));
    gonio_graph_add_output (scope->graph, id);
  }
  return TRUE;
}

GonioGraph *
gonio_onnx_import_subgraph (GonioImport *import, GonioScope *outer, const GraphProto *proto,
                            GError **error)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new (proto->name);
  GonioScope scope = {.outer = outer, .graph = graph, .names = names_new ()};
  gboolean ok = fill_graph (import, &scope, proto, error);

  g_hash_table_unref (scope.names);
  return ok ? g_steal_pointer (&graph) : NULL;
}

/* ---- model ---- */

static char *
opsets_to_text (const ModelProto *model)
{
  GString *text = g_string_new (NULL);
  for (size_t i = 0; i < model->n_opset_import; i++) {
    const char *domain = model->opset_import[i]->domain;
    g_string_append_printf (text, "%s%s %" G_GINT64_FORMAT, i ? ", " : "",
                            domain && *domain ? domain : "ai.onnx",
                            model->opset_import[i]->version);
  }
  return g_string_free (text, FALSE);
}

static void
fill_info (GonioGraph *graph, const ModelProto *model, GHashTable *opsets)
{
  GonioModelInfo *info = gonio_graph_info (graph);

  info->ir_version = model->ir_version;
  info->opset = GPOINTER_TO_INT (g_hash_table_lookup (opsets, ""));
  info->opsets = opsets_to_text (model);
  info->producer = g_strdup_printf ("%s%s%s", model->producer_name ? model->producer_name : "",
                                    model->producer_version && *model->producer_version ? " " : "",
                                    model->producer_version ? model->producer_version : "");
  info->doc = g_strdup (model->doc_string);
  for (size_t i = 0; i < model->n_metadata_props; i++) {
    const char *key = model->metadata_props[i]->key;
    const char *value = model->metadata_props[i]->value;
    g_hash_table_replace (info->metadata, g_strdup (key ? key : ""), g_strdup (value ? value : ""));
  }
}

static GHashTable *
index_functions (const ModelProto *model)
{
  GHashTable *functions = g_hash_table_new_full (gonio_text_hash, g_str_equal, g_free, NULL);
  for (size_t i = 0; i < model->n_functions; i++) {
    const FunctionProto *function = model->functions[i];
    const char *domain = function->domain ? function->domain : "";
    g_hash_table_replace (functions,
                          g_strdup_printf ("%s\n%s\n%s",
                                           g_str_equal (domain, "ai.onnx") ? "" : domain,
                                           function->name ? function->name : "",
                                           function->overload ? function->overload : ""),
                          (gpointer)function);
  }
  return functions;
}

GonioGraph *
gonio_onnx_import_model (GonioOnnxSource *source, const ModelProto *model, GPtrArray *unsupported,
                         GError **error)
{
  if (!model->graph) {
    gonio_import_malformed (error, "Not an ONNX model: the file holds no graph.");
    return NULL;
  }
  if (model->ir_version < 3) {
    gonio_import_unsupported (error,
                              "The model has IR version %" G_GINT64_FORMAT "; 3 and later are "
                              "understood. Convert it with onnx.version_converter.",
                              model->ir_version);
    return NULL;
  }
  g_autoptr (GHashTable) opsets = read_opsets (model->opset_import, model->n_opset_import, error);
  if (!opsets)
    return NULL;
  g_autoptr (GHashTable) functions = index_functions (model);
  g_autoptr (GonioGraph) graph = gonio_graph_new (model->graph->name);
  GonioImport import = {
      .source = source, .opsets = opsets, .functions = functions, .unsupported = unsupported};
  GonioScope scope = {.graph = graph, .names = names_new ()};
  gboolean ok = fill_graph (&import, &scope, model->graph, error);
  g_hash_table_unref (scope.names);
  if (!ok)
    return NULL;
  fill_info (graph, model, opsets);
  return g_steal_pointer (&graph);
}
