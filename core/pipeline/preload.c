/* Loads networks beside the decoding of a picture. Depends on job.h. */
#include "core/pipeline/job.h"

enum { MOST_MODELS = 3 };

struct _GonioPreload {
  const GonioSessionOptions *options;
  GonioModel *models[MOST_MODELS];
  GCancellable *needless[MOST_MODELS];
  guint n;
  GThread *thread;
};

static gpointer
load (gpointer data)
{
  GonioPreload *preload = data;
  /* A failure is kept by the model, and told to whoever needs it. */
  for (guint i = 0; i < preload->n; i++)
    gonio_model_session (preload->models[i], preload->options, preload->needless[i], NULL);
  return NULL;
}

static void
want (GonioPreload *preload, GonioModel *model)
{
  if (model == NULL || gonio_model_is_loaded (model))
    return;
  preload->models[preload->n] = model;
  preload->needless[preload->n++] = g_cancellable_new ();
}

GonioPreload *
gonio_preload_start (const GonioJob *job)
{
  const GonioPipeline *p = job->pipeline;
  const GonioMeasureOptions *how = &job->options;
  /* One thread is all that was asked for, or others measure meanwhile. */
  if (p->session.threads == 1 || p->jobs > 1)
    return NULL;
  GonioPreload *preload = g_new0 (GonioPreload, 1);
  preload->options = &p->session;
  if (how->rectify == GONIO_RECTIFY_AUTO)
    want (preload, gonio_model_store_find (p->store, GONIO_TASK_DEWARP, NULL));
  want (preload, gonio_model_store_find (p->store, GONIO_TASK_CLASSIFY_VIEW, NULL));
  GonioProtocol *protocol =
      how->protocol != NULL ? gonio_pipeline_find_protocol (job->pipeline, how->protocol) : NULL;
  if (protocol != NULL)
    want (preload,
          gonio_model_store_find (p->store, GONIO_TASK_LANDMARKS, gonio_protocol_view (protocol)));
  if (preload->n > 0)
    preload->thread = g_thread_try_new ("gonio-preload", load, preload, NULL);
  return preload;
}

void
gonio_preload_drop (GonioPreload *preload, GonioModelTask task)
{
  for (guint i = 0; preload != NULL && i < preload->n; i++)
    if (gonio_model_manifest (preload->models[i])->task == task)
      g_cancellable_cancel (preload->needless[i]);
}

void
gonio_preload_free (GonioPreload *preload)
{
  if (preload == NULL)
    return;
  for (guint i = 0; i < preload->n; i++)
    g_cancellable_cancel (preload->needless[i]);
  if (preload->thread != NULL)
    g_thread_join (preload->thread);
  for (guint i = 0; i < preload->n; i++)
    g_object_unref (preload->needless[i]);
  g_free (preload);
}
