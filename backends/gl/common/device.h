/* What compute and fragment shaders differ in: where texels live and how a program is run over
 * them. A texel is four floats, stored in 32 or in 16 bits each. Depends on program, context, base.
 * All functions on the context's thread. */
#pragma once

#include "backends/gl/common/program.h"
#include "core/session/backend.h"

G_BEGIN_DECLS

typedef struct {
  guint name; /* of the buffer or texture; 0: none */
  gboolean half;
  gint64 texels;
  size_t bytes;
  GonioMemoryBudget *budget; /* that it counts against */
} GonioGlMemory;

/* Further outputs of a program: OpenGL ES 3.0 has four targets. */
#define GONIO_GL_MAX_MORE 3

/* Remembers for each step whether its result left the range of 16 bits. */
typedef struct {
  guint n;
  guint *names; /* of what the device remembers it in */
} GonioGlGuard;

/* A program over texels of its output, or over its own work groups. */
typedef struct {
  const GonioGlProgram *program;
  const GonioGlMemory *inputs[GONIO_GL_MAX_INPUTS];
  guint n_inputs;
  const GonioGlMemory *output;                  /* none of the inputs */
  const GonioGlMemory *more[GONIO_GL_MAX_MORE]; /* outputs, as long as that */
  guint n_more;
  const GonioGlGuard *guard; /* nullable */
  guint step;                /* for the guard */
  gboolean grouped;
  gint64 first, texels; /* which; work groups when grouped */
} GonioGlWork;

typedef struct {
  const char *name, *prologue;
  gboolean groups; /* has work groups with memory of their own */
  /* NULL, or why this machine cannot. */
  const char *(*refuses) (const GonioGlLimits *limits, GonioPrecision precision);
  /* Can memory be of 32 bits? */
  gboolean (*has_full) (const GonioGlLimits *limits);
  /* Texels of the largest memory. */
  gint64 (*most_texels) (const GonioGlLimits *limits);
  /* Contents are undefined. GONIO_RUN_ERROR_MEMORY. */
  gboolean (*memory_new) (GonioGlContext *context, gint64 texels, gboolean half,
                          GonioGlMemory *out_memory, GError **error);
  void (*memory_clear) (GonioGlMemory *memory);
  /* n floats from the start, n > 0; what is left of the last texel becomes 0. */
  void (*upload) (GonioGlContext *context, const GonioGlMemory *memory, const float *from,
                  gint64 n);
  /* n > 0. Blocks until the work that writes it is done. */
  void (*download) (GonioGlContext *context, const GonioGlMemory *memory, float *to, gint64 n);
  void (*run) (GonioGlContext *context, const GonioGlWork *work);

  /* Nothing is remembered at first. */
  void (*guard_new) (guint n_steps, GonioGlGuard *out_guard);
  void (*guard_clear) (GonioGlGuard *guard);
  /* Where programs do not look at what they write themselves: after all of a step, a program that
   * does ("guard.glsl"). Both nullable. */
  const char *guard_kernel;
  void (*guard_look) (GonioGlContext *context, const GonioGlWork *work,
                      const GonioGlProgram *program);
  /* After all work is done: TRUE for steps that went beyond. */
  void (*guard_read) (const GonioGlGuard *guard, gboolean *out_beyond);
} GonioGlDevice;

extern const GonioGlDevice gonio_gl_compute_device, gonio_gl_fragment_device;

G_END_DECLS
