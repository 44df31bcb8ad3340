/* Vectors of floats in the compiler's vector extension, as wide as the flags of the including
 * file allow. For the kernel files only; everything is static. */
#pragma once

#include "backends/cpu/kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#if defined(__AVX512F__)
#define GONIO_VEC_BYTES 64
#define GONIO_MR        14
#define GONIO_ISA_NAME  "AVX-512"
#elif defined(__AVX__)
#define GONIO_VEC_BYTES 32
#define GONIO_MR        6
#if defined(__AVX2__)
#define GONIO_ISA_NAME "AVX2"
#else
#define GONIO_ISA_NAME "AVX"
#endif
#else
#define GONIO_VEC_BYTES 16
#define GONIO_MR        6
#define GONIO_ISA_NAME  "baseline"
#endif

#if defined(__AVX__)
#include <immintrin.h>
static const int32_t vec_masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#endif

#define GONIO_LANES  (GONIO_VEC_BYTES / 4)
#define GONIO_NR     (2 * GONIO_LANES)
#define GONIO_INLINE static inline __attribute__ ((always_inline))

typedef float GonioVec __attribute__ ((vector_size (GONIO_VEC_BYTES), may_alias));
typedef int32_t GonioVecInt __attribute__ ((vector_size (GONIO_VEC_BYTES), may_alias));
/* The same, for memory that is only aligned to its elements. */
typedef float GonioVecU __attribute__ ((vector_size (GONIO_VEC_BYTES), aligned (4), may_alias));

GONIO_INLINE GonioVec
vec_load (const float *p)
{
  return *(const GonioVecU *)p;
}

GONIO_INLINE void
vec_store (float *p, GonioVec v)
{
  *(GonioVecU *)p = v;
}

GONIO_INLINE GonioVec
vec_set (float x)
{
  return x - (GonioVec){0};
}

/* First n (< GONIO_LANES) floats, the rest zero; nothing else is touched. */
GONIO_INLINE GonioVec
vec_load_part (const float *p, size_t n)
{
#if defined(__AVX512F__)
  return (GonioVec)_mm512_maskz_loadu_ps ((__mmask16)((1u << n) - 1), p);
#elif defined(__AVX__)
  return (GonioVec)_mm256_maskload_ps (p, _mm256_loadu_si256 ((const void *)(vec_masks + 8 - n)));
#else
  GonioVec v = {0};
  memcpy (&v, p, n * sizeof (float));
  return v;
#endif
}

GONIO_INLINE void
vec_store_part (float *p, GonioVec v, size_t n)
{
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps (p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__AVX__)
  _mm256_maskstore_ps (p, _mm256_loadu_si256 ((const void *)(vec_masks + 8 - n)), (__m256)v);
#else
  memcpy (p, &v, n * sizeof (float));
#endif
}

/* A whole vector when n is 0, else its first n elements. */
GONIO_INLINE GonioVec
vec_load_some (const float *p, size_t n)
{
  return n ? vec_load_part (p, n) : vec_load (p);
}

GONIO_INLINE void
vec_store_some (float *p, GonioVec v, size_t n)
{
  if (n)
    vec_store_part (p, v, n);
  else
    vec_store (p, v);
}

GONIO_INLINE GonioVec
vec_select (GonioVecInt mask, GonioVec yes, GonioVec no)
{
  return (GonioVec)(((GonioVecInt)yes & mask) | ((GonioVecInt)no & ~mask));
}

/* b when either is NaN, as the processors' instructions do. */
GONIO_INLINE GonioVec
vec_max (GonioVec a, GonioVec b)
{
#if defined(__AVX512F__)
  return (GonioVec)_mm512_max_ps ((__m512)a, (__m512)b);
#elif defined(__AVX__)
  return (GonioVec)_mm256_max_ps ((__m256)a, (__m256)b);
#else
  return vec_select (a > b, a, b);
#endif
}

GONIO_INLINE GonioVec
vec_min (GonioVec a, GonioVec b)
{
#if defined(__AVX512F__)
  return (GonioVec)_mm512_min_ps ((__m512)a, (__m512)b);
#elif defined(__AVX__)
  return (GonioVec)_mm256_min_ps ((__m256)a, (__m256)b);
#else
  return vec_select (a < b, a, b);
#endif
}
