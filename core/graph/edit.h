/* The one mutator. Every change of a graph goes through here, so that producers, use lists
 * and order stay right. Depends on graph.h. Not thread-safe. */
#pragma once

#include "core/graph/graph.h"

G_BEGIN_DECLS

/* A new value. name NULL or taken: a unique one is made from hint/name. */
GonioValueId gonio_graph_add_value (GonioGraph *graph, const char *name, GonioDType dtype,
                                    const GonioSymShape *shape);
/* A constant; keeps a reference on tensor; dtype and shape are the tensor's. */
GonioValueId gonio_graph_add_constant (GonioGraph *graph, const char *name, GonioTensor *tensor);
GonioValueId gonio_graph_add_input (GonioGraph *graph, const char *name, GonioDType dtype,
                                    const GonioSymShape *shape);
void gonio_graph_add_output (GonioGraph *graph, GonioValueId value);
void gonio_graph_set_output (GonioGraph *graph, guint index, GonioValueId value);
void gonio_graph_add_capture (GonioGraph *graph, GonioValueId outer, GonioValueId inner);
/* Capture i reads another value of the graph around. Only while no node holds the subgraph. */
void gonio_graph_set_capture (GonioGraph *graph, guint i, GonioValueId outer);

/* Facts about a value. set_constant drops the producer link (the node loses that output). */
void gonio_graph_set_dtype (GonioGraph *graph, GonioValueId id, GonioDType dtype);
void gonio_graph_set_kind (GonioGraph *graph, GonioValueId id, GonioKind kind);
void gonio_graph_set_shape (GonioGraph *graph, GonioValueId id, const GonioSymShape *shape);
void gonio_graph_set_layout (GonioGraph *graph, GonioValueId id, GonioLayout layout);
void gonio_graph_set_partial (GonioGraph *graph, GonioValueId id, const GonioDim *dims, guint n);
void gonio_graph_set_constant (GonioGraph *graph, GonioValueId id, GonioTensor *tensor);

/* A new node; inputs may hold GONIO_VALUE_NONE; every output value must have no producer. */
GonioNodeId gonio_graph_add_node (GonioGraph *graph, guint op, const char *name,
                                  const GonioValueId *inputs, guint n_inputs,
                                  const GonioValueId *outputs, guint n_outputs);
void gonio_graph_remove_node (GonioGraph *graph,
                              GonioNodeId node); /* outputs lose their producer */
void gonio_graph_set_op (GonioGraph *graph, GonioNodeId node, guint op);
void gonio_graph_set_input (GonioGraph *graph, GonioNodeId node, guint index, GonioValueId value);
void gonio_graph_set_inputs (GonioGraph *graph, GonioNodeId node, const GonioValueId *inputs,
                             guint n_inputs);
void gonio_graph_set_outputs (GonioGraph *graph, GonioNodeId node, const GonioValueId *outputs,
                              guint n_outputs);
/* Every user of old (nodes, graph outputs, captures) reads replacement instead. */
void gonio_graph_replace_uses (GonioGraph *graph, GonioValueId old, GonioValueId replacement);

void gonio_graph_set_attr_int (GonioGraph *graph, GonioNodeId node, const char *name, int64_t v);
void gonio_graph_set_attr_float (GonioGraph *graph, GonioNodeId node, const char *name, float v);
void gonio_graph_set_attr_string (GonioGraph *graph, GonioNodeId node, const char *name,
                                  const char *v);
void gonio_graph_set_attr_ints (GonioGraph *graph, GonioNodeId node, const char *name,
                                const int64_t *v, guint n);
void gonio_graph_set_attr_floats (GonioGraph *graph, GonioNodeId node, const char *name,
                                  const float *v, guint n);
void gonio_graph_set_attr_strings (GonioGraph *graph, GonioNodeId node, const char *name,
                                   const char *const *v, guint n);
void gonio_graph_set_attr_tensor (GonioGraph *graph, GonioNodeId node, const char *name,
                                  GonioTensor *v); /* refs v */
void gonio_graph_set_attr_graph (GonioGraph *graph, GonioNodeId node, const char *name,
                                 GonioGraph *v); /* (transfer full) */
/* A copy of another node's attribute; a subgraph is cloned. */
void gonio_graph_copy_attr (GonioGraph *graph, GonioNodeId node, const GonioAttr *attr);
void gonio_graph_remove_attr (GonioGraph *graph, GonioNodeId node, const char *name);

/* Copies the nodes and constants of sub, a subgraph of one of graph's nodes, into graph. args:
 * one value of graph per input of sub. out_outputs: receives the values of graph that stand for
 * sub's outputs, as many as sub has. sub itself stays as it is. */
void gonio_graph_inline (GonioGraph *graph, const GonioGraph *sub, const GonioValueId *args,
                         GonioValueId *out_outputs);

/* Drops values and nodes nothing reads (graph inputs stay). Ids stay valid. Returns how many
 * nodes went. Nodes flagged by keep (nullable) stay although unread. */
guint gonio_graph_remove_dead (GonioGraph *graph,
                               gboolean (*keep) (const GonioGraph *graph, GonioNodeId node));

G_END_DECLS
