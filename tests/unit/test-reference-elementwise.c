/* Elementwise kernels of the reference backend, hand-computed: forms, broadcasting, casts,
 * and data that must not crash. */
#include "tests/support/reference-case.h"

#include <math.h>

#define MIN64 G_MININT64
#define MAX64 G_MAXINT64

static RefCase *
binary (GonioOpId op, GonioTensor *a, GonioTensor *b)
{
  RefCase *c = ref_case_new (op);

  ref_case_in (c, a);
  ref_case_in (c, b);
  return c;
}

static RefCase *
unary (GonioOpId op, GonioTensor *x)
{
  RefCase *c = ref_case_new (op);

  ref_case_in (c, x);
  return c;
}

#define CHECK1(OP, X, ...)                                                                         \
  do {                                                                                             \
    g_autoptr (RefCase) case1 = unary (GONIO_OP_##OP, X);                                          \
    ASSERT_OUT (case1, 0, __VA_ARGS__);                                                            \
  } while (0)
#define CHECK2(OP, A, B, ...)                                                                      \
  do {                                                                                             \
    g_autoptr (RefCase) case2 = binary (GONIO_OP_##OP, A, B);                                      \
    ASSERT_OUT (case2, 0, __VA_ARGS__);                                                            \
  } while (0)
#define CHECK2_I64(OP, A, B, ...)                                                                  \
  do {                                                                                             \
    g_autoptr (RefCase) case2 = binary (GONIO_OP_##OP, A, B);                                      \
    ASSERT_OUT_I64 (case2, 0, __VA_ARGS__);                                                        \
  } while (0)

static void
test_broadcasting (void)
{
  CHECK2 (ADD, TENSOR (FLOAT, "2 1", 1, 2), TENSOR (FLOAT, "3", 10, 20, 30), FLOAT, "2 3", 11, 21,
          31, 12, 22, 32);
  CHECK2 (SUB, TENSOR (FLOAT, "", 5), TENSOR (FLOAT, "1 2 1", 1, 2), FLOAT, "1 2 1", 4, 3);
  CHECK2 (MUL, TENSOR (DOUBLE, "2 1 2", 1, 2, 3, 4), TENSOR (DOUBLE, "3 1", 1, 10, 100), DOUBLE,
          "2 3 2", 1, 2, 10, 20, 100, 200, 3, 4, 30, 40, 300, 400);
  {
    g_autoptr (RefCase) c =
        binary (GONIO_OP_ADD, TENSOR_EMPTY (FLOAT, "0 3"), TENSOR (FLOAT, "3", 1, 2, 3));

    ASSERT_OUT_EMPTY (c, 0, FLOAT, "0 3");
  }
  {
    g_autoptr (RefCase) c =
        binary (GONIO_OP_ADD, TENSOR (FLOAT, "2", 1, 2), TENSOR (FLOAT, "3", 1, 2, 3));

    ASSERT_FAILS (c, "[2] and [3]");
  }
}

/* Rows longer than one chunk, and both operands repeated along different axes. */
static void
test_long_rows (void)
{
  g_autoptr (RefCase) c = binary (GONIO_OP_ADD, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "3 1200"),
                                  TENSOR (FLOAT, "3 1", 0, 10000, 20000));

  g_assert_true (ref_case_run (c));
  for (int64_t i = 0; i < 3600; i++)
    g_assert_cmpfloat (gonio_tensor_get_double (c->outputs[0], i), ==,
                       (double)(i + i / 1200 * 10000));
}

static void
test_integers (void)
{
  CHECK2_I64 (ADD, TENSOR_I64 (INT64, "2", MAX64, -5), TENSOR_I64 (INT64, "2", 1, 3), INT64, "2",
              MIN64, -2);
  /* beyond what double can hold */
  CHECK2_I64 (SUB, TENSOR_I64 (INT64, "1", (1LL << 60) + 1), TENSOR_I64 (INT64, "1", 1LL << 60),
              INT64, "1", 1);
  CHECK2_I64 (MUL, TENSOR_I64 (INT8, "2", 100, -100), TENSOR_I64 (INT8, "2", 2, 2), INT8, "2", -56,
              56);
  CHECK2_I64 (ADD, TENSOR_I64 (UINT8, "1", 250), TENSOR_I64 (UINT8, "1", 10), UINT8, "1", 4);
  CHECK2_I64 (MAX, TENSOR_I64 (UINT64, "1", -1), TENSOR_I64 (UINT64, "1", 5), UINT64, "1", -1);
  CHECK2_I64 (MIN, TENSOR_I64 (INT64, "1", -1), TENSOR_I64 (INT64, "1", 5), INT64, "1", -1);
  CHECK2 (LESS, TENSOR_I64 (UINT64, "2", -1, 1), TENSOR_I64 (UINT64, "2", 5, 5), BOOL, "2", 0, 1);
  CHECK2 (EQUAL, TENSOR_I64 (INT64, "1", (1LL << 53) + 1), TENSOR_I64 (INT64, "1", 1LL << 53), BOOL,
          "1", 0);
}

static void
test_division (void)
{
  CHECK2_I64 (DIV, TENSOR_I64 (INT32, "4", 7, -7, 7, -7), TENSOR_I64 (INT32, "4", 2, 2, -2, -2),
              INT32, "4", 3, -3, -3, 3);
  CHECK2_I64 (DIV, TENSOR_I64 (INT64, "1", MIN64), TENSOR_I64 (INT64, "1", -1), INT64, "1", MIN64);
  CHECK2_I64 (DIV, TENSOR_I64 (UINT64, "1", -2), TENSOR_I64 (UINT64, "1", 2), UINT64, "1", MAX64);
  CHECK2 (DIV, TENSOR (FLOAT, "3", 1, -1, 0), TENSOR (FLOAT, "3", 0, 0, 0), FLOAT, "3", INFINITY,
          -INFINITY, NAN);
  CHECK2_I64 (MOD, TENSOR_I64 (INT32, "4", 7, -7, 7, -7), TENSOR_I64 (INT32, "4", 3, 3, -3, -3),
              INT32, "4", 1, 2, -2, -1);
  CHECK2_I64 (MOD, TENSOR_I64 (INT64, "1", MIN64), TENSOR_I64 (INT64, "1", -1), INT64, "1", 0);
  {
    g_autoptr (RefCase) c =
        binary (GONIO_OP_MOD, TENSOR (FLOAT, "2", -4.5, 5.25), TENSOR (FLOAT, "2", 2, -2));

    ref_case_int (c, "fmod", 1);
    ASSERT_OUT (c, 0, FLOAT, "2", -0.5, 1.25);
  }
  for (guint op = 0; op < 2; op++) {
    g_autoptr (RefCase) c = binary (op ? GONIO_OP_DIV : GONIO_OP_MOD, TENSOR_I64 (INT64, "2", 1, 2),
                                    TENSOR_I64 (INT64, "2", 1, 0));

    ASSERT_FAILS (c, "division by zero");
  }
}

static void
test_shifts (void)
{
  static const char *const directions[] = {"LEFT", "RIGHT"};
  static const int64_t expected[2][3] = {{2, 0, 0}, {0, 0, 0}};

  for (int d = 0; d < 2; d++) {
    g_autoptr (RefCase) c = binary (GONIO_OP_BITSHIFT, TENSOR_I64 (UINT64, "3", 1, 1, 1),
                                    TENSOR_I64 (UINT64, "3", 1, 64, -1));

    ref_case_string (c, "direction", directions[d]);
    ref_assert_out (c, 0, ref_tensor_i64 (GONIO_DTYPE_UINT64, "3", 3, expected[d]), REF_HERE);
  }
  {
    g_autoptr (RefCase) c =
        binary (GONIO_OP_BITSHIFT, TENSOR_I64 (UINT8, "1", 255), TENSOR_I64 (UINT8, "1", 1));

    ref_case_string (c, "direction", "UP");
    ASSERT_FAILS (c, "UP");
  }
}

static void
test_pow (void)
{
  CHECK2 (POW, TENSOR (FLOAT, "3", 2, 3, 4), TENSOR_I64 (INT32, "3", 3, 2, -1), FLOAT, "3", 8, 9,
          0.25);
  CHECK2_I64 (POW, TENSOR_I64 (INT64, "4", 3, -1, 1, 2), TENSOR_I64 (INT64, "4", 39, -3, -9, -1),
              INT64, "4", 4052555153018976267, -1, 1, 0);
  CHECK2_I64 (POW, TENSOR_I64 (INT32, "2", 2, 9), TENSOR (FLOAT, "2", 2.5, 0.5), INT32, "2", 5, 3);
  {
    g_autoptr (RefCase) c =
        binary (GONIO_OP_POW, TENSOR_I64 (INT32, "1", 0), TENSOR_I64 (INT32, "1", -1));

    ASSERT_FAILS (c, "0 to the power of -1");
  }
}

static void
test_variadic (void)
{
  g_autoptr (RefCase) mean = ref_case_new (GONIO_OP_MEAN);
  g_autoptr (RefCase) max = ref_case_new (GONIO_OP_MAX);

  ref_case_in (mean, TENSOR (FLOAT, "2", 1, 2));
  ref_case_in (mean, TENSOR (FLOAT, "2 1", 3, 30));
  ref_case_in (mean, TENSOR (FLOAT, "", 2));
  ASSERT_OUT (mean, 0, FLOAT, "2 2", 2, 7.0 / 3, 11, 34.0 / 3);
  ref_case_in (max, TENSOR (FLOAT, "3", 1, NAN, 3));
  ref_case_in (max, TENSOR (FLOAT, "3", 2, 2, NAN));
  ASSERT_OUT (max, 0, FLOAT, "3", 2, NAN, NAN);
}

static void
test_where (void)
{
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_WHERE);

  ref_case_in (c, TENSOR (BOOL, "2 1", 1, 0));
  ref_case_in (c, TENSOR_TEXT ("2", "a", "b"));
  ref_case_in (c, TENSOR_TEXT ("1", "z"));
  ASSERT_OUT_TEXT (c, 0, "2 2", "a", "b", "z", "z");
}

static void
test_unary (void)
{
  CHECK1 (RELU, TENSOR (FLOAT, "3", -1, 2, NAN), FLOAT, "3", 0, 2, NAN);
  CHECK1 (SIGMOID, TENSOR (FLOAT, "3", 0, -1000, 1000), FLOAT, "3", 0.5, 0, 1);
  CHECK1 (SOFTPLUS, TENSOR (FLOAT, "2", 1000, -1000), FLOAT, "2", 1000, 0);
  CHECK1 (MISH, TENSOR (FLOAT, "2", 100, 0), FLOAT, "2", 100, 0);
  CHECK1 (ROUND, TENSOR (FLOAT, "4", 0.5, 1.5, -2.5, 2.4), FLOAT, "4", 0, 2, -2, 2);
  CHECK1 (HARD_SWISH, TENSOR (FLOAT, "3", -4, 1, 5), FLOAT, "3", 0, 2.0 / 3, 5);
  CHECK1 (GELU, TENSOR (FLOAT, "2", 1, -1), FLOAT, "2", 0.84134475, -0.15865525);
  CHECK1 (SIGN, TENSOR_I64 (INT64, "3", MIN64, 0, 9), INT64, "3", -1, 0, 1);
  CHECK1 (NOT, TENSOR (BOOL, "2", 0, 1), BOOL, "2", 1, 0);
  CHECK1 (IS_NAN, TENSOR (FLOAT16, "2", NAN, 1), BOOL, "2", 1, 0);
  CHECK1 (SQRT, TENSOR (BFLOAT16, "2", 4, 2), BFLOAT16, "2", 2, 1.4142);
  CHECK1 (IDENTITY, TENSOR (FLOAT, "", 3), FLOAT, "", 3);
  {
    g_autoptr (RefCase) c = unary (GONIO_OP_ABS, TENSOR_I64 (INT64, "2", MIN64, -3));

    ASSERT_OUT_I64 (c, 0, INT64, "2", MIN64, 3);
  }
  {
    g_autoptr (RefCase) c = unary (GONIO_OP_BITWISE_NOT, TENSOR_I64 (UINT16, "1", 1));

    ASSERT_OUT_I64 (c, 0, UINT16, "1", 65534);
  }
  {
    g_autoptr (RefCase) c = unary (GONIO_OP_LEAKY_RELU, TENSOR (FLOAT, "2", -2, 3));

    ref_case_float (c, "alpha", 0.5f);
    ASSERT_OUT (c, 0, FLOAT, "2", -1, 3);
  }
  {
    g_autoptr (RefCase) c = unary (GONIO_OP_IS_INF, TENSOR (FLOAT, "3", INFINITY, -INFINITY, 1));

    ref_case_int (c, "detect_negative", 0);
    ASSERT_OUT (c, 0, BOOL, "3", 1, 0, 0);
  }
}

static void
test_clip (void)
{
  g_autoptr (RefCase) both = ref_case_new (GONIO_OP_CLIP);
  g_autoptr (RefCase) upper = ref_case_new (GONIO_OP_CLIP);
  g_autoptr (RefCase) wrong = ref_case_new (GONIO_OP_CLIP);

  ref_case_in (both, TENSOR (FLOAT, "3", -5, 0.5, 5));
  ref_case_in (both, TENSOR (FLOAT, "", 0));
  ref_case_in (both, TENSOR (FLOAT, "", 1));
  ASSERT_OUT (both, 0, FLOAT, "3", 0, 0.5, 1);
  ref_case_in (upper, TENSOR_I64 (UINT64, "2", -1, 3));
  ref_case_in (upper, NULL);
  ref_case_in (upper, TENSOR_I64 (UINT64, "", 7));
  ASSERT_OUT_I64 (upper, 0, UINT64, "2", 7, 3);
  ref_case_in (wrong, TENSOR (FLOAT, "1", 1));
  ref_case_in (wrong, TENSOR (FLOAT, "2", 1, 2));
  ASSERT_FAILS (wrong, "min must be one number");
}

static void
test_types_are_checked (void)
{
  g_autoptr (RefCase) mixed =
      binary (GONIO_OP_ADD, TENSOR (FLOAT, "1", 1), TENSOR (DOUBLE, "1", 1));
  g_autoptr (RefCase) text = unary (GONIO_OP_EXP, TENSOR_TEXT ("1", "x"));

  ASSERT_FAILS (mixed, "float and double");
  ASSERT_FAILS (text, "string");
}

/* float16 sums are rounded once, from the exact sum. */
static void
test_half_rounding (void)
{
  CHECK2 (ADD, TENSOR (FLOAT16, "2", 2048, 1), TENSOR (FLOAT16, "2", 1, 0.00048828125), FLOAT16,
          "2", 2048, 1);
  CHECK2 (MUL, TENSOR (FLOAT16, "1", 300), TENSOR (FLOAT16, "1", 300), FLOAT16, "1", INFINITY);
}

/* ---- casts ---- */

static RefCase *
cast (GonioTensor *x, GonioDType to)
{
  RefCase *c = unary (GONIO_OP_CAST, x);

  ref_case_int (c, "to", to);
  return c;
}

#define CAST(X, DTYPE, shape, ...)                                                                 \
  do {                                                                                             \
    g_autoptr (RefCase) cast_case = cast (X, GONIO_DTYPE_##DTYPE);                                 \
    ref_assert_out (cast_case, 0, TENSOR_I64 (DTYPE, shape, __VA_ARGS__), REF_HERE);               \
  } while (0)

static void
test_cast_numbers (void)
{
  CAST (TENSOR (FLOAT, "4", 3.9, -3.9, NAN, 300), INT32, "4", 3, -3, 0, 300);
  CAST (TENSOR (FLOAT, "2", 300, -1), UINT8, "2", 44, 255);
  CAST (TENSOR (DOUBLE, "3", 1e300, -1e300, 9.0), INT64, "3", MAX64, MIN64, 9);
  CAST (TENSOR (FLOAT, "3", 0, 0.25, NAN), BOOL, "3", 0, 1, 1);
  CAST (TENSOR_I64 (INT64, "2", -1, 5), INT4, "2", -1, 5);
  CAST (TENSOR_I64 (INT4, "3", -8, 7, -1), INT64, "3", -8, 7, -1);
  CAST (TENSOR_I64 (UINT2, "5", 0, 1, 2, 3, 1), INT8, "5", 0, 1, 2, 3, 1);
  {
    /* int64 to float must round once: through double it would become 2^54 */
    g_autoptr (RefCase) c =
        cast (TENSOR_I64 (INT64, "1", (1LL << 54) + (1LL << 30) + 1), GONIO_DTYPE_FLOAT);
    GonioTensor *expected = TENSOR (FLOAT, "1", 0x1p54 + 0x1p31);

    ref_assert_out (c, 0, expected, REF_HERE);
    g_assert_cmpfloat (gonio_tensor_get_double (c->outputs[0], 0), ==, 0x1p54 + 0x1p31);
  }
}

/* Codes worked out from the formats: sign, exponent, fraction. */
static void
test_cast_small_floats (void)
{
  CAST (TENSOR (FLOAT, "6", 1, -2, 448, 1000, NAN, 0.001953125), FLOAT8E4M3FN, "6", 0x38, 0xc0,
        0x7e, 0x7e, 0x7f, 0x01);
  CAST (TENSOR (FLOAT, "4", 1, 240, 1000, NAN), FLOAT8E4M3FNUZ, "4", 0x40, 0x7f, 0x7f, 0x80);
  CAST (TENSOR (FLOAT, "4", 1, 57344, 1e9, INFINITY), FLOAT8E5M2, "4", 0x3c, 0x7b, 0x7b, 0x7b);
  CAST (TENSOR (FLOAT, "5", 0.5, 6, 7, -1.5, 2.5), FLOAT4E2M1, "5", 1, 7, 7, 0xb, 4);
  CAST (TENSOR (FLOAT, "3", 1, 3, NAN), FLOAT8E8M0, "3", 127, 129, 255);
  {
    g_autoptr (RefCase) c = cast (TENSOR (FLOAT, "3", 1e9, INFINITY, -1e9), GONIO_DTYPE_FLOAT8E5M2);

    ref_case_int (c, "saturate", 0);
    ref_assert_out (c, 0, TENSOR_I64 (FLOAT8E5M2, "3", 0x7c, 0x7c, 0xfc), REF_HERE);
  }
  {
    g_autoptr (RefCase) c =
        cast (TENSOR_I64 (FLOAT8E4M3FN, "3", 0x38, 0x7e, 0x01), GONIO_DTYPE_FLOAT);

    ASSERT_OUT (c, 0, FLOAT, "3", 1, 448, 0.001953125);
  }
}

static void
test_cast_text (void)
{
  {
    g_autoptr (RefCase) c =
        cast (TENSOR_TEXT ("4", "3.5", " -1e-2", "NaN", "-INF"), GONIO_DTYPE_FLOAT);

    ASSERT_OUT (c, 0, FLOAT, "4", 3.5, -0.01, NAN, -INFINITY);
  }
  {
    g_autoptr (RefCase) c = cast (TENSOR_TEXT ("1", "9223372036854775807"), GONIO_DTYPE_INT64);

    ASSERT_OUT_I64 (c, 0, INT64, "1", MAX64);
  }
  {
    g_autoptr (RefCase) c =
        cast (TENSOR (FLOAT, "5", 0.1, 1000000, 1e-7, INFINITY, -2.5), GONIO_DTYPE_STRING);

    ASSERT_OUT_TEXT (c, 0, "5", "0.1", "1000000.0", "1e-07", "inf", "-2.5");
  }
  {
    g_autoptr (RefCase) c = cast (TENSOR_TEXT ("1", "twelve"), GONIO_DTYPE_FLOAT);

    ASSERT_FAILS (c, "\"twelve\" is not a number");
  }
  {
    g_autoptr (RefCase) c = cast (TENSOR (FLOAT, "1", 1), (GonioDType)99);

    ASSERT_FAILS (c, "99");
  }
}

static void
test_bit_cast (void)
{
  g_autoptr (RefCase) c = unary (GONIO_OP_BIT_CAST, TENSOR (FLOAT, "1", 1));
  g_autoptr (RefCase) wrong = unary (GONIO_OP_BIT_CAST, TENSOR (FLOAT, "1", 1));

  ref_case_int (c, "to", GONIO_DTYPE_INT32);
  ASSERT_OUT (c, 0, INT32, "1", 0x3f800000);
  ref_case_int (wrong, "to", GONIO_DTYPE_INT64);
  ASSERT_FAILS (wrong, "bits of float");
}

/* Activations the passes fuse into a node. */
static void
test_fused_activation (void)
{
  static const struct {
    const char *name;
    float params[2];
    double expected[3];
  } cases[] = {
      {"Clip", {0, 1}, {0, 0.5, 1}},
      {"LeakyRelu", {0.1f, 0}, {-0.2, 0.5, 4}},
      {"Sigmoid", {0}, {0.1192029, 0.6224593, 0.9820138}},
      {"Tanh", {0}, {-0.9640276, 0.4621172, 0.9993293}},
      {"Swish", {0}, {-0.2384058, 0.3112297, 3.928055}},
      {"HardSwish", {0}, {-1.0 / 3, 0.2916667, 4}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (RefCase) c =
        binary (GONIO_OP_ADD, TENSOR (FLOAT, "3", -3, -0.5, 3), TENSOR (FLOAT, "1", 1));

    ref_case_string (c, "activation", cases[i].name);
    gonio_graph_set_attr_floats (c->graph, ref_case_node (c), "activation_params", cases[i].params,
                                 2);
    ref_assert_out (c, 0, ref_tensor (GONIO_DTYPE_FLOAT, "3", 3, cases[i].expected), REF_HERE);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/elementwise/broadcasting", test_broadcasting);
  g_test_add_func ("/reference/elementwise/long-rows", test_long_rows);
  g_test_add_func ("/reference/elementwise/integers", test_integers);
  g_test_add_func ("/reference/elementwise/division", test_division);
  g_test_add_func ("/reference/elementwise/shifts", test_shifts);
  g_test_add_func ("/reference/elementwise/pow", test_pow);
  g_test_add_func ("/reference/elementwise/variadic", test_variadic);
  g_test_add_func ("/reference/elementwise/where", test_where);
  g_test_add_func ("/reference/elementwise/unary", test_unary);
  g_test_add_func ("/reference/elementwise/clip", test_clip);
  g_test_add_func ("/reference/elementwise/types", test_types_are_checked);
  g_test_add_func ("/reference/elementwise/half", test_half_rounding);
  g_test_add_func ("/reference/elementwise/cast-numbers", test_cast_numbers);
  g_test_add_func ("/reference/elementwise/cast-small-floats", test_cast_small_floats);
  g_test_add_func ("/reference/elementwise/cast-text", test_cast_text);
  g_test_add_func ("/reference/elementwise/bit-cast", test_bit_cast);
  g_test_add_func ("/reference/elementwise/activation", test_fused_activation);
  return g_test_run ();
}
