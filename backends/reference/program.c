/* Running nodes one after the other. Depends on program.h, core/plan/memory.h. */
#include "backends/reference/program.h"

#include "core/plan/memory.h"

#define NO_SLOT   G_MAXUINT
#define MAX_DEPTH 32 /* of subgraphs in subgraphs */

/* ---- program ---- */

typedef struct {
  GonioNodeId id;
  const GonioNode *node;
  const RefRow *row;
  guint *inputs, *outputs; /* slots, NO_SLOT when omitted */
  GArray *dying;           /* guint: slots nobody reads after this step */
  RefProgram **branches;
} Step;

typedef enum {
  SLOT_GIVEN,    /* an input of the program */
  SLOT_CONSTANT, /* lives in the graph */
  SLOT_MADE,     /* by a step, in memory of its own */
  SLOT_PLANNED,  /* by a step, in the workspace */
} SlotKind;

typedef struct {
  SlotKind kind;
  GonioValueId value;
  gboolean is_output;
  guint first, last; /* steps */
  GonioDType dtype;  /* SLOT_PLANNED */
  GonioShape shape;
  size_t offset;
} Slot;

struct _RefProgram {
  const GonioGraph *graph;
  guint depth;
  GArray *steps;            /* Step */
  GArray *slots;            /* Slot */
  guint *slot_of;           /* by value id */
  GArray *inputs, *outputs; /* guint: slots */
  size_t workspace;
};

static void
step_clear (Step *step)
{
  g_free (step->inputs);
  g_free (step->outputs);
  g_clear_pointer (&step->dying, g_array_unref);
  ref_branches_free (step->branches);
}

static Step *
step_at (const RefProgram *p, guint i)
{
  return &g_array_index (p->steps, Step, i);
}

static Slot *
slot_at (const RefProgram *p, guint i)
{
  return &g_array_index (p->slots, Slot, i);
}

static guint
index_at (const GArray *array, guint i)
{
  return g_array_index (array, guint, i);
}

/* The slot of a value, made when it has none yet. */
static guint
slot_for (RefProgram *p, GonioValueId id, SlotKind kind)
{
  if (p->slot_of[id] == NO_SLOT) {
    Slot slot = {.kind = kind, .value = id};

    p->slot_of[id] = p->slots->len;
    g_array_append_val (p->slots, slot);
  }
  return p->slot_of[id];
}

/* The slot of a value that is read; FALSE when nothing makes it. */
static gboolean
slot_to_read (RefProgram *p, GonioValueId id, guint *out_slot, GError **error)
{
  const GonioValue *value = gonio_graph_value (p->graph, id);

  if (p->slot_of[id] == NO_SLOT && value->constant == NULL) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_CHECK,
                 "value '%s' is read but nothing computes it", value->name);
    return FALSE;
  }
  *out_slot = slot_for (p, id, SLOT_CONSTANT);
  return TRUE;
}

/* ---- building ---- */

static gboolean
read_at (RefProgram *p, GonioValueId id, guint step, guint *out_slot, GError **error)
{
  if (!slot_to_read (p, id, out_slot, error))
    return FALSE;
  slot_at (p, *out_slot)->last = step;
  return TRUE;
}

static gboolean
read_captures (RefProgram *p, const GonioNode *node, guint step, GError **error)
{
  for (guint a = 0; a < node->n_attrs; a++) {
    const GonioCapture *captures;
    guint n, slot;

    if (node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    captures = gonio_graph_captures (node->attrs[a].graph, &n);
    for (guint i = 0; i < n; i++)
      if (!read_at (p, captures[i].outer, step, &slot, error))
        return FALSE;
  }
  return TRUE;
}

static gboolean
add_step (RefProgram *p, GonioNodeId id, GError **error)
{
  const char *refusal = ref_refusal (p->graph, id);
  const GonioNode *node = gonio_graph_node (p->graph, id);
  guint at = p->steps->len;
  Step *step;

  if (refusal != NULL) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNSUPPORTED, "%s (%s): %s",
                 node->name, gonio_op_name (node->op), refusal);
    return FALSE;
  }
  g_array_set_size (p->steps, at + 1);
  step = step_at (p, at);
  *step = (Step){.id = id, .node = node, .row = ref_row (node->op)};
  step->dying = g_array_new (FALSE, FALSE, sizeof (guint));
  step->inputs = g_new (guint, MAX (node->n_inputs, 1));
  step->outputs = g_new (guint, MAX (node->n_outputs, 1));
  for (guint i = 0; i < node->n_inputs; i++) {
    step->inputs[i] = NO_SLOT;
    if (node->inputs[i] != GONIO_VALUE_NONE &&
        !read_at (p, node->inputs[i], at, &step->inputs[i], error))
      return FALSE;
  }
  if (!read_captures (p, node, at, error))
    return FALSE;
  for (guint i = 0; i < node->n_outputs; i++) {
    step->outputs[i] = NO_SLOT;
    if (node->outputs[i] == GONIO_VALUE_NONE)
      continue;
    step->outputs[i] = slot_for (p, node->outputs[i], SLOT_MADE);
    slot_at (p, step->outputs[i])->first = slot_at (p, step->outputs[i])->last = at;
  }
  step->branches = ref_branches_new (node, p->depth + 1, error);
  return step->branches != NULL;
}

/* Slots that end: after their last reader, or at once when nobody reads them. */
static void
mark_dying (RefProgram *p)
{
  for (guint i = 0; i < p->slots->len; i++) {
    const Slot *slot = slot_at (p, i);

    if ((slot->kind == SLOT_MADE || slot->kind == SLOT_PLANNED) && !slot->is_output)
      g_array_append_val (step_at (p, slot->last)->dying, i);
  }
}

static gboolean
plan_workspace (RefProgram *p, GError **error)
{
  g_autoptr (GArray) items = g_array_new (FALSE, FALSE, sizeof (GonioMemoryItem));

  for (guint i = 0; i < p->slots->len; i++) {
    Slot *slot = slot_at (p, i);
    const GonioValue *value = gonio_graph_value (p->graph, slot->value);
    GonioMemoryItem item = {.first = slot->first, .last = slot->last, .alias = -1};

    if (slot->kind != SLOT_MADE || slot->is_output || value->kind != GONIO_KIND_TENSOR ||
        value->dtype == GONIO_DTYPE_NONE || value->dtype == GONIO_DTYPE_STRING ||
        !gonio_sym_shape_known (&value->shape, &slot->shape) ||
        !gonio_tensor_bytes (value->dtype, &slot->shape, &item.size))
      continue;
    slot->kind = SLOT_PLANNED;
    slot->dtype = value->dtype;
    g_array_append_val (items, item);
  }
  if (!gonio_memory_plan ((GonioMemoryItem *)items->data, items->len, &p->workspace, error))
    return FALSE;
  for (guint i = 0, at = 0; i < p->slots->len; i++)
    if (slot_at (p, i)->kind == SLOT_PLANNED)
      slot_at (p, i)->offset = g_array_index (items, GonioMemoryItem, at++).offset;
  return TRUE;
}

static RefProgram *
program_new (const GonioRegion *region, guint depth, gboolean plan_memory, GError **error)
{
  g_autoptr (RefProgram) p = g_new0 (RefProgram, 1);
  guint n_values = gonio_graph_n_values (region->graph);

  p->graph = region->graph;
  p->depth = depth;
  p->steps = g_array_new (FALSE, TRUE, sizeof (Step));
  g_array_set_clear_func (p->steps, (GDestroyNotify)step_clear);
  p->slots = g_array_new (FALSE, TRUE, sizeof (Slot));
  p->inputs = g_array_new (FALSE, FALSE, sizeof (guint));
  p->outputs = g_array_new (FALSE, FALSE, sizeof (guint));
  p->slot_of = g_new (guint, MAX (n_values, 1));
  for (guint i = 0; i < n_values; i++)
    p->slot_of[i] = NO_SLOT;

  for (guint i = 0; i < region->n_inputs; i++) {
    guint slot = slot_for (p, region->inputs[i], SLOT_GIVEN);

    g_array_append_val (p->inputs, slot);
  }
  for (guint i = 0; i < region->n_nodes; i++)
    if (!add_step (p, region->nodes[i], error))
      return NULL;
  for (guint i = 0; i < region->n_outputs; i++) {
    guint slot;

    if (!slot_to_read (p, region->outputs[i], &slot, error))
      return NULL;
    slot_at (p, slot)->is_output = TRUE;
    g_array_append_val (p->outputs, slot);
  }
  if (plan_memory && !plan_workspace (p, error))
    return NULL;
  mark_dying (p);
  return g_steal_pointer (&p);
}

RefProgram *
ref_program_new (const GonioRegion *region, gboolean plan_memory, GError **error)
{
  return program_new (region, 0, plan_memory, error);
}

RefProgram *
ref_program_new_from_graph (const GonioGraph *graph, guint depth, GError **error)
{
  g_autoptr (GArray) inputs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  GonioRegion region = {.graph = graph};
  const GonioCapture *captures;
  const GonioValueId *own;
  guint n;

  if (depth > MAX_DEPTH) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNSUPPORTED,
                 "subgraphs are nested more than %d deep", MAX_DEPTH);
    return NULL;
  }
  captures = gonio_graph_captures (graph, &n);
  for (guint i = 0; i < n; i++)
    g_array_append_val (inputs, captures[i].inner);
  own = gonio_graph_inputs (graph, &n);
  g_array_append_vals (inputs, own, n);
  region.inputs = (const GonioValueId *)inputs->data;
  region.n_inputs = inputs->len;
  region.nodes = gonio_graph_order (graph, &region.n_nodes);
  region.outputs = gonio_graph_outputs (graph, &region.n_outputs);
  return program_new (&region, depth, FALSE, error);
}

void
ref_program_free (RefProgram *p)
{
  g_clear_pointer (&p->steps, g_array_unref);
  g_clear_pointer (&p->slots, g_array_unref);
  g_clear_pointer (&p->inputs, g_array_unref);
  g_clear_pointer (&p->outputs, g_array_unref);
  g_free (p->slot_of);
  g_free (p);
}

RefProgram **
ref_branches_new (const GonioNode *node, guint depth, GError **error)
{
  g_autoptr (GPtrArray) branches =
      g_ptr_array_new_with_free_func ((GDestroyNotify)ref_program_free);

  for (guint a = 0; a < node->n_attrs; a++) {
    RefProgram *branch;

    if (node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    branch = ref_program_new_from_graph (node->attrs[a].graph, depth, error);
    if (branch == NULL)
      return NULL;
    g_ptr_array_add (branches, branch);
  }
  g_ptr_array_add (branches, NULL);
  return (RefProgram **)g_ptr_array_steal (branches, NULL);
}

void
ref_branches_free (RefProgram **branches)
{
  for (guint i = 0; branches != NULL && branches[i] != NULL; i++)
    ref_program_free (branches[i]);
  g_free (branches);
}

size_t
ref_program_workspace (const RefProgram *program)
{
  return program->workspace;
}

const GonioGraph *
ref_program_graph (const RefProgram *program)
{
  return program->graph;
}

guint
ref_program_n_outputs (const RefProgram *program)
{
  return program->outputs->len;
}

/* ---- running ---- */

typedef struct {
  const RefProgram *program;
  GonioNodeId holder;   /* whose subgraph it is; GONIO_NODE_NONE: a region */
  GonioTensor **values; /* by slot, references; NULL while there is none */
} Run;

static void
run_clear (Run *run)
{
  for (guint i = 0; run->values != NULL && i < run->program->slots->len; i++)
    g_clear_pointer (&run->values[i], gonio_tensor_unref);
  g_clear_pointer (&run->values, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static GonioTensor *
lookup (gpointer data, GonioValueId id)
{
  const Run *run = data;
  guint slot = run->program->slot_of[id];

  return slot == NO_SLOT ? NULL : run->values[slot];
}

/* Where output slot i of a step is to be written: the caller's tensor, a place in the
 * workspace, or NULL for a new tensor. (transfer full) */
static gboolean
place (const Run *run, guint slot_index, const GonioRunArgs *args, GonioTensor *const *given,
       GonioTensor **out, GError **error)
{
  const RefProgram *p = run->program;
  const Slot *slot = slot_at (p, slot_index);

  *out = NULL;
  if (slot->kind == SLOT_PLANNED) {
    *out = gonio_tensor_new_wrapped (slot->dtype, &slot->shape,
                                     (char *)args->workspace + slot->offset, NULL, NULL, error);
    return *out != NULL;
  }
  for (guint i = 0; slot->is_output && i < p->outputs->len && *out == NULL; i++)
    if (index_at (p->outputs, i) == slot_index && given[i] != NULL)
      *out = gonio_tensor_ref (given[i]);
  return TRUE;
}

static gboolean
run_step (Run *run, const Step *step, const GonioRunArgs *args, GonioTensor *const *given,
          GError **error)
{
  guint n_in = step->node->n_inputs, n_out = step->node->n_outputs;
  g_autofree GonioTensor **inputs = g_new0 (GonioTensor *, n_in + 1);
  g_autofree GonioTensor **planned = g_new0 (GonioTensor *, n_out + 1);
  g_autofree GonioTensor **outputs = g_new0 (GonioTensor *, n_out + 1);
  GonioKernel k = {.graph = run->program->graph,
                   .node = step->node,
                   .row = step->row,
                   .inputs = inputs,
                   .planned = planned,
                   .outputs = outputs,
                   .cancellable = args->cancellable,
                   .branches = step->branches,
                   .lookup = lookup,
                   .lookup_data = run,
                   .watch = args->watch,
                   .holder = run->holder == GONIO_NODE_NONE ? step->id : run->holder};
  gint64 start = args->timer != NULL ? g_get_monotonic_time () * 1000 : 0;
  gboolean ok = TRUE;

  for (guint i = 0; i < n_in; i++)
    inputs[i] = step->inputs[i] == NO_SLOT ? NULL : run->values[step->inputs[i]];
  for (guint i = 0; ok && i < n_out; i++)
    ok = step->outputs[i] == NO_SLOT ||
         place (run, step->outputs[i], args, given, &planned[i], error);
  ok = ok && ref_kernel_call (&k, error);
  for (guint i = 0; i < n_out; i++)
    g_clear_pointer (&planned[i], gonio_tensor_unref);
  if (!ok)
    return FALSE;
  if (args->watch != NULL && run->holder != GONIO_NODE_NONE &&
      (step->branches == NULL || step->branches[0] == NULL))
    args->watch->ran (args->watch->data, run->holder, k.node, k.graph, inputs, outputs);
  for (guint i = 0; i < n_out; i++) {
    if (step->outputs[i] == NO_SLOT)
      g_clear_pointer (&outputs[i], gonio_tensor_unref);
    else
      run->values[step->outputs[i]] = outputs[i];
  }
  if (args->timer != NULL)
    args->timer (args->timer_data, step->id, start, g_get_monotonic_time () * 1000);
  for (guint i = 0; i < step->dying->len; i++)
    g_clear_pointer (&run->values[index_at (step->dying, i)], gonio_tensor_unref);
  return TRUE;
}

/* A caller's tensor must have been written, not replaced; one that holds something else (an
 * input or constant passed through, the same output twice) is copied into. */
static gboolean
hand_out (const Run *run, guint i, GonioTensor **out, GError **error)
{
  const RefProgram *p = run->program;
  const Slot *slot = slot_at (p, index_at (p->outputs, i));
  GonioTensor *made = run->values[index_at (p->outputs, i)];

  if (*out == made)
    return TRUE;
  if (*out == NULL) {
    *out = gonio_tensor_ref (made);
    return TRUE;
  }
  if (gonio_tensor_dtype (*out) != gonio_tensor_dtype (made) ||
      !gonio_shape_equal (gonio_tensor_shape (*out), gonio_tensor_shape (made))) {
    g_autofree char *planned = gonio_shape_to_string (gonio_tensor_shape (*out));
    g_autofree char *got = gonio_shape_to_string (gonio_tensor_shape (made));

    return ref_bad_shape (error, "value '%s' was planned as %s %s but came out as %s %s",
                          gonio_graph_value (p->graph, slot->value)->name,
                          gonio_dtype_name (gonio_tensor_dtype (*out)), planned,
                          gonio_dtype_name (gonio_tensor_dtype (made)), got);
  }
  ref_copy (*out, 0, made, 0, gonio_tensor_count (made));
  return TRUE;
}

static gboolean
run_program (const RefProgram *p, GonioNodeId holder, const GonioRunArgs *args,
             GonioTensor *const *inputs, GonioTensor **outputs, GError **error)
{
  g_auto (Run) run = {.program = p, .holder = holder};
  g_autofree GonioTensor **given = g_new0 (GonioTensor *, p->outputs->len + 1);

  run.values = g_new0 (GonioTensor *, p->slots->len + 1);
  for (guint i = 0; i < p->slots->len; i++)
    if (slot_at (p, i)->kind == SLOT_CONSTANT)
      run.values[i] =
          gonio_tensor_ref (gonio_graph_value (p->graph, slot_at (p, i)->value)->constant);
  for (guint i = 0; i < p->inputs->len; i++) {
    guint slot = index_at (p->inputs, i);

    if (inputs[i] != NULL && run.values[slot] == NULL)
      run.values[slot] = gonio_tensor_ref (inputs[i]);
  }
  for (guint i = 0; i < p->outputs->len; i++)
    given[i] = outputs[i];

  for (guint i = 0; i < p->steps->len; i++) {
    const Step *step = step_at (p, i);

    if (!run_step (&run, step, args, given, error))
      return FALSE;
    if (g_cancellable_set_error_if_cancelled (args->cancellable, error)) {
      g_prefix_error (error, "%s (%s): ", step->node->name, gonio_op_name (step->node->op));
      return FALSE;
    }
  }
  for (guint i = 0; i < p->outputs->len; i++)
    if (!hand_out (&run, i, &outputs[i], error)) {
      for (guint j = 0; j < i; j++)
        if (given[j] == NULL)
          g_clear_pointer (&outputs[j], gonio_tensor_unref);
      return FALSE;
    }
  return TRUE;
}

gboolean
ref_program_run (const RefProgram *program, const GonioRunArgs *args, GonioTensor *const *inputs,
                 GonioTensor **outputs, GError **error)
{
  return run_program (program, GONIO_NODE_NONE, args, inputs, outputs, error);
}

gboolean
ref_program_run_body (const RefProgram *program, const GonioKernel *k, GonioTensor *const *inputs,
                      GonioTensor **outputs, GError **error)
{
  const GonioRunArgs args = {.cancellable = k->cancellable, .watch = k->watch};

  return run_program (program, k->holder, &args, inputs, outputs, error);
}
