/* Convolutions on matrix units. The lines of the image that a band of output needs are split once,
 * with their padding; a window's lines are then runs in what was split, taps and channels together,
 * and the windows of neighbouring pixels are rows that overlap. */
#include "backends/cpu/conv.h"
#include "backends/cpu/gemm-parts.h"

#include "core/base/memory.h"

#include <string.h>

typedef struct {
  GonioCpuConv conv;
  GonioCpuRight weights;
  GonioCpuSlot bias;
  GonioCpuGemm gemm;
  GonioCpuPartsForm form;
  /* What is split: pixels and lines that no window reads (kernel of one tap) are left out. */
  int64_t read[2];      /* pixels of the image from one split line or pixel to the next */
  int64_t width;        /* pixels of a split line */
  size_t pixel, length; /* numbers of a pixel and of a line */
  int64_t first, end;   /* pixels of a split line that lie in the image */
} Parts;

/* ---- splitting ---- */

static gboolean
split_pixels (const Parts *self, const GonioCpuParts *parts, const float *line, uint16_t *out,
              size_t part)
{
  const GonioCpuWindow *w = &self->conv.window;
  size_t channels = (size_t)w->channels_in;
  gboolean good = TRUE;
  const float *from = line + (self->first * self->read[1] - w->before[1]) * w->pixel;
  out += (size_t)self->first * self->pixel;
  if (self->read[1] == 1 && w->pixel == w->channels_in && self->pixel == channels)
    return parts->split (from, out, part, (size_t)(self->end - self->first) * channels);
  for (int64_t x = self->first; x < self->end; x++, out += self->pixel) {
    good &= parts->split (from, out, part, channels);
    from += self->read[1] * w->pixel;
  }
  return good;
}

static void
clear (uint16_t *out, size_t part, size_t first, size_t end)
{
  for (size_t p = 0; p < GONIO_CPU_PARTS; p++)
    memset (out + p * part + first, 0, (end - first) * sizeof *out);
}

static gboolean
split_line (const Parts *self, const GonioCpuParts *parts, const float *image, int64_t y,
            uint16_t *out, size_t part)
{
  const GonioCpuWindow *w = &self->conv.window;
  if (y < 0 || y >= w->in[0] || self->first >= self->end) {
    clear (out, part, 0, self->length);
    return TRUE;
  }
  /* Splitting may write zeros behind the last pixel, so what follows comes after. */
  clear (out, part, 0, (size_t)self->first * self->pixel);
  gboolean good = split_pixels (self, parts, image + y * w->line, out, part);
  clear (out, part, (size_t)self->end * self->pixel, self->length);
  return good;
}

static gboolean
conv_fill (const GonioCpuGemm *product, const GonioCpuParts *parts, size_t line, size_t lines,
           size_t first_number, size_t count, uint16_t *out, size_t part)
{
  const Parts *self = product->context;
  const GonioCpuWindow *w = &self->conv.window;
  int64_t step = (int64_t)(product->form->line_step / self->length);
  int64_t first = (int64_t)line * step, span = (w->kernel[0] - 1) * w->dilation[0];
  int64_t end = (int64_t)(line + lines - 1) * step + span + 1;
  gboolean good = TRUE;
  for (int64_t i = first; i < end; i++, out += self->length)
    good &= split_line (self, parts, product->a, i * self->read[0] - w->before[0], out, part);
  return good;
}

static void
conv_read (const GonioCpuGemm *product, size_t row, size_t run, size_t first, size_t count,
           float *out)
{
  const Parts *self = product->context;
  const GonioCpuWindow *w = &self->conv.window;
  int64_t y0 = (int64_t)row / w->out[1] * w->stride[0] - w->before[0];
  int64_t x0 = (int64_t)row % w->out[1] * w->stride[1] - w->before[1];
  size_t taps = product->form->length / self->pixel; /* of a run */
  for (size_t k = first, end = first + count, n; k < end; k += n, out += n) {
    int64_t tap = (int64_t)(run * taps + k / self->pixel);
    int64_t y = y0 + tap / w->kernel[1] * w->dilation[0];
    int64_t x = x0 + tap % w->kernel[1] * w->dilation[1];
    size_t channel = k % self->pixel;
    n = MIN (self->pixel - channel, end - k);
    if (y < 0 || y >= w->in[0] || x < 0 || x >= w->in[1])
      memset (out, 0, n * sizeof *out);
    else
      memcpy (out, product->a + y * w->line + x * w->pixel + (int64_t)channel, n * sizeof *out);
  }
}

/* ---- lowering ---- */

/* Pixels one after the other are the rows of an ordinary matrix. */
static gboolean
is_plain (const GonioCpuWindow *w)
{
  for (int i = 0; i < 2; i++)
    if (w->kernel[i] != 1 || w->stride[i] != 1 || w->before[i] != 0 || w->in[i] != w->out[i])
      return FALSE;
  return w->line == w->in[1] * w->pixel;
}

static gboolean
init_form (Parts *self, GError **error)
{
  const GonioCpuWindow *w = &self->conv.window;
  int64_t step[2];
  for (int i = 0; i < 2; i++) {
    self->read[i] = w->kernel[i] == 1 ? w->stride[i] : 1;
    step[i] = w->kernel[i] == 1 ? 1 : w->stride[i];
  }
  self->width = (w->out[1] - 1) * step[1] + (w->kernel[1] - 1) * w->dilation[1] + 1;
  self->first = MIN ((w->before[1] + self->read[1] - 1) / self->read[1], self->width);
  self->end = MIN ((w->in[1] - 1 + w->before[1]) / self->read[1] + 1, self->width);
  self->pixel = (size_t)w->channels_in;
  self->length = (size_t)self->width * self->pixel;
  /* Taps of a line are one run when nothing lies between them. */
  gboolean joined = w->dilation[1] == 1;
  size_t runs = (size_t)(joined ? w->kernel[0] : w->kernel[0] * w->kernel[1]);
  self->form =
      (GonioCpuPartsForm){.line = (size_t)w->out[1],
                          .row_step = (size_t)step[1] * self->pixel,
                          .line_step = (size_t)step[0] * self->length,
                          .runs = runs,
                          .length = (size_t)(joined ? w->kernel[1] : 1) * self->pixel,
                          .offsets = gonio_new (size_t, runs, "a convolution's form", error),
                          .reach = (size_t)((w->kernel[0] - 1) * w->dilation[0] + 1) * self->length,
                          .fill = conv_fill,
                          .read = conv_read};
  if (!self->form.offsets)
    return FALSE;
  for (size_t r = 0; r < runs; r++) {
    size_t ky = joined ? r : r / (size_t)w->kernel[1], kx = joined ? 0 : r % (size_t)w->kernel[1];
    self->form.offsets[r] =
        ky * (size_t)w->dilation[0] * self->length + kx * (size_t)w->dilation[1] * self->pixel;
  }
  return TRUE;
}

/* O x I x kernel into runs x (taps x) I x O. */
static GonioCpuPack
weights_pack (const Parts *self)
{
  const GonioCpuWindow *w = &self->conv.window;
  int64_t taps = w->kernel[0] * w->kernel[1];
  gboolean joined = self->form.runs != (size_t)taps;
  return (GonioCpuPack){.taps = self->form.runs,
                        .kc = self->form.length,
                        .n = self->gemm.n,
                        .st = joined ? w->kernel[1] : 1,
                        .sk = taps,
                        .sj = taps * w->channels_in,
                        .scale = 1.0f,
                        .fold = (size_t)w->channels_in,
                        .sf = 1};
}

static void
select_image (GonioCpuGemm *product, size_t index)
{
  const Parts *self = product->context;
  size_t moved = index * product->m * product->ldc;
  product->a += (int64_t)index * self->conv.window.image;
  product->c += moved;
  if (product->add)
    product->add += moved;
}

static gboolean
parts_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Parts *self = data;
  GonioCpuGemm gemm = self->gemm;
  gemm.context = self;
  gemm.a = (const float *)gonio_cpu_ptr (run, self->conv.in) + self->conv.window.offset;
  gonio_cpu_right_use (&self->weights, run, &gemm);
  gemm.bias = gonio_cpu_ptr (run, self->bias);
  gemm.add = gonio_cpu_ptr (run, self->conv.add);
  gemm.c = (float *)gonio_cpu_ptr (run, self->conv.out) + self->conv.offset_out;
  gonio_cpu_gemm_run (&gemm, run);
  return TRUE;
}

static void
parts_clear (gpointer data)
{
  Parts *self = data;
  gonio_cpu_parts_form_clear (&self->form);
}

static gboolean
parts_lower (GonioCpuLower *lower, const GonioCpuConv *conv, GError **error)
{
  if (!gonio_cpu_parts_can_split (gonio_cpu_const (&lower->node, 1)))
    return gonio_cpu_conv_direct.lower (lower, conv, error);
  Parts *self = gonio_cpu_step (lower, parts_run, sizeof *self, parts_clear);
  const GonioCpuWindow *w = &conv->window;
  self->conv = *conv;
  gonio_cpu_conv_slots (lower, &self->conv, TRUE);
  self->gemm = (GonioCpuGemm){.m = (size_t)(w->out[0] * w->out[1]),
                              .n = (size_t)w->channels_out,
                              .taps = (size_t)(w->kernel[0] * w->kernel[1]),
                              .kc = (size_t)w->channels_in,
                              .lda = (size_t)w->pixel,
                              .ldc = (size_t)self->conv.pixel,
                              .batch = (size_t)w->batch,
                              .select = w->batch > 1 ? select_image : NULL,
                              .form = &self->form,
                              .activation = conv->activation};
  if (!(is_plain (w) ? gonio_cpu_parts_form_plain (&self->form, self->gemm.m, self->gemm.kc,
                                                   self->gemm.lda, error)
                     : init_form (self, error)))
    return FALSE;
  GonioCpuPack pack = weights_pack (self);
  const GonioTensor *weights = gonio_cpu_const (&lower->node, 1);
  int64_t offset = 0;
  size_t padded = gonio_cpu_padded_columns (lower->backend->kernels, self->gemm.n);
  return gonio_cpu_right_init (&self->weights, lower, &self->gemm, &pack, weights, &offset, 1,
                               error) &&
         gonio_cpu_conv_bias (lower, 1, padded, &self->bias, error);
}

static gboolean
parts_suits (const GonioCpuKernels *kernels, const GonioCpuConv *conv)
{
  return kernels->parts && conv->groups == 1;
}

static gboolean
parts_pays (const GonioCpuKernels *kernels, const GonioCpuConv *conv)
{
  const GonioCpuWindow *w = &conv->window;
  size_t taps = (size_t)(w->kernel[0] * w->kernel[1]);
  size_t run = (size_t)((w->dilation[1] == 1 ? w->kernel[1] : 1) * w->channels_in);
  size_t steps = (run + GONIO_CPU_PARTS_STEP - 1) / GONIO_CPU_PARTS_STEP * GONIO_CPU_PARTS_STEP;
  /* steps that short runs leave half empty take as long as full ones */
  size_t depth = taps * (size_t)w->channels_in * run / MAX (steps, 1);
  return gonio_cpu_parts_suit (kernels, (size_t)(w->batch * w->out[0] * w->out[1]), MAX (depth, 1),
                               taps * (size_t)w->channels_out);
}

const GonioCpuConvMethod gonio_cpu_conv_parts = {"parts", parts_suits, parts_lower, parts_pays};
