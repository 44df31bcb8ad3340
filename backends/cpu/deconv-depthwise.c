/* Depthwise transposed convolutions: a phase of a line is a depthwise convolution's, computed
 * side by side and then moved between the other phases. */
#include "backends/cpu/conv.h"
#include "backends/cpu/deconv.h"

#include <string.h>

#define MAX_TAPS     64   /* lines of a phase's kernel */
#define SOME         4096 /* floats computed before they are moved */
#define MAX_CHANNELS (SOME / 4)

typedef struct {
  GonioCpuDeconv deconv;
  GonioCpuSlot weights, bias;
} Depthwise;

typedef struct {
  const GonioCpuDeconv *deconv;
  const GonioCpuKernels *kernels;
  const float *in, *weights, *bias;
  float *out;
} Job;

/* Taps are taken from the last one on, so that they go forward through the input: tap t of output
 * q sees input start + q + t * step. */
static int64_t
start_of (const GonioCpuDeconvAxis *axis)
{
  return axis->shift + (axis->taps - 1) * axis->move;
}

/* Taps that see the input at length `in` from position `at` on. */
static void
taps_inside (const GonioCpuDeconvAxis *axis, int64_t at, int64_t in, int64_t *out_first,
             int64_t *out_end)
{
  int64_t step = -axis->move, first = at < 0 ? (-at + step - 1) / step : 0;
  int64_t end = at >= in ? 0 : MIN ((in - 1 - at) / step + 1, axis->taps);
  *out_first = MIN (first, axis->taps);
  *out_end = MAX (end, *out_first);
}

/* Outputs q..q+count-1 of a line, which all see the same taps. work->lines: where the input's
 * lines begin. */
static void
some_pixels (const Job *job, const GonioCpuDeconvPhase *phase, const GonioCpuDepthwise *work,
             int64_t q, int64_t count, float *out)
{
  const GonioCpuDeconv *deconv = job->deconv;
  const GonioCpuWindow *w = &deconv->window;
  const float *from[MAX_TAPS];
  float some[SOME];
  int64_t left, right, most = SOME / w->channels_out, at = start_of (phase->x) + q;
  taps_inside (phase->x, at, w->in[1], &left, &right);
  for (int64_t n; count > 0; count -= n, q += n, at += n) {
    GonioCpuDepthwise piece = *work;
    n = MIN (count, most);
    for (size_t j = 0; j < work->ky; j++)
      from[j] = right > left ? work->lines[j] + (at - left * phase->x->move) * w->pixel : job->in;
    piece.lines = from;
    piece.kx = (size_t)(right - left);
    piece.w += left * w->channels_out;
    piece.y = some;
    piece.pixels = (size_t)n;
    job->kernels->depthwise (&piece);
    if (deconv->activation.has_after)
      job->kernels->unary[deconv->activation.after](some, some, (size_t)(n * w->channels_out),
                                                    deconv->activation.p);
    for (int64_t i = 0; i < n; i++)
      memcpy (out + (q + i) * w->stride[1] * deconv->pixel, some + i * w->channels_out,
              (size_t)w->channels_out * sizeof *some);
  }
}

static void
phase_line (const Job *job, const GonioCpuDeconvPhase *phase, int64_t image, int64_t line)
{
  const GonioCpuDeconv *deconv = job->deconv;
  const GonioCpuWindow *w = &deconv->window;
  const GonioCpuDeconvAxis *x = phase->x;
  const float *lines[MAX_TAPS];
  int64_t top, bottom, at = start_of (phase->y) + line, y = phase->y->first + line * w->stride[0];
  taps_inside (phase->y, at, w->in[0], &top, &bottom);
  for (int64_t t = top; t < bottom; t++)
    lines[t - top] = job->in + image * w->image + (at - t * phase->y->move) * w->line;
  int64_t w_line = x->taps * w->channels_out;
  GonioCpuDepthwise work = {.lines = lines,
                            .ky = (size_t)(bottom - top),
                            .tap_step = (size_t)(-x->move * w->pixel),
                            .pixel_step = (size_t)w->pixel,
                            .w_line = (size_t)w_line,
                            .w = job->weights + (int64_t)phase->packed * w->channels_out +
                                 top * w_line,
                            .bias = job->bias,
                            .channels = (size_t)w->channels_out,
                            .lo = deconv->activation.lo,
                            .hi = deconv->activation.hi};
  float *out = job->out + ((image * w->out[0] + y) * w->out[1] + x->first) * deconv->pixel;
  int64_t span = (x->taps - 1) * x->move;
  int64_t first = CLAMP (-start_of (x), 0, x->count);
  int64_t end = CLAMP (w->in[1] - start_of (x) + span, first, x->count);
  for (int64_t q = 0; q < first; q++)
    some_pixels (job, phase, &work, q, 1, out);
  some_pixels (job, phase, &work, first, end - first, out);
  for (int64_t q = end; q < x->count; q++)
    some_pixels (job, phase, &work, q, 1, out);
}

/* Lines of the output. */
static void
depthwise_lines (void *context, size_t start, size_t count)
{
  const Job *job = context;
  const GonioCpuDeconv *deconv = job->deconv;
  const GonioCpuWindow *w = &deconv->window;
  for (int64_t i = (int64_t)start; i < (int64_t)(start + count); i++)
    for (size_t p = 0; p < deconv->n_phases; p++) {
      const GonioCpuDeconvPhase *phase = &deconv->phases[p];
      if (i % w->out[0] % w->stride[0] == phase->y->first)
        phase_line (job, phase, i / w->out[0], i % w->out[0] / w->stride[0]);
    }
}

static gboolean
depthwise_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Depthwise *depthwise = data;
  const GonioCpuDeconv *deconv = &depthwise->deconv;
  const GonioCpuWindow *w = &deconv->window;
  Job job = {deconv,
             run->kernels,
             (const float *)gonio_cpu_ptr (run, deconv->in) + w->offset,
             gonio_cpu_ptr (run, depthwise->weights),
             gonio_cpu_ptr (run, depthwise->bias),
             gonio_cpu_deconv_out (deconv, run)};
  gonio_cpu_deconv_fill (deconv, run);
  gonio_cpu_parallel (run, depthwise_lines, &job, (size_t)(w->batch * w->out[0]),
                      gonio_cpu_grain ((size_t)(w->out[1] * w->channels_out)));
  return TRUE;
}

gboolean
gonio_cpu_deconv_depthwise_suits (const GonioCpuLower *lower, const GonioCpuWindow *w)
{
  int64_t groups = gonio_node_attr_int (lower->node.node, "group", 1);
  return groups > 1 && groups == w->channels_in && groups == w->channels_out &&
         groups <= MAX_CHANNELS && w->kernel[0] <= MAX_TAPS;
}

static void
depthwise_clear (gpointer data)
{
  Depthwise *depthwise = data;
  gonio_cpu_deconv_clear (&depthwise->deconv);
}

/* Channels x kernel into taps x channels, phase by phase, from the last tap on. */
static gboolean
order_weights (GonioCpuLower *lower, Depthwise *depthwise, GError **error)
{
  const GonioCpuDeconv *deconv = &depthwise->deconv;
  const GonioCpuWindow *w = &deconv->window;
  const float *raw = gonio_cpu_conv_weights (lower);
  int64_t taps = w->kernel[0] * w->kernel[1], channels = w->channels_out;
  g_autoptr (GonioTensor) weights = gonio_cpu_floats ((size_t)(taps * channels), error);
  if (!weights)
    return FALSE;
  float *to = gonio_tensor_writable_data (weights);
  for (size_t p = 0; p < deconv->n_phases; p++) {
    const GonioCpuDeconvAxis *y = deconv->phases[p].y, *x = deconv->phases[p].x;
    for (int64_t ky = y->taps; ky-- > 0;)
      for (int64_t kx = x->taps; kx-- > 0; to += channels)
        for (int64_t c = 0; c < channels; c++)
          to[c] = raw[c * taps + (y->tap + ky * y->tap_step) * w->kernel[1] + x->tap +
                      kx * x->tap_step];
  }
  depthwise->weights = gonio_cpu_slot_tensor (lower, weights);
  return TRUE;
}

gboolean
gonio_cpu_deconv_depthwise (GonioCpuLower *lower, const GonioCpuWindow *window, GError **error)
{
  Depthwise *depthwise = gonio_cpu_step (lower, depthwise_run, sizeof *depthwise, depthwise_clear);
  return gonio_cpu_deconv_init (&depthwise->deconv, lower, window, error) &&
         order_weights (lower, depthwise, error) &&
         gonio_cpu_conv_bias (lower, 1, (size_t)window->channels_out, &depthwise->bias, error);
}
