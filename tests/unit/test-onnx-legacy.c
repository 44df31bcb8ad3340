/* Operators that were experimental in opset 1, from the file to the result. Expected values by
 * hand from their definitions. */
#include "tests/support/node-case.h"
#include "tests/support/reference-case.h"

static NodeCase *
begin (const char *op, GonioTensor *x)
{
  NodeCase *c = node_case_new ("", 1, op, x ? "x" : "", "y");

  if (x)
    node_case_give (c, "x", NULL, x);
  return c;
}

static void
test_scalars (void)
{
  static const struct {
    const char *op;
    double results[3];
  } rows[] = {
      {"Affine", {1.5, 3.5, -2.5}},
      {"ScaledTanh", {0, 1.8102965072897328, -1.990109507373461}},
      {"ParametricSoftplus", {1.3862943611198906, 6.097174703147484, 0.004951370275460899}}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = begin (rows[i].op, TENSOR (FLOAT, "3", 0, 1, -2));
    gboolean affine = i == 0;

    onnx_node_attr (c->node, onnx_attr_float ("alpha", 2));
    onnx_node_attr (c->node, onnx_attr_float ("beta", affine ? 1.5f : i == 1 ? 1.5f : 3));
    node_case_expect (c, 0, "3", 3, rows[i].results, 1e-6);
  }
  static const double scaled[2] = {3, -1.5};
  g_autoptr (NodeCase) scale = begin ("Scale", TENSOR (DOUBLE, "2", 2, -1));
  onnx_node_attr (scale->node, onnx_attr_float ("scale", 1.5f));
  node_case_expect (scale, 0, "2", 2, scaled, 0);
  static const double same[2] = {2, -1};
  g_autoptr (NodeCase) plain = begin ("Affine", TENSOR (FLOAT16, "2", 2, -1));
  node_case_expect (plain, 0, "2", 2, same, 0);
}

static void
test_image_scaler (void)
{
  static const double expected[4] = {2, 4, 5, 7}, unmoved[2] = {-2, 4};
  const GonioDType types[2] = {GONIO_DTYPE_FLOAT, GONIO_DTYPE_FLOAT16};
  const float bias[2] = {0, -1};

  for (guint i = 0; i < 2; i++) {
    g_autoptr (NodeCase) c =
        begin ("ImageScaler", ref_tensor (types[i], "1 2 1 2", 4, (const double[]){1, 2, 3, 4}));
    onnx_node_attr (c->node, onnx_attr_float ("scale", 2));
    onnx_node_attr (c->node, onnx_attr_floats ("bias", 2, bias));
    node_case_expect (c, 0, "1 2 1 2", 4, expected, 0);
    g_assert_cmpint (gonio_tensor_dtype (c->outputs[0]), ==, types[i]);
  }
  g_autoptr (NodeCase) none = begin ("ImageScaler", TENSOR (FLOAT, "1 1 1 2", -1, 2));
  onnx_node_attr (none->node, onnx_attr_float ("scale", 2));
  node_case_expect (none, 0, "1 1 1 2", 2, unmoved, 0);
}

static void
test_crop (void)
{
  const gint64 border[4] = {1, 0, 1, 2}, size[2] = {2, 1}, odd[4] = {0, -1, 0, 0};
  static const double by_border[2] = {1, 2}, by_size[2] = {1, 5};
  g_autoptr (NodeCase) a = begin ("Crop", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 3 4"));
  g_autoptr (NodeCase) b = begin ("Crop", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 3 4"));
  g_autoptr (NodeCase) c = begin ("Crop", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 3 4"));
  g_autoptr (NodeCase) d = begin ("Crop", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 3 4"));

  onnx_node_attr (a->node, onnx_attr_ints ("border", 4, border));
  node_case_expect (a, 0, "1 1 1 2", 2, by_border, 0);
  onnx_node_attr (b->node, onnx_attr_ints ("border", 4, border));
  onnx_node_attr (b->node, onnx_attr_ints ("scale", 2, size));
  node_case_expect (b, 0, "1 1 2 1", 2, by_size, 0);
  onnx_node_attr (c->node, onnx_attr_ints ("border", 3, border));
  node_case_refused (c, "4 and 2 numbers");
  onnx_node_attr (d->node, onnx_attr_ints ("border", 4, odd));
  node_case_refused (d, "negative");
}

static void
test_fills (void)
{
  const gint64 shape[2] = {2, 2}, more[1] = {2};
  const float values[4] = {1, 2, 3, 4};
  static const double given[4] = {1, 2, 3, 4}, sevens[4] = {7, 7, 7, 7};
  g_autoptr (NodeCase) tensor = begin ("GivenTensorFill", NULL);
  g_autoptr (NodeCase) by_input = begin ("GivenTensorFill", TENSOR_I64 (INT64, "1", 2));
  g_autoptr (NodeCase) short_of = begin ("GivenTensorFill", NULL);
  g_autoptr (NodeCase) like = begin ("ConstantFill", TENSOR (FLOAT, "1 2", 0, 0));
  g_autoptr (NodeCase) nothing = begin ("ConstantFill", NULL);

  onnx_node_attr (tensor->node, onnx_attr_ints ("shape", 2, shape));
  onnx_node_attr (tensor->node, onnx_attr_floats ("values", 4, values));
  node_case_expect (tensor, 0, "2 2", 4, given, 0);
  onnx_node_attr (by_input->node, onnx_attr_int ("input_as_shape", 1));
  onnx_node_attr (by_input->node, onnx_attr_ints ("extra_shape", 1, more));
  onnx_node_attr (by_input->node, onnx_attr_floats ("values", 4, values));
  node_case_expect (by_input, 0, "2 2", 4, given, 0);
  onnx_node_attr (short_of->node, onnx_attr_ints ("shape", 2, shape));
  onnx_node_attr (short_of->node, onnx_attr_floats ("values", 3, values));
  node_case_refused (short_of, "3");
  onnx_node_attr (like->node, onnx_attr_ints ("extra_shape", 1, more));
  onnx_node_attr (like->node, onnx_attr_float ("value", 7.9f));
  onnx_node_attr (like->node, onnx_attr_int ("dtype", ONNX_INT32));
  node_case_expect (like, 0, "1 2 2", 4, sevens, 0);
  g_assert_cmpint (gonio_tensor_dtype (like->outputs[0]), ==, GONIO_DTYPE_INT32);
  node_case_refused (nothing, "neither a shape nor an input");
}

static void
test_dynamic_slice (void)
{
  static const double expected[2] = {5, 6};
  g_autoptr (NodeCase) c = node_case_new ("", 1, "DynamicSlice", "x starts ends", "y");

  node_case_give (c, "x", NULL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "2 4"));
  node_case_give (c, "starts", NULL, TENSOR_I64 (INT64, "2", 1, 1));
  node_case_give (c, "ends", NULL, TENSOR_I64 (INT64, "2", 9, -1));
  node_case_expect (c, 0, "1 2", 2, expected, 0);
}

/* An attribute of another type, and one that nobody knows. */
static void
test_types (void)
{
  static const struct {
    const char *op, *attr;
  } rows[] = {
      {"Affine", "alpha"},          {"ConstantFill", "value"}, {"Crop", "border"},
      {"GivenTensorFill", "shape"}, {"ImageScaler", "bias"},   {"ParametricSoftplus", "beta"},
      {"Scale", "scale"},           {"ScaledTanh", "alpha"},   {"GivenTensorFill", "dtype"}};

  for (guint i = 0; i < 2 * G_N_ELEMENTS (rows); i++) {
    const char *name = i % 2 ? "colour" : rows[i / 2].attr;
    g_autoptr (NodeCase) c = begin (rows[i / 2].op, TENSOR (FLOAT, "1 1 1 2", 1, 2));
    const float values[2] = {1, 2};

    if (!g_str_equal (name, "values"))
      onnx_node_attr (c->node, onnx_attr_floats ("values", 2, values));
    onnx_node_attr (c->node, onnx_attr_text (name, "red"));
    node_case_refused (c, "attribute “");
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-legacy/scalars", test_scalars);
  g_test_add_func ("/onnx-legacy/image-scaler", test_image_scaler);
  g_test_add_func ("/onnx-legacy/crop", test_crop);
  g_test_add_func ("/onnx-legacy/fills", test_fills);
  g_test_add_func ("/onnx-legacy/dynamic-slice", test_dynamic_slice);
  g_test_add_func ("/onnx-legacy/types", test_types);
  return g_test_run ();
}
