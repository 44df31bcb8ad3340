// What each query (in0) makes of each key (in1), plain, batch x heads x queries x keys: products by
// f[2], capped by f[3] (CAP), with what the mask (in2, MASK) adds. p[0]: heads, p[1]: heads that share
// keys, p[2]: queries, p[3]: keys, p[4]: size of a head; steps from batch to batch, head to head and
// row to row: p[6..8] of queries, p[9..11] of keys, p[15..18] of the mask, with a step along it;
// p[19]: keys that it has; p[21] = 1: no key behind the query; p[22]: the last element.
#include "functions.glsl"
#include "element.glsl"
float product (int a, int b) {
#ifdef FOURS
  vec4 sum = vec4 (0.0);
  for (int k = 0; k < p[4] / 4; k++)
    sum += in0 (a / 4 + k) * in1 (b / 4 + k);
  return sum.x + sum.y + (sum.z + sum.w);
#else
  float sum = 0.0;
  for (int k = 0; k < p[4]; k++)
    sum += AT0 (a + k) * AT1 (b + k);
  return sum;
#endif
}
float score (int e) {
  int key = e % p[3], query = e / p[3] % p[2], head = e / p[3] / p[2] % p[0];
  int batch = e / p[3] / p[2] / p[0];
  float y = f[2] * product (batch * p[6] + head * p[7] + query * p[8],
                            batch * p[9] + head / p[1] * p[10] + key * p[11]);
#ifdef CAP
  y = f[3] * tanh4 (vec4 (y / f[3])).x;
#endif
#ifdef MASK
  float bias = AT2 (batch * p[15] + head * p[16] + query * p[17] + min (key, p[19] - 1) * p[18]);
  y = key < p[19] && bias != -ENDLESS.x ? y + bias : -ENDLESS.x;
#endif
  return p[21] == 1 && key > query ? -ENDLESS.x : y;
}
vec4 texel (int i) {
  ivec4 e = min (4 * i + ivec4 (0, 1, 2, 3), ivec4 (p[22]));
  return vec4 (score (e.x), score (e.y), score (e.z), score (e.w));
}
