/* The picture of a result; see overlay.h. */
#include "core/pipeline/overlay.h"

#include <math.h>
#include <pango/pangocairo.h>

#define FADED       0.38
#define STROKE      2.0
#define HALO        4.5
#define RING        5.0
#define ARC_RADIUS  46.0
#define MAX_ARC_GAP 2.6 /* arcs farther from their lines than this many radii get a dashed link */

/* Okabe & Ito, Color Universal Design, 2008; black left out, yellow last (weak on white). */
static const GonioOverlayColor palette[] = {
    {0.90, 0.62, 0.00}, {0.34, 0.71, 0.91}, {0.00, 0.62, 0.45}, {0.80, 0.47, 0.65},
    {0.84, 0.37, 0.00}, {0.00, 0.45, 0.70}, {0.94, 0.89, 0.26},
};
static const GonioOverlayColor warning = {1.0, 0.76, 0.03};

GonioOverlayColor
gonio_overlay_color (guint measure)
{
  return palette[measure % G_N_ELEMENTS (palette)];
}

char *
gonio_overlay_format_value (const GonioMeasureText *text, const GonioMeasurement *measure,
                            gboolean with_error)
{
  if (!measure->valid || !isfinite (measure->value))
    return g_strdup ("–");

  const double step = text->step > 0 ? text->step : 1.0;
  const double shown = step * round (measure->value / step) + 0.0; /* + 0.0 turns -0 into 0 */
  const int digits = step < 1.0 ? MAX (text->decimals, 1) : 0;
  const char *unit = g_str_equal (text->unit, "deg") ? "°" : text->unit;
  const char *gap = g_str_equal (text->unit, "deg") ? "" : " ";
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  char format[8];
  g_snprintf (format, sizeof format, "%%.%df", digits);
  g_ascii_formatd (number, sizeof number, format, shown);

  const double error = 1.96 * measure->se;
  if (!with_error || !(error > 0) || !isfinite (error))
    return g_strdup_printf ("%s%s%s", number, gap, unit);
  char plus_minus[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd (plus_minus, sizeof plus_minus, error < 1.0 ? "%.1f" : "%.0f", error);
  return g_strdup_printf ("%s%s%s ±%s", number, gap, unit, plus_minus);
}

/* ---- strokes ---- */

typedef struct {
  cairo_t *cr;
  const GonioOverlay *overlay;
  GArray *labels;    /* cairo_rectangle_t of those already placed */
  GArray *obstacles; /* GonioPoint: landmarks that labels keep away from */
} Painter;

static gboolean
to_device (const Painter *p, GonioPoint original, GonioPoint *out)
{
  return p->overlay->map (original, out, p->overlay->map_data) && isfinite (out->x) &&
         isfinite (out->y) && fabs (out->x) < 1e6 && fabs (out->y) < 1e6;
}

/* A dark line under a coloured one keeps its contrast on black and on white. */
static void
double_stroke (const Painter *p, GonioOverlayColor color, double alpha, gboolean dashed)
{
  const double unit = p->overlay->unit;
  cairo_set_line_cap (p->cr, CAIRO_LINE_CAP_ROUND);
  cairo_set_dash (p->cr, NULL, 0, 0);
  if (dashed) {
    const double pattern[] = {5 * unit, 5 * unit};
    cairo_set_dash (p->cr, pattern, 2, 0);
  }
  cairo_set_source_rgba (p->cr, 0, 0, 0, 0.75 * alpha);
  cairo_set_line_width (p->cr, HALO * unit);
  cairo_stroke_preserve (p->cr);
  cairo_set_source_rgba (p->cr, color.red, color.green, color.blue, alpha);
  cairo_set_line_width (p->cr, STROKE * unit);
  cairo_stroke (p->cr);
  cairo_set_dash (p->cr, NULL, 0, 0);
}

static void
segment (const Painter *p, GonioPoint a, GonioPoint b, GonioOverlayColor color, double alpha,
         gboolean dashed)
{
  cairo_new_path (p->cr);
  cairo_move_to (p->cr, a.x, a.y);
  cairo_line_to (p->cr, b.x, b.y);
  double_stroke (p, color, alpha, dashed);
}

/* ---- labels ---- */

static gboolean
overlaps (const Painter *p, const cairo_rectangle_t *box)
{
  const GonioOverlay *o = p->overlay;
  if (box->x < 2 || box->y < 2 || box->x + box->width > o->width - 2 ||
      box->y + box->height > o->height - 2)
    return TRUE;
  for (guint i = 0; i < p->labels->len; i++) {
    const cairo_rectangle_t *other = &g_array_index (p->labels, cairo_rectangle_t, i);
    if (box->x < other->x + other->width && other->x < box->x + box->width &&
        box->y < other->y + other->height && other->y < box->y + box->height)
      return TRUE;
  }
  const double keep = (RING + 3) * o->unit;
  for (guint i = 0; i < p->obstacles->len; i++) {
    const GonioPoint *q = &g_array_index (p->obstacles, GonioPoint, i);
    if (q->x > box->x - keep && q->x < box->x + box->width + keep && q->y > box->y - keep &&
        q->y < box->y + box->height + keep)
      return TRUE;
  }
  return FALSE;
}

/* Places text near anchor, trying rings of growing distance, first along (dx, dy). */
static void
label (Painter *p, const char *text, GonioPoint anchor, double dx, double dy, double size,
       GonioOverlayColor color, double alpha, gboolean bold)
{
  const double unit = p->overlay->unit;
  g_autoptr (PangoLayout) layout = pango_cairo_create_layout (p->cr);
  g_autoptr (PangoFontDescription) font = pango_font_description_from_string ("Sans");
  pango_font_description_set_absolute_size (font, size * unit * PANGO_SCALE);
  if (bold)
    pango_font_description_set_weight (font, PANGO_WEIGHT_BOLD);
  pango_layout_set_font_description (layout, font);
  pango_layout_set_text (layout, text, -1);
  int w, h;
  pango_layout_get_pixel_size (layout, &w, &h);
  const double pad = 3 * unit;
  const double first = atan2 (dy, dx);

  cairo_rectangle_t box = {0, 0, w + 2 * pad, h + pad};
  gboolean placed = FALSE;
  for (int ring = 0; ring < 7 && !placed; ring++) {
    for (int k = 0; k < 12 && !placed; k++) {
      const double turn = first + (k % 2 ? 1 : -1) * ((k + 1) / 2) * G_PI / 6;
      const double reach = (14 + 16 * ring) * unit;
      box.x = anchor.x + cos (turn) * (reach + box.width / 2) - box.width / 2;
      box.y = anchor.y + sin (turn) * (reach + box.height / 2) - box.height / 2;
      placed = !overlaps (p, &box);
    }
  }
  if (!placed)
    return; /* no room: the value stands in the pane beside the picture */
  g_array_append_val (p->labels, box);

  cairo_new_path (p->cr);
  const double r = 4 * unit;
  cairo_arc (p->cr, box.x + box.width - r, box.y + r, r, -G_PI_2, 0);
  cairo_arc (p->cr, box.x + box.width - r, box.y + box.height - r, r, 0, G_PI_2);
  cairo_arc (p->cr, box.x + r, box.y + box.height - r, r, G_PI_2, G_PI);
  cairo_arc (p->cr, box.x + r, box.y + r, r, G_PI, 3 * G_PI_2);
  cairo_close_path (p->cr);
  cairo_set_source_rgba (p->cr, 0, 0, 0, 0.72 * alpha);
  cairo_fill (p->cr);
  cairo_move_to (p->cr, box.x + pad, box.y + pad / 2);
  cairo_set_source_rgba (p->cr, color.red, color.green, color.blue, alpha);
  pango_cairo_show_layout (p->cr, layout);
}

/* ---- measures ---- */

static gboolean
line_crossing (const GonioPoint a[2], const GonioPoint b[2], GonioPoint *out)
{
  const double ux = a[1].x - a[0].x, uy = a[1].y - a[0].y;
  const double vx = b[1].x - b[0].x, vy = b[1].y - b[0].y;
  const double cross = ux * vy - uy * vx;
  if (fabs (cross) < 1e-3 * hypot (ux, uy) * hypot (vx, vy))
    return FALSE;
  const double t = ((b[0].x - a[0].x) * vy - (b[0].y - a[0].y) * vx) / cross;
  *out = (GonioPoint){a[0].x + t * ux, a[0].y + t * uy};
  return TRUE;
}

static GonioPoint
middle (const GonioPoint line[2])
{
  return (GonioPoint){(line[0].x + line[1].x) / 2, (line[0].y + line[1].y) / 2};
}

/* Which way a ray goes from the vertex along a line: towards the line's middle or away. */
typedef struct {
  double angle;
  gboolean to_middle;
} Ray;

static Ray
ray (GonioPoint vertex, const GonioPoint line[2], gboolean forward)
{
  const double sign = forward ? 1 : -1;
  const double dx = sign * (line[1].x - line[0].x), dy = sign * (line[1].y - line[0].y);
  const GonioPoint m = middle (line);
  return (Ray){atan2 (dy, dx), dx * (m.x - vertex.x) + dy * (m.y - vertex.y) >= 0};
}

/* The pair of rays that encloses the measured angle; where several do, the one that runs along
 * the bones rather than along their extensions. */
static void
choose_rays (GonioPoint vertex, const GonioPoint a[2], const GonioPoint b[2], double degrees,
             Ray *out_a, Ray *out_b)
{
  double best = INFINITY;
  for (int k = 0; k < 4; k++) {
    const Ray ra = ray (vertex, a, !(k & 1)), rb = ray (vertex, b, !(k & 2));
    const double swept = fabs (remainder (rb.angle - ra.angle, 2 * G_PI)) * 180 / G_PI;
    const double score =
        fabs (swept - fabs (degrees)) + 0.5 * (!ra.to_middle + !rb.to_middle) + 0.01 * k;
    if (score < best) {
      best = score;
      *out_a = ra;
      *out_b = rb;
    }
  }
}

/* The arc between two lines; where they meet far outside, a dashed link between their middles
 * and the value on it. Returns where the label goes. */
static GonioPoint
angle_mark (const Painter *p, const GonioPoint a[2], const GonioPoint b[2], double degrees,
            GonioOverlayColor color, double alpha, gboolean dashed, double *out_dx, double *out_dy)
{
  const GonioOverlay *o = p->overlay;
  const GonioPoint ma = middle (a), mb = middle (b);
  GonioPoint vertex;
  const double margin = 0.1 * MAX (o->width, o->height);
  const gboolean near = line_crossing (a, b, &vertex) && vertex.x > -margin &&
                        vertex.x < o->width + margin && vertex.y > -margin &&
                        vertex.y < o->height + margin;
  const double span =
      MAX (hypot (a[1].x - a[0].x, a[1].y - a[0].y), hypot (b[1].x - b[0].x, b[1].y - b[0].y));
  if (!near || hypot (vertex.x - ma.x, vertex.y - ma.y) > MAX_ARC_GAP * MAX (span, 1.0)) {
    segment (p, ma, mb, color, 0.8 * alpha, TRUE);
    *out_dx = 1;
    *out_dy = -0.3;
    return (GonioPoint){(ma.x + mb.x) / 2, (ma.y + mb.y) / 2};
  }

  const double radius = MIN (ARC_RADIUS * o->unit, 0.8 * MAX (span, 12 * o->unit));
  Ray ra = {0}, rb = {0};
  choose_rays (vertex, a, b, degrees, &ra, &rb);
  const double from = ra.angle, sweep = remainder (rb.angle - from, 2 * G_PI);
  const double reach = 1.25 * radius;
  const GonioPoint end_a = {vertex.x + reach * cos (ra.angle), vertex.y + reach * sin (ra.angle)};
  const GonioPoint end_b = {vertex.x + reach * cos (rb.angle), vertex.y + reach * sin (rb.angle)};
  segment (p, vertex, ma, color, 0.6 * alpha, TRUE);
  segment (p, vertex, mb, color, 0.6 * alpha, TRUE);
  if (!ra.to_middle)
    segment (p, vertex, end_a, color, 0.6 * alpha, TRUE);
  if (!rb.to_middle)
    segment (p, vertex, end_b, color, 0.6 * alpha, TRUE);
  cairo_new_path (p->cr);
  if (sweep >= 0)
    cairo_arc (p->cr, vertex.x, vertex.y, radius, from, from + sweep);
  else
    cairo_arc_negative (p->cr, vertex.x, vertex.y, radius, from, from + sweep);
  double_stroke (p, color, alpha, dashed);
  *out_dx = cos (from + sweep / 2);
  *out_dy = sin (from + sweep / 2);
  return (GonioPoint){vertex.x + radius * *out_dx, vertex.y + radius * *out_dy};
}

static void
draw_measure (Painter *p, guint index, const GonioMeasureText *text,
              const GonioMeasurement *measure)
{
  const GonioOverlay *o = p->overlay;
  GonioPoint a[2], b[2];
  for (int i = 0; i < 2; i++) {
    if (!to_device (p, measure->geometry.a[i], &a[i]))
      return;
    if (measure->geometry.has_b && !to_device (p, measure->geometry.b[i], &b[i]))
      return;
  }
  const gboolean selected = o->selected && g_str_equal (o->selected, measure->id);
  const double alpha = !o->selected || selected ? 1.0 : FADED;
  const GonioOverlayColor color = gonio_overlay_color (index);

  segment (p, a[0], a[1], color, alpha, measure->low_confidence);
  GonioPoint anchor = middle (a);
  double dx = 1, dy = 0;
  if (measure->geometry.has_b) {
    segment (p, b[0], b[1], color, alpha, measure->low_confidence);
    anchor = angle_mark (p, a, b, measure->value, color, alpha, measure->low_confidence, &dx, &dy);
  }
  g_autofree char *value = gonio_overlay_format_value (text, measure, selected);
  g_autofree char *caption =
      g_strdup_printf ("%s %s%s", text->abbreviation, value, measure->low_confidence ? " ?" : "");
  label (p, caption, anchor, dx, dy, 13, measure->low_confidence ? warning : color, alpha, TRUE);
}

/* ---- landmarks ---- */

static void
draw_landmark (Painter *p, const GonioLandmark *landmark, gboolean low)
{
  const GonioOverlay *o = p->overlay;
  GonioPoint at;
  if (!to_device (p, landmark->position, &at))
    return;
  const GonioOverlayColor white = {1, 1, 1};
  cairo_new_path (p->cr);
  cairo_arc (p->cr, at.x, at.y, RING * o->unit, 0, 2 * G_PI);
  double_stroke (p, low ? warning : white, 1.0, low);
  cairo_new_path (p->cr);
  cairo_arc (p->cr, at.x, at.y, 1.2 * o->unit, 0, 2 * G_PI);
  cairo_set_source_rgb (p->cr, 1, 1, 1);
  cairo_fill (p->cr);
  if (o->detail == GONIO_OVERLAY_FULL)
    label (p, landmark->id, at, 1, -0.5, 10, white, 0.8, FALSE);
}

static gboolean
drawable (const GonioLandmark *landmark)
{
  return gonio_landmark_level (landmark) != GONIO_CONFIDENCE_NONE;
}

void
gonio_overlay_draw (cairo_t *cr, const GonioOverlay *overlay)
{
  if (overlay->detail == GONIO_OVERLAY_NOTHING || !overlay->protocol)
    return;
  g_autoptr (GArray) labels = g_array_new (FALSE, FALSE, sizeof (cairo_rectangle_t));
  g_autoptr (GArray) obstacles = g_array_new (FALSE, FALSE, sizeof (GonioPoint));
  Painter painter = {cr, overlay, labels, obstacles};
  const GonioResult *result = overlay->result;

  for (guint i = 0; i < result->landmarks->len; i++) {
    const GonioLandmark *landmark = g_ptr_array_index (result->landmarks, i);
    GonioPoint at;
    if (drawable (landmark) && to_device (&painter, landmark->position, &at))
      g_array_append_val (obstacles, at);
  }
  if (overlay->detail == GONIO_OVERLAY_FULL) {
    const GonioOverlayColor grey = {0.85, 0.85, 0.85};
    g_autoptr (GArray) lines = gonio_protocol_lines (overlay->protocol, result, overlay->to_flat);
    for (guint i = 0; i < lines->len; i++) {
      const GonioOverlayLine *line = &g_array_index (lines, GonioOverlayLine, i);
      GonioPoint a, b;
      if (to_device (&painter, line->p[0], &a) && to_device (&painter, line->p[1], &b))
        segment (&painter, a, b, grey, 0.5, FALSE);
    }
  }

  /* The selected measure last, on top. */
  for (int pass = 0; pass < 2; pass++) {
    for (guint i = 0; i < result->measures->len; i++) {
      const GonioMeasurement *measure = g_ptr_array_index (result->measures, i);
      const int index = gonio_protocol_find_measure (overlay->protocol, measure->id);
      const gboolean on_top = overlay->selected && g_str_equal (overlay->selected, measure->id);
      if (index < 0 || !measure->valid || !measure->has_geometry || on_top != (pass == 1))
        continue;
      const GonioMeasureText text = gonio_protocol_measure (overlay->protocol, (guint)index, NULL);
      draw_measure (&painter, (guint)index, &text, measure);
    }
  }
  if (overlay->landmarks) {
    for (guint i = 0; i < result->landmarks->len; i++) {
      const GonioLandmark *landmark = g_ptr_array_index (result->landmarks, i);
      if (drawable (landmark))
        draw_landmark (&painter, landmark, landmark->confidence < GONIO_CONFIDENT);
    }
  }
}
