/* Shared thread pools. Workers are joined when the last backend that uses them goes. */
#include "backends/cpu/pool.h"

#include "core/base/error.h"

#include <cpuinfo.h>

static GMutex pool_lock;
static struct {
  pthreadpool_t pool;
  guint users;
} pools[GONIO_CPU_MAX_THREADS + 1];

guint
gonio_cpu_default_threads (void)
{
  guint allowed = MAX (1, g_get_num_processors ());
  guint cores = cpuinfo_initialize () ? cpuinfo_get_cores_count () : allowed;
  return CLAMP (MIN (cores, allowed), 1, GONIO_CPU_MAX_THREADS);
}

gboolean
gonio_cpu_pool_acquire (guint threads, pthreadpool_t *out_pool, GError **error)
{
  if (threads < 1 || threads > GONIO_CPU_MAX_THREADS) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
                 "cpu: %u threads asked for, 1 to %u are possible", threads, GONIO_CPU_MAX_THREADS);
    return FALSE;
  }
  gboolean done = TRUE;
  g_mutex_lock (&pool_lock);
  if (threads > 1 && !pools[threads].pool) {
    pools[threads].pool = pthreadpool_create (threads);
    done = pools[threads].pool != NULL;
  }
  if (done) {
    pools[threads].users++;
    *out_pool = pools[threads].pool;
  }
  g_mutex_unlock (&pool_lock);
  if (!done)
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
                 "cpu: %u threads cannot be started; ask for fewer", threads);
  return done;
}

void
gonio_cpu_pool_release (guint threads)
{
  g_return_if_fail (threads <= GONIO_CPU_MAX_THREADS);
  g_mutex_lock (&pool_lock);
  if (--pools[threads].users == 0)
    g_clear_pointer (&pools[threads].pool, pthreadpool_destroy);
  g_mutex_unlock (&pool_lock);
}
