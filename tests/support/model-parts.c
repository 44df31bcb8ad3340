/* See model-parts.h. */
#include "tests/support/model-parts.h"

static void
add_node (GByteArray *graph, GByteArray *node, const char *name, va_list args)
{
  GByteArray *attr;

  while ((attr = va_arg (args, GByteArray *)) != NULL)
    onnx_node_attr (node, attr);
  onnx_node_name (node, name);
  onnx_graph_node (graph, node);
}

void
parts_node (GByteArray *graph, const char *op, const char *inputs, const char *outputs, ...)
{
  va_list args;

  va_start (args, outputs);
  add_node (graph, onnx_node (op, inputs, outputs), outputs, args);
  va_end (args);
}

void
parts_domain_node (GByteArray *graph, const char *domain, const char *op, const char *inputs,
                   const char *outputs, ...)
{
  GByteArray *node = onnx_node (op, inputs, outputs);
  va_list args;

  onnx_node_domain (node, domain);
  va_start (args, outputs);
  add_node (graph, node, outputs, args);
  va_end (args);
}

void
parts_outputs (GByteArray *graph, const char *names)
{
  g_auto (GStrv) words = g_strsplit (names, " ", -1);

  for (guint i = 0; words[i] != NULL; i++)
    onnx_graph_output (graph, words[i]);
}

GByteArray *
parts_body (const char *inputs)
{
  GByteArray *graph = onnx_graph ("body");
  g_auto (GStrv) words = g_strsplit (inputs, " ", -1);

  for (guint i = 0; *inputs != '\0' && words[i] != NULL; i++) {
    GByteArray *value = g_byte_array_new ();

    pb_text (value, 1, words[i]);
    pb_message (graph, 11, value);
  }
  return graph;
}

void
parts_text (GByteArray *graph, const char *name, const char *words)
{
  GByteArray *tensor = g_byte_array_new ();
  g_auto (GStrv) texts = g_strsplit (words, " ", -1);

  pb_int (tensor, 1, (gint64)g_strv_length (texts));
  pb_int (tensor, 2, ONNX_STRING);
  for (guint i = 0; texts[i] != NULL; i++)
    pb_text (tensor, 6, texts[i]);
  pb_text (tensor, 8, name);
  onnx_graph_init (graph, tensor);
}

void
parts_int (GByteArray *graph, const char *name, gint64 value)
{
  onnx_graph_init (graph, onnx_tensor (name, ONNX_INT64, &value, sizeof value, -1));
}

void
parts_bool (GByteArray *graph, const char *name, gboolean value)
{
  onnx_graph_init (graph, onnx_tensor (name, ONNX_BOOL, &(guint8){value ? 1 : 0}, 1, -1));
}

void
parts_float (GByteArray *graph, const char *name, float value)
{
  onnx_graph_init (graph, onnx_tensor (name, ONNX_FLOAT, &value, sizeof value, -1));
}
