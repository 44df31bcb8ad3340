/* Transposed convolutions as matrix products: one for each line of each phase, its rows by
 * address, its results between those of the other phases. */
#include "backends/cpu/deconv.h"

#include "backends/cpu/conv.h"
#include "backends/cpu/copy.h"

#include <string.h>

/* Bytes of right side that all lines pass over before its next columns come. */
#define BLOCK_BYTES ((size_t)512 * 1024)

typedef struct _Deconv Deconv;

typedef struct {
  const Deconv *deconv;
  const GonioCpuDeconvAxis *y, *x;
  size_t packed; /* floats before its right sides, one for each group */
} Phase;

struct _Deconv {
  GonioCpuWindow window;
  int64_t groups, pixel;
  GonioCpuSlot in, out, packed, bias;
  int64_t offset_out;
  GonioCpuActivation activation;
  size_t kc, n, padded; /* of a group */
  GonioCpuDeconvAxis *axes[2];
  size_t counts[2];
  Phase *phases;
  size_t n_phases;
  GonioTensor *zeros; /* what lies outside the input */
  GonioTensor *empty; /* an output without taps; NULL when there is none */
};

typedef struct {
  const Deconv *deconv;
  const Phase *phase; /* the first of those that run together */
  size_t alike;
  size_t block, blocks; /* columns multiplied at a time */
  const float *in, *packed, *bias;
  float *out;
} Job;

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

GonioCpuDeconvAxis *
gonio_cpu_deconv_axis (const GonioCpuWindow *w, int axis, size_t *out_count, GError **error)
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

/* ---- running ---- */

static size_t
phase_taps (const Phase *phase)
{
  return (size_t)(phase->y->taps * phase->x->taps);
}

/* Addresses of one tap's pixels in one line. */
static void
tap_rows (const Deconv *deconv, const float *image, int64_t y, int64_t x, size_t count,
          const float **out)
{
  const GonioCpuWindow *w = &deconv->window;
  const float *zeros = gonio_tensor_data (deconv->zeros);
  gboolean inside = y >= 0 && y < w->in[0];
  int64_t n = (int64_t)count, first = inside ? CLAMP (-x, 0, n) : n;
  int64_t end = CLAMP (w->in[1] - x, first, n);
  const float *from = image + y * w->line + x * w->pixel;
  for (int64_t i = 0; i < first; i++)
    out[i] = zeros;
  for (int64_t i = first; i < end; i++)
    out[i] = from + i * w->pixel;
  for (int64_t i = end; i < n; i++)
    out[i] = zeros;
}

static void
deconv_rows (const GonioCpuGemm *product, size_t first, size_t count, size_t tap, size_t taps,
             size_t step, const float **out)
{
  const Phase *phase = product->context;
  const GonioCpuDeconvAxis *y = phase->y, *x = phase->x;
  const Deconv *deconv = phase->deconv;
  int64_t line = (int64_t)product->line % y->count;
  for (size_t t = 0; t < taps; t++) {
    int64_t ky = (int64_t)(tap + t) / x->taps, kx = (int64_t)(tap + t) % x->taps;
    tap_rows (deconv, product->a, line + y->shift + ky * y->move,
              (int64_t)first + x->shift + kx * x->move, count, out + t * step);
  }
}

/* Products in order group, columns, line, phase: what is multiplied by stays near, a line of input
 * is read and lines of output are written but once. */
static void
deconv_select (GonioCpuGemm *product, size_t index)
{
  const Job *job = product->context;
  const Deconv *deconv = job->deconv;
  const GonioCpuWindow *w = &deconv->window;
  const Phase *phase = job->phase + index % job->alike;
  size_t height = (size_t)phase->y->count, lines = (size_t)w->batch * height;
  index /= job->alike;
  size_t line = index % lines, block = index / lines % job->blocks;
  size_t group = index / lines / job->blocks;
  size_t column = block * job->block, depth = product->taps * deconv->kc;
  int64_t image = (int64_t)(line / height);
  int64_t y = phase->y->first + (int64_t)(line % height) * w->stride[0];
  product->context = phase;
  product->line = line;
  product->n = MIN (job->block, deconv->n - column);
  product->a = job->in + image * w->image + (int64_t)(group * deconv->kc);
  product->packed = job->packed + phase->packed + group * depth * deconv->padded + column * depth;
  product->bias = job->bias + group * deconv->padded + column;
  product->c = job->out + ((image * w->out[0] + y) * w->out[1] + phase->x->first) * deconv->pixel +
               group * deconv->n + column;
}

/* Phases from this one on that only differ in which taps they see. */
static size_t
alike (const Phase *phase, const Phase *end)
{
  const Phase *next = phase + 1;
  while (next < end && phase_taps (next) == phase_taps (phase) &&
         next->y->count == phase->y->count && next->x->count == phase->x->count)
    next++;
  return (size_t)(next - phase);
}

/* As many columns as fit where a column takes so many taps, in whole panels, every block alike. */
static size_t
block_columns (const GonioCpuKernels *kernels, const Deconv *deconv, size_t taps)
{
  size_t panels = (deconv->n + kernels->nr - 1) / kernels->nr;
  size_t most = BLOCK_BYTES / (taps * deconv->kc * kernels->nr * sizeof (float));
  size_t block = CLAMP (most, 1, MAX (panels, 1));
  while (panels % block != 0)
    block--;
  return block * kernels->nr;
}

static void
fill_task (void *context, size_t start, size_t count)
{
  const Job *job = context;
  const Deconv *deconv = job->deconv;
  size_t channels = (size_t)deconv->window.channels_out, width = (size_t)deconv->window.out[1];
  for (size_t i = start * width; i < (start + count) * width; i++)
    memcpy (job->out + i * (size_t)deconv->pixel, gonio_tensor_data (deconv->empty),
            channels * sizeof (float));
}

static gboolean
deconv_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Deconv *deconv = data;
  const GonioCpuWindow *w = &deconv->window;
  const Phase *end = deconv->phases + deconv->n_phases;
  Job job = {.deconv = deconv,
             .in = (const float *)gonio_cpu_ptr (run, deconv->in) + w->offset,
             .packed = gonio_cpu_ptr (run, deconv->packed),
             .bias = gonio_cpu_ptr (run, deconv->bias),
             .out = (float *)gonio_cpu_ptr (run, deconv->out) + deconv->offset_out};
  if (deconv->empty)
    gonio_cpu_parallel (run, fill_task, &job, (size_t)(w->batch * w->out[0]),
                        gonio_cpu_grain ((size_t)(w->out[1] * w->channels_out)));
  for (const Phase *phase = deconv->phases; phase < end; phase += job.alike) {
    job.phase = phase;
    job.alike = alike (phase, end);
    job.block = block_columns (run->kernels, deconv, job.alike * phase_taps (phase));
    job.blocks = (deconv->n + job.block - 1) / job.block;
    size_t lines = (size_t)(w->batch * phase->y->count);
    GonioCpuGemm gemm = {.m = (size_t)phase->x->count,
                         .n = MIN (job.block, deconv->n),
                         .taps = phase_taps (phase),
                         .kc = deconv->kc,
                         .batch = (size_t)deconv->groups * job.blocks * lines * job.alike,
                         .select = deconv_select,
                         .rows = deconv_rows,
                         .context = &job,
                         .ldc = (size_t)(w->stride[1] * deconv->pixel),
                         .activation = deconv->activation};
    gonio_cpu_gemm_run (&gemm, run);
  }
  return TRUE;
}

/* ---- lowering ---- */

static gboolean
init_phases (Deconv *deconv, GError **error)
{
  for (int axis = 0; axis < 2; axis++) {
    deconv->axes[axis] =
        gonio_cpu_deconv_axis (&deconv->window, axis, &deconv->counts[axis], error);
    if (!deconv->axes[axis])
      return FALSE;
  }
  deconv->n_phases = deconv->counts[0] * deconv->counts[1];
  deconv->phases = gonio_new0 (Phase, deconv->n_phases, "the phases of a deconvolution", error);
  if (!deconv->phases)
    return FALSE;
  size_t packed = 0;
  for (size_t i = 0; i < deconv->n_phases; i++) {
    Phase *phase = &deconv->phases[i];
    phase->deconv = deconv;
    phase->y = &deconv->axes[0][i / deconv->counts[1]];
    phase->x = &deconv->axes[1][i % deconv->counts[1]];
    phase->packed = packed;
    packed += (size_t)deconv->groups * phase_taps (phase) * deconv->kc * deconv->padded;
  }
  return TRUE;
}

/* One phase's taps of one group, C_in x C_out x kernel, into taps x C_in x C_out. */
static void
pick_taps (const GonioCpuKernels *kernels, const Phase *phase, const float *group, float *out)
{
  const Deconv *deconv = phase->deconv;
  const GonioCpuDeconvAxis *y = phase->y, *x = phase->x;
  int64_t kc = (int64_t)deconv->kc, n = (int64_t)deconv->n, width = deconv->window.kernel[1];
  int64_t taps = deconv->window.kernel[0] * width;
  GonioCpuCopy copy;
  gonio_cpu_copy_init (&copy, sizeof (float));
  gonio_cpu_nest_push (&copy.nest, y->taps, (int64_t[]){x->taps * kc * n, y->tap_step * width});
  gonio_cpu_nest_push (&copy.nest, x->taps, (int64_t[]){kc * n, x->tap_step});
  gonio_cpu_nest_push (&copy.nest, kc, (int64_t[]){n, n * taps});
  gonio_cpu_nest_push (&copy.nest, n, (int64_t[]){1, taps});
  gonio_cpu_copy_finish (&copy);
  gonio_cpu_copy_now (&copy, kernels, out, group + y->tap * width + x->tap);
}

static gboolean
pack_weights (GonioCpuLower *lower, Deconv *deconv, GError **error)
{
  const GonioCpuKernels *kernels = lower->backend->kernels;
  const GonioTensor *raw = gonio_cpu_const (&lower->node, 1);
  size_t taps = (size_t)(deconv->window.kernel[0] * deconv->window.kernel[1]);
  size_t group = deconv->kc * deconv->n, total = 0;
  for (size_t i = 0; i < deconv->n_phases; i++)
    total += (size_t)deconv->groups * phase_taps (&deconv->phases[i]) * deconv->kc * deconv->padded;
  g_autoptr (GonioTensor) picked = gonio_cpu_floats (taps * group, error);
  g_autoptr (GonioTensor) packed = picked ? gonio_cpu_floats (total, error) : NULL;
  if (!packed)
    return FALSE;
  float *to = gonio_tensor_writable_data (packed);
  for (size_t i = 0; i < deconv->n_phases; i++) {
    const Phase *phase = &deconv->phases[i];
    GonioCpuPack pack = {.taps = phase_taps (phase),
                         .kc = deconv->kc,
                         .n = deconv->n,
                         .st = (int64_t)group,
                         .sk = (int64_t)deconv->n,
                         .sj = 1,
                         .scale = 1.0f};
    for (size_t g = 0; g < (size_t)deconv->groups; g++) {
      pick_taps (kernels, phase, (const float *)gonio_tensor_data (raw) + g * group * taps,
                 gonio_tensor_writable_data (picked));
      gonio_cpu_pack (kernels, &pack, gonio_tensor_data (picked), to);
      to += pack.taps * deconv->kc * deconv->padded;
    }
  }
  deconv->packed = gonio_cpu_slot_tensor (lower, packed);
  return TRUE;
}

/* Outputs that see no tap are the bias, activated. */
static gboolean
init_empty (const GonioCpuLower *lower, Deconv *deconv, GError **error)
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

static void
deconv_clear (gpointer data)
{
  Deconv *deconv = data;
  g_clear_pointer (&deconv->axes[0], g_free);
  g_clear_pointer (&deconv->axes[1], g_free);
  g_clear_pointer (&deconv->phases, g_free);
  g_clear_pointer (&deconv->zeros, gonio_tensor_unref);
  g_clear_pointer (&deconv->empty, gonio_tensor_unref);
}

gboolean
gonio_cpu_deconv_lower (GonioCpuLower *lower, const GonioCpuWindow *window, GError **error)
{
  Deconv *deconv = gonio_cpu_step (lower, deconv_run, sizeof *deconv, deconv_clear);
  const GonioCpuKernels *kernels = lower->backend->kernels;
  GonioCpuView to = gonio_cpu_target (lower, 0);
  deconv->window = *window;
  deconv->groups = gonio_node_attr_int (lower->node.node, "group", 1);
  deconv->activation = gonio_cpu_activation (lower->node.node);
  deconv->in = gonio_cpu_view_in (lower, 0).slot;
  deconv->out = to.slot;
  deconv->offset_out = to.offset;
  deconv->pixel = gonio_cpu_pixel (gonio_cpu_out (&lower->node, 0), &to);
  deconv->kc = (size_t)(window->channels_in / deconv->groups);
  deconv->n = (size_t)(window->channels_out / deconv->groups);
  deconv->padded = gonio_cpu_padded_columns (kernels, deconv->n);
  deconv->zeros = gonio_cpu_floats (deconv->kc, error);
  return deconv->zeros && init_phases (deconv, error) && pack_weights (lower, deconv, error) &&
         init_empty (lower, deconv, error) &&
         gonio_cpu_conv_bias (lower, (size_t)deconv->groups, deconv->padded, &deconv->bias, error);
}
