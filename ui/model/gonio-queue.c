/* Sends items through the pipeline; see gonio-queue.h. */
#include "ui/model/gonio-queue.h"

#include "core/base/busy.h"

#include <glib/gi18n.h>

#define THUMBNAIL_EDGE 96

struct _GonioQueue {
  GObject parent_instance;
  GonioPipeline *pipeline; /* of the next item; NULL: it has to wait, or error says why not */
  char *error;
  GQueue waiting; /* GonioItem*, owned */
  GonioItem *running;
  GCancellable *cancellable;
  gboolean paused;
  guint done, total;
  double fraction; /* of the running item */
  gint64 started;  /* of the batch, microseconds */
};

G_DEFINE_FINAL_TYPE (GonioQueue, gonio_queue, G_TYPE_OBJECT)

enum { PROGRESS, N_SIGNALS };
static guint signals[N_SIGNALS];

static void next (GonioQueue *self);

/* ---- preparing what the viewer draws, on a worker thread ---- */

typedef struct {
  GonioPipelineOutput *output;
  GonioPyramid *original, *rectified;
  GdkTexture *thumbnail;
} Prepared;

static void
prepared_free (gpointer data)
{
  Prepared *prepared = data;
  g_clear_pointer (&prepared->output, gonio_pipeline_output_free);
  g_clear_pointer (&prepared->original, gonio_pyramid_unref);
  g_clear_pointer (&prepared->rectified, gonio_pyramid_unref);
  g_clear_object (&prepared->thumbnail);
  g_free (prepared);
}

static GdkTexture *
make_thumbnail (GonioImage *image)
{
  g_autoptr (GonioImage) small = gonio_image_thumbnail (image, THUMBNAIL_EDGE);
  g_autoptr (GonioPyramid) pyramid = gonio_pyramid_new (small);
  g_autofree uint8_t *table = g_malloc (65536);
  const GonioWindow window = gonio_image_auto_window (small);
  gonio_window_to_table (&window, table);
  return gonio_pyramid_render (pyramid, 0, 0, 0, gonio_image_width (small),
                               gonio_image_height (small), table);
}

static void
prepare_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Prepared *prepared = data;
  prepared->original = gonio_pyramid_new (prepared->output->original);
  prepared->rectified = prepared->output->rectified == prepared->output->original
                            ? gonio_pyramid_ref (prepared->original)
                            : gonio_pyramid_new (prepared->output->rectified);
  prepared->thumbnail = make_thumbnail (prepared->output->rectified);
  g_task_return_boolean (task, TRUE);
  gonio_busy_end ();
}

/* ---- the running item ---- */

static void
finish_running (GonioQueue *self)
{
  g_clear_object (&self->running);
  g_clear_object (&self->cancellable);
  self->done++;
  self->fraction = 0;
  next (self);
}

static void
on_prepared (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GonioQueue) self = user_data;
  Prepared *prepared = g_task_get_task_data (G_TASK (result));
  gonio_item_set_output (
      self->running, g_steal_pointer (&prepared->output), g_steal_pointer (&prepared->original),
      g_steal_pointer (&prepared->rectified), g_steal_pointer (&prepared->thumbnail));
  finish_running (self);
}

static void
on_measured (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GonioQueue) self = user_data;
  g_autoptr (GError) error = NULL;
  GonioPipelineOutput *output = gonio_pipeline_measure_finish (self->pipeline, result, &error);
  if (!output) {
    if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
      gonio_item_set_failed (self->running, _ ("Stopped. Measure it again when you are ready."));
    else
      gonio_item_set_failed (self->running, error->message);
    finish_running (self);
    return;
  }
  Prepared *prepared = g_new0 (Prepared, 1);
  prepared->output = output;
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_prepared, g_object_ref (self));
  g_task_set_task_data (task, prepared, prepared_free);
  gonio_busy_begin ();
  g_task_run_in_thread (task, prepare_in_thread);
}

static void
on_stage (const char *stage, double fraction, gpointer user_data)
{
  GonioQueue *self = user_data;
  if (!self->running)
    return;
  self->fraction = CLAMP (fraction, 0.0, 1.0);
  gonio_item_set_working (self->running, gonio_stage_words (stage));
  g_signal_emit (self, signals[PROGRESS], 0);
}

/* What waits fails, with words. */
static void
drop_waiting (GonioQueue *self, const char *message)
{
  GonioItem *item;
  while ((item = g_queue_pop_head (&self->waiting))) {
    gonio_item_set_failed (item, message);
    g_object_unref (item);
    self->total--;
  }
}

static void
next (GonioQueue *self)
{
  if (self->error)
    drop_waiting (self, self->error);
  if (self->pipeline && !self->running && !self->paused && !g_queue_is_empty (&self->waiting)) {
    self->running = g_queue_pop_head (&self->waiting);
    self->cancellable = g_cancellable_new ();
    gonio_item_set_working (self->running, gonio_stage_words ("decode"));
    g_autofree char *path = g_file_get_path (gonio_item_get_file (self->running));
    if (!path) {
      gonio_item_set_failed (self->running,
                             _ ("Only files on this computer can be read. Copy it here first."));
      finish_running (self);
      return;
    }
    gonio_pipeline_measure_async (self->pipeline, path, gonio_item_options (self->running),
                                  G_PRIORITY_DEFAULT, on_stage, self, self->cancellable,
                                  on_measured, g_object_ref (self));
  }
  if (!gonio_queue_is_busy (self))
    self->done = self->total = 0;
  g_signal_emit (self, signals[PROGRESS], 0);
}

/* ---- public ---- */

void
gonio_queue_add (GonioQueue *self, GonioItem *item, gboolean urgent)
{
  if (item == self->running)
    return;
  GList *there = g_queue_find (&self->waiting, item);
  if (there) {
    g_queue_delete_link (&self->waiting, there);
    g_object_unref (item);
  } else {
    if (!gonio_queue_is_busy (self))
      self->started = g_get_monotonic_time ();
    self->total++;
  }
  gonio_item_set_queued (item);
  if (urgent)
    g_queue_push_head (&self->waiting, g_object_ref (item));
  else
    g_queue_push_tail (&self->waiting, g_object_ref (item));
  next (self);
}

void
gonio_queue_cancel (GonioQueue *self)
{
  drop_waiting (self, _ ("Stopped. Measure it again when you are ready."));
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_signal_emit (self, signals[PROGRESS], 0);
}

void
gonio_queue_set_pipeline (GonioQueue *self, GonioPipeline *pipeline, const char *error)
{
  GonioPipeline *old = self->pipeline;
  self->pipeline = pipeline ? gonio_pipeline_ref (pipeline) : NULL;
  g_clear_pointer (&old, gonio_pipeline_unref);
  g_free (self->error);
  self->error = pipeline ? NULL : g_strdup (error);
  next (self);
}

void
gonio_queue_set_paused (GonioQueue *self, gboolean paused)
{
  self->paused = paused;
  next (self);
}

gboolean
gonio_queue_get_paused (GonioQueue *self)
{
  return self->paused;
}

gboolean
gonio_queue_is_busy (GonioQueue *self)
{
  return self->running || !g_queue_is_empty (&self->waiting);
}

void
gonio_queue_get_progress (GonioQueue *self, guint *out_done, guint *out_total, double *out_fraction,
                          double *out_seconds_left)
{
  *out_done = self->done;
  *out_total = self->total;
  *out_fraction = self->total ? (self->done + self->fraction) / self->total : 0.0;
  *out_seconds_left = -1;
  if (self->done > 0) {
    const double spent = (double)(g_get_monotonic_time () - self->started) / 1e6;
    *out_seconds_left = spent / self->done * (self->total - self->done - self->fraction);
  }
}

/* ---- life ---- */

static void
gonio_queue_dispose (GObject *object)
{
  GonioQueue *self = GONIO_QUEUE (object);
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_queue_clear_full (&self->waiting, g_object_unref);
  G_OBJECT_CLASS (gonio_queue_parent_class)->dispose (object);
}

static void
gonio_queue_finalize (GObject *object)
{
  GonioQueue *self = GONIO_QUEUE (object);
  g_clear_object (&self->running);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->pipeline, gonio_pipeline_unref);
  g_free (self->error);
  G_OBJECT_CLASS (gonio_queue_parent_class)->finalize (object);
}

static void
gonio_queue_class_init (GonioQueueClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = gonio_queue_dispose;
  G_OBJECT_CLASS (klass)->finalize = gonio_queue_finalize;
  signals[PROGRESS] = g_signal_new ("progress", GONIO_TYPE_QUEUE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                    NULL, G_TYPE_NONE, 0);
}

static void
gonio_queue_init (GonioQueue *self)
{
  g_queue_init (&self->waiting);
}

GonioQueue *
gonio_queue_new (void)
{
  return g_object_new (GONIO_TYPE_QUEUE, NULL);
}
