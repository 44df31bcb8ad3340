/* The one OpenGL context of the process and the thread that it lives on. Never the toolkit's: it
 * has a display connection of its own and no window. Depends on base, epoxy and EGL.
 *
 * All GL calls of the backends are made in functions given to gonio_gl_context_call(). They run one
 * after the other in the order in which they were asked for.
 */
#pragma once

#include "core/base/memory.h"

G_BEGIN_DECLS

/* What the driver offers. Read-only after the context has started. */
typedef struct {
  gboolean es;                      /* OpenGL ES */
  int version;                      /* 43 is 4.3 */
  char *vendor, *renderer, *driver; /* as the driver writes them */
  gboolean compute;                 /* compute shaders and storage buffers: GL 4.3, ES 3.1 */
  gboolean float_targets;           /* 32-bit float textures can be drawn to */
  gboolean half_targets;            /* 16-bit ones can */
  gboolean robust;    /* a lost context is reported instead of taking the process along */
  gboolean binaries;  /* compiled programs can be kept */
  gint64 max_texture; /* texels along an edge */
  gint64 max_units;   /* textures that a draw can read */
  gint64 max_groups;  /* work groups along an axis of a dispatch */
  gint64 max_threads; /* threads of a work group */
  gint64 max_shared;  /* bytes that a work group shares */
  gint64 max_storage; /* bytes of a storage buffer */
  gint64 max_buffers; /* storage buffers that a dispatch can use */
  gint64 memory;      /* bytes of the card's own, 0 where the driver does not tell */
} GonioGlLimits;

typedef struct _GonioGlContext GonioGlContext;

/* A reference on the process's context, started when nobody has one. Blocks until the driver has
 * answered. GONIO_BACKEND_ERROR_UNAVAILABLE says why there is none. Any thread. */
GonioGlContext *gonio_gl_context_acquire (GError **error);
/* The last one stops the thread; not from a call. */
void gonio_gl_context_unref (GonioGlContext *context);

const GonioGlLimits *gonio_gl_context_limits (const GonioGlContext *context);

/* TRUE when all that the system lists are programs that play a card on the processor; FALSE also
 * when it lists nothing. Starts no driver. Any thread. */
gboolean gonio_gl_only_software (void);

/* On the context's thread. FALSE with error set ends in the caller's error. */
typedef gboolean (*GonioGlCall) (GonioGlContext *context, gpointer data, GError **error);

/* Runs call on the context's thread and waits for it. Any thread but that one. When the context is
 * lost, before or by the call: GONIO_BACKEND_ERROR_LOST, and from then on every time. */
gboolean gonio_gl_context_call (GonioGlContext *context, GonioGlCall call, gpointer data,
                                GError **error);
/* Frees something on the context's thread, lost or not, and waits for it. */
void gonio_gl_context_free (GonioGlContext *context, GDestroyNotify free, gpointer data);

/* On the context's thread: TRUE as long as the driver works. Otherwise GONIO_BACKEND_ERROR_LOST
 * with the reason, or GONIO_BACKEND_ERROR_FAILED for what GL calls since the last check were
 * refused for (what: "the upload of weights"). */
gboolean gonio_gl_context_check (GonioGlContext *context, const char *what, GError **error);
/* Buffers and textures count against three quarters of the card's memory, or half of the machine's
 * where the driver does not tell. On the context's thread. GONIO_RUN_ERROR_MEMORY; *out_budget is
 * for gonio_memory_budget_give(). */
gboolean gonio_gl_context_take_memory (GonioGlContext *context, size_t bytes,
                                       GonioMemoryBudget **out_budget, GError **error);
/* Bytes taken now. Any thread. */
size_t gonio_gl_context_used_memory (GonioGlContext *context);
/* For tests. Before anything is taken. */
void gonio_gl_context_limit_memory (GonioGlContext *context, size_t bytes);
/* For tests. As if 32-bit float textures could not be drawn to; before backends are made. */
void gonio_gl_context_forget_float_targets (GonioGlContext *context);

/* On the context's thread: a mark behind the work asked for so far, and a wait for it. A driver
 * that does not answer for a minute is taken for lost. GONIO_BACKEND_ERROR_LOST. */
gpointer gonio_gl_context_mark (GonioGlContext *context);
gboolean gonio_gl_context_wait (GonioGlContext *context, gpointer mark, GError **error);

/* On the context's thread: forgets errors of calls that were allowed to fail. */
void gonio_gl_clear_errors (void);
/* As if the driver had reported a reset, for tests. Any thread. */
void gonio_gl_context_lose (GonioGlContext *context, const char *reason);
gboolean gonio_gl_context_is_lost (GonioGlContext *context);

G_END_DECLS
