/* The logistic function and what is made of it, vector by vector: written as a loop over numbers,
 * compilers follow the numbers that were clamped on a path of their own, with a second division.
 * For the kernel files only. */
#pragma once

#include "backends/cpu/kernels/math.h"

/* 1 + exp (x), where below -86 nothing is left of the second term, so that one power of two
 * scales: 2^128, which is infinite, from 88.4 on. NaN stays. */
GONIO_INLINE GonioVec
vec_one_plus_exp (GonioVec x)
{
  const float shift = 12582912.0f; /* see m_exp_split() */
  GonioVec c = vec_min (vec_set (89.0f), vec_max (vec_set (-86.0f), x));
  GonioVec biased = c * 1.44269504f + shift, n = biased - shift;
  GonioVec r = c - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  GonioVec p = r * 1.989197953e-04f + 1.393454192e-03f; /* see m_exp_tail() */
  p = p * r + 8.333310027e-03f;
  p = p * r + 4.166645681e-02f;
  p = p * r + 1.666666668e-01f;
  p = p * r + 5.000000014e-01f;
  GonioVec y = r * r * p + r + 1.0f;
  return y * (GonioVec)(((GonioVecInt)biased << 23) + 0x3F800000) + 1.0f;
}

#define SIGMOID_LOOP(NAME, EXPR)                                                                   \
  static void unary_##NAME (const float *xs, float *ys, size_t n, const float *p)                  \
  {                                                                                                \
    const GonioVec p0 = vec_set (p[0]), one = vec_set (1.0f);                                      \
    (void)p0;                                                                                      \
    (void)one;                                                                                     \
    size_t i = 0;                                                                                  \
    for (; i + GONIO_LANES <= n; i += GONIO_LANES) {                                               \
      const GonioVec x = vec_load (xs + i);                                                        \
      vec_store (ys + i, EXPR);                                                                    \
    }                                                                                              \
    if (i < n) {                                                                                   \
      const GonioVec x = vec_load_part (xs + i, n - i);                                            \
      vec_store_part (ys + i, EXPR, n - i);                                                        \
    }                                                                                              \
  }

SIGMOID_LOOP (SIGMOID, one / vec_one_plus_exp (-x))
SIGMOID_LOOP (SWISH, x / vec_one_plus_exp (-p0 * x))
