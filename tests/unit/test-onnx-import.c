/* core/onnx/import: every old form becomes the newest one. Models are written by hand in the
 * old form; the graph must hold the canonical one and infer the right shape. */
#include "core/base/error.h"
#include "core/graph/activation.h"
#include "core/onnx/load.h"
#include "tests/support/graph-maker.h"
#include "tests/support/onnx-writer.h"

#include <math.h>
#include <string.h>

/* One node "node" of operator op from inputs to "y", with attributes and initializers to come. */
typedef struct {
  GByteArray *graph, *node;
  int opset;
} Case;

static Case
begin (int opset, const char *op, const char *inputs, const char *x_shape)
{
  Case c = {onnx_graph ("g"), onnx_node (op, inputs, "y"), opset};
  onnx_node_name (c.node, "node");
  onnx_graph_input (c.graph, "x", ONNX_FLOAT, x_shape);
  onnx_graph_output (c.graph, "y");
  return c;
}

static GonioGraph *
finish_with (Case *c, GError **error)
{
  onnx_graph_node (c->graph, c->node);
  GByteArray *model = onnx_model (c->graph, c->opset);
  onnx_model_opset (model, "com.microsoft", 1);
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (model);
  g_autoptr (GonioGraph) graph = gonio_onnx_load_bytes (bytes, NULL, NULL, error);
  return graph && gonio_infer_graph (graph, error) ? g_steal_pointer (&graph) : NULL;
}

static GonioGraph *
finish (Case *c)
{
  g_autoptr (GError) error = NULL;
  GonioGraph *graph = finish_with (c, &error);
  g_assert_no_error (error);
  return graph;
}

static void
assert_y (const GonioGraph *graph, const char *shape)
{
  assert_shape (graph, gonio_graph_find_value (graph, "y"), shape);
}

/* The node that makes y. */
static const GonioNode *
maker (const GonioGraph *graph)
{
  return mk_producer_node (graph, gonio_graph_find_value (graph, "y"));
}

static const GonioTensor *
constant_input (const GonioGraph *graph, const GonioNode *made, guint i)
{
  g_assert_cmpuint (i, <, made->n_inputs);
  return gonio_graph_value (graph, made->inputs[i])->constant;
}

static void
assert_ints (const GonioTensor *tensor, guint n, const int64_t *values)
{
  g_assert_nonnull (tensor);
  g_assert_cmpint (gonio_tensor_count (tensor), ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (gonio_tensor_get_int (tensor, i), ==, values[i]);
}
#define ASSERT_INTS(tensor, ...)                                                                   \
  assert_ints (tensor, G_N_ELEMENTS (((const int64_t[]){__VA_ARGS__})),                            \
               (const int64_t[]){__VA_ARGS__})

static GByteArray *
ints_attr (const char *name, guint n, ...)
{
  g_autofree gint64 *values = g_new0 (gint64, n);
  va_list args;
  va_start (args, n);
  for (guint i = 0; i < n; i++)
    values[i] = va_arg (args, int);
  va_end (args);
  return onnx_attr_ints (name, n, values);
}

/* ---- axes that were attributes ---- */

static void
test_axes (void)
{
  static const struct {
    const char *op, *x, *y;
    int opset;
  } rows[] = {
      {"Squeeze", "2 1 3", "[2,3]", 11},      {"Unsqueeze", "2 3", "[2,1,3]", 12},
      {"ReduceMean", "2 4 3", "[2,1,3]", 13}, {"ReduceSum", "2 4 3", "[2,1,3]", 11},
      {"ReduceMax", "2 4 3", "[2,1,3]", 17},  {"ReduceL2", "2 4 3", "[2,1,3]", 1},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Case c = begin (rows[i].opset, rows[i].op, "x", rows[i].x);
    onnx_node_attr (c.node, ints_attr ("axes", 1, 1));
    g_autoptr (GonioGraph) graph = finish (&c);
    g_assert_null (gonio_node_attr (maker (graph), "axes"));
    ASSERT_INTS (constant_input (graph, maker (graph), 1), 1);
    assert_y (graph, rows[i].y);
  }
}

static void
test_slice_pad_split (void)
{
  Case slice = begin (9, "Slice", "x", "5 6");
  onnx_node_attr (slice.node, ints_attr ("starts", 1, 1));
  onnx_node_attr (slice.node, ints_attr ("ends", 1, -1));
  onnx_node_attr (slice.node, ints_attr ("axes", 1, 1));
  g_autoptr (GonioGraph) sliced = finish (&slice);
  assert_y (sliced, "[5,4]");

  Case pad = begin (2, "Pad", "x", "5 6");
  onnx_node_attr (pad.node, ints_attr ("pads", 4, 0, 1, 0, 2));
  onnx_node_attr (pad.node, onnx_attr_float ("value", 7));
  g_autoptr (GonioGraph) padded = finish (&pad);
  assert_y (padded, "[5,9]");
  g_assert_cmpfloat (gonio_tensor_get_double (constant_input (padded, maker (padded), 2), 0), ==,
                     7);

  Case oldest = begin (1, "Pad", "x", "5 6");
  onnx_node_attr (oldest.node, ints_attr ("paddings", 4, 1, 1, 1, 1));
  g_autoptr (GonioGraph) padded_1 = finish (&oldest);
  assert_y (padded_1, "[7,8]");

  Case split = begin (11, "Split", "x", "5 6");
  pb_text (split.node, 2, "rest");
  onnx_node_attr (split.node, onnx_attr_int ("axis", 1));
  onnx_node_attr (split.node, ints_attr ("split", 2, 2, 4));
  g_autoptr (GonioGraph) parts = finish (&split);
  assert_y (parts, "[5,2]");
  assert_shape (parts, gonio_graph_find_value (parts, "rest"), "[5,4]");

  Case even = begin (13, "Split", "x", "6 6");
  pb_text (even.node, 2, "rest");
  g_autoptr (GonioGraph) halves = finish (&even);
  assert_y (halves, "[3,6]");
  g_assert_cmpint (gonio_node_attr_int (maker (halves), "num_outputs", 0), ==, 2);
}

static void
test_scalars_to_inputs (void)
{
  Case clip = begin (6, "Clip", "x", "4");
  onnx_node_attr (clip.node, onnx_attr_float ("max", 6));
  g_autoptr (GonioGraph) clipped = finish (&clip);
  const GonioNode *made = maker (clipped);
  g_assert_cmpuint (made->n_inputs, ==, 3);
  g_assert_cmpuint (made->inputs[1], ==, GONIO_VALUE_NONE);
  g_assert_cmpfloat (gonio_tensor_get_double (constant_input (clipped, made, 2), 0), ==, 6);
  g_assert_cmpuint (made->n_attrs, ==, 0);

  Case top = begin (9, "TopK", "x", "3 8");
  pb_text (top.node, 2, "at");
  onnx_node_attr (top.node, onnx_attr_int ("k", 5));
  g_autoptr (GonioGraph) topped = finish (&top);
  assert_y (topped, "[3,5]");

  Case reshape = begin (1, "Reshape", "x", "3 8");
  onnx_node_attr (reshape.node, ints_attr ("shape", 2, 4, -1));
  onnx_node_attr (reshape.node, ints_attr ("consumed_inputs", 1, 0));
  g_autoptr (GonioGraph) reshaped = finish (&reshape);
  assert_y (reshaped, "[4,6]");

  Case cast = begin (1, "Cast", "x", "3");
  onnx_node_attr (cast.node, onnx_attr_text ("to", "INT64"));
  g_autoptr (GonioGraph) converted = finish (&cast);
  g_assert_cmpint (gonio_node_attr_int (maker (converted), "to", 0), ==, GONIO_DTYPE_INT64);
}

/* ---- broadcasting of opset 6 and before ---- */

static void
test_old_broadcast (void)
{
  const float numbers[4] = {1, 2, 3, 4};
  Case add = begin (6, "Add", "x b", "2 4 5");
  onnx_graph_init (add.graph, onnx_tensor_floats ("b", 4, numbers));
  onnx_node_attr (add.node, onnx_attr_int ("broadcast", 1));
  onnx_node_attr (add.node, onnx_attr_int ("axis", 1));
  g_autoptr (GonioGraph) sum = finish (&add);
  assert_y (sum, "[2,4,5]");
  g_assert_cmpuint (count_op (sum, GONIO_OP_UNSQUEEZE), ==, 1);
  assert_shape (sum, maker (sum)->inputs[1], "[4,1]");

  Case suffix = begin (6, "Mul", "x b", "2 5 4");
  onnx_graph_init (suffix.graph, onnx_tensor_floats ("b", 4, numbers));
  onnx_node_attr (suffix.node, onnx_attr_int ("broadcast", 1));
  g_autoptr (GonioGraph) product = finish (&suffix);
  assert_y (product, "[2,5,4]");
  g_assert_cmpuint (count_op (product, GONIO_OP_UNSQUEEZE), ==, 0);

  Case slope = begin (6, "PRelu", "x s", "2 4 5 5");
  onnx_graph_init (slope.graph, onnx_tensor_floats ("s", 4, numbers));
  g_autoptr (GonioGraph) prelu = finish (&slope);
  assert_shape (prelu, maker (prelu)->inputs[1], "[4,1,1]");
  assert_y (prelu, "[2,4,5,5]");

  Case unknown = begin (6, "Add", "x b", NULL);
  g_autoptr (GError) error = NULL;
  onnx_graph_init (unknown.graph, onnx_tensor_floats ("b", 4, numbers));
  onnx_node_attr (unknown.node, onnx_attr_int ("broadcast", 1));
  onnx_node_attr (unknown.node, onnx_attr_int ("axis", 1));
  g_assert_null (finish_with (&unknown, &error));
  g_assert_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED);
}

/* ---- softmax as a matrix ---- */

static void
test_old_softmax (void)
{
  Case middle = begin (11, "Softmax", "x", "2 3 4");
  g_autoptr (GonioGraph) coerced = finish (&middle);
  assert_y (coerced, "[2,3,4]");
  g_assert_cmpuint (count_op (coerced, GONIO_OP_FLATTEN), ==, 1);
  g_assert_cmpuint (maker (coerced)->op, ==, GONIO_OP_RESHAPE);

  Case last = begin (11, "LogSoftmax", "x", "2 3");
  g_autoptr (GonioGraph) plain = finish (&last);
  g_assert_cmpuint (maker (plain)->op, ==, GONIO_OP_LOG_SOFTMAX);
  g_assert_cmpint (gonio_node_attr_int (maker (plain), "axis", 0), ==, -1);

  Case newer = begin (13, "Softmax", "x", "2 3 4");
  onnx_node_attr (newer.node, onnx_attr_int ("axis", 1));
  g_autoptr (GonioGraph) modern = finish (&newer);
  g_assert_cmpuint (maker (modern)->op, ==, GONIO_OP_SOFTMAX);
  g_assert_cmpint (gonio_node_attr_int (maker (modern), "axis", 0), ==, 1);
}

/* ---- normalisations ---- */

static Case
batch_norm (int opset)
{
  const float numbers[3] = {1, 1, 1};
  Case c = begin (opset, "BatchNormalization", "x s b m v", "2 3 4 4");
  for (guint i = 0; i < 4; i++)
    onnx_graph_init (c.graph,
                     onnx_tensor_floats ((const char *[]){"s", "b", "m", "v"}[i], 3, numbers));
  return c;
}

static void
test_batch_norm (void)
{
  Case old = batch_norm (6), training = batch_norm (6), spatial = batch_norm (7);
  Case outputs = batch_norm (9);
  g_autoptr (GError) in_training = NULL, per_element = NULL, more = NULL;

  onnx_node_attr (old.node, onnx_attr_int ("is_test", 1));
  onnx_node_attr (old.node, ints_attr ("consumed_inputs", 5, 0, 0, 0, 1, 1));
  g_autoptr (GonioGraph) graph = finish (&old);
  assert_y (graph, "[2,3,4,4]");
  g_assert_cmpuint (maker (graph)->n_attrs, ==, 0);
  g_assert_null (finish_with (&training, &in_training));
  g_assert_error (in_training, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED);
  onnx_node_attr (spatial.node, onnx_attr_int ("spatial", 0));
  g_assert_null (finish_with (&spatial, &per_element));
  g_assert_error (per_element, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED);
  pb_text (outputs.node, 2, "mean");
  g_assert_null (finish_with (&outputs, &more));
  g_assert_error (more, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED);
}

static void
test_group_norm (void)
{
  const float numbers[2] = {3, 5};
  Case c = begin (18, "GroupNormalization", "x s b", "1 6 2 2");
  onnx_graph_init (c.graph, onnx_tensor_floats ("s", 2, numbers));
  onnx_graph_init (c.graph, onnx_tensor_floats ("b", 2, numbers));
  onnx_node_attr (c.node, onnx_attr_int ("num_groups", 2));
  g_autoptr (GonioGraph) graph = finish (&c);
  assert_y (graph, "[1,6,2,2]");
  assert_shape (graph, maker (graph)->inputs[1], "[6]");
}

/* ---- images ---- */

static void
test_upsample (void)
{
  const float factors[4] = {1, 1, 2, 3};
  Case seven = begin (7, "Upsample", "x", "1 2 4 5"),
       nine = begin (9, "Upsample", "x f", "1 2 4 5");
  Case one = begin (1, "Upsample", "x", "1 2 4 5"), ten = begin (10, "Resize", "x f", "1 2 4 5");

  onnx_node_attr (seven.node, onnx_attr_floats ("scales", 4, factors));
  onnx_node_attr (seven.node, onnx_attr_text ("mode", "linear"));
  onnx_graph_init (nine.graph, onnx_tensor_floats ("f", 4, factors));
  onnx_graph_init (ten.graph, onnx_tensor_floats ("f", 4, factors));
  onnx_node_attr (one.node, onnx_attr_float ("height_scale", 2));
  onnx_node_attr (one.node, onnx_attr_float ("width_scale", 3));
  onnx_node_attr (one.node, onnx_attr_text ("mode", "bilinear"));
  Case *all[] = {&seven, &nine, &one, &ten};
  for (guint i = 0; i < 4; i++) {
    g_autoptr (GonioGraph) graph = finish (all[i]);
    const GonioNode *made = maker (graph);
    assert_y (graph, "[1,2,8,15]");
    g_assert_cmpuint (made->op, ==, GONIO_OP_RESIZE);
    g_assert_cmpuint (made->n_inputs, ==, 3);
    g_assert_cmpstr (gonio_node_attr_string (made, "coordinate_transformation_mode", ""), ==,
                     "asymmetric");
    g_assert_cmpstr (gonio_node_attr_string (made, "nearest_mode", ""), ==, "floor");
    g_assert_cmpstr (gonio_node_attr_string (made, "mode", ""), ==,
                     i == 0 || i == 2 ? "linear" : "nearest");
  }
}

/* Opset 11 writes omitted inputs as empty tensors. */
static void
test_resize_11 (void)
{
  const gint64 sizes[4] = {1, 2, 7, 9};
  Case c = begin (11, "Resize", "x roi f s", "1 2 4 5");
  onnx_graph_init (c.graph, onnx_tensor_floats ("roi", 0, NULL));
  onnx_graph_init (c.graph, onnx_tensor_floats ("f", 0, NULL));
  onnx_graph_init (c.graph, onnx_tensor_ints ("s", 4, sizes));
  g_autoptr (GonioGraph) graph = finish (&c);
  assert_y (graph, "[1,2,7,9]");
  g_assert_cmpuint (maker (graph)->inputs[1], ==, GONIO_VALUE_NONE);
  g_assert_cmpuint (maker (graph)->inputs[2], ==, GONIO_VALUE_NONE);
}

/* ---- constants and dropout ---- */

static void
test_constants (void)
{
  const float numbers[2] = {1.5f, 2};
  GByteArray *attrs[] = {onnx_attr_int ("value_int", 7),
                         ints_attr ("value_ints", 2, 3, 4),
                         onnx_attr_float ("value_float", 0.5f),
                         onnx_attr_floats ("value_floats", 2, numbers),
                         onnx_attr_text ("value_string", "text"),
                         onnx_attr_tensor ("value", onnx_tensor_floats (NULL, 2, numbers))};
  static const char *const shapes[] = {"[]", "[2]", "[]", "[2]", "[]", "[2]"};
  static const GonioDType types[] = {GONIO_DTYPE_INT64, GONIO_DTYPE_INT64,  GONIO_DTYPE_FLOAT,
                                     GONIO_DTYPE_FLOAT, GONIO_DTYPE_STRING, GONIO_DTYPE_FLOAT};
  for (guint i = 0; i < G_N_ELEMENTS (attrs); i++) {
    Case c = begin (13, "Constant", "", "1");
    onnx_node_attr (c.node, attrs[i]);
    g_autoptr (GonioGraph) graph = finish (&c);
    const GonioValue *y = gonio_graph_value (graph, gonio_graph_find_value (graph, "y"));
    g_assert_nonnull (y->constant);
    g_assert_cmpint (y->dtype, ==, types[i]);
    assert_y (graph, shapes[i]);
  }
}

static void
test_dropout (void)
{
  Case old = begin (7, "Dropout", "x", "2 3"), masked = begin (13, "Dropout", "x", "2 3");
  Case training = begin (13, "Dropout", "x - t", "2 3");
  const guint8 yes = 1;

  onnx_node_attr (old.node, onnx_attr_float ("ratio", 0.3f));
  g_autoptr (GonioGraph) graph = finish (&old);
  g_assert_cmpuint (maker (graph)->op, ==, GONIO_OP_IDENTITY);
  g_assert_cmpuint (maker (graph)->n_attrs, ==, 0);
  pb_text (masked.node, 2, "mask");
  g_autoptr (GonioGraph) with_mask = finish (&masked);
  GonioValueId mask = gonio_graph_find_value (with_mask, "mask");
  assert_shape (with_mask, mask, "[2,3]");
  g_assert_cmpint (gonio_graph_value (with_mask, mask)->dtype, ==, GONIO_DTYPE_BOOL);
  onnx_graph_init (training.graph, onnx_tensor ("t", ONNX_BOOL, &yes, 1, -1));
  g_autoptr (GonioGraph) trains = finish (&training);
  g_assert_cmpuint (maker (trains)->op, ==, GONIO_OP_DROPOUT);
  assert_y (trains, "[2,3]");
}

/* ---- windows ---- */

static void
test_auto_pad (void)
{
  static const struct {
    const char *mode;
    gboolean stays;
    const char *y;
  } rows[] = {{"VALID", FALSE, "[1,2,3,3]"},
              {"NOTSET", FALSE, "[1,2,3,3]"},
              {"SAME_UPPER", TRUE, "[1,2,5,5]"}};
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Case c = begin (11, "MaxPool", "x", "1 2 5 5");
    onnx_node_attr (c.node, ints_attr ("kernel_shape", 2, 3, 3));
    onnx_node_attr (c.node, onnx_attr_text ("auto_pad", rows[i].mode));
    g_autoptr (GonioGraph) graph = finish (&c);
    g_assert_true ((gonio_node_attr (maker (graph), "auto_pad") != NULL) == rows[i].stays);
    assert_y (graph, rows[i].y);
  }
}

static void
test_lp_pool_1 (void)
{
  Case whole = begin (1, "LpPool", "x", "1 2 5 5"), broken = begin (1, "LpPool", "x", "1 2 5 5");
  g_autoptr (GError) error = NULL;

  onnx_node_attr (whole.node, ints_attr ("kernel_shape", 2, 2, 2));
  onnx_node_attr (whole.node, onnx_attr_float ("p", 3));
  g_autoptr (GonioGraph) graph = finish (&whole);
  g_assert_cmpint (gonio_node_attr_int (maker (graph), "p", 0), ==, 3);
  onnx_node_attr (broken.node, ints_attr ("kernel_shape", 2, 2, 2));
  onnx_node_attr (broken.node, onnx_attr_float ("p", 2.5f));
  g_assert_null (finish_with (&broken, &error));
  g_assert_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED);
}

/* The canonical convolution may have a fourth input, ONNX's has none. */
static void
test_conv_inputs (void)
{
  g_autoptr (GError) error = NULL;
  const float numbers[12] = {0};
  Case c = begin (17, "Conv", "x w - z", "1 3 4 4");
  onnx_graph_input (c.graph, "z", ONNX_FLOAT, "1 4 4 4");
  onnx_graph_init (c.graph, onnx_tensor ("w", ONNX_FLOAT, numbers, 48, 4, 3, 1, 1, -1));
  g_assert_null (finish_with (&c, &error));
  g_assert_nonnull (strstr (error->message, "4 inputs"));
}

/* ---- com.microsoft ---- */

static void
test_fused_conv (void)
{
  const float numbers[12] = {0};
  Case c = begin (17, "FusedConv", "x w - z", "1 3 4 4");
  onnx_node_domain (c.node, "com.microsoft");
  onnx_graph_input (c.graph, "z", ONNX_FLOAT, "1 4 4 4");
  onnx_graph_init (c.graph, onnx_tensor ("w", ONNX_FLOAT, numbers, 48, 4, 3, 1, 1, -1));
  onnx_node_attr (c.node, onnx_attr_text ("activation", "Relu"));
  g_autoptr (GonioGraph) graph = finish (&c);
  GonioActivation activation = gonio_node_activation (maker (graph));
  g_assert_cmpuint (maker (graph)->op, ==, GONIO_OP_ADD);
  g_assert_cmpint (activation.kind, ==, GONIO_ACT_CLIP);
  g_assert_cmpfloat (activation.params[0], ==, 0);
  g_assert_true (isinf (activation.params[1]));
  g_assert_cmpuint (count_op (graph, GONIO_OP_CONV), ==, 1);
  assert_y (graph, "[1,4,4,4]");
}

static void
test_fused_matmul (void)
{
  const float numbers[10] = {0};
  Case c = begin (17, "FusedMatMul", "x w", "3 2");
  onnx_node_domain (c.node, "com.microsoft");
  onnx_graph_init (c.graph, onnx_tensor ("w", ONNX_FLOAT, numbers, 40, 5, 2, -1));
  onnx_node_attr (c.node, onnx_attr_float ("alpha", 0.5f));
  onnx_node_attr (c.node, onnx_attr_int ("transB", 1));
  g_autoptr (GonioGraph) graph = finish (&c);
  assert_y (graph, "[3,5]");
  g_assert_cmpuint (maker (graph)->op, ==, GONIO_OP_MUL);
  g_assert_cmpuint (count_op (graph, GONIO_OP_TRANSPOSE), ==, 1);
}

static void
test_gelus (void)
{
  static const char *const names[] = {"Gelu", "FastGelu", "BiasGelu", "QuickGelu"};
  const float numbers[4] = {0};

  for (guint i = 0; i < 4; i++) {
    gboolean biased = i == 1 || i == 2;
    Case c = begin (17, names[i], biased ? "x b" : "x", "3 4");
    onnx_node_domain (c.node, "com.microsoft");
    if (biased)
      onnx_graph_init (c.graph, onnx_tensor_floats ("b", 4, numbers));
    g_autoptr (GonioGraph) graph = finish (&c);
    assert_y (graph, "[3,4]");
    g_assert_cmpuint (maker (graph)->op, ==, i == 3 ? GONIO_OP_SWISH : GONIO_OP_GELU);
    g_assert_cmpuint (count_op (graph, GONIO_OP_ADD), ==, biased);
    g_assert_cmpstr (gonio_node_attr_string (maker (graph), "approximate", "none"), ==,
                     i == 1 ? "tanh" : "none");
  }
}

/* ---- operators put together from others ---- */

static void
test_causal_conv (void)
{
  const float numbers[12] = {0};
  Case fresh = begin (27, "CausalConvWithState", "x w", "2 3 8");
  Case going = begin (27, "CausalConvWithState", "x w - s", "2 3 8");
  Case *both[] = {&fresh, &going};

  for (guint i = 0; i < 2; i++) {
    pb_text (both[i]->node, 2, "present");
    onnx_graph_init (both[i]->graph, onnx_tensor ("w", ONNX_FLOAT, numbers, 48, 3, 1, 4, -1));
    if (i)
      onnx_graph_input (going.graph, "s", ONNX_FLOAT, "2 3 3");
    onnx_node_attr (both[i]->node, onnx_attr_text ("activation", "silu"));
    g_autoptr (GonioGraph) graph = finish (both[i]);
    assert_y (graph, "[2,3,8]");
    assert_shape (graph, gonio_graph_find_value (graph, "present"), "[2,3,3]");
    g_assert_cmpuint (maker (graph)->op, ==, GONIO_OP_SWISH);
    g_assert_cmpuint (count_op (graph, i ? GONIO_OP_CONCAT : GONIO_OP_PAD), ==, 1);
  }
}

static void
test_swiglu (void)
{
  Case c = begin (28, "SwiGLU", "x x", "2 3");
  onnx_node_attr (c.node, onnx_attr_float ("alpha", 0.5f));
  g_autoptr (GonioGraph) graph = finish (&c);
  assert_y (graph, "[2,3]");
  g_assert_cmpuint (maker (graph)->op, ==, GONIO_OP_MUL);
  const GonioNode *gate = mk_producer_node (graph, maker (graph)->inputs[0]);
  g_assert_cmpfloat (gonio_node_attr_float (gate, "alpha", 1), ==, 0.5f);
}

/* ---- strictness ---- */

static void
test_unknown_attribute (void)
{
  Case c = begin (17, "Relu", "x", "3");
  g_autoptr (GError) error = NULL;

  onnx_node_attr (c.node, onnx_attr_int ("shiny", 1));
  g_assert_null (finish_with (&c, &error));
  g_assert_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_MALFORMED);
  g_assert_nonnull (strstr (error->message, "shiny"));
  g_assert_nonnull (strstr (error->message, "“node” (Relu)"));
}

static void
test_too_new (void)
{
  static const struct {
    const char *op;
    int opset;
  } rows[] = {{"Gelu", 19}, {"Erf", 8}, {"Where", 8}, {"Mish", 17}, {"CumSum", 10}};
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Case c = begin (rows[i].opset, rows[i].op, "x", "3");
    g_autoptr (GError) error = NULL;
    g_assert_null (finish_with (&c, &error));
    g_assert_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-import/axes", test_axes);
  g_test_add_func ("/onnx-import/slice-pad-split", test_slice_pad_split);
  g_test_add_func ("/onnx-import/scalars-to-inputs", test_scalars_to_inputs);
  g_test_add_func ("/onnx-import/old-broadcast", test_old_broadcast);
  g_test_add_func ("/onnx-import/old-softmax", test_old_softmax);
  g_test_add_func ("/onnx-import/batch-norm", test_batch_norm);
  g_test_add_func ("/onnx-import/group-norm", test_group_norm);
  g_test_add_func ("/onnx-import/upsample", test_upsample);
  g_test_add_func ("/onnx-import/resize-11", test_resize_11);
  g_test_add_func ("/onnx-import/constants", test_constants);
  g_test_add_func ("/onnx-import/dropout", test_dropout);
  g_test_add_func ("/onnx-import/auto-pad", test_auto_pad);
  g_test_add_func ("/onnx-import/lp-pool-1", test_lp_pool_1);
  g_test_add_func ("/onnx-import/conv-inputs", test_conv_inputs);
  g_test_add_func ("/onnx-import/fused-conv", test_fused_conv);
  g_test_add_func ("/onnx-import/fused-matmul", test_fused_matmul);
  g_test_add_func ("/onnx-import/gelus", test_gelus);
  g_test_add_func ("/onnx-import/causal-conv", test_causal_conv);
  g_test_add_func ("/onnx-import/swiglu", test_swiglu);
  g_test_add_func ("/onnx-import/unknown-attribute", test_unknown_attribute);
  g_test_add_func ("/onnx-import/too-new", test_too_new);
  return g_test_run ();
}
