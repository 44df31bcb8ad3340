/* Choice of the instruction set at run time. */
#include "backends/cpu/kernels/kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Bits of leaf 7: edx of sub-leaf 0, eax of sub-leaf 1. */
#define AMX_BF16    (1u << 22)
#define AMX_TILE    (1u << 24)
#define AVX512_BF16 (1u << 5)
#endif

#if defined(__x86_64__)
/* AVX-512 with the matrix unit, where there is one and the system lets us use it. */
static const GonioCpuKernels *
with_matrix_unit (gboolean always)
{
  static gsize once;
  static GonioCpuKernels kernels;
  if (g_once_init_enter (&once)) {
    guint a, b, c, d;
    kernels = gonio_cpu_kernels_avx512;
    if (__get_cpuid_count (7, 0, &a, &b, &c, &d) && (d & AMX_BF16) && (d & AMX_TILE) &&
        __get_cpuid_count (7, 1, &a, &b, &c, &d) && (a & AVX512_BF16))
      kernels.parts = gonio_cpu_parts_amx (always);
    if (kernels.parts)
      kernels.name = "AMX";
    g_once_init_leave (&once, 1);
  }
  return &kernels;
}
#endif

const GonioCpuKernels *
gonio_cpu_kernels_select (void)
{
#if defined(__x86_64__)
  const char *wish = g_getenv ("GONIO_CPU_KERNELS");
  __builtin_cpu_init ();
  gboolean avx = __builtin_cpu_supports ("avx");
  gboolean avx2 = __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma");
  gboolean avx512 = avx2 && __builtin_cpu_supports ("avx512f") &&
                    __builtin_cpu_supports ("avx512dq") && __builtin_cpu_supports ("avx512vl") &&
                    __builtin_cpu_supports ("avx512bw");
  if (wish && g_str_equal (wish, "baseline"))
    return &gonio_cpu_kernels_base;
  if (avx && wish && g_str_equal (wish, "avx"))
    return &gonio_cpu_kernels_avx;
  if (avx512 && !(wish && g_str_equal (wish, "avx2")))
    return wish && g_str_equal (wish, "avx512")
               ? &gonio_cpu_kernels_avx512
               : with_matrix_unit (wish && g_str_equal (wish, "amx"));
  if (avx2)
    return &gonio_cpu_kernels_avx2;
  if (avx)
    return &gonio_cpu_kernels_avx;
#endif
  return &gonio_cpu_kernels_base;
}
