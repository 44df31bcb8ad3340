// Texels in storage buffers; one thread for each texel of the result. The inputs have been declared
// before: vec4 in0 (int i) and so on.
layout (local_size_x = 64) in;
layout (std430, binding = 0) writeonly buffer Result { vec4 result_data[]; };
uniform ivec2 first; // texel, and how many from there
uniform int p[PARAMS];
uniform float f[FLOATS];
vec4 texel (int i);
void main () {
  int i = int (gl_GlobalInvocationID.x);
  if (i < first.y)
    result_data[first.x + i] = texel (first.x + i);
}
