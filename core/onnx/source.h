/* Private to core/onnx: the bytes a model comes from, and what has been spent of the budgets. */
#pragma once

#include "core/onnx/load.h"
#include "onnx.pb-c.h"

G_BEGIN_DECLS

typedef GonioOnnx__ModelProto ModelProto;
typedef GonioOnnx__GraphProto GraphProto;
typedef GonioOnnx__NodeProto NodeProto;
typedef GonioOnnx__FunctionProto FunctionProto;
typedef GonioOnnx__AttributeProto AttributeProto;
typedef GonioOnnx__TensorProto TensorProto;
typedef GonioOnnx__SparseTensorProto SparseTensorProto;
typedef GonioOnnx__TypeProto TypeProto;
typedef GonioOnnx__ValueInfoProto ValueInfoProto;
typedef GonioOnnx__SequenceProto SequenceProto;
typedef GonioOnnx__OptionalProto OptionalProto;

/* Fixed budgets; the adjustable ones are in GonioLoadLimits. */
#define GONIO_ONNX_MAX_SKELETON ((size_t)512 << 20) /* a model without its weights */
#define GONIO_ONNX_MAX_UNPACKED ((size_t)2 << 30)   /* the same, unpacked */
#define GONIO_ONNX_MAX_DEPTH    512                 /* whatever the limits say: stack */
#define GONIO_ONNX_MAX_ATTRS    256                 /* per node */
#define GONIO_ONNX_MAX_SPARSE   ((size_t)256 << 20) /* a sparse tensor made dense */
#define GONIO_ONNX_MAX_CALLS    32                  /* model-local functions within each other */
#define GONIO_ONNX_MAX_USES     65536               /* of one value */
#define GONIO_ONNX_MAX_REPORTED 10000               /* unsupported nodes */
#define GONIO_ONNX_MAX_WORDS    16384               /* names of attributes and dimensions */
#define GONIO_ONNX_MAX_NAME     200                 /* bytes of a name taken over per inlining */
#define GONIO_ONNX_NEWEST_OPSET 28

typedef struct {
  const guint8 *data;
  size_t size;
  gboolean mapped;        /* data is a mapped file: pages may be given back once copied */
  const char *dir;        /* nullable: external data is refused */
  GonioLoadLimits limits; /* no zeros left */
  size_t tensor_bytes;    /* taken so far, of limits.max_tensor_bytes */
  GHashTable *external;   /* char* location -> GMappedFile*; made when first needed */
  GHashTable *words;      /* set of interned texts; made when first needed */
} GonioOnnxSource;

/* Applies the defaults. dir is borrowed. */
void gonio_onnx_source_init (GonioOnnxSource *source, const guint8 *data, size_t size,
                             const char *dir, const GonioLoadLimits *limits);
/* The range has been copied: its pages need not stay in memory. */
void gonio_onnx_source_drop (const GonioOnnxSource *source, const guint8 *data, size_t size);
void gonio_onnx_source_clear (GonioOnnxSource *source);

/* limits.c: the message of the given kind with every budget checked, unpacked without the
 * payloads of its tensors. Freed with gonio_onnx_message_free(). */
ProtobufCMessage *gonio_onnx_unpack (GonioOnnxSource *source,
                                     const ProtobufCMessageDescriptor *descriptor, GError **error);
void gonio_onnx_message_free (ProtobufCMessage *message);

/* gonio_intern(), whose texts stay for ever; so NULL for more than GONIO_ONNX_MAX_WORDS different
 * ones. */
const char *gonio_onnx_intern (GonioOnnxSource *source, const char *text);
/* Counts bytes against limits.max_tensor_bytes. */
gboolean gonio_onnx_charge (GonioOnnxSource *source, size_t size, const char *what, GError **error);
/* tensor.c. what: for messages, "initializer “w”". (transfer full) */
GonioTensor *gonio_onnx_tensor (GonioOnnxSource *source, const TensorProto *proto, const char *what,
                                GError **error);
GonioTensor *gonio_onnx_sparse_tensor (GonioOnnxSource *source, const SparseTensorProto *proto,
                                       const char *what, GError **error);
/* list.c: the whole source as one value of that kind. (transfer full) */
GonioTensor *gonio_onnx_value (GonioOnnxSource *source, GonioKind kind, GError **error);

/* external.c: bytes [offset, offset+size) of a file beside the model. The bytes belong to the
 * source. */
gboolean gonio_onnx_external (GonioOnnxSource *source, const TensorProto *proto, size_t size,
                              const char *what, const guint8 **out_data, GError **error);

G_END_DECLS
