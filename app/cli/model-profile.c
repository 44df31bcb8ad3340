/* gonio-cli model profile: where the time goes, node by node; also as a trace that Chrome's
 * about:tracing, Perfetto and speedscope read. */
#include "app/cli/json.h"
#include "app/cli/values.h"

typedef struct {
  GPtrArray *rows; /* GonioPlacement */
  GArray *events;  /* GonioTraceEvent */
  const char *model;
  guint runs;
} Profile;

static void
clear_profile (Profile *profile)
{
  g_clear_pointer (&profile->rows, g_ptr_array_unref);
  g_clear_pointer (&profile->events, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Profile, clear_profile)

static gboolean
run_often (GonioSession *session, const GonioCliInputs *args, guint runs, GError **error)
{
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) inputs = NULL;
  guint n_outputs;
  gonio_session_outputs (session, &n_outputs);
  if (!gonio_cli_inputs_make (session, args, &names, &inputs, error))
    return FALSE;
  for (guint i = 0; i < runs; i++) {
    GonioTensor **outputs = NULL;
    if (!gonio_session_run (session, (const char *const *)names->pdata,
                            (GonioTensor *const *)inputs->pdata, names->len, &outputs,
                            gonio_cli_cancellable (), error))
      return FALSE;
    gonio_session_free_outputs (outputs, n_outputs);
  }
  return TRUE;
}

/* ---- sums by operator and backend ---- */

typedef struct {
  const char *op, *backend;
  guint nodes;
  gint64 time_ns;
  guint64 bytes; /* of one run */
} Sum;

static gint
slowest_sum_first (gconstpointer pa, gconstpointer pb)
{
  const Sum *a = pa, *b = pb;
  return (a->time_ns < b->time_ns) - (a->time_ns > b->time_ns);
}

/* GArray of Sum; strings belong to the rows. */
static GArray *
sum_up (const GPtrArray *rows)
{
  GArray *sums = g_array_new (FALSE, TRUE, sizeof (Sum));
  for (guint i = 0; i < rows->len; i++) {
    const GonioPlacement *row = g_ptr_array_index (rows, i);
    Sum *sum = NULL;
    for (guint s = 0; s < sums->len && sum == NULL; s++) {
      Sum *at = &g_array_index (sums, Sum, s);
      if (g_str_equal (at->op, row->op) && g_str_equal (at->backend, row->backend))
        sum = at;
    }
    if (sum == NULL) {
      g_array_set_size (sums, sums->len + 1);
      sum = &g_array_index (sums, Sum, sums->len - 1);
      sum->op = row->op;
      sum->backend = row->backend;
    }
    sum->nodes++;
    sum->time_ns += row->time_ns;
    sum->bytes += row->read_bytes + row->written_bytes;
  }
  g_array_sort (sums, slowest_sum_first);
  return sums;
}

/* ---- table ---- */

static gint
slowest_first (gconstpointer pa, gconstpointer pb)
{
  const GonioPlacement *a = *(const GonioPlacement *const *)pa;
  const GonioPlacement *b = *(const GonioPlacement *const *)pb;
  return (a->time_ns < b->time_ns) - (a->time_ns > b->time_ns);
}

static void
print_table (const Profile *profile, gboolean sort)
{
  double total = 0, runs = (double)profile->runs;
  g_autoptr (GArray) sums = sum_up (profile->rows);
  for (guint i = 0; i < sums->len; i++)
    total += (double)g_array_index (sums, Sum, i).time_ns;
  double percent = total > 0 ? 100 / total : 0;
  if (sort)
    g_ptr_array_sort (profile->rows, slowest_first);
  gonio_cli_print ("%10s %6s %12s  %-20s %-10s %-6s %-20s %s\n", "us", "%", "bytes", "op",
                   "backend", "layout", "shape", "node");
  for (guint i = 0; i < profile->rows->len; i++) {
    const GonioPlacement *row = g_ptr_array_index (profile->rows, i);
    gonio_cli_print ("%10.1f %6.2f %12" G_GSIZE_FORMAT "  %-20s %-10s %-6s %-20s %s%s%s%s\n",
                     (double)row->time_ns / runs / 1000, percent * (double)row->time_ns,
                     row->read_bytes + row->written_bytes, row->op, row->backend, row->layout,
                     row->output_shape, row->node, *row->reason ? "  (" : "", row->reason,
                     *row->reason ? ")" : "");
  }
  gonio_cli_print ("\n%10s %6s %12s  %-20s %-10s %s\n", "us", "%", "bytes", "op", "backend",
                   "nodes");
  for (guint i = 0; i < sums->len; i++) {
    const Sum *sum = &g_array_index (sums, Sum, i);
    gonio_cli_print ("%10.1f %6.2f %12" G_GUINT64_FORMAT "  %-20s %-10s %u\n",
                     (double)sum->time_ns / runs / 1000, percent * (double)sum->time_ns, sum->bytes,
                     sum->op, sum->backend, sum->nodes);
  }
  gonio_cli_print ("%10.1f in all, mean of %u runs\n", total / runs / 1000, profile->runs);
}

/* ---- trace ---- */

static void
add_event (JsonBuilder *builder, const GonioPlacement *row, const GonioTraceEvent *event,
           gint64 origin_ns)
{
  json_builder_begin_object (builder);
  gonio_cli_json_string (builder, "name", *row->node != '\0' ? row->node : row->op);
  gonio_cli_json_string (builder, "cat", row->op);
  gonio_cli_json_string (builder, "ph", "X");
  gonio_cli_json_number (builder, "ts", (double)(event->start_ns - origin_ns) / 1000);
  gonio_cli_json_number (builder, "dur", (double)(event->end_ns - event->start_ns) / 1000);
  gonio_cli_json_int (builder, "pid", 1);
  gonio_cli_json_int (builder, "tid", 1);
  json_builder_set_member_name (builder, "args");
  json_builder_begin_object (builder);
  gonio_cli_json_string (builder, "op", row->op);
  gonio_cli_json_string (builder, "backend", row->backend);
  gonio_cli_json_string (builder, "layout", row->layout);
  gonio_cli_json_string (builder, "shape", row->output_shape);
  gonio_cli_json_int (builder, "read_bytes", (gint64)row->read_bytes);
  gonio_cli_json_int (builder, "written_bytes", (gint64)row->written_bytes);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
}

static void
add_sums (JsonBuilder *builder, const Profile *profile)
{
  g_autoptr (GArray) sums = sum_up (profile->rows);
  json_builder_set_member_name (builder, "operators");
  json_builder_begin_array (builder);
  for (guint i = 0; i < sums->len; i++) {
    const Sum *sum = &g_array_index (sums, Sum, i);
    json_builder_begin_object (builder);
    gonio_cli_json_string (builder, "op", sum->op);
    gonio_cli_json_string (builder, "backend", sum->backend);
    gonio_cli_json_int (builder, "nodes", sum->nodes);
    gonio_cli_json_number (builder, "us_per_run",
                           (double)sum->time_ns / (double)profile->runs / 1000);
    gonio_cli_json_int (builder, "bytes_per_run", (gint64)sum->bytes);
    json_builder_end_object (builder);
  }
  json_builder_end_array (builder);
}

/* The JSON object form of the Trace Event Format; viewers ignore our own members. */
static char *
trace_text (const Profile *profile)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  gint64 origin_ns =
      profile->events->len > 0 ? g_array_index (profile->events, GonioTraceEvent, 0).start_ns : 0;
  json_builder_begin_object (builder);
  gonio_cli_json_string (builder, "displayTimeUnit", "ms");
  json_builder_set_member_name (builder, "otherData");
  json_builder_begin_object (builder);
  gonio_cli_json_string (builder, "model", profile->model);
  gonio_cli_json_string (builder, "program", "gonio-cli " GONIO_VERSION);
  gonio_cli_json_int (builder, "runs", profile->runs);
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "traceEvents");
  json_builder_begin_array (builder);
  for (guint i = 0; i < profile->events->len; i++) {
    const GonioTraceEvent *event = &g_array_index (profile->events, GonioTraceEvent, i);
    add_event (builder, g_ptr_array_index (profile->rows, event->row), event, origin_ns);
  }
  json_builder_end_array (builder);
  add_sums (builder, profile);
  json_builder_end_object (builder);
  return gonio_cli_json_text (builder);
}

static gboolean
report (const Profile *profile, gboolean json, const char *file, gboolean sort, GError **error)
{
  g_autofree char *text = json || file != NULL ? trace_text (profile) : NULL;
  if (file != NULL && !g_file_set_contents (file, text, -1, error))
    return FALSE;
  if (json)
    gonio_cli_print ("%s\n", text);
  else
    print_table (profile, sort);
  return TRUE;
}

GonioExit
gonio_cli_model_profile (const GonioCommand *command, int argc, char **argv)
{
  g_auto (GonioCliSession) args = {0};
  g_auto (GStrv) dims = NULL;
  g_auto (GStrv) pairs = NULL;
  g_auto (Profile) profile = {0};
  g_autofree char *file = NULL;
  g_autoptr (GError) error = NULL;
  gboolean sort = FALSE, json = FALSE;
  int runs = 10;
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"runs", 'n', 0, G_OPTION_ARG_INT, &runs, "runs (10)", "N"},
      {"sort", 's', 0, G_OPTION_ARG_NONE, &sort, "slowest nodes first", NULL},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Chrome trace events on stdout, not a table", NULL},
      {"trace", 0, 0, G_OPTION_ARG_FILENAME, &file, "write Chrome trace events there", "FILE"},
      {"input", 'i', 0, G_OPTION_ARG_STRING_ARRAY, &pairs,
       "a .npy or .pb file for an input; others are random", "NAME=FILE"},
      {"dim", 'd', 0, G_OPTION_ARG_STRING_ARRAY, &dims, "size of a free dimension (1)",
       "NAME=SIZE"},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, &args, 1, 1, &argc, &argv, &code))
    return code;
  if (runs < 1 || runs > 1000000)
    return gonio_cli_usage ("--runs must lie in 1 to 1000000, not %d", runs);
  GonioCliInputs inputs = {.pairs = pairs, .dims = dims};
  GonioSessionOptions options;
  g_autofree const GonioBackendDef **backends = NULL;
  if (!gonio_cli_session_options (&args, &options, &backends, &error))
    return gonio_cli_fail (error);
  options.profile = TRUE;
  g_autoptr (GonioSession) session =
      gonio_session_new_from_file (argv[1], &options, gonio_cli_cancellable (), &error);
  if (session == NULL || !run_often (session, &inputs, (guint)runs, &error))
    return gonio_cli_fail (error);
  profile.rows = gonio_session_dup_report (session);
  profile.events = gonio_session_dup_trace (session);
  profile.model = argv[1];
  profile.runs = (guint)runs;
  return report (&profile, json, file, sort, &error) ? GONIO_EXIT_DONE : gonio_cli_fail (error);
}
