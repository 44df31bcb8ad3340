/* Pools of windows; those of whole images are in reduce.c. Depends on lower. */
#include "backends/gl/common/lower.h"
#include "core/ops/spatial.h"

#include <string.h>

/* The largest of nothing is an infinity, also where there is no channel. */
static gboolean
sees_padding_alone (const GonioSpatial *spatial, int axis)
{
  for (gint64 at = 0; at < spatial->out[axis]; at++) {
    gint64 start = at * spatial->strides[axis] - spatial->pads_begin[axis];
    gint64 step = spatial->dilations[axis], kernel = spatial->kernel[axis];
    gint64 first = start < 0 ? (-start + step - 1) / step : 0;
    if (first >= kernel || start + first * step >= spatial->in[axis])
      return TRUE;
  }
  return FALSE;
}

static const char *
pool_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioSpatial spatial;
  if (node->op == GONIO_OP_LP_POOL && gonio_node_attr_int (node, "p", 2) < 1)
    return "p is less than 1";
  if (gonio_gl_out (graph, node, 1))
    return "indices are not supported";
  if (!gonio_op_spatial (graph, node, &spatial, NULL) || spatial.n < 1 || spatial.n > 2)
    return "only one or two spatial axes are supported";
  for (int i = 0; i < spatial.n; i++)
    if (spatial.kernel[i] > 1 << 12 || spatial.strides[i] > 1 << 12 ||
        spatial.dilations[i] > 1 << 12 || ABS (spatial.pads_begin[i]) > 1 << 16)
      return "a window is too large";
  for (int i = 0; i < spatial.n && node->op == GONIO_OP_MAX_POOL; i++)
    if (sees_padding_alone (&spatial, i))
      return "a window lies in the padding alone";
  return NULL;
}

static gboolean
pool_lower (GonioGlLower *lower, GError **error)
{
  GonioSpatial spatial;
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  GonioGlStep step = {.kernel = "pool.glsl", .n_inputs = 1};
  (void)gonio_op_spatial (lower->graph, lower->node, &spatial, NULL); /* as claimed */
  for (int i = 0; i < 2; i++) {
    int axis = i - (2 - spatial.n);
    step.params[0 + i] = axis < 0 ? 1 : (int)spatial.in[axis];
    step.params[2 + i] = axis < 0 ? 1 : (int)out.dims[2 + axis];
    step.params[4 + i] = axis < 0 ? 1 : (int)spatial.kernel[axis];
    step.params[6 + i] = axis < 0 ? 1 : (int)spatial.strides[axis];
    step.params[8 + i] = axis < 0 ? 1 : (int)spatial.dilations[axis];
    step.params[10 + i] = axis < 0 ? 0 : (int)spatial.pads_begin[axis];
    step.params[15 + i] = axis < 0 ? 0 : (int)spatial.pads_end[axis];
  }
  step.reads = (gint64)step.params[4] * step.params[5];
  step.params[14] = gonio_node_attr_int (lower->node, "count_include_pad", 0) != 0;
  if (lower->node->op == GONIO_OP_MAX_POOL)
    step.defines = g_strdup ("MAX 1");
  if (lower->node->op == GONIO_OP_LP_POOL) {
    gint64 p = gonio_node_attr_int (lower->node, "p", 2);
    step.defines = g_strdup_printf ("LP %d", (int)MIN (p, 3));
    step.floats[2] = (float)p;
  }
  if (!gonio_gl_read (lower, 0, GONIO_GL_IMAGE, &step.inputs[0], error)) {
    g_free (step.defines);
    return FALSE;
  }
  step.output = gonio_gl_write (lower, 0, GONIO_GL_IMAGE);
  return gonio_gl_add (lower, &step, error);
}

const GonioGlOp gonio_gl_ops_pool[] = {
    {GONIO_OP_AVERAGE_POOL, pool_claim, pool_lower, 0},
    {GONIO_OP_LP_POOL, pool_claim, pool_lower, 0},
    {GONIO_OP_MAX_POOL, pool_claim, pool_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
