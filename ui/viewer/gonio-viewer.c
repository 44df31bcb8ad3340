/* The picture with its overlay; see gonio-viewer.h. */
#include "ui/viewer/gonio-viewer.h"

#include "core/pipeline/overlay.h"
#include "ui/viewer/gonio-landmark-handle.h"
#include "ui/viewer/gonio-view-frame.h"

#include <glib/gi18n.h>
#include <math.h>

#define LOUPE_RADIUS 70.0
#define LOUPE_ZOOM   3.0
#define PAD          0.35 /* part of the view rendered around what is visible */

/* The part of the picture last rendered, reused while it covers the view. */
typedef struct {
  GdkTexture *texture;
  GonioPyramid *pyramid; /* not owned: identity only */
  guint level;
  graphene_rect_t area; /* picture px */
  guint window_serial;
} Rendered;

struct _GonioViewer {
  GtkWidget parent_instance;
  GonioItem *item;
  GonioViewFrame frame;
  gboolean fitted; /* keeps fitting while the widget changes size */
  gboolean show_original;
  gboolean overlay_hidden;
  GonioOverlayDetail detail;
  char *selected;

  GonioWindow window;
  guint window_serial;
  uint8_t *table; /* 65536 entries: pixel to display level */
  Rendered rendered;

  GPtrArray *handles; /* GonioLandmarkHandle*, children */
  char *dragged;      /* landmark id while dragging */

  GonioPoint pointer;               /* last seen, widget px */
  double pan_x, pan_y;              /* pan gesture: offset already applied */
  double start_center, start_width; /* window gesture */
  double pinch_zoom;
};

G_DEFINE_FINAL_TYPE (GonioViewer, gonio_viewer, GTK_TYPE_WIDGET)

enum { VIEW_CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* ---- frames ---- */

static gboolean
shows_rectified (GonioViewer *self)
{
  return !self->show_original;
}

static GonioPyramid *
current_pyramid (GonioViewer *self)
{
  return self->item ? gonio_item_get_pyramid (self->item, shows_rectified (self)) : NULL;
}

static gboolean
original_to_widget (GonioPoint original, GonioPoint *out, gpointer user_data)
{
  GonioViewer *self = user_data;
  const GonioPipelineOutput *output = gonio_item_get_output (self->item);
  GonioPoint shown = original;
  if (shows_rectified (self) && !gonio_transform_forward (output->to_flat, original, &shown))
    return FALSE;
  *out = gonio_view_frame_to_widget (&self->frame, shown);
  return TRUE;
}

static gboolean
widget_to_original (GonioViewer *self, GonioPoint widget, GonioPoint *out)
{
  const GonioPipelineOutput *output = gonio_item_get_output (self->item);
  const GonioPoint shown = gonio_view_frame_to_picture (&self->frame, widget);
  if (shows_rectified (self))
    return gonio_transform_inverse (output->to_flat, shown, out);
  *out = shown;
  return TRUE;
}

static void
view_changed (GonioViewer *self)
{
  gtk_widget_queue_allocate (GTK_WIDGET (self));
  gtk_widget_queue_draw (GTK_WIDGET (self));
  g_signal_emit (self, signals[VIEW_CHANGED], 0);
}

/* ---- window/level ---- */

static void
window_changed (GonioViewer *self)
{
  gonio_window_to_table (&self->window, self->table);
  self->window_serial++;
  view_changed (self);
}

static GonioImage *
current_image (GonioViewer *self)
{
  GonioPyramid *pyramid = current_pyramid (self);
  return pyramid ? gonio_pyramid_get_image (pyramid) : NULL;
}

void
gonio_viewer_auto_window (GonioViewer *self)
{
  GonioImage *image = current_image (self);
  if (!image)
    return;
  const gboolean invert = self->window.invert;
  self->window = gonio_image_auto_window (image);
  self->window.invert = invert;
  window_changed (self);
}

void
gonio_viewer_reset_window (GonioViewer *self)
{
  GonioImage *image = current_image (self);
  if (!image)
    return;
  self->window = *gonio_image_window (image);
  window_changed (self);
}

void
gonio_viewer_invert (GonioViewer *self)
{
  self->window.invert = !self->window.invert;
  window_changed (self);
}

/* ---- the item ---- */

static const GonioLandmark *
landmark_of (GonioViewer *self, GonioLandmarkHandle *handle)
{
  GonioResult *result = self->item ? gonio_item_get_result (self->item) : NULL;
  return result ? gonio_result_landmark (result, gonio_landmark_handle_get_id (handle)) : NULL;
}

static void
update_handles (GonioViewer *self)
{
  for (guint i = 0; i < self->handles->len; i++) {
    GonioLandmarkHandle *handle = g_ptr_array_index (self->handles, i);
    const GonioLandmark *landmark = landmark_of (self, handle);
    if (landmark)
      gonio_landmark_handle_update (handle, landmark);
  }
  gtk_widget_queue_allocate (GTK_WIDGET (self));
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
on_handle_drag_begin (GonioLandmarkHandle *handle, GonioViewer *self)
{
  gonio_item_begin_edit (self->item);
  g_free (self->dragged);
  self->dragged = g_strdup (gonio_landmark_handle_get_id (handle));
}

static void
move_handle (GonioViewer *self, GonioLandmarkHandle *handle, double dx, double dy)
{
  const GonioLandmark *landmark = landmark_of (self, handle);
  GonioPoint at, target;
  if (!landmark || !original_to_widget (landmark->position, &at, self))
    return;
  at.x += dx;
  at.y += dy;
  if (widget_to_original (self, at, &target))
    gonio_item_move_landmark (self->item, gonio_landmark_handle_get_id (handle), target);
}

static void
on_handle_drag_end (GonioLandmarkHandle *handle, GonioViewer *self)
{
  gonio_item_end_edit (self->item);
  g_clear_pointer (&self->dragged, g_free);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
on_handle_drag_update (GonioLandmarkHandle *handle, double dx, double dy, GonioViewer *self)
{
  move_handle (self, handle, dx, dy);
}

static void
on_handle_nudge (GonioLandmarkHandle *handle, double dx, double dy, GonioViewer *self)
{
  move_handle (self, handle, dx * self->frame.zoom, dy * self->frame.zoom);
}

static void
on_handle_restore (GonioLandmarkHandle *handle, GonioViewer *self)
{
  gonio_item_restore_landmark (self->item, gonio_landmark_handle_get_id (handle));
}

static void
on_handle_skip (GonioLandmarkHandle *handle, GonioViewer *self)
{
  const GonioLandmark *landmark = landmark_of (self, handle);
  if (landmark)
    gonio_item_skip_landmark (self->item, gonio_landmark_handle_get_id (handle),
                              !landmark->skipped);
}

static void
rebuild_handles (GonioViewer *self)
{
  for (guint i = 0; i < self->handles->len; i++)
    gtk_widget_unparent (g_ptr_array_index (self->handles, i));
  g_ptr_array_set_size (self->handles, 0);
  const GonioPipelineOutput *output = self->item ? gonio_item_get_output (self->item) : NULL;
  if (!output || !output->protocol)
    return;
  const char *language = gonio_text_language ();
  for (guint i = 0; i < gonio_protocol_n_landmarks (output->protocol); i++) {
    const GonioLandmarkText text = gonio_protocol_landmark (output->protocol, i, language);
    if (!gonio_result_landmark (output->result, text.id))
      continue;
    GtkWidget *handle = gonio_landmark_handle_new (text.id, text.name);
    gtk_widget_set_parent (handle, GTK_WIDGET (self));
    g_signal_connect (handle, "drag-begin", G_CALLBACK (on_handle_drag_begin), self);
    g_signal_connect (handle, "drag-update", G_CALLBACK (on_handle_drag_update), self);
    g_signal_connect (handle, "drag-end", G_CALLBACK (on_handle_drag_end), self);
    g_signal_connect (handle, "nudge", G_CALLBACK (on_handle_nudge), self);
    g_signal_connect (handle, "restore", G_CALLBACK (on_handle_restore), self);
    g_signal_connect (handle, "skip", G_CALLBACK (on_handle_skip), self);
    g_ptr_array_add (self->handles, handle);
  }
  update_handles (self);
}

/* A new picture or a new measurement of the same picture. */
static void
on_item_changed (GonioItem *item, GonioViewer *self)
{
  GonioPyramid *pyramid = current_pyramid (self);
  if (pyramid != self->rendered.pyramid) {
    gonio_viewer_reset_window (self);
    gonio_viewer_fit (self);
    rebuild_handles (self);
  } else if (!gonio_item_get_output (item)) {
    rebuild_handles (self);
  }
  update_handles (self);
}

void
gonio_viewer_set_item (GonioViewer *self, GonioItem *item)
{
  if (self->item == item)
    return;
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_set_object (&self->item, item);
  g_clear_pointer (&self->dragged, g_free);
  g_clear_object (&self->rendered.texture);
  self->rendered.pyramid = NULL;
  self->show_original = FALSE;
  self->frame.turns = 0;
  self->frame.flipped = FALSE;
  if (item)
    g_signal_connect (item, "changed", G_CALLBACK (on_item_changed), self);
  gonio_viewer_reset_window (self);
  rebuild_handles (self);
  gonio_viewer_fit (self);
}

void
gonio_viewer_set_selected_measure (GonioViewer *self, const char *id)
{
  g_free (self->selected);
  self->selected = g_strdup (id);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* ---- view commands ---- */

void
gonio_viewer_fit (GonioViewer *self)
{
  GonioImage *image = current_image (self);
  self->fitted = TRUE;
  if (image)
    gonio_view_frame_fit (&self->frame, gonio_image_width (image), gonio_image_height (image));
  view_changed (self);
}

static void
zoom_to (GonioViewer *self, double zoom, GonioPoint at)
{
  self->fitted = FALSE;
  gonio_view_frame_zoom_at (&self->frame, zoom, at);
  view_changed (self);
}

static GonioPoint
widget_middle (GonioViewer *self)
{
  return (GonioPoint){self->frame.width / 2, self->frame.height / 2};
}

void
gonio_viewer_zoom_by (GonioViewer *self, double factor)
{
  zoom_to (self, self->frame.zoom * factor, widget_middle (self));
}

void
gonio_viewer_actual_size (GonioViewer *self)
{
  zoom_to (self, 1.0, widget_middle (self));
}

void
gonio_viewer_pan (GonioViewer *self, double dx, double dy)
{
  const GonioPoint v = gonio_view_frame_vector_to_picture (&self->frame, dx, dy);
  self->fitted = FALSE;
  self->frame.center.x -= v.x;
  self->frame.center.y -= v.y;
  view_changed (self);
}

void
gonio_viewer_rotate (GonioViewer *self, int quarter_turns)
{
  self->frame.turns = (self->frame.turns + quarter_turns + 4) & 3;
  if (self->fitted)
    gonio_viewer_fit (self);
  view_changed (self);
}

void
gonio_viewer_flip (GonioViewer *self)
{
  self->frame.flipped = !self->frame.flipped;
  view_changed (self);
}

void
gonio_viewer_set_show_original (GonioViewer *self, gboolean original)
{
  if (self->show_original == original || !self->item)
    return;
  self->show_original = original;
  gonio_viewer_fit (self);
}

gboolean
gonio_viewer_get_show_original (GonioViewer *self)
{
  return self->show_original;
}

void
gonio_viewer_set_overlay_hidden (GonioViewer *self, gboolean hidden)
{
  self->overlay_hidden = hidden;
  for (guint i = 0; i < self->handles->len; i++)
    gtk_widget_set_opacity (g_ptr_array_index (self->handles, i), hidden ? 0.0 : 1.0);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
gonio_viewer_cycle_overlay (GonioViewer *self)
{
  self->detail = (self->detail + 2) % 3; /* full, values, nothing */
  gonio_viewer_set_overlay_hidden (self, self->detail == GONIO_OVERLAY_NOTHING);
}

char *
gonio_viewer_dup_status (GonioViewer *self)
{
  GonioImage *image = current_image (self);
  if (!image)
    return g_strdup ("");
  g_autoptr (GString) text = g_string_new (NULL);
  g_string_append_printf (text, _ ("zoom %.0f %%"), self->frame.zoom * 100);
  if (self->window.kind != GONIO_VOI_LUT)
    g_string_append_printf (text, "   W %.0f L %.0f", self->window.width, self->window.center);
  const GonioRectification *flat = &gonio_item_get_result (self->item)->rectification;
  if (flat->kind && !g_str_equal (flat->kind, "none")) {
    g_string_append (text, "   ");
    if (self->show_original)
      g_string_append (text, _ ("original photo"));
    else if (flat->tilt_deg > 0)
      g_string_append_printf (text, _ ("rectified (tilt %.0f°)"), flat->tilt_deg);
    else
      g_string_append (text, _ ("rectified"));
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* ---- drawing ---- */

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
  if (self->rendered.texture && self->rendered.pyramid == pyramid &&
      self->rendered.level == level && self->rendered.window_serial == self->window_serial &&
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
  self->rendered.pyramid = pyramid;
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
      .map = original_to_widget,
      .map_data = self,
      .unit = 1.0,
      .width = self->frame.width,
      .height = self->frame.height,
      .selected = self->selected,
      .detail = self->detail,
  };
  gonio_overlay_draw (cr, &overlay);
}

/* The neighbourhood of the dragged landmark, magnified, in the corner away from it. */
static void
append_loupe (GonioViewer *self, GtkSnapshot *snapshot)
{
  GonioResult *result = gonio_item_get_result (self->item);
  const GonioLandmark *landmark = gonio_result_landmark (result, self->dragged);
  GonioPoint at;
  if (!landmark || !original_to_widget (landmark->position, &at, self))
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

static void
gonio_viewer_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  GonioViewer *self = GONIO_VIEWER (widget);
  const graphene_rect_t all =
      GRAPHENE_RECT_INIT (0, 0, (float)self->frame.width, (float)self->frame.height);
  gtk_snapshot_push_clip (snapshot, &all);
  gtk_snapshot_append_color (snapshot, &(GdkRGBA){0.06, 0.06, 0.07, 1}, &all);
  GonioPyramid *pyramid = current_pyramid (self);
  if (pyramid) {
    ensure_rendered (self, pyramid, self->frame.zoom);
    append_picture (self, snapshot, self->frame.center, self->frame.zoom, self->frame.width / 2,
                    self->frame.height / 2);
    if (!self->overlay_hidden && gonio_item_get_output (self->item)) {
      cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &all);
      draw_overlay (self, cr);
      cairo_destroy (cr);
      for (guint i = 0; i < self->handles->len; i++)
        gtk_widget_snapshot_child (widget, g_ptr_array_index (self->handles, i), snapshot);
    }
    if (self->dragged)
      append_loupe (self, snapshot);
  }
  gtk_snapshot_pop (snapshot);
}

/* ---- geometry of the widget ---- */

static void
gonio_viewer_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  GonioViewer *self = GONIO_VIEWER (widget);
  const gboolean resized = self->frame.width != width || self->frame.height != height;
  self->frame.width = width;
  self->frame.height = height;
  GonioImage *image = current_image (self);
  if (resized && self->fitted && image) {
    gonio_view_frame_fit (&self->frame, gonio_image_width (image), gonio_image_height (image));
    g_signal_emit (self, signals[VIEW_CHANGED], 0);
  }

  for (guint i = 0; i < self->handles->len; i++) {
    GtkWidget *handle = g_ptr_array_index (self->handles, i);
    const GonioLandmark *landmark = landmark_of (self, GONIO_LANDMARK_HANDLE (handle));
    GonioPoint at;
    const gboolean visible = landmark && !landmark->skipped && landmark->confidence > 0 &&
                             original_to_widget (landmark->position, &at, self);
    gtk_widget_set_child_visible (handle, visible);
    if (!visible)
      continue;
    const float half = GONIO_LANDMARK_HANDLE_SIZE / 2.0f;
    GskTransform *place = gsk_transform_translate (
        NULL, &GRAPHENE_POINT_INIT ((float)at.x - half, (float)at.y - half));
    gtk_widget_allocate (handle, GONIO_LANDMARK_HANDLE_SIZE, GONIO_LANDMARK_HANDLE_SIZE, -1, place);
  }
}

static void
gonio_viewer_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                      int *natural, int *minimum_baseline, int *natural_baseline)
{
  *minimum = 120;
  *natural = 640;
  GonioViewer *self = GONIO_VIEWER (widget);
  for (guint i = 0; i < self->handles->len; i++) { /* GTK wants children measured */
    int ignored;
    gtk_widget_measure (g_ptr_array_index (self->handles, i), orientation, -1, &ignored, NULL, NULL,
                        NULL);
  }
}

/* ---- input ---- */

static gboolean
on_scroll (GtkEventControllerScroll *controller, double dx, double dy, GonioViewer *self)
{
  const GdkModifierType state =
      gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (controller));
  if (state & GDK_SHIFT_MASK)
    gonio_viewer_pan (self, -40 * dy, 0);
  else
    zoom_to (self, self->frame.zoom * exp (-0.15 * dy), self->pointer);
  return GDK_EVENT_STOP;
}

static void
on_motion (GtkEventControllerMotion *controller, double x, double y, GonioViewer *self)
{
  self->pointer = (GonioPoint){x, y};
}

static void
on_pan_begin (GtkGestureDrag *gesture, double x, double y, GonioViewer *self)
{
  self->pan_x = self->pan_y = 0;
  gtk_widget_grab_focus (GTK_WIDGET (self));
}

static void
on_pan_update (GtkGestureDrag *gesture, double x, double y, GonioViewer *self)
{
  gonio_viewer_pan (self, x - self->pan_x, y - self->pan_y);
  self->pan_x = x;
  self->pan_y = y;
}

static void
on_window_begin (GtkGestureDrag *gesture, double x, double y, GonioViewer *self)
{
  self->start_center = self->window.center;
  self->start_width = self->window.width;
  if (self->window.kind == GONIO_VOI_LUT) { /* a table has no width to drag: start from auto */
    gonio_viewer_auto_window (self);
    self->start_center = self->window.center;
    self->start_width = self->window.width;
  }
}

static void
on_window_update (GtkGestureDrag *gesture, double x, double y, GonioViewer *self)
{
  self->window.width = MAX (self->start_width * exp (x / 200.0), fabs (self->window.scale));
  self->window.center = self->start_center + y / 300.0 * self->start_width;
  window_changed (self);
}

static void
on_double_click (GtkGestureClick *gesture, int presses, double x, double y, GonioViewer *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (presses != 2)
    return;
  if (self->fitted)
    zoom_to (self, MAX (1.0, 2 * self->frame.zoom), (GonioPoint){x, y});
  else
    gonio_viewer_fit (self);
}

static void
on_pinch_begin (GtkGesture *gesture, GdkEventSequence *sequence, GonioViewer *self)
{
  self->pinch_zoom = self->frame.zoom;
}

static void
on_pinch (GtkGestureZoom *gesture, double scale, GonioViewer *self)
{
  double x = self->frame.width / 2, y = self->frame.height / 2;
  gtk_gesture_get_bounding_box_center (GTK_GESTURE (gesture), &x, &y);
  zoom_to (self, self->pinch_zoom * scale, (GonioPoint){x, y});
}

static gboolean
on_key (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
        GonioViewer *self)
{
  static const struct {
    guint key;
    double dx, dy;
  } arrows[] = {
      {GDK_KEY_Left, 60, 0},
      {GDK_KEY_Right, -60, 0},
      {GDK_KEY_Up, 0, 60},
      {GDK_KEY_Down, 0, -60},
  };
  for (guint i = 0; i < G_N_ELEMENTS (arrows); i++) {
    if (arrows[i].key == key && !(state & GDK_CONTROL_MASK)) {
      gonio_viewer_pan (self, arrows[i].dx, arrows[i].dy);
      return GDK_EVENT_STOP;
    }
  }
  return GDK_EVENT_PROPAGATE;
}

static void
add_drag (GonioViewer *self, guint button, GCallback begin, GCallback update)
{
  GtkGesture *drag = gtk_gesture_drag_new ();
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (drag), button);
  g_signal_connect (drag, "drag-begin", begin, self);
  g_signal_connect (drag, "drag-update", update, self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drag));
}

/* ---- life ---- */

static void
gonio_viewer_dispose (GObject *object)
{
  GonioViewer *self = GONIO_VIEWER (object);
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_clear_object (&self->item);
  for (guint i = 0; i < self->handles->len; i++)
    gtk_widget_unparent (g_ptr_array_index (self->handles, i));
  g_ptr_array_set_size (self->handles, 0);
  g_clear_object (&self->rendered.texture);
  G_OBJECT_CLASS (gonio_viewer_parent_class)->dispose (object);
}

static void
gonio_viewer_finalize (GObject *object)
{
  GonioViewer *self = GONIO_VIEWER (object);
  g_clear_pointer (&self->handles, g_ptr_array_unref);
  g_clear_pointer (&self->table, g_free);
  g_clear_pointer (&self->selected, g_free);
  g_clear_pointer (&self->dragged, g_free);
  G_OBJECT_CLASS (gonio_viewer_parent_class)->finalize (object);
}

static void
gonio_viewer_class_init (GonioViewerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  object_class->dispose = gonio_viewer_dispose;
  object_class->finalize = gonio_viewer_finalize;
  widget_class->snapshot = gonio_viewer_snapshot;
  widget_class->measure = gonio_viewer_measure;
  widget_class->size_allocate = gonio_viewer_size_allocate;
  gtk_widget_class_set_css_name (widget_class, "viewer");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
  signals[VIEW_CHANGED] = g_signal_new ("view-changed", GONIO_TYPE_VIEWER, G_SIGNAL_RUN_LAST, 0,
                                        NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
gonio_viewer_init (GonioViewer *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  self->handles = g_ptr_array_new ();
  self->table = g_malloc0 (65536);
  self->detail = GONIO_OVERLAY_VALUES;
  self->fitted = TRUE;
  self->frame.zoom = 1.0;
  gtk_widget_set_focusable (widget, TRUE);
  gtk_widget_set_hexpand (widget, TRUE);
  gtk_widget_set_vexpand (widget, TRUE);
  gtk_widget_set_overflow (widget, GTK_OVERFLOW_HIDDEN);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Radiograph"), -1);

  GtkEventController *scroll =
      gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_VERTICAL);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), self);
  gtk_widget_add_controller (widget, scroll);
  GtkEventController *motion = gtk_event_controller_motion_new ();
  g_signal_connect (motion, "motion", G_CALLBACK (on_motion), self);
  gtk_widget_add_controller (widget, motion);

  add_drag (self, GDK_BUTTON_PRIMARY, G_CALLBACK (on_pan_begin), G_CALLBACK (on_pan_update));
  add_drag (self, GDK_BUTTON_MIDDLE, G_CALLBACK (on_pan_begin), G_CALLBACK (on_pan_update));
  add_drag (self, GDK_BUTTON_SECONDARY, G_CALLBACK (on_window_begin),
            G_CALLBACK (on_window_update));

  GtkEventController *keys = gtk_event_controller_key_new ();
  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_key), self);
  gtk_widget_add_controller (widget, keys);

  GtkGesture *click = gtk_gesture_click_new ();
  g_signal_connect (click, "pressed", G_CALLBACK (on_double_click), self);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (click));
  GtkGesture *pinch = gtk_gesture_zoom_new ();
  g_signal_connect (pinch, "begin", G_CALLBACK (on_pinch_begin), self);
  g_signal_connect (pinch, "scale-changed", G_CALLBACK (on_pinch), self);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (pinch));
}

GtkWidget *
gonio_viewer_new (void)
{
  return g_object_new (GONIO_TYPE_VIEWER, NULL);
}
