/* Convolutions and products, each kernel over sizes that do not suit it, against the reference.
 * GONIO_GL_KERNELS forces them, see backends/gl/README.md. The argument names the backend. */
#include "backends/gl/fragment/fragment.h"
#include "core/ops/op.h"
#include "tests/backend/gl-test.h"

#include <math.h>
#include <string.h>

static void
run_cases (const char *kernels, const char *const *cases, guint n)
{
  g_setenv ("GONIO_GL_KERNELS", kernels, TRUE);
  for (guint i = 0; i < n; i++)
    op_case_run (&gl_test_setup, cases[i], i % 2);
}

/* ---- convolutions ---- */

static const char *const convs[] = {
    /* every shape of a tile: pixels and outputs within, on and beyond its edges */
    "Conv(f:1,1,1,1; c:1,1,1,1)",
    "Conv(f:1,3,9,9; c:5,3,3,3; c:5) pads=1,1,1,1",
    "Conv(f:1,6,13,11; c:14,6,3,3; c:14) pads=1,1,1,1",
    "Conv(f:1,16,16,16; c:16,16,3,3; c:16) pads=1,1,1,1",
    "Conv(f:1,18,12,11; c:30,18,3,3; c:30) pads=1,1,1,1",
    "Conv(f:1,64,7,7; c:66,64,3,3; c:66) pads=1,1,1,1",
    "Conv(f:1,20,14,14; c:129,20,1,1; c:129)",
    "Conv(f:1,32,15,17; c:64,32,1,1; c:64)",
    "Conv(f:1,33,5,5; c:35,33,1,1; c:35)",
    /* strides, dilations, uneven and negative padding, even kernels */
    "Conv(f:1,3,33,31; c:32,3,7,7; c:32) strides=2,2 pads=3,3,3,3",
    "Conv(f:1,16,17,13; c:24,16,3,3) strides=2,1 pads=0,1,2,0",
    "Conv(f:1,16,14,14; c:20,16,1,1; c:20) strides=2,2",
    "Conv(f:1,16,19,18; c:20,16,3,3; c:20) dilations=2,3 pads=2,3,2,3",
    "Conv(f:1,8,9,9; c:12,8,4,2; c:12) pads=1,0,2,1",
    "Conv(f:1,4,3,3; c:9,4,5,5) pads=4,4,4,4",
    "Conv(f:1,12,10,9; c:16,12,1,5; c:16) pads=0,2,0,2",
    "Conv(f:1,12,10,9; c:16,12,1,1; c:16) pads=1,2,0,1",
    "Conv(f:1,5,9,8; c:7,5,3,3; c:7) auto_pad=SAME_LOWER strides=2,2",
    /* groups of whole fours */
    "Conv(f:1,32,9,7; c:64,8,3,3; c:64) group=4 pads=1,1,1,1",
    "Conv(f:2,48,6,6; c:24,16,1,1; c:24) group=3",
    "Conv(f:1,160,5,5; c:160,80,3,3) group=2 pads=1,1,1,1",
    /* several pictures, lines, single pixels, nothing */
    "Conv(f:3,7,6,5; c:10,7,3,3; c:10) pads=1,1,1,1",
    "Conv(f:2,17,40; c:33,17,3; c:33) strides=2 pads=1,1",
    "Conv(f:2,9,30; c:6,9,1; c:6)",
    "Conv(f:3,50,1,1; c:30,50,1,1; c:30)",
    "Conv(f:1,130,1,1; c:70,130,1,1; c:70)",
    "Conv(f:0,4,5,5; c:8,4,3,3) pads=1,1,1,1",
    /* what is added, activations */
    "Conv(f:2,10,7,9; c:22,10,3,3; c:22; f:2,22,7,9) pads=1,1,1,1",
    "Conv(f:1,24,8,8; c:24,24,1,1; c:24; f:1,24,8,8) activation=Clip activation_params=0,inf",
    "Conv(f:1,12,1,1; c:24,12,1,1; c:24; f:1,24,1,1) activation=Sigmoid",
    "Conv(f:1,40,9,8; c:40,40,3,3; c:40; f:1,40,9,8) pads=1,1,1,1 activation=HardSwish",
    "Conv(f:1,12,9,8; c:18,12,3,3; c:18) pads=1,1,1,1 activation=Clip activation_params=-6,6",
    "Conv(f:1,12,9,8; c:18,12,3,3) pads=1,1,1,1 activation=LeakyRelu activation_params=0.1",
    "Conv(f:1,12,9,8; c:18,12,3,3; c:18) pads=1,1,1,1 activation=Swish",
    /* Winograd's: sizes around tiles, padding of all kinds */
    "Conv(f:1,4,3,3; c:4,4,3,3)",
    "Conv(f:1,8,30,3; c:8,8,3,3; c:8) pads=1,1,1,1",
    "Conv(f:3,17,5,6; c:33,17,3,3; c:33; f:3,33,9,10) pads=2,3,4,3",
    "Conv(f:1,16,1,30; c:16,16,3,3; c:16) pads=2,0,0,1",
    "Conv(f:1,72,18,18; c:36,72,3,3; c:36) pads=1,1,1,1 activation=Swish",
};

static const char *const depthwise[] = {
    "Conv(f:1,12,11,5; c:12,1,3,3; c:12) group=12 pads=1,1,1,1",
    "Conv(f:2,13,9,9; c:13,1,5,5) group=13 strides=2,1 pads=2,2,2,2",
    "Conv(f:1,6,16,16; c:6,1,3,3; c:6) group=6 strides=2,2 pads=1,1,1,1 activation=HardSwish",
    "Conv(f:1,6,15,17; c:6,1,5,5; c:6) group=6 strides=1,2 pads=2,2,2,2 activation=Sigmoid",
    "Conv(f:1,5,12,7; c:5,1,3,3; c:5; f:1,5,12,7) group=5 pads=1,1,1,1 activation=Swish",
    "Conv(f:1,8,9,20; c:8,1,3,7; c:8) group=8 dilations=2,1 pads=2,0,2,5",
    "Conv(f:1,8,9,20; c:8,1,3,3; c:8) group=8 dilations=1,2",            /* one texel */
    "Conv(f:1,8,9,20; c:8,1,3,3; c:8) group=8 strides=3,3 pads=1,1,1,1", /* too */
    "Conv(f:1,8,9,2; c:8,1,3,3; c:8; f:1,8,9,2) group=8 pads=1,1,1,1",
    "Conv(f:2,9,33; c:9,1,5; c:9) group=9 pads=2,2",
    "Conv(f:1,4,6,9; c:4,1,1,1) group=4",
};

static const char *const products[] = {
    "MatMul(f:5,7; c:7,9)",
    "MatMul(f:5,7; f:7,9)",
    "MatMul(f:5,8; f:8,12)",
    "MatMul(f:1,1; f:1,1)",
    "MatMul(f:1,9; c:9,7)",
    "MatMul(f:3,0; f:0,4)",
    "MatMul(f:0,3; f:3,4)",
    "MatMul(f:66,36; c:36,68)",
    "MatMul(f:66,36; f:36,68)",
    "MatMul(f:67,35; f:35,71)",
    "MatMul(f:130,17; c:17,33)",
    "MatMul(f:2,3,5,7; f:2,3,7,4)",
    "MatMul(f:2,3,5,8; f:2,3,8,12)",
    "MatMul(f:2,3,5,7; c:7,4)",
    "MatMul(f:2,3,5,7; c:7,6)",
    "MatMul(f:5,7; f:3,7,4)",
    "MatMul(f:2,1,5,7; f:1,3,7,4)",
    "MatMul(f:2,1,2,5,7; f:3,1,7,6)",
    "MatMul(f:3,5,7; c:3,7,4)",
    "MatMul(f:7; f:7,5)",
    "MatMul(f:5,7; f:7)",
    "MatMul(f:2,5,8; f:8)",
    "MatMul(f:9; f:9)",
    "MatMul(f:8; f:3,8,4)",
    "MatMul(f:40,24; c:24,20) activation=HardSwish",
    "MatMul(f:3,24; c:24,21) activation=Clip activation_params=0,inf",
    "Gemm(f:5,7; c:7,9; c:9)",
    "Gemm(f:7,5; c:9,7; c:5,1) transA=1 transB=1 alpha=0.5 beta=2.0",
    "Gemm(f:40,36; f:44,40; f:36,44) transA=1 transB=1 alpha=0.5 beta=-2.0",
    "Gemm(f:36,40; f:44,40; f:1,44) transB=1",
    "Gemm(f:36,41; f:47,41; f:36,47) transB=1 activation=Swish",
    "Gemm(f:5,7; f:7,9; f:5,9)",
    "Gemm(f:5,7; f:7,9; s:2)",
    "Gemm(f:33,130; c:130,65)",
    "Gemm(f:1,300; c:70,300; c:70) transB=1",
    "Gemm(f:6,300; c:72,300; c:72) transB=1",
};

static void
test_convs (gconstpointer kernels)
{
  run_cases (kernels, convs, G_N_ELEMENTS (convs));
}

static void
test_depthwise (gconstpointer kernels)
{
  run_cases (kernels, depthwise, G_N_ELEMENTS (depthwise));
}

static void
test_products (gconstpointer kernels)
{
  run_cases (kernels, products, G_N_ELEMENTS (products));
}

/* ---- rounding ---- */

enum { SIZE = 22, OUT = SIZE - 2, CHANNELS = 128, OUTPUTS = 36 };

static GonioTensor *
random_tensor (GRand *rand, GonioShape shape, double from, double to)
{
  GonioTensor *tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    ((float *)gonio_tensor_writable_data (tensor))[i] = (float)g_rand_double_range (rand, from, to);
  return tensor;
}

static GonioSession *
new_session (const char *kernels, const GonioBackendDef *const *backends, GonioGraph *graph)
{
  g_autoptr (GError) error = NULL;
  gonio_infer_graph (graph, &error);
  g_assert_no_error (error);
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = backends;
  options.strict = TRUE;
  g_setenv ("GONIO_GL_KERNELS", kernels, TRUE);
  GonioSession *session = gonio_session_new_from_graph (graph, &options, NULL, &error);
  g_assert_no_error (error);
  return session;
}

static GonioTensor *
run (GonioSession *session, GonioTensor *x)
{
  g_autoptr (GError) error = NULL;
  const char *name = "x";
  GonioTensor **outputs = NULL;
  gonio_session_run (session, &name, &x, 1, &outputs, NULL, &error);
  g_assert_no_error (error);
  GonioTensor *y = gonio_tensor_ref (outputs[0]);
  gonio_session_free_outputs (outputs, 1);
  return y;
}

static GonioValueId
add_node (GonioGraph *graph, GonioOpId op, GonioValueId a, GonioValueId b, GonioNodeId *out_node)
{
  GonioValueId inputs[2] = {a, b};
  GonioValueId out = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId node =
      gonio_graph_add_node (graph, op, NULL, inputs, b == GONIO_VALUE_NONE ? 1 : 2, &out, 1);
  if (out_node)
    *out_node = node;
  return out;
}

static GonioTensor *
run_conv (const char *kernels, GonioTensor *x, GonioTensor *weights)
{
  GonioGraph *graph = gonio_graph_new ("conv");
  GonioSymShape shape = gonio_sym_shape_from_shape (gonio_tensor_shape (x));
  GonioValueId in = gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &shape);
  gonio_graph_add_output (graph, add_node (graph, GONIO_OP_CONV, in,
                                           gonio_graph_add_constant (graph, NULL, weights), NULL));
  g_autoptr (GonioSession) session = new_session (kernels, gl_test_alone, graph);
  return run (session, x);
}

static double
true_output (const float *x, const float *w, int i)
{
  int to = i / (OUT * OUT), row = i / OUT % OUT, column = i % OUT;
  double sum = 0;
  for (int c = 0; c < CHANNELS; c++)
    for (int k = 0; k < 9; k++)
      sum += (double)x[(c * SIZE + row + k / 3) * SIZE + column + k % 3] *
             (double)w[(to * CHANNELS + c) * 9 + k];
  return sum;
}

/* Winograd's transforms may cost some digits, and every wish must be heard: each method rounds in
 * its own way. */
static void
test_rounding (void)
{
  enum { WINOGRAD2 = 1, WINOGRAD4, BY_SIZE };
  static const char *const kinds[] = {"one-texel", "winograd2", "winograd4", "by-size", "tiled"};
  guint n = gl_test_alone[0] == &gonio_backend_gl_fragment ? 4 : 5;
  g_autoptr (GRand) rand = g_rand_new_with_seed (301);
  g_autoptr (GonioTensor) x = random_tensor (rand, GONIO_SHAPE (1, CHANNELS, SIZE, SIZE), 0, 2);
  g_autoptr (GonioTensor) w = random_tensor (rand, GONIO_SHAPE (OUTPUTS, CHANNELS, 3, 3), -1, 1);
  g_autofree double *truth = g_new (double, OUTPUTS *OUT *OUT);
  double errors[G_N_ELEMENTS (kinds)], most = 0;
  for (int i = 0; i < OUTPUTS * OUT * OUT; i++) {
    truth[i] = true_output (gonio_tensor_data (x), gonio_tensor_data (w), i);
    most = MAX (most, fabs (truth[i]));
  }
  for (guint k = 0; k < n; k++) {
    g_autoptr (GonioTensor) y = run_conv (kinds[k], x, w);
    errors[k] = 0;
    for (int i = 0; i < OUTPUTS * OUT * OUT; i++)
      errors[k] = MAX (errors[k], fabs (gonio_tensor_get_double (y, i) - truth[i]) / most);
    g_test_message ("%s: %.2e", kinds[k], errors[k]);
    g_assert_cmpfloat (errors[k], <, 5e-6);
  }
  for (guint k = 0; k < n; k++) {
    if (k != WINOGRAD2)
      g_assert_cmpfloat (errors[k], !=, errors[WINOGRAD2]);
    if (k != WINOGRAD4 && k != BY_SIZE)
      g_assert_cmpfloat (errors[k], !=, errors[WINOGRAD4]);
  }
  g_assert_cmpfloat (errors[BY_SIZE], ==, errors[WINOGRAD4]); /* large enough for it */
}

/* ---- networks ---- */

static GonioValueId
add_conv (GonioGraph *graph, GRand *rand, GonioValueId x, GonioShape weights, int pad, int group)
{
  g_autoptr (GonioTensor) w = random_tensor (rand, weights, -0.5, 0.5);
  GonioNodeId node;
  GonioValueId y =
      add_node (graph, GONIO_OP_CONV, x, gonio_graph_add_constant (graph, NULL, w), &node);
  gonio_graph_set_attr_ints (graph, node, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
  gonio_graph_set_attr_int (graph, node, "group", group);
  return y;
}

/* What networks are made of, with 10 channels, which leave lanes unused. */
static GonioGraph *
block (void)
{
  const GonioOpId relu = GONIO_OP_LEAKY_RELU; /* of what is not a number others may make 0 */
  const GonioValueId none = GONIO_VALUE_NONE;
  g_autoptr (GRand) rand = g_rand_new_with_seed (302);
  GonioGraph *graph = gonio_graph_new ("block");
  const GonioShape size = GONIO_SHAPE (2, 6, 9, 11);
  GonioSymShape shape = gonio_sym_shape_from_shape (&size);
  GonioValueId x = gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &shape);
  x = add_conv (graph, rand, x, GONIO_SHAPE (10, 6, 3, 3), 1, 1);
  GonioValueId y = x = add_node (graph, relu, x, none, NULL);
  y = add_conv (graph, rand, y, GONIO_SHAPE (10, 10, 3, 3), 1, 1);
  y = add_node (graph, relu, add_node (graph, GONIO_OP_ADD, x, y, NULL), none, NULL);
  x = add_conv (graph, rand, y, GONIO_SHAPE (10, 1, 3, 3), 1, 10);
  x = add_node (graph, GONIO_OP_HARD_SWISH, x, none, NULL);
  y = add_node (graph, GONIO_OP_GLOBAL_AVERAGE_POOL, x, none, NULL);
  y = add_conv (graph, rand, y, GONIO_SHAPE (10, 10, 1, 1), 0, 1);
  y = add_node (graph, GONIO_OP_SIGMOID, y, none, NULL);
  x = add_node (graph, GONIO_OP_MUL, x, y, NULL);
  x = add_conv (graph, rand, x, GONIO_SHAPE (22, 10, 1, 1), 0, 1);
  g_autoptr (GonioTensor) right = random_tensor (rand, GONIO_SHAPE (11, 7), -0.5, 0.5);
  x = add_node (graph, GONIO_OP_MATMUL, x, gonio_graph_add_constant (graph, NULL, right), NULL);
  gonio_graph_add_output (graph, x);
  return graph;
}

/* Against the reference, and again after a run that left nothing but NaN in all memory. */
static void
test_block (gconstpointer kernels)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (303);
  g_autoptr (GonioTensor) x = random_tensor (rand, GONIO_SHAPE (2, 6, 9, 11), -1, 1);
  g_autoptr (GonioTensor) bad = random_tensor (rand, GONIO_SHAPE (2, 6, 9, 11), -1, 1);
  for (int64_t i = 0; i < gonio_tensor_count (bad); i++)
    ((float *)gonio_tensor_writable_data (bad))[i] = NAN;
  g_autoptr (GonioSession) session = new_session (kernels, gl_test_alone, block ());
  g_autoptr (GonioSession) truth = new_session (kernels, gl_test_reference, block ());
  g_autoptr (GonioTensor) first = run (session, x);
  g_autoptr (GonioTensor) want = run (truth, x);
  g_autoptr (GonioTensor) spoilt = run (session, bad);
  g_autoptr (GonioTensor) again = run (session, x);
  double most = 0;
  for (int64_t i = 0; i < gonio_tensor_count (want); i++)
    most = MAX (most, fabs (gonio_tensor_get_double (want, i)));
  double error = 0;
  int64_t spread = 0;
  for (int64_t i = 0; i < gonio_tensor_count (want); i++) {
    error =
        fmax (error, fabs (gonio_tensor_get_double (first, i) - gonio_tensor_get_double (want, i)));
    spread += isnan (gonio_tensor_get_double (spoilt, i));
  }
  g_assert_cmpfloat (error, <, 1e-5 * most);
  g_assert_cmpint (spread, ==, gonio_tensor_count (want));
  g_assert_cmpmem (gonio_tensor_data (again), gonio_tensor_size (again), gonio_tensor_data (first),
                   gonio_tensor_size (first));
}

static void
add_all (const char *family, const char *const *kinds, GTestDataFunc test)
{
  for (guint i = 0; kinds[i]; i++) {
    g_autofree char *path = g_strdup_printf ("/gl/fast/%s/%s", family, kinds[i]);
    g_test_add_data_func (path, kinds[i], test);
  }
}

int
main (int argc, char **argv)
{
  static const char *const conv[] = {"one-texel", "winograd2", "winograd4", "by-size",
                                     "tiled",     "thin",      NULL};
  static const char *const wide[] = {"one-texel", "tiled", NULL};
  static const char *const product[] = {"one-texel", "tiled", "thin", "by-size", NULL};
  /* without work groups nothing else is possible */
  static const char *const conv_alone[] = {"one-texel", "four",    "winograd2",
                                           "winograd4", "by-size", NULL};
  static const char *const wide_alone[] = {"one-texel", NULL};
  static const char *const product_alone[] = {"one-texel", "four", "by-size", NULL};
  g_setenv ("GONIO_GL_KERNELS", "by-size", TRUE); /* before there are threads */
  if (!gl_test_begin (&argc, &argv))
    return GL_TEST_SKIPPED;
  gboolean fragment = gl_test_alone[0] == &gonio_backend_gl_fragment;
  add_all ("conv", fragment ? conv_alone : conv, test_convs);
  add_all ("depthwise", fragment ? wide_alone : wide, test_depthwise);
  add_all ("products", fragment ? product_alone : product, test_products);
  add_all ("block", fragment ? conv_alone : conv, test_block);
  g_test_add_func ("/gl/fast/rounding", test_rounding);
  return g_test_run ();
}
