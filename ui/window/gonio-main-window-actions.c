/* What the window can do: one table of actions with their keys. */
#include "core/pipeline/rectify.h"
#include "ui/dialogs/gonio-diagnostics-window.h"
#include "ui/dialogs/gonio-preferences.h"
#include "ui/window/gonio-main-window-private.h"

#include <glib/gi18n.h>
#include <math.h>

#define VIEWER(self) GONIO_VIEWER ((self)->viewer)

/* ---- files ---- */

static void
on_open_response (GtkNativeDialog *dialog, int response, GonioMainWindow *self)
{
  if (response == GTK_RESPONSE_ACCEPT) {
    g_autoptr (GListModel) chosen = gtk_file_chooser_get_files (GTK_FILE_CHOOSER (dialog));
    g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_object_unref);
    for (guint i = 0; i < g_list_model_get_n_items (chosen); i++)
      g_ptr_array_add (files, g_list_model_get_item (chosen, i));
    gonio_main_window_open_files (self, (GFile *const *)files->pdata, (int)files->len);
  }
  g_object_unref (dialog);
}

static void
open_dialog (GonioMainWindow *self, GtkFileChooserAction action, const char *title)
{
  GtkFileChooserNative *dialog =
      gtk_file_chooser_native_new (title, GTK_WINDOW (self), action, _ ("_Open"), _ ("_Cancel"));
  gtk_file_chooser_set_select_multiple (GTK_FILE_CHOOSER (dialog), TRUE);
  g_signal_connect (dialog, "response", G_CALLBACK (on_open_response), self);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
open_files (GonioMainWindow *self)
{
  open_dialog (self, GTK_FILE_CHOOSER_ACTION_OPEN, _ ("Open pictures"));
}

static void
open_folder (GonioMainWindow *self)
{
  open_dialog (self, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _ ("Open a folder"));
}

static void
open_sample (GonioMainWindow *self)
{
  if (self->sample)
    gonio_main_window_open_files (self, &self->sample, 1);
}

/* ---- export ---- */

typedef struct {
  GonioMainWindow *window;
  GonioItem *item;
  gboolean json;
} Export;

static void
export_free (Export *export)
{
  g_clear_object (&export->item);
  g_clear_object (&export->window);
  g_free (export);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Export, export_free)

static void
write_export (Export *export, const char *path)
{
  g_autoptr (GError) error = NULL;
  gboolean done;
  if (export->json) {
    g_autoptr (GPtrArray) results = g_ptr_array_new ();
    g_ptr_array_add (results, gonio_item_get_result (export->item));
    g_autofree char *text = gonio_results_to_string (results);
    done = g_file_set_contents (path, text, -1, &error);
  } else {
    done = gonio_overlay_write_png (gonio_item_get_output (export->item), path, &error);
  }
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *said = done ? g_strdup_printf (_ ("Saved %s"), name)
                               : g_strdup_printf (_ ("Not saved: %s"), error->message);
  gonio_main_window_toast (export->window, said);
}

static void
on_export_response (GtkNativeDialog *dialog, int response, Export *data)
{
  g_autoptr (Export) export = data;
  if (response == GTK_RESPONSE_ACCEPT && gonio_item_get_output (export->item)) {
    g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
    g_autofree char *path = g_file_get_path (file);
    if (path)
      write_export (export, path);
    else
      gonio_main_window_toast (export->window, _ ("Choose a folder on this computer."));
  }
  g_object_unref (dialog);
}

/* Nothing is exported as a result that nobody has looked at. */
static void
begin_export (GonioMainWindow *self, gboolean json)
{
  GonioItem *item = gonio_main_window_current (self);
  if (!item || !gonio_item_get_output (item))
    return;
  if (gonio_item_get_state (item) != GONIO_STATE_CONFIRMED) {
    gonio_main_window_toast (self, _ ("Check the angles and confirm them first."));
    return;
  }
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (
      _ ("Export"), GTK_WINDOW (self), GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Save"), _ ("_Cancel"));
  g_autofree char *name =
      g_strdup_printf ("%s.%s", gonio_item_get_title (item), json ? "json" : "png");
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (dialog), name);
  Export *export = g_new0 (Export, 1);
  export->window = g_object_ref (self);
  export->item = g_object_ref (item);
  export->json = json;
  g_signal_connect (dialog, "response", G_CALLBACK (on_export_response), export);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
export_picture (GonioMainWindow *self)
{
  begin_export (self, FALSE);
}

static void
export_json (GonioMainWindow *self)
{
  begin_export (self, TRUE);
}

/* ---- the list ---- */

static void
go (GonioMainWindow *self, int step)
{
  const guint n = g_list_model_get_n_items (G_LIST_MODEL (self->selection));
  if (n == 0)
    return;
  const guint now = gtk_single_selection_get_selected (self->selection);
  const int next = now == GTK_INVALID_LIST_POSITION ? 0 : CLAMP ((int)now + step, 0, (int)n - 1);
  gtk_single_selection_set_selected (self->selection, (guint)next);
  gtk_widget_activate_action (GTK_WIDGET (self->list), "list.scroll-to-item", "u", (guint)next);
}

static void
next_picture (GonioMainWindow *self)
{
  go (self, 1);
}

static void
previous_picture (GonioMainWindow *self)
{
  go (self, -1);
}

static void
next_to_check (GonioMainWindow *self)
{
  const guint n = g_list_model_get_n_items (G_LIST_MODEL (self->selection));
  const guint now = gtk_single_selection_get_selected (self->selection);
  for (guint k = 1; k <= n; k++) {
    const guint i = (now + k) % n;
    g_autoptr (GonioItem) item = g_list_model_get_item (G_LIST_MODEL (self->selection), i);
    if (gonio_item_get_state (item) == GONIO_STATE_TO_CHECK) {
      gtk_single_selection_set_selected (self->selection, i);
      return;
    }
  }
}

/* ---- judging ---- */

static void
confirm (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  const GonioPipelineOutput *output = item ? gonio_item_get_output (item) : NULL;
  if (!output || gonio_item_get_state (item) != GONIO_STATE_TO_CHECK)
    return;
  /* A strongly tilted photo that was not flattened gives wrong angles. */
  const GonioRectification *flat = &output->result->rectification;
  const gboolean tilted = g_str_equal (flat->kind, "none") || g_str_equal (flat->kind, "crop");
  if (tilted && flat->tilt_deg > GONIO_TILT_REFUSE) {
    gonio_main_window_toast (
        self, _ ("The camera was tilted by more than 20° and the photo is not rectified."));
    return;
  }
  gonio_item_confirm (item, TRUE);
  next_to_check (self);
}

static void
reject (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  if (item)
    gonio_item_confirm (item, FALSE);
}

static void
measure_with (GonioMainWindow *self, GonioRectifyMode rectify)
{
  GonioItem *item = gonio_main_window_current (self);
  if (!item)
    return;
  gonio_item_options (item)->rectify = rectify;
  gonio_queue_add (self->queue, item, TRUE);
}

static void
measure_again (GonioMainWindow *self)
{
  measure_with (self, GONIO_RECTIFY_AUTO);
}

static void
measure_flat (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  if (item)
    gonio_item_keep_edits (item);
  measure_with (self, GONIO_RECTIFY_OFF);
}

static void
straighten (GonioMainWindow *self)
{
  gonio_viewer_begin_straighten (VIEWER (self));
}

static void
cancel (GonioMainWindow *self)
{
  gonio_queue_cancel (self->queue);
}

static void
pause_queue (GonioMainWindow *self)
{
  gonio_queue_set_paused (self->queue, !gonio_queue_get_paused (self->queue));
}

static void
undo (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  if (item)
    gonio_item_undo (item);
}

static void
redo (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  if (item)
    gonio_item_redo (item);
}

/* ---- the viewer ---- */

static void
zoom_in (GonioMainWindow *self)
{
  gonio_viewer_zoom_by (VIEWER (self), 1.25);
}

static void
zoom_out (GonioMainWindow *self)
{
  gonio_viewer_zoom_by (VIEWER (self), 0.8);
}

static void
fit (GonioMainWindow *self)
{
  gonio_viewer_fit (VIEWER (self));
}

static void
actual_size (GonioMainWindow *self)
{
  gonio_viewer_actual_size (VIEWER (self));
}

static void
rotate_right (GonioMainWindow *self)
{
  gonio_viewer_rotate (VIEWER (self), 1);
}

static void
rotate_left (GonioMainWindow *self)
{
  gonio_viewer_rotate (VIEWER (self), -1);
}

/* A mirrored picture shows the other side: the label goes with it. */
static void
flip (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  gonio_viewer_flip (VIEWER (self));
  GonioResult *result = item ? gonio_item_get_result (item) : NULL;
  if (!result)
    return;
  if (result->side == GONIO_SIDE_LEFT)
    gonio_item_set_side (item, GONIO_SIDE_RIGHT);
  else if (result->side == GONIO_SIDE_RIGHT)
    gonio_item_set_side (item, GONIO_SIDE_LEFT);
}

static void
invert (GonioMainWindow *self)
{
  gonio_viewer_invert (VIEWER (self));
}

static void
auto_window (GonioMainWindow *self)
{
  gonio_viewer_auto_window (VIEWER (self));
}

static void
reset_window (GonioMainWindow *self)
{
  gonio_viewer_reset_window (VIEWER (self));
}

static void
before_after (GonioMainWindow *self)
{
  if (gtk_widget_get_visible (GTK_WIDGET (self->before_after)))
    gtk_toggle_button_set_active (self->before_after,
                                  !gtk_toggle_button_get_active (self->before_after));
}

static void
cycle_overlay (GonioMainWindow *self)
{
  gonio_viewer_cycle_overlay (VIEWER (self));
}

static void
toggle_list (GonioMainWindow *self)
{
  adw_flap_set_reveal_flap (self->list_flap, !adw_flap_get_reveal_flap (self->list_flap));
}

static void
toggle_measures (GonioMainWindow *self)
{
  adw_flap_set_reveal_flap (self->measures_flap, !adw_flap_get_reveal_flap (self->measures_flap));
}

static void
search (GonioMainWindow *self)
{
  adw_flap_set_reveal_flap (self->list_flap, TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (self->search));
}

/* ---- the program ---- */

static void
preferences (GonioMainWindow *self)
{
  gonio_preferences_present (GTK_WINDOW (self), self->engine);
}

static void
diagnostics (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  gonio_diagnostics_window_present (GTK_WINDOW (self), self->engine,
                                    item ? gonio_item_get_result (item) : NULL);
}

/* ---- the table ---- */

typedef enum {
  ALWAYS,
  WITH_SAMPLE,
  WITH_BUSY,
  WITH_ITEM,
  WITH_OUTPUT,
  WITH_VALUE,
  WITH_UNDO,
  WITH_REDO
} Needs;

static const struct {
  const char *name;
  void (*run) (GonioMainWindow *self);
  const char *keys; /* "|"-separated */
  Needs needs;
} table[] = {
    {"win.open", open_files, "<Control>o", ALWAYS},
    {"win.open-folder", open_folder, "<Control><Shift>o", ALWAYS},
    {"win.open-sample", open_sample, NULL, WITH_SAMPLE},
    {"win.export-picture", export_picture, "<Control>e", WITH_OUTPUT},
    {"win.export-json", export_json, "<Control><Shift>e", WITH_OUTPUT},
    {"win.search", search, "<Control>f", ALWAYS},
    {"win.next", next_picture, "j|Page_Down", ALWAYS},
    {"win.previous", previous_picture, "k|Page_Up", ALWAYS},
    {"win.next-to-check", next_to_check, "n", ALWAYS},
    {"win.confirm", confirm, NULL, WITH_VALUE},
    {"win.reject", reject, "x", WITH_OUTPUT},
    {"win.measure-again", measure_again, "<Control>r", WITH_ITEM},
    {"win.measure-flat", measure_flat, NULL, WITH_ITEM},
    {"win.straighten", straighten, "t", WITH_OUTPUT},
    {"win.cancel", cancel, "Escape", WITH_BUSY},
    {"win.pause", pause_queue, NULL, WITH_BUSY},
    {"win.undo", undo, "<Control>z", WITH_UNDO},
    {"win.redo", redo, "<Control><Shift>z", WITH_REDO},
    {"win.zoom-in", zoom_in, "plus|equal|KP_Add", WITH_OUTPUT},
    {"win.zoom-out", zoom_out, "minus|KP_Subtract", WITH_OUTPUT},
    {"win.fit", fit, "f", WITH_OUTPUT},
    {"win.actual-size", actual_size, "1", WITH_OUTPUT},
    {"win.rotate-right", rotate_right, "r", WITH_OUTPUT},
    {"win.rotate-left", rotate_left, "<Shift>r", WITH_OUTPUT},
    {"win.flip", flip, "h", WITH_OUTPUT},
    {"win.invert", invert, "i", WITH_OUTPUT},
    {"win.auto-window", auto_window, "w", WITH_OUTPUT},
    {"win.reset-window", reset_window, "<Shift>w", WITH_OUTPUT},
    {"win.before-after", before_after, "b", WITH_OUTPUT},
    {"win.cycle-overlay", cycle_overlay, "o", WITH_OUTPUT},
    {"win.preferences", preferences, "<Control>comma", ALWAYS},
    {"win.diagnostics", diagnostics, NULL, ALWAYS},
    {"win.toggle-list", toggle_list, "F9", ALWAYS},
    {"win.toggle-measures", toggle_measures, "F8", ALWAYS},
};

static void
run_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_str_equal (table[i].name, name))
      table[i].run (GONIO_MAIN_WINDOW (widget));
}

void
gonio_main_window_update_actions (GonioMainWindow *self)
{
  GonioItem *item = gonio_main_window_current (self);
  const GonioPipelineOutput *output = item ? gonio_item_get_output (item) : NULL;
  const gboolean met[] = {
      [ALWAYS] = TRUE,
      [WITH_SAMPLE] = self->sample && (self->pipeline || !self->engine_error),
      [WITH_BUSY] = gonio_queue_is_busy (self->queue),
      [WITH_ITEM] = item != NULL,
      [WITH_OUTPUT] = output != NULL,
      [WITH_VALUE] = item && gonio_item_get_state (item) == GONIO_STATE_TO_CHECK,
      [WITH_UNDO] = item && gonio_item_can_undo (item),
      [WITH_REDO] = item && gonio_item_can_redo (item),
  };
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    gtk_widget_action_set_enabled (GTK_WIDGET (self), table[i].name, met[table[i].needs]);
}

/* Plain letters must still reach a text field, and arrows and Backspace a landmark: keys are
 * handled in the bubble phase, after the focused widget had its chance. */
static void
add_keys (GtkWidgetClass *klass, const char *keys, const char *action)
{
  g_auto (GStrv) each = g_strsplit (keys, "|", -1);
  for (guint k = 0; each[k]; k++) {
    guint key;
    GdkModifierType modifiers;
    if (gtk_accelerator_parse (each[k], &key, &modifiers))
      gtk_widget_class_add_binding_action (klass, key, modifiers, action, NULL);
  }
}

void
gonio_main_window_install_actions (GtkWidgetClass *klass)
{
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    gtk_widget_class_install_action (klass, table[i].name, NULL, run_action);
    if (table[i].keys)
      add_keys (klass, table[i].keys, table[i].name);
  }
}
