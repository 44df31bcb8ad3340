/* Operators of ai.onnx.ml. Depends on family.h, ml.h. */
#include "core/ops/family.h"
#include "core/ops/ml.h"

/* Inputs: values, keys [n], what stands for each of them [n], what stands for all others [1]. */
static gboolean
infer_label_encoder (GonioInfer *infer, GError **error)
{
  GonioDim keys = gonio_infer_dim (infer, 1, 0), values = gonio_infer_dim (infer, 2, 0);

  if (!gonio_infer_need_rank (infer, 1, 1, 1, error) ||
      !gonio_infer_need_rank (infer, 2, 1, 1, error) ||
      !gonio_infer_same_dtype (infer, 0, 1, error) || !gonio_infer_same_dtype (infer, 2, 3, error))
    return FALSE;
  if (keys.value >= 0 && values.value >= 0 && keys.value != values.value)
    return gonio_infer_fail (error,
                             "it has %" G_GINT64_FORMAT " keys and %" G_GINT64_FORMAT " values.",
                             keys.value, values.value);
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 2), gonio_infer_shape (infer, 0),
                          error);
}

/* Output 0 has the rows of input 0 and that many columns. */
static gboolean
set_rows (GonioInfer *infer, GonioDType dtype, GonioDim columns, GError **error)
{
  GonioSymShape shape = gonio_sym_rank (2);

  if (!gonio_infer_need_rank (infer, 0, 2, 2, error))
    return FALSE;
  shape.dims[0] = gonio_infer_dim (infer, 0, 0);
  shape.dims[1] = columns;
  return gonio_infer_set (infer, 0, dtype, &shape, error);
}

static gboolean
need_equal (GonioDim a, GonioDim b, const char *what, GError **error)
{
  return a.value < 0 || b.value < 0 || a.value == b.value ||
         gonio_infer_fail (error, "%s are %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT " long.",
                           what, a.value, b.value);
}

/* Inputs: values of the kernel [N,S], coefficients [C-1,S], support vectors per class [C],
 * offsets, one for each pair of classes; the decision for each pair comes out. */
static gboolean
infer_pair_decisions (GonioInfer *infer, GError **error)
{
  return gonio_infer_need_rank (infer, 1, 2, 2, error) &&
         gonio_infer_need_rank (infer, 2, 1, 1, error) &&
         gonio_infer_need_rank (infer, 3, 1, 1, error) &&
         gonio_infer_same_dtype (infer, 0, 1, error) &&
         gonio_infer_same_dtype (infer, 0, 3, error) &&
         need_equal (gonio_infer_dim (infer, 0, 1), gonio_infer_dim (infer, 1, 1),
                     "kernel and coefficients", error) &&
         set_rows (infer, gonio_infer_dtype (infer, 0), gonio_infer_dim (infer, 3, 0), error);
}

/* Decisions [N,C(C-1)/2] give votes for each of "classes" [N,C]; with "probability" the input holds
 * the probability of the first of each two, and that of each class comes out. */
static gboolean
infer_pair_coupling (GonioInfer *infer, GError **error)
{
  int64_t classes = gonio_node_attr_int (infer->node, "classes", 0);

  if (classes < 2 || classes > GONIO_MAX_PAIRED_CLASSES)
    return gonio_infer_fail (error, "it is for %" G_GINT64_FORMAT " classes.", classes);
  return need_equal (gonio_infer_dim (infer, 0, 1), GONIO_DIM (classes * (classes - 1) / 2),
                     "its input and the pairs of classes", error) &&
         set_rows (infer, gonio_infer_dtype (infer, 0), GONIO_DIM (classes), error);
}

/* Inputs, see GonioTreeInput. The result has the type of the weights. */
static gboolean
infer_tree_ensemble (GonioInfer *infer, GError **error)
{
  int64_t targets = gonio_node_attr_int (infer->node, "n_targets", 0);
  GonioDim columns = gonio_infer_dim (infer, GONIO_TREE_NODES, 1);

  if (targets < 1 || targets > GONIO_MAX_DIM)
    return gonio_infer_fail (error, "it has %" G_GINT64_FORMAT " targets.", targets);
  if (!gonio_infer_need_rank (infer, GONIO_TREE_NODES, 2, 2, error))
    return FALSE;
  for (guint i = GONIO_TREE_SPLITS; i < infer->node->n_inputs; i++)
    if (!gonio_infer_need_rank (infer, i, 1, 1, error))
      return FALSE;
  return need_equal (columns, GONIO_DIM (GONIO_TREE_COLUMNS), "rows of nodes and the columns known",
                     error) &&
         need_equal (gonio_infer_dim (infer, GONIO_TREE_NODES, 0),
                     gonio_infer_dim (infer, GONIO_TREE_SPLITS, 0), "nodes and splits", error) &&
         need_equal (gonio_infer_dim (infer, GONIO_TREE_TARGETS, 0),
                     gonio_infer_dim (infer, GONIO_TREE_WEIGHTS, 0), "targets and weights",
                     error) &&
         set_rows (infer, gonio_infer_dtype (infer, GONIO_TREE_WEIGHTS), GONIO_DIM (targets),
                   error);
}

static const GonioAttrSchema attrs_coupling[] = {
    {"classes", GONIO_ATTR_INT, TRUE}, {"probability", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_tree[] = {
    {"aggregate_function", GONIO_ATTR_STRING, FALSE}, {"n_targets", GONIO_ATTR_INT, TRUE}, {0}};

#define ROUNDING GONIO_TOLERANCE_ROUNDING

const GonioOpDef gonio_ops_ml[] = {
    {GONIO_OP_LABEL_ENCODER, 4, 4, 1, 1, 0, 0, GONIO_TOLERANCE_EXACT, NULL, infer_label_encoder},
    {GONIO_OP_PAIR_COUPLING, 1, 1, 1, 1, 0, 0, ROUNDING, attrs_coupling, infer_pair_coupling},
    {GONIO_OP_PAIR_DECISIONS, 4, 4, 1, 1, 0, 0, ROUNDING, NULL, infer_pair_decisions},
    {GONIO_OP_TREE_ENSEMBLE, 7, 8, 1, 1, 0, 0, ROUNDING, attrs_tree, infer_tree_ensemble},
    {.id = GONIO_OP_INVALID},
};
