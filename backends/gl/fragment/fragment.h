/* The gl-fragment backend. */
#pragma once

#include "core/session/backend.h"

extern const GonioBackendDef gonio_backend_gl_fragment;
