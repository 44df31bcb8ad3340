// in1 where in0 is not 0, else in2. Plain values over 6 axes: p[0..5] sizes, p[6..], p[12..] and
// p[18..] steps of each.
#include "element.glsl"
#include "plain.glsl"
float element (int e) {
  ivec3 at = ivec3 (0);
  for (int axis = 5; axis >= 0; axis--) {
    at += e % p[axis] * ivec3 (p[6 + axis], p[12 + axis], p[18 + axis]);
    e /= p[axis];
  }
  if (AT0 (at.x) != 0.0)
    return AT1 (at.y);
  return AT2 (at.z);
}
