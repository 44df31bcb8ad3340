/* ONNX files to graphs. Depends on graph, ops. With annotate.h the public
 * face of this folder: no protobuf type leaves it.
 *
 * The file is hostile: size, nesting depth, node, dimension and allocation budgets are checked
 * before anything is unpacked; external data is read only from beside the model, never
 * through a path that escapes. Weights are held once.
 */
#pragma once

#include "core/graph/graph.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct {
  size_t max_file_bytes;   /* 0: 2 GiB, the most that protobuf writes; external data is apart */
  size_t max_tensor_bytes; /* 0: 8 GiB, sum of all initializers and attributes */
  guint max_depth;         /* 0: 64 nested messages */
  guint max_nodes;         /* 0: 1,000,000 over all graphs */
} GonioLoadLimits;

/* A graph in canonical form, shapes not yet inferred. limits NULL: defaults. Every operator
 * that is not supported is named in one GONIO_LOAD_ERROR_UNSUPPORTED with its nodes. */
GonioGraph *gonio_onnx_load_file (const char *path, const GonioLoadLimits *limits, GError **error);
/* dir: where external data may lie; NULL refuses external data. */
GonioGraph *gonio_onnx_load_bytes (GBytes *bytes, const char *dir, const GonioLoadLimits *limits,
                                   GError **error);

/* What a model asks for that cannot be run: rows of (operator, domain, node name, reason);
 * empty when all is well. GPtrArray of GonioUnsupported*. */
typedef struct {
  char *op;
  char *domain;
  char *node;
  char *reason;
} GonioUnsupported;
GPtrArray *gonio_onnx_check_file (const char *path, const GonioLoadLimits *limits, GError **error);

/* TensorProto in a .pb file (ONNX test data). GONIO_LOAD_ERROR. (transfer full) */
GonioTensor *gonio_onnx_load_tensor_pb (const char *path, GError **error);
/* The same for any kind of value: TensorProto, SequenceProto or OptionalProto. The file does not
 * say which it holds, so the caller does. (transfer full) */
GonioTensor *gonio_onnx_load_value_pb (const char *path, GonioKind kind, GError **error);

G_END_DECLS
