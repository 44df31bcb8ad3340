/* Element types. The numbers are those of ONNX TensorProto.DataType. Depends on base. */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum {
  GONIO_DTYPE_NONE = 0, /* unknown */
  GONIO_DTYPE_FLOAT = 1,
  GONIO_DTYPE_UINT8 = 2,
  GONIO_DTYPE_INT8 = 3,
  GONIO_DTYPE_UINT16 = 4,
  GONIO_DTYPE_INT16 = 5,
  GONIO_DTYPE_INT32 = 6,
  GONIO_DTYPE_INT64 = 7,
  GONIO_DTYPE_STRING = 8,
  GONIO_DTYPE_BOOL = 9,
  GONIO_DTYPE_FLOAT16 = 10,
  GONIO_DTYPE_DOUBLE = 11,
  GONIO_DTYPE_UINT32 = 12,
  GONIO_DTYPE_UINT64 = 13,
  GONIO_DTYPE_COMPLEX64 = 14,
  GONIO_DTYPE_COMPLEX128 = 15,
  GONIO_DTYPE_BFLOAT16 = 16,
  GONIO_DTYPE_FLOAT8E4M3FN = 17,
  GONIO_DTYPE_FLOAT8E4M3FNUZ = 18,
  GONIO_DTYPE_FLOAT8E5M2 = 19,
  GONIO_DTYPE_FLOAT8E5M2FNUZ = 20,
  GONIO_DTYPE_UINT4 = 21,
  GONIO_DTYPE_INT4 = 22,
  GONIO_DTYPE_FLOAT4E2M1 = 23,
  GONIO_DTYPE_FLOAT8E8M0 = 24,
  GONIO_DTYPE_UINT2 = 25,
  GONIO_DTYPE_INT2 = 26,
  GONIO_DTYPE_COUNT
} GonioDType;

/* ONNX's lower-case name ("float", "int64", ...); "none" for anything outside the enum. */
const char *gonio_dtype_name (GonioDType dtype);
/* GONIO_DTYPE_NONE when the name is unknown. */
GonioDType gonio_dtype_from_name (const char *name);

/* Bits per element as stored in a GonioTensor. Sub-byte types are stored packed, low bits
 * first, as ONNX packs them; strings are stored as one char* each. 0 for NONE. */
guint gonio_dtype_bits (GonioDType dtype);
gboolean gonio_dtype_is_float (GonioDType dtype);   /* any real floating kind */
gboolean gonio_dtype_is_integer (GonioDType dtype); /* any integer kind, not bool */
gboolean gonio_dtype_is_signed (GonioDType dtype);

/* IEEE binary16 and bfloat16 conversion, round to nearest even. */
float gonio_half_to_float (uint16_t half);
uint16_t gonio_float_to_half (float value);
float gonio_bfloat16_to_float (uint16_t value);
uint16_t gonio_float_to_bfloat16 (float value);
/* Value of a code of the float8 kinds and float4e2m1; NaN for any other dtype. */
float gonio_small_float_to_float (GonioDType dtype, uint8_t code);

G_END_DECLS
