// Functions whose built-in forms lose digits on some drivers, and those that keep what is no number,
// as GLSL's min() and max() need not.
#define NO_NUMBER vec4 (uintBitsToFloat (0x7fc00000u))
#define ENDLESS   vec4 (uintBitsToFloat (0x7f800000u))
vec4 max4 (vec4 a, vec4 b) { return mix (mix (max (a, b), a, isnan (a)), b, isnan (b)); }
vec4 min4 (vec4 a, vec4 b) { return mix (mix (min (a, b), a, isnan (a)), b, isnan (b)); }
vec4 clamp4 (vec4 x, float low, float high) {
  return mix (min (max (x, low), high), x, isnan (x));
}
vec4 sigmoid4 (vec4 x) { return 1.0 / (1.0 + exp (-x)); }
vec4 tanh4 (vec4 x) {
  vec4 s = x * x;
  return mix (sign (x) * (1.0 - 2.0 / (exp (2.0 * abs (x)) + 1.0)),
              x * (1.0 - s * (1.0 / 3.0 - s * (2.0 / 15.0 - s * (17.0 / 315.0)))),
              lessThan (s, vec4 (0.01)));
}
vec4 log1p4 (vec4 x) { // by the series of atanh near 0
  vec4 s = x / (2.0 + x), q = s * s;
  vec4 y = 1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0);
  y = 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * y))));
  return mix (log (1.0 + x), y, lessThan (abs (x - 0.25), vec4 (0.75)));
}
vec4 expm14 (vec4 x) {
  vec4 y = 1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0));
  y = x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * y)));
  return mix (exp (x) - 1.0, y, lessThan (abs (x), vec4 (0.5)));
}
