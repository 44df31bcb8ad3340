/* Fallible allocation and its limits. Depends on error.h. */
#include "core/base/memory.h"

#include "core/base/checked.h"
#include "core/base/error.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Blocks between these sizes get their pages at once; a larger one may never be filled. */
#define LEAST_TAKEN ((size_t)1 << 20)
#define MOST_TAKEN  ((size_t)256 << 20)

/* Blocks next to each other would hide from the address sanitizer what is written beyond one. */
#if defined(__SANITIZE_ADDRESS__)
#define GONIO_NO_POOL 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GONIO_NO_POOL 1
#endif
#endif

/* ---- allocating ---- */

static gboolean
too_little (size_t bytes, const char *what, GError **error)
{
  if (error == NULL || *error == NULL)
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "not enough memory: %s needs %" G_GSIZE_FORMAT " bytes", what, bytes);
  return FALSE;
}

/* Handing pages out one by one takes the system more than half as long again. Where it cannot do
 * otherwise nothing happens. */
void
gonio_take_pages (gpointer block, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
  size_t page = (size_t)sysconf (_SC_PAGESIZE);
  uintptr_t first = ((uintptr_t)block + page - 1) / page * page;
  uintptr_t end = ((uintptr_t)block + bytes) / page * page;
  if (end > first)
    madvise ((void *)first, end - first, MADV_POPULATE_WRITE);
#endif
}

static gpointer
alloc (size_t n, size_t size, gboolean zero, const char *what, GError **error)
{
  gpointer block = NULL;
  size_t bytes;
  if (gonio_checked_mul (n, size, &bytes))
    block = zero ? g_try_malloc0 (MAX (bytes, 1)) : g_try_malloc (MAX (bytes, 1));
  else
    bytes = G_MAXSIZE;
  if (block == NULL)
    too_little (bytes, what, error);
  else if (bytes >= LEAST_TAKEN && bytes <= MOST_TAKEN)
    gonio_take_pages (block, bytes);
  return block;
}

gpointer
gonio_alloc (size_t n, size_t size, const char *what, GError **error)
{
  return alloc (n, size, FALSE, what, error);
}

gpointer
gonio_alloc0 (size_t n, size_t size, const char *what, GError **error)
{
  return alloc (n, size, TRUE, what, error);
}

gboolean
gonio_reserve (gpointer *array, size_t *capacity, size_t used, size_t n, size_t size,
               const char *what, GError **error)
{
  size_t wanted, bytes;
  if (n <= *capacity - used)
    return TRUE;
  if (!gonio_checked_add (used, n, &wanted))
    return too_little (G_MAXSIZE, what, error);
  wanted = MAX (wanted, *capacity <= G_MAXSIZE / 2 ? *capacity * 2 : wanted);
  if (!gonio_checked_mul (wanted, size, &bytes))
    return too_little (G_MAXSIZE, what, error);
  gpointer block = g_try_realloc (*array, bytes);
  if (block == NULL)
    return too_little (bytes, what, error);
  *array = block;
  *capacity = wanted;
  return TRUE;
}

gboolean
gonio_expect (size_t bytes, const char *what, GError **error)
{
  gpointer block = g_try_malloc (MAX (bytes, 1));
  if (block == NULL)
    return too_little (bytes, what, error);
  g_free (block);
  return TRUE;
}

/* ---- limits ---- */

struct _GonioMemoryBudget {
  gatomicrefcount refs;
  size_t limit;
  atomic_size_t taken;
};

static _Thread_local GonioWork *current;

static size_t
machine_share (void)
{
  long pages = sysconf (_SC_PHYS_PAGES), size = sysconf (_SC_PAGESIZE);
  return pages > 0 && size > 0 ? (size_t)pages / 4 * 3 * (size_t)size : (size_t)4 << 30;
}

GonioMemoryBudget *
gonio_memory_budget_new (size_t max_bytes)
{
  GonioMemoryBudget *budget = g_new0 (GonioMemoryBudget, 1);
  g_atomic_ref_count_init (&budget->refs);
  budget->limit = max_bytes > 0 ? max_bytes : machine_share ();
  return budget;
}

GonioMemoryBudget *
gonio_memory_budget_ref (GonioMemoryBudget *budget)
{
  g_atomic_ref_count_inc (&budget->refs);
  return budget;
}

void
gonio_memory_budget_unref (GonioMemoryBudget *budget)
{
  if (g_atomic_ref_count_dec (&budget->refs))
    g_free (budget);
}

size_t
gonio_memory_budget_limit (const GonioMemoryBudget *budget)
{
  return budget->limit;
}

size_t
gonio_memory_budget_taken (GonioMemoryBudget *budget)
{
  return atomic_load (&budget->taken);
}

gboolean
gonio_memory_budget_take (size_t bytes, const char *what, GonioMemoryBudget **out_budget,
                          GError **error)
{
  GonioMemoryBudget *budget = current != NULL ? current->budget : NULL;
  *out_budget = NULL;
  if (budget == NULL)
    return TRUE;
  size_t before = atomic_fetch_add (&budget->taken, bytes);
  if (before <= budget->limit && bytes <= budget->limit - before) {
    *out_budget = gonio_memory_budget_ref (budget);
    return TRUE;
  }
  atomic_fetch_sub (&budget->taken, bytes);
  if (error != NULL && *error != NULL)
    return FALSE;
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
               "not enough memory: %s needs %" G_GSIZE_FORMAT
               " bytes; the model takes %" G_GSIZE_FORMAT
               " MiB already, and its limit is %" G_GSIZE_FORMAT " MiB (raise max-memory)",
               what, bytes, before >> 20, budget->limit >> 20);
  return FALSE;
}

void
gonio_memory_budget_give (GonioMemoryBudget *budget, size_t bytes)
{
  if (budget == NULL)
    return;
  atomic_fetch_sub (&budget->taken, bytes);
  gonio_memory_budget_unref (budget);
}

/* ---- blocks that live as long as a session ---- */

#define CHUNK       ((size_t)128 << 20) /* of addresses */
#define CHUNK_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define MIN_POOLED  ((size_t)4 << 10)
#define MAX_POOLED  (CHUNK / 2)
#define MIN_UNUSED  ((size_t)64 << 10) /* given back to the system at once */
#define LINE        ((size_t)64)

#define MAX_MOVED    512 /* pieces in a session: each is an area of memory that the system keeps */
#define SPARE_PIECES 64

struct GonioChunk {
  gatomicrefcount refs; /* one per block and spare piece, and the work's */
  guint8 *memory, *at, *end;
  guint8 *ready; /* up to here pages have been taken */
  guint8 *used;  /* from here on some of them have been used before */
};

/* Whole pages of a block that was freed while its session is being built. */
typedef struct {
  struct GonioChunk *chunk;
  guint8 *at;
  size_t size;
} Spare;

struct GonioSpares {
  guint n, moved;
  Spare pieces[SPARE_PIECES];
};

typedef struct {
  struct GonioChunk *chunk;
  size_t size; /* with this head, which takes a line */
} Head;

static void
chunk_unref (struct GonioChunk *chunk)
{
  if (!g_atomic_ref_count_dec (&chunk->refs))
    return;
  munmap (chunk->memory, CHUNK);
  g_free (chunk);
}

static struct GonioChunk *
chunk_new (void)
{
  void *memory = mmap (NULL, CHUNK, PROT_READ | PROT_WRITE, CHUNK_FLAGS, -1, 0);
  if (memory == MAP_FAILED)
    return NULL;
  struct GonioChunk *chunk = g_new0 (struct GonioChunk, 1);
  g_atomic_ref_count_init (&chunk->refs);
  chunk->memory = memory;
  chunk->at = chunk->memory;
  chunk->end = chunk->at + CHUNK;
  chunk->ready = chunk->at;
  chunk->used = chunk->end;
  return chunk;
}

/* ---- pages of freed blocks, moved to where new ones are wanted ---- */

static void
spare_drop (const Spare *spare)
{
  madvise (spare->at, spare->size, MADV_DONTNEED);
  chunk_unref (spare->chunk);
}

/* FALSE when the pages have to go back to the system. Takes the block's reference otherwise. */
static gboolean
spare_keep (struct GonioChunk *chunk, uintptr_t first, uintptr_t end)
{
#ifdef MREMAP_DONTUNMAP
  if (current == NULL || !current->pooled)
    return FALSE;
  if (current->spares == NULL)
    current->spares = g_try_new0 (struct GonioSpares, 1);
  struct GonioSpares *spares = current->spares;
  if (spares == NULL || spares->n == SPARE_PIECES || spares->moved >= MAX_MOVED)
    return FALSE;
  spares->pieces[spares->n++] = (Spare){chunk, (guint8 *)first, end - first};
  return TRUE;
#else
  return FALSE;
#endif
}

/* Moves up to so many bytes of spare pages to where the chunk is ready. FALSE when the system has
 * left a hole there. */
static gboolean
spare_move (struct GonioChunk *chunk, size_t wanted, size_t *out_moved)
{
  size_t done = 0;
  gboolean whole = TRUE;
#ifdef MREMAP_DONTUNMAP
  const int how = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
  struct GonioSpares *spares = current->spares;
  while (spares != NULL && spares->n > 0 && done < wanted && spares->moved < MAX_MOVED) {
    Spare *spare = &spares->pieces[spares->n - 1];
    size_t size = MIN (spare->size, wanted - done);
    guint8 *from = spare->at + spare->size - size, *to = chunk->ready + done;
    if (mremap (from, size, size, how, to) != to) {
      /* refused, by a limit on addresses for one, perhaps after it made room */
      whole = mmap (to, size, PROT_READ | PROT_WRITE, CHUNK_FLAGS | MAP_FIXED, -1, 0) == to;
      spares->moved = MAX_MOVED;
      break;
    }
    spares->moved++;
    spare->size -= size;
    done += size;
    chunk->used = MIN (chunk->used, to);
    if (spare->size == 0) {
      spares->n--;
      chunk_unref (spare->chunk);
    }
  }
#endif
  *out_moved = done;
  return whole;
}

static void
spares_free (struct GonioSpares *spares)
{
  for (guint i = 0; i < spares->n; i++)
    spare_drop (&spares->pieces[i]);
  g_free (spares);
}

gpointer
gonio_pool_alloc (size_t bytes, size_t zeroed)
{
#ifdef GONIO_NO_POOL
  return NULL;
#endif
  if (current == NULL || !current->pooled || bytes < MIN_POOLED || bytes > MAX_POOLED)
    return NULL;
  size_t size = LINE + (bytes + LINE - 1) / LINE * LINE;
  if (current->chunk == NULL || size > (size_t)(current->chunk->end - current->chunk->at)) {
    struct GonioChunk *fresh = chunk_new ();
    if (fresh == NULL)
      return NULL;
    g_clear_pointer (&current->chunk, chunk_unref);
    current->chunk = fresh;
  }
  struct GonioChunk *chunk = current->chunk;
  Head *head = (Head *)chunk->at;
  chunk->at += size;
  if (chunk->at > chunk->ready) {
    size_t page = (size_t)sysconf (_SC_PAGESIZE);
    size_t more = MAX ((size_t)(chunk->at - chunk->ready), LEAST_TAKEN);
    more = MIN ((more + page - 1) / page * page, (size_t)(chunk->end - chunk->ready));
    size_t moved;
    if (!spare_move (chunk, more, &moved)) {
      g_clear_pointer (&current->chunk, chunk_unref); /* and what is in it stays */
      return NULL;
    }
    if (bytes <= LEAST_TAKEN)
      gonio_take_pages (chunk->ready + moved, more - moved);
    chunk->ready += more;
  }
  g_atomic_ref_count_inc (&chunk->refs);
  *head = (Head){chunk, size};
  guint8 *block = (guint8 *)head + LINE;
  if (chunk->at > chunk->used)
    memset (block + bytes - zeroed, 0, zeroed);
  return block;
}

void
gonio_pool_free (gpointer block)
{
  Head *head = (Head *)((guint8 *)block - LINE);
  struct GonioChunk *chunk = head->chunk;
  size_t page = (size_t)sysconf (_SC_PAGESIZE);
  uintptr_t first = ((uintptr_t)head + page - 1) / page * page;
  uintptr_t end = ((uintptr_t)head + head->size) / page * page;

  if (head->size >= MIN_UNUSED && end > first) {
    if (spare_keep (chunk, first, end))
      return;
    madvise ((void *)first, end - first, MADV_DONTNEED);
  }
  chunk_unref (chunk);
}

/* ---- work ---- */

void
gonio_work_begin (GonioWork *work, GonioMemoryBudget *budget, guint64 max_rounds,
                  GCancellable *cancellable)
{
  *work = (GonioWork){
      .budget = budget,
      .max_rounds = max_rounds > 0 ? max_rounds : GONIO_DEFAULT_ROUNDS,
      .cancellable = cancellable,
      .outer = current,
  };
  current = work;
}

void
gonio_work_end (GonioWork *work)
{
  g_return_if_fail (current == work);
  current = work->outer;
  g_clear_pointer (&work->spares, spares_free);
  g_clear_pointer (&work->chunk, chunk_unref);
}

gboolean
gonio_work_go_on (GError **error)
{
  return current == NULL || !g_cancellable_set_error_if_cancelled (current->cancellable, error);
}

gboolean
gonio_work_round (GError **error)
{
  if (current == NULL || ++current->rounds <= current->max_rounds)
    return TRUE;
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_LIMIT,
               "the loops of this run have made %" G_GUINT64_FORMAT
               " rounds together, which is the limit (raise max-rounds); does it ever end?",
               current->max_rounds);
  return FALSE;
}
