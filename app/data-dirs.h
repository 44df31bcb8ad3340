/* Where models, protocols and the sample lie. Depends on GLib. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Folders that may hold models/<id>/, protocols/ and samples/, in order of precedence:
 * GONIO_DATA_DIR, the user's, that of the installed program, the source tree when the program
 * runs from its build folder. Existing ones only, NULL-terminated. (transfer full) */
GStrv gonio_data_dirs (void);
/* dir/sub for each of dirs where it exists. (transfer full) */
GStrv gonio_data_subdirs (const char *const *dirs, const char *sub);
/* The bundled sample picture; nullable. (transfer full) */
GFile *gonio_data_find_sample (const char *const *dirs);

G_END_DECLS
