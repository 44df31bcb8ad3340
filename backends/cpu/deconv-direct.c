/* Transposed convolutions as matrix products: one for each line of each phase, its rows by
 * address, its results between those of the other phases. */
#include "backends/cpu/deconv.h"

#include "backends/cpu/conv.h"
#include "backends/cpu/copy.h"

#include <string.h>

/* Bytes of right side that all lines pass over before its next columns come. */
#define BLOCK_BYTES ((size_t)512 * 1024)

typedef struct {
  GonioCpuDeconv deconv;
  GonioCpuSlot packed, bias;
  size_t kc, n, padded; /* of a group */
  GonioTensor *zeros;   /* what lies outside the input */
} Direct;

typedef struct {
  const Direct *direct;
  const GonioCpuDeconvPhase *phase; /* the first of those that run together */
  size_t alike;
  size_t block, blocks; /* columns multiplied at a time */
  const float *in, *packed, *bias;
  float *out;
} Job;

/* ---- running ---- */

/* Addresses of one tap's pixels in one line. */
static void
tap_rows (const Direct *direct, const float *image, int64_t y, int64_t x, size_t count,
          const float **out)
{
  const GonioCpuWindow *w = &direct->deconv.window;
  const float *zeros = gonio_tensor_data (direct->zeros);
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
direct_rows (const GonioCpuGemm *product, size_t first, size_t count, size_t tap, size_t taps,
             size_t step, const float **out)
{
  const GonioCpuDeconvPhase *phase = product->context;
  const GonioCpuDeconvAxis *y = phase->y, *x = phase->x;
  const Direct *direct = (const Direct *)phase->deconv;
  int64_t line = (int64_t)product->line % y->count;
  for (size_t t = 0; t < taps; t++) {
    int64_t ky = (int64_t)(tap + t) / x->taps, kx = (int64_t)(tap + t) % x->taps;
    tap_rows (direct, product->a, line + y->shift + ky * y->move,
              (int64_t)first + x->shift + kx * x->move, count, out + t * step);
  }
}

/* Products in order group, columns, line, phase: what is multiplied by stays near, a line of input
 * is read and lines of output are written but once. */
static void
direct_select (GonioCpuGemm *product, size_t index)
{
  const Job *job = product->context;
  const Direct *direct = job->direct;
  const GonioCpuDeconv *deconv = &direct->deconv;
  const GonioCpuWindow *w = &deconv->window;
  const GonioCpuDeconvPhase *phase = job->phase + index % job->alike;
  size_t height = (size_t)phase->y->count, lines = (size_t)w->batch * height;
  index /= job->alike;
  size_t line = index % lines, block = index / lines % job->blocks;
  size_t group = index / lines / job->blocks;
  size_t column = block * job->block, depth = product->taps * direct->kc;
  int64_t image = (int64_t)(line / height);
  int64_t y = phase->y->first + (int64_t)(line % height) * w->stride[0];
  product->context = phase;
  product->line = line;
  product->n = MIN (job->block, direct->n - column);
  product->a = job->in + image * w->image + (int64_t)(group * direct->kc);
  product->packed = job->packed +
                    phase->packed * (size_t)direct->deconv.groups * direct->kc * direct->padded +
                    group * depth * direct->padded + column * depth;
  product->bias = job->bias + group * direct->padded + column;
  product->c = job->out + ((image * w->out[0] + y) * w->out[1] + phase->x->first) * deconv->pixel +
               group * direct->n + column;
}

/* Phases from this one on that only differ in which taps they see. */
static size_t
alike (const GonioCpuDeconvPhase *phase, const GonioCpuDeconvPhase *end)
{
  const GonioCpuDeconvPhase *next = phase + 1;
  while (next < end && gonio_cpu_deconv_taps (next) == gonio_cpu_deconv_taps (phase) &&
         next->y->count == phase->y->count && next->x->count == phase->x->count)
    next++;
  return (size_t)(next - phase);
}

/* As many columns as fit where a column takes so many taps, in whole panels, every block alike. */
static size_t
block_columns (const GonioCpuKernels *kernels, const Direct *direct, size_t taps)
{
  size_t panels = (direct->n + kernels->nr - 1) / kernels->nr;
  size_t most = BLOCK_BYTES / (taps * direct->kc * kernels->nr * sizeof (float));
  size_t block = CLAMP (most, 1, MAX (panels, 1));
  while (panels % block != 0)
    block--;
  return block * kernels->nr;
}

static gboolean
direct_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Direct *direct = data;
  const GonioCpuDeconv *deconv = &direct->deconv;
  const GonioCpuWindow *w = &deconv->window;
  const GonioCpuDeconvPhase *end = deconv->phases + deconv->n_phases;
  Job job = {.direct = direct,
             .in = (const float *)gonio_cpu_ptr (run, deconv->in) + w->offset,
             .packed = gonio_cpu_ptr (run, direct->packed),
             .bias = gonio_cpu_ptr (run, direct->bias),
             .out = gonio_cpu_deconv_out (deconv, run)};
  gonio_cpu_deconv_fill (deconv, run);
  for (const GonioCpuDeconvPhase *phase = deconv->phases; phase < end; phase += job.alike) {
    job.phase = phase;
    job.alike = alike (phase, end);
    job.block = block_columns (run->kernels, direct, job.alike * gonio_cpu_deconv_taps (phase));
    job.blocks = (direct->n + job.block - 1) / job.block;
    size_t lines = (size_t)(w->batch * phase->y->count);
    GonioCpuGemm gemm = {.m = (size_t)phase->x->count,
                         .n = MIN (job.block, direct->n),
                         .taps = gonio_cpu_deconv_taps (phase),
                         .kc = direct->kc,
                         .batch = (size_t)direct->deconv.groups * job.blocks * lines * job.alike,
                         .select = direct_select,
                         .rows = direct_rows,
                         .context = &job,
                         .ldc = (size_t)(w->stride[1] * deconv->pixel),
                         .activation = deconv->activation};
    gonio_cpu_gemm_run (&gemm, run);
  }
  return TRUE;
}

/* ---- lowering ---- */

/* One phase's taps of one group, C_in x C_out x kernel, into taps x C_in x C_out. */
static void
pick_taps (const GonioCpuKernels *kernels, const GonioCpuDeconvPhase *phase, const float *group,
           float *out)
{
  const Direct *direct = (const Direct *)phase->deconv;
  const GonioCpuDeconvAxis *y = phase->y, *x = phase->x;
  int64_t kc = (int64_t)direct->kc, n = (int64_t)direct->n, width = direct->deconv.window.kernel[1];
  int64_t taps = direct->deconv.window.kernel[0] * width;
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
pack_weights (GonioCpuLower *lower, Direct *direct, GError **error)
{
  const GonioCpuKernels *kernels = lower->backend->kernels;
  const GonioTensor *raw = gonio_cpu_const (&lower->node, 1);
  size_t taps = (size_t)(direct->deconv.window.kernel[0] * direct->deconv.window.kernel[1]);
  size_t group = direct->kc * direct->n, total = 0;
  for (size_t i = 0; i < direct->deconv.n_phases; i++)
    total += (size_t)direct->deconv.groups * gonio_cpu_deconv_taps (&direct->deconv.phases[i]) *
             direct->kc * direct->padded;
  g_autoptr (GonioTensor) picked = gonio_cpu_floats (taps * group, error);
  g_autoptr (GonioTensor) packed = picked ? gonio_cpu_floats (total, error) : NULL;
  if (!packed)
    return FALSE;
  float *to = gonio_tensor_writable_data (packed);
  for (size_t i = 0; i < direct->deconv.n_phases; i++) {
    const GonioCpuDeconvPhase *phase = &direct->deconv.phases[i];
    GonioCpuPack pack = {.taps = gonio_cpu_deconv_taps (phase),
                         .kc = direct->kc,
                         .n = direct->n,
                         .st = (int64_t)group,
                         .sk = (int64_t)direct->n,
                         .sj = 1,
                         .scale = 1.0f};
    for (size_t g = 0; g < (size_t)direct->deconv.groups; g++) {
      pick_taps (kernels, phase, (const float *)gonio_tensor_data (raw) + g * group * taps,
                 gonio_tensor_writable_data (picked));
      gonio_cpu_pack (kernels, &pack, gonio_tensor_data (picked), to);
      to += pack.taps * direct->kc * direct->padded;
    }
  }
  direct->packed = gonio_cpu_slot_tensor (lower, packed);
  return TRUE;
}

static void
direct_clear (gpointer data)
{
  Direct *direct = data;
  g_clear_pointer (&direct->zeros, gonio_tensor_unref);
  gonio_cpu_deconv_clear (&direct->deconv);
}

gboolean
gonio_cpu_deconv_direct (GonioCpuLower *lower, const GonioCpuWindow *window, GError **error)
{
  Direct *direct = gonio_cpu_step (lower, direct_run, sizeof *direct, direct_clear);
  if (!gonio_cpu_deconv_init (&direct->deconv, lower, window, error))
    return FALSE;
  int64_t groups = direct->deconv.groups;
  direct->kc = (size_t)(window->channels_in / groups);
  direct->n = (size_t)(window->channels_out / groups);
  direct->padded = gonio_cpu_padded_columns (lower->backend->kernels, direct->n);
  direct->zeros = gonio_cpu_floats (direct->kc, error);
  return direct->zeros && pack_weights (lower, direct, error) &&
         gonio_cpu_conv_bias (lower, (size_t)groups, direct->padded, &direct->bias, error);
}
