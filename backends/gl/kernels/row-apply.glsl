// What becomes of each element x, its row being like a and b (in1: row-stats.glsl): RESULT, with
// `place` in the row, and GAIN (in2) and BIAS (in3) along the row. p[0..6]: see row-stats.glsl;
// p[7]: fours, or elements, of all rows that lie side by side; p[8]: the last row, p[9]: elements.
// With IMAGE lanes beyond p[1] are 0.
#include "functions.glsl"
#include "element.glsl"
#define AT3(e) pick (in3 ((e) >> 2), (e) & 3)
vec4 result (vec4 x, vec4 a, vec4 b, ivec4 place) { return RESULT; }
vec4 texel (int i) {
  vec4 x = in0 (i), a, b;
#ifdef EACH
  ivec4 e = 4 * i + ivec4 (0, 1, 2, 3), all = e / p[7], rest = e - all * p[7];
  ivec4 place = rest / p[5], row = all * p[5] + rest - place * p[5];
  row = min (row, ivec4 (p[8]));
  vec4 s0 = in1 (row.x), s1 = in1 (row.y), s2 = in1 (row.z), s3 = in1 (row.w);
  a = vec4 (s0.x, s1.x, s2.x, s3.x);
  b = vec4 (s0.y, s1.y, s2.y, s3.y);
#else
  int all = i / p[7], rest = i - all * p[7], k = rest / p[5], row = all * p[5] + rest - k * p[5];
  ivec4 place = 4 * k + ivec4 (0, 1, 2, 3);
  vec4 s = in1 (row);
  a = s.xxxx;
  b = s.yyyy;
#endif
  vec4 y = result (x, a, b, place);
#ifdef GAIN
#ifdef EACH
  y *= vec4 (AT2 (place.x), AT2 (place.y), AT2 (place.z), AT2 (place.w));
#else
  y *= in2 (k);
#endif
#endif
#ifdef BIAS
#ifdef EACH
  y += vec4 (AT3 (place.x), AT3 (place.y), AT3 (place.z), AT3 (place.w));
#else
  y += in3 (k);
#endif
#endif
#ifdef IMAGE
  y = mix (vec4 (0.0), y, lessThan (place, ivec4 (p[1])));
#endif
#ifdef EACH
  y = mix (vec4 (0.0), y, lessThan (e, ivec4 (p[9])));
#endif
  return y;
}
