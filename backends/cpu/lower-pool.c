/* MaxPool and AveragePool in NHWC by own kernels: XNNPACK has neither rounding up nor padding
 * that counts, and takes its border from clamped positions. */
#include "backends/cpu/window.h"

#include <math.h>

#define MAX_ROWS 128

typedef struct {
  GonioCpuWindow window;
  GonioCpuSlot in, out;
  int64_t offset_out, pixel; /* of the output, in floats */
  gboolean is_max, count_padding;
} Pool;

typedef struct {
  const Pool *pool;
  const GonioCpuKernels *kernels;
  const float *in;
  float *out;
} PoolJob;

/* Rows waiting to be folded into one output pixel. */
typedef struct {
  const PoolJob *job;
  const float *rows[MAX_ROWS];
  float weights[MAX_ROWS];
  size_t n;
  float *out;
} Fold;

static void
fold_flush (Fold *fold)
{
  size_t channels = (size_t)fold->job->pool->window.channels_in;
  if (fold->job->pool->is_max)
    fold->job->kernels->max_rows (fold->rows, fold->n, fold->out, channels);
  else
    fold->job->kernels->mix (fold->rows, fold->weights, fold->n, fold->out, channels);
  fold->rows[0] = fold->out; /* what there is so far goes on as one more row */
  fold->weights[0] = 1.0f;
  fold->n = 1;
}

static void
fold_add (Fold *fold, const float *row, float weight)
{
  if (fold->n == MAX_ROWS)
    fold_flush (fold);
  fold->rows[fold->n] = row;
  fold->weights[fold->n++] = weight;
}

/* Taps of an axis that lie inside the image with its padding. */
static int64_t
padded_taps (const GonioCpuWindow *w, int axis, int64_t at)
{
  int64_t start = at * w->stride[axis] - w->before[axis];
  int64_t last = w->in[axis] + w->after[axis] - 1;
  if (start > last)
    return 0;
  return MIN (w->kernel[axis], (last - start) / w->dilation[axis] + 1);
}

static void
pool_pixel (const PoolJob *job, int64_t n, int64_t y, int64_t x, float *out)
{
  const GonioCpuWindow *w = &job->pool->window;
  int64_t top, bottom, left, right;
  gonio_cpu_window_taps (w, 0, y, &top, &bottom);
  gonio_cpu_window_taps (w, 1, x, &left, &right);
  int64_t count = job->pool->count_padding ? padded_taps (w, 0, y) * padded_taps (w, 1, x)
                                           : (bottom - top) * (right - left);
  if (bottom <= top || right <= left) {
    for (int64_t c = 0; c < w->channels_in; c++)
      out[c] = job->pool->is_max ? -INFINITY : 0.0f;
    return;
  }
  Fold fold = {.job = job, .out = out};
  float weight = 1.0f / (float)MAX (count, 1);
  for (int64_t ky = top; ky < bottom; ky++) {
    int64_t row = y * w->stride[0] - w->before[0] + ky * w->dilation[0];
    const float *line = job->in + n * w->image + row * w->line;
    for (int64_t kx = left; kx < right; kx++) {
      int64_t column = x * w->stride[1] - w->before[1] + kx * w->dilation[1];
      fold_add (&fold, line + column * w->pixel, weight);
    }
  }
  fold_flush (&fold);
}

/* Pixels first..end-1 of a line, whose windows are inside from left to right: the rows of one are
 * those of the one before, moved on. */
static void
pool_inner (const PoolJob *job, int64_t n, int64_t y, int64_t first, int64_t end, float *out)
{
  const GonioCpuWindow *w = &job->pool->window;
  const float *rows[MAX_ROWS];
  float weights[MAX_ROWS];
  int64_t top, bottom;
  gonio_cpu_window_taps (w, 0, y, &top, &bottom);
  int64_t count = (job->pool->count_padding ? padded_taps (w, 0, y) : bottom - top) * w->kernel[1];
  size_t taps = 0, channels = (size_t)w->channels_in;
  for (int64_t ky = top; ky < bottom; ky++) {
    int64_t line = y * w->stride[0] - w->before[0] + ky * w->dilation[0];
    int64_t column = first * w->stride[1] - w->before[1];
    const float *from = job->in + n * w->image + line * w->line + column * w->pixel;
    for (int64_t kx = 0; kx < w->kernel[1]; kx++, from += w->dilation[1] * w->pixel) {
      rows[taps] = from;
      weights[taps++] = 1.0f / (float)count;
    }
  }
  for (int64_t x = first; x < end; x++, out += job->pool->pixel) {
    if (job->pool->is_max)
      job->kernels->max_rows (rows, taps, out, channels);
    else
      job->kernels->mix (rows, weights, taps, out, channels);
    for (size_t t = 0; t < taps; t++)
      rows[t] += w->stride[1] * w->pixel;
  }
}

static void
pool_task (void *context, size_t start, size_t count)
{
  const PoolJob *job = context;
  const GonioCpuWindow *w = &job->pool->window;
  int64_t pixel = job->pool->pixel, inner, inner_end;
  gonio_cpu_window_inner (w, 1, &inner, &inner_end);
  for (size_t row = start; row < start + count; row++) {
    int64_t n = (int64_t)row / w->out[0], y = (int64_t)row % w->out[0], top, bottom;
    float *out = job->out + (int64_t)row * w->out[1] * pixel;
    gonio_cpu_window_taps (w, 0, y, &top, &bottom);
    gboolean fits = bottom > top && (bottom - top) * w->kernel[1] <= MAX_ROWS;
    int64_t first = fits ? inner : w->out[1], end = MAX (first, inner_end);
    for (int64_t x = 0; x < first; x++)
      pool_pixel (job, n, y, x, out + x * pixel);
    if (first < end)
      pool_inner (job, n, y, first, end, out + first * pixel);
    for (int64_t x = end; x < w->out[1]; x++)
      pool_pixel (job, n, y, x, out + x * pixel);
  }
}

static gboolean
pool_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Pool *pool = data;
  const GonioCpuWindow *w = &pool->window;
  PoolJob job = {pool, run->kernels, (const float *)gonio_cpu_ptr (run, pool->in) + w->offset,
                 (float *)gonio_cpu_ptr (run, pool->out) + pool->offset_out};
  size_t taps = (size_t)(w->kernel[0] * w->kernel[1]);
  size_t work = (size_t)w->out[1] * ((size_t)w->channels_in / 8 + 4) * MIN (taps, 1u << 16);
  gonio_cpu_parallel (run, pool_task, &job, (size_t)(w->batch * w->out[0]), gonio_cpu_grain (work));
  return TRUE;
}

static const char *
pool_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  if (!gonio_cpu_is_float (gonio_cpu_in (node, 0)))
    return "only float is supported";
  if (gonio_cpu_out (node, 1))
    return "the indices output is not supported";
  GonioCpuWindow window;
  const char *reason = gonio_cpu_window_init (&window, node, NULL);
  if (reason)
    return reason;
  gonio_cpu_claim_nhwc (out_claim, 1);
  out_claim->cost = (double)gonio_cpu_count (gonio_cpu_out (node, 0)) *
                    (double)(window.kernel[0] * window.kernel[1]);
  return NULL;
}

static gboolean
pool_lower (GonioCpuLower *lower, GError **error)
{
  Pool *pool = gonio_cpu_step (lower, pool_run, sizeof *pool, NULL);
  const char *reason = gonio_cpu_window_init (&pool->window, &lower->node, NULL);
  if (reason)
    return gonio_cpu_fail (error, "%s", reason);
  pool->is_max = lower->node.node->op == GONIO_OP_MAX_POOL;
  pool->count_padding = gonio_node_attr_int (lower->node.node, "count_include_pad", 0) != 0;
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  gonio_cpu_window_view (&pool->window, &lower->node, &view);
  pool->in = view.slot;
  GonioCpuView to = gonio_cpu_target (lower, 0);
  pool->out = to.slot;
  pool->offset_out = to.offset;
  pool->pixel = gonio_cpu_pixel (gonio_cpu_out (&lower->node, 0), &to);
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_pool[] = {
    {GONIO_OP_AVERAGE_POOL, pool_claim, pool_lower, gonio_cpu_window_takes,
     gonio_cpu_writes_pixels},
    {GONIO_OP_MAX_POOL, pool_claim, pool_lower, gonio_cpu_window_takes, gonio_cpu_writes_pixels},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
