/* Parts of small ONNX graphs in a few words; on top of onnx-writer.h. */
#pragma once

#include "tests/support/onnx-writer.h"

/* A node named after its outputs. The attributes are consumed; ends with NULL. */
void parts_node (GByteArray *graph, const char *op, const char *inputs, const char *outputs,
                 ...) G_GNUC_NULL_TERMINATED;
/* The same of another domain than ai.onnx. */
void parts_domain_node (GByteArray *graph, const char *domain, const char *op, const char *inputs,
                        const char *outputs, ...) G_GNUC_NULL_TERMINATED;
/* Names between spaces. */
void parts_outputs (GByteArray *graph, const char *names);
/* A graph whose inputs say nothing of their type; "" for none. */
GByteArray *parts_body (const char *inputs);
/* An initializer of the texts between spaces. */
void parts_text (GByteArray *graph, const char *name, const char *words);
/* Initializers of rank 0. */
void parts_int (GByteArray *graph, const char *name, gint64 value);
void parts_bool (GByteArray *graph, const char *name, gboolean value);
void parts_float (GByteArray *graph, const char *name, float value);

#define PARTS_INTS(name, ...)                                                                      \
  onnx_attr_ints (name, G_N_ELEMENTS (((const gint64[]){__VA_ARGS__})),                            \
                  (const gint64[]){__VA_ARGS__})
#define PARTS_CONST_INTS(graph, name, ...)                                                         \
  onnx_graph_init (graph, onnx_tensor_ints (name, G_N_ELEMENTS (((const gint64[]){__VA_ARGS__})),  \
                                            (const gint64[]){__VA_ARGS__}))
