/* One picture on its way through the pipeline. Private to core/pipeline. */
#pragma once

#include "core/models/store.h"
#include "core/pipeline/find.h"
#include "core/pipeline/pipeline.h"
#include "core/pipeline/rectify.h"

G_BEGIN_DECLS

struct _GonioPipeline {
  gatomicrefcount refs;
  GonioModelStore *store;
  GPtrArray *protocols; /* GonioProtocol */
  GPtrArray *problems;  /* char* */
  const GonioBackendDef **backends;
  GonioSessionOptions session;
  guint jobs;           /* pictures at a time, at least 1 */
  GArray *offered;      /* backends that this machine has, in pipeline.c */
  char *backend_choice; /* nullable */
  GThreadPool *workers; /* one thread, most urgent first */
  guint64 sequence;
  GMutex lock;     /* sequence */
  char **left_out; /* for results; nullable */
};

typedef struct _GonioPreload GonioPreload;

typedef struct {
  GonioPipeline *pipeline;
  const char *path;
  GonioMeasureOptions options;
  GonioPipelineProgress progress;
  gpointer progress_data;
  GCancellable *cancellable;
  GonioPipelineOutput *output;
  GonioWindow window;        /* that networks look through; lut owned by the image */
  gboolean has_window;       /* FALSE: the image's own */
  GonioSampleCache *samples; /* of the rectified picture */
  GonioViewGuess guess;
  gboolean guessed;
  GonioViewGuess turned[2][4]; /* polarity, quarter turns; where guessed_turned */
  gboolean guessed_turned[2][4];
  GonioPreload *preload; /* nullable */
} GonioJob;

/* Loads on a thread of its own the networks that the job is sure or likely to need and that are not
 * loaded yet, where there are threads to spare; nullable. The pipeline must outlive it. */
GonioPreload *gonio_preload_start (const GonioJob *job);
/* The network of that task is not needed after all. */
void gonio_preload_drop (GonioPreload *preload, GonioModelTask task);
/* Gives up what is not finished. */
void gonio_preload_free (GonioPreload *preload);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioPreload, gonio_preload_free)

/* Stages in order; each fills job->output. */
gboolean gonio_job_decode (GonioJob *job, GError **error);
gboolean gonio_job_rectify (GonioJob *job, GError **error);
gboolean gonio_job_view (GonioJob *job, GError **error);
gboolean gonio_job_landmarks (GonioJob *job, GError **error);
gboolean gonio_job_measure (GonioJob *job, GError **error);

/* Notes that a model was used, once. */
void gonio_job_use_model (GonioJob *job, GonioModel *model);
void gonio_job_report (GonioJob *job, const char *stage, double fraction);

G_END_DECLS
