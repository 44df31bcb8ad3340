// Winograd's last step: products (positions x output fours x tiles) into the result.
// 0: products, 1: bias, 2: what is added (with ADD).
#include "activation.glsl"
#include "window.glsl"
#include "winograd.glsl"
shared vec4 turned[TILES * TILE * SIDE];
void along (vec4 d[SIDE], out vec4 v[TILE]) {
#if TILE == 4
  vec4 even1 = d[1] + d[2], odd1 = d[1] - d[2], even2 = d[3] + d[4], odd2 = d[3] - d[4];
  v[0] = d[0] + even1 + even2;
  v[1] = A * odd1 + B * odd2;
  v[2] = 0.5 * even1 + 2.0 * even2;
  v[3] = 0.5 * A * odd1 + 2.0 * B * odd2 + d[5];
#else
  v[0] = d[0] + d[1] + d[2];
  v[1] = d[1] - d[2] + d[3];
#endif
}
void put (int x, int i, int o, vec4 v) {
  if (x >= OUT_W)
    return;
  v += in1 (o);
#ifdef ADD
  v += in2 (i);
#endif
  store (i, act (v));
}
void group (int at, int thread) {
  int t = thread % TILES, line = thread / TILES;
  int tile = at % BLOCKS * TILES + t, o = at / BLOCKS;
  int place = min (tile, ALL - 1), image = place / A_IMAGE;
  vec4 d[SIDE], v[TILE];
#define FETCH(I) d[I] = in0 (((I * SIDE + line) * OUT_FOURS + o) * ALL + place);
  EACH_SIDE (FETCH)
  along (d, v);
#define TURN(I) turned[(I * SIDE + line) * TILES + t] = v[I];
  EACH_RESULT (TURN)
  barrier ();
  int y = place % A_IMAGE / ACROSS * TILE + line, x = place % ACROSS * TILE;
  if (tile >= ALL || line >= TILE || y >= OUT_H)
    return;
#define TAKE(I) d[I] = turned[(line * SIDE + I) * TILES + t];
  EACH_SIDE (TAKE)
  along (d, v);
  int i = ((image * OUT_FOURS + o) * OUT_H + y) * OUT_W + x;
#define PUT(I) put (x + I, i + I, o, v[I]);
  EACH_RESULT (PUT)
}
