/* Regions of a graph on the device: the backend functions that both GL backends share. Depends on
 * core/session/backend.h. */
#pragma once

#include "core/session/backend.h"

G_BEGIN_DECLS

gboolean gonio_gl_claim (GonioBackend *backend, const GonioGraph *graph, GonioNodeId node,
                         GonioClaim *out_claim);
GonioCompiled *gonio_gl_compile (GonioBackend *backend, const GonioRegion *region, GError **error);
void gonio_gl_compiled_free (GonioCompiled *compiled);
gboolean gonio_gl_run (GonioCompiled *compiled, const GonioRunArgs *args,
                       GonioTensor *const *inputs, GonioTensor **outputs, GError **error);
gboolean gonio_gl_has_op (guint op);
/* Programs that a run starts, for tests. */
guint gonio_gl_compiled_steps (const GonioCompiled *compiled);

G_END_DECLS
