/* Pass "layer-norm": finds LayerNormalization spelled out,
 *
 *   (x - mean (x)) / sqrt (mean ((x - mean (x))^2) + epsilon) * scale + bias
 *
 * over the last axis; the square may be a power or a product, the division a product with a
 * reciprocal, the difference may be computed twice, scale and bias may be missing. */
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

static int64_t
last_dim (const GonioGraph *graph, GonioValueId x)
{
  const GonioSymShape *shape = &gonio_graph_value (graph, x)->shape;
  return shape->has_rank && shape->rank > 0 ? shape->dims[shape->rank - 1].value : -1;
}

/* mean over the last axis alone, dimension kept. */
static gboolean
is_last_mean (const GonioGraph *graph, const GonioNode *node)
{
  const GonioTensor *axes = gonio_match_constant (graph, gonio_match_input (node, 1));
  const GonioSymShape *shape = &gonio_graph_value (graph, node->inputs[0])->shape;

  if (!axes || gonio_tensor_count (axes) != 1 || !shape->has_rank ||
      gonio_node_attr_int (node, "keepdims", 1) != 1)
    return FALSE;
  int64_t axis = gonio_tensor_get_int (axes, 0);
  return axis == -1 || axis == shape->rank - 1;
}

/* d = x - mean (x), read by whomever. */
static gboolean
is_centred (const GonioGraph *graph, GonioValueId d, GonioValueId *out_x)
{
  const GonioNode *sub = gonio_match_origin (graph, d, GONIO_OP_SUB);

  if (!sub || !gonio_match_is_plain (sub, GONIO_OP_SUB))
    return FALSE;
  const GonioNode *mean = gonio_match_origin (graph, sub->inputs[1], GONIO_OP_REDUCE_MEAN);
  *out_x = sub->inputs[0];
  return mean && mean->inputs[0] == *out_x && is_last_mean (graph, mean);
}

/* The d of d^2. */
static gboolean
is_square (const GonioGraph *graph, GonioValueId value, GonioValueId *out_d)
{
  const GonioNode *power = gonio_match_made_by (graph, value, GONIO_OP_POW);
  const GonioNode *mul = gonio_match_made_by (graph, value, GONIO_OP_MUL);
  double exponent = 0;

  if (power) {
    *out_d = power->inputs[0];
    return gonio_match_scalar (graph, power->inputs[1], &exponent) && exponent == 2;
  }
  if (!mul || !gonio_match_is_plain (mul, GONIO_OP_MUL) || mul->inputs[0] != mul->inputs[1])
    return FALSE;
  *out_d = mul->inputs[0];
  return TRUE;
}

/* value = sqrt (mean ((x - mean (x))^2) + epsilon) */
static gboolean
is_deviation (const GonioGraph *graph, GonioValueId value, GonioValueId x, double *out_epsilon)
{
  const GonioNode *root = gonio_match_made_by (graph, value, GONIO_OP_SQRT);
  const GonioNode *add = root ? gonio_match_made_by (graph, root->inputs[0], GONIO_OP_ADD) : NULL;
  GonioValueId variance = GONIO_VALUE_NONE, d = GONIO_VALUE_NONE, inner = GONIO_VALUE_NONE;

  if (!add || !gonio_match_is_plain (add, GONIO_OP_ADD) ||
      !gonio_match_with_scalar (graph, add, &variance, out_epsilon))
    return FALSE;
  const GonioNode *mean = gonio_match_made_by (graph, variance, GONIO_OP_REDUCE_MEAN);
  return mean && is_last_mean (graph, mean) && is_square (graph, mean->inputs[0], &d) &&
         is_centred (graph, d, &inner) && inner == x;
}

/* value = d / deviation, or d * (1 / deviation). */
static gboolean
is_normalised (const GonioGraph *graph, const GonioNode *node, GonioValueId *out_x,
               double *out_epsilon)
{
  if (gonio_match_is_plain (node, GONIO_OP_DIV))
    return is_centred (graph, node->inputs[0], out_x) &&
           is_deviation (graph, node->inputs[1], *out_x, out_epsilon);
  if (!gonio_match_is_plain (node, GONIO_OP_MUL))
    return FALSE;
  for (guint i = 0; i < 2; i++) {
    const GonioNode *inverse =
        gonio_match_made_by (graph, node->inputs[1 - i], GONIO_OP_RECIPROCAL);
    if (inverse && is_centred (graph, node->inputs[i], out_x) &&
        is_deviation (graph, inverse->inputs[0], *out_x, out_epsilon))
      return TRUE;
  }
  return FALSE;
}

/* A constant vector along the last axis of x. */
static gboolean
is_last_vector (const GonioGraph *graph, GonioValueId value, GonioValueId x)
{
  const GonioTensor *tensor = gonio_match_constant (graph, value);
  return tensor && gonio_tensor_shape (tensor)->rank == 1 &&
         gonio_tensor_dtype (tensor) == gonio_graph_value (graph, x)->dtype &&
         gonio_tensor_shape (tensor)->dims[0] == last_dim (graph, x);
}

/* The parameter that the single reader of value applies with op, if it is such a vector. */
static GonioValueId
vector_applied (const GonioGraph *graph, GonioNodeId node, GonioOpId op, GonioValueId x,
                GonioNodeId *out_user)
{
  GonioValueId value = gonio_graph_node (graph, node)->outputs[0];
  GonioNodeId user = gonio_match_single_user (graph, value);

  if (user == GONIO_NODE_NONE || !gonio_match_is_plain (gonio_graph_node (graph, user), op))
    return GONIO_VALUE_NONE;
  const GonioNode *reader = gonio_graph_node (graph, user);
  GonioValueId other = reader->inputs[reader->inputs[0] == value];
  if (!is_last_vector (graph, other, x))
    return GONIO_VALUE_NONE;
  *out_user = user;
  return other;
}

static GonioValueId
add_ones (GonioGraph *graph, GonioNodeId node, GonioValueId x)
{
  GonioShape shape = GONIO_SHAPE (last_dim (graph, x));
  g_autoptr (GonioTensor) ones = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  g_autofree char *name = g_strconcat (gonio_graph_node (graph, node)->name, "/ones", NULL);

  if (!ones)
    return GONIO_VALUE_NONE;
  float *data = gonio_tensor_writable_data (ones);
  for (int64_t i = 0; i < shape.dims[0]; i++)
    data[i] = 1;
  return gonio_graph_add_constant (graph, name, ones);
}

static gboolean
recognise (GonioGraph *graph, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  GonioValueId x = GONIO_VALUE_NONE, bias = GONIO_VALUE_NONE;
  GonioNodeId last = id;
  double epsilon = 0;

  if (!is_normalised (graph, node, &x, &epsilon) || !gonio_match_is_float (graph, x) ||
      last_dim (graph, x) < 1)
    return FALSE;
  GonioValueId scale = vector_applied (graph, id, GONIO_OP_MUL, x, &last);
  bias = vector_applied (graph, last, GONIO_OP_ADD, x, &last);
  if (scale == GONIO_VALUE_NONE)
    scale = add_ones (graph, id, x);
  if (scale == GONIO_VALUE_NONE)
    return FALSE;
  const GonioValueId inputs[3] = {x, scale, bias};
  GonioNodeId made = gonio_match_replace (graph, last, GONIO_OP_LAYER_NORMALIZATION, inputs,
                                          bias == GONIO_VALUE_NONE ? 2 : 3);
  gonio_graph_set_attr_int (graph, made, "axis", -1);
  gonio_graph_set_attr_float (graph, made, "epsilon", (float)epsilon);
  return TRUE;
}

gboolean
gonio_pass_layer_norm (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                       GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  for (guint i = 0; i < n; i++) {
    if (gonio_graph_node (graph, nodes[i]))
      *out_changes += (guint)recognise (graph, nodes[i]);
  }
  return TRUE;
}
