/* Memory planning: live ranges to offsets in one arena. Depends on base. */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* One buffer: alive from step first to step last inclusive. */
typedef struct {
  size_t size; /* bytes asked for; 0 is allowed */
  guint first;
  guint last;
  int alias;     /* index of an earlier item whose memory it takes over, or -1 */
  size_t offset; /* out: 64-byte aligned */
} GonioMemoryItem;

/* Greedy by size, first fit; each item is followed by GONIO_TENSOR_TAIL bytes of slack.
 * Items with an alias share the offset of their root, whose range is widened. FALSE with
 * GONIO_RUN_ERROR_MEMORY on overflow. out_total: bytes of the arena (peak). */
gboolean gonio_memory_plan (GonioMemoryItem *items, guint n, size_t *out_total, GError **error);

G_END_DECLS
