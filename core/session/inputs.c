/* Matching the caller's tensors with the model's inputs; gonio_session_run() and warm-up.
 * Depends on session-private.h. */
#include "core/session/session-private.h"

#include "core/base/error.h"
#include "core/tensor/list.h"

static const GonioPort *
port_at (GonioSession *session, guint i)
{
  return &g_array_index (session->inputs, GonioPort, i);
}

static char *
list_names (GonioSession *session)
{
  GString *names = g_string_new (NULL);
  for (guint i = 0; i < session->inputs->len; i++)
    g_string_append_printf (names, "%s'%s'", i ? ", " : "", port_at (session, i)->name);
  if (session->inputs->len == 0)
    g_string_append (names, "no inputs");
  return g_string_free (names, FALSE);
}

static gboolean
mismatch (const GonioPort *port, const GonioTensor *tensor, const char *what, GError **error)
{
  g_autofree char *wanted = gonio_sym_shape_to_string (&port->shape);
  g_autofree char *given = gonio_shape_to_string (gonio_tensor_shape (tensor));
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
               "input '%s': %s: the model wants %s %s, given is %s %s", port->name, what,
               gonio_dtype_name (port->dtype), wanted,
               gonio_dtype_name (gonio_tensor_dtype (tensor)), given);
  return FALSE;
}

/* symbols: interned name -> const GonioPort* that bound it; sizes: the same -> dimension. */
static gboolean
match_symbol (GHashTable *symbols, const GonioPort *port, const char *symbol, int64_t size,
              GError **error)
{
  gpointer bound;
  if (!g_hash_table_lookup_extended (symbols, symbol, NULL, &bound)) {
    g_hash_table_insert (symbols, (gpointer)symbol, g_memdup2 (&size, sizeof size));
    return TRUE;
  }
  int64_t other = *(int64_t *)bound;
  if (other == size)
    return TRUE;
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
               "input '%s': dimension '%s' is %" G_GINT64_FORMAT " here and %" G_GINT64_FORMAT
               " in another input; they must agree",
               port->name, symbol, size, other);
  return FALSE;
}

/* Sequences and optional values: kind and element type. An empty one may be of no type. */
static gboolean
match_list (const GonioPort *port, const GonioTensor *value, GError **error)
{
  GonioDType dtype = gonio_list_dtype (value);
  if (gonio_tensor_kind (value) == port->kind &&
      (port->dtype == GONIO_DTYPE_NONE || dtype == GONIO_DTYPE_NONE || dtype == port->dtype))
    return TRUE;
  g_autofree char *given = gonio_list_describe (value);
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
               "input '%s': the model wants %s of %s, given is %s", port->name,
               gonio_kind_name (port->kind), gonio_dtype_name (port->dtype), given);
  return FALSE;
}

static gboolean
match_port (const GonioPort *port, const GonioTensor *tensor, GHashTable *symbols, GError **error)
{
  if (port->kind != GONIO_KIND_TENSOR || gonio_tensor_kind (tensor) != GONIO_KIND_TENSOR)
    return match_list (port, tensor, error);
  if (port->dtype != GONIO_DTYPE_NONE && port->dtype != gonio_tensor_dtype (tensor))
    return mismatch (port, tensor, "element types differ", error);
  const GonioShape *shape = gonio_tensor_shape (tensor);
  if (!port->shape.has_rank)
    return TRUE;
  if (port->shape.rank != shape->rank)
    return mismatch (port, tensor, "ranks differ", error);
  for (int i = 0; i < shape->rank; i++) {
    GonioDim dim = port->shape.dims[i];
    if (dim.value >= 0 && dim.value != shape->dims[i])
      return mismatch (port, tensor, "dimensions differ", error);
    if (dim.value < 0 && dim.symbol != NULL &&
        !match_symbol (symbols, port, dim.symbol, shape->dims[i], error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
find_port (GonioSession *session, const char *name, guint *out_index, GError **error)
{
  for (guint i = 0; i < session->inputs->len; i++) {
    if (g_str_equal (port_at (session, i)->name, name)) {
      *out_index = i;
      return TRUE;
    }
  }
  g_autofree char *names = list_names (session);
  g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
               "the model has no input '%s'; it has %s", name, names);
  return FALSE;
}

gboolean
gonio_session_match_inputs (GonioSession *session, const char *const *names,
                            GonioTensor *const *inputs, guint n_inputs, GonioTensor **out_ordered,
                            GError **error)
{
  guint n = session->inputs->len;
  g_autofree GonioTensor **ordered = g_new0 (GonioTensor *, MAX (n, 1));
  for (guint i = 0; i < n_inputs; i++) {
    guint at;
    if (!find_port (session, names[i], &at, error))
      return FALSE;
    if (ordered[at] != NULL) {
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT, "input '%s' is given twice",
                   names[i]);
      return FALSE;
    }
    ordered[at] = inputs[i];
  }
  g_autoptr (GHashTable) symbols = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  for (guint i = 0; i < n; i++) {
    if (ordered[i] == NULL) {
      g_autofree char *all = list_names (session);
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
                   "input '%s' is missing; the model needs %s", port_at (session, i)->name, all);
      return FALSE;
    }
    if (!match_port (port_at (session, i), ordered[i], symbols, error))
      return FALSE;
  }
  for (guint i = 0; i < n; i++)
    out_ordered[i] = ordered[i];
  return TRUE;
}

/* A run may find that a backend cannot do a node, or is lost, so often. */
#define MAX_ATTEMPTS 32

/* ordered: one tensor per input port. */
static gboolean
run_ordered (GonioSession *session, GonioTensor *const *ordered, GonioTensor ***out_outputs,
             GCancellable *cancellable, GError **error)
{
  guint n = session->inputs->len;
  g_autofree GonioShape *shapes = g_new0 (GonioShape, MAX (n, 1));
  for (guint i = 0; i < n; i++)
    shapes[i] = *gonio_tensor_shape (ordered[i]);
  g_autofree GonioTensor **outputs = g_new0 (GonioTensor *, MAX (session->outputs->len, 1));
  g_autoptr (GonioExecutable) exec = NULL;
  g_autoptr (GonioBodyCheck) bodies = NULL;
  for (guint attempts = 1;; attempts++) {
    g_autoptr (GError) local = NULL;
    g_autoptr (GArray) refusals = gonio_refusals_new (NULL);
    g_clear_pointer (&bodies, gonio_body_check_free);
    g_clear_pointer (&exec, gonio_executable_unref);
    exec = gonio_session_get_plan (session, shapes, cancellable, error);
    if (exec == NULL)
      return FALSE;
    if (session->check_values)
      bodies = gonio_body_check_new (gonio_executable_graph (exec));
    if (gonio_executable_run (exec, ordered, gonio_body_check_watch (bodies), outputs, refusals,
                              cancellable, &local))
      break;
    if (refusals->len == 0 || session->strict || attempts == MAX_ATTEMPTS) {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
    if (!gonio_session_replace_plan (session, exec, shapes, refusals, cancellable, error)) {
      g_prefix_error (error, "%s; without it: ", local->message);
      return FALSE;
    }
  }
  gboolean ok =
      bodies == NULL || gonio_session_check_values (session, exec, bodies, ordered, outputs, error);
  for (guint i = ok ? session->n_shown : 0; i < session->outputs->len; i++)
    g_clear_pointer (&outputs[i], gonio_tensor_unref);
  if (!ok)
    return FALSE;
  *out_outputs = g_steal_pointer (&outputs);
  return TRUE;
}

gboolean
gonio_session_run (GonioSession *session, const char *const *names, GonioTensor *const *inputs,
                   guint n_inputs, GonioTensor ***out_outputs, GCancellable *cancellable,
                   GError **error)
{
  g_autofree GonioTensor **ordered = g_new0 (GonioTensor *, MAX (session->inputs->len, 1));
  GonioWork work;
  gonio_work_begin (&work, session->budget, session->max_rounds, cancellable);
  gboolean ok = gonio_session_match_inputs (session, names, inputs, n_inputs, ordered, error) &&
                run_ordered (session, ordered, out_outputs, cancellable, error);
  gonio_work_end (&work);
  return ok;
}

void
gonio_session_free_outputs (GonioTensor **outputs, guint n)
{
  for (guint i = 0; outputs != NULL && i < n; i++)
    g_clear_pointer (&outputs[i], gonio_tensor_unref);
  g_free (outputs);
}

static gboolean
warm_up_shape (const GonioPort *port, GonioShape *out_shape, GError **error)
{
  if (!port->shape.has_rank) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
                 "input '%s' has no declared rank; give its shape to warm up", port->name);
    return FALSE;
  }
  GonioShape shape = {.rank = port->shape.rank};
  for (int i = 0; i < shape.rank; i++)
    shape.dims[i] = port->shape.dims[i].value >= 0 ? port->shape.dims[i].value : 1;
  *out_shape = shape;
  return TRUE;
}

gboolean
gonio_session_warm_up (GonioSession *session, const GonioShape *shapes, guint n_shapes,
                       GCancellable *cancellable, GError **error)
{
  guint n = session->inputs->len;
  if (shapes != NULL && n_shapes != n) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
                 "the model has %u inputs, shapes are given for %u", n, n_shapes);
    return FALSE;
  }
  g_autoptr (GPtrArray) zeros = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (guint i = 0; i < n; i++) {
    const GonioPort *port = port_at (session, i);
    GonioShape shape;
    if (port->kind != GONIO_KIND_TENSOR) {
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
                   "input '%s' is of kind %s; only tensors can be made up to warm up", port->name,
                   gonio_kind_name (port->kind));
      return FALSE;
    }
    if (shapes != NULL)
      shape = shapes[i];
    else if (!warm_up_shape (port, &shape, error))
      return FALSE;
    GonioDType dtype = port->dtype != GONIO_DTYPE_NONE ? port->dtype : GONIO_DTYPE_FLOAT;
    GonioTensor *zero = gonio_tensor_new_zeroed (dtype, &shape, error);
    if (zero == NULL)
      return FALSE;
    g_ptr_array_add (zeros, zero);
    g_ptr_array_add (names, (gpointer)port->name);
  }
  GonioTensor **outputs = NULL;
  if (!gonio_session_run (session, (const char *const *)names->pdata,
                          (GonioTensor *const *)zeros->pdata, n, &outputs, cancellable, error))
    return FALSE;
  gonio_session_free_outputs (outputs, session->outputs->len);
  return TRUE;
}
