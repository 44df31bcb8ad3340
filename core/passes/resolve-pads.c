/* Pass "resolve-pads": windows whose place depends on the input's size (auto_pad, output_shape)
 * get explicit pads once that size is known. */
#include "core/ops/spatial.h"
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

static const GonioOpId windows[] = {
    GONIO_OP_CONV,         GONIO_OP_CONV_TRANSPOSE, GONIO_OP_CONV_INTEGER, GONIO_OP_QLINEAR_CONV,
    GONIO_OP_AVERAGE_POOL, GONIO_OP_LP_POOL,        GONIO_OP_MAX_POOL,
};

static gboolean
has_window (guint op)
{
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    if (windows[i] == op)
      return TRUE;
  }
  return FALSE;
}

static gboolean
resolve (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  int64_t pads[2 * GONIO_MAX_SPATIAL] = {0};
  GonioSpatial s = {0};

  if (!has_window (node->op) ||
      (!gonio_node_attr (node, "auto_pad") && !gonio_node_attr (node, "output_shape")) ||
      !gonio_op_spatial (graph, node, &s, NULL))
    return FALSE;
  for (int i = 0; i < s.n; i++) {
    pads[i] = s.pads_begin[i];
    pads[s.n + i] = s.pads_end[i];
  }
  gonio_graph_set_attr_ints (graph, id, "pads", pads, 2 * (guint)s.n);
  if (node->op == GONIO_OP_CONV_TRANSPOSE)
    gonio_graph_set_attr_ints (graph, id, "output_padding", s.output_padding, (guint)s.n);
  gonio_graph_remove_attr (graph, id, "auto_pad");
  gonio_graph_remove_attr (graph, id, "output_shape");
  return TRUE;
}

gboolean
gonio_pass_resolve_pads (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                         GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  for (guint i = 0; i < n; i++)
    *out_changes += (guint)resolve (graph, nodes[i]);
  return TRUE;
}
