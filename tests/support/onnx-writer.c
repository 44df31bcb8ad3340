/* Writing small ONNX files; see onnx-writer.h. */
#include "tests/support/onnx-writer.h"

#include <stdarg.h>
#include <string.h>

void
pb_varint (GByteArray *out, guint64 value)
{
  do {
    guint8 byte = (guint8)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    g_byte_array_append (out, &byte, 1);
    value >>= 7;
  } while (value > 0);
}

void
pb_int (GByteArray *out, guint field, gint64 value)
{
  pb_varint (out, (guint64)field << 3);
  pb_varint (out, (guint64)value);
}

void
pb_float (GByteArray *out, guint field, float value)
{
  pb_varint (out, (guint64)field << 3 | 5);
  g_byte_array_append (out, (const guint8 *)&value, 4);
}

void
pb_bytes (GByteArray *out, guint field, const void *data, gsize size)
{
  pb_varint (out, (guint64)field << 3 | 2);
  pb_varint (out, size);
  g_byte_array_append (out, data, (guint)size);
}

void
pb_text (GByteArray *out, guint field, const char *text)
{
  pb_bytes (out, field, text, strlen (text));
}

void
pb_message (GByteArray *out, guint field, GByteArray *part)
{
  pb_bytes (out, field, part->data, part->len);
  g_byte_array_unref (part);
}

/* ---- tensors ---- */

GByteArray *
onnx_tensor (const char *name, int type, const void *raw, gsize size, ...)
{
  GByteArray *out = g_byte_array_new ();
  va_list args;

  va_start (args, size);
  for (int dim = va_arg (args, int); dim >= 0; dim = va_arg (args, int))
    pb_int (out, 1, dim);
  va_end (args);
  pb_int (out, 2, type);
  if (name)
    pb_text (out, 8, name);
  if (raw)
    pb_bytes (out, 9, raw, size);
  return out;
}

GByteArray *
onnx_tensor_ints (const char *name, guint n, const gint64 *values)
{
  return onnx_tensor (name, ONNX_INT64, n ? (const void *)values : "", n * sizeof *values, (int)n,
                      -1);
}

GByteArray *
onnx_tensor_floats (const char *name, guint n, const float *values)
{
  return onnx_tensor (name, ONNX_FLOAT, n ? (const void *)values : "", n * sizeof *values, (int)n,
                      -1);
}

/* ---- attributes ---- */

static GByteArray *
attr (const char *name, int type)
{
  GByteArray *out = g_byte_array_new ();
  pb_text (out, 1, name);
  pb_int (out, 20, type);
  return out;
}

GByteArray *
onnx_attr_int (const char *name, gint64 value)
{
  GByteArray *out = attr (name, 2);
  pb_int (out, 3, value);
  return out;
}

GByteArray *
onnx_attr_ints (const char *name, guint n, const gint64 *values)
{
  GByteArray *out = attr (name, 7);
  for (guint i = 0; i < n; i++)
    pb_int (out, 8, values[i]);
  return out;
}

GByteArray *
onnx_attr_float (const char *name, float value)
{
  GByteArray *out = attr (name, 1);
  pb_float (out, 2, value);
  return out;
}

GByteArray *
onnx_attr_floats (const char *name, guint n, const float *values)
{
  GByteArray *out = attr (name, 6);
  pb_bytes (out, 7, values, n * sizeof *values); /* packed */
  return out;
}

GByteArray *
onnx_attr_text (const char *name, const char *value)
{
  GByteArray *out = attr (name, 3);
  pb_text (out, 4, value);
  return out;
}

GByteArray *
onnx_attr_texts (const char *name, const char *values)
{
  GByteArray *out = attr (name, 8);
  g_auto (GStrv) words = g_strsplit (values, " ", -1);
  for (guint i = 0; words[i]; i++)
    pb_text (out, 9, words[i]);
  return out;
}

GByteArray *
onnx_attr_tensor (const char *name, GByteArray *tensor)
{
  GByteArray *out = attr (name, 4);
  pb_message (out, 5, tensor);
  return out;
}

GByteArray *
onnx_attr_graph (const char *name, GByteArray *graph)
{
  GByteArray *out = attr (name, 5);
  pb_message (out, 6, graph);
  return out;
}

/* ---- nodes and graphs ---- */

static void
names (GByteArray *out, guint field, const char *list)
{
  g_auto (GStrv) words = g_strsplit (list, " ", -1);
  for (guint i = 0; words[i]; i++) {
    if (*words[i])
      pb_text (out, field, g_str_equal (words[i], "-") ? "" : words[i]);
  }
}

GByteArray *
onnx_node (const char *op, const char *inputs, const char *outputs)
{
  GByteArray *out = g_byte_array_new ();
  names (out, 1, inputs);
  names (out, 2, outputs);
  pb_text (out, 4, op);
  return out;
}

void
onnx_node_attr (GByteArray *node, GByteArray *part)
{
  pb_message (node, 5, part);
}

void
onnx_node_name (GByteArray *node, const char *name)
{
  pb_text (node, 3, name);
}

void
onnx_node_domain (GByteArray *node, const char *domain)
{
  pb_text (node, 7, domain);
}

GByteArray *
onnx_graph (const char *name)
{
  GByteArray *out = g_byte_array_new ();
  pb_text (out, 2, name);
  return out;
}

void
onnx_graph_node (GByteArray *graph, GByteArray *node)
{
  pb_message (graph, 1, node);
}

void
onnx_graph_init (GByteArray *graph, GByteArray *tensor)
{
  pb_message (graph, 5, tensor);
}

static GByteArray *
value_info (const char *name, int type, const char *shape)
{
  GByteArray *out = g_byte_array_new (), *proto = g_byte_array_new ();
  GByteArray *tensor = g_byte_array_new ();

  pb_text (out, 1, name);
  pb_int (tensor, 1, type);
  if (shape) {
    GByteArray *dims = g_byte_array_new ();
    g_auto (GStrv) words = g_strsplit (shape, " ", -1);
    for (guint i = 0; words[i]; i++) {
      GByteArray *dim = g_byte_array_new ();
      if (g_ascii_isdigit (*words[i]))
        pb_int (dim, 1, g_ascii_strtoll (words[i], NULL, 10));
      else if (!g_str_equal (words[i], "?"))
        pb_text (dim, 2, words[i]);
      if (*words[i])
        pb_message (dims, 1, dim);
      else
        g_byte_array_unref (dim);
    }
    pb_message (tensor, 2, dims);
  }
  pb_message (proto, 1, tensor);
  pb_message (out, 2, proto);
  return out;
}

void
onnx_graph_input (GByteArray *graph, const char *name, int type, const char *shape)
{
  pb_message (graph, 11, value_info (name, type, shape));
}

void
onnx_graph_output (GByteArray *graph, const char *name)
{
  pb_message (graph, 12, value_info (name, ONNX_FLOAT, NULL));
}

GByteArray *
onnx_model (GByteArray *graph, int opset)
{
  GByteArray *out = g_byte_array_new ();
  pb_int (out, 1, 8);
  pb_message (out, 7, graph);
  onnx_model_opset (out, "", opset);
  return out;
}

void
onnx_model_opset (GByteArray *model, const char *domain, int version)
{
  GByteArray *id = g_byte_array_new ();
  pb_text (id, 1, domain);
  pb_int (id, 2, version);
  pb_message (model, 8, id);
}
