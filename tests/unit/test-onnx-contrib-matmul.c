/* The quantised matrix products of com.microsoft, from the file to the result, against their
 * definitions computed here in double. */
#include "tests/support/node-case.h"
#include "tests/support/reference-case.h"

#include <math.h>

#define MS "com.microsoft"

/* ---- MatMulNBits ---- */

#define ROWS   2
#define K      40 /* two blocks and a half of 16 */
#define N      3
#define BLOCK  16
#define BLOCKS 3
#define PADDED (BLOCKS * BLOCK)

enum { ZEROS_NONE, ZEROS_PACKED, ZEROS_REAL };

static void
pack (guint8 *bytes, size_t i, guint bits, guint value)
{
  bytes[i * bits / 8] |= (guint8)(value << i * bits % 8);
}

static NodeCase *
n_bits_case (guint bits, int zeros, GonioDType dtype, gboolean biased, double *y)
{
  NodeCase *c = node_case_new (MS, 1, "MatMulNBits",
                               biased                ? "a b s z - bias"
                               : zeros == ZEROS_NONE ? "a b s"
                                                     : "a b s z",
                               "y");
  const int64_t row_zeros = (BLOCKS * bits + 7) / 8;
  const GonioShape b_shape = GONIO_SHAPE (N, BLOCKS, BLOCK * bits / 8);
  const GonioShape z_shape = GONIO_SHAPE (N, row_zeros);
  GonioTensor *b = gonio_tensor_new_zeroed (GONIO_DTYPE_UINT8, &b_shape, NULL);
  GonioTensor *z = gonio_tensor_new_zeroed (GONIO_DTYPE_UINT8, &z_shape, NULL);
  double a[ROWS * K], scales[N * BLOCKS], real_zeros[N * BLOCKS], w[N * PADDED], bias[N];
  const guint top = 1u << bits;

  for (int i = 0; i < ROWS * K; i++)
    a[i] = (i * 37 % 17 - 8) / 8.0;
  for (int i = 0; i < N; i++)
    bias[i] = i - 0.5;
  for (int i = 0; i < N * BLOCKS; i++) {
    guint zero = zeros == ZEROS_PACKED ? (guint)(i * 5 + 1) % top : top / 2;

    scales[i] = (i + 1) / 16.0;
    real_zeros[i] = zeros == ZEROS_REAL ? i * 0.25 : zero;
    pack ((guint8 *)gonio_tensor_writable_data (z) + i / BLOCKS * row_zeros, (size_t)(i % BLOCKS),
          bits, zero);
  }
  for (int i = 0; i < N * PADDED; i++) {
    guint q = (guint)(i * 29 + i / 7) % top;

    pack (gonio_tensor_writable_data (b), (size_t)i, bits, q);
    w[i] = (q - real_zeros[i / BLOCK]) * scales[i / BLOCK];
  }
  for (int r = 0; r < ROWS; r++)
    for (int n = 0; n < N; n++) {
      y[r * N + n] = biased ? bias[n] : 0;
      for (int k = 0; k < K; k++)
        y[r * N + n] += a[r * K + k] * w[n * PADDED + k];
    }
  node_case_give (c, "a", NULL, ref_tensor (dtype, "1 2 40", ROWS * K, a));
  node_case_hold (c, "b", b);
  node_case_hold (c, "s", ref_tensor (dtype, biased ? "9" : "3 3", N * BLOCKS, scales));
  if (zeros == ZEROS_REAL)
    node_case_hold (c, "z", ref_tensor (dtype, "3 3", N * BLOCKS, real_zeros));
  else if (zeros == ZEROS_PACKED)
    node_case_hold (c, "z", gonio_tensor_ref (z));
  if (biased)
    node_case_hold (c, "bias", ref_tensor (dtype, "3", N, bias));
  onnx_node_attr (c->node, onnx_attr_int ("K", K));
  onnx_node_attr (c->node, onnx_attr_int ("N", N));
  onnx_node_attr (c->node, onnx_attr_int ("block_size", BLOCK));
  if (bits != 4)
    onnx_node_attr (c->node, onnx_attr_int ("bits", bits));
  gonio_tensor_unref (z);
  return c;
}

static void
test_n_bits (void)
{
  static const guint widths[3] = {2, 4, 8};
  double y[ROWS * N];

  for (int i = 0; i < 3; i++)
    for (int zeros = ZEROS_NONE; zeros <= ZEROS_REAL; zeros++) {
      g_autoptr (NodeCase) c =
          n_bits_case (widths[i], zeros, GONIO_DTYPE_FLOAT, zeros == ZEROS_PACKED, y);
      node_case_expect (c, 0, "1 2 3", ROWS * N, y, 1e-5);
    }
  g_autoptr (NodeCase) half = n_bits_case (4, ZEROS_PACKED, GONIO_DTYPE_FLOAT16, TRUE, y);
  node_case_expect (half, 0, "1 2 3", ROWS * N, y, 2e-3);
}

static void
test_n_bits_refuses (void)
{
  static const struct {
    int64_t k, n, block, bits, prepacked;
    const char *inputs, *text;
  } rows[] = {
      {16, 2, 16, 4, 0, "a b", "2 inputs"},
      {16, 2, 16, 4, 0, "a b - z", "input 2 is missing"},
      {16, 2, 16, 3, 0, "a b s", "3 bits"},
      {16, 2, 24, 4, 0, "a b s", "block_size"},
      {16, 2, 8, 4, 0, "a b s", "block_size"},
      {0, 2, 16, 4, 0, "a b s", "K, N"},
      {16, -1, 16, 4, 0, "a b s", "K, N"},
      {G_MAXINT64, 2, 16, 4, 0, "a b s", "K, N"},
      {G_MAXINT32, G_MAXINT32, 16, 4, 0, "a b s", "16 bytes"},
      {16, 3, 16, 4, 0, "a b s", "input 1 has 16 bytes; 24 are needed"},
      {16, 2, 16, 4, 1, "a b s", "prepacking"},
      {16, 2, 16, 4, 0, "a a s", "constant bytes"},
      {16, 2, 16, 4, 0, "a b s b", "input 3 has 16 bytes; 2 are needed"},
      {16, 2, 16, 4, 0, "a b s i", "bytes or numbers"},
      {16, 2, 16, 4, 0, "a b s - i", "g_idx"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (MS, 1, "MatMulNBits", rows[i].inputs, "y");

    node_case_give (c, "a", NULL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 16"));
    node_case_hold (c, "b", ref_tensor_count_up (GONIO_DTYPE_UINT8, "2 1 8"));
    node_case_hold (c, "s", TENSOR (FLOAT, "2 1", 1, 2));
    node_case_hold (c, "z", TENSOR (FLOAT, "2 1", 1, 2));
    node_case_hold (c, "i", TENSOR_I64 (INT32, "2", 0, 1));
    onnx_node_attr (c->node, onnx_attr_int ("K", rows[i].k));
    onnx_node_attr (c->node, onnx_attr_int ("N", rows[i].n));
    onnx_node_attr (c->node, onnx_attr_int ("block_size", rows[i].block));
    onnx_node_attr (c->node, onnx_attr_int ("bits", rows[i].bits));
    onnx_node_attr (c->node, onnx_attr_int ("weight_prepacked", rows[i].prepacked));
    node_case_refused (c, rows[i].text);
  }
}

/* ---- integer products ---- */

static const int64_t a_bytes[6] = {0, 100, 255, 130, 120, 7};                       /* [2,3] */
static const int64_t b_bytes[12] = {-128, 5, 0, 127, -7, 50, 3, -90, 1, 2, 99, -1}; /* [3,4] */
static const double b_scales[4] = {0.5, 0.25, 1, 2};
static const int64_t b_zeros[4] = {3, -4, 0, 10};
static const double biases[4] = {1, -2, 3, 0.5};

/* per_column: of b */
static void
integer_product (gboolean per_column, double a_scale, int64_t a_zero, gboolean biased, double *y)
{
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 4; j++) {
      int64_t sum = 0;
      for (int k = 0; k < 3; k++)
        sum += (a_bytes[3 * i + k] - a_zero) *
               (b_bytes[4 * k + j] - (per_column ? b_zeros[j] : b_zeros[0]));
      y[4 * i + j] = (double)sum * a_scale * (per_column ? b_scales[j] : b_scales[0]) +
                     (biased ? biases[j] : 0);
    }
}

static void
hold_b (NodeCase *c, gboolean per_column)
{
  node_case_hold (c, "b", ref_tensor_i64 (GONIO_DTYPE_INT8, "3 4", 12, b_bytes));
  node_case_hold (
      c, "bs", ref_tensor (GONIO_DTYPE_FLOAT, per_column ? "4" : "", per_column ? 4 : 1, b_scales));
  node_case_hold (
      c, "bz",
      ref_tensor_i64 (GONIO_DTYPE_INT8, per_column ? "4" : "", per_column ? 4 : 1, b_zeros));
}

static void
test_integer_to_float (void)
{
  double y[8];

  for (int per_column = 0; per_column < 2; per_column++) {
    g_autoptr (NodeCase) c = node_case_new (
        MS, 1, "MatMulIntegerToFloat", per_column ? "a b as bs az bz bias" : "a b as bs - bz", "y");

    node_case_give (c, "a", NULL, ref_tensor_i64 (GONIO_DTYPE_UINT8, "2 3", 6, a_bytes));
    hold_b (c, per_column);
    node_case_hold (c, "as", TENSOR (FLOAT, "1", 0.125));
    if (per_column) {
      node_case_hold (c, "az", TENSOR_I64 (UINT8, "1", 120));
      node_case_hold (c, "bias", ref_tensor (GONIO_DTYPE_FLOAT, "4", 4, biases));
    }
    integer_product (per_column, 0.125, per_column ? 120 : 0, per_column, y);
    node_case_expect (c, 0, "2 4", 8, y, 1e-6);
  }
}

/* Numbers from -1 to 1.55 become bytes of scale 0.01 and zero point 100. */
static void
test_dynamic (void)
{
  double a[6], y[8];

  for (int i = 0; i < 6; i++)
    a[i] = (double)(a_bytes[i] - 100) * 0.01;
  for (int per_column = 0; per_column < 2; per_column++) {
    g_autoptr (NodeCase) c = node_case_new (MS, 1, "DynamicQuantizeMatMul",
                                            per_column ? "a b bs bz bias" : "a b bs bz", "y");

    node_case_give (c, "a", NULL, ref_tensor (GONIO_DTYPE_FLOAT, "2 3", 6, a));
    hold_b (c, per_column);
    if (per_column)
      node_case_hold (c, "bias", ref_tensor (GONIO_DTYPE_FLOAT, "4", 4, biases));
    integer_product (per_column, 0.01, 100, per_column, y);
    node_case_expect (c, 0, "2 4", 8, y, 1e-5);
  }
}

/* round 0: plain, 1: both transposed, alpha and c, 2: float result. */
static void
test_gemm (void)
{
  static const int64_t c_values[4] = {100, -200, 300, 0};
  double y[8];

  for (int round = 0; round < 3; round++) {
    g_autoptr (NodeCase) c = node_case_new (
        MS, 1, "QGemm", round == 2 ? "a as az b bs bz" : "a as az b bs bz c ys yz", "y");
    int64_t turned_a[6], turned_b[12];

    for (int i = 0; i < 6; i++)
      turned_a[i % 3 * 2 + i / 3] = a_bytes[i];
    for (int i = 0; i < 12; i++)
      turned_b[i % 4 * 3 + i / 4] = b_bytes[i];
    node_case_give (c, "a", NULL,
                    ref_tensor_i64 (GONIO_DTYPE_UINT8, round == 1 ? "3 2" : "2 3", 6,
                                    round == 1 ? turned_a : a_bytes));
    node_case_hold (c, "as", TENSOR (FLOAT, "", 0.125));
    node_case_hold (c, "az", TENSOR_I64 (UINT8, "", 120));
    node_case_hold (c, "b",
                    ref_tensor_i64 (GONIO_DTYPE_INT8, round == 1 ? "4 3" : "3 4", 12,
                                    round == 1 ? turned_b : b_bytes));
    node_case_hold (c, "bs", ref_tensor (GONIO_DTYPE_FLOAT, "4", 4, b_scales));
    node_case_hold (c, "bz", ref_tensor_i64 (GONIO_DTYPE_INT8, "4", 4, b_zeros));
    integer_product (TRUE, 0.125, 120, FALSE, y);
    if (round < 2) {
      node_case_hold (c, "c", ref_tensor_i64 (GONIO_DTYPE_INT32, "4", 4, c_values));
      node_case_hold (c, "ys", TENSOR (FLOAT, "", 64));
      node_case_hold (c, "yz", TENSOR_I64 (UINT8, "", 90));
    }
    if (round == 1) {
      onnx_node_attr (c->node, onnx_attr_int ("transA", 1));
      onnx_node_attr (c->node, onnx_attr_int ("transB", 1));
      onnx_node_attr (c->node, onnx_attr_float ("alpha", 0.5f));
    }
    for (int i = 0; i < 8 && round < 2; i++) {
      double real = y[i] + (double)c_values[i % 4] * 0.125 * b_scales[i % 4];
      y[i] = CLAMP (rint (real * (round ? 0.5 : 1) / 64) + 90, 0, 255);
    }
    node_case_expect (c, 0, "2 4", 8, y, round == 2 ? 1e-6 : 0);
  }
}

static void
test_refuses (void)
{
  static const struct {
    const char *op, *inputs, *text;
  } rows[] = {
      {"MatMulIntegerToFloat", "a b s", "3 inputs"},
      {"MatMulIntegerToFloat", "a b - s", "input 2 is missing"},
      {"MatMulIntegerToFloat", "a b t s", "one scale"},
      {"MatMulIntegerToFloat", "a b s s z", "one scale"},
      {"DynamicQuantizeMatMul", "f b", "2 inputs"},
      {"DynamicQuantizeMatMul", "f b s z s s", "6 inputs"},
      {"QGemm", "a s z b", "4 inputs"},
      {"QGemm", "a t z b s z", "one scale"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (MS, 1, rows[i].op, rows[i].inputs, "y");

    node_case_hold (c, "a", ref_tensor_i64 (GONIO_DTYPE_UINT8, "2 3", 6, a_bytes));
    node_case_hold (c, "f", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "2 3"));
    node_case_hold (c, "b", ref_tensor_i64 (GONIO_DTYPE_INT8, "3 4", 12, b_bytes));
    node_case_hold (c, "s", TENSOR (FLOAT, "", 1));
    node_case_hold (c, "t", TENSOR (FLOAT, "2", 1, 2));
    node_case_hold (c, "z", TENSOR_I64 (UINT8, "2", 1, 2));
    node_case_refused (c, rows[i].text);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-contrib-matmul/n-bits", test_n_bits);
  g_test_add_func ("/onnx-contrib-matmul/n-bits-refuses", test_n_bits_refuses);
  g_test_add_func ("/onnx-contrib-matmul/integer-to-float", test_integer_to_float);
  g_test_add_func ("/onnx-contrib-matmul/dynamic", test_dynamic);
  g_test_add_func ("/onnx-contrib-matmul/gemm", test_gemm);
  g_test_add_func ("/onnx-contrib-matmul/refuses", test_refuses);
  return g_test_run ();
}
