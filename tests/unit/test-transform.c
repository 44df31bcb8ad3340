/* core/imaging/{transform,homography,lens,polynomial,grid}.c: properties over thousands of
 * random configurations, resampling of pictures with known content, refusals.
 */
#include "core/imaging/transform.h"
#include "core/base/error.h"

#include <math.h>
#include <string.h>

#define TRIALS 3000

static double
uniform (double lo, double hi)
{
  return g_test_rand_double_range (lo, hi);
}

static void
assert_near (GonioPoint a, GonioPoint b, double tolerance)
{
  g_assert_cmpfloat (hypot (a.x - b.x, a.y - b.y), <=, tolerance);
}

/* inverse (forward (p)) == p, and the other way round. */
static void
assert_round_trip (GonioTransform *t, GonioPoint p, double tolerance)
{
  GonioPoint q = {0}, back = {0}, again = {0};

  g_assert_true (gonio_transform_forward (t, p, &q));
  g_assert_true (gonio_transform_inverse (t, q, &back));
  assert_near (p, back, tolerance);
  g_assert_true (gonio_transform_forward (t, back, &again));
  assert_near (q, again, tolerance);
}

static void
assert_refused (GonioTransform *t, GError **error)
{
  g_assert_null (t);
  g_assert_error (*error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED);
  g_clear_error (error);
}

/* A convex quadrilateral as a tilted camera sees a film, tl tr br bl. */
static void
random_quad (GonioPoint out[4])
{
  double w = uniform (300, 4000), h = uniform (300, 4000), turn = uniform (-0.7, 0.7);

  for (guint i = 0; i < 4; i++) {
    double x = (i == 1 || i == 2 ? 0.5 : -0.5) * w * uniform (0.7, 1);
    double y = (i >= 2 ? 0.5 : -0.5) * h * uniform (0.7, 1);

    out[i] = (GonioPoint){2500 + x * cos (turn) - y * sin (turn),
                          2500 + x * sin (turn) + y * cos (turn)};
  }
}

static void
test_quad (void)
{
  for (guint trial = 0; trial < TRIALS; trial++) {
    GonioPoint c[4];
    double w = uniform (10, 5000), h = uniform (10, 5000);
    const GonioPoint rect[4] = {{0, 0}, {w, 0}, {w, h}, {0, h}};
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioTransform) t = NULL;

    random_quad (c);
    t = gonio_transform_new_quad (c, w, h, &error);
    g_assert_no_error (error);
    for (guint i = 0; i < 4; i++) {
      GonioPoint q = {0};

      g_assert_true (gonio_transform_forward (t, c[i], &q));
      assert_near (q, rect[i], 1e-7);
    }
    for (guint i = 0; i < 5; i++) {
      GonioPoint inside = {0};

      g_assert_true (
          gonio_transform_inverse (t, (GonioPoint){uniform (0, w), uniform (0, h)}, &inside));
      assert_round_trip (t, inside, 1e-6);
    }
  }
}

/* A homography preserves straight lines and their crossings; the crossing of the diagonals of
 * the quadrilateral therefore goes to the middle of the rectangle. */
static void
test_quad_diagonals (void)
{
  for (guint trial = 0; trial < TRIALS; trial++) {
    GonioPoint c[4], middle = {0};
    g_autoptr (GonioTransform) t = NULL;
    double a, b, k;

    random_quad (c);
    t = gonio_transform_new_quad (c, 100, 60, NULL);
    a = (c[1].x - c[0].x) * (c[3].y - c[1].y) - (c[1].y - c[0].y) * (c[3].x - c[1].x);
    b = (c[2].x - c[0].x) * (c[3].y - c[1].y) - (c[2].y - c[0].y) * (c[3].x - c[1].x);
    k = a / b;
    middle = (GonioPoint){c[0].x + k * (c[2].x - c[0].x), c[0].y + k * (c[2].y - c[0].y)};
    g_assert_true (gonio_transform_forward (t, middle, &middle));
    assert_near (middle, (GonioPoint){50, 30}, 1e-7);
  }
}

static void
test_quad_refusals (void)
{
  static const GonioPoint bad[][4] = {
      {{0, 0}, {10, 0}, {0, 10}, {10, 10}}, /* crossed */
      {{0, 0}, {0, 10}, {10, 10}, {10, 0}}, /* mirrored: would swap left and right */
      {{0, 0}, {10, 0}, {3, 3}, {0, 10}},   /* dented */
      {{0, 0}, {10, 0}, {20, 0}, {0, 10}},  /* three on a line */
      {{0, 0}, {0, 0}, {10, 10}, {0, 10}},  /* two the same */
      {{0, 0}, {10, 0}, {NAN, 10}, {0, 10}},
  };
  const GonioPoint good[4] = {{0, 0}, {10, 0}, {10, 10}, {0, 10}};
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (gonio_transform_new_quad (bad[i], 100, 100, &error), &error);
  assert_refused (gonio_transform_new_quad (good, 0, 100, &error), &error);
  assert_refused (gonio_transform_new_quad (good, 100, NAN, &error), &error);
}

static void
test_horizon (void)
{
  /* x -> x / (1 - x/100): points beyond x = 100 lie behind the camera. */
  const double h[9] = {1, 0, 0, 0, 1, 0, -0.01, 0, 1};
  const double negated[9] = {-1, 0, 0, 0, -1, 0, 0.01, 0, -1};
  g_autoptr (GonioTransform) t = gonio_transform_new_homography (h, NULL);
  g_autoptr (GonioTransform) n = gonio_transform_new_homography (negated, NULL);
  GonioPoint q = {0};

  g_assert_true (gonio_transform_forward (t, (GonioPoint){50, 10}, &q));
  assert_near (q, (GonioPoint){100, 20}, 1e-9);
  g_assert_true (gonio_transform_forward (n, (GonioPoint){50, 10}, &q));
  assert_near (q, (GonioPoint){100, 20}, 1e-9);
  g_assert_false (gonio_transform_forward (t, (GonioPoint){150, 10}, &q));
  g_assert_false (gonio_transform_forward (t, (GonioPoint){100, 10}, &q));
  g_assert_false (gonio_transform_inverse (t, (GonioPoint){-150, 0}, &q));
  g_assert_false (gonio_transform_forward (t, (GonioPoint){NAN, 0}, &q));
}

static void
test_affine (void)
{
  for (guint trial = 0; trial < TRIALS; trial++) {
    double m[6];
    g_autoptr (GonioTransform) t = NULL;
    GonioPoint p = {uniform (-5000, 5000), uniform (-5000, 5000)}, q = {0};

    for (guint i = 0; i < 6; i++)
      m[i] = uniform (-3, 3);
    if (fabs (m[0] * m[4] - m[1] * m[3]) < 0.05)
      continue;
    t = gonio_transform_new_affine (m, NULL);
    g_assert_true (gonio_transform_forward (t, p, &q));
    assert_near (q, (GonioPoint){m[0] * p.x + m[1] * p.y + m[2], m[3] * p.x + m[4] * p.y + m[5]},
                 1e-8);
    assert_round_trip (t, p, 1e-7);
  }
}

static void
test_singular (void)
{
  g_autoptr (GError) error = NULL;

  assert_refused (gonio_transform_new_affine ((double[]){1, 2, 0, 2, 4, 0}, &error), &error);
  assert_refused (gonio_transform_new_affine ((double[]){0, 0, 0, 0, 0, 0}, &error), &error);
  assert_refused (gonio_transform_new_affine ((double[]){NAN, 0, 0, 0, 1, 0}, &error), &error);
  assert_refused (gonio_transform_new_homography ((double[]){1, 0, 0, 0, 1, 0, 1, 1, 0}, &error),
                  &error);
}

static void
test_fit_homography (void)
{
  for (guint trial = 0; trial < 300; trial++) {
    GonioPoint c[4], src[40], dst[40];
    g_autoptr (GonioTransform) truth = NULL, exact = NULL, noisy = NULL;
    g_autoptr (GError) error = NULL;
    double rms = -1, noise = 0;
    guint n = (guint)g_test_rand_int_range (4, 40);

    random_quad (c);
    truth = gonio_transform_new_quad (c, 1000, 800, NULL);
    for (guint i = 0; i < n; i++) {
      dst[i] = i < 4 ? (GonioPoint){i % 3 ? 950 : 50, i < 2 ? 50 : 750}
                     : (GonioPoint){uniform (0, 1000), uniform (0, 800)};
      g_assert_true (gonio_transform_inverse (truth, dst[i], &src[i]));
    }
    exact = gonio_transform_fit_homography (src, dst, n, &rms, &error);
    g_assert_no_error (error);
    g_assert_cmpfloat (rms, <, 1e-6);
    for (guint i = 0; i < n; i++) {
      GonioPoint q = {0};

      g_assert_true (gonio_transform_forward (exact, src[i], &q));
      assert_near (q, dst[i], 1e-5);
    }
    for (guint i = 0; i < n; i++) {
      double dx = uniform (-2, 2), dy = uniform (-2, 2);

      dst[i].x += dx;
      dst[i].y += dy;
      noise += dx * dx + dy * dy;
    }
    noisy = gonio_transform_fit_homography (src, dst, n, &rms, &error);
    g_assert_no_error (error);
    /* The least-squares residual cannot exceed that of the truth. */
    g_assert_cmpfloat (rms, <=, sqrt (noise / n) + 1e-9);
  }
}

static void
test_fit_homography_refusals (void)
{
  const GonioPoint square[4] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
  const GonioPoint line[4] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}};
  GonioPoint many[10];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 10; i++)
    many[i] = (GonioPoint){i, 2.0 * i};
  assert_refused (gonio_transform_fit_homography (square, square, 3, NULL, &error), &error);
  assert_refused (gonio_transform_fit_homography (line, square, 4, NULL, &error), &error);
  assert_refused (gonio_transform_fit_homography (square, line, 4, NULL, &error), &error);
  assert_refused (gonio_transform_fit_homography (many, many, 10, NULL, &error), &error);
}

static void
test_lens (void)
{
  guint used = 0;

  for (guint trial = 0; trial < TRIALS; trial++) {
    GonioPoint c = {uniform (100, 3000), uniform (100, 3000)};
    double radius = uniform (200, 3000), k1 = uniform (-0.5, 0.8), k2 = uniform (-0.3, 0.5);
    gboolean folds = FALSE;
    g_autoptr (GonioTransform) t = NULL;

    for (double r = 0; r <= 1; r += 1.0 / 512)
      folds |= 1 + 3 * k1 * r * r + 5 * k2 * r * r * r * r <= 0;
    t = gonio_transform_new_lens (c, radius, k1, k2, NULL);
    if (folds)
      g_assert_null (t);
    if (!t)
      continue;
    used++;
    for (guint i = 0; i < 5; i++) {
      double r = uniform (0, 1), angle = uniform (0, 2 * G_PI);
      GonioPoint p = {c.x + radius * r * cos (angle), c.y + radius * r * sin (angle)}, q = {0};
      double k = 1 + k1 * r * r + k2 * r * r * r * r;

      assert_round_trip (t, p, 1e-8 * radius);
      g_assert_true (gonio_transform_forward (t, p, &q));
      assert_near (q, (GonioPoint){c.x + (p.x - c.x) * k, c.y + (p.y - c.y) * k}, 1e-9 * radius);
    }
    assert_round_trip (t, c, 1e-12);
  }
  g_assert_cmpuint (used, >, TRIALS / 2);
}

static void
test_lens_refusals (void)
{
  const GonioPoint c = {100, 100};
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioTransform) barrel = gonio_transform_new_lens (c, 100, -0.3, 0, NULL);
  GonioPoint q = {0};

  assert_refused (gonio_transform_new_lens (c, 100, -0.34, 0, &error), &error);
  assert_refused (gonio_transform_new_lens (c, 100, 0, -0.21, &error), &error);
  assert_refused (gonio_transform_new_lens (c, 0, 0, 0, &error), &error);
  assert_refused (gonio_transform_new_lens (c, 100, NAN, 0, &error), &error);
  /* Folds at r = sqrt (1 / 0.9): not defined from there on. */
  g_assert_true (gonio_transform_forward (barrel, (GonioPoint){205, 100}, &q));
  g_assert_false (gonio_transform_forward (barrel, (GonioPoint){206, 100}, &q));
  g_assert_false (gonio_transform_inverse (barrel, (GonioPoint){400, 100}, &q));
}

/* Near-identity polynomial of a given order: an affine part plus small higher terms. */
static guint
random_polynomial (guint order, double radius, double *cx, double *cy)
{
  guint n = (order + 1) * (order + 2) / 2;

  for (guint k = 0; k < n; k++) {
    double size = k == 0 ? 2000 : k < 3 ? 0.2 * radius : 0.1 * radius / n;

    cx[k] = uniform (-size, size);
    cy[k] = uniform (-size, size);
  }
  cx[1] += radius;
  cy[2] += radius;
  return n;
}

static void
test_polynomial (void)
{
  guint used = 0;

  for (guint trial = 0; trial < TRIALS; trial++) {
    double cx[21] = {0}, cy[21] = {0}, radius = uniform (100, 2000);
    GonioPoint c = {uniform (0, 3000), uniform (0, 3000)};
    guint order = (guint)g_test_rand_int_range (1, 6);
    g_autoptr (GonioTransform) t = NULL;

    random_polynomial (order, radius, cx, cy);
    t = gonio_transform_new_polynomial (c, radius, order, cx, cy, NULL);
    if (!t)
      continue;
    used++;
    for (guint i = 0; i < 5; i++) {
      double r = sqrt (uniform (0, 1)), angle = uniform (0, 2 * G_PI);

      assert_round_trip (
          t, (GonioPoint){c.x + radius * r * cos (angle), c.y + radius * r * sin (angle)},
          1e-6 * radius);
    }
  }
  g_assert_cmpuint (used, >, TRIALS * 9 / 10);
}

/* 1, x, y, x^2, xy, y^2, x^3, ... with the coefficients 1, 2, 3, ... */
static void
test_polynomial_terms (void)
{
  double cx[10], cy[10];
  const GonioPoint c = {10, 20};
  const double u = 0.25, v = -0.5;
  g_autoptr (GonioTransform) t = NULL;
  GonioPoint q = {0};

  for (guint k = 0; k < 10; k++) {
    cx[k] = k == 1 ? 1000 : k + 1;
    cy[k] = k == 2 ? 1000 : -(double)k;
  }
  t = gonio_transform_new_polynomial (c, 100, 3, cx, cy, NULL);
  g_assert_true (gonio_transform_forward (t, (GonioPoint){10 + 25, 20 - 50}, &q));
  g_assert_cmpfloat_with_epsilon (q.x,
                                  1 + 1000 * u + 3 * v + 4 * u * u + 5 * u * v + 6 * v * v +
                                      7 * u * u * u + 8 * u * u * v + 9 * u * v * v +
                                      10 * v * v * v,
                                  1e-9);
  g_assert_cmpfloat_with_epsilon (q.y,
                                  -u + 1000 * v - 3 * u * u - 4 * u * v - 5 * v * v -
                                      6 * u * u * u - 7 * u * u * v - 8 * u * v * v - 9 * v * v * v,
                                  1e-9);
}

static void
test_fit_polynomial (void)
{
  for (guint trial = 0; trial < 200; trial++) {
    double cx[21] = {0}, cy[21] = {0}, rms = -1;
    GonioPoint src[100], dst[100];
    const GonioPoint c = {512, 500};
    guint order = (guint)g_test_rand_int_range (1, 6);
    g_autoptr (GonioTransform) truth = NULL, fitted = NULL;
    g_autoptr (GError) error = NULL;

    random_polynomial (order, 500, cx, cy);
    truth = gonio_transform_new_polynomial (c, 500, order, cx, cy, NULL);
    if (!truth)
      continue;
    for (guint i = 0; i < 100; i++) {
      src[i] = (GonioPoint){200 + i % 10 * 65, 200 + i / 10 * 65};
      g_assert_true (gonio_transform_forward (truth, src[i], &dst[i]));
    }
    fitted = gonio_transform_fit_polynomial (src, dst, 100, c, 500, order, &rms, &error);
    g_assert_no_error (error);
    g_assert_cmpfloat (rms, <, 1e-7);
    for (guint i = 0; i < 100; i++)
      assert_round_trip (fitted, src[i], 1e-6);
  }
}

static void
test_polynomial_refusals (void)
{
  const GonioPoint c = {0, 0}, points[3] = {{0, 0}, {1, 0}, {0, 1}};
  GonioPoint line[30];
  double cx[21] = {0, 100}, cy[21] = {0, 0, 100};
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 30; i++)
    line[i] = (GonioPoint){i, i};
  assert_refused (gonio_transform_new_polynomial (c, 100, 0, cx, cy, &error), &error);
  assert_refused (gonio_transform_new_polynomial (c, 100, 6, cx, cy, &error), &error);
  assert_refused (gonio_transform_new_polynomial (c, -1, 1, cx, cy, &error), &error);
  cx[3] = 80; /* d x / d u = 100 + 160 u turns negative inside the unit disc */
  assert_refused (gonio_transform_new_polynomial (c, 100, 2, cx, cy, &error), &error);
  cx[1] = cx[3] = 0; /* flat */
  assert_refused (gonio_transform_new_polynomial (c, 100, 1, cx, cy, &error), &error);
  assert_refused (gonio_transform_fit_polynomial (points, points, 3, c, 1, 2, NULL, &error),
                  &error);
  assert_refused (gonio_transform_fit_polynomial (line, line, 30, c, 30, 2, NULL, &error), &error);
}

/* A smooth backward map: shift, shear and two waves. */
static GonioTransform *
random_grid (double width, double height, guint cols, guint rows)
{
  g_autofree GonioPoint *nodes = g_new (GonioPoint, cols * rows);
  double a = uniform (-0.03, 0.03), b = uniform (-0.03, 0.03), shear = uniform (-0.3, 0.3);
  double sx = uniform (0.5, 2), sy = uniform (0.5, 2), phase = uniform (0, 6);
  GonioTransform *t = NULL;

  for (guint j = 0; j < rows; j++) {
    for (guint i = 0; i < cols; i++) {
      double u = (double)i / (cols - 1), v = (double)j / (rows - 1);

      nodes[j * cols + i] = (GonioPoint){
          300 + width * (sx * u + shear * v + a * sin (phase + 4 * v)),
          200 + height * (sy * v + b * sin (phase + 5 * u)),
      };
    }
  }
  t = gonio_transform_new_grid (nodes, cols, rows, width, height, NULL);
  if (t) { /* nodes map exactly */
    guint i = (guint)g_test_rand_int_range (0, (int)cols);
    guint j = (guint)g_test_rand_int_range (0, (int)rows);
    GonioPoint dst = {width * i / (cols - 1), height * j / (rows - 1)}, q = {0};

    g_assert_true (gonio_transform_inverse (t, dst, &q));
    assert_near (q, nodes[j * cols + i], 1e-9 * width);
    g_assert_true (gonio_transform_forward (t, nodes[j * cols + i], &q));
    assert_near (q, dst, 1e-7 * width);
  }
  return t;
}

static void
test_grid (void)
{
  guint used = 0;

  for (guint trial = 0; trial < TRIALS; trial++) {
    double w = uniform (50, 4000), h = uniform (50, 4000);
    guint cols = (guint)g_test_rand_int_range (2, 40), rows = (guint)g_test_rand_int_range (2, 40);
    g_autoptr (GonioTransform) t = random_grid (w, h, cols, rows);

    if (!t)
      continue;
    used++;
    for (guint i = 0; i < 5; i++) {
      GonioPoint dst = {uniform (0, w), uniform (0, h)}, src = {0}, back = {0};

      g_assert_true (gonio_transform_inverse (t, dst, &src));
      g_assert_true (gonio_transform_forward (t, src, &back));
      assert_near (dst, back, 1e-6 * (w + h));
      assert_round_trip (t, src, 1e-6 * (w + h));
    }
  }
  g_assert_cmpuint (used, >, TRIALS * 9 / 10);
}

static void
test_grid_edges (void)
{
  /* Cells of 10 x 10, source = destination * 2 + 5. */
  GonioPoint nodes[12];
  g_autoptr (GonioTransform) t = NULL;
  g_autoptr (GError) error = NULL;
  GonioPoint q = {0};

  for (guint k = 0; k < 12; k++)
    nodes[k] = (GonioPoint){5 + 20.0 * (k % 4), 5 + 20.0 * (k / 4)};
  t = gonio_transform_new_grid (nodes, 4, 3, 30, 20, NULL);
  g_assert_true (gonio_transform_inverse (t, (GonioPoint){-9, 29}, &q));
  assert_near (q, (GonioPoint){-13, 63}, 1e-9);
  g_assert_true (gonio_transform_forward (t, q, &q));
  assert_near (q, (GonioPoint){-9, 29}, 1e-9);
  g_assert_false (gonio_transform_inverse (t, (GonioPoint){-11, 5}, &q));
  g_assert_false (gonio_transform_inverse (t, (GonioPoint){41, 5}, &q));
  g_assert_false (gonio_transform_forward (t, (GonioPoint){200, 5}, &q));
  nodes[5].x = 100; /* folded */
  assert_refused (gonio_transform_new_grid (nodes, 4, 3, 30, 20, &error), &error);
  nodes[5].x = NAN;
  assert_refused (gonio_transform_new_grid (nodes, 4, 3, 30, 20, &error), &error);
  assert_refused (gonio_transform_new_grid (nodes, 1, 12, 30, 20, &error), &error);
  assert_refused (gonio_transform_new_grid (nodes, 100000, 100000, 30, 20, &error), &error);
}

static void
test_compose (void)
{
  for (guint trial = 0; trial < 1000; trial++) {
    GonioPoint c[4], p = {0}, a = {0}, b = {0};
    g_autoptr (GonioTransform) quad = NULL, lens = NULL, both = NULL, inverse = NULL, there = NULL;

    random_quad (c);
    quad = gonio_transform_new_quad (c, 1000, 800, NULL);
    lens = gonio_transform_new_lens ((GonioPoint){500, 400}, 800, uniform (-0.1, 0.2), 0, NULL);
    both = gonio_transform_compose (quad, lens);
    inverse = gonio_transform_invert (both);
    there = gonio_transform_compose (both, inverse);
    g_assert_true (
        gonio_transform_inverse (quad, (GonioPoint){uniform (0, 1000), uniform (0, 800)}, &p));
    g_assert_true (gonio_transform_forward (quad, p, &a) && gonio_transform_forward (lens, a, &a));
    g_assert_true (gonio_transform_forward (both, p, &b));
    assert_near (a, b, 1e-9);
    g_assert_true (gonio_transform_inverse (inverse, p, &b));
    assert_near (a, b, 1e-9);
    g_assert_true (gonio_transform_forward (there, p, &b));
    assert_near (p, b, 1e-5);
  }
}

static void
assert_describes (GonioTransform *t, const char *want)
{
  g_autofree char *text = gonio_transform_describe (t);

  g_assert_cmpstr (text, ==, want);
}

static void
test_describe (void)
{
  const GonioPoint c[4] = {{0, 0}, {10, 0}, {11, 10}, {0, 10}};
  g_autoptr (GonioTransform) identity = gonio_transform_new_identity ();
  g_autoptr (GonioTransform) quad = gonio_transform_new_quad (c, 10, 10, NULL);
  g_autoptr (GonioTransform) lens = gonio_transform_new_lens (c[0], 10, 0.1, 0, NULL);
  g_autoptr (GonioTransform) affine =
      gonio_transform_new_affine ((double[]){2, 0, 0, 0, 2, 0}, NULL);
  g_autoptr (GonioTransform) both = gonio_transform_compose (quad, lens);
  g_autoptr (GonioTransform) alone = gonio_transform_compose (identity, lens);
  g_autoptr (GonioTransform) inverse = gonio_transform_invert (both);
  g_autoptr (GonioTransform) twice = gonio_transform_invert (inverse);

  assert_describes (identity, "identity");
  assert_describes (quad, "homography");
  assert_describes (affine, "affine");
  assert_describes (both, "homography + lens");
  assert_describes (alone, "lens");
  assert_describes (inverse, "inverse of (homography + lens)");
  g_assert_true (twice == both);
}

/* ---- pictures ---- */

/* value = 1000 + 20 x + 10 y at pixel centres, x and y in pixels */
static GonioImage *
gradient (guint w, guint h)
{
  uint16_t *pixels = g_new (uint16_t, (size_t)w * h);

  for (guint y = 0; y < h; y++)
    for (guint x = 0; x < w; x++)
      pixels[y * w + x] = (uint16_t)(1000 + 20 * (x + 0.5) + 10 * (y + 0.5));
  return gonio_image_new (GONIO_PIXELS_GREY16, w, h, pixels, NULL, NULL);
}

/* A linear picture stays linear under any transform and any averaging. */
static void
assert_gradient (GonioTransform *t, guint w, guint h, guint out_w, guint out_h, double margin,
                 double tolerance)
{
  g_autoptr (GonioImage) image = gradient (w, h);
  g_autoptr (GonioImage) out = gonio_image_transform (image, t, out_w, out_h, NULL, NULL);
  const uint16_t *p = gonio_image_grey16 (out);
  guint checked = 0;

  g_assert_cmpuint (gonio_image_width (out), ==, out_w);
  for (guint y = 0; y < out_h; y++) {
    for (guint x = 0; x < out_w; x++) {
      GonioPoint s = {0};

      if (!gonio_transform_inverse (t, (GonioPoint){x + 0.5, y + 0.5}, &s) || s.x < 0 || s.y < 0 ||
          s.x > w || s.y > h) {
        g_assert_cmpuint (p[(size_t)y * out_w + x], ==, 0);
        continue;
      }
      if (s.x < margin || s.y < margin || s.x > w - margin || s.y > h - margin)
        continue;
      checked++;
      g_assert_cmpfloat_with_epsilon (p[(size_t)y * out_w + x], 1000 + 20 * s.x + 10 * s.y,
                                      tolerance);
    }
  }
  g_assert_cmpuint (checked, >, 100);
}

static void
test_resample_scale (void)
{
  static const double scales[] = {0.06, 0.11, 0.25, 0.37, 0.5, 0.77, 1, 1.5, 3.3};

  for (guint i = 0; i < G_N_ELEMENTS (scales); i++) {
    double s = scales[i];
    g_autoptr (GonioTransform) t =
        gonio_transform_new_affine ((double[]){s, 0, 0, 0, s * 0.9, 0}, NULL);

    assert_gradient (t, 600, 500, (guint)(600 * s), (guint)(500 * s * 0.9), 1 / s + 16, 8);
  }
}

static void
test_resample_warps (void)
{
  GonioPoint c[4] = {{60, 40}, {700, 90}, {640, 560}, {30, 480}};
  g_autoptr (GonioTransform) quad = gonio_transform_new_quad (c, 300, 260, NULL);
  g_autoptr (GonioTransform) lens =
      gonio_transform_new_lens ((GonioPoint){400, 300}, 500, 0.15, 0.03, NULL);
  g_autoptr (GonioTransform) strong =
      gonio_transform_new_homography ((double[]){1, 0, 0, 0, 1, 0, -0.001, 0.0005, 1}, NULL);
  g_autoptr (GonioTransform) grid = random_grid (500, 400, 17, 13);

  assert_gradient (quad, 800, 600, 300, 260, 10, 2);
  assert_gradient (lens, 800, 600, 800, 600, 10, 2);
  assert_gradient (strong, 800, 600, 900, 700, 60, 6);
  if (grid)
    assert_gradient (grid, 1600, 1400, 500, 400, 20, 6);
}

/* Identity leaves every pixel as it is, in both formats. */
static void
test_resample_identity (void)
{
  g_autoptr (GonioTransform) t = gonio_transform_new_identity ();
  uint16_t *grey = g_new (uint16_t, 61 * 47);
  uint8_t *rgb = g_malloc (61 * 47 * 3);
  g_autoptr (GonioImage) a = NULL, b = NULL, c = NULL, d = NULL;

  for (guint i = 0; i < 61 * 47; i++) {
    grey[i] = (uint16_t)g_test_rand_int_range (0, 65536);
    for (guint k = 0; k < 3; k++)
      rgb[i * 3 + k] = (uint8_t)g_test_rand_int_range (0, 256);
  }
  a = gonio_image_new (GONIO_PIXELS_GREY16, 61, 47, grey, NULL, NULL);
  b = gonio_image_transform (a, t, 61, 47, NULL, NULL);
  g_assert_cmpmem (gonio_image_pixels (b), 61 * 47 * 2, grey, 61 * 47 * 2);
  c = gonio_image_new (GONIO_PIXELS_RGB8, 61, 47, rgb, NULL, NULL);
  d = gonio_image_transform (c, t, 61, 47, NULL, NULL);
  g_assert_cmpmem (gonio_image_pixels (d), 61 * 47 * 3, rgb, 61 * 47 * 3);
}

/* Fine stripes must average to grey when reduced, not alias. */
static void
test_resample_average (void)
{
  uint16_t *pixels = g_new (uint16_t, 1024 * 1024);
  g_autoptr (GonioImage) image = NULL, out = NULL;
  g_autoptr (GonioTransform) t =
      gonio_transform_new_affine ((double[]){0.1, 0, 0, 0, 0.1, 0}, NULL);
  const uint16_t *p = NULL;

  for (guint i = 0; i < 1024 * 1024; i++)
    pixels[i] = i % 2 ? 60000 : 0;
  image = gonio_image_new (GONIO_PIXELS_GREY16, 1024, 1024, pixels, NULL, NULL);
  out = gonio_image_transform (image, t, 102, 102, NULL, NULL);
  p = gonio_image_grey16 (out);
  for (guint i = 0; i < 102 * 102; i++)
    g_assert_cmpfloat_with_epsilon (p[i], 30000, 3000);
}

static void
test_sample_float (void)
{
  g_autoptr (GonioImage) image = gradient (200, 100);
  g_autoptr (GonioTransform) t =
      gonio_transform_new_affine ((double[]){0.5, 0, 10, 0, 0.5, 0}, NULL);
  g_autofree float *out = g_new (float, 120 * 50);
  GonioWindow w = {.kind = GONIO_VOI_LINEAR_EXACT, .center = 3000, .width = 6000, .scale = 1};

  g_assert_true (gonio_image_sample_float (image, &w, t, 120, 50, 0.25f, out, NULL));
  for (guint y = 10; y < 40; y++) {
    g_assert_cmpfloat (out[y * 120 + 5], ==, 0.25f); /* left of the picture */
    for (guint x = 20; x < 100; x++) {
      double sx = (x + 0.5 - 10) * 2, sy = (y + 0.5) * 2;

      g_assert_cmpfloat_with_epsilon (out[y * 120 + x], (1000 + 20 * sx + 10 * sy) / 6000, 1e-3);
    }
  }
  w.invert = TRUE;
  g_assert_true (gonio_image_sample_float (image, &w, t, 120, 50, 0, out, NULL));
  g_assert_cmpfloat_with_epsilon (out[20 * 120 + 50], 1 - (1000 + 20 * 81 + 10 * 41) / 6000.0,
                                  1e-3);
}

static void
test_sample_luma (void)
{
  static const uint8_t colour[3] = {200, 100, 50};
  uint8_t *rgb = g_malloc (8 * 8 * 3);
  g_autoptr (GonioImage) image = NULL;
  g_autoptr (GonioTransform) t = gonio_transform_new_identity ();
  float out[64] = {0};

  for (guint i = 0; i < 64; i++)
    memcpy (rgb + i * 3, colour, 3);
  image = gonio_image_new (GONIO_PIXELS_RGB8, 8, 8, rgb, NULL, NULL);
  g_assert_true (gonio_image_sample_float (image, NULL, t, 8, 8, 0, out, NULL));
  g_assert_cmpfloat_with_epsilon (out[9], (0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255, 1e-4);
}

static void
test_spacing (void)
{
  GonioSpacing spacing = {.row_mm = 0.2, .column_mm = 0.1, .source = GONIO_SPACING_FIDUCIAL};
  g_autoptr (GonioImage) image =
      gonio_image_new (GONIO_PIXELS_GREY16, 40, 40, g_new0 (uint16_t, 1600), NULL, &spacing);
  g_autoptr (GonioTransform) scale =
      gonio_transform_new_affine ((double[]){0.5, 0, 3, 0, 0.25, 0}, NULL);
  g_autoptr (GonioTransform) turn =
      gonio_transform_new_affine ((double[]){0.8, 0.6, 0, -0.6, 0.8, 0}, NULL);
  g_autoptr (GonioTransform) lens =
      gonio_transform_new_lens ((GonioPoint){20, 20}, 30, 0.1, 0, NULL);
  g_autoptr (GonioImage) a = gonio_image_transform (image, scale, 20, 10, NULL, NULL);
  g_autoptr (GonioImage) b = gonio_image_transform (image, turn, 20, 10, NULL, NULL);
  g_autoptr (GonioImage) c = gonio_image_transform (image, lens, 20, 10, NULL, NULL);

  g_assert_cmpfloat_with_epsilon (gonio_image_spacing (a)->row_mm, 0.8, 1e-12);
  g_assert_cmpfloat_with_epsilon (gonio_image_spacing (a)->column_mm, 0.2, 1e-12);
  g_assert_cmpint (gonio_image_spacing (a)->source, ==, GONIO_SPACING_FIDUCIAL);
  g_assert_cmpfloat (gonio_image_spacing (b)->row_mm, ==, 0);
  g_assert_cmpint (gonio_image_spacing (c)->source, ==, GONIO_SPACING_NONE);
}

static void
test_limits (void)
{
  g_autoptr (GonioImage) image = gradient (10, 10);
  g_autoptr (GonioTransform) t = gonio_transform_new_identity ();
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_null (gonio_image_transform (image, t, 100000, 100000, NULL, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_null (gonio_image_transform (image, t, 0, 10, NULL, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED);
  g_clear_error (&error);
  g_cancellable_cancel (cancelled);
  g_assert_null (gonio_image_transform (image, t, 10, 10, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/transform/quad", test_quad);
  g_test_add_func ("/transform/quad-diagonals", test_quad_diagonals);
  g_test_add_func ("/transform/quad-refusals", test_quad_refusals);
  g_test_add_func ("/transform/horizon", test_horizon);
  g_test_add_func ("/transform/affine", test_affine);
  g_test_add_func ("/transform/singular", test_singular);
  g_test_add_func ("/transform/fit-homography", test_fit_homography);
  g_test_add_func ("/transform/fit-homography-refusals", test_fit_homography_refusals);
  g_test_add_func ("/transform/lens", test_lens);
  g_test_add_func ("/transform/lens-refusals", test_lens_refusals);
  g_test_add_func ("/transform/polynomial", test_polynomial);
  g_test_add_func ("/transform/polynomial-terms", test_polynomial_terms);
  g_test_add_func ("/transform/fit-polynomial", test_fit_polynomial);
  g_test_add_func ("/transform/polynomial-refusals", test_polynomial_refusals);
  g_test_add_func ("/transform/grid", test_grid);
  g_test_add_func ("/transform/grid-edges", test_grid_edges);
  g_test_add_func ("/transform/compose", test_compose);
  g_test_add_func ("/transform/describe", test_describe);
  g_test_add_func ("/transform/resample-scale", test_resample_scale);
  g_test_add_func ("/transform/resample-warps", test_resample_warps);
  g_test_add_func ("/transform/resample-identity", test_resample_identity);
  g_test_add_func ("/transform/resample-average", test_resample_average);
  g_test_add_func ("/transform/sample-float", test_sample_float);
  g_test_add_func ("/transform/sample-luma", test_sample_luma);
  g_test_add_func ("/transform/spacing", test_spacing);
  g_test_add_func ("/transform/limits", test_limits);
  return g_test_run ();
}
