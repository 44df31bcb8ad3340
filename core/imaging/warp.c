/* Resampling of pictures through a transform: tile by tile, on several threads. Depends on base.
 */
#include "core/imaging/bands.h"
#include "core/imaging/resample.h"
#include "core/imaging/transform-private.h"

#include <math.h>

#define TILE      GONIO_AREA_ROW /* destination pixels that share one interpolated inverse */
#define TOLERANCE (1.0 / 256)    /* source pixels that the interpolation may be off */

/* ---- tiles ---- */

/* Where the pixels of one destination tile come from. */
typedef struct {
  double x[TILE * TILE], y[TILE * TILE];
  uint8_t valid[TILE * TILE];
  double ax, ay, bx, by; /* source vector of one step right and one step down */
  gboolean smooth;       /* between low and high everywhere */
  GonioPoint low, high;
} Tile;

/* Three source points along an axis at 0, 0.5 and 1 as the parabola through them. */
typedef struct {
  double x[3], y[3]; /* coefficients, constant first */
} Parabola;

static Parabola
parabola_through (GonioPoint p, GonioPoint q, GonioPoint r)
{
  return (Parabola){{p.x, -3 * p.x + 4 * q.x - r.x, 2 * (p.x - 2 * q.x + r.x)},
                    {p.y, -3 * p.y + 4 * q.y - r.y, 2 * (p.y - 2 * q.y + r.y)}};
}

static inline GonioPoint
parabola_at (const Parabola *c, double u)
{
  return (GonioPoint){c->x[0] + u * (c->x[1] + u * c->x[2]), c->y[0] + u * (c->y[1] + u * c->y[2])};
}

/* The row at v of the surface through three columns. */
static Parabola
surface_row (const Parabola columns[3], double v)
{
  return parabola_through (parabola_at (&columns[0], v), parabola_at (&columns[1], v),
                           parabola_at (&columns[2], v));
}

/* Bounds of the surface: those of its nine points, and what the parabolas between them may swing
 * out, an eighth of their second difference. */
static void
bound (const GonioPoint exact[3][3], Tile *tile)
{
  GonioPoint swing = {0, 0};

  tile->low = tile->high = exact[0][0];
  for (guint i = 0; i < 3; i++) {
    const GonioPoint *down = exact[i];
    const GonioPoint across[3] = {exact[0][i], exact[1][i], exact[2][i]};

    for (guint j = 0; j < 3; j++) {
      tile->low = (GonioPoint){MIN (tile->low.x, down[j].x), MIN (tile->low.y, down[j].y)};
      tile->high = (GonioPoint){MAX (tile->high.x, down[j].x), MAX (tile->high.y, down[j].y)};
    }
    swing.x += fabs (down[0].x - 2 * down[1].x + down[2].x) +
               fabs (across[0].x - 2 * across[1].x + across[2].x);
    swing.y += fabs (down[0].y - 2 * down[1].y + down[2].y) +
               fabs (across[0].y - 2 * across[1].y + across[2].y);
  }
  tile->low = (GonioPoint){tile->low.x - swing.x, tile->low.y - swing.y};
  tile->high = (GonioPoint){tile->high.x + swing.x, tile->high.y + swing.y};
}

/* Parabolas through nine exact points where that is exact enough at four points between. */
static gboolean
tile_interpolate (const GonioTransform *t, double x0, double y0, guint w, guint h, Tile *tile)
{
  static const double probe[4][2] = {{.25, .25}, {.75, .25}, {.25, .75}, {.75, .75}};
  double sx = w - 1, sy = h - 1, step = w > 1 ? 1 / sx : 0;
  GonioPoint nodes[3][3] = {{{0}}};
  Parabola columns[3];

  for (guint i = 0; i < 3; i++) {
    for (guint j = 0; j < 3; j++)
      if (!gonio_transform_inverse (t, (GonioPoint){x0 + 0.5 * i * sx, y0 + 0.5 * j * sy},
                                    &nodes[i][j]))
        return FALSE;
    columns[i] = parabola_through (nodes[i][0], nodes[i][1], nodes[i][2]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (probe); i++) {
    GonioPoint p = {x0 + probe[i][0] * sx, y0 + probe[i][1] * sy}, exact = {0};
    Parabola row = surface_row (columns, probe[i][1]);
    GonioPoint mixed = parabola_at (&row, probe[i][0]);

    if (!gonio_transform_inverse (t, p, &exact) ||
        hypot (exact.x - mixed.x, exact.y - mixed.y) > TOLERANCE)
      return FALSE;
  }
  for (guint y = 0; y < h; y++) {
    Parabola row = surface_row (columns, sy > 0 ? y / sy : 0);

    /* Whole rows are read: those beyond the tile repeat its last pixel. */
    for (guint x = 0; x < TILE; x++) {
      GonioPoint p = parabola_at (&row, MIN (x, w - 1) * step);

      tile->x[y * TILE + x] = p.x;
      tile->y[y * TILE + x] = p.y;
    }
    memset (tile->valid + (size_t)y * TILE, 1, w);
  }
  bound (nodes, tile);
  return TRUE;
}

static void
tile_exact (const GonioTransform *t, double x0, double y0, guint w, guint h, Tile *tile)
{
  for (guint y = 0; y < h; y++) {
    for (guint x = 0; x < w; x++) {
      GonioPoint p = {x0 + x, y0 + y}, source = {0};
      guint i = y * TILE + x;

      tile->valid[i] = gonio_transform_inverse (t, p, &source);
      tile->x[i] = source.x;
      tile->y[i] = source.y;
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

/* Pixels of the tile whose source lies in the picture; others become invalid. */
static void
keep_inside (const GonioImage *image, Tile *tile)
{
  for (guint i = 0; i < TILE * TILE; i++)
    tile->valid[i] = tile->valid[i] && tile->x[i] >= 0 && tile->y[i] >= 0 &&
                     tile->x[i] <= image->width && tile->y[i] <= image->height;
}

static void
warp_tile (const Warp *warp, guint x, guint y, guint w, guint h, Tile *tile)
{
  const GonioTransform *t = warp->transform;
  GonioArea area;

  memset (tile->valid, 0, sizeof tile->valid);
  tile->smooth = tile_interpolate (t, x + 0.5, y + 0.5, w, h, tile);
  if (!tile->smooth)
    tile_exact (t, x + 0.5, y + 0.5, w, h, tile);
  tile_steps (t, x + 0.5, y + 0.5, w, h, tile);
  gonio_area_init (&area, warp->image, (GonioPoint){tile->ax, tile->ay},
                   (GonioPoint){tile->bx, tile->by});
  gboolean clear = tile->smooth && gonio_area_is_clear (&area, tile->low, tile->high);
  if (!clear)
    keep_inside (warp->image, tile);
  for (guint j = 0; j < h; j++) {
    const uint8_t *inside = clear ? NULL : tile->valid + (size_t)j * TILE;
    float values[TILE * 4];

    gonio_area_read (&area, tile->x + (size_t)j * TILE, tile->y + (size_t)j * TILE, inside, values);
    warp->store (warp->out, (size_t)(y + j) * warp->width + x, w, values, inside);
  }
}

static void
warp_band (gpointer data, guint first, guint end)
{
  const Warp *warp = data;
  g_autofree Tile *tile = g_new0 (Tile, 1);

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
    pixels[i] = (uint16_t)(int)(values[i] + 0.5f);
  for (guint i = 0; inside && i < n; i++)
    pixels[i] = inside[i] ? pixels[i] : 0;
}

static void
store_rgb (gpointer out, size_t index, guint n, const float *values, const uint8_t *inside)
{
  uint8_t *pixels = (uint8_t *)out + index * 3;
  uint8_t bytes[4 * GONIO_AREA_ROW];

  for (guint first = 0; first < n; first += GONIO_AREA_ROW) {
    guint end = MIN (n, first + GONIO_AREA_ROW);

    for (guint i = 0; i < 4 * (end - first); i++)
      bytes[i] = (uint8_t)(int)(values[4 * first + i] + 0.5f);
    for (guint i = first; i + 1 < end; i++, pixels += 3)
      memcpy (pixels, bytes + 4 * (i - first), 4); /* the fourth byte is written over */
    memcpy (pixels, bytes + 4 * (end - 1 - first), 3);
    pixels += 3;
  }
  pixels -= 3 * (size_t)n;
  for (guint i = 0; inside && i < n; i++)
    if (!inside[i])
      memset (pixels + 3 * (size_t)i, 0, 3);
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
    out[k] = !inside || inside[k] ? level : target->fill;
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
