// Texels in textures that are 2048 wide; a fragment for each texel of the result. The inputs have
// been declared before: vec4 in0 (int i) and so on.
uniform int p[PARAMS];
uniform float f[FLOATS];
out vec4 result_texel;
vec4 texel (int i);
void main () {
  result_texel = texel (int (gl_FragCoord.y) * 2048 + int (gl_FragCoord.x));
}
