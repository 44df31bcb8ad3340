/* Which view a picture shows: by its tags and by a classifier. Depends on find.h. */
#include "core/pipeline/find.h"

#include "core/base/error.h"

#include <string.h>

/* ---- classifier ---- */

/* Labels in order of their probability. */
static void
sort_labels (const GonioModelOutput *output, const double *p, const char **labels, double *sorted)
{
  guint n = g_strv_length (output->labels);
  for (guint i = 0; i < n; i++) {
    guint k = i;
    for (; k > 0 && sorted[k - 1] < p[i]; k--) {
      sorted[k] = sorted[k - 1];
      labels[k] = labels[k - 1];
    }
    sorted[k] = p[i];
    labels[k] = output->labels[i];
  }
}

gboolean
gonio_classify_view (GonioModel *model, const GonioSessionOptions *options,
                     const GonioModelLook *look, int quarter_turns, GCancellable *cancellable,
                     GonioViewGuess *out, GError **error)
{
  const GonioManifest *m = gonio_model_manifest (model);
  g_autoptr (GonioTransform) frame = gonio_model_frame_turned (
      m, gonio_image_width (look->image), gonio_image_height (look->image), quarter_turns, error);
  g_autoptr (GonioTensor) input =
      frame != NULL ? gonio_model_make_input (m, look, frame, error) : NULL;
  g_auto (GonioModelOutputs) outputs = {0};
  if (input == NULL || !gonio_model_run (model, options, input, &outputs, cancellable, error))
    return FALSE;
  const GonioTensor *tensor = gonio_model_outputs_get (&outputs, m->output.tensor);
  double p[GONIO_MODEL_MAX_LABELS] = {0};
  if (tensor == NULL || !gonio_decode_logits (&m->output, tensor, p, error))
    return tensor != NULL ? FALSE : gonio_decode_fail (&m->output, error, "it is missing");
  GonioViewGuess guess = {.n = g_strv_length (m->output.labels)};
  sort_labels (&m->output, p, guess.views, guess.probabilities);
  const GonioModelOutput *side = gonio_manifest_extra (m, "side");
  if (side != NULL) {
    tensor = gonio_model_outputs_get (&outputs, side->tensor);
    if (tensor == NULL || !gonio_decode_logits (side, tensor, p, error))
      return tensor != NULL ? FALSE : gonio_decode_fail (side, error, "it is missing");
    const char *labels[GONIO_MODEL_MAX_LABELS] = {NULL};
    double sorted[GONIO_MODEL_MAX_LABELS] = {0};
    sort_labels (side, p, labels, sorted);
    guess.side = labels[0];
    guess.side_probability = sorted[0];
  }
  *out = guess;
  return TRUE;
}

double
gonio_view_probability (const GonioViewGuess *guess, const char *view)
{
  for (guint i = 0; i < guess->n; i++)
    if (g_str_equal (guess->views[i], view))
      return guess->probabilities[i];
  return 0;
}

/* ---- tags ---- */

/* DICOM Body Part Examined (PS3.16 annex L) and what manufacturers write instead. Rows are
 * tried in order; a row fits when its word begins the tag. */
static const struct {
  const char *word, *view;
} parts[] = {
    {"FOOT", "foot-dp"},
    {"TOE", "foot-dp"},
    {"FOREFOOT", "foot-dp"},
    {"PELVIS", "pelvis-ap"},
    {"HIP", "pelvis-ap"},
    {"LOWER LIMB", "leg-ap"},
    {"LOWER EXTREMITY", "leg-ap"},
    {"LEG", "leg-ap"},
    {"FULL LEG", "leg-ap"},
    {"LOWERLIMB", "leg-ap"},
    {"CHEST", "other"},
    {"THORAX", "other"},
    {"HAND", "other"},
    {"WRIST", "other"},
    {"FINGER", "other"},
    {"THUMB", "other"},
    {"ELBOW", "other"},
    {"SHOULDER", "other"},
    {"HUMERUS", "other"},
    {"FOREARM", "other"},
    {"SKULL", "other"},
    {"HEAD", "other"},
    {"CSPINE", "other"},
    {"TSPINE", "other"},
    {"LSPINE", "other"},
    {"SPINE", "other"},
    {"BREAST", "other"},
    {"ABDOMEN", "other"},
    {"RIB", "other"},
    {"CLAVICLE", "other"},
    {"SCAPULA", "other"},
    {"JAW", "other"},
    {"NECK", "other"},
    {"HEART", "other"},
    {"STERNUM", "other"},
};

static gboolean
is_lateral (const char *view_position, const char *meaning)
{
  static const char *const lateral[] = {"LL", "RL", "LAT", "LATERAL", "RLD", "LLD", "LLO", "RLO"};
  for (guint i = 0; view_position != NULL && i < G_N_ELEMENTS (lateral); i++)
    if (g_ascii_strcasecmp (view_position, lateral[i]) == 0)
      return TRUE;
  if (meaning == NULL)
    return FALSE;
  g_autofree char *lower = g_ascii_strdown (meaning, -1);
  return strstr (lower, "lateral") != NULL && strstr (lower, "bilateral") == NULL;
}

const char *
gonio_view_from_tags (const GonioImageInfo *info, const char **out_words)
{
  if (info->body_part == NULL)
    return NULL;
  g_autofree char *part = g_ascii_strup (info->body_part, -1);
  g_strstrip (part);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    if (!g_str_has_prefix (part, parts[i].word))
      continue;
    gboolean other = g_str_equal (parts[i].view, "other");
    gboolean lateral = !other && is_lateral (info->view_position, info->view_code_meaning);
    if (out_words != NULL)
      *out_words = lateral && info->view_position != NULL ? info->view_position : info->body_part;
    return lateral ? "other" : parts[i].view;
  }
  return NULL;
}
