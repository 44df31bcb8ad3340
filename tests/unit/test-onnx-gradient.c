/* Gradient: every rule against differences of the same function computed here. */
#include "tests/support/node-case.h"
#include "tests/support/reference-case.h"

#include <math.h>
#include <string.h>

#define TRAINING "ai.onnx.preview.training"

static NodeCase *
gradient_case (const char *inputs, const char *outputs, const char *xs, const char *y)
{
  NodeCase *c = node_case_new (TRAINING, 1, "Gradient", inputs, outputs);

  onnx_node_attr (c->node, onnx_attr_texts ("xs", xs));
  onnx_node_attr (c->node, onnx_attr_text ("y", y));
  return c;
}

static void
add_node (NodeCase *c, const char *op, const char *inputs, const char *output)
{
  onnx_graph_node (c->file, onnx_node (op, inputs, output));
}

/* in: a 2x3, b 3x2, c 2 (added along columns), d 2x1 (a factor along rows). */
static double
function (const double *in)
{
  const double *a = in, *b = in + 6, *c = in + 12, *d = in + 14;
  double sum = 0, mean = 0;

  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++) {
      double m = c[j], e;
      for (int k = 0; k < 3; k++)
        m += a[3 * i + k] * b[2 * k + j];
      e = exp (-m);
      sum += d[i] * (tanh (m) / (1 + exp (-m)) + fmax (m, 0) / e - sqrt (e));
      mean += log (e + m * m) / 4;
    }
  return sum + mean;
}

static void
test_rules (void)
{
  static const char *const shapes[4] = {"2 3", "3 2", "2", "2 1"};
  static const guint sizes[4] = {6, 6, 2, 2};
  static const char *const names[4] = {"a", "b", "c", "d"};
  g_autoptr (NodeCase) c = gradient_case ("a b c d u", "ga gb gc gd gu", "a b c d u", "y");
  static const double zeros[2] = {0, 0};
  double in[16];

  for (int i = 0; i < 16; i++)
    in[i] = sin (1.7 * i + 0.3);
  for (guint i = 0, at = 0; i < 4; at += sizes[i++])
    node_case_give (c, names[i], NULL,
                    ref_tensor (GONIO_DTYPE_DOUBLE, shapes[i], sizes[i], in + at));
  node_case_give (c, "u", NULL, TENSOR (DOUBLE, "2", INFINITY, 1)); /* y does not depend on it */
  add_node (c, "MatMul", "a b", "product");
  add_node (c, "Add", "product c", "m");
  add_node (c, "Neg", "m", "negative");
  add_node (c, "Exp", "negative", "e");
  add_node (c, "Tanh", "m", "t");
  add_node (c, "Sigmoid", "m", "s");
  add_node (c, "Mul", "t s", "ts");
  add_node (c, "Relu", "m", "r");
  add_node (c, "Div", "r e", "re");
  add_node (c, "Sqrt", "e", "q");
  add_node (c, "Add", "ts re", "left");
  add_node (c, "Sub", "left q", "inner");
  add_node (c, "Flatten", "inner", "flat");
  add_node (c, "Mul", "flat d", "scaled");
  add_node (c, "ReduceSum", "scaled", "all");
  add_node (c, "Mul", "m m", "mm");
  add_node (c, "Add", "e mm", "emm");
  add_node (c, "Log", "emm", "l");
  add_node (c, "ReduceMean", "l", "mean");
  add_node (c, "Add", "all mean", "total");
  add_node (c, "Identity", "total", "y");
  for (guint i = 0, at = 0; i < 4; at += sizes[i++]) {
    double expected[6];

    for (guint k = 0; k < sizes[i]; k++) {
      double higher[16], lower[16];
      memcpy (higher, in, sizeof in);
      memcpy (lower, in, sizeof in);
      higher[at + k] += 1e-5;
      lower[at + k] -= 1e-5;
      expected[k] = (function (higher) - function (lower)) / 2e-5;
    }
    node_case_expect (c, i, shapes[i], sizes[i], expected, 1e-8);
  }
  node_case_expect (c, 4, "2", 2, zeros, 0);
}

/* y = (x x) x, and its own derivative once more. */
static void
test_twice (void)
{
  static const double twice[1] = {12};
  g_autoptr (NodeCase) c = gradient_case ("x", "g2", "x", "g");
  GByteArray *first = onnx_node ("Gradient", "x", "g");

  node_case_give (c, "x", NULL, TENSOR (DOUBLE, "", 2));
  add_node (c, "Mul", "x x", "xx");
  add_node (c, "Mul", "xx x", "y");
  onnx_node_domain (first, TRAINING);
  onnx_node_attr (first, onnx_attr_texts ("xs", "x"));
  onnx_node_attr (first, onnx_attr_text ("y", "y"));
  onnx_graph_node (c->file, first);
  node_case_expect (c, 0, "", 1, twice, 1e-12); /* 6 x */
}

static void
test_refuses (void)
{
  static const struct {
    const char *op, *inputs, *xs, *y, *text;
  } rows[] = {
      {"Cosh", "x", "x", "y", "no derivative"},      {"Mul", "x x", "z", "y", "not the tensor"},
      {"Mul", "x x", "x z", "y", "not the tensor"},  {"Mul", "x x", "x", "w", "no tensor"},
      {"Mul", "x v", "x", "y", "one real number"},   {"Mul", "x later", "x", "y", "one real"},
      {NULL, NULL, "x", "y", "not computed before"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = gradient_case ("x", "g", rows[i].xs, rows[i].y);

    node_case_give (c, "x", NULL, TENSOR (FLOAT, "", 2));
    node_case_give (c, "v", NULL, TENSOR (FLOAT, "3", 1, 2, 3));
    if (i < 6)
      add_node (c, rows[i].op, rows[i].inputs, "y");
    if (i == 6) { /* one real number whatever "later" is */
      node_case_give (c, "t", NULL, TENSOR_I64 (INT64, "1", 0));
      add_node (c, "CastLike", "later x", "cast");
      add_node (c, "NegativeLogLikelihoodLoss", "cast t", "y");
    }
    if (i >= 5) { /* stands after the Gradient */
      onnx_graph_node (c->file, g_steal_pointer (&c->node));
      c->node = onnx_node ("Neg", "x", "later");
    }
    node_case_refused (c, rows[i].text);
  }
}

/* What a graph inside a node does with x has no derivative here, and is not taken for nothing. */
static void
test_refuses_captures (void)
{
  g_autoptr (NodeCase) c = gradient_case ("x", "g", "x", "y");
  GByteArray *branches[2] = {NULL}, *node = onnx_node ("If", "k", "y");

  node_case_give (c, "x", NULL, TENSOR (FLOAT, "", 2));
  node_case_give (c, "k", NULL, TENSOR_I64 (BOOL, "", 1));
  for (int i = 0; i < 2; i++) {
    branches[i] = onnx_graph ("branch");
    onnx_graph_node (branches[i], onnx_node ("Neg", "x", "z"));
    onnx_graph_output (branches[i], "z");
    onnx_node_attr (node, onnx_attr_graph (i ? "else_branch" : "then_branch", branches[i]));
  }
  onnx_graph_node (c->file, node);
  node_case_refused (c, "no derivative");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-gradient/rules", test_rules);
  g_test_add_func ("/onnx-gradient/twice", test_twice);
  g_test_add_func ("/onnx-gradient/refuses", test_refuses);
  g_test_add_func ("/onnx-gradient/refuses-captures", test_refuses_captures);
  return g_test_run ();
}
