/* Reading files. Depends on source.h, base.
 *
 * Read, not mapped: touching a mapped file beyond an end that has moved ends the program, and what
 * is changed after it was checked is no longer what was checked. Another program may do both at any
 * time. The copy is anonymous memory by the page, so that what has been copied out of it can be
 * given back before the rest (gonio_onnx_source_drop()). */
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/onnx/source.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)64 << 20) /* less than the most that one call reads */

gboolean
gonio_onnx_read (int fd, const char *name, size_t offset, void *to, size_t size, GError **error)
{
  for (size_t done = 0; done < size;) {
    ssize_t n = pread (fd, (guint8 *)to + done, MIN (size - done, BLOCK), (off_t)(offset + done));

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO, "“%s” cannot be read: %s.", name,
                   g_strerror (errno));
    else if (n == 0)
      g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO,
                   "“%s” was cut short to %zu bytes while it was read; try again when it is "
                   "complete.",
                   name, offset + done);
    if (n <= 0)
      return FALSE;
    done += (size_t)n;
  }
  return TRUE;
}

/* Could a session that is loading take so much? Not kept: the tensors count. */
static gboolean
may_take (size_t size, GError **error)
{
  GonioMemoryBudget *budget = NULL;

  if (!gonio_memory_budget_take (size, "the model's file", &budget, error))
    return FALSE;
  gonio_memory_budget_give (budget, size);
  return TRUE;
}

static gboolean
read_all (GonioOnnxBytes *bytes, int fd, const char *path, size_t size, GError **error)
{
  if (size == 0)
    return TRUE;
  if (!may_take (size, error))
    return FALSE;
  void *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "not enough memory: the model's file needs %zu bytes", size);
    return FALSE;
  }
  madvise (memory, size, MADV_HUGEPAGE); /* fewer faults: half the time */
  *bytes = (GonioOnnxBytes){memory, size};
  return gonio_onnx_read (fd, path, 0, memory, size, error);
}

/* Ordinary files only: a pipe or device would block or never end. */
gboolean
gonio_onnx_bytes_read (GonioOnnxBytes *bytes, const char *path, size_t max_bytes, GError **error)
{
  struct stat info;
  gboolean ok = FALSE;
  int fd = g_open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);

  if (fd < 0 || fstat (fd, &info) != 0)
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO, "“%s” cannot be opened: %s.", path,
                 g_strerror (errno));
  else if (!S_ISREG (info.st_mode))
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO, "“%s” is not an ordinary file.",
                 path);
  else if ((guint64)info.st_size > max_bytes)
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT,
                 "“%s” has %" G_GINT64_FORMAT " MiB; the limit is %zu MiB.", path,
                 (gint64)info.st_size >> 20, max_bytes >> 20);
  else
    ok = read_all (bytes, fd, path, (size_t)info.st_size, error);
  if (fd >= 0)
    g_close (fd, NULL);
  if (!ok)
    gonio_onnx_bytes_clear (bytes);
  return ok;
}

void
gonio_onnx_bytes_clear (GonioOnnxBytes *bytes)
{
  if (bytes->data)
    munmap (bytes->data, bytes->size);
  *bytes = (GonioOnnxBytes){0};
}

void
gonio_onnx_source_drop (const GonioOnnxSource *source, const guint8 *data, size_t size)
{
  uintptr_t page = (uintptr_t)sysconf (_SC_PAGESIZE);
  uintptr_t first = ((uintptr_t)data + page - 1) / page * page;
  uintptr_t last = ((uintptr_t)data + size) / page * page;

  if (source->pages && size >= (size_t)1 << 20 && last > first)
    madvise ((void *)first, last - first, MADV_DONTNEED);
}
