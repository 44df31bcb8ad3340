/* Elementwise kernels of one data input: a table of functions on chunks of wide numbers.
 * Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>

/* In place on n elements; p: the operator's attributes in the order of UnaryOp.attrs. */
typedef void (*UnaryRun) (RefChunk *c, int n, const double *p);

typedef struct {
  UnaryRun f, i, u;     /* per form; NULL: the row's types exclude it */
  gboolean to_bool;     /* result in u, output bool */
  const char *attrs[2]; /* float attributes, nullable */
  float defaults[2];
} UnaryOp;

#define FLOAT_FN(NAME, EXPR)                                                                       \
  static void NAME##_f (RefChunk *c, int n, const double *p)                                       \
  {                                                                                                \
    for (int k = 0; k < n; k++) {                                                                  \
      double x = c->f[k];                                                                          \
      c->f[k] = (EXPR);                                                                            \
    }                                                                                              \
  }
#define INT_FN(NAME, EXPR)                                                                         \
  static void NAME##_i (RefChunk *c, int n, const double *p)                                       \
  {                                                                                                \
    for (int k = 0; k < n; k++) {                                                                  \
      int64_t x = c->i[k];                                                                         \
      c->i[k] = (EXPR);                                                                            \
    }                                                                                              \
  }
#define UINT_FN(NAME, EXPR)                                                                        \
  static void NAME##_u (RefChunk *c, int n, const double *p)                                       \
  {                                                                                                \
    for (int k = 0; k < n; k++) {                                                                  \
      uint64_t x = c->u[k];                                                                        \
      c->u[k] = (EXPR);                                                                            \
    }                                                                                              \
  }
#define TEST_FN(NAME, EXPR)                                                                        \
  static void NAME##_f (RefChunk *c, int n, const double *p)                                       \
  {                                                                                                \
    for (int k = 0; k < n; k++) {                                                                  \
      double x = c->f[k];                                                                          \
      c->u[k] = (EXPR) ? 1 : 0;                                                                    \
    }                                                                                              \
  }

/* Two's complement negation, defined for the smallest value too. */
#define WRAP_NEG(x) ((int64_t)(0 - (uint64_t)(x)))

static double
sigmoid (double x)
{
  return x >= 0 ? 1 / (1 + exp (-x)) : exp (x) / (1 + exp (x));
}

/* Where the normal distribution reaches p: formula 26.2.23 of Abramowitz and Stegun, good
 * to 4.5e-4, and two steps of Halley's method from there. */
static double
probit (double p)
{
  double low = p > 0.5 ? 1 - p : p, t, x;

  if (!(low > 0))
    return low == 0 ? (p > 0.5 ? INFINITY : -INFINITY) : (double)NAN;
  t = sqrt (-2 * log (low));
  x = (2.515517 + t * (0.802853 + t * 0.010328)) /
          (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
      t;
  for (int step = 0; step < 2; step++) {
    double u = (0.5 * erfc (-x * M_SQRT1_2) - low) * sqrt (2 * G_PI) * exp (x * x / 2);

    if (isfinite (u))
      x -= u / (1 + x * u / 2);
  }
  return p > 0.5 ? -x : x;
}

static double
softplus (double x)
{
  return log1p (exp (-fabs (x))) + (x > 0 ? x : 0);
}

static double
hard_sigmoid (double x, double alpha, double beta)
{
  double y = alpha * x + beta;

  return y < 0 ? 0 : y > 1 ? 1 : y;
}

/* p: threshold and what is taken off beyond it. */
static double
shrink (double x, const double *p)
{
  if (x < -p[0])
    return x + p[1];
  if (x > p[0])
    return x - p[1];
  return isnan (x) ? x : 0;
}

FLOAT_FN (abs, fabs (x))
INT_FN (abs, x < 0 ? WRAP_NEG (x) : x)
UINT_FN (keep, x)
FLOAT_FN (acos, acos (x))
FLOAT_FN (acosh, acosh (x))
FLOAT_FN (asin, asin (x))
FLOAT_FN (asinh, asinh (x))
FLOAT_FN (atan, atan (x))
FLOAT_FN (atanh, atanh (x))
INT_FN (bitwise_not, ~x)
UINT_FN (bitwise_not, ~x)
FLOAT_FN (ceil, ceil (x))
FLOAT_FN (celu, x > 0 ? x : p[0] * expm1 (x / p[0]))
FLOAT_FN (cos, cos (x))
FLOAT_FN (cosh, cosh (x))
FLOAT_FN (elu, x < 0 ? p[0] * expm1 (x) : x)
FLOAT_FN (erf, erf (x))
FLOAT_FN (exp, exp (x))
FLOAT_FN (floor, floor (x))
FLOAT_FN (gelu, 0.5 * x * (1 + erf (x * M_SQRT1_2)))
FLOAT_FN (gelu_tanh, 0.5 * x * (1 + tanh (M_SQRT1_2 * M_2_SQRTPI * (x + 0.044715 * x * x * x))))
FLOAT_FN (hard_sigmoid, hard_sigmoid (x, p[0], p[1]))
FLOAT_FN (hard_swish, x *hard_sigmoid (x, 1.0 / 6, 0.5))
TEST_FN (is_inf, isinf (x) && (x > 0 ? p[1] != 0 : p[0] != 0))
TEST_FN (is_nan, isnan (x))
FLOAT_FN (leaky_relu, x < 0 ? p[0] * x : x)
FLOAT_FN (log, log (x))
FLOAT_FN (mish, x *tanh (softplus (x)))
FLOAT_FN (neg, -x)
INT_FN (neg, WRAP_NEG (x))
UINT_FN (not, x == 0)
FLOAT_FN (probit, probit (x))
FLOAT_FN (reciprocal, 1 / x)
FLOAT_FN (relu, x < 0 ? 0 : x)
INT_FN (relu, x < 0 ? 0 : x)
FLOAT_FN (round, nearbyint (x))
FLOAT_FN (selu, x > 0 ? p[1] * x : p[1] * p[0] * expm1 (x))
FLOAT_FN (shrink, shrink (x, p))
INT_FN (shrink, ref_truncate_i64 (shrink ((double)x, p)))
UINT_FN (shrink, ref_truncate_u64 (shrink ((double)x, p)))
FLOAT_FN (sigmoid, sigmoid (x))
FLOAT_FN (sign, x > 0 ? 1 : x < 0 ? -1 : isnan (x) ? x : 0)
INT_FN (sign, (x > 0) - (x < 0))
UINT_FN (sign, x > 0)
FLOAT_FN (sin, sin (x))
FLOAT_FN (sinh, sinh (x))
FLOAT_FN (softplus, softplus (x))
FLOAT_FN (softsign, x / (1 + fabs (x)))
FLOAT_FN (sqrt, sqrt (x))
FLOAT_FN (swish, x *sigmoid (p[0] * x))
FLOAT_FN (tan, tan (x))
FLOAT_FN (tanh, tanh (x))
FLOAT_FN (thresholded_relu, x > p[0] ? x : isnan (x) ? x : 0)

static gboolean
run_table (GonioKernel *k, const UnaryOp *op, const double *p, GError **error)
{
  GonioTensor *x = ref_in (k, 0);
  GonioDType dtype = gonio_tensor_dtype (x);
  RefForm form = ref_form (dtype);
  UnaryRun run = form == REF_FORM_FLOAT ? op->f : form == REF_FORM_INT ? op->i : op->u;
  int64_t count = gonio_tensor_count (x);
  RefChunk chunk;
  GonioTensor *y =
      ref_output (k, 0, op->to_bool ? GONIO_DTYPE_BOOL : dtype, gonio_tensor_shape (x), error);

  if (y == NULL)
    return FALSE;
  g_return_val_if_fail (run != NULL, FALSE);
  for (int64_t at = 0; at < count; at += REF_CHUNK) {
    int n = (int)MIN (REF_CHUNK, count - at);

    ref_load (x, at, 1, n, form, &chunk);
    run (&chunk, n, p);
    ref_store (y, at, n, op->to_bool ? REF_FORM_UINT : form, &chunk);
  }
  return TRUE;
}

static gboolean
run_unary (GonioKernel *k, GError **error)
{
  const UnaryOp *op = k->row->data;
  double p[2] = {0, 0};

  for (int a = 0; a < 2; a++)
    if (op->attrs[a] != NULL)
      p[a] = ref_attr_float (k, op->attrs[a], op->defaults[a]);
  return run_table (k, op, p, error);
}

static gboolean
run_is_inf (GonioKernel *k, GError **error)
{
  double p[2] = {(double)ref_attr_int (k, "detect_negative", 1),
                 (double)ref_attr_int (k, "detect_positive", 1)};

  return run_table (k, k->row->data, p, error);
}

static gboolean
run_gelu (GonioKernel *k, GError **error)
{
  static const UnaryOp plain = {.f = gelu_f};
  static const UnaryOp by_tanh = {.f = gelu_tanh_f};
  const char *approximate = ref_attr_string (k, "approximate", "none");

  if (g_str_equal (approximate, "none"))
    return run_table (k, &plain, NULL, error);
  if (g_str_equal (approximate, "tanh"))
    return run_table (k, &by_tanh, NULL, error);
  return ref_bad_value (error, "approximate is \"%s\", it must be \"none\" or \"tanh\"",
                        approximate);
}

static gboolean
run_identity (GonioKernel *k, GError **error)
{
  return ref_output_value (k, 0, ref_in (k, 0), FALSE, error);
}

/* The bounds are scalars and may each be missing. */
static gboolean
run_clip (GonioKernel *k, GError **error)
{
  GonioTensor *x = ref_in (k, 0), *bounds[2] = {ref_in (k, 1), ref_in (k, 2)};
  RefForm form = ref_form (gonio_tensor_dtype (x));
  int64_t count = gonio_tensor_count (x);
  RefChunk chunk, limit[2];
  GonioTensor *y;

  for (int b = 0; b < 2; b++) {
    if (bounds[b] != NULL && gonio_tensor_count (bounds[b]) != 1)
      return ref_bad_shape (error, "%s must be one number, it has %" G_GINT64_FORMAT " elements",
                            b == 0 ? "min" : "max", gonio_tensor_count (bounds[b]));
    if (bounds[b] != NULL)
      ref_load (bounds[b], 0, 1, 1, form, &limit[b]);
  }
  y = ref_output (k, 0, gonio_tensor_dtype (x), gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  for (int64_t at = 0; at < count; at += REF_CHUNK) {
    int n = (int)MIN (REF_CHUNK, count - at);

    ref_load (x, at, 1, n, form, &chunk);
#define CLIP(FIELD)                                                                                \
  for (int i = 0; i < n; i++) {                                                                    \
    if (bounds[0] != NULL && chunk.FIELD[i] < limit[0].FIELD[0])                                   \
      chunk.FIELD[i] = limit[0].FIELD[0];                                                          \
    if (bounds[1] != NULL && chunk.FIELD[i] > limit[1].FIELD[0])                                   \
      chunk.FIELD[i] = limit[1].FIELD[0];                                                          \
  }
    if (form == REF_FORM_FLOAT)
      CLIP (f)
    else if (form == REF_FORM_INT)
      CLIP (i)
    else
      CLIP (u)
#undef CLIP
    ref_store (y, at, n, form, &chunk);
  }
  return TRUE;
}

void
ref_activate (const GonioActivation *activation, double *values, int64_t n)
{
  const float *p = activation->params;

#define EACH(EXPR)                                                                                 \
  for (int64_t i = 0; i < n; i++) {                                                                \
    double x = values[i];                                                                          \
    values[i] = (EXPR);                                                                            \
  }                                                                                                \
  break

  switch (activation->kind) {
  case GONIO_ACT_NONE:
    break;
  case GONIO_ACT_CLIP:
    EACH (x < p[0] ? p[0] : x > p[1] ? p[1] : x);
  case GONIO_ACT_LEAKY_RELU:
    EACH (x < 0 ? p[0] * x : x);
  case GONIO_ACT_SIGMOID:
    EACH (sigmoid (x));
  case GONIO_ACT_TANH:
    EACH (tanh (x));
  case GONIO_ACT_SWISH:
    EACH (x * sigmoid (x));
  case GONIO_ACT_HARD_SWISH:
    EACH (x * hard_sigmoid (x, 1.0 / 6, 0.5));
  }
#undef EACH
}

/* ---- rows ---- */

#define FLOAT_ROW(ID, NAME)                                                                        \
  {                                                                                                \
    GONIO_OP_##ID, run_unary, &op_##NAME, {REF_FLOATS}, 0, 0                                       \
  }
#define FLOAT_OP(NAME, ...) static const UnaryOp op_##NAME = {.f = NAME##_f, __VA_ARGS__}

static const UnaryOp op_abs = {.f = abs_f, .i = abs_i, .u = keep_u};
FLOAT_OP (acos, );
FLOAT_OP (acosh, );
FLOAT_OP (asin, );
FLOAT_OP (asinh, );
FLOAT_OP (atan, );
FLOAT_OP (atanh, );
static const UnaryOp op_bitwise_not = {.i = bitwise_not_i, .u = bitwise_not_u};
FLOAT_OP (ceil, );
FLOAT_OP (celu, .attrs = {"alpha"}, .defaults = {1});
FLOAT_OP (cos, );
FLOAT_OP (cosh, );
FLOAT_OP (elu, .attrs = {"alpha"}, .defaults = {1});
FLOAT_OP (erf, );
FLOAT_OP (exp, );
FLOAT_OP (floor, );
FLOAT_OP (hard_sigmoid, .attrs = {"alpha", "beta"}, .defaults = {0.2f, 0.5f});
FLOAT_OP (hard_swish, );
FLOAT_OP (is_inf, .to_bool = TRUE);
FLOAT_OP (is_nan, .to_bool = TRUE);
FLOAT_OP (leaky_relu, .attrs = {"alpha"}, .defaults = {0.01f});
FLOAT_OP (log, );
FLOAT_OP (mish, );
static const UnaryOp op_neg = {.f = neg_f, .i = neg_i};
static const UnaryOp op_not = {.u = not_u};
FLOAT_OP (probit, );
FLOAT_OP (reciprocal, );
static const UnaryOp op_relu = {.f = relu_f, .i = relu_i};
FLOAT_OP (round, );
FLOAT_OP (selu, .attrs = {"alpha", "gamma"},
          .defaults = {1.67326319217681884765625f, 1.05070102214813232421875f});
FLOAT_OP (shrink, .i = shrink_i, .u = shrink_u, .attrs = {"lambd", "bias"}, .defaults = {0.5f, 0});
FLOAT_OP (sigmoid, );
static const UnaryOp op_sign = {.f = sign_f, .i = sign_i, .u = sign_u};
FLOAT_OP (sin, );
FLOAT_OP (sinh, );
FLOAT_OP (softplus, );
FLOAT_OP (softsign, );
FLOAT_OP (sqrt, );
FLOAT_OP (swish, .attrs = {"alpha"}, .defaults = {1});
FLOAT_OP (tan, );
FLOAT_OP (tanh, );
FLOAT_OP (thresholded_relu, .attrs = {"alpha"}, .defaults = {1});

const RefRow ref_rows_unary[] = {
    {GONIO_OP_ABS, run_unary, &op_abs, {REF_NUMBERS}, 0, 0},
    FLOAT_ROW (ACOS, acos),
    FLOAT_ROW (ACOSH, acosh),
    FLOAT_ROW (ASIN, asin),
    FLOAT_ROW (ASINH, asinh),
    FLOAT_ROW (ATAN, atan),
    FLOAT_ROW (ATANH, atanh),
    {GONIO_OP_BITWISE_NOT, run_unary, &op_bitwise_not, {REF_INTEGERS}, 0, 0},
    FLOAT_ROW (CEIL, ceil),
    FLOAT_ROW (CELU, celu),
    {GONIO_OP_CLIP, run_clip, NULL, {REF_NUMBERS}, REF_SAME_ALL, 0},
    FLOAT_ROW (COS, cos),
    FLOAT_ROW (COSH, cosh),
    FLOAT_ROW (ELU, elu),
    FLOAT_ROW (ERF, erf),
    FLOAT_ROW (EXP, exp),
    FLOAT_ROW (FLOOR, floor),
    {GONIO_OP_GELU, run_gelu, NULL, {REF_FLOATS}, 0, 0},
    FLOAT_ROW (HARD_SIGMOID, hard_sigmoid),
    FLOAT_ROW (HARD_SWISH, hard_swish),
    {GONIO_OP_IDENTITY, run_identity, NULL, {REF_ANY | REF_LIST}, 0, 0},
    {GONIO_OP_IS_INF, run_is_inf, &op_is_inf, {REF_FLOATS | REF_FLOAT8}, 0, 0},
    {GONIO_OP_IS_NAN, run_unary, &op_is_nan, {REF_FLOATS | REF_FLOAT8}, 0, 0},
    FLOAT_ROW (LEAKY_RELU, leaky_relu),
    FLOAT_ROW (LOG, log),
    FLOAT_ROW (MISH, mish),
    {GONIO_OP_NEG, run_unary, &op_neg, {REF_FLOATS | REF_SIGNED}, 0, 0},
    {GONIO_OP_NOT, run_unary, &op_not, {REF_BOOL}, 0, 0},
    FLOAT_ROW (PROBIT, probit),
    FLOAT_ROW (RECIPROCAL, reciprocal),
    {GONIO_OP_RELU, run_unary, &op_relu, {REF_FLOATS | REF_SIGNED}, 0, 0},
    FLOAT_ROW (ROUND, round),
    FLOAT_ROW (SELU, selu),
    {GONIO_OP_SHRINK, run_unary, &op_shrink, {REF_NUMBERS}, 0, 0},
    FLOAT_ROW (SIGMOID, sigmoid),
    {GONIO_OP_SIGN, run_unary, &op_sign, {REF_NUMBERS}, 0, 0},
    FLOAT_ROW (SIN, sin),
    FLOAT_ROW (SINH, sinh),
    FLOAT_ROW (SOFTPLUS, softplus),
    FLOAT_ROW (SOFTSIGN, softsign),
    FLOAT_ROW (SQRT, sqrt),
    FLOAT_ROW (SWISH, swish),
    FLOAT_ROW (TAN, tan),
    FLOAT_ROW (TANH, tanh),
    FLOAT_ROW (THRESHOLDED_RELU, thresholded_relu),
    {0},
};
