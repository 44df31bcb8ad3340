/* Conv in NHWC: reads the node and hands it to the first method that suits. */
#include "backends/cpu/conv.h"

#include <string.h>

/* In order of preference. */
static const GonioCpuConvMethod *const methods[] = {
    &gonio_cpu_conv_winograd_4, &gonio_cpu_conv_winograd_2,
    &gonio_cpu_conv_xnnpack,   /* where our kernels are portable ones */
    &gonio_cpu_conv_depthwise, /* one channel per group: nothing to multiply as a matrix */
    &gonio_cpu_conv_parts,     /* twice as fast as direct, where there is a matrix unit */
    &gonio_cpu_conv_direct,
};

/* The environment variable GONIO_CPU_CONV names a method that is taken wherever it suits, for
 * tests and measurements. */
static const GonioCpuConvMethod *
choose_method (const GonioCpuKernels *kernels, const GonioCpuConv *conv)
{
  const char *wish = g_getenv ("GONIO_CPU_CONV");
  for (guint m = 0; wish && m < G_N_ELEMENTS (methods); m++)
    if (g_str_equal (methods[m]->name, wish) && methods[m]->suits (kernels, conv))
      return methods[m];
  guint m = 0;
  while (!methods[m]->suits (kernels, conv) ||
         (methods[m]->pays && !methods[m]->pays (kernels, conv)))
    m++;
  return methods[m];
}

/* What is added to the result. Depthwise kernels do not. */
static const char *
check_summand (const GonioCpuNode *node, int64_t groups)
{
  const GonioValue *add = gonio_cpu_in (node, 3);
  if (!add)
    return NULL;
  GonioShape shape = gonio_cpu_shape (add), out = gonio_cpu_shape (gonio_cpu_out (node, 0));
  if (!gonio_cpu_is_float (add) || !gonio_shape_equal (&shape, &out))
    return "what is added does not fit the result";
  return groups == 1 ? NULL : "adding to the result of several groups is not supported";
}

static const char *
conv_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  const GonioValue *weights = gonio_cpu_in (node, 1), *bias = gonio_cpu_in (node, 2);
  if (!gonio_cpu_is_float (gonio_cpu_in (node, 0)) || !gonio_cpu_is_float (weights) ||
      (bias && !gonio_cpu_is_float (bias)))
    return "only float is supported";
  if (!weights->constant || (bias && !bias->constant))
    return "weights are not constant";
  GonioCpuWindow window;
  const char *reason = gonio_cpu_window_init (&window, node, weights);
  if (reason)
    return reason;
  int64_t groups = gonio_node_attr_int (node->node, "group", 1);
  GonioShape shape = gonio_cpu_shape (weights);
  if (groups < 1 || window.channels_in % groups || window.channels_out % groups ||
      shape.dims[1] != window.channels_in / groups || shape.dims[0] != window.channels_out)
    return "group does not fit the channels";
  if (bias && gonio_cpu_count (bias) != window.channels_out)
    return "the bias does not fit the channels";
  reason = check_summand (node, groups);
  if (reason)
    return reason;
  gonio_cpu_claim_nhwc (out_claim, gonio_cpu_in (node, 3) ? 1 << 0 | 1 << 3 : 1 << 0);
  out_claim->cost = (double)gonio_cpu_count (gonio_cpu_out (node, 0)) *
                    (double)(gonio_cpu_count (weights) / window.channels_out);
  return NULL;
}

void
gonio_cpu_conv_slots (GonioCpuLower *lower, GonioCpuConv *conv, gboolean over_add)
{
  conv->in = gonio_cpu_view_in (lower, 0).slot;
  conv->add = gonio_cpu_slot_in (lower, 3);
  GonioCpuView to = gonio_cpu_target (lower, 0);
  conv->out = to.slot;
  conv->offset_out = to.offset;
  conv->pixel = gonio_cpu_pixel (gonio_cpu_out (&lower->node, 0), &to);
  const GonioValueId *inputs = lower->node.node->inputs;
  /* not what is still to be read */
  if (over_add && conv->add != GONIO_CPU_NO_SLOT && inputs[3] != inputs[0])
    gonio_cpu_may_overwrite (lower, 0, 3);
}

const float *
gonio_cpu_conv_weights (const GonioCpuLower *lower)
{
  return gonio_tensor_data (gonio_cpu_const (&lower->node, 1));
}

gboolean
gonio_cpu_conv_bias (GonioCpuLower *lower, size_t groups, size_t padded, GonioCpuSlot *out_bias,
                     GError **error)
{
  const GonioTensor *bias = gonio_cpu_const (&lower->node, 2);
  g_autoptr (GonioTensor) runs = gonio_cpu_floats (groups * padded, error);
  if (!runs)
    return FALSE;
  if (bias) {
    size_t length = (size_t)gonio_tensor_count (bias) / groups;
    const float *from = gonio_tensor_data (bias);
    float *to = gonio_tensor_writable_data (runs);
    for (size_t g = 0; g < groups; g++)
      memcpy (to + g * padded, from + g * length, length * sizeof *to);
  }
  *out_bias = gonio_cpu_slot_tensor (lower, runs);
  return TRUE;
}

/* Between the pixels of a larger value, where nothing has to be added as it lies. */
static gboolean
conv_writes (const GonioCpuLower *lower, guint out, const GonioCpuView *view)
{
  return !gonio_cpu_in (&lower->node, 3) &&
         gonio_node_attr_int (lower->node.node, "group", 1) == 1 &&
         gonio_cpu_writes_pixels (lower, out, view);
}

static gboolean
conv_lower (GonioCpuLower *lower, GError **error)
{
  GonioCpuConv conv = {.groups = gonio_node_attr_int (lower->node.node, "group", 1),
                       .activation = gonio_cpu_activation (lower->node.node)};
  const char *reason =
      gonio_cpu_window_init (&conv.window, &lower->node, gonio_cpu_in (&lower->node, 1));
  if (reason)
    return gonio_cpu_fail (error, "%s", reason);
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  gonio_cpu_window_view (&conv.window, &lower->node, &view);
  return choose_method (lower->backend->kernels, &conv)->lower (lower, &conv, error);
}

const GonioCpuOp gonio_cpu_ops_conv[] = {
    {GONIO_OP_CONV, conv_claim, conv_lower, gonio_cpu_window_takes, conv_writes},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
