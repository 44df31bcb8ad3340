/* Guarded unpacking. Depends on wire.h and protobuf-c.
 *
 * protobuf-c has no limit on nesting, copies every bytes field and merges repeated messages. So
 * a message is walked first, by protobuf-c's own descriptors: depth, counts and field forms are
 * checked, unknown fields and tensor payloads are left out, and what remains (the skeleton) is
 * all that protobuf-c gets to see, through an allocator with a budget.
 */
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/text-hash.h"
#include "core/onnx/source.h"
#include "core/onnx/wire.h"

#include <string.h>

#define LENGTH_BYTES 5 /* a length as a padded varint, so that it can be filled in later */

typedef struct {
  GonioOnnxSource *source;
  guint8 *out; /* the skeleton */
  size_t n_out, room;
  guint depth;
  guint n_nodes;
} Scan;

static gboolean limit (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
limit (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  GError *made = g_error_new_valist (GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT, format, args);
  va_end (args);
  g_propagate_error (error, made);
  return FALSE;
}

static gboolean
malformed (const Scan *scan, const GonioWireField *field, const ProtobufCMessageDescriptor *message,
           const char *what, GError **error)
{
  g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_MALFORMED,
               "Not a valid ONNX file: field %u of %s %s (byte %zu).", field->number,
               message->short_name, what, (size_t)(field->start - scan->source->data));
  return FALSE;
}

static gboolean
is_payload (const ProtobufCMessageDescriptor *message, guint32 number)
{
  if (message != &gonio_onnx__tensor_proto__descriptor)
    return FALSE;
  return (number >= 4 && number <= 7) || (number >= 9 && number <= 11);
}

static gboolean
is_ours (guint32 number)
{
  return number == 1000 || number == 1001;
}

/* The wire type a value of this field has when it stands alone. */
static GonioWireType
wire_type_of (const ProtobufCFieldDescriptor *field)
{
  switch (field->type) {
  case PROTOBUF_C_TYPE_FLOAT:
  case PROTOBUF_C_TYPE_FIXED32:
  case PROTOBUF_C_TYPE_SFIXED32:
    return GONIO_WIRE_FIXED32;
  case PROTOBUF_C_TYPE_DOUBLE:
  case PROTOBUF_C_TYPE_FIXED64:
  case PROTOBUF_C_TYPE_SFIXED64:
    return GONIO_WIRE_FIXED64;
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_BYTES:
  case PROTOBUF_C_TYPE_MESSAGE:
    return GONIO_WIRE_BYTES;
  default:
    return GONIO_WIRE_VARINT;
  }
}

static gboolean
put (Scan *scan, const guint8 *bytes, size_t size, GError **error)
{
  if (!gonio_reserve ((gpointer *)&scan->out, &scan->room, scan->n_out, size, 1,
                      "the model's structure", error))
    return FALSE;
  memcpy (scan->out + scan->n_out, bytes, size);
  scan->n_out += size;
  return TRUE;
}

static gboolean
put_fixed64 (Scan *scan, guint32 number, guint64 value, GError **error)
{
  guint32 tag = number << 3 | GONIO_WIRE_FIXED64; /* both of ours need two bytes */
  guint8 bytes[10] = {(guint8)((tag & 0x7f) | 0x80), (guint8)(tag >> 7)};
  value = GUINT64_TO_LE (value);
  memcpy (bytes + 2, &value, 8);
  return put (scan, bytes, sizeof bytes, error);
}

static gboolean scan_message (Scan *scan, const ProtobufCMessageDescriptor *descriptor,
                              const guint8 *data, size_t size, GError **error);

static gboolean
scan_submessage (Scan *scan, const ProtobufCMessageDescriptor *descriptor,
                 const GonioWireField *field, GError **error)
{
  const guint8 empty[LENGTH_BYTES] = {0};
  size_t tag_size = 0;

  while (field->start[tag_size] & 0x80)
    tag_size++;
  size_t length_at = scan->n_out + tag_size + 1;
  if (!put (scan, field->start, tag_size + 1, error) || !put (scan, empty, LENGTH_BYTES, error) ||
      !scan_message (scan, descriptor, field->data, field->size, error))
    return FALSE;
  size_t length = scan->n_out - length_at - LENGTH_BYTES;
  for (guint i = 0; i < LENGTH_BYTES; i++)
    scan->out[length_at + i] =
        (guint8)((length >> (7 * i) & 0x7f) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
  return TRUE;
}

static gboolean
copy_field (Scan *scan, const GonioWireField *field, GError **error)
{
  size_t size = (size_t)(field->data + field->size - field->start);
  if (scan->n_out > GONIO_ONNX_MAX_SKELETON || size > GONIO_ONNX_MAX_SKELETON - scan->n_out)
    return limit (error, "The model's structure, without weights, exceeds %zu MiB.",
                  GONIO_ONNX_MAX_SKELETON >> 20);
  return gonio_onnx_source_need (scan->source, field->start, size, error) &&
         put (scan, field->start, size, error);
}

static gboolean
scan_field (Scan *scan, const ProtobufCMessageDescriptor *message,
            const ProtobufCFieldDescriptor *known, const GonioWireField *field, GError **error)
{
  GonioWireType expected = wire_type_of (known);
  gboolean packed = field->type == GONIO_WIRE_BYTES && expected != GONIO_WIRE_BYTES &&
                    known->label == PROTOBUF_C_LABEL_REPEATED;

  if (field->type != expected && !packed)
    return malformed (scan, field, message, "has the wrong wire type", error);
  if (known->type == PROTOBUF_C_TYPE_MESSAGE)
    return scan_submessage (scan, known->descriptor, field, error);
  if (known->type == PROTOBUF_C_TYPE_STRING &&
      !gonio_onnx_source_need (scan->source, field->data, field->size, error))
    return FALSE;
  if (known->type == PROTOBUF_C_TYPE_STRING &&
      !g_utf8_validate ((const char *)field->data, (gssize)field->size, NULL))
    return malformed (scan, field, message, "is not valid UTF-8 text", error);
  return copy_field (scan, field, error);
}

static gboolean
count_message (Scan *scan, const ProtobufCMessageDescriptor *descriptor, GError **error)
{
  if (scan->depth >= scan->source->limits.max_depth)
    return limit (error, "The model nests messages more than %u deep.",
                  scan->source->limits.max_depth);
  if (descriptor == &gonio_onnx__node_proto__descriptor &&
      ++scan->n_nodes > scan->source->limits.max_nodes)
    return limit (error, "The model has more than %u nodes.", scan->source->limits.max_nodes);
  if (scan->n_out > GONIO_ONNX_MAX_SKELETON)
    return limit (error, "The model's structure, without weights, exceeds %zu MiB.",
                  GONIO_ONNX_MAX_SKELETON >> 20);
  return TRUE;
}

static gboolean
scan_message (Scan *scan, const ProtobufCMessageDescriptor *descriptor, const guint8 *data,
              size_t size, GError **error)
{
  GonioWire wire = {scan->source->data, data, data + size, scan->source->bytes};
  GonioWireField field = {0};
  GError *bad = NULL;
  guint64 seen = 0; /* optional messages met, by index of the field */
  guint n_attrs = 0;

  if (!count_message (scan, descriptor, error))
    return FALSE;
  scan->depth++;
  while (gonio_wire_next (&wire, &field, &bad)) {
    const ProtobufCFieldDescriptor *known =
        protobuf_c_message_descriptor_get_field (descriptor, field.number);
    if (!known || is_payload (descriptor, field.number) || is_ours (field.number))
      continue;
    if (known->type == PROTOBUF_C_TYPE_MESSAGE && known->label != PROTOBUF_C_LABEL_REPEATED) {
      guint64 bit = (guint64)1 << (known - descriptor->fields);
      if (seen & bit)
        return malformed (scan, &field, descriptor, "appears twice", error);
      seen |= bit;
    }
    if (known->descriptor == &gonio_onnx__attribute_proto__descriptor &&
        ++n_attrs > GONIO_ONNX_MAX_ATTRS)
      return limit (error, "A node has more than %d attributes.", GONIO_ONNX_MAX_ATTRS);
    if (!scan_field (scan, descriptor, known, &field, error))
      return FALSE;
  }
  scan->depth--;
  if (bad) {
    g_propagate_error (error, bad);
    return FALSE;
  }
  if (descriptor == &gonio_onnx__tensor_proto__descriptor)
    return put_fixed64 (scan, 1000, (guint64)(data - scan->source->data), error) &&
           put_fixed64 (scan, 1001, size, error);
  return TRUE;
}

/* ---- allocator with a budget ---- */

typedef struct {
  size_t left;
  gboolean spent;
  size_t missing; /* bytes that could not be had within the budget */
} Budget;

static void *
budget_alloc (void *data, size_t size)
{
  Budget *budget = data;
  if (size > budget->left) {
    budget->spent = TRUE;
    return NULL;
  }
  void *memory = g_try_malloc (MAX (size, 1));
  if (memory)
    budget->left -= size;
  else
    budget->missing = size;
  return memory;
}

static void
budget_free (void *data, void *memory)
{
  g_free (memory);
}

static ProtobufCAllocator plain_allocator = {.alloc = budget_alloc, .free = budget_free};

void
gonio_onnx_message_free (ProtobufCMessage *message)
{
  if (message)
    protobuf_c_message_free_unpacked (message, &plain_allocator);
}

ProtobufCMessage *
gonio_onnx_unpack (GonioOnnxSource *source, const ProtobufCMessageDescriptor *descriptor,
                   GError **error)
{
  Scan scan = {.source = source};
  Budget budget = {.left = GONIO_ONNX_MAX_UNPACKED};
  ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
  gboolean ok = scan_message (&scan, descriptor, source->data, source->size, error);
  g_autofree guint8 *skeleton = scan.out;

  if (!ok)
    return NULL;
  ProtobufCMessage *message =
      protobuf_c_message_unpack (descriptor, &allocator, scan.n_out, skeleton);
  if (!message && budget.spent)
    limit (error, "The model's structure needs more than %zu MiB of memory.",
           GONIO_ONNX_MAX_UNPACKED >> 20);
  else if (!message && budget.missing)
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "not enough memory: the model's structure needs %zu bytes more", budget.missing);
  else if (!message)
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_MALFORMED,
                 "Not a valid ONNX file: %s could not be decoded.", descriptor->short_name);
  /* Names and texts are copied into the graph. */
  if (message && !gonio_expect (2 * scan.n_out, "the model's names", error)) {
    gonio_onnx_message_free (message);
    return NULL;
  }
  return message;
}

/* ---- source ---- */

void
gonio_onnx_source_init (GonioOnnxSource *source, const guint8 *data, size_t size, const char *dir,
                        const GonioLoadLimits *limits)
{
  const size_t gib = (size_t)1 << 30;
  GonioLoadLimits given = limits ? *limits : (GonioLoadLimits){0};

  *source = (GonioOnnxSource){
      .data = data,
      .size = size,
      .dir = dir,
      .limits =
          {
              .max_file_bytes = given.max_file_bytes ? given.max_file_bytes : 2 * gib,
              .max_tensor_bytes = given.max_tensor_bytes ? given.max_tensor_bytes : 8 * gib,
              .max_depth = given.max_depth ? MIN (given.max_depth, GONIO_ONNX_MAX_DEPTH) : 64,
              .max_nodes = given.max_nodes ? given.max_nodes : 1000000,
          },
  };
}

void
gonio_onnx_source_clear (GonioOnnxSource *source)
{
  gonio_onnx_external_clear (source);
  g_clear_pointer (&source->words, g_hash_table_unref);
}

const char *
gonio_onnx_intern (GonioOnnxSource *source, const char *text)
{
  if (!source->words)
    source->words = g_hash_table_new (gonio_text_hash, g_str_equal);
  const char *known = g_hash_table_lookup (source->words, text);
  if (known || g_hash_table_size (source->words) >= GONIO_ONNX_MAX_WORDS)
    return known;
  known = gonio_intern (text);
  g_hash_table_add (source->words, (gpointer)known);
  return known;
}
