/* Pass "fuse-activation": lets a convolution, product or sum apply the activation that follows
 * it (attributes of core/graph/activation.h). */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

#include "core/graph/activation.h"

#include <math.h>

static gboolean
relu (const GonioGraph *graph, const GonioNode *node, GonioActivation *out)
{
  *out = (GonioActivation){GONIO_ACT_CLIP, {0, INFINITY}};
  return TRUE;
}

static gboolean
clip (const GonioGraph *graph, const GonioNode *node, GonioActivation *out)
{
  double ends[2] = {-INFINITY, INFINITY};

  for (guint i = 0; i < 2; i++) {
    GonioValueId end = gonio_match_input (node, i + 1);
    if (end != GONIO_VALUE_NONE && !gonio_match_scalar (graph, end, &ends[i]))
      return FALSE;
  }
  *out = (GonioActivation){GONIO_ACT_CLIP, {(float)ends[0], (float)ends[1]}};
  return ends[0] <= ends[1];
}

static gboolean
leaky_relu (const GonioGraph *graph, const GonioNode *node, GonioActivation *out)
{
  *out = (GonioActivation){GONIO_ACT_LEAKY_RELU, {gonio_node_attr_float (node, "alpha", 0.01f)}};
  return TRUE;
}

static gboolean
sigmoid (const GonioGraph *graph, const GonioNode *node, GonioActivation *out)
{
  *out = (GonioActivation){.kind = GONIO_ACT_SIGMOID};
  return TRUE;
}

static gboolean
tanh_ (const GonioGraph *graph, const GonioNode *node, GonioActivation *out)
{
  *out = (GonioActivation){.kind = GONIO_ACT_TANH};
  return TRUE;
}

static gboolean
swish (const GonioGraph *graph, const GonioNode *node, GonioActivation *out)
{
  *out = (GonioActivation){.kind = GONIO_ACT_SWISH};
  return gonio_node_attr_float (node, "alpha", 1.0f) == 1.0f;
}

static gboolean
hard_swish (const GonioGraph *graph, const GonioNode *node, GonioActivation *out)
{
  *out = (GonioActivation){.kind = GONIO_ACT_HARD_SWISH};
  return TRUE;
}

static const struct {
  GonioOpId op;
  gboolean (*read) (const GonioGraph *graph, const GonioNode *node, GonioActivation *out);
  guint n_params;
} activations[] = {
    {GONIO_OP_RELU, relu, 2},
    {GONIO_OP_CLIP, clip, 2},
    {GONIO_OP_LEAKY_RELU, leaky_relu, 1},
    {GONIO_OP_SIGMOID, sigmoid, 0},
    {GONIO_OP_TANH, tanh_, 0},
    {GONIO_OP_SWISH, swish, 0},
    {GONIO_OP_HARD_SWISH, hard_swish, 0},
};

static const GonioOpId carriers[] = {
    GONIO_OP_CONV,
    GONIO_OP_CONV_TRANSPOSE,
    GONIO_OP_GEMM,
    GONIO_OP_MATMUL,
    GONIO_OP_BATCH_NORMALIZATION,
    GONIO_OP_ADD,
    GONIO_OP_SUB,
    GONIO_OP_MUL,
    GONIO_OP_DIV,
};

static gboolean
carries (guint op)
{
  for (guint i = 0; i < G_N_ELEMENTS (carriers); i++)
    if (carriers[i] == op)
      return TRUE;
  return FALSE;
}

static gboolean
fuse (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);

  if (!carries (node->op) || !gonio_match_is_plain (node, node->op) ||
      !gonio_match_is_float (graph, node->outputs[0]))
    return FALSE;
  GonioNodeId user_id = gonio_match_single_user (graph, node->outputs[0]);
  const GonioNode *user = user_id == GONIO_NODE_NONE ? NULL : gonio_graph_node (graph, user_id);
  /* Read as data, not as the bound of a Clip. */
  if (!user || user->n_inputs == 0 || user->inputs[0] != node->outputs[0])
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (activations); i++) {
    GonioActivation activation = {0};
    if (activations[i].op != user->op || !activations[i].read (graph, user, &activation))
      continue;
    gonio_graph_set_attr_string (graph, id, "activation", gonio_activation_name (activation.kind));
    if (activations[i].n_params)
      gonio_graph_set_attr_floats (graph, id, "activation_params", activation.params,
                                   activations[i].n_params);
    gonio_match_take_output (graph, id, user_id);
    return TRUE;
  }
  return FALSE;
}

gboolean
gonio_pass_fuse_activation (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
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
