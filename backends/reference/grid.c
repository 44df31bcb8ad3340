/* GridSample and AffineGrid, in two, three or more dimensions. Depends on kernel.h, window.h. */
#include "backends/reference/kernel.h"
#include "backends/reference/window.h"

#include <math.h>

typedef enum { SAMPLE_NEAREST, SAMPLE_LINEAR, SAMPLE_CUBIC } SampleMode;
typedef enum { PADDING_ZEROS, PADDING_BORDER, PADDING_REFLECTION } Padding;

typedef struct {
  SampleMode mode;
  Padding padding;
  gboolean align_corners;
  int rank; /* spatial */
  int64_t dims[REF_WINDOW_RANK];
  int64_t strides[REF_WINDOW_RANK];
} Sampler;

/* ---- GridSample ---- */

/* Reflects x at low and high until it lies between them. */
static double
reflect (double x, double low, double high)
{
  double range = high - low, over;

  if (range <= 0)
    return low;
  over = fmod (fabs (x < low ? low - x : x - low), 2 * range);
  return over <= range ? low + over : high - (over - range);
}

/* Pixel coordinate of a normalised one. Single precision at the end, as the coordinate is
 * that of float data everywhere else: ties of "nearest" depend on it. */
static double
pixel_coordinate (const Sampler *s, double v, int64_t dim)
{
  double n = (double)dim;
  double x = s->align_corners ? (v + 1) / 2 * (n - 1) : ((v + 1) * n - 1) / 2;
  double low = s->align_corners ? 0 : -0.5, high = s->align_corners ? n - 1 : n - 0.5;

  x = (double)(float)x;
  if (isnan (x))
    return -1e9;
  x = CLAMP (x, -1e9, 1e9);
  if (s->mode == SAMPLE_NEAREST)
    x = nearbyint (x);
  if (x < low || x > high) {
    if (s->padding == PADDING_BORDER)
      x = CLAMP (x, 0, n - 1);
    else if (s->padding == PADDING_REFLECTION)
      x = reflect (x, low, high);
  }
  return x;
}

/* Element of one axis that position i stands for, -1 for zero padding. */
static int64_t
tap_index (const Sampler *s, double i, int64_t dim)
{
  double n = (double)dim;

  if (i >= 0 && i < n)
    return (int64_t)i;
  if (s->padding == PADDING_ZEROS)
    return -1;
  if (s->padding == PADDING_REFLECTION)
    i = s->align_corners ? reflect (i, 0, n - 1) : reflect (i, -0.5, n - 0.5);
  return (int64_t)CLAMP (i, 0, n - 1);
}

/* Taps and weights of one axis; returns how many. */
static int
axis_taps (const Sampler *s, double x, int64_t dim, int64_t *index, double *weight)
{
  const double a = -0.75;
  double base = floor (x), t = x - base;
  int n = s->mode == SAMPLE_CUBIC ? 4 : s->mode == SAMPLE_LINEAR ? 2 : 1;

  if (s->mode == SAMPLE_NEAREST) {
    base = trunc (x);
    weight[0] = 1;
  } else if (s->mode == SAMPLE_LINEAR) {
    weight[0] = 1 - t;
    weight[1] = t;
  } else {
    base -= 1;
    weight[0] = ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a;
    weight[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
    weight[2] = ((a + 2) * (1 - t) - (a + 3)) * (1 - t) * (1 - t) + 1;
    weight[3] = ((a * (2 - t) - 5 * a) * (2 - t) + 8 * a) * (2 - t) - 4 * a;
  }
  for (int i = 0; i < n; i++)
    index[i] = tap_index (s, base + i, dim);
  return n;
}

/* Every combination of taps of a sampling point: offsets into a plane (-1: zero) and weights. */
static int
point_taps (const Sampler *s, const double *point, int64_t *offset, double *weight)
{
  int n = 1;

  offset[0] = 0;
  weight[0] = 1;
  for (int d = 0; d < s->rank; d++) {
    int64_t index[4];
    double own[4];
    /* the grid names the last axis first */
    int taps = axis_taps (s, pixel_coordinate (s, point[s->rank - 1 - d], s->dims[d]), s->dims[d],
                          index, own);

    for (int t = taps - 1; t >= 0; t--)
      for (int i = 0; i < n; i++) {
        gboolean zero = offset[i] < 0 || index[t] < 0;

        offset[t * n + i] = zero ? -1 : offset[i] + index[t] * s->strides[d];
        weight[t * n + i] = weight[i] * own[t];
      }
    n *= taps;
  }
  return n;
}

#define MAX_SAMPLE_RANK 3
#define MAX_TAPS        64 /* 4 to the power of MAX_SAMPLE_RANK */

static gboolean
sampler_init (Sampler *s, const GonioKernel *k, GError **error)
{
  static const char *const modes[][2] = {
      {"nearest", "nearest"}, {"linear", "bilinear"}, {"cubic", "bicubic"}};
  static const char *const paddings[] = {"zeros", "border", "reflection"};
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]);
  const GonioShape *grid = gonio_tensor_shape (k->inputs[1]);
  const char *mode = ref_attr_string (k, "mode", "linear");
  const char *padding = ref_attr_string (k, "padding_mode", "zeros");
  int64_t strides[GONIO_MAX_RANK];
  int m = 0, p = 0;

  while (m < 3 && !g_str_equal (mode, modes[m][0]) && !g_str_equal (mode, modes[m][1]))
    m++;
  while (p < 3 && !g_str_equal (padding, paddings[p]))
    p++;
  if (m == 3 || p == 3)
    return ref_bad_value (error, "mode is \"%s\", padding_mode is \"%s\"", mode, padding);
  if (x->rank < 3 || x->rank > 2 + MAX_SAMPLE_RANK || grid->rank != x->rank ||
      grid->dims[grid->rank - 1] != x->rank - 2 || grid->dims[0] != x->dims[0]) {
    g_autofree char *left = gonio_shape_to_string (x), *right = gonio_shape_to_string (grid);

    return ref_bad_shape (error, "input %s and grid %s do not fit each other", left, right);
  }
  *s = (Sampler){.mode = (SampleMode)m,
                 .padding = (Padding)p,
                 .rank = x->rank - 2,
                 .align_corners = ref_attr_int (k, "align_corners", 0) != 0};
  gonio_shape_strides (x, strides);
  for (int d = 0; d < s->rank; d++) {
    s->dims[d] = x->dims[2 + d];
    s->strides[d] = strides[2 + d];
  }
  return TRUE;
}

static gboolean
run_grid_sample (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *grid = k->inputs[1], *y;
  const GonioShape *x_shape = gonio_tensor_shape (x);
  GonioShape shape = *gonio_tensor_shape (grid);
  int64_t offset[MAX_TAPS], points, plane;
  double weight[MAX_TAPS], point[MAX_SAMPLE_RANK];
  Sampler s;

  if (!sampler_init (&s, k, error))
    return FALSE;
  for (int d = shape.rank - 1; d > 1; d--)
    shape.dims[d] = gonio_tensor_shape (grid)->dims[d - 1];
  shape.dims[1] = x_shape->dims[1];
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  plane = ref_dims_product (x_shape, 2, x_shape->rank);
  points = ref_dims_product (&shape, 2, shape.rank);
  if (plane == 0)
    return ref_bad_shape (error, "an empty image cannot be sampled");
  for (int64_t n = 0; n < shape.dims[0]; n++)
    for (int64_t i = 0; i < points; i++) {
      int taps;

      ref_load_f64 (grid, (n * points + i) * s.rank, s.rank, point);
      taps = point_taps (&s, point, offset, weight);
      for (int64_t c = 0; c < shape.dims[1]; c++) {
        double sum = 0, value;

        for (int t = 0; t < taps; t++)
          if (offset[t] >= 0) {
            ref_load_f64 (x, (n * shape.dims[1] + c) * plane + offset[t], 1, &value);
            sum += weight[t] * value;
          }
        ref_store_f64 (y, (n * shape.dims[1] + c) * points + i, 1, &sum);
      }
    }
  return TRUE;
}

/* ---- AffineGrid ---- */

static double
grid_coordinate (int64_t i, int64_t n, gboolean align_corners)
{
  if (align_corners)
    return n > 1 ? -1 + 2.0 * (double)i / (double)(n - 1) : -1;
  return -1 + (2.0 * (double)i + 1) / (double)n;
}

static gboolean
run_affine_grid (GonioKernel *k, GError **error)
{
  GonioTensor *theta = k->inputs[0], *y;
  const GonioShape *from = gonio_tensor_shape (theta);
  gboolean align_corners = ref_attr_int (k, "align_corners", 0) != 0;
  int64_t size[5], index[GONIO_MAX_RANK] = {0};
  GonioShape shape = {0};
  int n_size, rank;

  if (!ref_ints (k->inputs[1], 5, size, &n_size, "size", error))
    return FALSE;
  rank = n_size - 2;
  if (rank < 2 || from->rank != 3 || from->dims[1] != rank || from->dims[2] != rank + 1 ||
      from->dims[0] != size[0]) {
    g_autofree char *text = gonio_shape_to_string (from);

    return ref_bad_shape (error, "theta %s does not fit a size of %d numbers", text, n_size);
  }
  shape.dims[shape.rank++] = size[0];
  for (int d = 0; d < rank; d++)
    shape.dims[shape.rank++] = size[2 + d];
  shape.dims[shape.rank++] = rank;
  y = ref_output (k, 0, gonio_tensor_dtype (theta), &shape, error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (y); i++) {
    double row[4], sum;

    ref_load_f64 (theta, (index[0] * rank + index[shape.rank - 1]) * (rank + 1), rank + 1, row);
    sum = row[rank];
    for (int d = 0; d < rank; d++) /* x is the last axis */
      sum += row[d] * grid_coordinate (index[rank - d], shape.dims[rank - d], align_corners);
    ref_store_f64 (y, i, 1, &sum);
    ref_next_index (shape.rank, shape.dims, index);
  }
  return TRUE;
}

#define GRID_TYPES (REF_FLOATS | REF_INTEGERS)

const RefRow ref_rows_grid[] = {
    {GONIO_OP_AFFINE_GRID, run_affine_grid, NULL, {REF_FLOATS, REF_T (INT64)}, 0, 0},
    {GONIO_OP_GRID_SAMPLE, run_grid_sample, NULL, {GRID_TYPES, REF_FLOATS}, 0, 0},
    {0},
};
