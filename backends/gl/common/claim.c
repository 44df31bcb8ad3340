/* What the GL backends can run. Depends on lower. */
#include "backends/gl/common/lower.h"
#include "backends/gl/common/region.h"

static const GonioGlOp *const families[] = {
    gonio_gl_ops_attention,      gonio_gl_ops_concat, gonio_gl_ops_conv,
    gonio_gl_ops_conv_transpose, gonio_gl_ops_einsum, gonio_gl_ops_elementwise,
    gonio_gl_ops_gather,         gonio_gl_ops_layout, gonio_gl_ops_matmul,
    gonio_gl_ops_norm,           gonio_gl_ops_pool,   gonio_gl_ops_reduce,
    gonio_gl_ops_resize,         gonio_gl_ops_rows,   gonio_gl_ops_sample,
    gonio_gl_ops_scatter,
};

const GonioGlOp *
gonio_gl_op (guint op)
{
  for (guint f = 0; f < G_N_ELEMENTS (families); f++)
    for (const GonioGlOp *row = families[f]; row->op != GONIO_OP_INVALID; row++)
      if (row->op == (GonioOpId)op)
        return row;
  return NULL;
}

gboolean
gonio_gl_has_op (guint op)
{
  return gonio_gl_op (op) != NULL;
}

/* Numbers of 16 bits end there. */
#define MOST_HALF 65504.0f

gboolean
gonio_gl_fits_half (const GonioTensor *numbers)
{
  const float *data = gonio_tensor_data (numbers);
  for (int64_t i = 0; i < gonio_tensor_count (numbers); i++)
    if (data[i] > MOST_HALF || data[i] < -MOST_HALF)
      return FALSE;
  return TRUE;
}

/* Programs count elements and texels in int. */
static const char *
check_value (const GonioBackend *backend, const GonioValue *value)
{
  const GonioGlLimits *limits = gonio_gl_context_limits (backend->context);
  GonioShape shape;
  if (!value)
    return NULL;
  if (value->kind != GONIO_KIND_TENSOR || value->dtype != GONIO_DTYPE_FLOAT)
    return "only float is supported";
  if (!gonio_sym_shape_known (&value->shape, &shape))
    return "shapes are not known";
  gint64 count = gonio_gl_count (&shape);
  if (count > G_MAXINT32 / 4 ||
      gonio_gl_texels (&shape, GONIO_GL_PLAIN) > backend->device->most_texels (limits) ||
      (shape.rank > 2 &&
       gonio_gl_texels (&shape, GONIO_GL_IMAGE) > backend->device->most_texels (limits)))
    return "a value is larger than the driver's buffers or textures";
  if (backend->half && value->constant && !gonio_gl_fits_half (value->constant))
    return "a weight lies beyond 65,504, the most that 16 bits hold";
  return NULL;
}

/* Rough nanoseconds of the processor for what the node does: 50 multiply-adds, or four elements
 * that are read or written, in one. */
static double
estimate (const GonioGraph *graph, const GonioNode *node)
{
  const GonioValue *out = gonio_gl_out (graph, node, 0), *b = gonio_gl_in (graph, node, 1);
  double elements = 0, depth = 0;
  for (guint i = 0; i < node->n_inputs; i++)
    if (gonio_gl_in (graph, node, i) && !gonio_gl_in (graph, node, i)->constant) {
      GonioShape shape = gonio_gl_shape (gonio_gl_in (graph, node, i));
      elements += (double)gonio_gl_count (&shape);
    }
  GonioShape result = gonio_gl_shape (out);
  elements += (double)gonio_gl_count (&result);
  if (b && (node->op == GONIO_OP_CONV || node->op == GONIO_OP_CONV_TRANSPOSE)) {
    GonioShape weights = gonio_gl_shape (b);
    gint64 channels = weights.dims[node->op == GONIO_OP_CONV ? 0 : 1];
    depth = (double)gonio_gl_count (&weights) / (double)MAX (channels, 1);
  } else if (b && (node->op == GONIO_OP_MATMUL || node->op == GONIO_OP_GEMM)) {
    GonioShape a = gonio_gl_shape (gonio_gl_in (graph, node, 0));
    gboolean turned = node->op == GONIO_OP_GEMM && gonio_node_attr_int (node, "transA", 0) != 0;
    depth = a.rank > 0 ? (double)a.dims[turned ? 0 : a.rank - 1] : 1;
  }
  return (double)gonio_gl_count (&result) * depth / 50 + elements / 4 + 1;
}

gboolean
gonio_gl_claim (GonioBackend *backend, const GonioGraph *graph, GonioNodeId id,
                GonioClaim *out_claim)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  const GonioGlOp *row = gonio_gl_op (node->op);
  const char *reason = row ? NULL : "no kernel for this operator";
  for (guint i = 0; !reason && i < node->n_inputs; i++) {
    const GonioValue *value = gonio_gl_in (graph, node, i);
    if (i >= 32 || !(row->settings >> i & 1))
      reason = check_value (backend, value);
    else if (value && !value->constant)
      reason = "sizes, axes or limits are not constant";
  }
  for (guint i = 0; !reason && i < node->n_outputs; i++)
    reason = check_value (backend, gonio_gl_out (graph, node, i));
  if (!reason)
    reason = row->claim (graph, node);
  *out_claim =
      (GonioClaim){.layouts = GONIO_CLAIM_PLAIN, .preferred = GONIO_CLAIM_PLAIN, .reason = reason};
  if (!reason)
    out_claim->cost = estimate (graph, node);
  return reason == NULL;
}
