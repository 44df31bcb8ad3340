/* What the two definitions of backends share: probing, creating, destroying. Depends on lower. */
#pragma once

#include "backends/gl/common/device.h"
#include "core/session/backend.h"

G_BEGIN_DECLS

gboolean gonio_gl_probe (const GonioGlDevice *device, GonioBackendInfo *out_info, GError **error);
GonioBackend *gonio_gl_create (const GonioGlDevice *device, GError **error);
void gonio_gl_destroy (GonioBackend *backend);

G_END_DECLS
