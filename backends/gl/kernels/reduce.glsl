// Folds what lies along the axes that go: VALUE of x and the shift s (in1, laid out as the results),
// FOLD of a and b, beginning with START; FINISH of a and s when all is in. Results are four to a
// texel; part after part holds them all (p[0] texels, p[1] results), a part folding p[3] of the p[2]
// places. MODE 0: texels are folded lane by lane; 1: a result is all lanes of its texels; 2: single
// elements. p[4..9] sizes and p[10..15] steps of the KEPT axes that stay, p[16..21] and p[22..27] of
// the GONE ones, in texels or elements. With IMAGE p[28], p[29]: channels, texels of a plane.
#include "functions.glsl"
#include "element.glsl"
vec4 value (vec4 x, vec4 s) { return VALUE; }
vec4 fold (vec4 a, vec4 b) { return FOLD; }
vec4 finish (vec4 a, vec4 s) { return FINISH; }
int kept (int i) {
  int at = 0;
  for (int axis = KEPT - 1; axis > 0; axis--) {
    int rest = i / p[4 + axis];
    at += (i - rest * p[4 + axis]) * p[10 + axis];
    i = rest;
  }
  return at + i * p[10];
}
int gone (int i) {
  int at = 0;
  for (int axis = GONE - 1; axis > 0; axis--) {
    int rest = i / p[16 + axis];
    at += (i - rest * p[16 + axis]) * p[22 + axis];
    i = rest;
  }
  return at + i * p[22];
}
vec4 load (ivec4 base, int offset) {
#if MODE == 2
  ivec4 e = base + offset;
  return vec4 (AT0 (e.x), AT0 (e.y), AT0 (e.z), AT0 (e.w));
#else
  return in0 (base.x + offset);
#endif
}
// Blocks of 64, so that many small numbers are not lost on a large sum.
vec4 run (ivec4 base, int first, int end, vec4 s) {
  vec4 total = vec4 (START);
  for (int r = first; r < end;) {
    vec4 sum = vec4 (START);
    for (int stop = min (r + 64, end); r < stop; r++)
      sum = fold (sum, value (load (base, gone (r)), s));
    total = fold (total, sum);
  }
  return total;
}
float across (int result, int first, int end, float s) {
  vec4 sum = run (ivec4 (kept (min (result, p[1] - 1))), first, end, vec4 (s));
  sum = fold (sum, sum.yzwx);
  return fold (sum, sum.zwxy).x;
}
vec4 texel (int i) {
  int part = i / p[0], t = i - part * p[0];
  int first = part * p[3], end = min (first + p[3], p[2]);
#ifdef SHIFT
  vec4 s = in1 (t);
#else
  vec4 s = vec4 (0.0);
#endif
#if MODE == 0
  vec4 y = run (ivec4 (kept (t)), first, end, s);
#elif MODE == 1
  vec4 y = vec4 (across (4 * t, first, end, s.x), across (4 * t + 1, first, end, s.y),
                 across (4 * t + 2, first, end, s.z), across (4 * t + 3, first, end, s.w));
#else
  ivec4 e = min (4 * t + ivec4 (0, 1, 2, 3), ivec4 (p[1] - 1));
  vec4 y = run (ivec4 (kept (e.x), kept (e.y), kept (e.z), kept (e.w)), first, end, s);
#endif
  y = finish (y, s);
#ifdef IMAGE
  int left = p[28] - t / p[29] % ((p[28] + 3) / 4) * 4;
  y = mix (vec4 (0.0), y, greaterThan (ivec4 (left), ivec4 (0, 1, 2, 3)));
#endif
  return y;
}
