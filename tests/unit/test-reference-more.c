/* Sampling, quantised, recurrent, attention, loss, signal, random and text kernels of the
 * reference backend, hand-computed. */
#include "tests/support/reference-case.h"

#include "backends/reference/reference.h"

#include <math.h>

static RefCase *
with_inputs (GonioOpId op, GonioTensor *a, GonioTensor *b, GonioTensor *d)
{
  RefCase *c = ref_case_new (op);

  ref_case_in (c, a);
  if (b != NULL)
    ref_case_in (c, b);
  if (d != NULL)
    ref_case_in (c, d);
  return c;
}

#define I64(...) TENSOR_I64 (INT64, __VA_ARGS__)

/* ---- resize ---- */

static RefCase *
resize (GonioTensor *x, GonioTensor *scales, GonioTensor *sizes, const char *mode,
        const char *coordinates)
{
  RefCase *c = ref_case_new (GONIO_OP_RESIZE);

  ref_case_in (c, x);
  ref_case_in (c, NULL);
  ref_case_in (c, scales);
  ref_case_in (c, sizes);
  ref_case_string (c, "mode", mode);
  ref_case_string (c, "coordinate_transformation_mode", coordinates);
  return c;
}

static void
test_resize_linear (void)
{
  static const struct {
    const char *coordinates;
    double expected[4];
  } cases[] = {
      {"half_pixel", {1, 1.5, 2.5, 3}},
      {"pytorch_half_pixel", {1, 1.5, 2.5, 3}},
      {"asymmetric", {1, 2, 3, 3}},
      {"align_corners", {1, 5.0 / 3, 7.0 / 3, 3}},
      {"half_pixel_symmetric", {1, 1.5, 2.5, 3}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (RefCase) c = resize (TENSOR (FLOAT, "2", 1, 3), TENSOR (FLOAT, "1", 2), NULL,
                                    "linear", cases[i].coordinates);

    ref_assert_out (c, 0, ref_tensor (GONIO_DTYPE_FLOAT, "4", 4, cases[i].expected),
                    cases[i].coordinates);
  }
}

static void
test_resize_nearest (void)
{
  static const struct {
    const char *rounding;
    double expected[5];
  } cases[] = {
      /* sources of the five pixels: -0.3 0.1 0.5 0.9 1.3 */
      {"round_prefer_floor", {10, 10, 10, 20, 20}},
      {"round_prefer_ceil", {10, 10, 20, 20, 20}},
      {"floor", {10, 10, 10, 10, 20}},
      {"ceil", {10, 20, 20, 20, 20}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (RefCase) c =
        resize (TENSOR_I64 (UINT8, "2", 10, 20), NULL, I64 ("1", 5), "nearest", "half_pixel");

    ref_case_string (c, "nearest_mode", cases[i].rounding);
    ref_assert_out (c, 0, ref_tensor (GONIO_DTYPE_UINT8, "5", 5, cases[i].expected),
                    cases[i].rounding);
  }
  {
    /* 0.7f * 10 is 7 in single precision */
    g_autoptr (RefCase) c = resize (ref_tensor_count_up (GONIO_DTYPE_FLOAT, "10"),
                                    TENSOR (FLOAT, "1", 0.7f), NULL, "nearest", "asymmetric");

    g_assert_true (ref_case_run (c));
    g_assert_cmpint (gonio_tensor_count (c->outputs[0]), ==, 7);
  }
}

static void
test_resize_cubic_antialias (void)
{
  g_autoptr (RefCase) same =
      resize (TENSOR (FLOAT, "1 4", 1, 5, 2, 8), NULL, I64 ("2", 1, 4), "cubic", "half_pixel");
  g_autoptr (RefCase) flat =
      resize (TENSOR (FLOAT, "4", 7, 7, 7, 7), NULL, I64 ("1", 3), "cubic", "half_pixel");
  /* a triangle of radius 2 around 0.5 and 2.5, edges repeated: weights 1 3 3 1 of 8 */
  g_autoptr (RefCase) shrink =
      resize (TENSOR (FLOAT, "4", 0, 8, 16, 40), NULL, I64 ("1", 2), "linear", "half_pixel");

  ASSERT_OUT (same, 0, FLOAT, "1 4", 1, 5, 2, 8);
  ASSERT_OUT (flat, 0, FLOAT, "3", 7, 7, 7);
  ref_case_int (shrink, "antialias", 1);
  ASSERT_OUT (shrink, 0, FLOAT, "2", (0 + 0 + 24 + 16) / 8.0, (8 + 48 + 120 + 40) / 8.0);
}

static void
test_resize_crop_and_policy (void)
{
  g_autoptr (RefCase) crop = ref_case_new (GONIO_OP_RESIZE);
  g_autoptr (RefCase) policy = resize (ref_tensor_count_up (GONIO_DTYPE_FLOAT, "2 4"), NULL,
                                       I64 ("2", 7, 8), "nearest", "asymmetric");

  ref_case_in (crop, TENSOR (FLOAT, "3", 1, 2, 3));
  ref_case_in (crop, TENSOR (FLOAT, "2", 0.5, 1.5));
  ref_case_in (crop, NULL);
  ref_case_in (crop, I64 ("1", 3));
  ref_case_string (crop, "mode", "linear");
  ref_case_string (crop, "coordinate_transformation_mode", "tf_crop_and_resize");
  ref_case_float (crop, "extrapolation_value", -9);
  ASSERT_OUT (crop, 0, FLOAT, "3", 2, 3, -9);
  ref_case_string (policy, "keep_aspect_ratio_policy", "not_larger");
  g_assert_true (ref_case_run (policy));
  g_assert_cmpint (gonio_tensor_shape (policy->outputs[0])->dims[0], ==, 4);
  g_assert_cmpint (gonio_tensor_shape (policy->outputs[0])->dims[1], ==, 8);
}

static void
test_resize_refuses (void)
{
  g_autoptr (RefCase) both = resize (TENSOR (FLOAT, "2", 1, 3), TENSOR (FLOAT, "1", 2),
                                     I64 ("1", 4), "linear", "half_pixel");
  g_autoptr (RefCase) mode =
      resize (TENSOR (FLOAT, "2", 1, 3), TENSOR (FLOAT, "1", 2), NULL, "spline", "half_pixel");
  static const double wrong[] = {0, -1, NAN, INFINITY, 1e30};

  ASSERT_FAILS (both, "exactly one");
  ASSERT_FAILS (mode, "spline");
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autoptr (RefCase) c =
        resize (TENSOR (FLOAT, "2", 1, 3), ref_tensor (GONIO_DTYPE_FLOAT, "1", 1, &wrong[i]), NULL,
                "linear", "half_pixel");

    ASSERT_FAILS (c, "scale");
  }
}

/* ---- grids ---- */

static void
test_grid_sample (void)
{
  static const struct {
    const char *padding;
    double expected[3];
  } cases[] = {
      /* -1, 0 and 2 in normalised units of a row 10 20: pixels -0.5, 0.5 and 2.5; the last
       * comes back as 0.5 when it is reflected */
      {"zeros", {5, 15, 0}},
      {"border", {10, 15, 20}},
      {"reflection", {10, 15, 15}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (RefCase) c = with_inputs (GONIO_OP_GRID_SAMPLE, TENSOR (FLOAT, "1 1 1 2", 10, 20),
                                         TENSOR (FLOAT, "1 1 3 2", -1, 0, 0, 0, 2, 0), NULL);

    ref_case_string (c, "padding_mode", cases[i].padding);
    ref_assert_out (c, 0, ref_tensor (GONIO_DTYPE_FLOAT, "1 1 1 3", 3, cases[i].expected),
                    cases[i].padding);
  }
  {
    g_autoptr (RefCase) c =
        with_inputs (GONIO_OP_GRID_SAMPLE, TENSOR (FLOAT, "1 1 1 2", 10, 20),
                     TENSOR (FLOAT, "1 1 4 2", NAN, 0, INFINITY, 0, 1e30, 0, -1e30, 0), NULL);

    ref_case_string (c, "padding_mode", "border");
    ASSERT_OUT (c, 0, FLOAT, "1 1 1 4", 10, 20, 20, 10);
  }
}

static void
test_affine_grid (void)
{
  g_autoptr (RefCase) c =
      with_inputs (GONIO_OP_AFFINE_GRID, TENSOR (FLOAT, "1 2 3", 1, 0, 10, 0, 1, 20),
                   I64 ("4", 1, 1, 2, 2), NULL);

  ASSERT_OUT (c, 0, FLOAT, "1 2 2 2", 9.5, 19.5, 10.5, 19.5, 9.5, 20.5, 10.5, 20.5);
}

static void
test_patches (void)
{
  g_autoptr (RefCase) columns = with_inputs (GONIO_OP_COL2IM, TENSOR (FLOAT, "1 2 2", 1, 2, 10, 20),
                                             I64 ("2", 1, 3), I64 ("2", 1, 2));
  g_autoptr (RefCase) region =
      with_inputs (GONIO_OP_ROI_ALIGN, TENSOR (FLOAT, "1 1 2 2", 1, 2, 3, 4),
                   TENSOR (FLOAT, "1 4", 0, 0, 2, 2), I64 ("1", 0));
  g_autoptr (RefCase) batch =
      with_inputs (GONIO_OP_ROI_ALIGN, TENSOR (FLOAT, "1 1 2 2", 1, 2, 3, 4),
                   TENSOR (FLOAT, "1 4", 0, 0, 2, 2), I64 ("1", 1));

  ASSERT_OUT (columns, 0, FLOAT, "1 1 1 3", 1, 12, 20);
  ref_case_int (region, "sampling_ratio", 2);
  ASSERT_OUT (region, 0, FLOAT, "1 1 1 1", 2.5);
  ASSERT_FAILS (batch, "batch index 1");
}

/* Pixels 0 to 15 in rows of 4. Both ends of a region count, ties round away from zero, bins that
 * do not divide overlap, and what lies outside is 0. */
static void
test_max_roi_pool (void)
{
  RefCase *cases[] = {
      with_inputs (GONIO_OP_MAX_ROI_POOL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 4 4"),
                   TENSOR (FLOAT, "2 5", 0, 0, 0, 2, 2, 0, 2, 2, 9, 9), NULL),
      with_inputs (GONIO_OP_MAX_ROI_POOL, ref_tensor_count_up (GONIO_DTYPE_DOUBLE, "2 1 2 2"),
                   TENSOR (DOUBLE, "1 5", 1, 1, 1, 1, 1), NULL),
      with_inputs (GONIO_OP_MAX_ROI_POOL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 2 2"),
                   TENSOR (FLOAT, "1 5", 1, 0, 0, 1, 1), NULL),
      with_inputs (GONIO_OP_MAX_ROI_POOL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 2 2"),
                   TENSOR (FLOAT, "1 5", 0, NAN, 0, 1, 1), NULL)};

  REF_CASE_INTS (cases[0], "pooled_shape", 2, 2);
  ASSERT_OUT (cases[0], 0, FLOAT, "2 1 2 2", 5, 6, 9, 10, 15, 0, 0, 0);
  REF_CASE_INTS (cases[1], "pooled_shape", 1, 2);
  ref_case_float (cases[1], "spatial_scale", 0.5f); /* 0.5 becomes 1 */
  ASSERT_OUT (cases[1], 0, DOUBLE, "1 1 1 2", 7, 7);
  REF_CASE_INTS (cases[2], "pooled_shape", 1, 1);
  ASSERT_FAILS (cases[2], "region 0 is of image 1 of 1");
  REF_CASE_INTS (cases[3], "pooled_shape", 1, 1);
  ASSERT_FAILS (cases[3], "goes from nan");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    ref_case_free (cases[i]);
}

/* ---- ImageDecoder ---- */

/* Two pixels whose first byte is that of the file; files of one byte are damaged. */
static uint8_t *
decode_two (GBytes *file, gboolean grey, guint *out_width, guint *out_height, GError **error)
{
  const uint8_t *data = g_bytes_get_data (file, NULL);
  const uint8_t rgb[6] = {data[0], 2, 3, 4, 5, 6}, levels[2] = {data[0], 9};

  if (g_bytes_get_size (file) == 1) {
    g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "damaged");
    return NULL;
  }
  *out_width = 1;
  *out_height = 2;
  return g_memdup2 (grey ? levels : rgb, grey ? 2 : 6);
}

static RefCase *
decoder (const char *order, GonioTensor *file)
{
  RefCase *c = with_inputs (GONIO_OP_IMAGE_DECODER, file, NULL, NULL);

  ref_case_string (c, "pixel_format", order);
  return c;
}

static void
test_image_decoder (void)
{
  g_autoptr (RefCase) none = decoder ("RGB", TENSOR_I64 (UINT8, "2", 1, 7));
  g_autoptr (RefCase) rgb = decoder ("RGB", TENSOR_I64 (UINT8, "2", 1, 7));
  g_autoptr (RefCase) bgr = decoder ("BGR", TENSOR_I64 (UINT8, "2", 1, 7));
  g_autoptr (RefCase) grey = decoder ("Grayscale", TENSOR_I64 (UINT8, "2", 1, 7));
  g_autoptr (RefCase) damaged = decoder ("RGB", TENSOR_I64 (UINT8, "1", 1));
  g_autoptr (RefCase) order = decoder ("GBR", TENSOR_I64 (UINT8, "2", 1, 7));

  ASSERT_FAILS (none, "no decoder");
  gonio_reference_set_image_decoder (decode_two);
  ASSERT_OUT_I64 (rgb, 0, UINT8, "2 1 3", 1, 2, 3, 4, 5, 6);
  ASSERT_OUT_I64 (bgr, 0, UINT8, "2 1 3", 3, 2, 1, 6, 5, 4);
  ASSERT_OUT_I64 (grey, 0, UINT8, "2 1 1", 1, 9);
  ASSERT_OUT_EMPTY (damaged, 0, UINT8, "0 0 3");
  ASSERT_FAILS (order, "GBR");
  gonio_reference_set_image_decoder (NULL);
}

/* ---- quantised ---- */

static void
test_quantize (void)
{
  g_autoptr (RefCase) tensor =
      with_inputs (GONIO_OP_QUANTIZE_LINEAR, TENSOR (FLOAT, "5", 0.5, 1.5, -3, 1000, NAN),
                   TENSOR (FLOAT, "", 1), TENSOR_I64 (UINT8, "", 10));
  g_autoptr (RefCase) axis =
      with_inputs (GONIO_OP_QUANTIZE_LINEAR, TENSOR (FLOAT, "2 2", 1, 1, 4, 4),
                   TENSOR (FLOAT, "2", 1, 2), TENSOR_I64 (INT8, "2", 0, 1));
  g_autoptr (RefCase) block =
      with_inputs (GONIO_OP_DEQUANTIZE_LINEAR, TENSOR_I64 (INT4, "1 4", 1, 2, 3, -8),
                   TENSOR (FLOAT, "1 2", 10, 100), NULL);
  g_autoptr (RefCase) small = with_inputs (GONIO_OP_QUANTIZE_LINEAR, TENSOR (FLOAT, "2", 3, 1e9),
                                           TENSOR (FLOAT, "", 2), TENSOR_I64 (FLOAT8E4M3FN, "", 0));

  ASSERT_OUT_I64 (tensor, 0, UINT8, "5", 10, 12, 7, 255, 0);
  ref_case_int (axis, "axis", 1);
  ASSERT_OUT_I64 (axis, 0, INT8, "2 2", 1, 1, 4, 3);
  ref_case_int (block, "axis", 1);
  ref_case_int (block, "block_size", 2);
  ASSERT_OUT (block, 0, FLOAT, "1 4", 10, 20, 300, -800);
  ref_assert_out (small, 0, TENSOR_I64 (FLOAT8E4M3FN, "2", 0x3c, 0x7e), REF_HERE);
}

static void
test_dynamic_quantize (void)
{
  g_autoptr (RefCase) c =
      with_inputs (GONIO_OP_DYNAMIC_QUANTIZE_LINEAR, TENSOR (FLOAT, "3", -51, 0, 204), NULL, NULL);
  g_autoptr (RefCase) flat =
      with_inputs (GONIO_OP_DYNAMIC_QUANTIZE_LINEAR, TENSOR (FLOAT, "2", 0, 0), NULL, NULL);

  ref_case_outputs (c, 3);
  ASSERT_OUT_I64 (c, 0, UINT8, "3", 0, 51, 255);
  ASSERT_OUT (c, 1, FLOAT, "", 1);
  ASSERT_OUT_I64 (c, 2, UINT8, "", 51);
  ASSERT_OUT_I64 (flat, 0, UINT8, "2", 0, 0);
}

static void
test_integer_products (void)
{
  g_autoptr (RefCase) mm = ref_case_new (GONIO_OP_MATMUL_INTEGER);
  g_autoptr (RefCase) conv = ref_case_new (GONIO_OP_CONV_INTEGER);
  g_autoptr (RefCase) qmm = ref_case_new (GONIO_OP_QLINEAR_MATMUL);

  ref_case_in (mm, TENSOR_I64 (UINT8, "2 2", 1, 2, 3, 4));
  ref_case_in (mm, TENSOR_I64 (INT8, "2 1", -1, 10));
  ref_case_in (mm, TENSOR_I64 (UINT8, "2", 1, 3));
  ref_case_in (mm, TENSOR_I64 (INT8, "", 1));
  /* rows minus 1 and 3, column minus 1: [0 1; 0 1] * [-2 9] */
  ASSERT_OUT_I64 (mm, 0, INT32, "2 1", 9, 9);
  ref_case_in (conv, TENSOR_I64 (UINT8, "1 1 3", 5, 6, 7));
  ref_case_in (conv, TENSOR_I64 (UINT8, "1 1 3", 1, 1, 1));
  ref_case_in (conv, TENSOR_I64 (UINT8, "", 5));
  REF_CASE_INTS (conv, "pads", 1, 1);
  /* padding stands for the zero point, so it adds nothing */
  ASSERT_OUT_I64 (conv, 0, INT32, "1 1 3", 1, 3, 3);
  ref_case_in (qmm, TENSOR_I64 (INT8, "1 2", 2, 4));
  ref_case_in (qmm, TENSOR (FLOAT, "", 0.5));
  ref_case_in (qmm, TENSOR_I64 (INT8, "", 0));
  ref_case_in (qmm, TENSOR_I64 (INT8, "2 1", 3, 1));
  ref_case_in (qmm, TENSOR (FLOAT, "", 1));
  ref_case_in (qmm, TENSOR_I64 (INT8, "", 0));
  ref_case_in (qmm, TENSOR (FLOAT, "", 2));
  ref_case_in (qmm, TENSOR_I64 (INT8, "", 7));
  /* 10 * 0.5 / 2 = 2.5 rounds to even, plus 7 */
  ASSERT_OUT_I64 (qmm, 0, INT8, "1 1", 9);
}

static void
test_qlinear_conv (void)
{
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_QLINEAR_CONV);

  ref_case_in (c, TENSOR_I64 (UINT8, "1 1 2", 10, 20));
  ref_case_in (c, TENSOR (FLOAT, "", 0.5));
  ref_case_in (c, TENSOR_I64 (UINT8, "", 10));
  ref_case_in (c, TENSOR_I64 (INT8, "2 1 1", 2, -2));
  ref_case_in (c, TENSOR (FLOAT, "2", 1, 2));
  ref_case_in (c, TENSOR_I64 (INT8, "2", 0, 0));
  ref_case_in (c, TENSOR (FLOAT, "", 1));
  ref_case_in (c, TENSOR_I64 (UINT8, "", 100));
  ref_case_in (c, TENSOR_I64 (INT32, "2", 4, 0));
  /* (0 or 10) * 2 + 4 by 0.5; (0 or 10) * -2 by 1 */
  ASSERT_OUT_I64 (c, 0, UINT8, "1 2 2", 102, 112, 100, 80);
}

/* ---- recurrent ---- */

static void
test_rnn (void)
{
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_RNN);
  g_autoptr (RefCase) wrong = ref_case_new (GONIO_OP_RNN);

  /* h = x + 10 h, second sequence one step long, both directions */
  ref_case_in (c, TENSOR (FLOAT, "2 2 1", 1, 5, 2, 6));
  ref_case_in (c, TENSOR (FLOAT, "2 1 1", 1, 1));
  ref_case_in (c, TENSOR (FLOAT, "2 1 1", 10, 10));
  ref_case_in (c, NULL);
  ref_case_in (c, TENSOR_I64 (INT32, "2", 2, 1));
  ref_case_outputs (c, 2);
  ref_case_int (c, "hidden_size", 1);
  ref_case_string (c, "direction", "bidirectional");
  gonio_graph_set_attr_strings (c->graph, ref_case_node (c), "activations",
                                (const char *[]){"Affine", "Affine"}, 2);
  ASSERT_OUT (c, 0, FLOAT, "2 2 2 1", 1, 5, 21, 5, 12, 0, 2, 0);
  ASSERT_OUT (c, 1, FLOAT, "2 2 1", 12, 5, 21, 5);
  ref_case_in (wrong, TENSOR (FLOAT, "1 1 1", 1));
  ref_case_in (wrong, TENSOR (FLOAT, "1 1 2", 1, 1));
  ref_case_in (wrong, TENSOR (FLOAT, "1 1 1", 10));
  ASSERT_FAILS (wrong, "W has shape [1,1,2]");
}

static void
test_lstm (void)
{
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_LSTM);
  double s1 = 1 / (1 + exp (-1.0)), cell = s1 * tanh (1.0);

  ref_case_in (c, TENSOR (FLOAT, "1 1 1", 1));
  ref_case_in (c, TENSOR (FLOAT, "1 4 1", 1, 1, 1, 1));
  ref_case_in (c, TENSOR (FLOAT, "1 4 1", 0, 0, 0, 0));
  ref_case_outputs (c, 3);
  ref_case_int (c, "hidden_size", 1);
  ASSERT_OUT (c, 2, FLOAT, "1 1 1", cell);
  ASSERT_OUT (c, 1, FLOAT, "1 1 1", s1 * tanh (cell));
  ASSERT_OUT (c, 0, FLOAT, "1 1 1 1", s1 * tanh (cell));
}

static void
test_gru (void)
{
  for (int linear = 0; linear < 2; linear++) {
    g_autoptr (RefCase) c = ref_case_new (GONIO_OP_GRU);
    double z = 0.5, r = 0.5, h0 = 2, bias = 3;
    /* W is 0, so gates are 0.5; candidate: tanh of r * (h0 + bias) or r * h0 + bias */
    double candidate = tanh (linear ? r * (h0 + bias) : r * h0 + bias);

    ref_case_in (c, TENSOR (FLOAT, "1 1 1", 9));
    ref_case_in (c, TENSOR (FLOAT, "1 3 1", 0, 0, 0));
    ref_case_in (c, TENSOR (FLOAT, "1 3 1", 0, 0, 1));
    ref_case_in (c, TENSOR (FLOAT, "1 6", 0, 0, 0, 0, 0, 3));
    ref_case_in (c, NULL);
    ref_case_in (c, TENSOR (FLOAT, "1 1 1", 2));
    ref_case_int (c, "linear_before_reset", linear);
    ASSERT_OUT (c, 0, FLOAT, "1 1 1 1", (1 - z) * candidate + z * h0);
  }
}

/* ---- attention ---- */

static void
test_attention (void)
{
  g_autoptr (RefCase) plain =
      with_inputs (GONIO_OP_ATTENTION, TENSOR (FLOAT, "1 1 2 1", 0, 0),
                   TENSOR (FLOAT, "1 1 2 1", 5, 7), TENSOR (FLOAT, "1 1 2 1", 10, 20));
  g_autoptr (RefCase) causal =
      with_inputs (GONIO_OP_ATTENTION, TENSOR (FLOAT, "1 1 2 1", 0, 0),
                   TENSOR (FLOAT, "1 1 2 1", 5, 7), TENSOR (FLOAT, "1 1 2 1", 10, 20));
  g_autoptr (RefCase) masked =
      with_inputs (GONIO_OP_ATTENTION, TENSOR (FLOAT, "1 2 1", 0, 0), TENSOR (FLOAT, "1 2 1", 5, 7),
                   TENSOR (FLOAT, "1 2 2", 10, 11, 20, 21));

  ASSERT_OUT (plain, 0, FLOAT, "1 1 2 1", 15, 15);
  ref_case_int (causal, "is_causal", 1);
  ASSERT_OUT (causal, 0, FLOAT, "1 1 2 1", 10, 15);
  ref_case_in (masked, TENSOR (BOOL, "2 2", 0, 1, 0, 0));
  ref_case_int (masked, "q_num_heads", 1);
  ref_case_int (masked, "kv_num_heads", 1);
  ASSERT_OUT (masked, 0, FLOAT, "1 2 2", 20, 21, 0, 0);
}

static void
test_rotary (void)
{
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_ROTARY_EMBEDDING);
  g_autoptr (RefCase) far = ref_case_new (GONIO_OP_ROTARY_EMBEDDING);

  ref_case_in (c, TENSOR (FLOAT, "1 1 1 4", 1, 2, 3, 4));
  ref_case_in (c, TENSOR (FLOAT, "2 1", 1, 0));
  ref_case_in (c, TENSOR (FLOAT, "2 1", 0, 1));
  ref_case_in (c, I64 ("1 1", 1));
  ref_case_int (c, "rotary_embedding_dim", 2);
  ASSERT_OUT (c, 0, FLOAT, "1 1 1 4", -2, 1, 3, 4);
  ref_case_in (far, TENSOR (FLOAT, "1 1 1 2", 1, 2));
  ref_case_in (far, TENSOR (FLOAT, "1 1", 1));
  ref_case_in (far, TENSOR (FLOAT, "1 1", 0));
  ref_case_in (far, I64 ("1 1", 1));
  ASSERT_FAILS (far, "position 1 of 1");
}

/* ---- losses, signals ---- */

static void
test_losses (void)
{
  g_autoptr (RefCase) mean = with_inputs (GONIO_OP_NEGATIVE_LOG_LIKELIHOOD_LOSS,
                                          TENSOR (FLOAT, "3 2", -1, -2, -3, -4, -5, -6),
                                          I64 ("3", 0, 1, 9), TENSOR (FLOAT, "2", 1, 3));
  g_autoptr (RefCase) far = with_inputs (GONIO_OP_NEGATIVE_LOG_LIKELIHOOD_LOSS,
                                         TENSOR (FLOAT, "1 2", -1, -2), I64 ("1", 2), NULL);
  g_autoptr (RefCase) cross =
      with_inputs (GONIO_OP_SOFTMAX_CROSS_ENTROPY_LOSS, TENSOR (FLOAT, "1 2 1", 0, log (3)),
                   I64 ("1 1", 1), NULL);

  ref_case_int (mean, "ignore_index", 9);
  ASSERT_OUT (mean, 0, FLOAT, "", (1 * 1 + 3 * 4) / 4.0);
  ASSERT_FAILS (far, "target 2");
  ref_case_outputs (cross, 2);
  ref_case_string (cross, "reduction", "none");
  ASSERT_OUT (cross, 0, FLOAT, "1 1", -log (0.75));
  ASSERT_OUT (cross, 1, FLOAT, "1 2 1", log (0.25), log (0.75));
}

static void
test_dft (void)
{
  g_autoptr (RefCase) forward =
      with_inputs (GONIO_OP_DFT, TENSOR (DOUBLE, "1 6 1", 1, 0, 0, 0, 0, 0), NULL, NULL);
  g_autoptr (RefCase) wave =
      with_inputs (GONIO_OP_DFT, TENSOR (DOUBLE, "1 4 1", 0, 1, 0, -1), NULL, NULL);
  g_autoptr (RefCase) back =
      with_inputs (GONIO_OP_DFT, TENSOR (DOUBLE, "1 3 2", 0, 0, 0, -2, 0, 0), NULL, NULL);
  g_autoptr (RefCase) prime = NULL;
  g_autofree double *ones = g_new (double, 101);

  ref_case_int (forward, "onesided", 1);
  ASSERT_OUT (forward, 0, DOUBLE, "1 4 2", 1, 0, 1, 0, 1, 0, 1, 0);
  ASSERT_OUT (wave, 0, DOUBLE, "1 4 2", 0, 0, 0, -2, 0, 0, 0, 2);
  ref_case_int (back, "inverse", 1);
  ref_case_int (back, "onesided", 1);
  ASSERT_OUT (back, 0, DOUBLE, "1 4 1", 0, 1, 0, -1);
  for (int i = 0; i < 101; i++)
    ones[i] = 1;
  prime =
      with_inputs (GONIO_OP_DFT, ref_tensor (GONIO_DTYPE_DOUBLE, "1 101 1", 101, ones), NULL, NULL);
  g_assert_true (ref_case_run (prime));
  g_assert_cmpfloat_with_epsilon (gonio_tensor_get_double (prime->outputs[0], 0), 101, 1e-9);
  g_assert_cmpfloat_with_epsilon (gonio_tensor_get_double (prime->outputs[0], 2), 0, 1e-9);
}

static void
test_windows_and_stft (void)
{
  g_autoptr (RefCase) hann = with_inputs (GONIO_OP_HANN_WINDOW, I64 ("", 4), NULL, NULL);
  g_autoptr (RefCase) hamming = with_inputs (GONIO_OP_HAMMING_WINDOW, I64 ("", 3), NULL, NULL);
  g_autoptr (RefCase) negative = with_inputs (GONIO_OP_HANN_WINDOW, I64 ("", -4), NULL, NULL);
  g_autoptr (RefCase) stft = ref_case_new (GONIO_OP_STFT);

  ASSERT_OUT (hann, 0, FLOAT, "4", 0, 0.5, 1, 0.5);
  ref_case_int (hamming, "periodic", 0);
  ASSERT_OUT (hamming, 0, FLOAT, "3", 2 * 25.0 / 46 - 1, 1, 2 * 25.0 / 46 - 1);
  ASSERT_FAILS (negative, "impossible");
  ref_case_in (stft, TENSOR (FLOAT, "1 5 1", 1, 2, 3, 4, 5));
  ref_case_in (stft, I64 ("", 2));
  ref_case_in (stft, TENSOR (FLOAT, "2", 1, 10));
  ASSERT_OUT (stft, 0, FLOAT, "1 2 2 2", 21, 0, -19, 0, 43, 0, -37, 0);
}

/* The first ten numbers of the Mersenne twister seeded with 0, as published with numpy: 0.549
 * 0.715 0.603 0.545 0.424 0.646 0.438 0.892 0.964 0.383. */
static void
test_dropout (void)
{
  static const gboolean modes[3][2] = {{TRUE, TRUE}, {TRUE, FALSE}, {FALSE, FALSE}};

  for (guint i = 0; i < 3; i++) {
    g_autoptr (RefCase) c = ref_case_new (GONIO_OP_DROPOUT);

    ref_case_in (c, TENSOR (FLOAT, "10", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    ref_case_in (c, TENSOR (DOUBLE, "", modes[i][1] ? 0.6 : 0));
    ref_case_in (c, modes[i][0] ? TENSOR_I64 (BOOL, "", 1) : NULL);
    ref_case_outputs (c, 2);
    ref_case_int (c, "seed", 0);
    if (i == 0) {
      ASSERT_OUT (c, 0, FLOAT, "10", 0, 5, 7.5, 0, 0, 15, 0, 20, 22.5, 0);
      ASSERT_OUT_I64 (c, 1, BOOL, "10", 0, 1, 1, 0, 0, 1, 0, 1, 1, 0);
    } else {
      ASSERT_OUT (c, 0, FLOAT, "10", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
      ASSERT_OUT_I64 (c, 1, BOOL, "10", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    }
  }
  g_autoptr (RefCase) all = ref_case_new (GONIO_OP_DROPOUT);
  ref_case_in (all, TENSOR (FLOAT, "1", 1));
  ref_case_in (all, TENSOR (FLOAT, "", 1));
  ASSERT_FAILS (all, "not in [0,1)");
}

static void
test_random (void)
{
  g_autoptr (RefCase) a = ref_case_new (GONIO_OP_RANDOM_NORMAL);
  g_autoptr (RefCase) b = ref_case_new (GONIO_OP_RANDOM_NORMAL);
  g_autoptr (RefCase) sure =
      with_inputs (GONIO_OP_BERNOULLI, TENSOR (FLOAT, "2", 0, 1), NULL, NULL);
  g_autoptr (RefCase) never = with_inputs (GONIO_OP_BERNOULLI, TENSOR (FLOAT, "1", 2), NULL, NULL);
  g_autoptr (RefCase) draw = with_inputs (
      GONIO_OP_MULTINOMIAL, TENSOR (FLOAT, "1 3", -INFINITY, 0, -INFINITY), NULL, NULL);
  double sum = 0;

  REF_CASE_INTS (a, "shape", 100, 100);
  REF_CASE_INTS (b, "shape", 100, 100);
  ref_case_float (a, "seed", 3);
  ref_case_float (b, "seed", 3);
  ref_case_float (a, "mean", 5);
  ref_case_float (b, "mean", 5);
  g_assert_true (ref_case_run (a) && ref_case_run (b));
  for (int i = 0; i < 10000; i++) {
    double value = gonio_tensor_get_double (a->outputs[0], i);

    g_assert_cmpfloat (value, ==, gonio_tensor_get_double (b->outputs[0], i));
    sum += value;
  }
  g_assert_cmpfloat_with_epsilon (sum / 10000, 5, 0.05);
  ASSERT_OUT (sure, 0, FLOAT, "2", 0, 1);
  ASSERT_FAILS (never, "no probability");
  ref_case_int (draw, "sample_size", 4);
  ASSERT_OUT_I64 (draw, 0, INT32, "1 4", 1, 1, 1, 1);
}

/* ---- text ---- */

static void
test_text (void)
{
  g_autoptr (RefCase) join = with_inputs (GONIO_OP_STRING_CONCAT, TENSOR_TEXT ("2", "a", "b"),
                                          TENSOR_TEXT ("", "ü"), NULL);
  g_autoptr (RefCase) split =
      with_inputs (GONIO_OP_STRING_SPLIT, TENSOR_TEXT ("3", "a--b--", " x ", ""), NULL, NULL);
  g_autoptr (RefCase) words =
      with_inputs (GONIO_OP_STRING_SPLIT, TENSOR_TEXT ("2", "  a  b c ", ""), NULL, NULL);
  g_autoptr (RefCase) match =
      with_inputs (GONIO_OP_REGEX_FULL_MATCH, TENSOR_TEXT ("3", "ab", "xab", "ab\n"), NULL, NULL);
  g_autoptr (RefCase) pattern =
      with_inputs (GONIO_OP_REGEX_FULL_MATCH, TENSOR_TEXT ("1", "ab"), NULL, NULL);

  ASSERT_OUT_TEXT (join, 0, "2", "aü", "bü");
  ref_case_outputs (split, 2);
  ref_case_string (split, "delimiter", "--");
  ASSERT_OUT_TEXT (split, 0, "3 3", "a", "b", "", " x ", "", "", "", "", "");
  ASSERT_OUT_I64 (split, 1, INT64, "3", 3, 1, 1);
  ref_case_outputs (words, 2);
  ref_case_int (words, "maxsplit", 1);
  ASSERT_OUT_TEXT (words, 0, "2 2", "a", "b c ", "", "");
  ASSERT_OUT_I64 (words, 1, INT64, "2", 2, 0);
  ref_case_string (match, "pattern", "a|ab");
  ASSERT_OUT (match, 0, BOOL, "3", 1, 0, 0);
  ref_case_string (pattern, "pattern", "(");
  ASSERT_FAILS (pattern, "pattern \"(\"");
}

static void
test_text_normalize_and_count (void)
{
  g_autoptr (RefCase) normal = with_inputs (
      GONIO_OP_STRING_NORMALIZER, TENSOR_TEXT ("3", "Monday", "Tuesday", "monday"), NULL, NULL);
  g_autoptr (RefCase) grams =
      with_inputs (GONIO_OP_TF_IDF_VECTORIZER, TENSOR_I64 (INT32, "4", 5, 6, 5, 6), NULL, NULL);

  ref_case_string (normal, "case_change_action", "UPPER");
  gonio_graph_set_attr_strings (normal->graph, ref_case_node (normal), "stopwords",
                                (const char *[]){"MONDAY"}, 1);
  ASSERT_OUT_TEXT (normal, 0, "1", "TUESDAY");
  ref_case_string (grams, "mode", "TF");
  ref_case_int (grams, "min_gram_length", 1);
  ref_case_int (grams, "max_gram_length", 2);
  ref_case_int (grams, "max_skip_count", 1);
  REF_CASE_INTS (grams, "ngram_counts", 0, 1);
  REF_CASE_INTS (grams, "ngram_indexes", 0, 2, 1);
  REF_CASE_INTS (grams, "pool_int64s", 5, 5, 6, 5, 5);
  /* 5 twice; 5 6 twice side by side; 5 . 5 once over a gap */
  ASSERT_OUT (grams, 0, FLOAT, "3", 2, 1, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/resize/linear", test_resize_linear);
  g_test_add_func ("/reference/resize/nearest", test_resize_nearest);
  g_test_add_func ("/reference/resize/cubic-antialias", test_resize_cubic_antialias);
  g_test_add_func ("/reference/resize/crop-policy", test_resize_crop_and_policy);
  g_test_add_func ("/reference/resize/refuses", test_resize_refuses);
  g_test_add_func ("/reference/grid/sample", test_grid_sample);
  g_test_add_func ("/reference/grid/affine", test_affine_grid);
  g_test_add_func ("/reference/patch/col2im-roi", test_patches);
  g_test_add_func ("/reference/patch/max-roi-pool", test_max_roi_pool);
  g_test_add_func ("/reference/quant/quantize", test_quantize);
  g_test_add_func ("/reference/quant/dynamic", test_dynamic_quantize);
  g_test_add_func ("/reference/quant/products", test_integer_products);
  g_test_add_func ("/reference/quant/qlinear-conv", test_qlinear_conv);
  g_test_add_func ("/reference/recurrent/rnn", test_rnn);
  g_test_add_func ("/reference/recurrent/lstm", test_lstm);
  g_test_add_func ("/reference/recurrent/gru", test_gru);
  g_test_add_func ("/reference/attention/attention", test_attention);
  g_test_add_func ("/reference/attention/rotary", test_rotary);
  g_test_add_func ("/reference/loss/losses", test_losses);
  g_test_add_func ("/reference/signal/dft", test_dft);
  g_test_add_func ("/reference/signal/windows-stft", test_windows_and_stft);
  g_test_add_func ("/reference/image-decoder", test_image_decoder);
  g_test_add_func ("/reference/random/dropout", test_dropout);
  g_test_add_func ("/reference/random/random", test_random);
  g_test_add_func ("/reference/text/text", test_text);
  g_test_add_func ("/reference/text/normalize-count", test_text_normalize_and_count);
  return g_test_run ();
}
