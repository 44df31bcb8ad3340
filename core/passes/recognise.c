/* Pass "recognise": finds the operators that exporters spell out. All but the first are products
 * of a value and something made of it, with scalar factors anywhere in the product:
 *
 *   HardSigmoid  clip (x + 3, 0, 6) / 6
 *   Swish        x * sigmoid (a x)
 *   HardSwish    x * clip (x + 3, 0, 6) / 6, or x * hardsigmoid (x, 1/6, 1/2)
 *   Gelu         x * (erf (x / sqrt 2) + 1) / 2, or x * (tanh (c (x + k x^3)) + 1) / 2 with
 *                c = sqrt (2 / pi), k = 0.044715
 */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

#include <math.h>

#define MAX_FACTORS 4
#define MAX_DEPTH   6 /* of a tree of products */

/* ---- products ---- */

typedef struct {
  GonioValueId factors[MAX_FACTORS];
  guint n;
  double scale;
} Product;

static gboolean collect (const GonioGraph *graph, const GonioNode *node, guint depth,
                         Product *product);

/* One operand: a scalar, a product only read here, or a factor. */
static gboolean
collect_operand (const GonioGraph *graph, GonioValueId value, guint depth, Product *product)
{
  double scalar = 0;
  Product before = *product;

  if (value == GONIO_VALUE_NONE)
    return FALSE;
  if (gonio_match_scalar (graph, value, &scalar)) {
    product->scale *= scalar;
    return TRUE;
  }
  const GonioNode *inner = gonio_match_made_by (graph, value, GONIO_OP_MUL);
  inner = inner ? inner : gonio_match_made_by (graph, value, GONIO_OP_DIV);
  if (inner && depth < MAX_DEPTH) {
    if (collect (graph, inner, depth + 1, product))
      return TRUE;
    *product = before;
  }
  if (product->n == MAX_FACTORS)
    return FALSE;
  product->factors[product->n++] = value;
  return TRUE;
}

static gboolean
collect (const GonioGraph *graph, const GonioNode *node, guint depth, Product *product)
{
  double scalar = 0;

  if (node->n_inputs != 2 || gonio_node_attr (node, "activation"))
    return FALSE;
  if (node->op == GONIO_OP_MUL)
    return collect_operand (graph, node->inputs[0], depth, product) &&
           collect_operand (graph, node->inputs[1], depth, product);
  if (!gonio_match_scalar (graph, node->inputs[1], &scalar) || scalar == 0)
    return FALSE; /* only division by a number is a product */
  product->scale /= scalar;
  return collect_operand (graph, node->inputs[0], depth, product);
}

/* value as scale * factors; a value that is no product is its own only factor. Integer powers
 * count as repeated factors. */
static gboolean
read_product (const GonioGraph *graph, GonioValueId value, Product *out)
{
  *out = (Product){.scale = 1};
  if (!collect_operand (graph, value, 0, out))
    return FALSE;
  for (guint i = 0; i < out->n; i++) {
    const GonioNode *power = gonio_match_made_by (graph, out->factors[i], GONIO_OP_POW);
    double exponent = 0;
    if (!power || !gonio_match_scalar (graph, power->inputs[1], &exponent) ||
        (exponent != 2 && exponent != 3) || out->n - 1 + (guint)exponent > MAX_FACTORS)
      continue;
    out->factors[i] = power->inputs[0];
    while (--exponent > 0)
      out->factors[out->n++] = power->inputs[0];
  }
  return TRUE;
}

static gboolean
is_power_of (const GonioGraph *graph, GonioValueId value, GonioValueId x, guint n, double scale)
{
  Product product = {0};

  if (!read_product (graph, value, &product) || product.n != n ||
      !gonio_match_close (product.scale, scale))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    if (product.factors[i] != x)
      return FALSE;
  }
  return TRUE;
}

/* value = other + term, nobody else reading value. */
static gboolean
is_plus (const GonioGraph *graph, GonioValueId value, double term, GonioValueId *out_other)
{
  const GonioNode *add = gonio_match_made_by (graph, value, GONIO_OP_ADD);
  double scalar = 0;

  return add && gonio_match_is_plain (add, GONIO_OP_ADD) &&
         gonio_match_with_scalar (graph, add, out_other, &scalar) &&
         gonio_match_close (scalar, term);
}

/* ---- partners: what x is multiplied with ---- */

/* sigmoid (a x); out_number: a */
static gboolean
is_sigmoid_of (const GonioGraph *graph, GonioValueId value, GonioValueId x, double *out_number)
{
  const GonioNode *node = gonio_match_made_by (graph, value, GONIO_OP_SIGMOID);
  Product product = {0};

  if (!node || !gonio_match_is_plain (node, GONIO_OP_SIGMOID))
    return FALSE;
  *out_number = 1;
  if (node->inputs[0] == x)
    return TRUE;
  if (!read_product (graph, node->inputs[0], &product) || product.n != 1 || product.factors[0] != x)
    return FALSE;
  *out_number = product.scale;
  return TRUE;
}

static gboolean
is_hard_sigmoid_of (const GonioGraph *graph, GonioValueId value, GonioValueId x, double *out_number)
{
  const GonioNode *node = gonio_match_made_by (graph, value, GONIO_OP_HARD_SIGMOID);
  return node && node->inputs[0] == x &&
         gonio_match_close (gonio_node_attr_float (node, "alpha", 0.2f), 1.0 / 6) &&
         gonio_match_close (gonio_node_attr_float (node, "beta", 0.5f), 0.5);
}

/* clip (inner + 3, 0, 6) */
static gboolean
is_relu6_plus_3 (const GonioGraph *graph, GonioValueId value, GonioValueId *out_inner)
{
  const GonioNode *clip = gonio_match_made_by (graph, value, GONIO_OP_CLIP);
  double low = 0, high = 0;

  return clip && gonio_match_scalar (graph, gonio_match_input (clip, 1), &low) && low == 0 &&
         gonio_match_scalar (graph, gonio_match_input (clip, 2), &high) && high == 6 &&
         is_plus (graph, clip->inputs[0], 3, out_inner);
}

static gboolean
is_relu6_of (const GonioGraph *graph, GonioValueId value, GonioValueId x, double *out_number)
{
  GonioValueId inner = GONIO_VALUE_NONE;
  return is_relu6_plus_3 (graph, value, &inner) && inner == x;
}

static gboolean
is_erf_of (const GonioGraph *graph, GonioValueId value, GonioValueId x, double *out_number)
{
  GonioValueId erf_value = GONIO_VALUE_NONE;

  if (!is_plus (graph, value, 1, &erf_value))
    return FALSE;
  const GonioNode *node = gonio_match_made_by (graph, erf_value, GONIO_OP_ERF);
  return node && is_power_of (graph, node->inputs[0], x, 1, G_SQRT2 / 2);
}

/* c (x + k x^3), or written as c x (1 + k x^2). */
static gboolean
is_cubic_of (const GonioGraph *graph, GonioValueId value, GonioValueId x)
{
  const double c = sqrt (2 / G_PI), k = 0.044715;
  Product product = {0};
  GonioValueId square = GONIO_VALUE_NONE;

  if (!read_product (graph, value, &product) || !gonio_match_close (product.scale, c))
    return FALSE;
  if (product.n == 1) {
    const GonioNode *add = gonio_match_made_by (graph, product.factors[0], GONIO_OP_ADD);
    if (!add || !gonio_match_is_plain (add, GONIO_OP_ADD))
      return FALSE;
    return (add->inputs[0] == x && is_power_of (graph, add->inputs[1], x, 3, k)) ||
           (add->inputs[1] == x && is_power_of (graph, add->inputs[0], x, 3, k));
  }
  if (product.n != 2 || (product.factors[0] != x && product.factors[1] != x))
    return FALSE;
  return is_plus (graph, product.factors[product.factors[0] == x], 1, &square) &&
         is_power_of (graph, square, x, 2, k);
}

static gboolean
is_tanh_of (const GonioGraph *graph, GonioValueId value, GonioValueId x, double *out_number)
{
  GonioValueId tanh_value = GONIO_VALUE_NONE;

  if (!is_plus (graph, value, 1, &tanh_value))
    return FALSE;
  const GonioNode *node = gonio_match_made_by (graph, tanh_value, GONIO_OP_TANH);
  return node && is_cubic_of (graph, node->inputs[0], x);
}

static const struct {
  double scale;
  gboolean (*is_partner) (const GonioGraph *graph, GonioValueId value, GonioValueId x,
                          double *out_number);
  GonioOpId op;
  const char *approximate; /* attribute of Gelu */
} products[] = {
    {1.0, is_sigmoid_of, GONIO_OP_SWISH, NULL},
    {1.0, is_hard_sigmoid_of, GONIO_OP_HARD_SWISH, NULL},
    {1.0 / 6, is_relu6_of, GONIO_OP_HARD_SWISH, NULL},
    {0.5, is_erf_of, GONIO_OP_GELU, "none"},
    {0.5, is_tanh_of, GONIO_OP_GELU, "tanh"},
};

static void
write_product (GonioGraph *graph, GonioNodeId id, guint row, GonioValueId x, double number)
{
  GonioNodeId made = gonio_match_replace (graph, id, products[row].op, &x, 1);

  if (products[row].approximate)
    gonio_graph_set_attr_string (graph, made, "approximate", products[row].approximate);
  if (products[row].op == GONIO_OP_SWISH && number != 1)
    gonio_graph_set_attr_float (graph, made, "alpha", (float)number);
}

static gboolean
recognise_product (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  Product product = {.scale = 1};

  if (!collect (graph, node, 0, &product) || product.n != 2)
    return FALSE;
  for (guint row = 0; row < G_N_ELEMENTS (products); row++) {
    if (!gonio_match_close (product.scale, products[row].scale))
      continue;
    for (guint k = 0; k < 2; k++) {
      double number = 1;
      if (!products[row].is_partner (graph, product.factors[1 - k], product.factors[k], &number))
        continue;
      write_product (graph, id, row, product.factors[k], number);
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
recognise_hard_sigmoid (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  GonioValueId x = GONIO_VALUE_NONE;
  Product product = {.scale = 1};

  if (!collect (graph, node, 0, &product) || product.n != 1 ||
      !gonio_match_close (product.scale, 1.0 / 6) ||
      !is_relu6_plus_3 (graph, product.factors[0], &x))
    return FALSE;
  GonioNodeId made = gonio_match_replace (graph, id, GONIO_OP_HARD_SIGMOID, &x, 1);
  gonio_graph_set_attr_float (graph, made, "alpha", 1.0f / 6);
  gonio_graph_set_attr_float (graph, made, "beta", 0.5f);
  return TRUE;
}

gboolean
gonio_pass_recognise (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                      GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  /* From the back: the whole product is seen before its parts. */
  for (guint i = n; i-- > 0;) {
    const GonioNode *node = gonio_graph_node (graph, nodes[i]);
    if (!node ||
        (!gonio_match_is_plain (node, GONIO_OP_MUL) &&
         !gonio_match_is_plain (node, GONIO_OP_DIV)) ||
        !gonio_match_is_float (graph, node->outputs[0]))
      continue;
    if (recognise_product (graph, nodes[i]) || recognise_hard_sigmoid (graph, nodes[i]))
      (*out_changes)++;
  }
  return TRUE;
}
