/* The picture with its overlay; see gonio-viewer.h. */
#include "ui/viewer/gonio-landmark-menu.h"
#include "ui/viewer/gonio-viewer-private.h"

#include <glib/gi18n.h>

G_DEFINE_FINAL_TYPE (GonioViewer, gonio_viewer, GTK_TYPE_WIDGET)

enum { VIEW_CHANGED, MODE_CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* ---- frames ---- */

static gboolean
shows_rectified (GonioViewer *self)
{
  return !self->show_original && self->mode != GONIO_VIEWER_STRAIGHTEN;
}

GonioPyramid *
gonio_viewer_pyramid (GonioViewer *self)
{
  return self->item ? gonio_item_get_pyramid (self->item, shows_rectified (self)) : NULL;
}

gboolean
gonio_viewer_original_to_widget (GonioPoint original, GonioPoint *out, gpointer user_data)
{
  GonioViewer *self = user_data;
  const GonioPipelineOutput *output = gonio_item_get_output (self->item);
  GonioPoint shown = original;
  if (shows_rectified (self) && !gonio_transform_forward (output->to_flat, original, &shown))
    return FALSE;
  *out = gonio_view_frame_to_widget (&self->frame, shown);
  return TRUE;
}

gboolean
gonio_viewer_widget_to_original (GonioViewer *self, GonioPoint widget, GonioPoint *out)
{
  const GonioPipelineOutput *output = gonio_item_get_output (self->item);
  const GonioPoint shown = gonio_view_frame_to_picture (&self->frame, widget);
  if (shows_rectified (self))
    return gonio_transform_inverse (output->to_flat, shown, out);
  *out = shown;
  return TRUE;
}

void
gonio_viewer_view_changed (GonioViewer *self)
{
  gtk_widget_queue_allocate (GTK_WIDGET (self));
  gtk_widget_queue_draw (GTK_WIDGET (self));
  g_signal_emit (self, signals[VIEW_CHANGED], 0);
}

/* ---- window/level ---- */

void
gonio_viewer_window_changed (GonioViewer *self)
{
  gonio_window_to_table (&self->window, self->table);
  self->window_serial++;
  gonio_viewer_view_changed (self);
}

static GonioImage *
current_image (GonioViewer *self)
{
  GonioPyramid *pyramid = gonio_viewer_pyramid (self);
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
  gonio_viewer_window_changed (self);
}

void
gonio_viewer_reset_window (GonioViewer *self)
{
  GonioImage *image = current_image (self);
  if (!image)
    return;
  self->window = *gonio_image_window (image);
  gonio_viewer_window_changed (self);
}

void
gonio_viewer_invert (GonioViewer *self)
{
  self->window.invert = !self->window.invert;
  gonio_viewer_window_changed (self);
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
  if (!landmark || !gonio_viewer_original_to_widget (landmark->position, &at, self))
    return;
  at.x += dx;
  at.y += dy;
  if (gonio_viewer_widget_to_original (self, at, &target))
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
on_handle_lock (GonioLandmarkHandle *handle, GonioViewer *self)
{
  const GonioLandmark *landmark = landmark_of (self, handle);
  if (landmark)
    gonio_item_lock_landmark (self->item, gonio_landmark_handle_get_id (handle), !landmark->locked);
}

static void
close_menu (GonioViewer *self)
{
  g_clear_pointer (&self->menu, gtk_widget_unparent);
}

static gboolean
close_menu_later (gpointer viewer)
{
  GonioViewer *self = viewer;
  if (self->menu && !gtk_widget_get_visible (self->menu))
    close_menu (self);
  return G_SOURCE_REMOVE;
}

/* Its own button may be what closed it, so it goes a moment later. */
static void
on_menu_closed (GtkPopover *menu, GonioViewer *self)
{
  g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, close_menu_later, g_object_ref (self), g_object_unref);
}

static void
on_handle_menu (GonioLandmarkHandle *handle, GonioViewer *self)
{
  const GonioLandmark *landmark = landmark_of (self, handle);
  GonioPoint at;
  if (!landmark || !gonio_viewer_original_to_widget (landmark->position, &at, self))
    return;
  close_menu (self);
  self->menu = gonio_landmark_menu_new (self->item, landmark->id);
  gtk_widget_set_parent (self->menu, GTK_WIDGET (self));
  const GdkRectangle spot = {(int)at.x - 6, (int)at.y - 6, 12, 12};
  gtk_popover_set_pointing_to (GTK_POPOVER (self->menu), &spot);
  g_signal_connect (self->menu, "closed", G_CALLBACK (on_menu_closed), self);
  gtk_popover_popup (GTK_POPOVER (self->menu));
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
    g_signal_connect (handle, "lock", G_CALLBACK (on_handle_lock), self);
    g_signal_connect (handle, "menu", G_CALLBACK (on_handle_menu), self);
    g_ptr_array_add (self->handles, handle);
  }
  update_handles (self);
}

void
gonio_viewer_follow_item (GonioViewer *self)
{
  const GonioPipelineOutput *output = self->item ? gonio_item_get_output (self->item) : NULL;
  GonioProtocol *protocol = output ? output->protocol : NULL;
  if (self->mode != GONIO_VIEWER_LOOK &&
      (!output || (self->placing && !gonio_result_landmark (output->result, self->placing))))
    gonio_viewer_end_mode (self);
  if (protocol != self->protocol) {
    g_clear_pointer (&self->protocol, gonio_protocol_unref);
    self->protocol = protocol ? gonio_protocol_ref (protocol) : NULL;
    rebuild_handles (self);
  }
  GonioPyramid *pyramid = gonio_viewer_pyramid (self); /* depends on the mode */
  if (pyramid != self->pyramid) {
    g_clear_pointer (&self->pyramid, gonio_pyramid_unref);
    self->pyramid = pyramid ? gonio_pyramid_ref (pyramid) : NULL;
    g_clear_object (&self->rendered.texture);
    gonio_viewer_reset_window (self);
    gonio_viewer_fit (self);
  }
  update_handles (self);
}

void
gonio_viewer_set_item (GonioViewer *self, GonioItem *item)
{
  if (self->item == item)
    return;
  gonio_viewer_end_mode (self);
  close_menu (self);
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_set_object (&self->item, item);
  g_clear_pointer (&self->dragged, g_free);
  self->show_original = FALSE;
  self->frame.turns = 0;
  self->frame.flipped = FALSE;
  if (item)
    g_signal_connect_swapped (item, "changed", G_CALLBACK (gonio_viewer_follow_item), self);
  gonio_viewer_follow_item (self);
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
  gonio_viewer_view_changed (self);
}

void
gonio_viewer_zoom_to (GonioViewer *self, double zoom, GonioPoint at)
{
  self->fitted = FALSE;
  gonio_view_frame_zoom_at (&self->frame, zoom, at);
  gonio_viewer_view_changed (self);
}

static GonioPoint
widget_middle (GonioViewer *self)
{
  return (GonioPoint){self->frame.width / 2, self->frame.height / 2};
}

void
gonio_viewer_zoom_by (GonioViewer *self, double factor)
{
  gonio_viewer_zoom_to (self, self->frame.zoom * factor, widget_middle (self));
}

void
gonio_viewer_actual_size (GonioViewer *self)
{
  gonio_viewer_zoom_to (self, 1.0, widget_middle (self));
}

void
gonio_viewer_pan (GonioViewer *self, double dx, double dy)
{
  const GonioPoint v = gonio_view_frame_vector_to_picture (&self->frame, dx, dy);
  self->fitted = FALSE;
  self->frame.center.x -= v.x;
  self->frame.center.y -= v.y;
  gonio_viewer_view_changed (self);
}

void
gonio_viewer_rotate (GonioViewer *self, int quarter_turns)
{
  self->frame.turns = (self->frame.turns + quarter_turns + 4) & 3;
  if (self->fitted)
    gonio_viewer_fit (self);
  gonio_viewer_view_changed (self);
}

void
gonio_viewer_flip (GonioViewer *self)
{
  self->frame.flipped = !self->frame.flipped;
  gonio_viewer_view_changed (self);
}

void
gonio_viewer_set_show_original (GonioViewer *self, gboolean original)
{
  if (self->show_original == original || !self->item)
    return;
  self->show_original = original;
  gonio_viewer_follow_item (self);
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
    else if (g_strcmp0 (flat->source, "manual") == 0)
      g_string_append_printf (text, _ ("rectified by hand (tilt %.0f°)"), flat->tilt_deg);
    else if (flat->tilt_deg > 0)
      g_string_append_printf (text, _ ("rectified (tilt %.0f°)"), flat->tilt_deg);
    else
      g_string_append (text, _ ("rectified"));
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* ---- geometry of the widget ---- */

void
gonio_viewer_place_handle (GonioViewer *self, GtkWidget *handle, const GonioPoint *original)
{
  GonioPoint at;
  const gboolean visible = original && gonio_viewer_original_to_widget (*original, &at, self);
  gtk_widget_set_child_visible (handle, visible);
  if (!visible)
    return;
  const float half = GONIO_LANDMARK_HANDLE_SIZE / 2.0f;
  GskTransform *place =
      gsk_transform_translate (NULL, &GRAPHENE_POINT_INIT ((float)at.x - half, (float)at.y - half));
  gtk_widget_allocate (handle, GONIO_LANDMARK_HANDLE_SIZE, GONIO_LANDMARK_HANDLE_SIZE, -1, place);
}

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

  for (guint i = 0; i < G_N_ELEMENTS (self->corner_handles); i++)
    if (self->corner_handles[i])
      gonio_viewer_place_handle (self, self->corner_handles[i], &self->corners[i]);
  for (guint i = 0; i < self->handles->len; i++) {
    GtkWidget *handle = g_ptr_array_index (self->handles, i);
    const GonioLandmark *landmark = landmark_of (self, GONIO_LANDMARK_HANDLE (handle));
    const gboolean shown = landmark && self->mode != GONIO_VIEWER_STRAIGHTEN &&
                           gonio_landmark_level (landmark) != GONIO_CONFIDENCE_NONE;
    gonio_viewer_place_handle (self, handle, shown ? &landmark->position : NULL);
  }
  if (self->menu)
    gtk_popover_present (GTK_POPOVER (self->menu));
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
  for (guint i = 0; i < G_N_ELEMENTS (self->corner_handles); i++)
    if (self->corner_handles[i])
      gtk_widget_measure (self->corner_handles[i], orientation, -1, NULL, NULL, NULL, NULL);
}

/* ---- life ---- */

static void
gonio_viewer_dispose (GObject *object)
{
  GonioViewer *self = GONIO_VIEWER (object);
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_clear_object (&self->item);
  close_menu (self);
  gonio_viewer_remove_corners (self);
  for (guint i = 0; i < self->handles->len; i++)
    gtk_widget_unparent (g_ptr_array_index (self->handles, i));
  g_ptr_array_set_size (self->handles, 0);
  g_clear_object (&self->rendered.texture);
  g_clear_pointer (&self->pyramid, gonio_pyramid_unref);
  g_clear_pointer (&self->protocol, gonio_protocol_unref);
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
  g_clear_pointer (&self->placing, g_free);
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
  signals[MODE_CHANGED] = g_signal_new ("mode-changed", GONIO_TYPE_VIEWER, G_SIGNAL_RUN_LAST, 0,
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
  self->dragged_corner = -1;
  gtk_widget_set_focusable (widget, TRUE);
  gtk_widget_set_hexpand (widget, TRUE);
  gtk_widget_set_vexpand (widget, TRUE);
  gtk_widget_set_overflow (widget, GTK_OVERFLOW_HIDDEN);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Radiograph"), -1);

  gonio_viewer_add_input (self);
}

GtkWidget *
gonio_viewer_new (void)
{
  return g_object_new (GONIO_TYPE_VIEWER, NULL);
}
