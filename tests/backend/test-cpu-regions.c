/* What only shows with several nodes: memory shared by views and in-place results, values that
 * leave a region in odd ways, runs from several threads, cancelling, errors at run time. */
#include "backends/cpu/compiled.h"
#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "core/base/error.h"
#include "core/graph/edit.h"
#include "core/ops/op.h"
#include "core/session/session.h"

#include <math.h>
#include <string.h>

static GonioBackendDef spied;
static const GonioBackendDef *const cpu[] = {&spied, &gonio_backend_reference, NULL};
static const GonioBackendDef *const plain[] = {&gonio_backend_reference, NULL};

/* ---- building ---- */

static GonioValueId
input (GonioGraph *graph, const char *name, GonioDType dtype, GonioShape shape)
{
  GonioSymShape sym = gonio_sym_shape_from_shape (&shape);
  return gonio_graph_add_input (graph, name, dtype, &sym);
}

static GonioValueId
numbers (GonioGraph *graph, GRand *rand, GonioShape shape, double most)
{
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  float *data = gonio_tensor_writable_data (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    data[i] = (float)g_rand_double_range (rand, -most, most);
  return gonio_graph_add_constant (graph, NULL, tensor);
}

static GonioValueId
constant (GonioGraph *graph, GRand *rand, GonioShape shape)
{
  return numbers (graph, rand, shape, 1);
}

static GonioValueId
integers (GonioGraph *graph, GonioShape values)
{
  GonioShape shape = GONIO_SHAPE (values.rank);
  g_autoptr (GonioTensor) tensor = gonio_tensor_new_copy (
      GONIO_DTYPE_INT64, &shape, values.dims, (size_t)values.rank * sizeof *values.dims, NULL);
  return gonio_graph_add_constant (graph, NULL, tensor);
}

static GonioValueId
node (GonioGraph *graph, GonioOpId op, GonioValueId a, GonioValueId b)
{
  GonioValueId inputs[2] = {a, b};
  GonioValueId out = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  gonio_graph_add_node (graph, op, NULL, inputs, b == GONIO_VALUE_NONE ? 1 : 2, &out, 1);
  return out;
}

static GonioSession *
open_session (GonioGraph *graph, const GonioBackendDef *const *backends, gboolean strict)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = backends;
  options.optimization = GONIO_OPT_DISABLED;
  options.threads = 2;
  options.strict = strict;
  g_assert_true (gonio_infer_graph (graph, &error));
  GonioSession *session =
      gonio_session_new_from_graph (gonio_graph_clone (graph), &options, NULL, &error);
  g_assert_no_error (error);
  return session;
}

static GonioTensor *
random_input (const GonioPort *port, guint32 seed)
{
  GonioShape shape;
  g_assert_true (gonio_sym_shape_known (&port->shape, &shape));
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  GonioTensor *tensor = gonio_tensor_new_zeroed (port->dtype, &shape, NULL);
  for (int64_t i = 0; port->dtype == GONIO_DTYPE_FLOAT && i < gonio_tensor_count (tensor); i++)
    ((float *)gonio_tensor_writable_data (tensor))[i] = (float)g_rand_double_range (rand, -2, 2);
  return tensor;
}

static GonioTensor **
run_session (GonioSession *session, guint32 seed, GError **error)
{
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  const char *names[4];
  GonioTensor *inputs[4], **outputs = NULL;
  for (guint i = 0; i < n; i++) {
    names[i] = ports[i].name;
    inputs[i] = random_input (&ports[i], seed + i);
  }
  gonio_session_run (session, names, inputs, n, &outputs, NULL, error);
  for (guint i = 0; i < n; i++)
    gonio_tensor_unref (inputs[i]);
  return outputs;
}

static void
expect_equal (GonioTensor **got, GonioTensor **want, guint n)
{
  for (guint o = 0; o < n; o++) {
    g_assert_true (gonio_shape_equal (gonio_tensor_shape (got[o]), gonio_tensor_shape (want[o])));
    for (int64_t i = 0; i < gonio_tensor_count (want[o]); i++) {
      double g = gonio_tensor_get_double (got[o], i), w = gonio_tensor_get_double (want[o], i);
      if (g != w && !(isnan (g) && isnan (w)) && !(fabs (g - w) <= 1e-5 * (1 + fabs (w)))) {
        g_test_fail_printf ("output %u, element %d: %g, not %g", o, (int)i, g, w);
        return;
      }
    }
  }
}

/* Both sides on several inputs, the graph freed. */
static void
compare (GonioGraph *graph)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) ours = open_session (graph, cpu, TRUE);
  g_autoptr (GonioSession) theirs = open_session (graph, plain, FALSE);
  guint n;
  gonio_session_outputs (ours, &n);
  for (guint32 seed = 1; seed < 4; seed++) {
    GonioTensor **got = run_session (ours, seed, &error);
    g_assert_no_error (error);
    GonioTensor **want = run_session (theirs, seed, &error);
    g_assert_no_error (error);
    expect_equal (got, want, n);
    gonio_session_free_outputs (got, n);
    gonio_session_free_outputs (want, n);
  }
  gonio_graph_unref (graph);
}

/* ---- memory ---- */

static void
test_in_place (void)
{
  GonioGraph *graph = gonio_graph_new ("in-place");
  GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, GONIO_SHAPE (1, 6, 5, 7));
  GonioValueId a = node (graph, GONIO_OP_RELU, x, GONIO_VALUE_NONE);
  GonioValueId b = node (graph, GONIO_OP_SIGMOID, a, GONIO_VALUE_NONE);
  GonioValueId c = node (graph, GONIO_OP_ADD, b, a); /* a must have outlived b */
  GonioValueId d = node (graph, GONIO_OP_MUL, c, c);
  GonioValueId e = node (graph, GONIO_OP_EXP, d, GONIO_VALUE_NONE);
  GonioValueId f = node (graph, GONIO_OP_SUB, e, b);
  GonioValueId g = node (graph, GONIO_OP_TANH, f, GONIO_VALUE_NONE);
  gonio_graph_add_output (graph, g);
  gonio_graph_add_output (graph, c); /* leaves while it is still read */
  compare (graph);
}

static void
test_views (void)
{
  GonioGraph *graph = gonio_graph_new ("views");
  GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, GONIO_SHAPE (2, 3, 4));
  GonioValueId a = node (graph, GONIO_OP_RESHAPE, x, integers (graph, GONIO_SHAPE (6, 4)));
  GonioValueId b = node (graph, GONIO_OP_RELU, a, GONIO_VALUE_NONE); /* must not write into x */
  GonioValueId c = node (graph, GONIO_OP_RESHAPE, b, integers (graph, GONIO_SHAPE (24)));
  GonioValueId d = node (graph, GONIO_OP_IDENTITY, c, GONIO_VALUE_NONE);
  GonioValueId e = node (graph, GONIO_OP_EXP, d, GONIO_VALUE_NONE); /* must not write into c */
  gonio_graph_add_output (graph, a);                                /* a view of the input */
  gonio_graph_add_output (graph, c);
  gonio_graph_add_output (graph, d); /* a view of another output */
  gonio_graph_add_output (graph, e);
  compare (graph);
}

static void
test_view_of_constant (void)
{
  GonioGraph *graph = gonio_graph_new ("constant");
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, GONIO_SHAPE (4, 6));
  GonioValueId k = constant (graph, rand, GONIO_SHAPE (2, 12));
  GonioValueId a = node (graph, GONIO_OP_RESHAPE, k, integers (graph, GONIO_SHAPE (4, 6)));
  GonioValueId b = node (graph, GONIO_OP_ADD, a, x); /* must not write into k */
  GonioValueId c = node (graph, GONIO_OP_MUL, b, a);
  gonio_graph_add_output (graph, a);
  gonio_graph_add_output (graph, c);
  compare (graph);
}

/* A chain that changes layout several times, with a branch that stays. */
static void
test_layouts (void)
{
  GonioGraph *graph = gonio_graph_new ("layouts");
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, GONIO_SHAPE (1, 5, 6, 8));
  GonioValueId a =
      node (graph, GONIO_OP_CONV, x, constant (graph, rand, GONIO_SHAPE (12, 5, 1, 1)));
  GonioValueId b = node (graph, GONIO_OP_RESHAPE, a, integers (graph, GONIO_SHAPE (1, 2, 6, 6, 8)));
  GonioValueId c = node (graph, GONIO_OP_TRANSPOSE, b, GONIO_VALUE_NONE);
  const int64_t perm[5] = {0, 2, 1, 3, 4};
  gonio_graph_set_attr_ints (graph, gonio_graph_value (graph, c)->producer, "perm", perm, 5);
  GonioValueId d = node (graph, GONIO_OP_RESHAPE, c, integers (graph, GONIO_SHAPE (1, 12, 6, 8)));
  GonioValueId e =
      node (graph, GONIO_OP_CONV, d, constant (graph, rand, GONIO_SHAPE (12, 12, 1, 1)));
  GonioValueId f = node (graph, GONIO_OP_ADD, e, a);
  GonioValueId g = node (graph, GONIO_OP_GLOBAL_AVERAGE_POOL, f, GONIO_VALUE_NONE);
  GonioValueId h = node (graph, GONIO_OP_MUL, f, g);
  gonio_graph_add_output (graph, h);
  gonio_graph_add_output (graph, f);
  gonio_graph_add_output (graph, d);
  compare (graph);
}

/* Means of what depthwise convolutions make, which sum up their lines on the way; a large image
 * after another convolution is made line by line. */
static void
test_averages (void)
{
  const struct {
    GonioShape shape;
    int64_t before; /* channels of an ordinary convolution before it, or 0 */
    gboolean swish;
  } cases[] = {
      {GONIO_SHAPE (1, 5, 7, 6), 0, FALSE},  {GONIO_SHAPE (3, 130, 5, 9), 0, TRUE},
      {GONIO_SHAPE (2, 19, 40), 0, FALSE},   {GONIO_SHAPE (1, 3, 150, 170), 16, TRUE},
      {GONIO_SHAPE (1, 32, 1, 1), 0, FALSE}, {GONIO_SHAPE (2, 257, 33, 1), 0, FALSE},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GonioGraph *graph = gonio_graph_new ("averages");
    g_autoptr (GRand) rand = g_rand_new_with_seed (i);
    GonioShape weights = cases[i].shape;
    GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, cases[i].shape);
    weights.dims[0] = weights.dims[1];
    weights.dims[1] = 1;
    if (cases[i].before) {
      x = node (graph, GONIO_OP_CONV, x,
                constant (graph, rand, GONIO_SHAPE (cases[i].before, weights.dims[0], 1, 1)));
      weights.dims[0] = cases[i].before;
    }
    for (int axis = 2; axis < weights.rank; axis++)
      weights.dims[axis] = MIN (weights.dims[axis], 3);
    GonioValueId y = node (graph, GONIO_OP_CONV, x, constant (graph, rand, weights));
    gonio_graph_set_attr_int (graph, gonio_graph_value (graph, y)->producer, "group",
                              weights.dims[0]);
    if (cases[i].swish)
      gonio_graph_set_attr_string (graph, gonio_graph_value (graph, y)->producer, "activation",
                                   "Swish");
    GonioValueId mean = node (graph, GONIO_OP_GLOBAL_AVERAGE_POOL, y, GONIO_VALUE_NONE);
    weights = (GonioShape){cases[i].shape.rank, {4, weights.dims[0], 1, 1}};
    gonio_graph_add_output (graph, node (graph, GONIO_OP_CONV, node (graph, GONIO_OP_MUL, y, mean),
                                         constant (graph, rand, weights)));
    gonio_graph_add_output (graph, mean);
    compare (graph);
  }
}

/* The smallest of one value is that value, and a constant lies plainly. */
static void
test_one_operand (void)
{
  static const GonioOpId ops[] = {GONIO_OP_MIN, GONIO_OP_MAX, GONIO_OP_SUM, GONIO_OP_MEAN};
  static const int64_t kernel[2] = {2, 2};
  for (guint i = 0; i < 2 * G_N_ELEMENTS (ops); i++) {
    GonioGraph *graph = gonio_graph_new ("one-operand");
    g_autoptr (GRand) rand = g_rand_new_with_seed (i);
    const GonioShape shape = GONIO_SHAPE (1, 6, 5, 7);
    GonioValueId x =
        i % 2 ? constant (graph, rand, shape) : input (graph, "x", GONIO_DTYPE_FLOAT, shape);
    GonioValueId same = node (graph, ops[i / 2], x, GONIO_VALUE_NONE);
    GonioValueId y = node (graph, GONIO_OP_MAX_POOL, same, GONIO_VALUE_NONE);
    gonio_graph_set_attr_ints (graph, gonio_graph_value (graph, y)->producer, "kernel_shape",
                               kernel, 2);
    gonio_graph_add_output (graph, y);
    compare (graph);
  }
}

/* Weights that no matrix unit can split, on images that it would take. */
static void
test_large_weights (void)
{
  static const float large[] = {0x1p127f, -INFINITY, NAN};
  for (guint i = 0; i < 3 * G_N_ELEMENTS (large); i++) {
    int64_t kernel = i / 3 + 1, dilations[2] = {2, 2};
    const GonioShape shape = GONIO_SHAPE (48, 32, kernel, kernel);
    GonioGraph *graph = gonio_graph_new ("large-weights");
    g_autoptr (GRand) rand = g_rand_new_with_seed (i);
    GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, GONIO_SHAPE (1, 32, 20, 20));
    GonioValueId weights = constant (graph, rand, shape);
    GonioTensor *tensor = gonio_graph_value (graph, weights)->constant;
    ((float *)gonio_tensor_data (tensor))[gonio_tensor_count (tensor) - 40] = large[i % 3];
    GonioValueId y = node (graph, GONIO_OP_CONV, x, weights);
    gonio_graph_set_attr_ints (graph, gonio_graph_value (graph, y)->producer, "dilations",
                               dilations, 2);
    gonio_graph_add_output (graph, y);
    compare (graph);
  }
}

/* One number in each line of an image that no matrix unit can split. */
static GonioValueId
spoil (GonioGraph *graph, GonioValueId x, GonioShape shape, float what)
{
  g_autoptr (GonioTensor) tensor = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, NULL);
  float *data = gonio_tensor_writable_data (tensor);
  int64_t c = shape.dims[1], h = shape.dims[2], w = shape.dims[3];
  for (int64_t y = 0; y < h; y++)
    data[(y % c * h + y) * w + y * 7 % w] = what;
  return node (graph, GONIO_OP_ADD, x, gonio_graph_add_constant (graph, NULL, tensor));
}

/* Where bands are not split, windows are read as they lie: all geometries, runs longer than what
 * is multiplied at a time. Clamped at the very end only. */
static void
test_not_finite (void)
{
  static const struct {
    int64_t channels, kernel[2], strides[2], dilations[2], pads[4], out;
  } cases[] = {
      {3, {5, 5}, {2, 2}, {1, 1}, {2, 1, 2, 3}, 40},
      {32, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, 33},
      {24, {1, 1}, {1, 1}, {1, 1}, {0, 0, 1, 2}, 40},
      {24, {1, 1}, {2, 3}, {1, 1}, {1, 0, 2, 0}, 7},
      {20, {3, 2}, {1, 1}, {2, 3}, {1, 4, 3, 2}, 48},
      {90, {1, 3}, {1, 2}, {1, 1}, {1, 1, 0, 2}, 9},
      {300, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, 65},
      {520, {2, 3}, {1, 1}, {1, 1}, {0, 0, 0, 0}, 5}, /* a run longer than what a pass takes */
  };
  static const float values[] = {NAN, INFINITY, 0x1p127f}, bounds[2] = {-0.7f, 0.6f};
  g_setenv ("GONIO_CPU_CONV", "parts", TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (cases) * G_N_ELEMENTS (values); i++) {
    const int64_t *kernel = cases[i / 3].kernel;
    GonioShape shape = GONIO_SHAPE (1, cases[i / 3].channels, 17, 19);
    GonioGraph *graph = gonio_graph_new ("not-finite");
    g_autoptr (GRand) rand = g_rand_new_with_seed (i);
    GonioValueId x =
        spoil (graph, input (graph, "x", GONIO_DTYPE_FLOAT, shape), shape, values[i % 3]);
    GonioValueId y =
        node (graph, GONIO_OP_CONV, x,
              numbers (graph, rand,
                       GONIO_SHAPE (cases[i / 3].out, shape.dims[1], kernel[0], kernel[1]), 0.1));
    GonioNodeId conv = gonio_graph_value (graph, y)->producer;
    gonio_graph_set_attr_ints (graph, conv, "strides", cases[i / 3].strides, 2);
    gonio_graph_set_attr_ints (graph, conv, "dilations", cases[i / 3].dilations, 2);
    gonio_graph_set_attr_ints (graph, conv, "pads", cases[i / 3].pads, 4);
    gonio_graph_set_attr_string (graph, conv, "activation", "Clip");
    gonio_graph_set_attr_floats (graph, conv, "activation_params", bounds, 2);
    gonio_graph_add_output (graph, y);
    compare (graph);
  }
  g_unsetenv ("GONIO_CPU_CONV");
}

/* Transposed convolutions without overlap that are not quite what the matrix unit makes at once:
 * cropped, padded, reading a part of an image, with weights that it cannot split. */
static void
test_deconv_forms (void)
{
  static const struct {
    int64_t pads[4], more[2]; /* more: output_padding */
    gboolean slice;
    float large;
  } cases[] = {
      {{0, 0, 0, 0}, {0, 0}, FALSE, 0}, {{0, 0, 0, 0}, {0, 0}, TRUE, 0},
      {{1, 1, 0, 0}, {1, 1}, FALSE, 0}, {{0, 0, 1, 1}, {0, 0}, FALSE, 0},
      {{0, 0, 0, 0}, {1, 1}, FALSE, 0}, {{0, 0, 0, 0}, {0, 0}, FALSE, 0x1p127f},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GonioGraph *graph = gonio_graph_new ("deconv-forms");
    g_autoptr (GRand) rand = g_rand_new_with_seed (i);
    GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, GONIO_SHAPE (1, 32, 12, 14));
    if (cases[i].slice) {
      GonioValueId all[4] = {node (graph, GONIO_OP_MAX_POOL, x, GONIO_VALUE_NONE),
                             integers (graph, GONIO_SHAPE (1, 2)),
                             integers (graph, GONIO_SHAPE (10, 12)),
                             integers (graph, GONIO_SHAPE (2, 3))};
      gonio_graph_set_attr_ints (graph, gonio_graph_value (graph, all[0])->producer, "kernel_shape",
                                 (const int64_t[]){1, 1}, 2);
      x = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
      gonio_graph_add_node (graph, GONIO_OP_SLICE, NULL, all, 4, &x, 1);
    }
    GonioValueId weights = numbers (graph, rand, GONIO_SHAPE (32, 64, 2, 2), 0.1);
    if (cases[i].large > 0)
      ((float *)gonio_tensor_data (gonio_graph_value (graph, weights)->constant))[5] =
          cases[i].large;
    GonioValueId y = node (graph, GONIO_OP_CONV_TRANSPOSE, x, weights);
    GonioNodeId deconv = gonio_graph_value (graph, y)->producer;
    gonio_graph_set_attr_ints (graph, deconv, "strides", (const int64_t[]){2, 2}, 2);
    gonio_graph_set_attr_ints (graph, deconv, "pads", cases[i].pads, 4);
    gonio_graph_set_attr_ints (graph, deconv, "output_padding", cases[i].more, 2);
    gonio_graph_add_output (graph, y);
    compare (graph);
  }
}

/* ---- what is computed where a Concat needs it ---- */

static guint concat_steps; /* of the latest region: those that copy */

static GonioCompiled *
count_steps (GonioBackend *backend, const GonioRegion *region, GError **error)
{
  GonioCompiled *compiled = gonio_backend_cpu.compile (backend, region, error);
  concat_steps = 0;
  for (guint i = 0; compiled && i < compiled->steps->len; i++) {
    const GonioCpuStep *step = &g_array_index (compiled->steps, GonioCpuStep, i);
    concat_steps +=
        step->run && gonio_graph_node (region->graph, step->node)->op == GONIO_OP_CONCAT;
  }
  return compiled;
}

static GonioValueId
join (GonioGraph *graph, const GonioValueId *parts, guint n)
{
  GonioValueId all = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId concat = gonio_graph_add_node (graph, GONIO_OP_CONCAT, NULL, parts, n, &all, 1);
  gonio_graph_set_attr_int (graph, concat, "axis", 1);
  return all;
}

static GonioValueId
pointwise (GonioGraph *graph, GRand *rand, GonioValueId x, int64_t from, int64_t to)
{
  return node (graph, GONIO_OP_CONV, x, numbers (graph, rand, GONIO_SHAPE (to, from, 1, 1), 0.2));
}

static void
test_places (void)
{
  static const guint expected[] = {0, 0, 0, 1};
  for (guint form = 0; form < G_N_ELEMENTS (expected); form++) {
    GonioGraph *graph = gonio_graph_new ("places");
    g_autoptr (GRand) rand = g_rand_new_with_seed (form);
    GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, GONIO_SHAPE (1, 4, 6, 7));
    GonioValueId y = pointwise (graph, rand, x, 4, 6), parts[4] = {y};
    switch (form) {
    case 0: /* side by side */
      parts[1] = pointwise (graph, rand, x, 4, 5);
      y = join (graph, parts, 2);
      break;
    case 1: /* growing */
      parts[1] = pointwise (graph, rand, y, 6, 3);
      parts[0] = join (graph, parts, 2);
      parts[1] = pointwise (graph, rand, parts[0], 9, 2);
      y = join (graph, parts, 2);
      break;
    case 2: { /* split, and what comes of a part */
      for (int i = 0; i < 2; i++)
        parts[i] = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
      GonioNodeId split = gonio_graph_add_node (graph, GONIO_OP_SPLIT, NULL, &y, 1, parts, 2);
      gonio_graph_set_attr_int (graph, split, "axis", 1);
      parts[2] = pointwise (graph, rand, parts[1], 3, 5);
      y = join (graph, parts, 3);
      break;
    }
    default: /* it cannot lie in two places */
      parts[1] = parts[0];
      y = join (graph, parts, 2);
    }
    static const int64_t channels[] = {11, 11, 11, 12};
    gonio_graph_add_output (graph, pointwise (graph, rand, y, channels[form], 3));
    compare (graph);
    if (concat_steps != expected[form])
      g_test_fail_printf ("form %u: %u copies, not %u", form, concat_steps, expected[form]);
  }
}

/* Transposed convolutions that write between the pixels of a Concat, as in a U-Net. */
static void
test_deconv_into_concat (void)
{
  for (int swap = 0; swap < 2; swap++) {
    GonioGraph *graph = gonio_graph_new ("deconv-concat");
    g_autoptr (GRand) rand = g_rand_new_with_seed (8);
    GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, GONIO_SHAPE (2, 24, 9, 11));
    GonioValueId y = input (graph, "y", GONIO_DTYPE_FLOAT, GONIO_SHAPE (2, 5, 18, 22));
    GonioValueId parts[3] = {
        node (graph, GONIO_OP_CONV_TRANSPOSE, x,
              numbers (graph, rand, GONIO_SHAPE (24, 32, 2, 2), 0.1)),
        node (graph, GONIO_OP_CONV, y, numbers (graph, rand, GONIO_SHAPE (6, 5, 1, 1), 0.1)),
        node (graph, GONIO_OP_CONV_TRANSPOSE, x,
              numbers (graph, rand, GONIO_SHAPE (24, 64, 2, 2), 0.1))};
    for (int i = 0; i < 3; i += 2)
      gonio_graph_set_attr_ints (graph, gonio_graph_value (graph, parts[i])->producer, "strides",
                                 (const int64_t[]){2, 2}, 2);
    if (swap) {
      GonioValueId first = parts[0];
      parts[0] = parts[1];
      parts[1] = first;
    }
    gonio_graph_add_output (graph, pointwise (graph, rand, join (graph, parts, 3), 102, 8));
    compare (graph);
    if (concat_steps != 0)
      g_test_fail_printf ("%u copies", concat_steps);
  }
}

static void
test_empty (void)
{
  GonioGraph *graph = gonio_graph_new ("empty");
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, GONIO_SHAPE (0, 3, 4, 4));
  GonioValueId y = input (graph, "y", GONIO_DTYPE_FLOAT, GONIO_SHAPE (2, 7, 4, 4));
  GonioValueId a = node (graph, GONIO_OP_CONV, x, constant (graph, rand, GONIO_SHAPE (7, 3, 1, 1)));
  GonioValueId b = node (graph, GONIO_OP_CONCAT, a, y);
  gonio_graph_set_attr_int (graph, gonio_graph_value (graph, b)->producer, "axis", 0);
  GonioValueId c = node (graph, GONIO_OP_RELU, a, GONIO_VALUE_NONE);
  gonio_graph_add_output (graph, b);
  gonio_graph_add_output (graph, c);
  compare (graph);
}

/* ---- threads, cancelling, errors ---- */

static GonioGraph *
busy_graph (void)
{
  GonioGraph *graph = gonio_graph_new ("busy");
  g_autoptr (GRand) rand = g_rand_new_with_seed (6);
  GonioValueId x = input (graph, "x", GONIO_DTYPE_FLOAT, GONIO_SHAPE (1, 8, 20, 20));
  GonioValueId a =
      node (graph, GONIO_OP_CONV, x, constant (graph, rand, GONIO_SHAPE (16, 8, 3, 3)));
  GonioValueId b =
      node (graph, GONIO_OP_CONV_TRANSPOSE, a, constant (graph, rand, GONIO_SHAPE (16, 8, 2, 2)));
  GonioValueId c = node (graph, GONIO_OP_SIGMOID, b, GONIO_VALUE_NONE);
  gonio_graph_add_output (graph, c);
  return graph;
}

typedef struct {
  GonioSession *session;
  GonioTensor **want;
  guint32 seed;
} Worker;

static gpointer
work (gpointer data)
{
  const Worker *worker = data;
  for (int i = 0; i < 20; i++) {
    g_autoptr (GError) error = NULL;
    GonioTensor **got = run_session (worker->session, worker->seed, &error);
    g_assert_no_error (error);
    expect_equal (got, worker->want, 1);
    gonio_session_free_outputs (got, 1);
  }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (GonioGraph) graph = busy_graph ();
  g_autoptr (GonioSession) ours = open_session (graph, cpu, TRUE);
  g_autoptr (GonioSession) theirs = open_session (graph, plain, FALSE);
  Worker workers[4];
  GThread *threads[4];
  for (guint i = 0; i < 4; i++) {
    g_autoptr (GError) error = NULL;
    workers[i] = (Worker){ours, run_session (theirs, i, &error), i};
    g_assert_no_error (error);
  }
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("worker", work, &workers[i]);
  for (guint i = 0; i < 4; i++) {
    g_thread_join (threads[i]);
    gonio_session_free_outputs (workers[i].want, 1);
  }
}

static void
test_cancel (void)
{
  g_autoptr (GonioGraph) graph = busy_graph ();
  g_autoptr (GonioSession) session = open_session (graph, cpu, TRUE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  g_autoptr (GonioTensor) x = random_input (&ports[0], 1);
  GonioTensor **outputs = NULL;
  g_cancellable_cancel (cancellable);
  g_assert_false (
      gonio_session_run (session, &ports[0].name, &x, 1, &outputs, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (outputs);
}

static void
test_bad_index (void)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("index");
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  GonioValueId indices = input (graph, "i", GONIO_DTYPE_INT64, GONIO_SHAPE (1, 40));
  GonioValueId table = constant (graph, rand, GONIO_SHAPE (10, 4));
  GonioValueId out = node (graph, GONIO_OP_GATHER, table, indices);
  gonio_graph_add_output (graph, out);
  g_autoptr (GonioSession) session = open_session (graph, cpu, TRUE);
  GonioShape shape = GONIO_SHAPE (1, 40);
  g_autoptr (GonioTensor) x = gonio_tensor_new_zeroed (GONIO_DTYPE_INT64, &shape, NULL);
  ((int64_t *)gonio_tensor_writable_data (x))[17] = 10;
  g_autoptr (GError) error = NULL;
  GonioTensor **outputs = NULL;
  const char *name = "i";
  g_assert_false (gonio_session_run (session, &name, &x, 1, &outputs, NULL, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE);
  g_assert_nonnull (strstr (error->message, "Gather"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_set_nonfatal_assertions ();
  spied = gonio_backend_cpu;
  spied.compile = count_steps;
  g_test_add_func ("/cpu-regions/in-place", test_in_place);
  g_test_add_func ("/cpu-regions/views", test_views);
  g_test_add_func ("/cpu-regions/view-of-constant", test_view_of_constant);
  g_test_add_func ("/cpu-regions/layouts", test_layouts);
  g_test_add_func ("/cpu-regions/averages", test_averages);
  g_test_add_func ("/cpu-regions/one-operand", test_one_operand);
  g_test_add_func ("/cpu-regions/large-weights", test_large_weights);
  g_test_add_func ("/cpu-regions/not-finite", test_not_finite);
  g_test_add_func ("/cpu-regions/deconv-forms", test_deconv_forms);
  g_test_add_func ("/cpu-regions/places", test_places);
  g_test_add_func ("/cpu-regions/deconv-into-concat", test_deconv_into_concat);
  g_test_add_func ("/cpu-regions/empty", test_empty);
  g_test_add_func ("/cpu-regions/threads", test_threads);
  g_test_add_func ("/cpu-regions/cancel", test_cancel);
  g_test_add_func ("/cpu-regions/bad-index", test_bad_index);
  return g_test_run ();
}
