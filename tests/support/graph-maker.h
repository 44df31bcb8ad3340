/* Building graphs by hand in tests: values by name, nodes in one line. */
#pragma once

#include "core/graph/edit.h"
#include "core/ops/op.h"

/* shape as "1 3 N ?" ("" is a scalar, NULL unknown rank). */
GonioSymShape mk_sym (const char *shape);
GonioValueId mk_input (GonioGraph *graph, const char *name, const char *shape);
GonioValueId mk_input_of (GonioGraph *graph, const char *name, GonioDType dtype, const char *shape);
/* Constants: n values of the given shape. */
GonioValueId mk_floats (GonioGraph *graph, const char *name, const char *shape,
                        const float *values);
GonioValueId mk_filled (GonioGraph *graph, const char *name, const char *shape, float value);
GonioValueId mk_ints (GonioGraph *graph, const char *name, guint n, const int64_t *values);
#define MK_INTS(graph, name, ...)                                                                  \
  mk_ints (graph, name, G_N_ELEMENTS (((const int64_t[]){__VA_ARGS__})),                           \
           (const int64_t[]){__VA_ARGS__})
GonioValueId mk_scalar (GonioGraph *graph, const char *name, float value);
/* A node of one output named out; inputs end with -1 (as GonioValueId casts to int), -2 stands
 * for an omitted one. Returns the output. */
GonioValueId mk_node (GonioGraph *graph, GonioOpId op, const char *out, ...);
#define OMITTED (-2)
#define END     (-1)
GonioNodeId mk_producer (const GonioGraph *graph, GonioValueId value);
const GonioNode *mk_producer_node (const GonioGraph *graph, GonioValueId value);
/* Number of nodes with this operator. */
guint count_op (const GonioGraph *graph, GonioOpId op);
/* Shape of a value as text. (transfer full) */
char *shape_of (const GonioGraph *graph, GonioValueId value);
#define assert_shape(graph, value, expected)                                                       \
  do {                                                                                             \
    g_autofree char *shape_text = shape_of (graph, value);                                         \
    g_assert_cmpstr (shape_text, ==, expected);                                                    \
  } while (0)
