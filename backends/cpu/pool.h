/* Threads that share the work of one step at a time, one pool per thread count for the whole
 * process. Depends on GLib and cpuinfo. All functions may be called from any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _GonioCpuPool GonioCpuPool;

/* Physical cores this process may use, at least 1. */
guint gonio_cpu_default_threads (void);

/* A reference on the pool of that many threads (1..GONIO_CPU_MAX_THREADS), the caller's among them;
 * FALSE with GONIO_BACKEND_ERROR_FAILED when threads cannot be started. One thread needs no pool:
 * *out_pool is then NULL. */
#define GONIO_CPU_MAX_THREADS 256
gboolean gonio_cpu_pool_acquire (guint threads, GonioCpuPool **out_pool, GError **error);
void gonio_cpu_pool_release (guint threads);

/* work (context, 0) on the calling thread and work (context, n) with n below the pool's threads on
 * those others that come in time; returns when all that began have ended. Nobody is waited for who
 * has not begun, so work must hand out its items itself, and when other programs keep the
 * processor busy the caller does the most. While another thread uses the pool the caller works
 * alone. */
void gonio_cpu_pool_run (GonioCpuPool *pool, void (*work) (void *context, guint worker),
                         void *context);

G_END_DECLS
