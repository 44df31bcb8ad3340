/* Measures several pictures at a time. Depends on job.h. */
#include "core/base/times.h"
#include "core/pipeline/job.h"

/* Each holds decoded pictures, and more than these wait for memory. */
#define MOST_JOBS 4

typedef struct {
  GonioPipelineOutput *output;
  GError *error;
  gboolean done;
} Slot;

typedef struct {
  GonioPipeline *pipeline;
  const char *const *paths;
  guint n, ahead; /* how far measuring may be ahead of telling */
  const GonioMeasureOptions *options;
  GCancellable *cancellable;
  GonioTimes *times; /* nullable: nobody collects */
  GMutex lock;       /* guards what follows, and times */
  GCond changed;
  guint next, told;
  Slot *slots;
} Batch;

guint
gonio_pipeline_jobs (guint threads, guint n_pictures)
{
  guint all = threads > 0 ? threads : g_get_num_processors ();
  return CLAMP (MIN (n_pictures, all), 1, MOST_JOBS);
}

static gpointer
work (gpointer data)
{
  Batch *batch = data;
  GonioTimes times = {.n = 0};
  gonio_times_collect (batch->times != NULL ? &times : NULL);
  g_mutex_lock (&batch->lock);
  while (batch->next < batch->n) {
    if (batch->next >= batch->told + batch->ahead) {
      g_cond_wait (&batch->changed, &batch->lock);
      continue;
    }
    guint i = batch->next++;
    g_mutex_unlock (&batch->lock);
    Slot slot = {.done = TRUE};
    slot.output = gonio_pipeline_measure (batch->pipeline, batch->paths[i], batch->options, NULL,
                                          NULL, batch->cancellable, &slot.error);
    g_mutex_lock (&batch->lock);
    batch->slots[i] = slot;
    g_cond_broadcast (&batch->changed);
  }
  gonio_times_collect (NULL);
  if (batch->times != NULL)
    gonio_times_merge (batch->times, &times);
  g_mutex_unlock (&batch->lock);
  return NULL;
}

static void
tell (Batch *batch, GonioPipelineEach each, gpointer data)
{
  for (guint i = 0; i < batch->n; i++) {
    Slot *slot = &batch->slots[i];
    g_mutex_lock (&batch->lock);
    while (!slot->done)
      g_cond_wait (&batch->changed, &batch->lock);
    g_mutex_unlock (&batch->lock);
    each (i, slot->output, slot->error, data);
    g_clear_pointer (&slot->output, gonio_pipeline_output_free);
    g_clear_error (&slot->error);
    g_mutex_lock (&batch->lock);
    batch->told++;
    g_cond_broadcast (&batch->changed);
    g_mutex_unlock (&batch->lock);
  }
}

static void
one_by_one (Batch *batch, GonioPipelineEach each, gpointer data)
{
  for (guint i = 0; i < batch->n; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioPipelineOutput) output = gonio_pipeline_measure (
        batch->pipeline, batch->paths[i], batch->options, NULL, NULL, batch->cancellable, &error);
    each (i, output, error, data);
  }
}

void
gonio_pipeline_measure_all (GonioPipeline *pipeline, const char *const *paths,
                            const GonioMeasureOptions *options, GonioPipelineEach each,
                            gpointer data, GCancellable *cancellable)
{
  GThread *threads[MOST_JOBS] = {NULL};
  guint n = g_strv_length ((char **)paths), started = 0, jobs = MIN (pipeline->jobs, n);
  GonioTimes times = {.n = 0};
  GonioTimes *collector = gonio_times_collector ();
  Batch batch = {.pipeline = pipeline,
                 .paths = paths,
                 .n = n,
                 .ahead = 2 * jobs,
                 .options = options,
                 .cancellable = cancellable,
                 .times = collector != NULL ? &times : NULL};
  g_mutex_init (&batch.lock);
  g_cond_init (&batch.changed);
  batch.slots = g_new0 (Slot, n);
  for (guint i = 0; jobs > 1 && i < jobs; i++) {
    threads[started] = g_thread_try_new ("gonio-measure", work, &batch, NULL);
    started += threads[started] != NULL;
  }
  (started > 0 ? tell : one_by_one) (&batch, each, data);
  for (guint i = 0; i < started; i++)
    g_thread_join (threads[i]);
  if (collector != NULL)
    gonio_times_merge (collector, &times);
  g_free (batch.slots);
  g_cond_clear (&batch.changed);
  g_mutex_clear (&batch.lock);
}
