// MAX, LP (1, 2 or 3: f[2]) norm or average of windows, image form. p[14]: does the padding count,
// with p[15], p[16] its end?
#ifndef LP
#define LP 0
#endif
#include "functions.glsl"
#include "window.glsl"
vec4 texel (int i) {
  int x = i % OUT_W, y = i / OUT_W % OUT_H, c = i / (OUT_W * OUT_H);
  ivec2 down = taps (y, IN_H, KERNEL.x, STRIDE.x, STEP.x, BEFORE.x);
  ivec2 across = taps (x, IN_W, KERNEL.y, STRIDE.y, STEP.y, BEFORE.y);
#ifdef MAX
  vec4 sum = vec4 (-3.402823466e38);
#else
  vec4 sum = vec4 (0.0);
#endif
  for (int ky = down.x; ky < down.y; ky++) {
    int line = (c * IN_H + y * STRIDE.x - BEFORE.x + ky * STEP.x) * IN_W;
    for (int kx = across.x; kx < across.y; kx++) {
      vec4 v = in0 (line + x * STRIDE.y - BEFORE.y + kx * STEP.y);
#ifdef MAX
      sum = ky == down.x && kx == across.x ? v : max4 (sum, v);
#elif LP == 1
      sum += abs (v);
#elif LP == 2
      sum += v * v;
#elif LP == 3
      sum += pow (abs (v), vec4 (f[2]));
#else
      sum += v;
#endif
    }
  }
#if defined(MAX) || LP == 1
  return sum;
#elif LP == 2
  return sqrt (sum);
#elif LP == 3
  return pow (sum, vec4 (1.0 / f[2]));
#else
  int count = max (down.y - down.x, 0) * max (across.y - across.x, 0);
  if (p[14] == 1) {
    ivec2 h = taps (y, IN_H + p[15] + BEFORE.x, KERNEL.x, STRIDE.x, STEP.x, 0);
    ivec2 w = taps (x, IN_W + p[16] + BEFORE.y, KERNEL.y, STRIDE.y, STEP.y, 0);
    count = (h.y - h.x) * (w.y - w.x);
  }
  return sum / float (max (count, 1));
#endif
}
