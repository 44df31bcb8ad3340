#include "backends/gl/common/context.h"

#include "core/base/error.h"

#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <string.h>
#include <unistd.h>

/* Work is handed out in pieces of milliseconds; software on a busy machine takes seconds. */
#define PATIENCE_SECONDS 60

struct _GonioGlContext {
  gatomicrefcount refs;
  GThread *thread;
  EGLDisplay display;
  EGLContext context;
  GonioGlLimits limits;
  GonioMemoryBudget *memory;
  GMutex lock;
  GQueue jobs;  /* Job; guarded by lock */
  GCond wanted; /* a job was added */
  GCond ended;  /* a job */
  char *lost;   /* why; guarded by lock, never cleared */
};

/* On the stack of who waits for it. */
typedef struct {
  GonioGlCall call; /* NULL: free, and when that is NULL, too, the thread ends */
  GDestroyNotify free;
  gpointer data;
  GError **error;
  gboolean done, result; /* guarded by the context's lock */
} Job;

/* ---- EGL ---- */

static const struct {
  EGLenum api;
  EGLint major, minor;
} wanted[] = {
    {EGL_OPENGL_API, 4, 3},
    {EGL_OPENGL_ES_API, 3, 1},
    {EGL_OPENGL_API, 3, 3},
    {EGL_OPENGL_ES_API, 3, 0},
};

static EGLContext
create_context (EGLDisplay display, guint choice, gboolean robust)
{
  EGLint attributes[16], n = 0;
  attributes[n++] = EGL_CONTEXT_MAJOR_VERSION;
  attributes[n++] = wanted[choice].major;
  attributes[n++] = EGL_CONTEXT_MINOR_VERSION;
  attributes[n++] = wanted[choice].minor;
  if (wanted[choice].api == EGL_OPENGL_API) {
    attributes[n++] = EGL_CONTEXT_OPENGL_PROFILE_MASK;
    attributes[n++] = EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT;
  }
  if (robust && epoxy_egl_version (display) >= 15) {
    attributes[n++] = EGL_CONTEXT_OPENGL_ROBUST_ACCESS;
    attributes[n++] = EGL_TRUE;
    attributes[n++] = EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY;
    attributes[n++] = EGL_LOSE_CONTEXT_ON_RESET;
  } else if (robust) {
    attributes[n++] = EGL_CONTEXT_OPENGL_ROBUST_ACCESS_EXT;
    attributes[n++] = EGL_TRUE;
    attributes[n++] = EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY_EXT;
    attributes[n++] = EGL_LOSE_CONTEXT_ON_RESET_EXT;
  }
  attributes[n] = EGL_NONE;
  if (!eglBindAPI (wanted[choice].api))
    return EGL_NO_CONTEXT;
  return eglCreateContext (display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
}

/* The highest version that there is; robust, where that can be had. */
static EGLContext
best_context (EGLDisplay display, gboolean *out_robust)
{
  gboolean can = epoxy_egl_version (display) >= 15 ||
                 epoxy_has_egl_extension (display, "EGL_EXT_create_context_robustness");
  for (guint choice = 0; choice < G_N_ELEMENTS (wanted); choice++)
    for (int robust = can; robust >= 0; robust--) {
      EGLContext context = create_context (display, choice, robust);
      if (context == EGL_NO_CONTEXT)
        continue;
      if (eglMakeCurrent (display, EGL_NO_SURFACE, EGL_NO_SURFACE, context)) {
        *out_robust = robust;
        return context;
      }
      eglDestroyContext (display, context);
    }
  return EGL_NO_CONTEXT;
}

/* Displays stay for the life of the process, which has one of each: to unload and load a driver
 * takes its time, and some leave memory behind. */
static gboolean
try_display (GonioGlContext *self, EGLDisplay display)
{
  if (display == EGL_NO_DISPLAY || !eglInitialize (display, NULL, NULL))
    return FALSE;
  if (epoxy_has_egl_extension (display, "EGL_KHR_surfaceless_context") &&
      (epoxy_has_egl_extension (display, "EGL_KHR_no_config_context") ||
       epoxy_has_egl_extension (display, "EGL_MESA_configless_context")))
    self->context = best_context (display, &self->limits.robust);
  self->display = display;
  return self->context != EGL_NO_CONTEXT;
}

#define MOST_DEVICES 16

static EGLint
list_devices (EGLDeviceEXT *devices)
{
  EGLint n = 0;
  if (!epoxy_has_egl_extension (EGL_NO_DISPLAY, "EGL_EXT_platform_device") ||
      !epoxy_has_egl_extension (EGL_NO_DISPLAY, "EGL_EXT_device_enumeration") ||
      !epoxy_has_egl_extension (EGL_NO_DISPLAY, "EGL_EXT_device_query") ||
      !eglQueryDevicesEXT (MOST_DEVICES, devices, &n))
    return 0;
  return n;
}

static gboolean
is_software (EGLDeviceEXT device)
{
  const char *extensions = eglQueryDeviceStringEXT (device, EGL_EXTENSIONS);
  return extensions && strstr (extensions, "EGL_MESA_device_software");
}

/* Graphics cards before the processor that plays one. */
static gboolean
try_devices (GonioGlContext *self)
{
  EGLDeviceEXT devices[MOST_DEVICES];
  EGLint n = list_devices (devices);
  for (int software = 0; software < 2; software++)
    for (EGLint i = 0; i < n; i++)
      if (is_software (devices[i]) == (gboolean)software &&
          try_display (self, eglGetPlatformDisplayEXT (EGL_PLATFORM_DEVICE_EXT, devices[i], NULL)))
        return TRUE;
  return FALSE;
}

static gpointer
look_at_devices (gpointer data)
{
  EGLDeviceEXT devices[MOST_DEVICES];
  EGLint n = list_devices (devices);
  for (EGLint i = 0; i < n; i++)
    if (!is_software (devices[i]))
      return NULL;
  return GINT_TO_POINTER (n > 0);
}

/* EGL remembers the threads that have called it, so it is one that is seen to its end: a pool's may
 * end while exit handlers take EGL down. */
gboolean
gonio_gl_only_software (void)
{
  GThread *thread = g_thread_try_new ("gonio-gl-look", look_at_devices, NULL, NULL);
  return thread != NULL && g_thread_join (thread) != NULL;
}

static gboolean
open_display (GonioGlContext *self)
{
  if (try_devices (self))
    return TRUE;
  return epoxy_has_egl_extension (EGL_NO_DISPLAY, "EGL_MESA_platform_surfaceless") &&
         try_display (self, eglGetPlatformDisplayEXT (EGL_PLATFORM_SURFACELESS_MESA,
                                                      EGL_DEFAULT_DISPLAY, NULL));
}

/* ---- what there is ---- */

/* A lost context may report that for ever. */
void
gonio_gl_clear_errors (void)
{
  for (int i = 0; i < 16 && glGetError () != GL_NO_ERROR; i++)
    ;
}

static char *
dup_string (GLenum what)
{
  const char *text = (const char *)glGetString (what);
  return g_strdup (text ? text : "unknown");
}

static gint64
limit (GLenum what)
{
  GLint64 value = 0;
  glGetInteger64v (what, &value);
  return value;
}

static gint64
least_group_count (void)
{
  gint64 least = G_MAXINT64;
  for (GLuint axis = 0; axis < 3; axis++) {
    GLint count = 0;
    glGetIntegeri_v (GL_MAX_COMPUTE_WORK_GROUP_COUNT, axis, &count);
    least = MIN (least, count);
  }
  return least;
}

static gboolean
can_draw_to (GLenum format)
{
  GLuint texture, target;
  glGenTextures (1, &texture);
  glBindTexture (GL_TEXTURE_2D, texture);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
  glTexImage2D (GL_TEXTURE_2D, 0, (GLint)format, 4, 4, 0, GL_RGBA, GL_FLOAT, NULL);
  glGenFramebuffers (1, &target);
  glBindFramebuffer (GL_FRAMEBUFFER, target);
  glFramebufferTexture2D (GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
  gboolean complete = glCheckFramebufferStatus (GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE;
  glBindFramebuffer (GL_FRAMEBUFFER, 0);
  glDeleteFramebuffers (1, &target);
  glDeleteTextures (1, &texture);
  return complete && glGetError () == GL_NO_ERROR;
}

static gint64
memory_of_card (void)
{
  GLint kib[4] = {0};
  if (epoxy_has_gl_extension ("GL_NVX_gpu_memory_info"))
    glGetIntegerv (GL_GPU_MEMORY_INFO_TOTAL_AVAILABLE_MEMORY_NVX, kib);
  else if (epoxy_has_gl_extension ("GL_ATI_meminfo"))
    glGetIntegerv (GL_TEXTURE_FREE_MEMORY_ATI, kib); /* free, the nearest that it tells */
  return (gint64)kib[0] << 10;
}

static void
read_limits (GonioGlLimits *limits)
{
  limits->es = !epoxy_is_desktop_gl ();
  limits->version = epoxy_gl_version ();
  limits->vendor = dup_string (GL_VENDOR);
  limits->renderer = dup_string (GL_RENDERER);
  limits->driver = dup_string (GL_VERSION);
  limits->compute = limits->version >= (limits->es ? 31 : 43);
  limits->float_targets = can_draw_to (GL_RGBA32F);
  limits->half_targets = can_draw_to (GL_RGBA16F);
  limits->max_texture = limit (GL_MAX_TEXTURE_SIZE);
  limits->max_units = limit (GL_MAX_TEXTURE_IMAGE_UNITS);
  if (limits->es || limits->version >= 41 || epoxy_has_gl_extension ("GL_ARB_get_program_binary"))
    limits->binaries = limit (GL_NUM_PROGRAM_BINARY_FORMATS) > 0;
  if (limits->compute) {
    limits->max_groups = least_group_count ();
    limits->max_threads = limit (GL_MAX_COMPUTE_WORK_GROUP_INVOCATIONS);
    limits->max_shared = limit (GL_MAX_COMPUTE_SHARED_MEMORY_SIZE);
    limits->max_storage = limit (GL_MAX_SHADER_STORAGE_BLOCK_SIZE);
    limits->max_buffers = limit (GL_MAX_COMPUTE_SHADER_STORAGE_BLOCKS);
  }
  limits->memory = memory_of_card ();
  gonio_gl_clear_errors (); /* a limit that the driver does not know stays 0 */
}

/* ---- losing it ---- */

void
gonio_gl_context_lose (GonioGlContext *context, const char *reason)
{
  g_mutex_lock (&context->lock);
  if (!context->lost)
    context->lost = g_strdup (reason);
  g_mutex_unlock (&context->lock);
}

gboolean
gonio_gl_context_is_lost (GonioGlContext *context)
{
  g_mutex_lock (&context->lock);
  gboolean lost = context->lost != NULL;
  g_mutex_unlock (&context->lock);
  return lost;
}

static gboolean
check_lost (GonioGlContext *context, GError **error)
{
  g_mutex_lock (&context->lock);
  if (context->lost)
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_LOST,
                 "%s: the graphics driver stopped working (%s); load the model again, or leave "
                 "this backend out",
                 context->limits.renderer, context->lost);
  gboolean good = !context->lost;
  g_mutex_unlock (&context->lock);
  return good;
}

static const char *
error_name (GLenum code)
{
  switch (code) {
  case GL_INVALID_ENUM:
    return "invalid enum";
  case GL_INVALID_VALUE:
    return "invalid value";
  case GL_INVALID_OPERATION:
    return "invalid operation";
  case GL_INVALID_FRAMEBUFFER_OPERATION:
    return "invalid framebuffer operation";
  case GL_OUT_OF_MEMORY:
    return "out of memory";
  default:
    return "unknown error";
  }
}

gboolean
gonio_gl_context_check (GonioGlContext *context, const char *what, GError **error)
{
  if (context->limits.robust) {
    GLenum status = glGetGraphicsResetStatus ();
    if (status == GL_GUILTY_CONTEXT_RESET)
      gonio_gl_context_lose (context, "reset because of what this program had it do");
    else if (status != GL_NO_ERROR)
      gonio_gl_context_lose (context, "reset");
  }
  if (!check_lost (context, error))
    return FALSE;
  GLenum code = glGetError ();
  if (code == GL_NO_ERROR)
    return TRUE;
  gonio_gl_clear_errors ();
  g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
               "%s: %s was refused by the driver: %s", context->limits.renderer, what,
               error_name (code));
  return FALSE;
}

/* ---- memory ---- */

gboolean
gonio_gl_context_take_memory (GonioGlContext *context, size_t bytes, GonioMemoryBudget **out_budget,
                              GError **error)
{
  GonioWork work;
  gonio_work_begin (&work, context->memory, 0, NULL);
  gboolean good =
      gonio_memory_budget_take (bytes, "memory of the graphics card", out_budget, error);
  gonio_work_end (&work);
  return good;
}

size_t
gonio_gl_context_used_memory (GonioGlContext *context)
{
  return gonio_memory_budget_taken (context->memory);
}

void
gonio_gl_context_limit_memory (GonioGlContext *context, size_t bytes)
{
  g_clear_pointer (&context->memory, gonio_memory_budget_unref);
  context->memory = gonio_memory_budget_new (bytes);
}

void
gonio_gl_context_forget_float_targets (GonioGlContext *context)
{
  context->limits.float_targets = FALSE;
}

static void
limit_memory (GonioGlContext *context)
{
  size_t machine = (size_t)sysconf (_SC_PHYS_PAGES) * (size_t)sysconf (_SC_PAGESIZE);
  size_t card = (size_t)context->limits.memory;
  gonio_gl_context_limit_memory (context, card > 0 ? card / 4 * 3 : machine / 2);
}

/* ---- waiting ---- */

gpointer
gonio_gl_context_mark (GonioGlContext *context)
{
  gpointer mark = glFenceSync (GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
  glFlush ();
  return mark;
}

gboolean
gonio_gl_context_wait (GonioGlContext *context, gpointer mark, GError **error)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_SECONDS * G_USEC_PER_SEC;
  GLenum status = mark ? GL_TIMEOUT_EXPIRED : GL_WAIT_FAILED;
  while (status == GL_TIMEOUT_EXPIRED && g_get_monotonic_time () < end &&
         !gonio_gl_context_is_lost (context))
    status = glClientWaitSync (mark, GL_SYNC_FLUSH_COMMANDS_BIT, 100 * 1000 * 1000);
  if (mark)
    glDeleteSync (mark);
  if (status == GL_TIMEOUT_EXPIRED)
    gonio_gl_context_lose (context, "no answer for a minute");
  return gonio_gl_context_check (context, "waiting for results", error);
}

/* ---- the thread ---- */

static Job *
next_job (GonioGlContext *self)
{
  g_mutex_lock (&self->lock);
  while (g_queue_is_empty (&self->jobs))
    g_cond_wait (&self->wanted, &self->lock);
  Job *job = g_queue_pop_head (&self->jobs);
  g_mutex_unlock (&self->lock);
  return job;
}

static void
finish (GonioGlContext *self, Job *job, gboolean result)
{
  g_mutex_lock (&self->lock);
  job->result = result;
  job->done = TRUE;
  g_cond_broadcast (&self->ended);
  g_mutex_unlock (&self->lock);
}

static gpointer
thread_main (gpointer data)
{
  GonioGlContext *self = data;
  for (;;) {
    Job *job = next_job (self);
    gboolean last = !job->call && !job->free, good = TRUE;
    if (job->call)
      good = check_lost (self, job->error) && job->call (self, job->data, job->error);
    else if (job->free)
      job->free (job->data);
    finish (self, job, good);
    if (last)
      break;
  }
  if (self->context != EGL_NO_CONTEXT) {
    eglMakeCurrent (self->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
    eglDestroyContext (self->display, self->context);
    eglReleaseThread ();
  }
  return NULL;
}

static gboolean
start (GonioGlContext *self, gpointer data, GError **error)
{
  if (!open_display (self)) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNAVAILABLE,
                 "no OpenGL 3.3 or OpenGL ES 3.0 without a window is offered by this system; the "
                 "package of the graphics driver's EGL library may be missing");
    return FALSE;
  }
  read_limits (&self->limits);
  limit_memory (self);
  GLuint vertices; /* nothing is drawn without one, though none of it is read */
  glGenVertexArrays (1, &vertices);
  glBindVertexArray (vertices);
  return TRUE;
}

static gboolean
do_job (GonioGlContext *context, Job *job)
{
  g_mutex_lock (&context->lock);
  g_queue_push_tail (&context->jobs, job);
  g_cond_signal (&context->wanted);
  while (!job->done)
    g_cond_wait (&context->ended, &context->lock);
  g_mutex_unlock (&context->lock);
  return job->result;
}

gboolean
gonio_gl_context_call (GonioGlContext *context, GonioGlCall call, gpointer data, GError **error)
{
  g_return_val_if_fail (g_thread_self () != context->thread, FALSE);
  return do_job (context, &(Job){.call = call, .data = data, .error = error});
}

void
gonio_gl_context_free (GonioGlContext *context, GDestroyNotify free, gpointer data)
{
  g_return_if_fail (g_thread_self () != context->thread);
  do_job (context, &(Job){.free = free, .data = data});
}

/* ---- one for the process ---- */

static GMutex shared_lock;
static GonioGlContext *shared; /* no reference of its own */

static void
context_free (GonioGlContext *self)
{
  if (self->thread) {
    do_job (self, &(Job){0});
    g_thread_join (self->thread);
  }
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wanted);
  g_cond_clear (&self->ended);
  g_clear_pointer (&self->memory, gonio_memory_budget_unref);
  g_free (self->lost);
  g_free (self->limits.vendor);
  g_free (self->limits.renderer);
  g_free (self->limits.driver);
  g_free (self);
}

static GonioGlContext *
context_new (GError **error)
{
  GonioGlContext *self = g_new0 (GonioGlContext, 1);
  g_autoptr (GError) local = NULL;
  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  g_cond_init (&self->wanted);
  g_cond_init (&self->ended);
  self->display = EGL_NO_DISPLAY;
  self->context = EGL_NO_CONTEXT;
  g_queue_init (&self->jobs);
  self->thread = g_thread_try_new ("gonio-gl", thread_main, self, &local);
  if (!self->thread) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNAVAILABLE,
                 "the thread for OpenGL cannot be started: %s", local->message);
    context_free (self);
    return NULL;
  }
  if (!gonio_gl_context_call (self, start, NULL, error)) {
    context_free (self);
    return NULL;
  }
  return self;
}

/* A lost context is left to those who still have it, and the next one to ask gets a fresh one. */
GonioGlContext *
gonio_gl_context_acquire (GError **error)
{
  g_mutex_lock (&shared_lock);
  if (shared && gonio_gl_context_is_lost (shared))
    shared = NULL;
  if (shared)
    g_atomic_ref_count_inc (&shared->refs);
  else
    shared = context_new (error);
  GonioGlContext *context = shared;
  g_mutex_unlock (&shared_lock);
  return context;
}

void
gonio_gl_context_unref (GonioGlContext *context)
{
  g_mutex_lock (&shared_lock);
  gboolean last = g_atomic_ref_count_dec (&context->refs);
  if (last && shared == context)
    shared = NULL;
  g_mutex_unlock (&shared_lock);
  if (last)
    context_free (context);
}

const GonioGlLimits *
gonio_gl_context_limits (const GonioGlContext *context)
{
  return &context->limits;
}
