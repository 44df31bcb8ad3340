/* Operators: identity, schema, inference, properties. Depends on graph, tensor, base.
 *
 * Passes, planner and backends reason over the properties here, not over names. To add an
 * operator see core/ops/README.md.
 */
#pragma once

#include "core/graph/edit.h"
#include "core/graph/graph.h"

G_BEGIN_DECLS

typedef enum {
  GONIO_OP_INVALID = 0,
#define GONIO_OP(ID, NAME, DOMAIN, FAMILY) GONIO_OP_##ID,
#include "core/ops/op-list.h"
#undef GONIO_OP
  GONIO_OP_COUNT
} GonioOpId;

/* GONIO_OPF_..., so that no flag can clash with an operator's id. */
typedef enum {
  GONIO_OPF_ELEMENTWISE = 1 << 0,      /* output element i depends on (broadcast) element i only */
  GONIO_OPF_LAYOUT_SENSITIVE = 1 << 1, /* means something by the position of its axes */
  GONIO_OPF_IMPURE = 1 << 2,           /* random: never folded, never shared */
  GONIO_OPF_SHAPE = 1 << 3,            /* small integer arithmetic on shapes: pinned to the host */
  GONIO_OPF_CONTROL = 1 << 4,          /* holds subgraphs */
  GONIO_OPF_NO_FOLD = 1 << 5,          /* folding would blow the model up (Expand, Tile, ...) */
  GONIO_OPF_DYNAMIC = 1 << 6,          /* output shape depends on the data */
} GonioOpFlags;

/* How closely two correct implementations agree. */
typedef enum {
  GONIO_TOLERANCE_EXACT,          /* moves or compares data */
  GONIO_TOLERANCE_ROUNDING,       /* sums, products: order of additions may differ */
  GONIO_TOLERANCE_TRANSCENDENTAL, /* exp, tanh, ... */
} GonioTolerance;

typedef struct {
  const char *name;
  GonioAttrType type;
  gboolean required;
} GonioAttrSchema;

typedef struct _GonioInfer GonioInfer;

typedef struct {
  GonioOpId id;
  int min_inputs, max_inputs;   /* max -1: variadic */
  int min_outputs, max_outputs; /* likewise */
  guint flags;                  /* GonioOpFlags */
  guint inplace;                /* bit i: output 0 may overwrite input i of equal size */
  GonioTolerance tolerance;
  const GonioAttrSchema *attrs; /* ended by a NULL name; nullable */
  /* Sets dtype, shape and partial values of the node's outputs from what is known of its
   * inputs. Must accept unknown input facts and then set what it can. FALSE only when the
   * inputs contradict the operator (GONIO_RUN_ERROR_SHAPE; node and operator are prefixed
   * by the caller). */
  gboolean (*infer) (GonioInfer *infer, GError **error);
} GonioOpDef;

/* Never NULL for a valid id. */
const GonioOpDef *gonio_op_def (guint op);
const char *gonio_op_name (guint op);   /* "Conv" */
const char *gonio_op_domain (guint op); /* "" for ai.onnx, "gonio" for internal operators */
GonioOpId gonio_op_find (const char *domain, const char *name); /* INVALID when unknown */

/* Schema check of one node, for gonio_graph_check(). */
gboolean gonio_op_check_node (const GonioGraph *graph, GonioNodeId node, GError **error);

/* ---- inference ---- */

struct _GonioInfer {
  GonioGraph *graph;
  GonioNodeId id;
  const GonioNode *node;
};

/* Infers one node / the whole graph in order (subgraphs included). Known facts are only ever
 * refined; a contradiction is GONIO_RUN_ERROR_SHAPE naming node, operator and both sides. */
gboolean gonio_infer_node (GonioGraph *graph, GonioNodeId node, GError **error);
gboolean gonio_infer_graph (GonioGraph *graph, GError **error);

/* One element of GonioValue.partial as a number; FALSE when it is a symbol or unknown. (Elements
 * may be negative, which dimensions never are.) */
gboolean gonio_dim_known (GonioDim dim, int64_t *out_value);

/* For infer functions: facts of input i (NULL when omitted) and results of output i. */
const GonioValue *gonio_infer_input (const GonioInfer *infer, guint i);
gboolean gonio_infer_has_output (const GonioInfer *infer, guint i);
gboolean gonio_infer_set (GonioInfer *infer, guint i, GonioDType dtype, const GonioSymShape *shape,
                          GError **error);
/* Input i as known integers (constant or fully known partial). FALSE when not known. The
 * array is (transfer full). */
gboolean gonio_infer_ints (const GonioInfer *infer, guint i, int64_t **out_ints, guint *out_count);

G_END_DECLS
