/* Graph passes. Depends on ops, graph. Order and reasons are stated in passes.c.
 *
 * A pass is a free function on a graph that edits through the mutator and returns how much it
 * changed. Passes have names, can be switched off by name and dumped before/after.
 */
#pragma once

#include "core/graph/graph.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* As ONNX Runtime names them. */
typedef enum {
  GONIO_OPT_DISABLED, /* none but what a backend needs to run */
  GONIO_OPT_BASIC,    /* folding, dead code, identities */
  GONIO_OPT_EXTENDED, /* + fusions */
  GONIO_OPT_ALL,      /* + whatever is left, layout included */
} GonioOptLevel;

/* Computes one node whose inputs are all constant. outputs: n_outputs slots, filled with new
 * tensors (NULL for omitted outputs). See GonioSessionOptions. */
typedef gboolean (*GonioEvaluate) (const GonioGraph *graph, GonioNodeId node,
                                   GonioTensor *const *inputs, GonioTensor **outputs,
                                   GError **error);

typedef struct {
  GonioOptLevel level;
  GonioEvaluate evaluate;      /* nullable: no constant folding */
  size_t fold_limit;           /* bytes; larger results are not folded. 0: 64 MiB */
  const char *const *disabled; /* names of passes to leave out, NULL-terminated, nullable */
  const char *dump_dir;        /* nullable: writes NN-<pass>.txt after each pass that changed */
} GonioPassOptions;

/* One row per pass. */
typedef struct {
  const char *name;
  GonioOptLevel level; /* lowest level that runs it */
  gboolean (*run) (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                   GError **error);
} GonioPass;

/* All passes in order; ended by a NULL name. */
const GonioPass *gonio_passes (void);
/* Runs inference, then the passes to a fixed point (at most 4 rounds), then inference. */
gboolean gonio_passes_run (GonioGraph *graph, const GonioPassOptions *options, GError **error);

G_END_DECLS
