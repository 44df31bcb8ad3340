// Normalised places of a grid under affine maps, plain: in0 is images x p[0] x (p[0] + 1), the result
// images x sizes x p[0], where p[2..] are the sizes, x first. p[1]: do corners lie at -1 and 1?
#include "element.glsl"
#include "plain.glsl"
float element (int e) {
  int row = e % p[0], at = e / p[0], points = 1, place = at;
  for (int d = 0; d < p[0]; d++)
    points *= p[2 + d];
  int map = (at / points * p[0] + row) * (p[0] + 1), last = map + p[0];
  float sum = AT0 (last);
  for (int d = 0; d < p[0]; d++) {
    int size = p[2 + d], k = place % size, from = map + d;
    place /= size;
    float v = p[1] == 0 ? (2.0 * float (k) + 1.0) / float (size) - 1.0
                        : (size > 1 ? 2.0 * float (k) / float (size - 1) - 1.0 : -1.0);
    sum += v * AT0 (from);
  }
  return sum;
}
