#include "app/backend-choice.h"

#include "app/backend-probe.h"
#include "core/base/error.h"

static void
choice_free (gpointer data)
{
  GonioBackendChoice *choice = data;
  g_free (choice->name);
  g_free (choice->reason);
  g_free (choice->device);
  g_free (choice->driver);
  g_free (choice);
}

char **
gonio_backend_choices_left_out (const GPtrArray *choices)
{
  GPtrArray *words = g_ptr_array_new ();
  for (guint i = 0; i < choices->len; i++) {
    const GonioBackendChoice *choice = choices->pdata[i];
    if (!choice->taken)
      g_ptr_array_add (words, g_strdup_printf ("%s: %s", choice->name, choice->reason));
  }
  g_ptr_array_add (words, NULL);
  return (char **)g_ptr_array_free (words, FALSE);
}

typedef struct {
  const GonioBackendDef *const *all;
  GonioPrecision precision;
  GCancellable *cancellable; /* nullable */
  GPtrArray *choices;        /* GonioBackendChoice */
  GPtrArray *taken;          /* GonioBackendDef */
} Choosing;

static GonioBackendChoice *
consider (Choosing *choosing, const GonioBackendDef *def)
{
  GonioBackendChoice *choice = g_new0 (GonioBackendChoice, 1);
  choice->def = def;
  choice->name = g_strdup (def->name);
  g_ptr_array_add (choosing->choices, choice);
  return choice;
}

static void
take (Choosing *choosing, GonioBackendChoice *choice)
{
  choice->taken = TRUE;
  g_ptr_array_add (choosing->taken, (gpointer)choice->def);
}

static gboolean
probe (const Choosing *choosing, GonioBackendChoice *choice, GonioBackendInfo *out_info,
       GError **error)
{
  if (!gonio_backend_probe (choice->def, out_info, choosing->cancellable, error))
    return FALSE;
  choice->device = g_strdup (out_info->device);
  choice->driver = g_strdup (out_info->driver);
  return TRUE;
}

/* NULL when it passed. */
static char *
self_test (const Choosing *choosing, GonioBackendChoice *choice, const GonioBackendInfo *info)
{
  g_autoptr (GError) error = NULL;
  if (!choice->def->self_test)
    return NULL;
  g_autoptr (GonioBackendCheck) check = gonio_backend_check (choice->def, info, choosing->precision,
                                                             FALSE, choosing->cancellable, &error);
  if (check == NULL)
    return g_strdup (error->message);
  choice->speed = gonio_backend_check_speed (check);
  return g_strdup (check->reason);
}

/* ---- unasked ---- */

#define SOFTWARE_WORDS "a software rasteriser: the processor's own kernels are faster"

static gboolean
software_is_welcome (void)
{
  return g_strcmp0 (g_getenv (GONIO_GL_SOFTWARE_VARIABLE), "1") == 0;
}

static const GonioBackendDef *
find_device (const Choosing *choosing)
{
  for (guint i = 0; i < choosing->taken->len; i++) {
    const GonioBackendDef *def = choosing->taken->pdata[i];
    if (def->self_test)
      return def;
  }
  return NULL;
}

/* Why a backend with a driver of the machine's is not taken; NULL: it is. */
static char *
doubt (Choosing *choosing, GonioBackendChoice *choice)
{
  const GonioBackendDef *def = choice->def, *device = find_device (choosing);
  g_auto (GonioBackendInfo) info = {0};
  g_autoptr (GError) error = NULL;
  if (device != NULL)
    return g_strdup_printf ("%s is taken, which is preferred on the same device", device->name);
  const char *words = NULL;
  if (def->discouraged != NULL && !software_is_welcome ()) {
    GonioDriverWatch watch;
    if (!gonio_driver_watch_begin (def, choosing->cancellable, &watch, &error))
      return g_strdup_printf ("not available: %s", error->message);
    words = def->discouraged ();
    gonio_driver_watch_end (watch);
  }
  if (words != NULL)
    return g_strdup (words);
  if (!probe (choosing, choice, &info, &error))
    return g_strdup_printf ("not available: %s", error->message);
  if (info.software && !software_is_welcome ())
    return g_strdup (SOFTWARE_WORDS);
  g_autofree char *failure = self_test (choosing, choice, &info);
  if (failure != NULL)
    return g_steal_pointer (&failure);
  if (!info.software && choice->speed == 0)
    return g_strdup ("its speed could not be measured");
  if (!info.software && choice->speed <= 1)
    return g_strdup_printf ("slower than the processor on this machine: %.2f times its speed",
                            choice->speed);
  return NULL;
}

static void
choose_unasked (Choosing *choosing)
{
  for (guint i = 0; choosing->all[i] != NULL; i++) {
    GonioBackendChoice *choice = consider (choosing, choosing->all[i]);
    g_auto (GonioBackendInfo) info = {0};
    g_autoptr (GError) error = NULL;
    if (choice->def->self_test)
      choice->reason = doubt (choosing, choice);
    else if (!probe (choosing, choice, &info, &error))
      choice->reason = g_strdup_printf ("not available: %s", error->message);
    if (choice->reason == NULL)
      take (choosing, choice);
    else
      g_info ("backend %s is left out: %s", choice->name, choice->reason);
  }
}

/* ---- by name ---- */

static const GonioBackendDef *
find_named (const Choosing *choosing, const char *name, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint i = 0; choosing->all[i] != NULL; i++) {
    if (g_str_equal (choosing->all[i]->name, name))
      return choosing->all[i];
    g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", choosing->all[i]->name);
  }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "there is no backend '%s'; this program has %s", name, names->str);
  return NULL;
}

static gboolean
was_considered (const Choosing *choosing, const GonioBackendDef *def)
{
  for (guint i = 0; i < choosing->choices->len; i++)
    if (((const GonioBackendChoice *)choosing->choices->pdata[i])->def == def)
      return TRUE;
  return FALSE;
}

static gboolean
choose_named (Choosing *choosing, const char *name, GError **error)
{
  const GonioBackendDef *def = find_named (choosing, name, error);
  g_auto (GonioBackendInfo) info = {0};
  if (def == NULL)
    return FALSE;
  if (was_considered (choosing, def)) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "backend '%s' is listed twice",
                 name);
    return FALSE;
  }
  GonioBackendChoice *choice = consider (choosing, def);
  if (!probe (choosing, choice, &info, error)) {
    g_prefix_error (error, "backend '%s': ", name);
    return FALSE;
  }
  if (g_strcmp0 (g_getenv (GONIO_SELF_TEST_VARIABLE), "off") != 0)
    choice->reason = self_test (choosing, choice, &info);
  else if (def->self_test)
    g_message ("%s is taken without its self-test", name);
  if (choice->reason == NULL)
    take (choosing, choice);
  return TRUE;
}

/* Nothing of the list may be used. */
static void
refuse_all (const Choosing *choosing, GError **error)
{
  g_autoptr (GString) words = g_string_new (NULL);
  for (guint i = 0; i < choosing->choices->len; i++) {
    const GonioBackendChoice *choice = choosing->choices->pdata[i];
    g_string_append_printf (words, "%sbackend '%s': %s", i > 0 ? "; " : "", choice->name,
                            choice->reason);
  }
  g_set_error_literal (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNAVAILABLE, words->str);
}

const GonioBackendDef **
gonio_backend_choice_make (const GonioBackendDef *const *all, const char *list,
                           GonioPrecision precision, GPtrArray **out_choices,
                           GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) choices = g_ptr_array_new_with_free_func (choice_free);
  g_autoptr (GPtrArray) taken = g_ptr_array_new ();
  Choosing choosing = {all, precision, cancellable, choices, taken};
  if (list == NULL || g_str_equal (list, "auto")) {
    choose_unasked (&choosing);
  } else {
    g_auto (GStrv) names = g_strsplit (list, ",", -1);
    for (guint i = 0; names[i] != NULL; i++)
      if (!choose_named (&choosing, g_strstrip (names[i]), error))
        return NULL;
  }
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL; /* what was left out for that is not unusable */
  if (choices->len == 0) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "the list of backends is empty");
    return NULL;
  }
  if (taken->len == 0) {
    refuse_all (&choosing, error);
    return NULL;
  }
  g_ptr_array_add (taken, NULL);
  if (out_choices != NULL)
    *out_choices = g_steal_pointer (&choices);
  return (const GonioBackendDef **)g_ptr_array_free (g_steal_pointer (&taken), FALSE);
}
