// Products of plain matrices: f[2] * a b, and with BIAS f[3] times what in2 says.
// p: rows, columns, depth, steps of a (row, depth), steps of b (depth, column), products side by
// side, what one is further on in a and b, steps of the bias (row, column).
#include "activation.glsl"
#include "element.glsl"
#define COLUMNS p[1]
#define DEPTH   p[2]
float element (int e) {
  int column = e % COLUMNS, row = e / COLUMNS % p[0], product = e / COLUMNS / p[0];
  int a = product * p[7] + row * p[3], b = product * p[8] + column * p[6];
  float sum = 0.0;
  for (int k = 0; k < DEPTH; k++, a += p[4], b += p[5])
    sum += AT0 (a) * AT1 (b);
  sum *= f[2];
#ifdef BIAS
  sum += f[3] * AT2 (row * p[9] + column * p[10]);
#endif
  return sum;
}
vec4 texel (int i) {
  return act (
      vec4 (element (4 * i), element (4 * i + 1), element (4 * i + 2), element (4 * i + 3)));
}
