/* Import rows of views, data movement and shape arithmetic. Depends on import.h. */
#include "core/onnx/import.h"

/* Opset 1 to 3 has a default. */
static gboolean
old_concat (GonioImportNode *in, GError **error)
{
  if (!gonio_node_attr (in->node, "axis"))
    gonio_graph_set_attr_int (in->graph, in->id, "axis", 1);
  return TRUE;
}

/* Opset 1 to 10: pads (paddings at first) and value are attributes. */
static gboolean
old_pad (GonioImportNode *in, GError **error)
{
  GonioDType dtype = gonio_import_dtype (in, gonio_import_input (in, 0));
  float value = gonio_node_attr_float (in->node, "value", 0);

  gonio_import_drop (in, "value", GONIO_ATTR_FLOAT);
  gonio_import_attr_to_input (in, "paddings", 1);
  gonio_import_attr_to_input (in, "pads", 1);
  if (gonio_import_input (in, 1) == GONIO_VALUE_NONE)
    return gonio_import_malformed (error, "attribute “pads” is missing.");
  if (value != 0)
    gonio_import_set_input (
        in, 2, gonio_import_const_scalar (in, "value", dtype ? dtype : GONIO_DTYPE_FLOAT, value));
  return TRUE;
}

static gboolean
old_reshape (GonioImportNode *in, GError **error)
{
  gonio_import_drop (in, "consumed_inputs", GONIO_ATTR_INTS);
  gonio_import_attr_to_input (in, "shape", 1);
  return TRUE;
}

/* Opset 1 to 9: everything is an attribute. */
static gboolean
old_slice (GonioImportNode *in, GError **error)
{
  gonio_import_attr_to_input (in, "starts", 1);
  gonio_import_attr_to_input (in, "ends", 2);
  gonio_import_attr_to_input (in, "axes", 3);
  return TRUE;
}

/* Lengths were an attribute until opset 12. Without any the number of outputs counts, which
 * opset 18 wants written down. */
static gboolean
split (GonioImportNode *in, GError **error)
{
  if (in->version < 13)
    gonio_import_attr_to_input (in, "split", 1);
  if (gonio_import_input (in, 1) == GONIO_VALUE_NONE && !gonio_node_attr (in->node, "num_outputs"))
    gonio_graph_set_attr_int (in->graph, in->id, "num_outputs", in->node->n_outputs);
  return TRUE;
}

static gboolean
axes_to_input (GonioImportNode *in, GError **error)
{
  gonio_import_attr_to_input (in, "axes", 1);
  return TRUE;
}

/* Opset 1 to 5: how often, along one axis, as two scalars. */
static gboolean
old_tile (GonioImportNode *in, GError **error)
{
  int rank = gonio_import_rank (in, gonio_import_input (in, 0));
  int64_t repeats[GONIO_MAX_RANK] = {0}, numbers[2] = {0};

  for (guint i = 0; i < 2; i++) {
    GonioValueId id = gonio_import_input (in, i + 1);
    const GonioTensor *tensor =
        id == GONIO_VALUE_NONE ? NULL : gonio_graph_value (in->graph, id)->constant;
    if (!tensor || rank < 0 || gonio_tensor_count (tensor) != 1)
      return gonio_import_unsupported (error, "the form of this opset is only supported with "
                                              "constant tiles and axis.");
    numbers[i] = gonio_tensor_get_int (tensor, 0);
  }
  if (numbers[1] < 0 || numbers[1] >= rank)
    return gonio_import_malformed (error, "axis is out of range.");
  for (int d = 0; d < rank; d++)
    repeats[d] = d == numbers[1] ? numbers[0] : 1;
  GonioValueId inputs[2] = {gonio_import_input (in, 0),
                            gonio_import_const_ints (in, "repeats", repeats, (guint)rank)};
  gonio_graph_set_inputs (in->graph, in->id, inputs, 2);
  return TRUE;
}

#define SINCE(NAME, VERSION)                                                                       \
  {                                                                                                \
    NAME, "", VERSION, 0, NULL                                                                     \
  }

const GonioImportRow gonio_import_shape[] = {
    SINCE ("CenterCropPad", 18),
    {"Concat", "", 1, 3, old_concat},
    SINCE ("Concat", 4),
    SINCE ("ConstantOfShape", 9),
    SINCE ("DepthToSpace", 1),
    SINCE ("Expand", 8),
    SINCE ("EyeLike", 9),
    SINCE ("Flatten", 1),
    {"Pad", "", 1, 10, old_pad},
    SINCE ("Pad", 11),
    SINCE ("Range", 11),
    {"Reshape", "", 1, 4, old_reshape},
    SINCE ("Reshape", 5),
    SINCE ("ReverseSequence", 10),
    SINCE ("Shape", 1),
    SINCE ("Size", 1),
    {"Slice", "", 1, 9, old_slice},
    SINCE ("Slice", 10),
    SINCE ("SpaceToDepth", 1),
    {"Split", "", 1, 0, split},
    {"Squeeze", "", 1, 12, axes_to_input},
    SINCE ("Squeeze", 13),
    {"Tile", "", 1, 5, old_tile},
    SINCE ("Tile", 6),
    SINCE ("Transpose", 1),
    SINCE ("Trilu", 14),
    {"Unsqueeze", "", 1, 12, axes_to_input},
    SINCE ("Unsqueeze", 13),
    {0},
};
