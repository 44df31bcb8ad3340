/* Different ways to resample give the same: by rows and columns or pixel by pixel, on one thread or
 * several. What resampling gives at all is in test-transform. Depends on imaging. */
#include "core/imaging/resample.h"

static GonioImage *
noise (GonioPixels format, guint w, guint h)
{
  size_t n = (size_t)w * h * (format == GONIO_PIXELS_GREY16 ? 2 : 3);
  uint8_t *pixels = g_malloc (n);

  for (size_t i = 0; i < n; i++)
    pixels[i] = (uint8_t)g_test_rand_int_range (0, 256);
  return gonio_image_new (format, w, h, pixels, NULL, NULL);
}

static size_t
largest_difference (const GonioImage *a, const GonioImage *b)
{
  gboolean grey = gonio_image_format (a) == GONIO_PIXELS_GREY16;
  size_t n = (size_t)gonio_image_width (a) * gonio_image_height (a) * (grey ? 1 : 3);
  const void *p = gonio_image_pixels (a), *q = gonio_image_pixels (b);
  size_t worst = 0;

  for (size_t i = 0; i < n; i++) {
    int x = grey ? ((const uint16_t *)p)[i] : ((const uint8_t *)p)[i];
    int y = grey ? ((const uint16_t *)q)[i] : ((const uint8_t *)q)[i];

    worst = MAX (worst, (size_t)ABS (x - y));
  }
  return worst;
}

/* Scaling by rows and columns gives what reading pixel by pixel gives, which a homography with the
 * same matrix takes; to the rounding of a level. */
static void
test_scaled_as_warped (void)
{
  static const double m[][4] = {{1, 0, 1, 0},       {0.31, 3, 0.29, -2}, {0.043, 0, 0.06, 5},
                                {-0.5, 90, 0.4, 0}, {2.7, -100, 3.1, 9}, {0.7, 0.25, -0.8, 110},
                                {0.9, 500, 1, 0},   {1, 0, 0.01, 0}};

  for (guint i = 0; i < G_N_ELEMENTS (m) * 2; i++) {
    const double *k = m[i / 2];
    g_autoptr (GonioImage) image =
        noise (i % 2 ? GONIO_PIXELS_RGB8 : GONIO_PIXELS_GREY16, 333, 241);
    g_autoptr (GonioTransform) affine =
        gonio_transform_new_affine ((double[]){k[0], 0, k[1], 0, k[2], k[3]}, NULL);
    g_autoptr (GonioTransform) homography =
        gonio_transform_new_homography ((double[]){k[0], 0, k[1], 0, k[2], k[3], 0, 0, 1}, NULL);
    g_autoptr (GonioImage) a = gonio_image_transform (image, affine, 171, 133, NULL, NULL);
    g_autoptr (GonioImage) b = gonio_image_transform (image, homography, 171, 133, NULL, NULL);

    g_assert_cmpuint (largest_difference (a, b), <=, 1);
  }
}

/* The same bits on any number of threads, from a picture whose halved copies are made at once. */
static void
test_threads (void)
{
  static const double m[][6] = {
      {0.05, 0, 3, 0, 0.05, 1}, {0.8, 0.3, 0, -0.3, 0.8, 60}, {0.03, 0.05, 0, -0.05, 0.03, 60}};

  for (guint i = 0; i < G_N_ELEMENTS (m) * 2; i++) {
    GonioPixels format = i % 2 ? GONIO_PIXELS_RGB8 : GONIO_PIXELS_GREY16;
    g_autoptr (GonioTransform) t = gonio_transform_new_affine (m[i / 2], NULL);
    g_autoptr (GonioImage) image = noise (format, 1201, 907);
    g_autoptr (GonioImage) copy = gonio_image_new (
        format, 1201, 907,
        g_memdup2 (gonio_image_pixels (image), (size_t)1201 * 907 * (i % 2 ? 3 : 2)), NULL, NULL);

    gonio_image_set_threads (1);
    g_autoptr (GonioImage) one = gonio_image_transform (image, t, 411, 395, NULL, NULL);
    gonio_image_set_threads (5);
    g_autoptr (GonioImage) five = gonio_image_transform (copy, t, 411, 395, NULL, NULL);
    gonio_image_set_threads (0);

    g_assert_cmpuint (largest_difference (one, five), ==, 0);
  }
}

/* A tilted view of the picture, from beyond all its borders; by every set of instructions the same.
 */
static void
test_tilted (void)
{
  static const double m[][9] = {{0.9, 0.2, 3, -0.15, 0.8, 40, 2e-4, -3e-4, 1},
                                {0.2, 0.02, 20, 0.01, 0.25, 10, 1e-3, 4e-4, 1},
                                {3.1, 0.4, -300, -0.2, 2.7, -200, 3e-4, 1e-4, 1},
                                {-0.02, 0.05, 60, -0.06, -0.01, 70, 0, 1e-4, 1}};

  for (guint i = 0; i < G_N_ELEMENTS (m) * 2; i++) {
    GonioPixels format = i % 2 ? GONIO_PIXELS_RGB8 : GONIO_PIXELS_GREY16;
    guint channels = i % 2 ? 3 : 1;
    g_autoptr (GonioImage) image = noise (format, 401, 307);
    g_autoptr (GonioTransform) t = gonio_transform_new_homography (m[i / 2], NULL);
    g_autoptr (GonioImage) wide = gonio_image_transform (image, t, 171, 133, NULL, NULL);
    gonio_area_set_plain (TRUE);
    g_autoptr (GonioImage) plain = gonio_image_transform (image, t, 171, 133, NULL, NULL);
    gonio_area_set_plain (FALSE);
    g_assert_cmpuint (largest_difference (wide, plain), <=, 1);

    for (guint y = 0; y < 133; y++)
      for (guint x = 0; x < 171; x++) {
        GonioPoint p = {0, 0};
        gboolean there = gonio_transform_inverse (t, (GonioPoint){x + 0.5, y + 0.5}, &p);
        size_t at = ((size_t)y * 171 + x) * channels;
        int v = channels == 1 ? ((const uint16_t *)gonio_image_pixels (wide))[at]
                              : ((const uint8_t *)gonio_image_pixels (wide))[at];

        if (!there || p.x < -0.1 || p.y < -0.1 || p.x > 401.1 || p.y > 307.1)
          g_assert_cmpint (v, ==, 0);
      }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/resample/scaled-as-warped", test_scaled_as_warped);
  g_test_add_func ("/resample/threads", test_threads);
  g_test_add_func ("/resample/tilted", test_tilted);
  return g_test_run ();
}
