/* 3 x 3 convolutions by Winograd's method, in three steps: tiles of the image are transformed, the
 * positions of the tiles become products of matrices, these are transformed back. Depends on conv,
 * tile. */
#include "backends/gl/common/conv.h"

#include <math.h>
#include <string.h>

#define TILES     16 /* of a work group, as in kernels/winograd.glsl */
#define MOST_SIDE 6
#define MOST      (MOST_SIDE * MOST_SIDE)

typedef struct {
  int tile, side;
  int lines[2]; /* tiles down and across */
  gint64 all;   /* tiles of all images */
} Tiling;

static Tiling
tiling_of (const GonioGlConv *conv, int tile)
{
  Tiling tiling = {.tile = tile, .side = tile + 2};
  for (int i = 0; i < 2; i++)
    tiling.lines[i] = (conv->result[i] + tile - 1) / tile;
  tiling.all = (gint64)conv->batch * tiling.lines[0] * tiling.lines[1];
  return tiling;
}

/* In 16 bits the transforms would lose too much; and who asks for these wants the memory, of which
 * weights and tiles in 32 take several times what other methods do. */
gboolean
gonio_gl_conv_is_winograd (const GonioGlLower *lower, const GonioGlConv *conv, int tile)
{
  Tiling tiling = tiling_of (conv, tile);
  gint64 most = lower->backend->device->most_texels (
             gonio_gl_context_limits (lower->backend->context)),
         positions = (gint64)tiling.side * tiling.side;
  gint64 in = gonio_gl_fours (conv->in), out = gonio_gl_fours (conv->out);
  for (int i = 0; i < 2; i++)
    if (conv->kernel[i] != 3 || conv->stride[i] != 1 || conv->step[i] != 1)
      return FALSE;
  return !lower->backend->half && conv->groups == 1 &&
         positions * MAX (in, out) * tiling.all <= most &&
         positions * gonio_gl_tile_depth (in) * 4 * out <= most;
}

/* ---- weights ---- */

/* u = G g of one line: with the points of kernels/winograd.glsl. */
static void
along (int tile, const double g[3], double *u)
{
  const double a = sqrt (0.5), b = sqrt (2);
  if (tile == 2) {
    u[0] = g[0];
    u[1] = (g[0] + g[1] + g[2]) / 2;
    u[2] = (g[0] - g[1] + g[2]) / 2;
    u[3] = g[2];
    return;
  }
  /* of point x: (g0 + g1 x + g2 x x) over the product of its distances to the other points */
  u[0] = g[0];
  u[1] = (g[0] + a * g[1] + a * a * g[2]) / -1.5;
  u[2] = (g[0] - a * g[1] + a * a * g[2]) / -1.5;
  u[3] = (g[0] + b * g[1] + b * b * g[2]) / 6;
  u[4] = (g[0] - b * g[1] + b * b * g[2]) / 6;
  u[5] = g[2];
}

static void
transform (int tile, const float *g, double u[MOST_SIDE][MOST_SIDE])
{
  double half[3][MOST_SIDE];
  for (int i = 0; i < 3; i++)
    along (tile, (const double[]){(double)g[3 * i], (double)g[3 * i + 1], (double)g[3 * i + 2]},
           half[i]);
  for (int x = 0; x < tile + 2; x++) {
    double column[MOST_SIDE];
    along (tile, (const double[]){half[0][x], half[1][x], half[2][x]}, column);
    for (int y = 0; y < tile + 2; y++)
      u[y][x] = column[y];
  }
}

/* A texel of four outputs for each position. */
static void
transform_four (const GonioGlConv *conv, const Tiling *tiling, const float *weights, int o, int c,
                float texels[MOST][4])
{
  for (int lane = 0; lane < 4 && o + lane < conv->out; lane++) {
    double u[MOST_SIDE][MOST_SIDE];
    transform (tiling->tile, weights + ((gint64)(o + lane) * conv->in + c) * 9, u);
    for (int i = 0; i < tiling->side * tiling->side; i++)
      texels[i][lane] = (float)u[i / tiling->side][i % tiling->side];
  }
}

/* Positions x depth (input fours, filled up) x 4 lanes x output fours, as conv-tiled.glsl reads
 * them, or positions x output fours x input fours x 4 lanes, as conv.glsl does. */
static GonioTensor *
pack (const GonioGlConv *conv, const Tiling *tiling, const float *weights, gboolean groups,
      GError **error)
{
  gint64 in = gonio_gl_fours (conv->in), out = gonio_gl_fours (conv->out);
  gint64 depth = (groups ? gonio_gl_tile_depth (in) : in) * 4;
  gint64 each_in = groups ? out : 1, each_out = groups ? 1 : depth; /* texels further on */
  int positions = tiling->side * tiling->side;
  GonioTensor *tensor = gonio_gl_new_numbers (positions * depth * out * 4, error);
  float *packed = tensor ? gonio_tensor_writable_data (tensor) : NULL;
  for (int o = 0; packed && o < out; o++)
    for (int c = 0; c < conv->in; c++) {
      float texels[MOST][4] = {{0}};
      transform_four (conv, tiling, weights, 4 * o, c, texels);
      for (int i = 0; i < positions; i++)
        memcpy (packed + (i * depth * out + c * each_in + o * each_out) * 4, texels[i],
                sizeof *texels);
    }
  return tensor;
}

/* ---- steps ---- */

/* What both transforms are told. */
static void
describe (const GonioGlConv *conv, const Tiling *tiling, GonioGlStep *step)
{
  gonio_gl_conv_params (conv, step->params);
  step->params[16] = tiling->lines[1];
  step->params[17] = tiling->lines[0] * tiling->lines[1];
  step->params[18] = (int)tiling->all;
  step->defines = g_strdup_printf ("TILE %d", tiling->tile);
  step->reads = (gint64)tiling->side * tiling->side;
}

/* With work groups: all positions of some tiles each. */
static void
share (const Tiling *tiling, gint64 fours, const char *kernel, GonioGlStep *step)
{
  gint64 blocks = (tiling->all + TILES - 1) / TILES;
  g_autofree char *others = step->defines;
  step->kernel = kernel;
  step->params[19] = (int)blocks;
  step->groups = blocks * fours;
  step->reads *= TILES;
  step->defines = g_strdup_printf ("%s;THREADS %d", others, tiling->side * TILES);
}

/* A picture for each position, its pixels the tiles. */
static gboolean
add_products (GonioGlLower *lower, const GonioGlConvInputs *inputs, const Tiling *tiling,
              GonioGlSlot from, GonioGlSlot to, GError **error)
{
  const GonioGlConv *conv = inputs->conv;
  gboolean groups = gonio_gl_has_groups (lower);
  g_autoptr (GonioTensor) packed = pack (conv, tiling, inputs->weights, groups, error);
  if (!packed)
    return FALSE;
  GonioGlConv points = {.batch = tiling->side * tiling->side,
                        .in = conv->in,
                        .out = conv->out,
                        .groups = 1,
                        .size = {1, (int)tiling->all},
                        .result = {1, (int)tiling->all},
                        .kernel = {1, 1},
                        .stride = {1, 1},
                        .step = {1, 1}};
  GonioGlStep step = {
      .n_inputs = 2, .inputs = {from, gonio_gl_numbers (lower, packed)}, .output = to};
  if (!groups)
    return gonio_gl_conv_add_texels (lower, &points, &step, g_strdup ("POSITIONS 1;ACT 0"), error);
  gonio_gl_conv_by_tiles (&points, &step);
  g_autofree char *shape = step.defines;
  step.defines = g_strconcat (shape, ";POSITIONS 1;ACT 0", NULL);
  return gonio_gl_add (lower, &step, error);
}

gboolean
gonio_gl_conv_winograd (GonioGlLower *lower, const GonioGlConvInputs *inputs, int tile,
                        GError **error)
{
  const GonioGlConv *conv = inputs->conv;
  Tiling tiling = tiling_of (conv, tile);
  gint64 in = gonio_gl_fours (conv->in), out = gonio_gl_fours (conv->out);
  gint64 all = (gint64)tiling.side * tiling.side * tiling.all;
  gboolean groups = gonio_gl_has_groups (lower);
  GonioGlStep first = {.kernel = "winograd-in-texel.glsl",
                       .n_inputs = 1,
                       .inputs = {inputs->image},
                       .output = gonio_gl_scratch (lower, all * in)};
  GonioGlSlot products = gonio_gl_scratch (lower, all * out);
  describe (conv, &tiling, &first);
  if (groups)
    share (&tiling, in, "winograd-in.glsl", &first);
  if (!gonio_gl_add (lower, &first, error) ||
      !add_products (lower, inputs, &tiling, first.output, products, error))
    return FALSE;
  GonioGlStep last = {.kernel = "winograd-out-texel.glsl",
                      .n_inputs = inputs->adds ? 3 : 2,
                      .inputs = {products, inputs->bias, inputs->add},
                      .output = gonio_gl_write (lower, 0, GONIO_GL_IMAGE)};
  describe (conv, &tiling, &last);
  if (groups)
    share (&tiling, out, "winograd-out.glsl", &last);
  gonio_gl_conv_defines (lower, inputs, &last);
  return gonio_gl_add (lower, &last, error);
}
