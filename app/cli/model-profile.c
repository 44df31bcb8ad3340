/* gonio-cli model profile: where the time goes, node by node. */
#include "app/cli/cli.h"

static gboolean
run_often (GonioSession *session, char **dims, guint runs, GError **error)
{
  g_autoptr (GPtrArray) names = gonio_cli_input_names (session);
  g_autoptr (GPtrArray) inputs = gonio_cli_seeded_inputs (session, dims, 0, error);
  guint n_outputs;
  gonio_session_outputs (session, &n_outputs);
  for (guint i = 0; inputs != NULL && i < runs; i++) {
    GonioTensor **outputs = NULL;
    if (!gonio_session_run (session, (const char *const *)names->pdata,
                            (GonioTensor *const *)inputs->pdata, names->len, &outputs, NULL, error))
      return FALSE;
    gonio_session_free_outputs (outputs, n_outputs);
  }
  return inputs != NULL;
}

static gint
slowest_first (gconstpointer pa, gconstpointer pb)
{
  const GonioPlacement *a = *(const GonioPlacement *const *)pa;
  const GonioPlacement *b = *(const GonioPlacement *const *)pb;
  return (a->time_ns < b->time_ns) - (a->time_ns > b->time_ns);
}

static void
print_table (GPtrArray *rows, gboolean sort)
{
  double total = 0;
  for (guint i = 0; i < rows->len; i++)
    total += (double)((GonioPlacement *)g_ptr_array_index (rows, i))->time_ns;
  if (sort)
    g_ptr_array_sort (rows, slowest_first);
  gonio_cli_print ("%10s %6s  %-20s %-10s %-6s %-20s %s\n", "us", "%", "op", "backend", "layout",
                   "shape", "node");
  for (guint i = 0; i < rows->len; i++) {
    const GonioPlacement *row = g_ptr_array_index (rows, i);
    double mean = row->runs > 0 ? (double)row->time_ns / row->runs / 1000 : 0;
    gonio_cli_print ("%10.1f %6.2f  %-20s %-10s %-6s %-20s %s%s%s%s\n", mean,
                     total > 0 ? 100 * (double)row->time_ns / total : 0, row->op, row->backend,
                     row->layout, row->output_shape, row->node, *row->reason ? "  (" : "",
                     row->reason, *row->reason ? ")" : "");
  }
}

GonioExit
gonio_cli_model_profile (const GonioCommand *command, int argc, char **argv)
{
  g_auto (GonioCliSession) args = {0};
  g_auto (GStrv) dims = NULL;
  g_autoptr (GError) error = NULL;
  gboolean sort = FALSE;
  int runs = 10;
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"runs", 'n', 0, G_OPTION_ARG_INT, &runs, "runs (10)", "N"},
      {"sort", 's', 0, G_OPTION_ARG_NONE, &sort, "slowest nodes first", NULL},
      {"dim", 'd', 0, G_OPTION_ARG_STRING_ARRAY, &dims, "size of a free dimension (1)",
       "NAME=SIZE"},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, &args, 1, 1, &argc, &argv, &code))
    return code;
  if (runs < 1 || runs > 1000000)
    return gonio_cli_usage ("--runs must lie in 1 to 1000000, not %d", runs);
  GonioSessionOptions options;
  g_autofree const GonioBackendDef **backends = NULL;
  if (!gonio_cli_session_options (&args, &options, &backends, &error))
    return gonio_cli_fail (error);
  options.profile = TRUE;
  g_autoptr (GonioSession) session = gonio_session_new_from_file (argv[1], &options, NULL, &error);
  if (session == NULL || !run_often (session, dims, (guint)runs, &error))
    return gonio_cli_fail (error);
  g_autoptr (GPtrArray) rows = gonio_session_dup_report (session);
  print_table (rows, sort);
  return GONIO_EXIT_DONE;
}
