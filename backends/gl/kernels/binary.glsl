// OP of a and b. MODE 0: texel by texel; 1: b is one texel of channels for all of an image's plane
// (p[0]: texels of a plane, p[1]: fours of channels, p[2]: has b a batch?); 2: broadcast of plain
// values over 6 axes, p[0..5] sizes, p[6..11] and p[12..17] steps of a and b.
#include "activation.glsl"
#if MODE == 2
#include "element.glsl"
#endif
vec4 op (vec4 a, vec4 b) { return OP; }
#if MODE == 2
ivec2 places (int e) {
  ivec2 at = ivec2 (0);
  for (int axis = 5; axis >= 0; axis--) {
    int k = e % p[axis];
    at += k * ivec2 (p[6 + axis], p[12 + axis]);
    e /= p[axis];
  }
  return at;
}
#endif
vec4 texel (int i) {
#if MODE == 0
  vec4 y = op (in0 (i), in1 (i));
#elif MODE == 1
  int four = i / p[0];
  vec4 y = op (in0 (i), in1 (p[2] == 1 ? four : four % p[1]));
#else
  ivec2 at0 = places (4 * i), at1 = places (4 * i + 1), at2 = places (4 * i + 2),
        at3 = places (4 * i + 3);
  vec4 y = op (vec4 (AT0 (at0.x), AT0 (at1.x), AT0 (at2.x), AT0 (at3.x)),
               vec4 (AT1 (at0.y), AT1 (at1.y), AT1 (at2.y), AT1 (at3.y)));
#endif
  y = act (y);
#ifdef IMAGE
  int left = p[18] - i / p[19] % ((p[18] + 3) / 4) * 4;
  y = mix (vec4 (0.0), y, greaterThan (ivec4 (left), ivec4 (0, 1, 2, 3)));
#endif
  return y;
}
