/* A 12-megapixel photo of a film on a table. Depends on imaging, TurboJPEG. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The film at film_path, tilted, before a mottled brown, with a camera's noise; JPEG of 4032 x
 * 3024 px. The same bits each time. */
gboolean gonio_bench_photo (const char *film_path, const char *out_path, GError **error);

G_END_DECLS
