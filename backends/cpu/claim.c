/* What the backend can run: checks common to all operators, then the family's own. Also the
 * facts about nodes that claims and lowering share. */
#include "backends/cpu/lower.h"

#include <string.h>

const GonioValue *
gonio_cpu_in (const GonioCpuNode *node, guint i)
{
  if (i >= node->node->n_inputs || node->node->inputs[i] == GONIO_VALUE_NONE)
    return NULL;
  return gonio_graph_value (node->graph, node->node->inputs[i]);
}

const GonioValue *
gonio_cpu_out (const GonioCpuNode *node, guint i)
{
  if (i >= node->node->n_outputs || node->node->outputs[i] == GONIO_VALUE_NONE)
    return NULL;
  return gonio_graph_value (node->graph, node->node->outputs[i]);
}

const GonioTensor *
gonio_cpu_const (const GonioCpuNode *node, guint i)
{
  const GonioValue *value = gonio_cpu_in (node, i);
  return value ? value->constant : NULL;
}

gboolean
gonio_cpu_const_ints (const GonioCpuNode *node, guint i, int64_t **out_ints, guint *out_count)
{
  const GonioValue *value = gonio_cpu_in (node, i);
  if (!value)
    return FALSE;
  if (value->constant) {
    int64_t count = gonio_tensor_count (value->constant);
    if (count > GONIO_MAX_KNOWN || value->dtype != GONIO_DTYPE_INT64)
      return FALSE;
    *out_ints = g_new (int64_t, count + 1);
    for (int64_t k = 0; k < count; k++)
      (*out_ints)[k] = gonio_tensor_get_int (value->constant, k);
    *out_count = (guint)count;
    return TRUE;
  }
  if (!value->partial || value->dtype != GONIO_DTYPE_INT64)
    return FALSE;
  for (guint k = 0; k < value->n_partial; k++)
    if (value->partial[k].symbol || value->partial[k].value < 0)
      return FALSE;
  *out_ints = g_new (int64_t, value->n_partial + 1);
  for (guint k = 0; k < value->n_partial; k++)
    (*out_ints)[k] = value->partial[k].value;
  *out_count = value->n_partial;
  return TRUE;
}

gboolean
gonio_cpu_const_scalar (const GonioCpuNode *node, guint i, float *out_value)
{
  const GonioValue *value = gonio_cpu_in (node, i);
  if (!value)
    return TRUE;
  if (!value->constant || gonio_tensor_count (value->constant) != 1)
    return FALSE;
  *out_value = (float)gonio_tensor_get_double (value->constant, 0);
  return TRUE;
}

GonioShape
gonio_cpu_shape (const GonioValue *value)
{
  GonioShape shape = GONIO_SHAPE_SCALAR;
  gonio_sym_shape_known (&value->shape, &shape);
  return shape;
}

int64_t
gonio_cpu_count (const GonioValue *value)
{
  GonioShape shape = gonio_cpu_shape (value);
  int64_t count = 0;
  gonio_shape_count (&shape, &count);
  return count;
}

static gboolean
is_nhwc (const GonioValue *value)
{
  return value->layout == GONIO_LAYOUT_NHWC && value->shape.rank >= 3;
}

int
gonio_cpu_axis (const GonioValue *value, int logical)
{
  if (!is_nhwc (value) || logical == 0)
    return logical;
  return logical == 1 ? value->shape.rank - 1 : logical - 1;
}

GonioShape
gonio_cpu_physical (const GonioValue *value)
{
  GonioShape logical = gonio_cpu_shape (value), physical = logical;
  for (int i = 0; i < logical.rank; i++)
    physical.dims[gonio_cpu_axis (value, i)] = logical.dims[i];
  return physical;
}

void
gonio_cpu_strides (const GonioValue *value, int64_t out_strides[GONIO_MAX_RANK])
{
  GonioShape physical = gonio_cpu_physical (value);
  int64_t strides[GONIO_MAX_RANK];
  gonio_shape_strides (&physical, strides);
  for (int i = 0; i < physical.rank; i++)
    out_strides[i] = strides[gonio_cpu_axis (value, i)];
}

gboolean
gonio_cpu_fits (const GonioValue *value, const GonioValue *out)
{
  GonioShape from = gonio_cpu_shape (value), to = gonio_cpu_shape (out);
  for (int i = 1; i <= from.rank; i++)
    if (from.rank > to.rank ||
        (from.dims[from.rank - i] != 1 && from.dims[from.rank - i] != to.dims[to.rank - i]))
      return FALSE;
  return TRUE;
}

int
gonio_cpu_normal_axis (int64_t axis, int rank)
{
  if (axis < 0)
    axis += rank;
  return axis >= 0 && axis < rank ? (int)axis : -1;
}

/* ---- layouts ---- */

void
gonio_cpu_claim_plain (GonioClaim *out_claim)
{
  out_claim->layouts = out_claim->preferred = GONIO_CLAIM_PLAIN;
  out_claim->nhwc_inputs = 0;
}

void
gonio_cpu_claim_nhwc (GonioClaim *out_claim, guint nhwc_inputs)
{
  out_claim->layouts = out_claim->preferred = GONIO_CLAIM_NHWC;
  out_claim->nhwc_inputs = nhwc_inputs;
}

void
gonio_cpu_claim_any (const GonioCpuNode *node, GonioClaim *out_claim)
{
  const GonioValue *out = gonio_cpu_out (node, 0);
  gonio_cpu_claim_plain (out_claim);
  if (!out || out->shape.rank < 3 || out->shape.rank > 5)
    return;
  out_claim->layouts |= GONIO_CLAIM_NHWC;
  for (guint i = 0; i < node->node->n_inputs && i < 32; i++) {
    const GonioValue *in = gonio_cpu_in (node, i);
    if (in && !in->constant && in->shape.rank == out->shape.rank)
      out_claim->nhwc_inputs |= 1u << i;
  }
  if (node->node->n_inputs > 32) /* the mask does not reach that far */
    gonio_cpu_claim_plain (out_claim);
}

/* ---- the table and the common checks ---- */

static const GonioCpuOp *const families[] = {
    gonio_cpu_ops_conv,        gonio_cpu_ops_deconv, gonio_cpu_ops_pool,  gonio_cpu_ops_matmul,
    gonio_cpu_ops_elementwise, gonio_cpu_ops_logic,  gonio_cpu_ops_norm,  gonio_cpu_ops_reduce,
    gonio_cpu_ops_shape,       gonio_cpu_ops_index,  gonio_cpu_ops_image, gonio_cpu_ops_layout,
};

const GonioCpuOp *
gonio_cpu_op (guint op)
{
  static const GonioCpuOp *table[GONIO_OP_COUNT];
  static gsize filled;
  if (g_once_init_enter (&filled)) {
    for (guint i = 0; i < G_N_ELEMENTS (families); i++)
      for (const GonioCpuOp *row = families[i]; row->op != GONIO_OP_INVALID; row++)
        table[row->op] = row;
    g_once_init_leave (&filled, 1);
  }
  return op < GONIO_OP_COUNT ? table[op] : NULL;
}

/* Bytes one value may have here: sizes stay far from overflow and 32-bit counters. */
#define GONIO_CPU_MAX_BYTES ((size_t)1 << 34)

static const char *
check_value (const GonioValue *value)
{
  GonioShape shape;
  size_t bytes;
  if (value->kind != GONIO_KIND_TENSOR)
    return "only tensors are supported";
  if (value->dtype == GONIO_DTYPE_NONE || !gonio_sym_shape_known (&value->shape, &shape))
    return "a type or shape is not known before the run";
  if (value->dtype == GONIO_DTYPE_STRING || gonio_dtype_bits (value->dtype) < 8)
    return "strings and packed types are not supported";
  if (!gonio_tensor_bytes (value->dtype, &shape, &bytes) || bytes > GONIO_CPU_MAX_BYTES)
    return "a tensor is too large";
  return NULL;
}

static const char *
check_values (const GonioCpuNode *node)
{
  const char *reason = NULL;
  gboolean empty_in = FALSE, empty_out = TRUE;
  for (guint i = 0; i < node->node->n_inputs && !reason; i++) {
    const GonioValue *value = gonio_cpu_in (node, i);
    if (value && !(reason = check_value (value)) && gonio_cpu_count (value) == 0)
      empty_in = empty_in || value->dtype == GONIO_DTYPE_FLOAT;
  }
  for (guint i = 0; i < node->node->n_outputs && !reason; i++) {
    const GonioValue *value = gonio_cpu_out (node, i);
    if (value && !(reason = check_value (value)) && gonio_cpu_count (value) != 0)
      empty_out = FALSE;
  }
  if (!reason && empty_in && !empty_out && node->node->op != GONIO_OP_CONCAT)
    reason = "an input without elements";
  return reason;
}

/* Constants are never converted, so an operator that only works in NHWC cannot read one. */
static const char *
check_constants (const GonioCpuNode *node, const GonioClaim *claim)
{
  for (guint i = 0; i < node->node->n_inputs && i < 32; i++)
    if (!(claim->layouts & GONIO_CLAIM_PLAIN) && (claim->nhwc_inputs >> i & 1) &&
        gonio_cpu_const (node, i))
      return "the image is constant";
  return NULL;
}

/* Nanoseconds that plain scalar code would take beyond ours: about one per element moved. */
static double
default_cost (const GonioCpuNode *node)
{
  double elements = 0;
  for (guint i = 0; i < node->node->n_outputs; i++) {
    const GonioValue *value = gonio_cpu_out (node, i);
    elements += value ? (double)gonio_cpu_count (value) : 0;
  }
  return 1 + elements;
}

gboolean
gonio_cpu_claim (GonioBackend *backend, const GonioGraph *graph, GonioNodeId id,
                 GonioClaim *out_claim)
{
  GonioCpuNode node = {graph, id, gonio_graph_node (graph, id)};
  memset (out_claim, 0, sizeof *out_claim);
  const GonioCpuOp *op = gonio_cpu_op (node.node->op);
  if (!op) {
    out_claim->reason = "no kernel for this operator";
    return FALSE;
  }
  out_claim->reason = check_values (&node);
  if (!out_claim->reason)
    out_claim->reason = op->claim (&node, out_claim);
  if (!out_claim->reason)
    out_claim->reason = check_constants (&node, out_claim);
  if (!out_claim->reason && out_claim->cost == 0)
    out_claim->cost = default_cost (&node);
  return out_claim->reason == NULL;
}
