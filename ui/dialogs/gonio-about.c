/* The About window; see gonio-about.h. */
#include "ui/dialogs/gonio-about.h"

#include <adwaita.h>
#include <glib/gi18n.h>

void
gonio_about_present (GtkWindow *parent)
{
  adw_show_about_window (
      parent, "application-name", "Gonio", "application-icon", "org.gonio.Gonio", "version",
      GONIO_VERSION, "developer-name", _ ("The Gonio developers"), "license-type",
      GTK_LICENSE_APACHE_2_0, "comments",
      _ ("Measures bone angles on radiographs, on this computer alone.\n\nThe models were trained "
         "on simulated radiographs. Gonio is not a medical device: a clinician has to check every "
         "angle."),
      NULL);
}
