/* What the two definitions of backends share: probing, creating, destroying. Depends on lower. */
#pragma once

#include "backends/gl/common/device.h"
#include "backends/gl/common/region.h"
#include "core/session/backend.h"
#include "revision.h"

G_BEGIN_DECLS

gboolean gonio_gl_probe (const GonioGlDevice *device, GonioBackendInfo *out_info, GError **error);
const char *gonio_gl_discouraged (void);
GonioBackend *gonio_gl_create (const GonioGlDevice *device, const GonioBackendOptions *options,
                               GError **error);
void gonio_gl_destroy (GonioBackend *backend);
size_t gonio_gl_workspace_size (const GonioCompiled *compiled);

/* The definition of a backend on a device: functions of a table have no data to tell them which. */
#define GONIO_GL_BACKEND(DEF, NAME, DEVICE)                                                        \
  static gboolean probe (GonioBackendInfo *out_info, GError **error)                               \
  {                                                                                                \
    return gonio_gl_probe (&DEVICE, out_info, error);                                              \
  }                                                                                                \
  static GonioBackend *create (const GonioBackendOptions *options, GError **error)                 \
  {                                                                                                \
    return gonio_gl_create (&DEVICE, options, error);                                              \
  }                                                                                                \
  const GonioBackendDef DEF = {                                                                    \
      .api_version = GONIO_BACKEND_API,                                                            \
      .name = NAME,                                                                                \
      .probe = probe,                                                                              \
      .create = create,                                                                            \
      .destroy = gonio_gl_destroy,                                                                 \
      .claim = gonio_gl_claim,                                                                     \
      .compile = gonio_gl_compile,                                                                 \
      .compiled_free = gonio_gl_compiled_free,                                                     \
      .workspace_size = gonio_gl_workspace_size,                                                   \
      .run = gonio_gl_run,                                                                         \
      .revocable = TRUE,                                                                           \
      .self_test = TRUE,                                                                           \
      .revision = GONIO_GL_REVISION,                                                               \
      .discouraged = gonio_gl_discouraged,                                                         \
      .border_ns = 200000,                                                                         \
      .border_ns_per_byte = 0.3,                                                                   \
      .has_op = gonio_gl_has_op,                                                                   \
  };

G_END_DECLS
