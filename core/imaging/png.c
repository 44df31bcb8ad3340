/* PNG by libpng: grey of 1 to 16 bits stays grey at full depth, everything else becomes RGB8.
 * Transparent parts turn black. Depends on base, libpng and libexif (orientation).
 */
#include "core/imaging/exif.h"
#include "core/imaging/formats.h"
#include "core/imaging/load-private.h"

#include <png.h>

#define MAX_CHUNK_BYTES (2u << 20) /* the only chunk kept beside the palette is EXIF */
#define MAX_DEFLATE     1032       /* a zlib stream cannot expand further than this */
#define POLL_ROWS       256

/* Read past, for they could unpack to gigabytes of text and profiles. */
static const png_byte ignored_chunks[] = "bKGD\0cHRM\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0"
                                         "pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0tIME\0zTXt";

typedef struct {
  const uint8_t *data;
  size_t size, at;
  char message[160]; /* filled by the error callback, which may not return */
  gboolean truncated;
} Reader;

/* Everything that lives across the setjmp, so that nothing is lost or clobbered by longjmp. */
typedef struct {
  Reader reader;
  png_structp png;
  png_infop info;
  gpointer pixels;
  png_bytep *rows;
  png_bytep wide; /* rows with alpha before compositing */
  guint width, height;
  GonioPixels format;
  guint bits; /* of grey samples, 16 or 8 */
  GonioExif exif;
} Decode;

gboolean
gonio_png_detect (const uint8_t *head, size_t size)
{
  return size >= 8 && png_sig_cmp (head, 0, 8) == 0;
}

static void
read_bytes (png_structp png, png_bytep out, png_size_t length)
{
  Reader *r = png_get_io_ptr (png);

  if (length > r->size - r->at) {
    r->truncated = TRUE;
    png_error (png, "end of file");
  }
  memcpy (out, r->data + r->at, length);
  r->at += length;
}

static void
on_error (png_structp png, png_const_charp message)
{
  Reader *r = png_get_error_ptr (png);

  g_strlcpy (r->message, message, sizeof r->message);
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png, png_const_charp message)
{
}

/* Header and transformations; called inside the setjmp. */
static gboolean
decode_header (Decode *d, const GonioImageLimits *limits, GError **error)
{
  png_byte color = 0, depth = 0;
  gboolean alpha = FALSE;
  guint64 packed = 0;

  png_set_user_limits (d->png, 0x7fffffff, 0x7fffffff); /* ours speak in words */
  png_set_chunk_malloc_max (d->png, MAX_CHUNK_BYTES);
  png_set_keep_unknown_chunks (d->png, PNG_HANDLE_CHUNK_NEVER, ignored_chunks,
                               (int)sizeof ignored_chunks / 5);
  png_read_info (d->png, d->info);
  d->width = png_get_image_width (d->png, d->info);
  d->height = png_get_image_height (d->png, d->info);
  color = png_get_color_type (d->png, d->info);
  depth = png_get_bit_depth (d->png, d->info);
  if (!gonio_limits_check (limits, d->width, d->height, error))
    return FALSE;
  packed = ((guint64)d->width * depth * png_get_channels (d->png, d->info) + 7) / 8 * d->height;
  if (packed / MAX_DEFLATE > d->reader.size) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the file is far too short for its picture of %u x %u pixels. Copy it again",
                 d->width, d->height);
    return FALSE;
  }
  d->format = color & PNG_COLOR_MASK_COLOR ? GONIO_PIXELS_RGB8 : GONIO_PIXELS_GREY16;
  d->bits = depth == 16 ? 16 : 8;
  if (color == PNG_COLOR_TYPE_PALETTE)
    png_set_palette_to_rgb (d->png);
  if (color == PNG_COLOR_TYPE_GRAY && depth < 8)
    png_set_expand_gray_1_2_4_to_8 (d->png);
  if (png_get_valid (d->png, d->info, PNG_INFO_tRNS))
    png_set_tRNS_to_alpha (d->png);
  if (depth == 16 && d->format == GONIO_PIXELS_RGB8)
    png_set_scale_16 (d->png);
  if (depth == 16 && G_BYTE_ORDER == G_LITTLE_ENDIAN)
    png_set_swap (d->png);
  alpha = (color & PNG_COLOR_MASK_ALPHA) || png_get_valid (d->png, d->info, PNG_INFO_tRNS);
  png_set_interlace_handling (d->png);
  png_read_update_info (d->png, d->info);

  d->pixels = gonio_pixels_alloc (d->width, d->height, gonio_pixels_size (d->format), error);
  d->rows = g_new (png_bytep, d->height);
  if (!d->pixels)
    return FALSE;
  if (alpha) {
    d->wide = gonio_pixels_alloc (d->height, png_get_rowbytes (d->png, d->info), 1, error);
    if (!d->wide)
      return FALSE;
  }
  return TRUE;
}

static void
set_rows (Decode *d)
{
  size_t row = png_get_rowbytes (d->png, d->info);
  size_t n = (size_t)d->width * d->height;
  /* 8-bit grey is read into the upper half and widened in place. */
  png_bytep start = d->wide                                            ? d->wide
                    : d->format == GONIO_PIXELS_GREY16 && d->bits == 8 ? (png_bytep)d->pixels + n
                                                                       : d->pixels;

  for (guint y = 0; y < d->height; y++)
    d->rows[y] = start + y * row;
}

/* All passes, polled for cancellation; called inside the setjmp. */
static gboolean
decode_rows (Decode *d, GCancellable *cancellable, GError **error)
{
  int passes = png_get_interlace_type (d->png, d->info) == PNG_INTERLACE_ADAM7 ? 7 : 1;

  set_rows (d);
  for (int pass = 0; pass < passes; pass++) {
    for (guint y = 0; y < d->height; y += POLL_ROWS) {
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      png_read_rows (d->png, d->rows + y, NULL, MIN (POLL_ROWS, d->height - y));
    }
  }
  png_read_end (d->png, d->info);
  return TRUE;
}

static void
read_exif (Decode *d)
{
  png_bytep exif = NULL;
  png_uint_32 size = 0;

  d->exif.orientation = 1;
  if (png_get_eXIf_1 (d->png, d->info, &size, &exif))
    d->exif = gonio_exif_read (exif, size);
}

/* Over black: sample * alpha. */
static void
composite (Decode *d)
{
  size_t n = (size_t)d->width * d->height;

  if (d->format == GONIO_PIXELS_RGB8) {
    const uint8_t *in = d->wide;
    uint8_t *out = d->pixels;

    for (size_t i = 0; i < n; i++, in += 4, out += 3)
      for (guint c = 0; c < 3; c++)
        out[c] = (uint8_t)((in[c] * in[3] + 127u) / 255u);
  } else if (d->bits == 8) {
    const uint8_t *in = d->wide;
    uint16_t *out = d->pixels;

    for (size_t i = 0; i < n; i++)
      out[i] = (uint16_t)((in[2 * i] * in[2 * i + 1] + 127u) / 255u * 257u);
  } else {
    const uint16_t *in = (const uint16_t *)d->wide;
    uint16_t *out = d->pixels;

    for (size_t i = 0; i < n; i++)
      out[i] = (uint16_t)(((guint64)in[2 * i] * in[2 * i + 1] + 32767u) / 65535u);
  }
}

/* The only frame with a setjmp. Locals are not changed after it; all state is in d. */
static gboolean
decode (Decode *d, const GonioImageLimits *limits, GCancellable *cancellable, GError **error)
{
  if (setjmp (png_jmpbuf (d->png))) {
    if (d->reader.truncated)
      g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                           "the file ends in the middle of the picture. Copy it again");
    else
      g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                   "the PNG data are damaged (%s, near byte %" G_GSIZE_FORMAT "). "
                   "Copy or export the file again",
                   d->reader.message, d->reader.at);
    return FALSE;
  }
  if (!decode_header (d, limits, error) || !decode_rows (d, cancellable, error))
    return FALSE;
  read_exif (d);
  return TRUE;
}

static GonioImage *
finish (Decode *d, GError **error)
{
  size_t n = (size_t)d->width * d->height;
  GonioImageInfo info = {
      .format = g_strdup ("PNG"),
      .frames = 1,
      .is_photo = d->exif.is_camera,
      .exif_orientation = d->exif.orientation,
      .focal_35mm = gonio_exif_focal (&d->exif, d->width, d->height),
  };
  GonioImage *image = NULL;

  if (d->wide)
    composite (d);
  else if (d->format == GONIO_PIXELS_GREY16 && d->bits == 8)
    gonio_pixels_widen (d->pixels, n);
  if (!gonio_pixels_orient (d->format, &d->pixels, &d->width, &d->height, d->exif.orientation,
                            error)) {
    gonio_image_info_clear (&info);
    return NULL;
  }
  image =
      gonio_image_new (d->format, d->width, d->height, g_steal_pointer (&d->pixels), &info, NULL);
  if (d->format == GONIO_PIXELS_GREY16)
    gonio_image_set_grey_window (image, d->bits);
  return image;
}

GonioImage *
gonio_png_load (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                GCancellable *cancellable, GError **error)
{
  Decode d = {.exif.orientation = 1};
  GonioImage *image = NULL;

  if (!gonio_frame_check (frame, 1, error))
    return NULL;
  d.reader.data = g_bytes_get_data (bytes, &d.reader.size);
  d.png = png_create_read_struct (PNG_LIBPNG_VER_STRING, &d.reader, on_error, on_warning);
  d.info = d.png ? png_create_info_struct (d.png) : NULL;
  if (!d.info) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                         "the PNG library could not be started: memory is short");
  } else {
    png_set_read_fn (d.png, &d.reader, read_bytes);
    if (decode (&d, limits, cancellable, error))
      image = finish (&d, error);
  }
  png_destroy_read_struct (&d.png, &d.info, NULL);
  g_free (d.pixels);
  g_free (d.rows);
  g_free (d.wide);
  return image;
}
