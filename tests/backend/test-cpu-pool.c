/* Threads that share a step: who is called, who is waited for, who works alone, and that no piece
 * of work begins once the run was cancelled. */
#include "backends/cpu/lower.h"

#include "core/base/error.h"

#define LONG_US  (20 * G_TIME_SPAN_MILLISECOND) /* longer than anybody waits awake */
#define GRACE_US (20 * G_TIME_SPAN_SECOND)      /* for threads of a busy machine to come */

static GonioCpuPool *
acquire (guint threads)
{
  g_autoptr (GError) error = NULL;
  GonioCpuPool *pool = NULL;
  g_assert_true (gonio_cpu_pool_acquire (threads, &pool, &error));
  g_assert_no_error (error);
  return pool;
}

/* ---- who comes ---- */

typedef struct {
  gint seen[3], inside, ended; /* atomic */
  guint wanted;                /* workers that worker 0 waits for */
  gboolean slow;               /* the others take longer than it */
} Crowd;

static void
gather (void *context, guint worker)
{
  Crowd *crowd = context;
  g_assert_cmpuint (worker, <, G_N_ELEMENTS (crowd->seen));
  g_atomic_int_inc (&crowd->seen[worker]);
  g_atomic_int_inc (&crowd->inside);
  gint64 end = g_get_monotonic_time () + GRACE_US;
  while (worker == 0 && (guint)g_atomic_int_get (&crowd->inside) < crowd->wanted &&
         g_get_monotonic_time () < end)
    g_usleep (100);
  if (worker != 0 && crowd->slow)
    g_usleep (LONG_US);
  g_atomic_int_inc (&crowd->ended);
}

/* All threads come, awake or asleep, each with a number of its own, and whoever began is waited
 * for. */
static void
test_all_come (void)
{
  GonioCpuPool *pool = acquire (3);
  for (int round = 0; round < 6; round++) {
    Crowd crowd = {.wanted = 3, .slow = round % 2};
    if (round > 2)
      g_usleep (LONG_US); /* they fall asleep */
    gonio_cpu_pool_run (pool, gather, &crowd);
    g_assert_cmpint (g_atomic_int_get (&crowd.ended), ==, 3);
    for (guint i = 0; i < 3; i++)
      g_assert_cmpint (crowd.seen[i], ==, 1);
  }
  gonio_cpu_pool_release (3);
}

/* A job that ended is nobody's any more: late threads must not enter it. */
static void
test_late (void)
{
  GonioCpuPool *pool = acquire (3);
  for (int round = 0; round < 2000; round++) {
    Crowd crowd = {.wanted = 1};
    gonio_cpu_pool_run (pool, gather, &crowd);
    gint inside = crowd.inside;
    g_assert_cmpint (crowd.ended, ==, inside);
    crowd.wanted = 99; /* what enters now would write to it */
    for (int i = 0; i < round % 200; i++)
      g_assert_cmpint (g_atomic_int_get (&crowd.inside), ==, inside);
  }
  gonio_cpu_pool_release (3);
}

typedef struct {
  GonioCpuPool *pool;
  Crowd inner;
} Outer;

static void
run_inner (void *context, guint worker)
{
  Outer *outer = context;
  if (worker == 0)
    gonio_cpu_pool_run (outer->pool, gather, &outer->inner);
}

static void
gather_slowly (void *context, guint worker)
{
  gather (context, worker);
  g_usleep (LONG_US); /* others would have come */
}

static gpointer
run_beside (gpointer data)
{
  Outer *outer = data;
  gonio_cpu_pool_run (outer->pool, gather_slowly, &outer->inner);
  return NULL;
}

static void
run_thread (void *context, guint worker)
{
  if (worker == 0)
    g_thread_join (g_thread_new ("beside", run_beside, context));
}

/* Within a job, and beside it on another thread. */
static void
test_alone (void)
{
  void (*const ways[]) (void *context, guint worker) = {run_inner, run_thread};
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    Outer outer = {acquire (3), {.wanted = 1}};
    gonio_cpu_pool_run (outer.pool, ways[i], &outer);
    g_assert_cmpint (outer.inner.seen[0], ==, 1);
    g_assert_cmpint (outer.inner.ended, ==, 1);
    gonio_cpu_pool_release (3);
  }
}

/* ---- whose it is ---- */

static guint
count_threads (void)
{
  guint n = 0;
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/task", 0, NULL);
  while (folder && g_dir_read_name (folder))
    n++;
  return n;
}

static void
test_shared (void)
{
  guint before = count_threads ();
  GonioCpuPool *pool = acquire (3);
  g_assert_true (acquire (3) == pool);
  g_assert_null (acquire (1));
  if (before > 0)
    g_assert_cmpuint (count_threads (), ==, before + 2);
  gonio_cpu_pool_release (3);
  gonio_cpu_pool_release (1);
  Crowd crowd = {.wanted = 3};
  gonio_cpu_pool_run (pool, gather, &crowd);
  g_assert_cmpint (crowd.ended, ==, 3);
  gonio_cpu_pool_release (3);
  for (int i = 0; i < 1000 && count_threads () > before; i++)
    g_usleep (1000); /* a thread that was joined may still be listed */
  g_assert_cmpuint (count_threads (), ==, before);
}

static void
test_refused (void)
{
  static const guint counts[] = {0, GONIO_CPU_MAX_THREADS + 1, G_MAXUINT};
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    g_autoptr (GError) error = NULL;
    GonioCpuPool *pool = NULL;
    g_assert_false (gonio_cpu_pool_acquire (counts[i], &pool, &error));
    g_assert_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED);
    g_assert_null (pool);
  }
}

/* ---- pieces of a step ---- */

typedef struct {
  GCancellable *cancellable;
  gint done, pieces; /* atomic */
  gint last;         /* piece that cancels, from 1 on; 0: none */
  guint8 seen[1000];
} Items;

static void
take (void *context, size_t start, size_t count)
{
  Items *items = context;
  for (size_t i = start; i < start + count; i++)
    items->seen[i]++;
  g_atomic_int_add (&items->done, (gint)count);
  if (g_atomic_int_add (&items->pieces, 1) + 1 == items->last)
    g_cancellable_cancel (items->cancellable);
}

/* Each item once; nothing after a cancellation but what other threads had begun. */
static void
test_pieces (void)
{
  for (guint threads = 1; threads <= 3; threads++) {
    g_autoptr (GCancellable) cancellable = g_cancellable_new ();
    GonioCpuRun run = {.cancellable = cancellable, .threads = threads, .pool = acquire (threads)};
    for (gint last = 0; last < 3; last++) {
      Items items = {.cancellable = cancellable, .last = last};
      g_cancellable_reset (cancellable);
      gonio_cpu_parallel (&run, take, &items, G_N_ELEMENTS (items.seen), 1);
      for (guint i = 0; i < G_N_ELEMENTS (items.seen); i++)
        g_assert_cmpuint (items.seen[i], <=, 1);
      if (last == 0)
        g_assert_cmpint (items.done, ==, G_N_ELEMENTS (items.seen));
      else
        g_assert_cmpint (items.pieces, <=, last + (gint)threads - 1);
    }
    gonio_cpu_pool_release (threads);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cpu-pool/all-come", test_all_come);
  g_test_add_func ("/cpu-pool/late", test_late);
  g_test_add_func ("/cpu-pool/alone", test_alone);
  g_test_add_func ("/cpu-pool/shared", test_shared);
  g_test_add_func ("/cpu-pool/refused", test_refused);
  g_test_add_func ("/cpu-pool/pieces", test_pieces);
  return g_test_run ();
}
