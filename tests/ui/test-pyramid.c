/* What a view shows of a picture: every pixel from the right place, at every turn. */
#include "ui/viewer/gonio-pyramid.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 700, HEIGHT = 900, OUTSIDE = 0x0a141e };

/* Grey level of a picture pixel: tells x and y apart, and smooth enough to be averaged. */
static uint16_t
level_of (guint x, guint y)
{
  return (uint16_t)(40 * x + 25 * y);
}

static GonioPyramid *
make_grey (void)
{
  uint16_t *pixels = g_new (uint16_t, WIDTH * HEIGHT);
  for (guint y = 0; y < HEIGHT; y++)
    for (guint x = 0; x < WIDTH; x++)
      pixels[y * WIDTH + x] = level_of (x, y);
  g_autoptr (GonioImage) image =
      gonio_image_new (GONIO_PIXELS_GREY16, WIDTH, HEIGHT, pixels, NULL, NULL);
  return gonio_pyramid_new (image);
}

static uint8_t *
high_byte_table (void)
{
  uint8_t *table = g_malloc (65536);
  for (guint i = 0; i < 65536; i++)
    table[i] = (uint8_t)(i >> 8);
  return table;
}

/* BGRA of the view's pixels. */
static uint8_t *
render (GonioPyramid *pyramid, const GonioViewFrame *frame, const uint8_t *table)
{
  g_autoptr (GdkTexture) texture = gonio_pyramid_render_view (pyramid, frame, OUTSIDE, table);
  g_assert_cmpint (gdk_texture_get_width (texture), ==, (int)frame->width);
  g_assert_cmpint (gdk_texture_get_height (texture), ==, (int)frame->height);
  const gsize stride = (gsize)frame->width * 4;
  uint8_t *out = g_malloc (stride * (gsize)frame->height);
  gdk_texture_download (texture, out, stride);
  return out;
}

static void
check_view (GonioPyramid *pyramid, const GonioViewFrame *frame, int tolerance)
{
  g_autofree uint8_t *table = high_byte_table ();
  g_autofree uint8_t *out = render (pyramid, frame, table);
  guint inside = 0;
  for (guint j = 0; j < (guint)frame->height; j++)
    for (guint i = 0; i < (guint)frame->width; i++) {
      const GonioPoint p = gonio_view_frame_to_picture (frame, (GonioPoint){i + 0.5, j + 0.5});
      const uint8_t *pixel = out + 4 * (j * (gsize)frame->width + i);
      if (p.x < 0 || p.y < 0 || p.x >= WIDTH || p.y >= HEIGHT) {
        g_assert_cmpint (pixel[0], ==, OUTSIDE & 255);
        g_assert_cmpint (pixel[2], ==, OUTSIDE >> 16);
        continue;
      }
      inside++;
      const double expected = (40 * (p.x - 0.5) + 25 * (p.y - 0.5)) / 256;
      g_assert_cmpfloat (fabs (pixel[1] + 0.5 - expected), <=, tolerance + 0.6);
    }
  g_assert_cmpuint (inside, >, 1000);
}

static void
test_every_turn (void)
{
  static const double zooms[] = {0.13, 0.4, 1.0, 1.7, 6.0};
  g_autoptr (GonioPyramid) pyramid = make_grey ();
  for (guint z = 0; z < G_N_ELEMENTS (zooms); z++)
    for (int turns = 0; turns < 4; turns++)
      for (int flipped = 0; flipped < 2; flipped++) {
        const GonioViewFrame frame = {.zoom = zooms[z],
                                      .center = {333.3, 480.7},
                                      .turns = turns,
                                      .flipped = flipped,
                                      .width = 301,
                                      .height = 202};
        check_view (pyramid, &frame, zooms[z] < 0.5 ? 2 : 1);
      }
}

/* At 1:1 on whole pixels the view is the picture, exactly. */
static void
test_exact_at_one (void)
{
  g_autoptr (GonioPyramid) pyramid = make_grey ();
  g_autofree uint8_t *table = high_byte_table ();
  const GonioViewFrame frame = {.zoom = 1, .center = {200, 300}, .width = 100, .height = 80};
  g_autofree uint8_t *out = render (pyramid, &frame, table);
  for (guint j = 0; j < 80; j++)
    for (guint i = 0; i < 100; i++)
      g_assert_cmpint (out[4 * (j * 100 + i)], ==, level_of (150 + i, 260 + j) >> 8);
}

/* Far away, or with nothing of the picture in sight, only the background is left. */
static void
test_outside (void)
{
  g_autoptr (GonioPyramid) pyramid = make_grey ();
  g_autofree uint8_t *table = high_byte_table ();
  const GonioViewFrame frame = {.zoom = 2, .center = {-5000, 300}, .width = 64, .height = 48};
  g_autofree uint8_t *out = render (pyramid, &frame, table);
  for (guint i = 0; i < 64 * 48; i++) {
    const uint8_t expected[] = {OUTSIDE & 255, (OUTSIDE >> 8) & 255, OUTSIDE >> 16, 255};
    g_assert_cmpmem (out + 4 * i, 4, expected, 4);
  }
}

static void
test_colour (void)
{
  uint8_t *pixels = g_malloc (WIDTH * HEIGHT * 3);
  for (guint i = 0; i < WIDTH * HEIGHT; i++) {
    pixels[3 * i] = (uint8_t)(i % WIDTH / 4);
    pixels[3 * i + 1] = 77;
    pixels[3 * i + 2] = (uint8_t)(i / WIDTH / 4);
  }
  g_autoptr (GonioImage) image =
      gonio_image_new (GONIO_PIXELS_RGB8, WIDTH, HEIGHT, pixels, NULL, NULL);
  g_autoptr (GonioPyramid) pyramid = gonio_pyramid_new (image);
  g_autofree uint8_t *table = high_byte_table ();
  const GonioViewFrame frame = {.zoom = 1, .center = {200, 300}, .width = 100, .height = 80};
  g_autofree uint8_t *out = render (pyramid, &frame, table);
  const uint8_t *pixel = out + 4 * (10 * 100 + 20);
  g_assert_cmpint (pixel[2], ==, (150 + 20) / 4);
  g_assert_cmpint (pixel[1], ==, 77);
  g_assert_cmpint (pixel[0], ==, (260 + 10) / 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pyramid/every-turn", test_every_turn);
  g_test_add_func ("/pyramid/exact-at-one", test_exact_at_one);
  g_test_add_func ("/pyramid/outside", test_outside);
  g_test_add_func ("/pyramid/colour", test_colour);
  return g_test_run ();
}
