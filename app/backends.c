/* The ordered list of backends. Depends on backends. */
#include "app/backends.h"

#include "app/image-decoder.h"

#include "backends/reference/reference.h"
#ifdef GONIO_BACKEND_CPU
#include "backends/cpu/cpu.h"
#endif
#ifdef GONIO_BACKEND_GL
#include "backends/gl/compute/compute.h"
#include "backends/gl/fragment/fragment.h"
#endif

/* In order of preference. */
static const GonioBackendDef *const all[] = {
#ifdef GONIO_BACKEND_GL
    &gonio_backend_gl_compute, &gonio_backend_gl_fragment,
#endif
#ifdef GONIO_BACKEND_CPU
    &gonio_backend_cpu,
#endif
    &gonio_backend_reference,  NULL,
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

gboolean
gonio_backends_main (int argc, char **argv, int *out_status)
{
  return gonio_backend_check_main (all, argc, argv, out_status);
}

const GonioBackendDef **
gonio_backends_choose_for (const char *list, GonioPrecision precision, GPtrArray **out_choices,
                           GCancellable *cancellable, GError **error)
{
  gonio_image_decoder_install ();
  return gonio_backend_choice_make (all, list, precision, out_choices, cancellable, error);
}

const GonioBackendDef **
gonio_backends_choose (const char *list, GPtrArray **out_choices, GError **error)
{
  return gonio_backends_choose_for (list, GONIO_PRECISION_FP32, out_choices, NULL, error);
}

const GonioBackendDef **
gonio_backends_parse (const char *list, GError **error)
{
  return gonio_backends_choose (list, NULL, error);
}

const GonioBackendDef **
gonio_backends_host (void)
{
  GPtrArray *hosts = g_ptr_array_new ();
  gonio_image_decoder_install ();
  for (guint i = 0; all[i] != NULL; i++) {
    g_auto (GonioBackendInfo) info = {0};
    if (!all[i]->self_test && (all[i]->probe == NULL || all[i]->probe (&info, NULL)))
      g_ptr_array_add (hosts, (gpointer)all[i]);
  }
  g_ptr_array_add (hosts, NULL);
  return (const GonioBackendDef **)g_ptr_array_free (hosts, FALSE);
}
