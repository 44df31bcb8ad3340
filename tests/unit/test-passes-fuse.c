/* core/passes: fusions and recognition. Each fires where it may, not where it must not, and keeps
 * the numbers. */
#include "core/passes/passes.h"

#include "tests/support/graph-maker.h"
#include "tests/support/pass-runner.h"

#include <math.h>

/* ---- fuse-norm ---- */

static void
test_norm_conv (void)
{
  for (guint biased = 0; biased < 2; biased++) {
    g_autoptr (GonioGraph) graph = gonio_graph_new ("conv");
    GonioValueId x = mk_input (graph, "x", "1 4 6 6"), w = weights (graph, "w", "6 2 3 3");
    GonioValueId a = biased
                         ? mk_node (graph, GONIO_OP_CONV, "a", x, w, weights (graph, "b", "6"), END)
                         : mk_node (graph, GONIO_OP_CONV, "a", x, w, END);
    set_int (graph, a, "group", 2);
    set_ints (graph, a, "pads", 4, 1, 1, 1, 1);
    gonio_graph_add_output (graph, add_batch_norm (graph, a, "6"));
    fires (graph, "fuse-norm");
    g_assert_cmpuint (n_nodes (graph), ==, 1);
  }
}

static void
test_norm_others (void)
{
  g_autoptr (GonioGraph) transposed = gonio_graph_new ("transposed");
  GonioValueId a =
      mk_node (transposed, GONIO_OP_CONV_TRANSPOSE, "a", mk_input (transposed, "x", "1 4 3 3"),
               weights (transposed, "w", "4 3 2 2"), END);
  set_int (transposed, a, "group", 2);
  set_ints (transposed, a, "strides", 2, 2, 2);
  gonio_graph_add_output (transposed, add_batch_norm (transposed, a, "6"));
  fires (transposed, "fuse-norm");
  g_assert_cmpuint (n_nodes (transposed), ==, 1);

  for (guint trans = 0; trans < 2; trans++) {
    g_autoptr (GonioGraph) gemm = gonio_graph_new ("gemm");
    a = mk_node (gemm, GONIO_OP_GEMM, "a", mk_input (gemm, "x", "3 4"),
                 weights (gemm, "w", trans ? "5 4" : "4 5"), weights (gemm, "b", "5"), END);
    set_int (gemm, a, "transB", trans);
    gonio_graph_set_attr_float (gemm, mk_producer (gemm, a), "alpha", 0.7f);
    gonio_graph_add_output (gemm, add_batch_norm (gemm, a, "5"));
    fires (gemm, "fuse-norm");
    g_assert_cmpuint (n_nodes (gemm), ==, 1);
  }

  g_autoptr (GonioGraph) matmul = gonio_graph_new ("matmul");
  a = mk_node (matmul, GONIO_OP_MATMUL, "a", mk_input (matmul, "x", "3 4"),
               weights (matmul, "w", "4 5"), END);
  gonio_graph_add_output (matmul, add_batch_norm (matmul, a, "5"));
  fires (matmul, "fuse-norm");
  g_assert_cmpuint (count_op (matmul, GONIO_OP_GEMM), ==, 1);
  g_assert_cmpuint (n_nodes (matmul), ==, 1);
}

static GonioGraph *
conv_then (GonioOpId op, gboolean conv_first, const char *shape)
{
  GonioGraph *graph = gonio_graph_new (gonio_op_name (op));
  GonioValueId a = mk_node (graph, GONIO_OP_CONV, "a", mk_input (graph, "x", "1 3 5 5"),
                            weights (graph, "w", "4 3 3 3"), END);
  GonioValueId c = variances (graph, "c", shape);
  gonio_graph_add_output (graph, conv_first ? mk_node (graph, op, "y", a, c, END)
                                            : mk_node (graph, op, "y", c, a, END));
  return graph;
}

static void
test_norm_arithmetic (void)
{
  static const GonioOpId ops[] = {GONIO_OP_MUL, GONIO_OP_ADD, GONIO_OP_SUB, GONIO_OP_DIV};
  static const char *const fit[] = {"4 1 1", "1 4 1 1", "", "1"};
  static const char *const unfit[] = {"3", "1 1 3", "4 3 1", "2 1 1 1"};

  for (guint o = 0; o < 4; o++) {
    for (guint i = 0; i < 4; i++) {
      g_autoptr (GonioGraph) good = conv_then (ops[o], TRUE, fit[i]);
      g_autoptr (GonioGraph) bad = conv_then (ops[o], TRUE, unfit[i]);
      fires (good, "fuse-norm");
      g_assert_cmpuint (n_nodes (good), ==, 1);
      stays (bad, "fuse-norm");
    }
    g_autoptr (GonioGraph) reversed = conv_then (ops[o], FALSE, "4 1 1");
    if (ops[o] == GONIO_OP_MUL || ops[o] == GONIO_OP_ADD)
      fires (reversed, "fuse-norm");
    else
      stays (reversed, "fuse-norm");
  }
}

static void
test_norm_not (void)
{
  g_autoptr (GonioGraph) twice = gonio_graph_new ("twice"), shown = gonio_graph_new ("shown");
  g_autoptr (GonioGraph) varying = gonio_graph_new ("varying"), acts = gonio_graph_new ("acts");
  GonioGraph *all[] = {twice, shown, varying, acts};

  for (guint i = 0; i < 4; i++) {
    GonioValueId x = mk_input (all[i], "x", "1 3 5 5");
    GonioValueId w =
        all[i] == varying ? mk_input (varying, "w", "4 3 3 3") : weights (all[i], "w", "4 3 3 3");
    GonioValueId a = mk_node (all[i], GONIO_OP_CONV, "a", x, w, END);
    gonio_graph_add_output (all[i], add_batch_norm (all[i], a, "4"));
    if (all[i] == twice)
      gonio_graph_add_output (twice, mk_node (twice, GONIO_OP_RELU, "r", a, END));
    if (all[i] == shown)
      gonio_graph_add_output (shown, a);
    if (all[i] == acts)
      gonio_graph_set_attr_string (acts, mk_producer (acts, a), "activation", "Tanh");
    stays (all[i], "fuse-norm");
  }
}

/* Weights that another layer shares stay as they are for it. */
static void
test_norm_shared_weights (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("shared");
  GonioValueId w = weights (graph, "w", "4 3 3 3"), x = mk_input (graph, "x", "1 3 5 5");
  GonioValueId a = mk_node (graph, GONIO_OP_CONV, "a", x, w, END);
  GonioValueId b = mk_node (graph, GONIO_OP_CONV, "b", x, w, END);

  gonio_graph_add_output (
      graph, mk_node (graph, GONIO_OP_SUB, "y", add_batch_norm (graph, a, "4"), b, END));
  fires (graph, "fuse-norm");
  g_assert_cmpuint (n_nodes (graph), ==, 3);
}

/* ---- fuse-activation ---- */

static GonioGraph *
layer_then (GonioOpId layer, GonioOpId act)
{
  GonioGraph *graph = gonio_graph_new (gonio_op_name (act));
  GonioValueId x = mk_input (graph, "x", "4 4");
  GonioValueId a = mk_node (graph, layer, "a", x, weights (graph, "w", "4 4"), END);
  GonioValueId y = act == GONIO_OP_CLIP ? mk_node (graph, act, "y", a, mk_scalar (graph, "lo", -1),
                                                   mk_scalar (graph, "hi", 1), END)
                                        : mk_node (graph, act, "y", a, END);
  gonio_graph_add_output (graph, y);
  return graph;
}

static void
test_activation (void)
{
  static const GonioOpId layers[] = {GONIO_OP_GEMM, GONIO_OP_MATMUL, GONIO_OP_ADD,
                                     GONIO_OP_SUB,  GONIO_OP_MUL,    GONIO_OP_DIV};
  static const GonioOpId acts[] = {GONIO_OP_RELU,   GONIO_OP_CLIP,  GONIO_OP_LEAKY_RELU,
                                   GONIO_OP_TANH,   GONIO_OP_SWISH, GONIO_OP_HARD_SWISH,
                                   GONIO_OP_SIGMOID};
  for (guint l = 0; l < G_N_ELEMENTS (layers); l++) {
    for (guint a = 0; a < G_N_ELEMENTS (acts); a++) {
      g_autoptr (GonioGraph) graph = layer_then (layers[l], acts[a]);
      guint n = 0;
      fires (graph, "fuse-activation");
      g_assert_cmpuint (n_nodes (graph), ==, 1);
      GonioValueId y = gonio_graph_outputs (graph, &n)[0];
      g_assert_cmpstr (gonio_graph_value (graph, y)->name, ==, "y");
      g_assert_cmpuint (mk_producer_node (graph, y)->op, ==, layers[l]);
    }
  }
  g_autoptr (GonioGraph) conv = gonio_graph_new ("conv");
  GonioValueId a = mk_node (conv, GONIO_OP_CONV, "a", mk_input (conv, "x", "1 3 5 5"),
                            weights (conv, "w", "4 3 3 3"), END);
  gonio_graph_add_output (conv, mk_node (conv, GONIO_OP_RELU, "y", a, END));
  fires (conv, "fuse-activation");
  g_assert_cmpuint (n_nodes (conv), ==, 1);

  /* a norm that has one does not go into the weights before it any more */
  g_autoptr (GonioGraph) norm = gonio_graph_new ("norm");
  a = mk_node (norm, GONIO_OP_CONV, "a", mk_input (norm, "x", "1 3 5 5"),
               weights (norm, "w", "4 3 3 3"), END);
  a = add_batch_norm (norm, a, "4");
  gonio_graph_add_output (norm, mk_node (norm, GONIO_OP_TANH, "y", a, END));
  fires (norm, "fuse-activation");
  g_assert_cmpuint (n_nodes (norm), ==, 2);
  stays (norm, "fuse-norm");
}

static void
test_activation_not (void)
{
  g_autoptr (GonioGraph) soft = layer_then (GONIO_OP_ADD, GONIO_OP_SOFTPLUS);
  g_autoptr (GonioGraph) max = layer_then (GONIO_OP_MAX, GONIO_OP_RELU);
  g_autoptr (GonioGraph) swish = layer_then (GONIO_OP_ADD, GONIO_OP_SWISH);
  g_autoptr (GonioGraph) shown = layer_then (GONIO_OP_ADD, GONIO_OP_RELU);
  g_autoptr (GonioGraph) twice = layer_then (GONIO_OP_ADD, GONIO_OP_RELU);
  g_autoptr (GonioGraph) open = gonio_graph_new ("open"), bound = gonio_graph_new ("bound");
  GonioValueId x = mk_input (open, "x", "4"), hi = mk_input (open, "hi", "");

  stays (soft, "fuse-activation");
  stays (max, "fuse-activation");
  gonio_graph_set_attr_float (swish, mk_producer (swish, gonio_graph_find_value (swish, "y")),
                              "alpha", 1.7f);
  stays (swish, "fuse-activation");
  gonio_graph_add_output (shown, gonio_graph_find_value (shown, "a"));
  stays (shown, "fuse-activation");
  gonio_graph_add_output (
      twice, mk_node (twice, GONIO_OP_NEG, "n", gonio_graph_find_value (twice, "a"), END));
  stays (twice, "fuse-activation");
  /* A bound that is not constant; and the sum as a bound. */
  gonio_graph_add_output (open,
                          mk_node (open, GONIO_OP_CLIP, "y",
                                   mk_node (open, GONIO_OP_ADD, "a", x, x, END), OMITTED, hi, END));
  stays (open, "fuse-activation");
  x = mk_input (bound, "x", "4");
  hi = mk_input (bound, "hi", "");
  gonio_graph_add_output (bound, mk_node (bound, GONIO_OP_CLIP, "y", x, OMITTED,
                                          mk_node (bound, GONIO_OP_ADD, "a", hi, hi, END), END));
  stays (bound, "fuse-activation");
  /* Only one fits. */
  g_autoptr (GonioGraph) two = layer_then (GONIO_OP_ADD, GONIO_OP_RELU);
  GonioValueId y = gonio_graph_find_value (two, "y");
  gonio_graph_set_output (two, 0, mk_node (two, GONIO_OP_TANH, "t", y, END));
  fires (two, "fuse-activation");
  stays (two, "fuse-activation");
  g_assert_cmpuint (n_nodes (two), ==, 2);
}

/* ---- fuse-pad ---- */

typedef struct {
  const char *name;
  GonioOpId op;
  float value;
  const char *mode;
  int64_t pads[8];
  const char *attr; /* set to 1 on the window */
  gboolean own_pads, fires;
} PadRow;

static const PadRow pad_rows[] = {
    {"conv", GONIO_OP_CONV, 0, NULL, {0, 0, 1, 2, 0, 0, 0, 1}, NULL, FALSE, TRUE},
    {"conv+own", GONIO_OP_CONV, 0, NULL, {0, 0, 1, 2, 0, 0, 0, 1}, NULL, TRUE, TRUE},
    {"max", GONIO_OP_MAX_POOL, -INFINITY, NULL, {0, 0, 1, 1, 0, 0, 1, 1}, NULL, FALSE, TRUE},
    {"mean", GONIO_OP_AVERAGE_POOL, 0, NULL, {0, 0, 1, 1, 0, 0, 1, 1}, NULL, FALSE, TRUE},
    {"mean counts",
     GONIO_OP_AVERAGE_POOL,
     0,
     NULL,
     {0, 0, 1, 0, 0, 0, 1, 0},
     "count_include_pad",
     FALSE,
     TRUE},
    {"value", GONIO_OP_CONV, 1, NULL, {0, 0, 1, 1, 0, 0, 1, 1}, NULL, FALSE, FALSE},
    {"reflect", GONIO_OP_CONV, 0, "reflect", {0, 0, 1, 1, 0, 0, 1, 1}, NULL, FALSE, FALSE},
    {"channels", GONIO_OP_CONV, 0, NULL, {0, 1, 1, 1, 0, 1, 1, 1}, NULL, FALSE, FALSE},
    {"negative", GONIO_OP_CONV, 0, NULL, {0, 0, -1, 1, 0, 0, 1, 1}, NULL, FALSE, FALSE},
    {"max zero", GONIO_OP_MAX_POOL, 0, NULL, {0, 0, 1, 1, 0, 0, 1, 1}, NULL, FALSE, FALSE},
    {"mean own", GONIO_OP_AVERAGE_POOL, 0, NULL, {0, 0, 1, 1, 0, 0, 1, 1}, NULL, TRUE, FALSE},
    {"ceil", GONIO_OP_AVERAGE_POOL, 0, NULL, {0, 0, 1, 1, 0, 0, 1, 1}, "ceil_mode", FALSE, FALSE},
    {"wide", GONIO_OP_MAX_POOL, -INFINITY, NULL, {0, 0, 5, 1, 0, 0, 1, 1}, NULL, FALSE, FALSE},
};

static GonioGraph *
padded (const PadRow *row)
{
  GonioGraph *graph = gonio_graph_new (row->name);
  GonioValueId x = mk_input (graph, "x", "1 3 6 6");
  GonioValueId p = mk_node (graph, GONIO_OP_PAD, "p", x, mk_ints (graph, "n", 8, row->pads),
                            mk_scalar (graph, "v", row->value), END);
  gboolean widened = row->pads[1] != 0;
  GonioValueId y = row->op == GONIO_OP_CONV
                       ? mk_node (graph, row->op, "y", p,
                                  weights (graph, "w", widened ? "2 5 3 3" : "2 3 3 3"), END)
                       : mk_node (graph, row->op, "y", p, END);

  if (row->mode)
    gonio_graph_set_attr_string (graph, mk_producer (graph, p), "mode", row->mode);
  set_ints (graph, y, "kernel_shape", 2, 3, 3);
  if (row->own_pads)
    set_ints (graph, y, "pads", 4, 1, 0, 1, 0);
  if (row->attr)
    set_int (graph, y, row->attr, 1);
  gonio_graph_add_output (graph, y);
  return graph;
}

static void
test_pad (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (pad_rows); i++) {
    g_autoptr (GonioGraph) graph = padded (&pad_rows[i]);
    if (pad_rows[i].fires)
      fires (graph, "fuse-pad");
    else
      stays (graph, "fuse-pad");
    g_assert_cmpuint (count_op (graph, GONIO_OP_PAD), ==, !pad_rows[i].fires);
  }
  g_autoptr (GonioGraph) twice = padded (&pad_rows[0]);
  gonio_graph_add_output (twice, gonio_graph_find_value (twice, "p"));
  stays (twice, "fuse-pad");
}

/* ---- recognise ---- */

static GonioValueId
product (GonioGraph *graph, GonioValueId a, GonioValueId b)
{
  return mk_node (graph, GONIO_OP_MUL, NULL, a, b, END);
}

static GonioValueId
scaled (GonioGraph *graph, GonioValueId a, double factor)
{
  return product (graph, a, mk_scalar (graph, "k", (float)factor));
}

static GonioValueId
divided (GonioGraph *graph, GonioValueId a, double by)
{
  return mk_node (graph, GONIO_OP_DIV, NULL, a, mk_scalar (graph, "k", (float)by), END);
}

static GonioValueId
plus (GonioGraph *graph, GonioValueId a, double term)
{
  return mk_node (graph, GONIO_OP_ADD, NULL, mk_scalar (graph, "k", (float)term), a, END);
}

static GonioValueId
unary (GonioGraph *graph, GonioOpId op, GonioValueId a)
{
  return mk_node (graph, op, NULL, a, END);
}

static GonioValueId
relu6_plus_3 (GonioGraph *graph, GonioValueId x)
{
  return mk_node (graph, GONIO_OP_CLIP, NULL, plus (graph, x, 3), mk_scalar (graph, "lo", 0),
                  mk_scalar (graph, "hi", 6), END);
}

static GonioValueId
erf_part (GonioGraph *graph, GonioValueId x, gboolean divides)
{
  GonioValueId inner = divides ? divided (graph, x, G_SQRT2) : scaled (graph, x, 1 / G_SQRT2);
  return plus (graph, unary (graph, GONIO_OP_ERF, inner), 1);
}

static GonioValueId
tanh_part (GonioGraph *graph, GonioValueId x, int form)
{
  const double c = sqrt (2 / G_PI), k = 0.044715;
  GonioValueId square = product (graph, x, x), inner = 0;

  if (form == 0)
    inner = mk_node (
        graph, GONIO_OP_ADD, NULL, x,
        scaled (graph, mk_node (graph, GONIO_OP_POW, NULL, x, mk_scalar (graph, "three", 3), END),
                k),
        END);
  else if (form == 1)
    inner =
        mk_node (graph, GONIO_OP_ADD, NULL, scaled (graph, product (graph, square, x), k), x, END);
  else
    inner = product (graph, x, plus (graph, scaled (graph, square, k), 1));
  return plus (graph, unary (graph, GONIO_OP_TANH, scaled (graph, inner, c)), 1);
}

/* Every way to write each of them; NULL ends. */
static GonioValueId
spell (GonioGraph *graph, GonioValueId x, guint form, GonioOpId *out_op)
{
  GonioValueId hard = 0;
  *out_op = form < 3    ? GONIO_OP_SWISH
            : form < 8  ? GONIO_OP_HARD_SWISH
            : form < 10 ? GONIO_OP_HARD_SIGMOID
                        : GONIO_OP_GELU;
  switch (form) {
  case 0:
    return product (graph, x, unary (graph, GONIO_OP_SIGMOID, x));
  case 1:
    return product (graph, unary (graph, GONIO_OP_SIGMOID, x), x);
  case 2:
    return product (graph, unary (graph, GONIO_OP_SIGMOID, scaled (graph, x, 1.702)), x);
  case 3:
    hard = unary (graph, GONIO_OP_HARD_SIGMOID, x);
    gonio_graph_set_attr_float (graph, mk_producer (graph, hard), "alpha", 1.0f / 6);
    return product (graph, x, hard);
  case 4:
    return divided (graph, product (graph, x, relu6_plus_3 (graph, x)), 6);
  case 5:
    return product (graph, x, divided (graph, relu6_plus_3 (graph, x), 6));
  case 6:
    return scaled (graph, product (graph, relu6_plus_3 (graph, x), x), 1.0 / 6);
  case 7:
    return product (graph, divided (graph, x, 6), relu6_plus_3 (graph, x));
  case 8:
    return divided (graph, relu6_plus_3 (graph, x), 6);
  case 9:
    return scaled (graph, relu6_plus_3 (graph, x), 1.0 / 6);
  case 10:
    return scaled (graph, product (graph, x, erf_part (graph, x, TRUE)), 0.5);
  case 11:
    return product (graph, scaled (graph, x, 0.5), erf_part (graph, x, FALSE));
  case 12:
    return product (graph, x, scaled (graph, erf_part (graph, x, TRUE), 0.5));
  case 13:
    return divided (graph, product (graph, erf_part (graph, x, FALSE), x), 2);
  case 14:
  case 15:
  case 16:
    return product (graph, scaled (graph, x, 0.5), tanh_part (graph, x, (int)form - 14));
  default:
    return GONIO_VALUE_NONE;
  }
}

static void
test_recognise (void)
{
  for (guint form = 0;; form++) {
    g_autofree char *name = g_strdup_printf ("form %u", form);
    g_autoptr (GonioGraph) graph = gonio_graph_new (name);
    GonioValueId x = mk_node (graph, GONIO_OP_NEG, "x", mk_input (graph, "in", "3 7"), END);
    GonioOpId op = GONIO_OP_INVALID;
    GonioValueId y = spell (graph, x, form, &op);
    if (y == GONIO_VALUE_NONE)
      break;
    gonio_graph_add_output (graph, mk_node (graph, GONIO_OP_ABS, "y", y, END));
    fires (graph, "recognise");
    g_assert_cmpuint (n_nodes (graph), ==, 3);
    g_assert_cmpuint (count_op (graph, op), ==, 1);
  }
}

/* Not with another number, another x, or parts that are read elsewhere. */
static void
test_recognise_not (void)
{
  for (guint form = 0; form < 7; form++) {
    g_autofree char *name = g_strdup_printf ("not %u", form);
    g_autoptr (GonioGraph) graph = gonio_graph_new (name);
    GonioValueId x = mk_input (graph, "x", "3 7"), other = mk_input (graph, "other", "3 7");
    GonioValueId sigmoid = unary (graph, GONIO_OP_SIGMOID, x), y = 0;
    gonio_graph_add_output (graph, x); /* the first output stays what it is */
    switch (form) {
    case 0:
      y = product (graph, other, sigmoid);
      break;
    case 1:
      y = product (graph, x, sigmoid);
      gonio_graph_add_output (graph, sigmoid);
      break;
    case 2:
      y = product (graph, x, sigmoid);
      gonio_graph_add_output (graph, unary (graph, GONIO_OP_NEG, sigmoid));
      break;
    case 3:
      y = scaled (graph, product (graph, x, sigmoid), 0.9);
      break;
    case 4:
      y = divided (graph, product (graph, x, relu6_plus_3 (graph, x)), 5);
      break;
    case 5:
      y = scaled (graph, product (graph, x, erf_part (graph, other, TRUE)), 0.5);
      break;
    case 6: /* 1 / (...) is no product */
      y = mk_node (graph, GONIO_OP_DIV, NULL, x, sigmoid, END);
      break;
    }
    gonio_graph_set_output (graph, 0, y);
    if (form == 3) /* the product inside is a Swish, the whole is not */
      fires (graph, "recognise");
    else
      stays (graph, "recognise");
  }
}

/* A chain of products as long as a file can make it ends in no deep recursion. */
static void
test_recognise_long_chain (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("chain");
  GonioValueId x = mk_input (graph, "x", "2"), two = mk_scalar (graph, "two", 1.0001f);

  for (guint i = 0; i < 50000; i++)
    x = product (graph, x, two);
  gonio_graph_add_output (graph, x);
  g_assert_cmpuint (run_pass (graph, "recognise", &everything), ==, 0);
}

/* ---- layer-norm ---- */

typedef struct {
  gboolean squares, twice, inverse, scale, bias;
  int64_t axis;
} NormForm;

static GonioGraph *
layer_norm (const NormForm *form)
{
  GonioGraph *graph = gonio_graph_new ("norm");
  GonioValueId x = mk_input (graph, "x", "2 6 6");
  GonioValueId axes = mk_ints (graph, "axes", 1, &form->axis);
  GonioValueId mean = mk_node (graph, GONIO_OP_REDUCE_MEAN, "mean", x, axes, END);
  GonioValueId d = mk_node (graph, GONIO_OP_SUB, "d", x, mean, END);
  GonioValueId e = form->twice ? mk_node (graph, GONIO_OP_SUB, "e", x, mean, END) : d;
  GonioValueId square =
      form->squares ? mk_node (graph, GONIO_OP_MUL, "sq", e, e, END)
                    : mk_node (graph, GONIO_OP_POW, "sq", e, mk_scalar (graph, "two", 2), END);
  GonioValueId variance =
      mk_node (graph, GONIO_OP_REDUCE_MEAN, "variance", square, MK_INTS (graph, "last", -1), END);
  GonioValueId root = unary (graph, GONIO_OP_SQRT, plus (graph, variance, 1e-5));
  GonioValueId y = form->inverse ? product (graph, d, unary (graph, GONIO_OP_RECIPROCAL, root))
                                 : mk_node (graph, GONIO_OP_DIV, "n", d, root, END);

  if (form->scale)
    y = product (graph, y, weights (graph, "gamma", "6"));
  if (form->bias)
    y = mk_node (graph, GONIO_OP_ADD, "b", y, weights (graph, "beta", "6"), END);
  gonio_graph_add_output (graph, y);
  return graph;
}

static void
test_layer_norm (void)
{
  for (guint bits = 0; bits < 32; bits++) {
    const NormForm form = {bits & 1,        (bits & 2) != 0,  (bits & 4) != 0,
                           (bits & 8) != 0, (bits & 16) != 0, bits & 1 ? -1 : 2};
    g_autoptr (GonioGraph) graph = layer_norm (&form);
    fires (graph, "layer-norm");
    g_assert_cmpuint (count_op (graph, GONIO_OP_LAYER_NORMALIZATION), ==, 1);
    g_assert_cmpuint (n_nodes (graph), ==, 1);
  }
  const NormForm wrong_axis = {FALSE, FALSE, FALSE, TRUE, TRUE, 1};
  g_autoptr (GonioGraph) graph = layer_norm (&wrong_axis);
  stays (graph, "layer-norm");
}

/* ---- fuse-gemm ---- */

static GonioGraph *
matmul_plus (const char *x, const char *w, const char *bias)
{
  GonioGraph *graph = gonio_graph_new (bias);
  GonioValueId a =
      mk_node (graph, GONIO_OP_MATMUL, "a", mk_input (graph, "x", x), weights (graph, "w", w), END);
  gonio_graph_add_output (graph,
                          mk_node (graph, GONIO_OP_ADD, "y", weights (graph, "b", bias), a, END));
  return graph;
}

static void
test_gemm (void)
{
  static const char *const fit[] = {"5", "1 5", "3 5", "1", ""};
  static const char *const unfit[] = {"2 3 5", "1 1 5"};

  for (guint i = 0; i < G_N_ELEMENTS (fit); i++) {
    g_autoptr (GonioGraph) graph = matmul_plus ("3 4", "4 5", fit[i]);
    fires (graph, "fuse-gemm");
    g_assert_cmpuint (n_nodes (graph), ==, 1);
    g_assert_cmpuint (count_op (graph, GONIO_OP_GEMM), ==, 1);
  }
  for (guint i = 0; i < G_N_ELEMENTS (unfit); i++) {
    g_autoptr (GonioGraph) graph = matmul_plus ("3 4", "4 5", unfit[i]);
    stays (graph, "fuse-gemm");
  }
  g_autoptr (GonioGraph) batched = matmul_plus ("2 3 4", "4 5", "5");
  stays (batched, "fuse-gemm");
  g_autoptr (GonioGraph) twice = matmul_plus ("3 4", "4 5", "5");
  gonio_graph_add_output (twice, gonio_graph_find_value (twice, "a"));
  stays (twice, "fuse-gemm");

  g_autoptr (GonioGraph) turned = gonio_graph_new ("turned");
  GonioValueId t = mk_node (turned, GONIO_OP_TRANSPOSE, "t", mk_input (turned, "w", "5 4"), END);
  set_ints (turned, t, "perm", 2, 1, 0);
  gonio_graph_add_output (
      turned, mk_node (turned, GONIO_OP_GEMM, "y", mk_input (turned, "x", "3 4"), t, END));
  fires (turned, "fuse-gemm");
  g_assert_cmpuint (n_nodes (turned), ==, 1);
  g_assert_cmpint (gonio_node_attr_int (gonio_graph_node (turned, 1), "transB", 0), ==, 1);
}

/* ---- fuse-sum ---- */

/* y = sum of two values of which the first is a convolution of x. */
static GonioGraph *
conv_plus (GonioOpId op, gboolean conv_first, const char *w, const char *other)
{
  GonioGraph *graph = gonio_graph_new ("sum");
  GonioValueId x = mk_input (graph, "x", "1 4 5 5"), o = mk_input (graph, "o", other);
  GonioValueId a = mk_node (graph, GONIO_OP_CONV, "a", x, weights (graph, "w", w), END);
  gonio_graph_add_output (graph, conv_first ? mk_node (graph, op, "y", a, o, END)
                                            : mk_node (graph, op, "y", o, a, END));
  return graph;
}

static void
test_sum (void)
{
  for (guint first = 0; first < 2; first++) {
    g_autoptr (GonioGraph) add = conv_plus (GONIO_OP_ADD, first, "6 4 1 1", "1 6 5 5");
    g_autoptr (GonioGraph) sum = conv_plus (GONIO_OP_SUM, first, "6 4 1 1", "1 6 5 5");
    fires (add, "fuse-sum");
    fires (sum, "fuse-sum");
    g_assert_cmpuint (n_nodes (add), ==, 1);
    g_assert_cmpuint (n_nodes (sum), ==, 1);
    stays (add, "fuse-norm");
  }
  g_autoptr (GonioGraph) active = conv_plus (GONIO_OP_ADD, TRUE, "6 4 1 1", "1 6 5 5");
  gonio_graph_set_attr_string (active, mk_producer (active, gonio_graph_find_value (active, "y")),
                               "activation", "Tanh");
  fires (active, "fuse-sum");
  g_assert_cmpuint (n_nodes (active), ==, 1);

  /* what follows a sum does not go into the weights before it */
  g_autoptr (GonioGraph) normed = conv_plus (GONIO_OP_ADD, TRUE, "6 4 1 1", "1 6 5 5");
  gonio_graph_set_output (normed, 0,
                          add_batch_norm (normed, gonio_graph_find_value (normed, "y"), "6"));
  fires (normed, "fuse-sum");
  stays (normed, "fuse-norm");
  stays (normed, "fuse-sum");
}

/* Two convolutions: the later one takes the earlier one's result, a third is added to theirs. */
static void
test_sum_both (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("both");
  GonioValueId x = mk_input (graph, "x", "1 4 5 5"), w = weights (graph, "w", "4 4 1 1");
  GonioValueId a = mk_node (graph, GONIO_OP_CONV, "a", x, w, END);
  GonioValueId b = mk_node (graph, GONIO_OP_CONV, "b", unary (graph, GONIO_OP_TANH, a), w, END);
  GonioValueId c = mk_node (graph, GONIO_OP_CONV, "c", x, w, END);
  GonioValueId inner = mk_node (graph, GONIO_OP_ADD, "inner", c, b, END);
  GonioValueId d = mk_node (graph, GONIO_OP_CONV, "d", x, w, END);
  gonio_graph_add_output (graph, mk_node (graph, GONIO_OP_ADD, "y", d, inner, END));
  g_assert_cmpuint (try_pass (graph, "fuse-sum"), ==, 2);
  g_assert_cmpuint (count_op (graph, GONIO_OP_ADD), ==, 0);
  g_assert_cmpuint (count_op (graph, GONIO_OP_CONV), ==, 4);
}

static void
test_sum_not (void)
{
  static const char *const unfit[][2] = {{"6 4 1 1", "6 1 1"}, /* broadcast: not the same shape */
                                         {"6 4 1 1", "1 6 1 5"},
                                         {"6 4 1 1", "2 6 5 5"},
                                         {"1 4 1 1", "1 6 5 5"}};
  for (guint i = 0; i < G_N_ELEMENTS (unfit); i++) {
    g_autoptr (GonioGraph) graph = conv_plus (GONIO_OP_ADD, TRUE, unfit[i][0], unfit[i][1]);
    stays (graph, "fuse-sum");
  }
  g_autoptr (GonioGraph) product = conv_plus (GONIO_OP_MUL, TRUE, "6 4 1 1", "1 6 5 5");
  stays (product, "fuse-sum");
  g_autoptr (GonioGraph) shown = conv_plus (GONIO_OP_ADD, TRUE, "6 4 1 1", "1 6 5 5");
  gonio_graph_add_output (shown, gonio_graph_find_value (shown, "a"));
  stays (shown, "fuse-sum");
  g_autoptr (GonioGraph) active = conv_plus (GONIO_OP_ADD, TRUE, "6 4 1 1", "1 6 5 5");
  gonio_graph_set_attr_string (active, mk_producer (active, gonio_graph_find_value (active, "a")),
                               "activation", "Tanh");
  stays (active, "fuse-sum");
  g_autoptr (GonioGraph) groups = conv_plus (GONIO_OP_ADD, TRUE, "6 2 1 1", "1 6 5 5");
  set_int (groups, gonio_graph_find_value (groups, "a"), "group", 2);
  stays (groups, "fuse-sum");
  g_autoptr (GonioGraph) constant = gonio_graph_new ("constant");
  GonioValueId a = mk_node (constant, GONIO_OP_CONV, "a", mk_input (constant, "x", "1 4 2 2"),
                            weights (constant, "w", "3 4 1 1"), END);
  gonio_graph_add_output (
      constant, mk_node (constant, GONIO_OP_ADD, "y", a, weights (constant, "c", "1 3 2 2"), END));
  stays (constant, "fuse-sum");
  g_autoptr (GonioGraph) twice = gonio_graph_new ("twice");
  a = mk_node (twice, GONIO_OP_CONV, "a", mk_input (twice, "x", "1 4 2 2"),
               weights (twice, "w", "3 4 1 1"), END);
  gonio_graph_add_output (twice, mk_node (twice, GONIO_OP_ADD, "y", a, a, END));
  stays (twice, "fuse-sum");
}

/* ---- shuffle ---- */

typedef struct {
  const char *name, *second; /* shape of the second part */
  int64_t axis, target[5], perm[5];
  gboolean fires;
} ShuffleRow;

static const ShuffleRow shuffle_rows[] = {
    {"two parts", "1 6 2 3", 1, {1, 2, 6, 2, 3}, {0, 2, 1, 3, 4}, TRUE},
    {"unlike parts", "1 12 2 3", 1, {1, 2, 9, 2, 3}, {0, 2, 1, 3, 4}, FALSE},
    {"other groups", "1 6 2 3", 1, {1, 3, 4, 2, 3}, {0, 2, 1, 3, 4}, FALSE},
    {"other axis", "1 6 2 3", 2, {1, 2, 6, 2, 3}, {0, 2, 1, 3, 4}, FALSE},
    {"other order", "1 6 2 3", 1, {1, 2, 6, 2, 3}, {0, 2, 1, 4, 3}, FALSE},
    {"no order", "1 6 2 3", 1, {1, 2, 6, 2, 3}, {0, 1, 2, 3, 4}, FALSE},
};

static void
test_shuffle (void)
{
  for (guint i = 0; i <= G_N_ELEMENTS (shuffle_rows); i++) {
    gboolean shown = i == G_N_ELEMENTS (shuffle_rows); /* the parts joined are an output, too */
    const ShuffleRow *row = &shuffle_rows[shown ? 0 : i];
    g_autoptr (GonioGraph) graph = gonio_graph_new (row->name);
    GonioValueId a = mk_input (graph, "a", "1 6 2 3"), b = mk_input (graph, "b", row->second);
    GonioValueId c = mk_node (graph, GONIO_OP_CONCAT, "c", a, b, END);
    GonioValueId r =
        mk_node (graph, GONIO_OP_RESHAPE, "r", c, mk_ints (graph, "t", 5, row->target), END);
    GonioValueId t = mk_node (graph, GONIO_OP_TRANSPOSE, "turned", r, END);
    set_int (graph, c, "axis", row->axis);
    gonio_graph_set_attr_ints (graph, mk_producer (graph, t), "perm", row->perm, 5);
    gonio_graph_add_output (graph, mk_node (graph, GONIO_OP_NEG, "y", t, END));
    if (shown)
      gonio_graph_add_output (graph, c);
    if (!row->fires || shown) {
      stays (graph, "shuffle");
      continue;
    }
    fires (graph, "shuffle");
    g_assert_cmpuint (count_op (graph, GONIO_OP_TRANSPOSE), ==, 0);
    g_assert_cmpuint (count_op (graph, GONIO_OP_UNSQUEEZE), ==, 2);
    g_assert_cmpuint (n_nodes (graph), ==, 4);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/passes-fuse/norm-conv", test_norm_conv);
  g_test_add_func ("/passes-fuse/norm-others", test_norm_others);
  g_test_add_func ("/passes-fuse/norm-arithmetic", test_norm_arithmetic);
  g_test_add_func ("/passes-fuse/norm-not", test_norm_not);
  g_test_add_func ("/passes-fuse/norm-shared-weights", test_norm_shared_weights);
  g_test_add_func ("/passes-fuse/activation", test_activation);
  g_test_add_func ("/passes-fuse/activation-not", test_activation_not);
  g_test_add_func ("/passes-fuse/pad", test_pad);
  g_test_add_func ("/passes-fuse/recognise", test_recognise);
  g_test_add_func ("/passes-fuse/recognise-not", test_recognise_not);
  g_test_add_func ("/passes-fuse/recognise-long-chain", test_recognise_long_chain);
  g_test_add_func ("/passes-fuse/layer-norm", test_layer_norm);
  g_test_add_func ("/passes-fuse/gemm", test_gemm);
  g_test_add_func ("/passes-fuse/sum", test_sum);
  g_test_add_func ("/passes-fuse/sum-both", test_sum_both);
  g_test_add_func ("/passes-fuse/sum-not", test_sum_not);
  g_test_add_func ("/passes-fuse/shuffle", test_shuffle);
  return g_test_run ();
}
