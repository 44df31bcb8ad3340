/* The intermediate representation. Depends on tensor and base.
 *
 * A graph owns values and nodes, addressed by small integers that stay valid as long as the
 * graph lives; so do the pointers to them. Readers use the accessors here; every change goes
 * through core/graph/edit.h, which keeps producers and use lists right. A graph is not thread-safe
 * while it is edited; a finished graph may be read from any thread.
 *
 * All operators are in canonical form: the newest ONNX signature (see core/ops/op-list.h);
 * the importer turns every older opset into it. Shapes are ONNX's logical shapes (NCHW for
 * images) whatever the physical layout of a value is.
 */
#pragma once

#include "core/tensor/tensor.h"

#include <glib.h>

G_BEGIN_DECLS

typedef struct _GonioGraph GonioGraph;
typedef guint32 GonioValueId;
typedef guint32 GonioNodeId;

/* An omitted optional input or output. */
#define GONIO_VALUE_NONE ((GonioValueId)G_MAXUINT32)
#define GONIO_NODE_NONE  ((GonioNodeId)G_MAXUINT32)

/* ---- symbolic shapes ---- */

/* One dimension: known (value >= 0), symbolic (value < 0, symbol set) or unknown. */
typedef struct {
  int64_t value;
  const char *symbol; /* interned by whoever makes the graph, nullable */
} GonioDim;

#define GONIO_DIM_UNKNOWN ((GonioDim){.value = -1})
#define GONIO_DIM(n)      ((GonioDim){.value = (n)})

typedef struct {
  gboolean has_rank;
  int rank; /* 0..GONIO_MAX_RANK when has_rank */
  GonioDim dims[GONIO_MAX_RANK];
} GonioSymShape;

GonioSymShape gonio_sym_shape_from_shape (const GonioShape *shape);
gboolean gonio_dim_equal (GonioDim a, GonioDim b); /* certainly equal: same number or symbol */
gboolean gonio_sym_shape_equal (const GonioSymShape *a, const GonioSymShape *b); /* certainly */
/* FALSE unless rank and every dimension are known. */
gboolean gonio_sym_shape_known (const GonioSymShape *sym, GonioShape *out_shape);
char *gonio_sym_shape_to_string (const GonioSymShape *sym); /* "[N,3,?,224]", "?" without rank */

/* ---- attributes ---- */

typedef enum {
  GONIO_ATTR_INT,
  GONIO_ATTR_FLOAT,
  GONIO_ATTR_STRING,
  GONIO_ATTR_TENSOR,
  GONIO_ATTR_INTS,
  GONIO_ATTR_FLOATS,
  GONIO_ATTR_STRINGS,
  GONIO_ATTR_GRAPH,
} GonioAttrType;

typedef struct {
  const char *name; /* interned */
  GonioAttrType type;
  size_t count; /* of ints, floats, strings */
  union {
    int64_t i;
    float f;
    char *s; /* NUL-terminated; embedded NULs are an import error */
    GonioTensor *tensor;
    int64_t *ints;
    float *floats;
    char **strings; /* NULL-terminated */
    GonioGraph *graph;
  };
} GonioAttr;

/* ---- values ---- */

typedef enum {
  GONIO_LAYOUT_PLAIN = 0, /* row-major in logical order */
  GONIO_LAYOUT_NHWC,      /* logical N,C,spatial... stored as N,spatial...,C */
} GonioLayout;

typedef struct {
  const char *name; /* owned by the graph, never NULL, unique within the graph */
  GonioKind kind;
  GonioDType dtype;    /* NONE when unknown; that of the tensors inside for other kinds */
  GonioSymShape shape; /* of tensors; unknown for other kinds */
  GonioLayout layout;
  GonioTensor *constant; /* nullable: initializer or folded value */
  /* What is known of a small integer tensor's elements (rank 0 or 1, at most
   * GONIO_MAX_KNOWN elements) although it is not constant as a whole: partial is an array of
   * n_partial dims, e.g. Shape(x) = [N,3,224,224]. NULL when nothing is known. Read it with
   * gonio_dim_known(): elements, unlike dimensions, may be negative. */
  GonioDim *partial;
  guint n_partial;
  GonioNodeId producer; /* GONIO_NODE_NONE for inputs, constants, captures */
} GonioValue;

#define GONIO_MAX_KNOWN 1024

/* ---- nodes ---- */

typedef struct {
  guint op;         /* GonioOpId, see core/ops/op.h */
  const char *name; /* never NULL; the importer names nameless nodes "<Op>_<index>" */
  GonioValueId *inputs;
  guint n_inputs;
  GonioValueId *outputs;
  guint n_outputs;
  GonioAttr *attrs;
  guint n_attrs;
} GonioNode;

/* Attribute access. The int, float and string forms return fallback when absent; a present
 * attribute of another type counts as absent (the checker rejects it earlier). */
const GonioAttr *gonio_node_attr (const GonioNode *node, const char *name);
int64_t gonio_node_attr_int (const GonioNode *node, const char *name, int64_t fallback);
float gonio_node_attr_float (const GonioNode *node, const char *name, float fallback);
const char *gonio_node_attr_string (const GonioNode *node, const char *name, const char *fallback);
/* NULL and *out_count = 0 when absent. */
const int64_t *gonio_node_attr_ints (const GonioNode *node, const char *name, guint *out_count);
const float *gonio_node_attr_floats (const GonioNode *node, const char *name, guint *out_count);

/* ---- graph ---- */

GonioGraph *gonio_graph_new (const char *name);
GonioGraph *gonio_graph_ref (GonioGraph *graph);
void gonio_graph_unref (GonioGraph *graph);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioGraph, gonio_graph_unref)
/* Deep copy of structure; constant tensors are shared by reference. Ids stay the same. */
GonioGraph *gonio_graph_clone (const GonioGraph *graph);

/* What a clone takes without the tensors, roughly. Graphs are bookkeeping, which is not checked
 * piece by piece: who makes one asks gonio_expect() for it first. */
#define GONIO_GRAPH_NODE_BYTES ((size_t)1024)
size_t gonio_graph_bytes (const GonioGraph *graph);

const char *gonio_graph_name (const GonioGraph *graph);
guint gonio_graph_n_values (const GonioGraph *graph); /* upper bound of ids, some may be dead */
guint gonio_graph_n_nodes (const GonioGraph *graph);  /* likewise */
/* Never NULL for an id below n_values; a dropped value has neither facts nor users. */
const GonioValue *gonio_graph_value (const GonioGraph *graph, GonioValueId id);
const GonioNode *gonio_graph_node (const GonioGraph *graph, GonioNodeId id); /* NULL when removed */
/* GONIO_VALUE_NONE when there is none of that name. */
GonioValueId gonio_graph_find_value (const GonioGraph *graph, const char *name);

const GonioValueId *gonio_graph_inputs (const GonioGraph *graph, guint *out_count);
const GonioValueId *gonio_graph_outputs (const GonioGraph *graph, guint *out_count);
gboolean gonio_graph_is_output (const GonioGraph *graph, GonioValueId id);
/* Nodes that read a value (each once per use; uses by subgraphs count for their node). */
const GonioNodeId *gonio_graph_users (const GonioGraph *graph, GonioValueId id, guint *out_count);
/* Node ids in a topological order, stable for equal input; owned by the graph, valid until
 * the next edit. */
const GonioNodeId *gonio_graph_order (const GonioGraph *graph, guint *out_count);

/* A subgraph (attribute of If, Loop, Scan) reads values of its parent through captures:
 * pairs (value in the parent, value here that stands for it). */
typedef struct {
  GonioValueId outer;
  GonioValueId inner;
} GonioCapture;
const GonioCapture *gonio_graph_captures (const GonioGraph *graph, guint *out_count);

/* Model-level facts the importer leaves for reports. Nullable strings, owned by the graph. */
typedef struct {
  int64_t ir_version;
  int64_t opset; /* of ai.onnx */
  char *opsets;  /* "ai.onnx 13, com.microsoft 1" */
  char *producer;
  char *doc;
  GHashTable *metadata; /* char* -> char*, never NULL on an imported graph */
} GonioModelInfo;
GonioModelInfo *gonio_graph_info (GonioGraph *graph); /* NULL on subgraphs */

/* Consistency: ids, use lists, order without cycles, operator arity and attribute types
 * against the schemas, captures. GONIO_RUN_ERROR_CHECK names node and value. The schema part
 * is passed in to keep this folder below ops. */
typedef gboolean (*GonioNodeCheck) (const GonioGraph *graph, GonioNodeId node, GError **error);
gboolean gonio_graph_check (const GonioGraph *graph, GonioNodeCheck check, GError **error);

/* Human-readable dump, one line per node with types and shapes; Graphviz form. */
typedef const char *(*GonioOpNamer) (guint op);
char *gonio_graph_to_text (const GonioGraph *graph, GonioOpNamer namer);
char *gonio_graph_to_dot (const GonioGraph *graph, GonioOpNamer namer);

G_END_DECLS
