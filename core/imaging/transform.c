/* Transforms in general: identity, composition, inversion, and resampling of pictures through
 * a transform. The kinds live in homography.c, lens.c, polynomial.c and grid.c.
 * Depends on base and LAPACK.
 */
#include "core/imaging/transform-private.h"

#include "core/imaging/load-private.h"
#include "core/imaging/resample.h"

#include <lapacke.h>
#include <math.h>

#define TILE      16          /* destination pixels that share one interpolated inverse */
#define TOLERANCE (1.0 / 256) /* source pixels that the interpolation may be off */

gpointer
gonio_transform_alloc (size_t size, const GonioTransformKind *kind)
{
  GonioTransform *t = g_atomic_rc_box_alloc0 (size);

  t->kind = kind;
  return t;
}

GonioTransform *
gonio_transform_ref (GonioTransform *transform)
{
  return g_atomic_rc_box_acquire (transform);
}

static void
transform_clear (gpointer data)
{
  GonioTransform *t = data;

  if (t->kind->clear)
    t->kind->clear (t);
}

void
gonio_transform_unref (GonioTransform *transform)
{
  if (transform)
    g_atomic_rc_box_release_full (transform, transform_clear);
}

gboolean
gonio_transform_forward (const GonioTransform *transform, GonioPoint p, GonioPoint *out)
{
  GonioPoint q = {0};

  if (!gonio_point_is_finite (p) || !transform->kind->forward (transform, p, &q) ||
      !gonio_point_is_finite (q))
    return FALSE;
  *out = q;
  return TRUE;
}

gboolean
gonio_transform_inverse (const GonioTransform *transform, GonioPoint p, GonioPoint *out)
{
  GonioPoint q = {0};

  if (!gonio_point_is_finite (p) || !transform->kind->inverse (transform, p, &q) ||
      !gonio_point_is_finite (q))
    return FALSE;
  *out = q;
  return TRUE;
}

char *
gonio_transform_describe (const GonioTransform *transform)
{
  return transform->kind->describe (transform);
}

gboolean
gonio_transform_as_affine (const GonioTransform *t, double out_m[6])
{
  return t->kind->as_affine && t->kind->as_affine (t, out_m);
}

/* ---- identity ---- */

static gboolean
identity_map (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  *out = p;
  return TRUE;
}

static char *
identity_describe (const GonioTransform *t)
{
  return g_strdup ("identity");
}

static gboolean
identity_as_affine (const GonioTransform *t, double out_m[6])
{
  static const double m[6] = {1, 0, 0, 0, 1, 0};

  memcpy (out_m, m, sizeof m);
  return TRUE;
}

static const GonioTransformKind identity_kind = {
    .forward = identity_map,
    .inverse = identity_map,
    .describe = identity_describe,
    .as_affine = identity_as_affine,
};

GonioTransform *
gonio_transform_new_identity (void)
{
  return gonio_transform_alloc (sizeof (GonioTransform), &identity_kind);
}

/* ---- composition ---- */

typedef struct {
  GonioTransform base;
  GonioTransform *first, *second;
} Composition;

static gboolean
composition_forward (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  const Composition *c = (const Composition *)t;

  return gonio_transform_forward (c->first, p, &p) && gonio_transform_forward (c->second, p, out);
}

static gboolean
composition_inverse (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  const Composition *c = (const Composition *)t;

  return gonio_transform_inverse (c->second, p, &p) && gonio_transform_inverse (c->first, p, out);
}

static char *
composition_describe (const GonioTransform *t)
{
  const Composition *c = (const Composition *)t;
  g_autofree char *first = gonio_transform_describe (c->first);
  g_autofree char *second = gonio_transform_describe (c->second);

  if (g_str_equal (first, "identity"))
    return g_steal_pointer (&second);
  if (g_str_equal (second, "identity"))
    return g_steal_pointer (&first);
  return g_strdup_printf ("%s + %s", first, second);
}

static gboolean
composition_as_affine (const GonioTransform *t, double out_m[6])
{
  const Composition *c = (const Composition *)t;
  double a[6] = {0}, b[6] = {0};

  if (!gonio_transform_as_affine (c->first, a) || !gonio_transform_as_affine (c->second, b))
    return FALSE;
  for (guint r = 0; r < 2; r++) {
    out_m[r * 3 + 0] = b[r * 3] * a[0] + b[r * 3 + 1] * a[3];
    out_m[r * 3 + 1] = b[r * 3] * a[1] + b[r * 3 + 1] * a[4];
    out_m[r * 3 + 2] = b[r * 3] * a[2] + b[r * 3 + 1] * a[5] + b[r * 3 + 2];
  }
  return TRUE;
}

static void
composition_clear (GonioTransform *t)
{
  Composition *c = (Composition *)t;

  gonio_transform_unref (c->first);
  gonio_transform_unref (c->second);
}

static const GonioTransformKind composition_kind = {
    .forward = composition_forward,
    .inverse = composition_inverse,
    .describe = composition_describe,
    .as_affine = composition_as_affine,
    .clear = composition_clear,
};

GonioTransform *
gonio_transform_compose (GonioTransform *first, GonioTransform *second)
{
  Composition *c = gonio_transform_alloc (sizeof *c, &composition_kind);

  c->first = gonio_transform_ref (first);
  c->second = gonio_transform_ref (second);
  return &c->base;
}

/* ---- inversion ---- */

typedef struct {
  GonioTransform base;
  GonioTransform *inner;
} Inversion;

static gboolean
inversion_forward (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  return gonio_transform_inverse (((const Inversion *)t)->inner, p, out);
}

static gboolean
inversion_inverse (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  return gonio_transform_forward (((const Inversion *)t)->inner, p, out);
}

static char *
inversion_describe (const GonioTransform *t)
{
  g_autofree char *inner = gonio_transform_describe (((const Inversion *)t)->inner);

  if (g_str_equal (inner, "identity"))
    return g_steal_pointer (&inner);
  return g_strdup_printf (strchr (inner, '+') ? "inverse of (%s)" : "inverse of %s", inner);
}

static gboolean
inversion_as_affine (const GonioTransform *t, double out_m[6])
{
  double m[6] = {0}, det = 0;

  if (!gonio_transform_as_affine (((const Inversion *)t)->inner, m))
    return FALSE;
  det = m[0] * m[4] - m[1] * m[3];
  out_m[0] = m[4] / det;
  out_m[1] = -m[1] / det;
  out_m[3] = -m[3] / det;
  out_m[4] = m[0] / det;
  out_m[2] = -(out_m[0] * m[2] + out_m[1] * m[5]);
  out_m[5] = -(out_m[3] * m[2] + out_m[4] * m[5]);
  return TRUE;
}

static void
inversion_clear (GonioTransform *t)
{
  gonio_transform_unref (((Inversion *)t)->inner);
}

static const GonioTransformKind inversion_kind = {
    .forward = inversion_forward,
    .inverse = inversion_inverse,
    .describe = inversion_describe,
    .as_affine = inversion_as_affine,
    .clear = inversion_clear,
};

GonioTransform *
gonio_transform_invert (GonioTransform *transform)
{
  Inversion *inversion = NULL;

  if (transform->kind == &inversion_kind)
    return gonio_transform_ref (((Inversion *)transform)->inner);
  inversion = gonio_transform_alloc (sizeof *inversion, &inversion_kind);
  inversion->inner = gonio_transform_ref (transform);
  return &inversion->base;
}

/* ---- fitting ---- */

gboolean
gonio_least_squares (double *a, guint rows, guint cols, double *b, guint n_rhs, const char *what,
                     GError **error)
{
  g_autofree lapack_int *pivots = g_new0 (lapack_int, cols);
  lapack_int rank = 0, info = 0;

  if (rows >= cols)
    info = LAPACKE_dgelsy (LAPACK_ROW_MAJOR, (lapack_int)rows, (lapack_int)cols, (lapack_int)n_rhs,
                           a, (lapack_int)cols, b, (lapack_int)n_rhs, pivots, 1e-10, &rank);
  if (rows < cols || info != 0 || rank < (lapack_int)cols) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "a %s cannot be fitted: the points are too few, coincide or lie on one line. "
                 "Spread them over the picture",
                 what);
    return FALSE;
  }
  return TRUE;
}

void
gonio_points_normalise (const GonioPoint *points, guint n, GonioPoint *out_center,
                        double *out_scale)
{
  GonioPoint c = {0, 0};
  double distance = 0;

  for (guint i = 0; i < n; i++) {
    c.x += points[i].x / n;
    c.y += points[i].y / n;
  }
  for (guint i = 0; i < n; i++)
    distance += hypot (points[i].x - c.x, points[i].y - c.y) / n;
  *out_center = c;
  *out_scale = distance > 0 && isfinite (distance) ? distance : 1;
}

/* ---- resampling ---- */

/* Where the pixels of one destination tile come from. */
typedef struct {
  GonioPoint at[TILE * TILE];
  gboolean valid[TILE * TILE];
  double ax, ay, bx, by; /* source vector of one step right and one step down */
} Tile;

static GonioPoint
point_mix (const GonioPoint corner[4], double u, double v)
{
  double a = (1 - u) * (1 - v), b = u * (1 - v), c = (1 - u) * v, d = u * v;

  return (GonioPoint){a * corner[0].x + b * corner[1].x + c * corner[2].x + d * corner[3].x,
                      a * corner[0].y + b * corner[1].y + c * corner[2].y + d * corner[3].y};
}

/* Bilinear between the exact corners where that is exact enough at five points between. */
static gboolean
tile_interpolate (const GonioTransform *t, double x0, double y0, guint w, guint h, Tile *tile)
{
  static const double probe[5][2] = {{.5, .5}, {.5, 0}, {.5, 1}, {0, .5}, {1, .5}};
  double sx = w - 1, sy = h - 1;
  GonioPoint corner[4] = {{0}};

  for (guint i = 0; i < 4; i++) {
    GonioPoint p = {x0 + (i & 1 ? sx : 0), y0 + (i & 2 ? sy : 0)};

    if (!gonio_transform_inverse (t, p, &corner[i]))
      return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (probe); i++) {
    GonioPoint p = {x0 + probe[i][0] * sx, y0 + probe[i][1] * sy}, exact = {0};
    GonioPoint mixed = point_mix (corner, probe[i][0], probe[i][1]);

    if (!gonio_transform_inverse (t, p, &exact) ||
        hypot (exact.x - mixed.x, exact.y - mixed.y) > TOLERANCE)
      return FALSE;
  }
  for (guint y = 0; y < h; y++) {
    for (guint x = 0; x < w; x++) {
      tile->at[y * TILE + x] = point_mix (corner, sx > 0 ? x / sx : 0, sy > 0 ? y / sy : 0);
      tile->valid[y * TILE + x] = TRUE;
    }
  }
  return TRUE;
}

static void
tile_exact (const GonioTransform *t, double x0, double y0, guint w, guint h, Tile *tile)
{
  for (guint y = 0; y < h; y++) {
    for (guint x = 0; x < w; x++) {
      GonioPoint p = {x0 + x, y0 + y};

      tile->valid[y * TILE + x] = gonio_transform_inverse (t, p, &tile->at[y * TILE + x]);
    }
  }
}

/* Source vectors of a step right and down about the middle of the tile: half a pixel to either
 * side of its central pixel, or of any pixel that is defined. */
static void
tile_steps (const GonioTransform *t, double x0, double y0, guint w, guint h, Tile *tile)
{
  guint middle = h / 2 * TILE + w / 2, pick = middle;
  GonioPoint l = {0}, r = {0}, up = {0}, down = {0};
  double px = 0, py = 0;

  for (guint i = 0; !tile->valid[pick] && i < w * h; i++)
    pick = i / w * TILE + i % w;
  px = x0 + pick % TILE;
  py = y0 + pick / TILE;
  tile->ax = tile->by = 1;
  tile->ay = tile->bx = 0;
  if (gonio_transform_inverse (t, (GonioPoint){px - 0.5, py}, &l) &&
      gonio_transform_inverse (t, (GonioPoint){px + 0.5, py}, &r)) {
    tile->ax = r.x - l.x;
    tile->ay = r.y - l.y;
  }
  if (gonio_transform_inverse (t, (GonioPoint){px, py - 0.5}, &up) &&
      gonio_transform_inverse (t, (GonioPoint){px, py + 0.5}, &down)) {
    tile->bx = down.x - up.x;
    tile->by = down.y - up.y;
  }
}

/* Called for each destination pixel; values is NULL where there is no source. */
typedef void (*Store) (gpointer out, size_t index, const float *values);

static gboolean
resample (const GonioImage *image, const GonioTransform *t, guint width, guint height, Store store,
          gpointer out, GCancellable *cancellable, GError **error)
{
  g_autoptr (GonioSampler) sampler = gonio_sampler_new (image);
  g_autofree Tile *tile = g_new (Tile, 1);
  double src_w = image->width, src_h = image->height;

  for (guint y = 0; y < height; y += TILE) {
    guint h = MIN (TILE, height - y);

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return FALSE;
    for (guint x = 0; x < width; x += TILE) {
      guint w = MIN (TILE, width - x);
      GonioFootprint footprint = {0};

      if (!tile_interpolate (t, x + 0.5, y + 0.5, w, h, tile))
        tile_exact (t, x + 0.5, y + 0.5, w, h, tile);
      tile_steps (t, x + 0.5, y + 0.5, w, h, tile);
      footprint =
          gonio_sampler_footprint (sampler, hypot (tile->ax, tile->ay), hypot (tile->bx, tile->by));
      for (guint j = 0; j < h; j++) {
        for (guint i = 0; i < w; i++) {
          GonioPoint p = tile->at[j * TILE + i];
          gboolean inside =
              tile->valid[j * TILE + i] && p.x >= 0 && p.y >= 0 && p.x <= src_w && p.y <= src_h;
          float values[3] = {0};

          if (inside)
            gonio_sampler_read (sampler, footprint, p.x, p.y, tile->ax, tile->ay, tile->bx,
                                tile->by, values);
          store (out, (size_t)(y + j) * width + x + i, inside ? values : NULL);
        }
      }
    }
  }
  return TRUE;
}

static void
store_grey (gpointer out, size_t index, const float *values)
{
  ((uint16_t *)out)[index] = values ? (uint16_t)(values[0] + 0.5f) : 0;
}

static void
store_rgb (gpointer out, size_t index, const float *values)
{
  for (guint c = 0; c < 3; c++)
    ((uint8_t *)out)[index * 3 + c] = values ? (uint8_t)(values[c] + 0.5f) : 0;
}

/* Spacing survives only an axis-aligned scale. */
static GonioSpacing
spacing_after (const GonioImage *image, const GonioTransform *t)
{
  const GonioSpacing *old = &image->spacing;
  GonioSpacing spacing = {0};
  double m[6] = {0};

  if (old->row_mm > 0 && gonio_transform_as_affine (t, m) && fabs (m[1]) < 1e-9 * fabs (m[0]) &&
      fabs (m[3]) < 1e-9 * fabs (m[4])) {
    spacing.row_mm = old->row_mm / fabs (m[4]);
    spacing.column_mm = old->column_mm / fabs (m[0]);
    spacing.source = old->source;
    spacing.description = g_strdup (old->description);
  }
  return spacing;
}

GonioImage *
gonio_image_transform (const GonioImage *image, const GonioTransform *transform, guint width,
                       guint height, GCancellable *cancellable, GError **error)
{
  g_autofree gpointer pixels = NULL;
  GonioImageInfo info = {0};
  GonioSpacing spacing = {0};
  GonioImage *out = NULL;

  if (!gonio_limits_check (NULL, width, height, error))
    return NULL;
  pixels = gonio_pixels_alloc (width, height, gonio_pixels_size (image->format), error);
  if (!pixels)
    return NULL;
  if (!resample (image, transform, width, height,
                 image->format == GONIO_PIXELS_GREY16 ? store_grey : store_rgb, pixels, cancellable,
                 error))
    return NULL;
  gonio_image_info_copy (&info, &image->info);
  spacing = spacing_after (image, transform);
  out = gonio_image_new (image->format, width, height, g_steal_pointer (&pixels), &info, &spacing);
  out->window = image->window;
  out->window.lut = g_memdup2 (image->window.lut, image->window.lut_size * sizeof (uint16_t));
  out->has_padding = image->has_padding;
  out->pad_low = image->pad_low;
  out->pad_high = image->pad_high;
  return out;
}

typedef struct {
  const float *table;
  float fill;
  gboolean rgb;
  float *out;
} FloatTarget;

static void
store_float (gpointer data, size_t index, const float *values)
{
  FloatTarget *target = data;
  float v = 0;
  guint i = 0;

  if (!values) {
    target->out[index] = target->fill;
    return;
  }
  v = target->rgb ? (0.299f * values[0] + 0.587f * values[1] + 0.114f * values[2]) * 257.0f
                  : values[0];
  v = CLAMP (v, 0.0f, 65535.0f);
  i = MIN ((guint)v, 65534u);
  target->out[index] = target->table[i] + (target->table[i + 1] - target->table[i]) * (v - i);
}

gboolean
gonio_image_sample_float (const GonioImage *image, const GonioWindow *window,
                          const GonioTransform *transform, guint width, guint height, float fill,
                          float *out, GError **error)
{
  g_autofree float *table = g_new (float, 65536);
  FloatTarget target = {table, fill, image->format == GONIO_PIXELS_RGB8, out};

  if (!gonio_limits_check (NULL, width, height, error))
    return FALSE;
  gonio_window_to_floats (window ? window : &image->window, table);
  return resample (image, transform, width, height, store_float, &target, NULL, error);
}
