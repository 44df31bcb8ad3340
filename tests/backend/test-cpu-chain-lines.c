/* What convolutions that run line by line compute, counted by the kernels: every line once, none in
 * vain, and none after a cancellation. */
#include "backends/cpu/cpu.h"
#include "backends/cpu/lower.h"
#include "core/graph/edit.h"
#include "core/ops/op.h"
#include "core/session/session.h"

#define HEIGHT 130
#define WIDTH  170
#define WIDE   12 /* channels; what lies between is large enough to be chained from 12 on */

static GonioBackendDef spied;
static const GonioBackendDef *const tested[] = {&spied, NULL};

static GonioCpuKernels counted;
static const GonioCpuKernels *real;
static guint64 made, cancel_at; /* numbers; 0: never */
static GCancellable *stop;

static void
count (guint64 numbers)
{
  gboolean before = made < cancel_at;
  made += numbers;
  if (before && made >= cancel_at)
    g_cancellable_cancel (stop);
}

static void
count_gemm (const GonioCpuGemmTile *tile)
{
  count ((guint64)tile->mr * tile->cols);
  real->gemm (tile);
}

static void
count_depthwise (const GonioCpuDepthwise *work)
{
  count (work->pixels * work->channels);
  real->depthwise (work);
}

/* Only the first region of a test: the backend keeps the kernels that count. */
static GonioCompiled *
compile (GonioBackend *backend, const GonioRegion *region, GError **error)
{
  real = backend->kernels;
  counted = *real;
  counted.gemm = count_gemm;
  counted.depthwise = count_depthwise;
  backend->kernels = &counted;
  return gonio_backend_cpu.compile (backend, region, error);
}

typedef struct {
  int64_t channels; /* 0: a depthwise one */
  int64_t kernel, stride, pads[4];
} Conv;

static GonioValueId
conv (GonioGraph *graph, GonioValueId x, const Conv *c)
{
  GonioShape in = GONIO_SHAPE_SCALAR;
  g_autoptr (GError) error = NULL;
  g_assert_true (gonio_sym_shape_known (&gonio_graph_value (graph, x)->shape, &in));
  int64_t out = c->channels ? c->channels : in.dims[1], each = c->channels ? in.dims[1] : 1;
  GonioShape shape = GONIO_SHAPE (out, each, c->kernel, c->kernel);
  g_autoptr (GonioTensor) weights = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, NULL);
  GonioValueId inputs[2] = {x, gonio_graph_add_constant (graph, NULL, weights)};
  GonioValueId y = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId node = gonio_graph_add_node (graph, GONIO_OP_CONV, NULL, inputs, 2, &y, 1);
  gonio_graph_set_attr_ints (graph, node, "strides", (int64_t[]){c->stride, c->stride}, 2);
  gonio_graph_set_attr_ints (graph, node, "pads", c->pads, 4);
  gonio_graph_set_attr_int (graph, node, "group", c->channels ? 1 : out);
  gonio_infer_node (graph, node, &error);
  g_assert_no_error (error);
  return y;
}

/* A chain of those convolutions, on one thread: one piece of work. */
static GonioSession *
open_chain (const Conv *convs, guint n)
{
  g_autoptr (GError) error = NULL;
  GonioShape shape = GONIO_SHAPE (1, 3, HEIGHT, WIDTH);
  GonioSymShape sym = gonio_sym_shape_from_shape (&shape);
  GonioGraph *graph = gonio_graph_new ("chain");
  GonioValueId x = gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &sym);
  for (guint i = 0; i < n; i++)
    x = conv (graph, x, &convs[i]);
  gonio_graph_add_output (graph, x);
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = tested;
  options.optimization = GONIO_OPT_DISABLED;
  options.threads = 1;
  options.strict = TRUE;
  GonioSession *session = gonio_session_new_from_graph (graph, &options, NULL, &error);
  g_assert_no_error (error);
  return session;
}

static gboolean
run_chain (GonioSession *session, GError **error)
{
  const char *name = "x";
  GonioShape shape = GONIO_SHAPE (1, 3, HEIGHT, WIDTH);
  g_autoptr (GonioTensor) x = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, NULL);
  GonioTensor **outputs = NULL;
  made = 0;
  gboolean good = gonio_session_run (session, &name, &x, 1, &outputs, stop, error);
  if (good)
    gonio_session_free_outputs (outputs, 1);
  return good;
}

static const Conv wide = {WIDE, 1, 1, {0, 0, 0, 0}}, narrow = {3, 1, 1, {0, 0, 0, 0}};
static const Conv window = {0, 5, 1, {2, 2, 2, 2}};

static void
test_once (void)
{
  const Conv beyond = {0, 3, 1, {9, 1, 8, 1}}; /* lines of nothing but padding */
  const Conv sparse = {2, 1, 5, {0, 0, 0, 0}}; /* four lines unread behind each band */
  const Conv large = {4, 5, 1, {0, 0, 0, 0}};
  const struct {
    Conv convs[4];
    guint n;
    guint64 numbers;
  } cases[] = {
      {{wide, window, beyond, narrow}, 4, WIDTH * (HEIGHT * 2 * WIDE + (HEIGHT + 15) * (WIDE + 3))},
      {{wide, sparse}, 2, WIDTH * (HEIGHT - 8) * WIDE + 2 * (WIDTH / 5) * (HEIGHT / 5)},
      {{wide, large}, 2, WIDTH * HEIGHT * WIDE + 4 * (WIDTH - 4) * (HEIGHT - 4)},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioSession) session = open_chain (cases[i].convs, cases[i].n);
    run_chain (session, &error);
    g_assert_no_error (error);
    if (made != cases[i].numbers)
      g_test_fail_printf ("case %u: %" G_GUINT64_FORMAT " numbers made, not %" G_GUINT64_FORMAT, i,
                          made, cases[i].numbers);
  }
}

/* Depthwise ones, which do not look for it themselves. */
static void
test_cancel (void)
{
  const Conv convs[] = {wide, window, window, window};
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) session = open_chain (convs, G_N_ELEMENTS (convs));
  run_chain (session, &error);
  g_assert_no_error (error);
  guint64 all = made;
  cancel_at = all / 4;
  stop = g_cancellable_new ();
  g_assert_false (run_chain (session, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (made, <, all / 2);
  cancel_at = 0;
  g_clear_object (&stop);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_set_nonfatal_assertions ();
  g_setenv ("GONIO_CPU_KERNELS", "baseline", TRUE); /* its chains are those of all sets */
  spied = gonio_backend_cpu;
  spied.compile = compile;
  g_test_add_func ("/cpu-chain-lines/once", test_once);
  g_test_add_func ("/cpu-chain-lines/cancel", test_cancel);
  return g_test_run ();
}
