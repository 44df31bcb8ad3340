/* Models that run. The engine's public face: everything above the engine includes only this
 * (and tensor.h). Depends on all engine folders.
 *
 * A session is immutable and may be shared by threads; each run has its own arena. Plans are
 * specialised per set of input shapes and cached. Releasing the last reference frees all.
 */
#pragma once

#include "core/passes/passes.h"
#include "core/session/backend.h"
#include "core/tensor/list.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _GonioSession GonioSession;

typedef struct {
  const GonioBackendDef *const *backends; /* in order of preference, NULL-terminated, required */
  guint threads;                          /* 0: physical cores */
  GonioPrecision precision;               /* handed to the backends */
  GonioOptLevel optimization;             /* GONIO_OPT_ALL */
  const char *const *disabled_passes;     /* nullable */
  const char *dump_dir;                   /* nullable: graph after each pass */
  GonioEvaluate evaluate;   /* computes what depends on constants alone, once, at load, whatever the
                             * backends are: such nodes are in no plan, no report, and strict does
                             * not ask for them. NULL: that of the last backend that has one */
  gboolean strict;          /* every node must run on the first backend of the list; shape
                             * arithmetic that the plan keeps on the host is excepted */
  gboolean keep_islands;    /* for tests and comparisons: what a device can run goes there, even if
                             * the way there and back costs more than it saves */
  gboolean profile;         /* collect per-node times, see gonio_session_dup_profile() */
  gboolean expose_all;      /* every intermediate value becomes an output (compare, stats) */
  gboolean check_values;    /* debugging: a run in which a node makes NaN or an infinity of inputs
                             * without any, or is given one, fails with GONIO_RUN_ERROR_VALUE that
                             * names the first such node; keeps every value until the run ends.
                             * Infinities among the model's constants (masks) may pass through */
  GLogLevelFlags log_level; /* least important messages wanted, logged through GLib:
                             * G_LOG_LEVEL_INFO plans and times, G_LOG_LEVEL_DEBUG placement of
                             * every node; 0: warnings only */
  guint plan_cache;         /* plans kept per session, 0: 4 */
  size_t max_memory;        /* bytes that weights, intermediate values and results may take at a
                             * time, over all threads; 0: three quarters of the machine's memory.
                             * Beyond it GONIO_RUN_ERROR_MEMORY */
  guint64 max_rounds;       /* of all loops in one run together, and in building; 0: 10,000,000.
                             * Beyond it GONIO_RUN_ERROR_LIMIT */
} GonioSessionOptions;

#define GONIO_SESSION_OPTIONS_DEFAULT ((GonioSessionOptions){.optimization = GONIO_OPT_ALL})

/* Blocking; loads, checks and optimises, and compiles when all input shapes are fixed. */
GonioSession *gonio_session_new_from_file (const char *path, const GonioSessionOptions *options,
                                           GCancellable *cancellable, GError **error);
/* From a graph that is not used otherwise any more (transfer full). */
GonioSession *gonio_session_new_from_graph (GonioGraph *graph, const GonioSessionOptions *options,
                                            GCancellable *cancellable, GError **error);
GonioSession *gonio_session_ref (GonioSession *session);
void gonio_session_unref (GonioSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioSession, gonio_session_unref)

/* What goes in and out. Owned by the session. Graph inputs with an initializer are constants
 * and no ports. With expose_all the model's own outputs come first. */
typedef struct {
  const char *name;
  GonioKind kind;
  GonioDType dtype;
  GonioSymShape shape;
} GonioPort;
const GonioPort *gonio_session_inputs (GonioSession *session, guint *out_count);
const GonioPort *gonio_session_outputs (GonioSession *session, guint *out_count);

/* Runs once. Sequences and optional values go in and out as lists (core/tensor/list.h).
 * names/inputs: n_inputs pairs in any order, every model input without a default
 * must be there. out_outputs: one new reference per port of gonio_session_outputs(), to be
 * freed with gonio_tensor_unref (array of n_outputs, transfer full, on success only).
 * Blocking; G_IO_ERROR_CANCELLED between nodes when cancelled. A tensor that does not fit is
 * GONIO_RUN_ERROR_INPUT and the message names both sides. */
gboolean gonio_session_run (GonioSession *session, const char *const *names,
                            GonioTensor *const *inputs, guint n_inputs, GonioTensor ***out_outputs,
                            GCancellable *cancellable, GError **error);
void gonio_session_free_outputs (GonioTensor **outputs, guint n);

/* Compiles for the given input shapes (NULL: fixed shapes, free dimensions as 1) and runs once
 * on zeros, so that the first real run is not slower than the rest. */
gboolean gonio_session_warm_up (GonioSession *session, const GonioShape *shapes, guint n_shapes,
                                GCancellable *cancellable, GError **error);

/* Where each node runs and why, of the most recent plan. (transfer full) */
typedef struct {
  char *node;
  char *op;
  char *backend;
  char *layout;   /* "plain" or "nhwc" */
  char *reason;   /* why no earlier backend took it, "" otherwise */
  gint64 time_ns; /* profile only: summed over runs */
  guint runs;
  char *output_shape;
  size_t read_bytes;    /* of the inputs of known shape, constants included */
  size_t written_bytes; /* of the outputs of known shape */
} GonioPlacement;
/* GPtrArray of GonioPlacement* with a free function. */
GPtrArray *gonio_session_dup_report (GonioSession *session);
/* When nodes ran, of the same plan, in order; profile only; the first million of them. GArray of
 * GonioTraceEvent. (transfer full) */
typedef struct {
  guint row;               /* of gonio_session_dup_report() */
  gint64 start_ns, end_ns; /* of the monotonic clock */
} GonioTraceEvent;
GArray *gonio_session_dup_trace (GonioSession *session);
/* What backends of the list were given up for, a line each ("gl-compute: the driver was reset"), of
 * the most recent plan. Single nodes that were never claimed are in the report alone. NULL: none
 * was. (transfer full) */
char *gonio_session_dup_fallbacks (GonioSession *session);
/* "cpu 212 nodes, reference 3 nodes" (transfer full) */
char *gonio_session_dup_placement_summary (GonioSession *session);
/* The same as numbers. GArray of GonioPlacementCount, most preferred first, empty before the first
 * plan. (transfer full) */
typedef struct {
  const char *backend; /* static */
  guint nodes;         /* at least one */
} GonioPlacementCount;
GArray *gonio_session_dup_placement_counts (GonioSession *session);

typedef struct {
  size_t arena_bytes;    /* planned peak of intermediate values */
  size_t constant_bytes; /* weights, not packed */
  guint n_nodes;
  double flops; /* of one run, convolutions and matrix products only; 2 per multiply-add */
} GonioSessionStats;
void gonio_session_stats (GonioSession *session, GonioSessionStats *out_stats);

/* Optimised graph of the most recent plan, for dumps and reports. Of weights that are packed only
 * type and shape are there, unless expose_all or check_values is set. (transfer full) */
GonioGraph *gonio_session_dup_graph (GonioSession *session);

G_END_DECLS
