/* gonio-cli model test: ONNX backend tests, each in a process of its own, so that one that
 * crashes or hangs is a failure and not the end. The parent opens no session, asks no backend
 * whether it is there (a graphics driver would not outlive that) and has no threads, so forking is
 * safe. */
#include "app/cli/cli.h"
#include "app/cli/test-case.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_REASON 4096

typedef struct {
  const char *dir;
  GonioVerdict verdict;
  GString *reason; /* what the worker wrote: verdict digit, then text */
  pid_t pid;       /* 0 when not running */
  int pipe;
  gint64 deadline; /* monotonic, us */
  gboolean done;
} Job;

typedef struct {
  const GonioCliSession *args;
  GonioTolerances tolerances;
  gint64 timeout_us;
  Job *jobs;
  guint n_jobs, next, running, printed;
  guint counts[3];
} Pool;

static const char *const verdict_names[] = {"PASS", "FAIL", "SKIP"};

static void
write_all (int fd, const char *text, size_t size)
{
  while (size > 0) {
    ssize_t written = write (fd, text, size);
    if (written < 0 && errno != EINTR)
      return;
    text += MAX (written, 0);
    size -= (size_t)MAX (written, 0);
  }
}

/* In the worker; never returns. exit() rather than _exit(), so that leak checks run. */
static void
work (const Pool *pool, const Job *job, int fd)
{
  g_autofree char *reason = NULL;
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options;
  g_autofree const GonioBackendDef **backends = NULL;
  GonioVerdict verdict = GONIO_VERDICT_FAIL;
  if (gonio_cli_session_options (pool->args, &options, &backends, &error)) {
    options.keep_islands = TRUE; /* tests are of one node, which is to run where it was asked to */
    verdict = gonio_test_case_run (job->dir, &options, &pool->tolerances, &reason);
  } else {
    reason = g_strdup (error->message);
  }
  char digit = (char)('0' + verdict);
  write_all (fd, &digit, 1);
  write_all (fd, reason, MIN (strlen (reason), MAX_REASON));
  g_clear_pointer (&reason, g_free);
  g_clear_pointer (&backends, g_free);
  g_clear_error (&error);
  close (fd);
  exit (0);
}

static gboolean
start_job (Pool *pool, Job *job, GError **error)
{
  int fds[2];
  fflush (stdout);
  pid_t pid = -1;
  if (pipe (fds) == 0) {
    pid = fork ();
    if (pid < 0) {
      close (fds[0]);
      close (fds[1]);
    }
  }
  if (pid < 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                 "cannot start a worker process: %s", g_strerror (errno));
    return FALSE;
  }
  if (pid == 0) {
    close (fds[0]);
    work (pool, job, fds[1]);
  }
  close (fds[1]);
  job->pid = pid;
  job->pipe = fds[0];
  job->reason = g_string_new (NULL);
  job->deadline = g_get_monotonic_time () + pool->timeout_us;
  pool->running++;
  return TRUE;
}

/* The worker's end is reached: by its own doing or because it was killed for being late. */
static void
finish_job (Pool *pool, Job *job, gboolean late)
{
  int status = 0;
  if (late)
    kill (job->pid, SIGKILL);
  while (waitpid (job->pid, &status, 0) < 0 && errno == EINTR)
    ;
  close (job->pipe);
  job->verdict = GONIO_VERDICT_FAIL;
  if (late)
    g_string_printf (job->reason, "no result after %.0f s", (double)pool->timeout_us / 1e6);
  else if (WIFSIGNALED (status))
    g_string_printf (job->reason, "crashed: %s", g_strsignal (WTERMSIG (status)));
  else if (WEXITSTATUS (status) != 0 || job->reason->len == 0)
    g_string_printf (job->reason, "worker ended with status %d", WEXITSTATUS (status));
  else {
    job->verdict = (GonioVerdict)CLAMP (job->reason->str[0] - '0', 0, 2);
    g_string_erase (job->reason, 0, 1);
  }
  g_strdelimit (job->reason->str, "\n\r", ' ');
  job->pid = 0;
  job->done = TRUE;
  pool->running--;
}

static void
read_job (Pool *pool, Job *job)
{
  char buffer[1024];
  ssize_t got = read (job->pipe, buffer, sizeof buffer);
  if (got > 0)
    g_string_append_len (job->reason, buffer, got);
  else if (got == 0 || (errno != EINTR && errno != EAGAIN))
    finish_job (pool, job, FALSE);
}

/* Waits until a running job has something to say or is late. */
static void
wait_jobs (Pool *pool)
{
  g_autoptr (GArray) polls = g_array_new (FALSE, TRUE, sizeof (struct pollfd));
  g_autoptr (GPtrArray) jobs = g_ptr_array_new ();
  gint64 now = g_get_monotonic_time (), wait = pool->timeout_us;
  for (guint i = pool->printed; i < pool->next; i++) {
    Job *job = &pool->jobs[i];
    if (job->pid == 0)
      continue;
    struct pollfd row = {.fd = job->pipe, .events = POLLIN};
    g_array_append_val (polls, row);
    g_ptr_array_add (jobs, job);
    wait = MIN (wait, MAX (job->deadline - now, 0));
  }
  int ready = poll ((struct pollfd *)polls->data, polls->len, (int)(wait / 1000 + 1));
  now = g_get_monotonic_time ();
  for (guint i = 0; i < jobs->len; i++) {
    Job *job = g_ptr_array_index (jobs, i);
    if (ready > 0 && g_array_index (polls, struct pollfd, i).revents != 0)
      read_job (pool, job);
    if (job->pid != 0 && now >= job->deadline)
      finish_job (pool, job, TRUE);
  }
}

/* In order, whatever order they ended in. */
static void
print_done (Pool *pool)
{
  while (pool->printed < pool->next && pool->jobs[pool->printed].done) {
    Job *job = &pool->jobs[pool->printed++];
    g_autofree char *name = g_path_get_basename (job->dir);
    gonio_cli_print ("%s %s%s%s\n", verdict_names[job->verdict], name,
                     job->reason->len > 0 ? " " : "", job->reason->str);
    pool->counts[job->verdict]++;
    g_string_free (job->reason, TRUE);
  }
}

static gboolean
run_pool (Pool *pool, guint parallel, GError **error)
{
  while (pool->printed < pool->n_jobs) {
    while (pool->running < parallel && pool->next < pool->n_jobs) {
      if (!start_job (pool, &pool->jobs[pool->next], error))
        return FALSE;
      pool->next++;
    }
    wait_jobs (pool);
    print_done (pool);
  }
  gonio_cli_print ("%u passed, %u failed, %u skipped\n", pool->counts[GONIO_VERDICT_PASS],
                   pool->counts[GONIO_VERDICT_FAIL], pool->counts[GONIO_VERDICT_SKIP]);
  return TRUE;
}

static GonioExit
run_tests (char **dirs, const GonioCliSession *args, const GonioTolerances *tolerances, int timeout,
           guint parallel)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) tests = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; dirs[i] != NULL; i++)
    if (!gonio_test_case_find (dirs[i], tests, &error))
      return gonio_cli_fail (error);
  g_autofree Job *jobs = g_new0 (Job, MAX (tests->len, 1));
  for (guint i = 0; i < tests->len; i++)
    jobs[i].dir = g_ptr_array_index (tests, i);
  Pool pool = {.args = args,
               .tolerances = *tolerances,
               .timeout_us = (gint64)timeout * G_USEC_PER_SEC,
               .jobs = jobs,
               .n_jobs = tests->len};
  if (!run_pool (&pool, parallel, &error))
    return gonio_cli_fail (error);
  return pool.counts[GONIO_VERDICT_FAIL] > 0 ? GONIO_EXIT_INPUT : GONIO_EXIT_DONE;
}

/* "cpu,reference" */
static char *
list_names (const GonioBackendDef *const *backends)
{
  GString *names = g_string_new (NULL);
  for (guint i = 0; backends[i] != NULL; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? "," : "", backends[i]->name);
  return g_string_free (names, FALSE);
}

/* Are the session's options right? Its own process asks the backends, and answers with the list
 * that the tests' processes then need not choose again. */
static GonioExit
check_options (GonioCliSession *args)
{
  int status = 0, ends[2];
  char names[256];
  g_autoptr (GError) pipe_error = NULL;
  if (!g_unix_open_pipe (ends, FD_CLOEXEC, &pipe_error))
    return gonio_cli_fail (pipe_error);
  fflush (stdout);
  pid_t pid = fork ();
  if (pid == 0) {
    GonioSessionOptions options;
    const GonioBackendDef **backends = NULL;
    GError *error = NULL;
    gboolean good = gonio_cli_session_options (args, &options, &backends, &error);
    GonioExit code = good ? GONIO_EXIT_DONE : gonio_cli_fail (error);
    char *list = good ? list_names (backends) : g_strdup ("");
    if (write (ends[1], list, strlen (list)) < 0)
      code = GONIO_EXIT_INTERNAL;
    g_free (list);
    g_free (backends);
    g_clear_error (&error);
    exit (code);
  }
  close (ends[1]);
  ssize_t length = pid > 0 ? read (ends[0], names, sizeof names - 1) : 0;
  close (ends[0]);
  while (pid > 0 && waitpid (pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (length > 0) {
    g_free (args->backends);
    args->backends = g_strndup (names, (gsize)length);
  }
  return pid > 0 && WIFEXITED (status) ? (GonioExit)WEXITSTATUS (status) : GONIO_EXIT_DONE;
}

GonioExit
gonio_cli_model_test (const GonioCommand *command, int argc, char **argv)
{
  g_auto (GonioCliSession) args = {.threads = 1, .own_timeout = TRUE};
  GonioTolerances tolerances = {1e-3, 1e-7};
  int timeout = 60, parallel = (int)g_get_num_processors ();
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"rtol", 0, 0, G_OPTION_ARG_DOUBLE, &tolerances.rtol, "relative tolerance (1e-3)", "X"},
      {"atol", 0, 0, G_OPTION_ARG_DOUBLE, &tolerances.atol, "absolute tolerance (1e-7)", "X"},
      {"timeout", 0, 0, G_OPTION_ARG_INT, &timeout, "seconds one test may take (60)", "S"},
      {"jobs", 'j', 0, G_OPTION_ARG_INT, &parallel, "tests at the same time (processors)", "N"},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, &args, 1, -1, &argc, &argv, &code))
    return code;
  if (timeout < 1 || timeout > 86400 || parallel < 1 || parallel > 256)
    return gonio_cli_usage ("--timeout must lie in 1 to 86400 and --jobs in 1 to 256");
  code = check_options (&args);
  return code != GONIO_EXIT_DONE
             ? code
             : run_tests (argv + 1, &args, &tolerances, timeout, (guint)parallel);
}
