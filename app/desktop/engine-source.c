/* Backends and pipelines for the window; see engine-source.h. */
#include "app/desktop/engine-source.h"

#include "app/backend-probe.h"
#include "app/backends.h"
#include "app/data-dirs.h"

/* choices: nullable. */
static const GonioBackendChoice *
find_choice (const GPtrArray *choices, const char *name)
{
  for (guint i = 0; choices != NULL && i < choices->len; i++) {
    const GonioBackendChoice *choice = choices->pdata[i];
    if (g_str_equal (choice->name, name))
      return choice;
  }
  return NULL;
}

static GPtrArray *
list_backends (gboolean decide, GCancellable *cancellable)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_engine_backend_free);
  g_autoptr (GPtrArray) choices = NULL;
  g_autofree const GonioBackendDef **taken =
      decide ? gonio_backends_choose_for (NULL, GONIO_PRECISION_FP32, &choices, cancellable, NULL)
             : NULL;
  for (const GonioBackendDef *const *def = gonio_backends (); *def != NULL; def++) {
    GonioEngineBackend *backend = g_new0 (GonioEngineBackend, 1);
    const GonioBackendChoice *choice = find_choice (choices, (*def)->name);
    g_auto (GonioBackendInfo) info = {0};
    g_autoptr (GError) error = NULL;
    backend->name = g_strdup ((*def)->name);
    backend->graphics = g_str_has_prefix ((*def)->name, "gl-");
    if (gonio_backend_probe (*def, &info, cancellable, &error)) {
      backend->device = g_steal_pointer (&info.device);
      backend->driver = g_steal_pointer (&info.driver);
      backend->decided = choices != NULL;
      backend->automatic = choice != NULL && choice->taken;
      backend->passed_over = choice != NULL ? g_strdup (choice->reason) : NULL;
    } else {
      backend->problem = g_strdup (error->message);
    }
    g_ptr_array_add (list, backend);
  }
  return list;
}

/* The chosen backend, and behind it what takes over where it cannot. NULL: automatic. */
static char *
names_for (const char *choice)
{
  static const char *const behind[] = {"cpu", "reference"};
  if (gonio_backend_find (choice) == NULL)
    return NULL;
  g_autoptr (GString) names = g_string_new (choice);
  for (guint i = 0; i < G_N_ELEMENTS (behind) && !g_str_equal (choice, "reference"); i++)
    if (!g_str_equal (choice, behind[i]) && gonio_backend_find (behind[i]) != NULL)
      g_string_append_printf (names, ",%s", behind[i]);
  return g_string_free (g_steal_pointer (&names), FALSE);
}

static GonioPipeline *
open_with (const GonioBackendDef *const *backends, const GPtrArray *choices, const char *choice,
           GonioPrecision precision, GError **error)
{
  g_auto (GStrv) left_out = choices != NULL ? gonio_backend_choices_left_out (choices) : NULL;
  g_auto (GStrv) dirs = gonio_data_dirs ();
  g_auto (GStrv) models = gonio_data_subdirs ((const char *const *)dirs, "models");
  g_auto (GStrv) protocols = gonio_data_subdirs ((const char *const *)dirs, "protocols");
  const GonioPipelineOptions options = {
      .backends = backends,
      .backend_choice = choice,
      .evaluate = gonio_backends_evaluate,
      .precision = precision,
      .model_dirs = (const char *const *)models,
      .protocol_dirs = (const char *const *)protocols,
      .left_out = (const char *const *)left_out,
  };
  return gonio_pipeline_new (&options, error);
}

static GonioPipeline *
open_pipeline (const char *choice, GonioPrecision precision, GCancellable *cancellable,
               char **out_note, GError **error)
{
  g_autofree char *names = names_for (choice);
  g_autoptr (GError) unusable = NULL;
  g_autoptr (GPtrArray) choices = NULL;
  g_autofree const GonioBackendDef **backends =
      gonio_backends_choose_for (names, precision, &choices, cancellable, &unusable);
  const GonioBackendChoice *asked = names != NULL ? find_choice (choices, choice) : NULL;
  if (backends == NULL) {
    *out_note = g_strdup (unusable->message);
    backends = gonio_backends_choose_for (NULL, precision, &choices, cancellable, error);
  } else if (asked != NULL) {
    *out_note = g_strdup (asked->reason); /* it failed its self-test, and others are used */
  }
  return backends != NULL ? open_with (backends, choices,
                                       names != NULL ? choice : GONIO_ENGINE_AUTO, precision, error)
                          : NULL;
}

static GonioPipeline *
open_at_once (GError **error)
{
  g_autofree const GonioBackendDef **backends = gonio_backends_host ();
  return open_with (backends, NULL, GONIO_ENGINE_AUTO, GONIO_PRECISION_FP32, error);
}

const GonioEngineSource *
gonio_engine_source (void)
{
  static const GonioEngineSource source = {list_backends, open_pipeline, open_at_once};
  return &source;
}
