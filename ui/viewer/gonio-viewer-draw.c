/* How the viewer draws: picture, overlay, loupe; see gonio-viewer.h. */
#include "ui/viewer/gonio-viewer-private.h"

#include <math.h>

#define LOUPE_RADIUS 70.0
#define LOUPE_ZOOM   3.0
#define MARGIN       128.0    /* device px rendered around a view that moves */
#define BACKGROUND   0x0f0f12 /* RGB */

/* The view in device px, with margin on every side. */
static GonioViewFrame
device_frame (GonioViewer *self, double margin)
{
  const double scale = gtk_widget_get_scale_factor (GTK_WIDGET (self));
  GonioViewFrame frame = self->frame;
  frame.zoom *= scale;
  frame.width = ceil (frame.width * scale) + 2 * margin;
  frame.height = ceil (frame.height * scale) + 2 * margin;
  return frame;
}

/* Device px by which the rendered picture has to move to lie where the view is now, whole ones so
 * that drawing stays a copy. FALSE when it shows something else or does not cover the view. */
static gboolean
rendered_offset (GonioViewer *self, double *out_dx, double *out_dy)
{
  const GonioRendered *r = &self->rendered;
  const GonioViewFrame now = device_frame (self, r->margin);
  if (!r->texture || r->window_serial != self->window_serial || r->frame.zoom != now.zoom ||
      r->frame.turns != now.turns || r->frame.flipped != now.flipped ||
      r->frame.width != now.width || r->frame.height != now.height)
    return FALSE;
  const GonioPoint at = gonio_view_frame_to_widget (&now, r->frame.center);
  *out_dx = round (at.x - now.width / 2);
  *out_dy = round (at.y - now.height / 2);
  return fabs (*out_dx) <= r->margin && fabs (*out_dy) <= r->margin;
}

static gboolean
only_moved (GonioViewer *self)
{
  const GonioRendered *r = &self->rendered;
  const GonioViewFrame now = device_frame (self, 0);
  return r->texture && r->window_serial == self->window_serial && r->frame.zoom == now.zoom;
}

static void
append_picture (GonioViewer *self, GtkSnapshot *snapshot, GonioPyramid *pyramid)
{
  double dx = 0, dy = 0;
  if (!rendered_offset (self, &dx, &dy)) {
    /* A picture that moves is going to move on; one that zooms needs all pixels again anyway. */
    const double margin = only_moved (self) ? MARGIN : 0;
    GonioRendered *r = &self->rendered;
    g_clear_object (&r->texture);
    r->frame = device_frame (self, margin);
    r->margin = margin;
    r->window_serial = self->window_serial;
    r->texture = gonio_pyramid_render_view (pyramid, &r->frame, BACKGROUND, self->table);
    dx = dy = 0;
  }
  const double scale = gtk_widget_get_scale_factor (GTK_WIDGET (self));
  const graphene_rect_t place = GRAPHENE_RECT_INIT (
      (float)((dx - self->rendered.margin) / scale), (float)((dy - self->rendered.margin) / scale),
      (float)(self->rendered.frame.width / scale), (float)(self->rendered.frame.height / scale));
  gtk_snapshot_append_texture (snapshot, self->rendered.texture, &place);
}

/* A square round a picture point, rendered by itself and so as sharp as the picture is. */
static void
append_magnified (GonioViewer *self, GtkSnapshot *snapshot, GonioPyramid *pyramid,
                  GonioPoint center, const graphene_rect_t *box)
{
  const double scale = gtk_widget_get_scale_factor (GTK_WIDGET (self));
  GonioViewFrame frame = self->frame;
  frame.zoom *= scale * LOUPE_ZOOM;
  frame.center = center;
  frame.width = ceil (box->size.width * scale);
  frame.height = ceil (box->size.height * scale);
  g_autoptr (GdkTexture) texture =
      gonio_pyramid_render_view (pyramid, &frame, BACKGROUND, self->table);
  gtk_snapshot_append_texture (snapshot, texture, box);
}

static void
draw_overlay (GonioViewer *self, cairo_t *cr)
{
  const GonioPipelineOutput *output = gonio_item_get_output (self->item);
  const GonioOverlay overlay = {
      .protocol = output->protocol,
      .result = output->result,
      .to_flat = output->to_flat,
      .map = gonio_viewer_original_to_widget,
      .map_data = self,
      .unit = 1.0,
      .width = self->frame.width,
      .height = self->frame.height,
      .selected = self->selected,
      .detail = self->detail,
  };
  gonio_overlay_draw (cr, &overlay);
}

/* The neighbourhood of a point that is being placed, magnified, in the corner away from it. */
static void
append_loupe (GonioViewer *self, GtkSnapshot *snapshot, GonioPyramid *pyramid)
{
  GonioPoint at;
  if (!gonio_viewer_loupe_at (self, &at))
    return;
  const double r = LOUPE_RADIUS;
  const double cx = at.x < self->frame.width / 2 ? self->frame.width - r - 16 : r + 16;
  const double cy = r + 16;
  GskRoundedRect circle;
  const graphene_rect_t box = GRAPHENE_RECT_INIT (cx - r, cy - r, 2 * r, 2 * r);
  gsk_rounded_rect_init_from_rect (&circle, &box, r);
  const GonioPoint shown = gonio_view_frame_to_picture (&self->frame, at);
  gtk_snapshot_push_rounded_clip (snapshot, &circle);
  append_magnified (self, snapshot, pyramid, shown, &box);
  gtk_snapshot_pop (snapshot);

  cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &box);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_set_line_width (cr, 2);
  cairo_arc (cr, cx, cy, r - 1, 0, 2 * G_PI);
  cairo_stroke (cr);
  cairo_set_line_width (cr, 1);
  cairo_move_to (cr, cx - 14, cy);
  cairo_line_to (cr, cx - 3, cy);
  cairo_move_to (cr, cx + 3, cy);
  cairo_line_to (cr, cx + 14, cy);
  cairo_move_to (cr, cx, cy - 14);
  cairo_line_to (cr, cx, cy - 3);
  cairo_move_to (cr, cx, cy + 3);
  cairo_line_to (cr, cx, cy + 14);
  cairo_stroke (cr);
  cairo_destroy (cr);
}

void
gonio_viewer_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  GonioViewer *self = GONIO_VIEWER (widget);
  const graphene_rect_t all =
      GRAPHENE_RECT_INIT (0, 0, (float)self->frame.width, (float)self->frame.height);
  gtk_snapshot_push_clip (snapshot, &all);
  GonioPyramid *pyramid = gonio_viewer_pyramid (self);
  if (pyramid) {
    append_picture (self, snapshot, pyramid);
    if (!self->overlay_hidden && self->mode != GONIO_VIEWER_STRAIGHTEN) {
      cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &all);
      draw_overlay (self, cr);
      cairo_destroy (cr);
      for (guint i = 0; i < self->handles->len; i++)
        gtk_widget_snapshot_child (widget, g_ptr_array_index (self->handles, i), snapshot);
    }
    if (self->mode != GONIO_VIEWER_LOOK) {
      cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &all);
      gonio_viewer_draw_mode (self, cr);
      cairo_destroy (cr);
      for (guint i = 0; i < G_N_ELEMENTS (self->corner_handles); i++)
        if (self->corner_handles[i])
          gtk_widget_snapshot_child (widget, self->corner_handles[i], snapshot);
    }
    append_loupe (self, snapshot, pyramid);
  }
  gtk_snapshot_pop (snapshot);
}
