/* Attributes that an import row uses up are checked by the row, as the finished graph no longer
 * has them: none of the wrong type, and where the row uses up all of them, none it does not
 * know. */
#include "tests/support/node-case.h"
#include "tests/support/reference-case.h"

#include <string.h>

#define MS    "com.microsoft"
#define TRAIN "ai.onnx.preview.training"

/* Attributes are separated by spaces; a name before "!" is required, and given rightly (as a
 * number) when it is not its turn to be wrong. */
typedef struct {
  const char *domain;
  int version;
  const char *op, *inputs, *attrs;
} Row;

static const Row rows[] = {
    {MS, 1, "Gelu", "x", ""},
    {MS, 1, "BiasGelu", "x x", ""},
    {MS, 1, "FastGelu", "x", ""},
    {MS, 1, "QuickGelu", "x", "alpha"},
    {MS, 1, "FusedConv", "x x", "activation activation_params auto_pad group"},
    {MS, 1, "FusedGemm", "m m",
     "activation activation_alpha activation_beta activation_gamma alpha transA"},
    {MS, 1, "FusedMatMul", "m m", "alpha transA transB transBatchA transBatchB"},
    {MS, 1, "SkipLayerNormalization", "x x v v", "epsilon"},
    {MS, 1, "SkipSimplifiedLayerNormalization", "x x v", "epsilon"},
    {MS, 1, "LayerNormalization", "x v v", "axis epsilon"},
    {MS, 1, "SimplifiedLayerNormalization", "x v", "axis epsilon"},
    {MS, 1, "EmbedLayerNormalization", "i - m m - v v", "epsilon mask_index_type"},
    {MS, 1, "MultiHeadAttention", "x x x", "num_heads! mask_filter_value scale unidirectional"},
    {MS, 1, "Attention", "x m",
     "num_heads! do_rotary mask_filter_value past_present_share_buffer qkv_hidden_sizes "
     "rotary_embedding_dim scale unidirectional"},
    {MS, 1, "QLinearAdd", "q s - q s - s", ""},
    {MS, 1, "QLinearSigmoid", "q s - s", ""},
    {MS, 1, "QLinearLeakyRelu", "q s - s", "alpha"},
    {MS, 1, "QLinearSoftmax", "q s - s", "axis opset"},
    {MS, 1, "QLinearGlobalAveragePool", "q s - s", "channels_last"},
    {MS, 1, "QLinearAveragePool", "q s - s",
     "kernel_shape auto_pad ceil_mode channels_last count_include_pad pads strides"},
    {MS, 1, "QLinearConcat", "s - q s -", "axis!"},
    {MS, 1, "QuantizeLinear", "x s", "axis"},
    {MS, 1, "QLinearReduceMean", "q s - s", "axes keepdims"},
    {MS, 1, "QLinearWhere", "q q s - q s - s", ""},
    {MS, 1, "QLinearConv", "c s k c s k s k", "channels_last auto_pad group"},
    {MS, 1, "NhwcConv", "c c", "auto_pad group"},
    {MS, 1, "GroupNorm", "c v v", "activation! groups! channels_last epsilon"},
    {MS, 1, "SkipGroupNorm", "c v v c", "activation! groups! channels_last epsilon"},
    {MS, 1, "BiasAdd", "x v x", ""},
    {MS, 1, "BiasSplitGelu", "x v", ""},
    {MS, 1, "MatMulNBits", "x q v", "K! N! block_size! accuracy_level bits weight_prepacked"},
    {MS, 1, "MatMulIntegerToFloat", "q q s s", ""},
    {MS, 1, "DynamicQuantizeMatMul", "x q s", ""},
    {MS, 1, "QGemm", "q s k q s k", "alpha transA transB"},
    {MS, 1, "QAttention", "q m v s s",
     "num_heads! do_rotary mask_filter_value past_present_share_buffer scale unidirectional"},
    {MS, 1, "RotaryEmbedding", "x i m m",
     "interleaved is_packed_batching num_heads rotary_embedding_dim scale"},
    {MS, 1, "SoftmaxGrad", "x x", "axis"},
    {"ai.onnx.preview", 1, "FlexAttention", "x x x", "prob_mod scale score_mod softmax_precision"},
    {TRAIN, 1, "Adagrad", "s k s s s", "decay_factor epsilon norm_coefficient"},
    {TRAIN, 1, "Adam", "s k s s s s", "alpha beta epsilon norm_coefficient norm_coefficient_post"},
    {TRAIN, 1, "Momentum", "s k s s s", "alpha beta mode norm_coefficient"},
    {TRAIN, 1, "Gradient", "x", "xs y zs"},
    {"", 28, "SwiGLU", "x x", "alpha"},
    {"", 27, "CausalConvWithState", "x w", "activation"},
    {"", 8, "Scan", "- x x", "body directions num_scan_inputs"},
    {"", 21, "Constant", "", "value value_float value_ints value_strings sparse_value"},
    {"", 11, "Dropout", "x", "ratio seed"},
    {"", 6, "Dropout", "x", "ratio is_test"},
    {"", 9, "Upsample", "x f", "mode"},
    {"", 7, "Upsample", "x", "scales mode"},
    {"", 1, "Upsample", "x", "height_scale width_scale mode"},
    {"", 10, "Resize", "x f", "mode"},
    {"", 16, "GridSample", "x x", "mode align_corners"},
    {"", 10, "RoiAlign", "x m k", "mode"},
    {"", 12, "Softmax", "x", "axis"},
    {"", 1, "BatchNormalization", "x v v v v", "is_test! spatial consumed_inputs epsilon"},
    {"", 1, "InstanceNormalization", "x v v", "consumed_inputs"},
    {"", 6, "Add", "x x", "axis broadcast"},
    {"", 1, "Clip", "x", "min max consumed_inputs"},
    {"", 6, "Gemm", "m m m", "broadcast alpha"},
    {"", 1, "LpPool", "x", "p"},
    {"", 10, "Pad", "x k", "value"},
    {"", 17, "DFT", "x", "axis inverse"},
    {"", 6, "RNN", "x x x", "output_sequence"},
};

/* A type that no attribute of these rows has by right. */
static GByteArray *
wrong (const char *name)
{
  return g_str_equal (name, "sparse_value") || g_str_equal (name, "value")
             ? onnx_attr_texts (name, "a b")
             : onnx_attr_tensor (name, onnx_tensor_ints ("t", 0, NULL));
}

/* attr NULL: only what is required. */
static void
refuse (const Row *row, const char *attr, GByteArray *value, const char *text)
{
  static const double ones[4] = {1, 1, 1, 1};
  g_autoptr (NodeCase) c = node_case_new (row->domain, row->version, row->op, row->inputs, "y");
  g_auto (GStrv) names = g_strsplit (row->attrs, " ", -1);

  node_case_hold (c, "x", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 2 4"));
  node_case_hold (c, "m", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "4 12"));
  node_case_hold (c, "c", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 1 4"));
  node_case_hold (c, "w", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "2 1 3"));
  node_case_hold (c, "v", ref_tensor (GONIO_DTYPE_FLOAT, "4", 4, ones));
  node_case_hold (c, "f", ref_tensor (GONIO_DTYPE_FLOAT, "3", 3, ones));
  node_case_hold (c, "s", TENSOR (FLOAT, "", 1));
  node_case_hold (c, "q", ref_tensor_count_up (GONIO_DTYPE_UINT8, "1 2 4"));
  node_case_hold (c, "k", TENSOR_I64 (INT64, "", 1));
  node_case_hold (c, "i", TENSOR_I64 (INT32, "1 2", 0, 1));
  for (guint i = 0; names[i]; i++) {
    char *mark = strchr (names[i], '!');
    if (mark)
      *mark = '\0';
    if (mark && !g_str_equal (names[i], attr))
      onnx_node_attr (c->node, onnx_attr_int (names[i], 2));
  }
  onnx_node_attr (c->node, value);
  g_test_message ("%s %d %s", row->op, row->version, attr);
  node_case_refused (c, text);
  g_assert_nonnull (strstr (c->error->message, attr));
}

static void
test_types (void)
{
  for (guint r = 0; r < G_N_ELEMENTS (rows); r++) {
    g_auto (GStrv) names = g_strsplit (rows[r].attrs, " ", -1);

    for (guint i = 0; names[i] && *names[i]; i++) {
      names[i][strcspn (names[i], "!")] = '\0';
      refuse (&rows[r], names[i], wrong (names[i]), "attribute");
    }
  }
}

static void
test_unknown (void)
{
  for (guint r = 0; r < G_N_ELEMENTS (rows); r++) {
    refuse (&rows[r], "surprise", onnx_attr_int ("surprise", 1), "is not known");
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-attributes/types", test_types);
  g_test_add_func ("/onnx-attributes/unknown", test_unknown);
  return g_test_run ();
}
