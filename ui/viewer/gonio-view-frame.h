/* Where the picture lies in the widget: zoom, centre, quarter turns, flip. Plain value. */
#pragma once

#include "core/imaging/transform.h"

G_BEGIN_DECLS

typedef struct {
  double zoom;          /* widget px per picture px */
  GonioPoint center;    /* picture point in the middle of the widget */
  int turns;            /* quarter turns clockwise, 0..3 */
  gboolean flipped;     /* mirrored left-right before turning */
  double width, height; /* of the widget */
} GonioViewFrame;

GonioPoint gonio_view_frame_to_widget (const GonioViewFrame *frame, GonioPoint picture);
GonioPoint gonio_view_frame_to_picture (const GonioViewFrame *frame, GonioPoint widget);
/* A displacement of the widget in picture px. */
GonioPoint gonio_view_frame_vector_to_picture (const GonioViewFrame *frame, double dx, double dy);
/* Centres and scales a picture of the given size into the widget, leaving a margin. */
void gonio_view_frame_fit (GonioViewFrame *frame, double picture_width, double picture_height);
/* Changes the zoom (clamped to 0.01..64) so that the point under at stays there. */
void gonio_view_frame_zoom_at (GonioViewFrame *frame, double zoom, GonioPoint at);

G_END_DECLS
