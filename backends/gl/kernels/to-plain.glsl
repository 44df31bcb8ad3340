// Image form into plain.
#include "element.glsl"
#include "plain.glsl"
#define CHANNELS p[0]
#define REST     p[1]
float element (int e) {
  int fours = (CHANNELS + 3) / 4;
  int c = e / REST % CHANNELS, image = e / REST / CHANNELS;
  return pick (in0 ((image * fours + c / 4) * REST + e % REST), c & 3);
}
