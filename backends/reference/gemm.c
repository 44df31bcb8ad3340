/* Matrix product with double accumulation: panels packed for cache, a 4 x 8 tile of sums in
 * registers. Depends on GLib and core/base. */
#include "backends/reference/gemm.h"

#include "core/base/memory.h"

#include <string.h>

#define TILE_M  4
#define TILE_N  8
#define BLOCK_M 64
#define BLOCK_N 64
#define BLOCK_K 256

/* The wider unit only changes speed: without fused multiply-add the sums are the same. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) &&       \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WIDE_CLONES __attribute__ ((target_clones ("avx2", "default")))
#else
#define WIDE_CLONES
#endif

typedef double Vec __attribute__ ((vector_size (32), aligned (8), may_alias));

/* sums (TILE_M x TILE_N) += a (k x TILE_M packed) * b (k x TILE_N packed) */
WIDE_CLONES static void
tile (int64_t k, const double *a, const double *b, double *sums)
{
  Vec acc[TILE_M][2];

  memcpy (acc, sums, sizeof acc);
  for (int64_t p = 0; p < k; p++) {
    Vec left = *(const Vec *)(b + p * TILE_N);
    Vec right = *(const Vec *)(b + p * TILE_N + 4);

    for (int r = 0; r < TILE_M; r++) {
      double w = a[p * TILE_M + r];
      Vec wide = {w, w, w, w};

      acc[r][0] += wide * left;
      acc[r][1] += wide * right;
    }
  }
  memcpy (sums, acc, sizeof acc);
}

/* Rows i0..i0+m-1, columns p0..p0+k-1 of a as tiles of TILE_M rows, missing rows zero. */
static void
pack_a (const RefGemm *g, int64_t i0, int64_t m, int64_t p0, int64_t k, double *out)
{
  for (int64_t i = 0; i < m; i += TILE_M)
    for (int64_t p = 0; p < k; p++)
      for (int64_t r = 0; r < TILE_M; r++)
        *out++ = i + r < m ? g->a[(i0 + i + r) * g->a_row + (p0 + p) * g->a_col] : 0;
}

#define PACK_B(NAME, TYPE)                                                                         \
  static void NAME (const RefGemm *g, int64_t p0, int64_t k, int64_t j0, int64_t n, double *out)   \
  {                                                                                                \
    const TYPE *b = g->b;                                                                          \
    for (int64_t j = 0; j < n; j += TILE_N) {                                                      \
      const int64_t *col = g->b_col + j0 + j;                                                      \
      int64_t width = MIN (TILE_N, n - j);                                                         \
      for (int64_t p = 0; p < k; p++, out += TILE_N) {                                             \
        const TYPE *row = b + g->b_row[p0 + p];                                                    \
        int64_t c = 0;                                                                             \
        for (; c < width; c++)                                                                     \
          out[c] = (double)row[col[c]];                                                            \
        for (; c < TILE_N; c++)                                                                    \
          out[c] = 0;                                                                              \
      }                                                                                            \
    }                                                                                              \
  }
PACK_B (pack_b_float, float)
PACK_B (pack_b_double, double)

/* One packed block of a times one packed block of b into c. */
static void
multiply_block (const RefGemm *g, const double *a, const double *b, int64_t i0, int64_t m,
                int64_t j0, int64_t n, int64_t k, gboolean first)
{
  double sums[TILE_M * TILE_N];

  for (int64_t j = 0; j < n; j += TILE_N) {
    int64_t width = MIN (TILE_N, n - j);

    for (int64_t i = 0; i < m; i += TILE_M) {
      int64_t height = MIN (TILE_M, m - i);

      memset (sums, 0, sizeof sums);
      tile (k, a + i * k, b + j * k, sums);
      for (int64_t r = 0; r < height; r++) {
        double *c = g->c + (i0 + i + r) * g->ldc + j0 + j;

        for (int64_t x = 0; x < width; x++)
          c[x] = first ? sums[r * TILE_N + x] : c[x] + sums[r * TILE_N + x];
      }
    }
  }
}

gboolean
ref_gemm (const RefGemm *g, GError **error)
{
  g_autofree double *a = gonio_new (double, BLOCK_M *BLOCK_K, "a packed matrix", error);
  g_autofree double *b =
      a != NULL ? gonio_new (double, BLOCK_N *BLOCK_K, "a packed matrix", error) : NULL;

  if (b == NULL)
    return FALSE;
  if (g->k == 0)
    for (int64_t i = 0; i < g->m; i++)
      memset (g->c + i * g->ldc, 0, (size_t)g->n * sizeof (double));

  for (int64_t p = 0; p < g->k; p += BLOCK_K) {
    int64_t k = MIN (BLOCK_K, g->k - p);

    for (int64_t j = 0; j < g->n; j += BLOCK_N) {
      int64_t n = MIN (BLOCK_N, g->n - j);

      if (g->b_is_double)
        pack_b_double (g, p, k, j, n, b);
      else
        pack_b_float (g, p, k, j, n, b);
      for (int64_t i = 0; i < g->m; i += BLOCK_M) {
        int64_t m = MIN (BLOCK_M, g->m - i);

        if (!gonio_work_go_on (error))
          return FALSE;
        pack_a (g, i, m, p, k, a);
        multiply_block (g, a, b, i, m, j, n, k, p == 0);
      }
    }
  }
  return TRUE;
}
