/* Transposed convolutions whose windows do not overlap, on matrix units: pixels are the rows of one
 * product that has columns for every tap, and each tap's results go where its pixel is. */
#include "backends/cpu/conv.h"
#include "backends/cpu/copy.h"
#include "backends/cpu/deconv.h"
#include "backends/cpu/gemm-parts.h"

#include "core/base/memory.h"

#include <string.h>

#define SHORT_LINE 64 /* pixels of a line of the product */
#define LEAST_LINE 32 /* that a longer line of the image is divided into */

typedef struct {
  GonioCpuWindow window;
  GonioCpuSlot in, out, bias;
  int64_t offset_out, pixel;
  GonioCpuRight weights;
  GonioCpuGemm gemm;
  GonioCpuPartsForm form;
  GonioCpuScatter scatter;
  int64_t *offsets; /* of each tap's pixel from the first tap's */
} Parts;

gboolean
gonio_cpu_deconv_parts_suits (const GonioCpuLower *lower, const GonioCpuWindow *w)
{
  const GonioCpuKernels *kernels = lower->backend->kernels;
  for (int i = 0; i < 2; i++)
    if (w->kernel[i] != w->stride[i] || (w->dilation[i] != 1 && w->kernel[i] != 1) ||
        w->before[i] != 0 || w->out[i] != w->in[i] * w->stride[i])
      return FALSE;
  size_t taps = (size_t)(w->kernel[0] * w->kernel[1]);
  return gonio_node_attr_int (lower->node.node, "group", 1) == 1 && w->channels_out > 0 &&
         w->channels_out % GONIO_CPU_PARTS_COLS == 0 && w->line == w->in[1] * w->pixel &&
         gonio_cpu_parts_suit (kernels, (size_t)(w->in[0] * w->in[1]), (size_t)w->channels_in,
                               taps * (size_t)w->channels_out) &&
         gonio_cpu_parts_can_split (gonio_cpu_const (&lower->node, 1));
}

static void
select_image (GonioCpuGemm *product, size_t index)
{
  const Parts *self = product->context;
  const GonioCpuWindow *w = &self->window;
  product->a += (int64_t)index * w->image;
  product->c += (int64_t)index * w->out[0] * w->out[1] * self->pixel;
}

static gboolean
parts_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Parts *self = data;
  GonioCpuGemm gemm = self->gemm;
  gemm.context = self;
  gemm.a = (const float *)gonio_cpu_ptr (run, self->in) + self->window.offset;
  gonio_cpu_right_use (&self->weights, run, &gemm);
  gemm.bias = gonio_cpu_ptr (run, self->bias);
  gemm.c = (float *)gonio_cpu_ptr (run, self->out) + self->offset_out;
  gonio_cpu_gemm_run (&gemm, run);
  return TRUE;
}

static void
parts_clear (gpointer data)
{
  Parts *self = data;
  g_clear_pointer (&self->offsets, g_free);
  gonio_cpu_parts_form_clear (&self->form);
}

/* C_in x C_out x kernel into C_in x (kernel x C_out). */
static gboolean
pack_weights (GonioCpuLower *lower, Parts *self, GError **error)
{
  const GonioTensor *raw = gonio_cpu_const (&lower->node, 1);
  int64_t co = self->window.channels_out, n = (int64_t)self->gemm.n;
  g_autoptr (GonioTensor) weights =
      gonio_cpu_floats_unset (lower->backend, (size_t)gonio_tensor_count (raw), error);
  if (!weights)
    return FALSE;
  GonioCpuCopy copy;
  gonio_cpu_copy_init (&copy, sizeof (float));
  gonio_cpu_nest_push (&copy.nest, self->window.channels_in, (int64_t[]){n, n});
  gonio_cpu_nest_push (&copy.nest, n / co, (int64_t[]){co, 1});
  gonio_cpu_nest_push (&copy.nest, co, (int64_t[]){1, n / co});
  gonio_cpu_copy_finish (&copy);
  gonio_cpu_copy_now (&copy, lower->backend->kernels, gonio_tensor_writable_data (weights),
                      gonio_tensor_data (raw));
  GonioCpuPack pack = {
      .taps = 1, .kc = self->gemm.kc, .n = self->gemm.n, .sk = n, .sj = 1, .scale = 1.0f};
  int64_t offset = 0;
  return gonio_cpu_right_init (&self->weights, lower, &self->gemm, &pack, weights, &offset, 1,
                               error) &&
         (self->weights.scratch != GONIO_CPU_NO_SLOT ||
          gonio_cpu_fail (error, "too little memory to split the weights"));
}

/* The bias once for every tap. */
static gboolean
repeat_bias (GonioCpuLower *lower, Parts *self, GError **error)
{
  const GonioTensor *bias = gonio_cpu_const (&lower->node, 2);
  size_t channels = self->scatter.columns;
  g_autoptr (GonioTensor) all = gonio_cpu_floats (self->gemm.n, error);
  if (!all)
    return FALSE;
  float *to = gonio_tensor_writable_data (all);
  for (size_t i = 0; bias && i < self->gemm.n; i += channels)
    memcpy (to + i, gonio_tensor_data (bias), channels * sizeof *to);
  self->bias = gonio_cpu_slot_tensor (lower, all);
  return TRUE;
}

/* Lines of the product: an image's, or equal parts of long ones. */
static size_t
line_length (size_t width)
{
  for (size_t length = MIN (width, SHORT_LINE); length >= MIN (width, LEAST_LINE); length--)
    if (width % length == 0)
      return length;
  return width;
}

static gboolean
init_product (Parts *self, GError **error)
{
  const GonioCpuWindow *w = &self->window;
  size_t taps = (size_t)(w->kernel[0] * w->kernel[1]);
  self->offsets = gonio_new (int64_t, taps, "a deconvolution's taps", error);
  if (!self->offsets)
    return FALSE;
  for (size_t t = 0; t < taps; t++)
    self->offsets[t] =
        ((int64_t)t / w->kernel[1] * w->out[1] + (int64_t)t % w->kernel[1]) * self->pixel;
  self->scatter = (GonioCpuScatter){.rows = (size_t)w->in[1],
                                    .line_step = (size_t)(w->stride[0] * w->out[1] * self->pixel),
                                    .columns = (size_t)w->channels_out,
                                    .offsets = self->offsets};
  self->gemm.m = (size_t)(w->in[0] * w->in[1]);
  self->gemm.n = taps * (size_t)w->channels_out;
  self->gemm.taps = 1;
  self->gemm.kc = (size_t)w->channels_in;
  self->gemm.lda = (size_t)w->pixel;
  self->gemm.ldc = (size_t)(w->stride[1] * self->pixel);
  self->gemm.batch = (size_t)w->batch;
  self->gemm.select = w->batch > 1 ? select_image : NULL;
  self->gemm.form = &self->form;
  self->gemm.scatter = &self->scatter;
  return gonio_cpu_parts_form_lines (&self->form, self->gemm.m, line_length ((size_t)w->in[1]),
                                     self->gemm.kc, self->gemm.lda, error);
}

gboolean
gonio_cpu_deconv_parts (GonioCpuLower *lower, const GonioCpuWindow *window, GError **error)
{
  Parts *self = gonio_cpu_step (lower, parts_run, sizeof *self, parts_clear);
  GonioCpuView to = gonio_cpu_target (lower, 0);
  self->window = *window;
  self->in = gonio_cpu_view_in (lower, 0).slot;
  self->out = to.slot;
  self->offset_out = to.offset;
  self->pixel = gonio_cpu_pixel (gonio_cpu_out (&lower->node, 0), &to);
  self->gemm.activation = gonio_cpu_activation (lower->node.node);
  return init_product (self, error) && pack_weights (lower, self, error) &&
         repeat_bias (lower, self, error);
}
