/* TIFF by libtiff, read from memory: grey of 1 to 16 bits at full depth, grey of 32 or 64 bits
 * and floating point mapped linearly to 16 bits (the window says how), everything else (RGB,
 * palette, YCbCr, CMYK, Lab, planar) through libtiff's RGBA reader. Depends on base and libtiff.
 */
#include "core/imaging/formats.h"
#include "core/imaging/load-private.h"

#include <math.h>
#include <tiffio.h>

#define MAX_ALLOC ((tmsize_t)1200 << 20) /* what libtiff may take in one piece */
#define MAX_PAGES 10000

typedef struct {
  const uint8_t *data;
  size_t size, at;
  char message[200]; /* first complaint of the library */
} Source;

typedef struct {
  guint32 width, height;
  guint16 bits, samples, sample_format, photometric, planar, compression, orientation;
} Layout;

gboolean
gonio_tiff_detect (const uint8_t *head, size_t size)
{
  return size >= 8 && (memcmp (head, "II*\0", 4) == 0 || memcmp (head, "MM\0*", 4) == 0 ||
                       memcmp (head, "II+\0", 4) == 0 || memcmp (head, "MM\0+", 4) == 0);
}

/* ---- libtiff's view of the memory ---- */

static tmsize_t
source_read (thandle_t handle, void *out, tmsize_t length)
{
  Source *s = handle;
  size_t n = s->at < s->size ? MIN ((size_t)length, s->size - s->at) : 0;

  memcpy (out, s->data + s->at, n);
  s->at += n;
  return (tmsize_t)n;
}

static tmsize_t
source_write (thandle_t handle, void *in, tmsize_t length)
{
  return 0;
}

static toff_t
source_seek (thandle_t handle, toff_t offset, int whence)
{
  Source *s = handle;

  if (whence == SEEK_CUR)
    offset += s->at;
  else if (whence == SEEK_END)
    offset += s->size;
  s->at = (size_t)offset;
  return offset;
}

static int
source_close (thandle_t handle)
{
  return 0;
}

static toff_t
source_size (thandle_t handle)
{
  return ((Source *)handle)->size;
}

static int
source_map (thandle_t handle, void **out_base, toff_t *out_size)
{
  Source *s = handle;

  *out_base = (void *)s->data;
  *out_size = s->size;
  return 1;
}

static void
source_unmap (thandle_t handle, void *base, toff_t size)
{
}

G_GNUC_PRINTF (4, 0)
static int
on_error (TIFF *tiff, void *user_data, const char *module, const char *format, va_list args)
{
  Source *s = user_data;

  if (s->message[0] == 0)
    g_vsnprintf (s->message, sizeof s->message, format, args);
  return 1;
}

static int
on_warning (TIFF *tiff, void *user_data, const char *module, const char *format, va_list args)
{
  return 1;
}

static TIFF *
open_source (Source *source)
{
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc ();
  TIFF *tiff = NULL;

  TIFFOpenOptionsSetMaxSingleMemAlloc (options, MAX_ALLOC);
  TIFFOpenOptionsSetErrorHandlerExtR (options, on_error, source);
  TIFFOpenOptionsSetWarningHandlerExtR (options, on_warning, source);
  tiff = TIFFClientOpenExt ("memory", "r", source, source_read, source_write, source_seek,
                            source_close, source_size, source_map, source_unmap, options);
  TIFFOpenOptionsFree (options);
  return tiff;
}

static void
set_damaged (const Source *source, GError **error)
{
  g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
               "the TIFF data are damaged or cut short (%s). Copy or export the file again",
               source->message[0] ? source->message : "no reason given");
}

/* Number of width bytes at an offset; 0 beyond the end. */
static guint64
read_number (const Source *s, gboolean big_endian, guint64 at, size_t width)
{
  guint64 v = 0;

  if (at > s->size || width > s->size - at)
    return 0;
  for (size_t i = 0; i < width; i++)
    v = v << 8 | s->data[at + (big_endian ? i : width - 1 - i)];
  return v;
}

/* Pages in the file, at most MAX_PAGES: libtiff's own count is quadratic and may be led through a
 * million directories. */
static guint
count_pages (const Source *s)
{
  gboolean big = s->data[0] == 'M', wide = s->data[big ? 3 : 2] == 43;
  size_t word = wide ? 8 : 4;
  guint64 at = read_number (s, big, wide ? 8 : 4, word), entries = 0;
  guint pages = 0;

  while (at > 0 && at < s->size && pages < MAX_PAGES) {
    pages++;
    entries = read_number (s, big, at, wide ? 8 : 2);
    if (entries > 65536)
      break;
    at = read_number (s, big, at + (wide ? 8 : 2) + entries * (wide ? 20 : 12), word);
  }
  return MAX (pages, 1);
}

/* ---- grey ---- */

static gboolean
is_grey (const Layout *l)
{
  return l->photometric == PHOTOMETRIC_MINISBLACK || l->photometric == PHOTOMETRIC_MINISWHITE;
}

/* The number format of a grey picture; what is not here is refused by name. */
typedef enum { KIND_NONE, KIND_BITS, KIND_INT8, KIND_INT16, KIND_WIDE } Kind;

static Kind
grey_kind (const Layout *l)
{
  switch (l->sample_format) {
  case SAMPLEFORMAT_UINT:
  case SAMPLEFORMAT_VOID:
    return l->bits >= 1 && l->bits <= 16    ? KIND_BITS
           : l->bits == 32 || l->bits == 64 ? KIND_WIDE
                                            : KIND_NONE;
  case SAMPLEFORMAT_INT:
    return l->bits == 8                     ? KIND_INT8
           : l->bits == 16                  ? KIND_INT16
           : l->bits == 32 || l->bits == 64 ? KIND_WIDE
                                            : KIND_NONE;
  case SAMPLEFORMAT_IEEEFP:
    return l->bits == 32 || l->bits == 64 ? KIND_WIDE : KIND_NONE;
  default:
    return KIND_NONE;
  }
}

/* Factor that spreads bits-bit values over 16 bits without loss. */
static guint
spread (guint bits)
{
  return 65535u / ((1u << bits) - 1);
}

static double
wide_value (const uint8_t *p, const Layout *l)
{
  union {
    float f;
    double d;
    guint32 u32;
    gint32 i32;
    guint64 u64;
    gint64 i64;
  } v = {0};

  memcpy (&v, p, l->bits / 8);
  if (l->sample_format == SAMPLEFORMAT_IEEEFP)
    return l->bits == 32 ? v.f : v.d;
  if (l->sample_format == SAMPLEFORMAT_INT)
    return l->bits == 32 ? v.i32 : (double)v.i64;
  return l->bits == 32 ? v.u32 : (double)v.u64;
}

/* First sample of n pixels of a decoded row; out16 or wide is filled according to kind. */
static void
unpack_row (const uint8_t *row, const Layout *l, Kind kind, guint samples, guint n, uint16_t *out16,
            float *wide)
{
  guint k = kind == KIND_BITS ? spread (l->bits) : 0;

  for (guint x = 0; x < n; x++) {
    size_t index = (size_t)x * samples;

    if (kind == KIND_WIDE) {
      wide[x] = (float)wide_value (row + index * (l->bits / 8), l);
    } else if (kind == KIND_INT8) {
      out16[x] = (uint16_t)(((int8_t)row[index] + 128) * 257);
    } else if (l->bits == 16) {
      uint16_t v = 0;

      memcpy (&v, row + index * 2, 2);
      out16[x] = (uint16_t)(kind == KIND_INT16 ? v ^ 0x8000 : v);
    } else if (l->bits == 8) {
      out16[x] = (uint16_t)(row[index] * 257u);
    } else {
      guint v = 0;

      for (size_t bit = index * l->bits; bit < (index + 1) * l->bits; bit++)
        v = v << 1 | (row[bit / 8] >> (7 - bit % 8) & 1);
      out16[x] = (uint16_t)(v * k);
    }
  }
}

typedef struct {
  uint16_t *pixels;
  float *wide; /* nullable */
} GreyTarget;

/* Copies block (block_w x block_h, row_bytes apart) to (x0, y0) of the picture. */
static void
unpack_block (const uint8_t *block, size_t row_bytes, guint x0, guint y0, guint block_w,
              guint block_h, const Layout *l, Kind kind, GreyTarget *target)
{
  guint samples = l->planar == PLANARCONFIG_CONTIG ? l->samples : 1;
  guint n = MIN (block_w, l->width - x0);

  for (guint y = 0; y < block_h && y0 + y < l->height; y++) {
    size_t at = (size_t)(y0 + y) * l->width + x0;

    unpack_row (block + y * row_bytes, l, kind, samples, n,
                target->pixels ? target->pixels + at : NULL,
                target->wide ? target->wide + at : NULL);
  }
}

static gboolean
read_tiles (TIFF *tiff, const Layout *l, Kind kind, GreyTarget *target, Source *source,
            GCancellable *cancellable, GError **error)
{
  guint32 tw = 0, th = 0;
  tmsize_t size = TIFFTileSize (tiff), row = TIFFTileRowSize (tiff);
  g_autofree uint8_t *block = NULL;

  if (!TIFFGetField (tiff, TIFFTAG_TILEWIDTH, &tw) ||
      !TIFFGetField (tiff, TIFFTAG_TILELENGTH, &th) || size <= 0 || row <= 0 ||
      (guint64)row * th > (guint64)size) {
    set_damaged (source, error);
    return FALSE;
  }
  block = size <= MAX_ALLOC ? gonio_pixels_alloc ((guint64)size, 1, 1, error) : NULL;
  if (!block) {
    if (size > MAX_ALLOC)
      set_damaged (source, error);
    return FALSE;
  }
  for (guint32 y = 0; y < l->height; y += th) {
    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return FALSE;
    for (guint32 x = 0; x < l->width; x += tw) {
      if (TIFFReadEncodedTile (tiff, TIFFComputeTile (tiff, x, y, 0, 0), block, size) != size) {
        set_damaged (source, error);
        return FALSE;
      }
      unpack_block (block, (size_t)row, x, y, tw, th, l, kind, target);
    }
  }
  return TRUE;
}

static gboolean
read_strips (TIFF *tiff, const Layout *l, Kind kind, GreyTarget *target, Source *source,
             GCancellable *cancellable, GError **error)
{
  guint32 rows = l->height;
  tmsize_t size = TIFFStripSize (tiff), row = TIFFScanlineSize (tiff);
  g_autofree uint8_t *block = NULL;

  TIFFGetFieldDefaulted (tiff, TIFFTAG_ROWSPERSTRIP, &rows);
  rows = MIN (rows, l->height);
  if (size <= 0 || row <= 0 || rows == 0 || size > MAX_ALLOC ||
      (guint64)row * rows > (guint64)size) {
    set_damaged (source, error);
    return FALSE;
  }
  block = gonio_pixels_alloc ((guint64)size, 1, 1, error);
  if (!block)
    return FALSE;
  for (guint32 y = 0; y < l->height; y += rows) {
    guint32 n = MIN (rows, l->height - y);

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return FALSE;
    if (TIFFReadEncodedStrip (tiff, TIFFComputeStrip (tiff, y, 0), block, row * (tmsize_t)n) <
        row * (tmsize_t)n) {
      set_damaged (source, error);
      return FALSE;
    }
    unpack_block (block, (size_t)row, 0, y, l->width, n, l, kind, target);
  }
  return TRUE;
}

/* Maps finite values to 0..65535; others become the smallest. Sets scale and offset. */
static void
narrow (const float *wide, uint16_t *out, size_t n, double *out_scale, double *out_offset)
{
  double lo = INFINITY, hi = -INFINITY;

  for (size_t i = 0; i < n; i++) {
    if (isfinite (wide[i])) {
      lo = MIN (lo, wide[i]);
      hi = MAX (hi, wide[i]);
    }
  }
  if (!(lo <= hi))
    lo = hi = 0;
  *out_scale = hi > lo ? (hi - lo) / 65535 : 1;
  *out_offset = lo;
  for (size_t i = 0; i < n; i++)
    out[i] = isfinite (wide[i]) ? (uint16_t)lround ((wide[i] - lo) / *out_scale) : 0;
}

static GonioImage *
image_from_pixels (GonioPixels format, gpointer pixels, const Layout *l, GonioImageInfo *info,
                   GError **error)
{
  guint width = l->width, height = l->height;

  if (!gonio_pixels_orient (format, &pixels, &width, &height, l->orientation, error)) {
    g_free (pixels);
    gonio_image_info_clear (info);
    return NULL;
  }
  return gonio_image_new (format, width, height, pixels, info, NULL);
}

static GonioImage *
load_grey (TIFF *tiff, const Layout *l, GonioImageInfo *info, Source *source,
           GCancellable *cancellable, GError **error)
{
  Kind kind = grey_kind (l);
  g_autofree uint16_t *pixels = gonio_pixels_alloc (l->width, l->height, 2, error);
  g_autofree float *wide = NULL;
  GreyTarget target = {0};
  double scale = 1, offset = 0;
  GonioImage *image = NULL;
  GonioWindow window;
  gboolean ok = FALSE;

  if (!pixels)
    return NULL;
  if (kind == KIND_WIDE) {
    wide = gonio_pixels_alloc (l->width, l->height, sizeof (float), error);
    if (!wide)
      return NULL;
  }
  target = (GreyTarget){pixels, wide};
  ok = TIFFIsTiled (tiff) ? read_tiles (tiff, l, kind, &target, source, cancellable, error)
                          : read_strips (tiff, l, kind, &target, source, cancellable, error);
  if (!ok)
    return NULL;
  if (wide)
    narrow (wide, pixels, (size_t)l->width * l->height, &scale, &offset);
  image = image_from_pixels (GONIO_PIXELS_GREY16, g_steal_pointer (&pixels), l, info, error);
  if (!image)
    return NULL;
  if (kind == KIND_BITS && l->bits == 16) {
    gonio_image_set_grey_window (image, 16);
    window = image->window;
  } else if (kind == KIND_BITS) {
    window = gonio_window_for_bits (l->bits, spread (l->bits));
  } else {
    if (kind == KIND_INT8)
      scale = 1.0 / 257, offset = -128;
    else if (kind == KIND_INT16)
      offset = -32768;
    window = gonio_window_full_range (image, scale, offset);
  }
  window.invert = l->photometric == PHOTOMETRIC_MINISWHITE;
  gonio_image_set_window (image, &window);
  return image;
}

/* ---- everything else ---- */

static GonioImage *
load_colour (TIFF *tiff, const Layout *l, GonioImageInfo *info, Source *source, GError **error)
{
  char reason[1024] = "";
  size_t n = (size_t)l->width * l->height;
  g_autofree guint32 *raster = NULL;
  uint8_t *pixels = NULL;

  if (!TIFFRGBAImageOK (tiff, reason)) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                 "this kind of TIFF is not read (%s). Export the image as grey, 8 or 16 bits",
                 reason);
    return NULL;
  }
  raster = gonio_pixels_alloc (l->width, l->height, sizeof *raster, error);
  if (!raster)
    return NULL;
  /* In the file's own orientation, so that turning is done in one place. */
  if (!TIFFReadRGBAImageOriented (tiff, l->width, l->height, raster, l->orientation, 1)) {
    set_damaged (source, error);
    return NULL;
  }
  /* Alpha is premultiplied: leaving it out composites over black. Packed in place. */
  pixels = (uint8_t *)raster;
  for (size_t i = 0; i < n; i++) {
    guint32 v = raster[i];

    pixels[i * 3 + 0] = (uint8_t)TIFFGetR (v);
    pixels[i * 3 + 1] = (uint8_t)TIFFGetG (v);
    pixels[i * 3 + 2] = (uint8_t)TIFFGetB (v);
  }
  g_steal_pointer (&raster);
  return image_from_pixels (GONIO_PIXELS_RGB8, pixels, l, info, error);
}

static gboolean
read_layout (TIFF *tiff, Layout *l)
{
  gboolean ok = TIFFGetField (tiff, TIFFTAG_IMAGEWIDTH, &l->width) &&
                TIFFGetField (tiff, TIFFTAG_IMAGELENGTH, &l->height);

  TIFFGetFieldDefaulted (tiff, TIFFTAG_BITSPERSAMPLE, &l->bits);
  TIFFGetFieldDefaulted (tiff, TIFFTAG_SAMPLESPERPIXEL, &l->samples);
  TIFFGetFieldDefaulted (tiff, TIFFTAG_SAMPLEFORMAT, &l->sample_format);
  TIFFGetFieldDefaulted (tiff, TIFFTAG_PLANARCONFIG, &l->planar);
  TIFFGetFieldDefaulted (tiff, TIFFTAG_COMPRESSION, &l->compression);
  TIFFGetFieldDefaulted (tiff, TIFFTAG_ORIENTATION, &l->orientation);
  if (!TIFFGetField (tiff, TIFFTAG_PHOTOMETRIC, &l->photometric))
    l->photometric = l->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
  if (l->orientation < 1 || l->orientation > 8)
    l->orientation = 1;
  return ok;
}

/* Uncompressed pixels must be there before room is made for them. */
static gboolean
check_size (const Layout *l, size_t file_size, GError **error)
{
  guint64 need = ((guint64)l->width * l->samples * l->bits + 7) / 8 * l->height;
  g_autofree char *amount = NULL;

  if (l->compression != COMPRESSION_NONE || need <= file_size)
    return TRUE;
  amount = gonio_format_amount (file_size, need);
  g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
               "the file ends in the middle of the pixel data (%s). Copy it again", amount);
  return FALSE;
}

static GonioImage *
load_page (TIFF *tiff, guint frame, Source *source, const GonioImageLimits *limits,
           GCancellable *cancellable, GError **error)
{
  Layout l = {0};
  GonioImageInfo info = {0};
  GonioImage *image = NULL;
  guint pages = count_pages (source);
  guint64 exif = 0;

  if (!gonio_frame_check (frame, pages, error))
    return NULL;
  if (!TIFFSetDirectory (tiff, (tdir_t)frame) || !read_layout (tiff, &l)) {
    set_damaged (source, error);
    return NULL;
  }
  if (!gonio_limits_check (limits, l.width, l.height, error) ||
      !check_size (&l, source->size, error))
    return NULL;
  info = (GonioImageInfo){
      .format = g_strdup ("TIFF"),
      .frames = pages,
      .frame = frame,
      .is_photo = TIFFGetField (tiff, TIFFTAG_EXIFIFD, &exif) != 0,
      .exif_orientation = l.orientation,
  };
  if (is_grey (&l) && grey_kind (&l) != KIND_NONE)
    image = load_grey (tiff, &l, &info, source, cancellable, error);
  else
    image = load_colour (tiff, &l, &info, source, error);
  if (!image)
    gonio_image_info_clear (&info);
  return image;
}

GonioImage *
gonio_tiff_load (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                 GCancellable *cancellable, GError **error)
{
  Source source = {0};
  TIFF *tiff = NULL;
  GonioImage *image = NULL;

  source.data = g_bytes_get_data (bytes, &source.size);
  tiff = open_source (&source);
  if (!tiff) {
    set_damaged (&source, error);
    return NULL;
  }
  image = load_page (tiff, frame, &source, limits, cancellable, error);
  TIFFClose (tiff);
  return image;
}
