// What a row (all that a softmax or a normalisation runs over) is like as a whole: one texel for
// each row and part of it. KIND 0: largest, sum of exp (x - largest); 1: mean, sum of squared
// differences from it; 2: 0, sum of squares; 3: 0, sum of magnitudes; 4: largest, place of the first.
// A row is p[0] fours of elements, p[1] elements; p[2] parts of p[3] fours; p[5] rows lie side by
// side, one row of them p[6] behind the other; p[4] from four (EACH: element) to the next.
// JOIN: in0 holds the parts of each row. FINISH of the row's a, at the end.
#include "functions.glsl"
#include "element.glsl"
vec4 finish (vec4 a) { return FINISH; }
// So that a part of nothing but -infinities (masked out) adds nothing, where another is finite.
float finite_shift (float m) { return m == -ENDLESS.x ? 0.0 : m; }
#ifdef JOIN
vec4 joined (vec4 a, vec4 b, float before, float more) {
#if KIND == 0
  float m = max4 (a, b).x, s = finite_shift (m);
  return vec4 (m, a.y * exp (a.x - s) + b.y * exp (b.x - s), 0.0, 0.0);
#elif KIND == 1
  float d = b.x - a.x, share = more / (before + more);
  return vec4 (a.x + d * share, a.y + b.y + d * d * before * share, 0.0, 0.0);
#elif KIND == 4
  return b.x > a.x || isnan (b.x) ? b : a;
#else
  return a + b;
#endif
}
vec4 texel (int i) {
  vec4 a = in0 (i * p[2]);
  float before = float (min (p[3] * 4, p[1]));
  for (int part = 1; part < p[2]; part++) {
    float more = float (min (p[3] * 4, p[1] - part * p[3] * 4));
    a = joined (a, in0 (i * p[2] + part), before, more);
    before += more;
  }
  return finish (a);
}
#else
// Four k of the row; what is beyond its end is `none`.
vec4 load (int base, int k, float none) {
#ifdef EACH
  ivec4 e = base + min (4 * k + ivec4 (0, 1, 2, 3), ivec4 (p[1] - 1)) * p[4];
  vec4 x = vec4 (AT0 (e.x), AT0 (e.y), AT0 (e.z), AT0 (e.w));
#else
  vec4 x = in0 (base + k * p[4]);
#endif
  return mix (vec4 (none), x, greaterThan (ivec4 (p[1] - 4 * k), ivec4 (0, 1, 2, 3)));
}
float sum (vec4 x) { return x.x + x.y + (x.z + x.w); }
float largest (vec4 x) {
  x = max4 (x, x.yzwx);
  return max4 (x, x.zwxy).x;
}
vec4 texel (int i) {
  int row = i / p[2], first = i % p[2] * p[3], end = min (first + p[3], p[0]);
  int base = row / p[5] * p[6] + row % p[5];
  vec4 x = vec4 (0.0), total = vec4 (0.0);
#if KIND == 0 || KIND == 4
  vec4 most = -ENDLESS;
  for (int k = first; k < end; k++)
    most = max4 (most, load (base, k, -ENDLESS.x));
  float m = largest (most);
#endif
#if KIND == 0
  for (int k = first; k < end; k++)
    total += exp (load (base, k, -ENDLESS.x) - finite_shift (m));
  return finish (vec4 (m, sum (total), 0.0, 0.0));
#elif KIND == 1
  for (int k = first; k < end; k++)
    total += load (base, k, 0.0);
  float mean = sum (total) / float (min (4 * end, p[1]) - 4 * first);
  total = vec4 (0.0);
  for (int k = first; k < end; k++) {
    x = load (base, k, mean) - mean;
    total += x * x;
  }
  return finish (vec4 (mean, sum (total), 0.0, 0.0));
#elif KIND == 4
  int place = p[1];
  for (int k = end - 1; k >= first; k--) {
    x = load (base, k, -ENDLESS.x);
    place = x.x == m ? 4 * k : x.y == m ? 4 * k + 1 : x.z == m ? 4 * k + 2
            : x.w == m ? 4 * k + 3 : place;
  }
  return finish (vec4 (m, float (place), 0.0, 0.0));
#else
  for (int k = first; k < end; k++) {
    x = load (base, k, 0.0);
#if KIND == 2
    total += x * x;
#else
    total += abs (x);
#endif
  }
  return finish (vec4 (0.0, sum (total), 0.0, 0.0));
#endif
}
#endif
