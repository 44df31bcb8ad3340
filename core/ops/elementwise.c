/* Elementwise operators, casts and choices. Depends on family.h. */
#include "core/ops/family.h"

/* ---- arithmetic on known integers ---- */

typedef GonioDim (*ElementFn) (GonioDim a, GonioDim b);

static GonioDim
element_sub (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0, z = 0;
  gboolean known_x = gonio_dim_known (a, &x), known_y = gonio_dim_known (b, &y);

  if (known_x && known_y)
    return __builtin_sub_overflow (x, y, &z) ? GONIO_DIM_UNKNOWN : gonio_dim_from_int (z);
  if (known_y && y == 0)
    return a;
  return gonio_dim_equal (a, b) ? GONIO_DIM (0) : GONIO_DIM_UNKNOWN;
}

static GonioDim
element_div (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0;
  gboolean known_x = gonio_dim_known (a, &x);

  if (!gonio_dim_known (b, &y) || y == 0 || (y == -1 && x == INT64_MIN))
    return GONIO_DIM_UNKNOWN;
  if (known_x)
    return gonio_dim_from_int (x / y);
  return y == 1 ? a : GONIO_DIM_UNKNOWN;
}

static GonioDim
element_mod (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0;
  if (!gonio_dim_known (a, &x) || !gonio_dim_known (b, &y) || x < 0 || y <= 0)
    return GONIO_DIM_UNKNOWN; /* signs differ between the two meanings of Mod */
  return gonio_dim_from_int (x % y);
}

static GonioDim
element_min (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0;
  if (gonio_dim_known (a, &x) && gonio_dim_known (b, &y))
    return x < y ? a : b;
  return gonio_dim_equal (a, b) ? a : GONIO_DIM_UNKNOWN;
}

static GonioDim
element_max (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0;
  gboolean known_x = gonio_dim_known (a, &x), known_y = gonio_dim_known (b, &y);
  if (known_x && known_y)
    return x > y ? a : b;
  if (known_x && x <= 0 && b.symbol) /* a symbol stands for a dimension, which is not negative */
    return b;
  if (known_y && y <= 0 && a.symbol)
    return a;
  return gonio_dim_equal (a, b) ? a : GONIO_DIM_UNKNOWN;
}

static GonioDim
element_equal (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0;
  gboolean known_x = gonio_dim_known (a, &x), known_y = gonio_dim_known (b, &y);

  if (known_x && known_y)
    return GONIO_DIM (x == y);
  if ((known_x && x < 0 && b.symbol) || (known_y && y < 0 && a.symbol))
    return GONIO_DIM (0);
  return gonio_dim_equal (a, b) ? GONIO_DIM (1) : GONIO_DIM_UNKNOWN;
}

static GonioDim
element_less (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0;
  return gonio_dim_known (a, &x) && gonio_dim_known (b, &y) ? GONIO_DIM (x < y) : GONIO_DIM_UNKNOWN;
}

static GonioDim
element_greater (GonioDim a, GonioDim b)
{
  return element_less (b, a);
}

static GonioDim
element_less_or_equal (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0;
  return gonio_dim_known (a, &x) && gonio_dim_known (b, &y) ? GONIO_DIM (x <= y)
                                                            : GONIO_DIM_UNKNOWN;
}

static GonioDim
element_greater_or_equal (GonioDim a, GonioDim b)
{
  return element_less_or_equal (b, a);
}

static GonioDim
element_and (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0;
  gboolean known_x = gonio_dim_known (a, &x), known_y = gonio_dim_known (b, &y);
  if ((known_x && x == 0) || (known_y && y == 0))
    return GONIO_DIM (0);
  return known_x && known_y ? GONIO_DIM (1) : GONIO_DIM_UNKNOWN;
}

static GonioDim
element_or (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0;
  gboolean known_x = gonio_dim_known (a, &x), known_y = gonio_dim_known (b, &y);
  if ((known_x && x != 0) || (known_y && y != 0))
    return GONIO_DIM (1);
  return known_x && known_y ? GONIO_DIM (0) : GONIO_DIM_UNKNOWN;
}

static ElementFn
element_fn (guint op)
{
  static const struct {
    guint op;
    ElementFn fn;
  } rows[] = {
      {GONIO_OP_ADD, gonio_dim_add},
      {GONIO_OP_SUB, element_sub},
      {GONIO_OP_MUL, gonio_dim_mul},
      {GONIO_OP_DIV, element_div},
      {GONIO_OP_MOD, element_mod},
      {GONIO_OP_MIN, element_min},
      {GONIO_OP_MAX, element_max},
      {GONIO_OP_EQUAL, element_equal},
      {GONIO_OP_LESS, element_less},
      {GONIO_OP_GREATER, element_greater},
      {GONIO_OP_LESS_OR_EQUAL, element_less_or_equal},
      {GONIO_OP_GREATER_OR_EQUAL, element_greater_or_equal},
      {GONIO_OP_AND, element_and},
      {GONIO_OP_OR, element_or},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    if (rows[i].op == op)
      return rows[i].fn;
  }
  return NULL;
}

/* Known elements are kept for the two types shapes come in, and for conditions. A number that
 * would wrap in 32 bits is left to run time. */
static GonioDim
fit_type (GonioDim dim, GonioDType dtype)
{
  int64_t value = 0;
  if (!gonio_dim_known (dim, &value) || dtype != GONIO_DTYPE_INT32)
    return dim;
  return value >= INT32_MIN && value <= INT32_MAX ? dim : GONIO_DIM_UNKNOWN;
}

static gboolean
carries_elements (GonioDType dtype)
{
  return dtype == GONIO_DTYPE_INT64 || dtype == GONIO_DTYPE_INT32 || dtype == GONIO_DTYPE_BOOL;
}

static GonioDType
output_dtype (const GonioInfer *infer)
{
  return gonio_infer_has_output (infer, 0)
             ? gonio_graph_value (infer->graph, infer->node->outputs[0])->dtype
             : GONIO_DTYPE_NONE;
}

static void
infer_binary_elements (GonioInfer *infer)
{
  g_autofree GonioDim *a = NULL, *b = NULL;
  guint n_a = 0, n_b = 0;
  GonioDType dtype = output_dtype (infer);
  ElementFn fn = element_fn (infer->node->op);

  if (!fn || infer->node->n_inputs != 2 || !carries_elements (dtype) ||
      gonio_node_attr (infer->node, "activation") || !gonio_infer_elements (infer, 0, &a, &n_a) ||
      !gonio_infer_elements (infer, 1, &b, &n_b) || (n_a != n_b && n_a != 1 && n_b != 1))
    return;
  guint n = n_a == 1 ? n_b : n_a;
  g_autofree GonioDim *result = g_new0 (GonioDim, n + 1);
  for (guint i = 0; i < n; i++)
    result[i] = fit_type (fn (a[n_a == 1 ? 0 : i], b[n_b == 1 ? 0 : i]), dtype);
  gonio_infer_set_elements (infer, 0, result, n);
}

/* ---- inference ---- */

static void
infer_same_elements (GonioInfer *infer)
{
  g_autofree GonioDim *dims = NULL;
  guint n = 0;
  if (carries_elements (output_dtype (infer)) && gonio_infer_elements (infer, 0, &dims, &n))
    gonio_infer_set_elements (infer, 0, dims, n);
}

static gboolean
infer_identity (GonioInfer *infer, GError **error)
{
  const GonioValue *input = gonio_infer_input (infer, 0);

  if (input && gonio_infer_has_output (infer, 0))
    gonio_graph_set_kind (infer->graph, infer->node->outputs[0], input->kind);
  if (!gonio_infer_same (infer, error))
    return FALSE;
  infer_same_elements (infer);
  return TRUE;
}

static gboolean
infer_neg (GonioInfer *infer, GError **error)
{
  g_autofree GonioDim *dims = NULL;
  guint n = 0;

  if (!gonio_infer_same (infer, error))
    return FALSE;
  if (infer->node->op != GONIO_OP_NEG || !carries_elements (output_dtype (infer)) ||
      !gonio_infer_elements (infer, 0, &dims, &n))
    return TRUE;
  for (guint i = 0; i < n; i++)
    dims[i] = fit_type (element_sub (GONIO_DIM (0), dims[i]), output_dtype (infer));
  gonio_infer_set_elements (infer, 0, dims, n);
  return TRUE;
}

static gboolean
infer_not (GonioInfer *infer, GError **error)
{
  g_autofree GonioDim *dims = NULL;
  guint n = 0;

  if (!gonio_infer_set (infer, 0, GONIO_DTYPE_BOOL, gonio_infer_shape (infer, 0), error))
    return FALSE;
  if (!gonio_infer_elements (infer, 0, &dims, &n))
    return TRUE;
  for (guint i = 0; i < n; i++)
    dims[i] = element_equal (dims[i], GONIO_DIM (0));
  gonio_infer_set_elements (infer, 0, dims, n);
  return TRUE;
}

static gboolean
infer_to_bool (GonioInfer *infer, GError **error)
{
  return gonio_infer_set (infer, 0, GONIO_DTYPE_BOOL, gonio_infer_shape (infer, 0), error);
}

static gboolean
infer_broadcast (GonioInfer *infer, GonioDType dtype, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);

  for (guint i = 1; i < infer->node->n_inputs; i++) {
    if (!gonio_sym_broadcast (&shape, gonio_infer_shape (infer, i), &shape, error))
      return FALSE;
  }
  if (!gonio_infer_set (infer, 0, dtype, &shape, error))
    return FALSE;
  infer_binary_elements (infer);
  return TRUE;
}

static gboolean
infer_variadic (GonioInfer *infer, GError **error)
{
  GonioDType dtype = GONIO_DTYPE_NONE;

  for (guint i = 0; i < infer->node->n_inputs; i++) {
    if (!gonio_infer_same_dtype (infer, 0, i, error))
      return FALSE;
    if (dtype == GONIO_DTYPE_NONE)
      dtype = gonio_infer_dtype (infer, i);
  }
  return infer_broadcast (infer, dtype, error);
}

static gboolean
infer_compare (GonioInfer *infer, GError **error)
{
  return gonio_infer_same_dtype (infer, 0, 1, error) &&
         infer_broadcast (infer, GONIO_DTYPE_BOOL, error);
}

/* The result has the first input's type; the second may have another (Pow, BitShift). */
static gboolean
infer_first_type (GonioInfer *infer, GError **error)
{
  return infer_broadcast (infer, gonio_infer_dtype (infer, 0), error);
}

static gboolean
infer_prelu (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = {0};
  return gonio_infer_same_dtype (infer, 0, 1, error) &&
         gonio_sym_broadcast (gonio_infer_shape (infer, 0), gonio_infer_shape (infer, 1), &shape,
                              error) &&
         gonio_infer_same (infer, error);
}

static gboolean
infer_clip (GonioInfer *infer, GError **error)
{
  for (guint i = 1; i < 3; i++) {
    if (!gonio_infer_same_dtype (infer, 0, i, error) ||
        !gonio_infer_need_rank (infer, i, 0, 1, error))
      return FALSE;
  }
  return gonio_infer_same (infer, error);
}

static gboolean
infer_cast (GonioInfer *infer, GError **error)
{
  int64_t to = gonio_node_attr_int (infer->node, "to", 0);
  g_autofree GonioDim *dims = NULL;
  guint n = 0;

  if (to <= 0 || to >= GONIO_DTYPE_COUNT)
    return gonio_infer_fail (error, "attribute “to” is %" G_GINT64_FORMAT ", which is no type.",
                             to);
  if (!gonio_infer_set (infer, 0, (GonioDType)to, gonio_infer_shape (infer, 0), error))
    return FALSE;
  if (!carries_elements ((GonioDType)to) || !gonio_infer_elements (infer, 0, &dims, &n))
    return TRUE;
  for (guint i = 0; i < n; i++) {
    if (to == GONIO_DTYPE_BOOL) {
      GonioDim zero = element_equal (dims[i], GONIO_DIM (0));
      dims[i] = element_equal (zero, GONIO_DIM (0));
    } else {
      dims[i] = fit_type (dims[i], (GonioDType)to);
    }
  }
  gonio_infer_set_elements (infer, 0, dims, n);
  return TRUE;
}

static gboolean
infer_cast_like (GonioInfer *infer, GError **error)
{
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 1), gonio_infer_shape (infer, 0),
                          error);
}

/* The bits stay, so the last dimension grows or shrinks with the type's width. */
static gboolean
infer_bit_cast (GonioInfer *infer, GError **error)
{
  int64_t to = gonio_node_attr_int (infer->node, "to", 0);
  GonioDType from = gonio_infer_dtype (infer, 0);

  if (to <= 0 || to >= GONIO_DTYPE_COUNT)
    return gonio_infer_fail (error, "attribute “to” is %" G_GINT64_FORMAT ", which is no type.",
                             to);
  if (from != GONIO_DTYPE_NONE && gonio_dtype_bits (from) != gonio_dtype_bits ((GonioDType)to))
    return gonio_infer_fail (error, "%s and %s differ in width.", gonio_dtype_name (from),
                             gonio_dtype_name ((GonioDType)to));
  return gonio_infer_set (infer, 0, (GonioDType)to, gonio_infer_shape (infer, 0), error);
}

static void
infer_where_elements (GonioInfer *infer)
{
  g_autofree GonioDim *condition = NULL, *x = NULL, *y = NULL, *result = NULL;
  guint n[3] = {0}, length = 1;

  if (!carries_elements (output_dtype (infer)) ||
      !gonio_infer_elements (infer, 0, &condition, &n[0]) ||
      !gonio_infer_elements (infer, 1, &x, &n[1]) || !gonio_infer_elements (infer, 2, &y, &n[2]))
    return;
  for (int i = 0; i < 3; i++) {
    if (n[i] != 1 && length != 1 && n[i] != length)
      return;
    length = n[i] != 1 ? n[i] : length;
  }
  result = g_new0 (GonioDim, length + 1);
  for (guint i = 0; i < length; i++) {
    int64_t chosen = 0;
    GonioDim a = x[n[1] == 1 ? 0 : i], b = y[n[2] == 1 ? 0 : i];
    if (gonio_dim_known (condition[n[0] == 1 ? 0 : i], &chosen))
      result[i] = chosen ? a : b;
    else
      result[i] = gonio_dim_equal (a, b) ? a : GONIO_DIM_UNKNOWN;
  }
  gonio_infer_set_elements (infer, 0, result, length);
}

static gboolean
infer_where (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);
  GonioDType dtype = gonio_infer_dtype (infer, 1);

  if (!gonio_infer_same_dtype (infer, 1, 2, error))
    return FALSE;
  if (gonio_infer_dtype (infer, 0) != GONIO_DTYPE_NONE &&
      gonio_infer_dtype (infer, 0) != GONIO_DTYPE_BOOL)
    return gonio_infer_fail (error, "its condition must be bool, but is %s.",
                             gonio_dtype_name (gonio_infer_dtype (infer, 0)));
  for (guint i = 1; i < 3; i++) {
    if (!gonio_sym_broadcast (&shape, gonio_infer_shape (infer, i), &shape, error))
      return FALSE;
  }
  if (!gonio_infer_set (infer, 0, dtype ? dtype : gonio_infer_dtype (infer, 2), &shape, error))
    return FALSE;
  infer_where_elements (infer);
  return TRUE;
}

/* ---- schemas ---- */

#define ACTIVATION                                                                                 \
  {"activation", GONIO_ATTR_STRING, FALSE},                                                        \
  {                                                                                                \
    "activation_params", GONIO_ATTR_FLOATS, FALSE                                                  \
  }

static const GonioAttrSchema attrs_activation[] = {ACTIVATION, {0}};
static const GonioAttrSchema attrs_alpha[] = {{"alpha", GONIO_ATTR_FLOAT, FALSE}, {0}};
static const GonioAttrSchema attrs_alpha_beta[] = {
    {"alpha", GONIO_ATTR_FLOAT, FALSE}, {"beta", GONIO_ATTR_FLOAT, FALSE}, {0}};
static const GonioAttrSchema attrs_selu[] = {
    {"alpha", GONIO_ATTR_FLOAT, FALSE}, {"gamma", GONIO_ATTR_FLOAT, FALSE}, {0}};
static const GonioAttrSchema attrs_shrink[] = {
    {"bias", GONIO_ATTR_FLOAT, FALSE}, {"lambd", GONIO_ATTR_FLOAT, FALSE}, {0}};
static const GonioAttrSchema attrs_bitshift[] = {{"direction", GONIO_ATTR_STRING, TRUE}, {0}};
static const GonioAttrSchema attrs_cast[] = {{"to", GONIO_ATTR_INT, TRUE},
                                             {"saturate", GONIO_ATTR_INT, FALSE},
                                             {"round_mode", GONIO_ATTR_STRING, FALSE},
                                             {0}};
static const GonioAttrSchema attrs_cast_like[] = {
    {"saturate", GONIO_ATTR_INT, FALSE}, {"round_mode", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_to[] = {{"to", GONIO_ATTR_INT, TRUE}, {0}};
static const GonioAttrSchema attrs_gelu[] = {{"approximate", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_is_inf[] = {
    {"detect_negative", GONIO_ATTR_INT, FALSE}, {"detect_positive", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_mod[] = {{"fmod", GONIO_ATTR_INT, FALSE}, {0}};

#define E     GONIO_OPF_ELEMENTWISE
#define EXACT GONIO_TOLERANCE_EXACT
#define ROUND GONIO_TOLERANCE_ROUNDING
#define TRANS GONIO_TOLERANCE_TRANSCENDENTAL
#define UNARY(ID, TOLERANCE, ATTRS)                                                                \
  {                                                                                                \
    GONIO_OP_##ID, 1, 1, 1, 1, E, 1, TOLERANCE, ATTRS, infer_neg                                   \
  }
#define BINARY(ID, TOLERANCE, ATTRS)                                                               \
  {                                                                                                \
    GONIO_OP_##ID, 2, 2, 1, 1, E, 3, TOLERANCE, ATTRS, infer_variadic                              \
  }
#define COMPARE(ID)                                                                                \
  {                                                                                                \
    GONIO_OP_##ID, 2, 2, 1, 1, E, 0, EXACT, NULL, infer_compare                                    \
  }
#define VARIADIC(ID, TOLERANCE)                                                                    \
  {                                                                                                \
    GONIO_OP_##ID, 1, -1, 1, 1, E, 3, TOLERANCE, NULL, infer_variadic                              \
  }

const GonioOpDef gonio_ops_elementwise[] = {
    UNARY (ABS, EXACT, NULL),
    UNARY (ACOS, TRANS, NULL),
    UNARY (ACOSH, TRANS, NULL),
    BINARY (ADD, ROUND, attrs_activation),
    BINARY (AND, EXACT, NULL),
    UNARY (ASIN, TRANS, NULL),
    UNARY (ASINH, TRANS, NULL),
    UNARY (ATAN, TRANS, NULL),
    UNARY (ATANH, TRANS, NULL),
    {GONIO_OP_BIT_CAST, 1, 1, 1, 1, E, 1, EXACT, attrs_to, infer_bit_cast},
    BINARY (BITSHIFT, EXACT, attrs_bitshift),
    BINARY (BITWISE_AND, EXACT, NULL),
    UNARY (BITWISE_NOT, EXACT, NULL),
    BINARY (BITWISE_OR, EXACT, NULL),
    BINARY (BITWISE_XOR, EXACT, NULL),
    {GONIO_OP_CAST, 1, 1, 1, 1, E, 0, EXACT, attrs_cast, infer_cast},
    {GONIO_OP_CAST_LIKE, 2, 2, 1, 1, 0, 0, EXACT, attrs_cast_like, infer_cast_like},
    UNARY (CEIL, EXACT, NULL),
    UNARY (CELU, TRANS, attrs_alpha),
    {GONIO_OP_CLIP, 1, 3, 1, 1, E, 1, EXACT, NULL, infer_clip},
    UNARY (COS, TRANS, NULL),
    UNARY (COSH, TRANS, NULL),
    BINARY (DIV, ROUND, attrs_activation),
    UNARY (ELU, TRANS, attrs_alpha),
    COMPARE (EQUAL),
    UNARY (ERF, TRANS, NULL),
    UNARY (EXP, TRANS, NULL),
    UNARY (FLOOR, EXACT, NULL),
    UNARY (GELU, TRANS, attrs_gelu),
    COMPARE (GREATER),
    COMPARE (GREATER_OR_EQUAL),
    UNARY (HARD_SIGMOID, ROUND, attrs_alpha_beta),
    UNARY (HARD_SWISH, ROUND, NULL),
    {GONIO_OP_IDENTITY, 1, 1, 1, 1, E, 1, EXACT, NULL, infer_identity},
    {GONIO_OP_IS_INF, 1, 1, 1, 1, E, 0, EXACT, attrs_is_inf, infer_to_bool},
    {GONIO_OP_IS_NAN, 1, 1, 1, 1, E, 0, EXACT, NULL, infer_to_bool},
    UNARY (LEAKY_RELU, ROUND, attrs_alpha),
    COMPARE (LESS),
    COMPARE (LESS_OR_EQUAL),
    UNARY (LOG, TRANS, NULL),
    VARIADIC (MAX, EXACT),
    VARIADIC (MEAN, ROUND),
    VARIADIC (MIN, EXACT),
    UNARY (MISH, TRANS, NULL),
    BINARY (MOD, ROUND, attrs_mod),
    BINARY (MUL, ROUND, attrs_activation),
    UNARY (NEG, EXACT, NULL),
    {GONIO_OP_NOT, 1, 1, 1, 1, E, 1, EXACT, NULL, infer_not},
    BINARY (OR, EXACT, NULL),
    {GONIO_OP_POW, 2, 2, 1, 1, E, 1, TRANS, NULL, infer_first_type},
    {GONIO_OP_PRELU, 2, 2, 1, 1, E, 1, ROUND, NULL, infer_prelu},
    UNARY (PROBIT, TRANS, NULL),
    UNARY (RECIPROCAL, ROUND, NULL),
    UNARY (RELU, EXACT, NULL),
    UNARY (ROUND, EXACT, NULL),
    UNARY (SELU, TRANS, attrs_selu),
    UNARY (SHRINK, ROUND, attrs_shrink),
    UNARY (SIGMOID, TRANS, NULL),
    UNARY (SIGN, EXACT, NULL),
    UNARY (SIN, TRANS, NULL),
    UNARY (SINH, TRANS, NULL),
    UNARY (SOFTPLUS, TRANS, NULL),
    UNARY (SOFTSIGN, ROUND, NULL),
    UNARY (SQRT, ROUND, NULL),
    BINARY (SUB, ROUND, attrs_activation),
    VARIADIC (SUM, ROUND),
    UNARY (SWISH, TRANS, attrs_alpha),
    UNARY (TAN, TRANS, NULL),
    UNARY (TANH, TRANS, NULL),
    UNARY (THRESHOLDED_RELU, EXACT, attrs_alpha),
    {GONIO_OP_WHERE, 3, 3, 1, 1, E, 6, EXACT, NULL, infer_where},
    BINARY (XOR, EXACT, NULL),
    {.id = GONIO_OP_INVALID},
};
