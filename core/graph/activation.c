/* Fused activations as attributes. Depends on graph. */
#include "core/graph/activation.h"

#include <math.h>

static const char *const names[] = {
    [GONIO_ACT_NONE] = NULL,
    [GONIO_ACT_CLIP] = "Clip",
    [GONIO_ACT_LEAKY_RELU] = "LeakyRelu",
    [GONIO_ACT_SIGMOID] = "Sigmoid",
    [GONIO_ACT_TANH] = "Tanh",
    [GONIO_ACT_SWISH] = "Swish",
    [GONIO_ACT_HARD_SWISH] = "HardSwish",
};

const char *
gonio_activation_name (GonioActKind kind)
{
  return (guint)kind < G_N_ELEMENTS (names) ? names[kind] : NULL;
}

GonioActivation
gonio_node_activation (const GonioNode *node)
{
  GonioActivation activation = {.kind = GONIO_ACT_NONE};
  const char *name = gonio_node_attr_string (node, "activation", NULL);
  guint n = 0;
  const float *params = gonio_node_attr_floats (node, "activation_params", &n);

  for (guint k = 1; name && k < G_N_ELEMENTS (names); k++) {
    if (g_str_equal (name, names[k]))
      activation.kind = (GonioActKind)k;
  }
  switch (activation.kind) {
  case GONIO_ACT_CLIP:
    activation.params[0] = n > 0 ? params[0] : -INFINITY;
    activation.params[1] = n > 1 ? params[1] : INFINITY;
    break;
  case GONIO_ACT_LEAKY_RELU:
    activation.params[0] = n > 0 ? params[0] : 0.01f;
    break;
  default:
    break;
  }
  return activation;
}
