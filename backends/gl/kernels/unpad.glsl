// Rows of whole fours into plain form: p[0] columns are left of a row, p[1]: elements.
#include "element.glsl"
float element (int e) {
  if (e >= p[1])
    return 0.0;
  return AT0 (e / p[0] * ((p[0] + 3) / 4) * 4 + e % p[0]);
}
vec4 texel (int i) {
  return vec4 (element (4 * i), element (4 * i + 1), element (4 * i + 2), element (4 * i + 3));
}
