/* core/models/input.c: kept samples give the very input that fresh ones do, and turned frames turn
 * the picture. */
#include "core/models/store.h"

#include <math.h>
#include <string.h>

static GonioImage *
make_image (guint width, guint height)
{
  uint16_t *pixels = g_new (uint16_t, (size_t)width * height);
  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      pixels[y * width + x] = (uint16_t)((x * 211 + y * 97 + (x * y) % 1013 * 31) & 0xffff);
  const GonioImageInfo info = {0};
  const GonioSpacing spacing = {0};
  return gonio_image_new (GONIO_PIXELS_GREY16, width, height, pixels, &info, &spacing);
}

static GonioManifest
make_manifest (guint size, double pad)
{
  return (GonioManifest){.input = {.channels = 1,
                                   .width = size,
                                   .height = size,
                                   .resize = GONIO_RESIZE_LETTERBOX,
                                   .pad = pad,
                                   .range = {0, 1},
                                   .mean = {0.4},
                                   .std = {0.7}}};
}

static void
assert_same (const GonioTensor *a, const GonioTensor *b)
{
  g_assert_cmpmem (gonio_tensor_data (a), gonio_tensor_size (a), gonio_tensor_data (b),
                   gonio_tensor_size (b));
}

/* Two networks, two sizes, every turn, both polarities, pads that differ; more looks than fit. */
static void
test_kept (void)
{
  g_autoptr (GonioImage) image = make_image (150, 90);
  g_autoptr (GonioSampleCache) cache = gonio_sample_cache_new ();
  for (guint i = 0; i < 96; i++) {
    const GonioManifest m = make_manifest (32 + 8 * (i / 8 % 4), i / 32 * 0.25);
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioTransform) frame =
        gonio_model_frame_turned (&m, 150, 90, (int)(i / 2 % 4), &error);
    g_assert_no_error (error);
    GonioModelLook look = {.image = image, .invert = i % 2 != 0};
    g_autoptr (GonioTensor) fresh = gonio_model_make_input (&m, &look, frame, &error);
    g_assert_no_error (error);
    look.cache = cache;
    g_autoptr (GonioTensor) kept = gonio_model_make_input (&m, &look, frame, &error);
    g_assert_no_error (error);
    g_autoptr (GonioTensor) again = gonio_model_make_input (&m, &look, frame, &error);
    assert_same (fresh, kept);
    assert_same (fresh, again);
  }
}

/* Another picture or another window through the same frame is another sample. */
static void
test_not_mixed_up (void)
{
  g_autoptr (GonioImage) a = make_image (64, 64), b = make_image (65, 64);
  g_autoptr (GonioSampleCache) cache = gonio_sample_cache_new ();
  GonioWindow narrow = *gonio_image_window (a);
  narrow.width *= 0.5;
  const GonioManifest m = make_manifest (64, 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioTransform) frame = gonio_model_frame_whole (&m, 64, 64, &error);
  g_assert_no_error (error);
  const GonioModelLook looks[] = {{.image = a, .cache = cache},
                                  {.image = b, .cache = cache},
                                  {.image = a, .window = &narrow, .cache = cache}};
  for (guint i = 0; i < G_N_ELEMENTS (looks); i++) {
    GonioModelLook fresh_look = looks[i];
    fresh_look.cache = NULL;
    g_autoptr (GonioTensor) kept = gonio_model_make_input (&m, &looks[i], frame, &error);
    g_autoptr (GonioTensor) fresh = gonio_model_make_input (&m, &fresh_look, frame, &error);
    g_assert_no_error (error);
    assert_same (fresh, kept);
  }
}

static void
test_turned (void)
{
  const GonioManifest m = make_manifest (100, 0);
  /* Where the middle of the picture's top edge comes to lie when the look turns clockwise. */
  static const GonioPoint expected[4] = {{50, 25}, {25, 50}, {50, 75}, {75, 50}};
  for (int turns = 0; turns < 4; turns++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioTransform) frame = gonio_model_frame_turned (&m, 200, 100, turns, &error);
    g_assert_no_error (error);
    GonioPoint top = {NAN, NAN};
    g_assert_true (gonio_transform_forward (frame, (GonioPoint){100, 0}, &top));
    g_assert_cmpfloat_with_epsilon (top.x, expected[turns].x, 1e-9);
    g_assert_cmpfloat_with_epsilon (top.y, expected[turns].y, 1e-9);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/model-input/kept", test_kept);
  g_test_add_func ("/model-input/not-mixed-up", test_not_mixed_up);
  g_test_add_func ("/model-input/turned", test_turned);
  return g_test_run ();
}
