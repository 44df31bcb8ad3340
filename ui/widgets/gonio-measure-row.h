/* One measure in the pane: value with its doubt, grade in words, and what lies behind it. */
#pragma once

#include "core/measure/protocol.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define GONIO_TYPE_MEASURE_ROW (gonio_measure_row_get_type ())
G_DECLARE_FINAL_TYPE (GonioMeasureRow, gonio_measure_row, GONIO, MEASURE_ROW, GtkListBoxRow)

GtkWidget *gonio_measure_row_new (GonioProtocol *protocol, guint measure);
const char *gonio_measure_row_get_id (GonioMeasureRow *self);
/* measure NULL: not measured. */
void gonio_measure_row_update (GonioMeasureRow *self, GonioResult *result,
                               const GonioMeasurement *measure);
void gonio_measure_row_set_expanded (GonioMeasureRow *self, gboolean expanded);

G_END_DECLS
