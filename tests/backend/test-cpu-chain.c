/* Convolutions that run line by line, one into the next: against the reference, and that they did
 * run so where they may and did not where they must not. Images are large, for small ones are not
 * chained. An argument gives the number of random graphs, a second one the first seed. */
#include "backends/cpu/compiled.h"
#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "core/graph/edit.h"
#include "core/ops/op.h"
#include "core/session/session.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* Four bytes times 12 channels make 1.01 MiB, just enough to be chained. */
#define HEIGHT 130
#define WIDTH  170
#define LEAST  12

#define MOST_PRODUCTS 9e7 /* of a random graph's convolution: the reference takes its time */

static GonioBackendDef spied;
static const GonioBackendDef *const tested[] = {&spied, &gonio_backend_reference, NULL};
static const GonioBackendDef *const reference[] = {&gonio_backend_reference, NULL};
/* as far as there are */
static const char *const sets[] = {"baseline", "avx", "avx2", "avx512", "amx"};

static int n_graphs = 12;
static guint32 first_seed = 1;

/* ---- which convolutions were chained to the next one, by name, in the latest session ---- */

static GHashTable *chained;

static GonioCompiled *
compile (GonioBackend *backend, const GonioRegion *region, GError **error)
{
  GonioCompiled *compiled = gonio_backend_cpu.compile (backend, region, error);
  for (guint i = 0; compiled && i < compiled->steps->len; i++) {
    const GonioCpuStep *step = &g_array_index (compiled->steps, GonioCpuStep, i);
    if (step->data && !step->run)
      g_hash_table_add (chained, g_strdup (gonio_graph_node (region->graph, step->node)->name));
  }
  return compiled;
}

/* ---- building ---- */

typedef struct {
  GRand *rand;
  GonioGraph *graph;
  guint n_convs;
  GPtrArray *whole; /* names of convolutions whose results must exist as a whole */
} Maker;

typedef struct {
  int64_t channels, kernel, stride, dilation;
  int64_t pads[4];
  gboolean depthwise, bias;
  const char *activation; /* nullable */
} Conv;

static void
maker_init (Maker *m, guint32 seed)
{
  *m = (Maker){.rand = g_rand_new_with_seed (seed), .graph = gonio_graph_new ("chain")};
  m->whole = g_ptr_array_new_with_free_func (g_free);
}

static void
maker_clear (Maker *m)
{
  g_rand_free (m->rand);
  gonio_graph_unref (m->graph);
  g_ptr_array_unref (m->whole);
}

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

static GonioValueId
input (Maker *m, int64_t batch, int64_t channels, int64_t height, int64_t width)
{
  GonioShape shape = GONIO_SHAPE (batch, channels, height, width);
  GonioSymShape sym = gonio_sym_shape_from_shape (&shape);
  return gonio_graph_add_input (m->graph, "x", GONIO_DTYPE_FLOAT, &sym);
}

static GonioValueId
integer (Maker *m, int64_t value)
{
  GonioShape shape = GONIO_SHAPE (1);
  g_autoptr (GonioTensor) tensor =
      gonio_tensor_new_copy (GONIO_DTYPE_INT64, &shape, &value, sizeof value, NULL);
  return gonio_graph_add_constant (m->graph, NULL, tensor);
}

static GonioValueId
numbers (Maker *m, GonioShape shape, double most)
{
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  float *data = gonio_tensor_writable_data (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    data[i] = (float)g_rand_double_range (m->rand, -most, most);
  return gonio_graph_add_constant (m->graph, NULL, tensor);
}

static GonioNodeId
add_node (Maker *m, GonioOpId op, const char *name, const GonioValueId *inputs, guint n)
{
  GonioValueId out = gonio_graph_add_value (m->graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  return gonio_graph_add_node (m->graph, op, name, inputs, n, &out, 1);
}

static GonioValueId
result (Maker *m, GonioNodeId node)
{
  g_autoptr (GError) error = NULL;
  gonio_infer_node (m->graph, node, &error);
  g_assert_no_error (error);
  return gonio_graph_node (m->graph, node)->outputs[0];
}

static GonioValueId
relu (Maker *m, GonioValueId x)
{
  return result (m, add_node (m, GONIO_OP_RELU, NULL, &x, 1));
}

/* add: or GONIO_VALUE_NONE */
static GonioValueId
conv_sum (Maker *m, GonioValueId x, const Conv *c, GonioValueId add)
{
  int64_t in = shape_of (m, x).dims[1], out = c->depthwise ? in : c->channels;
  int64_t each = c->depthwise ? 1 : in, kernel = c->kernel, two[2];
  g_autofree char *name = g_strdup_printf ("c%u", m->n_convs++);
  double most = 1.7 / sqrt ((double)(each * kernel * kernel));
  GonioValueId inputs[4] = {x, numbers (m, GONIO_SHAPE (out, each, kernel, kernel), most),
                            c->bias ? numbers (m, GONIO_SHAPE (out), 1) : GONIO_VALUE_NONE, add};
  GonioNodeId node = add_node (m, GONIO_OP_CONV, name, inputs,
                               add != GONIO_VALUE_NONE ? 4
                               : c->bias               ? 3
                                                       : 2);
  two[0] = two[1] = MAX (c->stride, 1);
  gonio_graph_set_attr_ints (m->graph, node, "strides", two, 2);
  two[0] = two[1] = MAX (c->dilation, 1);
  gonio_graph_set_attr_ints (m->graph, node, "dilations", two, 2);
  gonio_graph_set_attr_ints (m->graph, node, "pads", c->pads, 4);
  if (c->depthwise)
    gonio_graph_set_attr_int (m->graph, node, "group", in);
  if (c->activation) {
    static const float bounds[2] = {-0.4f, 1.5f};
    gonio_graph_set_attr_string (m->graph, node, "activation", c->activation);
    if (g_str_equal (c->activation, "Clip"))
      gonio_graph_set_attr_floats (m->graph, node, "activation_params", bounds, 2);
  }
  return result (m, node);
}

static GonioValueId
conv (Maker *m, GonioValueId x, const Conv *c)
{
  return conv_sum (m, x, c, GONIO_VALUE_NONE);
}

/* The convolution that made a value must not be chained to the next one. */
static GonioValueId
keep_whole (Maker *m, GonioValueId x)
{
  GonioNodeId producer = gonio_graph_value (m->graph, x)->producer;
  g_ptr_array_add (m->whole, g_strdup (gonio_graph_node (m->graph, producer)->name));
  return x;
}

static GonioValueId
concat (Maker *m, GonioValueId a, GonioValueId b)
{
  GonioValueId both[2] = {a, b};
  GonioNodeId node = add_node (m, GONIO_OP_CONCAT, NULL, both, 2);
  gonio_graph_set_attr_int (m->graph, node, "axis", 1);
  return result (m, node);
}

static GonioValueId
channels_of (Maker *m, GonioValueId x, int64_t first, int64_t end)
{
  GonioValueId inputs[4] = {x, integer (m, first), integer (m, end), integer (m, 1)};
  return result (m, add_node (m, GONIO_OP_SLICE, NULL, inputs, 4));
}

static void
leave (Maker *m, GonioValueId x)
{
  gonio_graph_add_output (m->graph, x);
}

/* ---- running ---- */

static GonioSession *
open_session (Maker *m, const GonioBackendDef *const *backends, guint threads)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = backends;
  options.optimization = GONIO_OPT_DISABLED;
  options.threads = threads;
  options.strict = TRUE;
  g_hash_table_remove_all (chained);
  g_assert_true (gonio_infer_graph (m->graph, &error));
  GonioSession *session =
      gonio_session_new_from_graph (gonio_graph_clone (m->graph), &options, NULL, &error);
  g_assert_no_error (error);
  return session;
}

static GonioTensor *
random_input (GonioSession *session)
{
  guint n;
  GonioShape shape;
  const GonioPort *port = gonio_session_inputs (session, &n);
  g_assert_true (gonio_sym_shape_known (&port->shape, &shape));
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  GonioTensor *tensor = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    ((float *)gonio_tensor_writable_data (tensor))[i] = (float)g_rand_double_range (rand, -2, 2);
  return tensor;
}

static GonioTensor **
run_session (GonioSession *session, GonioTensor *x, GCancellable *cancellable, GError **error)
{
  const char *name = "x";
  GonioTensor **outputs = NULL;
  gonio_session_run (session, &name, &x, 1, &outputs, cancellable, error);
  return outputs;
}

static void
expect_close (const char *what, const GonioTensor *got, const GonioTensor *want)
{
  int64_t count = gonio_tensor_count (want);
  const float *g = gonio_tensor_data (got), *w = gonio_tensor_data (want);
  double power = 0;
  g_assert_true (gonio_shape_equal (gonio_tensor_shape (got), gonio_tensor_shape (want)));
  for (int64_t i = 0; i < count; i++)
    power += (double)w[i] * w[i];
  double rms = sqrt (power / (double)MAX (count, 1));
  for (int64_t i = 0; i < count; i++)
    if (!(fabs ((double)g[i] - w[i]) <= 2e-5 * (fabs ((double)w[i]) + rms))) {
      g_test_fail_printf ("%s: element %" G_GINT64_FORMAT " is %g, not %g (rms %g)", what, i, g[i],
                          w[i], rms);
      return;
    }
}

static void
expect_same (const char *what, const GonioTensor *a, const GonioTensor *b)
{
  if (memcmp (gonio_tensor_data (a), gonio_tensor_data (b), gonio_tensor_size (a)) != 0)
    g_test_fail_printf ("%s: a second run gives other numbers", what);
}

/* One set and thread count; returns how many were chained. */
static guint
compare_one (Maker *m, const char *what, guint threads, GonioTensor **want)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) session = open_session (m, tested, threads);
  g_autoptr (GonioTensor) x = random_input (session);
  GonioTensor **got = run_session (session, x, NULL, &error);
  g_assert_no_error (error);
  GonioTensor **again = run_session (session, x, NULL, &error);
  g_assert_no_error (error);
  guint n;
  gonio_session_outputs (session, &n);
  for (guint i = 0; i < n; i++) {
    expect_close (what, got[i], want[i]);
    expect_same (what, got[i], again[i]);
  }
  gonio_session_free_outputs (got, n);
  gonio_session_free_outputs (again, n);
  for (guint i = 0; i < m->whole->len; i++)
    if (g_hash_table_contains (chained, m->whole->pdata[i]))
      g_test_fail_printf ("%s: %s was chained", what, (char *)m->whole->pdata[i]);
  return g_hash_table_size (chained);
}

/* expected: how many were to be chained (where there is no matrix unit), -1: any. Returns how many
 * were with the narrowest set. */
static guint
compare (Maker *m, const char *what, int expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) theirs = open_session (m, reference, 1);
  g_autoptr (GonioTensor) x = random_input (theirs);
  GonioTensor **want = run_session (theirs, x, NULL, &error);
  guint n, first = 0;
  g_assert_no_error (error);
  gonio_session_outputs (theirs, &n);
  for (guint s = 0; s < G_N_ELEMENTS (sets); s++)
    for (guint threads = 1; threads <= 3; threads++) {
      g_autofree char *label = g_strdup_printf ("%s, %s, %u threads", what, sets[s], threads);
      g_setenv ("GONIO_CPU_KERNELS", sets[s], TRUE);
      guint found = compare_one (m, label, threads, want);
      if (expected >= 0 && !g_str_equal (sets[s], "amx") && found != (guint)expected)
        g_test_fail_printf ("%s: %u chained, not %d", label, found, expected);
      if (s == 0 && threads == 1)
        first = found;
    }
  gonio_session_free_outputs (want, n);
  return first;
}

/* ---- graphs with a known answer ---- */

static const Conv wide = {.channels = LEAST, .kernel = 1, .bias = TRUE};
static const Conv narrow = {.channels = 3, .kernel = 1};
static const Conv deep = {
    .kernel = 3, .pads = {1, 1, 1, 1}, .depthwise = TRUE, .bias = TRUE, .activation = "Swish"};

static void
make_bottleneck (Maker *m)
{
  Conv first = wide, last = {.channels = 5, .kernel = 1, .bias = TRUE};
  first.activation = "Clip";
  GonioValueId x = relu (m, input (m, 1, 5, HEIGHT, WIDTH));
  GonioValueId y = conv (m, conv (m, x, &first), &deep);
  leave (m, conv_sum (m, y, &last, x)); /* x dies here, but is read to the end */
}

/* Summands in the middle, one of them made between what is chained. */
static void
make_summands (Maker *m)
{
  GonioValueId x = relu (m, input (m, 1, 3, HEIGHT, WIDTH));
  GonioValueId early = relu (m, conv (m, x, &wide));
  GonioValueId y = conv_sum (m, x, &wide, early);
  GonioValueId late = relu (m, conv (m, x, &wide));
  y = conv_sum (m, conv (m, y, &deep), &wide, late);
  leave (m, conv_sum (m, conv (m, y, &deep), &narrow, x));
}

/* What the chain begins with dies, but for the chain, before its end. */
static void
make_between (Maker *m)
{
  GonioValueId x = relu (m, input (m, 1, LEAST, HEIGHT, WIDTH));
  GonioValueId y = conv (m, x, &wide);
  GonioValueId other = relu (m, x); /* must not take x's memory */
  leave (m, conv (m, y, &deep));
  leave (m, relu (m, other));
}

static void
make_read_twice (Maker *m)
{
  GonioValueId x = input (m, 1, 3, HEIGHT, WIDTH);
  GonioValueId y = keep_whole (m, conv (m, x, &wide));
  GonioValueId z = keep_whole (m, conv (m, conv (m, y, &deep), &wide));
  leave (m, relu (m, y));
  leave (m, conv_sum (m, z, &wide, z)); /* read and added by the same one */
}

static void
make_leaves (Maker *m)
{
  GonioValueId x = input (m, 1, 3, HEIGHT, WIDTH);
  GonioValueId y = keep_whole (m, conv (m, x, &wide));
  leave (m, y);
  leave (m, conv (m, conv (m, y, &deep), &narrow));
}

static void
make_images (Maker *m)
{
  GonioValueId x = input (m, 2, 3, HEIGHT, WIDTH);
  leave (m, conv (m, keep_whole (m, conv (m, x, &wide)), &deep));
}

static void
make_small (Maker *m)
{
  GonioValueId x = input (m, 1, 3, HEIGHT, WIDTH - 10);
  leave (m, conv (m, keep_whole (m, conv (m, x, &wide)), &deep));
}

/* The end of one chain beside what another begins with. */
static void
make_joined (Maker *m)
{
  GonioValueId x = input (m, 1, 3, HEIGHT, WIDTH);
  GonioValueId a = keep_whole (m, conv (m, x, &wide));
  GonioValueId b = conv (m, conv (m, conv (m, a, &deep), &wide), &narrow);
  GonioValueId both = concat (m, a, b);
  GonioValueId c =
      conv (m, conv (m, both, &wide), &(Conv){.channels = 4, .kernel = 3, .stride = 2});
  GonioValueId d =
      conv (m, conv (m, both, &wide), &(Conv){.channels = 2, .kernel = 3, .stride = 2});
  leave (m, concat (m, d, c));
}

static void
make_views (Maker *m)
{
  GonioValueId x = relu (m, input (m, 1, 7, HEIGHT, WIDTH));
  GonioValueId y = conv (m, channels_of (m, x, 2, 6), &wide);
  leave (m, conv (m, conv (m, y, &deep), &narrow));
  GonioValueId z = keep_whole (m, conv (m, x, &wide)); /* a part of it is read */
  leave (m, conv (m, channels_of (m, z, 3, 9), &narrow));
}

static void
make_long (Maker *m)
{
  GonioValueId x = input (m, 1, 3, HEIGHT, WIDTH);
  for (int i = 0; i < 10; i++)
    x = conv (m, x, i % 2 ? &deep : &wide); /* the eighth is the end of the first chain */
  leave (m, x);
}

/* Lines that see nothing but padding, at both ends; steps larger than kernels. */
static void
make_edges (Maker *m)
{
  Conv far = {.kernel = 3, .pads = {5, 6, 4, 3}, .depthwise = TRUE, .bias = TRUE};
  Conv away = {.channels = LEAST, .kernel = 1, .pads = {3, 1, 2, 0}, .bias = TRUE};
  Conv sparse = {.channels = 6, .kernel = 2, .stride = 5, .pads = {7, 0, 7, 2}};
  GonioValueId x = input (m, 1, 3, HEIGHT, WIDTH);
  GonioValueId y = conv (m, conv (m, conv (m, x, &away), &far), &away);
  leave (m, conv (m, y, &sparse));
}

/* Steps of two in the beginning, the middle and at the end, odd sizes, dilation. */
static void
make_strides (Maker *m)
{
  Conv first = {.channels = LEAST, .kernel = 3, .stride = 2, .pads = {1, 1, 1, 1}, .bias = TRUE};
  Conv middle = {.channels = 5 * LEAST, .kernel = 1, .stride = 2, .activation = "Swish"};
  Conv last = {.kernel = 3,
               .stride = 2,
               .dilation = 2,
               .pads = {2, 1, 0, 2},
               .depthwise = TRUE,
               .activation = "Clip"};
  GonioValueId x = input (m, 1, 1, 2 * HEIGHT + 1, 2 * WIDTH + 3);
  GonioValueId y = conv (m, conv (m, x, &first), &middle);
  leave (m, conv (m, y, &last));
}

/* Few lines, each of them long; more threads than lines at the end. */
static void
make_flat (Maker *m)
{
  Conv last = {.channels = 3, .kernel = 1, .stride = 2, .pads = {0, 1, 0, 1}};
  GonioValueId x = input (m, 1, 3, 6, 4000);
  leave (m, conv (m, conv (m, conv (m, x, &wide), &deep), &last));
}

/* Of few channels whole windows are gathered, which reads beyond the lines. */
static void
make_gathered (Maker *m)
{
  Conv few = {.channels = 3, .kernel = 1, .bias = TRUE};
  Conv window = {.channels = 3, .kernel = 5, .pads = {2, 2, 2, 2}, .activation = "Swish"};
  GonioValueId x = input (m, 1, 1, 301, 307);
  GonioValueId y = conv (m, conv (m, conv (m, x, &few), &window), &window);
  leave (m, conv (m, y, &(Conv){.channels = 5, .kernel = 3, .stride = 2}));
}

/* A line of it is all of it, too much to keep. */
static void
make_one_line (Maker *m)
{
  GonioValueId x = input (m, 1, 3, 1, HEIGHT * WIDTH);
  leave (m, conv (m, keep_whole (m, conv (m, x, &wide)), &deep));
}

/* Lines far apart: all of them together would not fit, so there are two chains. */
static void
make_tall (Maker *m)
{
  Conv apart = {.kernel = 5, .dilation = 2, .pads = {4, 4, 4, 4}, .depthwise = TRUE};
  GonioValueId x = conv (m, input (m, 1, 3, HEIGHT, WIDTH), &wide);
  for (int i = 0; i < 7; i++)
    x = conv (m, x, &apart);
  leave (m, x);
}

static const struct {
  const char *name;
  void (*make) (Maker *m);
  int chained;
} listed[] = {
    {"bottleneck", make_bottleneck, 2},
    {"summands", make_summands, 4},
    {"between", make_between, 1},
    {"read-twice", make_read_twice, 1},
    {"leaves", make_leaves, 1},
    {"images", make_images, 0},
    {"small", make_small, 0},
    {"joined", make_joined, 4},
    {"views", make_views, 2},
    {"long", make_long, 8},
    {"edges", make_edges, 3},
    {"strides", make_strides, 2},
    {"flat", make_flat, 2},
    {"gathered", make_gathered, 3},
    {"one-line", make_one_line, 0},
    {"tall", make_tall, 6},
};

static void
test_listed (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  Maker m;
  maker_init (&m, i);
  listed[i].make (&m);
  compare (&m, listed[i].name, listed[i].chained);
  maker_clear (&m);
}

/* ---- random graphs ---- */

static GonioValueId
random_conv (Maker *m, GonioValueId x, GonioValueId start)
{
  static const int kernels[] = {1, 1, 1, 3, 5};
  static const char *const after[] = {NULL, NULL, "Clip", "Swish"};
  GonioShape in = shape_of (m, x), first = shape_of (m, start);
  double pixels = (double)(in.dims[2] * in.dims[3]);
  Conv c = {.kernel = kernels[pick (m, 0, 4)],
            .stride = pick (m, 0, 5) ? 1 : 2,
            .dilation = pick (m, 0, 4) ? 1 : 2,
            .depthwise = in.dims[1] > 1 && pick (m, 0, in.dims[1] >= LEAST ? 1 : 5) == 0,
            .bias = pick (m, 0, 1),
            .activation = after[pick (m, 0, 3)]};
  for (int i = 0; i < 4; i++)
    c.pads[i] = pick (m, 0, 2);
  if (c.stride > 1)
    pixels /= 4;
  c.channels =
      MIN ((int64_t)(280000 / pixels) + pick (m, 0, 3), 5 * LEAST); /* most are worth chaining */
  if (!c.depthwise &&
      pixels * (double)(in.dims[1] * c.channels * c.kernel * c.kernel) > MOST_PRODUCTS)
    c.kernel = 1;
  if (c.kernel == 1 && pick (m, 0, 1))
    memset (c.pads, 0, sizeof c.pads);
  for (int i = 0; i < 2; i++) /* never smaller than its kernel */
    if (in.dims[2 + i] < 16)
      c.pads[i] = c.pads[i + 2] = 4;
  /* Now and then back in the form of the beginning, which is then added. */
  if (c.kernel == 1 && c.stride == 1 && in.dims[2] == first.dims[2] &&
      in.dims[3] == first.dims[3] && pick (m, 0, 1)) {
    memset (c.pads, 0, sizeof c.pads);
    c.depthwise = FALSE;
    c.channels = first.dims[1];
    return conv_sum (m, x, &c, start);
  }
  return conv (m, x, &c);
}

static void
make_random (Maker *m)
{
  GonioValueId x = relu (
      m, input (m, 1, pick (m, 1, LEAST + 2), HEIGHT + pick (m, 0, 9), WIDTH + pick (m, 0, 9)));
  GonioValueId start = x;
  for (int i = pick (m, 2, 8); i > 0; i--) {
    x = random_conv (m, x, start);
    switch (i > 1 ? pick (m, 0, 9) : 9) {
    case 0: /* read by a second one */
      leave (m, relu (m, keep_whole (m, x)));
      break;
    case 1: /* leaves in the middle */
      leave (m, keep_whole (m, x));
      break;
    case 2: /* added again later */
      start = x;
      break;
    default:
      break;
    }
  }
  if (pick (m, 0, 2) == 0) {
    int64_t c = shape_of (m, x).dims[1];
    x = concat (m, x, conv (m, x, &(Conv){.channels = c + 1, .kernel = 1, .bias = TRUE}));
  }
  leave (m, x);
}

static void
test_random (void)
{
  guint all = 0;
  for (int i = 0; i < n_graphs; i++) {
    guint32 seed = first_seed + (guint32)i;
    g_autofree char *what = g_strdup_printf ("seed %u", seed);
    Maker m;
    maker_init (&m, seed);
    make_random (&m);
    guint found = compare (&m, what, -1);
    g_test_message ("%s: %u of %u convolutions chained to the next", what, found, m.n_convs);
    all += found;
    maker_clear (&m);
  }
  if (n_graphs >= 10) /* else little was tested */
    g_assert_cmpuint (all, >, (guint)n_graphs);
}

/* ---- several runs at once, cancelling ---- */

typedef struct {
  GonioSession *session;
  GonioTensor *x, **want;
} Runner;

static gpointer
run_often (gpointer data)
{
  const Runner *runner = data;
  for (int i = 0; i < 5; i++) {
    g_autoptr (GError) error = NULL;
    GonioTensor **got = run_session (runner->session, runner->x, NULL, &error);
    g_assert_no_error (error);
    expect_same ("at once", got[0], runner->want[0]);
    gonio_session_free_outputs (got, 1);
  }
  return NULL;
}

static void
test_at_once (void)
{
  Maker m;
  GThread *threads[3];
  g_autoptr (GError) error = NULL;
  maker_init (&m, 3);
  make_bottleneck (&m);
  g_setenv ("GONIO_CPU_KERNELS", "baseline", TRUE);
  g_autoptr (GonioSession) session = open_session (&m, tested, 3);
  g_assert_cmpuint (g_hash_table_size (chained), ==, 2);
  g_autoptr (GonioTensor) x = random_input (session);
  Runner runner = {session, x, run_session (session, x, NULL, &error)};
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("runner", run_often, &runner);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  gonio_session_free_outputs (runner.want, 1);
  maker_clear (&m);
}

static double
processor_seconds (void)
{
  struct timespec time;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

typedef struct {
  GCancellable *cancellable;
  double when; /* of the process' time */
} Canceller;

static gpointer
cancel_then (gpointer data)
{
  const Canceller *canceller = data;
  while (processor_seconds () < canceller->when)
    g_usleep (200);
  g_cancellable_cancel (canceller->cancellable);
  return NULL;
}

/* Runs and cancels after a part of the time that a run takes. FALSE when it was done before.
 * *out_spent: processor time of the run. */
static gboolean
cancelled_run (const Runner *runner, double after, double *out_spent)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  double start = processor_seconds ();
  Canceller canceller = {cancellable, start + after};
  GThread *thread = g_thread_new ("canceller", cancel_then, &canceller);
  GonioTensor **got = run_session (runner->session, runner->x, cancellable, &error);
  *out_spent = processor_seconds () - start;
  while (processor_seconds () < start + after) /* the canceller waits for it */
    ;
  g_thread_join (thread);
  if (got) {
    g_assert_no_error (error);
    expect_same ("not cancelled", got[0], runner->want[0]);
    gonio_session_free_outputs (got, 1);
    return FALSE;
  }
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  return TRUE;
}

/* All the work is one chain: whoever is cancelled early must have stopped inside of it. */
static void
test_cancel (gconstpointer data)
{
  guint threads = GPOINTER_TO_UINT (data);
  Maker m;
  g_autoptr (GError) error = NULL;
  maker_init (&m, 4);
  GonioValueId x = input (&m, 1, 3, 8 * HEIGHT, WIDTH);
  Conv heavy = {.channels = 2 * LEAST, .kernel = 5, .pads = {2, 2, 2, 2}};
  leave (&m, conv (&m, conv (&m, conv (&m, x, &wide), &heavy), &narrow));
  g_setenv ("GONIO_CPU_KERNELS", "baseline", TRUE);
  g_autoptr (GonioSession) session = open_session (&m, tested, threads);
  g_assert_cmpuint (g_hash_table_size (chained), ==, 2);
  g_autoptr (GonioTensor) values = random_input (session);
  double start = processor_seconds ();
  Runner runner = {session, values, run_session (session, values, NULL, &error)};
  double whole = processor_seconds () - start, spent;
  g_assert_no_error (error);
  gboolean inside = FALSE;
  for (int i = 0; i < 20 && !inside; i++) /* on a busy machine the canceller may come late */
    inside = cancelled_run (&runner, whole / 5, &spent) && spent < whole * 0.7;
  g_assert_true (inside);
  for (int i = 0; i < 12; i++) /* anywhere */
    cancelled_run (&runner, whole * i / 10, &spent);
  GonioTensor **again = run_session (session, values, NULL, &error);
  g_assert_no_error (error);
  expect_same ("after cancelling", again[0], runner.want[0]);
  gonio_session_free_outputs (again, 1);
  gonio_session_free_outputs (runner.want, 1);
  maker_clear (&m);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_set_nonfatal_assertions ();
  if (argc > 1)
    n_graphs = (int)g_ascii_strtoll (argv[1], NULL, 10);
  if (argc > 2)
    first_seed = (guint32)g_ascii_strtoull (argv[2], NULL, 10);
  spied = gonio_backend_cpu;
  spied.compile = compile;
  chained = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (listed); i++) {
    g_autofree char *path = g_strconcat ("/cpu-chain/", listed[i].name, NULL);
    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_listed);
  }
  g_test_add_func ("/cpu-chain/random", test_random);
  g_test_add_func ("/cpu-chain/at-once", test_at_once);
  g_test_add_data_func ("/cpu-chain/cancel", GUINT_TO_POINTER (1), test_cancel);
  g_test_add_data_func ("/cpu-chain/cancel-threads", GUINT_TO_POINTER (3), test_cancel);
  int status = g_test_run ();
  g_hash_table_unref (chained);
  return status;
}
