/* What XNNPACK allocates with: memory that can run out, counted against the session's limit.
 * Depends on base. */
#pragma once

#include <glib.h>
#include <xnnpack.h>

extern const struct xnn_allocator gonio_cpu_allocator;
/* Size of the block that XNNPACK asked for last on this thread. */
size_t gonio_cpu_failed_bytes (void);
