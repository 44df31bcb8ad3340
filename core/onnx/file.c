/* Reading files. Depends on source.h, base.
 *
 * Read, not mapped: touching a mapped file beyond an end that has moved ends the program, and what
 * is changed after it was checked is no longer what was checked. Another program may do both at any
 * time. A file has its addresses in anonymous memory, but only what is asked for is read into them,
 * once: payloads go from the file straight to their tensors (gonio_onnx_source_copy()), and memory
 * that is never touched costs nothing. */
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/onnx/source.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* PIECE: read at a time, while its memory is still near. What is there is known by the BLOCK, which
 * divides a page. AHEAD: read at once, at most, where one is asked for after another. Payloads from
 * STRAIGHT on are not read into memory first. */
#define PIECE    ((size_t)256 << 10)
#define BLOCK    ((size_t)4096)
#define AHEAD    ((size_t)256 << 10)
#define STRAIGHT ((size_t)16 << 10)

gboolean
gonio_onnx_read (int fd, const char *name, size_t offset, void *to, size_t size, GError **error)
{
  for (size_t done = 0; done < size;) {
    guint8 *at = (guint8 *)to + done;
    size_t piece = MIN (size - done, PIECE);

    if (size > PIECE)
      gonio_take_pages (at, piece);
    ssize_t n = pread (fd, at, piece, (off_t)(offset + done));

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
reserve (GonioOnnxBytes *bytes, size_t size, GError **error)
{
  if (size == 0)
    return TRUE;
  if (!may_take (size, error))
    return FALSE;
  void *memory =
      mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "not enough memory: the model's file needs %zu bytes", size);
    return FALSE;
  }
  madvise (memory, size, MADV_NOHUGEPAGE); /* little of it is touched */
  bytes->data = memory;
  bytes->size = size;
  bytes->there = gonio_alloc0 (size / BLOCK / 8 + 1, 1, "the model's file", error);
  return bytes->there != NULL;
}

/* Ordinary files only: a pipe or device would block or never end. */
gboolean
gonio_onnx_bytes_open (GonioOnnxBytes *bytes, const char *path, size_t max_bytes, GError **error)
{
  struct stat info;
  gboolean ok = FALSE;

  *bytes = (GonioOnnxBytes){.fd = -1};
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
    ok = reserve (bytes, (size_t)info.st_size, error);
  bytes->fd = fd;
  bytes->name = g_strdup (path);
  if (!ok)
    gonio_onnx_bytes_clear (bytes);
  return ok;
}

void
gonio_onnx_bytes_clear (GonioOnnxBytes *bytes)
{
  if (bytes->name && bytes->fd >= 0)
    g_close (bytes->fd, NULL);
  if (bytes->data)
    munmap (bytes->data, bytes->size);
  g_free (bytes->there);
  g_free (bytes->name);
  *bytes = (GonioOnnxBytes){.fd = -1};
}

/* ---- what is there ---- */

static gboolean
is_there (const GonioOnnxBytes *bytes, size_t block)
{
  return bytes->there[block / 8] >> block % 8 & 1;
}

/* Reads blocks from first on, which is not there, until end or one that is there: what has been
 * checked must not change. */
static gboolean
read_blocks (GonioOnnxBytes *bytes, size_t first, size_t end, size_t *out_end, GError **error)
{
  size_t n_blocks = (bytes->size + BLOCK - 1) / BLOCK, last = first + 1;

  bytes->ahead = first == bytes->next ? CLAMP (bytes->ahead * 2, 1, AHEAD / BLOCK) : 1;
  end = MIN (MAX (end, first + bytes->ahead), n_blocks);
  while (last < end && !is_there (bytes, last))
    last++;
  size_t from = first * BLOCK, to = MIN (last * BLOCK, bytes->size);
  if (!gonio_onnx_read (bytes->fd, bytes->name, from, bytes->data + from, to - from, error))
    return FALSE;
  for (size_t i = first; i < last; i++)
    bytes->there[i / 8] |= (guint8)(1 << i % 8);
  bytes->next = last;
  *out_end = last;
  return TRUE;
}

gboolean
gonio_onnx_bytes_need (GonioOnnxBytes *bytes, const guint8 *data, size_t size, GError **error)
{
  size_t at = (size_t)(data - bytes->data), first = at / BLOCK, end = 0, block = first;

  if (size == 0 || (at >= bytes->from && at + size <= bytes->to))
    return TRUE;
  for (end = (at + size - 1) / BLOCK + 1; block < end;) {
    if (is_there (bytes, block))
      block++;
    else if (!read_blocks (bytes, block, end, &block, error))
      return FALSE;
  }
  bytes->from = first * BLOCK;
  bytes->to = MIN (block * BLOCK, bytes->size);
  return TRUE;
}

/* ---- for sources that may be no file ---- */

gboolean
gonio_onnx_source_need (const GonioOnnxSource *source, const guint8 *data, size_t size,
                        GError **error)
{
  return source->bytes == NULL || gonio_onnx_bytes_need (source->bytes, data, size, error);
}

gboolean
gonio_onnx_source_copy (const GonioOnnxSource *source, const guint8 *data, void *to, size_t size,
                        GError **error)
{
  GonioOnnxBytes *bytes = source->bytes;

  if (bytes && size >= STRAIGHT)
    return gonio_onnx_read (bytes->fd, bytes->name, (size_t)(data - bytes->data), to, size, error);
  if (bytes && !gonio_onnx_bytes_need (bytes, data, size, error))
    return FALSE;
  if (size > 0)
    memcpy (to, data, size);
  return TRUE;
}

void
gonio_onnx_source_drop (const GonioOnnxSource *source, const guint8 *data, size_t size)
{
  GonioOnnxBytes *bytes = source->bytes;

  if (bytes == NULL || size < (size_t)1 << 20)
    return;
  size_t page = (size_t)sysconf (_SC_PAGESIZE), at = (size_t)(data - bytes->data);
  size_t first = (at + page - 1) / page * page, last = (at + size) / page * page;
  if (last <= first || page % BLOCK != 0 ||
      madvise (bytes->data + first, last - first, MADV_DONTNEED) != 0)
    return;
  for (size_t i = first / BLOCK; i < last / BLOCK; i++)
    bytes->there[i / 8] &= (guint8) ~(1 << i % 8);
  bytes->from = bytes->to = 0;
}
