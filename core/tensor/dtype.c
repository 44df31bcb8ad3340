/* Element types: one table, and conversions of the narrow floating kinds. Depends on base. */
#include "core/tensor/dtype.h"

#include <math.h>
#include <string.h>

enum {
  KIND_OTHER = 0,
  KIND_FLOAT = 1 << 0,
  KIND_INTEGER = 1 << 1,
  KIND_SIGNED = 1 << 2,
};

typedef struct {
  const char *name;
  guint bits;
  guint kind;
} DTypeRow;

static const DTypeRow rows[GONIO_DTYPE_COUNT] = {
    [GONIO_DTYPE_NONE] = {"none", 0, KIND_OTHER},
    [GONIO_DTYPE_FLOAT] = {"float", 32, KIND_FLOAT | KIND_SIGNED},
    [GONIO_DTYPE_UINT8] = {"uint8", 8, KIND_INTEGER},
    [GONIO_DTYPE_INT8] = {"int8", 8, KIND_INTEGER | KIND_SIGNED},
    [GONIO_DTYPE_UINT16] = {"uint16", 16, KIND_INTEGER},
    [GONIO_DTYPE_INT16] = {"int16", 16, KIND_INTEGER | KIND_SIGNED},
    [GONIO_DTYPE_INT32] = {"int32", 32, KIND_INTEGER | KIND_SIGNED},
    [GONIO_DTYPE_INT64] = {"int64", 64, KIND_INTEGER | KIND_SIGNED},
    [GONIO_DTYPE_STRING] = {"string", 8 * sizeof (char *), KIND_OTHER},
    [GONIO_DTYPE_BOOL] = {"bool", 8, KIND_OTHER},
    [GONIO_DTYPE_FLOAT16] = {"float16", 16, KIND_FLOAT | KIND_SIGNED},
    [GONIO_DTYPE_DOUBLE] = {"double", 64, KIND_FLOAT | KIND_SIGNED},
    [GONIO_DTYPE_UINT32] = {"uint32", 32, KIND_INTEGER},
    [GONIO_DTYPE_UINT64] = {"uint64", 64, KIND_INTEGER},
    [GONIO_DTYPE_COMPLEX64] = {"complex64", 64, KIND_SIGNED},
    [GONIO_DTYPE_COMPLEX128] = {"complex128", 128, KIND_SIGNED},
    [GONIO_DTYPE_BFLOAT16] = {"bfloat16", 16, KIND_FLOAT | KIND_SIGNED},
    [GONIO_DTYPE_FLOAT8E4M3FN] = {"float8e4m3fn", 8, KIND_FLOAT | KIND_SIGNED},
    [GONIO_DTYPE_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", 8, KIND_FLOAT | KIND_SIGNED},
    [GONIO_DTYPE_FLOAT8E5M2] = {"float8e5m2", 8, KIND_FLOAT | KIND_SIGNED},
    [GONIO_DTYPE_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", 8, KIND_FLOAT | KIND_SIGNED},
    [GONIO_DTYPE_UINT4] = {"uint4", 4, KIND_INTEGER},
    [GONIO_DTYPE_INT4] = {"int4", 4, KIND_INTEGER | KIND_SIGNED},
    [GONIO_DTYPE_FLOAT4E2M1] = {"float4e2m1", 4, KIND_FLOAT | KIND_SIGNED},
    [GONIO_DTYPE_FLOAT8E8M0] = {"float8e8m0", 8, KIND_FLOAT},
    [GONIO_DTYPE_UINT2] = {"uint2", 2, KIND_INTEGER},
    [GONIO_DTYPE_INT2] = {"int2", 2, KIND_INTEGER | KIND_SIGNED},
};

static const DTypeRow *
row_of (GonioDType dtype)
{
  /* dtype may come from a file, so the enum is not trusted. */
  return (guint)dtype < GONIO_DTYPE_COUNT ? &rows[dtype] : &rows[GONIO_DTYPE_NONE];
}

const char *
gonio_dtype_name (GonioDType dtype)
{
  return row_of (dtype)->name;
}

GonioDType
gonio_dtype_from_name (const char *name)
{
  for (guint i = 1; i < GONIO_DTYPE_COUNT; i++)
    if (strcmp (rows[i].name, name) == 0)
      return (GonioDType)i;
  return GONIO_DTYPE_NONE;
}

guint
gonio_dtype_bits (GonioDType dtype)
{
  return row_of (dtype)->bits;
}

gboolean
gonio_dtype_is_float (GonioDType dtype)
{
  return (row_of (dtype)->kind & KIND_FLOAT) != 0;
}

gboolean
gonio_dtype_is_integer (GonioDType dtype)
{
  return (row_of (dtype)->kind & KIND_INTEGER) != 0;
}

gboolean
gonio_dtype_is_signed (GonioDType dtype)
{
  return (row_of (dtype)->kind & KIND_SIGNED) != 0;
}

static uint32_t
bits_of (float value)
{
  uint32_t bits;
  memcpy (&bits, &value, sizeof bits);
  return bits;
}

static float
float_of (uint32_t bits)
{
  float value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

float
gonio_half_to_float (uint16_t half)
{
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
  uint32_t exponent = (half >> 10) & 0x1f;
  uint32_t mantissa = half & 0x3ff;
  if (exponent == 0x1f)
    return float_of (sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0)
    return float_of (sign | (exponent + 112) << 23 | mantissa << 13);
  float value = (float)mantissa * 0x1p-24f;
  return sign ? -value : value;
}

uint16_t
gonio_float_to_half (float value)
{
  uint32_t bits = bits_of (value);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) /* NaN stays NaN, quiet */
    return sign | 0x7e00u | (uint16_t)(magnitude >> 13 & 0x1ffu);
  if (magnitude >= 0x477ff000u) /* rounds to 2^16 or more */
    return sign | 0x7c00u;
  if (magnitude < 0x38800000u) {
    /* Below 2^-14: the sum with 0.5 aligns the mantissa at 2^-24, and the addition rounds to
     * nearest even. */
    float aligned = float_of (magnitude) + 0.5f;
    return sign | (uint16_t)(bits_of (aligned) - 0x3f000000u);
  }
  uint32_t odd = magnitude >> 13 & 1;
  return sign | (uint16_t)((magnitude - 0x38000000u + 0xfffu + odd) >> 13);
}

float
gonio_bfloat16_to_float (uint16_t value)
{
  return float_of ((uint32_t)value << 16);
}

uint16_t
gonio_float_to_bfloat16 (float value)
{
  uint32_t bits = bits_of (value);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

/* Floats of at most 8 bits. fnuz kinds have no negative zero: its code is their only NaN. */
typedef struct {
  GonioDType dtype;
  int exponent_bits, mantissa_bits, bias;
  gboolean has_infinity; /* IEEE-like top exponent */
  gboolean nan_is_top;   /* all ones is NaN, no infinity */
  gboolean unsigned_zero;
} SmallFloat;

static const SmallFloat small_floats[] = {
    {GONIO_DTYPE_FLOAT8E4M3FN, 4, 3, 7, FALSE, TRUE, FALSE},
    {GONIO_DTYPE_FLOAT8E4M3FNUZ, 4, 3, 8, FALSE, FALSE, TRUE},
    {GONIO_DTYPE_FLOAT8E5M2, 5, 2, 15, TRUE, FALSE, FALSE},
    {GONIO_DTYPE_FLOAT8E5M2FNUZ, 5, 2, 16, FALSE, FALSE, TRUE},
    {GONIO_DTYPE_FLOAT4E2M1, 2, 1, 1, FALSE, FALSE, FALSE},
};

float
gonio_small_float_to_float (GonioDType dtype, uint8_t code)
{
  if (dtype == GONIO_DTYPE_FLOAT8E8M0)
    return code == 0xff ? NAN : ldexpf (1.0f, code - 127);

  for (guint i = 0; i < G_N_ELEMENTS (small_floats); i++) {
    const SmallFloat *f = &small_floats[i];
    if (f->dtype != dtype)
      continue;
    int magnitude_bits = f->exponent_bits + f->mantissa_bits;
    guint sign = code >> magnitude_bits & 1;
    guint magnitude = code & ((1u << magnitude_bits) - 1);
    int exponent = (int)(magnitude >> f->mantissa_bits);
    int mantissa = (int)(magnitude & ((1u << f->mantissa_bits) - 1));
    int top = (1 << f->exponent_bits) - 1;

    if (f->unsigned_zero && sign && magnitude == 0)
      return NAN;
    if (f->nan_is_top && magnitude == (1u << magnitude_bits) - 1)
      return NAN;
    if (f->has_infinity && exponent == top)
      return mantissa ? NAN : sign ? -INFINITY : INFINITY;

    float value = exponent == 0 ? ldexpf ((float)mantissa, 1 - f->bias - f->mantissa_bits)
                                : ldexpf ((float)(mantissa + (1 << f->mantissa_bits)),
                                          exponent - f->bias - f->mantissa_bits);
    return sign ? -value : value;
  }
  return NAN;
}
