/* Random valid graphs out of bytes; see random-graph.h. */
#include "tests/fuzz/random-graph.h"

#include <string.h>

/* ---- decisions ---- */

guint
rg_take (RandomGraph *g, guint n)
{
  guint byte = g->at < g->size ? g->data[g->at++] : 0;
  return n > 0 ? byte % n : 0;
}

int64_t
rg_between (RandomGraph *g, int64_t low, int64_t high)
{
  return low + rg_take (g, (guint)(high - low + 1));
}

static guint32
next (guint32 *random)
{
  *random = *random * 1664525u + 1013904223u;
  return *random >> 8;
}

/* ---- tensors ---- */

static double
number (RandomGraph *g, gboolean whole, RandomFill fill)
{
  double unit = next (&g->random) / (double)(1 << 24); /* 0..1, 1 excluded */

  if (fill == RG_BYTES)
    return (double)(int)(unit * 256) - 128;
  if (whole)
    return fill == RG_POSITIVE ? 1 + (int)(unit * 3) : (int)(unit * 7) - 3;
  switch (fill) {
  case RG_POSITIVE:
    return 0.25 + 1.75 * unit;
  case RG_SMALL:
    return 0.8 * unit - 0.4;
  case RG_GRID:
    return ((int)(unit * 17) - 8) * 0.25;
  default:
    return 4 * unit - 2;
  }
}

static void
store (GonioTensor *tensor, int64_t i, double value)
{
  void *data = gonio_tensor_writable_data (tensor);

  switch (gonio_tensor_dtype (tensor)) {
  case GONIO_DTYPE_FLOAT:
    ((float *)data)[i] = (float)value;
    break;
  case GONIO_DTYPE_DOUBLE:
    ((double *)data)[i] = value;
    break;
  case GONIO_DTYPE_FLOAT16:
    ((uint16_t *)data)[i] = gonio_float_to_half ((float)value);
    break;
  case GONIO_DTYPE_BFLOAT16:
    ((uint16_t *)data)[i] = gonio_float_to_bfloat16 ((float)value);
    break;
  case GONIO_DTYPE_INT64:
    ((int64_t *)data)[i] = (int64_t)value;
    break;
  case GONIO_DTYPE_INT32:
    ((int32_t *)data)[i] = (int32_t)value;
    break;
  case GONIO_DTYPE_BOOL:
    ((uint8_t *)data)[i] = value > 0;
    break;
  default: /* int8, uint8 */
    ((uint8_t *)data)[i] = (uint8_t)(int8_t)value;
    break;
  }
}

GonioTensor *
rg_tensor (RandomGraph *g, GonioDType dtype, const GonioShape *shape, RandomFill fill)
{
  GonioTensor *tensor = gonio_tensor_new_zeroed (dtype, shape, NULL);

  g_assert_nonnull (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    store (tensor, i, number (g, !gonio_dtype_is_float (dtype), fill));
  return tensor;
}

static void
set_exact (RandomGraph *g, V value, gboolean exact)
{
  if (g->exact->len <= value)
    g_array_set_size (g->exact, value + 1);
  g_array_index (g->exact, gboolean, value) = exact;
}

gboolean
rg_is_exact (RandomGraph *g, V value)
{
  return value == GONIO_VALUE_NONE ||
         (value < g->exact->len && g_array_index (g->exact, gboolean, value));
}

V
rg_constant_of (RandomGraph *g, GonioTensor *tensor)
{
  V value = gonio_graph_add_constant (g->graph, NULL, tensor);

  set_exact (g, value, TRUE);
  gonio_tensor_unref (tensor);
  return value;
}

V
rg_constant (RandomGraph *g, GonioDType dtype, const GonioShape *shape, RandomFill fill)
{
  return rg_constant_of (g, rg_tensor (g, dtype, shape, fill));
}

V
rg_new (RandomGraph *g, GonioDType dtype, const GonioShape *shape, RandomFill fill)
{
  guint i = g->n_inputs;

  if (i == RANDOM_MAX_INPUTS || rg_take (g, 3) == 2)
    return rg_constant (g, dtype, shape, fill);
  GonioSymShape sym = gonio_sym_shape_from_shape (shape);
  g_snprintf (g->names[i], sizeof g->names[i], "in%u", i);
  g->tensors[i] = rg_tensor (g, dtype, shape, fill);
  V value = gonio_graph_add_input (g->graph, g->names[i], dtype, &sym);
  g->n_inputs++;
  set_exact (g, value, TRUE);
  g_array_append_val (g->pool, value);
  return value;
}

V
rg_ints (RandomGraph *g, guint n, const int64_t *values)
{
  GonioShape shape = GONIO_SHAPE (n);

  return rg_constant_of (
      g, gonio_tensor_new_copy (GONIO_DTYPE_INT64, &shape, values, n * sizeof *values, NULL));
}

V
rg_scalar (RandomGraph *g, GonioDType dtype, double value)
{
  GonioTensor *tensor = gonio_tensor_new_zeroed (dtype, &GONIO_SHAPE_SCALAR, NULL);

  store (tensor, 0, value);
  return rg_constant_of (g, tensor);
}

/* ---- choosing values ---- */

GonioDType
rg_dtype (RandomGraph *g, V value)
{
  return gonio_graph_value (g->graph, value)->dtype;
}

const GonioShape *
rg_shape (RandomGraph *g, V value)
{
  static GonioShape shapes[8]; /* in turn: some are in use at once */
  static guint turn;
  GonioShape *shape = &shapes[turn++ % G_N_ELEMENTS (shapes)];

  gboolean known = gonio_sym_shape_known (&gonio_graph_value (g->graph, value)->shape, shape);
  g_assert_true (known);
  return shape;
}

GonioShape
rg_random_shape (RandomGraph *g, int rank)
{
  static const int64_t dims[] = {1, 2, 3, 4, 5, 6, 8, 17, 9, 16, 3, 4, 7, 12, 1, 2};
  GonioShape shape = {.rank = rank};
  int64_t count = 1;

  for (int d = 0; d < rank; d++) {
    int64_t dim = dims[rg_take (g, G_N_ELEMENTS (dims))];
    shape.dims[d] = count * dim > 2000 ? 2 : dim;
    count *= shape.dims[d];
  }
  return shape;
}

V
rg_pick (RandomGraph *g, GonioDType dtype, int min_rank, int max_rank, gboolean exact)
{
  guint n = g->pool->len, choice = rg_take (g, n + 1);

  /* Newest first, so that chains grow. */
  for (guint i = 0; i < n && choice < n; i++) {
    V value = g_array_index (g->pool, V, n - 1 - (choice / 2 + i) % n);
    const GonioShape *shape = rg_shape (g, value);
    if (rg_dtype (g, value) == dtype && shape->rank >= min_rank && shape->rank <= max_rank &&
        (!exact || rg_is_exact (g, value)))
      return value;
  }
  int likely = CLAMP (4, min_rank, max_rank);
  int rank = rg_take (g, 2) ? likely : (int)rg_between (g, min_rank, max_rank);
  GonioShape shape = rg_random_shape (g, rank);
  return rg_new (g, dtype, &shape, rg_take (g, 4) ? RG_UNIFORM : RG_GRID);
}

/* ---- nodes ---- */

GonioNodeId
rg_node (RandomGraph *g, GonioOpId op, const V *inputs, guint n, guint n_outputs)
{
  V outputs[8];

  g_assert_cmpuint (n_outputs, <=, G_N_ELEMENTS (outputs));
  for (guint i = 0; i < n_outputs; i++)
    outputs[i] = gonio_graph_add_value (g->graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  return gonio_graph_add_node (g->graph, op, NULL, inputs, n, outputs, n_outputs);
}

static gboolean
fits (RandomGraph *g, const GonioNode *node)
{
  for (guint i = 0; i < node->n_outputs; i++) {
    const GonioValue *value = gonio_graph_value (g->graph, node->outputs[i]);
    GonioShape shape;
    int64_t count = 0;
    if (value->dtype == GONIO_DTYPE_NONE || !gonio_sym_shape_known (&value->shape, &shape) ||
        !gonio_shape_count (&shape, &count) || count > RANDOM_MAX_COUNT)
      return FALSE;
  }
  return TRUE;
}

static gboolean
is_real (GonioDType dtype)
{
  return dtype == GONIO_DTYPE_FLOAT || dtype == GONIO_DTYPE_DOUBLE;
}

/* The value times 1 +- 2e-6, element by element. */
static V
with_noise (RandomGraph *g, V value)
{
  GonioDType dtype = rg_dtype (g, value);
  g_autoptr (GonioTensor) factors = gonio_tensor_new_zeroed (dtype, rg_shape (g, value), NULL);

  for (int64_t i = 0; i < gonio_tensor_count (factors); i++)
    store (factors, i, 1 + (next (&g->noise) / (double)(1 << 23) - 1) * 2e-6);
  V inputs[2] = {value, gonio_graph_add_constant (g->graph, NULL, factors)};
  GonioNodeId node = rg_node (g, GONIO_OP_MUL, inputs, 2, 1);
  gonio_infer_node (g->graph, node, NULL);
  return gonio_graph_node (g->graph, node)->outputs[0];
}

gboolean
rg_finish (RandomGraph *g, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (g->graph, id);
  gboolean exact_inputs = TRUE,
           exact_op = gonio_op_def (node->op)->tolerance == GONIO_TOLERANCE_EXACT;

  if (!gonio_op_check_node (g->graph, id, NULL) || !gonio_infer_node (g->graph, id, NULL) ||
      !fits (g, node)) {
    gonio_graph_remove_node (g->graph, id);
    g->refused++;
    return FALSE;
  }
  for (guint i = 0; i < node->n_inputs; i++)
    exact_inputs &= rg_is_exact (g, node->inputs[i]);
  exact_inputs &= !g->rounds;
  g->rounds = FALSE;
  /* Where sums cancel, noise of the result alone would be too little. */
  if (g->noisy && !(exact_inputs && exact_op) && node->n_inputs > 0 &&
      node->inputs[0] != GONIO_VALUE_NONE && is_real (rg_dtype (g, node->inputs[0])))
    gonio_graph_set_input (g->graph, id, 0, with_noise (g, node->inputs[0]));
  for (guint i = 0; i < node->n_outputs; i++) {
    V value = node->outputs[i];
    gboolean exact = exact_inputs && (exact_op || !gonio_dtype_is_float (rg_dtype (g, value)));
    if (!exact && g->noisy && is_real (rg_dtype (g, value)))
      value = with_noise (g, value);
    set_exact (g, value, exact);
    g_array_append_val (g->pool, value);
  }
  return TRUE;
}

void
rg_finish_dynamic (RandomGraph *g, GonioNodeId id)
{
  const GonioNode *node = gonio_graph_node (g->graph, id);

  if (!gonio_op_check_node (g->graph, id, NULL) || !gonio_infer_node (g->graph, id, NULL)) {
    gonio_graph_remove_node (g->graph, id);
    g->refused++;
    return;
  }
  for (guint i = 0; i < node->n_outputs; i++)
    gonio_graph_add_output (g->graph, node->outputs[i]);
}

V
rg_result (RandomGraph *g, GonioNodeId node)
{
  guint n_outputs = gonio_graph_node (g->graph, node)->n_outputs;

  return rg_finish (g, node) ? g_array_index (g->pool, V, g->pool->len - n_outputs)
                             : GONIO_VALUE_NONE;
}

V
rg_apply (RandomGraph *g, GonioOpId op, const V *inputs, guint n)
{
  for (guint i = 0; i < n && i < (guint)gonio_op_def (op)->min_inputs; i++)
    if (inputs[i] == GONIO_VALUE_NONE) /* what should make it was refused */
      return GONIO_VALUE_NONE;
  return rg_result (g, rg_node (g, op, inputs, n, 1));
}

V
rg_unary (RandomGraph *g, GonioOpId op, V x)
{
  return rg_apply (g, op, &x, 1);
}

V
rg_binary (RandomGraph *g, GonioOpId op, V a, V b)
{
  return rg_apply (g, op, (const V[]){a, b}, 2);
}

/* ---- the graph ---- */

static void
add_one (RandomGraph *g)
{
  static const RandomRow *const menus[] = {random_menu_data, random_menu_layers, random_menu_types,
                                           random_menu_rest};
  guint total = 0;

  for (guint m = 0; m < G_N_ELEMENTS (menus); m++)
    for (const RandomRow *row = menus[m]; row->add; row++)
      total += row->weight;
  guint choice = (rg_take (g, 256) | rg_take (g, 256) << 8) % total;
  for (guint m = 0; m < G_N_ELEMENTS (menus); m++)
    for (const RandomRow *row = menus[m]; row->add; row++) {
      if (choice < row->weight) {
        row->add (g);
        return;
      }
      choice -= row->weight;
    }
}

/* Whatever nothing reads is an output, and some of the rest. */
static void
choose_outputs (RandomGraph *g)
{
  for (guint i = 0; i < g->pool->len; i++) {
    V value = g_array_index (g->pool, V, i);
    guint n_users = 0;
    gonio_graph_users (g->graph, value, &n_users);
    gboolean made = gonio_graph_value (g->graph, value)->producer != GONIO_NODE_NONE;
    gboolean more = rg_take (g, 6) == 5;
    if (made && (n_users == 0 || more) && !gonio_graph_is_output (g->graph, value))
      gonio_graph_add_output (g->graph, value);
  }
}

void
random_graph_build (RandomGraph *g, const uint8_t *data, size_t size, gboolean noisy)
{
  *g = (RandomGraph){.data = data,
                     .size = size,
                     .noisy = noisy,
                     .noise = 1,
                     .graph = gonio_graph_new ("random"),
                     .pool = g_array_new (FALSE, FALSE, sizeof (V)),
                     .exact = g_array_new (FALSE, TRUE, sizeof (gboolean))};
  g->random = rg_take (g, 256) | rg_take (g, 256) << 8;
  guint n = 1 + rg_take (g, RANDOM_MAX_NODES);
  for (guint i = 0; i < n && g->at < size; i++)
    add_one (g);
  choose_outputs (g);
}

void
random_graph_clear (RandomGraph *g)
{
  for (guint i = 0; i < g->n_inputs; i++)
    gonio_tensor_unref (g->tensors[i]);
  g_clear_pointer (&g->graph, gonio_graph_unref);
  g_clear_pointer (&g->pool, g_array_unref);
  g_clear_pointer (&g->exact, g_array_unref);
}
