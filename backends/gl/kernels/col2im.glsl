// Columns added up to images, plain: images x channels x taps x windows into images x channels x
// places. Of window.glsl p[0], p[1] are the windows here.
#include "element.glsl"
#include "plain.glsl"
#include "reach.glsl"
#include "window.glsl"
float element (int e) {
  int x = e % OUT_W, y = e / OUT_W % OUT_H, channel = e / (OUT_W * OUT_H);
  ivec2 at = ivec2 (y, x) + BEFORE;
  ivec2 down = reach (at.x, STRIDE.x, STEP.x, KERNEL.x);
  ivec2 across = reach (at.y, STRIDE.y, STEP.y, KERNEL.y);
  float sum = 0.0;
  for (int ky = down.x; ky < KERNEL.x; ky += down.y) {
    int row = at.x - ky * STEP.x;
    if (row < 0 || row / STRIDE.x >= IN_H)
      continue;
    for (int kx = across.x; kx < KERNEL.y; kx += across.y) {
      int column = at.y - kx * STEP.y;
      if (column < 0 || column / STRIDE.y >= IN_W)
        continue;
      int tap = (channel * KERNEL.x + ky) * KERNEL.y + kx;
      int from = (tap * IN_H + row / STRIDE.x) * IN_W + column / STRIDE.y;
      sum += AT0 (from);
    }
  }
  return sum;
}
