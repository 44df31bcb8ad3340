/* One thread pool per thread count for the whole process. Depends on GLib and pthreadpool.
 * All functions may be called from any thread. */
#pragma once

#include <glib.h>
#include <pthreadpool.h>

G_BEGIN_DECLS

/* Physical cores this process may use, at least 1. */
guint gonio_cpu_default_threads (void);

/* A reference on the pool of that many threads (1..GONIO_CPU_MAX_THREADS); NULL with
 * GONIO_BACKEND_ERROR_FAILED when threads cannot be started. One thread needs no pool:
 * *out_pool is then NULL and pthreadpool runs everything on the calling thread. */
#define GONIO_CPU_MAX_THREADS 256
gboolean gonio_cpu_pool_acquire (guint threads, pthreadpool_t *out_pool, GError **error);
void gonio_cpu_pool_release (guint threads);

G_END_DECLS
