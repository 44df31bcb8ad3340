/* core/graph: uses, order, dead code, subgraphs, copies, the checker. */
#include "core/base/error.h"
#include "core/graph/activation.h"
#include "tests/support/graph-maker.h"

static void
assert_valid (const GonioGraph *graph)
{
  g_autoptr (GError) error = NULL;
  gonio_graph_check (graph, NULL, &error);
  g_assert_no_error (error);
}

static guint
n_users (const GonioGraph *graph, GonioValueId value)
{
  guint n = 0;
  gonio_graph_users (graph, value, &n);
  return n;
}

static guint
position (const GonioGraph *graph, GonioNodeId id)
{
  guint n = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  for (guint i = 0; i < n; i++) {
    if (order[i] == id)
      return i;
  }
  return G_MAXUINT;
}

static void
test_uses (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("uses");
  GonioValueId x = mk_input (graph, "x", "2 3");
  GonioValueId y = mk_node (graph, GONIO_OP_RELU, "y", x, END);
  GonioValueId twice = mk_node (graph, GONIO_OP_ADD, "twice", y, y, END);

  gonio_graph_add_output (graph, twice);
  g_assert_cmpuint (n_users (graph, x), ==, 1);
  g_assert_cmpuint (n_users (graph, y), ==, 2); /* once per use */
  g_assert_true (gonio_graph_is_output (graph, twice));
  assert_valid (graph);

  gonio_graph_set_input (graph, mk_producer (graph, twice), 1, x);
  g_assert_cmpuint (n_users (graph, y), ==, 1);
  g_assert_cmpuint (n_users (graph, x), ==, 2);

  gonio_graph_replace_uses (graph, y, x);
  g_assert_cmpuint (n_users (graph, y), ==, 0);
  g_assert_cmpuint (n_users (graph, x), ==, 3);
  gonio_graph_replace_uses (graph, twice, y);
  g_assert_true (gonio_graph_is_output (graph, y));
  g_assert_false (gonio_graph_is_output (graph, twice));
  assert_valid (graph);

  gonio_graph_remove_node (graph, mk_producer (graph, twice));
  g_assert_cmpuint (gonio_graph_value (graph, twice)->producer, ==, GONIO_NODE_NONE);
  g_assert_cmpuint (n_users (graph, x), ==, 1);
  assert_valid (graph);
}

static void
test_names (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("names");
  GonioValueId a = mk_input (graph, "x", NULL), b = gonio_graph_add_value (graph, "x", 0, NULL);
  GonioValueId c = gonio_graph_add_value (graph, NULL, 0, NULL);
  GonioValueId d = gonio_graph_add_value (graph, "", 0, NULL);

  g_assert_cmpuint (gonio_graph_find_value (graph, "x"), ==, a);
  g_assert_cmpstr (gonio_graph_value (graph, b)->name, !=, "x");
  g_assert_cmpstr (gonio_graph_value (graph, c)->name, !=, gonio_graph_value (graph, d)->name);
  g_assert_cmpuint (gonio_graph_find_value (graph, gonio_graph_value (graph, b)->name), ==, b);
  g_assert_cmpuint (gonio_graph_find_value (graph, "nothing"), ==, GONIO_VALUE_NONE);
}

/* A node added late stands right before its reader. */
static void
test_order_is_local (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("order");
  GonioValueId x = mk_input (graph, "x", NULL);
  GonioValueId a = mk_node (graph, GONIO_OP_RELU, "a", x, END);
  GonioValueId b = mk_node (graph, GONIO_OP_EXP, "b", x, END);
  GonioValueId c = mk_node (graph, GONIO_OP_ADD, "c", a, b, END);
  GonioValueId late = mk_node (graph, GONIO_OP_NEG, "late", a, END);

  gonio_graph_add_output (graph, c);
  gonio_graph_set_input (graph, mk_producer (graph, b), 0, late);
  g_assert_cmpuint (position (graph, mk_producer (graph, a)), ==, 0);
  g_assert_cmpuint (position (graph, mk_producer (graph, late)), ==, 1);
  g_assert_cmpuint (position (graph, mk_producer (graph, b)), ==, 2);
  g_assert_cmpuint (position (graph, mk_producer (graph, c)), ==, 3);
}

/* Built from the end, so that visiting the first node descends the whole chain. */
static void
test_deep_chain (void)
{
  const guint depth = 200000;
  g_autoptr (GonioGraph) graph = gonio_graph_new ("chain");
  g_autofree GonioValueId *values = g_new (GonioValueId, depth + 1);
  guint n = 0;

  for (guint i = 0; i <= depth; i++)
    values[i] = gonio_graph_add_value (graph, NULL, 0, NULL);
  for (guint i = depth; i > 0; i--)
    gonio_graph_add_node (graph, GONIO_OP_RELU, NULL, &values[i - 1], 1, &values[i], 1);
  gonio_graph_add_output (graph, values[depth]);
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  g_assert_cmpuint (n, ==, depth);
  g_assert_cmpuint (order[0], ==, depth - 1);
  g_assert_cmpuint (order[depth - 1], ==, 0);
  assert_valid (graph);
}

static void
test_cycle (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("cycle");
  g_autoptr (GError) error = NULL;
  GonioValueId x = mk_input (graph, "x", NULL);
  GonioValueId a = mk_node (graph, GONIO_OP_RELU, "a", x, END);
  GonioValueId b = mk_node (graph, GONIO_OP_NEG, "b", a, END);
  guint n = 0;

  gonio_graph_set_input (graph, mk_producer (graph, a), 0, b);
  g_assert_false (gonio_graph_check (graph, NULL, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_CHECK);
  gonio_graph_order (graph, &n);
  g_assert_cmpuint (n, ==, 2);
}

static void
test_dead (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("dead");
  GonioValueId x = mk_input (graph, "x", NULL), unread = mk_input (graph, "unread", NULL);
  GonioValueId w = mk_filled (graph, "w", "4", 1), v = mk_filled (graph, "v", "4", 1);
  GonioValueId live = mk_node (graph, GONIO_OP_ADD, "live", x, w, END);
  GonioValueId dead = mk_node (graph, GONIO_OP_ADD, "dead", x, v, END);
  GonioValueId deader = mk_node (graph, GONIO_OP_NEG, "deader", dead, END);

  gonio_graph_add_output (graph, live);
  g_assert_cmpuint (gonio_graph_remove_dead (graph, NULL), ==, 2);
  g_assert_null (gonio_graph_value (graph, v)->constant); /* its weights are given back */
  g_assert_nonnull (gonio_graph_value (graph, w)->constant);
  g_assert_cmpuint (gonio_graph_find_value (graph, "deader"), ==, GONIO_VALUE_NONE);
  g_assert_cmpuint (gonio_graph_find_value (graph, "unread"), ==, unread);
  g_assert_cmpuint (gonio_graph_value (graph, deader)->producer, ==, GONIO_NODE_NONE);
  g_assert_cmpuint (n_users (graph, x), ==, 1);
  g_assert_cmpuint (gonio_graph_remove_dead (graph, NULL), ==, 0);
  assert_valid (graph);
}

static void
test_constant_drops_producer (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("constant");
  GonioValueId x = mk_input (graph, "x", "2");
  GonioValueId a = mk_node (graph, GONIO_OP_RELU, "a", x, END);
  GonioValueId b = mk_node (graph, GONIO_OP_NEG, "b", a, END);
  GonioNodeId relu = mk_producer (graph, a);
  GonioValueId c = mk_filled (graph, "c", "2", 3);

  gonio_graph_add_output (graph, b);
  gonio_graph_set_constant (graph, a, gonio_graph_value (graph, c)->constant);
  g_assert_cmpuint (gonio_graph_value (graph, a)->producer, ==, GONIO_NODE_NONE);
  g_assert_cmpuint (gonio_graph_node (graph, relu)->outputs[0], ==, GONIO_VALUE_NONE);
  assert_shape (graph, a, "[2]");
  assert_valid (graph);
  g_assert_cmpuint (gonio_graph_remove_dead (graph, NULL), ==, 1);
  assert_valid (graph);
}

static void
test_attributes (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("attributes");
  GonioNodeId id = gonio_graph_add_node (graph, GONIO_OP_CONV, "conv", NULL, 0, NULL, 0);
  const int64_t pads[4] = {1, 2, 3, 4};
  const char *const words[2] = {"a", "b"};
  guint n = 0;

  gonio_graph_set_attr_int (graph, id, "group", 3);
  gonio_graph_set_attr_ints (graph, id, "pads", pads, 4);
  gonio_graph_set_attr_float (graph, id, "alpha", 0.5f);
  gonio_graph_set_attr_string (graph, id, "mode", "same");
  gonio_graph_set_attr_strings (graph, id, "words", words, 2);
  const GonioNode *conv = gonio_graph_node (graph, id);
  g_assert_cmpint (gonio_node_attr_int (conv, "group", 0), ==, 3);
  g_assert_cmpint (gonio_node_attr_int (conv, "pads", 7), ==, 7); /* of another type */
  g_assert_cmpint (gonio_node_attr_ints (conv, "pads", &n)[3], ==, 4);
  g_assert_cmpuint (n, ==, 4);
  g_assert_null (gonio_node_attr_ints (conv, "strides", &n));
  g_assert_cmpuint (n, ==, 0);
  /* The old text may be the source of the new one. */
  gonio_graph_set_attr_string (graph, id, "mode", gonio_node_attr_string (conv, "mode", NULL));
  g_assert_cmpstr (gonio_node_attr_string (conv, "mode", NULL), ==, "same");
  gonio_graph_set_attr_int (graph, id, "mode", 1); /* a new type under the old name */
  g_assert_cmpint (gonio_node_attr_int (conv, "mode", 0), ==, 1);
  g_assert_cmpuint (conv->n_attrs, ==, 5);
  gonio_graph_remove_attr (graph, id, "pads");
  gonio_graph_remove_attr (graph, id, "pads");
  g_assert_cmpuint (conv->n_attrs, ==, 4);
  g_assert_cmpstr (gonio_node_attr (conv, "words")->strings[1], ==, "b");
}

/* If (condition) { outer + inner } else { outer } */
static GonioGraph *
branch (GonioValueId outer, gboolean adds)
{
  GonioGraph *sub = gonio_graph_new (adds ? "adds" : "passes");
  GonioValueId stand_in = gonio_graph_add_value (sub, "outer", GONIO_DTYPE_FLOAT, NULL);
  GonioValueId result = stand_in;

  gonio_graph_add_capture (sub, outer, stand_in);
  if (adds) {
    GonioValueId one = mk_filled (sub, "one", "2", 1);
    result = mk_node (sub, GONIO_OP_ADD, "sum", stand_in, one, END);
  }
  gonio_graph_add_output (sub, result);
  return sub;
}

static GonioGraph *
graph_with_if (GonioValueId *out_condition, GonioValueId *out_x, GonioValueId *out_y)
{
  GonioGraph *graph = gonio_graph_new ("if");

  *out_condition = mk_input_of (graph, "condition", GONIO_DTYPE_BOOL, "");
  GonioValueId x = mk_input (graph, "x", "2");
  *out_x = mk_node (graph, GONIO_OP_RELU, "r", x, END);
  *out_y = mk_node (graph, GONIO_OP_IF, "y", *out_condition, END);
  gonio_graph_set_attr_graph (graph, mk_producer (graph, *out_y), "then_branch",
                              branch (*out_x, TRUE));
  gonio_graph_set_attr_graph (graph, mk_producer (graph, *out_y), "else_branch",
                              branch (*out_x, FALSE));
  gonio_graph_add_output (graph, *out_y);
  return graph;
}

static void
test_captures (void)
{
  GonioValueId condition = 0, x = 0, y = 0;
  g_autoptr (GonioGraph) graph = graph_with_if (&condition, &x, &y);
  guint n = 0;

  g_assert_cmpuint (n_users (graph, x), ==, 2); /* both branches */
  g_assert_cmpuint (gonio_graph_users (graph, x, &n)[0], ==, mk_producer (graph, y));
  assert_valid (graph);
  /* Captures order nodes like inputs do. */
  g_assert_cmpuint (position (graph, mk_producer (graph, x)), ==, 0);

  GonioValueId other = mk_node (graph, GONIO_OP_NEG, "other", x, END);
  gonio_graph_replace_uses (graph, x, other);
  gonio_graph_set_input (graph, mk_producer (graph, other), 0, x);
  const GonioAttr *taken = gonio_node_attr (mk_producer_node (graph, y), "then_branch");
  g_assert_cmpuint (gonio_graph_captures (taken->graph, &n)[0].outer, ==, other);
  g_assert_cmpuint (n_users (graph, other), ==, 2);
  assert_valid (graph);

  gonio_graph_remove_attr (graph, mk_producer (graph, y), "else_branch");
  g_assert_cmpuint (n_users (graph, other), ==, 1);
  assert_valid (graph);
}

/* A capture nothing reads any more lets go of the outer value. */
static void
test_dead_captures (void)
{
  GonioValueId condition = 0, x = 0, y = 0;
  g_autoptr (GonioGraph) graph = graph_with_if (&condition, &x, &y);
  const GonioNode *holder = mk_producer_node (graph, y);

  for (guint i = 0; i < 2; i++) {
    GonioGraph *sub = gonio_node_attr (holder, i ? "else_branch" : "then_branch")->graph;
    gonio_graph_set_output (sub, 0, mk_filled (sub, "fixed", "2", 5));
  }
  /* The Add of a branch, and Relu, which only branches read. */
  g_assert_cmpuint (gonio_graph_remove_dead (graph, NULL), ==, 2);
  g_assert_cmpuint (n_users (graph, x), ==, 0);
  g_assert_cmpuint (count_op (graph, GONIO_OP_RELU), ==, 0);
  assert_valid (graph);
}

static void
test_clone (void)
{
  GonioValueId condition = 0, x = 0, y = 0;
  g_autoptr (GonioGraph) graph = graph_with_if (&condition, &x, &y);
  gonio_graph_info (graph)->opset = 17;
  g_autoptr (GonioGraph) copy = gonio_graph_clone (graph);
  g_autofree char *a = gonio_graph_to_text (graph, gonio_op_name);
  g_autofree char *b = gonio_graph_to_text (copy, gonio_op_name);

  g_assert_cmpstr (a, ==, b);
  g_assert_cmpint (gonio_graph_info (copy)->opset, ==, 17);
  assert_valid (copy);
  GonioGraph *sub = gonio_node_attr (mk_producer_node (copy, y), "then_branch")->graph;
  g_assert_true (sub != gonio_node_attr (mk_producer_node (graph, y), "then_branch")->graph);

  /* Edits stay on their side. */
  gonio_graph_remove_node (copy, mk_producer (copy, x));
  g_autofree char *after = gonio_graph_to_text (graph, gonio_op_name);
  g_assert_cmpstr (a, ==, after);
  GonioValueId fresh = gonio_graph_add_value (copy, "x", 0, NULL);
  g_assert_cmpstr (gonio_graph_value (copy, fresh)->name, !=, "x");
}

static void
test_inline (void)
{
  GonioValueId condition = 0, x = 0, y = 0, result = 0;
  g_autoptr (GonioGraph) graph = graph_with_if (&condition, &x, &y);
  const GonioNode *holder = mk_producer_node (graph, y);
  g_autoptr (GonioGraph) taken = gonio_graph_ref (gonio_node_attr (holder, "then_branch")->graph);

  gonio_graph_inline (graph, taken, NULL, &result);
  const GonioNode *sum = mk_producer_node (graph, result);
  g_assert_cmpuint (sum->op, ==, GONIO_OP_ADD);
  g_assert_cmpuint (sum->inputs[0], ==, x);
  g_assert_nonnull (gonio_graph_value (graph, sum->inputs[1])->constant);
  assert_valid (graph);
}

static void
test_checker (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("check");
  GonioValueId x = mk_input (graph, "x", "1 3 8 8");
  GonioValueId y = mk_node (graph, GONIO_OP_CONV, "y", x, END);
  g_autoptr (GError) arity = NULL, type = NULL, unknown = NULL;

  gonio_graph_add_output (graph, y);
  g_assert_false (gonio_graph_check (graph, gonio_op_check_node, &arity));
  g_assert_error (arity, GONIO_RUN_ERROR, GONIO_RUN_ERROR_CHECK);
  g_assert_nonnull (strstr (arity->message, "1 inputs"));

  const GonioValueId inputs[2] = {x, mk_filled (graph, "w", "4 3 3 3", 0)};
  gonio_graph_set_inputs (graph, mk_producer (graph, y), inputs, 2);
  gonio_graph_set_attr_int (graph, mk_producer (graph, y), "pads", 1);
  g_assert_false (gonio_graph_check (graph, gonio_op_check_node, &type));
  g_assert_nonnull (strstr (type->message, "pads"));

  gonio_graph_remove_attr (graph, mk_producer (graph, y), "pads");
  gonio_graph_set_attr_int (graph, mk_producer (graph, y), "colour", 1);
  g_assert_false (gonio_graph_check (graph, gonio_op_check_node, &unknown));
  g_assert_nonnull (strstr (unknown->message, "colour"));

  gonio_graph_remove_attr (graph, mk_producer (graph, y), "colour");
  g_autoptr (GError) none = NULL;
  gonio_graph_check (graph, gonio_op_check_node, &none);
  g_assert_no_error (none);
}

static void
test_dump (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("dump");
  GonioValueId x = mk_input (graph, "x", "N 3 ? 8");
  GonioValueId y = mk_node (graph, GONIO_OP_ADD, "y", x, mk_scalar (graph, "half", 0.5f), END);

  gonio_graph_add_output (graph, y);
  gonio_graph_set_attr_string (graph, mk_producer (graph, y), "activation", "Tanh");
  g_autofree char *text = gonio_graph_to_text (graph, gonio_op_name);
  g_assert_nonnull (strstr (text, "input x: float[N,3,?,8]"));
  g_assert_nonnull (strstr (text, "constant half: float[] {0.5}"));
  g_assert_nonnull (strstr (text, "= Add (x, half) activation=\"Tanh\"  # y"));
  g_autofree char *dot = gonio_graph_to_dot (graph, gonio_op_name);
  g_assert_true (g_str_has_prefix (dot, "digraph"));
  g_assert_nonnull (strstr (dot, "-> n0"));
}

static void
test_activation (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("activation");
  GonioNodeId id = gonio_graph_add_node (graph, GONIO_OP_CONV, "conv", NULL, 0, NULL, 0);
  const GonioNode *conv = gonio_graph_node (graph, id);
  const float bounds[2] = {0, 6};

  g_assert_cmpint (gonio_node_activation (conv).kind, ==, GONIO_ACT_NONE);
  gonio_graph_set_attr_string (graph, id, "activation", gonio_activation_name (GONIO_ACT_CLIP));
  gonio_graph_set_attr_floats (graph, id, "activation_params", bounds, 2);
  g_assert_cmpint (gonio_node_activation (conv).kind, ==, GONIO_ACT_CLIP);
  g_assert_cmpfloat (gonio_node_activation (conv).params[1], ==, 6);
  gonio_graph_set_attr_string (graph, id, "activation", "Softplus");
  g_assert_cmpint (gonio_node_activation (conv).kind, ==, GONIO_ACT_NONE);
}

/* ---- random edits ---- */

static GonioValueId
any_value (const GonioGraph *graph, GRand *random, GArray *usable)
{
  return g_array_index (usable, GonioValueId, g_rand_int_range (random, 0, (gint32)usable->len));
}

/* Whatever is done through the mutator, the graph stays consistent (cycles apart, which edits
 * here avoid by reading only older values). */
static void
test_random_edits (void)
{
  for (guint seed = 0; seed < 200; seed++) {
    g_autoptr (GRand) random = g_rand_new_with_seed (seed);
    g_autoptr (GonioGraph) graph = gonio_graph_new ("random");
    g_autoptr (GArray) usable = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
    GonioValueId x = mk_input (graph, "x", "4"), c = mk_filled (graph, "c", "4", 1);

    g_array_append_val (usable, x);
    g_array_append_val (usable, c);
    for (guint step = 0; step < 60; step++) {
      guint n = gonio_graph_n_nodes (graph);
      GonioNodeId id = n ? (GonioNodeId)g_rand_int_range (random, 0, (gint32)n) : 0;
      const GonioNode *picked = n ? gonio_graph_node (graph, id) : NULL;
      switch (g_rand_int_range (random, 0, 6)) {
      case 0:
      case 1:
      case 2: {
        GonioValueId made = mk_node (graph, GONIO_OP_ADD, NULL, any_value (graph, random, usable),
                                     any_value (graph, random, usable), END);
        g_array_append_val (usable, made);
        break;
      }
      case 3:
        if (picked)
          gonio_graph_set_input (graph, id, 0, g_rand_boolean (random) ? x : c);
        break;
      case 4: /* older for newer only, so that no cycle comes up */
        gonio_graph_replace_uses (graph, any_value (graph, random, usable), x);
        break;
      case 5:
        if (g_rand_boolean (random))
          gonio_graph_add_output (graph, any_value (graph, random, usable));
        else if (picked)
          gonio_graph_remove_node (graph, id);
        break;
      }
      if (gonio_graph_n_nodes (graph) > 0)
        assert_valid (graph);
    }
    gonio_graph_remove_dead (graph, NULL);
    assert_valid (graph);
    g_autoptr (GonioGraph) copy = gonio_graph_clone (graph);
    assert_valid (copy);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/graph/uses", test_uses);
  g_test_add_func ("/graph/names", test_names);
  g_test_add_func ("/graph/order-is-local", test_order_is_local);
  g_test_add_func ("/graph/deep-chain", test_deep_chain);
  g_test_add_func ("/graph/cycle", test_cycle);
  g_test_add_func ("/graph/dead", test_dead);
  g_test_add_func ("/graph/constant-drops-producer", test_constant_drops_producer);
  g_test_add_func ("/graph/attributes", test_attributes);
  g_test_add_func ("/graph/captures", test_captures);
  g_test_add_func ("/graph/dead-captures", test_dead_captures);
  g_test_add_func ("/graph/clone", test_clone);
  g_test_add_func ("/graph/inline", test_inline);
  g_test_add_func ("/graph/checker", test_checker);
  g_test_add_func ("/graph/dump", test_dump);
  g_test_add_func ("/graph/activation", test_activation);
  g_test_add_func ("/graph/random-edits", test_random_edits);
  return g_test_run ();
}
