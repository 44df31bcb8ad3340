// Texels in storage buffers; one thread for each texel of the result. The inputs have been declared
// before: vec4 in0 (int i) and so on. A kernel with THREADS defined has work groups of so many
// threads instead, whose number the step says: it defines group() and stores texels itself.
uniform ivec2 first; // texel or group, and how many from there
uniform int p[PARAMS];
uniform float f[FLOATS];
#ifdef HALF_RESULT
layout (std430, binding = 0) writeonly buffer Result { uvec2 result_data[]; };
layout (std430, binding = 9) writeonly buffer Guard { uint beyond[]; };
uniform int step;
void store (int i, vec4 v) {
  result_data[i] = uvec2 (packHalf2x16 (v.xy), packHalf2x16 (v.zw));
  if (any (greaterThan (abs (v), vec4 (65504.0))))
    beyond[step] = 1u;
}
#else
layout (std430, binding = 0) writeonly buffer Result { vec4 result_data[]; };
void store (int i, vec4 v) { result_data[i] = v; }
#endif
#ifdef THREADS
layout (local_size_x = THREADS) in;
void group (int at, int thread);
void main () {
  group (first.x + int (gl_WorkGroupID.x), int (gl_LocalInvocationID.x));
}
#else
layout (local_size_x = 64) in;
vec4 texel (int i);
void main () {
  int i = int (gl_GlobalInvocationID.x);
  if (i < first.y)
    store (first.x + i, texel (first.x + i));
}
#endif
