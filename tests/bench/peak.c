/* Multiply-adds on registers alone. */
#include "tests/bench/peak.h"

#include <math.h>

#define CHAINS   14 /* independent sums: hide the latency of two units and leave registers */
#define BURST    20000
#define ROUNDS   10
#define ROUND_US 60000

/* One burst; returns its operations. sink keeps the compiler from dropping the work. */
typedef double (*BurstFunc) (float *sink);

#define DEFINE_BURST(name, lanes, target)                                                          \
  target static double name (float *sink)                                                          \
  {                                                                                                \
    typedef float Vector __attribute__ ((vector_size (4 * (lanes))));                              \
    Vector sum[CHAINS], factor = {0}, step = {0};                                                  \
    factor += 0.999999f, step += 1e-6f;                                                            \
    for (int c = 0; c < CHAINS; c++)                                                               \
      sum[c] = step * (float)c;                                                                    \
    for (int i = 0; i < BURST; i++)                                                                \
      _Pragma ("GCC unroll 16") for (int c = 0; c < CHAINS; c++) sum[c] = sum[c] * factor + step;  \
    for (int c = 1; c < CHAINS; c++)                                                               \
      sum[0] += sum[c];                                                                            \
    *sink += sum[0][0];                                                                            \
    return 2.0 * CHAINS * BURST * (lanes);                                                         \
  }

DEFINE_BURST (burst_baseline, 4, )

#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

DEFINE_BURST (burst_avx, 8, __attribute__ ((target ("avx"))))
DEFINE_BURST (burst_avx2, 8, __attribute__ ((target ("avx2,fma"))))
DEFINE_BURST (burst_avx512, 16, __attribute__ ((target ("avx512f"))))

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_TILE_DATA  18

typedef struct {
  guint8 palette, start_row, reserved[14];
  guint16 row_bytes[16];
  guint8 rows[16];
} TileConfig;

/* Six sums of 16 x 16, each of 32 products. */
__attribute__ ((target ("amx-tile,amx-bf16"))) static double
burst_amx (float *sink)
{
  TileConfig config = {.palette = 1};
  for (int t = 0; t < 8; t++) {
    config.row_bytes[t] = 64;
    config.rows[t] = 16;
  }
  __asm__ volatile("" : : "r"(&config) : "memory"); /* gcc's intrinsic names its first byte only */
  _tile_loadconfig (&config);                       /* zeroes the tiles */
  for (int i = 0; i < BURST / 16; i++) {
    _tile_dpbf16ps (0, 6, 7);
    _tile_dpbf16ps (1, 6, 7);
    _tile_dpbf16ps (2, 6, 7);
    _tile_dpbf16ps (3, 6, 7);
    _tile_dpbf16ps (4, 6, 7);
    _tile_dpbf16ps (5, 6, 7);
  }
  _tile_release ();
  *sink += 1;
  return 6.0 * (double)(BURST / 16) * 2 * 16 * 16 * 32;
}

static gboolean
has_amx (void)
{
  guint32 a = 7, b, c = 0, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  gboolean tiles = (d & 1u << 22) && (d & 1u << 24);
  return tiles && syscall (SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA) == 0;
}
#endif

/* ---- threads that start each round together ---- */

typedef struct {
  GMutex lock;
  GCond all_here;
  guint threads, waiting, turn;
} Gate;

static void
gate_pass (Gate *gate)
{
  g_mutex_lock (&gate->lock);
  guint turn = gate->turn;
  if (++gate->waiting == gate->threads) {
    gate->waiting = 0;
    gate->turn++;
    g_cond_broadcast (&gate->all_here);
  }
  while (gate->turn == turn)
    g_cond_wait (&gate->all_here, &gate->lock);
  g_mutex_unlock (&gate->lock);
}

typedef struct {
  BurstFunc burst;
  Gate *gate;
  double rates[ROUNDS]; /* GFLOP/s */
  float sink;
} Worker;

static gpointer
work (gpointer data)
{
  Worker *worker = data;
  for (int r = 0; r < ROUNDS; r++) {
    gate_pass (worker->gate);
    double operations = 0;
    gint64 start = g_get_monotonic_time (), now = start;
    for (; now < start + ROUND_US; now = g_get_monotonic_time ())
      operations += worker->burst (&worker->sink);
    worker->rates[r] = operations / (double)(now - start) / 1000;
  }
  return NULL;
}

/* The best round of all threads together. */
static double
peak (BurstFunc burst, guint threads)
{
  Gate gate = {.threads = threads};
  g_autofree Worker *workers = g_new0 (Worker, threads);
  g_autofree GThread **running = g_new0 (GThread *, threads);
  for (guint t = 0; t < threads; t++) {
    workers[t].burst = burst;
    workers[t].gate = &gate;
    running[t] = g_thread_new ("peak", work, &workers[t]);
  }
  for (guint t = 0; t < threads; t++)
    g_thread_join (running[t]);
  double best = 0;
  for (int r = 0; r < ROUNDS; r++) {
    double sum = 0;
    for (guint t = 0; t < threads; t++)
      sum += workers[t].rates[r];
    best = fmax (best, sum);
  }
  return best;
}

guint
gonio_peaks (guint threads, GonioPeak *out_peaks)
{
  const struct {
    const char *name;
    BurstFunc burst;
    gboolean there;
  } sets[GONIO_MAX_PEAKS] = {
    {"baseline", burst_baseline, TRUE},
#if defined(__x86_64__)
    {"avx", burst_avx, __builtin_cpu_supports ("avx")},
    {"avx2", burst_avx2, __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma")},
    {"avx512", burst_avx512, __builtin_cpu_supports ("avx512f")},
    {"amx", burst_amx, has_amx ()},
#endif
  };
  guint n = 0;
  for (guint s = 0; s < GONIO_MAX_PEAKS; s++)
    if (sets[s].there)
      out_peaks[n++] = (GonioPeak){sets[s].name, peak (sets[s].burst, threads)};
  return n;
}
