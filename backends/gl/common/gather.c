/* Reading through constant indices: Gather and its kin are moves with a table. Depends on move. */
#include "backends/gl/common/gather.h"

#include "backends/gl/common/move.h"

gboolean
gonio_gl_index (gint64 index, gint64 dim, gint64 *out_place)
{
  if (index < -dim || index >= dim)
    return FALSE;
  *out_place = index < 0 ? index + dim : index;
  return TRUE;
}

/* ---- Gather ---- */

static const char *
gather (const GonioGraph *graph, const GonioNode *node, GonioGlMove *move)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  int axis = gonio_gl_axis (gonio_node_attr_int (node, "axis", 0), in.rank);
  gsize n = 0;
  g_autofree gint64 *indices = gonio_gl_ints (graph, node, 1, &n);
  if (axis < 0)
    return "axis is out of range";
  if (!indices)
    return "the indices are no integers or too many";
  g_autofree gint32 *places = g_new (gint32, n + 1);
  for (gsize i = 0; i < n; i++) {
    gint64 place;
    if (!gonio_gl_index (indices[i], in.dims[axis], &place) || place >= GONIO_GL_MOST_INDEX)
      return "an index is out of range";
    places[i] = (gint32)place;
  }
  gonio_gl_move_init (move, &in);
  /* several axes of indices, or none, are one here, which only matters before the last channel */
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  move->image = in.rank >= 3 && (axis >= 2 ? out.rank >= 3 : out.rank == in.rank);
  for (int i = 0; i < in.rank; i++)
    if (i == axis)
      gonio_gl_move_push_table (move, (gint64)n, i, places);
    else
      gonio_gl_move_push (move, in.dims[i], i, 1);
  return NULL;
}

/* ---- rows that indices name: shared with scattering ---- */

const char *
gonio_gl_element_rows (const GonioGraph *graph, const GonioNode *node, GonioGlRows *out_rows)
{
  GonioShape data = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  const GonioValue *value = gonio_gl_in (graph, node, 1);
  GonioShape shape = gonio_gl_shape (value);
  int axis = gonio_gl_axis (gonio_node_attr_int (node, "axis", 0), data.rank);
  gint64 strides[GONIO_MAX_RANK], index[GONIO_MAX_RANK] = {0};
  gsize n = 0;
  g_autofree gint64 *indices = gonio_gl_ints (graph, node, 1, &n);
  if (!indices)
    return "the indices are no integers or too many";
  if (axis < 0 || shape.rank != data.rank || gonio_gl_count (&data) >= GONIO_GL_MOST_INDEX)
    return "the indices do not fit, or the data is too large for them";
  gonio_shape_strides (&data, strides);
  g_autofree gint32 *places = g_new (gint32, n + 1);
  for (gsize i = 0; i < n; i++) {
    gint64 at = 0, place;
    for (int d = 0; d < data.rank; d++) {
      if (!gonio_gl_index (d == axis ? indices[i] : index[d], data.dims[d], &place))
        return "an index is out of range";
      at += place * strides[d];
    }
    places[i] = (gint32)at;
    for (int d = data.rank - 1; d >= 0 && ++index[d] == shape.dims[d]; d--)
      index[d] = 0;
  }
  *out_rows = (GonioGlRows){g_steal_pointer (&places), (gint64)n, gonio_gl_count (&data), 1};
  return NULL;
}

const char *
gonio_gl_tuple_rows (const GonioGraph *graph, const GonioNode *node, gint64 batch,
                     GonioGlRows *out_rows)
{
  GonioShape data = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape shape = gonio_gl_shape (gonio_gl_in (graph, node, 1));
  gint64 rows = 1, slice = 1, tuples = 1, per_batch = 1;
  gsize n = 0;
  g_autofree gint64 *indices = gonio_gl_ints (graph, node, 1, &n);
  if (!indices || (node->op == GONIO_OP_GATHER_ND && !gonio_gl_are_int64 (graph, node, 0x2)))
    return "the indices are no integers or too many";
  if (shape.rank < 1 || data.rank < 1 || batch < 0 || batch >= MIN (data.rank, shape.rank))
    return "the indices do not fit the data";
  gint64 width = shape.dims[shape.rank - 1];
  if (width < 1 || width > data.rank - batch)
    return "the indices do not fit the data";
  for (int d = 0; d < data.rank; d++)
    *(d < batch + width ? &rows : &slice) *= data.dims[d];
  for (int d = 0; d < shape.rank - 1; d++) {
    if (d < batch && data.dims[d] != shape.dims[d])
      return "the indices do not fit the data";
    tuples *= shape.dims[d];
    per_batch *= d < batch ? 1 : shape.dims[d];
  }
  if (rows >= GONIO_GL_MOST_INDEX || tuples > GONIO_GL_MOST_INDEX / 4)
    return "its indices are too many for a table";
  g_autofree gint32 *places = g_new (gint32, tuples + 1);
  for (gint64 t = 0; t < tuples; t++) {
    gint64 at = batch > 0 ? t / per_batch : 0, place;
    for (gint64 w = 0; w < width; w++) {
      gint64 dim = data.dims[batch + w];
      if (!gonio_gl_index (indices[t * width + w], dim, &place))
        return "an index is out of range";
      at = at * dim + place;
    }
    places[t] = (gint32)at;
  }
  *out_rows = (GonioGlRows){g_steal_pointer (&places), tuples, rows, slice};
  return NULL;
}

static const char *
gather_rows (const GonioGraph *graph, const GonioNode *node, GonioGlMove *move)
{
  g_auto (GonioGlRows) rows = {0};
  const char *reason =
      node->op == GONIO_OP_GATHER_ND
          ? gonio_gl_tuple_rows (graph, node, gonio_node_attr_int (node, "batch_dims", 0), &rows)
          : gonio_gl_element_rows (graph, node, &rows);
  if (reason)
    return reason;
  gonio_gl_move_init_view (move, 2, (gint64[]){rows.rows, rows.slice});
  gonio_gl_move_push_table (move, rows.n, 0, rows.places);
  gonio_gl_move_push (move, rows.slice, 1, 1);
  return NULL;
}

/* ---- claims and steps ---- */

static const char *
tell (const GonioGraph *graph, const GonioNode *node, GonioGlMove *move)
{
  return (node->op == GONIO_OP_GATHER ? gather : gather_rows) (graph, node, move);
}

static const char *
gather_claim (const GonioGraph *graph, const GonioNode *node)
{
  g_auto (GonioGlMove) move = {0};
  const char *reason = tell (graph, node, &move);
  return reason ? reason : gonio_gl_move_check (&move);
}

static gboolean
gather_lower (GonioGlLower *lower, GError **error)
{
  g_auto (GonioGlMove) move = {0};
  (void)tell (lower->graph, lower->node, &move); /* as claimed */
  return gonio_gl_move_lower (lower, 0, 0, &move, error);
}

const GonioGlOp gonio_gl_ops_gather[] = {
    {GONIO_OP_GATHER, gather_claim, gather_lower, 0x2},
    {GONIO_OP_GATHER_ELEMENTS, gather_claim, gather_lower, 0x2},
    {GONIO_OP_GATHER_ND, gather_claim, gather_lower, 0x2},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
