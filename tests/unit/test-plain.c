/* Pictures as plain bytes: BMP and PNM written by hand, WebP and JPEG 2000 by their libraries,
 * all of them cut short and changed. */
#include "core/imaging/plain.h"
#include "core/base/error.h"

#include <openjpeg.h>
#include <string.h>
#include <webp/encode.h>

/* Red, green; blue, grey. */
static const uint8_t colours[12] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 128, 128, 128};

static void
assert_pixels (GBytes *file, gboolean grey, guint width, guint height, const uint8_t *expected)
{
  g_autoptr (GError) error = NULL;
  guint w = 0, h = 0;
  g_autofree uint8_t *pixels = gonio_plain_decode (file, grey, NULL, &w, &h, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (w, ==, width);
  g_assert_cmpuint (h, ==, height);
  g_assert_cmpmem (pixels, (size_t)w * h * (grey ? 1 : 3), expected,
                   (size_t)width * height * (grey ? 1 : 3));
}

static void
assert_refused (GBytes *file, GonioImageError code)
{
  const GonioImageLimits limits = {.max_pixels = 1000};
  g_autoptr (GError) error = NULL;
  guint w = 0, h = 0;

  g_assert_null (gonio_plain_decode (file, FALSE, &limits, &w, &h, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, (int)code);
}

static GBytes *
text (const char *bytes, size_t size)
{
  return g_bytes_new (bytes, size);
}
#define TEXT(literal) text (literal, sizeof (literal) - 1)

/* ---- PNM ---- */

static void
test_pnm (void)
{
  static const uint8_t bits[6] = {0, 255, 0, 255, 0, 255};
  static const uint8_t greys[4] = {0, 85, 170, 255};
  g_autoptr (GBytes) p1 = TEXT ("P1 # bits\n3 2\n101\n0 1 0");
  g_autoptr (GBytes) p4 = TEXT ("P4\n3 2\n\xa0\x40");
  g_autoptr (GBytes) p2 = TEXT ("P2\n2 2 # wide\n3\n0 1\n2 3\n");
  g_autoptr (GBytes) p5 = TEXT ("P5 2 2 3\n\0\1\2\3");
  g_autoptr (GBytes) wide = TEXT ("P5 2 2 65535\n\0\0\x55\x55\xaa\xaa\xff\xff");
  g_autoptr (GBytes) p3 = TEXT ("P3 2 2 255 255 0 0 0 255 0 0 0 255 128 128 128");
  g_autoptr (GBytes) p6 = TEXT ("P6 2 2 255\n\xff\0\0\0\xff\0\0\0\xff\x80\x80\x80");

  assert_pixels (p1, TRUE, 3, 2, bits);
  assert_pixels (p4, TRUE, 3, 2, bits);
  assert_pixels (p2, TRUE, 2, 2, greys);
  assert_pixels (p5, TRUE, 2, 2, greys);
  assert_pixels (wide, TRUE, 2, 2, greys);
  assert_pixels (p3, FALSE, 2, 2, colours);
  assert_pixels (p6, FALSE, 2, 2, colours);
}

static void
test_pnm_refuses (void)
{
  static const struct {
    const char *file;
    GonioImageError code;
  } rows[] = {
      {"P5 2 2 255\nabc", GONIO_IMAGE_ERROR_MALFORMED},
      {"P2 2 2 3\n0 1 2 4", GONIO_IMAGE_ERROR_MALFORMED},
      {"P2 2 2 0\n0 0 0 0", GONIO_IMAGE_ERROR_MALFORMED},
      {"P2 2 2 65536\n0 0 0 0", GONIO_IMAGE_ERROR_MALFORMED},
      {"P5 99999999999999999999 2 255\n", GONIO_IMAGE_ERROR_MALFORMED},
      {"P5 2000000000 2000000000 255\n", GONIO_IMAGE_ERROR_LIMIT},
      {"P1 2 2\n0 1 2 0", GONIO_IMAGE_ERROR_MALFORMED},
      {"P7 2 2", GONIO_IMAGE_ERROR_NOT_IMAGE},
      {"", GONIO_IMAGE_ERROR_NOT_IMAGE},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GBytes) file = text (rows[i].file, strlen (rows[i].file));
    assert_refused (file, rows[i].code);
  }
}

/* ---- BMP ---- */

static void
put (GByteArray *out, guint bytes, guint32 value)
{
  for (guint i = 0; i < bytes; i++) {
    uint8_t byte = (uint8_t)(value >> (8 * i));
    g_byte_array_append (out, &byte, 1);
  }
}

/* Headers of a picture; palette: colours as blue, green, red, 0. */
static GByteArray *
bmp (guint32 width, guint32 height, guint bits, guint compression, guint n_colours,
     const char *palette)
{
  GByteArray *out = g_byte_array_new ();

  g_byte_array_append (out, (const guint8 *)"BM", 2);
  put (out, 4, 0);
  put (out, 4, 0);
  put (out, 4, 54 + 4 * n_colours);
  put (out, 4, 40);
  put (out, 4, width);
  put (out, 4, height);
  put (out, 2, 1);
  put (out, 2, bits);
  put (out, 4, compression);
  for (guint i = 0; i < 3; i++)
    put (out, 4, 0);
  put (out, 4, n_colours);
  put (out, 4, 0);
  g_byte_array_append (out, (const guint8 *)palette, 4 * n_colours);
  return out;
}

static GBytes *
with_pixels (GByteArray *out, const char *pixels, guint size)
{
  g_byte_array_append (out, (const guint8 *)pixels, size);
  return g_byte_array_free_to_bytes (out);
}

#define PALETTE "\0\0\xff\0\0\xff\0\0\xff\0\0\0\x80\x80\x80\0"

static void
test_bmp (void)
{
  static const uint8_t stripe[9] = {255, 0, 0, 0, 255, 0, 255, 0, 0};
  /* rows from below, each to four bytes */
  g_autoptr (GBytes) full =
      with_pixels (bmp (2, 2, 24, 0, 0, ""), "\xff\0\0\x80\x80\x80\0\0\0\0\xff\0\xff\0\0\0", 16);
  g_autoptr (GBytes) down = with_pixels (bmp (2, (guint32)-2, 32, 0, 0, ""),
                                         "\0\0\xff\0\0\xff\0\0\xff\0\0\0\x80\x80\x80\0", 16);
  g_autoptr (GBytes) four = with_pixels (bmp (2, 2, 4, 0, 4, PALETTE), "\x23\0\0\0\x01\0\0\0", 8);
  g_autoptr (GBytes) eight = with_pixels (bmp (2, 2, 8, 0, 4, PALETTE), "\2\3\0\0\0\1\0\0", 8);
  g_autoptr (GBytes) one = with_pixels (bmp (3, 1, 1, 0, 2, PALETTE), "\x40\0\0\0", 4);

  assert_pixels (full, FALSE, 2, 2, colours);
  assert_pixels (down, FALSE, 2, 2, colours);
  assert_pixels (four, FALSE, 2, 2, colours);
  assert_pixels (eight, FALSE, 2, 2, colours);
  assert_pixels (one, FALSE, 3, 1, stripe);
}

static void
test_bmp_refuses (void)
{
  static const char zeros[64] = {0};
  g_autoptr (GBytes) packed = with_pixels (bmp (2, 2, 8, 1, 4, PALETTE), zeros, 64);
  g_autoptr (GBytes) deep = with_pixels (bmp (2, 2, 16, 0, 0, ""), zeros, 64);
  g_autoptr (GBytes) brief = with_pixels (bmp (8, 8, 24, 0, 0, ""), zeros, 64);
  g_autoptr (GBytes) huge = with_pixels (bmp (0x7fffffff, 0x7fffffff, 24, 0, 0, ""), zeros, 64);
  g_autoptr (GBytes) least = with_pixels (bmp (2, 0x80000000u, 24, 0, 0, ""), zeros, 64);
  g_autoptr (GBytes) empty = with_pixels (bmp (0, 2, 24, 0, 0, ""), zeros, 64);

  assert_refused (packed, GONIO_IMAGE_ERROR_UNSUPPORTED);
  assert_refused (deep, GONIO_IMAGE_ERROR_UNSUPPORTED);
  assert_refused (brief, GONIO_IMAGE_ERROR_MALFORMED);
  assert_refused (huge, GONIO_IMAGE_ERROR_LIMIT);
  assert_refused (least, GONIO_IMAGE_ERROR_LIMIT);
  assert_refused (empty, GONIO_IMAGE_ERROR_MALFORMED);
}

/* ---- the libraries' own files ---- */

static GBytes *
webp (void)
{
  uint8_t *data = NULL;
  size_t size = WebPEncodeLosslessRGB (colours, 2, 2, 6, &data);
  GBytes *file = g_bytes_new (data, size);

  WebPFree (data);
  return file;
}

static OPJ_SIZE_T
append (void *data, OPJ_SIZE_T size, void *user_data)
{
  g_byte_array_append (user_data, data, (guint)size);
  return size;
}

/* The four pixels without loss; samples of the given precision hold the same numbers. */
static GBytes *
jp2 (guint components, guint precision)
{
  GByteArray *out = g_byte_array_new ();
  opj_cparameters_t parameters = {0};
  opj_image_cmptparm_t parts[3] = {0};

  opj_set_default_encoder_parameters (&parameters);
  parameters.numresolution = 1;
  for (guint c = 0; c < components; c++)
    parts[c] = (opj_image_cmptparm_t){.dx = 1, .dy = 1, .w = 2, .h = 2, .prec = precision};
  opj_image_t *image =
      opj_image_create (components, parts, components == 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
  image->x1 = image->y1 = 2;
  for (guint i = 0; i < 4 * components; i++)
    image->comps[i % components].data[i / components] = colours[components == 3 ? i : 3 * i];
  opj_codec_t *codec = opj_create_compress (OPJ_CODEC_J2K);
  opj_stream_t *stream = opj_stream_default_create (OPJ_FALSE);
  opj_stream_set_user_data (stream, out, NULL);
  opj_stream_set_write_function (stream, append);
  g_assert_true (opj_setup_encoder (codec, &parameters, image));
  g_assert_true (opj_start_compress (codec, image, stream));
  g_assert_true (opj_encode (codec, stream));
  g_assert_true (opj_end_compress (codec, stream));
  opj_stream_destroy (stream);
  opj_destroy_codec (codec);
  opj_image_destroy (image);
  return g_byte_array_free_to_bytes (out);
}

static void
test_encoded (void)
{
  static const uint8_t luma[4] = {76, 150, 29, 128}, reds[4] = {255, 0, 0, 128};
  g_autoptr (GBytes) a = webp ();
  g_autoptr (GBytes) b = jp2 (3, 8);
  g_autoptr (GBytes) grey = jp2 (1, 8);
  g_autoptr (GBytes) deep = jp2 (1, 12);

  assert_pixels (a, FALSE, 2, 2, colours);
  assert_pixels (a, TRUE, 2, 2, luma);
  assert_pixels (b, FALSE, 2, 2, colours);
  assert_pixels (b, TRUE, 2, 2, luma);
  assert_pixels (grey, TRUE, 2, 2, reds);
  assert_pixels (deep, TRUE, 2, 2, (const uint8_t[4]){15, 0, 0, 8});
}

/* Cut anywhere and changed anywhere: a picture or an error, and no more memory than allowed. */
static void
test_damaged (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  GBytes *files[] = {webp (), jp2 (3, 8),
                     with_pixels (bmp (2, 2, 4, 0, 4, PALETTE), "\x23\0\0\0\x01\0\0\0", 8),
                     TEXT ("P2\n2 2 # wide\n3\n0 1\n2 3\n")};

  for (guint f = 0; f < G_N_ELEMENTS (files); f++) {
    size_t size = 0;
    const uint8_t *data = g_bytes_get_data (files[f], &size);

    for (guint round = 0; round < 600; round++) {
      const GonioImageLimits limits = {.max_pixels = 100000};
      g_autofree uint8_t *copy = g_memdup2 (data, size);
      size_t cut = round < size ? round : size;
      g_autoptr (GError) error = NULL;
      guint w = 0, h = 0;

      for (guint k = 0; round >= size && k < 1 + round % 4; k++)
        copy[g_rand_int_range (rand, 0, (gint32)size)] = (uint8_t)g_rand_int (rand);
      g_autoptr (GBytes) file = g_bytes_new (copy, cut);
      g_autofree uint8_t *pixels = gonio_plain_decode (file, round & 1, &limits, &w, &h, &error);
      g_assert_true ((pixels == NULL) == (error != NULL));
    }
    g_bytes_unref (files[f]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plain/pnm", test_pnm);
  g_test_add_func ("/plain/pnm-refuses", test_pnm_refuses);
  g_test_add_func ("/plain/bmp", test_bmp);
  g_test_add_func ("/plain/bmp-refuses", test_bmp_refuses);
  g_test_add_func ("/plain/encoded", test_encoded);
  g_test_add_func ("/plain/damaged", test_damaged);
  return g_test_run ();
}
