// The average over groups of channels, image form without a plane: each channel gets its group's.
// p[0]: channels, p[1]: those of a group.
#include "element.glsl"
float mean (int image, int c) {
  int from = c / p[1] * p[1], fours = (p[0] + 3) / 4;
  float sum = 0.0;
  for (int k = from; k < from + p[1]; k++)
    sum += pick (in0 (image * fours + k / 4), k & 3);
  return sum / float (p[1]);
}
vec4 texel (int i) {
  int fours = (p[0] + 3) / 4, image = i / fours;
  ivec4 c = min (4 * (i - image * fours) + ivec4 (0, 1, 2, 3), ivec4 (p[0] - 1));
  return vec4 (mean (image, c.x), mean (image, c.y), mean (image, c.z), mean (image, c.w));
}
