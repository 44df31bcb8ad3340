/* How the viewer draws: picture, overlay, loupe; see gonio-viewer.h. */
#include "ui/viewer/gonio-viewer-private.h"

#include <math.h>

#define LOUPE_RADIUS 70.0
#define LOUPE_ZOOM   3.0
#define PAD          0.35 /* part of the view rendered around what is visible */

/* Renders at least what is visible, at the level whose pixels are just finer than the
 * screen's. */
static void
ensure_rendered (GonioViewer *self, GonioPyramid *pyramid, double zoom)
{
  const double device = zoom * gtk_widget_get_scale_factor (GTK_WIDGET (self));
  guint level = 0;
  while (level + 1 < gonio_pyramid_n_levels (pyramid) && device * (2 << level) <= 1.0)
    level++;

  GonioImage *image = gonio_pyramid_get_image (pyramid);
  graphene_rect_t whole =
      GRAPHENE_RECT_INIT (0, 0, gonio_image_width (image), gonio_image_height (image));
  const GonioPoint a = gonio_view_frame_to_picture (&self->frame, (GonioPoint){0, 0});
  const GonioPoint b = gonio_view_frame_to_picture (
      &self->frame, (GonioPoint){self->frame.width, self->frame.height});
  graphene_rect_t visible =
      GRAPHENE_RECT_INIT (MIN (a.x, b.x), MIN (a.y, b.y), fabs (a.x - b.x), fabs (a.y - b.y));
  if (!graphene_rect_intersection (&visible, &whole, &visible)) {
    g_clear_object (&self->rendered.texture);
    return;
  }
  if (self->rendered.texture && self->rendered.level == level &&
      self->rendered.window_serial == self->window_serial &&
      graphene_rect_contains_rect (&self->rendered.area, &visible))
    return;

  graphene_rect_inset (&visible, -PAD * visible.size.width, -PAD * visible.size.height);
  (void)graphene_rect_intersection (&visible, &whole, &visible);
  guint level_width, level_height;
  gonio_pyramid_level_size (pyramid, level, &level_width, &level_height);
  const double scale = 1 << level;
  const guint x0 = MIN ((guint)(visible.origin.x / scale), level_width - 1);
  const guint y0 = MIN ((guint)(visible.origin.y / scale), level_height - 1);
  const guint x1 =
      CLAMP ((guint)ceil ((visible.origin.x + visible.size.width) / scale), x0 + 1, level_width);
  const guint y1 =
      CLAMP ((guint)ceil ((visible.origin.y + visible.size.height) / scale), y0 + 1, level_height);

  g_clear_object (&self->rendered.texture);
  self->rendered.texture =
      gonio_pyramid_render (pyramid, level, x0, y0, x1 - x0, y1 - y0, self->table);
  self->rendered.level = level;
  self->rendered.window_serial = self->window_serial;
  self->rendered.area =
      GRAPHENE_RECT_INIT (x0 * scale, y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale);
}

static void
append_picture (GonioViewer *self, GtkSnapshot *snapshot, GonioPoint center, double zoom,
                double at_x, double at_y)
{
  if (!self->rendered.texture)
    return;
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (at_x, at_y));
  gtk_snapshot_rotate (snapshot, 90.0f * self->frame.turns);
  gtk_snapshot_scale (snapshot, (self->frame.flipped ? -1 : 1) * zoom, zoom);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (-center.x, -center.y));
  gtk_snapshot_append_texture (snapshot, self->rendered.texture, &self->rendered.area);
  gtk_snapshot_restore (snapshot);
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
append_loupe (GonioViewer *self, GtkSnapshot *snapshot)
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
  gtk_snapshot_append_color (snapshot, &(GdkRGBA){0, 0, 0, 1}, &box);
  append_picture (self, snapshot, shown, self->frame.zoom * LOUPE_ZOOM, cx, cy);
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
  gtk_snapshot_append_color (snapshot, &(GdkRGBA){0.06, 0.06, 0.07, 1}, &all);
  GonioPyramid *pyramid = gonio_viewer_pyramid (self);
  if (pyramid) {
    ensure_rendered (self, pyramid, self->frame.zoom);
    append_picture (self, snapshot, self->frame.center, self->frame.zoom, self->frame.width / 2,
                    self->frame.height / 2);
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
    append_loupe (self, snapshot);
  }
  gtk_snapshot_pop (snapshot);
}
