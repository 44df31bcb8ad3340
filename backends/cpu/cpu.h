/* The processor backend: XNNPACK operators where they serve best, own vectorised threaded
 * kernels elsewhere. Depends on core/session/backend.h. */
#pragma once

#include "core/session/backend.h"

G_BEGIN_DECLS

extern const GonioBackendDef gonio_backend_cpu;

G_END_DECLS
