/* Compute shaders over storage buffers: OpenGL 4.3, OpenGL ES 3.1. */
#include "backends/gl/common/device.h"

#include "core/base/error.h"
#include "core/tensor/dtype.h"

#include <epoxy/gl.h>
#include <string.h>

#define THREADS 64 /* of a work group, as in kernels/compute.glsl */
#define GUARD   9  /* binding, as there */

static const char *
refuses (const GonioGlLimits *limits, GonioPrecision precision)
{
  if (!limits->compute)
    return "the driver has no compute shaders (OpenGL 4.3 or OpenGL ES 3.1)";
  gint64 buffers = GONIO_GL_MAX_INPUTS + (precision == GONIO_PRECISION_FP16 ? 2 : 1);
  if (limits->max_threads < THREADS || limits->max_buffers < buffers)
    return "the driver's compute shaders take too few threads or buffers";
  return NULL;
}

static gboolean
has_full (const GonioGlLimits *limits)
{
  return TRUE;
}

static gint64
bytes_of (gint64 texels, gboolean half)
{
  return texels * (half ? 8 : 16);
}

static gint64
most_texels (const GonioGlLimits *limits)
{
  return MIN (limits->max_storage / bytes_of (1, FALSE),
              G_MAXINT32 / 8); /* programs count texels in int */
}

static void
memory_clear (GonioGlMemory *memory)
{
  glDeleteBuffers (1, &memory->name); /* 0 is silently ignored */
  if (memory->bytes)
    gonio_memory_budget_give (memory->budget, memory->bytes);
  *memory = (GonioGlMemory){0};
}

static gboolean
memory_new (GonioGlContext *context, gint64 texels, gboolean half, GonioGlMemory *out_memory,
            GError **error)
{
  GonioGlMemory memory = {.texels = MAX (texels, 1), .half = half};
  memory.bytes = (size_t)bytes_of (memory.texels, half);
  if (!gonio_gl_context_take_memory (context, memory.bytes, &memory.budget, error))
    return FALSE;
  glGenBuffers (1, &memory.name);
  glBindBuffer (GL_SHADER_STORAGE_BUFFER, memory.name);
  glBufferData (GL_SHADER_STORAGE_BUFFER, (GLsizeiptr)memory.bytes, NULL, GL_DYNAMIC_COPY);
  if (glGetError () != GL_NO_ERROR) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "%s has no room for a buffer of %" G_GINT64_FORMAT " MiB",
                 gonio_gl_context_limits (context)->renderer, (gint64)(memory.bytes >> 20));
    memory_clear (&memory);
    return FALSE;
  }
  *out_memory = memory;
  return TRUE;
}

static void
upload_halves (const GonioGlMemory *memory, const float *from, gint64 n)
{
  g_autofree guint16 *halves = g_new0 (guint16, (gsize)(n + 3));
  for (gint64 i = 0; i < n; i++)
    halves[i] = gonio_float_to_half (from[i]);
  glBindBuffer (GL_SHADER_STORAGE_BUFFER, memory->name);
  glBufferSubData (GL_SHADER_STORAGE_BUFFER, 0, (GLsizeiptr)bytes_of ((n + 3) / 4, TRUE), halves);
}

static void
upload (GonioGlContext *context, const GonioGlMemory *memory, const float *from, gint64 n)
{
  float last[4] = {0};
  if (memory->half) {
    upload_halves (memory, from, n);
    return;
  }
  gint64 whole = n / 4 * 4;
  glBindBuffer (GL_SHADER_STORAGE_BUFFER, memory->name);
  glBufferSubData (GL_SHADER_STORAGE_BUFFER, 0, (GLsizeiptr)whole * 4, from);
  for (gint64 i = whole; i < n; i++)
    last[i - whole] = from[i];
  if (whole < n)
    glBufferSubData (GL_SHADER_STORAGE_BUFFER, (GLintptr)whole * 4, sizeof last, last);
}

static void
download (GonioGlContext *context, const GonioGlMemory *memory, float *to, gint64 n)
{
  glMemoryBarrier (GL_BUFFER_UPDATE_BARRIER_BIT);
  glBindBuffer (GL_SHADER_STORAGE_BUFFER, memory->name);
  if (gonio_gl_context_limits (context)->es) { /* has no glGetBufferSubData() */
    const void *data =
        glMapBufferRange (GL_SHADER_STORAGE_BUFFER, 0, (GLsizeiptr)n * 4, GL_MAP_READ_BIT);
    if (data)
      memcpy (to, data, (gsize)n * 4);
    glUnmapBuffer (GL_SHADER_STORAGE_BUFFER);
  } else {
    glGetBufferSubData (GL_SHADER_STORAGE_BUFFER, 0, (GLsizeiptr)n * 4, to);
  }
}

static void
run (GonioGlContext *context, const GonioGlWork *work)
{
  gint64 most = gonio_gl_context_limits (context)->max_groups;
  glUseProgram (work->program->name);
  glBindBufferBase (GL_SHADER_STORAGE_BUFFER, 0, work->output->name);
  if (work->guard) {
    glBindBufferBase (GL_SHADER_STORAGE_BUFFER, GUARD, work->guard->names[0]);
    glUniform1i (work->program->step, (GLint)work->step);
  }
  for (guint i = 0; i < work->n_inputs; i++)
    glBindBufferBase (GL_SHADER_STORAGE_BUFFER, i + 1, work->inputs[i]->name);
  gint64 threads = work->grouped ? 1 : THREADS; /* of a work group, as far as texels go */
  for (gint64 done = 0; done < work->texels;) {
    gint64 groups = MIN ((work->texels - done + threads - 1) / threads, most);
    gint64 count = MIN (groups * threads, work->texels - done);
    glUniform2i (work->program->first, (GLint)(work->first + done), (GLint)count);
    glDispatchCompute ((GLuint)groups, 1, 1);
    done += count;
  }
  glMemoryBarrier (GL_SHADER_STORAGE_BARRIER_BIT);
}

/* ---- guard: a word for each step ---- */

static void
guard_new (guint n_steps, GonioGlGuard *out_guard)
{
  g_autofree guint32 *zeros = g_new0 (guint32, n_steps + 1);
  *out_guard = (GonioGlGuard){n_steps, g_new0 (guint, 1)};
  glGenBuffers (1, out_guard->names);
  glBindBuffer (GL_SHADER_STORAGE_BUFFER, out_guard->names[0]);
  glBufferData (GL_SHADER_STORAGE_BUFFER, (GLsizeiptr)(n_steps + 1) * 4, zeros, GL_DYNAMIC_READ);
}

static void
guard_clear (GonioGlGuard *guard)
{
  glDeleteBuffers (1, guard->names);
  g_clear_pointer (&guard->names, g_free);
}

static void
guard_read (const GonioGlGuard *guard, gboolean *out_beyond)
{
  glMemoryBarrier (GL_BUFFER_UPDATE_BARRIER_BIT);
  glBindBuffer (GL_SHADER_STORAGE_BUFFER, guard->names[0]);
  const guint32 *words =
      glMapBufferRange (GL_SHADER_STORAGE_BUFFER, 0, (GLsizeiptr)guard->n * 4, GL_MAP_READ_BIT);
  for (guint i = 0; i < guard->n; i++)
    out_beyond[i] = !words || words[i] != 0;
  glUnmapBuffer (GL_SHADER_STORAGE_BUFFER);
}

const GonioGlDevice gonio_gl_compute_device = {
    .name = "gl-compute",
    .prologue = "compute.glsl",
    .groups = TRUE,
    .refuses = refuses,
    .has_full = has_full,
    .most_texels = most_texels,
    .memory_new = memory_new,
    .memory_clear = memory_clear,
    .upload = upload,
    .download = download,
    .run = run,
    .guard_new = guard_new,
    .guard_clear = guard_clear,
    .guard_read = guard_read,
};
