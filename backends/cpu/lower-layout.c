/* gonio.Layout: between plain and channels-last. */
#include "backends/cpu/copy.h"

static const char *
layout_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  guint bits = gonio_dtype_bits (gonio_cpu_in (node, 0)->dtype);
  gonio_cpu_claim_plain (out_claim);
  return bits >= 8 && bits <= 64 ? NULL : "this type is not supported";
}

static gboolean
layout_lower (GonioCpuLower *lower, GError **error)
{
  const GonioValue *in = gonio_cpu_in (&lower->node, 0), *out = gonio_cpu_out (&lower->node, 0);
  GonioShape shape = gonio_cpu_shape (in);
  int64_t from[GONIO_MAX_RANK], to[GONIO_MAX_RANK];
  gonio_cpu_strides (in, from);
  gonio_cpu_strides (out, to);
  GonioCpuCopy copy;
  gonio_cpu_copy_init (&copy, gonio_dtype_bits (in->dtype) / 8);
  for (int i = 0; i < shape.rank; i++)
    gonio_cpu_nest_push (&copy.nest, shape.dims[i], (int64_t[]){to[i], from[i]});
  gonio_cpu_copy_finish (&copy);
  gonio_cpu_step_rearrange (lower, &copy);
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_layout[] = {
    {GONIO_OP_LAYOUT, layout_claim, layout_lower},
    {GONIO_OP_INVALID, NULL, NULL},
};
