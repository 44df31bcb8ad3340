// Convolution as a matrix product by tiles: pixels times output channels, the depth being taps x
// input fours of a group. Weights: group x depth (whole steps of the tile, zeros at its end) x 4
// input lanes x output fours of a group.
// POINT: one tap, pixel upon pixel. WHOLE: a group's input fours are whole steps of the tile.
// POSITIONS: pictures have weights of their own, and there is no bias (Winograd's products).
// 0: image, 1: weights, 2: bias, 3: what is added (with ADD).
#include "activation.glsl"
#include "window.glsl"
#include "tile.glsl"
#define GROUP_IN  p[14] // input fours of a group
#define GROUP_OUT p[15]
#define ALL_DEPTH p[16] // in fours
#define BLOCKS    p[17] // of pixels
#define PARTS     p[18] // blocks of a group's outputs
#define GROUPS    p[19]
ivec2 corner;     // where the window of the pixel that the thread fetches begins
int from, pixel;  // its group's first texel; its place
vec4 fetch (int k) {
#ifdef POINT
#ifndef WHOLE
  if (k >= GROUP_IN)
    return vec4 (0.0);
#endif
  return in0 (from + k * IN_H * IN_W + pixel);
#else
  int tap = k / GROUP_IN;
  ivec2 at = corner + ivec2 (tap / KERNEL.y, tap % KERNEL.y) * STEP;
  if (tap >= KERNEL.x * KERNEL.y || at.x < 0 || at.y < 0 || at.x >= IN_H || at.y >= IN_W)
    return vec4 (0.0);
  return in0 (from + ((k - tap * GROUP_IN) * IN_H + at.x) * IN_W + at.y);
#endif
}
// A step of the tile.
void fetch_left (int k, int thread) {
#if defined (WHOLE) && !defined (POINT)
  int tap = k / GROUP_IN;
  ivec2 at = corner + ivec2 (tap / KERNEL.y, tap % KERNEL.y) * STEP;
  bool inside = at.x >= 0 && at.y >= 0 && at.x < IN_H && at.y < IN_W;
  int place = from + ((k - tap * GROUP_IN + thread / ROWS) * IN_H + at.x) * IN_W + at.y;
  for (int r = 0; r < DEPTH; r += THREADS / ROWS, place += THREADS / ROWS * IN_H * IN_W) {
    vec4 v = vec4 (0.0);
    if (inside)
      v = in0 (place);
    left_tile[r * ROWS + thread] = v;
  }
#else
  for (int r = 0; r < DEPTH; r += THREADS / ROWS)
    left_tile[r * ROWS + thread] = fetch (k + r + thread / ROWS);
#endif
}
void put (int row, int o, int image, vec4 v) {
  if (row >= OUT_H * OUT_W)
    return;
  int i = (image * OUT_FOURS + o) * OUT_H * OUT_W + row;
#ifndef POSITIONS
  v += in2 (o);
#endif
#ifdef ADD
  v += in3 (i);
#endif
  store (i, act (v));
}
void group (int at, int thread) {
  int block = at % BLOCKS, rest = at / BLOCKS;
  int part = rest % PARTS, which = rest / PARTS % GROUPS, image = rest / PARTS / GROUPS;
  int row = block * ROWS, column = part * COLUMNS;
  pixel = min (row + thread % ROWS, OUT_H * OUT_W - 1);
  corner = ivec2 (pixel / OUT_W, pixel % OUT_W) * STRIDE - BEFORE;
  from = (image * IN_FOURS + which * GROUP_IN) * IN_H * IN_W;
#ifdef POSITIONS
  int weights = image * ALL_DEPTH * 4 * GROUP_OUT;
#else
  int weights = which * ALL_DEPTH * 4 * GROUP_OUT;
#endif
  weights += thread / COLUMNS * GROUP_OUT + min (column + thread % COLUMNS, GROUP_OUT - 1);
  int x = thread % ACROSS, y = thread / ACROSS;
  clear ();
  for (int k = 0; k < ALL_DEPTH; k += DEPTH) {
    fetch_left (k, thread);
    for (int r = 0; r < 4 * DEPTH; r += THREADS / COLUMNS)
      right_tile[r * COLUMNS + thread] = in1 (weights + (4 * k + r) * GROUP_OUT);
    barrier ();
    multiply (x, y);
    barrier ();
  }
  row += x;
  column += y;
  int o = which * GROUP_OUT + column;
  if (column < GROUP_OUT) {
    put (row, o, image, sum[0]);
    put (row + ACROSS, o, image, sum[1]);
    put (row + 2 * ACROSS, o, image, sum[2]);
    put (row + 3 * ACROSS, o, image, sum[3]);
  }
#if FOURS > 1
  if (column + DOWN < GROUP_OUT) {
    put (row, o + DOWN, image, sum[4]);
    put (row + ACROSS, o + DOWN, image, sum[5]);
    put (row + 2 * ACROSS, o + DOWN, image, sum[6]);
    put (row + 3 * ACROSS, o + DOWN, image, sum[7]);
  }
#endif
}
