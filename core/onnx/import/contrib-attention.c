/* Import rows of the transformer operators of com.microsoft: normalisations with the sum before
 * them, embeddings, attention. Depends on import.h. */
#include "core/onnx/import.h"

#define DOMAIN "com.microsoft"

static const GonioAttrSchema attrs_skip[] = {{"epsilon", GONIO_ATTR_FLOAT, FALSE}, {0}};
static const GonioAttrSchema attrs_embed[] = {
    {"epsilon", GONIO_ATTR_FLOAT, FALSE}, {"mask_index_type", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_heads[] = {{"mask_filter_value", GONIO_ATTR_FLOAT, FALSE},
                                              {"num_heads", GONIO_ATTR_INT, TRUE},
                                              {"scale", GONIO_ATTR_FLOAT, FALSE},
                                              {"unidirectional", GONIO_ATTR_INT, FALSE},
                                              {0}};
static const GonioAttrSchema attrs_attention[] = {
    {"do_rotary", GONIO_ATTR_INT, FALSE},
    {"mask_filter_value", GONIO_ATTR_FLOAT, FALSE},
    {"num_heads", GONIO_ATTR_INT, TRUE},
    {"past_present_share_buffer", GONIO_ATTR_INT, FALSE},
    {"qkv_hidden_sizes", GONIO_ATTR_INTS, FALSE},
    {"rotary_embedding_dim", GONIO_ATTR_INT, FALSE},
    {"scale", GONIO_ATTR_FLOAT, FALSE},
    {"unidirectional", GONIO_ATTR_INT, FALSE},
    {0}};

/* The node keeps its first n outputs; returns what output i was before. */
static GonioValueId
cut_outputs (GonioImportNode *in, guint n, guint i)
{
  GonioValueId wanted = i < in->node->n_outputs ? in->node->outputs[i] : GONIO_VALUE_NONE;
  g_autofree GonioValueId *outputs =
      g_memdup2 (in->node->outputs, in->node->n_outputs * sizeof (GonioValueId));

  gonio_graph_set_outputs (in->graph, in->id, outputs, MIN (n, in->node->n_outputs));
  return wanted;
}

static void
copy_to (GonioImportNode *in, const char *hint, GonioValueId value, GonioValueId output)
{
  if (output != GONIO_VALUE_NONE)
    gonio_import_emit_to (in, GONIO_OP_IDENTITY, hint, &value, 1, output);
}

/* The node becomes a normalisation of x along the last axis. */
static void
normalise (GonioImportNode *in, GonioOpId op, GonioValueId x, GonioValueId gamma, GonioValueId beta)
{
  float epsilon = gonio_node_attr_float (in->node, "epsilon", 1e-12f);
  const GonioValueId inputs[3] = {x, gamma, beta};

  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, op);
  gonio_graph_set_inputs (in->graph, in->id, inputs, beta == GONIO_VALUE_NONE ? 2 : 3);
  gonio_graph_set_attr_int (in->graph, in->id, "axis", -1);
  gonio_graph_set_attr_float (in->graph, in->id, "epsilon", epsilon);
}

/* ---- normalisations ---- */

/* Inputs: x, what is added to it, gamma, beta (not in the simplified form), a bias; outputs:
 * result, mean, 1 / deviation, the sum. */
static gboolean
skip_layer_norm (GonioImportNode *in, GError **error)
{
  gboolean simple = g_str_equal (in->op, "SkipSimplifiedLayerNormalization");
  GonioValueId beta = simple ? GONIO_VALUE_NONE : gonio_import_input (in, 3);
  GonioValueId bias = gonio_import_input (in, simple ? 3 : 4), gamma = gonio_import_input (in, 2);

  if (!gonio_import_check_attrs (in, attrs_skip, error))
    return FALSE;
  if (gamma == GONIO_VALUE_NONE)
    return gonio_import_malformed (error, "input 2 is missing.");
  if (simple && (gonio_import_has_output (in, 1) || gonio_import_has_output (in, 2)))
    return gonio_import_unsupported (error, "mean and deviation are not given out.");
  GonioValueId sum = gonio_import_binary (in, GONIO_OP_ADD, "sum", gonio_import_input (in, 0),
                                          gonio_import_input (in, 1));
  if (bias != GONIO_VALUE_NONE)
    sum = gonio_import_binary (in, GONIO_OP_ADD, "biased", sum, bias);
  copy_to (in, "sum_out", sum, cut_outputs (in, simple ? 1 : 3, 3));
  normalise (in, simple ? GONIO_OP_RMS_NORMALIZATION : GONIO_OP_LAYER_NORMALIZATION, sum, gamma,
             beta);
  return TRUE;
}

static gboolean
layer_norm (GonioImportNode *in, GError **error)
{
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_LAYER_NORMALIZATION);
  return TRUE;
}

/* x, gamma; in the standard domain too, where ONNX Runtime writes it. */
static gboolean
simplified_layer_norm (GonioImportNode *in, GError **error)
{
  if (gonio_import_has_output (in, 1))
    return gonio_import_unsupported (error, "the deviation is not given out.");
  cut_outputs (in, 1, 1);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_RMS_NORMALIZATION);
  return TRUE;
}

/* ---- EmbedLayerNormalization ---- */

static GonioValueId
number_of_tokens (GonioImportNode *in, GonioValueId ids)
{
  GonioNodeId node = GONIO_NODE_NONE;
  GonioValueId dims = gonio_import_emit (in, GONIO_OP_SHAPE, "tokens", &ids, 1, &node);

  gonio_graph_set_attr_int (in->graph, node, "start", 1);
  gonio_graph_set_attr_int (in->graph, node, "end", 2);
  return dims;
}

/* Rows of the table in order, one for each token, or those that are asked for. */
static GonioValueId
positions (GonioImportNode *in, GonioValueId ids)
{
  const int64_t zero = 0;
  GonioValueId table = gonio_import_input (in, 3), chosen = gonio_import_input (in, 8);

  if (chosen != GONIO_VALUE_NONE)
    return gonio_import_binary (in, GONIO_OP_GATHER, "positions", table, chosen);
  GonioValueId start = gonio_import_const_ints (in, "start", &zero, 1);
  const GonioValueId args[4] = {table, start, number_of_tokens (in, ids), start};
  return gonio_import_emit (in, GONIO_OP_SLICE, "positions", args, 4, NULL);
}

/* How many tokens of each batch the mask lets through; 0 without a mask. */
static void
emit_mask_index (GonioImportNode *in, GonioValueId ids, GonioValueId output)
{
  const int64_t tokens = 1;
  GonioValueId mask = gonio_import_input (in, 7);
  GonioNodeId node = GONIO_NODE_NONE;

  if (output == GONIO_VALUE_NONE)
    return;
  if (mask == GONIO_VALUE_NONE)
    mask = gonio_import_binary (in, GONIO_OP_MUL, "no_mask", ids,
                                gonio_import_const_scalar (in, "none", GONIO_DTYPE_INT32, 0));
  const GonioValueId args[2] = {mask, gonio_import_const_ints (in, "axis", &tokens, 1)};
  node = gonio_import_emit_to (in, GONIO_OP_REDUCE_SUM, "mask_index", args, 2, output);
  gonio_graph_set_attr_int (in->graph, node, "keepdims", 0);
}

/* Inputs: word ids, segment ids, tables of words, positions and segments, gamma, beta, mask,
 * position ids; outputs: result, length of each mask, the sum. */
static gboolean
embed_layer_norm (GonioImportNode *in, GError **error)
{
  GonioValueId ids = gonio_import_input (in, 0), segments = gonio_import_input (in, 1);
  GonioValueId gamma = gonio_import_input (in, 5), beta = gonio_import_input (in, 6);

  if (!gonio_import_check_attrs (in, attrs_embed, error))
    return FALSE;
  for (guint i = 2; i <= 6; i++) {
    if (gonio_import_input (in, i) == GONIO_VALUE_NONE && (i != 4 || segments != GONIO_VALUE_NONE))
      return gonio_import_malformed (error, "input %u is missing.", i);
  }
  GonioValueId sum =
      gonio_import_binary (in, GONIO_OP_GATHER, "words", gonio_import_input (in, 2), ids);
  sum = gonio_import_binary (in, GONIO_OP_ADD, "placed", sum, positions (in, ids));
  if (segments != GONIO_VALUE_NONE) {
    GonioValueId rows =
        gonio_import_binary (in, GONIO_OP_GATHER, "segments", gonio_import_input (in, 4), segments);
    sum = gonio_import_binary (in, GONIO_OP_ADD, "sum", sum, rows);
  }
  copy_to (in, "sum_out", sum, cut_outputs (in, 2, 2));
  emit_mask_index (in, ids, cut_outputs (in, 1, 1));
  normalise (in, GONIO_OP_LAYER_NORMALIZATION, sum, gamma, beta);
  return TRUE;
}

/* ---- attention ---- */

/* Elements start to end of the last axis. */
static GonioValueId
slice_last (GonioImportNode *in, GonioValueId x, int64_t start, int64_t end, const char *hint)
{
  const int64_t last = -1;
  const GonioValueId args[4] = {x, gonio_import_const_ints (in, "start", &start, 1),
                                gonio_import_const_ints (in, "end", &end, 1),
                                gonio_import_const_ints (in, "last", &last, 1)};
  return gonio_import_emit (in, GONIO_OP_SLICE, hint, args, 4, NULL);
}

/* Size of the last axis, -1 when it is not known. */
static int64_t
last_dim (const GonioImportNode *in, GonioValueId x)
{
  int rank = gonio_import_rank (in, x);
  return rank < 1 ? -1 : gonio_graph_value (in->graph, x)->shape.dims[rank - 1].value;
}

/* mask [batch,keys] of 1 and 0 as something to add to scores: 0 and the filter value. */
static GonioValueId
padding_bias (GonioImportNode *in, GonioValueId mask, GonioDType dtype)
{
  static const int64_t axes[2] = {1, 2};
  double filter = gonio_node_attr_float (in->node, "mask_filter_value", -10000);
  GonioValueId real = gonio_import_cast (in, mask, dtype, "mask");

  real = gonio_import_binary (in, GONIO_OP_SUB, "masked",
                              gonio_import_const_scalar (in, "one", dtype, 1), real);
  real = gonio_import_binary (in, GONIO_OP_MUL, "filtered", real,
                              gonio_import_const_scalar (in, "filter", dtype, filter));
  return gonio_import_binary (in, GONIO_OP_UNSQUEEZE, "mask_bias", real,
                              gonio_import_const_ints (in, "axes", axes, 2));
}

/* Either, both added, or none. */
static GonioValueId
join_biases (GonioImportNode *in, GonioValueId a, GonioValueId b)
{
  if (a == GONIO_VALUE_NONE || b == GONIO_VALUE_NONE)
    return a == GONIO_VALUE_NONE ? b : a;
  return gonio_import_binary (in, GONIO_OP_ADD, "bias", a, b);
}

/* The node becomes Attention of these inputs (q, k, v, bias, past key, past value, lengths). */
static gboolean
become_attention (GonioImportNode *in, const GonioValueId inputs[7], GError **error)
{
  int64_t heads = gonio_node_attr_int (in->node, "num_heads", 0);
  int64_t causal = gonio_node_attr_int (in->node, "unidirectional", 0);
  float scale = gonio_node_attr_float (in->node, "scale", 0);
  guint n = 7;

  if (heads < 1)
    return gonio_import_malformed (error, "num_heads is %" G_GINT64_FORMAT ".", heads);
  while (inputs[n - 1] == GONIO_VALUE_NONE)
    n--;
  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_ATTENTION);
  gonio_graph_set_inputs (in->graph, in->id, inputs, n);
  gonio_graph_set_attr_int (in->graph, in->id, "q_num_heads", heads);
  gonio_graph_set_attr_int (in->graph, in->id, "kv_num_heads", heads);
  gonio_graph_set_attr_int (in->graph, in->id, "is_causal", causal != 0);
  if (scale != 0)
    gonio_graph_set_attr_float (in->graph, in->id, "scale", scale);
  return TRUE;
}

/* Adds the three parts of a bias to query, key and value. */
static gboolean
add_projection_bias (GonioImportNode *in, GonioValueId bias, GonioValueId qkv[3], GError **error)
{
  static const char *const hints[3] = {"q", "k", "v"};
  int64_t at = 0;

  for (guint i = 0; i < 3; i++) {
    int64_t size = last_dim (in, qkv[i]);
    if (size < 0 || size > G_MAXINT32)
      return gonio_import_unsupported (error, "its bias needs a known size of input %u.", i);
    qkv[i] = gonio_import_binary (in, GONIO_OP_ADD, hints[i], qkv[i],
                                  slice_last (in, bias, at, at + size, "bias"));
    at += size;
  }
  return TRUE;
}

/* Inputs: query, key, value [batch,length,heads*size], bias, mask, bias of scores, past key, past
 * value; outputs: result, present key, present value. */
static gboolean
multi_head_attention (GonioImportNode *in, GError **error)
{
  GonioValueId qkv[3] = {gonio_import_input (in, 0), gonio_import_input (in, 1),
                         gonio_import_input (in, 2)};
  GonioValueId bias = gonio_import_input (in, 3), mask = gonio_import_input (in, 4);
  GonioDType dtype = gonio_import_dtype (in, qkv[0]);

  if (!gonio_import_check_attrs (in, attrs_heads, error))
    return FALSE;
  for (guint i = 0; i < 3; i++) {
    if (gonio_import_rank (in, qkv[i]) != 3)
      return gonio_import_unsupported (error,
                                       "query, key and value must be three tensors of known rank "
                                       "3.");
  }
  if (in->node->n_inputs > 8 || gonio_import_has_output (in, 3))
    return gonio_import_unsupported (error, "shared caches and scores are not supported.");
  if (bias != GONIO_VALUE_NONE && !add_projection_bias (in, bias, qkv, error))
    return FALSE;
  if (mask != GONIO_VALUE_NONE) {
    if (gonio_import_rank (in, mask) != 2 || dtype == GONIO_DTYPE_NONE)
      return gonio_import_unsupported (error, "a mask must be known to be [batch,keys].");
    mask = padding_bias (in, mask, dtype);
  }
  const GonioValueId inputs[7] = {qkv[0],
                                  qkv[1],
                                  qkv[2],
                                  join_biases (in, mask, gonio_import_input (in, 5)),
                                  gonio_import_input (in, 6),
                                  gonio_import_input (in, 7),
                                  GONIO_VALUE_NONE};
  cut_outputs (in, 3, 3);
  return become_attention (in, inputs, error);
}

/* Inputs: x [batch,length,size], weights and bias of query, key and value side by side, mask
 * ([batch,keys] or the number of keys per batch), past, bias of scores. */
static gboolean
fused_attention (GonioImportNode *in, GError **error)
{
  GonioValueId bias = gonio_import_input (in, 2), mask = gonio_import_input (in, 3);
  GonioValueId scores = gonio_import_input (in, 5), lengths = GONIO_VALUE_NONE;
  int64_t width = last_dim (in, gonio_import_input (in, 1));
  int mask_rank = gonio_import_rank (in, mask);
  GonioDType dtype = gonio_import_dtype (in, gonio_import_input (in, 0));

  if (!gonio_import_check_attrs (in, attrs_attention, error))
    return FALSE;
  if (gonio_import_input (in, 4) != GONIO_VALUE_NONE || gonio_import_has_output (in, 1) ||
      gonio_node_attr (in->node, "qkv_hidden_sizes") ||
      gonio_node_attr_int (in->node, "do_rotary", 0))
    return gonio_import_unsupported (
        error, "a past, sizes of its own for values and rotation are not supported.");
  if (mask_rank == 1 && gonio_node_attr_int (in->node, "unidirectional", 0))
    return gonio_import_unsupported (error, "lengths with unidirectional are not supported.");
  if (width < 3 || width % 3 != 0 || dtype == GONIO_DTYPE_NONE ||
      (mask != GONIO_VALUE_NONE && mask_rank != 1 && mask_rank != 2))
    return gonio_import_unsupported (error, "weights and mask need a known shape.");
  GonioValueId all = gonio_import_binary (in, GONIO_OP_MATMUL, "product",
                                          gonio_import_input (in, 0), gonio_import_input (in, 1));
  if (bias != GONIO_VALUE_NONE)
    all = gonio_import_binary (in, GONIO_OP_ADD, "projected", all, bias);
  if (mask_rank == 1) {
    lengths = gonio_import_cast (in, mask, GONIO_DTYPE_INT64, "lengths");
    mask = GONIO_VALUE_NONE;
  } else if (mask != GONIO_VALUE_NONE) {
    mask = padding_bias (in, mask, dtype);
  }
  const GonioValueId inputs[7] = {slice_last (in, all, 0, width / 3, "q"),
                                  slice_last (in, all, width / 3, width / 3 * 2, "k"),
                                  slice_last (in, all, width / 3 * 2, width, "v"),
                                  join_biases (in, mask, scores),
                                  GONIO_VALUE_NONE,
                                  GONIO_VALUE_NONE,
                                  lengths};
  cut_outputs (in, 1, 1);
  return become_attention (in, inputs, error);
}

/* ---- QAttention ---- */

static const GonioAttrSchema attrs_q_attention[] = {
    {"do_rotary", GONIO_ATTR_INT, FALSE},
    {"mask_filter_value", GONIO_ATTR_FLOAT, FALSE},
    {"num_heads", GONIO_ATTR_INT, TRUE},
    {"past_present_share_buffer", GONIO_ATTR_INT, FALSE},
    {"scale", GONIO_ATTR_FLOAT, FALSE},
    {"unidirectional", GONIO_ATTR_INT, FALSE},
    {0}};

/* As numbers, with what is known of them: the row goes on with it. axis: of scales that are a
 * list. */
static GonioValueId
dequantised (GonioImportNode *in, guint value, guint scale, guint zero, const char *hint)
{
  const GonioValueId args[3] = {gonio_import_input (in, value), gonio_import_input (in, scale),
                                gonio_import_input (in, zero)};
  GonioNodeId node = GONIO_NODE_NONE;
  GonioValueId result = gonio_import_emit (in, GONIO_OP_DEQUANTIZE_LINEAR, hint, args,
                                           args[2] == GONIO_VALUE_NONE ? 2 : 3, &node);

  gonio_graph_set_attr_int (in->graph, node, "axis", -1);
  gonio_infer_node (in->graph, node, NULL);
  return result;
}

/* Inputs: x and weights as bytes, bias, scales of x and weights, mask, zero points of both, past.
 * On numbers it is Attention. */
static gboolean
q_attention (GonioImportNode *in, GError **error)
{
  if (!gonio_import_check_attrs (in, attrs_q_attention, error))
    return FALSE;
  for (guint i = 0; i < 5; i++) {
    if (gonio_import_input (in, i) == GONIO_VALUE_NONE)
      return gonio_import_malformed (error, "input %u is missing.", i);
  }
  const GonioValueId inputs[5] = {dequantised (in, 0, 3, 6, "x"), dequantised (in, 1, 4, 7, "w"),
                                  gonio_import_input (in, 2), gonio_import_input (in, 5),
                                  gonio_import_input (in, 8)};
  guint n = 5;
  while (inputs[n - 1] == GONIO_VALUE_NONE)
    n--;
  gonio_graph_set_inputs (in->graph, in->id, inputs, n);
  return fused_attention (in, error);
}

/* ---- RotaryEmbedding ---- */

static const GonioAttrSchema attrs_rotary[] = {
    {"interleaved", GONIO_ATTR_INT, FALSE}, {"is_packed_batching", GONIO_ATTR_INT, FALSE},
    {"num_heads", GONIO_ATTR_INT, FALSE},   {"rotary_embedding_dim", GONIO_ATTR_INT, FALSE},
    {"scale", GONIO_ATTR_FLOAT, FALSE},     {0}};

/* A position of the first token, [1], counts up for the others: [batch,tokens]. */
static GonioValueId
count_positions (GonioImportNode *in, GonioValueId first, int rank)
{
  const GonioValueId x = gonio_import_input (in, 0);
  const int64_t batch_axis = 0, token_axis = rank - 2, none = 0;
  GonioValueId dims = gonio_import_unary (in, GONIO_OP_SHAPE, "shape", x), sizes[2];
  GonioNodeId node = GONIO_NODE_NONE;

  sizes[0] = gonio_import_binary (in, GONIO_OP_GATHER, "batch", dims,
                                  gonio_import_const_ints (in, "batch_axis", &batch_axis, 1));
  sizes[1] = gonio_import_binary (in, GONIO_OP_GATHER, "tokens", dims,
                                  gonio_import_const_ints (in, "token_axis", &token_axis, 1));
  GonioValueId scalar = gonio_import_binary (in, GONIO_OP_SQUEEZE, "n", sizes[1],
                                             gonio_import_const_ints (in, "axes", &none, 1));
  const GonioValueId range[3] = {gonio_import_const_scalar (in, "zero", GONIO_DTYPE_INT64, 0),
                                 scalar,
                                 gonio_import_const_scalar (in, "one", GONIO_DTYPE_INT64, 1)};
  GonioValueId places = gonio_import_emit (in, GONIO_OP_RANGE, "range", range, 3, NULL);
  places = gonio_import_binary (in, GONIO_OP_ADD, "places", places, first);
  GonioValueId target = gonio_import_emit (in, GONIO_OP_CONCAT, "target", sizes, 2, &node);
  gonio_graph_set_attr_int (in->graph, node, "axis", 0);
  return gonio_import_binary (in, GONIO_OP_EXPAND, "positions", places, target);
}

/* Heads of x [batch,tokens,heads*size]: told, or from the tables, which then hold half a head. */
static gboolean
rotary_heads (const GonioImportNode *in, int64_t *out_heads, GError **error)
{
  int64_t size = last_dim (in, gonio_import_input (in, 2));
  int64_t all = last_dim (in, gonio_import_input (in, 0));

  *out_heads = gonio_node_attr_int (in->node, "num_heads", 0);
  if (*out_heads > 0)
    return TRUE;
  if (*out_heads < 0 || gonio_node_attr_int (in->node, "rotary_embedding_dim", 0) > 0)
    return gonio_import_malformed (error, "num_heads is needed with rotary_embedding_dim.");
  if (size < 1 || size > G_MAXINT32 || all < 1)
    return gonio_import_unsupported (error, "without num_heads its tables and input need a known "
                                            "shape.");
  if (all % (2 * size) != 0)
    return gonio_import_malformed (error, "its tables do not fit its input.");
  *out_heads = all / (2 * size);
  return TRUE;
}

/* Inputs: x, positions ([1] or [batch,tokens]), tables of cosines and sines. */
static gboolean
rotary_embedding (GonioImportNode *in, GError **error)
{
  GonioValueId positions = gonio_import_input (in, 1);
  int rank = gonio_import_rank (in, gonio_import_input (in, 0));
  int places_rank = gonio_import_rank (in, positions);
  int64_t heads = 0;

  if (!gonio_import_check_attrs (in, attrs_rotary, error))
    return FALSE;
  if (in->node->n_inputs != 4)
    return gonio_import_malformed (error, "it must have four inputs.");
  if ((rank != 3 && rank != 4) || (places_rank != 1 && places_rank != 2))
    return gonio_import_unsupported (error, "its input needs a known rank of 3 or 4, its positions "
                                            "one of 1 or 2.");
  if (gonio_node_attr_float (in->node, "scale", 1) != 1 ||
      gonio_node_attr_int (in->node, "is_packed_batching", 0) != 0)
    return gonio_import_unsupported (error, "a scale and packed batches are not supported.");
  if (rank == 3 && !rotary_heads (in, &heads, error))
    return FALSE;
  if (places_rank == 1)
    positions = count_positions (in, positions, rank);
  const GonioValueId inputs[4] = {gonio_import_input (in, 0), gonio_import_input (in, 2),
                                  gonio_import_input (in, 3), positions};
  gonio_import_drop (in, "scale", GONIO_ATTR_FLOAT);
  gonio_import_drop (in, "is_packed_batching", GONIO_ATTR_INT);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_ROTARY_EMBEDDING);
  gonio_graph_set_inputs (in->graph, in->id, inputs, 4);
  if (rank == 3)
    gonio_graph_set_attr_int (in->graph, in->id, "num_heads", heads);
  return TRUE;
}

const GonioImportRow gonio_import_contrib_attention[] = {
    {"Attention", DOMAIN, 1, 0, fused_attention},
    {"EmbedLayerNormalization", DOMAIN, 1, 0, embed_layer_norm},
    {"LayerNormalization", DOMAIN, 1, 0, layer_norm},
    {"MultiHeadAttention", DOMAIN, 1, 0, multi_head_attention},
    {"QAttention", DOMAIN, 1, 0, q_attention},
    {"RotaryEmbedding", DOMAIN, 1, 0, rotary_embedding},
    {"SimplifiedLayerNormalization", "", 1, 0, simplified_layer_norm},
    {"SimplifiedLayerNormalization", DOMAIN, 1, 0, simplified_layer_norm},
    {"SkipLayerNormalization", DOMAIN, 1, 0, skip_layer_norm},
    {"SkipSimplifiedLayerNormalization", DOMAIN, 1, 0, skip_layer_norm},
    {0},
};
