/* Transforms of Winograd's minimal filtering F(m x m, 3 x 3), channels side by side. For the
 * kernel files only.
 *
 * Toom-Cook interpolation at 0, +-1 and infinity for m = 2; at 0, +-1/sqrt 2, +-sqrt 2 and
 * infinity for m = 4: these points make the even parts exact and the error a sixth of what the
 * customary 0, +-1, +-2 give (S. Winograd, Arithmetic Complexity of Computations, 1980; choice of
 * points measured). y = A' [(G g G') * (B' d B)] A with
 *
 *   m = 4, a = 1/sqrt 2, b = sqrt 2        m = 2
 *   B' =  1  0 -5/2    0    1  0           B' = 1  0 -1  0
 *         0 -2a  -2    a    1  0                0  1  1  0
 *         0  2a  -2   -a    1  0                0 -1  1  0
 *         0 -b/2 -1/2  b    1  0                0 -1  0  1
 *         0  b/2 -1/2 -b    1  0
 *         0  1    0   -5/2  0  1
 * A and G follow from the points: columns of A' are (1, x, x^2, ..), rows of G (1, x, x^2) / N. */
#pragma once

#include "backends/cpu/kernels/matrix.h"

#define WINOGRAD_A 0.70710678118654752
#define WINOGRAD_B 1.41421356237309505

/* v = B' d */
GONIO_INLINE void
winograd_in_line (int m, const GonioVec *d, GonioVec *v)
{
  if (m == 2) {
    v[0] = d[0] - d[2];
    v[1] = d[2] + d[1];
    v[2] = d[2] - d[1];
    v[3] = d[3] - d[1];
    return;
  }
  const float a = (float)WINOGRAD_A, b = (float)WINOGRAD_B;
  GonioVec even = d[4] - 2.0f * d[2], odd = d[3] - 2.0f * d[1];
  v[0] = d[0] + d[4] - 2.5f * d[2];
  v[1] = even + a * odd;
  v[2] = even - a * odd;
  even = d[4] - 0.5f * d[2];
  odd = d[3] - 0.5f * d[1];
  v[3] = even + b * odd;
  v[4] = even - b * odd;
  v[5] = d[1] + d[5] - 2.5f * d[3];
}

/* y = A' p */
GONIO_INLINE void
winograd_out_line (int m, const GonioVec *p, GonioVec *y)
{
  if (m == 2) {
    y[0] = p[0] + p[1] + p[2];
    y[1] = p[1] - p[2] + p[3];
    return;
  }
  const float a = (float)WINOGRAD_A, b = (float)WINOGRAD_B;
  GonioVec even_a = p[1] + p[2], odd_a = p[1] - p[2];
  GonioVec even_b = p[3] + p[4], odd_b = p[3] - p[4];
  y[0] = p[0] + even_a + even_b;
  y[1] = a * odd_a + b * odd_b;
  y[2] = 0.5f * even_a + 2.0f * even_b;
  y[3] = 0.5f * a * odd_a + 2.0f * b * odd_b + p[5];
}

/* One vector of channels (part of one when part is not 0). */
GONIO_INLINE void
winograd_in_tile (const GonioCpuWinogradIn *work, int m, gboolean inner, size_t c, size_t part)
{
  const int n = m + 2;
  GonioVec t[6][6];
#pragma GCC unroll 6
  for (int x = 0; x < n; x++) {
    GonioVec d[6], v[6];
#pragma GCC unroll 6
    for (int y = 0; y < n; y++) {
      gboolean inside = inner || (x >= work->first[1] && x < work->end[1] && y >= work->first[0] &&
                                  y < work->end[0]);
      d[y] = inside ? vec_load_some (work->in + y * work->line + x * work->pixel + (int64_t)c, part)
                    : (GonioVec){0};
    }
    winograd_in_line (m, d, v);
#pragma GCC unroll 6
    for (int y = 0; y < n; y++)
      t[y][x] = v[y];
  }
  float *out = work->out + c;
#pragma GCC unroll 6
  for (int y = 0; y < n; y++) {
    GonioVec v[6];
    winograd_in_line (m, t[y], v);
#pragma GCC unroll 6
    for (int x = 0; x < n; x++, out += work->position)
      *(GonioVec *)out = v[x];
  }
}

GONIO_INLINE void
winograd_in (const GonioCpuWinogradIn *work, int m)
{
  const int n = m + 2;
  gboolean inner =
      work->first[0] == 0 && work->first[1] == 0 && work->end[0] == n && work->end[1] == n;
  size_t c = 0, whole = work->channels / GONIO_LANES * GONIO_LANES;
  if (inner)
    for (; c < whole; c += GONIO_LANES)
      winograd_in_tile (work, m, TRUE, c, 0);
  for (; c < work->channels; c += GONIO_LANES)
    winograd_in_tile (work, m, FALSE, c, c < whole ? 0 : work->channels - c);
}

GONIO_INLINE void
winograd_out_tile (const GonioCpuWinogradOut *work, int m, gboolean inner, size_t c, size_t part)
{
  const int n = m + 2;
  const GonioVec lo = vec_set (work->lo), hi = vec_set (work->hi);
  const GonioVec bias = vec_load (work->bias + c);
  GonioVec t[4][6];
#pragma GCC unroll 6
  for (int x = 0; x < n; x++) {
    GonioVec p[6], y[4];
#pragma GCC unroll 6
    for (int k = 0; k < n; k++)
      p[k] = *(const GonioVec *)(work->products + (size_t)(k * n + x) * work->position + c);
    winograd_out_line (m, p, y);
#pragma GCC unroll 4
    for (int k = 0; k < m; k++)
      t[k][x] = y[k];
  }
#pragma GCC unroll 4
  for (int y = 0; y < m; y++) {
    GonioVec v[4];
    if (!inner && y >= work->rows)
      break;
    winograd_out_line (m, t[y], v);
#pragma GCC unroll 4
    for (int x = 0; x < m; x++) {
      if (!inner && x >= work->cols)
        break;
      GonioVec r = v[x] + bias;
      if (work->add)
        r +=
            vec_load_some (work->add + y * work->add_line + x * work->add_pixel + (int64_t)c, part);
      /* operand order keeps NaN */
      r = vec_min (hi, vec_max (lo, r));
      vec_store_some (work->out + y * work->line + x * work->pixel + (int64_t)c, r, part);
    }
  }
}

GONIO_INLINE void
winograd_out (const GonioCpuWinogradOut *work, int m)
{
  size_t c = 0, whole = work->channels / GONIO_LANES * GONIO_LANES;
  if (work->rows == m && work->cols == m)
    for (; c < whole; c += GONIO_LANES)
      winograd_out_tile (work, m, TRUE, c, 0);
  for (; c < work->channels; c += GONIO_LANES)
    winograd_out_tile (work, m, FALSE, c, c < whole ? 0 : work->channels - c);
}

/* mr rows by nv vectors held in registers, as in gemm_block(), but from zero and left as it is. */
GONIO_INLINE void
winograd_block (const GonioCpuWinogradProduct *work, int mr, int nv)
{
  const size_t inputs = work->inputs, step = work->fetch_step;
  const float *w = work->weights, *fetch = work->fetch;
  const float *a[GONIO_MR];
  GonioVec acc[GONIO_MR][2];
#pragma GCC unroll 16
  for (int i = 0; i < mr; i++) {
    a[i] = work->inputs_at + (size_t)i * work->pitch;
#pragma GCC unroll 2
    for (int j = 0; j < nv; j++)
      acc[i][j] = (GonioVec){0};
  }
  for (size_t k = 0; k < inputs; k++, fetch += step) {
    GonioVec b[2];
#pragma GCC unroll 2
    for (int j = 0; j < nv; j++, w += GONIO_LANES)
      b[j] = *(const GonioVec *)w;
    __builtin_prefetch (fetch, 0, 2);
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++) {
      const float x = a[i][k];
#pragma GCC unroll 2
      for (int j = 0; j < nv; j++)
        acc[i][j] += x * b[j];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
    for (int j = 0; j < nv; j++)
      *(GonioVec *)(work->out + (size_t)i * work->ldc + j * GONIO_LANES) = acc[i][j];
}

#define WINOGRAD_ROWS(M)                                                                           \
  static                                                                                           \
      __attribute__ ((noinline)) void winograd_block_##M##_1 (const GonioCpuWinogradProduct *work) \
  {                                                                                                \
    winograd_block (work, M, 1);                                                                   \
  }                                                                                                \
  static                                                                                           \
      __attribute__ ((noinline)) void winograd_block_##M##_2 (const GonioCpuWinogradProduct *work) \
  {                                                                                                \
    winograd_block (work, M, 2);                                                                   \
  }
GEMM_EACH (WINOGRAD_ROWS)

static void
winograd_product (const GonioCpuWinogradProduct *work)
{
#define WINOGRAD_BLOCK(M) {winograd_block_##M##_1, winograd_block_##M##_2},
  static void (*const blocks[GONIO_MR][2]) (const GonioCpuWinogradProduct *) = {
      GEMM_EACH (WINOGRAD_BLOCK)};
#undef WINOGRAD_BLOCK
  /* Blocks differ by one row at most; together they fetch what is as long as the weights. */
  const guint rows = (guint)work->rows, count = (rows + GONIO_MR - 1) / GONIO_MR;
  const guint least = rows / count, more = rows - least * count;
  const size_t share = (guint)(work->inputs * work->width) / count;
  GonioCpuWinogradProduct block = *work;
  block.fetch_step = ((guint)work->width + count - 1) / count;
  for (guint b = 0; b < count; b++) {
    guint mr = least + (b < more);
    blocks[mr - 1][work->width > GONIO_LANES](&block);
    block.inputs_at += mr * work->pitch;
    block.out += mr * work->ldc;
    block.fetch += share;
  }
}

/* Doubles, so that weights are rounded once; a vector of them becomes half a vector of floats. */
#define WINOGRAD_HALF ((size_t)GONIO_LANES / 2)
#define WINOGRAD_RUN  ((size_t)8) /* inputs whose weights are turned at a time */
typedef double GonioVecD __attribute__ ((vector_size (GONIO_VEC_BYTES)));
typedef float GonioVecHalf __attribute__ ((vector_size (GONIO_VEC_BYTES / 2), may_alias));

/* u = G g */
GONIO_INLINE void
winograd_weight_line (int m, GonioVecD x, GonioVecD y, GonioVecD z, GonioVecD *u)
{
  const double a = WINOGRAD_A, b = WINOGRAD_B;
  u[0] = x;
  if (m == 2) {
    u[1] = (x + z + y) / 2;
    u[2] = (x + z - y) / 2;
    u[3] = z;
    return;
  }
  u[1] = (x + 0.5 * z + a * y) * (-2.0 / 3.0);
  u[2] = (x + 0.5 * z - a * y) * (-2.0 / 3.0);
  u[3] = (x + 2.0 * z + b * y) * (1.0 / 6.0);
  u[4] = (x + 2.0 * z - b * y) * (1.0 / 6.0);
  u[5] = z;
}

/* Half a vector of output channels, for one input. g: nine weights, GONIO_NR apart. */
GONIO_INLINE void
winograd_weight_tile (int m, const float *g, float *out, size_t position)
{
  const int n = m + 2;
  GonioVecD t[6][3], u[6];
#pragma GCC unroll 3
  for (int x = 0; x < 3; x++) {
    GonioVecD k[3];
#pragma GCC unroll 3
    for (int y = 0; y < 3; y++)
      k[y] =
          __builtin_convertvector(*(const GonioVecHalf *)(g + (3 * y + x) * GONIO_NR), GonioVecD);
    winograd_weight_line (m, k[0], k[1], k[2], u);
#pragma GCC unroll 6
    for (int y = 0; y < n; y++)
      t[y][x] = u[y];
  }
#pragma GCC unroll 6
  for (int y = 0; y < n; y++) {
    winograd_weight_line (m, t[y][0], t[y][1], t[y][2], u);
#pragma GCC unroll 6
    for (int x = 0; x < n; x++, out += position)
      *(GonioVecHalf *)out = __builtin_convertvector(u[x], GonioVecHalf);
  }
}

GONIO_INLINE void
winograd_weights (const GonioCpuWinogradWeights *work, int m)
{
  float turned[WINOGRAD_RUN * 9 * GONIO_NR] __attribute__ ((aligned (64)));
  if (work->count < work->width)
    memset (turned, 0, sizeof turned);
  for (size_t i = 0; i < work->inputs; i += WINOGRAD_RUN) {
    size_t run = work->inputs - i < WINOGRAD_RUN ? work->inputs - i : WINOGRAD_RUN;
    transpose (work->weights + i * 9, work->step, turned, GONIO_NR, work->count, run * 9);
    for (size_t k = 0; k < run; k++)
      for (size_t j = 0; j < work->width; j += WINOGRAD_HALF)
        winograd_weight_tile (m, turned + k * 9 * GONIO_NR + j,
                              work->out + (i + k) * work->width + j, work->position);
  }
}

#define WINOGRAD_FORM(M)                                                                           \
  static void winograd_in_##M (const GonioCpuWinogradIn *work)                                     \
  {                                                                                                \
    winograd_in (work, M);                                                                         \
  }                                                                                                \
  static void winograd_out_##M (const GonioCpuWinogradOut *work)                                   \
  {                                                                                                \
    winograd_out (work, M);                                                                        \
  }                                                                                                \
  static void winograd_weights_##M (const GonioCpuWinogradWeights *work)                           \
  {                                                                                                \
    winograd_weights (work, M);                                                                    \
  }
WINOGRAD_FORM (2)
WINOGRAD_FORM (4)

#define WINOGRAD_ENTRY(M)                                                                          \
  {                                                                                                \
    M, winograd_in_##M, winograd_product, winograd_out_##M, winograd_weights_##M                   \
  }
