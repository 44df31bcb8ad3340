/* The backends this program was built with; the only place that names them. Depends on
 * core/session and backends. */
#pragma once

#include "core/session/backend.h"

G_BEGIN_DECLS

/* All of them in order of preference, NULL-terminated. The last is the reference backend,
 * which runs everything. */
const GonioBackendDef *const *gonio_backends (void);
/* NULL when there is none of that name. */
const GonioBackendDef *gonio_backend_find (const char *name);

/* A comma-separated list of names in order of preference; NULL or "auto": every backend whose
 * probe succeeds. NULL-terminated array, to be freed with g_free (the definitions are static).
 * G_OPTION_ERROR_BAD_VALUE names what is there; GONIO_BACKEND_ERROR_UNAVAILABLE says why a
 * named backend cannot run here. */
const GonioBackendDef **gonio_backends_parse (const char *list, GError **error);

/* The reference backend's: folds constants for every session, also where the reference backend
 * is not on its list. */
gboolean gonio_backends_evaluate (const GonioGraph *graph, GonioNodeId node,
                                  GonioTensor *const *inputs, GonioTensor **outputs,
                                  GError **error);

/* A backend's description on this machine, or why it is not available. */
gboolean gonio_backend_describe (const GonioBackendDef *def, char **out_text, GError **error);

G_END_DECLS
