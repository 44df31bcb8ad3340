/* The window: list, picture, measures. Depends on the other folders of ui. */
#pragma once

#include "ui/model/gonio-engine.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define GONIO_TYPE_MAIN_WINDOW (gonio_main_window_get_type ())
G_DECLARE_FINAL_TYPE (GonioMainWindow, gonio_main_window, GONIO, MAIN_WINDOW, AdwApplicationWindow)

/* settings: nullable, then nothing is remembered. sample: file behind the "Open sample" button,
 * nullable. What goes wrong in the engine is shown in place. */
GonioMainWindow *gonio_main_window_new (GtkApplication *application, GonioEngine *engine,
                                        GSettings *settings, GFile *sample);
/* Files and folders (their pictures, not deeper than 8 levels). */
void gonio_main_window_open_files (GonioMainWindow *self, GFile *const *files, int n_files);

G_END_DECLS
