#include "backends/gl/common/tile.h"

#include <string.h>

/* Eight results of a thread keep the ratio of multiplications to reads up, and leave registers for
 * two groups even on small cards. Threads are a multiple of the rows and of the columns. */
static const GonioGlTile tiles[] = {
    {16, 8, 2}, /* 64 rows, 16 fours */
    {8, 8, 2},  /* 32, 16 */
    {32, 4, 2}, /* 128, 8 */
    {16, 4, 2}, /* 64, 8 */
    {32, 4, 1}, /* 128, 4 */
    {16, 4, 1}, /* 64, 4 */
    {8, 8, 1},  /* 32, 8 */
};

int
gonio_gl_tile_rows (const GonioGlTile *tile)
{
  return tile->across * 4;
}

int
gonio_gl_tile_columns (const GonioGlTile *tile)
{
  return tile->down * tile->fours;
}

/* Threads that keep a small card busy; with fewer, each one's work is what counts. */
#define BUSY 4096

static double
blocks (gint64 n, int edge)
{
  return (double)((n + edge - 1) / edge);
}

/* What a thread does, multiply-adds of texels with their share of reads: 4 + 4 fours texels from
 * the group's memory for 16 fours of them, and what goes into that memory; times threads, with what
 * overhangs. */
static double
cost (const GonioGlTile *tile, gint64 rows, gint64 columns, gint64 products)
{
  int r = gonio_gl_tile_rows (tile), c = gonio_gl_tile_columns (tile);
  double shared = (4 + 4 * tile->fours) / (16.0 * tile->fours);
  double fetched = (r + 4.0 * c) / (4.0 * r * c);
  double threads =
      (double)products * blocks (rows, r) * blocks (columns, c) * tile->across * tile->down;
  return 4 * tile->fours * (1 + 0.5 * shared + 4 * fetched) * MAX (threads, BUSY);
}

const GonioGlTile *
gonio_gl_tile_for (gint64 rows, gint64 columns, gint64 products)
{
  const GonioGlTile *best = &tiles[0];
  for (guint i = 1; i < G_N_ELEMENTS (tiles); i++)
    if (cost (&tiles[i], rows, columns, products) < cost (best, rows, columns, products))
      best = &tiles[i];
  return best;
}

char *
gonio_gl_tile_defines (const GonioGlTile *tile)
{
  return g_strdup_printf ("THREADS %d;ACROSS %d;DOWN %d;FOURS %d", tile->across * tile->down,
                          tile->across, tile->down, tile->fours);
}

gint64
gonio_gl_tile_reads (const GonioGlTile *tile, gint64 depth)
{
  return depth * gonio_gl_tile_rows (tile) * gonio_gl_tile_columns (tile);
}

gint64
gonio_gl_tile_depth (gint64 fours)
{
  return (fours + GONIO_GL_TILE_DEPTH - 1) / GONIO_GL_TILE_DEPTH * GONIO_GL_TILE_DEPTH;
}

/* As kernels/matmul-thin.glsl has them. */
#define THIN_COLUMNS 16
#define THIN_LINES   4

gboolean
gonio_gl_add_thin (GonioGlLower *lower, GonioGlStep *step, int products, char *defines,
                   GError **error)
{
  g_autofree char *others = defines;
  int lines = step->params[0] == 1 ? 1 : THIN_LINES;
  step->kernel = "matmul-thin.glsl";
  step->params[11] = (step->params[0] + lines - 1) / lines;
  step->params[12] = (step->params[7] + THIN_COLUMNS - 1) / THIN_COLUMNS;
  step->groups = (gint64)products * step->params[11] * step->params[12];
  step->reads = (gint64)step->params[8] * THIN_COLUMNS * 5;
  step->defines = g_strdup_printf ("THREADS %d;LINES %d;%s", GONIO_GL_LEAST_THREADS, lines, others);
  return gonio_gl_add (lower, step, error);
}

/* Eight reads for the four lines' products of fours, not five for each; for that what has been made
 * is read and written once more, and fewer fragments are there to hide waits behind each other. */
gboolean
gonio_gl_four_pays (const GonioGlLower *lower, gint64 lines, gint64 results, gint64 depth)
{
  GonioGlKernels kernels = gonio_gl_kernels ();
  if (gonio_gl_has_groups (lower) || kernels == GONIO_GL_ONE_TEXEL)
    return FALSE;
  return kernels == GONIO_GL_FOUR ||
         (lines >= 16 && (lines + 3) / 4 * results >= 1024 && depth >= 4);
}

gboolean
gonio_gl_add_four (GonioGlLower *lower, GonioGlStep *step, gint64 outer, int lines, int inner,
                   GError **error)
{
  int quads = (lines + 3) / 4;
  GonioGlStep join = {.kernel = "join-four.glsl",
                      .params = {lines, quads, inner},
                      .n_inputs = 1 + GONIO_GL_MAX_MORE,
                      .output = step->output};
  g_autofree char *others = step->defines;
  step->defines = g_strdup_printf ("TARGETS %u;%s", join.n_inputs, others);
  for (guint i = 0; i < join.n_inputs; i++)
    join.inputs[i] = gonio_gl_scratch_like (lower, join.output, outer * quads * inner);
  step->output = join.inputs[0];
  step->n_more = GONIO_GL_MAX_MORE;
  memcpy (step->more, join.inputs + 1, sizeof step->more);
  return gonio_gl_add (lower, step, error) && gonio_gl_add (lower, &join, error);
}

int
gonio_gl_fours (int channels)
{
  return (channels + 3) / 4;
}

GonioTensor *
gonio_gl_new_numbers (gint64 n, GError **error)
{
  GonioShape shape = GONIO_SHAPE (n);
  return gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, error);
}

GonioGlKernels
gonio_gl_kernels (void)
{
  static const char *const names[] = {
      [GONIO_GL_ONE_TEXEL] = "one-texel", [GONIO_GL_FOUR] = "four",
      [GONIO_GL_TILED] = "tiled",         [GONIO_GL_THIN] = "thin",
      [GONIO_GL_WINOGRAD2] = "winograd2", [GONIO_GL_WINOGRAD4] = "winograd4"};
  const char *wish = g_getenv ("GONIO_GL_KERNELS");
  for (guint i = GONIO_GL_ONE_TEXEL; wish && i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (wish, names[i]))
      return (GonioGlKernels)i;
  return GONIO_GL_BY_SIZE;
}

gboolean
gonio_gl_has_groups (const GonioGlLower *lower)
{
  const GonioGlLimits *limits = gonio_gl_context_limits (lower->backend->context);
  return lower->backend->device->groups && limits->max_threads >= GONIO_GL_LEAST_THREADS &&
         limits->max_shared >= GONIO_GL_LEAST_SHARED;
}
