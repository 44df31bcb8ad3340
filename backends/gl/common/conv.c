/* Conv: whole fours of channels in every group, and one channel per group; which method takes
 * which. Depends on conv, tile, lower. */
#include "backends/gl/common/conv.h"

#include "core/ops/spatial.h"

#include <string.h>

static const char *
read_conv (const GonioGraph *graph, const GonioNode *node, GonioGlConv *out_conv)
{
  GonioSpatial spatial;
  if (!gonio_op_spatial (graph, node, &spatial, NULL) || spatial.n < 1 || spatial.n > 2)
    return "only one or two spatial axes are supported";
  GonioShape x = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape w = gonio_gl_shape (gonio_gl_in (graph, node, 1));
  GonioGlConv conv = {.batch = (int)x.dims[0],
                      .in = (int)x.dims[1],
                      .out = (int)w.dims[0],
                      .groups = (int)gonio_node_attr_int (node, "group", 1)};
  for (int i = 0; i < 2; i++) {
    int axis = i - (2 - spatial.n);
    conv.size[i] = axis < 0 ? 1 : (int)spatial.in[axis];
    conv.result[i] = axis < 0 ? 1 : (int)spatial.out[axis];
    conv.kernel[i] = axis < 0 ? 1 : (int)spatial.kernel[axis];
    conv.stride[i] = axis < 0 ? 1 : (int)spatial.strides[axis];
    conv.step[i] = axis < 0 ? 1 : (int)spatial.dilations[axis];
    conv.before[i] = axis < 0 ? 0 : (int)spatial.pads_begin[axis];
    if (spatial.n > 0 && axis >= 0 &&
        (spatial.kernel[axis] > 1 << 12 || spatial.strides[axis] > 1 << 12 ||
         spatial.dilations[axis] > 1 << 12 || ABS (spatial.pads_begin[axis]) > 1 << 16))
      return "a window is too large";
  }
  if (conv.groups < 1 || conv.in % conv.groups || conv.out % conv.groups)
    return "groups do not fit the channels";
  conv.depthwise = conv.groups > 1 && conv.groups == conv.in && conv.groups == conv.out;
  if (!conv.depthwise && conv.groups > 1 &&
      (conv.in / conv.groups % 4 || conv.out / conv.groups % 4))
    return "groups are not of whole fours of channels";
  *out_conv = conv;
  return NULL;
}

static const char *
conv_claim (const GonioGraph *graph, const GonioNode *node)
{
  const GonioValue *bias = gonio_gl_in (graph, node, 2), *add = gonio_gl_in (graph, node, 3);
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  GonioGlConv conv;
  if (!gonio_gl_in (graph, node, 1)->constant || (bias && !bias->constant))
    return "weights are not constant";
  const char *reason = read_conv (graph, node, &conv);
  if (!reason && add) {
    GonioShape shape = gonio_gl_shape (add);
    if (!gonio_shape_equal (&shape, &out))
      reason = "what is added does not fit the result";
  }
  return reason;
}

void
gonio_gl_conv_params (const GonioGlConv *conv, int *params)
{
  const int all[] = {conv->size[0],
                     conv->size[1],
                     conv->result[0],
                     conv->result[1],
                     conv->kernel[0],
                     conv->kernel[1],
                     conv->stride[0],
                     conv->stride[1],
                     conv->step[0],
                     conv->step[1],
                     conv->before[0],
                     conv->before[1],
                     gonio_gl_fours (conv->in),
                     gonio_gl_fours (conv->out),
                     gonio_gl_fours (conv->in / conv->groups),
                     gonio_gl_fours (conv->out / conv->groups)};
  memcpy (params, all, sizeof all);
}

void
gonio_gl_conv_defines (const GonioGlLower *lower, const GonioGlConvInputs *inputs,
                       GonioGlStep *step)
{
  g_autofree char *activation = gonio_gl_activation (lower->node, step), *others = step->defines;
  step->defines =
      g_strconcat (others ? others : "", ";", activation, inputs->adds ? ";ADD 1" : "", NULL);
}

gboolean
gonio_gl_conv_is_point (const GonioGlConv *conv)
{
  for (int i = 0; i < 2; i++)
    if (conv->kernel[i] != 1 || conv->stride[i] != 1 || conv->before[i] != 0 ||
        conv->size[i] != conv->result[i])
      return FALSE;
  return TRUE;
}

/* ---- a texel for each thread or fragment ---- */

/* Output fours x taps x input fours of a group x 4 lanes, four outputs to a texel. */
static GonioTensor *
pack (const GonioGlConv *conv, const float *weights, GError **error)
{
  int taps = conv->kernel[0] * conv->kernel[1], in = conv->in / conv->groups;
  gint64 line = (gint64)gonio_gl_fours (in) * 16;
  GonioTensor *tensor =
      gonio_gl_new_numbers ((gint64)gonio_gl_fours (conv->out) * taps * line, error);
  float *packed = tensor ? gonio_tensor_writable_data (tensor) : NULL;
  for (int o = 0; packed && o < conv->out; o++)
    for (int c = 0; c < in; c++)
      for (int t = 0; t < taps; t++)
        packed[((gint64)(o / 4) * taps + t) * line + (gint64)c * 4 + o % 4] =
            weights[((gint64)o * in + c) * taps + t];
  return tensor;
}

gboolean
gonio_gl_conv_taps (GonioGlLower *lower, const GonioGlConvInputs *inputs, GonioGlSlot *out_slot,
                    GError **error)
{
  const GonioGlConv *conv = inputs->conv;
  int taps = conv->kernel[0] * conv->kernel[1];
  g_autoptr (GonioTensor) tensor =
      gonio_gl_new_numbers ((gint64)gonio_gl_fours (conv->out) * taps * 4, error);
  if (!tensor)
    return FALSE;
  float *packed = gonio_tensor_writable_data (tensor);
  for (int o = 0; o < conv->out; o++)
    for (int t = 0; t < taps; t++)
      packed[((gint64)(o / 4) * taps + t) * 4 + o % 4] = inputs->weights[(gint64)o * taps + t];
  *out_slot = gonio_gl_numbers (lower, tensor);
  return TRUE;
}

static gboolean
four_pays (const GonioGlLower *lower, const GonioGlConv *conv)
{
  gint64 depth =
      (gint64)conv->kernel[0] * conv->kernel[1] * gonio_gl_fours (conv->in / conv->groups);
  return !conv->depthwise &&
         gonio_gl_four_pays (lower, (gint64)conv->result[0] * conv->result[1],
                             (gint64)conv->batch * gonio_gl_fours (conv->out), depth);
}

gboolean
gonio_gl_conv_add_texels (GonioGlLower *lower, const GonioGlConv *conv, GonioGlStep *step,
                          char *defines, GError **error)
{
  g_autofree char *others = defines;
  gboolean four = four_pays (lower, conv);
  g_autoptr (GString) all = g_string_new (others);
  gonio_gl_conv_params (conv, step->params);
  step->kernel = conv->depthwise ? "conv-depthwise.glsl" : "conv.glsl";
  step->reads =
      (gint64)conv->kernel[0] * conv->kernel[1] * (conv->depthwise ? 2 : 5 * step->params[14]);
  if (gonio_gl_conv_is_point (conv))
    g_string_append (all, ";POINT 1");
  else
    g_string_append_printf (all, ";KERNEL ivec2 (%d, %d);STRIDE ivec2 (%d, %d);STEP ivec2 (%d, %d)",
                            conv->kernel[0], conv->kernel[1], conv->stride[0], conv->stride[1],
                            conv->step[0], conv->step[1]);
  step->defines = g_string_free (g_steal_pointer (&all), FALSE);
  if (!four)
    return gonio_gl_add (lower, step, error);
  int pixels = conv->result[0] * conv->result[1];
  step->kernel = "conv-four.glsl";
  step->params[16] = (pixels + 3) / 4;
  step->reads = step->reads * 8 / 5;
  return gonio_gl_add_four (lower, step, (gint64)conv->batch * step->params[13], pixels, 1, error);
}

static gboolean
one_texel (GonioGlLower *lower, const GonioGlConvInputs *inputs, GError **error)
{
  const GonioGlConv *conv = inputs->conv;
  GonioGlStep step = {.n_inputs = inputs->adds ? 4 : 3,
                      .inputs = {inputs->image, 0, inputs->bias, inputs->add}};
  if (conv->depthwise) {
    if (!gonio_gl_conv_taps (lower, inputs, &step.inputs[1], error))
      return FALSE;
  } else {
    g_autoptr (GonioTensor) packed = pack (conv, inputs->weights, error);
    if (!packed)
      return FALSE;
    step.inputs[1] = gonio_gl_numbers (lower, packed);
  }
  step.output = gonio_gl_write (lower, 0, GONIO_GL_IMAGE);
  gonio_gl_conv_defines (lower, inputs, &step);
  return gonio_gl_conv_add_texels (lower, conv, &step, g_steal_pointer (&step.defines), error);
}

/* ---- which ---- */

static gboolean
winograd2 (GonioGlLower *lower, const GonioGlConvInputs *inputs, GError **error)
{
  return gonio_gl_conv_winograd (lower, inputs, 2, error);
}

static gboolean
winograd4 (GonioGlLower *lower, const GonioGlConvInputs *inputs, GError **error)
{
  return gonio_gl_conv_winograd (lower, inputs, 4, error);
}

/* Rows of a product, as the smallest tile has them. */
static double
whole_rows (gint64 rows)
{
  return (double)((rows + 31) / 32 * 32);
}

static gint64
count_tiles (const GonioGlConv *conv)
{
  return (gint64)conv->batch * ((conv->result[0] + 3) / 4) * ((conv->result[1] + 3) / 4);
}

/* Winograd's method makes a quarter of the multiplications, and moves 2.25 times the image and the
 * result out and in. For 16 pixels with c channels in and o out that is 36 c o multiply-adds and
 * some 144 (c + o) floats to or from memory, instead of 144 c o multiply-adds by tiles; a card
 * makes some ten multiply-adds in the time of a float from memory. So it pays from about 40
 * channels either way. A tile of the image is a row of the products: small images have few. */
static gboolean
pays_by_tiles (const GonioGlConv *conv)
{
  double c = conv->in, o = conv->out;
  gint64 tiles = count_tiles (conv);
  double direct = conv->batch * whole_rows ((gint64)conv->result[0] * conv->result[1]) * 9 * c * o;
  double other = whole_rows (tiles) * 36 * c * o + (double)tiles * 1440 * (c + o);
  return other < 0.8 * direct;
}

/* Without work groups nothing is shared, and reads are what takes the time: five texels for each
 * product of fours, (3 + 4 * 4 + 3)^2 for a tile going in, (5 + 4 + 4 + 5)^2 coming out. */
static gboolean
pays_by_texels (const GonioGlConv *conv)
{
  double c = gonio_gl_fours (conv->in), o = gonio_gl_fours (conv->out);
  double direct = (double)conv->batch * conv->result[0] * conv->result[1] * 9 * 5 * c * o;
  double other = (double)count_tiles (conv) * (36 * 5 * c * o + 22 * 22 * c + 18 * 18 * o);
  return other < 0.8 * direct;
}

static GonioGlConvMethod
method_for (const GonioGlLower *lower, const GonioGlConv *conv)
{
  GonioGlKernels kernels = gonio_gl_kernels ();
  gboolean sized = kernels == GONIO_GL_BY_SIZE, groups = gonio_gl_has_groups (lower);
  if (kernels == GONIO_GL_ONE_TEXEL)
    return one_texel;
  if (conv->depthwise)
    return groups && gonio_gl_conv_is_wide (conv) ? gonio_gl_conv_wide : one_texel;
  if (groups && (sized || kernels == GONIO_GL_THIN) && gonio_gl_conv_is_thin (conv))
    return gonio_gl_conv_thin;
  if (kernels == GONIO_GL_WINOGRAD2 && gonio_gl_conv_is_winograd (lower, conv, 2))
    return winograd2;
  if (((sized && (groups ? pays_by_tiles (conv) : pays_by_texels (conv))) ||
       kernels == GONIO_GL_WINOGRAD4) &&
      gonio_gl_conv_is_winograd (lower, conv, 4))
    return winograd4;
  /* a tile is four fours wide at least: half of it would idle */
  return !groups || (sized && conv->out / conv->groups <= 4) ? one_texel : gonio_gl_conv_tiled;
}

static gboolean
conv_lower (GonioGlLower *lower, GError **error)
{
  const GonioValue *bias = gonio_gl_in (lower->graph, lower->node, 2);
  GonioGlConv conv;
  GonioGlConvInputs inputs = {
      .conv = &conv,
      .weights = gonio_tensor_data (gonio_gl_in (lower->graph, lower->node, 1)->constant),
      .adds = gonio_gl_in (lower->graph, lower->node, 3) != NULL};
  (void)read_conv (lower->graph, lower->node, &conv); /* as claimed */
  if (!gonio_gl_read (lower, 0, GONIO_GL_IMAGE, &inputs.image, error) ||
      (inputs.adds && !gonio_gl_read (lower, 3, GONIO_GL_IMAGE, &inputs.add, error)))
    return FALSE;
  g_autoptr (GonioTensor) biases =
      gonio_gl_new_numbers ((gint64)gonio_gl_fours (conv.out) * 4, error);
  if (!biases)
    return FALSE;
  if (bias)
    memcpy (gonio_tensor_writable_data (biases), gonio_tensor_data (bias->constant),
            (gsize)conv.out * sizeof (float));
  inputs.bias = gonio_gl_numbers (lower, biases);
  return method_for (lower, &conv) (lower, &inputs, error);
}

const GonioGlOp gonio_gl_ops_conv[] = {
    {GONIO_OP_CONV, conv_claim, conv_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
