/* core/imaging/{jpeg,jpeg-markers,exif}.c: pictures made with TurboJPEG, EXIF blocks made by
 * hand, damage.
 */
#include "core/imaging/exif.h"
#include "core/imaging/jpeg-markers.h"
#include "tests/support/image-fixture.h"

#include <string.h>
#include <turbojpeg.h>

/* Compressed picture with insert (nullable) right after the SOI marker. */
static GBytes *
encode (const uint8_t *pixels, guint w, guint h, int format, int subsampling, int flags,
        GByteArray *insert)
{
  tjhandle handle = tjInitCompress ();
  unsigned char *jpeg = NULL;
  unsigned long size = 0;
  GByteArray *out = g_byte_array_new ();

  g_assert_cmpint (
      tjCompress2 (handle, pixels, (int)w, 0, (int)h, format, &jpeg, &size, subsampling, 95, flags),
      ==, 0);
  g_byte_array_append (out, jpeg, 2);
  if (insert)
    g_byte_array_append (out, insert->data, insert->len);
  g_byte_array_append (out, jpeg + 2, (guint)size - 2);
  tjFree (jpeg);
  tjDestroy (handle);
  return g_byte_array_free_to_bytes (out);
}

/* APP1 with orientation, and with a camera's make if wanted. */
static GByteArray *
exif_segment (guint orientation, gboolean camera, gboolean big_endian)
{
  GByteArray *out = g_byte_array_new ();
  guint8 tiff[26 + 12 + 8] = {0};
  guint entries = camera ? 2 : 1, at = 0, length = 0;

#define PUT16(v)                                                                                   \
  do {                                                                                             \
    tiff[at++] = (guint8)(big_endian ? (v) >> 8 : (v));                                            \
    tiff[at++] = (guint8)(big_endian ? (v) : (v) >> 8);                                            \
  } while (0)
#define PUT32(v)                                                                                   \
  do {                                                                                             \
    if (big_endian) {                                                                              \
      PUT16 ((v) >> 16);                                                                           \
      PUT16 ((v)&0xFFFF);                                                                          \
    } else {                                                                                       \
      PUT16 ((v)&0xFFFF);                                                                          \
      PUT16 ((v) >> 16);                                                                           \
    }                                                                                              \
  } while (0)
  tiff[at++] = big_endian ? 'M' : 'I';
  tiff[at++] = big_endian ? 'M' : 'I';
  PUT16 (42u);
  PUT32 (8u);
  PUT16 (entries);
  if (camera) { /* Make, ASCII, "Cam" */
    PUT16 (0x10Fu);
    PUT16 (2u);
    PUT32 (4u);
    memcpy (tiff + at, "Cam", 4);
    at += 4;
  }
  PUT16 (0x112u);
  PUT16 (3u);
  PUT32 (1u);
  PUT16 (orientation);
  PUT16 (0u);
  PUT32 (0u);
  length = 2 + 6 + at;
  g_byte_array_append (out, (const guint8[]){0xFF, 0xE1, (guint8)(length >> 8), (guint8)length}, 4);
  g_byte_array_append (out, (const guint8 *)"Exif\0\0", 6);
  g_byte_array_append (out, tiff, at);
  return out;
}

static void
test_grey (void)
{
  uint8_t pixels[64 * 48];
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GonioImage) image = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (uint8_t)(i % 64 * 3 + i / 64);
  bytes = encode (pixels, 64, 48, TJPF_GRAY, TJSAMP_GRAY, 0, NULL);
  image = gonio_fixture_load (bytes, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (gonio_image_info (image)->format, ==, "JPEG");
  g_assert_false (gonio_image_info (image)->is_photo);
  for (guint i = 0; i < sizeof pixels; i++) {
    g_assert_cmpuint (gonio_image_grey16 (image)[i] % 257, ==, 0);
    g_assert_cmpint (ABS (gonio_image_grey16 (image)[i] / 257 - pixels[i]), <=, 4);
  }
}

static void
test_colour (void)
{
  static const int flags[] = {0, TJFLAG_PROGRESSIVE};
  static const int subsamplings[] = {TJSAMP_444, TJSAMP_420, TJSAMP_422};
  uint8_t pixels[40 * 40 * 3];

  for (guint i = 0; i < 1600; i++) {
    pixels[i * 3] = (uint8_t)(i % 40 * 6);
    pixels[i * 3 + 1] = (uint8_t)(i / 40 * 6);
    pixels[i * 3 + 2] = 90;
  }
  for (guint f = 0; f < 2; f++) {
    for (guint s = 0; s < 3; s++) {
      g_autoptr (GBytes) bytes = encode (pixels, 40, 40, TJPF_RGB, subsamplings[s], flags[f], NULL);
      g_autoptr (GonioImage) image = gonio_fixture_load (bytes, 0, NULL);
      const uint8_t *got = gonio_image_pixels (image);

      g_assert_cmpint (gonio_image_format (image), ==, GONIO_PIXELS_RGB8);
      for (guint i = 0; i < sizeof pixels; i++)
        g_assert_cmpint (ABS ((int)got[i] - (int)pixels[i]), <=, 24);
    }
  }
}

/* Inks as Adobe stores them: 255 is none. */
static void
test_cmyk (void)
{
  uint8_t inks[16 * 16 * 4];
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GonioImage) image = NULL;
  const uint8_t *got = NULL;

  for (guint i = 0; i < 256; i++)
    memcpy (inks + i * 4, (const uint8_t[]){255, 128, 0, 200}, 4);
  bytes = encode (inks, 16, 16, TJPF_CMYK, TJSAMP_444, 0, NULL);
  image = gonio_fixture_load (bytes, 0, NULL);
  got = gonio_image_pixels (image);
  g_assert_cmpint (ABS (got[0] - 200), <=, 5);
  g_assert_cmpint (ABS (got[1] - 100), <=, 5);
  g_assert_cmpint (got[2], <=, 5);
}

/* A white stripe on the left edge of the stored picture must stand where EXIF says. */
static void
test_orientation (void)
{
  /* side of the upright picture: 0 left, 1 top, 2 right, 3 bottom */
  static const guint side[9] = {0, 0, 2, 2, 0, 1, 1, 3, 3};
  uint8_t pixels[32 * 48] = {0};

  for (guint y = 0; y < 48; y++)
    memset (pixels + y * 32, 255, 8);
  for (guint o = 1; o <= 8; o++) {
    for (guint big = 0; big < 2; big++) {
      g_autoptr (GByteArray) exif = exif_segment (o, big == 1, big == 1);
      g_autoptr (GBytes) bytes = encode (pixels, 32, 48, TJPF_GRAY, TJSAMP_GRAY, 0, exif);
      g_autoptr (GonioImage) image = gonio_fixture_load (bytes, 0, NULL);
      guint w = gonio_image_width (image), h = gonio_image_height (image);
      const uint16_t *p = gonio_image_grey16 (image);
      const guint16 edge[4] = {p[h / 2 * w + 3], p[3 * w + w / 2], p[h / 2 * w + w - 4],
                               p[(h - 4) * w + w / 2]};

      g_assert_cmpuint (w, ==, o >= 5 ? 48 : 32);
      g_assert_cmpint (gonio_image_info (image)->exif_orientation, ==, (int)o);
      g_assert_cmpint (gonio_image_info (image)->is_photo, ==, big == 1);
      for (guint s = 0; s < 4; s++)
        g_assert_cmpint (edge[s] > 30000, ==, s == side[o]);
    }
  }
}

static void
test_exif_garbage (void)
{
  g_autoptr (GByteArray) block = exif_segment (6, TRUE, FALSE);

  g_assert_cmpint (gonio_exif_read (block->data + 4, block->len - 4).orientation, ==, 6);
  for (guint cut = 4; cut < block->len; cut++)
    gonio_exif_read (block->data + 4, cut - 4);
  for (guint i = 4; i < block->len; i++) {
    block->data[i] ^= 0xFF;
    gonio_exif_read (block->data + 4, block->len - 4);
    block->data[i] ^= 0xFF;
  }
  block->data[4 + 6 + 8 + 2 + 12 + 8] = 9; /* no such orientation */
  g_assert_cmpint (gonio_exif_read (block->data + 4, block->len - 4).orientation, ==, 1);
}

static void
test_focal (void)
{
  static const struct {
    guint focal, width, height;
    double expected;
  } cases[] = {{26, 4032, 3024, 26},   /* made smaller */
               {26, 48, 64, 26},       /* turned */
               {26, 0, 0, 26},         /* the camera's size is not known */
               {26, 4000, 4000, 0},    /* cropped since: another angle of view */
               {0, 4032, 3024, 0},     /* "unknown" */
               {65535, 64, 48, 65535}, /* as it is: who uses it judges it */
               {26, 64, 0, 26}};
  uint8_t pixels[64 * 48] = {0};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GByteArray) lens =
        gonio_fixture_exif_lens (cases[i].focal, cases[i].width, cases[i].height);
    g_autoptr (GByteArray) segment = g_byte_array_new ();
    guint length = 2 + 6 + lens->len;

    g_byte_array_append (segment,
                         (const guint8[]){0xFF, 0xE1, (guint8)(length >> 8), (guint8)length}, 4);
    g_byte_array_append (segment, (const guint8 *)"Exif\0\0", 6);
    g_byte_array_append (segment, lens->data, lens->len);
    g_autoptr (GBytes) bytes = encode (pixels, 64, 48, TJPF_GRAY, TJSAMP_GRAY, 0, segment);
    g_autoptr (GonioImage) image = gonio_fixture_load (bytes, 0, NULL);
    g_assert_cmpfloat (gonio_image_info (image)->focal_35mm, ==, cases[i].expected);
    for (guint cut = 0; cut < lens->len; cut++) {
      GonioExif exif = gonio_exif_read (lens->data, cut);
      g_assert_true (exif.focal_35mm == 0 || exif.focal_35mm == cases[i].focal);
    }
  }
}

static GBytes *
noise (int flags)
{
  uint8_t pixels[64 * 64 * 3];

  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (uint8_t)g_test_rand_int_range (0, 256);
  return encode (pixels, 64, 64, TJPF_RGB, TJSAMP_444, flags, NULL);
}

static void
test_truncated (void)
{
  for (guint f = 0; f < 2; f++) {
    g_autoptr (GBytes) good = noise (f ? TJFLAG_PROGRESSIVE : 0);
    gsize size = g_bytes_get_size (good);

    for (gsize cut = 3; cut + 8 < size; cut += 61) {
      g_autoptr (GBytes) part = gonio_fixture_cut (good, cut);

      gonio_fixture_assert_refused (part, GONIO_IMAGE_ERROR_MALFORMED, "again");
    }
  }
}

/* Bytes between segments harm no pixel. */
static void
test_harmless (void)
{
  g_autoptr (GByteArray) junk = g_byte_array_new ();
  uint8_t pixels[256];
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GonioImage) image = NULL;
  g_autoptr (GError) error = NULL;

  memset (pixels, 99, sizeof pixels);
  g_byte_array_append (junk, (const guint8 *)"\xFF\xFE\x00\x04xx\x01\x02\x03", 9);
  bytes = encode (pixels, 16, 16, TJPF_GRAY, TJSAMP_GRAY, 0, junk);
  image = gonio_fixture_load (bytes, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gonio_image_grey16 (image)[17], ==, 99 * 257);
}

/* Changes the frame header's marker and precision, or its size. */
static GBytes *
patched (guint8 marker, guint8 precision, guint height)
{
  g_autoptr (GBytes) good = noise (0);
  gsize size = g_bytes_get_size (good);
  uint8_t *data = g_memdup2 (g_bytes_get_data (good, NULL), size);

  for (gsize i = 0; i + 9 < size; i++) {
    if (data[i] == 0xFF && data[i + 1] == 0xC0) {
      data[i + 1] = marker;
      data[i + 4] = precision;
      if (height) {
        data[i + 5] = data[i + 7] = (uint8_t)(height >> 8);
        data[i + 6] = data[i + 8] = (uint8_t)height;
      }
      break;
    }
  }
  return g_bytes_new_take (data, size);
}

static void
test_refusals (void)
{
  g_autoptr (GBytes) twelve = patched (0xC1, 12, 0), lossless = patched (0xC3, 8, 0);
  g_autoptr (GBytes) jpegls = patched (0xF7, 8, 0), hierarchical = patched (0xC5, 8, 0);
  g_autoptr (GBytes) huge = patched (0xC0, 8, 60000);

  gonio_fixture_assert_refused (twelve, GONIO_IMAGE_ERROR_UNSUPPORTED, "more than 8 bits");
  gonio_fixture_assert_refused (lossless, GONIO_IMAGE_ERROR_UNSUPPORTED, "lossless");
  gonio_fixture_assert_refused (jpegls, GONIO_IMAGE_ERROR_UNSUPPORTED, "JPEG-LS");
  gonio_fixture_assert_refused (hierarchical, GONIO_IMAGE_ERROR_UNSUPPORTED, "hierarchical");
  gonio_fixture_assert_refused (huge, GONIO_IMAGE_ERROR_LIMIT, "too large");
}

/* Thousands of passes over a large picture are a bomb. */
static void
test_scans (void)
{
  const GonioJpegMarkers bomb = {.width = 10000, .height = 10000, .scans = 1000};
  const GonioJpegMarkers fine = {.width = 10000, .height = 10000, .scans = 12};
  g_autoptr (GError) error = NULL;

  g_assert_true (gonio_jpeg_markers_check (&fine, NULL, NULL));
  g_assert_false (gonio_jpeg_markers_check (&bomb, NULL, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT);
}

/* T.87 C.2.4.1.1.1 for seven bits, lossless: T1 = 2, T2 = 3, T3 = 10; they are written out. */
static void
test_presets (void)
{
  static const uint8_t stream[] = {0xFF, 0xD8, 0xFF, 0xF7, 0, 11, 7, 0, 1, 0, 1, 1,    1,    0x11,
                                   0,    0xFF, 0xDA, 0,    8, 1,  1, 0, 0, 0, 0, 0x55, 0xFF, 0xD9};
  static const uint8_t want[15] = {0xFF, 0xF8, 0, 13, 1, 0, 127, 0, 2, 0, 3, 0, 10, 0, 64};
  g_autoptr (GBytes) bytes = g_bytes_new_static (stream, sizeof stream);
  g_autoptr (GBytes) out = NULL, same = NULL;
  GonioJpegMarkers m = {0};
  const uint8_t *p = NULL;

  g_assert_true (gonio_jpeg_markers_read (stream, sizeof stream, &m, NULL));
  g_assert_cmpuint (m.precision, ==, 7);
  g_assert_cmpuint (m.first_scan, ==, 15);
  out = gonio_jpegls_with_presets (bytes, &m);
  p = g_bytes_get_data (out, NULL);
  g_assert_cmpuint (g_bytes_get_size (out), ==, sizeof stream + 15);
  g_assert_cmpmem (p, 15, stream, 15);
  g_assert_cmpmem (p + 15, 15, want, 15);
  g_assert_cmpmem (p + 30, sizeof stream - 15, stream + 15, sizeof stream - 15);
  m.precision = 8;
  same = gonio_jpegls_with_presets (bytes, &m);
  g_assert_true (same == bytes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jpeg/grey", test_grey);
  g_test_add_func ("/jpeg/colour", test_colour);
  g_test_add_func ("/jpeg/cmyk", test_cmyk);
  g_test_add_func ("/jpeg/orientation", test_orientation);
  g_test_add_func ("/jpeg/exif-garbage", test_exif_garbage);
  g_test_add_func ("/jpeg/focal", test_focal);
  g_test_add_func ("/jpeg/truncated", test_truncated);
  g_test_add_func ("/jpeg/harmless", test_harmless);
  g_test_add_func ("/jpeg/refusals", test_refusals);
  g_test_add_func ("/jpeg/scans", test_scans);
  g_test_add_func ("/jpeg/presets", test_presets);
  return g_test_run ();
}
