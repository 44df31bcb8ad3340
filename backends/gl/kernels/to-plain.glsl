// Image form into plain.
#include "element.glsl"
#define CHANNELS p[0]
#define REST     p[1]
float element (int e) {
  int fours = (CHANNELS + 3) / 4;
  int c = e / REST % CHANNELS, image = e / REST / CHANNELS;
  return pick (in0 ((image * fours + c / 4) * REST + e % REST), c & 3);
}
vec4 texel (int i) {
  return vec4 (element (4 * i), element (4 * i + 1), element (4 * i + 2), element (4 * i + 3));
}
