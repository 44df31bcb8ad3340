/* A picture at halving resolutions; see gonio-pyramid.h. */
#include "ui/viewer/gonio-pyramid.h"

#define MIN_EDGE   256
#define MAX_LEVELS 12

typedef struct {
  guint width, height;
  const uint16_t *grey; /* one of the two */
  const uint8_t *rgb;
  gpointer owned; /* NULL for level 0, whose pixels are the image's */
} Level;

struct _GonioPyramid {
  gatomicrefcount refs;
  GonioImage *image;
  Level levels[MAX_LEVELS];
  guint n_levels;
};

static void
halve_grey (const Level *from, Level *to)
{
  uint16_t *out = g_new (uint16_t, (gsize)to->width * to->height);
  for (guint y = 0; y < to->height; y++) {
    const uint16_t *r0 = from->grey + (gsize)(2 * y) * from->width;
    const uint16_t *r1 = r0 + from->width;
    uint16_t *row = out + (gsize)y * to->width;
    for (guint x = 0; x < to->width; x++)
      row[x] = (uint16_t)((r0[2 * x] + r0[2 * x + 1] + r1[2 * x] + r1[2 * x + 1] + 2) / 4);
  }
  to->grey = to->owned = out;
}

static void
halve_rgb (const Level *from, Level *to)
{
  uint8_t *out = g_new (uint8_t, (gsize)to->width * to->height * 3);
  for (guint y = 0; y < to->height; y++) {
    const uint8_t *r0 = from->rgb + (gsize)(2 * y) * from->width * 3;
    const uint8_t *r1 = r0 + (gsize)from->width * 3;
    uint8_t *row = out + (gsize)y * to->width * 3;
    for (guint x = 0; x < to->width; x++)
      for (guint c = 0; c < 3; c++)
        row[3 * x + c] =
            (uint8_t)((r0[6 * x + c] + r0[6 * x + 3 + c] + r1[6 * x + c] + r1[6 * x + 3 + c] + 2) /
                      4);
  }
  to->rgb = to->owned = out;
}

GonioPyramid *
gonio_pyramid_new (GonioImage *image)
{
  GonioPyramid *self = g_new0 (GonioPyramid, 1);
  g_atomic_ref_count_init (&self->refs);
  self->image = gonio_image_ref (image);
  Level *base = &self->levels[0];
  base->width = gonio_image_width (image);
  base->height = gonio_image_height (image);
  base->grey = gonio_image_grey16 (image);
  if (!base->grey)
    base->rgb = gonio_image_pixels (image);
  self->n_levels = 1;
  while (self->n_levels < MAX_LEVELS) {
    const Level *from = &self->levels[self->n_levels - 1];
    if (MAX (from->width, from->height) / 2 < MIN_EDGE || from->width < 2 || from->height < 2)
      break;
    Level *to = &self->levels[self->n_levels++];
    to->width = from->width / 2;
    to->height = from->height / 2;
    if (from->grey)
      halve_grey (from, to);
    else
      halve_rgb (from, to);
  }
  return self;
}

GonioPyramid *
gonio_pyramid_ref (GonioPyramid *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
gonio_pyramid_unref (GonioPyramid *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  for (guint i = 0; i < self->n_levels; i++)
    g_free (self->levels[i].owned);
  gonio_image_unref (self->image);
  g_free (self);
}

GonioImage *
gonio_pyramid_get_image (GonioPyramid *self)
{
  return self->image;
}

guint
gonio_pyramid_n_levels (GonioPyramid *self)
{
  return self->n_levels;
}

void
gonio_pyramid_level_size (GonioPyramid *self, guint level, guint *out_width, guint *out_height)
{
  *out_width = self->levels[level].width;
  *out_height = self->levels[level].height;
}

GdkTexture *
gonio_pyramid_render (GonioPyramid *self, guint level, guint x, guint y, guint width, guint height,
                      const uint8_t table[65536])
{
  const Level *source = &self->levels[level];
  const gsize stride = (gsize)width * 3;
  uint8_t *out = g_malloc (stride * height);
  for (guint row = 0; row < height; row++) {
    uint8_t *to = out + row * stride;
    if (source->grey) {
      const uint16_t *from = source->grey + (gsize)(y + row) * source->width + x;
      for (guint i = 0; i < width; i++)
        to[3 * i] = to[3 * i + 1] = to[3 * i + 2] = table[from[i]];
    } else {
      const uint8_t *from = source->rgb + ((gsize)(y + row) * source->width + x) * 3;
      for (guint i = 0; i < width * 3; i++)
        to[i] = table[from[i] * 257];
    }
  }
  g_autoptr (GBytes) bytes = g_bytes_new_take (out, stride * height);
  return gdk_memory_texture_new ((int)width, (int)height, GDK_MEMORY_R8G8B8, bytes, stride);
}
