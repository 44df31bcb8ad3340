/* Import rows of elementwise operators. Depends on import.h. */
#include "core/onnx/import.h"

#include <math.h>

/* Opset 1 to 5: a hint about buffers that may be overwritten. */
static gboolean
drop_consumed (GonioImportNode *in, GError **error)
{
  gonio_import_drop (in, "consumed_inputs", GONIO_ATTR_INTS);
  return TRUE;
}

/* A value whose axes shall start at the given axis of a rank, as trailing ones let it broadcast. */
static GonioValueId
align_at_axis (GonioImportNode *in, GonioValueId value, int from, int to)
{
  int64_t axes[GONIO_MAX_RANK] = {0};
  guint n = 0;
  for (int d = from; d < to; d++)
    axes[n++] = d;
  if (n == 0)
    return value;
  GonioValueId inputs[2] = {value, gonio_import_const_ints (in, "axes", axes, n)};
  return gonio_import_emit (in, GONIO_OP_UNSQUEEZE, "aligned", inputs, 2, NULL);
}

/* Opset 1 to 6: broadcasting is asked for, and the second input starts at "axis". */
static gboolean
old_broadcast (GonioImportNode *in, GError **error)
{
  gboolean has_axis = gonio_node_attr (in->node, "axis") != NULL;
  int64_t axis = gonio_node_attr_int (in->node, "axis", 0);
  gboolean broadcast = gonio_node_attr_int (in->node, "broadcast", 0) != 0;

  gonio_import_drop (in, "axis", GONIO_ATTR_INT);
  gonio_import_drop (in, "broadcast", GONIO_ATTR_INT);
  gonio_import_drop (in, "consumed_inputs", GONIO_ATTR_INTS);
  if (!broadcast || !has_axis)
    return TRUE;
  GonioValueId b = gonio_import_input (in, 1);
  int rank_a = gonio_import_rank (in, gonio_import_input (in, 0)),
      rank_b = gonio_import_rank (in, b);
  if (rank_a < 0 || rank_b < 0)
    return gonio_import_unsupported (error, "broadcasting at an axis needs inputs of known rank.");
  if (axis < 0)
    axis += rank_a;
  if (axis < 0 || axis + rank_b > rank_a)
    return gonio_import_malformed (error, "axis does not fit its inputs.");
  gonio_import_set_input (in, 1, align_at_axis (in, b, rank_b, rank_a - (int)axis));
  return TRUE;
}

/* Opset 1 to 6: one slope per channel, and channels are axis 1. */
static gboolean
old_prelu (GonioImportNode *in, GError **error)
{
  GonioValueId slope = gonio_import_input (in, 1);
  int rank = gonio_import_rank (in, gonio_import_input (in, 0)),
      slope_rank = gonio_import_rank (in, slope);

  gonio_import_drop (in, "consumed_inputs", GONIO_ATTR_INTS);
  if (rank < 0 || slope_rank < 0)
    return gonio_import_unsupported (error, "the form of this opset needs inputs of known rank.");
  if (slope_rank == 1 && rank > 2)
    gonio_import_set_input (in, 1, align_at_axis (in, slope, 1, rank - 1));
  return TRUE;
}

/* Opset 1 to 5: the type is written as text. */
static gboolean
old_cast (GonioImportNode *in, GError **error)
{
  const char *to = gonio_node_attr_string (in->node, "to", NULL);
  g_autofree char *lower = to ? g_ascii_strdown (to, -1) : NULL;

  if (!to)
    return TRUE; /* a number already */
  GonioDType dtype = gonio_dtype_from_name (lower);
  if (dtype == GONIO_DTYPE_NONE)
    return gonio_import_unsupported (error, "type “%s” is unknown.", to);
  gonio_graph_set_attr_int (in->graph, in->id, "to", dtype);
  return TRUE;
}

/* Opset 1 to 10: the bounds are attributes. */
static gboolean
old_clip (GonioImportNode *in, GError **error)
{
  static const char *const names[] = {"min", "max"};
  GonioDType dtype = gonio_import_dtype (in, gonio_import_input (in, 0));

  gonio_import_drop (in, "consumed_inputs", GONIO_ATTR_INTS);
  for (guint i = 0; i < 2; i++) {
    const GonioAttr *attr = gonio_node_attr (in->node, names[i]);
    if (!attr)
      continue;
    double bound = gonio_node_attr_float (in->node, names[i], 0);
    gonio_import_set_input (
        in, i + 1,
        gonio_import_const_scalar (in, names[i], dtype ? dtype : GONIO_DTYPE_FLOAT, bound));
    gonio_import_drop (in, names[i], GONIO_ATTR_FLOAT);
  }
  return TRUE;
}

/* Opset 1 to 5 rounds the constants. */
static gboolean
old_selu (GonioImportNode *in, GError **error)
{
  gonio_import_drop (in, "consumed_inputs", GONIO_ATTR_INTS);
  if (!gonio_node_attr (in->node, "alpha"))
    gonio_graph_set_attr_float (in->graph, in->id, "alpha", 1.6732f);
  if (!gonio_node_attr (in->node, "gamma"))
    gonio_graph_set_attr_float (in->graph, in->id, "gamma", 1.0507f);
  return TRUE;
}

#define SINCE(NAME, VERSION)                                                                       \
  {                                                                                                \
    NAME, "", VERSION, 0, NULL                                                                     \
  }
#define CONSUMED(NAME)                                                                             \
  {NAME, "", 1, 5, drop_consumed},                                                                 \
  {                                                                                                \
    NAME, "", 6, 0, NULL                                                                           \
  }
#define BROADCAST(NAME)                                                                            \
  {NAME, "", 1, 6, old_broadcast},                                                                 \
  {                                                                                                \
    NAME, "", 7, 0, NULL                                                                           \
  }

const GonioImportRow gonio_import_elementwise[] = {
    CONSUMED ("Abs"),
    SINCE ("Acos", 7),
    SINCE ("Acosh", 9),
    BROADCAST ("Add"),
    BROADCAST ("And"),
    SINCE ("Asin", 7),
    SINCE ("Asinh", 9),
    SINCE ("Atan", 7),
    SINCE ("Atanh", 9),
    SINCE ("BitCast", 26),
    SINCE ("BitShift", 11),
    SINCE ("BitwiseAnd", 18),
    SINCE ("BitwiseNot", 18),
    SINCE ("BitwiseOr", 18),
    SINCE ("BitwiseXor", 18),
    {"Cast", "", 1, 5, old_cast},
    SINCE ("Cast", 6),
    SINCE ("CastLike", 15),
    CONSUMED ("Ceil"),
    SINCE ("Celu", 12),
    {"Clip", "", 1, 10, old_clip},
    SINCE ("Clip", 11),
    SINCE ("Cos", 7),
    SINCE ("Cosh", 9),
    BROADCAST ("Div"),
    CONSUMED ("Elu"),
    BROADCAST ("Equal"),
    SINCE ("Erf", 9),
    CONSUMED ("Exp"),
    CONSUMED ("Floor"),
    SINCE ("Gelu", 20),
    BROADCAST ("Greater"),
    SINCE ("GreaterOrEqual", 12),
    CONSUMED ("HardSigmoid"),
    SINCE ("HardSwish", 1), /* standard since 14, but some exporters write it earlier */
    SINCE ("Identity", 1),
    SINCE ("IsInf", 10),
    SINCE ("IsNaN", 9),
    CONSUMED ("LeakyRelu"),
    BROADCAST ("Less"),
    SINCE ("LessOrEqual", 12),
    CONSUMED ("Log"),
    CONSUMED ("Max"),
    CONSUMED ("Mean"),
    CONSUMED ("Min"),
    SINCE ("Mish", 18),
    SINCE ("Mod", 10),
    BROADCAST ("Mul"),
    CONSUMED ("Neg"),
    SINCE ("Not", 1),
    BROADCAST ("Or"),
    BROADCAST ("Pow"),
    {"PRelu", "", 1, 6, old_prelu},
    SINCE ("PRelu", 7),
    CONSUMED ("Reciprocal"),
    CONSUMED ("Relu"),
    SINCE ("Round", 11),
    {"Selu", "", 1, 5, old_selu},
    SINCE ("Selu", 6),
    SINCE ("Shrink", 9),
    CONSUMED ("Sigmoid"),
    SINCE ("Sign", 9),
    SINCE ("Sin", 7),
    SINCE ("Sinh", 9),
    SINCE ("Softplus", 1),
    SINCE ("Softsign", 1),
    CONSUMED ("Sqrt"),
    BROADCAST ("Sub"),
    CONSUMED ("Sum"),
    SINCE ("Swish", 24),
    SINCE ("Tan", 7),
    CONSUMED ("Tanh"),
    SINCE ("ThresholdedRelu", 1),
    SINCE ("Where", 9),
    BROADCAST ("Xor"),
    {0},
};
