/* The definition of the gl-fragment backend. */
#include "backends/gl/fragment/fragment.h"

#include "backends/gl/common/backend.h"

GONIO_GL_BACKEND (gonio_backend_gl_fragment, "gl-fragment", gonio_gl_fragment_device)
