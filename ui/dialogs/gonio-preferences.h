/* The Preferences window: what the networks run on. Depends on model. */
#pragma once

#include "ui/model/gonio-engine.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define GONIO_TYPE_PREFERENCES (gonio_preferences_get_type ())
G_DECLARE_FINAL_TYPE (GonioPreferences, gonio_preferences, GONIO, PREFERENCES, AdwPreferencesWindow)

/* Opens it over parent. What is chosen counts at once. */
void gonio_preferences_present (GtkWindow *parent, GonioEngine *engine);

G_END_DECLS
