/* Losses. Depends on family.h. */
#include "core/ops/family.h"

/* Inputs: scores [N,C,...], targets [N,...], weights [C]. The loss is a scalar unless it is not
 * reduced; the cross entropy can give the log probabilities as well. */
static gboolean
infer_loss (GonioInfer *infer, GError **error)
{
  const char *reduction = gonio_node_attr_string (infer->node, "reduction", "mean");
  gboolean none = g_str_equal (reduction, "none");
  GonioSymShape scalar = gonio_sym_rank (0);
  int scores = gonio_infer_rank (infer, 0), targets = gonio_infer_rank (infer, 1);

  if (scores >= 0 && targets >= 0 && scores != targets + 1)
    return gonio_infer_fail (error, "scores have rank %d, targets rank %d.", scores, targets);
  return gonio_infer_need_rank (infer, 0, 2, GONIO_MAX_RANK, error) &&
         gonio_infer_need_rank (infer, 2, 1, 1, error) &&
         gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0),
                          none ? gonio_infer_shape (infer, 1) : &scalar, error) &&
         gonio_infer_set (infer, 1, gonio_infer_dtype (infer, 0), gonio_infer_shape (infer, 0),
                          error);
}

static const GonioAttrSchema attrs_loss[] = {
    {"ignore_index", GONIO_ATTR_INT, FALSE}, {"reduction", GONIO_ATTR_STRING, FALSE}, {0}};

#define LAYOUT GONIO_OPF_LAYOUT_SENSITIVE

const GonioOpDef gonio_ops_loss[] = {
    {GONIO_OP_NEGATIVE_LOG_LIKELIHOOD_LOSS, 2, 3, 1, 1, LAYOUT, 0, GONIO_TOLERANCE_ROUNDING,
     attrs_loss, infer_loss},
    {GONIO_OP_SOFTMAX_CROSS_ENTROPY_LOSS, 2, 3, 1, 2, LAYOUT, 0, GONIO_TOLERANCE_TRANSCENDENTAL,
     attrs_loss, infer_loss},
    {.id = GONIO_OP_INVALID},
};
