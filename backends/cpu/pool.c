/* Shared thread pools. Workers are joined when the last backend that uses them goes. */
#include "backends/cpu/pool.h"

#include "core/base/error.h"

#include <cpuinfo.h>

/* A step of a network often takes no longer than waking a thread: so many microseconds the next one
 * is waited for awake, then asleep. */
#define AWAKE_US 250

typedef struct {
  GonioCpuPool *pool;
  guint number; /* always the same processor's cache, as a rule */
  GThread *thread;
} Worker;

struct _GonioCpuPool {
  guint users;     /* guarded by pools_lock */
  guint threads;   /* the caller's among them */
  Worker *workers; /* but the caller's */
  GMutex lock;     /* guards all that follows */
  GCond wake, done;
  guint epoch;  /* goes up with every job; written under the lock, read without */
  guint inside; /* workers at the job; written under the lock, read without */
  guint sleeping;
  gboolean busy, open, stop; /* open: workers may still enter */
  void (*work) (void *context, guint worker);
  void *context;
};

static GMutex pools_lock;
static GonioCpuPool *pools[GONIO_CPU_MAX_THREADS + 1];

guint
gonio_cpu_default_threads (void)
{
  guint allowed = MAX (1, g_get_num_processors ());
  guint cores = cpuinfo_initialize () ? cpuinfo_get_cores_count () : allowed;
  return CLAMP (MIN (cores, allowed), 1, GONIO_CPU_MAX_THREADS);
}

static inline void
pause_a_little (void)
{
  for (int i = 0; i < 8; i++) {
#if defined(__x86_64__)
    __builtin_ia32_pause ();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
  }
}

/* Until *value differs from (or, with equal, is) what, but not for long. */
static void
wait_awake (guint *value, guint what, gboolean equal)
{
  gint64 end = g_get_monotonic_time () + AWAKE_US;
  while (((guint)g_atomic_int_get (value) == what) != equal && g_get_monotonic_time () < end)
    pause_a_little ();
}

static gpointer
worker_main (gpointer data)
{
  const Worker *self = data;
  GonioCpuPool *pool = self->pool;
  guint seen = 0;
  g_mutex_lock (&pool->lock);
  while (!pool->stop) {
    if (pool->epoch == seen) {
      g_mutex_unlock (&pool->lock);
      wait_awake (&pool->epoch, seen, FALSE);
      g_mutex_lock (&pool->lock);
      pool->sleeping++;
      while (pool->epoch == seen && !pool->stop)
        g_cond_wait (&pool->wake, &pool->lock);
      pool->sleeping--;
      continue;
    }
    seen = pool->epoch;
    if (!pool->open)
      continue;
    g_atomic_int_inc (&pool->inside);
    void (*work) (void *context, guint worker) = pool->work;
    void *context = pool->context;
    g_mutex_unlock (&pool->lock);
    work (context, self->number);
    g_mutex_lock (&pool->lock);
    if (g_atomic_int_dec_and_test (&pool->inside))
      g_cond_signal (&pool->done);
  }
  g_mutex_unlock (&pool->lock);
  return NULL;
}

void
gonio_cpu_pool_run (GonioCpuPool *pool, void (*work) (void *context, guint worker), void *context)
{
  g_mutex_lock (&pool->lock);
  gboolean alone = pool->busy;
  if (!alone) {
    pool->busy = pool->open = TRUE;
    pool->work = work;
    pool->context = context;
    g_atomic_int_inc (&pool->epoch);
    if (pool->sleeping > 0)
      g_cond_broadcast (&pool->wake);
  }
  g_mutex_unlock (&pool->lock);
  work (context, 0);
  if (alone)
    return;
  g_mutex_lock (&pool->lock);
  pool->open = FALSE;
  if (pool->inside > 0) {
    g_mutex_unlock (&pool->lock);
    wait_awake (&pool->inside, 0, TRUE);
    g_mutex_lock (&pool->lock);
    while (pool->inside > 0)
      g_cond_wait (&pool->done, &pool->lock);
  }
  pool->busy = FALSE;
  g_mutex_unlock (&pool->lock);
}

static void
pool_free (GonioCpuPool *pool)
{
  g_mutex_lock (&pool->lock);
  pool->stop = TRUE;
  g_atomic_int_inc (&pool->epoch); /* for those that wait awake */
  g_cond_broadcast (&pool->wake);
  g_mutex_unlock (&pool->lock);
  for (guint i = 0; i + 1 < pool->threads && pool->workers[i].thread; i++)
    g_thread_join (pool->workers[i].thread);
  g_mutex_clear (&pool->lock);
  g_cond_clear (&pool->wake);
  g_cond_clear (&pool->done);
  g_free (pool->workers);
  g_free (pool);
}

static GonioCpuPool *
pool_new (guint threads, GError **error)
{
  GonioCpuPool *pool = g_new0 (GonioCpuPool, 1);
  g_autoptr (GError) local = NULL;
  g_mutex_init (&pool->lock);
  g_cond_init (&pool->wake);
  g_cond_init (&pool->done);
  pool->threads = threads;
  pool->workers = g_new0 (Worker, threads);
  for (guint i = 0; i + 1 < threads; i++) {
    Worker *worker = &pool->workers[i];
    worker->pool = pool;
    worker->number = i + 1;
    worker->thread = g_thread_try_new ("gonio-cpu", worker_main, worker, &local);
    if (worker->thread)
      continue;
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
                 "cpu: %u threads cannot be started (%s); ask for fewer", threads, local->message);
    pool_free (pool);
    return NULL;
  }
  return pool;
}

gboolean
gonio_cpu_pool_acquire (guint threads, GonioCpuPool **out_pool, GError **error)
{
  if (threads < 1 || threads > GONIO_CPU_MAX_THREADS) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
                 "cpu: %u threads asked for, 1 to %u are possible", threads, GONIO_CPU_MAX_THREADS);
    return FALSE;
  }
  if (threads == 1) {
    *out_pool = NULL;
    return TRUE;
  }
  g_mutex_lock (&pools_lock);
  GonioCpuPool *pool = pools[threads];
  if (!pool)
    pool = pools[threads] = pool_new (threads, error);
  if (pool) {
    pool->users++;
    *out_pool = pool;
  }
  g_mutex_unlock (&pools_lock);
  return pool != NULL;
}

void
gonio_cpu_pool_release (guint threads)
{
  g_return_if_fail (threads <= GONIO_CPU_MAX_THREADS);
  if (threads <= 1)
    return;
  g_mutex_lock (&pools_lock);
  if (--pools[threads]->users == 0)
    g_clear_pointer (&pools[threads], pool_free);
  g_mutex_unlock (&pools_lock);
}
