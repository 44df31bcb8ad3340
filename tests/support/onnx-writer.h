/* Writing small ONNX files byte by byte, for tests of the reader: independent of its schema.
 * Every function that takes a GByteArray as a part consumes it. */
#pragma once

#include <glib.h>
#include <stdint.h>

/* ---- wire format ---- */
void pb_varint (GByteArray *out, guint64 value);
void pb_int (GByteArray *out, guint field, gint64 value);
void pb_float (GByteArray *out, guint field, float value);
void pb_bytes (GByteArray *out, guint field, const void *data, gsize size);
void pb_text (GByteArray *out, guint field, const char *text);
void pb_message (GByteArray *out, guint field, GByteArray *part);

/* ---- ONNX ---- */
#define ONNX_FLOAT  1
#define ONNX_INT32  6
#define ONNX_INT64  7
#define ONNX_STRING 8
#define ONNX_BOOL   9

/* TensorProto with raw data (NULL: none); dims ends with -1. name nullable. */
GByteArray *onnx_tensor (const char *name, int type, const void *raw, gsize size, ...);
GByteArray *onnx_tensor_ints (const char *name, guint n, const gint64 *values); /* rank 1 */
GByteArray *onnx_tensor_floats (const char *name, guint n, const float *values);
/* AttributeProto. */
GByteArray *onnx_attr_int (const char *name, gint64 value);
GByteArray *onnx_attr_ints (const char *name, guint n, const gint64 *values);
GByteArray *onnx_attr_float (const char *name, float value);
GByteArray *onnx_attr_floats (const char *name, guint n, const float *values);
GByteArray *onnx_attr_text (const char *name, const char *value);
/* Texts between spaces. */
GByteArray *onnx_attr_texts (const char *name, const char *values);
GByteArray *onnx_attr_tensor (const char *name, GByteArray *tensor);
GByteArray *onnx_attr_graph (const char *name, GByteArray *graph);
/* NodeProto; inputs and outputs separated by spaces, "-" stands for an omitted one. */
GByteArray *onnx_node (const char *op, const char *inputs, const char *outputs);
void onnx_node_attr (GByteArray *node, GByteArray *attr);
void onnx_node_name (GByteArray *node, const char *name);
void onnx_node_domain (GByteArray *node, const char *domain);
/* GraphProto. */
GByteArray *onnx_graph (const char *name);
void onnx_graph_node (GByteArray *graph, GByteArray *node);
void onnx_graph_init (GByteArray *graph, GByteArray *tensor);
/* ValueInfoProto of a tensor; shape as "1 3 N ?", NULL for none. */
void onnx_graph_input (GByteArray *graph, const char *name, int type, const char *shape);
void onnx_graph_output (GByteArray *graph, const char *name);
/* ModelProto with IR version 8 and one operator set of ai.onnx. */
GByteArray *onnx_model (GByteArray *graph, int opset);
void onnx_model_opset (GByteArray *model, const char *domain, int version);
