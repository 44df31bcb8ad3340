/* What the ways to compute a convolution share. lower-conv.c reads the node and picks a method
 * from its table; each conv-<method>.c appends its own steps. Depends on window. */
#pragma once

#include "backends/cpu/gemm.h"
#include "backends/cpu/window.h"

G_BEGIN_DECLS

typedef struct {
  GonioCpuWindow window; /* reads the input through its view */
  int64_t groups;
  GonioCpuActivation activation;
  GonioCpuSlot in, out, add; /* add: own form, added before the activation; may be NO_SLOT */
  int64_t offset_out, pixel; /* of the output, in floats; more than its channels only without add
                              * and not for depthwise ones */
} GonioCpuConv;

typedef struct {
  const char *name;
  /* Can it compute this at all? */
  gboolean (*suits) (const GonioCpuKernels *kernels, const GonioCpuConv *conv);
  /* Appends the steps. conv has no slots yet: they belong to a step. */
  gboolean (*lower) (GonioCpuLower *lower, const GonioCpuConv *conv, GError **error);
  /* Is it faster than the methods that come after it? NULL: whenever it suits. */
  gboolean (*pays) (const GonioCpuKernels *kernels, const GonioCpuConv *conv);
} GonioCpuConvMethod;

extern const GonioCpuConvMethod gonio_cpu_conv_depthwise;
extern const GonioCpuConvMethod gonio_cpu_conv_parts;
extern const GonioCpuConvMethod gonio_cpu_conv_winograd_2, gonio_cpu_conv_winograd_4;
extern const GonioCpuConvMethod gonio_cpu_conv_xnnpack;
extern const GonioCpuConvMethod gonio_cpu_conv_direct; /* suits all */

/* Fills in the slots, which count as used by the step appended last. over_add: each element of what
 * is added is read before the result's is written, so that one may take the other's place. */
void gonio_cpu_conv_slots (GonioCpuLower *lower, GonioCpuConv *conv, gboolean over_add);
/* The node's weights as ONNX has them: O x I / groups x kernel. */
const float *gonio_cpu_conv_weights (const GonioCpuLower *lower);
/* The node's bias in `groups` runs of `padded` floats each, zero where it has none. */
gboolean gonio_cpu_conv_bias (GonioCpuLower *lower, size_t groups, size_t padded,
                              GonioCpuSlot *out_bias, GError **error);

G_END_DECLS
