/* Reductions over any axes in any layout, global pools, ArgMax and ArgMin. */
#include "backends/cpu/lower.h"
#include "backends/cpu/nest.h"

#include <math.h>
#include <string.h>

/* Rows summed in float before they join the total. */
#define FOLD_ROWS 64

static float
fold_start (GonioCpuFold fold)
{
  return fold == GONIO_CPU_FOLD_MAX   ? -INFINITY
         : fold == GONIO_CPU_FOLD_MIN ? INFINITY
                                      : fold == GONIO_CPU_FOLD_PROD;
}

/* How partial results of a fold are joined. */
static GonioCpuFold
fold_joint (GonioCpuFold fold)
{
  return fold == GONIO_CPU_FOLD_SUM_ABS || fold == GONIO_CPU_FOLD_SUM_SQUARE ? GONIO_CPU_FOLD_SUM
                                                                             : fold;
}

static double
fold_two (GonioCpuFold fold, double a, double b)
{
  switch (fold_joint (fold)) {
  case GONIO_CPU_FOLD_MAX:
    return b > a ? b : a;
  case GONIO_CPU_FOLD_MIN:
    return b < a ? b : a;
  case GONIO_CPU_FOLD_PROD:
    return a * b;
  default:
    return a + b;
  }
}

static void
fill (float *out, size_t n, float value)
{
  for (size_t i = 0; i < n; i++)
    out[i] = value;
}

void
gonio_cpu_fold_rows (const GonioCpuKernels *kernels, GonioCpuFold fold, const float *in,
                     size_t rows, size_t stride, size_t cols, const float *centre, float *out)
{
  float part[GONIO_CPU_FOLD_COLUMNS];
  GonioCpuFoldIntoFunc into = kernels->fold_into[fold],
                       join = kernels->fold_into[fold_joint (fold)];
  fill (out, cols, fold_start (fold));
  for (size_t start = 0; start < rows; start += FOLD_ROWS) {
    fill (part, cols, fold_start (fold));
    for (size_t i = start; i < MIN (rows, start + FOLD_ROWS); i++)
      if (centre)
        kernels->square_diff_into (part, in + i * stride, centre, cols);
      else
        into (part, in + i * stride, cols);
    join (out, part, cols);
  }
}

/* ---- reductions ---- */

typedef enum {
  FINISH_NONE,
  FINISH_MEAN,
  FINISH_ROOT,
  FINISH_LOG,
} Finish;

typedef struct {
  GonioCpuSlot in, out;
  int64_t offset;
  GonioCpuNest kept;     /* in, out: dimensions that stay, without the innermost when it stays */
  GonioCpuNest reduced;  /* in: dimensions that go, without the line or the rows below */
  gboolean along;        /* the innermost dimension goes: lines are folded */
  size_t length;         /* innermost dimension */
  size_t out_step;       /* of the innermost dimension in out, when it stays */
  size_t rows, row_step; /* innermost dimension that goes, when lines stay */
  GonioCpuFold fold;
  Finish finish;
  float scale;
} Reduce;

static const struct {
  GonioOpId op;
  GonioCpuFold fold;
  Finish finish;
} reductions[] = {
    {GONIO_OP_GLOBAL_AVERAGE_POOL, GONIO_CPU_FOLD_SUM, FINISH_MEAN},
    {GONIO_OP_GLOBAL_MAX_POOL, GONIO_CPU_FOLD_MAX, FINISH_NONE},
    {GONIO_OP_REDUCE_L1, GONIO_CPU_FOLD_SUM_ABS, FINISH_NONE},
    {GONIO_OP_REDUCE_L2, GONIO_CPU_FOLD_SUM_SQUARE, FINISH_ROOT},
    {GONIO_OP_REDUCE_LOG_SUM, GONIO_CPU_FOLD_SUM, FINISH_LOG},
    {GONIO_OP_REDUCE_MAX, GONIO_CPU_FOLD_MAX, FINISH_NONE},
    {GONIO_OP_REDUCE_MEAN, GONIO_CPU_FOLD_SUM, FINISH_MEAN},
    {GONIO_OP_REDUCE_MIN, GONIO_CPU_FOLD_MIN, FINISH_NONE},
    {GONIO_OP_REDUCE_PROD, GONIO_CPU_FOLD_PROD, FINISH_NONE},
    {GONIO_OP_REDUCE_SUM, GONIO_CPU_FOLD_SUM, FINISH_NONE},
    {GONIO_OP_REDUCE_SUM_SQUARE, GONIO_CPU_FOLD_SUM_SQUARE, FINISH_NONE},
};

typedef struct {
  const Reduce *step;
  const GonioCpuKernels *kernels;
  const float *in;
  float *out;
} ReduceJob;

static float
finished (const Reduce *step, double value)
{
  switch (step->finish) {
  case FINISH_MEAN:
    return (float)(value * step->scale);
  case FINISH_ROOT:
    return (float)sqrt (value);
  case FINISH_LOG:
    return (float)log (value);
  default:
    return (float)value;
  }
}

static void
lines_task (void *context, size_t start, size_t count)
{
  const ReduceJob *job = context;
  const Reduce *step = job->step;
  int64_t repeats = gonio_cpu_nest_count (&step->reduced, 0, step->reduced.rank);
  GonioCpuWalk kept, reduced;
  gonio_cpu_walk_start (&kept, &step->kept, step->kept.rank, (int64_t)start);
  for (size_t i = 0; i < count; i++, gonio_cpu_walk_next (&kept)) {
    double total = fold_start (step->fold);
    gonio_cpu_walk_start (&reduced, &step->reduced, step->reduced.rank, 0);
    for (int64_t r = 0; r < repeats; r++, gonio_cpu_walk_next (&reduced))
      total = fold_two (step->fold, total,
                        job->kernels->fold[step->fold](
                            job->in + kept.offsets[0] + reduced.offsets[0], step->length));
    job->out[kept.offsets[1]] = finished (step, total);
  }
}

static void
columns_task (void *context, size_t start, size_t count)
{
  const ReduceJob *job = context;
  const Reduce *step = job->step;
  float total[GONIO_CPU_FOLD_COLUMNS], part[GONIO_CPU_FOLD_COLUMNS];
  size_t strips = (step->length + GONIO_CPU_FOLD_COLUMNS - 1) / GONIO_CPU_FOLD_COLUMNS;
  int64_t repeats = gonio_cpu_nest_count (&step->reduced, 0, step->reduced.rank);
  for (size_t i = start; i < start + count; i++) {
    GonioCpuWalk kept, reduced;
    size_t first = i % strips * GONIO_CPU_FOLD_COLUMNS;
    size_t cols = MIN (GONIO_CPU_FOLD_COLUMNS, step->length - first);
    gonio_cpu_walk_start (&kept, &step->kept, step->kept.rank, (int64_t)(i / strips));
    gonio_cpu_walk_start (&reduced, &step->reduced, step->reduced.rank, 0);
    fill (total, cols, fold_start (step->fold));
    for (int64_t r = 0; r < repeats; r++, gonio_cpu_walk_next (&reduced)) {
      const float *in = job->in + kept.offsets[0] + reduced.offsets[0] + first;
      gonio_cpu_fold_rows (job->kernels, step->fold, in, step->rows, step->row_step, cols, NULL,
                           part);
      job->kernels->fold_into[fold_joint (step->fold)](total, part, cols);
    }
    float *out = job->out + kept.offsets[1] + first * step->out_step;
    for (size_t c = 0; c < cols; c++)
      out[c * step->out_step] = finished (step, total[c]);
  }
}

static gboolean
reduce_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Reduce *step = data;
  ReduceJob job = {step, run->kernels, (const float *)gonio_cpu_ptr (run, step->in) + step->offset,
                   gonio_cpu_ptr (run, step->out)};
  size_t kept = (size_t)gonio_cpu_nest_count (&step->kept, 0, step->kept.rank);
  size_t repeats = (size_t)gonio_cpu_nest_count (&step->reduced, 0, step->reduced.rank);
  if (step->along)
    gonio_cpu_parallel (run, lines_task, &job, kept,
                        gonio_cpu_grain (repeats * step->length / 2 + 16));
  else
    gonio_cpu_parallel (run, columns_task, &job,
                        kept *
                            ((step->length + GONIO_CPU_FOLD_COLUMNS - 1) / GONIO_CPU_FOLD_COLUMNS),
                        gonio_cpu_grain (repeats * step->rows * GONIO_CPU_FOLD_COLUMNS / 2));
  return TRUE;
}

/* Which axes go, by bit. FALSE when that is not known. */
static gboolean
reduced_axes (const GonioCpuNode *node, guint *out_axes)
{
  int rank = gonio_cpu_in (node, 0)->shape.rank;
  guint all = rank ? (1u << rank) - 1 : 0, count = 0;
  if (node->node->op == GONIO_OP_GLOBAL_AVERAGE_POOL ||
      node->node->op == GONIO_OP_GLOBAL_MAX_POOL) {
    *out_axes = all & ~3u;
    return rank > 2;
  }
  g_autofree int64_t *axes = NULL;
  if (gonio_cpu_in (node, 1) && !gonio_cpu_const_ints (node, 1, &axes, &count))
    return FALSE;
  if (count == 0) {
    *out_axes = gonio_node_attr_int (node->node, "noop_with_empty_axes", 0) ? 0 : all;
    return TRUE;
  }
  *out_axes = 0;
  for (guint i = 0; i < count; i++) {
    int axis = gonio_cpu_normal_axis (axes[i], rank);
    if (axis < 0 || *out_axes >> axis & 1)
      return FALSE;
    *out_axes |= 1u << axis;
  }
  return TRUE;
}

/* NHWC is possible when the result keeps its axes, or has too few to be an image. */
static void
claim_layouts (const GonioCpuNode *node, gboolean keeps_axes, GonioClaim *out_claim)
{
  const GonioValue *in = gonio_cpu_in (node, 0), *out = gonio_cpu_out (node, 0);
  gonio_cpu_claim_plain (out_claim);
  if (!in->constant && in->shape.rank >= 3 && in->shape.rank <= 5 &&
      (keeps_axes || out->shape.rank < 3)) {
    out_claim->layouts |= GONIO_CLAIM_NHWC;
    out_claim->nhwc_inputs = 1;
  }
}

static gboolean
keeps_axes (const GonioCpuNode *node)
{
  return gonio_cpu_in (node, 0)->shape.rank == gonio_cpu_out (node, 0)->shape.rank;
}

static const char *
reduce_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  guint axes;
  if (!gonio_cpu_is_float (gonio_cpu_in (node, 0)))
    return "only float is supported";
  if (!reduced_axes (node, &axes))
    return "axes are not constant, out of range or repeated";
  claim_layouts (node, keeps_axes (node), out_claim);
  out_claim->cost = (double)gonio_cpu_count (gonio_cpu_in (node, 0));
  return NULL;
}

/* Strides of the result on the axes of the input, 0 on those that go. */
static void
result_strides (const GonioCpuNode *node, guint axes, int64_t out_strides[GONIO_MAX_RANK])
{
  const GonioValue *out = gonio_cpu_out (node, 0);
  int rank = gonio_cpu_in (node, 0)->shape.rank, at = 0;
  int64_t strides[GONIO_MAX_RANK];
  gboolean kept = keeps_axes (node);
  gonio_cpu_strides (out, strides);
  for (int i = 0; i < rank; i++) {
    gboolean gone = axes >> i & 1;
    out_strides[i] = gone ? 0 : strides[kept ? i : at];
    at += !gone;
  }
}

/* Lines and columns are read side by side. */
static gboolean
reduce_takes (const GonioCpuNode *node, guint i, const GonioCpuView *view)
{
  GonioShape shape = gonio_cpu_shape (gonio_cpu_in (node, 0));
  int64_t least = G_MAXINT64;
  for (int k = 0; i == 0 && k < shape.rank; k++)
    if (shape.dims[k] != 1)
      least = MIN (least, view->strides[k]);
  return least == 1;
}

static gboolean
takes_data (const GonioCpuNode *node, guint i, const GonioCpuView *view)
{
  return i == 0;
}

/* What is left to do when whoever made input 0 has summed up its lines: images x channels x lines
 * there. */
static void
use_line_sums (GonioCpuSlot sums, GonioShape *shape, GonioCpuView *view)
{
  int64_t channels = shape->dims[1], lines = shape->rank == 4 ? shape->dims[2] : 1;
  *shape = (GonioShape){.rank = 3, .dims = {shape->dims[0], channels, lines}};
  *view = (GonioCpuView){.slot = sums, .strides = {lines * channels, 1, channels}};
}

static gboolean
reduce_lower (GonioCpuLower *lower, GError **error)
{
  guint axes;
  if (!reduced_axes (&lower->node, &axes))
    return gonio_cpu_fail (error, "axes are not constant or out of range");
  GonioShape shape = gonio_cpu_shape (gonio_cpu_in (&lower->node, 0));
  Reduce *step = gonio_cpu_step (lower, reduce_run, sizeof *step, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (reductions); i++)
    if (reductions[i].op == lower->node.node->op) {
      step->fold = reductions[i].fold;
      step->finish = reductions[i].finish;
    }
  int64_t count = 1;
  for (int i = 0; i < shape.rank; i++)
    count *= axes >> i & 1 ? shape.dims[i] : 1;
  step->scale = 1.0f / (float)count;

  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  if (lower->node.node->op == GONIO_OP_GLOBAL_AVERAGE_POOL) {
    GonioCpuSlot sums = gonio_cpu_line_sums_find (lower, 0);
    if (sums != GONIO_CPU_NO_SLOT)
      use_line_sums (sums, &shape, &view);
  }
  const int64_t *from = view.strides;
  int64_t to[GONIO_MAX_RANK];
  result_strides (&lower->node, axes, to);

  /* Memory order of the input; a third array marks which dimensions go, so that only like is
   * merged with like. */
  GonioCpuNest nest;
  gonio_cpu_nest_init (&nest, 3);
  for (int i = 0; i < shape.rank; i++) {
    gboolean gone = axes >> i & 1;
    gonio_cpu_nest_push (&nest, shape.dims[i], (int64_t[]){from[i], to[i], gone ? from[i] : 0});
  }
  gonio_cpu_nest_finish (&nest);

  int inner = nest.rank - 1;
  step->along = nest.strides[2][inner] != 0;
  step->length = (size_t)nest.dims[inner];
  step->out_step = (size_t)nest.strides[1][inner];
  step->rows = 1;
  gonio_cpu_nest_init (&step->kept, 2);
  gonio_cpu_nest_init (&step->reduced, 1);
  for (int i = 0; i < inner; i++) {
    int64_t strides[2] = {nest.strides[0][i], nest.strides[1][i]};
    if (nest.strides[2][i] == 0) {
      gonio_cpu_nest_push (&step->kept, nest.dims[i], strides);
    } else if (!step->along && step->rows == 1) { /* the outermost one serves as rows */
      step->rows = (size_t)nest.dims[i];
      step->row_step = (size_t)strides[0];
    } else {
      gonio_cpu_nest_push (&step->reduced, nest.dims[i], strides);
    }
  }
  step->in = view.slot;
  step->offset = view.offset;
  step->out = gonio_cpu_slot_out (lower, 0);
  return TRUE;
}

/* ---- ArgMax, ArgMin ---- */

typedef struct {
  GonioCpuSlot in, out;
  int64_t offset;
  GonioCpuNest others; /* in, out */
  int64_t length, step;
  gboolean is_max, last;
} Arg;

typedef struct {
  const Arg *arg;
  const float *in;
  int64_t *out;
} ArgJob;

static int64_t
find_extreme (const Arg *arg, const float *in)
{
  int64_t best = 0;
  float value = in[0];
  for (int64_t i = 1; i < arg->length; i++) {
    float x = in[i * arg->step];
    if ((arg->is_max ? x > value : x < value) || (arg->last && x == value)) {
      value = x;
      best = i;
    }
  }
  return best;
}

static void
arg_task (void *context, size_t start, size_t count)
{
  const ArgJob *job = context;
  GonioCpuWalk walk;
  gonio_cpu_walk_start (&walk, &job->arg->others, job->arg->others.rank, (int64_t)start);
  for (size_t i = 0; i < count; i++, gonio_cpu_walk_next (&walk))
    job->out[walk.offsets[1]] = find_extreme (job->arg, job->in + walk.offsets[0]);
}

static gboolean
arg_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Arg *arg = data;
  ArgJob job = {arg, (const float *)gonio_cpu_ptr (run, arg->in) + arg->offset,
                gonio_cpu_ptr (run, arg->out)};
  gonio_cpu_parallel (run, arg_task, &job,
                      (size_t)gonio_cpu_nest_count (&arg->others, 0, arg->others.rank),
                      gonio_cpu_grain ((size_t)arg->length * 2));
  return TRUE;
}

static const char *
arg_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  const GonioValue *in = gonio_cpu_in (node, 0);
  if (!gonio_cpu_is_float (in))
    return "only float is supported";
  if (gonio_cpu_normal_axis (gonio_node_attr_int (node->node, "axis", 0), in->shape.rank) < 0)
    return "axis is out of range";
  claim_layouts (node, keeps_axes (node), out_claim);
  return NULL;
}

static gboolean
arg_lower (GonioCpuLower *lower, GError **error)
{
  const GonioValue *in = gonio_cpu_in (&lower->node, 0);
  GonioShape shape = gonio_cpu_shape (in);
  int axis = gonio_cpu_normal_axis (gonio_node_attr_int (lower->node.node, "axis", 0), shape.rank);
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  const int64_t *from = view.strides;
  int64_t to[GONIO_MAX_RANK];
  result_strides (&lower->node, 1u << axis, to);
  Arg *arg = gonio_cpu_step (lower, arg_run, sizeof *arg, NULL);
  gonio_cpu_nest_init (&arg->others, 2);
  for (int i = 0; i < shape.rank; i++)
    if (i != axis)
      gonio_cpu_nest_push (&arg->others, shape.dims[i], (int64_t[]){from[i], to[i]});
  gonio_cpu_nest_finish (&arg->others);
  arg->length = shape.dims[axis];
  arg->step = from[axis];
  arg->is_max = lower->node.node->op == GONIO_OP_ARG_MAX;
  arg->last = gonio_node_attr_int (lower->node.node, "select_last_index", 0) != 0;
  arg->in = gonio_cpu_view_in (lower, 0).slot;
  arg->offset = view.offset;
  arg->out = gonio_cpu_slot_out (lower, 0);
  return TRUE;
}

#define R(NAME)                                                                                    \
  {                                                                                                \
    GONIO_OP_##NAME, reduce_claim, reduce_lower, reduce_takes, NULL                                \
  }
const GonioCpuOp gonio_cpu_ops_reduce[] = {
    R (GLOBAL_AVERAGE_POOL),
    R (GLOBAL_MAX_POOL),
    R (REDUCE_L1),
    R (REDUCE_L2),
    R (REDUCE_LOG_SUM),
    R (REDUCE_MAX),
    R (REDUCE_MEAN),
    R (REDUCE_MIN),
    R (REDUCE_PROD),
    R (REDUCE_SUM),
    R (REDUCE_SUM_SQUARE),
    {GONIO_OP_ARG_MAX, arg_claim, arg_lower, takes_data, NULL},
    {GONIO_OP_ARG_MIN, arg_claim, arg_lower, takes_data, NULL},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
