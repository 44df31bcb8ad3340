/* Running a compiled region: addresses of every slot, then step after step. */
#include "backends/cpu/compiled.h"

#include <stdatomic.h>
#include <time.h>

/* Pieces per thread with and without a pool: few enough to cost nothing, enough to share the work
 * evenly and to be cancelled within one. */
#define POOL_PIECES   ((size_t)8)
#define SERIAL_PIECES ((size_t)64)

/* What is left of a worker's items, first and end in one word: the owner takes from the front,
 * whoever helps from the back. */
typedef struct {
  _Alignas(64) _Atomic guint64 left;
} Share;

struct _GonioCpuItems {
  GCancellable *cancellable;
  guint workers;
  Share shares[GONIO_CPU_MAX_THREADS]; /* of the workers */
};

static gboolean
take (Share *share, gboolean own, size_t *out_item)
{
  guint64 left = atomic_load_explicit (&share->left, memory_order_relaxed), after;
  do {
    guint32 first = (guint32)(left >> 32), end = (guint32)left;
    if (first >= end)
      return FALSE;
    *out_item = own ? first : end - 1;
    after = own ? left + ((guint64)1 << 32) : left - 1;
  } while (!atomic_compare_exchange_weak_explicit (&share->left, &left, after, memory_order_relaxed,
                                                   memory_order_relaxed));
  return TRUE;
}

gboolean
gonio_cpu_next (GonioCpuItems *items, guint worker, size_t *out_item)
{
  if (g_cancellable_is_cancelled (items->cancellable))
    return FALSE;
  for (guint i = 0; i < items->workers; i++)
    if (take (&items->shares[(worker + i) % items->workers], i == 0, out_item))
      return TRUE;
  return FALSE;
}

typedef struct {
  void (*work) (void *context, guint worker, GonioCpuItems *items);
  void *context;
  GonioCpuItems items;
} Crew;

static void
run_worker (void *data, guint worker)
{
  Crew *crew = data;
  crew->work (crew->context, worker, &crew->items);
}

void
gonio_cpu_workers (const GonioCpuRun *run, size_t items,
                   void (*work) (void *context, guint worker, GonioCpuItems *items), void *context)
{
  Crew crew;
  gboolean shared = items > 1 && run->pool;
  crew.work = work;
  crew.context = context;
  crew.items.cancellable = run->cancellable;
  crew.items.workers = shared ? run->threads : 1;
  for (guint i = 0; i < crew.items.workers; i++) {
    guint64 first = items * i / crew.items.workers, end = items * (i + 1) / crew.items.workers;
    atomic_init (&crew.items.shares[i].left, first << 32 | end);
  }
  if (shared)
    gonio_cpu_pool_run (run->pool, run_worker, &crew);
  else
    run_worker (&crew, 0);
}

/* What starts after a cancellation is left out; whoever runs the step sees to it that nobody gets
 * to see the result. */
typedef struct {
  GonioCpuTask task;
  void *context;
  size_t n, pieces;
} Pieces;

static void
run_pieces (void *context, guint worker, GonioCpuItems *items)
{
  const Pieces *pieces = context;
  size_t item;
  while (gonio_cpu_next (items, worker, &item)) {
    size_t start = pieces->n * item / pieces->pieces;
    pieces->task (pieces->context, start, pieces->n * (item + 1) / pieces->pieces - start);
  }
}

void
gonio_cpu_parallel (const GonioCpuRun *run, GonioCpuTask task, void *context, size_t n,
                    size_t grain)
{
  size_t threads = run->pool ? run->threads : 1;
  size_t most = run->pool ? threads * POOL_PIECES : SERIAL_PIECES;
  Pieces work = {task, context, n, CLAMP (n / MAX (grain, 1), 1, most)};
  if (work.pieces > threads)
    work.pieces -= work.pieces % threads;
  if (n > 0)
    gonio_cpu_workers (run, work.pieces, run_pieces, &work);
}

size_t
gonio_cpu_grain (size_t operations_per_item)
{
  const size_t worth = 16384;
  return operations_per_item >= worth ? 1 : worth / MAX (operations_per_item, 1);
}

static gint64
now_ns (void)
{
  struct timespec time;
  clock_gettime (CLOCK_MONOTONIC, &time);
  return (gint64)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Checks what the caller handed in and creates the outputs it left open. */
static gboolean
check_boundary (const GonioCompiled *compiled, GonioTensor *const *inputs, GonioTensor **outputs,
                GError **error)
{
  for (guint i = 0; i < compiled->n_inputs; i++)
    if (!inputs[i] || gonio_tensor_size (inputs[i]) != compiled->input_bytes[i]) {
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
                   "cpu: region input %u holds %zu bytes, %zu were planned", i,
                   inputs[i] ? gonio_tensor_size (inputs[i]) : 0, compiled->input_bytes[i]);
      return FALSE;
    }
  for (guint i = 0; i < compiled->n_outputs; i++) {
    if (!outputs[i])
      outputs[i] =
          gonio_tensor_new (compiled->output_dtypes[i], &compiled->output_shapes[i], error);
    if (!outputs[i])
      return FALSE;
    size_t wanted;
    if (!gonio_tensor_bytes (compiled->output_dtypes[i], &compiled->output_shapes[i], &wanted) ||
        gonio_tensor_size (outputs[i]) != wanted) {
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_SHAPE,
                   "cpu: region output %u holds %zu bytes, which is not what was planned", i,
                   gonio_tensor_size (outputs[i]));
      return FALSE;
    }
  }
  return TRUE;
}

static void
fill_addresses (const GonioCompiled *compiled, char *workspace, GonioTensor *const *inputs,
                GonioTensor **outputs, void **addresses)
{
  for (guint i = 0; i < compiled->slots->len; i++) {
    size_t shift;
    guint root = gonio_cpu_slot_root (compiled->slots, i, &shift);
    const GonioCpuSlotInfo *slot = &g_array_index (compiled->slots, GonioCpuSlotInfo, root);
    char *start = NULL;
    switch (slot->kind) {
    case GONIO_PLACE_ARENA:
      start = workspace + slot->offset;
      break;
    case GONIO_PLACE_CONST:
      start = (char *)gonio_tensor_data (slot->tensor);
      break;
    case GONIO_PLACE_INPUT:
      start = (char *)gonio_tensor_data (inputs[slot->index]);
      break;
    case GONIO_PLACE_OUTPUT:
      start = gonio_tensor_writable_data (outputs[slot->index]);
      break;
    }
    addresses[i] = start + shift;
  }
}

gboolean
gonio_cpu_run (GonioCompiled *compiled, const GonioRunArgs *args, GonioTensor *const *inputs,
               GonioTensor **outputs, GError **error)
{
  if (!check_boundary (compiled, inputs, outputs, error))
    return FALSE;
  GonioCpuRun run = {.cancellable = args->cancellable,
                     .slots = args->workspace,
                     .pool = compiled->backend->pool,
                     .threads = compiled->backend->threads,
                     .kernels = compiled->backend->kernels};
  fill_addresses (compiled, args->workspace, inputs, outputs, args->workspace);

  for (guint i = 0; i < compiled->steps->len; i++) {
    const GonioCpuStep *step = &g_array_index (compiled->steps, GonioCpuStep, i);
    gint64 start = args->timer ? now_ns () : 0;
    if ((step->run && !step->run (step->data, &run, error)) ||
        g_cancellable_set_error_if_cancelled (args->cancellable, error)) {
      const GonioNode *node = gonio_graph_node (compiled->graph, step->node);
      g_prefix_error (error, "%s '%s': ", gonio_op_name (node->op), node->name);
      return FALSE;
    }
    if (args->timer)
      args->timer (args->timer_data, step->node, start, now_ns ());
  }
  return TRUE;
}
