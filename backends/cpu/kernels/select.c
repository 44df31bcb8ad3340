/* Choice of the instruction set at run time. */
#include "backends/cpu/kernels/kernels.h"

const GonioCpuKernels *
gonio_cpu_kernels_select (void)
{
#if defined(__x86_64__)
  const char *wish = g_getenv ("GONIO_CPU_KERNELS");
  __builtin_cpu_init ();
  gboolean avx2 = __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma");
  gboolean avx512 = avx2 && __builtin_cpu_supports ("avx512f") &&
                    __builtin_cpu_supports ("avx512dq") && __builtin_cpu_supports ("avx512vl") &&
                    __builtin_cpu_supports ("avx512bw");
  if (wish && g_str_equal (wish, "baseline"))
    return &gonio_cpu_kernels_base;
  if (avx512 && !(wish && g_str_equal (wish, "avx2")))
    return &gonio_cpu_kernels_avx512;
  if (avx2)
    return &gonio_cpu_kernels_avx2;
#endif
  return &gonio_cpu_kernels_base;
}
