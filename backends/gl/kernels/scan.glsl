// Sums or PRODUCTs of what stands before each element on an axis of p[0], p[1] elements apart;
// p[2]: without itself, p[3]: from the end.
#include "element.glsl"
#include "plain.glsl"
float element (int e) {
  int k = e / p[1] % p[0], from = e - k * p[1];
  int begin = p[3] == 1 ? k + p[2] : 0, end = p[3] == 1 ? p[0] : k + 1 - p[2];
#ifdef PRODUCT
  float sum = 1.0;
#else
  float sum = 0.0;
#endif
  for (int n = begin; n < end; n++) {
    int at = from + n * p[1];
#ifdef PRODUCT
    sum *= AT0 (at);
#else
    sum += AT0 (at);
#endif
  }
  return sum;
}
