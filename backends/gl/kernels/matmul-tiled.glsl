// As matmul.glsl, by tiles.
#include "matrix.glsl"
#include "tile.glsl"
#define BLOCKS p[11] // of rows
#define PARTS  p[12] // of columns
void put (int product, int row, int four, vec4 v) {
  int i = (product * M + row) * N_FOURS + four;
  if (row < M && four < N_FOURS)
    store (i, end (i, row, four, v));
}
void group (int at, int thread) {
  int part = at % PARTS, block = at / PARTS % BLOCKS, product = at / PARTS / BLOCKS;
  ivec2 start = sides (product);
  int row = block * ROWS, column = part * COLUMNS;
  int own_column = min (column + thread % COLUMNS, N_FOURS - 1);
  int y = thread % DOWN, x = thread / DOWN;
  clear ();
  for (int k = 0; k < K_FOURS; k += DEPTH) {
    for (int r = 0; r < ROWS; r += THREADS / DEPTH)
      left_tile[thread % DEPTH * ROWS + thread / DEPTH + r] =
          left (start.x, min (row + thread / DEPTH + r, M - 1), k + thread % DEPTH);
    for (int r = 0; r < 4 * DEPTH; r += THREADS / COLUMNS)
      right_tile[r * COLUMNS + thread] = right (start.y, 4 * k + r + thread / COLUMNS, own_column);
    barrier ();
    multiply (x, y);
    barrier ();
  }
  row += x;
  column += y;
  put (product, row, column, sum[0]);
  put (product, row + ACROSS, column, sum[1]);
  put (product, row + 2 * ACROSS, column, sum[2]);
  put (product, row + 3 * ACROSS, column, sum[3]);
#if FOURS > 1
  put (product, row, column + DOWN, sum[4]);
  put (product, row + ACROSS, column + DOWN, sum[5]);
  put (product, row + 2 * ACROSS, column + DOWN, sum[6]);
  put (product, row + 3 * ACROSS, column + DOWN, sum[7]);
#endif
}
