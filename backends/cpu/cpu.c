/* The backend's definition: probing, creation, and the table of its functions. */
#include "backends/cpu/cpu.h"

#include "backends/cpu/lower.h"
#include "backends/cpu/pool.h"
#include "backends/cpu/xnnpack.h"

#include <cpuinfo.h>

static gboolean
probe (GonioBackendInfo *out_info, GError **error)
{
  if (!gonio_cpu_xnnpack_ready (error))
    return FALSE;
  const struct cpuinfo_package *package =
      cpuinfo_get_packages_count () ? cpuinfo_get_package (0) : NULL;
  out_info->device =
      g_strdup_printf ("%s, %s, %u threads", package ? package->name : "processor",
                       gonio_cpu_kernels_select ()->name, gonio_cpu_default_threads ());
  out_info->driver = g_strdup ("own kernels and XNNPACK");
  return TRUE;
}

static GonioBackend *
create (const GonioBackendOptions *options, GError **error)
{
  if (!gonio_cpu_xnnpack_ready (error))
    return NULL;
  g_autofree GonioBackend *backend = g_new0 (GonioBackend, 1);
  backend->threads = options && options->threads ? options->threads : gonio_cpu_default_threads ();
  backend->kernels = gonio_cpu_kernels_select ();
  if (!gonio_cpu_pool_acquire (backend->threads, &backend->pool, error))
    return NULL;
  return g_steal_pointer (&backend);
}

static void
destroy (GonioBackend *backend)
{
  if (!backend)
    return;
  gonio_cpu_pool_release (backend->threads);
  g_free (backend);
}

static gboolean
has_op (guint op)
{
  return gonio_cpu_op (op) != NULL;
}

const GonioBackendDef gonio_backend_cpu = {
    .api_version = GONIO_BACKEND_API,
    .name = "cpu",
    .probe = probe,
    .create = create,
    .destroy = destroy,
    .claim = gonio_cpu_claim,
    .compile = gonio_cpu_compile,
    .compiled_free = gonio_cpu_compiled_free,
    .workspace_size = gonio_cpu_workspace_size,
    .run = gonio_cpu_run,
    .serial = FALSE, /* XNNPACK operators hold state: each such step locks itself */
    .any_layout = TRUE,
    .has_op = has_op,
};
