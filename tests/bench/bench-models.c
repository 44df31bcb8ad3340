/* Runs the networks of a folder against their references and prints a table: NAME.onnx with
 * NAME.in0.npy, NAME.in1.npy, ... and NAME.out0.npy, .... Errors are relative to the largest
 * magnitude of the expected output. Times are printed and never judged.
 *
 * Usage: gonio-bench-models [--backend LIST] [--runs N] [--threads N] [--max-error X] [FOLDER]
 * FOLDER defaults to $GONIO_BENCH_MODELS. Exit 1 when an error exceeds --max-error.
 */
#include "core/base/error.h"
#include "tests/support/model-run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  char *backends;
  int runs, threads;
  double max_error;
} Options;

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
by_value (const void *pa, const void *pb)
{
  double a = *(const double *)pa, b = *(const double *)pb;
  return (a > b) - (a < b);
}

/* Worst error over all outputs and the median time of a run. */
static gboolean
measure (GonioSession *session, GPtrArray *inputs, GPtrArray *expected, guint runs,
         double *out_error, double *out_ms, GError **error)
{
  guint n;
  gonio_session_outputs (session, &n);
  g_autofree double *times = g_new (double, runs);
  double worst = n == expected->len ? 0 : INFINITY;
  for (guint r = 0; r < runs; r++) {
    GonioTensor **outputs = NULL;
    gint64 start = g_get_monotonic_time ();
    if (!gonio_model_run_positional (session, inputs, &outputs, error))
      return FALSE;
    times[r] = (double)(g_get_monotonic_time () - start) / 1000;
    for (guint i = 0; i < MIN (n, expected->len); i++)
      worst = fmax (worst, gonio_model_error (outputs[i], g_ptr_array_index (expected, i)));
    gonio_session_free_outputs (outputs, n);
  }
  qsort (times, runs, sizeof *times, by_value);
  *out_error = worst;
  *out_ms = times[runs / 2];
  return TRUE;
}

static gboolean
run_network (const char *folder, const char *name, const Options *options, GError **error)
{
  GonioSessionOptions how;
  g_autofree const GonioBackendDef **backends = NULL;
  g_autofree char *file = g_strconcat (name, ".onnx", NULL);
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autoptr (GPtrArray) inputs = load_series (folder, name, "in", error);
  g_autoptr (GPtrArray) expected = inputs ? load_series (folder, name, "out", error) : NULL;
  if (expected == NULL || !gonio_model_options (options->backends, &how, &backends, error))
    return FALSE;
  how.threads = (guint)options->threads;
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GonioSession) session = gonio_session_new_from_file (path, &how, NULL, error);
  if (session == NULL)
    return FALSE;
  double load_ms = (double)(g_get_monotonic_time () - start) / 1000, off, ms;
  if (!measure (session, inputs, expected, (guint)options->runs, &off, &ms, error))
    return FALSE;
  g_autofree char *placement = gonio_session_dup_placement_summary (session);
  gboolean good = off <= options->max_error;
  printf ("%-18s %10.2e %s %9.1f %9.1f  %s\n", name, off, good ? "  " : "!!", load_ms, ms,
          placement);
  fflush (stdout);
  if (!good)
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

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  Options options = {.runs = 1, .max_error = 1e-4};
  const GOptionEntry entries[] = {
      {"backend", 'b', 0, G_OPTION_ARG_STRING, &options.backends, "backends (auto)", "LIST"},
      {"runs", 'n', 0, G_OPTION_ARG_INT, &options.runs, "runs of each network (1)", "N"},
      {"threads", 't', 0, G_OPTION_ARG_INT, &options.threads, "threads (physical cores)", "N"},
      {"max-error", 0, 0, G_OPTION_ARG_DOUBLE, &options.max_error, "largest error (1e-4)", "X"},
      G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[FOLDER]");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || options.runs < 1 ||
      options.threads < 0) {
    g_printerr ("%s\n", error != NULL ? error->message : "--runs and --threads are positive");
    return 2;
  }
  const char *folder = argc > 1 ? argv[1] : g_getenv ("GONIO_BENCH_MODELS");
  if (folder == NULL) {
    printf ("# SKIP-ALL GONIO_BENCH_MODELS is not set\n");
    return 0;
  }
  g_autoptr (GPtrArray) names = list_networks (folder);
  guint failed = 0;
  printf ("%-18s %10s    %9s %9s  %s\n", "network", "error", "load ms", "median ms", "placement");
  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);
    g_autoptr (GError) local = NULL;
    if (!run_network (folder, name, &options, &local)) {
      printf ("%-18s failed: %s\n", name, local->message);
      failed++;
    }
  }
  printf ("%u networks, %u failed\n", names->len, failed);
  g_free (options.backends);
  return names->len > 0 && failed == 0 ? 0 : 1;
}
