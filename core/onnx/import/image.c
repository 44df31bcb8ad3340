/* Import rows of image sampling. Depends on import.h. */
#include "core/onnx/import.h"

static const GonioAttrSchema attrs_mode[] = {{"mode", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_upsample[] = {{"height_scale", GONIO_ATTR_FLOAT, FALSE},
                                                 {"mode", GONIO_ATTR_STRING, FALSE},
                                                 {"scales", GONIO_ATTR_FLOATS, FALSE},
                                                 {"width_scale", GONIO_ATTR_FLOAT, FALSE},
                                                 {0}};

/* In place of what the file has there, which must be text. */
static void
set_text (GonioImportNode *in, const char *name, const char *value)
{
  g_autofree char *text = g_strdup (value);

  gonio_import_drop (in, name, GONIO_ATTR_STRING);
  gonio_graph_set_attr_string (in->graph, in->id, name, text);
}

/* Upsample and Resize 10 read the pixel left of the exact place. */
static void
sample_as_upsample (GonioImportNode *in)
{
  const char *mode = gonio_node_attr_string (in->node, "mode", "nearest");

  set_text (in, "mode", g_str_equal (mode, "bilinear") ? "linear" : mode);
  set_text (in, "coordinate_transformation_mode", "asymmetric");
  set_text (in, "nearest_mode", "floor");
}

static void
set_resize_inputs (GonioImportNode *in, GonioValueId scales)
{
  GonioValueId inputs[3] = {gonio_import_input (in, 0), GONIO_VALUE_NONE, scales};
  gonio_graph_set_inputs (in->graph, in->id, inputs, 3);
}

static gboolean
upsample (GonioImportNode *in, GError **error)
{
  guint n = 0;
  const float *scales = gonio_node_attr_floats (in->node, "scales", &n);
  GonioValueId value = gonio_import_input (in, 1);

  if (!gonio_import_check_attrs (in, attrs_upsample, error))
    return FALSE;
  if (in->version < 7) {
    const float by_side[4] = {1, 1, gonio_node_attr_float (in->node, "height_scale", 0),
                              gonio_node_attr_float (in->node, "width_scale", 0)};
    value = gonio_import_const_floats (in, "scales", by_side, 4);
    gonio_import_drop (in, "height_scale", GONIO_ATTR_FLOAT);
    gonio_import_drop (in, "width_scale", GONIO_ATTR_FLOAT);
  } else if (in->version < 9) {
    if (!scales)
      return gonio_import_malformed (error, "attribute “scales” is missing.");
    value = gonio_import_const_floats (in, "scales", scales, n);
    gonio_import_drop (in, "scales", GONIO_ATTR_FLOATS);
  }
  if (value == GONIO_VALUE_NONE)
    return gonio_import_malformed (error, "scales are missing.");
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_RESIZE);
  sample_as_upsample (in);
  set_resize_inputs (in, value);
  return TRUE;
}

static gboolean
resize_10 (GonioImportNode *in, GError **error)
{
  if (!gonio_import_check_attrs (in, attrs_mode, error))
    return FALSE;
  sample_as_upsample (in);
  set_resize_inputs (in, gonio_import_input (in, 1));
  return TRUE;
}

/* Opset 11 has no omitted inputs here: an empty tensor stands for one. The region of interest
 * counts for one mode only. */
static gboolean
resize (GonioImportNode *in, GError **error)
{
  const char *mode =
      gonio_node_attr_string (in->node, "coordinate_transformation_mode", "half_pixel");

  for (guint i = 1; i < 4; i++) {
    GonioValueId id = gonio_import_input (in, i);
    if (id == GONIO_VALUE_NONE)
      continue;
    const GonioSymShape *shape = &gonio_graph_value (in->graph, id)->shape;
    gboolean is_empty = shape->has_rank && shape->rank == 1 && shape->dims[0].value == 0;
    if (is_empty || (i == 1 && !g_str_equal (mode, "tf_crop_and_resize")))
      gonio_import_set_input (in, i, GONIO_VALUE_NONE);
  }
  return TRUE;
}

/* Opset 16 to 19 names the modes after images, and so does what exporters wrote before there was
 * such an operator. */
static gboolean
old_grid_sample (GonioImportNode *in, GError **error)
{
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_GRID_SAMPLE);
  const char *mode = gonio_node_attr_string (in->node, "mode", "bilinear");

  set_text (in, "mode",
            g_str_equal (mode, "bilinear")  ? "linear"
            : g_str_equal (mode, "bicubic") ? "cubic"
                                            : mode);
  return TRUE;
}

/* Opset 10 to 15 knows only pixel corners. */
static gboolean
old_roi_align (GonioImportNode *in, GError **error)
{
  if (!gonio_node_attr (in->node, "coordinate_transformation_mode"))
    set_text (in, "coordinate_transformation_mode", "output_half_pixel");
  return TRUE;
}

#define SINCE(NAME, VERSION)                                                                       \
  {                                                                                                \
    NAME, "", VERSION, 0, NULL                                                                     \
  }

const GonioImportRow gonio_import_image[] = {
    SINCE ("AffineGrid", 20),
    SINCE ("Col2Im", 18),
    {"GridSample", "", 16, 19, old_grid_sample},
    SINCE ("GridSample", 20),
    {"GridSample", "com.microsoft", 1, 0, old_grid_sample},
    SINCE ("ImageDecoder", 20),
    SINCE ("MaxRoiPool", 1),
    {"Resize", "", 10, 10, resize_10},
    {"Resize", "", 11, 0, resize},
    {"RoiAlign", "", 10, 15, old_roi_align},
    SINCE ("RoiAlign", 16),
    {"Upsample", "", 1, 0, upsample},
    {0},
};
