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

/* Where destination pixels come from that share a footprint. */
typedef struct {
  const GonioImage *image;
  GonioLevel level;
  GonioFootprint footprint;
  double scale;          /* source px -> px of the level */
  double ax, ay, bx, by; /* level px: of one step right and one step down */
} GonioArea;

/* a, b: source vectors of one step right and one step down. */
void gonio_area_init (GonioArea *area, const GonioImage *image, GonioPoint a, GonioPoint b);
/* Mean around each source point whose inside flag is set. Values are 0..65535 (GREY16) or 0..255.
 */
void gonio_area_read (const GonioArea *area, const GonioPoint *points, const uint8_t *inside,
                      guint n, float *out);

/* Called with the values of n destination pixels of one row, from index on. Those that are not
 * inside have no source and undefined values. On several threads at once. */
typedef void (*GonioStore) (gpointer out, size_t index, guint n, const float *values,
                            const uint8_t *inside);

/* The whole destination for transforms that only scale, mirror and move, row sums first; FALSE for
 * others. */
gboolean gonio_resample_scaled (const GonioImage *image, const GonioTransform *transform,
                                guint width, guint height, GonioStore store, gpointer out,
                                GCancellable *cancellable);

G_END_DECLS
