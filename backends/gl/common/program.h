/* GLSL programs: put together from the files of backends/gl/kernels, compiled once per context, and
 * kept on disk as the driver's own binaries so that a second start need not compile. Depends on
 * context, base, epoxy, nettle through base.
 *
 * A kernel file defines `vec4 texel (int i)`, texel i of the result. Before it comes a prologue
 * that says how texels are read and written, which is all that compute and fragment shaders differ
 * in; `#include "file"` takes in another file of the folder, once.
 *
 * All functions on the context's thread.
 */
#pragma once

#include "backends/gl/common/context.h"

G_BEGIN_DECLS

#define GONIO_GL_MAX_INPUTS 8
#define GONIO_GL_PARAMS     48 /* integers that a program is told before it runs */
#define GONIO_GL_FLOATS     16 /* and floats */

typedef struct {
  guint name;                      /* GL's */
  int first, params, floats, step; /* places of its uniforms; -1 when it has none */
} GonioGlProgram;

typedef struct _GonioGlPrograms GonioGlPrograms;

/* prologue: "compute.glsl" or "fragment.glsl". folder: where binaries are kept; NULL: nowhere. */
GonioGlPrograms *gonio_gl_programs_new (GonioGlContext *context, const char *prologue,
                                        const char *folder);
void gonio_gl_programs_free (GonioGlPrograms *programs);

#define GONIO_GL_HALF_RESULT (1u << 31)

/* The program of a kernel file with so many inputs and the given definitions ("ACT 1;KX 3",
 * nullable); stays with programs. halves: bit i: input i is stored in 16 bits; and
 * GONIO_GL_HALF_RESULT. GONIO_BACKEND_ERROR_FAILED with the driver's words when it does not
 * compile. */
const GonioGlProgram *gonio_gl_programs_get (GonioGlPrograms *programs, const char *kernel,
                                             guint n_inputs, guint halves, const char *defines,
                                             GError **error);

typedef struct {
  guint compiled, from_disk, refused; /* binaries that were there and could not be used */
} GonioGlProgramCounts;
void gonio_gl_programs_count (const GonioGlPrograms *programs, GonioGlProgramCounts *out_counts);

G_END_DECLS
