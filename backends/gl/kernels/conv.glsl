// Convolution with whole fours of channels in every group. Weights: output fours x taps x input
// fours of a group x 4 input lanes, a texel being the four outputs.
// POINT: one tap, pixel upon pixel. POSITIONS (with POINT): pictures have weights of their own, and
// there is no bias (Winograd's products).
// 0: image, 1: weights, 2: bias, 3: what is added (with ADD).
#include "activation.glsl"
#include "madd.glsl"
#include "window.glsl"
#define GROUP_IN  p[14] // input fours of a group
#define GROUP_OUT p[15]
// One tap.
vec4 channels (vec4 sum, int at, int w) {
  for (int c = 0; c < GROUP_IN; c++, at += IN_H * IN_W, w += 4)
    sum = madd (sum, in0 (at), in1 (w), in1 (w + 1), in1 (w + 2), in1 (w + 3));
  return sum;
}
vec4 texel (int i) {
  int plane = OUT_W * OUT_H, pixel = i % plane, o = i / plane % OUT_FOURS;
  int image = i / plane / OUT_FOURS;
  int from = (image * IN_FOURS + o / GROUP_OUT * GROUP_IN) * IN_H * IN_W;
#ifdef POSITIONS
  vec4 sum = vec4 (0.0);
  o += image * OUT_FOURS;
#else
  vec4 sum = in2 (o);
#endif
#ifdef POINT
  sum = channels (sum, from + pixel, o * GROUP_IN * 4);
#else
  int x = pixel % OUT_W, y = pixel / OUT_W;
  ivec2 down = taps (y, IN_H, KERNEL.x, STRIDE.x, STEP.x, BEFORE.x);
  ivec2 across = taps (x, IN_W, KERNEL.y, STRIDE.y, STEP.y, BEFORE.y);
  for (int ky = down.x; ky < down.y; ky++) {
    int line = (y * STRIDE.x - BEFORE.x + ky * STEP.x) * IN_W;
    for (int kx = across.x; kx < across.y; kx++)
      sum = channels (sum, from + line + x * STRIDE.y - BEFORE.y + kx * STEP.y,
                      ((o * KERNEL.x + ky) * KERNEL.y + kx) * GROUP_IN * 4);
  }
#endif
#ifdef ADD
  sum += in3 (i);
#endif
  return act (sum);
}
