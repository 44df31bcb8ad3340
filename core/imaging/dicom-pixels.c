/* Decoded DICOM samples to pictures: stored value -> modality value (rescale or LUT) -> GREY16
 * without loss, or colour models -> RGB8. Depends on base.
 */
#include "core/imaging/dicom.h"

#include "core/imaging/load-private.h"

#include <math.h>

/* ---- grey ---- */

/* Sign-extended or clamped stored value of a raw word. */
static gint32
stored_value (const GonioDicom *d, const GonioDicomRaster *r, guint raw)
{
  guint mask = (1u << r->bits) - 1, shift = r->high_bit + 1 - r->bits, v = raw >> shift;

  if (d->is_signed) {
    v &= mask;
    return v & (1u << (r->bits - 1)) ? (gint32)v - (gint32)mask - 1 : (gint32)v;
  }
  /* Bits above the value are overlays in native data and rounding in compressed data. */
  return (gint32)(r->is_compressed ? MIN (v, mask) : v & mask);
}

/* The linear map between modality values and pixels. */
typedef struct {
  double scale, offset;
  uint16_t *pixel_of_raw; /* 65536 entries, owned */
} GreyMap;

/* Stored values spread over 16 bits by a whole factor; brighter pixels are larger modality
 * values, also where the slope is negative. */
static void
map_by_slope (const GonioDicom *d, const GonioDicomRaster *r, GreyMap *map)
{
  gint32 lowest = d->is_signed ? -(1 << (r->bits - 1)) : 0;
  gint32 highest = lowest + (gint32)((1u << r->bits) - 1);
  guint k = 65535u / ((1u << r->bits) - 1);
  gboolean falling = d->slope < 0;

  for (guint raw = 0; raw < 65536; raw++) {
    gint32 s = stored_value (d, r, raw);

    map->pixel_of_raw[raw] = (uint16_t)((guint)(falling ? highest - s : s - lowest) * k);
  }
  map->scale = fabs (d->slope) / k;
  map->offset = (falling ? highest : lowest) * d->slope + d->intercept;
}

static void
map_by_lut (const GonioDicom *d, const GonioDicomRaster *r, GreyMap *map)
{
  const GonioDicomLut *lut = &d->modality_lut;
  gint32 first = lut->first_is_signed || d->is_signed ? (gint32)(gint16)lut->first : lut->first;
  guint bits = CLAMP (lut->bits, 8, 16), largest = 0, k = 0;

  for (guint i = 0; i < lut->count; i++)
    largest = MAX (largest, lut->data[i]);
  while (bits < 16 && largest >> bits)
    bits++; /* the descriptor understates */
  k = 65535u / ((1u << bits) - 1);
  for (guint raw = 0; raw < 65536; raw++) {
    gint32 index = stored_value (d, r, raw) - first;

    index = CLAMP (index, 0, (gint32)lut->count - 1);
    map->pixel_of_raw[raw] = (uint16_t)(lut->data[index] * k);
  }
  map->scale = 1.0 / k;
  map->offset = 0;
}

/* Pixels of the padding range; stored values in the sign of the image. */
static void
set_padding (GonioImage *image, const GonioDicom *d, const GonioDicomRaster *r, const GreyMap *map)
{
  guint mask = (1u << r->bits) - 1, shift = r->high_bit + 1 - r->bits;
  uint16_t a = map->pixel_of_raw[((guint)d->padding_value & mask) << shift];
  uint16_t b = map->pixel_of_raw[((guint)d->padding_limit & mask) << shift];

  image->has_padding = TRUE;
  image->pad_low = MIN (a, b);
  image->pad_high = MAX (a, b);
}

static GonioImage *
grey_picture (GonioDicom *d, const GonioDicomRaster *r, GError **error)
{
  size_t n = (size_t)d->rows * d->columns;
  g_autofree uint16_t *table = g_new (uint16_t, 65536);
  uint16_t *pixels = gonio_pixels_alloc (d->columns, d->rows, 2, error);
  GreyMap map = {.pixel_of_raw = table};
  GonioSpacing spacing = gonio_dicom_spacing (d);
  GonioImage *image = NULL;
  GonioWindow window;

  if (!pixels) {
    gonio_spacing_clear (&spacing);
    return NULL;
  }
  if (d->modality_lut.data)
    map_by_lut (d, r, &map);
  else
    map_by_slope (d, r, &map);
  if (r->bytes_per_sample == 1) {
    const uint8_t *in = g_bytes_get_data (r->data, NULL);

    for (size_t i = 0; i < n; i++)
      pixels[i] = table[in[i]];
  } else {
    const uint16_t *in = g_bytes_get_data (r->data, NULL);

    for (size_t i = 0; i < n; i++)
      pixels[i] = table[in[i]];
  }
  image = gonio_image_new (GONIO_PIXELS_GREY16, d->columns, d->rows, pixels, &d->info, &spacing);
  if (d->has_padding)
    set_padding (image, d, r, &map);
  window = gonio_dicom_window (d, image, map.scale, map.offset);
  gonio_image_set_window (image, &window);
  memset (&d->info, 0, sizeof d->info); /* the image owns it now */
  return image;
}

/* ---- colour ---- */

static inline uint8_t
byte_of (double v)
{
  return (uint8_t)CLAMP (v + 0.5, 0, 255);
}

/* PS3.3 C.7.6.3.1.2, full range. */
static inline void
ybr_to_rgb (const uint8_t ybr[3], uint8_t *rgb)
{
  double y = ybr[0], cb = ybr[1] - 128.0, cr = ybr[2] - 128.0;

  rgb[0] = byte_of (y + 1.402 * cr);
  rgb[1] = byte_of (y - 0.344136 * cb - 0.714136 * cr);
  rgb[2] = byte_of (y + 1.772 * cb);
}

/* Sample c of pixel i as eight bits. */
static inline uint8_t
colour_sample (const GonioDicomRaster *r, const void *data, size_t n, size_t i, guint c)
{
  size_t index = r->planar ? c * n + i : i * 3 + c;
  guint shift = r->bits > 8 ? r->bits - 8 : 0;

  if (r->bytes_per_sample == 1)
    return ((const uint8_t *)data)[index];
  return (uint8_t)MIN (((const uint16_t *)data)[index] >> shift, 255);
}

/* Two pixels share their chroma: Y1 Y2 Cb Cr. */
static void
unpack_422 (const uint8_t *in, uint8_t *out, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    const uint8_t *p = in + i / 2 * 4;
    uint8_t ybr[3] = {p[i & 1], i / 2 * 2 + 1 < n ? p[2] : 128, i / 2 * 2 + 1 < n ? p[3] : 128};

    ybr_to_rgb (ybr, out + i * 3);
  }
}

static GonioImage *
colour_picture (GonioDicom *d, const GonioDicomRaster *r, GError **error)
{
  size_t n = (size_t)d->rows * d->columns;
  const void *data = g_bytes_get_data (r->data, NULL);
  uint8_t *pixels = gonio_pixels_alloc (d->columns, d->rows, 3, error);
  GonioSpacing spacing = {0};
  GonioImage *image = NULL;

  if (!pixels)
    return NULL;
  if (r->packed_422)
    unpack_422 (data, pixels, n);
  for (size_t i = 0; i < n && !r->packed_422; i++) {
    uint8_t v[3] = {colour_sample (r, data, n, i, 0), colour_sample (r, data, n, i, 1),
                    colour_sample (r, data, n, i, 2)};

    if (r->is_ybr)
      ybr_to_rgb (v, pixels + i * 3);
    else
      memcpy (pixels + i * 3, v, 3);
  }
  spacing = gonio_dicom_spacing (d);
  image = gonio_image_new (GONIO_PIXELS_RGB8, d->columns, d->rows, pixels, &d->info, &spacing);
  memset (&d->info, 0, sizeof d->info);
  return image;
}

/* Three tables of 8 or 16-bit entries; 16-bit entries give their high byte. */
static GonioImage *
palette_picture (GonioDicom *d, const GonioDicomRaster *r, GError **error)
{
  size_t n = (size_t)d->rows * d->columns;
  const void *data = g_bytes_get_data (r->data, NULL);
  uint8_t *pixels = NULL;
  guint shift[3] = {0};
  GonioSpacing spacing = {0};
  GonioImage *image = NULL;

  for (guint c = 0; c < 3; c++) {
    if (!d->palette[c].data) {
      g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                           "the palette of the image is missing or of the segmented kind. "
                           "Export the image as grey or RGB");
      return NULL;
    }
    /* Some writers say 16 bits and fill eight. */
    for (guint i = 0; i < d->palette[c].count; i++)
      if (d->palette[c].data[i] > 255)
        shift[c] = 8;
  }
  pixels = gonio_pixels_alloc (d->columns, d->rows, 3, error);
  if (!pixels)
    return NULL;
  for (size_t i = 0; i < n; i++) {
    guint raw = r->bytes_per_sample == 1 ? ((const uint8_t *)data)[i] : ((const uint16_t *)data)[i];
    gint32 v = stored_value (d, r, raw);

    for (guint c = 0; c < 3; c++) {
      const GonioDicomLut *lut = &d->palette[c];
      gint32 first = lut->first_is_signed || d->is_signed ? (gint32)(gint16)lut->first : lut->first;
      gint32 index = CLAMP (v - first, 0, (gint32)lut->count - 1);

      pixels[i * 3 + c] = (uint8_t)(lut->data[index] >> shift[c]);
    }
  }
  spacing = gonio_dicom_spacing (d);
  image = gonio_image_new (GONIO_PIXELS_RGB8, d->columns, d->rows, pixels, &d->info, &spacing);
  memset (&d->info, 0, sizeof d->info);
  return image;
}

GonioImage *
gonio_dicom_picture (GonioDicom *d, const GonioDicomRaster *raster, GError **error)
{
  if (d->samples == 3)
    return colour_picture (d, raster, error);
  if (g_strcmp0 (d->info.photometric, "PALETTE COLOR") == 0)
    return palette_picture (d, raster, error);
  return grey_picture (d, raster, error);
}
