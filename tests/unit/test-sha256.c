/* Checksums of files are GChecksum's, about the borders of blocks and of what is read at once.
 * Depends on base. */
#include "core/base/sha256.h"

#include <glib/gstdio.h>

static void
test_lengths (void)
{
  static const gsize lengths[] = {0,      1,      3,      54,     55,      56,    57,
                                  63,     64,     65,     119,    120,     1000,  4096,
                                  262080, 262143, 262144, 262145, 1000001, 524288};
  g_autofree char *dir = g_dir_make_tmp ("gonio-sha256-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "file", NULL);
  g_autofree guint8 *data = g_malloc (1000001);
  for (gsize i = 0; i < 1000001; i++)
    data[i] = (guint8)g_test_rand_int_range (0, 256);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *expected = g_compute_checksum_for_data (G_CHECKSUM_SHA256, data, lengths[i]);
    g_autofree char *hex = NULL;
    gint64 size = -1;
    g_assert_true (g_file_set_contents (path, (const char *)data, (gssize)lengths[i], NULL));
    g_assert_true (gonio_file_sha256 (path, NULL, &hex, &size, &error));
    g_assert_no_error (error);
    g_assert_cmpstr (hex, ==, expected);
    g_assert_cmpint (size, ==, (gint64)lengths[i]);
  }
  g_unlink (path);
  g_rmdir (dir);
}

static void
test_failures (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  char *hex = NULL;
  g_assert_false (gonio_file_sha256 ("/there/is/no/file", NULL, &hex, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_assert_false (gonio_file_sha256 ("/proc/self/exe", cancellable, &hex, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (hex);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sha256/lengths", test_lengths);
  g_test_add_func ("/sha256/failures", test_failures);
  return g_test_run ();
}
