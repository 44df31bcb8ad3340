/* Private to core/onnx: the bytes a model comes from, and what has been spent of the budgets. */
#pragma once

#include "core/onnx/load.h"
#include "core/onnx/wire.h"
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

typedef struct _GonioOnnxFile GonioOnnxFile;

typedef struct {
  const guint8 *data;
  size_t size;
  GonioOnnxBytes *bytes;   /* nullable: all of data is there; else it is this one's, as asked for */
  const char *dir;         /* nullable: external data is refused */
  GonioLoadLimits limits;  /* no zeros left */
  size_t tensor_bytes;     /* taken so far, of limits.max_tensor_bytes */
  GonioOnnxFile *external; /* of external.c: the one read last; nullable */
  GHashTable *words;       /* set of interned texts; made when first needed */
} GonioOnnxSource;

/* Applies the defaults. dir is borrowed. */
void gonio_onnx_source_init (GonioOnnxSource *source, const guint8 *data, size_t size,
                             const char *dir, const GonioLoadLimits *limits);
/* Before bytes of data are looked at: reads them, unless they are there. */
gboolean gonio_onnx_source_need (const GonioOnnxSource *source, const guint8 *data, size_t size,
                                 GError **error);
/* Payload, which need not be there. */
gboolean gonio_onnx_source_copy (const GonioOnnxSource *source, const guint8 *data, void *to,
                                 size_t size, GError **error);
/* Gives the memory of a range back; who asks for it again has it read again. */
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

/* external.c: where in a file beside the model the tensor's bytes lie, which is then the file that
 * gonio_onnx_external_read() reads. */
gboolean gonio_onnx_external (GonioOnnxSource *source, const TensorProto *proto, size_t size,
                              const char *what, size_t *out_offset, GError **error);
gboolean gonio_onnx_external_read (GonioOnnxSource *source, size_t offset, void *to, size_t size,
                                   const char *what, GError **error);
void gonio_onnx_external_clear (GonioOnnxSource *source);

/* file.c: bytes [offset, offset+size) of an open file; an error when it ends before. name: for
 * messages. */
gboolean gonio_onnx_read (int fd, const char *name, size_t offset, void *to, size_t size,
                          GError **error);
/* An ordinary file of at most max_bytes. */
gboolean gonio_onnx_bytes_open (GonioOnnxBytes *bytes, const char *path, size_t max_bytes,
                                GError **error);
void gonio_onnx_bytes_clear (GonioOnnxBytes *bytes);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioOnnxBytes, gonio_onnx_bytes_clear)

G_END_DECLS
