// A tile of a matrix product, made by a work group: ROWS rows times COLUMNS fours of columns, the
// depth going by DEPTH fours. The group puts what it needs into shared memory; each thread makes
// four rows times FOURS fours of columns of that.
// THREADS is ACROSS * DOWN, a multiple of ROWS = 4 * ACROSS and of COLUMNS = FOURS * DOWN.
#include "madd.glsl"
#define ROWS    (4 * ACROSS)
#define COLUMNS (FOURS * DOWN)
#define DEPTH   4
shared vec4 left_tile[DEPTH * ROWS];         // a texel: four of the depth
shared vec4 right_tile[4 * DEPTH * COLUMNS]; // a texel: four columns
vec4 sum[4 * FOURS];
void clear () {
  sum[0] = sum[1] = sum[2] = sum[3] = vec4 (0.0);
#if FOURS > 1
  sum[4] = sum[5] = sum[6] = sum[7] = vec4 (0.0);
#endif
}
// Rows row + ACROSS * (0 .. 3), fours of columns column + DOWN * (0, 1), both within the tile.
void multiply (int row, int column) {
  for (int k = 0; k < DEPTH; k++) {
    int l = k * ROWS + row, r = 4 * k * COLUMNS + column;
    vec4 v0 = left_tile[l], v1 = left_tile[l + ACROSS], v2 = left_tile[l + 2 * ACROSS],
         v3 = left_tile[l + 3 * ACROSS];
    vec4 w0 = right_tile[r], w1 = right_tile[r + COLUMNS], w2 = right_tile[r + 2 * COLUMNS],
         w3 = right_tile[r + 3 * COLUMNS];
    sum[0] = madd (sum[0], v0, w0, w1, w2, w3);
    sum[1] = madd (sum[1], v1, w0, w1, w2, w3);
    sum[2] = madd (sum[2], v2, w0, w1, w2, w3);
    sum[3] = madd (sum[3], v3, w0, w1, w2, w3);
#if FOURS > 1
    r += DOWN;
    w0 = right_tile[r], w1 = right_tile[r + COLUMNS], w2 = right_tile[r + 2 * COLUMNS],
    w3 = right_tile[r + 3 * COLUMNS];
    sum[4] = madd (sum[4], v0, w0, w1, w2, w3);
    sum[5] = madd (sum[5], v1, w0, w1, w2, w3);
    sum[6] = madd (sum[6], v2, w0, w1, w2, w3);
    sum[7] = madd (sum[7], v3, w0, w1, w2, w3);
#endif
  }
}
