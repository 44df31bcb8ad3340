/* Import rows of linear models and support vector machines. Depends on ml.h. */
#include "core/onnx/import/ml.h"

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/ops/ml.h"

#define DOMAIN "ai.onnx.ml"

typedef struct {
  double *values;
  size_t n;
} Numbers;

static void
numbers_clear (Numbers *numbers)
{
  g_free (numbers->values);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Numbers, numbers_clear)

static gboolean
numbers_init (Numbers *numbers, const GonioImportNode *in, const char *name, GError **error)
{
  gboolean is_double = FALSE;
  return gonio_ml_doubles (in, name, &numbers->values, &numbers->n, &is_double, error);
}

#define LABELS                                                                                     \
  {"classlabels_ints", GONIO_ATTR_INTS, FALSE},                                                    \
  {                                                                                                \
    "classlabels_strings", GONIO_ATTR_STRINGS, FALSE                                               \
  }
#define TRANSFORM                                                                                  \
  {                                                                                                \
    "post_transform", GONIO_ATTR_STRING, FALSE                                                     \
  }
#define MACHINE                                                                                    \
  {"coefficients", GONIO_ATTR_FLOATS, TRUE}, {"kernel_params", GONIO_ATTR_FLOATS, FALSE},          \
      {"kernel_type", GONIO_ATTR_STRING, FALSE}, {"rho", GONIO_ATTR_FLOATS, TRUE},                 \
      {"support_vectors", GONIO_ATTR_FLOATS, FALSE}, TRANSFORM

static const GonioAttrSchema attrs_linear_classifier[] = {{"coefficients", GONIO_ATTR_FLOATS, TRUE},
                                                          {"intercepts", GONIO_ATTR_FLOATS, FALSE},
                                                          {"multi_class", GONIO_ATTR_INT, FALSE},
                                                          LABELS,
                                                          TRANSFORM,
                                                          {0}};
static const GonioAttrSchema attrs_linear_regressor[] = {{"coefficients", GONIO_ATTR_FLOATS, TRUE},
                                                         {"intercepts", GONIO_ATTR_FLOATS, FALSE},
                                                         {"targets", GONIO_ATTR_INT, FALSE},
                                                         TRANSFORM,
                                                         {0}};
static const GonioAttrSchema attrs_svm_classifier[] = {
    MACHINE,
    LABELS,
    {"prob_a", GONIO_ATTR_FLOATS, FALSE},
    {"prob_b", GONIO_ATTR_FLOATS, FALSE},
    {"vectors_per_class", GONIO_ATTR_INTS, FALSE},
    {0}};
static const GonioAttrSchema attrs_svm_regressor[] = {MACHINE,
                                                      {"n_supports", GONIO_ATTR_INT, FALSE},
                                                      {"n_targets", GONIO_ATTR_INT, FALSE},
                                                      {"one_class", GONIO_ATTR_INT, FALSE},
                                                      {0}};

/* ---- linear models ---- */

/* x times the coefficients of each of n_rows, plus the intercepts. */
static gboolean
linear_scores (GonioImportNode *in, const Numbers *w, const Numbers *b, size_t n_rows,
               GonioValueId *out_scores, GError **error)
{
  if (w->n == 0 || n_rows == 0 || w->n % n_rows != 0)
    return gonio_import_malformed (
        error, "%" G_GSIZE_FORMAT " coefficients do not divide into %" G_GSIZE_FORMAT " rows.",
        w->n, n_rows);
  if (b->n != 0 && b->n != n_rows)
    return gonio_import_malformed (
        error, "it has %" G_GSIZE_FORMAT " intercepts for %" G_GSIZE_FORMAT " rows.", b->n, n_rows);
  int64_t features = gonio_ml_n_features (in);
  if (features >= 0 && (size_t)features != w->n / n_rows)
    return gonio_import_malformed (error,
                                   "it has %" G_GSIZE_FORMAT
                                   " coefficients in a row for %" G_GINT64_FORMAT " features.",
                                   w->n / n_rows, features);
  GonioShape table = GONIO_SHAPE ((int64_t)n_rows, (int64_t)(w->n / n_rows));
  GonioShape list = GONIO_SHAPE ((int64_t)b->n);
  GonioValueId x = gonio_ml_rows (in, GONIO_DTYPE_FLOAT);
  GonioValueId rows = gonio_ml_numbers (in, "coefficients", GONIO_DTYPE_FLOAT, &table, w->values);
  GonioValueId offset =
      b->n > 0 ? gonio_ml_numbers (in, "intercepts", GONIO_DTYPE_FLOAT, &list, b->values)
               : GONIO_VALUE_NONE;
  *out_scores = gonio_ml_product (in, "linear", x, rows, offset);
  return TRUE;
}

static gboolean
linear_regressor (GonioImportNode *in, GError **error)
{
  int64_t targets = gonio_node_attr_int (in->node, "targets", 1);
  g_auto (Numbers) w = {0};
  g_auto (Numbers) b = {0};
  GonioMlTransform transform = GONIO_ML_NONE;
  GonioValueId y = GONIO_VALUE_NONE;

  if (!gonio_import_check_attrs (in, attrs_linear_regressor, error))
    return FALSE;
  if (targets < 1)
    return gonio_import_malformed (error, "it has %" G_GINT64_FORMAT " targets.", targets);
  if (!numbers_init (&w, in, "coefficients", error) ||
      !numbers_init (&b, in, "intercepts", error) || !gonio_ml_transform (in, &transform, error) ||
      !linear_scores (in, &w, &b, (size_t)targets, &y, error))
    return FALSE;
  GonioMlOutputs out = gonio_ml_begin (in);
  gonio_ml_give (in, &out, 0, gonio_ml_transformed (in, transform, GONIO_DTYPE_FLOAT, y));
  gonio_ml_end (in);
  return TRUE;
}

/* One row of coefficients for two classes is the score of the second one. */
static gboolean
linear_classifier (GonioImportNode *in, GError **error)
{
  g_autoptr (GonioTensor) labels = gonio_ml_labels (in, "classlabels_ints", error);
  g_auto (Numbers) w = {0};
  g_auto (Numbers) b = {0};
  GonioMlTransform transform = GONIO_ML_NONE;
  GonioValueId y = GONIO_VALUE_NONE;

  if (!labels || !gonio_import_check_attrs (in, attrs_linear_classifier, error) ||
      !numbers_init (&w, in, "coefficients", error) ||
      !numbers_init (&b, in, "intercepts", error) || !gonio_ml_transform (in, &transform, error))
    return FALSE;
  size_t classes = (size_t)gonio_tensor_count (labels);
  int64_t features = gonio_ml_n_features (in);
  size_t rows = b.n > 0 ? b.n : features > 0 && w.n == (size_t)features ? 1 : classes;
  if (rows != classes && !(rows == 1 && classes == 2))
    return gonio_import_malformed (
        error, "it has %" G_GSIZE_FORMAT " rows for %" G_GSIZE_FORMAT " classes.", rows, classes);
  if (!linear_scores (in, &w, &b, rows, &y, error))
    return FALSE;
  GonioMlOutputs out = gonio_ml_begin (in);
  if (rows == 1)
    y = gonio_ml_columns (in, "scores", gonio_import_unary (in, GONIO_OP_NEG, "other", y), y);
  gonio_ml_give_label (in, &out, y, labels);
  gonio_ml_give (in, &out, 1, gonio_ml_transformed (in, transform, GONIO_DTYPE_FLOAT, y));
  gonio_ml_end (in);
  return TRUE;
}

/* ---- support vector machines: in double, as distances are differences ---- */

static GonioValueId
scalar (GonioImportNode *in, const char *hint, double value)
{
  return gonio_import_const_scalar (in, hint, GONIO_DTYPE_DOUBLE, value);
}

/* Squared distances of the rows of x to the vectors: |x|^2 - 2 x v + |v|^2. */
static GonioValueId
square_distances (GonioImportNode *in, GonioValueId x, GonioValueId dots, const Numbers *vectors,
                  size_t n, GError **error)
{
  size_t width = vectors->n / n;
  const int64_t columns = 1;
  GonioShape list = GONIO_SHAPE ((int64_t)n);
  g_autofree double *squares = gonio_new0 (double, n, "the support vectors", error);

  if (!squares)
    return GONIO_VALUE_NONE;
  for (size_t i = 0; i < vectors->n; i++)
    squares[i / width] += vectors->values[i] * vectors->values[i];
  GonioValueId sum = gonio_import_binary (
      in, GONIO_OP_ADD, "squares",
      gonio_import_binary (in, GONIO_OP_REDUCE_SUM_SQUARE, "length", x,
                           gonio_import_const_ints (in, "columns", &columns, 1)),
      gonio_ml_numbers (in, "lengths", GONIO_DTYPE_DOUBLE, &list, squares));
  dots = gonio_import_binary (in, GONIO_OP_MUL, "twice", dots, scalar (in, "two", 2));
  return gonio_import_binary (in, GONIO_OP_MAX, "distance",
                              gonio_import_binary (in, GONIO_OP_SUB, "apart", sum, dots),
                              scalar (in, "zero", 0));
}

/* The kernel of every row of the input with each of n vectors. */
static gboolean
kernel_values (GonioImportNode *in, const Numbers *vectors, size_t n, GonioValueId *out_values,
               GError **error)
{
  const char *kind = gonio_node_attr_string (in->node, "kernel_type", "LINEAR");
  gboolean linear = g_str_equal (kind, "LINEAR"), radial = g_str_equal (kind, "RBF");
  gboolean power = g_str_equal (kind, "POLY");
  int64_t features = gonio_ml_n_features (in);
  g_auto (Numbers) params = {0};

  if (!linear && !radial && !power && !g_str_equal (kind, "SIGMOID"))
    return gonio_import_malformed (error, "kernel_type is “%s”.", kind);
  if (!numbers_init (&params, in, "kernel_params", error))
    return FALSE;
  if (!linear && params.n != 3)
    return gonio_import_malformed (error, "kernel_params are not gamma, coef0 and degree.");
  if (vectors->n == 0 || vectors->n % n != 0 ||
      (features >= 0 && (size_t)features != vectors->n / n))
    return gonio_import_malformed (error,
                                   "%" G_GSIZE_FORMAT " numbers are not %" G_GSIZE_FORMAT
                                   " support vectors of the input's features.",
                                   vectors->n, n);
  GonioShape table = GONIO_SHAPE ((int64_t)n, (int64_t)(vectors->n / n));
  GonioValueId x = gonio_ml_rows (in, GONIO_DTYPE_DOUBLE);
  GonioValueId rows = gonio_ml_numbers (in, "vectors", GONIO_DTYPE_DOUBLE, &table, vectors->values);
  GonioValueId y = gonio_ml_product (in, "dots", x, rows, GONIO_VALUE_NONE);
  if (radial) {
    y = square_distances (in, x, y, vectors, n, error);
    if (y == GONIO_VALUE_NONE)
      return FALSE;
    y = gonio_import_binary (in, GONIO_OP_MUL, "scaled", y,
                             scalar (in, "gamma", -params.values[0]));
    y = gonio_import_unary (in, GONIO_OP_EXP, "kernel", y);
  } else if (!linear) {
    y = gonio_import_binary (in, GONIO_OP_MUL, "scaled", y, scalar (in, "gamma", params.values[0]));
    y = gonio_import_binary (in, GONIO_OP_ADD, "moved", y, scalar (in, "coef0", params.values[1]));
    y = power ? gonio_import_binary (in, GONIO_OP_POW, "kernel", y,
                                     scalar (in, "degree", params.values[2]))
              : gonio_import_unary (in, GONIO_OP_TANH, "kernel", y);
  }
  *out_values = y;
  return TRUE;
}

typedef struct {
  Numbers coefficients, rho, vectors, prob_a, prob_b;
  GonioMlTransform transform;
} Svm;

static void
svm_clear (Svm *svm)
{
  Numbers *const all[] = {&svm->coefficients, &svm->rho, &svm->vectors, &svm->prob_a, &svm->prob_b};
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    numbers_clear (all[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Svm, svm_clear)

static gboolean
svm_init (Svm *svm, const GonioImportNode *in, GError **error)
{
  if (!numbers_init (&svm->coefficients, in, "coefficients", error) ||
      !numbers_init (&svm->rho, in, "rho", error) ||
      !numbers_init (&svm->vectors, in, "support_vectors", error) ||
      !numbers_init (&svm->prob_a, in, "prob_a", error) ||
      !numbers_init (&svm->prob_b, in, "prob_b", error) ||
      !gonio_ml_transform (in, &svm->transform, error))
    return FALSE;
  return (svm->coefficients.n > 0 && svm->rho.n > 0) ||
         gonio_import_malformed (error, "it has no coefficients or no rho.");
}

/* Without support vectors the coefficients are those of a linear model. */
static gboolean
svm_regressor (GonioImportNode *in, GError **error)
{
  int64_t n = gonio_node_attr_int (in->node, "n_supports", 0);
  gboolean one_class = gonio_node_attr_int (in->node, "one_class", 0) != 0;
  g_auto (Svm) svm = {0};
  GonioValueId y = GONIO_VALUE_NONE;

  if (!gonio_import_check_attrs (in, attrs_svm_regressor, error) || !svm_init (&svm, in, error))
    return FALSE;
  if (n < 0 || (n > 0 && svm.coefficients.n != (size_t)n) || svm.rho.n != 1)
    return gonio_import_malformed (error,
                                   "%" G_GINT64_FORMAT " support vectors have %" G_GSIZE_FORMAT
                                   " coefficients and %" G_GSIZE_FORMAT " rho.",
                                   n, svm.coefficients.n, svm.rho.n);
  if (n == 0)
    gonio_graph_set_attr_string (in->graph, in->id, "kernel_type", "LINEAR");
  if (!kernel_values (in, n > 0 ? &svm.vectors : &svm.coefficients, n > 0 ? (size_t)n : 1, &y,
                      error))
    return FALSE;
  if (n > 0) {
    GonioShape row = GONIO_SHAPE (1, n);
    y = gonio_ml_product (
        in, "weighed", y,
        gonio_ml_numbers (in, "coefficients", GONIO_DTYPE_DOUBLE, &row, svm.coefficients.values),
        GONIO_VALUE_NONE);
  }
  y = gonio_import_binary (in, GONIO_OP_ADD, "decision", y, scalar (in, "rho", svm.rho.values[0]));
  if (one_class) {
    const GonioValueId sides[3] = {
        gonio_import_binary (in, GONIO_OP_GREATER, "inside", y, scalar (in, "zero", 0)),
        scalar (in, "in", 1), scalar (in, "out", -1)};
    y = gonio_import_emit (in, GONIO_OP_WHERE, "side", sides, 3, NULL);
  }
  GonioMlOutputs out = gonio_ml_begin (in);
  gonio_ml_give (in, &out, 0, gonio_ml_transformed (in, svm.transform, GONIO_DTYPE_DOUBLE, y));
  gonio_ml_end (in);
  return TRUE;
}

/* ---- SVMClassifier ---- */

/* liblinear: a row of coefficients for each class, one rho for all. */
static gboolean
linear_svm (GonioImportNode *in, const Svm *svm, GonioTensor *labels, GError **error)
{
  GonioValueId y = GONIO_VALUE_NONE;

  gonio_graph_set_attr_string (in->graph, in->id, "kernel_type", "LINEAR");
  if (!kernel_values (in, &svm->coefficients, (size_t)gonio_tensor_count (labels), &y, error))
    return FALSE;
  y = gonio_import_binary (in, GONIO_OP_ADD, "scores", y, scalar (in, "rho", svm->rho.values[0]));
  GonioMlOutputs out = gonio_ml_begin (in);
  gonio_ml_give_label (in, &out, y, labels);
  gonio_ml_give (in, &out, 1, gonio_ml_transformed (in, svm->transform, GONIO_DTYPE_DOUBLE, y));
  gonio_ml_end (in);
  return TRUE;
}

static GonioValueId
couple (GonioImportNode *in, const char *hint, GonioValueId pairs, size_t classes,
        gboolean probability)
{
  GonioNodeId node = GONIO_NODE_NONE;
  GonioValueId y = gonio_import_emit (in, GONIO_OP_PAIR_COUPLING, hint, &pairs, 1, &node);

  gonio_graph_set_attr_int (in->graph, node, "classes", (int64_t)classes);
  gonio_graph_set_attr_int (in->graph, node, "probability", probability);
  return y;
}

/* LIBSVM's estimate: the first of two classes has probability 1 / (1 + exp (a d + b)). */
static GonioValueId
probabilities (GonioImportNode *in, const Svm *svm, GonioValueId decisions, size_t classes)
{
  GonioShape list = GONIO_SHAPE ((int64_t)svm->prob_a.n);
  GonioValueId a = gonio_ml_numbers (in, "prob_a", GONIO_DTYPE_DOUBLE, &list, svm->prob_a.values);
  GonioValueId b = gonio_ml_numbers (in, "prob_b", GONIO_DTYPE_DOUBLE, &list, svm->prob_b.values);
  GonioValueId z =
      gonio_import_binary (in, GONIO_OP_ADD, "exponent",
                           gonio_import_binary (in, GONIO_OP_MUL, "slope", decisions, a), b);
  z = gonio_import_unary (in, GONIO_OP_SIGMOID, "pairs",
                          gonio_import_unary (in, GONIO_OP_NEG, "negative", z));
  return couple (in, "probability", z, classes, TRUE);
}

static gboolean
check_pairs (const Svm *svm, const int64_t *counts, guint n_counts, size_t classes,
             int64_t *out_vectors, GError **error)
{
  int64_t n = 0;
  size_t pairs = classes * (classes - 1) / 2;

  if (classes > GONIO_MAX_PAIRED_CLASSES)
    return gonio_import_unsupported (error, "%" G_GSIZE_FORMAT " classes are more than %d.",
                                     classes, GONIO_MAX_PAIRED_CLASSES);
  if (n_counts != classes)
    return gonio_import_malformed (
        error, "vectors_per_class counts for %u classes; it has %" G_GSIZE_FORMAT ".", n_counts,
        classes);
  for (guint i = 0; i < n_counts; i++)
    if (counts[i] < 0 || !gonio_checked_add_i64 (n, counts[i], &n))
      return gonio_import_malformed (error, "class %u has %" G_GINT64_FORMAT " vectors.", i,
                                     counts[i]);
  /* Divided, as the product could overflow. */
  if (n < 1 || svm->coefficients.n % (classes - 1) != 0 ||
      svm->coefficients.n / (classes - 1) != (size_t)n || svm->rho.n != pairs)
    return gonio_import_malformed (error,
                                   "%" G_GSIZE_FORMAT " coefficients and %" G_GSIZE_FORMAT
                                   " rho do not fit %" G_GSIZE_FORMAT
                                   " classes and %" G_GINT64_FORMAT " support vectors.",
                                   svm->coefficients.n, svm->rho.n, classes, n);
  if (svm->prob_a.n != svm->prob_b.n || (svm->prob_a.n != 0 && svm->prob_a.n != pairs))
    return gonio_import_malformed (error, "prob_a and prob_b do not fit the pairs of classes.");
  *out_vectors = n;
  return TRUE;
}

/* Every two classes are told apart; the class that wins most often is the label. */
static gboolean
svm_classifier (GonioImportNode *in, GError **error)
{
  g_autoptr (GonioTensor) labels = gonio_ml_labels (in, "classlabels_ints", error);
  g_auto (Svm) svm = {0};
  guint n_counts = 0;
  const int64_t *counts = gonio_node_attr_ints (in->node, "vectors_per_class", &n_counts);
  size_t classes = labels ? (size_t)gonio_tensor_count (labels) : 0;
  int64_t n = 0;
  GonioValueId kernel = GONIO_VALUE_NONE;

  if (!labels || !gonio_import_check_attrs (in, attrs_svm_classifier, error) ||
      !svm_init (&svm, in, error))
    return FALSE;
  if (n_counts == 0)
    return linear_svm (in, &svm, labels, error);
  if (!check_pairs (&svm, counts, n_counts, classes, &n, error) ||
      !kernel_values (in, &svm.vectors, (size_t)n, &kernel, error))
    return FALSE;
  GonioShape table = GONIO_SHAPE ((int64_t)classes - 1, n);
  GonioShape pairs = GONIO_SHAPE ((int64_t)svm.rho.n);
  const GonioValueId inputs[4] = {
      kernel,
      gonio_ml_numbers (in, "coefficients", GONIO_DTYPE_DOUBLE, &table, svm.coefficients.values),
      gonio_import_const_ints (in, "per_class", counts, n_counts),
      gonio_ml_numbers (in, "rho", GONIO_DTYPE_DOUBLE, &pairs, svm.rho.values)};
  GonioMlOutputs out = gonio_ml_begin (in);
  GonioValueId y = gonio_import_emit (in, GONIO_OP_PAIR_DECISIONS, "decisions", inputs, 4, NULL);
  gonio_ml_give_label (in, &out, couple (in, "votes", y, classes, FALSE), labels);
  if (svm.prob_a.n > 0)
    y = probabilities (in, &svm, y, classes);
  else if (classes == 2)
    y = gonio_ml_columns (in, "scores", gonio_import_unary (in, GONIO_OP_NEG, "other", y), y);
  gonio_ml_give (in, &out, 1, gonio_ml_transformed (in, svm.transform, GONIO_DTYPE_DOUBLE, y));
  gonio_ml_end (in);
  return TRUE;
}

const GonioImportRow gonio_import_ml_linear[] = {
    {"LinearClassifier", DOMAIN, 1, 0, linear_classifier},
    {"LinearRegressor", DOMAIN, 1, 0, linear_regressor},
    {"SVMClassifier", DOMAIN, 1, 0, svm_classifier},
    {"SVMRegressor", DOMAIN, 1, 0, svm_regressor},
    {0},
};
