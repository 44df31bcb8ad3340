/* SequenceProto and OptionalProto to lists: the test data of models that take them. Depends on
 * source.h, tensor. */
#include "core/base/error.h"
#include "core/onnx/source.h"
#include "core/tensor/list.h"

static gboolean
refuse (GError **error, const char *what)
{
  g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED, "The file holds %s.", what);
  return FALSE;
}

/* What does not go together is the file's fault, not a run's. */
static GonioTensor *
make_list (GonioKind kind, GonioTensor *const *items, guint n, GError **error)
{
  g_autoptr (GError) local = NULL;
  GonioTensor *list = gonio_list_new (kind, GONIO_DTYPE_NONE, items, n, &local);

  if (!list)
    g_set_error (error, GONIO_LOAD_ERROR,
                 g_error_matches (local, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY)
                     ? GONIO_LOAD_ERROR_LIMIT
                     : GONIO_LOAD_ERROR_MALFORMED,
                 "The file holds no proper %s: %s", gonio_kind_name (kind), local->message);
  return list;
}

static GonioTensor *
read_sequence (GonioOnnxSource *source, const SequenceProto *proto, GError **error)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);

  if (proto->n_sparse_tensor_values > 0 || proto->n_sequence_values > 0) {
    refuse (error, "a sequence of something else than dense tensors");
    return NULL;
  }
  for (size_t i = 0; i < proto->n_tensor_values; i++) {
    g_autofree char *what = g_strdup_printf ("%zu of the sequence", i);
    GonioTensor *item = gonio_onnx_tensor (source, proto->tensor_values[i], what, error);
    if (!item)
      return NULL;
    g_ptr_array_add (items, item);
  }
  return make_list (GONIO_KIND_SEQUENCE, (GonioTensor **)items->pdata, items->len, error);
}

/* *out_item stays NULL when there is nothing inside. */
static gboolean
read_inside (GonioOnnxSource *source, const OptionalProto *proto, GonioTensor **out_item,
             GError **error)
{
  if (proto->tensor_value)
    *out_item = gonio_onnx_tensor (source, proto->tensor_value, "of the optional value", error);
  else if (proto->sequence_value)
    *out_item = read_sequence (source, proto->sequence_value, error);
  else
    return proto->sparse_tensor_value ? refuse (error, "an optional sparse tensor") : TRUE;
  return *out_item != NULL;
}

static GonioTensor *
read_optional (GonioOnnxSource *source, const OptionalProto *proto, GonioKind kind, GError **error)
{
  g_autoptr (GonioTensor) item = NULL;

  if (!read_inside (source, proto, &item, error))
    return NULL;
  /* Writers leave an empty one's type out, so only something inside can contradict. */
  return make_list (kind, &item, item ? 1 : 0, error);
}

GonioTensor *
gonio_onnx_value (GonioOnnxSource *source, GonioKind kind, GError **error)
{
  static const ProtobufCMessageDescriptor *const descriptors[] = {
      [GONIO_KIND_TENSOR] = &gonio_onnx__tensor_proto__descriptor,
      [GONIO_KIND_SEQUENCE] = &gonio_onnx__sequence_proto__descriptor,
      [GONIO_KIND_OPTIONAL] = &gonio_onnx__optional_proto__descriptor,
      [GONIO_KIND_OPTIONAL_SEQUENCE] = &gonio_onnx__optional_proto__descriptor,
  };
  ProtobufCMessage *message = gonio_onnx_unpack (source, descriptors[kind], error);
  GonioTensor *value = NULL;

  if (!message)
    return NULL;
  if (kind == GONIO_KIND_TENSOR)
    value = gonio_onnx_tensor (source, (const TensorProto *)message, "of the file", error);
  else if (kind == GONIO_KIND_SEQUENCE)
    value = read_sequence (source, (const SequenceProto *)message, error);
  else
    value = read_optional (source, (const OptionalProto *)message, kind, error);
  gonio_onnx_message_free (message);
  return value;
}
