/* Geometric transforms between picture frames, both ways. Depends on base.
 *
 * A transform maps points of a source picture to points of a destination picture (forward)
 * and back (inverse). Pictures are resampled through the inverse. All are immutable and
 * thread-safe. Frame: pixels, x right, y down, centres at +0.5.
 */
#pragma once

#include "core/imaging/image.h"

G_BEGIN_DECLS

typedef struct {
  double x, y;
} GonioPoint;

typedef struct _GonioTransform GonioTransform;

GonioTransform *gonio_transform_ref (GonioTransform *transform);
void gonio_transform_unref (GonioTransform *transform);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioTransform, gonio_transform_unref)

GonioTransform *gonio_transform_new_identity (void);
/* m: row-major 2x3, dst = m * [x y 1]. NULL with GONIO_IMAGE_ERROR_MALFORMED when singular. */
GonioTransform *gonio_transform_new_affine (const double m[6], GError **error);
/* h: row-major 3x3. */
GonioTransform *gonio_transform_new_homography (const double h[9], GError **error);
/* Four corners (top left, top right, bottom right, bottom left) of the source onto the
 * rectangle 0,0..width,height. Refuses degenerate or non-convex quadrilaterals. */
GonioTransform *gonio_transform_new_quad (const GonioPoint corners[4], double width, double height,
                                          GError **error);
/* Radial lens term about center: undistorted = c + (p - c) * (1 + k1 r^2 + k2 r^4), r in units
 * of radius. Inverse by Newton's method; refuses terms that fold the picture within radius. */
GonioTransform *gonio_transform_new_lens (GonioPoint center, double radius, double k1, double k2,
                                          GError **error);
/* Bivariate polynomial per axis, order 1..5, normalised coordinates (p - center) / radius;
 * n = (order+1)(order+2)/2 coefficients each, ordered 1, x, y, x^2, xy, y^2, ... */
GonioTransform *gonio_transform_new_polynomial (GonioPoint center, double radius, guint order,
                                                const double *cx, const double *cy, GError **error);
/* Least-squares fits by LAPACK; out_rms in destination pixels. NULL when under-determined. */
GonioTransform *gonio_transform_fit_homography (const GonioPoint *src, const GonioPoint *dst,
                                                guint n, double *out_rms, GError **error);
GonioTransform *gonio_transform_fit_polynomial (const GonioPoint *src, const GonioPoint *dst,
                                                guint n, GonioPoint center, double radius,
                                                guint order, double *out_rms, GError **error);
/* Backward map: source positions (pixels) on a regular grid of cols x rows nodes spanning
 * the destination width x height (first node at 0,0, last at width,height), bilinear between. */
GonioTransform *gonio_transform_new_grid (const GonioPoint *nodes, guint cols, guint rows,
                                          double width, double height, GError **error);
/* first, then second. */
GonioTransform *gonio_transform_compose (GonioTransform *first, GonioTransform *second);
GonioTransform *gonio_transform_invert (GonioTransform *transform);

/* FALSE where the transform is not defined (behind the horizon, outside a grid by more than a
 * cell, Newton does not converge). */
gboolean gonio_transform_forward (const GonioTransform *transform, GonioPoint p, GonioPoint *out);
gboolean gonio_transform_inverse (const GonioTransform *transform, GonioPoint p, GonioPoint *out);

/* Row-major 2x3 of a transform that is affine as a whole, FALSE for others. */
gboolean gonio_transform_as_affine (const GonioTransform *transform, double out_m[6]);

/* "identity", "homography", "grid", "homography + lens", ...  (transfer full) */
char *gonio_transform_describe (const GonioTransform *transform);

/* Resamples image into a width x height picture (bilinear, area-averaged when minifying).
 * Pixels without a source are filled with 0. Spacing is dropped unless the transform is an
 * axis-aligned scale, then it is scaled. */
GonioImage *gonio_image_transform (const GonioImage *image, const GonioTransform *transform,
                                   guint width, guint height, GCancellable *cancellable,
                                   GError **error);
/* The same into floats 0..1 of the windowed, single-channel picture (model input); pixels
 * without a source get fill. out holds width * height. */
gboolean gonio_image_sample_float (const GonioImage *image, const GonioWindow *window,
                                   const GonioTransform *transform, guint width, guint height,
                                   float fill, float *out, GError **error);

G_END_DECLS
