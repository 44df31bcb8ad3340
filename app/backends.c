/* The ordered list of backends. Depends on backends. */
#include "app/backends.h"

#include "app/image-decoder.h"

#include "backends/reference/reference.h"
#include "core/base/error.h"
#ifdef GONIO_BACKEND_CPU
#include "backends/cpu/cpu.h"
#endif
#ifdef GONIO_BACKEND_GL
#include "backends/gl/compute/compute.h"
#include "backends/gl/fragment/fragment.h"
#endif

/* In order of preference. Those behind reference are taken only when they are asked for. */
static const GonioBackendDef *const all[] = {
#ifdef GONIO_BACKEND_CPU
    &gonio_backend_cpu,
#endif
    &gonio_backend_reference,
#ifdef GONIO_BACKEND_GL
    &gonio_backend_gl_compute,
    &gonio_backend_gl_fragment,
#endif
    NULL,
};

const GonioBackendDef *const *
gonio_backends (void)
{
  gonio_image_decoder_install ();
  return all;
}

gboolean
gonio_backends_evaluate (const GonioGraph *graph, GonioNodeId node, GonioTensor *const *inputs,
                         GonioTensor **outputs, GError **error)
{
  return gonio_backend_reference.evaluate (graph, node, inputs, outputs, error);
}

const GonioBackendDef *
gonio_backend_find (const char *name)
{
  for (guint i = 0; all[i] != NULL; i++)
    if (g_str_equal (all[i]->name, name))
      return all[i];
  return NULL;
}

static gboolean
probe (const GonioBackendDef *def, GonioBackendInfo *out_info, GError **error)
{
  GonioBackendInfo info = {0};
  if (def->probe != NULL && !def->probe (&info, error))
    return FALSE;
  *out_info = info;
  return TRUE;
}

static void
clear_info (GonioBackendInfo *info)
{
  g_free (info->device);
  g_free (info->driver);
}

gboolean
gonio_backend_describe (const GonioBackendDef *def, char **out_text, GError **error)
{
  GonioBackendInfo info = {0};
  if (!probe (def, &info, error))
    return FALSE;
  *out_text = g_strdup_printf ("%s; %s", info.device != NULL ? info.device : "no device name",
                               info.driver != NULL ? info.driver : "no driver name");
  clear_info (&info);
  return TRUE;
}

static void
unknown_backend (const char *name, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint i = 0; all[i] != NULL; i++)
    g_string_append_printf (names, "%s%s", i ? ", " : "", all[i]->name);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "there is no backend '%s'; this program has %s", name, names->str);
}

static gboolean
add_named (GPtrArray *chosen, const char *name, GError **error)
{
  const GonioBackendDef *def = gonio_backend_find (name);
  GonioBackendInfo info = {0};
  if (def == NULL) {
    unknown_backend (name, error);
    return FALSE;
  }
  if (g_ptr_array_find (chosen, def, NULL)) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "backend '%s' is listed twice",
                 name);
    return FALSE;
  }
  if (!probe (def, &info, error)) {
    g_prefix_error (error, "backend '%s': ", name);
    return FALSE;
  }
  clear_info (&info);
  g_ptr_array_add (chosen, (gpointer)def);
  return TRUE;
}

static void
add_available (GPtrArray *chosen)
{
  for (guint i = 0; all[i] != NULL; i++) {
    GonioBackendInfo info = {0};
    g_autoptr (GError) error = NULL;
    if (probe (all[i], &info, &error)) {
      clear_info (&info);
      g_ptr_array_add (chosen, (gpointer)all[i]);
    } else {
      g_info ("backend %s is left out: %s", all[i]->name, error->message);
    }
    if (all[i] == &gonio_backend_reference)
      break;
  }
}

const GonioBackendDef **
gonio_backends_parse (const char *list, GError **error)
{
  g_autoptr (GPtrArray) chosen = g_ptr_array_new ();

  gonio_image_decoder_install ();
  if (list == NULL || g_str_equal (list, "auto")) {
    add_available (chosen);
  } else {
    g_auto (GStrv) names = g_strsplit (list, ",", -1);
    for (guint i = 0; names[i] != NULL; i++)
      if (!add_named (chosen, g_strstrip (names[i]), error))
        return NULL;
  }
  if (chosen->len == 0) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "the list of backends is empty");
    return NULL;
  }
  g_ptr_array_add (chosen, NULL);
  return (const GonioBackendDef **)g_ptr_array_free (g_steal_pointer (&chosen), FALSE);
}
