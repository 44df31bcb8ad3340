/* The viewer's modes: placing a landmark, straightening by hand; see gonio-viewer.h. */
#include "core/pipeline/rectify.h"
#include "ui/viewer/gonio-viewer-private.h"

#include <glib/gi18n.h>
#include <math.h>

#define BEYOND 0.25 /* how far outside the picture a film's corner may lie, of its size */

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
  if (mode != GONIO_VIEWER_STRAIGHTEN)
    gonio_viewer_remove_corners (self);
  /* While one point is placed the others stay out of the way. */
  for (guint i = 0; i < self->handles->len; i++)
    gtk_widget_set_can_target (g_ptr_array_index (self->handles, i), mode == GONIO_VIEWER_LOOK);
  gtk_widget_set_cursor_from_name (GTK_WIDGET (self),
                                   mode == GONIO_VIEWER_PLACE ? "crosshair" : NULL);
  gonio_viewer_follow_item (self); /* straightening shows the original */
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

/* ---- straightening ---- */

void
gonio_viewer_remove_corners (GonioViewer *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->corner_handles); i++)
    g_clear_pointer (&self->corner_handles[i], gtk_widget_unparent);
  self->dragged_corner = -1;
}

static int
corner_of (GonioLandmarkHandle *handle)
{
  return gonio_landmark_handle_get_id (handle)[0] - '0';
}

static void
move_corner (GonioViewer *self, int i, double dx, double dy)
{
  GonioPoint at;
  if (!gonio_viewer_original_to_widget (self->corners[i], &at, self) ||
      !gonio_viewer_widget_to_original (self, (GonioPoint){at.x + dx, at.y + dy}, &at))
    return;
  const GonioImage *image = gonio_item_get_output (self->item)->original;
  const double width = gonio_image_width (image), height = gonio_image_height (image);
  self->corners[i] = (GonioPoint){CLAMP (at.x, -BEYOND * width, (1 + BEYOND) * width),
                                  CLAMP (at.y, -BEYOND * height, (1 + BEYOND) * height)};
  gonio_viewer_view_changed (self);
  g_signal_emit_by_name (self, "mode-changed");
}

static void
on_corner_drag_begin (GonioLandmarkHandle *handle, GonioViewer *self)
{
  self->dragged_corner = corner_of (handle);
}

static void
on_corner_drag (GonioLandmarkHandle *handle, double dx, double dy, GonioViewer *self)
{
  move_corner (self, corner_of (handle), dx, dy);
}

static void
on_corner_drag_end (GonioLandmarkHandle *handle, GonioViewer *self)
{
  self->dragged_corner = -1;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
on_corner_nudge (GonioLandmarkHandle *handle, double dx, double dy, GonioViewer *self)
{
  move_corner (self, corner_of (handle), dx * self->frame.zoom, dy * self->frame.zoom);
}

static void
start_corners (GonioViewer *self)
{
  const GonioPipelineOutput *output = gonio_item_get_output (self->item);
  const GonioRectification *found = &output->result->rectification;
  const double width = gonio_image_width (output->original);
  const double height = gonio_image_height (output->original);
  const GonioPoint whole[4] = {{0, 0}, {width, 0}, {width, height}, {0, height}};
  for (guint i = 0; i < G_N_ELEMENTS (whole); i++)
    self->corners[i] = found->has_corners ? found->corners[i] : whole[i];
}

void
gonio_viewer_begin_straighten (GonioViewer *self)
{
  static const char *const names[] = {
      N_ ("top left corner of the film"), N_ ("top right corner of the film"),
      N_ ("bottom right corner of the film"), N_ ("bottom left corner of the film")};
  if (!self->item || !gonio_item_get_output (self->item) || self->mode == GONIO_VIEWER_STRAIGHTEN)
    return;
  start_corners (self);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const char id[2] = {(char)('0' + i), 0};
    GtkWidget *handle = self->corner_handles[i] = gonio_landmark_handle_new (id, _ (names[i]));
    gtk_widget_set_parent (handle, GTK_WIDGET (self));
    g_signal_connect (handle, "drag-begin", G_CALLBACK (on_corner_drag_begin), self);
    g_signal_connect (handle, "drag-update", G_CALLBACK (on_corner_drag), self);
    g_signal_connect (handle, "drag-end", G_CALLBACK (on_corner_drag_end), self);
    g_signal_connect (handle, "nudge", G_CALLBACK (on_corner_nudge), self);
  }
  set_mode (self, GONIO_VIEWER_STRAIGHTEN);
  gonio_viewer_fit (self);
  gtk_widget_grab_focus (self->corner_handles[0]);
}

gboolean
gonio_viewer_get_corners (GonioViewer *self, GonioPoint out_corners[4])
{
  if (self->mode != GONIO_VIEWER_STRAIGHTEN || !gonio_corners_are_convex (self->corners))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (self->corners); i++)
    out_corners[i] = self->corners[i];
  return TRUE;
}

/* ---- drawing ---- */

gboolean
gonio_viewer_loupe_at (GonioViewer *self, GonioPoint *out)
{
  if (self->mode == GONIO_VIEWER_PLACE) {
    *out = self->cross;
    return TRUE;
  }
  for (int i = 0; i < (int)G_N_ELEMENTS (self->corner_handles); i++)
    if (self->corner_handles[i] &&
        (i == self->dragged_corner || gtk_widget_has_focus (self->corner_handles[i])))
      return gonio_viewer_original_to_widget (self->corners[i], out, self);
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

static void
draw_segment (GonioViewer *self, cairo_t *cr, GonioPoint from, GonioPoint to)
{
  GonioPoint a, b;
  if (!gonio_viewer_original_to_widget (from, &a, self) ||
      !gonio_viewer_original_to_widget (to, &b, self))
    return;
  cairo_move_to (cr, a.x, a.y);
  cairo_line_to (cr, b.x, b.y);
}

/* The film's edges, and inside them lines that will be straight and square. */
static void
draw_corners (GonioViewer *self, cairo_t *cr)
{
  enum { CELLS = 6 };
  g_autoptr (GonioTransform) flat = gonio_transform_new_quad (self->corners, CELLS, CELLS, NULL);
  for (int i = 1; flat && i < CELLS; i++) {
    GonioPoint a, b, c, d;
    if (gonio_transform_inverse (flat, (GonioPoint){i, 0}, &a) &&
        gonio_transform_inverse (flat, (GonioPoint){i, CELLS}, &b) &&
        gonio_transform_inverse (flat, (GonioPoint){0, i}, &c) &&
        gonio_transform_inverse (flat, (GonioPoint){CELLS, i}, &d)) {
      draw_segment (self, cr, a, b);
      draw_segment (self, cr, c, d);
    }
  }
  cairo_set_source_rgba (cr, 0.34, 0.71, 0.91, 0.5);
  cairo_set_line_width (cr, 1);
  cairo_stroke (cr);
  if (!flat) {
    const double dashes[] = {6, 6};
    cairo_set_dash (cr, dashes, G_N_ELEMENTS (dashes), 0);
  }
  for (int i = 0; i < 4; i++)
    draw_segment (self, cr, self->corners[i], self->corners[(i + 1) % 4]);
  double_stroke (cr);
  cairo_set_dash (cr, NULL, 0, 0);
}

void
gonio_viewer_draw_mode (GonioViewer *self, cairo_t *cr)
{
  if (self->mode == GONIO_VIEWER_PLACE)
    draw_cross (self, cr);
  if (self->mode == GONIO_VIEWER_STRAIGHTEN)
    draw_corners (self, cr);
}
