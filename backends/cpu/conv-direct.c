/* Convolutions as matrix products whose rows are addresses of pixels, or of lines of windows where
 * channels are few. Takes every convolution. */
#include "backends/cpu/conv.h"

#include <string.h>

/* Up to so many channels per tap a line of the kernel is one run: an address per tap costs more. */
#define FEW_CHANNELS 48

typedef struct {
  GonioCpuConv conv;
  GonioCpuRight weights;
  GonioCpuSlot bias;
  GonioTensor *zeros;                   /* what padding reads */
  size_t padded;                        /* columns of a group, whole vectors */
  int64_t *offsets;                     /* of each tap from the start of its window, in floats */
  int64_t inner_first[2], inner_end[2]; /* outputs whose windows are wholly inside */
  GonioCpuGemm gemm;
} Direct;

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

/* Where a pixel's window starts; may lie before the image. */
static const float *
window_start (const GonioCpuGemm *product, const Pixel *pixel)
{
  const GonioCpuWindow *w = &((const Direct *)product->context)->conv.window;
  int64_t y = pixel->y * w->stride[0] - w->before[0];
  int64_t x = pixel->x * w->stride[1] - w->before[1];
  return product->a + pixel->n * w->image + y * w->line + x * w->pixel;
}

/* Pixels from this one on in the same line whose windows are wholly inside, at most `most`. */
static size_t
inner_run (const Direct *direct, const Pixel *pixel, size_t most)
{
  if (pixel->y < direct->inner_first[0] || pixel->y >= direct->inner_end[0] ||
      pixel->x < direct->inner_first[1] || pixel->x >= direct->inner_end[1])
    return 0;
  return MIN (most, (size_t)(direct->inner_end[1] - pixel->x));
}

static void
border_rows (const GonioCpuGemm *product, const Pixel *pixel, size_t tap, size_t taps, size_t step,
             const float **out)
{
  const Direct *direct = product->context;
  const GonioCpuWindow *w = &direct->conv.window;
  const float *zeros = gonio_tensor_data (direct->zeros), *start = window_start (product, pixel);
  int64_t y0 = pixel->y * w->stride[0] - w->before[0], x0 = pixel->x * w->stride[1] - w->before[1];
  int64_t ky = (int64_t)tap / w->kernel[1], kx = (int64_t)tap % w->kernel[1];
  for (size_t t = 0; t < taps; t++) {
    int64_t y = y0 + ky * w->dilation[0], x = x0 + kx * w->dilation[1];
    gboolean inside = y >= 0 && y < w->in[0] && x >= 0 && x < w->in[1];
    out[t * step] = inside ? start + direct->offsets[tap + t] : zeros;
    if (++kx == w->kernel[1]) {
      kx = 0;
      ky++;
    }
  }
}

/* Windows wholly inside, that start at a pixel and those after it: every `apart`th tap. */
static void
inner_rows (const GonioCpuGemm *product, const Pixel *pixel, size_t count, size_t tap, size_t taps,
            size_t apart, size_t step, const float **out)
{
  const Direct *direct = product->context;
  const GonioCpuWindow *w = &direct->conv.window;
  const int64_t next = w->stride[1] * w->pixel;
  const float *start = window_start (product, pixel);
  for (size_t t = 0; t < taps; t++) {
    const float *from = start + direct->offsets[tap + t * apart];
    for (size_t r = 0; r < count; r++)
      out[t * step + r] = from + (int64_t)r * next;
  }
}

static void
direct_rows (const GonioCpuGemm *product, size_t first, size_t count, size_t tap, size_t taps,
             size_t step, const float **out)
{
  const Direct *direct = product->context;
  const GonioCpuWindow *w = &direct->conv.window;
  Pixel pixel = pixel_at (w, first);
  for (size_t i = 0; i < count;) {
    size_t run = inner_run (direct, &pixel, count - i);
    if (run > 0) {
      inner_rows (product, &pixel, run, tap, taps, 1, step, out + i);
    } else {
      border_rows (product, &pixel, tap, taps, step, out + i);
      run = 1;
    }
    i += run;
    pixel.x += (int64_t)run - 1;
    next_pixel (w, &pixel);
  }
}

/* The window of one pixel, kernel line by kernel line. */
static void
gather_border (const GonioCpuGemm *product, const Pixel *pixel, float *out)
{
  const Direct *direct = product->context;
  const GonioCpuWindow *w = &direct->conv.window;
  size_t channels = product->kc;
  const float *start = window_start (product, pixel);
  int64_t left, right, top, bottom;
  gonio_cpu_window_taps (w, 1, pixel->x, &left, &right);
  gonio_cpu_window_taps (w, 0, pixel->y, &top, &bottom);
  memset (out, 0, product->taps * channels * sizeof *out);
  for (int64_t ky = top; ky < bottom; ky++)
    for (int64_t kx = left; kx < right; kx++) {
      size_t tap = (size_t)(ky * w->kernel[1] + kx);
      memcpy (out + tap * channels, start + direct->offsets[tap], channels * sizeof *out);
    }
}

/* A run is a line of the kernel. */
static void
direct_gather (const GonioCpuGemm *product, size_t first, size_t count, size_t step,
               const float **out, float *room)
{
  const Direct *direct = product->context;
  const GonioCpuWindow *w = &direct->conv.window;
  const size_t line = (size_t)w->kernel[1] * product->kc, lines = product->runs;
  Pixel pixel = pixel_at (w, first);
  for (size_t i = 0; i < count;) {
    size_t run = inner_run (direct, &pixel, count - i);
    if (run > 0) {
      inner_rows (product, &pixel, run, 0, lines, (size_t)w->kernel[1], step, out + i);
    } else {
      float *here = room + i * lines * line;
      gather_border (product, &pixel, here);
      for (size_t ky = 0; ky < lines; ky++)
        out[ky * step + i] = here + ky * line;
      run = 1;
    }
    i += run;
    pixel.x += (int64_t)run - 1;
    next_pixel (w, &pixel);
  }
}

static void
direct_select (GonioCpuGemm *product, size_t group)
{
  const Direct *direct = product->context;
  product->a += group * product->kc;
  product->c += group * product->n;
  if (product->add)
    product->add += group * product->n;
  gonio_cpu_right_move (product, group);
  product->bias += group * direct->padded;
}

static GonioCpuGemm
product_for (const Direct *direct, const GonioCpuRun *run, const float *in, const float *add,
             float *out)
{
  GonioCpuGemm gemm = direct->gemm;
  gemm.context = direct;
  gemm.a = in;
  gonio_cpu_right_use (&direct->weights, run, &gemm);
  gemm.bias = gonio_cpu_ptr (run, direct->bias);
  gemm.add = add;
  gemm.c = out;
  return gemm;
}

static gboolean
direct_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Direct *direct = data;
  const GonioCpuConv *conv = &direct->conv;
  GonioCpuGemm gemm = product_for (
      direct, run, (const float *)gonio_cpu_ptr (run, conv->in) + conv->window.offset,
      gonio_cpu_ptr (run, conv->add), (float *)gonio_cpu_ptr (run, conv->out) + conv->offset_out);
  gonio_cpu_gemm_run (&gemm, run);
  return TRUE;
}

static void
direct_lines (gconstpointer data, const GonioCpuRun *run, const float *in, const float *add,
              float *out, int64_t first, int64_t end)
{
  const Direct *direct = data;
  GonioCpuGemm gemm = product_for (direct, run, in, add, out);
  GonioCpuRun alone = *run;
  size_t width = (size_t)direct->conv.window.out[1];
  gemm.first = (size_t)first * width;
  gemm.m = (size_t)(end - first) * width;
  alone.pool = NULL;
  alone.threads = 1;
  gonio_cpu_gemm_run (&gemm, &alone);
}

/* Per group: O x I x kernel into taps x I x O. */
static gboolean
pack_weights (GonioCpuLower *lower, Direct *direct, GError **error)
{
  const GonioCpuGemm *gemm = &direct->gemm;
  GonioCpuPack pack = {.taps = gemm->taps,
                       .kc = gemm->kc,
                       .n = gemm->n,
                       .st = 1,
                       .sk = (int64_t)gemm->taps,
                       .sj = (int64_t)(gemm->kc * gemm->taps),
                       .scale = 1.0f};
  g_autofree int64_t *offsets = gonio_new (int64_t, gemm->batch, "the groups of weights", error);
  for (size_t g = 0; offsets && g < gemm->batch; g++)
    offsets[g] = (int64_t)(g * gemm->n * gemm->kc * gemm->taps);
  return offsets &&
         gonio_cpu_right_init (&direct->weights, lower, gemm, &pack,
                               gonio_cpu_const (&lower->node, 1), offsets, gemm->batch, error);
}

static void
direct_clear (gpointer data)
{
  Direct *direct = data;
  g_clear_pointer (&direct->zeros, gonio_tensor_unref);
  g_clear_pointer (&direct->offsets, g_free);
}

static void
init_product (Direct *direct)
{
  const GonioCpuWindow *w = &direct->conv.window;
  int64_t groups = direct->conv.groups;
  direct->gemm = (GonioCpuGemm){.m = (size_t)(w->batch * w->out[0] * w->out[1]),
                                .n = (size_t)(w->channels_out / groups),
                                .taps = (size_t)(w->kernel[0] * w->kernel[1]),
                                .kc = (size_t)(w->channels_in / groups),
                                .ldc = (size_t)direct->conv.pixel,
                                .batch = (size_t)groups,
                                .select = groups > 1 ? direct_select : NULL,
                                .rows = direct_rows,
                                .activation = direct->conv.activation};
  GonioCpuGemm *gemm = &direct->gemm;
  /* taps of a kernel line lie side by side when nothing is skipped between them */
  if (gemm->taps > 1 && gemm->kc <= FEW_CHANNELS && gemm->taps * gemm->kc <= GONIO_CPU_GATHER &&
      w->dilation[1] == 1 && (int64_t)gemm->kc == w->pixel && w->kernel[0] <= GONIO_CPU_RUNS) {
    gemm->gather = direct_gather;
    gemm->runs = (size_t)w->kernel[0];
  }
}

static gboolean
direct_lower (GonioCpuLower *lower, const GonioCpuConv *conv, GError **error)
{
  Direct *direct = gonio_cpu_step (lower, direct_run, sizeof *direct, direct_clear);
  const GonioCpuWindow *w = &conv->window;
  gonio_cpu_step_lines (lower, direct_lines);
  direct->conv = *conv;
  gonio_cpu_conv_slots (lower, &direct->conv, TRUE);
  init_product (direct);
  for (int axis = 0; axis < 2; axis++)
    gonio_cpu_window_inner (w, axis, &direct->inner_first[axis], &direct->inner_end[axis]);
  direct->offsets = gonio_new (int64_t, direct->gemm.taps, "a window's offsets", error);
  if (!direct->offsets)
    return FALSE;
  for (int64_t ky = 0, t = 0; ky < w->kernel[0]; ky++)
    for (int64_t kx = 0; kx < w->kernel[1]; kx++)
      direct->offsets[t++] = ky * w->dilation[0] * w->line + kx * w->dilation[1] * w->pixel;
  direct->padded = gonio_cpu_padded_columns (lower->backend->kernels, direct->gemm.n);
  direct->zeros = gonio_cpu_floats (direct->gemm.kc, error);
  return direct->zeros && pack_weights (lower, direct, error) &&
         gonio_cpu_conv_bias (lower, direct->gemm.batch, direct->padded, &direct->bias, error);
}

static gboolean
direct_suits (const GonioCpuKernels *kernels, const GonioCpuConv *conv)
{
  return TRUE;
}

const GonioCpuConvMethod gonio_cpu_conv_direct = {"direct", direct_suits, direct_lower, NULL};
