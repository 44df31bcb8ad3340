/* Running a self-test in a process of its own: the child's side and the parent's.
 *
 * The child writes a line for all that it begins and for all that it knows, so that the parent can
 * name the kernel in which it stopped:
 *   begin FAMILY NAME | result FAMILY NAME STATE TEXT | speed DEVICE_MS HOST_MS | end
 * with tabs between the words. Its arguments are the backend and the precision, or the backend and
 * ONLY_START: then it asks the driver what there is, and no more. */
#include "app/backend-check.h"

#include "core/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTION          "--gonio-self-test"
#define ONLY_START      "only-start"
#define DEFAULT_SECONDS 60
#define START_SECONDS   5 /* of each start, where a driver hangs */
#define MAX_SECONDS     3600
#define MAX_OUTPUT      (1 << 20)
#define KILL_US         (2 * G_USEC_PER_SEC) /* for a process that the kernel does not let go */
#define SPEED_FAMILY    "network"
#define SPEED_NAME      "convolutions, fused"

static gboolean may_start; /* main asked for its arguments */

static int
limit_seconds (void)
{
  const char *text = g_getenv ("GONIO_SELF_TEST_SECONDS");
  guint64 seconds;
  return text && g_ascii_string_to_unsigned (text, 10, 1, MAX_SECONDS, &seconds, NULL)
             ? (int)seconds
             : DEFAULT_SECONDS;
}

/* ---- the child ---- */

/* One line at a time, and at once: the next step may be the last. */
static void G_GNUC_PRINTF (2, 3) say (int fd, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_strdelimit (text, "\r\n", ' ');
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  for (gsize done = 0, size = strlen (line); done < size;) {
    gssize n = write (fd, line + done, size - done);
    if (n < 0 && errno != EINTR)
      return; /* nobody listens any more */
    done += n > 0 ? (gsize)n : 0;
  }
}

static void
say_result (int fd, const char *family, const char *name, GonioCaseState state, char *text)
{
  if (text)
    g_strdelimit (text, "\t", ' ');
  say (fd, "result\t%s\t%s\t%d\t%.1000s", family, name, (int)state, text ? text : "");
}

static void
run_all (int fd, const GonioBackendTrial *trial)
{
  guint n;
  const GonioBackendCase *cases = gonio_backend_cases (&n);
  for (guint i = 0; i < n; i++) {
    g_autofree char *text = NULL;
    say (fd, "begin\t%s\t%s", cases[i].family, cases[i].name);
    GonioCaseState state = gonio_backend_case_run (trial, &cases[i], &text);
    say_result (fd, cases[i].family, cases[i].name, state, text);
  }
  g_autofree char *text = NULL;
  double device_ms, host_ms;
  char number[2][G_ASCII_DTOSTR_BUF_SIZE];
  say (fd, "begin\t" SPEED_FAMILY "\t" SPEED_NAME);
  GonioCaseState state = gonio_backend_speed_run (trial, &device_ms, &host_ms, &text);
  say_result (fd, SPEED_FAMILY, SPEED_NAME, state, text);
  say (fd, "speed\t%s\t%s", g_ascii_dtostr (number[0], sizeof number[0], device_ms),
       g_ascii_dtostr (number[1], sizeof number[1], host_ms));
  say (fd, "end");
}

/* As choosing does. */
static void
only_start (int fd, const GonioBackendDef *def)
{
  g_auto (GonioBackendInfo) info = {0};
  if (def->discouraged)
    def->discouraged ();
  if (def->probe)
    def->probe (&info, NULL); /* what is missing, the parent finds out itself */
  say (fd, "end");
}

gboolean
gonio_backend_check_main (const GonioBackendDef *const *all, int argc, char **argv, int *out_status)
{
  GonioBackendTrial trial = {0};
  g_auto (GonioBackendInfo) info = {0};
  may_start = TRUE;
  if (argc != 4 || !g_str_equal (argv[1], OPTION))
    return FALSE;
  for (guint i = 0; all[i]; i++) {
    if (g_str_equal (all[i]->name, argv[2]))
      trial.def = all[i];
    if (!all[i]->self_test && !trial.host)
      trial.host = all[i];
    trial.oracle = all[i];
  }
  *out_status = 2;
  gboolean short_one = g_str_equal (argv[3], ONLY_START);
  if (!trial.def || !trial.host ||
      (!short_one && !gonio_precision_parse (argv[3], &trial.precision)))
    return TRUE;
  /* What the driver prints goes elsewhere; a crash leaves no core file; and should the parent go,
   * nothing stays behind. */
  int fd = dup (STDOUT_FILENO);
  dup2 (STDERR_FILENO, STDOUT_FILENO);
  setrlimit (RLIMIT_CORE, &(struct rlimit){0, 0});
  signal (SIGPIPE, SIG_IGN);
  alarm ((unsigned)limit_seconds () + 10);
  may_start = FALSE;
  if (short_one) {
    only_start (fd, trial.def);
    *out_status = 0;
    return TRUE;
  }
  if (trial.def->probe && !trial.def->probe (&info, NULL))
    return TRUE;
  trial.half = info.half || trial.precision == GONIO_PRECISION_FP16;
  run_all (fd, &trial);
  close (fd);
  *out_status = 0;
  return TRUE;
}

/* ---- the parent ---- */

/* A process that has ended, or was ended. */
typedef struct {
  char **lines;
  gboolean in_time;
  int status;
} Child;

static void
child_clear (Child *child)
{
  g_strfreev (child->lines);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Child, child_clear)

typedef struct {
  GonioBackendCheck *check;
  char *family, *name; /* begun and not ended; nullable */
  gboolean ended;
} Reading;

static void
read_line (Reading *reading, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, "\t", 5);
  guint n = g_strv_length (words);
  if (n == 3 && g_str_equal (words[0], "begin")) {
    g_free (reading->family);
    g_free (reading->name);
    reading->family = g_strdup (words[1]);
    reading->name = g_strdup (words[2]);
  } else if (n == 5 && g_str_equal (words[0], "result")) {
    gint64 state = g_ascii_strtoll (words[3], NULL, 10);
    gonio_backend_check_add (
        reading->check, words[1], words[2],
        (GonioCaseState)CLAMP (state, GONIO_CASE_PASSED, GONIO_CASE_NOT_CLAIMED),
        *words[4] ? words[4] : NULL);
    g_clear_pointer (&reading->family, g_free);
    g_clear_pointer (&reading->name, g_free);
  } else if (n == 3 && g_str_equal (words[0], "speed")) {
    reading->check->device_ms = g_ascii_strtod (words[1], NULL);
    reading->check->host_ms = g_ascii_strtod (words[2], NULL);
  } else if (n == 1 && g_str_equal (words[0], "end")) {
    reading->ended = TRUE;
  }
}

/* FALSE: the time was over first, or nobody waits any more. */
static gboolean
read_all (int fd, gint64 deadline, GCancellable *cancellable, GString *text)
{
  GPollFD wait[2] = {{.fd = fd, .events = G_IO_IN}};
  gboolean cancels = g_cancellable_make_pollfd (cancellable, &wait[1]);
  gboolean ended = FALSE;
  while (!ended) {
    gint64 left = deadline - g_get_monotonic_time ();
    char buffer[4096];
    if (left <= 0 || g_cancellable_is_cancelled (cancellable))
      break;
    wait[0].revents = 0;
    int ready = g_poll (wait, cancels ? 2 : 1, (int)(left / 1000 + 1));
    if (ready < 0 && errno != EINTR)
      ended = TRUE;
    if (ready <= 0 || wait[0].revents == 0)
      continue;
    gssize n = read (fd, buffer, sizeof buffer);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
      ended = TRUE;
    if (n > 0 && text->len < MAX_OUTPUT)
      g_string_append_len (text, buffer, n);
  }
  if (cancels)
    g_cancellable_release_fd (cancellable);
  return ended;
}

/* FALSE: it has not ended. */
static gboolean
wait_until (GPid pid, gint64 deadline, GCancellable *cancellable, int *out_status)
{
  for (;;) {
    pid_t got = waitpid (pid, out_status, WNOHANG);
    if (got == pid || (got < 0 && errno != EINTR))
      return TRUE;
    if (g_get_monotonic_time () >= deadline || g_cancellable_is_cancelled (cancellable))
      return FALSE;
    g_usleep (2000);
  }
}

static char *
where (const Reading *reading)
{
  return reading->family
             ? g_strdup_printf ("in the kernel '%s: %s'", reading->family, reading->name)
         : reading->ended ? g_strdup ("when it ended")
                          : g_strdup ("before its first kernel");
}

static gboolean
ended_well (const Child *child)
{
  return child->in_time && WIFEXITED (child->status) && WEXITSTATUS (child->status) == 0;
}

static char *
how_ended (const Child *child)
{
  return WIFSIGNALED (child->status) ? g_strdup (g_strsignal (WTERMSIG (child->status)))
                                     : g_strdup_printf ("status %d", WEXITSTATUS (child->status));
}

static void
set_outcome (Reading *reading, const Child *child, int seconds)
{
  GonioBackendCheck *check = reading->check;
  g_autofree char *place = where (reading);
  guint failed = gonio_backend_check_count (check, GONIO_CASE_FAILED);
  if (!child->in_time) {
    check->outcome = GONIO_CHECK_LATE;
    check->reason = g_strdup_printf ("the driver did not finish the self-test in %d s: stopped %s",
                                     seconds, place);
  } else if (!ended_well (child) || !reading->ended) {
    g_autofree char *how = how_ended (child);
    check->outcome = GONIO_CHECK_CRASHED;
    check->reason =
        g_strdup_printf ("the driver crashed during the self-test, %s (%s)", place, how);
  } else if (failed > 0) {
    const GonioCheckRow *row = NULL;
    for (guint i = 0; !row || row->state != GONIO_CASE_FAILED; i++)
      row = check->rows->pdata[i];
    check->outcome = GONIO_CHECK_FAILED;
    check->reason = g_strdup_printf ("the self-test failed in %u of %u kernels, first in '%s: %s': "
                                     "%s",
                                     failed, check->rows->len, row->family, row->name,
                                     row->text ? row->text : "no reason given");
  } else if (gonio_backend_check_count (check, GONIO_CASE_PASSED) == 0) {
    check->outcome = GONIO_CHECK_FAILED;
    check->reason = g_strdup ("the backend claims none of the self-test's kernels");
  }
}

/* FALSE: not started, or cancelled. */
static gboolean
run_child (const GonioBackendDef *def, const char *what, int seconds, GCancellable *cancellable,
           Child *out_child, GError **error)
{
  char *argv[] = {(char *)"/proc/self/exe",
                  (char *)"gonio-self-test",
                  (char *)OPTION,
                  (char *)def->name,
                  (char *)what,
                  NULL};
  g_autoptr (GError) local = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  int fd = -1;
  gint64 deadline = g_get_monotonic_time () + (gint64)seconds * G_USEC_PER_SEC;
  GPid pid;
  if (!g_spawn_async_with_pipes (NULL, argv, NULL,
                                 G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_DO_NOT_REAP_CHILD |
                                     G_SPAWN_STDERR_TO_DEV_NULL,
                                 NULL, NULL, &pid, NULL, &fd, NULL, &local)) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
                 "the self-test of %s cannot be started: %s", def->name, local->message);
    return FALSE;
  }
  Child child = {0};
  child.in_time = read_all (fd, deadline, cancellable, text) &&
                  wait_until (pid, deadline, cancellable, &child.status);
  if (!child.in_time) {
    kill (pid, SIGKILL);
    wait_until (pid, g_get_monotonic_time () + KILL_US, NULL, &child.status);
  }
  close (fd);
  g_spawn_close_pid (pid);
  if (!child.in_time && g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  child.lines = g_strsplit (text->str, "\n", -1);
  *out_child = child;
  return TRUE;
}

static GonioBackendCheck *
run_self_test (const GonioBackendDef *def, GonioPrecision precision, GCancellable *cancellable,
               GError **error)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_auto (Child) child = {0};
  int seconds = limit_seconds ();
  if (!run_child (def, gonio_precision_name (precision), seconds, cancellable, &child, error))
    return NULL;
  Reading reading = {.check = gonio_backend_check_new ()};
  for (guint i = 0; child.lines[i]; i++)
    read_line (&reading, child.lines[i]);
  reading.check->date = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");
  set_outcome (&reading, &child, seconds);
  g_free (reading.family);
  g_free (reading.name);
  return reading.check;
}

gboolean
gonio_backend_check_start (const GonioBackendDef *def, GCancellable *cancellable, GError **error)
{
  g_auto (Child) child = {0};
  int seconds = MIN (limit_seconds (), START_SECONDS);
  if (!may_start)
    return TRUE;
  if (!run_child (def, ONLY_START, seconds, cancellable, &child, error))
    return FALSE;
  if (ended_well (&child))
    return TRUE;
  g_autofree char *how =
      child.in_time ? how_ended (&child) : g_strdup_printf ("no answer in %d s", seconds);
  g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNAVAILABLE,
               "the graphics driver crashed or hung when it was last started, and again now, in a "
               "process of its own (%s); another version of it may mend that",
               how);
  return FALSE;
}

/* ---- once ---- */

/* Another process may be at the same test: waits for it, but not for ever. -1: no lock. */
static int
lock_file (const char *path, GCancellable *cancellable)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *lock = g_strconcat (path, ".lock", NULL);
  g_mkdir_with_parents (folder, 0700);
  int fd = g_open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  gint64 deadline = g_get_monotonic_time () + (gint64)(limit_seconds () + 5) * G_USEC_PER_SEC;
  while (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) != 0 && g_get_monotonic_time () < deadline &&
         !g_cancellable_is_cancelled (cancellable))
    g_usleep (20000);
  return fd;
}

static GMutex run_lock;
static GHashTable *results; /* of this process: key -> GonioBackendCheck; guarded by run_lock */

static GonioBackendCheck *
copy_check (const GonioBackendCheck *check)
{
  GonioBackendCheck *copy = gonio_backend_check_new ();
  for (guint i = 0; i < check->rows->len; i++) {
    const GonioCheckRow *row = check->rows->pdata[i];
    gonio_backend_check_add (copy, row->family, row->name, row->state, row->text);
  }
  copy->outcome = check->outcome;
  copy->reason = g_strdup (check->reason);
  copy->date = g_strdup (check->date);
  copy->kept = check->kept;
  copy->device_ms = check->device_ms;
  copy->host_ms = check->host_ms;
  return copy;
}

static void
free_check (gpointer data)
{
  gonio_backend_check_free (data);
}

/* Also where the cache folder cannot be written, a process asks once. */
static void
remember (const char *key, const GonioBackendCheck *check)
{
  GonioBackendCheck *copy = copy_check (check);
  if (!results)
    results = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_check);
  copy->kept = TRUE;
  g_hash_table_replace (results, g_strdup (key), copy);
}

void
gonio_backend_check_forget (void)
{
  g_mutex_lock (&run_lock);
  g_clear_pointer (&results, g_hash_table_unref);
  g_mutex_unlock (&run_lock);
}

static GonioBackendCheck *
find_kept (const char *path, const char *key)
{
  const GonioBackendCheck *known = results ? g_hash_table_lookup (results, key) : NULL;
  return known ? copy_check (known) : gonio_backend_check_load (path, key);
}

static GonioBackendCheck *
run_once (const GonioBackendDef *def, GonioPrecision precision, const char *path, const char *key,
          gboolean fresh, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local = NULL;
  int lock = lock_file (path, cancellable);
  GonioBackendCheck *check = fresh ? NULL : gonio_backend_check_load (path, key);
  if (!check && !g_cancellable_set_error_if_cancelled (cancellable, error)) {
    g_message ("testing %s on this machine, once; it takes at most %d s", def->name,
               limit_seconds ());
    check = run_self_test (def, precision, cancellable, error);
    if (check && !gonio_backend_check_save (check, path, key, &local))
      g_info ("the self-test's outcome cannot be kept: %s", local->message);
  }
  if (lock >= 0)
    close (lock);
  if (check)
    remember (key, check);
  return check;
}

GonioBackendCheck *
gonio_backend_check (const GonioBackendDef *def, const GonioBackendInfo *info,
                     GonioPrecision precision, gboolean fresh, GCancellable *cancellable,
                     GError **error)
{
  g_autofree char *key = gonio_backend_check_key (def, info, precision);
  g_autofree char *path = gonio_backend_check_path (def, key);
  g_mutex_lock (&run_lock);
  GonioBackendCheck *check = fresh ? NULL : find_kept (path, key);
  if (!check && !may_start)
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
                 "no self-test of %s is kept, and this program cannot run one", def->name);
  else if (!check)
    check = run_once (def, precision, path, key, fresh, cancellable, error);
  g_mutex_unlock (&run_lock);
  return check;
}
