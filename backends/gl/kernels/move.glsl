// Each element of the result is one of in0, or f[0]. AXES axes of the result: p[0..] sizes, p[10..]
// steps in in0; with TABLE p[20..] says where in in1 places on the axis stand instead (-1: none
// there), and with FILL places may be -1. p[30]: where to start.
// TEXELS: all of that counts texels. Else FROM_IMAGE: in0 is an image of p[31] channels with p[32]
// texels behind each; TO_IMAGE: the result is one of p[33] and p[34].
#include "element.glsl"
#if !defined (TEXELS) && !defined (TO_IMAGE)
#include "plain.glsl"
#endif
int place (int e) {
  int at = p[30];
  for (int axis = AXES - 1; axis >= 0; axis--) {
    int k = axis == 0 ? e : e % p[axis];
    e /= p[axis];
#ifdef TABLE
    if (p[20 + axis] >= 0) {
      k = int (AT1 (p[20 + axis] + k));
#ifdef FILL
      if (k < 0)
        return -1;
#endif
    }
#endif
    at += k * p[10 + axis];
  }
  return at;
}
#ifdef TEXELS
vec4 texel (int i) {
  int at = place (i);
#ifdef FILL
  if (at < 0)
    return vec4 (f[0]);
#endif
  return in0 (at);
}
#else
float element (int e) {
  int at = place (e);
#ifdef FILL
  if (at < 0)
    return f[0];
#endif
#ifdef FROM_IMAGE
  int channel = at / p[32] % p[31], image = at / p[32] / p[31];
  return pick (in0 ((image * ((p[31] + 3) / 4) + channel / 4) * p[32] + at % p[32]), channel & 3);
#else
  return AT0 (at);
#endif
}
#ifdef TO_IMAGE
vec4 texel (int i) {
  int fours = (p[33] + 3) / 4, channel = i / p[34] % fours * 4, left = p[33] - channel;
  int e = (i / p[34] / fours * p[33] + channel) * p[34] + i % p[34];
  return vec4 (element (e), left > 1 ? element (e + p[34]) : 0.0,
               left > 2 ? element (e + 2 * p[34]) : 0.0, left > 3 ? element (e + 3 * p[34]) : 0.0);
}
#endif
#endif
