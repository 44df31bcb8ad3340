/* Pass "fuse-pad": gives padding of spatial axes to the convolution or pool that follows. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

#include <math.h>

/* The constant that is padded with; FALSE for other modes and for chosen axes. */
static gboolean
padding_value (const GonioGraph *graph, const GonioNode *pad, double *out_value)
{
  GonioValueId value = gonio_match_input (pad, 2);

  *out_value = 0;
  return g_str_equal (gonio_node_attr_string (pad, "mode", "constant"), "constant") &&
         gonio_match_input (pad, 3) == GONIO_VALUE_NONE &&
         (value == GONIO_VALUE_NONE || gonio_match_scalar (graph, value, out_value));
}

static gboolean
has_own_pads (const GonioNode *node)
{
  guint n = 0;
  const int64_t *pads = gonio_node_attr_ints (node, "pads", &n);

  for (guint i = 0; i < n; i++) {
    if (pads[i] != 0)
      return TRUE;
  }
  return FALSE;
}

/* Padding is zeros to a convolution, nothing to a maximum, and to an average zeros that count
 * once it is told so. Windows that ceil_mode lets stick out would move with explicit pads. */
static gboolean
takes_padding (const GonioNode *node, double value)
{
  if (!g_str_equal (gonio_node_attr_string (node, "auto_pad", "NOTSET"), "NOTSET"))
    return FALSE;
  if (node->op == GONIO_OP_CONV)
    return value == 0;
  if (gonio_node_attr_int (node, "ceil_mode", 0) != 0)
    return FALSE;
  if (node->op == GONIO_OP_MAX_POOL)
    return node->n_outputs == 1 && value == -INFINITY;
  return node->op == GONIO_OP_AVERAGE_POOL && value == 0 &&
         (gonio_node_attr_int (node, "count_include_pad", 0) == 1 || !has_own_pads (node));
}

/* A pool's window must still touch the input. */
static gboolean
pads_fit_window (const GonioNode *node, const int64_t *pads, guint spatial)
{
  guint n = 0;
  const int64_t *kernel = gonio_node_attr_ints (node, "kernel_shape", &n);

  for (guint i = 0; node->op != GONIO_OP_CONV && i < 2 * spatial; i++) {
    if (n != spatial || pads[i] >= kernel[i % spatial])
      return FALSE;
  }
  return TRUE;
}

/* The pads of Pad and of the window together; FALSE when Pad touches more than space. */
static gboolean
join_pads (const GonioTensor *amounts, const int64_t *old, guint n_old, int64_t *out,
           guint *out_spatial)
{
  int64_t rank = gonio_tensor_count (amounts) / 2;
  guint spatial = rank > 2 ? (guint)(rank - 2) : 0;

  if (spatial == 0 || rank > GONIO_MAX_RANK || (old && n_old != 2 * spatial))
    return FALSE;
  for (int64_t i = 0; i < 2 * rank; i++) {
    int64_t axis = i % rank, amount = gonio_tensor_get_int (amounts, i);
    if (amount < 0 || amount > G_MAXINT16 || (axis < 2 && amount != 0))
      return FALSE;
    if (axis < 2)
      continue;
    guint k = (guint)(axis - 2) + (i < rank ? 0 : spatial);
    out[k] = amount + (old ? old[k] : 0);
  }
  *out_spatial = spatial;
  return TRUE;
}

static gboolean
fuse (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  const GonioNode *pad = gonio_match_made_by (graph, gonio_match_input (node, 0), GONIO_OP_PAD);
  int64_t pads[2 * GONIO_MAX_RANK] = {0};
  guint n_old = 0, spatial = 0;
  double value = 0;

  if (!pad || !padding_value (graph, pad, &value) || !takes_padding (node, value))
    return FALSE;
  const GonioTensor *amounts = gonio_match_constant (graph, gonio_match_input (pad, 1));
  const int64_t *old = gonio_node_attr_ints (node, "pads", &n_old);
  if (!amounts || !join_pads (amounts, old, n_old, pads, &spatial) ||
      !pads_fit_window (node, pads, spatial))
    return FALSE;
  GonioValueId input = pad->inputs[0];
  gonio_graph_set_attr_ints (graph, id, "pads", pads, 2 * spatial);
  if (node->op == GONIO_OP_AVERAGE_POOL)
    gonio_graph_set_attr_int (graph, id, "count_include_pad", 1);
  gonio_graph_set_input (graph, id, 0, input);
  return TRUE;
}

gboolean
gonio_pass_fuse_pad (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                     GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  for (guint i = 0; i < n; i++) {
    if (gonio_graph_node (graph, nodes[i]))
      *out_changes += (guint)fuse (graph, nodes[i]);
  }
  return TRUE;
}
