/* Prints what the processor can do at most, a line "SET THREADS GFLOP/s" per instruction set.
 *
 * Usage: gonio-bench-peak [THREADS] */
#include "tests/bench/peak.h"

#include <stdio.h>

#define MAX_THREADS 256

int
main (int argc, char **argv)
{
  guint64 threads = argc > 1 ? g_ascii_strtoull (argv[1], NULL, 10) : 1;
  if (argc > 2 || threads < 1 || threads > MAX_THREADS) {
    g_printerr ("usage: gonio-bench-peak [THREADS], 1 to %d\n", MAX_THREADS);
    return 2;
  }
  GonioPeak peaks[GONIO_MAX_PEAKS];
  guint n = gonio_peaks ((guint)threads, peaks);
  for (guint i = 0; i < n; i++)
    printf ("%-8s %u %8.1f\n", peaks[i].set, (guint)threads, peaks[i].rate);
  return 0;
}
