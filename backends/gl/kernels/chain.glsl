// A run of elementwise operators: v goes from stage to stage, w is a further operand. STAGES is made
// of LET and DO, OPERANDS of the macros below, for operands that are broadcast.
// p[0], p[1]: channels and texels of a plane, for results in image form (IMAGE); p[0]: elements of a
// plain result that does not end with a texel (TAIL);
// p[2..7]: sizes of the result's axes, AXES of them, in texels (EACH: in elements);
// p[8 + 8k..]: of the k-th broadcast operand: a step for each axis, the step from lane to lane, and
// the last element.
#include "elementwise.glsl"
#include "element.glsl"
#define LET(e) w = e;
#define DO(e) v = e;
#ifdef AXES
int place (int i, int at) {
  int e = 0;
  for (int axis = AXES - 1; axis > 0; axis--) {
    int rest = i / p[2 + axis];
    e += (i - rest * p[2 + axis]) * p[at + axis];
    i = rest;
  }
  return e + i * p[at];
}
ivec4 places (int i, int at) {
#ifdef EACH
  ivec4 e = ivec4 (place (4 * i, at), place (4 * i + 1, at), place (4 * i + 2, at),
                   place (4 * i + 3, at));
#else
  ivec4 e = place (i, at) + ivec4 (0, 1, 2, 3) * p[at + 6];
#endif
  return min (e, ivec4 (p[at + 7]));
}
#define AT(IN, e) pick (IN ((e) >> 2), (e) & 3)
#define LANES(NAME, IN, P) vec4 NAME (int i) { ivec4 e = places (i, P); return vec4 (AT (IN, e.x), AT (IN, e.y), AT (IN, e.z), AT (IN, e.w)); }
#define TEXELS(NAME, IN, P) vec4 NAME (int i) { return IN (place (i, P)); }
#define LANE0(NAME, IN, P) vec4 NAME (int i) { return vec4 (IN (place (i, P)).x); }
#define ONE(NAME, IN, P) vec4 NAME (int i) { int e = place (i, P); return vec4 (AT (IN, e)); }
OPERANDS
#endif
vec4 texel (int i) {
  vec4 v, w;
  STAGES
#ifdef IMAGE
  int left = p[0] - i / p[1] % ((p[0] + 3) / 4) * 4;
  v = mix (vec4 (0.0), v, greaterThan (ivec4 (left), ivec4 (0, 1, 2, 3)));
#endif
#ifdef TAIL
  v = mix (vec4 (0.0), v, lessThan (4 * i + ivec4 (0, 1, 2, 3), ivec4 (p[0])));
#endif
  return v;
}
