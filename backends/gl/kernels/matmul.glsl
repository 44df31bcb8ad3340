// Products of plain matrices: f[2] * a b, and with BIAS f[3] times what in2 says. A texel is four
// columns of a row, so rows of the result are whole fours.
#include "madd.glsl"
#include "matrix.glsl"
vec4 texel (int i) {
  int four = i % N_FOURS, row = i / N_FOURS % M;
  ivec2 at = sides (i / N_FOURS / M);
  vec4 sum = vec4 (0.0);
  for (int k = 0; k < K_FOURS; k++)
    sum = madd (sum, left (at.x, row, k), right (at.y, 4 * k, four), right (at.y, 4 * k + 1, four),
                right (at.y, 4 * k + 2, four), right (at.y, 4 * k + 3, four));
  return end (i, row, four, sum);
}
