/* Loads image files in child processes, so that a crash, a hang or a hunger for memory is a
 * finding and not the end. Test support; depends on core/imaging.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  GONIO_PROBE_IMAGE,   /* decoded, and survived window, thumbnail and resampling */
  GONIO_PROBE_ERROR,   /* refused with one clear message */
  GONIO_PROBE_UNCLEAR, /* refused, but the message breaks the rules */
  GONIO_PROBE_CRASH,   /* signal, sanitizer report or unexpected exit */
  GONIO_PROBE_TIMEOUT,
  GONIO_PROBE_MEMORY, /* grew beyond the limit */
} GonioProbeOutcome;

typedef struct {
  const char *path;
  GonioProbeOutcome outcome;
  char *text; /* one line: what the picture is, or the message */
  double seconds;
  guint peak_mb;
} GonioProbeResult;

typedef struct {
  guint seconds;   /* allowed per file */
  guint memory_mb; /* allowed per file */
  guint jobs;      /* children at a time */
} GonioProbeLimits;

typedef void (*GonioProbeReport) (const GonioProbeResult *result, gpointer data);

const char *gonio_probe_outcome_name (GonioProbeOutcome outcome);
/* All regular files below path, sorted. (element-type filename) (transfer full) */
GPtrArray *gonio_probe_list (const char *path);
/* Reports every file, in the order they end. The caller must be single-threaded. */
void gonio_probe_run (GPtrArray *paths, const GonioProbeLimits *limits, GonioProbeReport report,
                      gpointer data);

G_END_DECLS
