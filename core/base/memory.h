/* Memory whose size comes from a model, its inputs or its shapes. Depends on error.h.
 *
 * GLib ends the program when g_malloc() fails, which is right for the program's own bookkeeping
 * and wrong for what a file asks for. So everything of that kind is allocated here or with
 * g_try_*, and failing is a GError (GONIO_RUN_ERROR_MEMORY) that names what and how many bytes.
 *
 * A session also bounds what it takes: while it builds or runs, a GonioWork on the thread's stack
 * names its budget; blocks taken from a budget count until they are given back, on whatever thread.
 * It also counts rounds, and knows whether to go on, for code too deep to be handed a cancellable.
 * Without a GonioWork nothing is counted.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* ---- allocating ---- */

/* n * size bytes, one at least, to be freed with g_free(). what: "the offsets of a product". A few
 * may be asked for in a row before looking: of several failures the first one is told. */
gpointer gonio_alloc (size_t n, size_t size, const char *what, GError **error);
gpointer gonio_alloc0 (size_t n, size_t size, const char *what, GError **error);
#define gonio_new(type, n, what, error)  ((type *)gonio_alloc (n, sizeof (type), what, error))
#define gonio_new0(type, n, what, error) ((type *)gonio_alloc0 (n, sizeof (type), what, error))
/* What will be written from end to end in a moment gets its pages at once. For blocks of
 * gonio_pool_alloc(), in pieces that are still near when they are written. */
void gonio_take_pages (gpointer block, size_t bytes);
/* n more elements in an array of which used are taken, at least doubling *capacity when it is
 * full; *array may move. */
gboolean gonio_reserve (gpointer *array, size_t *capacity, size_t used, size_t n, size_t size,
                        const char *what, GError **error);
/* Could that many bytes be had just now? Asked before a library takes them that would end the
 * program; a promise it is not. */
gboolean gonio_expect (size_t bytes, const char *what, GError **error);

/* ---- limits ---- */

typedef struct _GonioMemoryBudget GonioMemoryBudget;

/* max_bytes 0: three quarters of the machine's memory. */
GonioMemoryBudget *gonio_memory_budget_new (size_t max_bytes);
GonioMemoryBudget *gonio_memory_budget_ref (GonioMemoryBudget *budget);
void gonio_memory_budget_unref (GonioMemoryBudget *budget);
size_t gonio_memory_budget_limit (const GonioMemoryBudget *budget);
size_t gonio_memory_budget_taken (GonioMemoryBudget *budget);

/* Takes bytes of the current budget. *out_budget: NULL when there is none, else what
 * gonio_memory_budget_give() wants back (a reference). */
gboolean gonio_memory_budget_take (size_t bytes, const char *what, GonioMemoryBudget **out_budget,
                                   GError **error);
void gonio_memory_budget_give (GonioMemoryBudget *budget,
                               size_t bytes); /* budget nullable; ends the reference */

/* One load, build or run on this thread. */
#define GONIO_DEFAULT_ROUNDS ((guint64)10000000)
typedef struct _GonioWork GonioWork;
struct _GonioWork {
  GonioMemoryBudget *budget; /* borrowed; nullable */
  guint64 rounds;            /* of loops so far, of all of them together */
  guint64 max_rounds;        /* 0: GONIO_DEFAULT_ROUNDS */
  GCancellable *cancellable; /* borrowed; nullable */
  GonioWork *outer;
  gboolean pooled;            /* set after gonio_work_begin(): see gonio_pool_alloc() */
  struct GonioChunk *chunk;   /* nullable */
  struct GonioSpares *spares; /* nullable */
};
void gonio_work_begin (GonioWork *work, GonioMemoryBudget *budget, guint64 max_rounds,
                       GCancellable *cancellable);
void gonio_work_end (GonioWork *work);
/* FALSE with G_IO_ERROR_CANCELLED when it shall stop. Costs next to nothing. */
gboolean gonio_work_go_on (GError **error);
/* Memory for what lives about as long as the session that is being built: such blocks lie one
 * behind the other, and their pages are asked for by the megabyte, which takes the system less time
 * than handing them out one by one; those of blocks above a megabyte when the caller does. Of one
 * that is freed before its neighbours only whole pages are of use again: for later blocks while
 * this thread still builds that session, else for the system. zeroed: how many bytes at the block's
 * end are zeroed; the others may hold anything. NULL when this thread does not build, or the size
 * is not worth it, or there is none: ask gonio_alloc() then. 64-byte aligned; freed with
 * gonio_pool_free(), on any thread. */
gpointer gonio_pool_alloc (size_t bytes, size_t zeroed);
void gonio_pool_free (gpointer block);
/* One more round of a loop; FALSE when it is one too many. */
gboolean gonio_work_round (GError **error);

G_END_DECLS
