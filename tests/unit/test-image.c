/* core/imaging/image.c, formats.c, resample.c (thumbnail): ownership, limits, orientation,
 * recognition by content, messages.
 */
#include "core/imaging/load-private.h"
#include "tests/support/image-fixture.h"

#include <glib/gstdio.h>
#include <unistd.h>

static GonioImage *
grey_image (guint w, guint h, const uint16_t *values)
{
  uint16_t *pixels = g_memdup2 (values, (size_t)w * h * 2);

  return gonio_image_new (GONIO_PIXELS_GREY16, w, h, pixels, NULL, NULL);
}

static void
test_object (void)
{
  GonioImageInfo info = {.format = g_strdup ("PNG"), .image_laterality = g_strdup ("R")};
  GonioSpacing spacing = {.row_mm = 0.2, .column_mm = 0.1, .description = g_strdup ("x")};
  uint16_t *pixels = g_new0 (uint16_t, 6);
  GonioImage *image = gonio_image_new (GONIO_PIXELS_GREY16, 3, 2, pixels, &info, &spacing);

  g_assert_true (gonio_image_ref (image) == image);
  gonio_image_unref (image);
  g_assert_cmpuint (gonio_image_width (image), ==, 3);
  g_assert_cmpuint (gonio_image_height (image), ==, 2);
  g_assert_true (gonio_image_grey16 (image) == pixels);
  g_assert_cmpfloat (gonio_image_spacing (image)->row_mm, ==, 0.2);
  g_assert_cmpint (gonio_image_side (image), ==, GONIO_SIDE_RIGHT);
  g_assert_cmpstr (gonio_image_info (image)->format, ==, "PNG");
  gonio_image_unref (image);
}

static void
test_side (void)
{
  static const struct {
    const char *text;
    GonioSide side;
  } cases[] = {
      {"L", GONIO_SIDE_LEFT},    {"R", GONIO_SIDE_RIGHT},  {"B", GONIO_SIDE_BOTH},
      {"U", GONIO_SIDE_UNKNOWN}, {"", GONIO_SIDE_UNKNOWN}, {NULL, GONIO_SIDE_UNKNOWN},
      {"left", GONIO_SIDE_LEFT},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GonioImageInfo info = {.image_laterality = g_strdup (cases[i].text)};
    g_autoptr (GonioImage) image =
        gonio_image_new (GONIO_PIXELS_RGB8, 1, 1, g_malloc0 (3), &info, NULL);

    g_assert_cmpint (gonio_image_side (image), ==, cases[i].side);
  }
}

/* EXIF 2.32, 4.6.4: where row 0 and column 0 of the stored picture belong. The 3 x 2 picture
 * 123/456 turned upright by each orientation. */
static void
test_orientation (void)
{
  static const struct {
    guint w, h;
    uint16_t want[6];
  } cases[] = {
      {3, 2, {1, 2, 3, 4, 5, 6}}, /* 1: as is */
      {3, 2, {3, 2, 1, 6, 5, 4}}, /* 2: mirrored */
      {3, 2, {6, 5, 4, 3, 2, 1}}, /* 3: turned by 180 */
      {3, 2, {4, 5, 6, 1, 2, 3}}, /* 4: upside down */
      {2, 3, {1, 4, 2, 5, 3, 6}}, /* 5: transposed */
      {2, 3, {4, 1, 5, 2, 6, 3}}, /* 6: clockwise by 90 */
      {2, 3, {6, 3, 5, 2, 4, 1}}, /* 7: transposed about the other diagonal */
      {2, 3, {3, 6, 2, 5, 1, 4}}, /* 8: counter-clockwise by 90 */
  };

  for (guint o = 1; o <= 8; o++) {
    gpointer grey = g_memdup2 (cases[0].want, sizeof cases[0].want), rgb = g_malloc (18);
    guint w = 3, h = 2;

    for (guint i = 0; i < 18; i++)
      ((uint8_t *)rgb)[i] = (uint8_t)((i / 3 + 1) * 10 + i % 3);
    g_assert_true (gonio_pixels_orient (GONIO_PIXELS_GREY16, &grey, &w, &h, (int)o, NULL));
    g_assert_cmpuint (w, ==, cases[o - 1].w);
    g_assert_cmpuint (h, ==, cases[o - 1].h);
    g_assert_cmpmem (grey, 12, cases[o - 1].want, 12);
    w = 3;
    h = 2;
    g_assert_true (gonio_pixels_orient (GONIO_PIXELS_RGB8, &rgb, &w, &h, (int)o, NULL));
    for (guint i = 0; i < 18; i++)
      g_assert_cmpuint (((uint8_t *)rgb)[i], ==, cases[o - 1].want[i / 3] * 10 + i % 3);
    g_free (grey);
    g_free (rgb);
  }
}

static void
test_widen (void)
{
  uint16_t buffer[256];

  for (guint i = 0; i < 256; i++)
    ((uint8_t *)buffer)[256 + i] = (uint8_t)i;
  gonio_pixels_widen (buffer, 256);
  for (guint i = 0; i < 256; i++)
    g_assert_cmpuint (buffer[i], ==, i * 257);
}

static void
test_luma (void)
{
  for (guint v = 0; v < 256; v++) {
    const uint8_t rgb[3] = {(uint8_t)v, (uint8_t)v, (uint8_t)v};

    g_assert_cmpuint (gonio_luma16 (rgb), ==, v * 257);
  }
  g_assert_cmpint (abs ((int)gonio_luma16 ((const uint8_t[]){255, 0, 0}) - 19595), <=, 1);
}

static void
test_limits (void)
{
  const GonioImageLimits small = {.max_pixels = 100, .max_edge = 50};
  g_autoptr (GError) error = NULL;

  g_assert_true (gonio_limits_check (NULL, 20000, 15000, NULL));
  g_assert_false (gonio_limits_check (NULL, 20000, 15001, NULL));
  g_assert_false (gonio_limits_check (NULL, 65501, 1, NULL));
  g_assert_false (gonio_limits_check (NULL, G_MAXUINT64, G_MAXUINT64, NULL));
  g_assert_true (gonio_limits_check (&small, 50, 2, NULL));
  g_assert_false (gonio_limits_check (&small, 51, 1, NULL));
  g_assert_false (gonio_limits_check (&small, 50, 3, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_false (gonio_limits_check (NULL, 0, 5, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED);
  g_clear_error (&error);
  g_assert_null (gonio_pixels_alloc (G_MAXUINT32, G_MAXUINT32, 8, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT);
}

static void
test_amount (void)
{
  g_autofree char *mb = gonio_format_amount (1234567, 6000000);
  g_autofree char *bytes = gonio_format_amount (64, 8192);
  g_autofree char *mixed = gonio_format_amount (64, 8192000);

  g_assert_cmpstr (mb, ==, "1.2 of 6.0 MB");
  g_assert_cmpstr (bytes, ==, "64 bytes of 8192");
  g_assert_cmpstr (mixed, ==, "64 bytes of 8.2 MB");
}

static void
expect_refusal (const char *path, GonioImageError code, const char *needle)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioImage) image = gonio_image_load (path, 0, NULL, NULL, &error);
  g_autofree char *name = g_path_get_basename (path);

  g_assert_null (image);
  g_assert_error (error, GONIO_IMAGE_ERROR, (int)code);
  g_assert_true (g_str_has_prefix (error->message, name));
  g_assert_nonnull (strstr (error->message, needle));
}

static void
test_load_refusals (void)
{
  g_autofree char *dir = g_dir_make_tmp ("gonio-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "scan_03.dcm", NULL);
  g_autofree char *fifo = g_build_filename (dir, "pipe", NULL);
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  const GonioImageLimits tiny = {.max_file_bytes = 3};

  expect_refusal (dir, GONIO_IMAGE_ERROR_IO, "folder");
  expect_refusal (path, GONIO_IMAGE_ERROR_IO, "does not exist");
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  expect_refusal (path, GONIO_IMAGE_ERROR_MALFORMED, "empty");
  g_assert_true (g_file_set_contents (path, "%PDF-1.7 ...", -1, NULL));
  expect_refusal (path, GONIO_IMAGE_ERROR_NOT_IMAGE, "PDF");
  g_assert_true (g_file_set_contents (path, "Sehr geehrte Frau", -1, NULL));
  expect_refusal (path, GONIO_IMAGE_ERROR_NOT_IMAGE, "a text");
  g_assert_null (gonio_image_load (path, 0, &tiny, NULL, &error));
  g_assert_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (path, "\x01\xff\x80\x00\x12", 5, NULL));
  expect_refusal (path, GONIO_IMAGE_ERROR_NOT_IMAGE, "unknown kind");
  g_cancellable_cancel (cancelled);
  g_assert_null (gonio_image_load (path, 0, NULL, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  expect_refusal (fifo, GONIO_IMAGE_ERROR_IO, "pipe"); /* and does not block */
  g_unlink (fifo);
  g_unlink (path);
  g_rmdir (dir);
}

/* Every cell is the exact mean of the part of the source that it covers. */
static void
test_thumbnail_mean (void)
{
  g_autoptr (GonioImage) image = NULL, small = NULL;
  uint16_t values[30 * 20] = {0};
  const uint16_t *p = NULL;
  const double sx = 30.0 / 7, sy = 20.0 / 5;

  for (guint i = 0; i < 600; i++)
    values[i] = (uint16_t)((i * 7919u) % 65536u);
  image = grey_image (30, 20, values);
  small = gonio_image_thumbnail (image, 7);
  g_assert_cmpuint (gonio_image_width (small), ==, 7);
  g_assert_cmpuint (gonio_image_height (small), ==, 5);
  p = gonio_image_grey16 (small);
  for (guint y = 0; y < 5; y++) {
    for (guint x = 0; x < 7; x++) {
      double sum = 0;

      for (guint v = 0; v < 20; v++)
        for (guint u = 0; u < 30; u++)
          sum += values[v * 30 + u] * MAX (0, MIN (u + 1, (x + 1) * sx) - MAX (u, x * sx)) *
                 MAX (0, MIN (v + 1, (y + 1) * sy) - MAX (v, y * sy));
      g_assert_cmpfloat_with_epsilon (p[y * 7 + x], sum / (sx * sy), 2.0);
    }
  }
}

static void
test_thumbnail_sizes (void)
{
  uint16_t value = 65535;
  g_autoptr (GonioImage) dot = grey_image (1, 1, &value);
  g_autoptr (GonioImage) same = gonio_image_thumbnail (dot, 128);
  uint8_t *rgb = g_malloc0 (3 * 2000);
  g_autoptr (GonioImage) strip = gonio_image_new (GONIO_PIXELS_RGB8, 2000, 1, rgb, NULL, NULL);
  g_autoptr (GonioImage) thin = gonio_image_thumbnail (strip, 100);

  g_assert_cmpuint (gonio_image_width (same), ==, 1);
  g_assert_cmpuint (gonio_image_grey16 (same)[0], ==, 65535);
  g_assert_cmpuint (gonio_image_width (thin), ==, 100);
  g_assert_cmpuint (gonio_image_height (thin), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image/object", test_object);
  g_test_add_func ("/image/side", test_side);
  g_test_add_func ("/image/orientation", test_orientation);
  g_test_add_func ("/image/widen", test_widen);
  g_test_add_func ("/image/luma", test_luma);
  g_test_add_func ("/image/limits", test_limits);
  g_test_add_func ("/image/amount", test_amount);
  g_test_add_func ("/image/load-refusals", test_load_refusals);
  g_test_add_func ("/image/thumbnail-mean", test_thumbnail_mean);
  g_test_add_func ("/image/thumbnail-sizes", test_thumbnail_sizes);
  return g_test_run ();
}
