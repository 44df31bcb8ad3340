/* What a measure is and where its numbers come from, as a widget for a popover. Depends on
 * core/measure. */
#pragma once

#include "core/measure/protocol.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

GtkWidget *gonio_measure_help_new (GonioProtocol *protocol, guint measure);
/* "below 15°", "9–12°"; NULL when both ends are open. (transfer full) */
char *gonio_measure_range_words (double low, double high, const char *unit);

G_END_DECLS
