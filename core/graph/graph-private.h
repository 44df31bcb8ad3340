/* The inside of a graph, shared by the files of this folder only. Depends on graph.h. */
#pragma once

#include "core/graph/graph.h"

G_BEGIN_DECLS

/* Partial values of a graph hold at most this many elements together; what is over is forgotten,
 * so that a file of many small nodes cannot ask for gigabytes. */
#define GONIO_MAX_KNOWN_TOTAL ((size_t)4 << 20)

/* A value as stored: what readers see, and who reads it. */
typedef struct {
  GonioValue pub; /* first: pointers to it are handed out */
  char *name;
  GArray *users;   /* GonioNodeId, one entry per use */
  guint n_outputs; /* times it is an output of the graph */
  gboolean dead;   /* dropped: no name, no facts */
} GonioValueSlot;

struct _GonioGraph {
  gatomicrefcount refs;
  char *name;
  GPtrArray *values;   /* GonioValueSlot*, allocated one by one so that pointers stay valid */
  GPtrArray *nodes;    /* GonioNode*, NULL when removed; pointers stay valid as well */
  GHashTable *by_name; /* char* (owned by the slot) -> GonioValueId + 1 */
  size_t n_known;      /* elements of all partial values together */
  guint next_name;     /* makes names unique without searching from the start */
  GArray *inputs;      /* GonioValueId */
  GArray *outputs;     /* GonioValueId */
  GArray *captures;    /* GonioCapture */
  GonioModelInfo *info;
  GonioGraph *parent;      /* not owned: the graph whose node holds this one */
  GonioNodeId parent_node; /* valid when parent is set */
  GMutex order_lock;       /* the order is computed when first asked for */
  GArray *order;           /* GonioNodeId; NULL when stale */
  gboolean order_complete; /* FALSE: a cycle kept nodes out of a true order */
};

GonioValueSlot *gonio_graph_slot (const GonioGraph *graph, GonioValueId id);
GonioNode *gonio_graph_node_slot (const GonioGraph *graph, GonioNodeId id);
void gonio_graph_stale (GonioGraph *graph);
void gonio_node_free (GonioNode *node);
/* Releases what an attribute owns, not its place in the node. */
void gonio_attr_clear (GonioAttr *attr);
/* A name, hint itself if it is free, that no value of the graph has. (transfer full) */
char *gonio_graph_unique_name (GonioGraph *graph, const char *hint);
/* FALSE when the nodes form a cycle. */
gboolean gonio_graph_is_acyclic (const GonioGraph *graph);

G_END_DECLS
