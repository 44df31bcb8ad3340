/* Plane geometry for measures. Depends on imaging/transform.h (GonioPoint) only. */
#include "core/measure/geometry.h"

#include <math.h>

double
gonio_point_length (GonioPoint v)
{
  return hypot (v.x, v.y);
}

double
gonio_point_distance (GonioPoint a, GonioPoint b)
{
  return hypot (a.x - b.x, a.y - b.y);
}

gboolean
gonio_point_is_finite (GonioPoint p)
{
  return isfinite (p.x) && isfinite (p.y);
}

double
gonio_angle_signed (GonioPoint u, GonioPoint v)
{
  return gonio_angle_wrap (atan2 (gonio_point_cross (u, v), gonio_point_dot (u, v)) * 180 / G_PI);
}

double
gonio_angle_wrap (double degrees)
{
  double wrapped = remainder (degrees, 360);
  return wrapped <= -180 ? wrapped + 360 : wrapped;
}

gboolean
gonio_line_fit (const GonioPoint *points, guint n, GonioPoint out_p[2])
{
  if (n < 2)
    return FALSE;
  GonioPoint first_to_last = gonio_point_sub (points[n - 1], points[0]);
  if (n == 2) {
    if (!(gonio_point_length (first_to_last) > GONIO_GEOMETRY_MIN_LENGTH))
      return FALSE;
    out_p[0] = points[0];
    out_p[1] = points[1];
    return TRUE;
  }
  GonioPoint c = {0, 0};
  for (guint i = 0; i < n; i++) {
    c.x += points[i].x / n;
    c.y += points[i].y / n;
  }
  double xx = 0, xy = 0, yy = 0;
  for (guint i = 0; i < n; i++) {
    GonioPoint d = gonio_point_sub (points[i], c);
    xx += d.x * d.x;
    xy += d.x * d.y;
    yy += d.y * d.y;
  }
  /* Equal spread in all directions has no axis. */
  if (!(hypot (xx - yy, 2 * xy) > 1e-9 * (xx + yy)))
    return FALSE;
  double angle = 0.5 * atan2 (2 * xy, xx - yy);
  GonioPoint dir = {cos (angle), sin (angle)};
  if (gonio_point_dot (dir, first_to_last) < 0)
    dir = (GonioPoint){-dir.x, -dir.y};
  double low = INFINITY, high = -INFINITY;
  for (guint i = 0; i < n; i++) {
    double t = gonio_point_dot (gonio_point_sub (points[i], c), dir);
    low = MIN (low, t);
    high = MAX (high, t);
  }
  if (!(high - low > GONIO_GEOMETRY_MIN_LENGTH))
    return FALSE;
  out_p[0] = (GonioPoint){c.x + low * dir.x, c.y + low * dir.y};
  out_p[1] = (GonioPoint){c.x + high * dir.x, c.y + high * dir.y};
  return TRUE;
}

/* Solves the symmetric 3x3 system by Cramer's rule; FALSE when it is singular. */
static gboolean
solve3 (const double a[6], const double b[3], double out[3])
{
  /* a: 00 01 02 11 12 22 */
  double c00 = a[3] * a[5] - a[4] * a[4];
  double c01 = a[2] * a[4] - a[1] * a[5];
  double c02 = a[1] * a[4] - a[2] * a[3];
  double det = a[0] * c00 + a[1] * c01 + a[2] * c02;
  if (!(fabs (det) > 1e-12 * fabs (a[0] * a[3] * a[5])))
    return FALSE;
  double c11 = a[0] * a[5] - a[2] * a[2];
  double c12 = a[1] * a[2] - a[0] * a[4];
  double c22 = a[0] * a[3] - a[1] * a[1];
  out[0] = (c00 * b[0] + c01 * b[1] + c02 * b[2]) / det;
  out[1] = (c01 * b[0] + c11 * b[1] + c12 * b[2]) / det;
  out[2] = (c02 * b[0] + c12 * b[1] + c22 * b[2]) / det;
  return TRUE;
}

/* Kasa: minimises the sum of (|p|^2 - 2 p.c - k)^2 about the centroid. */
static gboolean
circle_start (const GonioPoint *q, guint n, GonioPoint *c, double *r)
{
  double a[6] = {0, 0, 0, 0, 0, n}, b[3] = {0}, x[3] = {0};
  for (guint i = 0; i < n; i++) {
    double w = gonio_point_dot (q[i], q[i]);
    a[0] += 4 * q[i].x * q[i].x;
    a[1] += 4 * q[i].x * q[i].y;
    a[2] += 2 * q[i].x;
    a[3] += 4 * q[i].y * q[i].y;
    a[4] += 2 * q[i].y;
    b[0] += 2 * q[i].x * w;
    b[1] += 2 * q[i].y * w;
    b[2] += w;
  }
  if (!solve3 (a, b, x))
    return FALSE;
  *c = (GonioPoint){x[0], x[1]};
  double r2 = x[2] + gonio_point_dot (*c, *c);
  *r = sqrt (r2);
  return r2 > 0;
}

gboolean
gonio_circle_fit (const GonioPoint *points, guint n, GonioPoint *out_center, double *out_radius)
{
  if (n < 3)
    return FALSE;
  GonioPoint m = {0, 0};
  for (guint i = 0; i < n; i++) {
    m.x += points[i].x / n;
    m.y += points[i].y / n;
  }
  g_autofree GonioPoint *q = g_new (GonioPoint, n);
  for (guint i = 0; i < n; i++)
    q[i] = gonio_point_sub (points[i], m);
  GonioPoint c = {0, 0};
  double r = 0;
  if (!circle_start (q, n, &c, &r))
    return FALSE;
  for (int round = 0; round < 20; round++) {
    double a[6] = {0, 0, 0, 0, 0, n}, b[3] = {0}, step[3] = {0};
    for (guint i = 0; i < n; i++) {
      GonioPoint d = gonio_point_sub (q[i], c);
      double length = gonio_point_length (d);
      if (!(length > 0))
        return FALSE;
      double ux = d.x / length, uy = d.y / length, e = length - r;
      a[0] += ux * ux;
      a[1] += ux * uy;
      a[2] += ux;
      a[3] += uy * uy;
      a[4] += uy;
      b[0] += ux * e;
      b[1] += uy * e;
      b[2] += e;
    }
    if (!solve3 (a, b, step))
      break;
    c.x += step[0];
    c.y += step[1];
    r += step[2];
    if (fabs (step[0]) + fabs (step[1]) + fabs (step[2]) < 1e-10 * r)
      break;
  }
  if (!isfinite (c.x) || !isfinite (c.y) || !(r > GONIO_GEOMETRY_MIN_LENGTH))
    return FALSE;
  *out_center = (GonioPoint){c.x + m.x, c.y + m.y};
  *out_radius = r;
  return TRUE;
}

gboolean
gonio_line_intersection (const GonioPoint a[2], const GonioPoint b[2], GonioPoint *out)
{
  GonioPoint u = gonio_point_sub (a[1], a[0]), v = gonio_point_sub (b[1], b[0]);
  double cross = gonio_point_cross (u, v);
  if (!(fabs (cross) > 1e-9 * gonio_point_length (u) * gonio_point_length (v)))
    return FALSE;
  double t = gonio_point_cross (gonio_point_sub (b[0], a[0]), v) / cross;
  *out = (GonioPoint){a[0].x + t * u.x, a[0].y + t * u.y};
  return TRUE;
}

gboolean
gonio_line_foot (const GonioPoint line[2], GonioPoint p, GonioPoint *out)
{
  GonioPoint u = gonio_point_sub (line[1], line[0]);
  double length2 = gonio_point_dot (u, u);
  if (!(length2 > GONIO_GEOMETRY_MIN_LENGTH * GONIO_GEOMETRY_MIN_LENGTH))
    return FALSE;
  double t = gonio_point_dot (gonio_point_sub (p, line[0]), u) / length2;
  *out = (GonioPoint){line[0].x + t * u.x, line[0].y + t * u.y};
  return TRUE;
}

gboolean
gonio_circle_tangent (GonioPoint center, double radius, GonioPoint p, GonioPoint dir,
                      GonioPoint *out)
{
  GonioPoint d = gonio_point_sub (p, center);
  double d2 = gonio_point_dot (d, d);
  if (!(d2 > radius * radius) || !(radius > 0))
    return FALSE;
  /* Touching points: center + r^2/d^2 * d +- r sqrt (d^2 - r^2) / d^2 * perpendicular. */
  double along = radius * radius / d2, across = radius * sqrt (d2 - radius * radius) / d2;
  GonioPoint t1 = {center.x + along * d.x - across * d.y, center.y + along * d.y + across * d.x};
  GonioPoint t2 = {center.x + along * d.x + across * d.y, center.y + along * d.y - across * d.x};
  *out = gonio_point_dot (gonio_point_sub (t1, t2), dir) >= 0 ? t1 : t2;
  return TRUE;
}
