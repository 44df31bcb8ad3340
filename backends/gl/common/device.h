/* What compute and fragment shaders differ in: where texels live and how a program is run over
 * them. A texel is four floats. Depends on program, context, base. All functions on the context's
 * thread. */
#pragma once

#include "backends/gl/common/program.h"

G_BEGIN_DECLS

typedef struct {
  guint name; /* of the buffer or texture; 0: none */
  gint64 texels;
  size_t bytes;
  GonioMemoryBudget *budget; /* that it counts against */
} GonioGlMemory;

/* A program over texels of its output. */
typedef struct {
  const GonioGlProgram *program;
  const GonioGlMemory *inputs[GONIO_GL_MAX_INPUTS];
  guint n_inputs;
  const GonioGlMemory *output; /* none of the inputs */
  gint64 first, texels;        /* which */
} GonioGlWork;

typedef struct {
  const char *name, *prologue;
  /* NULL, or why this machine cannot. */
  const char *(*refuses) (const GonioGlLimits *limits);
  /* Texels of the largest memory. */
  gint64 (*most_texels) (const GonioGlLimits *limits);
  /* Contents are undefined. GONIO_RUN_ERROR_MEMORY. */
  gboolean (*memory_new) (GonioGlContext *context, gint64 texels, GonioGlMemory *out_memory,
                          GError **error);
  void (*memory_clear) (GonioGlMemory *memory);
  /* n floats from the start, n > 0; what is left of the last texel becomes 0. */
  void (*upload) (GonioGlContext *context, const GonioGlMemory *memory, const float *from,
                  gint64 n);
  /* n > 0. Blocks until the work that writes it is done. */
  void (*download) (GonioGlContext *context, const GonioGlMemory *memory, float *to, gint64 n);
  void (*run) (GonioGlContext *context, const GonioGlWork *work);
} GonioGlDevice;

extern const GonioGlDevice gonio_gl_compute_device, gonio_gl_fragment_device;

G_END_DECLS
