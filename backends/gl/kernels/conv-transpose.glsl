// Transposed convolution: what each texel of the result is reached by. Groups of whole fours of
// channels, or DEPTHWISE. Weights: output fours x taps x input fours of a group x 4 input lanes, a
// texel being the four outputs; DEPTHWISE: fours x taps. 0: image, 1: weights, 2: bias.
#include "activation.glsl"
#include "reach.glsl"
#include "window.glsl"
#define GROUP_IN  p[14] // input fours of a group
#define GROUP_OUT p[15]
vec4 texel (int i) {
  int x = i % OUT_W, y = i / OUT_W % OUT_H, o = i / (OUT_W * OUT_H);
  int plane = IN_H * IN_W;
#ifdef DEPTHWISE
  int from = o * plane;
#else
  int image = o / OUT_FOURS;
  int from = (image * IN_FOURS + o % OUT_FOURS / GROUP_OUT * GROUP_IN) * plane;
#endif
  o %= OUT_FOURS;
  ivec2 at = ivec2 (y, x) + BEFORE;
  ivec2 down = reach (at.x, STRIDE.x, STEP.x, KERNEL.x);
  ivec2 across = reach (at.y, STRIDE.y, STEP.y, KERNEL.y);
  vec4 sum = in2 (o);
  for (int ky = down.x; ky < KERNEL.x; ky += down.y) {
    int row = at.x - ky * STEP.x;
    if (row < 0 || row / STRIDE.x >= IN_H)
      continue;
    for (int kx = across.x; kx < KERNEL.y; kx += across.y) {
      int column = at.y - kx * STEP.y;
      if (column < 0 || column / STRIDE.y >= IN_W)
        continue;
      int v = from + row / STRIDE.x * IN_W + column / STRIDE.y;
      int w = (o * KERNEL.x + ky) * KERNEL.y + kx;
#ifdef DEPTHWISE
      sum += in0 (v) * in1 (w);
#else
      w *= GROUP_IN * 4;
      for (int c = 0; c < GROUP_IN; c++, v += plane, w += 4) {
        vec4 lanes = in0 (v);
        sum += lanes.x * in1 (w) + lanes.y * in1 (w + 1) + lanes.z * in1 (w + 2) +
               lanes.w * in1 (w + 3);
      }
#endif
    }
  }
  return act (sum);
}
