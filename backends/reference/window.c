/* Sliding windows: what convolution and pooling share. Depends on kernel.h. */
#include "backends/reference/window.h"

#include <string.h>

/* Attribute values beyond this are refused: with it, no sum or product of two overflows. */
#define VALUE_MAX ((int64_t)1 << 30)

static gboolean
check_range (const char *what, int64_t value, int64_t least, GError **error)
{
  if (value < least || value > VALUE_MAX)
    return ref_bad_value (error,
                          "%s is %" G_GINT64_FORMAT ", it must be at least %" G_GINT64_FORMAT
                          " and at most %" G_GINT64_FORMAT,
                          what, value, least, VALUE_MAX);
  return TRUE;
}

gboolean
ref_window_attrs (RefWindow *w, const GonioKernel *k, const GonioShape *x, const int64_t *kernel,
                  GError **error)
{
  int64_t pads[2 * REF_WINDOW_RANK];

  *w = (RefWindow){.rank = x->rank - 2};
  if (w->rank < 1)
    return ref_bad_shape (error,
                          "input has rank %d, it needs batch, channels and at least one "
                          "spatial dimension",
                          x->rank);
  if (!ref_attr_ints (k, "strides", w->rank, 1, w->stride, error) ||
      !ref_attr_ints (k, "dilations", w->rank, 1, w->dilation, error) ||
      !ref_attr_ints (k, "pads", 2 * w->rank, 0, pads, error))
    return FALSE;
  for (int d = 0; d < w->rank; d++) {
    w->in[d] = x->dims[2 + d];
    w->kernel[d] = kernel[d];
    w->begin[d] = pads[d];
    w->end[d] = pads[w->rank + d];
    if (!check_range ("a spatial input dimension", w->in[d], 0, error) ||
        !check_range ("kernel size", w->kernel[d], 1, error) ||
        !check_range ("stride", w->stride[d], 1, error) ||
        !check_range ("dilation", w->dilation[d], 1, error) ||
        !check_range ("padding", w->begin[d], 0, error) ||
        !check_range ("padding", w->end[d], 0, error))
      return FALSE;
    w->extent[d] = (w->kernel[d] - 1) * w->dilation[d] + 1;
  }
  return TRUE;
}

gboolean
ref_window_output (RefWindow *w, const GonioKernel *k, gboolean ceil_mode, GError **error)
{
  const char *auto_pad = ref_attr_string (k, "auto_pad", "NOTSET");
  gboolean upper = g_str_equal (auto_pad, "SAME_UPPER");
  gboolean lower = g_str_equal (auto_pad, "SAME_LOWER");
  gboolean valid = g_str_equal (auto_pad, "VALID");

  if (!upper && !lower && !valid && !g_str_equal (auto_pad, "NOTSET") && *auto_pad != '\0')
    return ref_bad_value (error, "auto_pad is \"%s\"", auto_pad);

  for (int d = 0; d < w->rank; d++) {
    int64_t room;

    if (valid)
      w->begin[d] = w->end[d] = 0;
    if (upper || lower) {
      int64_t total;

      w->out[d] = (w->in[d] + w->stride[d] - 1) / w->stride[d];
      total = MAX ((w->out[d] - 1) * w->stride[d] + w->extent[d] - w->in[d], 0);
      w->begin[d] = upper ? total / 2 : total - total / 2;
      w->end[d] = total - w->begin[d];
      continue;
    }
    room = w->in[d] + w->begin[d] + w->end[d] - w->extent[d];
    if (room < 0)
      return ref_bad_shape (error,
                            "window of %" G_GINT64_FORMAT " does not fit into %" G_GINT64_FORMAT
                            " elements with padding %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT
                            " (spatial dimension %d)",
                            w->extent[d], w->in[d], w->begin[d], w->end[d], d);
    w->out[d] = room / w->stride[d] + 1;
    if (ceil_mode && room % w->stride[d] != 0)
      w->out[d]++;
    if (ceil_mode && (w->out[d] - 1) * w->stride[d] >= w->in[d] + w->begin[d])
      w->out[d]--;
  }
  return TRUE;
}

GonioShape
ref_window_shape (const RefWindow *w, int64_t n, int64_t c)
{
  GonioShape shape = {.rank = w->rank + 2, .dims = {n, c}};

  for (int d = 0; d < w->rank; d++)
    shape.dims[2 + d] = w->out[d];
  return shape;
}

static int64_t
product (const RefWindow *w, const int64_t *dims)
{
  GonioShape shape = gonio_shape_make (w->rank, dims);

  return ref_dims_product (&shape, 0, w->rank);
}

int64_t
ref_window_in_count (const RefWindow *w)
{
  return product (w, w->in);
}

int64_t
ref_window_kernel_count (const RefWindow *w)
{
  return product (w, w->kernel);
}

int64_t
ref_window_out_count (const RefWindow *w)
{
  return product (w, w->out);
}

GonioTensor *
ref_window_padded (const RefWindow *w, const GonioTensor *x, int64_t image, GError **error)
{
  const GonioShape *x_shape = gonio_tensor_shape (x);
  GonioShape shape = {.rank = x_shape->rank - 1, .dims = {x_shape->dims[1]}};
  g_autoptr (GonioTensor) padded = NULL;
  int64_t x_strides[GONIO_MAX_RANK], strides[GONIO_MAX_RANK], at = 0;
  RefBox box = {.rank = shape.rank, .dims = {x_shape->dims[1]}};
  size_t bytes;

  for (int d = 0; d < w->rank; d++) {
    shape.dims[1 + d] = w->in[d] + w->begin[d] + w->end[d];
    box.dims[1 + d] = w->in[d];
  }
  if (!ref_check_shape (&shape, error))
    return NULL;
  if (!gonio_tensor_bytes (gonio_tensor_dtype (x), &shape, &bytes) || bytes > REF_SCRATCH_MAX) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "the padded input would be larger than %" G_GSIZE_FORMAT " bytes",
                 (gsize)REF_SCRATCH_MAX);
    return NULL;
  }
  padded = gonio_tensor_new_zeroed (gonio_tensor_dtype (x), &shape, error);
  if (padded == NULL)
    return NULL;
  gonio_shape_strides (x_shape, x_strides);
  gonio_shape_strides (&shape, strides);
  for (int d = 0; d < shape.rank; d++) {
    box.src_stride[d] = x_strides[1 + d];
    box.dst_stride[d] = strides[d];
    if (d > 0)
      at += w->begin[d - 1] * strides[d];
  }
  ref_copy_box (padded, at, x, image * x_strides[0], &box);
  return g_steal_pointer (&padded);
}

gboolean
ref_next_index (int rank, const int64_t *dims, int64_t *index)
{
  for (int d = rank - 1; d >= 0; d--) {
    if (++index[d] < dims[d])
      return TRUE;
    index[d] = 0;
  }
  return FALSE;
}
