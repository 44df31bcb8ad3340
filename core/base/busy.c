/* Counts what is under way; see busy.h. */
#include "core/base/busy.h"

static GMutex lock;
static GCond over;
static guint count; /* guarded by lock */

void
gonio_busy_begin (void)
{
  g_mutex_lock (&lock);
  count++;
  g_mutex_unlock (&lock);
}

void
gonio_busy_end (void)
{
  g_mutex_lock (&lock);
  if (--count == 0)
    g_cond_broadcast (&over);
  g_mutex_unlock (&lock);
}

void
gonio_busy_wait (void)
{
  g_mutex_lock (&lock);
  while (count > 0)
    g_cond_wait (&over, &lock);
  g_mutex_unlock (&lock);
}
