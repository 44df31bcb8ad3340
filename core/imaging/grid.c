/* Backward-map transforms: source positions on a regular destination grid, bilinear in each
 * cell, with the exact inverse of the bilinear map. Depends on base.
 */
#include "core/imaging/transform-private.h"

#include <math.h>

#define MAX_NODES 257  /* along an axis */
#define BINS      32   /* along an axis of the source's bounding box */
#define EDGE_EPS  1e-9 /* cells are closed: their borders belong to both */

typedef struct {
  GonioTransform base;
  GonioPoint *nodes;
  guint cols, rows;
  double cell_w, cell_h; /* destination pixels */
  double orientation;    /* sign of every cell's Jacobian determinant */
  GonioPoint lo, hi;     /* bounding box of the nodes */
  guint *bin_start;      /* BINS * BINS + 1 offsets into bin_cells */
  guint *bin_cells;      /* cell numbers whose bounding boxes touch the bin */
} Grid;

/* One cell: P(u, v) = a + u b + v c + u v d, with u, v in 0..1. */
typedef struct {
  GonioPoint a, b, c, d;
} Cell;

static inline double
cross (GonioPoint p, GonioPoint q)
{
  return p.x * q.y - p.y * q.x;
}

static inline GonioPoint
madd (GonioPoint p, double k, GonioPoint q)
{
  return (GonioPoint){p.x + k * q.x, p.y + k * q.y};
}

static Cell
grid_cell (const Grid *g, guint i, guint j)
{
  const GonioPoint *n = g->nodes + (size_t)j * g->cols + i;
  GonioPoint p00 = n[0], p10 = n[1], p01 = n[g->cols], p11 = n[g->cols + 1];

  return (Cell){p00, madd (p10, -1, p00), madd (p01, -1, p00),
                madd (madd (madd (p11, -1, p10), -1, p01), 1, p00)};
}

static GonioPoint
cell_at (const Cell *c, double u, double v)
{
  return madd (madd (madd (c->a, u, c->b), v, c->c), u * v, c->d);
}

static double
cell_determinant (const Cell *c, double u, double v)
{
  return cross (madd (c->b, v, c->d), madd (c->c, u, c->d));
}

/* Solves P(u, v) = p with u in u0..u1 and v in v0..v1: v is a root of the quadratic
 * (p - a - v c) x (b + v d) = 0. */
static gboolean
cell_solve (const Grid *g, const Cell *c, GonioPoint p, double u0, double u1, double v0, double v1,
            double *out_u, double *out_v)
{
  GonioPoint e = madd (p, -1, c->a);
  double qa = -cross (c->c, c->d), qb = cross (e, c->d) - cross (c->c, c->b), qc = cross (e, c->b);
  double disc = qb * qb - 4 * qa * qc, root[2] = {0};

  if (disc < 0)
    return FALSE;
  double q = -0.5 * (qb + copysign (sqrt (disc), qb));
  root[0] = q != 0 ? qc / q : 0;
  root[1] = qa != 0 ? q / qa : root[0];
  for (guint i = 0; i < 2; i++) {
    double v = root[i], u = 0, det = 0;
    GonioPoint bd = madd (c->b, v, c->d), left = madd (e, -v, c->c), rest = {0};
    double length = bd.x * bd.x + bd.y * bd.y;

    if (!isfinite (v) || !(length > 0))
      continue;
    u = (left.x * bd.x + left.y * bd.y) / length;
    det = cell_determinant (c, u, v);
    if (!(det * g->orientation > 0))
      continue;
    /* One Newton step removes the cancellation left by nearly parallel sides. */
    rest = madd (p, -1, cell_at (c, u, v));
    u += cross (rest, madd (c->c, u, c->d)) / det;
    v += cross (bd, rest) / det;
    if (u >= u0 - EDGE_EPS && u <= u1 + EDGE_EPS && v >= v0 - EDGE_EPS && v <= v1 + EDGE_EPS) {
      *out_u = u;
      *out_v = v;
      return TRUE;
    }
  }
  return FALSE;
}

/* Cell and position of a destination point; the border cells reach one cell outwards. */
static gboolean
grid_inverse (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  const Grid *g = (const Grid *)t;
  double x = p.x / g->cell_w, y = p.y / g->cell_h, u = 0, v = 0;
  Cell cell;

  if (!(x >= -1 && y >= -1 && x <= g->cols && y <= g->rows))
    return FALSE;
  guint i = (guint)CLAMP (floor (x), 0, g->cols - 2);
  guint j = (guint)CLAMP (floor (y), 0, g->rows - 2);
  u = x - i;
  v = y - j;
  cell = grid_cell (g, i, j);
  if ((u < 0 || u > 1 || v < 0 || v > 1) && !(cell_determinant (&cell, u, v) * g->orientation > 0))
    return FALSE;
  *out = cell_at (&cell, u, v);
  return TRUE;
}

static gboolean
grid_try_cell (const Grid *g, guint i, guint j, GonioPoint p, gboolean extend, GonioPoint *out)
{
  Cell cell = grid_cell (g, i, j);
  double u = 0, v = 0;

  if (!cell_solve (g, &cell, p, extend && i == 0 ? -1 : 0, extend && i == g->cols - 2 ? 2 : 1,
                   extend && j == 0 ? -1 : 0, extend && j == g->rows - 2 ? 2 : 1, &u, &v))
    return FALSE;
  *out = (GonioPoint){(i + u) * g->cell_w, (j + v) * g->cell_h};
  return TRUE;
}

static guint
bin_of (double value, double lo, double hi)
{
  return (guint)CLAMP ((value - lo) / (hi - lo) * BINS, 0, BINS - 1);
}

static gboolean
grid_forward (const GonioTransform *t, GonioPoint p, GonioPoint *out)
{
  const Grid *g = (const Grid *)t;

  if (p.x >= g->lo.x && p.x <= g->hi.x && p.y >= g->lo.y && p.y <= g->hi.y) {
    guint bin = bin_of (p.y, g->lo.y, g->hi.y) * BINS + bin_of (p.x, g->lo.x, g->hi.x);

    for (guint k = g->bin_start[bin]; k < g->bin_start[bin + 1]; k++) {
      guint cell = g->bin_cells[k];

      if (grid_try_cell (g, cell % (g->cols - 1), cell / (g->cols - 1), p, FALSE, out))
        return TRUE;
    }
  }
  for (guint j = 0; j < g->rows - 1; j++) {
    gboolean whole_row = j == 0 || j == g->rows - 2;
    guint step = whole_row || g->cols == 2 ? 1 : g->cols - 2;

    for (guint i = 0; i < g->cols - 1; i += step)
      if (grid_try_cell (g, i, j, p, TRUE, out))
        return TRUE;
  }
  return FALSE;
}

static char *
grid_describe (const GonioTransform *t)
{
  return g_strdup ("grid");
}

static void
grid_clear (GonioTransform *t)
{
  Grid *g = (Grid *)t;

  g_free (g->nodes);
  g_free (g->bin_start);
  g_free (g->bin_cells);
}

static const GonioTransformKind grid_kind = {
    .forward = grid_forward,
    .inverse = grid_inverse,
    .describe = grid_describe,
    .clear = grid_clear,
};

/* Calls the counting (cells NULL) or the filling pass for every bin a cell touches. */
static void
bin_pass (const Grid *g, guint *counts, guint *cells)
{
  for (guint j = 0; j < g->rows - 1; j++) {
    for (guint i = 0; i < g->cols - 1; i++) {
      const GonioPoint *n = g->nodes + (size_t)j * g->cols + i;
      const GonioPoint p[4] = {n[0], n[1], n[g->cols], n[g->cols + 1]};
      GonioPoint lo = p[0], hi = p[0];

      for (guint k = 1; k < 4; k++) {
        lo = (GonioPoint){MIN (lo.x, p[k].x), MIN (lo.y, p[k].y)};
        hi = (GonioPoint){MAX (hi.x, p[k].x), MAX (hi.y, p[k].y)};
      }
      for (guint y = bin_of (lo.y, g->lo.y, g->hi.y); y <= bin_of (hi.y, g->lo.y, g->hi.y); y++) {
        for (guint x = bin_of (lo.x, g->lo.x, g->hi.x); x <= bin_of (hi.x, g->lo.x, g->hi.x); x++) {
          if (cells)
            cells[counts[y * BINS + x]++] = j * (g->cols - 1) + i;
          else
            counts[y * BINS + x + 1]++;
        }
      }
    }
  }
}

static void
build_bins (Grid *g)
{
  g_autofree guint *next = g_new (guint, BINS * BINS);

  g->bin_start = g_new0 (guint, BINS * BINS + 1);
  bin_pass (g, g->bin_start, NULL);
  for (guint k = 0; k < BINS * BINS; k++)
    g->bin_start[k + 1] += g->bin_start[k];
  g->bin_cells = g_new (guint, MAX (g->bin_start[BINS * BINS], 1));
  memcpy (next, g->bin_start, BINS * BINS * sizeof *next);
  bin_pass (g, next, g->bin_cells);
}

/* Finite nodes, no cell folded or flat, all turned the same way. */
static gboolean
check_cells (Grid *g)
{
  g->lo = g->hi = g->nodes[0];
  for (size_t k = 0; k < (size_t)g->cols * g->rows; k++) {
    GonioPoint p = g->nodes[k];

    if (!gonio_point_is_finite (p))
      return FALSE;
    g->lo = (GonioPoint){MIN (g->lo.x, p.x), MIN (g->lo.y, p.y)};
    g->hi = (GonioPoint){MAX (g->hi.x, p.x), MAX (g->hi.y, p.y)};
  }
  for (guint j = 0; j < g->rows - 1; j++) {
    for (guint i = 0; i < g->cols - 1; i++) {
      Cell cell = grid_cell (g, i, j);

      for (guint k = 0; k < 4; k++) {
        double det = cell_determinant (&cell, k & 1, k >> 1);

        if (g->orientation == 0)
          g->orientation = det > 0 ? 1 : -1;
        if (!(det * g->orientation > 0) || !isfinite (det))
          return FALSE;
      }
    }
  }
  return TRUE;
}

GonioTransform *
gonio_transform_new_grid (const GonioPoint *nodes, guint cols, guint rows, double width,
                          double height, GError **error)
{
  g_autoptr (GonioTransform) t = NULL;
  Grid *g = NULL;

  if (cols < 2 || rows < 2 || cols > MAX_NODES || rows > MAX_NODES || !(width > 0) ||
      !(height > 0) || !isfinite (width) || !isfinite (height)) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "a grid needs 2 to %d nodes each way and a positive size; this one has %u x %u "
                 "nodes over %g x %g",
                 MAX_NODES, cols, rows, width, height);
    return NULL;
  }
  t = gonio_transform_alloc (sizeof *g, &grid_kind);
  g = (Grid *)t;
  g->nodes = g_memdup2 (nodes, (size_t)cols * rows * sizeof *nodes);
  g->cols = cols;
  g->rows = rows;
  g->cell_w = width / (cols - 1);
  g->cell_h = height / (rows - 1);
  if (!check_cells (g)) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the grid folds over itself or is not finite: the picture cannot be "
                         "straightened with it. Use the four corners");
    return NULL;
  }
  build_bins (g);
  return g_steal_pointer (&t);
}
