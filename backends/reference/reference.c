/* The definition of the reference backend. Depends on program.h. */
#include "backends/reference/reference.h"

#include "backends/reference/program.h"

/* A region is a program; the two opaque types are one. */
static RefProgram *
to_program (GonioCompiled *compiled)
{
  return (RefProgram *)compiled;
}

static gboolean
reference_probe (GonioBackendInfo *out_info, GError **error)
{
  out_info->device = g_strdup ("processor, 1 thread");
  out_info->driver = g_strdup ("plain C " GONIO_VERSION);
  return TRUE;
}

static GonioBackend *
reference_create (const GonioBackendOptions *options, GError **error)
{
  return (GonioBackend *)g_new0 (char, 1); /* it has no state */
}

static void
reference_destroy (GonioBackend *backend)
{
  g_free (backend);
}

static gboolean
reference_claim (GonioBackend *backend, const GonioGraph *graph, GonioNodeId node,
                 GonioClaim *out_claim)
{
  const char *refusal = ref_refusal (graph, node);

  *out_claim = (GonioClaim){.layouts = GONIO_CLAIM_PLAIN, .preferred = GONIO_CLAIM_PLAIN};
  if (refusal == NULL)
    return TRUE;
  out_claim->layouts = 0;
  out_claim->reason = refusal;
  return FALSE;
}

static GonioCompiled *
reference_compile (GonioBackend *backend, const GonioRegion *region, GError **error)
{
  return (GonioCompiled *)ref_program_new (region, TRUE, error);
}

static void
reference_compiled_free (GonioCompiled *compiled)
{
  ref_program_free (to_program (compiled));
}

static size_t
reference_workspace_size (const GonioCompiled *compiled)
{
  return ref_program_workspace ((const RefProgram *)compiled);
}

static gboolean
reference_run (GonioCompiled *compiled, const GonioRunArgs *args, GonioTensor *const *inputs,
               GonioTensor **outputs, GError **error)
{
  return ref_program_run (to_program (compiled), args, inputs, outputs, error);
}

static gboolean
reference_evaluate (const GonioGraph *graph, GonioNodeId id, GonioTensor *const *inputs,
                    GonioTensor **outputs, GError **error)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  const char *refusal = ref_refusal (graph, id);
  g_autofree GonioTensor **planned = g_new0 (GonioTensor *, node->n_outputs + 1);
  RefProgram **branches;
  GonioKernel k = {.graph = graph,
                   .node = node,
                   .row = ref_row (node->op),
                   .inputs = inputs,
                   .planned = planned,
                   .outputs = outputs};
  gboolean ok;

  if (refusal != NULL) {
    g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNSUPPORTED, "%s (%s): %s",
                 node->name, gonio_op_name (node->op), refusal);
    return FALSE;
  }
  branches = ref_branches_new (node, 1, error);
  if (branches == NULL)
    return FALSE;
  k.branches = branches;
  for (guint i = 0; i < node->n_outputs; i++)
    outputs[i] = NULL;
  ok = ref_kernel_call (&k, error);
  for (guint i = 0; ok && i < node->n_outputs; i++)
    if (node->outputs[i] == GONIO_VALUE_NONE)
      g_clear_pointer (&outputs[i], gonio_tensor_unref);
  ref_branches_free (branches);
  return ok;
}

static gboolean
reference_has_op (guint op)
{
  return ref_row (op) != NULL;
}

const GonioBackendDef gonio_backend_reference = {
    .api_version = GONIO_BACKEND_API,
    .name = "reference",
    .probe = reference_probe,
    .create = reference_create,
    .destroy = reference_destroy,
    .claim = reference_claim,
    .compile = reference_compile,
    .compiled_free = reference_compiled_free,
    .workspace_size = reference_workspace_size,
    .run = reference_run,
    .evaluate = reference_evaluate,
    .has_op = reference_has_op,
};
