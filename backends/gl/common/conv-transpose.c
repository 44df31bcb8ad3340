/* ConvTranspose: every result gathers what reaches it. Whole fours of channels in every group, and
 * one channel per group. Depends on lower. */
#include "backends/gl/common/lower.h"
#include "core/ops/spatial.h"

#include <string.h>

typedef struct {
  int in, out, groups; /* channels */
  int size[2], result[2], kernel[2], stride[2], step[2], before[2];
  gboolean depthwise;
} Deconv;

/* One spatial axis is a line of an image. */
static const char *
read_deconv (const GonioGraph *graph, const GonioNode *node, Deconv *out)
{
  GonioSpatial spatial;
  if (!gonio_op_spatial (graph, node, &spatial, NULL) || spatial.n < 1 || spatial.n > 2)
    return "only one or two spatial axes are supported";
  GonioShape x = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape w = gonio_gl_shape (gonio_gl_in (graph, node, 1));
  GonioShape y = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  gint64 groups = gonio_node_attr_int (node, "group", 1);
  if (groups < 1 || groups > x.dims[1])
    return "groups do not fit the channels";
  Deconv d = {.in = (int)x.dims[1], .out = (int)y.dims[1], .groups = (int)groups};
  for (int i = 0; i < 2; i++) {
    int axis = i - (2 - spatial.n);
    if (axis >= 0 && (spatial.kernel[axis] > 1 << 12 || spatial.strides[axis] > 1 << 12 ||
                      spatial.dilations[axis] > 1 << 12 || spatial.pads_begin[axis] < 0 ||
                      spatial.pads_begin[axis] > 1 << 16))
      return "a window is too large or cropped";
    d.size[i] = axis < 0 ? 1 : (int)spatial.in[axis];
    d.result[i] = axis < 0 ? 1 : (int)y.dims[2 + axis];
    d.kernel[i] = axis < 0 ? 1 : (int)spatial.kernel[axis];
    d.stride[i] = axis < 0 ? 1 : (int)spatial.strides[axis];
    d.step[i] = axis < 0 ? 1 : (int)spatial.dilations[axis];
    d.before[i] = axis < 0 ? 0 : (int)spatial.pads_begin[axis];
  }
  if (d.in % d.groups || d.out % d.groups || w.dims[0] != x.dims[1] ||
      w.dims[1] * d.groups != d.out)
    return "groups do not fit the channels";
  d.depthwise = d.groups > 1 && d.groups == d.in && d.groups == d.out;
  if (!d.depthwise && d.groups > 1 && (d.in / d.groups % 4 || d.out / d.groups % 4))
    return "groups are not of whole fours of channels";
  *out = d;
  return NULL;
}

static const char *
deconv_claim (const GonioGraph *graph, const GonioNode *node)
{
  const GonioValue *bias = gonio_gl_in (graph, node, 2);
  Deconv d;
  if (!gonio_gl_in (graph, node, 1)->constant || (bias && !bias->constant))
    return "weights are not constant";
  const char *reason = read_deconv (graph, node, &d);
  if (!reason && bias && gonio_tensor_count (bias->constant) != d.out)
    reason = "the bias does not fit the result";
  return reason;
}

static int
fours (int channels)
{
  return (channels + 3) / 4;
}

/* Output fours x taps x input fours of a group x 4 lanes, four outputs to a texel; depthwise: fours
 * x taps. From input x outputs of a group x taps. */
static GonioTensor *
pack_weights (const Deconv *d, const float *weights, GError **error)
{
  int taps = d->kernel[0] * d->kernel[1], in = d->in / d->groups, out = d->out / d->groups;
  gint64 line = d->depthwise ? 4 : (gint64)fours (in) * 16;
  GonioShape shape = GONIO_SHAPE ((gint64)fours (d->out) * taps * line);
  GonioTensor *tensor = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, error);
  float *packed = tensor ? gonio_tensor_writable_data (tensor) : NULL;
  for (int o = 0; packed && o < d->out; o++)
    for (int c = 0; c < in; c++)
      for (int t = 0; t < taps; t++)
        packed[((gint64)(o / 4) * taps + t) * line + (gint64)c * 4 + o % 4] =
            weights[((gint64)(o / out * in + c) * out + o % out) * taps + t];
  return tensor;
}

static gboolean
deconv_lower (GonioGlLower *lower, GError **error)
{
  const GonioTensor *weights = gonio_gl_in (lower->graph, lower->node, 1)->constant;
  const GonioValue *bias = gonio_gl_in (lower->graph, lower->node, 2);
  GonioGlStep step = {.kernel = "conv-transpose.glsl", .n_inputs = 3};
  Deconv d;
  gint64 taps = 1;
  (void)read_deconv (lower->graph, lower->node, &d); /* as claimed */
  GonioShape shape = GONIO_SHAPE ((gint64)fours (d.out) * 4);
  if (!gonio_gl_read (lower, 0, GONIO_GL_IMAGE, &step.inputs[0], error))
    return FALSE;
  g_autoptr (GonioTensor) packed = pack_weights (&d, gonio_tensor_data (weights), error);
  g_autoptr (GonioTensor) biases =
      packed ? gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, error) : NULL;
  if (!biases)
    return FALSE;
  if (bias)
    memcpy (gonio_tensor_writable_data (biases), gonio_tensor_data (bias->constant),
            (gsize)d.out * sizeof (float));
  step.inputs[1] = gonio_gl_numbers (lower, packed);
  step.inputs[2] = gonio_gl_numbers (lower, biases);
  step.output = gonio_gl_write (lower, 0, GONIO_GL_IMAGE);
  const int params[] = {d.size[0],
                        d.size[1],
                        d.result[0],
                        d.result[1],
                        d.kernel[0],
                        d.kernel[1],
                        d.stride[0],
                        d.stride[1],
                        d.step[0],
                        d.step[1],
                        d.before[0],
                        d.before[1],
                        fours (d.in),
                        fours (d.out),
                        fours (d.in / d.groups),
                        fours (d.out / d.groups)};
  memcpy (step.params, params, sizeof params);
  for (int i = 0; i < 2; i++) /* taps that reach a place */
    taps *= (d.kernel[i] + d.stride[i] - 1) / d.stride[i];
  step.reads = taps * (d.depthwise ? 2 : 5 * params[14]);
  g_autofree char *activation = gonio_gl_activation (lower->node, &step);
  step.defines = g_strconcat (activation, d.depthwise ? ";DEPTHWISE 1" : "", NULL);
  return gonio_gl_add (lower, &step, error);
}

const GonioGlOp gonio_gl_ops_conv_transpose[] = {
    {GONIO_OP_CONV_TRANSPOSE, deconv_claim, deconv_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
