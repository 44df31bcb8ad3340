/* Trees, linear models and support vector machines of ai.onnx.ml, from the file to the result:
 * against scikit-learn (ml-cases.h), and by hand where it has nothing to say. */
#include "tests/support/node-case.h"
#include "tests/support/reference-case.h"

#include <math.h>
#include <string.h>

#define ML "ai.onnx.ml"

/* kind: s, i, f for lists of texts, integers, numbers; S and I for one; d for numbers as a tensor
 * of doubles, t of floats, u of bytes. */
typedef struct {
  const char *name;
  char kind;
  const char *value;
} MlAttr;

typedef struct {
  const char *name, *op;
  const MlAttr *attrs; /* ended by a NULL name */
  const char *labels;  /* NULL: it has none */
  const double *scores;
  guint columns;
} MlCase;

#include "tests/unit/ml-cases.h"

static GByteArray *
make_attr (const char *name, char kind, const char *value)
{
  g_auto (GStrv) words = g_strsplit (value, " ", -1);
  guint n = *value ? g_strv_length (words) : 0;
  g_autofree double *reals = g_new0 (double, n + 1);
  g_autofree float *floats = g_new0 (float, n + 1);
  g_autofree gint64 *ints = g_new0 (gint64, n + 1);
  g_autofree guint8 *bytes = g_new0 (guint8, n + 1);

  for (guint i = 0; i < n; i++) {
    reals[i] = g_str_equal (words[i], "nan") ? (double)NAN : g_ascii_strtod (words[i], NULL);
    floats[i] = (float)reals[i];
    ints[i] = g_ascii_strtoll (words[i], NULL, 10);
    bytes[i] = (guint8)ints[i];
  }
  switch (kind) {
  case 's':
    return onnx_attr_texts (name, value);
  case 'S':
    return onnx_attr_text (name, value);
  case 'I':
    return onnx_attr_int (name, ints[0]);
  case 'i':
    return onnx_attr_ints (name, n, ints);
  case 'd':
    return onnx_attr_tensor (name, onnx_tensor ("t", 11, reals, n * sizeof *reals, (int)n, -1));
  case 't':
    return onnx_attr_tensor (name, onnx_tensor ("t", 1, floats, n * sizeof *floats, (int)n, -1));
  case 'u':
    return onnx_attr_tensor (name, onnx_tensor ("t", 2, bytes, n, (int)n, -1));
  default:
    return onnx_attr_floats (name, n, floats);
  }
}

/* With change instead of the attribute of that name, or beside them. value NULL: without it. */
static void
add_attrs (NodeCase *c, const MlAttr *attrs, const MlAttr *change)
{
  for (; attrs->name; attrs++)
    if (!change || !g_str_equal (attrs->name, change->name))
      onnx_node_attr (c->node, make_attr (attrs->name, attrs->kind, attrs->value));
  if (change && change->value)
    onnx_node_attr (c->node, make_attr (change->name, change->kind, change->value));
}

static void
expect_labels (NodeCase *c, const char *labels)
{
  g_auto (GStrv) words = g_strsplit (labels, " ", -1);
  gboolean is_text = !g_ascii_isdigit (*labels) && *labels != '-';

  g_assert_no_error (c->error);
  g_assert_cmpint (gonio_tensor_count (c->outputs[0]), ==, g_strv_length (words));
  g_assert_cmpint (gonio_tensor_dtype (c->outputs[0]), ==,
                   is_text ? GONIO_DTYPE_STRING : GONIO_DTYPE_INT64);
  for (guint i = 0; words[i]; i++) {
    g_autofree char *got =
        is_text ? g_strdup (gonio_tensor_string (c->outputs[0], i))
                : g_strdup_printf ("%" G_GINT64_FORMAT, gonio_tensor_get_int (c->outputs[0], i));
    g_assert_cmpstr (got, ==, words[i]);
  }
}

/* ---- scikit-learn ---- */

static void
assert_inferred (NodeCase *c, guint output, const char *shape)
{
  guint n;
  const GonioValue *value =
      gonio_graph_value (c->graph, gonio_graph_outputs (c->graph, &n)[output]);
  g_autofree char *text = gonio_sym_shape_to_string (&value->shape);
  g_assert_cmpstr (text, ==, shape);
}

static void
run_sklearn (const MlCase *m, GonioDType dtype, gboolean as_tensor)
{
  guint scores = m->labels ? 1 : 0;
  double largest = 0;
  g_autoptr (NodeCase) c = node_case_new (ML, 3, m->op, "x", m->labels ? "y z" : "z");
  g_autofree char *shape = g_strdup_printf ("%d %u", ML_ROWS, m->columns);
  g_autofree char *input = g_strdup_printf ("%d %d", ML_ROWS, ML_COLUMNS);

  for (const MlAttr *a = m->attrs; a->name; a++) {
    gboolean is_tensor = as_tensor && a->kind == 'f';
    g_autofree char *name = g_strdup_printf ("%s%s", a->name, is_tensor ? "_as_tensor" : "");
    onnx_node_attr (c->node, make_attr (name, is_tensor ? 'd' : a->kind, a->value));
  }
  node_case_give (c, "x", dtype == GONIO_DTYPE_DOUBLE ? NULL : "N ?",
                  ref_tensor (dtype, input, ML_ROWS * ML_COLUMNS, ml_x));
  /* scikit-learn computes with doubles where the file holds floats. */
  for (guint i = 0; i < ML_ROWS * m->columns; i++)
    largest = MAX (largest, fabs (m->scores[i]));
  node_case_expect (c, scores, shape, ML_ROWS * m->columns, m->scores, 1e-6 * (1 + largest));
  g_assert_cmpint (gonio_tensor_dtype (c->outputs[scores]), ==, GONIO_DTYPE_FLOAT);
  if (m->labels)
    expect_labels (c, m->labels);
  g_autofree char *known = g_strdup_printf ("[%d,%u]", ML_ROWS, m->columns);
  g_autofree char *open = g_strdup_printf ("[N,%u]", m->columns);
  assert_inferred (c, scores, dtype == GONIO_DTYPE_DOUBLE ? known : open);
}

static void
test_sklearn (gconstpointer data)
{
  const MlCase *m = data;

  run_sklearn (m, GONIO_DTYPE_FLOAT, FALSE);
  run_sklearn (m, GONIO_DTYPE_DOUBLE, FALSE);
  if (g_str_has_prefix (m->op, "Tree"))
    run_sklearn (m, GONIO_DTYPE_FLOAT, TRUE);
}

/* ---- trees by hand ---- */

/* One branch at 2, to leaves of 10 and 20. */
static const MlAttr stump[] = {
    {"nodes_treeids", 'i', "0 0 0"},      {"nodes_nodeids", 'i', "0 1 2"},
    {"nodes_featureids", 'i', "0 0 0"},   {"nodes_modes", 's', "BRANCH_LEQ LEAF LEAF"},
    {"nodes_values", 'f', "2 0 0"},       {"nodes_truenodeids", 'i', "1 0 0"},
    {"nodes_falsenodeids", 'i', "2 0 0"}, {"target_treeids", 'i', "0 0"},
    {"target_nodeids", 'i', "1 2"},       {"target_ids", 'i', "0 0"},
    {"target_weights", 'f', "10 20"},     {0}};

/* Every mode on 1, 2, 3 and NaN, which takes the false branch but for NEQ, or the one it is told
 * to. */
static void
test_modes (void)
{
  static const struct {
    const char *mode;
    double results[4];
  } rows[] = {{"LEQ", {10, 10, 20, 20}}, {"LT", {10, 20, 20, 20}}, {"GTE", {20, 10, 10, 20}},
              {"GT", {20, 20, 10, 20}},  {"EQ", {20, 10, 20, 20}}, {"NEQ", {10, 20, 10, 10}}};

  for (guint i = 0; i < 2 * G_N_ELEMENTS (rows); i++) {
    gboolean tracks = i % 2 == 1;
    double expected[4];
    g_autofree char *modes = g_strdup_printf ("BRANCH_%s LEAF LEAF", rows[i / 2].mode);
    const MlAttr change = {"nodes_modes", 's', modes};
    g_autoptr (NodeCase) c = node_case_new (ML, 1, "TreeEnsembleRegressor", "x", "y");

    memcpy (expected, rows[i / 2].results, sizeof expected);
    if (tracks)
      expected[3] = 10;
    add_attrs (c, stump, &change);
    if (tracks)
      onnx_node_attr (c->node, make_attr ("nodes_missing_value_tracks_true", 'i', "1 0 0"));
    node_case_give (c, "x", NULL, TENSOR (FLOAT, "4 1", 1, 2, 3, NAN));
    node_case_expect (c, 0, "4 1", 4, expected, 0);
  }
}

static void
test_integers_and_vectors (void)
{
  static const double expected[3] = {10, 10, 20};
  const GonioDType types[2] = {GONIO_DTYPE_INT32, GONIO_DTYPE_INT64};

  for (guint i = 0; i < 2; i++) {
    g_autoptr (NodeCase) c = node_case_new (ML, 1, "TreeEnsembleRegressor", "x", "y");
    add_attrs (c, stump, NULL);
    node_case_give (c, "x", NULL, ref_tensor_i64 (types[i], "3 1", 3, (const int64_t[]){1, 2, 3}));
    node_case_expect (c, 0, "3 1", 3, expected, 0);
  }
  g_autoptr (NodeCase) row = node_case_new (ML, 1, "TreeEnsembleRegressor", "x", "y");
  add_attrs (row, stump, NULL);
  node_case_give (row, "x", NULL, TENSOR (FLOAT, "1", 3));
  node_case_expect (row, 0, "1 1", 1, &expected[2], 0);
}

/* A branch and a tree that is but a leaf; tree 7 is listed first, its votes after the others. */
static const MlAttr pair_of_trees[] = {{"nodes_treeids", 'i', "7 7 7 3"},
                                       {"nodes_nodeids", 'i', "5 9 8 0"},
                                       {"nodes_featureids", 'i', "1 0 0 0"},
                                       {"nodes_modes", 's', "BRANCH_GT LEAF LEAF LEAF"},
                                       {"nodes_values", 'f', "0 0 0 0"},
                                       {"nodes_truenodeids", 'i', "9 0 0 0"},
                                       {"nodes_falsenodeids", 'i', "8 0 0 0"},
                                       {"target_treeids", 'i', "3 7 7 7 7"},
                                       {"target_nodeids", 'i', "0 9 8 8 5"},
                                       {"target_ids", 'i', "0 0 0 1 0"},
                                       {"target_weights", 'f', "4 6 -2 5 1000"},
                                       {"n_targets", 'I', "2"},
                                       {0}};

static void
test_aggregates (void)
{
  static const struct {
    const char *name;
    double results[4];
  } rows[] = {{"SUM", {10, 0, 2, 5}},
              {"AVERAGE", {5, 0, 1, 2.5}},
              {"MIN", {4, 0, -2, 5}},
              {"MAX", {6, 0, 4, 5}}};

  for (guint i = 0; i < 2 * G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (ML, 1, "TreeEnsembleRegressor", "x", "y");
    double expected[4];

    for (guint k = 0; k < 4; k++)
      expected[k] = rows[i / 2].results[k] + (i % 2 ? k % 2 + 0.5 : 0);
    add_attrs (c, pair_of_trees, NULL);
    onnx_node_attr (c->node, onnx_attr_text ("aggregate_function", rows[i / 2].name));
    if (i % 2)
      onnx_node_attr (c->node, make_attr ("base_values", 'f', "0.5 1.5"));
    node_case_give (c, "x", NULL, TENSOR (FLOAT, "2 2", 0, 1, 0, 0));
    node_case_expect (c, 0, "2 2", 4, expected, 1e-7);
  }
}

/* Two classes and votes for one: probabilities when no weight is negative, else margins. */
static void
test_one_of_two (void)
{
  static const struct {
    const char *weights, *transform, *base;
    double results[4];
    const char *labels;
  } rows[] = {{"0.25 0.75", "NONE", "", {0.75, 0.25, 0.25, 0.75}, "no yes"},
              {"-1 2", "NONE", "", {1, -1, -2, 2}, "no yes"},
              {"-1 2", "NONE", "-3", {4, -4, 1, -1}, "no no"},
              {"-1 2", "NONE", "100 1.5", {-0.5, 0.5, -3.5, 3.5}, "yes yes"},
              {"0 1", "LOGISTIC", "", {0.5, 0.5, 0.2689414213699951, 0.7310585786300049}, "no yes"},
              {"-1 1",
               "SOFTMAX",
               "",
               {0.8807970779778823, 0.11920292202211755, 0.11920292202211755, 0.8807970779778823},
               "no yes"},
              {"0.5 0.975", "PROBIT", "", {0, 0, -1.959963984540054, 1.959963984540054}, "no yes"}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (ML, 1, "TreeEnsembleClassifier", "x", "y z");

    for (guint a = 0; a < 7; a++)
      onnx_node_attr (c->node, make_attr (stump[a].name, stump[a].kind, stump[a].value));
    onnx_node_attr (c->node, make_attr ("class_treeids", 'i', "0 0"));
    onnx_node_attr (c->node, make_attr ("class_nodeids", 'i', "1 2"));
    onnx_node_attr (c->node, make_attr ("class_ids", 'i', i % 2 ? "1 1" : "0 0"));
    onnx_node_attr (c->node, make_attr ("class_weights", 'f', rows[i].weights));
    onnx_node_attr (c->node, onnx_attr_texts ("classlabels_strings", "no yes"));
    onnx_node_attr (c->node, onnx_attr_text ("post_transform", rows[i].transform));
    if (*rows[i].base)
      onnx_node_attr (c->node, make_attr ("base_values", 'f', rows[i].base));
    node_case_give (c, "x", NULL, TENSOR (FLOAT, "2 1", 1, 3));
    node_case_expect (c, 1, "2 2", 4, rows[i].results, 1e-6);
    expect_labels (c, rows[i].labels);
  }
}

/* ---- version 5 ---- */

/* The example of the specification: a branch on x <= 3.14, then two sets. */
static const MlAttr sets[] = {{"n_targets", 'I', "4"},
                              {"aggregate_function", 'I', "1"},
                              {"membership_values", 't', "1.2 3.7 8 9 nan 12 7 nan"},
                              {"nodes_missing_value_tracks_true", 'i', "0 0 1"},
                              {"nodes_hitrates", 't', "1 1 1"},
                              {"tree_roots", 'i', "0"},
                              {"nodes_modes", 'u', "0 6 6"},
                              {"nodes_featureids", 'i', "0 0 0"},
                              {"nodes_splits", 't', "11 232344 0"},
                              {"nodes_truenodeids", 'i', "1 0 1"},
                              {"nodes_trueleafs", 'i', "0 1 1"},
                              {"nodes_falsenodeids", 'i', "2 2 3"},
                              {"nodes_falseleafs", 'i', "0 1 1"},
                              {"leaf_targetids", 'i', "0 1 2 3"},
                              {"leaf_weights", 't', "1 10 1000 100"},
                              {0}};

static void
test_sets (void)
{
  static const double expected[24] = {1, 0, 0,    0, 0, 0,  0, 100, 0, 0,  0, 100,
                                      0, 0, 1000, 0, 0, 10, 0, 0,   0, 10, 0, 0};
  g_autoptr (NodeCase) c = node_case_new (ML, 5, "TreeEnsemble", "x", "y");

  add_attrs (c, sets, NULL);
  node_case_give (c, "x", "N 1", TENSOR (FLOAT, "6 1", 1.2f, 26, 13, 2, 12, NAN));
  node_case_expect (c, 0, "6 4", 24, expected, 0);
}

/* Two trees on doubles, of which one leads to the same leaf on both sides. */
static void
test_version_5 (void)
{
  static const MlAttr attrs[] = {{"n_targets", 'I', "2"},
                                 {"tree_roots", 'i', "0 2"},
                                 {"nodes_modes", 'u', "1 2 0"},
                                 {"nodes_featureids", 'i', "0 1 0"},
                                 {"nodes_splits", 'd', "0.1 5 0"},
                                 {"nodes_truenodeids", 'i', "0 1 3"},
                                 {"nodes_trueleafs", 'i', "1 1 1"},
                                 {"nodes_falsenodeids", 'i', "1 2 3"},
                                 {"nodes_falseleafs", 'i', "0 1 1"},
                                 {"leaf_targetids", 'i', "0 1 0 0"},
                                 {"leaf_weights", 'd', "0.1 2 3 -1"},
                                 {0}};
  static const struct {
    int aggregate, transform;
    double results[6];
  } rows[] = {
      {1, 0, {-0.9, 0, -1, 2, 2, 0}},
      {0, 0, {-0.45, 0, -0.5, 1, 1, 0}},
      {2, 0, {-1, 0, -1, 2, -1, 0}},
      {3, 0, {0.1, 0, -1, 2, 3, 0}},
      {1,
       2,
       {0.289050497374996, 0.5, 0.2689414213699951, 0.8807970779778823, 0.8807970779778823, 0.5}},
      {1, 3, {1, 0, 0.047425873177566781, 0.95257412682243336, 1, 0}}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (ML, 5, "TreeEnsemble", "x", "y");

    add_attrs (c, attrs, NULL);
    onnx_node_attr (c->node, onnx_attr_int ("aggregate_function", rows[i].aggregate));
    onnx_node_attr (c->node, onnx_attr_int ("post_transform", rows[i].transform));
    node_case_give (c, "x", NULL, TENSOR (DOUBLE, "3 2", 0.05, 9, 0.1, 5, 0.2, 4));
    node_case_expect (c, 0, "3 2", 6, rows[i].results, 1e-12);
    g_assert_cmpint (gonio_tensor_dtype (c->outputs[0]), ==, GONIO_DTYPE_DOUBLE);
  }
}

/* ---- scores ---- */

/* One coefficient a target: x times (-1, 0, 2). */
static void
test_transforms (void)
{
  static const struct {
    const char *name;
    double results[6];
  } rows[] = {
      {"NONE", {-1, 0, 2, -0.4, 0, 0.8}},
      {"SOFTMAX",
       {0.042010066134066, 0.114195199384213, 0.843794734481721, 0.172059539705940,
        0.256682670798109, 0.571257789495951}},
      {"LOGISTIC",
       {0.268941421369995, 0.5, 0.880797077977882, 0.401312339887548, 0.5, 0.689974481127613}},
      {"SOFTMAX_ZERO",
       {0.047425873177567, 0, 0.952574126822433, 0.231475216500982, 0, 0.768524783499018}},
      {"PROBIT", {NAN, -INFINITY, NAN, NAN, -INFINITY, 0.841621233572914}}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (ML, 1, "LinearRegressor", "x", "y");

    onnx_node_attr (c->node, make_attr ("coefficients", 'f', "-1 0 2"));
    onnx_node_attr (c->node, onnx_attr_int ("targets", 3));
    onnx_node_attr (c->node, onnx_attr_text ("post_transform", rows[i].name));
    node_case_give (c, "x", NULL, TENSOR (DOUBLE, "2 1", 1, 0.4));
    g_assert_true (node_case_run (c));
    for (guint k = 0; k < 6; k++) {
      double got = gonio_tensor_get_double (c->outputs[0], k), expected = rows[i].results[k];
      if (!(isnan (got) && isnan (expected)) && got != expected && !(fabs (got - expected) < 1e-6))
        g_error ("%s: element %u is %g, not %g", rows[i].name, k, got, expected);
    }
  }
  g_autoptr (NodeCase) zeros = node_case_new (ML, 1, "LinearRegressor", "x", "y");
  static const double halves[2] = {0.5, 0.5};
  onnx_node_attr (zeros->node, make_attr ("coefficients", 'f', "0 0"));
  onnx_node_attr (zeros->node, onnx_attr_int ("targets", 2));
  onnx_node_attr (zeros->node, onnx_attr_text ("post_transform", "SOFTMAX_ZERO"));
  node_case_give (zeros, "x", NULL, TENSOR (FLOAT, "1 1", 3));
  node_case_expect (zeros, 0, "1 2", 2, halves, 0);
}

/* Quantiles as scipy.stats.norm.ppf() gives them. */
static void
test_probit (void)
{
  static const struct {
    double p, x;
  } rows[] = {{1e-300, -37.0470962993612},
              {1e-10, -6.361340902404056},
              {0.001, -3.090232306167813},
              {0.02425, -1.972961051311885},
              {0.3, -0.5244005127080409},
              {0.5, 0},
              {0.7, 0.5244005127080407},
              {0.999, 3.090232306167813},
              {1 - 1e-12, 7.0344869100478356},
              {0, -INFINITY},
              {1, INFINITY}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (RefCase) c = ref_case_new (GONIO_OP_PROBIT);
    ref_case_in (c, TENSOR (DOUBLE, "", rows[i].p));
    g_assert_true (ref_case_run (c));
    double got = gonio_tensor_get_double (c->outputs[0], 0);
    if (got != rows[i].x && !(fabs (got - rows[i].x) <= 2e-14 * (0.1 + fabs (rows[i].x))))
      g_error ("%g gives %.17g, not %.17g", rows[i].p, got, rows[i].x);
  }
}

/* ---- CategoryMapper ---- */

static void
test_categories (void)
{
  static const MlAttr attrs[] = {
      {"cats_strings", 's', "cat dog bird"}, {"cats_int64s", 'i', "4 -2 9"}, {0}};
  static const double codes[4] = {9, 4, -1, -2};
  g_autoptr (NodeCase) to = node_case_new (ML, 1, "CategoryMapper", "x", "y");
  g_autoptr (NodeCase) back = node_case_new (ML, 1, "CategoryMapper", "x", "y");
  g_autoptr (NodeCase) uneven = node_case_new (ML, 1, "CategoryMapper", "x", "y");

  add_attrs (to, attrs, NULL);
  node_case_give (to, "x", NULL, TENSOR_TEXT ("2 2", "bird", "cat", "cow", "dog"));
  node_case_expect (to, 0, "2 2", 4, codes, 0);
  add_attrs (back, attrs, NULL);
  onnx_node_attr (back->node, onnx_attr_text ("default_string", "what"));
  node_case_give (back, "x", NULL, TENSOR_I64 (INT64, "3", 9, 5, -2));
  node_case_run (back);
  expect_labels (back, "bird what dog");
  add_attrs (uneven, attrs, &(const MlAttr){"cats_int64s", 'i', "4 -2"});
  node_case_give (uneven, "x", NULL, TENSOR_TEXT ("1", "cat"));
  node_case_refused (uneven, "not equally long");
}

/* ---- what hostile files say ---- */

static const MlAttr linear[] = {{"coefficients", 'f', "1 2 3 4"},
                                {"intercepts", 'f', "1 2"},
                                {"classlabels_ints", 'i', "0 1"},
                                {0}};
static const MlAttr linear_targets[] = {
    {"coefficients", 'f', "1 2 3 4"}, {"intercepts", 'f', "1 2"}, {"targets", 'I', "2"}, {0}};
static const MlAttr regression[] = {{"coefficients", 'f', "1 -1 2 1"},
                                    {"support_vectors", 'f', "1 2 3 4 5 6 7 8"},
                                    {"rho", 'f', "0.5"},
                                    {"kernel_type", 'S', "RBF"},
                                    {"kernel_params", 'f', "0.1 0 3"},
                                    {0}};
static const MlAttr machine[] = {
    {"coefficients", 'f', "1 -1 2 1"}, {"support_vectors", 'f', "1 2 3 4 5 6 7 8"},
    {"vectors_per_class", 'i', "1 3"}, {"rho", 'f', "0.5"},
    {"kernel_type", 'S', "RBF"},       {"kernel_params", 'f', "0.1 0 3"},
    {"classlabels_ints", 'i', "0 1"},  {0}};

static const struct {
  const char *op;
  const MlAttr *attrs;
  MlAttr change;
  const char *text;
} hostile[] = {
    /* lists that differ in length */
    {"TreeEnsembleRegressor", stump, {"nodes_treeids", 'i', "0 0"}, "nodes_treeids"},
    {"TreeEnsembleRegressor", stump, {"nodes_values", 'f', "2 0"}, "2 nodes_values for 3"},
    {"TreeEnsembleRegressor", stump, {"nodes_modes", 's', NULL}, "no nodes"},
    {"TreeEnsembleRegressor", stump, {"nodes_modes", 'I', "3"}, "wrong type"},
    {"TreeEnsembleRegressor", stump, {"nodes_leaves", 'I', "3"}, "“nodes_leaves” is not known"},
    {"TreeEnsembleRegressor", stump, {"target_ids", 'i', "0"}, "target_ids"},
    {"TreeEnsembleRegressor", stump, {"nodes_missing_value_tracks_true", 'i', "1"}, "tracks_true"},
    {"TreeEnsembleRegressor", stump, {"base_values", 'f', "1 2"}, "2 base_values for 1"},
    {"TreeEnsembleRegressor", stump, {"nodes_values_as_tensor", 'd', "1 2 3"}, "both given"},
    /* circles, children that are not there or are shared */
    {"TreeEnsembleRegressor", stump, {"nodes_truenodeids", 'i', "0 0 0"}, "two ways lead"},
    {"TreeEnsembleRegressor", stump, {"nodes_truenodeids", 'i', "7 0 0"}, "goes on at node 7"},
    {"TreeEnsembleRegressor", stump, {"nodes_falsenodeids", 'i', "-1 0 0"}, "goes on at node -1"},
    {"TreeEnsembleRegressor", stump, {"nodes_modes", 's', "BRANCH_LT BRANCH_LT LEAF"}, "two ways"},
    {"TreeEnsembleRegressor", stump, {"nodes_nodeids", 'i', "0 1 1"}, "is there twice"},
    {"TreeEnsembleRegressor", stump, {"nodes_modes", 's', "BRANCH_ODD LEAF LEAF"}, "BRANCH_ODD"},
    {"TreeEnsembleRegressor", stump, {"nodes_featureids", 'i', "5 0 0"}, "feature 5 of 1"},
    {"TreeEnsembleRegressor", stump, {"nodes_featureids", 'i', "-5 0 0"}, "feature -5"},
    /* votes */
    {"TreeEnsembleRegressor", stump, {"target_nodeids", 'i', "1 5"}, "a vote is for node 5"},
    {"TreeEnsembleRegressor", stump, {"target_ids", 'i', "0 1"}, "target 1 of 1"},
    {"TreeEnsembleRegressor", stump, {"target_ids", 'i', "0 -9223372036854775808"}, "of 1"},
    {"TreeEnsembleRegressor", stump, {"n_targets", 'I', "-4"}, "target 0 of -4"},
    {"TreeEnsembleRegressor", stump, {"n_targets", 'I', "9223372036854775807"}, "targets"},
    {"TreeEnsembleRegressor", stump, {"n_targets", 'I', "1000000000000"}, "GiB"},
    {"TreeEnsembleRegressor", stump, {"aggregate_function", 'S', "MEDIAN"}, "MEDIAN"},
    {"TreeEnsembleRegressor", stump, {"post_transform", 'S', "SQUARE"}, "SQUARE"},
    {"TreeEnsembleClassifier", stump, {"classlabels_strings", 's', "one"}, "1 class label"},
    {"TreeEnsembleClassifier", stump, {"nodes_hitrates", 'f', "1"}, "no class labels"},
    /* version 5 */
    {"TreeEnsemble", sets, {"nodes_truenodeids", 'i', "0 0 1"}, "two ways lead"},
    {"TreeEnsemble", sets, {"tree_roots", 'i', "0 0"}, "two ways lead"},
    {"TreeEnsemble", sets, {"tree_roots", 'i', "3"}, "node 3 is not there"},
    {"TreeEnsemble", sets, {"nodes_falsenodeids", 'i', "2 4 3"}, "leaf 4 is not there"},
    {"TreeEnsemble", sets, {"nodes_modes", 'u', "0 6 7"}, "mode 7"},
    {"TreeEnsemble", sets, {"nodes_modes", 'i', "0 6 6"}, "wrong type"},
    {"TreeEnsemble", sets, {"nodes_splits", 't', "1"}, "nodes_splits"},
    {"TreeEnsemble", sets, {"membership_values", 't', "1 nan 2"}, "no set for node 2"},
    {"TreeEnsemble", sets, {"membership_values", 't', NULL}, "no set for node 1"},
    {"TreeEnsemble", sets, {"leaf_targetids", 'i', "0 1 2 4"}, "target 4 of 4"},
    {"TreeEnsemble", sets, {"leaf_weights", 'u', "1 1 1 1"}, "of type uint8"},
    {"TreeEnsemble", sets, {"aggregate_function", 'I', "4"}, "aggregate_function is 4"},
    /* linear models */
    {"LinearClassifier", linear, {"coefficients", 'f', "1 2 3"}, "do not divide"},
    {"LinearClassifier", linear, {"coefficients", 'f', "1 2"}, "1 coefficients in a row for 2"},
    {"LinearClassifier", linear, {"intercepts", 'f', "1 2 3"}, "3 rows for 2 classes"},
    {"LinearClassifier", linear, {"classlabels_strings", 's', "a b"}, "both given"},
    {"LinearRegressor", linear_targets, {"targets", 'I', "0"}, "0 targets"},
    {"LinearRegressor", linear_targets, {"targets", 'I', "9223372036854775807"}, "do not divide"},
    {"LinearRegressor", linear_targets, {"targets", 'I', "1"}, "2 intercepts for 1"},
    {"LinearRegressor", linear_targets, {"coefficients", 'f', NULL}, "“coefficients” is missing"},
    {"LinearRegressor", linear_targets, {"coefficients", 'i', "1 2"}, "wrong type"},
    /* support vector machines */
    {"SVMClassifier", machine, {"vectors_per_class", 'i', "1 -3"}, "class 1 has -3"},
    {"SVMClassifier", machine, {"vectors_per_class", 'i', "1 9223372036854775807"}, "class 1"},
    {"SVMClassifier", machine, {"vectors_per_class", 'i', "1 1000000000000"}, "do not fit"},
    {"SVMClassifier", machine, {"vectors_per_class", 'i', "4"}, "counts for 1 classes"},
    {"SVMClassifier", machine, {"support_vectors", 'f', "1 2 3"}, "3 numbers are not 4"},
    {"SVMClassifier", machine, {"rho", 'f', "1 2"}, "2 rho"},
    {"SVMClassifier", machine, {"rho", 'f', NULL}, "“rho” is missing"},
    {"SVMClassifier", machine, {"prob_a", 'f', "1"}, "prob_a and prob_b"},
    {"SVMClassifier", machine, {"kernel_type", 'S', "WAVE"}, "WAVE"},
    {"SVMClassifier", machine, {"kernel_params", 'f', "1"}, "gamma, coef0"},
    {"SVMRegressor", regression, {"n_supports", 'I', "3"}, "3 support vectors"},
    {"SVMRegressor", regression, {"n_supports", 'I', "-1"}, "-1 support vectors"},
};

static void
test_hostile (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (hostile); i++) {
    gboolean has_scores = g_str_has_suffix (hostile[i].op, "Classifier");
    int version = g_str_equal (hostile[i].op, "TreeEnsemble") ? 5 : 3;
    g_autoptr (NodeCase) c =
        node_case_new (ML, version, hostile[i].op, "x", has_scores ? "y z" : "y");

    add_attrs (c, hostile[i].attrs, &hostile[i].change);
    node_case_give (c, "x", NULL,
                    hostile[i].attrs == stump || hostile[i].attrs == sets
                        ? TENSOR (FLOAT, "1 1", 1)
                        : TENSOR (FLOAT, "1 2", 1, 2));
    node_case_refused (c, hostile[i].text);
  }
}

/* Each node is the parent of the next: deep, but no deeper than there are nodes. */
static void
test_deep_chain (void)
{
  enum { DEPTH = 20000 };
  GString *lists[6];
  static const char *const names[] = {"nodes_treeids", "nodes_nodeids", "nodes_featureids",
                                      "nodes_truenodeids", "nodes_falsenodeids"};
  g_autoptr (NodeCase) c = node_case_new (ML, 1, "TreeEnsembleRegressor", "x", "y");
  g_autoptr (GString) values = g_string_new (NULL);
  static const double expected[2] = {7, 0};

  for (guint k = 0; k < 6; k++)
    lists[k] = g_string_new (NULL);
  for (int i = 0; i <= 2 * DEPTH; i++) {
    gboolean leaf = i >= DEPTH;
    const int row[5] = {0, i, 0, leaf ? 0 : i + 1, leaf ? 0 : 2 * DEPTH - i};
    for (guint k = 0; k < 5; k++)
      g_string_append_printf (lists[k], i ? " %d" : "%d", row[k]);
    g_string_append_printf (lists[5], i ? " %s" : "%s", leaf ? "LEAF" : "BRANCH_LEQ");
    g_string_append (values, i ? " 1" : "1");
  }
  for (guint k = 0; k < 5; k++)
    onnx_node_attr (c->node, make_attr (names[k], 'i', lists[k]->str));
  onnx_node_attr (c->node, make_attr ("nodes_modes", 's', lists[5]->str));
  onnx_node_attr (c->node, make_attr ("nodes_values", 'f', values->str));
  g_autofree char *last = g_strdup_printf ("%d", DEPTH);
  onnx_node_attr (c->node, make_attr ("target_treeids", 'i', "0"));
  onnx_node_attr (c->node, make_attr ("target_nodeids", 'i', last));
  onnx_node_attr (c->node, make_attr ("target_ids", 'i', "0"));
  onnx_node_attr (c->node, make_attr ("target_weights", 'f', "7"));
  node_case_give (c, "x", NULL, TENSOR (FLOAT, "2 1", 0, 2));
  node_case_expect (c, 0, "2 1", 2, expected, 0);
  for (guint k = 0; k < 6; k++)
    g_string_free (lists[k], TRUE);
}

/* The kernel's own tables, one number changed at a time: a result or an error, nothing else. */
static void
test_changed_tables (void)
{
  static const int64_t wild[] = {G_MININT64, -7, -3, -2, -1,        0,         1,
                                 2,          3,  6,  7,  1LL << 40, G_MAXINT64};
  static const int64_t nodes[14] = {0, 6, 0, 1, -1, 0, 2, 1, 0, 1, -2, -3, 0, 0};
  static const int64_t leaves[4] = {0, 1, 3, 4}, targets[4] = {0, 0, 1, 1}, roots[2] = {0, -3};
  guint passed = 0, refused = 0;

  for (guint place = 0; place < 24; place++)
    for (guint w = 0; w < G_N_ELEMENTS (wild); w++) {
      int64_t all[24];
      memcpy (all, nodes, sizeof nodes);
      memcpy (all + 14, leaves, sizeof leaves);
      memcpy (all + 18, targets, sizeof targets);
      memcpy (all + 22, roots, sizeof roots);
      all[place] = wild[w];
      g_autoptr (RefCase) c = ref_case_new (GONIO_OP_TREE_ENSEMBLE);
      ref_case_in (c, TENSOR (FLOAT, "3 2", 1, 5, 2, -5, 4, NAN));
      ref_case_in (c, ref_tensor_i64 (GONIO_DTYPE_INT64, "2 7", 14, all));
      ref_case_in (c, TENSOR (DOUBLE, "2", 0, 0.5));
      ref_case_in (c, ref_tensor_i64 (GONIO_DTYPE_INT64, "4", 4, all + 14));
      ref_case_in (c, ref_tensor_i64 (GONIO_DTYPE_INT64, "4", 4, all + 18));
      ref_case_in (c, TENSOR (FLOAT, "4", 1, 10, 100, 1000));
      ref_case_in (c, ref_tensor_i64 (GONIO_DTYPE_INT64, "2", 2, all + 22));
      ref_case_in (c, TENSOR (DOUBLE, "2", 1, 2));
      ref_case_int (c, "n_targets", 2);
      if (ref_case_run (c))
        passed++;
      else
        refused++;
    }
  g_test_message ("%u ran, %u were refused", passed, refused);
  g_assert_cmpuint (passed, >, 60);
  g_assert_cmpuint (refused, >, 120);
}

static void
test_maps (void)
{
  static const char *const ops[] = {"ZipMap", "CastMap", "DictVectorizer"};

  for (guint i = 0; i < G_N_ELEMENTS (ops); i++) {
    g_autoptr (NodeCase) c = node_case_new (ML, 1, ops[i], "x", "y");

    node_case_give (c, "x", NULL, TENSOR (FLOAT, "1 2", 1, 2));
    node_case_refused (c, i == 0 ? "zipmap=False" : "reads a map");
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (ml_cases); i++) {
    g_autofree char *path =
        g_strdup_printf ("/onnx-ml/sklearn/%s/%s", ml_cases[i].op, ml_cases[i].name);
    g_test_add_data_func (path, &ml_cases[i], test_sklearn);
  }
  g_test_add_func ("/onnx-ml/trees/modes", test_modes);
  g_test_add_func ("/onnx-ml/trees/integers", test_integers_and_vectors);
  g_test_add_func ("/onnx-ml/trees/aggregates", test_aggregates);
  g_test_add_func ("/onnx-ml/trees/one-of-two", test_one_of_two);
  g_test_add_func ("/onnx-ml/trees/sets", test_sets);
  g_test_add_func ("/onnx-ml/trees/version-5", test_version_5);
  g_test_add_func ("/onnx-ml/trees/deep", test_deep_chain);
  g_test_add_func ("/onnx-ml/transforms", test_transforms);
  g_test_add_func ("/onnx-ml/probit", test_probit);
  g_test_add_func ("/onnx-ml/categories", test_categories);
  g_test_add_func ("/onnx-ml/hostile", test_hostile);
  g_test_add_func ("/onnx-ml/trees/changed-tables", test_changed_tables);
  g_test_add_func ("/onnx-ml/maps", test_maps);
  return g_test_run ();
}
