/* Sliding windows: what convolution and pooling share. Depends on kernel.h. */
#pragma once

#include "backends/reference/kernel.h"

G_BEGIN_DECLS

#define REF_WINDOW_RANK (GONIO_MAX_RANK - 2)

/* Spatial dimensions only, each array of rank entries. */
typedef struct {
  int rank;
  int64_t in[REF_WINDOW_RANK];
  int64_t kernel[REF_WINDOW_RANK];
  int64_t stride[REF_WINDOW_RANK];
  int64_t dilation[REF_WINDOW_RANK];
  int64_t begin[REF_WINDOW_RANK]; /* padding */
  int64_t end[REF_WINDOW_RANK];
  int64_t extent[REF_WINDOW_RANK]; /* (kernel - 1) * dilation + 1 */
  int64_t out[REF_WINDOW_RANK];
} RefWindow;

/* Reads strides, dilations, pads and auto_pad of the node; x is N, C, spatial. All values are
 * checked and no sum of them overflows. */
gboolean ref_window_attrs (RefWindow *w, const GonioKernel *k, const GonioShape *x,
                           const int64_t *kernel, GError **error);
/* After that: the padding of auto_pad and the output size. ceil_mode as pooling has it: a
 * last window that would start in the end padding does not count. */
gboolean ref_window_output (RefWindow *w, const GonioKernel *k, gboolean ceil_mode, GError **error);

/* N, C, then the window's output. */
GonioShape ref_window_shape (const RefWindow *w, int64_t n, int64_t c);
/* Products over the spatial dimensions. */
int64_t ref_window_in_count (const RefWindow *w);
int64_t ref_window_kernel_count (const RefWindow *w);
int64_t ref_window_out_count (const RefWindow *w);

/* One image of x as C, spatial with its padding written out, zeros around. (transfer full) */
GonioTensor *ref_window_padded (const RefWindow *w, const GonioTensor *x, int64_t image,
                                GError **error);

/* Row-major odometer over dims; FALSE when it wraps around to all zeros. */
gboolean ref_next_index (int rank, const int64_t *dims, int64_t *index);

G_END_DECLS
