/* Memory that runs work in. Runs follow one another on the context's thread, so all regions of a
 * backend share it: models that take turns need no more than the largest of them. Depends on
 * device. All functions on the context's thread. */
#pragma once

#include "backends/gl/common/device.h"

G_BEGIN_DECLS

typedef struct _GonioGlBuffers GonioGlBuffers;

GonioGlBuffers *gonio_gl_buffers_new (GonioGlContext *context, const GonioGlDevice *device);
void gonio_gl_buffers_free (GonioGlBuffers *buffers);

/* At least so many texels of undefined contents. GONIO_RUN_ERROR_MEMORY. */
gboolean gonio_gl_buffers_take (GonioGlBuffers *buffers, gint64 texels, gboolean half,
                                GonioGlMemory *out_memory, GError **error);
/* For the next one to take; clears *memory. */
void gonio_gl_buffers_give (GonioGlBuffers *buffers, GonioGlMemory *memory);
/* Frees what nobody has taken. */
void gonio_gl_buffers_trim (GonioGlBuffers *buffers);

G_END_DECLS
