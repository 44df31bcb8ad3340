/* Bivariate polynomial transforms, as used for image-intensifier C-arms (global models of order
 * 3 to 5 by QR in normalised coordinates). Depends on base and LAPACK.
 */
#include "core/imaging/transform-private.h"

#include <math.h>

#define MAX_ORDER    5
#define MAX_TERMS    ((MAX_ORDER + 1) * (MAX_ORDER + 2) / 2)
#define DOMAIN       1.5 /* normalised radius up to which the polynomial is trusted */
#define FOLD_SAMPLES 33  /* Jacobian signs are checked on this many points along an axis */
#define NEWTON_STEPS 50

typedef struct {
  GonioTransform base;
  GonioPoint center;
  double radius;
  guint order;
  double cx[MAX_TERMS], cy[MAX_TERMS]; /* destination pixels */
  double orientation;                  /* sign of the Jacobian determinant */
} Polynomial;

static guint
n_terms (guint order)
{
  return (order + 1) * (order + 2) / 2;
}

/* 1, x, y, x^2, x y, y^2, x^3, ... */
static void
monomials (guint order, double x, double y, double *out)
{
  guint k = 0;

  out[k++] = 1;
  for (guint degree = 1; degree <= order; degree++) {
    guint previous = k - degree;

    for (guint j = 0; j < degree; j++)
      out[k++] = out[previous + j] * x;
    out[k] = out[previous + degree - 1] * y;
    k++;
  }
}

typedef struct {
  double x, y;               /* value */
  double x_u, x_v, y_u, y_v; /* derivatives by the normalised coordinates */
} Value;

/* Value and derivatives at normalised (u, v). */
static Value
evaluate (const Polynomial *p, double u, double v)
{
  double m[MAX_TERMS] = {0};
  Value out = {0};
  guint k = 1, lower = 0; /* lower: first monomial of the degree below */

  monomials (p->order, u, v, m);
  out.x = p->cx[0];
  out.y = p->cy[0];
  for (guint degree = 1; degree <= p->order; degree++) {
    for (guint j = 0; j <= degree; j++, k++) { /* u^(degree-j) v^j */
      double du = j < degree ? (degree - j) * m[lower + j] : 0;
      double dv = j > 0 ? j * m[lower + j - 1] : 0;

      out.x += p->cx[k] * m[k];
      out.y += p->cy[k] * m[k];
      out.x_u += p->cx[k] * du;
      out.x_v += p->cx[k] * dv;
      out.y_u += p->cy[k] * du;
      out.y_v += p->cy[k] * dv;
    }
    lower += degree;
  }
  return out;
}

static double
determinant (const Value *v)
{
  return v->x_u * v->y_v - v->x_v * v->y_u;
}

static gboolean
polynomial_forward (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  const Polynomial *poly = (const Polynomial *)t;
  double u = (p.x - poly->center.x) / poly->radius, v = (p.y - poly->center.y) / poly->radius;
  Value value;

  if (!(u * u + v * v <= DOMAIN * DOMAIN))
    return FALSE;
  value = evaluate (poly, u, v);
  if (!(determinant (&value) * poly->orientation > 0))
    return FALSE; /* beyond a fold: two source points would share this one */
  *out = (GonioPoint){value.x, value.y};
  return TRUE;
}

/* Newton's method with step halving from the linear part's solution. */
static gboolean
polynomial_inverse (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  const Polynomial *poly = (const Polynomial *)t;
  double det0 = poly->cx[1] * poly->cy[2] - poly->cx[2] * poly->cy[1];
  double dx = p.x - poly->cx[0], dy = p.y - poly->cy[0], u = 0, v = 0;
  double scale = hypot (poly->cx[1], poly->cy[1]) + hypot (poly->cx[2], poly->cy[2]);
  Value value;
  double distance = 0;

  if (det0 * poly->orientation > 0) {
    double length = 0;

    u = (dx * poly->cy[2] - dy * poly->cx[2]) / det0;
    v = (dy * poly->cx[1] - dx * poly->cy[1]) / det0;
    length = hypot (u, v);
    if (length > DOMAIN) {
      u *= DOMAIN / length;
      v *= DOMAIN / length;
    }
  }
  value = evaluate (poly, u, v);
  distance = hypot (value.x - p.x, value.y - p.y);
  for (guint i = 0; i < NEWTON_STEPS && distance > 1e-12 * scale; i++) {
    double det = determinant (&value), step = 1;
    double ex = p.x - value.x, ey = p.y - value.y;
    double du = (ex * value.y_v - ey * value.x_v) / det;
    double dv = (ey * value.x_u - ex * value.y_u) / det;
    gboolean better = FALSE;

    if (!(det * poly->orientation > 0) || !isfinite (du) || !isfinite (dv))
      return FALSE;
    for (guint halving = 0; halving < 20 && !better; halving++, step *= 0.5) {
      Value next = evaluate (poly, u + step * du, v + step * dv);
      double next_distance = hypot (next.x - p.x, next.y - p.y);

      if (next_distance < distance && determinant (&next) * poly->orientation > 0) {
        u += step * du;
        v += step * dv;
        value = next;
        distance = next_distance;
        better = TRUE;
      }
    }
    if (!better)
      break;
  }
  if (!(distance <= 1e-9 * scale) || !(u * u + v * v <= DOMAIN * DOMAIN * (1 + 1e-9)) ||
      !(determinant (&value) * poly->orientation > 0))
    return FALSE;
  *out = (GonioPoint){poly->center.x + u * poly->radius, poly->center.y + v * poly->radius};
  return TRUE;
}

static char *
polynomial_describe (const GonioTransform *t)
{
  return g_strdup_printf ("polynomial (order %u)", ((const Polynomial *)t)->order);
}

static const GonioTransformKind polynomial_kind = {
    .forward = polynomial_forward,
    .inverse = polynomial_inverse,
    .describe = polynomial_describe,
};

/* Sets the orientation; FALSE when it changes within the unit disc. */
static gboolean
check_fold (Polynomial *p)
{
  Value middle = evaluate (p, 0, 0);
  double size = 0;

  p->orientation = determinant (&middle) > 0 ? 1 : -1;
  size = fabs (determinant (&middle));
  for (guint i = 0; i < FOLD_SAMPLES; i++) {
    for (guint j = 0; j < FOLD_SAMPLES; j++) {
      double u = 2.0 * i / (FOLD_SAMPLES - 1) - 1, v = 2.0 * j / (FOLD_SAMPLES - 1) - 1;
      Value value = evaluate (p, u, v);

      if (u * u + v * v <= 1 && !(determinant (&value) * p->orientation > 1e-6 * size))
        return FALSE;
    }
  }
  return size > 0;
}

GonioTransform *
gonio_transform_new_polynomial (GonioPoint center, double radius, guint order, const double *cx,
                                const double *cy, GError **error)
{
  g_autoptr (GonioTransform) t = NULL;
  Polynomial *p = NULL;

  if (order < 1 || order > MAX_ORDER || !(radius > 0) || !isfinite (radius) ||
      !gonio_point_is_finite (center)) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "a polynomial transform has an order from 1 to %d and a positive radius, "
                 "not order %u and radius %g",
                 MAX_ORDER, order, radius);
    return NULL;
  }
  t = gonio_transform_alloc (sizeof *p, &polynomial_kind);
  p = (Polynomial *)t;
  p->center = center;
  p->radius = radius;
  p->order = order;
  memcpy (p->cx, cx, n_terms (order) * sizeof *cx);
  memcpy (p->cy, cy, n_terms (order) * sizeof *cy);
  if (!check_fold (p)) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the polynomial folds the picture over itself. Use a lower order or "
                         "more points");
    return NULL;
  }
  return g_steal_pointer (&t);
}

GonioTransform *
gonio_transform_fit_polynomial (const GonioPoint *src, const GonioPoint *dst, guint n,
                                GonioPoint center, double radius, guint order, double *out_rms,
                                GError **error)
{
  guint terms = order >= 1 && order <= MAX_ORDER ? n_terms (order) : 0;
  g_autofree double *a = NULL, *b = NULL;
  double cx[MAX_TERMS] = {0}, cy[MAX_TERMS] = {0}, sum = 0;
  GonioTransform *t = NULL;

  if (terms == 0 || n < terms || !(radius > 0)) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "a polynomial of order %u (1 to %d) needs at least %u points; there are %u", order,
                 MAX_ORDER, terms, n);
    return NULL;
  }
  a = g_new (double, (size_t)n *terms);
  b = g_new (double, (size_t)n * 2);
  for (guint i = 0; i < n; i++) {
    monomials (order, (src[i].x - center.x) / radius, (src[i].y - center.y) / radius,
               a + (size_t)i * terms);
    b[i * 2] = dst[i].x;
    b[i * 2 + 1] = dst[i].y;
  }
  if (!gonio_least_squares (a, n, terms, b, 2, "polynomial", error))
    return NULL;
  for (guint k = 0; k < terms; k++) {
    cx[k] = b[k * 2];
    cy[k] = b[k * 2 + 1];
  }
  t = gonio_transform_new_polynomial (center, radius, order, cx, cy, error);
  if (!t)
    return NULL;
  for (guint i = 0; i < n; i++) {
    Value v =
        evaluate ((Polynomial *)t, (src[i].x - center.x) / radius, (src[i].y - center.y) / radius);

    sum += (v.x - dst[i].x) * (v.x - dst[i].x) + (v.y - dst[i].y) * (v.y - dst[i].y);
  }
  if (out_rms)
    *out_rms = sqrt (sum / n);
  return t;
}
