/* Random graphs: layers with weights, windows, norms and samplers. */
#include "tests/fuzz/random-graph.h"

#include <string.h>

#define F    GONIO_DTYPE_FLOAT
#define NONE GONIO_VALUE_NONE

/* ---- windows ---- */

typedef struct {
  int n; /* spatial axes */
  int64_t kernel[3], strides[3], dilations[3], pads[6];
  const char *auto_pad; /* nullable */
} Window;

static const char *const auto_pads[] = {"SAME_UPPER", "SAME_LOWER", "VALID"};

/* A window that fits into the input's spatial axes and, for pools, is nowhere all padding. */
static Window
random_window (RandomGraph *g, const GonioShape *x, int64_t max_kernel)
{
  Window w = {.n = x->rank - 2};

  if (rg_take (g, 6) == 0)
    w.auto_pad = auto_pads[rg_take (g, G_N_ELEMENTS (auto_pads))];
  for (int d = 0; d < w.n; d++) {
    int64_t size = x->dims[d + 2];
    w.kernel[d] = rg_between (g, 1, max_kernel);
    w.strides[d] = 1 + rg_take (g, 6) / 3 + rg_take (g, 8) / 7;
    w.dilations[d] = rg_take (g, 5) == 0 ? 2 : 1;
    if (w.dilations[d] * (w.kernel[d] - 1) + 1 > size)
      w.kernel[d] = w.dilations[d] = 1;
    int64_t reach = w.dilations[d] * (w.kernel[d] - 1);
    w.pads[d] = MIN (rg_take (g, 3), reach);
    w.pads[d + w.n] = rg_take (g, 4) ? w.pads[d] : MIN (rg_take (g, 3), reach);
  }
  return w;
}

static void
set_window (RandomGraph *g, GonioNodeId node, const Window *w, gboolean kernel)
{
  if (kernel)
    RG_INTS (g, node, "kernel_shape", w->kernel, (guint)w->n);
  RG_INTS (g, node, "strides", w->strides, (guint)w->n);
  RG_INTS (g, node, "dilations", w->dilations, (guint)w->n);
  if (w->auto_pad)
    RG_STRING (g, node, "auto_pad", w->auto_pad);
  else
    RG_INTS (g, node, "pads", w->pads, 2 * (guint)w->n);
}

/* 1, all channels, or some other divisor. */
static int64_t
random_groups (RandomGraph *g, int64_t channels)
{
  switch (rg_take (g, 5)) {
  case 0:
    return MAX (channels, 1);
  case 1:
    for (int64_t n = 2; n < channels; n++)
      if (channels % n == 0)
        return n;
    return 1;
  default:
    return 1;
  }
}

static V
maybe_bias (RandomGraph *g, int64_t n)
{
  return rg_take (g, 2) ? rg_constant (g, F, RG_SHAPE (n), RG_UNIFORM) : NONE;
}

static V
pick_image (RandomGraph *g)
{
  V x = rg_pick (g, F, 3, 5, FALSE);
  const GonioShape *shape = rg_shape (g, x);

  for (int d = 0; d < shape->rank; d++)
    if (shape->dims[d] == 0)
      return rg_new (g, F, RG_SHAPE (1, 4, 6, 6), RG_UNIFORM);
  return x;
}

static V
convolve (RandomGraph *g, V x)
{
  const GonioShape *in = rg_shape (g, x);
  Window w = random_window (g, in, in->rank == 5 ? 2 : 3 + 2 * (rg_take (g, 6) == 0));
  int64_t groups = random_groups (g, in->dims[1]);
  GonioShape weight = {.rank = in->rank};

  weight.dims[0] = groups * rg_between (g, 1, groups > 1 ? 3 : 19);
  weight.dims[1] = in->dims[1] / groups;
  for (int d = 0; d < w.n; d++)
    weight.dims[d + 2] = w.kernel[d];
  V inputs[3] = {x, NONE, NONE};
  inputs[1] =
      rg_take (g, 8) ? rg_constant (g, F, &weight, RG_SMALL) : rg_new (g, F, &weight, RG_SMALL);
  inputs[2] = maybe_bias (g, weight.dims[0]);
  GonioNodeId node = rg_node (g, GONIO_OP_CONV, inputs, inputs[2] == NONE ? 2 : 3, 1);
  set_window (g, node, &w, rg_take (g, 2));
  RG_INT (g, node, "group", groups);
  return rg_result (g, node);
}

static void
add_conv (RandomGraph *g)
{
  convolve (g, pick_image (g));
}

static V
convolve_transposed (RandomGraph *g, V x)
{
  const GonioShape *in = rg_shape (g, x);
  Window w = random_window (g, in, 3);
  int64_t groups = random_groups (g, in->dims[1]), extra[3] = {0}, sizes[3] = {0};
  GonioShape weight = {.rank = in->rank};

  weight.dims[0] = in->dims[1];
  weight.dims[1] = rg_between (g, 1, 6);
  for (int d = 0; d < w.n; d++) {
    weight.dims[d + 2] = w.kernel[d];
    int64_t reach = w.dilations[d] * (w.kernel[d] - 1) + 1;
    extra[d] = rg_take (g, 3) ? 0 : rg_between (g, 0, MAX (w.strides[d], w.dilations[d]) - 1);
    int64_t least = (in->dims[d + 2] - 1) * w.strides[d] + reach + extra[d];
    if (least - w.pads[d] - w.pads[d + w.n] < 1)
      w.pads[d] = w.pads[d + w.n] = 0;
    sizes[d] = MAX (least - (int64_t)rg_take (g, 3), 1);
  }
  V inputs[3] = {x, rg_constant (g, F, &weight, RG_SMALL), NONE};
  inputs[2] = maybe_bias (g, weight.dims[1] * groups);
  GonioNodeId node = rg_node (g, GONIO_OP_CONV_TRANSPOSE, inputs, inputs[2] == NONE ? 2 : 3, 1);
  set_window (g, node, &w, TRUE);
  RG_INT (g, node, "group", groups);
  RG_INTS (g, node, "output_padding", extra, (guint)w.n);
  if (rg_take (g, 8) == 0)
    RG_INTS (g, node, "output_shape", sizes, (guint)w.n);
  return rg_result (g, node);
}

static void
add_conv_transpose (RandomGraph *g)
{
  convolve_transposed (g, pick_image (g));
}

static void
add_pool (RandomGraph *g)
{
  static const GonioOpId ops[] = {GONIO_OP_MAX_POOL, GONIO_OP_AVERAGE_POOL, GONIO_OP_LP_POOL};
  GonioOpId op = ops[rg_take (g, 8) % 7 % 3];
  V x = pick_image (g);
  Window w = random_window (g, rg_shape (g, x), 3);
  guint n_outputs = op == GONIO_OP_MAX_POOL && rg_is_exact (g, x) && rg_take (g, 4) == 0 ? 2 : 1;

  for (int d = 0; d < 2 * w.n; d++) /* nowhere all padding, dilated or not */
    w.pads[d] = MIN (w.pads[d], w.kernel[d % w.n] - 1);
  GonioNodeId node = rg_node (g, op, &x, 1, n_outputs);
  set_window (g, node, &w, TRUE);
  RG_INT (g, node, "ceil_mode", rg_take (g, 3) == 0);
  if (op == GONIO_OP_AVERAGE_POOL)
    RG_INT (g, node, "count_include_pad", rg_take (g, 2));
  if (op == GONIO_OP_LP_POOL)
    RG_INT (g, node, "p", rg_between (g, 1, 3));
  if (n_outputs == 2)
    RG_INT (g, node, "storage_order", rg_take (g, 2));
  rg_finish (g, node);
}

static void
add_global_pool (RandomGraph *g)
{
  static const GonioOpId ops[] = {GONIO_OP_GLOBAL_AVERAGE_POOL, GONIO_OP_GLOBAL_MAX_POOL,
                                  GONIO_OP_GLOBAL_LP_POOL};
  rg_unary (g, ops[rg_take (g, 3)], pick_image (g));
}

static V scale_by_constant (RandomGraph *g, V x);

/* ---- products ---- */

static void
add_matmul (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 4, FALSE);
  const GonioShape *in = rg_shape (g, x);
  gboolean right = in->rank == 1 || rg_take (g, 3) > 0; /* the other factor stands right */
  int64_t inner = in->dims[in->rank == 1 ? 0 : in->rank - (right ? 1 : 2)];
  int rank = rg_take (g, 4) ? 2 : in->rank;
  GonioShape other = {.rank = rank};

  for (int d = 0; d < rank - 2; d++)
    other.dims[d] = rg_take (g, 2) ? in->dims[d] : 1;
  if (rank == 1) {
    other.dims[0] = inner;
  } else {
    other.dims[rank - (right ? 2 : 1)] = inner;
    other.dims[rank - (right ? 1 : 2)] = rg_between (g, 1, 18);
  }
  V y = rg_new (g, F, &other, RG_SMALL);
  V product = right ? rg_binary (g, GONIO_OP_MATMUL, x, y) : rg_binary (g, GONIO_OP_MATMUL, y, x);
  if (product != NONE && rg_take (g, 3) == 0 && rank > 1) { /* a bias, which may fuse */
    const GonioShape *out = rg_shape (g, product);
    GonioShape bias = GONIO_SHAPE (out->rank > 0 ? out->dims[out->rank - 1] : 1);
    if (rg_take (g, 2))
      rg_binary (g, GONIO_OP_ADD, product, rg_constant (g, F, &bias, RG_UNIFORM));
    else
      scale_by_constant (g, product);
  }
}

static void
add_gemm (RandomGraph *g)
{
  V a = rg_pick (g, F, 2, 2, FALSE);
  const GonioShape *in = rg_shape (g, a);
  gboolean trans_a = rg_take (g, 4) == 0, trans_b = rg_take (g, 2);
  int64_t m = in->dims[trans_a], k = in->dims[!trans_a], n = rg_between (g, 1, 20);
  GonioShape b = trans_b ? GONIO_SHAPE (n, k) : GONIO_SHAPE (k, n);
  const GonioShape biases[] = {GONIO_SHAPE (n), GONIO_SHAPE (1, n), GONIO_SHAPE (m, n),
                               GONIO_SHAPE (m, 1), GONIO_SHAPE_SCALAR};
  V inputs[3] = {a, rg_new (g, F, &b, RG_SMALL), NONE};

  if (rg_take (g, 3))
    inputs[2] = rg_new (g, F, &biases[rg_take (g, G_N_ELEMENTS (biases))], RG_UNIFORM);
  GonioNodeId node = rg_node (g, GONIO_OP_GEMM, inputs, inputs[2] == NONE ? 2 : 3, 1);
  RG_INT (g, node, "transA", trans_a);
  RG_INT (g, node, "transB", trans_b);
  if (rg_take (g, 3) == 0)
    RG_FLOAT (g, node, "alpha", 0.5);
  if (rg_take (g, 3) == 0)
    RG_FLOAT (g, node, "beta", rg_take (g, 2) ? 0.25 : 0);
  V y = rg_result (g, node);
  if (y != NONE && rg_take (g, 4) == 0)
    scale_by_constant (g, y);
}

static void
add_einsum (RandomGraph *g)
{
  static const struct {
    const char *equation;
    int rank;
    int other[3]; /* axes of the first operand, -1: a new one, -2: end */
  } rows[] = {{"ij,jk->ik", 2, {1, -1, -2}},   {"bij,bjk->bik", 3, {0, 2, -1}},
              {"bij,kj->bik", 3, {-1, 2, -2}}, {"ij,ij->", 2, {0, 1, -2}},
              {"i,j->ij", 1, {-1, -2}},        {"bij,bij->bi", 3, {0, 1, 2}},
              {"bhi,bh->bih", 3, {0, 1, -2}},  {"...i,ij->...j", 3, {2, -1, -2}}};
  guint row = rg_take (g, G_N_ELEMENTS (rows));
  V x = rg_pick (g, F, rows[row].rank, rows[row].rank, FALSE);
  const GonioShape *in = rg_shape (g, x);
  GonioShape other = {.rank = 0};

  for (; other.rank < 3 && rows[row].other[other.rank] != -2; other.rank++)
    other.dims[other.rank] = rows[row].other[other.rank] < 0
                                 ? rg_between (g, 1, 5)
                                 : in->dims[rows[row].other[other.rank]];
  V inputs[2] = {x, rg_new (g, F, &other, RG_SMALL)};
  GonioNodeId node = rg_node (g, GONIO_OP_EINSUM, inputs, 2, 1);
  RG_STRING (g, node, "equation", rows[row].equation);
  rg_finish (g, node);
}

/* ---- norms ---- */

static V
batch_norm (RandomGraph *g, V x)
{
  const GonioShape *in = rg_shape (g, x);
  GonioShape channels = GONIO_SHAPE (in->rank > 1 ? in->dims[1] : 1);
  V inputs[5] = {x};

  for (guint i = 1; i < 5; i++)
    inputs[i] = rg_constant (g, F, &channels, i == 4 ? RG_POSITIVE : RG_UNIFORM);
  GonioNodeId node = rg_node (g, GONIO_OP_BATCH_NORMALIZATION, inputs, 5, 1);
  if (rg_take (g, 3) == 0)
    RG_FLOAT (g, node, "epsilon", 0.01);
  return rg_result (g, node);
}

static void
add_batch_norm (RandomGraph *g)
{
  batch_norm (g, rg_pick (g, F, 2, 5, FALSE));
}

static void
add_channel_norm (RandomGraph *g) /* instance and group */
{
  V x = pick_image (g);
  int64_t channels = rg_shape (g, x)->dims[1];
  int64_t space = 1;

  /* Of one element nothing is left but the bias, beside which the element's own rounding may be
   * large; noise does not show that. */
  for (int d = 2; d < rg_shape (g, x)->rank; d++)
    space *= rg_shape (g, x)->dims[d];
  if (space < 2)
    return;
  gboolean group = rg_take (g, 2);
  V inputs[3] = {x, rg_constant (g, F, RG_SHAPE (channels), RG_UNIFORM),
                 rg_constant (g, F, RG_SHAPE (channels), RG_UNIFORM)};
  GonioNodeId node = rg_node (
      g, group ? GONIO_OP_GROUP_NORMALIZATION : GONIO_OP_INSTANCE_NORMALIZATION, inputs, 3, 1);

  if (group)
    RG_INT (g, node, "num_groups", random_groups (g, channels));
  RG_FLOAT (g, node, "epsilon", 0.01);
  rg_finish (g, node);
}

static void
add_layer_norm (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 4, FALSE);
  const GonioShape *in = rg_shape (g, x);
  int axis = rg_take (g, 3) ? in->rank - 1 : (int)rg_between (g, 0, in->rank - 1);
  GonioShape scale = {.rank = in->rank - axis};
  gboolean rms = rg_take (g, 3) == 0, bias = !rms && rg_take (g, 2);

  memcpy (scale.dims, in->dims + axis, (size_t)scale.rank * sizeof *scale.dims);
  V inputs[3] = {x, rg_constant (g, F, &scale, RG_UNIFORM), NONE};
  if (bias)
    inputs[2] = rg_constant (g, F, &scale, RG_UNIFORM);
  GonioNodeId node = rg_node (g, rms ? GONIO_OP_RMS_NORMALIZATION : GONIO_OP_LAYER_NORMALIZATION,
                              inputs, bias ? 3 : 2, 1);
  RG_INT (g, node, "axis", rg_take (g, 2) ? axis : axis - rg_shape (g, x)->rank);
  RG_FLOAT (g, node, "epsilon", 0.01);
  rg_finish (g, node);
}

static void
add_lane_norm (RandomGraph *g)
{
  static const GonioOpId ops[] = {GONIO_OP_SOFTMAX, GONIO_OP_LOG_SOFTMAX, GONIO_OP_LP_NORMALIZATION,
                                  GONIO_OP_HARDMAX};
  GonioOpId op = ops[rg_take (g, 12) / 2 % 4];
  V x = rg_pick (g, F, 1, 5, op == GONIO_OP_HARDMAX);
  int rank = rg_shape (g, x)->rank;
  GonioNodeId node = rg_node (g, op, &x, 1, 1);

  RG_INT (g, node, "axis", rg_take (g, 2) ? -1 : rg_between (g, -rank, rank - 1));
  if (op == GONIO_OP_LP_NORMALIZATION)
    RG_INT (g, node, "p", rg_between (g, 1, 2));
  rg_finish (g, node);
}

static void
add_rare_norm (RandomGraph *g)
{
  V x = pick_image (g);
  int64_t axes[2] = {0, rg_shape (g, x)->rank - 1};

  if (rg_take (g, 2)) {
    GonioNodeId node = rg_node (g, GONIO_OP_LRN, &x, 1, 1);
    RG_INT (g, node, "size", rg_between (g, 1, 5));
    RG_FLOAT (g, node, "alpha", 0.1);
    rg_finish (g, node);
  } else {
    GonioNodeId node = rg_node (g, GONIO_OP_MEAN_VARIANCE_NORMALIZATION, &x, 1, 1);
    if (rg_take (g, 2) || rg_shape (g, x)->rank != 4) /* [0,2,3] unless given */
      RG_INTS (g, node, "axes", axes, 2);
    rg_finish (g, node);
  }
}

/* ---- samplers ---- */

static void
add_resize (RandomGraph *g)
{
  static const char *const modes[] = {"nearest", "linear", "cubic"};
  static const char *const coordinates[] = {"half_pixel", "pytorch_half_pixel", "align_corners",
                                            "asymmetric", "half_pixel_symmetric"};
  static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  static const float scales[] = {1, 2, 0.5f, 1.5f, 3, 0.75f};
  V x = pick_image (g);
  const GonioShape in = *rg_shape (g, x);
  GonioShape vector = GONIO_SHAPE (in.rank);
  gboolean by_size = rg_take (g, 2);
  g_autoptr (GonioTensor) factors = gonio_tensor_new_zeroed (F, &vector, NULL);
  int64_t sizes[GONIO_MAX_RANK];

  for (int d = 0; d < in.rank; d++) {
    float scale = d < 2 ? 1 : scales[rg_take (g, G_N_ELEMENTS (scales))];
    ((float *)gonio_tensor_writable_data (factors))[d] = scale;
    sizes[d] = d < 2 ? in.dims[d] : MAX ((int64_t)((float)in.dims[d] * scale), 1);
    if (d >= 2 && rg_take (g, 3) == 0)
      sizes[d] = rg_between (g, 1, 12);
  }
  V inputs[4] = {x, NONE, NONE, NONE};
  if (by_size)
    inputs[3] = rg_ints (g, (guint)in.rank, sizes);
  else
    inputs[2] = gonio_graph_add_constant (g->graph, NULL, factors);
  const char *mode = modes[rg_take (g, G_N_ELEMENTS (modes))];
  GonioNodeId node = rg_node (g, GONIO_OP_RESIZE, inputs, by_size ? 4 : 3, 1);
  RG_STRING (g, node, "mode", mode);
  RG_STRING (g, node, "coordinate_transformation_mode",
             coordinates[rg_take (g, G_N_ELEMENTS (coordinates))]);
  if (g_str_equal (mode, "nearest"))
    RG_STRING (g, node, "nearest_mode", nearest[rg_take (g, G_N_ELEMENTS (nearest))]);
  else if (rg_take (g, 4) == 0)
    RG_INT (g, node, "antialias", 1);
  if (g_str_equal (mode, "cubic") && rg_take (g, 3) == 0)
    RG_INT (g, node, "exclude_outside", 1);
  rg_finish (g, node);
}

static void
add_grid_sample (RandomGraph *g)
{
  static const char *const modes[] = {"linear", "nearest", "cubic"};
  static const char *const padding[] = {"zeros", "border", "reflection"};
  V x = rg_pick (g, F, 4, 4, FALSE);
  const GonioShape *in = rg_shape (g, x);
  GonioShape grid = GONIO_SHAPE (in->dims[0], rg_between (g, 1, 5), rg_between (g, 1, 5), 2);
  V inputs[2] = {x, rg_new (g, F, &grid, RG_UNIFORM)};
  GonioNodeId node = rg_node (g, GONIO_OP_GRID_SAMPLE, inputs, 2, 1);

  RG_STRING (g, node, "mode", modes[rg_take (g, 3)]);
  RG_STRING (g, node, "padding_mode", padding[rg_take (g, 3)]);
  RG_INT (g, node, "align_corners", rg_take (g, 2));
  rg_finish (g, node);
}

static void
add_recurrent (RandomGraph *g)
{
  static const struct {
    GonioOpId op;
    int gates;
    guint n_outputs;
  } rows[] = {{GONIO_OP_RNN, 1, 2}, {GONIO_OP_GRU, 3, 2}, {GONIO_OP_LSTM, 4, 3}};
  static const char *const directions[] = {"forward", "reverse", "bidirectional"};
  guint row = rg_take (g, 3), direction = rg_take (g, 3);
  V x = rg_pick (g, F, 3, 3, FALSE);
  int64_t hidden = rg_between (g, 1, 4), n = direction == 2 ? 2 : 1;
  int64_t rows_of = rows[row].gates * hidden, width = rg_shape (g, x)->dims[2];
  V inputs[4] = {x, rg_constant (g, F, RG_SHAPE (n, rows_of, width), RG_SMALL),
                 rg_constant (g, F, RG_SHAPE (n, rows_of, hidden), RG_SMALL),
                 rg_constant (g, F, RG_SHAPE (n, 2 * rows_of), RG_SMALL)};
  GonioNodeId node = rg_node (g, rows[row].op, inputs, 3 + rg_take (g, 2), rows[row].n_outputs);

  RG_INT (g, node, "hidden_size", hidden);
  RG_STRING (g, node, "direction", directions[direction]);
  if (rows[row].op == GONIO_OP_GRU)
    RG_INT (g, node, "linear_before_reset", rg_take (g, 2));
  rg_finish (g, node);
}

/* ---- what fuses ---- */

static V
activate (RandomGraph *g, V x)
{
  static const GonioOpId ops[] = {GONIO_OP_RELU,     GONIO_OP_SIGMOID,      GONIO_OP_TANH,
                                  GONIO_OP_CLIP,     GONIO_OP_LEAKY_RELU,   GONIO_OP_HARD_SWISH,
                                  GONIO_OP_GELU,     GONIO_OP_HARD_SIGMOID, GONIO_OP_ELU,
                                  GONIO_OP_SOFTPLUS, GONIO_OP_MISH,         GONIO_OP_SWISH};
  GonioOpId op = ops[rg_take (g, G_N_ELEMENTS (ops))];
  V inputs[3] = {x, NONE, NONE};

  if (op != GONIO_OP_CLIP)
    return rg_unary (g, op, x);
  inputs[1] = rg_scalar (g, F, 0);
  inputs[2] = rg_scalar (g, F, rg_take (g, 2) ? 6 : 0.5);
  return rg_apply (g, op, inputs, 3);
}

/* Zeros or something else around an image, as a node of its own. */
static V
pad (RandomGraph *g, V x)
{
  static const char *const modes[] = {"constant", "constant", "constant", "reflect", "edge"};
  const GonioShape in = *rg_shape (g, x);
  guint mode = rg_take (g, G_N_ELEMENTS (modes));
  int64_t pads[2 * GONIO_MAX_RANK] = {0};

  for (int d = mode < 3 && rg_take (g, 5) == 0 ? 0 : 2; d < in.rank; d++) {
    pads[d] = MIN (rg_take (g, 2), mode < 3 ? 2 : in.dims[d] - 1);
    pads[d + in.rank] = MIN (rg_take (g, 3), mode < 3 ? 2 : in.dims[d] - 1);
  }
  V inputs[3] = {x, rg_ints (g, 2 * (guint)in.rank, pads), NONE};
  if (mode < 3 && rg_take (g, 3) == 0)
    inputs[2] = rg_scalar (g, F, rg_take (g, 2) ? 0 : 1.5);
  GonioNodeId node = rg_node (g, GONIO_OP_PAD, inputs, inputs[2] == NONE ? 2 : 3, 1);
  RG_STRING (g, node, "mode", modes[mode]);
  return rg_result (g, node);
}

/* Arithmetic with a constant: per channel, or of a shape that only looks like it. */
static V
scale_by_constant (RandomGraph *g, V x)
{
  static const GonioOpId ops[] = {GONIO_OP_MUL, GONIO_OP_ADD, GONIO_OP_SUB, GONIO_OP_DIV};
  const GonioShape in = *rg_shape (g, x);
  GonioOpId op = ops[rg_take (g, G_N_ELEMENTS (ops))];
  GonioShape shape = {.rank = in.rank};
  guint form = rg_take (g, 8);

  for (int d = 0; d < in.rank; d++)
    shape.dims[d] = d == 1 ? in.dims[1] : 1;
  if (form < 4 && in.rank > 1) { /* [C,1,1] */
    shape.rank--;
    memmove (shape.dims, shape.dims + 1, (size_t)shape.rank * sizeof *shape.dims);
  } else if (form == 4) {
    shape = GONIO_SHAPE_SCALAR;
  } else if (form == 5) { /* along the last axis */
    shape = GONIO_SHAPE (in.rank > 0 ? in.dims[in.rank - 1] : 1);
  } else if (form == 6) {
    shape = in;
  }
  V constant = rg_constant (g, F, &shape, RG_POSITIVE);
  gboolean last = rg_take (g, 4) || op == GONIO_OP_DIV; /* x may be near zero */
  return last ? rg_binary (g, op, x, constant) : rg_binary (g, op, constant, x);
}

/* Pad, layer, norm or scale, activation, sum: any of them may be missing. */
static void
add_block (RandomGraph *g)
{
  static const GonioOpId pools[] = {GONIO_OP_MAX_POOL, GONIO_OP_AVERAGE_POOL};
  V x = pick_image (g), start = x;
  guint layer = rg_take (g, 8);

  if (rg_take (g, 3) == 0)
    x = pad (g, x);
  if (x == NONE)
    return;
  if (layer < 5) {
    x = convolve (g, x);
  } else if (layer < 7) {
    x = convolve_transposed (g, x);
  } else {
    Window w = random_window (g, rg_shape (g, x), 3);
    GonioNodeId node = rg_node (g, pools[rg_take (g, 2)], &x, 1, 1);
    set_window (g, node, &w, TRUE);
    x = rg_result (g, node);
  }
  guint kind = rg_take (g, 5);
  if (x != NONE && kind == 0)
    x = batch_norm (g, x);
  else if (x != NONE && kind < 4)
    x = scale_by_constant (g, x);
  if (x != NONE && rg_take (g, 5) == 0)
    x = scale_by_constant (g, x);
  if (x != NONE && rg_take (g, 3))
    x = activate (g, x);
  if (x != NONE && gonio_shape_equal (rg_shape (g, x), rg_shape (g, start)))
    x = rg_binary (g, GONIO_OP_ADD, rg_take (g, 2) ? x : start, rg_take (g, 2) ? start : x);
  if (x != NONE && rg_take (g, 2))
    activate (g, x);
}

const RandomRow random_menu_layers[] = {
    {10, add_conv},
    {6, add_conv_transpose},
    {8, add_pool},
    {4, add_global_pool},
    {8, add_matmul},
    {6, add_gemm},
    {3, add_einsum},
    {5, add_batch_norm},
    {4, add_channel_norm},
    {5, add_layer_norm},
    {6, add_lane_norm},
    {3, add_rare_norm},
    {8, add_resize},
    {4, add_grid_sample},
    {2, add_recurrent},
    {12, add_block},
    {0},
};
