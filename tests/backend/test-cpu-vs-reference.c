/* The cpu backend against the reference: listed cases for each family, and generated ones with
 * odd sizes, paddings, groups, strides and broadcasts. Seeds are fixed.
 *
 * An argument picks the instruction set: baseline, avx, avx2, avx512, amx (for products of any
 * size), or nothing for what this machine does best. */
#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "tests/backend/op-case.h"

#include <string.h>

static const GonioBackendDef *const tested[] = {&gonio_backend_cpu, &gonio_backend_reference, NULL};
static const GonioBackendDef *const reference[] = {&gonio_backend_reference, NULL};
static const OpCaseSetup setup = {tested, reference, 3};

static void
run_both (const char *text)
{
  op_case_run (&setup, text, FALSE);
  op_case_run (&setup, text, TRUE);
}

static void
run_list (gconstpointer data)
{
  for (const char *const *text = data; *text; text++)
    run_both (*text);
}

static void
refuse_list (gconstpointer data)
{
  for (const char *const *text = data; *text; text++)
    op_case_refused (&setup, *text);
}

/* ---- listed cases ---- */

static const char *const conv[] = {
    "Conv(f:1,3,8,8; c:5,3,3,3; c:5)",
    "Conv(f:2,7,9,11; c:13,7,3,3; c:13) pads=1,1,1,1 strides=2,1",
    "Conv(f:1,1,17,5; c:4,1,5,3) pads=2,0,1,2 dilations=2,1",
    "Conv(f:1,8,1,1; c:33,8,1,1; c:33)",
    "Conv(f:1,8,5,5; c:6,8,5,5)",
    "Conv(f:1,8,3,3; c:6,8,5,5) pads=1,1,1,1",
    "Conv(f:1,4,2,2; c:3,4,7,7) pads=3,3,3,3 auto_pad=NOTSET",
    "Conv(f:1,12,6,7; c:18,4,3,3; c:18) group=3 pads=1,1,1,1",
    "Conv(f:3,16,6,7; c:16,1,3,3; c:16) group=16 pads=1,1,1,1",
    "Conv(f:1,19,13,12; c:19,1,5,5) group=19 pads=2,2,2,2 strides=2,2",
    "Conv(f:1,20,9,9; c:20,1,7,7) group=20 pads=3,3,3,3",
    "Conv(f:1,20,9,9; c:20,1,3,3) group=20 pads=2,2,2,2 dilations=2,2",
    "Conv(f:1,20,2,2; c:20,1,3,3) group=20 pads=4,4,4,4",
    "Conv(f:1,6,9,9; c:12,1,3,3) group=6 pads=1,1,1,1",
    "Conv(f:1,5,20; c:7,5,3; c:7) pads=1,1",
    "Conv(f:2,6,21; c:6,1,4; c:6) group=6 pads=1,2 strides=2",
    "Conv(f:1,3,10,10; c:4,3,3,3) auto_pad=SAME_UPPER strides=2,2",
    "Conv(f:1,3,10,10; c:4,3,4,4) auto_pad=SAME_LOWER strides=3,3",
    "Conv(f:1,3,10,10; c:4,3,4,4) auto_pad=VALID",
    "Conv(f:1,40,14,14; c:70,40,3,3; c:70) pads=1,1,1,1",
    "Conv(f:1,2,40,3; c:5,2,31,3) ",
    "Conv(f:1,9,40,40; c:5,9,13,13) ",
    "Conv(f:1,3,8,8; c:5,3,3,3; c:5) activation=Clip activation_params=0,1",
    "Conv(f:1,30,8,8; c:50,30,3,3; c:50) activation=Swish",
    "Conv(f:1,30,8,8; c:50,30,1,1) activation=LeakyRelu activation_params=0.1",
    "Conv(f:1,20,9,9; c:20,1,3,3) group=20 activation=HardSwish",
    "Conv(f:1,20,9,9; c:20,1,3,3) group=20 activation=Tanh",
    "Conv(f:1,20,9,9; c:20,20,3,3) activation=Sigmoid",
    "Conv(f:0,3,8,8; c:5,3,3,3; c:5)",
    "Conv(f:1,30,8,9; c:50,30,3,3; c:50; f:1,50,6,7)",
    "Conv(f:2,9,7,9; c:17,9,1,1; -; f:2,17,7,9) activation=Clip activation_params=0,1",
    "Conv(f:2,3,7,9; c:17,3,3,3; -; f:2,17,4,5) activation=Swish strides=2,2 pads=1,1,1,1",
    "Conv(f:1,64,14,14; c:64,64,3,3; c:64; f:1,64,14,14) pads=1,1,1,1",
    "Conv(f:1,40,3,3; c:5,40,13,13; c:5; f:1,5,3,3) pads=6,6,6,6",
    "Conv(f:1,5,20; c:7,5,3; c:7; f:1,7,20) pads=1,1",
    "ConvTranspose(f:1,3,5,6; c:3,4,3,3; c:4)",
    "ConvTranspose(f:2,8,5,6; c:8,4,2,2; c:4) strides=2,2",
    "ConvTranspose(f:1,8,5,6; c:8,3,3,3) strides=2,2 pads=1,1,1,1 output_padding=1,1 group=2",
    "ConvTranspose(f:1,6,5,6; c:6,1,4,4) strides=2,3 pads=1,0,2,1 group=6",
    "ConvTranspose(f:1,6,5,6; c:6,5,3,3) dilations=2,2 pads=1,1,1,1",
    "ConvTranspose(f:1,4,9; c:4,3,4; c:3) strides=3 pads=1,2",
    "ConvTranspose(f:1,6,5,5; c:6,5,3,3) strides=2,2 auto_pad=SAME_UPPER",
    "ConvTranspose(f:1,6,5,5; c:6,5,3,3) strides=2,2 output_shape=10,11",
    "ConvTranspose(f:1,8,5,6; c:8,4,2,2; c:4) strides=2,2 activation=Clip activation_params=0,1",
    "ConvTranspose(f:1,8,5,6; c:8,4,2,2; c:4) strides=2,2 activation=Swish",
    "ConvTranspose(f:2,8,5,6; c:8,4,1,1; c:4) strides=3,2 activation=Swish", /* outputs of no tap */
    "ConvTranspose(f:1,8,5,6; c:8,40,2,2) strides=4,3 dilations=2,3 output_shape=21,22",
    "ConvTranspose(f:1,8,5,6; c:8,4,2,2; c:4) strides=2,2 output_shape=30,30", /* far beyond */
    "ConvTranspose(f:1,3,2,2; c:3,4,3,3) pads=3,2,0,1 output_padding=0,0",
    "ConvTranspose(f:1,1100,3,5; c:1100,1,3,3) strides=2,2 group=1100", /* each by itself */
    "ConvTranspose(f:2,50,7,30; c:50,1,4,4; c:50) strides=2,2 pads=1,1,1,1 group=50 "
    "activation=Swish",
    /* taps beside each other in one product */
    "ConvTranspose(f:2,40,5,7; c:40,32,2,2; c:32) strides=2,2",
    "ConvTranspose(f:1,33,3,33; c:33,64,2,2; c:64) strides=2,2 activation=Swish",
    "ConvTranspose(f:2,37,4,70; c:37,32,3,1) strides=3,1 activation=Clip activation_params=-1,1",
    "ConvTranspose(f:1,530,3,131; c:530,32,1,2; c:32) strides=1,2",
    "ConvTranspose(f:2,36,96; c:36,96,4; c:96) strides=4 activation=Sigmoid",
    "ConvTranspose(f:1,300,9,16; c:300,160,2,2; c:160) strides=2,2",
    "ConvTranspose(f:1,150,7,9; c:150,70,2,2; c:70) strides=2,2 activation=Sigmoid",
    "ConvTranspose(f:1,300,3,4; c:300,260,3,3) strides=2,2 pads=1,1,1,1 output_padding=1,1",
    NULL,
};

static const char *const pool[] = {
    "MaxPool(f:1,3,9,9) kernel_shape=3,3 strides=2,2",
    "MaxPool(f:2,17,9,8) kernel_shape=3,2 strides=2,2 pads=1,0,1,1",
    "MaxPool(f:1,20,9,8) kernel_shape=3,3 strides=2,2 ceil_mode=1",
    "MaxPool(f:1,70,9,8) kernel_shape=5,5 pads=2,2,2,2",
    "MaxPool(f:1,4,9,9) kernel_shape=3,3 dilations=2,2 pads=1,1,1,1",
    "MaxPool(f:1,4,15) kernel_shape=4 strides=3",
    "MaxPool(f:1,4,10,10) kernel_shape=3,3 auto_pad=SAME_UPPER strides=2,2",
    "AveragePool(f:1,3,9,9) kernel_shape=3,3 strides=2,2",
    "AveragePool(f:1,3,9,9) kernel_shape=3,3 pads=1,1,1,1",
    "AveragePool(f:1,35,9,9) kernel_shape=3,3 pads=1,1,1,1 count_include_pad=1",
    "AveragePool(f:1,3,9,8) kernel_shape=2,2 strides=2,2 ceil_mode=1",
    "AveragePool(f:1,3,40,41) kernel_shape=13,13 strides=5,5",
    "AveragePool(f:1,3,20) kernel_shape=3 strides=2 auto_pad=SAME_LOWER",
    "GlobalAveragePool(f:2,37,7,5)",
    "GlobalAveragePool(f:1,3,200,3)",
    "GlobalAveragePool(f:1,3,9)",
    "GlobalAveragePool(f:1,3,4,5,6)",
    "GlobalMaxPool(f:2,37,7,5)",
    NULL,
};

static const char *const matmul[] = {
    "MatMul(f:5,7; c:7,9)",
    "MatMul(f:5,7; f:7,9)",
    "MatMul(f:1,64; c:64,100)",
    "MatMul(f:2,3,15,40; f:2,3,40,33)",
    "MatMul(f:2,3,15,40; f:40,33)",
    "MatMul(f:2,3,15,40; c:40,33)",
    "MatMul(f:15,40; f:2,3,40,33)",
    "MatMul(f:2,1,15,40; f:1,3,40,33)",
    "MatMul(f:2,1,15,4; c:3,4,5)",
    "MatMul(f:7; f:7,3)",
    "MatMul(f:3,7; f:7)",
    "MatMul(f:7; f:7)",
    "MatMul(f:4,3,7; f:7)",
    "MatMul(f:7; f:4,7,3)",
    "MatMul(f:130,300; c:300,260)",
    "MatMul(f:5,7; c:7,9) activation=Swish",
    "MatMul(f:0,7; c:7,9)",
    "Gemm(f:5,7; c:7,9; c:9)",
    "Gemm(f:5,7; c:9,7; c:9) transB=1 alpha=0.5 beta=2",
    "Gemm(f:7,5; c:7,9; c:5,9) transA=1",
    "Gemm(f:7,5; f:9,7; f:5,1) transA=1 transB=1 alpha=0.3 beta=0.7",
    "Gemm(f:5,7; f:7,9; f:1,9) beta=0.25",
    "Gemm(f:5,7; f:7,9; s:3)",
    "Gemm(f:5,7; f:7,9; -)",
    "Gemm(f:5,7; f:7,5; c:5,1)",
    "Gemm(f:1,500; c:500,70; c:70) activation=Clip activation_params=-1,1",
    "Gemm(f:5,7; c:7,9; c:9) beta=0",
    NULL,
};

static const char *const elementwise[] = {
    "Abs(f:3,5,7,9)",
    "Acos(f:40)",
    "Acosh(f:40)",
    "Asin(f:40)",
    "Asinh(f:40)",
    "Atan(f:40)",
    "Atanh(f:40)",
    "Ceil(f:1,5,7,9)",
    "Celu(f:3,50) alpha=0.7",
    "Cos(f:40)",
    "Cosh(f:40)",
    "Elu(f:3,50) alpha=1.5",
    "Erf(f:1,5,7,9)",
    "Exp(f:1,5,7,9)",
    "Floor(f:100)",
    "Gelu(f:2,17,9)",
    "Gelu(f:2,17,9) approximate=tanh",
    "HardSigmoid(f:1000) alpha=0.3 beta=0.4",
    "HardSwish(f:1,8,9,9)",
    "LeakyRelu(f:1,8,9,9) alpha=0.2",
    "Log(f:300)",
    "Mish(f:1,8,9,9)",
    "Neg(f:7)",
    "Reciprocal(f:70)",
    "Relu(f:1,8,9,9)",
    "Round(f:200)",
    "Selu(f:200)",
    "Shrink(f:200) bias=0.2 lambd=0.7",
    "Sigmoid(f:1,8,9,9)",
    "Sign(f:200)",
    "Sin(f:200)",
    "Sinh(f:200)",
    "Softplus(f:1,8,9,9)",
    "Softsign(f:200)",
    "Sqrt(f:200)",
    "Swish(f:1,8,9,9)",
    "Swish(f:200) alpha=1.7",
    "Tan(f:200)",
    "Tanh(f:1,8,9,9)",
    "ThresholdedRelu(f:200) alpha=0.5",
    "Clip(f:1,8,9,9; s:-0.5; s:0.5)",
    "Clip(f:100; -; s:0.25)",
    "Clip(f:100; s:0)",
    "Clip(f:100)",
    "Relu(f:)",
    "Relu(f:0,3)",
    "Relu(f:100003)",
    "Identity(f:1,8,9,9)",
    "Identity(i9:5,2)",
    "Add(f:1,8,9,9; f:1,8,9,9)",
    "Add(f:1,8,9,9; c:8,1,1)",
    "Add(f:1,8,9,9; c:1,8,9,9)",
    "Add(f:1,8,9,9; f:8,1,1)",
    "Add(f:2,8,9,9; c:8,9,1)",
    "Add(f:2,8,9,9; c:9,9)",
    "Add(f:2,8,9,9; f:2,8,1,1)",
    "Mul(f:2,8,1,1; f:2,8,9,5)",
    "Mul(f:1,8,9,5; f:1,1,9,5)",
    "Sub(f:8,1; f:1,9)",
    "Sub(f:3,1,5,1; f:1,4,1,6)",
    "Div(f:1,8,9,9; s:3)",
    "Div(s:3; f:1,8,9,9)",
    "Mul(f:5000,7; f:5000,7)",
    "Mul(f:5000; f:1)",
    "Pow(f:2,8,9,9; s:2)",
    "Pow(f:50; s:0.5)",
    "Pow(f:50; f:50)",
    "Pow(f:5,9; v:1,2,3,4,5,6,7,8,9)",
    "PRelu(f:1,8,9,9; c:8,1,1)",
    "PRelu(f:20; f:20)",
    "Max(f:3,4; f:4; f:3,1)",
    "Min(f:1,8,9,9; f:1,8,9,9; c:8,1,1; s:0)",
    "Max(f:9)",
    "Sum(f:1,8,3,3; f:8,1,1; f:3)",
    "Mean(f:1,8,3,3; f:8,1,1; f:3)",
    "Mean(f:3,3)",
    "Add(f:1,8,9,9; f:1,8,9,9) activation=Clip activation_params=0,6",
    "Mul(f:1,8,9,9; c:8,1,1) activation=Sigmoid",
    "Sub(f:300; f:300) activation=Swish",
    "Div(f:4,300; f:300) activation=LeakyRelu activation_params=0.3",
    "Add(f:0,4; f:1,4)",
    "Mul(f:2,3,4,5,6; f:3,1,5,1)",
    "Mul(f:1,7,3,4,5; c:7,1,1,1)",
    NULL,
};

static const char *const logic[] = {
    "Equal(i3:4,9; i3:9)",
    "Equal(f:1,8,5,5; f:1,8,5,5)",
    "Equal(b:3,3; b:3,3)",
    "Greater(f:1,8,5,5; s:0)",
    "GreaterOrEqual(f:1,8,5,5; c:8,1,1)",
    "Less(f:3,1; f:1,5)",
    "LessOrEqual(i5:3,10; i5:3,10)",
    "And(b:3,5; b:5)",
    "Or(b:3,5; b:3,5)",
    "Xor(b:3,5; z:5)",
    "Not(b:1,8,5,5)",
    "Where(b:1,8,5,5; f:1,8,5,5; f:1,8,5,5)",
    "Where(b:1,1,5,5; f:1,8,5,5; s:-7)",
    "Where(b:5; f:1,8,5,5; f:8,1,1)",
    "Where(b:4,1; i9:1,6; i9:4,6)",
    "Where(b:2,1,1,9; s:-3e38; f:2,3,9,9)",
    "Cast(i9:3,9) to=1",
    "Cast(b:1,8,5,5) to=1",
    "Cast(f:1,8,5,5) to=9",
    "Cast(b:9,2) to=7",
    "Cast(f:3,4) to=1",
    "Cast(i3:9,2) to=9",
    NULL,
};

static const char *const norm[] = {
    "Softmax(f:3,11)",
    "Softmax(f:2,9,5,6) axis=1",
    "Softmax(f:2,9,5,6) axis=3",
    "Softmax(f:2,9,5,6) axis=2",
    "Softmax(f:2,9,5,6) axis=0",
    "Softmax(f:1,300,7) axis=1",
    "Softmax(f:1,4,700,2) axis=1",
    "Softmax(f:5,1)",
    "LogSoftmax(f:3,11)",
    "LogSoftmax(f:2,9,5,6) axis=1",
    "Softmax(f:9) axis=0",
    "LayerNormalization(f:4,7,33; c:33; c:33)",
    "LayerNormalization(f:4,7,33; c:33) epsilon=0.1",
    "LayerNormalization(f:4,7,33; c:7,33; c:7,33) axis=1",
    "BatchNormalization(f:2,9,5,6; c:9; c:9; c:9; v:1,2,3,0.1,0.2,0.3,4,5,6)",
    "BatchNormalization(f:2,9,5,6; c:9; c:9; c:9; v:1,2,3,0.1,0.2,0.3,4,5,6) activation=Swish",
    "BatchNormalization(f:2,9,30; c:9; c:9; c:9; v:1,2,3,1,2,3,4,5,6) activation=Clip "
    "activation_params=0,1",
    "BatchNormalization(f:2,9; c:9; c:9; c:9; v:1,2,3,0.1,0.2,0.3,4,5,6)",
    "BatchNormalization(f:2,9,5; c:9; c:9; c:9; v:1,2,3,0.1,0.2,0.3,4,5,6) epsilon=0.01",
    "InstanceNormalization(f:2,9,5,6; c:9; c:9)",
    "InstanceNormalization(f:2,150,5,6; c:150; c:150)",
    "InstanceNormalization(f:1,3,100; c:3; c:3) epsilon=0.001",
    "GroupNormalization(f:2,12,5,6; c:12; c:12) num_groups=3",
    "GroupNormalization(f:2,12,5; c:12; c:12) num_groups=12",
    NULL,
};

static const char *const reduce[] = {
    "ReduceMean(f:2,9,5,6; k:2,3)",
    "ReduceMean(f:2,9,5,6; k:1)",
    "ReduceMean(f:2,9,5,6; k:-1) keepdims=0",
    "ReduceMean(f:2,9,5,6; k:2,3) keepdims=0",
    "ReduceMean(f:2,9,5,6; k:0,2,3)",
    "ReduceMean(f:2,9,5,6; k:1) keepdims=0",
    "ReduceMean(f:2,9,5,6; k:0,3) keepdims=0",
    "ReduceMean(f:2,9,5,6)",
    "ReduceSum(f:2,9,5,6; k:0,2)",
    "ReduceSum(f:2,9,5,6; k:1,3)",
    "ReduceSum(f:2,9,5,6) noop_with_empty_axes=1",
    "ReduceSum(f:7)",
    "ReduceSum(f:)",
    "ReduceSum(f:20000)",
    "ReduceSum(f:300,200; k:0)",
    "ReduceMax(f:2,9,5,6; k:2,3)",
    "ReduceMin(f:2,9,5,6; k:1)",
    "ReduceProd(f:2,9,5,6; k:2)",
    "ReduceL1(f:2,9,5,6; k:2,3)",
    "ReduceL2(f:2,9,5,6; k:1)",
    "ReduceSumSquare(f:2,9,5,6; k:0,1,2,3)",
    "ReduceLogSum(f:2,9,5,6; k:2)",
    "ReduceMean(f:1,1,1,1; k:2,3)",
    "ReduceMax(f:3,1,5; k:1)",
    "ReduceL2(f:2,3,4,5,6; k:1,3)",
    "ArgMax(f:2,9,5,6) axis=1",
    "ArgMax(f:2,9,5,6) axis=-1 keepdims=0",
    "ArgMin(f:2,9,5,6) axis=2",
    "ArgMax(f:50) axis=0 select_last_index=1",
    "ArgMin(f:2,9,5,6) axis=1 keepdims=0",
    NULL,
};

static const char *const shape[] = {
    "Concat(f:1,3,4,5; f:1,7,4,5; c:1,2,4,5) axis=1",
    "Concat(f:1,3,4,5; f:1,3,9,5) axis=2",
    "Concat(f:1,3,4,5; f:1,3,4,1) axis=-1",
    "Concat(f:2,3; f:5,3) axis=0",
    "Concat(f:2,3; f:2,0) axis=1",
    "Concat(i9:2,3; i9:2,3) axis=1",
    "Concat(b:3,1; b:4,1) axis=0",
    "Concat(f:1,0,4,5; f:1,3,4,5) axis=1",
    "Split(f:1,12,4,5; k:3,4,5) axis=1 out=3",
    "Split(f:1,12,4,6) axis=3 num_outputs=2 out=2",
    "Split(f:7,3; k:7,0) axis=0 out=2",
    "Split(f:1,12,4,5; k:1,11) axis=1 out=2",
    "Slice(f:1,12,9,9; k:2; k:10; k:1)",
    "Slice(f:1,12,9,9; k:1,0; k:9,100; k:2,3; k:2,3)",
    "Slice(f:1,12,9,9; k:-1; k:-100; k:3; k:-2)",
    "Slice(f:9,7; k:3; k:3; k:0)",
    "Slice(f:9; k:-3; k:1000)",
    "Slice(i9:3,8; k:1; k:7; k:1; k:2)",
    "Pad(f:1,3,4,5; k:0,0,1,2,0,0,3,4)",
    "Pad(f:1,3,4,5; k:0,1,1,2,0,2,3,4; s:1.5)",
    "Pad(f:1,3,4,5; k:0,0,1,2,0,0,3,4) mode=reflect",
    "Pad(f:1,3,4,5; k:0,0,1,2,0,0,3,4) mode=edge",
    "Pad(f:1,3,4,5; k:0,0,-1,2,0,0,3,-2)",
    "Pad(f:1,3,4,5; k:0,0,3,2,0,0,3,4) mode=wrap",
    "Pad(f:1,3,4,5; k:2,1,2,1; s:0; k:2,3)",
    "Pad(f:3; k:2,2) mode=reflect",
    "Pad(i9:3,2; k:2,1,2,0)",
    "Pad(f:1,2,1,5; k:0,0,2,0,0,0,2,0) mode=edge",
    "Pad(f:1,5,4,5; k:0,0,0,0,0,3,0,0)",
    "Transpose(f:2,3,4,5) perm=0,2,3,1",
    "Transpose(f:2,3,4,5) perm=0,3,1,2",
    "Transpose(f:2,3,4,5)",
    "Transpose(f:1,3,1,5) perm=0,2,1,3",
    "Transpose(f:40,50)",
    "Transpose(f:1,12,70,33) perm=0,2,1,3",
    "Transpose(i9:3,4,5) perm=2,0,1",
    "Transpose(b:30,40)",
    "Transpose(f:2,3,4,5,6) perm=4,2,0,1,3",
    "Transpose(f:)",
    "Reshape(f:2,3,4; k:6,-1)",
    "Reshape(f:2,3,4,5; k:0,-1,5)",
    "Flatten(f:2,3,4,5) axis=2",
    "Squeeze(f:1,3,1,5; k:0,2)",
    "Unsqueeze(f:3,5; k:0,3)",
    "Expand(f:3,1; k:2,3,4)",
    "Expand(f:1,8,1,1; k:2,8,3,3)",
    "Expand(i9:1,4; k:3,4)",
    "Tile(f:2,3; k:2,3)",
    "Tile(f:1,3,2,4; k:1,2,3,2)",
    "DepthToSpace(f:2,12,3,5) blocksize=2",
    "DepthToSpace(f:2,12,3,5) blocksize=2 mode=CRD",
    "DepthToSpace(f:1,18,3,5) blocksize=3",
    "SpaceToDepth(f:2,3,4,6) blocksize=2",
    "Gather(f:9,5; i9:3,2)",
    "Gather(f:2,9,5; i9:4) axis=1",
    "Gather(f:2,9,5; i5:4) axis=-1",
    "Gather(f:9,5; k:3)",
    "Gather(c:30,16; i30:2,7)",
    "Gather(i9:9,2; i9:4)",
    NULL,
};

static const char *const image[] = {
    "Resize(f:1,3,4,5; -; v:1,1,2,2) mode=linear",
    "Resize(f:2,17,4,5; -; v:1,1,2,3) mode=linear",
    "Resize(f:1,3,4,5; -; v:1,1,2,2) mode=linear coordinate_transformation_mode=align_corners",
    "Resize(f:1,3,4,5; -; -; k:1,3,7,9) mode=linear coordinate_transformation_mode=align_corners",
    "Resize(f:1,3,8,9; -; -; k:1,3,3,4) mode=linear "
    "coordinate_transformation_mode=pytorch_half_pixel",
    "Resize(f:1,3,8,9; -; -; k:1,3,3,4) mode=linear antialias=1",
    "Resize(f:1,3,8,9; -; v:1,1,0.6,0.6) mode=linear coordinate_transformation_mode=asymmetric",
    "Resize(f:1,3,4,5; -; v:1,1,2,2)",
    "Resize(f:2,35,4,5; -; v:1,1,3,2)",
    "Resize(f:1,3,4,5; -; v:1,1,2,2) coordinate_transformation_mode=asymmetric nearest_mode=floor",
    "Resize(f:1,3,8,9; -; -; k:1,3,5,4) nearest_mode=ceil",
    "Resize(f:1,3,8,9; -; -; k:1,3,5,4) nearest_mode=round_prefer_ceil",
    "Resize(f:1,3,8,9; -; -; k:1,3,5,13) mode=cubic",
    "Resize(f:1,3,8,9; -; -; k:1,3,5,4) mode=cubic antialias=1",
    "Resize(f:1,3,8,9; -; v:1,1,2,2) mode=cubic cubic_coeff_a=-0.5 exclude_outside=1",
    "Resize(f:1,3,9; -; v:1,1,2) mode=linear",
    "Resize(f:1,3,8,9; -; v:2,3) mode=linear axes=2,3",
    "Resize(f:1,3,1,1; -; -; k:1,3,4,4) mode=linear",
    "Resize(f:1,3,5,5; -; -; k:1,3,1,1) mode=linear",
    "Resize(f:1,3,5,5; -; v:1,1,1,2) mode=linear",
    "Resize(f:1,3,5,7; -; -; k:1,3,4,4) mode=linear "
    "coordinate_transformation_mode=half_pixel_symmetric",
    "GridSample(f:2,5,6,7; f:2,3,4,2)",
    "GridSample(f:2,5,6,7; f:2,3,4,2) align_corners=1",
    "GridSample(f:2,5,6,7; f:2,3,4,2) padding_mode=border",
    "GridSample(f:2,33,6,7; f:2,3,4,2) padding_mode=reflection",
    "GridSample(f:2,5,6,7; f:2,3,4,2) padding_mode=reflection align_corners=1",
    "GridSample(f:2,5,6,7; f:2,3,4,2) mode=nearest",
    "GridSample(f:2,5,6,7; f:2,3,4,2) mode=cubic",
    "GridSample(f:2,5,6,7; f:2,3,4,2) mode=cubic padding_mode=border",
    NULL,
};

static const char *const refused[] = {
    "Conv(f:1,4,6,7; c:4,1,3,3; -; f:1,4,4,5) group=4",
    "Conv(f:1,3,8,8; f:5,3,3,3)",
    "Conv(f:1,2,4,4,4; c:3,2,2,2,2)",
    "Gather(f:9,5; b:3)",
    NULL,
};

/* ---- generated cases ---- */

static int64_t
pick (GRand *rand, int64_t from, int64_t to)
{
  return g_rand_int_range (rand, (gint32)from, (gint32)to + 1);
}

static void
random_conv (void)
{
  static const char *const after[] = {"", " activation=Clip activation_params=-9,9",
                                      " activation=Swish"};
  g_autoptr (GRand) rand = g_rand_new_with_seed (101);
  for (int i = 0; i < 150; i++) {
    gboolean depthwise = pick (rand, 0, 3) == 0;
    int64_t groups = depthwise ? pick (rand, 2, 40) : pick (rand, 0, 2) ? 1 : pick (rand, 2, 4);
    int64_t ci = depthwise ? 1 : pick (rand, 1, 40), co = depthwise ? 1 : pick (rand, 1, 50);
    int64_t kh = pick (rand, 1, 5), kw = pick (rand, 1, 5), dh = pick (rand, 1, 2),
            dw = pick (rand, 1, 2);
    int64_t pads[4];
    for (int k = 0; k < 4; k++)
      pads[k] = pick (rand, 0, 3);
    int64_t h = pick (rand, 1, 14), w = pick (rand, 1, 19);
    h = MAX (h, (kh - 1) * dh + 1 - pads[0] - pads[2]);
    w = MAX (w, (kw - 1) * dw + 1 - pads[1] - pads[3]);
    int64_t n = pick (rand, 1, 2), sh = pick (rand, 1, 3), sw = pick (rand, 1, 3);
    int64_t oh = (h + pads[0] + pads[2] - (kh - 1) * dh - 1) / sh + 1,
            ow = (w + pads[1] + pads[3] - (kw - 1) * dw - 1) / sw + 1;
    g_autofree char *bias =
        pick (rand, 0, 1) ? g_strdup_printf ("; c:%d", (int)(co * groups)) : g_strdup ("; -");
    g_autofree char *add =
        groups == 1 && pick (rand, 0, 1)
            ? g_strdup_printf ("; f:%d,%d,%d,%d", (int)n, (int)co, (int)oh, (int)ow)
            : g_strdup ("");
    g_autofree char *text = g_strdup_printf (
        "Conv(f:%d,%d,%d,%d; c:%d,%d,%d,%d%s%s) group=%d pads=%d,%d,%d,%d strides=%d,%d "
        "dilations=%d,%d%s",
        (int)n, (int)(ci * groups), (int)h, (int)w, (int)(co * groups), (int)ci, (int)kh, (int)kw,
        bias, add, (int)groups, (int)pads[0], (int)pads[1], (int)pads[2], (int)pads[3], (int)sh,
        (int)sw, (int)dh, (int)dw, after[pick (rand, 0, 2)]);
    op_case_run (&setup, text, FALSE);
  }
}

/* Sizes along one axis of a transposed convolution. */
typedef struct {
  int64_t in, kernel, stride, dilation, before, after, extra;
} TransposedAxis;

static TransposedAxis
random_transposed_axis (GRand *rand)
{
  TransposedAxis a = {.in = pick (rand, 1, 12),
                      .kernel = pick (rand, 1, 5),
                      .stride = pick (rand, 1, 4),
                      .dilation = pick (rand, 1, 3)};
  int64_t full = (a.in - 1) * a.stride + (a.kernel - 1) * a.dilation + 1;
  a.extra = pick (rand, 0, MAX (a.stride, a.dilation) - 1);
  a.before = MIN (pick (rand, 0, 3), full - 1);
  a.after = MIN (pick (rand, 0, 3), full - 1 - a.before);
  return a;
}

/* What decides about padding: numbers, auto_pad or the size wanted. */
static char *
random_transposed_padding (GRand *rand, const TransposedAxis *a, int axes)
{
  g_autoptr (GString) before = g_string_new (NULL);
  g_autoptr (GString) after = g_string_new (NULL);
  g_autoptr (GString) wanted = g_string_new (NULL);
  for (int i = 0; i < axes; i++) {
    const char *comma = i ? "," : "";
    int full = (int)((a[i].in - 1) * a[i].stride + (a[i].kernel - 1) * a[i].dilation + 1);
    g_string_append_printf (before, "%s%d", comma, (int)a[i].before);
    g_string_append_printf (after, ",%d", (int)a[i].after);
    g_string_append_printf (wanted, "%s%d", comma, MAX (full + (int)pick (rand, -4, 4), 1));
  }
  switch (pick (rand, 0, 5)) {
  case 0:
    return g_strdup (" auto_pad=SAME_UPPER");
  case 1:
    return g_strdup (" auto_pad=SAME_LOWER");
  case 2:
    return g_strdup_printf (" output_shape=%s", wanted->str);
  default:
    return g_strdup_printf (" pads=%s%s", before->str, after->str);
  }
}

static void
append_pair (GString *text, const char *name, int axes, int64_t first, int64_t second)
{
  g_string_append_printf (text, " %s=%d", name, (int)first);
  if (axes > 1)
    g_string_append_printf (text, ",%d", (int)second);
}

static char *
random_transposed (GRand *rand)
{
  static const char *const after[] = {"", " activation=Clip activation_params=-2,2",
                                      " activation=Swish", " activation=Sigmoid"};
  int axes = pick (rand, 0, 4) ? 2 : 1;
  TransposedAxis a[2] = {random_transposed_axis (rand), random_transposed_axis (rand)};
  gboolean whole = pick (rand, 0, 3) == 0; /* stride and kernel alike, as networks like it */
  int64_t groups = pick (rand, 0, 2) ? 1 : pick (rand, 2, 5);
  int64_t ci = pick (rand, 1, 40), co = pick (rand, 1, pick (rand, 0, 4) ? 50 : 300);
  if (pick (rand, 0, 3) == 0) { /* depthwise */
    groups = pick (rand, 2, 80);
    ci = co = 1;
  }
  g_autoptr (GString) in = g_string_new (NULL);
  g_autoptr (GString) kernel = g_string_new (NULL);
  g_autoptr (GString) attributes = g_string_new (NULL);
  for (int i = 0; i < axes; i++) {
    if (whole)
      a[i] = (TransposedAxis){a[i].in, a[i].stride, a[i].stride, 1, 0, 0, 0};
    g_string_append_printf (in, ",%d", (int)a[i].in);
    g_string_append_printf (kernel, ",%d", (int)a[i].kernel);
  }
  append_pair (attributes, "strides", axes, a[0].stride, a[1].stride);
  append_pair (attributes, "dilations", axes, a[0].dilation, a[1].dilation);
  append_pair (attributes, "output_padding", axes, a[0].extra, a[1].extra);
  g_autofree char *padding = whole ? g_strdup ("") : random_transposed_padding (rand, a, axes);
  g_autofree char *bias =
      pick (rand, 0, 1) ? g_strdup_printf ("; c:%d", (int)(co * groups)) : g_strdup ("");
  return g_strdup_printf ("ConvTranspose(f:%d,%d%s; c:%d,%d%s%s) group=%d%s%s%s",
                          (int)pick (rand, 1, 2), (int)(ci * groups), in->str, (int)(ci * groups),
                          (int)co, kernel->str, bias, (int)groups, attributes->str, padding,
                          after[pick (rand, 0, 3)]);
}

static void
random_conv_transpose (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (107);
  for (int i = 0; i < 200; i++) {
    g_autofree char *text = random_transposed (rand);
    run_both (text);
  }
}

static void
random_pool (void)
{
  static const char *const ops[] = {"MaxPool", "AveragePool"};
  g_autoptr (GRand) rand = g_rand_new_with_seed (102);
  for (int i = 0; i < 80; i++) {
    int64_t kh = pick (rand, 1, 5), kw = pick (rand, 1, 5);
    g_autofree char *text = g_strdup_printf (
        "%s(f:%d,%d,%d,%d) kernel_shape=%d,%d strides=%d,%d pads=%d,%d,%d,%d ceil_mode=%d%s",
        ops[i % 2], (int)pick (rand, 1, 2), (int)pick (rand, 1, 70), (int)(kh + pick (rand, 0, 9)),
        (int)(kw + pick (rand, 0, 9)), (int)kh, (int)kw, (int)pick (rand, 1, 3),
        (int)pick (rand, 1, 3), (int)pick (rand, 0, kh - 1), (int)pick (rand, 0, kw - 1),
        (int)pick (rand, 0, kh - 1), (int)pick (rand, 0, kw - 1), (int)pick (rand, 0, 1),
        i % 2 && pick (rand, 0, 1) ? " count_include_pad=1" : "");
    op_case_run (&setup, text, FALSE);
  }
}

static char *
random_dims (GRand *rand, int rank, const int64_t *full, gboolean thin)
{
  GString *text = g_string_new (NULL);
  for (int i = 0; i < rank; i++)
    g_string_append_printf (text, "%s%d", i ? "," : "",
                            thin && pick (rand, 0, 2) == 0 ? 1 : (int)full[i]);
  return g_string_free (text, FALSE);
}

static void
random_broadcast (void)
{
  static const char *const ops[] = {"Add", "Sub", "Mul", "Div", "Max", "Min"};
  static const char kinds[] = "fc";
  g_autoptr (GRand) rand = g_rand_new_with_seed (103);
  for (int i = 0; i < 120; i++) {
    int rank = (int)pick (rand, 1, 5), less = (int)pick (rand, 0, rank);
    int64_t full[5];
    for (int k = 0; k < rank; k++)
      full[k] = pick (rand, 1, 9);
    g_autofree char *a = random_dims (rand, rank, full, TRUE);
    g_autofree char *b = random_dims (rand, rank - less, full + less, TRUE);
    g_autofree char *c = random_dims (rand, rank, full, FALSE);
    gboolean three = i % 6 >= 4;
    g_autofree char *text =
        three ? g_strdup_printf ("%s(f:%s; %c:%s; f:%s)", ops[i % 6], a, kinds[i & 1], b, c)
              : g_strdup_printf ("%s(f:%s; %c:%s)", ops[i % 6], a, kinds[i / 6 & 1], b);
    run_both (text);
  }
}

static void
random_matmul (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (104);
  for (int i = 0; i < 60; i++) {
    int m = (int)pick (rand, 1, 40), k = (int)pick (rand, 1, 70), n = (int)pick (rand, 1, 90);
    int batch = (int)pick (rand, 1, 4);
    g_autofree char *text =
        i % 3 == 0   ? g_strdup_printf ("MatMul(f:%d,%d,%d; f:%d,%d,%d)", batch, m, k, batch, k, n)
        : i % 3 == 1 ? g_strdup_printf ("MatMul(f:%d,%d,%d; c:%d,%d)", batch, m, k, k, n)
                     : g_strdup_printf ("Gemm(f:%d,%d; c:%d,%d; c:%d) transB=1", m, k, n, k, n);
    op_case_run (&setup, text, FALSE);
  }
}

static void
random_resize (void)
{
  static const char *const modes[] = {"linear", "nearest", "cubic"};
  static const char *const rules[] = {"half_pixel", "align_corners", "asymmetric",
                                      "pytorch_half_pixel"};
  g_autoptr (GRand) rand = g_rand_new_with_seed (105);
  for (int i = 0; i < 60; i++) {
    int c = (int)pick (rand, 1, 40);
    g_autofree char *text = g_strdup_printf (
        "Resize(f:1,%d,%d,%d; -; -; k:1,%d,%d,%d) mode=%s coordinate_transformation_mode=%s", c,
        (int)pick (rand, 1, 9), (int)pick (rand, 1, 9), c, (int)pick (rand, 1, 20),
        (int)pick (rand, 1, 20), modes[i % 3], rules[i / 3 % 4]);
    op_case_run (&setup, text, FALSE);
  }
}

static void
random_slice (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (106);
  for (int i = 0; i < 60; i++) {
    int axis = (int)pick (rand, 0, 3), step = (int)pick (rand, 1, 3);
    int from = (int)pick (rand, -8, 8), to = (int)pick (rand, -8, 8);
    if (i % 4 == 0)
      step = -step;
    g_autofree char *text =
        g_strdup_printf ("Slice(f:2,7,5,6; k:%d; k:%d; k:%d; k:%d)", from, to, axis, step);
    run_both (text);
  }
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    const char *const *list;
  } lists[] = {
      {"/cpu/conv", conv},     {"/cpu/pool", pool},
      {"/cpu/matmul", matmul}, {"/cpu/elementwise", elementwise},
      {"/cpu/logic", logic},   {"/cpu/norm", norm},
      {"/cpu/reduce", reduce}, {"/cpu/shape", shape},
      {"/cpu/image", image},
  };
  if (argc > 1 && argv[argc - 1][0] != '-') {
    g_setenv ("GONIO_CPU_KERNELS", argv[argc - 1], TRUE);
    argc--;
  }
  g_test_init (&argc, &argv, NULL);
  g_test_set_nonfatal_assertions ();
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    g_test_add_data_func (lists[i].path, lists[i].list, run_list);
  g_test_add_data_func ("/cpu/refused", refused, refuse_list);
  g_test_add_func ("/cpu/random/conv", random_conv);
  g_test_add_func ("/cpu/random/conv-transpose", random_conv_transpose);
  g_test_add_func ("/cpu/random/pool", random_pool);
  g_test_add_func ("/cpu/random/broadcast", random_broadcast);
  g_test_add_func ("/cpu/random/matmul", random_matmul);
  g_test_add_func ("/cpu/random/resize", random_resize);
  g_test_add_func ("/cpu/random/slice", random_slice);
  return g_test_run ();
}
