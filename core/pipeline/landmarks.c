/* The stages view and landmarks of a job. Depends on job.h. */
#include "core/pipeline/job.h"

#include "core/base/error.h"
#include "core/measure/geometry.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#define VIEW_CERTAIN  0.8   /* of the classifier, to try no other view once one is accepted */
#define OTHER_CERTAIN 0.995 /* of the classifier, to look no further */
#define TURN_LIKELY   0.2   /* of the classifier's for a view in a turned picture, to look there */
#define MUST_BEAT     1.1   /* factor by which a view that the classifier likes less must win */

/* ---- view ---- */

static const GonioWindow *
window_of (const GonioJob *job)
{
  return job->has_window ? &job->window : NULL;
}

static gboolean
classify (GonioJob *job, GonioModel *model, gboolean invert, int quarter_turns, GonioViewGuess *out,
          GError **error)
{
  const GonioModelLook look = {.image = job->output->rectified,
                               .window = window_of (job),
                               .invert = invert,
                               .cache = job->samples};
  return gonio_classify_view (model, &job->pipeline->session, &look, quarter_turns,
                              job->cancellable, out, error);
}

gboolean
gonio_job_view (GonioJob *job, GError **error)
{
  GonioModel *model = gonio_model_store_find (job->pipeline->store, GONIO_TASK_CLASSIFY_VIEW, NULL);
  if (model == NULL)
    return TRUE;
  if (!classify (job, model, FALSE, 0, &job->guess, error))
    return FALSE;
  job->guessed = TRUE;
  gonio_job_use_model (job, model);
  return TRUE;
}

/* The classifier's probability of a view in the turned picture; it is asked once. */
static gboolean
turned_probability (GonioJob *job, gboolean invert, guint turns, const char *view, double *out,
                    GError **error)
{
  GonioModel *model = gonio_model_store_find (job->pipeline->store, GONIO_TASK_CLASSIFY_VIEW, NULL);
  GonioViewGuess *guess = &job->turned[invert][turns];
  if (!job->guessed_turned[invert][turns] &&
      !classify (job, model, invert, (int)turns, guess, error))
    return FALSE;
  job->guessed_turned[invert][turns] = TRUE;
  *out = gonio_view_probability (guess, view);
  return TRUE;
}

typedef struct {
  GonioProtocol *protocol;
  GonioModel *model;
} Candidate;

static GonioProtocol *
protocol_for_view (GonioPipeline *pipeline, const char *view)
{
  for (guint i = 0; i < pipeline->protocols->len; i++)
    if (g_str_equal (gonio_protocol_view (pipeline->protocols->pdata[i]), view))
      return pipeline->protocols->pdata[i];
  return NULL;
}

static void
add_candidate (GonioPipeline *pipeline, GArray *candidates, const char *view)
{
  GonioProtocol *protocol = view != NULL ? protocol_for_view (pipeline, view) : NULL;
  GonioModel *model = protocol != NULL
                          ? gonio_model_store_find (pipeline->store, GONIO_TASK_LANDMARKS, view)
                          : NULL;
  if (model == NULL)
    return;
  for (guint i = 0; i < candidates->len; i++)
    if (g_array_index (candidates, Candidate, i).protocol == protocol)
      return;
  Candidate c = {protocol, model};
  g_array_append_val (candidates, c);
}

static void
set_view (GonioResult *r, const char *view, double confidence)
{
  g_free (r->view);
  r->view = g_strdup (view);
  r->view_confidence = confidence;
}

/* Which views to try, best first; none with a reason when the picture is of something else. */
static void
choose_candidates (GonioJob *job, GArray *candidates)
{
  GonioPipeline *p = job->pipeline;
  GonioResult *r = job->output->result;
  const char *words = NULL;
  const char *tag = gonio_view_from_tags (gonio_image_info (job->output->original), &words);
  if (g_strcmp0 (tag, "other") == 0) {
    set_view (r, "other", 1);
    g_autofree char *reason = g_strdup_printf (
        _ ("the file says that it shows \"%s\", which is not among the views that are measured"),
        words);
    gonio_result_add_reason (r, reason);
    gonio_result_set_refusal (r, GONIO_REFUSAL_TAG);
    return;
  }
  if (tag != NULL)
    add_candidate (p, candidates, tag);
  if (!job->guessed) {
    for (guint i = 0; tag == NULL && i < p->protocols->len; i++)
      add_candidate (p, candidates, gonio_protocol_view (p->protocols->pdata[i]));
    return;
  }
  const GonioViewGuess *guess = &job->guess;
  set_view (r, guess->views[0], guess->probabilities[0]);
  if (g_str_equal (guess->views[0], "other") && guess->probabilities[0] >= OTHER_CERTAIN &&
      tag == NULL) {
    gonio_result_add_reason (
        r, _ ("the picture does not look like one of the views that are measured"));
    gonio_result_set_refusal (r, GONIO_REFUSAL_CLASSIFIER);
    return;
  }
  /* The classifier says what to try first; what is accepted the landmark networks decide,
   * because they were taught to refuse as well and look closer. */
  for (guint i = 0; i < guess->n; i++)
    add_candidate (p, candidates, guess->views[i]);
  for (guint i = 0; tag == NULL && i < p->protocols->len; i++)
    add_candidate (p, candidates, gonio_protocol_view (p->protocols->pdata[i]));
}

/* The classifier's probability of a view, 0 without a classifier. */
static double
guessed_probability (const GonioJob *job, const char *view)
{
  return job->guessed ? gonio_view_probability (&job->guess, view) : 0;
}

/* The classifier is sure of another view. */
static gboolean
guessed_otherwise (const GonioJob *job, const char *view)
{
  return job->guessed && job->guess.probabilities[0] >= VIEW_CERTAIN &&
         !g_str_equal (job->guess.views[0], view);
}

/* ---- landmarks ---- */

typedef struct {
  GonioJob *job;
  const char *view;
} Attempt;

static void
on_find_progress (double fraction, gpointer data)
{
  gonio_job_report (((Attempt *)data)->job, "landmarks", 0.4 + 0.55 * fraction);
}

/* Turns in which the classifier thinks the view possible, in one polarity or the other. */
static gboolean
likely_turns (gpointer data, guint *out_turns, GError **error)
{
  Attempt *attempt = data;
  guint turns = 0;
  for (guint t = 1; t < 4; t++) {
    double probability = 0;
    for (int invert = 0; invert < 2 && probability < TURN_LIKELY; invert++)
      if (!turned_probability (attempt->job, invert != 0, t, attempt->view, &probability, error))
        return FALSE;
    turns |= probability >= TURN_LIKELY ? 1u << t : 0;
  }
  *out_turns = turns;
  return TRUE;
}

/* Mean factor by which distances grow from flat to original about a flat point. */
static double
local_scale (const GonioTransform *to_flat, GonioPoint at)
{
  GonioPoint p, px, py;
  if (!gonio_transform_inverse (to_flat, at, &p) ||
      !gonio_transform_inverse (to_flat, (GonioPoint){at.x + 1, at.y}, &px) ||
      !gonio_transform_inverse (to_flat, (GonioPoint){at.x, at.y + 1}, &py))
    return 1;
  double area = fabs (gonio_point_cross (gonio_point_sub (px, p), gonio_point_sub (py, p)));
  return isfinite (area) && area > 0 ? sqrt (area) : 1;
}

/* Landmarks of the protocol in its order, in px of the original picture. ceiling: confidence
 * may not exceed it. */
static void
store_landmarks (GonioJob *job, const GonioProtocol *protocol, const GonioManifest *m,
                 const GonioFind *find, double ceiling)
{
  GonioPipelineOutput *o = job->output;
  g_ptr_array_set_size (o->result->landmarks, 0);
  for (guint i = 0; i < gonio_protocol_n_landmarks (protocol); i++) {
    GonioLandmark *l = gonio_landmark_new (gonio_protocol_landmark (protocol, i, NULL).id);
    g_ptr_array_add (o->result->landmarks, l);
    for (guint k = 0; k < m->n_landmarks; k++) {
      const GonioFoundLandmark *found = &find->points[k];
      /* A landmark that is said to be absent has no place worth showing. */
      if (!g_str_equal (m->landmarks[k], l->id) || found->presence < m->present_threshold ||
          !gonio_transform_inverse (o->to_flat, found->position, &l->position))
        continue;
      l->sigma = found->sigma * local_scale (o->to_flat, found->position);
      l->confidence = MIN (found->confidence, ceiling);
    }
    l->proposed = l->position;
    l->proposed_sigma = l->sigma;
    l->proposed_confidence = l->confidence;
  }
}

static GonioSide
side_of_id (const char *id)
{
  if (g_str_has_suffix (id, "_r"))
    return GONIO_SIDE_RIGHT;
  return g_str_has_suffix (id, "_l") ? GONIO_SIDE_LEFT : GONIO_SIDE_UNKNOWN;
}

/* A film of one leg whose side is stated: the network sees which leg it looks like, but the
 * file or the user knows. Swaps the names when they differ. */
static void
relabel_single_side (GonioResult *r)
{
  guint found[2] = {0, 0};
  if (r->side != GONIO_SIDE_RIGHT && r->side != GONIO_SIDE_LEFT)
    return;
  for (guint i = 0; i < r->landmarks->len; i++) {
    const GonioLandmark *l = r->landmarks->pdata[i];
    GonioSide side = side_of_id (l->id);
    if (side != GONIO_SIDE_UNKNOWN && gonio_landmark_level (l) != GONIO_CONFIDENCE_NONE)
      found[side == GONIO_SIDE_LEFT ? 1 : 0]++;
  }
  gboolean only_other =
      r->side == GONIO_SIDE_RIGHT ? found[0] == 0 && found[1] > 0 : found[1] == 0 && found[0] > 0;
  if (!only_other)
    return;
  for (guint i = 0; i < r->landmarks->len; i++) {
    GonioLandmark *right = r->landmarks->pdata[i];
    if (side_of_id (right->id) != GONIO_SIDE_RIGHT)
      continue;
    g_autofree char *id = g_strdup (right->id);
    id[strlen (id) - 1] = 'l';
    GonioLandmark *left = gonio_result_landmark (r, id);
    if (left == NULL)
      continue;
    GonioLandmark swap = *right; /* everything but the ids */
    *right = *left;
    *left = swap;
    left->id = right->id;
    right->id = swap.id;
  }
}

static void
settle_side (GonioJob *job)
{
  GonioResult *r = job->output->result;
  GonioSide tagged = gonio_image_side (job->output->original);
  const char *source = NULL;
  if (job->options.side != GONIO_SIDE_UNKNOWN) {
    r->side = job->options.side;
    source = "user";
  } else if (tagged != GONIO_SIDE_UNKNOWN && tagged != GONIO_SIDE_BOTH) {
    r->side = tagged;
    source = "dicom";
  }
  g_free (r->side_source);
  r->side_source = g_strdup (source);
}

static gboolean
use_protocol (GonioJob *job, const Candidate *c, const GonioFind *find, double confidence)
{
  GonioPipelineOutput *o = job->output;
  set_view (o->result, gonio_protocol_view (c->protocol), confidence);
  o->protocol = gonio_protocol_ref (c->protocol);
  g_free (o->result->protocol);
  o->result->protocol = g_strdup (gonio_protocol_id (c->protocol));
  settle_side (job);
  /* Nothing in a picture that does not show the view is certain. */
  double ceiling = find->accepted ? 1 : GONIO_CONFIDENT - 0.05;
  store_landmarks (job, c->protocol, gonio_model_manifest (c->model), find, ceiling);
  if (gonio_protocol_has_both_sides (c->protocol))
    relabel_single_side (o->result);
  return TRUE;
}

static gboolean
find_with (GonioJob *job, const Candidate *c, gboolean forced, GonioFind *out, GError **error)
{
  Attempt attempt = {job, gonio_protocol_view (c->protocol)};
  const GonioFindRequest request = {.model = c->model,
                                    .options = &job->pipeline->session,
                                    .image = job->output->rectified,
                                    .window = window_of (job),
                                    .cache = job->samples,
                                    .turns = job->guessed && !forced ? likely_turns : NULL,
                                    .progress = on_find_progress,
                                    .data = &attempt,
                                    .forced = forced};
  if (!gonio_find_landmarks (&request, job->cancellable, out, error))
    return FALSE;
  gonio_job_use_model (job, c->model);
  GonioAttempt *note = gonio_result_add_attempt (job->output->result, attempt.view);
  note->accepted = out->accepted;
  note->presence = out->mean_presence;
  note->confidence = out->mean_confidence;
  note->found = out->n_present;
  note->landmarks = out->n;
  return TRUE;
}

/* The user named the protocol: it is used whatever the picture looks like. */
static gboolean
landmarks_forced (GonioJob *job, GError **error)
{
  GonioPipeline *p = job->pipeline;
  Candidate c = {gonio_pipeline_find_protocol (p, job->options.protocol), NULL};
  GonioResult *r = job->output->result;
  if (c.protocol == NULL) {
    g_set_error (error, GONIO_MEASURE_ERROR, GONIO_MEASURE_ERROR_PROTOCOL,
                 "There is no protocol \"%s\".", job->options.protocol);
    return FALSE;
  }
  const char *view = gonio_protocol_view (c.protocol);
  c.model = gonio_model_store_find (p->store, GONIO_TASK_LANDMARKS, view);
  g_auto (GonioFind) find = {0};
  if (c.model == NULL) {
    set_view (r, view, 1);
    job->output->protocol = gonio_protocol_ref (c.protocol);
    settle_side (job);
    for (guint i = 0; i < gonio_protocol_n_landmarks (c.protocol); i++)
      g_ptr_array_add (r->landmarks,
                       gonio_landmark_new (gonio_protocol_landmark (c.protocol, i, NULL).id));
    gonio_result_add_reason (
        r, _ ("no landmark model for this view is installed: place the landmarks by hand"));
    return TRUE;
  }
  if (!find_with (job, &c, TRUE, &find, error))
    return FALSE;
  if (!find.accepted)
    gonio_result_add_reason (
        r, _ ("the picture does not look like this view: the landmarks are guesses"));
  else if (guessed_otherwise (job, view))
    gonio_result_add_reason (r, _ ("the picture looks like another view"));
  double confidence = MAX (guessed_probability (job, view), find.mean_confidence);
  return use_protocol (job, &c, &find, confidence);
}

/* Every view was tried, none was accepted. */
static void
refuse (GonioJob *job)
{
  GonioResult *r = job->output->result;
  const GonioAttempt *best = NULL;
  for (guint i = 0; i < r->attempts->len; i++) {
    const GonioAttempt *a = r->attempts->pdata[i];
    if (best == NULL || a->found * best->landmarks > best->found * a->landmarks)
      best = a;
  }
  if (best == NULL) {
    gonio_result_set_refusal (r, GONIO_REFUSAL_NO_MODEL);
    gonio_result_add_reason (r, _ ("no model for this view is installed"));
    return;
  }
  gonio_result_set_refusal (r, GONIO_REFUSAL_NOT_ACCEPTED);
  gonio_result_add_reason (
      r, _ ("the view was not recognised: choose one, or place the landmarks by hand"));
  const GonioProtocol *protocol = protocol_for_view (job->pipeline, best->view);
  if (best->found == 0 || protocol == NULL)
    return;
  g_autofree char *words = g_strdup_printf (
      _ ("most like \"%s\": %u of its %u landmarks seem to be there"),
      gonio_protocol_title (protocol, gonio_text_language ()), best->found, best->landmarks);
  gonio_result_add_reason (r, words);
}

static gboolean
landmarks_auto (GonioJob *job, GError **error)
{
  GonioResult *r = job->output->result;
  g_autoptr (GArray) candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  choose_candidates (job, candidates);
  g_auto (GonioFind) best = {0};
  int chosen = -1;
  for (guint i = 0; i < candidates->len; i++) {
    g_auto (GonioFind) find = {0};
    if (!find_with (job, &g_array_index (candidates, Candidate, i), FALSE, &find, error))
      return FALSE;
    /* A guess that the classifier likes better must be beaten, not just matched. */
    if (!find.accepted || (chosen >= 0 && find.mean_confidence < MUST_BEAT * best.mean_confidence))
      continue;
    gonio_find_clear (&best);
    best = find;
    find = (GonioFind){0};
    chosen = (int)i;
    if (i == 0 && job->guessed && job->guess.probabilities[0] >= VIEW_CERTAIN)
      break; /* classifier and landmarks agree */
    if (best.mean_confidence * MUST_BEAT > 1)
      break; /* nothing can beat it */
  }
  if (chosen < 0) {
    if (r->refusal == NULL)
      refuse (job);
    return TRUE;
  }
  const Candidate *c = &g_array_index (candidates, Candidate, chosen);
  const char *view = gonio_protocol_view (c->protocol);
  if (guessed_otherwise (job, view))
    gonio_result_add_reason (r, _ ("the picture looks like another view"));
  return use_protocol (job, c, &best, MAX (guessed_probability (job, view), best.mean_confidence));
}

gboolean
gonio_job_landmarks (GonioJob *job, GError **error)
{
  const char *id = job->options.protocol;
  if (id != NULL && !g_str_equal (id, "auto"))
    return landmarks_forced (job, error);
  return landmarks_auto (job, error);
}
