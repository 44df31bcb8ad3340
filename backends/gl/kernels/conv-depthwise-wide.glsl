// Convolution of every channel by itself, four pixels side by side to a thread. KERNEL_W and
// STRIDE_W are known; no dilation across. Weights: fours x taps.
// 0: image, 1: weights, 2: bias, 3: what is added (with ADD).
#include "activation.glsl"
#include "window.glsl"
#define ACROSS p[16] // fours of pixels of a line
#define ALL    p[17] // fours of pixels
#define NEEDED (3 * STRIDE_W + KERNEL_W)
void put (int x, int i, vec4 v) {
  if (x >= OUT_W)
    return;
#ifdef ADD
  v += in3 (i);
#endif
  store (i, act (v));
}
void group (int at, int thread) {
  int i = at * THREADS + thread;
  if (i >= ALL)
    return;
  int x = i % ACROSS * 4, y = i / ACROSS % OUT_H, c = i / ACROSS / OUT_H;
  ivec2 down = taps (y, IN_H, KERNEL.x, STRIDE.x, STEP.x, BEFORE.x);
  int start = x * STRIDE_W - BEFORE.y;
  vec4 s0 = in2 (c % OUT_FOURS), s1 = s0, s2 = s0, s3 = s0;
  for (int ky = down.x; ky < down.y; ky++) {
    int line = (c * IN_H + y * STRIDE.x - BEFORE.x + ky * STEP.x) * IN_W;
    int weights = (c % OUT_FOURS * KERNEL.x + ky) * KERNEL_W;
    vec4 v[NEEDED];
    for (int k = 0; k < NEEDED; k++) {
      v[k] = vec4 (0.0);
      if (start + k >= 0 && start + k < IN_W)
        v[k] = in0 (line + start + k);
    }
    for (int k = 0; k < KERNEL_W; k++) {
      vec4 w = in1 (weights + k);
      s0 += w * v[k];
      s1 += w * v[k + STRIDE_W];
      s2 += w * v[k + 2 * STRIDE_W];
      s3 += w * v[k + 3 * STRIDE_W];
    }
  }
  int o = (c * OUT_H + y) * OUT_W + x;
  put (x, o, s0);
  put (x + 1, o + 1, s1);
  put (x + 2, o + 2, s2);
  put (x + 3, o + 3, s3);
}
