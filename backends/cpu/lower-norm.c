/* Softmax and the normalisations. Statistics of a channel over space run along lines in the
 * plain layout and across lines in NHWC; both come from the same strides. */
#include "backends/cpu/lower.h"

#include <math.h>
#include <string.h>

/* ---- Softmax, LogSoftmax: outer x axis x inner in memory order ---- */

typedef struct {
  GonioCpuSlot in, out;
  size_t outer, axis, inner;
  gboolean is_log;
} Softmax;

typedef struct {
  const Softmax *step;
  const GonioCpuKernels *kernels;
  const float *in;
  float *out;
} SoftmaxJob;

/* Columns handled together when the axis is not the innermost. */
#define STRIP GONIO_CPU_FOLD_COLUMNS

static void
softmax_line (const SoftmaxJob *job, const float *in, float *out)
{
  const GonioCpuKernels *k = job->kernels;
  size_t n = job->step->axis;
  float shift = (float)k->fold[GONIO_CPU_FOLD_MAX](in, n);
  float sum = (float)k->exp_sum (in, out, n, shift);
  if (job->step->is_log) {
    const float p[2] = {1.0f, -shift - logf (sum)};
    k->unary[GONIO_CPU_UNARY_AFFINE](in, out, n, p);
  } else {
    const float p[2] = {1.0f / sum, 0};
    k->unary[GONIO_CPU_UNARY_AFFINE](out, out, n, p);
  }
}

static void
softmax_lines_task (void *context, size_t start, size_t count)
{
  const SoftmaxJob *job = context;
  size_t n = job->step->axis;
  for (size_t i = start; i < start + count; i++)
    softmax_line (job, job->in + i * n, job->out + i * n);
}

/* cols columns of one outer block; consecutive positions on the axis lie `inner` apart. */
static void
softmax_strip (const SoftmaxJob *job, const float *in, float *out, size_t cols)
{
  const GonioCpuKernels *k = job->kernels;
  size_t inner = job->step->inner, n = job->step->axis;
  const float none[2] = {0};
  float shift[STRIP], sum[STRIP], line[STRIP];
  memcpy (shift, in, cols * sizeof *shift);
  for (size_t i = 1; i < n; i++)
    k->fold_into[GONIO_CPU_FOLD_MAX](shift, in + i * inner, cols);
  memset (sum, 0, cols * sizeof *sum);
  for (size_t i = 0; i < n; i++) {
    float *to = job->step->is_log ? line : out + i * inner;
    k->binary[GONIO_CPU_BINARY_SUB](in + i * inner, 1, shift, 1, to, cols);
    k->unary[GONIO_CPU_UNARY_EXP](to, to, cols, none);
    k->fold_into[GONIO_CPU_FOLD_SUM](sum, to, cols);
  }
  if (job->step->is_log) {
    k->unary[GONIO_CPU_UNARY_LOG](sum, sum, cols, none);
    k->binary[GONIO_CPU_BINARY_ADD](shift, 1, sum, 1, shift, cols);
    for (size_t i = 0; i < n; i++)
      k->binary[GONIO_CPU_BINARY_SUB](in + i * inner, 1, shift, 1, out + i * inner, cols);
    return;
  }
  k->unary[GONIO_CPU_UNARY_RECIPROCAL](sum, sum, cols, none);
  for (size_t i = 0; i < n; i++)
    k->binary[GONIO_CPU_BINARY_MUL](out + i * inner, 1, sum, 1, out + i * inner, cols);
}

static void
softmax_strips_task (void *context, size_t start, size_t count)
{
  const SoftmaxJob *job = context;
  size_t inner = job->step->inner, strips = (inner + STRIP - 1) / STRIP;
  for (size_t i = start; i < start + count; i++) {
    size_t column = i % strips * STRIP;
    size_t offset = i / strips * job->step->axis * inner + column;
    softmax_strip (job, job->in + offset, job->out + offset, MIN (STRIP, inner - column));
  }
}

static gboolean
softmax_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Softmax *step = data;
  SoftmaxJob job = {step, run->kernels, gonio_cpu_ptr (run, step->in),
                    gonio_cpu_ptr (run, step->out)};
  if (step->inner == 1)
    gonio_cpu_parallel (run, softmax_lines_task, &job, step->outer,
                        gonio_cpu_grain (step->axis * 4));
  else
    gonio_cpu_parallel (run, softmax_strips_task, &job,
                        step->outer * ((step->inner + STRIP - 1) / STRIP),
                        gonio_cpu_grain (step->axis * MIN (STRIP, step->inner) * 4));
  return TRUE;
}

static const char *
softmax_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  const GonioValue *in = gonio_cpu_in (node, 0);
  if (!gonio_cpu_is_float (in))
    return "only float is supported";
  if (in->shape.rank == 0 ||
      gonio_cpu_normal_axis (gonio_node_attr_int (node->node, "axis", -1), in->shape.rank) < 0)
    return "axis is out of range";
  if (in->constant)
    gonio_cpu_claim_plain (out_claim);
  else
    gonio_cpu_claim_any (node, out_claim);
  return NULL;
}

static gboolean
softmax_lower (GonioCpuLower *lower, GError **error)
{
  const GonioValue *in = gonio_cpu_in (&lower->node, 0);
  GonioShape shape = gonio_cpu_physical (in);
  int axis = gonio_cpu_normal_axis (gonio_node_attr_int (lower->node.node, "axis", -1), shape.rank);
  axis = gonio_cpu_axis (in, axis);
  Softmax *step = gonio_cpu_step (lower, softmax_run, sizeof *step, NULL);
  step->outer = step->inner = 1;
  step->axis = (size_t)shape.dims[axis];
  for (int i = 0; i < shape.rank; i++)
    *(i < axis   ? &step->outer
      : i > axis ? &step->inner
                 : &step->axis) *= i == axis ? 1 : (size_t)shape.dims[i];
  step->is_log = lower->node.node->op == GONIO_OP_LOG_SOFTMAX;
  step->in = gonio_cpu_slot_in (lower, 0);
  step->out = gonio_cpu_slot_out (lower, 0);
  if (!step->is_log)
    gonio_cpu_may_overwrite (lower, 0, 0);
  return TRUE;
}

/* ---- LayerNormalization: lines of the trailing axes ---- */

typedef struct {
  GonioCpuSlot in, gain, bias, out;
  size_t lines, length;
  float epsilon;
} LayerNorm;

typedef struct {
  const LayerNorm *step;
  const GonioCpuKernels *kernels;
  const float *in, *gain, *bias;
  float *out;
} LayerNormJob;

static void
layer_norm_task (void *context, size_t start, size_t count)
{
  const LayerNormJob *job = context;
  size_t n = job->step->length;
  for (size_t i = start; i < start + count; i++) {
    const float *in = job->in + i * n;
    float mean = (float)(job->kernels->fold[GONIO_CPU_FOLD_SUM](in, n) / (double)n);
    double variance = job->kernels->sum_square_diff (in, n, mean) / (double)n;
    job->kernels->normalize (in, job->out + i * n, n, mean,
                             (float)(1.0 / sqrt (variance + job->step->epsilon)), job->gain,
                             job->bias);
  }
}

static gboolean
layer_norm_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const LayerNorm *step = data;
  LayerNormJob job = {step,
                      run->kernels,
                      gonio_cpu_ptr (run, step->in),
                      gonio_cpu_ptr (run, step->gain),
                      gonio_cpu_ptr (run, step->bias),
                      gonio_cpu_ptr (run, step->out)};
  gonio_cpu_parallel (run, layer_norm_task, &job, step->lines, gonio_cpu_grain (step->length * 2));
  return TRUE;
}

static gboolean
trailing (const GonioCpuNode *node, size_t *out_lines, size_t *out_length)
{
  GonioShape shape = gonio_cpu_shape (gonio_cpu_in (node, 0));
  int axis = gonio_cpu_normal_axis (gonio_node_attr_int (node->node, "axis", -1), shape.rank);
  *out_lines = *out_length = 1;
  for (int i = 0; i < shape.rank; i++)
    *(i < axis ? out_lines : out_length) *= (size_t)shape.dims[i];
  return axis >= 0;
}

static const char *
layer_norm_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  size_t lines, length;
  if (!trailing (node, &lines, &length))
    return "axis is out of range";
  if (gonio_cpu_out (node, 1) || gonio_cpu_out (node, 2))
    return "mean and deviation outputs are not supported";
  for (guint i = 0; i < 3; i++) {
    const GonioValue *value = gonio_cpu_in (node, i);
    if (value && !gonio_cpu_is_float (value))
      return "only float is supported";
    if (i > 0 && value && (size_t)gonio_cpu_count (value) != length)
      return "scale or bias does not cover the normalised axes";
  }
  gonio_cpu_claim_plain (out_claim);
  return NULL;
}

static gboolean
layer_norm_lower (GonioCpuLower *lower, GError **error)
{
  LayerNorm *step = gonio_cpu_step (lower, layer_norm_run, sizeof *step, NULL);
  trailing (&lower->node, &step->lines, &step->length);
  step->epsilon = gonio_node_attr_float (lower->node.node, "epsilon", 1e-5f);
  step->in = gonio_cpu_slot_in (lower, 0);
  step->gain = gonio_cpu_slot_in (lower, 1);
  step->bias = gonio_cpu_slot_in (lower, 2);
  step->out = gonio_cpu_slot_out (lower, 0);
  gonio_cpu_may_overwrite (lower, 0, 0);
  return TRUE;
}

/* ---- per-channel statistics: BatchNormalization, InstanceNormalization, GroupNormalization ----
 */

typedef struct {
  GonioCpuSlot in, gain, bias, mean, variance, out;
  GonioCpuSlot factors; /* scratch: per image, channels of gain, then of bias */
  GonioCpuSlot sums;    /* scratch: per image, channels of mean, then of squares */
  size_t images, channels, space;
  size_t groups; /* channels that share their statistics: channels / groups; 0: given (batch) */
  gboolean nhwc;
  int64_t offset, pixel; /* of the input; pixel: from one to the next, NHWC */
  gboolean has_after;
  GonioCpuUnary after; /* applied to each line while it is near */
  float p[2];
  float epsilon;
} ChannelNorm;

typedef struct {
  const ChannelNorm *step;
  const GonioCpuKernels *kernels;
  const float *in, *gain, *bias, *mean, *variance;
  float *factors, *sums, *out;
  gboolean squares; /* which of the two sums is being taken */
} ChannelNormJob;

/* Means of a strip of channels of one image, or of their squared differences from `centre`. */
static void
strip_means (const ChannelNormJob *job, size_t image, size_t first, size_t count,
             const float *centre, float *out)
{
  const ChannelNorm *step = job->step;
  const GonioCpuKernels *k = job->kernels;
  const float *in = job->in + image * step->channels * step->space;
  size_t space = step->space;
  if (step->nhwc) {
    const float p[2] = {1.0f / (float)space, 0};
    gonio_cpu_fold_rows (k, GONIO_CPU_FOLD_SUM, in + first, space, step->channels, count,
                         centre ? centre + first : NULL, out + first);
    k->unary[GONIO_CPU_UNARY_AFFINE](out + first, out + first, count, p);
    return;
  }
  for (size_t c = first; c < first + count; c++) {
    const float *line = in + c * space;
    double sum = centre ? k->sum_square_diff (line, space, centre[c])
                        : k->fold[GONIO_CPU_FOLD_SUM](line, space);
    out[c] = (float)(sum / (double)space);
  }
}

/* Item: one strip of one image. */
static void
means_task (void *context, size_t start, size_t count)
{
  const ChannelNormJob *job = context;
  size_t channels = job->step->channels, strips = (channels + STRIP - 1) / STRIP;
  for (size_t i = start; i < start + count; i++) {
    float *mean = job->sums + i / strips * 2 * channels, *square = mean + channels;
    size_t first = i % strips * STRIP, length = MIN (STRIP, channels - first);
    strip_means (job, i / strips, first, length, job->squares ? mean : NULL,
                 job->squares ? square : mean);
  }
}

/* Every channel of a group gets the group's average. */
static void
share_in_groups (float *values, size_t channels, size_t groups)
{
  size_t per_group = channels / groups;
  for (size_t g = 0; per_group > 1 && g < groups; g++) {
    double sum = 0;
    for (size_t c = 0; c < per_group; c++)
      sum += values[g * per_group + c];
    for (size_t c = 0; c < per_group; c++)
      values[g * per_group + c] = (float)(sum / (double)per_group);
  }
}

static void
find_statistics (ChannelNormJob *job, const GonioCpuRun *run)
{
  const ChannelNorm *step = job->step;
  size_t channels = step->channels, strips = (channels + STRIP - 1) / STRIP;
  for (int pass = 0; pass < 2; pass++) {
    job->squares = pass == 1;
    gonio_cpu_parallel (run, means_task, job, step->images * strips, 1);
    for (size_t image = 0; image < step->images; image++)
      share_in_groups (job->sums + (image * 2 + (size_t)pass) * channels, channels, step->groups);
  }
}

/* Per channel: y = x gain + bias with the statistics folded in. */
static void
find_factors (const ChannelNormJob *job)
{
  const ChannelNorm *step = job->step;
  size_t channels = step->channels, images = step->groups ? step->images : 1;
  for (size_t image = 0; image < images; image++) {
    const float *mean = step->groups ? job->sums + image * 2 * channels : job->mean;
    const float *square = step->groups ? mean + channels : job->variance;
    float *gain = job->factors + image * 2 * channels, *bias = gain + channels;
    for (size_t c = 0; c < channels; c++) {
      double scale = job->gain[c] / sqrt ((double)square[c] + step->epsilon);
      gain[c] = (float)scale;
      bias[c] = (float)(job->bias[c] - mean[c] * scale);
    }
  }
}

/* Plain: one channel of one image is a line. NHWC: one pixel is. */
static void
apply_task (void *context, size_t start, size_t count)
{
  const ChannelNormJob *job = context;
  const ChannelNorm *step = job->step;
  size_t channels = step->channels, lines = step->nhwc ? step->space : channels;
  for (size_t i = start; i < start + count; i++) {
    const float *gain = job->factors + (step->groups ? i / lines * 2 * channels : 0);
    const float *bias = gain + channels;
    size_t length = step->nhwc ? channels : step->space;
    float *out = job->out + i * length;
    if (step->nhwc) {
      job->kernels->scale_shift (job->in + (int64_t)i * step->pixel, out, length, gain, bias);
    } else {
      const float p[2] = {gain[i % lines], bias[i % lines]};
      job->kernels->unary[GONIO_CPU_UNARY_AFFINE](job->in + i * length, out, length, p);
    }
    if (step->has_after)
      job->kernels->unary[step->after](out, out, length, step->p);
  }
}

static gboolean
channel_norm_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const ChannelNorm *step = data;
  ChannelNormJob job = {.step = step,
                        .kernels = run->kernels,
                        .in = (const float *)gonio_cpu_ptr (run, step->in) + step->offset,
                        .gain = gonio_cpu_ptr (run, step->gain),
                        .bias = gonio_cpu_ptr (run, step->bias),
                        .mean = gonio_cpu_ptr (run, step->mean),
                        .variance = gonio_cpu_ptr (run, step->variance),
                        .factors = gonio_cpu_ptr (run, step->factors),
                        .sums = gonio_cpu_ptr (run, step->sums),
                        .out = gonio_cpu_ptr (run, step->out)};
  size_t lines = step->nhwc ? step->space : step->channels;
  size_t length = step->nhwc ? step->channels : step->space;
  if (step->groups)
    find_statistics (&job, run);
  find_factors (&job);
  gonio_cpu_parallel (run, apply_task, &job, step->images * lines, gonio_cpu_grain (length));
  return TRUE;
}

static const char *
channel_norm_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  GonioOpId op = (GonioOpId)node->node->op;
  guint n_inputs = op == GONIO_OP_BATCH_NORMALIZATION ? 5 : 3;
  const GonioValue *in = gonio_cpu_in (node, 0);
  GonioShape shape = gonio_cpu_shape (in);
  if (shape.rank < 2)
    return "there is no channel axis";
  for (guint i = 0; i < n_inputs; i++) {
    const GonioValue *value = gonio_cpu_in (node, i);
    if (!gonio_cpu_is_float (value))
      return "only float is supported";
    if (i > 0 && gonio_cpu_count (value) != shape.dims[1])
      return "a parameter does not fit the channels";
  }
  int64_t groups = gonio_node_attr_int (node->node, "num_groups", 1);
  if (op == GONIO_OP_GROUP_NORMALIZATION && (groups < 1 || shape.dims[1] % groups))
    return "num_groups does not fit the channels";
  if (op == GONIO_OP_BATCH_NORMALIZATION && (gonio_node_attr_int (node->node, "training_mode", 0) ||
                                             gonio_cpu_out (node, 1) || gonio_cpu_out (node, 2)))
    return "training mode is not supported";
  if (in->constant)
    gonio_cpu_claim_plain (out_claim);
  else
    gonio_cpu_claim_any (node, out_claim);
  out_claim->nhwc_inputs &= 1;
  return NULL;
}

/* Given statistics: pixels may lie apart. */
static gboolean
batch_norm_takes (const GonioCpuNode *node, guint i, const GonioCpuView *view)
{
  return i == 0 && gonio_cpu_in_pixels (gonio_cpu_in (node, 0), view);
}

static gboolean
channel_norm_lower (GonioCpuLower *lower, GError **error)
{
  GonioOpId op = (GonioOpId)lower->node.node->op;
  const GonioValue *in = gonio_cpu_in (&lower->node, 0);
  GonioShape shape = gonio_cpu_shape (in);
  ChannelNorm *step = gonio_cpu_step (lower, channel_norm_run, sizeof *step, NULL);
  step->images = (size_t)shape.dims[0];
  step->channels = (size_t)shape.dims[1];
  step->space = 1;
  for (int i = 2; i < shape.rank; i++)
    step->space *= (size_t)shape.dims[i];
  step->nhwc = in->layout == GONIO_LAYOUT_NHWC && shape.rank > 2;
  step->epsilon = gonio_node_attr_float (lower->node.node, "epsilon", 1e-5f);
  step->groups = op == GONIO_OP_BATCH_NORMALIZATION ? 0
                 : op == GONIO_OP_INSTANCE_NORMALIZATION
                     ? step->channels
                     : (size_t)gonio_node_attr_int (lower->node.node, "num_groups", 1);
  GonioActivation activation = gonio_node_activation (lower->node.node);
  step->has_after = gonio_cpu_activation_kernel (&activation, &step->after, step->p);
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  step->in = view.slot;
  step->offset = view.offset;
  step->pixel = gonio_cpu_pixel (in, &view);
  step->gain = gonio_cpu_slot_in (lower, 1);
  step->bias = gonio_cpu_slot_in (lower, 2);
  step->mean = step->groups ? GONIO_CPU_NO_SLOT : gonio_cpu_slot_in (lower, 3);
  step->variance = step->groups ? GONIO_CPU_NO_SLOT : gonio_cpu_slot_in (lower, 4);
  size_t bytes = step->images * step->channels * 2 * sizeof (float);
  step->factors = gonio_cpu_slot_scratch (lower, bytes);
  step->sums = gonio_cpu_slot_scratch (lower, bytes);
  step->out = gonio_cpu_slot_out (lower, 0);
  gonio_cpu_may_overwrite (lower, 0, 0);
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_norm[] = {
    {GONIO_OP_BATCH_NORMALIZATION, channel_norm_claim, channel_norm_lower, batch_norm_takes, NULL},
    {GONIO_OP_GROUP_NORMALIZATION, channel_norm_claim, channel_norm_lower, NULL, NULL},
    {GONIO_OP_INSTANCE_NORMALIZATION, channel_norm_claim, channel_norm_lower, NULL, NULL},
    {GONIO_OP_LAYER_NORMALIZATION, layer_norm_claim, layer_norm_lower, NULL, NULL},
    {GONIO_OP_LOG_SOFTMAX, softmax_claim, softmax_lower, NULL, NULL},
    {GONIO_OP_SOFTMAX, softmax_claim, softmax_lower, NULL, NULL},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
