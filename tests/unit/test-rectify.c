/* core/pipeline/rectify.c: maps made from known cameras give the camera back; bent and noisy
 * maps are told apart from flat ones. */
#include "core/measure/geometry.h"
#include "core/pipeline/rectify.h"

#include <math.h>
#include <string.h>

#define W 1200.0
#define H 900.0

typedef struct {
  double r[3][3], t[3], focal, aspect, k1, bend, noise;
} Camera;

/* A camera tilted about a random axis before a film of the given aspect and height 1. */
static Camera
make_camera (double tilt_deg, double a, double roll, double aspect)
{
  Camera c = {.focal = 900, .aspect = aspect};
  double t = tilt_deg * G_PI / 180, x = cos (a), y = sin (a), v = 1 - cos (t);
  double tilt[3][3] = {{cos (t) + x * x * v, x * y * v, y * sin (t)},
                       {x * y * v, cos (t) + y * y * v, -x * sin (t)},
                       {-y * sin (t), x * sin (t), cos (t)}};
  double spin[3][3] = {{cos (roll), -sin (roll), 0}, {sin (roll), cos (roll), 0}, {0, 0, 1}};
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      for (int k = 0; k < 3; k++)
        c.r[i][j] += spin[i][k] * tilt[k][j];
  c.t[2] = 1.7 * MAX (1, c.aspect);
  return c;
}

static Camera
random_camera (double tilt_deg)
{
  return make_camera (tilt_deg, g_test_rand_double_range (0, 2 * G_PI),
                      g_test_rand_double_range (-0.2, 0.2), g_test_rand_double_range (0.5, 1.6));
}

static GonioPoint
project (const Camera *c, double u, double v)
{
  double p[3] = {(u - 0.5) * c->aspect, v - 0.5, c->bend * (u - 0.5) * (u - 0.5)}, q[3];
  for (int i = 0; i < 3; i++)
    q[i] = c->r[i][0] * p[0] + c->r[i][1] * p[1] + c->r[i][2] * p[2] + c->t[i];
  double x = c->focal * q[0] / q[2], y = c->focal * q[1] / q[2];
  /* undistorted = distorted * (1 + k1 r^2): solved by iteration */
  double dx = x, dy = y, radius2 = (W * W + H * H) / 4;
  for (int i = 0; i < 30; i++) {
    double s = 1 + c->k1 * (dx * dx + dy * dy) / radius2;
    dx = x / s;
    dy = y / s;
  }
  return (GonioPoint){W / 2 + dx + c->noise * g_test_rand_double_range (-1, 1),
                      H / 2 + dy + c->noise * g_test_rand_double_range (-1, 1)};
}

static GonioBackwardMap *
make_map (const Camera *c, guint cols, guint rows, gboolean corner_nodes)
{
  GonioBackwardMap *map = g_new0 (GonioBackwardMap, 1);
  map->cols = cols;
  map->rows = rows;
  map->corner_nodes = corner_nodes;
  map->nodes = g_new (GonioPoint, cols * rows);
  for (guint i = 0; i < cols * rows; i++) {
    double x = i % cols, y = i / cols;
    double u = corner_nodes ? x / (cols - 1) : (x + 0.5) / cols;
    double v = corner_nodes ? y / (rows - 1) : (y + 0.5) / rows;
    GonioPoint p = project (c, u, v);
    map->nodes[i] = (GonioPoint){p.x * 256 / W, p.y * 256 / W}; /* letterboxed to 256 */
  }
  return map;
}

static GonioTransform *
frame (void)
{
  const double m[6] = {256 / W, 0, 0, 0, 256 / W, 0};
  return gonio_transform_new_affine (m, NULL);
}

static gboolean
with_map (const GonioBackwardMap *map, const GonioTransform *to_input, GonioPhotoKind kind,
          double min_tilt, GonioRectified *out, GError **error)
{
  const GonioRectifyHints hints = {
      .frame = to_input, .kind = kind, .width = W, .height = H, .min_tilt = min_tilt};
  return gonio_rectify_map (map, &hints, out, error);
}

static gboolean
rectify (const Camera *c, gboolean corner_nodes, GonioPhotoKind kind, GonioRectified *out,
         GError **error)
{
  g_autoptr (GonioBackwardMap) map = make_map (c, 17, 17, corner_nodes);
  g_autoptr (GonioTransform) to_input = frame ();
  return with_map (map, to_input, kind, 0, out, error);
}

/* Largest distance, in thousandths of the film's edges, between where points of the film land
 * and where they should; the film's own place within the flat picture is left to its corners. */
static double
flat_error (const GonioRectified *r, const Camera *c)
{
  double worst = 0;
  Camera exact = *c;
  exact.noise = 0;
  GonioPoint o = {NAN, NAN}, e = {NAN, NAN};
  g_assert_true (gonio_transform_forward (r->to_flat, project (&exact, 0.05, 0.05), &o));
  g_assert_true (gonio_transform_forward (r->to_flat, project (&exact, 0.95, 0.95), &e));
  double sx = (e.x - o.x) / 0.9, sy = (e.y - o.y) / 0.9;
  o = (GonioPoint){o.x - 0.05 * sx, o.y - 0.05 * sy};
  g_assert_cmpfloat (fabs (o.x), <, 0.05 * sx);
  g_assert_cmpfloat (sx, >, 0.9 * r->width);
  for (double v = 0.05; v < 1; v += 0.1)
    for (double u = 0.05; u < 1; u += 0.1) {
      GonioPoint q = {NAN, NAN};
      g_assert_true (gonio_transform_forward (r->to_flat, project (&exact, u, v), &q));
      worst = MAX (worst, hypot ((q.x - o.x) / sx - u, (q.y - o.y) / sy - v));
    }
  return 1000 * worst;
}

static void
test_planar (void)
{
  for (int i = 0; i < 60; i++) {
    Camera c = random_camera (g_test_rand_double_range (0, 40));
    g_auto (GonioRectified) r = {0};
    g_autoptr (GError) error = NULL;
    rectify (&c, i % 2 == 0, GONIO_PHOTO_PLANAR, &r, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (r.info.kind, ==, "homography");
    g_assert_cmpfloat (flat_error (&r, &c), <, 0.1);
    g_assert_cmpfloat (r.info.residual, <, 1e-4);
    g_assert_true (r.info.doubtful); /* no photo, no edges */
    /* 75 % focal length assumed or found: the tilt is right to a few degrees */
    g_assert_cmpfloat (fabs (r.info.tilt_deg - acos (fabs (c.r[2][2])) * 180 / G_PI), <, 8);
  }
}

static void
test_lens (void)
{
  for (int i = 0; i < 20; i++) {
    Camera c = random_camera (g_test_rand_double_range (0, 30));
    c.k1 = g_test_rand_bit () != 0 ? 0.08 : -0.08;
    g_auto (GonioRectified) r = {0};
    g_autoptr (GError) error = NULL;
    rectify (&c, TRUE, GONIO_PHOTO_PLANAR, &r, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (r.info.kind, ==, "homography+lens");
    g_assert_cmpfloat (flat_error (&r, &c), <, 2);
  }
}

/* Noise and a few wild nodes do not carry the fit away. */
static void
test_robust (void)
{
  for (int i = 0; i < 20; i++) {
    Camera c = random_camera (g_test_rand_double_range (0, 30));
    c.noise = 3;
    g_autoptr (GonioBackwardMap) map = make_map (&c, 17, 17, TRUE);
    for (int k = 0; k < 12; k++)
      map->nodes[g_test_rand_int_range (0, 17 * 17)].x += 25;
    g_autoptr (GonioTransform) to_input = frame ();
    g_auto (GonioRectified) r = {0};
    g_autoptr (GError) error = NULL;
    with_map (map, to_input, GONIO_PHOTO_PLANAR, 0, &r, &error);
    g_assert_no_error (error);
    g_assert_true (g_str_has_prefix (r.info.kind, "homography"));
    g_assert_cmpfloat (flat_error (&r, &c), <, 6);
  }
}

/* Little tilt: turned upright and cut out, every angle and distance as it was. */
static void
test_crop (void)
{
  for (int i = 0; i < 40; i++) {
    Camera c = random_camera (g_test_rand_double_range (0, 5));
    g_autoptr (GonioBackwardMap) map = make_map (&c, 17, 17, TRUE);
    g_autoptr (GonioTransform) to_input = frame ();
    g_auto (GonioRectified) r = {0};
    g_autoptr (GError) error = NULL;
    with_map (map, to_input, GONIO_PHOTO_PLANAR, 15, &r, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (r.info.kind, ==, "crop");
    GonioPoint p[3], q[3];
    for (guint k = 0; k < 3; k++) {
      p[k] = project (&c, g_test_rand_double_range (0, 1), g_test_rand_double_range (0, 1));
      g_assert_true (gonio_transform_forward (r.to_flat, p[k], &q[k]));
      g_assert_true (q[k].x > 0 && q[k].x < r.width && q[k].y > 0 && q[k].y < r.height);
    }
    for (guint k = 0; k < 3; k++)
      g_assert_cmpfloat_with_epsilon (gonio_point_distance (p[k], p[(k + 1) % 3]),
                                      gonio_point_distance (q[k], q[(k + 1) % 3]), 1e-6);
    g_assert_cmpfloat (
        gonio_point_cross (gonio_point_sub (p[1], p[0]), gonio_point_sub (p[2], p[0])) *
            gonio_point_cross (gonio_point_sub (q[1], q[0]), gonio_point_sub (q[2], q[0])),
        >, 0);
  }
}

static void
test_curled (void)
{
  Camera c = make_camera (25, 0.3, 0.1, 1.2);
  c.bend = 0.75;
  for (int nodes = 0; nodes < 2; nodes++) {
    g_auto (GonioRectified) r = {0};
    g_autoptr (GError) error = NULL;
    rectify (&c, nodes == 0, GONIO_PHOTO_PLANAR, &r, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (r.info.kind, ==, "grid");
    g_assert_true (r.info.doubtful);
    g_assert_nonnull (r.info.reason);
    g_assert_cmpfloat (flat_error (&r, &c), <, 25);
  }
}

static void
test_nonsense (void)
{
  for (int i = 0; i < 20; i++) {
    GonioBackwardMap map = {.cols = 9, .rows = 9, .corner_nodes = TRUE};
    g_autofree GonioPoint *nodes = g_new (GonioPoint, 81);
    map.nodes = nodes;
    for (guint k = 0; k < 81; k++)
      nodes[k] = (GonioPoint){g_test_rand_double_range (0, 256), g_test_rand_double_range (0, 256)};
    g_autoptr (GonioTransform) to_input = frame ();
    for (int kind = GONIO_PHOTO_PLANAR; kind <= GONIO_PHOTO_C_ARM; kind++) {
      g_auto (GonioRectified) r = {0};
      g_autoptr (GError) error = NULL;
      g_assert_false (with_map (&map, to_input, (GonioPhotoKind)kind, 0, &r, &error));
      g_assert_nonnull (error);
      g_assert_null (r.to_flat);
    }
  }
}

/* Pincushion of an image intensifier: a polynomial straightens it. */
static void
test_c_arm (void)
{
  GonioBackwardMap map = {.cols = 17, .rows = 17, .corner_nodes = TRUE};
  g_autofree GonioPoint *nodes = g_new (GonioPoint, 17 * 17);
  map.nodes = nodes;
  for (guint i = 0; i < 17 * 17; i++) {
    double x = (i % 17) / 8.0 - 1, y = (i / 17) / 8.0 - 1, s = 0.85 * (1 + 0.06 * (x * x + y * y));
    double turn = 0.05 * (x * x + y * y);
    nodes[i] = (GonioPoint){128 + 90 * s * (x * cos (turn) - y * sin (turn)),
                            96 + 90 * s * (x * sin (turn) + y * cos (turn))};
  }
  g_autoptr (GonioTransform) to_input = frame ();
  g_auto (GonioRectified) r = {0};
  g_autoptr (GError) error = NULL;
  with_map (&map, to_input, GONIO_PHOTO_C_ARM, 0, &r, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (r.info.kind, "polynomial"));
  g_assert_cmpuint (r.width, ==, r.height);
  for (guint i = 0; i < 17 * 17; i++) {
    GonioPoint photo, flat;
    g_assert_true (gonio_transform_inverse (to_input, nodes[i], &photo));
    g_assert_true (gonio_transform_forward (r.to_flat, photo, &flat));
    g_assert_cmpfloat_with_epsilon (flat.x / r.width, (i % 17) / 16.0, 0.004);
    g_assert_cmpfloat_with_epsilon (flat.y / r.height, (i / 17) / 16.0, 0.004);
  }
}

static void
test_corners (void)
{
  for (int i = 0; i < 200; i++) {
    double tilt = g_test_rand_double_range (0, 40);
    Camera c = random_camera (tilt);
    GonioPoint corners[4] = {project (&c, 0, 0), project (&c, 1, 0), project (&c, 1, 1),
                             project (&c, 0, 1)};
    GonioCamera camera = {0};
    /* With the focal length known, tilt and aspect are exact. */
    g_assert_true (gonio_camera_from_corners (corners, W, H, c.focal, &camera));
    g_assert_cmpfloat_with_epsilon (camera.tilt_deg, tilt, 1e-4);
    g_assert_cmpfloat_with_epsilon (camera.aspect, c.aspect, 1e-6 * c.aspect);
    g_assert_true (gonio_camera_from_corners (corners, W, H, 0, &camera));
    /* Focal length 0.75 instead of the usual 0.95: the aspect still holds to a few per cent. */
    g_assert_cmpfloat_with_epsilon (camera.aspect, c.aspect, 0.12 * c.aspect);
    if (camera.focal_known)
      g_assert_cmpfloat_with_epsilon (camera.focal, c.focal, 0.15 * c.focal);
    g_auto (GonioRectified) r = {0};
    g_autoptr (GError) error = NULL;
    g_assert_true (gonio_rectify_corners (corners, W, H, c.focal, &r, &error));
    g_assert_no_error (error);
    g_assert_cmpstr (r.info.source, ==, "manual");
    g_assert_cmpfloat (flat_error (&r, &c), <, 0.01);
    g_assert_cmpfloat (fabs ((double)r.width / r.height / c.aspect - 1), <, 0.005);
  }
  static const GonioPoint crossed[4] = {{0, 0}, {100, 100}, {100, 0}, {0, 100}};
  static const GonioPoint dented[4] = {{0, 0}, {100, 0}, {20, 20}, {0, 100}};
  static const GonioPoint line[4] = {{0, 0}, {50, 0}, {100, 0}, {0, 0}};
  const GonioPoint *const bad[] = {crossed, dented, line};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_auto (GonioRectified) r = {0};
    g_autoptr (GError) error = NULL;
    g_assert_false (gonio_rectify_corners (bad[i], W, H, 0, &r, &error));
    g_assert_nonnull (strstr (error->message, "convex"));
  }
}

/* Root mean square of the aspect's relative error over many tilted cameras whose corners are
 * found to two pixels, with the given EXIF focal length. */
static double
aspect_error (double focal_35mm, gint32 seed)
{
  const GonioImageInfo info = {.focal_35mm = focal_35mm};
  double focal = gonio_camera_focal (&info, W, H), sum = 0;
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32)seed);
  const int n = 400;
  for (int i = 0; i < n; i++) {
    Camera c = make_camera (
        g_rand_double_range (random, 15, 40), g_rand_double_range (random, 0, 2 * G_PI),
        g_rand_double_range (random, -0.2, 0.2), g_rand_double_range (random, 0.5, 1.6));
    GonioPoint corners[4] = {project (&c, 0, 0), project (&c, 1, 0), project (&c, 1, 1),
                             project (&c, 0, 1)};
    for (int k = 0; k < 4; k++) {
      corners[k].x += g_rand_double_range (random, -2, 2);
      corners[k].y += g_rand_double_range (random, -2, 2);
    }
    GonioCamera camera = {0};
    g_assert_true (gonio_camera_from_corners (corners, W, H, focal, &camera));
    g_assert_true (focal == 0 || camera.focal_known);
    sum += pow (camera.aspect / c.aspect - 1, 2);
  }
  return sqrt (sum / n);
}

/* A focal length of 900 px in a picture of 1200 x 900 is one of 26 mm: a phone's main camera. */
static void
test_focal (void)
{
  double without = aspect_error (0, 7), with = aspect_error (26, 7);
  double wrong = aspect_error (39, 7); /* as after a crop that kept the proportions */
  g_test_message ("aspect off by %.2f %% without, %.2f %% with the focal length, %.2f %% with a "
                  "wrong one",
                  100 * without, 100 * with, 100 * wrong);
  g_assert_cmpfloat (with, <, 0.5 * without);
  g_assert_cmpfloat (with, <, 0.01);
  g_assert_cmpfloat (wrong, <, 0.1);
  static const struct {
    double focal_35mm, width, height;
    gboolean usable;
  } cases[] = {{26, 1200, 900, TRUE},   {26, 900, 1200, TRUE},    {26, 1600, 900, TRUE},
               {26, 1500, 1000, TRUE},  {14, 1200, 900, TRUE},    {120, 1200, 900, TRUE},
               {26, 1000, 1000, FALSE}, {26, 2000, 500, FALSE},   {0, 1200, 900, FALSE},
               {1, 1200, 900, FALSE},   {65535, 1200, 900, FALSE}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const GonioImageInfo info = {.focal_35mm = cases[i].focal_35mm};
    double focal = gonio_camera_focal (&info, cases[i].width, cases[i].height);
    g_assert_true ((focal > 0) == cases[i].usable);
    if (focal > 0)
      g_assert_cmpfloat_with_epsilon (
          focal, cases[i].focal_35mm / 43.2666 * hypot (cases[i].width, cases[i].height), 0.01);
  }
}

/* A grey film before a darker wall: guesses off by two per cent find its edges. */
static void
test_edges (void)
{
  for (int i = 0; i < 12; i++) {
    Camera c = random_camera (g_test_rand_double_range (0, 35));
    GonioPoint truth[4] = {project (&c, 0, 0), project (&c, 1, 0), project (&c, 1, 1),
                           project (&c, 0, 1)};
    uint16_t *pixels = g_new (uint16_t, (size_t)(W * H));
    g_autoptr (GonioTransform) to_unit = gonio_transform_new_quad (truth, 1000, 1000, NULL);
    g_assert_nonnull (to_unit);
    for (int y = 0; y < (int)H; y++)
      for (int x = 0; x < (int)W; x++) {
        GonioPoint q = {-1, -1};
        gboolean film = gonio_transform_forward (to_unit, (GonioPoint){x + 0.5, y + 0.5}, &q) &&
                        q.x >= 0 && q.y >= 0 && q.x <= 1000 && q.y <= 1000;
        double bone = film ? 6000 * sin (q.x / 90) * sin (q.y / 130) : 0;
        pixels[y * (int)W + x] =
            (uint16_t)((film ? 33000 : 15000) + bone + g_test_rand_int_range (0, 3000));
      }
    GonioImageInfo info = {0};
    GonioSpacing spacing = {0};
    g_autoptr (GonioImage) photo =
        gonio_image_new (GONIO_PIXELS_GREY16, (guint)W, (guint)H, pixels, &info, &spacing);
    GonioPoint guess[4], found[4];
    for (guint k = 0; k < 4; k++)
      guess[k] = (GonioPoint){truth[k].x + g_test_rand_double_range (-30, 30),
                              truth[k].y + g_test_rand_double_range (-30, 30)};
    gboolean inside = TRUE;
    for (guint k = 0; k < 4; k++)
      inside = inside && truth[k].x > 10 && truth[k].y > 10 && truth[k].x < W - 10 &&
               truth[k].y < H - 10;
    if (!inside)
      continue;
    g_assert_true (gonio_snap_corners (photo, NULL, guess, found));
    for (guint k = 0; k < 4; k++)
      g_assert_cmpfloat (gonio_point_distance (found[k], truth[k]), <, 2.5);
  }
}

/* Without edges nothing is found and nothing is written. */
static void
test_no_edges (void)
{
  uint16_t *pixels = g_new (uint16_t, (size_t)(W * H));
  for (int k = 0; k < (int)(W * H); k++)
    pixels[k] = (uint16_t)(20000 + g_test_rand_int_range (0, 8000));
  GonioImageInfo info = {0};
  GonioSpacing spacing = {0};
  g_autoptr (GonioImage) photo =
      gonio_image_new (GONIO_PIXELS_GREY16, (guint)W, (guint)H, pixels, &info, &spacing);
  const GonioPoint guess[4] = {{200, 150}, {1000, 160}, {990, 800}, {210, 790}};
  GonioPoint found[4] = {{-7, -7}};
  g_assert_false (gonio_snap_corners (photo, NULL, guess, found));
  g_assert_cmpfloat (found[0].x, ==, -7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rectify/planar", test_planar);
  g_test_add_func ("/rectify/lens", test_lens);
  g_test_add_func ("/rectify/robust", test_robust);
  g_test_add_func ("/rectify/crop", test_crop);
  g_test_add_func ("/rectify/curled", test_curled);
  g_test_add_func ("/rectify/nonsense", test_nonsense);
  g_test_add_func ("/rectify/c-arm", test_c_arm);
  g_test_add_func ("/rectify/edges", test_edges);
  g_test_add_func ("/rectify/no-edges", test_no_edges);
  g_test_add_func ("/rectify/corners", test_corners);
  g_test_add_func ("/rectify/focal", test_focal);
  return g_test_run ();
}
