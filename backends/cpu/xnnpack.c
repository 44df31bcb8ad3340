/* Initialisation of XNNPACK, which fills process-wide tables. */
#include "backends/cpu/xnnpack.h"

#include "backends/cpu/alloc.h"
#include "backends/cpu/status.h"

#include <cpuinfo.h>

#if defined(__x86_64__)
/* Takes away what the processor has beyond the set that is wished for. XNNPACK asks cpuinfo. */
static void
narrow (const char *wish)
{
  gboolean avx2 = wish && g_str_equal (wish, "avx2");
  gboolean avx = wish && g_str_equal (wish, "avx");
  gboolean baseline = wish && g_str_equal (wish, "baseline");
  if (!(baseline || avx || avx2) || !cpuinfo_initialize ())
    return;
  cpuinfo_isa.avx512f = cpuinfo_isa.avx512bw = cpuinfo_isa.avx512cd = cpuinfo_isa.avx512dq =
      cpuinfo_isa.avx512vl = FALSE;
  if (!avx2)
    cpuinfo_isa.avx2 = cpuinfo_isa.fma3 = cpuinfo_isa.fma4 = cpuinfo_isa.f16c = FALSE;
  if (baseline)
    cpuinfo_isa.avx = cpuinfo_isa.xop = FALSE;
}
#endif

gboolean
gonio_cpu_xnnpack_ready (GError **error)
{
  static gsize done;
  static enum xnn_status status;
  if (g_once_init_enter (&done)) {
#if defined(__x86_64__)
    narrow (g_getenv ("GONIO_CPU_KERNELS"));
#endif
    status = xnn_initialize (&gonio_cpu_allocator);
    g_once_init_leave (&done, 1);
  }
  return gonio_cpu_check (status, "initialisation", error);
}
