/* .npz archives: walks the local file headers of the zip file (PKWARE APPNOTE 4.3.7). */
#include "tests/support/npz.h"

#include "core/base/error.h"

#include <glib/gstdio.h>
#include <string.h>

#define LOCAL_HEADER    30
#define LOCAL_SIGNATURE 0x04034b50u
#define EXTRA_ZIP64     1
#define SIZE_IN_EXTRA   0xffffffffu
#define METHOD_STORED   0

static guint64
little_endian (const guint8 *p, guint n)
{
  guint64 value = 0;
  for (guint i = n; i-- > 0;)
    value = value << 8 | p[i];
  return value;
}

/* numpy always writes a zip64 field with the real size. */
static guint64
entry_size (const guint8 *header, const guint8 *extra, guint64 n_extra)
{
  guint64 size = little_endian (header + 18, 4);
  for (guint64 at = 0; size == SIZE_IN_EXTRA && at + 4 <= n_extra;) {
    guint64 length = little_endian (extra + at + 2, 2);
    if (little_endian (extra + at, 2) == EXTRA_ZIP64 && length >= 16 && at + 20 <= n_extra)
      return little_endian (extra + at + 12, 8);
    at += 4 + length;
  }
  return size;
}

static GonioTensor *
load_array (const guint8 *data, gsize size, GError **error)
{
  g_autofree char *path = NULL;
  gint fd = g_file_open_tmp ("gonio-npz-XXXXXX.npy", &path, error);
  if (fd < 0)
    return NULL;
  g_close (fd, NULL);
  GonioTensor *tensor = g_file_set_contents (path, (const char *)data, (gssize)size, error)
                            ? gonio_tensor_load_npy (path, error)
                            : NULL;
  g_unlink (path);
  return tensor;
}

GPtrArray *
gonio_npz_load (const char *path, GPtrArray **out_names, GError **error)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, error);
  if (file == NULL)
    return NULL;
  const guint8 *data = (const guint8 *)g_mapped_file_get_contents (file);
  guint64 total = g_mapped_file_get_length (file), at = 0;
  g_autoptr (GPtrArray) arrays =
      g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  while (at + LOCAL_HEADER <= total && little_endian (data + at, 4) == LOCAL_SIGNATURE) {
    const guint8 *header = data + at;
    guint64 n_name = little_endian (header + 26, 2), n_extra = little_endian (header + 28, 2);
    guint64 start = at + LOCAL_HEADER + n_name + n_extra;
    guint64 size =
        start <= total ? entry_size (header, header + LOCAL_HEADER + n_name, n_extra) : G_MAXUINT64;
    if (start > total || size > total - start || little_endian (header + 8, 2) != METHOD_STORED) {
      g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_MALFORMED,
                   "%s: truncated or compressed archive", path);
      return NULL;
    }
    GonioTensor *tensor = load_array (data + start, size, error);
    if (tensor == NULL)
      return NULL;
    g_ptr_array_add (arrays, tensor);
    char *name = g_strndup ((const char *)header + LOCAL_HEADER, n_name);
    if (g_str_has_suffix (name, ".npy"))
      name[n_name - 4] = '\0';
    g_ptr_array_add (names, name);
    at = start + size;
  }
  if (out_names != NULL)
    *out_names = g_steal_pointer (&names);
  return g_steal_pointer (&arrays);
}
