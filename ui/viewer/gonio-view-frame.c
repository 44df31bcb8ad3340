/* Where the picture lies in the widget; see gonio-view-frame.h. */
#include "ui/viewer/gonio-view-frame.h"

#define MIN_ZOOM 0.01
#define MAX_ZOOM 64.0
#define MARGIN   12.0

/* Screen axes of a picture step of one px in x, after flip and turns. */
static void
turn (const GonioViewFrame *frame, double x, double y, double *out_x, double *out_y)
{
  if (frame->flipped)
    x = -x;
  switch (frame->turns & 3) {
  case 0:
    *out_x = x, *out_y = y;
    break;
  case 1:
    *out_x = -y, *out_y = x;
    break;
  case 2:
    *out_x = -x, *out_y = -y;
    break;
  default:
    *out_x = y, *out_y = -x;
    break;
  }
}

static void
turn_back (const GonioViewFrame *frame, double x, double y, double *out_x, double *out_y)
{
  double px, py;
  switch (frame->turns & 3) {
  case 0:
    px = x, py = y;
    break;
  case 1:
    px = y, py = -x;
    break;
  case 2:
    px = -x, py = -y;
    break;
  default:
    px = -y, py = x;
    break;
  }
  *out_x = frame->flipped ? -px : px;
  *out_y = py;
}

GonioPoint
gonio_view_frame_to_widget (const GonioViewFrame *frame, GonioPoint picture)
{
  double x, y;
  turn (frame, picture.x - frame->center.x, picture.y - frame->center.y, &x, &y);
  return (GonioPoint){frame->width / 2 + x * frame->zoom, frame->height / 2 + y * frame->zoom};
}

GonioPoint
gonio_view_frame_vector_to_picture (const GonioViewFrame *frame, double dx, double dy)
{
  double x, y;
  turn_back (frame, dx / frame->zoom, dy / frame->zoom, &x, &y);
  return (GonioPoint){x, y};
}

GonioPoint
gonio_view_frame_to_picture (const GonioViewFrame *frame, GonioPoint widget)
{
  const GonioPoint v = gonio_view_frame_vector_to_picture (frame, widget.x - frame->width / 2,
                                                           widget.y - frame->height / 2);
  return (GonioPoint){frame->center.x + v.x, frame->center.y + v.y};
}

void
gonio_view_frame_fit (GonioViewFrame *frame, double picture_width, double picture_height)
{
  const gboolean upright = (frame->turns & 1) == 0;
  const double w = upright ? picture_width : picture_height;
  const double h = upright ? picture_height : picture_width;
  const double room_w = MAX (frame->width - 2 * MARGIN, 16.0);
  const double room_h = MAX (frame->height - 2 * MARGIN, 16.0);
  frame->zoom = CLAMP (MIN (room_w / MAX (w, 1.0), room_h / MAX (h, 1.0)), MIN_ZOOM, MAX_ZOOM);
  frame->center = (GonioPoint){picture_width / 2, picture_height / 2};
}

void
gonio_view_frame_zoom_at (GonioViewFrame *frame, double zoom, GonioPoint at)
{
  const GonioPoint before = gonio_view_frame_to_picture (frame, at);
  frame->zoom = CLAMP (zoom, MIN_ZOOM, MAX_ZOOM);
  const GonioPoint after = gonio_view_frame_to_picture (frame, at);
  frame->center.x += before.x - after.x;
  frame->center.y += before.y - after.y;
}
