/* Depthwise convolutions: every channel by itself, taps in registers. */
#include "backends/cpu/conv.h"

#include <string.h>

#define MAX_LINES 64 /* kernel height it may have */

typedef struct {
  GonioCpuConv conv;
  GonioCpuSlot weights, bias;
  GonioCpuSlot sums;              /* over the pixels of each line; may be NO_SLOT */
  int64_t inner_first, inner_end; /* columns whose windows are wholly inside */
} Depthwise;

typedef struct {
  const Depthwise *depthwise;
  const GonioCpuKernels *kernels;
  const float *in, *weights, *bias;
  float *out, *sums;
} DepthwiseJob;

/* Outputs x..x+pixels-1 of one row, which all see the same taps. */
static void
depthwise_pixels (const DepthwiseJob *job, GonioCpuDepthwise *work, const float *const *lines,
                  int64_t x, int64_t pixels, int64_t top, float *out)
{
  const GonioCpuWindow *w = &job->depthwise->conv.window;
  const float *from[MAX_LINES];
  int64_t left, right;
  gonio_cpu_window_taps (w, 1, x, &left, &right);
  int64_t column = x * w->stride[1] - w->before[1] + left * w->dilation[1];
  for (size_t j = 0; j < work->ky; j++)
    from[j] = right > left ? lines[j] + column * w->pixel : lines[j];
  work->lines = from;
  work->kx = (size_t)(right - left);
  work->w = job->weights + top * (int64_t)work->w_line + left * w->channels_in;
  work->y = out + x * w->channels_in;
  work->pixels = (size_t)pixels;
  job->kernels->depthwise (work);
}

static void
depthwise_row (const DepthwiseJob *job, int64_t n, int64_t y, float *out)
{
  const Depthwise *depthwise = job->depthwise;
  const GonioCpuWindow *w = &depthwise->conv.window;
  const float *lines[MAX_LINES];
  int64_t top, bottom, first = depthwise->inner_first, end = depthwise->inner_end;
  gonio_cpu_window_taps (w, 0, y, &top, &bottom);
  for (int64_t ky = top; ky < bottom; ky++) {
    int64_t at = y * w->stride[0] - w->before[0] + ky * w->dilation[0];
    lines[ky - top] = job->in + n * w->image + at * w->line;
  }
  GonioCpuDepthwise work = {.ky = (size_t)(bottom - top),
                            .tap_step = (size_t)(w->dilation[1] * w->pixel),
                            .pixel_step = (size_t)(w->stride[1] * w->pixel),
                            .w_line = (size_t)(w->kernel[1] * w->channels_in),
                            .bias = job->bias,
                            .channels = (size_t)w->channels_in,
                            .lo = depthwise->conv.activation.lo,
                            .hi = depthwise->conv.activation.hi};
  for (int64_t x = 0; x < first; x++)
    depthwise_pixels (job, &work, lines, x, 1, top, out);
  if (end > first)
    depthwise_pixels (job, &work, lines, first, end - first, top, out);
  for (int64_t x = end; x < w->out[1]; x++)
    depthwise_pixels (job, &work, lines, x, 1, top, out);
}

static void
sum_line (const DepthwiseJob *job, const float *line, float *sums)
{
  const GonioCpuWindow *w = &job->depthwise->conv.window;
  size_t channels = (size_t)w->channels_out;
  for (size_t c = 0; c < channels; c += GONIO_CPU_FOLD_COLUMNS)
    gonio_cpu_fold_rows (job->kernels, GONIO_CPU_FOLD_SUM, line + c, (size_t)w->out[1], channels,
                         MIN (GONIO_CPU_FOLD_COLUMNS, channels - c), NULL, sums + c);
}

/* Line y of image n, with its activation. */
static void
depthwise_line (const DepthwiseJob *job, int64_t n, int64_t y, float *out)
{
  const GonioCpuConv *conv = &job->depthwise->conv;
  depthwise_row (job, n, y, out);
  if (conv->activation.has_after)
    job->kernels->unary[conv->activation.after](
        out, out, (size_t)(conv->window.out[1] * conv->window.channels_out), conv->activation.p);
  if (job->sums)
    sum_line (job, out, job->sums + (n * conv->window.out[0] + y) * conv->window.channels_out);
}

static void
depthwise_task (void *context, size_t start, size_t count)
{
  const DepthwiseJob *job = context;
  const GonioCpuWindow *w = &job->depthwise->conv.window;
  for (size_t row = start; row < start + count; row++)
    depthwise_line (job, (int64_t)row / w->out[0], (int64_t)row % w->out[0],
                    job->out + row * (size_t)(w->out[1] * w->channels_out));
}

static DepthwiseJob
job_for (const Depthwise *depthwise, const GonioCpuRun *run, const float *in, float *out)
{
  return (DepthwiseJob){depthwise,
                        run->kernels,
                        in,
                        gonio_cpu_ptr (run, depthwise->weights),
                        gonio_cpu_ptr (run, depthwise->bias),
                        out,
                        gonio_cpu_ptr (run, depthwise->sums)};
}

static void
depthwise_lines (gconstpointer data, const GonioCpuRun *run, const float *in, const float *add,
                 float *out, int64_t first, int64_t end)
{
  const Depthwise *depthwise = data;
  const GonioCpuWindow *w = &depthwise->conv.window;
  DepthwiseJob job = job_for (depthwise, run, in, out);
  for (int64_t y = first; y < end; y++)
    depthwise_line (&job, 0, y, out + y * w->out[1] * w->channels_out);
}

static gboolean
depthwise_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Depthwise *depthwise = data;
  const GonioCpuWindow *w = &depthwise->conv.window;
  DepthwiseJob job =
      job_for (depthwise, run, (const float *)gonio_cpu_ptr (run, depthwise->conv.in) + w->offset,
               gonio_cpu_ptr (run, depthwise->conv.out));
  size_t work = (size_t)(w->out[1] * w->channels_out * w->kernel[0] * w->kernel[1]) / 8;
  gonio_cpu_parallel (run, depthwise_task, &job, (size_t)(w->batch * w->out[0]),
                      gonio_cpu_grain (work));
  return TRUE;
}

static gboolean
depthwise_suits (const GonioCpuKernels *kernels, const GonioCpuConv *conv)
{
  const GonioCpuWindow *w = &conv->window;
  return conv->groups > 1 && conv->groups == w->channels_in && conv->groups == w->channels_out &&
         w->kernel[0] <= MAX_LINES;
}

static gboolean
depthwise_lower (GonioCpuLower *lower, const GonioCpuConv *conv, GError **error)
{
  Depthwise *depthwise = gonio_cpu_step (lower, depthwise_run, sizeof *depthwise, NULL);
  gonio_cpu_step_lines (lower, depthwise_lines);
  depthwise->conv = *conv;
  gonio_cpu_conv_slots (lower, &depthwise->conv, TRUE);
  depthwise->sums = gonio_cpu_line_sums_offer (
      lower, (size_t)(conv->window.batch * conv->window.out[0]), (size_t)conv->window.channels_out);
  gonio_cpu_window_inner (&conv->window, 1, &depthwise->inner_first, &depthwise->inner_end);
  size_t channels = (size_t)conv->window.channels_in;
  size_t taps = (size_t)(conv->window.kernel[0] * conv->window.kernel[1]);
  /* channels x taps into taps x channels */
  g_autoptr (GonioTensor) weights = gonio_cpu_floats (taps * channels, error);
  if (!weights)
    return FALSE;
  lower->backend->kernels->transpose (gonio_cpu_conv_weights (lower), taps,
                                      gonio_tensor_writable_data (weights), channels, channels,
                                      taps);
  depthwise->weights = gonio_cpu_slot_tensor (lower, weights);
  return gonio_cpu_conv_bias (lower, 1, channels, &depthwise->bias, error);
}

const GonioCpuConvMethod gonio_cpu_conv_depthwise = {"depthwise", depthwise_suits, depthwise_lower,
                                                     NULL};
