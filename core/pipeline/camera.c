/* What the corners of a photographed rectangle say about the camera. Depends on rectify.h.
 *
 * With H = [h1 h2 h3] from the unit square to the photo, the principal point at 0 and the focal
 * length f, K^-1 H = [w r1, h r2, t] up to scale: the lengths of its first two columns give the
 * aspect, their cross product the film's normal, and their being perpendicular gives f
 * (Zhang 2000, section 2.3). */
#include "core/measure/geometry.h"
#include "core/pipeline/rectify.h"

#include <math.h>

/* Expected focal length by the photo's longer side: phones' main cameras have 0.7, digital zoom
 * and cropping make it longer. */
#define USUAL_FOCAL 0.95
/* Wide-angle cameras of phones (13 mm) have 0.4. */
#define SHORTEST_FOCAL 0.35

double
gonio_camera_focal (const GonioImageInfo *info, double width, double height)
{
  double longer = MAX (width, height), shorter = MIN (width, height);
  /* Sensors are 4:3 or 3:2, their pictures down to 16:9; what has other proportions was cropped,
   * and nobody knows how much of the diagonal is left. */
  gboolean whole = shorter > 0 && longer / shorter > 1.25 && longer / shorter < 1.85;
  double focal = info->focal_35mm / hypot (36, 24) * hypot (width, height);
  return whole && focal >= SHORTEST_FOCAL * longer && focal <= 6 * longer ? focal : 0;
}

gboolean
gonio_corners_are_convex (const GonioPoint c[4])
{
  double sign = 0;
  for (guint i = 0; i < 4; i++) {
    GonioPoint u = gonio_point_sub (c[(i + 1) % 4], c[i]);
    GonioPoint v = gonio_point_sub (c[(i + 2) % 4], c[(i + 1) % 4]);
    double cross = gonio_point_cross (u, v);
    if (!(fabs (cross) > 0.01 * gonio_point_length (u) * gonio_point_length (v)) ||
        cross * sign < 0)
      return FALSE;
    sign = cross;
  }
  return TRUE;
}

/* Unit square (0,0) (1,0) (1,1) (0,1) to the corners; columns h1, h2, h3 (Heckbert 1989). */
static gboolean
square_to_quad (const GonioPoint c[4], double h[3][3])
{
  double dx1 = c[1].x - c[2].x, dx2 = c[3].x - c[2].x, sx = c[0].x - c[1].x + c[2].x - c[3].x;
  double dy1 = c[1].y - c[2].y, dy2 = c[3].y - c[2].y, sy = c[0].y - c[1].y + c[2].y - c[3].y;
  double det = dx1 * dy2 - dx2 * dy1;
  if (!(fabs (det) > 0))
    return FALSE;
  double g = (sx * dy2 - dx2 * sy) / det, k = (dx1 * sy - sx * dy1) / det;
  double rows[3][3] = {{c[1].x - c[0].x + g * c[1].x, c[1].y - c[0].y + g * c[1].y, g},
                       {c[3].x - c[0].x + k * c[3].x, c[3].y - c[0].y + k * c[3].y, k},
                       {c[0].x, c[0].y, 1}};
  for (guint i = 0; i < 3; i++)
    for (guint j = 0; j < 3; j++)
      h[i][j] = rows[i][j];
  return TRUE;
}

/* Focal length from the edges' being perpendicular, (x1 x2 + y1 y2) q + z1 z2 = 0 with
 * q = 1 / f^2, solved together with the expectation, each as much as it is worth: edges known to
 * one degree, q to 60 %, or to 20 % where the camera wrote its focal length. Without perspective
 * along both edges the expectation decides. stated: px, 0 when unknown. */
static double
focal_from_columns (double h[3][3], double long_edge, double stated, gboolean *out_known)
{
  double usual = 1 / pow (stated > 0 ? stated : USUAL_FOCAL * long_edge, 2);
  double spread = stated > 0 ? 0.2 : 0.6;
  double xy = h[0][0] * h[1][0] + h[0][1] * h[1][1], zz = h[0][2] * h[1][2];
  double noise = 0.017 * hypot (h[0][0], h[0][1]) * hypot (h[1][0], h[1][1]) * usual;
  double trust = pow (xy / noise, 2), expect = pow (1 / (spread * usual), 2);
  double q = (usual * expect - zz * xy / (noise * noise)) / (expect + trust);
  double longest = MAX (3 * long_edge, stated), shortest = 0.55 * long_edge;
  if (stated > 0)
    shortest = MIN (shortest, stated);
  q = CLAMP (q, 1 / (longest * longest), 1 / (shortest * shortest));
  *out_known = stated > 0 || trust > 10 * expect;
  return 1 / sqrt (q);
}

gboolean
gonio_camera_from_corners (const GonioPoint corners[4], double width, double height, double focal,
                           GonioCamera *out)
{
  double h[3][3], long_edge = MAX (width, height);
  GonioPoint c[4];
  for (guint i = 0; i < 4; i++)
    c[i] = (GonioPoint){corners[i].x - 0.5 * width, corners[i].y - 0.5 * height};
  if (!(long_edge > 0) || !gonio_corners_are_convex (c) || !square_to_quad (c, h))
    return FALSE;
  GonioCamera camera = {.aspect = 1};
  camera.focal = focal_from_columns (h, long_edge, focal, &camera.focal_known);
  double a[2][3], length[2];
  for (guint i = 0; i < 2; i++) {
    a[i][0] = h[i][0] / camera.focal;
    a[i][1] = h[i][1] / camera.focal;
    a[i][2] = h[i][2];
    length[i] = sqrt (a[i][0] * a[i][0] + a[i][1] * a[i][1] + a[i][2] * a[i][2]);
  }
  double nx = a[0][1] * a[1][2] - a[0][2] * a[1][1];
  double ny = a[0][2] * a[1][0] - a[0][0] * a[1][2];
  double nz = a[0][0] * a[1][1] - a[0][1] * a[1][0];
  double n = sqrt (nx * nx + ny * ny + nz * nz);
  if (!(n > 0) || !(length[0] > 0) || !(length[1] > 0))
    return FALSE;
  camera.tilt_deg = acos (MIN (1, fabs (nz) / n)) * 180 / G_PI;
  camera.aspect = length[0] / length[1];
  *out = camera;
  return isfinite (camera.tilt_deg) && isfinite (camera.aspect);
}

static double
quad_area (const GonioPoint c[4])
{
  double sum = 0;
  for (guint i = 0; i < 4; i++)
    sum += gonio_point_cross (c[i], c[(i + 1) % 4]);
  return 0.5 * fabs (sum);
}

void
gonio_flat_size (const GonioPoint corners[4], double aspect, guint *out_width, guint *out_height)
{
  aspect = CLAMP (aspect, 0.05, 20);
  double height = sqrt (quad_area (corners) / aspect), width = height * aspect;
  double shrink = MIN (1, 8192 / MAX (width, height));
  *out_width = (guint)MAX (16, round (width * shrink));
  *out_height = (guint)MAX (16, round (height * shrink));
}
