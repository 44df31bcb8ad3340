/* What a reader ought to know about a measured result, in words; again after every edit.
 * Depends on pipeline.h, rectify.h. */
#include "core/pipeline/pipeline.h"
#include "core/pipeline/rectify.h"

#include <glib/gi18n-lib.h>
#include <math.h>

static void
reason_landmarks (GonioResult *r)
{
  guint missing = 0, low = 0, skipped = 0;
  gboolean looked = FALSE; /* did a model look for them? */
  for (guint i = 0; i < r->landmarks->len; i++) {
    const GonioLandmark *landmark = r->landmarks->pdata[i];
    GonioConfidence level = gonio_landmark_level (landmark);
    looked = looked || isfinite (landmark->proposed.x);
    skipped += landmark->skipped;
    missing += level == GONIO_CONFIDENCE_NONE && !landmark->skipped;
    low += level == GONIO_CONFIDENCE_LOW;
  }
  if (low > 0) {
    g_autofree char *words =
        g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u landmark is uncertain",
                                      "%u landmarks are uncertain", low),
                         low);
    gonio_result_add_reason (r, words);
  }
  if (missing > 0) {
    g_autofree char *words =
        looked ? g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u landmark was not found",
                                               "%u landmarks were not found", missing),
                                  missing)
               : g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u landmark is not placed yet",
                                               "%u landmarks are not placed yet", missing),
                                  missing);
    gonio_result_add_reason (r, words);
  }
  if (skipped > 0) {
    g_autofree char *words =
        g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u landmark was left out by you",
                                      "%u landmarks were left out by you", skipped),
                         skipped);
    gonio_result_add_reason (r, words);
  }
}

/* ", HVA" or ", LCEA left"; a measure that the protocol does not have is left out. */
static void
append_name (GString *names, const GonioProtocol *protocol, const GonioMeasurement *m)
{
  int row = gonio_protocol_find_measure (protocol, m->id);
  if (row < 0)
    return;
  GonioMeasureText text = gonio_protocol_measure (protocol, (guint)row, gonio_text_language ());
  const char *side = m->side == GONIO_SIDE_RIGHT  ? _ ("right")
                     : m->side == GONIO_SIDE_LEFT ? _ ("left")
                                                  : NULL;
  g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", text.abbreviation);
  if (side != NULL && gonio_protocol_has_both_sides (protocol))
    g_string_append_printf (names, " %s", side);
}

static void
reason_values (GonioResult *r, const GonioProtocol *protocol)
{
  g_autoptr (GString) outside = g_string_new (NULL);
  for (guint i = 0; i < r->measures->len; i++) {
    const GonioMeasurement *m = r->measures->pdata[i];
    gboolean judged =
        m->grade != NULL || isfinite (m->reference_low) || isfinite (m->reference_high);
    if (m->valid && judged && !m->in_reference)
      append_name (outside, protocol, m);
  }
  if (outside->len > 0) {
    g_autofree char *words = g_strdup_printf (_ ("outside the reference range: %s"), outside->str);
    gonio_result_add_reason (r, words);
  }
}

static gboolean
any_valid (const GonioResult *r)
{
  for (guint i = 0; i < r->measures->len; i++)
    if (((const GonioMeasurement *)r->measures->pdata[i])->valid)
      return TRUE;
  return FALSE;
}

/* Is any landmark of that side found? A film of one leg has nothing to say about the other. */
static gboolean
shows_side (const GonioResult *r, GonioSide side)
{
  const char *suffix = side == GONIO_SIDE_RIGHT ? "_r" : "_l";
  for (guint i = 0; i < r->landmarks->len; i++) {
    const GonioLandmark *l = r->landmarks->pdata[i];
    if (g_str_has_suffix (l->id, suffix) && gonio_landmark_level (l) != GONIO_CONFIDENCE_NONE)
      return TRUE;
  }
  return FALSE;
}

/* Which measures lack landmarks, where others were taken. */
static void
reason_incomplete (GonioResult *r, const GonioProtocol *protocol)
{
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint i = 0; i < r->measures->len; i++) {
    const GonioMeasurement *m = r->measures->pdata[i];
    gboolean one_side = gonio_protocol_has_both_sides (protocol) &&
                        (m->side == GONIO_SIDE_RIGHT || m->side == GONIO_SIDE_LEFT);
    if (m->missing != NULL && !m->valid && (!one_side || shows_side (r, m->side)))
      append_name (names, protocol, m);
  }
  if (names->len == 0)
    return;
  g_autofree char *words =
      g_strdup_printf (_ ("not measured for want of landmarks: %s"), names->str);
  gonio_result_add_reason (r, words);
}

static void
reason_rectification (GonioResult *r)
{
  const GonioRectification *info = &r->rectification;
  if (info->doubtful)
    gonio_result_add_reason (r, info->reason != NULL ? info->reason
                                                     : _ ("the rectification is doubtful"));
  gboolean tilted = g_str_equal (info->kind, "none") || g_str_equal (info->kind, "crop");
  if (tilted && info->tilt_deg > GONIO_TILT_WARN) {
    g_autofree char *words = g_strdup_printf (
        _ ("the camera was tilted by %.0f degrees and the picture is not rectified"),
        info->tilt_deg);
    gonio_result_add_reason (r, words);
  }
}

void
gonio_pipeline_output_add_reasons (GonioPipelineOutput *output)
{
  GonioResult *r = output->result;
  if (output->protocol == NULL) {
    reason_rectification (r);
    return;
  }
  if (r->side == GONIO_SIDE_UNKNOWN)
    gonio_result_add_reason (r, _ ("the side is not known"));
  g_autofree char *side = gonio_protocol_check_side (output->protocol, r, output->to_flat);
  if (side != NULL)
    gonio_result_add_reason (r, side);
  reason_rectification (r);
  reason_landmarks (r);
  gboolean any = any_valid (r);
  if (any)
    reason_incomplete (r, output->protocol);
  reason_values (r, output->protocol);
  gonio_result_set_refusal (r, any ? NULL : GONIO_REFUSAL_NO_MEASURE);
}

GonioResultState
gonio_pipeline_output_judge (const GonioPipelineOutput *output)
{
  const GonioResult *r = output->result;
  if (output->protocol != NULL && any_valid (r))
    return GONIO_STATE_TO_CHECK;
  return GONIO_STATE_NO_ANSWER; /* until something was measured */
}
