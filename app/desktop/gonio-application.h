/* The program as the desktop sees it: single instance, files, actions. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define GONIO_TYPE_APPLICATION (gonio_application_get_type ())
G_DECLARE_FINAL_TYPE (GonioApplication, gonio_application, GONIO, APPLICATION, AdwApplication)

GonioApplication *gonio_application_new (void);
/* When it has run, and another instance may begin already: waits for the step of measuring and for
 * the driver's test that may be under way, so that no thread works while the program exits. */
void gonio_application_finish (GonioApplication *self);

G_END_DECLS
