// Convolution of every channel by itself. Weights: fours x taps. 0: image, 1: weights, 2: bias,
// 3: what is added (with ADD).
#include "activation.glsl"
#include "window.glsl"
vec4 texel (int i) {
  int x = i % OUT_W, y = i / OUT_W % OUT_H, c = i / (OUT_W * OUT_H);
  ivec2 down = taps (y, IN_H, KERNEL.x, STRIDE.x, STEP.x, BEFORE.x);
  ivec2 across = taps (x, IN_W, KERNEL.y, STRIDE.y, STEP.y, BEFORE.y);
  int w = c % OUT_FOURS * KERNEL.x * KERNEL.y;
  vec4 sum = in2 (c % OUT_FOURS);
  for (int ky = down.x; ky < down.y; ky++) {
    int line = (c * IN_H + y * STRIDE.x - BEFORE.x + ky * STEP.x) * IN_W;
    for (int kx = across.x; kx < across.y; kx++)
      sum += in0 (line + x * STRIDE.y - BEFORE.y + kx * STEP.y) * in1 (w + ky * KERNEL.y + kx);
  }
#ifdef ADD
  sum += in3 (i);
#endif
  return act (sum);
}
