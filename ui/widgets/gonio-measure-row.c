/* One measure in the pane; see gonio-measure-row.h. */
#include "ui/widgets/gonio-measure-row.h"

#include "core/pipeline/overlay.h"
#include "ui/widgets/gonio-measure-help.h"
#include "ui/widgets/gonio-range-bar.h"

#include <glib/gi18n.h>
#include <math.h>

struct _GonioMeasureRow {
  GtkListBoxRow parent_instance;
  GonioProtocol *protocol;
  guint measure;
  GtkWidget *value;
  GtkWidget *grade_icon;
  GtkWidget *grade;
  GtkWidget *bar;
  GtkWidget *revealer;
  GtkWidget *details;
};

G_DEFINE_FINAL_TYPE (GonioMeasureRow, gonio_measure_row, GTK_TYPE_LIST_BOX_ROW)

static GonioMeasureText
text_of (GonioMeasureRow *self)
{
  return gonio_protocol_measure (self->protocol, self->measure, gonio_text_language ());
}

const char *
gonio_measure_row_get_id (GonioMeasureRow *self)
{
  return text_of (self).id;
}

/* ---- words ---- */

static const char *
confidence_words (const GonioLandmark *landmark)
{
  if (!landmark || landmark->skipped)
    return _ ("not placed");
  if (landmark->edited)
    return _ ("placed by you");
  return landmark->confidence < GONIO_CONFIDENT ? _ ("confidence low") : _ ("confidence high");
}

static const char *
landmark_name (GonioProtocol *protocol, const char *id)
{
  for (guint i = 0; i < gonio_protocol_n_landmarks (protocol); i++) {
    const GonioLandmarkText text = gonio_protocol_landmark (protocol, i, gonio_text_language ());
    if (g_str_equal (text.id, id))
      return text.name;
  }
  return id;
}

static void
add_line (GString *out, const char *heading, const char *text)
{
  if (!text || !*text)
    return;
  g_autofree char *line = heading ? g_markup_printf_escaped ("<b>%s</b> %s", heading, text)
                                  : g_markup_escape_text (text, -1);
  g_string_append_printf (out, "%s%s", out->len ? "\n" : "", line);
}

/* Every landmark was placed by a person: what is left is how far readers differ. */
static gboolean
human_error_only (GonioMeasureRow *self, GonioResult *result, const GonioMeasurement *measure)
{
  const char *const *ids = gonio_protocol_measure_landmarks (self->protocol, self->measure);
  for (guint i = 0; ids && ids[i]; i++) {
    const GonioLandmark *landmark = gonio_result_landmark (result, ids[i]);
    if (!landmark || !landmark->edited)
      return FALSE;
  }
  return measure && measure->valid && measure->human_error > 0;
}

static char *
value_words (GonioMeasureRow *self, GonioResult *result, const GonioMeasurement *measure)
{
  const GonioMeasureText text = text_of (self);
  if (!measure)
    return g_strdup ("–");
  if (!human_error_only (self, result, measure))
    return gonio_overlay_format_value (&text, measure, TRUE);
  GonioMeasurement by_hand = *measure;
  by_hand.se = measure->human_error / 1.96;
  return gonio_overlay_format_value (&text, &by_hand, TRUE);
}

static char *
details_markup (GonioMeasureRow *self, GonioResult *result, const GonioMeasurement *measure)
{
  const GonioMeasureText text = text_of (self);
  g_autoptr (GString) out = g_string_new (NULL);
  add_line (out, NULL, text.definition);
  g_autofree char *range =
      gonio_measure_range_words (text.reference_low, text.reference_high, text.unit);
  g_autofree char *reference =
      range
          ? g_strdup_printf ("%s (%s)", range, text.reference_source ? text.reference_source : "–")
          : NULL;
  add_line (out, _ ("Reference:"), reference);
  if (isfinite (text.human_error)) {
    g_autofree char *human = g_strdup_printf (
        "±%g%s (%s)", text.human_error, g_str_equal (text.unit, "deg") ? "°" : text.unit,
        text.human_error_source ? text.human_error_source : "–");
    add_line (out, _ ("Between readers:"), human);
  }
  if (human_error_only (self, result, measure))
    add_line (out, _ ("Error:"), _ ("you placed every point; ± is the error between readers"));
  add_line (out, _ ("Reliability:"), text.reliability_note);
  const char *const *ids = gonio_protocol_measure_landmarks (self->protocol, self->measure);
  for (guint i = 0; ids && ids[i]; i++) {
    g_autofree char *heading = g_strdup_printf ("%s:", landmark_name (self->protocol, ids[i]));
    add_line (out, heading, confidence_words (gonio_result_landmark (result, ids[i])));
  }
  if (measure && measure->problem)
    add_line (out, _ ("Problem:"), measure->problem);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static const GonioGradeText *
find_grade (GonioMeasureRow *self, const char *id, GonioGradeText *storage)
{
  for (guint i = 0; id && i < gonio_protocol_n_grades (self->protocol, self->measure); i++) {
    *storage = gonio_protocol_grade (self->protocol, self->measure, i, gonio_text_language ());
    if (g_str_equal (storage->id, id))
      return storage;
  }
  return NULL;
}

/* ---- update ---- */

static void
set_grade (GonioMeasureRow *self, const GonioMeasurement *measure)
{
  static const char *const classes[] = {"success", "warning", "warning", "error"};
  GonioGradeText storage;
  const GonioGradeText *grade = measure ? find_grade (self, measure->grade, &storage) : NULL;
  const char *icon = "object-select-symbolic";
  const char *words = NULL;
  int severity = 0;
  if (!measure || !measure->valid) {
    words = measure && measure->problem ? measure->problem : _ ("not measured");
    icon = "dialog-question-symbolic";
    severity = 1;
  } else if (measure->low_confidence) {
    words = _ ("low confidence: check the points");
    icon = "dialog-warning-symbolic";
    severity = 1;
  } else if (grade) {
    words = grade->label;
    severity = CLAMP (grade->severity, 0, 3);
    icon = severity == 0 ? "object-select-symbolic" : "dialog-warning-symbolic";
  } else {
    words = measure->in_reference ? _ ("within reference") : _ ("outside reference");
    severity = measure->in_reference ? 0 : 1;
    icon = measure->in_reference ? "object-select-symbolic" : "dialog-warning-symbolic";
  }
  gtk_label_set_text (GTK_LABEL (self->grade), words);
  gtk_image_set_from_icon_name (GTK_IMAGE (self->grade_icon), icon);
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    gtk_widget_remove_css_class (self->grade_icon, classes[i]);
  gtk_widget_add_css_class (self->grade_icon, classes[severity]);
}

void
gonio_measure_row_update (GonioMeasureRow *self, GonioResult *result,
                          const GonioMeasurement *measure)
{
  const GonioMeasureText text = text_of (self);
  const gboolean by_hand = human_error_only (self, result, measure);
  g_autofree char *value = value_words (self, result, measure);
  gtk_label_set_text (GTK_LABEL (self->value), value);
  set_grade (self, measure);
  const gboolean valid = measure && measure->valid;
  gonio_range_bar_set (GONIO_RANGE_BAR (self->bar), text.axis_low, text.axis_high,
                       text.reference_low, text.reference_high, valid ? measure->value : NAN,
                       !valid    ? 0
                       : by_hand ? measure->human_error
                                 : 1.96 * measure->se,
                       valid && measure->in_reference);
  g_autofree char *markup = details_markup (self, result, measure);
  gtk_label_set_markup (GTK_LABEL (self->details), markup);
  g_autofree char *spoken = g_strdup_printf ("%s, %s, %s", text.name, value,
                                             gtk_label_get_text (GTK_LABEL (self->grade)));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, spoken, -1);
}

void
gonio_measure_row_set_expanded (GonioMeasureRow *self, gboolean expanded)
{
  gtk_revealer_set_reveal_child (GTK_REVEALER (self->revealer), expanded);
}

/* ---- life ---- */

static void
draw_swatch (GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer user_data)
{
  const GonioOverlayColor color = gonio_overlay_color (GPOINTER_TO_UINT (user_data));
  cairo_set_source_rgb (cr, color.red, color.green, color.blue);
  cairo_arc (cr, width / 2.0, height / 2.0, MIN (width, height) / 2.0 - 1, 0, 2 * G_PI);
  cairo_fill_preserve (cr);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.5);
  cairo_set_line_width (cr, 1);
  cairo_stroke (cr);
}

static GtkWidget *
caption (const char *text, const char *css_class, float xalign)
{
  GtkWidget *label = gtk_label_new (text);
  gtk_label_set_xalign (GTK_LABEL (label), xalign);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  if (css_class)
    gtk_widget_add_css_class (label, css_class);
  return label;
}

static gboolean
drop_help (gpointer popover)
{
  if (gtk_widget_get_parent (popover))
    gtk_widget_unparent (popover);
  return G_SOURCE_REMOVE;
}

static void
on_help_closed (GtkPopover *popover, gpointer user_data)
{
  g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, drop_help, g_object_ref (popover), g_object_unref);
}

/* A plain button keeps its accessible name, which a menu button does not hand on. */
static void
on_help (GtkButton *button, GonioMeasureRow *self)
{
  GtkWidget *popover = gtk_popover_new ();
  gtk_popover_set_child (GTK_POPOVER (popover),
                         gonio_measure_help_new (self->protocol, self->measure));
  gtk_popover_set_position (GTK_POPOVER (popover), GTK_POS_LEFT);
  gtk_widget_set_parent (popover, GTK_WIDGET (button));
  g_signal_connect (popover, "closed", G_CALLBACK (on_help_closed), NULL);
  g_signal_connect_object (button, "destroy", G_CALLBACK (gtk_widget_unparent), popover,
                           G_CONNECT_SWAPPED);
  gtk_popover_popup (GTK_POPOVER (popover));
}

static GtkWidget *
help_button (GonioMeasureRow *self, const char *title)
{
  GtkWidget *button = gtk_button_new_from_icon_name ("help-about-symbolic");
  gtk_button_set_has_frame (GTK_BUTTON (button), FALSE);
  gtk_widget_add_css_class (button, "help");
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  g_signal_connect (button, "clicked", G_CALLBACK (on_help), self);
  g_autofree char *name = g_strdup_printf (_ ("What is %s?"), title);
  gtk_widget_set_tooltip_text (button, name);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  return button;
}

static void
gonio_measure_row_finalize (GObject *object)
{
  GonioMeasureRow *self = GONIO_MEASURE_ROW (object);
  g_clear_pointer (&self->protocol, gonio_protocol_unref);
  G_OBJECT_CLASS (gonio_measure_row_parent_class)->finalize (object);
}

static void
gonio_measure_row_class_init (GonioMeasureRowClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gonio_measure_row_finalize;
}

static void
gonio_measure_row_init (GonioMeasureRow *self)
{
}

GtkWidget *
gonio_measure_row_new (GonioProtocol *protocol, guint measure)
{
  GonioMeasureRow *self = g_object_new (GONIO_TYPE_MEASURE_ROW, NULL);
  self->protocol = gonio_protocol_ref (protocol);
  self->measure = measure;
  const GonioMeasureText text = text_of (self);

  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 4);
  gtk_widget_add_css_class (box, "measure");
  GtkWidget *head = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *swatch = gtk_drawing_area_new ();
  gtk_drawing_area_set_content_width (GTK_DRAWING_AREA (swatch), 12);
  gtk_drawing_area_set_content_height (GTK_DRAWING_AREA (swatch), 12);
  gtk_drawing_area_set_draw_func (GTK_DRAWING_AREA (swatch), draw_swatch,
                                  GUINT_TO_POINTER (measure), NULL);
  gtk_widget_set_valign (swatch, GTK_ALIGN_CENTER);
  gtk_box_append (GTK_BOX (head), swatch);
  const char *side = text.side == GONIO_SIDE_LEFT    ? _ ("left")
                     : text.side == GONIO_SIDE_RIGHT ? _ ("right")
                                                     : NULL;
  g_autofree char *title =
      side ? g_strdup_printf ("%s %s", text.abbreviation, side) : g_strdup (text.abbreviation);
  GtkWidget *abbreviation = caption (title, "heading", 0);
  gtk_widget_set_hexpand (abbreviation, TRUE);
  gtk_box_append (GTK_BOX (head), abbreviation);
  self->value = caption ("–", "value", 1);
  gtk_box_append (GTK_BOX (head), self->value);
  gtk_box_append (GTK_BOX (box), head);
  GtkWidget *named = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *name = caption (text.name, "caption", 0);
  gtk_widget_add_css_class (name, "dim-label");
  gtk_widget_set_hexpand (name, TRUE);
  gtk_box_append (GTK_BOX (named), name);
  gtk_box_append (GTK_BOX (named), help_button (self, title));
  gtk_box_append (GTK_BOX (box), named);

  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  self->grade_icon = gtk_image_new ();
  gtk_box_append (GTK_BOX (line), self->grade_icon);
  self->grade = caption ("", "caption", 0);
  gtk_widget_set_hexpand (self->grade, TRUE);
  gtk_box_append (GTK_BOX (line), self->grade);
  if (text.reliability)
    gtk_box_append (GTK_BOX (line), caption (_ ("low reliability"), "caption", 1));
  gtk_box_append (GTK_BOX (box), line);
  self->bar = gonio_range_bar_new ();
  gtk_box_append (GTK_BOX (box), self->bar);

  self->revealer = gtk_revealer_new ();
  self->details = caption ("", "caption", 0);
  gtk_label_set_selectable (GTK_LABEL (self->details), FALSE);
  gtk_revealer_set_child (GTK_REVEALER (self->revealer), self->details);
  gtk_box_append (GTK_BOX (box), self->revealer);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (self), box);
  return GTK_WIDGET (self);
}
