/* ConvTranspose in NHWC by XNNPACK's deconvolution. The operator object holds the addresses of
 * the run at hand, so each step locks itself. */
#include "backends/cpu/copy.h"
#include "backends/cpu/status.h"
#include "backends/cpu/window.h"

#include <math.h>

typedef struct {
  GonioCpuWindow window;
  int64_t before[2], after[2], adjustment[2];
  GMutex lock; /* guards operator */
  xnn_operator_t operator;
  GonioCpuSlot in, out;
  int64_t offset_out; /* in floats */
} Deconv;

/* Padding at both ends and the rows that only appear at the far end, from what the attributes
 * and the inferred output say. FALSE when they contradict each other. */
static gboolean
fit_padding (const GonioCpuNode *node, const GonioCpuWindow *w, Deconv *out)
{
  guint n_outside, n_shape;
  const int64_t *outside = gonio_node_attr_ints (node->node, "output_padding", &n_outside);
  gonio_node_attr_ints (node->node, "output_shape", &n_shape);
  const char *mode = gonio_node_attr_string (node->node, "auto_pad", "NOTSET");
  gboolean same = g_str_has_prefix (mode, "SAME");
  int skipped = 4 - gonio_cpu_in (node, 0)->shape.rank; /* axes added in front */
  for (int i = 0; i < 2; i++) {
    int64_t extra =
        outside && i >= skipped && i - skipped < (int)n_outside ? outside[i - skipped] : 0;
    int64_t full = w->stride[i] * (w->in[i] - 1) + (w->kernel[i] - 1) * w->dilation[i] + 1;
    int64_t before = w->before[i];
    if ((same || n_shape) && i >= skipped) {
      int64_t total = full + extra - w->out[i];
      if (total < 0)
        return FALSE;
      before = g_str_equal (mode, "SAME_UPPER") ? total / 2 : total - total / 2;
    }
    int64_t after = full + extra - before - w->out[i];
    if (after < 0) {
      extra -= after;
      after = 0;
    }
    if (extra < 0 || extra >= w->stride[i] || after > full || before > full)
      return FALSE;
    out->before[i] = before;
    out->after[i] = after;
    out->adjustment[i] = extra;
  }
  return TRUE;
}

/* The window reads SAME padding in a convolution's sense; here only sizes are taken from it. */
static const char *
deconv_geometry (const GonioCpuNode *node, Deconv *out)
{
  const char *reason = gonio_cpu_window_init (&out->window, node, gonio_cpu_in (node, 1));
  if (reason)
    return reason;
  return fit_padding (node, &out->window, out) ? NULL : "padding and output size do not fit";
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
  Deconv deconv = {0};
  const char *reason = deconv_geometry (node, &deconv);
  if (reason)
    return reason;
  const GonioCpuWindow *w = &deconv.window;
  int64_t groups = gonio_node_attr_int (node->node, "group", 1);
  GonioShape shape = gonio_cpu_shape (weights);
  if (groups < 1 || w->channels_in % groups || w->channels_out % groups ||
      shape.dims[0] != w->channels_in || shape.dims[1] != w->channels_out / groups)
    return "group does not fit the channels";
  if (bias && gonio_cpu_count (bias) != w->channels_out)
    return "the bias does not fit the channels";
  gonio_cpu_claim_nhwc (out_claim, 1);
  out_claim->cost = (double)gonio_cpu_count (gonio_cpu_in (node, 0)) *
                    (double)(gonio_cpu_count (weights) / w->channels_in);
  return NULL;
}

static void
deconv_clear (gpointer data)
{
  Deconv *deconv = data;
  g_mutex_clear (&deconv->lock);
  if (deconv->operator)
    xnn_delete_operator (deconv->operator);
}

static gboolean
deconv_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  Deconv *deconv = (Deconv *)data;
  const GonioCpuWindow *w = &deconv->window;
  g_mutex_lock (&deconv->lock);
  gboolean done =
      gonio_cpu_check (xnn_setup_deconvolution2d_nhwc_f32 (
                           deconv->operator, (size_t) w->batch, (size_t)w->in[0], (size_t)w->in[1],
                           (uint32_t)deconv->adjustment[0], (uint32_t)deconv->adjustment[1],
                           gonio_cpu_ptr (run, deconv->in),
                           (float *)gonio_cpu_ptr (run, deconv->out) + deconv->offset_out, NULL),
                       "deconvolution set-up", error) &&
      gonio_cpu_check (xnn_run_operator (deconv->operator, NULL), "deconvolution", error);
  g_mutex_unlock (&deconv->lock);
  return done;
}

/* C_in x C_out / groups x kernel into C_out x kernel x C_in / groups. */
static GonioTensor *
reorder_weights (const GonioCpuLower *lower, const GonioCpuWindow *w, int64_t groups,
                 GError **error)
{
  int64_t ci = w->channels_in / groups, co = w->channels_out / groups;
  int64_t taps = w->kernel[0] * w->kernel[1];
  const GonioTensor *raw = gonio_cpu_const (&lower->node, 1);
  g_autoptr (GonioTensor) kernel = gonio_cpu_floats ((size_t)gonio_tensor_count (raw), error);
  if (!kernel)
    return NULL;
  GonioCpuCopy copy;
  gonio_cpu_copy_init (&copy, sizeof (float));
  gonio_cpu_nest_push (&copy.nest, groups, (int64_t[]){co * taps * ci, ci * co * taps});
  gonio_cpu_nest_push (&copy.nest, co, (int64_t[]){taps * ci, taps});
  gonio_cpu_nest_push (&copy.nest, taps, (int64_t[]){ci, 1});
  gonio_cpu_nest_push (&copy.nest, ci, (int64_t[]){1, co * taps});
  gonio_cpu_copy_finish (&copy);
  gonio_cpu_copy_now (&copy, lower->backend->kernels, gonio_tensor_writable_data (kernel),
                      gonio_tensor_data (raw));
  return g_steal_pointer (&kernel);
}

static gboolean
deconv_lower (GonioCpuLower *lower, GError **error)
{
  Deconv *deconv = gonio_cpu_step (lower, deconv_run, sizeof *deconv, deconv_clear);
  g_mutex_init (&deconv->lock);
  const char *reason = deconv_geometry (&lower->node, deconv);
  if (reason)
    return gonio_cpu_fail (error, "%s", reason);
  const GonioCpuWindow *w = &deconv->window;
  int64_t groups = gonio_node_attr_int (lower->node.node, "group", 1);
  g_autoptr (GonioTensor) kernel = reorder_weights (lower, w, groups, error);
  if (!kernel)
    return FALSE;
  const GonioTensor *bias = gonio_cpu_const (&lower->node, 2);
  GonioActivation activation = gonio_node_activation (lower->node.node);
  gboolean clip = activation.kind == GONIO_ACT_CLIP && activation.params[0] < activation.params[1];
  GonioCpuView to = gonio_cpu_target (lower, 0);
  if (!gonio_cpu_check (
          xnn_create_deconvolution2d_nhwc_f32 (
              (uint32_t)deconv->before[0], (uint32_t)deconv->after[1], (uint32_t)deconv->after[0],
              (uint32_t)deconv->before[1], (uint32_t)w->kernel[0], (uint32_t)w->kernel[1],
              (uint32_t)w->stride[0], (uint32_t)w->stride[1], (uint32_t)w->dilation[0],
              (uint32_t)w->dilation[1], (uint32_t)groups, (size_t)(w->channels_in / groups),
              (size_t)(w->channels_out / groups), (size_t)w->channels_in,
              (size_t)gonio_cpu_pixel (gonio_cpu_out (&lower->node, 0), &to),
              gonio_tensor_data (kernel), bias ? gonio_tensor_data (bias) : NULL,
              clip ? activation.params[0] : -INFINITY, clip ? activation.params[1] : INFINITY, 0,
              &deconv->operator),
          "deconvolution", error))
    return FALSE;
  deconv->in = gonio_cpu_slot_in (lower, 0);
  deconv->out = to.slot;
  deconv->offset_out = to.offset;
  if (!clip)
    gonio_cpu_step_activation (lower, &activation);
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_deconv[] = {
    {GONIO_OP_CONV_TRANSPOSE, deconv_claim, deconv_lower, NULL, gonio_cpu_writes_pixels},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
