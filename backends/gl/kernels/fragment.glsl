// Texels in textures that are 2048 wide; a fragment for each texel of the result. The inputs have
// been declared before: vec4 in0 (int i) and so on. A kernel with TARGETS defined has so many results,
// whose texels i it makes at once.
uniform int p[PARAMS];
uniform float f[FLOATS];
int place () { return int (gl_FragCoord.y) * 2048 + int (gl_FragCoord.x); }
#ifdef TARGETS
layout (location = 0) out vec4 result_texels[TARGETS];
void texels (int i);
void main () { texels (place ()); }
#else
out vec4 result_texel;
vec4 texel (int i);
void main () { result_texel = texel (place ()); }
#endif
