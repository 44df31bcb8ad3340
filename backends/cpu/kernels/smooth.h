/* The logistic and the error function and what is made of them, vector by vector: written as a loop
 * over numbers, compilers follow the numbers that were clamped on a path of their own, with a
 * second division. For the kernel files only. */
#pragma once

#include "backends/cpu/kernels/math.h"

/* y and n with exp (x) = y 2^n; biased: n as m_exp_split() has it. */
GONIO_INLINE GonioVec
vec_exp_parts (GonioVec x, GonioVec *biased)
{
  const float shift = 12582912.0f;
  *biased = x * 1.44269504f + shift;
  GonioVec n = *biased - shift, r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  GonioVec p = r * 1.989197953e-04f + 1.393454192e-03f; /* see m_exp_tail() */
  p = p * r + 8.333310027e-03f;
  p = p * r + 4.166645681e-02f;
  p = p * r + 1.666666668e-01f;
  p = p * r + 5.000000014e-01f;
  return r * r * p + r + 1.0f;
}

/* 2^n for n in -126..128 */
GONIO_INLINE GonioVec
vec_power (GonioVec biased)
{
  return (GonioVec)(((GonioVecInt)biased << 23) + 0x3F800000);
}

/* 1 + exp (x), where below -86 nothing is left of the second term, so that one power of two
 * scales: 2^128, which is infinite, from 88.4 on. NaN stays. */
GONIO_INLINE GonioVec
vec_one_plus_exp (GonioVec x)
{
  GonioVec c = vec_min (vec_set (89.0f), vec_max (vec_set (-86.0f), x)), biased;
  GonioVec y = vec_exp_parts (c, &biased);
  return y * vec_power (biased) + 1.0f;
}

/* One polynomial below 1, 1 - exp (another) from there to 4, where 1 is reached; no exponent there
 * needs limits. */
GONIO_INLINE GonioVec
vec_erf (GonioVec x)
{
  const GonioVecInt sign = (GonioVecInt)vec_set (-0.0f);
  GonioVec a = (GonioVec)((GonioVecInt)x & ~sign), s = x * x, biased;
  GonioVec p = s * 7.875875050e-05f - 8.016864283e-04f;
  p = p * s + 5.189087423e-03f;
  p = p * s - 2.685421201e-02f;
  p = p * s + 1.128359472e-01f;
  p = p * s - 3.761262667e-01f;
  p = p * s + 1.128379166e+00f;
  GonioVec t = vec_min (vec_set (4.0f), a);
  GonioVec q = t * -1.637151416e-06f + 4.605804271e-05f; /* -log (erfc (t)) on [1, 4] */
  q = q * t - 5.968056258e-04f;
  q = q * t + 4.759596294e-03f;
  q = q * t - 2.642113601e-02f;
  q = q * t + 1.100800830e-01f;
  q = q * t + 6.318260516e-01f;
  q = q * t + 1.130233435e+00f;
  q = q * t - 3.201380501e-04f;
  GonioVec y = vec_exp_parts (-q, &biased);
  GonioVec large = 1.0f - y * vec_power (biased);
  large = (GonioVec)((GonioVecInt)large | ((GonioVecInt)x & sign));
  return vec_select (a < 1.0f, p * x, large);
}

#define SMOOTH_LOOP(NAME, EXPR)                                                                    \
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

SMOOTH_LOOP (ERF, vec_erf (x))
SMOOTH_LOOP (GELU, 0.5f * x * (1.0f + vec_erf (x * 0.70710678f)))
SMOOTH_LOOP (SIGMOID, one / vec_one_plus_exp (-x))
SMOOTH_LOOP (SWISH, x / vec_one_plus_exp (-p0 * x))
