/* core/plan: claims, regions, islands, layouts on small and random graphs. */
#include "core/base/error.h"
#include "core/graph/edit.h"
#include "core/ops/op.h"
#include "core/plan/layout.h"
#include "core/plan/partition.h"
#include "core/plan/report.h"

#include <string.h>

/* The fast backend takes nodes by the first letter of their name: 'n' in NHWC only, 'p' plain
 * only, 'b' both ways (NHWC preferred); others are refused. The host takes everything. */
static gboolean
fast_claim (GonioBackend *backend, const GonioGraph *graph, GonioNodeId id, GonioClaim *out_claim)
{
  const char *name = gonio_graph_node (graph, id)->name;
  if (strchr ("npb", name[0]) == NULL) {
    out_claim->reason = "not a fast node";
    return FALSE;
  }
  out_claim->layouts = name[0] == 'n'   ? GONIO_CLAIM_NHWC
                       : name[0] == 'p' ? GONIO_CLAIM_PLAIN
                                        : GONIO_CLAIM_NHWC | GONIO_CLAIM_PLAIN;
  out_claim->preferred = name[0] == 'p' ? GONIO_CLAIM_PLAIN : GONIO_CLAIM_NHWC;
  out_claim->nhwc_inputs = 3;
  out_claim->cost = 100;
  return TRUE;
}

static gboolean
host_claim (GonioBackend *backend, const GonioGraph *graph, GonioNodeId id, GonioClaim *out_claim)
{
  if (gonio_graph_node (graph, id)->name[0] == 'x') {
    out_claim->reason = "unheard of";
    return FALSE;
  }
  out_claim->layouts = out_claim->preferred = GONIO_CLAIM_PLAIN;
  return TRUE;
}

static const GonioBackendDef fast = {
    .api_version = GONIO_BACKEND_API, .name = "fast", .claim = fast_claim, .any_layout = TRUE};
static const GonioBackendDef far_away = {
    .api_version = GONIO_BACKEND_API, .name = "far", .claim = fast_claim, .border_ns = 250};
static const GonioBackendDef host = {
    .api_version = GONIO_BACKEND_API, .name = "host", .claim = host_claim};
static const GonioPlanBackend both[] = {{&fast, NULL}, {&host, NULL}};

static GonioValueId
add_image (GonioGraph *graph, const char *name)
{
  GonioShape shape = GONIO_SHAPE (1, 4, 8, 8);
  GonioSymShape sym = gonio_sym_shape_from_shape (&shape);
  return gonio_graph_add_value (graph, name, GONIO_DTYPE_FLOAT, &sym);
}

static GonioValueId
add_input (GonioGraph *graph)
{
  GonioShape shape = GONIO_SHAPE (1, 4, 8, 8);
  GonioSymShape sym = gonio_sym_shape_from_shape (&shape);
  return gonio_graph_add_input (graph, "input", GONIO_DTYPE_FLOAT, &sym);
}

/* A node of one or two inputs (b may be NONE); returns its output. */
static GonioValueId
add (GonioGraph *graph, const char *name, GonioValueId a, GonioValueId b)
{
  GonioValueId inputs[2] = {a, b};
  g_autofree char *value = g_strconcat ("v_", name, NULL);
  GonioValueId output = add_image (graph, value);
  gboolean two = b != GONIO_VALUE_NONE;
  gonio_graph_add_node (graph, two ? GONIO_OP_ADD : GONIO_OP_RELU, name, inputs, two ? 2 : 1,
                        &output, 1);
  return output;
}

static GonioPlanNode *
entry_of (const GonioPartition *partition, const GonioGraph *graph, GonioValueId value)
{
  return gonio_partition_node (partition, gonio_graph_value (graph, value)->producer);
}

static GonioPartition *
make (const GonioGraph *graph)
{
  g_autoptr (GError) error = NULL;
  GonioPartitionOptions options = {0};
  GonioPartition *partition = gonio_partition_new (graph, both, 2, &options, &error);
  g_assert_no_error (error);
  return partition;
}

static void
test_convex (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("convex");
  GonioValueId in = add_input (graph);
  GonioValueId a = add (graph, "p_a", in, GONIO_VALUE_NONE);
  GonioValueId b = add (graph, "host_b", a, GONIO_VALUE_NONE);
  GonioValueId c = add (graph, "p_c", a, b);
  gonio_graph_add_output (graph, c);
  g_autoptr (GonioPartition) partition = make (graph);
  g_assert_cmpuint (partition->regions->len, ==, 3);
  g_assert_cmpuint (entry_of (partition, graph, a)->region, ==, 0);
  g_assert_cmpuint (entry_of (partition, graph, b)->region, ==, 1);
  g_assert_cmpuint (entry_of (partition, graph, c)->region, ==, 2);
  g_assert_cmpstr (entry_of (partition, graph, b)->reason, ==, "fast: not a fast node");
  g_assert_null (entry_of (partition, graph, c)->reason);
  g_assert_cmpuint (gonio_partition_region (partition, 2)->inputs->len, ==, 2);
  g_autofree char *summary = gonio_plan_summary (partition, both, 2);
  g_assert_cmpstr (summary, ==, "fast 2 nodes, host 1 node");
}

static void
test_late_merge (void)
{
  /* Nothing forces p_a to run before the host's node: one region for both fast nodes. */
  g_autoptr (GonioGraph) graph = gonio_graph_new ("late");
  GonioValueId in = add_input (graph);
  GonioValueId a = add (graph, "p_a", in, GONIO_VALUE_NONE);
  GonioValueId b = add (graph, "host_b", in, GONIO_VALUE_NONE);
  GonioValueId c = add (graph, "p_c", a, b);
  gonio_graph_add_output (graph, c);
  g_autoptr (GonioPartition) partition = make (graph);
  g_assert_cmpuint (partition->regions->len, ==, 2);
  g_assert_cmpuint (entry_of (partition, graph, a)->region, ==, 1);
}

static void
test_errors (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioGraph) graph = gonio_graph_new ("errors");
  GonioValueId in = add_input (graph);
  GonioValueId a = add (graph, "p_a", in, GONIO_VALUE_NONE);
  GonioValueId b = add (graph, "host_b", a, GONIO_VALUE_NONE);
  gonio_graph_add_output (graph, b);
  GonioPartitionOptions strict = {.strict = TRUE};
  g_assert_null (gonio_partition_new (graph, both, 2, &strict, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_PLACEMENT);
  g_assert_nonnull (strstr (error->message, "'host_b' (fast: not a fast node"));
  g_clear_error (&error);

  GonioValueId c = add (graph, "x_c", b, GONIO_VALUE_NONE);
  gonio_graph_add_output (graph, c);
  GonioPartitionOptions options = {0};
  g_assert_null (gonio_partition_new (graph, both, 2, &options, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_PLACEMENT);
  g_assert_nonnull (strstr (error->message, "host: unheard of"));
}

static void
test_pin_and_refuse (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("pin");
  GonioValueId in = add_input (graph);
  GonioShape four = GONIO_SHAPE (4);
  GonioSymShape sym = gonio_sym_shape_from_shape (&four);
  GonioValueId dims = gonio_graph_add_value (graph, "dims", GONIO_DTYPE_INT64, &sym);
  GonioNodeId shape = gonio_graph_add_node (graph, GONIO_OP_SHAPE, "p_shape", &in, 1, &dims, 1);
  GonioValueId twice = gonio_graph_add_value (graph, "twice", GONIO_DTYPE_INT64, &sym);
  GonioValueId pair[2] = {dims, dims};
  GonioNodeId sum = gonio_graph_add_node (graph, GONIO_OP_ADD, "p_sum", pair, 2, &twice, 1);
  GonioValueId a = add (graph, "p_a", in, GONIO_VALUE_NONE);
  gonio_graph_add_output (graph, twice);
  gonio_graph_add_output (graph, a);

  g_autoptr (GArray) refusals = g_array_new (FALSE, FALSE, sizeof (GonioRefusal));
  GonioRefusal refusal = {gonio_graph_value (graph, a)->producer, 0, g_strdup ("too big")};
  g_array_append_val (refusals, refusal);
  g_array_set_clear_func (refusals, (GDestroyNotify)gonio_refusal_clear);

  GonioPartitionOptions options = {.refusals = refusals};
  g_autoptr (GonioPartition) partition = gonio_partition_new (graph, both, 2, &options, NULL);
  g_assert_nonnull (partition);
  g_assert_true (gonio_partition_node (partition, shape)->pinned);
  g_assert_true (gonio_partition_node (partition, sum)->pinned);
  g_assert_cmpuint (entry_of (partition, graph, a)->backend, ==, 1);
  g_assert_cmpstr (entry_of (partition, graph, a)->reason, ==, "fast: too big");
}

static void
test_island (void)
{
  /* Entering costs 250, a node saves 100: two nodes alone do not pay, four do. */
  static const GonioPlanBackend backends[] = {{&far_away, NULL}, {&host, NULL}};
  g_autoptr (GonioGraph) graph = gonio_graph_new ("island");
  GonioValueId in = add_input (graph), v = in, small = in;
  for (guint i = 0; i < 4; i++) {
    g_autofree char *name = g_strdup_printf ("p_%u", i);
    v = add (graph, name, v, GONIO_VALUE_NONE);
  }
  GonioValueId large = v;
  v = add (graph, "host", v, GONIO_VALUE_NONE);
  for (guint i = 4; i < 6; i++) {
    g_autofree char *name = g_strdup_printf ("p_%u", i);
    small = v = add (graph, name, v, GONIO_VALUE_NONE);
  }
  gonio_graph_add_output (graph, v);
  GonioPartitionOptions options = {0};
  g_autoptr (GonioPartition) partition = gonio_partition_new (graph, backends, 2, &options, NULL);
  g_assert_cmpuint (entry_of (partition, graph, large)->backend, ==, 0);
  g_assert_cmpuint (entry_of (partition, graph, small)->backend, ==, 1);
  g_assert_nonnull (strstr (entry_of (partition, graph, small)->reason, "island of 2 nodes"));
  g_assert_cmpuint (partition->regions->len, ==, 2);
  options.keep_islands = TRUE;
  g_autoptr (GonioPartition) kept = gonio_partition_new (graph, backends, 2, &options, NULL);
  g_assert_cmpuint (entry_of (kept, graph, small)->backend, ==, 0);
  g_assert_cmpuint (kept->regions->len, ==, 3);
}

static guint
count_conversions (const GonioGraph *graph)
{
  guint n, count = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  for (guint i = 0; i < n; i++)
    count += gonio_graph_node (graph, order[i])->op == GONIO_OP_LAYOUT;
  return count;
}

/* Every value has the form its readers expect, borders are plain, regions run in order. */
static void
check_plan (const GonioGraph *graph, const GonioPartition *partition)
{
  for (guint r = 0; r < partition->regions->len; r++) {
    const GonioPlanRegion *region = gonio_partition_region (partition, r);
    for (guint i = 0; i < region->inputs->len; i++) {
      const GonioValue *value =
          gonio_graph_value (graph, g_array_index (region->inputs, GonioValueId, i));
      g_assert_cmpint (value->layout, ==, GONIO_LAYOUT_PLAIN);
      if (value->producer != GONIO_NODE_NONE)
        g_assert_cmpuint (gonio_partition_node (partition, value->producer)->region, <, r);
    }
    for (guint i = 0; i < region->outputs->len; i++)
      g_assert_cmpint (
          gonio_graph_value (graph, g_array_index (region->outputs, GonioValueId, i))->layout, ==,
          GONIO_LAYOUT_PLAIN);
    for (guint i = 0; i < region->nodes->len; i++) {
      GonioNodeId id = g_array_index (region->nodes, GonioNodeId, i);
      const GonioNode *node = gonio_graph_node (graph, id);
      gboolean nhwc = gonio_partition_node (partition, id)->is_nhwc;
      gboolean turns = node->op == GONIO_OP_LAYOUT;
      for (guint k = 0; k < node->n_inputs; k++)
        g_assert_cmpint (gonio_graph_value (graph, node->inputs[k])->layout == GONIO_LAYOUT_NHWC,
                         ==, turns ? !nhwc : nhwc);
      g_assert_cmpint (gonio_graph_value (graph, node->outputs[0])->layout == GONIO_LAYOUT_NHWC, ==,
                       nhwc);
    }
  }
}

static void
test_layout (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("layout");
  GonioValueId in = add_input (graph);
  GonioValueId a = add (graph, "n_a", in, GONIO_VALUE_NONE);
  GonioValueId b = add (graph, "b_b", a, GONIO_VALUE_NONE);
  GonioValueId c = add (graph, "n_c", b, a);
  GonioValueId d = add (graph, "host_d", b, GONIO_VALUE_NONE);
  gonio_graph_add_output (graph, c);
  gonio_graph_add_output (graph, d);
  g_autoptr (GonioPartition) partition = make (graph);
  gonio_layout_apply (graph, partition, both);
  g_assert_true (gonio_graph_check (graph, NULL, NULL));
  check_plan (graph, partition);
  /* One in, one for the graph output, one for b, which the host reads plain. */
  g_assert_cmpuint (count_conversions (graph), ==, 3);
  g_assert_cmpuint (gonio_graph_find_value (graph, "v_n_c"), ==, c);
  g_assert_true (gonio_graph_is_output (graph, c));
}

static void
test_layout_not_worth (void)
{
  /* A chain that could work either way, between plain ends, stays plain. */
  g_autoptr (GonioGraph) graph = gonio_graph_new ("plain");
  GonioValueId v = add (graph, "p_first", add_input (graph), GONIO_VALUE_NONE);
  for (guint i = 0; i < 5; i++) {
    g_autofree char *name = g_strdup_printf ("b_%u", i);
    v = add (graph, name, v, GONIO_VALUE_NONE);
  }
  gonio_graph_add_output (graph, add (graph, "p_last", v, GONIO_VALUE_NONE));
  g_autoptr (GonioPartition) partition = make (graph);
  gonio_layout_apply (graph, partition, both);
  check_plan (graph, partition);
  g_assert_cmpuint (count_conversions (graph), ==, 0);
}

static void
test_random (void)
{
  static const char kinds[] = "npbh";
  for (guint round = 0; round < 300; round++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("random");
    guint n = (guint)g_test_rand_int_range (1, 40);
    g_autofree GonioValueId *values = g_new (GonioValueId, n + 1);
    values[0] = add_input (graph);
    for (guint i = 1; i <= n; i++) {
      g_autofree char *name = g_strdup_printf ("%c%u", kinds[g_test_rand_int_range (0, 4)], i);
      GonioValueId second =
          g_test_rand_bit () ? values[g_test_rand_int_range (0, (gint32)i)] : GONIO_VALUE_NONE;
      values[i] = add (graph, name, values[g_test_rand_int_range (0, (gint32)i)], second);
    }
    for (guint i = 1; i <= n; i++) {
      guint users;
      gonio_graph_users (graph, values[i], &users);
      if (users == 0 || g_test_rand_int_range (0, 8) == 0)
        gonio_graph_add_output (graph, values[i]);
    }
    g_autoptr (GonioPartition) partition = make (graph);
    gonio_layout_apply (graph, partition, both);
    g_autoptr (GError) error = NULL;
    gonio_graph_check (graph, NULL, &error);
    g_assert_no_error (error);
    check_plan (graph, partition);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/partition/convex", test_convex);
  g_test_add_func ("/partition/late-merge", test_late_merge);
  g_test_add_func ("/partition/errors", test_errors);
  g_test_add_func ("/partition/pin-and-refuse", test_pin_and_refuse);
  g_test_add_func ("/partition/island", test_island);
  g_test_add_func ("/layout/small", test_layout);
  g_test_add_func ("/layout/not-worth", test_layout_not_worth);
  g_test_add_func ("/layout/random", test_random);
  return g_test_run ();
}
