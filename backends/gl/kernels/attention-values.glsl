// The values (in1) of all keys, each by its probability (in0). p[0..3]: see attention-scores.glsl;
// p[5]: size of a value; p[12..14]: steps of the values; p[20] = 1: heads lie behind queries; p[22]:
// the last element. FOURS, KEYS_FOURS: values, keys come in whole texels.
#include "element.glsl"
// Row of probabilities, first value, place in the value.
ivec3 places (int e) {
  int d = e % p[5], row = e / p[5];
  int inner = row % (p[20] == 1 ? p[0] : p[2]), outer = row / (p[20] == 1 ? p[0] : p[2]);
  int query = p[20] == 1 ? outer % p[2] : inner, head = p[20] == 1 ? inner : outer % p[0];
  int batch = row / p[0] / p[2];
  return ivec3 (((batch * p[0] + head) * p[2] + query) * p[3],
                batch * p[12] + head / p[1] * p[13] + d, d);
}
float value (int e) {
  ivec3 at = places (e);
  float sum = 0.0;
  for (int k = 0; k < p[3]; k++)
    sum += AT0 (at.x + k) * AT1 (at.y + k * p[14]);
  return sum;
}
vec4 texel (int i) {
#if defined(FOURS) && defined(KEYS_FOURS)
  ivec3 at = places (4 * i);
  int v = at.y / 4, step = p[14] / 4;
  vec4 sum = vec4 (0.0);
  for (int k = 0; k < p[3]; k += 4, v += 4 * step) {
    vec4 q = in0 ((at.x + k) / 4);
    sum += q.x * in1 (v) + q.y * in1 (v + step) + q.z * in1 (v + 2 * step) +
           q.w * in1 (v + 3 * step);
  }
  return sum;
#elif defined(FOURS)
  ivec3 at = places (4 * i);
  vec4 sum = vec4 (0.0);
  for (int k = 0; k < p[3]; k++)
    sum += AT0 (at.x + k) * in1 ((at.y + k * p[14]) / 4);
  return sum;
#else
  ivec4 e = min (4 * i + ivec4 (0, 1, 2, 3), ivec4 (p[22]));
  return vec4 (value (e.x), value (e.y), value (e.z), value (e.w));
#endif
}
