/* core/imaging/heif.c: pictures made with libheif's own HEVC encoder, and damage. */
#include "tests/support/image-fixture.h"

#include <libheif/heif.h>
#include <string.h>

static struct heif_error
append (struct heif_context *context, const void *data, size_t size, void *out)
{
  g_byte_array_append (out, data, (guint)size);
  return (struct heif_error){heif_error_Ok, heif_suberror_Unspecified, ""};
}

/* Left half red, right half blue, top quarter white. */
static struct heif_image *
make_picture (int w, int h)
{
  struct heif_image *image = NULL;
  int stride = 0;
  uint8_t *p = NULL;

  heif_image_create (w, h, heif_colorspace_RGB, heif_chroma_interleaved_RGB, &image);
  heif_image_add_plane (image, heif_channel_interleaved, w, h, 24);
  p = heif_image_get_plane (image, heif_channel_interleaved, &stride);
  for (int y = 0; y < h; y++) {
    for (int x = 0; x < w; x++) {
      static const uint8_t colours[3][3] = {{220, 30, 30}, {30, 30, 220}, {250, 250, 250}};

      memcpy (p + y * stride + x * 3, colours[y < h / 4 ? 2 : x < w / 2 ? 0 : 1], 3);
    }
  }
  return image;
}

/* NULL after g_test_skip() where the library cannot encode. orientation as in EXIF, written to
 * the container and to an EXIF block; 0: neither. */
static GBytes *
encode_with (int w, int h, guint pictures, guint orientation, const uint8_t *exif, size_t size)
{
  struct heif_encoding_options *options = heif_encoding_options_alloc ();
  struct heif_context *context = heif_context_alloc ();
  struct heif_encoder *encoder = NULL;
  GByteArray *out = g_byte_array_new ();
  struct heif_writer writer = {.writer_api_version = 1, .write = append};
  gboolean ok =
      heif_context_get_encoder_for_format (context, heif_compression_HEVC, &encoder).code ==
      heif_error_Ok;

  if (ok) {
    heif_encoder_set_lossy_quality (encoder, 90);
    for (guint i = 0; i < pictures; i++) {
      struct heif_image *image = make_picture (w, h + (int)i * 16);

      struct heif_image_handle *handle = NULL;

      if (orientation)
        options->image_orientation = (enum heif_orientation)orientation;
      ok = heif_context_encode_image (context, image, encoder, options, &handle).code ==
           heif_error_Ok;
      g_assert_true (ok);
      if (exif)
        heif_context_add_exif_metadata (context, handle, exif, (int)size);
      heif_image_handle_release (handle);
      heif_image_release (image);
    }
    heif_context_write (context, &writer, out);
    heif_encoder_release (encoder);
  } else {
    g_test_skip ("libheif has no HEVC encoder here");
  }
  heif_encoding_options_free (options);
  heif_context_free (context);
  return ok ? g_byte_array_free_to_bytes (out) : (g_byte_array_unref (out), NULL);
}

static GBytes *
encode_turned (int w, int h, guint pictures, guint orientation)
{
  const uint8_t exif[] = {'M', 'M',  0, 42, 0, 0, 0, 8, 0, 1,
                          1,   0x12, 0, 3,  0, 0, 0, 1, 0, (uint8_t)orientation,
                          0,   0,    0, 0,  0, 0};
  return encode_with (w, h, pictures, orientation, orientation ? exif : NULL, sizeof exif);
}

static GBytes *
encode (int w, int h, guint pictures)
{
  return encode_turned (w, h, pictures, 0);
}

static void
assert_colour (GonioImage *image, guint x, guint y, int r, int g, int b)
{
  const uint8_t *p =
      (const uint8_t *)gonio_image_pixels (image) + (y * gonio_image_width (image) + x) * 3;

  g_assert_cmpint (ABS (p[0] - r), <, 25);
  g_assert_cmpint (ABS (p[1] - g), <, 25);
  g_assert_cmpint (ABS (p[2] - b), <, 25);
}

static void
test_decode (void)
{
  g_autoptr (GBytes) bytes = encode (128, 96, 1);
  g_autoptr (GonioImage) image = NULL;
  g_autoptr (GError) error = NULL;

  if (!bytes)
    return;
  image = gonio_fixture_load (bytes, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (gonio_image_info (image)->format, ==, "HEIF");
  g_assert_true (gonio_image_info (image)->is_photo);
  g_assert_cmpuint (gonio_image_width (image), ==, 128);
  g_assert_cmpuint (gonio_image_height (image), ==, 96);
  assert_colour (image, 20, 70, 220, 30, 30);
  assert_colour (image, 110, 70, 30, 30, 220);
  assert_colour (image, 60, 10, 250, 250, 250);
}

static void
test_pictures (void)
{
  g_autoptr (GBytes) bytes = encode (64, 64, 3);
  g_autoptr (GonioImage) a = NULL, b = NULL;
  g_autoptr (GError) error = NULL;

  if (!bytes)
    return;
  a = gonio_fixture_load (bytes, 0, NULL);
  b = gonio_fixture_load (bytes, 2, NULL);
  g_assert_cmpuint (gonio_image_info (a)->frames, ==, 3);
  g_assert_cmpuint (gonio_image_height (a), ==, 64);
  g_assert_cmpuint (gonio_image_height (b), ==, 96);
  g_assert_null (gonio_fixture_load (bytes, 3, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED);
}

/* The container's turn is applied once; the EXIF orientation beside it is only reported. */
static void
test_orientation (void)
{
  /* where the white top edge comes to stand: 0 left, 1 top, 2 right, 3 bottom */
  static const guint side[9] = {1, 1, 1, 3, 3, 0, 2, 2, 0};

  for (guint o = 1; o <= 8; o++) {
    g_autoptr (GBytes) bytes = encode_turned (96, 64, 1, o);
    g_autoptr (GonioImage) image = NULL;
    guint w = 0, h = 0;

    if (!bytes)
      return;
    image = gonio_fixture_load (bytes, 0, NULL);
    w = gonio_image_width (image);
    h = gonio_image_height (image);
    g_assert_cmpuint (w, ==, o >= 5 ? 64 : 96);
    g_assert_cmpint (gonio_image_info (image)->exif_orientation, ==, (int)o);
    assert_colour (image,
                   side[o] == 0   ? 4
                   : side[o] == 2 ? w - 5
                                  : w / 2,
                   side[o] == 1   ? 4
                   : side[o] == 3 ? h - 5
                                  : h / 2,
                   250, 250, 250);
  }
}

static void
test_limits (void)
{
  g_autoptr (GBytes) bytes = encode (128, 96, 1);
  const GonioImageLimits small = {.max_pixels = 1000}, narrow = {.max_edge = 100};
  g_autoptr (GError) error = NULL;

  if (!bytes)
    return;
  g_assert_null (gonio_fixture_load_limited (bytes, 0, &small, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_null (gonio_fixture_load_limited (bytes, 0, &narrow, &error));
  g_assert_nonnull (error);
}

static void
test_damage (void)
{
  g_autoptr (GBytes) bytes = encode (128, 96, 1);
  gsize size = bytes ? g_bytes_get_size (bytes) : 0;

  for (gsize cut = 12; cut + 1 < size; cut += 23) {
    g_autoptr (GBytes) part = gonio_fixture_cut (bytes, cut);
    g_autoptr (GonioImage) image = NULL;
    g_autoptr (GError) error = NULL;

    image = gonio_fixture_load (part, 0, &error);
    g_assert_null (image);
    g_assert_true (error && error->domain == GONIO_IMAGE_ERROR);
  }
}

static void
test_video (void)
{
  g_autoptr (GBytes) video = g_bytes_new_static ("\0\0\0\x18"
                                                 "ftypisom\0\0\0\0isomavc1",
                                                 24);

  gonio_fixture_assert_refused (video, GONIO_IMAGE_ERROR_NOT_IMAGE, "");
}

static void
test_focal (void)
{
  g_autoptr (GByteArray) lens = gonio_fixture_exif_lens (26, 4032, 3024);
  g_autoptr (GBytes) bytes = encode_with (128, 96, 1, 0, lens->data, lens->len);
  g_autoptr (GonioImage) image = bytes ? gonio_fixture_load (bytes, 0, NULL) : NULL;

  if (image)
    g_assert_cmpfloat (gonio_image_info (image)->focal_35mm, ==, 26);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/heif/decode", test_decode);
  g_test_add_func ("/heif/pictures", test_pictures);
  g_test_add_func ("/heif/orientation", test_orientation);
  g_test_add_func ("/heif/focal", test_focal);
  g_test_add_func ("/heif/limits", test_limits);
  g_test_add_func ("/heif/damage", test_damage);
  g_test_add_func ("/heif/video", test_video);
  return g_test_run ();
}
