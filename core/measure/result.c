/* Life cycle of a measurement's result. Depends on measure/result.h only. */
#include "core/measure/result.h"

#include <math.h>
#include <string.h>

typedef struct {
  GonioResult result; /* first: public pointer and private one are the same */
  gatomicrefcount refs;
} ResultBox;

const char *
gonio_side_name (GonioSide side)
{
  switch (side) {
  case GONIO_SIDE_LEFT:
    return "left";
  case GONIO_SIDE_RIGHT:
    return "right";
  case GONIO_SIDE_BOTH:
    return "both";
  case GONIO_SIDE_UNKNOWN:
    break;
  }
  return NULL;
}

const char *
gonio_result_state_name (GonioResultState state)
{
  static const char *const names[] = {
      [GONIO_STATE_QUEUED] = "queued",     [GONIO_STATE_WORKING] = "working",
      [GONIO_STATE_TO_CHECK] = "to-check", [GONIO_STATE_NO_ANSWER] = "no-answer",
      [GONIO_STATE_FAILED] = "failed",     [GONIO_STATE_CONFIRMED] = "confirmed",
  };
  g_return_val_if_fail (state < G_N_ELEMENTS (names), "failed");
  return names[state];
}

GonioLandmark *
gonio_landmark_new (const char *id)
{
  GonioLandmark *landmark = g_new0 (GonioLandmark, 1);
  landmark->id = g_strdup (id);
  landmark->position = landmark->proposed = (GonioPoint){NAN, NAN};
  return landmark;
}

void
gonio_landmark_free (GonioLandmark *landmark)
{
  if (landmark == NULL)
    return;
  g_free (landmark->id);
  g_free (landmark);
}

GonioConfidence
gonio_landmark_level (const GonioLandmark *landmark)
{
  if (landmark->skipped || !isfinite (landmark->position.x) || !isfinite (landmark->position.y) ||
      !(landmark->confidence >= GONIO_CONFIDENCE_FOUND))
    return GONIO_CONFIDENCE_NONE;
  return landmark->confidence >= GONIO_CONFIDENT ? GONIO_CONFIDENCE_HIGH : GONIO_CONFIDENCE_LOW;
}

GonioMeasurement *
gonio_measurement_new (const char *id)
{
  GonioMeasurement *m = g_new0 (GonioMeasurement, 1);
  m->id = g_strdup (id);
  m->value = m->se = m->reference_low = m->reference_high = m->human_error = NAN;
  return m;
}

void
gonio_measurement_free (GonioMeasurement *m)
{
  if (m == NULL)
    return;
  g_free (m->id);
  g_free (m->problem);
  g_free (m->unit);
  g_free (m->grade);
  g_strfreev (m->missing);
  g_free (m);
}

static void
node_count_free (gpointer data)
{
  g_free (((GonioNodeCount *)data)->backend);
  g_free (data);
}

GonioModelUse *
gonio_model_use_new (const char *id, const char *version, const char *sha256, const char *task,
                     const char *placement)
{
  GonioModelUse *use = g_new0 (GonioModelUse, 1);
  use->id = g_strdup (id);
  use->version = g_strdup (version);
  use->sha256 = g_strdup (sha256);
  use->task = g_strdup (task);
  use->placement = g_strdup (placement);
  use->nodes = g_ptr_array_new_with_free_func (node_count_free);
  return use;
}

void
gonio_model_use_add_nodes (GonioModelUse *use, const char *backend, guint nodes)
{
  GonioNodeCount *count = g_new0 (GonioNodeCount, 1);
  count->backend = g_strdup (backend);
  count->nodes = nodes;
  g_ptr_array_add (use->nodes, count);
}

static void
model_use_free (gpointer data)
{
  GonioModelUse *use = data;
  g_free (use->id);
  g_free (use->version);
  g_free (use->sha256);
  g_free (use->task);
  g_free (use->placement);
  g_ptr_array_unref (use->nodes);
  g_strfreev (use->given_up);
  g_free (use);
}

static void
backend_use_free (gpointer data)
{
  GonioBackendUse *use = data;
  g_free (use->name);
  g_free (use->device);
  g_free (use->driver);
  g_free (use);
}

void
gonio_result_add_backend (GonioResult *result, const char *name, const char *device,
                          const char *driver)
{
  GonioBackendUse *use = g_new0 (GonioBackendUse, 1);
  use->name = g_strdup (name);
  use->device = g_strdup (device);
  use->driver = g_strdup (driver);
  g_ptr_array_add (result->backends, use);
}

static void
attempt_free (gpointer data)
{
  g_free (((GonioAttempt *)data)->view);
  g_free (data);
}

static void
stage_time_free (gpointer data)
{
  GonioStageTime *time = data;
  g_free (time->stage);
  g_free (time);
}

static void
rectification_clear (GonioRectification *rectification)
{
  g_free (rectification->kind);
  g_free (rectification->source);
  g_free (rectification->reason);
}

GonioResult *
gonio_result_new (const char *file)
{
  ResultBox *box = g_new0 (ResultBox, 1);
  g_atomic_ref_count_init (&box->refs);
  GonioResult *result = &box->result;
  result->file = g_strdup (file);
  result->reasons = g_ptr_array_new_with_free_func (g_free);
  result->attempts = g_ptr_array_new_with_free_func (attempt_free);
  result->landmarks = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_landmark_free);
  result->measures = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_measurement_free);
  result->models = g_ptr_array_new_with_free_func (model_use_free);
  result->backends = g_ptr_array_new_with_free_func (backend_use_free);
  result->networks_ms = NAN;
  result->timings = g_ptr_array_new_with_free_func (stage_time_free);
  result->rectification.kind = g_strdup ("none");
  result->rectification.source = g_strdup ("off");
  return result;
}

GonioResult *
gonio_result_ref (GonioResult *result)
{
  g_atomic_ref_count_inc (&((ResultBox *)result)->refs);
  return result;
}

void
gonio_result_unref (GonioResult *result)
{
  if (result == NULL || !g_atomic_ref_count_dec (&((ResultBox *)result)->refs))
    return;
  g_free (result->file);
  g_free (result->error);
  g_ptr_array_unref (result->reasons);
  g_strfreev (result->left_out);
  g_free (result->refusal);
  g_ptr_array_unref (result->attempts);
  g_free (result->view);
  g_free (result->side_source);
  g_free (result->protocol);
  g_free (result->protocol_version);
  rectification_clear (&result->rectification);
  g_ptr_array_unref (result->landmarks);
  g_ptr_array_unref (result->measures);
  g_free (result->input_sha256);
  g_ptr_array_unref (result->models);
  g_free (result->backend);
  g_free (result->backend_choice);
  g_ptr_array_unref (result->backends);
  g_free (result->precision);
  g_free (result->program_version);
  g_ptr_array_unref (result->timings);
  g_free (result->input_format);
  g_free (result);
}

static GonioLandmark *
landmark_copy (const GonioLandmark *from)
{
  GonioLandmark *to = g_memdup2 (from, sizeof *from);
  to->id = g_strdup (from->id);
  return to;
}

static GonioMeasurement *
measurement_copy (const GonioMeasurement *from)
{
  GonioMeasurement *to = g_memdup2 (from, sizeof *from);
  to->id = g_strdup (from->id);
  to->problem = g_strdup (from->problem);
  to->unit = g_strdup (from->unit);
  to->grade = g_strdup (from->grade);
  to->missing = g_strdupv (from->missing);
  return to;
}

static void
copy_provenance (const GonioResult *from, GonioResult *to)
{
  to->input_sha256 = g_strdup (from->input_sha256);
  for (guint i = 0; i < from->models->len; i++) {
    const GonioModelUse *use = from->models->pdata[i];
    GonioModelUse *copy =
        gonio_model_use_new (use->id, use->version, use->sha256, use->task, use->placement);
    for (guint k = 0; k < use->nodes->len; k++) {
      const GonioNodeCount *count = use->nodes->pdata[k];
      gonio_model_use_add_nodes (copy, count->backend, count->nodes);
    }
    copy->given_up = g_strdupv (use->given_up);
    g_ptr_array_add (to->models, copy);
  }
  to->backend = g_strdup (from->backend);
  to->backend_choice = g_strdup (from->backend_choice);
  for (guint i = 0; i < from->backends->len; i++) {
    const GonioBackendUse *use = from->backends->pdata[i];
    gonio_result_add_backend (to, use->name, use->device, use->driver);
  }
  to->precision = g_strdup (from->precision);
  to->networks_ms = from->networks_ms;
  to->program_version = g_strdup (from->program_version);
  for (guint i = 0; i < from->timings->len; i++) {
    const GonioStageTime *time = from->timings->pdata[i];
    gonio_result_add_time (to, time->stage, time->ms);
  }
  to->input_format = g_strdup (from->input_format);
  to->width = from->width;
  to->height = from->height;
}

GonioResult *
gonio_result_copy (const GonioResult *result)
{
  GonioResult *copy = gonio_result_new (result->file);
  copy->error = g_strdup (result->error);
  copy->state = result->state;
  for (guint i = 0; i < result->reasons->len; i++)
    g_ptr_array_add (copy->reasons, g_strdup (result->reasons->pdata[i]));
  copy->refusal = g_strdup (result->refusal);
  for (guint i = 0; i < result->attempts->len; i++) {
    const GonioAttempt *from = result->attempts->pdata[i];
    GonioAttempt *to = gonio_result_add_attempt (copy, from->view);
    char *view = to->view;
    *to = *from;
    to->view = view;
  }
  copy->left_out = g_strdupv (result->left_out);
  copy->view = g_strdup (result->view);
  copy->view_confidence = result->view_confidence;
  copy->side = result->side;
  copy->side_source = g_strdup (result->side_source);
  copy->protocol = g_strdup (result->protocol);
  copy->protocol_version = g_strdup (result->protocol_version);
  rectification_clear (&copy->rectification);
  copy->rectification = result->rectification;
  copy->rectification.kind = g_strdup (result->rectification.kind);
  copy->rectification.source = g_strdup (result->rectification.source);
  copy->rectification.reason = g_strdup (result->rectification.reason);
  for (guint i = 0; i < result->landmarks->len; i++)
    g_ptr_array_add (copy->landmarks, landmark_copy (result->landmarks->pdata[i]));
  for (guint i = 0; i < result->measures->len; i++)
    g_ptr_array_add (copy->measures, measurement_copy (result->measures->pdata[i]));
  copy_provenance (result, copy);
  return copy;
}

GonioLandmark *
gonio_result_landmark (GonioResult *result, const char *id)
{
  for (guint i = 0; i < result->landmarks->len; i++) {
    GonioLandmark *landmark = result->landmarks->pdata[i];
    if (g_str_equal (landmark->id, id))
      return landmark;
  }
  return NULL;
}

GonioMeasurement *
gonio_result_measure (GonioResult *result, const char *id)
{
  for (guint i = 0; i < result->measures->len; i++) {
    GonioMeasurement *measure = result->measures->pdata[i];
    if (g_str_equal (measure->id, id))
      return measure;
  }
  return NULL;
}

GonioAttempt *
gonio_result_add_attempt (GonioResult *result, const char *view)
{
  GonioAttempt *attempt = g_new0 (GonioAttempt, 1);
  attempt->view = g_strdup (view);
  g_ptr_array_add (result->attempts, attempt);
  return attempt;
}

void
gonio_result_set_refusal (GonioResult *result, const char *refusal)
{
  char *copy = g_strdup (refusal);
  g_free (result->refusal);
  result->refusal = copy;
}

void
gonio_result_add_time (GonioResult *result, const char *stage, double ms)
{
  GonioStageTime *time = g_new0 (GonioStageTime, 1);
  time->stage = g_strdup (stage);
  time->ms = ms;
  g_ptr_array_add (result->timings, time);
}

void
gonio_result_add_reason (GonioResult *result, const char *reason)
{
  for (guint i = 0; i < result->reasons->len; i++)
    if (g_str_equal (result->reasons->pdata[i], reason))
      return;
  g_ptr_array_add (result->reasons, g_strdup (reason));
}
