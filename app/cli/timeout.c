/* --timeout: a thread that cancels what the command is doing, and ends the program when that does
 * not help. Depends on cli.h. */
#include "app/cli/cli.h"

#include <stdio.h>
#include <unistd.h>

/* What cannot be interrupted (reading a file, one pass over a graph, one kernel) may take so long.
 */
#define GRACE_SECONDS 10

static GCancellable *cancellable; /* made once, before there is a second thread */
static int seconds;

static gpointer
watch (gpointer data)
{
  g_usleep ((gulong)seconds * G_USEC_PER_SEC);
  g_cancellable_cancel (cancellable);
  g_usleep (GRACE_SECONDS * G_USEC_PER_SEC);
  fprintf (stderr,
           "gonio-cli: stopped after %d s (--timeout): it did not let itself be cancelled\n",
           seconds);
  fflush (stderr);
  _exit (GONIO_EXIT_INPUT);
}

void
gonio_cli_start_timeout (int limit)
{
  if (limit == 0 || cancellable != NULL)
    return;
  seconds = limit;
  cancellable = g_cancellable_new ();
  g_thread_unref (g_thread_new ("timeout", watch, NULL));
}

GCancellable *
gonio_cli_cancellable (void)
{
  return cancellable;
}

int
gonio_cli_timed_out (void)
{
  return g_cancellable_is_cancelled (cancellable) ? seconds : 0;
}
