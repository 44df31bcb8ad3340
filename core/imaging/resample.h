/* Sampling a picture at real positions: bilinear on a pyramid of halved copies, so that
 * minifying averages areas. Private to core/imaging. Depends on base.
 */
#pragma once

#include "core/imaging/load-private.h"
#include "core/imaging/transform.h"

G_BEGIN_DECLS

/* The picture halved index times (0: itself); made when first asked for and kept with the picture.
 * Thread-safe. */
GonioLevel gonio_image_level (const GonioImage *image, guint index);

/* How a destination pixel is averaged: nx x ny bilinear samples of one level. */
typedef struct {
  guint level;
  guint nx, ny;
} GonioFootprint;

/* Footprint of a destination pixel whose step along x and y covers these source lengths. */
GonioFootprint gonio_footprint (double step_x, double step_y);

/* Indices of both neighbours of a position along an axis, and the weight of the second; positions
 * outside take the border. */
void gonio_neighbours (double position, guint size, guint *out_a, guint *out_b, float *out_t);

/* Floats between two destination pixels' values: 1 (GREY16) or 4, of which 3 are used. */
static inline guint
gonio_values_stride (const GonioImage *image)
{
  return image->format == GONIO_PIXELS_GREY16 ? 1 : 4;
}

enum {
  GONIO_AREA_ROW = 16,        /* destination pixels that are read at once */
  GONIO_AREA_SUPERSAMPLE = 8, /* samples of one along an axis, at most */
};

/* Where destination pixels come from that share a footprint. */
typedef struct {
  GonioLevel level;
  gboolean grey;
  double scale;            /* source px -> px of the level */
  double reach_x, reach_y; /* level px from a pixel's centre to its farthest neighbour */
  guint count;
  GonioPoint offsets[GONIO_AREA_SUPERSAMPLE * GONIO_AREA_SUPERSAMPLE]; /* of samples, level px */
} GonioArea;

/* a, b: source vectors of one step right and one step down. */
void gonio_area_init (GonioArea *area, const GonioImage *image, GonioPoint a, GonioPoint b);
/* Is every sample about the points between low and high away from the picture's border? */
gboolean gonio_area_is_clear (const GonioArea *area, GonioPoint low, GonioPoint high);
/* Mean around each of GONIO_AREA_ROW source points, 0 for those whose inside flag is not set;
 * inside NULL: all clear of the border. x, y: source px. Values are 0..65535 (GREY16) or 0..255, by
 * gonio_values_stride(). */
void gonio_area_read (const GonioArea *area, const double *x, const double *y,
                      const uint8_t *inside, float *out);

/* Tests: without the instructions that only some processors have. */
void gonio_area_set_plain (gboolean plain);

/* Called with the values of n destination pixels of one row, from index on. Those that are not
 * inside (NULL: all are) have no source; their values mean nothing. On several threads at once. */
typedef void (*GonioStore) (gpointer out, size_t index, guint n, const float *values,
                            const uint8_t *inside);

/* The whole destination for transforms that only scale, mirror and move, row sums first; FALSE for
 * others. */
gboolean gonio_resample_scaled (const GonioImage *image, const GonioTransform *transform,
                                guint width, guint height, GonioStore store, gpointer out,
                                GCancellable *cancellable);

G_END_DECLS
