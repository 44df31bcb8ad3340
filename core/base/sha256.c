/* Checksums of files. Depends on GIO and nettle, which uses the processor's own instructions. */
#include "core/base/sha256.h"

#include <nettle/sha2.h>

enum { CHUNK = 256 * 1024 };

static char *
to_hex (struct sha256_ctx *hash)
{
  guint8 digest[SHA256_DIGEST_SIZE];
  GString *hex = g_string_sized_new (2 * SHA256_DIGEST_SIZE);
  sha256_digest (hash, sizeof digest, digest);
  for (guint i = 0; i < sizeof digest; i++)
    g_string_append_printf (hex, "%02x", digest[i]);
  return g_string_free (hex, FALSE);
}

gboolean
gonio_file_sha256 (const char *path, GCancellable *cancellable, char **out_hex, gint64 *out_size,
                   GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInputStream) stream = g_file_read (file, cancellable, error);
  if (stream == NULL)
    return FALSE;
  struct sha256_ctx hash;
  g_autofree guint8 *buffer = g_malloc (CHUNK);
  gsize n = CHUNK;
  gint64 size = 0;
  sha256_init (&hash);
  while (n == CHUNK) {
    if (!g_input_stream_read_all (G_INPUT_STREAM (stream), buffer, CHUNK, &n, cancellable, error))
      return FALSE;
    sha256_update (&hash, n, buffer);
    size += (gint64)n;
  }
  *out_hex = to_hex (&hash);
  if (out_size != NULL)
    *out_size = size;
  return TRUE;
}
