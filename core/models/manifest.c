/* manifest.json, field by field. Depends on base/json.h, models/manifest.h. */
#include "core/models/manifest.h"

#include "core/base/error.h"
#include "core/base/json.h"

#include <math.h>
#include <string.h>

static const char *const task_names[] = {"dewarp", "landmarks", "classify-view", NULL};

const char *
gonio_model_task_name (GonioModelTask task)
{
  g_return_val_if_fail (task < G_N_ELEMENTS (task_names) - 1, NULL);
  return task_names[task];
}

/* ---- input ---- */

/* Array of n numbers into out; fallback when the member is not there. */
static void
read_numbers (GonioJson *json, JsonObject *object, const char *member, double fallback, guint n,
              double *out)
{
  for (guint i = 0; i < n; i++)
    out[i] = fallback;
  JsonArray *array = gonio_json_array (json, object, member, FALSE, n, n);
  for (guint i = 0; array != NULL && i < n; i++) {
    JsonNode *node = json_array_get_element (array, i);
    gboolean number = JSON_NODE_HOLDS_VALUE (node) &&
                      json_node_get_value_type (node) != G_TYPE_STRING &&
                      json_node_get_value_type (node) != G_TYPE_BOOLEAN;
    out[i] = number ? json_node_get_double (node) : NAN;
    if (!(fabs (out[i]) <= 1e6)) {
      gonio_json_push (json, member);
      gonio_json_push_index (json, i);
      gonio_json_fail (json, "a number between -1e6 and 1e6 is expected here");
      gonio_json_pop (json);
      gonio_json_pop (json);
    }
  }
}

static void
read_input (GonioJson *json, JsonObject *root, GonioModelInput *input)
{
  static const char *const known[] = {"name",  "channels", "width", "height",   "resize", "pad",
                                      "range", "mean",     "std",   "polarity", NULL};
  static const char *const resizes[] = {"letterbox", "stretch", "crop", NULL};
  static const char *const polarities[] = {"any", "bone-white", "bone-black", NULL};
  JsonNode *node = gonio_json_member (json, root, "input", TRUE);
  gonio_json_push (json, "input");
  JsonObject *object = node != NULL ? gonio_json_object (json, node, known) : NULL;
  input->name = g_strdup (gonio_json_text (json, object, "name", TRUE));
  input->channels = (guint)gonio_json_integer (json, object, "channels", TRUE, 1, 1, 3);
  input->width = (guint)gonio_json_integer (json, object, "width", TRUE, 1, 8, 4096);
  input->height = (guint)gonio_json_integer (json, object, "height", TRUE, 1, 8, 4096);
  input->resize = (GonioResize)gonio_json_choice (json, object, "resize", TRUE, resizes, 0);
  input->pad = gonio_json_number (json, object, "pad", FALSE, 0, -1e3, 1e3);
  input->polarity =
      (GonioPolarity)gonio_json_choice (json, object, "polarity", FALSE, polarities, 0);
  input->range[1] = 1;
  if (gonio_json_member (json, object, "range", FALSE) != NULL)
    read_numbers (json, object, "range", 0, 2, input->range);
  read_numbers (json, object, "mean", 0, input->channels, input->mean);
  read_numbers (json, object, "std", 1, input->channels, input->std);
  if (gonio_json_ok (json) && input->channels == 2)
    gonio_json_fail (json, "channels: 1 or 3 are expected, not 2");
  if (gonio_json_ok (json) && !(input->range[0] < input->range[1]))
    gonio_json_fail (json, "range: black must be below white");
  for (guint i = 0; i < input->channels && i < 3; i++)
    if (gonio_json_ok (json) && !(fabs (input->std[i]) > 1e-9))
      gonio_json_fail (json, "std: 0 is not allowed");
  gonio_json_pop (json);
}

/* ---- outputs ---- */

typedef struct {
  const char *name;
  const char *fields[10]; /* besides kind, tensor, role */
} OutputRow;

static const OutputRow output_rows[] = {
    [GONIO_OUTPUT_HEATMAP] = {"heatmap", {"stride", "decode", "radius", "sigma_scale", "score"}},
    [GONIO_OUTPUT_SIMCC] = {"simcc", {"tensor_y", "bins", "activation", "radius", "sigma_scale"}},
    [GONIO_OUTPUT_POINTS] = {"points", {"units", "visibility", "activation", "sigma"}},
    [GONIO_OUTPUT_BACKWARD_MAP] = {"backward-map", {"nodes"}},
    [GONIO_OUTPUT_CORNERS] = {"corners", {"units"}},
    [GONIO_OUTPUT_LOGITS] = {"logits", {"labels", "activation"}},
};

static void
check_output_fields (GonioJson *json, JsonObject *object, GonioOutputKind kind)
{
  static const char *const common[] = {"kind", "tensor", "role"};
  g_autoptr (GPtrArray) known = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (common); i++)
    g_ptr_array_add (known, (gpointer)common[i]);
  for (guint i = 0; output_rows[kind].fields[i] != NULL; i++)
    g_ptr_array_add (known, (gpointer)output_rows[kind].fields[i]);
  g_ptr_array_add (known, NULL);
  gonio_json_check_fields (json, object, (const char *const *)known->pdata);
}

/* One number, or one per landmark. */
static void
read_sigma_scale (GonioJson *json, JsonObject *object, GonioModelOutput *o)
{
  JsonNode *node = gonio_json_member (json, object, "sigma_scale", FALSE);
  o->sigma_scale = 1;
  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node)) {
    o->sigma_scale = gonio_json_number (json, object, "sigma_scale", FALSE, 1, 0, 100);
    return;
  }
  o->n_sigma_scales = json_array_get_length (json_node_get_array (node));
  if (o->n_sigma_scales > GONIO_MODEL_MAX_LANDMARKS) {
    gonio_json_fail (json, "sigma_scale: more elements than landmarks");
    o->n_sigma_scales = 0;
    return;
  }
  o->sigma_scales = g_new0 (double, MAX (1, o->n_sigma_scales));
  read_numbers (json, object, "sigma_scale", 1, o->n_sigma_scales, o->sigma_scales);
  for (guint i = 0; i < o->n_sigma_scales; i++)
    if (!(o->sigma_scales[i] >= 0 && o->sigma_scales[i] <= 100))
      gonio_json_fail (json, "sigma_scale[%u]: a number from 0 to 100 is expected", i);
}

static void
read_output_fields (GonioJson *json, JsonObject *object, GonioModelOutput *o)
{
  static const char *const decodes[] = {"soft-argmax", "dark", "argmax", NULL};
  static const char *const scores[] = {"mass", "peak", NULL};
  static const char *const activations[] = {"none", "softmax", "sigmoid", NULL};
  static const char *const units[] = {"normalized", "px", NULL};
  static const char *const nodes[] = {"corners", "centers", NULL};
  o->activation = (GonioActivation)gonio_json_choice (
      json, object, "activation", FALSE, activations,
      o->kind == GONIO_OUTPUT_LOGITS ? GONIO_ACTIVATION_SOFTMAX : GONIO_ACTIVATION_NONE);
  read_sigma_scale (json, object, o);
  o->radius = (guint)gonio_json_integer (json, object, "radius", FALSE, 5, 1, 64);
  switch (o->kind) {
  case GONIO_OUTPUT_HEATMAP:
    o->stride = gonio_json_number (json, object, "stride", TRUE, 1, 0.25, 64);
    o->decode = (GonioHeatmapDecode)gonio_json_choice (json, object, "decode", TRUE, decodes, 0);
    o->score_mass = gonio_json_choice (json, object, "score", FALSE, scores,
                                       o->decode == GONIO_HEATMAP_SOFT_ARGMAX ? 0 : 1) == 0;
    break;
  case GONIO_OUTPUT_SIMCC:
    o->tensor_y = g_strdup (gonio_json_text (json, object, "tensor_y", TRUE));
    o->bins = gonio_json_number (json, object, "bins", TRUE, 1, 0.1, 64);
    break;
  case GONIO_OUTPUT_POINTS:
    o->visibility = gonio_json_boolean (json, object, "visibility", FALSE);
    o->sigma = gonio_json_number (json, object, "sigma", FALSE, 0, 0, 1e4);
    o->normalized = gonio_json_choice (json, object, "units", TRUE, units, 0) == 0;
    break;
  case GONIO_OUTPUT_CORNERS:
    o->normalized = gonio_json_choice (json, object, "units", TRUE, units, 0) == 0;
    break;
  case GONIO_OUTPUT_BACKWARD_MAP:
    o->corner_nodes = gonio_json_choice (json, object, "nodes", TRUE, nodes, 0) == 0;
    break;
  case GONIO_OUTPUT_LOGITS:
    o->labels = gonio_json_strv (json, object, "labels", TRUE, 1, GONIO_MODEL_MAX_LABELS);
    break;
  }
}

static void
read_output (GonioJson *json, JsonNode *node, GonioModelOutput *o)
{
  const char *names[G_N_ELEMENTS (output_rows) + 1] = {NULL};
  for (guint i = 0; i < G_N_ELEMENTS (output_rows); i++)
    names[i] = output_rows[i].name;
  JsonObject *object = gonio_json_object (json, node, NULL);
  int kind = gonio_json_choice (json, object, "kind", TRUE, names, -1);
  if (kind < 0)
    return;
  o->kind = (GonioOutputKind)kind;
  check_output_fields (json, object, o->kind);
  o->tensor = g_strdup (gonio_json_text (json, object, "tensor", TRUE));
  o->role = g_strdup (gonio_json_id (json, object, "role", FALSE, NULL));
  read_output_fields (json, object, o);
}

static void
read_acceptance (GonioJson *json, JsonObject *object, GonioManifest *m)
{
  m->present_threshold = gonio_json_number (json, object, "present_threshold", FALSE, 0.5, 0, 1);
  m->accept_confidence = gonio_json_number (json, object, "min_confidence", FALSE, 0.35, 0, 1);
  m->min_tilt = gonio_json_number (json, object, "min_tilt", FALSE, 20, 0, 90);
  m->partial = (guint)gonio_json_integer (json, object, "partial", FALSE, 0, 0, 1000);
  JsonArray *table =
      gonio_json_array (json, object, "confidence", FALSE, 2, GONIO_MODEL_MAX_CALIBRATION);
  if (table == NULL)
    return;
  m->n_calibration = json_array_get_length (table);
  m->calibration = g_malloc0_n (m->n_calibration, sizeof *m->calibration);
  for (guint i = 0; i < m->n_calibration; i++) {
    JsonNode *node = json_array_get_element (table, i);
    gboolean pair =
        JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 2;
    for (guint k = 0; pair && k < 2; k++) {
      JsonNode *value = json_array_get_element (json_node_get_array (node), k);
      pair = JSON_NODE_HOLDS_VALUE (value) && json_node_get_value_type (value) != G_TYPE_STRING;
      if (pair)
        m->calibration[i][k] = json_node_get_double (value);
    }
    const double *row = m->calibration[i];
    if (pair && row[0] >= 0 && row[0] <= 1 && row[1] >= 0 && row[1] <= 1 &&
        (i == 0 || row[0] > m->calibration[i - 1][0]))
      continue;
    gonio_json_fail (json,
                     "confidence[%u]: a pair [raw, chance] within 0..1 is expected, raw "
                     "ascending",
                     i);
  }
}

static void
read_outputs (GonioJson *json, JsonObject *root, GonioManifest *m)
{
  JsonNode *node = gonio_json_member (json, root, "output", TRUE);
  gonio_json_push (json, "output");
  if (node != NULL)
    read_output (json, node, &m->output);
  gonio_json_pop (json);
  JsonArray *extras = gonio_json_array (json, root, "extra", FALSE, 0, GONIO_MODEL_MAX_EXTRAS);
  gonio_json_push (json, "extra");
  for (guint i = 0; extras != NULL && i < json_array_get_length (extras); i++) {
    gonio_json_push_index (json, i);
    read_output (json, json_array_get_element (extras, i), &m->extras[m->n_extras++]);
    gonio_json_pop (json);
  }
  gonio_json_pop (json);
}

/* ---- landmarks ---- */

static int
landmark_index (const GonioManifest *m, const char *id)
{
  for (guint i = 0; i < m->n_landmarks; i++)
    if (g_str_equal (m->landmarks[i], id))
      return (int)i;
  return -1;
}

static void
read_landmarks (GonioJson *json, JsonObject *root, GonioManifest *m)
{
  gboolean wanted = m->task == GONIO_TASK_LANDMARKS;
  m->landmarks = gonio_json_strv (json, root, "landmarks", wanted, 1, GONIO_MODEL_MAX_LANDMARKS);
  if (m->landmarks == NULL)
    return;
  gonio_json_push (json, "landmarks");
  if (!wanted)
    gonio_json_fail (json, "only models of the task \"landmarks\" have landmarks");
  for (; m->landmarks[m->n_landmarks] != NULL; m->n_landmarks++)
    if (landmark_index (m, m->landmarks[m->n_landmarks]) >= 0)
      gonio_json_fail (json, "\"%s\" is listed twice", m->landmarks[m->n_landmarks]);
  gonio_json_pop (json);
  if (m->output.sigma_scales != NULL && m->output.n_sigma_scales != m->n_landmarks)
    gonio_json_fail (json, "output.sigma_scale: %u numbers for %u landmarks",
                     m->output.n_sigma_scales, m->n_landmarks);
}

/* Landmark indices of an array of ids; NULL after an error. */
static guint *
read_indices (GonioJson *json, const GonioManifest *m, JsonNode *node, guint min, guint max,
              guint *out_n)
{
  JsonArray *array =
      node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n = array != NULL ? json_array_get_length (array) : 0;
  if (array == NULL || n < min || n > max) {
    gonio_json_fail (json, "an array of %u to %u landmark ids is expected here", min, max);
    return NULL;
  }
  g_autofree guint *indices = g_new0 (guint, n);
  for (guint i = 0; i < n; i++) {
    JsonNode *element = json_array_get_element (array, i);
    gboolean text =
        JSON_NODE_HOLDS_VALUE (element) && json_node_get_value_type (element) == G_TYPE_STRING;
    int index = text ? landmark_index (m, json_node_get_string (element)) : -1;
    if (index < 0) {
      gonio_json_push_index (json, i);
      gonio_json_fail (json, "\"%s\" is not one of the landmarks",
                       text ? json_node_get_string (element) : "?");
      gonio_json_pop (json);
      return NULL;
    }
    indices[i] = (guint)index;
  }
  *out_n = n;
  return g_steal_pointer (&indices);
}

static void
read_flip_pairs (GonioJson *json, JsonObject *root, GonioManifest *m)
{
  JsonArray *array =
      gonio_json_array (json, root, "flip_pairs", FALSE, 0, GONIO_MODEL_MAX_LANDMARKS / 2);
  if (array == NULL || json_array_get_length (array) == 0)
    return;
  m->flip_pairs = g_malloc0_n (json_array_get_length (array), sizeof *m->flip_pairs);
  gonio_json_push (json, "flip_pairs");
  for (guint i = 0; i < json_array_get_length (array); i++) {
    guint n = 0;
    gonio_json_push_index (json, i);
    g_autofree guint *pair = read_indices (json, m, json_array_get_element (array, i), 2, 2, &n);
    gonio_json_pop (json);
    if (pair == NULL)
      break;
    memcpy (m->flip_pairs[m->n_flip_pairs++], pair, sizeof *m->flip_pairs);
  }
  gonio_json_pop (json);
}

static void
read_refine (GonioJson *json, JsonObject *root, GonioManifest *m)
{
  static const char *const known[] = {"groups", "extent",   "passes", "min_confidence",
                                      "floor",  "mirrored", NULL};
  JsonNode *node = gonio_json_member (json, root, "refine", FALSE);
  if (node == NULL)
    return;
  gonio_json_push (json, "refine");
  JsonObject *object = gonio_json_object (json, node, known);
  GonioModelRefine *r = &m->refine;
  r->extent = gonio_json_number (json, object, "extent", TRUE, 1.5, 1, 20);
  r->floor = gonio_json_number (json, object, "floor", FALSE, 0.12, 0, 1);
  r->min_confidence = gonio_json_number (json, object, "min_confidence", FALSE, 0.2, 0, 1);
  r->mirrored = gonio_json_boolean (json, object, "mirrored", FALSE);
  r->passes =
      (guint)gonio_json_integer (json, object, "passes", TRUE, 1, 0, GONIO_MODEL_MAX_PASSES);
  JsonArray *groups = gonio_json_array (json, object, "groups", TRUE, 1, GONIO_MODEL_MAX_GROUPS);
  guint n = groups != NULL ? json_array_get_length (groups) : 0;
  r->groups = g_new0 (guint *, MAX (1, n));
  r->group_sizes = g_new0 (guint, MAX (1, n));
  gonio_json_push (json, "groups");
  for (guint i = 0; i < n; i++) {
    gonio_json_push_index (json, i);
    r->groups[i] = read_indices (json, m, json_array_get_element (groups, i), 1, m->n_landmarks,
                                 &r->group_sizes[i]);
    gonio_json_pop (json);
    r->n_groups = i + 1;
  }
  gonio_json_pop (json);
  gonio_json_pop (json);
}

/* ---- the whole file ---- */

/* The ONNX file lies beside the manifest: a bare name. */
static void
read_file (GonioJson *json, JsonObject *root, const char *folder, GonioManifest *m)
{
  const char *file = gonio_json_text (json, root, "file", TRUE);
  if (file != NULL && (strchr (file, '/') != NULL || strchr (file, '\\') != NULL ||
                       file[0] == '.' || !g_str_has_suffix (file, ".onnx"))) {
    gonio_json_push (json, "file");
    gonio_json_fail (json, "the bare name of an .onnx file beside the manifest is expected here");
    gonio_json_pop (json);
  }
  if (file != NULL)
    m->model_path = g_build_filename (folder, file, NULL);
  m->size = gonio_json_integer (json, root, "size", TRUE, 0, 1, (gint64)4 << 30);
  const char *sha = gonio_json_text (json, root, "sha256", TRUE);
  if (sha != NULL && (strlen (sha) != 64 || strspn (sha, "0123456789abcdefABCDEF") != 64)) {
    gonio_json_push (json, "sha256");
    gonio_json_fail (json, "64 hexadecimal digits are expected here");
    gonio_json_pop (json);
  }
  if (sha != NULL)
    m->sha256 = g_ascii_strdown (sha, -1);
}

static const GonioOutputKind task_outputs[][4] = {
    [GONIO_TASK_DEWARP] = {GONIO_OUTPUT_BACKWARD_MAP, GONIO_OUTPUT_CORNERS, -1},
    [GONIO_TASK_LANDMARKS] = {GONIO_OUTPUT_HEATMAP, GONIO_OUTPUT_SIMCC, GONIO_OUTPUT_POINTS, -1},
    [GONIO_TASK_CLASSIFY_VIEW] = {GONIO_OUTPUT_LOGITS, -1},
};

static void
check_task (GonioJson *json, const GonioManifest *m)
{
  if (!gonio_json_ok (json))
    return;
  for (const GonioOutputKind *kind = task_outputs[m->task]; (int)*kind >= 0; kind++)
    if (*kind == m->output.kind)
      return;
  gonio_json_fail (json, "output.kind: a model of the task \"%s\" cannot answer by \"%s\"",
                   task_names[m->task], output_rows[m->output.kind].name);
}

static void
read_root (GonioJson *json, const char *folder, GonioManifest *m)
{
  static const char *const known[] = {"format",         "id",         "version",
                                      "task",           "file",       "size",
                                      "sha256",         "license",    "attribution",
                                      "intended_use",   "training",   "metrics",
                                      "input",          "output",     "extra",
                                      "landmarks",      "flip_pairs", "views",
                                      "canonical_side", "refine",     "present_threshold",
                                      "min_confidence", "partial",    "confidence",
                                      "min_tilt",       NULL};
  JsonObject *root = gonio_json_object (json, gonio_json_root (json), known);
  gonio_json_integer (json, root, "format", TRUE, 1, 1, 1);
  m->id = g_strdup (gonio_json_id (json, root, "id", TRUE, NULL));
  m->version = g_strdup (gonio_json_id (json, root, "version", TRUE, NULL));
  m->task = (GonioModelTask)gonio_json_choice (json, root, "task", TRUE, task_names, 0);
  read_file (json, root, folder, m);
  m->license = g_strdup (gonio_json_text (json, root, "license", TRUE));
  m->attribution = g_strdup (gonio_json_text (json, root, "attribution", FALSE));
  m->intended_use = g_strdup (gonio_json_text (json, root, "intended_use", FALSE));
  m->training = g_strdup (gonio_json_text (json, root, "training", FALSE));
  read_input (json, root, &m->input);
  read_outputs (json, root, m);
  read_acceptance (json, root, m);
  check_task (json, m);
  read_landmarks (json, root, m);
  read_flip_pairs (json, root, m);
  m->views = gonio_json_strv (json, root, "views", m->task == GONIO_TASK_LANDMARKS, 1, 64);
  read_refine (json, root, m);
}

static void
output_clear (GonioModelOutput *o)
{
  g_free (o->tensor);
  g_free (o->tensor_y);
  g_free (o->sigma_scales);
  g_strfreev (o->labels);
  g_free (o->role);
}

GonioManifest *
gonio_manifest_ref (GonioManifest *manifest)
{
  g_atomic_ref_count_inc (&manifest->refs);
  return manifest;
}

void
gonio_manifest_unref (GonioManifest *m)
{
  if (m == NULL || !g_atomic_ref_count_dec (&m->refs))
    return;
  g_free (m->path);
  g_free (m->model_path);
  g_free (m->id);
  g_free (m->version);
  g_free (m->sha256);
  g_free (m->license);
  g_free (m->attribution);
  g_free (m->intended_use);
  g_free (m->training);
  g_free (m->input.name);
  output_clear (&m->output);
  for (guint i = 0; i < m->n_extras; i++)
    output_clear (&m->extras[i]);
  g_strfreev (m->landmarks);
  g_free (m->flip_pairs);
  g_strfreev (m->views);
  for (guint i = 0; i < m->refine.n_groups; i++)
    g_free (m->refine.groups[i]);
  g_free (m->refine.groups);
  g_free (m->refine.group_sizes);
  g_free (m->calibration);
  g_free (m);
}

static GonioManifest *
load (GonioJson *json, const char *path, const char *folder, GError **error)
{
  GonioManifest *m = g_new0 (GonioManifest, 1);
  g_atomic_ref_count_init (&m->refs);
  m->path = g_strdup (path);
  read_root (json, folder, m);
  if (gonio_json_finish (json, error))
    return m;
  gonio_manifest_unref (m);
  return NULL;
}

GonioManifest *
gonio_manifest_load (const char *path, GError **error)
{
  g_autoptr (GonioJson) json =
      gonio_json_new_from_file (path, 0, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_MANIFEST, error);
  g_autofree char *folder = g_path_get_dirname (path);
  return json != NULL ? load (json, path, folder, error) : NULL;
}

GonioManifest *
gonio_manifest_load_bytes (GBytes *bytes, const char *name, const char *folder, GError **error)
{
  g_autoptr (GonioJson) json = gonio_json_new_from_bytes (bytes, name, 0, GONIO_MODEL_ERROR,
                                                          GONIO_MODEL_ERROR_MANIFEST, error);
  return json != NULL ? load (json, name, folder, error) : NULL;
}

const GonioModelOutput *
gonio_manifest_extra (const GonioManifest *manifest, const char *role)
{
  for (guint i = 0; i < manifest->n_extras; i++)
    if (g_strcmp0 (manifest->extras[i].role, role) == 0)
      return &manifest->extras[i];
  return NULL;
}

double
gonio_manifest_calibrate (const GonioManifest *m, double raw)
{
  raw = isfinite (raw) ? CLAMP (raw, 0, 1) : 0;
  if (m->n_calibration < 2)
    return raw;
  if (raw <= m->calibration[0][0])
    return m->calibration[0][1];
  for (guint i = 1; i < m->n_calibration; i++) {
    const double *a = m->calibration[i - 1], *b = m->calibration[i];
    if (raw <= b[0])
      return a[1] + (b[1] - a[1]) * (raw - a[0]) / (b[0] - a[0]);
  }
  return m->calibration[m->n_calibration - 1][1];
}
