// Functions that drivers compute from exponentials and so lose small arguments' digits.
vec4 sigmoid4 (vec4 x) { return 1.0 / (1.0 + exp (-x)); }
vec4 tanh4 (vec4 x) {
  vec4 s = x * x, y = clamp (x, -15.0, 15.0);
  return mix (tanh (y), x * (1.0 - s * (1.0 / 3.0 - s * (2.0 / 15.0 - s * (17.0 / 315.0)))),
              lessThan (s, vec4 (0.01)));
}
vec4 log1p4 (vec4 x) { // of x >= 0
  return mix (log (1.0 + x), x * (1.0 - x * (0.5 - x * (1.0 / 3.0 - x * 0.25))),
              lessThan (x, vec4 (0.01)));
}
vec4 expm14 (vec4 x) { // of x <= 0
  return mix (exp (x) - 1.0, x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x / 24.0))),
              lessThan (abs (x), vec4 (0.01)));
}
