/* Private to core/onnx: the state of one import. */
#pragma once

#include "core/onnx/import.h"
#include "core/onnx/source.h"

G_BEGIN_DECLS

/* Where names are looked up. Subgraphs see their surroundings; the body of a model-local
 * function sees nothing but its own names, although it is built into the caller's graph. */
typedef struct _GonioScope GonioScope;
struct _GonioScope {
  GonioScope *outer; /* nullable */
  GonioGraph *graph;
  GHashTable *names;        /* char* -> GonioValueId + 1 */
  const NodeProto *call;    /* the node that calls the function, for ref_attr_name; nullable */
  const GonioScope *caller; /* scope of call */
  const FunctionProto *function;
};

typedef struct {
  GonioOnnxSource *source;
  GHashTable *opsets;     /* char* domain -> version; replaced while in a function's body */
  GHashTable *functions;  /* "domain\nname\noverload" -> FunctionProto* */
  GPtrArray *unsupported; /* GonioUnsupported* */
  guint n_nodes;          /* built so far, inlined ones included */
  guint n_calls;          /* functions we are inside of */
} GonioImport;

/* attr.c: puts attributes of proto on the node; ref_attr_name is looked up in the scope. */
gboolean gonio_onnx_import_attrs (GonioImport *import, GonioScope *scope, const NodeProto *proto,
                                  GonioNodeId node, GError **error);
/* import.c */
GonioGraph *gonio_onnx_import_model (GonioOnnxSource *source, const ModelProto *model,
                                     GPtrArray *unsupported, GError **error);
GonioGraph *gonio_onnx_import_subgraph (GonioImport *import, GonioScope *outer,
                                        const GraphProto *proto, GError **error);

G_END_DECLS
