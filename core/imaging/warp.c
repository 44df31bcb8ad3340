/* Resampling of pictures through a transform: tile by tile, on several threads. Depends on base.
 */
#include "core/imaging/bands.h"
#include "core/imaging/resample.h"
#include "core/imaging/transform-private.h"

#include <math.h>

#define TILE      16          /* destination pixels that share one interpolated inverse */
#define TOLERANCE (1.0 / 256) /* source pixels that the interpolation may be off */

/* ---- tiles ---- */

/* Where the pixels of one destination tile come from. */
typedef struct {
  GonioPoint at[TILE * TILE];
  uint8_t valid[TILE * TILE];
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

typedef struct {
  const GonioImage *image;
  const GonioTransform *transform;
  guint width;
  GonioStore store;
  gpointer out;
  GCancellable *cancellable;
} Warp;

static void
warp_tile (const Warp *warp, guint x, guint y, guint w, guint h, Tile *tile)
{
  const GonioImage *image = warp->image;
  const GonioTransform *t = warp->transform;
  GonioArea area;

  if (!tile_interpolate (t, x + 0.5, y + 0.5, w, h, tile))
    tile_exact (t, x + 0.5, y + 0.5, w, h, tile);
  tile_steps (t, x + 0.5, y + 0.5, w, h, tile);
  gonio_area_init (&area, image, (GonioPoint){tile->ax, tile->ay},
                   (GonioPoint){tile->bx, tile->by});
  for (guint j = 0; j < h; j++) {
    const GonioPoint *at = tile->at + j * TILE;
    uint8_t *inside = tile->valid + j * TILE;
    float values[TILE * 4] = {0};

    for (guint i = 0; i < w; i++)
      inside[i] = inside[i] && at[i].x >= 0 && at[i].y >= 0 && at[i].x <= image->width &&
                  at[i].y <= image->height;
    gonio_area_read (&area, at, inside, w, values);
    warp->store (warp->out, (size_t)(y + j) * warp->width + x, w, values, inside);
  }
}

static void
warp_band (gpointer data, guint first, guint end)
{
  const Warp *warp = data;
  g_autofree Tile *tile = g_new (Tile, 1);

  for (guint y = first; y < end; y += TILE) {
    if (g_cancellable_is_cancelled (warp->cancellable))
      return;
    for (guint x = 0; x < warp->width; x += TILE)
      warp_tile (warp, x, y, MIN (TILE, warp->width - x), MIN (TILE, end - y), tile);
  }
}

static gboolean
resample (const GonioImage *image, const GonioTransform *t, guint width, guint height,
          GonioStore store, gpointer out, GCancellable *cancellable, GError **error)
{
  Warp warp = {.image = image,
               .transform = t,
               .width = width,
               .store = store,
               .out = out,
               .cancellable = cancellable};

  if (!gonio_resample_scaled (image, t, width, height, store, out, cancellable))
    gonio_bands_run (height, TILE, (guint64)width * height * 4, warp_band, &warp);
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

/* ---- into a picture ---- */

static void
store_grey (gpointer out, size_t index, guint n, const float *values, const uint8_t *inside)
{
  uint16_t *pixels = (uint16_t *)out + index;

  for (guint i = 0; i < n; i++)
    pixels[i] = inside[i] ? (uint16_t)(values[i] + 0.5f) : 0;
}

static void
store_rgb (gpointer out, size_t index, guint n, const float *values, const uint8_t *inside)
{
  uint8_t *pixels = (uint8_t *)out + index * 3;

  for (guint i = 0; i < n; i++)
    for (guint c = 0; c < 3; c++)
      pixels[3 * i + c] = inside[i] ? (uint8_t)(values[4 * i + c] + 0.5f) : 0;
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

/* ---- into floats ---- */

typedef struct {
  const float *table;
  float fill;
  gboolean rgb;
  float *out;
} FloatTarget;

static void
store_float (gpointer data, size_t index, guint n, const float *values, const uint8_t *inside)
{
  const FloatTarget *target = data;
  float *out = target->out + index;

  for (guint k = 0; k < n; k++) {
    const float *p = values + (target->rgb ? 4 * (size_t)k : k);
    float v = target->rgb ? (0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2]) * 257.0f : p[0];

    v = CLAMP (v, 0.0f, 65535.0f);
    gint i = MIN ((gint)v, 65534);
    float level = target->table[i] + (target->table[i + 1] - target->table[i]) * (v - (float)i);
    out[k] = inside[k] ? level : target->fill;
  }
}

gboolean
gonio_image_sample_float (const GonioImage *image, const GonioWindow *window,
                          const GonioTransform *transform, guint width, guint height, float fill,
                          float *out, GError **error)
{
  float *table = NULL;
  gboolean done = FALSE;

  if (!gonio_limits_check (NULL, width, height, error))
    return FALSE;
  table = gonio_image_levels (image, window);
  FloatTarget target = {table, fill, image->format == GONIO_PIXELS_RGB8, out};
  done = resample (image, transform, width, height, store_float, &target, NULL, error);
  g_atomic_rc_box_release (table);
  return done;
}
