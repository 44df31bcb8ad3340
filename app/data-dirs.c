/* Where models, protocols and the sample lie; see data-dirs.h. */
#include "app/data-dirs.h"

static void
add_dir (GPtrArray *dirs, char *path)
{
  for (guint i = 0; i < dirs->len; i++) {
    if (g_str_equal (g_ptr_array_index (dirs, i), path)) {
      g_free (path);
      return;
    }
  }
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    g_ptr_array_add (dirs, path);
  else
    g_free (path);
}

static GStrv
take_strv (GPtrArray *strings)
{
  g_ptr_array_add (strings, NULL);
  return (GStrv)g_ptr_array_free (strings, FALSE);
}

GStrv
gonio_data_dirs (void)
{
  GPtrArray *dirs = g_ptr_array_new ();
  const char *chosen = g_getenv ("GONIO_DATA_DIR");
  if (chosen && *chosen)
    add_dir (dirs, g_strdup (chosen));
  add_dir (dirs, g_build_filename (g_get_user_data_dir (), "gonio", NULL));

  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  if (program) {
    g_autofree char *bin = g_path_get_dirname (program);
    g_autofree char *share = g_build_filename (bin, "..", "share", "gonio", NULL);
    add_dir (dirs, g_canonicalize_filename (share, NULL));
    if (g_str_has_prefix (program, GONIO_BUILD_DIR))
      add_dir (dirs, g_strdup (GONIO_SOURCE_RESOURCES));
  }
  add_dir (dirs, g_strdup (GONIO_INSTALL_DATA_DIR));
  return take_strv (dirs);
}

GStrv
gonio_data_subdirs (const char *const *dirs, const char *sub)
{
  GPtrArray *found = g_ptr_array_new ();
  for (guint i = 0; dirs[i]; i++)
    add_dir (found, g_build_filename (dirs[i], sub, NULL));
  return take_strv (found);
}

GFile *
gonio_data_find_sample (const char *const *dirs)
{
  for (guint i = 0; dirs[i]; i++) {
    g_autofree char *path = g_build_filename (dirs[i], "samples", "foot-dp.png", NULL);
    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      return g_file_new_for_path (path);
  }
  return NULL;
}
