/* The interpreter of the reference backend: regions, planned memory, branches, claims,
 * layouts, cancellation. */
#include "backends/reference/reference.h"
#include "core/base/error.h"
#include "tests/support/graph-maker.h"

#include <string.h>

#define REF        (&gonio_backend_reference)
#define TWO_BY_TWO ((GonioShape){.rank = 2, .dims = {2, 2}})

static GonioTensor *
floats (const GonioShape *shape, const float *values)
{
  int64_t count;
  g_autoptr (GError) error = NULL;
  GonioTensor *tensor;

  g_assert_true (gonio_shape_count (shape, &count));
  tensor = gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, shape, values, (size_t)count * sizeof (float),
                                  &error);
  g_assert_no_error (error);
  return tensor;
}

static void
assert_floats (const GonioTensor *tensor, guint n, const float *expected)
{
  g_assert_cmpint (gonio_tensor_count (tensor), ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpfloat (((const float *)gonio_tensor_data (tensor))[i], ==, expected[i]);
}

/* A compiled region of all nodes of a graph and what it needs to run. */
typedef struct {
  GonioBackend *backend;
  GonioCompiled *compiled;
  void *workspace;
  GonioRunArgs args;
} Machine;

static gboolean
machine_init (Machine *m, const GonioGraph *graph, GError **error)
{
  GonioBackendOptions options = {0};
  GonioRegion region = {.graph = graph};

  memset (m, 0, sizeof *m);
  m->backend = REF->create (&options, error);
  region.nodes = gonio_graph_order (graph, &region.n_nodes);
  region.inputs = gonio_graph_inputs (graph, &region.n_inputs);
  region.outputs = gonio_graph_outputs (graph, &region.n_outputs);
  m->compiled = REF->compile (m->backend, &region, error);
  if (m->compiled == NULL)
    return FALSE;
  m->workspace = g_aligned_alloc0 (1, MAX (REF->workspace_size (m->compiled), 64), 64);
  m->args.workspace = m->workspace;
  return TRUE;
}

static void
machine_clear (Machine *m)
{
  if (m->compiled != NULL)
    REF->compiled_free (m->compiled);
  if (m->backend != NULL)
    REF->destroy (m->backend);
  g_aligned_free (m->workspace);
}

/* y = relu (x + 1) * relu (x + 1), three intermediate steps. */
static GonioGraph *
chain (const char *shape)
{
  GonioGraph *graph = gonio_graph_new ("chain");
  GonioValueId x = mk_input (graph, "x", shape);
  GonioValueId one = mk_scalar (graph, "one", 1);
  GonioValueId sum = mk_node (graph, GONIO_OP_ADD, "sum", x, one, END);
  GonioValueId relu = mk_node (graph, GONIO_OP_RELU, "relu", sum, END);
  GonioValueId y = mk_node (graph, GONIO_OP_MUL, "y", relu, relu, END);
  g_autoptr (GError) error = NULL;

  gonio_graph_add_output (graph, y);
  g_assert_true (gonio_infer_graph (graph, &error));
  return graph;
}

static void
test_region (void)
{
  g_autoptr (GonioGraph) graph = chain ("2 2");
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioTensor) x = floats (&TWO_BY_TWO, (const float[]){-3, 0, 1, 2});
  g_autoptr (GonioTensor) y = floats (&TWO_BY_TWO, (const float[]){7, 7, 7, 7});
  GonioTensor *outputs[] = {y};
  Machine m;

  g_assert_true (machine_init (&m, graph, &error));
  g_assert_cmpuint (REF->workspace_size (m.compiled), >, 0);
  for (int run = 0; run < 2; run++) {
    g_assert_true (REF->run (m.compiled, &m.args, &x, outputs, &error));
    g_assert_true (outputs[0] == y);
    assert_floats (y, 4, (const float[]){0, 1, 4, 9});
  }
  machine_clear (&m);
}

/* Shapes that are not known until the run, and an output slot left open. */
static void
test_dynamic (void)
{
  g_autoptr (GonioGraph) graph = chain ("N");
  g_autoptr (GError) error = NULL;
  Machine m;

  g_assert_true (machine_init (&m, graph, &error));
  for (int n = 0; n < 3; n++) {
    GonioShape shape = gonio_shape_make (1, (const int64_t[]){n});
    g_autoptr (GonioTensor) x = floats (&shape, (const float[]){1, 2, 3});
    GonioTensor *outputs[] = {NULL};

    g_assert_true (REF->run (m.compiled, &m.args, &x, outputs, &error));
    assert_floats (outputs[0], (guint)n, (const float[]){4, 9, 16});
    gonio_tensor_unref (outputs[0]);
  }
  machine_clear (&m);
}

static void
test_wrong_plan (void)
{
  g_autoptr (GonioGraph) graph = chain ("N");
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioTensor) x = floats (&TWO_BY_TWO, (const float[]){1, 2, 3, 4});
  GonioShape other = gonio_shape_make (1, (const int64_t[]){2});
  g_autoptr (GonioTensor) y = floats (&other, (const float[]){0, 0});
  GonioTensor *outputs[] = {y};
  Machine m;

  g_assert_true (machine_init (&m, graph, &error));
  g_assert_false (REF->run (m.compiled, &m.args, &x, outputs, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_SHAPE);
  g_assert_nonnull (strstr (error->message, "planned as"));
  machine_clear (&m);
}

static void
test_cancel (void)
{
  g_autoptr (GonioGraph) graph = chain ("2 2");
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GonioTensor) x = floats (&TWO_BY_TWO, (const float[]){1, 2, 3, 4});
  GonioTensor *outputs[] = {NULL};
  Machine m;

  g_assert_true (machine_init (&m, graph, &error));
  g_cancellable_cancel (cancellable);
  m.args.cancellable = cancellable;
  g_assert_false (REF->run (m.compiled, &m.args, &x, outputs, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (outputs[0]);
  machine_clear (&m);
}

static void
test_error_names_node (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("g");
  GonioValueId x = mk_input (graph, "x", NULL),
               other = mk_floats (graph, "c", "3", (const float[]){1, 2, 3});
  GonioValueId y = mk_node (graph, GONIO_OP_ADD, "sum", x, other, END);
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioTensor) in = floats (&TWO_BY_TWO, (const float[]){1, 2, 3, 4});
  GonioTensor *outputs[] = {NULL};
  Machine m;

  gonio_graph_add_output (graph, y);
  g_assert_true (machine_init (&m, graph, &error));
  g_assert_false (REF->run (m.compiled, &m.args, &in, outputs, &error));
  g_assert_nonnull (strstr (error->message, "(Add): shapes [2,2] and [3]"));
  machine_clear (&m);
}

/* ---- branches ---- */

/* A branch whose output is x + value, or x itself, where x is captured. */
static GonioGraph *
branch_add (GonioValueId outer_x, float value)
{
  GonioGraph *sub = gonio_graph_new ("branch");
  GonioSymShape unknown = {0};
  GonioValueId x = gonio_graph_add_value (sub, "x", GONIO_DTYPE_FLOAT, &unknown);

  gonio_graph_add_capture (sub, outer_x, x);
  if (value == 0)
    gonio_graph_add_output (sub, x);
  else
    gonio_graph_add_output (
        sub, mk_node (sub, GONIO_OP_ADD, "out", x, mk_scalar (sub, "c", value), END));
  return sub;
}

/* if (condition) (if (inner) x + 10 else x) else x + 1; the branches own everything. */
static GonioGraph *
nested_if (void)
{
  GonioGraph *graph = gonio_graph_new ("if"), *outer_then = gonio_graph_new ("then");
  GonioSymShape unknown = {0};
  GonioValueId condition = mk_input_of (graph, "condition", GONIO_DTYPE_BOOL, "");
  GonioValueId inner = mk_input_of (graph, "inner", GONIO_DTYPE_BOOL, "");
  GonioValueId x = mk_input (graph, "x", "2 2");
  GonioValueId flag = gonio_graph_add_value (outer_then, "flag", GONIO_DTYPE_BOOL, &unknown);
  GonioValueId middle = gonio_graph_add_value (outer_then, "middle", GONIO_DTYPE_FLOAT, &unknown);
  /* x is only read two levels down, after it has been doubled here */
  GonioValueId twice = mk_node (graph, GONIO_OP_ADD, "twice", x, x, END);
  GonioValueId y, chosen;

  gonio_graph_add_capture (outer_then, inner, flag);
  gonio_graph_add_capture (outer_then, twice, middle);
  chosen = mk_node (outer_then, GONIO_OP_IF, "chosen", flag, END);
  gonio_graph_set_attr_graph (outer_then, mk_producer (outer_then, chosen), "then_branch",
                              branch_add (middle, 10));
  gonio_graph_set_attr_graph (outer_then, mk_producer (outer_then, chosen), "else_branch",
                              branch_add (middle, 0));
  gonio_graph_add_output (outer_then, chosen);
  y = mk_node (graph, GONIO_OP_IF, "y", condition, END);
  gonio_graph_set_attr_graph (graph, mk_producer (graph, y), "then_branch", outer_then);
  gonio_graph_set_attr_graph (graph, mk_producer (graph, y), "else_branch", branch_add (twice, 1));
  gonio_graph_add_output (graph, y);
  return graph;
}

static void
test_if (void)
{
  static const float expected[4][4] = {{3, 5, 7, 9}, {3, 5, 7, 9}, {2, 4, 6, 8}, {12, 14, 16, 18}};
  g_autoptr (GonioGraph) graph = nested_if ();
  g_autoptr (GError) error = NULL;
  Machine m;

  g_assert_true (gonio_infer_graph (graph, &error));
  g_assert_true (machine_init (&m, graph, &error));
  for (int i = 0; i < 4; i++) {
    uint8_t flags[2] = {(uint8_t)(i >> 1), (uint8_t)(i & 1)};
    g_autoptr (GonioTensor) condition =
        gonio_tensor_new_copy (GONIO_DTYPE_BOOL, &GONIO_SHAPE_SCALAR, &flags[0], 1, &error);
    g_autoptr (GonioTensor) inner =
        gonio_tensor_new_copy (GONIO_DTYPE_BOOL, &GONIO_SHAPE_SCALAR, &flags[1], 1, &error);
    g_autoptr (GonioTensor) x = floats (&TWO_BY_TWO, (const float[]){1, 2, 3, 4});
    GonioTensor *inputs[] = {condition, inner, x}, *outputs[] = {NULL};

    g_assert_true (REF->run (m.compiled, &m.args, inputs, outputs, &error));
    /* what comes out must not be a view of memory that is used again */
    memset (m.workspace, 0x7f, REF->workspace_size (m.compiled));
    assert_floats (outputs[0], 4, expected[i]);
    gonio_tensor_unref (outputs[0]);
  }
  machine_clear (&m);
}

/* ---- claims ---- */

static void
test_claims (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("claims");
  GonioValueId x = mk_input (graph, "x", "2");
  GonioValueId text = mk_input_of (graph, "text", GONIO_DTYPE_STRING, "2");
  GonioValueId open = mk_input_of (graph, "open", GONIO_DTYPE_NONE, "2");
  GonioValueId good = mk_node (graph, GONIO_OP_EXP, "good", x, END);
  GonioValueId bad = mk_node (graph, GONIO_OP_EXP, "bad", text, END);
  GonioValueId maybe = mk_node (graph, GONIO_OP_EXP, "maybe", open, END);
  GonioValueId mixed = mk_node (graph, GONIO_OP_ADD, "mixed", x,
                                mk_input_of (graph, "i", GONIO_DTYPE_INT64, "2"), END);
  GonioClaim claim;

  g_assert_true (REF->claim (NULL, graph, mk_producer (graph, good), &claim));
  g_assert_cmpuint (claim.layouts, ==, GONIO_CLAIM_PLAIN);
  g_assert_true (REF->claim (NULL, graph, mk_producer (graph, maybe), &claim));
  g_assert_false (REF->claim (NULL, graph, mk_producer (graph, bad), &claim));
  g_assert_nonnull (strstr (claim.reason, "string"));
  g_assert_false (REF->claim (NULL, graph, mk_producer (graph, mixed), &claim));
  g_assert_nonnull (strstr (claim.reason, "int64"));
}

/* Every operator of the list has a kernel. */
static void
test_all_operators (void)
{
  for (guint op = GONIO_OP_INVALID + 1; op < GONIO_OP_COUNT; op++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("g");
    GonioSymShape unknown = {0};
    GonioValueId out = gonio_graph_add_value (graph, "out", GONIO_DTYPE_NONE, &unknown);
    GonioNodeId node = gonio_graph_add_node (graph, op, "node", NULL, 0, &out, 1);
    GonioClaim claim;

    if (!REF->claim (NULL, graph, node, &claim))
      g_error ("%s: %s", gonio_op_name (op), claim.reason);
  }
}

/* ---- layouts ---- */

static void
test_layout (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("layout");
  GonioValueId x = mk_input (graph, "x", "1 2 1 3");
  GonioValueId nhwc = mk_node (graph, GONIO_OP_LAYOUT, "nhwc", x, END);
  GonioValueId back = mk_node (graph, GONIO_OP_LAYOUT, "back", nhwc, END);
  GonioShape shape = gonio_shape_make (4, (const int64_t[]){1, 2, 1, 3});
  g_autoptr (GonioTensor) in = floats (&shape, (const float[]){1, 2, 3, 10, 20, 30});
  g_autoptr (GError) error = NULL;
  GonioTensor *outputs[] = {NULL, NULL};
  Machine m;

  gonio_graph_set_attr_string (graph, mk_producer (graph, nhwc), "to", "nhwc");
  gonio_graph_set_attr_string (graph, mk_producer (graph, back), "to", "plain");
  gonio_graph_add_output (graph, nhwc);
  gonio_graph_add_output (graph, back);
  g_assert_true (machine_init (&m, graph, &error));
  g_assert_true (REF->run (m.compiled, &m.args, &in, outputs, &error));
  assert_floats (outputs[0], 6, (const float[]){1, 10, 2, 20, 3, 30});
  assert_floats (outputs[1], 6, (const float[]){1, 2, 3, 10, 20, 30});
  gonio_tensor_unref (outputs[0]);
  gonio_tensor_unref (outputs[1]);
  machine_clear (&m);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/program/region", test_region);
  g_test_add_func ("/reference/program/dynamic", test_dynamic);
  g_test_add_func ("/reference/program/wrong-plan", test_wrong_plan);
  g_test_add_func ("/reference/program/cancel", test_cancel);
  g_test_add_func ("/reference/program/error", test_error_names_node);
  g_test_add_func ("/reference/program/if", test_if);
  g_test_add_func ("/reference/program/claims", test_claims);
  g_test_add_func ("/reference/program/all-operators", test_all_operators);
  g_test_add_func ("/reference/program/layout", test_layout);
  return g_test_run ();
}
