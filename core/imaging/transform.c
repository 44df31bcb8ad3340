/* Transforms in general: identity, composition, inversion, fitting. The kinds live in
 * homography.c, lens.c, polynomial.c and grid.c; warp.c resamples pictures.
 * Depends on base and LAPACK.
 */
#include "core/imaging/transform-private.h"

#include "core/base/error.h"

#include <lapacke.h>
#include <math.h>

gpointer
gonio_transform_alloc (size_t size, const GonioTransformKind *kind)
{
  GonioTransform *t = g_atomic_rc_box_alloc0 (size);

  t->kind = kind;
  return t;
}

GonioTransform *
gonio_transform_ref (GonioTransform *transform)
{
  return g_atomic_rc_box_acquire (transform);
}

static void
transform_clear (gpointer data)
{
  GonioTransform *t = data;

  if (t->kind->clear)
    t->kind->clear (t);
}

void
gonio_transform_unref (GonioTransform *transform)
{
  if (transform)
    g_atomic_rc_box_release_full (transform, transform_clear);
}

gboolean
gonio_transform_forward (const GonioTransform *transform, GonioPoint p, GonioPoint *out)
{
  GonioPoint q = {0};

  if (!gonio_point_is_finite (p) || !transform->kind->forward (transform, p, &q) ||
      !gonio_point_is_finite (q))
    return FALSE;
  *out = q;
  return TRUE;
}

gboolean
gonio_transform_inverse (const GonioTransform *transform, GonioPoint p, GonioPoint *out)
{
  GonioPoint q = {0};

  if (!gonio_point_is_finite (p) || !transform->kind->inverse (transform, p, &q) ||
      !gonio_point_is_finite (q))
    return FALSE;
  *out = q;
  return TRUE;
}

char *
gonio_transform_describe (const GonioTransform *transform)
{
  return transform->kind->describe (transform);
}

gboolean
gonio_transform_as_affine (const GonioTransform *t, double out_m[6])
{
  return t->kind->as_affine && t->kind->as_affine (t, out_m);
}

/* ---- identity ---- */

static gboolean
identity_map (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  *out = p;
  return TRUE;
}

static char *
identity_describe (const GonioTransform *t)
{
  return g_strdup ("identity");
}

static gboolean
identity_as_affine (const GonioTransform *t, double out_m[6])
{
  static const double m[6] = {1, 0, 0, 0, 1, 0};

  memcpy (out_m, m, sizeof m);
  return TRUE;
}

static const GonioTransformKind identity_kind = {
    .forward = identity_map,
    .inverse = identity_map,
    .describe = identity_describe,
    .as_affine = identity_as_affine,
};

GonioTransform *
gonio_transform_new_identity (void)
{
  return gonio_transform_alloc (sizeof (GonioTransform), &identity_kind);
}

/* ---- composition ---- */

typedef struct {
  GonioTransform base;
  GonioTransform *first, *second;
} Composition;

static gboolean
composition_forward (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  const Composition *c = (const Composition *)t;

  return gonio_transform_forward (c->first, p, &p) && gonio_transform_forward (c->second, p, out);
}

static gboolean
composition_inverse (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  const Composition *c = (const Composition *)t;

  return gonio_transform_inverse (c->second, p, &p) && gonio_transform_inverse (c->first, p, out);
}

static char *
composition_describe (const GonioTransform *t)
{
  const Composition *c = (const Composition *)t;
  g_autofree char *first = gonio_transform_describe (c->first);
  g_autofree char *second = gonio_transform_describe (c->second);

  if (g_str_equal (first, "identity"))
    return g_steal_pointer (&second);
  if (g_str_equal (second, "identity"))
    return g_steal_pointer (&first);
  return g_strdup_printf ("%s + %s", first, second);
}

static gboolean
composition_as_affine (const GonioTransform *t, double out_m[6])
{
  const Composition *c = (const Composition *)t;
  double a[6] = {0}, b[6] = {0};

  if (!gonio_transform_as_affine (c->first, a) || !gonio_transform_as_affine (c->second, b))
    return FALSE;
  for (guint r = 0; r < 2; r++) {
    out_m[r * 3 + 0] = b[r * 3] * a[0] + b[r * 3 + 1] * a[3];
    out_m[r * 3 + 1] = b[r * 3] * a[1] + b[r * 3 + 1] * a[4];
    out_m[r * 3 + 2] = b[r * 3] * a[2] + b[r * 3 + 1] * a[5] + b[r * 3 + 2];
  }
  return TRUE;
}

static void
composition_clear (GonioTransform *t)
{
  Composition *c = (Composition *)t;

  gonio_transform_unref (c->first);
  gonio_transform_unref (c->second);
}

static const GonioTransformKind composition_kind = {
    .forward = composition_forward,
    .inverse = composition_inverse,
    .describe = composition_describe,
    .as_affine = composition_as_affine,
    .clear = composition_clear,
};

GonioTransform *
gonio_transform_compose (GonioTransform *first, GonioTransform *second)
{
  Composition *c = gonio_transform_alloc (sizeof *c, &composition_kind);

  c->first = gonio_transform_ref (first);
  c->second = gonio_transform_ref (second);
  return &c->base;
}

/* ---- inversion ---- */

typedef struct {
  GonioTransform base;
  GonioTransform *inner;
} Inversion;

static gboolean
inversion_forward (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  return gonio_transform_inverse (((const Inversion *)t)->inner, p, out);
}

static gboolean
inversion_inverse (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  return gonio_transform_forward (((const Inversion *)t)->inner, p, out);
}

static char *
inversion_describe (const GonioTransform *t)
{
  g_autofree char *inner = gonio_transform_describe (((const Inversion *)t)->inner);

  if (g_str_equal (inner, "identity"))
    return g_steal_pointer (&inner);
  return g_strdup_printf (strchr (inner, '+') ? "inverse of (%s)" : "inverse of %s", inner);
}

static gboolean
inversion_as_affine (const GonioTransform *t, double out_m[6])
{
  double m[6] = {0}, det = 0;

  if (!gonio_transform_as_affine (((const Inversion *)t)->inner, m))
    return FALSE;
  det = m[0] * m[4] - m[1] * m[3];
  out_m[0] = m[4] / det;
  out_m[1] = -m[1] / det;
  out_m[3] = -m[3] / det;
  out_m[4] = m[0] / det;
  out_m[2] = -(out_m[0] * m[2] + out_m[1] * m[5]);
  out_m[5] = -(out_m[3] * m[2] + out_m[4] * m[5]);
  return TRUE;
}

static void
inversion_clear (GonioTransform *t)
{
  gonio_transform_unref (((Inversion *)t)->inner);
}

static const GonioTransformKind inversion_kind = {
    .forward = inversion_forward,
    .inverse = inversion_inverse,
    .describe = inversion_describe,
    .as_affine = inversion_as_affine,
    .clear = inversion_clear,
};

GonioTransform *
gonio_transform_invert (GonioTransform *transform)
{
  Inversion *inversion = NULL;

  if (transform->kind == &inversion_kind)
    return gonio_transform_ref (((Inversion *)transform)->inner);
  inversion = gonio_transform_alloc (sizeof *inversion, &inversion_kind);
  inversion->inner = gonio_transform_ref (transform);
  return &inversion->base;
}

/* ---- fitting ---- */

gboolean
gonio_least_squares (double *a, guint rows, guint cols, double *b, guint n_rhs, const char *what,
                     GError **error)
{
  g_autofree lapack_int *pivots = g_new0 (lapack_int, cols);
  lapack_int rank = 0, info = 0;

  if (rows >= cols)
    info = LAPACKE_dgelsy (LAPACK_ROW_MAJOR, (lapack_int)rows, (lapack_int)cols, (lapack_int)n_rhs,
                           a, (lapack_int)cols, b, (lapack_int)n_rhs, pivots, 1e-10, &rank);
  if (rows < cols || info != 0 || rank < (lapack_int)cols) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "a %s cannot be fitted: the points are too few, coincide or lie on one line. "
                 "Spread them over the picture",
                 what);
    return FALSE;
  }
  return TRUE;
}

void
gonio_points_normalise (const GonioPoint *points, guint n, GonioPoint *out_center,
                        double *out_scale)
{
  GonioPoint c = {0, 0};
  double distance = 0;

  for (guint i = 0; i < n; i++) {
    c.x += points[i].x / n;
    c.y += points[i].y / n;
  }
  for (guint i = 0; i < n; i++)
    distance += hypot (points[i].x - c.x, points[i].y - c.y) / n;
  *out_center = c;
  *out_scale = distance > 0 && isfinite (distance) ? distance : 1;
}
