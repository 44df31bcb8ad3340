/* Where the time of a job goes. Depends on GLib. */
#include "core/base/times.h"

static _Thread_local GonioTimes *collector;

void
gonio_times_collect (GonioTimes *times)
{
  collector = times;
}

void
gonio_times_set_stage (const char *stage)
{
  if (collector != NULL)
    collector->stage = stage;
}

gint64
gonio_times_start (void)
{
  return collector != NULL ? g_get_monotonic_time () : 0;
}

void
gonio_times_add (const char *step, gint64 start)
{
  GonioTimes *t = collector;
  if (t == NULL || start == 0)
    return;
  gint64 us = g_get_monotonic_time () - start;
  guint i = 0;
  while (i < t->n &&
         (g_strcmp0 (t->rows[i].stage, t->stage) != 0 || g_strcmp0 (t->rows[i].step, step) != 0))
    i++;
  if (i == GONIO_MAX_TIMES)
    return;
  if (i == t->n)
    t->rows[t->n++] = (GonioTime){.stage = t->stage, .step = step};
  t->rows[i].us += us;
  t->rows[i].calls++;
}
