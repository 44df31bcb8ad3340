/* Opening model and tensor files. Depends on model.h. */
#include "core/onnx/load.h"

#include "core/base/error.h"
#include "core/base/text-hash.h"
#include "core/onnx/model.h"
#include "core/ops/op.h"

#define SHOWN_NODES 3 /* per unsupported operator */

static void
unsupported_free (gpointer data)
{
  GonioUnsupported *row = data;
  g_free (row->op);
  g_free (row->domain);
  g_free (row->node);
  g_free (row->reason);
  g_free (row);
}

/* One line per operator and reason, with the first nodes. */
static char *
unsupported_to_text (GPtrArray *rows)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (gonio_text_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) lines = g_ptr_array_new ();
  g_autoptr (GArray) counts = g_array_new (FALSE, TRUE, sizeof (guint));
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < rows->len; i++) {
    const GonioUnsupported *row = g_ptr_array_index (rows, i);
    g_autofree char *key = g_strdup_printf ("%s\n%s\n%s", row->domain, row->op, row->reason);
    guint at = GPOINTER_TO_UINT (g_hash_table_lookup (seen, key));
    if (at == 0) {
      guint zero = 0;
      g_ptr_array_add (lines, g_string_new (NULL));
      g_array_append_val (counts, zero);
      at = lines->len;
      g_hash_table_insert (seen, g_steal_pointer (&key), GUINT_TO_POINTER (at));
      g_string_append_printf (g_ptr_array_index (lines, at - 1),
                              "%s%s%s: %s Nodes:", *row->domain ? row->domain : "",
                              *row->domain ? "." : "", row->op, row->reason);
    }
    guint *count = &g_array_index (counts, guint, at - 1);
    if (++*count <= SHOWN_NODES)
      g_string_append_printf (g_ptr_array_index (lines, at - 1), " “%s”", row->node);
  }
  for (guint i = 0; i < lines->len; i++) {
    GString *line = g_ptr_array_index (lines, i);
    guint count = g_array_index (counts, guint, i);
    g_string_append_printf (text, "\n  %s", line->str);
    if (count > SHOWN_NODES)
      g_string_append_printf (text, " and %u more", count - SHOWN_NODES);
    g_string_free (line, TRUE);
  }
  return g_string_free (text, FALSE);
}

static GonioGraph *
load (GonioOnnxSource *source, GPtrArray *unsupported, GError **error)
{
  ProtobufCMessage *message =
      gonio_onnx_unpack (source, &gonio_onnx__model_proto__descriptor, error);
  g_autoptr (GonioGraph) graph = NULL;
  GError *broken = NULL;

  if (!message)
    return NULL;
  graph = gonio_onnx_import_model (source, (const ModelProto *)message, unsupported, error);
  gonio_onnx_message_free (message);
  if (!graph || unsupported->len > 0)
    return g_steal_pointer (&graph);
  if (!gonio_graph_check (graph, gonio_op_check_node, &broken)) {
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_MALFORMED, "The model is not valid: %s",
                 broken->message);
    g_error_free (broken);
    return NULL;
  }
  return g_steal_pointer (&graph);
}

static GonioGraph *
load_or_explain (GonioOnnxSource *source, GError **error)
{
  g_autoptr (GPtrArray) unsupported = g_ptr_array_new_with_free_func (unsupported_free);
  g_autoptr (GonioGraph) graph = load (source, unsupported, error);

  if (!graph)
    return NULL;
  if (unsupported->len > 0) {
    g_autofree char *text = unsupported_to_text (unsupported);
    g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED,
                 "The model needs what this program does not support:%s", text);
    return NULL;
  }
  return g_steal_pointer (&graph);
}

typedef struct {
  GonioOnnxSource source;
  GonioOnnxBytes bytes;
  char *dir;
} OpenModel;

static gboolean
open_model (OpenModel *model, const char *path, const GonioLoadLimits *limits, GError **error)
{
  GonioOnnxSource *source = &model->source;

  gonio_onnx_source_init (source, (const guint8 *)"", 0, NULL, limits);
  if (!gonio_onnx_bytes_open (&model->bytes, path, source->limits.max_file_bytes, error))
    return FALSE;
  model->dir = g_path_get_dirname (path);
  source->dir = model->dir;
  source->size = model->bytes.size;
  if (source->size > 0) {
    source->data = model->bytes.data;
    source->bytes = &model->bytes;
  }
  return TRUE;
}

static void
close_model (OpenModel *model)
{
  gonio_onnx_source_clear (&model->source);
  gonio_onnx_bytes_clear (&model->bytes);
  g_clear_pointer (&model->dir, g_free);
}

GonioGraph *
gonio_onnx_load_file (const char *path, const GonioLoadLimits *limits, GError **error)
{
  OpenModel model = {0};
  GonioGraph *graph = NULL;

  if (open_model (&model, path, limits, error))
    graph = load_or_explain (&model.source, error);
  close_model (&model);
  if (!graph)
    g_prefix_error (error, "%s: ", path);
  return graph;
}

GonioGraph *
gonio_onnx_load_bytes (GBytes *bytes, const char *dir, const GonioLoadLimits *limits,
                       GError **error)
{
  GonioOnnxSource source = {0};
  size_t size = 0;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  gonio_onnx_source_init (&source, data ? data : (const guint8 *)"", size, dir, limits);
  GonioGraph *graph = load_or_explain (&source, error);
  gonio_onnx_source_clear (&source);
  return graph;
}

GPtrArray *
gonio_onnx_check_file (const char *path, const GonioLoadLimits *limits, GError **error)
{
  OpenModel model = {0};
  g_autoptr (GPtrArray) unsupported = g_ptr_array_new_with_free_func (unsupported_free);
  g_autoptr (GonioGraph) graph = NULL;

  if (open_model (&model, path, limits, error))
    graph = load (&model.source, unsupported, error);
  close_model (&model);
  if (!graph) {
    g_prefix_error (error, "%s: ", path);
    return NULL;
  }
  return g_steal_pointer (&unsupported);
}

GonioTensor *
gonio_onnx_load_value_pb (const char *path, GonioKind kind, GError **error)
{
  OpenModel model = {0};
  GonioTensor *value = NULL;

  if (open_model (&model, path, NULL, error))
    value = gonio_onnx_value (&model.source, kind, error);
  close_model (&model);
  if (!value)
    g_prefix_error (error, "%s: ", path);
  return value;
}

GonioTensor *
gonio_onnx_load_tensor_pb (const char *path, GError **error)
{
  return gonio_onnx_load_value_pb (path, GONIO_KIND_TENSOR, error);
}
