/* Operators of ai.onnx.ml, from the file to the result. */
#include "tests/support/node-case.h"
#include "tests/support/reference-case.h"

#include <math.h>

#define ML "ai.onnx.ml"

static void
expect_texts (NodeCase *c, guint n, const char *const *texts)
{
  node_case_run (c);
  g_assert_no_error (c->error);
  g_assert_cmpint (gonio_tensor_dtype (c->outputs[0]), ==, GONIO_DTYPE_STRING);
  g_assert_cmpint (gonio_tensor_count (c->outputs[0]), ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (gonio_tensor_string (c->outputs[0], i), ==, texts[i]);
}

/* ---- LabelEncoder ---- */

/* The three kinds of keys and values: the keys 1 2 3, the values 10 20 30, or these as texts. */
static const char *const kinds[3] = {"strings", "int64s", "floats"};

static GByteArray *
list_attr (const char *what, guint kind, int factor)
{
  const gint64 ints[3] = {factor, 2 * factor, 3 * factor};
  const float floats[3] = {(float)factor, 2.0f * (float)factor, 3.0f * (float)factor};
  g_autofree char *name = g_strdup_printf ("%s_%s", what, kinds[kind]);
  g_autofree char *texts = g_strdup_printf ("%d %d %d", factor, 2 * factor, 3 * factor);

  return kind == 0   ? onnx_attr_texts (name, texts)
         : kind == 1 ? onnx_attr_ints (name, 3, ints)
                     : onnx_attr_floats (name, 3, floats);
}

static void
test_labels (void)
{
  static const char *const texts[6] = {"30", "_Unused", "10", "20", "10", "_Unused"};
  static const double numbers[2][6] = {{30, -1, 10, 20, 10, -1}, {30, 0, 10, 20, 10, 0}};

  for (guint from = 0; from < 3; from++)
    for (guint to = 0; to < 3; to++) {
      g_autoptr (NodeCase) c = node_case_new (ML, 2, "LabelEncoder", "x", "y");

      node_case_give (c, "x", NULL,
                      from == 0   ? TENSOR_TEXT ("2 3", "3", "7", "1", "2", "1", "")
                      : from == 1 ? TENSOR_I64 (INT64, "2 3", 3, 7, 1, 2, 1, 0)
                                  : TENSOR (FLOAT, "2 3", 3, 7, 1, 2, 1, 0));
      onnx_node_attr (c->node, list_attr ("keys", from, 1));
      onnx_node_attr (c->node, list_attr ("values", to, 10));
      if (to == 0)
        expect_texts (c, 6, texts);
      else
        node_case_expect (c, 0, "2 3", 6, numbers[to - 1], 0);
    }
}

static void
test_label_defaults (void)
{
  g_autoptr (NodeCase) number = node_case_new (ML, 2, "LabelEncoder", "x", "y");
  g_autoptr (NodeCase) text = node_case_new (ML, 2, "LabelEncoder", "x", "y");
  static const char *const texts[2] = {"20", "?"};
  static const double numbers[2] = {10, 7};

  node_case_give (number, "x", NULL, TENSOR_TEXT ("2", "1", "4"));
  onnx_node_attr (number->node, list_attr ("keys", 0, 1));
  onnx_node_attr (number->node, list_attr ("values", 1, 10));
  onnx_node_attr (number->node, onnx_attr_int ("default_int64", 7));
  node_case_expect (number, 0, "2", 2, numbers, 0);
  node_case_give (text, "x", NULL, TENSOR_I64 (INT64, "2", 2, 4));
  onnx_node_attr (text->node, list_attr ("keys", 1, 1));
  onnx_node_attr (text->node, list_attr ("values", 0, 10));
  onnx_node_attr (text->node, onnx_attr_text ("default_string", "?"));
  expect_texts (text, 2, texts);
}

/* NaN is a key like others, both zeros are one, and of equal keys the last one counts. */
static void
test_label_tensors (void)
{
  g_autoptr (NodeCase) c = node_case_new (ML, 4, "LabelEncoder", "x", "y");
  const double keys[4] = {NAN, 0.0, 5, 5};
  const gint16 values[4] = {1, 2, 3, 4}, other = 9;
  static const double expected[6] = {1, 2, 2, 4, 9, 9};

  node_case_give (c, "x", NULL, TENSOR (DOUBLE, "6", NAN, 0, -0.0, 5, INFINITY, 5.5));
  onnx_node_attr (c->node,
                  onnx_attr_tensor ("keys_tensor", onnx_tensor ("k", 11, keys, 32, 4, -1)));
  onnx_node_attr (c->node,
                  onnx_attr_tensor ("values_tensor", onnx_tensor ("v", 5, values, 8, 4, -1)));
  onnx_node_attr (c->node,
                  onnx_attr_tensor ("default_tensor", onnx_tensor ("d", 5, &other, 2, 1, -1)));
  node_case_expect (c, 0, "6", 6, expected, 0);
  g_assert_cmpint (gonio_tensor_dtype (c->outputs[0]), ==, GONIO_DTYPE_INT16);
}

static void
test_label_1 (void)
{
  g_autoptr (NodeCase) to = node_case_new (ML, 1, "LabelEncoder", "x", "y");
  g_autoptr (NodeCase) back = node_case_new (ML, 1, "LabelEncoder", "x", "y");
  static const double numbers[3] = {2, 0, -1};
  static const char *const texts[3] = {"c", "a", "none"};

  node_case_give (to, "x", NULL, TENSOR_TEXT ("3", "c", "a", "z"));
  onnx_node_attr (to->node, onnx_attr_texts ("classes_strings", "a b c"));
  node_case_expect (to, 0, "3", 3, numbers, 0);
  node_case_give (back, "x", NULL, TENSOR_I64 (INT64, "3", 2, 0, 3));
  onnx_node_attr (back->node, onnx_attr_texts ("classes_strings", "a b c"));
  onnx_node_attr (back->node, onnx_attr_text ("default_string", "none"));
  expect_texts (back, 3, texts);
}

static void
test_label_refuses (void)
{
  static const struct {
    const char *keys, *values, *text;
  } rows[] = {
      {"a b", "x", "2 keys and 1 values"}, {NULL, "x", "no keys"}, {"a", NULL, "no values"}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (ML, 2, "LabelEncoder", "x", "y");

    node_case_give (c, "x", NULL, TENSOR_TEXT ("1", "a"));
    if (rows[i].keys)
      onnx_node_attr (c->node, onnx_attr_texts ("keys_strings", rows[i].keys));
    if (rows[i].values)
      onnx_node_attr (c->node, onnx_attr_texts ("values_strings", rows[i].values));
    node_case_refused (c, rows[i].text);
  }
  g_autoptr (NodeCase) both = node_case_new (ML, 2, "LabelEncoder", "x", "y");
  node_case_give (both, "x", NULL, TENSOR_TEXT ("1", "a"));
  onnx_node_attr (both->node, onnx_attr_texts ("keys_strings", "1 2 3"));
  onnx_node_attr (both->node, list_attr ("keys", 1, 1));
  node_case_refused (both, "both given");
  g_autoptr (NodeCase) types = node_case_new (ML, 2, "LabelEncoder", "x", "y");
  node_case_give (types, "x", NULL, TENSOR_TEXT ("1", "a"));
  onnx_node_attr (types->node, list_attr ("keys", 1, 1));
  onnx_node_attr (types->node, list_attr ("values", 1, 1));
  node_case_refused (types, "type");
}

/* ---- features ---- */

static void
test_scaler (void)
{
  g_autoptr (NodeCase) each = node_case_new (ML, 1, "Scaler", "x", "y");
  g_autoptr (NodeCase) all = node_case_new (ML, 1, "Scaler", "x", "y");
  g_autoptr (NodeCase) none = node_case_new (ML, 1, "Scaler", "x", "y");
  const float offset[3] = {1, 2, 3}, scale[3] = {0.5f, 2, -1}, one = 4;
  static const double expected[6] = {0, 0, 0, 1.5, 6, -3}, shifted[2] = {-12, 24};

  node_case_give (each, "x", NULL, TENSOR (DOUBLE, "2 3", 1, 2, 3, 4, 5, 6));
  onnx_node_attr (each->node, onnx_attr_floats ("offset", 3, offset));
  onnx_node_attr (each->node, onnx_attr_floats ("scale", 3, scale));
  node_case_expect (each, 0, "2 3", 6, expected, 1e-7);
  g_assert_cmpint (gonio_tensor_dtype (each->outputs[0]), ==, GONIO_DTYPE_FLOAT);
  node_case_give (all, "x", NULL, TENSOR_I64 (INT64, "2", 1, 10));
  onnx_node_attr (all->node, onnx_attr_floats ("offset", 1, &one));
  onnx_node_attr (all->node, onnx_attr_floats ("scale", 1, &one));
  node_case_expect (all, 0, "2", 2, shifted, 1e-7);
  node_case_give (none, "x", NULL, TENSOR (FLOAT, "1", 1));
  node_case_refused (none, "offset or scale");
}

static void
test_normalizer (void)
{
  static const char *const norms[3] = {"MAX", "L1", "L2"};
  static const double divisors[3] = {4, 7, 5};

  for (guint i = 0; i < 3; i++) {
    g_autoptr (NodeCase) c = node_case_new (ML, 1, "Normalizer", "x", "y");
    const double d = divisors[i], expected[6] = {3 / d, -4 / d, 0, 0, 0, 0};

    node_case_give (c, "x", NULL, TENSOR (FLOAT, "2 3", 3, -4, 0, 0, 0, 0));
    onnx_node_attr (c->node, onnx_attr_text ("norm", norms[i]));
    node_case_expect (c, 0, "2 3", 6, expected, 1e-6);
  }
  g_autoptr (NodeCase) wrong = node_case_new (ML, 1, "Normalizer", "x", "y");
  node_case_give (wrong, "x", NULL, TENSOR (FLOAT, "1", 1));
  onnx_node_attr (wrong->node, onnx_attr_text ("norm", "L3"));
  node_case_refused (wrong, "L3");
}

static void
test_imputer (void)
{
  g_autoptr (NodeCase) nan = node_case_new (ML, 1, "Imputer", "x", "y");
  g_autoptr (NodeCase) number = node_case_new (ML, 1, "Imputer", "x", "y");
  g_autoptr (NodeCase) whole = node_case_new (ML, 1, "Imputer", "x", "y");
  g_autoptr (NodeCase) none = node_case_new (ML, 1, "Imputer", "x", "y");
  const float each[2] = {10, 20}, one = 7;
  const gint64 nine = 9;
  static const double a[4] = {10, 1, 2, 20}, b[3] = {7, 1, 7}, w[3] = {9, 5, 9};

  node_case_give (nan, "x", NULL, TENSOR (FLOAT, "2 2", NAN, 1, 2, NAN));
  onnx_node_attr (nan->node, onnx_attr_floats ("imputed_value_floats", 2, each));
  onnx_node_attr (nan->node, onnx_attr_float ("replaced_value_float", NAN));
  node_case_expect (nan, 0, "2 2", 4, a, 0);
  node_case_give (number, "x", NULL, TENSOR (FLOAT, "3", 0, 1, -0.0));
  onnx_node_attr (number->node, onnx_attr_floats ("imputed_value_floats", 1, &one));
  node_case_expect (number, 0, "3", 3, b, 0);
  node_case_give (whole, "x", NULL, TENSOR_I64 (INT64, "3", -3, 5, -3));
  onnx_node_attr (whole->node, onnx_attr_ints ("imputed_value_int64s", 1, &nine));
  onnx_node_attr (whole->node, onnx_attr_int ("replaced_value_int64", -3));
  node_case_expect (whole, 0, "3", 3, w, 0);
  node_case_give (none, "x", NULL, TENSOR (FLOAT, "1", 1));
  node_case_refused (none, "nothing to put in");
}

static void
test_one_hot (void)
{
  g_autoptr (NodeCase) number = node_case_new (ML, 1, "OneHotEncoder", "x", "y");
  g_autoptr (NodeCase) text = node_case_new (ML, 1, "OneHotEncoder", "x", "y");
  g_autoptr (NodeCase) strict = node_case_new (ML, 1, "OneHotEncoder", "x", "y");
  const gint64 categories[3] = {4, -1, 7};
  static const double a[12] = {0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0}, b[4] = {0, 1, 0, 0};

  node_case_give (number, "x", NULL, TENSOR (FLOAT, "2 2", 7, 4, 5, -1));
  onnx_node_attr (number->node, onnx_attr_ints ("cats_int64s", 3, categories));
  node_case_expect (number, 0, "2 2 3", 12, a, 0);
  node_case_give (text, "x", NULL, TENSOR_TEXT ("2", "b", "c"));
  onnx_node_attr (text->node, onnx_attr_texts ("cats_strings", "a b"));
  node_case_expect (text, 0, "2 2", 4, b, 0);
  node_case_give (strict, "x", NULL, TENSOR_TEXT ("1", "b"));
  onnx_node_attr (strict->node, onnx_attr_texts ("cats_strings", "a b"));
  onnx_node_attr (strict->node, onnx_attr_int ("zeros", 0));
  node_case_refused (strict, "zeros 0");
}

static void
test_feature_vectorizer (void)
{
  g_autoptr (NodeCase) c = node_case_new (ML, 1, "FeatureVectorizer", "a b", "y");
  const gint64 sizes[2] = {1, 2};
  static const double expected[6] = {1, 3, 4, 2, 5, 6};

  node_case_give (c, "a", NULL, TENSOR_I64 (INT64, "2 1", 1, 2));
  node_case_give (c, "b", NULL, TENSOR (DOUBLE, "2 2", 3, 4, 5, 6));
  onnx_node_attr (c->node, onnx_attr_ints ("inputdimensions", 2, sizes));
  node_case_expect (c, 0, "2 3", 6, expected, 0);
}

/* Attributes of another type. */
static void
test_types (void)
{
  static const char *const rows[][2] = {{"Binarizer", "threshold"},
                                        {"Scaler", "offset"},
                                        {"Normalizer", "norm"},
                                        {"FeatureVectorizer", "inputdimensions"},
                                        {"OneHotEncoder", "zeros"},
                                        {"Imputer", "replaced_value_float"},
                                        {"LabelEncoder", "default_string"}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (ML, 1, rows[i][0], "x", "y");
    const gint64 values[2] = {1, 2};

    node_case_give (c, "x", NULL, TENSOR (FLOAT, "1 2", 1, 2));
    onnx_node_attr (c->node, g_str_equal (rows[i][1], "inputdimensions")
                                 ? onnx_attr_text (rows[i][1], "1")
                                 : onnx_attr_ints (rows[i][1], 2, values));
    node_case_refused (c, "has the wrong type");
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-ml/labels", test_labels);
  g_test_add_func ("/onnx-ml/label-defaults", test_label_defaults);
  g_test_add_func ("/onnx-ml/label-tensors", test_label_tensors);
  g_test_add_func ("/onnx-ml/label-1", test_label_1);
  g_test_add_func ("/onnx-ml/label-refuses", test_label_refuses);
  g_test_add_func ("/onnx-ml/scaler", test_scaler);
  g_test_add_func ("/onnx-ml/normalizer", test_normalizer);
  g_test_add_func ("/onnx-ml/imputer", test_imputer);
  g_test_add_func ("/onnx-ml/one-hot", test_one_hot);
  g_test_add_func ("/onnx-ml/feature-vectorizer", test_feature_vectorizer);
  g_test_add_func ("/onnx-ml/types", test_types);
  return g_test_run ();
}
