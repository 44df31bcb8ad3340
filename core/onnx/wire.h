/* Reading protobuf's wire format field by field, from memory or a file. Depends on base. */
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

/* An open file with addresses for all of it. What is not read yet must not be looked at:
 * gonio_onnx_bytes_need() first. Read once, it stays as it is, whatever happens to the file, until
 * it is given back (gonio_onnx_source_drop()). Of file.c. */
typedef struct {
  guint8 *data; /* NULL: none, or empty */
  size_t size;
  int fd;
  char *name;
  guint8 *there;   /* bits of blocks */
  size_t next;     /* block after the last one read */
  size_t ahead;    /* blocks read at once */
  size_t from, to; /* a range that is there: the one asked for last */
} GonioOnnxBytes;
gboolean gonio_onnx_bytes_need (GonioOnnxBytes *bytes, const guint8 *data, size_t size,
                                GError **error);

/* A range of the file; base is the file's first byte, for offsets in messages. */
typedef struct {
  const guint8 *base;
  const guint8 *at;
  const guint8 *end;
  GonioOnnxBytes *bytes; /* nullable: all of it is there */
} GonioWire;

typedef struct {
  guint32 number;
  GonioWireType type;
  const guint8 *start; /* of the tag */
  const guint8 *data;  /* payload: of bytes without the length, else the number's bytes */
  size_t size;         /* of data */
  guint64 value;       /* of numbers; fixed32 in the low half */
} GonioWireField;

/* FALSE without error at the end, FALSE with GONIO_LOAD_ERROR_MALFORMED on bad bytes. The data of
 * bytes fields may not be there yet. */
gboolean gonio_wire_next (GonioWire *wire, GonioWireField *out_field, GError **error);
/* The next varint of a packed field, which is there; FALSE at the end or (then with error) on bad
 * bytes. */
gboolean gonio_wire_varint (GonioWire *wire, guint64 *out_value, GError **error);

G_END_DECLS
