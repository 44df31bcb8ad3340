/* Pass "fuse-norm": folds a per-channel scale and offset that follows a convolution or Gemm
 * with constant weights into them: BatchNormalization, Mul, Div, Add or Sub with constants. */
#include "core/base/memory.h"
#include "core/passes/match.h"
#include "core/passes/pass-list.h"

#include <math.h>

/* y[c] = x[c] * factor[c] + offset[c] */
typedef struct {
  double *factor, *offset;
  int64_t channels;
} Affine;

static void
affine_clear (Affine *affine)
{
  g_clear_pointer (&affine->factor, g_free);
  g_clear_pointer (&affine->offset, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Affine, affine_clear)

static const GonioTensor *
float_constant (const GonioGraph *graph, GonioValueId value)
{
  const GonioTensor *tensor = gonio_match_constant (graph, value);
  return tensor && gonio_tensor_dtype (tensor) == GONIO_DTYPE_FLOAT ? tensor : NULL;
}

static gboolean
read_batch_norm (const GonioGraph *graph, const GonioNode *node, Affine *affine)
{
  const float *parts[4] = {NULL}; /* scale, bias, mean, variance */
  if (node->n_outputs != 1 || gonio_node_attr_int (node, "training_mode", 0) != 0 ||
      gonio_node_attr (node, "activation"))
    return FALSE;
  for (guint i = 0; i < 4; i++) {
    const GonioTensor *tensor = float_constant (graph, gonio_match_input (node, i + 1));
    if (!tensor || gonio_tensor_count (tensor) != affine->channels)
      return FALSE;
    parts[i] = gonio_tensor_data (tensor);
  }
  const double epsilon = gonio_node_attr_float (node, "epsilon", 1e-5f);
  for (int64_t c = 0; c < affine->channels; c++) {
    affine->factor[c] = parts[0][c] / sqrt (parts[3][c] + epsilon);
    affine->offset[c] = parts[1][c] - parts[2][c] * affine->factor[c];
    if (!isfinite (affine->factor[c]) || !isfinite (affine->offset[c]))
      return FALSE;
  }
  return TRUE;
}

/* A constant that varies along the channel axis (1) of a rank-dimensional value at most. */
static gboolean
read_per_channel (const GonioTensor *tensor, int rank, int64_t channels, double *out)
{
  const GonioShape *shape = gonio_tensor_shape (tensor);
  if (shape->rank > rank)
    return FALSE;
  for (int i = 0; i < shape->rank; i++) {
    const int axis = rank - shape->rank + i;
    if (shape->dims[i] != 1 && (axis != 1 || shape->dims[i] != channels))
      return FALSE;
  }
  const float *data = gonio_tensor_data (tensor);
  const gboolean single = gonio_tensor_count (tensor) == 1;
  for (int64_t c = 0; c < channels; c++)
    out[c] = data[single ? 0 : c];
  return TRUE;
}

static gboolean
read_arithmetic (const GonioGraph *graph, const GonioNode *node, GonioValueId from, int rank,
                 Affine *affine)
{
  gboolean second = node->n_inputs == 2 && node->inputs[0] == from;
  const GonioTensor *tensor =
      node->n_inputs == 2 ? float_constant (graph, node->inputs[second]) : NULL;
  gboolean scales = node->op == GONIO_OP_MUL || node->op == GONIO_OP_DIV;

  if (!tensor || gonio_node_attr (node, "activation") ||
      (!second && (node->op == GONIO_OP_DIV || node->op == GONIO_OP_SUB)))
    return FALSE;
  for (int64_t c = 0; c < affine->channels; c++) {
    affine->factor[c] = 1;
    affine->offset[c] = 0;
  }
  if (!read_per_channel (tensor, rank, affine->channels, scales ? affine->factor : affine->offset))
    return FALSE;
  for (int64_t c = 0; c < affine->channels; c++) {
    if (node->op == GONIO_OP_DIV)
      affine->factor[c] = 1 / affine->factor[c];
    if (node->op == GONIO_OP_SUB)
      affine->offset[c] = -affine->offset[c];
    if (!isfinite (affine->factor[c]) || !isfinite (affine->offset[c]))
      return FALSE;
  }
  return TRUE;
}

/* ---- the weights ---- */

typedef struct {
  const GonioTensor *weights;
  int rank;           /* of the output */
  int64_t channels;   /* of the output */
  int64_t inner;      /* weight elements that share one output channel and follow each other */
  int64_t per_group;  /* output channels along the weight's channel axis */
  int64_t group_span; /* elements that belong to one group */
} Layer;

/* Output channel that weight element e contributes to. */
static int64_t
channel_of (const Layer *layer, int64_t e)
{
  return (e / layer->inner) % layer->per_group + e / layer->group_span * layer->per_group;
}

static gboolean
read_layer (const GonioGraph *graph, const GonioNode *node, Layer *layer)
{
  const GonioTensor *weights = float_constant (graph, gonio_match_input (node, 1));
  if (!weights || gonio_node_attr (node, "activation") ||
      gonio_match_input (node, 3) != GONIO_VALUE_NONE)
    return FALSE;
  const GonioShape *shape = gonio_tensor_shape (weights);
  const int64_t count = gonio_tensor_count (weights);
  const int64_t groups = gonio_node_attr_int (node, "group", 1);
  layer->weights = weights;
  layer->rank = shape->rank;
  if (count <= 0 || shape->rank < 2 || groups <= 0)
    return FALSE;
  if (node->op == GONIO_OP_CONV) { /* [M, C/g, ...]: channels outermost */
    layer->channels = layer->per_group = shape->dims[0];
    layer->inner = count / shape->dims[0];
    layer->group_span = count;
  } else if (node->op == GONIO_OP_CONV_TRANSPOSE) { /* [C, M/g, ...], groups along C */
    layer->per_group = shape->dims[1];
    layer->channels = layer->per_group * groups;
    layer->inner = count / (shape->dims[0] * shape->dims[1]);
    if (shape->dims[0] % groups != 0)
      return FALSE;
    layer->group_span = count / groups;
  } else if (shape->rank == 2) { /* Gemm, MatMul: [K, N], or [N, K] when transB */
    if (gonio_node_attr_float (node, "beta", 1) != 1)
      return FALSE;
    const gboolean transposed = gonio_node_attr_int (node, "transB", 0) != 0;
    layer->channels = layer->per_group = shape->dims[transposed ? 0 : 1];
    layer->inner = transposed ? shape->dims[1] : 1;
    layer->group_span = count;
  } else {
    return FALSE;
  }
  return TRUE;
}

/* Operators with weights; a product of two matrices becomes a Gemm, for its bias. */
static gboolean
is_layer (const GonioGraph *graph, const GonioNode *node)
{
  if (node->op == GONIO_OP_MATMUL) {
    const GonioSymShape *shape = &gonio_graph_value (graph, node->inputs[0])->shape;
    return shape->has_rank && shape->rank == 2;
  }
  return node->op == GONIO_OP_CONV || node->op == GONIO_OP_CONV_TRANSPOSE ||
         node->op == GONIO_OP_GEMM;
}

/* The layer's bias per channel, zeros when it has none; FALSE for one of another form. */
static gboolean
read_bias (const GonioGraph *graph, const GonioNode *node, const Layer *layer, double *out)
{
  const GonioValueId id = gonio_match_input (node, 2);
  const GonioTensor *bias = float_constant (graph, id);
  for (int64_t c = 0; c < layer->channels; c++)
    out[c] = 0;
  if (id == GONIO_VALUE_NONE)
    return TRUE;
  return bias && read_per_channel (bias, 2, layer->channels, out);
}

static gboolean
write_layer (GonioGraph *graph, GonioNodeId id, const Layer *layer, const Affine *affine,
             const double *bias, GError **error)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  const GonioShape bias_shape = GONIO_SHAPE (layer->channels);
  g_autoptr (GonioTensor) new_weights =
      gonio_tensor_new (GONIO_DTYPE_FLOAT, gonio_tensor_shape (layer->weights), error);
  g_autoptr (GonioTensor) new_bias =
      new_weights ? gonio_tensor_new (GONIO_DTYPE_FLOAT, &bias_shape, error) : NULL;
  if (!new_bias)
    return FALSE;
  const float *from = gonio_tensor_data (layer->weights);
  float *to = gonio_tensor_writable_data (new_weights);
  const int64_t count = gonio_tensor_count (layer->weights);
  for (int64_t e = 0; e < count; e++)
    to[e] = (float)(from[e] * affine->factor[channel_of (layer, e)]);
  float *b = gonio_tensor_writable_data (new_bias);
  for (int64_t c = 0; c < layer->channels; c++)
    b[c] = (float)(bias[c] * affine->factor[c] + affine->offset[c]);

  const GonioValueId inputs[] = {
      node->inputs[0],
      gonio_graph_add_constant (graph, gonio_graph_value (graph, node->inputs[1])->name,
                                new_weights),
      gonio_graph_add_constant (graph, node->name, new_bias),
  };
  gonio_graph_set_inputs (graph, id, inputs, 3);
  if (node->op == GONIO_OP_MATMUL)
    gonio_graph_set_op (graph, id, GONIO_OP_GEMM);
  return TRUE;
}

/* What the node reading the layer's output does to each channel. */
static gboolean
read_affine (const GonioGraph *graph, const GonioNode *user, GonioValueId from, int rank,
             Affine *affine)
{
  switch (user->op) {
  case GONIO_OP_BATCH_NORMALIZATION:
    return user->inputs[0] == from && read_batch_norm (graph, user, affine);
  case GONIO_OP_MUL:
  case GONIO_OP_DIV:
  case GONIO_OP_ADD:
  case GONIO_OP_SUB:
    return read_arithmetic (graph, user, from, rank, affine);
  default:
    return FALSE;
  }
}

static gboolean
fuse (GonioGraph *graph, GonioNodeId id, gboolean *out_changed, GError **error)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  Layer layer = {0};

  *out_changed = FALSE;
  if (!is_layer (graph, node) || node->outputs[0] == GONIO_VALUE_NONE ||
      !read_layer (graph, node, &layer))
    return TRUE;
  GonioValueId output = node->outputs[0];
  GonioNodeId user_id = gonio_match_single_user (graph, output);
  if (user_id == GONIO_NODE_NONE)
    return TRUE;
  g_autofree double *bias = NULL;
  size_t n = (size_t)layer.channels;
  g_auto (Affine) affine = {.channels = layer.channels};
  affine.factor = gonio_new (double, n, "a norm's factors", error);
  affine.offset = affine.factor ? gonio_new (double, n, "a norm's offsets", error) : NULL;
  bias = affine.offset ? gonio_new (double, n, "a layer's bias", error) : NULL;
  if (!bias)
    return FALSE;
  if (!read_affine (graph, gonio_graph_node (graph, user_id), output, layer.rank, &affine) ||
      !read_bias (graph, node, &layer, bias))
    return TRUE;
  if (!write_layer (graph, id, &layer, &affine, bias, error))
    return FALSE;
  gonio_match_take_output (graph, id, user_id);
  *out_changed = TRUE;
  return TRUE;
}

gboolean
gonio_pass_fuse_norm (GonioGraph *graph, const GonioPassOptions *options, guint *out_changes,
                      GError **error)
{
  guint n = 0;
  g_autofree GonioNodeId *nodes = gonio_match_order (graph, &n);

  for (guint i = 0; i < n; i++) {
    /* Several may follow each other: Conv, Mul, Add. */
    gboolean changed = gonio_graph_node (graph, nodes[i]) != NULL;
    while (changed) {
      if (!fuse (graph, nodes[i], &changed, error))
        return FALSE;
      *out_changes += (guint)changed;
    }
  }
  return TRUE;
}
