/* A small bar with reference band and marker; see gonio-range-bar.h. */
#include "ui/widgets/gonio-range-bar.h"

#include <math.h>

struct _GonioRangeBar {
  GtkWidget parent_instance;
  double axis_low, axis_high, low, high, value, error;
  gboolean in_reference;
};

G_DEFINE_FINAL_TYPE (GonioRangeBar, gonio_range_bar, GTK_TYPE_WIDGET)

static void
gonio_range_bar_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  GonioRangeBar *self = GONIO_RANGE_BAR (widget);
  const double width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  const double span = self->axis_high - self->axis_low;
  if (!(span > 0) || width < 20)
    return;
  const double inner = width - 12;
#define X(v) (6 + inner * CLAMP (((v)-self->axis_low) / span, 0.0, 1.0))

  GdkRGBA text;
  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &text);
  cairo_t *cr =
      gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0, 0, (float)width, (float)height));
  const double y = height / 2;
  cairo_set_line_cap (cr, CAIRO_LINE_CAP_ROUND);
  cairo_set_source_rgba (cr, text.red, text.green, text.blue, 0.25);
  cairo_set_line_width (cr, 4);
  cairo_move_to (cr, 6, y);
  cairo_line_to (cr, 6 + inner, y);
  cairo_stroke (cr);

  cairo_set_source_rgba (cr, 0.0, 0.62, 0.45, 0.9);
  cairo_set_line_width (cr, 8);
  cairo_set_line_cap (cr, CAIRO_LINE_CAP_BUTT);
  cairo_move_to (cr, X (isnan (self->low) ? self->axis_low : self->low), y);
  cairo_line_to (cr, X (isnan (self->high) ? self->axis_high : self->high), y);
  cairo_stroke (cr);

  if (isfinite (self->value)) {
    const double x = X (self->value);
    cairo_set_source_rgba (cr, text.red, text.green, text.blue, 1);
    if (self->error > 0) {
      cairo_set_line_width (cr, 1.5);
      cairo_move_to (cr, X (self->value - self->error), y);
      cairo_line_to (cr, X (self->value + self->error), y);
      cairo_stroke (cr);
    }
    /* Shape as well as place: a diamond inside the band, a triangle outside. */
    cairo_move_to (cr, x, y - 6);
    cairo_line_to (cr, x + 5, self->in_reference ? y : y + 6);
    if (self->in_reference)
      cairo_line_to (cr, x, y + 6);
    cairo_line_to (cr, x - 5, self->in_reference ? y : y + 6);
    cairo_close_path (cr);
    cairo_fill (cr);
  }
#undef X
  cairo_destroy (cr);
}

static void
gonio_range_bar_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                         int *natural, int *minimum_baseline, int *natural_baseline)
{
  *minimum = orientation == GTK_ORIENTATION_HORIZONTAL ? 40 : 16;
  *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? 120 : 16;
}

static void
gonio_range_bar_class_init (GonioRangeBarClass *klass)
{
  GTK_WIDGET_CLASS (klass)->snapshot = gonio_range_bar_snapshot;
  GTK_WIDGET_CLASS (klass)->measure = gonio_range_bar_measure;
  gtk_widget_class_set_css_name (GTK_WIDGET_CLASS (klass), "rangebar");
  gtk_widget_class_set_accessible_role (GTK_WIDGET_CLASS (klass), GTK_ACCESSIBLE_ROLE_PRESENTATION);
}

static void
gonio_range_bar_init (GonioRangeBar *self)
{
  self->value = NAN;
}

GtkWidget *
gonio_range_bar_new (void)
{
  return g_object_new (GONIO_TYPE_RANGE_BAR, NULL);
}

void
gonio_range_bar_set (GonioRangeBar *self, double axis_low, double axis_high, double low,
                     double high, double value, double error, gboolean in_reference)
{
  self->axis_low = axis_low;
  self->axis_high = axis_high;
  self->low = low;
  self->high = high;
  self->value = value;
  self->error = error;
  self->in_reference = in_reference;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}
