/* Operators that the importer puts together from others, against their definitions computed in
 * double: attention with graphs inside, optimizers. */
#include "tests/support/node-case.h"
#include "tests/support/reference-case.h"

#include <math.h>

/* Numbers that are all different, between -1 and 1. */
static void
fill (double *out, guint n, double phase)
{
  for (guint i = 0; i < n; i++)
    out[i] = sin (1.7 * i + phase);
}

/* ---- FlexAttention ---- */

#define Q_HEADS 4
#define HEADS   2
#define LENGTH  3
#define KEYS    5
#define SIZE    4
#define V_SIZE  2

/* add: to every score; factor: of every probability. */
static void
attend (const double *q, const double *k, const double *v, double scale, double add, double factor,
        double *y)
{
  for (int h = 0; h < Q_HEADS; h++)
    for (int t = 0; t < LENGTH; t++) {
      int kv = h / (Q_HEADS / HEADS);
      double p[KEYS], sum = 0;

      for (int s = 0; s < KEYS; s++) {
        double dot = 0;
        for (int i = 0; i < SIZE; i++)
          dot += q[(h * LENGTH + t) * SIZE + i] * k[(kv * KEYS + s) * SIZE + i];
        p[s] = dot * scale;
        p[s] = exp (p[s] * p[s] + add * p[s]); /* the graph: x x + add x */
        sum += p[s];
      }
      for (int j = 0; j < V_SIZE; j++) {
        double *to = &y[(h * LENGTH + t) * V_SIZE + j];
        *to = 0;
        for (int s = 0; s < KEYS; s++)
          *to += factor * p[s] / sum * v[(kv * KEYS + s) * V_SIZE + j];
      }
    }
}

/* A graph of one node from x (and a captured value) to y. */
static GByteArray *
square_graph (const char *factor)
{
  GByteArray *graph = onnx_graph ("square");
  onnx_graph_input (graph, "x", ONNX_FLOAT, NULL);
  onnx_graph_node (graph, onnx_node ("Mul", "x x", "square"));
  g_autofree char *inputs = g_strdup_printf ("x %s", factor);
  onnx_graph_node (graph, onnx_node ("Mul", inputs, "linear"));
  onnx_graph_node (graph, onnx_node ("Add", "square linear", "z"));
  onnx_graph_output (graph, "z");
  return graph;
}

static GByteArray *
factor_graph (const char *factor)
{
  GByteArray *graph = onnx_graph ("factor");
  g_autofree char *inputs = g_strdup_printf ("p %s", factor);
  onnx_graph_input (graph, "p", ONNX_FLOAT, NULL);
  onnx_graph_node (graph, onnx_node ("Mul", inputs, "z"));
  onnx_graph_output (graph, "z");
  return graph;
}

static NodeCase *
flex (gboolean dynamic, const double *q, const double *k, const double *v, double scale)
{
  NodeCase *c = node_case_new ("ai.onnx.preview", 1, "FlexAttention", "q k v", "y");
  const char *open = dynamic ? "B H L D" : NULL;

  node_case_give (c, "q", open, ref_tensor (GONIO_DTYPE_FLOAT, "1 4 3 4", 48, q));
  node_case_give (c, "k", dynamic ? "B G S D" : NULL,
                  ref_tensor (GONIO_DTYPE_FLOAT, "1 2 5 4", 40, k));
  node_case_give (c, "v", dynamic ? "B G S E" : NULL,
                  ref_tensor (GONIO_DTYPE_FLOAT, "1 2 5 2", 20, v));
  node_case_give (c, "f", NULL, TENSOR (FLOAT, "", 0.25));
  onnx_node_attr (c->node, onnx_attr_graph ("score_mod", square_graph ("f")));
  onnx_node_attr (c->node, onnx_attr_graph ("prob_mod", factor_graph ("f")));
  if (scale != 0)
    onnx_node_attr (c->node, onnx_attr_float ("scale", (float)scale));
  return c;
}

static void
test_flex_attention (void)
{
  double q[48], k[40], v[20], y[24];

  fill (q, 48, 0);
  fill (k, 40, 1);
  fill (v, 20, 2);
  for (int i = 0; i < 4; i++) {
    double scale = i & 1 ? -0.75 : 0;
    g_autoptr (NodeCase) c = flex (i >= 2, q, k, v, scale);

    attend (q, k, v, scale != 0 ? scale : 0.5, 0.25, 0.25, y);
    node_case_expect (c, 0, "1 4 3 2", 24, y, 1e-5);
  }
}

static void
test_flex_refuses (void)
{
  g_autoptr (NodeCase) flat = node_case_new ("ai.onnx.preview", 1, "FlexAttention", "q q q", "y");
  g_autoptr (NodeCase) two = node_case_new ("ai.onnx.preview", 1, "FlexAttention", "q q q", "y");
  g_autoptr (NodeCase) type = node_case_new ("ai.onnx.preview", 1, "FlexAttention", "q q q", "y");
  g_autoptr (NodeCase) heads = node_case_new ("ai.onnx.preview", 1, "FlexAttention", "q k k", "y");
  GByteArray *graph = factor_graph ("q");

  node_case_give (flat, "q", NULL, TENSOR (FLOAT, "1 2", 1, 2));
  node_case_refused (flat, "rank 2, not 4");
  node_case_give (two, "q", NULL, TENSOR (FLOAT, "1 1 1 2", 1, 2));
  onnx_graph_input (graph, "more", ONNX_FLOAT, NULL);
  onnx_node_attr (two->node, onnx_attr_graph ("score_mod", graph));
  node_case_refused (two, "2 inputs and 1 outputs");
  node_case_give (type, "q", NULL, TENSOR (FLOAT, "1 1 1 2", 1, 2));
  onnx_node_attr (type->node, onnx_attr_int ("score_mod", 1));
  node_case_refused (type, "wrong type");
  node_case_give (heads, "q", NULL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 3 1 2"));
  node_case_give (heads, "k", NULL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 2 1 2"));
  node_case_refused (heads, "");
}

/* ---- optimizers ---- */

#define TRAINING "ai.onnx.preview.training"

/* Two tensors of three numbers each, and what the optimizer keeps for them. */
static NodeCase *
trained (const char *op, const char *inputs, const char *outputs, int64_t count)
{
  NodeCase *c = node_case_new (TRAINING, 1, op, inputs, outputs);
  g_auto (GStrv) names = g_strsplit (inputs, " ", -1);

  node_case_give (c, "r", NULL, TENSOR (DOUBLE, "", 0.5));
  node_case_give (c, "t", NULL, TENSOR_I64 (INT64, "", count));
  for (guint i = 2; names[i]; i++) {
    double values[3];

    fill (values, 3, i);
    for (guint k = 0; k < 3; k++) /* what is kept must not be negative for roots */
      values[k] = i >= 6 ? fabs (values[k]) : values[k];
    node_case_give (c, names[i], NULL, ref_tensor (GONIO_DTYPE_DOUBLE, "3", 3, values));
  }
  onnx_node_attr (c->node, onnx_attr_float ("norm_coefficient", 0.125f));
  return c;
}

static double
given (const NodeCase *c, guint input, guint i)
{
  return gonio_tensor_get_double (g_ptr_array_index (c->inputs, input), i);
}

static void
test_adagrad (void)
{
  g_autoptr (NodeCase) c = trained ("Adagrad", "r t a b ga gb ha hb", "na nb oa ob", 3);
  double x[3], h[3];

  onnx_node_attr (c->node, onnx_attr_float ("decay_factor", 0.25f));
  onnx_node_attr (c->node, onnx_attr_float ("epsilon", 0.5f));
  for (guint which = 0; which < 2; which++) {
    for (guint i = 0; i < 3; i++) {
      double g = 0.125 * given (c, 2 + which, i) + given (c, 4 + which, i);
      h[i] = given (c, 6 + which, i) + g * g;
      x[i] = given (c, 2 + which, i) - 0.5 / (1 + 3 * 0.25) * g / (sqrt (h[i]) + 0.5);
    }
    node_case_expect (c, which, "3", 3, x, 1e-12);
    node_case_expect (c, 2 + which, "3", 3, h, 1e-12);
  }
}

static void
test_adam (void)
{
  for (int count = 0; count < 3; count += 2) {
    g_autoptr (NodeCase) c =
        trained ("Adam", "r t a b ga gb va vb ha hb", "na nb ma mb oa ob", count);
    double x[3], v[3], h[3];

    onnx_node_attr (c->node, onnx_attr_float ("alpha", 0.75f));
    onnx_node_attr (c->node, onnx_attr_float ("beta", 0.5f));
    onnx_node_attr (c->node, onnx_attr_float ("epsilon", 0.25f));
    onnx_node_attr (c->node, onnx_attr_float ("norm_coefficient_post", 0.125f));
    for (guint which = 0; which < 2; which++) {
      for (guint i = 0; i < 3; i++) {
        double g = 0.125 * given (c, 2 + which, i) + given (c, 4 + which, i);
        double rate = count ? 0.5 * sqrt (1 - pow (0.5, count)) / (1 - pow (0.75, count)) : 0.5;
        v[i] = 0.75 * given (c, 6 + which, i) + 0.25 * g;
        h[i] = 0.5 * given (c, 8 + which, i) + 0.5 * g * g;
        x[i] = 0.875 * (given (c, 2 + which, i) - rate * v[i] / (sqrt (h[i]) + 0.25));
      }
      node_case_expect (c, which, "3", 3, x, 1e-12);
      node_case_expect (c, 2 + which, "3", 3, v, 1e-12);
      node_case_expect (c, 4 + which, "3", 3, h, 1e-12);
    }
  }
}

static void
test_momentum (void)
{
  for (int round = 0; round < 4; round++) {
    gboolean nesterov = round & 1;
    int count = round & 2;
    g_autoptr (NodeCase) c = trained ("Momentum", "r t a b ga gb va vb", "na nb ma mb", count);
    double x[3], v[3];

    onnx_node_attr (c->node, onnx_attr_float ("alpha", 0.75f));
    onnx_node_attr (c->node, onnx_attr_float ("beta", 0.5f));
    onnx_node_attr (c->node, onnx_attr_text ("mode", nesterov ? "nesterov" : "standard"));
    for (guint which = 0; which < 2; which++) {
      for (guint i = 0; i < 3; i++) {
        double g = 0.125 * given (c, 2 + which, i) + given (c, 4 + which, i);
        v[i] = 0.75 * given (c, 6 + which, i) + (count ? 0.5 : 1) * g;
        x[i] = given (c, 2 + which, i) - 0.5 * (nesterov ? g + 0.75 * v[i] : v[i]);
      }
      node_case_expect (c, which, "3", 3, x, 1e-12);
      node_case_expect (c, 2 + which, "3", 3, v, 1e-12);
    }
  }
}

static void
test_optimizers_refuse (void)
{
  g_autoptr (NodeCase) few = trained ("Adam", "r t a b ga gb va vb", "na nb ma mb", 1);
  g_autoptr (NodeCase) outputs = trained ("Adagrad", "r t a b ga gb ha hb", "na nb", 1);
  g_autoptr (NodeCase) mode = trained ("Momentum", "r t a b ga gb va vb", "na nb ma mb", 1);

  node_case_refused (few, "8 inputs are not two and 4 for each");
  node_case_refused (outputs, "2 outputs; 4 are needed");
  onnx_node_attr (mode->node, onnx_attr_text ("mode", "fast"));
  onnx_node_attr (mode->node, onnx_attr_float ("alpha", 0.5f));
  onnx_node_attr (mode->node, onnx_attr_float ("beta", 0.5f));
  node_case_refused (mode, "fast");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-compose/flex-attention", test_flex_attention);
  g_test_add_func ("/onnx-compose/flex-attention-refuses", test_flex_refuses);
  g_test_add_func ("/onnx-compose/adagrad", test_adagrad);
  g_test_add_func ("/onnx-compose/adam", test_adam);
  g_test_add_func ("/onnx-compose/momentum", test_momentum);
  g_test_add_func ("/onnx-compose/optimizers-refuse", test_optimizers_refuse);
  return g_test_run ();
}
