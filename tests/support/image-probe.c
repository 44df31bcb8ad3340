/* Children that load one image file each, watched by the parent. Depends on core/imaging. */
#include "tests/support/image-probe.h"

#include "core/base/error.h"
#include "core/imaging/image.h"
#include "core/imaging/transform.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define EXIT_UNCLEAR 41
#define MAX_MESSAGE  600

const char *
gonio_probe_outcome_name (GonioProbeOutcome outcome)
{
  static const char *const names[] = {"image", "error", "UNCLEAR", "CRASH", "TIMEOUT", "MEMORY"};

  return names[outcome];
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
list_into (const char *path, GPtrArray *out)
{
  g_autoptr (GDir) dir =
      g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name = NULL;

  if (!dir) {
    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      g_ptr_array_add (out, g_strdup (path));
    return;
  }
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    list_into (child, out);
  }
}

GPtrArray *
gonio_probe_list (const char *path)
{
  GPtrArray *out = g_ptr_array_new_with_free_func (g_free);

  list_into (path, out);
  g_ptr_array_sort (out, compare_names);
  return out;
}

/* ---- child ---- */

static void
say (int fd, const char *text)
{
  size_t left = strlen (text);

  while (left > 0) {
    ssize_t n = write (fd, text, left);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return;
    text += n;
    left -= (size_t)n;
  }
}

/* What is wrong with a message, or NULL: it must be one line of UTF-8 that starts with the
 * file's name and ends in advice. */
static const char *
message_fault (const GError *error, const char *path)
{
  g_autofree char *name = g_filename_display_basename (path);

  if (error->domain != GONIO_IMAGE_ERROR)
    return "error of a foreign domain";
  if (!g_utf8_validate (error->message, -1, NULL))
    return "message is not UTF-8";
  if (strchr (error->message, '\n') || strlen (error->message) > MAX_MESSAGE)
    return "message is not one line";
  if (!g_str_has_prefix (error->message, name))
    return "message does not name the file";
  if (strlen (error->message) < strlen (name) + 20)
    return "message says nothing";
  return NULL;
}

/* Uses the picture as the program does. */
static void
exercise (GonioImage *image)
{
  GonioWindow window = gonio_image_auto_window (image);
  g_autofree uint8_t *grey = gonio_image_render_grey8 (image, NULL);
  g_autoptr (GonioImage) thumbnail = gonio_image_thumbnail (image, 128);
  g_autoptr (GonioTransform) identity = gonio_transform_new_identity ();
  g_autofree float *samples = g_new (float, 64 * 64);

  g_assert_true (gonio_image_sample_float (image, &window, identity, 64, 64, 0, samples, NULL));
  g_assert_nonnull (grey);
  g_assert_cmpuint (gonio_image_width (thumbnail), >=, 1);
}

static void
child (const char *path, const GonioProbeLimits *limits, int fd)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioImage) image = NULL;
  g_autofree char *line = NULL;
  struct rlimit no_core = {0, 0};

  setrlimit (RLIMIT_CORE, &no_core);
  if (!SANITIZED) {
    struct rlimit memory = {(rlim_t)limits->memory_mb << 20, (rlim_t)limits->memory_mb << 20};

    setrlimit (RLIMIT_AS, &memory);
  }
  image = gonio_image_load (path, 0, NULL, NULL, &error);
  if (image) {
    const GonioImageInfo *info = gonio_image_info (image);

    if (error)
      _exit (EXIT_UNCLEAR);
    exercise (image);
    line = g_strdup_printf (
        "%s %ux%u %s frames %u%s%s", info->format, gonio_image_width (image),
        gonio_image_height (image), gonio_image_grey16 (image) ? "grey" : "colour", info->frames,
        info->patient_name ? " " : "", info->patient_name ? info->patient_name : "");
    say (fd, line);
    return;
  }
  if (!error || message_fault (error, path)) {
    line = g_strdup_printf ("%s: %s", error ? message_fault (error, path) : "no error set",
                            error ? error->message : "");
    say (fd, line);
    _exit (EXIT_UNCLEAR);
  }
  line = g_strdup_printf ("[%d] %s", error->code, error->message);
  say (fd, line);
}

/* ---- parent ---- */

typedef struct {
  pid_t pid;
  int fd;
  const char *path;
  gint64 start;
  gboolean killed;
  GString *text;
} Job;

static void
job_start (Job *job, const char *path, const GonioProbeLimits *limits)
{
  int fds[2] = {-1, -1};

  if (pipe (fds) != 0)
    g_error ("pipe: %s", g_strerror (errno));
  job->path = path;
  job->start = g_get_monotonic_time ();
  job->killed = FALSE;
  job->text = g_string_new (NULL);
  fflush (NULL); /* or the child would say it again */
  job->pid = fork ();
  if (job->pid < 0)
    g_error ("fork: %s", g_strerror (errno));
  if (job->pid == 0) {
    close (fds[0]);
    child (path, limits, fds[1]);
    close (fds[1]);
    _exit (0); /* leaks are looked for where fuzz-image replays the files in one process */
  }
  close (fds[1]);
  job->fd = fds[0];
}

static void
job_finish (Job *job, const GonioProbeLimits *limits, GonioProbeReport report, gpointer data)
{
  int status = 0;
  struct rusage usage = {0};
  GonioProbeResult result = {.path = job->path, .text = job->text->str};
  gboolean is_error = job->text->str[0] == '[';

  while (wait4 (job->pid, &status, 0, &usage) < 0 && errno == EINTR)
    ;
  result.seconds = (double)(g_get_monotonic_time () - job->start) / G_USEC_PER_SEC;
  result.peak_mb = (guint)(usage.ru_maxrss / 1024);
  if (job->killed)
    result.outcome = GONIO_PROBE_TIMEOUT;
  else if (WIFEXITED (status) && WEXITSTATUS (status) == EXIT_UNCLEAR)
    result.outcome = GONIO_PROBE_UNCLEAR;
  else if (!WIFEXITED (status) || WEXITSTATUS (status) != 0 || job->text->len == 0)
    result.outcome = GONIO_PROBE_CRASH;
  else if (result.peak_mb > limits->memory_mb)
    result.outcome = GONIO_PROBE_MEMORY;
  else
    result.outcome = is_error ? GONIO_PROBE_ERROR : GONIO_PROBE_IMAGE;
  report (&result, data);
  close (job->fd);
  g_string_free (job->text, TRUE);
  job->text = NULL;
  job->pid = 0;
}

/* Reads what the child says. FALSE when it has closed its end. */
static gboolean
job_read (Job *job)
{
  char buffer[4096];
  ssize_t n = read (job->fd, buffer, sizeof buffer);

  if (n > 0)
    g_string_append_len (job->text, buffer, n);
  return n > 0 || (n < 0 && errno == EINTR);
}

/* Waits for any child to say something; ends those that are done or late. */
static void
jobs_poll (Job *jobs, guint n, const GonioProbeLimits *limits, GonioProbeReport report,
           gpointer data)
{
  g_autofree struct pollfd *fds = g_new0 (struct pollfd, n);

  for (guint i = 0; i < n; i++) {
    fds[i].fd = jobs[i].pid > 0 ? jobs[i].fd : -1;
    fds[i].events = POLLIN;
  }
  poll (fds, n, 200);
  for (guint i = 0; i < n; i++) {
    Job *job = &jobs[i];

    if (job->pid <= 0)
      continue;
    if (fds[i].revents && !job_read (job)) {
      job_finish (job, limits, report, data);
    } else if (!job->killed &&
               g_get_monotonic_time () - job->start > (gint64)limits->seconds * G_USEC_PER_SEC) {
      job->killed = TRUE;
      kill (job->pid, SIGKILL);
    }
  }
}

/* Starts what is global in the libraries once, so that children inherit it. */
static void
warm_up (void)
{
  static const char meta[] = "\002\000\020\000UI\024\000"
                             "1.2.840.10008.1.2.1\000";
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;
  guint8 preamble[132] = {0};

  memcpy (preamble + 128, "DICM", 4);
  g_byte_array_append (file, preamble, sizeof preamble);
  g_byte_array_append (file, (const guint8 *)meta, sizeof meta - 1);
  bytes = g_bytes_new (file->data, file->len);
  for (const GonioImageFormat *f = gonio_image_formats (); f->name; f++) {
    g_autoptr (GonioImage) image = f->load (bytes, 0, NULL, NULL, NULL);

    g_assert_null (image);
  }
}

void
gonio_probe_run (GPtrArray *paths, const GonioProbeLimits *limits, GonioProbeReport report,
                 gpointer data)
{
  g_autofree Job *jobs = g_new0 (Job, limits->jobs);
  guint next = 0, running = 0;

  g_setenv ("GIO_USE_VFS", "local", TRUE); /* no helper threads or buses in the children */
  g_vfs_get_default ();
  warm_up ();
  do {
    running = 0;
    for (guint i = 0; i < limits->jobs; i++) {
      if (jobs[i].pid <= 0 && next < paths->len)
        job_start (&jobs[i], g_ptr_array_index (paths, next++), limits);
      if (jobs[i].pid > 0)
        running++;
    }
    if (running > 0)
      jobs_poll (jobs, limits->jobs, limits, report, data);
  } while (running > 0);
}
