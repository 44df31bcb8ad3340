/* Where networks ran, in words. Depends on core's measure. */
#pragma once

#include "core/measure/result.h"

G_BEGIN_DECLS

/* "Processor", "Graphics card (OpenGL compute)"; a name that is not known is its own word. */
const char *gonio_where_backend (const char *name);

/* "Graphics card (OpenGL compute): AMD Radeon 780M, 3 steps on the processor, 35 ms", or what went
 * wrong and where it ran instead; NULL when no network ran. (transfer full) */
char *gonio_where_line (const GonioResult *result);
/* Did it not run where it was asked to? */
gboolean gonio_where_is_fallback (const GonioResult *result);
/* The same at length, some lines: device and driver, models, times. NULL as above. (transfer full)
 */
char *gonio_where_details (const GonioResult *result);
/* "35 ms", "1.2 s". (transfer full) */
char *gonio_where_time (double ms);

G_END_DECLS
