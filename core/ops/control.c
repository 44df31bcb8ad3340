/* Operators that hold subgraphs. Depends on family.h. */
#include "core/ops/family.h"

/* What is known of a captured value is known of its stand-in. */
static gboolean
pass_captures (GonioInfer *infer, GonioGraph *sub, GError **error)
{
  guint n = 0;
  const GonioCapture *captures = gonio_graph_captures (sub, &n);

  for (guint i = 0; i < n; i++) {
    const GonioValue *outer = gonio_graph_value (infer->graph, captures[i].outer);
    const GonioValue *inner = gonio_graph_value (sub, captures[i].inner);
    gonio_graph_set_kind (sub, captures[i].inner, outer->kind);
    if (outer->constant && !inner->constant) {
      gonio_graph_set_constant (sub, captures[i].inner, outer->constant);
      continue;
    }
    if (outer->dtype != GONIO_DTYPE_NONE)
      gonio_graph_set_dtype (sub, captures[i].inner, outer->dtype);
    if (outer->shape.has_rank)
      gonio_graph_set_shape (sub, captures[i].inner, &outer->shape);
    if (outer->partial)
      gonio_graph_set_partial (sub, captures[i].inner, outer->partial, outer->n_partial);
  }
  return gonio_infer_graph (sub, error);
}

static const GonioAttr *
branch (const GonioInfer *infer, const char *name)
{
  const GonioAttr *attr = gonio_node_attr (infer->node, name);
  return attr && attr->type == GONIO_ATTR_GRAPH ? attr : NULL;
}

/* Facts that hold whichever branch runs. */
static gboolean
join_output (GonioInfer *infer, guint i, const GonioValue *a, const GonioValue *b, GError **error)
{
  GonioSymShape shape = {0};

  if (a->kind != b->kind)
    return gonio_infer_fail (error, "its branches differ in the kind of output %u.", i);
  if (a->dtype && b->dtype && a->dtype != b->dtype)
    return gonio_infer_fail (error, "its branches give %s and %s for output %u.",
                             gonio_dtype_name (a->dtype), gonio_dtype_name (b->dtype), i);
  gonio_graph_set_kind (infer->graph, infer->node->outputs[i], a->kind);
  if (a->shape.has_rank && b->shape.has_rank && a->shape.rank == b->shape.rank) {
    shape = gonio_sym_rank (a->shape.rank);
    for (int d = 0; d < shape.rank; d++) {
      if (gonio_dim_equal (a->shape.dims[d], b->shape.dims[d]))
        shape.dims[d] = a->shape.dims[d];
    }
  }
  return gonio_infer_set (infer, i, a->dtype ? a->dtype : b->dtype, &shape, error);
}

static gboolean
infer_if (GonioInfer *infer, GError **error)
{
  const GonioAttr *taken = branch (infer, "then_branch"), *other = branch (infer, "else_branch");
  guint n_then = 0, n_else = 0;

  if (!taken || !other)
    return gonio_infer_fail (error, "a branch is missing.");
  if (!pass_captures (infer, taken->graph, error) || !pass_captures (infer, other->graph, error))
    return FALSE;
  const GonioValueId *a = gonio_graph_outputs (taken->graph, &n_then);
  const GonioValueId *b = gonio_graph_outputs (other->graph, &n_else);
  if (n_then != n_else || n_then < infer->node->n_outputs)
    return gonio_infer_fail (error, "its branches have %u and %u outputs, it has %u.", n_then,
                             n_else, infer->node->n_outputs);
  for (guint i = 0; i < infer->node->n_outputs; i++) {
    if (gonio_infer_has_output (infer, i) &&
        !join_output (infer, i, gonio_graph_value (taken->graph, a[i]),
                      gonio_graph_value (other->graph, b[i]), error))
      return FALSE;
  }
  return TRUE;
}

static const GonioAttrSchema attrs_if[] = {
    {"then_branch", GONIO_ATTR_GRAPH, TRUE}, {"else_branch", GONIO_ATTR_GRAPH, TRUE}, {0}};

const GonioOpDef gonio_ops_control[] = {
    {GONIO_OP_IF, 1, 1, 1, -1, GONIO_OPF_CONTROL, 0, GONIO_TOLERANCE_EXACT, attrs_if, infer_if},
    {.id = GONIO_OP_INVALID},
};
