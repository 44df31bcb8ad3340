/* Running subgraphs with the same interpreter, and If. Depends on program.h. */
#include "backends/reference/program.h"

/* ---- subgraphs ---- */

/* The program of the graph attribute of that name. */
static const RefProgram *
find_branch (const GonioKernel *k, const char *name)
{
  for (guint a = 0, at = 0; a < k->node->n_attrs; a++) {
    if (k->node->attrs[a].type != GONIO_ATTR_GRAPH)
      continue;
    if (g_str_equal (k->node->attrs[a].name, name))
      return k->branches[at];
    at++;
  }
  return NULL;
}

gboolean
ref_body_init (RefBody *body, const GonioKernel *k, const char *name, GError **error)
{
  const GonioCapture *captures;

  *body = (RefBody){.program = find_branch (k, name)};
  if (body->program == NULL)
    return ref_bad_value (error, "the graph '%s' is missing", name);
  body->graph = ref_program_graph (body->program);
  body->n_outputs = ref_program_n_outputs (body->program);
  body->outputs = g_new0 (GonioTensor *, body->n_outputs + 1);
  gonio_graph_inputs (body->graph, &body->n_inputs);
  captures = gonio_graph_captures (body->graph, &body->n_captures);
  body->inputs = g_new0 (GonioTensor *, body->n_captures + body->n_inputs + 1);
  for (guint i = 0; i < body->n_captures; i++) {
    const GonioValue *outer = gonio_graph_value (k->graph, captures[i].outer);

    body->inputs[i] = k->lookup != NULL ? k->lookup (k->lookup_data, captures[i].outer) : NULL;
    if (body->inputs[i] == NULL)
      body->inputs[i] = outer->constant;
    if (body->inputs[i] == NULL)
      return ref_bad_shape (error, "the branch reads '%s', which has no value", outer->name);
  }
  return TRUE;
}

static void
drop_outputs (RefBody *body)
{
  for (guint i = 0; body->outputs != NULL && i < body->n_outputs; i++)
    g_clear_pointer (&body->outputs[i], gonio_tensor_unref);
}

gboolean
ref_body_run (RefBody *body, const GonioKernel *k, GonioTensor *const *args, GError **error)
{
  drop_outputs (body);
  for (guint i = 0; i < body->n_inputs; i++)
    body->inputs[body->n_captures + i] = args[i];
  return !g_cancellable_set_error_if_cancelled (k->cancellable, error) &&
         ref_program_run_body (body->program, k, body->inputs, body->outputs, error);
}

void
ref_body_clear (RefBody *body)
{
  drop_outputs (body);
  g_clear_pointer (&body->outputs, g_free);
  g_clear_pointer (&body->inputs, g_free);
}

/* ---- If ---- */

static gboolean
run_if (GonioKernel *k, GError **error)
{
  g_auto (RefBody) branch = {0};
  int64_t condition;

  if (!ref_scalar_int (k->inputs[0], &condition, "the condition", error) ||
      !ref_body_init (&branch, k, condition ? "then_branch" : "else_branch", error))
    return FALSE;
  if (branch.n_inputs > 0)
    return ref_bad_shape (error, "a branch takes no inputs, this one has %u", branch.n_inputs);
  if (!ref_body_run (&branch, k, NULL, error))
    return FALSE;
  for (guint i = 0; i < k->node->n_outputs; i++) {
    if (!ref_wants (k, i))
      continue;
    if (i >= branch.n_outputs)
      return ref_bad_shape (error, "the branch has %u outputs, %u are wanted", branch.n_outputs,
                            k->node->n_outputs);
    /* Copied, because a branch may hand out what it captured: memory that is not its own. */
    if (!ref_output_value (k, i, branch.outputs[i], FALSE, error))
      return FALSE;
  }
  return TRUE;
}

const RefRow ref_rows_control[] = {
    {GONIO_OP_IF, run_if, NULL, {REF_BOOL}, 0, 0},
    {0},
};
