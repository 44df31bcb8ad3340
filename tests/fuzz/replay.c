/* Runs a fuzz target once on every file given on the command line, folders included, without
 * libFuzzer. "data:X" is folder X of GONIO_TEST_DATA. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
/* A target that makes inputs of its own does it here. */
__attribute__ ((weak)) void gonio_fuzz_more (void);

static guint n_files;

static void
replay (const char *path)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  g_autofree char *data = NULL;
  gsize size = 0;

  for (const char *name = folder ? g_dir_read_name (folder) : NULL; name;
       name = g_dir_read_name (folder)) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    replay (child);
  }
  if (folder || !g_file_get_contents (path, &data, &size, NULL))
    return;
  /* A copy of exactly this size: reading past the end is then seen by the sanitizer. */
  g_autofree uint8_t *exact = g_memdup2 (data, size);
  LLVMFuzzerTestOneInput (exact, size);
  n_files++;
}

int
main (int argc, char **argv)
{
  const char *root = g_getenv ("GONIO_TEST_DATA");

  for (int i = 1; i < argc; i++) {
    if (!g_str_has_prefix (argv[i], "data:")) {
      replay (argv[i]);
    } else if (root) {
      g_autofree char *path = g_build_filename (root, argv[i] + strlen ("data:"), NULL);
      replay (path);
    } else {
      g_print ("%s left out: GONIO_TEST_DATA is not set\n", argv[i]);
    }
  }
  g_print ("%u files replayed\n", n_files);
  if (gonio_fuzz_more)
    gonio_fuzz_more ();
  return n_files > 0 || gonio_fuzz_more ? 0 : 1;
}
