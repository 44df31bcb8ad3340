// As matmul.glsl, four rows of the result for each fragment, so that the right side is read once for
// all: each into a target of its own, which join-four.glsl puts together.
#include "madd.glsl"
#include "matrix.glsl"
#define QUADS p[11] // fours of rows of a product
void texels (int i) {
  int four = i % N_FOURS, product = i / N_FOURS / QUADS;
  ivec4 row = min (i / N_FOURS % QUADS * 4 + ivec4 (0, 1, 2, 3), M - 1);
  ivec4 at = (product * M + row) * N_FOURS + four;
  ivec2 from = sides (product);
  vec4 sums[4];
  sums[0] = sums[1] = sums[2] = sums[3] = vec4 (0.0);
  for (int k = 0; k < K_FOURS; k++) {
    vec4 w0 = right (from.y, 4 * k, four), w1 = right (from.y, 4 * k + 1, four),
         w2 = right (from.y, 4 * k + 2, four), w3 = right (from.y, 4 * k + 3, four);
    sums[0] = madd (sums[0], left (from.x, row.x, k), w0, w1, w2, w3);
    sums[1] = madd (sums[1], left (from.x, row.y, k), w0, w1, w2, w3);
    sums[2] = madd (sums[2], left (from.x, row.z, k), w0, w1, w2, w3);
    sums[3] = madd (sums[3], left (from.x, row.w, k), w0, w1, w2, w3);
  }
  result_texels[0] = end (at.x, row.x, four, sums[0]);
  result_texels[1] = end (at.y, row.y, four, sums[1]);
  result_texels[2] = end (at.z, row.z, four, sums[2]);
  result_texels[3] = end (at.w, row.w, four, sums[3]);
}
