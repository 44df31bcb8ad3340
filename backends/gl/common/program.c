#include "backends/gl/common/program.h"

#include "backends/gl/kernels/kernels.h" /* generated */
#include "core/base/error.h"

#include <epoxy/gl.h>
#include <gio/gio.h>
#include <string.h>

#define FOLDER      "/org/gonio/gl/"
#define MOST_FILES  16
#define MOST_BINARY ((gsize)16 << 20)

struct _GonioGlPrograms {
  GonioGlContext *context;
  const char *prologue;
  char *folder;
  GHashTable *by_source; /* text -> GonioGlProgram */
  GonioGlProgramCounts counts;
};

/* ---- source ---- */

typedef struct {
  GString *text;
  const char *seen[MOST_FILES]; /* interned */
  guint n_seen;
} Source;

static gboolean
add_file (Source *source, const char *name, GError **error)
{
  g_autofree char *path = g_strconcat (FOLDER, name, NULL);
  const char *known = g_intern_string (name);
  for (guint i = 0; i < source->n_seen; i++)
    if (source->seen[i] == known)
      return TRUE;
  if (source->n_seen == MOST_FILES) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
                 "%s: more than %d files in one program", name, MOST_FILES);
    return FALSE;
  }
  source->seen[source->n_seen++] = known;
  g_autoptr (GBytes) bytes =
      g_resource_lookup_data (gonio_gl_get_resource (), path, G_RESOURCE_LOOKUP_FLAGS_NONE, error);
  if (!bytes)
    return FALSE;
  g_auto (GStrv) lines = g_strsplit (g_bytes_get_data (bytes, NULL), "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    if (!g_str_has_prefix (lines[i], "#include \"")) {
      g_string_append_printf (source->text, "%s\n", lines[i]);
      continue;
    }
    g_auto (GStrv) words = g_strsplit (lines[i], "\"", 3);
    if (!add_file (source, words[1], error))
      return FALSE;
  }
  return TRUE;
}

/* The lines before any file: version, precision, definitions. */
static void
add_head (Source *source, const GonioGlPrograms *programs, guint n_inputs, guint halves,
          const char *defines)
{
  const GonioGlLimits *limits = gonio_gl_context_limits (programs->context);
  gboolean compute = g_str_equal (programs->prologue, "compute.glsl");
  if (limits->es)
    g_string_append_printf (source->text,
                            "#version %s es\nprecision highp float;\nprecision highp int;\n"
                            "precision highp sampler2D;\n",
                            compute ? "310" : "300");
  else
    g_string_append_printf (source->text, "#version %s core\n", compute ? "430" : "330");
  g_string_append_printf (source->text, "#define PARAMS %d\n#define FLOATS %d\n", GONIO_GL_PARAMS,
                          GONIO_GL_FLOATS);
  if (compute && halves)
    g_string_append (source->text, "vec4 from_halves (uvec2 v) {\n"
                                   "  return vec4 (unpackHalf2x16 (v.x), unpackHalf2x16 (v.y));\n"
                                   "}\n");
  for (guint i = 0; i < n_inputs && compute; i++) {
    gboolean half = halves >> i & 1;
    g_string_append_printf (
        source->text,
        "layout (std430, binding = %u) readonly buffer Source%u { %s data%u[]; };\n"
        "vec4 in%u (int i) { return %s (data%u[i]); }\n",
        i + 1, i, half ? "uvec2" : "vec4", i, i, half ? "from_halves" : "", i);
  }
  if (compute && halves & GONIO_GL_HALF_RESULT)
    g_string_append (source->text, "#define HALF_RESULT\n");
  for (guint i = 0; i < n_inputs && !compute; i++)
    g_string_append_printf (source->text,
                            "uniform sampler2D texture%u;\n"
                            "vec4 in%u (int i) { return texelFetch (texture%u, "
                            "ivec2 (i & 2047, i >> 11), 0); }\n",
                            i, i, i);
  g_auto (GStrv) list = g_strsplit (defines ? defines : "", ";", -1);
  for (guint i = 0; list[i]; i++)
    if (*list[i])
      g_string_append_printf (source->text, "#define %s\n", list[i]);
}

/* ---- compiling ---- */

static guint
compile_shader (GLenum kind, const char *text, const char *what, GError **error)
{
  GLuint shader = glCreateShader (kind);
  GLint good = GL_FALSE, length = 0;
  glShaderSource (shader, 1, &text, NULL);
  glCompileShader (shader);
  glGetShaderiv (shader, GL_COMPILE_STATUS, &good);
  if (good)
    return shader;
  glGetShaderiv (shader, GL_INFO_LOG_LENGTH, &length);
  g_autofree char *log = g_malloc0 ((gsize)MAX (length, 0) + 1);
  glGetShaderInfoLog (shader, length, NULL, log);
  g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
               "the driver does not compile %s: %s", what, g_strstrip (log));
  glDeleteShader (shader);
  return 0;
}

/* One triangle that covers everything. */
static const char vertices[] = "void main () {\n"
                               "  vec2 at = vec2 (gl_VertexID == 1 ? 3.0 : -1.0,\n"
                               "                  gl_VertexID == 2 ? 3.0 : -1.0);\n"
                               "  gl_Position = vec4 (at, 0.0, 1.0);\n"
                               "}\n";

static gboolean
is_linked (guint program)
{
  GLint good = GL_FALSE;
  glGetProgramiv (program, GL_LINK_STATUS, &good);
  return good;
}

static guint
build (const GonioGlPrograms *programs, const char *text, const char *what, GError **error)
{
  const GonioGlLimits *limits = gonio_gl_context_limits (programs->context);
  gboolean compute = g_str_equal (programs->prologue, "compute.glsl");
  g_autofree char *vertex =
      g_strconcat (limits->es ? "#version 300 es\n" : "#version 330 core\n", vertices, NULL);
  guint main_shader =
      compile_shader (compute ? GL_COMPUTE_SHADER : GL_FRAGMENT_SHADER, text, what, error);
  guint vertex_shader =
      main_shader && !compute ? compile_shader (GL_VERTEX_SHADER, vertex, what, error) : 0;
  guint program = 0;
  if (main_shader && (compute || vertex_shader)) {
    program = glCreateProgram ();
    glAttachShader (program, main_shader);
    if (vertex_shader)
      glAttachShader (program, vertex_shader);
    if (limits->binaries)
      glProgramParameteri (program, GL_PROGRAM_BINARY_RETRIEVABLE_HINT, GL_TRUE);
    glLinkProgram (program);
  }
  glDeleteShader (main_shader); /* 0 is silently ignored */
  glDeleteShader (vertex_shader);
  if (program && !is_linked (program)) {
    char log[1024] = "";
    glGetProgramInfoLog (program, sizeof log, NULL, log);
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
                 "the driver does not link %s: %s", what, g_strstrip (log));
    glDeleteProgram (program);
    program = 0;
  }
  return program;
}

/* ---- binaries on disk ---- */

/* The file begins with this; behind it are `size` bytes whose checksum is given. */
typedef struct {
  char magic[8];
  guint32 format, size;
  guint8 checksum[32];
} Head;

static const char magic[8] = "GonioGL1";

static void
checksum_of (const void *data, gsize size, guint8 out[32])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize length = 32;
  g_checksum_update (checksum, data, (gssize)size);
  g_checksum_get_digest (checksum, out, &length);
}

/* Named by all that the binary depends on. */
static char *
path_for (const GonioGlPrograms *programs, const char *text)
{
  const GonioGlLimits *limits = gonio_gl_context_limits (programs->context);
  if (!programs->folder || !limits->binaries)
    return NULL;
  g_autofree char *all =
      g_strjoin ("\n", limits->vendor, limits->renderer, limits->driver, text, NULL);
  g_autofree char *name = g_compute_checksum_for_string (G_CHECKSUM_SHA256, all, -1);
  return g_build_filename (programs->folder, name, NULL);
}

/* 0 when there is none that the driver takes. */
static guint
read_binary (GonioGlPrograms *programs, const char *path)
{
  g_autofree char *contents = NULL;
  gsize length = 0;
  Head head;
  guint8 checksum[32];
  if (!path || !g_file_get_contents (path, &contents, &length, NULL))
    return 0;
  guint program = 0;
  if (length >= sizeof head && length <= MOST_BINARY) {
    memcpy (&head, contents, sizeof head);
    checksum_of (contents + sizeof head, length - sizeof head, checksum);
    if (memcmp (head.magic, magic, sizeof magic) == 0 && head.size == length - sizeof head &&
        memcmp (head.checksum, checksum, sizeof checksum) == 0) {
      program = glCreateProgram ();
      glProgramBinary (program, head.format, contents + sizeof head, (GLsizei)head.size);
    }
  }
  if (program && !is_linked (program)) {
    glDeleteProgram (program);
    program = 0;
  }
  gonio_gl_clear_errors (); /* a format of another driver */
  if (program)
    programs->counts.from_disk++;
  else
    programs->counts.refused++;
  return program;
}

/* Best effort: a full disk costs the next start its time, nothing else. */
static void
write_binary (const GonioGlPrograms *programs, const char *path, guint program)
{
  GLint size = 0;
  GLenum format = 0;
  if (!path)
    return;
  glGetProgramiv (program, GL_PROGRAM_BINARY_LENGTH, &size);
  if (size <= 0 || (gsize)size > MOST_BINARY - sizeof (Head))
    return;
  g_autofree guint8 *file = g_malloc (sizeof (Head) + (gsize)size);
  GLsizei length = 0;
  glGetProgramBinary (program, size, &length, &format, file + sizeof (Head));
  if (glGetError () != GL_NO_ERROR || length <= 0)
    return;
  Head head = {.format = format, .size = (guint32)length};
  memcpy (head.magic, magic, sizeof magic);
  checksum_of (file + sizeof head, (gsize)length, head.checksum);
  memcpy (file, &head, sizeof head);
  if (g_mkdir_with_parents (programs->folder, 0700) == 0)
    g_file_set_contents (path, (const char *)file, (gssize)(sizeof head + (gsize)length), NULL);
}

/* The program as a later start will find it: what drivers make at its first use they keep under
 * what it was made from, and source and binary are not the same to them. */
static guint
as_next_time (GonioGlPrograms *programs, const char *path, guint program)
{
  GonioGlProgramCounts counts = programs->counts;
  guint other = path ? read_binary (programs, path) : 0;
  programs->counts = counts;
  if (other)
    glDeleteProgram (program);
  return other ? other : program;
}

/* ---- the table ---- */

static void
program_free (gpointer data)
{
  GonioGlProgram *program = data;
  glDeleteProgram (program->name);
  g_free (program);
}

GonioGlPrograms *
gonio_gl_programs_new (GonioGlContext *context, const char *prologue, const char *folder)
{
  GonioGlPrograms *programs = g_new0 (GonioGlPrograms, 1);
  static gsize registered;
  if (g_once_init_enter (&registered)) {
    gonio_gl_register_resource ();
    g_once_init_leave (&registered, 1);
  }
  programs->context = context;
  programs->prologue = prologue;
  programs->folder = g_strdup (folder);
  programs->by_source = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, program_free);
  return programs;
}

void
gonio_gl_programs_free (GonioGlPrograms *programs)
{
  if (!programs)
    return;
  g_hash_table_unref (programs->by_source);
  g_free (programs->folder);
  g_free (programs);
}

/* Where inputs are bound, where uniforms are. */
static GonioGlProgram *
describe (guint name, guint n_inputs)
{
  GonioGlProgram *program = g_new0 (GonioGlProgram, 1);
  program->name = name;
  program->first = glGetUniformLocation (name, "first");
  program->params = glGetUniformLocation (name, "p");
  program->step = glGetUniformLocation (name, "step");
  program->floats = glGetUniformLocation (name, "f");
  glUseProgram (name);
  for (guint i = 0; i < n_inputs; i++) {
    char sampler[16];
    g_snprintf (sampler, sizeof sampler, "texture%u", i);
    GLint place = glGetUniformLocation (name, sampler); /* none in compute shaders */
    if (place >= 0)
      glUniform1i (place, (GLint)i);
  }
  return program;
}

const GonioGlProgram *
gonio_gl_programs_get (GonioGlPrograms *programs, const char *kernel, guint n_inputs, guint halves,
                       const char *defines, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  Source source = {.text = text};
  g_return_val_if_fail (n_inputs <= GONIO_GL_MAX_INPUTS, NULL);
  add_head (&source, programs, n_inputs, halves, defines);
  if (!add_file (&source, programs->prologue, error) || !add_file (&source, kernel, error))
    return NULL;
  GonioGlProgram *program = g_hash_table_lookup (programs->by_source, text->str);
  if (program)
    return program;

  g_autofree char *path = path_for (programs, text->str);
  guint name = read_binary (programs, path);
  if (!name) {
    name = build (programs, text->str, kernel, error);
    if (!name)
      return NULL;
    programs->counts.compiled++;
    write_binary (programs, path, name);
    name = as_next_time (programs, path, name);
  }
  program = describe (name, n_inputs);
  g_hash_table_insert (programs->by_source, g_strdup (text->str), program);
  return program;
}

void
gonio_gl_programs_count (const GonioGlPrograms *programs, GonioGlProgramCounts *out_counts)
{
  *out_counts = programs->counts;
}
