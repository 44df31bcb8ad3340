/* gonio-cli model check: can every node run? */
#include "app/cli/cli.h"

#include "core/onnx/load.h"

GonioExit
gonio_cli_model_check (const GonioCommand *command, int argc, char **argv)
{
  g_auto (GonioCliSession) args = {0};
  g_autoptr (GError) error = NULL;
  GonioExit code = GONIO_EXIT_DONE;
  if (!gonio_cli_parse (command, NULL, &args, 1, 1, &argc, &argv, &code))
    return code;
  g_autoptr (GPtrArray) missing = gonio_onnx_check_file (argv[1], NULL, &error);
  if (missing == NULL)
    return gonio_cli_fail (error);
  for (guint i = 0; i < missing->len; i++) {
    const GonioUnsupported *row = g_ptr_array_index (missing, i);
    gonio_cli_print ("%s%s%s\t%s\t%s\n", row->domain, *row->domain ? "." : "", row->op, row->node,
                     row->reason);
  }
  if (missing->len > 0)
    return GONIO_EXIT_INPUT;

  /* All operators are known; types, shapes and placement can still be at odds. */
  GonioSessionOptions options;
  g_autofree const GonioBackendDef **backends = NULL;
  if (!gonio_cli_session_options (&args, &options, &backends, &error))
    return gonio_cli_fail (error);
  g_autoptr (GonioSession) session =
      gonio_session_new_from_file (argv[1], &options, gonio_cli_cancellable (), &error);
  if (session == NULL)
    return gonio_cli_fail (error);
  g_autofree char *summary = gonio_session_dup_placement_summary (session);
  gonio_cli_print ("every node can run: %s\n", summary);
  return GONIO_EXIT_DONE;
}
