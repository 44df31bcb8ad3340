/* The kernels for one instruction set; the build file sets the compiler flags. */
#include "backends/cpu/kernels/table.h"

const GonioCpuKernels gonio_cpu_kernels_avx = GONIO_CPU_KERNEL_TABLE;
