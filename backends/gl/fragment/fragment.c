/* The definition of the gl-fragment backend. */
#include "backends/gl/fragment/fragment.h"

#include "backends/gl/common/backend.h"
#include "backends/gl/common/region.h"

static gboolean
probe (GonioBackendInfo *out_info, GError **error)
{
  return gonio_gl_probe (&gonio_gl_fragment_device, out_info, error);
}

static GonioBackend *
create (const GonioBackendOptions *options, GError **error)
{
  return gonio_gl_create (&gonio_gl_fragment_device, error);
}

static size_t
workspace_size (const GonioCompiled *compiled)
{
  return 0;
}

const GonioBackendDef gonio_backend_gl_fragment = {
    .api_version = GONIO_BACKEND_API,
    .name = "gl-fragment",
    .probe = probe,
    .create = create,
    .destroy = gonio_gl_destroy,
    .claim = gonio_gl_claim,
    .compile = gonio_gl_compile,
    .compiled_free = gonio_gl_compiled_free,
    .workspace_size = workspace_size,
    .run = gonio_gl_run,
    .border_ns = 200000,
    .border_ns_per_byte = 0.3,
    .has_op = gonio_gl_has_op,
};
