/* Import rows of operators that were experimental in opset 1 and gone in opset 10, but which old
 * exporters (CNTK, WinML, Caffe2) wrote. Depends on import.h. */
#include "core/onnx/import.h"

#include "core/base/checked.h"

static GonioValueId
scalar (GonioImportNode *in, const char *hint, double value)
{
  GonioDType dtype = gonio_import_dtype (in, gonio_import_input (in, 0));
  return gonio_import_const_scalar (in, hint, dtype ? dtype : GONIO_DTYPE_FLOAT, value);
}

/* consumed_inputs: what opset 1 says of reusing memory. */
#define REUSE                                                                                      \
  {"consumed_inputs", GONIO_ATTR_INTS, FALSE},                                                     \
  {                                                                                                \
    0                                                                                              \
  }

static const GonioAttrSchema attrs_linear[] = {
    {"alpha", GONIO_ATTR_FLOAT, FALSE}, {"beta", GONIO_ATTR_FLOAT, FALSE}, REUSE};
static const GonioAttrSchema attrs_scale[] = {
    {"scale", GONIO_ATTR_FLOAT, FALSE}, {"bias", GONIO_ATTR_FLOATS, FALSE}, REUSE};
static const GonioAttrSchema attrs_crop[] = {
    {"border", GONIO_ATTR_INTS, FALSE}, {"scale", GONIO_ATTR_INTS, FALSE}, REUSE};
static const GonioAttrSchema attrs_fill[] = {{"value", GONIO_ATTR_FLOAT, FALSE},
                                             {"values", GONIO_ATTR_FLOATS, FALSE},
                                             {"dtype", GONIO_ATTR_INT, FALSE},
                                             {"shape", GONIO_ATTR_INTS, FALSE},
                                             {"extra_shape", GONIO_ATTR_INTS, FALSE},
                                             {"input_as_shape", GONIO_ATTR_INT, FALSE},
                                             REUSE};

/* alpha x + beta */
static gboolean
affine (GonioImportNode *in, GError **error)
{
  float alpha = gonio_node_attr_float (in->node, "alpha", 1);
  float beta = gonio_node_attr_float (in->node, "beta", 0);

  if (!gonio_import_check_attrs (in, attrs_linear, error))
    return FALSE;
  GonioValueId scaled = gonio_import_binary (in, GONIO_OP_MUL, "scaled", gonio_import_input (in, 0),
                                             scalar (in, "alpha", alpha));

  gonio_import_become (in, GONIO_OP_ADD, scaled, scalar (in, "beta", beta));
  return TRUE;
}

static gboolean
scale (GonioImportNode *in, GError **error)
{
  float factor = gonio_node_attr_float (in->node, "scale", 1);

  if (!gonio_import_check_attrs (in, attrs_scale, error))
    return FALSE;
  gonio_import_become (in, GONIO_OP_MUL, gonio_import_input (in, 0), scalar (in, "factor", factor));
  return TRUE;
}

/* alpha f (beta x) */
static gboolean
scaled_function (GonioImportNode *in, GonioOpId op, GError **error)
{
  float alpha = gonio_node_attr_float (in->node, "alpha", 1);
  float beta = gonio_node_attr_float (in->node, "beta", 1);

  if (!gonio_import_check_attrs (in, attrs_linear, error))
    return FALSE;
  GonioValueId inner = gonio_import_binary (in, GONIO_OP_MUL, "scaled", gonio_import_input (in, 0),
                                            scalar (in, "beta", beta));

  gonio_import_become (in, GONIO_OP_MUL, gonio_import_unary (in, op, "function", inner),
                       scalar (in, "alpha", alpha));
  return TRUE;
}

static gboolean
parametric_softplus (GonioImportNode *in, GError **error)
{
  return scaled_function (in, GONIO_OP_SOFTPLUS, error);
}

static gboolean
scaled_tanh (GonioImportNode *in, GError **error)
{
  return scaled_function (in, GONIO_OP_TANH, error);
}

/* scale x + bias of the channel */
static gboolean
image_scaler (GonioImportNode *in, GError **error)
{
  const int64_t axes[2] = {1, 2};
  guint n = 0;
  const float *bias = gonio_node_attr_floats (in->node, "bias", &n);
  float factor = gonio_node_attr_float (in->node, "scale", 1);
  GonioValueId x = gonio_import_input (in, 0);

  if (n == 0)
    return scale (in, error);
  if (!gonio_import_check_attrs (in, attrs_scale, error))
    return FALSE;
  GonioValueId offset = gonio_import_binary (in, GONIO_OP_UNSQUEEZE, "channels",
                                             gonio_import_const_floats (in, "bias", bias, n),
                                             gonio_import_const_ints (in, "image", axes, 2));
  if (gonio_import_dtype (in, x) != GONIO_DTYPE_FLOAT)
    offset = gonio_import_binary (in, GONIO_OP_CAST_LIKE, "typed", offset, x);
  gonio_import_become (
      in, GONIO_OP_ADD,
      gonio_import_binary (in, GONIO_OP_MUL, "scaled", x, scalar (in, "factor", factor)), offset);
  return TRUE;
}

/* border: left, top, right, bottom; with a scale (height, width) only the first two count. */
static gboolean
crop (GonioImportNode *in, GError **error)
{
  const int64_t axes[2] = {2, 3}, none[4] = {0};
  guint n_border = 0, n_size = 0;
  const int64_t *border = gonio_node_attr_ints (in->node, "border", &n_border);
  const int64_t *size = gonio_node_attr_ints (in->node, "scale", &n_size);
  int64_t starts[2], ends[2];

  if (!gonio_import_check_attrs (in, attrs_crop, error))
    return FALSE;
  if ((n_border != 0 && n_border != 4) || (n_size != 0 && n_size != 2) || n_border + n_size == 0)
    return gonio_import_malformed (error, "border and scale are not 4 and 2 numbers.");
  border = border ? border : none;
  for (int d = 0; d < 2; d++) {
    int64_t before = border[1 - d], after = border[3 - d], length = n_size > 0 ? size[d] : 0;

    if (before < 0 || after < 0 || length < 0 || !gonio_checked_add_i64 (before, length, &ends[d]))
      return gonio_import_malformed (error, "border or scale is negative or too large.");
    starts[d] = before;
    if (n_size == 0)
      ends[d] = after == 0 ? INT64_MAX : -after;
  }
  const GonioValueId inputs[4] = {
      gonio_import_input (in, 0), gonio_import_const_ints (in, "starts", starts, 2),
      gonio_import_const_ints (in, "ends", ends, 2), gonio_import_const_ints (in, "axes", axes, 2)};
  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_SLICE);
  gonio_graph_set_inputs (in->graph, in->id, inputs, 4);
  return TRUE;
}

/* Slice as it is since opset 10. */
static gboolean
dynamic_slice (GonioImportNode *in, GError **error)
{
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_SLICE);
  return TRUE;
}

/* ---- ConstantFill, GivenTensorFill ---- */

/* The shape to fill: an attribute, the input, or the input's shape; the last two with more
 * dimensions after them. */
static gboolean
fill_shape (GonioImportNode *in, GonioValueId *out_shape, GError **error)
{
  guint n = 0, n_more = 0;
  const int64_t *shape = gonio_node_attr_ints (in->node, "shape", &n);
  const int64_t *more = gonio_node_attr_ints (in->node, "extra_shape", &n_more);
  gboolean is_shape = gonio_node_attr_int (in->node, "input_as_shape", 0) != 0;
  GonioValueId x = gonio_import_input (in, 0), parts[2];
  GonioNodeId node = GONIO_NODE_NONE;

  if (!gonio_import_check_attrs (in, attrs_fill, error))
    return FALSE;
  if (x == GONIO_VALUE_NONE) {
    if (!gonio_node_attr (in->node, "shape"))
      return gonio_import_malformed (error, "it has neither a shape nor an input.");
    *out_shape = gonio_import_const_ints (in, "shape", shape, n);
    return TRUE;
  }
  parts[0] = gonio_import_unary (in, is_shape ? GONIO_OP_IDENTITY : GONIO_OP_SHAPE, "like", x);
  if (is_shape && gonio_import_dtype (in, x) != GONIO_DTYPE_INT64)
    parts[0] = gonio_import_cast (in, parts[0], GONIO_DTYPE_INT64, "sizes");
  if (n_more > 0) {
    parts[1] = gonio_import_const_ints (in, "more", more, n_more);
    parts[0] = gonio_import_emit (in, GONIO_OP_CONCAT, "shape", parts, 2, &node);
    gonio_graph_set_attr_int (in->graph, node, "axis", 0);
  }
  *out_shape = parts[0];
  return TRUE;
}

static gboolean
constant_fill (GonioImportNode *in, GError **error)
{
  int64_t dtype = gonio_node_attr_int (in->node, "dtype", GONIO_DTYPE_FLOAT);
  float value = gonio_node_attr_float (in->node, "value", 0);
  GonioValueId shape = GONIO_VALUE_NONE;

  if (dtype != GONIO_DTYPE_FLOAT && dtype != GONIO_DTYPE_INT32 && dtype != GONIO_DTYPE_INT64 &&
      dtype != GONIO_DTYPE_BOOL)
    return gonio_import_malformed (error, "dtype is %" G_GINT64_FORMAT ".", dtype);
  if (!fill_shape (in, &shape, error))
    return FALSE;
  GonioValueId typed = gonio_import_const_scalar (in, "value", GONIO_DTYPE_FLOAT, value);
  typed = gonio_import_cast (in, typed, (GonioDType)dtype, "typed");
  gonio_import_become (in, GONIO_OP_EXPAND, typed, shape);
  return TRUE;
}

static gboolean
given_tensor_fill (GonioImportNode *in, GError **error)
{
  guint n = 0;
  const float *values = gonio_node_attr_floats (in->node, "values", &n);
  GonioValueId shape = GONIO_VALUE_NONE;

  if (n == 0)
    return gonio_import_malformed (error, "it has no values.");
  if (!fill_shape (in, &shape, error))
    return FALSE;
  gonio_import_become (in, GONIO_OP_RESHAPE, gonio_import_const_floats (in, "values", values, n),
                       shape);
  return TRUE;
}

#define SINCE(NAME, FUNCTION)                                                                      \
  {                                                                                                \
    NAME, "", 1, 0, FUNCTION                                                                       \
  }

const GonioImportRow gonio_import_legacy[] = {
    SINCE ("Affine", affine),
    SINCE ("ConstantFill", constant_fill),
    SINCE ("Crop", crop),
    SINCE ("DynamicSlice", dynamic_slice),
    SINCE ("GivenTensorFill", given_tensor_fill),
    SINCE ("ImageScaler", image_scaler),
    SINCE ("ParametricSoftplus", parametric_softplus),
    SINCE ("Scale", scale),
    SINCE ("ScaledTanh", scaled_tanh),
    {0},
};
