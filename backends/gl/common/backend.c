#include "backends/gl/common/backend.h"

#include "backends/gl/common/describe.h"
#include "backends/gl/common/lower.h"
#include "core/base/error.h"

static GonioGlContext *
acquire (const GonioGlDevice *device, GonioPrecision precision, GError **error)
{
  GonioGlContext *context = gonio_gl_context_acquire (error);
  const char *reason =
      context ? device->refuses (gonio_gl_context_limits (context), precision) : NULL;
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
  GonioGlContext *context = acquire (device, GONIO_PRECISION_FP32, error);
  if (!context)
    return FALSE;
  const GonioGlLimits *limits = gonio_gl_context_limits (context);
  out_info->device = g_strdup (limits->renderer);
  /* of OpenGL ES the driver's own words begin with that */
  out_info->driver = g_strconcat (limits->es ? "" : "OpenGL ", limits->driver, NULL);
  out_info->limits = gonio_gl_describe (limits);
  out_info->software = gonio_gl_is_software (limits->renderer);
  out_info->half = !device->has_full (limits);
  gonio_gl_context_unref (context);
  return TRUE;
}

const char *
gonio_gl_discouraged (void)
{
  return gonio_gl_only_software () ? "a software rasteriser: the processor's own kernels are faster"
                                   : NULL;
}

/* Programs and buffers are shared by all sessions of a context. */
static GMutex list_lock;
static GList *backends;

static GonioBackend *
find_backend (const GonioGlDevice *device, const GonioGlContext *context, gboolean half)
{
  for (GList *l = backends; l; l = l->next) {
    GonioBackend *backend = l->data;
    if (backend->device == device && backend->context == context && backend->half == half)
      return backend;
  }
  return NULL;
}

static GonioBackend *
new_backend (const GonioGlDevice *device, GonioGlContext *context, gboolean half)
{
  g_autofree char *folder =
      g_build_filename (g_get_user_cache_dir (), "gonio", "gl-programs", NULL);
  GonioBackend *backend = g_new0 (GonioBackend, 1);
  backend->device = device;
  backend->context = context;
  backend->half = half;
  backend->full = device->has_full (gonio_gl_context_limits (context));
  backend->programs = gonio_gl_programs_new (context, device->prologue, folder);
  backend->buffers = gonio_gl_buffers_new (context, device);
  backends = g_list_prepend (backends, backend);
  return backend;
}

GonioBackend *
gonio_gl_create (const GonioGlDevice *device, const GonioBackendOptions *options, GError **error)
{
  GonioGlContext *context = acquire (device, options->precision, error);
  if (!context)
    return NULL;
  gboolean half = options->precision == GONIO_PRECISION_FP16 ||
                  !device->has_full (gonio_gl_context_limits (context));
  g_mutex_lock (&list_lock);
  GonioBackend *backend = find_backend (device, context, half);
  if (backend)
    gonio_gl_context_unref (context);
  else
    backend = new_backend (device, context, half);
  backend->refs++;
  g_mutex_unlock (&list_lock);
  return backend;
}

static void
free_contents (gpointer data)
{
  GonioBackend *backend = data;
  gonio_gl_programs_free (backend->programs);
  gonio_gl_buffers_free (backend->buffers);
}

void
gonio_gl_destroy (GonioBackend *backend)
{
  if (!backend)
    return;
  g_mutex_lock (&list_lock);
  gboolean last = --backend->refs == 0;
  if (last)
    backends = g_list_remove (backends, backend);
  g_mutex_unlock (&list_lock);
  if (!last)
    return;
  gonio_gl_context_free (backend->context, free_contents, backend);
  gonio_gl_context_unref (backend->context);
  g_free (backend);
}

size_t
gonio_gl_workspace_size (const GonioCompiled *compiled)
{
  return 0; /* all memory is the device's */
}
