// As matmul.glsl, for few rows: what counts is to read b once, with many threads. A work group has
// SLICES parts of the depth for COLUMNS fours of columns and LINES rows (1 or 4, at most SLICES).
#include "madd.glsl"
#include "matrix.glsl"
#define COLUMNS 16
#define SLICES  (THREADS / COLUMNS)
#define BLOCKS  p[11] // of rows
#define PARTS   p[12] // of columns
shared vec4 sums[THREADS * LINES];
vec4 line (int at, int row, int k, vec4 sum, vec4 w0, vec4 w1, vec4 w2, vec4 w3) {
  return madd (sum, left (at, min (row, M - 1), k), w0, w1, w2, w3);
}
void group (int at, int thread) {
  int part = at % PARTS, block = at / PARTS % BLOCKS, product = at / PARTS / BLOCKS;
  ivec2 start = sides (product);
  int column = part * COLUMNS + thread % COLUMNS, slice = thread / COLUMNS, row = block * LINES;
  int own = min (column, N_FOURS - 1);
  vec4 s0 = vec4 (0.0), s1 = s0, s2 = s0, s3 = s0;
  for (int k = slice; k < K_FOURS; k += SLICES) {
    vec4 w0 = right (start.y, 4 * k, own), w1 = right (start.y, 4 * k + 1, own),
         w2 = right (start.y, 4 * k + 2, own), w3 = right (start.y, 4 * k + 3, own);
    s0 = line (start.x, row, k, s0, w0, w1, w2, w3);
#if LINES > 1
    s1 = line (start.x, row + 1, k, s1, w0, w1, w2, w3);
    s2 = line (start.x, row + 2, k, s2, w0, w1, w2, w3);
    s3 = line (start.x, row + 3, k, s3, w0, w1, w2, w3);
#endif
  }
  sums[thread] = s0;
#if LINES > 1
  sums[THREADS + thread] = s1;
  sums[2 * THREADS + thread] = s2;
  sums[3 * THREADS + thread] = s3;
#endif
  barrier ();
  row += slice;
  if (slice >= LINES || row >= M || column >= N_FOURS)
    return;
  vec4 sum = vec4 (0.0);
  for (int k = 0; k < SLICES; k++)
    sum += sums[slice * THREADS + k * COLUMNS + thread % COLUMNS];
  int i = (product * M + row) * N_FOURS + column;
  store (i, end (i, row, column, sum));
}
