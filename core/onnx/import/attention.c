/* Import rows of attention operators that are a few others put together. Depends on import.h. */
#include "core/onnx/import.h"

#include <math.h>

/* ---- FlexAttention ---- */

/* The shape of a value from axis start to axis end, as known when the model runs. */
static GonioValueId
dims_of (GonioImportNode *in, GonioValueId value, int64_t start, int64_t end, const char *hint)
{
  GonioNodeId node = GONIO_NODE_NONE;
  GonioValueId dims = gonio_import_emit (in, GONIO_OP_SHAPE, hint, &value, 1, &node);

  gonio_graph_set_attr_int (in->graph, node, "start", start);
  gonio_graph_set_attr_int (in->graph, node, "end", end);
  return dims;
}

static GonioValueId
cast_to (GonioImportNode *in, GonioValueId value, GonioDType dtype, const char *hint)
{
  return gonio_import_dtype (in, value) == dtype ? value
                                                 : gonio_import_cast (in, value, dtype, hint);
}

static int64_t
known_dim (const GonioImportNode *in, GonioValueId value, int axis)
{
  const GonioSymShape *shape = &gonio_graph_value (in->graph, value)->shape;
  return shape->has_rank && axis < shape->rank ? shape->dims[axis].value : -1;
}

/* [batch,heads,length,size] with each head standing for as many as q has more of them. */
static GonioValueId
repeat_heads (GonioImportNode *in, GonioValueId q, GonioValueId x, const char *hint)
{
  const int64_t two = 2;
  GonioNodeId node = GONIO_NODE_NONE;

  if (known_dim (in, q, 1) >= 0 && known_dim (in, q, 1) == known_dim (in, x, 1))
    return x;
  GonioValueId heads = dims_of (in, x, 1, 2, "heads");
  GonioValueId group =
      gonio_import_binary (in, GONIO_OP_DIV, "group", dims_of (in, q, 1, 2, "q_heads"), heads);
  const GonioValueId wide[4] = {dims_of (in, x, 0, 1, "batch"), heads, group,
                                dims_of (in, x, 2, 4, "rest")};
  GonioValueId target = gonio_import_emit (in, GONIO_OP_CONCAT, "wide", wide, 4, &node);
  gonio_graph_set_attr_int (in->graph, node, "axis", 0);
  const GonioValueId flat[3] = {wide[0], dims_of (in, q, 1, 2, "all_heads"), wide[3]};
  GonioValueId shape = gonio_import_emit (in, GONIO_OP_CONCAT, "flat", flat, 3, &node);
  gonio_graph_set_attr_int (in->graph, node, "axis", 0);
  GonioValueId spread = gonio_import_binary (in, GONIO_OP_UNSQUEEZE, "spread", x,
                                             gonio_import_const_ints (in, "axis", &two, 1));
  spread = gonio_import_binary (in, GONIO_OP_EXPAND, "repeated", spread, target);
  return gonio_import_binary (in, GONIO_OP_RESHAPE, hint, spread, shape);
}

/* The square root of the scale, for queries and keys alike: half precision overflows less. A
 * negative scale puts its sign on the queries. */
static void
scale_factors (GonioImportNode *in, GonioValueId q, GonioDType dtype, GonioValueId *out_q,
               GonioValueId *out_k)
{
  const GonioAttr *given = gonio_node_attr (in->node, "scale");
  int64_t size = known_dim (in, q, 3);

  if (given || size > 0) {
    double scale = given ? given->f : 1 / sqrt ((double)size), root = sqrt (fabs (scale));
    *out_k = gonio_import_const_scalar (in, "root", dtype, root);
    *out_q = gonio_import_const_scalar (in, "signed_root", dtype, scale < 0 ? -root : root);
    return;
  }
  GonioValueId root = cast_to (in, dims_of (in, q, 3, 4, "size"), GONIO_DTYPE_FLOAT, "real_size");
  root = gonio_import_unary (in, GONIO_OP_SQRT, "root_size", root);
  root = gonio_import_unary (in, GONIO_OP_RECIPROCAL, "scale", root);
  root = gonio_import_unary (in, GONIO_OP_SQRT, "root", root);
  *out_q = *out_k = cast_to (in, root, dtype, "typed_root");
}

/* The subgraph of that name applied to x, spliced in; x itself when there is none. */
static gboolean
apply_mod (GonioImportNode *in, const char *name, GonioValueId *x, GError **error)
{
  const GonioAttr *attr = gonio_node_attr (in->node, name);
  guint n_inputs = 0, n_outputs = 0;
  GonioValueId result = GONIO_VALUE_NONE;

  if (!attr)
    return TRUE;
  gonio_graph_inputs (attr->graph, &n_inputs);
  gonio_graph_outputs (attr->graph, &n_outputs);
  if (n_inputs != 1 || n_outputs != 1)
    return gonio_import_malformed (error, "graph “%s” has %u inputs and %u outputs, not one each.",
                                   name, n_inputs, n_outputs);
  gonio_graph_inline (in->graph, attr->graph, x, &result);
  *x = result;
  return TRUE;
}

static const GonioAttrSchema attrs_flex[] = {{"prob_mod", GONIO_ATTR_GRAPH, FALSE},
                                             {"scale", GONIO_ATTR_FLOAT, FALSE},
                                             {"score_mod", GONIO_ATTR_GRAPH, FALSE},
                                             {"softmax_precision", GONIO_ATTR_INT, FALSE},
                                             {0}};

/* softmax (q k' scale) v with a graph in between, before and after the softmax; as the body that
 * the specification gives for the operator. */
static gboolean
flex_attention (GonioImportNode *in, GError **error)
{
  static const int64_t swapped[4] = {0, 1, 3, 2};
  GonioValueId q = gonio_import_input (in, 0), k = gonio_import_input (in, 1);
  GonioValueId v = gonio_import_input (in, 2), q_root = 0, k_root = 0;
  GonioDType dtype = gonio_import_dtype (in, q);
  GonioNodeId node = GONIO_NODE_NONE;
  int64_t wide = gonio_node_attr_int (in->node, "softmax_precision", 0);

  if (!gonio_import_check_attrs (in, attrs_flex, error))
    return FALSE;
  if (v == GONIO_VALUE_NONE || k == GONIO_VALUE_NONE || q == GONIO_VALUE_NONE)
    return gonio_import_malformed (error, "an input is missing.");
  if (dtype == GONIO_DTYPE_NONE)
    return gonio_import_unsupported (error, "its input needs a known type.");
  for (guint i = 0; i < 3; i++) {
    int rank = gonio_import_rank (in, gonio_import_input (in, i));
    if (rank >= 0 && rank != 4)
      return gonio_import_malformed (error, "input %u has rank %d, not 4.", i, rank);
  }
  if (wide == 0)
    wide = dtype == GONIO_DTYPE_DOUBLE ? GONIO_DTYPE_DOUBLE : GONIO_DTYPE_FLOAT;
  if (wide < 0 || wide >= GONIO_DTYPE_COUNT || !gonio_dtype_is_float ((GonioDType)wide))
    return gonio_import_unsupported (error, "softmax_precision %" G_GINT64_FORMAT ".", wide);

  scale_factors (in, q, dtype, &q_root, &k_root);
  k = gonio_import_binary (in, GONIO_OP_MUL, "k", repeat_heads (in, q, k, "keys"), k_root);
  k = gonio_import_emit (in, GONIO_OP_TRANSPOSE, "k_swapped", &k, 1, &node);
  gonio_graph_set_attr_ints (in->graph, node, "perm", swapped, 4);
  v = cast_to (in, repeat_heads (in, q, v, "values"), (GonioDType)wide, "v");
  q = gonio_import_binary (in, GONIO_OP_MUL, "q", q, q_root);
  GonioValueId scores = gonio_import_binary (in, GONIO_OP_MATMUL, "scores", q, k);
  if (wide != dtype)
    scores = gonio_import_cast (in, scores, (GonioDType)wide, "wide_scores");
  if (!apply_mod (in, "score_mod", &scores, error))
    return FALSE;
  GonioValueId probs = gonio_import_emit (in, GONIO_OP_SOFTMAX, "probs", &scores, 1, &node);
  gonio_graph_set_attr_int (in->graph, node, "axis", 3);
  if (!apply_mod (in, "prob_mod", &probs, error))
    return FALSE;

  gonio_import_drop_all (in);
  if (wide == dtype) {
    gonio_graph_set_op (in->graph, in->id, GONIO_OP_MATMUL);
    gonio_graph_set_inputs (in->graph, in->id, (const GonioValueId[]){probs, v}, 2);
    return TRUE;
  }
  GonioValueId result = gonio_import_binary (in, GONIO_OP_MATMUL, "result", probs, v);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_CAST);
  gonio_graph_set_inputs (in->graph, in->id, &result, 1);
  gonio_graph_set_attr_int (in->graph, in->id, "to", dtype);
  return TRUE;
}

const GonioImportRow gonio_import_attention[] = {
    {"FlexAttention", "ai.onnx.preview", 1, 0, flex_attention},
    {0},
};
