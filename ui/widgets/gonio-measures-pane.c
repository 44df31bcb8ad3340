/* The pane beside the picture; see gonio-measures-pane.h. */
#include "ui/widgets/gonio-measures-pane.h"

#include "ui/widgets/gonio-measure-row.h"

#include <glib/gi18n.h>

struct _GonioMeasuresPane {
  GtkWidget parent_instance;
  GonioItem *item;
  GPtrArray *protocols; /* GonioProtocol*, owned reference */
  GonioProtocol *shown; /* whose rows are built; nullable */
  gboolean updating;
  GtkWidget *scroller;
  GtkWidget *view; /* GtkDropDown of protocols */
  GtkWidget *side; /* GtkDropDown: unknown, left, right */
  GtkWidget *reasons;
  GtkWidget *manual;  /* "Measure by hand as": shown while there is no protocol */
  GtkWidget *missing; /* landmarks to place */
  char *missing_key;  /* what that list shows now */
  GtkWidget *list;
  GtkWidget *confirm;
};

G_DEFINE_FINAL_TYPE (GonioMeasuresPane, gonio_measures_pane, GTK_TYPE_WIDGET)

enum { MEASURE_SELECTED, PROTOCOL_CHOSEN, MANUAL_CHOSEN, PLACE, N_SIGNALS };
static guint signals[N_SIGNALS];

/* ---- from item to widgets ---- */

static const GonioMeasurement *
find_measurement (const GonioResult *result, const char *id)
{
  for (guint i = 0; i < result->measures->len; i++) {
    const GonioMeasurement *measure = g_ptr_array_index (result->measures, i);
    if (g_str_equal (measure->id, id))
      return measure;
  }
  return NULL;
}

static void
rebuild_rows (GonioMeasuresPane *self, GonioProtocol *protocol)
{
  GtkWidget *child;
  while ((child = gtk_widget_get_first_child (self->list)))
    gtk_list_box_remove (GTK_LIST_BOX (self->list), child);
  g_clear_pointer (&self->shown, gonio_protocol_unref);
  self->shown = protocol ? gonio_protocol_ref (protocol) : NULL;
  for (guint i = 0; protocol && i < gonio_protocol_n_measures (protocol); i++)
    gtk_list_box_append (GTK_LIST_BOX (self->list), gonio_measure_row_new (protocol, i));
}

static void
clear_box (GtkWidget *box)
{
  GtkWidget *child;
  while ((child = gtk_widget_get_first_child (box)))
    gtk_box_remove (GTK_BOX (box), child);
}

static GtkWidget *
line (const char *text, const char *css_class)
{
  GtkWidget *label = gtk_label_new (text);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_widget_add_css_class (label, css_class);
  return label;
}

/* ---- landmarks that have no place ---- */

static void
on_place_clicked (GtkButton *button, GonioMeasuresPane *self)
{
  g_signal_emit (self, signals[PLACE], 0, g_object_get_data (G_OBJECT (button), "landmark"));
}

static void
add_missing (GonioMeasuresPane *self, const GonioLandmarkText *text, gboolean skipped)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 2);
  gtk_box_append (GTK_BOX (box), line (text->name, "body"));
  if (text->where)
    gtk_box_append (GTK_BOX (box), line (text->where, "caption"));
  if (skipped)
    gtk_box_append (GTK_BOX (box), line (_ ("left out by you"), "caption"));
  GtkWidget *button = gtk_button_new ();
  gtk_button_set_child (GTK_BUTTON (button), box);
  gtk_widget_add_css_class (button, "missing");
  gtk_widget_set_tooltip_text (button, _ ("Place it with a click on the picture"));
  g_autofree char *spoken =
      g_strdup_printf (_ ("Place %s: %s"), text->name, text->where ? text->where : "");
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, spoken,
                                  -1);
  g_object_set_data_full (G_OBJECT (button), "landmark", g_strdup (text->id), g_free);
  g_signal_connect (button, "clicked", G_CALLBACK (on_place_clicked), self);
  gtk_box_append (GTK_BOX (self->missing), button);
}

/* Built anew only when it differs, so that the keyboard focus stays where it is. */
static void
update_missing (GonioMeasuresPane *self, const GonioPipelineOutput *output)
{
  g_autoptr (GString) key = g_string_new (NULL);
  GonioProtocol *protocol = output ? output->protocol : NULL;
  const guint n = protocol ? gonio_protocol_n_landmarks (protocol) : 0;
  for (guint i = 0; i < n; i++) {
    const char *id = gonio_protocol_landmark (protocol, i, NULL).id;
    const GonioLandmark *landmark = gonio_result_landmark (output->result, id);
    if (landmark && gonio_landmark_level (landmark) == GONIO_CONFIDENCE_NONE)
      g_string_append_printf (key, "%u%c", i, landmark->skipped ? 's' : 'm');
  }
  gtk_widget_set_visible (self->missing, key->len > 0);
  if (g_strcmp0 (key->str, self->missing_key) == 0)
    return;
  g_free (self->missing_key);
  self->missing_key = g_strdup (key->str);
  clear_box (self->missing);
  gtk_box_append (GTK_BOX (self->missing), line (_ ("Landmarks to place"), "heading"));
  for (guint i = 0; i < n; i++) {
    const GonioLandmarkText text = gonio_protocol_landmark (protocol, i, gonio_text_language ());
    const GonioLandmark *landmark = gonio_result_landmark (output->result, text.id);
    if (landmark && gonio_landmark_level (landmark) == GONIO_CONFIDENCE_NONE)
      add_missing (self, &text, landmark->skipped);
  }
}

/* ---- the whole ---- */

static guint
protocol_position (GonioMeasuresPane *self, GonioProtocol *protocol)
{
  for (guint i = 0; self->protocols && protocol && i < self->protocols->len; i++)
    if (g_str_equal (gonio_protocol_id (g_ptr_array_index (self->protocols, i)),
                     gonio_protocol_id (protocol)))
      return i + 1;
  return 0;
}

static void
update (GonioMeasuresPane *self)
{
  self->updating = TRUE;
  const GonioPipelineOutput *output = self->item ? gonio_item_get_output (self->item) : NULL;
  GonioProtocol *protocol = output ? output->protocol : NULL;
  if (protocol != self->shown) {
    rebuild_rows (self, protocol);
    g_clear_pointer (&self->missing_key, g_free);
  }
  gtk_widget_set_visible (self->list, protocol != NULL);
  gtk_widget_set_visible (self->manual, output && !protocol);
  update_missing (self, output);

  /* Without a result the page itself says why. */
  const char *message = output ? gonio_item_get_message (self->item) : NULL;
  gtk_label_set_text (GTK_LABEL (self->reasons), message ? message : "");
  gtk_widget_set_visible (self->reasons, message && *message);
  gtk_widget_set_sensitive (self->view, output != NULL);
  gtk_widget_set_sensitive (self->side, protocol != NULL);
  gtk_drop_down_set_selected (GTK_DROP_DOWN (self->view), protocol_position (self, protocol));
  gtk_drop_down_set_selected (GTK_DROP_DOWN (self->side), 0);

  if (protocol) {
    GonioResult *result = output->result;
    const guint side = result->side == GONIO_SIDE_LEFT    ? 1
                       : result->side == GONIO_SIDE_RIGHT ? 2
                       : result->side == GONIO_SIDE_BOTH  ? 3
                                                          : 0;
    gtk_drop_down_set_selected (GTK_DROP_DOWN (self->side), side);
    for (GtkWidget *row = gtk_widget_get_first_child (self->list); row;
         row = gtk_widget_get_next_sibling (row)) {
      const char *id = gonio_measure_row_get_id (GONIO_MEASURE_ROW (row));
      gonio_measure_row_update (GONIO_MEASURE_ROW (row), result, find_measurement (result, id));
    }
  }
  const gboolean confirmed =
      self->item && gonio_item_get_state (self->item) == GONIO_STATE_CONFIRMED;
  gtk_widget_set_visible (self->confirm, protocol != NULL);
  gtk_button_set_label (GTK_BUTTON (self->confirm), confirmed ? _ ("Confirmed") : _ ("Confirm"));
  self->updating = FALSE;
}

/* ---- from widgets to item ---- */

static void
on_row_selected (GtkListBox *list, GtkListBoxRow *row, GonioMeasuresPane *self)
{
  for (GtkWidget *child = gtk_widget_get_first_child (self->list); child;
       child = gtk_widget_get_next_sibling (child))
    gonio_measure_row_set_expanded (GONIO_MEASURE_ROW (child), child == GTK_WIDGET (row));
  g_signal_emit (self, signals[MEASURE_SELECTED], 0,
                 row ? gonio_measure_row_get_id (GONIO_MEASURE_ROW (row)) : NULL);
}

static void
on_row_activated (GtkListBox *list, GtkListBoxRow *row, GonioMeasuresPane *self)
{
  gtk_list_box_select_row (list, row);
}

static void
on_view_chosen (GtkDropDown *drop_down, GParamSpec *pspec, GonioMeasuresPane *self)
{
  const guint selected = gtk_drop_down_get_selected (drop_down);
  if (self->updating || !self->item || !self->protocols || selected == 0 ||
      selected > self->protocols->len)
    return;
  g_signal_emit (self, signals[PROTOCOL_CHOSEN], 0,
                 gonio_protocol_id (g_ptr_array_index (self->protocols, selected - 1)));
}

static void
on_side_chosen (GtkDropDown *drop_down, GParamSpec *pspec, GonioMeasuresPane *self)
{
  static const GonioSide sides[] = {GONIO_SIDE_UNKNOWN, GONIO_SIDE_LEFT, GONIO_SIDE_RIGHT,
                                    GONIO_SIDE_BOTH};
  const guint selected = gtk_drop_down_get_selected (drop_down);
  if (self->updating || !self->item || selected >= G_N_ELEMENTS (sides))
    return;
  gonio_item_set_side (self->item, sides[selected]);
}

static void
on_manual_clicked (GtkButton *button, GonioMeasuresPane *self)
{
  g_signal_emit (self, signals[MANUAL_CHOSEN], 0,
                 g_object_get_data (G_OBJECT (button), "protocol"));
}

static void
fill_manual (GonioMeasuresPane *self)
{
  clear_box (self->manual);
  gtk_box_append (GTK_BOX (self->manual), line (_ ("Measure by hand as…"), "heading"));
  for (guint i = 0; i < self->protocols->len; i++) {
    GonioProtocol *protocol = g_ptr_array_index (self->protocols, i);
    GtkWidget *button =
        gtk_button_new_with_label (gonio_protocol_title (protocol, gonio_text_language ()));
    g_object_set_data_full (G_OBJECT (button), "protocol", g_strdup (gonio_protocol_id (protocol)),
                            g_free);
    g_signal_connect (button, "clicked", G_CALLBACK (on_manual_clicked), self);
    gtk_box_append (GTK_BOX (self->manual), button);
  }
}

/* ---- public ---- */

void
gonio_measures_pane_set_protocols (GonioMeasuresPane *self, GPtrArray *protocols)
{
  g_clear_pointer (&self->protocols, g_ptr_array_unref);
  self->protocols = g_ptr_array_ref (protocols);
  g_autoptr (GtkStringList) titles = gtk_string_list_new (NULL);
  gtk_string_list_append (titles, _ ("View not known"));
  for (guint i = 0; i < protocols->len; i++)
    gtk_string_list_append (
        titles, gonio_protocol_title (g_ptr_array_index (protocols, i), gonio_text_language ()));
  self->updating = TRUE;
  gtk_drop_down_set_model (GTK_DROP_DOWN (self->view), G_LIST_MODEL (titles));
  fill_manual (self);
  self->updating = FALSE;
  if (self->item)
    update (self);
}

void
gonio_measures_pane_set_item (GonioMeasuresPane *self, GonioItem *item)
{
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_set_object (&self->item, item);
  if (item) {
    g_signal_connect_swapped (item, "changed", G_CALLBACK (update), self);
    g_signal_connect_swapped (item, "notify::message", G_CALLBACK (update), self);
  }
  gtk_list_box_unselect_all (GTK_LIST_BOX (self->list));
  update (self);
}

/* ---- life ---- */

static void
gonio_measures_pane_dispose (GObject *object)
{
  GonioMeasuresPane *self = GONIO_MEASURES_PANE (object);
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_clear_object (&self->item);
  g_clear_pointer (&self->protocols, g_ptr_array_unref);
  g_clear_pointer (&self->shown, gonio_protocol_unref);
  g_clear_pointer (&self->scroller, gtk_widget_unparent);
  G_OBJECT_CLASS (gonio_measures_pane_parent_class)->dispose (object);
}

static void
gonio_measures_pane_finalize (GObject *object)
{
  g_clear_pointer (&GONIO_MEASURES_PANE (object)->missing_key, g_free);
  G_OBJECT_CLASS (gonio_measures_pane_parent_class)->finalize (object);
}

static void
gonio_measures_pane_class_init (GonioMeasuresPaneClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = gonio_measures_pane_dispose;
  G_OBJECT_CLASS (klass)->finalize = gonio_measures_pane_finalize;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name (GTK_WIDGET_CLASS (klass), "measurespane");
  static const char *const names[] = {[MEASURE_SELECTED] = "measure-selected",
                                      [PROTOCOL_CHOSEN] = "protocol-chosen",
                                      [MANUAL_CHOSEN] = "manual-chosen",
                                      [PLACE] = "place"};
  for (guint i = 0; i < N_SIGNALS; i++)
    signals[i] = g_signal_new (names[i], G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                               NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static GtkWidget *
drop_down (const char *const *strings, const char *name)
{
  GtkWidget *widget = gtk_drop_down_new_from_strings (strings);
  gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  gtk_widget_set_tooltip_text (widget, name);
  return widget;
}

static void
gonio_measures_pane_init (GonioMeasuresPane *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 8);
  gtk_widget_add_css_class (box, "pane");

  self->view = drop_down ((const char *[]){_ ("View not known"), NULL}, _ ("View"));
  g_signal_connect (self->view, "notify::selected", G_CALLBACK (on_view_chosen), self);
  gtk_box_append (GTK_BOX (box), self->view);
  self->side = drop_down (
      (const char *[]){_ ("Side not known"), _ ("left"), _ ("right"), _ ("both sides"), NULL},
      _ ("Side"));
  g_signal_connect (self->side, "notify::selected", G_CALLBACK (on_side_chosen), self);
  gtk_box_append (GTK_BOX (box), self->side);

  self->reasons = gtk_label_new (NULL);
  gtk_label_set_wrap (GTK_LABEL (self->reasons), TRUE);
  gtk_label_set_xalign (GTK_LABEL (self->reasons), 0);
  gtk_widget_add_css_class (self->reasons, "reasons");
  gtk_box_append (GTK_BOX (box), self->reasons);

  self->manual = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  gtk_widget_set_visible (self->manual, FALSE);
  gtk_box_append (GTK_BOX (box), self->manual);

  self->list = gtk_list_box_new ();
  gtk_widget_add_css_class (self->list, "boxed-list");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->list), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Measures"), -1);
  g_signal_connect (self->list, "row-selected", G_CALLBACK (on_row_selected), self);
  g_signal_connect (self->list, "row-activated", G_CALLBACK (on_row_activated), self);
  gtk_box_append (GTK_BOX (box), self->list);

  self->missing = gtk_box_new (GTK_ORIENTATION_VERTICAL, 4);
  gtk_widget_set_visible (self->missing, FALSE);
  gtk_box_append (GTK_BOX (box), self->missing);

  self->confirm = gtk_button_new_with_label (_ ("Confirm"));
  gtk_widget_add_css_class (self->confirm, "suggested-action");
  gtk_widget_add_css_class (self->confirm, "pill");
  gtk_widget_set_tooltip_text (self->confirm, _ ("Confirm and go on (Enter)"));
  gtk_actionable_set_action_name (GTK_ACTIONABLE (self->confirm), "win.confirm");
  gtk_box_append (GTK_BOX (box), self->confirm);

  self->scroller = gtk_scrolled_window_new ();
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (self->scroller), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (self->scroller), box);
  gtk_widget_set_parent (self->scroller, GTK_WIDGET (self));
  gtk_widget_set_size_request (self->scroller, 280, -1);
}

GtkWidget *
gonio_measures_pane_new (void)
{
  return g_object_new (GONIO_TYPE_MEASURES_PANE, NULL);
}
