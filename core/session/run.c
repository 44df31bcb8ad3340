/* Running a plan: one arena per run, regions in order, values released when last read.
 * Depends on plan, backend.h. */
#include "core/session/executable-private.h"

#include "core/base/checked.h"
#include "core/base/error.h"

/* Run states kept for the next run; more only exist while so many threads run at once. */
#define MAX_POOLED 4

static const GonioSlot *
slot_at (const GonioExecutable *exec, guint i)
{
  return &g_array_index (exec->slots, GonioSlot, i);
}

/* ---- run states ---- */

#define PADDING ((size_t)GONIO_TENSOR_ALIGN + GONIO_TENSOR_TAIL)

static char *
aligned_block (size_t size, const char *what, void **out_block, GError **error)
{
  void *block = gonio_alloc (1, size + PADDING, what, error);
  if (block == NULL)
    return NULL;
  *out_block = block;
  size_t skip = GONIO_TENSOR_ALIGN - (uintptr_t)block % GONIO_TENSOR_ALIGN;
  return (char *)block + skip % GONIO_TENSOR_ALIGN;
}

/* FALSE when the sum is beyond what can be. */
static gboolean
state_bytes (const GonioExecutable *exec, size_t *out_bytes)
{
  return gonio_checked_add (exec->arena_size, exec->workspace_size, out_bytes) &&
         gonio_checked_add (*out_bytes, 2 * PADDING, out_bytes);
}

static void
drop_values (GonioExecutable *exec, GonioRunState *state)
{
  for (guint i = 0; i < exec->slots->len; i++)
    g_clear_pointer (&state->values[i], gonio_tensor_unref);
}

void
gonio_run_state_free (GonioExecutable *exec, GonioRunState *state)
{
  if (state->values != NULL)
    drop_values (exec, state);
  for (guint i = 0; state->places != NULL && i < exec->slots->len; i++)
    g_clear_pointer (&state->places[i], gonio_tensor_unref);
  g_free (state->values);
  g_free (state->places);
  g_free (state->arena_block);
  g_free (state->workspace_block);
  size_t bytes;
  if (state->budget != NULL && state_bytes (exec, &bytes))
    gonio_memory_budget_give (state->budget, bytes);
  g_free (state);
}

static gboolean
fill_state (GonioExecutable *exec, GonioRunState *state, GError **error)
{
  size_t bytes = 0, n = MAX (exec->slots->len, 1);
  if (!state_bytes (exec, &bytes)) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY,
                 "the intermediate values need more memory than there can be");
    return FALSE;
  }
  if (!gonio_memory_budget_take (bytes, "the intermediate values", &state->budget, error))
    return FALSE;
  state->values = gonio_new0 (GonioTensor *, n, "the list of values", error);
  state->places =
      state->values != NULL ? gonio_new0 (GonioTensor *, n, "the list of values", error) : NULL;
  if (state->places == NULL)
    return FALSE;
  state->arena =
      aligned_block (exec->arena_size, "the intermediate values", &state->arena_block, error);
  if (state->arena == NULL)
    return FALSE;
  state->workspace =
      aligned_block (exec->workspace_size, "the workspace", &state->workspace_block, error);
  if (state->workspace == NULL)
    return FALSE;
  for (guint i = 0; i < exec->slots->len; i++) {
    const GonioSlot *slot = slot_at (exec, i);
    if (slot->kind != GONIO_SLOT_ARENA)
      continue;
    state->places[i] = gonio_tensor_new_wrapped (slot->dtype, &slot->shape,
                                                 state->arena + slot->offset, NULL, NULL, error);
    if (state->places[i] == NULL)
      return FALSE;
  }
  return TRUE;
}

static GonioRunState *
take_state (GonioExecutable *exec, GError **error)
{
  g_mutex_lock (&exec->lock);
  GonioRunState *state = g_queue_pop_head (&exec->pool);
  g_mutex_unlock (&exec->lock);
  if (state != NULL)
    return state;
  state = g_new0 (GonioRunState, 1);
  if (fill_state (exec, state, error))
    return state;
  gonio_run_state_free (exec, state);
  return NULL;
}

static void
return_state (GonioExecutable *exec, GonioRunState *state)
{
  drop_values (exec, state);
  g_mutex_lock (&exec->lock);
  gboolean keep = exec->pool.length < MAX_POOLED;
  if (keep)
    g_queue_push_head (&exec->pool, state);
  g_mutex_unlock (&exec->lock);
  if (!keep)
    gonio_run_state_free (exec, state);
}

/* ---- one region ---- */

static void
record_time (gpointer data, GonioNodeId node, gint64 start_ns, gint64 end_ns)
{
  GonioExecutable *exec = data;
  g_mutex_lock (&exec->lock);
  exec->node_ns[node] += end_ns - start_ns;
  exec->node_runs[node]++;
  if (exec->events->len < GONIO_MAX_EVENTS) {
    GonioNodeEvent event = {node, start_ns, end_ns};
    g_array_append_val (exec->events, event);
  }
  g_mutex_unlock (&exec->lock);
}

static gboolean
lies_in (const void *data, const char *block, size_t size)
{
  return (uintptr_t)data >= (uintptr_t)block && (uintptr_t)data < (uintptr_t)block + size;
}

/* A backend may hand out a view of its input as an output of unknown shape. Such a view must
 * not outlive the place it looks at. */
static gboolean
detach (GonioExecutable *exec, GonioRunState *state, GonioTensor **tensor, GError **error)
{
  const void *data = gonio_tensor_data (*tensor);
  if (!lies_in (data, state->arena, exec->arena_size) &&
      !lies_in (data, state->workspace, exec->workspace_size))
    return TRUE;
  GonioTensor *copy =
      gonio_tensor_new_copy (gonio_tensor_dtype (*tensor), gonio_tensor_shape (*tensor), data,
                             gonio_tensor_size (*tensor), error);
  if (copy == NULL)
    return FALSE;
  gonio_tensor_unref (*tensor);
  *tensor = copy;
  return TRUE;
}

static gboolean
prepare_output (GonioExecutable *exec, GonioRunState *state, guint slot_index, GError **error)
{
  const GonioSlot *slot = slot_at (exec, slot_index);
  if (slot->kind == GONIO_SLOT_ARENA)
    state->values[slot_index] = gonio_tensor_ref (state->places[slot_index]);
  else if (slot->kind == GONIO_SLOT_FRESH)
    state->values[slot_index] = gonio_tensor_new (slot->dtype, &slot->shape, error);
  if (slot->kind == GONIO_SLOT_DYNAMIC || state->values[slot_index] != NULL)
    return TRUE;
  g_prefix_error (error, "value '%s': ", gonio_graph_value (exec->graph, slot->value)->name);
  return FALSE;
}

static gboolean
finish_output (GonioExecutable *exec, GonioRunState *state, guint slot_index, GError **error)
{
  const GonioSlot *slot = slot_at (exec, slot_index);
  if (slot->kind != GONIO_SLOT_DYNAMIC)
    return TRUE;
  if (state->values[slot_index] == NULL) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_FAILED,
                 "the backend left the value '%s' out",
                 gonio_graph_value (exec->graph, slot->value)->name);
    return FALSE;
  }
  return detach (exec, state, &state->values[slot_index], error);
}

/* Where a region that cannot do a node says so. */
typedef struct {
  GArray *refusals;
  guint backend;
} Refuse;

static void
refuse_node (gpointer data, GonioNodeId node, const char *reason)
{
  const Refuse *refuse = data;
  GonioRefusal refusal = {node, refuse->backend, g_strdup (reason)};
  g_array_append_val (refuse->refusals, refusal);
}

static gboolean
call_backend (GonioExecutable *exec, guint index, GonioRunState *state, const GonioBodyWatch *watch,
              GArray *refusals, GCancellable *cancellable, GonioTensor **inputs,
              GonioTensor **outputs, GError **error)
{
  GonioStep *step = &exec->steps[index];
  Refuse refuse = {refusals, step->backend};
  g_autoptr (GError) local = NULL;
  GonioRunArgs args = {
      .refuse = refuse_node,
      .refuse_data = &refuse,
      .cancellable = cancellable,
      .workspace = state->workspace,
      .timer = exec->profile ? record_time : NULL,
      .timer_data = exec,
      .watch = watch,
  };
  if (step->def->serial)
    g_mutex_lock (&step->serial);
  gboolean ok = step->def->run (step->compiled, &args, inputs, outputs, &local);
  if (step->def->serial)
    g_mutex_unlock (&step->serial);
  if (ok)
    return TRUE;
  if (step->host || !gonio_step_is_revoked (step->def, local))
    g_array_set_size (refusals, 0);
  else if (refusals->len == 0)
    gonio_step_refuse (exec, index, local, refusals);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
run_step (GonioExecutable *exec, guint index, GonioRunState *state, const GonioBodyWatch *watch,
          GArray *refusals, GCancellable *cancellable, GError **error)
{
  GonioStep *step = &exec->steps[index];
  g_autofree GonioTensor **inputs = g_new (GonioTensor *, MAX (step->n_inputs, 1));
  g_autofree GonioTensor **outputs = g_new (GonioTensor *, MAX (step->n_outputs, 1));
  for (guint i = 0; i < step->n_inputs; i++)
    inputs[i] = state->values[step->inputs[i]];
  for (guint i = 0; i < step->n_outputs; i++)
    if (!prepare_output (exec, state, step->outputs[i], error))
      return FALSE;
  for (guint i = 0; i < step->n_outputs; i++)
    outputs[i] = state->values[step->outputs[i]];

  /* Also after a failure: a backend may have made some of the outputs before it. */
  gboolean ok =
      call_backend (exec, index, state, watch, refusals, cancellable, inputs, outputs, error);
  for (guint i = 0; i < step->n_outputs; i++)
    state->values[step->outputs[i]] = outputs[i];
  if (!ok)
    return FALSE;
  for (guint i = 0; i < step->n_outputs; i++)
    if (!finish_output (exec, state, step->outputs[i], error))
      return FALSE;
  for (guint i = 0; i < step->dying->len; i++)
    g_clear_pointer (&state->values[g_array_index (step->dying, guint, i)], gonio_tensor_unref);
  return TRUE;
}

/* ---- the whole ---- */

static void
bind_given (GonioExecutable *exec, GonioRunState *state, GonioTensor *const *inputs)
{
  for (guint i = 0; i < exec->slots->len; i++) {
    const GonioSlot *slot = slot_at (exec, i);
    if (slot->kind == GONIO_SLOT_INPUT)
      state->values[i] = gonio_tensor_ref (inputs[slot->index]);
    else if (slot->kind == GONIO_SLOT_CONSTANT)
      state->values[i] = gonio_tensor_ref (gonio_graph_value (exec->graph, slot->value)->constant);
  }
}

gboolean
gonio_executable_run (GonioExecutable *exec, GonioTensor *const *inputs,
                      const GonioBodyWatch *watch, GonioTensor **out_outputs, GArray *refusals,
                      GCancellable *cancellable, GError **error)
{
  GonioRunState *state = take_state (exec, error);
  if (state == NULL)
    return FALSE;
  bind_given (exec, state, inputs);
  gboolean ok = TRUE;
  for (guint r = 0; ok && r < exec->n_steps; r++)
    ok = !g_cancellable_set_error_if_cancelled (cancellable, error) &&
         run_step (exec, r, state, watch, refusals, cancellable, error);
  for (guint i = 0; ok && i < exec->output_slots->len; i++)
    out_outputs[i] = gonio_tensor_ref (state->values[g_array_index (exec->output_slots, guint, i)]);
  return_state (exec, state);
  return ok;
}
