/* core/passes: folding, identities, views, branches, pads, the driver. Fusions are in
 * test-passes-fuse.c. */
#include "core/passes/passes.h"

#include "backends/reference/reference.h"
#include "tests/support/graph-maker.h"
#include "tests/support/pass-runner.h"

#include <glib/gstdio.h>
#include <string.h>

/* ---- fold ---- */

static const GonioPassOptions *
folding (void)
{
  static GonioPassOptions options = {.level = GONIO_OPT_ALL};
  options.evaluate = gonio_backend_reference.evaluate;
  return &options;
}

static void
test_fold (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("fold");
  GonioValueId x = mk_input (graph, "x", "2 3");
  GonioValueId a =
      mk_node (graph, GONIO_OP_ADD, "a", mk_scalar (graph, "p", 1), mk_scalar (graph, "q", 2), END);
  GonioValueId y = mk_node (graph, GONIO_OP_MUL, "y", x, a, END);

  gonio_graph_add_output (graph, y);
  g_assert_cmpuint (run_pass (graph, "fold", &everything), ==, 0); /* nobody to compute it */
  g_assert_cmpuint (run_pass (graph, "fold", folding ()), ==, 1);
  g_assert_cmpfloat (gonio_tensor_get_double (gonio_graph_value (graph, a)->constant, 0), ==, 3);
  gonio_graph_remove_dead (graph, NULL);
  g_assert_cmpuint (n_nodes (graph), ==, 1);
}

/* Known integers need nobody to compute them: negative ones and conditions as well. */
static void
test_fold_known (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("known");
  GonioValueId x = mk_input (graph, "x", "2 3");
  GonioValueId shape = mk_node (graph, GONIO_OP_SHAPE, "shape", x, END);
  GonioValueId less =
      mk_node (graph, GONIO_OP_SUB, "less", shape, MK_INTS (graph, "three", 3), END);
  GonioValueId same = mk_node (graph, GONIO_OP_EQUAL, "same", less, MK_INTS (graph, "m", -1), END);
  GonioValueId y = mk_node (graph, GONIO_OP_WHERE, "y", same, x, x, END);

  set_int (graph, shape, "start", 0);
  gonio_graph_set_input (graph, mk_producer (graph, y), 0,
                         mk_node (graph, GONIO_OP_SLICE, "one", same, MK_INTS (graph, "s", 0),
                                  MK_INTS (graph, "e", 1), END));
  gonio_graph_add_output (graph, y);
  g_assert_cmpuint (run_pass (graph, "fold", &everything), ==, 4);
  g_assert_cmpint (gonio_tensor_get_int (gonio_graph_value (graph, less)->constant, 0), ==, -1);
  g_assert_cmpint (gonio_tensor_get_int (gonio_graph_value (graph, same)->constant, 0), ==, 1);
  g_assert_cmpint (gonio_tensor_get_int (gonio_graph_value (graph, same)->constant, 1), ==, 0);

  g_autoptr (GonioGraph) open = gonio_graph_new ("open");
  GonioValueId n = mk_input (open, "x", "N 3");
  gonio_graph_add_output (open, mk_node (open, GONIO_OP_TILE, "y", n,
                                         mk_node (open, GONIO_OP_SHAPE, "shape", n, END), END));
  g_assert_cmpuint (run_pass (open, "fold", &everything), ==, 0);
}

static void
test_fold_not (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("not");
  GonioValueId one = mk_scalar (graph, "one", 1);
  GonioValueId large =
      mk_node (graph, GONIO_OP_EXPAND, "large", one, MK_INTS (graph, "many", 1000, 1000), END);
  GonioValueId small =
      mk_node (graph, GONIO_OP_EXPAND, "small", one, MK_INTS (graph, "few", 4), END);
  GonioValueId random = mk_node (graph, GONIO_OP_RANDOM_NORMAL, "random", END);
  GonioValueId result = mk_node (graph, GONIO_OP_NEG, "result", one, END);
  GonioValueId sum = mk_node (graph, GONIO_OP_SUM, "sum", large, random, END);

  set_ints (graph, random, "shape", 1, 1);
  gonio_graph_add_output (graph, result); /* graph outputs keep their nodes */
  gonio_graph_add_output (graph, sum);
  gonio_graph_add_output (graph, mk_node (graph, GONIO_OP_NEG, "s", small, END));
  g_assert_cmpuint (run_pass (graph, "fold", folding ()), ==, 1);
  g_assert_nonnull (gonio_graph_value (graph, small)->constant);
  g_assert_null (gonio_graph_value (graph, large)->constant);
  g_assert_null (gonio_graph_value (graph, random)->constant);
  g_assert_null (gonio_graph_value (graph, result)->constant);
}

static gboolean
refuse (const GonioGraph *graph, GonioNodeId id, GonioTensor *const *inputs, GonioTensor **outputs,
        GError **error)
{
  g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "no");
  return FALSE;
}

/* What cannot be computed stays, and is no error here. */
static void
test_fold_refused (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("refused");
  GonioValueId a = mk_node (graph, GONIO_OP_NEG, "a", mk_scalar (graph, "p", 1), END);
  const GonioPassOptions options = {.level = GONIO_OPT_ALL, .evaluate = refuse};

  gonio_graph_add_output (graph, mk_node (graph, GONIO_OP_ABS, "y", a, END));
  g_assert_cmpuint (run_pass (graph, "fold", &options), ==, 0);
  g_assert_cmpuint (n_nodes (graph), ==, 2);
}

/* ---- identity ---- */

typedef GonioValueId (*Middle) (GonioGraph *graph, GonioValueId x);

static GonioValueId
middle_identity (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_IDENTITY, "m", x, END);
}
static GonioValueId
middle_reshape (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_RESHAPE, "m", x, MK_INTS (graph, "t", 2, -1, 4, 5), END);
}
static GonioValueId
middle_transpose (GonioGraph *graph, GonioValueId x)
{
  GonioValueId m = mk_node (graph, GONIO_OP_TRANSPOSE, "m", x, END);
  set_ints (graph, m, "perm", 4, 0, 1, 2, 3);
  return m;
}
static GonioValueId
middle_cast (GonioGraph *graph, GonioValueId x)
{
  GonioValueId m = mk_node (graph, GONIO_OP_CAST, "m", x, END);
  set_int (graph, m, "to", GONIO_DTYPE_FLOAT);
  return m;
}
static GonioValueId
middle_slice (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_SLICE, "m", x, MK_INTS (graph, "s", 0), MK_INTS (graph, "e", 99),
                  MK_INTS (graph, "a", 2), END);
}
static GonioValueId
middle_pad (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_PAD, "m", x, MK_INTS (graph, "p", 0, 0, 0, 0, 0, 0, 0, 0), END);
}
static GonioValueId
middle_concat (GonioGraph *graph, GonioValueId x)
{
  GonioValueId m = mk_node (graph, GONIO_OP_CONCAT, "m", x, END);
  set_int (graph, m, "axis", 1);
  return m;
}
static GonioValueId
middle_mul (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_MUL, "m", mk_filled (graph, "o", "1 3 1 1", 1), x, END);
}
static GonioValueId
middle_sub (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_SUB, "m", x, mk_scalar (graph, "z", 0), END);
}
static GonioValueId
middle_resize (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_RESIZE, "m", x, OMITTED, mk_filled (graph, "f", "4", 1), END);
}
static GonioValueId
middle_clip (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_CLIP, "m", x, END);
}

/* Those that must stay. */
static GonioValueId
middle_reversed (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_SLICE, "m", x, MK_INTS (graph, "s", -1),
                  MK_INTS (graph, "e", -99), MK_INTS (graph, "a", 2), MK_INTS (graph, "p", -1),
                  END);
}
static GonioValueId
middle_shifted (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_PAD, "m", x, MK_INTS (graph, "p", 0, 0, 0, 1, 0, 0, 0, -1), END);
}
static GonioValueId
middle_swapped (GonioGraph *graph, GonioValueId x)
{
  GonioValueId m = mk_node (graph, GONIO_OP_TRANSPOSE, "m", x, END);
  set_ints (graph, m, "perm", 4, 1, 0, 2, 3);
  return m;
}
static GonioValueId
middle_widened (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_MUL, "m", x, mk_filled (graph, "o", "3 1 1 1 1", 1), END);
}
static GonioValueId
middle_minus_from_zero (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_SUB, "m", mk_scalar (graph, "z", 0), x, END);
}
static GonioValueId
middle_almost_one (GonioGraph *graph, GonioValueId x)
{
  const float numbers[3] = {1, 1, 1.5f};
  return mk_node (graph, GONIO_OP_MUL, "m", x, mk_floats (graph, "o", "3 1 1", numbers), END);
}

static GonioGraph *
with_middle (Middle middle, const char *name)
{
  GonioGraph *graph = gonio_graph_new (name);
  GonioValueId x = mk_input (graph, "x", "2 3 4 5");
  GonioValueId a = mk_node (graph, GONIO_OP_RELU, "a", x, END);
  gonio_graph_add_output (graph, mk_node (graph, GONIO_OP_NEG, "y", middle (graph, a), END));
  return graph;
}

static void
test_identity (void)
{
  static const Middle go[] = {middle_identity, middle_reshape, middle_transpose, middle_cast,
                              middle_slice,    middle_pad,     middle_concat,    middle_mul,
                              middle_sub,      middle_resize,  middle_clip};
  static const Middle stay[] = {middle_reversed, middle_shifted,         middle_swapped,
                                middle_widened,  middle_minus_from_zero, middle_almost_one};
  for (guint i = 0; i < G_N_ELEMENTS (go); i++) {
    g_autofree char *name = g_strdup_printf ("go %u", i);
    g_autoptr (GonioGraph) graph = with_middle (go[i], name);
    fires (graph, "identity");
    g_assert_cmpuint (n_nodes (graph), ==, 2);
  }
  for (guint i = 0; i < G_N_ELEMENTS (stay); i++) {
    g_autofree char *name = g_strdup_printf ("stay %u", i);
    g_autoptr (GonioGraph) graph = with_middle (stay[i], name);
    stays (graph, "identity");
    g_assert_cmpuint (n_nodes (graph), ==, 3);
  }
}

/* A graph output keeps its name: its identity goes only when a node can take the name over. */
static void
test_identity_outputs (void)
{
  g_autoptr (GonioGraph) made = gonio_graph_new ("made"), passed = gonio_graph_new ("passed");
  g_autoptr (GonioGraph) both = gonio_graph_new ("both");
  GonioValueId a = mk_node (made, GONIO_OP_RELU, "a", mk_input (made, "x", "2"), END);
  GonioValueId b = mk_node (both, GONIO_OP_RELU, "b", mk_input (both, "x", "2"), END);
  guint n = 0;

  gonio_graph_add_output (made, mk_node (made, GONIO_OP_IDENTITY, "y", a, END));
  fires (made, "identity");
  g_assert_cmpuint (n_nodes (made), ==, 1);
  g_assert_cmpstr (gonio_graph_value (made, gonio_graph_outputs (made, &n)[0])->name, ==, "y");
  gonio_graph_add_output (
      passed, mk_node (passed, GONIO_OP_IDENTITY, "y", mk_input (passed, "x", "2"), END));
  stays (passed, "identity");
  gonio_graph_add_output (both, b);
  gonio_graph_add_output (both, mk_node (both, GONIO_OP_IDENTITY, "y", b, END));
  stays (both, "identity");
}

/* ---- views ---- */

static void
test_merge_views (void)
{
  g_autoptr (GonioGraph) pair = gonio_graph_new ("pair"), chain = gonio_graph_new ("chain");
  GonioValueId x = mk_input (pair, "x", "2 3 4");
  GonioValueId a = mk_node (pair, GONIO_OP_TRANSPOSE, "a", x, END);
  GonioValueId b = mk_node (pair, GONIO_OP_TRANSPOSE, "b", a, END);

  set_ints (pair, a, "perm", 3, 1, 2, 0);
  set_ints (pair, b, "perm", 3, 2, 0, 1);
  gonio_graph_add_output (pair, mk_node (pair, GONIO_OP_NEG, "y", b, END));
  fires (pair, "merge-views");
  g_assert_cmpuint (n_nodes (pair), ==, 2);
  fires (pair, "identity"); /* they cancel */
  g_assert_cmpuint (n_nodes (pair), ==, 1);

  x = mk_input (chain, "x", "2 3 4");
  a = mk_node (chain, GONIO_OP_FLATTEN, "a", x, END);
  b = mk_node (chain, GONIO_OP_RESHAPE, "b", a, MK_INTS (chain, "t", 0, 3, 4), END);
  gonio_graph_add_output (chain, mk_node (chain, GONIO_OP_NEG, "y", b, END));
  fires (chain, "merge-views");
  g_assert_cmpuint (n_nodes (chain), ==, 2);
}

/* ---- inline-if, resolve-pads ---- */

static GonioGraph *
choice (gboolean known)
{
  GonioGraph *graph = gonio_graph_new ("choice");
  GonioValueId x = mk_input (graph, "x", "3");
  const guint8 yes = 1;
  GonioShape shape = GONIO_SHAPE_SCALAR;
  g_autoptr (GonioTensor) tensor = gonio_tensor_new_copy (GONIO_DTYPE_BOOL, &shape, &yes, 1, NULL);
  GonioValueId c = known ? gonio_graph_add_constant (graph, "c", tensor)
                         : mk_input_of (graph, "c", GONIO_DTYPE_BOOL, "");
  GonioValueId y = mk_node (graph, GONIO_OP_IF, "y", c, END);

  for (guint i = 0; i < 2; i++) {
    GonioGraph *sub = gonio_graph_new ("branch");
    GonioValueId s = gonio_graph_add_value (sub, "x", GONIO_DTYPE_FLOAT, NULL);
    gonio_graph_add_capture (sub, x, s);
    GonioValueId same = mk_node (sub, GONIO_OP_IDENTITY, "same", s, END);
    gonio_graph_add_output (sub, mk_node (sub, i ? GONIO_OP_NEG : GONIO_OP_ABS, NULL, same, END));
    gonio_graph_set_attr_graph (graph, mk_producer (graph, y), i ? "else_branch" : "then_branch",
                                sub);
  }
  gonio_graph_add_output (graph, y);
  return graph;
}

static void
test_inline_if (void)
{
  g_autoptr (GonioGraph) known = choice (TRUE), open = choice (FALSE);
  g_autoptr (GError) error = NULL;
  guint n = 0;

  g_assert_cmpuint (run_pass (known, "inline-if", &everything), ==, 1);
  gonio_passes_run (known, &everything, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_nodes (known), ==, 1);
  const GonioValue *y = gonio_graph_value (known, gonio_graph_outputs (known, &n)[0]);
  g_assert_cmpstr (y->name, ==, "y");
  g_assert_cmpuint (gonio_graph_node (known, y->producer)->op, ==, GONIO_OP_ABS);
  assert_shape (known, gonio_graph_outputs (known, &n)[0], "[3]");

  g_assert_cmpuint (run_pass (open, "inline-if", &everything), ==, 0);
  gonio_passes_run (open, &everything, &error);
  g_assert_no_error (error);
  /* Passes reach into branches. */
  GonioValueId result = gonio_graph_outputs (open, &n)[0];
  const GonioNode *holder = mk_producer_node (open, result);
  g_assert_cmpuint (n_nodes (gonio_node_attr (holder, "then_branch")->graph), ==, 1);
}

static void
test_resolve_pads (void)
{
  g_autoptr (GonioGraph) known = gonio_graph_new ("known"), open = gonio_graph_new ("open");
  GonioGraph *both[] = {known, open};

  for (guint i = 0; i < 2; i++) {
    GonioValueId y =
        mk_node (both[i], GONIO_OP_CONV, "y", mk_input (both[i], "x", i ? "1 3 H 8" : "1 3 8 8"),
                 weights (both[i], "w", "2 3 3 3"), END);
    gonio_graph_set_attr_string (both[i], mk_producer (both[i], y), "auto_pad", "SAME_LOWER");
    set_ints (both[i], y, "strides", 2, 2, 2);
    gonio_graph_add_output (both[i], y);
  }
  fires (known, "resolve-pads");
  const GonioNode *conv = gonio_graph_node (known, 0);
  guint n = 0;
  g_assert_null (gonio_node_attr (conv, "auto_pad"));
  g_assert_cmpint (gonio_node_attr_ints (conv, "pads", &n)[0], ==, 1);
  g_assert_cmpint (gonio_node_attr_ints (conv, "pads", &n)[2], ==, 0);
  g_assert_cmpuint (run_pass (open, "resolve-pads", &everything), ==, 0);
}

/* ---- the driver ---- */

static GonioGraph *
conv_bn_relu (void)
{
  GonioGraph *graph = gonio_graph_new ("stack");
  GonioValueId a = mk_node (graph, GONIO_OP_CONV, "a", mk_input (graph, "x", "1 3 5 5"),
                            weights (graph, "w", "4 3 3 3"), END);
  GonioValueId b = mk_node (graph, GONIO_OP_IDENTITY, "b", add_batch_norm (graph, a, "4"), END);
  gonio_graph_add_output (graph, mk_node (graph, GONIO_OP_RELU, "y", b, END));
  return graph;
}

static void
test_driver (void)
{
  static const char *const no_norm[] = {"fuse-norm", NULL};
  const GonioPassOptions basic = {.level = GONIO_OPT_BASIC};
  const GonioPassOptions none = {.level = GONIO_OPT_DISABLED};
  const GonioPassOptions without = {.level = GONIO_OPT_ALL, .disabled = no_norm};
  const GonioPassOptions *options[] = {&everything, &basic, &none, &without};
  const guint left[] = {1, 3, 4, 2}; /* the norm takes the activation where it stays */

  for (guint i = 0; i < 4; i++) {
    g_autoptr (GonioGraph) graph = conv_bn_relu ();
    g_autoptr (GError) error = NULL;
    gonio_passes_run (graph, options[i], &error);
    g_assert_no_error (error);
    g_assert_cmpuint (n_nodes (graph), ==, left[i]);
  }
}

static void
test_dump (void)
{
  g_autofree char *dir = g_dir_make_tmp ("gonio-dump-XXXXXX", NULL);
  const GonioPassOptions options = {.level = GONIO_OPT_ALL, .dump_dir = dir};
  g_autoptr (GonioGraph) graph = conv_bn_relu ();
  g_autoptr (GError) error = NULL;
  guint n = 0;

  gonio_passes_run (graph, &options, &error);
  g_assert_no_error (error);
  g_autoptr (GDir) listing = g_dir_open (dir, 0, NULL);
  for (const char *name = g_dir_read_name (listing); name; name = g_dir_read_name (listing)) {
    g_autofree char *path = g_build_filename (dir, name, NULL);
    g_assert_true (g_str_has_suffix (name, ".txt"));
    g_unlink (path);
    n++;
  }
  g_rmdir (dir);
  g_assert_cmpuint (n, >=, 3); /* identity, fuse-norm, fuse-activation */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/passes/fold", test_fold);
  g_test_add_func ("/passes/fold-known", test_fold_known);
  g_test_add_func ("/passes/fold-not", test_fold_not);
  g_test_add_func ("/passes/fold-refused", test_fold_refused);
  g_test_add_func ("/passes/identity", test_identity);
  g_test_add_func ("/passes/identity-outputs", test_identity_outputs);
  g_test_add_func ("/passes/merge-views", test_merge_views);
  g_test_add_func ("/passes/inline-if", test_inline_if);
  g_test_add_func ("/passes/resolve-pads", test_resolve_pads);
  g_test_add_func ("/passes/driver", test_driver);
  g_test_add_func ("/passes/dump", test_dump);
  return g_test_run ();
}
