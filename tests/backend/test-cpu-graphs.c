/* Random graphs of operators that mostly move data about, through the cpu backend and the
 * reference: views of views, parts of parts, values that are read in several forms and that leave
 * in the middle. An argument gives the number of graphs, a second one the first seed. */
#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "core/graph/edit.h"
#include "core/ops/op.h"
#include "core/session/session.h"

#include <math.h>

static const GonioBackendDef *const cpu[] = {&gonio_backend_cpu, &gonio_backend_reference, NULL};
static const GonioBackendDef *const reference[] = {&gonio_backend_reference, NULL};

static int n_graphs = 1000;
static guint32 first_seed = 1;

typedef struct {
  GRand *rand;
  GonioGraph *graph;
  GArray *values; /* GonioValueId that can be read */
} Maker;

static int
pick (Maker *m, int from, int to)
{
  return g_rand_int_range (m->rand, from, to + 1);
}

static GonioShape
shape_of (Maker *m, GonioValueId id)
{
  GonioShape shape = GONIO_SHAPE_SCALAR;
  g_assert_true (gonio_sym_shape_known (&gonio_graph_value (m->graph, id)->shape, &shape));
  return shape;
}

static int64_t
count_of (const GonioShape *shape)
{
  int64_t count = 0;
  g_assert_true (gonio_shape_count (shape, &count));
  return count;
}

static GonioValueId
any_value (Maker *m)
{
  return g_array_index (m->values, GonioValueId, pick (m, 0, (int)m->values->len - 1));
}

static GonioValueId
integers (Maker *m, const int64_t *values, int n)
{
  GonioShape shape = GONIO_SHAPE (n);
  g_autoptr (GonioTensor) tensor =
      gonio_tensor_new_copy (GONIO_DTYPE_INT64, &shape, values, (size_t)n * sizeof *values, NULL);
  return gonio_graph_add_constant (m->graph, NULL, tensor);
}

static GonioValueId
weights (Maker *m, GonioShape shape)
{
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  float *data = gonio_tensor_writable_data (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    data[i] = (float)g_rand_double_range (m->rand, -0.5, 0.5);
  return gonio_graph_add_constant (m->graph, NULL, tensor);
}

/* A node over inputs; its outputs become readable. */
static GonioNodeId
add (Maker *m, GonioOpId op, const GonioValueId *inputs, guint n_inputs, guint n_outputs)
{
  GonioValueId outputs[4];
  for (guint i = 0; i < n_outputs; i++)
    outputs[i] = gonio_graph_add_value (m->graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId node =
      gonio_graph_add_node (m->graph, op, NULL, inputs, n_inputs, outputs, n_outputs);
  g_array_append_vals (m->values, outputs, n_outputs);
  return node;
}

static void
infer (Maker *m, GonioNodeId node)
{
  g_autoptr (GError) error = NULL;
  gonio_infer_node (m->graph, node, &error);
  g_assert_no_error (error);
}

/* ---- kinds of nodes; FALSE when the value does not suit ---- */

static gboolean
make_transpose (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  int64_t perm[GONIO_MAX_RANK];
  for (int i = 0; i < shape.rank; i++)
    perm[i] = i;
  for (int i = shape.rank - 1; i > 0; i--) {
    int other = pick (m, 0, i);
    int64_t axis = perm[i];
    perm[i] = perm[other];
    perm[other] = axis;
  }
  GonioNodeId node = add (m, GONIO_OP_TRANSPOSE, &x, 1, 1);
  gonio_graph_set_attr_ints (m->graph, node, "perm", perm, (guint)shape.rank);
  infer (m, node);
  return TRUE;
}

/* Splits the element count at random into one to five factors. */
static gboolean
make_reshape (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  int64_t rest = count_of (&shape), dims[GONIO_MAX_RANK];
  int rank = pick (m, 1, 5);
  for (int i = 0; i < rank - 1; i++) {
    int64_t factor = pick (m, 1, 6);
    dims[i] = rest % factor == 0 ? factor : 1;
    rest /= dims[i];
  }
  dims[rank - 1] = rest;
  if (pick (m, 0, 1)) { /* or only join two neighbours, or split one in two */
    int at = pick (m, 0, MAX (shape.rank - 2, 0));
    rank = 0;
    for (int i = 0; i < shape.rank; i++)
      if (i == at && i + 1 < shape.rank) {
        dims[rank++] = shape.dims[i] * shape.dims[i + 1];
        i++;
      } else if (i == at && shape.dims[i] % 2 == 0 && shape.rank < 5) {
        dims[rank++] = 2;
        dims[rank++] = shape.dims[i] / 2;
      } else {
        dims[rank++] = shape.dims[i];
      }
  }
  GonioValueId inputs[2] = {x, integers (m, dims, rank)};
  infer (m, add (m, GONIO_OP_RESHAPE, inputs, 2, 1));
  return TRUE;
}

static gboolean
make_slice (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  int64_t axis = pick (m, 0, shape.rank - 1), dim = shape.dims[axis];
  int64_t start = pick (m, 0, (int)dim - 1), step = pick (m, 0, 3) ? 1 : pick (m, 0, 1) ? 2 : -1;
  int64_t end = step > 0 ? pick (m, (int)start + 1, (int)dim) : -dim - 1;
  GonioValueId inputs[5] = {x, integers (m, &start, 1), integers (m, &end, 1),
                            integers (m, &axis, 1), integers (m, &step, 1)};
  infer (m, add (m, GONIO_OP_SLICE, inputs, 5, 1));
  return TRUE;
}

static gboolean
make_split (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  int axis = pick (m, 0, shape.rank - 1);
  int64_t dim = shape.dims[axis], parts[3] = {dim / 3, dim / 3, dim - dim / 3 * 2};
  if (dim < 3)
    return FALSE;
  GonioValueId inputs[2] = {x, integers (m, parts, 3)};
  GonioNodeId node = add (m, GONIO_OP_SPLIT, inputs, 2, 3);
  gonio_graph_set_attr_int (m->graph, node, "axis", axis);
  infer (m, node);
  return TRUE;
}

static gboolean
make_expand (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  int64_t dims[GONIO_MAX_RANK];
  if (count_of (&shape) > 500)
    return FALSE;
  for (int i = 0; i < shape.rank; i++)
    dims[i] = shape.dims[i] == 1 ? pick (m, 1, 3) : shape.dims[i];
  GonioValueId inputs[2] = {x, integers (m, dims, shape.rank)};
  infer (m, add (m, GONIO_OP_EXPAND, inputs, 2, 1));
  return TRUE;
}

static gboolean
make_concat (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  GonioValueId inputs[2] = {x, x};
  for (guint i = 0; i < m->values->len; i++) { /* another value of that shape, if there is one */
    GonioValueId other = g_array_index (m->values, GonioValueId, i);
    GonioShape own = shape_of (m, other);
    if (gonio_shape_equal (&own, &shape) && pick (m, 0, 1))
      inputs[1] = other;
  }
  if (count_of (&shape) > 2000)
    return FALSE;
  GonioNodeId node = add (m, GONIO_OP_CONCAT, inputs, 2, 1);
  gonio_graph_set_attr_int (m->graph, node, "axis", pick (m, 0, shape.rank - 1));
  infer (m, node);
  return TRUE;
}

static gboolean
make_unary (Maker *m, GonioValueId x)
{
  static const GonioOpId ops[] = {GONIO_OP_RELU, GONIO_OP_SIGMOID, GONIO_OP_TANH, GONIO_OP_NEG};
  infer (m, add (m, ops[pick (m, 0, 3)], &x, 1, 1));
  return TRUE;
}

static gboolean
make_binary (Maker *m, GonioValueId x)
{
  static const GonioOpId ops[] = {GONIO_OP_ADD, GONIO_OP_SUB, GONIO_OP_MUL, GONIO_OP_MAX};
  GonioShape shape = shape_of (m, x), joint;
  GonioValueId other = any_value (m);
  GonioShape second = shape_of (m, other);
  if (!gonio_shape_broadcast (&shape, &second, &joint) || count_of (&joint) > 4000)
    return FALSE;
  GonioValueId inputs[2] = {x, other};
  infer (m, add (m, ops[pick (m, 0, 3)], inputs, 2, 1));
  return TRUE;
}

static gboolean
make_reduce (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  int64_t axis = pick (m, 0, shape.rank - 1);
  GonioValueId inputs[2] = {x, integers (m, &axis, 1)};
  GonioNodeId node =
      add (m, pick (m, 0, 1) ? GONIO_OP_REDUCE_MEAN : GONIO_OP_REDUCE_MAX, inputs, 2, 1);
  gonio_graph_set_attr_int (m->graph, node, "keepdims", shape.rank == 1 || pick (m, 0, 1));
  infer (m, node);
  return TRUE;
}

static gboolean
make_softmax (Maker *m, GonioValueId x)
{
  GonioNodeId node = add (m, GONIO_OP_SOFTMAX, &x, 1, 1);
  gonio_graph_set_attr_int (m->graph, node, "axis", pick (m, 0, shape_of (m, x).rank - 1));
  infer (m, node);
  return TRUE;
}

/* With weights, or with a transposed form of itself. */
static gboolean
make_matmul (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  int64_t n = shape.dims[shape.rank - 1];
  if (shape.rank < 2 || count_of (&shape) > 1000)
    return FALSE;
  GonioValueId inputs[2] = {x, GONIO_VALUE_NONE};
  if (pick (m, 0, 1)) {
    inputs[1] = weights (m, GONIO_SHAPE (n, pick (m, 1, 9)));
  } else {
    int64_t perm[GONIO_MAX_RANK];
    for (int i = 0; i < shape.rank; i++)
      perm[i] = i;
    perm[shape.rank - 1] = shape.rank - 2;
    perm[shape.rank - 2] = shape.rank - 1;
    GonioNodeId turn = add (m, GONIO_OP_TRANSPOSE, &x, 1, 1);
    gonio_graph_set_attr_ints (m->graph, turn, "perm", perm, (guint)shape.rank);
    infer (m, turn);
    inputs[1] = g_array_index (m->values, GonioValueId, m->values->len - 1);
  }
  infer (m, add (m, GONIO_OP_MATMUL, inputs, 2, 1));
  return TRUE;
}

/* Any other value of the result's shape as what the convolution adds. */
static void
add_something (Maker *m, GonioNodeId node, const GonioValueId *inputs)
{
  GonioValueId y = gonio_graph_node (m->graph, node)->outputs[0];
  GonioShape shape = shape_of (m, y);
  for (guint i = m->values->len; i-- > 0;) {
    GonioValueId other = g_array_index (m->values, GonioValueId, i);
    GonioShape own = shape_of (m, other);
    if (other == y || !gonio_shape_equal (&own, &shape))
      continue;
    GonioValueId all[4] = {inputs[0], inputs[1], GONIO_VALUE_NONE, other};
    gonio_graph_set_inputs (m->graph, node, all, 4);
    return;
  }
}

static gboolean
make_conv (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  if (shape.rank != 4)
    return FALSE;
  gboolean depthwise = pick (m, 0, 2) == 0;
  int64_t k = pick (m, 1, 3), c = shape.dims[1], n = pick (m, 0, 1) ? c : pick (m, 1, 9);
  int64_t p = k > 1 || pick (m, 0, 1), pads[4] = {p, p, p, p};
  GonioValueId inputs[2] = {
      x, weights (m, depthwise ? GONIO_SHAPE (c, 1, k, k) : GONIO_SHAPE (n, c, k, k))};
  GonioNodeId node = add (m, GONIO_OP_CONV, inputs, 2, 1);
  gonio_graph_set_attr_ints (m->graph, node, "pads", pads, 4);
  if (depthwise)
    gonio_graph_set_attr_int (m->graph, node, "group", c);
  infer (m, node);
  if (!depthwise && pick (m, 0, 1))
    add_something (m, node, inputs);
  return TRUE;
}

static gboolean
make_pool (Maker *m, GonioValueId x)
{
  static const int64_t kernel[2] = {2, 2};
  GonioShape shape = shape_of (m, x);
  if (shape.rank != 4 || shape.dims[2] < 2 || shape.dims[3] < 2)
    return FALSE;
  GonioNodeId node = add (m, pick (m, 0, 1) ? GONIO_OP_MAX_POOL : GONIO_OP_AVERAGE_POOL, &x, 1, 1);
  gonio_graph_set_attr_ints (m->graph, node, "kernel_shape", kernel, 2);
  infer (m, node);
  return TRUE;
}

static gboolean
make_average (Maker *m, GonioValueId x)
{
  if (shape_of (m, x).rank < 3)
    return FALSE;
  infer (m, add (m, GONIO_OP_GLOBAL_AVERAGE_POOL, &x, 1, 1));
  return TRUE;
}

static gboolean
make_pad (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  int64_t pads[2 * GONIO_MAX_RANK];
  if (count_of (&shape) > 500)
    return FALSE;
  for (int i = 0; i < 2 * shape.rank; i++)
    pads[i] = pick (m, 0, 1);
  GonioValueId inputs[2] = {x, integers (m, pads, 2 * shape.rank)};
  GonioNodeId node = add (m, GONIO_OP_PAD, inputs, 2, 1);
  if (pick (m, 0, 1))
    gonio_graph_set_attr_string (m->graph, node, "mode", "edge");
  infer (m, node);
  return TRUE;
}

/* ---- blocks whose results go into one Concat, or into several that grow ---- */

static GonioValueId
result (Maker *m, GonioNodeId node)
{
  infer (m, node);
  return gonio_graph_node (m->graph, node)->outputs[0];
}

static GonioValueId
join (Maker *m, const GonioValueId *parts, guint n, int axis)
{
  GonioNodeId node = add (m, GONIO_OP_CONCAT, parts, n, 1);
  gonio_graph_set_attr_int (m->graph, node, "axis", axis);
  return result (m, node);
}

static GonioValueId
ones_for (Maker *m, int64_t n)
{
  GonioShape shape = GONIO_SHAPE (n);
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  for (int64_t i = 0; i < n; i++)
    ((float *)gonio_tensor_writable_data (tensor))[i] = 1;
  return gonio_graph_add_constant (m->graph, NULL, tensor);
}

/* Something of x with its own height and width; along channels it may have another number of
 * them. */
static GonioValueId
part_of (Maker *m, GonioValueId x, gboolean along_channels)
{
  static const GonioOpId unary[] = {GONIO_OP_RELU, GONIO_OP_TANH, GONIO_OP_NEG};
  static const int64_t ones[4] = {1, 1, 1, 1}, threes[2] = {3, 3};
  int64_t c = shape_of (m, x).dims[1], n = along_channels ? pick (m, 1, 40) : c;
  GonioValueId inputs[3] = {x, x, GONIO_VALUE_NONE};
  GonioNodeId node;
  switch (pick (m, 0, 8)) {
  case 0:
    return result (m, add (m, unary[pick (m, 0, 2)], &x, 1, 1));
  case 1:
    return result (m, add (m, GONIO_OP_ADD, inputs, 2, 1));
  case 2:
    node = add (m, GONIO_OP_MAX_POOL, &x, 1, 1);
    gonio_graph_set_attr_ints (m->graph, node, "kernel_shape", threes, 2);
    gonio_graph_set_attr_ints (m->graph, node, "pads", ones, 4);
    return result (m, node);
  case 3:
    inputs[1] = GONIO_VALUE_NONE;
    inputs[2] = ones_for (m, 4);
    return result (m, add (m, GONIO_OP_RESIZE, inputs, 3, 1));
  case 4: {
    GonioValueId all[5] = {x, weights (m, GONIO_SHAPE (c)), weights (m, GONIO_SHAPE (c)),
                           weights (m, GONIO_SHAPE (c)), ones_for (m, c)};
    return result (m, add (m, GONIO_OP_BATCH_NORMALIZATION, all, 5, 1));
  }
  case 5:
    inputs[1] = weights (m, GONIO_SHAPE (c, n, 1, 1));
    return result (m, add (m, GONIO_OP_CONV_TRANSPOSE, inputs, 2, 1));
  default: {
    gboolean wide = pick (m, 0, 1);
    inputs[1] = weights (m, wide ? GONIO_SHAPE (n, c, 3, 3) : GONIO_SHAPE (n, c, 1, 1));
    node = add (m, GONIO_OP_CONV, inputs, 2, 1);
    if (wide)
      gonio_graph_set_attr_ints (m->graph, node, "pads", ones, 4);
    return result (m, node);
  }
  }
}

static gboolean
make_block (Maker *m, GonioValueId x)
{
  GonioShape shape = shape_of (m, x);
  if (shape.rank != 4 || count_of (&shape) > 600)
    return FALSE;
  int axis = pick (m, 0, 3) ? 1 : pick (m, 0, 3);
  GonioValueId parts[6] = {x};
  guint n = 1;
  if (shape.dims[axis] % 2 == 0 && axis == 1 && pick (m, 0, 1)) {
    GonioNodeId split = add (m, GONIO_OP_SPLIT, &x, 1, 2);
    gonio_graph_set_attr_int (m->graph, split, "axis", axis);
    infer (m, split);
    for (; n <= 2; n++)
      parts[n - 1] = gonio_graph_node (m->graph, split)->outputs[n - 1];
    n = 2;
  } else if (pick (m, 0, 1)) {
    parts[0] = part_of (m, x, axis == 1);
  }
  for (int k = pick (m, 1, 3); k > 0; k--) {
    gboolean grow = axis == 1 && pick (m, 0, 1);
    GonioValueId from = grow ? join (m, parts, n, axis) : parts[n - 1];
    parts[n++] = part_of (m, from, axis == 1);
  }
  join (m, parts, n, axis);
  return TRUE;
}

static gboolean (*const kinds[]) (Maker *m, GonioValueId x) = {
    make_transpose, make_transpose, make_reshape, make_reshape, make_slice,  make_split,
    make_expand,    make_concat,    make_unary,   make_unary,   make_binary, make_binary,
    make_reduce,    make_softmax,   make_matmul,  make_conv,    make_conv,   make_pool,
    make_average,   make_pad,       make_block,   make_block,   make_block,
};

/* ---- one graph ---- */

static GonioTensor **
run (GonioGraph *graph, const GonioBackendDef *const *backends, gboolean strict, GonioTensor *x,
     guint *out_n)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = backends;
  options.optimization = GONIO_OPT_DISABLED;
  options.threads = 2;
  options.strict = strict;
  g_autoptr (GonioSession) session =
      gonio_session_new_from_graph (gonio_graph_clone (graph), &options, NULL, &error);
  g_assert_no_error (error);
  const char *name = "x";
  GonioTensor **outputs = NULL;
  gonio_session_outputs (session, out_n);
  gonio_session_run (session, &name, &x, 1, &outputs, NULL, &error);
  g_assert_no_error (error);
  return outputs;
}

/* Within 1e-4 of the largest: sums of large terms may cancel. */
static gboolean
agree (const GonioTensor *a, const GonioTensor *b)
{
  double most = 0;
  if (!gonio_shape_equal (gonio_tensor_shape (a), gonio_tensor_shape (b)))
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (b); i++)
    most = fmax (most, fabs (gonio_tensor_get_double (b, i)));
  for (int64_t i = 0; i < gonio_tensor_count (a); i++) {
    double x = gonio_tensor_get_double (a, i), y = gonio_tensor_get_double (b, i);
    if (!(fabs (x - y) <= 1e-4 * (1 + most)))
      return FALSE;
  }
  return TRUE;
}

static Maker
maker_new (guint32 seed)
{
  return (Maker){g_rand_new_with_seed (seed), gonio_graph_new ("random"),
                 g_array_new (FALSE, FALSE, sizeof (GonioValueId))};
}

static GonioValueId
add_input (Maker *m, GonioShape shape)
{
  GonioSymShape sym = gonio_sym_shape_from_shape (&shape);
  GonioValueId x = gonio_graph_add_input (m->graph, "x", GONIO_DTYPE_FLOAT, &sym);
  g_array_append_val (m->values, x);
  return x;
}

/* Runs the graph both ways on random numbers, compares, and frees it. */
static void
compare (Maker *m, guint32 seed)
{
  GonioShape shape = shape_of (m, gonio_graph_find_value (m->graph, "x"));
  g_autoptr (GonioTensor) input = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  for (int64_t i = 0; i < gonio_tensor_count (input); i++)
    ((float *)gonio_tensor_writable_data (input))[i] = (float)g_rand_double_range (m->rand, -1, 1);
  guint n;
  GonioTensor **ours = run (m->graph, cpu, TRUE, input, &n);
  GonioTensor **theirs = run (m->graph, reference, FALSE, input, &n);
  for (guint i = 0; i < n; i++)
    if (!agree (ours[i], theirs[i])) {
      g_autofree char *text = gonio_graph_to_text (m->graph, gonio_op_name);
      g_test_message ("seed %u: output %u differs\n%s", seed, i, text);
      g_test_fail ();
      break;
    }
  gonio_session_free_outputs (ours, n);
  gonio_session_free_outputs (theirs, n);
  g_array_unref (m->values);
  gonio_graph_unref (m->graph);
  g_rand_free (m->rand);
}

static void
one_graph (guint32 seed)
{
  Maker m = maker_new (seed);
  add_input (&m, GONIO_SHAPE (pick (&m, 1, 2), pick (&m, 1, 12), pick (&m, 1, 8), pick (&m, 1, 8)));
  for (int made = 0, tries = 0; made < 14 && tries < 200; tries++) {
    GonioValueId from = any_value (&m); /* late values more often, for long chains */
    if (pick (&m, 0, 2))
      from = g_array_index (m.values, GonioValueId, m.values->len - 1);
    if (shape_of (&m, from).rank > 0)
      made += kinds[pick (&m, 0, G_N_ELEMENTS (kinds) - 1)](&m, from);
  }
  gonio_graph_add_output (m.graph, g_array_index (m.values, GonioValueId, m.values->len - 1));
  for (guint i = 1; i + 1 < m.values->len; i++)
    if (pick (&m, 0, 3) == 0)
      gonio_graph_add_output (m.graph, g_array_index (m.values, GonioValueId, i));
  compare (&m, seed);
}

/* Axes that are repeated have a stride of zero: that is none to go on with. */
static void
test_repeated (void)
{
  for (int form = 0; form < 2; form++) {
    Maker m = maker_new (1);
    GonioValueId inputs[2] = {
        add_input (&m, form ? GONIO_SHAPE (1, 9, 6, 1) : GONIO_SHAPE (1, 1, 6, 6)),
        integers (&m, (const int64_t[]){1, 9, 6, 6}, 4)};
    if (form == 1) { /* channels last */
      GonioValueId first[2] = {inputs[0], weights (&m, GONIO_SHAPE (9, 9, 1, 1))};
      inputs[0] = result (&m, add (&m, GONIO_OP_CONV, first, 2, 1));
    }
    GonioValueId wide = result (&m, add (&m, GONIO_OP_EXPAND, inputs, 2, 1));
    if (form == 0) { /* parts of it side by side along such an axis */
      GonioNodeId split = add (&m, GONIO_OP_SPLIT, &wide, 1, 2);
      gonio_graph_set_attr_int (m.graph, split, "axis", 2);
      infer (&m, split);
      GonioValueId parts[2] = {gonio_graph_node (m.graph, split)->outputs[0],
                               gonio_graph_node (m.graph, split)->outputs[1]};
      gonio_graph_add_output (m.graph, join (&m, parts, 2, 1));
    } else { /* read as pixels */
      GonioValueId all[5] = {wide, ones_for (&m, 9), weights (&m, GONIO_SHAPE (9)),
                             weights (&m, GONIO_SHAPE (9)), ones_for (&m, 9)};
      GonioValueId norm = result (&m, add (&m, GONIO_OP_BATCH_NORMALIZATION, all, 5, 1));
      GonioValueId next[2] = {norm, weights (&m, GONIO_SHAPE (4, 9, 1, 1))};
      gonio_graph_add_output (m.graph, result (&m, add (&m, GONIO_OP_CONV, next, 2, 1)));
    }
    compare (&m, (guint32)form);
  }
}

static void
test_graphs (void)
{
  for (int i = 0; i < n_graphs; i++)
    one_graph (first_seed + (guint32)i);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc > 1)
    n_graphs = (int)g_ascii_strtoll (argv[1], NULL, 10);
  if (argc > 2)
    first_seed = (guint32)g_ascii_strtoull (argv[2], NULL, 10);
  g_test_add_func ("/cpu-graphs/repeated", test_repeated);
  g_test_add_func ("/cpu-graphs/random", test_graphs);
  return g_test_run ();
}
