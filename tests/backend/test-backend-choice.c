/* Which backends are chosen, and why others are not: with cards that are the processor in disguise
 * and can be told to compute wrongly, to crash, to hang or to be slow. The self-test starts this
 * program again. */
#include "app/backend-choice.h"
#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "core/base/error.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static GonioBackendDef card, spare, host;
static const GonioBackendDef *all[] = {&card, &spare, &host, &gonio_backend_reference, NULL};
static char *folder, *log_path;

/* ---- the cards; what they do is in the environment, which the self-test's process inherits ----
 */

static gboolean
told (const char *what)
{
  return g_strcmp0 (g_getenv ("FAKE_CARD"), what) == 0;
}

static gboolean
card_probe (GonioBackendInfo *out_info, GError **error)
{
  const char *driver = g_getenv ("FAKE_DRIVER");
  if (told ("absent")) {
    g_set_error_literal (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNAVAILABLE, "no card");
    return FALSE;
  }
  out_info->device = g_strdup ("Card");
  out_info->driver = g_strdup (driver != NULL ? driver : "Driver 1");
  out_info->software = g_getenv ("FAKE_SOFTWARE") != NULL;
  return TRUE;
}

static gboolean
deadly_probe (GonioBackendInfo *out_info, GError **error)
{
  if (told ("deadly"))
    raise (SIGKILL);
  while (told ("mute"))
    g_usleep (G_USEC_PER_SEC);
  return card_probe (out_info, error);
}

static const char *
card_discouraged (void)
{
  return told ("discouraged") ? "all cards are software" : NULL;
}

/* Of compiled regions: what is in them. */
static GMutex lock;
static GHashTable *holds_softmax, *holds_max_pool, *holds_much;

static GonioCompiled *
card_compile (GonioBackend *backend, const GonioRegion *region, GError **error)
{
  GonioCompiled *compiled = gonio_backend_cpu.compile (backend, region, error);
  g_mutex_lock (&lock);
  for (guint i = 0; compiled != NULL && i < region->n_nodes; i++) {
    guint op = gonio_graph_node (region->graph, region->nodes[i])->op;
    if (op == GONIO_OP_SOFTMAX)
      g_hash_table_add (holds_softmax, compiled);
    if (op == GONIO_OP_MAX_POOL)
      g_hash_table_add (holds_max_pool, compiled);
  }
  if (compiled != NULL && region->n_nodes >= 5)
    g_hash_table_add (holds_much, compiled);
  g_mutex_unlock (&lock);
  return compiled;
}

static gboolean
holds (GHashTable *table, GonioCompiled *compiled)
{
  g_mutex_lock (&lock);
  gboolean found = g_hash_table_contains (table, compiled);
  g_mutex_unlock (&lock);
  return found;
}

static void
compiled_free (GonioCompiled *compiled)
{
  g_mutex_lock (&lock);
  g_hash_table_remove (holds_softmax, compiled);
  g_hash_table_remove (holds_max_pool, compiled);
  g_hash_table_remove (holds_much, compiled);
  g_mutex_unlock (&lock);
  gonio_backend_cpu.compiled_free (compiled);
}

static gboolean
spare_run (GonioCompiled *compiled, const GonioRunArgs *args, GonioTensor *const *inputs,
           GonioTensor **outputs, GError **error)
{
  if (told ("slow") && holds (holds_much, compiled))
    g_usleep (120000);
  return gonio_backend_cpu.run (compiled, args, inputs, outputs, error);
}

static gboolean
card_run (GonioCompiled *compiled, const GonioRunArgs *args, GonioTensor *const *inputs,
          GonioTensor **outputs, GError **error)
{
  if (told ("crash") && holds (holds_max_pool, compiled))
    raise (SIGKILL);
  while (told ("hang") && holds (holds_max_pool, compiled))
    g_usleep (G_USEC_PER_SEC);
  if (!spare_run (compiled, args, inputs, outputs, error))
    return FALSE;
  if (told ("wrong") && holds (holds_softmax, compiled))
    ((float *)gonio_tensor_writable_data (outputs[0]))[3] += 0.25f;
  return TRUE;
}

/* The processor is slow, so that a card is worth its trouble. */
static gboolean
host_run (GonioCompiled *compiled, const GonioRunArgs *args, GonioTensor *const *inputs,
          GonioTensor **outputs, GError **error)
{
  if (holds (holds_much, compiled))
    g_usleep (60000);
  return gonio_backend_cpu.run (compiled, args, inputs, outputs, error);
}

static void
make_backends (void)
{
  holds_softmax = g_hash_table_new (NULL, NULL);
  holds_max_pool = g_hash_table_new (NULL, NULL);
  holds_much = g_hash_table_new (NULL, NULL);
  host = gonio_backend_cpu;
  host.name = "host";
  host.compile = card_compile;
  host.compiled_free = compiled_free;
  host.run = host_run;
  spare = host;
  spare.name = "spare";
  spare.probe = card_probe;
  spare.run = spare_run;
  spare.self_test = TRUE;
  spare.revision = "1";
  card = spare;
  card.name = "card";
  card.run = card_run;
  card.probe = deadly_probe;
  card.discouraged = card_discouraged;
}

/* ---- what was tested, and what was chosen ---- */

static void
note_start (const char *name)
{
  int fd = open (g_getenv ("FAKE_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0600);
  g_assert_cmpint (write (fd, name, 1), ==, 1);
  close (fd);
}

/* How many self-tests were started since the last call. */
static gsize
count_starts (void)
{
  g_autofree char *text = NULL;
  gsize n = 0;
  g_file_get_contents (log_path, &text, &n, NULL);
  g_remove (log_path);
  return n;
}

static void
remove_kept (void)
{
  g_autofree char *path = g_build_filename (folder, "gonio", "self-tests", NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir != NULL && (name = g_dir_read_name (dir)) != NULL;) {
    g_autofree char *file = g_build_filename (path, name, NULL);
    g_remove (file);
  }
}

/* A machine that knows nothing yet. */
static void
start (const char *mode)
{
  g_setenv ("FAKE_CARD", mode, TRUE);
  remove_kept ();
  gonio_backend_check_forget ();
  count_starts ();
}

/* Fails unless the names of what is taken are as given. Returns the reason for "card". */
static char *
expect (const char *list, const char *taken)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) choices = NULL;
  g_autoptr (GString) names = g_string_new (NULL);
  char *reason = NULL;
  g_autofree const GonioBackendDef **chosen =
      gonio_backend_choice_make (all, list, GONIO_PRECISION_FP32, &choices, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; chosen[i] != NULL; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? "," : "", chosen[i]->name);
  g_assert_cmpstr (names->str, ==, taken);
  for (guint i = 0; i < choices->len; i++) {
    const GonioBackendChoice *choice = choices->pdata[i];
    g_assert_cmpint (choice->taken, ==, choice->reason == NULL);
    if (choice->def == &card)
      reason = g_strdup (choice->reason);
  }
  return reason;
}

static void
expect_left_out (const char *list, const char *taken, const char *words)
{
  g_autofree char *reason = expect (list, taken);
  if (reason == NULL || strstr (reason, words) == NULL)
    g_error ("\"%s\" is not in the reason: %s", words, reason != NULL ? reason : "none");
}

static void
expect_taken (const char *list, const char *taken)
{
  g_autofree char *reason = expect (list, taken);
  g_assert_null (reason);
}

static void
expect_refused (const char *list, int code, const char *words)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *choices = NULL;
  g_assert_null (
      gonio_backend_choice_make (all, list, GONIO_PRECISION_FP32, &choices, NULL, &error));
  g_assert_error (error, GONIO_BACKEND_ERROR, code);
  g_assert_nonnull (strstr (error->message, words));
  g_assert_null (choices);
}

/* ---- tests ---- */

static void
test_order (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) choices = NULL;
  start ("good");
  g_autofree const GonioBackendDef **chosen =
      gonio_backend_choice_make (all, NULL, GONIO_PRECISION_FP32, &choices, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (chosen[0] == &card && chosen[1] == &host &&
                 chosen[2] == &gonio_backend_reference && chosen[3] == NULL);
  g_assert_cmpuint (choices->len, ==, 4);
  const GonioBackendChoice *first = choices->pdata[0], *second = choices->pdata[1];
  g_assert_cmpstr (first->device, ==, "Card");
  g_assert_cmpstr (first->driver, ==, "Driver 1");
  g_assert_cmpfloat (first->speed, >, 1);
  g_assert_nonnull (strstr (second->reason, "card is taken"));
  g_assert_cmpuint (count_starts (), ==, 1);
  expect_taken ("auto", "card,host,reference");
  gonio_backend_check_forget ();
  expect_taken ("auto", "card,host,reference");
  g_assert_cmpuint (count_starts (), ==, 0);
}

static void
test_software (void)
{
  start ("good");
  g_setenv ("FAKE_SOFTWARE", "1", TRUE);
  expect_left_out (NULL, "host,reference", "software rasteriser");
  g_assert_cmpuint (count_starts (), ==, 0);
  expect_taken ("card,host", "card,host"); /* whoever names it gets it */
  g_assert_cmpuint (count_starts (), ==, 1);
  g_setenv (GONIO_GL_SOFTWARE_VARIABLE, "1", TRUE);
  expect_taken (NULL, "card,host,reference");
  g_unsetenv ("FAKE_SOFTWARE");
  g_setenv ("FAKE_CARD", "discouraged", TRUE);
  expect_taken (NULL, "card,host,reference");
  g_unsetenv (GONIO_GL_SOFTWARE_VARIABLE);
  expect_left_out (NULL, "spare,host,reference", "all cards are software");
}

static void
test_kept (void)
{
  static const char *const spoilt[] = {
      "", "{", "[]", "{\"format\": 2}", "{\"format\": 1, \"key\": \"another\"}",
  };
  g_auto (GonioBackendInfo) info = {0};
  start ("good");
  g_assert_true (card_probe (&info, NULL));
  g_autofree char *key = gonio_backend_check_key (&card, &info, GONIO_PRECISION_FP32);
  g_autofree char *path = gonio_backend_check_path (&card, key);
  expect_taken ("card", "card");
  g_assert_cmpuint (count_starts (), ==, 1);
  g_autofree char *good = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (path, &good, &size, NULL));
  for (guint i = 0; i <= G_N_ELEMENTS (spoilt); i++) {
    if (i < G_N_ELEMENTS (spoilt))
      g_assert_true (g_file_set_contents (path, spoilt[i], -1, NULL));
    else
      g_assert_true (g_file_set_contents (path, good, (gssize)size / 2, NULL));
    g_assert_null (gonio_backend_check_load (path, key));
  }
  gonio_backend_check_forget ();
  expect_taken ("card", "card");
  g_assert_cmpuint (count_starts (), ==, 1);
  /* One that says of itself that it passed, though a kernel failed. */
  g_autoptr (GonioBackendCheck) check = gonio_backend_check_load (path, key);
  g_assert_nonnull (check);
  gonio_backend_check_add (check, "conv", "worse", GONIO_CASE_FAILED, "wrong");
  g_assert_true (gonio_backend_check_save (check, path, key, NULL));
  g_assert_null (gonio_backend_check_load (path, key));
  /* Another driver, another precision. */
  g_setenv ("FAKE_DRIVER", "Driver 2", TRUE);
  expect_taken ("card", "card");
  g_assert_cmpuint (count_starts (), ==, 1);
  g_unsetenv ("FAKE_DRIVER");
  g_autofree char *half = gonio_backend_check_key (&card, &info, GONIO_PRECISION_FP16);
  g_assert_cmpstr (key, !=, half);
}

static void
test_wrong (void)
{
  start ("wrong");
  expect_left_out (NULL, "spare,host,reference", "'softmax: last axis'");
  g_assert_cmpuint (count_starts (), ==, 2);
  expect_left_out ("card,host", "host", "'softmax: last axis'");
  expect_left_out ("host,card", "host", "'softmax: last axis'");
  expect_refused ("card", GONIO_BACKEND_ERROR_UNAVAILABLE, "'softmax: last axis'");
  g_assert_cmpuint (count_starts (), ==, 0);
  g_setenv (GONIO_SELF_TEST_VARIABLE, "off", TRUE);
  expect_taken ("card", "card");
  expect_left_out (NULL, "spare,host,reference", "'softmax: last axis'");
  g_unsetenv (GONIO_SELF_TEST_VARIABLE);
}

static void
test_crash (void)
{
  start ("crash");
  expect_left_out (NULL, "spare,host,reference", "crashed during the self-test");
  expect_left_out (NULL, "spare,host,reference", "in the kernel 'pool: max'");
  gonio_backend_check_forget ();
  expect_left_out (NULL, "spare,host,reference", "in the kernel 'pool: max'");
  g_assert_cmpuint (count_starts (), ==, 2);
}

static void
test_hang (void)
{
  g_auto (GonioBackendInfo) info = {0};
  start ("hang");
  g_assert_true (card_probe (&info, NULL));
  g_setenv ("GONIO_SELF_TEST_SECONDS", "1", TRUE);
  expect_left_out ("card,host", "host", "did not finish the self-test in 1 s");
  g_unsetenv ("GONIO_SELF_TEST_SECONDS");
  g_setenv ("FAKE_CARD", "good", TRUE); /* as if mended: only a fresh test finds out */
  gonio_backend_check_forget ();
  expect_left_out ("card,host", "host", "did not finish");
  g_assert_cmpuint (count_starts (), ==, 1);
  g_autoptr (GonioBackendCheck) fresh =
      gonio_backend_check (&card, &info, GONIO_PRECISION_FP32, TRUE, NULL, NULL);
  g_assert_cmpint (fresh->outcome, ==, GONIO_CHECK_PASSED);
  g_assert_false (fresh->kept);
  expect_taken ("card,host", "card,host");
  g_assert_cmpuint (count_starts (), ==, 1);
}

static gpointer
cancel_when_started (gpointer data)
{
  GStatBuf log;
  while (g_stat (log_path, &log) != 0 || log.st_size == 0)
    g_usleep (2000);
  g_cancellable_cancel (data);
  return NULL;
}

static void
expect_cancelled (GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) choices = NULL;
  g_assert_null (
      gonio_backend_choice_make (all, NULL, GONIO_PRECISION_FP32, &choices, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (choices);
}

/* Nobody waits for the end of a test, and what was not finished is not held against the card. */
static void
test_cancelled (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  start ("hang");
  g_setenv ("GONIO_SELF_TEST_SECONDS", "3000", TRUE);
  GThread *thread = g_thread_new ("cancel", cancel_when_started, cancellable);
  expect_cancelled (cancellable);
  g_thread_join (thread);
  g_unsetenv ("GONIO_SELF_TEST_SECONDS");
  expect_cancelled (cancellable);
  g_assert_cmpuint (count_starts (), ==, 1);
  g_setenv ("FAKE_CARD", "good", TRUE);
  expect_taken (NULL, "card,host,reference");
  g_assert_cmpuint (count_starts (), ==, 1);
}

static void
test_slow (void)
{
  start ("slow");
  expect_left_out (NULL, "host,reference", "slower than the processor");
  expect_taken ("card,host", "card,host");
}

static void
test_absent (void)
{
  start ("absent");
  expect_left_out (NULL, "host,reference", "not available: no card");
  expect_refused ("card,host", GONIO_BACKEND_ERROR_UNAVAILABLE, "backend 'card': no card");
  g_assert_cmpuint (count_starts (), ==, 0);
}

/* In a process of its own, as a program that is started does. Returns the signal that ended it. */
static int
choose_elsewhere (void)
{
  const char *argv[] = {"/proc/self/exe", "--choose", NULL};
  g_autoptr (GError) error = NULL;
  int status;
  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status,
                &error);
  g_assert_no_error (error);
  return WIFSIGNALED (status) ? WTERMSIG (status) : 0;
}

/* A driver that ends whoever asks it what there is does so once. */
static void
test_deadly (void)
{
  start ("deadly");
  g_assert_cmpint (choose_elsewhere (), ==, SIGKILL);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (choose_elsewhere (), ==, 0);
  expect_left_out (NULL, "spare,host,reference", "crashed or hung when it was last started");
  expect_refused ("card,host", GONIO_BACKEND_ERROR_UNAVAILABLE,
                  "crashed or hung when it was last started");
  g_setenv ("FAKE_CARD", "mute", TRUE);
  g_setenv ("GONIO_SELF_TEST_SECONDS", "1", TRUE);
  expect_refused ("card,host", GONIO_BACKEND_ERROR_UNAVAILABLE, "no answer in 1 s");
  g_unsetenv ("GONIO_SELF_TEST_SECONDS");
  count_starts ();
  g_setenv ("FAKE_CARD", "good", TRUE); /* as if the driver had been mended */
  expect_taken ("card,host", "card,host");
  g_assert_cmpuint (count_starts (), ==, 2); /* to see whether it ends, and the self-test */
  gonio_backend_check_forget ();
  expect_taken ("card,host", "card,host");
  g_assert_cmpuint (count_starts (), ==, 0);
}

static gpointer
choose_in_thread (gpointer data)
{
  expect_taken (NULL, "card,host,reference");
  return NULL;
}

static void
test_threads (void)
{
  GThread *threads[3];
  start ("good");
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("choose", choose_in_thread, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (count_starts (), ==, 1);
}

/* The table is right: the reference runs all of it, and the processor's own backend agrees. */
static void
test_cases (void)
{
  const GonioBackendTrial trials[] = {
      {.def = &gonio_backend_reference, .host = &host, .oracle = &gonio_backend_reference},
      {.def = &gonio_backend_cpu, .host = &host, .oracle = &gonio_backend_reference},
  };
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint n;
  const GonioBackendCase *cases = gonio_backend_cases (&n);
  for (guint t = 0; t < G_N_ELEMENTS (trials); t++)
    for (guint i = 0; i < n; i++) {
      g_autofree char *text = NULL;
      GonioCaseState state = gonio_backend_case_run (&trials[t], &cases[i], &text);
      if (state == GONIO_CASE_FAILED || (t == 0 && state != GONIO_CASE_PASSED))
        g_error ("%s: %s: %s", cases[i].family, cases[i].name, text);
    }
  for (guint i = 0; i < n; i++)
    g_assert_true (
        g_hash_table_add (names, g_strdup_printf ("%s: %s", cases[i].family, cases[i].name)));
}

int
main (int argc, char **argv)
{
  int status;
  make_backends ();
  if (argc > 2 && g_str_equal (argv[1], "--gonio-self-test"))
    note_start (argv[2]);
  if (gonio_backend_check_main (all, argc, argv, &status))
    return status;
  if (argc > 1 && g_str_equal (argv[1], "--choose")) {
    g_free (gonio_backend_choice_make (all, NULL, GONIO_PRECISION_FP32, NULL, NULL, NULL));
    return 0;
  }
  folder = g_dir_make_tmp ("gonio-choice-XXXXXX", NULL);
  log_path = g_build_filename (folder, "starts", NULL);
  g_setenv ("XDG_CACHE_HOME", folder, TRUE);
  g_setenv ("FAKE_LOG", log_path, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_test_add_func ("/choice/order", test_order);
  g_test_add_func ("/choice/software", test_software);
  g_test_add_func ("/choice/kept", test_kept);
  g_test_add_func ("/choice/wrong", test_wrong);
  g_test_add_func ("/choice/crash", test_crash);
  g_test_add_func ("/choice/hang", test_hang);
  g_test_add_func ("/choice/cancelled", test_cancelled);
  g_test_add_func ("/choice/slow", test_slow);
  g_test_add_func ("/choice/absent", test_absent);
  g_test_add_func ("/choice/deadly", test_deadly);
  g_test_add_func ("/choice/threads", test_threads);
  g_test_add_func ("/choice/cases", test_cases);
  int result = g_test_run ();
  remove_kept ();
  static const char *const left[] = {"gonio/self-tests", "gonio", "starts", ""};
  for (guint i = 0; i < G_N_ELEMENTS (left); i++) {
    g_autofree char *path = g_build_filename (folder, left[i], NULL);
    g_remove (path);
  }
  return result;
}
