/* Where the time of a job goes: steps of stages, for benchmarks. Depends on GLib.
 *
 * A thread that collects gets a row for each step that runs on it; on other threads, and where
 * nobody collects, a step costs a look at a variable. Steps do not nest. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

enum { GONIO_MAX_TIMES = 48 };

typedef struct {
  const char *stage, *step; /* static strings; stage NULL outside any stage */
  gint64 us;                /* by the clock, of all calls */
  guint calls;
} GonioTime;

typedef struct {
  guint n;
  GonioTime rows[GONIO_MAX_TIMES]; /* in order of their first call; later kinds are left out */
  const char *stage;
} GonioTimes;

/* Adds the steps of the calling thread to times, which must outlive that, until called with
 * NULL. */
void gonio_times_collect (GonioTimes *times);
/* What the calling thread's steps are added to; nullable. */
GonioTimes *gonio_times_collector (void);
/* Adds rows that another thread collected. */
void gonio_times_merge (GonioTimes *into, const GonioTimes *from);
/* The stage that the following steps belong to; a static string, NULL: none. */
void gonio_times_set_stage (const char *stage);

/* Around a step: gint64 start = gonio_times_start (); ...; gonio_times_add ("name", start); */
gint64 gonio_times_start (void);
void gonio_times_add (const char *step, gint64 start);

G_END_DECLS
