/* What passes ask again and again of a graph. Depends on ops, graph. */
#pragma once

#include "core/graph/edit.h"
#include "core/ops/op.h"

G_BEGIN_DECLS

/* The one node that reads value, when nothing else does: no other use, no graph output. */
GonioNodeId gonio_match_single_user (const GonioGraph *graph, GonioValueId value);
/* The node that makes value when its operator is op and node alone reads it. */
GonioNodeId gonio_match_producer (const GonioGraph *graph, GonioValueId value, GonioOpId op);
/* The constant behind a value, NULL when it is none or omitted. */
const GonioTensor *gonio_match_constant (const GonioGraph *graph, GonioValueId value);
/* A constant float tensor of one element. */
gboolean gonio_match_scalar (const GonioGraph *graph, GonioValueId value, double *out);
/* TRUE when value is a one-element float constant within 1e-4 relative of expected. */
gboolean gonio_match_scalar_is (const GonioGraph *graph, GonioValueId value, double expected);
/* For a two-input node: the input that is not a scalar constant, and the scalar. */
gboolean gonio_match_with_scalar (const GonioGraph *graph, const GonioNode *node,
                                  GonioValueId *out_value, double *out_scalar);
/* Input i or GONIO_VALUE_NONE. */
GonioValueId gonio_node_input (const GonioNode *node, guint i);
/* last takes over first's place: first gets last's outputs and last is removed; what lay
 * between has to be dead or removed by the caller before. */
void gonio_match_take_output (GonioGraph *graph, GonioNodeId first, GonioNodeId last);
/* A new op node reading one value, standing where the nodes up to last stood. */
void gonio_match_replace (GonioGraph *graph, GonioNodeId last, GonioOpId op, GonioValueId input);

G_END_DECLS
