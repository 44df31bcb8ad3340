/* Images read or written in patches: Col2Im, DeformConv, RoiAlign, MaxRoiPool. Depends on kernel.h,
 * window.h. */
#include "backends/reference/window.h"

#include <math.h>

/* ---- Col2Im ---- */

static gboolean
col2im_window (RefWindow *w, const GonioKernel *k, GonioShape *shape, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]);
  int64_t image[REF_WINDOW_RANK], block[REF_WINDOW_RANK], taps;
  int n_image, n_block;

  if (!ref_ints (k->inputs[1], REF_WINDOW_RANK, image, &n_image, "image_shape", error) ||
      !ref_ints (k->inputs[2], REF_WINDOW_RANK, block, &n_block, "block_shape", error))
    return FALSE;
  if (x->rank != 3 || n_image < 1 || n_image != n_block)
    return ref_bad_shape (error, "input has rank %d, image_shape %d and block_shape %d numbers",
                          x->rank, n_image, n_block);
  *shape = (GonioShape){.rank = 2 + n_image, .dims = {x->dims[0], 1}};
  for (int d = 0; d < n_image; d++)
    shape->dims[2 + d] = image[d];
  if (!ref_check_shape (shape, error) || !ref_window_attrs (w, k, shape, block, error) ||
      !ref_window_output (w, k, FALSE, error))
    return FALSE;
  taps = ref_window_kernel_count (w);
  if (x->dims[1] % taps != 0 || x->dims[2] != ref_window_out_count (w)) {
    g_autofree char *text = gonio_shape_to_string (x);

    return ref_bad_shape (error,
                          "%s does not hold columns of %" G_GINT64_FORMAT
                          " elements for %" G_GINT64_FORMAT " blocks",
                          text, taps, ref_window_out_count (w));
  }
  shape->dims[1] = x->dims[1] / taps;
  return TRUE;
}

/* Where a tap of a window lies in the image; FALSE in the padding. */
static gboolean
tap_position (const RefWindow *w, const int64_t *window, const int64_t *tap, int64_t *out)
{
  *out = 0;
  for (int d = 0; d < w->rank; d++) {
    int64_t at = window[d] * w->stride[d] + tap[d] * w->dilation[d] - w->begin[d];

    if (at < 0 || at >= w->in[d])
      return FALSE;
    *out = *out * w->in[d] + at;
  }
  return TRUE;
}

static gboolean
run_col2im (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  g_autofree double *plane = NULL;
  int64_t area, windows, planes, from = 0;
  GonioShape shape;
  RefWindow w;

  if (!col2im_window (&w, k, &shape, error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  area = ref_window_in_count (&w);
  windows = ref_window_out_count (&w);
  planes = gonio_tensor_count (y) / area;
  plane = ref_alloc (area, sizeof *plane, error);
  if (plane == NULL)
    return FALSE;
  for (int64_t p = 0; p < planes; p++) {
    int64_t tap[REF_WINDOW_RANK] = {0};

    for (int64_t i = 0; i < area; i++)
      plane[i] = 0;
    do {
      int64_t window[REF_WINDOW_RANK] = {0};

      for (int64_t i = 0; i < windows; i++, from++) {
        double value;
        int64_t to;

        ref_load_f64 (x, from, 1, &value);
        if (tap_position (&w, window, tap, &to))
          plane[to] += value;
        ref_next_index (w.rank, w.out, window);
      }
    } while (ref_next_index (w.rank, w.kernel, tap));
    ref_store_f64 (y, p * area, area, plane);
  }
  return TRUE;
}

/* ---- DeformConv ---- */

/* A plane of height x width doubles between its pixels; 0 outside. */
static double
bilinear (const double *plane, int64_t height, int64_t width, double y, double x)
{
  double sum = 0, fy, fx;
  int64_t top, left;

  if (!(y > -1 && y < (double)height && x > -1 && x < (double)width))
    return 0;
  top = (int64_t)floor (y);
  left = (int64_t)floor (x);
  fy = y - (double)top;
  fx = x - (double)left;
  for (int i = 0; i < 4; i++) {
    int64_t row = top + i / 2, column = left + i % 2;

    if (row >= 0 && row < height && column >= 0 && column < width)
      sum += plane[row * width + column] * (i / 2 ? fy : 1 - fy) * (i % 2 ? fx : 1 - fx);
  }
  return sum;
}

typedef struct {
  RefWindow w;
  int64_t batch, channels, filters, groups, offset_groups, taps, area;
  double *x, *weights, *offset, *mask, *bias; /* owned; the last two nullable */
} Deform;

static void
deform_clear (Deform *d)
{
  g_free (d->x);
  g_free (d->weights);
  g_free (d->offset);
  g_free (d->mask);
  g_free (d->bias);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Deform, deform_clear)

static gboolean
check_shape (const GonioTensor *tensor, const char *what, const GonioShape *wanted, GError **error)
{
  if (tensor != NULL && !gonio_shape_equal (gonio_tensor_shape (tensor), wanted)) {
    g_autofree char *left = gonio_shape_to_string (gonio_tensor_shape (tensor));
    g_autofree char *right = gonio_shape_to_string (wanted);

    return ref_bad_shape (error, "%s has shape %s, it must be %s", what, left, right);
  }
  return TRUE;
}

static gboolean
deform_shapes (Deform *d, const GonioKernel *k, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]), *w = gonio_tensor_shape (k->inputs[1]);
  int64_t rows, weight_rows;

  d->groups = ref_attr_int (k, "group", 1);
  d->offset_groups = ref_attr_int (k, "offset_group", 1);
  if (x->rank != 4 || w->rank != 4)
    return ref_bad_shape (error, "only images with two spatial dimensions can be deformed");
  d->batch = x->dims[0];
  d->channels = x->dims[1];
  d->filters = w->dims[0];
  if (d->groups < 1 || d->offset_groups < 1 || d->channels % d->groups != 0 ||
      d->filters % d->groups != 0 || d->channels % d->offset_groups != 0 ||
      d->offset_groups > MAX (d->channels, 1) || w->dims[1] != d->channels / d->groups)
    return ref_bad_shape (error, "channels, filters and groups do not fit each other");
  if (!ref_window_attrs (&d->w, k, x, w->dims + 2, error) ||
      !ref_window_output (&d->w, k, FALSE, error))
    return FALSE;
  d->taps = ref_window_kernel_count (&d->w);
  d->area = ref_window_out_count (&d->w);
  if (!gonio_checked_mul_i64 (d->offset_groups, d->taps, &weight_rows) ||
      !gonio_checked_mul_i64 (weight_rows, 2, &rows))
    return ref_bad_shape (error, "weights are too large");
  return check_shape (k->inputs[2], "offset", REF_SHAPE (d->batch, rows, d->w.out[0], d->w.out[1]),
                      error) &&
         check_shape (ref_in (k, 3), "bias", REF_SHAPE (d->filters), error) &&
         check_shape (ref_in (k, 4), "mask",
                      REF_SHAPE (d->batch, weight_rows, d->w.out[0], d->w.out[1]), error);
}

/* The deformed input under tap t of output position i, for one channel. */
static double
deformed (const Deform *d, int64_t image, int64_t channel, int64_t t, int64_t i)
{
  const RefWindow *w = &d->w;
  int64_t group = channel / (d->channels / d->offset_groups);
  int64_t row = (image * d->offset_groups + group) * d->taps + t;
  double y =
      (double)(i / w->out[1] * w->stride[0] - w->begin[0] + t / w->kernel[1] * w->dilation[0]);
  double x =
      (double)(i % w->out[1] * w->stride[1] - w->begin[1] + t % w->kernel[1] * w->dilation[1]);
  double value;

  y += d->offset[2 * row * d->area + i];
  x += d->offset[(2 * row + 1) * d->area + i];
  value = bilinear (d->x + (image * d->channels + channel) * w->in[0] * w->in[1], w->in[0],
                    w->in[1], y, x);
  return d->mask != NULL ? value * d->mask[row * d->area + i] : value;
}

static void
deform_image (const Deform *d, int64_t image, GonioTensor *y)
{
  int64_t members = d->channels / d->groups, filters = d->filters / d->groups;

  for (int64_t f = 0; f < d->filters; f++)
    for (int64_t i = 0; i < d->area; i++) {
      double sum = d->bias != NULL ? d->bias[f] : 0;

      for (int64_t c = 0; c < members; c++)
        for (int64_t t = 0; t < d->taps; t++)
          sum += d->weights[(f * members + c) * d->taps + t] *
                 deformed (d, image, f / filters * members + c, t, i);
      ref_store_f64 (y, (image * d->filters + f) * d->area + i, 1, &sum);
    }
}

static gboolean
run_deform_conv (GonioKernel *k, GError **error)
{
  g_auto (Deform) d = {0};
  double **wide[] = {&d.x, &d.weights, &d.offset, &d.bias, &d.mask};
  GonioShape shape;
  GonioTensor *y;

  if (!deform_shapes (&d, k, error))
    return FALSE;
  shape = ref_window_shape (&d.w, d.batch, d.filters);
  y = ref_output (k, 0, gonio_tensor_dtype (k->inputs[0]), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (wide); i++)
    if (ref_in (k, i) != NULL && (*wide[i] = ref_dup_f64 (k->inputs[i], error)) == NULL)
      return FALSE;
  for (int64_t i = 0; i < d.batch; i++) {
    if (g_cancellable_set_error_if_cancelled (k->cancellable, error))
      return FALSE;
    deform_image (&d, i, y);
  }
  return TRUE;
}

/* ---- RoiAlign ---- */

typedef struct {
  gboolean average;
  double scale, shift; /* of the region's coordinates */
  gboolean at_least_one;
  int64_t ratio, height, width, out_height, out_width;
} RoiAlign;

/* Regions that need more samples than this per bin are nonsense. */
#define MAX_SAMPLES 4096

/* Four neighbours of a point and their weights; FALSE outside the image. */
static gboolean
roi_taps (const RoiAlign *r, double y, double x, int64_t *at, double *weight)
{
  int64_t top, left, bottom, right;
  double fy, fx;

  if (!(y >= -1 && y <= (double)r->height && x >= -1 && x <= (double)r->width))
    return FALSE;
  y = CLAMP (y, 0, (double)(r->height - 1));
  x = CLAMP (x, 0, (double)(r->width - 1));
  top = (int64_t)y;
  left = (int64_t)x;
  bottom = MIN (top + 1, r->height - 1);
  right = MIN (left + 1, r->width - 1);
  fy = y - (double)top;
  fx = x - (double)left;
  at[0] = top * r->width + left;
  at[1] = top * r->width + right;
  at[2] = bottom * r->width + left;
  at[3] = bottom * r->width + right;
  weight[0] = (1 - fy) * (1 - fx);
  weight[1] = (1 - fy) * fx;
  weight[2] = fy * (1 - fx);
  weight[3] = fy * fx;
  return TRUE;
}

/* One bin: the mean of its samples, or the largest weighted neighbour of any of them. */
static double
roi_bin (const RoiAlign *r, const double *plane, const double *start, const double *size,
         const int64_t *samples)
{
  double sum = 0, max = 0;
  gboolean first = TRUE;

  for (int64_t i = 0; i < samples[0] * samples[1]; i++) {
    double y = start[0] + ((double)(i / samples[1]) + 0.5) * size[0] / (double)samples[0];
    double x = start[1] + ((double)(i % samples[1]) + 0.5) * size[1] / (double)samples[1];
    double weight[4] = {0}, best = -INFINITY;
    int64_t at[4] = {0};

    roi_taps (r, y, x, at, weight);
    for (int t = 0; t < 4; t++) {
      double value = weight[t] * plane[at[t]];

      sum += value;
      best = fmax (best, value);
    }
    max = first ? best : fmax (max, best);
    first = FALSE;
  }
  return r->average ? sum / (double)MAX (samples[0] * samples[1], 1) : max;
}

static gboolean
roi_region (const RoiAlign *r, const GonioTensor *rois, int64_t i, double *start, double *size,
            int64_t *samples, GError **error)
{
  const int64_t bins[2] = {r->out_height, r->out_width};
  double box[4]; /* x1, y1, x2, y2 */

  ref_load_f64 (rois, i * 4, 4, box);
  for (int d = 0; d < 2; d++) {
    double extent = (box[3 - d] - box[1 - d]) * r->scale, wanted;

    start[d] = box[1 - d] * r->scale - r->shift;
    if (r->at_least_one && !(extent > 1))
      extent = 1;
    size[d] = extent / (double)bins[d];
    wanted = r->ratio > 0 ? (double)r->ratio : ceil (size[d]);
    if (!(wanted <= MAX_SAMPLES) || !isfinite (start[d]))
      return ref_bad_value (error, "region %" G_GINT64_FORMAT " from %g to %g is too large", i,
                            box[1 - d], box[3 - d]);
    samples[d] = (int64_t)MAX (wanted, 0);
  }
  return TRUE;
}

static gboolean
roi_init (RoiAlign *r, const GonioKernel *k, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]),
                   *rois = gonio_tensor_shape (k->inputs[1]);
  const char *mode = ref_attr_string (k, "mode", "avg");
  const char *coordinates = ref_attr_string (k, "coordinate_transformation_mode", "half_pixel");
  gboolean half = g_str_equal (coordinates, "half_pixel");

  *r = (RoiAlign){.average = g_str_equal (mode, "avg"),
                  .scale = ref_attr_float (k, "spatial_scale", 1),
                  .shift = half ? 0.5 : 0,
                  .at_least_one = !half,
                  .ratio = ref_attr_int (k, "sampling_ratio", 0),
                  .out_height = ref_attr_int (k, "output_height", 1),
                  .out_width = ref_attr_int (k, "output_width", 1)};
  if ((!r->average && !g_str_equal (mode, "max")) ||
      (!half && !g_str_equal (coordinates, "output_half_pixel")))
    return ref_bad_value (error, "mode is \"%s\", coordinate_transformation_mode \"%s\"", mode,
                          coordinates);
  if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != 4 ||
      gonio_tensor_count (k->inputs[2]) != rois->dims[0]) {
    g_autofree char *left = gonio_shape_to_string (x), *right = gonio_shape_to_string (rois);

    return ref_bad_shape (error, "input %s and regions %s do not fit each other", left, right);
  }
  if (r->out_height < 1 || r->out_width < 1 || r->ratio < 0)
    return ref_bad_value (error, "output size and sampling_ratio must not be negative");
  r->height = x->dims[2];
  r->width = x->dims[3];
  return TRUE;
}

static gboolean
run_roi_align (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *rois = k->inputs[1], *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  g_autofree double *wide = NULL;
  int64_t bins, at = 0;
  RoiAlign r;

  if (!roi_init (&r, k, error))
    return FALSE;
  y = ref_output (
      k, 0, gonio_tensor_dtype (x),
      REF_SHAPE (gonio_tensor_shape (rois)->dims[0], shape->dims[1], r.out_height, r.out_width),
      error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  if (r.height == 0 || r.width == 0)
    return ref_bad_shape (error, "an empty image has no regions");
  wide = ref_dup_f64 (x, error);
  if (wide == NULL)
    return FALSE;
  bins = r.out_height * r.out_width;
  for (int64_t i = 0; i < gonio_tensor_shape (rois)->dims[0]; i++) {
    double start[2], size[2];
    int64_t samples[2], image;

    ref_load_i64 (k->inputs[2], i, 1, &image);
    if (image < 0 || image >= shape->dims[0])
      return ref_bad_value (error, "batch index %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT, image,
                            shape->dims[0]);
    if (!roi_region (&r, rois, i, start, size, samples, error) ||
        g_cancellable_set_error_if_cancelled (k->cancellable, error))
      return FALSE;
    for (int64_t c = 0; c < shape->dims[1]; c++)
      for (int64_t b = 0; b < bins; b++) {
        const double *plane = wide + (image * shape->dims[1] + c) * r.height * r.width;
        double corner[2] = {start[0] + (double)(b / r.out_width) * size[0],
                            start[1] + (double)(b % r.out_width) * size[1]};
        double value = roi_bin (&r, plane, corner, size, samples);

        ref_store_f64 (y, at++, 1, &value);
      }
  }
  return TRUE;
}

/* ---- MaxRoiPool ---- */

/* A region in whole pixels, both ends inside; its bins overlap where they do not divide. */
typedef struct {
  int64_t image;
  double start[2], bin[2]; /* of y and x */
} RoiPool;

static gboolean
roi_pool_region (const GonioKernel *k, int64_t i, const int64_t *pooled, RoiPool *out_pool,
                 GError **error)
{
  int64_t n = gonio_tensor_shape (k->inputs[0])->dims[0];
  double scale = ref_attr_float (k, "spatial_scale", 1), roi[5];

  ref_load_f64 (k->inputs[1], i * 5, 5, roi); /* image, x1, y1, x2, y2 */
  if (!(roi[0] >= 0 && roi[0] < (double)n))
    return ref_bad_value (error, "region %" G_GINT64_FORMAT " is of image %g of %" G_GINT64_FORMAT,
                          i, roi[0], n);
  out_pool->image = (int64_t)roi[0];
  for (int d = 0; d < 2; d++) {
    double start = round (roi[2 - d] * scale), end = round (roi[4 - d] * scale);

    if (!isfinite (start) || !isfinite (end))
      return ref_bad_value (error, "region %" G_GINT64_FORMAT " goes from %g to %g", i, roi[2 - d],
                            roi[4 - d]);
    out_pool->start[d] = start;
    out_pool->bin[d] = fmax (end - start + 1, 1) / (double)pooled[d];
  }
  return TRUE;
}

/* The largest value of one bin of a plane; 0 where none of it is inside. */
static double
roi_pool_bin (const RoiPool *pool, const double *plane, const int64_t *size, const int64_t *bin)
{
  int64_t from[2], to[2];
  double best = -INFINITY;

  for (int d = 0; d < 2; d++) {
    double first = pool->start[d] + floor ((double)bin[d] * pool->bin[d]);
    double end = pool->start[d] + ceil ((double)(bin[d] + 1) * pool->bin[d]);

    from[d] = (int64_t)CLAMP (first, 0, (double)size[d]);
    to[d] = (int64_t)CLAMP (end, 0, (double)size[d]);
    if (from[d] >= to[d])
      return 0;
  }
  for (int64_t y = from[0]; y < to[0]; y++)
    for (int64_t x = from[1]; x < to[1]; x++) {
      double value = plane[y * size[1] + x];

      best = value > best || isnan (value) ? value : best;
    }
  return best;
}

static gboolean
run_max_roi_pool (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *rois = k->inputs[1], *y;
  const GonioShape *shape = gonio_tensor_shape (x), *list = gonio_tensor_shape (rois);
  g_autofree double *wide = NULL;
  int64_t pooled[2], at = 0;

  if (shape->rank != 4 || list->rank != 2 || list->dims[1] != 5)
    return ref_bad_shape (error, "input and regions have rank %d and %d, or not 5 numbers each",
                          shape->rank, list->rank);
  if (!ref_attr_ints (k, "pooled_shape", 2, 1, pooled, error))
    return FALSE;
  if (pooled[0] < 1 || pooled[1] < 1)
    return ref_bad_value (error, "pooled_shape must be positive");
  y = ref_output (k, 0, gonio_tensor_dtype (x),
                  REF_SHAPE (list->dims[0], shape->dims[1], pooled[0], pooled[1]), error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  wide = ref_dup_f64 (x, error);
  if (wide == NULL)
    return FALSE;
  for (int64_t i = 0; i < list->dims[0]; i++) {
    RoiPool pool;

    if (!roi_pool_region (k, i, pooled, &pool, error))
      return FALSE;
    for (int64_t c = 0; c < shape->dims[1]; c++) {
      const double *plane =
          wide + (pool.image * shape->dims[1] + c) * shape->dims[2] * shape->dims[3];

      if (g_cancellable_set_error_if_cancelled (k->cancellable, error))
        return FALSE;
      for (int64_t b = 0; b < pooled[0] * pooled[1]; b++) {
        const int64_t bin[2] = {b / pooled[1], b % pooled[1]};
        double value = roi_pool_bin (&pool, plane, &shape->dims[2], bin);

        ref_store_f64 (y, at++, 1, &value);
      }
    }
  }
  return TRUE;
}

const RefRow ref_rows_patch[] = {
    {GONIO_OP_COL2IM, run_col2im, NULL, {REF_FLOATS, REF_T (INT64)}, 0, 0},
    {GONIO_OP_DEFORM_CONV, run_deform_conv, NULL, {REF_FLOATS}, REF_SAME_ALL, 0},
    {GONIO_OP_MAX_ROI_POOL, run_max_roi_pool, NULL, {REF_FLOATS, REF_FLOATS}, 0x3, 0},
    {GONIO_OP_ROI_ALIGN, run_roi_align, NULL, {REF_FLOATS, REF_FLOATS, REF_T (INT64)}, 0x3, 0},
    {0},
};
