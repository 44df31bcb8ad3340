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

static void
add (GonioTimes *t, const char *stage, const char *step, gint64 us, guint calls)
{
  guint i = 0;
  while (i < t->n &&
         (g_strcmp0 (t->rows[i].stage, stage) != 0 || g_strcmp0 (t->rows[i].step, step) != 0))
    i++;
  if (i == GONIO_MAX_TIMES)
    return;
  if (i == t->n)
    t->rows[t->n++] = (GonioTime){.stage = stage, .step = step};
  t->rows[i].us += us;
  t->rows[i].calls += calls;
}

void
gonio_times_add (const char *step, gint64 start)
{
  if (collector != NULL && start != 0)
    add (collector, collector->stage, step, g_get_monotonic_time () - start, 1);
}

GonioTimes *
gonio_times_collector (void)
{
  return collector;
}

void
gonio_times_merge (GonioTimes *into, const GonioTimes *from)
{
  for (guint i = 0; i < from->n; i++)
    add (into, from->rows[i].stage, from->rows[i].step, from->rows[i].us, from->rows[i].calls);
}
