/* Running gonio-cli in a folder of its own; see cli-run.h. */
#include "tests/support/cli-run.h"

#include <glib/gstdio.h>
#include <string.h>

static const char *cli;
static char *folder;

void
cli_start (const char *program)
{
  cli = program;
  folder = g_dir_make_tmp ("gonio-cli-XXXXXX", NULL);
  g_assert_nonnull (folder);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    remove_all (child);
  }
  g_remove (path);
}

void
cli_end (void)
{
  remove_all (folder);
  g_clear_pointer (&folder, g_free);
}

char *
cli_path (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

void
cli_save (GByteArray *bytes, const char *name)
{
  g_autofree char *path = cli_path (name);
  g_autofree char *dir = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, (char *)bytes->data, bytes->len, NULL));
  g_byte_array_unref (bytes);
}

void
cli_result_clear (CliResult *result)
{
  g_free (result->out);
  g_free (result->err);
}

CliResult
cli_run (const char *arguments, GSpawnChildSetupFunc setup)
{
  CliResult result = {0};
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) line = g_string_new (arguments);
  g_string_replace (line, "@", folder, 0);
  g_auto (GStrv) words = g_strsplit (line->str, " ", -1);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_ptr_array_add (argv, (gpointer)cli);
  for (guint i = 0; words[i] != NULL && *arguments != '\0'; i++)
    g_ptr_array_add (argv, words[i]);
  g_ptr_array_add (argv, NULL);
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  if (setup != NULL)
    g_subprocess_launcher_set_child_setup (launcher, setup, NULL, NULL);
  g_autoptr (GSubprocess) process =
      g_subprocess_launcher_spawnv (launcher, (const char *const *)argv->pdata, &error);
  g_assert_no_error (error);
  g_assert_true (
      g_subprocess_communicate_utf8 (process, NULL, NULL, &result.out, &result.err, &error));
  g_assert_true (g_subprocess_get_if_exited (process));
  result.code = g_subprocess_get_exit_status (process);
  return result;
}

void
cli_expect (const char *arguments, int code, const char *out_part, const char *err_part)
{
  g_auto (CliResult) result = cli_run (arguments, NULL);
  if (result.code != code || strstr (result.out, out_part) == NULL ||
      strstr (result.err, err_part) == NULL)
    g_error ("'%s' ended with %d\nstdout: %s\nstderr: %s", arguments, result.code, result.out,
             result.err);
}
