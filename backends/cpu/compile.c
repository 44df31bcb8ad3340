/* From a region to steps and memory: every node is lowered by its family, then each value gets
 * its place (input, output, constant, arena), with views and in-place results sharing. */
#include "backends/cpu/compiled.h"

#include "core/base/checked.h"
#include "core/base/memory.h"

#include <string.h>

#define PAGES_PIECE    ((size_t)1 << 20)
#define LEAST_RELEASED ((size_t)16 << 10) /* bytes of weights */

gboolean
gonio_cpu_fail (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  if (error && !*error)
    *error =
        g_error_new_valist (GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNSUPPORTED, format, args);
  va_end (args);
  return FALSE;
}

static GonioTensor *
new_floats (size_t count, gboolean zeroed, GError **error)
{
  GonioShape shape = GONIO_SHAPE ((int64_t)count);
  if (count <= G_MAXINT64)
    return gonio_tensor_new_lasting (GONIO_DTYPE_FLOAT, &shape, zeroed, error);
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY, "%zu numbers are too many", count);
  return NULL;
}

GonioTensor *
gonio_cpu_floats (size_t count, GError **error)
{
  return new_floats (count, TRUE, error);
}

static void
take_pages (void *context, size_t start, size_t count)
{
  GonioTensor *tensor = context;
  size_t end = MIN ((start + count) * PAGES_PIECE, gonio_tensor_size (tensor));
  char *data = gonio_tensor_writable_data (tensor);
  gonio_take_pages (data + start * PAGES_PIECE, end - start * PAGES_PIECE);
}

GonioTensor *
gonio_cpu_floats_unset (const GonioBackend *backend, size_t count, GError **error)
{
  GonioTensor *floats = new_floats (count, FALSE, error);
  GonioCpuRun run = {.pool = backend->pool, .threads = backend->threads};
  if (floats && gonio_tensor_size (floats) >= PAGES_PIECE)
    gonio_cpu_parallel (&run, take_pages, floats,
                        (gonio_tensor_size (floats) + PAGES_PIECE - 1) / PAGES_PIECE, 1);
  return floats;
}

/* ---- copies of values that must appear in a region's output but live elsewhere ---- */

typedef struct {
  GonioCpuSlot from, to;
  size_t bytes;
} Copy;

static void
copy_piece (void *context, size_t start, size_t count)
{
  char **ends = context;
  memcpy (ends[1] + start, ends[0] + start, count);
}

static gboolean
copy_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Copy *copy = data;
  char *ends[2] = {gonio_cpu_ptr (run, copy->from), gonio_cpu_ptr (run, copy->to)};
  gonio_cpu_parallel (run, copy_piece, ends, copy->bytes, 1 << 18);
  return TRUE;
}

/* An arena value that is read outside is computed in the output tensor itself; anything else,
 * a part of a larger piece, and a second output that shares its memory, is copied at the end. */
static void
place_outputs (GonioCpuLower *lower, const GonioRegion *region)
{
  GonioCompiled *compiled = lower->compiled;
  for (guint i = 0; i < region->n_outputs; i++) {
    guint slot = gonio_cpu_slot_of_value (compiled, region->outputs[i]);
    guint root = gonio_cpu_slot_root (compiled->slots, slot, NULL);
    GonioCpuSlotInfo *place = gonio_cpu_slot_at (compiled, root);
    if (place->kind == GONIO_PLACE_ARENA &&
        place->bytes == gonio_cpu_slot_at (compiled, slot)->bytes) {
      place->kind = GONIO_PLACE_OUTPUT;
      place->index = i;
      place->last = G_MAXUINT;
      continue;
    }
    lower->node.id = gonio_graph_value (compiled->graph, region->outputs[i])->producer;
    Copy *copy = gonio_cpu_step (lower, copy_run, sizeof *copy, NULL);
    copy->from = gonio_cpu_slot_touch (compiled, slot);
    copy->bytes = gonio_cpu_slot_at (compiled, slot)->bytes;
    copy->to = gonio_cpu_slot_add (compiled, GONIO_PLACE_OUTPUT, copy->bytes);
    gonio_cpu_slot_at (compiled, copy->to)->index = i;
  }
}

/* ---- memory ---- */

/* May slot `to`, written at its first step, take over the memory of candidate `from`? */
static gboolean
can_take (const GonioCompiled *compiled, const GonioCpuSlotInfo *to, guint from,
          const gboolean *taken)
{
  const GonioCpuSlotInfo *source = &g_array_index (compiled->slots, GonioCpuSlotInfo, from);
  return source->kind == GONIO_PLACE_ARENA && source->last == to->first && !taken[from] &&
         source->bytes == to->bytes;
}

static gboolean
plan_memory (GonioCompiled *compiled, GError **error)
{
  guint n_slots = compiled->slots->len;
  g_autofree GonioMemoryItem *items = g_new0 (GonioMemoryItem, n_slots + 1);
  g_autofree int *item_of = g_new (int, n_slots + 1);
  g_autofree gboolean *taken = g_new0 (gboolean, n_slots + 1);
  guint n_items = 0;

  for (guint i = 0; i < n_slots; i++) {
    const GonioCpuSlotInfo *slot = gonio_cpu_slot_at (compiled, i);
    item_of[i] = -1;
    if (slot->kind != GONIO_PLACE_ARENA || slot->root >= 0)
      continue;
    GonioMemoryItem *item = &items[n_items];
    *item = (GonioMemoryItem){
        .size = slot->bytes, .first = slot->first, .last = slot->last, .alias = -1};
    for (int k = 0; k < 2 && slot->takes[k] >= 0 && item->alias < 0; k++) {
      guint from = gonio_cpu_slot_root (compiled->slots, (guint)slot->takes[k], NULL);
      if (can_take (compiled, slot, from, taken) && item_of[from] >= 0) {
        item->alias = item_of[from];
        taken[from] = TRUE;
      }
    }
    item_of[i] = (int)n_items++;
  }

  size_t arena = 0, table;
  if (!gonio_memory_plan (items, n_items, &arena, error))
    return FALSE;
  table = (n_slots * sizeof (void *) + GONIO_TENSOR_ALIGN - 1) / GONIO_TENSOR_ALIGN *
          GONIO_TENSOR_ALIGN;
  for (guint i = 0; i < n_slots; i++)
    if (item_of[i] >= 0)
      gonio_cpu_slot_at (compiled, i)->offset = table + items[item_of[i]].offset;
  if (!gonio_checked_add (table, arena, &compiled->workspace_size)) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY, "cpu: the workspace is too large");
    return FALSE;
  }
  return TRUE;
}

/* ---- the region ---- */

void
gonio_cpu_compiled_free (GonioCompiled *compiled)
{
  if (!compiled)
    return;
  for (guint i = 0; i < compiled->steps->len; i++) {
    GonioCpuStep *step = &g_array_index (compiled->steps, GonioCpuStep, i);
    if (step->clear)
      step->clear (step->data);
    g_free (step->data);
  }
  for (guint i = 0; i < compiled->slots->len; i++)
    g_clear_pointer (&gonio_cpu_slot_at (compiled, i)->tensor, gonio_tensor_unref);
  g_array_unref (compiled->steps);
  g_array_unref (compiled->slots);
  g_clear_pointer (&compiled->by_value, g_hash_table_unref);
  g_clear_pointer (&compiled->pending, g_hash_table_unref);
  g_clear_pointer (&compiled->line_sums, g_hash_table_unref);
  g_clear_pointer (&compiled->placed, g_hash_table_unref);
  g_free (compiled->output_shapes);
  g_free (compiled->output_dtypes);
  g_free (compiled->input_bytes);
  g_free (compiled);
}

static void
note_boundary (GonioCompiled *compiled, const GonioRegion *region)
{
  compiled->n_inputs = region->n_inputs;
  compiled->input_bytes = g_new (size_t, region->n_inputs + 1);
  for (guint i = 0; i < region->n_inputs; i++) {
    const GonioValue *value = gonio_graph_value (region->graph, region->inputs[i]);
    guint slot = gonio_cpu_slot_of_value (compiled, region->inputs[i]);
    if (!value->constant) {
      gonio_cpu_slot_at (compiled, slot)->kind = GONIO_PLACE_INPUT;
      gonio_cpu_slot_at (compiled, slot)->index = i;
    }
    compiled->input_bytes[i] = gonio_cpu_value_bytes (value);
  }
  compiled->n_outputs = region->n_outputs;
  compiled->output_shapes = g_new (GonioShape, region->n_outputs + 1);
  compiled->output_dtypes = g_new (GonioDType, region->n_outputs + 1);
  for (guint i = 0; i < region->n_outputs; i++) {
    const GonioValue *value = gonio_graph_value (region->graph, region->outputs[i]);
    compiled->output_shapes[i] = gonio_cpu_shape (value);
    compiled->output_dtypes[i] = value->dtype;
  }
}

/* TRUE when the node produces no element at all, so that nothing needs to run. */
static gboolean
is_empty (const GonioCpuNode *node)
{
  for (guint i = 0; i < node->node->n_outputs; i++) {
    const GonioValue *value = gonio_cpu_out (node, i);
    if (value && gonio_cpu_count (value) != 0)
      return FALSE;
  }
  return TRUE;
}

static gboolean
lower_node (GonioCpuLower *lower, GError **error)
{
  const GonioNode *node = lower->node.node;
  if (is_empty (&lower->node)) {
    gonio_cpu_step (lower, NULL, 0, NULL);
    for (guint i = 0; i < node->n_outputs; i++)
      gonio_cpu_slot_out (lower, i);
    return TRUE;
  }
  const GonioCpuOp *op = gonio_cpu_op (node->op);
  if (op)
    gonio_cpu_settle_inputs (lower, op);
  if (op ? op->lower (lower, error)
         : gonio_cpu_fail (error, "the cpu backend has no kernel for it"))
    return TRUE;
  g_prefix_error (error, "%s '%s': ", gonio_op_name (node->op), node->name);
  return FALSE;
}

/* Weights worth it that only nodes up to this one use have been packed or are held by a slot. */
static void
release_weights (const GonioRegion *region, const GonioNode *node, const gboolean *lowered)
{
  for (guint i = 0; i < node->n_inputs; i++) {
    GonioValueId id = node->inputs[i];
    const GonioTensor *weights =
        id != GONIO_VALUE_NONE ? gonio_graph_value (region->graph, id)->constant : NULL;
    if (!weights || gonio_tensor_size (weights) < LEAST_RELEASED)
      continue;
    guint n, done = 0;
    const GonioNodeId *users = gonio_graph_users (region->graph, id, &n);
    while (done < n && lowered[users[done]])
      done++;
    if (done == n)
      region->release (region->release_data, id);
  }
}

static gboolean
lower_nodes (GonioCpuLower *lower, const GonioRegion *region, GError **error)
{
  g_autofree gboolean *lowered = g_new0 (gboolean, gonio_graph_n_nodes (region->graph) + 1);
  for (guint i = 0; i < region->n_nodes; i++) {
    const GonioNode *node = gonio_graph_node (region->graph, region->nodes[i]);
    lower->node = (GonioCpuNode){region->graph, region->nodes[i], node};
    if (!lower_node (lower, error))
      return FALSE;
    lowered[region->nodes[i]] = TRUE;
    if (region->release)
      release_weights (region, node, lowered);
  }
  return TRUE;
}

GonioCompiled *
gonio_cpu_compile (GonioBackend *backend, const GonioRegion *region, GError **error)
{
  GonioCompiled *compiled = g_new0 (GonioCompiled, 1);
  compiled->backend = backend;
  compiled->graph = region->graph;
  compiled->slots = g_array_new (FALSE, TRUE, sizeof (GonioCpuSlotInfo));
  compiled->steps = g_array_new (FALSE, TRUE, sizeof (GonioCpuStep));
  compiled->by_value = g_hash_table_new (NULL, NULL);
  compiled->pending = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  compiled->line_sums = g_hash_table_new (NULL, NULL);
  compiled->placed = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  note_boundary (compiled, region);

  GonioCpuLower lower = {.backend = backend, .compiled = compiled};
  gonio_cpu_place (&lower, region);
  gboolean done = lower_nodes (&lower, region, error);
  if (done) {
    for (guint i = 0; i < region->n_outputs; i++)
      gonio_cpu_settle (&lower, region->outputs[i]);
    place_outputs (&lower, region);
    gonio_cpu_chain (compiled);
    done = plan_memory (compiled, error);
  }
  g_clear_pointer (&compiled->by_value, g_hash_table_unref);
  g_clear_pointer (&compiled->pending, g_hash_table_unref);
  g_clear_pointer (&compiled->line_sums, g_hash_table_unref);
  g_clear_pointer (&compiled->placed, g_hash_table_unref);
  if (!done)
    g_clear_pointer (&compiled, gonio_cpu_compiled_free);
  return compiled;
}

size_t
gonio_cpu_workspace_size (const GonioCompiled *compiled)
{
  return compiled->workspace_size;
}
