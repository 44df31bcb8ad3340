/* Values that are only another way of reading what lies there: they cost nothing until somebody
 * needs them in their own form. */
#include "backends/cpu/compiled.h"
#include "backends/cpu/copy.h"

#include <string.h>

gboolean
gonio_cpu_takes_any (const GonioCpuNode *node, guint i, const GonioCpuView *view)
{
  return TRUE;
}

static const GonioCpuView *
find_pending (const GonioCompiled *compiled, GonioValueId id)
{
  return g_hash_table_lookup (compiled->pending, GUINT_TO_POINTER (id));
}

gboolean
gonio_cpu_is_pending (const GonioCpuLower *lower, guint i)
{
  const GonioNode *node = lower->node.node;
  return i < node->n_inputs && node->inputs[i] != GONIO_VALUE_NONE &&
         find_pending (lower->compiled, node->inputs[i]) != NULL;
}

GonioCpuView
gonio_cpu_view_in (GonioCpuLower *lower, guint i)
{
  GonioValueId id = lower->node.node->inputs[i];
  const GonioCpuView *pending = find_pending (lower->compiled, id);
  if (pending) {
    gonio_cpu_slot_touch (lower->compiled, pending->slot);
    return *pending;
  }
  GonioCpuView view = {.slot = gonio_cpu_slot_in (lower, i)};
  gonio_cpu_strides (gonio_graph_value (lower->node.graph, id), view.strides);
  return view;
}

void
gonio_cpu_view_root (const GonioCpuLower *lower, GonioCpuView *view, size_t element)
{
  size_t shift;
  view->slot = gonio_cpu_slot_root (lower->compiled->slots, view->slot, &shift);
  view->offset += (int64_t)(shift / element);
}

/* Are these strides those of the value's own form? Axes of one element do not count. */
static gboolean
in_form (const GonioValue *value, const GonioCpuView *view)
{
  GonioShape shape = gonio_cpu_shape (value);
  int64_t own[GONIO_MAX_RANK];
  gonio_cpu_strides (value, own);
  for (int i = 0; i < shape.rank; i++)
    if (shape.dims[i] != 1 && view->strides[i] != own[i])
      return FALSE;
  return TRUE;
}

void
gonio_cpu_note_view (GonioCompiled *compiled, GonioValueId id, const GonioCpuView *view)
{
  const GonioValue *value = gonio_graph_value (compiled->graph, id);
  gonio_cpu_slot_touch (compiled, view->slot);
  if (!in_form (value, view)) {
    g_hash_table_insert (compiled->pending, GUINT_TO_POINTER (id), g_memdup2 (view, sizeof *view));
    return;
  }
  guint slot = gonio_cpu_slot_of_value (compiled, id);
  if (slot == view->slot) /* it lies there already */
    return;
  GonioCpuSlotInfo *info = gonio_cpu_slot_at (compiled, slot);
  info->root = (int)view->slot;
  info->shift = (size_t)view->offset * (gonio_dtype_bits (value->dtype) / 8);
}

void
gonio_cpu_view_out (GonioCpuLower *lower, guint out, const GonioCpuView *view)
{
  if (out == 0) /* so that the node shows up in a profile */
    gonio_cpu_step (lower, NULL, 0, NULL);
  gonio_cpu_note_view (lower->compiled, lower->node.node->outputs[out], view);
}

/* ---- into form ---- */

typedef struct {
  GonioCpuCopy copy;
  GonioCpuSlot from, to;
} Settle;

static gboolean
settle_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Settle *step = data;
  gonio_cpu_copy_run (&step->copy, run, gonio_cpu_ptr (run, step->to),
                      gonio_cpu_ptr (run, step->from));
  return TRUE;
}

void
gonio_cpu_settle (GonioCpuLower *lower, GonioValueId id)
{
  const GonioCpuView *pending = find_pending (lower->compiled, id);
  if (!pending)
    return;
  const GonioValue *value = gonio_graph_value (lower->compiled->graph, id);
  GonioShape shape = gonio_cpu_shape (value);
  int64_t own[GONIO_MAX_RANK];
  gonio_cpu_strides (value, own);
  GonioNodeId now = lower->node.id;
  lower->node.id = value->producer; /* its work, however late */
  Settle *step = gonio_cpu_step (lower, settle_run, sizeof *step, NULL);
  lower->node.id = now;
  gonio_cpu_copy_init (&step->copy, gonio_dtype_bits (value->dtype) / 8);
  for (int i = 0; i < shape.rank; i++)
    gonio_cpu_nest_push (&step->copy.nest, shape.dims[i], (int64_t[]){own[i], pending->strides[i]});
  gonio_cpu_copy_finish (&step->copy);
  step->copy.from = pending->offset;
  step->from = gonio_cpu_slot_touch (lower->compiled, pending->slot);
  step->to = gonio_cpu_slot_of_value (lower->compiled, id);
  g_hash_table_remove (lower->compiled->pending, GUINT_TO_POINTER (id));
}

void
gonio_cpu_settle_inputs (GonioCpuLower *lower, const GonioCpuOp *op)
{
  const GonioNode *node = lower->node.node;
  for (guint i = 0; i < node->n_inputs; i++) {
    if (!gonio_cpu_is_pending (lower, i))
      continue;
    const GonioCpuView *view = find_pending (lower->compiled, node->inputs[i]);
    if (!op->takes_view || !op->takes_view (&lower->node, i, view))
      gonio_cpu_settle (lower, node->inputs[i]);
  }
}

/* ---- views of views ---- */

void
gonio_cpu_view_same (GonioCpuLower *lower)
{
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  gonio_cpu_view_out (lower, 0, &view);
}

/* Axes of both shapes that make up the same elements: a run of each with equal products. */
typedef struct {
  int in_first, in_end, out_first, out_end;
} Group;

static int
group_axes (const GonioShape *in, const GonioShape *out, Group *groups)
{
  int n = 0, i = 0, o = 0;
  while (i < in->rank || o < out->rank) {
    Group group = {.in_first = i, .out_first = o};
    int64_t a = i < in->rank ? in->dims[i++] : 1, b = o < out->rank ? out->dims[o++] : 1;
    while (a != b) /* the totals are equal, so this ends */
      if (a < b)
        a *= in->dims[i++];
      else
        b *= out->dims[o++];
    group.in_end = i;
    group.out_end = o;
    groups[n++] = group;
  }
  return n;
}

/* Can the input axes of a group be walked with one stride (of the last one that counts)? */
static gboolean
runs_on (const GonioShape *in, const GonioCpuView *view, const Group *group, int64_t *out_step)
{
  int64_t step = 1, length = 0; /* of what has been joined so far */
  for (int i = group->in_end - 1; i >= group->in_first; i--) {
    if (in->dims[i] == 1)
      continue;
    if (length != 0 && view->strides[i] != step * length)
      return FALSE;
    if (length == 0)
      step = view->strides[i];
    length = (length ? length : 1) * in->dims[i];
  }
  *out_step = step;
  return TRUE;
}

static void
split_strides (const GonioShape *out, const Group *group, int64_t step, GonioCpuView *view)
{
  for (int o = group->out_end - 1; o >= group->out_first; o--) {
    view->strides[o] = step;
    step *= out->dims[o];
  }
}

/* Strides that make every group run on, keeping the groups in the order in which they lie. */
static void
regroup (const GonioShape *in, const GonioCpuView *view, const Group *groups, int n,
         int64_t out_strides[GONIO_MAX_RANK])
{
  int order[2 * GONIO_MAX_RANK];
  int64_t key[2 * GONIO_MAX_RANK], stride = 1;
  for (int g = 0; g < n; g++) {
    key[g] = G_MAXINT64;
    for (int i = groups[g].in_first; i < groups[g].in_end; i++)
      if (in->dims[i] != 1)
        key[g] = MIN (key[g], ABS (view->strides[i]));
    order[g] = g;
    for (int k = g; k > 0 && key[order[k - 1]] > key[order[k]]; k--) {
      int other = order[k];
      order[k] = order[k - 1];
      order[k - 1] = other;
    }
  }
  for (int k = 0; k < n; k++) /* smallest first */
    for (int i = groups[order[k]].in_end - 1; i >= groups[order[k]].in_first; i--) {
      out_strides[i] = stride;
      stride *= in->dims[i];
    }
}

/* Copies the view so that it lies with the given strides. */
static void
rearrange (GonioCpuLower *lower, const GonioValue *value, const int64_t *strides,
           GonioCpuView *view)
{
  GonioShape in = gonio_cpu_shape (value);
  Settle *step = gonio_cpu_step (lower, settle_run, sizeof *step, NULL);
  gonio_cpu_copy_init (&step->copy, gonio_dtype_bits (value->dtype) / 8);
  for (int i = 0; i < in.rank; i++)
    gonio_cpu_nest_push (&step->copy.nest, in.dims[i], (int64_t[]){strides[i], view->strides[i]});
  gonio_cpu_copy_finish (&step->copy);
  step->copy.from = view->offset;
  step->from = gonio_cpu_slot_touch (lower->compiled, view->slot);
  step->to = gonio_cpu_slot_memory (lower, gonio_cpu_value_bytes (value));
  view->slot = step->to;
  view->offset = 0;
  memcpy (view->strides, strides, (size_t)in.rank * sizeof *strides);
}

void
gonio_cpu_view_reshaped (GonioCpuLower *lower)
{
  const GonioValue *value = gonio_cpu_in (&lower->node, 0);
  GonioShape in = gonio_cpu_shape (value), out = gonio_cpu_shape (gonio_cpu_out (&lower->node, 0));
  GonioCpuView view = gonio_cpu_view_in (lower, 0), result;
  Group groups[2 * GONIO_MAX_RANK];
  int n = group_axes (&in, &out, groups);
  int64_t step = 1, strides[GONIO_MAX_RANK];
  for (int g = 0; g < n; g++)
    if (!runs_on (&in, &view, &groups[g], &step)) {
      regroup (&in, &view, groups, n, strides);
      rearrange (lower, value, strides, &view);
      break;
    }
  result = view;
  for (int g = 0; g < n; g++) {
    runs_on (&in, &view, &groups[g], &step);
    split_strides (&out, &groups[g], step, &result);
  }
  gonio_cpu_view_out (lower, 0, &result);
}
