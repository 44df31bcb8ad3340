/* Reductions and pools of whole images. Depends on lower. */
#include "backends/gl/common/reduce.h"

#include <math.h>

/* A program should have so many texels to make, if there is enough to do, */
#define ENOUGH_TEXELS 4096
/* folds at least so many places for each, */
#define LEAST_PLACES 32
/* and never more, so that it ends soon and loses no digits. */
#define MOST_PLACES 1024

/* ---- axes ---- */

GonioGlAxes
gonio_gl_axes_plain (const GonioShape *shape, guint gone)
{
  GonioGlAxes axes = {.n = shape->rank};
  for (int d = 0; d < shape->rank; d++) {
    axes.sizes[d] = shape->dims[d];
    axes.gone[d] = (gone >> d & 1) != 0;
  }
  return axes;
}

GonioGlAxes
gonio_gl_axes_image (const GonioShape *shape, guint gone)
{
  GonioGlAxes axes = gonio_gl_axes_plain (shape, gone);
  axes.texels = TRUE;
  axes.sizes[1] = (shape->dims[1] + 3) / 4;
  if (shape->dims[1] % 4 != 0) {
    axes.channels = (int)shape->dims[1];
    axes.plane = 1;
    for (int d = 2; d < shape->rank; d++)
      axes.plane *= axes.gone[d] ? 1 : (int)shape->dims[d];
  }
  return axes;
}

void
gonio_gl_axes_count (const GonioGlAxes *axes, gint64 *out_results, gint64 *out_places)
{
  *out_results = *out_places = 1;
  for (int d = 0; d < axes->n; d++)
    *(axes->gone[d] ? out_places : out_results) *= axes->sizes[d];
}

gint64
gonio_gl_axes_texels (const GonioGlAxes *axes)
{
  gint64 results, places;
  gonio_gl_axes_count (axes, &results, &places);
  return axes->texels ? results : (results + 3) / 4;
}

/* ---- steps ---- */

typedef struct {
  int n[2]; /* axes that stay, that go */
  gint64 sizes[2][GONIO_MAX_RANK], steps[2][GONIO_MAX_RANK];
  int mode; /* of reduce.glsl */
  gint64 results, texels, places;
} Plan;

/* Neighbours of a kind become one axis. */
static Plan
plan_fold (const GonioGlAxes *axes)
{
  Plan plan = {0};
  gint64 sizes[GONIO_MAX_RANK], step = 1;
  gboolean gone[GONIO_MAX_RANK];
  int n = 0;
  for (int d = 0; d < axes->n; d++) {
    if (axes->sizes[d] == 1)
      continue;
    gboolean merges = n > 0 && gone[n - 1] == axes->gone[d];
    n += !merges;
    sizes[n - 1] = merges ? sizes[n - 1] * axes->sizes[d] : axes->sizes[d];
    gone[n - 1] = axes->gone[d];
  }
  gonio_gl_axes_count (axes, &plan.results, &plan.places);
  plan.texels = gonio_gl_axes_texels (axes);
  gboolean fours = n > 0 && sizes[n - 1] % 4 == 0;
  plan.mode = axes->texels ? 0 : !fours ? 2 : gone[n - 1];
  if (!axes->texels && fours)
    sizes[n - 1] /= 4;
  for (int d = n; d-- > 0; step *= sizes[d]) { /* outermost first in the end */
    int kind = gone[d], at = 0;
    for (int e = 0; e < d; e++)
      at += gone[e] == kind;
    plan.sizes[kind][at] = sizes[d];
    plan.steps[kind][at] = step;
    plan.n[kind]++;
  }
  for (int kind = 0; kind < 2; kind++)
    if (plan.n[kind] == 0) {
      plan.sizes[kind][0] = 1;
      plan.n[kind] = 1;
    }
  if (plan.mode == 1)
    plan.places /= 4;
  return plan;
}

/* Places that a part folds. */
static gint64
part_length (const Plan *plan)
{
  gint64 parts = MIN (ENOUGH_TEXELS / MAX (plan->texels, 1), plan->places / LEAST_PLACES);
  parts = MAX (parts, (plan->places + MOST_PLACES - 1) / MOST_PLACES);
  return parts > 1 ? (plan->places + parts - 1) / parts : MAX (plan->places, 1);
}

static gboolean
add_fold (GonioGlLower *lower, const Plan *plan, const GonioGlFold *fold, gint64 length,
          gboolean is_last, const GonioGlAxes *axes, GonioGlStep *step, GError **error)
{
  const char *finish = is_last && fold->finish ? fold->finish : "a";
  gboolean masks = is_last && axes->channels > 0;
  gint64 head[] = {plan->texels, plan->results, plan->places, length};
  step->kernel = "reduce.glsl";
  step->floats[2] = fold->numbers[0];
  step->floats[3] = fold->numbers[1];
  for (int i = 0; i < 4; i++)
    step->params[i] = (int)head[i];
  for (int kind = 0; kind < 2; kind++)
    for (int d = 0; d < plan->n[kind]; d++) {
      step->params[4 + 12 * kind + d] = (int)plan->sizes[kind][d];
      step->params[10 + 12 * kind + d] = (int)plan->steps[kind][d];
    }
  step->params[28] = axes->channels;
  step->params[29] = axes->plane;
  step->reads = length * (plan->mode == 0 ? 1 : 4);
  step->defines =
      g_strdup_printf ("MODE %d;KEPT %d;GONE %d;VALUE %s;FOLD %s;START %s;FINISH %s%s%s",
                       plan->mode, plan->n[0], plan->n[1], fold->value, fold->fold, fold->start,
                       finish, step->n_inputs > 1 ? ";SHIFT 1" : "", masks ? ";IMAGE 1" : "");
  return gonio_gl_add (lower, step, error);
}

gboolean
gonio_gl_fold (GonioGlLower *lower, const GonioGlAxes *axes, const GonioGlFold *fold,
               GonioGlSlot in, const GonioGlSlot *shift, GonioGlSlot out, GError **error)
{
  Plan plan = plan_fold (axes);
  GonioGlFold now = *fold;
  for (;;) {
    gint64 length = part_length (&plan), parts = (plan.places + length - 1) / length;
    GonioGlStep step = {.inputs = {in, shift ? *shift : 0}, .n_inputs = shift ? 2 : 1};
    gboolean is_last = parts <= 1;
    step.output = is_last ? out : gonio_gl_scratch (lower, parts * plan.texels);
    if (!add_fold (lower, &plan, &now, length, is_last, axes, &step, error))
      return FALSE;
    if (is_last)
      return TRUE;
    in = step.output; /* part after part, each with all results */
    now.value = "x";
    plan.mode = 0;
    plan.n[0] = plan.n[1] = 1;
    plan.sizes[0][0] = plan.steps[1][0] = plan.texels;
    plan.steps[0][0] = 1;
    plan.sizes[1][0] = plan.places = parts;
  }
}

/* ---- operators ---- */

#define SUM "a + b", "0.0"
static const GonioGlFold largest = {"x", "max4 (a, b)", "-ENDLESS", NULL, {0}};

static const struct {
  GonioOpId op;
  GonioGlFold fold;
} folds[] = {
    {GONIO_OP_GLOBAL_AVERAGE_POOL, {"x", SUM, "a * f[2]", {0}}},
    {GONIO_OP_GLOBAL_LP_POOL,
     {"pow (abs (x), vec4 (f[3]))", SUM, "pow (a, vec4 (1.0 / f[3]))", {0}}},
    {GONIO_OP_GLOBAL_MAX_POOL, {"x", "max4 (a, b)", "-ENDLESS", NULL, {0}}},
    {GONIO_OP_REDUCE_L1, {"abs (x)", SUM, NULL, {0}}},
    {GONIO_OP_REDUCE_L2, {"x * x", SUM, "sqrt (a)", {0}}},
    {GONIO_OP_REDUCE_LOG_SUM, {"x", SUM, "log (a)", {0}}},
    {GONIO_OP_REDUCE_LOG_SUM_EXP, {"exp (x - s)", SUM, "log (a) + s", {0}}},
    {GONIO_OP_REDUCE_MAX, {"x", "max4 (a, b)", "-ENDLESS", NULL, {0}}},
    {GONIO_OP_REDUCE_MEAN, {"x", SUM, "a * f[2]", {0}}},
    {GONIO_OP_REDUCE_MIN, {"x", "min4 (a, b)", "ENDLESS", NULL, {0}}},
    {GONIO_OP_REDUCE_PROD, {"x", "a * b", "1.0", NULL, {0}}},
    {GONIO_OP_REDUCE_SUM, {"x", SUM, NULL, {0}}},
    {GONIO_OP_REDUCE_SUM_SQUARE, {"x * x", SUM, NULL, {0}}},
};

static GonioGlFold
fold_of (const GonioNode *node, gint64 places)
{
  GonioGlFold fold = {0};
  gint64 p = gonio_node_attr_int (node, "p", 2);
  for (guint i = 0; i < G_N_ELEMENTS (folds); i++)
    if (folds[i].op == (GonioOpId)node->op)
      fold = folds[i].fold;
  if (node->op == GONIO_OP_GLOBAL_LP_POOL && p <= 2) {
    fold.value = p == 1 ? "abs (x)" : "x * x";
    fold.finish = p == 1 ? NULL : "sqrt (a)";
  }
  fold.numbers[0] = 1.0f / (float)places;
  fold.numbers[1] = (float)p;
  return fold;
}

/* Axes that go; FALSE when one is none of the value's, or comes twice. */
static gboolean
find_gone (const GonioGraph *graph, const GonioNode *node, int rank, guint *out_gone)
{
  const GonioValue *axes = gonio_gl_in (graph, node, 1);
  gint64 n = axes ? gonio_tensor_count (axes->constant) : 0;
  *out_gone = 0;
  if (n == 0 && !gonio_node_attr_int (node, "noop_with_empty_axes", 0))
    *out_gone = (1u << rank) - 1;
  for (gint64 i = 0; i < n; i++) {
    gint64 axis = axes->dtype == GONIO_DTYPE_INT64
                      ? ((const int64_t *)gonio_tensor_data (axes->constant))[i]
                      : G_MAXINT64;
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank || (*out_gone >> axis & 1))
      return FALSE;
    *out_gone |= 1u << axis;
  }
  return TRUE;
}

static const char *
reduce_claim (const GonioGraph *graph, const GonioNode *node)
{
  guint gone;
  return find_gone (graph, node, gonio_gl_shape (gonio_gl_in (graph, node, 0)).rank, &gone)
             ? NULL
             : "an axis is out of range or comes twice";
}

/* Do the results lie as texels of channels, so that an image need not become plain? */
static gboolean
stays_image (const GonioNode *node, const GonioShape *shape, const GonioShape *out, guint gone)
{
  gboolean pool = node->op == GONIO_OP_GLOBAL_AVERAGE_POOL || node->op == GONIO_OP_GLOBAL_LP_POOL ||
                  node->op == GONIO_OP_GLOBAL_MAX_POOL;
  if (shape->rank < 3 || gonio_gl_count (shape) == 0 || (gone & 2))
    return FALSE;
  if (pool || gonio_node_attr_int (node, "keepdims", 1))
    return TRUE;
  return !(gone & 1) && (out->rank >= 3 || shape->dims[1] % 4 == 0 || shape->dims[0] == 1);
}

static gboolean
lower_fold (GonioGlLower *lower, guint gone, gboolean image, GError **error)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  GonioGlAxes axes =
      image ? gonio_gl_axes_image (&shape, gone) : gonio_gl_axes_plain (&shape, gone);
  gboolean shifted = lower->node->op == GONIO_OP_REDUCE_LOG_SUM_EXP;
  GonioGlSlot in, shift = 0, result;
  gint64 results, places;
  gonio_gl_axes_count (&axes, &results, &places);
  GonioGlFold fold = fold_of (lower->node, places);
  if (!gonio_gl_read (lower, 0, image ? GONIO_GL_IMAGE : GONIO_GL_PLAIN, &in, error))
    return FALSE;
  if (shifted) { /* by the largest, so that no power is infinite */
    GonioGlFold most = largest;
    most.finish = "mix (a, vec4 (0.0), isinf (a))";
    shift = gonio_gl_scratch (lower, gonio_gl_axes_texels (&axes));
    if (!gonio_gl_fold (lower, &axes, &most, in, NULL, shift, error))
      return FALSE;
  }
  result = gonio_gl_write (lower, 0, image && out.rank >= 3 ? GONIO_GL_IMAGE : GONIO_GL_PLAIN);
  return gonio_gl_fold (lower, &axes, &fold, in, shifted ? &shift : NULL, result, error);
}

static gboolean
reduce_lower (GonioGlLower *lower, GError **error)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  guint gone;
  (void)find_gone (lower->graph, lower->node, shape.rank, &gone); /* as claimed */
  gboolean image =
      gonio_gl_has (lower, 0, GONIO_GL_IMAGE) && stays_image (lower->node, &shape, &out, gone);
  return lower_fold (lower, gone, image, error);
}

static const char *
global_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  if (node->op == GONIO_OP_GLOBAL_LP_POOL && gonio_node_attr_int (node, "p", 2) < 1)
    return "p is less than 1";
  return shape.rank < 3 || gonio_gl_count (&shape) == 0 ? "not an image" : NULL;
}

static gboolean
global_lower (GonioGlLower *lower, GError **error)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0));
  return lower_fold (lower, (1u << shape.rank) - 4, TRUE, error);
}

#define REDUCE(OP)                                                                                 \
  {                                                                                                \
    GONIO_OP_REDUCE_##OP, reduce_claim, reduce_lower, 2                                            \
  }

const GonioGlOp gonio_gl_ops_reduce[] = {
    {GONIO_OP_GLOBAL_AVERAGE_POOL, global_claim, global_lower, 0},
    {GONIO_OP_GLOBAL_LP_POOL, global_claim, global_lower, 0},
    {GONIO_OP_GLOBAL_MAX_POOL, global_claim, global_lower, 0},
    REDUCE (L1),
    REDUCE (L2),
    REDUCE (LOG_SUM),
    REDUCE (LOG_SUM_EXP),
    REDUCE (MAX),
    REDUCE (MEAN),
    REDUCE (MIN),
    REDUCE (PROD),
    REDUCE (SUM),
    REDUCE (SUM_SQUARE),
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
