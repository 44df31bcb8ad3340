/* Reading the fused-activation attributes of a node. Depends on graph. */
#pragma once

#include "core/graph/graph.h"

G_BEGIN_DECLS

/* Nodes Conv, ConvTranspose, Gemm, MatMul, BatchNormalization, Add, Sub, Mul and Div may carry the
 * attributes "activation" (string, names below) and "activation_params" (floats). Who claims such a
 * node applies it to the result. */
typedef enum {
  GONIO_ACT_NONE,
  GONIO_ACT_CLIP,       /* "Clip": params min, max (infinities allowed); Relu is Clip 0, inf */
  GONIO_ACT_LEAKY_RELU, /* "LeakyRelu": params alpha */
  GONIO_ACT_SIGMOID,    /* "Sigmoid" */
  GONIO_ACT_TANH,       /* "Tanh" */
  GONIO_ACT_SWISH,      /* "Swish": x * sigmoid (x) */
  GONIO_ACT_HARD_SWISH, /* "HardSwish": x * clip (x / 6 + 0.5, 0, 1) */
} GonioActKind;

typedef struct {
  GonioActKind kind;
  float params[2];
} GonioActivation;

GonioActivation gonio_node_activation (const GonioNode *node);
/* Name written into the attribute; NULL for GONIO_ACT_NONE. */
const char *gonio_activation_name (GonioActKind kind);

G_END_DECLS
