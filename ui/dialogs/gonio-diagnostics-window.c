/* The Diagnostics window; see gonio-diagnostics-window.h. */
#include "ui/dialogs/gonio-diagnostics-window.h"

#include "core/base/busy.h"
#include "ui/model/gonio-diagnostics.h"

#include <glib/gi18n.h>

struct _GonioDiagnosticsWindow {
  AdwWindow parent_instance;
  GonioEngine *engine;
  GonioResult *result; /* nullable */
  GtkStack *stack;     /* "busy", "page" */
  AdwPreferencesPage *page;
  AdwToastOverlay *toasts;
  GtkWidget *copy;
  GPtrArray *groups; /* AdwPreferencesGroup*, of the page */
  char *text;        /* nullable: nothing yet */
  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE (GonioDiagnosticsWindow, gonio_diagnostics_window, ADW_TYPE_WINDOW)

/* ---- facts, collected on a worker thread ---- */

static void
facts_free (gpointer data)
{
  GonioDiagnosticFacts *facts = data;
  g_clear_pointer (&facts->pipeline, gonio_pipeline_unref);
  g_clear_pointer (&facts->backends, g_ptr_array_unref);
  g_clear_pointer (&facts->libraries, g_ptr_array_unref);
  gonio_result_unref ((GonioResult *)facts->result);
  g_free ((char *)facts->error);
  g_free ((char *)facts->note);
  g_free ((char *)facts->choice);
  g_free (facts);
}

static GonioDiagnosticFacts *
dup_facts (GonioDiagnosticsWindow *self)
{
  GonioEngine *engine = self->engine;
  GonioPipeline *pipeline = gonio_engine_get_pipeline (engine);
  GPtrArray *backends = gonio_engine_get_backends (engine);
  GonioDiagnosticFacts *facts = g_new0 (GonioDiagnosticFacts, 1);
  facts->pipeline = pipeline ? gonio_pipeline_ref (pipeline) : NULL;
  facts->error = g_strdup (gonio_engine_get_error (engine));
  facts->note = g_strdup (gonio_engine_get_note (engine));
  facts->backends = backends ? g_ptr_array_ref (backends) : NULL;
  facts->choice = g_strdup (gonio_engine_get_backend (engine));
  facts->precision = gonio_engine_get_precision (engine);
  facts->result = self->result ? gonio_result_ref (self->result) : NULL;
  facts->libraries = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (facts->libraries,
                   g_strdup_printf ("GTK %u.%u.%u", gtk_get_major_version (),
                                    gtk_get_minor_version (), gtk_get_micro_version ()));
  g_ptr_array_add (facts->libraries,
                   g_strdup_printf ("libadwaita %u.%u.%u", adw_get_major_version (),
                                    adw_get_minor_version (), adw_get_micro_version ()));
  g_ptr_array_add (facts->libraries, g_strdup_printf ("GLib %u.%u.%u", glib_major_version,
                                                      glib_minor_version, glib_micro_version));
  return facts;
}

static void
collect_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GonioDiagnosticFacts *facts = data;
  GPtrArray *sections = gonio_diagnostics_collect (facts);
  /* Not on the main thread: it may be the last to hold it. */
  g_clear_pointer (&facts->pipeline, gonio_pipeline_unref);
  g_task_return_pointer (task, sections, (GDestroyNotify)g_ptr_array_unref);
  gonio_busy_end ();
}

/* ---- rows ---- */

static GtkWidget *
new_line (const char *text)
{
  GtkWidget *row = adw_action_row_new ();
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), text);
  adw_action_row_set_title_lines (ADW_ACTION_ROW (row), 0);
  return row;
}

static GtkWidget *
new_row (const GonioDiagnosticRow *from)
{
  if (from->details->len == 0) {
    GtkWidget *row = new_line (from->title);
    adw_action_row_set_subtitle (ADW_ACTION_ROW (row), from->text);
    adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (row), 0);
    return row;
  }
  GtkWidget *row = adw_expander_row_new ();
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), from->title);
  adw_expander_row_set_subtitle (ADW_EXPANDER_ROW (row), from->text);
  for (guint i = 0; i < from->details->len; i++)
    adw_expander_row_add_row (ADW_EXPANDER_ROW (row), new_line (from->details->pdata[i]));
  return row;
}

static void
show_sections (GonioDiagnosticsWindow *self, GPtrArray *sections)
{
  for (guint i = 0; i < self->groups->len; i++)
    adw_preferences_page_remove (self->page, self->groups->pdata[i]);
  g_ptr_array_set_size (self->groups, 0);
  for (guint i = 0; i < sections->len; i++) {
    const GonioDiagnosticSection *section = sections->pdata[i];
    GtkWidget *group = adw_preferences_group_new ();
    adw_preferences_group_set_title (ADW_PREFERENCES_GROUP (group), section->title);
    for (guint k = 0; k < section->rows->len; k++)
      adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), new_row (section->rows->pdata[k]));
    adw_preferences_page_add (self->page, ADW_PREFERENCES_GROUP (group));
    g_ptr_array_add (self->groups, group);
  }
}

static void
on_collected (GObject *source, GAsyncResult *result, gpointer data)
{
  GonioDiagnosticsWindow *self = GONIO_DIAGNOSTICS_WINDOW (source);
  g_autoptr (GPtrArray) sections = g_task_propagate_pointer (G_TASK (result), NULL);
  if (!sections) /* closed, or something newer is on its way */
    return;
  char *text = gonio_diagnostics_to_text (sections);
  if (g_strcmp0 (text, self->text) != 0)
    show_sections (self, sections); /* else what is unfolded stays so */
  g_free (self->text);
  self->text = text;
  gtk_widget_set_sensitive (self->copy, TRUE);
  gtk_stack_set_visible_child_name (self->stack, "page");
}

static void
collect (GonioDiagnosticsWindow *self)
{
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  g_autoptr (GTask) task = g_task_new (self, self->cancellable, on_collected, NULL);
  g_task_set_task_data (task, dup_facts (self), facts_free);
  gonio_busy_begin ();
  g_task_run_in_thread (task, collect_in_thread);
}

/* Once the backends have answered, and when settings change. */
static void
on_engine_changed (GonioEngine *engine, GonioDiagnosticsWindow *self)
{
  if (gonio_engine_get_backends (engine) && !gonio_engine_is_busy (engine))
    collect (self);
}

/* ---- copying ---- */

static void
on_copy (GtkButton *button, GonioDiagnosticsWindow *self)
{
  if (!self->text)
    return;
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), self->text);
  adw_toast_overlay_add_toast (self->toasts, adw_toast_new (_ ("Copied")));
}

/* ---- building ---- */

static GtkWidget *
new_busy (void)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  GtkWidget *spinner = gtk_spinner_new ();
  gtk_spinner_start (GTK_SPINNER (spinner));
  gtk_widget_set_size_request (spinner, 48, 48);
  gtk_box_append (GTK_BOX (box), spinner);
  gtk_box_append (GTK_BOX (box), gtk_label_new (_ ("Looking at this computer…")));
  gtk_widget_set_valign (box, GTK_ALIGN_CENTER);
  gtk_widget_set_vexpand (box, TRUE);
  return box;
}

static GtkWidget *
new_header (GonioDiagnosticsWindow *self)
{
  GtkWidget *header = adw_header_bar_new ();
  self->copy = gtk_button_new_with_mnemonic (_ ("_Copy"));
  gtk_widget_set_tooltip_text (self->copy, _ ("Copy everything as text"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->copy), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Copy everything as text"), -1);
  gtk_widget_set_sensitive (self->copy, FALSE);
  g_signal_connect (self->copy, "clicked", G_CALLBACK (on_copy), self);
  adw_header_bar_pack_start (ADW_HEADER_BAR (header), self->copy);
  return header;
}

static void
build (GonioDiagnosticsWindow *self)
{
  self->page = ADW_PREFERENCES_PAGE (adw_preferences_page_new ());
  self->stack = GTK_STACK (gtk_stack_new ());
  gtk_stack_add_named (self->stack, new_busy (), "busy");
  gtk_stack_add_named (self->stack, GTK_WIDGET (self->page), "page");
  self->toasts = ADW_TOAST_OVERLAY (adw_toast_overlay_new ());
  adw_toast_overlay_set_child (self->toasts, GTK_WIDGET (self->stack));
  gtk_widget_set_vexpand (GTK_WIDGET (self->toasts), TRUE);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  gtk_box_append (GTK_BOX (box), new_header (self));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->toasts));
  adw_window_set_content (ADW_WINDOW (self), box);
}

/* ---- life ---- */

static void
gonio_diagnostics_window_dispose (GObject *object)
{
  GonioDiagnosticsWindow *self = GONIO_DIAGNOSTICS_WINDOW (object);
  g_cancellable_cancel (self->cancellable);
  if (self->engine)
    g_signal_handlers_disconnect_by_data (self->engine, self);
  g_clear_object (&self->engine);
  G_OBJECT_CLASS (gonio_diagnostics_window_parent_class)->dispose (object);
}

static void
gonio_diagnostics_window_finalize (GObject *object)
{
  GonioDiagnosticsWindow *self = GONIO_DIAGNOSTICS_WINDOW (object);
  g_clear_pointer (&self->result, gonio_result_unref);
  g_ptr_array_unref (self->groups);
  g_object_unref (self->cancellable);
  g_free (self->text);
  G_OBJECT_CLASS (gonio_diagnostics_window_parent_class)->finalize (object);
}

static void
gonio_diagnostics_window_class_init (GonioDiagnosticsWindowClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = gonio_diagnostics_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = gonio_diagnostics_window_finalize;
  gtk_widget_class_add_binding_action (GTK_WIDGET_CLASS (klass), GDK_KEY_Escape, 0, "window.close",
                                       NULL);
}

static void
gonio_diagnostics_window_init (GonioDiagnosticsWindow *self)
{
  self->cancellable = g_cancellable_new ();
  self->groups = g_ptr_array_new ();
  gtk_window_set_title (GTK_WINDOW (self), _ ("Diagnostics"));
  gtk_window_set_default_size (GTK_WINDOW (self), 640, 720);
  build (self);
}

void
gonio_diagnostics_window_present (GtkWindow *parent, GonioEngine *engine, const GonioResult *result)
{
  GonioDiagnosticsWindow *self =
      g_object_new (GONIO_TYPE_DIAGNOSTICS_WINDOW, "transient-for", parent, NULL);
  self->engine = g_object_ref (engine);
  self->result = result ? gonio_result_copy (result) : NULL;
  g_signal_connect (engine, "changed", G_CALLBACK (on_engine_changed), self);
  gonio_engine_look_at_backends (engine);
  gtk_window_present (GTK_WINDOW (self));
}
