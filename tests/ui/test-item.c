/* Edits of a picture's landmarks: recomputed at once, undone and redone, restored, skipped. */
#include "ui/model/gonio-item.h"

#include <math.h>

static void
place (GonioResult *result, const char *id, double x, double y)
{
  GonioLandmark *landmark = gonio_landmark_new (id);
  landmark->position = landmark->proposed = (GonioPoint){x, y};
  landmark->sigma = landmark->proposed_sigma = 1.0;
  landmark->confidence = landmark->proposed_confidence = 0.9;
  g_ptr_array_add (result->landmarks, landmark);
}

static GonioProtocol *protocol; /* shared by all items, as a pipeline does */

/* A right foot, toes up: the first ray straight, the great toe turned outward by 30 degrees. */
static GonioItem *
make_item (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path =
      g_build_filename (GONIO_SOURCE_DIR, "resources", "protocols", "foot-dp.json", NULL);
  GonioPipelineOutput *output = g_new0 (GonioPipelineOutput, 1);
  if (!protocol)
    protocol = gonio_protocol_load (path, &error);
  g_assert_no_error (error);
  output->protocol = gonio_protocol_ref (protocol);
  output->original =
      gonio_image_new (GONIO_PIXELS_GREY16, 400, 600, g_new0 (uint16_t, 400 * 600), NULL, NULL);
  output->rectified = gonio_image_ref (output->original);
  output->to_flat = gonio_transform_new_identity ();
  output->result = gonio_result_new ("foot.png");
  GonioResult *result = output->result;
  result->state = GONIO_STATE_TO_CHECK;
  result->side = GONIO_SIDE_RIGHT;
  place (result, "mt1_prox", 100, 400);
  place (result, "mt1_dist", 100, 300);
  place (result, "ph1_prox", 105, 240);
  place (result, "ph1_dist", 105 + 50 * tan (G_PI / 6), 190);
  place (result, "mt2_prox", 180, 400);
  place (result, "mt2_dist", 180 + 100 * tan (10 * G_PI / 180), 300);
  place (result, "dp1_prox", 150, 150);
  place (result, "dp1_dist", 160, 110);
  place (result, "mt1_head_med", 80, 260);
  place (result, "mt1_head_lat", 120, 258);
  gonio_protocol_measure_all (output->protocol, result, output->to_flat, NULL, &error);
  g_assert_no_error (error);
  gonio_result_add_reason (result, "what the model saw");
  gonio_pipeline_output_add_reasons (output);

  g_autoptr (GFile) file = g_file_new_for_path ("/tmp/foot.png");
  GonioItem *item = gonio_item_new (file);
  GonioPyramid *pyramid = gonio_pyramid_new (output->original);
  gonio_item_set_output (item, output, pyramid, gonio_pyramid_ref (pyramid), NULL);
  return item;
}

static double
value_of (GonioItem *item, const char *id)
{
  const GonioResult *result = gonio_item_get_result (item);
  for (guint i = 0; i < result->measures->len; i++) {
    const GonioMeasurement *measure = g_ptr_array_index (result->measures, i);
    if (g_str_equal (measure->id, id))
      return measure->valid ? measure->value : NAN;
  }
  return NAN;
}

static gboolean
says (GonioItem *item, const char *words)
{
  const char *message = gonio_item_get_message (item);
  return message && strstr (message, words);
}

static void
test_move_undo_redo (void)
{
  g_autoptr (GonioItem) item = make_item ();
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 30, 1e-6);
  g_assert_false (gonio_item_can_undo (item));

  gonio_item_move_landmark (item, "ph1_dist", (GonioPoint){105, 190});
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 0, 1e-6);
  g_assert_true (gonio_result_landmark (gonio_item_get_result (item), "ph1_dist")->edited);
  gonio_item_undo (item);
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 30, 1e-6);
  g_assert_false (gonio_result_landmark (gonio_item_get_result (item), "ph1_dist")->edited);
  gonio_item_redo (item);
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 0, 1e-6);
  g_assert_false (gonio_item_can_redo (item));
}

/* A drag is one step of undo, however many moves it had. */
static void
test_drag_is_one_step (void)
{
  g_autoptr (GonioItem) item = make_item ();
  gonio_item_begin_edit (item);
  for (int i = 0; i < 20; i++)
    gonio_item_move_landmark (item, "ph1_dist", (GonioPoint){105 + i, 190});
  gonio_item_end_edit (item);
  gonio_item_undo (item);
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 30, 1e-6);
  g_assert_false (gonio_item_can_undo (item));
}

static void
test_restore_and_skip (void)
{
  g_autoptr (GonioItem) item = make_item ();
  gonio_item_move_landmark (item, "ph1_dist", (GonioPoint){90, 190});
  gonio_item_restore_landmark (item, "ph1_dist");
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 30, 1e-6);
  gonio_item_skip_landmark (item, "ph1_dist", TRUE);
  g_assert_true (isnan (value_of (item, "hva")));
  gonio_item_skip_landmark (item, "ph1_dist", FALSE);
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 30, 1e-6);
}

static void
test_confirmation_falls_with_an_edit (void)
{
  g_autoptr (GonioItem) item = make_item ();
  gonio_item_confirm (item, TRUE);
  g_assert_cmpint (gonio_item_get_state (item), ==, GONIO_STATE_CONFIRMED);
  gonio_item_move_landmark (item, "ph1_dist", (GonioPoint){90, 190});
  g_assert_cmpint (gonio_item_get_state (item), ==, GONIO_STATE_TO_CHECK);
  g_assert_true (says (item, "changed after it was confirmed"));
  gonio_item_undo (item);
  g_assert_cmpint (gonio_item_get_state (item), ==, GONIO_STATE_CONFIRMED);
  g_assert_null (gonio_item_get_message (item));
}

/* Reasons, states and uncertainties follow every edit and its undo. */
static void
test_reasons_follow_edits (void)
{
  g_autoptr (GonioItem) item = make_item ();
  GonioResult *result = gonio_item_get_result (item);
  g_assert_true (says (item, "outside the reference range: HVA"));
  g_assert_true (says (item, "what the model saw"));
  const double se = gonio_result_measure (result, "hva")->se;
  g_assert_cmpfloat (se, >, 0);

  gonio_item_move_landmark (item, "ph1_dist", (GonioPoint){108, 190});
  g_assert_false (says (item, "range: HVA"));
  g_assert_true (says (item, "what the model saw"));
  g_assert_cmpfloat (gonio_result_measure (gonio_item_get_result (item), "hva")->se, <, se);
  gonio_item_undo (item);
  g_assert_true (says (item, "outside the reference range: HVA"));

  gonio_item_skip_landmark (item, "dp1_dist", TRUE);
  g_assert_true (says (item, "1 landmark was left out by you"));
  gonio_item_undo (item);
  g_assert_false (says (item, "left out"));

  gonio_item_set_side (item, GONIO_SIDE_LEFT);
  g_assert_true (says (item, "the bones marked left lie as on a right side"));
  gonio_item_undo (item);
  g_assert_false (says (item, "the bones marked"));
}

/* A landmark that was uncertain is certain once a person placed it. */
static void
test_placed_by_hand_is_certain (void)
{
  g_autoptr (GonioItem) item = make_item ();
  GonioResult *result = gonio_item_get_result (item);
  for (guint i = 0; i < result->landmarks->len; i++) {
    GonioLandmark *landmark = g_ptr_array_index (result->landmarks, i);
    landmark->confidence = landmark->proposed_confidence = 0.4;
  }
  gonio_item_set_side (item, GONIO_SIDE_RIGHT); /* measures again */
  g_assert_true (gonio_result_measure (result, "hva")->low_confidence);
  g_assert_true (says (item, "10 landmarks are uncertain"));
  static const char *const ids[] = {"mt1_prox", "mt1_dist", "ph1_prox", "ph1_dist"};
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    gonio_item_move_landmark (item, ids[i], gonio_result_landmark (result, ids[i])->position);
  const GonioMeasurement *hva = gonio_result_measure (result, "hva");
  g_assert_false (hva->low_confidence);
  g_assert_cmpfloat (hva->se, ==, 0);
  g_assert_true (gonio_result_measure (result, "ima")->low_confidence);
  g_assert_true (says (item, "6 landmarks are uncertain"));
  g_assert_true (says (item, "what the model saw"));
  for (guint i = 0; i < result->landmarks->len; i++) {
    const GonioLandmark *landmark = g_ptr_array_index (result->landmarks, i);
    gonio_item_move_landmark (item, landmark->id, landmark->position);
  }
  g_assert_false (says (item, "uncertain"));
  g_assert_false (says (item, "what the model saw"));
}

/* What is locked stays where it is, until undone or unlocked. */
static void
test_lock (void)
{
  g_autoptr (GonioItem) item = make_item ();
  gonio_item_confirm (item, TRUE);
  gonio_item_lock_landmark (item, "ph1_dist", TRUE);
  g_assert_cmpint (gonio_item_get_state (item), ==, GONIO_STATE_CONFIRMED);
  gonio_item_move_landmark (item, "ph1_dist", (GonioPoint){105, 190});
  gonio_item_skip_landmark (item, "ph1_dist", TRUE);
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 30, 1e-6);
  gonio_item_undo (item);
  g_assert_false (gonio_item_can_undo (item));
  gonio_item_move_landmark (item, "ph1_dist", (GonioPoint){105, 190});
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 0, 1e-6);
  gonio_item_lock_landmark (item, "ph1_dist", TRUE);
  gonio_item_restore_landmark (item, "ph1_dist");
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 0, 1e-6);
  gonio_item_lock_landmark (item, "ph1_dist", FALSE);
  gonio_item_restore_landmark (item, "ph1_dist");
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 30, 1e-6);
}

/* Measuring again keeps the former result until a new one is there, and what was placed. */
static void
test_measured_again (void)
{
  g_autoptr (GonioItem) item = make_item ();
  gonio_item_move_landmark (item, "ph1_dist", (GonioPoint){105, 190});
  gonio_item_lock_landmark (item, "mt1_prox", TRUE);
  gonio_item_set_queued (item);
  g_assert_null (gonio_item_get_output (item));
  gonio_item_set_failed (item, "stopped");
  g_assert_cmpint (gonio_item_get_state (item), ==, GONIO_STATE_TO_CHECK);
  g_assert_true (says (item, "stopped"));
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 0, 1e-6);

  for (int keep = 1; keep >= 0; keep--) {
    gonio_item_set_queued (item);
    if (keep)
      gonio_item_keep_edits (item);
    g_autoptr (GonioItem) other = make_item ();
    GonioPipelineOutput *output = g_new0 (GonioPipelineOutput, 1);
    const GonioPipelineOutput *fresh = gonio_item_get_output (other);
    output->original = gonio_image_ref (fresh->original);
    output->rectified = gonio_image_ref (fresh->rectified);
    output->to_flat = gonio_transform_ref (fresh->to_flat);
    output->result = gonio_result_copy (fresh->result);
    output->protocol = gonio_protocol_ref (protocol);
    GonioPyramid *pyramid = gonio_pyramid_new (output->original);
    gonio_item_set_output (item, output, pyramid, gonio_pyramid_ref (pyramid), NULL);
    g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), keep ? 0 : 30, 1e-6);
    g_assert_cmpint (says (item, "range: HVA"), ==, !keep);
    GonioResult *result = gonio_item_get_result (item);
    g_assert_cmpint (gonio_result_landmark (result, "mt1_prox")->locked, ==, keep);
    g_assert_false (gonio_item_can_undo (item));
  }
}

/* By hand from nothing: landmarks without a place, then an angle, and all the way back. */
static void
test_manual (void)
{
  g_autoptr (GonioItem) item = make_item ();
  gonio_item_begin_manual (item, protocol);
  g_assert_cmpint (gonio_item_get_state (item), ==, GONIO_STATE_NO_ANSWER);
  g_assert_true (says (item, "10 landmarks are not placed yet"));
  g_assert_false (says (item, "what the model saw"));
  gonio_item_move_landmark (item, "mt1_prox", (GonioPoint){100, 400});
  gonio_item_move_landmark (item, "mt1_dist", (GonioPoint){100, 300});
  gonio_item_move_landmark (item, "ph1_prox", (GonioPoint){100, 240});
  g_assert_true (isnan (value_of (item, "hva")));
  gonio_item_move_landmark (item, "ph1_dist", (GonioPoint){140, 200});
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 45, 1e-6);
  g_assert_cmpint (gonio_item_get_state (item), ==, GONIO_STATE_TO_CHECK);
  for (int i = 0; i < 5; i++)
    gonio_item_undo (item);
  g_assert_false (gonio_item_can_undo (item));
  g_assert_cmpfloat_with_epsilon (value_of (item, "hva"), 30, 1e-6);
  g_assert_true (says (item, "what the model saw"));
}

/* A click on a landmark that moves nothing leaves nothing to undo. */
static void
test_click_is_no_step (void)
{
  g_autoptr (GonioItem) item = make_item ();
  gonio_item_begin_edit (item);
  gonio_item_end_edit (item);
  g_assert_false (gonio_item_can_undo (item));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/item/move-undo-redo", test_move_undo_redo);
  g_test_add_func ("/item/drag-is-one-step", test_drag_is_one_step);
  g_test_add_func ("/item/restore-and-skip", test_restore_and_skip);
  g_test_add_func ("/item/confirmation-falls-with-an-edit", test_confirmation_falls_with_an_edit);
  g_test_add_func ("/item/reasons-follow-edits", test_reasons_follow_edits);
  g_test_add_func ("/item/placed-by-hand-is-certain", test_placed_by_hand_is_certain);
  g_test_add_func ("/item/lock", test_lock);
  g_test_add_func ("/item/measured-again", test_measured_again);
  g_test_add_func ("/item/manual", test_manual);
  g_test_add_func ("/item/click-is-no-step", test_click_is_no_step);
  const int status = g_test_run ();
  g_clear_pointer (&protocol, gonio_protocol_unref);
  return status;
}
