/* The backends this program was built with; the only place that names them. Depends on
 * core/session and backends. */
#pragma once

#include "app/backend-choice.h"

G_BEGIN_DECLS

/* All of them in order of preference, NULL-terminated. The last is the reference backend,
 * which runs everything. */
const GonioBackendDef *const *gonio_backends (void);
/* NULL when there is none of that name. */
const GonioBackendDef *gonio_backend_find (const char *name);

/* First thing in main of every program that chooses backends; see gonio_backend_check_main(). */
gboolean gonio_backends_main (int argc, char **argv, int *out_status);

/* A comma-separated list of names in order of preference, or NULL or "auto": in the program's
 * order, of those on graphics cards the first that works, is no software rasteriser, passes its
 * self-test and is faster than the processor. NULL-terminated array, to be freed with g_free (the
 * definitions are static).
 *
 * Named backends: G_OPTION_ERROR_BAD_VALUE names what is there; GONIO_BACKEND_ERROR_UNAVAILABLE
 * says why one cannot run here. One that fails its self-test is left out where others of the list
 * remain, and an error where none does.
 *
 * out_choices (nullable): GonioBackendChoice* of all that were considered, in that order
 * (transfer full). Blocking: the first time on a machine with a card it takes up to a minute, so
 * not on a window's thread. Any thread. */
const GonioBackendDef **gonio_backends_choose (const char *list, GPtrArray **out_choices,
                                               GError **error);
/* The same for values kept in that precision: self-test and speed may differ. cancellable
 * (nullable) ends a self-test under way: G_IO_ERROR_CANCELLED. */
const GonioBackendDef **gonio_backends_choose_for (const char *list, GonioPrecision precision,
                                                   GPtrArray **out_choices,
                                                   GCancellable *cancellable, GError **error);
/* In 32 bits, without the reasons. */
const GonioBackendDef **gonio_backends_parse (const char *list, GError **error);
/* Those that need no driver, which is known at once; to be freed with g_free. */
const GonioBackendDef **gonio_backends_host (void);

/* The reference backend's: folds constants for every session, also where the reference backend
 * is not on its list. */
gboolean gonio_backends_evaluate (const GonioGraph *graph, GonioNodeId node,
                                  GonioTensor *const *inputs, GonioTensor **outputs,
                                  GError **error);

G_END_DECLS
