/* What the format readers share: limits, pixel memory, orientation, percentiles and the
 * inside of GonioImage. Private to core/imaging. Depends on base.
 */
#pragma once

#include "core/base/error.h"
#include "core/imaging/image.h"

G_BEGIN_DECLS

/* Defaults behind a zero in GonioImageLimits, and the bounds that no caller can lift. */
#define GONIO_IMAGE_MAX_FILE_BYTES ((size_t)2 << 30)
#define GONIO_IMAGE_MAX_PIXELS     G_GUINT64_CONSTANT (300000000)
#define GONIO_IMAGE_MAX_EDGE       65500
#define GONIO_IMAGE_MAX_FRAMES     100000
/* Progressive pictures are walked once per scan: samples visited in all. */
#define GONIO_IMAGE_MAX_SCAN_PIXELS G_GUINT64_CONSTANT (3000000000)
/* A deflated DICOM data set may grow to this when unpacked. */
#define GONIO_IMAGE_MAX_INFLATED ((size_t)1 << 30)
#define GONIO_IMAGE_MAX_TEXT     1024 /* characters kept of one text attribute */

#define GONIO_IMAGE_MAX_LEVELS 17 /* 65536 halves to 1 in 16 steps */

/* A halved copy of a picture, or the picture itself; same format, rows without gaps. */
typedef struct {
  guint width, height;
  gconstpointer pixels;
} GonioLevel;

struct _GonioImage {
  GonioPixels format;
  guint width, height;
  gpointer pixels;
  GonioImageInfo info;
  GonioSpacing spacing;
  GonioWindow window;
  gboolean has_padding; /* pixels in pad_low..pad_high are no picture (Pixel Padding Value) */
  uint16_t pad_low, pad_high;
  GMutex cache_lock; /* guards what follows */
  guint n_halved;    /* levels made, see resample.h */
  GonioLevel halved[GONIO_IMAGE_MAX_LEVELS - 1];
  float *table; /* atomic rc box: display levels of table_window; nullable */
  GonioWindow table_window;
};

/* Copy of limits (nullable) with the zeros replaced by the defaults. */
GonioImageLimits gonio_limits_resolve (const GonioImageLimits *limits);
/* Refuses empty and too large pictures before anything is allocated for them. */
gboolean gonio_limits_check (const GonioImageLimits *limits, guint64 width, guint64 height,
                             GError **error);
/* Uninitialised memory for the pixels (transfer full, g_free), or an error in words. Sizes that
 * passed gonio_limits_check() cannot overflow. */
gpointer gonio_pixels_alloc (guint64 width, guint64 height, size_t bytes_per_pixel, GError **error);
size_t gonio_pixels_size (GonioPixels format); /* bytes per pixel */

/* Turns *pixels upright from an EXIF orientation (1..8, others are ignored); may replace the
 * memory and swap width and height. */
gboolean gonio_pixels_orient (GonioPixels format, gpointer *pixels, guint *width, guint *height,
                              int orientation, GError **error);
/* 8-bit grey to GREY16 (value * 257) in place: pixels holds width*height bytes in the second
 * half of a buffer of width*height*2. */
void gonio_pixels_widen (gpointer pixels, size_t count);

/* Window of pictures that are not DICOM: GREY16 made from bits-bit samples (value * k). */
GonioWindow gonio_window_for_bits (guint bits, guint k);
/* Sets the default window of a grey picture that is not DICOM: all levels of 8-bit samples and
 * of 16-bit samples that use the upper half; else (12 bits in 16) what the picture uses. */
void gonio_image_set_grey_window (GonioImage *image, guint bits);
/* Window whose black is pixel lo and whose white is pixel hi. */
GonioWindow gonio_window_between (guint lo, guint hi, double scale, double offset);
/* The same for the picture's own smallest and largest pixel. */
GonioWindow gonio_window_full_range (const GonioImage *image, double scale, double offset);
/* FALSE when the window shows (almost) everything as one level, as broken files' windows do. */
gboolean gonio_window_is_useful (const GonioImage *image, const GonioWindow *window);
/* 65536 display levels 0..1. */
void gonio_window_to_floats (const GonioWindow *window, float *out_table);
/* The same, kept with the image for the window last asked for (nullable: its own); thread-safe.
 * Give it back with g_atomic_rc_box_release(). */
float *gonio_image_levels (const GonioImage *image, const GonioWindow *window);
/* Pixel values below which the shares low and high of the (unpadded) picture lie. */
void gonio_image_percentiles (const GonioImage *image, double low, double high, guint *out_low,
                              guint *out_high);

/* 0..65535 from sRGB bytes (ITU-R BT.601 luma). */
static inline guint
gonio_luma16 (const uint8_t *rgb)
{
  return (19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 128u) * 257u >> 16;
}

void gonio_image_info_copy (GonioImageInfo *dst, const GonioImageInfo *src);
void gonio_image_info_clear (GonioImageInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioImageInfo, gonio_image_info_clear)
void gonio_spacing_clear (GonioSpacing *spacing);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioSpacing, gonio_spacing_clear)

/* "1.2 of 6.0 MB" (transfer full). */
char *gonio_format_amount (guint64 have, guint64 need);

G_END_DECLS
