/* Loop nests over several arrays with strides: dimensions of one element vanish, neighbours
 * that run on are merged, and the first array decides the order. Depends on GLib only. */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define GONIO_NEST_RANK   16
#define GONIO_NEST_ARRAYS 4

typedef struct {
  int rank; /* at least 1 once finished; the last dimension is the innermost */
  int arrays;
  int64_t dims[GONIO_NEST_RANK];
  int64_t strides[GONIO_NEST_ARRAYS][GONIO_NEST_RANK]; /* in elements */
} GonioCpuNest;

void gonio_cpu_nest_init (GonioCpuNest *nest, int arrays);
/* One more dimension, with the stride of each array. At most GONIO_NEST_RANK in all. */
void gonio_cpu_nest_push (GonioCpuNest *nest, int64_t dim, const int64_t *strides);
/* Puts large strides of array 0 outermost and merges. */
void gonio_cpu_nest_finish (GonioCpuNest *nest);
/* Elements in dimensions from..to-1. */
int64_t gonio_cpu_nest_count (const GonioCpuNest *nest, int from, int to);

/* Walks the elements of the outer dimensions 0..outer-1 in order. */
typedef struct {
  const GonioCpuNest *nest;
  int outer;
  int64_t at[GONIO_NEST_RANK];
  int64_t offsets[GONIO_NEST_ARRAYS]; /* of the current element, in elements, per array */
} GonioCpuWalk;
void gonio_cpu_walk_start (GonioCpuWalk *walk, const GonioCpuNest *nest, int outer, int64_t index);
void gonio_cpu_walk_next (GonioCpuWalk *walk);

G_END_DECLS
