/* Results as JSON, both ways. Schema: core/measure/README.md. Depends on base/json.h. */
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/measure/result.h"

#include <math.h>

enum {
  MAX_FILE_BYTES = 256 << 20,
  MAX_RESULTS = 100000,
  MAX_ITEMS = 1024, /* landmarks, measures, reasons, ... of one result */
};

/* Far outside any picture, far inside what arithmetic on coordinates bears. */
#define MAX_COORDINATE 1e7

/* ---- writing ---- */

static void
set_text (JsonObject *object, const char *member, const char *text)
{
  if (text == NULL) {
    json_object_set_null_member (object, member);
    return;
  }
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  json_object_set_string_member (object, member, valid);
}

static void
set_number (JsonObject *object, const char *member, double value)
{
  if (isfinite (value))
    json_object_set_double_member (object, member, value);
  else
    json_object_set_null_member (object, member);
}

static void
set_points (JsonObject *object, const char *member, const GonioPoint *points, guint n)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < n; i++) {
    JsonArray *pair = json_array_new ();
    json_array_add_double_element (pair, points[i].x);
    json_array_add_double_element (pair, points[i].y);
    json_array_add_array_element (array, pair);
  }
  json_object_set_array_member (object, member, array);
}

static JsonObject *
rectification_to_json (const GonioRectification *r)
{
  JsonObject *object = json_object_new ();
  set_text (object, "kind", r->kind);
  set_text (object, "source", r->source);
  set_number (object, "residual", r->residual);
  set_number (object, "tilt_deg", r->tilt_deg);
  json_object_set_boolean_member (object, "doubtful", r->doubtful);
  set_text (object, "reason", r->reason);
  if (r->has_corners)
    set_points (object, "corners", r->corners, 4);
  else
    json_object_set_null_member (object, "corners");
  return object;
}

static JsonObject *
landmark_to_json (const GonioLandmark *l)
{
  JsonObject *object = json_object_new ();
  set_text (object, "id", l->id);
  set_number (object, "x", l->position.x);
  set_number (object, "y", l->position.y);
  set_number (object, "sigma", l->sigma);
  set_number (object, "confidence", l->confidence);
  json_object_set_boolean_member (object, "edited", l->edited);
  json_object_set_boolean_member (object, "skipped", l->skipped);
  JsonObject *proposed = json_object_new ();
  set_number (proposed, "x", l->proposed.x);
  set_number (proposed, "y", l->proposed.y);
  set_number (proposed, "sigma", l->proposed_sigma);
  set_number (proposed, "confidence", l->proposed_confidence);
  json_object_set_object_member (object, "proposed", proposed);
  return object;
}

static JsonObject *
measure_to_json (const GonioMeasurement *m)
{
  JsonObject *object = json_object_new ();
  set_text (object, "id", m->id);
  set_text (object, "side", gonio_side_name (m->side));
  set_number (object, "value", m->valid ? m->value : NAN);
  set_text (object, "unit", m->unit);
  set_number (object, "se", m->valid ? m->se : NAN);
  set_text (object, "grade", m->grade);
  JsonObject *reference = json_object_new ();
  set_number (reference, "low", m->reference_low);
  set_number (reference, "high", m->reference_high);
  json_object_set_boolean_member (reference, "within", m->in_reference);
  json_object_set_object_member (object, "reference", reference);
  set_number (object, "human_error", m->human_error);
  json_object_set_boolean_member (object, "low_confidence", m->low_confidence);
  set_text (object, "problem", m->problem);
  JsonArray *missing = json_array_new ();
  for (guint i = 0; m->missing != NULL && m->missing[i] != NULL; i++)
    json_array_add_string_element (missing, m->missing[i]);
  json_object_set_array_member (object, "missing", missing);
  if (m->has_geometry) {
    JsonObject *geometry = json_object_new ();
    set_points (geometry, "a", m->geometry.a, 2);
    if (m->geometry.has_b)
      set_points (geometry, "b", m->geometry.b, 2);
    json_object_set_object_member (object, "geometry", geometry);
  } else {
    json_object_set_null_member (object, "geometry");
  }
  return object;
}

static JsonArray *
attempts_to_json (const GonioResult *r)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < r->attempts->len; i++) {
    const GonioAttempt *attempt = r->attempts->pdata[i];
    JsonObject *row = json_object_new ();
    set_text (row, "view", attempt->view);
    json_object_set_boolean_member (row, "accepted", attempt->accepted);
    set_number (row, "presence", attempt->presence);
    set_number (row, "confidence", attempt->confidence);
    json_object_set_int_member (row, "found", attempt->found);
    json_object_set_int_member (row, "landmarks", attempt->landmarks);
    json_array_add_object_element (array, row);
  }
  return array;
}

static JsonArray *
models_to_json (const GonioResult *r)
{
  JsonArray *models = json_array_new ();
  for (guint i = 0; i < r->models->len; i++) {
    const GonioModelUse *use = r->models->pdata[i];
    JsonObject *model = json_object_new ();
    set_text (model, "id", use->id);
    set_text (model, "version", use->version);
    set_text (model, "sha256", use->sha256);
    set_text (model, "task", use->task);
    set_text (model, "placement", use->placement);
    JsonArray *nodes = json_array_new ();
    for (guint k = 0; k < use->nodes->len; k++) {
      const GonioNodeCount *count = use->nodes->pdata[k];
      JsonObject *row = json_object_new ();
      set_text (row, "backend", count->backend);
      json_object_set_int_member (row, "nodes", count->nodes);
      json_array_add_object_element (nodes, row);
    }
    json_object_set_array_member (model, "nodes", nodes);
    JsonArray *given_up = json_array_new ();
    for (guint k = 0; use->given_up != NULL && use->given_up[k] != NULL; k++) {
      g_autofree char *valid = g_utf8_make_valid (use->given_up[k], -1);
      json_array_add_string_element (given_up, valid);
    }
    json_object_set_array_member (model, "given_up", given_up);
    json_array_add_object_element (models, model);
  }
  return models;
}

static JsonArray *
backends_to_json (const GonioResult *r)
{
  JsonArray *backends = json_array_new ();
  for (guint i = 0; i < r->backends->len; i++) {
    const GonioBackendUse *use = r->backends->pdata[i];
    JsonObject *row = json_object_new ();
    set_text (row, "name", use->name);
    set_text (row, "device", use->device);
    set_text (row, "driver", use->driver);
    json_array_add_object_element (backends, row);
  }
  return backends;
}

static JsonObject *
provenance_to_json (const GonioResult *r)
{
  JsonObject *object = json_object_new ();
  set_text (object, "input_sha256", r->input_sha256);
  set_text (object, "input_format", r->input_format);
  json_object_set_int_member (object, "width", r->width);
  json_object_set_int_member (object, "height", r->height);
  set_text (object, "program_version", r->program_version);
  set_text (object, "backend", r->backend);
  set_text (object, "backend_choice", r->backend_choice);
  json_object_set_array_member (object, "backends", backends_to_json (r));
  set_text (object, "precision", r->precision);
  json_object_set_array_member (object, "models", models_to_json (r));
  set_number (object, "networks_ms", r->networks_ms);
  JsonArray *timings = json_array_new ();
  for (guint i = 0; i < r->timings->len; i++) {
    const GonioStageTime *time = r->timings->pdata[i];
    JsonObject *row = json_object_new ();
    set_text (row, "stage", time->stage);
    set_number (row, "ms", time->ms);
    json_array_add_object_element (timings, row);
  }
  json_object_set_array_member (object, "timings", timings);
  JsonArray *left_out = json_array_new ();
  for (guint i = 0; r->left_out != NULL && r->left_out[i] != NULL; i++) {
    g_autofree char *valid = g_utf8_make_valid (r->left_out[i], -1);
    json_array_add_string_element (left_out, valid);
  }
  json_object_set_array_member (object, "left_out", left_out);
  return object;
}

JsonNode *
gonio_result_to_json (const GonioResult *r)
{
  JsonObject *object = json_object_new ();
  set_text (object, "file", r->file);
  set_text (object, "error", r->error);
  set_text (object, "state", gonio_result_state_name (r->state));
  JsonArray *reasons = json_array_new ();
  for (guint i = 0; i < r->reasons->len; i++) {
    g_autofree char *valid = g_utf8_make_valid (r->reasons->pdata[i], -1);
    json_array_add_string_element (reasons, valid);
  }
  json_object_set_array_member (object, "reasons", reasons);
  set_text (object, "refusal", r->refusal);
  json_object_set_array_member (object, "attempts", attempts_to_json (r));
  set_text (object, "view", r->view);
  set_number (object, "view_confidence", r->view_confidence);
  set_text (object, "side", gonio_side_name (r->side));
  set_text (object, "side_source", r->side_source);
  set_text (object, "protocol", r->protocol);
  set_text (object, "protocol_version", r->protocol_version);
  json_object_set_object_member (object, "rectification",
                                 rectification_to_json (&r->rectification));
  JsonArray *landmarks = json_array_new ();
  for (guint i = 0; i < r->landmarks->len; i++)
    json_array_add_object_element (landmarks, landmark_to_json (r->landmarks->pdata[i]));
  json_object_set_array_member (object, "landmarks", landmarks);
  JsonArray *measures = json_array_new ();
  for (guint i = 0; i < r->measures->len; i++)
    json_array_add_object_element (measures, measure_to_json (r->measures->pdata[i]));
  json_object_set_array_member (object, "measures", measures);
  json_object_set_object_member (object, "provenance", provenance_to_json (r));
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (node, object);
  return node;
}

char *
gonio_results_to_string (GPtrArray *results)
{
  JsonObject *object = json_object_new ();
  json_object_set_int_member (object, "schema", GONIO_RESULT_SCHEMA);
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < results->len; i++)
    json_array_add_element (array, gonio_result_to_json (results->pdata[i]));
  json_object_set_array_member (object, "results", array);
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (root, object);
  return json_to_string (root, TRUE);
}

/* ---- reading ---- */

static char *
dup_text (GonioJson *json, JsonObject *object, const char *member)
{
  return g_strdup (gonio_json_text (json, object, member, FALSE));
}

static double
number (GonioJson *json, JsonObject *object, const char *member, double fallback)
{
  return gonio_json_number (json, object, member, FALSE, fallback, -G_MAXDOUBLE, G_MAXDOUBLE);
}

static double
coordinate (GonioJson *json, JsonObject *object, const char *member)
{
  return gonio_json_number (json, object, member, FALSE, NAN, -MAX_COORDINATE, MAX_COORDINATE);
}

static gboolean
get_points (GonioJson *json, JsonObject *object, const char *member, GonioPoint *out, guint n)
{
  JsonArray *array = gonio_json_array (json, object, member, FALSE, n, n);
  if (array == NULL)
    return FALSE;
  gonio_json_push (json, member);
  for (guint i = 0; i < n && gonio_json_ok (json); i++) {
    JsonNode *node = json_array_get_element (array, i);
    double xy[2] = {NAN, NAN};
    if (JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 2)
      for (guint k = 0; k < 2; k++) {
        JsonNode *value = json_array_get_element (json_node_get_array (node), k);
        if (JSON_NODE_HOLDS_VALUE (value) && json_node_get_value_type (value) != G_TYPE_STRING)
          xy[k] = json_node_get_double (value);
      }
    gonio_json_push_index (json, i);
    if (!(fabs (xy[0]) <= MAX_COORDINATE && fabs (xy[1]) <= MAX_COORDINATE))
      gonio_json_fail (json, "a point [x, y] in pixels is expected here");
    gonio_json_pop (json);
    out[i] = (GonioPoint){xy[0], xy[1]};
  }
  gonio_json_pop (json);
  return gonio_json_ok (json);
}

static void
read_rectification (GonioJson *json, JsonObject *parent, GonioRectification *r)
{
  JsonNode *node = gonio_json_member (json, parent, "rectification", FALSE);
  if (node == NULL)
    return;
  gonio_json_push (json, "rectification");
  JsonObject *object = gonio_json_object (json, node, NULL);
  g_free (r->kind);
  g_free (r->source);
  r->kind = dup_text (json, object, "kind");
  r->source = dup_text (json, object, "source");
  if (r->kind == NULL)
    r->kind = g_strdup ("none");
  if (r->source == NULL)
    r->source = g_strdup ("off");
  r->residual = number (json, object, "residual", 0);
  r->tilt_deg = number (json, object, "tilt_deg", 0);
  r->doubtful = gonio_json_boolean (json, object, "doubtful", FALSE);
  r->reason = dup_text (json, object, "reason");
  r->has_corners = get_points (json, object, "corners", r->corners, 4);
  gonio_json_pop (json);
}

static void
read_landmark (GonioJson *json, JsonObject *object, GonioResult *result)
{
  const char *id = gonio_json_id (json, object, "id", TRUE, NULL);
  if (id == NULL)
    return;
  if (gonio_result_landmark (result, id) != NULL) {
    gonio_json_fail (json, "landmark \"%s\" is here twice", id);
    return;
  }
  GonioLandmark *l = gonio_landmark_new (id);
  g_ptr_array_add (result->landmarks, l);
  l->position = (GonioPoint){coordinate (json, object, "x"), coordinate (json, object, "y")};
  l->sigma = gonio_json_number (json, object, "sigma", FALSE, 0, 0, MAX_COORDINATE);
  l->confidence = gonio_json_number (json, object, "confidence", FALSE, 0, 0, 1);
  l->edited = gonio_json_boolean (json, object, "edited", FALSE);
  l->skipped = gonio_json_boolean (json, object, "skipped", FALSE);
  JsonNode *node = gonio_json_member (json, object, "proposed", FALSE);
  gonio_json_push (json, "proposed");
  JsonObject *proposed = node != NULL ? gonio_json_object (json, node, NULL) : NULL;
  l->proposed = (GonioPoint){coordinate (json, proposed, "x"), coordinate (json, proposed, "y")};
  l->proposed_sigma = gonio_json_number (json, proposed, "sigma", FALSE, 0, 0, MAX_COORDINATE);
  l->proposed_confidence = gonio_json_number (json, proposed, "confidence", FALSE, 0, 0, 1);
  gonio_json_pop (json);
}

static GonioSide
read_side (GonioJson *json, JsonObject *object)
{
  static const char *const names[] = {"left", "right", "both", NULL};
  static const GonioSide sides[] = {GONIO_SIDE_LEFT, GONIO_SIDE_RIGHT, GONIO_SIDE_BOTH};
  int i = gonio_json_choice (json, object, "side", FALSE, names, -1);
  return i < 0 ? GONIO_SIDE_UNKNOWN : sides[i];
}

static void
read_measure (GonioJson *json, JsonObject *object, GonioResult *result)
{
  const char *id = gonio_json_id (json, object, "id", TRUE, NULL);
  if (id == NULL)
    return;
  GonioMeasurement *m = gonio_measurement_new (id);
  g_ptr_array_add (result->measures, m);
  m->side = read_side (json, object);
  m->value = number (json, object, "value", NAN);
  m->valid = isfinite (m->value);
  m->unit = dup_text (json, object, "unit");
  m->se = number (json, object, "se", NAN);
  m->grade = dup_text (json, object, "grade");
  JsonNode *node = gonio_json_member (json, object, "reference", FALSE);
  if (node != NULL) {
    gonio_json_push (json, "reference");
    JsonObject *reference = gonio_json_object (json, node, NULL);
    m->reference_low = number (json, reference, "low", NAN);
    m->reference_high = number (json, reference, "high", NAN);
    m->in_reference = gonio_json_boolean (json, reference, "within", FALSE);
    gonio_json_pop (json);
  }
  m->human_error = number (json, object, "human_error", NAN);
  m->low_confidence = gonio_json_boolean (json, object, "low_confidence", FALSE);
  m->problem = dup_text (json, object, "problem");
  m->missing = gonio_json_strv (json, object, "missing", FALSE, 0, MAX_ITEMS);
  if (m->missing != NULL && m->missing[0] == NULL)
    g_clear_pointer (&m->missing, g_strfreev);
  node = gonio_json_member (json, object, "geometry", FALSE);
  if (node != NULL) {
    gonio_json_push (json, "geometry");
    JsonObject *geometry = gonio_json_object (json, node, NULL);
    m->has_geometry = get_points (json, geometry, "a", m->geometry.a, 2);
    m->geometry.has_b = get_points (json, geometry, "b", m->geometry.b, 2);
    gonio_json_pop (json);
  }
}

static void
each_object (GonioJson *json, JsonObject *parent, const char *member,
             void (*read) (GonioJson *, JsonObject *, GonioResult *), GonioResult *result)
{
  JsonArray *array = gonio_json_array (json, parent, member, FALSE, 0, MAX_ITEMS);
  if (array == NULL)
    return;
  gonio_json_push (json, member);
  for (guint i = 0; i < json_array_get_length (array) && gonio_json_ok (json); i++) {
    gonio_json_push_index (json, i);
    JsonObject *object = gonio_json_object (json, json_array_get_element (array, i), NULL);
    if (object != NULL)
      read (json, object, result);
    gonio_json_pop (json);
  }
  gonio_json_pop (json);
}

/* Of the model read last. */
static void
read_node_count (GonioJson *json, JsonObject *object, GonioResult *result)
{
  const char *backend = gonio_json_text (json, object, "backend", TRUE);
  int64_t nodes = gonio_json_integer (json, object, "nodes", FALSE, 0, 0, G_MAXINT32);
  if (backend != NULL)
    gonio_model_use_add_nodes (result->models->pdata[result->models->len - 1], backend,
                               (guint)nodes);
}

static void
read_backend_use (GonioJson *json, JsonObject *object, GonioResult *result)
{
  const char *name = gonio_json_text (json, object, "name", TRUE);
  if (name != NULL)
    gonio_result_add_backend (result, name, gonio_json_text (json, object, "device", FALSE),
                              gonio_json_text (json, object, "driver", FALSE));
}

static void
read_model_use (GonioJson *json, JsonObject *object, GonioResult *result)
{
  g_ptr_array_add (result->models,
                   gonio_model_use_new (gonio_json_text (json, object, "id", FALSE),
                                        gonio_json_text (json, object, "version", FALSE),
                                        gonio_json_text (json, object, "sha256", FALSE),
                                        gonio_json_text (json, object, "task", FALSE),
                                        gonio_json_text (json, object, "placement", FALSE)));
  each_object (json, object, "nodes", read_node_count, result);
  GonioModelUse *use = result->models->pdata[result->models->len - 1];
  use->given_up = gonio_json_strv (json, object, "given_up", FALSE, 0, MAX_ITEMS);
}

static void
read_attempt (GonioJson *json, JsonObject *object, GonioResult *result)
{
  const char *view = gonio_json_text (json, object, "view", TRUE);
  if (view == NULL)
    return;
  GonioAttempt *attempt = gonio_result_add_attempt (result, view);
  attempt->accepted = gonio_json_boolean (json, object, "accepted", FALSE);
  attempt->presence = gonio_json_number (json, object, "presence", FALSE, 0, 0, 1);
  attempt->confidence = gonio_json_number (json, object, "confidence", FALSE, 0, 0, 1);
  attempt->found = (guint)gonio_json_integer (json, object, "found", FALSE, 0, 0, MAX_ITEMS);
  attempt->landmarks =
      (guint)gonio_json_integer (json, object, "landmarks", FALSE, 0, 0, MAX_ITEMS);
}

static void
read_timing (GonioJson *json, JsonObject *object, GonioResult *result)
{
  const char *stage = gonio_json_text (json, object, "stage", TRUE);
  double ms = gonio_json_number (json, object, "ms", FALSE, 0, 0, 1e12);
  if (stage != NULL)
    gonio_result_add_time (result, stage, ms);
}

static void
read_provenance (GonioJson *json, JsonObject *parent, GonioResult *result)
{
  JsonNode *node = gonio_json_member (json, parent, "provenance", FALSE);
  if (node == NULL)
    return;
  gonio_json_push (json, "provenance");
  JsonObject *object = gonio_json_object (json, node, NULL);
  result->input_sha256 = dup_text (json, object, "input_sha256");
  result->input_format = dup_text (json, object, "input_format");
  result->width = (guint)gonio_json_integer (json, object, "width", FALSE, 0, 0, G_MAXINT32);
  result->height = (guint)gonio_json_integer (json, object, "height", FALSE, 0, 0, G_MAXINT32);
  result->program_version = dup_text (json, object, "program_version");
  result->backend = dup_text (json, object, "backend");
  result->backend_choice = dup_text (json, object, "backend_choice");
  each_object (json, object, "backends", read_backend_use, result);
  result->precision = dup_text (json, object, "precision");
  each_object (json, object, "models", read_model_use, result);
  result->networks_ms = gonio_json_number (json, object, "networks_ms", FALSE, NAN, 0, 1e12);
  each_object (json, object, "timings", read_timing, result);
  result->left_out = gonio_json_strv (json, object, "left_out", FALSE, 0, MAX_ITEMS);
  gonio_json_pop (json);
}

static GonioResultState
read_state (GonioJson *json, JsonObject *object)
{
  const char *names[GONIO_STATE_CONFIRMED + 2] = {NULL};
  for (int i = 0; i <= GONIO_STATE_CONFIRMED; i++)
    names[i] = gonio_result_state_name ((GonioResultState)i);
  return (GonioResultState)gonio_json_choice (json, object, "state", FALSE, names,
                                              GONIO_STATE_TO_CHECK);
}

static GonioResult *
read_result (GonioJson *json, JsonNode *node)
{
  JsonObject *object = gonio_json_object (json, node, NULL);
  g_autoptr (GonioResult) result = gonio_result_new (gonio_json_text (json, object, "file", TRUE));
  result->error = dup_text (json, object, "error");
  result->state = read_state (json, object);
  g_auto (GStrv) reasons = gonio_json_strv (json, object, "reasons", FALSE, 0, MAX_ITEMS);
  for (guint i = 0; reasons != NULL && reasons[i] != NULL; i++)
    gonio_result_add_reason (result, reasons[i]);
  result->refusal = dup_text (json, object, "refusal");
  each_object (json, object, "attempts", read_attempt, result);
  result->view = dup_text (json, object, "view");
  result->view_confidence = gonio_json_number (json, object, "view_confidence", FALSE, 0, 0, 1);
  result->side = read_side (json, object);
  result->side_source = dup_text (json, object, "side_source");
  result->protocol = dup_text (json, object, "protocol");
  result->protocol_version = dup_text (json, object, "protocol_version");
  read_rectification (json, object, &result->rectification);
  each_object (json, object, "landmarks", read_landmark, result);
  each_object (json, object, "measures", read_measure, result);
  read_provenance (json, object, result);
  return gonio_json_ok (json) ? g_steal_pointer (&result) : NULL;
}

GonioResult *
gonio_result_from_json (JsonNode *node, GError **error)
{
  g_autoptr (GonioJson) json =
      gonio_json_new_from_node (node, "result", GONIO_MEASURE_ERROR, GONIO_MEASURE_ERROR_RESULT);
  GonioResult *result = read_result (json, node);
  if (result == NULL)
    gonio_json_finish (json, error);
  return result;
}

GPtrArray *
gonio_results_from_bytes (GBytes *bytes, const char *name, GError **error)
{
  g_autoptr (GonioJson) json = gonio_json_new_from_bytes (
      bytes, name, MAX_FILE_BYTES, GONIO_MEASURE_ERROR, GONIO_MEASURE_ERROR_RESULT, error);
  if (json == NULL)
    return NULL;
  g_autoptr (GPtrArray) results =
      g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_result_unref);
  JsonObject *root = gonio_json_object (json, gonio_json_root (json), NULL);
  gint64 schema = gonio_json_integer (json, root, "schema", TRUE, 0, 0, G_MAXINT32);
  if (gonio_json_ok (json) && schema != GONIO_RESULT_SCHEMA)
    gonio_json_fail (json, "schema %" G_GINT64_FORMAT " is not known here, only %d", schema,
                     GONIO_RESULT_SCHEMA);
  JsonArray *array = gonio_json_array (json, root, "results", TRUE, 0, MAX_RESULTS);
  gonio_json_push (json, "results");
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++) {
    gonio_json_push_index (json, i);
    GonioResult *result = read_result (json, json_array_get_element (array, i));
    gonio_json_pop (json);
    if (result == NULL)
      break;
    g_ptr_array_add (results, result);
  }
  gonio_json_pop (json);
  return gonio_json_finish (json, error) ? g_steal_pointer (&results) : NULL;
}
