/* gonio-cli model bench: load, first and later runs, memory, placement. */
#include "app/cli/cli.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

typedef struct {
  double load_ms, first_ms, median_ms, min_ms, max_ms;
  guint runs;
  double rss_peak_mb, gflops;
  GPtrArray *placement; /* GonioPlacement */
} Figures;

static double
now_ms (void)
{
  return (double)g_get_monotonic_time () / 1000.0;
}

static int
by_value (const void *pa, const void *pb)
{
  double a = *(const double *)pa, b = *(const double *)pb;
  return (a > b) - (a < b);
}

static gboolean
timed_run (GonioSession *session, GPtrArray *names, GPtrArray *inputs, double *out_ms,
           GError **error)
{
  GonioTensor **outputs = NULL;
  guint n_outputs;
  gonio_session_outputs (session, &n_outputs);
  double start = now_ms ();
  if (!gonio_session_run (session, (const char *const *)names->pdata,
                          (GonioTensor *const *)inputs->pdata, names->len, &outputs,
                          gonio_cli_cancellable (), error))
    return FALSE;
  *out_ms = now_ms () - start;
  gonio_session_free_outputs (outputs, n_outputs);
  return TRUE;
}

static gboolean
measure (const char *model, const GonioSessionOptions *options, char **dims, guint runs,
         Figures *out_figures, GError **error)
{
  Figures figures = {.runs = runs};
  double start = now_ms ();
  g_autoptr (GonioSession) session =
      gonio_session_new_from_file (model, options, gonio_cli_cancellable (), error);
  if (session == NULL)
    return FALSE;
  figures.load_ms = now_ms () - start;
  g_autoptr (GPtrArray) names = gonio_cli_input_names (session);
  g_autoptr (GPtrArray) inputs = gonio_cli_seeded_inputs (session, dims, error);
  if (inputs == NULL || !timed_run (session, names, inputs, &figures.first_ms, error))
    return FALSE;
  g_autofree double *times = g_new (double, runs);
  for (guint i = 0; i < runs; i++)
    if (!timed_run (session, names, inputs, &times[i], error))
      return FALSE;
  qsort (times, runs, sizeof *times, by_value);
  figures.min_ms = times[0];
  figures.max_ms = times[runs - 1];
  figures.median_ms = (times[(runs - 1) / 2] + times[runs / 2]) / 2;

  GonioSessionStats stats;
  gonio_session_stats (session, &stats);
  figures.gflops = figures.median_ms > 0 ? stats.flops / figures.median_ms / 1e6 : 0;
  struct rusage usage = {0};
  getrusage (RUSAGE_SELF, &usage);
  figures.rss_peak_mb = (double)usage.ru_maxrss / 1024.0;
  figures.placement = gonio_session_dup_report (session);
  *out_figures = figures;
  return TRUE;
}

static guint
nodes_on (const Figures *figures, const char *backend)
{
  guint count = 0;
  for (guint i = 0; i < figures->placement->len; i++) {
    const GonioPlacement *row = g_ptr_array_index (figures->placement, i);
    count += g_str_equal (row->backend, backend);
  }
  return count;
}

/* JSON has no use for the noise of the last digits. */
static double
rounded (double value)
{
  return round (value * 1000) / 1000;
}

static void
print_json (const Figures *figures, const GonioBackendDef *const *backends)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const struct {
    const char *key;
    double value;
  } numbers[] = {
      {"load_ms", figures->load_ms},     {"first_ms", figures->first_ms},
      {"median_ms", figures->median_ms}, {"min_ms", figures->min_ms},
      {"max_ms", figures->max_ms},       {"rss_peak_mb", figures->rss_peak_mb},
      {"gflops", figures->gflops},
  };
  json_builder_begin_object (builder);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    json_builder_set_member_name (builder, numbers[i].key);
    json_builder_add_double_value (builder, rounded (numbers[i].value));
  }
  json_builder_set_member_name (builder, "runs");
  json_builder_add_int_value (builder, figures->runs);
  json_builder_set_member_name (builder, "placement");
  json_builder_begin_object (builder);
  for (guint i = 0; backends[i] != NULL; i++) {
    json_builder_set_member_name (builder, backends[i]->name);
    json_builder_add_int_value (builder, nodes_on (figures, backends[i]->name));
  }
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = json_to_string (root, TRUE);
  gonio_cli_print ("%s\n", text);
}

static void
print_text (const Figures *figures, const GonioBackendDef *const *backends)
{
  gonio_cli_print (
      "load_ms      %.2f\nfirst_ms     %.2f\nmedian_ms    %.2f\nmin_ms       %.2f\n"
      "max_ms       %.2f\nruns         %u\nrss_peak_mb  %.1f\ngflops       %.2f\nplacement  ",
      figures->load_ms, figures->first_ms, figures->median_ms, figures->min_ms, figures->max_ms,
      figures->runs, figures->rss_peak_mb, figures->gflops);
  for (guint i = 0; backends[i] != NULL; i++)
    gonio_cli_print ("  %s %u", backends[i]->name, nodes_on (figures, backends[i]->name));
  gonio_cli_print ("\n");
}

GonioExit
gonio_cli_model_bench (const GonioCommand *command, int argc, char **argv)
{
  g_auto (GonioCliSession) args = {0};
  g_auto (GStrv) dims = NULL;
  g_autoptr (GError) error = NULL;
  gboolean json = FALSE;
  int runs = 20;
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"runs", 'n', 0, G_OPTION_ARG_INT, &runs, "runs after the first (20)", "N"},
      {"dim", 'd', 0, G_OPTION_ARG_STRING_ARRAY, &dims, "size of a free dimension (1)",
       "NAME=SIZE"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "one JSON object on stdout", NULL},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, &args, 1, 1, &argc, &argv, &code))
    return code;
  if (runs < 1 || runs > 1000000)
    return gonio_cli_usage ("--runs must lie in 1 to 1000000, not %d", runs);
  GonioSessionOptions options;
  g_autofree const GonioBackendDef **backends = NULL;
  Figures figures = {0};
  if (!gonio_cli_session_options (&args, &options, &backends, &error) ||
      !measure (argv[1], &options, dims, (guint)runs, &figures, &error))
    return gonio_cli_fail (error);
  if (json)
    print_json (&figures, backends);
  else
    print_text (&figures, backends);
  g_ptr_array_unref (figures.placement);
  return GONIO_EXIT_DONE;
}
