/* AttributeProto to node attribute. Depends on model.h. */
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/onnx/model.h"

#include <string.h>

enum {
  TYPE_UNDEFINED,
  TYPE_FLOAT,
  TYPE_INT,
  TYPE_STRING,
  TYPE_TENSOR,
  TYPE_GRAPH,
  TYPE_FLOATS,
  TYPE_INTS,
  TYPE_STRINGS,
  TYPE_SPARSE_TENSOR = 11,
  TYPE_TYPE_PROTO = 13,
};

/* Files of IR version 1 and 2 tell the type by what is filled in. */
static int
attr_type (const AttributeProto *proto)
{
  if (proto->type != TYPE_UNDEFINED)
    return proto->type;
  return proto->has_f           ? TYPE_FLOAT
         : proto->has_i         ? TYPE_INT
         : proto->has_s         ? TYPE_STRING
         : proto->t             ? TYPE_TENSOR
         : proto->g             ? TYPE_GRAPH
         : proto->n_floats      ? TYPE_FLOATS
         : proto->n_ints        ? TYPE_INTS
         : proto->n_strings     ? TYPE_STRINGS
         : proto->sparse_tensor ? TYPE_SPARSE_TENSOR
         : proto->tp            ? TYPE_TYPE_PROTO
                                : TYPE_UNDEFINED;
}

/* (transfer full); NULL with error when the bytes hold a NUL. */
static char *
text_of (ProtobufCBinaryData bytes, const char *what, GError **error)
{
  if (bytes.len > 0 && memchr (bytes.data, 0, bytes.len)) {
    gonio_import_malformed (error, "attribute “%s” is text with a NUL byte.", what);
    return NULL;
  }
  return g_strndup (bytes.len > 0 ? (const char *)bytes.data : "", bytes.len);
}

static gboolean
set_strings (GonioGraph *graph, GonioNodeId node, const AttributeProto *proto, GError **error)
{
  g_auto (GStrv) texts = g_new0 (char *, proto->n_strings + 1);
  for (size_t i = 0; i < proto->n_strings; i++) {
    texts[i] = text_of (proto->strings[i], proto->name, error);
    if (!texts[i])
      return FALSE;
  }
  gonio_graph_set_attr_strings (graph, node, proto->name, (const char *const *)texts,
                                (guint)proto->n_strings);
  return TRUE;
}

static gboolean
set_tensor (GonioImport *import, GonioGraph *graph, GonioNodeId node, const AttributeProto *proto,
            gboolean sparse, GError **error)
{
  g_autofree char *what = g_strdup_printf ("attribute “%s” of node “%s”", proto->name,
                                           gonio_graph_node (graph, node)->name);
  if (sparse ? !proto->sparse_tensor : !proto->t)
    return gonio_import_malformed (error, "attribute “%s” holds no tensor.", proto->name);
  g_autoptr (GonioTensor) tensor =
      sparse ? gonio_onnx_sparse_tensor (import->source, proto->sparse_tensor, what, error)
             : gonio_onnx_tensor (import->source, proto->t, what, error);
  if (!tensor)
    return FALSE;
  gonio_graph_set_attr_tensor (graph, node, proto->name, tensor);
  return TRUE;
}

/* "seq(tensor(float))" and the like; the few operators that carry a type read it as text. */
static char *
type_to_text (const TypeProto *type)
{
  GString *text = g_string_new (NULL);
  guint depth = 0;

  while (type && !type->tensor_type && depth < 8) {
    g_string_append (text, type->sequence_type ? "seq(" : type->optional_type ? "optional(" : "?(");
    depth++;
    type = type->sequence_type   ? type->sequence_type->elem_type
           : type->optional_type ? type->optional_type->elem_type
                                 : NULL;
  }
  g_string_append_printf (text, "tensor(%s)",
                          gonio_dtype_name (type && type->tensor_type
                                                ? (GonioDType)type->tensor_type->elem_type
                                                : GONIO_DTYPE_NONE));
  while (depth-- > 0)
    g_string_append_c (text, ')');
  return g_string_free (text, FALSE);
}

/* Bytes that a list or text takes. Tensors are counted where they are made. A function's body
 * counts once per call. */
static size_t
attr_bytes (const AttributeProto *proto)
{
  size_t bytes = proto->s.len + proto->n_floats * sizeof (float) + proto->n_ints * sizeof (int64_t);
  for (size_t i = 0; i < proto->n_strings; i++)
    bytes += proto->strings[i].len + sizeof (char *);
  return bytes;
}

static gboolean
set_attr (GonioImport *import, GonioScope *scope, GonioNodeId node, const AttributeProto *proto,
          GError **error)
{
  GonioGraph *graph = scope->graph;

  size_t bytes = attr_bytes (proto);

  if (!gonio_onnx_charge (import->source, bytes, "attribute", error) ||
      !gonio_expect (2 * bytes, "an attribute", error)) /* a copy on the way */
    return FALSE;
  switch (attr_type (proto)) {
  case TYPE_FLOAT:
    gonio_graph_set_attr_float (graph, node, proto->name, proto->f);
    return TRUE;
  case TYPE_INT:
    gonio_graph_set_attr_int (graph, node, proto->name, proto->i);
    return TRUE;
  case TYPE_STRING: {
    g_autofree char *text = text_of (proto->s, proto->name, error);
    if (text)
      gonio_graph_set_attr_string (graph, node, proto->name, text);
    return text != NULL;
  }
  case TYPE_TENSOR:
    return set_tensor (import, graph, node, proto, FALSE, error);
  case TYPE_SPARSE_TENSOR:
    return set_tensor (import, graph, node, proto, TRUE, error);
  case TYPE_FLOATS:
    gonio_graph_set_attr_floats (graph, node, proto->name, proto->floats, (guint)proto->n_floats);
    return TRUE;
  case TYPE_INTS:
    gonio_graph_set_attr_ints (graph, node, proto->name, proto->ints, (guint)proto->n_ints);
    return TRUE;
  case TYPE_STRINGS:
    return set_strings (graph, node, proto, error);
  case TYPE_GRAPH: {
    if (!proto->g)
      return gonio_import_malformed (error, "attribute “%s” holds no graph.", proto->name);
    GonioGraph *sub = gonio_onnx_import_subgraph (import, scope, proto->g, error);
    if (sub)
      gonio_graph_set_attr_graph (graph, node, proto->name, sub);
    return sub != NULL;
  }
  case TYPE_TYPE_PROTO: {
    g_autofree char *text = type_to_text (proto->tp);
    gonio_graph_set_attr_string (graph, node, proto->name, text);
    return TRUE;
  }
  default:
    return gonio_import_unsupported (error, "attribute “%s” has a type that is not supported.",
                                     proto->name);
  }
}

static const AttributeProto *
find_attr (AttributeProto *const *attrs, size_t n, const char *name)
{
  for (size_t i = 0; i < n; i++) {
    if (attrs[i]->name && g_str_equal (attrs[i]->name, name))
      return attrs[i];
  }
  return NULL;
}

/* In a function's body an attribute may stand for one of the call. Absent there and without a
 * default it counts as not given. */
static gboolean
set_ref_attr (GonioImport *import, GonioScope *scope, GonioNodeId node, const AttributeProto *proto,
              GError **error)
{
  GonioScope *inside = scope;
  while (inside && !inside->call)
    inside = inside->outer;
  if (!inside)
    return gonio_import_malformed (error, "attribute “%s” refers to a function outside of any.",
                                   proto->name);
  const AttributeProto *given =
      find_attr (inside->call->attribute, inside->call->n_attribute, proto->ref_attr_name);
  GonioScope *from = (GonioScope *)inside->caller;
  if (!given) {
    given = find_attr (inside->function->attribute_proto, inside->function->n_attribute_proto,
                       proto->ref_attr_name);
    from = inside;
  }
  if (!given)
    return TRUE;
  AttributeProto renamed = *given;
  renamed.name = proto->name;
  if (renamed.ref_attr_name && *renamed.ref_attr_name)
    return from == inside
               ? gonio_import_malformed (error, "attribute “%s” refers to itself.", proto->name)
               : set_ref_attr (import, from, node, &renamed, error);
  if (attr_type (&renamed) == TYPE_GRAPH && from->graph != scope->graph)
    return gonio_import_unsupported (error, "attribute “%s” passes a graph into a function.",
                                     proto->name);
  /* The attribute's own names belong to the caller, its place to the node. */
  GonioScope place = *from;
  place.graph = scope->graph;
  return set_attr (import, &place, node, &renamed, error);
}

gboolean
gonio_onnx_import_attrs (GonioImport *import, GonioScope *scope, const NodeProto *proto,
                         GonioNodeId node, GError **error)
{
  for (size_t i = 0; i < proto->n_attribute; i++) {
    const AttributeProto *attr = proto->attribute[i];
    if (!attr->name || !*attr->name)
      return gonio_import_malformed (error, "an attribute has no name.");
    if (!gonio_onnx_intern (import->source, attr->name)) {
      g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT,
                   "attribute “%s”: the model has more than %d names of attributes and dimensions.",
                   attr->name, GONIO_ONNX_MAX_WORDS);
      return FALSE;
    }
    if (gonio_node_attr (gonio_graph_node (scope->graph, node), attr->name))
      return gonio_import_malformed (error, "attribute “%s” appears twice.", attr->name);
    if (attr->ref_attr_name && *attr->ref_attr_name
            ? !set_ref_attr (import, scope, node, attr, error)
            : !set_attr (import, scope, node, attr, error))
      return FALSE;
  }
  return TRUE;
}
