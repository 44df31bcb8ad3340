/* Operators of ai.onnx.ml. Depends on family.h. */
#include "core/ops/family.h"

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

const GonioOpDef gonio_ops_ml[] = {
    {GONIO_OP_LABEL_ENCODER, 4, 4, 1, 1, 0, 0, GONIO_TOLERANCE_EXACT, NULL, infer_label_encoder},
    {.id = GONIO_OP_INVALID},
};
