/* core/session on two small fake backends: inputs, plans, layouts, threads, cancelling. */
#include "core/base/error.h"
#include "core/graph/edit.h"
#include "core/ops/op.h"
#include "core/session/session.h"
#include "tests/support/fake-backend.h"

#include <math.h>
#include <string.h>

static const GonioBackendDef *const backends[] = {&gonio_fake_fast, &gonio_fake_host, NULL};

static GonioSessionOptions
default_options (void)
{
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.optimization = GONIO_OPT_DISABLED; /* the nodes are to stay as they are */
  options.backends = backends;
  return options;
}

/* Input "x" of shape [N,2,H,3]; -1 makes a dimension free. */
static GonioValueId
add_x (GonioGraph *graph, int64_t n, int64_t h)
{
  GonioSymShape shape = {.has_rank = TRUE, .rank = 4};
  shape.dims[0] = n < 0 ? (GonioDim){-1, g_intern_static_string ("N")} : GONIO_DIM (n);
  shape.dims[1] = GONIO_DIM (2);
  shape.dims[2] = h < 0 ? (GonioDim){-1, g_intern_static_string ("H")} : GONIO_DIM (h);
  shape.dims[3] = GONIO_DIM (3);
  return gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &shape);
}

static GonioValueId
add_node (GonioGraph *graph, guint op, const char *name, GonioValueId a, GonioValueId b)
{
  GonioValueId inputs[2] = {a, b};
  GonioSymShape unknown = {0};
  g_autofree char *value = g_strconcat ("v_", name, NULL);
  GonioValueId output = gonio_graph_add_value (graph, value, GONIO_DTYPE_NONE, &unknown);
  gonio_graph_add_node (graph, op, name, inputs, b == GONIO_VALUE_NONE ? 1 : 2, &output, 1);
  return output;
}

/* y = average (relu (x) + -x) with the sum done on the host when split. */
static GonioGraph *
make_graph (int64_t n, int64_t h, gboolean split)
{
  GonioGraph *graph = gonio_graph_new ("test");
  GonioValueId x = add_x (graph, n, h);
  GonioValueId a = add_node (graph, GONIO_OP_RELU, "relu", x, GONIO_VALUE_NONE);
  GonioValueId b = add_node (graph, GONIO_OP_NEG, "neg", x, GONIO_VALUE_NONE);
  GonioValueId c = add_node (graph, GONIO_OP_ADD, split ? "host_sum" : "sum", a, b);
  gonio_graph_add_output (
      graph, add_node (graph, GONIO_OP_GLOBAL_AVERAGE_POOL, "average", c, GONIO_VALUE_NONE));
  return graph;
}

static GonioTensor *
make_x (int64_t n, int64_t h, float scale)
{
  GonioShape shape = GONIO_SHAPE (n, 2, h, 3);
  GonioTensor *x = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  float *data = gonio_tensor_writable_data (x);
  for (int64_t i = 0; i < gonio_tensor_count (x); i++)
    data[i] = scale * (float)(i % 7 - 3);
  return x;
}

static void
check_y (const GonioTensor *x, const GonioTensor *y)
{
  const GonioShape *shape = gonio_tensor_shape (x);
  int64_t space = shape->dims[2] * shape->dims[3];
  g_assert_cmpint (gonio_tensor_count (y), ==, shape->dims[0] * 2);
  for (int64_t i = 0; i < gonio_tensor_count (y); i++) {
    double sum = 0;
    for (int64_t s = 0; s < space; s++)
      sum += MAX (-gonio_tensor_get_double (x, i * space + s), 0);
    g_assert_cmpfloat_with_epsilon (gonio_tensor_get_double (y, i), sum / (double)space, 1e-4);
  }
}

static gboolean
run_one (GonioSession *session, GonioTensor *x, GCancellable *cancellable, GError **error)
{
  const char *name = "x";
  GonioTensor **outputs = NULL;
  guint n;
  gonio_session_outputs (session, &n);
  if (!gonio_session_run (session, &name, &x, 1, &outputs, cancellable, error))
    return FALSE;
  check_y (x, outputs[0]);
  gonio_session_free_outputs (outputs, n);
  return TRUE;
}

static GonioSession *
make_session (GonioGraph *graph, const GonioSessionOptions *options)
{
  g_autoptr (GError) error = NULL;
  GonioSession *session = gonio_session_new_from_graph (graph, options, NULL, &error);
  g_assert_no_error (error);
  return session;
}

static void
test_run (void)
{
  GonioSessionOptions options = default_options ();
  options.profile = TRUE;
  for (int split = 0; split < 2; split++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioSession) session = make_session (make_graph (1, 4, split), &options);
    g_autofree char *summary = gonio_session_dup_placement_summary (session);
    g_assert_nonnull (strstr (summary, split ? "host 1 node" : "fast"));
    for (int i = 0; i < 3; i++) {
      g_autoptr (GonioTensor) x = make_x (1, 4, (float)(i + 1));
      run_one (session, x, NULL, &error);
      g_assert_no_error (error);
    }
    g_autoptr (GPtrArray) report = gonio_session_dup_report (session);
    guint ours = 0;
    for (guint i = 0; i < report->len; i++) {
      const GonioPlacement *row = g_ptr_array_index (report, i);
      ours += !g_str_equal (row->op, "Layout");
      g_assert_cmpuint (row->runs, ==, 3);
      if (g_str_equal (row->node, "host_sum"))
        g_assert_cmpstr (row->reason, ==, "fast: not fast");
      if (g_str_equal (row->node, "average"))
        g_assert_cmpstr (row->layout, ==, "nhwc");
    }
    g_assert_cmpuint (ours, ==, 4);
    GonioSessionStats stats;
    gonio_session_stats (session, &stats);
    g_assert_cmpuint (stats.arena_bytes, >=, 100);
  }
  g_assert_cmpint (gonio_fake_alive (), ==, 0);
}

static void
test_free_dimensions (void)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options = default_options ();
  options.plan_cache = 2;
  g_autoptr (GonioSession) session = make_session (make_graph (-1, -1, TRUE), &options);
  g_autofree char *summary = gonio_session_dup_placement_summary (session);
  g_assert_cmpstr (summary, ==, "not compiled yet");
  int base = gonio_fake_alive (), two_plans = 0;
  /* More shapes than plans are kept for, some of them again. */
  static const int sizes[] = {1, 2, 3, 1, 2, 3, 5, 5, 1};
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (GonioTensor) x = make_x (sizes[i], 6 - sizes[i], 1);
    run_one (session, x, NULL, &error);
    g_assert_no_error (error);
    if (i == 1)
      two_plans = gonio_fake_alive () - base;
    g_assert_true (i < 1 || gonio_fake_alive () - base == two_plans);
  }
  g_assert_true (gonio_session_warm_up (session, NULL, 0, NULL, &error));
  g_assert_no_error (error);
  GonioShape shape = GONIO_SHAPE (2, 2, 9, 3);
  g_assert_true (gonio_session_warm_up (session, &shape, 1, NULL, &error));
  g_assert_false (gonio_session_warm_up (session, &shape, 2, NULL, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT);
}

static void
expect_refusal (GonioSession *session, const char *const *names, GonioTensor *const *tensors,
                guint n, const char *part)
{
  g_autoptr (GError) error = NULL;
  GonioTensor **outputs = NULL;
  g_assert_false (gonio_session_run (session, names, tensors, n, &outputs, NULL, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT);
  g_assert_nonnull (strstr (error->message, part));
  g_assert_null (outputs);
}

static void
test_inputs (void)
{
  GonioGraph *graph = gonio_graph_new ("inputs");
  GonioValueId x = add_x (graph, -1, 4);
  GonioSymShape shape = {.has_rank = TRUE, .rank = 4};
  shape.dims[0] = (GonioDim){-1, g_intern_static_string ("N")};
  shape.dims[1] = GONIO_DIM (2);
  shape.dims[2] = GONIO_DIM (4);
  shape.dims[3] = GONIO_DIM (3);
  GonioValueId z = gonio_graph_add_input (graph, "z", GONIO_DTYPE_FLOAT, &shape);
  gonio_graph_add_output (graph, add_node (graph, GONIO_OP_ADD, "sum", x, z));
  gonio_graph_add_output (graph, z); /* straight through */
  GonioSessionOptions options = default_options ();
  g_autoptr (GonioSession) session = make_session (graph, &options);

  g_autoptr (GonioTensor) two = make_x (2, 4, 1);
  g_autoptr (GonioTensor) three = make_x (3, 4, 1);
  g_autoptr (GonioTensor) tall = make_x (2, 5, 1);
  GonioShape flat = GONIO_SHAPE (2, 24);
  g_autoptr (GonioTensor) rank = gonio_tensor_new_view (two, &flat, NULL);
  g_autoptr (GonioTensor) type =
      gonio_tensor_new_zeroed (GONIO_DTYPE_INT32, gonio_tensor_shape (two), NULL);
  const char *xz[] = {"x", "z"}, *xq[] = {"x", "q"}, *xx[] = {"x", "x"};
  expect_refusal (session, xz, (GonioTensor *[]){two, three}, 2, "dimension 'N' is 3");
  expect_refusal (session, xz, (GonioTensor *[]){two, tall}, 2, "float [N,2,4,3], given is");
  expect_refusal (session, xz, (GonioTensor *[]){rank, two}, 2, "ranks differ");
  expect_refusal (session, xz, (GonioTensor *[]){type, two}, 2, "given is int32 [2,2,4,3]");
  expect_refusal (session, xq, (GonioTensor *[]){two, two}, 2, "no input 'q'; it has 'x', 'z'");
  expect_refusal (session, xx, (GonioTensor *[]){two, two}, 2, "given twice");
  expect_refusal (session, xz, (GonioTensor *[]){two}, 1, "input 'z' is missing");

  g_autoptr (GError) error = NULL;
  GonioTensor **outputs = NULL;
  const char *zx[] = {"z", "x"};
  g_assert_true (
      gonio_session_run (session, zx, (GonioTensor *[]){two, two}, 2, &outputs, NULL, &error));
  g_assert_cmpfloat (gonio_tensor_get_double (outputs[0], 5), ==,
                     2 * gonio_tensor_get_double (two, 5));
  g_assert_true (outputs[1] == two);
  gonio_session_free_outputs (outputs, 2);
}

static void
test_dynamic (void)
{
  /* NonZero's shape depends on the data; Reshape hands out a view of an arena value, which must
   * not change when the arena is used again. */
  GonioGraph *graph = gonio_graph_new ("dynamic");
  GonioValueId a = add_node (graph, GONIO_OP_RELU, "relu", add_x (graph, 1, 4), GONIO_VALUE_NONE);
  GonioValueId found = add_node (graph, GONIO_OP_NON_ZERO, "non_zero", a, GONIO_VALUE_NONE);
  gonio_graph_add_output (graph, found);
  GonioSymShape one = {.has_rank = TRUE, .rank = 1, .dims = {GONIO_DIM (1)}};
  GonioValueId dims = gonio_graph_add_input (graph, "dims", GONIO_DTYPE_INT64, &one);
  gonio_graph_add_output (graph, add_node (graph, GONIO_OP_RESHAPE, "flat", a, dims));
  GonioSessionOptions options = default_options ();
  g_autoptr (GonioSession) session = make_session (graph, &options);
  GonioShape scalar = GONIO_SHAPE (1);
  const int64_t size = 24;
  g_autoptr (GonioTensor) shape =
      gonio_tensor_new_copy (GONIO_DTYPE_INT64, &scalar, &size, sizeof size, NULL);
  GonioTensor **all[3] = {NULL, NULL, NULL};
  for (int round = 0; round < 3; round++) {
    g_autoptr (GonioTensor) x = make_x (1, 4, (float)(1 - round));
    const char *names[] = {"x", "dims"};
    g_assert_true (gonio_session_run (session, names, (GonioTensor *[]){x, shape}, 2, &all[round],
                                      NULL, NULL));
  }
  for (int round = 0; round < 3; round++) {
    g_autoptr (GonioTensor) x = make_x (1, 4, (float)(1 - round));
    int64_t positive = 0;
    for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
      double value = MAX (gonio_tensor_get_double (x, i), 0);
      positive += value > 0;
      g_assert_cmpfloat (gonio_tensor_get_double (all[round][1], i), ==, value);
    }
    g_assert_cmpint (gonio_tensor_count (all[round][0]), ==, positive);
    gonio_session_free_outputs (all[round], 2);
  }
}

static void
test_placement (void)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options = default_options ();
  options.strict = TRUE;
  g_assert_null (gonio_session_new_from_graph (make_graph (1, 4, TRUE), &options, NULL, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_PLACEMENT);
  g_clear_error (&error);

  /* What turns out not to compile goes to the next backend, with the reason. */
  GonioGraph *graph = gonio_graph_new ("uncompilable");
  GonioValueId a =
      add_node (graph, GONIO_OP_NEG, "uncompilable", add_x (graph, 1, 4), GONIO_VALUE_NONE);
  gonio_graph_add_output (graph, a);
  static const GonioBackendDef *const only_fast[] = {&gonio_fake_fast, NULL};
  g_autoptr (GonioGraph) copy = gonio_graph_clone (graph);
  options.strict = FALSE;
  options.backends = only_fast;
  g_assert_null (gonio_session_new_from_graph (graph, &options, NULL, &error));
  g_assert_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  static const GonioBackendDef *const none[] = {NULL};
  options.backends = none;
  g_assert_null (gonio_session_new_from_graph (g_steal_pointer (&copy), &options, NULL, &error));
  g_assert_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNAVAILABLE);
  g_assert_cmpint (gonio_fake_alive (), ==, 0);
}

static void
test_expose_all (void)
{
  GonioSessionOptions options = default_options ();
  options.expose_all = TRUE;
  g_autoptr (GonioSession) session = make_session (make_graph (1, 4, FALSE), &options);
  guint n;
  const GonioPort *ports = gonio_session_outputs (session, &n);
  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpstr (ports[0].name, ==, "v_average");
  g_autoptr (GonioTensor) x = make_x (1, 4, 1);
  const char *name = "x";
  GonioTensor **outputs = NULL;
  g_assert_true (gonio_session_run (session, &name, &x, 1, &outputs, NULL, NULL));
  for (guint i = 0; i < n; i++)
    if (g_str_equal (ports[i].name, "v_neg"))
      for (int64_t k = 0; k < gonio_tensor_count (x); k++)
        g_assert_cmpfloat (gonio_tensor_get_double (outputs[i], k), ==,
                           -gonio_tensor_get_double (x, k));
  gonio_session_free_outputs (outputs, n);
}

/* The first sum overflows where x is large; the layout conversions around it must not hide it. */
static void
test_check_values (void)
{
  GonioSessionOptions options = default_options ();
  options.check_values = TRUE;
  g_autoptr (GError) error = NULL;
  GonioGraph *graph = gonio_graph_new ("overflow");
  GonioValueId neg = add_node (graph, GONIO_OP_NEG, "neg", add_x (graph, 1, 4), GONIO_VALUE_NONE);
  GonioValueId sum = add_node (graph, GONIO_OP_ADD, "sum", neg, neg);
  GonioValueId twice = add_node (graph, GONIO_OP_ADD, "host_twice", sum, sum);
  gonio_graph_add_output (
      graph, add_node (graph, GONIO_OP_GLOBAL_AVERAGE_POOL, "average", twice, GONIO_VALUE_NONE));
  g_autoptr (GonioSession) session = make_session (graph, &options);
  const char *name = "x";
  GonioTensor **outputs = NULL;
  guint n;
  gonio_session_outputs (session, &n);
  g_assert_cmpuint (n, ==, 1); /* what is kept for the check is not shown */
  g_autoptr (GonioTensor) x = make_x (1, 4, 1);
  g_autoptr (GonioTensor) huge = make_x (1, 4, 1e38f);
  g_assert_true (gonio_session_run (session, &name, &x, 1, &outputs, NULL, &error));
  gonio_session_free_outputs (outputs, n);
  g_assert_false (gonio_session_run (session, &name, &huge, 1, &outputs, NULL, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE);
  g_assert_nonnull (strstr (error->message, "node 'sum'"));
  g_assert_nonnull (strstr (error->message, "'v_neg' float [1,2,4,3] from -3e+38 to 3e+38"));
  g_clear_error (&error);
  ((float *)gonio_tensor_writable_data (x))[5] = NAN;
  g_assert_false (gonio_session_run (session, &name, &x, 1, &outputs, NULL, &error));
  g_assert_nonnull (strstr (error->message, "input 'x' float [1,2,4,3] holds 1 NaN"));
}

static guint n_folded;

/* Neg of a constant, by a folder that is no backend. */
static gboolean
negate (const GonioGraph *graph, GonioNodeId id, GonioTensor *const *inputs, GonioTensor **outputs,
        GError **error)
{
  g_assert_cmpuint (gonio_graph_node (graph, id)->op, ==, GONIO_OP_NEG);
  outputs[0] =
      gonio_tensor_new (gonio_tensor_dtype (inputs[0]), gonio_tensor_shape (inputs[0]), error);
  g_assert_nonnull (outputs[0]);
  float *data = gonio_tensor_writable_data (outputs[0]);
  for (int64_t i = 0; i < gonio_tensor_count (inputs[0]); i++)
    data[i] = (float)-gonio_tensor_get_double (inputs[0], i);
  n_folded++;
  return TRUE;
}

/* y = relu (x - c), where no backend of the list can negate c. */
static GonioGraph *
make_constant_graph (void)
{
  GonioGraph *graph = gonio_graph_new ("folded");
  GonioValueId x = add_x (graph, 1, 4);
  g_autoptr (GonioTensor) c = make_x (1, 4, 0.5f);
  GonioValueId constant = gonio_graph_add_constant (graph, "c", c);
  GonioValueId n = add_node (graph, GONIO_OP_NEG, "host_neg", constant, GONIO_VALUE_NONE);
  GonioValueId sum = add_node (graph, GONIO_OP_ADD, "sum", x, n);
  gonio_graph_add_output (graph, add_node (graph, GONIO_OP_RELU, "relu", sum, GONIO_VALUE_NONE));
  return graph;
}

/* Constants are folded whatever the backends are; a folded node is in no report, and strict mode
 * still asks for every other node. */
static void
test_evaluate (void)
{
  static const GonioBackendDef *const fast_alone[] = {&gonio_fake_fast, NULL};
  GonioSessionOptions options = default_options ();
  options.optimization = GONIO_OPT_BASIC;
  options.backends = fast_alone;
  g_autoptr (GError) error = NULL;
  g_assert_null (gonio_session_new_from_graph (make_constant_graph (), &options, NULL, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_PLACEMENT);
  g_assert_nonnull (strstr (error->message, "host_neg"));
  g_clear_error (&error);

  options.evaluate = negate;
  options.strict = TRUE;
  n_folded = 0;
  g_autoptr (GonioSession) session = make_session (make_constant_graph (), &options);
  g_assert_cmpuint (n_folded, ==, 1);
  g_autoptr (GPtrArray) report = gonio_session_dup_report (session);
  for (guint i = 0; i < report->len; i++) {
    const GonioPlacement *row = g_ptr_array_index (report, i);
    g_assert_cmpstr (row->node, !=, "host_neg");
    g_assert_cmpstr (row->backend, ==, "fast");
  }
  g_autoptr (GonioTensor) x = make_x (1, 4, 2);
  const char *name = "x";
  GonioTensor **outputs = NULL;
  g_assert_true (gonio_session_run (session, &name, &x, 1, &outputs, NULL, &error));
  g_assert_no_error (error);
  for (int64_t k = 0; k < gonio_tensor_count (x); k++)
    g_assert_cmpfloat (gonio_tensor_get_double (outputs[0], k), ==,
                       MAX (0, 0.75 * gonio_tensor_get_double (x, k)));
  gonio_session_free_outputs (outputs, 1);

  g_autoptr (GonioSession) none =
      gonio_session_new_from_graph (make_graph (1, 4, TRUE), &options, NULL, &error);
  g_assert_null (none);
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_PLACEMENT);
  g_assert_nonnull (strstr (error->message, "host_sum"));
}

static gboolean
cancel_at_relu (const GonioNode *node, gpointer data, GError **error)
{
  if (g_str_equal (node->name, "relu"))
    g_cancellable_cancel (data);
  return TRUE;
}

static gboolean
fail_at_sum (const GonioNode *node, gpointer data, GError **error)
{
  if (!g_str_equal (node->name, "host_sum"))
    return TRUE;
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE, "broken on purpose");
  return FALSE;
}

static void
test_cancel_and_fail (void)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options = default_options ();
  g_autoptr (GonioSession) session = make_session (make_graph (1, 4, TRUE), &options);
  g_autoptr (GonioTensor) x = make_x (1, 4, 1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  gonio_fake_set_hook (cancel_at_relu, cancellable);
  g_assert_false (run_one (session, x, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  gonio_fake_set_hook (fail_at_sum, NULL);
  g_assert_false (run_one (session, x, NULL, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE);
  g_clear_error (&error);
  gonio_fake_set_hook (NULL, NULL);
  g_assert_true (run_one (session, x, NULL, &error));
  g_assert_null (
      gonio_session_new_from_graph (make_graph (1, 4, TRUE), &options, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* ---- backends that stop working ---- */

static const GonioBackendDef *const fleeting[] = {&gonio_fake_fleeting, &gonio_fake_host, NULL};

typedef struct {
  const char *node;
  int code;      /* of GONIO_BACKEND_ERROR */
  int calls, at; /* fails at this call; atomic */
} Break;

static gboolean
break_down (const GonioNode *node, gpointer data, GError **error)
{
  Break *what = data;
  if (!g_str_equal (node->name, what->node) || g_atomic_int_add (&what->calls, 1) != what->at)
    return TRUE;
  g_set_error (error, GONIO_BACKEND_ERROR, what->code, "broken at call %d", what->at);
  return FALSE;
}

static char *
placement_of (GonioSession *session, const char *node)
{
  g_autoptr (GPtrArray) report = gonio_session_dup_report (session);
  for (guint i = 0; i < report->len; i++) {
    const GonioPlacement *row = g_ptr_array_index (report, i);
    if (g_str_equal (row->node, node))
      return g_strdup_printf ("%s (%s)", row->backend, row->reason);
  }
  return NULL;
}

static void
check_placement (GonioSession *session, const char *node, const char *wanted)
{
  g_autofree char *found = placement_of (session, node);
  g_assert_cmpstr (found, ==, wanted);
}

static void
test_lost (void)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options = default_options ();
  options.backends = fleeting;
  options.log_level = G_LOG_LEVEL_ERROR;
  g_autoptr (GonioSession) session = make_session (make_graph (-1, -1, FALSE), &options);
  g_autoptr (GonioTensor) small = make_x (1, 4, 1);
  g_autoptr (GonioTensor) large = make_x (2, 5, 1);
  Break what = {"neg", GONIO_BACKEND_ERROR_LOST, 0, 2};
  gonio_fake_set_hook (break_down, &what);
  g_assert_true (run_one (session, small, NULL, &error));
  check_placement (session, "neg", "fleeting ()");
  g_assert_true (run_one (session, large, NULL, &error));
  g_assert_null (gonio_session_dup_fallbacks (session));
  g_assert_true (run_one (session, small, NULL, &error));
  g_assert_no_error (error);
  check_placement (session, "neg", "host (fleeting: broken at call 2)");
  check_placement (session, "relu", "host (fleeting: broken at call 2)");
  g_autofree char *words = gonio_session_dup_fallbacks (session);
  g_assert_cmpstr (words, ==, "fleeting: broken at call 2");
  what.calls = 0; /* nobody asks it again, whatever the shapes */
  g_assert_true (run_one (session, large, NULL, &error));
  check_placement (session, "relu", "host (fleeting: broken at call 2)");
  gonio_fake_set_hook (NULL, NULL);
}

static void
test_run_refused (void)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options = default_options ();
  options.backends = fleeting;
  options.log_level = G_LOG_LEVEL_ERROR;
  g_autoptr (GonioSession) session = make_session (make_graph (1, 4, FALSE), &options);
  g_autoptr (GonioTensor) x = make_x (1, 4, 1);
  Break what = {"neg", GONIO_BACKEND_ERROR_REFUSED, 0, 0};
  gonio_fake_set_hook (break_down, &what);
  g_assert_true (run_one (session, x, NULL, &error));
  g_assert_no_error (error);
  check_placement (session, "neg", "host (fleeting: broken at call 0)");
  check_placement (session, "relu", "fleeting ()");
  what = (Break){"average", GONIO_BACKEND_ERROR_FAILED, 0, 0};
  g_assert_true (run_one (session, x, NULL, &error));
  check_placement (session, "neg", "host (fleeting: broken at call 0)");
  check_placement (session, "average", "host (fleeting: broken at call 0)");
  gonio_fake_set_hook (NULL, NULL);
}

/* The host has nobody behind it, strict wants no other, and who is not revocable just fails. */
static void
test_no_other (void)
{
  g_autoptr (GError) error = NULL;
  static const GonioBackendDef *const alone[] = {&gonio_fake_fleeting, NULL};
  GonioSessionOptions options = default_options ();
  options.log_level = G_LOG_LEVEL_ERROR;
  g_autoptr (GonioTensor) x = make_x (1, 4, 1);
  for (int i = 0; i < 3; i++) {
    options.backends = i == 0 ? alone : i == 1 ? fleeting : backends;
    options.strict = i == 1;
    g_autoptr (GonioSession) session = make_session (make_graph (1, 4, FALSE), &options);
    Break what = {"neg", GONIO_BACKEND_ERROR_LOST, 0, 0};
    gonio_fake_set_hook (break_down, &what);
    g_assert_false (run_one (session, x, NULL, &error));
    g_assert_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_LOST);
    g_clear_error (&error);
    gonio_fake_set_hook (NULL, NULL);
  }
}

static gpointer
run_many (gpointer data)
{
  for (int i = 0; i < 50; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioTensor) x = make_x (1 + i % 3, 5, (float)i);
    run_one (data, x, NULL, &error);
    g_assert_no_error (error);
  }
  return NULL;
}

static void
test_threads (void)
{
  GonioSessionOptions options = default_options ();
  g_autoptr (GonioSession) session = make_session (make_graph (-1, -1, TRUE), &options);
  GThread *threads[6];
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("run", run_many, session);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* Lost under several runs at once: each ends with the right result. */
static void
test_lost_under_threads (void)
{
  GonioSessionOptions options = default_options ();
  options.backends = fleeting;
  options.log_level = G_LOG_LEVEL_ERROR;
  for (int round = 0; round < 20; round++) {
    g_autoptr (GonioSession) session = make_session (make_graph (-1, -1, FALSE), &options);
    Break what = {"neg", round % 2 ? GONIO_BACKEND_ERROR_LOST : GONIO_BACKEND_ERROR_REFUSED, 0,
                  round * 3};
    GThread *threads[4];
    gonio_fake_set_hook (break_down, &what);
    for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
      threads[i] = g_thread_new ("run", run_many, session);
    for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
      g_thread_join (threads[i]);
    gonio_fake_set_hook (NULL, NULL);
  }
}

static gboolean
linger (const GonioNode *node, gpointer data, GError **error)
{
  g_usleep (200);
  return TRUE;
}

static void
test_serial (void)
{
  /* The fast backend asks not to be entered twice at once. */
  GonioSessionOptions options = default_options ();
  g_autoptr (GonioSession) session = make_session (make_graph (-1, -1, FALSE), &options);
  gonio_fake_set_hook (linger, NULL);
  GThread *threads[3];
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("run", (GThreadFunc)run_many, session);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  gonio_fake_set_hook (NULL, NULL);
  g_assert_cmpint (gonio_fake_most_at_once (), ==, 1);
}

static void
test_precision (void)
{
  GonioPrecision precision = GONIO_PRECISION_FP32;
  g_assert_true (gonio_precision_parse ("fp16", &precision));
  g_assert_cmpint (precision, ==, GONIO_PRECISION_FP16);
  g_assert_false (gonio_precision_parse ("fp8", &precision));
  g_assert_false (gonio_precision_parse (NULL, &precision));
  g_assert_cmpint (precision, ==, GONIO_PRECISION_FP16);
  g_assert_cmpstr (gonio_precision_name (GONIO_PRECISION_FP32), ==, "fp32");
  for (int i = 0; i < 2; i++) {
    GonioSessionOptions options = default_options ();
    options.precision = i == 0 ? GONIO_PRECISION_FP16 : GONIO_PRECISION_FP32;
    gonio_session_unref (make_session (make_graph (1, 2, FALSE), &options));
    g_assert_cmpint (gonio_fake_precision (), ==, options.precision);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session/serial", test_serial);
  g_test_add_func ("/session/run", test_run);
  g_test_add_func ("/session/free-dimensions", test_free_dimensions);
  g_test_add_func ("/session/inputs", test_inputs);
  g_test_add_func ("/session/dynamic", test_dynamic);
  g_test_add_func ("/session/placement", test_placement);
  g_test_add_func ("/session/expose-all", test_expose_all);
  g_test_add_func ("/session/check-values", test_check_values);
  g_test_add_func ("/session/evaluate", test_evaluate);
  g_test_add_func ("/session/cancel-and-fail", test_cancel_and_fail);
  g_test_add_func ("/session/lost", test_lost);
  g_test_add_func ("/session/run-refused", test_run_refused);
  g_test_add_func ("/session/no-other", test_no_other);
  g_test_add_func ("/session/lost-under-threads", test_lost_under_threads);
  g_test_add_func ("/session/threads", test_threads);
  g_test_add_func ("/session/precision", test_precision);
  return g_test_run ();
}
