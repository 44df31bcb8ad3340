// PARTS inputs side by side along an axis: outer x p[1] x p[0], counted in texels with TEXELS, else
// in elements. p[8..]: where on the axis each part ends. p[4]: texels of the result before the first.
// Without TEXELS p[16..] and p[24..] are channels of each part and texels behind each where it is an
// image, else 0, and with TO_IMAGE p[2], p[3] those of the result.
#include "element.glsl"
#if !defined (TEXELS) && !defined (TO_IMAGE)
#include "plain.glsl"
#endif
vec4 from (int part, int i) {
#if PARTS > 1
  if (part == 1)
    return in1 (i);
#endif
#if PARTS > 2
  if (part == 2)
    return in2 (i);
#endif
#if PARTS > 3
  if (part == 3)
    return in3 (i);
#endif
#if PARTS > 4
  if (part == 4)
    return in4 (i);
#endif
#if PARTS > 5
  if (part == 5)
    return in5 (i);
#endif
#if PARTS > 6
  if (part == 6)
    return in6 (i);
#endif
#if PARTS > 7
  if (part == 7)
    return in7 (i);
#endif
  return in0 (i);
}
// Which part e is of, and where in it.
ivec2 place (int e) {
  int k = e / p[0] % p[1], outer = e / p[0] / p[1], part = 0;
  for (int n = 0; n < PARTS - 1; n++)
    part += k >= p[8 + n] ? 1 : 0;
  int start = part == 0 ? 0 : p[7 + part];
  return ivec2 (part, (outer * (p[8 + part] - start) + k - start) * p[0] + e % p[0]);
}
#if defined (TEXELS) && PARTS == 1
vec4 texel (int i) { return in0 (i - p[4]); }
#elif defined (TEXELS)
vec4 texel (int i) {
  ivec2 at = place (i - p[4]);
  return from (at.x, at.y);
}
#else
float element (int e) {
  ivec2 at = place (e);
  int channels = p[16 + at.x], rest = p[24 + at.x];
  if (channels == 0)
    return pick (from (at.x, at.y >> 2), at.y & 3);
  int channel = at.y / rest % channels, image = at.y / rest / channels;
  return pick (from (at.x, (image * ((channels + 3) / 4) + channel / 4) * rest + at.y % rest),
               channel & 3);
}
#ifdef TO_IMAGE
vec4 texel (int i) {
  int fours = (p[2] + 3) / 4, channel = i / p[3] % fours * 4, left = p[2] - channel;
  int e = (i / p[3] / fours * p[2] + channel) * p[3] + i % p[3];
  return vec4 (element (e), left > 1 ? element (e + p[3]) : 0.0,
               left > 2 ? element (e + 2 * p[3]) : 0.0, left > 3 ? element (e + 3 * p[3]) : 0.0);
}
#endif
#endif
