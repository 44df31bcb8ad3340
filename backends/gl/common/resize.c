/* Resize: nearest is a move; the others blend one axis, or two that are neighbours, with tables of
 * places and weights. Depends on move. */
#include "backends/gl/common/move.h"

#include <math.h>
#include <string.h>

typedef enum { MODE_NEAREST, MODE_LINEAR, MODE_CUBIC, MODE_UNKNOWN } Mode;

typedef enum {
  COORD_HALF_PIXEL,
  COORD_HALF_PIXEL_SYMMETRIC,
  COORD_PYTORCH_HALF_PIXEL,
  COORD_ALIGN_CORNERS,
  COORD_ASYMMETRIC,
  COORD_TF_HALF_PIXEL_FOR_NN,
  COORD_TF_CROP_AND_RESIZE,
  COORD_UNKNOWN,
} Coordinates;

typedef struct {
  Mode mode;
  Coordinates coordinates;
  const char *rounding;
  gboolean antialias, exclude_outside;
  double cubic_a;
  float extrapolation;
} Style;

/* length is what the formulas call the resized length: scale x in, not always the whole number. */
typedef struct {
  gboolean resized;
  gint64 in, out;
  double scale, length, roi_start, roi_end;
} Axis;

#define MOST_TAPS 64

/* ---- attributes ---- */

static guint
find_name (const char *name, const char *const *names)
{
  guint i = 0;
  while (names[i] && !g_str_equal (names[i], name))
    i++;
  return i;
}

static Style
read_style (const GonioNode *node)
{
  static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
  static const char *const coordinates[] = {
      "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
      "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize", NULL};
  return (Style){
      .mode = (Mode)find_name (gonio_node_attr_string (node, "mode", "nearest"), modes),
      .coordinates = (Coordinates)find_name (
          gonio_node_attr_string (node, "coordinate_transformation_mode", "half_pixel"),
          coordinates),
      .rounding = gonio_node_attr_string (node, "nearest_mode", "round_prefer_floor"),
      .antialias = gonio_node_attr_int (node, "antialias", 0) != 0,
      .exclude_outside = gonio_node_attr_int (node, "exclude_outside", 0) != 0,
      .cubic_a = gonio_node_attr_float (node, "cubic_coeff_a", -0.75f),
      .extrapolation = gonio_node_attr_float (node, "extrapolation_value", 0),
  };
}

/* ---- sizes ---- */

static const GonioTensor *
given_numbers (const GonioGraph *graph, const GonioNode *node, guint i)
{
  const GonioValue *value = gonio_gl_in (graph, node, i);
  GonioDType dtype = i == 3 ? GONIO_DTYPE_INT64 : GONIO_DTYPE_FLOAT;
  if (!value || value->dtype != dtype || gonio_tensor_count (value->constant) == 0)
    return NULL;
  return value->constant;
}

/* One scale for all axes that are named. */
static gboolean
share_scale (const GonioNode *node, Axis *axes, const int *named, int n)
{
  const char *policy = gonio_node_attr_string (node, "keep_aspect_ratio_policy", "stretch");
  gboolean larger = g_str_equal (policy, "not_smaller");
  if (g_str_equal (policy, "stretch"))
    return TRUE;
  if (!larger && !g_str_equal (policy, "not_larger"))
    return FALSE;
  double scale = n > 0 ? axes[named[0]].scale : 1;
  for (int i = 1; i < n; i++)
    scale = larger ? MAX (scale, axes[named[i]].scale) : MIN (scale, axes[named[i]].scale);
  for (int i = 0; i < n; i++)
    axes[named[i]].scale = scale;
  return TRUE;
}

/* A scale in single precision stands for the ratio of the whole numbers when it is within its
 * rounding of it. */
static void
snap_scale (Axis *axis)
{
  double ratio = axis->in > 0 ? (double)axis->out / (double)axis->in : 1;
  gboolean same = fabs (axis->scale - ratio) <= 1e-6 * ratio;
  axis->scale = same ? ratio : axis->scale;
  axis->length = same ? (double)axis->out : axis->scale * (double)axis->in;
}

static const char *
read_axes (const GonioGraph *graph, const GonioNode *node, const Style *style, Axis *axes)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  const GonioTensor *roi = given_numbers (graph, node, 1), *scales = given_numbers (graph, node, 2),
                    *sizes = given_numbers (graph, node, 3), *given = sizes ? sizes : scales;
  guint n_axes = 0;
  const int64_t *list = gonio_node_attr_ints (node, "axes", &n_axes);
  int named[GONIO_MAX_RANK], n = list ? (int)n_axes : in.rank;
  if (n > in.rank || !given || (sizes && scales) || gonio_tensor_count (given) != n)
    return "there is not one scale or size per axis";
  for (int i = 0; i < in.rank; i++)
    axes[i] = (Axis){FALSE, in.dims[i], out.dims[i], 1, (double)in.dims[i], 0, 1};
  for (int i = 0; i < n; i++) {
    named[i] = gonio_gl_axis (list ? list[i] : i, in.rank);
    if (named[i] < 0 || in.dims[named[i]] == 0)
      return "an axis is out of range or empty";
    Axis *axis = &axes[named[i]];
    axis->scale = sizes ? (double)gonio_tensor_get_int (sizes, i) / (double)axis->in
                        : gonio_tensor_get_double (scales, i);
    if (!(axis->scale > 0) || !isfinite (axis->scale))
      return "a scale is not positive";
  }
  if (sizes && !share_scale (node, axes, named, n))
    return "this policy is not known";
  for (int i = 0; i < n; i++) {
    Axis *axis = &axes[named[i]];
    snap_scale (axis);
    if (style->coordinates == COORD_TF_CROP_AND_RESIZE) {
      if (!roi || gonio_tensor_count (roi) != 2 * n)
        return "the region does not fit the axes";
      axis->roi_start = gonio_tensor_get_double (roi, i);
      axis->roi_end = gonio_tensor_get_double (roi, n + i);
    }
    axis->resized =
        axis->out != axis->in || axis->scale != 1 || axis->roi_start != 0 || axis->roi_end != 1;
  }
  for (int i = 0; i < in.rank; i++)
    if ((!axes[i].resized && axes[i].in != axes[i].out) || axes[i].out > GONIO_GL_MOST_INDEX / 4 ||
        axes[i].in > GONIO_GL_MOST_INDEX / 4)
      return "an axis does not fit its result or is too long";
  return NULL;
}

/* ---- coordinates ---- */

static double
position (const Style *style, const Axis *axis, gint64 x)
{
  double o = (double)x, in = (double)axis->in, length = axis->length;
  double half = (o + 0.5) * in / length - 0.5;
  switch (style->coordinates) {
  case COORD_ALIGN_CORNERS:
    return length == 1 ? 0 : o * (in - 1) / (length - 1);
  case COORD_ASYMMETRIC:
    return o * in / length;
  case COORD_PYTORCH_HALF_PIXEL:
    return length > 1 ? half : 0;
  case COORD_TF_HALF_PIXEL_FOR_NN:
    return half + 0.5;
  case COORD_HALF_PIXEL_SYMMETRIC:
    return in / 2 * (1 - (double)axis->out / length) + half;
  case COORD_TF_CROP_AND_RESIZE:
    if (length > 1)
      return axis->roi_start * (in - 1) +
             o * (axis->roi_end - axis->roi_start) * (in - 1) / (length - 1);
    return (axis->roi_start + axis->roi_end) / 2 * (in - 1);
  default:
    return half;
  }
}

static gint32
clamp_place (double x, gint64 n)
{
  return (gint32)(!(x > 0) ? 0 : x >= (double)n ? n - 1 : (gint64)x);
}

static gboolean
is_outside (const Style *style, const Axis *axis, double x)
{
  return style->coordinates == COORD_TF_CROP_AND_RESIZE && !(x >= 0 && x <= (double)(axis->in - 1));
}

/* ---- nearest ---- */

static const char *
tell_nearest (const GonioGraph *graph, const GonioNode *node, GonioGlMove *move)
{
  Style style = read_style (node);
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  Axis axes[GONIO_MAX_RANK];
  static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                          "ceil", NULL};
  guint rounding = find_name (style.rounding, roundings);
  const char *reason = read_axes (graph, node, &style, axes);
  if (reason || !roundings[rounding])
    return reason ? reason : "this rounding is not known";
  gonio_gl_move_init (move, &in);
  move->fill = style.extrapolation;
  for (int i = 0; i < in.rank; i++) {
    if (!axes[i].resized) {
      gonio_gl_move_push (move, axes[i].out, i, 1);
      continue;
    }
    g_autofree gint32 *places = g_new (gint32, axes[i].out + 1);
    for (gint64 o = 0; o < axes[i].out; o++) {
      double x = position (&style, &axes[i], o);
      const double rounded[] = {ceil (x - 0.5), floor (x + 0.5), floor (x), ceil (x)};
      places[o] =
          is_outside (&style, &axes[i], x) ? -1 : clamp_place (rounded[rounding], axes[i].in);
    }
    gonio_gl_move_push_table (move, axes[i].out, i, places);
  }
  return NULL;
}

/* ---- blending ---- */

static double
weight_at (const Style *style, double x)
{
  double a = style->cubic_a;
  x = fabs (x);
  if (style->mode == MODE_LINEAR)
    return x < 1 ? 1 - x : 0;
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static int
first_tap (const Style *style, const Axis *axis)
{
  double shrink = style->antialias ? MIN (axis->scale, 1) : 1;
  return (int)MAX (floor (-(style->mode == MODE_CUBIC ? 2 : 1) / shrink) + 1, -MOST_TAPS);
}

/* Taps of each result place, from just right of x - reach to just left of x + reach, where x lies
 * in (base, base + 1]. An axis that stays as it is has one. */
static int
count_taps (const Style *style, const Axis *axis)
{
  return axis->resized ? 2 - 2 * first_tap (style, axis) : 1;
}

/* A texel to each tap: place and weight; place -1: outside. */
static void
fill_taps (const Style *style, const Axis *axis, float *out)
{
  double shrink = style->antialias ? MIN (axis->scale, 1) : 1;
  int taps = count_taps (style, axis), first = first_tap (style, axis);
  for (gint64 o = 0; o < axis->out; o++) {
    double x = position (style, axis, o), base = ceil (x) - 1, sum = 0;
    float *own = out + o * taps * 4;
    double weights[2 + 2 * MOST_TAPS];
    for (int t = 0; t < taps; t++) {
      double at = base + (double)(first + t);
      weights[t] = weight_at (style, (at - x) * shrink);
      if (style->exclude_outside && (at < 0 || at > (double)(axis->in - 1)))
        weights[t] = 0;
      sum += weights[t];
      own[4 * t] = (float)clamp_place (at, axis->in);
    }
    gboolean scales = style->antialias || style->exclude_outside;
    for (int t = 0; t < taps; t++)
      own[4 * t + 1] = (float)(!scales ? weights[t] : sum != 0 ? weights[t] / sum : 0);
    if (!axis->resized) {
      own[0] = (float)o;
      own[1] = 1;
    } else if (is_outside (style, axis, x)) {
      own[0] = -1;
    }
  }
}

static gboolean
add_taps (GonioGlLower *lower, const Style *style, const Axis axes[2], GonioGlSlot *out_slot,
          GError **error)
{
  gint64 rows = axes[0].out * count_taps (style, &axes[0]) * 4;
  GonioShape shape = GONIO_SHAPE (rows + axes[1].out * count_taps (style, &axes[1]) * 4);
  g_autoptr (GonioTensor) tensor = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, error);
  if (!tensor)
    return FALSE;
  fill_taps (style, &axes[0], gonio_tensor_writable_data (tensor));
  fill_taps (style, &axes[1], (float *)gonio_tensor_writable_data (tensor) + rows);
  *out_slot = gonio_gl_exact_numbers (lower, tensor);
  return TRUE;
}

static const char *
blend_claim (const GonioGraph *graph, const GonioNode *node, const Style *style)
{
  Axis axes[GONIO_MAX_RANK];
  const char *reason = read_axes (graph, node, style, axes);
  int rank = gonio_gl_shape (gonio_gl_in (graph, node, 0)).rank;
  for (int i = 0; !reason && i < rank; i++)
    if (axes[i].resized && (count_taps (style, &axes[i]) > MOST_TAPS ||
                            axes[i].out * count_taps (style, &axes[i]) > GONIO_GL_MOST_INDEX / 16))
      reason = "an axis shrinks too much for antialiasing or is too long";
  return reason;
}

/* What is blended: as it lies now, and as it will. */
typedef struct {
  GonioGlSlot slot;
  gint64 size[GONIO_MAX_RANK];
  int rank;
  gboolean texels; /* whole ones are blended, of an image */
} Blend;

/* Axes first and last at once, which are neighbours or the same. done: nothing comes after. */
static gboolean
blend_axes (GonioGlLower *lower, const Style *style, const Axis *axes, int first, int last,
            gboolean done, Blend *blend, GError **error)
{
  Axis pair[2] = {{.in = 1, .out = 1, .scale = 1, .length = 1}, axes[last]};
  GonioGlStep step = {.kernel = "resize.glsl", .inputs = {blend->slot}, .n_inputs = 2};
  gint64 inner = 1, count = 1;
  if (first < last)
    pair[0] = axes[first];
  blend->size[first] = axes[first].out;
  blend->size[last] = axes[last].out;
  for (int i = 0; i < blend->rank; i++) {
    inner *= i > last ? blend->size[i] : 1;
    count *= blend->size[i];
  }
  const int params[] = {(int)inner,
                        (int)pair[0].in,
                        (int)pair[1].in,
                        (int)pair[0].out,
                        (int)pair[1].out,
                        count_taps (style, &pair[0]),
                        count_taps (style, &pair[1])};
  memcpy (step.params, params, sizeof params);
  step.floats[0] = style->extrapolation;
  gonio_gl_tell_count (&step, count);
  step.reads = (gint64)params[5] * (params[6] + 1) * (blend->texels ? 2 : 8);
  if (!add_taps (lower, style, pair, &step.inputs[1], error))
    return FALSE;
  blend->slot = done ? gonio_gl_write (lower, 0, blend->texels ? GONIO_GL_IMAGE : GONIO_GL_PLAIN)
                     : gonio_gl_scratch (lower, blend->texels ? count : (count + 3) / 4);
  step.output = blend->slot;
  step.defines = g_strdup (blend->texels ? "TEXELS 1" : NULL);
  return gonio_gl_add (lower, &step, error);
}

/* Neighbours go together where that takes few reads. */
static int
pair_start (const Style *style, const Axis *axes, int last)
{
  if (last > 0 && axes[last - 1].resized &&
      count_taps (style, &axes[last]) * count_taps (style, &axes[last - 1]) <= 16)
    return last - 1;
  return last;
}

static int
last_resized (const Axis *axes, int end)
{
  int i = end - 1;
  while (i >= 0 && !axes[i].resized)
    i--;
  return i;
}

static gboolean
blend_lower (GonioGlLower *lower, const Style *style, GError **error)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0));
  Axis axes[GONIO_MAX_RANK];
  int channels, rest;
  (void)read_axes (lower->graph, lower->node, style, axes); /* as claimed */
  int last = last_resized (axes, in.rank);
  Blend blend = {.rank = in.rank};
  blend.texels = in.rank >= 3 && !axes[0].resized && !axes[1].resized &&
                 isfinite (style->extrapolation) &&
                 (gonio_gl_has (lower, 0, GONIO_GL_IMAGE) ||
                  gonio_gl_wants_image (lower, 0, &channels, &rest));
  if (last < 0)
    return gonio_gl_alias (lower, 0, 0, error);
  if (!gonio_gl_read (lower, 0, blend.texels ? GONIO_GL_IMAGE : GONIO_GL_PLAIN, &blend.slot, error))
    return FALSE;
  for (int i = 0; i < in.rank; i++)
    blend.size[i] = blend.texels && i == 1 ? (in.dims[1] + 3) / 4 : in.dims[i];
  while (last >= 0) {
    int first = pair_start (style, axes, last), before = last_resized (axes, first);
    if (!blend_axes (lower, style, axes, first, last, before < 0, &blend, error))
      return FALSE;
    last = before;
  }
  return TRUE;
}

/* ---- the operator ---- */

static const char *
resize_claim (const GonioGraph *graph, const GonioNode *node)
{
  Style style = read_style (node);
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  if (style.mode == MODE_UNKNOWN || style.coordinates == COORD_UNKNOWN)
    return "this mode or coordinate rule is not known";
  if (in.rank < 1 || gonio_gl_count (&in) == 0 || gonio_gl_count (&out) == 0)
    return "a scalar or empty value";
  if (style.mode != MODE_NEAREST)
    return blend_claim (graph, node, &style);
  g_auto (GonioGlMove) move = {0};
  const char *reason = tell_nearest (graph, node, &move);
  return reason ? reason : gonio_gl_move_check (&move);
}

static gboolean
resize_lower (GonioGlLower *lower, GError **error)
{
  Style style = read_style (lower->node);
  g_auto (GonioGlMove) move = {0};
  if (style.mode != MODE_NEAREST)
    return blend_lower (lower, &style, error);
  (void)tell_nearest (lower->graph, lower->node, &move); /* as claimed */
  return gonio_gl_move_lower (lower, 0, 0, &move, error);
}

const GonioGlOp gonio_gl_ops_resize[] = {
    {GONIO_OP_RESIZE, resize_claim, resize_lower, 0xe},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
