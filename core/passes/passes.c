/* Which passes there are and in which order; see passes.h.
 *
 * Windows get explicit pads at every level: no backend then has to know "SAME_UPPER". Folding
 * comes before all that looks for constants, because it turns shape arithmetic and weights'
 * preparation into some; branches whose condition it finds out are spliced in next round.
 * Identities and chains of views go next, so that patterns are not hidden behind them.
 * Recognition runs before fusions: a Swish that is recognised can be fused into its
 * convolution. Scales are folded into weights before activations are, since a batch norm stands
 * between a convolution and its activation, and so does a sum. Dead code is swept after every round. Each round
 * may uncover more, so all repeat until nothing changes. */
#include "core/base/memory.h"
#include "core/ops/op.h"
#include "core/passes/pass-list.h"

#define MAX_ROUNDS 4

static const GonioPass table[] = {
    {"resolve-pads", GONIO_OPT_DISABLED, gonio_pass_resolve_pads},
    {"fold", GONIO_OPT_BASIC, gonio_pass_fold},
    {"inline-if", GONIO_OPT_BASIC, gonio_pass_inline_if},
    {"identity", GONIO_OPT_BASIC, gonio_pass_identity},
    {"merge-views", GONIO_OPT_BASIC, gonio_pass_merge_views},
    {"shuffle", GONIO_OPT_EXTENDED, gonio_pass_shuffle},
    {"recognise", GONIO_OPT_EXTENDED, gonio_pass_recognise},
    {"layer-norm", GONIO_OPT_EXTENDED, gonio_pass_layer_norm},
    {"fuse-gemm", GONIO_OPT_EXTENDED, gonio_pass_fuse_gemm},
    {"fuse-norm", GONIO_OPT_EXTENDED, gonio_pass_fuse_norm},
    {"fuse-pad", GONIO_OPT_EXTENDED, gonio_pass_fuse_pad},
    {"fuse-sum", GONIO_OPT_EXTENDED, gonio_pass_fuse_sum},
    {"fuse-activation", GONIO_OPT_EXTENDED, gonio_pass_fuse_activation},
    {"dead", GONIO_OPT_BASIC, gonio_pass_dead},
    {NULL, GONIO_OPT_DISABLED, NULL},
};

const GonioPass *
gonio_passes (void)
{
  return table;
}

static gboolean
wanted (const GonioPass *pass, const GonioPassOptions *options)
{
  if (pass->level > options->level)
    return FALSE;
  return !options->disabled || !g_strv_contains (options->disabled, pass->name);
}

static gboolean
dump (const GonioGraph *graph, const GonioPassOptions *options, guint number, const char *pass,
      GError **error)
{
  g_autofree char *name = g_strdup_printf ("%02u-%s.txt", number, pass);
  g_autofree char *path = g_build_filename (options->dump_dir, name, NULL);
  g_autofree char *text = gonio_graph_to_text (graph, gonio_op_name);
  return g_file_set_contents (path, text, -1, error);
}

/* A pass over the graph and then over the graphs inside its nodes. */
static gboolean
run_pass (const GonioPass *pass, GonioGraph *graph, const GonioPassOptions *options,
          guint *out_changes, GError **error)
{
  guint n = 0, changes = 0;

  if (!pass->run (graph, options, &changes, error))
    return FALSE;
  *out_changes += changes;
  n = gonio_graph_n_nodes (graph);
  for (GonioNodeId id = 0; id < n; id++) {
    const GonioNode *node = gonio_graph_node (graph, id);
    for (guint a = 0; node && a < node->n_attrs; a++) {
      if (node->attrs[a].type == GONIO_ATTR_GRAPH &&
          !run_pass (pass, node->attrs[a].graph, options, out_changes, error))
        return FALSE;
    }
  }
  return TRUE;
}

gboolean
gonio_passes_run (GonioGraph *graph, const GonioPassOptions *options, GError **error)
{
  guint number = 0;

  if (!gonio_infer_graph (graph, error))
    return FALSE;
  for (guint round = 0, changed = 1; round < MAX_ROUNDS && changed > 0; round++) {
    changed = 0;
    for (const GonioPass *pass = table; pass->name; pass++) {
      guint changes = 0;
      if (!wanted (pass, options))
        continue;
      if (!gonio_work_go_on (error))
        return FALSE;
      if (!run_pass (pass, graph, options, &changes, error)) {
        g_prefix_error (error, "Pass %s: ", pass->name);
        return FALSE;
      }
      if (changes == 0)
        continue;
      changed += changes;
      if (!gonio_infer_graph (graph, error) ||
          (options->dump_dir && !dump (graph, options, number++, pass->name, error)))
        return FALSE;
    }
  }
  return TRUE;
}
