/* Products of floats on the matrix unit (AMX): every float is the sum of three bfloat16 numbers,
 * exactly, and of the nine partial products the six that reach into 24 bits are summed in float.
 * Errors are those of a sum of floats: the products left out are below 2^-24 of what they belong
 * to. The build file sets the compiler flags. */
#include "backends/cpu/kernels/parts.h"

#include <immintrin.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STEP      GONIO_CPU_PARTS_STEP
#define TILE      16  /* columns of a tile */
#define AHEAD     16  /* rows fetched before they are needed */
#define TILE_HALF 512 /* bfloat16 numbers in a tile of the right side */

/* ---- splitting ---- */

static inline __m512
widen (__m256i half)
{
  return _mm512_castsi512_ps (_mm512_slli_epi32 (_mm512_cvtepu16_epi32 (half), 16));
}

/* The largest magnitudes so far; as integers they sort, infinities and NaN last. */
static inline __m512i
larger (__m512i most, __m512 x)
{
  return _mm512_max_epu32 (
      most, _mm512_and_si512 (_mm512_castps_si512 (x), _mm512_set1_epi32 (0x7fffffff)));
}

/* Nothing infinite, no NaN, and nothing that would round to an infinity? */
static inline gboolean
all_fit (__m512i most)
{
  return _mm512_cmpge_epu32_mask (most, _mm512_set1_epi32 (0x7f000000)) == 0;
}

static inline void
split_32 (__m512 a, __m512 b, uint16_t *out, size_t part, __m512i *most)
{
  *most = larger (larger (*most, a), b);
#pragma GCC unroll 3
  for (int p = 0; p < GONIO_CPU_PARTS; p++) {
    __m512i half = (__m512i)_mm512_cvtne2ps_pbh (b, a);
    _mm512_storeu_si512 (out + (size_t)p * part, half);
    a = _mm512_sub_ps (a, widen (_mm512_castsi512_si256 (half)));
    b = _mm512_sub_ps (b, widen (_mm512_extracti64x4_epi64 (half, 1)));
  }
}

static gboolean
split (const float *x, uint16_t *out, size_t part, size_t n)
{
  __m512i most = _mm512_setzero_si512 ();
  size_t i = 0;
  for (; i + STEP <= n; i += STEP)
    split_32 (_mm512_loadu_ps (x + i), _mm512_loadu_ps (x + i + TILE), out + i, part, &most);
  if (i < n) {
    __mmask32 some = (__mmask32)((1ull << (n - i)) - 1);
    __m512 a = _mm512_maskz_loadu_ps ((__mmask16)some, x + i);
    __m512 b = _mm512_maskz_loadu_ps ((__mmask16)(some >> 16), x + i + TILE);
    split_32 (a, b, out + i, part, &most);
  }
  return all_fit (most);
}

/* ---- the right side ---- */

/* Numbers of two rows next to each other, column by column. */
static inline __m512i
interleave (__m512i rows)
{
  const __m512i order =
      _mm512_set_epi16 (31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                        21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16 (order, rows);
}

static gboolean
pack_rows (const float *x, int64_t sk, size_t rows, size_t cols, float scale, uint16_t *out,
           size_t part)
{
  const __mmask16 some = (__mmask16)((1u << cols) - 1);
  const __m512 factor = _mm512_set1_ps (scale);
  __m512i most = _mm512_setzero_si512 ();
  for (size_t row = 0; row < STEP; row += 2, out += STEP) {
    __m512 a = _mm512_maskz_loadu_ps (row < rows ? some : 0, x + (int64_t)row * sk);
    __m512 b = _mm512_maskz_loadu_ps (row + 1 < rows ? some : 0, x + (int64_t)(row + 1) * sk);
    /* rows lie too far apart for the processor to see them coming */
    _mm_prefetch ((const char *)(x + (int64_t)(row + AHEAD) * sk), _MM_HINT_T0);
    _mm_prefetch ((const char *)(x + (int64_t)(row + AHEAD + 1) * sk), _MM_HINT_T0);
    a = _mm512_mul_ps (a, factor);
    b = _mm512_mul_ps (b, factor);
    most = larger (larger (most, a), b);
#pragma GCC unroll 3
    for (int p = 0; p < GONIO_CPU_PARTS; p++) {
      __m512i half = (__m512i)_mm512_cvtne2ps_pbh (b, a);
      _mm512_storeu_si512 (out + (size_t)p * part, interleave (half));
      a = _mm512_sub_ps (a, widen (_mm512_castsi512_si256 (half)));
      b = _mm512_sub_ps (b, widen (_mm512_extracti64x4_epi64 (half, 1)));
    }
  }
  return all_fit (most);
}

/* Numbers 0..15 of 16 rows become rows of their own. */
static inline void
turn (__m512i r[TILE])
{
  __m512i t[TILE];
#pragma GCC unroll 8
  for (int i = 0; i < TILE; i += 2) {
    t[i] = _mm512_unpacklo_epi32 (r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32 (r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < TILE; i += 4)
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
      r[i + 2 * h] = _mm512_unpacklo_epi64 (t[i + h], t[i + h + 2]);
      r[i + 2 * h + 1] = _mm512_unpackhi_epi64 (t[i + h], t[i + h + 2]);
    }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++)
#pragma GCC unroll 2
    for (int h = 0; h < TILE; h += 8) {
      t[h + i] = _mm512_shuffle_i32x4 (r[h + i], r[h + i + 4], 0x88);
      t[h + i + 4] = _mm512_shuffle_i32x4 (r[h + i], r[h + i + 4], 0xdd);
    }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    r[i] = _mm512_shuffle_i32x4 (t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4 (t[i], t[i + 8], 0xdd);
  }
}

static gboolean
pack_columns (const float *x, int64_t sj, size_t rows, size_t cols, float scale, uint16_t *out,
              size_t part)
{
  const __mmask32 some = (__mmask32)((1ull << rows) - 1);
  const __m512 factor = _mm512_set1_ps (scale);
  __m512i halves[GONIO_CPU_PARTS][TILE];
  __m512i most = _mm512_setzero_si512 ();
  memset (halves, 0, sizeof halves);
  for (size_t j = 0; j < cols; j++, x += sj) {
    __m512 a = _mm512_mul_ps (_mm512_maskz_loadu_ps ((__mmask16)some, x), factor);
    __m512 b = _mm512_mul_ps (_mm512_maskz_loadu_ps ((__mmask16)(some >> 16), x + TILE), factor);
    most = larger (larger (most, a), b);
#pragma GCC unroll 3
    for (int p = 0; p < GONIO_CPU_PARTS; p++) {
      halves[p][j] = (__m512i)_mm512_cvtne2ps_pbh (b, a);
      a = _mm512_sub_ps (a, widen (_mm512_castsi512_si256 (halves[p][j])));
      b = _mm512_sub_ps (b, widen (_mm512_extracti64x4_epi64 (halves[p][j], 1)));
    }
  }
  for (int p = 0; p < GONIO_CPU_PARTS; p++) {
    turn (halves[p]);
    for (size_t row = 0; row < TILE; row++)
      _mm512_storeu_si512 (out + (size_t)p * part + row * STEP, halves[p][row]);
  }
  return all_fit (most);
}

static gboolean
pack (const float *x, int64_t sk, int64_t sj, size_t rows, size_t cols, float scale, uint16_t *out,
      size_t part)
{
  float turned[STEP * TILE];
  if (sj == 1)
    return pack_rows (x, sk, rows, cols, scale, out, part);
  if (sk == 1)
    return pack_columns (x, sj, rows, cols, scale, out, part);
  memset (turned, 0, sizeof turned);
  for (size_t j = 0; j < cols; j++)
    for (size_t k = 0; k < rows; k++)
      turned[k * TILE + j] = x[(int64_t)k * sk + (int64_t)j * sj];
  return pack_rows (turned, TILE, rows, cols, scale, out, part);
}

/* ---- tiles ---- */

typedef struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} TileConfig;

/* 0 to 3: sums, two by two; 4, 5: left; 6, 7: right. */
static void
begin (guint rows)
{
  TileConfig config = {.palette = 1};
  for (int i = 0; i < 8; i++) {
    config.row_bytes[i] = 64;
    config.rows[i] = (uint8_t)(i >= 6 ? 16 : rows);
  }
  __asm__ volatile("" : : "r"(&config) : "memory"); /* the intrinsic reads all of it */
  _tile_loadconfig (&config);
}

static void
end (void)
{
  _tile_release ();
}

#define LOAD_LEFT(P)                                                                               \
  do {                                                                                             \
    _tile_loadd (4, a + (P)*part, stride);                                                         \
    if (DOWN == 2)                                                                                 \
      _tile_loadd (5, below + (P)*part, stride);                                                   \
  } while (0)
#define LOAD_RIGHT(P)                                                                              \
  do {                                                                                             \
    _tile_loadd (6, b + (P)*ACROSS * TILE_HALF, 64);                                               \
    if (ACROSS == 2)                                                                               \
      _tile_loadd (7, b + (P)*ACROSS * TILE_HALF + TILE_HALF, 64);                                 \
  } while (0)
#define MULTIPLY                                                                                   \
  do {                                                                                             \
    _tile_dpbf16ps (0, 4, 6);                                                                      \
    if (ACROSS == 2)                                                                               \
      _tile_dpbf16ps (1, 4, 7);                                                                    \
    if (DOWN == 2)                                                                                 \
      _tile_dpbf16ps (2, 5, 6);                                                                    \
    if (DOWN == 2 && ACROSS == 2)                                                                  \
      _tile_dpbf16ps (3, 5, 7);                                                                    \
  } while (0)

/* Tile numbers must be constants, so each form of the block is a function. The small products come
 * first. */
#define BLOCK(NAME, DOWN_, ACROSS_)                                                                \
  static void NAME (const GonioCpuPartsTile *tile, float *sums)                                    \
  {                                                                                                \
    enum { DOWN = DOWN_, ACROSS = ACROSS_ };                                                       \
    const uint16_t *b = tile->b;                                                                   \
    const size_t part = tile->a_part, stride = tile->a_row * sizeof *b;                            \
    const size_t line = GONIO_CPU_PARTS_COLS * sizeof *sums;                                       \
    _tile_zero (0);                                                                                \
    _tile_zero (1);                                                                                \
    _tile_zero (2);                                                                                \
    _tile_zero (3);                                                                                \
    for (size_t r = 0; r < tile->runs; r++) {                                                      \
      const uint16_t *a = tile->a[0] + tile->offsets[r];                                           \
      const uint16_t *below = tile->a[DOWN - 1] + tile->offsets[r]; /* not read with one */        \
      for (size_t k = 0; k < tile->steps; k++) {                                                   \
        LOAD_RIGHT (0);                                                                            \
        LOAD_LEFT (2);                                                                             \
        MULTIPLY;                                                                                  \
        LOAD_LEFT (1);                                                                             \
        MULTIPLY;                                                                                  \
        LOAD_LEFT (0);                                                                             \
        MULTIPLY;                                                                                  \
        LOAD_RIGHT (2);                                                                            \
        MULTIPLY;                                                                                  \
        LOAD_RIGHT (1);                                                                            \
        MULTIPLY;                                                                                  \
        LOAD_LEFT (1);                                                                             \
        MULTIPLY;                                                                                  \
        a += STEP;                                                                                 \
        below += STEP;                                                                             \
        b += GONIO_CPU_PARTS * ACROSS * TILE_HALF;                                                 \
      }                                                                                            \
    }                                                                                              \
    _tile_stored (0, sums, line);                                                                  \
    if (ACROSS == 2)                                                                               \
      _tile_stored (1, sums + TILE, line);                                                         \
    if (DOWN == 2)                                                                                 \
      _tile_stored (2, sums + TILE * GONIO_CPU_PARTS_COLS, line);                                  \
    if (DOWN == 2 && ACROSS == 2)                                                                  \
      _tile_stored (3, sums + TILE * GONIO_CPU_PARTS_COLS + TILE, line);                           \
  }
BLOCK (block_1_1, 1, 1)
BLOCK (block_1_2, 1, 2)
BLOCK (block_2_1, 2, 1)
BLOCK (block_2_2, 2, 2)

/* ---- from sums to results ---- */

static inline __m512
clamp (__m512 x, __m512 lo, __m512 hi)
{
  return _mm512_min_ps (hi, _mm512_max_ps (lo, x)); /* this order keeps NaN */
}

static void
finish (const GonioCpuPartsTile *tile, int t, const float *sums)
{
  const __m512 lo = _mm512_set1_ps (tile->lo), hi = _mm512_set1_ps (tile->hi);
  const float *from = tile->bias ? tile->add[t] : tile->c[t];
  for (size_t j = 0; j < tile->cols; j += TILE) {
    const __mmask16 some = (__mmask16)((1u << MIN (TILE, tile->cols - j)) - 1);
    const __m512 bias = tile->bias ? _mm512_loadu_ps (tile->bias + j) : _mm512_setzero_ps ();
    for (size_t i = 0; i < tile->rows[t]; i++) {
      __m512 y = _mm512_add_ps (_mm512_load_ps (sums + i * GONIO_CPU_PARTS_COLS + j), bias);
      if (from)
        y = _mm512_add_ps (y, _mm512_maskz_loadu_ps (some, from + i * tile->ldc + j));
      _mm512_mask_storeu_ps (tile->c[t] + i * tile->ldc + j, some, clamp (y, lo, hi));
    }
  }
}

static void
block (const GonioCpuPartsTile *tile)
{
  float sums[2 * TILE * GONIO_CPU_PARTS_COLS] __attribute__ ((aligned (64)));
  gboolean down = tile->rows[1] > 0, across = tile->cols > TILE;
  if (down && across)
    block_2_2 (tile, sums);
  else if (down)
    block_2_1 (tile, sums);
  else if (across)
    block_1_2 (tile, sums);
  else
    block_1_1 (tile, sums);
  for (int t = 0; t < 1 + down; t++)
    finish (tile, t, sums + t * TILE * GONIO_CPU_PARTS_COLS);
}

static const GonioCpuParts amx = {64, 24, 40, split, pack, begin, end, block};
static const GonioCpuParts amx_always = {1, 1, 1, split, pack, begin, end, block};

const GonioCpuParts *
gonio_cpu_parts_amx (gboolean always)
{
  enum { GET_PERMISSION = 0x1023, TILE_DATA = 18 }; /* arch_prctl(2) */
  if (syscall (SYS_arch_prctl, GET_PERMISSION, TILE_DATA) != 0)
    return NULL;
  return always ? &amx_always : &amx;
}
