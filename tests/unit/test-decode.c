/* core/models/decode: outputs made by hand come back as the points they were made from. */
#include "core/base/error.h"
#include "core/models/decode/decode.h"

#include <math.h>
#include <string.h>

static GonioTensor *
make (const GonioShape *shape, const float *data)
{
  g_autoptr (GError) error = NULL;
  GonioTensor *t = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, shape, &error);
  g_assert_no_error (error);
  if (data != NULL)
    memcpy (gonio_tensor_writable_data (t), data, gonio_tensor_size (t));
  return t;
}

/* A Gaussian of total mass p about (x, y) in cells, sampled at the cells' centres. */
static void
blob (float *cells, int w, int h, double x, double y, double sd, double p)
{
  double sum = 0;
  for (int j = 0; j < h; j++)
    for (int i = 0; i < w; i++)
      sum += exp (-(pow (i + 0.5 - x, 2) + pow (j + 0.5 - y, 2)) / (2 * sd * sd));
  for (int j = 0; j < h; j++)
    for (int i = 0; i < w; i++)
      cells[j * w + i] +=
          (float)(p / sum * exp (-(pow (i + 0.5 - x, 2) + pow (j + 0.5 - y, 2)) / (2 * sd * sd)));
}

static void
test_heatmap (void)
{
  enum { W = 96, H = 64 };
  const GonioShape shape = GONIO_SHAPE (1, 2, H, W);
  GonioModelOutput output = {.kind = GONIO_OUTPUT_HEATMAP,
                             .tensor = "t",
                             .stride = 2,
                             .radius = 5,
                             .sigma_scale = 1.5,
                             .score_mass = TRUE};
  for (int i = 0; i < 300; i++) {
    g_autoptr (GonioTensor) t = make (&shape, NULL);
    float *data = gonio_tensor_writable_data (t);
    double x = g_test_rand_double_range (8, W - 8), y = g_test_rand_double_range (8, H - 8);
    double sd = g_test_rand_double_range (0.7, 1.2), p = g_test_rand_double_range (0.2, 1);
    blob (data, W, H, x, y, sd, p);
    blob (data + W * H, W, H, 20, 30, 1, 0.1);
    GonioDecodedPoint out[2];
    for (int decode = 0; decode < 3; decode++) {
      output.decode = (GonioHeatmapDecode)decode;
      g_autoptr (GError) error = NULL;
      g_assert_true (gonio_decode_heatmap (&output, t, 2, out, &error));
      g_assert_no_error (error);
      double tolerance = decode == GONIO_HEATMAP_ARGMAX ? 1.01 : 0.04;
      g_assert_cmpfloat_with_epsilon (out[0].position.x, 2 * x, tolerance);
      g_assert_cmpfloat_with_epsilon (out[0].position.y, 2 * y, tolerance);
      g_assert_cmpfloat_with_epsilon (out[0].sigma, 2 * 1.5 * sd, 0.05 * 3 * sd);
      g_assert_cmpfloat_with_epsilon (out[0].presence, p, 1e-4);
      g_assert_cmpfloat_with_epsilon (out[0].confidence, p, 0.01 * p);
      g_assert_cmpfloat_with_epsilon (out[1].presence, 0.1, 1e-4);
    }
  }
}

/* Mass elsewhere takes confidence away, not presence; a blob cut by the border stays inside. */
static void
test_heatmap_doubt (void)
{
  enum { W = 64, H = 64 };
  const GonioShape shape = GONIO_SHAPE (1, 1, H, W);
  GonioModelOutput output = {.kind = GONIO_OUTPUT_HEATMAP,
                             .tensor = "t",
                             .stride = 4,
                             .radius = 5,
                             .sigma_scale = 1,
                             .score_mass = TRUE};
  g_autoptr (GonioTensor) t = make (&shape, NULL);
  float *data = gonio_tensor_writable_data (t);
  blob (data, W, H, 10, 50, 1, 0.55);
  blob (data, W, H, 50, 10, 1, 0.4);
  GonioDecodedPoint out;
  g_assert_true (gonio_decode_heatmap (&output, t, 1, &out, NULL));
  g_assert_cmpfloat_with_epsilon (out.position.x, 40, 0.1);
  g_assert_cmpfloat_with_epsilon (out.position.y, 200, 0.1);
  g_assert_cmpfloat_with_epsilon (out.confidence, 0.55, 1e-3);
  g_assert_cmpfloat_with_epsilon (out.presence, 0.95, 1e-3);

  memset (data, 0, gonio_tensor_size (t));
  blob (data, W, H, 63.5, 0.5, 1, 0.9);
  g_assert_true (gonio_decode_heatmap (&output, t, 1, &out, NULL));
  g_assert_cmpfloat (out.position.x, <, 4 * W);
  g_assert_cmpfloat (out.position.y, >, 0);
  memset (data, 0, gonio_tensor_size (t));
  g_assert_true (gonio_decode_heatmap (&output, t, 1, &out, NULL));
  g_assert_cmpfloat (out.confidence, ==, 0);
  g_assert_cmpfloat (out.presence, ==, 0);
  g_assert_true (isfinite (out.position.x) && isfinite (out.sigma));
}

static void
test_simcc (void)
{
  enum { NX = 512, NY = 384 };
  const GonioShape sx = GONIO_SHAPE (1, 1, NX), sy = GONIO_SHAPE (1, 1, NY);
  GonioModelOutput output = {.kind = GONIO_OUTPUT_SIMCC,
                             .tensor = "x",
                             .tensor_y = "y",
                             .bins = 2,
                             .radius = 20,
                             .sigma_scale = 1};
  for (int i = 0; i < 300; i++) {
    double x = g_test_rand_double_range (20, 230), y = g_test_rand_double_range (20, 170);
    g_autoptr (GonioTensor) tx = make (&sx, NULL), ty = make (&sy, NULL);
    gboolean logits = i % 2 == 0;
    output.activation = logits ? GONIO_ACTIVATION_SOFTMAX : GONIO_ACTIVATION_NONE;
    for (int axis = 0; axis < 2; axis++) {
      float *data = gonio_tensor_writable_data (axis == 0 ? tx : ty);
      double c = 2 * (axis == 0 ? x : y), sd = 4;
      for (int k = 0; k < (axis == 0 ? NX : NY); k++) {
        double e = -pow (k + 0.5 - c, 2) / (2 * sd * sd);
        data[k] = (float)(logits ? e : exp (e) / (sd * sqrt (2 * G_PI)));
      }
    }
    GonioDecodedPoint out;
    g_assert_true (gonio_decode_simcc (&output, tx, ty, 1, &out, NULL));
    g_assert_cmpfloat_with_epsilon (out.position.x, x, 0.02);
    g_assert_cmpfloat_with_epsilon (out.position.y, y, 0.02);
    g_assert_cmpfloat_with_epsilon (out.sigma, 2, 0.05);
    g_assert_cmpfloat_with_epsilon (out.confidence, 1, 0.01);
  }
}

static void
test_points_and_corners (void)
{
  const float data[] = {0.25f, 0.5f, 2.0f, 1.0f, 0.0f, -2.0f};
  const GonioShape shape = GONIO_SHAPE (1, 2, 3);
  g_autoptr (GonioTensor) t = make (&shape, data);
  GonioModelOutput output = {.kind = GONIO_OUTPUT_POINTS,
                             .tensor = "p",
                             .normalized = TRUE,
                             .visibility = TRUE,
                             .activation = GONIO_ACTIVATION_SIGMOID,
                             .sigma = 3};
  GonioDecodedPoint out[2];
  g_assert_true (gonio_decode_points (&output, t, 2, 200, 100, out, NULL));
  g_assert_cmpfloat_with_epsilon (out[0].position.x, 50, 1e-4);
  g_assert_cmpfloat_with_epsilon (out[0].position.y, 50, 1e-4);
  g_assert_cmpfloat_with_epsilon (out[0].confidence, 0.880797, 1e-5);
  g_assert_cmpfloat_with_epsilon (out[1].confidence, 0.119203, 1e-5);
  g_assert_cmpfloat (out[0].sigma, ==, 3);

  const float square[] = {0, 0, 1, 0, 1, 1, 0, 1};
  const GonioShape four = GONIO_SHAPE (1, 4, 2);
  g_autoptr (GonioTensor) c = make (&four, square);
  GonioPoint corners[4];
  g_assert_true (gonio_decode_corners (&output, c, 200, 100, corners, NULL));
  g_assert_cmpfloat_with_epsilon (corners[2].x, 200, 1e-4);
  g_assert_cmpfloat_with_epsilon (corners[2].y, 100, 1e-4);
}

static void
test_backward_map (void)
{
  const float data[] = {-1, 0, 1, -1, 0, 1, -1, -1, -1, 1, 1, 1};
  const GonioShape shape = GONIO_SHAPE (1, 2, 2, 3);
  g_autoptr (GonioTensor) t = make (&shape, data);
  GonioModelOutput output = {
      .kind = GONIO_OUTPUT_BACKWARD_MAP, .tensor = "m", .corner_nodes = TRUE};
  g_autoptr (GonioBackwardMap) map = gonio_decode_backward_map (&output, t, 320, 240, NULL);
  g_assert_nonnull (map);
  g_assert_cmpuint (map->cols, ==, 3);
  g_assert_cmpuint (map->rows, ==, 2);
  g_assert_cmpfloat (map->nodes[0].x, ==, 0);
  g_assert_cmpfloat (map->nodes[4].x, ==, 160);
  g_assert_cmpfloat (map->nodes[4].y, ==, 240);
}

static void
test_logits (void)
{
  const float data[] = {1, 2, 3};
  const GonioShape shape = GONIO_SHAPE (1, 3);
  g_autoptr (GonioTensor) t = make (&shape, data);
  char *labels[] = {"a", "b", "c", NULL};
  GonioModelOutput output = {.kind = GONIO_OUTPUT_LOGITS,
                             .tensor = "l",
                             .labels = labels,
                             .activation = GONIO_ACTIVATION_SOFTMAX};
  double p[3] = {0};
  g_assert_true (gonio_decode_logits (&output, t, p, NULL));
  g_assert_cmpfloat_with_epsilon (p[0] + p[1] + p[2], 1, 1e-12);
  g_assert_cmpfloat_with_epsilon (p[2], 0.66524096, 1e-6);
  output.activation = GONIO_ACTIVATION_SIGMOID;
  g_assert_true (gonio_decode_logits (&output, t, p, NULL));
  g_assert_cmpfloat_with_epsilon (p[0], 0.73105858, 1e-6);
}

/* Wrong shapes, wrong types and values that are not numbers are refused; nothing is written. */
static void
test_refused (void)
{
  GonioModelOutput output = {.kind = GONIO_OUTPUT_HEATMAP,
                             .tensor = "heatmap",
                             .stride = 2,
                             .radius = 3,
                             .sigma_scale = 1};
  const GonioShape wrong_rank = GONIO_SHAPE (2, 8, 8), wrong_n = GONIO_SHAPE (1, 3, 8, 8);
  const GonioShape right = GONIO_SHAPE (1, 2, 8, 8), empty = GONIO_SHAPE (1, 2, 0, 8);
  g_autoptr (GonioTensor) a = make (&wrong_rank, NULL), b = make (&wrong_n, NULL);
  g_autoptr (GonioTensor) c = make (&right, NULL), d = make (&empty, NULL);
  ((float *)gonio_tensor_writable_data (c))[77] = NAN;
  g_autoptr (GonioTensor) ints = gonio_tensor_new_zeroed (GONIO_DTYPE_INT32, &right, NULL);
  const GonioTensor *all[] = {a, b, c, d, ints};
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    GonioDecodedPoint out[2] = {{.sigma = -7}, {.sigma = -7}};
    g_autoptr (GError) error = NULL;
    g_assert_false (gonio_decode_heatmap (&output, all[i], 2, out, &error));
    g_assert_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_OUTPUT);
    g_assert_nonnull (strstr (error->message, "\"heatmap\""));
    g_assert_cmpfloat (out[0].sigma, ==, -7);
  }
  const float far[] = {0, 0, 900, 0, 1, 1, 0, 1};
  const GonioShape four = GONIO_SHAPE (1, 4, 2), map_shape = GONIO_SHAPE (1, 2, 2, 2);
  g_autoptr (GonioTensor) corners = make (&four, far), map = make (&map_shape, far);
  GonioPoint out[4];
  g_assert_false (gonio_decode_corners (&output, corners, 10, 10, out, NULL));
  g_assert_null (gonio_decode_backward_map (&output, map, 10, 10, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/decode/heatmap", test_heatmap);
  g_test_add_func ("/decode/heatmap-doubt", test_heatmap_doubt);
  g_test_add_func ("/decode/simcc", test_simcc);
  g_test_add_func ("/decode/points-and-corners", test_points_and_corners);
  g_test_add_func ("/decode/backward-map", test_backward_map);
  g_test_add_func ("/decode/logits", test_logits);
  g_test_add_func ("/decode/refused", test_refused);
  return g_test_run ();
}
