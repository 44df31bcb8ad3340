/* TensorProto to tensor: every encoding, straight from the file. Depends on wire.h,
 * tensor. */
#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/onnx/source.h"
#include "core/onnx/wire.h"

#include <string.h>

G_STATIC_ASSERT (G_BYTE_ORDER == G_LITTLE_ENDIAN); /* payloads are copied as they are */

enum {
  FLOAT_DATA = 4,
  INT32_DATA,
  STRING_DATA,
  INT64_DATA,
  RAW_DATA = 9,
  DOUBLE_DATA,
  UINT64_DATA
};

static gboolean fail (GError **error, GonioLoadError code, const char *what, const char *format,
                      ...) G_GNUC_PRINTF (4, 5);

static gboolean
fail (GError **error, GonioLoadError code, const char *what, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, GONIO_LOAD_ERROR, code, "Tensor %s: %s", what, text);
  return FALSE;
}

/* The typed field that holds elements of this type. */
static guint32
typed_field (GonioDType dtype)
{
  switch (dtype) {
  case GONIO_DTYPE_FLOAT:
  case GONIO_DTYPE_COMPLEX64:
    return FLOAT_DATA;
  case GONIO_DTYPE_DOUBLE:
  case GONIO_DTYPE_COMPLEX128:
    return DOUBLE_DATA;
  case GONIO_DTYPE_INT64:
    return INT64_DATA;
  case GONIO_DTYPE_UINT32:
  case GONIO_DTYPE_UINT64:
    return UINT64_DATA;
  case GONIO_DTYPE_STRING:
    return STRING_DATA;
  default:
    return INT32_DATA;
  }
}

static guint
fixed_size (guint32 field)
{
  return field == FLOAT_DATA ? 4 : field == DOUBLE_DATA ? 8 : 0;
}

static size_t
count_varints (const guint8 *data, size_t size)
{
  size_t n = 0;
  for (size_t i = 0; i < size; i++)
    n += !(data[i] & 0x80);
  return n;
}

typedef struct {
  const guint8 *raw;
  size_t raw_size;
  size_t n_typed; /* entries of the typed field that fits the element type */
} Payload;

static GonioWire
wire_of (const GonioOnnxSource *source, const TensorProto *proto)
{
  const guint8 *start = source->data + proto->source_offset;
  return (GonioWire){source->data, start, start + proto->source_size, source->bytes};
}

/* The pre-scan has checked that the message is well-formed, and where its fields end. */
static gboolean
survey (const GonioOnnxSource *source, const TensorProto *proto, guint32 typed, Payload *out,
        GError **error)
{
  GonioWire wire = wire_of (source, proto);
  GonioWireField field = {0};
  GError *bad = NULL;

  while (gonio_wire_next (&wire, &field, &bad)) {
    if (field.number == RAW_DATA && field.type == GONIO_WIRE_BYTES) {
      out->raw = field.data;
      out->raw_size = field.size;
    }
    if (field.number != typed)
      continue;
    if (field.type != GONIO_WIRE_BYTES || typed == STRING_DATA)
      out->n_typed++;
    else if (fixed_size (typed))
      out->n_typed += field.size / fixed_size (typed);
    else if (gonio_onnx_source_need (source, field.data, field.size, error))
      out->n_typed += count_varints (field.data, field.size);
    else
      return FALSE;
  }
  if (bad)
    g_propagate_error (error, bad);
  return bad == NULL;
}

static void
store_int (guint8 *data, size_t bytes, size_t i, guint64 value)
{
  memcpy (data + i * bytes, &value, bytes); /* low bytes first */
}

/* Copies one occurrence of the typed field, packed or not; *at counts entries. */
static gboolean
copy_typed (GonioWireField *field, guint32 typed, guint8 *data, size_t entry, size_t *at,
            const GonioOnnxSource *source, GError **error)
{
  if (field->type != GONIO_WIRE_BYTES) {
    store_int (data, entry, (*at)++, field->value);
    return TRUE;
  }
  if (fixed_size (typed)) {
    size_t n = field->size / fixed_size (typed);
    guint8 *to = data + *at * entry;
    *at += n;
    return gonio_onnx_source_copy (source, field->data, to, n * entry, error);
  }
  GonioWire wire = {source->data, field->data, field->data + field->size, NULL};
  guint64 value = 0;
  GError *bad = NULL;
  while (gonio_wire_varint (&wire, &value, &bad))
    store_int (data, entry, (*at)++, value);
  gonio_onnx_source_drop (source, field->data, field->size);
  if (bad)
    g_propagate_error (error, bad);
  return bad == NULL;
}

static gboolean
copy_string (const GonioOnnxSource *source, GonioTensor *tensor, const GonioWireField *field,
             size_t i, const char *what, GError **error)
{
  if (!gonio_onnx_source_need (source, field->data, field->size, error))
    return FALSE;
  if (memchr (field->data, 0, field->size))
    return fail (error, GONIO_LOAD_ERROR_UNSUPPORTED, what, "string %zu holds a NUL byte.", i);
  char *text = gonio_tensor_new_string (tensor, (int64_t)i, field->size, error);
  if (text)
    memcpy (text, field->data, field->size);
  return text != NULL;
}

static gboolean
fill_typed (const GonioOnnxSource *source, const TensorProto *proto, guint32 typed, size_t entry,
            GonioTensor *tensor, const char *what, GError **error)
{
  GonioWire wire = wire_of (source, proto);
  GonioWireField field = {0};
  size_t at = 0;
  GError *bad = NULL;

  while (gonio_wire_next (&wire, &field, &bad)) {
    if (field.number != typed)
      continue;
    if (typed == STRING_DATA) {
      if (!copy_string (source, tensor, &field, at++, what, error))
        return FALSE;
    } else if (!copy_typed (&field, typed, gonio_tensor_writable_data (tensor), entry, &at, source,
                            error)) {
      return FALSE;
    }
  }
  if (bad)
    g_propagate_error (error, bad);
  return bad == NULL;
}

/* How many entries the typed field has for a tensor of this many bytes, and bytes per entry. */
static void
typed_layout (GonioDType dtype, int64_t count, size_t size, size_t *out_entries, size_t *out_bytes)
{
  guint bits = gonio_dtype_bits (dtype);
  gboolean complex = dtype == GONIO_DTYPE_COMPLEX64 || dtype == GONIO_DTYPE_COMPLEX128;

  if (dtype == GONIO_DTYPE_STRING) {
    *out_bytes = sizeof (char *);
    *out_entries = (size_t)count;
    return;
  }
  *out_bytes = bits < 8 ? 1 : complex ? bits / 16 : bits / 8;
  *out_entries = size / *out_bytes;
}

static gboolean
read_shape (const TensorProto *proto, GonioShape *out_shape, const char *what, GError **error)
{
  if (proto->n_dims > GONIO_MAX_RANK)
    return fail (error, GONIO_LOAD_ERROR_LIMIT, what, "it has %zu dimensions; %d are possible.",
                 proto->n_dims, GONIO_MAX_RANK);
  out_shape->rank = (int)proto->n_dims;
  for (size_t i = 0; i < proto->n_dims; i++) {
    if (proto->dims[i] < 0)
      return fail (error, GONIO_LOAD_ERROR_MALFORMED, what, "dimension %zu is negative.", i);
    out_shape->dims[i] = proto->dims[i];
  }
  return TRUE;
}

gboolean
gonio_onnx_charge (GonioOnnxSource *source, size_t size, const char *what, GError **error)
{
  size_t total = 0;
  if (!gonio_checked_add (source->tensor_bytes, size, &total) ||
      total > source->limits.max_tensor_bytes)
    return fail (error, GONIO_LOAD_ERROR_LIMIT, what,
                 "the model's tensors together exceed the limit of %zu MiB.",
                 source->limits.max_tensor_bytes >> 20);
  source->tensor_bytes = total;
  return TRUE;
}

static GonioTensor *
tensor_from_payload (GonioOnnxSource *source, const TensorProto *proto, const GonioShape *shape,
                     size_t size, int64_t count, const char *what, GError **error)
{
  GonioDType dtype = (GonioDType)proto->data_type;
  guint32 typed = typed_field (dtype);
  Payload payload = {0};
  size_t entries = 0, entry = 0;

  typed_layout (dtype, count, size, &entries, &entry);
  if (!survey (source, proto, typed, &payload, error))
    return NULL;
  if (payload.raw && (payload.raw_size > 0 || payload.n_typed == 0) &&
      dtype != GONIO_DTYPE_STRING) {
    if (payload.raw_size != size) {
      fail (error, GONIO_LOAD_ERROR_MALFORMED, what, "its shape needs %zu bytes, it has %zu.", size,
            payload.raw_size);
      return NULL;
    }
    g_autoptr (GonioTensor) raw = gonio_tensor_new_lasting (dtype, shape, FALSE, error);
    if (!raw || !gonio_onnx_source_copy (source, payload.raw, gonio_tensor_writable_data (raw),
                                         size, error))
      return NULL;
    return g_steal_pointer (&raw);
  }
  if (payload.n_typed != entries) {
    fail (error, GONIO_LOAD_ERROR_MALFORMED, what, "its shape needs %zu elements, it has %zu.",
          entries, payload.n_typed);
    return NULL;
  }
  g_autoptr (GonioTensor) tensor = gonio_tensor_new_lasting (dtype, shape, FALSE, error);
  if (!tensor || !fill_typed (source, proto, typed, entry, tensor, what, error))
    return NULL;
  return g_steal_pointer (&tensor);
}

/* Any non-zero byte of the file counts as true; kernels rely on 0 and 1. */
static void
normalise_bool (GonioTensor *tensor)
{
  guint8 *data = gonio_tensor_writable_data (tensor);
  size_t size = gonio_tensor_size (tensor);
  for (size_t i = 0; i < size; i++)
    data[i] = data[i] != 0;
}

GonioTensor *
gonio_onnx_tensor (GonioOnnxSource *source, const TensorProto *proto, const char *what,
                   GError **error)
{
  GonioDType dtype = (GonioDType)proto->data_type;
  g_autoptr (GonioTensor) tensor = NULL;
  GonioShape shape = {0};
  size_t size = 0;
  int64_t count = 0;
  size_t offset = 0;

  if (proto->data_type <= 0 || proto->data_type >= GONIO_DTYPE_COUNT) {
    fail (error, GONIO_LOAD_ERROR_UNSUPPORTED, what, "element type %d is unknown.",
          proto->data_type);
    return NULL;
  }
  if (proto->segment) {
    fail (error, GONIO_LOAD_ERROR_UNSUPPORTED, what, "it is stored in segments.");
    return NULL;
  }
  if (!read_shape (proto, &shape, what, error))
    return NULL;
  if (!gonio_shape_count (&shape, &count) || !gonio_tensor_bytes (dtype, &shape, &size)) {
    fail (error, GONIO_LOAD_ERROR_LIMIT, what, "its size overflows.");
    return NULL;
  }
  if (!gonio_onnx_charge (source, size, what, error))
    return NULL;
  if (proto->data_location == 1) {
    if (dtype == GONIO_DTYPE_STRING) {
      fail (error, GONIO_LOAD_ERROR_MALFORMED, what, "strings cannot be external data.");
      return NULL;
    }
    if (!gonio_onnx_external (source, proto, size, what, &offset, error))
      return NULL;
    tensor = gonio_tensor_new_lasting (dtype, &shape, FALSE, error);
    if (!tensor || !gonio_onnx_external_read (source, offset, gonio_tensor_writable_data (tensor),
                                              size, what, error))
      return NULL;
  } else {
    tensor = tensor_from_payload (source, proto, &shape, size, count, what, error);
  }
  if (tensor && dtype == GONIO_DTYPE_BOOL)
    normalise_bool (tensor);
  return g_steal_pointer (&tensor);
}

/* ---- sparse ---- */

/* Position of entry i in the dense tensor; indices are linear or one row of coordinates each. */
static gboolean
sparse_position (const GonioTensor *indices, const GonioShape *shape, int64_t count, int64_t i,
                 int64_t *out_position)
{
  int64_t strides[GONIO_MAX_RANK] = {0};
  int64_t position = 0;

  if (gonio_tensor_shape (indices)->rank == 1) {
    position = gonio_tensor_get_int (indices, i);
  } else {
    gonio_shape_strides (shape, strides);
    for (int d = 0; d < shape->rank; d++) {
      int64_t at = gonio_tensor_get_int (indices, i * shape->rank + d);
      if (at < 0 || at >= shape->dims[d])
        return FALSE;
      position += at * strides[d];
    }
  }
  *out_position = position;
  return position >= 0 && position < count;
}

GonioTensor *
gonio_onnx_sparse_tensor (GonioOnnxSource *source, const SparseTensorProto *proto, const char *what,
                          GError **error)
{
  TensorProto dense_dims = GONIO_ONNX__TENSOR_PROTO__INIT;
  GonioShape shape = {0};
  int64_t count = 0, n = 0;
  size_t size = 0;

  if (!proto->values || !proto->indices) {
    fail (error, GONIO_LOAD_ERROR_MALFORMED, what, "a sparse tensor lacks values or indices.");
    return NULL;
  }
  dense_dims.n_dims = proto->n_dims;
  dense_dims.dims = proto->dims;
  if (!read_shape (&dense_dims, &shape, what, error))
    return NULL;
  g_autoptr (GonioTensor) values = gonio_onnx_tensor (source, proto->values, what, error);
  if (!values)
    return NULL;
  g_autoptr (GonioTensor) indices = gonio_onnx_tensor (source, proto->indices, what, error);
  if (!indices)
    return NULL;
  GonioDType dtype = gonio_tensor_dtype (values);
  guint bytes = gonio_dtype_bits (dtype) / 8;
  const GonioShape *index_shape = gonio_tensor_shape (indices);
  n = gonio_tensor_count (values);
  if (dtype == GONIO_DTYPE_STRING || bytes == 0 ||
      gonio_tensor_dtype (indices) != GONIO_DTYPE_INT64 || gonio_tensor_shape (values)->rank != 1 ||
      !((index_shape->rank == 1 && index_shape->dims[0] == n) ||
        (index_shape->rank == 2 && index_shape->dims[0] == n &&
         index_shape->dims[1] == shape.rank))) {
    fail (error, GONIO_LOAD_ERROR_MALFORMED, what,
          "values and indices of a sparse tensor do not fit each other.");
    return NULL;
  }
  if (!gonio_shape_count (&shape, &count) || !gonio_tensor_bytes (dtype, &shape, &size) ||
      size > GONIO_ONNX_MAX_SPARSE) {
    fail (error, GONIO_LOAD_ERROR_LIMIT, what, "made dense it exceeds %zu MiB.",
          GONIO_ONNX_MAX_SPARSE >> 20);
    return NULL;
  }
  if (!gonio_onnx_charge (source, size, what, error))
    return NULL;
  g_autoptr (GonioTensor) tensor = gonio_tensor_new_zeroed (dtype, &shape, error);
  if (!tensor)
    return NULL;
  guint8 *to = gonio_tensor_writable_data (tensor);
  const guint8 *from = gonio_tensor_data (values);
  for (int64_t i = 0; i < n; i++) {
    int64_t position = 0;
    if (!sparse_position (indices, &shape, count, i, &position)) {
      fail (error, GONIO_LOAD_ERROR_MALFORMED, what, "index %" G_GINT64_FORMAT " is out of range.",
            i);
      return NULL;
    }
    memcpy (to + (size_t)position * bytes, from + (size_t)i * bytes, bytes);
  }
  return g_steal_pointer (&tensor);
}
