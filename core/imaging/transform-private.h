/* The inside of GonioTransform: each kind embeds it and brings a const table of functions.
 * Private to core/imaging. Depends on base.
 */
#pragma once

#include "core/base/error.h"
#include "core/imaging/transform.h"

G_BEGIN_DECLS

typedef struct {
  gboolean (*forward) (const GonioTransform *t, GonioPoint p, GonioPoint *out);
  gboolean (*inverse) (const GonioTransform *t, GonioPoint p, GonioPoint *out);
  char *(*describe) (const GonioTransform *t);
  /* TRUE and the row-major 2x3 matrix when the kind is affine; nullable. */
  gboolean (*as_affine) (const GonioTransform *t, double out_m[6]);
  void (*clear) (GonioTransform *t); /* nullable */
} GonioTransformKind;

struct _GonioTransform {
  const GonioTransformKind *kind;
};

/* New zeroed instance of size bytes, reference counted. */
gpointer gonio_transform_alloc (size_t size, const GonioTransformKind *kind);

/* h with the sign that makes the pictures' points lie in front of the horizon. */
GonioTransform *gonio_homography_from_matrix (const double h[9], GError **error);

/* Least squares |a x - b| by QR with column pivoting (LAPACK dgelsy). a: rows x cols, row-major;
 * b: rows x n_rhs row-major. Both are overwritten; x is left in the first cols rows of b.
 * Refused when the rank is less than cols. */
gboolean gonio_least_squares (double *a, guint rows, guint cols, double *b, guint n_rhs,
                              const char *what, GError **error);

/* Centre and mean distance of points, for well-conditioned fits. */
void gonio_points_normalise (const GonioPoint *points, guint n, GonioPoint *out_center,
                             double *out_scale);

static inline gboolean
gonio_point_is_finite (GonioPoint p)
{
  return __builtin_isfinite (p.x) && __builtin_isfinite (p.y);
}

G_END_DECLS
