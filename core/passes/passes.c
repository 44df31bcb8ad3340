/* Which passes there are and in which order; see passes.h.
 *
 * Folding comes first, because it turns shape arithmetic and weights' preparation into
 * constants that the fusions look for. Identities go next, so that patterns are not hidden
 * behind them. Recognition runs before fusions: a Swish that is recognised can be fused into
 * its convolution. Normalisations are folded into weights before padding and activations are,
 * since a batch norm stands between a convolution and its activation. Dead code is swept
 * after every round. Each round may uncover more, so all repeat until nothing changes. */
#include "core/passes/pass-list.h"

#include "core/ops/op.h"

#define MAX_ROUNDS 4

static const GonioPass table[] = {
    {"fold", GONIO_OPT_BASIC, gonio_pass_fold},
    {"identity", GONIO_OPT_BASIC, gonio_pass_identity},
    {"recognise", GONIO_OPT_EXTENDED, gonio_pass_recognise},
    {"fuse-gemm", GONIO_OPT_EXTENDED, gonio_pass_fuse_gemm},
    {"fuse-norm", GONIO_OPT_EXTENDED, gonio_pass_fuse_norm},
    {"fuse-pad", GONIO_OPT_EXTENDED, gonio_pass_fuse_pad},
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

gboolean
gonio_passes_run (GonioGraph *graph, const GonioPassOptions *options, GError **error)
{
  guint number = 0;
  if (!gonio_infer_graph (graph, error))
    return FALSE;
  for (guint round = 0; round < MAX_ROUNDS; round++) {
    guint changed = 0;
    for (const GonioPass *pass = table; pass->name; pass++) {
      if (!wanted (pass, options))
        continue;
      guint changes = 0;
      if (!pass->run (graph, options, &changes, error)) {
        g_prefix_error (error, "pass %s: ", pass->name);
        return FALSE;
      }
      if (changes == 0)
        continue;
      changed += changes;
      if (options->dump_dir && !dump (graph, options, number++, pass->name, error))
        return FALSE;
    }
    if (!gonio_infer_graph (graph, error))
      return FALSE;
    if (changed == 0)
      break;
  }
  return TRUE;
}
