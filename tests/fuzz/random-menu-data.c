/* Random graphs: elementwise operators, reductions, movement, indices and spelled-out patterns. */
#include "tests/fuzz/random-graph.h"

#include <math.h>
#include <string.h>

#define F    GONIO_DTYPE_FLOAT
#define I64  GONIO_DTYPE_INT64
#define NONE GONIO_VALUE_NONE

/* ---- elementwise ---- */

typedef enum { ANYWHERE, POSITIVE, ABOVE_1, WITHIN_1, WITHIN_3, EXACT_ONLY } Domain;

/* x brought to where the operator is defined and tame. */
static V
bring_to (RandomGraph *g, V x, Domain domain)
{
  V inputs[3] = {x, rg_scalar (g, F, -3), rg_scalar (g, F, 3)};

  switch (domain) {
  case POSITIVE:
  case ABOVE_1:
    x = rg_unary (g, GONIO_OP_ABS, x);
    return x == NONE
               ? NONE
               : rg_binary (g, GONIO_OP_ADD, x, rg_scalar (g, F, domain == POSITIVE ? 0.5 : 1.25));
  case WITHIN_1:
    x = rg_unary (g, GONIO_OP_TANH, x);
    return x == NONE ? NONE : rg_binary (g, GONIO_OP_MUL, x, rg_scalar (g, F, 0.9));
  case WITHIN_3:
    return rg_apply (g, GONIO_OP_CLIP, inputs, 3);
  default:
    return x;
  }
}

static const struct {
  GonioOpId op;
  Domain domain;
  const char *alpha, *beta; /* attributes, nullable */
} unary_rows[] = {
    {GONIO_OP_RELU, ANYWHERE, NULL, NULL},
    {GONIO_OP_SIGMOID, ANYWHERE, NULL, NULL},
    {GONIO_OP_TANH, ANYWHERE, NULL, NULL},
    {GONIO_OP_ABS, ANYWHERE, NULL, NULL},
    {GONIO_OP_NEG, ANYWHERE, NULL, NULL},
    {GONIO_OP_ERF, ANYWHERE, NULL, NULL},
    {GONIO_OP_LEAKY_RELU, ANYWHERE, "alpha", NULL},
    {GONIO_OP_ELU, ANYWHERE, "alpha", NULL},
    {GONIO_OP_CELU, ANYWHERE, "alpha", NULL},
    {GONIO_OP_SELU, ANYWHERE, "alpha", "gamma"},
    {GONIO_OP_HARD_SIGMOID, ANYWHERE, "alpha", "beta"},
    {GONIO_OP_HARD_SWISH, ANYWHERE, NULL, NULL},
    {GONIO_OP_GELU, ANYWHERE, NULL, NULL},
    {GONIO_OP_MISH, ANYWHERE, NULL, NULL},
    {GONIO_OP_SWISH, ANYWHERE, "alpha", NULL},
    {GONIO_OP_SOFTPLUS, ANYWHERE, NULL, NULL},
    {GONIO_OP_SOFTSIGN, ANYWHERE, NULL, NULL},
    {GONIO_OP_SIN, ANYWHERE, NULL, NULL},
    {GONIO_OP_COS, ANYWHERE, NULL, NULL},
    {GONIO_OP_ATAN, ANYWHERE, NULL, NULL},
    {GONIO_OP_ASINH, ANYWHERE, NULL, NULL},
    {GONIO_OP_EXP, WITHIN_3, NULL, NULL},
    {GONIO_OP_SINH, WITHIN_3, NULL, NULL},
    {GONIO_OP_COSH, WITHIN_3, NULL, NULL},
    {GONIO_OP_TAN, WITHIN_1, NULL, NULL},
    {GONIO_OP_ASIN, WITHIN_1, NULL, NULL},
    {GONIO_OP_ACOS, WITHIN_1, NULL, NULL},
    {GONIO_OP_ATANH, WITHIN_1, NULL, NULL},
    {GONIO_OP_ACOSH, ABOVE_1, NULL, NULL},
    {GONIO_OP_SQRT, POSITIVE, NULL, NULL},
    {GONIO_OP_LOG, POSITIVE, NULL, NULL},
    {GONIO_OP_RECIPROCAL, POSITIVE, NULL, NULL},
    {GONIO_OP_FLOOR, EXACT_ONLY, NULL, NULL},
    {GONIO_OP_CEIL, EXACT_ONLY, NULL, NULL},
    {GONIO_OP_ROUND, EXACT_ONLY, NULL, NULL},
    {GONIO_OP_SIGN, EXACT_ONLY, NULL, NULL},
    {GONIO_OP_THRESHOLDED_RELU, EXACT_ONLY, "alpha", NULL},
    {GONIO_OP_SHRINK, EXACT_ONLY, "lambd", "bias"},
    {GONIO_OP_IDENTITY, ANYWHERE, NULL, NULL},
};

static void
add_unary (RandomGraph *g)
{
  guint row = rg_take (g, G_N_ELEMENTS (unary_rows));
  V x = rg_pick (g, F, 0, 6, unary_rows[row].domain == EXACT_ONLY);

  x = bring_to (g, x, unary_rows[row].domain);
  if (x == NONE)
    return;
  GonioNodeId node = rg_node (g, unary_rows[row].op, &x, 1, 1);
  if (unary_rows[row].alpha && rg_take (g, 2))
    RG_FLOAT (g, node, unary_rows[row].alpha, 0.25 * (double)rg_between (g, 1, 6));
  if (unary_rows[row].beta && rg_take (g, 2))
    RG_FLOAT (g, node, unary_rows[row].beta, 0.25 * (double)rg_between (g, 1, 6));
  if (unary_rows[row].op == GONIO_OP_GELU && rg_take (g, 2))
    RG_STRING (g, node, "approximate", "tanh");
  rg_finish (g, node);
}

/* A shape that broadcasts with the first: some dimensions 1, leading ones missing or new. */
static GonioShape
thinned (RandomGraph *g, const GonioShape *first)
{
  GonioShape shape = *first;
  int drop = rg_take (g, 3) == 0 ? (int)rg_between (g, 0, shape.rank) : 0;

  shape.rank -= drop;
  for (int d = 0; d < shape.rank; d++)
    shape.dims[d] = rg_take (g, 3) == 0 ? 1 : first->dims[d + drop];
  if (drop == 0 && shape.rank < 4 && rg_take (g, 10) == 9) {
    memmove (shape.dims + 1, shape.dims, (size_t)shape.rank * sizeof *shape.dims);
    shape.dims[0] = 2;
    shape.rank++;
  }
  return shape;
}

/* Another operand for x: of the pool if one fits, else new. */
static V
partner (RandomGraph *g, V x, RandomFill fill, gboolean exact)
{
  GonioDType dtype = rg_dtype (g, x);
  const GonioShape own = *rg_shape (g, x);
  GonioShape shape;

  if (fill != RG_POSITIVE && rg_take (g, 2)) {
    for (guint i = g->pool->len; i-- > 0;) {
      V other = g_array_index (g->pool, V, i);
      if (other != x && rg_dtype (g, other) == dtype && (!exact || rg_is_exact (g, other)) &&
          gonio_shape_broadcast (&own, rg_shape (g, other), &shape))
        return other;
    }
  }
  shape = thinned (g, &own);
  return rg_new (g, dtype, &shape, fill);
}

static void
add_binary (RandomGraph *g)
{
  static const GonioOpId ops[] = {GONIO_OP_ADD, GONIO_OP_SUB,   GONIO_OP_MUL, GONIO_OP_DIV,
                                  GONIO_OP_POW, GONIO_OP_PRELU, GONIO_OP_MAX, GONIO_OP_MIN,
                                  GONIO_OP_ADD, GONIO_OP_MUL};
  static const double exponents[] = {2, 3, 0.5, 1, -1, 0, 1.7};
  GonioOpId op = ops[rg_take (g, G_N_ELEMENTS (ops))];
  V x = rg_pick (g, F, 0, 5, FALSE);

  if (op == GONIO_OP_POW) {
    double exponent = exponents[rg_take (g, G_N_ELEMENTS (exponents))];
    x = exponent == 2 || exponent == 3 ? x : bring_to (g, x, POSITIVE);
    if (x != NONE)
      rg_binary (g, op, x, rg_scalar (g, F, exponent));
    return;
  }
  GonioShape slopes = thinned (g, rg_shape (g, x));
  V y = op == GONIO_OP_PRELU ? rg_new (g, F, &slopes, RG_SMALL)
                             : partner (g, x, op == GONIO_OP_DIV ? RG_POSITIVE : RG_UNIFORM, FALSE);
  if (op != GONIO_OP_DIV && op != GONIO_OP_PRELU && rg_take (g, 4) == 0)
    rg_binary (g, op, y, x);
  else
    rg_binary (g, op, x, y);
}

/* What changes nothing, or only the shape: passes take it away. */
static void
add_neutral (RandomGraph *g)
{
  static const struct {
    GonioOpId op;
    float neutral;
  } rows[] = {{GONIO_OP_ADD, 0}, {GONIO_OP_SUB, 0}, {GONIO_OP_MUL, 1}, {GONIO_OP_DIV, 1},
              {GONIO_OP_POW, 1}, {GONIO_OP_MUL, 0}, {GONIO_OP_MAX, 0}};
  V x = rg_pick (g, F, 0, 4, FALSE);
  GonioShape shape = thinned (g, rg_shape (g, x));
  guint row = rg_take (g, G_N_ELEMENTS (rows));
  g_autoptr (GonioTensor) tensor = gonio_tensor_new_zeroed (F, &shape, NULL);
  float *data = gonio_tensor_writable_data (tensor);

  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    data[i] = rows[row].neutral;
  V constant = gonio_graph_add_constant (g->graph, NULL, tensor);
  if (rows[row].op == GONIO_OP_POW || rg_take (g, 3))
    rg_binary (g, rows[row].op, x, constant);
  else if (rows[row].op != GONIO_OP_DIV)
    rg_binary (g, rows[row].op, constant, x);
}

/* Two movements in a row, often each other's inverse. */
static void
add_there_and_back (RandomGraph *g)
{
  V x = rg_pick (g, F, 2, 5, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int64_t perm[GONIO_MAX_RANK], back[GONIO_MAX_RANK], dims[GONIO_MAX_RANK];
  int turn = (int)rg_between (g, 1, in.rank - 1);

  for (int d = 0; d < in.rank; d++) {
    perm[d] = (d + turn) % in.rank;
    dims[d] = in.dims[d];
  }
  for (int d = 0; d < in.rank; d++)
    back[perm[d]] = d;
  GonioNodeId node = rg_node (g, GONIO_OP_TRANSPOSE, &x, 1, 1);
  RG_INTS (g, node, "perm", perm, (guint)in.rank);
  V y = rg_result (g, node);
  if (y != NONE && rg_take (g, 2))
    y = rg_unary (g, GONIO_OP_RELU, y);
  if (y == NONE)
    return;
  if (rg_take (g, 3) == 0) { /* not the inverse */
    rg_binary (g, GONIO_OP_RESHAPE, y, rg_ints (g, (guint)in.rank, dims));
    return;
  }
  node = rg_node (g, GONIO_OP_TRANSPOSE, &y, 1, 1);
  RG_INTS (g, node, "perm", rg_take (g, 4) ? back : perm, (guint)in.rank);
  rg_finish (g, node);
}

static void
add_variadic (RandomGraph *g)
{
  static const GonioOpId ops[] = {GONIO_OP_MAX, GONIO_OP_MIN, GONIO_OP_SUM, GONIO_OP_MEAN};
  V x = rg_pick (g, F, 0, 4, FALSE);
  V inputs[4] = {x, partner (g, x, RG_UNIFORM, FALSE), NONE, NONE};
  guint n = (guint)rg_between (g, 1, 4);

  for (guint i = 2; i < n; i++) {
    GonioShape shape = thinned (g, rg_shape (g, x));
    inputs[i] = rg_new (g, F, &shape, RG_UNIFORM);
  }
  rg_apply (g, ops[rg_take (g, 4)], inputs, n);
}

static void
add_clip (RandomGraph *g)
{
  V inputs[3] = {rg_pick (g, F, 0, 5, FALSE), NONE, NONE};

  if (rg_take (g, 3))
    inputs[1] = rg_scalar (g, F, -0.25 * rg_take (g, 4));
  if (rg_take (g, 3))
    inputs[2] = rg_scalar (g, F, 0.5 + rg_take (g, 6));
  rg_apply (g, GONIO_OP_CLIP, inputs, 3);
}

/* ---- truth values ---- */

static V
compare (RandomGraph *g, V x)
{
  static const GonioOpId ops[] = {GONIO_OP_LESS, GONIO_OP_GREATER, GONIO_OP_LESS_OR_EQUAL,
                                  GONIO_OP_GREATER_OR_EQUAL, GONIO_OP_EQUAL};
  return rg_binary (g, ops[rg_take (g, 5)], x, partner (g, x, RG_GRID, TRUE));
}

static void
add_logic (RandomGraph *g)
{
  static const GonioOpId ops[] = {GONIO_OP_AND, GONIO_OP_OR, GONIO_OP_XOR};
  V a = compare (g, rg_pick (g, F, 0, 4, TRUE));

  if (a != NONE && rg_take (g, 2))
    a = rg_unary (g, GONIO_OP_NOT, a);
  if (a != NONE && rg_take (g, 2))
    rg_binary (g, ops[rg_take (g, 3)], a, partner (g, a, RG_UNIFORM, TRUE));
}

static void
add_where (RandomGraph *g)
{
  V x = rg_pick (g, F, 0, 4, FALSE), y = partner (g, x, RG_UNIFORM, FALSE);
  GonioShape shape = thinned (g, rg_shape (g, x));
  V condition = rg_new (g, GONIO_DTYPE_BOOL, &shape, RG_UNIFORM);

  rg_apply (g, GONIO_OP_WHERE, (const V[]){condition, x, y}, 3);
}

/* ---- reductions ---- */

/* A random set of axes, some counted from the end. */
static guint
random_axes (RandomGraph *g, int rank, int64_t *axes)
{
  guint n = 0, set = rg_take (g, 256);

  for (int d = 0; d < rank; d++)
    if (set >> d & 1)
      axes[n++] = rg_take (g, 3) ? d : d - rank;
  return n;
}

static void
add_reduction (RandomGraph *g)
{
  static const GonioOpId ops[] = {GONIO_OP_REDUCE_MEAN,        GONIO_OP_REDUCE_SUM,
                                  GONIO_OP_REDUCE_MAX,         GONIO_OP_REDUCE_MIN,
                                  GONIO_OP_REDUCE_L1,          GONIO_OP_REDUCE_L2,
                                  GONIO_OP_REDUCE_LOG_SUM,     GONIO_OP_REDUCE_PROD,
                                  GONIO_OP_REDUCE_LOG_SUM_EXP, GONIO_OP_REDUCE_SUM_SQUARE};
  GonioOpId op = ops[rg_take (g, G_N_ELEMENTS (ops))];
  V x = rg_pick (g, F, 0, 5, FALSE);
  int64_t axes[GONIO_MAX_RANK];

  if (op == GONIO_OP_REDUCE_LOG_SUM)
    x = bring_to (g, x, POSITIVE);
  if (op == GONIO_OP_REDUCE_PROD)
    x = bring_to (g, x, WITHIN_1);
  if (x == NONE)
    return;
  guint n = random_axes (g, rg_shape (g, x)->rank, axes);
  gboolean given = rg_take (g, 6) > 0;
  V inputs[2] = {x, given ? rg_ints (g, n, axes) : NONE};
  GonioNodeId node = rg_node (g, op, inputs, given ? 2 : 1, 1);
  RG_INT (g, node, "keepdims", rg_take (g, 2));
  if (rg_take (g, 3) == 0)
    RG_INT (g, node, "noop_with_empty_axes", 1);
  rg_finish (g, node);
}

static void
add_arg (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 4, TRUE);
  int rank = rg_shape (g, x)->rank;
  GonioNodeId node = rg_node (g, rg_take (g, 2) ? GONIO_OP_ARG_MAX : GONIO_OP_ARG_MIN, &x, 1, 1);

  RG_INT (g, node, "axis", rg_between (g, -rank, rank - 1));
  RG_INT (g, node, "keepdims", rg_take (g, 2));
  RG_INT (g, node, "select_last_index", rg_take (g, 2));
  rg_finish (g, node);
}

static void
add_cumulation (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 4, FALSE);
  int rank = rg_shape (g, x)->rank;
  gboolean product = rg_take (g, 4) == 0;

  x = product ? bring_to (g, x, WITHIN_1) : x;
  if (x == NONE)
    return;
  V inputs[2] = {x, rg_scalar (g, I64, (double)rg_between (g, -rank, rank - 1))};
  GonioNodeId node = rg_node (g, product ? GONIO_OP_CUM_PROD : GONIO_OP_CUM_SUM, inputs, 2, 1);
  RG_INT (g, node, "exclusive", rg_take (g, 2));
  RG_INT (g, node, "reverse", rg_take (g, 2));
  rg_finish (g, node);
}

static void
add_top_k (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 4, TRUE);
  const GonioShape *in = rg_shape (g, x);
  int axis = (int)rg_between (g, 0, in->rank - 1);
  int64_t k = rg_between (g, 0, MIN (in->dims[axis], 5));
  V inputs[2] = {x, rg_ints (g, 1, &k)};
  GonioNodeId node = rg_node (g, GONIO_OP_TOP_K, inputs, 2, 2);

  RG_INT (g, node, "axis", axis);
  RG_INT (g, node, "largest", rg_take (g, 2));
  rg_finish (g, node);
}

/* ---- movement ---- */

static void
add_transpose (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 6, FALSE);
  int rank = rg_shape (g, x)->rank;
  int64_t perm[GONIO_MAX_RANK];

  for (int d = 0; d < rank; d++)
    perm[d] = d;
  for (int d = rank - 1; d > 0; d--) {
    int other = (int)rg_take (g, (guint)d + 1);
    int64_t swap = perm[d];
    perm[d] = perm[other];
    perm[other] = swap;
  }
  GonioNodeId node = rg_node (g, GONIO_OP_TRANSPOSE, &x, 1, 1);
  if (rg_take (g, 5))
    RG_INTS (g, node, "perm", perm, (guint)rank);
  rg_finish (g, node);
}

static void
add_reshape (RandomGraph *g)
{
  V x = rg_pick (g, F, 0, 6, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int64_t dims[GONIO_MAX_RANK], left = 1;
  guint n = 0;

  for (int d = 0; d < in.rank; d++) {
    left *= in.dims[d];
    if (rg_take (g, 2) || d + 1 == in.rank) { /* neighbours together, or split in two */
      if (left % 2 == 0 && left > 0 && (int)n + in.rank - d < GONIO_MAX_RANK &&
          rg_take (g, 3) == 0) {
        dims[n++] = 2;
        left /= 2;
      }
      dims[n++] = left;
      left = 1;
    }
  }
  if (n > 0 && rg_take (g, 2))
    dims[rg_take (g, n)] = -1;
  rg_binary (g, GONIO_OP_RESHAPE, x, rg_ints (g, n, dims));
}

/* Flatten, Squeeze, Unsqueeze. */
static void
add_view (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 5, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int64_t axes[GONIO_MAX_RANK];
  guint n = 0, kind = rg_take (g, 3);

  if (kind == 0) {
    GonioNodeId node = rg_node (g, GONIO_OP_FLATTEN, &x, 1, 1);
    RG_INT (g, node, "axis", rg_between (g, -in.rank, in.rank));
    rg_finish (g, node);
  } else if (kind == 1) {
    for (int d = 0; d < in.rank; d++)
      if (in.dims[d] == 1 && rg_take (g, 3))
        axes[n++] = rg_take (g, 2) ? d : d - in.rank;
    rg_binary (g, GONIO_OP_SQUEEZE, x, rg_ints (g, n, axes));
  } else {
    axes[n++] = rg_between (g, 0, in.rank);
    rg_binary (g, GONIO_OP_UNSQUEEZE, x, rg_ints (g, n, axes));
  }
}

static void
add_concat (RandomGraph *g)
{
  V inputs[4];
  V x = rg_pick (g, F, 1, 5, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int axis = (int)rg_between (g, 0, in.rank - 1);
  guint n = (guint)rg_between (g, 1, 4);

  for (guint i = 0; i < n; i++) {
    GonioShape shape = in;
    shape.dims[axis] = rg_between (g, 0, 4);
    inputs[i] = i == 0 ? x : rg_take (g, 3) == 0 ? x : rg_new (g, F, &shape, RG_UNIFORM);
  }
  GonioNodeId node = rg_node (g, GONIO_OP_CONCAT, inputs, n, 1);
  RG_INT (g, node, "axis", rg_take (g, 3) ? axis : axis - in.rank);
  rg_finish (g, node);
}

static void
add_split (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 5, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int axis = (int)rg_between (g, 0, in.rank - 1);
  int64_t parts[3], dim = in.dims[axis];
  guint n = (guint)rg_between (g, 1, 3);

  for (guint i = 0; i < n; i++) {
    parts[i] = i + 1 == n ? dim : rg_between (g, 0, MIN (dim, 20));
    dim -= parts[i];
  }
  gboolean given = rg_take (g, 2);
  V inputs[2] = {x, given ? rg_ints (g, n, parts) : NONE};
  GonioNodeId node = rg_node (g, GONIO_OP_SPLIT, inputs, given ? 2 : 1, n);
  RG_INT (g, node, "axis", axis);
  if (!given)
    RG_INT (g, node, "num_outputs", n);
  rg_finish (g, node);
}

static void
add_slice (RandomGraph *g)
{
  static const int64_t steps[] = {1, 1, 1, 2, -1, 3, -2};
  V x = rg_pick (g, F, 1, 5, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int64_t starts[GONIO_MAX_RANK], ends[GONIO_MAX_RANK], strides[GONIO_MAX_RANK],
      axes[GONIO_MAX_RANK];
  guint n = random_axes (g, in.rank, axes);

  for (guint i = 0; i < n; i++) {
    int64_t dim = in.dims[axes[i] < 0 ? axes[i] + in.rank : axes[i]];
    strides[i] = steps[rg_take (g, G_N_ELEMENTS (steps))];
    starts[i] = strides[i] > 0 ? rg_between (g, 0, dim / 2) : dim - 1 - rg_take (g, 2);
    ends[i] = strides[i] < 0   ? -1 - dim
              : rg_take (g, 2) ? G_MAXINT64
                               : dim - (int64_t)rg_take (g, 3);
    if (rg_take (g, 4) == 0 && starts[i] > 0)
      starts[i] -= dim;
  }
  rg_apply (g, GONIO_OP_SLICE,
            (const V[]){x, rg_ints (g, n, starts), rg_ints (g, n, ends), rg_ints (g, n, axes),
                        rg_ints (g, n, strides)},
            5);
}

static void
add_pad (RandomGraph *g)
{
  static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
  V x = rg_pick (g, F, 1, 5, FALSE);
  const GonioShape in = *rg_shape (g, x);
  guint mode = rg_take (g, 5) % 4;
  int64_t pads[2 * GONIO_MAX_RANK];

  for (int i = 0; i < 2 * in.rank; i++) {
    pads[i] = rg_take (g, 2) ? (int64_t)rg_take (g, 3) : 0;
    if (mode != 0)
      pads[i] = MIN (pads[i], MAX (in.dims[i % in.rank] - 1, 0));
    else if (rg_take (g, 8) == 7 && in.dims[i % in.rank] > 3)
      pads[i] = -1;
  }
  V inputs[3] = {x, rg_ints (g, 2 * (guint)in.rank, pads), NONE};
  if (mode == 0 && rg_take (g, 2))
    inputs[2] = rg_scalar (g, F, 1.5);
  GonioNodeId node = rg_node (g, GONIO_OP_PAD, inputs, inputs[2] == NONE ? 2 : 3, 1);
  RG_STRING (g, node, "mode", modes[mode]);
  rg_finish (g, node);
}

static void
add_spread (RandomGraph *g) /* Expand, Tile */
{
  V x = rg_pick (g, F, 0, 4, FALSE);
  const GonioShape in = *rg_shape (g, x);
  gboolean tile = rg_take (g, 2);
  int more = !tile && in.rank < 4 && rg_take (g, 3) == 0;
  int64_t dims[GONIO_MAX_RANK];

  for (int d = 0; d < in.rank + more; d++)
    dims[d] = d < more                 ? 2
              : tile                   ? rg_between (g, 1, 3)
              : in.dims[d - more] == 1 ? rg_between (g, 1, 4)
              : rg_take (g, 2)         ? 1
                                       : in.dims[d - more];
  rg_binary (g, tile ? GONIO_OP_TILE : GONIO_OP_EXPAND, x,
             rg_ints (g, (guint)(in.rank + more), dims));
}

static void
add_depth (RandomGraph *g)
{
  gboolean to_depth = rg_take (g, 2);
  int64_t c = rg_between (g, 1, 3), h = rg_between (g, 1, 4), w = rg_between (g, 1, 4), b = 2;
  V x = rg_pick (g, F, 4, 4, FALSE);
  const GonioShape *in = rg_shape (g, x);

  if (to_depth ? in->dims[2] % b || in->dims[3] % b : in->dims[1] % (b * b))
    x = rg_new (g, F, RG_SHAPE (1, c * b * b, h * b, w * b), RG_UNIFORM);
  GonioNodeId node =
      rg_node (g, to_depth ? GONIO_OP_SPACE_TO_DEPTH : GONIO_OP_DEPTH_TO_SPACE, &x, 1, 1);
  RG_INT (g, node, "blocksize", b);
  if (!to_depth)
    RG_STRING (g, node, "mode", rg_take (g, 2) ? "CRD" : "DCR");
  rg_finish (g, node);
}

static void
add_trilu (RandomGraph *g)
{
  V inputs[2] = {rg_pick (g, F, 2, 4, FALSE), rg_scalar (g, I64, (double)rg_between (g, -3, 3))};
  GonioNodeId node = rg_node (g, GONIO_OP_TRILU, inputs, 1 + rg_take (g, 2), 1);

  RG_INT (g, node, "upper", rg_take (g, 2));
  rg_finish (g, node);
}

/* ---- indices ---- */

/* Indices into a dimension; negative ones too. */
static V
random_indices (RandomGraph *g, const GonioShape *shape, int64_t dim)
{
  GonioTensor *tensor = gonio_tensor_new_zeroed (I64, shape, NULL);
  int64_t *data = gonio_tensor_writable_data (tensor);

  for (int64_t i = 0; i < gonio_tensor_count (tensor) && dim > 0; i++)
    data[i] = (int64_t)(rg_take (g, 256) % (guint)(2 * dim)) - dim;
  return rg_constant_of (g, tensor);
}

static void
add_gather (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 4, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int axis = (int)rg_between (g, 0, in.rank - 1);
  gboolean elements = rg_take (g, 3) == 0;
  GonioShape shape = rg_random_shape (g, (int)rg_between (g, 0, 2));

  if (in.dims[axis] == 0)
    return;
  if (elements) {
    shape = in;
    shape.dims[axis] = rg_between (g, 1, 4);
  }
  V inputs[2] = {x, random_indices (g, &shape, in.dims[axis])};
  GonioNodeId node =
      rg_node (g, elements ? GONIO_OP_GATHER_ELEMENTS : GONIO_OP_GATHER, inputs, 2, 1);
  RG_INT (g, node, "axis", rg_take (g, 2) ? axis : axis - in.rank);
  rg_finish (g, node);
}

static void
add_scatter (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 4, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int axis = (int)rg_between (g, 0, in.rank - 1);
  GonioShape one = in;
  int64_t where = in.dims[axis] > 0 ? rg_between (g, 0, in.dims[axis] - 1) : 0;

  if (in.dims[axis] == 0)
    return;
  one.dims[axis] = 1;
  g_autoptr (GonioTensor) indices = gonio_tensor_new_zeroed (I64, &one, NULL);
  int64_t *data = gonio_tensor_writable_data (indices);
  for (int64_t i = 0; i < gonio_tensor_count (indices); i++)
    data[i] = where;
  V inputs[3] = {x, gonio_graph_add_constant (g->graph, NULL, indices),
                 rg_new (g, F, &one, RG_UNIFORM)};
  GonioNodeId node = rg_node (g, GONIO_OP_SCATTER_ELEMENTS, inputs, 3, 1);
  RG_INT (g, node, "axis", axis);
  if (rg_take (g, 2))
    RG_STRING (g, node, "reduction", rg_take (g, 2) ? "add" : "max");
  rg_finish (g, node);
}

/* ---- arithmetic on shapes ---- */

/* Reshape to [first dimension of x, -1], computed in the graph as exporters do. */
static void
add_shape_chain (RandomGraph *g)
{
  V x = rg_pick (g, F, 2, 5, FALSE);
  const int64_t zero = 0, minus = -1;

  if (rg_shape (g, x)->dims[0] == 0)
    return;
  V shape = rg_unary (g, GONIO_OP_SHAPE, x);
  V first = shape == NONE ? NONE : rg_binary (g, GONIO_OP_GATHER, shape, rg_ints (g, 1, &zero));
  if (first == NONE)
    return;
  V parts[2] = {first, rg_ints (g, 1, &minus)};
  GonioNodeId node = rg_node (g, GONIO_OP_CONCAT, parts, 2, 1);
  RG_INT (g, node, "axis", 0);
  V target = rg_result (g, node);
  if (target != NONE)
    rg_binary (g, GONIO_OP_RESHAPE, x, target);
}

/* ---- patterns that passes look for, and near misses ---- */

static V
times (RandomGraph *g, V x, double factor)
{
  return x == NONE ? NONE : rg_binary (g, GONIO_OP_MUL, x, rg_scalar (g, F, factor));
}

static V
plus (RandomGraph *g, V x, double term)
{
  return x == NONE ? NONE : rg_binary (g, GONIO_OP_ADD, x, rg_scalar (g, F, term));
}

static V
product (RandomGraph *g, V a, V b)
{
  return a == NONE || b == NONE ? NONE : rg_binary (g, GONIO_OP_MUL, a, b);
}

static void
add_gated (RandomGraph *g)
{
  V x = rg_pick (g, F, 0, 4, FALSE), y = NONE;
  double slip = rg_take (g, 4) ? 1 : 1.25; /* a constant that is not the expected one */

  switch (rg_take (g, 4)) {
  case 0: /* Swish */
    y = rg_unary (g, GONIO_OP_SIGMOID, rg_take (g, 2) ? times (g, x, 1.5) : x);
    product (g, x, y);
    break;
  case 1: /* HardSwish, HardSigmoid */
    y = plus (g, x, 3 * slip);
    if (y != NONE)
      y = rg_apply (g, GONIO_OP_CLIP, (const V[]){y, rg_scalar (g, F, 0), rg_scalar (g, F, 6)}, 3);
    y = rg_take (g, 2) ? product (g, x, y) : y;
    if (y != NONE)
      rg_binary (g, GONIO_OP_DIV, y, rg_scalar (g, F, 6));
    break;
  case 2: /* Gelu by erf */
    y = rg_binary (g, GONIO_OP_DIV, x, rg_scalar (g, F, G_SQRT2 * slip));
    y = y == NONE ? NONE : plus (g, rg_unary (g, GONIO_OP_ERF, y), 1);
    if (rg_take (g, 2))
      times (g, product (g, x, y), 0.5);
    else
      product (g, times (g, x, 0.5), y);
    break;
  default: /* Gelu by tanh */
    y = rg_binary (g, GONIO_OP_POW, x, rg_scalar (g, F, 3));
    y = times (g, y, 0.044715 * slip);
    y = y == NONE ? NONE : times (g, rg_binary (g, GONIO_OP_ADD, x, y), sqrt (2 / G_PI));
    y = y == NONE ? NONE : plus (g, rg_unary (g, GONIO_OP_TANH, y), 1);
    product (g, times (g, x, 0.5), y);
    break;
  }
}

static V
last_mean (RandomGraph *g, V x)
{
  const int64_t axis = -1;
  return x == NONE ? NONE : rg_binary (g, GONIO_OP_REDUCE_MEAN, x, rg_ints (g, 1, &axis));
}

static void
add_spelled_layer_norm (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 4, FALSE), mean = last_mean (g, x);
  const GonioShape in = *rg_shape (g, x);
  GonioShape last = GONIO_SHAPE (in.dims[in.rank - 1]);

  if (mean == NONE)
    return;
  V d = rg_binary (g, GONIO_OP_SUB, x, mean);
  V square = d == NONE        ? NONE
             : rg_take (g, 2) ? rg_binary (g, GONIO_OP_POW, d, rg_scalar (g, F, 2))
                              : product (g, d, d);
  V deviation = plus (g, last_mean (g, square), 0.01);
  deviation = deviation == NONE ? NONE : rg_unary (g, GONIO_OP_SQRT, deviation);
  if (deviation == NONE)
    return;
  V y = rg_binary (g, GONIO_OP_DIV, d, deviation);
  if (rg_take (g, 3))
    y = product (g, y, rg_constant (g, F, &last, RG_UNIFORM));
  if (y != NONE && rg_take (g, 3))
    rg_binary (g, GONIO_OP_ADD, y, rg_constant (g, F, &last, RG_UNIFORM));
}

const RandomRow random_menu_data[] = {
    {10, add_unary},
    {12, add_binary},
    {4, add_variadic},
    {4, add_clip},
    {3, add_logic},
    {4, add_where},
    {8, add_reduction},
    {2, add_arg},
    {2, add_cumulation},
    {2, add_top_k},
    {6, add_transpose},
    {6, add_reshape},
    {4, add_view},
    {6, add_concat},
    {4, add_split},
    {6, add_slice},
    {6, add_pad},
    {3, add_spread},
    {3, add_depth},
    {1, add_trilu},
    {5, add_gather},
    {2, add_scatter},
    {3, add_shape_chain},
    {4, add_gated},
    {3, add_spelled_layer_norm},
    {5, add_neutral},
    {4, add_there_and_back},
    {0},
};
