/* Plane geometry for measures. Depends on imaging/transform.h (GonioPoint) only.
 *
 * Frame: x right, y down, any isotropic unit. Angles in degrees, positive from +x towards +y,
 * that is clockwise on the screen. Functions that return gboolean answer FALSE for degenerate
 * input (points that coincide, parallel lines) and then leave their out-parameters alone.
 * Pure functions, thread-safe. */
#pragma once

#include "core/imaging/transform.h"

G_BEGIN_DECLS

/* Shorter lines have no direction; in units of the frame (px). */
#define GONIO_GEOMETRY_MIN_LENGTH 1e-3

static inline GonioPoint
gonio_point_sub (GonioPoint a, GonioPoint b)
{
  return (GonioPoint){a.x - b.x, a.y - b.y};
}

static inline GonioPoint
gonio_point_mid (GonioPoint a, GonioPoint b)
{
  return (GonioPoint){0.5 * (a.x + b.x), 0.5 * (a.y + b.y)};
}

static inline double
gonio_point_dot (GonioPoint u, GonioPoint v)
{
  return u.x * v.x + u.y * v.y;
}

static inline double
gonio_point_cross (GonioPoint u, GonioPoint v)
{
  return u.x * v.y - u.y * v.x;
}

double gonio_point_length (GonioPoint v);
double gonio_point_distance (GonioPoint a, GonioPoint b);
gboolean gonio_point_is_finite (GonioPoint p);

/* Turn from u to v in (-180, 180]: atan2 (cross, dot). */
double gonio_angle_signed (GonioPoint u, GonioPoint v);
/* difference of two angles brought into (-180, 180] */
double gonio_angle_wrap (double degrees);

/* Total least squares (principal axis of the scatter): the segment out_p[0]..out_p[1] spans the
 * projections of all points and runs from the first point towards the last. n >= 2. */
gboolean gonio_line_fit (const GonioPoint *points, guint n, GonioPoint out_p[2]);
/* Circle with the least squared distance to n >= 3 points: algebraic start (Kasa), then
 * Gauss-Newton on the distances. */
gboolean gonio_circle_fit (const GonioPoint *points, guint n, GonioPoint *out_center,
                           double *out_radius);
gboolean gonio_line_intersection (const GonioPoint a[2], const GonioPoint b[2], GonioPoint *out);
/* Nearest point of the (infinite) line to p. */
gboolean gonio_line_foot (const GonioPoint line[2], GonioPoint p, GonioPoint *out);
/* The point where a tangent from p touches the circle; of the two, the one farther along dir.
 * FALSE when p lies inside. */
gboolean gonio_circle_tangent (GonioPoint center, double radius, GonioPoint p, GonioPoint dir,
                               GonioPoint *out);

G_END_DECLS
