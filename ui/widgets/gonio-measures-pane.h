/* The pane beside the picture: view and side, every measure, the confirm button. */
#pragma once

#include "ui/model/gonio-item.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define GONIO_TYPE_MEASURES_PANE (gonio_measures_pane_get_type ())
G_DECLARE_FINAL_TYPE (GonioMeasuresPane, gonio_measures_pane, GONIO, MEASURES_PANE, GtkWidget)

/* Signals, each with an id: "measure-selected" (nullable), "protocol-chosen" (measure as that),
 * "manual-chosen" (as that, by hand), "place" (a landmark, on the picture). */
GtkWidget *gonio_measures_pane_new (void);
void gonio_measures_pane_set_protocols (GonioMeasuresPane *self, GPtrArray *protocols);
void gonio_measures_pane_set_item (GonioMeasuresPane *self, GonioItem *item); /* nullable */

G_END_DECLS
