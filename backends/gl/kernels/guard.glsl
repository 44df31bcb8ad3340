// For fragment shaders: passes where in0 has left the range of 16 bits. What lies beyond is stored as
// an infinity or as the last number, whichever the driver likes. p[0]: texels.
vec4 texel (int i) {
  if (i >= p[0] || !any (greaterThanEqual (abs (in0 (i)), vec4 (65504.0))))
    discard;
  return vec4 (1.0);
}
