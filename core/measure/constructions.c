/* Evaluates constructions: landmarks to points, lines and circles. Depends on geometry.h.
 *
 * Frame: isotropic flat units, x right, y down. */
#include "core/measure/protocol-private.h"

#include <math.h>

static GonioPoint
direction (const GonioFigure *line)
{
  return gonio_point_sub (line->p[1], line->p[0]);
}

static GonioPoint
step (GonioPoint from, GonioPoint unit, double length)
{
  return (GonioPoint){from.x + unit.x * length, from.y + unit.y * length};
}

/* Gathers the points of a node into out (room for GONIO_PROTOCOL_MAX_POINTS). */
static void
gather (const GonioElement *node, const GonioFigure *values, GonioPoint *out)
{
  for (guint i = 0; i < node->n_points; i++)
    out[i] = values[node->points[i]].p[0];
}

static gboolean
make_line (const GonioElement *node, const GonioFigure *values, GonioFigure *out)
{
  GonioPoint points[GONIO_PROTOCOL_MAX_POINTS];
  gather (node, values, points);
  return gonio_line_fit (points, node->n_points, out->p);
}

static gboolean
make_midpoint (const GonioElement *node, const GonioFigure *values, GonioFigure *out)
{
  GonioPoint points[GONIO_PROTOCOL_MAX_POINTS], mean = {0, 0};
  gather (node, values, points);
  for (guint i = 0; i < node->n_points; i++)
    mean = step (mean, points[i], 1.0 / node->n_points);
  out->p[0] = mean;
  return TRUE;
}

static gboolean
make_circle (const GonioElement *node, const GonioFigure *values, GonioFigure *out)
{
  GonioPoint points[GONIO_PROTOCOL_MAX_POINTS];
  gather (node, values, points);
  return gonio_circle_fit (points, node->n_points, &out->p[0], &out->radius);
}

/* Across the line, the way that has a positive share of "along". */
static gboolean
make_perpendicular (const GonioElement *node, const GonioFigure *values, GonioFigure *out)
{
  GonioPoint u = direction (&values[node->line[0]]), along = direction (&values[node->along]);
  double length = gonio_point_length (u);
  GonioPoint n = {-u.y / length, u.x / length};
  double share = gonio_point_dot (n, along);
  if (!(fabs (share) > 1e-9 * gonio_point_length (along)))
    return FALSE;
  out->p[0] = values[node->through].p[0];
  out->p[1] = step (out->p[0], n, copysign (gonio_point_length (along), share));
  return TRUE;
}

static gboolean
make_parallel (const GonioElement *node, const GonioFigure *values, GonioFigure *out)
{
  GonioPoint u = direction (&values[node->line[0]]);
  double sign = 1;
  if (node->along >= 0)
    sign = copysign (1, gonio_point_dot (u, direction (&values[node->along])));
  out->p[0] = values[node->through].p[0];
  out->p[1] = step (out->p[0], u, sign);
  return TRUE;
}

static gboolean
make_tangent (const GonioElement *node, const GonioFigure *values, GonioFigure *out)
{
  const GonioFigure *circle = &values[node->line[0]];
  out->p[0] = values[node->through].p[0];
  return gonio_circle_tangent (circle->p[0], circle->radius, out->p[0],
                               direction (&values[node->along]), &out->p[1]);
}

/* The edge of the picture nearest to "along", so that a film scanned sideways measures the same. */
static gboolean
make_edge (const GonioElement *node, const GonioFigure *values, GonioFigure *out)
{
  GonioPoint along = direction (&values[node->along]);
  double length = gonio_point_length (along);
  GonioPoint edge = fabs (along.x) >= fabs (along.y) ? (GonioPoint){copysign (1, along.x), 0}
                                                     : (GonioPoint){0, copysign (1, along.y)};
  if (node->through >= 0) {
    out->p[0] = values[node->through].p[0];
  } else {
    GonioPoint mid = gonio_point_mid (values[node->along].p[0], values[node->along].p[1]);
    out->p[0] = step (mid, edge, -0.5 * length);
  }
  out->p[1] = step (out->p[0], edge, length);
  return TRUE;
}

static gboolean
make_intersection (const GonioElement *node, const GonioFigure *values, GonioFigure *out)
{
  return gonio_line_intersection (values[node->line[0]].p, values[node->line[1]].p, &out->p[0]);
}

typedef gboolean (*Make) (const GonioElement *node, const GonioFigure *values, GonioFigure *out);

static const Make makers[] = {
    [GONIO_ELEMENT_LINE] = make_line,
    [GONIO_ELEMENT_MIDPOINT] = make_midpoint,
    [GONIO_ELEMENT_PERPENDICULAR] = make_perpendicular,
    [GONIO_ELEMENT_PARALLEL] = make_parallel,
    [GONIO_ELEMENT_CIRCLE] = make_circle,
    [GONIO_ELEMENT_TANGENT] = make_tangent,
    [GONIO_ELEMENT_HORIZONTAL] = make_edge,
    [GONIO_ELEMENT_VERTICAL] = make_edge,
    [GONIO_ELEMENT_INTERSECTION] = make_intersection,
};

/* The first dependency that has no value, or -1. */
static int
broken_dependency (const GonioElement *node, const GonioFigure *values)
{
  for (guint i = 0; i < node->n_points; i++)
    if (values[node->points[i]].state != GONIO_FIGURE_OK)
      return node->points[i];
  const int single[] = {node->line[0], node->line[1], node->through, node->along};
  for (guint i = 0; i < G_N_ELEMENTS (single); i++)
    if (single[i] >= 0 && values[single[i]].state != GONIO_FIGURE_OK)
      return single[i];
  return -1;
}

void
gonio_constructions_evaluate (const GonioProtocol *protocol, const int *order, guint n_order,
                              GonioFigure *values)
{
  for (guint k = 0; k < n_order; k++) {
    int i = order[k];
    const GonioElement *node = gonio_protocol_element (protocol, i);
    if (node->kind == GONIO_ELEMENT_LANDMARK)
      continue;
    int broken = broken_dependency (node, values);
    if (broken >= 0) {
      values[i] = (GonioFigure){.state = values[broken].state, .node = values[broken].node};
      continue;
    }
    GonioFigure value = {.state = GONIO_FIGURE_OK, .node = i};
    if (!makers[node->kind](node, values, &value) || !gonio_point_is_finite (value.p[0]) ||
        !gonio_point_is_finite (value.p[1]))
      value.state = GONIO_FIGURE_DEGENERATE;
    values[i] = value;
  }
}

/* Of the first pair that is there. */
static gboolean
find_direction (const GonioFrameDirection *direction, const GonioFigure *values, GonioPoint *out)
{
  for (guint i = 0; i < direction->n_pairs; i++) {
    const GonioFigure *from = &values[direction->nodes[2 * i]];
    const GonioFigure *to = &values[direction->nodes[2 * i + 1]];
    if (from->state != GONIO_FIGURE_OK || to->state != GONIO_FIGURE_OK)
      continue;
    *out = gonio_point_sub (to->p[0], from->p[0]);
    return TRUE;
  }
  return FALSE;
}

int
gonio_frame_chirality (const GonioFrame *frame, const GonioFigure *values)
{
  if (!frame->set)
    return 0;
  GonioPoint lateral, distal;
  if (!find_direction (&frame->lateral, values, &lateral) ||
      !find_direction (&frame->distal, values, &distal))
    return 0;
  double cross = gonio_point_cross (distal, lateral);
  /* About one degree: nearer to parallel the sense is anybody's guess. */
  if (!(fabs (cross) > 0.02 * gonio_point_length (distal) * gonio_point_length (lateral)))
    return 0;
  return cross > 0 ? 1 : -1;
}
