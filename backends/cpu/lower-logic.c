/* Comparisons, truth values, Where and Cast: element by element over strides, for the few types
 * that models mix with their floats. */
#include "backends/cpu/lower.h"
#include "backends/cpu/nest.h"

#include <math.h>

/* One innermost run: n elements, steps in elements for result and up to three inputs. */
typedef void (*RunFunc) (const GonioCpuKernels *kernels, int64_t n, char *const *at,
                         const int64_t *steps);

typedef struct {
  GonioCpuNest nest;
  RunFunc run;
  guint n_inputs;
  GonioCpuSlot slots[GONIO_NEST_ARRAYS];
  int64_t sizes[GONIO_NEST_ARRAYS]; /* bytes per element */
  int64_t offsets[GONIO_NEST_ARRAYS];
} Logic;

typedef struct {
  const Logic *step;
  const GonioCpuKernels *kernels;
  char *base[GONIO_NEST_ARRAYS];
} LogicJob;

/* Elements of one run that a thread takes at a time. */
#define CHUNK 4096

static int64_t
chunks_of (const GonioCpuNest *nest)
{
  return (nest->dims[nest->rank - 1] + CHUNK - 1) / CHUNK;
}

static void
logic_task (void *context, size_t start, size_t count)
{
  const LogicJob *job = context;
  const GonioCpuNest *nest = &job->step->nest;
  int inner = nest->rank - 1;
  int64_t chunks = chunks_of (nest), steps[GONIO_NEST_ARRAYS];
  char *at[GONIO_NEST_ARRAYS];
  for (int a = 0; a < nest->arrays; a++)
    steps[a] = nest->strides[a][inner];
  for (size_t i = start; i < start + count; i++) {
    GonioCpuWalk walk;
    int64_t first = (int64_t)i % chunks * CHUNK;
    gonio_cpu_walk_start (&walk, nest, inner, (int64_t)i / chunks);
    for (int a = 0; a < nest->arrays; a++)
      at[a] = job->base[a] + (walk.offsets[a] + first * steps[a]) * job->step->sizes[a];
    job->step->run (job->kernels, MIN (CHUNK, nest->dims[inner] - first), at, steps);
  }
}

static gboolean
logic_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Logic *step = data;
  LogicJob job = {.step = step, .kernels = run->kernels};
  for (int a = 0; a < step->nest.arrays; a++)
    job.base[a] = (char *)gonio_cpu_ptr (run, step->slots[a]) + step->offsets[a] * step->sizes[a];
  int64_t lines = gonio_cpu_nest_count (&step->nest, 0, step->nest.rank - 1);
  gonio_cpu_parallel (
      run, logic_task, &job, (size_t)(lines * chunks_of (&step->nest)),
      gonio_cpu_grain ((size_t)MIN (CHUNK, step->nest.dims[step->nest.rank - 1]) + 16));
  return TRUE;
}

static void
add_logic (GonioCpuLower *lower, RunFunc run, guint n_inputs)
{
  const GonioValue *out = gonio_cpu_out (&lower->node, 0);
  GonioShape shape = gonio_cpu_shape (out);
  GonioCpuView views[GONIO_NEST_ARRAYS] = {0};
  Logic *step = gonio_cpu_step (lower, logic_run, sizeof *step, NULL);
  step->run = run;
  gonio_cpu_strides (out, views[0].strides);
  step->slots[0] = gonio_cpu_slot_out (lower, 0);
  step->sizes[0] = gonio_dtype_bits (out->dtype) / 8;
  for (guint i = 0; i < n_inputs; i++) {
    const GonioValue *in = gonio_cpu_in (&lower->node, i);
    views[i + 1] = gonio_cpu_operand (lower, i);
    step->slots[i + 1] = views[i + 1].slot;
    step->offsets[i + 1] = views[i + 1].offset;
    step->sizes[i + 1] = gonio_dtype_bits (in->dtype) / 8;
  }
  gonio_cpu_nest_init (&step->nest, (int)n_inputs + 1);
  for (int i = 0; i < shape.rank; i++) {
    int64_t all[GONIO_NEST_ARRAYS];
    for (guint a = 0; a <= n_inputs; a++)
      all[a] = views[a].strides[i];
    gonio_cpu_nest_push (&step->nest, shape.dims[i], all);
  }
  gonio_cpu_nest_finish (&step->nest);
}

/* ---- the loops ---- */

#define LOOP2(NAME, OUT, IN, EXPR)                                                                 \
  static void NAME (const GonioCpuKernels *kernels, int64_t n, char *const *at,                    \
                    const int64_t *steps)                                                          \
  {                                                                                                \
    OUT *y = (OUT *)at[0];                                                                         \
    const IN *pa = (const IN *)at[1], *pb = (const IN *)at[2];                                     \
    for (int64_t i = 0; i < n; i++) {                                                              \
      const IN a = pa[i * steps[1]], b = pb[i * steps[2]];                                         \
      y[i * steps[0]] = (OUT)(EXPR);                                                               \
    }                                                                                              \
  }

/* Floats that lie well go through the vector kernels. */
#define COMPARE(NAME, KERNEL, EXPR)                                                                \
  LOOP2 (NAME##_i64, uint8_t, int64_t, EXPR)                                                       \
  LOOP2 (NAME##_i32, uint8_t, int32_t, EXPR)                                                       \
  LOOP2 (NAME##_u8, uint8_t, uint8_t, EXPR)                                                        \
  LOOP2 (NAME##_f32_any, uint8_t, float, EXPR)                                                     \
  static void NAME##_f32 (const GonioCpuKernels *kernels, int64_t n, char *const *at,              \
                          const int64_t *steps)                                                    \
  {                                                                                                \
    if (steps[0] == 1 && (steps[1] == 0 || steps[1] == 1) && (steps[2] == 0 || steps[2] == 1))     \
      kernels->compare[KERNEL]((const float *)at[1], (size_t)steps[1], (const float *)at[2],       \
                               (size_t)steps[2], (uint8_t *)at[0], (size_t)n);                     \
    else                                                                                           \
      NAME##_f32_any (kernels, n, at, steps);                                                      \
  }
COMPARE (equal, GONIO_CPU_COMPARE_EQUAL, a == b)
COMPARE (greater, GONIO_CPU_COMPARE_GREATER, a > b)
COMPARE (greater_or_equal, GONIO_CPU_COMPARE_GREATER_OR_EQUAL, a >= b)
COMPARE (less, GONIO_CPU_COMPARE_LESS, a < b)
COMPARE (less_or_equal, GONIO_CPU_COMPARE_LESS_OR_EQUAL, a <= b)

LOOP2 (and_u8, uint8_t, uint8_t, a &&b)
LOOP2 (or_u8, uint8_t, uint8_t, a || b)
LOOP2 (xor_u8, uint8_t, uint8_t, !a != !b)

#define WHERE(BITS)                                                                                \
  static void where_##BITS (const GonioCpuKernels *kernels, int64_t n, char *const *at,            \
                            const int64_t *steps)                                                  \
  {                                                                                                \
    uint##BITS##_t *y = (uint##BITS##_t *)at[0];                                                   \
    const uint8_t *c = (const uint8_t *)at[1];                                                     \
    const uint##BITS##_t *pa = (const uint##BITS##_t *)at[2];                                      \
    const uint##BITS##_t *pb = (const uint##BITS##_t *)at[3];                                      \
    for (int64_t i = 0; i < n; i++) {                                                              \
      const uint##BITS##_t a = pa[i * steps[2]], b = pb[i * steps[3]];                             \
      y[i * steps[0]] = c[i * steps[1]] ? a : b;                                                   \
    }                                                                                              \
  }
WHERE (8)
WHERE (16)
WHERE (32)
WHERE (64)

#define CAST(NAME, OUT, IN, EXPR)                                                                  \
  static void cast_##NAME (const GonioCpuKernels *kernels, int64_t n, char *const *at,             \
                           const int64_t *steps)                                                   \
  {                                                                                                \
    OUT *y = (OUT *)at[0];                                                                         \
    const IN *p = (const IN *)at[1];                                                               \
    for (int64_t i = 0; i < n; i++) {                                                              \
      const IN x = p[i * steps[1]];                                                                \
      y[i * steps[0]] = (EXPR);                                                                    \
    }                                                                                              \
  }
CAST (u8_f32, float, uint8_t, (float)x)
CAST (i32_f32, float, int32_t, (float)x)
CAST (i64_f32, float, int64_t, (float)x)
CAST (f32_bool, uint8_t, float, x != 0.0f)
CAST (i32_bool, uint8_t, int32_t, x != 0)
CAST (i64_bool, uint8_t, int64_t, x != 0)
CAST (bool_i32, int32_t, uint8_t, x)
CAST (bool_i64, int64_t, uint8_t, x)
CAST (i32_i64, int64_t, int32_t, x)
CAST (not, uint8_t, uint8_t, !x)

/* ---- tables ---- */

static const char *
check_fit (const GonioCpuNode *node)
{
  for (guint i = 0; i < node->node->n_inputs; i++)
    if (!gonio_cpu_fits (gonio_cpu_in (node, i), gonio_cpu_out (node, 0)))
      return "an input does not broadcast to the result";
  return NULL;
}

static const struct {
  GonioOpId op;
  GonioDType dtype;
  RunFunc run;
} pairs[] = {
#define COMPARE_ROWS(OP, NAME)                                                                     \
  {OP, GONIO_DTYPE_FLOAT, NAME##_f32}, {OP, GONIO_DTYPE_INT64, NAME##_i64},                        \
      {OP, GONIO_DTYPE_INT32, NAME##_i32}, {OP, GONIO_DTYPE_UINT8, NAME##_u8},
    COMPARE_ROWS (GONIO_OP_EQUAL, equal) COMPARE_ROWS (GONIO_OP_GREATER, greater)
        COMPARE_ROWS (GONIO_OP_GREATER_OR_EQUAL, greater_or_equal)
            COMPARE_ROWS (GONIO_OP_LESS, less) COMPARE_ROWS (GONIO_OP_LESS_OR_EQUAL, less_or_equal)
#undef COMPARE_ROWS
                {GONIO_OP_EQUAL, GONIO_DTYPE_BOOL, equal_u8},
    {GONIO_OP_AND, GONIO_DTYPE_BOOL, and_u8},
    {GONIO_OP_OR, GONIO_DTYPE_BOOL, or_u8},
    {GONIO_OP_XOR, GONIO_DTYPE_BOOL, xor_u8},
};

static const struct {
  GonioDType from, to;
  RunFunc run;
} casts[] = {
    {GONIO_DTYPE_UINT8, GONIO_DTYPE_FLOAT, cast_u8_f32},
    {GONIO_DTYPE_BOOL, GONIO_DTYPE_FLOAT, cast_u8_f32},
    {GONIO_DTYPE_INT32, GONIO_DTYPE_FLOAT, cast_i32_f32},
    {GONIO_DTYPE_INT64, GONIO_DTYPE_FLOAT, cast_i64_f32},
    {GONIO_DTYPE_FLOAT, GONIO_DTYPE_BOOL, cast_f32_bool},
    {GONIO_DTYPE_INT32, GONIO_DTYPE_BOOL, cast_i32_bool},
    {GONIO_DTYPE_INT64, GONIO_DTYPE_BOOL, cast_i64_bool},
    {GONIO_DTYPE_BOOL, GONIO_DTYPE_INT32, cast_bool_i32},
    {GONIO_DTYPE_BOOL, GONIO_DTYPE_INT64, cast_bool_i64},
    {GONIO_DTYPE_INT32, GONIO_DTYPE_INT64, cast_i32_i64},
};

static RunFunc
find_pair (const GonioCpuNode *node)
{
  GonioDType dtype = gonio_cpu_in (node, 0)->dtype;
  if (gonio_cpu_in (node, 1)->dtype != dtype)
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    if (pairs[i].op == (GonioOpId)node->node->op && pairs[i].dtype == dtype)
      return pairs[i].run;
  return NULL;
}

static const char *
pair_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  if (!find_pair (node))
    return "this type is not supported";
  gonio_cpu_claim_any (node, out_claim);
  return check_fit (node);
}

static gboolean
pair_lower (GonioCpuLower *lower, GError **error)
{
  add_logic (lower, find_pair (&lower->node), 2);
  return TRUE;
}

static const char *
where_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  const GonioValue *cond = gonio_cpu_in (node, 0), *a = gonio_cpu_in (node, 1),
                   *b = gonio_cpu_in (node, 2);
  guint bits = gonio_dtype_bits (a->dtype);
  if (cond->dtype != GONIO_DTYPE_BOOL || a->dtype != b->dtype || bits < 8 || bits > 64)
    return "this type is not supported";
  gonio_cpu_claim_any (node, out_claim);
  return check_fit (node);
}

static gboolean
where_lower (GonioCpuLower *lower, GError **error)
{
  guint bits = gonio_dtype_bits (gonio_cpu_in (&lower->node, 1)->dtype);
  add_logic (lower,
             bits == 8    ? where_8
             : bits == 16 ? where_16
             : bits == 32 ? where_32
                          : where_64,
             3);
  return TRUE;
}

static RunFunc
find_cast (const GonioCpuNode *node)
{
  GonioDType from = gonio_cpu_in (node, 0)->dtype, to = gonio_cpu_out (node, 0)->dtype;
  for (guint i = 0; i < G_N_ELEMENTS (casts); i++)
    if (casts[i].from == from && casts[i].to == to)
      return casts[i].run;
  return NULL;
}

static const char *
cast_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  if (gonio_cpu_in (node, 0)->dtype != gonio_cpu_out (node, 0)->dtype && !find_cast (node))
    return "this pair of types is not supported";
  gonio_cpu_claim_any (node, out_claim);
  if (gonio_cpu_const (node, 0))
    gonio_cpu_claim_plain (out_claim);
  out_claim->nhwc_inputs &= 1;
  return gonio_node_attr (node->node, "round_mode") ? "rounding modes are not supported" : NULL;
}

static gboolean
cast_lower (GonioCpuLower *lower, GError **error)
{
  if (gonio_cpu_in (&lower->node, 0)->dtype == gonio_cpu_out (&lower->node, 0)->dtype)
    gonio_cpu_view_same (lower);
  else
    add_logic (lower, find_cast (&lower->node), 1);
  return TRUE;
}

static const char *
not_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  if (gonio_cpu_in (node, 0)->dtype != GONIO_DTYPE_BOOL)
    return "this type is not supported";
  gonio_cpu_claim_any (node, out_claim);
  return check_fit (node);
}

static gboolean
not_lower (GonioCpuLower *lower, GError **error)
{
  add_logic (lower, cast_not, 1);
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_logic[] = {
    {GONIO_OP_AND, pair_claim, pair_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_CAST, cast_claim, cast_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_EQUAL, pair_claim, pair_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_GREATER, pair_claim, pair_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_GREATER_OR_EQUAL, pair_claim, pair_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_LESS, pair_claim, pair_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_LESS_OR_EQUAL, pair_claim, pair_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_NOT, not_claim, not_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_OR, pair_claim, pair_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_WHERE, where_claim, where_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_XOR, pair_claim, pair_lower, gonio_cpu_takes_running, NULL},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
