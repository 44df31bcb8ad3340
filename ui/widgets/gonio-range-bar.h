/* A small bar: the reference band and a marker at the value. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define GONIO_TYPE_RANGE_BAR (gonio_range_bar_get_type ())
G_DECLARE_FINAL_TYPE (GonioRangeBar, gonio_range_bar, GONIO, RANGE_BAR, GtkWidget)

GtkWidget *gonio_range_bar_new (void);
/* NAN for an open end of the band; error is the half width of the 95 % interval. */
void gonio_range_bar_set (GonioRangeBar *self, double axis_low, double axis_high, double low,
                          double high, double value, double error, gboolean in_reference);

G_END_DECLS
