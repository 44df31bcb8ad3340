/* Measures a result's landmarks by a protocol. Depends on protocol-private.h, result.h,
 * imaging/transform.h. */
#include "core/base/error.h"
#include "core/measure/protocol-private.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

/* ---- values ---- */

void
gonio_evaluation_place (GonioEvaluation *e, guint i)
{
  GonioFigure *value = &e->values[i];
  *value = (GonioFigure){.state = GONIO_FIGURE_MISSING, .node = (int)i};
  GonioPoint p = e->original[i];
  if (!e->present[i] || !gonio_point_is_finite (p))
    return;
  if (e->to_flat != NULL && !gonio_transform_forward (e->to_flat, p, &p)) {
    value->state = GONIO_FIGURE_OUTSIDE;
    return;
  }
  value->state = GONIO_FIGURE_OK;
  value->p[0] = value->p[1] = (GonioPoint){p.x, p.y * e->scale_y};
}

/* Sense in which a measure counts positive: +1 clockwise on the screen, -1, or 0 unknown. */
static int
sense (const GonioEvaluation *e, const GonioMeasure *m)
{
  int own = e->chirality[m->frame == GONIO_SIDE_LEFT ? 1 : 0];
  int other = e->chirality[m->frame == GONIO_SIDE_LEFT ? 0 : 1];
  int chirality = own != 0 ? own : e->protocol->both_sides ? -other : 0;
  int turn = (m->positive - gonio_protocol_element (e->protocol, m->lines[0])->direction + 4) % 4;
  return turn == 1 ? chirality : -chirality;
}

static char *
name_of (const GonioElement *node)
{
  const char *name = gonio_text_get (node->name, gonio_text_language ());
  return g_strdup (name != NULL ? name : node->id);
}

static char *
value_problem (const GonioEvaluation *e, const GonioFigure *value)
{
  g_autofree char *name = name_of (gonio_protocol_element (e->protocol, value->node));
  switch (value->state) {
  case GONIO_FIGURE_MISSING:
    return g_strdup_printf (_ ("landmark not found: %s"), name);
  case GONIO_FIGURE_OUTSIDE:
    return g_strdup_printf (_ ("landmark outside the rectified picture: %s"), name);
  case GONIO_FIGURE_DEGENERATE:
    return g_strdup_printf (_ ("points too close together to give a line: %s"), name);
  case GONIO_FIGURE_OK:
    break;
  }
  return NULL;
}

static gboolean
refuse (char **out_problem, const char *problem)
{
  if (out_problem != NULL)
    *out_problem = g_strdup (problem);
  return FALSE;
}

/* First operand without a value, or NULL. */
static const GonioFigure *
broken_operand (const GonioEvaluation *e, const GonioMeasure *m)
{
  for (guint i = 0; i < 2; i++)
    if (m->lines[i] >= 0 && e->values[m->lines[i]].state != GONIO_FIGURE_OK)
      return &e->values[m->lines[i]];
  for (guint i = 0; i < m->n_points; i++)
    if (e->values[m->points[i]].state != GONIO_FIGURE_OK)
      return &e->values[m->points[i]];
  return NULL;
}

static GonioPoint
run_of (const GonioEvaluation *e, int line)
{
  return gonio_point_sub (e->values[line].p[1], e->values[line].p[0]);
}

static gboolean
angle_value (const GonioEvaluation *e, const GonioMeasure *m, double *out, char **out_problem)
{
  double turn = gonio_angle_signed (run_of (e, m->lines[0]), run_of (e, m->lines[1]));
  if (m->positive == GONIO_DIRECTION_NONE) {
    *out = m->offset + fabs (turn);
    return TRUE;
  }
  int s = sense (e, m);
  if (s == 0)
    return refuse (out_problem, _ ("the side is not known, so the sign is not either"));
  *out = m->offset + gonio_angle_wrap (s * turn);
  return TRUE;
}

static gboolean
vertex_value (const GonioEvaluation *e, const GonioMeasure *m, double *out, char **out_problem)
{
  GonioPoint at = e->values[m->points[1]].p[0];
  GonioPoint u = gonio_point_sub (e->values[m->points[0]].p[0], at);
  GonioPoint v = gonio_point_sub (e->values[m->points[2]].p[0], at);
  if (!(gonio_point_length (u) > GONIO_GEOMETRY_MIN_LENGTH) ||
      !(gonio_point_length (v) > GONIO_GEOMETRY_MIN_LENGTH))
    return refuse (out_problem, _ ("points too close together to give an angle"));
  *out = fabs (gonio_angle_signed (u, v));
  return TRUE;
}

static gboolean
distance_value (const GonioEvaluation *e, const GonioMeasure *m, double *out, char **out_problem)
{
  if (isnan (e->mm))
    return refuse (out_problem, e->no_mm);
  GonioPoint from = e->values[m->points[0]].p[0];
  if (m->lines[0] < 0) {
    *out = e->mm * gonio_point_distance (from, e->values[m->points[1]].p[0]);
    return TRUE;
  }
  GonioPoint foot = from;
  if (!gonio_line_foot (e->values[m->lines[0]].p, from, &foot))
    return refuse (out_problem, _ ("points too close together to give a line"));
  double length = e->mm * gonio_point_distance (from, foot);
  if (m->positive == GONIO_DIRECTION_NONE) {
    *out = length;
    return TRUE;
  }
  int s = sense (e, m);
  if (s == 0)
    return refuse (out_problem, _ ("the side is not known, so the sign is not either"));
  double cross = gonio_point_cross (run_of (e, m->lines[0]), gonio_point_sub (foot, from));
  *out = copysign (length, s * cross);
  return TRUE;
}

static gboolean
ratio_value (const GonioEvaluation *e, const GonioMeasure *m, double *out, char **out_problem)
{
  double part = gonio_point_distance (e->values[m->points[0]].p[0], e->values[m->points[1]].p[0]);
  double whole = gonio_point_distance (e->values[m->points[2]].p[0], e->values[m->points[3]].p[0]);
  if (!(whole > GONIO_GEOMETRY_MIN_LENGTH))
    return refuse (out_problem, _ ("points too close together to give a ratio"));
  *out = part / whole;
  return TRUE;
}

gboolean
gonio_evaluation_value (const GonioEvaluation *e, guint measure, double *out_value,
                        char **out_problem)
{
  const GonioMeasure *m = gonio_protocol_row (e->protocol, measure);
  const GonioFigure *broken = broken_operand (e, m);
  if (broken != NULL) {
    if (out_problem != NULL)
      *out_problem = value_problem (e, broken);
    return FALSE;
  }
  double value = NAN, parts[2] = {0, 0};
  gboolean good = FALSE;
  switch (m->kind) {
  case GONIO_MEASURE_ANGLE:
    good = angle_value (e, m, &value, out_problem);
    break;
  case GONIO_MEASURE_ANGLE_AT_VERTEX:
    good = vertex_value (e, m, &value, out_problem);
    break;
  case GONIO_MEASURE_DISTANCE:
    good = distance_value (e, m, &value, out_problem);
    break;
  case GONIO_MEASURE_RATIO:
    good = ratio_value (e, m, &value, out_problem);
    break;
  case GONIO_MEASURE_DIFFERENCE:
    good = gonio_evaluation_value (e, (guint)m->of[0], &parts[0], out_problem) &&
           gonio_evaluation_value (e, (guint)m->of[1], &parts[1], out_problem);
    value = parts[0] - parts[1];
    break;
  }
  if (!good)
    return FALSE;
  if (!isfinite (value))
    return refuse (out_problem, _ ("the points give no finite value"));
  *out_value = value;
  return TRUE;
}

gboolean
gonio_evaluation_geometry (const GonioEvaluation *e, guint measure, GonioPoint out_a[2],
                           GonioPoint out_b[2], gboolean *out_has_b)
{
  const GonioMeasure *m = gonio_protocol_row (e->protocol, measure);
  if (m->kind == GONIO_MEASURE_DIFFERENCE || broken_operand (e, m) != NULL)
    return FALSE;
  *out_has_b = TRUE;
  switch (m->kind) {
  case GONIO_MEASURE_ANGLE:
    memcpy (out_a, e->values[m->lines[0]].p, 2 * sizeof *out_a);
    memcpy (out_b, e->values[m->lines[1]].p, 2 * sizeof *out_b);
    break;
  case GONIO_MEASURE_ANGLE_AT_VERTEX:
    out_a[0] = out_b[0] = e->values[m->points[1]].p[0];
    out_a[1] = e->values[m->points[0]].p[0];
    out_b[1] = e->values[m->points[2]].p[0];
    break;
  case GONIO_MEASURE_DISTANCE:
    out_a[0] = e->values[m->points[0]].p[0];
    *out_has_b = m->lines[0] >= 0;
    if (!*out_has_b) {
      out_a[1] = e->values[m->points[1]].p[0];
      break;
    }
    memcpy (out_b, e->values[m->lines[0]].p, 2 * sizeof *out_b);
    return gonio_line_foot (out_b, out_a[0], &out_a[1]);
  case GONIO_MEASURE_RATIO:
    for (guint i = 0; i < 2; i++) {
      out_a[i] = e->values[m->points[i]].p[0];
      out_b[i] = e->values[m->points[i + 2]].p[0];
    }
    break;
  case GONIO_MEASURE_DIFFERENCE:
    break;
  }
  return TRUE;
}

/* ---- setting up ---- */

/* Millimetres of one unit, or NAN and the reason in words. */
static double
calibration (const GonioSpacing *spacing, const char **out_why)
{
  *out_why = NULL;
  switch (spacing != NULL ? spacing->source : GONIO_SPACING_NONE) {
  case GONIO_SPACING_NONE:
    *out_why = _ ("no length: the picture is not calibrated");
    break;
  case GONIO_SPACING_DETECTOR:
    *out_why = _ ("no length: the pixel spacing is that of the detector, and by how much the bone "
                  "is magnified is not known");
    break;
  case GONIO_SPACING_UNKNOWN:
    *out_why = _ ("no length: the file does not say how its pixel spacing was calibrated");
    break;
  case GONIO_SPACING_GEOMETRY:
  case GONIO_SPACING_FIDUCIAL:
  case GONIO_SPACING_USER:
    if (spacing->column_mm > 0 && spacing->row_mm > 0)
      return spacing->column_mm;
    *out_why = _ ("no length: the picture is not calibrated");
    break;
  }
  return NAN;
}

static void
evaluation_clear (GonioEvaluation *e)
{
  g_clear_pointer (&e->original, g_free);
  g_clear_pointer (&e->present, g_free);
  g_clear_pointer (&e->sigma, g_free);
  g_clear_pointer (&e->values, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioEvaluation, evaluation_clear)

static const GonioLandmark *
find_landmark (const GonioResult *result, const char *id)
{
  return gonio_result_landmark ((GonioResult *)result, id);
}

static void
evaluation_init (GonioEvaluation *e, const GonioProtocol *protocol, const GonioResult *result,
                 const GonioTransform *to_flat, const GonioSpacing *spacing)
{
  guint n = protocol->n_landmarks;
  *e = (GonioEvaluation){.protocol = protocol,
                         .to_flat = to_flat,
                         .scale_y = 1,
                         .original = g_new0 (GonioPoint, n),
                         .present = g_new0 (gboolean, n),
                         .sigma = g_new0 (double, n),
                         .values = g_new0 (GonioFigure, protocol->nodes->len)};
  if (spacing != NULL && spacing->row_mm > 0 && spacing->column_mm > 0)
    e->scale_y = spacing->row_mm / spacing->column_mm;
  e->mm = calibration (spacing, &e->no_mm);
  for (guint i = 0; i < n; i++) {
    const GonioLandmark *l = find_landmark (result, gonio_protocol_element (protocol, (int)i)->id);
    e->present[i] = l != NULL && gonio_landmark_level (l) != GONIO_CONFIDENCE_NONE;
    if (e->present[i]) {
      e->original[i] = l->position;
      e->sigma[i] = isfinite (l->sigma) && l->sigma > 0 ? l->sigma : 0;
    }
    gonio_evaluation_place (e, i);
  }
  gonio_constructions_evaluate (protocol, protocol->order, protocol->nodes->len, e->values);
}

/* The chirality that a side has when the picture is not mirrored. */
static int
normal_chirality (const GonioProtocol *protocol, GonioSide side)
{
  int right = protocol->from_behind ? -1 : 1;
  return side == GONIO_SIDE_RIGHT ? right : side == GONIO_SIDE_LEFT ? -right : 0;
}

/* Chirality comes from the landmarks, so that a mirrored picture measures the same; where they
 * do not say, from the side. */
static void
find_chirality (GonioEvaluation *e, GonioSide side)
{
  static const GonioSide sides[] = {GONIO_SIDE_RIGHT, GONIO_SIDE_LEFT};
  const GonioProtocol *p = e->protocol;
  for (guint i = 0; i < 2; i++) {
    e->chirality[i] = gonio_frame_chirality (&p->frames[i], e->values);
    if (e->chirality[i] == 0 && !p->both_sides)
      e->chirality[i] = normal_chirality (p, side);
  }
  for (guint i = 0; i < 2 && p->both_sides; i++)
    if (e->chirality[i] == 0)
      e->chirality[i] =
          e->chirality[1 - i] != 0 ? -e->chirality[1 - i] : normal_chirality (p, sides[i]);
}

/* Which sides have at least one landmark that was found. */
static GonioSide
side_present (const GonioEvaluation *e)
{
  gboolean has[2] = {FALSE, FALSE};
  for (guint i = 0; i < e->protocol->n_landmarks; i++) {
    GonioSide side = gonio_protocol_element (e->protocol, (int)i)->side;
    if (e->present[i] && side != GONIO_SIDE_UNKNOWN)
      has[side == GONIO_SIDE_RIGHT ? 0 : 1] = TRUE;
  }
  if (has[0] && has[1])
    return GONIO_SIDE_BOTH;
  return has[0] ? GONIO_SIDE_RIGHT : has[1] ? GONIO_SIDE_LEFT : GONIO_SIDE_UNKNOWN;
}

static void
settle_side (const GonioEvaluation *e, GonioResult *result)
{
  if (result->side != GONIO_SIDE_UNKNOWN && g_strcmp0 (result->side_source, "landmarks") != 0)
    return;
  GonioSide side = GONIO_SIDE_UNKNOWN;
  if (e->protocol->both_sides) {
    side = side_present (e);
  } else {
    int chirality = gonio_frame_chirality (&e->protocol->frames[0], e->values);
    if (chirality != 0)
      side = chirality == normal_chirality (e->protocol, GONIO_SIDE_RIGHT) ? GONIO_SIDE_RIGHT
                                                                           : GONIO_SIDE_LEFT;
  }
  result->side = side;
  g_free (result->side_source);
  result->side_source = side != GONIO_SIDE_UNKNOWN ? g_strdup ("landmarks") : NULL;
}

/* ---- one measure ---- */

static gboolean
to_original (const GonioEvaluation *e, GonioPoint p, GonioPoint *out)
{
  p.y /= e->scale_y;
  if (e->to_flat != NULL)
    return gonio_transform_inverse (e->to_flat, p, out);
  *out = p;
  return TRUE;
}

static gboolean
segment_to_original (const GonioEvaluation *e, const GonioPoint p[2], GonioPoint out[2])
{
  GonioPoint q[2];
  if (!to_original (e, p[0], &q[0]) || !to_original (e, p[1], &q[1]))
    return FALSE;
  out[0] = q[0];
  out[1] = q[1];
  return TRUE;
}

/* As shown, so that grade and number never contradict each other. */
static double
shown (const GonioMeasure *m, double value)
{
  double rounded = round (value / m->step) * m->step;
  return rounded == 0 ? 0 : rounded; /* no negative zero */
}

static void
judge (const GonioMeasure *row, GonioMeasurement *m)
{
  double value = shown (row, m->value);
  for (guint i = 0; i < row->grades->len; i++) {
    const GonioGrade *grade = &g_array_index (row->grades, GonioGrade, i);
    if (!(value < grade->low) && !(value >= grade->high)) {
      m->grade = g_strdup (grade->id);
      m->in_reference = grade->severity == 0;
      return;
    }
  }
  gboolean any = !isnan (row->reference_low) || !isnan (row->reference_high);
  m->in_reference = any && !(value < row->reference_low) && !(value > row->reference_high);
}

/* Further beyond the sensible range than half its width no bone is: a point is wrong. */
static gboolean
is_absurd (const GonioMeasure *row, double value)
{
  double margin = 0.5 * (row->axis_high - row->axis_low);
  return value < row->axis_low - margin || value > row->axis_high + margin;
}

static GonioMeasurement *
measure_one (GonioEvaluation *e, GonioResult *result, guint i)
{
  const GonioMeasure *row = gonio_protocol_row (e->protocol, i);
  GonioMeasurement *m = gonio_measurement_new (row->id);
  m->side = row->side != GONIO_SIDE_UNKNOWN || e->protocol->both_sides ? row->side : result->side;
  m->unit = g_strdup (row->unit);
  m->reference_low = row->reference_low;
  m->reference_high = row->reference_high;
  m->human_error = row->human_error;
  g_autoptr (GStrvBuilder) missing = g_strv_builder_new ();
  gboolean complete = TRUE, by_hand = TRUE;
  for (guint k = 0; row->landmarks[k] != NULL; k++) {
    const GonioLandmark *l = find_landmark (result, row->landmarks[k]);
    by_hand = by_hand && l != NULL && l->edited;
    GonioConfidence level = l != NULL ? gonio_landmark_level (l) : GONIO_CONFIDENCE_NONE;
    m->low_confidence = m->low_confidence || level == GONIO_CONFIDENCE_LOW;
    if (level != GONIO_CONFIDENCE_NONE)
      continue;
    g_strv_builder_add (missing, row->landmarks[k]);
    complete = FALSE;
  }
  m->missing = complete ? NULL : g_strv_builder_end (missing);
  GonioMeasureGeometry g = {.has_b = FALSE};
  if (gonio_evaluation_geometry (e, i, g.a, g.b, &g.has_b))
    m->has_geometry = segment_to_original (e, g.a, m->geometry.a) &&
                      (!g.has_b || segment_to_original (e, g.b, m->geometry.b));
  m->geometry.has_b = m->has_geometry && g.has_b;
  m->valid = gonio_evaluation_value (e, i, &m->value, &m->problem);
  if (m->valid) {
    m->se = gonio_uncertainty_propagate (e, i);
    judge (row, m);
    m->low_confidence = m->low_confidence || (!by_hand && is_absurd (row, m->value));
  }
  return m;
}

gboolean
gonio_protocol_measure_all (const GonioProtocol *protocol, GonioResult *result,
                            const GonioTransform *to_flat, const GonioSpacing *spacing,
                            GError **error)
{
  if (result->protocol != NULL && !g_str_equal (result->protocol, protocol->id)) {
    g_set_error (error, GONIO_MEASURE_ERROR, GONIO_MEASURE_ERROR_PROTOCOL,
                 "The landmarks belong to the protocol \"%s\", they cannot be measured by \"%s\".",
                 result->protocol, protocol->id);
    return FALSE;
  }
  g_auto (GonioEvaluation) e = {0};
  evaluation_init (&e, protocol, result, to_flat, spacing);
  settle_side (&e, result);
  find_chirality (&e, result->side);
  g_free (result->protocol);
  g_free (result->protocol_version);
  result->protocol = g_strdup (protocol->id);
  result->protocol_version = g_strdup (protocol->version);
  g_ptr_array_set_size (result->measures, 0);
  for (guint i = 0; i < protocol->measures->len; i++)
    g_ptr_array_add (result->measures, measure_one (&e, result, i));
  return TRUE;
}

char *
gonio_protocol_check_side (const GonioProtocol *protocol, const GonioResult *result,
                           const GonioTransform *to_flat)
{
  static const GonioSide sides[] = {GONIO_SIDE_RIGHT, GONIO_SIDE_LEFT};
  g_auto (GonioEvaluation) e = {0};
  evaluation_init (&e, protocol, result, to_flat, NULL);
  for (guint i = 0; i < 2; i++) {
    int found = gonio_frame_chirality (&protocol->frames[i], e.values);
    GonioSide side = protocol->both_sides ? sides[i] : result->side;
    int normal = normal_chirality (protocol, side);
    if (found == 0 || normal == 0 || found == normal)
      continue;
    return g_strdup (
        side == GONIO_SIDE_RIGHT
            ? _ ("the bones marked right lie as on a left side: the picture may be mirrored, or "
                 "the side wrong")
            : _ ("the bones marked left lie as on a right side: the picture may be mirrored, or "
                 "the side wrong"));
  }
  return NULL;
}

GArray *
gonio_protocol_lines (const GonioProtocol *protocol, const GonioResult *result,
                      const GonioTransform *to_flat)
{
  GArray *lines = g_array_new (FALSE, FALSE, sizeof (GonioOverlayLine));
  g_auto (GonioEvaluation) e = {0};
  evaluation_init (&e, protocol, result, to_flat, NULL);
  for (guint i = protocol->n_landmarks; i < protocol->nodes->len; i++) {
    const GonioElement *node = gonio_protocol_element (protocol, (int)i);
    GonioOverlayLine line = {.construction = node->id};
    if (node->draw && e.values[i].state == GONIO_FIGURE_OK &&
        segment_to_original (&e, e.values[i].p, line.p))
      g_array_append_val (lines, line);
  }
  return lines;
}

char *
gonio_protocol_format_value (const GonioProtocol *protocol, guint measure, double value)
{
  g_return_val_if_fail (measure < protocol->measures->len, NULL);
  const GonioMeasure *m = gonio_protocol_row (protocol, measure);
  if (!isfinite (value))
    return g_strdup ("–");
  const char *unit = g_str_equal (m->unit, "deg")  ? "°"
                     : g_str_equal (m->unit, "mm") ? "\u202fmm"
                                                   : "";
  return g_strdup_printf ("%.*f%s", m->decimals, shown (m, value), unit);
}
