/* Quantised operators: integers are centred on their zero point, multiplied exactly in double
 * and rounded back once. Depends on kernel.h, conv.h, matmul.h. */
#include "backends/reference/conv.h"
#include "backends/reference/kernel.h"
#include "backends/reference/matmul.h"

#include <math.h>

/* ---- which scale and zero point belong to an element ---- */

/* A parameter tensor against data cut into outer x n x inner: one for all, one per position
 * along the axis, or one per block of positions (its shape then is the data's with the axis
 * divided). */
typedef struct {
  const GonioTensor *tensor; /* nullable: 0 */
  gboolean per_axis;
  int64_t block; /* 0: not blocked */
  int64_t n, inner;
} Param;

static int64_t
param_index (const Param *p, int64_t at)
{
  int64_t inner = at % p->inner, position = at / p->inner % p->n, outer = at / p->inner / p->n;

  if (p->block > 0) {
    int64_t blocks = (p->n - 1) / p->block + 1;

    return (outer * blocks + position / p->block) * p->inner + inner;
  }
  return p->per_axis ? position : 0;
}

static double
param_value (const Param *p, int64_t at)
{
  double value = 0;

  if (p->tensor != NULL)
    ref_load_f64 (p->tensor, param_index (p, at), 1, &value);
  return value;
}

static gboolean
param_init (Param *p, const GonioTensor *tensor, const GonioTensor *x, int64_t axis, int64_t block,
            const char *what, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (x), *own;
  gboolean fits = TRUE;
  int d;

  *p = (Param){.tensor = tensor, .n = 1, .inner = 1};
  if (tensor == NULL)
    return TRUE;
  own = gonio_tensor_shape (tensor);
  if (block < 0)
    return ref_bad_value (error, "block_size is %" G_GINT64_FORMAT, block);
  if (gonio_tensor_count (tensor) == 1 && block == 0)
    return TRUE;
  if (!ref_axis (axis, shape->rank, &d, error))
    return FALSE;
  p->n = MAX (shape->dims[d], 1);
  p->inner = MAX (ref_dims_product (shape, d + 1, shape->rank), 1);
  p->per_axis = block == 0;
  p->block = block;
  if (block == 0) {
    fits = own->rank == 1 && own->dims[0] == shape->dims[d];
  } else {
    fits = own->rank == shape->rank;
    for (int i = 0; fits && i < own->rank; i++)
      fits = own->dims[i] == (i == d ? (shape->dims[i] + block - 1) / block : shape->dims[i]);
  }
  if (!fits) {
    g_autofree char *left = gonio_shape_to_string (own), *right = gonio_shape_to_string (shape);

    return ref_bad_shape (error, "%s of shape %s does not fit data of shape %s along axis %d", what,
                          left, right, d);
  }
  return TRUE;
}

/* ---- rounding into a quantised type ---- */

/* value is already divided by the scale. */
static void
store_quantized (GonioTensor *y, int64_t at, double value, double zero, gboolean saturate)
{
  GonioDType dtype = gonio_tensor_dtype (y);
  guint bits = gonio_dtype_bits (dtype);
  double low, high;
  int64_t whole;

  if (dtype == GONIO_DTYPE_FLOAT4E2M1) {
    ref_packed_set (gonio_tensor_writable_data (y), 4, at,
                    ref_small_float_encode (dtype, value + zero, TRUE));
    return;
  }
  if (gonio_dtype_is_float (dtype)) {
    ((uint8_t *)gonio_tensor_writable_data (y))[at] =
        ref_small_float_encode (dtype, value + zero, saturate);
    return;
  }
  low = gonio_dtype_is_signed (dtype) ? -ldexp (1, (int)bits - 1) : 0;
  high = low + ldexp (1, (int)bits) - 1;
  value = nearbyint (value) + zero;
  whole = isnan (value) ? 0 : (int64_t)CLAMP (value, low, high);
  ref_store_i64 (y, at, 1, &whole, FALSE);
}

/* A quotient in the precision the operator divides with. */
static double
round_to (double value, GonioDType dtype)
{
  if (dtype == GONIO_DTYPE_FLOAT16)
    return gonio_half_to_float (ref_half (value));
  if (dtype == GONIO_DTYPE_BFLOAT16)
    return gonio_bfloat16_to_float (ref_bfloat16 (value));
  return dtype == GONIO_DTYPE_DOUBLE ? value : (double)(float)value;
}

#define QUANTIZED                                                                                  \
  (REF_T (INT8) | REF_T (UINT8) | REF_T (INT16) | REF_T (UINT16) | REF_PACKED_INTS | REF_FLOAT8 |  \
   REF_T (FLOAT4E2M1))

static gboolean
quantized_type (const GonioKernel *k, GonioDType *out_dtype, GError **error)
{
  const GonioTensor *zero = ref_in (k, 2);
  int64_t named = ref_attr_int (k, "output_dtype", 0);
  int64_t dtype = zero != NULL ? (int64_t)gonio_tensor_dtype (zero)
                  : named != 0 ? named
                               : GONIO_DTYPE_UINT8;

  if (dtype <= 0 || dtype >= GONIO_DTYPE_COUNT || ((QUANTIZED >> dtype) & 1) == 0 ||
      (named != 0 && named != dtype))
    return ref_bad_value (
        error, "output_dtype is %" G_GINT64_FORMAT ", the zero point asks for %" G_GINT64_FORMAT,
        named, dtype);
  *out_dtype = (GonioDType)dtype;
  return TRUE;
}

static gboolean
run_quantize (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  int64_t axis = ref_attr_int (k, "axis", 1), block = ref_attr_int (k, "block_size", 0);
  int64_t precision = ref_attr_int (k, "precision", 0);
  gboolean saturate = ref_attr_int (k, "saturate", 1) != 0;
  GonioDType dtype, division = gonio_tensor_dtype (k->inputs[1]);
  Param scale, zero;

  if (!param_init (&scale, k->inputs[1], x, axis, block, "scale", error) ||
      !param_init (&zero, ref_in (k, 2), x, axis, block, "zero point", error) ||
      !quantized_type (k, &dtype, error))
    return FALSE;
  if (precision != 0)
    division = (GonioDType)CLAMP (precision, 0, GONIO_DTYPE_COUNT - 1);
  y = ref_output (k, 0, dtype, gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    double value;

    ref_load_f64 (x, i, 1, &value);
    value = round_to (value / param_value (&scale, i), division);
    store_quantized (y, i, value, param_value (&zero, i), saturate);
  }
  return TRUE;
}

static gboolean
run_dequantize (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  int64_t axis = ref_attr_int (k, "axis", 1), block = ref_attr_int (k, "block_size", 0);
  int64_t dtype = ref_attr_int (k, "output_dtype", 0);
  Param scale, zero;

  if (dtype == 0)
    dtype = gonio_tensor_dtype (k->inputs[1]);
  if (dtype < 0 || dtype >= GONIO_DTYPE_COUNT || ((REF_FLOATS >> dtype) & 1) == 0)
    return ref_bad_value (error, "output_dtype %" G_GINT64_FORMAT " is no floating type", dtype);
  if (!param_init (&scale, k->inputs[1], x, axis, block, "scale", error) ||
      !param_init (&zero, ref_in (k, 2), x, axis, block, "zero point", error))
    return FALSE;
  y = ref_output (k, 0, (GonioDType)dtype, gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    double value;

    ref_load_f64 (x, i, 1, &value);
    value = (value - param_value (&zero, i)) * param_value (&scale, i);
    ref_store_f64 (y, i, 1, &value);
  }
  return TRUE;
}

static gboolean
run_dynamic_quantize (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y, *y_scale, *y_zero;
  float low = 0, high = 0, scale, zero;
  const float *in = gonio_tensor_data (x);

  y = ref_output (k, 0, GONIO_DTYPE_UINT8, gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    low = in[i] < low ? in[i] : low;
    high = in[i] > high ? in[i] : high;
  }
  if (isinf (high - low))
    return ref_bad_value (error, "values from %g to %g have no scale", (double)low, (double)high);
  scale = high > low ? (high - low) / 255 : 1;
  zero = nearbyintf (CLAMP (-low / scale, 0, 255));
  for (int64_t i = 0; i < gonio_tensor_count (x); i++)
    store_quantized (y, i, (double)(in[i] / scale), (double)zero, TRUE);
  if (ref_wants (k, 1)) {
    y_scale = ref_output (k, 1, GONIO_DTYPE_FLOAT, &GONIO_SHAPE_SCALAR, error);
    if (y_scale == NULL)
      return FALSE;
    *(float *)gonio_tensor_writable_data (y_scale) = scale;
  }
  if (ref_wants (k, 2)) {
    y_zero = ref_output (k, 2, GONIO_DTYPE_UINT8, &GONIO_SHAPE_SCALAR, error);
    if (y_zero == NULL)
      return FALSE;
    *(uint8_t *)gonio_tensor_writable_data (y_zero) = (uint8_t)zero;
  }
  return TRUE;
}

/* ---- products ---- */

/* x - zero point as a DOUBLE tensor. axis: what a 1-D zero point runs along; one of x's rank
 * broadcasts. (transfer full) */
static GonioTensor *
centre (const GonioTensor *x, const GonioTensor *zero, int axis, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (x);
  g_autoptr (GonioTensor) out = NULL;
  g_autoptr (GonioTensor) lined = NULL;
  GonioTensor *operands[1];
  double *data;
  g_auto (RefBroadcast) b = {0};

  out = gonio_tensor_new (GONIO_DTYPE_DOUBLE, shape, error);
  if (out == NULL)
    return NULL;
  data = gonio_tensor_writable_data (out);
  ref_load_f64 (x, 0, gonio_tensor_count (x), data);
  if (zero == NULL)
    return g_steal_pointer (&out);
  if (gonio_tensor_shape (zero)->rank == 1 && gonio_tensor_count (zero) != 1) {
    GonioShape line = {.rank = shape->rank};

    for (int d = 0; d < shape->rank; d++)
      line.dims[d] = d == axis ? gonio_tensor_count (zero) : 1;
    lined = gonio_tensor_new_view ((GonioTensor *)zero, &line, error);
    if (lined == NULL)
      return NULL;
  }
  operands[0] = lined != NULL ? lined : (GonioTensor *)zero;
  if (!ref_broadcast_init_to (&b, shape, operands, 1, error))
    return NULL;
  for (int64_t r = 0, at = 0; r < b.rows; r++, ref_broadcast_next (&b))
    for (int64_t c = 0; c < b.row; c++) {
      double value;

      ref_load_f64 (operands[0], b.offset[0] + c * b.step[0], 1, &value);
      data[at++] -= value;
    }
  return g_steal_pointer (&out);
}

/* Sums of a quantised matrix product as a DOUBLE tensor. (transfer full) */
static GonioTensor *
integer_matmul (GonioTensor *a, GonioTensor *a_zero, GonioTensor *b, GonioTensor *b_zero,
                RefMatmul *mm, GError **error)
{
  g_autoptr (GonioTensor) left = NULL;
  g_autoptr (GonioTensor) right = NULL;
  g_autoptr (GonioTensor) sums = NULL;
  int rank = gonio_tensor_shape (a)->rank;

  if (!ref_matmul_init (mm, gonio_tensor_shape (a), gonio_tensor_shape (b), error))
    return NULL;
  left = centre (a, a_zero, MAX (rank - 2, 0), error);
  if (left == NULL)
    return NULL;
  right = centre (b, b_zero, gonio_tensor_shape (b)->rank - 1, error);
  if (right == NULL)
    return NULL;
  sums = gonio_tensor_new (GONIO_DTYPE_DOUBLE, &mm->shape, error);
  if (sums == NULL || !ref_matmul (mm, left, right, sums, error))
    return NULL;
  return g_steal_pointer (&sums);
}

static GonioTensor *
integer_conv (GonioKernel *k, GonioTensor *x, GonioTensor *x_zero, GonioTensor *w,
              GonioTensor *w_zero, const GonioTensor *bias, GError **error)
{
  g_autoptr (GonioTensor) data = NULL;
  g_autoptr (GonioTensor) weights = NULL;
  g_autoptr (GonioTensor) sums = NULL;
  GonioShape shape;

  if (!ref_conv_shape (k, x, w, bias, &shape, error))
    return NULL;
  if (x_zero != NULL && gonio_tensor_count (x_zero) != 1) {
    ref_raise (error, GONIO_RUN_ERROR_SHAPE, "the input's zero point must be one number");
    return NULL;
  }
  data = centre (x, x_zero, 0, error);
  if (data == NULL)
    return NULL;
  weights = centre (w, w_zero, 0, error);
  if (weights == NULL)
    return NULL;
  sums = gonio_tensor_new (GONIO_DTYPE_DOUBLE, &shape, error);
  if (sums == NULL || !ref_conv (k, data, weights, bias, NULL, sums, error))
    return NULL;
  return g_steal_pointer (&sums);
}

static gboolean
store_int32 (GonioKernel *k, const GonioTensor *sums, GError **error)
{
  const double *in = gonio_tensor_data (sums);
  GonioTensor *y = ref_output (k, 0, GONIO_DTYPE_INT32, gonio_tensor_shape (sums), error);

  if (y == NULL)
    return FALSE;
  ref_store_f64 (y, 0, gonio_tensor_count (y), in);
  return TRUE;
}

static gboolean
run_matmul_integer (GonioKernel *k, GError **error)
{
  RefMatmul mm;
  g_autoptr (GonioTensor) sums =
      integer_matmul (k->inputs[0], ref_in (k, 2), k->inputs[1], ref_in (k, 3), &mm, error);

  return sums != NULL && store_int32 (k, sums, error);
}

static gboolean
run_conv_integer (GonioKernel *k, GError **error)
{
  g_autoptr (GonioTensor) sums =
      integer_conv (k, k->inputs[0], ref_in (k, 2), k->inputs[1], ref_in (k, 3), NULL, error);

  return sums != NULL && store_int32 (k, sums, error);
}

/* A scale of one number or of n; the value that belongs to position i of n. */
static gboolean
check_scale (const GonioTensor *scale, int64_t n, const char *what, GError **error)
{
  if (gonio_tensor_count (scale) != 1 && gonio_tensor_count (scale) != n)
    return ref_bad_shape (
        error, "%s has %" G_GINT64_FORMAT " elements, 1 or %" G_GINT64_FORMAT " are needed", what,
        gonio_tensor_count (scale), n);
  return TRUE;
}

static double
scale_value (const GonioTensor *scale, int64_t i)
{
  double value;

  ref_load_f64 (scale, gonio_tensor_count (scale) == 1 ? 0 : i, 1, &value);
  return value;
}

static gboolean
run_qlinear_matmul (GonioKernel *k, GError **error)
{
  GonioTensor *const *in = k->inputs;
  RefMatmul mm;
  g_autoptr (GonioTensor) sums = integer_matmul (in[0], in[2], in[3], in[5], &mm, error);
  const double *sum;
  GonioTensor *y;

  if (sums == NULL || !check_scale (in[1], mm.m, "a_scale", error) ||
      !check_scale (in[4], mm.n, "b_scale", error) ||
      !check_scale (in[6], mm.m, "y_scale", error) ||
      !check_scale (in[7], mm.m, "y_zero_point", error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (in[7]), &mm.shape, error);
  if (y == NULL)
    return FALSE;
  sum = gonio_tensor_data (sums);
  for (int64_t i = 0; i < gonio_tensor_count (y); i++) {
    int64_t row = i / mm.n % mm.m, column = i % mm.n;
    double factor =
        scale_value (in[1], row) * scale_value (in[4], column) / scale_value (in[6], row);

    store_quantized (y, i, (double)(float)(sum[i] * factor), scale_value (in[7], row), TRUE);
  }
  return TRUE;
}

static gboolean
run_qlinear_conv (GonioKernel *k, GError **error)
{
  GonioTensor *const *in = k->inputs;
  g_autoptr (GonioTensor) sums = integer_conv (k, in[0], in[2], in[3], in[5], ref_in (k, 8), error);
  const GonioShape *shape;
  const double *sum;
  GonioTensor *y;
  int64_t area;

  if (sums == NULL)
    return FALSE;
  shape = gonio_tensor_shape (sums);
  if (!check_scale (in[1], 1, "x_scale", error) ||
      !check_scale (in[4], shape->dims[1], "w_scale", error) ||
      !check_scale (in[6], 1, "y_scale", error) || !check_scale (in[7], 1, "y_zero_point", error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (in[7]), shape, error);
  if (y == NULL)
    return FALSE;
  area = MAX (ref_dims_product (shape, 2, shape->rank), 1);
  sum = gonio_tensor_data (sums);
  for (int64_t i = 0; i < gonio_tensor_count (y); i++) {
    double factor = scale_value (in[1], 0) * scale_value (in[4], i / area % shape->dims[1]) /
                    scale_value (in[6], 0);

    store_quantized (y, i, (double)(float)(sum[i] * factor), scale_value (in[7], 0), TRUE);
  }
  return TRUE;
}

#define BYTES  (REF_T (INT8) | REF_T (UINT8))
#define SCALES (REF_T (FLOAT) | REF_T (FLOAT16) | REF_T (BFLOAT16))
#define BYTES8 (BYTES | REF_FLOAT8)

const RefRow ref_rows_quant[] = {
    {GONIO_OP_CONV_INTEGER, run_conv_integer, NULL, {BYTES}, 0, 0},
    {GONIO_OP_DEQUANTIZE_LINEAR,
     run_dequantize,
     NULL,
     {QUANTIZED | REF_T (INT32), SCALES | REF_T (FLOAT8E8M0), QUANTIZED | REF_T (INT32)},
     0x5,
     0},
    {GONIO_OP_DYNAMIC_QUANTIZE_LINEAR, run_dynamic_quantize, NULL, {REF_T (FLOAT)}, 0, 0},
    {GONIO_OP_MATMUL_INTEGER, run_matmul_integer, NULL, {BYTES}, 0, 0},
    {GONIO_OP_QLINEAR_CONV,
     run_qlinear_conv,
     NULL,
     {BYTES, REF_T (FLOAT), BYTES, BYTES, REF_T (FLOAT), BYTES, REF_T (FLOAT), BYTES,
      REF_T (INT32)},
     0,
     0},
    {GONIO_OP_QLINEAR_MATMUL,
     run_qlinear_matmul,
     NULL,
     {BYTES8, SCALES, BYTES8, BYTES8, SCALES, BYTES8, SCALES, BYTES8},
     0,
     0},
    {GONIO_OP_QUANTIZE_LINEAR,
     run_quantize,
     NULL,
     {REF_FLOATS | REF_T (INT32), SCALES | REF_T (INT32) | REF_T (FLOAT8E8M0), QUANTIZED},
     0,
     0},
    {0},
};
