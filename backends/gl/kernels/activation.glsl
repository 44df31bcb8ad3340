// What is applied to a result; ACT is GonioActKind, f[0] and f[1] its parameters. Bounds that are
// infinite come as the largest float, which changes nothing but an infinity.
#include "functions.glsl"
vec4 act (vec4 x) {
#if ACT == 1
  return clamp4 (x, f[0], f[1]);
#elif ACT == 2
  return mix (x, x * f[0], lessThan (x, vec4 (0.0)));
#elif ACT == 3
  return sigmoid4 (x);
#elif ACT == 4
  return tanh4 (x);
#elif ACT == 5
  return x * sigmoid4 (x);
#elif ACT == 6
  return x * clamp (x / 6.0 + 0.5, 0.0, 1.0);
#else
  return x;
#endif
}
