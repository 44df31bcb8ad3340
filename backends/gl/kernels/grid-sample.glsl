// An image, in0, where a grid of plain pairs, in1, says. p[0], p[1]: its height and width, p[2]:
// places of an image's grid, p[3]: fours of channels. SAMPLING 0: nearest, 1: linear, 2: cubic;
// PADDING 0: zeros, 1: border, 2: reflection; CORNERS 1: -1 and 1 are the corner pixels' middles.
float reflected (float x, float low, float high) {
  float range = high - low;
  if (range <= 0.0)
    return low;
  float over = mod (abs (x - low), 2.0 * range);
  return low + (over <= range ? over : 2.0 * range - over);
}
// In pixels; far away for what is no number.
float position (float v, int n) {
  float size = float (n);
#if CORNERS == 1
  float x = (v + 1.0) / 2.0 * (size - 1.0), low = 0.0, high = size - 1.0;
#else
  float x = ((v + 1.0) * size - 1.0) / 2.0, low = -0.5, high = size - 0.5;
#endif
  if (!(x > -1e9))
    x = -1e9;
  x = min (x, 1e9);
#if SAMPLING == 0
  x = roundEven (x);
#endif
  if (x >= low && x <= high)
    return x;
#if PADDING == 1
  return clamp (x, 0.0, size - 1.0);
#elif PADDING == 2
  return reflected (x, low, high);
#else
  return x;
#endif
}
// The pixel that a tap stands for; -1: zero.
int tap (float i, int n) {
  float size = float (n);
  if (i >= 0.0 && i < size)
    return int (i);
#if PADDING == 0
  return -1;
#else
#if PADDING == 2 && CORNERS == 1
  i = reflected (i, 0.0, size - 1.0);
#elif PADDING == 2
  i = reflected (i, -0.5, size - 0.5);
#endif
  return int (clamp (i, 0.0, size - 1.0));
#endif
}
// Taps of an axis, one, two or four from `base` on, and how much of each.
void taps (float x, out float base, out vec4 weights) {
  float t = x - floor (x);
#if SAMPLING == 0
  base = trunc (x);
  weights = vec4 (1.0, 0.0, 0.0, 0.0);
#elif SAMPLING == 1
  base = floor (x);
  weights = vec4 (1.0 - t, t, 0.0, 0.0);
#else
  const float a = -0.75;
  base = floor (x) - 1.0;
  vec4 d = vec4 (t + 1.0, t, 1.0 - t, 2.0 - t);
  weights = mix (((a + 2.0) * d - (a + 3.0)) * d * d + 1.0,
                 ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a,
                 bvec4 (true, false, false, true));
#endif
}
vec4 texel (int i) {
  int point = i % p[2], four = i / p[2], e = (four / p[3] * p[2] + point) * 2;
  vec4 pair = in1 (e >> 2), wx, wy;
  if ((e & 2) != 0)
    pair.xy = pair.zw;
  float left, top;
  taps (position (pair.x, p[1]), left, wx);
  taps (position (pair.y, p[0]), top, wy);
  const int n = SAMPLING == 2 ? 4 : SAMPLING + 1;
  vec4 sum = vec4 (0.0);
  for (int r = 0; r < n; r++) {
    int row = tap (top + float (r), p[0]);
    for (int c = 0; c < n; c++) {
      int column = tap (left + float (c), p[1]);
      float w = (r == 0 ? wy.x : r == 1 ? wy.y : r == 2 ? wy.z : wy.w) *
                (c == 0 ? wx.x : c == 1 ? wx.y : c == 2 ? wx.z : wx.w);
      if (row >= 0 && column >= 0)
        sum += w * in0 ((four * p[0] + row) * p[1] + column);
    }
  }
  return sum;
}
