// Convolution with whole fours of channels in every group. Weights: output fours x taps x input
// fours of a group x 4 input lanes, a texel being the four outputs.
// 0: image, 1: weights, 2: bias, 3: what is added (with ADD).
#include "activation.glsl"
#include "window.glsl"
#define GROUP_IN  p[14] // input fours of a group
#define GROUP_OUT p[15]
vec4 texel (int i) {
  int x = i % OUT_W, y = i / OUT_W % OUT_H, o = i / (OUT_W * OUT_H) % OUT_FOURS;
  int image = i / (OUT_W * OUT_H * OUT_FOURS);
  ivec2 down = taps (y, IN_H, KERNEL.x, STRIDE.x, STEP.x, BEFORE.x);
  ivec2 across = taps (x, IN_W, KERNEL.y, STRIDE.y, STEP.y, BEFORE.y);
  int plane = IN_H * IN_W, from = (image * IN_FOURS + o / GROUP_OUT * GROUP_IN) * plane;
  vec4 sum = in2 (o);
  for (int ky = down.x; ky < down.y; ky++) {
    int line = (y * STRIDE.x - BEFORE.x + ky * STEP.x) * IN_W;
    for (int kx = across.x; kx < across.y; kx++) {
      int at = from + line + x * STRIDE.y - BEFORE.y + kx * STEP.y;
      int w = ((o * KERNEL.x + ky) * KERNEL.y + kx) * GROUP_IN * 4;
      for (int c = 0; c < GROUP_IN; c++, at += plane, w += 4) {
        vec4 v = in0 (at);
        sum += v.x * in1 (w) + v.y * in1 (w + 1) + v.z * in1 (w + 2) + v.w * in1 (w + 3);
      }
    }
  }
#ifdef ADD
  sum += in3 (i);
#endif
  return act (sum);
}
