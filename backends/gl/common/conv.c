/* Conv: whole fours of channels in every group, and one channel per group. Depends on lower. */
#include "backends/gl/common/lower.h"
#include "core/ops/spatial.h"

#include <string.h>

typedef struct {
  int batch, in, out, groups; /* channels */
  int size[2], result[2], kernel[2], stride[2], step[2], before[2];
  gboolean depthwise;
} Conv;

/* One spatial axis is a line of an image. */
static const char *
read_conv (const GonioGraph *graph, const GonioNode *node, Conv *out_conv)
{
  GonioSpatial spatial;
  if (!gonio_op_spatial (graph, node, &spatial, NULL) || spatial.n < 1 || spatial.n > 2)
    return "only one or two spatial axes are supported";
  GonioShape x = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape w = gonio_gl_shape (gonio_gl_in (graph, node, 1));
  Conv conv = {.batch = (int)x.dims[0],
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
  Conv conv;
  if (!gonio_gl_in (graph, node, 1)->constant || (bias && !bias->constant))
    return "weights are not constant";
  const char *reason = read_conv (graph, node, &conv);
  if (!reason && add) {
    GonioShape shape = gonio_gl_shape (add);
    if (!gonio_shape_equal (&shape, &out))
      reason = "what is added does not fit the result";
    else if (conv.depthwise)
      reason = "adding to a depthwise convolution is not supported";
  }
  return reason;
}

static int
fours (int channels)
{
  return (channels + 3) / 4;
}

static GonioTensor *
new_numbers (gint64 n, GError **error)
{
  GonioShape shape = GONIO_SHAPE (n);
  return gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, error);
}

/* Output fours x taps x input fours of a group x 4 lanes, four outputs to a texel. */
static GonioTensor *
pack_weights (const Conv *conv, const float *weights, GError **error)
{
  int taps = conv->kernel[0] * conv->kernel[1], in = conv->in / conv->groups;
  gint64 line = (gint64)fours (in) * 16, n = (gint64)fours (conv->out) * taps * line;
  GonioTensor *tensor = new_numbers (n, error);
  float *packed = tensor ? gonio_tensor_writable_data (tensor) : NULL;
  for (int o = 0; packed && o < conv->out; o++)
    for (int c = 0; c < in; c++)
      for (int t = 0; t < taps; t++)
        packed[((gint64)(o / 4) * taps + t) * line + (gint64)c * 4 + o % 4] =
            weights[((gint64)o * in + c) * taps + t];
  return tensor;
}

/* Fours of channels x taps. */
static GonioTensor *
pack_depthwise (const Conv *conv, const float *weights, GError **error)
{
  int taps = conv->kernel[0] * conv->kernel[1];
  gint64 n = (gint64)fours (conv->out) * taps * 4;
  GonioTensor *tensor = new_numbers (n, error);
  float *packed = tensor ? gonio_tensor_writable_data (tensor) : NULL;
  for (int o = 0; packed && o < conv->out; o++)
    for (int t = 0; t < taps; t++)
      packed[((gint64)(o / 4) * taps + t) * 4 + o % 4] = weights[(gint64)o * taps + t];
  return tensor;
}

static gboolean
conv_lower (GonioGlLower *lower, GError **error)
{
  const GonioTensor *weights = gonio_gl_in (lower->graph, lower->node, 1)->constant;
  const GonioValue *bias = gonio_gl_in (lower->graph, lower->node, 2);
  gboolean adds = gonio_gl_in (lower->graph, lower->node, 3) != NULL;
  Conv conv;
  (void)read_conv (lower->graph, lower->node, &conv); /* as claimed */
  GonioGlStep step = {.kernel = conv.depthwise ? "conv-depthwise.glsl" : "conv.glsl",
                      .n_inputs = adds ? 4 : 3};
  if (!gonio_gl_read (lower, 0, GONIO_GL_IMAGE, &step.inputs[0], error) ||
      (adds && !gonio_gl_read (lower, 3, GONIO_GL_IMAGE, &step.inputs[3], error)))
    return FALSE;
  g_autoptr (GonioTensor) packed =
      (conv.depthwise ? pack_depthwise : pack_weights) (&conv, gonio_tensor_data (weights), error);
  g_autoptr (GonioTensor) biases =
      packed ? new_numbers ((gint64)fours (conv.out) * 4, error) : NULL;
  if (!biases)
    return FALSE;
  if (bias)
    memcpy (gonio_tensor_writable_data (biases), gonio_tensor_data (bias->constant),
            (gsize)conv.out * sizeof (float));
  step.inputs[1] = gonio_gl_numbers (lower, packed);
  step.inputs[2] = gonio_gl_numbers (lower, biases);
  step.output = gonio_gl_write (lower, 0, GONIO_GL_IMAGE);

  const int params[] = {conv.size[0],
                        conv.size[1],
                        conv.result[0],
                        conv.result[1],
                        conv.kernel[0],
                        conv.kernel[1],
                        conv.stride[0],
                        conv.stride[1],
                        conv.step[0],
                        conv.step[1],
                        conv.before[0],
                        conv.before[1],
                        fours (conv.in),
                        fours (conv.out),
                        fours (conv.in / conv.groups),
                        fours (conv.out / conv.groups)};
  memcpy (step.params, params, sizeof params);
  step.reads = (gint64)conv.kernel[0] * conv.kernel[1] * (conv.depthwise ? 2 : 5 * params[14]);
  g_autofree char *activation = gonio_gl_activation (lower->node, &step);
  step.defines = g_strconcat (activation, adds ? ";ADD 1" : "", NULL);
  return gonio_gl_add (lower, &step, error);
}

const GonioGlOp gonio_gl_ops_conv[] = {
    {GONIO_OP_CONV, conv_claim, conv_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
