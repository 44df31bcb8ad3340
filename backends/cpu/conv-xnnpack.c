/* Convolutions by XNNPACK's operators, for processors that have no kernels of ours.
 * Depends on conv, status.
 *
 * An operator holds the addresses of the run it is set up for, and its weights in its own form. So
 * every part of the result has an operator of its own, a lock, and is computed by one thread of
 * ours: a second pool, with threads that wait awake, would get in the way of the first. Parts are
 * bands of lines (each with a copy of the weights) or shares of the channels (each with a table of
 * the pixels it reads). All memory is taken when compiling. */
#include "backends/cpu/conv.h"
#include "backends/cpu/status.h"

#include <math.h>

/* Multiplications that make a part worth its dispatch. */
#define LEAST_WORK 2e5
#define PARTS      ((size_t)4) /* per thread */
/* Channels of a share: whole panels of any of XNNPACK's kernels. */
#define SHARE ((int64_t)16)
/* Taps of its depthwise kernels; larger windows would go group by group. */
#define MAX_DEPTHWISE 25

typedef struct {
  xnn_operator_t op;
  GMutex lock;
  int64_t line, lines, channel, channels; /* of the output */
  int64_t from, end;                      /* lines of the input */
  int64_t channel_in, groups;
} Part;

typedef struct {
  GonioCpuConv conv;
  size_t n_parts;
  Part *parts;
  int64_t pixel; /* floats from pixel to pixel of the input */
} Xnnpack;

typedef struct {
  const Xnnpack *self;
  const GonioCpuKernels *kernels;
  const float *in, *add;
  float *out;
  gint status; /* atomic; the first that is not success */
} Job;

/* ---- running ---- */

/* A run of floats of the result, side by side: what XNNPACK does not do. */
static void
finish_floats (const Job *job, float *out, const float *add, size_t n)
{
  const GonioCpuActivation *activation = &job->self->conv.activation;
  if (add) {
    const float limits[2] = {activation->lo, activation->hi};
    job->kernels->binary[GONIO_CPU_BINARY_ADD](out, 1, add, 1, out, n);
    job->kernels->unary[GONIO_CPU_UNARY_CLIP](out, out, n, limits);
  }
  if (activation->has_after)
    job->kernels->unary[activation->after](out, out, n, activation->p);
}

static void
finish_part (const Job *job, const Part *part, int64_t image)
{
  const GonioCpuConv *conv = &job->self->conv;
  const GonioCpuWindow *w = &conv->window;
  const int64_t pixels = part->lines * w->out[1];
  if (!job->add && !conv->activation.has_after)
    return;
  int64_t first = (image * w->out[0] + part->line) * w->out[1];
  float *out = job->out + first * conv->pixel + part->channel;
  const float *add = job->add ? job->add + first * w->channels_out + part->channel : NULL;
  if (part->channels == conv->pixel) {
    finish_floats (job, out, add, (size_t)(pixels * part->channels));
    return;
  }
  for (int64_t p = 0; p < pixels; p++)
    finish_floats (job, out + p * conv->pixel, add ? add + p * w->channels_out : NULL,
                   (size_t)part->channels);
}

static enum xnn_status
set_up (const Xnnpack *self, const Part *part, const float *in, float *out)
{
  return xnn_setup_convolution2d_nhwc_f32 (part->op, 1, (size_t)(part->end - part->from),
                                           (size_t)self->conv.window.in[1], in, out, NULL);
}

static enum xnn_status
run_part (const Job *job, Part *part, int64_t image)
{
  const GonioCpuConv *conv = &job->self->conv;
  const GonioCpuWindow *w = &conv->window;
  const float *in = job->in + image * w->image + part->from * w->line + part->channel_in;
  float *out =
      job->out + (image * w->out[0] + part->line) * w->out[1] * conv->pixel + part->channel;
  g_mutex_lock (&part->lock); /* another run of the session may be here */
  enum xnn_status status = set_up (job->self, part, in, out);
  if (status == xnn_status_success)
    status = xnn_run_operator (part->op, NULL);
  g_mutex_unlock (&part->lock);
  if (status == xnn_status_success)
    finish_part (job, part, image);
  return status;
}

static void
run_parts (void *context, guint worker, GonioCpuItems *items)
{
  Job *job = context;
  const Xnnpack *self = job->self;
  size_t item;
  while (gonio_cpu_next (items, worker, &item)) {
    enum xnn_status status =
        run_part (job, &self->parts[item % self->n_parts], (int64_t)(item / self->n_parts));
    if (status != xnn_status_success)
      g_atomic_int_compare_and_exchange (&job->status, xnn_status_success, (gint)status);
  }
}

static gboolean
xnnpack_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Xnnpack *self = data;
  const GonioCpuConv *conv = &self->conv;
  Job job = {.self = self,
             .kernels = run->kernels,
             .in = (const float *)gonio_cpu_ptr (run, conv->in) + conv->window.offset,
             .add = gonio_cpu_ptr (run, conv->add),
             .out = (float *)gonio_cpu_ptr (run, conv->out) + conv->offset_out,
             .status = xnn_status_success};
  gonio_cpu_workers (run, self->n_parts * (size_t)conv->window.batch, run_parts, &job);
  return gonio_cpu_check ((enum xnn_status)job.status, "convolution", error);
}

/* ---- parts ---- */

static double
products (const GonioCpuConv *conv)
{
  const GonioCpuWindow *w = &conv->window;
  return (double)(w->out[0] * w->out[1]) * (double)(w->channels_out * w->kernel[0]) *
         (double)(w->kernel[1] * (w->channels_in / conv->groups));
}

/* Lines of the input that lines first..end-1 of the output see; may lie outside. */
static void
lines_seen (const GonioCpuWindow *w, int64_t first, int64_t end, int64_t *out_first,
            int64_t *out_end)
{
  *out_first = first * w->stride[0] - w->before[0];
  *out_end = (end - 1) * w->stride[0] - w->before[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
}

/* Bands that the image can be cut into; XNNPACK wants each to see some of it. */
static size_t
count_bands (const GonioCpuWindow *w, size_t wanted)
{
  size_t bands = MIN (wanted, (size_t)w->out[0]);
  for (size_t b = 0; b < bands; b++) {
    int64_t from, end;
    lines_seen (w, w->out[0] * (int64_t)b / (int64_t)bands,
                w->out[0] * (int64_t)(b + 1) / (int64_t)bands, &from, &end);
    if (from >= w->in[0] || end <= 0)
      return 1;
  }
  return bands;
}

/* How the work is shared: as many parts as wanted, and of two ways the one that repeats less. */
static void
choose_parts (const GonioCpuConv *conv, guint threads, size_t *out_bands, size_t *out_shares)
{
  const GonioCpuWindow *w = &conv->window;
  size_t wanted = threads > 1 ? threads * PARTS : 1;
  wanted = (size_t)CLAMP (products (conv) / LEAST_WORK, 1, (double)wanted);
  int64_t unit = conv->groups > 1 ? w->channels_out / conv->groups : 1;
  int64_t units = (w->channels_out / unit + SHARE - 1) / SHARE;
  size_t bands = count_bands (w, wanted), shares = MIN (wanted, (size_t)units);
  int64_t taps = w->kernel[0] * w->kernel[1];
  double weights = (double)(taps * w->channels_out) * (double)(w->channels_in / conv->groups);
  double table = taps > 1 ? (double)(taps * 2) * (double)(w->out[0] * w->out[1]) : 0;
  gboolean by_lines = bands > shares || (bands == shares && weights <= table);
  *out_bands = by_lines ? bands : 1;
  *out_shares = by_lines ? 1 : shares;
}

static Part
plan_part (const GonioCpuConv *conv, size_t bands, size_t shares, size_t index)
{
  const GonioCpuWindow *w = &conv->window;
  int64_t band = (int64_t)(index / shares), share = (int64_t)(index % shares);
  int64_t b = (int64_t)bands, s = (int64_t)shares;
  int64_t unit = conv->groups > 1 ? w->channels_out / conv->groups : 1;
  int64_t units = w->channels_out / unit, runs = (units + SHARE - 1) / SHARE;
  Part part = {.line = w->out[0] * band / b, .channel = runs * share / s * SHARE * unit};
  int64_t end = MIN (runs * (share + 1) / s * SHARE * unit, w->channels_out);
  part.lines = w->out[0] * (band + 1) / b - part.line;
  part.channels = end - part.channel;
  part.groups = conv->groups > 1 ? part.channels / unit : 1;
  if (conv->groups > 1)
    part.channel_in = part.channel / unit * (w->channels_in / conv->groups);
  lines_seen (w, part.line, part.line + part.lines, &part.from, &part.end);
  part.from = MAX (part.from, 0);
  part.end = MIN (part.end, w->in[0]);
  if (b == 1) { /* also what no window sees */
    part.from = 0;
    part.end = w->in[0];
  }
  return part;
}

static enum xnn_status
create (const Xnnpack *self, Part *part, const float *weights, const float *bias)
{
  const GonioCpuConv *conv = &self->conv;
  const GonioCpuWindow *w = &conv->window;
  int64_t start, end, per_group = w->channels_in / conv->groups;
  lines_seen (w, part->line, part->line + part->lines, &start, &end);
  int64_t right = (w->out[1] - 1) * w->stride[1] + (w->kernel[1] - 1) * w->dilation[1] + 1 -
                  w->before[1] - w->in[1];
  gboolean clamps = conv->add == GONIO_CPU_NO_SLOT;
  return xnn_create_convolution2d_nhwc_f32 (
      (uint32_t)MAX (part->from - start, 0), (uint32_t)MAX (right, 0),
      (uint32_t)MAX (end - part->end, 0), (uint32_t)w->before[1], (uint32_t)w->kernel[0],
      (uint32_t)w->kernel[1], (uint32_t)w->stride[0], (uint32_t)w->stride[1],
      (uint32_t)w->dilation[0], (uint32_t)w->dilation[1], (uint32_t)part->groups, (size_t)per_group,
      (size_t)(part->channels / part->groups), (size_t)self->pixel, (size_t)conv->pixel,
      weights + part->channel * w->kernel[0] * w->kernel[1] * per_group,
      bias ? bias + part->channel : NULL, clamps ? conv->activation.lo : -INFINITY,
      clamps ? conv->activation.hi : INFINITY, 0, &part->op);
}

/* O x I / groups x taps into O x taps x I / groups. */
static GonioTensor *
order_weights (GonioCpuLower *lower, const GonioCpuWindow *w, int64_t groups, GError **error)
{
  size_t in = (size_t)(w->channels_in / groups), taps = (size_t)(w->kernel[0] * w->kernel[1]);
  const float *weights = gonio_cpu_conv_weights (lower);
  g_autoptr (GonioTensor) ordered = gonio_cpu_floats ((size_t)w->channels_out * in * taps, error);
  float *to = ordered ? gonio_tensor_writable_data (ordered) : NULL;
  for (int64_t o = 0; to && o < w->channels_out; o++, weights += in * taps, to += in * taps)
    lower->backend->kernels->transpose (weights, taps, to, in, in, taps);
  return g_steal_pointer (&ordered);
}

/* An operator takes memory when it is first set up for a size. Then it goes by addresses of an
 * image that is really there, so that none of them can be that of its zeros. */
static gboolean
make_parts (GonioCpuLower *lower, Xnnpack *self, size_t bands, size_t shares, GError **error)
{
  const GonioCpuConv *conv = &self->conv;
  const GonioCpuWindow *w = &conv->window;
  const GonioTensor *bias = gonio_cpu_const (&lower->node, 2);
  g_autoptr (GonioTensor) weights = order_weights (lower, w, conv->groups, error);
  g_autofree float *image = weights ? gonio_new (float, (size_t)(w->in[0] * w->in[1] * self->pixel),
                                                 "an image to set an operator up for", error)
                                    : NULL;
  if (!image)
    return FALSE;
  for (; self->n_parts < bands * shares; self->n_parts++) {
    Part *part = &self->parts[self->n_parts];
    *part = plan_part (conv, bands, shares, self->n_parts);
    enum xnn_status status =
        create (self, part, gonio_tensor_data (weights), bias ? gonio_tensor_data (bias) : NULL);
    if (!gonio_cpu_check (status, "convolution", error))
      return FALSE;
    g_mutex_init (&part->lock);
    status = set_up (self, part, image, image);
    if (!gonio_cpu_check (status, "set-up of a convolution", error)) {
      self->n_parts++;
      return FALSE;
    }
  }
  return TRUE;
}

static void
xnnpack_clear (gpointer data)
{
  Xnnpack *self = data;
  for (size_t p = 0; p < self->n_parts; p++) {
    xnn_delete_operator (self->parts[p].op);
    g_mutex_clear (&self->parts[p].lock);
  }
  g_clear_pointer (&self->parts, g_free);
}

/* ---- the method ---- */

/* Floats from pixel to pixel of the input, or 0 when XNNPACK cannot read it: it takes lines to
 * follow each other. */
static int64_t
pixel_of (const GonioCpuWindow *w)
{
  int64_t pixel = w->in[1] > 1 ? w->pixel : w->in[0] > 1 ? w->line : w->channels_in;
  gboolean follows = w->in[0] == 1 || w->line == w->in[1] * pixel;
  return follows && pixel >= w->channels_in ? pixel : 0;
}

static gboolean
xnnpack_lower (GonioCpuLower *lower, const GonioCpuConv *conv, GError **error)
{
  Xnnpack *self = gonio_cpu_step (lower, xnnpack_run, sizeof *self, xnnpack_clear);
  size_t bands, shares;
  self->conv = *conv;
  self->pixel = pixel_of (&conv->window);
  gonio_cpu_conv_slots (lower, &self->conv, FALSE);
  choose_parts (conv, lower->backend->threads, &bands, &shares);
  self->parts = gonio_new0 (Part, bands * shares, "the parts of a convolution", error);
  return self->parts && make_parts (lower, self, bands, shares, error);
}

static gboolean
xnnpack_suits (const GonioCpuKernels *kernels, const GonioCpuConv *conv)
{
  const GonioCpuWindow *w = &conv->window;
  gboolean empty = w->in[0] < 1 || w->in[1] < 1 || w->out[0] < 1 || w->out[1] < 1;
  return !empty && w->channels_in > 0 && pixel_of (w) > 0 &&
         conv->activation.lo < conv->activation.hi;
}

/* Where ours are only what a compiler makes of portable code. On x86, XNNPACK's kernels gain
 * nothing inside of networks and turn NaN into an infinity or a bound (README.md). */
static gboolean
xnnpack_pays (const GonioCpuKernels *kernels, const GonioCpuConv *conv)
{
#if defined(__aarch64__)
  const GonioCpuWindow *w = &conv->window;
  return conv->groups == 1 || w->channels_in > conv->groups ||
         w->kernel[0] * w->kernel[1] <= MAX_DEPTHWISE;
#else
  return FALSE;
#endif
}

const GonioCpuConvMethod gonio_cpu_conv_xnnpack = {"xnnpack", xnnpack_suits, xnnpack_lower,
                                                   xnnpack_pays};
