/* What a landmark is and what can be done with it; see gonio-landmark-menu.h. */
#include "ui/viewer/gonio-landmark-menu.h"

#include <glib/gi18n.h>
#include <math.h>

typedef struct {
  GonioItem *item;
  char *id;
} Target;

static void
target_free (gpointer data, GClosure *closure)
{
  Target *target = data;
  g_object_unref (target->item);
  g_free (target->id);
  g_free (target);
}

static void
lock (Target *target, gboolean locked)
{
  gonio_item_lock_landmark (target->item, target->id, locked);
}

static void
on_lock (GtkButton *button, Target *target)
{
  lock (target, TRUE);
}

static void
on_unlock (GtkButton *button, Target *target)
{
  lock (target, FALSE);
}

static void
on_restore (GtkButton *button, Target *target)
{
  gonio_item_restore_landmark (target->item, target->id);
}

static void
on_remove (GtkButton *button, Target *target)
{
  gonio_item_skip_landmark (target->item, target->id, TRUE);
}

static void
close_menu (GtkButton *button, GtkPopover *popover)
{
  gtk_popover_popdown (popover);
}

static GtkWidget *
words (const char *text, const char *css_class)
{
  GtkWidget *label = gtk_label_new (text);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_widget_add_css_class (label, css_class);
  return label;
}

typedef struct {
  const char *label, *key;
  void (*run) (GtkButton *button, Target *target);
  gboolean possible;
} Entry;

static GtkWidget *
entry_button (const Entry *entry, GonioItem *item, const char *id, GtkWidget *popover)
{
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 18);
  GtkWidget *label = words (entry->label, "body");
  gtk_widget_set_hexpand (label, TRUE);
  gtk_box_append (GTK_BOX (line), label);
  gtk_box_append (GTK_BOX (line), words (entry->key, "dim-label"));
  GtkWidget *button = gtk_button_new ();
  gtk_button_set_child (GTK_BUTTON (button), line);
  gtk_button_set_has_frame (GTK_BUTTON (button), FALSE);
  gtk_widget_set_sensitive (button, entry->possible);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  entry->label, -1);
  Target *target = g_new0 (Target, 1);
  target->item = g_object_ref (item);
  target->id = g_strdup (id);
  g_signal_connect_data (button, "clicked", G_CALLBACK (entry->run), target, target_free, 0);
  g_signal_connect (button, "clicked", G_CALLBACK (close_menu), popover);
  return button;
}

static const char *
standing (const GonioLandmark *landmark)
{
  if (landmark->edited)
    return _ ("placed by you");
  return landmark->confidence < GONIO_CONFIDENT ? _ ("confidence low") : _ ("confidence high");
}

GtkWidget *
gonio_landmark_menu_new (GonioItem *item, const char *id)
{
  const GonioPipelineOutput *output = gonio_item_get_output (item);
  const GonioLandmark *landmark = gonio_result_landmark (output->result, id);
  const int i = gonio_protocol_find_landmark (output->protocol, id);
  const GonioLandmarkText text =
      gonio_protocol_landmark (output->protocol, (guint)MAX (i, 0), gonio_text_language ());
  const gboolean proposed = isfinite (landmark->proposed.x) && isfinite (landmark->proposed.y);
  const Entry entries[] = {
      landmark->locked ? (Entry){_ ("Unlock"), "L", on_unlock, TRUE}
                       : (Entry){_ ("Lock"), "L", on_lock, TRUE},
      {_ ("Reset to the model's place"), "⌫", on_restore,
       proposed && landmark->edited && !landmark->locked},
      {_ ("Remove"), "S", on_remove, !landmark->locked},
  };

  GtkWidget *popover = gtk_popover_new ();
  gtk_widget_add_css_class (popover, "landmarkmenu");
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 4);
  gtk_box_append (GTK_BOX (box), words (text.name, "heading"));
  if (text.where)
    gtk_box_append (GTK_BOX (box), words (text.where, "body"));
  gtk_box_append (GTK_BOX (box), words (standing (landmark), "dim-label"));
  for (guint k = 0; k < G_N_ELEMENTS (entries); k++)
    gtk_box_append (GTK_BOX (box), entry_button (&entries[k], item, id, popover));
  /* A popover asks for the height that its words need at their narrowest: that is this. */
  gtk_widget_set_size_request (box, 300, -1);
  gtk_popover_set_child (GTK_POPOVER (popover), box);
  return popover;
}
