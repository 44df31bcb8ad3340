// Local response normalisation over channels, image form. p[0]: channels, p[1]: texels of a plane,
// p[2], p[3]: channels before and after; f[2] = alpha / size, f[3] = beta, f[4] = bias.
#include "element.glsl"
vec4 texel (int i) {
  int fours = (p[0] + 3) / 4, t = i / p[1], c = t % fours * 4, base = i - t % fours * p[1];
  vec4 sum = vec4 (0.0);
  for (int k = max (c - p[2], 0); k <= min (c + 3 + p[3], p[0] - 1); k++) {
    float v = pick (in0 (base + k / 4 * p[1]), k & 3);
    ivec4 far = k - (c + ivec4 (0, 1, 2, 3));
    vec4 reached = vec4 (greaterThanEqual (far, ivec4 (-p[2]))) * vec4 (lessThanEqual (far, ivec4 (p[3])));
    sum += v * v * reached;
  }
  vec4 y = in0 (i) / pow (f[4] + f[2] * sum, vec4 (f[3]));
  return mix (vec4 (0.0), y, greaterThan (ivec4 (p[0] - c), ivec4 (0, 1, 2, 3)));
}
