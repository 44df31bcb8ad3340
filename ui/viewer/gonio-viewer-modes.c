/* The viewer's modes: placing a landmark; see gonio-viewer.h. */
#include "ui/viewer/gonio-viewer-private.h"

#include <math.h>

GonioViewerMode
gonio_viewer_get_mode (GonioViewer *self)
{
  return self->mode;
}

const char *
gonio_viewer_get_placing (GonioViewer *self)
{
  return self->placing;
}

static void
set_mode (GonioViewer *self, GonioViewerMode mode)
{
  self->mode = mode;
  if (mode != GONIO_VIEWER_PLACE)
    g_clear_pointer (&self->placing, g_free);
  /* While one point is placed the others stay out of the way. */
  for (guint i = 0; i < self->handles->len; i++)
    gtk_widget_set_can_target (g_ptr_array_index (self->handles, i), mode == GONIO_VIEWER_LOOK);
  gtk_widget_set_cursor_from_name (GTK_WIDGET (self),
                                   mode == GONIO_VIEWER_PLACE ? "crosshair" : NULL);
  gonio_viewer_view_changed (self);
  g_signal_emit_by_name (self, "mode-changed");
}

void
gonio_viewer_end_mode (GonioViewer *self)
{
  if (self->mode != GONIO_VIEWER_LOOK)
    set_mode (self, GONIO_VIEWER_LOOK);
}

/* ---- placing ---- */

static GonioPoint
inside (GonioViewer *self, GonioPoint p)
{
  return (GonioPoint){CLAMP (p.x, 0, MAX (self->frame.width - 1, 0)),
                      CLAMP (p.y, 0, MAX (self->frame.height - 1, 0))};
}

void
gonio_viewer_move_cross (GonioViewer *self, GonioPoint to)
{
  if (self->mode != GONIO_VIEWER_PLACE)
    return;
  self->cross = inside (self, to);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
gonio_viewer_begin_place (GonioViewer *self, const char *landmark)
{
  GonioResult *result = self->item ? gonio_item_get_result (self->item) : NULL;
  if (!result || !gonio_result_landmark (result, landmark))
    return;
  const gboolean going_on = self->mode == GONIO_VIEWER_PLACE;
  g_autofree char *id = g_strdup (landmark);
  g_free (self->placing);
  self->placing = g_steal_pointer (&id);
  if (!going_on)
    self->cross = (GonioPoint){self->frame.width / 2, self->frame.height / 2};
  set_mode (self, GONIO_VIEWER_PLACE);
  gtk_widget_grab_focus (GTK_WIDGET (self));
}

/* The next landmark of the same side, in the protocol's order, that has no place. */
static char *
next_to_place (GonioViewer *self, const char *after)
{
  const GonioPipelineOutput *output = gonio_item_get_output (self->item);
  const int n = (int)gonio_protocol_n_landmarks (output->protocol);
  const int at = gonio_protocol_find_landmark (output->protocol, after);
  if (at < 0)
    return NULL;
  const GonioSide side = gonio_protocol_landmark (output->protocol, (guint)at, NULL).side;
  for (int k = 1; k < n; k++) {
    const GonioLandmarkText text =
        gonio_protocol_landmark (output->protocol, (guint)((at + k) % n), NULL);
    const GonioLandmark *landmark = gonio_result_landmark (output->result, text.id);
    if (text.side == side && landmark && !landmark->skipped &&
        gonio_landmark_level (landmark) == GONIO_CONFIDENCE_NONE)
      return g_strdup (text.id);
  }
  return NULL;
}

void
gonio_viewer_place (GonioViewer *self)
{
  GonioPoint at;
  if (self->mode != GONIO_VIEWER_PLACE || !gonio_viewer_widget_to_original (self, self->cross, &at))
    return;
  g_autofree char *id = g_strdup (self->placing);
  gonio_item_move_landmark (self->item, id, at);
  g_autofree char *next = next_to_place (self, id);
  if (next)
    gonio_viewer_begin_place (self, next);
  else
    gonio_viewer_end_mode (self);
}

/* ---- drawing ---- */

gboolean
gonio_viewer_loupe_at (GonioViewer *self, GonioPoint *out)
{
  if (self->mode == GONIO_VIEWER_PLACE) {
    *out = self->cross;
    return TRUE;
  }
  GonioResult *result = self->dragged ? gonio_item_get_result (self->item) : NULL;
  const GonioLandmark *landmark = result ? gonio_result_landmark (result, self->dragged) : NULL;
  return landmark && gonio_viewer_original_to_widget (landmark->position, out, self);
}

/* Light on dark, so that it shows on any grey. */
static void
double_stroke (cairo_t *cr)
{
  cairo_set_source_rgba (cr, 0, 0, 0, 0.8);
  cairo_set_line_width (cr, 3);
  cairo_stroke_preserve (cr);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_set_line_width (cr, 1);
  cairo_stroke (cr);
}

static void
draw_cross (GonioViewer *self, cairo_t *cr)
{
  static const double gap = 5, arm = 22;
  const double x = floor (self->cross.x) + 0.5, y = floor (self->cross.y) + 0.5;
  for (int side = -1; side <= 1; side += 2) {
    cairo_move_to (cr, x + side * gap, y);
    cairo_line_to (cr, x + side * arm, y);
    cairo_move_to (cr, x, y + side * gap);
    cairo_line_to (cr, x, y + side * arm);
  }
  double_stroke (cr);
}

void
gonio_viewer_draw_mode (GonioViewer *self, cairo_t *cr)
{
  if (self->mode == GONIO_VIEWER_PLACE)
    draw_cross (self, cr);
}
