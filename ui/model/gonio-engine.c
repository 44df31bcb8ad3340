/* What measures, and on what; see gonio-engine.h. */
#include "ui/model/gonio-engine.h"

#include "core/base/busy.h"

struct _GonioEngine {
  GObject parent_instance;
  GonioEngineSource source;
  GSettings *settings; /* nullable */
  char *backend;
  GonioPrecision precision;
  GCancellable *opening; /* by the latest settings; nullable */
  GCancellable *asking;  /* the machine about its backends */
  GThreadPool *worker;   /* one thread; NULL once shut down */
  GThreadPool *hasty;    /* another, for what needs no time; likewise */
  GMutex lock;
  GQueue finished;    /* Work*, to be delivered; guarded by lock */
  guint patience;     /* timeout, 0: none */
  gboolean serves;    /* what was opened at once, until the settings' is there */
  gint wanted, ready; /* generations of the settings; wanted is atomic, the worker looks at it */
  GonioPipeline *pipeline;
  char *error, *note;  /* nullable */
  GPtrArray *backends; /* nullable */
};

G_DEFINE_FINAL_TYPE (GonioEngine, gonio_engine, G_TYPE_OBJECT)

enum { CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* How long pictures wait for the first pipeline before another serves. */
#define PATIENCE_MS 1500

void
gonio_engine_backend_free (GonioEngineBackend *backend)
{
  g_free (backend->name);
  g_free (backend->device);
  g_free (backend->driver);
  g_free (backend->problem);
  g_free (backend->passed_over);
  g_free (backend);
}

/* ---- work, on the worker's thread and back ---- */

typedef struct _Work Work;
struct _Work {
  GonioEngine *engine; /* reference, given back on the main thread */
  GMainContext *context;
  GCancellable *cancellable; /* nullable */
  GonioEngineSource source;
  void (*run) (Work *work);
  void (*deliver) (Work *work); /* on the main thread; NULL: nothing to tell */
  gint generation;
  char *backend;
  GonioPrecision precision;
  GonioPipeline *pipeline; /* opened, or to be closed */
  GError *error;
  GPtrArray *backends;
  gboolean decide;
  char *note;
};

static void
work_free (Work *work)
{
  g_clear_object (&work->engine);
  g_clear_pointer (&work->pipeline, gonio_pipeline_unref);
  g_clear_pointer (&work->backends, g_ptr_array_unref);
  g_clear_error (&work->error);
  g_clear_object (&work->cancellable);
  g_main_context_unref (work->context);
  g_free (work->backend);
  g_free (work->note);
  g_free (work);
}

static Work *
pop_finished (GonioEngine *self)
{
  g_mutex_lock (&self->lock);
  Work *work = g_queue_pop_head (&self->finished);
  g_mutex_unlock (&self->lock);
  return work;
}

static gboolean
deliver_one (gpointer data)
{
  Work *work = pop_finished (data);
  if (work != NULL) { /* not given up by the end */
    work->deliver (work);
    work_free (work);
  }
  return G_SOURCE_REMOVE;
}

static void
run_work (gpointer data, gpointer user_data)
{
  Work *work = data;
  if (work->run != NULL)
    work->run (work);
  if (work->deliver == NULL) {
    work_free (work);
    return;
  }
  GonioEngine *engine = work->engine;
  g_autoptr (GMainContext) context = g_main_context_ref (work->context);
  GSource *source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver_one, g_object_ref (engine), g_object_unref);
  g_mutex_lock (&engine->lock);
  g_queue_push_tail (&engine->finished, work);
  g_mutex_unlock (&engine->lock);
  g_source_attach (source, context);
  g_source_unref (source);
}

static Work *
new_work (GonioEngine *self)
{
  Work *work = g_new0 (Work, 1);
  work->context = g_main_context_ref_thread_default ();
  work->source = self->source;
  return work;
}

/* hasty: beside what takes long. */
static void
push_work (GonioEngine *self, Work *work, gboolean hasty)
{
  GThreadPool *pool = hasty ? self->hasty : self->worker;
  if (pool != NULL)
    g_thread_pool_push (pool, work, NULL);
  else
    work_free (work);
}

/* Closing frees the memory of drivers and models: not while a person waits. */
static void
close_pipeline (GonioEngine *self, GonioPipeline *pipeline)
{
  Work *work = new_work (self);
  work->pipeline = pipeline;
  push_work (self, work, FALSE);
}

/* ---- opening ---- */

static void
open_in_worker (Work *work)
{
  if (work->generation != g_atomic_int_get (&work->engine->wanted))
    return; /* settings have changed again meanwhile */
  work->pipeline = work->source.open_pipeline (work->backend, work->precision, work->cancellable,
                                               &work->note, &work->error);
}

static void
take_pipeline (Work *work)
{
  GonioEngine *self = work->engine;
  if (self->worker == NULL)
    return;
  if (work->generation != self->wanted) {
    if (work->pipeline != NULL)
      close_pipeline (self, g_steal_pointer (&work->pipeline));
    return;
  }
  GonioPipeline *old = work->pipeline != NULL ? g_steal_pointer (&self->pipeline) : NULL;
  if (work->pipeline != NULL)
    self->pipeline = g_steal_pointer (&work->pipeline);
  g_free (self->error);
  self->error = work->error != NULL ? g_strdup (work->error->message) : NULL;
  g_free (self->note);
  self->note = g_steal_pointer (&work->note);
  self->ready = work->generation;
  self->serves = FALSE;
  g_signal_emit (self, signals[CHANGED], 0);
  if (old != NULL)
    close_pipeline (self, old);
}

static void
open_pipeline (GonioEngine *self)
{
  Work *work = new_work (self);
  g_cancellable_cancel (self->opening); /* nobody wants it any more */
  g_clear_object (&self->opening);
  self->opening = g_cancellable_new ();
  work->cancellable = g_object_ref (self->opening);
  work->engine = g_object_ref (self);
  work->run = open_in_worker;
  work->deliver = take_pipeline;
  work->generation = g_atomic_int_add (&self->wanted, 1) + 1;
  self->serves = FALSE;
  work->backend = g_strdup (self->backend);
  work->precision = self->precision;
  push_work (self, work, FALSE);
  g_signal_emit (self, signals[CHANGED], 0);
}

/* ---- what serves meanwhile ---- */

static void
open_at_once_in_worker (Work *work)
{
  work->pipeline = work->source.open_at_once (&work->error);
}

static void
take_what_serves (Work *work)
{
  GonioEngine *self = work->engine;
  if (self->worker == NULL || work->pipeline == NULL)
    return;
  if (self->pipeline != NULL || !gonio_engine_is_busy (self)) {
    close_pipeline (self, g_steal_pointer (&work->pipeline));
    return;
  }
  self->pipeline = g_steal_pointer (&work->pipeline);
  self->serves = TRUE;
  g_signal_emit (self, signals[CHANGED], 0);
}

static gboolean
on_impatient (gpointer data)
{
  GonioEngine *self = data;
  self->patience = 0;
  if (self->pipeline == NULL && gonio_engine_is_busy (self)) {
    Work *work = new_work (self);
    work->engine = g_object_ref (self);
    work->run = open_at_once_in_worker;
    work->deliver = take_what_serves;
    push_work (self, work, TRUE);
  }
  return G_SOURCE_REMOVE;
}

/* ---- backends ---- */

static void
list_in_worker (Work *work)
{
  work->backends = work->source.list_backends (work->decide, work->cancellable);
}

static gboolean
is_decided (GPtrArray *backends)
{
  gboolean decided = FALSE;
  for (guint i = 0; backends != NULL && i < backends->len; i++)
    decided = decided || ((GonioEngineBackend *)backends->pdata[i])->decided;
  return decided;
}

static void
take_backends (Work *work)
{
  GonioEngine *self = work->engine;
  if (self->worker == NULL)
    return;
  if (!work->decide && is_decided (self->backends))
    return; /* it knows more */
  g_clear_pointer (&self->backends, g_ptr_array_unref);
  self->backends = g_steal_pointer (&work->backends);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
gonio_engine_look_at_backends (GonioEngine *self)
{
  for (int decide = 0; decide < 2; decide++) {
    Work *work = new_work (self);
    work->engine = g_object_ref (self);
    work->run = list_in_worker;
    work->cancellable = g_object_ref (self->asking);
    work->deliver = take_backends;
    work->decide = decide;
    push_work (self, work, !decide); /* what needs no test does not wait behind one */
  }
}

GPtrArray *
gonio_engine_get_backends (GonioEngine *self)
{
  return self->backends;
}

/* ---- settings ---- */

static void
apply (GonioEngine *self, const char *backend, GonioPrecision precision)
{
  if (g_str_equal (self->backend, backend) && self->precision == precision)
    return;
  char *copy = g_strdup (backend); /* first: it may be the old one */
  g_free (self->backend);
  self->backend = copy;
  self->precision = precision;
  open_pipeline (self);
}

static char *
stored_backend (GonioEngine *self)
{
  char *backend = g_settings_get_string (self->settings, "backend");
  if (*backend != '\0')
    return backend;
  g_free (backend);
  return g_strdup (GONIO_ENGINE_AUTO);
}

static GonioPrecision
stored_precision (GonioEngine *self)
{
  g_autofree char *text = g_settings_get_string (self->settings, "precision");
  GonioPrecision precision = GONIO_PRECISION_FP32;
  gonio_precision_parse (text, &precision);
  return precision;
}

static void
on_settings_changed (GSettings *settings, const char *key, GonioEngine *self)
{
  g_autofree char *backend = stored_backend (self);
  apply (self, backend, stored_precision (self));
}

const char *
gonio_engine_get_backend (GonioEngine *self)
{
  return self->backend;
}

void
gonio_engine_set_backend (GonioEngine *self, const char *backend)
{
  if (self->settings != NULL)
    g_settings_set_string (self->settings, "backend", backend);
  apply (self, backend, self->precision);
}

GonioPrecision
gonio_engine_get_precision (GonioEngine *self)
{
  return self->precision;
}

void
gonio_engine_set_precision (GonioEngine *self, GonioPrecision precision)
{
  if (self->settings != NULL)
    g_settings_set_string (self->settings, "precision", gonio_precision_name (precision));
  apply (self, self->backend, precision);
}

gboolean
gonio_engine_is_persistent (GonioEngine *self)
{
  return self->settings != NULL;
}

/* ---- answers ---- */

gboolean
gonio_engine_is_busy (GonioEngine *self)
{
  return self->ready != self->wanted;
}

gboolean
gonio_engine_is_ready (GonioEngine *self)
{
  return self->serves || !gonio_engine_is_busy (self);
}

GonioPipeline *
gonio_engine_get_pipeline (GonioEngine *self)
{
  return self->pipeline;
}

const char *
gonio_engine_get_error (GonioEngine *self)
{
  return gonio_engine_is_busy (self) ? NULL : self->error;
}

const char *
gonio_engine_get_note (GonioEngine *self)
{
  return gonio_engine_is_busy (self) ? NULL : self->note;
}

/* ---- life ---- */

void
gonio_engine_shut_down (GonioEngine *self)
{
  GThreadPool *worker = g_steal_pointer (&self->worker);
  GThreadPool *hasty = g_steal_pointer (&self->hasty);
  g_atomic_int_inc (&self->wanted); /* what waits is not begun */
  g_cancellable_cancel (self->opening);
  g_cancellable_cancel (self->asking);
  g_clear_handle_id (&self->patience, g_source_remove);
  if (self->settings != NULL)
    g_signal_handlers_disconnect_by_data (self->settings, self);
  if (worker != NULL)
    g_thread_pool_free (worker, FALSE, TRUE);
  if (hasty != NULL)
    g_thread_pool_free (hasty, FALSE, TRUE);
  for (Work *work = pop_finished (self); work != NULL; work = pop_finished (self))
    work_free (work); /* the main loop may not come to it any more */
  g_clear_pointer (&self->pipeline, gonio_pipeline_unref);
  gonio_busy_wait (); /* the last to hold a pipeline may be its own worker */
}

static void
gonio_engine_finalize (GObject *object)
{
  GonioEngine *self = GONIO_ENGINE (object);
  gonio_engine_shut_down (self);
  g_mutex_clear (&self->lock);
  g_clear_object (&self->settings);
  g_clear_object (&self->opening);
  g_clear_object (&self->asking);
  g_clear_pointer (&self->backends, g_ptr_array_unref);
  g_free (self->backend);
  g_free (self->error);
  g_free (self->note);
  G_OBJECT_CLASS (gonio_engine_parent_class)->finalize (object);
}

static void
gonio_engine_class_init (GonioEngineClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gonio_engine_finalize;
  signals[CHANGED] = g_signal_new ("changed", GONIO_TYPE_ENGINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void
gonio_engine_init (GonioEngine *self)
{
  self->backend = g_strdup (GONIO_ENGINE_AUTO);
  g_mutex_init (&self->lock);
  g_queue_init (&self->finished);
  self->asking = g_cancellable_new ();
  /* Not exclusive: threads are there only while there is work, so this cannot fail. */
  self->worker = g_thread_pool_new (run_work, NULL, 1, FALSE, NULL);
  self->hasty = g_thread_pool_new (run_work, NULL, 1, FALSE, NULL);
}

GonioEngine *
gonio_engine_new (const GonioEngineSource *source, GSettings *settings)
{
  GonioEngine *self = g_object_new (GONIO_TYPE_ENGINE, NULL);
  self->source = *source;
  if (settings != NULL) {
    self->settings = g_object_ref (settings);
    g_free (self->backend);
    self->backend = stored_backend (self);
    self->precision = stored_precision (self);
    g_signal_connect (settings, "changed::backend", G_CALLBACK (on_settings_changed), self);
    g_signal_connect (settings, "changed::precision", G_CALLBACK (on_settings_changed), self);
  }
  open_pipeline (self);
  self->patience = g_timeout_add (PATIENCE_MS, on_impatient, self);
  return self;
}
