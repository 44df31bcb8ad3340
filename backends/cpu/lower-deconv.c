/* ConvTranspose in NHWC: reads the node; deconv-<method>.c computes. */
#include "backends/cpu/deconv.h"

#include "core/ops/spatial.h"

/* The window knows sizes and strides; what padding comes before it is inferred as for the shape:
 * auto_pad and output_shape decide it otherwise than in a convolution. */
static const char *
deconv_geometry (const GonioCpuNode *node, GonioCpuWindow *out_window)
{
  const char *reason = gonio_cpu_window_init (out_window, node, gonio_cpu_in (node, 1));
  GonioSpatial spatial;
  if (reason)
    return reason;
  if (!gonio_op_spatial (node->graph, node->node, &spatial, NULL))
    return "padding and output size do not fit";
  for (int i = 0; i < spatial.n; i++) {
    int to = i + 2 - spatial.n;
    out_window->before[to] = spatial.pads_begin[i];
    if (spatial.out[i] != out_window->out[to] || spatial.pads_begin[i] < 0)
      return "padding and output size do not fit";
  }
  return NULL;
}

static const char *
deconv_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  const GonioValue *weights = gonio_cpu_in (node, 1), *bias = gonio_cpu_in (node, 2);
  if (!gonio_cpu_is_float (gonio_cpu_in (node, 0)) || !gonio_cpu_is_float (weights) ||
      (bias && !gonio_cpu_is_float (bias)))
    return "only float is supported";
  if (!weights->constant || (bias && !bias->constant))
    return "weights are not constant";
  GonioCpuWindow w;
  const char *reason = deconv_geometry (node, &w);
  if (reason)
    return reason;
  int64_t groups = gonio_node_attr_int (node->node, "group", 1);
  GonioShape shape = gonio_cpu_shape (weights);
  if (groups < 1 || w.channels_in < 1 || w.channels_in % groups || w.channels_out % groups ||
      shape.dims[0] != w.channels_in || shape.dims[1] != w.channels_out / groups)
    return "group does not fit the channels";
  if (bias && gonio_cpu_count (bias) != w.channels_out)
    return "the bias does not fit the channels";
  gonio_cpu_claim_nhwc (out_claim, 1);
  out_claim->cost = (double)gonio_cpu_count (gonio_cpu_in (node, 0)) *
                    (double)(gonio_cpu_count (weights) / w.channels_in);
  return NULL;
}

static gboolean
deconv_lower (GonioCpuLower *lower, GError **error)
{
  GonioCpuWindow window;
  const char *reason = deconv_geometry (&lower->node, &window);
  if (reason)
    return gonio_cpu_fail (error, "%s", reason);
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  gonio_cpu_window_view (&window, &lower->node, &view);
  if (gonio_cpu_deconv_parts_suits (lower, &window))
    return gonio_cpu_deconv_parts (lower, &window, error);
  if (gonio_cpu_deconv_depthwise_suits (lower, &window))
    return gonio_cpu_deconv_depthwise (lower, &window, error);
  return gonio_cpu_deconv_direct (lower, &window, error);
}

const GonioCpuOp gonio_cpu_ops_deconv[] = {
    {GONIO_OP_CONV_TRANSPOSE, deconv_claim, deconv_lower, gonio_cpu_window_takes,
     gonio_cpu_writes_pixels},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
