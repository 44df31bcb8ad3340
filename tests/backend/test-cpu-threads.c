/* Handing out the items of a step: each once, to workers that have different speeds, or none. */
#include "backends/cpu/lower.h"

typedef struct {
  guint threads, slow; /* the worker that takes its time */
  gint *seen, *by;
  GCancellable *cancellable;
  size_t stop; /* the item that cancels, or G_MAXSIZE */
} Job;

static void
take_all (void *context, guint worker, GonioCpuItems *items)
{
  Job *job = context;
  size_t item;
  g_assert_cmpuint (worker, <, job->threads);
  while (gonio_cpu_next (items, worker, &item)) {
    g_atomic_int_inc (&job->seen[item]);
    job->by[item] = (gint)worker;
    if (worker == job->slow)
      g_usleep (200);
    if (item == job->stop)
      g_cancellable_cancel (job->cancellable);
  }
}

static void
run_job (Job *job, size_t n)
{
  GonioCpuRun run = {.threads = job->threads, .cancellable = job->cancellable};
  g_autoptr (GError) error = NULL;
  g_assert_true (gonio_cpu_pool_acquire (job->threads, &run.pool, &error));
  job->seen = g_new0 (gint, n + 1);
  job->by = g_new0 (gint, n + 1);
  gonio_cpu_workers (&run, n, take_all, job);
  gonio_cpu_pool_release (job->threads);
}

static void
clear_job (Job *job)
{
  g_free (job->seen);
  g_free (job->by);
  g_clear_object (&job->cancellable);
}

static void
test_once (void)
{
  static const size_t counts[] = {0, 1, 2, 3, 7, 8, 64, 257};
  for (guint threads = 1; threads <= 5; threads++)
    for (guint slow = 0; slow <= threads; slow++)
      for (guint c = 0; c < G_N_ELEMENTS (counts); c++) {
        Job job = {.threads = threads, .slow = slow, .stop = G_MAXSIZE};
        run_job (&job, counts[c]);
        for (size_t i = 0; i < counts[c]; i++)
          g_assert_cmpint (job.seen[i], ==, 1);
        g_assert_cmpint (job.seen[counts[c]], ==, 0);
        clear_job (&job);
      }
}

/* Each begins at the front of its own part, and a helper at the back of the other's. */
static void
test_own_first (void)
{
  for (guint slow = 0; slow < 3; slow++) {
    Job job = {.threads = 2, .slow = slow, .stop = G_MAXSIZE};
    run_job (&job, 8);
    for (int i = 0; i < 8; i++) {
      int owner = i / 4;
      for (int j = i + 1; job.by[i] != owner && j < (owner + 1) * 4; j++)
        g_assert_cmpint (job.by[j], !=, owner);
    }
    clear_job (&job);
  }
}

static void
test_cancelled (void)
{
  for (guint threads = 1; threads <= 3; threads++) {
    Job job = {.threads = threads, .slow = 0, .stop = 0, .cancellable = g_cancellable_new ()};
    run_job (&job, 30 * threads);
    int seen = 0;
    for (guint i = 0; i < 30 * threads; i++)
      seen += job.seen[i];
    if (threads == 1)
      g_assert_cmpint (seen, ==, 1);
    g_assert_cmpint (job.seen[0], ==, 1);
    clear_job (&job);
  }
}

typedef struct {
  size_t n;
  gint *seen;
  gint pieces, shortest;
} Ranges;

static void
range (void *context, size_t start, size_t count)
{
  Ranges *ranges = context;
  g_assert_cmpuint (start + count, <=, ranges->n);
  for (size_t i = start; i < start + count; i++)
    g_atomic_int_inc (&ranges->seen[i]);
  g_atomic_int_inc (&ranges->pieces);
  gint shortest;
  do
    shortest = g_atomic_int_get (&ranges->shortest);
  while ((gint)count < shortest &&
         !g_atomic_int_compare_and_exchange (&ranges->shortest, shortest, (gint)count));
}

/* Pieces cover everything, none is below the grain, and threads have equally many. */
static void
test_pieces (void)
{
  static const size_t counts[] = {0, 1, 5, 14, 49, 196, 1000, 100003};
  static const size_t grains[] = {1, 3, 50, 70000};
  for (guint threads = 1; threads <= 4; threads++)
    for (guint c = 0; c < G_N_ELEMENTS (counts); c++)
      for (guint g = 0; g < G_N_ELEMENTS (grains); g++) {
        GonioCpuRun run = {.threads = threads};
        g_autoptr (GError) error = NULL;
        g_assert_true (gonio_cpu_pool_acquire (threads, &run.pool, &error));
        Ranges ranges = {counts[c], g_new0 (gint, counts[c] + 1), 0, G_MAXINT};
        gonio_cpu_parallel (&run, range, &ranges, counts[c], grains[g]);
        for (size_t i = 0; i < counts[c]; i++)
          g_assert_cmpint (ranges.seen[i], ==, 1);
        if (ranges.pieces > 1)
          g_assert_cmpint (ranges.shortest, >=, (gint)grains[g]);
        if (threads > 1 && ranges.pieces > (gint)threads)
          g_assert_cmpint (ranges.pieces % (gint)threads, ==, 0);
        g_free (ranges.seen);
        gonio_cpu_pool_release (threads);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cpu-threads/once", test_once);
  g_test_add_func ("/cpu-threads/own-first", test_own_first);
  g_test_add_func ("/cpu-threads/cancelled", test_cancelled);
  g_test_add_func ("/cpu-threads/pieces", test_pieces);
  return g_test_run ();
}
