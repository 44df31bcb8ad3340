/* Where a picture lies in the widget: both ways, under every turn and flip. */
#include "ui/viewer/gonio-view-frame.h"

#include <math.h>

static void
test_round_trip (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  for (int i = 0; i < 5000; i++) {
    const GonioViewFrame frame = {
        .zoom = exp2 (g_rand_double_range (rand, -5, 5)),
        .center = {g_rand_double_range (rand, 0, 4000), g_rand_double_range (rand, 0, 4000)},
        .turns = g_rand_int_range (rand, 0, 4),
        .flipped = g_rand_boolean (rand),
        .width = 800,
        .height = 600,
    };
    const GonioPoint p = {g_rand_double_range (rand, 0, 4000), g_rand_double_range (rand, 0, 4000)};
    const GonioPoint q =
        gonio_view_frame_to_picture (&frame, gonio_view_frame_to_widget (&frame, p));
    g_assert_cmpfloat_with_epsilon (p.x, q.x, 1e-6);
    g_assert_cmpfloat_with_epsilon (p.y, q.y, 1e-6);
  }
}

static void
test_zoom_keeps_pointer (void)
{
  for (int turns = 0; turns < 4; turns++) {
    GonioViewFrame frame = {.zoom = 0.5,
                            .center = {300, 200},
                            .turns = turns,
                            .flipped = turns & 1,
                            .width = 640,
                            .height = 480};
    const GonioPoint at = {123, 456};
    const GonioPoint before = gonio_view_frame_to_picture (&frame, at);
    gonio_view_frame_zoom_at (&frame, 3.7, at);
    const GonioPoint after = gonio_view_frame_to_picture (&frame, at);
    g_assert_cmpfloat_with_epsilon (before.x, after.x, 1e-9);
    g_assert_cmpfloat_with_epsilon (before.y, after.y, 1e-9);
    g_assert_cmpfloat_with_epsilon (frame.zoom, 3.7, 1e-12);
  }
}

/* A quarter turn clockwise puts the picture's right at the bottom; a flip mirrors x. */
static void
test_turns (void)
{
  GonioViewFrame frame = {.zoom = 1, .width = 100, .height = 100, .turns = 1};
  GonioPoint right = gonio_view_frame_to_widget (&frame, (GonioPoint){10, 0});
  g_assert_cmpfloat_with_epsilon (right.x, 50, 1e-9);
  g_assert_cmpfloat_with_epsilon (right.y, 60, 1e-9);
  frame.turns = 0;
  frame.flipped = TRUE;
  right = gonio_view_frame_to_widget (&frame, (GonioPoint){10, 0});
  g_assert_cmpfloat_with_epsilon (right.x, 40, 1e-9);
}

static void
test_fit (void)
{
  for (int turns = 0; turns < 4; turns++) {
    GonioViewFrame frame = {.turns = turns, .width = 500, .height = 300};
    gonio_view_frame_fit (&frame, 2000, 1000);
    for (int corner = 0; corner < 4; corner++) {
      const GonioPoint p = {corner & 1 ? 2000 : 0, corner & 2 ? 1000 : 0};
      const GonioPoint w = gonio_view_frame_to_widget (&frame, p);
      g_assert_true (w.x >= 0 && w.x <= 500 && w.y >= 0 && w.y <= 300);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/view-frame/round-trip", test_round_trip);
  g_test_add_func ("/view-frame/zoom-keeps-pointer", test_zoom_keeps_pointer);
  g_test_add_func ("/view-frame/turns", test_turns);
  g_test_add_func ("/view-frame/fit", test_fit);
  return g_test_run ();
}
