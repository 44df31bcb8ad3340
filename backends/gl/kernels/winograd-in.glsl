// Winograd's first step: tiles of the image, transformed. Result: positions (SIDE x SIDE) x input
// fours x tiles. 0: image.
#include "window.glsl"
#include "winograd.glsl"
shared vec4 turned[TILES * SIDE * SIDE];
void along (vec4 d[SIDE], out vec4 v[SIDE]) {
#if TILE == 4
  vec4 even = d[4] - 2.0 * d[2], odd = A * (d[3] - 2.0 * d[1]);
  v[0] = d[0] + d[4] - 2.5 * d[2];
  v[1] = even + odd;
  v[2] = even - odd;
  even = d[4] - 0.5 * d[2];
  odd = B * (d[3] - 0.5 * d[1]);
  v[3] = even + odd;
  v[4] = even - odd;
  v[5] = d[1] + d[5] - 2.5 * d[3];
#else
  v[0] = d[0] - d[2];
  v[1] = d[2] + d[1];
  v[2] = d[2] - d[1];
  v[3] = d[3] - d[1];
#endif
}
vec4 fetch (bool inside, int y, int from) {
  if (!inside || y < 0 || y >= IN_H)
    return vec4 (0.0);
  return in0 (from + y * IN_W);
}
void group (int at, int thread) {
  int t = thread % TILES, line = thread / TILES;
  int tile = at % BLOCKS * TILES + t, c = at / BLOCKS;
  int place = min (tile, ALL - 1), image = place / A_IMAGE;
  int y = place % A_IMAGE / ACROSS * TILE - BEFORE.x, x = place % ACROSS * TILE - BEFORE.y + line;
  int from = (image * IN_FOURS + c) * IN_H * IN_W + x;
  bool inside = x >= 0 && x < IN_W;
  vec4 d[SIDE], v[SIDE];
#define FETCH(I) d[I] = fetch (inside, y + I, from);
  EACH_SIDE (FETCH)
  along (d, v);
#define TURN(I) turned[(I * SIDE + line) * TILES + t] = v[I];
  EACH_SIDE (TURN)
  barrier ();
#define TAKE(I) d[I] = turned[(line * SIDE + I) * TILES + t];
  EACH_SIDE (TAKE)
  along (d, v);
#define STORE(I) store (((line * SIDE + I) * IN_FOURS + c) * ALL + tile, v[I]);
  if (tile < ALL) {
    EACH_SIDE (STORE)
  }
}
