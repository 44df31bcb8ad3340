/* What a measure is and where its numbers come from; see gonio-measure-help.h. */
#include "ui/widgets/gonio-measure-help.h"

#include <glib/gi18n.h>
#include <math.h>

enum { WIDTH = 380, MAX_HEIGHT = 480 }; /* logical px */

char *
gonio_measure_range_words (double low, double high, const char *unit)
{
  const char *mark = g_str_equal (unit, "deg") ? "°" : unit;
  if (isnan (low) && isnan (high))
    return NULL;
  if (isnan (low))
    return g_strdup_printf (_ ("below %g%s"), high, mark);
  if (isnan (high))
    return g_strdup_printf (_ ("above %g%s"), low, mark);
  return g_strdup_printf ("%g–%g%s", low, high, mark);
}

/* Which way counts as plus, and so which as minus. */
static const char *
sign_words (const char *positive)
{
  static const struct {
    const char *positive, *words;
  } table[] = {
      {"lateral", N_ ("plus towards lateral, minus towards medial")},
      {"medial", N_ ("plus towards medial, minus towards lateral")},
      {"proximal", N_ ("plus towards proximal, minus towards distal")},
      {"distal", N_ ("plus towards distal, minus towards proximal")},
  };
  for (guint i = 0; positive && i < G_N_ELEMENTS (table); i++)
    if (g_str_equal (positive, table[i].positive))
      return _ (table[i].words);
  return NULL;
}

static void
add_text (GtkWidget *box, const char *text, const char *css_class)
{
  if (!text || !*text)
    return;
  GtkWidget *label = gtk_label_new (text);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_widget_add_css_class (label, css_class);
  gtk_box_append (GTK_BOX (box), label);
}

static void
add_section (GtkWidget *box, const char *heading, const char *text, const char *source)
{
  if (!text || !*text)
    return;
  add_text (box, heading, "caption-heading");
  add_text (box, text, "body");
  g_autofree char *from = source ? g_strdup_printf (_ ("Source: %s"), source) : NULL;
  add_text (box, from, "caption");
}

static char *
grades_words (GonioProtocol *protocol, guint measure, const char *unit)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < gonio_protocol_n_grades (protocol, measure); i++) {
    const GonioGradeText grade =
        gonio_protocol_grade (protocol, measure, i, gonio_text_language ());
    g_autofree char *range = gonio_measure_range_words (grade.low, grade.high, unit);
    g_string_append_printf (text, "%s%s: %s", i ? "\n" : "", grade.label, range ? range : "–");
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Each landmark that the measure hangs on, with where it lies. */
static char *
landmarks_words (GonioProtocol *protocol, guint measure)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const char *const *ids = gonio_protocol_measure_landmarks (protocol, measure);
  for (guint i = 0; ids && ids[i]; i++) {
    const int k = gonio_protocol_find_landmark (protocol, ids[i]);
    if (k < 0)
      continue;
    const GonioLandmarkText landmark =
        gonio_protocol_landmark (protocol, (guint)k, gonio_text_language ());
    g_string_append_printf (text, "%s• %s", text->len ? "\n" : "", landmark.name);
    if (landmark.where)
      g_string_append_printf (text, ": %s", landmark.where);
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

GtkWidget *
gonio_measure_help_new (GonioProtocol *protocol, guint measure)
{
  const GonioMeasureText text = gonio_protocol_measure (protocol, measure, gonio_text_language ());
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 4);
  gtk_widget_add_css_class (box, "measurehelp");
  g_autofree char *title = g_strdup_printf ("%s (%s)", text.name, text.abbreviation);
  add_text (box, title, "heading");
  add_text (box, text.definition, "body");
  add_section (box, _ ("Sign"), sign_words (text.positive), NULL);
  g_autofree char *range =
      gonio_measure_range_words (text.reference_low, text.reference_high, text.unit);
  add_section (box, _ ("Reference range"), range, text.reference_source);
  g_autofree char *grades = grades_words (protocol, measure, text.unit);
  add_section (box, _ ("Grades"), grades, NULL);
  if (isfinite (text.human_error)) {
    g_autofree char *error = g_strdup_printf ("±%g%s", text.human_error,
                                              g_str_equal (text.unit, "deg") ? "°" : text.unit);
    add_section (box, _ ("Error between readers (95 %)"), error, text.human_error_source);
  } else {
    add_section (box, _ ("Error between readers (95 %)"), _ ("not known"), NULL);
  }
  add_section (box, _ ("Reliability"), text.reliability_note, NULL);
  g_autofree char *landmarks = landmarks_words (protocol, measure);
  add_section (box, _ ("Landmarks"), landmarks, NULL);

  GtkWidget *scroller = gtk_scrolled_window_new ();
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scroller), TRUE);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (scroller), MAX_HEIGHT);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), box);
  gtk_widget_set_size_request (box, WIDTH, -1);
  return scroller;
}
