/* Sessions: creation, ports, the cache of plans. Depends on all engine folders. */
#include "core/session/session-private.h"

#include "core/base/error.h"
#include "core/graph/edit.h"
#include "core/onnx/load.h"
#include "core/ops/op.h"
#include "core/plan/report.h"

#define DEFAULT_PLANS 4

/* One specialised plan and the input shapes it is for. */
typedef struct {
  char *key;
  GonioExecutable *exec;
} Plan;

static void
free_plan (Plan *plan)
{
  gonio_executable_unref (plan->exec);
  g_free (plan->key);
  g_free (plan);
}

/* ---- ports ---- */

static void
clear_port (GonioPort *port)
{
  g_free ((char *)port->name);
}

static GArray *
new_ports (void)
{
  GArray *ports = g_array_new (FALSE, TRUE, sizeof (GonioPort));
  g_array_set_clear_func (ports, (GDestroyNotify)clear_port);
  return ports;
}

static void
add_port (GArray *ports, const GonioValue *value)
{
  GonioPort port = {g_strdup (value->name), value->kind, value->dtype, value->shape};
  g_array_append_val (ports, port);
}

static void
list_inputs (const GonioGraph *graph, GArray *ports)
{
  guint n;
  const GonioValueId *ids = gonio_graph_inputs (graph, &n);
  for (guint i = 0; i < n; i++)
    if (gonio_graph_value (graph, ids[i])->constant == NULL)
      add_port (ports, gonio_graph_value (graph, ids[i]));
}

static void
list_outputs (const GonioGraph *graph, GArray *ports)
{
  guint n;
  const GonioValueId *ids = gonio_graph_outputs (graph, &n);
  for (guint i = 0; i < n; i++)
    add_port (ports, gonio_graph_value (graph, ids[i]));
}

/* Passes may put another value in an output's place; the model's name stays. */
static void
refresh_outputs (GonioSession *session)
{
  guint n;
  const GonioValueId *ids = gonio_graph_outputs (session->graph, &n);
  for (guint i = 0; i < n; i++) {
    const GonioValue *value = gonio_graph_value (session->graph, ids[i]);
    if (i >= session->outputs->len) {
      add_port (session->outputs, value);
      continue;
    }
    GonioPort *port = &g_array_index (session->outputs, GonioPort, i);
    port->kind = value->kind;
    port->dtype = value->dtype;
    port->shape = value->shape;
  }
}

/* Every computed value becomes an output, after the model's own ones. */
static void
expose_values (GonioGraph *graph)
{
  guint n;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, order[i]);
    for (guint o = 0; o < node->n_outputs; o++)
      if (node->outputs[o] != GONIO_VALUE_NONE &&
          gonio_graph_value (graph, node->outputs[o])->kind == GONIO_KIND_TENSOR &&
          !gonio_graph_is_output (graph, node->outputs[o]))
        g_array_append_val (values, node->outputs[o]);
  }
  for (guint i = 0; i < values->len; i++)
    gonio_graph_add_output (graph, g_array_index (values, GonioValueId, i));
}

/* ---- messages ---- */

void
gonio_session_log (GonioSession *session, GLogLevelFlags level, const char *format, ...)
{
  if (level > session->log_level)
    return;
  va_list args;
  va_start (args, format);
  g_logv (G_LOG_DOMAIN, level, format, args);
  va_end (args);
}

static void
log_plan (GonioSession *session, GonioExecutable *exec, const char *key, gint64 start)
{
  const GonioPlanBackend *rows = (const GonioPlanBackend *)session->backends->data;
  const GonioPartition *partition = gonio_executable_partition (exec);
  const GonioGraph *graph = gonio_executable_graph (exec);
  g_autofree char *summary = gonio_plan_summary (partition, rows, session->backends->len);
  gonio_session_log (session, G_LOG_LEVEL_INFO,
                     "plan for %s built in %.1f ms: %s in %u regions, %" G_GSIZE_FORMAT
                     " bytes of intermediate values",
                     *key != '\0' ? key : "no inputs",
                     (double)(g_get_monotonic_time () - start) / 1000, summary,
                     partition->regions->len, gonio_executable_arena_bytes (exec));
  for (guint i = 0; i < partition->nodes->len && session->log_level >= G_LOG_LEVEL_DEBUG; i++) {
    const GonioPlanNode *entry = gonio_partition_node (partition, i);
    if (entry->region == GONIO_REGION_NONE)
      continue;
    const GonioNode *node = gonio_graph_node (graph, i);
    gonio_session_log (
        session, G_LOG_LEVEL_DEBUG, "%s '%s': %s, region %u%s%s%s", gonio_op_name (node->op),
        node->name, rows[entry->backend].def->name, entry->region, entry->is_nhwc ? ", nhwc" : "",
        entry->reason != NULL ? ", " : "", entry->reason != NULL ? entry->reason : "");
  }
}

/* ---- plans ---- */

static GonioPassOptions
pass_options (GonioSession *session)
{
  GonioPassOptions options = {.level = session->optimization,
                              .evaluate = session->evaluate,
                              .disabled = (const char *const *)session->disabled_passes,
                              .dump_dir = session->dump_dir};
  /* Else the last backend folds: what it would have computed anyway. */
  for (guint i = session->backends->len; i-- > 0 && options.evaluate == NULL;)
    options.evaluate = g_array_index (session->backends, GonioPlanBackend, i).def->evaluate;
  return options;
}

static char *
make_key (const GonioShape *shapes, guint n)
{
  GString *key = g_string_new (NULL);
  for (guint i = 0; i < n; i++) {
    g_autofree char *text = gonio_shape_to_string (&shapes[i]);
    g_string_append (key, text);
  }
  return g_string_free (key, FALSE);
}

/* Also moves the plan to the front. (transfer full) */
static GonioExecutable *
find_plan (GonioSession *session, const char *key)
{
  GonioExecutable *exec = NULL;
  g_mutex_lock (&session->lock);
  for (GList *l = session->plans.head; l != NULL && exec == NULL; l = l->next) {
    Plan *plan = l->data;
    if (!g_str_equal (plan->key, key))
      continue;
    exec = gonio_executable_ref (plan->exec);
    g_queue_unlink (&session->plans, l);
    g_queue_push_head_link (&session->plans, l);
    break;
  }
  g_mutex_unlock (&session->lock);
  return exec;
}

static void
remember_plan (GonioSession *session, const char *key, GonioExecutable *exec)
{
  Plan *plan = g_new0 (Plan, 1), *evicted = NULL;
  plan->key = g_strdup (key);
  plan->exec = gonio_executable_ref (exec);
  g_mutex_lock (&session->lock);
  g_queue_push_head (&session->plans, plan);
  if (session->plans.length > session->plan_cache)
    evicted = g_queue_pop_tail (&session->plans);
  g_mutex_unlock (&session->lock);
  g_clear_pointer (&evicted, free_plan);
}

static gboolean
ports_are_static (GonioSession *session, GonioShape *out_shapes)
{
  for (guint i = 0; i < session->inputs->len; i++) {
    const GonioPort *port = &g_array_index (session->inputs, GonioPort, i);
    if (port->kind != GONIO_KIND_TENSOR)
      out_shapes[i] = GONIO_SHAPE (0); /* as lists show themselves; plans know no more of them */
    else if (!gonio_sym_shape_known (&port->shape, &out_shapes[i]))
      return FALSE;
  }
  return TRUE;
}

/* With build_lock held. */
static GonioExecutable *
build_plan (GonioSession *session, const char *key, const GonioShape *shapes,
            const GArray *refusals, GCancellable *cancellable, GError **error)
{
  /* With every shape fixed, the passes have seen all there is to see. */
  g_autofree GonioShape *fixed = g_new0 (GonioShape, MAX (session->inputs->len, 1));
  GonioPassOptions passes = pass_options (session);
  GonioExecutableOptions options = {
      .backends = (const GonioPlanBackend *)session->backends->data,
      .n_backends = session->backends->len,
      .passes = ports_are_static (session, fixed) ? NULL : &passes,
      .strict = session->strict,
      .keep_islands = session->keep_islands,
      .profile = session->profile,
      .refusals = refusals,
      .out_released = &session->released,
  };
  /* With fixed shapes there is one plan, and nothing else needs the weights. */
  if (session->consumes && options.passes == NULL)
    options.consumed = session->graph;
  gint64 start = g_get_monotonic_time ();
  GonioExecutable *exec =
      gonio_executable_new (session->graph, shapes, &options, cancellable, error);
  if (exec != NULL) {
    log_plan (session, exec, key, start);
    remember_plan (session, key, exec);
  }
  return exec;
}

GonioExecutable *
gonio_session_get_plan (GonioSession *session, const GonioShape *shapes, GCancellable *cancellable,
                        GError **error)
{
  g_autofree char *key = make_key (shapes, session->inputs->len);
  g_autoptr (GonioExecutable) exec = find_plan (session, key);
  if (exec != NULL)
    return g_steal_pointer (&exec);

  g_mutex_lock (&session->build_lock);
  exec = find_plan (session, key); /* built while we waited? */
  if (exec == NULL)
    exec = build_plan (session, key, shapes, session->lost, cancellable, error);
  g_mutex_unlock (&session->build_lock);
  return g_steal_pointer (&exec);
}

/* Takes one plan out, or all that use a backend which is lost. */
static void
forget_plans (GonioSession *session, const GonioExecutable *exec)
{
  GQueue gone = G_QUEUE_INIT;
  g_mutex_lock (&session->lock);
  for (GList *l = session->plans.head, *next; l != NULL; l = next) {
    Plan *plan = l->data;
    next = l->next;
    if (exec != NULL && plan->exec != exec)
      continue;
    g_queue_unlink (&session->plans, l);
    g_queue_push_tail_link (&gone, l);
  }
  g_mutex_unlock (&session->lock);
  g_queue_clear_full (&gone, (GDestroyNotify)free_plan);
}

/* With build_lock held. */
static void
note_refusals (GonioSession *session, const GArray *refusals)
{
  const char *last = "";
  for (guint i = 0; i < refusals->len; i++) {
    const GonioRefusal *refusal = &g_array_index (refusals, GonioRefusal, i);
    const GonioPlanBackend *row =
        &g_array_index (session->backends, GonioPlanBackend, refusal->backend);
    if (!g_str_equal (last, refusal->reason))
      gonio_session_log (session, G_LOG_LEVEL_WARNING, "%s is given up for %s: %s", row->def->name,
                         refusal->node == GONIO_NODE_NONE ? "this model" : "a part of this model",
                         refusal->reason);
    last = refusal->reason;
    if (refusal->node != GONIO_NODE_NONE)
      continue;
    GonioRefusal copy = {GONIO_NODE_NONE, refusal->backend, g_strdup (refusal->reason)};
    g_array_append_val (session->lost, copy);
  }
}

gboolean
gonio_session_replace_plan (GonioSession *session, GonioExecutable *exec, const GonioShape *shapes,
                            const GArray *refusals, GCancellable *cancellable, GError **error)
{
  g_autofree char *key = make_key (shapes, session->inputs->len);
  g_mutex_lock (&session->build_lock);
  g_autoptr (GonioExecutable) now = find_plan (session, key);
  gboolean ok = now != exec; /* another run met the same */
  if (!ok) {
    g_autoptr (GArray) known = gonio_refusals_new (gonio_executable_refusals (exec));
    g_autoptr (GArray) more = gonio_refusals_new (refusals);
    guint lost = session->lost->len;
    note_refusals (session, refusals);
    for (guint i = 0; i < more->len; i++) {
      GonioRefusal *refusal = &g_array_index (more, GonioRefusal, i);
      GonioRefusal moved = {refusal->node, refusal->backend, g_steal_pointer (&refusal->reason)};
      g_array_append_val (known, moved);
    }
    forget_plans (session, session->lost->len > lost ? NULL : exec);
    g_autoptr (GonioExecutable) built =
        build_plan (session, key, shapes, known, cancellable, error);
    ok = built != NULL;
  }
  g_mutex_unlock (&session->build_lock);
  return ok;
}

GonioExecutable *
gonio_session_latest_plan (GonioSession *session)
{
  g_mutex_lock (&session->lock);
  Plan *plan = g_queue_peek_head (&session->plans);
  GonioExecutable *exec = plan != NULL ? gonio_executable_ref (plan->exec) : NULL;
  g_mutex_unlock (&session->lock);
  return exec;
}

/* ---- life ---- */

static gboolean
create_backends (GonioSession *session, const GonioSessionOptions *options, GError **error)
{
  GonioBackendOptions how = {.threads = options->threads, .precision = options->precision};
  for (guint i = 0; options->backends[i] != NULL; i++) {
    const GonioBackendDef *def = options->backends[i];
    if (def->api_version != GONIO_BACKEND_API) {
      g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNAVAILABLE,
                   "backend %s has interface version %u, this program needs %u", def->name,
                   def->api_version, GONIO_BACKEND_API);
      return FALSE;
    }
    GonioPlanBackend row = {def, def->create (&how, error)};
    if (row.backend == NULL)
      return FALSE;
    g_array_append_val (session->backends, row);
  }
  return TRUE;
}

static void
copy_options (GonioSession *session, const GonioSessionOptions *options)
{
  session->optimization = options->optimization;
  session->disabled_passes = g_strdupv ((char **)options->disabled_passes);
  session->dump_dir = g_strdup (options->dump_dir);
  session->evaluate = options->evaluate;
  session->strict = options->strict;
  session->keep_islands = options->keep_islands;
  session->profile = options->profile;
  session->check_values = options->check_values;
  session->log_level = options->log_level != 0 ? options->log_level : G_LOG_LEVEL_WARNING;
  session->plan_cache = options->plan_cache > 0 ? options->plan_cache : DEFAULT_PLANS;
  session->max_rounds = options->max_rounds;
}

static GonioSession *
new_session (GonioGraph *graph, const GonioSessionOptions *options, GonioMemoryBudget *budget)
{
  GonioSession *session = g_new0 (GonioSession, 1);
  g_atomic_ref_count_init (&session->refs);
  g_mutex_init (&session->lock);
  g_mutex_init (&session->build_lock);
  g_queue_init (&session->plans);
  session->graph = graph;
  session->budget = gonio_memory_budget_ref (budget);
  session->backends = g_array_new (FALSE, FALSE, sizeof (GonioPlanBackend));
  session->lost = gonio_refusals_new (NULL);
  session->inputs = new_ports ();
  session->outputs = new_ports ();
  copy_options (session, options);
  return session;
}

static gboolean
prepare (GonioSession *session, gboolean expose_all, GCancellable *cancellable, GError **error)
{
  list_inputs (session->graph, session->inputs);
  list_outputs (session->graph, session->outputs);
  GonioPassOptions passes = pass_options (session);
  if (!gonio_graph_check (session->graph, gonio_op_check_node, error) ||
      g_cancellable_set_error_if_cancelled (cancellable, error) ||
      !gonio_passes_run (session->graph, &passes, error))
    return FALSE;
  session->n_shown = session->outputs->len;
  if (expose_all || session->check_values)
    expose_values (session->graph);
  refresh_outputs (session);
  if (expose_all)
    session->n_shown = session->outputs->len;

  g_autofree GonioShape *shapes = g_new0 (GonioShape, MAX (session->inputs->len, 1));
  if (!ports_are_static (session, shapes))
    return TRUE;
  g_autoptr (GonioExecutable) exec = gonio_session_get_plan (session, shapes, cancellable, error);
  return exec != NULL;
}

/* Takes the graph, and counts against budget. consumes: may weights go from the graph when they
 * are packed? *out_again (nullable): whether another try, without that, may do better. */
static GonioSession *
build (GonioGraph *graph, const GonioSessionOptions *options, GonioMemoryBudget *budget,
       gboolean consumes, gboolean *out_again, GCancellable *cancellable, GError **error)
{
  g_autoptr (GonioSession) session = new_session (graph, options, budget);
  session->consumes = consumes && !options->expose_all && !options->check_values;
  for (guint i = 0; options->backends != NULL && options->backends[i] != NULL; i++)
    if (options->backends[i]->revocable)
      session->consumes = FALSE; /* what it has must be able to go elsewhere */
  if (options->backends == NULL || options->backends[0] == NULL) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNAVAILABLE,
                 "no backend was given to run the model on");
    return NULL;
  }
  g_autoptr (GError) local = NULL;
  if (create_backends (session, options, &local) &&
      prepare (session, options->expose_all, cancellable, &local))
    return g_steal_pointer (&session);
  if (out_again != NULL)
    *out_again = session->released &&
                 g_error_matches (local, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNSUPPORTED);
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

GonioSession *
gonio_session_new_from_graph (GonioGraph *graph, const GonioSessionOptions *options,
                              GCancellable *cancellable, GError **error)
{
  GonioMemoryBudget *budget = gonio_memory_budget_new (options->max_memory);
  GonioWork work;
  gonio_work_begin (&work, budget, options->max_rounds, cancellable);
  work.pooled = TRUE;
  GonioSession *session = build (graph, options, budget, FALSE, NULL, cancellable, error);
  gonio_work_end (&work);
  gonio_memory_budget_unref (budget);
  return session;
}

static GonioSession *
load (const char *path, const GonioSessionOptions *options, GonioMemoryBudget *budget,
      gboolean consumes, gboolean *out_again, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local = NULL;
  GonioGraph *graph = gonio_onnx_load_file (path, NULL, error);
  if (graph == NULL)
    return NULL;
  GonioSession *session = build (graph, options, budget, consumes, out_again, cancellable, &local);
  if (session == NULL)
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ", path);
  return session;
}

GonioSession *
gonio_session_new_from_file (const char *path, const GonioSessionOptions *options,
                             GCancellable *cancellable, GError **error)
{
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  GonioMemoryBudget *budget = gonio_memory_budget_new (options->max_memory);
  GonioWork work;
  gonio_work_begin (&work, budget, options->max_rounds, cancellable);
  work.pooled = TRUE;
  /* When a region turns out not to compile, what was compiled before is needed anew. */
  gboolean again = FALSE;
  g_autoptr (GError) local = NULL;
  GonioSession *session = load (path, options, budget, TRUE, &again, cancellable, &local);
  if (again) {
    g_clear_error (&local);
    session = load (path, options, budget, FALSE, NULL, cancellable, &local);
  }
  if (session == NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  gonio_work_end (&work);
  gonio_memory_budget_unref (budget);
  return session;
}

GonioSession *
gonio_session_ref (GonioSession *session)
{
  g_atomic_ref_count_inc (&session->refs);
  return session;
}

void
gonio_session_unref (GonioSession *session)
{
  if (!g_atomic_ref_count_dec (&session->refs))
    return;
  Plan *plan;
  while ((plan = g_queue_pop_head (&session->plans)) != NULL)
    free_plan (plan);
  for (guint i = 0; i < session->backends->len; i++) {
    GonioPlanBackend *row = &g_array_index (session->backends, GonioPlanBackend, i);
    row->def->destroy (row->backend);
  }
  g_array_unref (session->backends);
  g_array_unref (session->lost);
  g_array_unref (session->inputs);
  g_array_unref (session->outputs);
  gonio_graph_unref (session->graph);
  g_strfreev (session->disabled_passes);
  g_free (session->dump_dir);
  gonio_memory_budget_unref (session->budget);
  g_mutex_clear (&session->lock);
  g_mutex_clear (&session->build_lock);
  g_free (session);
}

const GonioPort *
gonio_session_inputs (GonioSession *session, guint *out_count)
{
  *out_count = session->inputs->len;
  return (const GonioPort *)session->inputs->data;
}

const GonioPort *
gonio_session_outputs (GonioSession *session, guint *out_count)
{
  *out_count = session->n_shown;
  return (const GonioPort *)session->outputs->data;
}
