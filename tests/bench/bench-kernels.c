/* Single operators on shapes of real networks, in GFLOP/s of the direct computation: every kernel
 * set of the cpu backend, every method of a convolution that suits, XNNPACK's own operator, and
 * what the processor can do at most. A table, no verdicts.
 *
 * Usage: gonio-bench-kernels [OPTION...] [TEXT...]
 * TEXT: only the shapes whose line or network has it.
 */
#include "backends/cpu/conv.h"
#include "backends/cpu/cpu.h"
#include "core/graph/edit.h"
#include "core/session/session.h"
#include "tests/bench/peak.h"
#include "tests/bench/xnnpack-shape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CHOSEN "chosen" /* the method that the backend picks itself */

static const GonioBackendDef *const only_cpu[] = {&gonio_backend_cpu, NULL};
static const char *const sets[] = {"widest", "avx512", "avx2", "avx", "baseline"};
static const GonioCpuConvMethod *const methods[] = {
    &gonio_cpu_conv_direct,     &gonio_cpu_conv_parts,     &gonio_cpu_conv_winograd_4,
    &gonio_cpu_conv_winograd_2, &gonio_cpu_conv_depthwise, &gonio_cpu_conv_xnnpack};
#define N_METHODS G_N_ELEMENTS (methods)

typedef struct {
  int threads, passes;
  double seconds;
  char *sets; /* nullable: all */
} Options;

typedef struct {
  const BenchShape *shape;
  GonioTensor *input, *weights, *bias; /* bias NULL: a product */
  BenchXnn *xnn;                       /* nullable */
  double xnn_us;
} Case;

/* A way of ours to compute the case. */
typedef struct {
  guint set;
  const char *method;
  GonioSession *session;
  guint seen; /* events of the trace that are counted already */
  double us;  /* lowest median */
  double error;
} Way;

static void
way_clear (gpointer data)
{
  gonio_session_unref (((Way *)data)->session);
}

/* ---- the graph of a case ---- */

static GonioTensor *
random_tensor (const GonioShape *shape, GRand *rand, GError **error)
{
  GonioTensor *tensor = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, shape, error);
  float *data = tensor != NULL ? gonio_tensor_writable_data (tensor) : NULL;
  for (int64_t i = 0; data != NULL && i < gonio_tensor_count (tensor); i++)
    data[i] = (float)g_rand_double_range (rand, -1, 1);
  return tensor;
}

static gboolean
case_fill (Case *c, GError **error)
{
  const BenchShape *s = c->shape;
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  GonioShape input = GONIO_SHAPE (1, s->channels_in, s->height, s->width);
  GonioShape weights =
      GONIO_SHAPE (s->channels_out, s->channels_in / s->groups, s->kernel, s->kernel);
  GonioShape bias = GONIO_SHAPE (s->channels_out);
  if (s->kind == BENCH_SHAPE_TRANSPOSED)
    weights = GONIO_SHAPE (s->channels_in, s->channels_out, s->kernel, s->kernel);
  if (s->kind == BENCH_SHAPE_LINEAR) {
    input = GONIO_SHAPE (s->height, s->channels_in);
    weights = GONIO_SHAPE (s->channels_in, s->channels_out);
  }
  if (s->kind == BENCH_SHAPE_PRODUCT) {
    input = GONIO_SHAPE (s->groups, s->height, s->channels_in);
    weights = GONIO_SHAPE (s->groups, s->channels_in, s->channels_out);
  }
  c->input = random_tensor (&input, rand, error);
  c->weights = c->input ? random_tensor (&weights, rand, error) : NULL;
  if (c->weights && s->kind != BENCH_SHAPE_PRODUCT)
    c->bias = random_tensor (&bias, rand, error);
  return c->weights && (c->bias || s->kind == BENCH_SHAPE_PRODUCT);
}

static GonioValueId
computed (GonioGraph *graph)
{
  return gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
}

static GonioValueId
graph_input (GonioGraph *graph, const char *name, const GonioTensor *tensor)
{
  GonioSymShape shape = gonio_sym_shape_from_shape (gonio_tensor_shape (tensor));
  return gonio_graph_add_input (graph, name, GONIO_DTYPE_FLOAT, &shape);
}

/* Changes nothing, and stands for the neighbours that work channels-last. */
static GonioValueId
through_pool (GonioGraph *graph, GonioValueId from)
{
  static const int64_t ones[2] = {1, 1};
  GonioValueId to = computed (graph);
  GonioNodeId pool = gonio_graph_add_node (graph, GONIO_OP_MAX_POOL, NULL, &from, 1, &to, 1);
  gonio_graph_set_attr_ints (graph, pool, "kernel_shape", ones, 2);
  return to;
}

static void
set_window (GonioGraph *graph, GonioNodeId node, const BenchShape *s)
{
  gint64 pad = s->kind == BENCH_SHAPE_CONV ? s->kernel / 2 : 0;
  gonio_graph_set_attr_ints (graph, node, "strides", (int64_t[]){s->stride, s->stride}, 2);
  gonio_graph_set_attr_ints (graph, node, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
  gonio_graph_set_attr_int (graph, node, "group", s->groups);
}

/* First layers read the picture as it comes, the others what a layer before them wrote. */
static GonioGraph *
make_graph (const Case *c, GonioNodeId *out_node, GError **error)
{
  static const GonioOpId ops[] = {GONIO_OP_CONV, GONIO_OP_CONV_TRANSPOSE, GONIO_OP_GEMM,
                                  GONIO_OP_MATMUL};
  const BenchShape *s = c->shape;
  gboolean window = s->kind == BENCH_SHAPE_CONV || s->kind == BENCH_SHAPE_TRANSPOSED;
  g_autoptr (GonioGraph) graph = gonio_graph_new ("shape");
  GonioValueId in[3] = {graph_input (graph, "x", c->input)}, out = computed (graph);
  in[1] = c->bias ? gonio_graph_add_constant (graph, NULL, c->weights)
                  : graph_input (graph, "y", c->weights);
  if (c->bias)
    in[2] = gonio_graph_add_constant (graph, NULL, c->bias);
  if (window && s->channels_in > 3)
    in[0] = through_pool (graph, in[0]);
  GonioNodeId node =
      gonio_graph_add_node (graph, ops[s->kind], "measured", in, c->bias ? 3 : 2, &out, 1);
  if (window)
    set_window (graph, node, s);
  gonio_graph_add_output (graph, window ? through_pool (graph, out) : out);
  if (!gonio_infer_graph (graph, error))
    return NULL;
  *out_node = node;
  return g_steal_pointer (&graph);
}

/* ---- the ways of ours ---- */

static void
wish (const char *name, const char *value)
{
  if (value != NULL)
    g_setenv (name, value, TRUE);
  else
    g_unsetenv (name);
}

static gboolean
suits (const GonioCpuConvMethod *method, const GonioGraph *graph, GonioNodeId id)
{
  GonioCpuNode node = {graph, id, gonio_graph_node (graph, id)};
  GonioCpuConv conv = {.groups = gonio_node_attr_int (node.node, "group", 1),
                       .activation = gonio_cpu_activation (node.node)};
  return node.node->op == GONIO_OP_CONV &&
         gonio_cpu_window_init (&conv.window, &node, gonio_cpu_in (&node, 1)) == NULL &&
         method->suits (gonio_cpu_kernels_select (), &conv);
}

static gboolean
add_way (GArray *ways, const Case *c, guint set, const GonioCpuConvMethod *method, guint threads,
         GError **error)
{
  GonioNodeId node;
  GonioGraph *graph = make_graph (c, &node, error);
  if (graph == NULL)
    return FALSE;
  if (method != NULL && !suits (method, graph, node)) {
    gonio_graph_unref (graph);
    return TRUE;
  }
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = only_cpu;
  options.optimization = GONIO_OPT_DISABLED;
  options.threads = threads;
  options.strict = TRUE;
  options.profile = TRUE;
  wish ("GONIO_CPU_CONV", method ? method->name : NULL);
  Way way = {.set = set, .method = method ? method->name : CHOSEN, .us = INFINITY};
  way.session = gonio_session_new_from_graph (graph, &options, NULL, error);
  if (way.session != NULL)
    g_array_append_val (ways, way);
  return way.session != NULL;
}

static const GonioCpuKernels *
kernels_of (guint set)
{
  wish ("GONIO_CPU_KERNELS", set > 0 ? sets[set] : NULL);
  return gonio_cpu_kernels_select ();
}

/* The processor has it; without a wish also: it is not what "widest" is. */
static gboolean
is_set_wanted (guint set, const Options *options)
{
  gboolean narrower = set + 1 < G_N_ELEMENTS (sets);
  if (set > 0 && narrower && kernels_of (set) == kernels_of (set + 1))
    return FALSE;
  if (options->sets == NULL)
    return set == 0 || kernels_of (set) != kernels_of (0);
  g_auto (GStrv) wanted = g_strsplit (options->sets, ",", -1);
  return g_strv_contains ((const char *const *)wanted, sets[set]);
}

static gboolean
add_ways (GArray *ways, const Case *c, const Options *options, GError **error)
{
  for (guint set = 0; set < G_N_ELEMENTS (sets); set++) {
    if (!is_set_wanted (set, options))
      continue;
    kernels_of (set); /* leaves the wish behind, for the sessions */
    for (guint m = 0; m <= N_METHODS; m++)
      if (!add_way (ways, c, set, m > 0 ? methods[m - 1] : NULL, (guint)options->threads, error))
        return FALSE;
  }
  return TRUE;
}

static int
by_value (gconstpointer pa, gconstpointer pb)
{
  double a = *(const double *)pa, b = *(const double *)pb;
  return (a > b) - (a < b);
}

static double
median (GArray *times)
{
  g_array_sort (times, by_value);
  return times->len > 0 ? g_array_index (times, double, times->len / 2) : INFINITY;
}

/* Median time of the node alone in the runs since the last call, microseconds. */
static double
node_median (Way *way)
{
  g_autoptr (GPtrArray) rows = gonio_session_dup_report (way->session);
  g_autoptr (GArray) events = gonio_session_dup_trace (way->session);
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (double));
  for (guint e = way->seen; e < events->len; e++) {
    const GonioTraceEvent *event = &g_array_index (events, GonioTraceEvent, e);
    const GonioPlacement *row = g_ptr_array_index (rows, event->row);
    double us = (double)(event->end_ns - event->start_ns) / 1000;
    if (g_str_equal (row->node, "measured"))
      g_array_append_val (times, us);
  }
  way->seen = events->len;
  return median (times);
}

static gboolean
run_way (Way *way, const Case *c, double seconds, GError **error)
{
  const char *const names[] = {"x", "y"};
  GonioTensor *const inputs[] = {c->input, c->weights};
  gint64 end = g_get_monotonic_time () + (gint64)(seconds * 1e6);
  for (guint run = 0; run < 5 || g_get_monotonic_time () < end; run++) {
    GonioTensor **outputs = NULL;
    if (!gonio_session_run (way->session, names, inputs, c->bias ? 1 : 2, &outputs, NULL, error))
      return FALSE;
    if (c->xnn != NULL && run == 0)
      way->error = fmax (way->error, bench_xnn_error (c->xnn, gonio_tensor_data (outputs[0])));
    gonio_session_free_outputs (outputs, 1);
  }
  way->us = fmin (way->us, node_median (way));
  return TRUE;
}

static gboolean
run_xnn (Case *c, double seconds, GError **error)
{
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (double));
  gint64 end = g_get_monotonic_time () + (gint64)(seconds * 1e6);
  for (guint run = 0; run < 5 || g_get_monotonic_time () < end; run++) {
    double us;
    if (!bench_xnn_run (c->xnn, &us, error))
      return FALSE;
    g_array_append_val (times, us);
  }
  c->xnn_us = fmin (c->xnn_us, median (times));
  return TRUE;
}

/* ---- the table ---- */

/* What a set can do at most; the matrix unit has no float products of its own. */
static double
limit_of (const char *set, const GonioPeak *peaks, guint n_peaks)
{
  double widest = 0;
  for (guint i = 0; i < n_peaks; i++) {
    if (g_str_equal (peaks[i].set, set))
      return peaks[i].rate;
    if (!g_str_equal (peaks[i].set, "amx"))
      widest = peaks[i].rate;
  }
  return widest;
}

static void
print_rate (double flops, double us)
{
  if (us > 0 && isfinite (us))
    printf (" %9.1f", flops / us / 1000);
  else
    printf (" %9s", "-");
}

static void
print_case (const Case *c, GArray *ways, const GonioPeak *peaks, guint n_peaks)
{
  double flops = bench_shape_flops (c->shape);
  g_autofree char *text = bench_shape_text (c->shape);
  for (guint set = 0; set < G_N_ELEMENTS (sets); set++) {
    double times[N_METHODS + 1] = {0}, error = -1;
    for (guint w = 0; w < ways->len; w++) {
      const Way *way = &g_array_index (ways, Way, w);
      if (way->set != set)
        continue;
      error = fmax (error, way->error);
      guint column = 0;
      for (guint m = 0; m < N_METHODS; m++)
        if (g_str_equal (methods[m]->name, way->method))
          column = m + 1;
      times[column] = way->us;
    }
    if (error < 0)
      continue;
    printf ("%-16s %-32s %7.1f %-8s", c->shape->from, text, flops / 1e6, sets[set]);
    print_rate (flops, c->xnn ? c->xnn_us : 0);
    for (guint m = 0; m <= N_METHODS; m++)
      print_rate (flops, times[m]);
    printf (" %6.0f", 100 * flops / times[0] / 1000 / limit_of (sets[set], peaks, n_peaks));
    if (c->xnn)
      printf (" %8.0e\n", error);
    else
      printf (" %8s\n", "-");
  }
  fflush (stdout);
}

static void
print_head (const Options *options, const GonioPeak *peaks, guint n_peaks)
{
  printf ("GFLOP/s of the direct computation; threads: %d. At most:", options->threads);
  for (guint i = 0; i < n_peaks; i++)
    printf (" %s %.0f%s", peaks[i].set, peaks[i].rate, i + 1 < n_peaks ? "," : "\n");
  printf ("%-16s %-32s %7s %-8s %9s %9s", "network", "shape", "MFLOP", "kernels", "XNNPACK",
          CHOSEN);
  for (guint m = 0; m < N_METHODS; m++)
    printf (" %9s", methods[m]->name);
  printf (" %6s %8s\n", "% peak", "error");
}

static void
case_clear (Case *c)
{
  g_clear_pointer (&c->input, gonio_tensor_unref);
  g_clear_pointer (&c->weights, gonio_tensor_unref);
  g_clear_pointer (&c->bias, gonio_tensor_unref);
  bench_xnn_free (c->xnn);
}

static gboolean
run_case (Case *c, GArray *ways, const Options *options, GError **error)
{
  if (!case_fill (c, error))
    return FALSE;
  if (c->bias != NULL) {
    c->xnn = bench_xnn_new (c->shape, gonio_tensor_data (c->input), gonio_tensor_data (c->weights),
                            gonio_tensor_data (c->bias), (guint)options->threads, error);
    if (c->xnn == NULL)
      return FALSE;
  }
  if (!add_ways (ways, c, options, error))
    return FALSE;
  for (int pass = 0; pass < options->passes; pass++) {
    if (c->xnn != NULL && !run_xnn (c, options->seconds, error))
      return FALSE;
    for (guint w = 0; w < ways->len; w++)
      if (!run_way (&g_array_index (ways, Way, w), c, options->seconds, error))
        return FALSE;
  }
  return TRUE;
}

static gboolean
is_wanted (const BenchShape *shape, int argc, char **argv)
{
  g_autofree char *text = bench_shape_text (shape);
  gboolean wanted = argc < 2;
  for (int i = 1; i < argc; i++)
    wanted = wanted || strstr (text, argv[i]) != NULL || strstr (shape->from, argv[i]) != NULL;
  return wanted;
}

static gboolean
are_sets (const char *list)
{
  g_auto (GStrv) names = g_strsplit (list != NULL ? list : sets[0], ",", -1);
  gboolean known = *names != NULL;
  for (guint i = 0; names[i] != NULL; i++) {
    gboolean found = FALSE;
    for (guint set = 0; set < G_N_ELEMENTS (sets); set++)
      found = found || g_str_equal (sets[set], names[i]);
    known = known && found;
  }
  return known;
}

static gboolean
parse (int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
      {"threads", 't', 0, G_OPTION_ARG_INT, &options->threads, "threads (1)", "N"},
      {"passes", 'p', 0, G_OPTION_ARG_INT, &options->passes,
       "rounds over all ways; the lowest median is kept (3)", "N"},
      {"seconds", 's', 0, G_OPTION_ARG_DOUBLE, &options->seconds,
       "least time of a measurement (0.05)", "S"},
      {"kernels", 'k', 0, G_OPTION_ARG_STRING, &options->sets,
       "of widest, avx512, avx2, avx, baseline (all)", "LIST"},
      G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[TEXT...]");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (options->threads >= 1 && options->threads <= 256 && options->passes >= 1 &&
      options->seconds >= 0 && options->seconds <= 60 && are_sets (options->sets))
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "--threads lies in 1 to 256, --passes counts from 1, --seconds lies in 0 to 60, "
               "--kernels is a list of widest, avx512, avx2, avx, baseline");
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  Options options = {.threads = 1, .passes = 3, .seconds = 0.05};
  if (!parse (&argc, &argv, &options, &error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  GonioPeak peaks[GONIO_MAX_PEAKS];
  guint n_peaks = gonio_peaks ((guint)options.threads, peaks);
  print_head (&options, peaks, n_peaks);
  gboolean done = TRUE;
  for (guint i = 0; done && i < bench_n_shapes; i++) {
    Case c = {.shape = &bench_shapes[i], .xnn_us = INFINITY};
    g_autoptr (GArray) ways = g_array_new (FALSE, FALSE, sizeof (Way));
    if (!is_wanted (c.shape, argc, argv))
      continue;
    g_array_set_clear_func (ways, way_clear);
    done = run_case (&c, ways, &options, &error);
    if (done)
      print_case (&c, ways, peaks, n_peaks);
    else
      g_printerr ("%s: %s\n", c.shape->from, error->message);
    case_clear (&c);
  }
  g_free (options.sets);
  return done ? 0 : 1;
}
