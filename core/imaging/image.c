/* GonioImage: pixels with what is known about them, and the pixel helpers that every format
 * reader uses. Depends on base.
 */
#include "core/imaging/load-private.h"

#include "core/base/checked.h"
#include "core/base/memory.h"

/* Every string of GonioImageInfo, once. */
#define INFO_STRINGS(X)                                                                            \
  X (format)                                                                                       \
  X (transfer_syntax)                                                                              \
  X (modality)                                                                                     \
  X (patient_name)                                                                                 \
  X (patient_id)                                                                                   \
  X (patient_birth_date)                                                                           \
  X (patient_sex)                                                                                  \
  X (study_date)                                                                                   \
  X (study_description)                                                                            \
  X (study_uid)                                                                                    \
  X (series_uid)                                                                                   \
  X (sop_instance_uid)                                                                             \
  X (sop_class)                                                                                    \
  X (body_part)                                                                                    \
  X (view_position)                                                                                \
  X (view_code_meaning)                                                                            \
  X (image_laterality)                                                                             \
  X (patient_orientation)                                                                          \
  X (accession_number)                                                                             \
  X (photometric)

void
gonio_image_info_copy (GonioImageInfo *dst, const GonioImageInfo *src)
{
  *dst = *src;
#define COPY(field) dst->field = g_strdup (src->field);
  INFO_STRINGS (COPY)
#undef COPY
}

void
gonio_image_info_clear (GonioImageInfo *info)
{
#define CLEAR(field) g_clear_pointer (&info->field, g_free);
  INFO_STRINGS (CLEAR)
#undef CLEAR
}

void
gonio_spacing_clear (GonioSpacing *spacing)
{
  g_clear_pointer (&spacing->description, g_free);
}

size_t
gonio_pixels_size (GonioPixels format)
{
  return format == GONIO_PIXELS_GREY16 ? sizeof (uint16_t) : 3;
}

GonioImage *
gonio_image_new (GonioPixels format, guint width, guint height, gpointer pixels,
                 const GonioImageInfo *info, const GonioSpacing *spacing)
{
  GonioImage *image = g_atomic_rc_box_new0 (GonioImage);

  g_mutex_init (&image->cache_lock);
  image->format = format;
  image->width = width;
  image->height = height;
  image->pixels = pixels;
  if (info)
    image->info = *info;
  if (spacing)
    image->spacing = *spacing;
  if (format == GONIO_PIXELS_GREY16)
    image->window = gonio_window_for_bits (16, 1);
  else
    image->window = gonio_window_for_bits (8, 257);
  return image;
}

GonioImage *
gonio_image_ref (GonioImage *image)
{
  return g_atomic_rc_box_acquire (image);
}

static void
image_free (gpointer data)
{
  GonioImage *image = data;

  g_free (image->pixels);
  for (guint i = 0; i < image->n_halved; i++)
    g_free ((gpointer)image->halved[i].pixels);
  g_clear_pointer (&image->table, g_atomic_rc_box_release);
  g_mutex_clear (&image->cache_lock);
  g_free (image->window.lut);
  gonio_image_info_clear (&image->info);
  gonio_spacing_clear (&image->spacing);
}

void
gonio_image_unref (GonioImage *image)
{
  if (image)
    g_atomic_rc_box_release_full (image, image_free);
}

GonioPixels
gonio_image_format (const GonioImage *image)
{
  return image->format;
}

guint
gonio_image_width (const GonioImage *image)
{
  return image->width;
}

guint
gonio_image_height (const GonioImage *image)
{
  return image->height;
}

const void *
gonio_image_pixels (const GonioImage *image)
{
  return image->pixels;
}

const uint16_t *
gonio_image_grey16 (const GonioImage *image)
{
  return image->format == GONIO_PIXELS_GREY16 ? image->pixels : NULL;
}

const GonioImageInfo *
gonio_image_info (const GonioImage *image)
{
  return &image->info;
}

const GonioSpacing *
gonio_image_spacing (const GonioImage *image)
{
  return &image->spacing;
}

const GonioWindow *
gonio_image_window (const GonioImage *image)
{
  return &image->window;
}

void
gonio_image_set_window (GonioImage *image, const GonioWindow *window)
{
  if (image->window.lut != window->lut)
    g_free (image->window.lut);
  image->window = *window;
}

GonioSide
gonio_image_side (const GonioImage *image)
{
  const char *text = image->info.image_laterality;

  switch (text ? g_ascii_toupper (text[0]) : 0) {
  case 'L':
    return GONIO_SIDE_LEFT;
  case 'R':
    return GONIO_SIDE_RIGHT;
  case 'B':
    return GONIO_SIDE_BOTH;
  default: /* U is "unpaired" */
    return GONIO_SIDE_UNKNOWN;
  }
}

/* ---- limits ---- */

GonioImageLimits
gonio_limits_resolve (const GonioImageLimits *limits)
{
  GonioImageLimits out = limits ? *limits : (GonioImageLimits){0};

  if (out.max_file_bytes == 0)
    out.max_file_bytes = GONIO_IMAGE_MAX_FILE_BYTES;
  if (out.max_pixels == 0)
    out.max_pixels = GONIO_IMAGE_MAX_PIXELS;
  if (out.max_edge == 0)
    out.max_edge = GONIO_IMAGE_MAX_EDGE;
  out.max_edge = MIN (out.max_edge, GONIO_IMAGE_MAX_EDGE);
  return out;
}

gboolean
gonio_limits_check (const GonioImageLimits *limits, guint64 width, guint64 height, GError **error)
{
  GonioImageLimits l = gonio_limits_resolve (limits);

  if (width == 0 || height == 0) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the picture is empty (%" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                 " pixels). Export it again",
                 width, height);
    return FALSE;
  }
  if (width > l.max_edge || height > l.max_edge || width * height > l.max_pixels) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                 "the picture is too large: %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                 " pixels; at most %u along an edge and %" G_GUINT64_FORMAT
                 " million in all are read. Scale it down or cut out the region of interest",
                 width, height, l.max_edge, l.max_pixels / 1000000);
    return FALSE;
  }
  return TRUE;
}

gpointer
gonio_pixels_alloc (guint64 width, guint64 height, size_t bytes_per_pixel, GError **error)
{
  size_t size = 0;
  gpointer pixels = NULL;

  if (!gonio_checked_mul (width, height, &size) ||
      !gonio_checked_mul (size, bytes_per_pixel, &size)) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                 "a picture of %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                 " pixels is too large. Scale it down",
                 width, height);
    return NULL;
  }
  pixels = gonio_alloc (size, 1, "a picture", NULL); /* with its pages at once */
  if (!pixels)
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MEMORY,
                 "not enough memory: a picture of %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                 " pixels needs %" G_GSIZE_FORMAT
                 " bytes. Close other programs or scale the picture down",
                 width, height, size);
  return pixels;
}

char *
gonio_format_amount (guint64 have, guint64 need)
{
  g_autofree char *a = NULL, *b = NULL;

  if (have >= 100 * 1000)
    return g_strdup_printf ("%.1f of %.1f MB", have / 1e6, need / 1e6);
  a = g_strdup_printf ("%" G_GUINT64_FORMAT " bytes", have);
  b = need >= 100 * 1000 ? g_strdup_printf ("%.1f MB", need / 1e6)
                         : g_strdup_printf ("%" G_GUINT64_FORMAT, need);
  return g_strdup_printf ("%s of %s", a, b);
}

/* ---- pixel helpers ---- */

void
gonio_pixels_widen (gpointer pixels, size_t count)
{
  const uint8_t *src = (const uint8_t *)pixels + count;
  uint16_t *dst = pixels;

  /* dst[i] ends before src[i] while i < count, so forward is safe except for the last bytes,
   * which are read before they are written. */
  for (size_t i = 0; i < count; i++)
    dst[i] = (uint16_t)(src[i] * 257u);
}

/* Source column and row of a destination pixel for EXIF orientations 2..8. */
static inline void
orient_source (int orientation, guint w, guint h, guint x, guint y, guint *sx, guint *sy)
{
  gboolean swap = orientation >= 5;
  gboolean mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  gboolean mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  guint u = swap ? y : x, v = swap ? x : y;

  *sx = mirror_x ? w - 1 - u : u;
  *sy = mirror_y ? h - 1 - v : v;
}

gboolean
gonio_pixels_orient (GonioPixels format, gpointer *pixels, guint *width, guint *height,
                     int orientation, GError **error)
{
  guint w = *width, h = *height;
  guint out_w = orientation >= 5 ? h : w, out_h = orientation >= 5 ? w : h;
  size_t size = gonio_pixels_size (format);

  if (orientation < 2 || orientation > 8)
    return TRUE;
  g_autofree uint8_t *out = gonio_pixels_alloc (w, h, size, error);
  if (!out)
    return FALSE;
  for (guint y = 0; y < out_h; y++) {
    for (guint x = 0; x < out_w; x++) {
      guint sx = 0, sy = 0;

      orient_source (orientation, w, h, x, y, &sx, &sy);
      if (format == GONIO_PIXELS_GREY16)
        ((uint16_t *)out)[(size_t)y * out_w + x] = ((uint16_t *)*pixels)[(size_t)sy * w + sx];
      else
        memcpy (out + ((size_t)y * out_w + x) * 3, (uint8_t *)*pixels + ((size_t)sy * w + sx) * 3,
                3);
    }
  }
  g_free (*pixels);
  *pixels = g_steal_pointer (&out);
  *width = out_w;
  *height = out_h;
  return TRUE;
}
