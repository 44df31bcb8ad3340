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
  char *backend_words;
  GThreadPool *workers; /* one thread, most urgent first */
  guint64 sequence;
  GMutex lock; /* sequence */
};

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
  GonioViewGuess turned[2][4]; /* polarity, quarter turns; [0][0] is guess */
  gboolean guessed_turned;
} GonioJob;

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
