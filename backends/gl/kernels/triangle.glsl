// Matrices of p[0] rows and p[1] columns with 0 on one side of diagonal p[2].
#include "element.glsl"
#include "plain.glsl"
float element (int e) {
  int column = e % p[1], row = e / p[1] % p[0];
#ifdef UPPER
  return column - row >= p[2] ? AT0 (e) : 0.0;
#else
  return column - row <= p[2] ? AT0 (e) : 0.0;
#endif
}
