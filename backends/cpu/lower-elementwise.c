/* One- and two-input float arithmetic in any layout, and the activation fused into a node.
 * XNNPACK is not used here: its operators take no mixed layouts and no fused activation, and
 * run a merged loop on one thread. */
#include "backends/cpu/copy.h"

#include <math.h>
#include <string.h>

/* Elements handled at a time: inputs, result and activation stay in the first-level cache. */
#define CHUNK 2048

/* ---- one input ---- */

typedef struct {
  GonioCpuNest nest; /* result, input; the innermost run steps by one in both */
  GonioCpuSlot in, out;
  int64_t offset, offset_out; /* of the input and the result, in elements */
  int64_t chunks;             /* per innermost run */
  GonioCpuUnary kernel;
  float p[2];
} Unary;

typedef struct {
  const Unary *step;
  GonioCpuUnaryFunc kernel;
  const float *in;
  float *out;
} UnaryJob;

static void
unary_task (void *context, size_t start, size_t count)
{
  const UnaryJob *job = context;
  const GonioCpuNest *nest = &job->step->nest;
  int inner = nest->rank - 1;
  int64_t chunks = job->step->chunks, chunk = (int64_t)start % chunks;
  GonioCpuWalk walk;
  gonio_cpu_walk_start (&walk, nest, inner, (int64_t)start / chunks);
  for (size_t i = 0; i < count; i++) {
    int64_t at = chunk * CHUNK;
    job->kernel (job->in + walk.offsets[1] + at, job->out + walk.offsets[0] + at,
                 (size_t)MIN (CHUNK, nest->dims[inner] - at), job->step->p);
    if (++chunk == chunks) {
      chunk = 0;
      gonio_cpu_walk_next (&walk);
    }
  }
}

static gboolean
unary_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Unary *step = data;
  int inner = step->nest.rank - 1;
  UnaryJob job = {step, run->kernels->unary[step->kernel],
                  (const float *)gonio_cpu_ptr (run, step->in) + step->offset,
                  (float *)gonio_cpu_ptr (run, step->out) + step->offset_out};
  size_t items = (size_t)(gonio_cpu_nest_count (&step->nest, 0, inner) * step->chunks);
  gonio_cpu_parallel (run, unary_task, &job, items,
                      gonio_cpu_grain ((size_t)MIN (step->nest.dims[inner], CHUNK) * 2 + 16));
  return TRUE;
}

static void
add_unary (GonioCpuLower *lower, GonioCpuUnary kernel, const float p[2], gboolean on_output)
{
  const GonioValue *out = gonio_cpu_out (&lower->node, 0);
  GonioShape shape = gonio_cpu_shape (out);
  Unary *step = gonio_cpu_step (lower, unary_run, sizeof *step, NULL);
  GonioCpuView to = gonio_cpu_target (lower, 0);
  GonioCpuView from = on_output ? to : gonio_cpu_view_in (lower, 0);
  step->kernel = kernel;
  memcpy (step->p, p, sizeof step->p);
  step->out = to.slot;
  step->in = from.slot;
  step->offset_out = to.offset;
  step->offset = from.offset;
  gonio_cpu_nest_init (&step->nest, 2);
  for (int i = 0; i < shape.rank; i++)
    gonio_cpu_nest_push (&step->nest, shape.dims[i], (int64_t[]){to.strides[i], from.strides[i]});
  gonio_cpu_nest_finish (&step->nest);
  step->chunks = (step->nest.dims[step->nest.rank - 1] + CHUNK - 1) / CHUNK;
  if (!on_output)
    gonio_cpu_may_overwrite (lower, 0, 0);
}

gboolean
gonio_cpu_activation_kernel (const GonioActivation *activation, GonioCpuUnary *out_kernel,
                             float out_p[2])
{
  static const struct {
    GonioActKind kind;
    GonioCpuUnary kernel;
  } table[] = {
      {GONIO_ACT_CLIP, GONIO_CPU_UNARY_CLIP},
      {GONIO_ACT_LEAKY_RELU, GONIO_CPU_UNARY_LEAKY_RELU},
      {GONIO_ACT_SIGMOID, GONIO_CPU_UNARY_SIGMOID},
      {GONIO_ACT_TANH, GONIO_CPU_UNARY_TANH},
      {GONIO_ACT_SWISH, GONIO_CPU_UNARY_SWISH},
      {GONIO_ACT_HARD_SWISH, GONIO_CPU_UNARY_HARD_SWISH},
  };
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (table[i].kind == activation->kind) {
      *out_kernel = table[i].kernel;
      out_p[0] = activation->kind == GONIO_ACT_SWISH ? 1.0f : activation->params[0];
      out_p[1] = activation->params[1];
      return TRUE;
    }
  return FALSE;
}

void
gonio_cpu_step_activation (GonioCpuLower *lower, const GonioActivation *activation)
{
  GonioCpuUnary kernel;
  float p[2];
  if (gonio_cpu_activation_kernel (activation, &kernel, p))
    add_unary (lower, kernel, p, TRUE);
}

static const struct {
  GonioOpId op;
  GonioCpuUnary kernel;
  const char *attr[2];
  float fallback[2];
} unaries[] = {
    {GONIO_OP_ABS, GONIO_CPU_UNARY_ABS, {NULL}, {0}},
    {GONIO_OP_ACOS, GONIO_CPU_UNARY_ACOS, {NULL}, {0}},
    {GONIO_OP_ACOSH, GONIO_CPU_UNARY_ACOSH, {NULL}, {0}},
    {GONIO_OP_ASIN, GONIO_CPU_UNARY_ASIN, {NULL}, {0}},
    {GONIO_OP_ASINH, GONIO_CPU_UNARY_ASINH, {NULL}, {0}},
    {GONIO_OP_ATAN, GONIO_CPU_UNARY_ATAN, {NULL}, {0}},
    {GONIO_OP_ATANH, GONIO_CPU_UNARY_ATANH, {NULL}, {0}},
    {GONIO_OP_CEIL, GONIO_CPU_UNARY_CEIL, {NULL}, {0}},
    {GONIO_OP_CELU, GONIO_CPU_UNARY_CELU, {"alpha"}, {1}},
    {GONIO_OP_COS, GONIO_CPU_UNARY_COS, {NULL}, {0}},
    {GONIO_OP_COSH, GONIO_CPU_UNARY_COSH, {NULL}, {0}},
    {GONIO_OP_ELU, GONIO_CPU_UNARY_ELU, {"alpha"}, {1}},
    {GONIO_OP_ERF, GONIO_CPU_UNARY_ERF, {NULL}, {0}},
    {GONIO_OP_EXP, GONIO_CPU_UNARY_EXP, {NULL}, {0}},
    {GONIO_OP_FLOOR, GONIO_CPU_UNARY_FLOOR, {NULL}, {0}},
    {GONIO_OP_GELU, GONIO_CPU_UNARY_GELU, {NULL}, {0}},
    {GONIO_OP_HARD_SIGMOID, GONIO_CPU_UNARY_HARD_SIGMOID, {"alpha", "beta"}, {0.2f, 0.5f}},
    {GONIO_OP_HARD_SWISH, GONIO_CPU_UNARY_HARD_SWISH, {NULL}, {0}},
    {GONIO_OP_LEAKY_RELU, GONIO_CPU_UNARY_LEAKY_RELU, {"alpha"}, {0.01f}},
    {GONIO_OP_LOG, GONIO_CPU_UNARY_LOG, {NULL}, {0}},
    {GONIO_OP_MISH, GONIO_CPU_UNARY_MISH, {NULL}, {0}},
    {GONIO_OP_NEG, GONIO_CPU_UNARY_NEG, {NULL}, {0}},
    {GONIO_OP_RECIPROCAL, GONIO_CPU_UNARY_RECIPROCAL, {NULL}, {0}},
    {GONIO_OP_RELU, GONIO_CPU_UNARY_RELU, {NULL}, {0}},
    {GONIO_OP_ROUND, GONIO_CPU_UNARY_ROUND, {NULL}, {0}},
    {GONIO_OP_SELU, GONIO_CPU_UNARY_SELU, {"alpha", "gamma"}, {1.67326319f, 1.05070102f}},
    {GONIO_OP_SHRINK, GONIO_CPU_UNARY_SHRINK, {"bias", "lambd"}, {0, 0.5f}},
    {GONIO_OP_SIGMOID, GONIO_CPU_UNARY_SIGMOID, {NULL}, {0}},
    {GONIO_OP_SIGN, GONIO_CPU_UNARY_SIGN, {NULL}, {0}},
    {GONIO_OP_SIN, GONIO_CPU_UNARY_SIN, {NULL}, {0}},
    {GONIO_OP_SINH, GONIO_CPU_UNARY_SINH, {NULL}, {0}},
    {GONIO_OP_SOFTPLUS, GONIO_CPU_UNARY_SOFTPLUS, {NULL}, {0}},
    {GONIO_OP_SOFTSIGN, GONIO_CPU_UNARY_SOFTSIGN, {NULL}, {0}},
    {GONIO_OP_SQRT, GONIO_CPU_UNARY_SQRT, {NULL}, {0}},
    {GONIO_OP_SWISH, GONIO_CPU_UNARY_SWISH, {"alpha"}, {1}},
    {GONIO_OP_TAN, GONIO_CPU_UNARY_TAN, {NULL}, {0}},
    {GONIO_OP_TANH, GONIO_CPU_UNARY_TANH, {NULL}, {0}},
    {GONIO_OP_THRESHOLDED_RELU, GONIO_CPU_UNARY_THRESHOLDED_RELU, {"alpha"}, {1}},
};

/* A constant lies plainly whatever the result does. */
static const char *
identity_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  if (gonio_cpu_const (node, 0))
    gonio_cpu_claim_plain (out_claim);
  else
    gonio_cpu_claim_any (node, out_claim);
  return NULL;
}

static const char *
unary_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  if (!gonio_cpu_is_float (gonio_cpu_in (node, 0)))
    return "only float is supported";
  const char *approximate = gonio_node_attr_string (node->node, "approximate", "none");
  if (!g_str_equal (approximate, "none") && !g_str_equal (approximate, "tanh"))
    return "this approximation is not known";
  return identity_claim (node, out_claim);
}

static gboolean
unary_lower (GonioCpuLower *lower, GError **error)
{
  const GonioNode *node = lower->node.node;
  for (guint i = 0; i < G_N_ELEMENTS (unaries); i++) {
    if (unaries[i].op != node->op)
      continue;
    float p[2];
    for (int k = 0; k < 2; k++)
      p[k] = unaries[i].attr[k]
                 ? gonio_node_attr_float (node, unaries[i].attr[k], unaries[i].fallback[k])
                 : 0;
    GonioCpuUnary kernel = unaries[i].kernel;
    if (node->op == GONIO_OP_GELU &&
        g_str_equal (gonio_node_attr_string (node, "approximate", "none"), "tanh"))
      kernel = GONIO_CPU_UNARY_GELU_TANH;
    add_unary (lower, kernel, p, FALSE);
    return TRUE;
  }
  return gonio_cpu_fail (error, "no kernel");
}

static const char *
clip_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  float bound;
  if (!gonio_cpu_const_scalar (node, 1, &bound) || !gonio_cpu_const_scalar (node, 2, &bound))
    return "limits are not constant";
  return unary_claim (node, out_claim);
}

static gboolean
clip_lower (GonioCpuLower *lower, GError **error)
{
  float p[2] = {-INFINITY, INFINITY};
  gonio_cpu_const_scalar (&lower->node, 1, &p[0]);
  gonio_cpu_const_scalar (&lower->node, 2, &p[1]);
  add_unary (lower, GONIO_CPU_UNARY_CLIP, p, FALSE);
  return TRUE;
}

static gboolean
identity_lower (GonioCpuLower *lower, GError **error)
{
  gonio_cpu_view_same (lower);
  return TRUE;
}

/* The innermost run must step by one; short ones cost more than a copy. */
static gboolean
writes_running (const GonioCpuLower *lower, guint out, const GonioCpuView *view)
{
  GonioShape shape = gonio_cpu_shape (gonio_cpu_out (&lower->node, out));
  for (int i = 0; i < shape.rank; i++)
    if (view->strides[i] == 1 && shape.dims[i] >= 8)
      return TRUE;
  return FALSE;
}

/* ---- two inputs ---- */

typedef struct {
  GonioCpuNest nest; /* result, a, b */
  GonioCpuSlot out, a, b;
  int64_t offset_out, offset_a, offset_b;
  GonioCpuBinary kernel;
  gboolean has_after;
  GonioCpuUnary after; /* applied to each chunk while it is near */
  float p[2];
  int64_t chunks; /* per innermost run */
} Binary;

typedef struct {
  const Binary *step;
  GonioCpuBinaryFunc kernel;
  GonioCpuUnaryFunc after;
  float *out;
  const float *a, *b;
} BinaryJob;

/* n elements from p on; steps other than 0 and 1 are gathered into room first. */
static const float *
gather (const float *p, int64_t *step, float *room, size_t n)
{
  if (*step == 0 || *step == 1)
    return p;
  for (size_t i = 0; i < n; i++)
    room[i] = p[(int64_t)i * *step];
  *step = 1;
  return room;
}

static void
binary_task (void *context, size_t start, size_t count)
{
  const BinaryJob *job = context;
  const GonioCpuNest *nest = &job->step->nest;
  int inner = nest->rank - 1;
  int64_t chunks = job->step->chunks, chunk = (int64_t)start % chunks;
  float room_a[CHUNK], room_b[CHUNK];
  GonioCpuWalk walk;
  gonio_cpu_walk_start (&walk, nest, inner, (int64_t)start / chunks);
  for (size_t i = 0; i < count; i++) {
    int64_t at = chunk * CHUNK;
    size_t n = (size_t)MIN (CHUNK, nest->dims[inner] - at);
    int64_t step_a = nest->strides[1][inner], step_b = nest->strides[2][inner];
    float *out = job->out + walk.offsets[0] + at;
    const float *a = gather (job->a + walk.offsets[1] + at * step_a, &step_a, room_a, n);
    const float *b = gather (job->b + walk.offsets[2] + at * step_b, &step_b, room_b, n);
    job->kernel (a, (size_t)step_a, b, (size_t)step_b, out, n);
    if (job->after)
      job->after (out, out, n, job->step->p);
    if (++chunk == chunks) {
      chunk = 0;
      gonio_cpu_walk_next (&walk);
    }
  }
}

static gboolean
binary_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Binary *step = data;
  int inner = step->nest.rank - 1;
  BinaryJob job = {.step = step,
                   .kernel = run->kernels->binary[step->kernel],
                   .after = step->has_after ? run->kernels->unary[step->after] : NULL,
                   .out = (float *)gonio_cpu_ptr (run, step->out) + step->offset_out,
                   .a = (const float *)gonio_cpu_ptr (run, step->a) + step->offset_a,
                   .b = (const float *)gonio_cpu_ptr (run, step->b) + step->offset_b};
  size_t items = (size_t)(gonio_cpu_nest_count (&step->nest, 0, inner) * step->chunks);
  gonio_cpu_parallel (run, binary_task, &job, items,
                      gonio_cpu_grain ((size_t)MIN (step->nest.dims[inner], CHUNK) + 16));
  return TRUE;
}

/* Strides of a view of value on the axes of a broadcast to `rank` axes. */
static void
broadcast_strides (const GonioValue *value, const int64_t *strides, int rank, int64_t *out_strides)
{
  GonioShape shape = gonio_cpu_shape (value);
  for (int i = 0; i < rank; i++) {
    int axis = i - (rank - shape.rank);
    out_strides[i] = axis < 0 || shape.dims[axis] == 1 ? 0 : strides[axis];
  }
}

void
gonio_cpu_broadcast_strides (const GonioValue *value, int rank, int64_t *out_strides)
{
  int64_t own[GONIO_MAX_RANK];
  gonio_cpu_strides (value, own);
  broadcast_strides (value, own, rank, out_strides);
}

/* A constant rearranged so that it runs as the channels-last result does. NULL when it already
 * lies well. */
static GonioTensor *
rearranged (const GonioCpuLower *lower, const GonioValue *value, const GonioValue *out,
            int64_t strides[GONIO_MAX_RANK])
{
  GonioShape shape = gonio_cpu_shape (value), out_shape = gonio_cpu_shape (out);
  if (!value->constant || out->layout != GONIO_LAYOUT_NHWC || out_shape.rank < 3)
    return NULL;
  int spread = 0;
  for (int i = 0; i < out_shape.rank; i++)
    spread += strides[i] != 0;
  if (spread < 2 || strides[1] == 0)
    return NULL;
  int64_t order[GONIO_MAX_RANK], fresh[GONIO_MAX_RANK] = {0}, stride = 1;
  for (int i = 0; i < out_shape.rank; i++)
    order[gonio_cpu_axis (out, i)] = i;
  for (int i = out_shape.rank - 1; i >= 0; i--)
    if (strides[order[i]] != 0) {
      fresh[order[i]] = stride;
      stride *= out_shape.dims[order[i]];
    }
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (value->dtype, &shape, NULL);
  if (!tensor)
    return NULL;
  GonioCpuCopy copy;
  gonio_cpu_copy_init (&copy, gonio_dtype_bits (value->dtype) / 8);
  for (int i = 0; i < out_shape.rank; i++)
    if (strides[i] != 0)
      gonio_cpu_nest_push (&copy.nest, out_shape.dims[i], (int64_t[]){fresh[i], strides[i]});
  gonio_cpu_copy_finish (&copy);
  gonio_cpu_copy_now (&copy, lower->backend->kernels, gonio_tensor_writable_data (tensor),
                      gonio_tensor_data (value->constant));
  memcpy (strides, fresh, sizeof fresh);
  return g_steal_pointer (&tensor);
}

GonioCpuView
gonio_cpu_operand (GonioCpuLower *lower, guint i)
{
  const GonioValue *out = gonio_cpu_out (&lower->node, 0), *value = gonio_cpu_in (&lower->node, i);
  GonioCpuView view = gonio_cpu_view_in (lower, i), spread = view;
  broadcast_strides (value, view.strides, out->shape.rank, spread.strides);
  g_autoptr (GonioTensor) tensor = rearranged (lower, value, out, spread.strides);
  if (tensor)
    spread.slot = gonio_cpu_slot_tensor (lower, tensor);
  return spread;
}

gboolean
gonio_cpu_takes_running (const GonioCpuNode *node, guint i, const GonioCpuView *view)
{
  const GonioValue *out = gonio_cpu_out (node, 0);
  GonioShape shape = gonio_cpu_shape (out);
  int64_t to[GONIO_MAX_RANK], from[GONIO_MAX_RANK];
  GonioCpuNest nest;
  gonio_cpu_strides (out, to);
  broadcast_strides (gonio_cpu_in (node, i), view->strides, shape.rank, from);
  gonio_cpu_nest_init (&nest, 2);
  for (int k = 0; k < shape.rank; k++)
    gonio_cpu_nest_push (&nest, shape.dims[k], (int64_t[]){to[k], from[k]});
  gonio_cpu_nest_finish (&nest);
  int64_t step = nest.strides[1][nest.rank - 1];
  /* short runs cost more than bringing the view into form once */
  return (step == 1 || (step == 0 && node->node->n_inputs > 1)) && nest.dims[nest.rank - 1] >= 8;
}

gboolean
gonio_cpu_same_form (const GonioValue *a, const GonioValue *b)
{
  GonioShape x = gonio_cpu_physical (a), y = gonio_cpu_physical (b);
  int64_t sx[GONIO_MAX_RANK], sy[GONIO_MAX_RANK];
  if (a->dtype != b->dtype || !gonio_shape_equal (&x, &y))
    return FALSE;
  gonio_cpu_strides (a, sx);
  gonio_cpu_strides (b, sy);
  return memcmp (sx, sy, (size_t)x.rank * sizeof *sx) == 0;
}

/* result = f (input a, input b), or f (result so far, input b) when a is -1. */
static Binary *
add_binary (GonioCpuLower *lower, GonioCpuBinary kernel, int a, guint b)
{
  const GonioValue *out = gonio_cpu_out (&lower->node, 0);
  GonioShape shape = gonio_cpu_shape (out);
  Binary *step = gonio_cpu_step (lower, binary_run, sizeof *step, NULL);
  GonioCpuView to = gonio_cpu_target (lower, 0), first, second;
  step->kernel = kernel;
  step->out = to.slot;
  step->offset_out = to.offset;
  first = a < 0 ? to : gonio_cpu_operand (lower, (guint)a);
  second = gonio_cpu_operand (lower, b);
  step->a = first.slot;
  step->b = second.slot;
  step->offset_a = first.offset;
  step->offset_b = second.offset;
  gonio_cpu_nest_init (&step->nest, 3);
  for (int i = 0; i < shape.rank; i++)
    gonio_cpu_nest_push (&step->nest, shape.dims[i],
                         (int64_t[]){to.strides[i], first.strides[i], second.strides[i]});
  gonio_cpu_nest_finish (&step->nest);
  step->chunks = (step->nest.dims[step->nest.rank - 1] + CHUNK - 1) / CHUNK;
  return step;
}

static const struct {
  GonioOpId op;
  GonioCpuBinary kernel;
} binaries[] = {
    {GONIO_OP_ADD, GONIO_CPU_BINARY_ADD}, {GONIO_OP_SUB, GONIO_CPU_BINARY_SUB},
    {GONIO_OP_MUL, GONIO_CPU_BINARY_MUL}, {GONIO_OP_DIV, GONIO_CPU_BINARY_DIV},
    {GONIO_OP_POW, GONIO_CPU_BINARY_POW}, {GONIO_OP_PRELU, GONIO_CPU_BINARY_PRELU},
    {GONIO_OP_MAX, GONIO_CPU_BINARY_MAX}, {GONIO_OP_MIN, GONIO_CPU_BINARY_MIN},
    {GONIO_OP_SUM, GONIO_CPU_BINARY_ADD}, {GONIO_OP_MEAN, GONIO_CPU_BINARY_ADD},
};

static const char *
binary_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  for (guint i = 0; i < node->node->n_inputs; i++)
    if (!gonio_cpu_is_float (gonio_cpu_in (node, i)))
      return "only float is supported";
  if (!gonio_cpu_is_float (gonio_cpu_out (node, 0)))
    return "only float is supported";
  for (guint i = 0; i < node->node->n_inputs; i++)
    if (!gonio_cpu_fits (gonio_cpu_in (node, i), gonio_cpu_out (node, 0)))
      return "an input does not broadcast to the result";
  if (node->node->n_inputs == 1)
    return identity_claim (node, out_claim);
  gonio_cpu_claim_any (node, out_claim);
  return NULL;
}

/* x^2 and x^(1/2) are worth their own kernels. */
static gboolean
lower_simple_power (GonioCpuLower *lower)
{
  const GonioTensor *exponent = gonio_cpu_const (&lower->node, 1);
  const float none[2] = {0};
  if (!exponent || gonio_tensor_count (exponent) != 1 ||
      !gonio_cpu_same_form (gonio_cpu_in (&lower->node, 0), gonio_cpu_out (&lower->node, 0)))
    return FALSE;
  double e = gonio_tensor_get_double (exponent, 0);
  if (e != 2.0 && e != 0.5)
    return FALSE;
  add_unary (lower, e == 2.0 ? GONIO_CPU_UNARY_SQUARE : GONIO_CPU_UNARY_SQRT, none, FALSE);
  return TRUE;
}

static gboolean
binary_lower (GonioCpuLower *lower, GError **error)
{
  const GonioNode *node = lower->node.node;
  const GonioValue *out = gonio_cpu_out (&lower->node, 0);
  if (node->op == GONIO_OP_POW && lower_simple_power (lower))
    return TRUE;
  if (node->n_inputs == 1) {
    gonio_cpu_view_same (lower);
    return TRUE;
  }
  GonioCpuBinary kernel = GONIO_CPU_BINARY_COUNT;
  for (guint i = 0; i < G_N_ELEMENTS (binaries); i++)
    if (binaries[i].op == node->op)
      kernel = binaries[i].kernel;
  Binary *step = NULL;
  for (guint i = 1; i < node->n_inputs; i++)
    step = add_binary (lower, kernel, i == 1 ? 0 : -1, i);
  if (node->n_inputs == 2)
    for (guint i = 0; i < 2; i++)
      if (!gonio_cpu_const (&lower->node, i) &&
          gonio_cpu_same_form (gonio_cpu_in (&lower->node, i), out))
        gonio_cpu_may_overwrite (lower, 0, i);
  if (node->op == GONIO_OP_MEAN) {
    step->has_after = TRUE;
    step->after = GONIO_CPU_UNARY_AFFINE;
    step->p[0] = 1.0f / (float)node->n_inputs;
  } else {
    GonioActivation activation = gonio_node_activation (node);
    step->has_after = gonio_cpu_activation_kernel (&activation, &step->after, step->p);
  }
  return TRUE;
}

#define U(NAME)                                                                                    \
  {                                                                                                \
    GONIO_OP_##NAME, unary_claim, unary_lower, gonio_cpu_takes_running, writes_running             \
  }
#define B(NAME)                                                                                    \
  {                                                                                                \
    GONIO_OP_##NAME, binary_claim, binary_lower, gonio_cpu_takes_running, writes_running           \
  }
const GonioCpuOp gonio_cpu_ops_elementwise[] = {
    U (ABS),
    U (ACOS),
    U (ACOSH),
    U (ASIN),
    U (ASINH),
    U (ATAN),
    U (ATANH),
    U (CEIL),
    U (CELU),
    U (COS),
    U (COSH),
    U (ELU),
    U (ERF),
    U (EXP),
    U (FLOOR),
    U (GELU),
    U (HARD_SIGMOID),
    U (HARD_SWISH),
    U (LEAKY_RELU),
    U (LOG),
    U (MISH),
    U (NEG),
    U (RECIPROCAL),
    U (RELU),
    U (ROUND),
    U (SELU),
    U (SHRINK),
    U (SIGMOID),
    U (SIGN),
    U (SIN),
    U (SINH),
    U (SOFTPLUS),
    U (SOFTSIGN),
    U (SQRT),
    U (SWISH),
    U (TAN),
    U (TANH),
    U (THRESHOLDED_RELU),
    B (ADD),
    B (SUB),
    B (MUL),
    B (DIV),
    B (POW),
    B (PRELU),
    B (MAX),
    B (MIN),
    B (SUM),
    B (MEAN),
    {GONIO_OP_CLIP, clip_claim, clip_lower, gonio_cpu_takes_running, writes_running},
    {GONIO_OP_IDENTITY, identity_claim, identity_lower, gonio_cpu_takes_any, NULL},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
