/* Standard errors of measures from those of the landmarks. Depends on protocol-private.h.
 *
 * First order: var = sum over landmarks of sigma^2 |d value / d position|^2, the derivative by
 * central differences through rectification and all constructions. Landmark errors are taken
 * as independent and equal in x and y. */
#include "core/measure/protocol-private.h"

#include <math.h>

/* Value with one coordinate of a landmark moved; NAN when it is not defined there. */
static double
value_moved (GonioEvaluation *e, guint measure, guint landmark, GonioPoint to)
{
  const GonioMeasure *m = gonio_protocol_row (e->protocol, measure);
  e->original[landmark] = to;
  gonio_evaluation_place (e, landmark);
  gonio_constructions_evaluate (e->protocol, m->order, m->n_order, e->values);
  double value = NAN;
  return gonio_evaluation_value (e, measure, &value, NULL) ? value : NAN;
}

static double
derivative (GonioEvaluation *e, guint measure, guint landmark, double dx, double dy, double center)
{
  gboolean is_angle = g_str_equal (gonio_protocol_row (e->protocol, measure)->unit, "deg");
  GonioPoint at = e->original[landmark];
  double up = value_moved (e, measure, landmark, (GonioPoint){at.x + dx, at.y + dy});
  double down = value_moved (e, measure, landmark, (GonioPoint){at.x - dx, at.y - dy});
  e->original[landmark] = at;
  double span = 2;
  if (isnan (up)) {
    up = center;
    span = 1;
  }
  if (isnan (down)) {
    down = center;
    span -= 1;
  }
  double change = is_angle ? gonio_angle_wrap (up - down) : up - down;
  return span > 0 ? change / (span * (fabs (dx) + fabs (dy))) : NAN;
}

double
gonio_uncertainty_propagate (GonioEvaluation *e, guint measure)
{
  const GonioMeasure *m = gonio_protocol_row (e->protocol, measure);
  double center = NAN, variance = 0;
  if (!gonio_evaluation_value (e, measure, &center, NULL))
    return NAN;
  for (guint k = 0; k < m->n_order; k++) {
    guint i = (guint)m->order[k];
    if (i >= e->protocol->n_landmarks || !(e->sigma[i] > 0))
      continue;
    double h = MAX (0.02, 0.1 * e->sigma[i]);
    double jx = derivative (e, measure, i, h, 0, center);
    double jy = derivative (e, measure, i, 0, h, center);
    variance += e->sigma[i] * e->sigma[i] * (jx * jx + jy * jy);
    gonio_evaluation_place (e, i);
  }
  gonio_constructions_evaluate (e->protocol, m->order, m->n_order, e->values);
  return sqrt (variance);
}
