/* Random graphs: operators met less often: attention, indices by vectors, bits, regions, signals,
 * losses, trees, scans, sequences. */
#include "tests/fuzz/random-graph.h"

#include "core/ops/ml.h"

#define F    GONIO_DTYPE_FLOAT
#define I64  GONIO_DTYPE_INT64
#define U8   GONIO_DTYPE_UINT8
#define NONE GONIO_VALUE_NONE

/* A float value with something in it. */
static V
pick_filled (RandomGraph *g, int min_rank, int max_rank, gboolean exact)
{
  V x = rg_pick (g, F, min_rank, max_rank, exact);
  const GonioShape *shape = rg_shape (g, x);

  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] == 0) {
      GonioShape other = {.rank = shape->rank};
      for (int k = 0; k < shape->rank; k++)
        other.dims[k] = 2 + k % 3;
      return rg_new (g, F, &other, RG_UNIFORM);
    }
  }
  return x;
}

/* Whole numbers from low to high, each a decision. */
static V
whole_numbers (RandomGraph *g, const GonioShape *shape, int64_t low, int64_t high)
{
  GonioTensor *tensor = gonio_tensor_new_zeroed (I64, shape, NULL);
  int64_t *data = gonio_tensor_writable_data (tensor);

  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    data[i] = rg_between (g, low, high);
  return rg_constant_of (g, tensor);
}

/* ---- attention ---- */

static void
add_attention (RandomGraph *g)
{
  V q = pick_filled (g, 4, 4, FALSE);
  const GonioShape in = *rg_shape (g, q);
  int64_t heads = rg_take (g, 3) ? in.dims[1] : 1, length = rg_between (g, 1, 6);
  GonioShape key = GONIO_SHAPE (in.dims[0], heads, length, in.dims[3]);
  GonioShape value = GONIO_SHAPE (in.dims[0], heads, length, rg_between (g, 1, 5));
  V inputs[4] = {q, rg_new (g, F, &key, RG_SMALL), rg_new (g, F, &value, RG_UNIFORM), NONE};

  if (rg_take (g, 3) == 0)
    inputs[3] = rg_new (g, F, RG_SHAPE (in.dims[2], length), RG_UNIFORM);
  GonioNodeId node = rg_node (g, GONIO_OP_ATTENTION, inputs, inputs[3] == NONE ? 3 : 4, 1);
  RG_INT (g, node, "is_causal", rg_take (g, 3) == 0);
  if (rg_take (g, 4) == 0)
    RG_FLOAT (g, node, "softcap", 2);
  rg_finish (g, node);
}

static void
add_linear_attention (RandomGraph *g)
{
  int64_t length = rg_between (g, 1, 4), heads = rg_between (g, 1, 2), share = rg_between (g, 1, 2);
  V inputs[3] = {rg_new (g, F, RG_SHAPE (2, length, heads * share * 3), RG_UNIFORM),
                 rg_new (g, F, RG_SHAPE (2, length, heads * 3), RG_SMALL),
                 rg_new (g, F, RG_SHAPE (2, length, heads * 2), RG_UNIFORM)};
  GonioNodeId node = rg_node (g, GONIO_OP_LINEAR_ATTENTION, inputs, 3, 2);

  RG_INT (g, node, "q_num_heads", heads * share);
  RG_INT (g, node, "kv_num_heads", heads);
  RG_STRING (g, node, "update_rule", "linear");
  rg_finish (g, node);
}

static void
add_rotary (RandomGraph *g)
{
  V x = pick_filled (g, 4, 4, FALSE);

  if (rg_shape (g, x)->dims[3] % 2)
    x = rg_new (g, F, RG_SHAPE (1, 2, rg_between (g, 1, 4), 6), RG_UNIFORM);
  const GonioShape *in = rg_shape (g, x);
  GonioShape cache = GONIO_SHAPE (in->dims[0], in->dims[2], in->dims[3] / 2);
  V inputs[3] = {x, rg_constant (g, F, &cache, RG_UNIFORM), rg_constant (g, F, &cache, RG_UNIFORM)};
  GonioNodeId node = rg_node (g, GONIO_OP_ROTARY_EMBEDDING, inputs, 3, 1);
  RG_INT (g, node, "interleaved", rg_take (g, 2));
  rg_finish (g, node);
}

/* ---- indices ---- */

/* n vectors that point into the first k dimensions of a shape. */
static V
vectors (RandomGraph *g, const GonioShape *shape, int64_t n, int k)
{
  GonioTensor *tensor = gonio_tensor_new_zeroed (I64, RG_SHAPE (n, k), NULL);
  int64_t *data = gonio_tensor_writable_data (tensor);

  for (int64_t i = 0; i < n * k; i++)
    data[i] = rg_between (g, -shape->dims[i % k], shape->dims[i % k] - 1);
  return rg_constant_of (g, tensor);
}

static void
add_by_vectors (RandomGraph *g) /* GatherND, ScatterND */
{
  V x = pick_filled (g, 1, 4, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int k = (int)rg_between (g, 1, in.rank);
  gboolean scatter = rg_take (g, 2), sum = rg_take (g, 2);
  int64_t n = scatter && !sum ? 1 : rg_between (g, 1, 3); /* twice the same place: only sums */
  V inputs[3] = {x, vectors (g, &in, n, k), NONE};

  if (scatter) {
    GonioShape updates = {.rank = 1 + in.rank - k, .dims = {n}};
    for (int d = k; d < in.rank; d++)
      updates.dims[1 + d - k] = in.dims[d];
    inputs[2] = rg_new (g, F, &updates, RG_UNIFORM);
  }
  GonioNodeId node =
      rg_node (g, scatter ? GONIO_OP_SCATTER_ND : GONIO_OP_GATHER_ND, inputs, scatter ? 3 : 2, 1);
  if (scatter && sum)
    RG_STRING (g, node, "reduction", "add");
  rg_finish (g, node);
}

static void
add_tensor_scatter (RandomGraph *g)
{
  V x = pick_filled (g, 3, 3, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int64_t length = rg_between (g, 1, MIN (in.dims[1], 3));
  V inputs[3] = {x, rg_new (g, F, RG_SHAPE (in.dims[0], length, in.dims[2]), RG_UNIFORM),
                 whole_numbers (g, RG_SHAPE (in.dims[0]), 0, in.dims[1] - length)};
  GonioNodeId node = rg_node (g, GONIO_OP_TENSOR_SCATTER, inputs, 3, 1);

  RG_STRING (g, node, "mode", rg_take (g, 2) ? "circular" : "linear");
  rg_finish (g, node);
}

static void
add_one_hot (RandomGraph *g)
{
  GonioShape shape = rg_random_shape (g, (int)rg_between (g, 0, 2));
  V inputs[3] = {whole_numbers (g, &shape, -4, 4), rg_scalar (g, I64, 4),
                 rg_new (g, F, RG_SHAPE (2), RG_UNIFORM)};
  GonioNodeId node = rg_node (g, GONIO_OP_ONE_HOT, inputs, 3, 1);

  RG_INT (g, node, "axis", rg_between (g, -1, shape.rank));
  rg_finish (g, node);
}

static void
add_reverse (RandomGraph *g)
{
  V x = pick_filled (g, 2, 4, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int time = (int)rg_take (g, 2);
  V inputs[2] = {x, whole_numbers (g, RG_SHAPE (in.dims[1 - time]), 1, in.dims[time])};
  GonioNodeId node = rg_node (g, GONIO_OP_REVERSE_SEQUENCE, inputs, 2, 1);

  RG_INT (g, node, "time_axis", time);
  RG_INT (g, node, "batch_axis", 1 - time);
  rg_finish (g, node);
}

/* ---- bits and types ---- */

static void
add_bits (RandomGraph *g)
{
  static const GonioOpId ops[] = {GONIO_OP_BITWISE_AND, GONIO_OP_BITWISE_OR, GONIO_OP_BITWISE_XOR};
  guint kind = rg_take (g, 5);

  if (kind == 4) {
    GonioShape shape = rg_random_shape (g, 2);
    V inputs[2] = {rg_new (g, U8, &shape, RG_BYTES), rg_constant (g, U8, &shape, RG_POSITIVE)};
    GonioNodeId node = rg_node (g, GONIO_OP_BITSHIFT, inputs, 2, 1);
    RG_STRING (g, node, "direction", rg_take (g, 2) ? "LEFT" : "RIGHT");
    rg_finish (g, node);
    return;
  }
  V x = rg_pick (g, I64, 0, 4, TRUE);
  const GonioShape shape = *rg_shape (g, x);
  if (kind == 3)
    rg_unary (g, GONIO_OP_BITWISE_NOT, x);
  else
    rg_binary (g, ops[kind], x, rg_new (g, I64, &shape, RG_BYTES));
}

static void
add_type_query (RandomGraph *g) /* IsNaN, IsInf, CastLike, BitCast */
{
  static const GonioDType types[] = {I64, GONIO_DTYPE_DOUBLE, GONIO_DTYPE_FLOAT16,
                                     GONIO_DTYPE_INT32};
  V x = rg_pick (g, F, 0, 4, TRUE);
  GonioNodeId node = 0;

  switch (rg_take (g, 4)) {
  case 0:
    rg_unary (g, GONIO_OP_IS_NAN, x);
    break;
  case 1:
    rg_unary (g, GONIO_OP_IS_INF, x);
    break;
  case 2:
    node = rg_node (g, GONIO_OP_BIT_CAST, &x, 1, 1);
    RG_INT (g, node, "to", GONIO_DTYPE_INT32);
    rg_finish (g, node);
    break;
  default:
    rg_binary (g, GONIO_OP_CAST_LIKE, x, rg_scalar (g, types[rg_take (g, 4)], 1));
  }
}

/* ---- shapes ---- */

static void
add_made_shape (RandomGraph *g) /* ConstantOfShape, EyeLike, CenterCropPad, Range, Size */
{
  V x = rg_pick (g, F, 2, 4, FALSE), y = NONE;
  const GonioShape in = *rg_shape (g, x);
  int64_t axes[2] = {rg_take (g, 2) ? 0 : -in.rank, 1};
  int64_t sizes[2] = {rg_between (g, 1, 6), rg_between (g, 1, 6)};
  GonioNodeId node = 0;

  switch (rg_take (g, 4)) {
  case 0:
    y = rg_unary (g, GONIO_OP_SHAPE, x);
    y = y == NONE ? NONE : rg_unary (g, GONIO_OP_CONSTANT_OF_SHAPE, y);
    if (y != NONE)
      rg_binary (g, GONIO_OP_ADD, y, x);
    break;
  case 1:
    x = in.rank == 2 ? x : rg_new (g, F, RG_SHAPE (sizes[0], sizes[1]), RG_UNIFORM);
    node = rg_node (g, GONIO_OP_EYE_LIKE, &x, 1, 1);
    RG_INT (g, node, "k", rg_between (g, -2, 2));
    y = rg_result (g, node);
    if (y != NONE)
      rg_binary (g, GONIO_OP_MUL, y, x);
    break;
  case 2:
    node = rg_node (g, GONIO_OP_CENTER_CROP_PAD, (const V[]){x, rg_ints (g, 2, sizes)}, 2, 1);
    RG_INTS (g, node, "axes", axes, 2);
    rg_finish (g, node);
    break;
  default:
    y = rg_unary (g, GONIO_OP_SIZE, x);
    if (y != NONE)
      rg_finish_dynamic (g, rg_node (g, GONIO_OP_RANGE,
                                     (const V[]){rg_scalar (g, I64, 0), y, rg_scalar (g, I64, 2)},
                                     3, 1));
  }
}

/* ---- regions and windows ---- */

static void
add_affine_sample (RandomGraph *g)
{
  V x = pick_filled (g, 4, 4, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int64_t size[4] = {in.dims[0], in.dims[1], rg_between (g, 2, 5), rg_between (g, 2, 5)};
  V inputs[2] = {rg_new (g, F, RG_SHAPE (in.dims[0], 2, 3), RG_SMALL), rg_ints (g, 4, size)};
  GonioNodeId node = rg_node (g, GONIO_OP_AFFINE_GRID, inputs, 2, 1);

  RG_INT (g, node, "align_corners", rg_take (g, 2));
  V grid = rg_result (g, node);
  if (grid == NONE)
    return;
  node = rg_node (g, GONIO_OP_GRID_SAMPLE, (const V[]){x, grid}, 2, 1);
  RG_STRING (g, node, "mode", "linear"); /* others jump */
  rg_finish (g, node);
}

static void
add_col2im (RandomGraph *g)
{
  int64_t image[2] = {rg_between (g, 2, 6), rg_between (g, 2, 6)}, block[2] = {1, 1};

  for (int d = 0; d < 2; d++)
    block[d] = rg_between (g, 1, image[d]);
  int64_t places = (image[0] - block[0] + 1) * (image[1] - block[1] + 1);
  GonioShape in = GONIO_SHAPE (1, 2 * block[0] * block[1], places);
  V inputs[3] = {rg_new (g, F, &in, RG_UNIFORM), rg_ints (g, 2, image), rg_ints (g, 2, block)};
  rg_apply (g, GONIO_OP_COL2IM, inputs, 3);
}

static void
add_deform_conv (RandomGraph *g)
{
  int64_t c = rg_between (g, 1, 4), k = rg_between (g, 1, 3), h = 3 + rg_take (g, 4), w = 5;
  V inputs[4] = {rg_new (g, F, RG_SHAPE (1, c, h, w), RG_UNIFORM),
                 rg_constant (g, F, RG_SHAPE (rg_between (g, 1, 4), c, k, k), RG_SMALL),
                 rg_new (g, F, RG_SHAPE (1, 2 * k * k, h - k + 1, w - k + 1), RG_SMALL), NONE};

  rg_apply (g, GONIO_OP_DEFORM_CONV, inputs, 3);
}

static void
add_regions (RandomGraph *g)
{
  V x = pick_filled (g, 4, 4, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int64_t n = rg_between (g, 1, 3), pooled[2] = {2, 3};
  GonioNodeId node = 0;

  if (rg_take (g, 2)) {
    V inputs[3] = {x, rg_new (g, F, RG_SHAPE (n, 4), RG_POSITIVE),
                   whole_numbers (g, RG_SHAPE (n), 0, in.dims[0] - 1)};
    node = rg_node (g, GONIO_OP_ROI_ALIGN, inputs, 3, 1);
    RG_INT (g, node, "output_height", 2);
    RG_INT (g, node, "output_width", rg_between (g, 1, 3));
    RG_INT (g, node, "sampling_ratio", rg_take (g, 3));
  } else {
    V batch = rg_constant (g, F, RG_SHAPE (n, 1), RG_POSITIVE), row[2] = {NONE, NONE};
    row[0] = rg_binary (g, GONIO_OP_MUL, batch, rg_scalar (g, F, 0));
    row[1] = rg_new (g, F, RG_SHAPE (n, 4), RG_POSITIVE);
    node = rg_node (g, GONIO_OP_CONCAT, row, 2, 1);
    RG_INT (g, node, "axis", 1);
    V rois = rg_result (g, node);
    if (rois == NONE)
      return;
    node = rg_node (g, GONIO_OP_MAX_ROI_POOL, (const V[]){x, rois}, 2, 1);
    RG_INTS (g, node, "pooled_shape", pooled, 2);
  }
  rg_finish (g, node);
}

static void
add_unpool (RandomGraph *g)
{
  const int64_t two[2] = {2, 2};
  V x = rg_new (g, F, RG_SHAPE (1, rg_between (g, 1, 4), 4, 6), RG_UNIFORM);
  GonioNodeId node = rg_node (g, GONIO_OP_MAX_POOL, &x, 1, 2);

  RG_INTS (g, node, "kernel_shape", two, 2);
  RG_INTS (g, node, "strides", two, 2);
  V pooled = rg_result (g, node);
  if (pooled == NONE)
    return;
  V inputs[2] = {pooled, g_array_index (g->pool, V, g->pool->len - 1)};
  node = rg_node (g, GONIO_OP_MAX_UNPOOL, inputs, 2, 1);
  RG_INTS (g, node, "kernel_shape", two, 2);
  RG_INTS (g, node, "strides", two, 2);
  rg_finish (g, node);
}

/* ---- signals, determinants, losses ---- */

static void
add_signal (RandomGraph *g)
{
  static const GonioOpId windows[] = {GONIO_OP_HANN_WINDOW, GONIO_OP_HAMMING_WINDOW,
                                      GONIO_OP_BLACKMAN_WINDOW};
  int64_t n = rg_between (g, 1, 9);
  guint kind = rg_take (g, 4);

  if (kind < 2) {
    gboolean onesided = rg_take (g, 2);
    GonioShape in = GONIO_SHAPE (2, n, onesided ? 1 : 1 + rg_take (g, 2));
    V inputs[3] = {rg_new (g, F, &in, RG_UNIFORM), NONE, rg_scalar (g, I64, 1)};
    GonioNodeId node = rg_node (g, GONIO_OP_DFT, inputs, 3, 1);
    RG_INT (g, node, "onesided", onesided);
    RG_INT (g, node, "inverse", !onesided && rg_take (g, 2));
    rg_finish (g, node);
  } else if (kind == 2) {
    rg_unary (g, windows[rg_take (g, 3)], rg_scalar (g, I64, (double)n));
  } else {
    int64_t side = rg_between (g, 1, 4);
    rg_unary (g, GONIO_OP_DET, rg_new (g, F, RG_SHAPE (2, side, side), RG_UNIFORM));
  }
}

static void
add_loss (RandomGraph *g)
{
  static const char *const reductions[] = {"none", "sum", "mean"};
  V x = pick_filled (g, 2, 4, FALSE);
  const GonioShape in = *rg_shape (g, x);
  gboolean softmax = rg_take (g, 2);
  GonioShape labels = {.rank = in.rank - 1, .dims = {in.dims[0]}};

  for (int d = 2; d < in.rank; d++)
    labels.dims[d - 1] = in.dims[d];
  V inputs[3] = {x, whole_numbers (g, &labels, 0, in.dims[1] - 1), NONE};
  if (rg_take (g, 2))
    inputs[2] = rg_constant (g, F, RG_SHAPE (in.dims[1]), RG_POSITIVE);
  GonioNodeId node = rg_node (
      g, softmax ? GONIO_OP_SOFTMAX_CROSS_ENTROPY_LOSS : GONIO_OP_NEGATIVE_LOG_LIKELIHOOD_LOSS,
      inputs, inputs[2] == NONE ? 2 : 3, softmax ? 1 + rg_take (g, 2) : 1);
  RG_STRING (g, node, "reduction", reductions[rg_take (g, 3)]);
  rg_finish (g, node);
}

/* ---- quantised layers ---- */

/* A scale and a zero point, of one element each. */
static void
quantum (RandomGraph *g, GonioDType dtype, V *out_pair)
{
  out_pair[0] = rg_scalar (g, F, 0.25 * (double)rg_between (g, 1, 5));
  out_pair[1] = rg_scalar (g, dtype, (double)rg_between (g, 0, 3));
}

static void
add_quantised_layer (RandomGraph *g)
{
  gboolean conv = rg_take (g, 2);
  int64_t k = rg_between (g, 1, 4), n = rg_between (g, 1, 5);
  GonioShape a = conv ? GONIO_SHAPE (1, k, 5, 4) : GONIO_SHAPE (3, k);
  GonioShape b = conv ? GONIO_SHAPE (n, k, 3, 2) : GONIO_SHAPE (k, n);
  V inputs[8] = {rg_new (g, U8, &a, RG_BYTES)};

  quantum (g, U8, inputs + 1);
  inputs[3] = rg_new (g, U8, &b, RG_BYTES);
  quantum (g, U8, inputs + 4);
  quantum (g, U8, inputs + 6);
  GonioNodeId node =
      rg_node (g, conv ? GONIO_OP_QLINEAR_CONV : GONIO_OP_QLINEAR_MATMUL, inputs, 8, 1);
  if (conv && rg_take (g, 2))
    RG_STRING (g, node, "auto_pad", "SAME_UPPER");
  rg_finish (g, node);
}

/* ---- trees ---- */

/* One or more trees, each a chain of decisions, with one leaf at each and one at its end. */
static void
add_trees (RandomGraph *g)
{
  static const char *const functions[] = {"SUM", "AVERAGE", "MIN", "MAX"};
  V x = pick_filled (g, 2, 2, TRUE);
  int64_t features = rg_shape (g, x)->dims[1], depth = rg_between (g, 1, 4);
  int64_t trees = rg_between (g, 1, 3), n = trees * depth, leaves = trees * (depth + 1);
  int64_t targets = rg_between (g, 1, 3), roots[3], starts[16], next = 0;
  GonioTensor *table = gonio_tensor_new_zeroed (I64, RG_SHAPE (n, GONIO_TREE_COLUMNS), NULL);
  int64_t *row = gonio_tensor_writable_data (table);

  for (int64_t i = 0; i < n; i++, row += GONIO_TREE_COLUMNS) {
    gboolean last = (i + 1) % depth == 0;
    row[GONIO_TREE_FEATURE] = rg_between (g, 0, features - 1);
    row[GONIO_TREE_MODE] = rg_between (g, GONIO_TREE_LEQ, GONIO_TREE_NEQ);
    row[GONIO_TREE_MISSING] = rg_take (g, 2);
    row[GONIO_TREE_TRUE] = -++next;
    row[GONIO_TREE_FALSE] = last ? -++next : i + 1;
  }
  for (int64_t t = 0; t < trees; t++)
    roots[t] = t * depth;
  for (int64_t i = 0; i <= leaves; i++)
    starts[i] = i;
  V inputs[7] = {x, rg_constant_of (g, table)};
  inputs[GONIO_TREE_SPLITS] = rg_constant (g, GONIO_DTYPE_DOUBLE, RG_SHAPE (n), RG_GRID);
  inputs[GONIO_TREE_LEAVES] = rg_ints (g, (guint)leaves + 1, starts);
  inputs[GONIO_TREE_TARGETS] = whole_numbers (g, RG_SHAPE (leaves), 0, targets - 1);
  inputs[GONIO_TREE_WEIGHTS] = rg_constant (g, F, RG_SHAPE (leaves), RG_UNIFORM);
  inputs[GONIO_TREE_ROOTS] = rg_ints (g, (guint)trees, roots);
  GonioNodeId node = rg_node (g, GONIO_OP_TREE_ENSEMBLE, inputs, 7, 1);
  RG_INT (g, node, "n_targets", targets);
  RG_STRING (g, node, "aggregate_function", functions[rg_take (g, 4)]);
  rg_finish (g, node);
}

/* ---- scans and sequences ---- */

/* Rows of x, each added to what came before it. */
static void
add_scan (RandomGraph *g)
{
  V x = pick_filled (g, 1, 3, FALSE);
  GonioShape row = *rg_shape (g, x);
  GonioGraph *body = gonio_graph_new ("body");

  row.rank--;
  for (int d = 0; d < row.rank; d++)
    row.dims[d] = row.dims[d + 1];
  GonioSymShape shape = gonio_sym_shape_from_shape (&row);
  V inner[2] = {gonio_graph_add_input (body, "state", F, &shape),
                gonio_graph_add_input (body, "row", F, &shape)};
  V sum = gonio_graph_add_value (body, "sum", GONIO_DTYPE_NONE, &(GonioSymShape){0});
  V copy = gonio_graph_add_value (body, "copy", GONIO_DTYPE_NONE, &(GonioSymShape){0});
  gonio_graph_add_node (body, GONIO_OP_ADD, NULL, inner, 2, &sum, 1);
  gonio_graph_add_node (body, rg_take (g, 2) ? GONIO_OP_TANH : GONIO_OP_NEG, NULL, &sum, 1, &copy,
                        1);
  gonio_graph_add_output (body, sum);
  gonio_graph_add_output (body, copy);
  V inputs[2] = {rg_new (g, F, &row, RG_UNIFORM), x};
  GonioNodeId node = rg_node (g, GONIO_OP_SCAN, inputs, 2, 2);
  gonio_graph_set_attr_graph (g->graph, node, "body", body);
  RG_INT (g, node, "num_scan_inputs", 1);
  g->rounds = TRUE;
  rg_finish (g, node);
}

static void
add_sequence (RandomGraph *g)
{
  V items[2] = {rg_pick (g, F, 0, 3, FALSE), rg_pick (g, F, 0, 3, FALSE)};
  GonioNodeId node = rg_node (g, GONIO_OP_SEQUENCE_CONSTRUCT, items, 2, 1);
  V list = gonio_graph_node (g->graph, node)->outputs[0];

  if (!gonio_infer_node (g->graph, node, NULL)) {
    gonio_graph_remove_node (g->graph, node);
    g->refused++;
    return;
  }
  V inputs[2] = {list, rg_scalar (g, I64, (double)rg_between (g, -2, 1))};
  rg_finish_dynamic (g, rg_node (g, GONIO_OP_SEQUENCE_AT, inputs, 2, 1));
}

const RandomRow random_menu_rest[] = {
    {4, add_attention},  {2, add_linear_attention},
    {3, add_rotary},     {4, add_by_vectors},
    {2, add_one_hot},    {2, add_tensor_scatter},
    {2, add_reverse},    {3, add_bits},
    {3, add_type_query}, {4, add_made_shape},
    {3, add_regions},    {2, add_affine_sample},
    {2, add_col2im},     {2, add_deform_conv},
    {2, add_unpool},     {3, add_signal},
    {2, add_loss},       {3, add_quantised_layer},
    {4, add_trees},      {3, add_scan},
    {2, add_sequence},   {0},
};
