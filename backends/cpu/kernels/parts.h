/* Products on matrix units that multiply bfloat16: floats as sums of three such numbers.
 * Depends on GLib only. */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define GONIO_CPU_PARTS      3
#define GONIO_CPU_PARTS_STEP 32 /* what is summed over comes in steps of so many */
#define GONIO_CPU_PARTS_ROWS 16 /* most rows of a tile */
#define GONIO_CPU_PARTS_COLS 32 /* of a panel; the nr of the kernels beside it, too */

/* A block: rows of one or two tiles of 16, split, times a panel of b, split.
 *   c[t][i * ldc + j] = clamp (start + sum over r, k of
 *                              a[t][offsets[r] + i * a_row + k] * b[r][k][j])
 * for i < rows[t], j < cols. Parts of a lie a_part numbers apart. A run of k is as long as a number
 * of whole steps; what is too much there is multiplied by zeros and must be finite. The panel has
 * for every run, step and part one tile of 16 pairs of rows for each 16 columns; in a tile pairs
 * follow each other, in a pair columns, of a column its two numbers. Columns missing in the last 16
 * are zero. */
typedef struct {
  const uint16_t *a[2];
  float *c[2];
  const float *add[2]; /* what bias is added to, as c lies; nullable, only with bias */
  size_t rows[2];      /* at most tile_rows, that many are computed; rows[1] 0: one tile */
  size_t tile_rows;    /* as given to begin() */
  size_t a_row, a_part;
  const size_t *offsets;
  size_t runs, steps; /* steps: of each run */
  const uint16_t *b;  /* 64-byte aligned */
  const float *bias;  /* to start from, whole vectors; NULL: start from c */
  size_t ldc;         /* floats from row to row of c and add */
  size_t cols;
  float lo, hi;
} GonioCpuPartsTile;

typedef struct {
  /* A number must be multiplied least_uses times to be worth splitting; steps that are far from
   * full, and a right side that few rows pass over (half as large again as in floats), cost more
   * than they gain. */
  size_t least_rows, least_depth, least_uses;
  /* Part p of x[i] to out[p * part + i] for i < n and, as zeros, up to a whole step. FALSE when
   * something is too large to be split (2^127 or more) or not a number; the parts are then of no
   * use. */
  gboolean (*split) (const float *x, uint16_t *out, size_t part, size_t n);
  /* A panel's tile: element (k, j) of 32 x 16 is x[k * sk + j * sj] * scale for k < rows and
   * j < cols, else zero. Otherwise like split(). */
  gboolean (*pack) (const float *x, int64_t sk, int64_t sj, size_t rows, size_t cols, float scale,
                    uint16_t *out, size_t part);
  /* Around blocks, on their thread. tile_rows: at most 16. */
  void (*begin) (guint tile_rows);
  void (*end) (void);
  void (*block) (const GonioCpuPartsTile *tile);
} GonioCpuParts;

/* NULL when the system does not let this process use the unit. Only on processors that have it.
 * always: for products of any size, for tests. */
const GonioCpuParts *gonio_cpu_parts_amx (gboolean always);

G_END_DECLS
