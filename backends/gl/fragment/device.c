/* Fragment shaders over float textures: OpenGL 3.3, OpenGL ES 3.0 with float render targets. Texel
 * i is at column i mod WIDTH of line i / WIDTH, as in kernels/fragment.glsl. */
#include "backends/gl/common/device.h"

#include "core/base/error.h"

#include <epoxy/gl.h>
#include <string.h>

#define WIDTH 2048

static const char *
refuses (const GonioGlLimits *limits, GonioPrecision precision)
{
  if (!limits->half_targets && (!limits->float_targets || precision == GONIO_PRECISION_FP16))
    return "the driver cannot draw to float textures";
  if (limits->max_texture < WIDTH || limits->max_units < GONIO_GL_MAX_INPUTS)
    return "the driver's textures are too small or too few";
  return NULL;
}

static gboolean
has_full (const GonioGlLimits *limits)
{
  return limits->float_targets;
}

static gint64
most_texels (const GonioGlLimits *limits)
{
  return MIN ((limits->max_texture - 1) * WIDTH, G_MAXINT32 / 8);
}

static gint64
count_lines (const GonioGlMemory *memory)
{
  return (memory->texels + WIDTH - 1) / WIDTH;
}

/* What is allocated. Some drivers (llvmpipe is one) compile a program again for each mixture of
 * inputs whose sizes are powers of two or not: widths always are, heights never. One line need not
 * be a whole one. */
static gint64
width_of (const GonioGlMemory *memory)
{
  gint64 width = 1;
  while (width < MIN (memory->texels, WIDTH))
    width *= 2;
  return width;
}

static gint64
height_of (const GonioGlMemory *memory)
{
  gint64 lines = count_lines (memory);
  return lines == 1 ? 3 : (lines & (lines - 1)) == 0 ? lines + 1 : lines;
}

static void
memory_clear (GonioGlMemory *memory)
{
  glDeleteTextures (1, &memory->name); /* 0 is silently ignored */
  if (memory->bytes)
    gonio_memory_budget_give (memory->budget, memory->bytes);
  *memory = (GonioGlMemory){0};
}

static gboolean
memory_new (GonioGlContext *context, gint64 texels, gboolean half, GonioGlMemory *out_memory,
            GError **error)
{
  GonioGlMemory memory = {.texels = MAX (texels, 1), .half = half};
  memory.bytes = (size_t)(height_of (&memory) * width_of (&memory)) * (half ? 8 : 16);
  if (!gonio_gl_context_take_memory (context, memory.bytes, &memory.budget, error))
    return FALSE;
  glGenTextures (1, &memory.name);
  glActiveTexture (GL_TEXTURE0);
  glBindTexture (GL_TEXTURE_2D, memory.name);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, 0);
  glTexImage2D (GL_TEXTURE_2D, 0, half ? GL_RGBA16F : GL_RGBA32F, (GLsizei)width_of (&memory),
                (GLsizei)height_of (&memory), 0, GL_RGBA, GL_FLOAT, NULL);
  if (glGetError () != GL_NO_ERROR) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "%s has no room for a texture of %" G_GINT64_FORMAT " MiB",
                 gonio_gl_context_limits (context)->renderer, (gint64)(memory.bytes >> 20));
    memory_clear (&memory);
    return FALSE;
  }
  *out_memory = memory;
  return TRUE;
}

static void
upload (GonioGlContext *context, const GonioGlMemory *memory, const float *from, gint64 n)
{
  gint64 lines = n / (WIDTH * 4), rest = n % (WIDTH * 4);
  glActiveTexture (GL_TEXTURE0);
  glBindTexture (GL_TEXTURE_2D, memory->name);
  if (lines > 0)
    glTexSubImage2D (GL_TEXTURE_2D, 0, 0, 0, WIDTH, (GLsizei)lines, GL_RGBA, GL_FLOAT, from);
  if (rest > 0) {
    float last[WIDTH * 4] = {0};
    memcpy (last, from + lines * WIDTH * 4, (gsize)rest * sizeof *last);
    glTexSubImage2D (GL_TEXTURE_2D, 0, 0, (GLint)lines, (GLsizei)((rest + 3) / 4), 1, GL_RGBA,
                     GL_FLOAT, last);
  }
}

/* The framebuffer that draws to it. */
static void
target (const GonioGlMemory *memory, guint *out_framebuffer)
{
  glGenFramebuffers (1, out_framebuffer);
  glBindFramebuffer (GL_FRAMEBUFFER, *out_framebuffer);
  glFramebufferTexture2D (GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, memory->name, 0);
}

static void
download (GonioGlContext *context, const GonioGlMemory *memory, float *to, gint64 n)
{
  gint64 lines = n / (WIDTH * 4), rest = n % (WIDTH * 4);
  guint framebuffer;
  target (memory, &framebuffer);
  if (lines > 0)
    glReadPixels (0, 0, WIDTH, (GLsizei)lines, GL_RGBA, GL_FLOAT, to);
  if (rest > 0) {
    float last[WIDTH * 4];
    glReadPixels (0, (GLint)lines, (GLsizei)((rest + 3) / 4), 1, GL_RGBA, GL_FLOAT, last);
    memcpy (to + lines * WIDTH * 4, last, (gsize)rest * sizeof *last);
  }
  glBindFramebuffer (GL_FRAMEBUFFER, 0);
  glDeleteFramebuffers (1, &framebuffer);
}

/* Texels first..end of a line or of whole lines. */
static void
draw (gint64 line, gint64 lines, gint64 first, gint64 end)
{
  if (lines <= 0 || end <= first)
    return;
  glScissor ((GLint)first, (GLint)line, (GLsizei)(end - first), (GLsizei)lines);
  glDrawArrays (GL_TRIANGLES, 0, 3);
}

/* The rest of a line that was begun, whole lines, the beginning of the last one; whole where
 * nothing follows, as what lies beyond the last texel is never read. */
static void
draw_range (const GonioGlWork *work)
{
  gint64 first = work->first, end = work->first + work->texels, line = first / WIDTH;
  if (end >= work->output->texels)
    end = (end + WIDTH - 1) / WIDTH * WIDTH;
  if (first % WIDTH) {
    draw (line, 1, first % WIDTH, MIN (end - line * WIDTH, WIDTH));
    line++;
  }
  draw (line, end / WIDTH - line, 0, WIDTH);
  if (end / WIDTH >= line)
    draw (end / WIDTH, 1, 0, end % WIDTH);
}

static void
run (GonioGlContext *context, const GonioGlWork *work)
{
  static const GLenum targets[] = {GL_COLOR_ATTACHMENT0, GL_COLOR_ATTACHMENT1, GL_COLOR_ATTACHMENT2,
                                   GL_COLOR_ATTACHMENT3};
  guint framebuffer;
  for (guint i = 0; i < work->n_inputs; i++) {
    glActiveTexture (GL_TEXTURE0 + i);
    glBindTexture (GL_TEXTURE_2D, work->inputs[i]->name);
  }
  target (work->output, &framebuffer);
  for (guint i = 0; i < work->n_more; i++)
    glFramebufferTexture2D (GL_FRAMEBUFFER, targets[i + 1], GL_TEXTURE_2D, work->more[i]->name, 0);
  glDrawBuffers (1 + (GLsizei)work->n_more, targets);
  glViewport (0, 0, WIDTH, (GLsizei)count_lines (work->output));
  glEnable (GL_SCISSOR_TEST);
  glUseProgram (work->program->name);
  draw_range (work);
  glDisable (GL_SCISSOR_TEST);
  glBindFramebuffer (GL_FRAMEBUFFER, 0);
  glDeleteFramebuffers (1, &framebuffer);
}

/* ---- guard: a query for each step, behind them a picture that nobody looks at ---- */

static void
guard_new (guint n_steps, GonioGlGuard *out_guard)
{
  *out_guard = (GonioGlGuard){n_steps, g_new0 (guint, n_steps + 1)};
  glGenQueries ((GLsizei)n_steps, out_guard->names);
  glGenRenderbuffers (1, &out_guard->names[n_steps]);
}

static void
guard_clear (GonioGlGuard *guard)
{
  glDeleteQueries ((GLsizei)guard->n, guard->names);
  glDeleteRenderbuffers (1, &guard->names[guard->n]);
  g_clear_pointer (&guard->names, g_free);
}

/* Samples that pass are counted, and only those beyond the range do. */
static void
guard_look (GonioGlContext *context, const GonioGlWork *work, const GonioGlProgram *program)
{
  const GonioGlGuard *guard = work->guard;
  GLsizei width = (GLsizei)width_of (work->output), height = (GLsizei)count_lines (work->output);
  GLint params[GONIO_GL_PARAMS] = {(GLint)(work->first + work->texels)};
  guint framebuffer;
  glBindRenderbuffer (GL_RENDERBUFFER, guard->names[guard->n]);
  glRenderbufferStorage (GL_RENDERBUFFER, GL_R8, width, height);
  glGenFramebuffers (1, &framebuffer);
  glBindFramebuffer (GL_FRAMEBUFFER, framebuffer);
  glFramebufferRenderbuffer (GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER,
                             guard->names[guard->n]);
  glActiveTexture (GL_TEXTURE0);
  glBindTexture (GL_TEXTURE_2D, work->output->name);
  glUseProgram (program->name);
  glUniform1iv (program->params, GONIO_GL_PARAMS, params);
  glViewport (0, 0, WIDTH, height);
  glBeginQuery (GL_ANY_SAMPLES_PASSED, guard->names[work->step]);
  glDrawArrays (GL_TRIANGLES, 0, 3);
  glEndQuery (GL_ANY_SAMPLES_PASSED);
  glBindFramebuffer (GL_FRAMEBUFFER, 0);
  glDeleteFramebuffers (1, &framebuffer);
}

static void
guard_read (const GonioGlGuard *guard, gboolean *out_beyond)
{
  for (guint i = 0; i < guard->n; i++) {
    GLuint passed = 0;
    if (glIsQuery (guard->names[i])) /* asked at least once */
      glGetQueryObjectuiv (guard->names[i], GL_QUERY_RESULT, &passed);
    out_beyond[i] = passed != 0;
  }
}

const GonioGlDevice gonio_gl_fragment_device = {
    .name = "gl-fragment",
    .prologue = "fragment.glsl",
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
    .guard_kernel = "guard.glsl",
    .guard_look = guard_look,
    .guard_read = guard_read,
};
