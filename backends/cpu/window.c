/* Geometry of sliding windows. */
#include "backends/cpu/window.h"

#include <string.h>

/* Larger numbers cannot be meant and would only invite overflow. */
#define MAX_EXTENT ((int64_t)1 << 24)

static gboolean
read_ints (const GonioNode *node, const char *name, guint n, int64_t fallback, int64_t *out,
           int64_t least)
{
  guint count;
  const int64_t *ints = gonio_node_attr_ints (node, name, &count);
  if (ints && count != n)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    out[i] = ints ? ints[i] : fallback;
    if (out[i] < least || out[i] > MAX_EXTENT)
      return FALSE;
  }
  return TRUE;
}

/* SAME: enough padding for ceil (in / stride) outputs, the odd one where the name says. */
static void
same_padding (GonioCpuWindow *window, gboolean upper)
{
  for (int i = 0; i < 2; i++) {
    int64_t span = (window->kernel[i] - 1) * window->dilation[i] + 1;
    int64_t total = MAX ((window->out[i] - 1) * window->stride[i] + span - window->in[i], 0);
    window->before[i] = upper ? total / 2 : total - total / 2;
    window->after[i] = total - window->before[i];
  }
}

const char *
gonio_cpu_window_init (GonioCpuWindow *window, const GonioCpuNode *node, const GonioValue *weights)
{
  GonioShape in = gonio_cpu_shape (gonio_cpu_in (node, 0));
  GonioShape out = gonio_cpu_shape (gonio_cpu_out (node, 0));
  int n = in.rank - 2;
  if (n < 1 || n > 2 || out.rank != in.rank)
    return "only one or two spatial axes are supported";

  *window = (GonioCpuWindow){.batch = in.dims[0],
                             .channels_in = in.dims[1],
                             .channels_out = out.dims[1],
                             .in = {1, 1},
                             .out = {1, 1},
                             .kernel = {1, 1},
                             .stride = {1, 1},
                             .dilation = {1, 1}};
  int64_t kernel[2] = {0}, stride[2], dilation[2], pads[4];
  if (weights) {
    GonioShape shape = gonio_cpu_shape (weights);
    if (shape.rank != in.rank)
      return "the weights have another rank than the input";
    memcpy (kernel, shape.dims + 2, (size_t)n * sizeof *kernel);
  } else if (!read_ints (node->node, "kernel_shape", (guint)n, 0, kernel, 1)) {
    return "kernel_shape is out of range";
  }
  if (!read_ints (node->node, "strides", (guint)n, 1, stride, 1) ||
      !read_ints (node->node, "dilations", (guint)n, 1, dilation, 1) ||
      !read_ints (node->node, "pads", (guint)(2 * n), 0, pads, 0))
    return "strides, dilations or pads are out of range";
  for (int i = 0; i < n; i++) {
    int to = i + 2 - n;
    if (kernel[i] < 1 || kernel[i] > MAX_EXTENT || in.dims[2 + i] > MAX_EXTENT ||
        out.dims[2 + i] > MAX_EXTENT || (kernel[i] - 1) * dilation[i] > MAX_EXTENT)
      return "a kernel or image axis is out of range";
    window->in[to] = in.dims[2 + i];
    window->out[to] = out.dims[2 + i];
    window->kernel[to] = kernel[i];
    window->stride[to] = stride[i];
    window->dilation[to] = dilation[i];
    window->before[to] = pads[i];
    window->after[to] = pads[n + i];
  }

  window->pixel = window->channels_in;
  window->line = window->in[1] * window->pixel;
  window->image = window->in[0] * window->line;

  const char *mode = gonio_node_attr_string (node->node, "auto_pad", "NOTSET");
  if (g_str_equal (mode, "SAME_UPPER") || g_str_equal (mode, "SAME_LOWER"))
    same_padding (window, g_str_equal (mode, "SAME_UPPER"));
  else if (g_str_equal (mode, "VALID"))
    memset (window->before, 0, sizeof window->before),
        memset (window->after, 0, sizeof window->after);
  else if (*mode && !g_str_equal (mode, "NOTSET"))
    return "auto_pad has an unknown value";
  return NULL;
}

gboolean
gonio_cpu_window_takes (const GonioCpuNode *node, guint i, const GonioCpuView *view)
{
  GonioShape shape = gonio_cpu_shape (gonio_cpu_in (node, 0));
  gboolean fits = i == 0;
  for (int k = 0; k < shape.rank; k++)
    if (shape.dims[k] != 1)
      fits = fits && (k == 1 ? view->strides[k] == 1 : view->strides[k] > 0);
  return fits;
}

void
gonio_cpu_window_view (GonioCpuWindow *window, const GonioCpuNode *node, const GonioCpuView *view)
{
  int rank = gonio_cpu_in (node, 0)->shape.rank;
  window->offset = view->offset;
  window->image = view->strides[0];
  window->line = rank == 4 ? view->strides[2] : 0;
  window->pixel = view->strides[rank - 1];
}

void
gonio_cpu_window_taps (const GonioCpuWindow *window, int axis, int64_t at, int64_t *out_first,
                       int64_t *out_end)
{
  int64_t start = at * window->stride[axis] - window->before[axis];
  int64_t step = window->dilation[axis], first = 0, end = window->kernel[axis];
  if (start < 0)
    first = (-start + step - 1) / step;
  if (start + (end - 1) * step >= window->in[axis])
    end = start >= window->in[axis] ? 0 : (window->in[axis] - 1 - start) / step + 1;
  *out_first = MIN (first, end);
  *out_end = end;
}

void
gonio_cpu_window_inner (const GonioCpuWindow *w, int axis, int64_t *out_first, int64_t *out_end)
{
  int64_t span = (w->kernel[axis] - 1) * w->dilation[axis], stride = w->stride[axis];
  int64_t room = w->in[axis] - 1 - span + w->before[axis];
  *out_first = MIN ((w->before[axis] + stride - 1) / stride, w->out[axis]);
  *out_end = CLAMP (room < 0 ? 0 : room / stride + 1, *out_first, w->out[axis]);
}
