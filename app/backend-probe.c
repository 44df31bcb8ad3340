#include "app/backend-probe.h"

#include "core/base/error.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NO_WATCH  -1
#define MOST_NAME 64

/* One for all backends, since they may share a driver. Locked while a driver is asked, and not
 * empty: it holds the backend's name. NO_WATCH where there is no such file, or another process is
 * asking just now. */
static GonioDriverWatch
open_note (void)
{
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "gonio", "self-tests", NULL);
  g_autofree char *path = g_build_filename (folder, "asking-driver", NULL);
  g_mkdir_with_parents (folder, 0700);
  int fd = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  if (fd >= 0)
    close (fd);
  return NO_WATCH;
}

gboolean
gonio_driver_watch_begin (const GonioBackendDef *def, GCancellable *cancellable,
                          GonioDriverWatch *out_watch, GError **error)
{
  char left[MOST_NAME] = {0};
  *out_watch = NO_WATCH;
  if (!def->self_test)
    return TRUE;
  int note = open_note ();
  if (note == NO_WATCH)
    return TRUE;
  gboolean ended_one = pread (note, left, sizeof left - 1, 0) > 0;
  if (ended_one && !gonio_backend_check_start (def, cancellable, error)) {
    close (note);
    return FALSE;
  }
  /* that of another backend stays until that is well again */
  if (ended_one && !g_str_equal (left, def->name)) {
    close (note);
    return TRUE;
  }
  if (pwrite (note, def->name, strlen (def->name), 0) < 0)
    g_info ("the note that a driver is being asked cannot be written");
  *out_watch = note;
  return TRUE;
}

void
gonio_driver_watch_end (GonioDriverWatch watch)
{
  if (watch == NO_WATCH)
    return;
  if (ftruncate (watch, 0) != 0)
    g_info ("the note that a driver is being asked cannot be emptied");
  close (watch);
}

gboolean
gonio_backend_probe (const GonioBackendDef *def, GonioBackendInfo *out_info,
                     GCancellable *cancellable, GError **error)
{
  GonioDriverWatch watch;
  if (!gonio_driver_watch_begin (def, cancellable, &watch, error))
    return FALSE;
  gboolean good = def->probe == NULL || def->probe (out_info, error);
  gonio_driver_watch_end (watch);
  return good;
}
