/* Matrix products by tiles: the shapes that kernels/tile.glsl comes in, which one suits, and which
 * kernels were asked for. Depends on lower. */
#pragma once

#include "backends/gl/common/lower.h"

G_BEGIN_DECLS

/* A tile's step along the depth, in fours, as in kernels/tile.glsl. */
#define GONIO_GL_TILE_DEPTH 4
/* What GLSL promises at least where there are compute shaders (OpenGL ES 3.1). */
#define GONIO_GL_LEAST_THREADS 128
#define GONIO_GL_LEAST_SHARED  16384

typedef struct {
  int across, down, fours; /* threads along rows and columns; fours of columns of a thread */
} GonioGlTile;

/* Rows, and fours of columns, of a tile. */
int gonio_gl_tile_rows (const GonioGlTile *tile);
int gonio_gl_tile_columns (const GonioGlTile *tile);
/* The quickest for so many products of so many rows and fours of columns. */
const GonioGlTile *gonio_gl_tile_for (gint64 rows, gint64 columns, gint64 products);
/* "THREADS 64;ACROSS 8;..." (transfer full) */
char *gonio_gl_tile_defines (const GonioGlTile *tile);
/* Texels that a work group reads, roughly, for GonioGlStep.reads: what it multiplies costs more. */
gint64 gonio_gl_tile_reads (const GonioGlTile *tile, gint64 depth);

/* Fours of the depth, filled up to whole steps of a tile. */
gint64 gonio_gl_tile_depth (gint64 fours);

/* The step of matmul-thin.glsl over so many products, whose params 0..10 (see matrix.glsl), inputs
 * and output are there. Takes defines. */
gboolean gonio_gl_add_thin (GonioGlLower *lower, GonioGlStep *step, int products, char *defines,
                            GError **error);

/* Without work groups: does it pay to make four lines of each of so many results at once, every
 * texel of which is a sum over so many fours? */
gboolean gonio_gl_four_pays (const GonioGlLower *lower, gint64 lines, gint64 results, gint64 depth);
/* The step of a kernel with TARGETS whose result is outer x lines x inner texels, and the one that
 * joins the targets, which have every fourth line each. All but TARGETS is there. */
gboolean gonio_gl_add_four (GonioGlLower *lower, GonioGlStep *step, gint64 outer, int lines,
                            int inner, GError **error);

int gonio_gl_fours (int channels);
/* n zeros. */
GonioTensor *gonio_gl_new_numbers (gint64 n, GError **error);

typedef enum {
  GONIO_GL_BY_SIZE,   /* the rules of each family */
  GONIO_GL_ONE_TEXEL, /* a texel of the result for each thread, nothing else */
  GONIO_GL_FOUR,      /* four texels of the result for each fragment */
  GONIO_GL_TILED,     /* by tiles, and several pixels of a channel */
  GONIO_GL_THIN,      /* products of few rows, whatever the number of rows */
  GONIO_GL_WINOGRAD2,
  GONIO_GL_WINOGRAD4,
} GonioGlKernels;

/* What the environment's GONIO_GL_KERNELS (one-texel, four, tiled, thin, winograd2, winograd4) asks
 * for, wherever it is possible. */
GonioGlKernels gonio_gl_kernels (void);
/* Are there work groups of the size that the tiled and thin kernels have? */
gboolean gonio_gl_has_groups (const GonioGlLower *lower);

G_END_DECLS
