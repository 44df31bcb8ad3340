// The sides of matrix products in plain form, and what is added.
// p: rows, columns, depth, steps of a (row, depth), steps of b (depth, column), 7: fours of
// columns, 8: fours of depth, steps of the bias (row, column); 16..: sizes of BATCHES axes of
// products, what one is further on in a from 20, in b from 24.
// LEFT_WHOLE: rows of a are whole fours; RIGHT_WHOLE: rows of b are. RIGHT_PACKED: b is constant:
// rows of fours, zeros at its end.
#include "activation.glsl"
#include "element.glsl"
#define M      p[0]
#define N      p[1]
#define K      p[2]
#define N_FOURS p[7]
#define K_FOURS p[8]
// Where a product begins in a and b.
ivec2 sides (int product) {
  ivec2 at = ivec2 (0);
#if BATCHES > 0
  for (int axis = BATCHES - 1; axis >= 0; axis--) {
    at += product % p[16 + axis] * ivec2 (p[20 + axis], p[24 + axis]);
    product /= p[16 + axis];
  }
#endif
  return at;
}
// Four of the depth in a row; zeros beyond it.
vec4 left (int at, int row, int four) {
#ifdef LEFT_WHOLE
  if (four >= K_FOURS)
    return vec4 (0.0);
  return in0 ((at + row * K >> 2) + four);
#else
  int k = four * 4, e = at + row * p[3] + k * p[4];
  vec4 v = vec4 (0.0);
  if (k < K)
    v.x = AT0 (e);
  if (k + 1 < K)
    v.y = AT0 (e + p[4]);
  if (k + 2 < K)
    v.z = AT0 (e + 2 * p[4]);
  if (k + 3 < K)
    v.w = AT0 (e + 3 * p[4]);
  return v;
#endif
}
// Four columns of a line of the depth; zeros beyond either.
vec4 right (int at, int k, int four) {
#ifdef RIGHT_PACKED
  return in1 (k * N_FOURS + four);
#else
  if (k >= K)
    return vec4 (0.0);
#ifdef RIGHT_WHOLE
  return in1 ((at + k * N >> 2) + four);
#else
  int n = four * 4, e = at + k * p[5] + n * p[6];
  vec4 v = vec4 (AT1 (e), 0.0, 0.0, 0.0);
  if (n + 1 < N)
    v.y = AT1 (e + p[6]);
  if (n + 2 < N)
    v.z = AT1 (e + 2 * p[6]);
  if (n + 3 < N)
    v.w = AT1 (e + 3 * p[6]);
  return v;
#endif
#endif
}
// What becomes of a sum. i: the texel of the result.
vec4 end (int i, int row, int four, vec4 v) {
  v *= f[2];
#ifdef BIAS
  int e = row * p[9], n = four * 4, last = N - 1;
  v += f[3] * vec4 (AT2 (e + min (n, last) * p[10]), AT2 (e + min (n + 1, last) * p[10]),
                    AT2 (e + min (n + 2, last) * p[10]), AT2 (e + min (n + 3, last) * p[10]));
#endif
#ifdef ADD
  v += in3 (i);
#endif
  return act (v);
}
