/* Whatever the bytes: a .npy or .pb file gives a value or one error, and a tensor that was read
 * is the same after it was written as .npy and read again. */
#include "core/base/error.h"
#include "core/onnx/load.h"
#include "core/tensor/list.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char *folder;

static void
remove_folder (void)
{
  g_rmdir (folder);
}

/* A file of this name in a folder of our own, gone at exit. (transfer full) */
static char *
path_of (const char *name)
{
  if (!folder) {
    folder = g_dir_make_tmp ("gonio-fuzz-XXXXXX", NULL);
    g_assert_nonnull (folder);
    atexit (remove_folder);
  }
  return g_build_filename (folder, name, NULL);
}

/* NumPy lacks a few types; those are widened, and equal as numbers. */
static void
assert_same (const GonioTensor *a, const GonioTensor *b)
{
  int64_t n = gonio_tensor_count (a);

  g_assert_true (gonio_shape_equal (gonio_tensor_shape (a), gonio_tensor_shape (b)));
  if (gonio_tensor_dtype (a) == GONIO_DTYPE_STRING) {
    for (int64_t i = 0; i < n; i++)
      g_assert_cmpstr (gonio_tensor_string (a, i), ==, gonio_tensor_string (b, i));
  } else if (gonio_tensor_dtype (a) == gonio_tensor_dtype (b)) {
    g_assert_cmpuint (gonio_tensor_size (a), ==, gonio_tensor_size (b));
    g_assert_true (n == 0 || memcmp (gonio_tensor_data (a), gonio_tensor_data (b),
                                     gonio_tensor_size (a)) == 0);
  } else {
    for (int64_t i = 0; i < n; i++) {
      double x = gonio_tensor_get_double (a, i), y = gonio_tensor_get_double (b, i);
      g_assert_true (x == y || (x != x && y != y));
    }
  }
}

static void
write_and_read (const GonioTensor *tensor)
{
  g_autofree char *path = path_of ("again.npy");
  g_autoptr (GError) error = NULL;

  if (gonio_tensor_save_npy (tensor, path, &error)) {
    g_autoptr (GonioTensor) again = gonio_tensor_load_npy (path, &error);
    g_assert_no_error (error);
    assert_same (tensor, again);
  } else {
    g_assert_nonnull (error);
  }
  g_unlink (path);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  gboolean npy = size >= 6 && memcmp (data, "\x93NUMPY", 6) == 0;
  g_autofree char *path = path_of (npy ? "x.npy" : "x.pb");

  if (size > 1 << 20 || !g_file_set_contents (path, (const char *)data, (gssize)size, NULL))
    return 0;
  for (int kind = GONIO_KIND_TENSOR;
       kind <= (npy ? GONIO_KIND_TENSOR : GONIO_KIND_OPTIONAL_SEQUENCE); kind++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioTensor) value = npy ? gonio_tensor_load_npy (path, &error)
                                        : gonio_onnx_load_value_pb (path, (GonioKind)kind, &error);
    g_assert_true ((value == NULL) == (error != NULL));
    g_assert_true (!error || error->domain == GONIO_LOAD_ERROR ||
                   g_error_matches (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY));
    if (!value)
      continue;
    g_assert_cmpint (gonio_tensor_kind (value), ==, kind);
    g_autofree char *text = gonio_list_describe (value);
    g_assert_nonnull (text);
    if (kind == GONIO_KIND_TENSOR)
      write_and_read (value);
  }
  g_unlink (path);
  return 0;
}
