/* One compiled plan: a graph specialised for given input shapes. Private to core/session.
 * Depends on plan, passes and backend.h.
 *
 * Immutable once built, apart from the pool of run states and the profile, which lock. Runs
 * may be entered from several threads at once.
 */
#pragma once

#include "core/passes/passes.h"
#include "core/plan/partition.h"

G_BEGIN_DECLS

typedef struct _GonioExecutable GonioExecutable;

typedef struct {
  const GonioPlanBackend *backends; /* outlive the executable */
  guint n_backends;
  const GonioPassOptions *passes; /* nullable: the graph is specialised and optimised already */
  gboolean strict;
  gboolean keep_islands;
  gboolean profile;
  const GArray *refusals; /* GonioRefusal, known before; nullable */
  /* Nullable; else the graph itself, whose constants, and the executable's, may go once they are
   * packed. *out_released tells whether any has gone. */
  GonioGraph *consumed;
  gboolean *out_released;
} GonioExecutableOptions;

/* input_shapes: one per graph input without a constant, in order; nullable when the graph's
 * own shapes are to be used. graph is only read, unless the options say otherwise. */
GonioExecutable *gonio_executable_new (const GonioGraph *graph, const GonioShape *input_shapes,
                                       const GonioExecutableOptions *options,
                                       GCancellable *cancellable, GError **error);
GonioExecutable *gonio_executable_ref (GonioExecutable *exec);
void gonio_executable_unref (GonioExecutable *exec);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioExecutable, gonio_executable_unref)

/* What is kept from backends that would have come first: known before, and found in compiling.
 * GonioRefusal. */
const GArray *gonio_executable_refusals (const GonioExecutable *exec);
GArray *gonio_refusals_new (const GArray *from); /* nullable: empty */

/* inputs: one per graph input without a constant, already validated. out_outputs: slots for
 * one new reference per graph output, written on success only. watch: nullable. refusals: a failed
 * run adds what another plan, made without it, may succeed without. */
gboolean gonio_executable_run (GonioExecutable *exec, GonioTensor *const *inputs,
                               const GonioBodyWatch *watch, GonioTensor **out_outputs,
                               GArray *refusals, GCancellable *cancellable, GError **error);

const GonioGraph *gonio_executable_graph (const GonioExecutable *exec);
const GonioPartition *gonio_executable_partition (const GonioExecutable *exec);
/* Of constants that have gone once they were packed. */
size_t gonio_executable_released_bytes (const GonioExecutable *exec);
/* Boundary values plus the largest workspace of a region. */
size_t gonio_executable_arena_bytes (const GonioExecutable *exec);
/* Nanoseconds and runs of a node so far; zeros without profiling. */
void gonio_executable_profile (GonioExecutable *exec, GonioNodeId node, gint64 *out_ns,
                               guint *out_runs);
/* When a node ran. */
typedef struct {
  GonioNodeId node;
  gint64 start_ns, end_ns;
} GonioNodeEvent;
#define GONIO_MAX_EVENTS 1000000
/* Copy of what happened so far, at most GONIO_MAX_EVENTS; empty without profiling. */
GArray *gonio_executable_dup_events (GonioExecutable *exec);

G_END_DECLS
