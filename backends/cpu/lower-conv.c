/* Conv in NHWC: dense and grouped ones as matrix products over row addresses, depthwise ones by
 * their own kernel. Fused activations are applied tile by tile. */
#include "backends/cpu/gemm.h"
#include "backends/cpu/window.h"

#include <math.h>
#include <string.h>

/* Below so many channels per tap rows are gathered: an address per tap would cost more. */
#define FEW_CHANNELS 8
#define GATHER_STEP  8
#define MAX_LINES    64 /* kernel height a depthwise convolution may have */

typedef struct {
  GonioCpuWindow window;
  GonioCpuSlot in, weights, bias, out;
  GonioTensor *zeros;                   /* what padding reads */
  size_t padded;                        /* columns of a group, whole vectors */
  int64_t *offsets;                     /* of each tap from the start of its window, in floats */
  int64_t inner_first[2], inner_end[2]; /* outputs whose windows are wholly inside */
  GonioCpuGemm gemm;                    /* of a depthwise convolution: only the activation */
} Conv;

/* ---- rows of a dense convolution ---- */

typedef struct {
  int64_t n, y, x;
} Pixel;

static Pixel
pixel_at (const GonioCpuWindow *window, size_t index)
{
  int64_t i = (int64_t)index;
  return (Pixel){i / (window->out[0] * window->out[1]), i / window->out[1] % window->out[0],
                 i % window->out[1]};
}

static void
next_pixel (const GonioCpuWindow *window, Pixel *pixel)
{
  if (++pixel->x < window->out[1])
    return;
  pixel->x = 0;
  if (++pixel->y < window->out[0])
    return;
  pixel->y = 0;
  pixel->n++;
}

/* Outputs first..end-1 of a line or column whose window lies wholly inside. */
static void
inner_span (const GonioCpuWindow *w, int axis, int64_t *out_first, int64_t *out_end)
{
  int64_t span = (w->kernel[axis] - 1) * w->dilation[axis], stride = w->stride[axis];
  int64_t room = w->in[axis] - 1 - span + w->before[axis];
  *out_first = MIN ((w->before[axis] + stride - 1) / stride, w->out[axis]);
  *out_end = CLAMP (room < 0 ? 0 : room / stride + 1, *out_first, w->out[axis]);
}

/* Where a pixel's window starts; may lie before the image. */
static const float *
window_start (const GonioCpuGemm *product, const Pixel *pixel)
{
  const GonioCpuWindow *w = &((const Conv *)product->context)->window;
  int64_t y = pixel->y * w->stride[0] - w->before[0];
  int64_t x = pixel->x * w->stride[1] - w->before[1];
  return product->a + pixel->n * w->image + y * w->line + x * w->pixel;
}

/* Pixels from this one on in the same line whose windows are wholly inside, at most `most`. */
static size_t
inner_run (const Conv *conv, const Pixel *pixel, size_t most)
{
  if (pixel->y < conv->inner_first[0] || pixel->y >= conv->inner_end[0] ||
      pixel->x < conv->inner_first[1] || pixel->x >= conv->inner_end[1])
    return 0;
  return MIN (most, (size_t)(conv->inner_end[1] - pixel->x));
}

static void
border_rows (const GonioCpuGemm *product, const Pixel *pixel, size_t tap, size_t taps, size_t step,
             const float **out)
{
  const Conv *conv = product->context;
  const GonioCpuWindow *w = &conv->window;
  const float *zeros = gonio_tensor_data (conv->zeros), *start = window_start (product, pixel);
  int64_t y0 = pixel->y * w->stride[0] - w->before[0], x0 = pixel->x * w->stride[1] - w->before[1];
  int64_t ky = (int64_t)tap / w->kernel[1], kx = (int64_t)tap % w->kernel[1];
  for (size_t t = 0; t < taps; t++) {
    int64_t y = y0 + ky * w->dilation[0], x = x0 + kx * w->dilation[1];
    gboolean inside = y >= 0 && y < w->in[0] && x >= 0 && x < w->in[1];
    out[t * step] = inside ? start + conv->offsets[tap + t] : zeros;
    if (++kx == w->kernel[1]) {
      kx = 0;
      ky++;
    }
  }
}

static void
conv_rows (const GonioCpuGemm *product, size_t first, size_t count, size_t tap, size_t taps,
           size_t step, const float **out)
{
  const Conv *conv = product->context;
  const GonioCpuWindow *w = &conv->window;
  const int64_t apart = w->stride[1] * w->pixel;
  Pixel pixel = pixel_at (w, first);
  for (size_t i = 0; i < count;) {
    size_t run = inner_run (conv, &pixel, count - i);
    if (run == 0) {
      border_rows (product, &pixel, tap, taps, step, out + i);
      next_pixel (w, &pixel);
      i++;
      continue;
    }
    const float *start = window_start (product, &pixel);
    for (size_t t = 0; t < taps; t++) {
      const float *from = start + conv->offsets[tap + t];
      const float **to = out + t * step + i;
      for (size_t r = 0; r < run; r++)
        to[r] = from + (int64_t)r * apart;
    }
    i += run;
    pixel.x += (int64_t)run - 1;
    next_pixel (w, &pixel);
  }
}

/* n floats in steps of eight: may touch seven more on either side, which both sides have. */
static void
copy_run (float *to, const float *from, size_t n)
{
  for (size_t i = 0; i < n; i += GATHER_STEP)
    memcpy (to + i, from + i, GATHER_STEP * sizeof *to);
}

/* The window of one pixel, kernel line by kernel line. */
static void
gather_border (const GonioCpuGemm *product, const Pixel *pixel, float *out)
{
  const Conv *conv = product->context;
  const GonioCpuWindow *w = &conv->window;
  size_t channels = product->kc;
  const float *start = window_start (product, pixel);
  int64_t left, right, top, bottom;
  gonio_cpu_window_taps (w, 1, pixel->x, &left, &right);
  gonio_cpu_window_taps (w, 0, pixel->y, &top, &bottom);
  memset (out, 0, product->taps * channels * sizeof *out);
  for (int64_t ky = top; ky < bottom; ky++)
    for (int64_t kx = left; kx < right; kx++) {
      size_t tap = (size_t)(ky * w->kernel[1] + kx);
      memcpy (out + tap * channels, start + conv->offsets[tap], channels * sizeof *out);
    }
}

static void
conv_gather (const GonioCpuGemm *product, size_t first, size_t count, float *out)
{
  const Conv *conv = product->context;
  const GonioCpuWindow *w = &conv->window;
  size_t length = product->taps * product->kc, line = (size_t)w->kernel[1] * product->kc;
  Pixel pixel = pixel_at (w, first);
  for (size_t i = 0; i < count; i++, next_pixel (w, &pixel), out += length) {
    if (inner_run (conv, &pixel, 1) == 0) {
      gather_border (product, &pixel, out);
      continue;
    }
    const float *start = window_start (product, &pixel);
    for (int64_t ky = 0; ky < w->kernel[0]; ky++)
      copy_run (out + (size_t)ky * line, start + conv->offsets[ky * w->kernel[1]], line);
  }
}

static void
conv_select (GonioCpuGemm *product, size_t group)
{
  const Conv *conv = product->context;
  product->a += group * product->kc;
  product->c += group * product->n;
  product->packed += group * product->taps * product->kc * conv->padded;
  product->bias += group * conv->padded;
}

static gboolean
dense_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Conv *conv = data;
  GonioCpuGemm gemm = conv->gemm;
  gemm.context = conv;
  gemm.a = (const float *)gonio_cpu_ptr (run, conv->in) + conv->window.offset;
  gemm.packed = gonio_cpu_ptr (run, conv->weights);
  gemm.bias = gonio_cpu_ptr (run, conv->bias);
  gemm.c = gonio_cpu_ptr (run, conv->out);
  gonio_cpu_gemm_run (&gemm, run);
  return TRUE;
}

/* ---- depthwise ---- */

typedef struct {
  const Conv *conv;
  const GonioCpuKernels *kernels;
  const float *in, *weights, *bias;
  float *out;
} DepthwiseJob;

/* Outputs x..x+pixels-1 of one row, which all see the same taps. */
static void
depthwise_pixels (const DepthwiseJob *job, GonioCpuDepthwise *work, const float *const *lines,
                  int64_t x, int64_t pixels, int64_t top, float *out)
{
  const GonioCpuWindow *w = &job->conv->window;
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
  const Conv *conv = job->conv;
  const GonioCpuWindow *w = &conv->window;
  const float *lines[MAX_LINES];
  int64_t top, bottom, first = conv->inner_first[1], end = conv->inner_end[1];
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
                            .lo = conv->gemm.lo,
                            .hi = conv->gemm.hi};
  for (int64_t x = 0; x < first; x++)
    depthwise_pixels (job, &work, lines, x, 1, top, out);
  if (end > first)
    depthwise_pixels (job, &work, lines, first, end - first, top, out);
  for (int64_t x = end; x < w->out[1]; x++)
    depthwise_pixels (job, &work, lines, x, 1, top, out);
}

static void
depthwise_task (void *context, size_t start, size_t count)
{
  const DepthwiseJob *job = context;
  const Conv *conv = job->conv;
  size_t length = (size_t)(conv->window.out[1] * conv->window.channels_out);
  for (size_t row = start; row < start + count; row++) {
    float *out = job->out + row * length;
    depthwise_row (job, (int64_t)row / conv->window.out[0], (int64_t)row % conv->window.out[0],
                   out);
    if (conv->gemm.has_after)
      job->kernels->unary[conv->gemm.after](out, out, length, conv->gemm.p);
  }
}

static gboolean
depthwise_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Conv *conv = data;
  const GonioCpuWindow *w = &conv->window;
  DepthwiseJob job = {conv,
                      run->kernels,
                      (const float *)gonio_cpu_ptr (run, conv->in) + w->offset,
                      gonio_cpu_ptr (run, conv->weights),
                      gonio_cpu_ptr (run, conv->bias),
                      gonio_cpu_ptr (run, conv->out)};
  size_t work = (size_t)(w->out[1] * w->channels_out * w->kernel[0] * w->kernel[1]) / 8;
  gonio_cpu_parallel (run, depthwise_task, &job, (size_t)(w->batch * w->out[0]),
                      gonio_cpu_grain (work));
  return TRUE;
}

/* ---- claim and lowering ---- */

static gboolean
is_depthwise (const GonioCpuWindow *window, int64_t groups)
{
  return groups > 1 && groups == window->channels_in && groups == window->channels_out &&
         window->kernel[0] <= MAX_LINES;
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
  gonio_cpu_claim_nhwc (out_claim, 1);
  out_claim->cost = (double)gonio_cpu_count (gonio_cpu_out (node, 0)) *
                    (double)(gonio_cpu_count (weights) / window.channels_out);
  return NULL;
}

static void
conv_clear (gpointer data)
{
  Conv *conv = data;
  g_clear_pointer (&conv->zeros, gonio_tensor_unref);
  g_clear_pointer (&conv->offsets, g_free);
}

/* Per group: O x I x kernel into taps x I x O, and the bias, zero when there is none. */
static gboolean
pack_dense (const GonioCpuLower *lower, const Conv *conv, GonioTensor **out_weights,
            GonioTensor **out_bias, GError **error)
{
  const GonioCpuGemm *gemm = &conv->gemm;
  const float *raw = gonio_tensor_data (gonio_cpu_const (&lower->node, 1));
  const GonioTensor *bias = gonio_cpu_const (&lower->node, 2);
  size_t size = gemm->taps * gemm->kc * conv->padded;
  *out_weights = gonio_cpu_floats (gemm->batch * size, error);
  *out_bias = *out_weights ? gonio_cpu_floats (gemm->batch * conv->padded, error) : NULL;
  if (!*out_bias)
    return FALSE;
  float *packed = gonio_tensor_writable_data (*out_weights);
  float *padded = gonio_tensor_writable_data (*out_bias);
  GonioCpuPack pack = {.taps = gemm->taps,
                       .kc = gemm->kc,
                       .n = gemm->n,
                       .st = 1,
                       .sk = (int64_t)gemm->taps,
                       .sj = (int64_t)(gemm->kc * gemm->taps),
                       .scale = 1.0f};
  for (size_t g = 0; g < gemm->batch; g++) {
    gonio_cpu_pack (lower->backend->kernels, &pack, raw + g * gemm->n * gemm->kc * gemm->taps,
                    packed + g * size);
    if (bias)
      memcpy (padded + g * conv->padded, (const float *)gonio_tensor_data (bias) + g * gemm->n,
              gemm->n * sizeof *padded);
  }
  return TRUE;
}

static gboolean
prepare_dense (GonioCpuLower *lower, Conv *conv, int64_t groups, GonioTensor **out_weights,
               GonioTensor **out_bias, GError **error)
{
  const GonioCpuWindow *w = &conv->window;
  GonioCpuGemm *gemm = &conv->gemm;
  gemm->m = (size_t)(w->batch * w->out[0] * w->out[1]);
  gemm->n = (size_t)(w->channels_out / groups);
  gemm->taps = (size_t)(w->kernel[0] * w->kernel[1]);
  gemm->kc = (size_t)(w->channels_in / groups);
  gemm->ldc = (size_t)w->channels_out;
  gemm->batch = (size_t)groups;
  gemm->select = groups > 1 ? conv_select : NULL;
  gemm->rows = conv_rows;
  /* taps of a kernel line lie side by side when nothing is skipped between them */
  if (gemm->taps > 1 && gemm->kc < FEW_CHANNELS && gemm->taps * gemm->kc <= GONIO_CPU_GATHER &&
      w->dilation[1] == 1 && (int64_t)gemm->kc == w->pixel)
    gemm->gather = conv_gather;
  conv->offsets = gonio_new (int64_t, gemm->taps, "a window's offsets", error);
  if (!conv->offsets)
    return FALSE;
  for (int64_t ky = 0, t = 0; ky < w->kernel[0]; ky++)
    for (int64_t kx = 0; kx < w->kernel[1]; kx++)
      conv->offsets[t++] = ky * w->dilation[0] * w->line + kx * w->dilation[1] * w->pixel;
  conv->padded = gonio_cpu_padded_columns (lower->backend->kernels, gemm->n);
  conv->zeros = gonio_cpu_floats (gemm->kc, error);
  return conv->zeros && pack_dense (lower, conv, out_weights, out_bias, error);
}

/* channels x taps into taps x channels */
static gboolean
prepare_depthwise (const GonioCpuLower *lower, const Conv *conv, GonioTensor **out_weights,
                   GonioTensor **out_bias, GError **error)
{
  size_t channels = (size_t)conv->window.channels_in;
  size_t taps = (size_t)(conv->window.kernel[0] * conv->window.kernel[1]);
  *out_weights = gonio_cpu_floats (taps * channels, error);
  *out_bias = *out_weights ? gonio_cpu_floats (channels, error) : NULL;
  if (!*out_bias)
    return FALSE;
  lower->backend->kernels->transpose (gonio_tensor_data (gonio_cpu_const (&lower->node, 1)), taps,
                                      gonio_tensor_writable_data (*out_weights), channels, channels,
                                      taps);
  const GonioTensor *bias = gonio_cpu_const (&lower->node, 2);
  if (bias)
    memcpy (gonio_tensor_writable_data (*out_bias), gonio_tensor_data (bias),
            channels * sizeof (float));
  return TRUE;
}

static gboolean
conv_lower (GonioCpuLower *lower, GError **error)
{
  GonioCpuWindow window;
  const char *reason =
      gonio_cpu_window_init (&window, &lower->node, gonio_cpu_in (&lower->node, 1));
  if (reason)
    return gonio_cpu_fail (error, "%s", reason);
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  gonio_cpu_window_view (&window, &lower->node, &view);
  int64_t groups = gonio_node_attr_int (lower->node.node, "group", 1);
  gboolean depthwise = is_depthwise (&window, groups);

  Conv *conv =
      gonio_cpu_step (lower, depthwise ? depthwise_run : dense_run, sizeof *conv, conv_clear);
  conv->window = window;
  for (int axis = 0; axis < 2; axis++)
    inner_span (&window, axis, &conv->inner_first[axis], &conv->inner_end[axis]);
  GonioActivation activation = gonio_node_activation (lower->node.node);
  gonio_cpu_gemm_activation (&conv->gemm, &activation);
  g_autoptr (GonioTensor) weights = NULL;
  g_autoptr (GonioTensor) bias = NULL;
  if (!(depthwise ? prepare_depthwise (lower, conv, &weights, &bias, error)
                  : prepare_dense (lower, conv, groups, &weights, &bias, error)))
    return FALSE;
  conv->in = gonio_cpu_view_in (lower, 0).slot;
  conv->weights = gonio_cpu_slot_tensor (lower, weights);
  conv->bias = gonio_cpu_slot_tensor (lower, bias);
  conv->out = gonio_cpu_slot_out (lower, 0);
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_conv[] = {
    {GONIO_OP_CONV, conv_claim, conv_lower, gonio_cpu_window_takes},
    {GONIO_OP_INVALID, NULL, NULL, NULL},
};
