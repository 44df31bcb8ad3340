/* Transposed convolutions: their phases, and outputs that see nothing. */
#include "backends/cpu/deconv.h"

#include <string.h>

static int64_t
gcd (int64_t a, int64_t b)
{
  while (b != 0) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* Those phases of an axis that see any tap, at most min (kernel, stride). */
static GonioCpuDeconvAxis *
axis_phases (const GonioCpuWindow *w, int axis, size_t *out_count, GError **error)
{
  int64_t stride = w->stride[axis], dilation = w->dilation[axis], before = w->before[axis];
  int64_t step = stride / gcd (stride, dilation), kinds = MIN (w->kernel[axis], step);
  GonioCpuDeconvAxis *phases =
      gonio_new (GonioCpuDeconvAxis, (size_t)kinds, "the phases of an axis", error);
  size_t count = 0;
  for (int64_t k = 0; phases && k < kinds; k++) {
    int64_t first = (k * dilation - before) % stride;
    first += first < 0 ? stride : 0;
    if (first >= w->out[axis])
      continue;
    phases[count++] = (GonioCpuDeconvAxis){.first = first,
                                           .count = (w->out[axis] - 1 - first) / stride + 1,
                                           .tap = k,
                                           .taps = (w->kernel[axis] - 1 - k) / step + 1,
                                           .tap_step = step,
                                           .shift = (first + before - k * dilation) / stride,
                                           .move = -(step * dilation / stride)};
  }
  *out_count = count;
  return phases;
}

static gboolean
init_phases (GonioCpuDeconv *deconv, GError **error)
{
  for (int axis = 0; axis < 2; axis++) {
    deconv->axes[axis] = axis_phases (&deconv->window, axis, &deconv->counts[axis], error);
    if (!deconv->axes[axis])
      return FALSE;
  }
  deconv->n_phases = deconv->counts[0] * deconv->counts[1];
  deconv->phases =
      gonio_new0 (GonioCpuDeconvPhase, deconv->n_phases, "the phases of a deconvolution", error);
  if (!deconv->phases)
    return FALSE;
  size_t packed = 0;
  for (size_t i = 0; i < deconv->n_phases; i++) {
    GonioCpuDeconvPhase *phase = &deconv->phases[i];
    phase->deconv = deconv;
    phase->y = &deconv->axes[0][i / deconv->counts[1]];
    phase->x = &deconv->axes[1][i % deconv->counts[1]];
    phase->packed = packed;
    packed += gonio_cpu_deconv_taps (phase);
  }
  return TRUE;
}

/* Outputs that see no tap are the bias, activated. */
static gboolean
init_empty (const GonioCpuLower *lower, GonioCpuDeconv *deconv, GError **error)
{
  const GonioCpuWindow *w = &deconv->window;
  const GonioCpuActivation *activation = &deconv->activation;
  const GonioTensor *bias = gonio_cpu_const (&lower->node, 2);
  if ((int64_t)deconv->counts[0] == MIN (w->stride[0], w->out[0]) &&
      (int64_t)deconv->counts[1] == MIN (w->stride[1], w->out[1]))
    return TRUE;
  deconv->empty = gonio_cpu_floats ((size_t)w->channels_out, error);
  if (!deconv->empty)
    return FALSE;
  float *to = gonio_tensor_writable_data (deconv->empty);
  for (int64_t c = 0; c < w->channels_out; c++) {
    float value = bias ? ((const float *)gonio_tensor_data (bias))[c] : 0;
    to[c] = value < activation->lo   ? activation->lo
            : value > activation->hi ? activation->hi
                                     : value;
  }
  if (activation->has_after)
    lower->backend->kernels->unary[activation->after](to, to, (size_t)w->channels_out,
                                                      activation->p);
  return TRUE;
}

gboolean
gonio_cpu_deconv_init (GonioCpuDeconv *deconv, GonioCpuLower *lower, const GonioCpuWindow *window,
                       GError **error)
{
  GonioCpuView to = gonio_cpu_target (lower, 0);
  deconv->window = *window;
  deconv->groups = gonio_node_attr_int (lower->node.node, "group", 1);
  deconv->activation = gonio_cpu_activation (lower->node.node);
  deconv->in = gonio_cpu_view_in (lower, 0).slot;
  deconv->out = to.slot;
  deconv->offset_out = to.offset;
  deconv->pixel = gonio_cpu_pixel (gonio_cpu_out (&lower->node, 0), &to);
  return init_phases (deconv, error) && init_empty (lower, deconv, error);
}

void
gonio_cpu_deconv_clear (GonioCpuDeconv *deconv)
{
  g_clear_pointer (&deconv->axes[0], g_free);
  g_clear_pointer (&deconv->axes[1], g_free);
  g_clear_pointer (&deconv->phases, g_free);
  g_clear_pointer (&deconv->empty, gonio_tensor_unref);
}

typedef struct {
  const GonioCpuDeconv *deconv;
  float *out;
} Fill;

static void
fill_lines (void *context, size_t start, size_t count)
{
  const Fill *fill = context;
  const GonioCpuDeconv *deconv = fill->deconv;
  size_t channels = (size_t)deconv->window.channels_out, width = (size_t)deconv->window.out[1];
  for (size_t i = start * width; i < (start + count) * width; i++)
    memcpy (fill->out + i * (size_t)deconv->pixel, gonio_tensor_data (deconv->empty),
            channels * sizeof (float));
}

void
gonio_cpu_deconv_fill (const GonioCpuDeconv *deconv, const GonioCpuRun *run)
{
  const GonioCpuWindow *w = &deconv->window;
  Fill fill = {deconv, gonio_cpu_deconv_out (deconv, run)};
  if (deconv->empty)
    gonio_cpu_parallel (run, fill_lines, &fill, (size_t)(w->batch * w->out[0]),
                        gonio_cpu_grain ((size_t)(w->out[1] * w->channels_out)));
}
