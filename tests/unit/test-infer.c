/* core/ops: definitions, shape and type inference, integer values, window arithmetic. */
#include "core/base/error.h"
#include "core/onnx/load.h"
#include "core/ops/spatial.h"
#include "tests/support/graph-maker.h"

#include <string.h>

static void
infer_all (GonioGraph *graph)
{
  g_autoptr (GError) error = NULL;
  gonio_infer_graph (graph, &error);
  g_assert_no_error (error);
}

static void
assert_contradiction (GonioGraph *graph, const char *names)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (gonio_infer_graph (graph, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_SHAPE);
  if (!strstr (error->message, names))
    g_error ("“%s” does not name “%s”", error->message, names);
}

/* ---- definitions ---- */

static void
test_definitions (void)
{
  for (guint op = 1; op < GONIO_OP_COUNT; op++) {
    const GonioOpDef *def = gonio_op_def (op);
    if (def->id != op)
      g_error ("%s has no definition", gonio_op_name (op));
    g_assert_nonnull (def->infer);
    g_assert_true (def->max_inputs < 0 || def->max_inputs >= def->min_inputs);
    g_assert_true (def->max_outputs < 0 || def->max_outputs >= def->min_outputs);
    g_assert_cmpuint (gonio_op_find (gonio_op_domain (op), gonio_op_name (op)), ==, op);
  }
  g_assert_cmpuint (gonio_op_find ("", "Frobnicate"), ==, GONIO_OP_INVALID);
  g_assert_cmpuint (gonio_op_find ("ai.onnx", "Conv"), ==, GONIO_OP_CONV);
  g_assert_cmpuint (gonio_op_find ("com.example", "Conv"), ==, GONIO_OP_INVALID);
  g_assert_cmpint (gonio_op_def (GONIO_OP_COUNT + 5)->id, ==, GONIO_OP_INVALID);
}

/* No inference function may need facts it has not got, or inputs that are omitted. */
static void
test_nothing_known (void)
{
  for (guint op = 1; op < GONIO_OP_COUNT; op++) {
    const GonioOpDef *def = gonio_op_def (op);
    for (int extra = 0; extra < 3; extra++) {
      g_autoptr (GonioGraph) graph = gonio_graph_new ("unknown");
      GonioValueId inputs[12] = {0}, outputs[8] = {0};
      int most = def->max_inputs < 0 ? def->min_inputs + 2 : def->max_inputs;
      guint n_inputs = (guint)(extra == 0 ? def->min_inputs : most);
      guint n_outputs = (guint)(def->max_outputs < 0 ? def->min_outputs + 1 : def->max_outputs);
      for (guint i = 0; i < n_inputs; i++)
        inputs[i] = extra == 2 && (int)i >= def->min_inputs && i + 1 < n_inputs
                        ? GONIO_VALUE_NONE
                        : gonio_graph_add_input (graph, NULL, GONIO_DTYPE_NONE, NULL);
      for (guint i = 0; i < n_outputs; i++)
        outputs[i] =
            extra == 2 && i > 0 ? GONIO_VALUE_NONE : gonio_graph_add_value (graph, NULL, 0, NULL);
      gonio_graph_add_node (graph, op, "node", inputs, n_inputs, outputs, n_outputs);
      g_autoptr (GError) error = NULL;
      gonio_infer_graph (graph, &error); /* may refuse (attributes are missing), not crash */
    }
  }
}

/* ---- elementwise ---- */

static void
test_broadcast (void)
{
  static const struct {
    const char *a, *b, *result;
  } rows[] = {
      {"2 3", "2 3", "[2,3]"},
      {"2 3", "3", "[2,3]"},
      {"2 1", "1 3", "[2,3]"},
      {"", "4", "[4]"},
      {"N 3", "3", "[N,3]"},
      {"N 3", "N 3", "[N,3]"},
      {"N 3", "M 3", "[?,3]"},
      {"N", "5", "[5]"},
      {"?", "1", "[?]"},
      {"0 3", "1 3", "[0,3]"},
      {"8 1 6 1", "7 1 5", "[8,7,6,5]"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("broadcast");
    GonioValueId y = mk_node (graph, GONIO_OP_ADD, "y", mk_input (graph, "a", rows[i].a),
                              mk_input (graph, "b", rows[i].b), END);
    infer_all (graph);
    assert_shape (graph, y, rows[i].result);
    g_assert_cmpint (gonio_graph_value (graph, y)->dtype, ==, GONIO_DTYPE_FLOAT);
  }
  g_autoptr (GonioGraph) graph = gonio_graph_new ("broadcast");
  mk_node (graph, GONIO_OP_ADD, "sum", mk_input (graph, "a", "2 3"), mk_input (graph, "b", "2 4"),
           END);
  assert_contradiction (graph, "“sum” (Add)");
}

static void
test_types (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("types");
  GonioValueId x = mk_input (graph, "x", "2"), n = mk_input_of (graph, "n", GONIO_DTYPE_INT64, "2");
  GonioValueId less = mk_node (graph, GONIO_OP_LESS, "less", x, x, END);
  GonioValueId cast = mk_node (graph, GONIO_OP_CAST, "cast", x, END);
  GonioValueId arg = mk_node (graph, GONIO_OP_ARG_MAX, "arg", x, END);

  gonio_graph_set_attr_int (graph, mk_producer (graph, cast), "to", GONIO_DTYPE_FLOAT16);
  infer_all (graph);
  g_assert_cmpint (gonio_graph_value (graph, less)->dtype, ==, GONIO_DTYPE_BOOL);
  g_assert_cmpint (gonio_graph_value (graph, cast)->dtype, ==, GONIO_DTYPE_FLOAT16);
  g_assert_cmpint (gonio_graph_value (graph, arg)->dtype, ==, GONIO_DTYPE_INT64);
  assert_shape (graph, arg, "[1]");
  mk_node (graph, GONIO_OP_MUL, "mixed", x, n, END);
  assert_contradiction (graph, "float and int64");
}

/* ---- windows ---- */

typedef struct {
  GonioOpId op;
  const char *in, *weights;
  int64_t kernel[2], strides[2], dilations[2], pads[4];
  const char *auto_pad;
  int64_t ceil_mode, group;
  const char *result;
} WindowRow;

static const WindowRow window_rows[] = {
    {GONIO_OP_CONV,
     "1 3 224 224",
     "64 3 7 7",
     {0},
     {2, 2},
     {1, 1},
     {3, 3, 3, 3},
     NULL,
     0,
     1,
     "[1,64,112,112]"},
    {GONIO_OP_CONV, "N 8 10 11", "4 8 3 3", {0}, {1, 1}, {2, 2}, {0}, NULL, 0, 1, "[N,4,6,7]"},
    {GONIO_OP_CONV,
     "1 8 5 5",
     "8 1 3 3",
     {0},
     {2, 2},
     {1, 1},
     {0},
     "SAME_UPPER",
     0,
     8,
     "[1,8,3,3]"},
    {GONIO_OP_CONV,
     "1 8 H W",
     "8 8 3 3",
     {0},
     {1, 1},
     {1, 1},
     {1, 1, 1, 1},
     NULL,
     0,
     1,
     "[1,8,?,?]"},
    {GONIO_OP_CONV,
     "1 8 4 4",
     "8 8 3 3",
     {0},
     {1, 1},
     {1, 1},
     {-1, -1, 0, 0},
     NULL,
     0,
     1,
     "[1,8,1,1]"},
    {GONIO_OP_CONV_TRANSPOSE,
     "1 4 8 8",
     "4 6 2 2",
     {0},
     {2, 2},
     {1, 1},
     {0},
     NULL,
     0,
     1,
     "[1,6,16,16]"},
    {GONIO_OP_CONV_TRANSPOSE,
     "1 4 5 5",
     "4 3 3 3",
     {0},
     {2, 2},
     {1, 1},
     {1, 1, 1, 1},
     NULL,
     0,
     2,
     "[1,6,9,9]"},
    {GONIO_OP_CONV_TRANSPOSE,
     "1 4 5 5",
     "4 3 3 3",
     {0},
     {2, 2},
     {1, 1},
     {0},
     "SAME_LOWER",
     0,
     1,
     "[1,3,10,10]"},
    {GONIO_OP_MAX_POOL, "1 3 7 7", NULL, {2, 2}, {2, 2}, {1, 1}, {0}, NULL, 0, 0, "[1,3,3,3]"},
    {GONIO_OP_MAX_POOL, "1 3 7 7", NULL, {2, 2}, {2, 2}, {1, 1}, {0}, NULL, 1, 0, "[1,3,4,4]"},
    /* the last window would start in the padding */
    {GONIO_OP_MAX_POOL, "1 1 2 2", NULL, {1, 1}, {2, 2}, {1, 1}, {0}, NULL, 1, 0, "[1,1,1,1]"},
    {GONIO_OP_AVERAGE_POOL,
     "1 1 10 10",
     NULL,
     {3, 3},
     {1, 1},
     {3, 3},
     {0},
     NULL,
     0,
     0,
     "[1,1,4,4]"},
    {GONIO_OP_AVERAGE_POOL,
     "1 1 5 5",
     NULL,
     {3, 3},
     {2, 2},
     {1, 1},
     {0},
     "VALID",
     0,
     0,
     "[1,1,2,2]"},
};

static GonioValueId
add_window (GonioGraph *graph, const WindowRow *row)
{
  GonioValueId x = mk_input (graph, "x", row->in);
  GonioValueId y =
      row->weights ? mk_node (graph, row->op, "window", x, mk_input (graph, "w", row->weights), END)
                   : mk_node (graph, row->op, "window", x, END);
  GonioNodeId id = mk_producer (graph, y);

  if (row->kernel[0])
    gonio_graph_set_attr_ints (graph, id, "kernel_shape", row->kernel, 2);
  if (row->ceil_mode)
    gonio_graph_set_attr_int (graph, id, "ceil_mode", 1);
  if (row->group)
    gonio_graph_set_attr_int (graph, id, "group", row->group);
  gonio_graph_set_attr_ints (graph, id, "strides", row->strides, 2);
  gonio_graph_set_attr_ints (graph, id, "dilations", row->dilations, 2);
  if (row->auto_pad)
    gonio_graph_set_attr_string (graph, id, "auto_pad", row->auto_pad);
  else
    gonio_graph_set_attr_ints (graph, id, "pads", row->pads, 4);
  return y;
}

static void
test_windows (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (window_rows); i++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("window");
    GonioValueId y = add_window (graph, &window_rows[i]);
    infer_all (graph);
    assert_shape (graph, y, window_rows[i].result);
  }
}

static void
test_window_errors (void)
{
  WindowRow row = window_rows[0];
  g_autoptr (GonioGraph) channels = gonio_graph_new ("channels");
  g_autoptr (GonioGraph) stride = gonio_graph_new ("stride");
  g_autoptr (GonioGraph) large = gonio_graph_new ("large");
  g_autoptr (GonioGraph) huge = gonio_graph_new ("huge");

  row.in = "1 4 224 224";
  add_window (channels, &row);
  assert_contradiction (channels, "channels");
  row = window_rows[0];
  row.strides[1] = 0;
  add_window (stride, &row);
  assert_contradiction (stride, "strides");
  row = window_rows[0];
  row.in = "1 3 224 0";
  row.pads[1] = row.pads[3] = 0;
  add_window (large, &row);
  assert_contradiction (large, "larger than the padded input");
  row = window_rows[0];
  row.in = "1 3 224 9223372036854775807";
  add_window (huge, &row);
  assert_contradiction (huge, "too large");
}

/* What a convolution adds to its result has the result's shape. */
static void
test_conv_summand (void)
{
  static const char *const summands[] = {"1 4 8 6", "1 4 ? 6", "1 5 8 6", "4 8 6"};

  for (guint i = 0; i < G_N_ELEMENTS (summands); i++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("summand");
    GonioValueId y = mk_node (
        graph, GONIO_OP_CONV, "y", mk_input (graph, "x", i == 1 ? "1 3 ? 6" : "1 3 8 6"),
        mk_input (graph, "w", "4 3 1 1"), OMITTED, mk_input (graph, "a", summands[i]), END);
    if (i >= 2) {
      assert_contradiction (graph, "“y” (Conv)");
      continue;
    }
    infer_all (graph);
    assert_shape (graph, y, i == 0 ? "[1,4,8,6]" : "[1,4,?,6]");
  }
}

/* Resolved windows obey in + pads = (out - 1) * stride + span + rest with 0 <= rest < stride. */
static void
test_spatial_property (void)
{
  static const char *const modes[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
  g_autoptr (GRand) random = g_rand_new_with_seed (3);

  for (guint i = 0; i < 3000; i++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("spatial");
    g_autofree char *in = g_strdup_printf ("1 1 %d %d", g_rand_int_range (random, 12, 40),
                                           g_rand_int_range (random, 12, 40));
    WindowRow row = {GONIO_OP_MAX_POOL, in, NULL, {0}, {0}, {0}, {0}, NULL, 0, 0, NULL};
    GonioSpatial s = {0};
    for (int d = 0; d < 2; d++) {
      row.kernel[d] = g_rand_int_range (random, 1, 5);
      row.strides[d] = g_rand_int_range (random, 1, 4);
      row.dilations[d] = g_rand_int_range (random, 1, 3);
    }
    row.auto_pad = modes[g_rand_int_range (random, 0, 4)];
    if (g_str_equal (row.auto_pad, "NOTSET")) {
      row.auto_pad = NULL;
      for (int d = 0; d < 4; d++)
        row.pads[d] = g_rand_int_range (random, 0, (gint32)row.kernel[d % 2]);
    }
    GonioValueId y = add_window (graph, &row);
    g_assert_true (gonio_op_spatial (graph, mk_producer_node (graph, y), &s, NULL));
    for (int d = 0; d < 2; d++) {
      int64_t span = (s.kernel[d] - 1) * s.dilations[d] + 1;
      int64_t rest =
          s.in[d] + s.pads_begin[d] + s.pads_end[d] - (s.out[d] - 1) * s.strides[d] - span;
      g_assert_cmpint (rest, >=, 0);
      g_assert_cmpint (rest, <, s.strides[d]);
      if (row.auto_pad && g_str_has_prefix (row.auto_pad, "SAME")) {
        g_assert_cmpint (s.out[d], ==, (s.in[d] + s.strides[d] - 1) / s.strides[d]);
        g_assert_cmpint (ABS (s.pads_end[d] - s.pads_begin[d]), <=, 1);
      }
    }
  }
}

/* ---- views and movement ---- */

static GonioValueId
reshape_to (GonioGraph *graph, const char *in, guint n, const int64_t *target)
{
  return mk_node (graph, GONIO_OP_RESHAPE, "y", mk_input (graph, "x", in),
                  mk_ints (graph, "target", n, target), END);
}

static void
test_reshape (void)
{
  static const struct {
    const char *in;
    guint n;
    int64_t target[4];
    const char *result; /* NULL: a contradiction */
  } rows[] = {
      {"2 3 4", 2, {6, -1}, "[6,4]"},  {"2 3 4", 2, {0, -1}, "[2,12]"},
      {"N 3 4", 2, {0, -1}, "[N,12]"}, {"N 3 4", 2, {-1, 12}, "[N,12]"},
      {"N 3 4", 2, {-1, 6}, "[?,6]"},  {"N M 4", 3, {0, 0, -1}, "[N,M,4]"},
      {"2 3 4", 1, {25}, NULL},        {"2 3 4", 2, {-1, -1}, NULL},
      {"2 3 4", 2, {5, -1}, NULL},     {"2 3 4", 4, {2, 3, 4, 0}, NULL},
      {"2 3 4", 2, {-2, 12}, NULL},    {"0 3", 2, {0, -1}, NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("reshape");
    GonioValueId y = reshape_to (graph, rows[i].in, rows[i].n, rows[i].target);
    if (!rows[i].result) {
      assert_contradiction (graph, "“y” (Reshape)");
      continue;
    }
    infer_all (graph);
    assert_shape (graph, y, rows[i].result);
  }
}

static void
test_views (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("views");
  GonioValueId x = mk_input (graph, "x", "N 1 3 1 5");
  GonioValueId squeezed =
      mk_node (graph, GONIO_OP_SQUEEZE, "s", x, MK_INTS (graph, "a", 1, -2), END);
  GonioValueId open = mk_node (graph, GONIO_OP_SQUEEZE, "o", x, END);
  GonioValueId unsqueezed =
      mk_node (graph, GONIO_OP_UNSQUEEZE, "u", squeezed, MK_INTS (graph, "b", 0, -1), END);
  GonioValueId flat = mk_node (graph, GONIO_OP_FLATTEN, "f", x, END);
  GonioValueId turned = mk_node (graph, GONIO_OP_TRANSPOSE, "t", x, END);

  infer_all (graph);
  assert_shape (graph, squeezed, "[N,3,5]");
  assert_shape (graph, open, "?"); /* N could be 1 */
  assert_shape (graph, unsqueezed, "[1,N,3,5,1]");
  assert_shape (graph, flat, "[N,15]");
  assert_shape (graph, turned, "[5,1,3,1,N]");
  mk_node (graph, GONIO_OP_SQUEEZE, "bad", x, MK_INTS (graph, "c", 2), END);
  assert_contradiction (graph, "3 elements, not 1");
}

/* What numpy does, by walking. */
static int64_t
naive_slice (int64_t size, int64_t start, int64_t end, int64_t step)
{
  int64_t count = 0;
  if (start < 0)
    start = MAX (start + size, step > 0 ? 0 : -1);
  if (end < 0)
    end = MAX (end + size, step > 0 ? 0 : -1);
  start = MIN (start, step > 0 ? size : size - 1);
  end = MIN (end, size);
  for (int64_t i = start; step > 0 ? i < end : i > end; i += step)
    count++;
  return count;
}

static void
test_slice_property (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (5);

  for (guint i = 0; i < 3000; i++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("slice");
    int64_t size = g_rand_int_range (random, 0, 9);
    int64_t start = g_rand_int_range (random, -11, 12), end = g_rand_int_range (random, -11, 12);
    int64_t step = g_rand_int_range (random, 1, 4) * (g_rand_boolean (random) ? 1 : -1);
    g_autofree char *in = g_strdup_printf ("3 %" G_GINT64_FORMAT, size);
    g_autofree char *expected =
        g_strdup_printf ("[3,%" G_GINT64_FORMAT "]", naive_slice (size, start, end, step));
    GonioValueId y = mk_node (graph, GONIO_OP_SLICE, "y", mk_input (graph, "x", in),
                              MK_INTS (graph, "s", start), MK_INTS (graph, "e", end),
                              MK_INTS (graph, "a", 1), MK_INTS (graph, "p", step), END);
    infer_all (graph);
    assert_shape (graph, y, expected);
  }
}

static void
test_concat_split (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("concat");
  GonioValueId a = mk_input (graph, "a", "N 2 5"), b = mk_input (graph, "b", "4 3 5");
  GonioValueId joined = mk_node (graph, GONIO_OP_CONCAT, "joined", a, b, END);
  GonioValueId parts[3] = {0};

  gonio_graph_set_attr_int (graph, mk_producer (graph, joined), "axis", -2);
  for (guint i = 0; i < 3; i++)
    parts[i] = gonio_graph_add_value (graph, "part", 0, NULL);
  GonioNodeId split = gonio_graph_add_node (graph, GONIO_OP_SPLIT, "split", &joined, 1, parts, 3);
  gonio_graph_set_attr_int (graph, split, "axis", 1);
  gonio_graph_set_attr_int (graph, split, "num_outputs", 3);
  infer_all (graph);
  assert_shape (graph, joined, "[4,5,5]");
  assert_shape (graph, parts[0], "[4,2,5]");
  assert_shape (graph, parts[2], "[4,1,5]");
  const GonioValueId inputs[2] = {joined, MK_INTS (graph, "lengths", 1, 1, 1)};
  gonio_graph_set_inputs (graph, split, inputs, 2);
  assert_contradiction (graph, "add up to 3");
}

/* ---- products, reductions ---- */

static void
test_products (void)
{
  static const struct {
    const char *equation, *a, *b, *result;
  } rows[] = {
      {NULL, "2 3", "3 4", "[2,4]"},
      {NULL, "3", "3 4", "[4]"},
      {NULL, "2 3", "3", "[2]"},
      {NULL, "3", "3", "[]"},
      {NULL, "N 1 2 3", "5 3 4", "[N,5,2,4]"},
      {"bij, bjk -> bik", "N 2 3", "N 3 4", "[N,2,4]"},
      {"ij,jk", "2 3", "3 4", "[2,4]"},
      {"...ij,...jk", "7 2 3", "3 4", "[7,2,4]"},
      {"i,i->", "3", "3", "[]"},
      {"ii,jk->i", "3 3", "2 2", "[3]"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("product");
    GonioValueId y =
        mk_node (graph, rows[i].equation ? GONIO_OP_EINSUM : GONIO_OP_MATMUL, "y",
                 mk_input (graph, "a", rows[i].a), mk_input (graph, "b", rows[i].b), END);
    if (rows[i].equation)
      gonio_graph_set_attr_string (graph, mk_producer (graph, y), "equation", rows[i].equation);
    infer_all (graph);
    assert_shape (graph, y, rows[i].result);
  }
  g_autoptr (GonioGraph) graph = gonio_graph_new ("product");
  mk_node (graph, GONIO_OP_MATMUL, "y", mk_input (graph, "a", "2 3"), mk_input (graph, "b", "4 5"),
           END);
  assert_contradiction (graph, "[2,3] and [4,5]");
}

static void
test_reduce (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("reduce");
  GonioValueId x = mk_input (graph, "x", "N 3 5");
  GonioValueId kept = mk_node (graph, GONIO_OP_REDUCE_MEAN, "k", x, MK_INTS (graph, "a", -1), END);
  GonioValueId gone = mk_node (graph, GONIO_OP_REDUCE_MAX, "g", x, MK_INTS (graph, "b", 0, 2), END);
  GonioValueId all = mk_node (graph, GONIO_OP_REDUCE_SUM, "all", x, END);
  GonioValueId none = mk_node (graph, GONIO_OP_REDUCE_SUM, "none", x, END);

  gonio_graph_set_attr_int (graph, mk_producer (graph, gone), "keepdims", 0);
  gonio_graph_set_attr_int (graph, mk_producer (graph, all), "keepdims", 0);
  gonio_graph_set_attr_int (graph, mk_producer (graph, none), "noop_with_empty_axes", 1);
  infer_all (graph);
  assert_shape (graph, kept, "[N,3,1]");
  assert_shape (graph, gone, "[3]");
  assert_shape (graph, all, "[]");
  assert_shape (graph, none, "[N,3,5]");
}

static void
test_resize (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("resize");
  const float factors[4] = {1, 1, 2, 1.5f};
  GonioValueId x = mk_input (graph, "x", "N 3 7 7");
  GonioValueId scaled =
      mk_node (graph, GONIO_OP_RESIZE, "a", x, OMITTED, mk_floats (graph, "f", "4", factors), END);
  GonioValueId sized =
      mk_node (graph, GONIO_OP_RESIZE, "b", x, OMITTED, OMITTED, MK_INTS (graph, "s", 9, 8), END);
  const int64_t axes[2] = {2, 3};

  gonio_graph_set_attr_ints (graph, mk_producer (graph, sized), "axes", axes, 2);
  infer_all (graph);
  assert_shape (graph, scaled, "[N,3,14,10]");
  assert_shape (graph, sized, "[N,3,9,8]");
  mk_node (graph, GONIO_OP_RESIZE, "neither", x, END);
  assert_contradiction (graph, "exactly one");
}

static void
test_max_roi_pool (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("regions");
  const int64_t pooled[3] = {7, 5, 1};
  GonioValueId y = mk_node (graph, GONIO_OP_MAX_ROI_POOL, "y", mk_input (graph, "x", "N 3 9 9"),
                            mk_input (graph, "rois", "R 5"), END);

  gonio_graph_set_attr_ints (graph, mk_producer (graph, y), "pooled_shape", pooled, 2);
  infer_all (graph);
  assert_shape (graph, y, "[R,3,7,5]");
  gonio_graph_set_attr_ints (graph, mk_producer (graph, y), "pooled_shape", pooled, 3);
  assert_contradiction (graph, "pooled_shape");
}

/* ---- integer values ---- */

/* Shape -> Gather -> Unsqueeze -> Concat -> Reshape: N stays a symbol all the way. */
static void
test_shape_arithmetic (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("arithmetic");
  GonioValueId x = mk_input (graph, "x", "N 3 4 5");
  GonioValueId shape = mk_node (graph, GONIO_OP_SHAPE, "shape", x, END);
  GonioValueId zero = mk_node (graph, GONIO_OP_SQUEEZE, "zero", MK_INTS (graph, "z", 0), END);
  GonioValueId batch = mk_node (graph, GONIO_OP_GATHER, "batch", shape, zero, END);
  GonioValueId axes = MK_INTS (graph, "axes", 0);
  GonioValueId row = mk_node (graph, GONIO_OP_UNSQUEEZE, "row", batch, axes, END);
  GonioValueId tail = mk_node (graph, GONIO_OP_SLICE, "tail", shape, MK_INTS (graph, "from", 2),
                               MK_INTS (graph, "to", INT64_MAX), END);
  GonioValueId doubled =
      mk_node (graph, GONIO_OP_MUL, "doubled", tail, MK_INTS (graph, "two", 2), END);
  GonioValueId halved =
      mk_node (graph, GONIO_OP_DIV, "halved", doubled, MK_INTS (graph, "h", 2), END);
  GonioValueId rest = mk_node (graph, GONIO_OP_REDUCE_PROD, "rest", halved, END);
  GonioValueId target =
      mk_node (graph, GONIO_OP_CONCAT, "target", row, MK_INTS (graph, "open", -1), rest, END);
  GonioValueId y = mk_node (graph, GONIO_OP_RESHAPE, "y", x, target, END);

  gonio_graph_set_attr_int (graph, mk_producer (graph, target), "axis", 0);
  infer_all (graph);
  assert_shape (graph, row, "[1]");
  assert_shape (graph, target, "[3]");
  assert_shape (graph, y, "[N,3,20]");

  /* With N known, so is everything. */
  GonioSymShape known = mk_sym ("7 3 4 5");
  gonio_graph_set_shape (graph, x, &known);
  infer_all (graph);
  assert_shape (graph, y, "[7,3,20]");
}

/* The exporters' way to keep -1 out of an Expand: Where (Equal (shape, -1), ones, shape). */
static void
test_where_minus_one (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("where");
  GonioValueId x = mk_input (graph, "x", "N 3");
  GonioValueId wanted = mk_node (graph, GONIO_OP_CONCAT, "wanted", MK_INTS (graph, "open", -1),
                                 mk_node (graph, GONIO_OP_SHAPE, "shape", x, END), END);
  GonioValueId is_open =
      mk_node (graph, GONIO_OP_EQUAL, "is_open", wanted, MK_INTS (graph, "minus", -1), END);
  GonioValueId target = mk_node (graph, GONIO_OP_WHERE, "target", is_open,
                                 MK_INTS (graph, "ones", 1, 1, 1), wanted, END);
  GonioValueId y = mk_node (graph, GONIO_OP_EXPAND, "y", x, target, END);

  gonio_graph_set_attr_int (graph, mk_producer (graph, wanted), "axis", 0);
  infer_all (graph);
  assert_shape (graph, y, "[1,N,3]");
}

static void
test_range_and_fill (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("range");
  GonioValueId at[3] = {0};
  const int64_t numbers[3] = {10, 2, -3};
  const char *const names[3] = {"start", "limit", "delta"};

  for (guint i = 0; i < 3; i++)
    at[i] = mk_node (graph, GONIO_OP_SQUEEZE, names[i], mk_ints (graph, "n", 1, &numbers[i]), END);
  GonioValueId range = mk_node (graph, GONIO_OP_RANGE, "range", at[0], at[1], at[2], END);
  GonioValueId same =
      mk_node (graph, GONIO_OP_CONSTANT_OF_SHAPE, "fill", MK_INTS (graph, "dims", 2, 3), END);
  infer_all (graph);
  assert_shape (graph, range, "[3]");
  g_assert_cmpint (gonio_graph_value (graph, range)->partial[2].value, ==, 4);
  assert_shape (graph, same, "[2,3]");
  g_assert_cmpint (gonio_graph_value (graph, same)->dtype, ==, GONIO_DTYPE_FLOAT);
}

/* Facts only grow: what is known from outside stays, and must agree. */
static void
test_refinement (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("refine");
  GonioValueId x = mk_input (graph, "x", "N ?");
  GonioValueId y = mk_node (graph, GONIO_OP_RELU, "y", x, END);
  GonioSymShape better = mk_sym ("? 6"), worse = mk_sym ("3 7");

  gonio_graph_set_shape (graph, y, &better);
  infer_all (graph);
  assert_shape (graph, y, "[N,6]");
  gonio_graph_set_shape (graph, x, &worse);
  assert_contradiction (graph, "[3,7]");
}

/* Numbers at the edge of their type must not overflow on the way. */
static void
test_extreme_numbers (void)
{
  static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
  static const GonioOpId ops[] = {GONIO_OP_ADD, GONIO_OP_SUB, GONIO_OP_MUL, GONIO_OP_DIV,
                                  GONIO_OP_MOD, GONIO_OP_MIN, GONIO_OP_MAX, GONIO_OP_EQUAL};
  for (guint o = 0; o < G_N_ELEMENTS (ops); o++) {
    for (guint i = 0; i < 49; i++) {
      g_autoptr (GonioGraph) graph = gonio_graph_new ("edges");
      GonioValueId a = MK_INTS (graph, "a", edges[i % 7]), b = MK_INTS (graph, "b", edges[i / 7]);
      GonioValueId y = mk_node (graph, ops[o], "y", a, b, END);
      GonioValueId x = mk_input (graph, "x", "4 4");
      mk_node (graph, GONIO_OP_RESHAPE, "reshape", x, y, END);
      mk_node (graph, GONIO_OP_SLICE, "slice", x, a, b, MK_INTS (graph, "axis", 0), b, END);
      mk_node (graph, GONIO_OP_TILE, "tile", x, mk_node (graph, GONIO_OP_CONCAT, "c", a, b, END),
               END);
      mk_node (graph, GONIO_OP_EXPAND, "expand", x, a, END);
      mk_node (graph, GONIO_OP_TOP_K, "top", x, a, END);
      for (GonioNodeId id = 0; id < gonio_graph_n_nodes (graph); id++) {
        g_autoptr (GError) error = NULL;
        gonio_infer_node (graph, id, &error); /* refused or not: no overflow */
      }
    }
  }
}

/* ---- against ONNX's own tests ---- */

static guint
compare_outputs (const char *dir, guint *n_open)
{
  g_autofree char *model = g_build_filename (dir, "model.onnx", NULL);
  g_autoptr (GonioGraph) graph = gonio_onnx_load_file (model, NULL, NULL);
  g_autoptr (GError) error = NULL;
  guint n = 0, compared = 0;

  if (!graph)
    return 0;
  if (!gonio_infer_graph (graph, &error))
    g_error ("%s: %s", dir, error->message);
  const GonioValueId *outputs = gonio_graph_outputs (graph, &n);
  for (guint i = 0; i < n; i++) {
    const GonioValue *value = gonio_graph_value (graph, outputs[i]);
    g_autofree char *path = g_strdup_printf ("%s/test_data_set_0/output_%u.pb", dir, i);
    g_autoptr (GonioTensor) tensor =
        value->kind == GONIO_KIND_TENSOR ? gonio_onnx_load_tensor_pb (path, NULL) : NULL;
    if (!tensor)
      continue;
    const GonioShape *shape = gonio_tensor_shape (tensor);
    compared++;
    if (value->dtype != gonio_tensor_dtype (tensor))
      g_error ("%s: output %u is %s, not %s", dir, i, gonio_dtype_name (value->dtype),
               gonio_dtype_name (gonio_tensor_dtype (tensor)));
    *n_open += !gonio_sym_shape_known (&value->shape, NULL);
    for (int d = 0; value->shape.has_rank && d < value->shape.rank; d++) {
      if (value->shape.rank != shape->rank ||
          (value->shape.dims[d].value >= 0 && value->shape.dims[d].value != shape->dims[d])) {
        g_autofree char *found = gonio_sym_shape_to_string (&value->shape);
        g_autofree char *right = gonio_shape_to_string (shape);
        g_error ("%s: output %u is %s, not %s", dir, i, found, right);
      }
    }
  }
  return compared;
}

static void
test_conformance (void)
{
  const char *data = g_getenv ("GONIO_TEST_DATA");
  guint compared = 0, n_open = 0;

  if (!data) {
    g_test_skip ("GONIO_TEST_DATA is not set");
    return;
  }
  for (guint k = 0; k < 3; k++) {
    static const char *const kinds[3] = {"node", "simple", "pytorch-operator"};
    g_autofree char *folder = g_build_filename (data, "onnx-backend-tests", kinds[k], NULL);
    g_autoptr (GDir) listing = g_dir_open (folder, 0, NULL);
    for (const char *name = listing ? g_dir_read_name (listing) : NULL; name;
         name = g_dir_read_name (listing)) {
      g_autofree char *dir = g_build_filename (folder, name, NULL);
      compared += compare_outputs (dir, &n_open);
    }
  }
  g_test_message ("%u outputs compared, %u of them not fully known", compared, n_open);
  g_assert_cmpuint (compared, >, 1500);
  g_assert_cmpuint (n_open * 5, <, compared);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/infer/definitions", test_definitions);
  g_test_add_func ("/infer/nothing-known", test_nothing_known);
  g_test_add_func ("/infer/broadcast", test_broadcast);
  g_test_add_func ("/infer/types", test_types);
  g_test_add_func ("/infer/windows", test_windows);
  g_test_add_func ("/infer/window-errors", test_window_errors);
  g_test_add_func ("/infer/conv-summand", test_conv_summand);
  g_test_add_func ("/infer/spatial-property", test_spatial_property);
  g_test_add_func ("/infer/reshape", test_reshape);
  g_test_add_func ("/infer/views", test_views);
  g_test_add_func ("/infer/slice-property", test_slice_property);
  g_test_add_func ("/infer/concat-split", test_concat_split);
  g_test_add_func ("/infer/products", test_products);
  g_test_add_func ("/infer/reduce", test_reduce);
  g_test_add_func ("/infer/resize", test_resize);
  g_test_add_func ("/infer/max-roi-pool", test_max_roi_pool);
  g_test_add_func ("/infer/shape-arithmetic", test_shape_arithmetic);
  g_test_add_func ("/infer/where-minus-one", test_where_minus_one);
  g_test_add_func ("/infer/range-and-fill", test_range_and_fill);
  g_test_add_func ("/infer/refinement", test_refinement);
  g_test_add_func ("/infer/extreme-numbers", test_extreme_numbers);
  g_test_add_func ("/infer/conformance", test_conformance);
  return g_test_run ();
}
