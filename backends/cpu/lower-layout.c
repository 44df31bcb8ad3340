/* gonio.Layout: between plain and channels-last. Only another way of reading; whoever needs the
 * form copies. */
#include "backends/cpu/lower.h"

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
  gonio_cpu_view_same (lower);
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_layout[] = {
    {GONIO_OP_LAYOUT, layout_claim, layout_lower, gonio_cpu_takes_any, NULL},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
