/* Elementwise kernels of several inputs with numpy broadcasting. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>

/* y = op (a, b) on n elements; y may be a. Returns NULL, or what is wrong with the data. */
typedef const char *(*BinaryRun) (RefChunk *y, const RefChunk *a, const RefChunk *b, int n);

typedef struct {
  BinaryRun f, i, u; /* per form; NULL: the row's types exclude it */
  gboolean to_bool;  /* result in u, output bool */
} BinaryOp;

#define BINARY_FN(NAME, SUFFIX, TYPE, FIELD, OUT, EXPR)                                            \
  static const char *NAME##_##SUFFIX (RefChunk *y, const RefChunk *p, const RefChunk *q, int n)    \
  {                                                                                                \
    for (int k = 0; k < n; k++) {                                                                  \
      TYPE a = p->FIELD[k], b = q->FIELD[k];                                                       \
      y->OUT[k] = (EXPR);                                                                          \
    }                                                                                              \
    return NULL;                                                                                   \
  }
#define FLOAT_FN(NAME, EXPR) BINARY_FN (NAME, f, double, f, f, EXPR)
#define INT_FN(NAME, EXPR)   BINARY_FN (NAME, i, int64_t, i, i, EXPR)
/* Serves signed integers too where two's complement makes no difference. */
#define BITS_FN(NAME, EXPR) BINARY_FN (NAME, u, uint64_t, u, u, EXPR)
#define COMPARE_FNS(NAME, OP)                                                                      \
  BINARY_FN (NAME, f, double, f, u, a OP b)                                                        \
  BINARY_FN (NAME, i, int64_t, i, u, a OP b)                                                       \
  BINARY_FN (NAME, u, uint64_t, u, u, a OP b)
/* A division by zero is reported before anything is computed. */
#define DIVISION_FN(NAME, SUFFIX, TYPE, FIELD, EXPR)                                               \
  static const char *NAME##_##SUFFIX (RefChunk *y, const RefChunk *p, const RefChunk *q, int n)    \
  {                                                                                                \
    for (int k = 0; k < n; k++)                                                                    \
      if (q->FIELD[k] == 0)                                                                        \
        return "integer division by zero";                                                         \
    for (int k = 0; k < n; k++) {                                                                  \
      TYPE a = p->FIELD[k], b = q->FIELD[k];                                                       \
      y->FIELD[k] = (EXPR);                                                                        \
    }                                                                                              \
    return NULL;                                                                                   \
  }

/* The remainder that takes the sign of the divisor, as Python has it. */
static double
mod_f64 (double a, double b)
{
  double r = fmod (a, b);

  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t
mod_i64 (int64_t a, int64_t b)
{
  int64_t r = b == -1 ? 0 : a % b;

  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t
div_i64 (int64_t a, int64_t b)
{
  return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

FLOAT_FN (add, a + b)
BITS_FN (add, a + b)
BITS_FN (and, a &b)
FLOAT_FN (div, a / b)
DIVISION_FN (div, i, int64_t, i, div_i64 (a, b))
DIVISION_FN (div, u, uint64_t, u, a / b)
COMPARE_FNS (equal, ==)
FLOAT_FN (fmod, fmod (a, b))
DIVISION_FN (fmod, i, int64_t, i, b == -1 ? 0 : a % b)
COMPARE_FNS (greater, >)
COMPARE_FNS (greater_or_equal, >=)
COMPARE_FNS (less, <)
COMPARE_FNS (less_or_equal, <=)
FLOAT_FN (max, isnan (a) || a > b ? a : b)
INT_FN (max, MAX (a, b))
BITS_FN (max, MAX (a, b))
FLOAT_FN (min, isnan (a) || a < b ? a : b)
INT_FN (min, MIN (a, b))
BITS_FN (min, MIN (a, b))
FLOAT_FN (mod, mod_f64 (a, b))
DIVISION_FN (mod, i, int64_t, i, mod_i64 (a, b))
DIVISION_FN (mod, u, uint64_t, u, a % b)
FLOAT_FN (mul, a *b)
BITS_FN (mul, a *b)
BITS_FN (or, a | b)
FLOAT_FN (prelu, a < 0 ? a * b : a)
INT_FN (prelu, a < 0 ? (int64_t)((uint64_t)a * (uint64_t)b) : a)
BITS_FN (first, ((void)b, a))
BITS_FN (shift_left, b < 64 ? a << b : 0)
BITS_FN (shift_right, b < 64 ? a >> b : 0)
FLOAT_FN (sub, a - b)
BITS_FN (sub, a - b)
BITS_FN (xor, a ^ b)

static BinaryRun
pick (const BinaryOp *op, RefForm form)
{
  return form == REF_FORM_FLOAT ? op->f : form == REF_FORM_INT ? op->i : op->u;
}

/* Folds all operands into the output, chunk by chunk, without rounding in between; mean
 * divides by their number at the end. b is set up for the operands. */
static gboolean
fold_operands (RefBroadcast *b, const BinaryOp *op, GonioTensor *const *operands, GonioTensor *y,
               gboolean mean, GError **error)
{
  RefForm form = ref_form (gonio_tensor_dtype (operands[0]));
  BinaryRun run = pick (op, form);
  RefChunk acc, next;

  g_return_val_if_fail (b->n == 1 || run != NULL, FALSE);
  for (int64_t r = 0, at = 0; r < b->rows; r++, ref_broadcast_next (b)) {
    for (int64_t c = 0; c < b->row; c += REF_CHUNK) {
      int n = (int)MIN (REF_CHUNK, b->row - c);

      ref_load (operands[0], b->offset[0] + c * b->step[0], b->step[0], n, form, &acc);
      for (guint i = 1; i < b->n; i++) {
        const char *fault;

        ref_load (operands[i], b->offset[i] + c * b->step[i], b->step[i], n, form, &next);
        fault = run (&acc, &acc, &next, n);
        if (fault != NULL)
          return ref_bad_value (error, "%s near element %" G_GINT64_FORMAT " of the result", fault,
                                at);
      }
      if (mean)
        for (int i = 0; i < n; i++)
          acc.f[i] /= b->n;
      ref_store (y, at, n, op->to_bool ? REF_FORM_UINT : form, &acc);
      at += n;
    }
  }
  return TRUE;
}

static gboolean
run_operands (GonioKernel *k, const BinaryOp *op, gboolean mean, GError **error)
{
  g_auto (RefBroadcast) b = {0};
  GonioTensor *y;

  for (guint i = 0; i < k->node->n_inputs; i++)
    if (k->inputs[i] == NULL)
      return ref_bad_shape (error, "input %u is missing", i);
  if (!ref_broadcast_init (&b, k->inputs, k->node->n_inputs, error))
    return FALSE;
  y = ref_output (k, 0, op->to_bool ? GONIO_DTYPE_BOOL : gonio_tensor_dtype (k->inputs[0]),
                  &b.shape, error);
  return y != NULL && fold_operands (&b, op, k->inputs, y, mean, error);
}

static gboolean
run_binary (GonioKernel *k, GError **error)
{
  return run_operands (k, k->row->data, FALSE, error);
}

static gboolean
run_mean (GonioKernel *k, GError **error)
{
  static const BinaryOp sum = {.f = add_f};

  return run_operands (k, &sum, TRUE, error);
}

static gboolean
run_mod (GonioKernel *k, GError **error)
{
  static const BinaryOp floored = {.f = mod_f, .i = mod_i, .u = mod_u};
  static const BinaryOp truncated = {.f = fmod_f, .i = fmod_i, .u = mod_u};

  return run_operands (k, ref_attr_int (k, "fmod", 0) ? &truncated : &floored, FALSE, error);
}

static gboolean
run_bit_shift (GonioKernel *k, GError **error)
{
  static const BinaryOp left = {.u = shift_left_u}, right = {.u = shift_right_u};
  const char *direction = ref_attr_string (k, "direction", "");

  if (g_str_equal (direction, "LEFT"))
    return run_operands (k, &left, FALSE, error);
  if (g_str_equal (direction, "RIGHT"))
    return run_operands (k, &right, FALSE, error);
  return ref_bad_value (error, "direction is \"%s\", it must be LEFT or RIGHT", direction);
}

/* The slope broadcasts to the data, never the other way round. */
static gboolean
run_prelu (GonioKernel *k, GError **error)
{
  g_auto (RefBroadcast) b = {0};
  GonioTensor *y;

  if (!ref_broadcast_init_to (&b, gonio_tensor_shape (k->inputs[0]), k->inputs, 2, error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (k->inputs[0]), &b.shape, error);
  return y != NULL && fold_operands (&b, k->row->data, k->inputs, y, FALSE, error);
}

static gboolean
equal_strings (GonioKernel *k, GError **error)
{
  g_auto (RefBroadcast) b = {0};
  GonioTensor *y;
  uint8_t *out;

  if (!ref_broadcast_init (&b, k->inputs, 2, error))
    return FALSE;
  y = ref_output (k, 0, GONIO_DTYPE_BOOL, &b.shape, error);
  if (y == NULL)
    return FALSE;
  out = gonio_tensor_writable_data (y);
  for (int64_t r = 0; r < b.rows; r++, ref_broadcast_next (&b))
    for (int64_t c = 0; c < b.row; c++)
      *out++ = g_str_equal (gonio_tensor_string (k->inputs[0], b.offset[0] + c * b.step[0]),
                            gonio_tensor_string (k->inputs[1], b.offset[1] + c * b.step[1]));
  return TRUE;
}

static gboolean
run_equal (GonioKernel *k, GError **error)
{
  if (gonio_tensor_dtype (k->inputs[0]) == GONIO_DTYPE_STRING)
    return equal_strings (k, error);
  return run_binary (k, error);
}

static gboolean
run_where (GonioKernel *k, GError **error)
{
  g_auto (RefBroadcast) b = {0};
  const uint8_t *condition = gonio_tensor_data (k->inputs[0]);
  GonioTensor *y;

  if (!ref_broadcast_init (&b, k->inputs, 3, error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (k->inputs[1]), &b.shape, error);
  if (y == NULL)
    return FALSE;
  for (int64_t r = 0, at = 0; r < b.rows; r++, ref_broadcast_next (&b))
    for (int64_t c = 0; c < b.row; c++) {
      int from = condition[b.offset[0] + c * b.step[0]] ? 1 : 2;

      ref_copy (y, at++, k->inputs[from], b.offset[from] + c * b.step[from], 1);
    }
  return TRUE;
}

/* ---- Pow: the exponent has its own type, the result that of the base ---- */

/* Modulo 2^64, which is right for every narrower type too. */
static uint64_t
pow_wrapping (uint64_t base, uint64_t exponent)
{
  uint64_t result = 1;

  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1)
      result *= base;
    base *= base;
  }
  return result;
}

/* 1 / base^n truncated; base 0 is refused before. */
static int64_t
pow_negative (int64_t base, int64_t exponent)
{
  if (base == 1)
    return 1;
  return base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
}

static gboolean
pow_chunk (RefForm form, RefForm e_form, RefChunk *a, const RefChunk *b, int n, GError **error)
{
  for (int i = 0; i < n; i++) {
    gboolean negative = e_form == REF_FORM_INT && b->i[i] < 0;

    if (form == REF_FORM_FLOAT) {
      a->f[i] = pow (a->f[i], b->f[i]);
    } else if (e_form == REF_FORM_FLOAT && form == REF_FORM_INT) {
      a->i[i] = ref_truncate_i64 (pow ((double)a->i[i], b->f[i]));
    } else if (e_form == REF_FORM_FLOAT) {
      a->u[i] = ref_truncate_u64 (pow ((double)a->u[i], b->f[i]));
    } else if (!negative) {
      a->u[i] = pow_wrapping (a->u[i], b->u[i]);
    } else if (a->i[i] == 0) {
      return ref_bad_value (error, "0 to the power of %" G_GINT64_FORMAT " in integers", b->i[i]);
    } else {
      a->i[i] = form == REF_FORM_UINT ? a->u[i] == 1 : pow_negative (a->i[i], b->i[i]);
    }
  }
  return TRUE;
}

static gboolean
run_pow (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *e = k->inputs[1];
  RefForm form = ref_form (gonio_tensor_dtype (x));
  RefForm e_form = form == REF_FORM_FLOAT ? form : ref_form (gonio_tensor_dtype (e));
  g_auto (RefBroadcast) b = {0};
  RefChunk p, q;
  GonioTensor *y;

  if (!ref_broadcast_init (&b, k->inputs, 2, error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (x), &b.shape, error);
  if (y == NULL)
    return FALSE;
  for (int64_t r = 0, at = 0; r < b.rows; r++, ref_broadcast_next (&b)) {
    for (int64_t c = 0; c < b.row; c += REF_CHUNK) {
      int n = (int)MIN (REF_CHUNK, b.row - c);

      ref_load (x, b.offset[0] + c * b.step[0], b.step[0], n, form, &p);
      ref_load (e, b.offset[1] + c * b.step[1], b.step[1], n, e_form, &q);
      if (!pow_chunk (form, e_form, &p, &q, n, error))
        return FALSE;
      ref_store (y, at, n, form, &p);
      at += n;
    }
  }
  return TRUE;
}

/* ---- rows ---- */

static const BinaryOp op_add = {.f = add_f, .i = add_u, .u = add_u};
static const BinaryOp op_and = {.i = and_u, .u = and_u};
static const BinaryOp op_div = {.f = div_f, .i = div_i, .u = div_u};
static const BinaryOp op_max = {.f = max_f, .i = max_i, .u = max_u};
static const BinaryOp op_min = {.f = min_f, .i = min_i, .u = min_u};
static const BinaryOp op_mul = {.f = mul_f, .i = mul_u, .u = mul_u};
static const BinaryOp op_or = {.i = or_u, .u = or_u};
static const BinaryOp op_prelu = {.f = prelu_f, .i = prelu_i, .u = first_u};
static const BinaryOp op_sub = {.f = sub_f, .i = sub_u, .u = sub_u};
static const BinaryOp op_xor = {.i = xor_u, .u = xor_u};
#define COMPARE_OP(NAME)                                                                           \
  static const BinaryOp op_##NAME = {.f = NAME##_f, .i = NAME##_i, .u = NAME##_u, .to_bool = TRUE}
COMPARE_OP (equal);
COMPARE_OP (greater);
COMPARE_OP (greater_or_equal);
COMPARE_OP (less);
COMPARE_OP (less_or_equal);

#define ROW(ID, RUN, DATA, TYPES)                                                                  \
  {                                                                                                \
    GONIO_OP_##ID, RUN, DATA, {TYPES}, REF_SAME_ALL, 0                                             \
  }

const RefRow ref_rows_elementwise[] = {
    ROW (ADD, run_binary, &op_add, REF_NUMBERS),
    ROW (AND, run_binary, &op_and, REF_BOOL),
    ROW (BITSHIFT, run_bit_shift, NULL, REF_UNSIGNED),
    ROW (BITWISE_AND, run_binary, &op_and, REF_INTEGERS),
    ROW (BITWISE_OR, run_binary, &op_or, REF_INTEGERS),
    ROW (BITWISE_XOR, run_binary, &op_xor, REF_INTEGERS),
    ROW (DIV, run_binary, &op_div, REF_NUMBERS),
    ROW (EQUAL, run_equal, &op_equal, REF_NUMBERS | REF_BOOL | REF_T (STRING)),
    ROW (GREATER, run_binary, &op_greater, REF_NUMBERS),
    ROW (GREATER_OR_EQUAL, run_binary, &op_greater_or_equal, REF_NUMBERS),
    ROW (LESS, run_binary, &op_less, REF_NUMBERS),
    ROW (LESS_OR_EQUAL, run_binary, &op_less_or_equal, REF_NUMBERS),
    ROW (MAX, run_binary, &op_max, REF_NUMBERS),
    ROW (MEAN, run_mean, NULL, REF_FLOATS),
    ROW (MIN, run_binary, &op_min, REF_NUMBERS),
    ROW (MOD, run_mod, NULL, REF_NUMBERS),
    ROW (MUL, run_binary, &op_mul, REF_NUMBERS),
    ROW (OR, run_binary, &op_or, REF_BOOL),
    {GONIO_OP_POW, run_pow, NULL, {REF_NUMBERS}, 0, 0},
    ROW (PRELU, run_prelu, &op_prelu, REF_NUMBERS),
    ROW (SUB, run_binary, &op_sub, REF_NUMBERS),
    ROW (SUM, run_binary, &op_add, REF_FLOATS),
    {GONIO_OP_WHERE, run_where, NULL, {REF_BOOL, REF_ANY}, REF_SAME_ALL & ~1u, 0},
    ROW (XOR, run_binary, &op_xor, REF_BOOL),
    {0},
};
