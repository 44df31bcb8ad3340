/* Images sampled where a grid says, grids of affine maps, and images from columns: GridSample,
 * AffineGrid, Col2Im. Depends on move. */
#include "backends/gl/common/move.h"

#include <string.h>

/* ---- GridSample ---- */

static int
find_mode (const GonioNode *node)
{
  static const char *const names[][2] = {
      {"nearest", "nearest"}, {"linear", "bilinear"}, {"cubic", "bicubic"}};
  const char *name = gonio_node_attr_string (node, "mode", "linear");
  for (int i = 0; i < 3; i++)
    if (g_str_equal (name, names[i][0]) || g_str_equal (name, names[i][1]))
      return i;
  return -1;
}

static int
find_padding (const GonioNode *node)
{
  static const char *const names[] = {"zeros", "border", "reflection"};
  const char *name = gonio_node_attr_string (node, "padding_mode", "zeros");
  for (int i = 0; i < 3; i++)
    if (g_str_equal (name, names[i]))
      return i;
  return -1;
}

static const char *
grid_sample_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape grid = gonio_gl_shape (gonio_gl_in (graph, node, 1));
  if (in.rank != 4 || grid.rank != 4 || grid.dims[3] != 2 || grid.dims[0] != in.dims[0])
    return "only images with a grid of pairs are supported";
  if (gonio_gl_count (&in) == 0)
    return "an empty image";
  return find_mode (node) < 0 || find_padding (node) < 0 ? "this mode or padding is not known"
                                                         : NULL;
}

static gboolean
grid_sample_lower (GonioGlLower *lower, GError **error)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  GonioGlStep step = {.kernel = "grid-sample.glsl", .n_inputs = 2};
  if (!gonio_gl_read (lower, 0, GONIO_GL_IMAGE, &step.inputs[0], error) ||
      !gonio_gl_read (lower, 1, GONIO_GL_PLAIN, &step.inputs[1], error))
    return FALSE;
  const int params[] = {(int)in.dims[2], (int)in.dims[3], (int)(out.dims[2] * out.dims[3]),
                        (int)((in.dims[1] + 3) / 4)};
  memcpy (step.params, params, sizeof params);
  step.defines = g_strdup_printf ("SAMPLING %d;PADDING %d;CORNERS %d", find_mode (lower->node),
                                  find_padding (lower->node),
                                  gonio_node_attr_int (lower->node, "align_corners", 0) != 0);
  step.reads = 16;
  step.output = gonio_gl_write (lower, 0, GONIO_GL_IMAGE);
  return gonio_gl_add (lower, &step, error);
}

/* ---- AffineGrid ---- */

static const char *
affine_grid_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape theta = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  int axes = out.rank - 2;
  if (!gonio_gl_are_int64 (graph, node, 0x2))
    return "the size is not int64";
  if (axes < 2 || axes > 3 || theta.rank != 3 || theta.dims[0] != out.dims[0] ||
      theta.dims[1] != axes || theta.dims[2] != axes + 1 || out.dims[out.rank - 1] != axes)
    return "theta does not fit the size";
  return NULL;
}

static gboolean
affine_grid_lower (GonioGlLower *lower, GError **error)
{
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  GonioGlStep step = {.kernel = "affine-grid.glsl", .n_inputs = 1};
  if (!gonio_gl_read (lower, 0, GONIO_GL_PLAIN, &step.inputs[0], error))
    return FALSE;
  gonio_gl_tell_count (&step, gonio_gl_count (&out));
  step.params[0] = out.rank - 2;
  step.params[1] = gonio_node_attr_int (lower->node, "align_corners", 0) != 0;
  for (int i = 1; i < out.rank - 1; i++) /* the last axis, x, first */
    step.params[1 + out.rank - 1 - i] = (int)out.dims[i];
  step.output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  return gonio_gl_add (lower, &step, error);
}

/* ---- Col2Im ---- */

typedef struct {
  gint64 image[2], block[2], windows[2], stride[2], step[2], before[2];
} Columns;

/* Attribute with n or 2 n numbers; absent: fallback. */
static gboolean
read_numbers (const GonioNode *node, const char *name, guint n, gint64 fallback, gint64 *out)
{
  guint given;
  const int64_t *ints = gonio_node_attr_ints (node, name, &given);
  for (guint i = 0; i < n; i++)
    out[i] = ints && given == n ? ints[i] : fallback;
  return !ints || given == n;
}

static const char *
read_columns (const GonioGraph *graph, const GonioNode *node, Columns *out)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape image = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  gsize n = 0;
  guint axes = (guint)image.rank - 2;
  gint64 strides[2], steps[2], pads[4], taps = 1, windows = 1;
  g_autofree gint64 *block = gonio_gl_ints (graph, node, 2, &n);
  if (!gonio_gl_are_int64 (graph, node, 0x6))
    return "the sizes are not int64";
  if (axes < 1 || axes > 2 || in.rank != 3)
    return "only one or two spatial axes are supported";
  if (!block || n != axes || !read_numbers (node, "strides", axes, 1, strides) ||
      !read_numbers (node, "dilations", axes, 1, steps) ||
      !read_numbers (node, "pads", 2 * axes, 0, pads))
    return "the block or attributes do not fit the axes";
  *out = (Columns){{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 0}};
  for (guint i = 0; i < axes; i++) {
    guint at = 2 - axes + i;
    gint64 size = image.dims[2 + i], most = 1 << 12;
    if (block[i] < 1 || block[i] > most || strides[i] < 1 || strides[i] > most || steps[i] < 1 ||
        steps[i] > most || pads[i] < 0 || pads[i] > most || pads[axes + i] < 0 ||
        pads[axes + i] > most)
      return "a window is too large or out of range";
    gint64 room = size + pads[i] + pads[axes + i] - steps[i] * (block[i] - 1) - 1;
    out->image[at] = size;
    out->block[at] = block[i];
    out->stride[at] = strides[i];
    out->step[at] = steps[i];
    out->before[at] = pads[i];
    out->windows[at] = room < 0 ? 0 : room / strides[i] + 1;
    taps *= block[i];
    windows *= out->windows[at];
  }
  if (in.dims[2] != windows || in.dims[1] != image.dims[1] * taps || in.dims[0] != image.dims[0])
    return "the columns do not fit the image";
  return NULL;
}

static const char *
col2im_claim (const GonioGraph *graph, const GonioNode *node)
{
  Columns columns;
  return read_columns (graph, node, &columns);
}

static gboolean
col2im_lower (GonioGlLower *lower, GError **error)
{
  GonioGlStep step = {.kernel = "col2im.glsl", .n_inputs = 1};
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  Columns c;
  (void)read_columns (lower->graph, lower->node, &c); /* as claimed */
  if (!gonio_gl_read (lower, 0, GONIO_GL_PLAIN, &step.inputs[0], error))
    return FALSE;
  for (int i = 0; i < 2; i++) {
    step.params[0 + i] = (int)c.windows[i];
    step.params[2 + i] = (int)c.image[i];
    step.params[4 + i] = (int)c.block[i];
    step.params[6 + i] = (int)c.stride[i];
    step.params[8 + i] = (int)c.step[i];
    step.params[10 + i] = (int)c.before[i];
  }
  gonio_gl_tell_count (&step, gonio_gl_count (&out));
  step.reads = 4 * c.block[0] * c.block[1];
  step.output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  return gonio_gl_add (lower, &step, error);
}

const GonioGlOp gonio_gl_ops_sample[] = {
    {GONIO_OP_AFFINE_GRID, affine_grid_claim, affine_grid_lower, 0x2},
    {GONIO_OP_COL2IM, col2im_claim, col2im_lower, 0x6},
    {GONIO_OP_GRID_SAMPLE, grid_sample_claim, grid_sample_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
