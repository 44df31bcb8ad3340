/* Resize: one table of taps and weights per axis, applied axis by axis in double; nearest
 * copies elements of any type. Depends on kernel.h, window.h. */
#include "backends/reference/kernel.h"
#include "backends/reference/window.h"

#include <math.h>
#include <string.h>

typedef enum { MODE_NEAREST, MODE_LINEAR, MODE_CUBIC } Mode;

typedef enum {
  COORD_HALF_PIXEL,
  COORD_HALF_PIXEL_SYMMETRIC,
  COORD_PYTORCH_HALF_PIXEL,
  COORD_ALIGN_CORNERS,
  COORD_ASYMMETRIC,
  COORD_TF_HALF_PIXEL_FOR_NN,
  COORD_TF_CROP_AND_RESIZE,
} Coordinates;

typedef enum { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, ROUND_FLOOR, ROUND_CEIL } Rounding;

typedef struct {
  Mode mode;
  Coordinates coordinates;
  Rounding rounding;
  gboolean antialias, exclude_outside;
  double cubic_a, extrapolation;
} Style;

/* One axis. length is what the coordinate formulas call the resized length: scale * in, not
 * always the whole number out. */
typedef struct {
  gboolean resized;
  int64_t in, out;
  double scale, length;
  double roi_start, roi_end;
} Axis;

/* Which input elements make up each output position of an axis. */
typedef struct {
  int64_t taps;     /* per output position */
  int64_t *index;   /* out x taps, clamped into the input */
  double *weight;   /* out x taps */
  gboolean *inside; /* out: FALSE where tf_crop_and_resize extrapolates */
} Table;

static void
table_clear (Table *t)
{
  g_clear_pointer (&t->index, g_free);
  g_clear_pointer (&t->weight, g_free);
  g_clear_pointer (&t->inside, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Table, table_clear)

/* ---- attributes ---- */

static gboolean
pick (const GonioKernel *k, const char *attr, const char *fallback, const char *const *names,
      int *out, GError **error)
{
  const char *name = ref_attr_string (k, attr, fallback);

  for (int i = 0; names[i] != NULL; i++)
    if (g_str_equal (names[i], name)) {
      *out = i;
      return TRUE;
    }
  return ref_bad_value (error, "%s is \"%s\"", attr, name);
}

static gboolean
style_init (Style *s, const GonioKernel *k, GError **error)
{
  static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
  static const char *const coordinates[] = {
      "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
      "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize", NULL};
  static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                          "ceil", NULL};
  int mode, coordinate, rounding;

  if (!pick (k, "mode", "nearest", modes, &mode, error) ||
      !pick (k, "coordinate_transformation_mode", "half_pixel", coordinates, &coordinate, error) ||
      !pick (k, "nearest_mode", "round_prefer_floor", roundings, &rounding, error))
    return FALSE;
  *s = (Style){.mode = (Mode)mode,
               .coordinates = (Coordinates)coordinate,
               .rounding = (Rounding)rounding,
               .antialias = ref_attr_int (k, "antialias", 0) != 0,
               .exclude_outside = ref_attr_int (k, "exclude_outside", 0) != 0,
               .cubic_a = ref_attr_float (k, "cubic_coeff_a", -0.75f),
               .extrapolation = ref_attr_float (k, "extrapolation_value", 0)};
  return TRUE;
}

/* ---- sizes ---- */

/* A scale given as float stands for the ratio of the two whole numbers when it is within its
 * own rounding of it: then coordinates come out exact. */
static void
snap_scale (Axis *a)
{
  double ratio = a->in > 0 ? (double)a->out / (double)a->in : 1;

  if (fabs (a->scale - ratio) <= 1e-6 * ratio)
    a->scale = ratio;
  a->length = a->scale * (double)a->in;
  if (a->scale == ratio)
    a->length = (double)a->out;
}

static gboolean
axis_from_scale (Axis *a, double scale, GError **error)
{
  /* single precision, as inference and other engines have it: 0.7f * 10 is 7 */
  float length = (float)scale * (float)a->in;

  if (!(scale > 0) || !isfinite (scale) || length > 0x1p40f)
    return ref_bad_value (error, "scale is %g", scale);
  a->scale = scale;
  a->out = (int64_t)floorf (length);
  snap_scale (a);
  return TRUE;
}

/* keep_aspect_ratio_policy: one scale for all named axes. */
static gboolean
apply_policy (const GonioKernel *k, Axis *axes, const int *named, int n, GError **error)
{
  static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};
  double scale = 0;
  int policy;

  if (!pick (k, "keep_aspect_ratio_policy", "stretch", policies, &policy, error))
    return FALSE;
  for (int i = 0; i < n && policy != 0; i++) {
    double own = axes[named[i]].scale;

    if (i == 0 || (policy == 1 ? own < scale : own > scale))
      scale = own;
  }
  for (int i = 0; i < n && policy != 0; i++) {
    Axis *a = &axes[named[i]];

    if (scale * (double)a->in > 0x1p40)
      return ref_bad_value (error, "scale %g of axis %d is too large", scale, named[i]);
    a->scale = scale;
    a->out = (int64_t)floor (scale * (double)a->in + 0.5);
    snap_scale (a);
  }
  return TRUE;
}

static gboolean
axes_from_sizes (const GonioKernel *k, GonioTensor *sizes, Axis *axes, const int *named, int n,
                 GError **error)
{
  for (int i = 0; i < n; i++) {
    Axis *a = &axes[named[i]];

    ref_load_i64 (sizes, i, 1, &a->out);
    if (a->out < 0 || a->out > ((int64_t)1 << 40) || (a->in == 0 && a->out > 0))
      return ref_bad_value (error, "size %" G_GINT64_FORMAT " from %" G_GINT64_FORMAT, a->out,
                            a->in);
    a->scale = a->in > 0 ? (double)a->out / (double)a->in : 1;
    a->length = (double)a->out;
  }
  return apply_policy (k, axes, named, n, error);
}

/* The named axes (all when the attribute is absent). */
static gboolean
read_named (const GonioKernel *k, int rank, int *named, int *out_n, GError **error)
{
  guint n;
  const int64_t *axes = gonio_node_attr_ints (k->node, "axes", &n);
  gboolean seen[GONIO_MAX_RANK] = {FALSE};

  if (axes != NULL && n > (guint)rank)
    return ref_bad_value (error, "%u axes for a tensor of rank %d", n, rank);
  *out_n = axes != NULL ? (int)n : rank;
  for (int i = 0; i < *out_n; i++) {
    if (!ref_axis (axes != NULL ? axes[i] : i, rank, &named[i], error))
      return FALSE;
    if (seen[named[i]])
      return ref_bad_value (error, "axis %d is given twice", named[i]);
    seen[named[i]] = TRUE;
  }
  return TRUE;
}

static gboolean
axes_init (const GonioKernel *k, const Style *s, Axis *axes, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (k->inputs[0]);
  GonioTensor *roi = ref_in (k, 1), *scales = ref_in (k, 2), *sizes = ref_in (k, 3), *given;
  int named[GONIO_MAX_RANK], n;

  if (scales != NULL && gonio_tensor_count (scales) == 0 && shape->rank > 0)
    scales = NULL;
  if (sizes != NULL && gonio_tensor_count (sizes) == 0 && shape->rank > 0)
    sizes = NULL;
  given = sizes != NULL ? sizes : scales;
  if (!read_named (k, shape->rank, named, &n, error))
    return FALSE;
  if (given == NULL || (sizes != NULL && scales != NULL))
    return ref_bad_value (error, "exactly one of scales and sizes must be given");
  if (gonio_tensor_count (given) != n)
    return ref_bad_shape (error, "%s has %" G_GINT64_FORMAT " elements for %d axes",
                          sizes != NULL ? "sizes" : "scales", gonio_tensor_count (given), n);
  for (int d = 0; d < shape->rank; d++)
    axes[d] = (Axis){FALSE, shape->dims[d], shape->dims[d], 1, (double)shape->dims[d], 0, 1};
  if (sizes != NULL && !axes_from_sizes (k, sizes, axes, named, n, error))
    return FALSE;
  for (int i = 0; i < n; i++) {
    Axis *a = &axes[named[i]];
    double scale;

    if (sizes == NULL) {
      ref_load_f64 (scales, i, 1, &scale);
      if (!axis_from_scale (a, scale, error))
        return FALSE;
    }
    if (s->coordinates == COORD_TF_CROP_AND_RESIZE) {
      if (roi == NULL || gonio_tensor_count (roi) != 2 * n)
        return ref_bad_shape (error, "tf_crop_and_resize needs a roi of %d elements", 2 * n);
      ref_load_f64 (roi, i, 1, &a->roi_start);
      ref_load_f64 (roi, n + i, 1, &a->roi_end);
    }
    a->resized = a->out != a->in || a->scale != 1 || a->roi_start != 0 || a->roi_end != 1;
  }
  return TRUE;
}

/* ---- coordinates ---- */

static double
source_coordinate (const Style *s, const Axis *a, int64_t x)
{
  double o = (double)x, in = (double)a->in, from;
  double half = (o + 0.5) * in / a->length - 0.5;

  switch (s->coordinates) {
  case COORD_ALIGN_CORNERS:
    return a->length == 1 ? 0 : o * (in - 1) / (a->length - 1);
  case COORD_ASYMMETRIC:
    return o * in / a->length;
  case COORD_PYTORCH_HALF_PIXEL:
    return a->length > 1 ? half : 0;
  case COORD_TF_HALF_PIXEL_FOR_NN:
    return half + 0.5;
  case COORD_HALF_PIXEL_SYMMETRIC:
    return in / 2 * (1 - (double)a->out / a->length) + half;
  case COORD_TF_CROP_AND_RESIZE:
    from = a->roi_start * (in - 1);
    if (a->length > 1)
      return from + o * (a->roi_end - a->roi_start) * (in - 1) / (a->length - 1);
    return (a->roi_start + a->roi_end) / 2 * (in - 1);
  case COORD_HALF_PIXEL:
    break;
  }
  return half;
}

static int64_t
clamp_index (double x, int64_t n)
{
  return !(x > 0) ? 0 : x >= (double)n ? n - 1 : (int64_t)x;
}

static int64_t
nearest_index (const Style *s, double x, int64_t n)
{
  switch (s->rounding) {
  case ROUND_PREFER_FLOOR:
    return clamp_index (ceil (x - 0.5), n);
  case ROUND_PREFER_CEIL:
    return clamp_index (floor (x + 0.5), n);
  case ROUND_CEIL:
    return clamp_index (ceil (x), n);
  case ROUND_FLOOR:
    break;
  }
  return clamp_index (floor (x), n);
}

/* ---- weights ---- */

static double
kernel_value (const Style *s, double x)
{
  double a = s->cubic_a;

  x = fabs (x);
  if (s->mode == MODE_LINEAR)
    return x < 1 ? 1 - x : 0;
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static gboolean
table_init (Table *t, const Style *s, const Axis *a, GError **error)
{
  double shrink = s->antialias ? MIN (a->scale, 1) : 1;
  double reach = (s->mode == MODE_CUBIC ? 2 : 1) / shrink;
  int64_t first = (int64_t)floor (-reach) + 1;

  /* from just right of x - reach to just left of x + reach, x in (base, base + 1] */
  t->taps = 2 - 2 * first;
  t->index = ref_alloc (a->out * t->taps, sizeof *t->index, error);
  t->weight = ref_alloc (a->out * t->taps, sizeof *t->weight, error);
  t->inside = ref_alloc (a->out, sizeof *t->inside, error);
  if (t->index == NULL || t->weight == NULL || t->inside == NULL)
    return FALSE;
  for (int64_t o = 0; o < a->out; o++) {
    double x = source_coordinate (s, a, o), base = ceil (x) - 1, sum = 0;
    double *weight = t->weight + o * t->taps;

    t->inside[o] =
        s->coordinates != COORD_TF_CROP_AND_RESIZE || (x >= 0 && x <= (double)(a->in - 1));
    for (int64_t i = 0; i < t->taps; i++) {
      double at = base + (double)(first + i);

      t->index[o * t->taps + i] = clamp_index (at, a->in);
      weight[i] = kernel_value (s, (at - x) * shrink);
      if (s->exclude_outside && (at < 0 || at > (double)(a->in - 1)))
        weight[i] = 0;
      sum += weight[i];
    }
    for (int64_t i = 0; i < t->taps && (s->antialias || s->exclude_outside); i++)
      weight[i] = sum != 0 ? weight[i] / sum : 0;
  }
  return TRUE;
}

/* in: outer x a->in x inner; returns outer x a->out x inner. NULL on error. */
static double *
apply_axis (const Style *s, const Axis *a, const double *in, int64_t outer, int64_t inner,
            GError **error)
{
  g_auto (Table) t = {0};
  g_autofree double *out = ref_alloc0 (outer * a->out * inner, sizeof *out, error);

  if (out == NULL || !table_init (&t, s, a, error))
    return NULL;
  for (int64_t row = 0; row < outer * a->out; row++) {
    int64_t o = row % a->out;
    double *to = out + row * inner;

    for (int64_t i = 0; i < t.taps && t.inside[o]; i++) {
      const double *from = in + (row / a->out * a->in + t.index[o * t.taps + i]) * inner;
      double weight = t.weight[o * t.taps + i];

      for (int64_t j = 0; weight != 0 && j < inner; j++)
        to[j] += weight * from[j];
    }
    for (int64_t j = 0; !t.inside[o] && j < inner; j++)
      to[j] = s->extrapolation;
  }
  return g_steal_pointer (&out);
}

static gboolean
interpolate (GonioKernel *k, const Style *s, const Axis *axes, GonioTensor *y, GError **error)
{
  GonioTensor *x = k->inputs[0];
  GonioShape shape = *gonio_tensor_shape (x);
  int64_t count = gonio_tensor_count (y);
  g_autofree double *data = ref_dup_f64 (x, error);

  for (int d = shape.rank - 1; d >= 0 && data != NULL; d--) {
    double *next;

    if (!axes[d].resized)
      continue;
    next = apply_axis (s, &axes[d], data, ref_dims_product (&shape, 0, d),
                       ref_dims_product (&shape, d + 1, shape.rank), error);
    g_free (data);
    data = next;
    shape.dims[d] = axes[d].out;
  }
  if (data == NULL)
    return FALSE;
  /* Whole results must not be missed by a last bit when they are cut to integers. */
  for (int64_t i = 0; !gonio_dtype_is_float (gonio_tensor_dtype (y)) && i < count; i++)
    if (fabs (data[i] - nearbyint (data[i])) < 1e-6)
      data[i] = nearbyint (data[i]);
  ref_store_f64 (y, 0, count, data);
  return TRUE;
}

/* ---- nearest ---- */

static gboolean
copy_nearest (GonioKernel *k, const Style *s, const Axis *axes, GonioTensor *y, GError **error)
{
  GonioTensor *x = k->inputs[0];
  const GonioShape *shape = gonio_tensor_shape (y);
  g_autoptr (GPtrArray) maps = g_ptr_array_new_with_free_func (g_free);
  int64_t strides[GONIO_MAX_RANK], index[GONIO_MAX_RANK] = {0};
  RefTypes type = (RefTypes)1 << gonio_tensor_dtype (x);
  gboolean fills = (type & (REF_NUMBERS | REF_BOOL)) != 0;

  gonio_shape_strides (gonio_tensor_shape (x), strides);
  for (int d = 0; d < shape->rank; d++) {
    int64_t *map = ref_alloc (axes[d].out, sizeof *map, error);

    if (map == NULL)
      return FALSE;
    g_ptr_array_add (maps, map);
    for (int64_t o = 0; o < axes[d].out; o++) {
      double at = axes[d].resized ? source_coordinate (s, &axes[d], o) : (double)o;
      gboolean outside =
          s->coordinates == COORD_TF_CROP_AND_RESIZE && (at < 0 || at > (double)(axes[d].in - 1));

      map[o] = outside ? -1 : nearest_index (s, at, axes[d].in) * strides[d];
    }
  }
  for (int64_t i = 0; i < gonio_tensor_count (y); i++) {
    int64_t from = 0;

    for (int d = 0; d < shape->rank && from >= 0; d++) {
      int64_t own = ((const int64_t *)maps->pdata[d])[index[d]];

      from = own < 0 ? -1 : from + own;
    }
    if (from >= 0)
      ref_copy (y, i, x, from, 1);
    else if (fills)
      ref_store_f64 (y, i, 1, &s->extrapolation);
    else
      ref_clear (y, i, 1);
    ref_next_index (shape->rank, shape->dims, index);
  }
  return TRUE;
}

static gboolean
run_resize (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  GonioShape shape = *gonio_tensor_shape (x);
  RefTypes type = (RefTypes)1 << gonio_tensor_dtype (x);
  Axis axes[GONIO_MAX_RANK];
  Style s;

  if (!style_init (&s, k, error) || !axes_init (k, &s, axes, error))
    return FALSE;
  if (s.mode != MODE_NEAREST && (type & REF_NUMBERS) == 0)
    return ref_bad_value (error, "cannot interpolate %s",
                          gonio_dtype_name (gonio_tensor_dtype (x)));
  for (int d = 0; d < shape.rank; d++)
    shape.dims[d] = axes[d].out;
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  if (gonio_tensor_count (x) == 0)
    return ref_bad_shape (error, "an empty tensor cannot be resized to a non-empty one");
  return s.mode == MODE_NEAREST ? copy_nearest (k, &s, axes, y, error)
                                : interpolate (k, &s, axes, y, error);
}

const RefRow ref_rows_resize[] = {
    {GONIO_OP_RESIZE, run_resize, NULL, {REF_ANY, REF_FLOATS, REF_T (FLOAT), REF_T (INT64)}, 0, 0},
    {0},
};
