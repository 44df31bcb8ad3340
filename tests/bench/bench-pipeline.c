/* Where the time of "gonio-cli measure" goes: milliseconds of each step of each stage, share of the
 * networks, pictures per second, and the time from process start to the first angle.
 *
 * Usage: gonio-bench-pipeline [--threads N] [--jobs N] [--passes N] [--photo] [--files] [FILE...]
 */
#include "app/backends.h"
#include "app/data-dirs.h"
#include "core/base/times.h"
#include "core/pipeline/pipeline.h"
#include "tests/bench/photo.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  int threads, jobs, passes;
  gboolean photo, each;
  char *cli;
  char **files;
} Args;

typedef struct {
  double ms, inference;
  double stage[8]; /* as the result has them */
} FileTime;

/* One walk over all files. */
typedef struct {
  GonioTimes times; /* on all threads together */
  FileTime *files;  /* of the pictures that could be read */
  guint n;
  double ms, busy; /* by the clock; of all pictures together, which are more when they overlap */
  char **paths;
} Pass;

/* ---- measuring ---- */

static double
ms_since (gint64 start)
{
  return (double)(g_get_monotonic_time () - start) / 1000;
}

static double
spent_in (const GonioTimes *times, const char *step)
{
  gint64 us = 0;
  for (guint i = 0; i < times->n; i++)
    us += g_str_equal (times->rows[i].step, step) ? times->rows[i].us : 0;
  return (double)us / 1000;
}

static void
take_output (guint index, GonioPipelineOutput *output, const GError *error, gpointer data)
{
  Pass *pass = data;
  if (output == NULL) {
    g_printerr ("%s: %s\n", pass->paths[index], error->message);
    g_clear_pointer (&pass->paths[index], g_free);
    return;
  }
  FileTime *out = &pass->files[pass->n++];
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GPtrArray) results = g_ptr_array_new ();
  g_ptr_array_add (results, output->result);
  g_autofree char *text = gonio_results_to_string (results);
  gonio_times_set_stage ("result");
  gonio_times_add ("text", start);
  gonio_times_set_stage (NULL);
  out->ms = ms_since (start);
  const GPtrArray *timings = output->result->timings;
  for (guint i = 0; i < MIN (timings->len, G_N_ELEMENTS (out->stage)); i++) {
    out->stage[i] = ((const GonioStageTime *)timings->pdata[i])->ms;
    out->ms += out->stage[i];
  }
  pass->busy += out->ms;
}

static void
walk (GonioPipeline *pipeline, char **files, Pass *pass)
{
  pass->times = (GonioTimes){.n = 0};
  pass->n = 0;
  pass->busy = 0;
  pass->paths = files;
  gonio_times_collect (&pass->times);
  gint64 start = g_get_monotonic_time ();
  gonio_pipeline_measure_all (pipeline, (const char *const *)files, NULL, take_output, pass, NULL);
  pass->ms = ms_since (start);
  gonio_times_collect (NULL);
}

/* Milliseconds from starting gonio-cli to its last word on one picture; negative when it fails. */
static double
first_angle (const Args *args, const char *path)
{
  g_autofree char *threads = g_strdup_printf ("%d", args->threads);
  const char *argv[] = {args->cli, "measure", "--threads", threads, path, NULL};
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GSubprocess) child = g_subprocess_newv (
      argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error);
  if (child == NULL) {
    g_printerr ("%s\n", error->message);
    return -1;
  }
  g_autoptr (GBytes) text = NULL;
  gboolean read = g_subprocess_communicate (child, NULL, NULL, &text, NULL, &error);
  double ms = ms_since (start);
  return read && g_subprocess_get_successful (child) && g_bytes_get_size (text) > 0 ? ms : -1;
}

/* ---- the tables ---- */

static void
print_steps (const Pass *pass)
{
  double known = 0;
  printf ("%-11s %-16s %8s %8s %10s %7s\n", "stage", "step", "calls", "ms", "ms/picture", "share");
  for (guint i = 0; i < pass->times.n; i++) {
    const GonioTime *row = &pass->times.rows[i];
    double ms = (double)row->us / 1000;
    known += ms;
    printf ("%-11s %-16s %8u %8.1f %10.2f %6.1f%%\n", row->stage != NULL ? row->stage : "",
            row->step, row->calls, ms, ms / pass->n, 100 * ms / pass->busy);
  }
  double rest = pass->busy - known;
  printf ("%-11s %-16s %8s %8.1f %10.2f %6.1f%%\n", "", "everything else", "", rest, rest / pass->n,
          100 * rest / pass->busy);
  printf ("%-11s %-16s %8u %8.1f %10.2f\n\n", "all", "", pass->n, pass->busy, pass->busy / pass->n);
}

static void
print_files (const Pass *pass, char **files)
{
  printf ("%7s %7s %7s %9s %7s %8s  %s\n", "decode", "rectify", "view", "landmarks", "measure",
          "all ms", "file");
  for (guint i = 0; i < pass->n; i++) {
    const FileTime *f = &pass->files[i];
    g_autofree char *name = g_path_get_basename (files[i]);
    printf ("%7.1f %7.1f %7.1f %9.1f %7.1f %8.1f  %s\n", f->stage[0], f->stage[1], f->stage[2],
            f->stage[3], f->stage[4], f->ms, name);
  }
  printf ("\n");
}

static void
print_first_angle (const Args *args, const char *path)
{
  double least = -1;
  for (int i = 0; i < args->passes + 1; i++) {
    double ms = first_angle (args, path);
    if (ms < 0) {
      printf ("first angle: %s failed on %s\n", args->cli, path);
      return;
    }
    least = least < 0 ? ms : MIN (least, ms);
  }
  g_autofree char *name = g_path_get_basename (path);
  printf ("%.0f ms from the start of gonio-cli to the angles of %s\n", least, name);
}

/* Loads the networks and drops what cannot be read; FALSE when nothing is left. */
static gboolean
first_walk (GonioPipeline *pipeline, char **files, Pass *pass)
{
  guint n = g_strv_length (files), kept = 0;
  walk (pipeline, files, pass);
  for (guint i = 0; i < n; i++)
    if (files[i] != NULL)
      files[kept++] = files[i];
  files[kept] = NULL;
  return kept > 0;
}

static gboolean
bench (const Args *args, GonioPipeline *pipeline)
{
  guint n = g_strv_length (args->files);
  g_autofree FileTime *one = g_new0 (FileTime, n), *other = g_new0 (FileTime, n);
  Pass cold = {.files = one};
  if (!first_walk (pipeline, args->files, &cold))
    return FALSE;
  Pass best = {.files = one}, now = {.files = other};
  for (int i = 0; i < args->passes; i++) {
    walk (pipeline, args->files, &now);
    if (i == 0 || now.ms < best.ms) {
      Pass swap = best;
      best = now;
      now = swap;
    }
  }
  print_steps (&best);
  if (args->each)
    print_files (&best, args->files);
  double inference = spent_in (&best.times, "inference");
  printf ("%.2f pictures per second (%u in %.0f ms, %d threads, %d at a time); inference %.1f %%\n",
          1000 * best.n / best.ms, best.n, best.ms, args->threads, args->jobs,
          100 * inference / best.busy);
  printf ("first walk: %.0f ms, of which loading networks %.0f ms\n", cold.ms,
          spent_in (&cold.times, "load network"));
  return TRUE;
}

/* ---- setting up ---- */

static GonioPipeline *
open_pipeline (const Args *args, const char *const *dirs, GError **error)
{
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (NULL, error);
  if (backends == NULL)
    return NULL;
  g_auto (GStrv) models = gonio_data_subdirs (dirs, "models");
  g_auto (GStrv) protocols = gonio_data_subdirs (dirs, "protocols");
  const GonioPipelineOptions options = {.backends = backends,
                                        .evaluate = gonio_backends_evaluate,
                                        .threads = (guint)args->threads,
                                        .jobs = (guint)args->jobs,
                                        .model_dirs = (const char *const *)models,
                                        .protocol_dirs = (const char *const *)protocols};
  return gonio_pipeline_new (&options, error);
}

/* The bundled pictures, and the photo made of one where that is asked for. */
static gboolean
choose_files (Args *args, const char *folder, GError **error)
{
  g_autoptr (GStrvBuilder) files = g_strv_builder_new ();
  static const char *const samples[] = {"pelvis-ap.png", "leg-ap.png", "foot-dp.png"};
  for (guint i = 0; args->files == NULL && !args->photo && i < G_N_ELEMENTS (samples); i++) {
    g_autofree char *path =
        g_build_filename (GONIO_SOURCE_DIR, "resources", "samples", samples[i], NULL);
    g_strv_builder_add (files, path);
  }
  if (args->photo) {
    g_autofree char *path = g_build_filename (folder, "photo.jpg", NULL);
    if (!gonio_bench_photo (GONIO_SOURCE_DIR "/resources/samples/pelvis-ap.png", path, error))
      return FALSE;
    g_strv_builder_add (files, path);
  }
  if (args->files != NULL)
    g_strv_builder_addv (files, (const char **)args->files);
  g_strfreev (args->files);
  args->files = g_strv_builder_end (files);
  return TRUE;
}

static void
args_clear (Args *args)
{
  g_free (args->cli);
  g_strfreev (args->files);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Args, args_clear)

static gboolean
run (Args *args, const char *folder, GError **error)
{
  g_auto (GStrv) dirs = gonio_data_dirs ();
  if (!choose_files (args, folder, error))
    return FALSE;
  if (args->jobs == 0)
    args->jobs = (int)gonio_pipeline_jobs ((guint)args->threads, g_strv_length (args->files));
  g_autoptr (GonioPipeline) pipeline = open_pipeline (args, (const char *const *)dirs, error);
  if (pipeline == NULL || !bench (args, pipeline))
    return FALSE;
  print_first_angle (args, args->files[0]);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_auto (Args) args = {.threads = 2, .passes = 3};
  const GOptionEntry entries[] = {
      {"threads", 't', 0, G_OPTION_ARG_INT, &args.threads, "threads (2)", "N"},
      {"jobs", 'j', 0, G_OPTION_ARG_INT, &args.jobs,
       "pictures at a time (as gonio-cli measure does)", "N"},
      {"passes", 0, 0, G_OPTION_ARG_INT, &args.passes,
       "walks over the files; the quickest counts (3)", "N"},
      {"photo", 0, 0, G_OPTION_ARG_NONE, &args.photo, "add a made-up photo of 12 megapixels", NULL},
      {"files", 0, 0, G_OPTION_ARG_NONE, &args.each, "a line for each file as well", NULL},
      {"cli", 0, 0, G_OPTION_ARG_FILENAME, &args.cli,
       "gonio-cli (beside the folder of this program)", "PATH"},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &args.files, NULL, "[FILE...]"},
      G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_option_context_add_main_entries (context, entries, NULL);
  g_autoptr (GError) error = NULL;
  if (!g_option_context_parse (context, &argc, &argv, &error) || args.threads < 1 ||
      args.jobs < 0 || args.passes < 1) {
    g_printerr ("%s\n",
                error != NULL ? error->message : "--threads and --passes are at least 1, --jobs 0");
    return 2;
  }
  if (args.cli == NULL)
    args.cli = g_strdup (GONIO_CLI);
  g_autofree char *folder = g_dir_make_tmp ("gonio-bench-XXXXXX", &error);
  gboolean done = folder != NULL && run (&args, folder, &error);
  if (error != NULL)
    g_printerr ("%s\n", error->message);
  if (folder != NULL) {
    g_autofree char *photo = g_build_filename (folder, "photo.jpg", NULL);
    g_unlink (photo);
    g_rmdir (folder);
  }
  return done ? 0 : 1;
}
