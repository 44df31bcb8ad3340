// Which taps of a window reach a place that windows write to. at (not negative) counts from where the
// first tap of the first window falls: the first tap, and from which to the next.
ivec2 reach (int at, int stride, int step, int kernel) {
  int tap = 0, period = 1;
  while (tap < stride && (at + (stride - tap) * step) % stride != 0)
    tap++;
  while (period < stride && period * step % stride != 0)
    period++;
  return ivec2 (tap < stride ? tap : kernel, period);
}
