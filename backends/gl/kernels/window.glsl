// Sizes of a sliding window: image, result, kernel, strides, dilations, padding before. Those that
// are defined already are known when the program is compiled.
#define IN_H   p[0]
#define IN_W   p[1]
#define OUT_H  p[2]
#define OUT_W  p[3]
#ifndef KERNEL
#define KERNEL ivec2 (p[4], p[5])
#define STRIDE ivec2 (p[6], p[7])
#define STEP   ivec2 (p[8], p[9])
#endif
#define BEFORE ivec2 (p[10], p[11])
#define IN_FOURS  p[12] // texels of channels
#define OUT_FOURS p[13]
// Taps first.x.. of an axis that lie inside for output position at: (first, end).
ivec2 taps (int at, int size, int kernel, int stride, int step, int before) {
  int start = at * stride - before;
  int first = start < 0 ? (-start + step - 1) / step : 0;
  int end = start >= size ? 0 : min (kernel, (size - 1 - start) / step + 1);
  return ivec2 (first, end);
}
