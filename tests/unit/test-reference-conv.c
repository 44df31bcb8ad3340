/* Convolution and pooling kernels of the reference backend, hand-computed. */
#include "tests/support/reference-case.h"

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

#define ONES_3X3 TENSOR (FLOAT, "1 1 3 3", 1, 1, 1, 1, 1, 1, 1, 1, 1)
#define X_3X3    TENSOR (FLOAT, "1 1 3 3", 1, 2, 3, 4, 5, 6, 7, 8, 9)

static void
test_conv_basic (void)
{
  g_autoptr (RefCase) valid = with_inputs (GONIO_OP_CONV, X_3X3, ONES_3X3, NULL);
  g_autoptr (RefCase) same = with_inputs (GONIO_OP_CONV, X_3X3, ONES_3X3, TENSOR (FLOAT, "1", 100));
  g_autoptr (RefCase) strided = with_inputs (GONIO_OP_CONV, X_3X3, ONES_3X3, NULL);

  ASSERT_OUT (valid, 0, FLOAT, "1 1 1 1", 45);
  REF_CASE_INTS (same, "pads", 1, 1, 1, 1);
  ASSERT_OUT (same, 0, FLOAT, "1 1 3 3", 112, 121, 116, 127, 145, 133, 124, 139, 128);
  REF_CASE_INTS (strided, "pads", 1, 1, 1, 1);
  REF_CASE_INTS (strided, "strides", 2, 2);
  ASSERT_OUT (strided, 0, FLOAT, "1 1 2 2", 12, 16, 24, 28);
}

/* Bias and summand are added before the activation. */
static void
test_conv_add (void)
{
  g_autoptr (RefCase) c = with_inputs (GONIO_OP_CONV, X_3X3, TENSOR (FLOAT, "2 1 1 1", 1, -1),
                                       TENSOR (FLOAT, "2", 10, 0));
  g_autoptr (RefCase) wrong = with_inputs (GONIO_OP_CONV, X_3X3, ONES_3X3, TENSOR (FLOAT, "1", 0));

  ref_case_in (c, TENSOR (FLOAT, "1 2 3 3", 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 8, 9, 20));
  ref_case_string (c, "activation", "Clip");
  gonio_graph_set_attr_floats (c->graph, ref_case_node (c), "activation_params", (float[]){0, 27},
                               2);
  ASSERT_OUT (c, 0, FLOAT, "1 2 3 3", 12, 14, 16, 18, 20, 22, 24, 26, 27, 0, 0, 0, 0, 0, 0, 1, 1,
              11);
  ref_case_in (wrong, TENSOR (FLOAT, "1 1 1 2", 0, 0));
  ASSERT_FAILS (wrong, "summand");
}

static void
test_conv_groups_and_dilation (void)
{
  /* depthwise: each channel has its own filter; dilation 2 takes columns 0 and 2 */
  g_autoptr (RefCase) c =
      with_inputs (GONIO_OP_CONV, TENSOR (DOUBLE, "1 2 3", 1, 2, 3, 10, 20, 30),
                   TENSOR (DOUBLE, "2 1 2", 1, 10, 1, -1), TENSOR (DOUBLE, "2", 0, 5));

  ref_case_int (c, "group", 2);
  REF_CASE_INTS (c, "dilations", 2);
  ASSERT_OUT (c, 0, DOUBLE, "1 2 1", 31, -15);
}

static void
test_conv_auto_pad (void)
{
  g_autoptr (RefCase) upper = with_inputs (GONIO_OP_CONV, TENSOR (FLOAT, "1 1 4", 1, 2, 3, 4),
                                           TENSOR (FLOAT, "1 1 2", 1, 10), NULL);
  g_autoptr (RefCase) lower = with_inputs (GONIO_OP_CONV, TENSOR (FLOAT, "1 1 4", 1, 2, 3, 4),
                                           TENSOR (FLOAT, "1 1 2", 1, 10), NULL);

  ref_case_string (upper, "auto_pad", "SAME_UPPER");
  ASSERT_OUT (upper, 0, FLOAT, "1 1 4", 21, 32, 43, 4);
  ref_case_string (lower, "auto_pad", "SAME_LOWER");
  ASSERT_OUT (lower, 0, FLOAT, "1 1 4", 10, 21, 32, 43);
}

static void
test_conv_3d_and_types (void)
{
  g_autoptr (RefCase) cube =
      with_inputs (GONIO_OP_CONV, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 2 2 2"),
                   TENSOR (FLOAT, "1 1 2 2 2", 1, 1, 1, 1, 1, 1, 1, 1), NULL);
  g_autoptr (RefCase) half =
      with_inputs (GONIO_OP_CONV, TENSOR (FLOAT16, "1 1 2", 0.5, 2), TENSOR (FLOAT16, "1 1 1", 3),
                   TENSOR (FLOAT16, "1", 0.25));

  ASSERT_OUT (cube, 0, FLOAT, "1 1 1 1 1", 28);
  ASSERT_OUT (half, 0, FLOAT16, "1 1 2", 1.75, 6.25);
}

/* More outputs than one block, more taps than one packed panel: against a plain loop. */
static void
test_conv_large (void)
{
  enum { C = 40, H = 40, W = 37, M = 7 };
  g_autofree double *x = g_new (double, C *H *W), *w = g_new (double, M *C * 9);
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_autoptr (RefCase) c = NULL;

  for (int i = 0; i < C * H * W; i++)
    x[i] = g_rand_int_range (rand, -3, 4);
  for (int i = 0; i < M * C * 9; i++)
    w[i] = g_rand_int_range (rand, -3, 4);
  c = with_inputs (GONIO_OP_CONV, ref_tensor (GONIO_DTYPE_FLOAT, "1 40 40 37", C * H * W, x),
                   ref_tensor (GONIO_DTYPE_FLOAT, "7 40 3 3", M * C * 9, w), NULL);
  REF_CASE_INTS (c, "pads", 1, 1, 1, 1);
  g_assert_true (ref_case_run (c));
  for (int m = 0; m < M; m++)
    for (int i = 0; i < H; i++)
      for (int j = 0; j < W; j++) {
        double sum = 0;

        for (int k = 0; k < C; k++)
          for (int t = 0; t < 9; t++) {
            int r = i + t / 3 - 1, q = j + t % 3 - 1;

            if (r >= 0 && r < H && q >= 0 && q < W)
              sum += x[(k * H + r) * W + q] * w[(m * C + k) * 9 + t];
          }
        g_assert_cmpfloat (gonio_tensor_get_double (c->outputs[0], (m * H + i) * W + j), ==, sum);
      }
}

static void
test_conv_refuses (void)
{
  g_autoptr (RefCase) channels =
      with_inputs (GONIO_OP_CONV, X_3X3, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 2 1 1"), NULL);
  g_autoptr (RefCase) window =
      with_inputs (GONIO_OP_CONV, X_3X3, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 4 4"), NULL);
  g_autoptr (RefCase) padding = with_inputs (GONIO_OP_CONV, X_3X3, ONES_3X3, NULL);
  g_autoptr (RefCase) stride = with_inputs (GONIO_OP_CONV, X_3X3, ONES_3X3, NULL);
  g_autoptr (RefCase) group = with_inputs (GONIO_OP_CONV, X_3X3, ONES_3X3, NULL);
  g_autoptr (RefCase) bias =
      with_inputs (GONIO_OP_CONV, X_3X3, ONES_3X3, TENSOR (FLOAT, "2", 1, 2));

  ASSERT_FAILS (channels, "channels");
  ASSERT_FAILS (window, "does not fit");
  REF_CASE_INTS (padding, "pads", 1LL << 40, 0, 0, 0);
  ASSERT_FAILS (padding, "padding");
  REF_CASE_INTS (stride, "strides", 0, 1);
  ASSERT_FAILS (stride, "stride");
  ref_case_int (group, "group", 0);
  ASSERT_FAILS (group, "groups");
  ASSERT_FAILS (bias, "bias has 2 elements");
}

/* Padding that is allowed by itself but would need gigabytes. */
static void
test_conv_memory (void)
{
  g_autoptr (RefCase) c = with_inputs (GONIO_OP_CONV, X_3X3, ONES_3X3, NULL);

  REF_CASE_INTS (c, "pads", 1 << 29, 1 << 29, 0, 0);
  REF_CASE_INTS (c, "strides", 1 << 29, 1 << 29);
  ASSERT_FAILS (c, "padded input");
}

static void
test_conv_empty (void)
{
  g_autoptr (RefCase) batch =
      with_inputs (GONIO_OP_CONV, TENSOR_EMPTY (FLOAT, "0 1 3 3"), ONES_3X3, NULL);
  g_autoptr (RefCase) channels = with_inputs (GONIO_OP_CONV, TENSOR_EMPTY (FLOAT, "1 0 2 2"),
                                              TENSOR_EMPTY (FLOAT, "2 0 1 1"), NULL);

  ASSERT_OUT_EMPTY (batch, 0, FLOAT, "0 1 1 1");
  ASSERT_OUT (channels, 0, FLOAT, "1 2 2 2", 0, 0, 0, 0, 0, 0, 0, 0);
}

static void
test_conv_transpose (void)
{
  g_autoptr (RefCase) plain =
      with_inputs (GONIO_OP_CONV_TRANSPOSE, TENSOR (FLOAT, "1 1 2 2", 1, 2, 3, 4),
                   TENSOR (FLOAT, "1 1 2 2", 1, 10, 100, 1000), NULL);
  g_autoptr (RefCase) strided =
      with_inputs (GONIO_OP_CONV_TRANSPOSE, TENSOR (FLOAT, "1 1 2", 1, 2),
                   TENSOR (FLOAT, "1 1 3", 1, 2, 3), TENSOR (FLOAT, "1", 10));
  g_autoptr (RefCase) grouped = with_inputs (GONIO_OP_CONV_TRANSPOSE, TENSOR (FLOAT, "1 2 1", 3, 5),
                                             TENSOR (FLOAT, "2 1 2", 1, 2, 10, 20), NULL);
  g_autoptr (RefCase) shaped = with_inputs (GONIO_OP_CONV_TRANSPOSE, TENSOR (FLOAT, "1 1 2", 1, 2),
                                            TENSOR (FLOAT, "1 1 3", 1, 2, 3), NULL);
  g_autoptr (RefCase) same = with_inputs (GONIO_OP_CONV_TRANSPOSE, TENSOR (FLOAT, "1 1 2", 1, 2),
                                          TENSOR (FLOAT, "1 1 1", 3), NULL);

  ASSERT_OUT (plain, 0, FLOAT, "1 1 3 3", 1, 12, 20, 103, 1234, 2040, 300, 3400, 4000);
  REF_CASE_INTS (strided, "strides", 2);
  REF_CASE_INTS (strided, "pads", 1, 0);
  REF_CASE_INTS (strided, "output_padding", 1);
  ASSERT_OUT (strided, 0, FLOAT, "1 1 5", 12, 15, 14, 16, 10);
  ref_case_int (grouped, "group", 2);
  ASSERT_OUT (grouped, 0, FLOAT, "1 2 2", 3, 6, 50, 100);
  REF_CASE_INTS (shaped, "strides", 2);
  REF_CASE_INTS (shaped, "output_shape", 4);
  /* one element too many: cut at the start, as auto_pad is not SAME_UPPER */
  ASSERT_OUT (shaped, 0, FLOAT, "1 1 4", 2, 5, 4, 6);
  /* twice as long as its input although the kernel does not reach that far */
  ref_case_string (same, "auto_pad", "SAME_UPPER");
  REF_CASE_INTS (same, "strides", 2);
  ASSERT_OUT (same, 0, FLOAT, "1 1 4", 3, 0, 6, 0);
}

static void
test_deform_conv (void)
{
  /* offset (0, 0.5) reads between two columns; outside counts as 0; mask halves */
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_DEFORM_CONV);

  ref_case_in (c, TENSOR (FLOAT, "1 1 1 3", 1, 3, 5));
  ref_case_in (c, TENSOR (FLOAT, "1 1 1 1", 2));
  ref_case_in (c, TENSOR (FLOAT, "1 2 1 3", 0, 0, 0, 0.5, 0.5, 0.5));
  ref_case_in (c, TENSOR (FLOAT, "1", 100));
  ref_case_in (c, TENSOR (FLOAT, "1 1 1 3", 1, 1, 0.5));
  ASSERT_OUT (c, 0, FLOAT, "1 1 1 3", 104, 108, 102.5);
}

/* ---- pooling ---- */

static void
test_max_pool (void)
{
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_MAX_POOL);
  g_autoptr (RefCase) columns = ref_case_new (GONIO_OP_MAX_POOL);
  g_autoptr (RefCase) bytes = ref_case_new (GONIO_OP_MAX_POOL);

  ref_case_in (c, X_3X3);
  ref_case_outputs (c, 2);
  REF_CASE_INTS (c, "kernel_shape", 2, 2);
  REF_CASE_INTS (c, "pads", 1, 1, 0, 0);
  ASSERT_OUT (c, 0, FLOAT, "1 1 3 3", 1, 2, 3, 4, 5, 6, 7, 8, 9);
  ASSERT_OUT (c, 1, INT64, "1 1 3 3", 0, 1, 2, 3, 4, 5, 6, 7, 8);
  ref_case_in (columns, X_3X3);
  ref_case_outputs (columns, 2);
  REF_CASE_INTS (columns, "kernel_shape", 2, 2);
  ref_case_int (columns, "storage_order", 1);
  ASSERT_OUT (columns, 1, INT64, "1 1 2 2", 4, 7, 5, 8);
  ref_case_in (bytes, TENSOR_I64 (INT8, "1 1 3", -5, -128, -7));
  REF_CASE_INTS (bytes, "kernel_shape", 2);
  ASSERT_OUT_I64 (bytes, 0, INT8, "1 1 2", -5, -7);
}

static void
test_pool_ceil_and_dilation (void)
{
  g_autoptr (RefCase) ceil_mode = ref_case_new (GONIO_OP_AVERAGE_POOL);
  g_autoptr (RefCase) dilated = ref_case_new (GONIO_OP_MAX_POOL);
  g_autoptr (RefCase) on_pad = ref_case_new (GONIO_OP_MAX_POOL);

  ref_case_in (ceil_mode, TENSOR (FLOAT, "1 1 4", 1, 2, 3, 4));
  REF_CASE_INTS (ceil_mode, "kernel_shape", 3);
  REF_CASE_INTS (ceil_mode, "strides", 2);
  ref_case_int (ceil_mode, "ceil_mode", 1);
  ASSERT_OUT (ceil_mode, 0, FLOAT, "1 1 2", 2, 3.5);
  ref_case_in (dilated, TENSOR (FLOAT, "1 1 5", 9, 1, 2, 8, 3));
  REF_CASE_INTS (dilated, "kernel_shape", 2);
  REF_CASE_INTS (dilated, "dilations", 3);
  ASSERT_OUT (dilated, 0, FLOAT, "1 1 2", 9, 3);
  /* a last window that would start in the end padding is dropped */
  ref_case_in (on_pad, TENSOR (FLOAT, "1 1 2", 1, 2));
  REF_CASE_INTS (on_pad, "kernel_shape", 1);
  REF_CASE_INTS (on_pad, "strides", 2);
  REF_CASE_INTS (on_pad, "pads", 0, 1);
  ref_case_int (on_pad, "ceil_mode", 1);
  ASSERT_OUT (on_pad, 0, FLOAT, "1 1 1", 1);
}

static void
test_average_pool (void)
{
  static const double expected[2][3] = {{1.5, 2, 2.5}, {1, 2, 5.0 / 3}};

  for (int include = 0; include < 2; include++) {
    g_autoptr (RefCase) c = ref_case_new (GONIO_OP_AVERAGE_POOL);

    ref_case_in (c, TENSOR (FLOAT, "1 1 3", 1, 2, 3));
    REF_CASE_INTS (c, "kernel_shape", 3);
    REF_CASE_INTS (c, "pads", 1, 1);
    ref_case_int (c, "count_include_pad", include);
    ref_assert_out (c, 0, ref_tensor (GONIO_DTYPE_FLOAT, "1 1 3", 3, expected[include]), REF_HERE);
  }
}

static void
test_global_and_lp (void)
{
  g_autoptr (RefCase) mean =
      with_inputs (GONIO_OP_GLOBAL_AVERAGE_POOL, TENSOR (FLOAT, "1 2 1 2", 1, 3, 5, 9), NULL, NULL);
  g_autoptr (RefCase) max =
      with_inputs (GONIO_OP_GLOBAL_MAX_POOL, TENSOR (FLOAT, "1 2 2", -1, -3, 5, 9), NULL, NULL);
  g_autoptr (RefCase) lp = ref_case_new (GONIO_OP_LP_POOL);

  ASSERT_OUT (mean, 0, FLOAT, "1 2 1 1", 2, 7);
  ASSERT_OUT (max, 0, FLOAT, "1 2 1", -1, 9);
  ref_case_in (lp, TENSOR (FLOAT, "1 1 3", 3, -4, 12));
  REF_CASE_INTS (lp, "kernel_shape", 2);
  ASSERT_OUT (lp, 0, FLOAT, "1 1 2", 5, sqrt (160));
}

/* A window far larger than the image is only walked where the image is. */
static void
test_pool_huge_window (void)
{
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_AVERAGE_POOL);

  ref_case_in (c, TENSOR (FLOAT, "1 1 2", 2, 4));
  REF_CASE_INTS (c, "kernel_shape", 1 << 30);
  REF_CASE_INTS (c, "pads", 1 << 29, (1 << 29) - 2);
  ASSERT_OUT (c, 0, FLOAT, "1 1 1", 3);
}

static void
test_max_unpool (void)
{
  g_autoptr (RefCase) c = ref_case_new (GONIO_OP_MAX_UNPOOL);
  g_autoptr (RefCase) wrong = ref_case_new (GONIO_OP_MAX_UNPOOL);

  ref_case_in (c, TENSOR (FLOAT, "1 1 1 2", 5, 6));
  ref_case_in (c, TENSOR_I64 (INT64, "1 1 1 2", 1, 6));
  ref_case_in (c, TENSOR_I64 (INT64, "4", 1, 1, 2, 5));
  REF_CASE_INTS (c, "kernel_shape", 2, 2);
  REF_CASE_INTS (c, "strides", 2, 2);
  ASSERT_OUT (c, 0, FLOAT, "1 1 2 5", 0, 5, 0, 0, 0, 0, 0, 6, 0, 0);
  ref_case_in (wrong, TENSOR (FLOAT, "1 1 1", 5));
  ref_case_in (wrong, TENSOR_I64 (INT64, "1 1 1", 7));
  REF_CASE_INTS (wrong, "kernel_shape", 2);
  ASSERT_FAILS (wrong, "index 7");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/conv/basic", test_conv_basic);
  g_test_add_func ("/reference/conv/add", test_conv_add);
  g_test_add_func ("/reference/conv/groups-dilation", test_conv_groups_and_dilation);
  g_test_add_func ("/reference/conv/auto-pad", test_conv_auto_pad);
  g_test_add_func ("/reference/conv/3d-types", test_conv_3d_and_types);
  g_test_add_func ("/reference/conv/large", test_conv_large);
  g_test_add_func ("/reference/conv/refuses", test_conv_refuses);
  g_test_add_func ("/reference/conv/memory", test_conv_memory);
  g_test_add_func ("/reference/conv/empty", test_conv_empty);
  g_test_add_func ("/reference/conv/transpose", test_conv_transpose);
  g_test_add_func ("/reference/conv/deform", test_deform_conv);
  g_test_add_func ("/reference/pool/max", test_max_pool);
  g_test_add_func ("/reference/pool/ceil-dilation", test_pool_ceil_and_dilation);
  g_test_add_func ("/reference/pool/average", test_average_pool);
  g_test_add_func ("/reference/pool/global-lp", test_global_and_lp);
  g_test_add_func ("/reference/pool/huge-window", test_pool_huge_window);
  g_test_add_func ("/reference/pool/unpool", test_max_unpool);
  return g_test_run ();
}
