// Winograd's first step, as winograd-in.glsl, but each position on its own. 0: image.
#include "window.glsl"
#include "winograd.glsl"
#define TAPS TILE // of an axis, at most
// What one position is made of: taps first.x + first.y * (0 .. TAPS - 1), and how much of each.
vec4 parts (int at, out ivec2 first) {
  bool even = at % 2 == 0;
#if TILE == 4
  first = ivec2 (1, 1);
  if (at >= 1 && at <= 4) {
    float a = at < 3 ? A : B, s = even ? -a : a, q = at < 3 ? 2.0 : 0.5;
    return vec4 (-q * s, -q, s, 1.0);
  }
  first = ivec2 (at == 0 ? 0 : 1, 2);
  return vec4 (1.0, -2.5, 1.0, 0.0);
#else
  first = ivec2 (min (at, 1), at == 0 || at == 3 ? 2 : 1);
  return at == 0 ? vec4 (1.0, -1.0, 0.0, 0.0) : vec4 (at == 1 ? 1.0 : -1.0, 1.0, 0.0, 0.0);
#endif
}
vec4 texel (int i) {
  int tile = i % ALL, c = i / ALL % IN_FOURS, position = i / ALL / IN_FOURS;
  int image = tile / A_IMAGE, place = tile % A_IMAGE;
  ivec2 down, across, corner = ivec2 (place / ACROSS, place % ACROSS) * TILE - BEFORE;
  vec4 rows = parts (position / SIDE, down), columns = parts (position % SIDE, across);
  vec4 sum = vec4 (0.0);
  for (int r = 0; r < TAPS; r++) {
    int y = corner.x + down.x + r * down.y, line = ((image * IN_FOURS + c) * IN_H + y) * IN_W;
    if (y < 0 || y >= IN_H || rows[r] == 0.0)
      continue;
    vec4 part = vec4 (0.0);
    for (int k = 0; k < TAPS; k++) {
      int x = corner.y + across.x + k * across.y;
      if (x >= 0 && x < IN_W && columns[k] != 0.0)
        part += columns[k] * in0 (line + x);
    }
    sum += rows[r] * part;
  }
  return sum;
}
