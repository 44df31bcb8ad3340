/* Radial lens term (Brown's model, two coefficients). Depends on base. */
#include "core/imaging/transform-private.h"

#include <math.h>

#define NEWTON_STEPS 200

typedef struct {
  GonioTransform base;
  GonioPoint center;
  double radius;
  double k1, k2;
  double r_max; /* the mapping r -> r * factor(r) rises up to here; may be infinite */
  double s_max; /* and reaches this */
} Lens;

static double
distort (const Lens *l, double r)
{
  double u = r * r;

  return r * (1 + u * (l->k1 + u * l->k2));
}

static double
distort_slope (const Lens *l, double r)
{
  double u = r * r;

  return 1 + u * (3 * l->k1 + u * 5 * l->k2);
}

/* First radius where the slope vanishes: roots of 1 + 3 k1 u + 5 k2 u^2 in u = r^2. */
static double
fold_radius (double k1, double k2)
{
  double a = 5 * k2, b = 3 * k1, best = INFINITY;

  if (a == 0)
    return b < 0 ? sqrt (-1 / b) : INFINITY;
  double d = b * b - 4 * a;
  if (d < 0)
    return INFINITY;
  /* q avoids cancellation; the roots are q / a and 1 / q. */
  double q = -0.5 * (b + copysign (sqrt (d), b));
  double root[2] = {q / a, q != 0 ? 1 / q : INFINITY};
  for (guint i = 0; i < 2; i++)
    if (root[i] > 0 && root[i] < best)
      best = root[i];
  return sqrt (best);
}

/* Solves distort(r) = s by Newton's method kept inside a bracket. */
static gboolean
undistort (const Lens *l, double s, double *out_r)
{
  double lo = 0, hi = l->r_max, r = s;

  if (s == 0) {
    *out_r = 0;
    return TRUE;
  }
  if (!isfinite (hi)) {
    for (hi = MAX (s, 1); distort (l, hi) < s; hi *= 2)
      if (hi > 1e6)
        return FALSE;
  }
  r = CLAMP (r, lo, hi);
  for (guint i = 0; i < NEWTON_STEPS; i++) {
    double f = distort (l, r) - s, slope = distort_slope (l, r), next = 0, width = hi - lo;

    if (f > 0)
      hi = r;
    else
      lo = r;
    next = slope > 0 ? r - f / slope : hi;
    /* Halve the bracket when the step leaves it, or when the last one gained too little. */
    if (!(next > lo && next < hi) || (i > 2 && hi - lo > 0.5 * width))
      next = 0.5 * (lo + hi);
    if (fabs (next - r) <= 1e-15 * r || f == 0)
      break;
    r = next;
  }
  *out_r = r;
  return TRUE;
}

/* p moved along its ray about the centre from radius r to radius s (both in units of radius). */
static GonioPoint
move_radially (const Lens *l, GonioPoint p, double r, double s)
{
  double k = r > 0 ? s / r : 1;

  return (GonioPoint){l->center.x + (p.x - l->center.x) * k, l->center.y + (p.y - l->center.y) * k};
}

static gboolean
lens_forward (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  const Lens *l = (const Lens *)t;
  double r = hypot (p.x - l->center.x, p.y - l->center.y) / l->radius;

  if (!(r < l->r_max))
    return FALSE;
  *out = move_radially (l, p, r, distort (l, r));
  return TRUE;
}

static gboolean
lens_inverse (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  const Lens *l = (const Lens *)t;
  double s = hypot (p.x - l->center.x, p.y - l->center.y) / l->radius, r = 0;

  if (!(s < l->s_max) || !undistort (l, s, &r))
    return FALSE;
  *out = move_radially (l, p, s, r);
  return TRUE;
}

static char *
lens_describe (const GonioTransform *t)
{
  return g_strdup ("lens");
}

static const GonioTransformKind lens_kind = {
    .forward = lens_forward,
    .inverse = lens_inverse,
    .describe = lens_describe,
};

GonioTransform *
gonio_transform_new_lens (GonioPoint center, double radius, double k1, double k2, GError **error)
{
  double r_max = fold_radius (k1, k2);
  Lens *l = NULL;

  if (!gonio_point_is_finite (center) || !(radius > 0) || !isfinite (radius) || !isfinite (k1) ||
      !isfinite (k2) || !(r_max > 1)) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the lens term (k1 %.4g, k2 %.4g) folds the picture over itself. "
                 "Use smaller coefficients",
                 k1, k2);
    return NULL;
  }
  l = gonio_transform_alloc (sizeof *l, &lens_kind);
  l->center = center;
  l->radius = radius;
  l->k1 = k1;
  l->k2 = k2;
  l->r_max = r_max;
  l->s_max = isfinite (r_max) ? distort (l, r_max) : INFINITY;
  return &l->base;
}
