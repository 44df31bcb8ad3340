/* Models found in folders, loaded when first used. Depends on manifest.h, decode/decode.h,
 * session/session.h, imaging. */
#pragma once

#include "core/imaging/image.h"
#include "core/imaging/transform.h"
#include "core/models/decode/decode.h"
#include "core/models/manifest.h"

G_BEGIN_DECLS

typedef struct _GonioModel GonioModel;
typedef struct _GonioModelStore GonioModelStore;

/* dirs: folders that hold <id>/manifest.json, NULL-terminated; of two models with the same id
 * the one in the earlier folder wins (the user's before the system's). Reads manifests only. A
 * folder that does not exist is passed over; a broken manifest is a problem, not an error.
 * Immutable afterwards, thread-safe. */
GonioModelStore *gonio_model_store_new (const char *const *dirs);
void gonio_model_store_free (GonioModelStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioModelStore, gonio_model_store_free)
GPtrArray *gonio_model_store_models (GonioModelStore *store);   /* GonioModel*, owned */
GPtrArray *gonio_model_store_problems (GonioModelStore *store); /* char*, owned */
/* First model of the task for the view (NULL: any); nullable, borrowed. */
GonioModel *gonio_model_store_find (GonioModelStore *store, GonioModelTask task, const char *view);

const GonioManifest *gonio_model_manifest (GonioModel *model);
/* "cpu 40 nodes"; NULL before the first use. (transfer full) */
char *gonio_model_dup_placement (GonioModel *model);
/* The session, when there is one; waits for another thread that is loading it. Nullable
 * (transfer full). out_failure: why there never will be, NULL otherwise (transfer full). */
GonioSession *gonio_model_dup_session (GonioModel *model, char **out_failure);
/* Verifies size and checksum, builds the session, checks ports; once, later calls return at
 * once. A failure is kept and returned again (a cancellation is not). Blocking, thread-safe. */
GonioSession *gonio_model_session (GonioModel *model, const GonioSessionOptions *options,
                                   GCancellable *cancellable, GError **error); /* borrowed */

/* The session is there, or known to fail, or somebody is at it. */
gboolean gonio_model_is_loaded (GonioModel *model);

/* Source px -> network input px for a square or whole-picture look:
 * the whole picture of width x height by the manifest's resize rule; ... */
GonioTransform *gonio_model_frame_whole (const GonioManifest *manifest, double width, double height,
                                         GError **error);
/* ... or the square of the given side about center, turned clockwise by degrees, then mirrored
 * left to right where asked. */
GonioTransform *gonio_model_frame_square (const GonioManifest *manifest, GonioPoint center,
                                          double side, double degrees, gboolean mirrored,
                                          GError **error);

/* The whole picture, by the resize rule when it is not turned, else the square about it turned
 * clockwise by quarters. */
GonioTransform *gonio_model_frame_turned (const GonioManifest *manifest, double width,
                                          double height, int quarter_turns, GError **error);

/* Samples of pictures that several networks, or one network in both polarities, look at through
 * the same frame: taken once. For one thread; pictures and windows must outlive it. Holds up to
 * 12 planes of a network's input size, what comes later is not kept. */
typedef struct _GonioSampleCache GonioSampleCache;
GonioSampleCache *gonio_sample_cache_new (void);
void gonio_sample_cache_free (GonioSampleCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioSampleCache, gonio_sample_cache_free)

/* How a picture is brought to the network. */
typedef struct {
  const GonioImage *image;
  const GonioWindow *window; /* nullable: the image's own */
  gboolean invert;           /* swap black and white */
  GonioSampleCache *cache;   /* nullable */
} GonioModelLook;
/* Input tensor of the look through frame (source px -> input px). */
GonioTensor *gonio_model_make_input (const GonioManifest *manifest, const GonioModelLook *look,
                                     const GonioTransform *frame, GError **error);

/* The step (core/base/times.h) that running a network is. */
#define GONIO_TIME_INFERENCE "inference"

/* Runs on one input; outputs by name with gonio_model_outputs_get(). */
typedef struct {
  GonioSession *session;
  GonioTensor **tensors;
  guint n;
} GonioModelOutputs;
gboolean gonio_model_run (GonioModel *model, const GonioSessionOptions *options, GonioTensor *input,
                          GonioModelOutputs *out, GCancellable *cancellable, GError **error);
const GonioTensor *gonio_model_outputs_get (const GonioModelOutputs *outputs, const char *name);
void gonio_model_outputs_clear (GonioModelOutputs *outputs);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioModelOutputs, gonio_model_outputs_clear)
/* Landmarks of a landmark model, in input px; out has room for manifest->n_landmarks. */
gboolean gonio_model_decode_landmarks (const GonioManifest *manifest,
                                       const GonioModelOutputs *outputs, GonioDecodedPoint *out,
                                       GError **error);

G_END_DECLS
