/* Asking drivers of the machine's what they offer, which can end the program. Depends on
 * backend-check.h. */
#pragma once

#include "app/backend-check.h"

G_BEGIN_DECLS

/* What a driver is asked between the two may end the process: a note in the user's cache folder
 * says that it is being asked. Where an earlier process left that note behind, the driver is first
 * asked in a process of its own, and FALSE with GONIO_BACKEND_ERROR_UNAVAILABLE means that it ended
 * that, too. Backends without a driver of the machine's are always good. cancellable: nullable.
 * Blocking; any thread. */
typedef int GonioDriverWatch;
gboolean gonio_driver_watch_begin (const GonioBackendDef *def, GCancellable *cancellable,
                                   GonioDriverWatch *out_watch, GError **error);
void gonio_driver_watch_end (GonioDriverWatch watch);

/* def->probe, watched. */
gboolean gonio_backend_probe (const GonioBackendDef *def, GonioBackendInfo *out_info,
                              GCancellable *cancellable, GError **error);

G_END_DECLS
