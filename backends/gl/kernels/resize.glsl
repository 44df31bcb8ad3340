// Two axes blended, counted in TEXELS or elements: outer x p[3] x p[4] x p[0] from outer x p[1] x
// p[2] x p[0]. in1: p[5] taps of each place of the first axis, then p[6] of each of the second: where
// and how much; f[0] where the first of them is at -1.
#include "element.glsl"
#ifdef TEXELS
#define NUMBER vec4
#define READ(i) in0 (i)
#else
#include "plain.glsl"
#define NUMBER float
#define READ(i) AT0 (i)
#endif
NUMBER blend (int e) {
  int x = e / p[0] % p[4], y = e / p[0] / p[4] % p[3], outer = e / p[0] / p[4] / p[3];
  int rows = y * p[5], columns = p[3] * p[5] + x * p[6];
  NUMBER sum = NUMBER (0.0);
  if (in1 (rows).x < 0.0 || in1 (columns).x < 0.0)
    return NUMBER (f[0]);
  for (int r = 0; r < p[5]; r++) {
    vec4 row = in1 (rows + r);
    int line = (outer * p[1] + int (row.x)) * p[2];
    NUMBER across = NUMBER (0.0);
    for (int c = 0; c < p[6]; c++) {
      vec4 column = in1 (columns + c);
      int at = (line + int (column.x)) * p[0] + e % p[0];
      if (column.y != 0.0) // 0 times an infinity is not 0
        across += column.y * READ (at);
    }
    if (row.y != 0.0)
      sum += row.y * across;
  }
  return sum;
}
#ifdef TEXELS
vec4 texel (int i) { return blend (i); }
#else
float element (int e) { return blend (e); }
#endif
