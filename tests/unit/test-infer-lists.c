/* core/ops: inference of sequences. */
#include "core/base/error.h"
#include "tests/support/graph-maker.h"

#include <string.h>

static void
infer_all (GonioGraph *graph)
{
  g_autoptr (GError) error = NULL;

  gonio_infer_graph (graph, &error);
  g_assert_no_error (error);
}

/* ---- lists taken apart where they were made ---- */

static void
test_split (void)
{
  static const struct {
    int split; /* 0: none, -1: a list of 1 2 1 */
    int at;
    const char *part;
    int64_t length;
  } rows[] = {{0, 1, "[N,1]", 4},  {3, 0, "[N,3]", 2},  {3, -1, "[N,1]", 2}, {3, 2, "[N,?]", 2},
              {-1, 1, "[N,2]", 3}, {-1, 3, "[N,?]", 3}, {4, 0, "[N,4]", 1}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("lists");
    g_autoptr (GonioTensor) each = gonio_tensor_new_copy (
        GONIO_DTYPE_INT64, &GONIO_SHAPE_SCALAR, &(int64_t){rows[i].split}, sizeof (int64_t), NULL);
    GonioValueId x = mk_input (graph, "x", "N 4"), at = MK_INTS (graph, "at", rows[i].at);
    GonioValueId sizes = rows[i].split < 0 ? MK_INTS (graph, "sizes", 1, 2, 1)
                                           : gonio_graph_add_constant (graph, "each", each);
    GonioValueId list = rows[i].split == 0
                            ? mk_node (graph, GONIO_OP_SPLIT_TO_SEQUENCE, "list", x, END)
                            : mk_node (graph, GONIO_OP_SPLIT_TO_SEQUENCE, "list", x, sizes, END);
    gonio_graph_set_attr_int (graph, mk_producer (graph, list), "axis", -1);
    GonioValueId part = mk_node (graph, GONIO_OP_SEQUENCE_AT, "part", list, at, END);
    GonioValueId length = mk_node (graph, GONIO_OP_SEQUENCE_LENGTH, "length", list, END);
    int64_t n = 0;

    infer_all (graph);
    assert_shape (graph, part, rows[i].part);
    g_assert_cmpuint (gonio_graph_value (graph, length)->n_partial, ==, 1);
    g_assert_true (gonio_dim_known (gonio_graph_value (graph, length)->partial[0], &n));
    g_assert_cmpint (n, ==, rows[i].length);
  }
}

static void
test_joined (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("joined");
  GonioValueId a = mk_input (graph, "a", "2 N"), b = mk_input (graph, "b", "2 3");
  GonioValueId list = mk_node (graph, GONIO_OP_SEQUENCE_CONSTRUCT, "list", a, b, b, END);
  GonioValueId at =
      mk_node (graph, GONIO_OP_SEQUENCE_AT, "at", list, MK_INTS (graph, "i", -1), END);
  GonioValueId rows_joined = mk_node (graph, GONIO_OP_CONCAT_FROM_SEQUENCE, "rows", list, END);
  GonioValueId stacked = mk_node (graph, GONIO_OP_CONCAT_FROM_SEQUENCE, "stacked", list, END);
  gonio_graph_set_attr_int (graph, mk_producer (graph, rows_joined), "axis", 0);
  gonio_graph_set_attr_int (graph, mk_producer (graph, stacked), "axis", -1);
  gonio_graph_set_attr_int (graph, mk_producer (graph, stacked), "new_axis", 1);
  infer_all (graph);
  assert_shape (graph, at, "[2,3]");
  assert_shape (graph, rows_joined, "[6,3]");
  assert_shape (graph, stacked, "[2,3,3]");
}

static void
test_wrong (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("wrong");
  g_autoptr (GError) error = NULL;

  mk_node (graph, GONIO_OP_SEQUENCE_LENGTH, "length", mk_input (graph, "x", "2"), END);
  g_assert_false (gonio_infer_graph (graph, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_SHAPE);
  g_assert_nonnull (strstr (error->message, "must be of kind sequence"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/infer-lists/split", test_split);
  g_test_add_func ("/infer-lists/joined", test_joined);
  g_test_add_func ("/infer-lists/wrong", test_wrong);
  return g_test_run ();
}
