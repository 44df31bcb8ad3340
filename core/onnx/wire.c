/* Reading protobuf's wire format. Depends on base. */
#include "core/onnx/wire.h"

#include "core/base/error.h"

#include <string.h>

#define MAX_HEAD 20 /* tag and length, or tag and number: two varints */

static gboolean
fail (const GonioWire *wire, const guint8 *at, const char *what, GError **error)
{
  g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_MALFORMED,
               "Not a valid ONNX file: %s at byte %zu.", what, (size_t)(at - wire->base));
  return FALSE;
}

gboolean
gonio_wire_varint (GonioWire *wire, guint64 *out_value, GError **error)
{
  const guint8 *start = wire->at;
  guint64 value = 0;

  for (guint shift = 0; shift < 64 && wire->at < wire->end; shift += 7) {
    guint8 byte = *wire->at++;
    value |= (guint64)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) {
      *out_value = value;
      return TRUE;
    }
  }
  return start == wire->end ? FALSE : fail (wire, start, "a number is cut off or too long", error);
}

static gboolean
take (GonioWire *wire, GonioWireField *field, size_t size, GError **error)
{
  if ((size_t)(wire->end - wire->at) < size)
    return fail (wire, field->start, "a field reaches past the end of its message", error);
  field->data = wire->at;
  field->size = size;
  wire->at += size;
  return TRUE;
}

gboolean
gonio_wire_next (GonioWire *wire, GonioWireField *out_field, GError **error)
{
  GonioWireField field = {.start = wire->at};
  guint64 tag = 0, size = 0;

  if (wire->at == wire->end)
    return FALSE;
  if (wire->bytes && !gonio_onnx_bytes_need (wire->bytes, wire->at,
                                             MIN ((size_t)(wire->end - wire->at), MAX_HEAD), error))
    return FALSE;
  if (!gonio_wire_varint (wire, &tag, error))
    return FALSE;
  if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
    return fail (wire, field.start, "a field number is out of range", error);
  field.number = (guint32)(tag >> 3);
  field.type = tag & 7;
  switch (field.type) {
  case GONIO_WIRE_VARINT:
    field.data = wire->at;
    if (wire->at == wire->end)
      return fail (wire, field.start, "a field is cut off", error);
    if (!gonio_wire_varint (wire, &field.value, error))
      return FALSE;
    field.size = (size_t)(wire->at - field.data);
    break;
  case GONIO_WIRE_FIXED64:
    if (!take (wire, &field, 8, error))
      return FALSE;
    memcpy (&field.value, field.data, 8);
    field.value = GUINT64_FROM_LE (field.value);
    break;
  case GONIO_WIRE_FIXED32: {
    guint32 value = 0;
    if (!take (wire, &field, 4, error))
      return FALSE;
    memcpy (&value, field.data, 4);
    field.value = GUINT32_FROM_LE (value);
    break;
  }
  case GONIO_WIRE_BYTES:
    if (wire->at == wire->end)
      return fail (wire, field.start, "a field is cut off", error);
    if (!gonio_wire_varint (wire, &size, error))
      return FALSE;
    if (size > (guint64)(wire->end - wire->at))
      return fail (wire, field.start, "a field reaches past the end of its message", error);
    if (!take (wire, &field, (size_t)size, error))
      return FALSE;
    break;
  default:
    return fail (wire, field.start, "a field has an unknown wire type", error);
  }
  *out_field = field;
  return TRUE;
}
