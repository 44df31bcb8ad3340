// Four targets of conv-four.glsl into one image. 0 .. 3: the targets.
#define PLANE p[0] // texels
#define QUADS p[1]
vec4 texel (int i) {
  int pixel = i % PLANE, at = i / PLANE * QUADS + pixel / 4;
  pixel %= 4;
  if (pixel < 2)
    return pixel == 0 ? in0 (at) : in1 (at);
  return pixel == 2 ? in2 (at) : in3 (at);
}
