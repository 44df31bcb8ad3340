// Winograd's last step, as winograd-out.glsl, but each result on its own.
// 0: products, 1: bias, 2: what is added (with ADD).
#include "activation.glsl"
#include "window.glsl"
#include "winograd.glsl"
// How much of the positions 1 .. TILE one result is; end is the one more that it has, or -1.
vec4 parts (int at, out int end) {
  bool odd = at % 2 == 1;
  float s = odd ? -1.0 : 1.0;
  end = at == 0 ? 0 : at == TILE - 1 ? SIDE - 1 : -1;
#if TILE == 4
  float a = (at > 1 ? 0.5 : 1.0) * (odd ? A : 1.0), b = (at > 1 ? 2.0 : 1.0) * (odd ? B : 1.0);
  return vec4 (a, s * a, b, s * b);
#else
  return vec4 (1.0, s, 0.0, 0.0);
#endif
}
vec4 line (int at, int next, vec4 columns, int end) {
  vec4 sum = vec4 (0.0);
  for (int k = 0; k < TILE; k++)
    sum += columns[k] * in0 (at + (k + 1) * next);
  if (end >= 0)
    sum += in0 (at + end * next);
  return sum;
}
vec4 texel (int i) {
  int plane = OUT_W * OUT_H, pixel = i % plane, o = i / plane % OUT_FOURS;
  int image = i / plane / OUT_FOURS, y = pixel / OUT_W, x = pixel % OUT_W;
  int tile = image * A_IMAGE + y / TILE * ACROSS + x / TILE, at = o * ALL + tile;
  int next = OUT_FOURS * ALL, end_down, end_across;
  vec4 rows = parts (y % TILE, end_down), columns = parts (x % TILE, end_across);
  vec4 sum = in1 (o);
  for (int r = 0; r < TILE; r++)
    sum += rows[r] * line (at + (r + 1) * SIDE * next, next, columns, end_across);
  if (end_down >= 0)
    sum += line (at + end_down * SIDE * next, next, columns, end_across);
#ifdef ADD
  sum += in2 (i);
#endif
  return act (sum);
}
