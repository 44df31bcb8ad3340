/* Convolution on tensors of any floating type, shared with the quantised forms.
 * Depends on kernel.h. */
#pragma once

#include "backends/reference/kernel.h"

G_BEGIN_DECLS

/* The window attributes (strides, pads, group, ...) are those of k's node; bias is nullable.
 * Weights [filters, channels / group, kernel...]. */
gboolean ref_conv_shape (const GonioKernel *k, const GonioTensor *x, const GonioTensor *weights,
                         const GonioTensor *bias, GonioShape *out_shape, GError **error);
/* y: a tensor of that shape, of any floating type; add (nullable): as y, added to the result. */
gboolean ref_conv (const GonioKernel *k, const GonioTensor *x, const GonioTensor *weights,
                   const GonioTensor *bias, const GonioTensor *add, GonioTensor *y,
                   GError **error);

G_END_DECLS
