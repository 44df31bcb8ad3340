/* Tensor data kept in files beside the model. Depends on source.h.
 *
 * A location is a plain relative path below the model's folder. It must not climb out of it,
 * neither in words nor through symbolic links, and must name an ordinary file.
 */
#include "core/base/error.h"
#include "core/base/text-hash.h"
#include "core/onnx/source.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean fail (GError **error, GonioLoadError code, const char *what, const char *format,
                      ...) G_GNUC_PRINTF (4, 5);

static gboolean
fail (GError **error, GonioLoadError code, const char *what, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, GONIO_LOAD_ERROR, code, "External data of tensor %s: %s", what, text);
  return FALSE;
}

static gboolean
location_is_plain (const char *location)
{
  g_auto (GStrv) parts = g_strsplit (location, "/", -1);

  if (*location == '\0' || g_path_is_absolute (location) || strchr (location, '\\'))
    return FALSE;
  for (guint i = 0; parts[i]; i++) {
    if (g_str_equal (parts[i], ".."))
      return FALSE;
  }
  return TRUE;
}

/* Canonical path of location if it lies below dir. (transfer full) */
static char *
resolve (const char *dir, const char *location)
{
  g_autofree char *joined = g_build_filename (dir, location, NULL);
  char *real_dir = realpath (dir, NULL);
  char *real = realpath (joined, NULL);
  char *found = NULL;

  if (real_dir && real) {
    size_t n = strlen (real_dir);
    if (strncmp (real, real_dir, n) == 0 && (real[n] == '/' || g_str_equal (real_dir, "/")))
      found = g_strdup (real);
  }
  g_free (real_dir); /* GLib's allocator is the system's */
  g_free (real);
  return found;
}

static GMappedFile *
open_file (GonioOnnxSource *source, const char *location, const char *what, GError **error)
{
  struct stat info;

  if (!source->dir) {
    fail (error, GONIO_LOAD_ERROR_UNSUPPORTED, what,
          "the model does not come from a folder, so “%s” cannot be found.", location);
    return NULL;
  }
  if (!location_is_plain (location)) {
    fail (error, GONIO_LOAD_ERROR_MALFORMED, what, "“%s” is not a relative path beside the model.",
          location);
    return NULL;
  }
  g_autofree char *path = resolve (source->dir, location);
  if (!path) {
    fail (error, GONIO_LOAD_ERROR_IO, what,
          "“%s” is missing beside the model, or a link out of its folder.", location);
    return NULL;
  }
  /* Not blocking: a named pipe must not hang us. */
  int fd = g_open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0 || fstat (fd, &info) != 0) {
    fail (error, GONIO_LOAD_ERROR_IO, what, "“%s” cannot be opened: %s.", location,
          g_strerror (errno));
    if (fd >= 0)
      g_close (fd, NULL);
    return NULL;
  }
  GMappedFile *file = NULL;
  if (!S_ISREG (info.st_mode))
    fail (error, GONIO_LOAD_ERROR_IO, what, "“%s” is not an ordinary file.", location);
  else
    file = g_mapped_file_new_from_fd (fd, FALSE, error);
  g_close (fd, NULL);
  return file;
}

static GMappedFile *
cached_file (GonioOnnxSource *source, const char *location, const char *what, GError **error)
{
  if (!source->external)
    source->external = g_hash_table_new_full (gonio_text_hash, g_str_equal, g_free,
                                              (GDestroyNotify)g_mapped_file_unref);
  GMappedFile *file = g_hash_table_lookup (source->external, location);
  if (!file) {
    file = open_file (source, location, what, error);
    if (file)
      g_hash_table_insert (source->external, g_strdup (location), file);
  }
  return file;
}

static gboolean
parse_number (const char *text, const char *key, size_t *out, const char *what, GError **error)
{
  guint64 value = 0;
  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXSIZE, &value, NULL))
    return fail (error, GONIO_LOAD_ERROR_MALFORMED, what, "%s “%.40s” is not a number.", key, text);
  *out = (size_t)value;
  return TRUE;
}

gboolean
gonio_onnx_external (GonioOnnxSource *source, const TensorProto *proto, size_t size,
                     const char *what, const guint8 **out_data, GError **error)
{
  const char *location = NULL;
  size_t offset = 0, length = size;

  for (size_t i = 0; i < proto->n_external_data; i++) {
    const char *key = proto->external_data[i]->key ? proto->external_data[i]->key : "";
    const char *value = proto->external_data[i]->value ? proto->external_data[i]->value : "";
    if (g_str_equal (key, "location"))
      location = value;
    else if (g_str_equal (key, "offset") && !parse_number (value, key, &offset, what, error))
      return FALSE;
    else if (g_str_equal (key, "length") && !parse_number (value, key, &length, what, error))
      return FALSE;
  }
  if (!location)
    return fail (error, GONIO_LOAD_ERROR_MALFORMED, what, "no location is given.");
  if (length != size)
    return fail (error, GONIO_LOAD_ERROR_MALFORMED, what,
                 "its shape needs %zu bytes, length is %zu.", size, length);
  GMappedFile *file = cached_file (source, location, what, error);
  if (!file)
    return FALSE;
  size_t available = g_mapped_file_get_length (file);
  if (offset > available || size > available - offset)
    return fail (error, GONIO_LOAD_ERROR_MALFORMED, what,
                 "bytes %zu to %zu are needed, but “%s” has only %zu.", offset, offset + size,
                 location, available);
  /* An empty file maps to NULL; a range of no bytes still needs an address. */
  const guint8 *data = (const guint8 *)g_mapped_file_get_contents (file);
  *out_data = data ? data + offset : (const guint8 *)"";
  return TRUE;
}
