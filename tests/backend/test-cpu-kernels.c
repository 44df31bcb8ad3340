/* The cpu backend's inner loops, for every instruction set this machine has, against the C
 * library and naive loops: accuracy, every tail length, and nothing touched beyond the ends. */
#include "backends/cpu/kernels/kernels.h"

#include <math.h>
#include <string.h>

static const GonioCpuKernels *sets[5];
static guint n_sets;

static void
find_sets (void)
{
  static const char *const wishes[] = {"baseline", "avx", "avx2", "avx512", NULL};
  for (guint i = 0; i < G_N_ELEMENTS (wishes); i++) {
    if (wishes[i])
      g_setenv ("GONIO_CPU_KERNELS", wishes[i], TRUE);
    else
      g_unsetenv ("GONIO_CPU_KERNELS");
    const GonioCpuKernels *set = gonio_cpu_kernels_select ();
    if (n_sets == 0 || sets[n_sets - 1] != set)
      sets[n_sets++] = set;
  }
}

/* ---- functions of one number ---- */

static double
gelu (double x)
{
  return 0.5 * x * (1 + erf (x / sqrt (2)));
}

static double
sigmoid (double x)
{
  return 1 / (1 + exp (-x));
}

static double
softplus (double x)
{
  return log1p (exp (-fabs (x))) + fmax (x, 0);
}

static double
mish (double x)
{
  return x * tanh (softplus (x));
}

static double
elu (double x)
{
  return x < 0 ? expm1 (x) : x;
}

static double
swish (double x)
{
  return x * sigmoid (x);
}

/* ulps: allowed distance in units of the last place of the true value; floor: distance that is
 * always allowed, where cancellation makes relative accuracy meaningless. */
static const struct {
  GonioCpuUnary kernel;
  double (*truth) (double x);
  double from, to, ulps, floor;
} functions[] = {
    {GONIO_CPU_UNARY_EXP, exp, -87, 88.7, 2, 0},
    {GONIO_CPU_UNARY_LOG, log, 1e-6, 50, 2, 0},
    {GONIO_CPU_UNARY_TANH, tanh, -12, 12, 3, 0},
    {GONIO_CPU_UNARY_ERF, erf, -6, 6, 4, 0},
    {GONIO_CPU_UNARY_SIGMOID, sigmoid, -80, 80, 4, 0},
    {GONIO_CPU_UNARY_SOFTPLUS, softplus, -80, 80, 4, 0},
    {GONIO_CPU_UNARY_MISH, mish, -40, 40, 6, 0},
    {GONIO_CPU_UNARY_SWISH, swish, -80, 80, 4, 0},
    {GONIO_CPU_UNARY_ELU, elu, -30, 5, 4, 0},
    {GONIO_CPU_UNARY_GELU, gelu, -10, 10, 6, 6e-7},
};

static double
ulps_between (float got, double truth)
{
  float near = fabsf ((float)truth);
  return fabs (got - truth) / (double)(nextafterf (near, INFINITY) - near);
}

static void
test_functions (void)
{
  static const float p[2] = {1, 0};
  enum { N = 20011 };
  g_autofree float *x = g_new (float, N), *y = g_new (float, N);
  for (guint s = 0; s < n_sets; s++)
    for (guint f = 0; f < G_N_ELEMENTS (functions); f++) {
      for (int i = 0; i < N; i++)
        x[i] = (float)(functions[f].from + (functions[f].to - functions[f].from) * i / (N - 1));
      sets[s]->unary[functions[f].kernel](x, y, N, p);
      for (int i = 0; i < N; i++) {
        double truth = functions[f].truth (x[i]);
        if (fabs (y[i] - truth) > functions[f].floor &&
            ulps_between (y[i], truth) > functions[f].ulps) {
          g_test_fail_printf ("%s, function %u at %.9g: %.9g, not %.9g", sets[s]->name, f, x[i],
                              y[i], truth);
          break;
        }
      }
    }
}

static void
test_special_values (void)
{
  static const float p[2] = {1, 0}, in[] = {0, INFINITY, -INFINITY, NAN};
  static const struct {
    GonioCpuUnary kernel;
    float out[4];
  } rows[] = {
      {GONIO_CPU_UNARY_EXP, {1, INFINITY, 0, NAN}},
      {GONIO_CPU_UNARY_LOG, {-INFINITY, INFINITY, NAN, NAN}},
      {GONIO_CPU_UNARY_TANH, {0, 1, -1, NAN}},
      {GONIO_CPU_UNARY_ERF, {0, 1, -1, NAN}},
      {GONIO_CPU_UNARY_SIGMOID, {0.5f, 1, 0, NAN}},
      {GONIO_CPU_UNARY_RELU, {0, INFINITY, 0, NAN}},
      {GONIO_CPU_UNARY_SOFTPLUS, {0.693147181f, INFINITY, 0, NAN}},
      {GONIO_CPU_UNARY_SIGN, {0, 1, -1, NAN}},
  };
  for (guint s = 0; s < n_sets; s++)
    for (guint r = 0; r < G_N_ELEMENTS (rows); r++)
      for (int i = 0; i < 4; i++) {
        float x[17], y[17];
        for (int k = 0; k < 17; k++)
          x[k] = in[i];
        sets[s]->unary[rows[r].kernel](x, y, 17, p);
        for (int k = 0; k < 17; k++)
          if (!(isnan (rows[r].out[i]) ? isnan (y[k]) : y[k] == rows[r].out[i]))
            g_test_fail_printf ("%s, row %u of %g: %g", sets[s]->name, r, in[i], y[k]);
      }
}

/* ---- blocks against naive loops ---- */

/* n numbers in their own allocation, so that a sanitizer sees the slightest step beyond. */
static float *
numbers (GRand *rand, size_t n)
{
  float *x = g_new (float, n);
  for (size_t i = 0; i < n; i++)
    x[i] = (float)g_rand_double_range (rand, -1, 1);
  return x;
}

static void
check_near (const char *what, const GonioCpuKernels *set, double got, double want, double limit)
{
  if (!(fabs (got - want) <= limit))
    g_test_fail_printf ("%s, %s: %.9g, not %.9g", set->name, what, got, want);
}

static void
check_gemm (const GonioCpuKernels *set, guint mr, guint cols, gboolean with_bias)
{
  enum { TAPS = 3, KC = 5, LDC = 80 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (mr * 100 + cols);
  guint width = (cols + set->lanes - 1) / set->lanes * set->lanes;
  size_t w_size = (size_t)TAPS * KC * width;
  float *w = g_aligned_alloc (w_size, sizeof *w, 64);
  g_autofree float *bias = numbers (rand, width);
  g_autofree float *c = numbers (rand, (size_t)(mr - 1) * LDC + cols);
  g_autofree float *before = g_memdup2 (c, ((size_t)(mr - 1) * LDC + cols) * sizeof *c);
  g_autofree const float **rows = g_new (const float *, TAPS * set->mr);
  for (size_t i = 0; i < w_size; i++)
    w[i] = (float)g_rand_double_range (rand, -1, 1);
  for (guint i = 0; i < TAPS * set->mr; i++)
    rows[i] = numbers (rand, KC);
  GonioCpuGemmTile tile = {.rows = rows,
                           .row_step = set->mr,
                           .taps = TAPS,
                           .kc = KC,
                           .w = w,
                           .bias = with_bias ? bias : NULL,
                           .c = c,
                           .ldc = LDC,
                           .mr = mr,
                           .cols = cols,
                           .lo = -0.9f,
                           .hi = 1.1f};
  set->gemm (&tile);
  for (guint i = 0; i < mr; i++)
    for (guint j = 0; j < cols; j++) {
      double sum = with_bias ? bias[j] : before[i * LDC + j];
      for (int t = 0; t < TAPS; t++)
        for (int k = 0; k < KC; k++)
          sum += (double)rows[(guint)t * set->mr + i][k] * w[(size_t)(t * KC + k) * width + j];
      check_near ("gemm", set, c[i * LDC + j], CLAMP (sum, -0.9f, 1.1f), 1e-5);
    }
  for (guint i = 0; i + 1 < mr; i++)
    for (guint j = cols; j < LDC; j++)
      g_assert_cmpfloat (c[i * LDC + j], ==, before[i * LDC + j]);
  for (guint i = 0; i < TAPS * set->mr; i++)
    g_free ((float *)rows[i]);
  g_aligned_free (w);
}

static void
test_gemm (void)
{
  for (guint s = 0; s < n_sets; s++)
    for (guint mr = 1; mr <= sets[s]->mr; mr++)
      for (guint cols = 1; cols <= sets[s]->nr; cols++)
        check_gemm (sets[s], mr, cols, (mr + cols) % 2 == 0);
}

static void
check_depthwise (const GonioCpuKernels *set, size_t ky, size_t kx, size_t channels, size_t pixels)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32)(ky * 1000 + kx * 100 + channels));
  size_t line = (pixels * 2 + kx) * channels;
  g_autofree float *w = numbers (rand, ky * kx * channels), *bias = numbers (rand, channels);
  g_autofree float *y = numbers (rand, pixels * channels);
  float *lines[8];
  for (size_t j = 0; j < ky; j++)
    lines[j] = numbers (rand, line);
  GonioCpuDepthwise work = {.lines = (const float *const *)lines,
                            .ky = ky,
                            .kx = kx,
                            .tap_step = channels,
                            .pixel_step = 2 * channels,
                            .w_line = kx * channels,
                            .w = w,
                            .bias = bias,
                            .y = y,
                            .channels = channels,
                            .pixels = pixels,
                            .lo = -1,
                            .hi = 1};
  set->depthwise (&work);
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < channels; c++) {
      double sum = bias[c];
      for (size_t j = 0; j < ky; j++)
        for (size_t i = 0; i < kx; i++)
          sum += (double)lines[j][(p * 2 + i) * channels + c] * w[(j * kx + i) * channels + c];
      check_near ("depthwise", set, y[p * channels + c], CLAMP (sum, -1, 1), 1e-5);
    }
  for (size_t j = 0; j < ky; j++)
    g_free (lines[j]);
}

static void
test_depthwise (void)
{
  static const size_t kernels[][2] = {{3, 3}, {5, 5}, {1, 1}, {2, 3}, {7, 7}, {0, 0}};
  for (guint s = 0; s < n_sets; s++)
    for (guint k = 0; k < G_N_ELEMENTS (kernels); k++)
      for (size_t channels = 1; channels < 40; channels += 3)
        check_depthwise (sets[s], kernels[k][0], kernels[k][1], channels, channels % 2 ? 1 : 37);
}

static void
test_rows (void)
{
  for (guint s = 0; s < n_sets; s++)
    for (size_t n = 1; n < 150; n++) {
      g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32)n);
      float *rows[5], w[5];
      g_autofree float *mixed = g_new (float, n), *largest = g_new (float, n);
      for (int t = 0; t < 5; t++) {
        rows[t] = numbers (rand, n);
        w[t] = (float)g_rand_double (rand);
      }
      sets[s]->mix ((const float *const *)rows, w, 5, mixed, n);
      sets[s]->max_rows ((const float *const *)rows, 5, largest, n);
      for (size_t i = 0; i < n; i++) {
        double sum = 0, most = -INFINITY;
        for (int t = 0; t < 5; t++) {
          sum += (double)rows[t][i] * w[t];
          most = fmax (most, rows[t][i]);
        }
        check_near ("mix", sets[s], mixed[i], sum, 1e-6);
        check_near ("max_rows", sets[s], largest[i], most, 0);
      }
      for (int t = 0; t < 5; t++)
        g_free (rows[t]);
    }
}

static void
test_folds (void)
{
  static const size_t lengths[] = {1, 2, 7, 15, 16, 17, 31, 33, 100, 2047, 2048, 2049, 10000};
  for (guint s = 0; s < n_sets; s++)
    for (guint l = 0; l < G_N_ELEMENTS (lengths); l++) {
      size_t n = lengths[l];
      g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32)n);
      g_autofree float *x = numbers (rand, n), *y = g_new (float, n);
      double sum = 0, sum_abs = 0, square = 0, least = INFINITY, most = -INFINITY, exps = 0,
             diff = 0;
      for (size_t i = 0; i < n; i++) {
        sum += x[i];
        sum_abs += fabs (x[i]);
        square += (double)x[i] * x[i];
        diff += (x[i] - 0.25) * (x[i] - 0.25);
        exps += exp (x[i] - 1.0);
        least = fmin (least, x[i]);
        most = fmax (most, x[i]);
      }
      double limit = 1e-6 * (double)n;
      check_near ("sum", sets[s], sets[s]->fold[GONIO_CPU_FOLD_SUM](x, n), sum, limit);
      check_near ("sum abs", sets[s], sets[s]->fold[GONIO_CPU_FOLD_SUM_ABS](x, n), sum_abs, limit);
      check_near ("squares", sets[s], sets[s]->fold[GONIO_CPU_FOLD_SUM_SQUARE](x, n), square,
                  limit);
      check_near ("min", sets[s], sets[s]->fold[GONIO_CPU_FOLD_MIN](x, n), least, 0);
      check_near ("max", sets[s], sets[s]->fold[GONIO_CPU_FOLD_MAX](x, n), most, 0);
      check_near ("differences", sets[s], sets[s]->sum_square_diff (x, n, 0.25f), diff, limit);
      check_near ("exp_sum", sets[s], sets[s]->exp_sum (x, y, n, 1.0f), exps, limit);
    }
}

static void
test_transpose (void)
{
  for (guint s = 0; s < n_sets; s++)
    for (size_t rows = 1; rows < 20; rows++)
      for (size_t cols = 1; cols < 20; cols++) {
        g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32)(rows * 20 + cols));
        g_autofree float *x = numbers (rand, rows * (cols + 3) - 3);
        g_autofree float *y = numbers (rand, cols * (rows + 2) - 2);
        sets[s]->transpose (x, cols + 3, y, rows + 2, rows, cols);
        for (size_t r = 0; r < rows; r++)
          for (size_t c = 0; c < cols; c++)
            g_assert_cmpfloat (y[c * (rows + 2) + r], ==, x[r * (cols + 3) + c]);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_set_nonfatal_assertions ();
  find_sets ();
  g_test_add_func ("/cpu-kernels/functions", test_functions);
  g_test_add_func ("/cpu-kernels/special-values", test_special_values);
  g_test_add_func ("/cpu-kernels/gemm", test_gemm);
  g_test_add_func ("/cpu-kernels/depthwise", test_depthwise);
  g_test_add_func ("/cpu-kernels/rows", test_rows);
  g_test_add_func ("/cpu-kernels/folds", test_folds);
  g_test_add_func ("/cpu-kernels/transpose", test_transpose);
  return g_test_run ();
}
