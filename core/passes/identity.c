/* Pass "identity": removes nodes that hand their input on unchanged. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

typedef gboolean (*Rule) (const GonioGraph *graph, const GonioNode *node);

/* Certainly of one shape: the same numbers, or the same symbols. */
static gboolean
keeps_shape_of (const GonioGraph *graph, const GonioNode *node, guint input)
{
  return gonio_sym_shape_equal (&gonio_graph_value (graph, node->inputs[input])->shape,
                                &gonio_graph_value (graph, node->outputs[0])->shape);
}

static gboolean
is_known (const GonioGraph *graph, const GonioNode *node)
{
  return gonio_sym_shape_known (&gonio_graph_value (graph, node->outputs[0])->shape, NULL);
}

static gboolean
always (const GonioGraph *graph, const GonioNode *node)
{
  return TRUE;
}

static gboolean
keeps_shape (const GonioGraph *graph, const GonioNode *node)
{
  return keeps_shape_of (graph, node, 0);
}

static gboolean
keeps_type (const GonioGraph *graph, const GonioNode *node)
{
  GonioDType from = gonio_graph_value (graph, node->inputs[0])->dtype;
  return from != GONIO_DTYPE_NONE && from == gonio_graph_value (graph, node->outputs[0])->dtype;
}

static gboolean
keeps_order (const GonioGraph *graph, const GonioNode *node)
{
  guint n = 0;
  const int64_t *perm = gonio_node_attr_ints (node, "perm", &n);

  for (guint i = 0; i < n; i++) {
    if (perm[i] != i)
      return FALSE;
  }
  return perm != NULL;
}

static gboolean
has_one_input (const GonioGraph *graph, const GonioNode *node)
{
  return node->n_inputs == 1;
}

/* A slice of equal size with steps of 1 takes every element in order. */
static gboolean
slices_everything (const GonioGraph *graph, const GonioNode *node)
{
  GonioValueId steps = gonio_match_input (node, 4);
  const GonioTensor *tensor = gonio_match_constant (graph, steps);

  if (steps != GONIO_VALUE_NONE && !tensor)
    return FALSE;
  for (int64_t i = 0; tensor && i < gonio_tensor_count (tensor); i++) {
    if (gonio_tensor_get_int (tensor, i) != 1)
      return FALSE;
  }
  return is_known (graph, node) && keeps_shape (graph, node);
}

static gboolean
pads_nothing (const GonioGraph *graph, const GonioNode *node)
{
  const GonioTensor *pads = gonio_match_constant (graph, gonio_match_input (node, 1));

  for (int64_t i = 0; pads && i < gonio_tensor_count (pads); i++) {
    if (gonio_tensor_get_int (pads, i) != 0)
      return FALSE;
  }
  return pads != NULL;
}

static gboolean
splits_nothing (const GonioGraph *graph, const GonioNode *node)
{
  return is_known (graph, node) && keeps_shape (graph, node);
}

/* At scale 1 every sample falls on its pixel, whatever the mode, but for a cropped region. */
static gboolean
resizes_nothing (const GonioGraph *graph, const GonioNode *node)
{
  const char *mode = gonio_node_attr_string (node, "coordinate_transformation_mode", "half_pixel");
  const GonioTensor *scales = gonio_match_constant (graph, gonio_match_input (node, 2));

  if (g_str_equal (mode, "tf_crop_and_resize") || g_str_equal (mode, "tf_half_pixel_for_nn"))
    return FALSE;
  for (int64_t i = 0; scales && i < gonio_tensor_count (scales); i++) {
    if (gonio_tensor_get_double (scales, i) != 1)
      return FALSE;
  }
  return (scales || gonio_match_input (node, 3) != GONIO_VALUE_NONE) && is_known (graph, node) &&
         keeps_shape (graph, node);
}

static gboolean
has_no_bounds (const GonioGraph *graph, const GonioNode *node)
{
  return gonio_match_input (node, 1) == GONIO_VALUE_NONE &&
         gonio_match_input (node, 2) == GONIO_VALUE_NONE;
}

/* The second input holds nothing but one number, and does not widen the first. */
static gboolean
second_is (const GonioGraph *graph, const GonioNode *node, double number)
{
  const GonioTensor *tensor = gonio_match_constant (graph, node->inputs[1]);

  if (!tensor || node->n_inputs != 2 || gonio_tensor_count (tensor) > GONIO_MAX_KNOWN ||
      gonio_tensor_dtype (tensor) == GONIO_DTYPE_STRING || gonio_node_attr (node, "activation"))
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    if (gonio_tensor_get_double (tensor, i) != number)
      return FALSE;
  }
  return keeps_shape (graph, node);
}

static gboolean
has_neutral_zero (const GonioGraph *graph, const GonioNode *node)
{
  return second_is (graph, node, 0);
}

static gboolean
has_neutral_one (const GonioGraph *graph, const GonioNode *node)
{
  return second_is (graph, node, 1);
}

static const struct {
  GonioOpId op;
  Rule is_identity;
} rules[] = {
    {GONIO_OP_IDENTITY, always},        {GONIO_OP_RESHAPE, keeps_shape},
    {GONIO_OP_FLATTEN, keeps_shape},    {GONIO_OP_EXPAND, keeps_shape},
    {GONIO_OP_SQUEEZE, keeps_shape},    {GONIO_OP_UNSQUEEZE, keeps_shape},
    {GONIO_OP_TILE, keeps_shape},       {GONIO_OP_SLICE, slices_everything},
    {GONIO_OP_PAD, pads_nothing},       {GONIO_OP_CAST, keeps_type},
    {GONIO_OP_CAST_LIKE, keeps_type},   {GONIO_OP_TRANSPOSE, keeps_order},
    {GONIO_OP_CONCAT, has_one_input},   {GONIO_OP_SUM, has_one_input},
    {GONIO_OP_MAX, has_one_input},      {GONIO_OP_MIN, has_one_input},
    {GONIO_OP_MEAN, has_one_input},     {GONIO_OP_SPLIT, splits_nothing},
    {GONIO_OP_RESIZE, resizes_nothing}, {GONIO_OP_CLIP, has_no_bounds},
    {GONIO_OP_ADD, has_neutral_zero},   {GONIO_OP_SUB, has_neutral_zero},
    {GONIO_OP_MUL, has_neutral_one},    {GONIO_OP_DIV, has_neutral_one},
};

static gboolean
is_identity (const GonioGraph *graph, const GonioNode *node)
{
  if (node->n_outputs != 1 || node->n_inputs == 0 || node->inputs[0] == GONIO_VALUE_NONE ||
      node->outputs[0] == GONIO_VALUE_NONE)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++) {
    if (rules[i].op == node->op)
      return rules[i].is_identity (graph, node);
  }
  return FALSE;
}

/* Commutative forms with the neutral constant in front are turned around first. */
static void
turn_around (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);

  if ((node->op != GONIO_OP_ADD && node->op != GONIO_OP_MUL) || node->n_inputs != 2 ||
      !gonio_match_constant (graph, node->inputs[0]) ||
      gonio_match_constant (graph, node->inputs[1]))
    return;
  GonioValueId swapped[2] = {node->inputs[1], node->inputs[0]};
  gonio_graph_set_inputs (graph, id, swapped, 2);
}

gboolean
gonio_pass_identity (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                     GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  for (guint i = 0; i < n; i++) {
    if (!gonio_graph_node (graph, nodes[i]))
      continue;
    turn_around (graph, nodes[i]);
    const GonioNode *node = gonio_graph_node (graph, nodes[i]);
    if (is_identity (graph, node) && gonio_match_bypass (graph, nodes[i], node->inputs[0]))
      (*out_changes)++;
  }
  return TRUE;
}
