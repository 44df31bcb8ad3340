/* What passes ask again and again of a graph. Depends on ops, graph. */
#pragma once

#include "core/graph/edit.h"
#include "core/ops/op.h"

G_BEGIN_DECLS

/* ---- asking ---- */

/* Node ids in execution order; unlike gonio_graph_order() it stays valid while the graph is
 * edited (nodes may then be gone). (transfer full) */
GonioNodeId *gonio_match_order (const GonioGraph *graph, guint *out_count);
/* The one node that reads value, when nothing else does: no other use, no graph output. */
GonioNodeId gonio_match_single_user (const GonioGraph *graph, GonioValueId value);
/* The node that makes value when its operator is op and one node alone reads it. */
GonioNodeId gonio_match_producer (const GonioGraph *graph, GonioValueId value, GonioOpId op);
/* The same as a node; NULL when there is none. */
const GonioNode *gonio_match_made_by (const GonioGraph *graph, GonioValueId value, GonioOpId op);
/* The node that makes value, whoever reads it; NULL when there is none or its operator differs. */
const GonioNode *gonio_match_origin (const GonioGraph *graph, GonioValueId value, GonioOpId op);
/* The constant behind a value, NULL when it is none or omitted. */
const GonioTensor *gonio_match_constant (const GonioGraph *graph, GonioValueId value);
/* A constant tensor of one element of any real type. */
gboolean gonio_match_scalar (const GonioGraph *graph, GonioValueId value, double *out);
/* a within 2e-4 of b, relative: constants may have been through half precision. */
gboolean gonio_match_close (double a, double b);
/* For a two-input node: the input that is not a scalar constant, and the scalar. */
gboolean gonio_match_with_scalar (const GonioGraph *graph, const GonioNode *node,
                                  GonioValueId *out_value, double *out_scalar);
/* Input i or GONIO_VALUE_NONE. */
GonioValueId gonio_match_input (const GonioNode *node, guint i);
/* A node of one output (an elementwise form) without an activation fused into it. */
gboolean gonio_match_is_plain (const GonioNode *node, GonioOpId op);
gboolean gonio_match_is_float (const GonioGraph *graph, GonioValueId value);

/* ---- changing ---- */

/* first gets last's output and last is removed; first's own output must be read by last only. */
void gonio_match_take_output (GonioGraph *graph, GonioNodeId first, GonioNodeId last);
/* A new node in place of last, producing its output; what only last read goes as dead code. */
GonioNodeId gonio_match_replace (GonioGraph *graph, GonioNodeId last, GonioOpId op,
                                 const GonioValueId *inputs, guint n_inputs);
/* Everything that reads the node's output reads value instead, and the node goes. A graph
 * output keeps its name: then the producer of value makes it directly, or FALSE when that is
 * not possible and nothing has changed. */
gboolean gonio_match_bypass (GonioGraph *graph, GonioNodeId node, GonioValueId value);

G_END_DECLS
