/* Fragment shaders over float textures: OpenGL 3.3, OpenGL ES 3.0 with float render targets. Texel
 * i is at column i mod WIDTH of line i / WIDTH, as in kernels/fragment.glsl. */
#include "backends/gl/common/device.h"

#include "core/base/error.h"

#include <epoxy/gl.h>
#include <string.h>

#define WIDTH 2048
#define TEXEL 16 /* bytes */

static const char *
refuses (const GonioGlLimits *limits)
{
  if (!limits->float_targets)
    return "the driver cannot draw to 32-bit float textures";
  if (limits->max_texture < WIDTH || limits->max_units < GONIO_GL_MAX_INPUTS)
    return "the driver's textures are too small or too few";
  return NULL;
}

static gint64
most_texels (const GonioGlLimits *limits)
{
  return MIN (limits->max_texture * WIDTH, G_MAXINT32 / 8);
}

/* One line need not be a whole one. */
static gint64
width_of (const GonioGlMemory *memory)
{
  return MIN (memory->texels, WIDTH);
}

static gint64
count_lines (const GonioGlMemory *memory)
{
  return (memory->texels + WIDTH - 1) / WIDTH;
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
memory_new (GonioGlContext *context, gint64 texels, GonioGlMemory *out_memory, GError **error)
{
  GonioGlMemory memory = {.texels = MAX (texels, 1)};
  memory.bytes = (size_t)(count_lines (&memory) * width_of (&memory)) * TEXEL;
  if (!gonio_gl_context_take_memory (context, memory.bytes, &memory.budget, error))
    return FALSE;
  glGenTextures (1, &memory.name);
  glActiveTexture (GL_TEXTURE0);
  glBindTexture (GL_TEXTURE_2D, memory.name);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, 0);
  glTexImage2D (GL_TEXTURE_2D, 0, GL_RGBA32F, (GLsizei)width_of (&memory),
                (GLsizei)count_lines (&memory), 0, GL_RGBA, GL_FLOAT, NULL);
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

/* Whole lines: what lies beyond the last texel is never read. */
static void
run (GonioGlContext *context, const GonioGlWork *work)
{
  gint64 line = work->first / WIDTH;
  gint64 end = (work->first + work->texels + WIDTH - 1) / WIDTH;
  guint framebuffer;
  for (guint i = 0; i < work->n_inputs; i++) {
    glActiveTexture (GL_TEXTURE0 + i);
    glBindTexture (GL_TEXTURE_2D, work->inputs[i]->name);
  }
  target (work->output, &framebuffer);
  glViewport (0, 0, WIDTH, (GLsizei)count_lines (work->output));
  glEnable (GL_SCISSOR_TEST);
  glScissor (0, (GLint)line, WIDTH, (GLsizei)(end - line));
  glUseProgram (work->program->name);
  glDrawArrays (GL_TRIANGLES, 0, 3);
  glDisable (GL_SCISSOR_TEST);
  glBindFramebuffer (GL_FRAMEBUFFER, 0);
  glDeleteFramebuffers (1, &framebuffer);
}

const GonioGlDevice gonio_gl_fragment_device = {
    "gl-fragment", "fragment.glsl", refuses,  most_texels, memory_new,
    memory_clear,  upload,          download, run,
};
