/* The definition of the gl-compute backend. */
#include "backends/gl/compute/compute.h"

#include "backends/gl/common/backend.h"

GONIO_GL_BACKEND (gonio_backend_gl_compute, "gl-compute", gonio_gl_compute_device)
