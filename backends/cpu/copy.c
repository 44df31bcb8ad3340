/* Strided copies: rows by memcpy, crossed axes by tiles, the rest element by element. */
#include "backends/cpu/copy.h"

#include <string.h>

/* Elements of the source's running axis that one tile of a crossed copy takes, more of them when
 * few others cross it. */
#define TILE     64
#define TILE_ALL 2048
/* Most of those others that it takes. */
#define BAND 1024

void
gonio_cpu_copy_init (GonioCpuCopy *copy, size_t element)
{
  memset (copy, 0, sizeof *copy);
  copy->element = element;
  copy->pair = -1;
  gonio_cpu_nest_init (&copy->nest, 2);
}

void
gonio_cpu_copy_finish (GonioCpuCopy *copy)
{
  GonioCpuNest *nest = &copy->nest;
  gonio_cpu_nest_finish (nest);
  int inner = nest->rank - 1;
  if (nest->strides[1][inner] == 1 || nest->strides[1][inner] == 0)
    return;
  for (int i = 0; i < inner; i++)
    if (nest->strides[1][i] == 1 && nest->dims[i] > 1)
      copy->pair = i;
}

typedef struct {
  const GonioCpuCopy *copy;
  const GonioCpuKernels *kernels;
  GonioCpuNest outer;  /* what remains around the inner loop or the crossed pair */
  int64_t tiles, tile; /* pieces of the pair's axis, elements of one */
  int64_t bands, band; /* the same of the innermost axis */
  char *to;
  const char *from;
} Job;

#define COPY_LOOP(TYPE)                                                                            \
  {                                                                                                \
    TYPE *dst = to;                                                                                \
    const TYPE *src = from;                                                                        \
    for (int64_t i = 0; i < n; i++)                                                                \
      dst[i * step_to] = src[i * step_from];                                                       \
  }

static void
copy_line (void *to, int64_t step_to, const void *from, int64_t step_from, int64_t n,
           size_t element)
{
  if (step_to == 1 && step_from == 1) {
    memcpy (to, from, (size_t)n * element);
    return;
  }
  switch (element) {
  case 1:
    COPY_LOOP (uint8_t)
    break;
  case 2:
    COPY_LOOP (uint16_t)
    break;
  case 4:
    COPY_LOOP (uint32_t)
    break;
  default:
    COPY_LOOP (uint64_t)
    break;
  }
}

typedef float Four __attribute__ ((vector_size (16), aligned (4), may_alias));

/* Lines this short are not worth a call each. */
#define SHORT_LINE 128

/* rows short lines of floats. */
static void
copy_short (float *to, int64_t to_row, const float *from, int64_t from_row, int64_t rows, int64_t n)
{
  for (int64_t r = 0; r < rows; r++, to += to_row, from += from_row) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
      *(Four *)(to + i) = *(const Four *)(from + i);
    for (; i < n; i++)
      to[i] = from[i];
  }
}

static void
fill_short (float *to, int64_t to_row, const float *from, int64_t from_row, int64_t rows, int64_t n)
{
  for (int64_t r = 0; r < rows; r++, to += to_row, from += from_row) {
    const float x = *from;
    for (int64_t i = 0; i < n; i++)
      to[i] = x;
  }
}

/* rows lines from the dimension around the innermost one. */
static void
copy_rows (const Job *job, char *to, const char *from, int64_t rows)
{
  const GonioCpuNest *nest = &job->copy->nest;
  int inner = nest->rank - 1;
  size_t element = job->copy->element;
  int64_t n = nest->dims[inner], to_row = nest->strides[0][inner - 1],
          from_row = nest->strides[1][inner - 1], step = nest->strides[1][inner];
  if (element == sizeof (float) && n <= SHORT_LINE && nest->strides[0][inner] == 1 &&
      (step == 0 || step == 1)) {
    (step ? copy_short : fill_short) ((float *)to, to_row, (const float *)from, from_row, rows, n);
    return;
  }
  for (int64_t r = 0; r < rows; r++)
    copy_line (to + r * to_row * (int64_t)element, nest->strides[0][inner],
               from + r * from_row * (int64_t)element, step, n, element);
}

static void
lines_task (void *context, size_t start, size_t count)
{
  const Job *job = context;
  const GonioCpuNest *nest = &job->copy->nest;
  int around = nest->rank - 2;
  int64_t element = (int64_t)job->copy->element, length = nest->dims[around];
  int64_t at = (int64_t)start % length, left = (int64_t)count;
  GonioCpuWalk walk;
  gonio_cpu_walk_start (&walk, nest, around, (int64_t)start / length);
  while (left > 0) {
    int64_t rows = MIN (left, length - at);
    copy_rows (job, job->to + (walk.offsets[0] + at * nest->strides[0][around]) * element,
               job->from + (walk.offsets[1] + at * nest->strides[1][around]) * element, rows);
    gonio_cpu_walk_next (&walk);
    left -= rows;
    at = 0;
  }
}

/* One long line is split instead. */
static void
line_task (void *context, size_t start, size_t count)
{
  const Job *job = context;
  const GonioCpuNest *nest = &job->copy->nest;
  int64_t element = (int64_t)job->copy->element, at = (int64_t)start;
  copy_line (job->to + at * nest->strides[0][0] * element, nest->strides[0][0],
             job->from + at * nest->strides[1][0] * element, nest->strides[1][0], (int64_t)count,
             (size_t)element);
}

/* Three lines into threes: the planes of a picture into its pixels. */
static void
interleave_3 (const float *from, int64_t line, float *to, int64_t n)
{
  const float *a = from, *b = from + line, *c = from + 2 * line;
  int64_t i = 0;
  for (; i + 4 <= n; i += 4, to += 12) {
    Four x = *(const Four *)(a + i), y = *(const Four *)(b + i), z = *(const Four *)(c + i);
    Four xy = __builtin_shufflevector (x, y, 0, 4, 1, 5); /* x0 y0 x1 y1 */
    Four yz = __builtin_shufflevector (y, z, 1, 5, 2, 6); /* y1 z1 y2 z2 */
    Four zx = __builtin_shufflevector (z, x, 2, 7, 3, 6); /* z2 x3 z3 x2 */
    *(Four *)to = __builtin_shufflevector (xy, z, 0, 1, 4, 2);
    *(Four *)(to + 4) = __builtin_shufflevector (yz, x, 0, 1, 6, 2);
    *(Four *)(to + 8) = __builtin_shufflevector (zx, y, 0, 1, 7, 2);
  }
  for (; i < n; i++, to += 3) {
    to[0] = a[i];
    to[1] = b[i];
    to[2] = c[i];
  }
}

static void
crossed_tile (const Job *job, char *to, const char *from, int64_t rows, int64_t cols)
{
  const GonioCpuCopy *copy = job->copy;
  const GonioCpuNest *nest = &copy->nest;
  int inner = nest->rank - 1, pair = copy->pair;
  int64_t ldd = nest->strides[0][pair], lds = nest->strides[1][inner];
  if (copy->element == 4 && nest->strides[0][inner] == 1 && rows == 3 && ldd == 3) {
    interleave_3 ((const float *)from, lds, (float *)to, cols);
    return;
  }
  if (copy->element == 4 && nest->strides[0][inner] == 1 && ldd > 0 && lds > 0) {
    job->kernels->transpose ((const float *)from, (size_t)lds, (float *)to, (size_t)ldd,
                             (size_t)rows, (size_t)cols);
    return;
  }
  int64_t element = (int64_t)copy->element;
  for (int64_t c = 0; c < cols; c++)
    copy_line (to + c * ldd * element, nest->strides[0][inner], from + c * element, lds, rows,
               copy->element);
}

static void
crossed_task (void *context, size_t start, size_t count)
{
  const Job *job = context;
  const GonioCpuNest *nest = &job->copy->nest;
  int inner = nest->rank - 1, pair = job->copy->pair;
  int64_t element = (int64_t)job->copy->element;
  for (size_t i = start; i < start + count; i++) {
    int64_t at = (int64_t)i / job->tiles, tile = (int64_t)i % job->tiles * job->tile;
    int64_t row = at % job->bands * job->band;
    GonioCpuWalk walk;
    gonio_cpu_walk_start (&walk, &job->outer, job->outer.rank, at / job->bands);
    int64_t to = walk.offsets[0] + tile * nest->strides[0][pair] + row * nest->strides[0][inner];
    int64_t from = walk.offsets[1] + tile + row * nest->strides[1][inner];
    crossed_tile (job, job->to + to * element, job->from + from * element,
                  MIN (job->band, nest->dims[inner] - row),
                  MIN (job->tile, nest->dims[pair] - tile));
  }
}

static void
execute (const GonioCpuCopy *copy, const GonioCpuRun *run, void *to, const void *from)
{
  const GonioCpuNest *nest = &copy->nest;
  int inner = nest->rank - 1;
  Job job = {.copy = copy,
             .kernels = run->kernels,
             .to = (char *)to + copy->to * (int64_t)copy->element,
             .from = (const char *)from + copy->from * (int64_t)copy->element};
  if (gonio_cpu_nest_count (nest, 0, nest->rank) == 0)
    return;
  if (copy->pair >= 0) {
    job.outer.arrays = 2;
    for (int i = 0; i < inner; i++)
      if (i != copy->pair) {
        job.outer.dims[job.outer.rank] = nest->dims[i];
        job.outer.strides[0][job.outer.rank] = nest->strides[0][i];
        job.outer.strides[1][job.outer.rank++] = nest->strides[1][i];
      }
    job.band = MIN (nest->dims[inner], BAND);
    job.bands = (nest->dims[inner] + job.band - 1) / job.band;
    job.tile = MAX (TILE, TILE_ALL / job.band);
    job.tiles = (nest->dims[copy->pair] + job.tile - 1) / job.tile;
    size_t n =
        (size_t)(job.bands * job.tiles * gonio_cpu_nest_count (&job.outer, 0, job.outer.rank));
    gonio_cpu_parallel (run, crossed_task, &job, n,
                        gonio_cpu_grain ((size_t)(job.band * job.tile)));
  } else if (nest->rank == 1) {
    gonio_cpu_parallel (run, line_task, &job, (size_t)nest->dims[0], 65536);
  } else {
    gonio_cpu_parallel (run, lines_task, &job, (size_t)gonio_cpu_nest_count (nest, 0, inner),
                        gonio_cpu_grain ((size_t)nest->dims[inner] / 4 + 8));
  }
}

void
gonio_cpu_copy_run (const GonioCpuCopy *copy, const GonioCpuRun *run, void *to, const void *from)
{
  execute (copy, run, to, from);
}

void
gonio_cpu_copy_now (const GonioCpuCopy *copy, const GonioCpuKernels *kernels, void *to,
                    const void *from)
{
  GonioCpuRun here = {.threads = 1, .kernels = kernels};
  execute (copy, &here, to, from);
}

/* ---- as a step ---- */

typedef struct {
  guint n;
  GonioCpuCopy *copies;
  GonioCpuSlot *from, *to;
} Copies;

static gboolean
copies_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Copies *step = data;
  for (guint i = 0; i < step->n; i++)
    execute (&step->copies[i], run, gonio_cpu_ptr (run, step->to[i]),
             gonio_cpu_ptr (run, step->from[i]));
  return TRUE;
}

static void
copies_clear (gpointer data)
{
  Copies *step = data;
  g_free (step->copies);
  g_free (step->from);
  g_free (step->to);
}

void
gonio_cpu_step_copies (GonioCpuLower *lower, guint n, const GonioCpuCopy *copies, const guint *from,
                       const guint *to)
{
  Copies *step = gonio_cpu_step (lower, copies_run, sizeof *step, copies_clear);
  step->n = n;
  step->copies = g_memdup2 (copies, n * sizeof *copies);
  step->from = g_new (GonioCpuSlot, n);
  step->to = g_new (GonioCpuSlot, n);
  for (guint i = 0; i < n; i++) {
    step->from[i] = gonio_cpu_view_in (lower, from[i]).slot;
    step->to[i] = gonio_cpu_target (lower, to[i]).slot;
  }
}
