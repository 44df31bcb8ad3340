/* Pieces of memory and steps of a region under construction. */
#include "backends/cpu/compiled.h"

guint
gonio_cpu_slot_root (const GArray *slots, guint slot, size_t *out_shift)
{
  size_t shift = 0;
  const GonioCpuSlotInfo *info = &g_array_index (slots, GonioCpuSlotInfo, slot);
  for (; info->root >= 0; info = &g_array_index (slots, GonioCpuSlotInfo, slot)) {
    shift += info->shift;
    slot = (guint)info->root;
  }
  if (out_shift)
    *out_shift = shift;
  return slot;
}

GonioCpuSlotInfo *
gonio_cpu_slot_at (const GonioCompiled *compiled, guint slot)
{
  return &g_array_index (compiled->slots, GonioCpuSlotInfo, slot);
}

static guint
current_step (const GonioCompiled *compiled)
{
  return compiled->steps->len ? compiled->steps->len - 1 : 0;
}

guint
gonio_cpu_slot_add (GonioCompiled *compiled, GonioPlace kind, size_t bytes)
{
  guint step = current_step (compiled);
  GonioCpuSlotInfo slot = {
      .kind = kind, .bytes = bytes, .first = step, .last = step, .root = -1, .takes = {-1, -1}};
  g_array_append_val (compiled->slots, slot);
  return compiled->slots->len - 1;
}

size_t
gonio_cpu_value_bytes (const GonioValue *value)
{
  GonioShape shape = gonio_cpu_shape (value);
  size_t bytes = 0;
  return gonio_tensor_bytes (value->dtype, &shape, &bytes) ? bytes : 0;
}

guint
gonio_cpu_slot_of_value (GonioCompiled *compiled, GonioValueId id)
{
  guint known = GPOINTER_TO_UINT (g_hash_table_lookup (compiled->by_value, GUINT_TO_POINTER (id)));
  if (known)
    return known - 1;
  const GonioValue *value = gonio_graph_value (compiled->graph, id);
  guint slot =
      gonio_cpu_slot_add (compiled, value->constant ? GONIO_PLACE_CONST : GONIO_PLACE_ARENA,
                          gonio_cpu_value_bytes (value));
  if (value->constant)
    gonio_cpu_slot_at (compiled, slot)->tensor = gonio_tensor_ref (value->constant);
  g_hash_table_insert (compiled->by_value, GUINT_TO_POINTER (id), GUINT_TO_POINTER (slot + 1));
  return slot;
}

guint
gonio_cpu_slot_touch (GonioCompiled *compiled, guint slot)
{
  gonio_cpu_slot_at (compiled, gonio_cpu_slot_root (compiled->slots, slot, NULL))->last =
      current_step (compiled);
  return slot;
}

GonioCpuSlot
gonio_cpu_slot_in (GonioCpuLower *lower, guint i)
{
  const GonioNode *node = lower->node.node;
  if (i >= node->n_inputs || node->inputs[i] == GONIO_VALUE_NONE)
    return GONIO_CPU_NO_SLOT;
  return gonio_cpu_slot_touch (lower->compiled,
                               gonio_cpu_slot_of_value (lower->compiled, node->inputs[i]));
}

GonioCpuSlot
gonio_cpu_slot_out (GonioCpuLower *lower, guint i)
{
  const GonioNode *node = lower->node.node;
  if (i >= node->n_outputs || node->outputs[i] == GONIO_VALUE_NONE)
    return GONIO_CPU_NO_SLOT;
  return gonio_cpu_slot_touch (lower->compiled,
                               gonio_cpu_slot_of_value (lower->compiled, node->outputs[i]));
}

GonioCpuSlot
gonio_cpu_slot_scratch (GonioCpuLower *lower, size_t bytes)
{
  return gonio_cpu_slot_add (lower->compiled, GONIO_PLACE_ARENA, bytes);
}

GonioCpuSlot
gonio_cpu_slot_memory (GonioCpuLower *lower, size_t bytes)
{
  return gonio_cpu_slot_add (lower->compiled, GONIO_PLACE_ARENA, bytes);
}

GonioCpuSlot
gonio_cpu_slot_tensor (GonioCpuLower *lower, GonioTensor *tensor)
{
  guint slot = gonio_cpu_slot_add (lower->compiled, GONIO_PLACE_CONST, gonio_tensor_size (tensor));
  gonio_cpu_slot_at (lower->compiled, slot)->tensor = gonio_tensor_ref (tensor);
  return slot;
}

/* Does another input read the same memory in its own way? Then writing would spoil it. */
static gboolean
is_shared (GonioCpuLower *lower, guint in, guint root)
{
  const GonioNode *node = lower->node.node;
  for (guint i = 0; i < node->n_inputs; i++) {
    if (node->inputs[i] == GONIO_VALUE_NONE || node->inputs[i] == node->inputs[in])
      continue;
    guint slot = gonio_cpu_view_in (lower, i).slot;
    if (gonio_cpu_slot_root (lower->compiled->slots, slot, NULL) == root)
      return TRUE;
  }
  return FALSE;
}

void
gonio_cpu_may_overwrite (GonioCpuLower *lower, guint out, guint in)
{
  if (gonio_cpu_is_pending (lower, in) || gonio_cpu_is_placed (lower, out))
    return;
  guint to = gonio_cpu_slot_out (lower, out), from = gonio_cpu_slot_in (lower, in);
  if (to == GONIO_CPU_NO_SLOT || from == GONIO_CPU_NO_SLOT)
    return;
  if (is_shared (lower, in, gonio_cpu_slot_root (lower->compiled->slots, from, NULL)))
    return;
  GonioCpuSlotInfo *info = gonio_cpu_slot_at (lower->compiled, to);
  if (info->bytes == gonio_cpu_slot_at (lower->compiled, from)->bytes)
    info->takes[info->takes[0] >= 0] = (int)from;
}

void
gonio_cpu_step_lines (GonioCpuLower *lower, GonioCpuLinesFunc lines)
{
  g_array_index (lower->compiled->steps, GonioCpuStep, current_step (lower->compiled)).lines =
      lines;
}

gpointer
gonio_cpu_step (GonioCpuLower *lower, GonioCpuRunFunc run, size_t data_size,
                void (*clear) (gpointer data))
{
  GonioCpuStep step = {.node = lower->node.id, .run = run, .clear = clear};
  step.data = data_size ? g_malloc0 (data_size) : NULL;
  g_array_append_val (lower->compiled->steps, step);
  return step.data;
}
