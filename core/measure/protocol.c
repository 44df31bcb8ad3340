/* What a protocol says about itself. Depends on measure/protocol-private.h. */
#include "core/measure/protocol-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

const char *
gonio_text_language (void)
{
  /* Translators: replace by the code of your language, for example "ko". */
  return _ ("en");
}

const char *
gonio_text_get (const GonioText *text, const char *lang)
{
  if (text == NULL)
    return NULL;
  GHashTable *table = (GHashTable *)text;
  const char *found = lang != NULL ? g_hash_table_lookup (table, lang) : NULL;
  if (found == NULL && lang != NULL) {
    g_autofree char *base = g_strndup (lang, strcspn (lang, "_-.@"));
    found = g_hash_table_lookup (table, base);
  }
  return found != NULL ? found : g_hash_table_lookup (table, "en");
}

GonioProtocol *
gonio_protocol_ref (GonioProtocol *protocol)
{
  g_atomic_ref_count_inc (&protocol->refs);
  return protocol;
}

void
gonio_protocol_unref (GonioProtocol *protocol)
{
  if (protocol == NULL || !g_atomic_ref_count_dec (&protocol->refs))
    return;
  g_free (protocol->id);
  g_free (protocol->version);
  g_free (protocol->view);
  g_clear_pointer (&protocol->title, g_hash_table_unref);
  g_array_unref (protocol->nodes);
  g_array_unref (protocol->measures);
  g_free (protocol->order);
  g_free (protocol);
}

const char *
gonio_protocol_id (const GonioProtocol *protocol)
{
  return protocol->id;
}

const char *
gonio_protocol_version (const GonioProtocol *protocol)
{
  return protocol->version;
}

const char *
gonio_protocol_view (const GonioProtocol *protocol)
{
  return protocol->view;
}

gboolean
gonio_protocol_has_both_sides (const GonioProtocol *protocol)
{
  return protocol->both_sides;
}

const char *
gonio_protocol_title (const GonioProtocol *protocol, const char *lang)
{
  return gonio_text_get (protocol->title, lang);
}

guint
gonio_protocol_n_landmarks (const GonioProtocol *protocol)
{
  return protocol->n_landmarks;
}

GonioLandmarkText
gonio_protocol_landmark (const GonioProtocol *protocol, guint i, const char *lang)
{
  g_return_val_if_fail (i < protocol->n_landmarks, (GonioLandmarkText){0});
  const GonioElement *node = gonio_protocol_element (protocol, (int)i);
  return (GonioLandmarkText){.id = node->id,
                             .name = gonio_text_get (node->name, lang),
                             .where = gonio_text_get (node->where, lang),
                             .side = node->side};
}

int
gonio_protocol_find_landmark (const GonioProtocol *protocol, const char *id)
{
  for (guint i = 0; i < protocol->n_landmarks; i++)
    if (g_str_equal (gonio_protocol_element (protocol, (int)i)->id, id))
      return (int)i;
  return -1;
}

gboolean
gonio_protocol_construction (const GonioProtocol *protocol, const char *id, const char *lang,
                             GonioConstructionText *out_text)
{
  for (guint i = protocol->n_landmarks; i < protocol->nodes->len; i++) {
    const GonioElement *node = gonio_protocol_element (protocol, (int)i);
    if (g_str_equal (node->id, id)) {
      *out_text =
          (GonioConstructionText){.id = node->id, .name = gonio_text_get (node->name, lang)};
      return TRUE;
    }
  }
  return FALSE;
}

guint
gonio_protocol_n_measures (const GonioProtocol *protocol)
{
  return protocol->measures->len;
}

static const char *
direction_name (GonioDirection direction)
{
  static const char *const names[] = {
      [GONIO_DIRECTION_DISTAL] = "distal",
      [GONIO_DIRECTION_LATERAL] = "lateral",
      [GONIO_DIRECTION_PROXIMAL] = "proximal",
      [GONIO_DIRECTION_MEDIAL] = "medial",
  };
  return direction == GONIO_DIRECTION_NONE ? NULL : names[direction];
}

GonioMeasureText
gonio_protocol_measure (const GonioProtocol *protocol, guint i, const char *lang)
{
  g_return_val_if_fail (i < protocol->measures->len, (GonioMeasureText){0});
  const GonioMeasure *m = gonio_protocol_row (protocol, i);
  return (GonioMeasureText){.id = m->id,
                            .abbreviation = m->abbreviation,
                            .name = gonio_text_get (m->name, lang),
                            .definition = gonio_text_get (m->definition, lang),
                            .unit = m->unit,
                            .side = m->side,
                            .decimals = m->decimals,
                            .step = m->step,
                            .reference_low = m->reference_low,
                            .reference_high = m->reference_high,
                            .reference_source = m->reference_source,
                            .human_error = m->human_error,
                            .human_error_source = m->human_error_source,
                            .reliability = m->reliability,
                            .reliability_note = gonio_text_get (m->reliability_note, lang),
                            .axis_low = m->axis_low,
                            .axis_high = m->axis_high,
                            .positive = direction_name (m->positive)};
}

int
gonio_protocol_find_measure (const GonioProtocol *protocol, const char *id)
{
  for (guint i = 0; i < protocol->measures->len; i++)
    if (g_str_equal (gonio_protocol_row (protocol, i)->id, id))
      return (int)i;
  return -1;
}

guint
gonio_protocol_n_grades (const GonioProtocol *protocol, guint measure)
{
  g_return_val_if_fail (measure < protocol->measures->len, 0);
  return gonio_protocol_row (protocol, measure)->grades->len;
}

GonioGradeText
gonio_protocol_grade (const GonioProtocol *protocol, guint measure, guint i, const char *lang)
{
  g_return_val_if_fail (i < gonio_protocol_n_grades (protocol, measure), (GonioGradeText){0});
  const GonioGrade *grade =
      &g_array_index (gonio_protocol_row (protocol, measure)->grades, GonioGrade, i);
  return (GonioGradeText){.id = grade->id,
                          .label = gonio_text_get (grade->label, lang),
                          .low = grade->low,
                          .high = grade->high,
                          .severity = grade->severity};
}

const char *const *
gonio_protocol_measure_landmarks (const GonioProtocol *protocol, guint measure)
{
  g_return_val_if_fail (measure < protocol->measures->len, NULL);
  return (const char *const *)gonio_protocol_row (protocol, measure)->landmarks;
}
