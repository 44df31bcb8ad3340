/* Gathers the kernels of one instruction set into its table. For the kernel files only. */
#pragma once

#include "backends/cpu/kernels/winograd.h"

#define GONIO_UNARY_ENTRY(NAME)     [GONIO_CPU_UNARY_##NAME] = unary_##NAME,
#define GONIO_BINARY_ENTRY(NAME)    [GONIO_CPU_BINARY_##NAME] = binary_##NAME,
#define GONIO_COMPARE_ENTRY(NAME)   [GONIO_CPU_COMPARE_##NAME] = compare_##NAME,
#define GONIO_FOLD_ENTRY(NAME)      [GONIO_CPU_FOLD_##NAME] = fold_##NAME,
#define GONIO_FOLD_INTO_ENTRY(NAME) [GONIO_CPU_FOLD_##NAME] = fold_into_##NAME,

#define GONIO_CPU_KERNEL_TABLE                                                                     \
  {                                                                                                \
    .name = GONIO_ISA_NAME, .lanes = GONIO_LANES, .mr = GONIO_MR, .nr = GONIO_NR,                  \
    .unary = {GONIO_CPU_UNARY_LIST (GONIO_UNARY_ENTRY)},                                           \
    .binary = {GONIO_CPU_BINARY_LIST (GONIO_BINARY_ENTRY)},                                        \
    .compare = {GONIO_CPU_COMPARE_LIST (GONIO_COMPARE_ENTRY)},                                     \
    .fold = {GONIO_CPU_FOLD_LIST (GONIO_FOLD_ENTRY)},                                              \
    .fold_into = {GONIO_CPU_FOLD_LIST (GONIO_FOLD_INTO_ENTRY)}, .gemm = gemm,                      \
    .sum_square_diff = sum_square_diff, .exp_sum = exp_sum, .normalize = normalize,                \
    .scale_shift = scale_shift, .square_diff_into = square_diff_into, .mix = mix,                  \
    .max_rows = max_rows, .depthwise = depthwise, .transpose = transpose,                          \
    .winograd = {WINOGRAD_ENTRY (2), WINOGRAD_ENTRY (4)},                                          \
  }
