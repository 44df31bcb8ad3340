/* What the processor can do at most: multiply-adds on registers alone, for every instruction set
 * it has. Depends on GLib only. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define GONIO_MAX_PEAKS 5

/* Names as GONIO_CPU_KERNELS has them. "amx" is the matrix unit on bfloat16 numbers with float
 * sums, which has no float products of its own. */
typedef struct {
  const char *set;
  double rate; /* GFLOP/s of all threads together */
} GonioPeak;

/* Takes most of a second per set. out_peaks: room for GONIO_MAX_PEAKS; returns how many there
 * are, the widest last. */
guint gonio_peaks (guint threads, GonioPeak *out_peaks);

G_END_DECLS
