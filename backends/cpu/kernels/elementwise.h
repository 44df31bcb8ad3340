/* Loops over elements. For the kernel files only. */
#pragma once

#include "backends/cpu/kernels/smooth.h"

#define GONIO_SIMD _Pragma ("omp simd")

#define UNARY_LOOP(NAME, PRAGMA, EXPR)                                                             \
  static void unary_##NAME (const float *xs, float *ys, size_t n, const float *p)                  \
  {                                                                                                \
    const float p0 = p[0], p1 = p[1];                                                              \
    (void)p0;                                                                                      \
    (void)p1;                                                                                      \
    PRAGMA                                                                                         \
    for (size_t i = 0; i < n; i++) {                                                               \
      const float x = xs[i];                                                                       \
      ys[i] = (EXPR);                                                                              \
    }                                                                                              \
  }
#define UNARY(NAME, EXPR) UNARY_LOOP (NAME, GONIO_SIMD, EXPR)
/* By the C library, one at a time. */
#define UNARY_CALL(NAME, FUNC) UNARY_LOOP (NAME, , FUNC (x))

UNARY (ABS, __builtin_fabsf (x))
UNARY_CALL (ACOS, acosf)
UNARY_CALL (ACOSH, acoshf)
UNARY (AFFINE, x *p0 + p1)
UNARY_CALL (ASIN, asinf)
UNARY_CALL (ASINH, asinhf)
UNARY_CALL (ATAN, atanf)
UNARY_CALL (ATANH, atanhf)
UNARY (CEIL, __builtin_ceilf (x))
UNARY (CELU, x < 0.0f ? p0 * m_expm1 (x / p0) : x)
UNARY (CLIP, m_clip (x, p0, p1))
UNARY_CALL (COS, cosf)
UNARY_CALL (COSH, coshf)
UNARY (ELU, x < 0.0f ? p0 * m_expm1 (x) : x)
UNARY (EXP, m_exp (x))
UNARY (FLOOR, __builtin_floorf (x))
UNARY (GELU_TANH, 0.5f * x * (1.0f + m_tanh (0.79788456f * (x + 0.044715f * x * x * x))))
UNARY (HARD_SIGMOID, m_clip (p0 *x + p1, 0.0f, 1.0f))
UNARY (HARD_SWISH, x *m_clip (x *(1.0f / 6.0f) + 0.5f, 0.0f, 1.0f))
UNARY (LEAKY_RELU, x < 0.0f ? x * p0 : x)
UNARY (LOG, m_log (x))
UNARY (MISH, m_mish (x))
UNARY (NEG, -x)
UNARY (RECIPROCAL, 1.0f / x)
UNARY (RELU, x < 0.0f ? 0.0f : x)
UNARY (ROUND, __builtin_rintf (x))
UNARY (SELU, p1 *(x < 0.0f ? p0 * m_expm1 (x) : x))
UNARY (SHRINK, x<-p1 ? x + p0 : x> p1 ? x - p0 : 0.0f)
UNARY (SIGN, m_sign (x))
UNARY_CALL (SIN, sinf)
UNARY_CALL (SINH, sinhf)
UNARY (SOFTPLUS, m_softplus (x))
UNARY (SOFTSIGN, x / (1.0f + __builtin_fabsf (x)))
UNARY (SQRT, __builtin_sqrtf (x))
UNARY (SQUARE, x *x)
UNARY_CALL (TAN, tanf)
UNARY (TANH, m_tanh (x))
UNARY (THRESHOLDED_RELU, x > p0 ? x : 0.0f)

#define BINARY_LOOP(TYPE, A, B, EXPR)                                                              \
  {                                                                                                \
    GONIO_SIMD                                                                                     \
    for (size_t i = 0; i < n; i++) {                                                               \
      const float a = A, b = B;                                                                    \
      ys[i] = (TYPE)(EXPR);                                                                        \
    }                                                                                              \
  }
#define BINARY_BODY(TYPE, EXPR)                                                                    \
  {                                                                                                \
    const float a0 = n ? as[0] : 0.0f, b0 = n ? bs[0] : 0.0f;                                      \
    if (step_a && step_b)                                                                          \
      BINARY_LOOP (TYPE, as[i], bs[i], EXPR)                                                       \
    else if (step_a)                                                                               \
      BINARY_LOOP (TYPE, as[i], b0, EXPR)                                                          \
    else if (step_b)                                                                               \
      BINARY_LOOP (TYPE, a0, bs[i], EXPR)                                                          \
    else                                                                                           \
      BINARY_LOOP (TYPE, a0, b0, EXPR)                                                             \
  }
#define BINARY(NAME, EXPR)                                                                         \
  static void binary_##NAME (const float *as, size_t step_a, const float *bs, size_t step_b,       \
                             float *ys, size_t n) BINARY_BODY (float, EXPR)
#define COMPARE(NAME, EXPR)                                                                        \
  static void compare_##NAME (const float *as, size_t step_a, const float *bs, size_t step_b,      \
                              uint8_t *ys, size_t n) BINARY_BODY (uint8_t, EXPR)

BINARY (ADD, a + b)
BINARY (SUB, a - b)
BINARY (MUL, a *b)
BINARY (DIV, a / b)
BINARY (MAX, (a > b || a != a) ? a : b)
BINARY (MIN, (a < b || a != a) ? a : b)
BINARY (POW, powf (a, b))
BINARY (PRELU, a < 0.0f ? a * b : a)

COMPARE (EQUAL, a == b)
COMPARE (GREATER, a > b)
COMPARE (GREATER_OR_EQUAL, a >= b)
COMPARE (LESS, a < b)
COMPARE (LESS_OR_EQUAL, a <= b)
