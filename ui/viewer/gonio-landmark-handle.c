/* A landmark on the picture; see gonio-landmark-handle.h. */
#include "ui/viewer/gonio-landmark-handle.h"

#include <glib/gi18n.h>

struct _GonioLandmarkHandle {
  GtkWidget parent_instance;
  char *id;
  char *name;
  gboolean low;
  gboolean edited;
  gboolean locked;
  gboolean dragging;
};

G_DEFINE_FINAL_TYPE (GonioLandmarkHandle, gonio_landmark_handle, GTK_TYPE_WIDGET)

enum { DRAG_BEGIN, DRAG_UPDATE, DRAG_END, NUDGE, RESTORE, SKIP, LOCK, MENU, N_SIGNALS };
static guint signals[N_SIGNALS];

/* ---- drawing ---- */

typedef enum { RING, SQUARE } Shape;

static void
stroke_ring (cairo_t *cr, Shape shape, double radius, const double rgb[3], gboolean dashed)
{
  const double pattern[] = {3, 2.5};
  cairo_new_path (cr);
  if (shape == SQUARE)
    cairo_rectangle (cr, -radius, -radius, 2 * radius, 2 * radius);
  else
    cairo_arc (cr, 0, 0, radius, 0, 2 * G_PI);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.8);
  cairo_set_line_width (cr, 4.5);
  cairo_stroke_preserve (cr);
  if (dashed)
    cairo_set_dash (cr, pattern, 2, 0);
  cairo_set_source_rgb (cr, rgb[0], rgb[1], rgb[2]);
  cairo_set_line_width (cr, 2);
  cairo_stroke (cr);
  cairo_set_dash (cr, NULL, 0, 0);
}

static void
gonio_landmark_handle_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  static const double white[3] = {1, 1, 1}, amber[3] = {1, 0.76, 0.03},
                      blue[3] = {0.34, 0.71, 0.91};
  GonioLandmarkHandle *self = GONIO_LANDMARK_HANDLE (widget);
  const float size = GONIO_LANDMARK_HANDLE_SIZE;
  cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0, 0, size, size));
  cairo_translate (cr, size / 2, size / 2);
  stroke_ring (cr, self->locked ? SQUARE : RING, 5.5,
               self->low      ? amber
               : self->edited ? blue
                              : white,
               self->low);
  if (gtk_widget_has_focus (widget))
    stroke_ring (cr, RING, 10.5, white, FALSE);
  if (!self->dragging) { /* the pixel under a dragged point stays free */
    cairo_arc (cr, 0, 0, 1.3, 0, 2 * G_PI);
    cairo_set_source_rgb (cr, 1, 1, 1);
    cairo_fill (cr);
  }
  cairo_destroy (cr);
}

static void
gonio_landmark_handle_measure (GtkWidget *widget, GtkOrientation orientation, int for_size,
                               int *minimum, int *natural, int *minimum_baseline,
                               int *natural_baseline)
{
  *minimum = *natural = GONIO_LANDMARK_HANDLE_SIZE;
}

/* ---- input ---- */

static void
on_drag_begin (GtkGestureDrag *gesture, double x, double y, GonioLandmarkHandle *self)
{
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (self->locked)
    return;
  self->dragging = TRUE;
  g_signal_emit (self, signals[DRAG_BEGIN], 0);
}

static void
on_drag_update (GtkGestureDrag *gesture, double x, double y, GonioLandmarkHandle *self)
{
  if (!self->dragging)
    return;
  /* The widget follows the pointer, so the gesture's offsets are relative to where it is now. */
  g_signal_emit (self, signals[DRAG_UPDATE], 0, x, y);
}

static void
on_drag_end (GtkGestureDrag *gesture, double x, double y, GonioLandmarkHandle *self)
{
  if (!self->dragging)
    return;
  self->dragging = FALSE;
  g_signal_emit (self, signals[DRAG_END], 0);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static gboolean
on_key (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
        GonioLandmarkHandle *self)
{
  static const struct {
    guint key;
    double dx, dy;
  } arrows[] = {
      {GDK_KEY_Left, -1, 0},  {GDK_KEY_Right, 1, 0},    {GDK_KEY_Up, 0, -1},
      {GDK_KEY_Down, 0, 1},   {GDK_KEY_KP_Left, -1, 0}, {GDK_KEY_KP_Right, 1, 0},
      {GDK_KEY_KP_Up, 0, -1}, {GDK_KEY_KP_Down, 0, 1},
  };
  static const struct {
    guint key;
    int signal;
  } commands[] = {
      {GDK_KEY_BackSpace, RESTORE},
      {GDK_KEY_s, SKIP},
      {GDK_KEY_S, SKIP},
      {GDK_KEY_l, LOCK},
      {GDK_KEY_L, LOCK},
      {GDK_KEY_Menu, MENU},
  };
  if (state & (GDK_CONTROL_MASK | GDK_ALT_MASK))
    return GDK_EVENT_PROPAGATE;
  for (guint i = 0; i < G_N_ELEMENTS (arrows); i++) {
    if (arrows[i].key != key)
      continue;
    const double step = state & GDK_SHIFT_MASK ? 0.1 : 1.0;
    g_signal_emit (self, signals[NUDGE], 0, arrows[i].dx * step, arrows[i].dy * step);
    return GDK_EVENT_STOP;
  }
  if (key == GDK_KEY_F10 && (state & GDK_SHIFT_MASK)) {
    g_signal_emit (self, signals[MENU], 0);
    return GDK_EVENT_STOP;
  }
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++) {
    if (commands[i].key != key)
      continue;
    g_signal_emit (self, signals[commands[i].signal], 0);
    return GDK_EVENT_STOP;
  }
  return GDK_EVENT_PROPAGATE;
}

static void
on_secondary (GtkGestureClick *gesture, int presses, double x, double y, GonioLandmarkHandle *self)
{
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  gtk_widget_grab_focus (GTK_WIDGET (self));
  g_signal_emit (self, signals[MENU], 0);
}

/* ---- life ---- */

static void
gonio_landmark_handle_finalize (GObject *object)
{
  GonioLandmarkHandle *self = GONIO_LANDMARK_HANDLE (object);
  g_clear_pointer (&self->id, g_free);
  g_clear_pointer (&self->name, g_free);
  G_OBJECT_CLASS (gonio_landmark_handle_parent_class)->finalize (object);
}

static void
gonio_landmark_handle_class_init (GonioLandmarkHandleClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  G_OBJECT_CLASS (klass)->finalize = gonio_landmark_handle_finalize;
  widget_class->snapshot = gonio_landmark_handle_snapshot;
  widget_class->measure = gonio_landmark_handle_measure;
  gtk_widget_class_set_css_name (widget_class, "landmark");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_BUTTON);

  const GType type = G_TYPE_FROM_CLASS (klass);
  static const char *const plain[] = {[DRAG_BEGIN] = "drag-begin",
                                      [DRAG_END] = "drag-end",
                                      [RESTORE] = "restore",
                                      [SKIP] = "skip",
                                      [LOCK] = "lock",
                                      [MENU] = "menu"};
  for (guint i = 0; i < G_N_ELEMENTS (plain); i++)
    if (plain[i])
      signals[i] =
          g_signal_new (plain[i], type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[DRAG_UPDATE] = g_signal_new ("drag-update", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                       G_TYPE_NONE, 2, G_TYPE_DOUBLE, G_TYPE_DOUBLE);
  signals[NUDGE] = g_signal_new ("nudge", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                 2, G_TYPE_DOUBLE, G_TYPE_DOUBLE);
}

static void
gonio_landmark_handle_init (GonioLandmarkHandle *self)
{
  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_cursor_from_name (GTK_WIDGET (self), "grab");

  GtkGesture *drag = gtk_gesture_drag_new ();
  g_signal_connect (drag, "drag-begin", G_CALLBACK (on_drag_begin), self);
  g_signal_connect (drag, "drag-update", G_CALLBACK (on_drag_update), self);
  g_signal_connect (drag, "drag-end", G_CALLBACK (on_drag_end), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drag));

  GtkGesture *secondary = gtk_gesture_click_new ();
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (secondary), GDK_BUTTON_SECONDARY);
  g_signal_connect (secondary, "pressed", G_CALLBACK (on_secondary), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (secondary));

  GtkEventController *keys = gtk_event_controller_key_new ();
  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_key), self);
  gtk_widget_add_controller (GTK_WIDGET (self), keys);

  GtkEventController *focus = gtk_event_controller_focus_new ();
  g_signal_connect_swapped (focus, "enter", G_CALLBACK (gtk_widget_queue_draw), self);
  g_signal_connect_swapped (focus, "leave", G_CALLBACK (gtk_widget_queue_draw), self);
  gtk_widget_add_controller (GTK_WIDGET (self), focus);
}

GtkWidget *
gonio_landmark_handle_new (const char *id, const char *name)
{
  GonioLandmarkHandle *self = g_object_new (GONIO_TYPE_LANDMARK_HANDLE, NULL);
  self->id = g_strdup (id);
  self->name = g_strdup (name);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), name);
  return GTK_WIDGET (self);
}

const char *
gonio_landmark_handle_get_id (GonioLandmarkHandle *self)
{
  return self->id;
}

void
gonio_landmark_handle_update (GonioLandmarkHandle *self, const GonioLandmark *landmark)
{
  self->low = landmark->confidence < GONIO_CONFIDENT;
  self->edited = landmark->edited;
  self->locked = landmark->locked;
  gtk_widget_set_cursor_from_name (GTK_WIDGET (self), self->locked ? "not-allowed" : "grab");
  g_autofree char *label =
      g_strdup_printf ("%s, %s%s%s", self->name,
                       landmark->edited ? _ ("placed by you")
                       : self->low      ? _ ("confidence low")
                                        : _ ("confidence high"),
                       self->locked ? ", " : "", self->locked ? _ ("locked") : "");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), label);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}
