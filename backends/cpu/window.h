/* Windows sliding over one or two spatial axes: what convolutions and pools share. One spatial
 * axis is run as two with height 1. Depends on lower. */
#pragma once

#include "backends/cpu/lower.h"

G_BEGIN_DECLS

/* Index 0 is height, 1 is width. */
typedef struct {
  int64_t batch, channels_in, channels_out;
  int64_t in[2], out[2];
  int64_t kernel[2], stride[2], dilation[2];
  int64_t before[2], after[2]; /* padding; `after` as the attribute says */
  int64_t image, line, pixel;  /* floats from one to the next in the input */
  int64_t offset;              /* of the first one */
} GonioCpuWindow;

/* Reads kernel_shape (or `weights`, O x I x kernel, nullable), strides, dilations, pads and
 * auto_pad. NULL on success, else the reason why the node cannot be run. */
const char *gonio_cpu_window_init (GonioCpuWindow *window, const GonioCpuNode *node,
                                   const GonioValue *weights);

/* Makes the window read its input through a view; takes_view says which are possible. */
void gonio_cpu_window_view (GonioCpuWindow *window, const GonioCpuNode *node,
                            const GonioCpuView *view);
gboolean gonio_cpu_window_takes (const GonioCpuNode *node, guint i, const GonioCpuView *view);

/* First and one-past-last tap of an axis that lies inside the input for output position at. */
void gonio_cpu_window_taps (const GonioCpuWindow *window, int axis, int64_t at, int64_t *out_first,
                            int64_t *out_end);

/* Outputs first..end-1 of an axis whose windows lie wholly inside. */
void gonio_cpu_window_inner (const GonioCpuWindow *window, int axis, int64_t *out_first,
                             int64_t *out_end);

G_END_DECLS
