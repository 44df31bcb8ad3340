// OP of x, texel by texel. In image form with REST given lanes beyond the last channel become 0.
#include "functions.glsl"
float erf_of (float x) { // Abramowitz and Stegun 7.1.26 is too coarse: a series and a fraction
  float a = abs (x);
  if (a < 1.0) { // Maclaurin series, 12 terms
    float sum = x, term = x;
    for (int n = 1; n < 13; n++) {
      term *= -x * x / float (n);
      sum += term / float (2 * n + 1);
    }
    return sum * 1.1283791670955126;
  }
  if (a > 4.0)
    return sign (x);
  float k = 0.0; // continued fraction of erfc
  for (int n = 40; n > 0; n--)
    k = 0.5 * float (n) / (a + k);
  return sign (x) * (1.0 - exp (-a * a) / (1.7724538509055159 * (a + k)));
}
vec4 erf4 (vec4 x) { return vec4 (erf_of (x.x), erf_of (x.y), erf_of (x.z), erf_of (x.w)); }
vec4 op (vec4 x) { return OP; }
vec4 texel (int i) {
  vec4 y = op (in0 (i));
#ifdef IMAGE
  int left = p[0] - i / p[1] % ((p[0] + 3) / 4) * 4;
  y = mix (vec4 (0.0), y, greaterThan (ivec4 (left), ivec4 (0, 1, 2, 3)));
#endif
  return y;
}
