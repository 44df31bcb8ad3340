/* The gradients of softmax and cross entropy of com.microsoft, from the file to the result,
 * against their definitions computed here in double. */
#include "tests/support/node-case.h"
#include "tests/support/reference-case.h"

#include <math.h>

#define MS "com.microsoft"

/* ---- softmax ---- */

/* [2,3,4]: which group an element is summed with, for each way to take the sum. */
enum { LAST, MIDDLE, FROM_MIDDLE, ALL };

static int
group_of (int way, int i)
{
  return way == LAST ? i / 4 : way == MIDDLE ? i / 12 * 4 + i % 4 : way == FROM_MIDDLE ? i / 12 : 0;
}

static void
check_softmax (const char *op, gboolean has_axis, int64_t axis, int way)
{
  gboolean is_log = g_str_has_prefix (op, "Log");
  g_autoptr (NodeCase) c = node_case_new (MS, 1, op, "dy y", "dx");
  double dy[24], y[24], dx[24], sums[24] = {0}, exps[24] = {0};

  for (int i = 0; i < 24; i++) {
    dy[i] = sin (1.7 * i);
    exps[group_of (way, i)] += exp (cos (2.3 * i));
  }
  for (int i = 0; i < 24; i++) {
    y[i] = exp (cos (2.3 * i)) / exps[group_of (way, i)];
    sums[group_of (way, i)] += is_log ? dy[i] : dy[i] * y[i];
  }
  for (int i = 0; i < 24; i++) {
    double sum = sums[group_of (way, i)];
    dx[i] = is_log ? dy[i] - y[i] * sum : y[i] * (dy[i] - sum);
    y[i] = is_log ? log (y[i]) : y[i];
  }
  node_case_give (c, "dy", NULL, ref_tensor (GONIO_DTYPE_FLOAT, "2 3 4", 24, dy));
  node_case_give (c, "y", NULL, ref_tensor (GONIO_DTYPE_FLOAT, "2 3 4", 24, y));
  if (has_axis)
    onnx_node_attr (c->node, onnx_attr_int ("axis", axis));
  node_case_expect (c, 0, "2 3 4", 24, dx, 1e-6);
}

static void
test_softmax (void)
{
  static const char *const old[] = {"SoftmaxGrad", "LogSoftmaxGrad"};
  static const char *const new[] = {"SoftmaxGrad_13", "LogSoftmaxGrad_13"};

  for (int i = 0; i < 2; i++) {
    check_softmax (old[i], FALSE, 0, FROM_MIDDLE);
    check_softmax (old[i], TRUE, 0, ALL);
    check_softmax (old[i], TRUE, -2, FROM_MIDDLE);
    check_softmax (old[i], TRUE, -1, LAST);
    check_softmax (new[i], FALSE, 0, LAST);
    check_softmax (new[i], TRUE, 1, MIDDLE);
    check_softmax (new[i], TRUE, -2, MIDDLE);
  }
}

/* ---- cross entropy ---- */

#define BATCH   2
#define CLASSES 3
#define PLACES  2 /* of each sample */
#define LABELS  (BATCH * PLACES)
#define ALL_P   (BATCH * CLASSES * PLACES)

typedef struct {
  const char *op, *inputs, *reduction;
  int64_t ignored; /* -100: no label is */
  gboolean attr;   /* the ignored label is an attribute */
} LossRow;

static const int64_t labels[LABELS] = {2, 0, 1, 2};
static const double class_weights[CLASSES] = {0.5, 2, 0.25};

/* As ONNX Runtime: (p - 1 at the label) times the label's weight times the gradient of the loss,
 * divided by the sum of the weights for the mean. */
static void
expected_gradient (const LossRow *row, const double *log_p, const double *dy, double *dx)
{
  gboolean weighted = g_strrstr (row->inputs, " w") != NULL;
  gboolean none = g_strcmp0 (row->reduction, "none") == 0;
  double sum = 0;

  for (int i = 0; i < LABELS; i++)
    sum += labels[i] == row->ignored ? 0 : weighted ? class_weights[labels[i]] : 1;
  if (g_strcmp0 (row->reduction, "mean") != 0 && row->reduction)
    sum = 1;
  for (int k = 0; k < ALL_P; k++) {
    int b = k / (CLASSES * PLACES), j = k / PLACES % CLASSES, i = b * PLACES + k % PLACES;
    double w = labels[i] == row->ignored ? 0 : weighted ? class_weights[labels[i]] : 1;
    double g = g_str_has_prefix (row->inputs, "dy") ? dy[none ? i : 0] : 1;

    dx[k] = (exp (log_p[k]) - (labels[i] == j)) * w * g / sum;
    if (g_str_has_suffix (row->inputs, "bias"))
      dx[k] += 0.125;
  }
}

static NodeCase *
loss_case (const LossRow *row, GonioDType dtype, double *dx)
{
  NodeCase *c = node_case_new (MS, 1, row->op, row->inputs, "dx");
  gboolean none = g_strcmp0 (row->reduction, "none") == 0;
  double log_p[ALL_P], dy[LABELS] = {0.75, -0.5, 1.5, 2};

  for (int k = 0; k < ALL_P; k++) { /* numbers that a half can hold */
    log_p[k] = -(1 + k * 5 % 12) / 8.0;
  }
  expected_gradient (row, log_p, dy, dx);
  if (g_str_has_prefix (row->inputs, "dy"))
    node_case_give (c, "dy", NULL, ref_tensor (dtype, none ? "2 2" : "", none ? 4 : 1, dy));
  node_case_give (c, "p", NULL, ref_tensor (dtype, "2 3 2", ALL_P, log_p));
  node_case_give (
      c, "l", NULL,
      ref_tensor_i64 (row->attr ? GONIO_DTYPE_INT32 : GONIO_DTYPE_INT64, "2 2", LABELS, labels));
  if (g_strrstr (row->inputs, " w"))
    node_case_hold (c, "w", ref_tensor (dtype, "3", CLASSES, class_weights));
  if (g_strrstr (row->inputs, " i"))
    node_case_hold (c, "i", ref_tensor_i64 (GONIO_DTYPE_INT64, "", 1, &row->ignored));
  if (g_strrstr (row->inputs, "bias"))
    node_case_hold (c, "bias", TENSOR (FLOAT, "", 0.125));
  if (row->attr)
    onnx_node_attr (c->node, onnx_attr_int ("ignore_index", row->ignored));
  if (row->reduction)
    onnx_node_attr (c->node, onnx_attr_text ("reduction", row->reduction));
  return c;
}

#define GRAD     "SoftmaxCrossEntropyLossGrad"
#define INTERNAL "SoftmaxCrossEntropyLossInternalGrad"

static const LossRow loss_rows[] = {
    {GRAD, "p l", "mean", -100, FALSE},         {GRAD, "dy p l", NULL, -100, FALSE},
    {GRAD, "dy p l", "sum", -100, FALSE},       {GRAD, "dy p l", "none", -100, FALSE},
    {GRAD, "dy p l", "mean", 2, TRUE},          {GRAD, "dy p l", "none", 2, TRUE},
    {GRAD, "dy p l w", "mean", -100, FALSE},    {GRAD, "dy p l w", "none", 2, TRUE},
    {GRAD, "dy p l w i", "mean", 2, FALSE},     {INTERNAL, "dy p l w i", "sum", 0, FALSE},
    {INTERNAL, "dy p l - i", "mean", 2, FALSE}, {INTERNAL, "dy p l w i bias", "mean", 1, FALSE},
};

static void
test_loss (void)
{
  double dx[ALL_P];

  for (guint r = 0; r < G_N_ELEMENTS (loss_rows); r++) {
    g_autoptr (NodeCase) c = loss_case (&loss_rows[r], GONIO_DTYPE_FLOAT, dx);
    node_case_expect (c, 0, "2 3 2", ALL_P, dx, 1e-6);
  }
  for (guint r = 1; r < 6; r++) {
    g_autoptr (NodeCase) c = loss_case (&loss_rows[r], GONIO_DTYPE_FLOAT16, dx);
    node_case_expect (c, 0, "2 3 2", ALL_P, dx, 1e-3);
    g_assert_cmpint (gonio_tensor_dtype (c->outputs[0]), ==, GONIO_DTYPE_FLOAT16);
  }
  g_autoptr (NodeCase) typed = loss_case (&loss_rows[10], GONIO_DTYPE_FLOAT16, dx);
  onnx_node_attr (typed->node, onnx_attr_int ("output_type", GONIO_DTYPE_FLOAT));
  node_case_expect (typed, 0, "2 3 2", ALL_P, dx, 1e-6);
  g_assert_cmpint (gonio_tensor_dtype (typed->outputs[0]), ==, GONIO_DTYPE_FLOAT);
}

/* The mean over more labels than a half can count: 1 / 70000 each. */
static void
test_many_labels (void)
{
  const int64_t n = 70000;
  g_autoptr (NodeCase) c = node_case_new (MS, 1, GRAD, "dy p l", "dx");
  GonioShape pairs = GONIO_SHAPE (n, 2), list = GONIO_SHAPE (n);
  GonioTensor *p = gonio_tensor_new (GONIO_DTYPE_FLOAT16, &pairs, NULL);
  GonioTensor *l = gonio_tensor_new (GONIO_DTYPE_INT64, &list, NULL);

  for (int64_t i = 0; i < 2 * n; i++)
    ((uint16_t *)gonio_tensor_writable_data (p))[i] = gonio_float_to_half (-0.6931472f);
  for (int64_t i = 0; i < n; i++)
    ((int64_t *)gonio_tensor_writable_data (l))[i] = 1;
  node_case_give (c, "dy", NULL, TENSOR (FLOAT16, "", 1000));
  node_case_give (c, "p", NULL, p);
  node_case_give (c, "l", NULL, l);
  g_assert_true (node_case_run (c));
  for (int i = 0; i < 2; i++)
    g_assert_cmpfloat_with_epsilon (gonio_tensor_get_double (c->outputs[0], i),
                                    (i ? -500 : 500) / 70000.0, 1e-5);
}

/* ---- what is refused ---- */

static void
test_refuses (void)
{
  static const struct {
    const char *op, *inputs, *name, *value, *text;
    int64_t number;
  } rows[] = {
      {"SoftmaxGrad", "p", NULL, NULL, "two inputs", 0},
      {"SoftmaxGrad", "p p p", NULL, NULL, "two inputs", 0},
      {"SoftmaxGrad", "p p", "axis", NULL, "axis is 2", 2},
      {"SoftmaxGrad_13", "p p", "axis", NULL, "axis is -3", -3},
      {"SoftmaxGrad", "p p", "axis", "1", "wrong type", 0},
      {"SoftmaxGrad", "p p", "axes", NULL, "not known", 1},
      {GRAD, "p", NULL, NULL, "its inputs are not", 0},
      {GRAD, "- p l", NULL, NULL, "its inputs are not", 0},
      {GRAD, "p l l", NULL, NULL, "shape of its probabilities", 0},
      {GRAD, "p p k", NULL, NULL, "shape of its probabilities", 0},
      {GRAD, "s p f", NULL, NULL, "labels integers", 0},
      {GRAD, "s p l", "reduction", "most", "“most”", 0},
      {GRAD, "s p l", "reduction", NULL, "wrong type", 1},
      {GRAD, "s p l", "ignore_index", "1", "wrong type", 0},
      {GRAD, "s p l", "output_type", NULL, "not known", 1},
      {INTERNAL, "s p l", "output_type", NULL, "output_type is 7", 7},
      {GRAD, "s p l", NULL, NULL, "index", 0}, /* label 3 of three classes */
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (MS, 1, rows[i].op, rows[i].inputs, "y");

    g_test_message ("%s (%s)", rows[i].op, rows[i].inputs);
    node_case_hold (c, "s", TENSOR (FLOAT, "", 1));
    node_case_hold (c, "p", TENSOR (FLOAT, "2 3", -1, -2, -3, -1, -1, -1));
    node_case_hold (c, "f", TENSOR (FLOAT, "2", 0, 1));
    node_case_hold (c, "k", TENSOR_I64 (INT64, "1", 0));
    node_case_hold (c, "l", TENSOR_I64 (INT64, "2", 0, 3));
    if (rows[i].name)
      onnx_node_attr (c->node, rows[i].value ? onnx_attr_text (rows[i].name, rows[i].value)
                                             : onnx_attr_int (rows[i].name, rows[i].number));
    node_case_refused (c, rows[i].text);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-contrib-training/softmax", test_softmax);
  g_test_add_func ("/onnx-contrib-training/loss", test_loss);
  g_test_add_func ("/onnx-contrib-training/many-labels", test_many_labels);
  g_test_add_func ("/onnx-contrib-training/refuses", test_refuses);
  return g_test_run ();
}
