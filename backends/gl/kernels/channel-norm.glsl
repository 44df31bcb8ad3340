// (x - in1) * RATE, in1 and the variance in2 holding a number for each channel; with GAIN times in3
// plus in4. Image form. p[0]: channels, p[1]: texels of a plane, p[2]: has each image its own means?
vec4 texel (int i) {
  int fours = (p[0] + 3) / 4, t = i / p[1], four = t % fours, at = p[2] == 1 ? t : four;
  vec4 variance = in2 (at);
  vec4 y = (in0 (i) - in1 (at)) * (RATE);
#ifdef GAIN
  y = y * in3 (four) + in4 (four);
#endif
  return mix (vec4 (0.0), y, greaterThan (ivec4 (p[0] - 4 * four), ivec4 (0, 1, 2, 3)));
}
