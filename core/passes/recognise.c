/* Pass "recognise": finds the operators that exporters spell out. Each is a product of a value
 * and something made of it, with scalar factors anywhere in the product:
 *
 *   Swish      x * sigmoid (x)
 *   HardSwish  x * clip (x + 3, 0, 6) / 6, or x * hardsigmoid (x, 1/6, 1/2)
 *   Gelu       x * (erf (x / sqrt 2) + 1) / 2, or x * (tanh (c (x + k x^3)) + 1) / 2
 *
 * and LayerNormalization, (x - mean) / sqrt (var + eps) * scale + bias over the last axis. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

#include <math.h>

#define MAX_FACTORS 3

typedef struct {
  GonioValueId factors[MAX_FACTORS];
  guint n;
  double scale;
} Product;

/* Flattens a tree of Mul and of Div by scalars whose inner values nobody else reads. */
static gboolean
collect (const GonioGraph *graph, const GonioNode *node, Product *product)
{
  for (guint i = 0; i < 2; i++) {
    const GonioValueId input = gonio_node_input (node, i);
    double scalar;
    if (input == GONIO_VALUE_NONE)
      return FALSE;
    if (gonio_match_scalar (graph, input, &scalar)) {
      product->scale = node->op == GONIO_OP_DIV ? product->scale / scalar : product->scale * scalar;
      if (node->op == GONIO_OP_DIV && i == 0)
        return FALSE; /* 1 / x is no product */
      continue;
    }
    if (node->op == GONIO_OP_DIV && i == 1)
      return FALSE;
    GonioNodeId inner = gonio_match_producer (graph, input, GONIO_OP_MUL);
    if (inner == GONIO_NODE_NONE)
      inner = gonio_match_producer (graph, input, GONIO_OP_DIV);
    if (inner != GONIO_NODE_NONE) {
      Product before = *product;
      if (collect (graph, gonio_graph_node (graph, inner), product))
        continue;
      *product = before;
    }
    if (product->n == MAX_FACTORS)
      return FALSE;
    product->factors[product->n++] = input;
  }
  return TRUE;
}

static gboolean
close_to (double a, double b)
{
  return fabs (a - b) <= 1e-4 * fabs (b);
}

/* value = op (x) with nobody else reading value. */
static const GonioNode *
made_by (const GonioGraph *graph, GonioValueId value, GonioOpId op)
{
  const GonioNodeId id = gonio_match_producer (graph, value, op);
  return id == GONIO_NODE_NONE ? NULL : gonio_graph_node (graph, id);
}

static gboolean
is_plus (const GonioGraph *graph, GonioValueId value, double term, GonioValueId *out_other)
{
  double scalar;
  const GonioNode *add = made_by (graph, value, GONIO_OP_ADD);
  return add && gonio_match_with_scalar (graph, add, out_other, &scalar) && close_to (scalar, term);
}

/* x times or divided by a scalar, as one factor. */
static gboolean
is_scaled (const GonioGraph *graph, GonioValueId value, double factor, GonioValueId *out_x)
{
  static const GonioOpId ops[] = {GONIO_OP_MUL, GONIO_OP_DIV};
  for (guint i = 0; i < 2; i++) {
    const GonioNode *node = made_by (graph, value, ops[i]);
    double scalar;
    if (!node || !gonio_match_with_scalar (graph, node, out_x, &scalar))
      continue;
    if (node->op == GONIO_OP_DIV && *out_x != node->inputs[0])
      return FALSE;
    return close_to (node->op == GONIO_OP_DIV ? 1 / scalar : scalar, factor);
  }
  return FALSE;
}

static gboolean
is_sigmoid_of (const GonioGraph *graph, GonioValueId value, GonioValueId x)
{
  const GonioNode *node = made_by (graph, value, GONIO_OP_SIGMOID);
  return node && node->inputs[0] == x;
}

static gboolean
is_hard_sigmoid_of (const GonioGraph *graph, GonioValueId value, GonioValueId x)
{
  const GonioNode *node = made_by (graph, value, GONIO_OP_HARD_SIGMOID);
  return node && node->inputs[0] == x &&
         close_to (gonio_node_attr_float (node, "alpha", 0.2f), 1.0 / 6) &&
         close_to (gonio_node_attr_float (node, "beta", 0.5f), 0.5);
}

static gboolean
is_clip_plus_3_of (const GonioGraph *graph, GonioValueId value, GonioValueId x)
{
  const GonioNode *clip = made_by (graph, value, GONIO_OP_CLIP);
  GonioValueId inner;
  double low, high;
  return clip && gonio_match_scalar (graph, gonio_node_input (clip, 1), &low) && low == 0 &&
         gonio_match_scalar (graph, gonio_node_input (clip, 2), &high) && high == 6 &&
         is_plus (graph, clip->inputs[0], 3, &inner) && inner == x;
}

static gboolean
is_erf_plus_1_of (const GonioGraph *graph, GonioValueId value, GonioValueId x)
{
  GonioValueId erf_value, inner;
  if (!is_plus (graph, value, 1, &erf_value))
    return FALSE;
  const GonioNode *erf_node = made_by (graph, erf_value, GONIO_OP_ERF);
  return erf_node && is_scaled (graph, erf_node->inputs[0], G_SQRT2 / 2, &inner) && inner == x;
}

/* x^3 * 0.044715, with the scalar on either side of the power. */
static gboolean
is_cubic_of (const GonioGraph *graph, GonioValueId value, GonioValueId x)
{
  GonioValueId cube;
  if (!is_scaled (graph, value, 0.044715, &cube))
    return FALSE;
  const GonioNode *power = made_by (graph, cube, GONIO_OP_POW);
  return power && power->inputs[0] == x && gonio_match_scalar_is (graph, power->inputs[1], 3);
}

static gboolean
is_tanh_plus_1_of (const GonioGraph *graph, GonioValueId value, GonioValueId x)
{
  GonioValueId tanh_value, sum;
  if (!is_plus (graph, value, 1, &tanh_value))
    return FALSE;
  const GonioNode *tanh_node = made_by (graph, tanh_value, GONIO_OP_TANH);
  if (!tanh_node || !is_scaled (graph, tanh_node->inputs[0], sqrt (2 / G_PI), &sum))
    return FALSE;
  const GonioNode *add = made_by (graph, sum, GONIO_OP_ADD);
  return add && ((add->inputs[0] == x && is_cubic_of (graph, add->inputs[1], x)) ||
                 (add->inputs[1] == x && is_cubic_of (graph, add->inputs[0], x)));
}

static const struct {
  double scale;
  gboolean (*is_partner) (const GonioGraph *graph, GonioValueId value, GonioValueId x);
  GonioOpId op;
  const char *approximate; /* attribute of Gelu */
} products[] = {
    {1.0, is_sigmoid_of, GONIO_OP_SWISH, NULL},
    {1.0, is_hard_sigmoid_of, GONIO_OP_HARD_SWISH, NULL},
    {1.0 / 6, is_clip_plus_3_of, GONIO_OP_HARD_SWISH, NULL},
    {0.5, is_erf_plus_1_of, GONIO_OP_GELU, "none"},
    {0.5, is_tanh_plus_1_of, GONIO_OP_GELU, "tanh"},
};

static gboolean
recognise_product (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  Product product = {.scale = 1.0};
  if ((node->op != GONIO_OP_MUL && node->op != GONIO_OP_DIV) || node->n_inputs != 2 ||
      gonio_node_attr (node, "activation") || !collect (graph, node, &product) || product.n != 2)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (products); i++) {
    if (!close_to (product.scale, products[i].scale))
      continue;
    for (guint k = 0; k < 2; k++) {
      const GonioValueId x = product.factors[k];
      if (!products[i].is_partner (graph, product.factors[1 - k], x))
        continue;
      const GonioValueId output = node->outputs[0];
      gonio_match_replace (graph, id, products[i].op, x);
      if (products[i].approximate)
        gonio_graph_set_attr_string (graph, gonio_graph_value (graph, output)->producer,
                                     "approximate", products[i].approximate);
      return TRUE;
    }
  }
  return FALSE;
}

/* ---- LayerNormalization ---- */

/* ReduceMean over the last axis alone, dimension kept. */
static gboolean
is_last_mean_of (const GonioGraph *graph, const GonioNode *node, GonioValueId x)
{
  const GonioSymShape *shape = &gonio_graph_value (graph, x)->shape;
  const GonioTensor *axes = gonio_match_constant (graph, gonio_node_input (node, 1));
  if (!shape->has_rank || shape->rank < 1 || !axes || gonio_tensor_count (axes) != 1 ||
      node->inputs[0] != x || gonio_node_attr_int (node, "keepdims", 1) != 1)
    return FALSE;
  const int64_t axis = gonio_tensor_get_int (axes, 0);
  return axis == -1 || axis == shape->rank - 1;
}

/* The x of d = x - mean (x). */
static gboolean
is_centred (const GonioGraph *graph, GonioValueId d, GonioValueId *out_x)
{
  const GonioNodeId producer = gonio_graph_value (graph, d)->producer;
  const GonioNode *sub = producer == GONIO_NODE_NONE ? NULL : gonio_graph_node (graph, producer);
  if (!sub || sub->op != GONIO_OP_SUB)
    return FALSE;
  const GonioNode *mean = made_by (graph, sub->inputs[1], GONIO_OP_REDUCE_MEAN);
  *out_x = sub->inputs[0];
  return mean && is_last_mean_of (graph, mean, *out_x);
}

static gboolean
is_square_of (const GonioGraph *graph, GonioValueId value, GonioValueId d)
{
  const GonioNode *power = made_by (graph, value, GONIO_OP_POW);
  if (power)
    return power->inputs[0] == d && gonio_match_scalar_is (graph, power->inputs[1], 2);
  const GonioNode *mul = made_by (graph, value, GONIO_OP_MUL);
  return mul && mul->inputs[0] == d && mul->inputs[1] == d;
}

/* value = sqrt (mean (d^2) + epsilon). */
static gboolean
is_deviation_of (const GonioGraph *graph, GonioValueId value, GonioValueId d, double *out_epsilon)
{
  const GonioNode *root = made_by (graph, value, GONIO_OP_SQRT);
  const GonioNode *add = root ? made_by (graph, root->inputs[0], GONIO_OP_ADD) : NULL;
  GonioValueId variance;
  if (!add || !gonio_match_with_scalar (graph, add, &variance, out_epsilon))
    return FALSE;
  const GonioNode *mean = made_by (graph, variance, GONIO_OP_REDUCE_MEAN);
  return mean && is_last_mean_of (graph, mean, mean->inputs[0]) &&
         is_square_of (graph, mean->inputs[0], d);
}

/* A constant vector along the last axis of x. */
static gboolean
is_last_vector (const GonioGraph *graph, GonioValueId value, GonioValueId x)
{
  const GonioTensor *tensor = gonio_match_constant (graph, value);
  const GonioSymShape *shape = &gonio_graph_value (graph, x)->shape;
  return tensor && gonio_tensor_shape (tensor)->rank == 1 &&
         gonio_tensor_shape (tensor)->dims[0] == shape->dims[shape->rank - 1].value;
}

/* node is the Add of the bias, or the Mul of the scale when there is no bias. */
static gboolean
recognise_layer_norm (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *last = gonio_graph_node (graph, id);
  GonioValueId bias = GONIO_VALUE_NONE;
  const GonioNode *scaling = last;
  for (guint i = 0; last->op == GONIO_OP_ADD && last->n_inputs == 2 && i < 2; i++) {
    scaling = made_by (graph, last->inputs[i], GONIO_OP_MUL);
    bias = last->inputs[1 - i];
    if (scaling)
      break;
  }
  if (!scaling || scaling->op != GONIO_OP_MUL || scaling->n_inputs != 2)
    return FALSE;
  for (guint i = 0; i < 2; i++) {
    const GonioNode *div = made_by (graph, scaling->inputs[i], GONIO_OP_DIV);
    const GonioValueId scale = scaling->inputs[1 - i];
    GonioValueId x;
    double epsilon;
    if (!div || !is_centred (graph, div->inputs[0], &x) ||
        !is_deviation_of (graph, div->inputs[1], div->inputs[0], &epsilon) ||
        !is_last_vector (graph, scale, x) ||
        (bias != GONIO_VALUE_NONE && !is_last_vector (graph, bias, x)))
      continue;
    const GonioValueId output = last->outputs[0];
    const GonioValueId inputs[] = {x, scale, bias};
    g_autofree char *name = g_strdup (last->name);
    gonio_graph_remove_node (graph, id);
    const GonioNodeId norm =
        gonio_graph_add_node (graph, GONIO_OP_LAYER_NORMALIZATION, name, inputs,
                              bias == GONIO_VALUE_NONE ? 2 : 3, &output, 1);
    gonio_graph_set_attr_int (graph, norm, "axis", -1);
    gonio_graph_set_attr_float (graph, norm, "epsilon", (float)epsilon);
    return TRUE;
  }
  return FALSE;
}

gboolean
gonio_pass_recognise (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                      GError **error)
{
  guint n = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  g_autofree GonioNodeId *nodes = g_memdup2 (order, n * sizeof *order);
  *out_changes = 0;
  /* From the back: the bias of a layer norm is seen before its scale. */
  for (guint i = n; i-- > 0;) {
    const GonioNode *node = gonio_graph_node (graph, nodes[i]);
    if (!node || node->n_outputs != 1 || node->outputs[0] == GONIO_VALUE_NONE ||
        gonio_graph_value (graph, node->outputs[0])->dtype != GONIO_DTYPE_FLOAT)
      continue;
    if (recognise_product (graph, nodes[i]) || recognise_layer_norm (graph, nodes[i]))
      (*out_changes)++;
  }
  return TRUE;
}
