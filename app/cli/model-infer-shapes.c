/* gonio-cli model infer-shapes: the graph with inferred types and shapes, as text, as dot, or as
 * the model file with them filled in. */
#include "app/cli/cli.h"

#include "core/onnx/annotate.h"
#include "core/onnx/load.h"
#include "core/ops/op.h"

GonioExit
gonio_cli_model_infer_shapes (const GonioCommand *command, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *out = NULL;
  gboolean dot = FALSE;
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &out, "write the model with shapes filled in there",
       "OUT.onnx"},
      {"dot", 0, 0, G_OPTION_ARG_NONE, &dot, "Graphviz instead of text", NULL},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, NULL, 1, 1, &argc, &argv, &code))
    return code;
  g_autoptr (GonioGraph) graph = gonio_onnx_load_file (argv[1], NULL, &error);
  if (graph == NULL)
    return gonio_cli_fail (error);
  if (!gonio_infer_graph (graph, &error)) {
    g_prefix_error (&error, "%s: ", argv[1]);
    return gonio_cli_fail (error);
  }
  if (out != NULL) {
    guint n_values;
    if (!gonio_onnx_save_annotated (argv[1], graph, out, &n_values, &error))
      return gonio_cli_fail (error);
    gonio_cli_print ("%s: types and shapes of %u values\n", out, n_values);
    return GONIO_EXIT_DONE;
  }
  g_autofree char *text =
      dot ? gonio_graph_to_dot (graph, gonio_op_name) : gonio_graph_to_text (graph, gonio_op_name);
  gonio_cli_print ("%s", text);
  return GONIO_EXIT_DONE;
}
