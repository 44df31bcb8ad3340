/* The interface backends implement. Depends on plan, ops, graph, tensor, base.
 *
 * A backend is a const struct of functions. The session asks it which nodes it can run
 * (claim), groups claimed neighbours into regions, lets plan/layout choose physical layouts,
 * and hands each region to compile. A region is specialised: every boundary tensor that the
 * claim relied on has a known shape.
 */
#pragma once

#include "core/graph/graph.h"
#include "core/plan/memory.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define GONIO_BACKEND_API 1

typedef struct _GonioBackend GonioBackend;   /* the backend's own */
typedef struct _GonioCompiled GonioCompiled; /* the backend's own */

/* What a backend may keep values and weights in. A wish: backends that compute in 32 bits whatever
 * they are asked (reference, cpu) pass over it. */
typedef enum {
  GONIO_PRECISION_FP32, /* as the model says */
  GONIO_PRECISION_FP16, /* floats may be stored in 16 bits: half the memory, less accurate */
} GonioPrecision;
/* "fp32", "fp16"; static. */
const char *gonio_precision_name (GonioPrecision precision);
/* FALSE for any other text, out_precision as it was. */
gboolean gonio_precision_parse (const char *text, GonioPrecision *out_precision);

typedef struct {
  guint threads; /* 0: as many as the machine has physical cores */
  GonioPrecision precision;
} GonioBackendOptions;

typedef struct {
  char *device;      /* "AMD EPYC, AVX2, 2 threads" (transfer full) */
  char *driver;      /* library and version (transfer full) */
  char *limits;      /* what the device offers, in words; nullable (transfer full) */
  gboolean software; /* the device is a program that plays one, on the processor */
  gboolean half;     /* values are kept in 16 bits whatever precision is asked for */
} GonioBackendInfo;

static inline void
gonio_backend_info_clear (GonioBackendInfo *info)
{
  g_free (info->device);
  g_free (info->driver);
  g_free (info->limits);
  *info = (GonioBackendInfo){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioBackendInfo, gonio_backend_info_clear)

/* Layouts a claimed node can work in. */
typedef enum {
  GONIO_CLAIM_PLAIN = 1 << 0, /* all image-like inputs and outputs row-major */
  GONIO_CLAIM_NHWC = 1 << 1,  /* all 3-D..5-D data inputs and outputs in NHWC */
} GonioClaimLayouts;

typedef struct {
  guint layouts;      /* GonioClaimLayouts, at least one */
  guint preferred;    /* one of layouts */
  double cost;        /* rough nanoseconds saved against the next backend; 0: unknown */
  const char *reason; /* when claim says no: static or g_intern_string()ed */
  guint nhwc_inputs;  /* bit i: in NHWC mode input i is expected in NHWC (others plain).
                       * Only values of rank 3 to 5 that are no constants are ever turned;
                       * constants stay plain and are rearranged by compile. */
} GonioClaim;

/* A group of nodes for one backend, in execution order. */
typedef struct {
  const GonioGraph *graph; /* specialised; outlives the compiled region */
  const GonioNodeId *nodes;
  guint n_nodes;
  const GonioValueId *inputs; /* boundary: read from outside, constants excluded */
  guint n_inputs;
  const GonioValueId *outputs; /* boundary: read outside or graph outputs */
  guint n_outputs;
  /* Nullable. compile() may call it for a constant when all nodes that use it belong to the region
   * and will not read it in the graph any more, be it because they have it packed or because they
   * keep a reference to the tensor: then the graph's may go. */
  void (*release) (gpointer data, GonioValueId constant);
  gpointer release_data;
} GonioRegion;

/* Called for each executed node when profiling or observing; may be NULL. */
typedef void (*GonioNodeTimer) (gpointer data, GonioNodeId node, gint64 start_ns, gint64 end_ns);

/* Told of each node of a subgraph that has run, every time, but not of one that has subgraphs
 * itself. holder: the region's node in whose subgraph, however deep, it is. Tensors are borrowed,
 * NULL where omitted. Called on the thread of the run. */
typedef struct _GonioBodyWatch {
  void (*ran) (gpointer data, GonioNodeId holder, const GonioNode *node, const GonioGraph *graph,
               GonioTensor *const *inputs, GonioTensor *const *outputs);
  gpointer data;
} GonioBodyWatch;

typedef struct {
  GCancellable *cancellable; /* polled between nodes; nullable */
  void *workspace;           /* workspace_size bytes, 64-byte aligned; owned by the run */
  GonioNodeTimer timer;      /* nullable */
  gpointer timer_data;
  const GonioBodyWatch *watch; /* nullable */
  /* A run that meets values which a node cannot work on names the node, and fails with
   * GONIO_BACKEND_ERROR_REFUSED. Only for backends that are revocable. */
  void (*refuse) (gpointer data, GonioNodeId node, const char *reason);
  gpointer refuse_data;
} GonioRunArgs;

typedef struct {
  guint api_version; /* GONIO_BACKEND_API */
  const char *name;  /* "reference", "cpu", "gl-compute" */

  /* Can this machine run it at all? Fills info. GONIO_BACKEND_ERROR_UNAVAILABLE says why not. */
  gboolean (*probe) (GonioBackendInfo *out_info, GError **error);
  GonioBackend *(*create) (const GonioBackendOptions *options, GError **error);
  void (*destroy) (GonioBackend *backend);

  /* TRUE: can run the node as it stands. FALSE: out_claim->reason says why. No side effects. */
  gboolean (*claim) (GonioBackend *backend, const GonioGraph *graph, GonioNodeId node,
                     GonioClaim *out_claim);
  /* Prepares a region: packs weights, sets up kernels, plans its inside. May be called from
   * any one thread at a time. */
  GonioCompiled *(*compile) (GonioBackend *backend, const GonioRegion *region, GError **error);
  void (*compiled_free) (GonioCompiled *compiled);
  /* Bytes of scratch memory one run needs. */
  size_t (*workspace_size) (const GonioCompiled *compiled);
  /* Runs the region once. inputs[i]: plain-layout tensors of the region's inputs. outputs[i]:
   * on entry a tensor of the planned shape to write to, or NULL when the shape was not known
   * (or for non-tensor kinds); on success every slot is set, and a slot that was NULL holds a
   * new reference; on failure it is NULL still or holds one all the same. Thread-safe for different
   * args on the same compiled region unless the backend sets serial. */
  gboolean (*run) (GonioCompiled *compiled, const GonioRunArgs *args, GonioTensor *const *inputs,
                   GonioTensor **outputs, GError **error);

  /* Its driver comes with the machine: it is taken only after a self-test has passed there. */
  gboolean self_test;
  /* Nullable, static: kept self-tests of another revision of the backend say nothing. */
  const char *revision;
  /* Optional, cheap, before probe: why it is not worth starting unasked on this machine (static);
   * NULL: it may be. */
  const char *(*discouraged) (void);

  gboolean serial;     /* run must not be entered twice at once for one compiled region */
  gboolean any_layout; /* understands regions with NHWC values (gonio.Layout nodes) */
  /* What it compiled may stop working at any time (GONIO_BACKEND_ERROR_LOST, _FAILED, _REFUSED, or
   * no memory of its own): the nodes then go to the next backend, and the run begins anew. */
  gboolean revocable;

  /* What entering and leaving a region costs (uploads, flushes): nanoseconds for each region
   * and for each byte that crosses. Regions whose claims' costs sum to less are left to the
   * next backend. 0 for backends that work in host memory. */
  double border_ns;
  double border_ns_per_byte;

  /* Optional: computes one node with constant inputs (constant folding). */
  gboolean (*evaluate) (const GonioGraph *graph, GonioNodeId node, GonioTensor *const *inputs,
                        GonioTensor **outputs, GError **error);
  /* Optional, for reports: has it a kernel for the operator (GonioOpId), of whatever types and
   * attributes? claim() has the last word on a node. */
  gboolean (*has_op) (guint op);
} GonioBackendDef;

G_END_DECLS
