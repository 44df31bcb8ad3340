/* The program as the desktop sees it: single instance, files, actions. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define GONIO_TYPE_APPLICATION (gonio_application_get_type ())
G_DECLARE_FINAL_TYPE (GonioApplication, gonio_application, GONIO, APPLICATION, AdwApplication)

GonioApplication *gonio_application_new (void);

G_END_DECLS
