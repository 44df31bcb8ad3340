/* Operators whose result depends on the same element of each operand. Depends on lower. */
#include "backends/gl/common/lower.h"

#include <string.h>

/* x: a texel; f[2], f[3]: attributes or constant inputs as below. */
static const struct {
  GonioOpId op;
  const char *expression;
  const char *attrs[2];
  float defaults[2];
} unaries[] = {
    {GONIO_OP_ABS, "abs (x)", {0}, {0}},
    {GONIO_OP_CEIL, "ceil (x)", {0}, {0}},
    {GONIO_OP_COS, "cos (x)", {0}, {0}},
    {GONIO_OP_ELU,
     "mix (f[2] * expm14 (min (x, 0.0)), x, greaterThan (x, vec4 (0.0)))",
     {"alpha"},
     {1}},
    {GONIO_OP_ERF, "erf4 (x)", {0}, {0}},
    {GONIO_OP_EXP, "exp (x)", {0}, {0}},
    {GONIO_OP_FLOOR, "floor (x)", {0}, {0}},
    {GONIO_OP_HARD_SIGMOID, "clamp (f[2] * x + f[3], 0.0, 1.0)", {"alpha", "beta"}, {0.2f, 0.5f}},
    {GONIO_OP_HARD_SWISH, "x * clamp (x / 6.0 + 0.5, 0.0, 1.0)", {0}, {0}},
    {GONIO_OP_IDENTITY, "x", {0}, {0}},
    {GONIO_OP_LEAKY_RELU, "mix (x, x * f[2], lessThan (x, vec4 (0.0)))", {"alpha"}, {0.01f}},
    {GONIO_OP_LOG, "log (x)", {0}, {0}},
    {GONIO_OP_NEG, "-x", {0}, {0}},
    {GONIO_OP_RECIPROCAL, "1.0 / x", {0}, {0}},
    {GONIO_OP_RELU, "max (x, 0.0)", {0}, {0}},
    {GONIO_OP_ROUND, "roundEven (x)", {0}, {0}},
    {GONIO_OP_SIGMOID, "sigmoid4 (x)", {0}, {0}},
    {GONIO_OP_SIGN, "sign (x)", {0}, {0}},
    {GONIO_OP_SIN, "sin (x)", {0}, {0}},
    {GONIO_OP_SOFTPLUS, "max (x, 0.0) + log1p4 (exp (-abs (x)))", {0}, {0}},
    {GONIO_OP_SOFTSIGN, "x / (1.0 + abs (x))", {0}, {0}},
    {GONIO_OP_SQRT, "sqrt (x)", {0}, {0}},
    {GONIO_OP_SWISH, "x * sigmoid4 (f[2] * x)", {"alpha"}, {1}},
    {GONIO_OP_TANH, "tanh4 (x)", {0}, {0}},
    {GONIO_OP_THRESHOLDED_RELU,
     "mix (vec4 (0.0), x, greaterThan (x, vec4 (f[2])))",
     {"alpha"},
     {1}},
};

static const struct {
  GonioOpId op;
  const char *expression;
} binaries[] = {
    {GONIO_OP_ADD, "a + b"},
    {GONIO_OP_DIV, "a / b"},
    {GONIO_OP_MAX, "max (a, b)"},
    {GONIO_OP_MIN, "min (a, b)"},
    {GONIO_OP_MUL, "a * b"},
    {GONIO_OP_SUB, "a - b"},
    {GONIO_OP_PRELU, "mix (a, a * b, lessThan (a, vec4 (0.0)))"},
};

/* ---- one operand ---- */

static gboolean
can_be_image (const GonioValue *value)
{
  GonioShape shape = gonio_gl_shape (value);
  return shape.rank >= 3 && gonio_gl_count (&shape) > 0;
}

static const char *
unary_claim (const GonioGraph *graph, const GonioNode *node)
{
  return NULL;
}

/* Zeros the lanes that are not there, as log (0) would spoil what reads them. */
static void
mask_lanes (GonioGlStep *step, GString *defines, const GonioValue *value, int at)
{
  GonioShape shape = gonio_gl_shape (value);
  int batch;
  if (shape.dims[1] % 4 == 0)
    return;
  g_string_append (defines, ";IMAGE 1");
  gonio_gl_image_sizes (&shape, &batch, &step->params[at], &step->params[at + 1]);
}

static gboolean
unary_lower (GonioGlLower *lower, GError **error)
{
  GonioGlStep step = {.kernel = "unary.glsl", .n_inputs = 1};
  GonioGlForm form = gonio_gl_has (lower, 0, GONIO_GL_IMAGE) ? GONIO_GL_IMAGE : GONIO_GL_PLAIN;
  g_autoptr (GString) defines = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (unaries); i++) {
    if (unaries[i].op != (GonioOpId)lower->node->op)
      continue;
    g_string_printf (defines, "OP %s", unaries[i].expression);
    for (guint k = 0; k < 2 && unaries[i].attrs[k]; k++)
      step.floats[2 + k] =
          gonio_node_attr_float (lower->node, unaries[i].attrs[k], unaries[i].defaults[k]);
  }
  if (!gonio_gl_read (lower, 0, form, &step.inputs[0], error))
    return FALSE;
  if (form == GONIO_GL_IMAGE)
    mask_lanes (&step, defines, gonio_gl_out (lower->graph, lower->node, 0), 0);
  step.output = gonio_gl_write (lower, 0, form);
  step.defines = g_strdup (defines->str);
  return gonio_gl_add (lower, &step, error);
}

/* ---- Clip ---- */

static const char *
clip_claim (const GonioGraph *graph, const GonioNode *node)
{
  for (guint i = 1; i < 3; i++)
    if (gonio_gl_in (graph, node, i) && !gonio_gl_in (graph, node, i)->constant)
      return "bounds are not constant";
  return NULL;
}

static float
bound (const GonioGlLower *lower, guint i, const char *attr, float fallback)
{
  const GonioValue *value = gonio_gl_in (lower->graph, lower->node, i);
  float x = value && gonio_tensor_count (value->constant) == 1
                ? *(const float *)gonio_tensor_data (value->constant)
                : gonio_node_attr_float (lower->node, attr, fallback);
  return CLAMP (x, -G_MAXFLOAT, G_MAXFLOAT);
}

static gboolean
clip_lower (GonioGlLower *lower, GError **error)
{
  GonioGlForm form = gonio_gl_has (lower, 0, GONIO_GL_IMAGE) ? GONIO_GL_IMAGE : GONIO_GL_PLAIN;
  GonioGlStep step = {.kernel = "unary.glsl", .n_inputs = 1};
  g_autoptr (GString) defines = g_string_new ("OP min (max (x, f[2]), f[3])");
  step.floats[2] = bound (lower, 1, "min", -G_MAXFLOAT);
  step.floats[3] = bound (lower, 2, "max", G_MAXFLOAT);
  if (!gonio_gl_read (lower, 0, form, &step.inputs[0], error))
    return FALSE;
  if (form == GONIO_GL_IMAGE)
    mask_lanes (&step, defines, gonio_gl_out (lower->graph, lower->node, 0), 0);
  step.output = gonio_gl_write (lower, 0, form);
  step.defines = g_strdup (defines->str);
  return gonio_gl_add (lower, &step, error);
}

/* ---- two operands ---- */

#define AXES 6

static const char *
binary_claim (const GonioGraph *graph, const GonioNode *node)
{
  if (node->n_inputs != 2)
    return "only two operands are supported";
  return gonio_gl_shape (gonio_gl_out (graph, node, 0)).rank > AXES ? "more than 6 axes" : NULL;
}

/* One number per channel, of each image or of all. */
static gboolean
is_channels (const GonioShape *shape, const GonioShape *out)
{
  if (shape->rank != out->rank || shape->dims[1] != out->dims[1] ||
      (shape->dims[0] != out->dims[0] && shape->dims[0] != 1))
    return FALSE;
  for (int i = 2; i < shape->rank; i++)
    if (shape->dims[i] != 1)
      return FALSE;
  return TRUE;
}

static void
broadcast_params (GonioGlStep *step, const GonioShape *out, const GonioShape operands[2])
{
  for (int i = 0; i < AXES; i++) {
    int axis = i - (AXES - out->rank);
    step->params[i] = axis < 0 ? 1 : (int)out->dims[axis];
  }
  for (int o = 0; o < 2; o++) {
    int64_t strides[GONIO_MAX_RANK];
    gonio_shape_strides (&operands[o], strides);
    for (int i = 0; i < AXES; i++) {
      int axis = i - (AXES - operands[o].rank);
      gboolean steps = axis >= 0 && operands[o].dims[axis] != 1;
      step->params[AXES * (o + 1) + i] = steps ? (int)strides[axis] : 0;
    }
  }
}

static gboolean
binary_lower (GonioGlLower *lower, GError **error)
{
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  GonioShape shapes[2] = {gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0)),
                          gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 1))};
  GonioGlStep step = {.kernel = "binary.glsl", .n_inputs = 2};
  gboolean image =
      can_be_image (gonio_gl_out (lower->graph, lower->node, 0)) &&
      (gonio_gl_has (lower, 0, GONIO_GL_IMAGE) || gonio_gl_has (lower, 1, GONIO_GL_IMAGE));
  gboolean same = gonio_shape_equal (&shapes[0], &out) && gonio_shape_equal (&shapes[1], &out);
  gboolean channels =
      image && gonio_shape_equal (&shapes[0], &out) && is_channels (&shapes[1], &out);
  int mode = same ? 0 : channels ? 1 : 2;
  GonioGlForm form = image && mode < 2 ? GONIO_GL_IMAGE : GONIO_GL_PLAIN;
  for (guint i = 0; i < 2; i++)
    if (!gonio_gl_read (lower, i, form, &step.inputs[i], error))
      return FALSE;
  g_autofree char *activation = gonio_gl_activation (lower->node, &step);
  g_autoptr (GString) defines = g_string_new (activation);
  for (guint i = 0; i < G_N_ELEMENTS (binaries); i++)
    if (binaries[i].op == (GonioOpId)lower->node->op)
      g_string_append_printf (defines, ";MODE %d;OP %s", mode, binaries[i].expression);
  if (mode == 1) {
    int batch, all;
    gonio_gl_image_sizes (&out, &batch, &all, &step.params[0]);
    step.params[1] = (all + 3) / 4;
    step.params[2] = shapes[1].dims[0] == out.dims[0];
  }
  if (mode == 2)
    broadcast_params (&step, &out, shapes);
  if (form == GONIO_GL_IMAGE)
    mask_lanes (&step, defines, gonio_gl_out (lower->graph, lower->node, 0), 18);
  step.output = gonio_gl_write (lower, 0, form);
  step.defines = g_strdup (defines->str);
  return gonio_gl_add (lower, &step, error);
}

#define UNARY(OP)                                                                                  \
  {                                                                                                \
    GONIO_OP_##OP, unary_claim, unary_lower, 0                                                     \
  }
#define BINARY(OP)                                                                                 \
  {                                                                                                \
    GONIO_OP_##OP, binary_claim, binary_lower, 0                                                   \
  }

const GonioGlOp gonio_gl_ops_elementwise[] = {
    UNARY (ABS),
    UNARY (CEIL),
    UNARY (COS),
    UNARY (ELU),
    UNARY (ERF),
    UNARY (EXP),
    UNARY (FLOOR),
    UNARY (HARD_SIGMOID),
    UNARY (HARD_SWISH),
    UNARY (IDENTITY),
    UNARY (LEAKY_RELU),
    UNARY (LOG),
    UNARY (NEG),
    UNARY (RECIPROCAL),
    UNARY (RELU),
    UNARY (ROUND),
    UNARY (SIGMOID),
    UNARY (SIGN),
    UNARY (SIN),
    UNARY (SOFTPLUS),
    UNARY (SOFTSIGN),
    UNARY (SQRT),
    UNARY (SWISH),
    UNARY (TANH),
    UNARY (THRESHOLDED_RELU),
    BINARY (ADD),
    BINARY (DIV),
    BINARY (MAX),
    BINARY (MIN),
    BINARY (MUL),
    BINARY (SUB),
    BINARY (PRELU),
    {GONIO_OP_CLIP, clip_claim, clip_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
