/* Fits transforms to a dewarp network's map. Depends on rectify.h, imaging/transform.h. */
#include "core/pipeline/rectify.h"

#include "core/base/error.h"
#include "core/measure/geometry.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

/* Shares of the photo's diagonal. */
#define PLANAR_RESIDUAL 0.006 /* below: the film is flat */
#define GRID_RESIDUAL   0.04  /* above: the map is nonsense rather than a curled film */
#define DOUBT_RESIDUAL  0.012
#define MARGIN          0.03 /* of the film's edge, kept around it: the corners are guesses */
#define LENS_GAIN       0.8  /* a lens term must leave less than this of the residual */

void
gonio_rectified_clear (GonioRectified *r)
{
  g_clear_pointer (&r->to_flat, gonio_transform_unref);
  g_clear_pointer (&r->info.kind, g_free);
  g_clear_pointer (&r->info.source, g_free);
  g_clear_pointer (&r->info.reason, g_free);
}

static gboolean
refuse (GError **error, const char *words)
{
  g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED, words);
  return FALSE;
}

static gboolean
refuse_outline (GError **error)
{
  return refuse (error, _ ("The film in the photo could not be flattened: its outline is not "
                           "clear. Set the four corners by hand."));
}

static void
set_info (GonioRectified *r, const char *kind, const char *source)
{
  r->info.kind = g_strdup (kind);
  r->info.source = g_strdup (source);
}

gboolean
gonio_rectify_corners (const GonioPoint corners[4], double width, double height, double focal,
                       GonioRectified *out, GError **error)
{
  GonioCamera camera = {.aspect = 1};
  if (!gonio_camera_from_corners (corners, width, height, focal, &camera))
    return refuse (error, _ ("The four corners do not make a convex quadrilateral. Move them to "
                             "the corners of the film, clockwise from the top left."));
  GonioRectified r = {.to_flat = NULL};
  gonio_flat_size (corners, camera.aspect, &r.width, &r.height);
  r.to_flat = gonio_transform_new_quad (corners, r.width, r.height, error);
  if (r.to_flat == NULL)
    return FALSE;
  set_info (&r, "homography", "manual");
  r.info.tilt_deg = camera.tilt_deg;
  memcpy (r.info.corners, corners, sizeof r.info.corners);
  r.info.has_corners = TRUE;
  *out = r;
  return TRUE;
}

/* ---- the network's map in photo px ---- */

typedef struct {
  guint n, cols, rows;
  GonioPoint *unit; /* 0..1 over the flat picture */
  GonioPoint *photo;
  double width, height, diagonal;
} Samples;

static void
samples_clear (Samples *s)
{
  g_clear_pointer (&s->unit, g_free);
  g_clear_pointer (&s->photo, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Samples, samples_clear)

static gboolean
samples_init (Samples *s, const GonioBackwardMap *map, const GonioTransform *frame, double width,
              double height, GError **error)
{
  guint n = map->cols * map->rows;
  *s = (Samples){.n = n,
                 .cols = map->cols,
                 .rows = map->rows,
                 .unit = g_new (GonioPoint, n),
                 .photo = g_new (GonioPoint, n),
                 .width = width,
                 .height = height,
                 .diagonal = hypot (width, height)};
  for (guint i = 0; i < n; i++) {
    double c = i % map->cols, r = i / map->cols;
    s->unit[i] = map->corner_nodes ? (GonioPoint){c / (map->cols - 1), r / (map->rows - 1)}
                                   : (GonioPoint){(c + 0.5) / map->cols, (r + 0.5) / map->rows};
    if (!gonio_transform_inverse (frame, map->nodes[i], &s->photo[i]) ||
        !gonio_point_is_finite (s->photo[i]))
      return refuse (error, _ ("The film was not found in the photo."));
  }
  return TRUE;
}

/* ---- planar: homography, with a lens term ---- */

typedef struct {
  GonioTransform *lens;       /* photo -> undistorted; nullable */
  GonioTransform *homography; /* undistorted -> unit square scaled to the photo's diagonal */
  double rms;                 /* photo px, over the samples kept */
} Planar;

static void
planar_clear (Planar *p)
{
  g_clear_pointer (&p->lens, gonio_transform_unref);
  g_clear_pointer (&p->homography, gonio_transform_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Planar, planar_clear)

static gboolean
planar_photo (const Planar *p, GonioPoint scaled, GonioPoint *out)
{
  GonioPoint q;
  if (!gonio_transform_inverse (p->homography, scaled, &q))
    return FALSE;
  if (p->lens != NULL)
    return gonio_transform_inverse (p->lens, q, out);
  *out = q;
  return TRUE;
}

static GonioPoint
scaled_unit (const Samples *s, guint i)
{
  return (GonioPoint){s->unit[i].x * s->diagonal, s->unit[i].y * s->diagonal};
}

/* Distance in the photo between the map and the fit, for every sample. */
static void
planar_residuals (const Planar *p, const Samples *s, double *out)
{
  for (guint i = 0; i < s->n; i++) {
    GonioPoint q = {0, 0};
    out[i] = planar_photo (p, scaled_unit (s, i), &q) ? gonio_point_distance (q, s->photo[i])
                                                      : s->diagonal;
  }
}

static double
rms_of (const double *residual, const gboolean *keep, guint n)
{
  double sum = 0, count = 0;
  for (guint i = 0; i < n; i++)
    if (keep[i]) {
      sum += residual[i] * residual[i];
      count++;
    }
  return count > 0 ? sqrt (sum / count) : INFINITY;
}

/* Homography of the kept samples behind the given lens. */
static gboolean
fit_planar (const Samples *s, const gboolean *keep, double k1, double k2, Planar *out)
{
  g_auto (Planar) p = {0};
  GonioPoint center = {0.5 * s->width, 0.5 * s->height};
  if (k1 != 0 || k2 != 0) {
    p.lens = gonio_transform_new_lens (center, 0.5 * s->diagonal, k1, k2, NULL);
    if (p.lens == NULL)
      return FALSE;
  }
  g_autofree GonioPoint *src = g_new (GonioPoint, s->n), *dst = g_new (GonioPoint, s->n);
  guint n = 0;
  for (guint i = 0; i < s->n; i++) {
    if (!keep[i])
      continue;
    src[n] = s->photo[i];
    if (p.lens != NULL && !gonio_transform_forward (p.lens, s->photo[i], &src[n]))
      continue;
    dst[n++] = scaled_unit (s, i);
  }
  double rms = 0;
  p.homography = gonio_transform_fit_homography (src, dst, n, &rms, NULL);
  if (p.homography == NULL)
    return FALSE;
  g_autofree double *residual = g_new (double, s->n);
  planar_residuals (&p, s, residual);
  p.rms = rms_of (residual, keep, s->n);
  *out = p;
  p = (Planar){0};
  return TRUE;
}

static double
try_lens (const Samples *s, const gboolean *keep, double k1, double k2)
{
  g_auto (Planar) p = {0};
  return fit_planar (s, keep, k1, k2, &p) ? p.rms : INFINITY;
}

/* Golden section over one lens coefficient. */
static double
search_lens (const Samples *s, const gboolean *keep, double k1, double k2, gboolean second,
             double span)
{
  const double golden = 0.6180339887498949;
  double center = second ? k2 : k1, a = center - span, b = center + span;
#define TRY(k) (second ? try_lens (s, keep, k1, k) : try_lens (s, keep, k, k2))
  double x1 = b - golden * (b - a), x2 = a + golden * (b - a), f1 = TRY (x1), f2 = TRY (x2);
  for (int i = 0; i < 14; i++) {
    if (f1 < f2) {
      b = x2;
      x2 = x1;
      f2 = f1;
      x1 = b - golden * (b - a);
      f1 = TRY (x1);
    } else {
      a = x1;
      x1 = x2;
      f1 = f2;
      x2 = a + golden * (b - a);
      f2 = TRY (x2);
    }
  }
#undef TRY
  return 0.5 * (a + b);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Drops samples farther off than three robust standard deviations (median / 0.6745). */
static void
trim (const double *residual, guint n, gboolean *keep)
{
  g_autofree double *sorted = g_memdup2 (residual, n * sizeof *residual);
  qsort (sorted, n, sizeof *sorted, compare_doubles);
  double limit = 3 * MAX (sorted[n / 2] / 0.6745, 0.25);
  for (guint i = 0; i < n; i++)
    keep[i] = residual[i] <= limit;
}

/* RMS of a normal scatter with the same 90th percentile: a few wild nodes do not count. */
static double
robust_rms (const double *residual, guint n)
{
  g_autofree double *sorted = g_memdup2 (residual, n * sizeof *residual);
  qsort (sorted, n, sizeof *sorted, compare_doubles);
  return sorted[n * 9 / 10] / 1.517;
}

/* Robust fit; a lens term joins only where it explains a good part of what is left. */
static gboolean
fit_planar_robust (const Samples *s, Planar *out)
{
  g_autofree gboolean *keep = g_new (gboolean, s->n);
  g_autofree double *residual = g_new (double, s->n);
  for (guint i = 0; i < s->n; i++)
    keep[i] = TRUE;
  g_auto (Planar) best = {0};
  double k1 = 0, k2 = 0;
  for (int round = 0; round < 4; round++) {
    g_auto (Planar) p = {0};
    if (!fit_planar (s, keep, k1, k2, &p))
      return FALSE;
    if (round < 2) {
      double l1 = search_lens (s, keep, k1, k2, FALSE, round == 0 ? 0.15 : 0.03);
      double l2 = search_lens (s, keep, l1, k2, TRUE, round == 0 ? 0.05 : 0.02);
      g_auto (Planar) q = {0};
      if (fit_planar (s, keep, l1, l2, &q) && q.rms < LENS_GAIN * p.rms) {
        k1 = l1;
        k2 = l2;
        planar_clear (&p);
        p = q;
        q = (Planar){0};
      }
    }
    planar_residuals (&p, s, residual);
    trim (residual, s->n, keep);
    planar_clear (&best);
    best = p;
    p = (Planar){0};
  }
  planar_residuals (&best, s, residual);
  best.rms = robust_rms (residual, s->n);
  *out = best;
  best = (Planar){0};
  return TRUE;
}

/* Corners of the flat picture in the photo, and in the lens-free photo. */
static gboolean
planar_corners (const Planar *p, const Samples *s, GonioPoint photo[4], GonioPoint straight[4])
{
  double d = s->diagonal;
  const GonioPoint unit[4] = {{0, 0}, {d, 0}, {d, d}, {0, d}};
  for (guint i = 0; i < 4; i++)
    if (!planar_photo (p, unit[i], &photo[i]) ||
        !gonio_transform_inverse (p->homography, unit[i], &straight[i]))
      return FALSE;
  return TRUE;
}

/* unit * diagonal -> px of the film at width x height, then a margin all round. */
static GonioTransform *
stretch (const Samples *s, double margin, GonioRectified *r, GError **error)
{
  double mx = round (margin * r->width), my = round (margin * r->height);
  const double m[6] = {r->width / s->diagonal, 0, mx, 0, r->height / s->diagonal, my};
  r->width += (guint)(2 * mx);
  r->height += (guint)(2 * my);
  return gonio_transform_new_affine (m, error);
}

/* The film turned upright and cut out, no distance changed. */
static gboolean
use_crop (GonioRectified *r, GError **error)
{
  const GonioPoint *c = r->info.corners;
  GonioPoint across = {c[1].x - c[0].x + c[2].x - c[3].x, c[1].y - c[0].y + c[2].y - c[3].y};
  double length = gonio_point_length (across), low[2] = {INFINITY, INFINITY};
  double high[2] = {-INFINITY, -INFINITY};
  if (!(length > 0))
    return refuse (error, _ ("The film was not found in the photo."));
  double cosine = across.x / length, sine = across.y / length;
  for (guint i = 0; i < 4; i++) {
    const double p[2] = {cosine * c[i].x + sine * c[i].y, -sine * c[i].x + cosine * c[i].y};
    for (guint k = 0; k < 2; k++) {
      low[k] = MIN (low[k], p[k]);
      high[k] = MAX (high[k], p[k]);
    }
  }
  double mx = MARGIN * (high[0] - low[0]), my = MARGIN * (high[1] - low[1]);
  const double m[6] = {cosine, sine, mx - low[0], -sine, cosine, my - low[1]};
  r->to_flat = gonio_transform_new_affine (m, error);
  if (r->to_flat == NULL)
    return FALSE;
  r->width = (guint)CLAMP (round (high[0] - low[0] + 2 * mx), 16, 16384);
  r->height = (guint)CLAMP (round (high[1] - low[1] + 2 * my), 16, 16384);
  set_info (r, "crop", "model");
  return TRUE;
}

/* ---- grid: the smoothed map itself ---- */

/* Replaces inner nodes by the mean of themselves and their neighbours, a few times; edges along
 * the edge. */
static void
smooth_nodes (GonioPoint *nodes, guint cols, guint rows)
{
  g_autofree GonioPoint *copy = g_new (GonioPoint, cols * rows);
  for (int pass = 0; pass < 3; pass++) {
    memcpy (copy, nodes, cols * rows * sizeof *nodes);
    for (guint r = 0; r < rows; r++)
      for (guint c = 0; c < cols; c++) {
        guint i = r * cols + c;
        gboolean inner_c = c > 0 && c + 1 < cols, inner_r = r > 0 && r + 1 < rows;
        GonioPoint sum = {2 * copy[i].x, 2 * copy[i].y};
        double weight = 2;
        for (int k = -1; k <= 1; k += 2) {
          if (inner_c) {
            sum.x += copy[i + (guint)k].x;
            sum.y += copy[i + (guint)k].y;
            weight++;
          }
          if (inner_r) {
            sum.x += copy[i + (guint)k * cols].x;
            sum.y += copy[i + (guint)k * cols].y;
            weight++;
          }
        }
        nodes[i] = (GonioPoint){sum.x / weight, sum.y / weight};
      }
  }
}

/* No cell turns over, and no line of nodes bends by more than 12 degrees at a node. */
static gboolean
grid_is_smooth (const GonioPoint *nodes, guint cols, guint rows)
{
  double sign = 0;
  for (guint r = 0; r + 1 < rows; r++)
    for (guint c = 0; c + 1 < cols; c++) {
      guint i = r * cols + c;
      double cross = gonio_point_cross (gonio_point_sub (nodes[i + 1], nodes[i]),
                                        gonio_point_sub (nodes[i + cols], nodes[i]));
      if (!(cross * (sign == 0 ? cross : sign) > 0))
        return FALSE;
      sign = cross;
    }
  for (guint r = 0; r < rows; r++)
    for (guint c = 0; c < cols; c++) {
      guint i = r * cols + c;
      const guint steps[2] = {c > 0 && c + 1 < cols ? 1 : 0, r > 0 && r + 1 < rows ? cols : 0};
      for (guint k = 0; k < 2; k++) {
        if (steps[k] == 0)
          continue;
        double bend = gonio_angle_signed (gonio_point_sub (nodes[i], nodes[i - steps[k]]),
                                          gonio_point_sub (nodes[i + steps[k]], nodes[i]));
        if (fabs (bend) > 12)
          return FALSE;
      }
    }
  return TRUE;
}

/* Nodes at cell centres are moved out to the edges by linear extrapolation of the outer ones:
 * the grid transform wants nodes on the edges, with as many more in each direction. */
static GonioPoint *
corner_nodes (const Samples *s, gboolean have_corners, guint *out_cols, guint *out_rows)
{
  if (have_corners) {
    *out_cols = s->cols;
    *out_rows = s->rows;
    return g_memdup2 (s->photo, s->n * sizeof *s->photo);
  }
  guint cols = s->cols + 1, rows = s->rows + 1;
  GonioPoint *nodes = g_new (GonioPoint, cols * rows);
  for (guint r = 0; r < rows; r++)
    for (guint c = 0; c < cols; c++) {
      /* bilinear extrapolation from the cell of centres nearest to this corner */
      guint c0 = CLAMP ((int)c - 1, 0, (int)s->cols - 2),
            r0 = CLAMP ((int)r - 1, 0, (int)s->rows - 2);
      double fx = c - 0.5 - c0, fy = r - 0.5 - r0;
      const GonioPoint *p = &s->photo[r0 * s->cols + c0];
      GonioPoint top = {p[0].x * (1 - fx) + p[1].x * fx, p[0].y * (1 - fx) + p[1].y * fx};
      p += s->cols;
      GonioPoint low = {p[0].x * (1 - fx) + p[1].x * fx, p[0].y * (1 - fx) + p[1].y * fx};
      nodes[r * cols + c] =
          (GonioPoint){top.x * (1 - fy) + low.x * fy, top.y * (1 - fy) + low.y * fy};
    }
  *out_cols = cols;
  *out_rows = rows;
  return nodes;
}

static gboolean
use_grid (const Samples *s, gboolean have_corners, GonioRectified *r, GError **error)
{
  guint cols = 0, rows = 0;
  g_autofree GonioPoint *nodes = corner_nodes (s, have_corners, &cols, &rows);
  smooth_nodes (nodes, cols, rows);
  if (!grid_is_smooth (nodes, cols, rows))
    return refuse_outline (error);
  r->to_flat = gonio_transform_new_grid (nodes, cols, rows, r->width, r->height, error);
  if (r->to_flat == NULL)
    return FALSE;
  set_info (r, "grid", "model");
  r->info.doubtful = TRUE;
  r->info.reason = g_strdup (_ ("the film is not flat: check the rectification"));
  return TRUE;
}

/* The film's edges in the photo decide, where they are found. */
static gboolean
use_edges (const GonioRectifyHints *hints, GonioRectified *r)
{
  GonioPoint c[4];
  GonioCamera camera = {.aspect = 1};
  if (hints->image == NULL ||
      !gonio_snap_corners (hints->image, hints->window, r->info.corners, c) ||
      !gonio_camera_from_corners (c, hints->width, hints->height, hints->focal, &camera))
    return FALSE;
  guint width = 0, height = 0;
  gonio_flat_size (c, camera.aspect, &width, &height);
  r->to_flat = gonio_transform_new_quad (c, width, height, NULL);
  if (r->to_flat == NULL)
    return FALSE;
  r->width = width;
  r->height = height;
  r->info.tilt_deg = camera.tilt_deg;
  memcpy (r->info.corners, c, sizeof c);
  set_info (r, "homography", "model");
  return TRUE;
}

static gboolean
use_camera (const Samples *s, const Planar *p, GonioRectified *r, GError **error)
{
  g_autoptr (GonioTransform) fit = p->lens != NULL
                                       ? gonio_transform_compose (p->lens, p->homography)
                                       : gonio_transform_ref (p->homography);
  g_autoptr (GonioTransform) scale = stretch (s, MARGIN, r, error);
  if (scale == NULL)
    return FALSE;
  r->to_flat = gonio_transform_compose (fit, scale);
  set_info (r, p->lens != NULL ? "homography+lens" : "homography", "model");
  r->info.doubtful = TRUE;
  r->info.reason = g_strdup (_ ("the film's edges are not clear: check the rectification"));
  return TRUE;
}

static gboolean
rectify_planar (const Samples *s, const GonioBackwardMap *map, const GonioRectifyHints *hints,
                GonioRectified *r, GError **error)
{
  g_auto (Planar) p = {0};
  GonioPoint straight[4];
  GonioCamera camera = {.aspect = 1};
  if (!fit_planar_robust (s, &p) || !planar_corners (&p, s, r->info.corners, straight) ||
      !gonio_camera_from_corners (straight, s->width, s->height, hints->focal, &camera))
    return refuse_outline (error);
  r->info.has_corners = TRUE;
  r->info.tilt_deg = camera.tilt_deg;
  r->info.residual = p.rms / s->diagonal;
  gonio_flat_size (r->info.corners, camera.aspect, &r->width, &r->height);
  if (r->info.residual > GRID_RESIDUAL)
    return refuse_outline (error);
  if (r->info.residual <= DOUBT_RESIDUAL && use_edges (hints, r))
    return TRUE;
  if (camera.tilt_deg < hints->min_tilt)
    return use_crop (r, error);
  if (r->info.residual > PLANAR_RESIDUAL)
    return use_grid (s, map->corner_nodes, r, error);
  return use_camera (s, &p, r, error);
}

/* ---- C-arm ---- */

static gboolean
rectify_c_arm (const Samples *s, GonioRectified *r, GError **error)
{
  g_autofree GonioPoint *dst = g_new (GonioPoint, s->n);
  for (guint i = 0; i < s->n; i++)
    dst[i] = scaled_unit (s, i);
  GonioPoint center = {0.5 * s->width, 0.5 * s->height};
  static const guint orders[] = {3, 5};
  g_autoptr (GonioTransform) best = NULL;
  double best_rms = INFINITY;
  guint order = 0;
  for (guint k = 0; k < G_N_ELEMENTS (orders); k++) {
    double rms = 0;
    g_autoptr (GError) fit_error = NULL;
    g_autoptr (GonioTransform) fit = gonio_transform_fit_polynomial (
        s->photo, dst, s->n, center, 0.5 * s->diagonal, orders[k], &rms, &fit_error);
    /* A higher order must earn its wiggles. */
    if (fit != NULL && rms < 0.7 * best_rms) {
      g_clear_pointer (&best, gonio_transform_unref);
      best = g_steal_pointer (&fit);
      best_rms = rms;
      order = orders[k];
    }
  }
  for (guint i = 0; best != NULL && i < 4; i++) {
    const GonioPoint unit[4] = {
        {0, 0}, {s->diagonal, 0}, {s->diagonal, s->diagonal}, {0, s->diagonal}};
    if (!gonio_transform_inverse (best, unit[i], &r->info.corners[i]))
      g_clear_pointer (&best, gonio_transform_unref);
  }
  r->info.residual = best_rms / s->diagonal;
  if (best == NULL || r->info.residual > GRID_RESIDUAL)
    return refuse (error, _ ("The picture of the image intensifier could not be straightened."));
  r->info.has_corners = TRUE;
  gonio_flat_size (r->info.corners, s->width / s->height, &r->width, &r->height);
  double side = sqrt ((double)r->width * r->height);
  r->width = r->height = (guint)MAX (16, round (side)); /* the field is round: a square */
  g_autoptr (GonioTransform) scale = stretch (s, 0, r, error);
  if (scale == NULL)
    return FALSE;
  r->to_flat = gonio_transform_compose (best, scale);
  g_autofree char *kind = g_strdup_printf ("polynomial-%u", order);
  set_info (r, kind, "model");
  /* One picture hardly shows the distortion inside the field. */
  r->info.doubtful = TRUE;
  r->info.reason = g_strdup (_ ("the distortion of the image intensifier is only estimated"));
  return TRUE;
}

gboolean
gonio_rectify_map (const GonioBackwardMap *map, const GonioRectifyHints *hints, GonioRectified *out,
                   GError **error)
{
  g_auto (Samples) s = {0};
  g_auto (GonioRectified) r = {0};
  g_return_val_if_fail (hints->kind != GONIO_PHOTO_FLAT, FALSE);
  if (!samples_init (&s, map, hints->frame, hints->width, hints->height, error))
    return FALSE;
  gboolean done = hints->kind == GONIO_PHOTO_C_ARM ? rectify_c_arm (&s, &r, error)
                                                   : rectify_planar (&s, map, hints, &r, error);
  if (!done)
    return FALSE;
  *out = r;
  r = (GonioRectified){0};
  return TRUE;
}
