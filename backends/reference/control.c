/* If: runs the chosen branch with the same interpreter. Depends on program.h. */
#include "backends/reference/program.h"

/* What a branch reads of this graph, in the order of its captures. Borrowed. */
static GonioTensor **
captured (const GonioKernel *k, const GonioGraph *branch, GError **error)
{
  guint n;
  const GonioCapture *captures = gonio_graph_captures (branch, &n);
  g_autofree GonioTensor **tensors = g_new0 (GonioTensor *, n + 1);

  for (guint i = 0; i < n; i++) {
    tensors[i] = k->lookup != NULL ? k->lookup (k->lookup_data, captures[i].outer) : NULL;
    if (tensors[i] == NULL)
      tensors[i] = gonio_graph_value (k->graph, captures[i].outer)->constant;
    if (tensors[i] == NULL) {
      ref_raise (error, GONIO_RUN_ERROR_SHAPE, "the branch reads '%s', which has no value",
                 gonio_graph_value (k->graph, captures[i].outer)->name);
      return NULL;
    }
  }
  return g_steal_pointer (&tensors);
}

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

/* Copies, because a branch may hand out what it captured, and that memory is not its own. */
static gboolean
copy_outputs (GonioKernel *k, GonioTensor *const *made, guint n, GError **error)
{
  for (guint i = 0; i < k->node->n_outputs; i++) {
    GonioTensor *y;

    if (!ref_wants (k, i))
      continue;
    if (i >= n)
      return ref_bad_shape (error, "the branch has %u outputs, %u are wanted", n,
                            k->node->n_outputs);
    y = ref_output (k, i, gonio_tensor_dtype (made[i]), gonio_tensor_shape (made[i]), error);
    if (y == NULL)
      return FALSE;
    ref_copy (y, 0, made[i], 0, gonio_tensor_count (y));
  }
  return TRUE;
}

static gboolean
run_if (GonioKernel *k, GError **error)
{
  GonioRunArgs args = {.cancellable = k->cancellable};
  g_autofree GonioTensor **inputs = NULL;
  g_autofree GonioTensor **outputs = NULL;
  const RefProgram *branch;
  int64_t condition;
  gboolean ok;
  guint n;

  if (!ref_scalar_int (k->inputs[0], &condition, "the condition", error))
    return FALSE;
  branch = find_branch (k, condition ? "then_branch" : "else_branch");
  if (branch == NULL)
    return ref_bad_value (error, "a branch is missing");
  inputs = captured (k, ref_program_graph (branch), error);
  if (inputs == NULL)
    return FALSE;
  n = ref_program_n_outputs (branch);
  outputs = g_new0 (GonioTensor *, n + 1);
  ok = ref_program_run (branch, &args, inputs, outputs, error) &&
       copy_outputs (k, outputs, n, error);
  for (guint i = 0; i < n; i++)
    g_clear_pointer (&outputs[i], gonio_tensor_unref);
  return ok;
}

const RefRow ref_rows_control[] = {
    {GONIO_OP_IF, run_if, NULL, {REF_BOOL}, 0, 0},
    {0},
};
