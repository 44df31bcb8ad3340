/* Projective and affine transforms, and their least-squares fit (Hartley & Zisserman, Multiple
 * View Geometry, 4.1 normalised DLT, 4.2 geometric refinement). Depends on base and LAPACK.
 */
#include "core/imaging/transform-private.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#define REFINE_STEPS 10
#define SETTLED      (1 - 1e-12) /* a step that leaves more of the cost is the last */
#define INDEPENDENT  1e-12       /* share of an unknown's square that the others must leave */

typedef struct {
  GonioTransform base;
  double h[9];   /* forward; the third coordinate is positive in front of the horizon */
  double inv[9]; /* its inverse, same sign rule */
} Homography;

static gboolean
project (const double h[9], GonioPoint p, GonioPoint *out)
{
  double w = h[6] * p.x + h[7] * p.y + h[8];
  double size = fabs (h[6] * p.x) + fabs (h[7] * p.y) + fabs (h[8]);

  if (!(w > 1e-9 * size))
    return FALSE;
  out->x = (h[0] * p.x + h[1] * p.y + h[2]) / w;
  out->y = (h[3] * p.x + h[4] * p.y + h[5]) / w;
  return TRUE;
}

static gboolean
homography_forward (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  return project (((const Homography *)t)->h, p, out);
}

static gboolean
homography_inverse (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  return project (((const Homography *)t)->inv, p, out);
}

static gboolean
homography_as_affine (const GonioTransform *t, double out_m[6])
{
  const double *h = ((const Homography *)t)->h;

  if (h[6] != 0 || h[7] != 0)
    return FALSE;
  for (guint i = 0; i < 6; i++)
    out_m[i] = h[i] / h[8];
  return TRUE;
}

static char *
homography_describe (const GonioTransform *t)
{
  double m[6] = {0};

  return g_strdup (homography_as_affine (t, m) ? "affine" : "homography");
}

static const GonioTransformKind homography_kind = {
    .forward = homography_forward,
    .inverse = homography_inverse,
    .describe = homography_describe,
    .as_affine = homography_as_affine,
};

/* FALSE when singular. Relative to the largest products, so that scale does not matter. */
static gboolean
invert_3x3 (const double m[9], double out[9])
{
  double c[9] = {
      m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
      m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
      m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3],
  };
  double det = m[0] * c[0] + m[1] * c[3] + m[2] * c[6];
  double size = fabs (m[0] * c[0]) + fabs (m[1] * c[3]) + fabs (m[2] * c[6]);

  if (!isfinite (det) || !(fabs (det) > 1e-12 * size))
    return FALSE;
  for (guint i = 0; i < 9; i++)
    out[i] = c[i] / det;
  return TRUE;
}

GonioTransform *
gonio_homography_from_matrix (const double h[9], GError **error)
{
  Homography *t = NULL;
  double inv[9] = {0};

  if (!invert_3x3 (h, inv)) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the transform is singular: it flattens the picture to a line. "
                         "Place the points again");
    return NULL;
  }
  t = gonio_transform_alloc (sizeof *t, &homography_kind);
  memcpy (t->h, h, sizeof t->h);
  memcpy (t->inv, inv, sizeof t->inv);
  return &t->base;
}

GonioTransform *
gonio_transform_new_affine (const double m[6], GError **error)
{
  const double h[9] = {m[0], m[1], m[2], m[3], m[4], m[5], 0, 0, 1};

  return gonio_homography_from_matrix (h, error);
}

GonioTransform *
gonio_transform_new_homography (const double h[9], GError **error)
{
  double m[9];

  /* The origin of the source picture is taken to lie in front of the horizon. */
  for (guint i = 0; i < 9; i++)
    m[i] = h[8] < 0 ? -h[i] : h[i];
  return gonio_homography_from_matrix (m, error);
}

/* ---- fit ---- */

/* out = a * b, row-major 3x3 */
static void
multiply (const double a[9], const double b[9], double out[9])
{
  for (guint r = 0; r < 3; r++)
    for (guint c = 0; c < 3; c++)
      out[r * 3 + c] = a[r * 3] * b[c] + a[r * 3 + 1] * b[3 + c] + a[r * 3 + 2] * b[6 + c];
}

static GonioPoint
normalise (GonioPoint p, GonioPoint center, double scale)
{
  return (GonioPoint){(p.x - center.x) / scale, (p.y - center.y) / scale};
}

/* fit_linear() for few or badly spread points. */
static gboolean
fit_linear_by_rank (const GonioPoint *src, const GonioPoint *dst, guint n, double h[9],
                    GError **error)
{
  g_autofree double *a = g_new0 (double, (size_t)n * 2 * 8);
  g_autofree double *b = g_new0 (double, MAX (n * 2, 8));

  for (guint i = 0; i < n; i++) {
    GonioPoint s = src[i], d = dst[i];
    double *rx = a + (size_t)i * 16, *ry = rx + 8;

    rx[0] = ry[3] = s.x;
    rx[1] = ry[4] = s.y;
    rx[2] = ry[5] = 1;
    rx[6] = -d.x * s.x;
    rx[7] = -d.x * s.y;
    ry[6] = -d.y * s.x;
    ry[7] = -d.y * s.y;
    b[i * 2] = d.x;
    b[i * 2 + 1] = d.y;
  }
  if (!gonio_least_squares (a, n * 2, 8, b, 1, "homography", error))
    return FALSE;
  memcpy (h, b, 8 * sizeof *h);
  h[8] = 1;
  return TRUE;
}

/* Rows of a least-squares problem in eight unknowns, summed up as they come: a' a, of which the
 * upper triangle is kept, and a' b. */
typedef struct {
  double aa[8][8], ab[8];
} Normal;

/* The rows [s 1 0 0 0 0 p s] and [0 0 0 s 1 q s], as both kinds of equations below have them, with
 * the weight w, and their right sides. */
static void
normal_add (Normal *n, GonioPoint s, double w, double p, double q, double bx, double by)
{
  const double v[3] = {s.x * w, s.y * w, w}, px[2] = {p * s.x * w, p * s.y * w},
               qy[2] = {q * s.x * w, q * s.y * w};

  for (guint i = 0; i < 3; i++) {
    for (guint j = i; j < 3; j++)
      n->aa[i][j] += v[i] * v[j];
    for (guint j = 0; j < 2; j++) {
      n->aa[i][6 + j] += v[i] * px[j];
      n->aa[3 + i][6 + j] += v[i] * qy[j];
    }
    n->ab[i] += v[i] * bx;
    n->ab[3 + i] += v[i] * by;
  }
  for (guint i = 0; i < 2; i++) {
    for (guint j = i; j < 2; j++)
      n->aa[6 + i][6 + j] += px[i] * px[j] + qy[i] * qy[j];
    n->ab[6 + i] += px[i] * bx + qy[i] * by;
  }
}

/* By Cholesky's factors; FALSE where the unknowns depend on each other, even if only nearly. */
static gboolean
normal_solve (Normal *n, double out[8])
{
  double l[8][8];

  for (guint i = 0; i < 3; i++)
    for (guint j = i; j < 3; j++)
      n->aa[3 + i][3 + j] = n->aa[i][j];
  memcpy (l, n->aa, sizeof l);
  if (LAPACKE_dpotrf (LAPACK_ROW_MAJOR, 'U', 8, &l[0][0], 8) != 0)
    return FALSE;
  for (guint i = 0; i < 8; i++)
    if (!(l[i][i] * l[i][i] > INDEPENDENT * n->aa[i][i]))
      return FALSE;
  memcpy (out, n->ab, sizeof n->ab);
  return LAPACKE_dpotrs (LAPACK_ROW_MAJOR, 'U', 8, 1, &l[0][0], 8, out, 1) == 0;
}

/* Direct linear solution with h[8] = 1; src and dst are normalised, and the mean of src is at the
 * origin, which no usable set of points sends to infinity. Summed equations are exact enough where
 * the points are well spread; for others the rank is looked at. */
static gboolean
fit_linear (const GonioPoint *src, const GonioPoint *dst, guint n, double h[9], GError **error)
{
  Normal normal = {.ab = {0}};

  h[8] = 1;
  for (guint i = 0; i < n; i++)
    normal_add (&normal, src[i], 1, -dst[i].x, -dst[i].y, dst[i].x, dst[i].y);
  return (n > 4 && normal_solve (&normal, h)) || fit_linear_by_rank (src, dst, n, h, error);
}

/* Sum of squared distances in the destination; infinite when a point is behind the horizon. */
static double
fit_cost (const double h[9], const GonioPoint *src, const GonioPoint *dst, guint n)
{
  double cost = 0;

  for (guint i = 0; i < n; i++) {
    GonioPoint q = {0};

    if (!project (h, src[i], &q))
      return INFINITY;
    cost += (q.x - dst[i].x) * (q.x - dst[i].x) + (q.y - dst[i].y) * (q.y - dst[i].y);
  }
  return cost;
}

/* Gauss-Newton on the destination distances, kept while it improves. */
static void
fit_refine (double h[9], const GonioPoint *src, const GonioPoint *dst, guint n)
{
  double cost = fit_cost (h, src, dst, n);

  for (guint step = 0; step < REFINE_STEPS && isfinite (cost); step++) {
    double next[9] = {0}, next_cost = 0;
    Normal normal = {.ab = {0}};

    for (guint i = 0; i < n; i++) {
      GonioPoint s = src[i], q = {0};
      double w = 1 / (h[6] * s.x + h[7] * s.y + h[8]);

      project (h, s, &q);
      normal_add (&normal, s, w, -q.x, -q.y, dst[i].x - q.x, dst[i].y - q.y);
    }
    if (!normal_solve (&normal, next))
      return;
    for (guint k = 0; k < 8; k++)
      next[k] += h[k];
    next[8] = 1;
    next_cost = fit_cost (next, src, dst, n);
    if (!(next_cost < cost))
      return;
    memcpy (h, next, sizeof next);
    if (next_cost > SETTLED * cost)
      return;
    cost = next_cost;
  }
}

/* TRUE when any three of n points lie (nearly) on a line; for four points that is degenerate. */
static gboolean
has_collinear_triple (const GonioPoint *p, guint n)
{
  for (guint i = 0; i < n; i++) {
    for (guint j = i + 1; j < n; j++) {
      for (guint k = j + 1; k < n; k++) {
        double ux = p[j].x - p[i].x, uy = p[j].y - p[i].y;
        double vx = p[k].x - p[i].x, vy = p[k].y - p[i].y;

        if (fabs (ux * vy - uy * vx) <= 1e-9 * hypot (ux, uy) * hypot (vx, vy))
          return TRUE;
      }
    }
  }
  return FALSE;
}

GonioTransform *
gonio_transform_fit_homography (const GonioPoint *src, const GonioPoint *dst, guint n,
                                double *out_rms, GError **error)
{
  g_autofree GonioPoint *s = g_new (GonioPoint, MAX (n, 1));
  g_autofree GonioPoint *d = g_new (GonioPoint, MAX (n, 1));
  GonioPoint cs = {0}, cd = {0};
  double ks = 1, kd = 1, h[9] = {0}, tmp[9] = {0}, full[9] = {0}, cost = 0;
  GonioTransform *t = NULL;

  if (n < 4 || (n == 4 && (has_collinear_triple (src, 4) || has_collinear_triple (dst, 4)))) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "a homography needs four points, no three of them on one line. "
                         "Place the points again");
    return NULL;
  }
  gonio_points_normalise (src, n, &cs, &ks);
  gonio_points_normalise (dst, n, &cd, &kd);
  for (guint i = 0; i < n; i++) {
    s[i] = normalise (src[i], cs, ks);
    d[i] = normalise (dst[i], cd, kd);
  }
  if (!fit_linear (s, d, n, h, error))
    return NULL;
  cost = fit_cost (h, s, d, n);
  if (!isfinite (cost)) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "no homography fits the points: some would lie behind the camera. "
                         "Check their order");
    return NULL;
  }
  if (n > 4) {
    fit_refine (h, s, d, n);
    cost = fit_cost (h, s, d, n);
  }
  /* Undo the normalisation: D^-1 * h * S. */
  multiply (h, (const double[9]){1 / ks, 0, -cs.x / ks, 0, 1 / ks, -cs.y / ks, 0, 0, 1}, tmp);
  multiply ((const double[9]){kd, 0, cd.x, 0, kd, cd.y, 0, 0, 1}, tmp, full);
  t = gonio_homography_from_matrix (full, error);
  if (t && out_rms)
    *out_rms = sqrt (cost / n) * kd;
  return t;
}

GonioTransform *
gonio_transform_new_quad (const GonioPoint corners[4], double width, double height, GError **error)
{
  const GonioPoint rect[4] = {{0, 0}, {width, 0}, {width, height}, {0, height}};

  if (!(width > 0) || !(height > 0) || !isfinite (width) || !isfinite (height)) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the rectified picture must have a positive width and height");
    return NULL;
  }
  for (guint i = 0; i < 4; i++) {
    GonioPoint a = corners[i], b = corners[(i + 1) % 4], c = corners[(i + 2) % 4];
    double ux = b.x - a.x, uy = b.y - a.y, vx = c.x - b.x, vy = c.y - b.y;

    /* y points down: a convex clockwise outline turns right, to a positive cross product. */
    if (!(ux * vy - uy * vx > 1e-6 * hypot (ux, uy) * hypot (vx, vy))) {
      g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                           "the four corners do not form a proper quadrilateral. Place them on "
                           "the film's corners: top left, top right, bottom right, bottom left");
      return NULL;
    }
  }
  return gonio_transform_fit_homography (corners, rect, 4, NULL, error);
}
