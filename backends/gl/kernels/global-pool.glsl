// MAX or average of whole planes, image form. p[0]: texels of a plane.
vec4 texel (int i) {
  vec4 sum = in0 (i * p[0]);
  for (int s = 1; s < p[0]; s++)
#ifdef MAX
    sum = max (sum, in0 (i * p[0] + s));
  return sum;
#else
    sum += in0 (i * p[0] + s);
  return sum / float (p[0]);
#endif
}
