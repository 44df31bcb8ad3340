/* Pointer, touch and keys on the viewer; see gonio-viewer.h. */
#include "ui/viewer/gonio-viewer-private.h"

#include <math.h>

#define CLICK_SLACK 4.0 /* widget px that a pointer may move during a click */

static gboolean
on_scroll (GtkEventControllerScroll *controller, double dx, double dy, GonioViewer *self)
{
  const GdkModifierType state =
      gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (controller));
  if (state & GDK_SHIFT_MASK)
    gonio_viewer_pan (self, -40 * dy, 0);
  else
    gonio_viewer_zoom_to (self, self->frame.zoom * exp (-0.15 * dy), self->pointer);
  return GDK_EVENT_STOP;
}

static void
on_motion (GtkEventControllerMotion *controller, double x, double y, GonioViewer *self)
{
  self->pointer = (GonioPoint){x, y};
  gonio_viewer_move_cross (self, self->pointer);
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

/* A click, not a drag: places what is being placed. */
static void
on_pan_end (GtkGestureDrag *gesture, double x, double y, GonioViewer *self)
{
  double x0 = 0, y0 = 0;
  if (self->mode != GONIO_VIEWER_PLACE || hypot (x, y) > CLICK_SLACK ||
      !gtk_gesture_drag_get_start_point (gesture, &x0, &y0))
    return;
  gonio_viewer_move_cross (self, (GonioPoint){x0 + x, y0 + y});
  gonio_viewer_place (self);
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
  gonio_viewer_window_changed (self);
}

static void
on_double_click (GtkGestureClick *gesture, int presses, double x, double y, GonioViewer *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (presses != 2 || self->mode == GONIO_VIEWER_PLACE)
    return;
  if (self->fitted)
    gonio_viewer_zoom_to (self, MAX (1.0, 2 * self->frame.zoom), (GonioPoint){x, y});
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
  gonio_viewer_zoom_to (self, self->pinch_zoom * scale, (GonioPoint){x, y});
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
      if (self->mode == GONIO_VIEWER_PLACE) {
        const double step = state & GDK_SHIFT_MASK ? 1.0 / 60 : 8.0 / 60;
        gonio_viewer_move_cross (self, (GonioPoint){self->cross.x - step * arrows[i].dx,
                                                    self->cross.y - step * arrows[i].dy});
        return GDK_EVENT_STOP;
      }
      gonio_viewer_pan (self, arrows[i].dx, arrows[i].dy);
      return GDK_EVENT_STOP;
    }
  }
  return GDK_EVENT_PROPAGATE;
}

static GtkGesture *
add_drag (GonioViewer *self, guint button, GCallback begin, GCallback update)
{
  GtkGesture *drag = gtk_gesture_drag_new ();
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (drag), button);
  g_signal_connect (drag, "drag-begin", begin, self);
  g_signal_connect (drag, "drag-update", update, self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drag));
  return drag;
}

void
gonio_viewer_add_input (GonioViewer *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  GtkEventController *scroll =
      gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_VERTICAL);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), self);
  gtk_widget_add_controller (widget, scroll);
  GtkEventController *motion = gtk_event_controller_motion_new ();
  g_signal_connect (motion, "motion", G_CALLBACK (on_motion), self);
  gtk_widget_add_controller (widget, motion);

  GtkGesture *pan =
      add_drag (self, GDK_BUTTON_PRIMARY, G_CALLBACK (on_pan_begin), G_CALLBACK (on_pan_update));
  g_signal_connect (pan, "drag-end", G_CALLBACK (on_pan_end), self);
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
