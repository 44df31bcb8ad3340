/* Transposed convolutions: the output falls into phases (y mod stride, x mod stride), each of
 * which is an ordinary convolution with some of the taps. Depends on window. */
#pragma once

#include "backends/cpu/window.h"

G_BEGIN_DECLS

/* Outputs first, first + stride, ... of one axis. Output q of them sees input q + shift through
 * the first of its taps and `move` further on through each next one. */
typedef struct {
  int64_t first, count;
  int64_t tap, taps, tap_step; /* taps of the kernel */
  int64_t shift, move;
} GonioCpuDeconvAxis;

/* Those phases of an axis that see any tap, at most min (kernel, stride); NULL when there is no
 * memory. (transfer full) */
GonioCpuDeconvAxis *gonio_cpu_deconv_axis (const GonioCpuWindow *window, int axis,
                                           size_t *out_count, GError **error);

/* Can a matrix unit compute it, and is that faster? */
gboolean gonio_cpu_deconv_parts_suits (const GonioCpuLower *lower, const GonioCpuWindow *window);

/* These append a step. The window reads its input through its view. */
gboolean gonio_cpu_deconv_parts_lower (GonioCpuLower *lower, const GonioCpuWindow *window,
                                       GError **error);
gboolean gonio_cpu_deconv_lower (GonioCpuLower *lower, const GonioCpuWindow *window,
                                 GError **error);

G_END_DECLS
