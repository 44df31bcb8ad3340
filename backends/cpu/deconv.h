/* Transposed convolutions: the output falls into phases (y mod stride, x mod stride), each of
 * which is an ordinary convolution with some of the taps. What the ways to compute them share;
 * lower-deconv.c reads the node and picks one. Depends on window. */
#pragma once

#include "backends/cpu/gemm.h"
#include "backends/cpu/window.h"

G_BEGIN_DECLS

/* Outputs first, first + stride, ... of one axis. Output q of them sees input q + shift through
 * the first of its taps and `move` further on (never forward) through each next one. */
typedef struct {
  int64_t first, count;
  int64_t tap, taps, tap_step; /* taps of the kernel */
  int64_t shift, move;
} GonioCpuDeconvAxis;

typedef struct _GonioCpuDeconv GonioCpuDeconv;

typedef struct {
  const GonioCpuDeconv *deconv;
  const GonioCpuDeconvAxis *y, *x;
  size_t packed; /* taps of the phases before it */
} GonioCpuDeconvPhase;

struct _GonioCpuDeconv {
  GonioCpuWindow window; /* reads the input through its view */
  int64_t groups;
  GonioCpuSlot in, out;
  int64_t offset_out, pixel; /* of the output, in floats */
  GonioCpuActivation activation;
  GonioCpuDeconvAxis *axes[2]; /* those that see any tap */
  size_t counts[2];
  GonioCpuDeconvPhase *phases; /* all pairs of them */
  size_t n_phases;
  GonioTensor *empty; /* an output that sees no tap; NULL when there is none */
};

/* For the step appended last. */
gboolean gonio_cpu_deconv_init (GonioCpuDeconv *deconv, GonioCpuLower *lower,
                                const GonioCpuWindow *window, GError **error);
void gonio_cpu_deconv_clear (GonioCpuDeconv *deconv);
/* Writes all outputs, as if none saw a tap, when there are such. */
void gonio_cpu_deconv_fill (const GonioCpuDeconv *deconv, const GonioCpuRun *run);

static inline size_t
gonio_cpu_deconv_taps (const GonioCpuDeconvPhase *phase)
{
  return (size_t)(phase->y->taps * phase->x->taps);
}

static inline float *
gonio_cpu_deconv_out (const GonioCpuDeconv *deconv, const GonioCpuRun *run)
{
  return (float *)gonio_cpu_ptr (run, deconv->out) + deconv->offset_out;
}

/* Windows that do not overlap on a matrix unit: can it, and is that faster? */
gboolean gonio_cpu_deconv_parts_suits (const GonioCpuLower *lower, const GonioCpuWindow *window);
gboolean gonio_cpu_deconv_depthwise_suits (const GonioCpuLower *lower,
                                           const GonioCpuWindow *window);
/* These append a step. */
gboolean gonio_cpu_deconv_parts (GonioCpuLower *lower, const GonioCpuWindow *window,
                                 GError **error);
gboolean gonio_cpu_deconv_depthwise (GonioCpuLower *lower, const GonioCpuWindow *window,
                                     GError **error);
gboolean gonio_cpu_deconv_direct (GonioCpuLower *lower, const GonioCpuWindow *window,
                                  GError **error);

G_END_DECLS
