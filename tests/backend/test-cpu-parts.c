/* Products on the matrix unit, where this machine has one: splitting is exact, sums are as good as
 * sums of floats, and what cannot be split comes out all the same. */
#include "backends/cpu/gemm-parts.h"

#include <math.h>
#include <string.h>

static const GonioCpuKernels *kernels;

/* Its blocks, counted; the one of that number cancels. */
static GonioCpuKernels counted;
static GonioCpuParts counted_parts;
static guint n_floats, n_split, cancel_at; /* 0: never */
static GCancellable *cancellable;

static void
count_block (guint *n)
{
  if (++*n == cancel_at)
    g_cancellable_cancel (cancellable);
}

static void
count_floats (const GonioCpuGemmTile *tile)
{
  count_block (&n_floats);
  kernels->gemm (tile);
}

static void
count_split (const GonioCpuPartsTile *tile)
{
  count_block (&n_split);
  kernels->parts->block (tile);
}

static gboolean
have_unit (void)
{
  if (!kernels->parts)
    g_test_skip ("this machine has no matrix unit");
  return kernels->parts != NULL;
}

static float
from_parts (const uint16_t *at, size_t part)
{
  double sum = 0;
  for (size_t p = 0; p < GONIO_CPU_PARTS; p++) {
    uint32_t bits = (uint32_t)at[p * part] << 16;
    float value;
    memcpy (&value, &bits, sizeof value);
    sum += value;
  }
  return (float)sum;
}

static void
test_split (void)
{
  enum { MOST = 200, PART = 256 };
  uint16_t out[GONIO_CPU_PARTS * PART];
  float x[MOST];
  if (!have_unit ())
    return;
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  for (size_t n = 1; n <= MOST; n++) {
    for (size_t i = 0; i < n; i++)
      x[i] = (float)ldexp (g_rand_double_range (rand, -1, 1), g_rand_int_range (rand, -90, 127));
    memset (out, 0xff, sizeof out);
    g_assert_true (kernels->parts->split (x, out, PART, n));
    for (size_t i = 0; i < n; i++)
      g_assert_cmpfloat (from_parts (out + i, PART), ==, x[i]);
    for (size_t i = n; i % GONIO_CPU_PARTS_STEP; i++)
      g_assert_cmpfloat (from_parts (out + i, PART), ==, 0);
  }
}

static void
test_refused (void)
{
  static const float values[] = {INFINITY, -INFINITY, NAN, 0x1p127f, -0x1.fffffep127f};
  uint16_t out[GONIO_CPU_PARTS * 96];
  if (!have_unit ())
    return;
  for (guint v = 0; v < G_N_ELEMENTS (values); v++)
    for (size_t at = 0; at < 70; at++) {
      float x[70] = {0};
      x[at] = values[v];
      g_assert_false (kernels->parts->split (x, out, 96, 70));
    }
  const float largest[] = {0x1.fffffep126f};
  g_assert_true (kernels->parts->split (largest, out, 96, 1));
}

typedef struct {
  size_t m, k, n;
  gboolean add, tell; /* tell: put what cannot be split into two rows */
  float lo, hi;
  size_t line; /* rows of a line of a scattered result, without add; 0: it is one matrix */
} Product;

static float *
numbers (GRand *rand, size_t n)
{
  float *x = g_new (float, n);
  for (size_t i = 0; i < n; i++)
    x[i] = (float)g_rand_double_range (rand, -1, 1);
  return x;
}

static void
check (const Product *p, const float *a, const float *b, const float *bias, const float *add,
       const float *c)
{
  for (size_t i = 0; i < p->m; i++)
    for (size_t j = 0; j < p->n; j++) {
      double sum = bias[j] + (add ? add[i * p->n + j] : 0), size = fabs (sum);
      for (size_t k = 0; k < p->k; k++) {
        sum += (double)a[i * p->k + k] * b[k * p->n + j];
        size += fabs ((double)a[i * p->k + k] * b[k * p->n + j]);
      }
      double want = sum < p->lo ? p->lo : sum > p->hi ? p->hi : sum, got = c[i * p->n + j];
      if (isinf (p->lo) && isinf (p->hi)) {
        want = 2 * want + 1;
        size = 2 * size + 1;
      }
      if (isnan (want)   ? !isnan (got)
          : isinf (want) ? got != want
                         : !(fabs (got - want) <= 2e-7 * size))
        g_test_fail_printf ("%zux%zux%zu: [%zu,%zu] is %g, not %g", p->m, p->k, p->n, i, j, got,
                            want);
    }
}

#define GAP 5 /* floats between the lines of a scattered result */

static size_t
result_size (const Product *p)
{
  return p->m * p->n + (p->line ? p->m / p->line * GAP : 0);
}

/* Brings a scattered result, its groups of columns in reverse order, into a matrix. */
static float *
gather (const Product *p, const float *c)
{
  float *matrix = g_new (float, p->m * p->n);
  size_t groups = p->n / GONIO_CPU_PARTS_COLS;
  for (size_t i = 0; i < p->m; i++)
    for (size_t g = 0; g < groups; g++)
      memcpy (matrix + i * p->n + g * GONIO_CPU_PARTS_COLS,
              c + i * p->n + i / p->line * GAP + (groups - 1 - g) * GONIO_CPU_PARTS_COLS,
              GONIO_CPU_PARTS_COLS * sizeof *c);
  return matrix;
}

/* turned: the right side lies column by column. */
static void
run_product (const Product *p, gboolean turned)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32)(p->m + p->n));
  size_t padded = (p->n + 15) / 16 * 16;
  g_autofree float *a = numbers (rand, (p->m + 1) * p->k), *b = numbers (rand, p->k * p->n);
  g_autofree float *bias = numbers (rand, padded);
  g_autofree float *add = p->add ? numbers (rand, p->m * p->n) : NULL;
  g_autofree float *c = g_new0 (float, result_size (p) + p->n); /* a row that nobody may write to */
  if (p->tell) {
    a[p->k - 1] = INFINITY; /* in the last piece of a row that has several */
    a[(p->m - 1) * p->k] = NAN;
  }
  a[p->m * p->k] = NAN; /* not to be read: the band would count as one that cannot be split */
  g_autofree float *source = g_new (float, p->k * p->n); /* half of b */
  for (size_t i = 0; i < p->k * p->n; i++)
    source[turned ? i % p->n * p->k + i / p->n : i] = b[i] / 2;
  GonioCpuPack pack = {.taps = 1,
                       .kc = p->k,
                       .n = p->n,
                       .sk = turned ? 1 : (int64_t)p->n,
                       .sj = turned ? (int64_t)p->k : 1,
                       .scale = 2.0f};
  size_t size = gonio_cpu_parts_size (&pack) * sizeof (uint16_t);
  gpointer packed = g_aligned_alloc (1, size, 64);
  gboolean fits = TRUE;
  for (size_t panel = 0; panel < gonio_cpu_parts_panels (&pack); panel++)
    fits &= gonio_cpu_parts_pack (kernels->parts, &pack, source, panel, packed);
  g_assert_true (fits);
  GonioCpuPartsForm form;
  g_assert_true (p->line ? gonio_cpu_parts_form_lines (&form, p->m, p->line, p->k, p->k, NULL)
                         : gonio_cpu_parts_form_plain (&form, p->m, p->k, p->k, NULL));
  int64_t offsets[8];
  for (size_t g = 0; g < p->n / GONIO_CPU_PARTS_COLS && g < G_N_ELEMENTS (offsets); g++)
    offsets[g] = (int64_t)(p->n - (g + 1) * GONIO_CPU_PARTS_COLS);
  GonioCpuScatter scatter = {p->line, p->line * p->n + GAP, GONIO_CPU_PARTS_COLS, offsets};
  GonioCpuGemm gemm = {.m = p->m,
                       .n = p->n,
                       .taps = 1,
                       .kc = p->k,
                       .batch = 1,
                       .a = a,
                       .lda = p->k,
                       .parts = packed,
                       .form = &form,
                       .bias = bias,
                       .add = add,
                       .c = c,
                       .ldc = p->n,
                       .scatter = p->line ? &scatter : NULL,
                       .activation = {.lo = p->lo,
                                      .hi = p->hi,
                                      .has_after = isinf (p->lo) && isinf (p->hi),
                                      .after = GONIO_CPU_UNARY_AFFINE,
                                      .p = {2, 1}}};
  size_t scratch = gonio_cpu_parts_scratch (&gemm, 1);
  gemm.scratch = g_aligned_alloc (1, scratch, 64);
  memset (gemm.scratch, 0xff, scratch); /* NaN, should anything be read that was not written */
  GonioCpuRun run = {.threads = 1, .kernels = &counted, .cancellable = cancellable};
  n_floats = n_split = 0;
  gonio_cpu_parts_run (&gemm, &run);
  for (size_t j = 0; j < p->n; j++)
    g_assert_cmpfloat (c[result_size (p) + j], ==, 0);
  if (!g_cancellable_is_cancelled (cancellable)) {
    g_autofree float *matrix = p->line ? gather (p, c) : NULL;
    check (p, a, b, bias, add, matrix ? matrix : c);
    g_assert_cmpint (n_floats > 0, ==, p->tell);
  }
  g_aligned_free (gemm.scratch);
  g_aligned_free (packed);
  gonio_cpu_parts_form_clear (&form);
}

static void
test_products (void)
{
  static const Product products[] = {
      {1, 1, 1, FALSE, FALSE, -INFINITY, INFINITY, 0},
      {16, 32, 16, FALSE, FALSE, -INFINITY, INFINITY, 0},
      {17, 33, 17, TRUE, FALSE, -INFINITY, INFINITY, 0},
      {70, 45, 37, TRUE, FALSE, 0, INFINITY, 0},
      {129, 700, 65, FALSE, FALSE, -1, 1, 0},
      {200, 3000, 33, TRUE, FALSE, -INFINITY, INFINITY, 0},
      {70, 45, 37, TRUE, TRUE, -INFINITY, INFINITY, 0},
      {70, 45, 37, FALSE, TRUE, 0, 6, 0},
      {20, 2500, 20, TRUE, TRUE, -1, 1, 0},
      {600, 384, 64, TRUE, FALSE, -INFINITY, INFINITY, 0},
      {67, 40, 40, FALSE, FALSE, -INFINITY, INFINITY, 0},
      {67, 40, 40, FALSE, TRUE, -INFINITY, INFINITY, 0},
      {70, 45, 64, FALSE, FALSE, -INFINITY, INFINITY, 10},
      {105, 1100, 96, FALSE, FALSE, -1, 1, 35},
      {105, 45, 96, FALSE, TRUE, -1, 1, 35},
      {70, 300, 70, TRUE, FALSE, -INFINITY, INFINITY, 0},
      {20, 2500, 20, FALSE, TRUE, -INFINITY, INFINITY, 0},
  };
  if (!have_unit ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (products); i++)
    for (int turned = 0; turned < 2; turned++)
      run_product (&products[i], turned);
}

/* Whether it is split or not, no panel begins after a cancellation. */
static void
test_cancel (void)
{
  static const Product products[] = {
      {60, 300, 256, FALSE, FALSE, -INFINITY, INFINITY, 0}, /* two blocks a panel */
      {60, 300, 256, FALSE, TRUE, -INFINITY, INFINITY, 0},  /* ten */
      {60, 2500, 256, FALSE, TRUE, -INFINITY, INFINITY, 0},
  };
  if (!have_unit ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (products); i++) {
    cancel_at = 0;
    run_product (&products[i], FALSE);
    guint all = n_floats + n_split;
    cancel_at = 3;
    run_product (&products[i], FALSE);
    g_cancellable_reset (cancellable);
    if (n_floats + n_split > all / 4)
      g_test_fail_printf ("%u of %u blocks in spite of a cancellation", n_floats + n_split, all);
  }
  cancel_at = 0;
}

/* What of one line is too much for a band is split alone. */
static void
test_long_lines (void)
{
  GonioCpuPartsForm form;
  if (!have_unit ())
    return;
  g_assert_true (gonio_cpu_parts_form_plain (&form, 4096, 512, 512, NULL));
  form.reach = 1000 * 1000;
  GonioCpuGemm gemm = {
      .m = 4096, .n = 64, .taps = 1, .kc = 512, .batch = 1, .lda = 512, .form = &form};
  size_t scratch = gonio_cpu_parts_scratch (&gemm, 1);
  g_assert_cmpuint (scratch, >=, 3 * sizeof (uint16_t) * form.reach);
  g_assert_cmpuint (scratch, <, 3 * sizeof (uint16_t) * (form.reach + 2 * form.line_step));
  gonio_cpu_parts_form_clear (&form);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_set_nonfatal_assertions ();
  kernels = gonio_cpu_kernels_select ();
  counted = *kernels;
  counted.gemm = count_floats;
  if (kernels->parts) {
    counted_parts = *kernels->parts;
    counted_parts.block = count_split;
    counted.parts = &counted_parts;
  }
  cancellable = g_cancellable_new ();
  g_test_add_func ("/cpu-parts/split", test_split);
  g_test_add_func ("/cpu-parts/refused", test_refused);
  g_test_add_func ("/cpu-parts/products", test_products);
  g_test_add_func ("/cpu-parts/cancel", test_cancel);
  g_test_add_func ("/cpu-parts/long-lines", test_long_lines);
  int status = g_test_run ();
  g_object_unref (cancellable);
  return status;
}
