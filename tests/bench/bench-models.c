/* Runs the networks of a folder against their references and prints a table: NAME.onnx with
 * NAME.in0.npy, NAME.in1.npy, ... and NAME.out0.npy, .... Errors are relative to the largest
 * magnitude of the expected output. Times are printed and never judged.
 *
 * Usage: gonio-bench-models [OPTION...] [FOLDER [NAME...]]
 * FOLDER defaults to $GONIO_BENCH_MODELS. Exit 1 when an error exceeds --max-error.
 *
 * --json prints one object per network instead. Its memory figures are those of the process, so
 * they belong to the network only when it is the only one.
 */
#include "core/base/error.h"
#include "tests/support/model-run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UPS 4 /* after the first run, before those that are timed */

typedef struct {
  char *backends;
  int runs, threads;
  double seconds, max_error;
  gboolean json;
} Options;

typedef struct {
  double load_ms, first_ms, median_ms, min_ms;
  guint runs;         /* timed ones, after the first */
  double error;       /* the worst of all outputs of all runs */
  gboolean identical; /* every run gave the bits of the first */
  char *digest;       /* of the first run's outputs */
  double base_mb, peak_mb;
} Figures;

/* NAME.<kind>0.npy, NAME.<kind>1.npy, ... (transfer full) */
static GPtrArray *
load_series (const char *folder, const char *name, const char *kind, GError **error)
{
  g_autoptr (GPtrArray) tensors =
      g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  for (guint i = 0;; i++) {
    g_autofree char *file = g_strdup_printf ("%s.%s%u.npy", name, kind, i);
    g_autofree char *path = g_build_filename (folder, file, NULL);
    if (!g_file_test (path, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&tensors);
    GonioTensor *tensor = gonio_tensor_load_npy (path, error);
    if (tensor == NULL)
      return NULL;
    g_ptr_array_add (tensors, tensor);
  }
}

static int
by_value (gconstpointer pa, gconstpointer pb)
{
  double a = *(const double *)pa, b = *(const double *)pb;
  return (a > b) - (a < b);
}

/* A figure of this process in MB: VmRSS now, VmHWM at most so far; NaN where the system does not
 * say. getrusage() would count what the parent had before this program started. */
static double
memory_mb (const char *figure)
{
  g_autofree char *status = NULL;
  if (!g_file_get_contents ("/proc/self/status", &status, NULL, NULL))
    return NAN;
  const char *line = strstr (status, figure);
  return line != NULL ? g_ascii_strtod (line + strlen (figure) + 1, NULL) / 1024 : NAN;
}

static double
now_ms (void)
{
  return (double)g_get_monotonic_time () / 1000;
}

static gboolean
same_bits (GonioTensor *const *a, GonioTensor *const *b, guint n)
{
  for (guint i = 0; i < n; i++)
    if (gonio_tensor_size (a[i]) != gonio_tensor_size (b[i]) ||
        memcmp (gonio_tensor_data (a[i]), gonio_tensor_data (b[i]), gonio_tensor_size (a[i])) != 0)
      return FALSE;
  return TRUE;
}

static char *
digest_of (GonioTensor *const *tensors, guint n)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  for (guint i = 0; i < n; i++)
    g_checksum_update (checksum, gonio_tensor_data (tensors[i]),
                       (gssize)gonio_tensor_size (tensors[i]));
  return g_strdup (g_checksum_get_string (checksum));
}

static double
worst_error (GonioTensor *const *outputs, guint n, GPtrArray *expected)
{
  double worst = n == expected->len ? 0 : INFINITY;
  for (guint i = 0; i < MIN (n, expected->len); i++)
    worst = fmax (worst, gonio_model_error (outputs[i], g_ptr_array_index (expected, i)));
  return worst;
}

/* One run after the first; its outputs are compared with those of the first. */
static gboolean
run_again (GonioSession *session, GPtrArray *inputs, GPtrArray *expected, GonioTensor *const *first,
           guint n, Figures *figures, double *out_ms, GError **error)
{
  GonioTensor **outputs = NULL;
  double start = now_ms ();
  if (!gonio_model_run_positional (session, inputs, &outputs, error))
    return FALSE;
  *out_ms = now_ms () - start;
  if (!same_bits (first, outputs, n)) {
    figures->identical = FALSE;
    figures->error = fmax (figures->error, worst_error (outputs, n, expected));
  }
  gonio_session_free_outputs (outputs, n);
  return TRUE;
}

/* Warms up, then runs until both options->runs and options->seconds are reached. */
static gboolean
time_runs (GonioSession *session, GPtrArray *inputs, GPtrArray *expected, const Options *options,
           GonioTensor *const *first, guint n, Figures *figures, GError **error)
{
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (double));
  double ms = 0;
  for (int i = 0; i < WARM_UPS; i++)
    if (!run_again (session, inputs, expected, first, n, figures, &ms, error))
      return FALSE;
  double end = now_ms () + options->seconds * 1000;
  while (times->len < (guint)options->runs || now_ms () < end) {
    if (!run_again (session, inputs, expected, first, n, figures, &ms, error))
      return FALSE;
    g_array_append_val (times, ms);
  }
  g_array_sort (times, by_value);
  figures->runs = times->len;
  figures->min_ms = g_array_index (times, double, 0);
  figures->median_ms = (g_array_index (times, double, (times->len - 1) / 2) +
                        g_array_index (times, double, times->len / 2)) /
                       2;
  return TRUE;
}

static gboolean
measure (GonioSession *session, GPtrArray *inputs, GPtrArray *expected, const Options *options,
         Figures *figures, GError **error)
{
  guint n;
  gonio_session_outputs (session, &n);
  GonioTensor **first = NULL;
  double start = now_ms ();
  if (!gonio_model_run_positional (session, inputs, &first, error))
    return FALSE;
  figures->first_ms = figures->median_ms = figures->min_ms = now_ms () - start;
  figures->error = worst_error (first, n, expected);
  figures->identical = TRUE;
  figures->digest = digest_of (first, n);
  gboolean done = (options->runs == 0 && !(options->seconds > 0)) ||
                  time_runs (session, inputs, expected, options, first, n, figures, error);
  gonio_session_free_outputs (first, n);
  figures->peak_mb = memory_mb ("VmHWM");
  return done;
}

static void
print_json (const char *name, GonioSession *session, const Figures *figures)
{
  GonioSessionStats stats;
  gonio_session_stats (session, &stats);
  g_autofree char *placement = gonio_session_dup_placement_summary (session);
  printf ("{\"network\": \"%s\", \"load_ms\": %.3f, \"first_ms\": %.3f, \"median_ms\": %.4f, "
          "\"min_ms\": %.4f, \"runs\": %u, ",
          name, figures->load_ms, figures->first_ms, figures->median_ms, figures->min_ms,
          figures->runs);
  if (isfinite (figures->error)) /* JSON has no infinity */
    printf ("\"error\": %.3g, ", figures->error);
  else
    printf ("\"error\": null, ");
  printf ("\"identical\": %s, \"digest\": \"%s\", \"rss_base_mb\": %.1f, "
          "\"rss_peak_mb\": %.1f, \"flops\": %.0f, \"placement\": \"%s\"}\n",
          figures->identical ? "true" : "false", figures->digest, figures->base_mb,
          figures->peak_mb, stats.flops, placement);
}

static gboolean
run_network (const char *folder, const char *name, const Options *options, GError **error)
{
  GonioSessionOptions how;
  Figures figures = {0};
  g_autofree const GonioBackendDef **backends = NULL;
  g_autofree char *file = g_strconcat (name, ".onnx", NULL);
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autoptr (GPtrArray) inputs = load_series (folder, name, "in", error);
  g_autoptr (GPtrArray) expected = inputs ? load_series (folder, name, "out", error) : NULL;
  if (expected == NULL || !gonio_model_options (options->backends, &how, &backends, error))
    return FALSE;
  how.threads = (guint)options->threads;
  figures.base_mb = memory_mb ("VmRSS");
  double start = now_ms ();
  g_autoptr (GonioSession) session = gonio_session_new_from_file (path, &how, NULL, error);
  if (session == NULL)
    return FALSE;
  figures.load_ms = now_ms () - start;
  gboolean ran = measure (session, inputs, expected, options, &figures, error);
  gboolean good = ran && figures.error <= options->max_error;
  if (ran && options->json) {
    print_json (name, session, &figures);
  } else if (ran) {
    g_autofree char *placement = gonio_session_dup_placement_summary (session);
    printf ("%-18s %10.2e %s %9.1f %9.1f %9.1f  %s\n", name, figures.error, good ? "  " : "!!",
            figures.load_ms, figures.first_ms, figures.median_ms, placement);
  }
  fflush (stdout);
  g_free (figures.digest);
  if (ran && !good)
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE, "the error exceeds %g",
                 options->max_error);
  return good;
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
list_networks (const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *file;
  while (dir != NULL && (file = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (file, ".onnx"))
      g_ptr_array_add (names, g_strndup (file, strlen (file) - 5));
  g_ptr_array_sort (names, compare_names);
  return names;
}

static gboolean
parse (int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
      {"backend", 'b', 0, G_OPTION_ARG_STRING, &options->backends, "backends (auto)", "LIST"},
      {"runs", 'n', 0, G_OPTION_ARG_INT, &options->runs,
       "time at least so many runs after the first and a few more (0)", "N"},
      {"seconds", 's', 0, G_OPTION_ARG_DOUBLE, &options->seconds, "and at least so long (0)", "S"},
      {"threads", 't', 0, G_OPTION_ARG_INT, &options->threads, "threads (physical cores)", "N"},
      {"max-error", 0, 0, G_OPTION_ARG_DOUBLE, &options->max_error, "largest error (1e-4)", "X"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &options->json, "one object per network", NULL},
      G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[FOLDER [NAME...]]");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (options->runs >= 0 && options->threads >= 0 && options->seconds >= 0 &&
      options->seconds <= 3600)
    return TRUE;
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
               "--runs and --threads are not negative, --seconds lies in 0 to 3600");
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  Options options = {.max_error = 1e-4};
  if (!parse (&argc, &argv, &options, &error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  const char *folder = argc > 1 ? argv[1] : g_getenv ("GONIO_BENCH_MODELS");
  if (folder == NULL) {
    printf ("# SKIP-ALL GONIO_BENCH_MODELS is not set\n");
    return 0;
  }
  g_autoptr (GPtrArray) names = argc > 2 ? g_ptr_array_new () : list_networks (folder);
  for (int i = 2; i < argc; i++)
    g_ptr_array_add (names, argv[i]);
  guint failed = 0;
  if (!options.json)
    printf ("%-18s %10s    %9s %9s %9s  %s\n", "network", "error", "load ms", "first ms",
            "median ms", "placement");
  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);
    g_autoptr (GError) local = NULL;
    if (!run_network (folder, name, &options, &local)) {
      g_printerr ("%s failed: %s\n", name, local->message);
      failed++;
    }
  }
  if (!options.json)
    printf ("%u networks, %u failed\n", names->len, failed);
  g_free (options.backends);
  return names->len > 0 && failed == 0 ? 0 : 1;
}
