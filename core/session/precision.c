/* Names of the precisions that backends are asked for. Depends on backend.h. */
#include "core/session/backend.h"

static const char *const names[] = {
    [GONIO_PRECISION_FP32] = "fp32",
    [GONIO_PRECISION_FP16] = "fp16",
};

const char *
gonio_precision_name (GonioPrecision precision)
{
  return names[precision];
}

gboolean
gonio_precision_parse (const char *text, GonioPrecision *out_precision)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (g_strcmp0 (text, names[i]) == 0) {
      *out_precision = (GonioPrecision)i;
      return TRUE;
    }
  }
  return FALSE;
}
