/* What a landmark is and what can be done with it, as a popover. Depends on ui/model. */
#pragma once

#include "ui/model/gonio-item.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* A popover without parent. The item has a result with that landmark. */
GtkWidget *gonio_landmark_menu_new (GonioItem *item, const char *landmark);

G_END_DECLS
