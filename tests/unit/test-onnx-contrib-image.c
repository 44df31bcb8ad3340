/* The operators of com.microsoft on images, from the file to the result: the same numbers with the
 * channels last as with the channels second, and definitions computed here in double. */
#include "tests/support/node-case.h"
#include "tests/support/reference-case.h"

#include <math.h>

#define MS "com.microsoft"

/* An image of two samples, four channels, 3 x 2. */
#define CHANNELS 4
#define PIXELS   6
#define ALL      (2 * CHANNELS * PIXELS)

/* Where element i of [batch,channels,pixels] stands with the channels last. */
static guint
last_place (guint i, guint channels, guint pixels)
{
  guint batch = i / (channels * pixels), channel = i / pixels % channels;
  return (batch * pixels + i % pixels) * channels + channel;
}

/* ---- GroupNorm ---- */

typedef struct {
  gboolean skip, last, flat_skip, bias;
  int64_t activation;
} NormRow;

static void
check_norm (const NormRow *row)
{
  g_autoptr (NodeCase) c = node_case_new (MS, 1, row->skip ? "SkipGroupNorm" : "GroupNorm",
                                          !row->skip  ? "x g b"
                                          : row->bias ? "x g b s bias"
                                                      : "x g b s",
                                          row->skip ? "y sum" : "y");
  const char *shape = row->last ? "2 3 2 4" : "2 4 3 2";
  double x[ALL], skip[ALL], sum[ALL], y[ALL], gamma[CHANNELS], beta[CHANNELS], bias[CHANNELS];
  double x_there[ALL], skip_there[ALL], sum_there[ALL], y_there[ALL];

  for (int i = 0; i < CHANNELS; i++) {
    gamma[i] = 1 + 0.5 * i;
    beta[i] = 0.25 * i - 0.5;
    bias[i] = 0.125 * i;
  }
  for (guint i = 0; i < ALL; i++) {
    guint at = row->last ? last_place (i, CHANNELS, PIXELS) : i;

    x[i] = sin (1.3 * i);
    skip[i] = cos (0.7 * (row->flat_skip ? i / PIXELS : i));
    sum[i] = x[i] + (row->skip ? skip[i] : 0) + (row->bias ? bias[i / PIXELS % CHANNELS] : 0);
    x_there[at] = x[i];
    skip_there[at] = skip[i];
    sum_there[at] = sum[i];
  }
  for (guint i = 0; i < ALL; i++) {
    guint group = i / (2 * PIXELS) * (2 * PIXELS), channel = i / PIXELS % CHANNELS;
    double mean = 0, square = 0;

    for (guint k = 0; k < 2 * PIXELS; k++)
      mean += sum[group + k] / (2 * PIXELS);
    for (guint k = 0; k < 2 * PIXELS; k++)
      square += (sum[group + k] - mean) * (sum[group + k] - mean) / (2 * PIXELS);
    y[i] = (sum[i] - mean) / sqrt (square + 0.125) * gamma[channel] + beta[channel];
    if (row->activation)
      y[i] /= 1 + exp (-y[i]);
    y_there[row->last ? last_place (i, CHANNELS, PIXELS) : i] = y[i];
  }
  for (guint i = 0; i < 2 * CHANNELS && row->flat_skip; i++)
    skip_there[i] = skip[i * PIXELS];
  node_case_give (c, "x", NULL, ref_tensor (GONIO_DTYPE_FLOAT, shape, ALL, x_there));
  node_case_hold (c, "g", ref_tensor (GONIO_DTYPE_FLOAT, "4", CHANNELS, gamma));
  node_case_hold (c, "b", ref_tensor (GONIO_DTYPE_FLOAT, "4", CHANNELS, beta));
  if (row->skip)
    node_case_give (c, "s", NULL,
                    ref_tensor (GONIO_DTYPE_FLOAT, row->flat_skip ? "2 4" : shape,
                                row->flat_skip ? 2 * CHANNELS : ALL, skip_there));
  if (row->bias)
    node_case_hold (c, "bias", ref_tensor (GONIO_DTYPE_FLOAT, "4", CHANNELS, bias));
  onnx_node_attr (c->node, onnx_attr_int ("groups", 2));
  onnx_node_attr (c->node, onnx_attr_int ("activation", row->activation));
  onnx_node_attr (c->node, onnx_attr_float ("epsilon", 0.125f));
  if (!row->last)
    onnx_node_attr (c->node, onnx_attr_int ("channels_last", 0));
  node_case_expect (c, 0, shape, ALL, y_there, 1e-5);
  if (row->skip)
    node_case_expect (c, 1, shape, ALL, sum_there, 1e-6);
}

static void
test_group_norm (void)
{
  static const NormRow rows[] = {
      {FALSE, TRUE, FALSE, FALSE, 0},  {FALSE, TRUE, FALSE, FALSE, 1},
      {FALSE, FALSE, FALSE, FALSE, 1}, {TRUE, TRUE, FALSE, FALSE, 0},
      {TRUE, TRUE, TRUE, TRUE, 1},     {TRUE, FALSE, TRUE, TRUE, 0},
      {TRUE, FALSE, FALSE, TRUE, 0},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    check_norm (&rows[i]);
}

/* ---- windows ---- */

/* The standard operator on [1,2,4,3] gives these numbers; the node, on the same image with the
 * channels last, gives the same. */
static void
check_turned (const char *op, const char *standard, const char *inputs, gboolean flag)
{
  static const gint64 kernel[2] = {2, 2}, pads[4] = {1, 0, 0, 1};
  g_autoptr (NodeCase) turned = node_case_new (MS, 1, op, inputs, "y");
  g_autoptr (NodeCase) plain = node_case_new ("", 21, standard, inputs, "y");
  NodeCase *both[2] = {plain, turned};
  gboolean bytes = g_str_has_prefix (op, "QLinear");
  GonioDType dtype = bytes ? GONIO_DTYPE_UINT8 : GONIO_DTYPE_FLOAT;
  double x[24], x_last[24], w[16], y[64];

  for (guint i = 0; i < 24; i++)
    x[i] = x_last[last_place (i, 2, 12)] = i * 37 % 101;
  for (guint i = 0; i < 16; i++)
    w[i] = i * 5 % 7;
  for (int i = 0; i < 2; i++) {
    node_case_give (both[i], "x", NULL,
                    ref_tensor (dtype, i ? "1 4 3 2" : "1 2 4 3", 24, i ? x_last : x));
    node_case_hold (both[i], "w", ref_tensor (dtype, "2 2 2 2", 16, w));
    node_case_hold (both[i], "b", TENSOR (FLOAT, "2", 1, -2));
    node_case_hold (both[i], "s", TENSOR (FLOAT, "", 0.5));
    node_case_hold (both[i], "t", TENSOR (FLOAT, "", 8));
    node_case_hold (both[i], "z", TENSOR_I64 (UINT8, "", 3));
    onnx_node_attr (both[i]->node, onnx_attr_ints ("kernel_shape", 2, kernel));
    onnx_node_attr (both[i]->node, onnx_attr_ints ("pads", 4, pads));
    onnx_node_attr (both[i]->node, onnx_attr_text ("auto_pad", "NOTSET"));
    if (i && flag)
      onnx_node_attr (both[i]->node, onnx_attr_int ("channels_last", 1));
    g_assert_true (node_case_run (both[i]));
  }
  const GonioTensor *wanted = plain->outputs[0];
  guint n = (guint)gonio_tensor_count (wanted);
  g_assert_cmpuint (n, ==, 24);
  for (guint i = 0; i < n; i++)
    y[last_place (i, 2, n / 2)] = gonio_tensor_get_double (wanted, i);
  node_case_expect (turned, 0, "1 4 3 2", n, y, 0);
}

static void
test_turned (void)
{
  check_turned ("NhwcConv", "Conv", "x w b", FALSE);
  check_turned ("NhwcMaxPool", "MaxPool", "x", FALSE);
  check_turned ("QLinearConv", "QLinearConv", "x s z w s z t z", TRUE);
}

/* Without the attribute it is the standard operator. */
static void
test_qlinear_conv (void)
{
  g_autoptr (NodeCase) c = node_case_new (MS, 1, "QLinearConv", "x s z w s z t z", "y");
  static const double y[4] = {3, 4, 5, 5}; /* (x - 3) / 2 * (5 - 3) / 2 + 3, to even */

  node_case_give (c, "x", NULL, TENSOR_I64 (UINT8, "1 1 2 2", 3, 5, 6, 7));
  node_case_hold (c, "w", TENSOR_I64 (UINT8, "1 1 1 1", 5));
  node_case_hold (c, "s", TENSOR (FLOAT, "", 0.5));
  node_case_hold (c, "t", TENSOR (FLOAT, "", 1));
  node_case_hold (c, "z", TENSOR_I64 (UINT8, "", 3));
  onnx_node_attr (c->node, onnx_attr_text ("auto_pad", "NOTSET"));
  node_case_expect (c, 0, "1 1 2 2", 4, y, 0);
}

/* ---- BiasAdd, BiasSplitGelu ---- */

static void
test_bias (void)
{
  g_autoptr (NodeCase) add = node_case_new (MS, 1, "BiasAdd", "x b s", "y");
  g_autoptr (NodeCase) gelu = node_case_new (MS, 1, "BiasSplitGelu", "x b", "y");
  double x[12], b[4] = {0.5, -0.25, 1, 0}, s[12], y[12];

  for (int i = 0; i < 12; i++) {
    x[i] = sin (i);
    s[i] = cos (i);
    y[i] = x[i] + b[i % 4] + s[i];
  }
  node_case_give (add, "x", NULL, ref_tensor (GONIO_DTYPE_FLOAT, "1 3 4", 12, x));
  node_case_hold (add, "b", ref_tensor (GONIO_DTYPE_FLOAT, "4", 4, b));
  node_case_give (add, "s", NULL, ref_tensor (GONIO_DTYPE_FLOAT, "1 3 4", 12, s));
  node_case_expect (add, 0, "1 3 4", 12, y, 1e-6);
  for (int i = 0; i < 6; i++) {
    double left = x[i / 2 * 4 + i % 2] + b[i % 2];
    double right = x[i / 2 * 4 + 2 + i % 2] + b[2 + i % 2];
    y[i] = left * 0.5 * right * (1 + erf (right / sqrt (2)));
  }
  node_case_give (gelu, "x", NULL, ref_tensor (GONIO_DTYPE_FLOAT, "1 3 4", 12, x));
  node_case_hold (gelu, "b", ref_tensor (GONIO_DTYPE_FLOAT, "4", 4, b));
  node_case_expect (gelu, 0, "1 3 2", 6, y, 1e-6);
}

/* ---- what is refused ---- */

static void
test_refuses (void)
{
  static const struct {
    const char *op, *inputs;
    int64_t activation; /* -1: no attributes */
    const char *text;
  } rows[] = {
      {"GroupNorm", "x v", 0, "2 inputs"},
      {"GroupNorm", "x v - v", 0, "4 inputs"},
      {"GroupNorm", "x - v", 0, "input 1 is missing"},
      {"GroupNorm", "v v v", 0, "rank of 3 or more"},
      {"GroupNorm", "x v v", 2, "activation 2"},
      {"SkipGroupNorm", "x v v", 0, "3 inputs"},
      {"SkipGroupNorm", "x v v v", 0, "input 3 needs"},
      {"SkipGroupNorm", "x v v x x", 0, "input 4 needs"},
      {"NhwcConv", "v v", -1, "rank of 3 or more"},
      {"NhwcConv", "x x v x", -1, "2 to 3"},
      {"NhwcMaxPool", "v", -1, "rank of 3 or more"},
      {"BiasAdd", "x v", -1, "three inputs"},
      {"BiasSplitGelu", "x", -1, "two inputs"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (MS, 1, rows[i].op, rows[i].inputs, "y");

    node_case_hold (c, "x", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 2 2 4"));
    node_case_hold (c, "v", TENSOR (FLOAT, "4", 1, 1, 1, 1));
    if (rows[i].activation >= 0) {
      onnx_node_attr (c->node, onnx_attr_int ("activation", rows[i].activation));
      onnx_node_attr (c->node, onnx_attr_int ("groups", 2));
    }
    node_case_refused (c, rows[i].text);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-contrib-image/group-norm", test_group_norm);
  g_test_add_func ("/onnx-contrib-image/turned", test_turned);
  g_test_add_func ("/onnx-contrib-image/qlinear-conv", test_qlinear_conv);
  g_test_add_func ("/onnx-contrib-image/bias", test_bias);
  g_test_add_func ("/onnx-contrib-image/refuses", test_refuses);
  return g_test_run ();
}
