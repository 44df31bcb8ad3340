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

/* The file of a location, until another is opened: some models keep each tensor in its own. */
struct _GonioOnnxFile {
  char *location;
  int fd;
  size_t size;
};

static void
file_free (GonioOnnxFile *file)
{
  g_close (file->fd, NULL);
  g_free (file->location);
  g_free (file);
}

static GonioOnnxFile *
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
  if (!S_ISREG (info.st_mode)) {
    fail (error, GONIO_LOAD_ERROR_IO, what, "“%s” is not an ordinary file.", location);
    g_close (fd, NULL);
    return NULL;
  }
  GonioOnnxFile *file = g_new (GonioOnnxFile, 1);
  *file = (GonioOnnxFile){g_strdup (location), fd, (size_t)info.st_size};
  return file;
}

static GonioOnnxFile *
current_file (GonioOnnxSource *source, const char *location, const char *what, GError **error)
{
  if (!source->external || !g_str_equal (source->external->location, location)) {
    gonio_onnx_external_clear (source);
    source->external = open_file (source, location, what, error);
  }
  return source->external;
}

void
gonio_onnx_external_clear (GonioOnnxSource *source)
{
  g_clear_pointer (&source->external, file_free);
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
                     const char *what, size_t *out_offset, GError **error)
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
  const GonioOnnxFile *file = current_file (source, location, what, error);
  if (!file)
    return FALSE;
  if (offset > file->size || size > file->size - offset)
    return fail (error, GONIO_LOAD_ERROR_MALFORMED, what,
                 "bytes %zu to %zu are needed, but “%s” has only %zu.", offset, offset + size,
                 location, file->size);
  *out_offset = offset;
  return TRUE;
}

gboolean
gonio_onnx_external_read (GonioOnnxSource *source, size_t offset, void *to, size_t size,
                          const char *what, GError **error)
{
  const GonioOnnxFile *file = source->external;
  g_autoptr (GError) local = NULL;

  return gonio_onnx_read (file->fd, file->location, offset, to, size, &local) ||
         fail (error, GONIO_LOAD_ERROR_IO, what, "%s", local->message);
}
