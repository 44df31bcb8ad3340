/* core/measure/geometry.c: exact cases and properties on random configurations. */
#include "core/measure/geometry.h"

#include <math.h>

#define ROUNDS 5000

static GonioPoint
random_point (double extent)
{
  return (GonioPoint){g_test_rand_double_range (-extent, extent),
                      g_test_rand_double_range (-extent, extent)};
}

static GonioPoint
turned (GonioPoint p, double degrees)
{
  double a = degrees * G_PI / 180;
  return (GonioPoint){cos (a) * p.x - sin (a) * p.y, sin (a) * p.x + cos (a) * p.y};
}

#define assert_near(a, b, tolerance) g_assert_cmpfloat_with_epsilon (a, b, tolerance)

static void
test_angle (void)
{
  GonioPoint x = {1, 0}, y = {0, 1};
  assert_near (gonio_angle_signed (x, y), 90, 1e-12);
  assert_near (gonio_angle_signed (y, x), -90, 1e-12);
  assert_near (gonio_angle_signed (x, (GonioPoint){-1, 0}), 180, 1e-12);
  assert_near (gonio_angle_signed (x, (GonioPoint){-1, -0.0}), 180, 1e-12);
  for (int i = 0; i < ROUNDS; i++) {
    GonioPoint u = random_point (100);
    double angle = g_test_rand_double_range (-179.9, 179.9);
    double length = g_test_rand_double_range (0.01, 100), turn = g_test_rand_double_range (0, 360);
    GonioPoint v = turned (u, angle);
    v = (GonioPoint){v.x * length, v.y * length};
    assert_near (gonio_angle_signed (u, v), angle, 1e-6);
    assert_near (gonio_angle_signed (v, u), -angle, 1e-6);
    assert_near (gonio_angle_signed (turned (u, turn), turned (v, turn)), angle, 1e-6);
  }
}

static void
test_wrap (void)
{
  assert_near (gonio_angle_wrap (190), -170, 1e-12);
  assert_near (gonio_angle_wrap (-180), 180, 1e-12);
  assert_near (gonio_angle_wrap (540), 180, 1e-12);
  g_assert_cmpfloat (gonio_angle_wrap (0), ==, 0);
  assert_near (gonio_angle_wrap (-725), -5, 1e-12);
}

static void
test_line_fit (void)
{
  for (int i = 0; i < ROUNDS; i++) {
    GonioPoint origin = random_point (1000), p[8], line[2];
    GonioPoint u = turned ((GonioPoint){1, 0}, g_test_rand_double_range (0, 360));
    guint n = (guint)g_test_rand_int_range (2, 9);
    for (guint k = 0; k < n; k++) {
      double t = 10.0 * k + g_test_rand_double_range (0, 5);
      p[k] = (GonioPoint){origin.x + t * u.x, origin.y + t * u.y};
    }
    g_assert_true (gonio_line_fit (p, n, line));
    assert_near (gonio_angle_signed (u, gonio_point_sub (line[1], line[0])), 0, 1e-6);
    assert_near (gonio_point_distance (line[0], p[0]), 0, 1e-6);
    assert_near (gonio_point_distance (line[1], p[n - 1]), 0, 1e-6);
  }
}

/* The fitted line leaves a smaller sum of squared distances than its neighbours. */
static void
test_line_fit_is_least (void)
{
  for (int i = 0; i < 500; i++) {
    GonioPoint p[6], line[2], center = {0, 0};
    for (guint k = 0; k < 6; k++) {
      p[k] = (GonioPoint){20.0 * k + g_test_rand_double_range (-4, 4),
                          g_test_rand_double_range (-4, 4)};
      center.x += p[k].x / 6;
      center.y += p[k].y / 6;
    }
    g_assert_true (gonio_line_fit (p, 6, line));
    double sums[3];
    for (int turn = -1; turn <= 1; turn++) {
      GonioPoint u = turned (gonio_point_sub (line[1], line[0]), turn * 0.05);
      double length = gonio_point_length (u), sum = 0;
      for (guint k = 0; k < 6; k++) {
        double off = gonio_point_cross (u, gonio_point_sub (p[k], center)) / length;
        sum += off * off;
      }
      sums[turn + 1] = sum;
    }
    g_assert_cmpfloat (sums[1], <=, sums[0]);
    g_assert_cmpfloat (sums[1], <=, sums[2]);
  }
}

static void
test_circle_fit (void)
{
  for (int i = 0; i < ROUNDS; i++) {
    GonioPoint c = random_point (2000), p[12], found = {0, 0};
    double r = g_test_rand_double_range (5, 300), radius = 0;
    double start = g_test_rand_double_range (0, 360), span = g_test_rand_double_range (60, 340);
    guint n = (guint)g_test_rand_int_range (3, 13);
    for (guint k = 0; k < n; k++) {
      GonioPoint u = turned ((GonioPoint){r, 0}, start + span * k / (n - 1));
      p[k] = (GonioPoint){c.x + u.x, c.y + u.y};
    }
    g_assert_true (gonio_circle_fit (p, n, &found, &radius));
    assert_near (gonio_point_distance (found, c), 0, 1e-5 * r);
    assert_near (radius, r, 1e-5 * r);
  }
}

static void
test_circle_fit_noise (void)
{
  double worst = 0;
  for (int i = 0; i < 300; i++) {
    GonioPoint p[24], found = {0, 0};
    double radius = 0;
    for (guint k = 0; k < 24; k++) {
      GonioPoint u = turned ((GonioPoint){50 + g_test_rand_double_range (-1, 1), 0}, 15.0 * k);
      p[k] = u;
    }
    g_assert_true (gonio_circle_fit (p, 24, &found, &radius));
    worst = MAX (worst, gonio_point_length (found));
    assert_near (radius, 50, 0.6);
  }
  g_assert_cmpfloat (worst, <, 0.9);
}

static void
test_intersection_and_foot (void)
{
  for (int i = 0; i < ROUNDS; i++) {
    GonioPoint at = random_point (500), out = {0, 0};
    double a = g_test_rand_double_range (0, 180), b = a + g_test_rand_double_range (5, 175);
    GonioPoint u = turned ((GonioPoint){30, 0}, a), v = turned ((GonioPoint){70, 0}, b);
    GonioPoint first[2] = {{at.x + u.x, at.y + u.y}, {at.x + 3 * u.x, at.y + 3 * u.y}};
    GonioPoint second[2] = {{at.x - v.x, at.y - v.y}, {at.x + 2 * v.x, at.y + 2 * v.y}};
    g_assert_true (gonio_line_intersection (first, second, &out));
    assert_near (gonio_point_distance (out, at), 0, 1e-6);
    GonioPoint p = random_point (500), foot = {0, 0};
    g_assert_true (gonio_line_foot (first, p, &foot));
    assert_near (gonio_point_dot (gonio_point_sub (p, foot), u) / 30, 0, 1e-6);
    assert_near (gonio_point_cross (gonio_point_sub (foot, first[0]), u) / 30, 0, 1e-6);
  }
}

static void
test_tangent (void)
{
  for (int i = 0; i < ROUNDS; i++) {
    GonioPoint c = random_point (100), touch = {0, 0}, other = {0, 0};
    double r = g_test_rand_double_range (1, 50);
    GonioPoint d = turned ((GonioPoint){r * g_test_rand_double_range (1.01, 9), 0},
                           g_test_rand_double_range (0, 360));
    GonioPoint p = {c.x + d.x, c.y + d.y}, along = {-d.y, d.x}, against = {d.y, -d.x};
    g_assert_true (gonio_circle_tangent (c, r, p, along, &touch));
    g_assert_true (gonio_circle_tangent (c, r, p, against, &other));
    assert_near (gonio_point_distance (touch, c), r, 1e-9 * r);
    assert_near (gonio_point_dot (gonio_point_sub (touch, c), gonio_point_sub (touch, p)), 0, 1e-6);
    g_assert_cmpfloat (gonio_point_dot (gonio_point_sub (touch, other), along), >, 0);
  }
}

/* Degenerate and non-finite input is refused and leaves the out-parameters alone. */
static void
test_degenerate (void)
{
  GonioPoint same[3] = {{5, 5}, {5, 5}, {5, 5}}, line[2] = {{-7, -7}, {-7, -7}};
  GonioPoint row[3] = {{0, 0}, {1, 1}, {2, 2}}, point = {-7, -7};
  GonioPoint nan[3] = {{NAN, 0}, {1, 1}, {2, INFINITY}};
  GonioPoint square[4] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
  double radius = -7;
  g_assert_false (gonio_line_fit (same, 3, line));
  g_assert_false (gonio_line_fit (same, 2, line));
  g_assert_false (gonio_line_fit (same, 1, line));
  g_assert_false (gonio_line_fit (nan, 3, line));
  g_assert_false (gonio_line_fit (nan, 2, line));
  g_assert_false (gonio_line_fit (square, 4, line));
  g_assert_false (gonio_circle_fit (same, 3, &point, &radius));
  g_assert_false (gonio_circle_fit (row, 3, &point, &radius));
  g_assert_false (gonio_circle_fit (nan, 3, &point, &radius));
  g_assert_false (gonio_circle_fit (square, 2, &point, &radius));
  g_assert_false (gonio_line_intersection (row, row + 1, &point));
  g_assert_false (gonio_line_intersection (nan, row, &point));
  g_assert_false (gonio_line_foot (same, row[0], &point));
  g_assert_false (gonio_circle_tangent (row[0], 5, row[1], row[2], &point));
  g_assert_cmpfloat (line[0].x, ==, -7);
  g_assert_cmpfloat (point.x, ==, -7);
  g_assert_cmpfloat (radius, ==, -7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/geometry/angle", test_angle);
  g_test_add_func ("/geometry/wrap", test_wrap);
  g_test_add_func ("/geometry/line-fit", test_line_fit);
  g_test_add_func ("/geometry/line-fit-is-least", test_line_fit_is_least);
  g_test_add_func ("/geometry/circle-fit", test_circle_fit);
  g_test_add_func ("/geometry/circle-fit-noise", test_circle_fit_noise);
  g_test_add_func ("/geometry/intersection-and-foot", test_intersection_and_foot);
  g_test_add_func ("/geometry/tangent", test_tangent);
  g_test_add_func ("/geometry/degenerate", test_degenerate);
  return g_test_run ();
}
