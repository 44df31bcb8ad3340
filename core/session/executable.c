/* Building a plan: specialise, optimise, partition, lay out, compile, plan memory.
 * Depends on plan, passes, ops. */
#include "core/session/executable-private.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/ops/op.h"
#include "core/plan/layout.h"
#include "core/plan/memory.h"

/* A region that cannot be compiled is refused and the plan made anew, so often at most. */
#define MAX_ATTEMPTS 8

/* ---- specialising ---- */

static void
set_input_shapes (GonioGraph *graph, const GonioShape *shapes)
{
  guint n, at = 0;
  const GonioValueId *inputs = gonio_graph_inputs (graph, &n);
  for (guint i = 0; i < n; i++) {
    if (gonio_graph_value (graph, inputs[i])->constant != NULL)
      continue;
    GonioSymShape sym = gonio_sym_shape_from_shape (&shapes[at++]);
    if (gonio_graph_value (graph, inputs[i])->kind == GONIO_KIND_TENSOR)
      gonio_graph_set_shape (graph, inputs[i], &sym);
  }
}

static GonioGraph *
specialise (const GonioGraph *graph, const GonioShape *shapes,
            const GonioExecutableOptions *options, GError **error)
{
  g_autoptr (GonioGraph) special = gonio_graph_clone (graph);
  if (shapes != NULL)
    set_input_shapes (special, shapes);
  gboolean ok = options->passes != NULL ? gonio_passes_run (special, options->passes, error)
                                        : gonio_infer_graph (special, error);
  return ok ? g_steal_pointer (&special) : NULL;
}

/* ---- compiling ---- */

static void
clear_steps (GonioExecutable *exec)
{
  for (guint i = 0; i < exec->n_steps; i++) {
    GonioStep *step = &exec->steps[i];
    if (step->compiled != NULL)
      step->def->compiled_free (step->compiled);
    g_free (step->inputs);
    g_free (step->outputs);
    g_clear_pointer (&step->dying, g_array_unref);
    g_mutex_clear (&step->serial);
  }
  g_clear_pointer (&exec->steps, g_free);
  exec->n_steps = 0;
}

/* Graphs that share the constants of the one that is compiled; ids are the same in all. */
typedef struct {
  GonioExecutable *exec;
  GonioGraph *special;
  const GonioExecutableOptions *options;
} Release;

static void
release_constant (gpointer data, GonioValueId id)
{
  const Release *release = data;
  GonioGraph *graphs[] = {release->exec->graph, release->special, release->options->consumed};
  const GonioTensor *constant = gonio_graph_value (graphs[0], id)->constant;
  guint n;
  const GonioValueId *inputs = gonio_graph_inputs (graphs[0], &n);
  for (guint i = 0; i < n; i++)
    if (inputs[i] == id) /* it stands for an input, as in models of old */
      return;
  if (constant == NULL || gonio_graph_is_output (graphs[0], id))
    return;
  release->exec->released += gonio_tensor_size (constant);
  *release->options->out_released = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (graphs); i++)
    if (id < gonio_graph_n_values (graphs[i]))
      gonio_graph_set_constant (graphs[i], id, NULL);
}

static GonioCompiled *
compile_region (const GonioExecutable *exec, const GonioPlanRegion *plan,
                const GonioPlanBackend *backend, Release *release, GError **error)
{
  GonioRegion region = {
      .graph = exec->graph,
      .nodes = (const GonioNodeId *)plan->nodes->data,
      .n_nodes = plan->nodes->len,
      .inputs = (const GonioValueId *)plan->inputs->data,
      .n_inputs = plan->inputs->len,
      .outputs = (const GonioValueId *)plan->outputs->data,
      .n_outputs = plan->outputs->len,
      .release = release->options->consumed != NULL ? release_constant : NULL,
      .release_data = release,
  };
  return backend->def->compile (backend->backend, &region, error);
}

/* FALSE with *out_failed set to the region that its backend could not compile. */
static gboolean
compile_all (GonioExecutable *exec, GonioGraph *special, const GonioExecutableOptions *options,
             GCancellable *cancellable, guint *out_failed, GError **error)
{
  Release release = {exec, special, options};
  *out_failed = GONIO_REGION_NONE;
  exec->n_steps = exec->partition->regions->len;
  exec->steps = g_new0 (GonioStep, MAX (exec->n_steps, 1));
  for (guint r = 0; r < exec->n_steps; r++) {
    g_mutex_init (&exec->steps[r].serial);
    exec->steps[r].dying = g_array_new (FALSE, FALSE, sizeof (guint));
  }
  for (guint r = 0; r < exec->n_steps; r++) {
    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return FALSE;
    const GonioPlanRegion *plan = gonio_partition_region (exec->partition, r);
    const GonioPlanBackend *backend = &options->backends[plan->backend];
    GonioStep *step = &exec->steps[r];
    step->def = backend->def;
    step->backend = plan->backend;
    step->host = plan->backend == options->n_backends - 1;
    step->compiled = compile_region (exec, plan, backend, &release, error);
    if (step->compiled == NULL) {
      *out_failed = r;
      return FALSE;
    }
    size_t workspace =
        backend->def->workspace_size != NULL ? backend->def->workspace_size (step->compiled) : 0;
    exec->workspace_size = MAX (exec->workspace_size, workspace);
  }
  return TRUE;
}

GArray *
gonio_refusals_new (const GArray *from)
{
  GArray *refusals = g_array_new (FALSE, FALSE, sizeof (GonioRefusal));
  g_array_set_clear_func (refusals, (GDestroyNotify)gonio_refusal_clear);
  for (guint i = 0; from != NULL && i < from->len; i++) {
    GonioRefusal refusal = g_array_index (from, GonioRefusal, i);
    refusal.reason = g_strdup (refusal.reason);
    g_array_append_val (refusals, refusal);
  }
  return refusals;
}

gboolean
gonio_step_is_revoked (const GonioBackendDef *def, const GError *error)
{
  if (g_error_matches (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNSUPPORTED))
    return TRUE;
  return def->revocable && (error->domain == GONIO_BACKEND_ERROR ||
                            g_error_matches (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY));
}

void
gonio_step_refuse (const GonioExecutable *exec, guint index, const GError *error, GArray *refusals)
{
  const GonioPlanRegion *region = gonio_partition_region (exec->partition, index);
  if (g_error_matches (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_LOST)) {
    GonioRefusal refusal = {GONIO_NODE_NONE, region->backend, g_strdup (error->message)};
    g_array_append_val (refusals, refusal);
    return;
  }
  for (guint i = 0; i < region->nodes->len; i++) {
    GonioRefusal refusal = {g_array_index (region->nodes, GonioNodeId, i), region->backend,
                            g_strdup (error->message)};
    g_array_append_val (refusals, refusal);
  }
}

/* One try at a plan. On FALSE, *out_again tells that refusals grew and another may work. */
static gboolean
attempt (GonioExecutable *exec, GonioGraph *special, const GonioExecutableOptions *options,
         GCancellable *cancellable, gboolean *out_again, GError **error)
{
  *out_again = FALSE;
  exec->graph = gonio_graph_clone (special);
  GonioPartitionOptions how = {
      .strict = options->strict, .keep_islands = options->keep_islands, .refusals = exec->refusals};
  exec->partition =
      gonio_partition_new (exec->graph, options->backends, options->n_backends, &how, error);
  if (exec->partition == NULL)
    return FALSE;
  gonio_layout_apply (exec->graph, exec->partition, options->backends);

  g_autoptr (GError) local = NULL;
  guint failed;
  if (compile_all (exec, special, options, cancellable, &failed, &local))
    return TRUE;
  if (failed != GONIO_REGION_NONE && !exec->steps[failed].host &&
      gonio_step_is_revoked (exec->steps[failed].def, local)) {
    gonio_step_refuse (exec, failed, local, exec->refusals);
    *out_again = exec->released == 0; /* else there is nothing left to compile */
  }
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static void
discard_attempt (GonioExecutable *exec)
{
  clear_steps (exec);
  g_clear_pointer (&exec->partition, gonio_partition_free);
  g_clear_pointer (&exec->graph, gonio_graph_unref);
  exec->workspace_size = 0;
}

static gboolean
make_plan (GonioExecutable *exec, GonioGraph *special, const GonioExecutableOptions *options,
           GCancellable *cancellable, GError **error)
{
  for (guint i = 1;; i++) {
    g_autoptr (GError) local = NULL;
    gboolean again;
    if (attempt (exec, special, options, cancellable, &again, &local))
      return TRUE;
    if (!again || i == MAX_ATTEMPTS) {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
    discard_attempt (exec);
  }
}

/* ---- memory of values that cross regions ---- */

#define NO_SLOT G_MAXUINT

static guint
add_slot (GonioExecutable *exec, guint *slot_of, GonioValueId id, GonioSlotKind kind)
{
  if (slot_of[id] == NO_SLOT) {
    GonioSlot slot = {.kind = kind, .value = id};
    slot_of[id] = exec->slots->len;
    g_array_append_val (exec->slots, slot);
  }
  return slot_of[id];
}

static GonioSlot *
slot_at (const GonioExecutable *exec, guint i)
{
  return &g_array_index (exec->slots, GonioSlot, i);
}

/* How a value made by a region is kept, and its facts. */
static void
describe (const GonioExecutable *exec, GonioSlot *slot)
{
  const GonioValue *value = gonio_graph_value (exec->graph, slot->value);
  size_t size;
  slot->dtype = value->dtype;
  if (value->kind != GONIO_KIND_TENSOR || value->dtype == GONIO_DTYPE_NONE ||
      !gonio_sym_shape_known (&value->shape, &slot->shape) ||
      !gonio_tensor_bytes (value->dtype, &slot->shape, &size))
    slot->kind = GONIO_SLOT_DYNAMIC;
  else if (value->dtype == GONIO_DTYPE_STRING || gonio_graph_is_output (exec->graph, slot->value))
    slot->kind = GONIO_SLOT_FRESH;
  else
    slot->kind = GONIO_SLOT_ARENA;
}

static void
add_step_slots (GonioExecutable *exec, guint r, guint *slot_of)
{
  const GonioPlanRegion *region = gonio_partition_region (exec->partition, r);
  GonioStep *step = &exec->steps[r];
  step->n_inputs = region->inputs->len;
  step->n_outputs = region->outputs->len;
  step->inputs = g_new (guint, MAX (step->n_inputs, 1));
  step->outputs = g_new (guint, MAX (step->n_outputs, 1));
  for (guint i = 0; i < step->n_inputs; i++) {
    guint slot = slot_of[g_array_index (region->inputs, GonioValueId, i)];
    step->inputs[i] = slot;
    slot_at (exec, slot)->last = r;
  }
  for (guint i = 0; i < step->n_outputs; i++) {
    GonioValueId id = g_array_index (region->outputs, GonioValueId, i);
    guint slot = add_slot (exec, slot_of, id, GONIO_SLOT_ARENA);
    step->outputs[i] = slot;
    describe (exec, slot_at (exec, slot));
    slot_at (exec, slot)->first = slot_at (exec, slot)->last = r;
  }
}

static gboolean
plan_arena (GonioExecutable *exec, GError **error)
{
  g_autoptr (GArray) items = g_array_new (FALSE, FALSE, sizeof (GonioMemoryItem));
  for (guint i = 0; i < exec->slots->len; i++) {
    const GonioSlot *slot = slot_at (exec, i);
    GonioMemoryItem item = {.first = slot->first, .last = slot->last, .alias = -1};
    if (slot->kind == GONIO_SLOT_ARENA &&
        gonio_tensor_bytes (slot->dtype, &slot->shape, &item.size))
      g_array_append_val (items, item);
  }
  if (!gonio_memory_plan ((GonioMemoryItem *)items->data, items->len, &exec->arena_size, error))
    return FALSE;
  guint at = 0;
  for (guint i = 0; i < exec->slots->len; i++)
    if (slot_at (exec, i)->kind == GONIO_SLOT_ARENA)
      slot_at (exec, i)->offset = g_array_index (items, GonioMemoryItem, at++).offset;
  return TRUE;
}

static gboolean
plan_slots (GonioExecutable *exec, GError **error)
{
  guint n_values = gonio_graph_n_values (exec->graph), n, position = 0;
  g_autofree guint *slot_of = g_new (guint, MAX (n_values, 1));
  for (guint i = 0; i < n_values; i++)
    slot_of[i] = NO_SLOT;

  const GonioValueId *inputs = gonio_graph_inputs (exec->graph, &n);
  for (guint i = 0; i < n; i++) {
    gboolean constant = gonio_graph_value (exec->graph, inputs[i])->constant != NULL;
    guint slot =
        add_slot (exec, slot_of, inputs[i], constant ? GONIO_SLOT_CONSTANT : GONIO_SLOT_INPUT);
    if (!constant)
      slot_at (exec, slot)->index = position++;
  }
  for (guint r = 0; r < exec->n_steps; r++)
    add_step_slots (exec, r, slot_of);

  const GonioValueId *outputs = gonio_graph_outputs (exec->graph, &n);
  for (guint i = 0; i < n; i++) {
    const GonioValue *value = gonio_graph_value (exec->graph, outputs[i]);
    if (slot_of[outputs[i]] == NO_SLOT && value->constant == NULL) {
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_CHECK,
                   "nothing computes the model's output '%s'", value->name);
      return FALSE;
    }
    guint slot = add_slot (exec, slot_of, outputs[i], GONIO_SLOT_CONSTANT);
    slot_at (exec, slot)->last = G_MAXUINT;
    g_array_append_val (exec->output_slots, slot);
  }
  for (guint i = 0; i < exec->slots->len; i++) {
    const GonioSlot *slot = slot_at (exec, i);
    if (slot->kind != GONIO_SLOT_INPUT && slot->kind != GONIO_SLOT_CONSTANT &&
        slot->last != G_MAXUINT)
      g_array_append_val (exec->steps[slot->last].dying, i);
  }
  return plan_arena (exec, error);
}

/* ---- the object ---- */

GonioExecutable *
gonio_executable_new (const GonioGraph *graph, const GonioShape *input_shapes,
                      const GonioExecutableOptions *options, GCancellable *cancellable,
                      GError **error)
{
  /* Two clones, and as much again for what is planned for them. */
  if (g_cancellable_set_error_if_cancelled (cancellable, error) ||
      !gonio_expect (3 * gonio_graph_bytes (graph), "a plan", error))
    return NULL;
  g_autoptr (GonioExecutable) exec = g_new0 (GonioExecutable, 1);
  g_atomic_ref_count_init (&exec->refs);
  g_mutex_init (&exec->lock);
  g_queue_init (&exec->pool);
  exec->slots = g_array_new (FALSE, TRUE, sizeof (GonioSlot));
  exec->output_slots = g_array_new (FALSE, FALSE, sizeof (guint));
  exec->refusals = gonio_refusals_new (options->refusals);

  g_autoptr (GonioGraph) special = specialise (graph, input_shapes, options, error);
  if (special == NULL || !make_plan (exec, special, options, cancellable, error) ||
      !plan_slots (exec, error))
    return NULL;
  exec->profile = options->profile;
  if (exec->profile) {
    guint n = MAX (gonio_graph_n_nodes (exec->graph), 1);
    exec->node_ns = g_new0 (gint64, n);
    exec->node_runs = g_new0 (guint, n);
    exec->events = g_array_new (FALSE, FALSE, sizeof (GonioNodeEvent));
  }
  return g_steal_pointer (&exec);
}

GonioExecutable *
gonio_executable_ref (GonioExecutable *exec)
{
  g_atomic_ref_count_inc (&exec->refs);
  return exec;
}

void
gonio_executable_unref (GonioExecutable *exec)
{
  if (!g_atomic_ref_count_dec (&exec->refs))
    return;
  GonioRunState *state;
  while ((state = g_queue_pop_head (&exec->pool)) != NULL)
    gonio_run_state_free (exec, state);
  discard_attempt (exec);
  g_array_unref (exec->slots);
  g_array_unref (exec->output_slots);
  g_array_unref (exec->refusals);
  g_mutex_clear (&exec->lock);
  g_free (exec->node_ns);
  g_free (exec->node_runs);
  g_clear_pointer (&exec->events, g_array_unref);
  g_free (exec);
}

const GonioGraph *
gonio_executable_graph (const GonioExecutable *exec)
{
  return exec->graph;
}

const GonioPartition *
gonio_executable_partition (const GonioExecutable *exec)
{
  return exec->partition;
}

const GArray *
gonio_executable_refusals (const GonioExecutable *exec)
{
  return exec->refusals;
}

size_t
gonio_executable_released_bytes (const GonioExecutable *exec)
{
  return exec->released;
}

size_t
gonio_executable_arena_bytes (const GonioExecutable *exec)
{
  return exec->arena_size + exec->workspace_size;
}

void
gonio_executable_profile (GonioExecutable *exec, GonioNodeId node, gint64 *out_ns, guint *out_runs)
{
  g_mutex_lock (&exec->lock);
  *out_ns = exec->profile ? exec->node_ns[node] : 0;
  *out_runs = exec->profile ? exec->node_runs[node] : 0;
  g_mutex_unlock (&exec->lock);
}

GArray *
gonio_executable_dup_events (GonioExecutable *exec)
{
  g_mutex_lock (&exec->lock);
  GArray *events = exec->events != NULL ? g_array_copy (exec->events)
                                        : g_array_new (FALSE, FALSE, sizeof (GonioNodeEvent));
  g_mutex_unlock (&exec->lock);
  return events;
}
