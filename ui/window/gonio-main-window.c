/* The window; see gonio-main-window.h. */
#include "ui/model/gonio-where.h"
#include "ui/window/gonio-main-window-private.h"

#include <glib/gi18n.h>

G_DEFINE_FINAL_TYPE (GonioMainWindow, gonio_main_window, ADW_TYPE_APPLICATION_WINDOW)

/* ---- what is shown ---- */

GonioItem *
gonio_main_window_current (GonioMainWindow *self)
{
  return gtk_single_selection_get_selected_item (self->selection);
}

void
gonio_main_window_toast (GonioMainWindow *self, const char *text)
{
  AdwToast *toast = adw_toast_new (text);
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
show_message (GonioMainWindow *self, const char *icon, const char *title, const char *text)
{
  GtkWidget *page = gtk_stack_get_child_by_name (self->stack, "message");
  adw_status_page_set_icon_name (ADW_STATUS_PAGE (page), icon);
  adw_status_page_set_title (ADW_STATUS_PAGE (page), title);
  g_autofree char *escaped = g_markup_escape_text (text ? text : "", -1);
  adw_status_page_set_description (ADW_STATUS_PAGE (page), escaped);
  gtk_stack_set_visible_child_name (self->stack, "message");
}

static void
update_page (GonioMainWindow *self, GonioItem *item)
{
  if (!item) {
    gtk_stack_set_visible_child_name (self->stack, "empty");
  } else if (gonio_item_get_output (item)) {
    gtk_stack_set_visible_child_name (self->stack, "viewer");
  } else if (gonio_item_get_state (item) == GONIO_STATE_FAILED) {
    show_message (self, gonio_state_icon (GONIO_STATE_FAILED), gonio_item_get_title (item),
                  gonio_item_get_message (item));
  } else {
    gtk_stack_set_visible_child_name (self->stack, "working");
  }
}

static void
update_title (GonioMainWindow *self, GonioItem *item)
{
  g_autofree char *subtitle = NULL;
  if (item)
    g_object_get (item, "subtitle", &subtitle, NULL);
  adw_window_title_set_title (self->title, item ? gonio_item_get_title (item) : "Gonio");
  adw_window_title_set_subtitle (self->title, subtitle ? subtitle : "");
}

static void
update_status (GonioMainWindow *self)
{
  g_autofree char *status = gonio_viewer_dup_status (GONIO_VIEWER (self->viewer));
  gtk_label_set_text (self->status, status);
}

/* Where the picture was computed, on the right of the status line. */
static void
update_where (GonioMainWindow *self, GonioItem *item)
{
  const GonioResult *result = item ? gonio_item_get_result (item) : NULL;
  g_autofree char *line = result ? gonio_where_line (result) : NULL;
  g_autofree char *details = result ? gonio_where_details (result) : NULL;
  gtk_label_set_text (self->where, line ? line : "");
  gtk_widget_set_visible (GTK_WIDGET (self->where_box), line != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->where_warning),
                          result && gonio_where_is_fallback (result));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->where_box), details);
}

void
gonio_main_window_update (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  update_page (self, item);
  update_title (self, item);
  update_status (self);
  update_where (self, item);
  const GonioPipelineOutput *output = item ? gonio_item_get_output (item) : NULL;
  gtk_widget_set_visible (GTK_WIDGET (self->before_after),
                          output && output->rectified != output->original);
  gonio_main_window_update_actions (self);
}

static void
on_selected (GtkSingleSelection *selection, GParamSpec *pspec, GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  gtk_toggle_button_set_active (self->before_after, FALSE);
  gonio_viewer_set_item (GONIO_VIEWER (self->viewer), item);
  gonio_measures_pane_set_item (GONIO_MEASURES_PANE (self->measures), item);
  gonio_main_window_update (self);
}

static void
on_any_item_changed (GonioItem *item, GonioMainWindow *self)
{
  if (item == gonio_main_window_current (self))
    gonio_main_window_update (self);
}

static void
on_items_changed (GListModel *items, guint position, guint removed, guint added,
                  GonioMainWindow *self)
{
  for (guint i = position; i < position + added; i++) {
    g_autoptr (GonioItem) item = g_list_model_get_item (items, i);
    g_signal_connect_object (item, "changed", G_CALLBACK (on_any_item_changed), self, 0);
  }
}

static void
on_progress (GonioQueue *queue, GonioMainWindow *self)
{
  guint done, total;
  double fraction, seconds;
  gonio_queue_get_progress (queue, &done, &total, &fraction, &seconds);
  const gboolean busy = gonio_queue_is_busy (queue);
  gtk_widget_set_visible (GTK_WIDGET (self->progress_box), busy);
  gonio_main_window_update_actions (self);
  if (!busy)
    return;
  gtk_progress_bar_set_fraction (self->progress, fraction);
  g_autofree char *text = !gonio_engine_is_ready (self->engine) ? g_strdup (_ ("Getting ready…"))
                          : seconds >= 1
                              ? g_strdup_printf (_ ("%u of %u, about %.0f s"), done, total, seconds)
                              : g_strdup_printf (_ ("%u of %u"), done, total);
  gtk_label_set_text (self->progress_text, text);
}

/* ---- list rows ---- */

static void
on_row_setup (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer data)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *picture = gtk_image_new ();
  gtk_image_set_pixel_size (GTK_IMAGE (picture), 48);
  gtk_widget_add_css_class (picture, "thumbnail");
  gtk_box_append (GTK_BOX (box), picture);
  GtkWidget *words = gtk_box_new (GTK_ORIENTATION_VERTICAL, 2);
  gtk_widget_set_hexpand (words, TRUE);
  for (int i = 0; i < 3; i++) {
    GtkWidget *label = gtk_label_new (NULL);
    gtk_label_set_xalign (GTK_LABEL (label), 0);
    gtk_label_set_ellipsize (GTK_LABEL (label), i ? PANGO_ELLIPSIZE_END : PANGO_ELLIPSIZE_MIDDLE);
    if (i > 0)
      gtk_widget_add_css_class (label, "caption");
    gtk_box_append (GTK_BOX (words), label);
  }
  gtk_box_append (GTK_BOX (box), words);
  gtk_box_append (GTK_BOX (box), gtk_image_new ());
  gtk_list_item_set_child (list_item, box);
}

static void
update_row (GonioItem *item, GtkListItem *list_item)
{
  GtkWidget *picture = gtk_widget_get_first_child (gtk_list_item_get_child (list_item));
  GtkWidget *words = gtk_widget_get_next_sibling (picture);
  GtkWidget *title = gtk_widget_get_first_child (words);
  GtkWidget *subtitle = gtk_widget_get_next_sibling (title);
  GtkWidget *state = gtk_widget_get_next_sibling (subtitle);
  GtkWidget *icon = gtk_widget_get_next_sibling (words);
  g_autofree char *subtitle_text = NULL;
  g_autoptr (GdkPaintable) thumbnail = NULL;
  g_object_get (item, "subtitle", &subtitle_text, "thumbnail", &thumbnail, NULL);
  const char *state_text = gonio_state_words (gonio_item_get_state (item));

  if (thumbnail)
    gtk_image_set_from_paintable (GTK_IMAGE (picture), thumbnail);
  else
    gtk_image_set_from_icon_name (GTK_IMAGE (picture), "image-x-generic-symbolic");
  gtk_label_set_text (GTK_LABEL (title), gonio_item_get_title (item));
  gtk_label_set_text (GTK_LABEL (subtitle), subtitle_text ? subtitle_text : "");
  const GonioPipelineOutput *output = gonio_item_get_output (item);
  gtk_widget_set_visible (subtitle, output && output->protocol);
  gtk_label_set_text (GTK_LABEL (state), state_text);
  gtk_image_set_from_icon_name (GTK_IMAGE (icon), gonio_state_icon (gonio_item_get_state (item)));
  g_autofree char *spoken = g_strdup_printf ("%s, %s, %s", gonio_item_get_title (item),
                                             subtitle_text ? subtitle_text : "", state_text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (gtk_list_item_get_child (list_item)),
                                  GTK_ACCESSIBLE_PROPERTY_LABEL, spoken, -1);
}

static void
on_row_item_notify (GonioItem *item, GParamSpec *pspec, GtkListItem *list_item)
{
  update_row (item, list_item);
}

static void
on_row_bind (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer data)
{
  GonioItem *item = gtk_list_item_get_item (list_item);
  g_signal_connect (item, "notify", G_CALLBACK (on_row_item_notify), list_item);
  update_row (item, list_item);
}

static void
on_row_unbind (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer data)
{
  g_signal_handlers_disconnect_by_data (gtk_list_item_get_item (list_item), list_item);
}

static gboolean
matches_search (gpointer object, gpointer user_data)
{
  GonioMainWindow *self = user_data;
  const char *text = gtk_editable_get_text (GTK_EDITABLE (self->search));
  if (!*text)
    return TRUE;
  g_autofree char *subtitle = NULL;
  g_object_get (object, "subtitle", &subtitle, NULL);
  g_autofree char *hay =
      g_strdup_printf ("%s %s", gonio_item_get_title (object), subtitle ? subtitle : "");
  g_autofree char *folded_hay = g_utf8_casefold (hay, -1);
  g_autofree char *folded_needle = g_utf8_casefold (text, -1);
  return strstr (folded_hay, folded_needle) != NULL;
}

static void
on_search_changed (GtkSearchEntry *entry, GonioMainWindow *self)
{
  gtk_filter_changed (self->filter, GTK_FILTER_CHANGE_DIFFERENT);
}

static void
build_list (GonioMainWindow *self)
{
  self->items = g_list_store_new (GONIO_TYPE_ITEM);
  g_signal_connect (self->items, "items-changed", G_CALLBACK (on_items_changed), self);
  self->filter = GTK_FILTER (gtk_custom_filter_new (matches_search, self, NULL));
  GtkFilterListModel *filtered = gtk_filter_list_model_new (
      G_LIST_MODEL (g_object_ref (self->items)), g_object_ref (self->filter));
  self->selection = gtk_single_selection_new (G_LIST_MODEL (filtered));
  g_signal_connect (self->selection, "notify::selected-item", G_CALLBACK (on_selected), self);
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();
  g_signal_connect (factory, "setup", G_CALLBACK (on_row_setup), NULL);
  g_signal_connect (factory, "bind", G_CALLBACK (on_row_bind), NULL);
  g_signal_connect (factory, "unbind", G_CALLBACK (on_row_unbind), NULL);
  gtk_list_view_set_factory (self->list, factory);
  g_object_unref (factory);
  gtk_list_view_set_model (self->list, GTK_SELECTION_MODEL (self->selection));
}

/* ---- small handlers ---- */

static void
on_measure_selected (GonioMeasuresPane *pane, const char *id, GonioMainWindow *self)
{
  gonio_viewer_set_selected_measure (GONIO_VIEWER (self->viewer), id);
}

static void
on_protocol_chosen (GonioMeasuresPane *pane, const char *id, GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  if (!item)
    return;
  gonio_item_set_protocol (item, id);
  gonio_queue_add (self->queue, item, TRUE);
}

static void
on_manual_chosen (GonioMeasuresPane *pane, const char *id, GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  GonioProtocol *protocol =
      self->pipeline ? gonio_pipeline_find_protocol (self->pipeline, id) : NULL;
  if (!item || !protocol)
    return;
  gonio_item_begin_manual (item, protocol);
  gonio_viewer_begin_place (GONIO_VIEWER (self->viewer),
                            gonio_protocol_landmark (protocol, 0, NULL).id);
}

static void
on_place (GonioMeasuresPane *pane, const char *id, GonioMainWindow *self)
{
  gonio_viewer_begin_place (GONIO_VIEWER (self->viewer), id);
}

static void
on_before_after_toggled (GtkToggleButton *button, GonioMainWindow *self)
{
  gonio_viewer_set_show_original (GONIO_VIEWER (self->viewer),
                                  gtk_toggle_button_get_active (button));
}

static void
on_notice_understood (GtkButton *button, GonioMainWindow *self)
{
  gtk_info_bar_set_revealed (self->notice, FALSE);
  if (self->settings)
    g_settings_set_boolean (self->settings, "notice-understood", TRUE);
}

/* ---- modes of the viewer ---- */

static char *
place_hint (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  const GonioPipelineOutput *output = item ? gonio_item_get_output (item) : NULL;
  const char *id = gonio_viewer_get_placing (GONIO_VIEWER (self->viewer));
  const int i =
      output && output->protocol && id ? gonio_protocol_find_landmark (output->protocol, id) : -1;
  if (i < 0)
    return g_strdup ("");
  const GonioLandmarkText text =
      gonio_protocol_landmark (output->protocol, (guint)i, gonio_text_language ());
  return g_strdup_printf (_ ("Click on: %s (%s). Arrows and Enter work too, Escape ends."),
                          text.name, text.where ? text.where : "");
}

static void
on_mode_changed (GonioViewer *viewer, GonioMainWindow *self)
{
  const GonioViewerMode mode = gonio_viewer_get_mode (viewer);
  gtk_widget_set_visible (GTK_WIDGET (self->mode_bar), mode != GONIO_VIEWER_LOOK);
  gtk_widget_set_visible (GTK_WIDGET (self->mode_apply), mode == GONIO_VIEWER_STRAIGHTEN);
  GonioPoint corners[4];
  const gboolean usable = gonio_viewer_get_corners (viewer, corners);
  gtk_widget_set_sensitive (GTK_WIDGET (self->mode_apply), usable);
  g_autofree char *hint =
      mode == GONIO_VIEWER_PLACE        ? place_hint (self)
      : mode != GONIO_VIEWER_STRAIGHTEN ? g_strdup ("")
      : usable ? g_strdup (_ ("Drag the four handles to the corners of the film, or move them with "
                              "Tab and arrows. Enter applies, Escape cancels."))
               : g_strdup (_ ("These corners cross each other. Put each handle on its own corner "
                              "of the film."));
  gtk_label_set_text (self->mode_hint, hint);
}

/* Measures again through the corners; what a person placed stays. */
static void
apply_corners (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  GonioPoint corners[4];
  if (!item || !gonio_viewer_get_corners (GONIO_VIEWER (self->viewer), corners))
    return;
  GonioMeasureOptions *options = gonio_item_options (item);
  options->rectify = GONIO_RECTIFY_CORNERS;
  for (guint i = 0; i < G_N_ELEMENTS (corners); i++)
    options->corners[i] = corners[i];
  gonio_viewer_end_mode (GONIO_VIEWER (self->viewer));
  gonio_item_keep_edits (item);
  gonio_queue_add (self->queue, item, TRUE);
}

static void
on_mode_apply (GtkButton *button, GonioMainWindow *self)
{
  apply_corners (self);
}

static void
on_mode_cancel (GtkButton *button, GonioMainWindow *self)
{
  gonio_viewer_end_mode (GONIO_VIEWER (self->viewer));
}

/* Keys that mean something else while a mode is on. */
static gboolean
mode_key (GonioMainWindow *self, guint key)
{
  GonioViewer *viewer = GONIO_VIEWER (self->viewer);
  if (gonio_viewer_get_mode (viewer) == GONIO_VIEWER_LOOK)
    return FALSE;
  switch (key) {
  case GDK_KEY_Escape:
    gonio_viewer_end_mode (viewer);
    return TRUE;
  case GDK_KEY_Return:
  case GDK_KEY_KP_Enter:
    if (gonio_viewer_get_mode (viewer) == GONIO_VIEWER_STRAIGHTEN)
      apply_corners (self);
    else
      gonio_viewer_place (viewer);
    return TRUE;
  default:
    return FALSE;
  }
}

/* Controls that use Space and Enter themselves. */
static gboolean
focus_takes_keys (GonioMainWindow *self)
{
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (self));
  return focus && (GTK_IS_TEXT (focus) || GTK_IS_BUTTON (focus) || GTK_IS_TOGGLE_BUTTON (focus) ||
                   gtk_widget_get_ancestor (focus, GTK_TYPE_DROP_DOWN) ||
                   gtk_widget_get_ancestor (focus, GTK_TYPE_POPOVER));
}

/* Space hides the overlay while it is held, Enter confirms, wherever else the focus is. Both
 * are caught on the way down, because lists and GtkWindow have uses of their own for them. */
static gboolean
on_key_pressed (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
                GonioMainWindow *self)
{
  if (key == GDK_KEY_Escape && mode_key (self, key))
    return GDK_EVENT_STOP;
  if (focus_takes_keys (self) || (state & (GDK_CONTROL_MASK | GDK_ALT_MASK)))
    return GDK_EVENT_PROPAGATE;
  if (mode_key (self, key))
    return GDK_EVENT_STOP;
  switch (key) {
  case GDK_KEY_space:
    gonio_viewer_set_overlay_hidden (GONIO_VIEWER (self->viewer), TRUE);
    return GDK_EVENT_STOP;
  case GDK_KEY_Return:
  case GDK_KEY_KP_Enter:
    gtk_widget_activate_action (GTK_WIDGET (self), "win.confirm", NULL);
    return GDK_EVENT_STOP;
  default:
    return GDK_EVENT_PROPAGATE;
  }
}

static void
on_key_released (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
                 GonioMainWindow *self)
{
  if (key == GDK_KEY_space)
    gonio_viewer_set_overlay_hidden (GONIO_VIEWER (self->viewer), FALSE);
}

/* ---- life ---- */

static void
gonio_main_window_dispose (GObject *object)
{
  GonioMainWindow *self = GONIO_MAIN_WINDOW (object);
  if (self->queue) {
    g_signal_handlers_disconnect_by_data (self->queue, self);
    gonio_queue_cancel (self->queue);
  }
  if (self->engine)
    g_signal_handlers_disconnect_by_data (self->engine, self);
  if (self->selection)
    g_signal_handlers_disconnect_by_data (self->selection, self);
  g_clear_object (&self->queue);
  g_clear_object (&self->filter);
  g_clear_object (&self->items);
  g_clear_object (&self->sample);
  g_clear_object (&self->settings);
  g_clear_object (&self->engine);
  g_clear_pointer (&self->pipeline, gonio_pipeline_unref);
  g_clear_pointer (&self->engine_error, g_free);
  G_OBJECT_CLASS (gonio_main_window_parent_class)->dispose (object);
}

static void
gonio_main_window_class_init (GonioMainWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = gonio_main_window_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/gonio/Gonio/ui/gonio-main-window.ui");
#define CHILD(name) gtk_widget_class_bind_template_child (widget_class, GonioMainWindow, name)
  CHILD (title);
  CHILD (list_flap);
  CHILD (measures_flap);
  CHILD (stack);
  CHILD (empty);
  CHILD (list);
  CHILD (search);
  CHILD (viewer_box);
  CHILD (mode_bar);
  CHILD (mode_hint);
  CHILD (mode_apply);
  CHILD (status);
  CHILD (where_box);
  CHILD (where_warning);
  CHILD (where);
  CHILD (progress_box);
  CHILD (progress);
  CHILD (progress_text);
  CHILD (notice);
  CHILD (toasts);
  CHILD (before_after);
  CHILD (sample_button);
#undef CHILD
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_before_after_toggled);
  gtk_widget_class_bind_template_callback (widget_class, on_notice_understood);
  gtk_widget_class_bind_template_callback (widget_class, on_mode_apply);
  gtk_widget_class_bind_template_callback (widget_class, on_mode_cancel);
  gonio_main_window_install_actions (widget_class);
}

static void
gonio_main_window_init (GonioMainWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->viewer = gonio_viewer_new ();
  gtk_box_insert_child_after (self->viewer_box, self->viewer, GTK_WIDGET (self->mode_bar));
  g_signal_connect (self->viewer, "mode-changed", G_CALLBACK (on_mode_changed), self);
  g_signal_connect_swapped (self->viewer, "view-changed", G_CALLBACK (update_status), self);
  self->measures = gonio_measures_pane_new ();
  gtk_widget_add_css_class (self->measures, "background");
  adw_flap_set_flap (self->measures_flap, self->measures);
  g_signal_connect (self->measures, "measure-selected", G_CALLBACK (on_measure_selected), self);
  g_signal_connect (self->measures, "protocol-chosen", G_CALLBACK (on_protocol_chosen), self);
  g_signal_connect (self->measures, "manual-chosen", G_CALLBACK (on_manual_chosen), self);
  g_signal_connect (self->measures, "place", G_CALLBACK (on_place), self);
  build_list (self);
  self->queue = gonio_queue_new ();
  g_signal_connect (self->queue, "progress", G_CALLBACK (on_progress), self);
  gonio_main_window_add_drop_target (self);

  GtkEventController *keys = gtk_event_controller_key_new ();
  gtk_event_controller_set_propagation_phase (keys, GTK_PHASE_CAPTURE);
  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_key_pressed), self);
  g_signal_connect (keys, "key-released", G_CALLBACK (on_key_released), self);
  gtk_widget_add_controller (GTK_WIDGET (self), keys);
}

/* ---- what measures ---- */

static void
take_pipeline (GonioMainWindow *self, GonioPipeline *pipeline)
{
  const gboolean first = !self->pipeline;
  GonioPipeline *old = self->pipeline; /* the engine holds it too, and closes it elsewhere */
  self->pipeline = gonio_pipeline_ref (pipeline);
  gonio_measures_pane_set_protocols (GONIO_MEASURES_PANE (self->measures),
                                     gonio_pipeline_protocols (pipeline));
  GPtrArray *problems = gonio_pipeline_problems (pipeline);
  for (guint i = 0; first && problems && i < problems->len; i++)
    gonio_main_window_toast (self, g_ptr_array_index (problems, i));
  g_clear_pointer (&old, gonio_pipeline_unref);
}

static void
take_error (GonioMainWindow *self, const char *error)
{
  if (g_strcmp0 (error, self->engine_error) == 0)
    return;
  g_free (self->engine_error);
  self->engine_error = g_strdup (error);
  if (error && self->pipeline)
    gonio_main_window_toast (self, error);
  const gboolean broken = error && !self->pipeline;
  adw_status_page_set_title (self->empty, broken ? _ ("Gonio cannot measure")
                                                 : _ ("Drop X-ray images or a folder here"));
  g_autofree char *escaped = broken ? g_markup_escape_text (error, -1) : NULL;
  adw_status_page_set_description (self->empty,
                                   broken ? escaped : _ ("Everything stays on this computer."));
}

/* Until what the settings ask for is there, pictures wait; when it cannot be had, what measured
 * before goes on. */
static void
on_engine_changed (GonioEngine *engine, GonioMainWindow *self)
{
  GonioPipeline *pipeline = gonio_engine_get_pipeline (engine);
  const char *error = gonio_engine_get_error (engine);
  if (pipeline && pipeline != self->pipeline)
    take_pipeline (self, pipeline);
  take_error (self, error);
  gtk_widget_set_visible (GTK_WIDGET (self->sample_button), self->sample && (pipeline || !error));
  gonio_queue_set_pipeline (self->queue, gonio_engine_is_ready (engine) ? pipeline : NULL, error);
  gonio_main_window_update_actions (self);
}

GonioMainWindow *
gonio_main_window_new (GtkApplication *application, GonioEngine *engine, GSettings *settings,
                       GFile *sample)
{
  GonioMainWindow *self = g_object_new (GONIO_TYPE_MAIN_WINDOW, "application", application, NULL);
  self->sample = sample ? g_object_ref (sample) : NULL;
  self->settings = settings ? g_object_ref (settings) : NULL;
  gtk_info_bar_set_revealed (self->notice,
                             !settings || !g_settings_get_boolean (settings, "notice-understood"));
  self->engine = g_object_ref (engine);
  g_signal_connect (engine, "changed", G_CALLBACK (on_engine_changed), self);
  on_engine_changed (engine, self);
  gonio_main_window_update (self);
  return self;
}
