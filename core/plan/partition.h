/* Which backend runs which node, grouped into regions. Depends on session/backend.h, graph, ops.
 *
 * Steps: pin shape arithmetic to the host, ask the backends in order of preference, group into
 * convex regions, drop regions that cost more than they save. Layouts inside regions are then
 * chosen by core/plan/layout.h, and gonio_partition_set_borders() says what crosses regions.
 */
#pragma once

#include "core/session/backend.h"

G_BEGIN_DECLS

/* A backend that takes part, in order of preference; the last one is the host. */
typedef struct {
  const GonioBackendDef *def;
  GonioBackend *backend;
} GonioPlanBackend;

#define GONIO_REGION_NONE G_MAXUINT

/* What was decided about one node. */
typedef struct {
  guint region; /* index of its region; GONIO_REGION_NONE for a removed node */
  guint backend;
  gboolean pinned; /* kept on the host by decision, not because it was refused */
  GonioClaim claim;
  char *reason;     /* why no earlier backend has it, NULL when there is nothing to say */
  gboolean is_nhwc; /* set by layout: the node works on NHWC values */
} GonioPlanNode;

typedef struct {
  guint backend;
  GArray *nodes;   /* GonioNodeId in execution order */
  GArray *inputs;  /* GonioValueId read from outside, constants excluded */
  GArray *outputs; /* GonioValueId read outside, or graph outputs */
} GonioPlanRegion;

typedef struct {
  GArray *nodes;      /* GonioPlanNode by node id */
  GPtrArray *regions; /* GonioPlanRegion* in execution order */
} GonioPartition;

/* Nodes that a backend claimed and then could not compile or run. */
typedef struct {
  GonioNodeId node; /* GONIO_NODE_NONE: all */
  guint backend;
  char *reason;
} GonioRefusal;
void gonio_refusal_clear (GonioRefusal *refusal);

typedef struct {
  gboolean strict;        /* no node may leave the first backend, pinned ones excepted */
  gboolean keep_islands;  /* nothing is dropped for costing more than it saves */
  const GArray *refusals; /* GonioRefusal, nullable */
} GonioPartitionOptions;

/* graph is specialised and inferred. GONIO_RUN_ERROR_PLACEMENT lists every node that no
 * backend can run, or in strict mode every node the first one cannot. */
GonioPartition *gonio_partition_new (const GonioGraph *graph, const GonioPlanBackend *backends,
                                     guint n_backends, const GonioPartitionOptions *options,
                                     GError **error);
void gonio_partition_free (GonioPartition *partition);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioPartition, gonio_partition_free)

GonioPlanNode *gonio_partition_node (const GonioPartition *partition, GonioNodeId node);
GonioPlanRegion *gonio_partition_region (const GonioPartition *partition, guint region);
/* A node that layout added to a region; comes after its id exists in the graph. */
void gonio_partition_add_node (GonioPartition *partition, GonioNodeId node, guint region,
                               gboolean is_nhwc);
/* Fills node order, inputs and outputs of every region from the graph as it is now. */
void gonio_partition_set_borders (GonioPartition *partition, const GonioGraph *graph);

/* Values a node reads: its inputs without omitted ones, then what its subgraphs capture; a
 * value may occur twice. (transfer full) GArray of GonioValueId. */
GArray *gonio_plan_node_reads (const GonioGraph *graph, GonioNodeId node);

G_END_DECLS
