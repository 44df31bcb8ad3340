/* A picture at halving resolutions, from which any part is rendered at screen resolution with
 * any window. Built off the main thread; immutable and thread-safe afterwards. Depends on
 * core/imaging and GDK. */
#pragma once

#include "core/imaging/image.h"
#include "ui/viewer/gonio-view-frame.h"

#include <gdk/gdk.h>

G_BEGIN_DECLS

typedef struct _GonioPyramid GonioPyramid;

GonioPyramid *gonio_pyramid_new (GonioImage *image);
GonioPyramid *gonio_pyramid_ref (GonioPyramid *self);
void gonio_pyramid_unref (GonioPyramid *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioPyramid, gonio_pyramid_unref)

GonioImage *gonio_pyramid_get_image (GonioPyramid *self);
/* Renders the rectangle x, y, width, height of a level (clipped to it by the caller) through
 * a table pixel -> display level (colour pictures pass each channel through the table's
 * contrast). (transfer full) */
GdkTexture *gonio_pyramid_render (GonioPyramid *self, guint level, guint x, guint y, guint width,
                                  guint height, const uint8_t table[65536]);

/* What a view of frame->width x frame->height device px shows of the picture, every pixel of it
 * resampled (bilinear, from the level whose pixels are just finer) before the table is applied;
 * background (0xRRGGBB) outside. The texture is opaque and exactly of that size, so that drawing
 * it is a copy. (transfer full) */
GdkTexture *gonio_pyramid_render_view (GonioPyramid *self, const GonioViewFrame *frame,
                                       guint32 background, const uint8_t table[65536]);

G_END_DECLS
