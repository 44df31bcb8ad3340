/* main of `gonio`. */
#include "app/desktop/gonio-application.h"

#include "app/backends.h"

#include <glib/gi18n.h>
#include <locale.h>

int
main (int argc, char **argv)
{
  int status;
  if (gonio_backends_main (argc, argv, &status))
    return status;
  setlocale (LC_ALL, "");
  const gboolean installed = !g_file_test (GONIO_BUILD_LOCALE_DIR, G_FILE_TEST_IS_DIR);
  bindtextdomain (GETTEXT_PACKAGE, installed ? GONIO_LOCALE_DIR : GONIO_BUILD_LOCALE_DIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);

  g_autoptr (GonioApplication) application = gonio_application_new ();
  status = g_application_run (G_APPLICATION (application), argc, argv);
  gonio_application_finish (application);
  return status;
}
