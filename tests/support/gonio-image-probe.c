/* gonio-image-probe [--timeout S] [--memory MB] [--jobs N] [--quiet] PATH...: loads every file
 * in a child process; one line each, a summary, exit 1 when any was worse than a clear error.
 */
#include "tests/support/image-probe.h"

#include <stdio.h>

typedef struct {
  gboolean quiet;
  guint counts[6];
  double slowest;
  guint largest;
} Summary;

static void
report (const GonioProbeResult *result, gpointer data)
{
  Summary *summary = data;

  summary->counts[result->outcome]++;
  summary->slowest = MAX (summary->slowest, result->seconds);
  summary->largest = MAX (summary->largest, result->peak_mb);
  if (!summary->quiet || result->outcome > GONIO_PROBE_ERROR)
    printf ("%-7s %6.2f s %5u MB  %s\t%s\n", gonio_probe_outcome_name (result->outcome),
            result->seconds, result->peak_mb, result->path, result->text);
}

int
main (int argc, char **argv)
{
  int seconds = 20, memory = 2048, jobs = 2;
  g_auto (GStrv) roots = NULL;
  Summary summary = {0};
  GOptionEntry entries[] = {
      {"timeout", 0, 0, G_OPTION_ARG_INT, &seconds, "seconds per file", "S"},
      {"memory", 0, 0, G_OPTION_ARG_INT, &memory, "megabytes per file", "MB"},
      {"jobs", 0, 0, G_OPTION_ARG_INT, &jobs, "files at a time", "N"},
      {"quiet", 0, 0, G_OPTION_ARG_NONE, &summary.quiet, "findings only", NULL},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &roots, NULL, "PATH..."},
      {0},
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  GonioProbeLimits limits = {0};

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || !roots) {
    g_printerr ("%s\n", error ? error->message : "no file or folder given");
    return 2;
  }
  for (guint i = 0; roots[i]; i++)
    g_ptr_array_extend_and_steal (paths, gonio_probe_list (roots[i]));
  limits = (GonioProbeLimits){(guint)MAX (seconds, 1), (guint)MAX (memory, 64),
                              (guint)CLAMP (jobs, 1, 64)};
  gonio_probe_run (paths, &limits, report, &summary);
  g_print ("%u files: %u images, %u clear errors, %u unclear, %u crashed, %u too slow, %u too "
           "large; slowest %.2f s, largest %u MB\n",
           paths->len, summary.counts[0], summary.counts[1], summary.counts[2], summary.counts[3],
           summary.counts[4], summary.counts[5], summary.slowest, summary.largest);
  return summary.counts[2] + summary.counts[3] + summary.counts[4] + summary.counts[5] > 0;
}
