/* 3x3 convolutions by Winograd's method, for each instruction set this machine has: odd shapes
 * against the reference, and the error against sums in double over many channels. */
#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "core/graph/edit.h"
#include "core/ops/op.h"
#include "tests/backend/op-case.h"

#include <math.h>

static const GonioBackendDef *const tested[] = {&gonio_backend_cpu, &gonio_backend_reference, NULL};
static const GonioBackendDef *const reference[] = {&gonio_backend_reference, NULL};
static const char *const methods[] = {"direct", "winograd2", "winograd4"};
static const char *const sets[] = {"baseline", "avx", "avx2", "avx512"}; /* as far as there are */

static void
force (const char *method, const char *set)
{
  g_setenv ("GONIO_CPU_CONV", method, TRUE);
  g_setenv ("GONIO_CPU_KERNELS", set, TRUE);
}

static void
run_everywhere (const char *text)
{
  for (guint m = 1; m < G_N_ELEMENTS (methods); m++)
    for (guint s = 0; s < G_N_ELEMENTS (sets); s++) {
      OpCaseSetup setup = {tested, reference, (m + s) % 2 ? 1 : 3};
      force (methods[m], sets[s]);
      op_case_run (&setup, text, FALSE);
    }
}

static void
test_listed (void)
{
  static const char *const cases[] = {
      "Conv(f:1,1,1,1; c:1,1,3,3) pads=1,1,1,1",
      "Conv(f:1,3,3,3; c:2,3,3,3; c:2)",
      "Conv(f:1,18,9,8; c:18,18,3,3; c:18) pads=1,1,1,1",
      "Conv(f:2,36,7,10; c:36,36,3,3) pads=1,1,1,1",
      "Conv(f:1,72,8,8; c:72,72,3,3; c:72; f:1,72,8,8) pads=1,1,1,1",
      "Conv(f:3,17,5,6; c:33,17,3,3; c:33; f:3,33,9,10) pads=2,3,4,3",
      "Conv(f:1,16,1,30; c:16,16,3,3; c:16) pads=2,0,0,1",
      "Conv(f:1,20,30,1; c:40,20,3,3; c:40) pads=1,1,0,2 activation=Swish",
      "Conv(f:1,40,14,14; c:150,40,3,3; c:150) pads=1,1,1,1 activation=Clip "
      "activation_params=-10,60",
      "Conv(f:1,130,12,12; c:129,130,3,3; c:129; f:1,129,12,12) pads=1,1,1,1 activation=HardSwish",
      "Conv(f:1,8,61,67; c:8,8,3,3; c:8) auto_pad=SAME_UPPER", /* several blocks */
      "Conv(f:1,64,40,30; c:32,64,3,3; c:32) pads=1,1,1,1",
      "Conv(f:0,3,8,8; c:5,3,3,3; c:5)",
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    run_everywhere (cases[i]);
}

static void
test_random (void)
{
  static const char *const after[] = {"", " activation=Clip activation_params=-60,30",
                                      " activation=Swish"};
  g_autoptr (GRand) rand = g_rand_new_with_seed (201);
  for (int i = 0; i < 40; i++) {
    int pads[4], size[2], out[2];
    for (int k = 0; k < 4; k++)
      pads[k] = g_rand_int_range (rand, 0, 4);
    for (int k = 0; k < 2; k++) {
      int wished = g_rand_int_range (rand, 1, 22);
      size[k] = MAX (wished, 3 - pads[k] - pads[k + 2]);
      out[k] = size[k] + pads[k] + pads[k + 2] - 2;
    }
    int n = g_rand_int_range (rand, 1, 4), in = g_rand_int_range (rand, 1, 80),
        to = g_rand_int_range (rand, 1, 90);
    g_autofree char *add = g_rand_boolean (rand)
                               ? g_strdup_printf ("; f:%d,%d,%d,%d", n, to, out[0], out[1])
                               : g_strdup ("");
    g_autofree char *text = g_strdup_printf (
        "Conv(f:%d,%d,%d,%d; c:%d,%d,3,3; c:%d%s) pads=%d,%d,%d,%d%s", n, in, size[0], size[1], to,
        in, to, add, pads[0], pads[1], pads[2], pads[3], after[g_rand_int_range (rand, 0, 3)]);
    run_everywhere (text);
  }
}

/* ---- error ---- */

enum { SIZE = 13, OUT = SIZE - 2, OUTPUTS = 24 };

static double
normal (GRand *rand)
{
  double u = 1 - g_rand_double (rand), v = g_rand_double (rand);
  return sqrt (-2 * log (u)) * cos (2 * G_PI * v);
}

static GonioTensor *
normal_tensor (GRand *rand, GonioShape shape, gboolean rectified)
{
  g_autoptr (GError) error = NULL;
  GonioTensor *tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, &error);
  g_assert_no_error (error);
  float *data = gonio_tensor_writable_data (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    double x = normal (rand);
    data[i] = (float)(rectified ? MAX (x, 0) : x);
  }
  return tensor;
}

static GonioTensor *
run_conv (GonioTensor *x, GonioTensor *weights)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioGraph) graph = gonio_graph_new ("conv");
  GonioSymShape shape = gonio_sym_shape_from_shape (gonio_tensor_shape (x));
  GonioValueId ins[2] = {gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &shape),
                         gonio_graph_add_constant (graph, NULL, weights)};
  GonioValueId out = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  gonio_graph_add_node (graph, GONIO_OP_CONV, "conv", ins, 2, &out, 1);
  gonio_graph_add_output (graph, out);
  gonio_infer_graph (graph, &error);
  g_assert_no_error (error);
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = tested;
  options.strict = TRUE;
  g_autoptr (GonioSession) session =
      gonio_session_new_from_graph (g_steal_pointer (&graph), &options, NULL, &error);
  g_assert_no_error (error);
  const char *name = "x";
  GonioTensor **outputs = NULL;
  gonio_session_run (session, &name, &x, 1, &outputs, NULL, &error);
  g_assert_no_error (error);
  GonioTensor *y = gonio_tensor_ref (outputs[0]);
  gonio_session_free_outputs (outputs, 1);
  return y;
}

static double
true_output (const float *x, const float *w, int channels, int to, int row, int column)
{
  double sum = 0;
  for (int c = 0; c < channels; c++)
    for (int k = 0; k < 9; k++)
      sum += (double)x[(c * SIZE + row + k / 3) * SIZE + column + k % 3] *
             (double)w[(to * channels + c) * 9 + k];
  return sum;
}

/* The largest error, as a part of the largest output. */
static double
error_of (const GonioTensor *y, const double *truth)
{
  const float *got = gonio_tensor_data (y);
  double error = 0, most = 0;
  for (int i = 0; i < OUTPUTS * OUT * OUT; i++) {
    error = MAX (error, fabs (got[i] - truth[i]));
    most = MAX (most, fabs (truth[i]));
  }
  return error / most;
}

static void
test_error (void)
{
  static const double bounds[] = {3e-6, 2e-6, 4e-6}; /* per method */
  g_autoptr (GRand) rand = g_rand_new_with_seed (202);
  g_autofree double *truth = g_new (double, OUTPUTS *OUT *OUT);
  for (int channels = 2; channels <= 512; channels *= 4) {
    g_autoptr (GonioTensor) x = normal_tensor (rand, GONIO_SHAPE (1, channels, SIZE, SIZE), TRUE);
    g_autoptr (GonioTensor) w = normal_tensor (rand, GONIO_SHAPE (OUTPUTS, channels, 3, 3), FALSE);
    for (int i = 0; i < OUTPUTS * OUT * OUT; i++)
      truth[i] = true_output (gonio_tensor_data (x), gonio_tensor_data (w), channels,
                              i / (OUT * OUT), i / OUT % OUT, i % OUT);
    for (guint s = 0; s < G_N_ELEMENTS (sets); s++) {
      double errors[G_N_ELEMENTS (methods)];
      for (guint m = 0; m < G_N_ELEMENTS (methods); m++) {
        force (methods[m], sets[s]);
        g_autoptr (GonioTensor) y = run_conv (x, w);
        errors[m] = error_of (y, truth);
        g_test_message ("%d channels, %s, %s: %.2e", channels, sets[s], methods[m], errors[m]);
        if (!(errors[m] <= bounds[m]))
          g_test_fail_printf ("%d channels, %s, %s: error %.2e", channels, sets[s], methods[m],
                              errors[m]);
      }
      /* each rounds in its own way: the wish was heard */
      g_assert_cmpfloat (errors[0], !=, errors[1]);
      g_assert_cmpfloat (errors[0], !=, errors[2]);
      g_assert_cmpfloat (errors[1], !=, errors[2]);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cpu/winograd/listed", test_listed);
  g_test_add_func ("/cpu/winograd/random", test_random);
  g_test_add_func ("/cpu/winograd/error", test_error);
  return g_test_run ();
}
