/* Reading protobuf's wire format field by field. Depends on base. */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
  GONIO_WIRE_VARINT = 0,
  GONIO_WIRE_FIXED64 = 1,
  GONIO_WIRE_BYTES = 2,
  GONIO_WIRE_FIXED32 = 5,
} GonioWireType;

/* A range of the file; base is the file's first byte, for offsets in messages. */
typedef struct {
  const guint8 *base;
  const guint8 *at;
  const guint8 *end;
} GonioWire;

typedef struct {
  guint32 number;
  GonioWireType type;
  const guint8 *start; /* of the tag */
  const guint8 *data;  /* payload: of bytes without the length, else the number's bytes */
  size_t size;         /* of data */
  guint64 value;       /* of numbers; fixed32 in the low half */
} GonioWireField;

/* FALSE without error at the end, FALSE with GONIO_LOAD_ERROR_MALFORMED on bad bytes. */
gboolean gonio_wire_next (GonioWire *wire, GonioWireField *out_field, GError **error);
/* The next varint of a packed field; FALSE at the end or (then with error) on bad bytes. */
gboolean gonio_wire_varint (GonioWire *wire, guint64 *out_value, GError **error);

G_END_DECLS
