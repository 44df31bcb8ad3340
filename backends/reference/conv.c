/* Conv and ConvTranspose of any spatial rank: windows read through offset tables by one matrix
 * product with double sums. Depends on kernel.h, window.h, gemm.h. */
#include "backends/reference/conv.h"

#include "backends/reference/gemm.h"
#include "backends/reference/window.h"

#include <string.h>

/* Output positions computed at a time: bounds the buffer of double sums. */
#define BLOCK 1024

/* One image, padded, as the matrix product reads it. */
typedef struct {
  const void *data; /* float or double */
  gboolean is_double;
  int64_t strides[GONIO_MAX_RANK]; /* of C, spatial */
  GonioTensor *padded;             /* owned, nullable */
  double *wide;                    /* owned, nullable */
} Image;

static void
image_clear (Image *image)
{
  g_clear_pointer (&image->padded, gonio_tensor_unref);
  g_clear_pointer (&image->wide, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Image, image_clear)

static gboolean
has_padding (const RefWindow *w)
{
  for (int d = 0; d < w->rank; d++)
    if (w->begin[d] != 0 || w->end[d] != 0)
      return TRUE;
  return FALSE;
}

static gboolean
image_init (Image *image, const RefWindow *w, const GonioTensor *x, int64_t index, GError **error)
{
  GonioDType dtype = gonio_tensor_dtype (x);
  int64_t x_strides[GONIO_MAX_RANK];

  *image = (Image){.is_double = dtype != GONIO_DTYPE_FLOAT};
  if (!has_padding (w) && (dtype == GONIO_DTYPE_FLOAT || dtype == GONIO_DTYPE_DOUBLE)) {
    size_t size = dtype == GONIO_DTYPE_FLOAT ? sizeof (float) : sizeof (double);

    gonio_shape_strides (gonio_tensor_shape (x), x_strides);
    image->data = (const char *)gonio_tensor_data (x) + (size_t)(index * x_strides[0]) * size;
    memcpy (image->strides, x_strides + 1, (GONIO_MAX_RANK - 1) * sizeof *x_strides);
    return TRUE;
  }
  image->padded = ref_window_padded (w, x, index, error);
  if (image->padded == NULL)
    return FALSE;
  gonio_shape_strides (gonio_tensor_shape (image->padded), image->strides);
  image->data = gonio_tensor_data (image->padded);
  if (dtype != GONIO_DTYPE_FLOAT && dtype != GONIO_DTYPE_DOUBLE) {
    image->wide = ref_dup_f64 (image->padded, error);
    image->data = image->wide;
  }
  return image->data != NULL;
}

/* ---- Conv ---- */

typedef struct {
  RefWindow w;
  int64_t batch, channels, outputs, groups;
  int64_t taps;  /* kernel positions */
  int64_t depth; /* input channels of a group x taps */
} ConvShape;

static gboolean
conv_shape (ConvShape *c, const GonioKernel *k, const GonioShape *x, const GonioShape *w,
            const GonioTensor *bias, GError **error)
{
  guint n_kernel;
  const int64_t *kernel = gonio_node_attr_ints (k->node, "kernel_shape", &n_kernel);

  c->groups = ref_attr_int (k, "group", 1);
  if (w->rank != x->rank || w->rank < 3) {
    g_autofree char *left = gonio_shape_to_string (x), *right = gonio_shape_to_string (w);

    return ref_bad_shape (error, "input %s and weights %s must have the same rank of 3 or more",
                          left, right);
  }
  c->batch = x->dims[0];
  c->channels = x->dims[1];
  c->outputs = w->dims[0];
  if (c->groups < 1 || c->groups > MAX (c->channels, 1) || c->channels % c->groups != 0 ||
      c->outputs % c->groups != 0 || w->dims[1] != c->channels / c->groups)
    return ref_bad_shape (error,
                          "%" G_GINT64_FORMAT " input channels in %" G_GINT64_FORMAT
                          " groups do not fit weights of %" G_GINT64_FORMAT
                          " filters with %" G_GINT64_FORMAT " channels each",
                          c->channels, c->groups, c->outputs, w->dims[1]);
  for (int d = 0; kernel != NULL && d < w->rank - 2; d++)
    if (n_kernel != (guint)w->rank - 2 || kernel[d] != w->dims[2 + d])
      return ref_bad_shape (error, "attribute kernel_shape and the weights' shape differ");
  if (bias != NULL && gonio_tensor_count (bias) != c->outputs)
    return ref_bad_shape (
        error, "bias has %" G_GINT64_FORMAT " elements for %" G_GINT64_FORMAT " output channels",
        gonio_tensor_count (bias), c->outputs);
  if (!ref_window_attrs (&c->w, k, x, w->dims + 2, error) ||
      !ref_window_output (&c->w, k, FALSE, error))
    return FALSE;
  c->taps = ref_window_kernel_count (&c->w);
  if (!gonio_checked_mul_i64 (c->channels / c->groups, c->taps, &c->depth))
    return ref_bad_shape (error, "weights are too large");
  return TRUE;
}

/* Where tap p of a group's window lies relative to the window's first element. */
static void
tap_offsets (const ConvShape *c, const int64_t *strides, int64_t *out)
{
  for (int64_t channel = 0; channel < c->channels / c->groups; channel++) {
    int64_t index[REF_WINDOW_RANK] = {0};

    do {
      int64_t offset = channel * strides[0];

      for (int d = 0; d < c->w.rank; d++)
        offset += index[d] * c->w.dilation[d] * strides[1 + d];
      *out++ = offset;
    } while (ref_next_index (c->w.rank, c->w.kernel, index));
  }
}

/* Where the windows of n output positions from at on begin. */
static void
window_offsets (const ConvShape *c, const int64_t *strides, int64_t at, int64_t n, int64_t *out)
{
  for (int64_t j = 0; j < n; j++) {
    int64_t rest = at + j;

    out[j] = 0;
    for (int d = c->w.rank - 1; d >= 0; d--) {
      out[j] += rest % c->w.out[d] * c->w.stride[d] * strides[1 + d];
      rest /= c->w.out[d];
    }
  }
}

/* What is multiplied and added. */
typedef struct {
  const double *weights;
  const double *bias; /* nullable */
  const double *add;  /* like the result; nullable */
} Terms;

static gboolean
conv_image (const ConvShape *c, const Image *image, const Terms *terms, int64_t index,
            GonioTensor *y, GError **error)
{
  int64_t filters = c->outputs / c->groups, area = ref_window_out_count (&c->w);
  size_t size = image->is_double ? sizeof (double) : sizeof (float);
  g_autofree int64_t *taps = ref_alloc (c->depth, sizeof *taps, error);
  g_autofree int64_t *windows = ref_alloc (BLOCK, sizeof *windows, error);
  g_autofree double *sums = ref_alloc (filters * BLOCK, sizeof *sums, error);

  if (taps == NULL || windows == NULL || sums == NULL)
    return FALSE;
  tap_offsets (c, image->strides, taps);
  for (int64_t at = 0; at < area; at += BLOCK) {
    int64_t n = MIN (BLOCK, area - at);

    window_offsets (c, image->strides, at, n, windows);
    for (int64_t g = 0; g < c->groups; g++) {
      int64_t first = g * (c->channels / c->groups) * image->strides[0];
      RefGemm gemm = {.m = filters,
                      .n = n,
                      .k = c->depth,
                      .a = terms->weights + g * filters * c->depth,
                      .a_row = c->depth,
                      .a_col = 1,
                      .b = (const char *)image->data + (size_t)first * size,
                      .b_is_double = image->is_double,
                      .b_row = taps,
                      .b_col = windows,
                      .c = sums,
                      .ldc = n};

      if (!ref_gemm (&gemm, error))
        return FALSE;
      for (int64_t f = 0; f < filters; f++) {
        int64_t output = g * filters + f, start = (index * c->outputs + output) * area + at;

        for (int64_t j = 0; terms->bias != NULL && j < n; j++)
          sums[f * n + j] += terms->bias[output];
        for (int64_t j = 0; terms->add != NULL && j < n; j++)
          sums[f * n + j] += terms->add[start + j];
        ref_store_f64 (y, start, n, sums + f * n);
      }
    }
  }
  return TRUE;
}

gboolean
ref_conv_shape (const GonioKernel *k, const GonioTensor *x, const GonioTensor *weights,
                const GonioTensor *bias, GonioShape *out_shape, GError **error)
{
  ConvShape c = {0};

  if (!conv_shape (&c, k, gonio_tensor_shape (x), gonio_tensor_shape (weights), bias, error))
    return FALSE;
  *out_shape = ref_window_shape (&c.w, c.batch, c.outputs);
  return TRUE;
}

gboolean
ref_conv (const GonioKernel *k, const GonioTensor *x, const GonioTensor *weights,
          const GonioTensor *bias, const GonioTensor *add, GonioTensor *y, GError **error)
{
  ConvShape c = {0};
  g_autofree double *wide_weights = NULL;
  g_autofree double *wide_bias = NULL;
  g_autofree double *wide_add = NULL;

  if (!conv_shape (&c, k, gonio_tensor_shape (x), gonio_tensor_shape (weights), bias, error))
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  wide_weights = ref_dup_f64 (weights, error);
  if (wide_weights == NULL)
    return FALSE;
  if (bias != NULL && (wide_bias = ref_dup_f64 (bias, error)) == NULL)
    return FALSE;
  if (add != NULL && (wide_add = ref_dup_f64 (add, error)) == NULL)
    return FALSE;
  for (int64_t i = 0; i < c.batch; i++) {
    Terms terms = {wide_weights, wide_bias, wide_add};
    g_auto (Image) image = {0};

    if (!image_init (&image, &c.w, x, i, error) || !conv_image (&c, &image, &terms, i, y, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
run_conv (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *weights = k->inputs[1], *bias = ref_in (k, 2);
  GonioTensor *add = ref_in (k, 3), *y;
  GonioShape shape;

  if (!ref_conv_shape (k, x, weights, bias, &shape, error))
    return FALSE;
  if (add != NULL && !gonio_shape_equal (gonio_tensor_shape (add), &shape)) {
    g_autofree char *left = gonio_shape_to_string (gonio_tensor_shape (add));
    g_autofree char *right = gonio_shape_to_string (&shape);

    return ref_bad_shape (error, "a summand %s for a result %s", left, right);
  }
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  return y != NULL && ref_conv (k, x, weights, bias, add, y, error);
}

/* ---- ConvTranspose ---- */

/* Output size and padding; the window then maps output (w.in) to input (w.out). */
static gboolean
transpose_output (RefWindow *w, const GonioKernel *k, GError **error)
{
  const char *auto_pad = ref_attr_string (k, "auto_pad", "NOTSET");
  gboolean upper = g_str_equal (auto_pad, "SAME_UPPER");
  gboolean same = upper || g_str_equal (auto_pad, "SAME_LOWER");
  int64_t extra[REF_WINDOW_RANK];
  guint n_wanted;
  const int64_t *wanted = gonio_node_attr_ints (k->node, "output_shape", &n_wanted);

  if (!ref_attr_ints (k, "output_padding", w->rank, 0, extra, error))
    return FALSE;
  if (wanted != NULL && n_wanted == (guint)w->rank + 2)
    wanted += 2; /* some exporters write batch and channels too */
  else if (wanted != NULL && n_wanted != (guint)w->rank)
    return ref_bad_value (error, "output_shape has %u numbers for %d dimensions", n_wanted,
                          w->rank);

  for (int d = 0; d < w->rank; d++) {
    int64_t full, total;

    if (extra[d] < 0 || extra[d] > G_MAXINT32)
      return ref_bad_value (error, "output_padding is %" G_GINT64_FORMAT, extra[d]);
    w->out[d] = w->in[d];
    full = w->stride[d] * (w->in[d] - 1) + extra[d] + w->extent[d];
    if (g_str_equal (auto_pad, "VALID"))
      w->begin[d] = w->end[d] = 0;
    if (wanted == NULL && !same) {
      w->in[d] = full - w->begin[d] - w->end[d];
    } else {
      w->in[d] = wanted != NULL ? wanted[d] : w->in[d] * w->stride[d];
      if (w->in[d] > G_MAXINT32)
        return ref_bad_value (error, "output_shape is %" G_GINT64_FORMAT, w->in[d]);
      total = MAX (full - w->in[d], 0);
      w->begin[d] = upper ? total / 2 : total - total / 2;
      w->end[d] = total - w->begin[d];
    }
    if (w->in[d] < 0)
      return ref_bad_shape (error,
                            "padding %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT
                            " leaves nothing of an output of %" G_GINT64_FORMAT,
                            w->begin[d], w->end[d], full);
  }
  return TRUE;
}

static gboolean
transpose_shape (ConvShape *c, const GonioKernel *k, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]);
  const GonioShape *w = gonio_tensor_shape (k->inputs[1]);

  c->groups = ref_attr_int (k, "group", 1);
  if (w->rank != x->rank || w->rank < 3) {
    g_autofree char *left = gonio_shape_to_string (x), *right = gonio_shape_to_string (w);

    return ref_bad_shape (error, "input %s and weights %s must have the same rank of 3 or more",
                          left, right);
  }
  c->batch = x->dims[0];
  c->channels = x->dims[1];
  if (c->groups < 1 || c->groups > MAX (c->channels, 1) || c->channels % c->groups != 0 ||
      w->dims[0] != c->channels || !gonio_checked_mul_i64 (w->dims[1], c->groups, &c->outputs))
    return ref_bad_shape (error,
                          "%" G_GINT64_FORMAT " input channels in %" G_GINT64_FORMAT
                          " groups do not fit weights for %" G_GINT64_FORMAT " channels",
                          c->channels, c->groups, w->dims[0]);
  if (ref_in (k, 2) != NULL && gonio_tensor_count (k->inputs[2]) != c->outputs)
    return ref_bad_shape (
        error, "bias has %" G_GINT64_FORMAT " elements for %" G_GINT64_FORMAT " output channels",
        gonio_tensor_count (k->inputs[2]), c->outputs);
  if (!ref_window_attrs (&c->w, k, x, w->dims + 2, error) || !transpose_output (&c->w, k, error))
    return FALSE;
  c->taps = ref_window_kernel_count (&c->w);
  c->depth = c->channels / c->groups;
  return TRUE;
}

/* Adds one filter tap's products of n input positions from at on to one output plane. */
static void
scatter_row (const RefWindow *w, const int64_t *tap, int64_t at, int64_t n, const double *products,
             double *plane)
{
  int64_t index[REF_WINDOW_RANK], rest = at;

  for (int d = w->rank - 1; d >= 0; d--) {
    index[d] = rest % w->out[d];
    rest /= w->out[d];
  }
  for (int64_t j = 0; j < n; j++) {
    int64_t offset = 0;
    gboolean inside = TRUE;

    for (int d = 0; d < w->rank; d++) {
      int64_t position = index[d] * w->stride[d] + tap[d] * w->dilation[d] - w->begin[d];

      inside = position >= 0 && position < w->in[d];
      if (!inside)
        break;
      offset = offset * w->in[d] + position;
    }
    if (inside)
      plane[offset] += products[j];
    ref_next_index (w->rank, w->out, index);
  }
}

/* One group of one image: products of all taps by blocks, scattered into the planes. */
static gboolean
transpose_group (const ConvShape *c, const Image *image, const double *weights, int64_t group,
                 double *planes, GError **error)
{
  int64_t filters = c->outputs / c->groups, rows = filters * c->taps;
  int64_t area = ref_window_out_count (&c->w), plane = ref_window_in_count (&c->w);
  size_t size = image->is_double ? sizeof (double) : sizeof (float);
  g_autofree int64_t *channels = ref_alloc (c->depth, sizeof *channels, error);
  g_autofree int64_t *columns = ref_alloc (BLOCK, sizeof *columns, error);
  g_autofree double *products = ref_alloc (rows * MIN (BLOCK, area), sizeof *products, error);

  if (channels == NULL || columns == NULL || products == NULL)
    return FALSE;
  for (int64_t i = 0; i < c->depth; i++)
    channels[i] = (group * c->depth + i) * area;
  for (int64_t at = 0; at < area; at += BLOCK) {
    int64_t n = MIN (BLOCK, area - at), tap[REF_WINDOW_RANK] = {0};
    RefGemm gemm = {.m = rows,
                    .n = n,
                    .k = c->depth,
                    .a = weights + group * c->depth * rows,
                    .a_row = 1,
                    .a_col = rows,
                    .b = (const char *)image->data + (size_t)at * size,
                    .b_is_double = image->is_double,
                    .b_row = channels,
                    .b_col = columns,
                    .c = products,
                    .ldc = n};

    for (int64_t j = 0; j < n; j++)
      columns[j] = j;
    if (!ref_gemm (&gemm, error))
      return FALSE;
    for (int64_t r = 0; r < rows; r++) {
      scatter_row (&c->w, tap, at, n, products + r * n, planes + r / c->taps * plane);
      ref_next_index (c->w.rank, c->w.kernel, tap);
    }
  }
  return TRUE;
}

static gboolean
run_conv_transpose (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  ConvShape c = {0};
  RefWindow plain;
  GonioShape shape;
  int64_t plane, filters;
  g_autofree double *weights = NULL;
  g_autofree double *bias = NULL;
  g_autofree double *planes = NULL;

  if (!transpose_shape (&c, k, error))
    return FALSE;
  shape = ref_window_shape (&c.w, c.batch, c.outputs);
  for (int d = 0; d < c.w.rank; d++)
    shape.dims[2 + d] = c.w.in[d];
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  plane = ref_window_in_count (&c.w);
  filters = c.outputs / c.groups;
  weights = ref_dup_f64 (k->inputs[1], error);
  planes = ref_alloc (filters * plane, sizeof *planes, error);
  if (weights == NULL || planes == NULL)
    return FALSE;
  if (ref_in (k, 2) != NULL && (bias = ref_dup_f64 (k->inputs[2], error)) == NULL)
    return FALSE;

  plain = c.w; /* the input itself is read without padding */
  memset (plain.begin, 0, sizeof plain.begin);
  memset (plain.end, 0, sizeof plain.end);
  memcpy (plain.in, plain.out, sizeof plain.in);
  for (int64_t i = 0; i < c.batch; i++) {
    g_auto (Image) image = {0};

    if (!image_init (&image, &plain, x, i, error))
      return FALSE;
    for (int64_t g = 0; g < c.groups; g++) {
      for (int64_t f = 0; f < filters; f++)
        for (int64_t j = 0; j < plane; j++)
          planes[f * plane + j] = bias != NULL ? bias[g * filters + f] : 0;
      if (!transpose_group (&c, &image, weights, g, planes, error))
        return FALSE;
      ref_store_f64 (y, (i * c.outputs + g * filters) * plane, filters * plane, planes);
    }
  }
  return TRUE;
}

const RefRow ref_rows_conv[] = {
    {GONIO_OP_CONV, run_conv, NULL, {REF_FLOATS}, REF_SAME_ALL, 0},
    {GONIO_OP_CONV_TRANSPOSE, run_conv_transpose, NULL, {REF_FLOATS}, REF_SAME_ALL, 0},
    {0},
};
