// Functions of elementwise operators. Coefficients of sin4, cos4, asin4, atan4: Cephes
// (single precision); of erfc4: Press et al., Numerical Recipes, erfcc.
#include "functions.glsl"

vec4 sign4 (vec4 x) { return mix (sign (x), x, isnan (x)); }
vec4 at_least4 (vec4 x, float low) { return mix (max (x, low), x, isnan (x)); }
vec4 at_most4 (vec4 x, float high) { return mix (min (x, high), x, isnan (x)); }
vec4 below4 (vec4 x, vec4 y) { return mix (x, y, lessThan (x, vec4 (0.0))); } // y where x < 0
vec4 log4 (vec4 x) {
  return mix (log (x), log1p4 (x - 1.0), lessThan (abs (x - 1.25), vec4 (0.75)));
}
vec4 softplus4 (vec4 x) { return max (x, 0.0) + log1p4 (exp (-abs (x))); }
vec4 elu4 (vec4 x, float a) { return below4 (x, a * expm14 (min (x, 0.0))); }
vec4 celu4 (vec4 x, float a) {
  return mix (a * expm14 (x / a), x, greaterThan (x, vec4 (0.0)));
}
vec4 selu4 (vec4 x, float a, float g) {
  return mix (g * a * expm14 (x), g * x, greaterThan (x, vec4 (0.0)));
}
vec4 mish4 (vec4 x) { // tanh (log (1 + e)) is e (e + 2) / (e (e + 2) + 2)
  vec4 e = exp (min (x, 20.0)), n = e * (e + 2.0);
  return mix (x * (n / (n + 2.0)), x, greaterThan (x, vec4 (20.0)));
}
vec4 shrink4 (vec4 x, float l, float b) {
  vec4 y = mix (mix (vec4 (0.0), x - b, greaterThan (x, vec4 (l))), x + b, lessThan (x, vec4 (-l)));
  return mix (y, x, isnan (x));
}
vec4 thresholded4 (vec4 x, float a) {
  return mix (mix (vec4 (0.0), x, greaterThan (x, vec4 (a))), x, isnan (x));
}

// ---- the error function ----
vec4 erfc4 (vec4 x) { // of x >= 0
  vec4 t = 1.0 / (1.0 + 0.5 * x);
  vec4 y = -1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277));
  y = 0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * y)));
  return t * exp (-x * x - 1.26551223 + t * (1.00002368 + t * y));
}
vec4 erf4 (vec4 x) {
  vec4 s = x * x, y = 1.0 / 216.0 - s * (1.0 / 1320.0 - s / 9360.0);
  y = 1.0 - s * (1.0 / 3.0 - s * (0.1 - s * (1.0 / 42.0 - s * y)));
  y = mix (sign (x) * (1.0 - erfc4 (min (abs (x), 6.0))), 1.12837916709551257 * x * y,
           lessThan (s, vec4 (0.36)));
  return mix (y, x, isnan (x));
}
vec4 gelu4 (vec4 x) {
  vec4 z = x * 0.70710678118654752, tail = erfc4 (min (abs (z), 12.0));
  vec4 far = 0.5 * x * mix (2.0 - tail, tail, lessThan (x, vec4 (0.0)));
  vec4 y = mix (far, 0.5 * x * (1.0 + erf4 (z)), lessThan (abs (z), vec4 (0.6)));
  return mix (y, x, isnan (x));
}
vec4 gelu_tanh4 (vec4 x) {
  return x * sigmoid4 (1.59576912160573081 * (x + 0.044715 * x * x * x));
}

// ---- angles ----
// Sine of k quarter turns and r, |r| at most an eighth of a turn.
vec4 quarter4 (vec4 r, vec4 k) {
  vec4 s = r * r, q = k - 4.0 * floor (k * 0.25);
  vec4 sine = r + r * s * (-1.6666654611e-1 + s * (8.3321608736e-3 - s * 1.9515295891e-4));
  vec4 cosine = 4.166664568298827e-2 - s * (1.388731625493765e-3 - s * 2.443315711809948e-5);
  cosine = 1.0 - 0.5 * s + s * s * cosine;
  vec4 y = mix (sine, cosine, equal (mod (q, 2.0), vec4 (1.0)));
  return mix (y, -y, greaterThan (q, vec4 (1.5)));
}
vec4 turned4 (vec4 x, vec4 k) { // x less k quarter turns, in three parts that multiply exactly
  return ((x - k * 1.5703125) - k * 4.837512969970703125e-4) - k * 7.549789954891882e-8;
}
vec4 sin4 (vec4 x) {
  vec4 k = roundEven (x * 0.636619772367581343);
  return quarter4 (turned4 (x, k), k);
}
vec4 cos4 (vec4 x) {
  vec4 k = roundEven (x * 0.636619772367581343);
  return quarter4 (turned4 (x, k), k + 1.0);
}
vec4 tan4 (vec4 x) {
  vec4 k = roundEven (x * 0.636619772367581343), r = turned4 (x, k);
  return quarter4 (r, k) / quarter4 (r, k + 1.0);
}
vec4 asin4 (vec4 x) {
  vec4 a = abs (x), far = 0.5 * (1.0 - a);
  bvec4 is_far = greaterThan (a, vec4 (0.5));
  vec4 s = mix (a * a, far, is_far), z = mix (a, sqrt (far), is_far);
  vec4 y = 4.5470025998e-2 + s * (2.4181311049e-2 + s * 4.2163199048e-2);
  y = z + z * s * (1.6666752422e-1 + s * (7.4953002686e-2 + s * y));
  y = sign (x) * mix (y, 1.57079632679489662 - 2.0 * y, is_far);
  return mix (y, NO_NUMBER, greaterThan (a, vec4 (1.0)));
}
vec4 acos4 (vec4 x) {
  vec4 h = 2.0 * asin4 (sqrt (max (0.5 - 0.5 * abs (x), 0.0)));
  vec4 y = mix (h, 3.14159265358979324 - h, lessThan (x, vec4 (0.0)));
  y = mix (y, 1.57079632679489662 - asin4 (x), lessThan (abs (x), vec4 (0.5)));
  return mix (mix (y, NO_NUMBER, greaterThan (abs (x), vec4 (1.0))), x, isnan (x));
}
vec4 atan4 (vec4 x) {
  vec4 a = abs (x);
  bvec4 far = greaterThan (a, vec4 (2.414213562373095)),
        mid = greaterThan (a, vec4 (0.4142135623730950));
  vec4 from = mix (mix (vec4 (0.0), vec4 (0.785398163397448310), mid),
                   vec4 (1.57079632679489662), far);
  vec4 z = mix (mix (a, (a - 1.0) / (a + 1.0), mid), -1.0 / a, far), s = z * z;
  vec4 y = -3.33329491539e-1 +
           s * (1.99777106478e-1 + s * (-1.38776856032e-1 + s * 8.05374449538e-2));
  return sign (x) * (from + z + z * s * y);
}

// ---- hyperbolic functions ----
vec4 sinh4 (vec4 x) {
  vec4 s = x * x, e = exp (abs (x) - 0.693147180559945309);
  return mix (sign (x) * (e - 0.25 / e),
              x * (1.0 + s / 6.0 * (1.0 + s / 20.0 * (1.0 + s / 42.0 * (1.0 + s / 72.0)))),
              lessThan (s, vec4 (1.0)));
}
vec4 cosh4 (vec4 x) {
  vec4 e = exp (abs (x) - 0.693147180559945309);
  return e + 0.25 / e;
}
vec4 asinh4 (vec4 x) {
  vec4 a = abs (x), s = a * a;
  return sign (x) * mix (log1p4 (a + s / (1.0 + sqrt (s + 1.0))), log (a) + 0.693147180559945309,
                         greaterThan (a, vec4 (1.0e6)));
}
vec4 acosh4 (vec4 x) {
  vec4 t = max (x - 1.0, 0.0);
  vec4 y = mix (log1p4 (t + sqrt (t * (t + 2.0))), log (t) + 0.693147180559945309,
                greaterThan (t, vec4 (1.0e8)));
  return mix (mix (y, NO_NUMBER, lessThan (x, vec4 (1.0))), x, isnan (x));
}
vec4 atanh4 (vec4 x) {
  vec4 a = abs (x), y = 0.5 * sign (x) * log1p4 (2.0 * a / (1.0 - a));
  y = mix (y, sign (x) * ENDLESS, equal (a, vec4 (1.0)));
  return mix (y, NO_NUMBER, greaterThan (a, vec4 (1.0)));
}

// ---- two operands ----
vec4 pow4 (vec4 a, vec4 b) {
  vec4 y = exp2 (b * log2 (abs (a)));
  bvec4 odd = equal (abs (mod (b, 2.0)), vec4 (1.0)), whole = equal (floor (b), b);
  y = mix (y, mix (NO_NUMBER, mix (y, -y, odd), whole), lessThan (a, vec4 (0.0)));
  y = mix (y, mix (vec4 (0.0), ENDLESS, lessThan (b, vec4 (0.0))), equal (a, vec4 (0.0)));
  return mix (y, vec4 (1.0), equal (b, vec4 (0.0)));
}
// The remainder with the sign of a: 12 digits of the quotient at a time, as their products with
// each half of b are exact.
vec4 fmod4 (vec4 a, vec4 b) {
  vec4 n = abs (b), r = abs (a);
  vec4 high = uintBitsToFloat (floatBitsToUint (n) & 0xfffff000u), low = n - high;
  for (int k = 0; k < 24 && any (greaterThanEqual (r, n)); k++) {
    vec4 q = uintBitsToFloat (floatBitsToUint (trunc (r / n)) & 0xfffff000u);
    vec4 next = (r - q * high) - q * low;
    next = mix (next, next + n, lessThan (next, vec4 (0.0)));
    r = mix (r, next, greaterThanEqual (r, n));
  }
  r = mix (r, NO_NUMBER, equal (n, vec4 (0.0)));
  r = mix (r, NO_NUMBER, isinf (a));
  return mix (mix (sign (a) * r, a, isnan (a)), b, isnan (b));
}
vec4 mod4 (vec4 a, vec4 b) { // with the sign of b
  vec4 r = fmod4 (a, b);
  return mix (r, r + b, lessThan (r * sign (b), vec4 (0.0)));
}
