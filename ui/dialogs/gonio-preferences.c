/* The Preferences window; see gonio-preferences.h. */
#include "ui/dialogs/gonio-preferences.h"

#include "ui/model/gonio-where.h"

#include <glib/gi18n.h>

/* One of several, of which one is chosen. */
typedef struct {
  char *name; /* of a backend or precision */
  AdwActionRow *row;
  GtkCheckButton *check;
} Choice;

struct _GonioPreferences {
  AdwPreferencesWindow parent_instance;
  GonioEngine *engine;
  AdwPreferencesGroup *computing, *precision;
  GtkSpinner *spinner;
  GtkWidget *looking; /* row: the list of backends is not there yet; nullable */
  GArray *backends;   /* Choice; automatic first */
  GArray *precisions; /* Choice */
  gboolean updating;
};

G_DEFINE_FINAL_TYPE (GonioPreferences, gonio_preferences, ADW_TYPE_PREFERENCES_WINDOW)

static void
clear_choice (gpointer data)
{
  g_free (((Choice *)data)->name);
}

static Choice *
choice_at (GArray *choices, guint i)
{
  return &g_array_index (choices, Choice, i);
}

/* ---- rows ---- */

static void
on_chosen (GtkCheckButton *check, GonioPreferences *self)
{
  if (self->updating || !gtk_check_button_get_active (check))
    return;
  for (guint i = 0; i < self->backends->len; i++)
    if (choice_at (self->backends, i)->check == check)
      gonio_engine_set_backend (self->engine, choice_at (self->backends, i)->name);
  GonioPrecision precision;
  for (guint i = 0; i < self->precisions->len; i++)
    if (choice_at (self->precisions, i)->check == check &&
        gonio_precision_parse (choice_at (self->precisions, i)->name, &precision))
      gonio_engine_set_precision (self->engine, precision);
}

static void
add_choice (GonioPreferences *self, AdwPreferencesGroup *group, GArray *choices, const char *name,
            const char *title)
{
  Choice choice = {.name = g_strdup (name),
                   .row = ADW_ACTION_ROW (adw_action_row_new ()),
                   .check = GTK_CHECK_BUTTON (gtk_check_button_new ())};
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (choice.row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (choice.row), title);
  adw_action_row_set_subtitle_lines (choice.row, 4);
  if (choices->len > 0)
    gtk_check_button_set_group (choice.check, choice_at (choices, 0)->check);
  gtk_widget_set_valign (GTK_WIDGET (choice.check), GTK_ALIGN_CENTER);
  g_signal_connect (choice.check, "toggled", G_CALLBACK (on_chosen), self);
  adw_action_row_add_prefix (choice.row, GTK_WIDGET (choice.check));
  /* Also names the button after the row. */
  adw_action_row_set_activatable_widget (choice.row, GTK_WIDGET (choice.check));
  adw_preferences_group_add (group, GTK_WIDGET (choice.row));
  g_array_append_val (choices, choice);
}

static void
set_choice (Choice *choice, const char *subtitle, gboolean sensitive, gboolean chosen)
{
  adw_action_row_set_subtitle (choice->row, subtitle);
  gtk_widget_set_tooltip_text (GTK_WIDGET (choice->row), subtitle);
  gtk_widget_set_sensitive (GTK_WIDGET (choice->row), sensitive);
  gtk_check_button_set_active (choice->check, chosen);
}

/* ---- backends ---- */

/* Are the rows those of the list? */
static gboolean
rows_fit (GonioPreferences *self, GPtrArray *list)
{
  if (self->backends->len != list->len + 1)
    return FALSE;
  for (guint i = 0; i < list->len; i++)
    if (!g_str_equal (choice_at (self->backends, i + 1)->name,
                      ((GonioEngineBackend *)list->pdata[i])->name))
      return FALSE;
  return TRUE;
}

static void
rebuild_backends (GonioPreferences *self, GPtrArray *list)
{
  for (guint i = 1; i < self->backends->len; i++)
    adw_preferences_group_remove (self->computing, GTK_WIDGET (choice_at (self->backends, i)->row));
  g_array_set_size (self->backends, 1);
  for (guint i = 0; i < list->len; i++) {
    const GonioEngineBackend *backend = list->pdata[i];
    add_choice (self, self->computing, self->backends, backend->name,
                gonio_where_backend (backend->name));
  }
}

/* note: why it is not what measures although it is chosen; nullable. */
static char *
backend_subtitle (const GonioEngineBackend *backend, const char *note)
{
  if (note || backend->problem)
    return g_strdup_printf (_ ("Cannot be used on this computer: %s"),
                            note ? note : backend->problem);
  const char *device = backend->device ? backend->device : _ ("unknown device");
  if (backend->passed_over)
    return g_strdup_printf (_ ("%s. Automatic passes it over: %s"), device, backend->passed_over);
  return g_strdup (device);
}

static const GonioEngineBackend *
automatic_backend (GPtrArray *list)
{
  for (guint i = 0; list && i < list->len; i++) {
    const GonioEngineBackend *backend = list->pdata[i];
    if (backend->decided && backend->automatic)
      return backend;
  }
  return NULL;
}

static void
update_backends (GonioPreferences *self)
{
  GPtrArray *list = gonio_engine_get_backends (self->engine);
  const char *chosen = gonio_engine_get_backend (self->engine);
  const GonioEngineBackend *automatic = automatic_backend (list);
  gboolean found = FALSE;
  if (list && self->looking) {
    adw_preferences_group_remove (self->computing, self->looking);
    self->looking = NULL;
  }
  if (list && !rows_fit (self, list))
    rebuild_backends (self, list);
  for (guint i = 0; list && i < list->len; i++) {
    const GonioEngineBackend *backend = list->pdata[i];
    const gboolean is_chosen = g_str_equal (backend->name, chosen);
    g_autofree char *subtitle =
        backend_subtitle (backend, is_chosen ? gonio_engine_get_note (self->engine) : NULL);
    set_choice (choice_at (self->backends, i + 1), subtitle, !backend->problem || is_chosen,
                is_chosen);
    found = found || is_chosen;
  }
  g_autofree char *subtitle =
      automatic ? g_strdup_printf (_ ("The best that works on this computer. Now: %s"),
                                   gonio_where_backend (automatic->name))
                : g_strdup (_ ("The best that works on this computer"));
  set_choice (choice_at (self->backends, 0), subtitle, TRUE, !found);
}

/* ---- precision ---- */

static void
update_precision (GonioPreferences *self)
{
  GPtrArray *list = gonio_engine_get_backends (self->engine);
  gboolean graphics = FALSE;
  for (guint i = 0; list && i < list->len; i++) {
    const GonioEngineBackend *backend = list->pdata[i];
    graphics = graphics || (backend->graphics && !backend->problem);
  }
  const GonioPrecision chosen = gonio_engine_get_precision (self->engine);
  static const char *const subtitles[] = {
      [GONIO_PRECISION_FP32] = N_ ("Numbers of 32 bits, as the models were tested"),
      [GONIO_PRECISION_FP16] = N_ ("Numbers of 16 bits on the graphics card: half the memory, less "
                                   "accurate. Check the angles all the more"),
  };
  for (guint i = 0; i < self->precisions->len; i++) {
    const gboolean is_chosen = i == (guint)chosen;
    set_choice (choice_at (self->precisions, i), _ (subtitles[i]),
                graphics || is_chosen || i == GONIO_PRECISION_FP32, is_chosen);
  }
  adw_preferences_group_set_description (
      self->precision, list && !graphics
                           ? _ ("Counts on graphics cards only; none can be used here.")
                           : _ ("Counts on graphics cards only."));
}

/* ---- the whole ---- */

static void
update (GonioPreferences *self)
{
  self->updating = TRUE;
  update_backends (self);
  update_precision (self);
  self->updating = FALSE;
  const gboolean busy = gonio_engine_is_busy (self->engine);
  gtk_spinner_set_spinning (self->spinner, busy);
  gtk_widget_set_visible (GTK_WIDGET (self->spinner), busy);
  const char *error = gonio_engine_get_error (self->engine);
  g_autofree char *escaped = error ? g_markup_escape_text (error, -1) : NULL;
  adw_preferences_group_set_description (
      self->computing,
      escaped ? escaped
      : gonio_engine_is_persistent (self->engine)
          ? _ ("What works out the angles. A change counts from the next picture on.")
          : _ ("What works out the angles. A change counts from the next picture on, and until "
               "Gonio is closed: it is not fully installed."));
}

static void
on_diagnostics (AdwActionRow *row, GonioPreferences *self)
{
  GtkWindow *parent = gtk_window_get_transient_for (GTK_WINDOW (self));
  gtk_widget_activate_action (GTK_WIDGET (parent), "win.diagnostics", NULL);
  gtk_window_close (GTK_WINDOW (self));
}

static AdwPreferencesGroup *
add_group (AdwPreferencesPage *page, const char *title)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  adw_preferences_group_set_title (group, title);
  adw_preferences_page_add (page, group);
  return group;
}

static void
build (GonioPreferences *self)
{
  AdwPreferencesPage *page = ADW_PREFERENCES_PAGE (adw_preferences_page_new ());
  adw_preferences_page_set_title (page, _ ("Computing"));
  self->computing = add_group (page, _ ("Computing"));
  self->spinner = GTK_SPINNER (gtk_spinner_new ());
  gtk_widget_set_tooltip_text (
      GTK_WIDGET (self->spinner),
      _ ("Getting ready. The first test of a graphics card takes up to a minute"));
  adw_preferences_group_set_header_suffix (self->computing, GTK_WIDGET (self->spinner));
  add_choice (self, self->computing, self->backends, GONIO_ENGINE_AUTO, _ ("Automatic"));
  self->looking = adw_action_row_new ();
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->looking),
                                 _ ("Looking at this computer…"));
  adw_preferences_group_add (self->computing, self->looking);

  self->precision = add_group (page, _ ("Accuracy"));
  add_choice (self, self->precision, self->precisions, gonio_precision_name (GONIO_PRECISION_FP32),
              _ ("Full"));
  add_choice (self, self->precision, self->precisions, gonio_precision_name (GONIO_PRECISION_FP16),
              _ ("Half"));

  AdwPreferencesGroup *more = add_group (page, "");
  GtkWidget *row = adw_action_row_new ();
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ ("Diagnostics"));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), _ ("What ran where, to look at or to send"));
  adw_action_row_add_suffix (ADW_ACTION_ROW (row),
                             gtk_image_new_from_icon_name ("go-next-symbolic"));
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
  g_signal_connect (row, "activated", G_CALLBACK (on_diagnostics), self);
  adw_preferences_group_add (more, row);
  adw_preferences_window_add (ADW_PREFERENCES_WINDOW (self), page);
}

/* ---- life ---- */

static void
gonio_preferences_dispose (GObject *object)
{
  GonioPreferences *self = GONIO_PREFERENCES (object);
  if (self->engine)
    g_signal_handlers_disconnect_by_data (self->engine, self);
  g_clear_object (&self->engine);
  G_OBJECT_CLASS (gonio_preferences_parent_class)->dispose (object);
}

static void
gonio_preferences_finalize (GObject *object)
{
  GonioPreferences *self = GONIO_PREFERENCES (object);
  g_array_unref (self->backends);
  g_array_unref (self->precisions);
  G_OBJECT_CLASS (gonio_preferences_parent_class)->finalize (object);
}

static void
gonio_preferences_class_init (GonioPreferencesClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = gonio_preferences_dispose;
  G_OBJECT_CLASS (klass)->finalize = gonio_preferences_finalize;
}

static void
gonio_preferences_init (GonioPreferences *self)
{
  self->backends = g_array_new (FALSE, FALSE, sizeof (Choice));
  g_array_set_clear_func (self->backends, clear_choice);
  self->precisions = g_array_new (FALSE, FALSE, sizeof (Choice));
  g_array_set_clear_func (self->precisions, clear_choice);
  adw_preferences_window_set_search_enabled (ADW_PREFERENCES_WINDOW (self), FALSE);
  gtk_window_set_title (GTK_WINDOW (self), _ ("Preferences"));
  gtk_window_set_default_size (GTK_WINDOW (self), 560, 680);
  build (self);
}

void
gonio_preferences_present (GtkWindow *parent, GonioEngine *engine)
{
  GonioPreferences *self =
      g_object_new (GONIO_TYPE_PREFERENCES, "transient-for", parent, "modal", TRUE, NULL);
  self->engine = g_object_ref (engine);
  g_signal_connect_swapped (engine, "changed", G_CALLBACK (update), self);
  update (self);
  gonio_engine_look_at_backends (engine);
  gtk_window_present (GTK_WINDOW (self));
}
