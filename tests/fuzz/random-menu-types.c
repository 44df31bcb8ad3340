/* Random graphs: other element types, quantisation, control flow, shapes that depend on data. */
#include "tests/fuzz/random-graph.h"

#define F    GONIO_DTYPE_FLOAT
#define I8   GONIO_DTYPE_INT8
#define I64  GONIO_DTYPE_INT64
#define U8   GONIO_DTYPE_UINT8
#define NONE GONIO_VALUE_NONE

/* ---- integers, doubles, halves ---- */

static void
add_typed (RandomGraph *g)
{
  static const GonioDType types[] = {I64, GONIO_DTYPE_INT32,   GONIO_DTYPE_DOUBLE,
                                     I8,  GONIO_DTYPE_FLOAT16, GONIO_DTYPE_BFLOAT16};
  static const GonioOpId ops[] = {GONIO_OP_ADD,  GONIO_OP_SUB,   GONIO_OP_MUL,
                                  GONIO_OP_DIV,  GONIO_OP_MAX,   GONIO_OP_MIN,
                                  GONIO_OP_LESS, GONIO_OP_EQUAL, GONIO_OP_MOD};
  GonioDType dtype = types[rg_take (g, 9) % G_N_ELEMENTS (types)];
  GonioOpId op = ops[rg_take (g, G_N_ELEMENTS (ops))];
  V x = rg_pick (g, dtype, 0, 4, TRUE);
  GonioShape shape = *rg_shape (g, x);

  if (op == GONIO_OP_MOD && gonio_dtype_is_float (dtype))
    op = GONIO_OP_MUL;
  for (int d = 0; d < shape.rank; d++)
    if (rg_take (g, 4) == 0)
      shape.dims[d] = 1;
  rg_binary (g, op, x, rg_new (g, dtype, &shape, RG_POSITIVE));
}

static void
add_typed_unary (RandomGraph *g)
{
  static const GonioDType types[] = {I64, GONIO_DTYPE_INT32, GONIO_DTYPE_DOUBLE,
                                     GONIO_DTYPE_FLOAT16};
  static const GonioOpId ops[] = {GONIO_OP_NEG,  GONIO_OP_ABS,      GONIO_OP_RELU,
                                  GONIO_OP_SIGN, GONIO_OP_IDENTITY, GONIO_OP_CLIP};
  rg_unary (g, ops[rg_take (g, G_N_ELEMENTS (ops))],
            rg_pick (g, types[rg_take (g, 4)], 0, 4, TRUE));
}

static void
add_cast (RandomGraph *g)
{
  static const struct {
    GonioDType from, to;
  } rows[] = {{F, I64},
              {F, GONIO_DTYPE_INT32},
              {F, GONIO_DTYPE_BOOL},
              {F, GONIO_DTYPE_DOUBLE},
              {F, GONIO_DTYPE_FLOAT16},
              {I64, F},
              {GONIO_DTYPE_INT32, F},
              {GONIO_DTYPE_BOOL, F},
              {GONIO_DTYPE_BOOL, I64},
              {I64, GONIO_DTYPE_INT32},
              {U8, F},
              {F, U8}};
  guint row = rg_take (g, G_N_ELEMENTS (rows));
  V x = rg_pick (g, rows[row].from, 0, 4, TRUE);

  if (rows[row].to == U8) /* negative ones are nobody's business */
    x = rg_unary (g, GONIO_OP_ABS, x);
  if (x == NONE)
    return;
  GonioNodeId node = rg_node (g, GONIO_OP_CAST, &x, 1, 1);
  RG_INT (g, node, "to", rows[row].to);
  rg_finish (g, node);
}

/* Movement of what is not float. */
static void
add_typed_movement (RandomGraph *g)
{
  static const GonioDType types[] = {I64, GONIO_DTYPE_INT32, GONIO_DTYPE_BOOL, U8,
                                     GONIO_DTYPE_DOUBLE};
  V x = rg_pick (g, types[rg_take (g, G_N_ELEMENTS (types))], 1, 4, FALSE);
  const GonioShape in = *rg_shape (g, x);
  int64_t minus = -1, zero = 0, one = 1;
  GonioNodeId node = 0;

  switch (rg_take (g, 4)) {
  case 0:
    rg_unary (g, GONIO_OP_TRANSPOSE, x);
    break;
  case 1:
    rg_binary (g, GONIO_OP_RESHAPE, x, rg_ints (g, 1, &minus));
    break;
  case 2:
    node = rg_node (g, GONIO_OP_CONCAT, (const V[]){x, x}, 2, 1);
    RG_INT (g, node, "axis", rg_between (g, 0, in.rank - 1));
    rg_finish (g, node);
    break;
  default:
    rg_apply (g, GONIO_OP_SLICE, (const V[]){x, rg_ints (g, 1, &zero), rg_ints (g, 1, &one)}, 3);
  }
}

/* ---- quantisation ---- */

static V
byte_tensor (RandomGraph *g, const GonioShape *shape, GonioDType *out_dtype)
{
  *out_dtype = rg_take (g, 2) ? U8 : I8;
  return rg_new (g, *out_dtype, shape, RG_BYTES);
}

/* Quantised and back. */
static void
add_quantize (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 4, TRUE);
  const GonioShape in = *rg_shape (g, x);
  gboolean per_axis = rg_take (g, 2), has_zero = rg_take (g, 2);
  int axis = (int)rg_between (g, 0, in.rank - 1);
  GonioShape vector = per_axis ? GONIO_SHAPE (in.dims[axis]) : GONIO_SHAPE_SCALAR;
  GonioDType dtype = rg_take (g, 2) ? U8 : I8;
  V scale = rg_constant (g, F, &vector, RG_POSITIVE);
  V zero = has_zero ? rg_constant (g, dtype, &vector, RG_POSITIVE) : NONE;

  GonioNodeId node =
      rg_node (g, GONIO_OP_QUANTIZE_LINEAR, (const V[]){x, scale, zero}, has_zero ? 3 : 2, 1);
  RG_INT (g, node, "axis", axis);
  V q = rg_result (g, node);
  if (q == NONE)
    return;
  node = rg_node (g, GONIO_OP_DEQUANTIZE_LINEAR, (const V[]){q, scale, zero}, has_zero ? 3 : 2, 1);
  RG_INT (g, node, "axis", axis);
  rg_finish (g, node);
}

static void
add_integer_product (RandomGraph *g)
{
  GonioDType a = U8, b = U8;
  int64_t m = rg_between (g, 1, 5), k = rg_between (g, 1, 5), n = rg_between (g, 1, 5);
  V x = byte_tensor (g, RG_SHAPE (m, k), &a), y = byte_tensor (g, RG_SHAPE (k, n), &b);

  if (rg_take (g, 2)) {
    V zeros[2] = {rg_constant (g, a, &GONIO_SHAPE_SCALAR, RG_POSITIVE),
                  rg_constant (g, b, &GONIO_SHAPE_SCALAR, RG_POSITIVE)};
    rg_apply (g, GONIO_OP_MATMUL_INTEGER, (const V[]){x, y, zeros[0], zeros[1]}, 4);
  } else {
    rg_binary (g, GONIO_OP_MATMUL_INTEGER, x, y);
  }
}

static void
add_integer_conv (RandomGraph *g)
{
  GonioDType a = U8, b = U8;
  int64_t pads[4] = {rg_take (g, 2), rg_take (g, 2), rg_take (g, 2), rg_take (g, 2)};
  V x = byte_tensor (g, RG_SHAPE (1, 2, rg_between (g, 3, 6), 4), &a);
  V w = byte_tensor (g, RG_SHAPE (3, 2, 2, 3), &b);
  GonioNodeId node = rg_node (g, GONIO_OP_CONV_INTEGER, (const V[]){x, w}, 2, 1);

  RG_INTS (g, node, "pads", pads, 4);
  rg_finish (g, node);
}

static void
add_dynamic_quantize (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 4, TRUE);

  rg_finish (g, rg_node (g, GONIO_OP_DYNAMIC_QUANTIZE_LINEAR, &x, 1, 3));
}

/* ---- control flow ---- */

/* A graph of one operator on x, captured. */
static GonioGraph *
branch (RandomGraph *g, V x, GonioOpId op)
{
  const GonioValue *outer = gonio_graph_value (g->graph, x);
  GonioGraph *sub = gonio_graph_new ("branch");
  V inner = gonio_graph_add_value (sub, "captured", outer->dtype, &outer->shape);
  V out = gonio_graph_add_value (sub, "out", GONIO_DTYPE_NONE, &(GonioSymShape){0});

  gonio_graph_add_capture (sub, x, inner);
  gonio_graph_add_node (sub, op, NULL, &inner, 1, &out, 1);
  gonio_graph_add_output (sub, out);
  return sub;
}

static void
add_if (RandomGraph *g)
{
  static const GonioOpId ops[] = {GONIO_OP_RELU, GONIO_OP_NEG, GONIO_OP_SIGMOID, GONIO_OP_IDENTITY};
  V x = rg_pick (g, F, 0, 4, FALSE);
  V condition = rg_new (g, GONIO_DTYPE_BOOL, &GONIO_SHAPE_SCALAR, RG_UNIFORM);
  GonioNodeId node = rg_node (g, GONIO_OP_IF, &condition, 1, 1);

  gonio_graph_set_attr_graph (g->graph, node, "then_branch", branch (g, x, ops[rg_take (g, 4)]));
  gonio_graph_set_attr_graph (g->graph, node, "else_branch", branch (g, x, ops[rg_take (g, 4)]));
  g->rounds = TRUE;
  rg_finish (g, node);
}

/* A few rounds of state = tanh (state + captured); every state piles up. */
static void
add_loop (RandomGraph *g)
{
  V x = rg_pick (g, F, 0, 3, FALSE);
  const GonioValue *outer = gonio_graph_value (g->graph, x);
  const GonioSymShape scalar = {.has_rank = TRUE};
  GonioGraph *body = gonio_graph_new ("body");

  gonio_graph_add_input (body, "round", I64, &scalar);
  V go = gonio_graph_add_input (body, "go", GONIO_DTYPE_BOOL, &scalar);
  V state = gonio_graph_add_input (body, "state", F, &outer->shape);
  V inner = gonio_graph_add_value (body, "captured", F, &outer->shape);
  V sum = gonio_graph_add_value (body, "sum", GONIO_DTYPE_NONE, &(GonioSymShape){0});
  V next = gonio_graph_add_value (body, "next", GONIO_DTYPE_NONE, &(GonioSymShape){0});
  gonio_graph_add_capture (body, x, inner);
  gonio_graph_add_node (body, GONIO_OP_ADD, NULL, (const V[]){state, inner}, 2, &sum, 1);
  gonio_graph_add_node (body, GONIO_OP_TANH, NULL, &sum, 1, &next, 1);
  gonio_graph_add_output (body, go);
  gonio_graph_add_output (body, next);
  gonio_graph_add_output (body, sum);
  V trips = rg_scalar (g, I64, (double)rg_between (g, 0, 3));
  GonioNodeId node = rg_node (g, GONIO_OP_LOOP, (const V[]){trips, NONE, x}, 3, 2);
  gonio_graph_set_attr_graph (g->graph, node, "body", body);
  rg_finish_dynamic (g, node); /* a condition may end it early */
}

/* ---- shapes that depend on data ---- */

static void
add_dynamic (RandomGraph *g)
{
  V x = rg_pick (g, F, 1, 3, TRUE);
  const GonioShape in = *rg_shape (g, x);
  GonioNodeId node = 0;
  V choice = NONE;

  switch (rg_take (g, 3)) {
  case 0:
    rg_finish_dynamic (g, rg_node (g, GONIO_OP_NON_ZERO, &x, 1, 1));
    break;
  case 1:
    choice = rg_new (g, GONIO_DTYPE_BOOL, RG_SHAPE (in.dims[0]), RG_UNIFORM);
    node = rg_node (g, GONIO_OP_COMPRESS, (const V[]){x, choice}, 2, 1);
    RG_INT (g, node, "axis", 0);
    rg_finish_dynamic (g, node);
    break;
  default:
    node = rg_node (g, GONIO_OP_UNIQUE, &x, 1, 4);
    RG_INT (g, node, "sorted", rg_take (g, 2));
    rg_finish_dynamic (g, node);
  }
}

const RandomRow random_menu_types[] = {
    {8, add_typed},          {4, add_typed_unary},      {6, add_cast},
    {4, add_typed_movement}, {3, add_quantize},         {2, add_integer_product},
    {2, add_integer_conv},   {1, add_dynamic_quantize}, {4, add_if},
    {2, add_loop},           {3, add_dynamic},          {0},
};
