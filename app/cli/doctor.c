/* gonio-cli doctor: backends with their devices or what keeps them from running. */
#include "app/backends.h"
#include "app/cli/cli.h"

GonioExit
gonio_cli_doctor (const GonioCommand *command, int argc, char **argv)
{
  GonioExit code = GONIO_EXIT_DONE;
  if (!gonio_cli_parse (command, NULL, NULL, 0, 0, &argc, &argv, &code))
    return code;
  gonio_cli_print ("gonio-cli %s\n", GONIO_VERSION);
  for (const GonioBackendDef *const *def = gonio_backends (); *def != NULL; def++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *text = NULL;
    gboolean ok = gonio_backend_describe (*def, &text, &error);
    gonio_cli_print ("backend %s: %s%s\n", (*def)->name,
                     ok ? "" : "not available: ", ok ? text : error->message);
  }
  return GONIO_EXIT_DONE;
}
