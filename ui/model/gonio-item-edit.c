/* Edits of a result, with undo; see gonio-item.h. */
#include "ui/model/gonio-item-private.h"

#include <glib/gi18n.h>
#include <string.h>

#define MAX_UNDO 200

/* ---- history ---- */

void
gonio_item_step_free (gpointer data)
{
  GonioItemStep *step = data;
  gonio_result_unref (step->result);
  gonio_protocol_unref (step->protocol);
  g_free (step);
}

static void
push_undo (GonioItem *self)
{
  if (self->editing && self->edit_pushed)
    return; /* the whole drag is one step */
  self->edit_pushed = TRUE;
  if (self->undo->len >= MAX_UNDO)
    g_ptr_array_remove_index (self->undo, 0);
  GonioItemStep *step = g_new0 (GonioItemStep, 1);
  step->result = gonio_result_copy (self->output->result);
  step->protocol = self->output->protocol ? gonio_protocol_ref (self->output->protocol) : NULL;
  g_ptr_array_add (self->undo, step);
  g_ptr_array_set_size (self->redo, 0);
}

/* ---- what follows from an edit ---- */

static const char *
confirmed_before (void)
{
  return _ ("changed after it was confirmed");
}

void
gonio_item_keep_found_reasons (GonioItem *self)
{
  GonioPipelineOutput probe = *self->output;
  probe.result = gonio_result_copy (self->output->result);
  g_ptr_array_set_size (probe.result->reasons, 0);
  gonio_pipeline_output_add_reasons (&probe);
  g_clear_pointer (&self->found_reasons, g_ptr_array_unref);
  self->found_reasons = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < self->output->result->reasons->len; i++) {
    const char *reason = g_ptr_array_index (self->output->result->reasons, i);
    if (!g_ptr_array_find_with_equal_func (probe.result->reasons, reason, g_str_equal, NULL))
      g_ptr_array_add (self->found_reasons, g_strdup (reason));
  }
  gonio_result_unref (probe.result);
}

/* Once a person has placed every landmark, what the models thought no longer matters. */
static gboolean
all_by_hand (const GonioResult *result)
{
  for (guint i = 0; i < result->landmarks->len; i++) {
    const GonioLandmark *landmark = g_ptr_array_index (result->landmarks, i);
    if (!landmark->edited && gonio_landmark_level (landmark) != GONIO_CONFIDENCE_NONE)
      return FALSE;
  }
  return TRUE;
}

static void
renew_reasons (GonioItem *self, gboolean was_confirmed)
{
  GonioResult *result = self->output->result;
  was_confirmed = was_confirmed || g_ptr_array_find_with_equal_func (
                                       result->reasons, confirmed_before (), g_str_equal, NULL);
  g_ptr_array_set_size (result->reasons, 0);
  if (was_confirmed)
    gonio_result_add_reason (result, confirmed_before ());
  for (guint i = 0; i < self->found_reasons->len && !all_by_hand (result); i++)
    gonio_result_add_reason (result, g_ptr_array_index (self->found_reasons, i));
  gonio_pipeline_output_add_reasons (self->output);
}

/* A confirmed result has no reasons to check any more. */
static void
show_state (GonioItem *self, GonioResultState state)
{
  g_autofree char *reasons = gonio_item_reasons_text (self->output->result);
  gonio_item_set_state (self, state, state == GONIO_STATE_CONFIRMED ? NULL : reasons);
  gonio_item_emit_changed (self);
}

static void
measure (GonioItem *self)
{
  const GonioPipelineOutput *output = self->output;
  g_autoptr (GError) error = NULL;
  if (output->protocol &&
      !gonio_protocol_measure_all (output->protocol, output->result, output->to_flat,
                                   gonio_image_spacing (output->rectified), &error))
    g_warning ("%s: %s", self->title, error->message);
}

/* Measures again from the landmarks as they stand, judges the result and tells the views. */
static void
after_edit (GonioItem *self)
{
  measure (self);
  renew_reasons (self, self->state == GONIO_STATE_CONFIRMED);
  show_state (self, gonio_pipeline_output_judge (self->output));
}

/* ---- edits ---- */

void
gonio_item_begin_edit (GonioItem *self)
{
  if (!self->output || self->editing)
    return;
  self->editing = TRUE;
  self->edit_pushed = FALSE;
}

void
gonio_item_end_edit (GonioItem *self)
{
  self->editing = FALSE;
}

static GonioLandmark *
find_landmark (GonioItem *self, const char *id)
{
  return self->output ? gonio_result_landmark (self->output->result, id) : NULL;
}

void
gonio_item_move_landmark (GonioItem *self, const char *id, GonioPoint original_px)
{
  GonioLandmark *landmark = find_landmark (self, id);
  if (!landmark || landmark->locked)
    return;
  push_undo (self);
  landmark->position = original_px;
  landmark->edited = TRUE;
  landmark->skipped = FALSE;
  landmark->confidence = 1.0;
  landmark->sigma = 0.0;
  after_edit (self);
}

static void
set_protocol_by_hand (GonioPipelineOutput *output, GonioProtocol *protocol)
{
  GonioResult *result = output->result;
  g_clear_pointer (&output->protocol, gonio_protocol_unref);
  output->protocol = gonio_protocol_ref (protocol);
  g_free (result->protocol);
  result->protocol = g_strdup (gonio_protocol_id (protocol));
  g_free (result->view);
  result->view = g_strdup (gonio_protocol_view (protocol));
  result->view_confidence = 0; /* no model says so */
  const GonioSide tagged = gonio_image_side (output->original);
  if (result->side == GONIO_SIDE_UNKNOWN && tagged != GONIO_SIDE_UNKNOWN) {
    result->side = tagged;
    g_free (result->side_source);
    result->side_source = g_strdup ("dicom");
  }
  g_ptr_array_set_size (result->landmarks, 0);
  for (guint i = 0; i < gonio_protocol_n_landmarks (protocol); i++)
    g_ptr_array_add (result->landmarks,
                     gonio_landmark_new (gonio_protocol_landmark (protocol, i, NULL).id));
}

void
gonio_item_begin_manual (GonioItem *self, GonioProtocol *protocol)
{
  if (!self->output)
    return;
  push_undo (self);
  set_protocol_by_hand (self->output, protocol);
  after_edit (self);
}

void
gonio_item_restore_landmark (GonioItem *self, const char *id)
{
  GonioLandmark *landmark = find_landmark (self, id);
  if (!landmark || landmark->locked || (!landmark->edited && !landmark->skipped))
    return;
  push_undo (self);
  landmark->position = landmark->proposed;
  landmark->sigma = landmark->proposed_sigma;
  landmark->confidence = landmark->proposed_confidence;
  landmark->edited = FALSE;
  landmark->skipped = FALSE;
  after_edit (self);
}

void
gonio_item_skip_landmark (GonioItem *self, const char *id, gboolean skip)
{
  GonioLandmark *landmark = find_landmark (self, id);
  if (!landmark || landmark->locked || landmark->skipped == skip)
    return;
  push_undo (self);
  landmark->skipped = skip;
  after_edit (self);
}

void
gonio_item_take_over_edits (GonioItem *self)
{
  const GonioPipelineOutput *from = self->previous;
  GonioPipelineOutput *to = self->output;
  if (!from->protocol)
    return;
  gboolean any = FALSE;
  for (guint i = 0; i < from->result->landmarks->len; i++) {
    const GonioLandmark *old = g_ptr_array_index (from->result->landmarks, i);
    if (!old->edited && !old->skipped && !old->locked)
      continue;
    if (!to->protocol)
      set_protocol_by_hand (to, from->protocol);
    GonioLandmark *landmark = gonio_result_landmark (to->result, old->id);
    if (to->protocol != from->protocol || !landmark)
      return; /* another view: they mean nothing there */
    if (old->edited || old->locked) {
      landmark->position = old->position;
      landmark->sigma = old->sigma;
      landmark->confidence = old->confidence;
    }
    landmark->edited = old->edited;
    landmark->skipped = old->skipped;
    landmark->locked = old->locked;
    any = TRUE;
  }
  if (!any)
    return;
  measure (self);
  renew_reasons (self, FALSE);
  to->result->state = gonio_pipeline_output_judge (to);
}

/* Changes no value, so a confirmation stands. */
void
gonio_item_lock_landmark (GonioItem *self, const char *id, gboolean locked)
{
  GonioLandmark *landmark = find_landmark (self, id);
  if (!landmark || landmark->locked == locked)
    return;
  push_undo (self);
  landmark->locked = locked;
  gonio_item_emit_changed (self);
}

void
gonio_item_set_side (GonioItem *self, GonioSide side)
{
  self->options.side = side;
  if (!self->output)
    return;
  push_undo (self);
  self->output->result->side = side;
  g_free (self->output->result->side_source);
  self->output->result->side_source = g_strdup ("user");
  after_edit (self);
}

void
gonio_item_confirm (GonioItem *self, gboolean confirmed)
{
  if (!self->output)
    return;
  GonioResult *result = self->output->result;
  if (confirmed) {
    guint index;
    if (g_ptr_array_find_with_equal_func (result->reasons, confirmed_before (), g_str_equal,
                                          &index))
      g_ptr_array_remove_index (result->reasons, index);
  }
  show_state (self, confirmed ? GONIO_STATE_CONFIRMED : gonio_pipeline_output_judge (self->output));
}

gboolean
gonio_item_can_undo (GonioItem *self)
{
  return self->output && self->undo->len > 0;
}

gboolean
gonio_item_can_redo (GonioItem *self)
{
  return self->output && self->redo->len > 0;
}

/* Moves one step from one history to the other. */
static void
step (GonioItem *self, GPtrArray *from, GPtrArray *to)
{
  if (!self->output || from->len == 0)
    return;
  GonioItemStep *taken = g_ptr_array_steal_index (from, from->len - 1);
  GonioItemStep now = {self->output->result, self->output->protocol};
  self->output->result = taken->result;
  self->output->protocol = taken->protocol;
  *taken = now;
  g_ptr_array_add (to, taken);
  self->editing = FALSE;
  show_state (self, self->output->result->state);
}

void
gonio_item_undo (GonioItem *self)
{
  step (self, self->undo, self->redo);
}

void
gonio_item_redo (GonioItem *self)
{
  step (self, self->redo, self->undo);
}
