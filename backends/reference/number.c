/* Numbers of every element type, moved in chunks. Depends on kernel.h. */
#include "backends/reference/number.h"

#include "backends/reference/kernel.h"

#include <math.h>
#include <string.h>

/* The types that are plain C arrays of one arithmetic type. */
#define PLAIN_TYPES(X)                                                                             \
  X (FLOAT, float)                                                                                 \
  X (DOUBLE, double)                                                                               \
  X (INT8, int8_t)                                                                                 \
  X (INT16, int16_t)                                                                               \
  X (INT32, int32_t)                                                                               \
  X (INT64, int64_t)                                                                               \
  X (UINT8, uint8_t)                                                                               \
  X (UINT16, uint16_t)                                                                             \
  X (UINT32, uint32_t)                                                                             \
  X (UINT64, uint64_t)

RefForm
ref_form (GonioDType dtype)
{
  if (gonio_dtype_is_float (dtype))
    return REF_FORM_FLOAT;
  if (dtype == GONIO_DTYPE_BOOL)
    return REF_FORM_UINT;
  if (gonio_dtype_is_integer (dtype))
    return gonio_dtype_is_signed (dtype) ? REF_FORM_INT : REF_FORM_UINT;
  return REF_FORM_NONE;
}

/* ---- small floats ---- */

typedef struct {
  int mantissa; /* bits */
  int bias;
  int max_code; /* code of the largest finite value */
  int inf_code; /* -1: none */
  int nan_code; /* positive NaN, -1: none */
  int sign_bit;
  gboolean negative_zero_is_nan; /* the "UZ" kinds */
} SmallFloat;

static const SmallFloat *
small_float (GonioDType dtype)
{
  static const SmallFloat e4m3fn = {3, 7, 0x7e, -1, 0x7f, 0x80, FALSE};
  static const SmallFloat e4m3fnuz = {3, 8, 0x7f, -1, 0x80, 0x80, TRUE};
  static const SmallFloat e5m2 = {2, 15, 0x7b, 0x7c, 0x7f, 0x80, FALSE};
  static const SmallFloat e5m2fnuz = {2, 16, 0x7f, -1, 0x80, 0x80, TRUE};
  static const SmallFloat e2m1 = {1, 1, 0x7, -1, -1, 0x8, FALSE};

  switch (dtype) {
  case GONIO_DTYPE_FLOAT8E4M3FN:
    return &e4m3fn;
  case GONIO_DTYPE_FLOAT8E4M3FNUZ:
    return &e4m3fnuz;
  case GONIO_DTYPE_FLOAT8E5M2:
    return &e5m2;
  case GONIO_DTYPE_FLOAT8E5M2FNUZ:
    return &e5m2fnuz;
  case GONIO_DTYPE_FLOAT4E2M1:
    return &e2m1;
  default:
    return NULL;
  }
}

/* Value of a finite non-negative code. */
static double
small_float_magnitude (const SmallFloat *f, int code)
{
  int exponent = code >> f->mantissa;
  int fraction = code & ((1 << f->mantissa) - 1);

  if (exponent == 0)
    return ldexp (fraction, 1 - f->bias - f->mantissa);
  return ldexp (fraction + (1 << f->mantissa), exponent - f->bias - f->mantissa);
}

double
ref_small_float_decode (GonioDType dtype, uint8_t bits)
{
  const SmallFloat *f = small_float (dtype);
  int code;
  double value;

  if (dtype == GONIO_DTYPE_FLOAT8E8M0)
    return bits == 0xff ? NAN : ldexp (1.0, (int)bits - 127);
  g_return_val_if_fail (f != NULL, NAN);

  if (f->negative_zero_is_nan && bits == f->nan_code)
    return NAN;
  code = bits & (f->sign_bit - 1);
  if (code > f->max_code)
    value = code == f->inf_code ? INFINITY : NAN;
  else
    value = small_float_magnitude (f, code);
  return bits & f->sign_bit ? -value : value;
}

uint8_t
ref_small_float_encode (GonioDType dtype, double value, gboolean saturate)
{
  const SmallFloat *f = small_float (dtype);
  int sign = signbit (value) ? 1 : 0;
  double magnitude = fabs (value), max;
  int code, exponent;

  if (dtype == GONIO_DTYPE_FLOAT8E8M0)
    return ref_e8m0_encode (value, saturate, "up");
  g_return_val_if_fail (f != NULL, 0);

  max = small_float_magnitude (f, f->max_code);
  if (isnan (value)) {
    if (f->nan_code < 0)
      return (uint8_t)f->sign_bit; /* no NaN in the type: ONNX gives -0 */
    return (uint8_t)(f->nan_code | (sign ? f->sign_bit : 0));
  }
  if (magnitude > 0 && isfinite (magnitude)) {
    double quantum;

    frexp (magnitude, &exponent);
    exponent = MAX (exponent - 1, 1 - f->bias);
    quantum = ldexp (1.0, exponent - f->mantissa);
    magnitude = nearbyint (magnitude / quantum) * quantum;
  }
  if (magnitude > max) {
    if (saturate || f->nan_code < 0)
      code = f->max_code;
    else if (f->inf_code >= 0)
      code = f->inf_code;
    else
      return (uint8_t)(f->nan_code | (sign ? f->sign_bit : 0));
  } else if (magnitude == 0) {
    code = 0;
    if (f->negative_zero_is_nan)
      sign = 0;
  } else {
    int fraction;

    frexp (magnitude, &exponent);
    exponent = MAX (exponent - 1, 1 - f->bias);
    fraction = (int)ldexp (magnitude, f->mantissa - exponent);
    code = fraction < (1 << f->mantissa)
               ? fraction
               : ((exponent + f->bias) << f->mantissa) + fraction - (1 << f->mantissa);
  }
  return (uint8_t)(code | (sign ? f->sign_bit : 0));
}

uint8_t
ref_e8m0_encode (double value, gboolean saturate, const char *round_mode)
{
  double fraction;
  int exponent;

  if (isnan (value))
    return 0xff;
  value = fabs (value);
  if (value == 0)
    return 0;
  if (isinf (value))
    return saturate ? 0xfe : 0xff;
  fraction = frexp (value, &exponent) * 2; /* [1, 2) */
  exponent -= 1;
  if (g_str_equal (round_mode, "nearest") ? fraction >= 1.5
                                          : fraction > 1 && g_str_equal (round_mode, "up"))
    exponent += 1;
  if (exponent > 127)
    return saturate ? 0xfe : 0xff;
  return exponent < -127 ? 0 : (uint8_t)(exponent + 127);
}

/* float nearest in the sense of "round to odd": a further rounding to a type of at least two
 * bits less then gives the same as one rounding from double. */
static float
odd_float (double value)
{
  float f = (float)value;
  uint32_t bits;

  if (!isfinite (f) || (double)f == value)
    return isinf (f) && isfinite (value) ? copysignf (G_MAXFLOAT, f) : f;
  if (fabs ((double)f) > fabs (value))
    f = nextafterf (f, 0);
  memcpy (&bits, &f, sizeof bits);
  bits |= 1;
  memcpy (&f, &bits, sizeof f);
  return f;
}

uint16_t
ref_half (double value)
{
  return gonio_float_to_half (odd_float (value));
}

uint16_t
ref_bfloat16 (double value)
{
  /* The largest float would round to infinity as it should: bfloat16 has float's range. */
  return gonio_float_to_bfloat16 (odd_float (value));
}

/* ---- packed types ---- */

uint8_t
ref_packed_get (const uint8_t *data, guint bits, int64_t i)
{
  guint per_byte = 8 / bits;

  return (uint8_t)((data[i / per_byte] >> (i % per_byte * bits)) & ((1u << bits) - 1));
}

void
ref_packed_set (uint8_t *data, guint bits, int64_t i, uint8_t value)
{
  guint per_byte = 8 / bits;
  guint shift = (guint)(i % per_byte) * bits;
  uint8_t mask = (uint8_t)(((1u << bits) - 1) << shift);

  data[i / per_byte] = (uint8_t)((data[i / per_byte] & ~mask) | ((value << shift) & mask));
}

/* ---- wide conversions ---- */

int64_t
ref_truncate_i64 (double value)
{
  if (isnan (value))
    return 0;
  if (value >= 0x1p63)
    return G_MAXINT64;
  if (value < -0x1p63)
    return G_MININT64;
  return (int64_t)value;
}

uint64_t
ref_truncate_u64 (double value)
{
  if (value >= 0x1p64)
    return G_MAXUINT64;
  if (value >= 0x1p63)
    return (uint64_t)value;
  return (uint64_t)ref_truncate_i64 (value);
}

/* A double for rounding further down: exact, or with its last bit set if it is not. */
static double
odd_double (int64_t value, gboolean is_unsigned)
{
  gboolean negative = !is_unsigned && value < 0;
  uint64_t magnitude = negative ? -(uint64_t)value : (uint64_t)value;
  double d;

  if (magnitude >> 53)
    d = ldexp ((double)((magnitude >> 11) | ((magnitude & 2047) != 0)), 11);
  else
    d = (double)magnitude;
  return negative ? -d : d;
}

/* ---- loading ---- */

static double
load_rare_f64 (const GonioTensor *tensor, int64_t i)
{
  GonioDType dtype = gonio_tensor_dtype (tensor);
  const uint8_t *bytes = gonio_tensor_data (tensor);

  if (dtype == GONIO_DTYPE_FLOAT4E2M1)
    return ref_small_float_decode (dtype, ref_packed_get (bytes, 4, i));
  return ref_small_float_decode (dtype, bytes[i]);
}

static int64_t
load_packed_int (const GonioTensor *tensor, int64_t i)
{
  GonioDType dtype = gonio_tensor_dtype (tensor);
  guint bits = gonio_dtype_bits (dtype);
  int64_t value = ref_packed_get (gonio_tensor_data (tensor), bits, i);

  if (gonio_dtype_is_signed (dtype) && value >> (bits - 1))
    value -= (int64_t)1 << bits;
  return value;
}

void
ref_load_f64 (const GonioTensor *tensor, int64_t at, int64_t n, double *out)
{
  const void *data = gonio_tensor_data (tensor);

  switch (gonio_tensor_dtype (tensor)) {
#define LOAD(NAME, TYPE)                                                                           \
  case GONIO_DTYPE_##NAME: {                                                                       \
    const TYPE *in = (const TYPE *)data + at;                                                      \
    for (int64_t i = 0; i < n; i++)                                                                \
      out[i] = (double)in[i];                                                                      \
    break;                                                                                         \
  }
    PLAIN_TYPES (LOAD)
#undef LOAD
  case GONIO_DTYPE_BOOL:
    for (int64_t i = 0; i < n; i++)
      out[i] = ((const uint8_t *)data)[at + i] != 0;
    break;
  case GONIO_DTYPE_FLOAT16:
    for (int64_t i = 0; i < n; i++)
      out[i] = gonio_half_to_float (((const uint16_t *)data)[at + i]);
    break;
  case GONIO_DTYPE_BFLOAT16:
    for (int64_t i = 0; i < n; i++)
      out[i] = gonio_bfloat16_to_float (((const uint16_t *)data)[at + i]);
    break;
  case GONIO_DTYPE_INT4:
  case GONIO_DTYPE_UINT4:
  case GONIO_DTYPE_INT2:
  case GONIO_DTYPE_UINT2:
    for (int64_t i = 0; i < n; i++)
      out[i] = (double)load_packed_int (tensor, at + i);
    break;
  default:
    for (int64_t i = 0; i < n; i++)
      out[i] = load_rare_f64 (tensor, at + i);
  }
}

void
ref_load_i64 (const GonioTensor *tensor, int64_t at, int64_t n, int64_t *out)
{
  const void *data = gonio_tensor_data (tensor);

  switch (gonio_tensor_dtype (tensor)) {
#define LOAD(NAME, TYPE)                                                                           \
  case GONIO_DTYPE_##NAME: {                                                                       \
    const TYPE *in = (const TYPE *)data + at;                                                      \
    for (int64_t i = 0; i < n; i++)                                                                \
      out[i] = (int64_t)in[i];                                                                     \
    break;                                                                                         \
  }
    LOAD (INT8, int8_t)
    LOAD (INT16, int16_t)
    LOAD (INT32, int32_t)
    LOAD (INT64, int64_t)
    LOAD (UINT8, uint8_t)
    LOAD (UINT16, uint16_t)
    LOAD (UINT32, uint32_t)
    LOAD (UINT64, uint64_t)
#undef LOAD
  case GONIO_DTYPE_BOOL:
    for (int64_t i = 0; i < n; i++)
      out[i] = ((const uint8_t *)data)[at + i] != 0;
    break;
  case GONIO_DTYPE_INT4:
  case GONIO_DTYPE_UINT4:
  case GONIO_DTYPE_INT2:
  case GONIO_DTYPE_UINT2:
    for (int64_t i = 0; i < n; i++)
      out[i] = load_packed_int (tensor, at + i);
    break;
  default:
    for (int64_t i = 0; i < n; i++) {
      double value;

      ref_load_f64 (tensor, at + i, 1, &value);
      out[i] = ref_truncate_i64 (value);
    }
  }
}

/* ---- storing ---- */

void
ref_store_f64 (GonioTensor *tensor, int64_t at, int64_t n, const double *in)
{
  void *data = gonio_tensor_writable_data (tensor);
  GonioDType dtype = gonio_tensor_dtype (tensor);

  switch (dtype) {
  case GONIO_DTYPE_FLOAT:
    for (int64_t i = 0; i < n; i++)
      ((float *)data)[at + i] = (float)in[i];
    break;
  case GONIO_DTYPE_DOUBLE:
    for (int64_t i = 0; i < n; i++)
      ((double *)data)[at + i] = in[i];
    break;
  case GONIO_DTYPE_FLOAT16:
    for (int64_t i = 0; i < n; i++)
      ((uint16_t *)data)[at + i] = ref_half (in[i]);
    break;
  case GONIO_DTYPE_BFLOAT16:
    for (int64_t i = 0; i < n; i++)
      ((uint16_t *)data)[at + i] = ref_bfloat16 (in[i]);
    break;
  case GONIO_DTYPE_BOOL:
    for (int64_t i = 0; i < n; i++)
      ((uint8_t *)data)[at + i] = in[i] != 0;
    break;
  case GONIO_DTYPE_FLOAT4E2M1:
    for (int64_t i = 0; i < n; i++)
      ref_packed_set (data, 4, at + i, ref_small_float_encode (dtype, in[i], TRUE));
    break;
  case GONIO_DTYPE_FLOAT8E4M3FN:
  case GONIO_DTYPE_FLOAT8E4M3FNUZ:
  case GONIO_DTYPE_FLOAT8E5M2:
  case GONIO_DTYPE_FLOAT8E5M2FNUZ:
  case GONIO_DTYPE_FLOAT8E8M0:
    for (int64_t i = 0; i < n; i++)
      ((uint8_t *)data)[at + i] = ref_small_float_encode (dtype, in[i], TRUE);
    break;
  default:
    for (int64_t i = 0; i < n; i++) {
      gboolean wide = dtype == GONIO_DTYPE_UINT64;
      int64_t value = wide ? (int64_t)ref_truncate_u64 (in[i]) : ref_truncate_i64 (in[i]);

      ref_store_i64 (tensor, at + i, 1, &value, wide);
    }
  }
}

/* Integers into a floating type, rounded once. */
static void
store_i64_as_float (GonioTensor *tensor, int64_t at, int64_t n, const int64_t *in,
                    gboolean is_unsigned)
{
  void *data = gonio_tensor_writable_data (tensor);

  for (int64_t i = 0; i < n; i++) {
    switch (gonio_tensor_dtype (tensor)) {
    case GONIO_DTYPE_FLOAT:
      ((float *)data)[at + i] = is_unsigned ? (float)(uint64_t)in[i] : (float)in[i];
      break;
    case GONIO_DTYPE_DOUBLE:
      ((double *)data)[at + i] = is_unsigned ? (double)(uint64_t)in[i] : (double)in[i];
      break;
    default: {
      double value = odd_double (in[i], is_unsigned);

      ref_store_f64 (tensor, at + i, 1, &value);
    }
    }
  }
}

void
ref_store_i64 (GonioTensor *tensor, int64_t at, int64_t n, const int64_t *in, gboolean is_unsigned)
{
  void *data = gonio_tensor_writable_data (tensor);
  GonioDType dtype = gonio_tensor_dtype (tensor);

  switch (dtype) {
#define STORE(NAME, TYPE)                                                                          \
  case GONIO_DTYPE_##NAME: {                                                                       \
    TYPE *out = (TYPE *)data + at;                                                                 \
    for (int64_t i = 0; i < n; i++)                                                                \
      out[i] = (TYPE)in[i];                                                                        \
    break;                                                                                         \
  }
    STORE (INT8, int8_t)
    STORE (INT16, int16_t)
    STORE (INT32, int32_t)
    STORE (INT64, int64_t)
    STORE (UINT8, uint8_t)
    STORE (UINT16, uint16_t)
    STORE (UINT32, uint32_t)
    STORE (UINT64, uint64_t)
#undef STORE
  case GONIO_DTYPE_BOOL:
    for (int64_t i = 0; i < n; i++)
      ((uint8_t *)data)[at + i] = in[i] != 0;
    break;
  case GONIO_DTYPE_INT4:
  case GONIO_DTYPE_UINT4:
  case GONIO_DTYPE_INT2:
  case GONIO_DTYPE_UINT2: {
    guint bits = gonio_dtype_bits (dtype);

    for (int64_t i = 0; i < n; i++)
      ref_packed_set (data, bits, at + i, (uint8_t)(in[i] & ((1 << bits) - 1)));
    break;
  }
  default:
    store_i64_as_float (tensor, at, n, in, is_unsigned);
  }
}

/* ---- lanes and chunks ---- */

void
ref_load_lane (const GonioTensor *tensor, int64_t at, int64_t stride, int64_t n, double *out)
{
  if (stride == 1)
    ref_load_f64 (tensor, at, n, out);
  else
    for (int64_t i = 0; i < n; i++)
      ref_load_f64 (tensor, at + i * stride, 1, out + i);
}

void
ref_store_lane (GonioTensor *tensor, int64_t at, int64_t stride, int64_t n, const double *in)
{
  if (stride == 1)
    ref_store_f64 (tensor, at, n, in);
  else
    for (int64_t i = 0; i < n; i++)
      ref_store_f64 (tensor, at + i * stride, 1, in + i);
}

void
ref_load (const GonioTensor *tensor, int64_t at, int step, int n, RefForm form, RefChunk *out)
{
  int64_t count = step == 0 ? MIN (n, 1) : n;

  if (form == REF_FORM_FLOAT) {
    ref_load_f64 (tensor, at, count, out->f);
    for (int i = (int)count; i < n; i++)
      out->f[i] = out->f[0];
  } else {
    ref_load_i64 (tensor, at, count, out->i);
    for (int i = (int)count; i < n; i++)
      out->i[i] = out->i[0];
  }
}

void
ref_store (GonioTensor *tensor, int64_t at, int n, RefForm form, const RefChunk *in)
{
  if (form == REF_FORM_FLOAT)
    ref_store_f64 (tensor, at, n, in->f);
  else
    ref_store_i64 (tensor, at, n, in->i, form == REF_FORM_UINT);
}

double *
ref_dup_f64 (const GonioTensor *tensor, GError **error)
{
  double *data = ref_alloc (gonio_tensor_count (tensor), sizeof *data, error);

  if (data != NULL)
    ref_load_f64 (tensor, 0, gonio_tensor_count (tensor), data);
  return data;
}

int64_t *
ref_dup_i64 (const GonioTensor *tensor, GError **error)
{
  int64_t *data = ref_alloc (gonio_tensor_count (tensor), sizeof *data, error);

  if (data != NULL)
    ref_load_i64 (tensor, 0, gonio_tensor_count (tensor), data);
  return data;
}
