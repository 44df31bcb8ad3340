/* The reference backend: plain C kernels for every operator and type. The oracle other
 * backends are compared with, the constant folder, and the last fallback.
 * Depends on core/session/backend.h. */
#pragma once

#include "core/session/backend.h"

G_BEGIN_DECLS

/* Single-threaded; claims every node it has a kernel for, in plain layout. */
extern const GonioBackendDef gonio_backend_reference;

G_END_DECLS
