/* Operators whose result depends on the same element of each operand: what they are in GLSL, and
 * which of them are taken. Depends on lower. */
#include "backends/gl/common/elementwise.h"

#include <math.h>
#include <string.h>

static const struct {
  GonioOpId op;
  const char *text;
  const char *attrs[2];
  float defaults[2];
} unaries[] = {
    {GONIO_OP_ABS, "abs ($a)", {0}, {0}},
    {GONIO_OP_ACOS, "acos4 ($a)", {0}, {0}},
    {GONIO_OP_ACOSH, "acosh4 ($a)", {0}, {0}},
    {GONIO_OP_ASIN, "asin4 ($a)", {0}, {0}},
    {GONIO_OP_ASINH, "asinh4 ($a)", {0}, {0}},
    {GONIO_OP_ATAN, "atan4 ($a)", {0}, {0}},
    {GONIO_OP_ATANH, "atanh4 ($a)", {0}, {0}},
    {GONIO_OP_CEIL, "ceil ($a)", {0}, {0}},
    {GONIO_OP_CELU, "celu4 ($a, $0)", {"alpha"}, {1}},
    {GONIO_OP_COS, "cos4 ($a)", {0}, {0}},
    {GONIO_OP_COSH, "cosh4 ($a)", {0}, {0}},
    {GONIO_OP_ELU, "elu4 ($a, $0)", {"alpha"}, {1}},
    {GONIO_OP_ERF, "erf4 ($a)", {0}, {0}},
    {GONIO_OP_EXP, "exp ($a)", {0}, {0}},
    {GONIO_OP_FLOOR, "floor ($a)", {0}, {0}},
    {GONIO_OP_HARD_SIGMOID, "clamp4 ($0 * $a + $1, 0.0, 1.0)", {"alpha", "beta"}, {0.2f, 0.5f}},
    {GONIO_OP_HARD_SWISH, "$a * clamp4 ($a / 6.0 + 0.5, 0.0, 1.0)", {0}, {0}},
    {GONIO_OP_IDENTITY, "$a", {0}, {0}},
    {GONIO_OP_LEAKY_RELU, "below4 ($a, $a * $0)", {"alpha"}, {0.01f}},
    {GONIO_OP_LOG, "log4 ($a)", {0}, {0}},
    {GONIO_OP_MISH, "mish4 ($a)", {0}, {0}},
    {GONIO_OP_NEG, "-$a", {0}, {0}},
    {GONIO_OP_RECIPROCAL, "1.0 / $a", {0}, {0}},
    {GONIO_OP_RELU, "at_least4 ($a, 0.0)", {0}, {0}},
    {GONIO_OP_ROUND, "roundEven ($a)", {0}, {0}},
    {GONIO_OP_SELU,
     "selu4 ($a, $0, $1)",
     {"alpha", "gamma"},
     {1.67326319217681884765625f, 1.05070102214813232421875f}},
    {GONIO_OP_SHRINK, "shrink4 ($a, $0, $1)", {"lambd", "bias"}, {0.5f, 0}},
    {GONIO_OP_SIGMOID, "sigmoid4 ($a)", {0}, {0}},
    {GONIO_OP_SIGN, "sign4 ($a)", {0}, {0}},
    {GONIO_OP_SIN, "sin4 ($a)", {0}, {0}},
    {GONIO_OP_SINH, "sinh4 ($a)", {0}, {0}},
    {GONIO_OP_SOFTPLUS, "softplus4 ($a)", {0}, {0}},
    {GONIO_OP_SOFTSIGN, "$a / (1.0 + abs ($a))", {0}, {0}},
    {GONIO_OP_SQRT, "sqrt ($a)", {0}, {0}},
    {GONIO_OP_SWISH, "$a * sigmoid4 ($0 * $a)", {"alpha"}, {1}},
    {GONIO_OP_TAN, "tan4 ($a)", {0}, {0}},
    {GONIO_OP_TANH, "tanh4 ($a)", {0}, {0}},
    {GONIO_OP_THRESHOLDED_RELU, "thresholded4 ($a, $0)", {"alpha"}, {1}},
};

static const struct {
  GonioOpId op;
  const char *text;
} binaries[] = {
    {GONIO_OP_ADD, "$a + $b"},       {GONIO_OP_BATCH_NORMALIZATION, "$a * $b"}, /* see chain.c */
    {GONIO_OP_DIV, "$a / $b"},       {GONIO_OP_MAX, "max4 ($a, $b)"},
    {GONIO_OP_MEAN, "$a + $b"},      {GONIO_OP_MIN, "min4 ($a, $b)"},
    {GONIO_OP_MOD, "mod4 ($a, $b)"}, {GONIO_OP_MUL, "$a * $b"},
    {GONIO_OP_POW, "pow4 ($a, $b)"}, {GONIO_OP_PRELU, "below4 ($a, $a * $b)"},
    {GONIO_OP_SUB, "$a - $b"},       {GONIO_OP_SUM, "$a + $b"},
};

/* Powers that are better than pow4. */
static const struct {
  float exponent;
  const char *text;
} powers[] = {{-1, "1.0 / $a"}, {-0.5f, "inversesqrt ($a)"}, {0.5f, "sqrt ($a)"},       {1, "$a"},
              {2, "$a * $a"},   {3, "$a * $a * $a"},         {4, "$a * $a * ($a * $a)"}};

static gboolean
constant_number (const GonioValue *value, float *out_number)
{
  if (!value || !value->constant || value->dtype != GONIO_DTYPE_FLOAT ||
      gonio_tensor_count (value->constant) != 1)
    return FALSE;
  *out_number = *(const float *)gonio_tensor_data (value->constant);
  return TRUE;
}

static GonioGlExpression
clip_expression (float low, float high)
{
  GonioGlExpression clip = {.text = "clamp4 ($a, $0, $1)", .numbers = {low, high}};
  if (low == -INFINITY && high == INFINITY)
    clip.text = "$a";
  else if (low == -INFINITY)
    clip.text = "at_most4 ($a, $1)";
  else if (high == INFINITY)
    clip.text = "at_least4 ($a, $0)";
  return clip;
}

/* Operators whose text depends on the node. */
static gboolean
special_expression (const GonioGraph *graph, const GonioNode *node, GonioGlExpression *out)
{
  float exponent, low = -INFINITY, high = INFINITY;
  switch (node->op) {
  case GONIO_OP_CLIP:
    (void)constant_number (gonio_gl_in (graph, node, 1), &low);
    (void)constant_number (gonio_gl_in (graph, node, 2), &high);
    *out = clip_expression (low, high);
    return TRUE;
  case GONIO_OP_GELU:
    out->text = g_str_equal (gonio_node_attr_string (node, "approximate", "none"), "tanh")
                    ? "gelu_tanh4 ($a)"
                    : "gelu4 ($a)";
    return TRUE;
  case GONIO_OP_MOD:
    out->text = gonio_node_attr_int (node, "fmod", 0) ? "fmod4 ($a, $b)" : "mod4 ($a, $b)";
    return TRUE;
  case GONIO_OP_POW:
    if (!constant_number (gonio_gl_in (graph, node, 1), &exponent))
      return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS (powers) && !out->text; i++)
      if (powers[i].exponent == exponent)
        out->text = powers[i].text;
    return out->text != NULL;
  default:
    return FALSE;
  }
}

GonioGlExpression
gonio_gl_expression (const GonioGraph *graph, const GonioNode *node)
{
  GonioGlExpression expression = {0};
  if (special_expression (graph, node, &expression))
    return expression;
  for (guint i = 0; i < G_N_ELEMENTS (unaries); i++) {
    if (unaries[i].op != (GonioOpId)node->op)
      continue;
    expression.text = unaries[i].text;
    for (guint k = 0; k < 2 && unaries[i].attrs[k]; k++)
      expression.numbers[k] =
          gonio_node_attr_float (node, unaries[i].attrs[k], unaries[i].defaults[k]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (binaries); i++)
    if (binaries[i].op == (GonioOpId)node->op)
      expression.text = binaries[i].text;
  if (node->op == GONIO_OP_MEAN) {
    expression.finish = "$a * $0";
    expression.numbers[0] = 1.0f / (float)node->n_inputs;
  }
  return expression;
}

GonioGlExpression
gonio_gl_activation_expression (const GonioNode *node)
{
  GonioActivation activation = gonio_node_activation (node);
  GonioGlExpression expression = {.numbers = {activation.params[0], activation.params[1]}};
  switch (activation.kind) {
  case GONIO_ACT_CLIP:
    return clip_expression (activation.params[0], activation.params[1]);
  case GONIO_ACT_LEAKY_RELU:
    expression.text = "below4 ($a, $a * $0)";
    break;
  case GONIO_ACT_SIGMOID:
    expression.text = "sigmoid4 ($a)";
    break;
  case GONIO_ACT_TANH:
    expression.text = "tanh4 ($a)";
    break;
  case GONIO_ACT_SWISH:
    expression.text = "$a * sigmoid4 ($a)";
    break;
  case GONIO_ACT_HARD_SWISH:
    expression.text = "$a * clamp4 ($a / 6.0 + 0.5, 0.0, 1.0)";
    break;
  case GONIO_ACT_NONE:
    break;
  }
  return expression;
}

/* ---- claims ---- */

static const char *
unary_claim (const GonioGraph *graph, const GonioNode *node)
{
  return NULL;
}

static const char *
gelu_claim (const GonioGraph *graph, const GonioNode *node)
{
  const char *form = gonio_node_attr_string (node, "approximate", "none");
  return g_str_equal (form, "none") || g_str_equal (form, "tanh") ? NULL : "unknown approximation";
}

/* Bounds are constant, as settings are. */
static const char *
clip_claim (const GonioGraph *graph, const GonioNode *node)
{
  float number;
  for (guint i = 1; i < 3; i++)
    if (gonio_gl_in (graph, node, i) && !constant_number (gonio_gl_in (graph, node, i), &number))
      return "bounds are not single numbers";
  return NULL;
}

/* PRelu's result has the shape of its first operand, whatever the second one is. */
static gboolean
broadcasts_to (const GonioShape *shape, const GonioShape *out)
{
  for (int d = 1; d <= shape->rank; d++)
    if (d > out->rank || (shape->dims[shape->rank - d] != 1 &&
                          shape->dims[shape->rank - d] != out->dims[out->rank - d]))
      return FALSE;
  return TRUE;
}

static const char *
binary_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  guint broadcast = 0;
  if (out.rank > GONIO_GL_CHAIN_AXES)
    return "more than 6 axes";
  for (guint i = 0; i < node->n_inputs; i++) {
    if (!gonio_gl_in (graph, node, i))
      return "an operand is missing";
    GonioShape shape = gonio_gl_shape (gonio_gl_in (graph, node, i));
    if (!broadcasts_to (&shape, &out))
      return "an operand does not fit the result";
    broadcast += !gonio_shape_equal (&shape, &out);
  }
  if (node->n_inputs > GONIO_GL_CHAIN_OPERANDS || broadcast > GONIO_GL_CHAIN_BROADCAST)
    return "too many operands";
  return NULL;
}

static const char *
batch_norm_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  if (gonio_node_attr_int (node, "training_mode", 0) || gonio_gl_out (graph, node, 1) ||
      gonio_gl_out (graph, node, 2))
    return "training mode is not supported";
  if (shape.rank < 2 || shape.rank > GONIO_GL_CHAIN_AXES)
    return "not an image";
  for (guint i = 1; i < 5; i++) {
    const GonioValue *value = gonio_gl_in (graph, node, i);
    if (value->dtype != GONIO_DTYPE_FLOAT || gonio_tensor_count (value->constant) != shape.dims[1])
      return "a parameter does not fit the channels";
  }
  return NULL;
}

#define UNARY(OP)                                                                                  \
  {                                                                                                \
    GONIO_OP_##OP, unary_claim, gonio_gl_chain_lower, 0                                            \
  }
#define BINARY(OP)                                                                                 \
  {                                                                                                \
    GONIO_OP_##OP, binary_claim, gonio_gl_chain_lower, 0                                           \
  }

const GonioGlOp gonio_gl_ops_elementwise[] = {
    UNARY (ABS),
    UNARY (ACOS),
    UNARY (ACOSH),
    UNARY (ASIN),
    UNARY (ASINH),
    UNARY (ATAN),
    UNARY (ATANH),
    UNARY (CEIL),
    UNARY (CELU),
    UNARY (COS),
    UNARY (COSH),
    UNARY (ELU),
    UNARY (ERF),
    UNARY (EXP),
    UNARY (FLOOR),
    UNARY (HARD_SIGMOID),
    UNARY (HARD_SWISH),
    UNARY (IDENTITY),
    UNARY (LEAKY_RELU),
    UNARY (LOG),
    UNARY (MISH),
    UNARY (NEG),
    UNARY (RECIPROCAL),
    UNARY (RELU),
    UNARY (ROUND),
    UNARY (SELU),
    UNARY (SHRINK),
    UNARY (SIGMOID),
    UNARY (SIGN),
    UNARY (SIN),
    UNARY (SINH),
    UNARY (SOFTPLUS),
    UNARY (SOFTSIGN),
    UNARY (SQRT),
    UNARY (SWISH),
    UNARY (TAN),
    UNARY (TANH),
    UNARY (THRESHOLDED_RELU),
    BINARY (ADD),
    BINARY (DIV),
    BINARY (MAX),
    BINARY (MEAN),
    BINARY (MIN),
    BINARY (MOD),
    BINARY (MUL),
    BINARY (POW),
    BINARY (PRELU),
    BINARY (SUB),
    BINARY (SUM),
    {GONIO_OP_BATCH_NORMALIZATION, batch_norm_claim, gonio_gl_chain_lower, 0x1e},
    {GONIO_OP_CLIP, clip_claim, gonio_gl_chain_lower, 0x6},
    {GONIO_OP_GELU, gelu_claim, gonio_gl_chain_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
