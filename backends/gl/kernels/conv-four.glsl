// Convolution as conv.glsl makes it, four pixels of the result for each fragment, so that weights are
// read once for all: each into a target of its own, which join-four.glsl puts together.
// 0: image, 1: weights, 2: bias, 3: what is added (with ADD).
#include "activation.glsl"
#include "madd.glsl"
#include "window.glsl"
#define GROUP_IN  p[14] // input fours of a group
#define GROUP_OUT p[15]
#define QUADS     p[16] // fours of pixels of a plane
vec4 sums[4];
void add_pixel (int at, bool inside, vec4 w0, vec4 w1, vec4 w2, vec4 w3, inout vec4 sum) {
  if (inside)
    sum = madd (sum, in0 (at), w0, w1, w2, w3);
}
// One tap.
void channels (ivec4 at, bvec4 inside, int w) {
  for (int c = 0; c < GROUP_IN; c++, at += IN_H * IN_W, w += 4) {
    vec4 w0 = in1 (w), w1 = in1 (w + 1), w2 = in1 (w + 2), w3 = in1 (w + 3);
    add_pixel (at.x, inside.x, w0, w1, w2, w3, sums[0]);
    add_pixel (at.y, inside.y, w0, w1, w2, w3, sums[1]);
    add_pixel (at.z, inside.z, w0, w1, w2, w3, sums[2]);
    add_pixel (at.w, inside.w, w0, w1, w2, w3, sums[3]);
  }
}
void texels (int i) {
  int plane = OUT_W * OUT_H, o = i / QUADS % OUT_FOURS, image = i / QUADS / OUT_FOURS;
  int from = (image * IN_FOURS + o / GROUP_OUT * GROUP_IN) * IN_H * IN_W;
  ivec4 pixel = min (i % QUADS * 4 + ivec4 (0, 1, 2, 3), plane - 1);
#ifdef POSITIONS
  sums[0] = sums[1] = sums[2] = sums[3] = vec4 (0.0);
  o += image * OUT_FOURS;
#else
  sums[0] = sums[1] = sums[2] = sums[3] = in2 (o);
#endif
#ifdef POINT
  channels (from + pixel, bvec4 (true), o * GROUP_IN * 4);
#else
  ivec4 y = pixel / OUT_W, x = (pixel - y * OUT_W) * STRIDE.y - BEFORE.y;
  y = y * STRIDE.x - BEFORE.x;
  for (int ky = 0; ky < KERNEL.x; ky++)
    for (int kx = 0; kx < KERNEL.y; kx++) {
      ivec4 line = y + ky * STEP.x, column = x + kx * STEP.y;
      bvec4 inside = bvec4 (ivec4 (greaterThanEqual (min (line, column), ivec4 (0))) *
                            ivec4 (lessThan (line, ivec4 (IN_H))) *
                            ivec4 (lessThan (column, ivec4 (IN_W))));
      if (any (inside))
        channels (from + line * IN_W + column, inside,
                  ((o * KERNEL.x + ky) * KERNEL.y + kx) * GROUP_IN * 4);
    }
#endif
#ifdef ADD
  i = i / QUADS * plane;
  sums[0] += in3 (i + pixel.x);
  sums[1] += in3 (i + pixel.y);
  sums[2] += in3 (i + pixel.z);
  sums[3] += in3 (i + pixel.w);
#endif
  result_texels[0] = act (sums[0]);
  result_texels[1] = act (sums[1]);
  result_texels[2] = act (sums[2]);
  result_texels[3] = act (sums[3]);
}
