/* A list of nodes made ready to run one after the other: a region, or a subgraph.
 * Depends on kernel.h and core/session/backend.h.
 *
 * A program is immutable and may be run by several threads at once; it reads its graph, which
 * must outlive it.
 */
#pragma once

#include "backends/reference/kernel.h"
#include "core/session/backend.h"

G_BEGIN_DECLS

/* plan_memory: lay values of known shape out in the run's workspace. NULL with
 * GONIO_BACKEND_ERROR_UNSUPPORTED when a node has no kernel. */
RefProgram *ref_program_new (const GonioRegion *region, gboolean plan_memory, GError **error);
/* A whole subgraph; its inputs are its captures, then its graph inputs. */
RefProgram *ref_program_new_from_graph (const GonioGraph *graph, guint depth, GError **error);
void ref_program_free (RefProgram *program);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RefProgram, ref_program_free)

size_t ref_program_workspace (const RefProgram *program);
const GonioGraph *ref_program_graph (const RefProgram *program);
guint ref_program_n_outputs (const RefProgram *program);

/* Contract of GonioBackendDef.run. */
gboolean ref_program_run (const RefProgram *program, const GonioRunArgs *args,
                          GonioTensor *const *inputs, GonioTensor **outputs, GError **error);
/* The same for a subgraph of the kernel's node. */
gboolean ref_program_run_body (const RefProgram *program, const GonioKernel *k,
                               GonioTensor *const *inputs, GonioTensor **outputs, GError **error);

/* One kernel call with everything around it: required inputs, types, outputs, activation.
 * k->outputs is filled on success; on failure it is cleared. Errors name node and operator. */
gboolean ref_kernel_call (GonioKernel *k, GError **error);

/* Why the reference backend cannot run a node as it stands: NULL when it can; else an interned
 * string. Looks into subgraphs. */
const char *ref_refusal (const GonioGraph *graph, GonioNodeId node);

/* Programs of a node's graph attributes, in their order, NULL-terminated; NULL with an error.
 * Free each, then the array. */
RefProgram **ref_branches_new (const GonioNode *node, guint depth, GError **error);
void ref_branches_free (RefProgram **branches);

/* ---- control.c: running a subgraph of a node ---- */

typedef struct {
  const RefProgram *program;
  const GonioGraph *graph;
  GonioTensor **inputs; /* borrowed: captures, then the caller's */
  guint n_captures, n_inputs, n_outputs;
  GonioTensor **outputs; /* owned, of the last run */
} RefBody;

/* The graph attribute of that name with what it captures. Clear it also after a failure. */
gboolean ref_body_init (RefBody *body, const GonioKernel *k, const char *name, GError **error);
/* args: n_inputs values, borrowed. Outputs may be args or captures handed through: borrowed memory
 * that lives as long as this kernel's call. Polls the kernel's cancellable. */
gboolean ref_body_run (RefBody *body, const GonioKernel *k, GonioTensor *const *args,
                       GError **error);
void ref_body_clear (RefBody *body);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RefBody, ref_body_clear)

G_END_DECLS
