/* Picture in, measured result out. Depends on imaging, models, measure, session.h.
 *
 * decode -> rectify -> view and side -> landmarks -> measures. Models and protocols are
 * loaded once and shared; a pipeline is thread-safe, each job is independent. */
#pragma once

#include "core/imaging/image.h"
#include "core/imaging/transform.h"
#include "core/measure/protocol.h"
#include "core/measure/result.h"
#include "core/session/session.h"

G_BEGIN_DECLS

typedef struct _GonioPipeline GonioPipeline;

typedef struct {
  const GonioBackendDef *const *backends; /* as for GonioSessionOptions */
  const char *backend_choice; /* what was asked for, to be noted in results: "auto", or names;
                               * nullable: not said */
  GonioEvaluate evaluate;     /* the same; nullable */
  guint threads;              /* 0: physical cores */
  GonioPrecision precision;   /* as for GonioSessionOptions */
  guint jobs; /* pictures that gonio_pipeline_measure_all() measures at a time, which share the
               * threads; 0: one */
  const char *const *model_dirs;    /* folders that hold <id>/manifest.json, NULL-terminated */
  const char *const *protocol_dirs; /* folders that hold <id>.json */
  const char *const *left_out;      /* for results: backends that are not on the list and why, in
                                     * words; NULL-terminated, nullable */
} GonioPipelineOptions;

/* Reads manifests and protocols; models are loaded on first use. A broken user model is
 * reported in gonio_pipeline_problems(), not fatal; no usable model at all is an error. */
GonioPipeline *gonio_pipeline_new (const GonioPipelineOptions *options, GError **error);
GonioPipeline *gonio_pipeline_ref (GonioPipeline *pipeline);
void gonio_pipeline_unref (GonioPipeline *pipeline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioPipeline, gonio_pipeline_unref)
GPtrArray *gonio_pipeline_problems (GonioPipeline *pipeline);  /* char*, owned */
GPtrArray *gonio_pipeline_protocols (GonioPipeline *pipeline); /* GonioProtocol*, owned */
GonioProtocol *gonio_pipeline_find_protocol (GonioPipeline *pipeline,
                                             const char *id); /* borrowed */

/* What became of an installed model so far, for diagnostics. */
typedef struct {
  char *id, *version, *task;
  char *failure;        /* why it cannot be used; nullable */
  GPtrArray *placement; /* GonioPlacement*, of its latest plan; NULL: not loaded yet */
  char *fallbacks;      /* backends that were given up, a line each; nullable */
} GonioModelReport;
/* GonioModelReport* with a free function, in order of their folders. (transfer full) Waits for a
 * model that another thread is loading. */
GPtrArray *gonio_pipeline_dup_model_reports (GonioPipeline *pipeline);

typedef enum { GONIO_RECTIFY_AUTO, GONIO_RECTIFY_OFF, GONIO_RECTIFY_CORNERS } GonioRectifyMode;

typedef struct {
  const char *protocol; /* id, or NULL / "auto" */
  GonioSide side;       /* UNKNOWN: find out */
  GonioRectifyMode rectify;
  GonioPoint corners[4]; /* for GONIO_RECTIFY_CORNERS: original px, tl tr br bl */
  guint frame;
} GonioMeasureOptions;

/* Stage names as in GonioStageTime; fraction 0..1 of the whole job. Called on the worker's
 * thread by the sync form, on the caller's main context by the async form. */
typedef void (*GonioPipelineProgress) (const char *stage, double fraction, gpointer data);

/* All that the viewer needs beside the result. */
typedef struct {
  GonioImage *original;
  GonioImage *rectified;   /* == original (another reference) when nothing was rectified */
  GonioTransform *to_flat; /* original px -> rectified px; identity otherwise */
  GonioResult *result;
  GonioProtocol *protocol; /* nullable */
} GonioPipelineOutput;
void gonio_pipeline_output_free (GonioPipelineOutput *output);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioPipelineOutput, gonio_pipeline_output_free)

/* What follows from landmarks, side and rectification as they stand, added to the result's
 * reasons in words: an unknown or contradictory side, a doubtful rectification, uncertain, missing
 * or left out landmarks, values outside the reference. Measure first. */
void gonio_pipeline_output_add_reasons (GonioPipelineOutput *output);
/* TO_CHECK when at least one measure is valid, else NO_ANSWER. */
GonioResultState gonio_pipeline_output_judge (const GonioPipelineOutput *output);

/* Blocking. A file that cannot be read is an error; a picture that is not understood is a
 * result in state NO_ANSWER or TO_CHECK with reasons. options NULL: defaults. */
GonioPipelineOutput *gonio_pipeline_measure (GonioPipeline *pipeline, const char *path,
                                             const GonioMeasureOptions *options,
                                             GonioPipelineProgress progress, gpointer progress_data,
                                             GCancellable *cancellable, GError **error);
/* How many to measure at a time with so many threads (0: all), for GonioPipelineOptions: networks
 * gain less from a second thread than from a second picture. At most 4. */
guint gonio_pipeline_jobs (guint threads, guint n_pictures);

/* What became of paths[index]: an output or an error; both are freed afterwards. */
typedef void (*GonioPipelineEach) (guint index, GonioPipelineOutput *output, const GError *error,
                                   gpointer data);
/* Blocking. Measures all (paths: NULL-terminated), several at a time where the pipeline was made
 * so; each is called in the order of the paths, on the calling thread. Results do not depend on how
 * many are measured at a time. At most twice as many pictures are held as are measured at a time.
 */
void gonio_pipeline_measure_all (GonioPipeline *pipeline, const char *const *paths,
                                 const GonioMeasureOptions *options, GonioPipelineEach each,
                                 gpointer data, GCancellable *cancellable);
/* Runs on a worker thread (one inference at a time), high first. After the answer the worker may
 * still be closing the pipeline: gonio_busy_wait() before the program ends. */
void gonio_pipeline_measure_async (GonioPipeline *pipeline, const char *path,
                                   const GonioMeasureOptions *options, int io_priority,
                                   GonioPipelineProgress progress, gpointer progress_data,
                                   GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer user_data);
GonioPipelineOutput *gonio_pipeline_measure_finish (GonioPipeline *pipeline, GAsyncResult *result,
                                                    GError **error);

/* Draws image, lines, arcs, landmarks and values; used by --overlay and by export. PNG. */
gboolean gonio_overlay_write_png (const GonioPipelineOutput *output, const char *path,
                                  GError **error);

G_END_DECLS
