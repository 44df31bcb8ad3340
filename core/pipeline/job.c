/* The stages decode, rectify and measure of a job. Depends on job.h. */
#include "core/pipeline/job.h"

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/base/times.h"
#include "core/measure/geometry.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

void
gonio_job_report (GonioJob *job, const char *stage, double fraction)
{
  if (job->progress != NULL)
    job->progress (stage, CLAMP (fraction, 0, 1), job->progress_data);
}

void
gonio_job_use_model (GonioJob *job, GonioModel *model)
{
  GonioResult *result = job->output->result;
  const GonioManifest *m = gonio_model_manifest (model);
  for (guint i = 0; i < result->models->len; i++)
    if (g_strcmp0 (((GonioModelUse *)result->models->pdata[i])->id, m->id) == 0)
      return;
  g_autofree char *placement = gonio_model_dup_placement (model);
  GonioModelUse *use = gonio_model_use_new (m->id, m->version, m->sha256,
                                            gonio_model_task_name (m->task), placement);
  g_autofree char *failure = NULL;
  g_autoptr (GonioSession) session = gonio_model_dup_session (model, &failure);
  g_autoptr (GArray) counts = session != NULL ? gonio_session_dup_placement_counts (session) : NULL;
  for (guint i = 0; counts != NULL && i < counts->len; i++) {
    const GonioPlacementCount *count = &g_array_index (counts, GonioPlacementCount, i);
    gonio_model_use_add_nodes (use, count->backend, count->nodes);
  }
  g_autofree char *given_up = session != NULL ? gonio_session_dup_fallbacks (session) : NULL;
  use->given_up = given_up != NULL ? g_strsplit (given_up, "\n", -1) : NULL;
  g_ptr_array_add (result->models, use);
}

/* ---- decode ---- */

/* Does the window show the picture: most pixels neither black nor white, and more than a few
 * levels in use? Judged on a sample. */
static gboolean
window_shows (const GonioImage *image, const GonioWindow *window)
{
  uint8_t table[65536];
  gonio_window_to_table (window, table);
  const uint16_t *pixels = gonio_image_grey16 (image);
  size_t n = (size_t)gonio_image_width (image) * gonio_image_height (image);
  size_t step = MAX (1, n / 40000), count = 0, levels[256] = {0};
  for (size_t i = 0; i < n; i += step, count++)
    levels[table[pixels[i]]]++;
  size_t below = 0;
  int low = -1, high = 255;
  for (int v = 0; v < 256; v++) {
    below += levels[v];
    if (low < 0 && below > count / 100)
      low = v;
    if (below >= count - count / 100) {
      high = v;
      break;
    }
  }
  return levels[0] + levels[255] < count * 17 / 20 && high - low >= 48;
}

static void
choose_window (GonioJob *job)
{
  const GonioImage *image = job->output->original;
  if (gonio_image_format (image) != GONIO_PIXELS_GREY16 ||
      window_shows (image, gonio_image_window (image)))
    return;
  GonioWindow automatic = gonio_image_auto_window (image);
  if (!window_shows (image, &automatic))
    return;
  job->window = automatic;
  job->has_window = TRUE;
}

/* The checksum, computed beside the decoding. */
typedef struct {
  const char *path;
  GCancellable *cancellable; /* of its own: a file that cannot be decoded may be endless */
  char *sha256;
  GError *error;
} Hashing;

static gpointer
hash_in_thread (gpointer data)
{
  Hashing *h = data;
  gonio_file_sha256 (h->path, h->cancellable, &h->sha256, NULL, &h->error);
  return NULL;
}

static gboolean
decode_and_hash (GonioJob *job, GError **error)
{
  GonioPipelineOutput *o = job->output;
  g_autoptr (GCancellable) useless = g_cancellable_new ();
  Hashing hashing = {.path = job->path, .cancellable = useless};
  /* A pipe can be read once only, and is not read at all. */
  gboolean beside =
      job->pipeline->session.threads != 1 && g_file_test (job->path, G_FILE_TEST_IS_REGULAR);
  GThread *thread =
      beside ? g_thread_try_new ("gonio-checksum", hash_in_thread, &hashing, NULL) : NULL;
  gint64 start = gonio_times_start ();
  o->original = gonio_image_load (job->path, job->options.frame, NULL, job->cancellable, error);
  gonio_times_add ("file", start);
  if (o->original == NULL)
    g_cancellable_cancel (useless);
  start = gonio_times_start ();
  if (thread != NULL)
    g_thread_join (thread);
  else if (o->original != NULL)
    hash_in_thread (&hashing);
  gonio_times_add ("checksum", start);
  o->result->input_sha256 = hashing.sha256;
  if (o->original == NULL)
    g_clear_error (&hashing.error); /* the decoder's says more */
  else if (hashing.error != NULL)
    g_propagate_error (error, hashing.error);
  return o->original != NULL && hashing.sha256 != NULL;
}

gboolean
gonio_job_decode (GonioJob *job, GError **error)
{
  GonioPipelineOutput *o = job->output;
  GonioResult *r = o->result;
  if (!decode_and_hash (job, error))
    return FALSE;
  o->rectified = gonio_image_ref (o->original);
  o->to_flat = gonio_transform_new_identity ();
  r->width = gonio_image_width (o->original);
  r->height = gonio_image_height (o->original);
  r->input_format = g_strdup (gonio_image_info (o->original)->format);
  gint64 start = gonio_times_start ();
  choose_window (job);
  gonio_times_add ("window", start);
  return TRUE;
}

/* ---- rectify ---- */

/* Probability of the picture's kind from which it is acted on. */
#define KIND_CERTAIN  0.6
#define C_ARM_CERTAIN 0.9

/* Files that a detector wrote are flat; intensifiers and cameras wrote the others. */
static gboolean
may_be_photo (const GonioImageInfo *info)
{
  static const char *const flat[] = {"CR", "DX", "MG", "IO", "PX", "CT", "MR", "NM", "US"};
  if (info->modality == NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (flat); i++)
    if (g_ascii_strcasecmp (info->modality, flat[i]) == 0)
      return FALSE;
  return TRUE;
}

static void
set_rectification (GonioJob *job, GonioRectified *rectified)
{
  GonioRectification *info = &job->output->result->rectification;
  g_free (info->kind);
  g_free (info->source);
  g_free (info->reason);
  *info = rectified->info;
  memset (&rectified->info, 0, sizeof rectified->info);
}

static void
doubt_rectification (GonioJob *job, const char *reason)
{
  GonioRectification *info = &job->output->result->rectification;
  info->doubtful = TRUE;
  g_free (info->reason);
  info->reason = g_strdup (reason);
}

/* Puts the flat picture in place of the rectified one. */
static gboolean
flatten (GonioJob *job, GonioRectified *rectified, GError **error)
{
  GonioPipelineOutput *o = job->output;
  gint64 start = gonio_times_start ();
  g_autoptr (GonioImage) flat =
      gonio_image_transform (o->original, rectified->to_flat, rectified->width, rectified->height,
                             job->cancellable, error);
  gonio_times_add ("map resampling", start);
  if (flat == NULL)
    return FALSE;
  g_clear_pointer (&o->rectified, gonio_image_unref);
  o->rectified = g_steal_pointer (&flat);
  g_clear_pointer (&o->to_flat, gonio_transform_unref);
  o->to_flat = gonio_transform_ref (rectified->to_flat);
  set_rectification (job, rectified);
  return TRUE;
}

/* What kind of picture a map belongs to when the network has no word for it: one that leaves
 * everything where it is belongs to a flat picture. */
static GonioPhotoKind
kind_from_map (const GonioBackwardMap *map, const GonioTransform *frame, double width,
               double height)
{
  double worst = 0;
  for (guint i = 0; i < map->cols * map->rows; i++) {
    double c = i % map->cols, r = i / map->cols;
    double u = map->corner_nodes ? c / (map->cols - 1) : (c + 0.5) / map->cols;
    double v = map->corner_nodes ? r / (map->rows - 1) : (r + 0.5) / map->rows;
    GonioPoint p = {0, 0};
    if (!gonio_transform_inverse (frame, map->nodes[i], &p))
      return GONIO_PHOTO_PLANAR;
    worst = MAX (worst, hypot (p.x / width - u, p.y / height - v));
  }
  return worst < 0.025 ? GONIO_PHOTO_FLAT : GONIO_PHOTO_PLANAR;
}

/* The network's word on what kind of picture this is; FALSE when it has none. */
static gboolean
kind_from_network (const GonioManifest *m, const GonioModelOutputs *outputs, GonioPhotoKind *kind,
                   double *sure, GError **error)
{
  static const char *const labels[] = {"flat", "planar", "c-arm"};
  const GonioModelOutput *output = gonio_manifest_extra (m, "kind");
  const GonioTensor *tensor =
      output != NULL ? gonio_model_outputs_get (outputs, output->tensor) : NULL;
  double p[GONIO_MODEL_MAX_LABELS] = {0};
  if (tensor == NULL || !gonio_decode_logits (output, tensor, p, error))
    return FALSE;
  gboolean found = FALSE;
  for (guint i = 0; output->labels[i] != NULL; i++)
    for (guint k = 0; k < G_N_ELEMENTS (labels); k++)
      if (g_str_equal (output->labels[i], labels[k]) && (!found || p[i] > *sure)) {
        *kind = (GonioPhotoKind)k;
        *sure = p[i];
        found = TRUE;
      }
  return found;
}

/* A network's map or corners as a map. */
static GonioBackwardMap *
decode_map (const GonioManifest *m, const GonioModelOutputs *outputs, GError **error)
{
  const GonioTensor *tensor = gonio_model_outputs_get (outputs, m->output.tensor);
  guint w = m->input.width, h = m->input.height;
  if (tensor == NULL) {
    gonio_decode_fail (&m->output, error, "it is missing");
    return NULL;
  }
  if (m->output.kind == GONIO_OUTPUT_BACKWARD_MAP)
    return gonio_decode_backward_map (&m->output, tensor, w, h, error);
  GonioPoint c[4];
  if (!gonio_decode_corners (&m->output, tensor, w, h, c, error))
    return NULL;
  GonioBackwardMap *map = g_new0 (GonioBackwardMap, 1);
  map->cols = map->rows = 2;
  map->corner_nodes = TRUE;
  map->nodes = g_new (GonioPoint, 4);
  const guint order[4] = {0, 1, 3, 2};
  for (guint i = 0; i < 4; i++)
    map->nodes[i] = c[order[i]];
  return map;
}

static double
focal_of (const GonioImage *image)
{
  return gonio_camera_focal (gonio_image_info (image), gonio_image_width (image),
                             gonio_image_height (image));
}

static gboolean
rectify_by_model (GonioJob *job, GonioModel *model, GError **error)
{
  GonioPipelineOutput *o = job->output;
  const GonioManifest *m = gonio_model_manifest (model);
  double width = gonio_image_width (o->original), height = gonio_image_height (o->original);
  GonioModelLook look = {.image = o->original, .window = job->has_window ? &job->window : NULL};
  g_autoptr (GonioTransform) frame = gonio_model_frame_whole (m, width, height, error);
  g_autoptr (GonioTensor) input =
      frame != NULL ? gonio_model_make_input (m, &look, frame, error) : NULL;
  g_auto (GonioModelOutputs) outputs = {0};
  if (input == NULL ||
      !gonio_model_run (model, &job->pipeline->session, input, &outputs, job->cancellable, error))
    return FALSE;
  gonio_job_use_model (job, model);
  gint64 start = gonio_times_start ();
  g_autoptr (GonioBackwardMap) map = decode_map (m, &outputs, error);
  gonio_times_add ("output", start);
  if (map == NULL)
    return FALSE;
  GonioPhotoKind kind = GONIO_PHOTO_FLAT;
  double sure = 1;
  g_autoptr (GError) fit_error = NULL;
  if (!kind_from_network (m, &outputs, &kind, &sure, &fit_error)) {
    if (fit_error != NULL) {
      g_propagate_error (error, g_steal_pointer (&fit_error));
      return FALSE;
    }
    kind = kind_from_map (map, frame, width, height);
  }
  g_debug ("picture of kind %d, probability %.3f", kind, sure);
  /* What is not certain is left as it is: a needless correction does more harm than none. */
  if (sure < (kind == GONIO_PHOTO_C_ARM ? C_ARM_CERTAIN : KIND_CERTAIN)) {
    doubt_rectification (job, _ ("it is not certain whether this is a photo of a film"));
    return TRUE;
  }
  if (kind == GONIO_PHOTO_FLAT)
    return TRUE;
  g_auto (GonioRectified) rectified = {0};
  const GonioRectifyHints hints = {.frame = frame,
                                   .kind = kind,
                                   .width = width,
                                   .height = height,
                                   .focal = focal_of (o->original),
                                   .min_tilt = m->min_tilt,
                                   .image = job->output->original,
                                   .window = look.window};
  start = gonio_times_start ();
  gboolean fitted = gonio_rectify_map (map, &hints, &rectified, &fit_error);
  gonio_times_add ("map fit", start);
  if (!fitted) {
    doubt_rectification (job, fit_error->message);
    return TRUE;
  }
  return flatten (job, &rectified, error);
}

gboolean
gonio_job_rectify (GonioJob *job, GError **error)
{
  GonioPipelineOutput *o = job->output;
  if (job->options.rectify == GONIO_RECTIFY_OFF)
    return TRUE;
  if (job->options.rectify == GONIO_RECTIFY_CORNERS) {
    g_auto (GonioRectified) rectified = {0};
    return gonio_rectify_corners (job->options.corners, gonio_image_width (o->original),
                                  gonio_image_height (o->original), focal_of (o->original),
                                  &rectified, error) &&
           flatten (job, &rectified, error);
  }
  GonioModel *model = gonio_model_store_find (job->pipeline->store, GONIO_TASK_DEWARP, NULL);
  const GonioImageInfo *info = gonio_image_info (o->original);
  g_free (o->result->rectification.source);
  o->result->rectification.source = g_strdup ("model");
  if (!may_be_photo (info)) {
    gonio_preload_drop (job->preload, GONIO_TASK_DEWARP);
    return TRUE;
  }
  if (model != NULL)
    return rectify_by_model (job, model, error);
  g_free (o->result->rectification.source);
  o->result->rectification.source = g_strdup ("off");
  if (info->is_photo)
    doubt_rectification (job, _ ("no rectification model is installed: if this is a photo of a "
                                 "film, set the four corners by hand"));
  return TRUE;
}

/* ---- measure ---- */

#define SIDE_CERTAIN 0.8 /* probability from which the classifier's side is taken */

/* Where neither the file nor the bones say which side it is, the classifier may. */
static gboolean
side_by_classifier (GonioJob *job)
{
  GonioResult *r = job->output->result;
  const GonioViewGuess *guess = &job->guess;
  if (!job->guessed || guess->side == NULL || guess->side_probability < SIDE_CERTAIN)
    return FALSE;
  static const GonioSide sides[] = {GONIO_SIDE_LEFT, GONIO_SIDE_RIGHT, GONIO_SIDE_BOTH};
  for (guint i = 0; i < G_N_ELEMENTS (sides); i++)
    if (g_str_equal (guess->side, gonio_side_name (sides[i])))
      r->side = sides[i];
  g_free (r->side_source);
  r->side_source = g_strdup ("classifier");
  return r->side != GONIO_SIDE_UNKNOWN;
}

gboolean
gonio_job_measure (GonioJob *job, GError **error)
{
  GonioPipelineOutput *o = job->output;
  GonioResult *r = o->result;
  if (o->protocol == NULL) {
    gonio_pipeline_output_add_reasons (o);
    r->state = gonio_pipeline_output_judge (o);
    return TRUE;
  }
  const GonioSpacing *spacing = gonio_image_spacing (o->rectified);
  if (!gonio_protocol_measure_all (o->protocol, r, o->to_flat, spacing, error))
    return FALSE;
  if (r->side == GONIO_SIDE_UNKNOWN && side_by_classifier (job) &&
      !gonio_protocol_measure_all (o->protocol, r, o->to_flat, spacing, error))
    return FALSE;
  gonio_pipeline_output_add_reasons (o);
  r->state = gonio_pipeline_output_judge (o);
  return TRUE;
}
