// Plain into image form: four channels to a texel, 0 where there is none.
#include "element.glsl"
#define CHANNELS p[0]
#define REST     p[1]
vec4 texel (int i) {
  int fours = (CHANNELS + 3) / 4;
  int image = i / REST / fours, c = i / REST % fours * 4;
  int e = (image * CHANNELS + c) * REST + i % REST;
  int left = CHANNELS - c;
  return vec4 (AT0 (e), left > 1 ? AT0 (e + REST) : 0.0, left > 2 ? AT0 (e + 2 * REST) : 0.0,
               left > 3 ? AT0 (e + 3 * REST) : 0.0);
}
