/* The OpenGL backends against the reference, operator by operator; both run on Mesa's software
 * rasteriser where there is no card. The argument names the backend. */
#include "tests/backend/gl-test.h"

#include "core/ops/op.h"

/* ---- operators ---- */

static const char *const conv[] = {
    "Conv(f:1,3,9,9; c:8,3,3,3; c:8) strides=2,2 pads=1,1,1,1",
    "Conv(f:1,1,5,7; c:1,1,1,1)",
    "Conv(f:2,5,6,5; c:7,5,3,2; c:7) pads=1,0,2,1",
    "Conv(f:1,16,8,8; c:16,16,3,3) dilations=2,3 pads=2,3,2,3",
    "Conv(f:1,4,3,3; c:6,4,5,5) pads=4,4,4,4",
    "Conv(f:3,7,10; c:9,7,3; c:9) strides=2 pads=1,1",
    "Conv(f:1,12,11,5; c:12,1,3,3; c:12) group=12 pads=1,1,1,1",
    "Conv(f:2,13,9,9; c:13,1,5,5) group=13 strides=2,1 pads=2,2,2,2",
    "Conv(f:1,16,6,7; c:8,8,3,3; c:8) group=2 pads=1,1,1,1",
    "Conv(f:1,24,5,5; c:12,8,1,1; c:12) group=3",
    "Conv(f:1,3,9,9; c:8,3,3,3) auto_pad=SAME_UPPER strides=2,2",
    "Conv(f:1,3,8,9; c:8,3,4,3) auto_pad=SAME_LOWER",
    "Conv(f:0,3,5,5; c:4,3,3,3)",
    "Conv(f:1,67,33,31; c:70,67,3,3; c:70) pads=1,1,1,1",
};
static const char *const pool[] = {
    "MaxPool(f:1,3,9,9) kernel_shape=3,3 strides=2,2 pads=1,1,1,1",
    "MaxPool(f:2,5,7,8) kernel_shape=2,3",
    "MaxPool(f:1,4,9) kernel_shape=3 dilations=2",
    "MaxPool(f:1,3,10,10) kernel_shape=3,3 strides=2,2 ceil_mode=1",
    "AveragePool(f:1,3,9,9) kernel_shape=3,3 strides=2,2 pads=1,1,1,1",
    "AveragePool(f:1,3,9,9) kernel_shape=3,3 pads=1,1,1,1 count_include_pad=1",
    "AveragePool(f:1,3,10,10) kernel_shape=3,3 strides=2,2 ceil_mode=1",
    ("AveragePool(f:1,3,10,10) kernel_shape=3,3 strides=2,2 pads=0,0,1,1 ceil_mode=1 "
     "count_include_pad=1"),
    "GlobalAveragePool(f:2,37,7,5)",
    "GlobalAveragePool(f:1,3,9)",
    "GlobalAveragePool(f:1,3,4,5,6)",
    "GlobalMaxPool(f:2,6,7,5)",
};
static const char *const unary[] = {
    "Abs(f:2,3,5)",
    "Ceil(f:2,3,5)",
    "Cos(f:2,3,5,4)",
    "Elu(f:2,3,5,4) alpha=0.5",
    "Erf(f:2,6,5,40)",
    "Exp(f:2,3,5,4)",
    "Floor(f:2,3,5,4)",
    "HardSigmoid(f:2,3,5,4)",
    "HardSwish(f:2,3,5,4)",
    "Identity(f:2,3,5,4)",
    "LeakyRelu(f:2,3,5,4) alpha=0.3",
    "Neg(f:7)",
    "Relu(f:2,3,5,4)",
    "Round(f:2,3,5,4)",
    "Sigmoid(f:2,3,5,4)",
    "Sign(f:2,3,5,4)",
    "Sin(f:2,3,5,4)",
    "Softplus(f:2,3,5,4)",
    "Softsign(f:2,3,5,4)",
    "Tanh(f:2,3,5,4)",
    "ThresholdedRelu(f:2,3,5,4) alpha=0.2",
    "Relu(f:0,3)",
    "Clip(f:2,3,5,4; s:-0.5; s:0.25)",
    "Clip(f:2,3,5,4; -; s:0.25)",
    "Relu(f:1)",
    "Neg(f:3,70,61,67)",
    "Swish(f:2,3,5,4)",
    "Swish(f:2,3,5,4) alpha=1.5",
};
static const char *const binary[] = {
    "Add(f:2,3,5,4; f:2,3,5,4)",
    "Sub(f:2,3,5,4; c:3,1,1)",
    "Mul(f:2,3,5,4; f:1,3,1,1)",
    "Mul(f:2,3,5,4; f:2,3,1,1)",
    "Add(f:3,1,1; f:2,3,5,4)",
    "Sub(f:1,3,1,1; f:2,3,5,4)",
    "Add(f:5; f:1)",
    "Max(f:2,3,4; f:3,4)",
    "Min(f:2,1,4; f:3,1)",
    "Mul(f:2,3,5,4; s:3)",
    "PRelu(f:2,3,5,4; c:3,1,1)",
    "Add(f:1,2,3,1,2,3; f:3,1,1,3)",
    "Add(f:0,3; f:1,3)",
    "Sub(f:1,6,5,4; f:1,6,5,4)",
    "Div(f:2,3,5,4; v:2,3,4,5)",
};

static const char *const matmul[] = {
    "MatMul(f:5,7; c:7,9)",
    "MatMul(f:1,1; f:1,1)",
    "MatMul(f:2,3,5,7; f:2,3,7,4)",
    "MatMul(f:2,3,5,7; c:7,4)",
    "MatMul(f:5,7; f:3,7,4)",
    "MatMul(f:3,0; f:0,4)",
    "Gemm(f:5,7; c:7,9; c:9)",
    "Gemm(f:7,5; c:9,7; c:5,1) transA=1 transB=1 alpha=0.5 beta=2.0",
    "Gemm(f:5,7; f:7,9; f:5,9)",
    "Gemm(f:5,7; f:7,9; s:2)",
    "Gemm(f:33,130; c:130,65)",
};

static const char *const refused[] = {
    "Conv(f:1,6,5,5; c:6,3,3,3) group=2", /* no whole fours */
    "Conv(f:1,4,5,5; f:6,4,3,3)",         /* weights are computed */
    "Conv(f:1,4,5,5,5; c:6,4,3,3,3)",     /* three axes */
    "Add(f:1,2,1,2,1,2,2; f:1)",
    "Clip(f:3; f:; s:1)",
    "Gather(f:3,4; i3:2)",
    "MaxPool(f:2,3,1) kernel_shape=1 pads=2,2 strides=3 dilations=2",
};

/* Lanes beyond the last channel stay finite: 1 / 0 in one of them would spoil what a convolution
 * makes of the others. */
static void
check_lanes (GonioOpId op)
{
  g_autoptr (GError) error = NULL;
  GonioShape shape = GONIO_SHAPE (1, 6, 5, 5), weights = GONIO_SHAPE (6, 6, 1, 1);
  GonioSymShape sym = gonio_sym_shape_from_shape (&shape);
  g_autoptr (GonioGraph) graph = gonio_graph_new ("lanes");
  GonioValueId x = gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &sym);
  g_autoptr (GonioTensor) w = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &weights, NULL);
  for (int i = 0; i < 6; i++)
    ((float *)gonio_tensor_writable_data (w))[i * 7] = 1; /* each channel as it is */
  const GonioOpId ops[] = {GONIO_OP_CONV, op, GONIO_OP_CONV};
  GonioValueId first = x;
  for (guint i = 0; i < G_N_ELEMENTS (ops); i++) {
    GonioValueId inputs[2] = {x, first};
    if (ops[i] == GONIO_OP_CONV)
      inputs[1] = gonio_graph_add_constant (graph, NULL, w);
    x = gl_test_add_node (graph, ops[i], inputs, ops[i] == GONIO_OP_RECIPROCAL ? 1 : 2);
  }
  gonio_graph_add_output (graph, x);
  g_assert_true (gonio_infer_graph (graph, &error));
  g_autoptr (GonioTensor) input = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  for (int64_t i = 0; i < gonio_tensor_count (input); i++)
    ((float *)gonio_tensor_writable_data (input))[i] = (float)(i % 7 + 1);
  const char *name = "x";
  GonioTensor **outputs = gl_test_run_graph (graph, gl_test_alone, &name, &input, 1);
  for (int64_t i = 0; i < gonio_tensor_count (input); i++)
    g_assert_cmpfloat_with_epsilon (gonio_tensor_get_double (outputs[0], i),
                                    op == GONIO_OP_DIV ? 1.0 : 1.0 / (double)(i % 7 + 1), 1e-5);
  gonio_session_free_outputs (outputs, 1);
}

static void
test_lanes (void)
{
  check_lanes (GONIO_OP_RECIPROCAL);
  check_lanes (GONIO_OP_DIV);
}

int
main (int argc, char **argv)
{
  if (!gl_test_begin (&argc, &argv))
    return GL_TEST_SKIPPED;
  gl_test_add_cases ("/gl/conv", conv, G_N_ELEMENTS (conv));
  gl_test_add_cases ("/gl/pool", pool, G_N_ELEMENTS (pool));
  gl_test_add_cases ("/gl/unary", unary, G_N_ELEMENTS (unary));
  gl_test_add_cases ("/gl/binary", binary, G_N_ELEMENTS (binary));
  gl_test_add_cases ("/gl/matmul", matmul, G_N_ELEMENTS (matmul));
  g_test_add_func ("/gl/lanes", test_lanes);
  gl_test_add_refused ("/gl/refused", refused, G_N_ELEMENTS (refused));
  return g_test_run ();
}
