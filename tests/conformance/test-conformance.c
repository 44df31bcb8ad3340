/* Runs `gonio-cli model test` on folders below $GONIO_TEST_DATA and compares with the list of
 * expected failures: a failure that is not listed is one, and so is a listed test that passes
 * or that is not there.
 *
 * Usage: test-conformance CLI BACKENDS LIST FOLDER...; a list line is "FOLDER/TEST reason" or,
 * for one list of backends only, "FOLDER/TEST @BACKENDS reason". "FOLDER/TEST =TOLERANCE reason"
 * is no failure: the test must pass with that absolute tolerance.
 */
#include <gio/gio.h>

#include <string.h>

typedef struct {
  GHashTable *expected; /* "folder/test" -> reason */
  GHashTable *met;      /* listed tests that were run */
  GHashTable *loose;    /* "folder/test" -> absolute tolerance */
  guint passed, failed, skipped, problems;
} Tally;

static gboolean
read_list (const char *path, const char *backends, Tally *tally, GError **error)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, error))
    return FALSE;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    char *line = g_strstrip (lines[i]);
    if (*line == '\0' || *line == '#')
      continue;
    char *space = strpbrk (line, " \t");
    if (space == NULL) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s:%u: a reason is missing", path,
                   i + 1);
      return FALSE;
    }
    *space = '\0';
    char *reason = g_strchug (space + 1);
    if (*reason == '@') {
      gsize length = strcspn (++reason, " \t");
      if (strlen (backends) != length || strncmp (reason, backends, length) != 0)
        continue;
      reason += length;
    }
    gsize length = strcspn (reason, " \t");
    if (*reason == '=')
      g_hash_table_insert (tally->loose, g_strdup (line), g_strndup (reason + 1, length - 1));
    else
      g_hash_table_insert (tally->expected, g_strdup (line), g_strdup (g_strchug (reason)));
  }
  return TRUE;
}

static void
problem (Tally *tally, const char *key, const char *what)
{
  g_print ("%s: %s\n", key, what);
  tally->problems++;
}

/* "PASS name" or "FAIL name reason". Tests that have a tolerance of their own are judged by it. */
static void
judge_line (Tally *tally, const char *folder, const char *line, const char *only)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 3);
  if (g_strv_length (words) < 2 || strlen (words[0]) != 4)
    return;
  g_autofree char *key = g_strdup_printf ("%s/%s", folder, words[1]);
  gboolean pass = strcmp (words[0], "PASS") == 0, fail = strcmp (words[0], "FAIL") == 0;
  gboolean listed = g_hash_table_contains (tally->expected, key);
  if (!pass && !fail && strcmp (words[0], "SKIP") != 0)
    return;
  if (only != NULL ? strcmp (only, key) != 0 : g_hash_table_contains (tally->loose, key))
    return;
  tally->passed += pass;
  tally->failed += fail;
  tally->skipped += !pass && !fail;
  if (listed || only != NULL)
    g_hash_table_add (tally->met, g_strdup (key));
  if (pass && listed)
    problem (tally, key, "passes although it is listed: take it off the list");
  else if (fail && !listed)
    problem (tally, key, words[2] != NULL ? words[2] : "failed");
}

/* Runs what is in dir, which the list calls folder: all that has no tolerance of its own, or only
 * one test with its tolerance. */
static gboolean
run (Tally *tally, char **argv, const char *dir, const char *folder, const char *only,
     GError **error)
{
  const char *tolerance = only != NULL ? g_hash_table_lookup (tally->loose, only) : NULL;
  g_autoptr (GSubprocess) process = g_subprocess_new (
      G_SUBPROCESS_FLAGS_STDOUT_PIPE, error, argv[1], "model", "test", "--backend", argv[2], dir,
      tolerance != NULL ? "--atol" : NULL, tolerance, NULL);
  g_autofree char *output = NULL;
  if (process == NULL || !g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, error))
    return FALSE;
  if (!g_subprocess_get_if_exited (process) || g_subprocess_get_exit_status (process) > 1) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s did not end as it should", argv[1]);
    return FALSE;
  }
  g_auto (GStrv) lines = g_strsplit (output, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    judge_line (tally, folder, lines[i], only);
  return TRUE;
}

static gboolean
run_folder (Tally *tally, char **argv, const char *data, const char *folder, GError **error)
{
  g_autofree char *dir = g_build_filename (data, folder, NULL);
  g_autofree char *name = g_path_get_basename (folder);
  g_autofree char *prefix = g_strconcat (name, "/", NULL);
  guint before = tally->passed + tally->failed;
  if (!run (tally, argv, dir, name, NULL, error))
    return FALSE;
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init (&iter, tally->loose);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (g_str_has_prefix (key, prefix) && !run (tally, argv, dir, name, key, error))
      return FALSE;
  if (tally->passed + tally->failed == before)
    problem (tally, folder, "no test was run");
  return TRUE;
}

static void
check_met (Tally *tally, GHashTable *listed)
{
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init (&iter, listed);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (!g_hash_table_contains (tally->met, key))
      problem (tally, key, "is listed but was not run");
}

int
main (int argc, char **argv)
{
  if (argc < 5) {
    g_printerr ("usage: test-conformance CLI BACKENDS LIST FOLDER...\n");
    return 2;
  }
  const char *data = g_getenv ("GONIO_TEST_DATA");
  if (data == NULL) {
    g_print ("# SKIP-ALL GONIO_TEST_DATA is not set\n");
    return 0;
  }
  g_autoptr (GError) error = NULL;
  Tally tally = {.expected = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free),
                 .met = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                 .loose = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free)};
  gboolean ok = read_list (argv[3], argv[2], &tally, &error);
  for (int i = 4; ok && i < argc; i++)
    ok = run_folder (&tally, argv, data, argv[i], &error);
  if (!ok)
    g_printerr ("%s\n", error->message);
  if (ok) {
    check_met (&tally, tally.expected);
    check_met (&tally, tally.loose);
  }
  g_print ("%u passed, %u failed, %u skipped, %u listed, %u surprises\n", tally.passed,
           tally.failed, tally.skipped, g_hash_table_size (tally.expected), tally.problems);
  g_hash_table_unref (tally.expected);
  g_hash_table_unref (tally.met);
  g_hash_table_unref (tally.loose);
  return ok && tally.problems == 0 ? 0 : 1;
}
