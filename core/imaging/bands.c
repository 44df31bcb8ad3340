/* Rows of a picture shared out over threads. Depends on GLib. */
#include "core/imaging/bands.h"

#include "core/imaging/image.h"

#define MAX_THREADS   8     /* more wait for memory */
#define WORTH_SHARING 50000 /* pixels: some 100 us, as much as waking a thread may cost */
#define PER_THREAD    4     /* bands per thread, so that none waits long for the last */

static gint n_threads; /* atomic; 0: as many as processors */

void
gonio_image_set_threads (guint threads)
{
  g_atomic_int_set (&n_threads, (gint)MIN (threads, MAX_THREADS));
}

typedef struct {
  GonioBand band;
  gpointer data;
  guint rows, band_rows;
  gint next; /* atomic: the first band that nobody has taken */
} Work;

static void
take_bands (gpointer data, gpointer user_data)
{
  Work *work = data;

  for (;;) {
    guint64 first = (guint64)(guint)g_atomic_int_add (&work->next, 1) * work->band_rows;

    if (first >= work->rows)
      return;
    work->band (work->data, (guint)first, (guint)MIN (first + work->band_rows, work->rows));
  }
}

void
gonio_bands_run (guint rows, guint step, guint64 cost, GonioBand band, gpointer data)
{
  guint set = (guint)g_atomic_int_get (&n_threads);
  guint threads = set > 0 ? set : MIN (g_get_num_processors (), MAX_THREADS);
  guint steps = rows / step + (rows % step != 0);
  GThreadPool *pool = NULL;

  threads = MIN (threads, steps);
  if (threads > 1 && cost >= WORTH_SHARING)
    pool = g_thread_pool_new (take_bands, NULL, (gint)threads - 1, FALSE, NULL);
  if (!pool) {
    band (data, 0, rows);
    return;
  }
  Work work = {.band = band, .data = data, .rows = rows};

  work.band_rows = MAX (1, steps / (threads * PER_THREAD)) * step;
  for (guint i = 1; i < threads; i++)
    g_thread_pool_push (pool, &work, NULL); /* without a thread the others take its bands */
  take_bands (&work, NULL);
  g_thread_pool_free (pool, FALSE, TRUE);
}
