/* Writing a model with types and shapes filled in: the file's own bytes with entries put in their
 * places. Depends on wire.h, load.h and protobuf-c.
 *
 * Nothing is unpacked, so nothing can be lost: weights, unknown fields and texts go over as they
 * are. The loader has accepted the file before; its bytes are still read with every bound checked.
 */
#include "core/onnx/annotate.h"

#include "core/base/error.h"
#include "core/base/text-hash.h"
#include "core/onnx/source.h"
#include "core/onnx/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum { MODEL_GRAPH = 7 };
enum { GRAPH_NODE = 1, GRAPH_OUTPUT = 12, GRAPH_VALUE_INFO = 13 };
enum { NODE_OUTPUT = 2 };
enum { INFO_NAME = 1, INFO_TYPE = 2 };
enum { TYPE_TENSOR = 1, TENSOR_ELEM = 1, TENSOR_SHAPE = 2, SHAPE_DIM = 1 };
enum { DIM_VALUE = 1, DIM_PARAM = 2 };

/* A range of the old file, or bytes of our own. */
typedef struct {
  const guint8 *data;
  size_t size;
  guint8 *owned; /* nullable */
} Piece;

static void
clear_piece (Piece *piece)
{
  g_free (piece->owned);
}

typedef struct {
  const GonioGraph *graph;
  const guint8 *base;
  GArray *pieces;      /* Piece: the new file */
  size_t size;         /* of all pieces */
  GHashTable *written; /* char*: values that have their entry */
  guint n_values;
} Writer;

static void
put_range (Writer *writer, const guint8 *data, size_t size)
{
  writer->size += size;
  if (writer->pieces->len > 0) {
    Piece *last = &g_array_index (writer->pieces, Piece, writer->pieces->len - 1);
    if (last->owned == NULL && last->data + last->size == data) {
      last->size += size;
      return;
    }
  }
  Piece piece = {data, size, NULL};
  g_array_append_val (writer->pieces, piece);
}

static void
put_field (Writer *writer, const GonioWireField *field)
{
  put_range (writer, field->start, (size_t)(field->data + field->size - field->start));
}

static void
append_varint (GByteArray *out, guint64 value)
{
  do {
    guint8 byte = (guint8)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    g_byte_array_append (out, &byte, 1);
    value >>= 7;
  } while (value > 0);
}

static void
append_head (GByteArray *out, guint field, size_t size)
{
  append_varint (out, (guint64)field << 3 | GONIO_WIRE_BYTES);
  append_varint (out, size);
}

static void
put_owned (Writer *writer, GByteArray *bytes)
{
  Piece piece = {.size = bytes->len};
  piece.owned = g_byte_array_free (bytes, FALSE);
  piece.data = piece.owned;
  writer->size += piece.size;
  g_array_append_val (writer->pieces, piece);
}

/* ---- what the file states ---- */

static GonioWire
inside (const Writer *writer, const GonioWireField *field)
{
  return (GonioWire){writer->base, field->data, field->data + field->size, NULL};
}

/* The last field of that number and bytes type; FALSE when there is none (or with error). */
static gboolean
find_field (GonioWire wire, guint32 number, GonioWireField *out_field, GError **error)
{
  GonioWireField field = {0};
  g_autoptr (GError) bad = NULL;
  gboolean found = FALSE;
  while (gonio_wire_next (&wire, &field, &bad)) {
    if (field.number == number && field.type == GONIO_WIRE_BYTES) {
      *out_field = field;
      found = TRUE;
    }
  }
  if (bad == NULL)
    return found;
  g_propagate_error (error, g_steal_pointer (&bad));
  return FALSE;
}

static char *
dup_text (const GonioWireField *field)
{
  return g_strndup ((const char *)field->data, field->size);
}

static gboolean
read_dim (GonioWire wire, GonioDim *out_dim, GError **error)
{
  GonioWireField field = {0};
  GonioDim dim = GONIO_DIM_UNKNOWN;
  g_autoptr (GError) bad = NULL;
  while (gonio_wire_next (&wire, &field, &bad)) {
    if (field.number == DIM_VALUE && field.type == GONIO_WIRE_VARINT)
      dim = (int64_t)field.value >= 0 ? GONIO_DIM ((int64_t)field.value) : GONIO_DIM_UNKNOWN;
    else if (field.number == DIM_PARAM && field.type == GONIO_WIRE_BYTES && field.size > 0) {
      g_autofree char *name = dup_text (&field);
      dim = (GonioDim){-1, gonio_intern (name)};
    }
  }
  *out_dim = dim;
  if (bad != NULL)
    g_propagate_error (error, g_steal_pointer (&bad));
  return *error == NULL;
}

/* Shape of a TypeProto that is a tensor's or nothing. *out_tensor: it is. error: not NULL. */
static GonioSymShape
read_type (const Writer *writer, GonioWire type, gboolean *out_tensor, GError **error)
{
  GonioSymShape shape = {0};
  GonioWireField tensor = {0}, sizes = {0}, field = {0};
  *out_tensor = type.at == type.end || find_field (type, TYPE_TENSOR, &tensor, error);
  if (!*out_tensor || tensor.data == NULL ||
      !find_field (inside (writer, &tensor), TENSOR_SHAPE, &sizes, error))
    return shape;
  GonioWire wire = inside (writer, &sizes);
  shape.has_rank = TRUE;
  while (*error == NULL && gonio_wire_next (&wire, &field, error)) {
    if (field.number != SHAPE_DIM || field.type != GONIO_WIRE_BYTES)
      continue;
    if (shape.rank == GONIO_MAX_RANK)
      return (GonioSymShape){0};
    if (!read_dim (inside (writer, &field), &shape.dims[shape.rank++], error))
      return (GonioSymShape){0};
  }
  return shape;
}

/* What is inferred wins; what only the file says is kept. */
static GonioSymShape
merge_shapes (const GonioSymShape *inferred, const GonioSymShape *stated)
{
  GonioSymShape shape = inferred->has_rank ? *inferred : *stated;
  for (int i = 0; i < shape.rank && stated->has_rank && stated->rank == shape.rank; i++) {
    GonioDim own = shape.dims[i], other = stated->dims[i];
    if (own.value < 0 && (other.value >= 0 || own.symbol == NULL))
      shape.dims[i] = other;
  }
  return shape;
}

/* ---- new entries ---- */

/* The TypeProto of a tensor, as field INFO_TYPE of a ValueInfoProto. */
static void
append_type (GByteArray *out, GonioDType dtype, const GonioSymShape *shape)
{
  GonioOnnx__TypeProto type = GONIO_ONNX__TYPE_PROTO__INIT;
  GonioOnnx__TypeProto__Tensor tensor = GONIO_ONNX__TYPE_PROTO__TENSOR__INIT;
  GonioOnnx__TensorShapeProto sizes = GONIO_ONNX__TENSOR_SHAPE_PROTO__INIT;
  GonioOnnx__TensorShapeProto__Dimension dims[GONIO_MAX_RANK];
  GonioOnnx__TensorShapeProto__Dimension *list[GONIO_MAX_RANK];
  for (int i = 0; i < shape->rank; i++) {
    dims[i] =
        (GonioOnnx__TensorShapeProto__Dimension)GONIO_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT;
    dims[i].has_dim_value = shape->dims[i].value >= 0;
    dims[i].dim_value = shape->dims[i].value;
    if (!dims[i].has_dim_value && shape->dims[i].symbol != NULL)
      dims[i].dim_param = (char *)shape->dims[i].symbol;
    list[i] = &dims[i];
  }
  sizes.n_dim = (size_t)shape->rank;
  sizes.dim = list;
  tensor.has_elem_type = TRUE;
  tensor.elem_type = (int32_t)dtype;
  if (shape->has_rank)
    tensor.shape = &sizes;
  type.tensor_type = &tensor;
  size_t size = protobuf_c_message_get_packed_size (&type.base);
  append_head (out, INFO_TYPE, size);
  guint at = out->len;
  g_byte_array_set_size (out, at + (guint)size);
  protobuf_c_message_pack (&type.base, out->data + at);
}

/* NULL when nothing is known of it. */
static const GonioValue *
known_value (const Writer *writer, const char *name)
{
  GonioValueId id = gonio_graph_find_value (writer->graph, name);
  const GonioValue *value = id != GONIO_VALUE_NONE ? gonio_graph_value (writer->graph, id) : NULL;
  return value != NULL && value->kind == GONIO_KIND_TENSOR && value->dtype != GONIO_DTYPE_NONE
             ? value
             : NULL;
}

static void
put_entry (Writer *writer, guint number, GByteArray *entry, const char *name)
{
  GByteArray *head = g_byte_array_new ();
  append_head (head, number, entry->len);
  put_owned (writer, head);
  put_owned (writer, entry);
  g_hash_table_add (writer->written, g_strdup (name));
  writer->n_values++;
}

/* An entry that the file has: all of it but the type, then the type. */
static gboolean
rewrite_entry (Writer *writer, const GonioWireField *old, GError **error)
{
  GonioWireField name_field = {0}, type_field = {0}, field = {0};
  GonioWire wire = inside (writer, old);
  g_autoptr (GError) bad = NULL;
  g_autofree char *name =
      find_field (wire, INFO_NAME, &name_field, &bad) ? dup_text (&name_field) : g_strdup ("");
  const GonioValue *value = bad == NULL ? known_value (writer, name) : NULL;
  gboolean tensor = TRUE;
  GonioSymShape stated = {0};
  if (bad == NULL && find_field (wire, INFO_TYPE, &type_field, &bad))
    stated = read_type (writer, inside (writer, &type_field), &tensor, &bad);
  if (bad != NULL) {
    g_propagate_error (error, g_steal_pointer (&bad));
    return FALSE;
  }
  if (value == NULL || !tensor) {
    put_field (writer, old);
    g_hash_table_add (writer->written, g_strdup (name));
    return TRUE;
  }
  GByteArray *entry = g_byte_array_new ();
  while (gonio_wire_next (&wire, &field, NULL))
    if (field.number != INFO_TYPE)
      g_byte_array_append (entry, field.start, (guint)(field.data + field.size - field.start));
  GonioSymShape shape = merge_shapes (&value->shape, &stated);
  append_type (entry, value->dtype, &shape);
  put_entry (writer, old->number, entry, name);
  return TRUE;
}

/* value_info of what a node computes and no entry names yet. */
static void
add_entries (Writer *writer, GonioWire node)
{
  GonioWireField field = {0};
  while (gonio_wire_next (&node, &field, NULL)) {
    if (field.number != NODE_OUTPUT || field.type != GONIO_WIRE_BYTES || field.size == 0)
      continue;
    g_autofree char *name = dup_text (&field);
    const GonioValue *value = known_value (writer, name);
    if (value == NULL || g_hash_table_contains (writer->written, name))
      continue;
    GByteArray *entry = g_byte_array_new ();
    append_head (entry, INFO_NAME, field.size);
    g_byte_array_append (entry, field.data, (guint)field.size);
    append_type (entry, value->dtype, &value->shape);
    put_entry (writer, GRAPH_VALUE_INFO, entry, name);
  }
}

static gboolean
write_graph (Writer *writer, const GonioWireField *graph, GError **error)
{
  GonioWireField field = {0};
  GError *bad = NULL;
  for (GonioWire wire = inside (writer, graph); gonio_wire_next (&wire, &field, &bad);) {
    gboolean entry = (field.number == GRAPH_OUTPUT || field.number == GRAPH_VALUE_INFO) &&
                     field.type == GONIO_WIRE_BYTES;
    if (!entry)
      put_field (writer, &field);
    else if (!rewrite_entry (writer, &field, error))
      return FALSE;
  }
  if (bad != NULL) {
    g_propagate_error (error, bad);
    return FALSE;
  }
  for (GonioWire wire = inside (writer, graph); gonio_wire_next (&wire, &field, NULL);)
    if (field.number == GRAPH_NODE && field.type == GONIO_WIRE_BYTES)
      add_entries (writer, inside (writer, &field));
  return TRUE;
}

static gboolean
write_model (Writer *writer, size_t size, GError **error)
{
  GonioWire wire = {writer->base, writer->base, writer->base + size, NULL};
  GonioWireField field = {0};
  GError *bad = NULL;
  while (gonio_wire_next (&wire, &field, &bad)) {
    if (field.number != MODEL_GRAPH || field.type != GONIO_WIRE_BYTES) {
      put_field (writer, &field);
      continue;
    }
    /* The head stands before the content, but its length is known after it. */
    guint at = writer->pieces->len;
    Piece head = {0};
    g_array_append_val (writer->pieces, head);
    size_t before = writer->size;
    if (!write_graph (writer, &field, error))
      return FALSE;
    GByteArray *bytes = g_byte_array_new ();
    append_head (bytes, MODEL_GRAPH, writer->size - before);
    Piece *place = &g_array_index (writer->pieces, Piece, at);
    place->size = bytes->len;
    place->owned = g_byte_array_free (bytes, FALSE);
    place->data = place->owned;
    writer->size += place->size;
  }
  if (bad != NULL)
    g_propagate_error (error, bad);
  return bad == NULL;
}

/* ---- the file ---- */

static gboolean
write_pieces (int fd, const GArray *pieces)
{
  for (guint i = 0; i < pieces->len; i++) {
    const Piece *piece = &g_array_index (pieces, Piece, i);
    for (size_t at = 0; at < piece->size;) {
      gssize n = write (fd, piece->data + at, piece->size - at);
      if (n < 0 && errno != EINTR)
        return FALSE;
      at += n > 0 ? (size_t)n : 0;
    }
  }
  return fsync (fd) == 0;
}

static gboolean
fail_io (const char *path, int code, GError **error)
{
  g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO, "%s cannot be written: %s", path,
               g_strerror (code));
  return FALSE;
}

/* Beside the target, so that external data is found and renaming is one step. */
static gboolean
save_pieces (const GArray *pieces, const char *path, GError **error)
{
  g_autofree char *temporary = g_strdup_printf ("%s.XXXXXX", path);
  g_autoptr (GError) broken = NULL;
  int fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0)
    return fail_io (path, errno, error);
  int code = write_pieces (fd, pieces) ? 0 : errno;
  if (close (fd) != 0 && code == 0)
    code = errno;
  g_autoptr (GonioGraph) again = code == 0 ? gonio_onnx_load_file (temporary, NULL, &broken) : NULL;
  if (again != NULL && g_rename (temporary, path) == 0)
    return TRUE;
  code = again != NULL ? errno : code;
  g_unlink (temporary);
  if (broken == NULL)
    return fail_io (path, code, error);
  g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO,
               "%s is not written, because it could not be loaded; a model that keeps its weights "
               "in other files must be written beside them. (%s)",
               path, broken->message);
  return FALSE;
}

gboolean
gonio_onnx_save_annotated (const char *path, const GonioGraph *inferred, const char *out_path,
                           guint *out_values, GError **error)
{
  g_auto (GonioOnnxBytes) bytes = {0};
  if (!gonio_onnx_bytes_open (&bytes, path, G_MAXSIZE, error) ||
      !gonio_onnx_bytes_need (&bytes, bytes.data, bytes.size, error))
    return FALSE;
  Writer writer = {
      .graph = inferred,
      .base = bytes.data != NULL ? bytes.data : (const guint8 *)"",
      .pieces = g_array_new (FALSE, FALSE, sizeof (Piece)),
      .written = g_hash_table_new_full (gonio_text_hash, g_str_equal, g_free, NULL),
  };
  g_array_set_clear_func (writer.pieces, (GDestroyNotify)clear_piece);
  gboolean ok =
      write_model (&writer, bytes.size, error) && save_pieces (writer.pieces, out_path, error);
  if (ok)
    *out_values = writer.n_values;
  g_array_unref (writer.pieces);
  g_hash_table_unref (writer.written);
  return ok;
}
