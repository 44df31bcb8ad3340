/* Resize and GridSample in NHWC: tables of taps and weights, channels mixed side by side.
 * XNNPACK's resize knows only two of the coordinate rules and no mode but bilinear. */
#include "backends/cpu/lower.h"

#include <math.h>
#include <string.h>

/* Longest axis a table of taps is made for. */
#define MAX_LENGTH (1 << 24)

typedef enum { MODE_NEAREST, MODE_LINEAR, MODE_CUBIC, MODE_UNKNOWN } Mode;

static Mode
find_mode (const char *name)
{
  static const char *const names[][2] = {[MODE_NEAREST] = {"nearest", "nearest"},
                                         [MODE_LINEAR] = {"linear", "bilinear"},
                                         [MODE_CUBIC] = {"cubic", "bicubic"}};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (name, names[i][0]) || g_str_equal (name, names[i][1]))
      return (Mode)i;
  return MODE_UNKNOWN;
}

/* Keys' kernel with coefficient a, as the ONNX specification gives it. */
static double
cubic (double x, double a)
{
  x = fabs (x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* ---- Resize ---- */

/* One spatial axis: which positions make up each output position, and how much of each. */
typedef struct {
  int64_t in, out;
  size_t taps;
  int32_t *index; /* out x taps */
  float *weight;  /* out x taps */
} AxisTable;

typedef struct {
  AxisTable axes[2];
  int64_t batch, channels;
  int64_t offset_out, pixel;   /* of the output, in floats */
  GonioCpuSlot in, out, lines; /* lines: scratch, one blended line per piece */
  size_t pieces;
  gboolean copies; /* nearest: nothing is mixed */
} Resize;

typedef struct {
  Mode mode;
  const char *coordinates, *rounding;
  gboolean antialias, exclude_outside;
  double cubic_a;
} ResizeStyle;

/* Where output position i lies on the input axis; scale: of this axis, `length` = in * scale. */
static double
resize_position (const ResizeStyle *style, int64_t i, int64_t in, int64_t out, double scale)
{
  double x = (double)i, length = scale * (double)in, half = (x + 0.5) / scale - 0.5;
  if (g_str_equal (style->coordinates, "align_corners"))
    return length == 1 ? 0 : x * (double)(in - 1) / (length - 1);
  if (g_str_equal (style->coordinates, "asymmetric"))
    return x / scale;
  if (g_str_equal (style->coordinates, "pytorch_half_pixel"))
    return length > 1 ? half : 0;
  if (g_str_equal (style->coordinates, "tf_half_pixel_for_nn"))
    return half + 0.5;
  if (g_str_equal (style->coordinates, "half_pixel_symmetric"))
    return (double)in / 2 * (1 - (double)out / length) + half;
  return half;
}

static double
resize_nearest (const ResizeStyle *style, double x)
{
  if (g_str_equal (style->rounding, "round_prefer_ceil"))
    return floor (x + 0.5);
  if (g_str_equal (style->rounding, "floor"))
    return floor (x);
  return g_str_equal (style->rounding, "ceil") ? ceil (x) : ceil (x - 0.5);
}

static double
tap_weight (const ResizeStyle *style, double distance)
{
  if (style->mode == MODE_CUBIC)
    return cubic (distance, style->cubic_a);
  return MAX (1 - fabs (distance), 0);
}

static void
fill_position (const ResizeStyle *style, AxisTable *table, int64_t at, double x, double shrink)
{
  int32_t *index = table->index + (size_t)at * table->taps;
  float *weight = table->weight + (size_t)at * table->taps;
  double first = ceil (x) - (double)(table->taps / 2), sum = 0;
  if (style->mode == MODE_NEAREST) {
    index[0] = (int32_t)CLAMP (resize_nearest (style, x), 0, (double)table->in - 1);
    weight[0] = 1.0f;
    return;
  }
  for (size_t t = 0; t < table->taps; t++) {
    double position = first + (double)t, w = tap_weight (style, (position - x) * shrink);
    if (style->exclude_outside && (position < 0 || position > (double)(table->in - 1)))
      w = 0;
    index[t] = (int32_t)CLAMP (position, 0, (double)table->in - 1);
    weight[t] = (float)w;
    sum += w;
  }
  if (style->antialias || style->exclude_outside)
    for (size_t t = 0; t < table->taps; t++)
      weight[t] = sum != 0 ? (float)(weight[t] / sum) : 0.0f;
}

static gboolean
fill_table (const ResizeStyle *style, AxisTable *table, double scale, GError **error)
{
  double shrink = style->antialias ? MIN (scale, 1) : 1;
  double reach = (style->mode == MODE_CUBIC ? 2 : 1) / shrink;
  gboolean same = table->in == table->out && scale == 1;
  table->taps = style->mode == MODE_NEAREST || same ? 1 : 2 * (size_t)ceil (reach);
  size_t n = (size_t)table->out * table->taps;
  table->index = gonio_new (int32_t, n, "a table for resizing", error);
  table->weight = table->index ? gonio_new (float, n, "a table for resizing", error) : NULL;
  if (!table->weight)
    return FALSE;
  for (int64_t i = 0; i < table->out; i++) {
    if (same) {
      table->index[i] = (int32_t)i;
      table->weight[i] = 1.0f;
    } else {
      fill_position (style, table, i, resize_position (style, i, table->in, table->out, scale),
                     shrink);
    }
  }
  return TRUE;
}

typedef struct {
  const Resize *step;
  const GonioCpuKernels *kernels;
  const float *in;
  float *out, *lines;
} ResizeJob;

/* Input lines blended for output line y; a single whole one is used where it lies. */
static const float *
blend_lines (const ResizeJob *job, const float *image, int64_t y, float *room)
{
  const AxisTable *rows = &job->step->axes[0];
  size_t length = (size_t)(job->step->axes[1].in * job->step->channels);
  const float *from[64];
  const int32_t *index = rows->index + (size_t)y * rows->taps;
  const float *weight = rows->weight + (size_t)y * rows->taps;
  if (rows->taps == 1 && weight[0] == 1.0f)
    return image + (size_t)index[0] * length;
  for (size_t t = 0; t < rows->taps; t++)
    from[t] = image + (size_t)index[t] * length;
  job->kernels->mix (from, weight, rows->taps, room, length);
  return room;
}

static void
spread_line (const ResizeJob *job, const float *line, float *out)
{
  const AxisTable *columns = &job->step->axes[1];
  size_t channels = (size_t)job->step->channels, taps = columns->taps;
  const float *from[64];
  for (int64_t x = 0; x < columns->out; x++, out += job->step->pixel) {
    const int32_t *index = columns->index + (size_t)x * taps;
    if (taps == 1 && job->step->copies) {
      memcpy (out, line + (size_t)index[0] * channels, channels * sizeof *out);
      continue;
    }
    for (size_t t = 0; t < taps; t++)
      from[t] = line + (size_t)index[t] * channels;
    job->kernels->mix (from, columns->weight + (size_t)x * taps, taps, out, channels);
  }
}

static void
copy_line (const Resize *step, float *to, const float *from)
{
  size_t channels = (size_t)step->channels, pixels = (size_t)step->axes[1].out;
  if (step->pixel == step->channels) {
    memcpy (to, from, pixels * channels * sizeof *to);
    return;
  }
  for (size_t x = 0; x < pixels; x++, to += step->pixel, from += step->pixel)
    memcpy (to, from, channels * sizeof *to);
}

/* A piece is a run of output lines with its own room for a blended line. */
static void
resize_task (void *context, size_t start, size_t count)
{
  const ResizeJob *job = context;
  const Resize *step = job->step;
  const AxisTable *rows = &step->axes[0], *columns = &step->axes[1];
  size_t lines = (size_t)(step->batch * rows->out);
  size_t in_line = (size_t)(columns->in * step->channels),
         out_line = (size_t)(columns->out * step->pixel);
  for (size_t piece = start; piece < start + count; piece++) {
    size_t first = lines * piece / step->pieces, end = lines * (piece + 1) / step->pieces;
    int32_t last = -1;
    for (size_t i = first; i < end; i++) {
      int64_t y = (int64_t)i % rows->out;
      const float *image = job->in + i / (size_t)rows->out * (size_t)rows->in * in_line;
      float *out = job->out + i * out_line;
      if (step->copies && y > 0 && i > first && rows->index[y] == last) {
        copy_line (step, out, out - out_line);
        continue;
      }
      last = rows->index[(size_t)y * rows->taps];
      spread_line (job, blend_lines (job, image, y, job->lines + piece * in_line), out);
    }
  }
}

static gboolean
resize_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Resize *step = data;
  ResizeJob job = {step, run->kernels, gonio_cpu_ptr (run, step->in),
                   (float *)gonio_cpu_ptr (run, step->out) + step->offset_out,
                   gonio_cpu_ptr (run, step->lines)};
  gonio_cpu_parallel (run, resize_task, &job, step->pieces, 1);
  return TRUE;
}

static ResizeStyle
resize_style (const GonioNode *node)
{
  return (ResizeStyle){
      .mode = find_mode (gonio_node_attr_string (node, "mode", "nearest")),
      .coordinates = gonio_node_attr_string (node, "coordinate_transformation_mode", "half_pixel"),
      .rounding = gonio_node_attr_string (node, "nearest_mode", "round_prefer_floor"),
      .antialias = gonio_node_attr_int (node, "antialias", 0) != 0,
      .exclude_outside = gonio_node_attr_int (node, "exclude_outside", 0) != 0,
      .cubic_a = gonio_node_attr_float (node, "cubic_coeff_a", -0.75f),
  };
}

/* Scale of each logical axis, from the input that gives them or from the sizes. */
static const char *
resize_scales (const GonioCpuNode *node, double out_scales[GONIO_MAX_RANK])
{
  GonioShape in = gonio_cpu_shape (gonio_cpu_in (node, 0)),
             out = gonio_cpu_shape (gonio_cpu_out (node, 0));
  const GonioValue *scales = gonio_cpu_in (node, 2);
  gboolean by_sizes = gonio_cpu_in (node, 3) && gonio_cpu_count (gonio_cpu_in (node, 3)) > 0;
  guint n_axes;
  const int64_t *axes = gonio_node_attr_ints (node->node, "axes", &n_axes);
  if (!by_sizes && (!scales || !scales->constant))
    return "scales are not constant";
  if (by_sizes &&
      !g_str_equal (gonio_node_attr_string (node->node, "keep_aspect_ratio_policy", "stretch"),
                    "stretch"))
    return "keeping the aspect ratio is not supported";
  for (int i = 0; i < in.rank; i++)
    out_scales[i] = by_sizes && in.dims[i] ? (double)out.dims[i] / (double)in.dims[i] : 1;
  if (by_sizes)
    return NULL;
  guint n = axes ? n_axes : (guint)in.rank;
  if (gonio_tensor_count (scales->constant) != n)
    return "there is not one scale per axis";
  for (guint i = 0; i < n; i++) {
    int axis = gonio_cpu_normal_axis (axes ? axes[i] : i, in.rank);
    if (axis < 0 || in.dims[axis] == 0)
      return "an axis is out of range";
    double given = gonio_tensor_get_double (scales->constant, i);
    double ratio = (double)out.dims[axis] / (double)in.dims[axis];
    /* a scale in single precision stands for the ratio of whole numbers that it rounds */
    out_scales[axis] = fabs (given - ratio) <= 1e-6 * ratio ? ratio : given;
    if (!(out_scales[axis] > 0))
      return "a scale is not positive";
  }
  return NULL;
}

static const char *
resize_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  static const char *const known[] = {"half_pixel", "pytorch_half_pixel",   "align_corners",
                                      "asymmetric", "half_pixel_symmetric", "tf_half_pixel_for_nn",
                                      NULL};
  const GonioValue *in = gonio_cpu_in (node, 0);
  double scales[GONIO_MAX_RANK];
  if (!gonio_cpu_is_float (in) || in->constant)
    return "only computed float is supported";
  if (in->shape.rank < 3 || in->shape.rank > 4)
    return "only one or two spatial axes are supported";
  ResizeStyle style = resize_style (node->node);
  if (style.mode == MODE_UNKNOWN || !g_strv_contains (known, style.coordinates))
    return "this mode or coordinate rule is not supported";
  const char *reason = resize_scales (node, scales);
  if (reason)
    return reason;
  if (scales[0] != 1 || scales[1] != 1)
    return "resizing images or channels is not supported";
  for (int i = 0; i < in->shape.rank; i++)
    if ((style.antialias && scales[i] < 1.0 / 14) || gonio_cpu_shape (in).dims[i] > MAX_LENGTH ||
        gonio_cpu_shape (gonio_cpu_out (node, 0)).dims[i] > MAX_LENGTH)
      return "an axis shrinks or is too large";
  gonio_cpu_claim_nhwc (out_claim, 1);
  return NULL;
}

static void
resize_clear (gpointer data)
{
  Resize *step = data;
  for (int i = 0; i < 2; i++) {
    g_free (step->axes[i].index);
    g_free (step->axes[i].weight);
  }
}

static gboolean
resize_lower (GonioCpuLower *lower, GError **error)
{
  double scales[GONIO_MAX_RANK];
  const char *reason = resize_scales (&lower->node, scales);
  if (reason)
    return gonio_cpu_fail (error, "%s", reason);
  GonioShape in = gonio_cpu_shape (gonio_cpu_in (&lower->node, 0));
  GonioShape out = gonio_cpu_shape (gonio_cpu_out (&lower->node, 0));
  ResizeStyle style = resize_style (lower->node.node);
  Resize *step = gonio_cpu_step (lower, resize_run, sizeof *step, resize_clear);
  step->batch = in.dims[0];
  step->channels = in.dims[1];
  for (int i = 0; i < 2; i++) {
    int axis = in.rank - 2 + i;
    gboolean absent = axis < 2;
    step->axes[i] =
        (AxisTable){.in = absent ? 1 : in.dims[axis], .out = absent ? 1 : out.dims[axis]};
    if (!fill_table (&style, &step->axes[i], absent ? 1 : scales[axis], error))
      return FALSE;
  }
  step->copies = style.mode == MODE_NEAREST;
  size_t lines = (size_t)(step->batch * step->axes[0].out);
  size_t line_work = (size_t)(step->axes[1].out * (step->channels / 4 + 4));
  step->pieces = MIN (lines, lower->backend->threads * (size_t)4);
  step->pieces = CLAMP (lines * line_work / 8192, 1, step->pieces);
  step->in = gonio_cpu_slot_in (lower, 0);
  GonioCpuView to = gonio_cpu_target (lower, 0);
  step->out = to.slot;
  step->offset_out = to.offset;
  step->pixel = gonio_cpu_pixel (gonio_cpu_out (&lower->node, 0), &to);
  step->lines = gonio_cpu_slot_scratch (
      lower, step->pieces * (size_t)(step->axes[1].in * step->channels) * sizeof (float));
  return TRUE;
}

/* ---- GridSample ---- */

typedef enum { PADDING_ZEROS, PADDING_BORDER, PADDING_REFLECTION, PADDING_UNKNOWN } Padding;

typedef struct {
  GonioCpuSlot in, grid, out;
  int64_t batch, channels, in_size[2], out_size[2];
  Mode mode;
  Padding padding;
  gboolean align_corners;
} Sample;

typedef struct {
  const Sample *step;
  const GonioCpuKernels *kernels;
  const float *in, *grid;
  float *out;
} SampleJob;

static Padding
find_padding (const char *name)
{
  static const char *const names[] = {"zeros", "border", "reflection"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (name, names[i]))
      return (Padding)i;
  return PADDING_UNKNOWN;
}

static double
reflected (double x, double low, double high)
{
  double range = high - low;
  if (range <= 0)
    return low;
  double over = fmod (fabs (x - low), 2 * range);
  return low + (over <= range ? over : 2 * range - over);
}

/* A normalised coordinate in pixels of an axis; far away for anything that is no number. */
static double
sample_position (const Sample *step, float v, int64_t n)
{
  double size = (double)n;
  double x =
      step->align_corners ? ((double)v + 1) / 2 * (size - 1) : (((double)v + 1) * size - 1) / 2;
  x = (double)(float)x; /* ties of "nearest" are those of single precision */
  x = isnan (x) ? -1e9 : CLAMP (x, -1e9, 1e9);
  if (step->mode == MODE_NEAREST)
    x = nearbyint (x);
  double low = step->align_corners ? 0 : -0.5, high = step->align_corners ? size - 1 : size - 0.5;
  if (x >= low && x <= high)
    return x;
  if (step->padding == PADDING_BORDER)
    return CLAMP (x, 0, size - 1);
  return step->padding == PADDING_REFLECTION ? reflected (x, low, high) : x;
}

/* Pixel that tap i stands for; -1: zero. */
static int64_t
sample_tap (const Sample *step, double i, int64_t n)
{
  double size = (double)n;
  if (i >= 0 && i < size)
    return (int64_t)i;
  if (step->padding == PADDING_ZEROS)
    return -1;
  if (step->padding == PADDING_REFLECTION)
    i = step->align_corners ? reflected (i, 0, size - 1) : reflected (i, -0.5, size - 0.5);
  return (int64_t)CLAMP (i, 0, size - 1);
}

static int
sample_axis (const Sample *step, float v, int axis, int64_t *index, float *weight)
{
  double x = sample_position (step, v, step->in_size[axis]), base = floor (x), t = x - base;
  int taps = step->mode == MODE_CUBIC ? 4 : step->mode == MODE_LINEAR ? 2 : 1;
  if (step->mode == MODE_NEAREST) {
    base = trunc (x);
    weight[0] = 1.0f;
  } else if (step->mode == MODE_LINEAR) {
    weight[0] = (float)(1 - t);
    weight[1] = (float)t;
  } else {
    base -= 1;
    for (int i = 0; i < 4; i++)
      weight[i] = (float)cubic (t + 1 - i, -0.75);
  }
  for (int i = 0; i < taps; i++)
    index[i] = sample_tap (step, base + i, step->in_size[axis]);
  return taps;
}

static void
sample_pixel (const SampleJob *job, const float *image, const float *point, float *out)
{
  const Sample *step = job->step;
  const float *rows[16];
  float weights[16], wy[4], wx[4];
  int64_t iy[4], ix[4];
  size_t n = 0;
  int ny = sample_axis (step, point[1], 0, iy, wy), nx = sample_axis (step, point[0], 1, ix, wx);
  for (int y = 0; y < ny; y++)
    for (int x = 0; x < nx; x++)
      if (iy[y] >= 0 && ix[x] >= 0) {
        rows[n] = image + (iy[y] * step->in_size[1] + ix[x]) * step->channels;
        weights[n++] = wy[y] * wx[x];
      }
  if (n)
    job->kernels->mix (rows, weights, n, out, (size_t)step->channels);
  else
    memset (out, 0, (size_t)step->channels * sizeof *out);
}

static void
sample_task (void *context, size_t start, size_t count)
{
  const SampleJob *job = context;
  const Sample *step = job->step;
  size_t plane = (size_t)(step->out_size[0] * step->out_size[1]);
  size_t image = (size_t)(step->in_size[0] * step->in_size[1] * step->channels);
  for (size_t i = start; i < start + count; i++)
    sample_pixel (job, job->in + i / plane * image, job->grid + 2 * i,
                  job->out + i * (size_t)step->channels);
}

static gboolean
sample_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Sample *step = data;
  SampleJob job = {step, run->kernels, gonio_cpu_ptr (run, step->in),
                   gonio_cpu_ptr (run, step->grid), gonio_cpu_ptr (run, step->out)};
  gonio_cpu_parallel (run, sample_task, &job,
                      (size_t)(step->batch * step->out_size[0] * step->out_size[1]),
                      gonio_cpu_grain ((size_t)step->channels / 2 + 64));
  return TRUE;
}

static const char *
sample_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  const GonioValue *in = gonio_cpu_in (node, 0), *grid = gonio_cpu_in (node, 1);
  if (!gonio_cpu_is_float (in) || !gonio_cpu_is_float (grid) || in->constant)
    return "only computed float is supported";
  GonioShape shape = gonio_cpu_shape (in), points = gonio_cpu_shape (grid);
  if (shape.rank != 4 || points.rank != 4 || points.dims[3] != 2 || points.dims[0] != shape.dims[0])
    return "only images with a grid of pairs are supported";
  if (find_mode (gonio_node_attr_string (node->node, "mode", "linear")) == MODE_UNKNOWN ||
      find_padding (gonio_node_attr_string (node->node, "padding_mode", "zeros")) ==
          PADDING_UNKNOWN)
    return "this mode or padding is not supported";
  gonio_cpu_claim_nhwc (out_claim, 1);
  return NULL;
}

static gboolean
sample_lower (GonioCpuLower *lower, GError **error)
{
  const GonioNode *node = lower->node.node;
  GonioShape in = gonio_cpu_shape (gonio_cpu_in (&lower->node, 0));
  GonioShape out = gonio_cpu_shape (gonio_cpu_out (&lower->node, 0));
  Sample *step = gonio_cpu_step (lower, sample_run, sizeof *step, NULL);
  *step = (Sample){.batch = in.dims[0],
                   .channels = in.dims[1],
                   .in_size = {in.dims[2], in.dims[3]},
                   .out_size = {out.dims[2], out.dims[3]},
                   .mode = find_mode (gonio_node_attr_string (node, "mode", "linear")),
                   .padding = find_padding (gonio_node_attr_string (node, "padding_mode", "zeros")),
                   .align_corners = gonio_node_attr_int (node, "align_corners", 0) != 0};
  step->in = gonio_cpu_slot_in (lower, 0);
  step->grid = gonio_cpu_slot_in (lower, 1);
  step->out = gonio_cpu_slot_out (lower, 0);
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_image[] = {
    {GONIO_OP_GRID_SAMPLE, sample_claim, sample_lower, NULL, NULL},
    {GONIO_OP_RESIZE, resize_claim, resize_lower, NULL, gonio_cpu_writes_pixels},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
