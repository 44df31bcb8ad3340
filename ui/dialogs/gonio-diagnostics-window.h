/* The Diagnostics window: what computes, where the models run, what the picture shown took, with a
 * button that copies all as text. Depends on model. */
#pragma once

#include "ui/model/gonio-engine.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define GONIO_TYPE_DIAGNOSTICS_WINDOW (gonio_diagnostics_window_get_type ())
G_DECLARE_FINAL_TYPE (GonioDiagnosticsWindow, gonio_diagnostics_window, GONIO, DIAGNOSTICS_WINDOW,
                      AdwWindow)

/* Opens it beside parent, filled off the main thread. result: of the picture shown, copied;
 * nullable. */
void gonio_diagnostics_window_present (GtkWindow *parent, GonioEngine *engine,
                                       const GonioResult *result);

G_END_DECLS
