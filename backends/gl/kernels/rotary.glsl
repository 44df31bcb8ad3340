// RotaryEmbedding: pairs of a head's elements are turned. 1, 2: cosines and sines, rows of p[3].
// p[0]: heads, p[1]: rows, p[2]: size of a head, p[3]: pairs, p[4] = 1: heads lie behind rows,
// p[5] = 1: a pair are neighbours, p[6]: the last element.
#include "element.glsl"
float turned (int e) {
  int d = e % p[2], row = e / p[2];
  int t = p[4] == 1 ? row / p[0] % p[1] : row % p[1], batch = row / p[0] / p[1];
  if (d >= 2 * p[3])
    return AT0 (e);
  bool is_first = p[5] == 1 ? d % 2 == 0 : d < p[3];
  int pair = p[5] == 1 ? d / 2 : is_first ? d : d - p[3];
  int other = p[5] == 1 ? 1 : p[3], at = (batch * p[1] + t) * p[3] + pair;
  float cosine = AT1 (at), sine = AT2 (at);
  return is_first ? cosine * AT0 (e) - sine * AT0 (e + other)
                  : sine * AT0 (e - other) + cosine * AT0 (e);
}
vec4 texel (int i) {
  ivec4 e = min (4 * i + ivec4 (0, 1, 2, 3), ivec4 (p[6]));
  return vec4 (turned (e.x), turned (e.y), turned (e.z), turned (e.w));
}
