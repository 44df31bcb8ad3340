/* The program as the desktop sees it; see gonio-application.h. */
#include "app/desktop/gonio-application.h"

#include "app/data-dirs.h"
#include "app/desktop/engine-source.h"
#include "ui/dialogs/gonio-about.h"
#include "ui/window/gonio-main-window.h"

#include <glib/gi18n.h>

struct _GonioApplication {
  AdwApplication parent_instance;
  GonioEngine *engine;
  GSettings *settings; /* nullable: no schema is installed */
  GFile *sample;
};

G_DEFINE_FINAL_TYPE (GonioApplication, gonio_application, ADW_TYPE_APPLICATION)

static GonioMainWindow *
ensure_window (GonioApplication *self)
{
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (self));
  if (!window)
    window = GTK_WINDOW (
        gonio_main_window_new (GTK_APPLICATION (self), self->engine, self->settings, self->sample));
  gtk_window_present (window);
  return GONIO_MAIN_WINDOW (window);
}

static void
gonio_application_activate (GApplication *application)
{
  ensure_window (GONIO_APPLICATION (application));
}

static void
gonio_application_open (GApplication *application, GFile **files, int n_files, const char *hint)
{
  gonio_main_window_open_files (ensure_window (GONIO_APPLICATION (application)), files, n_files);
}

static void
on_about (GSimpleAction *action, GVariant *parameter, gpointer self)
{
  gonio_about_present (gtk_application_get_active_window (self));
}

static void
on_quit (GSimpleAction *action, GVariant *parameter, gpointer self)
{
  GtkWindow *window;
  while ((window = gtk_application_get_active_window (self)))
    gtk_window_destroy (window);
}

/* From where the program is installed, or from the folder it was built in. */
static GSettings *
open_settings (void)
{
  static const char id[] = "org.gonio.Gonio";
  GSettingsSchemaSource *installed = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchemaSource) built = NULL;
  g_autoptr (GSettingsSchema) schema =
      installed ? g_settings_schema_source_lookup (installed, id, TRUE) : NULL;
  if (!schema && g_file_test (GONIO_BUILD_SCHEMA_DIR, G_FILE_TEST_IS_DIR))
    built =
        g_settings_schema_source_new_from_directory (GONIO_BUILD_SCHEMA_DIR, installed, TRUE, NULL);
  if (built)
    schema = g_settings_schema_source_lookup (built, id, TRUE);
  /* An older schema would end the program when a key is asked for. */
  if (!schema || !g_settings_schema_has_key (schema, "backend") ||
      !g_settings_schema_has_key (schema, "precision"))
    return NULL;
  return g_settings_new_full (schema, NULL, NULL);
}

/* Models load with the first picture. */
static void
gonio_application_startup (GApplication *application)
{
  static const GActionEntry actions[] = {{.name = "about", .activate = on_about},
                                         {.name = "quit", .activate = on_quit}};
  GonioApplication *self = GONIO_APPLICATION (application);
  G_APPLICATION_CLASS (gonio_application_parent_class)->startup (application);
  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  gtk_application_set_accels_for_action (GTK_APPLICATION (self), "app.quit",
                                         (const char *[]){"<Control>q", NULL});
  gtk_application_set_accels_for_action (GTK_APPLICATION (self), "win.show-help-overlay",
                                         (const char *[]){"<Control>question", NULL});
  gtk_window_set_default_icon_name ("org.gonio.Gonio");

  self->settings = open_settings ();
  self->engine = gonio_engine_new (gonio_engine_source (), self->settings);
  g_auto (GStrv) dirs = gonio_data_dirs ();
  self->sample = gonio_data_find_sample ((const char *const *)dirs);
}

void
gonio_application_finish (GonioApplication *self)
{
  if (self->engine)
    gonio_engine_shut_down (self->engine);
}

static void
gonio_application_finalize (GObject *object)
{
  GonioApplication *self = GONIO_APPLICATION (object);
  g_clear_object (&self->engine);
  g_clear_object (&self->settings);
  g_clear_object (&self->sample);
  G_OBJECT_CLASS (gonio_application_parent_class)->finalize (object);
}

static void
gonio_application_class_init (GonioApplicationClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gonio_application_finalize;
  G_APPLICATION_CLASS (klass)->activate = gonio_application_activate;
  G_APPLICATION_CLASS (klass)->open = gonio_application_open;
  G_APPLICATION_CLASS (klass)->startup = gonio_application_startup;
}

static void
gonio_application_init (GonioApplication *self)
{
}

GonioApplication *
gonio_application_new (void)
{
  return g_object_new (GONIO_TYPE_APPLICATION, "application-id", "org.gonio.Gonio", "flags",
                       G_APPLICATION_HANDLES_OPEN, "resource-base-path", "/org/gonio/Gonio", NULL);
}
