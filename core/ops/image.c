/* Sampling of images. Depends on family.h. */
#include "core/ops/family.h"

#include <math.h>

/* ---- Resize ---- */

static gboolean
resize_axes (const GonioInfer *infer, int rank, int *out_axes, guint *out_count, GError **error)
{
  guint n = 0;
  const int64_t *axes = gonio_node_attr_ints (infer->node, "axes", &n);

  if (n > GONIO_MAX_RANK)
    return gonio_infer_fail (error, "it has %u axes.", n);
  *out_count = axes ? n : (guint)rank;
  for (guint i = 0; i < *out_count; i++) {
    if (!gonio_infer_axis (axes ? axes[i] : (int64_t)i, rank, &out_axes[i], error))
      return FALSE;
  }
  return TRUE;
}

/* Keeping the aspect ratio, one factor holds for all axes. */
static gboolean
keep_aspect (const char *policy, const int64_t *sizes, const int *axes, guint n,
             const GonioSymShape *in, GonioSymShape *shape)
{
  double factor = 0;
  gboolean larger = g_str_equal (policy, "not_smaller");

  for (guint i = 0; i < n; i++) {
    int64_t size = in->dims[axes[i]].value;
    if (size <= 0)
      return FALSE;
    double f = (double)sizes[i] / (double)size;
    factor = i == 0 ? f : larger ? fmax (factor, f) : fmin (factor, f);
  }
  for (guint i = 0; i < n; i++) {
    double length = floor (factor * (double)in->dims[axes[i]].value + 0.5);
    if (!(length >= 0 && length <= (double)GONIO_MAX_DIM))
      return FALSE;
    shape->dims[axes[i]] = GONIO_DIM ((int64_t)length);
  }
  return TRUE;
}

static gboolean
resize_by_sizes (GonioInfer *infer, const int *axes, guint n, GonioSymShape *shape, GError **error)
{
  g_autofree GonioDim *sizes = NULL;
  g_autofree int64_t *numbers = NULL;
  guint n_sizes = 0, n_numbers = 0;
  const char *policy = gonio_node_attr_string (infer->node, "keep_aspect_ratio_policy", "stretch");
  gboolean stretch = g_str_equal (policy, "stretch");

  if (!gonio_infer_elements (infer, 3, &sizes, &n_sizes)) {
    for (guint i = 0; i < n; i++)
      shape->dims[axes[i]] = GONIO_DIM_UNKNOWN;
    return TRUE;
  }
  if (n_sizes != n)
    return gonio_infer_fail (error, "%u sizes are given for %u axes.", n_sizes, n);
  for (guint i = 0; i < n; i++) {
    int64_t size = 0;
    if (gonio_dim_known (sizes[i], &size) && size < 0)
      return gonio_infer_fail (error, "size %u is %" G_GINT64_FORMAT ".", i, size);
  }
  gboolean known = gonio_infer_ints (infer, 3, &numbers, &n_numbers);
  if (!stretch && known &&
      keep_aspect (policy, numbers, axes, n, gonio_infer_shape (infer, 0), shape))
    return TRUE;
  for (guint i = 0; i < n; i++)
    shape->dims[axes[i]] = stretch ? sizes[i] : GONIO_DIM_UNKNOWN;
  return TRUE;
}

static gboolean
resize_by_scales (GonioInfer *infer, const int *axes, guint n, GonioSymShape *shape, GError **error)
{
  const GonioValue *value = gonio_infer_input (infer, 2);
  const GonioTensor *scales = value ? value->constant : NULL;

  if (scales && gonio_tensor_count (scales) != n)
    return gonio_infer_fail (error, "%" G_GINT64_FORMAT " scales are given for %u axes.",
                             gonio_tensor_count (scales), n);
  for (guint i = 0; i < n; i++) {
    GonioDim *dim = &shape->dims[axes[i]];
    double scale = scales ? gonio_tensor_get_double (scales, i) : 0;
    if (scales && !(scale > 0 && scale < 1e9))
      return gonio_infer_fail (error, "scale %u is %g.", i, scale);
    if (scales && scale == 1)
      continue;
    double length = floor ((double)dim->value * scale);
    *dim = scales && dim->value >= 0 && length <= (double)GONIO_MAX_DIM
               ? GONIO_DIM ((int64_t)length)
               : GONIO_DIM_UNKNOWN;
  }
  return TRUE;
}

/* Inputs: data, region of interest, scales, sizes; exactly one of the last two. */
static gboolean
infer_resize (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);
  GonioDType dtype = gonio_infer_dtype (infer, 0);
  gboolean by_sizes = gonio_infer_input (infer, 3) != NULL;
  int axes[GONIO_MAX_RANK] = {0};
  guint n = 0;

  if (by_sizes == (gonio_infer_input (infer, 2) != NULL))
    return gonio_infer_fail (error, "exactly one of scales and sizes must be given.");
  if (!shape.has_rank)
    return gonio_infer_dtype_only (infer, 0, dtype, error);
  return resize_axes (infer, shape.rank, axes, &n, error) &&
         (by_sizes ? resize_by_sizes (infer, axes, n, &shape, error)
                   : resize_by_scales (infer, axes, n, &shape, error)) &&
         gonio_infer_set (infer, 0, dtype, &shape, error);
}

/* ---- grids, regions, columns ---- */

static gboolean
infer_grid_sample (GonioInfer *infer, GError **error)
{
  int rank = gonio_infer_rank (infer, 0), grid_rank = gonio_infer_rank (infer, 1);

  if (rank >= 0 && grid_rank >= 0 && rank != grid_rank)
    return gonio_infer_fail (error, "data has rank %d, the grid rank %d.", rank, grid_rank);
  rank = MAX (rank, grid_rank);
  if (rank < 0)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  if (rank < 3)
    return gonio_infer_fail (error, "rank %d has no spatial dimensions.", rank);
  GonioDim last = gonio_infer_dim (infer, 1, rank - 1);
  if (last.value >= 0 && last.value != rank - 2)
    return gonio_infer_fail (error, "the grid has %" G_GINT64_FORMAT " coordinates for %d axes.",
                             last.value, rank - 2);
  GonioSymShape shape = gonio_sym_rank (rank);
  if (!gonio_dim_merge (gonio_infer_dim (infer, 0, 0), gonio_infer_dim (infer, 1, 0),
                        &shape.dims[0]))
    return gonio_infer_fail (error, "data and grid differ in batch size.");
  shape.dims[1] = gonio_infer_dim (infer, 0, 1);
  for (int d = 2; d < rank; d++)
    shape.dims[d] = gonio_infer_dim (infer, 1, d - 1);
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* theta [N,2,3] and size [N,C,H,W] give [N,H,W,2]; one dimension more for volumes. */
static gboolean
infer_affine_grid (GonioInfer *infer, GError **error)
{
  g_autofree GonioDim *size = NULL;
  guint n = 0;

  if (!gonio_infer_elements (infer, 1, &size, &n))
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  if (n != 4 && n != 5)
    return gonio_infer_fail (error, "size has %u elements; 4 or 5 are possible.", n);
  GonioSymShape shape = gonio_sym_rank ((int)n);
  shape.dims[0] = size[0];
  for (guint d = 2; d < n; d++)
    shape.dims[d - 1] = size[d];
  shape.dims[n - 1] = GONIO_DIM (n - 2);
  for (guint d = 0; d < n; d++) {
    int64_t value = 0;
    if (gonio_dim_known (shape.dims[d], &value) && value < 0)
      return gonio_infer_fail (error, "size holds %" G_GINT64_FORMAT ".", value);
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* data [N,C*prod(block),L], image shape, block shape give [N,C,image...]. */
static gboolean
infer_col2im (GonioInfer *infer, GError **error)
{
  g_autofree GonioDim *image = NULL;
  g_autofree int64_t *block = NULL;
  guint n = 0, n_block = 0;
  int64_t per_channel = 1;
  GonioDim columns = gonio_infer_dim (infer, 0, 1);

  if (!gonio_infer_need_rank (infer, 0, 3, 3, error))
    return FALSE;
  if (!gonio_infer_elements (infer, 1, &image, &n))
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  if (n < 1 || n > GONIO_MAX_RANK - 2)
    return gonio_infer_fail (error, "the image shape has %u dimensions.", n);
  GonioSymShape shape = gonio_sym_rank ((int)n + 2);
  shape.dims[0] = gonio_infer_dim (infer, 0, 0);
  for (guint d = 0; d < n; d++)
    shape.dims[d + 2] = image[d];
  if (gonio_infer_ints (infer, 2, &block, &n_block)) {
    if (n_block != n)
      return gonio_infer_fail (error, "image and block shape have %u and %u dimensions.", n,
                               n_block);
    for (guint d = 0; d < n; d++) {
      if (block[d] < 1 || !gonio_checked_mul_i64 (per_channel, block[d], &per_channel))
        return gonio_infer_fail (error, "the block shape holds %" G_GINT64_FORMAT ".", block[d]);
    }
    if (columns.value >= 0 && columns.value % per_channel != 0)
      return gonio_infer_fail (
          error, "%" G_GINT64_FORMAT " rows do not divide into blocks of %" G_GINT64_FORMAT ".",
          columns.value, per_channel);
    if (columns.value >= 0)
      shape.dims[1] = GONIO_DIM (columns.value / per_channel);
  }
  for (guint d = 0; d < n; d++) {
    int64_t value = 0;
    if (gonio_dim_known (image[d], &value) && value < 1)
      return gonio_infer_fail (error, "the image shape holds %" G_GINT64_FORMAT ".", value);
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static gboolean
infer_roi_align (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = gonio_sym_rank (4);
  int64_t height = gonio_node_attr_int (infer->node, "output_height", 1);
  int64_t width = gonio_node_attr_int (infer->node, "output_width", 1);

  if (height < 1 || width < 1)
    return gonio_infer_fail (
        error, "its output size is %" G_GINT64_FORMAT " by %" G_GINT64_FORMAT ".", height, width);
  if (!gonio_infer_need_rank (infer, 0, 4, 4, error) ||
      !gonio_infer_need_rank (infer, 1, 2, 2, error) ||
      !gonio_infer_need_rank (infer, 2, 1, 1, error))
    return FALSE;
  if (!gonio_dim_merge (gonio_infer_dim (infer, 1, 0), gonio_infer_dim (infer, 2, 0),
                        &shape.dims[0]))
    return gonio_infer_fail (error, "rois and batch_indices differ in number.");
  shape.dims[1] = gonio_infer_dim (infer, 0, 1);
  shape.dims[2] = GONIO_DIM (height);
  shape.dims[3] = GONIO_DIM (width);
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* data [N,C,H,W] and regions [R,5] (image, x1, y1, x2, y2) give [R,C,pooled_shape]. */
static gboolean
infer_max_roi_pool (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = gonio_sym_rank (4);
  GonioDim columns = gonio_infer_dim (infer, 1, 1);
  guint n = 0;
  const int64_t *pooled = gonio_node_attr_ints (infer->node, "pooled_shape", &n);

  if (!pooled || n != 2 || pooled[0] < 1 || pooled[1] < 1)
    return gonio_infer_fail (error, "its pooled_shape is not two positive numbers.");
  if (!gonio_infer_need_rank (infer, 0, 4, 4, error) ||
      !gonio_infer_need_rank (infer, 1, 2, 2, error))
    return FALSE;
  if (columns.value >= 0 && columns.value != 5)
    return gonio_infer_fail (error, "its regions have %" G_GINT64_FORMAT " numbers instead of 5.",
                             columns.value);
  shape.dims[0] = gonio_infer_dim (infer, 1, 0);
  shape.dims[1] = gonio_infer_dim (infer, 0, 1);
  shape.dims[2] = GONIO_DIM (pooled[0]);
  shape.dims[3] = GONIO_DIM (pooled[1]);
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* ---- schemas ---- */

static const GonioAttrSchema attrs_resize[] = {
    {"antialias", GONIO_ATTR_INT, FALSE},
    {"axes", GONIO_ATTR_INTS, FALSE},
    {"coordinate_transformation_mode", GONIO_ATTR_STRING, FALSE},
    {"cubic_coeff_a", GONIO_ATTR_FLOAT, FALSE},
    {"exclude_outside", GONIO_ATTR_INT, FALSE},
    {"extrapolation_value", GONIO_ATTR_FLOAT, FALSE},
    {"keep_aspect_ratio_policy", GONIO_ATTR_STRING, FALSE},
    {"mode", GONIO_ATTR_STRING, FALSE},
    {"nearest_mode", GONIO_ATTR_STRING, FALSE},
    {0},
};
static const GonioAttrSchema attrs_grid_sample[] = {{"align_corners", GONIO_ATTR_INT, FALSE},
                                                    {"mode", GONIO_ATTR_STRING, FALSE},
                                                    {"padding_mode", GONIO_ATTR_STRING, FALSE},
                                                    {0}};
static const GonioAttrSchema attrs_affine[] = {{"align_corners", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_col2im[] = {{"dilations", GONIO_ATTR_INTS, FALSE},
                                               {"pads", GONIO_ATTR_INTS, FALSE},
                                               {"strides", GONIO_ATTR_INTS, FALSE},
                                               {0}};
static const GonioAttrSchema attrs_max_roi[] = {
    {"pooled_shape", GONIO_ATTR_INTS, TRUE}, {"spatial_scale", GONIO_ATTR_FLOAT, FALSE}, {0}};
static const GonioAttrSchema attrs_roi[] = {
    {"coordinate_transformation_mode", GONIO_ATTR_STRING, FALSE},
    {"mode", GONIO_ATTR_STRING, FALSE},
    {"output_height", GONIO_ATTR_INT, FALSE},
    {"output_width", GONIO_ATTR_INT, FALSE},
    {"sampling_ratio", GONIO_ATTR_INT, FALSE},
    {"spatial_scale", GONIO_ATTR_FLOAT, FALSE},
    {0},
};

#define LAYOUT   GONIO_OPF_LAYOUT_SENSITIVE
#define ROUNDING GONIO_TOLERANCE_ROUNDING

/* From the bytes of a picture file to [height,width,channels]. */
static gboolean
infer_image_decoder (GonioInfer *infer, GError **error)
{
  const char *order = gonio_node_attr_string (infer->node, "pixel_format", "RGB");
  GonioSymShape shape = gonio_sym_rank (3);

  shape.dims[2] = GONIO_DIM (g_str_equal (order, "Grayscale") ? 1 : 3);
  return gonio_infer_need_rank (infer, 0, 1, 1, error) &&
         gonio_infer_set (infer, 0, GONIO_DTYPE_UINT8, &shape, error);
}

static const GonioAttrSchema attrs_decoder[] = {{"pixel_format", GONIO_ATTR_STRING, FALSE}, {0}};

const GonioOpDef gonio_ops_image[] = {
    {GONIO_OP_AFFINE_GRID, 2, 2, 1, 1, LAYOUT, 0, ROUNDING, attrs_affine, infer_affine_grid},
    {GONIO_OP_COL2IM, 3, 3, 1, 1, LAYOUT, 0, ROUNDING, attrs_col2im, infer_col2im},
    {GONIO_OP_GRID_SAMPLE, 2, 2, 1, 1, LAYOUT, 0, ROUNDING, attrs_grid_sample, infer_grid_sample},
    {GONIO_OP_IMAGE_DECODER, 1, 1, 1, 1, GONIO_OPF_DYNAMIC, 0, GONIO_TOLERANCE_EXACT, attrs_decoder,
     infer_image_decoder},
    {GONIO_OP_MAX_ROI_POOL, 2, 2, 1, 1, LAYOUT, 0, GONIO_TOLERANCE_EXACT, attrs_max_roi,
     infer_max_roi_pool},
    {GONIO_OP_RESIZE, 1, 4, 1, 1, LAYOUT, 0, ROUNDING, attrs_resize, infer_resize},
    {GONIO_OP_ROI_ALIGN, 3, 3, 1, 1, LAYOUT, 0, ROUNDING, attrs_roi, infer_roi_align},
    {.id = GONIO_OP_INVALID},
};
