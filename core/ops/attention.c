/* Attention and what belongs to it. Depends on family.h. */
#include "core/ops/family.h"

static GonioDim
divide (GonioDim dim, int64_t by)
{
  return dim.value >= 0 && by > 0 && dim.value % by == 0 ? GONIO_DIM (dim.value / by)
                                                         : GONIO_DIM_UNKNOWN;
}

/* Inputs: Q, K, V, mask, past key, past value, lengths. Q is [batch,heads,length,size] or
 * [batch,length,heads*size]; outputs: result, present key, present value, scores. */
static gboolean
infer_attention (GonioInfer *infer, GError **error)
{
  int rank = gonio_infer_rank (infer, 0);
  int64_t q_heads = gonio_node_attr_int (infer->node, "q_num_heads", 0);
  int64_t kv_heads = gonio_node_attr_int (infer->node, "kv_num_heads", 0);
  GonioDType dtype = gonio_infer_dtype (infer, 0);
  GonioSymShape y = gonio_sym_rank (rank), key = gonio_sym_rank (4), value = gonio_sym_rank (4);
  GonioSymShape scores = gonio_sym_rank (4);

  for (guint i = 0; i < 3; i++) {
    if (!gonio_infer_need_rank (infer, i, 3, 4, error))
      return FALSE;
  }
  if (rank < 0)
    return gonio_infer_dtype_only (infer, 0, dtype, error);
  if (rank == 3 && (q_heads < 1 || kv_heads < 1))
    return gonio_infer_fail (error, "q_num_heads and kv_num_heads are needed for rank 3.");

  GonioDim heads = rank == 4 ? gonio_infer_dim (infer, 0, 1) : GONIO_DIM (q_heads);
  GonioDim k_heads = rank == 4 ? gonio_infer_dim (infer, 1, 1) : GONIO_DIM (kv_heads);
  GonioDim length = gonio_infer_dim (infer, 0, rank - 2);
  GonioDim v_size = gonio_infer_dim (infer, 2, rank - 1);
  GonioDim k_size = gonio_infer_dim (infer, 1, rank - 1);
  GonioDim total = gonio_infer_dim (infer, 1, rank - 2);
  if (rank == 3) {
    v_size = divide (v_size, kv_heads);
    k_size = divide (k_size, kv_heads);
  }
  if (gonio_infer_input (infer, 4))
    total = gonio_dim_add (total, gonio_infer_dim (infer, 4, 2));
  y.dims[0] = key.dims[0] = value.dims[0] = scores.dims[0] = gonio_infer_dim (infer, 0, 0);
  y.dims[rank - 2] = length;
  y.dims[rank - 1] = rank == 4 ? v_size : gonio_dim_mul (heads, v_size);
  if (rank == 4)
    y.dims[1] = heads;
  key.dims[1] = value.dims[1] = k_heads;
  key.dims[2] = value.dims[2] = scores.dims[3] = total;
  key.dims[3] = k_size;
  value.dims[3] = v_size;
  scores.dims[1] = heads;
  scores.dims[2] = length;
  return gonio_infer_set (infer, 0, dtype, &y, error) &&
         gonio_infer_set (infer, 1, gonio_infer_dtype (infer, 1), &key, error) &&
         gonio_infer_set (infer, 2, gonio_infer_dtype (infer, 2), &value, error) &&
         gonio_infer_set (infer, 3, dtype, &scores, error);
}

static gboolean
infer_rotary (GonioInfer *infer, GError **error)
{
  if (gonio_infer_rank (infer, 0) == 3 && gonio_node_attr_int (infer->node, "num_heads", 0) < 1)
    return gonio_infer_fail (error, "num_heads is needed for rank 3.");
  return gonio_infer_need_rank (infer, 0, 3, 4, error) && gonio_infer_same (infer, error);
}

/* Inputs: query [batch,length,q_heads*key size], key, value [batch,length,heads*size], state
 * [batch,heads,key size,value size], decay, beta; outputs: result, next state. */
static gboolean
infer_linear (GonioInfer *infer, GError **error)
{
  int64_t q_heads = gonio_node_attr_int (infer->node, "q_num_heads", 0);
  int64_t heads = gonio_node_attr_int (infer->node, "kv_num_heads", 0);
  GonioDType dtype = gonio_infer_dtype (infer, 0);
  GonioSymShape y = gonio_sym_rank (3), state = gonio_sym_rank (4);

  for (guint i = 0; i < 6; i++) {
    if (!gonio_infer_need_rank (infer, i, i == 3 ? 4 : 3, i == 3 ? 4 : 3, error))
      return FALSE;
  }
  if (heads < 1 || heads > GONIO_MAX_DIM || q_heads < 1 || q_heads % heads != 0)
    return gonio_infer_fail (
        error, "%" G_GINT64_FORMAT " query heads cannot share %" G_GINT64_FORMAT " key heads.",
        q_heads, heads);
  GonioDim v_size = divide (gonio_infer_dim (infer, 2, 2), heads);
  y.dims[0] = state.dims[0] = gonio_infer_dim (infer, 0, 0);
  y.dims[1] = gonio_infer_dim (infer, 0, 1);
  y.dims[2] = gonio_dim_mul (GONIO_DIM (q_heads), v_size);
  state.dims[1] = GONIO_DIM (heads);
  state.dims[2] = divide (gonio_infer_dim (infer, 1, 2), heads);
  state.dims[3] = v_size;
  return gonio_infer_set (infer, 0, dtype, &y, error) &&
         gonio_infer_set (infer, 1, gonio_infer_dtype (infer, gonio_infer_input (infer, 3) ? 3 : 0),
                          &state, error);
}

static const GonioAttrSchema attrs_attention[] = {
    {"is_causal", GONIO_ATTR_INT, FALSE},         {"kv_num_heads", GONIO_ATTR_INT, FALSE},
    {"q_num_heads", GONIO_ATTR_INT, FALSE},       {"qk_matmul_output_mode", GONIO_ATTR_INT, FALSE},
    {"scale", GONIO_ATTR_FLOAT, FALSE},           {"softcap", GONIO_ATTR_FLOAT, FALSE},
    {"softmax_precision", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_linear[] = {
    {"chunk_size", GONIO_ATTR_INT, FALSE},     {"kv_num_heads", GONIO_ATTR_INT, TRUE},
    {"q_num_heads", GONIO_ATTR_INT, TRUE},     {"scale", GONIO_ATTR_FLOAT, FALSE},
    {"update_rule", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_rotary[] = {{"interleaved", GONIO_ATTR_INT, FALSE},
                                               {"num_heads", GONIO_ATTR_INT, FALSE},
                                               {"rotary_embedding_dim", GONIO_ATTR_INT, FALSE},
                                               {0}};

#define LAYOUT GONIO_OPF_LAYOUT_SENSITIVE

const GonioOpDef gonio_ops_attention[] = {
    {GONIO_OP_ATTENTION, 3, 7, 1, 4, LAYOUT, 0, GONIO_TOLERANCE_TRANSCENDENTAL, attrs_attention,
     infer_attention},
    {GONIO_OP_LINEAR_ATTENTION, 3, 6, 1, 2, LAYOUT, 0, GONIO_TOLERANCE_TRANSCENDENTAL, attrs_linear,
     infer_linear},
    {GONIO_OP_ROTARY_EMBEDDING, 3, 4, 1, 1, LAYOUT, 0, GONIO_TOLERANCE_ROUNDING, attrs_rotary,
     infer_rotary},
    {.id = GONIO_OP_INVALID},
};
