/* Recurrent networks. Depends on family.h. */
#include "core/ops/family.h"

/* X [seq,batch,input], or [batch,seq,input] with layout 1. W [directions, gates*hidden, input].
 * Y [seq,directions,batch,hidden] or [batch,seq,directions,hidden]; states [directions,batch,
 * hidden] or [batch,directions,hidden]. */
static gboolean
infer_recurrent (GonioInfer *infer, GError **error)
{
  const char *direction = gonio_node_attr_string (infer->node, "direction", "forward");
  int64_t directions = g_str_equal (direction, "bidirectional") ? 2 : 1;
  int64_t layout = gonio_node_attr_int (infer->node, "layout", 0);
  int64_t hidden = gonio_node_attr_int (infer->node, "hidden_size", -1);
  GonioDType dtype = gonio_infer_dtype (infer, 0);
  GonioDim size = gonio_infer_dim (infer, 2, 2); /* R [directions, gates*hidden, hidden] */
  GonioSymShape y = gonio_sym_rank (4), state = gonio_sym_rank (3);

  if (!gonio_infer_need_rank (infer, 0, 3, 3, error) ||
      !gonio_infer_need_rank (infer, 1, 3, 3, error) ||
      !gonio_infer_need_rank (infer, 2, 3, 3, error))
    return FALSE;
  if (hidden >= 0 && size.value >= 0 && hidden != size.value)
    return gonio_infer_fail (
        error, "hidden_size is %" G_GINT64_FORMAT ", its weights have %" G_GINT64_FORMAT ".",
        hidden, size.value);
  if (size.value < 0 && hidden >= 0)
    size = GONIO_DIM (hidden);
  GonioDim sequence = gonio_infer_dim (infer, 0, layout != 0);
  GonioDim batch = gonio_infer_dim (infer, 0, layout == 0);
  const GonioDim rows[2][4] = {{sequence, GONIO_DIM (directions), batch, size},
                               {batch, sequence, GONIO_DIM (directions), size}};
  const GonioDim last[2][3] = {{GONIO_DIM (directions), batch, size},
                               {batch, GONIO_DIM (directions), size}};
  for (int d = 0; d < 4; d++)
    y.dims[d] = rows[layout != 0][d];
  for (int d = 0; d < 3; d++)
    state.dims[d] = last[layout != 0][d];
  return gonio_infer_set (infer, 0, dtype, &y, error) &&
         gonio_infer_set (infer, 1, dtype, &state, error) &&
         gonio_infer_set (infer, 2, dtype, &state, error);
}

#define COMMON                                                                                     \
  {"activation_alpha", GONIO_ATTR_FLOATS, FALSE}, {"activation_beta", GONIO_ATTR_FLOATS, FALSE},   \
      {"activations", GONIO_ATTR_STRINGS, FALSE}, {"clip", GONIO_ATTR_FLOAT, FALSE},               \
      {"direction", GONIO_ATTR_STRING, FALSE}, {"hidden_size", GONIO_ATTR_INT, FALSE},             \
  {                                                                                                \
    "layout", GONIO_ATTR_INT, FALSE                                                                \
  }

static const GonioAttrSchema attrs_rnn[] = {COMMON, {0}};
static const GonioAttrSchema attrs_gru[] = {
    COMMON, {"linear_before_reset", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_lstm[] = {COMMON, {"input_forget", GONIO_ATTR_INT, FALSE}, {0}};

#define LAYOUT GONIO_OPF_LAYOUT_SENSITIVE
#define TRANS  GONIO_TOLERANCE_TRANSCENDENTAL

const GonioOpDef gonio_ops_recurrent[] = {
    {GONIO_OP_GRU, 3, 6, 0, 2, LAYOUT, 0, TRANS, attrs_gru, infer_recurrent},
    {GONIO_OP_LSTM, 3, 8, 0, 3, LAYOUT, 0, TRANS, attrs_lstm, infer_recurrent},
    {GONIO_OP_RNN, 3, 6, 0, 2, LAYOUT, 0, TRANS, attrs_rnn, infer_recurrent},
    {.id = GONIO_OP_INVALID},
};
