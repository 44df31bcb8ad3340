// The sum over the axes that the result lacks of in0 and, with TWO, in1 multiplied, plain.
// p[0..5] sizes of the result's axes, p[6..11] and p[12..17] steps of the operands; p[18..23],
// p[24..29], p[30..35] the same of the axes that are summed over, p[36] places of them; p[37] the last
// element. KEPT and GONE of them count.
#include "element.glsl"
// Places in both operands; at: of the sizes, n: axes.
ivec2 places (int i, int at, int n) {
  ivec2 e = ivec2 (0);
  for (int axis = n - 1; axis >= 0; axis--) {
    int rest = i / p[at + axis];
    e += (i - rest * p[at + axis]) * ivec2 (p[at + 6 + axis], p[at + 12 + axis]);
    i = rest;
  }
  return e;
}
float element (int i) {
  ivec2 base = places (min (i, p[37]), 0, KEPT);
  float total = 0.0;
  for (int k = 0; k < p[36];) {
    float sum = 0.0;
    for (int stop = min (k + 64, p[36]); k < stop; k++) {
      ivec2 e = base + places (k, 18, GONE);
#ifdef TWO
      sum += AT0 (e.x) * AT1 (e.y);
#else
      sum += AT0 (e.x);
#endif
    }
    total += sum;
  }
  return total;
}
vec4 texel (int i) {
  return vec4 (element (4 * i), element (4 * i + 1), element (4 * i + 2), element (4 * i + 3));
}
