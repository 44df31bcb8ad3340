#include "backends/gl/common/backend.h"

#include "backends/gl/common/lower.h"
#include "core/base/error.h"

static GonioGlContext *
acquire (const GonioGlDevice *device, GError **error)
{
  GonioGlContext *context = gonio_gl_context_acquire (error);
  const char *reason = context ? device->refuses (gonio_gl_context_limits (context)) : NULL;
  if (!reason)
    return context;
  g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNAVAILABLE, "%s: %s",
               gonio_gl_context_limits (context)->renderer, reason);
  gonio_gl_context_unref (context);
  return NULL;
}

gboolean
gonio_gl_probe (const GonioGlDevice *device, GonioBackendInfo *out_info, GError **error)
{
  GonioGlContext *context = acquire (device, error);
  if (!context)
    return FALSE;
  const GonioGlLimits *limits = gonio_gl_context_limits (context);
  out_info->device = g_strdup (limits->renderer);
  out_info->driver = g_strdup_printf ("OpenGL%s %s", limits->es ? " ES" : "", limits->driver);
  gonio_gl_context_unref (context);
  return TRUE;
}

GonioBackend *
gonio_gl_create (const GonioGlDevice *device, GError **error)
{
  GonioGlContext *context = acquire (device, error);
  if (!context)
    return NULL;
  g_autofree char *folder =
      g_build_filename (g_get_user_cache_dir (), "gonio", "gl-programs", NULL);
  GonioBackend *backend = g_new0 (GonioBackend, 1);
  backend->device = device;
  backend->context = context;
  backend->programs = gonio_gl_programs_new (context, device->prologue, folder);
  return backend;
}

static void
free_programs (gpointer data)
{
  gonio_gl_programs_free (data);
}

void
gonio_gl_destroy (GonioBackend *backend)
{
  if (!backend)
    return;
  gonio_gl_context_free (backend->context, free_programs, backend->programs);
  gonio_gl_context_unref (backend->context);
  g_free (backend);
}

size_t
gonio_gl_workspace_size (const GonioCompiled *compiled)
{
  return 0; /* what lies on the device belongs to the region */
}
