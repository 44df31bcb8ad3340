/* Results as JSON: what goes out comes back, and damage is refused with words. */
#include "core/base/error.h"
#include "core/measure/result.h"

#include <math.h>
#include <string.h>

static GonioResult *
make_full (void)
{
  GonioResult *r = gonio_result_new ("films/Kim \"left\" \xEB\xAC\xB4.dcm");
  r->state = GONIO_STATE_TO_CHECK;
  gonio_result_add_reason (r, "the side is not known");
  gonio_result_add_reason (r, "the side is not known");
  r->view = g_strdup ("foot-dp");
  r->view_confidence = 0.93;
  r->side = GONIO_SIDE_LEFT;
  r->side_source = g_strdup ("landmarks");
  r->protocol = g_strdup ("foot-dp");
  r->protocol_version = g_strdup ("1.0.0");
  g_free (r->rectification.kind);
  g_free (r->rectification.source);
  r->rectification = (GonioRectification){.kind = g_strdup ("homography"),
                                          .source = g_strdup ("model"),
                                          .residual = 0.0041,
                                          .tilt_deg = 14.25,
                                          .doubtful = TRUE,
                                          .reason = g_strdup ("tilted"),
                                          .corners = {{1, 2}, {3, 4.5}, {5, 6}, {7, 8}},
                                          .has_corners = TRUE};
  GonioLandmark *l = gonio_landmark_new ("mt1_prox");
  l->position = (GonioPoint){123.4567890123, 7e-5};
  l->sigma = 1.25;
  l->confidence = 1;
  l->edited = TRUE;
  l->proposed = (GonioPoint){120, 3};
  l->proposed_sigma = 2.5;
  l->proposed_confidence = 0.75;
  g_ptr_array_add (r->landmarks, l);
  g_ptr_array_add (r->landmarks, gonio_landmark_new ("mt1_dist"));
  GonioMeasurement *m = gonio_measurement_new ("hva");
  m->side = GONIO_SIDE_LEFT;
  m->valid = TRUE;
  m->value = 0;
  m->se = 1.5;
  m->unit = g_strdup ("deg");
  m->grade = g_strdup ("normal");
  m->in_reference = TRUE;
  m->low_confidence = TRUE;
  m->reference_high = 15;
  m->human_error = 5;
  m->has_geometry = m->geometry.has_b = TRUE;
  m->geometry.a[1] = (GonioPoint){10, 20};
  m->geometry.b[0] = (GonioPoint){-5, 0.1};
  g_ptr_array_add (r->measures, m);
  GonioMeasurement *bad = gonio_measurement_new ("ima");
  bad->problem = g_strdup ("landmark not found: x");
  bad->unit = g_strdup ("deg");
  bad->missing = g_strsplit ("x,y", ",", -1);
  g_ptr_array_add (r->measures, bad);
  gonio_result_set_refusal (r, GONIO_REFUSAL_NOT_ACCEPTED);
  GonioAttempt *attempt = gonio_result_add_attempt (r, "pelvis-ap");
  attempt->presence = 0.25;
  attempt->confidence = 0.125;
  attempt->found = 3;
  attempt->landmarks = 14;
  gonio_result_add_attempt (r, "foot-dp")->accepted = TRUE;
  r->input_sha256 = g_strdup ("ab12");
  g_ptr_array_add (r->models,
                   gonio_model_use_new ("foot-dp", "0.1.0", "cd", "landmarks", "cpu 40 nodes"));
  gonio_model_use_add_nodes (r->models->pdata[0], "gl-compute", 38);
  gonio_model_use_add_nodes (r->models->pdata[0], "cpu", 2);
  ((GonioModelUse *)r->models->pdata[0])->given_up = g_strsplit ("npu: gone,fpga: late", ",", -1);
  r->backend_choice = g_strdup ("gl-compute");
  gonio_result_add_backend (r, "gl-compute", "a card", "OpenGL 4.6");
  gonio_result_add_backend (r, "cpu", NULL, NULL);
  r->precision = g_strdup ("fp16");
  r->networks_ms = 35.5;
  r->backend = g_strdup ("cpu");
  r->left_out = g_strsplit ("gl-compute: no card|gl-fragment: neither", "|", -1);
  r->program_version = g_strdup ("0.1.0");
  gonio_result_add_time (r, "decode", 12.5);
  r->input_format = g_strdup ("DICOM");
  r->width = 1061;
  r->height = 2431;
  return r;
}

static char *
to_text (GonioResult *result)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  g_ptr_array_add (all, result);
  return gonio_results_to_string (all);
}

static GPtrArray *
from_text (const char *text, GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  return gonio_results_from_bytes (bytes, "r.json", error);
}

static void
test_round_trip (void)
{
  g_autoptr (GonioResult) result = make_full ();
  g_assert_cmpuint (result->reasons->len, ==, 1);
  g_autofree char *text = to_text (result);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) back = from_text (text, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (back->len, ==, 1);
  GonioResult *other = back->pdata[0];
  g_autofree char *again = to_text (other);
  g_assert_cmpstr (text, ==, again);
  g_assert_cmpstr (other->file, ==, result->file);
  g_assert_cmpint (other->state, ==, GONIO_STATE_TO_CHECK);
  g_assert_cmpint (other->side, ==, GONIO_SIDE_LEFT);
  g_assert_cmpstr (other->refusal, ==, GONIO_REFUSAL_NOT_ACCEPTED);
  g_assert_cmpuint (other->attempts->len, ==, 2);
  const GonioAttempt *attempt = other->attempts->pdata[0];
  g_assert_cmpstr (attempt->view, ==, "pelvis-ap");
  g_assert_cmpfloat (attempt->presence, ==, 0.25);
  g_assert_cmpuint (attempt->landmarks, ==, 14);
  g_assert_false (attempt->accepted);
  g_assert_cmpstr (other->backend_choice, ==, "gl-compute");
  g_assert_cmpstr (other->precision, ==, "fp16");
  g_assert_cmpfloat (other->networks_ms, ==, 35.5);
  g_assert_cmpuint (other->backends->len, ==, 2);
  const GonioBackendUse *card = other->backends->pdata[0], *cpu = other->backends->pdata[1];
  g_assert_cmpstr (card->device, ==, "a card");
  g_assert_cmpstr (card->driver, ==, "OpenGL 4.6");
  g_assert_cmpstr (cpu->name, ==, "cpu");
  g_assert_null (cpu->device);
  const GonioModelUse *use = other->models->pdata[0];
  g_assert_cmpuint (use->nodes->len, ==, 2);
  g_assert_cmpuint (g_strv_length (use->given_up), ==, 2);
  g_assert_cmpstr (use->given_up[1], ==, "fpga: late");
  const GonioNodeCount *count = use->nodes->pdata[0];
  g_assert_cmpstr (count->backend, ==, "gl-compute");
  g_assert_cmpuint (count->nodes, ==, 38);
  g_assert_cmpuint (g_strv_length (gonio_result_measure (other, "ima")->missing), ==, 2);
  g_assert_null (gonio_result_measure (other, "hva")->missing);
  g_assert_cmpuint (g_strv_length (other->left_out), ==, 2);
  g_assert_cmpstr (other->left_out[1], ==, "gl-fragment: neither");
  GonioLandmark *l = gonio_result_landmark (other, "mt1_prox");
  g_assert_cmpfloat (l->position.x, ==, 123.4567890123);
  g_assert_true (l->edited);
  g_assert_true (isnan (gonio_result_landmark (other, "mt1_dist")->position.x));
  GonioMeasurement *m = gonio_result_measure (other, "hva");
  g_assert_true (m->valid);
  g_assert_cmpfloat (m->value, ==, 0);
  g_assert_true (isnan (m->reference_low));
  g_assert_cmpfloat (m->geometry.b[0].x, ==, -5);
  g_assert_false (gonio_result_measure (other, "ima")->valid);
  g_assert_cmpfloat (other->rectification.corners[1].y, ==, 4.5);
}

static void
test_copy (void)
{
  g_autoptr (GonioResult) result = make_full ();
  g_autofree char *text = to_text (result);
  g_autoptr (GonioResult) copy = gonio_result_copy (result);
  g_clear_pointer (&result, gonio_result_unref);
  g_autofree char *again = to_text (copy);
  g_assert_cmpstr (text, ==, again);
}

/* The fields that scripts rely on, by name. */
static void
test_contract (void)
{
  g_autoptr (GonioResult) result = make_full ();
  g_autoptr (JsonNode) node = gonio_result_to_json (result);
  JsonObject *object = json_node_get_object (node);
  static const char *const members[] = {"file",          "error",     "view",     "side",
                                        "rectification", "landmarks", "measures", "provenance"};
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    g_assert_true (json_object_has_member (object, members[i]));
  JsonObject *landmark =
      json_array_get_object_element (json_object_get_array_member (object, "landmarks"), 0);
  static const char *const point[] = {"id", "x", "y", "sigma", "confidence"};
  for (guint i = 0; i < G_N_ELEMENTS (point); i++)
    g_assert_true (json_object_has_member (landmark, point[i]));
  JsonObject *measure =
      json_array_get_object_element (json_object_get_array_member (object, "measures"), 0);
  static const char *const value[] = {"id", "side", "value", "unit", "se", "grade", "reference"};
  for (guint i = 0; i < G_N_ELEMENTS (value); i++)
    g_assert_true (json_object_has_member (measure, value[i]));
  g_assert_true (json_object_get_null_member (object, "error"));
}

static const struct {
  const char *text, *words;
} broken[] = {
    {"", "the file is empty"},
    {"{", "not JSON"},
    {"[]", "r.json: an object is expected"},
    {"{\"results\":[]}", "r.json: schema: this field is missing"},
    {"{\"schema\":2,\"results\":[]}", "r.json: schema 2 is not known here"},
    {"{\"schema\":1}", "r.json: results: this field is missing"},
    {"{\"schema\":1,\"results\":[7]}", "r.json: results[0]: an object is expected"},
    {"{\"schema\":1,\"results\":[{}]}", "r.json: results[0].file: this field is missing"},
    {"{\"schema\":1,\"results\":[{\"file\":\"a\",\"side\":\"up\"}]}", "results[0].side: \"up\""},
    {"{\"schema\":1,\"results\":[{\"file\":\"a\",\"landmarks\":[{\"x\":1}]}]}",
     "results[0].landmarks[0].id: this field is missing"},
    {"{\"schema\":1,\"results\":[{\"file\":\"a\",\"landmarks\":[{\"id\":\"p\",\"x\":1e300}]}]}",
     "results[0].landmarks[0].x: 1e+300 is outside"},
    {"{\"schema\":1,\"results\":[{\"file\":\"a\",\"landmarks\":[{\"id\":\"p\"},{\"id\":\"p\"}]}]}",
     "results[0].landmarks[1]: landmark \"p\" is here twice"},
    {"{\"schema\":1,\"results\":[{\"file\":\"a\",\"rectification\":{\"corners\":[[1,2],[3],[4,5],["
     "6,7]]}}]}",
     "results[0].rectification.corners[1]: a point"},
    {"{\"schema\":1,\"results\":[{\"file\":\"a\",\"provenance\":{\"width\":-1}}]}",
     "results[0].provenance.width: -1 is outside"},
};

static void
test_errors (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (broken); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GPtrArray) results = from_text (broken[i].text, &error);
    g_assert_null (results);
    g_assert_error (error, GONIO_MEASURE_ERROR, GONIO_MEASURE_ERROR_RESULT);
    if (strstr (error->message, broken[i].words) == NULL)
      g_error ("case %u: \"%s\" lacks \"%s\"", i, error->message, broken[i].words);
  }
}

static void
test_damage (void)
{
  g_autoptr (GonioResult) result = make_full ();
  g_autofree char *text = to_text (result);
  size_t size = strlen (text);
  for (int round = 0; round < 3000; round++) {
    g_autofree char *copy = g_strdup (text);
    for (int k = g_test_rand_int_range (0, 5); k > 0; k--)
      copy[g_test_rand_int_range (0, (int)size)] =
          "{}[],:\"0a-e\xff"[g_test_rand_int_range (0, 12)];
    if (round % 5 == 0)
      copy[g_test_rand_int_range (0, (int)size)] = '\0';
    g_autoptr (GError) error = NULL;
    g_autoptr (GPtrArray) results = from_text (copy, &error);
    g_assert_true ((results == NULL) == (error != NULL));
    if (results != NULL)
      g_free (gonio_results_to_string (results));
  }
}

static void
test_invalid_text (void)
{
  g_autoptr (GonioResult) result = gonio_result_new ("bad\xffname.png");
  result->view_confidence = NAN;
  g_autofree char *text = to_text (result);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) back = from_text (text, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (back->len, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/result/round-trip", test_round_trip);
  g_test_add_func ("/result/copy", test_copy);
  g_test_add_func ("/result/contract", test_contract);
  g_test_add_func ("/result/errors", test_errors);
  g_test_add_func ("/result/damage", test_damage);
  g_test_add_func ("/result/invalid-text", test_invalid_text);
  return g_test_run ();
}
