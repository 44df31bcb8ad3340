/* Sampling a picture at real positions: bilinear on a pyramid of halved copies, so that
 * minifying averages areas. Private to core/imaging. Depends on base.
 */
#pragma once

#include "core/imaging/image.h"

G_BEGIN_DECLS

typedef struct _GonioSampler GonioSampler;

/* Keeps a reference to image; levels are built when first asked for, so one sampler belongs to
 * one thread. */
GonioSampler *gonio_sampler_new (const GonioImage *image);
void gonio_sampler_free (GonioSampler *sampler);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioSampler, gonio_sampler_free)

/* How a destination pixel is averaged: nx x ny bilinear samples of one level. */
typedef struct {
  guint level;
  guint nx, ny;
} GonioFootprint;

/* Footprint of a destination pixel whose step along x and y covers these source lengths. */
GonioFootprint gonio_sampler_footprint (GonioSampler *sampler, double step_x, double step_y);

/* Mean around (x, y) (source pixels); ax, ay: source vector of one step right, bx, by: of one
 * step down. out: one value (GREY16, 0..65535) or three (RGB8, 0..255). */
void gonio_sampler_read (GonioSampler *sampler, GonioFootprint footprint, double x, double y,
                         double ax, double ay, double bx, double by, float *out);

G_END_DECLS
