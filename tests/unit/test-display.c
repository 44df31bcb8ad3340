/* core/imaging/display.c: windows by the formulas of DICOM PS3.3 C.11.2, inversion, automatic
 * windows, rendering.
 */
#include "core/imaging/load-private.h"
#include "tests/support/image-fixture.h"

#include <math.h>

static GonioWindow
window (GonioVoiKind kind, double center, double width)
{
  return (GonioWindow){.kind = kind, .center = center, .width = width, .scale = 1};
}

/* The examples that the standard gives: c = 2048, w = 4096 covers 0..4095 one to one. */
static void
test_linear (void)
{
  g_autofree float *t = g_new (float, 65536);
  GonioWindow w = window (GONIO_VOI_LINEAR, 2048, 4096);

  gonio_window_to_floats (&w, t);
  g_assert_cmpfloat (t[0], ==, 0);
  g_assert_cmpfloat (t[4095], ==, 1);
  g_assert_cmpfloat (t[65535], ==, 1);
  for (guint x = 0; x < 4096; x++)
    g_assert_cmpfloat_with_epsilon (t[x], x / 4095.0, 1e-6);

  /* c = 2048, w = 1: a threshold between 2047 and 2048 (value <= 2047.5 is black). */
  w = window (GONIO_VOI_LINEAR, 2048, 1);
  gonio_window_to_floats (&w, t);
  g_assert_cmpfloat (t[2047], ==, 0);
  g_assert_cmpfloat (t[2048], ==, 1);

  /* c = 0, w = 100 in values -50..49; pixels carry value + 100. */
  w = window (GONIO_VOI_LINEAR, 0, 100);
  w.offset = -100;
  gonio_window_to_floats (&w, t);
  g_assert_cmpfloat (t[50], ==, 0);
  g_assert_cmpfloat (t[149], ==, 1);
  g_assert_cmpfloat_with_epsilon (t[100], (0 + 0.5) / 99 + 0.5, 1e-6);
}

static void
test_linear_exact (void)
{
  g_autofree float *t = g_new (float, 65536);
  GonioWindow w = window (GONIO_VOI_LINEAR_EXACT, 2048, 4096);

  gonio_window_to_floats (&w, t);
  g_assert_cmpfloat (t[0], ==, 0);
  g_assert_cmpfloat (t[4096], ==, 1);
  for (guint x = 0; x <= 4096; x++)
    g_assert_cmpfloat_with_epsilon (t[x], x / 4096.0, 1e-6);
  /* Widths below 1 are allowed here: rescaled values may be fractions. */
  w = window (GONIO_VOI_LINEAR_EXACT, 0.5, 0.5);
  w.scale = 1.0 / 1000;
  gonio_window_to_floats (&w, t);
  g_assert_cmpfloat (t[250], ==, 0);
  g_assert_cmpfloat_with_epsilon (t[500], 0.5, 1e-6);
  g_assert_cmpfloat_with_epsilon (t[750], 1, 1e-6);
}

static void
test_sigmoid (void)
{
  g_autofree float *t = g_new (float, 65536);
  GonioWindow w = window (GONIO_VOI_SIGMOID, 1000, 400);

  gonio_window_to_floats (&w, t);
  g_assert_cmpfloat_with_epsilon (t[1000], 0.5, 1e-6);
  g_assert_cmpfloat_with_epsilon (t[1200], 1 / (1 + exp (-2.0)), 1e-6);
  g_assert_cmpfloat_with_epsilon (t[800] + t[1200], 1, 1e-6);
  g_assert_cmpfloat_with_epsilon (t[65535], 1, 1e-6);
}

static void
test_lut (void)
{
  g_autofree float *t = g_new (float, 65536);
  uint16_t lut[4] = {0, 10000, 20000, 65535};
  GonioWindow w = {.kind = GONIO_VOI_LUT, .lut = lut, .lut_size = 4, .lut_first = 100, .scale = 1};

  gonio_window_to_floats (&w, t);
  g_assert_cmpfloat (t[0], ==, 0);
  g_assert_cmpfloat (t[100], ==, 0);
  g_assert_cmpfloat_with_epsilon (t[101], 10000 / 65535.0, 1e-6);
  g_assert_cmpfloat_with_epsilon (t[102], 20000 / 65535.0, 1e-6);
  g_assert_cmpfloat (t[103], ==, 1);
  g_assert_cmpfloat (t[65535], ==, 1);
}

/* Inversion acts on the level, so a table or a curve is mirrored, not shifted. */
static void
test_invert (void)
{
  g_autofree float *t = g_new (float, 65536), *i = g_new (float, 65536);
  GonioWindow w = window (GONIO_VOI_SIGMOID, 1000, 700);

  gonio_window_to_floats (&w, t);
  w.invert = TRUE;
  gonio_window_to_floats (&w, i);
  for (guint p = 0; p < 65536; p++)
    g_assert_cmpfloat_with_epsilon (t[p] + i[p], 1, 1e-6);
}

static void
test_degenerate (void)
{
  static const double widths[] = {0, -5, NAN, INFINITY, 1e-320};
  g_autofree float *t = g_new (float, 65536);

  for (guint k = 0; k <= GONIO_VOI_LUT; k++) {
    for (guint j = 0; j < G_N_ELEMENTS (widths); j++) {
      GonioWindow w = window ((GonioVoiKind)k, 100, widths[j]);

      gonio_window_to_floats (&w, t);
      for (guint p = 0; p < 65536; p++)
        g_assert_true (isnan (t[p]) ? isnan (widths[j]) : t[p] >= 0 && t[p] <= 1);
    }
  }
}

static GonioImage *
ramp (guint n)
{
  uint16_t *pixels = g_new (uint16_t, n);

  for (guint i = 0; i < n; i++)
    pixels[i] = (uint16_t)i;
  return gonio_image_new (GONIO_PIXELS_GREY16, n, 1, pixels, NULL, NULL);
}

static void
test_percentiles (void)
{
  g_autoptr (GonioImage) image = ramp (1001);
  guint lo = 0, hi = 0;
  GonioWindow w;

  gonio_image_percentiles (image, 0, 1, &lo, &hi);
  g_assert_cmpuint (lo, ==, 0);
  g_assert_cmpuint (hi, ==, 1000);
  w = gonio_image_auto_window (image);
  g_assert_cmpfloat (w.center - w.width / 2, ==, 5);
  g_assert_cmpfloat (w.center + w.width / 2, ==, 995);

  /* Padding does not count. */
  image->has_padding = TRUE;
  image->pad_low = 0;
  image->pad_high = 99;
  gonio_image_percentiles (image, 0, 1, &lo, &hi);
  g_assert_cmpuint (lo, ==, 100);
  /* Unless there is nothing else. */
  image->pad_high = 65535;
  gonio_image_percentiles (image, 0, 1, &lo, &hi);
  g_assert_cmpuint (lo, ==, 0);
}

static void
test_auto_keeps_units (void)
{
  g_autoptr (GonioImage) image = ramp (1001);
  GonioWindow w = {.kind = GONIO_VOI_LINEAR,
                   .center = 0,
                   .width = 10,
                   .scale = 0.5,
                   .offset = -100,
                   .invert = TRUE};

  gonio_image_set_window (image, &w);
  w = gonio_image_auto_window (image);
  g_assert_cmpfloat (w.center - w.width / 2, ==, 5 * 0.5 - 100);
  g_assert_cmpfloat (w.scale, ==, 0.5);
  g_assert_cmpfloat (w.offset, ==, -100);
  g_assert_true (w.invert);
}

static void
test_useful (void)
{
  g_autoptr (GonioImage) image = ramp (1001);
  GonioWindow good = window (GONIO_VOI_LINEAR, 500, 1000);
  GonioWindow white = window (GONIO_VOI_LINEAR, -5000, 10);
  uint16_t flat_lut[2] = {65535, 65535};
  GonioWindow flat = {.kind = GONIO_VOI_LUT, .lut = flat_lut, .lut_size = 2, .scale = 1};

  g_assert_true (gonio_window_is_useful (image, &good));
  g_assert_false (gonio_window_is_useful (image, &white));
  g_assert_false (gonio_window_is_useful (image, &flat));
}

static void
test_render (void)
{
  g_autoptr (GonioImage) image = ramp (256);
  GonioWindow w = window (GONIO_VOI_LINEAR, 128, 256);
  g_autofree uint8_t *grey = gonio_image_render_grey8 (image, &w);
  uint8_t *rgb = g_malloc (256 * 3);
  g_autoptr (GonioImage) colour = gonio_image_new (GONIO_PIXELS_RGB8, 256, 1, rgb, NULL, NULL);
  g_autofree uint8_t *luma = NULL;

  for (guint i = 0; i < 256; i++) {
    g_assert_cmpuint (grey[i], ==, i);
    rgb[i * 3] = rgb[i * 3 + 1] = rgb[i * 3 + 2] = (uint8_t)i;
  }
  luma = gonio_image_render_grey8 (colour, NULL);
  for (guint i = 0; i < 256; i++)
    g_assert_cmpuint (luma[i], ==, i);
}

/* 8 bits: all levels; 12 bits in 16: what is used; 16 bits: all levels. */
static void
test_grey_window (void)
{
  g_autoptr (GonioImage) image = ramp (4096);
  g_autofree uint8_t *table = g_new (uint8_t, 65536);

  gonio_image_set_grey_window (image, 16);
  gonio_window_to_table (&image->window, table);
  g_assert_cmpuint (table[4095], ==, 255);
  g_assert_cmpuint (table[2048], ==, 128);
  gonio_image_set_grey_window (image, 8);
  gonio_window_to_table (&image->window, table);
  for (guint v = 0; v < 256; v++)
    g_assert_cmpuint (table[v * 257], ==, v);
  ((uint16_t *)image->pixels)[0] = 65535;
  gonio_image_set_grey_window (image, 16);
  gonio_window_to_table (&image->window, table);
  g_assert_cmpuint (table[65535], ==, 255);
  g_assert_cmpuint (table[4095], ==, 16);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/display/linear", test_linear);
  g_test_add_func ("/display/linear-exact", test_linear_exact);
  g_test_add_func ("/display/sigmoid", test_sigmoid);
  g_test_add_func ("/display/lut", test_lut);
  g_test_add_func ("/display/invert", test_invert);
  g_test_add_func ("/display/degenerate", test_degenerate);
  g_test_add_func ("/display/percentiles", test_percentiles);
  g_test_add_func ("/display/auto-keeps-units", test_auto_keeps_units);
  g_test_add_func ("/display/useful", test_useful);
  g_test_add_func ("/display/render", test_render);
  g_test_add_func ("/display/grey-window", test_grey_window);
  return g_test_run ();
}
