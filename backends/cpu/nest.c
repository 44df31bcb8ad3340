/* Loop nests in their shortest form. */
#include "backends/cpu/nest.h"

void
gonio_cpu_nest_init (GonioCpuNest *nest, int arrays)
{
  nest->rank = 0;
  nest->arrays = arrays;
}

void
gonio_cpu_nest_push (GonioCpuNest *nest, int64_t dim, const int64_t *strides)
{
  g_return_if_fail (nest->rank < GONIO_NEST_RANK);
  if (dim == 1)
    return;
  nest->dims[nest->rank] = dim;
  for (int a = 0; a < nest->arrays; a++)
    nest->strides[a][nest->rank] = strides[a];
  nest->rank++;
}

static void
move_dim (GonioCpuNest *nest, int to, int from)
{
  nest->dims[to] = nest->dims[from];
  for (int a = 0; a < nest->arrays; a++)
    nest->strides[a][to] = nest->strides[a][from];
}

static void
swap_dims (GonioCpuNest *nest, int i, int j)
{
  int64_t dim = nest->dims[i];
  nest->dims[i] = nest->dims[j];
  nest->dims[j] = dim;
  for (int a = 0; a < nest->arrays; a++) {
    int64_t stride = nest->strides[a][i];
    nest->strides[a][i] = nest->strides[a][j];
    nest->strides[a][j] = stride;
  }
}

/* Outer dimension i runs on where inner dimension j ends, in every array. */
static gboolean
runs_on (const GonioCpuNest *nest, int i, int j)
{
  for (int a = 0; a < nest->arrays; a++)
    if (nest->strides[a][i] != nest->strides[a][j] * nest->dims[j])
      return FALSE;
  return TRUE;
}

void
gonio_cpu_nest_finish (GonioCpuNest *nest)
{
  for (int i = 1; i < nest->rank; i++) /* insertion sort: stable and short */
    for (int j = i; j > 0 && ABS (nest->strides[0][j - 1]) < ABS (nest->strides[0][j]); j--)
      swap_dims (nest, j - 1, j);

  int kept = 0;
  for (int i = 1; i < nest->rank; i++) {
    if (runs_on (nest, kept, i)) {
      int64_t dim = nest->dims[kept] * nest->dims[i];
      move_dim (nest, kept, i);
      nest->dims[kept] = dim;
    } else {
      move_dim (nest, ++kept, i);
    }
  }
  if (nest->rank == 0) {
    nest->dims[0] = 1;
    for (int a = 0; a < nest->arrays; a++)
      nest->strides[a][0] = 1;
  }
  nest->rank = nest->rank ? kept + 1 : 1;
}

int64_t
gonio_cpu_nest_count (const GonioCpuNest *nest, int from, int to)
{
  int64_t count = 1;
  for (int i = from; i < to; i++)
    count *= nest->dims[i];
  return count;
}

void
gonio_cpu_walk_start (GonioCpuWalk *walk, const GonioCpuNest *nest, int outer, int64_t index)
{
  walk->nest = nest;
  walk->outer = outer;
  for (int a = 0; a < nest->arrays; a++)
    walk->offsets[a] = 0;
  for (int i = outer - 1; i >= 0; i--) {
    walk->at[i] = index % nest->dims[i];
    index /= nest->dims[i];
    for (int a = 0; a < nest->arrays; a++)
      walk->offsets[a] += walk->at[i] * nest->strides[a][i];
  }
}

void
gonio_cpu_walk_next (GonioCpuWalk *walk)
{
  const GonioCpuNest *nest = walk->nest;
  for (int i = walk->outer - 1; i >= 0; i--) {
    gboolean carry = ++walk->at[i] == nest->dims[i];
    int64_t steps = carry ? 1 - nest->dims[i] : 1;
    for (int a = 0; a < nest->arrays; a++)
      walk->offsets[a] += steps * nest->strides[a][i];
    if (!carry)
      return;
    walk->at[i] = 0;
  }
}
