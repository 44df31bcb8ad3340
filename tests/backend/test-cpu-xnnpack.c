/* Convolutions by XNNPACK's operators: odd shapes against the reference on one thread and cut into
 * parts by lines and by channels, several runs of a session at once, cancelling. XNNPACK keeps to
 * the set of kernels that GONIO_CPU_KERNELS names. */
#include "backends/cpu/alloc.h"
#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "core/graph/edit.h"
#include "core/ops/op.h"
#include "tests/backend/op-case.h"

#include <string.h>

static const GonioBackendDef *const tested[] = {&gonio_backend_cpu, &gonio_backend_reference, NULL};
static const GonioBackendDef *const reference[] = {&gonio_backend_reference, NULL};

static const char *const listed[] = {
    "Conv(f:1,1,1,1; c:1,1,1,1)",
    "Conv(f:1,3,8,8; c:5,3,3,3; c:5)",
    "Conv(f:2,7,9,11; c:13,7,3,3; c:13) pads=1,1,1,1 strides=2,1",
    "Conv(f:1,1,17,5; c:4,1,5,3) pads=2,0,1,2 dilations=2,1",
    "Conv(f:1,8,3,3; c:6,8,5,5) pads=1,1,1,1",
    "Conv(f:1,5,20; c:7,5,3; c:7) pads=1,1",
    "Conv(f:2,6,21; c:6,1,4; c:6) group=6 pads=1,2 strides=2",
    "Conv(f:1,2,40,3; c:5,2,31,3)",
    "Conv(f:0,3,8,8; c:5,3,3,3; c:5)",
    "Conv(f:1,3,10,10; c:4,3,3,3) auto_pad=SAME_UPPER strides=2,2",
    "Conv(f:1,3,10,10; c:4,3,4,4) auto_pad=SAME_LOWER strides=3,3",
    "Conv(f:1,9,8,7; c:5,9,1,1) strides=3,3",
    "Conv(f:1,9,8,7; c:5,9,2,2) strides=4,5", /* what no window sees */
    /* windows that see padding only */
    "Conv(f:1,4,2,2; c:3,4,3,3) pads=7,7,7,7",
    "Conv(f:1,40,3,4; c:70,40,3,3; c:70) pads=9,0,12,3 activation=Clip activation_params=-9,20",
    /* parts: bands of lines, for few weights */
    "Conv(f:1,3,64,61; c:19,3,5,5; c:19) pads=2,1,0,2 strides=1,2",
    "Conv(f:2,16,67,40; c:16,16,3,3; c:16) pads=2,2,2,2 dilations=2,3",
    "Conv(f:1,24,70,33; c:1,24,3,3; c:1) pads=1,1,1,1 activation=Sigmoid",
    "Conv(f:1,37,80,90; c:37,1,3,3; c:37) group=37 pads=1,1,1,1",
    "Conv(f:1,40,81,50; c:40,1,5,5; c:40) group=40 pads=0,2,3,1 strides=2,1 activation=HardSwish",
    "Conv(f:1,24,60,60; c:48,8,3,3; c:48) group=3 pads=1,1,1,1 strides=2,2",
    /* parts: shares of the channels, for many */
    "Conv(f:1,150,9,7; c:333,150,3,3; c:333) pads=1,1,1,1",
    "Conv(f:3,300,4,5; c:205,300,1,1; c:205) activation=Swish",
    "Conv(f:1,700,1,1; c:650,700,1,1; c:650)",
    "Conv(f:1,280,5,4; c:280,5,3,3; c:280) group=56 pads=1,1,1,1 activation=Clip "
    "activation_params=0,6",
    "Conv(f:1,990,1,23; c:990,1,1,3; c:990) group=990 pads=0,1,0,1",
    "Conv(f:1,640,3,5; c:1280,10,3,2) group=64",
    /* with a summand */
    "Conv(f:1,30,8,9; c:50,30,3,3; c:50; f:1,50,6,7)",
    "Conv(f:2,9,7,9; c:17,9,1,1; -; f:2,17,7,9) activation=Clip activation_params=0,1",
    "Conv(f:2,23,30,40; c:17,23,3,3; -; f:2,17,15,20) activation=Swish strides=2,2 pads=1,1,1,1",
    "Conv(f:1,164,7,7; c:264,164,3,3; c:264; f:1,264,7,7) pads=1,1,1,1 activation=Clip "
    "activation_params=-1,30",
};

static void
test_listed (gconstpointer data)
{
  OpCaseSetup setup = {tested, reference, GPOINTER_TO_UINT (data)};
  for (guint i = 0; i < G_N_ELEMENTS (listed); i++) {
    op_case_run (&setup, listed[i], FALSE);
    op_case_run (&setup, listed[i], TRUE);
  }
}

static void
test_random (void)
{
  static const char *const after[] = {"", " activation=Clip activation_params=-20,30",
                                      " activation=Swish"};
  g_autoptr (GRand) rand = g_rand_new_with_seed (301);
  for (int i = 0; i < 50; i++) {
    int groups = g_rand_int_range (rand, 0, 2) ? 1 : g_rand_int_range (rand, 1, 9);
    int in = g_rand_boolean (rand) && groups > 1 ? 1 : g_rand_int_range (rand, 1, 40);
    int to = in == 1 && g_rand_boolean (rand) ? 1 : g_rand_int_range (rand, 1, 50);
    int kernel[2], stride[2], dilation[2], pads[4], size[2];
    for (int k = 0; k < 4; k++)
      pads[k] = g_rand_int_range (rand, 0, 4);
    for (int k = 0; k < 2; k++) {
      kernel[k] = g_rand_int_range (rand, 1, 6);
      stride[k] = g_rand_int_range (rand, 1, 4);
      dilation[k] = g_rand_int_range (rand, 1, 3);
      int wished = g_rand_int_range (rand, 1, 40);
      size[k] = MAX (wished, (kernel[k] - 1) * dilation[k] + 1 - pads[k] - pads[k + 2]);
    }
    g_autofree char *text = g_strdup_printf (
        "Conv(f:%d,%d,%d,%d; c:%d,%d,%d,%d; c:%d) group=%d strides=%d,%d dilations=%d,%d "
        "pads=%d,%d,%d,%d%s",
        g_rand_int_range (rand, 1, 3), in * groups, size[0], size[1], to * groups, in, kernel[0],
        kernel[1], to * groups, groups, stride[0], stride[1], dilation[0], dilation[1], pads[0],
        pads[1], pads[2], pads[3], after[g_rand_int_range (rand, 0, 3)]);
    OpCaseSetup setup = {tested, reference, i % 2 ? 1 : 4};
    op_case_run (&setup, text, TRUE);
  }
}

/* ---- sessions of two convolutions, cut by lines and by channels ---- */

enum { CHANNELS = 100, HEIGHT = 40, WIDTH = 30 };

static GonioTensor *
random_tensor (GRand *rand, GonioShape shape)
{
  g_autoptr (GError) error = NULL;
  GonioTensor *tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, &error);
  g_assert_no_error (error);
  float *data = gonio_tensor_writable_data (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    data[i] = (float)g_rand_double_range (rand, -1, 1);
  return tensor;
}

static GonioValueId
add_conv (GonioGraph *graph, GonioValueId x, GRand *rand, GonioShape weights, int64_t groups)
{
  static const int64_t pads[4] = {1, 1, 1, 1};
  g_autoptr (GonioTensor) w = random_tensor (rand, weights);
  GonioValueId ins[2] = {x, gonio_graph_add_constant (graph, NULL, w)};
  GonioValueId out = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId node = gonio_graph_add_node (graph, GONIO_OP_CONV, NULL, ins, 2, &out, 1);
  gonio_graph_set_attr_int (graph, node, "group", groups);
  gonio_graph_set_attr_ints (graph, node, "pads", pads, 4);
  return out;
}

static GonioSession *
open_session (guint threads)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_autoptr (GonioGraph) graph = gonio_graph_new ("convolutions");
  GonioShape shape = GONIO_SHAPE (1, 8, HEIGHT, WIDTH);
  GonioSymShape symbolic = gonio_sym_shape_from_shape (&shape);
  GonioValueId x = gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &symbolic);
  x = add_conv (graph, x, rand, GONIO_SHAPE (CHANNELS, 8, 3, 3), 1);
  x = add_conv (graph, x, rand, GONIO_SHAPE (CHANNELS, 1, 3, 3), CHANNELS);
  x = add_conv (graph, x, rand, GONIO_SHAPE (CHANNELS, CHANNELS, 3, 3), 1);
  gonio_graph_add_output (graph, x);
  gonio_infer_graph (graph, &error);
  g_assert_no_error (error);
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = tested;
  options.strict = TRUE;
  options.threads = threads;
  GonioSession *session =
      gonio_session_new_from_graph (g_steal_pointer (&graph), &options, NULL, &error);
  g_assert_no_error (error);
  return session;
}

static GonioTensor *
run (GonioSession *session, GonioTensor *x, GCancellable *cancellable, GError **error)
{
  const char *name = "x";
  GonioTensor **outputs = NULL;
  if (!gonio_session_run (session, &name, &x, 1, &outputs, cancellable, error))
    return NULL;
  GonioTensor *y = gonio_tensor_ref (outputs[0]);
  gonio_session_free_outputs (outputs, 1);
  return y;
}

static gboolean
same (const GonioTensor *a, const GonioTensor *b)
{
  return memcmp (gonio_tensor_data (a), gonio_tensor_data (b), gonio_tensor_size (a)) == 0;
}

/* Only the forced method asks XNNPACK for operators. */
static void
test_wish (void)
{
  size_t before = gonio_cpu_failed_bytes ();
  g_setenv ("GONIO_CPU_CONV", "direct", TRUE);
  gonio_session_unref (open_session (1));
  g_assert_cmpuint (gonio_cpu_failed_bytes (), ==, before);
  g_setenv ("GONIO_CPU_CONV", "xnnpack", TRUE);
  gonio_session_unref (open_session (1));
  g_assert_cmpuint (gonio_cpu_failed_bytes (), !=, before);
}

typedef struct {
  GonioSession *session;
  GonioTensor *x, *want;
} Runner;

static gpointer
run_often (gpointer data)
{
  const Runner *runner = data;
  for (int i = 0; i < 10; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioTensor) y = run (runner->session, runner->x, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (same (y, runner->want));
  }
  return NULL;
}

/* Different inputs at once in one session: each sees its own results, to the bit. */
static void
test_at_once (gconstpointer data)
{
  g_autoptr (GonioSession) session = open_session (GPOINTER_TO_UINT (data));
  g_autoptr (GRand) rand = g_rand_new_with_seed (8);
  Runner runners[4];
  GThread *threads[4];
  for (guint i = 0; i < 4; i++) {
    GonioTensor *x = random_tensor (rand, GONIO_SHAPE (1, 8, HEIGHT, WIDTH));
    runners[i] = (Runner){session, x, run (session, x, NULL, NULL)};
    g_assert_nonnull (runners[i].want);
    g_assert_false (i > 0 && same (runners[i].want, runners[0].want));
  }
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("runner", run_often, &runners[i]);
  for (guint i = 0; i < 4; i++) {
    g_thread_join (threads[i]);
    gonio_tensor_unref (runners[i].x);
    gonio_tensor_unref (runners[i].want);
  }
}

typedef struct {
  GCancellable *cancellable;
  gulong after; /* microseconds */
} Canceller;

static gpointer
cancel_soon (gpointer data)
{
  const Canceller *canceller = data;
  g_usleep (canceller->after);
  g_cancellable_cancel (canceller->cancellable);
  return NULL;
}

static void
test_cancel (gconstpointer data)
{
  g_autoptr (GonioSession) session = open_session (GPOINTER_TO_UINT (data));
  g_autoptr (GRand) rand = g_rand_new_with_seed (9);
  g_autoptr (GonioTensor) x = random_tensor (rand, GONIO_SHAPE (1, 8, HEIGHT, WIDTH));
  g_autoptr (GonioTensor) want = run (session, x, NULL, NULL);
  g_assert_nonnull (want);
  guint cancelled = 0;
  for (int i = 0; i < 30; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GCancellable) cancellable = g_cancellable_new ();
    Canceller canceller = {cancellable, (gulong)i * 50};
    GThread *thread = g_thread_new ("cancel", cancel_soon, &canceller);
    g_autoptr (GonioTensor) y = run (session, x, cancellable, &error);
    g_thread_join (thread);
    if (y)
      g_assert_true (same (y, want));
    else
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    cancelled += y == NULL;
  }
  g_test_message ("%u of 30 runs cancelled", cancelled);
  g_autoptr (GonioTensor) again = run (session, x, NULL, NULL);
  g_assert_true (again && same (again, want));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_setenv ("GONIO_CPU_CONV", "xnnpack", TRUE);
  g_test_add_data_func ("/cpu-xnnpack/listed", GUINT_TO_POINTER (1), test_listed);
  g_test_add_data_func ("/cpu-xnnpack/listed-parts", GUINT_TO_POINTER (3), test_listed);
  g_test_add_func ("/cpu-xnnpack/random", test_random);
  g_test_add_func ("/cpu-xnnpack/wish", test_wish);
  g_test_add_data_func ("/cpu-xnnpack/at-once", GUINT_TO_POINTER (1), test_at_once);
  g_test_add_data_func ("/cpu-xnnpack/at-once-threads", GUINT_TO_POINTER (3), test_at_once);
  g_test_add_data_func ("/cpu-xnnpack/cancel", GUINT_TO_POINTER (1), test_cancel);
  g_test_add_data_func ("/cpu-xnnpack/cancel-threads", GUINT_TO_POINTER (3), test_cancel);
  return g_test_run ();
}
