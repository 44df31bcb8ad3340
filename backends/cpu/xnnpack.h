/* XNNPACK made ready. Depends on alloc, status. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Once per process and for good; any thread. XNNPACK keeps to the instruction set that
 * GONIO_CPU_KERNELS names at the first call (baseline, avx, avx2), so that what it does on a
 * narrower processor can be tested and measured. */
gboolean gonio_cpu_xnnpack_ready (GError **error);

G_END_DECLS
