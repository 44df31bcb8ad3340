/* Checksums of files. Depends on GIO. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* SHA-256 (FIPS 180-4) of a file's contents as 64 lower-case digits (transfer full). Blocking;
 * any thread.
 * out_size (nullable): bytes read. GIO's errors. */
gboolean gonio_file_sha256 (const char *path, GCancellable *cancellable, char **out_hex,
                            gint64 *out_size, GError **error);

G_END_DECLS
