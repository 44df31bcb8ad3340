/* Branch-free single-precision functions that compilers vectorise inside a loop. Polynomials
 * are Chebyshev interpolations made for this file (relative error of the fit below 2^-25);
 * the reductions are the textbook ones. For the kernel files only. */
#pragma once

#include "backends/cpu/kernels/vec.h"

GONIO_INLINE int32_t
m_bits (float x)
{
  int32_t i;
  memcpy (&i, &x, sizeof i);
  return i;
}

GONIO_INLINE float
m_float (int32_t i)
{
  float x;
  memcpy (&x, &i, sizeof x);
  return x;
}

/* x - n ln 2 with |result| <= ln 2 / 2; the scale is 2^n in two factors, so that neither
 * overflows before the result does. */
GONIO_INLINE float
m_exp_split (float x, float *scale_a, float *scale_b)
{
  const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
  float c = x < -104.0f ? -104.0f : x;
  c = c > 89.0f ? 89.0f : c;
  float biased = c * 1.44269504f + shift;
  float n = biased - shift;
  int32_t i = (int32_t)((uint32_t)m_bits (biased) - 0x4B400000u);
  i = i < -150 ? -150 : i > 130 ? 130 : i; /* only NaN lies outside */
  int32_t half = i >> 1;
  *scale_a = m_float ((half + 127) << 23);
  *scale_b = m_float ((i - half + 127) << 23);
  float r = c - n * 0.693359375f;
  return r + n * 2.12194440e-4f;
}

/* (exp (r) - 1 - r) / r^2 for |r| <= ln 2 / 2 */
GONIO_INLINE float
m_exp_tail (float r)
{
  float p = 1.989197953e-04f;
  p = p * r + 1.393454192e-03f;
  p = p * r + 8.333310027e-03f;
  p = p * r + 4.166645681e-02f;
  p = p * r + 1.666666668e-01f;
  return p * r + 5.000000014e-01f;
}

GONIO_INLINE float
m_exp (float x)
{
  float a, b;
  float r = m_exp_split (x, &a, &b);
  float y = r * r * m_exp_tail (r) + r + 1.0f;
  return y * a * b;
}

/* exp (x) - 1 without cancellation near zero */
GONIO_INLINE float
m_expm1 (float x)
{
  float small = x * x * m_exp_tail (x) + x;
  float large = m_exp (x) - 1.0f;
  return __builtin_fabsf (x) < 0.34f ? small : large;
}

GONIO_INLINE float
m_log (float x)
{
  float scaled = x < FLT_MIN ? x * 8388608.0f : x;
  float extra = x < FLT_MIN ? -23.0f : 0.0f;
  int32_t i = (int32_t)((uint32_t)m_bits (scaled) + (0x3F800000u - 0x3F3504F3u));
  float e = (float)((i >> 23) - 127) + extra;
  float f = m_float ((i & 0x7FFFFF) + 0x3F3504F3) - 1.0f; /* [sqrt 1/2, sqrt 2) - 1 */
  float p = 6.971611443e-02f;
  p = p * f - 1.147973381e-01f;
  p = p * f + 1.168541992e-01f;
  p = p * f - 1.242568734e-01f;
  p = p * f + 1.424905765e-01f;
  p = p * f - 1.666780232e-01f;
  p = p * f + 2.000071575e-01f;
  p = p * f - 2.499999696e-01f;
  p = p * f + 3.333333118e-01f;
  float f2 = f * f;
  float y = f2 * f * p - e * 2.12194440e-4f;
  y = y - 0.5f * f2;
  y = y + f + e * 0.693359375f;
  y = x == 0.0f ? -INFINITY : y;
  y = x < 0.0f ? NAN : y;
  return x < INFINITY ? y : x; /* infinity and NaN are their own logarithm */
}

/* log (1 + t) for t in [0, 1] */
GONIO_INLINE float
m_log1p (float t)
{
  float u = 1.0f + t;
  float d = u - 1.0f;
  float y = m_log (u) * t / (d == 0.0f ? 1.0f : d);
  return d == 0.0f ? t : y;
}

GONIO_INLINE float
m_tanh (float x)
{
  float a = __builtin_fabsf (x);
  float s = x * x;
  float p = 2.292744936e-03f;
  p = p * s - 8.343945658e-03f;
  p = p * s + 2.176891871e-02f;
  p = p * s - 5.395925959e-02f;
  p = p * s + 1.333330356e-01f;
  p = p * s - 3.333333317e-01f;
  float small = p * s * x + x;
  float large = 1.0f - 2.0f / (m_exp (2.0f * a) + 1.0f);
  return a < 0.625f ? small : __builtin_copysignf (large, x);
}

GONIO_INLINE float
m_clip (float x, float lo, float hi)
{
  float y = x < lo ? lo : x;
  return y > hi ? hi : y;
}

GONIO_INLINE float
m_softplus (float x)
{
  return (x > 0.0f ? x : 0.0f) + m_log1p (m_exp (-__builtin_fabsf (x))) + (x != x ? x : 0.0f);
}

/* x tanh (softplus (x)) with tanh (log (1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2) */
GONIO_INLINE float
m_mish (float x)
{
  float e = m_exp (x > 20.0f ? 20.0f : x);
  float n = e * (e + 2.0f);
  return x > 20.0f ? x : x * (n / (n + 2.0f));
}

GONIO_INLINE float
m_sign (float x)
{
  float y = (x > 0.0f ? 1.0f : 0.0f) - (x < 0.0f ? 1.0f : 0.0f);
  return x != x ? x : y;
}
