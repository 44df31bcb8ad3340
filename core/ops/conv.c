/* Convolutions. Depends on family.h, spatial.h. */
#include "core/ops/family.h"
#include "core/ops/spatial.h"

static void
put_spatial (const GonioSpatial *s, GonioSymShape *shape)
{
  for (int i = 0; i < s->n; i++)
    shape->dims[i + 2] = s->out[i] >= 0 ? GONIO_DIM (s->out[i]) : GONIO_DIM_UNKNOWN;
}

/* weights: index of the weight input; its first (second for the transposed form, times group)
 * dimension is the number of output channels. */
static gboolean
infer_conv_at (GonioInfer *infer, guint weights, GonioDType dtype, GError **error)
{
  gboolean transposed = infer->node->op == GONIO_OP_CONV_TRANSPOSE;
  int64_t group = gonio_node_attr_int (infer->node, "group", 1);
  int rank = gonio_infer_rank (infer, 0), w_rank = gonio_infer_rank (infer, weights);
  GonioSpatial s = {0};

  if (!gonio_infer_need_rank (infer, 0, 3, GONIO_MAX_RANK, error) ||
      !gonio_infer_need_rank (infer, weights, 3, GONIO_MAX_RANK, error))
    return FALSE;
  if (rank >= 0 && w_rank >= 0 && rank != w_rank)
    return gonio_infer_fail (error, "its input has rank %d, its weights rank %d.", rank, w_rank);
  if (group < 1)
    return gonio_infer_fail (error, "group is %" G_GINT64_FORMAT ".", group);
  if (rank < 0)
    return gonio_infer_dtype_only (infer, 0, dtype, error);

  GonioDim in_channels = gonio_infer_dim (infer, 0, 1);
  GonioDim w_in = gonio_infer_dim (infer, weights, transposed ? 0 : 1);
  GonioDim wanted = transposed ? w_in : gonio_dim_mul (w_in, GONIO_DIM (group));
  if (in_channels.value >= 0 && wanted.value >= 0 && in_channels.value != wanted.value)
    return gonio_infer_fail (error,
                             "its input has %" G_GINT64_FORMAT
                             " channels, its weights are for %" G_GINT64_FORMAT ".",
                             in_channels.value, wanted.value);
  GonioSymShape shape = gonio_sym_rank (rank);
  shape.dims[0] = gonio_infer_dim (infer, 0, 0);
  shape.dims[1] = transposed
                      ? gonio_dim_mul (gonio_infer_dim (infer, weights, 1), GONIO_DIM (group))
                      : gonio_infer_dim (infer, weights, 0);
  if (!transposed && shape.dims[1].value >= 0 && shape.dims[1].value % group != 0)
    return gonio_infer_fail (error,
                             "%" G_GINT64_FORMAT
                             " output channels do not divide into %" G_GINT64_FORMAT " groups.",
                             shape.dims[1].value, group);
  if (transposed && in_channels.value >= 0 && in_channels.value % group != 0)
    return gonio_infer_fail (error,
                             "%" G_GINT64_FORMAT
                             " input channels do not divide into %" G_GINT64_FORMAT " groups.",
                             in_channels.value, group);
  if (!gonio_op_spatial_partial (infer->graph, infer->node, &s, error))
    return FALSE;
  put_spatial (&s, &shape);
  return gonio_infer_set (infer, 0, dtype, &shape, error);
}

/* Inputs: data, weights, bias, and of Conv what is added to the result before its activation, in
 * the result's shape. */
static gboolean
infer_conv (GonioInfer *infer, GError **error)
{
  GonioDim channels = gonio_infer_dim (infer, 1, infer->node->op == GONIO_OP_CONV_TRANSPOSE);
  GonioDim bias = gonio_infer_dim (infer, 2, 0);
  int64_t group = gonio_node_attr_int (infer->node, "group", 1);

  if (infer->node->op == GONIO_OP_CONV_TRANSPOSE)
    channels = gonio_dim_mul (channels, GONIO_DIM (MAX (group, 1)));
  if (!gonio_infer_same_dtype (infer, 0, 1, error) ||
      !gonio_infer_same_dtype (infer, 0, 2, error) ||
      !gonio_infer_same_dtype (infer, 0, 3, error) ||
      !gonio_infer_need_rank (infer, 2, 1, 1, error))
    return FALSE;
  if (bias.value >= 0 && channels.value >= 0 && bias.value != channels.value)
    return gonio_infer_fail (error,
                             "its bias has %" G_GINT64_FORMAT " elements for %" G_GINT64_FORMAT
                             " output channels.",
                             bias.value, channels.value);
  return infer_conv_at (infer, 1, gonio_infer_dtype (infer, 0), error) &&
         gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), gonio_infer_shape (infer, 3),
                          error);
}

/* Inputs: data, weights, offset, bias, mask. */
static gboolean
infer_deform_conv (GonioInfer *infer, GError **error)
{
  for (guint i = 1; i < 5; i++) {
    if (!gonio_infer_same_dtype (infer, 0, i, error))
      return FALSE;
  }
  return infer_conv_at (infer, 1, gonio_infer_dtype (infer, 0), error);
}

static gboolean
infer_conv_integer (GonioInfer *infer, GError **error)
{
  return infer_conv_at (infer, 1, GONIO_DTYPE_INT32, error);
}

/* Inputs: data, its scale and zero point, weights, theirs, the result's, bias. */
static gboolean
infer_qlinear_conv (GonioInfer *infer, GError **error)
{
  return infer_conv_at (infer, 3, gonio_infer_dtype (infer, 7), error);
}

#define WINDOW                                                                                     \
  {"auto_pad", GONIO_ATTR_STRING, FALSE}, {"dilations", GONIO_ATTR_INTS, FALSE},                   \
      {"kernel_shape", GONIO_ATTR_INTS, FALSE}, {"pads", GONIO_ATTR_INTS, FALSE},                  \
      {"strides", GONIO_ATTR_INTS, FALSE},                                                         \
  {                                                                                                \
    "group", GONIO_ATTR_INT, FALSE                                                                 \
  }
#define ACTIVATION                                                                                 \
  {"activation", GONIO_ATTR_STRING, FALSE},                                                        \
  {                                                                                                \
    "activation_params", GONIO_ATTR_FLOATS, FALSE                                                  \
  }

static const GonioAttrSchema attrs_conv[] = {WINDOW, ACTIVATION, {0}};
static const GonioAttrSchema attrs_conv_integer[] = {WINDOW, {0}};
static const GonioAttrSchema attrs_transpose[] = {WINDOW,
                                                  ACTIVATION,
                                                  {"output_padding", GONIO_ATTR_INTS, FALSE},
                                                  {"output_shape", GONIO_ATTR_INTS, FALSE},
                                                  {0}};
static const GonioAttrSchema attrs_deform[] = {
    WINDOW, {"offset_group", GONIO_ATTR_INT, FALSE}, {0}};

#define FLAGS GONIO_OPF_LAYOUT_SENSITIVE

const GonioOpDef gonio_ops_conv[] = {
    {GONIO_OP_CONV, 2, 4, 1, 1, FLAGS, 0, GONIO_TOLERANCE_ROUNDING, attrs_conv, infer_conv},
    {GONIO_OP_CONV_TRANSPOSE, 2, 3, 1, 1, FLAGS, 0, GONIO_TOLERANCE_ROUNDING, attrs_transpose,
     infer_conv},
    {GONIO_OP_DEFORM_CONV, 3, 5, 1, 1, FLAGS, 0, GONIO_TOLERANCE_ROUNDING, attrs_deform,
     infer_deform_conv},
    {GONIO_OP_CONV_INTEGER, 2, 4, 1, 1, FLAGS, 0, GONIO_TOLERANCE_EXACT, attrs_conv_integer,
     infer_conv_integer},
    {GONIO_OP_QLINEAR_CONV, 8, 9, 1, 1, FLAGS, 0, GONIO_TOLERANCE_ROUNDING, attrs_conv_integer,
     infer_qlinear_conv},
    {.id = GONIO_OP_INVALID},
};
