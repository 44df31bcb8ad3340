/* Helpers of the imaging tests. Depends on core/imaging. */
#include "tests/support/image-fixture.h"

#include <string.h>

GonioImage *
gonio_fixture_load_limited (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                            GError **error)
{
  gsize size = 0;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  for (const GonioImageFormat *f = gonio_image_formats (); f->name; f++)
    if (f->detect (data, MIN (size, 4096)))
      return f->load (bytes, frame, limits, NULL, error);
  g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_NOT_IMAGE, "not recognised");
  return NULL;
}

GonioImage *
gonio_fixture_load (GBytes *bytes, guint frame, GError **error)
{
  return gonio_fixture_load_limited (bytes, frame, NULL, error);
}

static void
put_big (GByteArray *out, guint bytes, guint value)
{
  while (bytes-- > 0) {
    const guint8 byte = (guint8)(value >> 8 * bytes);
    g_byte_array_append (out, &byte, 1);
  }
}

/* One entry with one value; type 3 SHORT, 4 LONG. */
static void
put_entry (GByteArray *out, guint tag, guint type, guint value)
{
  put_big (out, 2, tag);
  put_big (out, 2, type);
  put_big (out, 4, 1);
  put_big (out, type == 3 ? 2 : 4, value);
  put_big (out, type == 3 ? 2 : 0, 0);
}

GByteArray *
gonio_fixture_exif_lens (guint focal_35mm, guint width, guint height)
{
  GByteArray *out = g_byte_array_new ();
  g_byte_array_append (out, (const guint8 *)"MM\0*", 4);
  put_big (out, 4, 8);
  put_big (out, 2, 1);
  put_entry (out, 0x8769, 4, 26); /* where the EXIF directory is */
  put_big (out, 4, 0);
  put_big (out, 2, 3);
  put_entry (out, 0xA002, 4, width);
  put_entry (out, 0xA003, 3, height);
  put_entry (out, 0xA405, 3, focal_35mm);
  put_big (out, 4, 0);
  return out;
}

void
gonio_fixture_assert_refused (GBytes *bytes, GonioImageError code, const char *needle)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioImage) image = gonio_fixture_load (bytes, 0, &error);

  g_assert_null (image);
  g_assert_error (error, GONIO_IMAGE_ERROR, (int)code);
  if (!strstr (error->message, needle))
    g_error ("'%s' does not say '%s'", error->message, needle);
}

GBytes *
gonio_fixture_cut (GBytes *bytes, size_t size)
{
  return g_bytes_new_from_bytes (bytes, 0, MIN (size, g_bytes_get_size (bytes)));
}

char *
gonio_fixture_data (const char *relative)
{
  const char *root = g_getenv ("GONIO_TEST_DATA");
  g_autofree char *path = root ? g_build_filename (root, relative, NULL) : NULL;

  if (path && g_file_test (path, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&path);
  g_test_skip (root ? "the shared test data lack this file"
                    : "GONIO_TEST_DATA is not set: shared test data are not there");
  return NULL;
}
