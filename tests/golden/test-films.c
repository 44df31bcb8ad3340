/* Real films measured by hand (tests/golden/films) against the shipped models: what a reader of
 * the overlay would accept is within twice the error between human readers; and nothing is
 * measured with confidence on films of other views. Needs the films in
 * GONIO_TEST_DATA/images/limbs; prints every angle. */
#include "app/backends.h"
#include "core/base/json.h"
#include "core/pipeline/pipeline.h"

#include <math.h>

#define RESOURCES GONIO_SOURCE_DIR "/resources"
#define FILMS     GONIO_SOURCE_DIR "/tests/golden/films"

/* Films of other views and other bones: nothing may be measured on them with confidence. */
static const char *const other_views[] = {
    "ankle-talar-dome-ocd.jpg",
    "foot-lateral-weight-bearing-control.jpg",
    "fracatlas-IMG0003297.jpg",
    "fracatlas-IMG0003309.jpg",
    "fracatlas-IMG0003310.jpg",
    "normal-ankle-ap.jpg",
    "normal-ankle-lateral.jpg",
    "normal-ankle-mortise.jpg",
    "normal-cervical-spine-lateral.jpg",
    "normal-elbow-ap.jpg",
    "normal-foot-lateral.jpg",
    "normal-foot-oblique.jpg",
    "normal-hand-pa.jpg",
    "normal-knee-ap.jpg",
    "normal-knee-lateral.jpg",
    "normal-knee-pediatric-ap.jpg",
    "normal-lumbar-spine-lateral.jpg",
    "normal-shoulder-grashey.jpg",
    "normal-wrist-lateral.jpg",
};

static GonioPipeline *
open_pipeline (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (NULL, &error);
  g_assert_no_error (error);
  const char *models[] = {RESOURCES "/models", NULL};
  const char *protocols[] = {RESOURCES "/protocols", NULL};
  const GonioPipelineOptions options = {
      .backends = backends, .model_dirs = models, .protocol_dirs = protocols};
  GonioPipeline *pipeline = gonio_pipeline_new (&options, &error);
  g_assert_no_error (error);
  return pipeline;
}

/* Landmarks of one pass as a result. */
static GonioResult *
read_pass (GonioJson *json, JsonNode *node)
{
  JsonObject *pass = gonio_json_object (json, node, NULL);
  JsonNode *member = gonio_json_member (json, pass, "landmarks", TRUE);
  JsonObject *landmarks = gonio_json_object (json, member, NULL);
  g_assert_nonnull (landmarks);
  GonioResult *result = gonio_result_new ("by hand");
  g_autoptr (GList) ids = json_object_get_members (landmarks);
  for (GList *i = ids; i != NULL; i = i->next) {
    JsonArray *xy = json_object_get_array_member (landmarks, i->data);
    GonioLandmark *l = gonio_landmark_new (i->data);
    l->position =
        (GonioPoint){json_array_get_double_element (xy, 0), json_array_get_double_element (xy, 1)};
    l->confidence = 1;
    g_ptr_array_add (result->landmarks, l);
  }
  return result;
}

static gboolean
usable (GonioResult *result, const char *id, double *out_value)
{
  const GonioMeasurement *m = gonio_result_measure (result, id);
  if (m == NULL || !m->valid)
    return FALSE;
  *out_value = m->value;
  return TRUE;
}

/* One line per angle; how many lie beyond twice the human error. */
static guint
compare (const GonioPipelineOutput *output, GPtrArray *passes)
{
  guint beyond = 0;
  for (guint i = 0; i < gonio_protocol_n_measures (output->protocol); i++) {
    GonioMeasureText text = gonio_protocol_measure (output->protocol, i, NULL);
    double sum = 0, low = INFINITY, high = -INFINITY, found = NAN, value = 0;
    guint n = 0;
    for (guint k = 0; k < passes->len; k++)
      if (usable (passes->pdata[k], text.id, &value)) {
        sum += value;
        low = MIN (low, value);
        high = MAX (high, value);
        n++;
      }
    if (n == 0)
      continue;
    gboolean has = usable (output->result, text.id, &found);
    const GonioMeasurement *m = gonio_result_measure (output->result, text.id);
    double difference = found - sum / n;
    gboolean judged = isfinite (text.human_error) && text.reliability == NULL;
    gboolean bad = judged && (!has || fabs (difference) > 2 * text.human_error);
    g_test_message ("  %-9s hand %6.1f to %6.1f, model %6.1f +- %4.1f, off by %5.1f%s%s", text.id,
                    low, high, found, 1.96 * m->se, difference,
                    m->low_confidence ? ", low confidence" : "",
                    bad ? ", BEYOND twice the human error" : "");
    beyond += bad && !m->low_confidence;
  }
  return beyond;
}

static void
test_film (gconstpointer data)
{
  const char *name = data, *root = g_getenv ("GONIO_TEST_DATA");
  if (root == NULL) {
    g_test_skip ("GONIO_TEST_DATA is not set");
    return;
  }
  g_autofree char *path = g_strdup_printf (FILMS "/%s.json", name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioJson) json =
      gonio_json_new_from_file (path, 0, G_FILE_ERROR, G_FILE_ERROR_INVAL, &error);
  g_assert_no_error (error);
  JsonObject *film = gonio_json_object (json, gonio_json_root (json), NULL);
  const char *file = gonio_json_text (json, film, "film", TRUE);
  const char *view = gonio_json_text (json, film, "view", TRUE);
  JsonArray *rows = gonio_json_array (json, film, "passes", TRUE, 1, 10);
  gonio_json_finish (json, &error);
  g_assert_no_error (error);
  g_autofree char *picture = g_build_filename (root, "images", "limbs", file, NULL);
  if (!g_file_test (picture, G_FILE_TEST_EXISTS)) {
    g_test_skip ("the film is not there");
    return;
  }

  g_autoptr (GonioPipeline) pipeline = open_pipeline ();
  g_autoptr (GonioPipelineOutput) output =
      gonio_pipeline_measure (pipeline, picture, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (output->result->view, ==, view);
  g_assert_nonnull (output->protocol);
  g_autoptr (GPtrArray) passes =
      g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_result_unref);
  for (guint i = 0; i < json_array_get_length (rows); i++) {
    GonioResult *pass = read_pass (json, json_array_get_element (rows, i));
    g_ptr_array_add (passes, pass);
    g_assert_true (
        gonio_protocol_measure_all (output->protocol, pass, output->to_flat, NULL, &error));
    g_assert_no_error (error);
  }
  g_assert_cmpuint (compare (output, passes), ==, 0);
}

static void
test_other_view (gconstpointer name)
{
  const char *root = g_getenv ("GONIO_TEST_DATA");
  g_autofree char *picture =
      root != NULL ? g_build_filename (root, "images", "limbs", name, NULL) : NULL;
  if (picture == NULL || !g_file_test (picture, G_FILE_TEST_EXISTS)) {
    g_test_skip ("the film is not there");
    return;
  }
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioPipeline) pipeline = open_pipeline ();
  g_autoptr (GonioPipelineOutput) output =
      gonio_pipeline_measure (pipeline, picture, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; output->result->refusal == NULL && i < output->result->measures->len; i++) {
    const GonioMeasurement *m = output->result->measures->pdata[i];
    if (m->valid && !m->low_confidence)
      g_error ("%s passes for %s with confidence: %s %.1f", (const char *)name,
               output->result->view, m->id, m->value);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_autoptr (GDir) dir = g_dir_open (FILMS, 0, NULL);
  g_assert_nonnull (dir);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  for (const char *name = g_dir_read_name (dir); name != NULL; name = g_dir_read_name (dir))
    if (g_str_has_suffix (name, ".json")) {
      g_autofree char *base = g_strndup (name, strlen (name) - strlen (".json"));
      g_autofree char *path = g_strdup_printf ("/films/%s", base);
      g_ptr_array_add (names, g_strdup (base));
      g_test_add_data_func (path, names->pdata[names->len - 1], test_film);
    }
  for (guint i = 0; i < G_N_ELEMENTS (other_views); i++) {
    g_autofree char *path = g_strdup_printf ("/films/other-views/%s", other_views[i]);
    g_test_add_data_func (path, other_views[i], test_other_view);
  }
  return g_test_run ();
}
