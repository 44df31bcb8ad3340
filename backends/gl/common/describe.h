/* A driver's offer in words. Depends on context. */
#pragma once

#include "backends/gl/common/context.h"

G_BEGIN_DECLS

/* "OpenGL 4.5, compute shaders, 32-bit and 16-bit float targets, ..." (transfer full) */
char *gonio_gl_describe (const GonioGlLimits *limits);

/* Is that the renderer of a program that plays a card on the processor? */
gboolean gonio_gl_is_software (const char *renderer);

G_END_DECLS
