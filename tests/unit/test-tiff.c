/* core/imaging/tiff.c: files written by libtiff in every layout that is read, and broken ones. */
#include "tests/support/image-fixture.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <tiffio.h>

#define W 37
#define H 23

typedef struct {
  guint bits, samples, format, photometric, compression, planar, orientation;
  guint tile;  /* 0: strips */
  guint pages; /* 0: 1 */
  gboolean big_endian, big_tiff;
} Spec;

/* The sample that the tests write: bits low bits of a pattern. */
static guint64
pattern (const Spec *s, guint x, guint y, guint c)
{
  guint64 v = (guint64)(x * 2654435761u + y * 40503u + c * 977u + 12345u);

  return s->bits >= 64 ? v : v & (((guint64)1 << s->bits) - 1);
}

static void
put_sample (uint8_t *row, guint bits, guint index, guint64 v, guint format)
{
  if (bits >= 8 && bits != 12) {
    float f = (float)v;
    double d = (double)v;

    if (format == SAMPLEFORMAT_IEEEFP)
      memcpy (row + (size_t)index * bits / 8, bits == 32 ? (void *)&f : (void *)&d, bits / 8);
    else
      memcpy (row + (size_t)index * bits / 8, &v, bits / 8); /* little-endian host */
    return;
  }
  for (guint b = 0; b < bits; b++) {
    guint at = index * bits + b;

    if (v >> (bits - 1 - b) & 1)
      row[at / 8] |= (uint8_t)(0x80 >> at % 8);
  }
}

static void
write_page (TIFF *tiff, const Spec *s)
{
  gboolean separate = s->planar == PLANARCONFIG_SEPARATE;
  guint per_row = separate ? 1 : s->samples, planes = separate ? s->samples : 1;
  uint16_t map[3][256];

  TIFFSetField (tiff, TIFFTAG_IMAGEWIDTH, W);
  TIFFSetField (tiff, TIFFTAG_IMAGELENGTH, H);
  TIFFSetField (tiff, TIFFTAG_BITSPERSAMPLE, s->bits);
  TIFFSetField (tiff, TIFFTAG_SAMPLESPERPIXEL, s->samples);
  TIFFSetField (tiff, TIFFTAG_SAMPLEFORMAT, s->format);
  TIFFSetField (tiff, TIFFTAG_PHOTOMETRIC, s->photometric);
  TIFFSetField (tiff, TIFFTAG_COMPRESSION, s->compression);
  TIFFSetField (tiff, TIFFTAG_PLANARCONFIG, s->planar ? s->planar : PLANARCONFIG_CONTIG);
  if (s->orientation)
    TIFFSetField (tiff, TIFFTAG_ORIENTATION, s->orientation);
  if (s->photometric == PHOTOMETRIC_PALETTE) {
    for (guint i = 0; i < 256; i++)
      for (guint c = 0; c < 3; c++)
        map[c][i] = (uint16_t)((i * (c + 1) & 0xFF) * 257);
    TIFFSetField (tiff, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
  }
  if (s->tile) {
    TIFFSetField (tiff, TIFFTAG_TILEWIDTH, s->tile);
    TIFFSetField (tiff, TIFFTAG_TILELENGTH, s->tile);
  } else {
    TIFFSetField (tiff, TIFFTAG_ROWSPERSTRIP, 5);
  }
  for (guint plane = 0; plane < planes; plane++) {
    if (s->tile) {
      g_autofree uint8_t *tile = g_malloc ((size_t)TIFFTileSize (tiff));

      for (guint ty = 0; ty < H; ty += s->tile) {
        for (guint tx = 0; tx < W; tx += s->tile) {
          memset (tile, 0, (size_t)TIFFTileSize (tiff));
          for (guint y = ty; y < MIN (H, ty + s->tile); y++)
            for (guint x = tx; x < MIN (W, tx + s->tile); x++)
              for (guint c = 0; c < per_row; c++)
                put_sample (tile + (y - ty) * (size_t)TIFFTileRowSize (tiff), s->bits,
                            (x - tx) * per_row + c, pattern (s, x, y, c + plane), s->format);
          g_assert_cmpint (TIFFWriteTile (tiff, tile, tx, ty, 0, (uint16_t)plane), >, 0);
        }
      }
      continue;
    }
    for (guint y = 0; y < H; y++) {
      g_autofree uint8_t *row = g_malloc0 ((size_t)TIFFScanlineSize (tiff));

      for (guint x = 0; x < W; x++)
        for (guint c = 0; c < per_row; c++)
          put_sample (row, s->bits, x * per_row + c, pattern (s, x, y, c + plane), s->format);
      g_assert_cmpint (TIFFWriteScanline (tiff, row, y, (uint16_t)plane), ==, 1);
    }
  }
  g_assert_cmpint (TIFFWriteDirectory (tiff), ==, 1);
}

static GBytes *
encode (const Spec *s)
{
  g_autofree char *name = NULL, *data = NULL;
  int fd = g_file_open_tmp ("gonio-XXXXXX.tif", &name, NULL);
  g_autofree char *mode =
      g_strconcat ("w", s->big_endian ? "b" : "l", s->big_tiff ? "8" : "", NULL);
  TIFF *tiff = TIFFFdOpen (fd, name, mode);
  gsize size = 0;

  g_assert_nonnull (tiff);
  for (guint i = 0; i < MAX (s->pages, 1); i++)
    write_page (tiff, s);
  TIFFClose (tiff);
  g_assert_true (g_file_get_contents (name, &data, &size, NULL));
  g_unlink (name);
  return g_bytes_new_take (g_steal_pointer (&data), size);
}

static GonioImage *
decode (const Spec *s)
{
  g_autoptr (GBytes) bytes = encode (s);
  g_autoptr (GError) error = NULL;
  GonioImage *image = gonio_fixture_load (bytes, 0, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (gonio_image_info (image)->format, ==, "TIFF");
  return image;
}

#define GREY .samples = 1, .format = SAMPLEFORMAT_UINT, .photometric = PHOTOMETRIC_MINISBLACK

/* Grey of n bits, in strips and tiles, plain and packed, both byte orders. */
static void
test_grey (void)
{
  static const guint bits[] = {1, 2, 4, 8, 12, 16};
  static const guint compressions[] = {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE,
                                       COMPRESSION_PACKBITS};

  for (guint b = 0; b < G_N_ELEMENTS (bits); b++) {
    for (guint variant = 0; variant < 16; variant++) {
      Spec s = {.bits = bits[b], .compression = compressions[variant % 4], GREY};
      guint k = 65535u / ((1u << s.bits) - 1);
      g_autoptr (GonioImage) image = NULL;

      s.tile = variant & 4 ? 16 : 0;
      s.big_endian = variant & 8 && s.bits != 12;
      s.big_tiff = variant & 8;
      image = decode (&s);
      g_assert_cmpuint (gonio_image_width (image), ==, W);
      g_assert_cmpuint (gonio_image_height (image), ==, H);
      for (guint y = 0; y < H; y++)
        for (guint x = 0; x < W; x++)
          g_assert_cmpuint (gonio_image_grey16 (image)[y * W + x], ==, pattern (&s, x, y, 0) * k);
    }
  }
}

static void
test_white_is_zero (void)
{
  Spec s = {.bits = 8, .compression = COMPRESSION_NONE, GREY};
  g_autoptr (GonioImage) image = NULL;
  g_autofree uint8_t *grey = NULL;

  s.photometric = PHOTOMETRIC_MINISWHITE;
  image = decode (&s);
  grey = gonio_image_render_grey8 (image, NULL);
  for (guint y = 0; y < H; y++)
    for (guint x = 0; x < W; x++)
      g_assert_cmpuint (grey[y * W + x], ==, 255 - pattern (&s, x, y, 0));
}

static double
value_at (GonioImage *image, guint i)
{
  const GonioWindow *w = gonio_image_window (image);

  return gonio_image_grey16 (image)[i] * w->scale + w->offset;
}

/* Signed and wide numbers keep their values: pixel * scale + offset. */
static void
test_numbers (void)
{
  Spec s = {.bits = 16, .compression = COMPRESSION_NONE, GREY};
  g_autoptr (GonioImage) i16 = NULL, i8 = NULL, f32 = NULL, u32 = NULL;

  s.format = SAMPLEFORMAT_INT;
  i16 = decode (&s);
  for (guint i = 0; i < W * H; i++)
    g_assert_cmpfloat (value_at (i16, i), ==, (int16_t)pattern (&s, i % W, i / W, 0));
  s.bits = 8;
  i8 = decode (&s);
  for (guint i = 0; i < W * H; i++)
    g_assert_cmpfloat_with_epsilon (value_at (i8, i), (int8_t)pattern (&s, i % W, i / W, 0), 1e-9);
  s.bits = 32;
  s.format = SAMPLEFORMAT_IEEEFP;
  f32 = decode (&s);
  for (guint i = 0; i < W * H; i++)
    g_assert_cmpfloat_with_epsilon (value_at (f32, i), (float)pattern (&s, i % W, i / W, 0),
                                    4294967296.0 / 65535);
  s.format = SAMPLEFORMAT_UINT;
  u32 = decode (&s);
  for (guint i = 0; i < W * H; i++)
    g_assert_cmpfloat_with_epsilon (value_at (u32, i), (double)pattern (&s, i % W, i / W, 0),
                                    4294967296.0 / 65535);
}

static void
test_colour (void)
{
  Spec s = {.bits = 8,
            .samples = 3,
            .format = SAMPLEFORMAT_UINT,
            .photometric = PHOTOMETRIC_RGB,
            .compression = COMPRESSION_LZW};

  for (guint variant = 0; variant < 8; variant++) {
    g_autoptr (GonioImage) image = NULL;
    const uint8_t *p = NULL;

    s.planar = variant & 1 ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG;
    s.tile = variant & 2 ? 16 : 0;
    s.bits = variant & 4 ? 16 : 8;
    image = decode (&s);
    g_assert_cmpint (gonio_image_format (image), ==, GONIO_PIXELS_RGB8);
    p = gonio_image_pixels (image);
    for (guint i = 0; i < W * H; i++)
      for (guint c = 0; c < 3; c++)
        g_assert_cmpint (
            ABS ((int)p[i * 3 + c] - (int)(pattern (&s, i % W, i / W, c) >> (s.bits - 8))), <=, 1);
  }
}

static void
test_palette (void)
{
  Spec s = {.bits = 8, .compression = COMPRESSION_NONE, GREY};
  g_autoptr (GonioImage) image = NULL;
  const uint8_t *p = NULL;

  s.photometric = PHOTOMETRIC_PALETTE;
  image = decode (&s);
  p = gonio_image_pixels (image);
  for (guint i = 0; i < W * H; i++)
    for (guint c = 0; c < 3; c++)
      g_assert_cmpuint (p[i * 3 + c], ==, (pattern (&s, i % W, i / W, 0) * (c + 1)) & 0xFF);
}

/* The stored first pixel must come to stand where the tag says (TIFF 6.0, tag 274). */
static void
test_orientation (void)
{
  for (guint colour = 0; colour < 2; colour++) {
    for (guint o = 1; o <= 8; o++) {
      Spec s = {.bits = 8, .compression = COMPRESSION_NONE, GREY};
      g_autoptr (GonioImage) image = NULL;
      guint w = 0, h = 0, x = 0, y = 0;

      s.orientation = o;
      if (colour) {
        s.samples = 3;
        s.photometric = PHOTOMETRIC_RGB;
      }
      image = decode (&s);
      w = gonio_image_width (image);
      h = gonio_image_height (image);
      g_assert_cmpuint (w, ==, o >= 5 ? H : W);
      g_assert_cmpint (gonio_image_info (image)->exif_orientation, ==, (int)o);
      x = o == 2 || o == 3 || o == 6 || o == 7 ? w - 1 : 0;
      y = o == 3 || o == 4 || o == 7 || o == 8 ? h - 1 : 0;
      if (colour)
        g_assert_cmpuint (((const uint8_t *)gonio_image_pixels (image))[(y * w + x) * 3], ==,
                          pattern (&s, 0, 0, 0));
      else
        g_assert_cmpuint (gonio_image_grey16 (image)[y * w + x], ==, pattern (&s, 0, 0, 0) * 257);
    }
  }
}

static void
test_pages (void)
{
  Spec s = {.bits = 8, .compression = COMPRESSION_NONE, .pages = 3, GREY};
  g_autoptr (GBytes) bytes = encode (&s);
  g_autoptr (GonioImage) third = gonio_fixture_load (bytes, 2, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (gonio_image_info (third)->frames, ==, 3);
  g_assert_cmpuint (gonio_image_info (third)->frame, ==, 2);
  g_assert_null (gonio_fixture_load (bytes, 3, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED);
}

static void
test_truncated (void)
{
  Spec s = {.bits = 8, .compression = COMPRESSION_NONE, GREY};
  g_autoptr (GBytes) bytes = encode (&s);
  gsize size = g_bytes_get_size (bytes);

  for (gsize cut = 8; cut < size; cut += 13) {
    g_autoptr (GBytes) part = gonio_fixture_cut (bytes, cut);

    gonio_fixture_assert_refused (part, GONIO_IMAGE_ERROR_MALFORMED, "again");
  }
}

/* A million linked directories are not walked one against all others. */
static void
test_many_directories (void)
{
  const guint n = 1000 * 1000;
  g_autofree guint8 *data = g_malloc0 (8 + (gsize)n * 6);
  g_autoptr (GBytes) bytes = NULL;
  gint64 start = g_get_monotonic_time ();

  memcpy (data, "II*\0\010\0\0\0", 8);
  for (guint i = 0; i + 1 < n; i++) { /* no entries, then the offset of the next */
    guint32 next = 8 + (i + 1) * 6;

    memcpy (data + 8 + (gsize)i * 6 + 2, &next, 4);
  }
  bytes = g_bytes_new (data, 8 + (gsize)n * 6);
  gonio_fixture_assert_refused (bytes, GONIO_IMAGE_ERROR_MALFORMED, "again");
  g_assert_cmpint (g_get_monotonic_time () - start, <, 20 * G_USEC_PER_SEC);
}

/* Every byte of the directory set to extremes: an image or an error, whatever it is. */
static void
test_directory_garbage (void)
{
  static const uint8_t values[] = {0, 1, 0x7F, 0x80, 0xFF};
  Spec s = {.bits = 8, .compression = COMPRESSION_NONE, GREY};
  g_autoptr (GBytes) bytes = encode (&s);
  gsize size = g_bytes_get_size (bytes), from = W * H;
  g_autofree uint8_t *data = g_memdup2 (g_bytes_get_data (bytes, NULL), size);

  for (gsize at = from; at < size; at++) {
    uint8_t old = data[at];

    for (guint v = 0; v < G_N_ELEMENTS (values); v++) {
      g_autoptr (GBytes) broken = NULL;
      g_autoptr (GonioImage) image = NULL;
      g_autoptr (GError) error = NULL;

      data[at] = values[v];
      broken = g_bytes_new (data, size);
      image = gonio_fixture_load (broken, 0, &error);
      g_assert_true ((image == NULL) == (error != NULL));
    }
    data[at] = old;
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tiff/grey", test_grey);
  g_test_add_func ("/tiff/white-is-zero", test_white_is_zero);
  g_test_add_func ("/tiff/numbers", test_numbers);
  g_test_add_func ("/tiff/colour", test_colour);
  g_test_add_func ("/tiff/palette", test_palette);
  g_test_add_func ("/tiff/orientation", test_orientation);
  g_test_add_func ("/tiff/pages", test_pages);
  g_test_add_func ("/tiff/truncated", test_truncated);
  g_test_add_func ("/tiff/many-directories", test_many_directories);
  g_test_add_func ("/tiff/directory-garbage", test_directory_garbage);
  return g_test_run ();
}
