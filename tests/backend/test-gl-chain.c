/* Elementwise operators of the OpenGL backends against the reference: one by one, on special
 * values, and in runs that become one step. The argument names the backend. */
#include "backends/gl/common/region.h"
#include "core/ops/op.h"
#include "tests/backend/gl-test.h"

#include <math.h>

/* ---- operators ---- */

static const char *const operators[] = {
    "Acos(f:2,3,5,4)",
    "Acosh(f:2,3,5,4)",
    "Asin(f:2,3,5,4)",
    "Asinh(f:2,3,5,4)",
    "Atan(f:2,3,5,4)",
    "Atanh(f:2,3,5,4)",
    "Celu(f:2,3,5,4) alpha=0.7",
    "Cos(f:1)",
    "Cosh(f:2,3,5,4)",
    "Erf(f:3,333)",
    "Gelu(f:2,3,5,4)",
    "Gelu(f:2,3,5,4) approximate=tanh",
    "Mish(f:2,3,5,4)",
    "Selu(f:2,3,5,4)",
    "Selu(f:7) alpha=1.5 gamma=0.5",
    "Shrink(f:2,3,5,4) lambd=0.7 bias=0.2",
    "Sinh(f:2,3,5,4)",
    "Tan(f:2,3,5,4)",
    "Log(f:2,3,5,4)",
    "Sqrt(f:2,3,5,4)",
    "Exp(f:1,1,1,1,1,1,1,3)",
    "Relu(f:)",
    "Clip(f:2,3,5,4; s:-0.5; s:0.25)",
    "Clip(f:2,3,5,4; s:0.5; s:-0.25)",
    "Clip(f:2,3,5,4; -; s:0.25)",
    "Clip(f:2,3,5,4)",
    "Pow(f:2,3,5,4; f:2,3,5,4)",
    "Pow(f:2,3,5,4; s:2)",
    "Pow(f:2,3,5,4; s:3)",
    "Pow(f:2,3,5,4; s:0.5)",
    "Pow(f:2,3,5,4; s:-3)",
    "Pow(f:2,3,5,4; s:0)",
    "Pow(f:2,3,5,4; v:0,1,2,-1)",
    "Mod(f:2,3,5,4; f:3,1,1) fmod=1",
    "Mod(f:2,3,5,4; s:0.01) fmod=1",
    "Mod(f:2,3,5,4; v:0.3,-0.7,1,-0.001)",
    "Sum(f:2,3,5,4)",
    "Sum(f:2,3,5,4; f:3,1,1; f:4; s:0.5; f:2,3,5,4)",
    "Mean(f:2,3,5,4; f:1,3,1,4; f:2,3,5,4)",
    "Mean(f:5)",
    "Max(f:3,1; f:1,4; f:2,1,1)",
    "Min(f:2,3,5,4; f:2,3,5,4; f:3,5,4; f:1; c:5,4; f:2,1,1,1; f:2,3,5,4; f:2,3,5,4)",
    "BatchNormalization(f:2,6,5,4; c:6; c:6; c:6; v:0.1,0.2,0.3,0.4,0.5,0.6)",
    "BatchNormalization(f:2,5,3; c:5; c:5; c:5; v:0.1,0.2,0.3,0.4,0.5) epsilon=0.1",
    "BatchNormalization(f:7,3; c:3; c:3; c:3; v:0.1,0.2,0.3)",
    "BatchNormalization(f:1,3,2,2,3; c:3; c:3; c:3; v:0.1,0.2,0.3)",
    /* one texel, one lane, each lane by itself, in both forms */
    "Add(f:2,8,5,4; f:8,1,1)",
    "Add(f:2,7,5,4; f:7,1,1)",
    "Add(f:2,7,5,4; f:2,7,1,1)",
    "Mul(f:2,7,5,4; f:2,1,5,4)",
    "Mul(f:2,7,5,4; f:1,1,5,4)",
    "Mul(f:2,7,5,4; f:7,1,4)",
    "Mul(f:2,7,5,4; f:2,7,5,1)",
    "Mul(f:2,1,5,4; f:2,1,5,1)",
    "Mul(f:2,1,5,4; f:1,9,1,1)",
    "Sub(f:6,8; f:8)",
    "Sub(f:6,8; f:6,1)",
    "Sub(f:6,7; f:6,1)",
    "Sub(f:1,8; f:6,1)",
    "Sub(f:2,3,1,5,1,4; f:1,3,7,1,6,4)",
    "Add(f:0,3; f:1,3)",
    "Add(f:2,0,3; f:2,1,1)",
    "Add(f:1,1,1; f:1)",
    "Sub(f:; f:3)",
};

static const char *const refused[] = {
    "Sum(f:3; f:3; f:3; f:3; f:3; f:3; f:3; f:3; f:3)",
    "Sum(f:2,3; f:3; f:3; f:3; f:3; f:3; f:3)",
    "Clip(f:3; f:; s:1)",
    "Add(f:1,2,1,2,1,2,2; f:1)",
    "BatchNormalization(f:2,3,4; c:3; f:3; c:3; c:3)",
    "BatchNormalization(f:2,3,4; c:3; c:3; c:3; c:3) training_mode=1 out=3",
};

/* ---- special values ---- */

static const float specials[] = {
    NAN,    INFINITY, -INFINITY, 0,     -0.0f,  1e-30f, -1e-30f, 1e-6f, -1e-6f, 1e-3f,  -1e-3f,
    0.01f,  -0.01f,   0.1f,      -0.1f, 0.24f,  -0.24f, 0.5f,    -0.5f, 0.6f,   -0.6f,  0.99f,
    -0.99f, 1,        -1,        1.01f, -1.01f, 2,      -2,      3.5f,  -3.5f,  5,      -5,
    9,      -9,       15,        -15,   20.5f,  -20.5f, 40,      -40,   80,     -80,    87,
    -87,    89,       -89,       1000,  -1000,  5000,   -5000,   1e7f,  -1e7f,  1e-10f, 1e10f,
};

/* Those for which sines mean something, and powers do not end at once. */
#define SMALL 51

static GonioTensor *
special_tensor (guint n, gboolean turned)
{
  GonioShape shape = GONIO_SHAPE (n);
  GonioTensor *tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  for (guint i = 0; i < n; i++)
    ((float *)gonio_tensor_writable_data (tensor))[i] = specials[turned ? (i * 7 + 3) % n : i];
  return tensor;
}

/* Relative, but for what is made of numbers that single precision drops, and where the reference
 * itself loses what is left of 1. */
static gboolean
close_enough (GonioOpId op, double got, double want, double limit)
{
  if (isnan (want) || isnan (got))
    return isnan (want) && isnan (got);
  if (isinf (want) || isinf (got))
    return got == want || fabs (want) > 3e38;
  return fabs (got - want) <= limit * fabs (want) + (op == GONIO_OP_GELU ? 1e-15 : 1e-36);
}

static void
check_special (GonioOpId op, guint n_inputs, guint n, double limit)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("special");
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioTensor) a = special_tensor (n, FALSE);
  g_autoptr (GonioTensor) b = special_tensor (n, TRUE);
  GonioSymShape shape = gonio_sym_shape_from_shape (gonio_tensor_shape (a));
  GonioValueId ids[2] = {gonio_graph_add_input (graph, "a", GONIO_DTYPE_FLOAT, &shape),
                         n_inputs > 1
                             ? gonio_graph_add_input (graph, "b", GONIO_DTYPE_FLOAT, &shape)
                             : GONIO_VALUE_NONE};
  const char *names[] = {"a", "b"};
  GonioTensor *inputs[] = {a, b};
  gonio_graph_add_output (graph, gl_test_add_node (graph, op, ids, n_inputs));
  g_assert_true (gonio_infer_graph (graph, &error));
  GonioTensor **got = gl_test_run_graph (graph, gl_test_alone, names, inputs, n_inputs);
  GonioTensor **want = gl_test_run_graph (graph, gl_test_reference, names, inputs, n_inputs);
  for (guint i = 0; i < n; i++) {
    double g = gonio_tensor_get_double (got[0], i), w = gonio_tensor_get_double (want[0], i);
    if (!close_enough (op, g, w, limit)) {
      g_test_message ("%s (%g, %g) is %.9g, not %.9g", gonio_op_name (op),
                      gonio_tensor_get_double (a, i), gonio_tensor_get_double (b, i), g, w);
      g_test_fail ();
    }
  }
  gonio_session_free_outputs (got, 1);
  gonio_session_free_outputs (want, 1);
}

static void
test_special (void)
{
  static const GonioOpId unaries[] = {
      GONIO_OP_ABS,      GONIO_OP_ACOS,   GONIO_OP_ACOSH,        GONIO_OP_ASIN,
      GONIO_OP_ASINH,    GONIO_OP_ATAN,   GONIO_OP_ATANH,        GONIO_OP_CEIL,
      GONIO_OP_CELU,     GONIO_OP_ELU,    GONIO_OP_ERF,          GONIO_OP_EXP,
      GONIO_OP_FLOOR,    GONIO_OP_GELU,   GONIO_OP_HARD_SIGMOID, GONIO_OP_HARD_SWISH,
      GONIO_OP_IDENTITY, GONIO_OP_LOG,    GONIO_OP_LEAKY_RELU,   GONIO_OP_MISH,
      GONIO_OP_NEG,      GONIO_OP_RELU,   GONIO_OP_RECIPROCAL,   GONIO_OP_ROUND,
      GONIO_OP_SELU,     GONIO_OP_SHRINK, GONIO_OP_SIGMOID,      GONIO_OP_SIGN,
      GONIO_OP_SINH,     GONIO_OP_COSH,   GONIO_OP_SOFTPLUS,     GONIO_OP_SOFTSIGN,
      GONIO_OP_SQRT,     GONIO_OP_SWISH,  GONIO_OP_TANH,         GONIO_OP_THRESHOLDED_RELU,
  };
  static const GonioOpId binaries[] = {GONIO_OP_ADD, GONIO_OP_DIV, GONIO_OP_MAX,
                                       GONIO_OP_MIN, GONIO_OP_MUL, GONIO_OP_SUB};
  for (guint i = 0; i < G_N_ELEMENTS (unaries); i++)
    check_special (unaries[i], 1, G_N_ELEMENTS (specials), 2e-5);
  for (guint i = 0; i < G_N_ELEMENTS (binaries); i++)
    check_special (binaries[i], 2, G_N_ELEMENTS (specials), 2e-6);
  check_special (GONIO_OP_SIN, 1, SMALL, 2e-4);
  check_special (GONIO_OP_COS, 1, SMALL, 2e-4);
  check_special (GONIO_OP_TAN, 1, SMALL, 2e-4);
  check_special (GONIO_OP_MOD, 2, SMALL, 2e-6);
}

/* ---- runs ---- */

/* A run reads "shape | Op operand | Op operand ...". Each operator takes what the one before has
 * made, or the first input, and an operand: f:dims an input, c:dims a constant, s:number, x the
 * first input, v the value once more; ~ before it puts it first. A star makes the value an output
 * too. */
typedef struct {
  const char *text;
  guint steps; /* that it becomes, on an image that is there */
} RunCase;

static const RunCase runs[] = {
    {"2,8,5,4 | Relu | Neg | Exp | Add f:8,1,1 | Sigmoid", 1},
    {"2,7,5,4 | Relu | Sub ~s:1 | Div ~c:7,1,1 | Tanh | Mul x | Add f:2,7,5,4", 1},
    {"2,7,5,4 | Relu * | Neg | Exp", 2},
    {"1,6,9,9 | Div s:1.4142135 | Erf | Add s:1 | Mul x | Mul s:0.5", 1},
    {"2,7,5,4 | Abs | Mul v | Sqrt | Sub f:1,1,5,4", 1},
    {"2,7,5,4 | Clip | Elu | LeakyRelu | Celu | Selu | HardSigmoid | Shrink | Selu | Celu | Celu",
     2},
    {"2,7,5,4 | Add f:2,7,5,4 | Add f:2,7,5,4 | Add f:2,7,5,4 | Add f:2,7,5,4 | Add f:2,7,5,4 | "
     "Add f:2,7,5,4 | Add f:2,7,5,4 | Add f:2,7,5,4 | Neg",
     2},
    {"2,7,5,4 | Mul f:7,1,1 | Mul f:5,1 | Mul f:4 | Mul f:2,1,1,1 | Mul f:1,7,1,4 | Mul f:5,4", 2},
    {"2,1,5,4 | Relu | Neg | Add f:2,3,5,4 | Relu", 2}, /* grows in between */
    {"1,1,1,1 | Relu | Neg", 1},
};

typedef struct {
  GonioGraph *graph;
  GPtrArray *names, *tensors;
  GRand *rand;
} Built;

static GonioTensor *
random_tensor (GRand *rand, const char *dims)
{
  g_auto (GStrv) words = g_strsplit (dims, ",", -1);
  GonioShape shape = {0};
  while (words[shape.rank]) {
    shape.dims[shape.rank] = g_ascii_strtoll (words[shape.rank], NULL, 10);
    shape.rank++;
  }
  GonioTensor *tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    ((float *)gonio_tensor_writable_data (tensor))[i] = (float)g_rand_double_range (rand, -2, 2);
  return tensor;
}

static GonioValueId
add_input (Built *built, const char *dims)
{
  GonioTensor *tensor = random_tensor (built->rand, dims);
  GonioSymShape shape = gonio_sym_shape_from_shape (gonio_tensor_shape (tensor));
  char *name = g_strdup_printf ("in%u", built->names->len);
  g_ptr_array_add (built->names, name);
  g_ptr_array_add (built->tensors, tensor);
  return gonio_graph_add_input (built->graph, name, GONIO_DTYPE_FLOAT, &shape);
}

static GonioValueId
add_pool (Built *built, GonioValueId from)
{
  static const int64_t ones[2] = {1, 1};
  GonioValueId to =
      gonio_graph_add_value (built->graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId node = gonio_graph_add_node (built->graph, GONIO_OP_MAX_POOL, NULL, &from, 1, &to, 1);
  gonio_graph_set_attr_ints (built->graph, node, "kernel_shape", ones, 2);
  return to;
}

static GonioValueId
add_operand (Built *built, const char *text, GonioValueId x, GonioValueId v)
{
  g_autoptr (GonioTensor) constant = NULL;
  if (*text == 'x' || *text == 'v')
    return *text == 'x' ? x : v;
  if (*text == 'f')
    return add_input (built, text + 2);
  if (*text == 'c') {
    constant = random_tensor (built->rand, text + 2);
  } else {
    constant = gonio_tensor_new (GONIO_DTYPE_FLOAT, &GONIO_SHAPE_SCALAR, NULL);
    *(float *)gonio_tensor_writable_data (constant) = (float)g_ascii_strtod (text + 2, NULL);
  }
  return gonio_graph_add_constant (built->graph, NULL, constant);
}

static void
build (Built *built, const char *text, gboolean image)
{
  g_auto (GStrv) parts = g_strsplit (text, "|", -1);
  g_autoptr (GError) error = NULL;
  *built = (Built){gonio_graph_new (text), g_ptr_array_new_with_free_func (g_free),
                   g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref),
                   g_rand_new_with_seed (g_str_hash (text))};
  GonioValueId x = add_input (built, g_strstrip (parts[0])), v;
  v = x = image ? add_pool (built, x) : x;
  for (guint i = 1; parts[i]; i++) {
    g_auto (GStrv) words = g_strsplit (g_strstrip (parts[i]), " ", -1);
    GonioOpId op = gonio_op_find ("", words[0]);
    gboolean star = words[1] && *words[1] == '*', first = words[1] && *words[1] == '~';
    GonioValueId ids[2] = {v, GONIO_VALUE_NONE};
    guint n = words[1] && !star ? 2 : 1;
    if (n == 2) {
      ids[!first] = add_operand (built, words[1] + first, x, v);
      ids[first] = v;
    }
    v = gl_test_add_node (built->graph, op, ids, n);
    if (star)
      gonio_graph_add_output (built->graph, v);
  }
  gonio_graph_add_output (built->graph, image ? add_pool (built, v) : v);
  g_assert_true (gonio_infer_graph (built->graph, &error));
}

static void
built_clear (Built *built)
{
  gonio_graph_unref (built->graph);
  g_ptr_array_unref (built->names);
  g_ptr_array_unref (built->tensors);
  g_rand_free (built->rand);
}

/* Steps of the graph as one region. */
static guint
count_steps (const GonioGraph *graph)
{
  g_autoptr (GError) error = NULL;
  GonioBackendOptions options = {0};
  GonioBackend *backend = gl_test_alone[0]->create (&options, &error);
  g_assert_no_error (error);
  GonioRegion region = {.graph = graph};
  region.nodes = gonio_graph_order (graph, &region.n_nodes);
  region.inputs = gonio_graph_inputs (graph, &region.n_inputs);
  region.outputs = gonio_graph_outputs (graph, &region.n_outputs);
  GonioCompiled *compiled = gl_test_alone[0]->compile (backend, &region, &error);
  g_assert_no_error (error);
  guint steps = gonio_gl_compiled_steps (compiled);
  gl_test_alone[0]->compiled_free (compiled);
  gl_test_alone[0]->destroy (backend);
  return steps;
}

static void
check_run (const RunCase *c, gboolean image)
{
  Built built;
  guint n;
  build (&built, c->text, image);
  const char *const *names = (const char *const *)built.names->pdata;
  GonioTensor *const *inputs = (GonioTensor *const *)built.tensors->pdata;
  GonioTensor **got =
      gl_test_run_graph (built.graph, gl_test_alone, names, inputs, built.names->len);
  GonioTensor **want =
      gl_test_run_graph (built.graph, gl_test_reference, names, inputs, built.names->len);
  gonio_graph_outputs (built.graph, &n);
  for (guint o = 0; o < n; o++) {
    double worst = 0, most = 0;
    for (int64_t i = 0; i < gonio_tensor_count (want[o]); i++) {
      double w = gonio_tensor_get_double (want[o], i);
      worst = MAX (worst, fabs (gonio_tensor_get_double (got[o], i) - w));
      most = MAX (most, fabs (w));
    }
    if (!(worst <= 1e-5 * most)) {
      g_test_message ("%s: output %u is off by %g of %g", c->text, o, worst, most);
      g_test_fail ();
    }
  }
  if (!image && count_steps (built.graph) != c->steps) {
    g_test_message ("%s: %u steps, not %u", c->text, count_steps (built.graph), c->steps);
    g_test_fail ();
  }
  gonio_session_free_outputs (got, n);
  gonio_session_free_outputs (want, n);
  built_clear (&built);
}

static void
test_runs (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    for (int image = 0; image < 2; image++)
      check_run (&runs[i], image);
}

int
main (int argc, char **argv)
{
  if (!gl_test_begin (&argc, &argv))
    return GL_TEST_SKIPPED;
  gl_test_add_cases ("/gl-chain/operators", operators, G_N_ELEMENTS (operators));
  gl_test_add_refused ("/gl-chain/refused", refused, G_N_ELEMENTS (refused));
  g_test_add_func ("/gl-chain/special", test_special);
  g_test_add_func ("/gl-chain/runs", test_runs);
  return g_test_run ();
}
