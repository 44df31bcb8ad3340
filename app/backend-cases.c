/* The table of cases. Sizes are odd where they can be, so that the last of four channels, texels or
 * tiles is not full. */
#include "app/backend-cases.h"

#include <string.h>

/* clang-format off: one row each */
static const GonioBackendCase cases[] = {
    {"conv", "3 x 3", GONIO_OP_CONV, "f:1,5,13,11; c:7,5,3,3; c:7", "pads=1,1,1,1", 0},
    {"conv", "3 x 3 of many channels", GONIO_OP_CONV, "f:1,32,17,19; c:36,32,3,3; c:36",
     "pads=1,1,1,1", 0},
    {"conv", "strided", GONIO_OP_CONV, "f:2,3,15,14; c:9,3,3,3; c:9", "strides=2,2 pads=0,1,1,0",
     0},
    {"conv", "dilated", GONIO_OP_CONV, "f:1,6,12,12; c:5,6,3,3", "dilations=2,2 pads=2,2,2,2", 0},
    {"conv", "7 x 7, strided", GONIO_OP_CONV, "f:1,3,31,29; c:8,3,7,7; c:8",
     "strides=2,2 pads=3,3,3,3", 0},
    {"conv", "pointwise", GONIO_OP_CONV, "f:1,19,9,7; c:21,19,1,1; c:21", NULL, 0},
    {"conv", "pointwise of many channels", GONIO_OP_CONV, "f:1,64,12,12; c:48,64,1,1; c:48", NULL,
     0},
    {"conv", "of one axis", GONIO_OP_CONV, "f:1,6,37; c:5,6,5; c:5", "pads=2,2", 0},
    {"conv", "depthwise", GONIO_OP_CONV, "f:1,10,13,12; c:10,1,3,3; c:10", "group=10 pads=1,1,1,1",
     0},
    {"conv", "depthwise 5 x 5, strided", GONIO_OP_CONV, "f:1,12,14,15; c:12,1,5,5; c:12",
     "group=12 strides=2,2 pads=2,2,2,2", 0},
    {"conv", "grouped", GONIO_OP_CONV, "f:1,16,9,9; c:24,8,3,3; c:24", "group=2 pads=1,1,1,1", 0},
    {"transposed conv", "2 x 2, strided", GONIO_OP_CONV_TRANSPOSE, "f:1,6,7,9; c:6,5,2,2; c:5",
     "strides=2,2", 0},
    {"transposed conv", "3 x 3", GONIO_OP_CONV_TRANSPOSE, "f:1,5,8,8; c:5,7,3,3",
     "strides=2,2 pads=1,1,1,1 output_padding=1,1", 0},
    {"product", "vectors", GONIO_OP_MATMUL, "f:3,17; c:17,21", NULL, 0},
    {"product", "of a stack", GONIO_OP_MATMUL, "f:2,3,9,13; f:2,3,13,11", NULL, 0},
    {"product", "large", GONIO_OP_MATMUL, "f:65,130; c:130,67", NULL, 0},
    {"product", "gemm", GONIO_OP_GEMM, "f:5,33; c:18,33; c:18", "transB=1 alpha=0.5", 0},
    {"product", "einsum", GONIO_OP_EINSUM, "f:3,5,7; f:3,7,9", "equation=bij,bjk->bik", 0},
    {"attention", "two heads", GONIO_OP_ATTENTION, "f:1,2,5,8; f:1,2,7,8; f:1,2,7,8", NULL, 0},
    {"pool", "max", GONIO_OP_MAX_POOL, "f:1,7,13,12", "kernel_shape=3,3 strides=2,2 pads=1,1,1,1",
     0},
    {"pool", "average", GONIO_OP_AVERAGE_POOL, "f:1,7,13,12",
     "kernel_shape=3,3 strides=2,2 pads=1,1,1,1", 0},
    {"pool", "average without the border", GONIO_OP_AVERAGE_POOL, "f:2,5,9,9",
     "kernel_shape=2,2 strides=1,1 count_include_pad=1", 0},
    {"pool", "global average", GONIO_OP_GLOBAL_AVERAGE_POOL, "f:2,9,11,13", NULL, 0},
    {"pool", "global max", GONIO_OP_GLOBAL_MAX_POOL, "f:1,6,11,13", NULL, 0},
    {"pool", "norms", GONIO_OP_LP_POOL, "f:1,5,9,9", "kernel_shape=3,3 p=2", 0},
    {"resize", "nearest", GONIO_OP_RESIZE, "f:1,5,7,9; -; v:1,1,2,2",
     "mode=nearest coordinate_transformation_mode=asymmetric nearest_mode=floor", 0},
    {"resize", "linear", GONIO_OP_RESIZE, "f:1,5,7,9; -; v:1,1,2,2",
     "mode=linear coordinate_transformation_mode=half_pixel", 0},
    {"resize", "linear, corners", GONIO_OP_RESIZE, "f:1,6,7,9; -; -; k:1,6,13,11",
     "mode=linear coordinate_transformation_mode=align_corners", 0},
    {"resize", "along a grid", GONIO_OP_GRID_SAMPLE, "f:1,3,7,9; f:1,5,4,2",
     "mode=linear align_corners=0", 0},
    {"reduction", "sum of the last axis", GONIO_OP_REDUCE_SUM, "f:3,7,65; k:-1", "keepdims=1", 0},
    {"reduction", "mean of two axes", GONIO_OP_REDUCE_MEAN, "f:2,5,9,11; k:2,3", "keepdims=0", 0},
    {"reduction", "max of the first axis", GONIO_OP_REDUCE_MAX, "f:19,7,5; k:0", "keepdims=0", 0},
    {"reduction", "min of everything", GONIO_OP_REDUCE_MIN, "f:7,9,5", "keepdims=0", 0},
    {"reduction", "norm", GONIO_OP_REDUCE_L2, "f:5,37; k:1", "keepdims=1", 0},
    {"reduction", "logarithm of exponentials", GONIO_OP_REDUCE_LOG_SUM_EXP, "f:5,37; k:1",
     "keepdims=1", 0},
    {"reduction", "running sum", GONIO_OP_CUM_SUM, "f:3,17; k:1", NULL, 0},
    {"softmax", "last axis", GONIO_OP_SOFTMAX, "f:7,65", "axis=-1", 0},
    {"softmax", "channels", GONIO_OP_SOFTMAX, "f:1,9,5,7", "axis=1", 0},
    {"softmax", "logarithm", GONIO_OP_LOG_SOFTMAX, "f:5,33", "axis=-1", 0},
    {"norm", "layer", GONIO_OP_LAYER_NORMALIZATION, "f:2,9,45; c:45; c:45", "axis=-1", 0},
    {"norm", "root mean square", GONIO_OP_RMS_NORMALIZATION, "f:2,9,45; c:45", "axis=-1", 0},
    {"norm", "length", GONIO_OP_LP_NORMALIZATION, "f:5,33", "axis=-1 p=2", 0},
    {"norm", "local response", GONIO_OP_LRN, "f:1,7,5,6", "size=3", 0},
    {"norm", "instance", GONIO_OP_INSTANCE_NORMALIZATION, "f:2,5,9,7; c:5; c:5", NULL, 0},
    {"norm", "group", GONIO_OP_GROUP_NORMALIZATION, "f:1,12,7,5; c:12; c:12", "num_groups=3", 0},
    {"norm", "batch", GONIO_OP_BATCH_NORMALIZATION,
     "f:1,7,9,5; v:1,2,.5,1,.1,3,1; v:0,1,-1,.5,2,0,1; v:0,.1,.2,.3,-.1,-.2,0; v:1,2,.5,1,.7,1,.2",
     NULL, 0},
    {"unary", "relu", GONIO_OP_RELU, "f:1,7,9,5", NULL, 0},
    {"unary", "leaky relu", GONIO_OP_LEAKY_RELU, "f:3,37", "alpha=0.2", 0},
    {"unary", "clip", GONIO_OP_CLIP, "f:3,37; s:-0.5; s:1.25", NULL, 0},
    {"unary", "hard swish", GONIO_OP_HARD_SWISH, "f:1,6,9,5", NULL, 0},
    {"unary", "absolute value", GONIO_OP_ABS, "f:5,33", NULL, 0},
    {"unary", "floor", GONIO_OP_FLOOR, "f:5,33", NULL, 0},
    {"unary", "round", GONIO_OP_ROUND, "f:5,33", NULL, 0},
    {"unary", "exponential", GONIO_OP_EXP, "f:5,33", NULL, 0},
    {"unary", "logarithm", GONIO_OP_LOG, "p:5,33", NULL, 0},
    {"unary", "square root", GONIO_OP_SQRT, "p:5,33", NULL, 0},
    {"unary", "sigmoid", GONIO_OP_SIGMOID, "f:5,33", NULL, 0},
    {"unary", "tanh", GONIO_OP_TANH, "f:5,33", NULL, 0},
    {"unary", "erf", GONIO_OP_ERF, "f:5,33", NULL, 0},
    {"unary", "gelu", GONIO_OP_GELU, "f:5,33", NULL, 0},
    {"unary", "sine", GONIO_OP_SIN, "f:5,33", NULL, 0},
    {"unary", "softplus", GONIO_OP_SOFTPLUS, "f:5,33", NULL, 0},
    {"binary", "sum", GONIO_OP_ADD, "f:1,7,9,5; f:1,7,9,5", NULL, 0},
    {"binary", "difference with one row", GONIO_OP_SUB, "f:5,9,7; f:1,9,1", NULL, 0},
    {"binary", "product per channel", GONIO_OP_MUL, "f:1,7,9,5; f:1,7,1,1", NULL, 0},
    {"binary", "quotient", GONIO_OP_DIV, "f:5,33; p:33", NULL, 0},
    {"binary", "both broadcast", GONIO_OP_ADD, "f:5,1,7; f:9,1", NULL, 0},
    {"binary", "power", GONIO_OP_POW, "p:5,33; s:1.5", NULL, 0},
    {"binary", "maximum", GONIO_OP_MAX, "f:5,33; f:33", NULL, 0},
    {"binary", "prelu", GONIO_OP_PRELU, "f:1,7,9,5; c:7,1,1", NULL, 0},
    {"movement", "transpose", GONIO_OP_TRANSPOSE, "f:2,5,7,9", "perm=0,2,3,1", 0},
    {"movement", "transpose of a matrix", GONIO_OP_TRANSPOSE, "f:37,21", "perm=1,0", 0},
    {"movement", "concat of channels", GONIO_OP_CONCAT, "f:1,5,7,9; f:1,6,7,9; f:1,1,7,9", "axis=1",
     0},
    {"movement", "concat of the last axis", GONIO_OP_CONCAT, "f:3,5; f:3,7", "axis=-1", 0},
    {"movement", "slice", GONIO_OP_SLICE, "f:1,9,11,7; k:1,2; k:8,11; k:1,2; k:1,3", NULL, 0},
    {"movement", "split", GONIO_OP_SPLIT, "f:1,11,5,7; k:4,7", "axis=1", 2},
    {"movement", "pad", GONIO_OP_PAD, "f:1,5,7,9; k:0,0,1,2,0,0,2,1; s:0.5", "mode=constant", 0},
    {"movement", "pad by reflection", GONIO_OP_PAD, "f:1,5,7,9; k:0,0,1,2,0,0,2,1", "mode=reflect",
     0},
    {"movement", "gather", GONIO_OP_GATHER, "f:9,7,5; k:3,-1,0,8", "axis=0", 0},
    {"movement", "gather elements", GONIO_OP_GATHER_ELEMENTS, "f:9; k:3,-1,0,8,8", "axis=0", 0},
    {"movement", "scatter elements", GONIO_OP_SCATTER_ELEMENTS, "f:9; k:3,1,0; f:3", "axis=0", 0},
    {"movement", "tile", GONIO_OP_TILE, "f:2,3,5; k:1,2,3", NULL, 0},
    {"movement", "expand", GONIO_OP_EXPAND, "f:1,7,1; k:3,7,5", NULL, 0},
    {"movement", "reshape", GONIO_OP_RESHAPE, "f:1,6,7,5; k:6,35", NULL, 0},
    {"movement", "depth to space", GONIO_OP_DEPTH_TO_SPACE, "f:1,12,5,7", "blocksize=2", 0},
};
/* clang-format on */

const GonioBackendCase *
gonio_backend_cases (guint *out_n)
{
  *out_n = G_N_ELEMENTS (cases);
  return cases;
}

char *
gonio_backend_cases_digest (void)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *row = g_strdup_printf (
        "%s|%s|%s|%s|%s|%u\n", cases[i].family, cases[i].name, gonio_op_name (cases[i].op),
        cases[i].inputs, cases[i].attributes ? cases[i].attributes : "", cases[i].n_outputs);
    g_checksum_update (sum, (const guchar *)row, (gssize)strlen (row));
  }
  return g_strndup (g_checksum_get_string (sum), 16);
}
