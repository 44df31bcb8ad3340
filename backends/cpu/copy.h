/* Copying between arrays with strides: slices, joins, transpositions, repetition. Depends on
 * nest and lower. */
#pragma once

#include "backends/cpu/lower.h"
#include "backends/cpu/nest.h"

G_BEGIN_DECLS

typedef struct {
  GonioCpuNest nest; /* array 0: destination, array 1: source; strides in elements */
  size_t element;    /* bytes: 1, 2, 4 or 8 */
  int64_t to, from;  /* offsets of the first element, in elements */
  int pair;          /* dimension along which the source runs on, when the inner one does not; -1 */
} GonioCpuCopy;

/* Starts a copy; push dimensions onto copy->nest, then finish. */
void gonio_cpu_copy_init (GonioCpuCopy *copy, size_t element);
void gonio_cpu_copy_finish (GonioCpuCopy *copy);
void gonio_cpu_copy_run (const GonioCpuCopy *copy, const GonioCpuRun *run, void *to,
                         const void *from);
/* The same on the calling thread, for compile time. */
void gonio_cpu_copy_now (const GonioCpuCopy *copy, const GonioCpuKernels *kernels, void *to,
                         const void *from);

/* Appends a step of n copies, copy i from where input from[i] can be read (the copies know how) to
 * output to[i] of the node. */
void gonio_cpu_step_copies (GonioCpuLower *lower, guint n, const GonioCpuCopy *copies,
                            const guint *from, const guint *to);
G_END_DECLS
