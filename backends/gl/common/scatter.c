/* Results that take some of their elements from elsewhere, or sums along an axis: ScatterElements,
 * ScatterND, TensorScatter, Where, Trilu, CumSum, CumProd. Depends on gather, move. */
#include "backends/gl/common/gather.h"
#include "backends/gl/common/move.h"

#include <string.h>

/* ---- scatters: rows of the data that updates replace or change ---- */

static const char *
write_rows (const GonioGraph *graph, const GonioNode *node, GonioGlRows *out_rows)
{
  GonioShape data = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape part = gonio_gl_shape (gonio_gl_in (graph, node, 1));
  const char *mode = gonio_node_attr_string (node, "mode", "linear");
  int axis = gonio_gl_axis (gonio_node_attr_int (node, "axis", -2), data.rank);
  gboolean circular = g_str_equal (mode, "circular"), fits = part.rank == data.rank && axis > 0;
  gint64 outer = 1, slice = 1;
  gsize n_starts = 0;
  g_autofree gint64 *starts = gonio_gl_ints (graph, node, 2, &n_starts);
  if (!circular && !g_str_equal (mode, "linear"))
    return "this mode is not known";
  for (int d = 0; fits && d < data.rank; d++) {
    fits = d == axis ? part.dims[d] <= data.dims[d] : part.dims[d] == data.dims[d];
    *(d < axis ? &outer : &slice) *= d == axis ? 1 : data.dims[d];
  }
  if (!gonio_gl_are_int64 (graph, node, 0x4))
    return "the write indices are not int64";
  if (!fits || (starts ? (gint64)n_starts != data.dims[0] : gonio_gl_in (graph, node, 2) != NULL))
    return "the update does not fit the cache";
  gint64 dim = data.dims[axis], n = part.dims[axis];
  if (outer * dim >= GONIO_GL_MOST_INDEX / 4)
    return "its indices are too many for a table";
  g_autofree gint32 *places = g_new (gint32, outer * n + 1);
  for (gint64 i = 0; i < outer * n; i++) {
    gint64 start = starts ? starts[i / n / (outer / data.dims[0])] : 0;
    if (start < 0 || start >= dim || (!circular && start > dim - n))
      return "a write index is out of range";
    places[i] = (gint32)(i / n * dim + (start + i % n) % dim);
  }
  *out_rows = (GonioGlRows){g_steal_pointer (&places), outer * n, outer * dim, slice};
  return NULL;
}

static const char *
find_rows (const GonioGraph *graph, const GonioNode *node, GonioGlRows *out_rows)
{
  switch (node->op) {
  case GONIO_OP_SCATTER_ELEMENTS:
    return gonio_gl_element_rows (graph, node, out_rows);
  case GONIO_OP_SCATTER_ND:
    return gonio_gl_tuple_rows (graph, node, 0, out_rows);
  default:
    return write_rows (graph, node, out_rows);
  }
}

/* Of a datum a and an update b; NULL when it is not known. */
static const char *
find_reduction (const GonioNode *node)
{
  static const char *const known[][2] = {
      {"none", "b"},         {"add", "a + b"},      {"mul", "a * b"},
      {"max", "max (a, b)"}, {"min", "min (a, b)"},
  };
  const char *name = gonio_node_attr_string (node, "reduction", "none");
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_str_equal (name, known[i][0]))
      return known[i][1];
  return NULL;
}

/* Of every row of the data, the update that changes it, the last one where it is replaced; -1:
 * none. NULL when a row would change twice. */
static gint32 *
invert (const GonioGlRows *rows, gboolean replaces)
{
  g_autofree gint32 *by_row = g_new (gint32, rows->rows + 1);
  for (gint64 i = 0; i < rows->rows; i++)
    by_row[i] = -1;
  for (gint64 i = 0; i < rows->n; i++) {
    if (!replaces && by_row[rows->places[i]] >= 0)
      return NULL;
    by_row[rows->places[i]] = (gint32)i;
  }
  return g_steal_pointer (&by_row);
}

static const char *
scatter_claim (const GonioGraph *graph, const GonioNode *node)
{
  g_auto (GonioGlRows) rows = {0};
  guint from = node->op == GONIO_OP_TENSOR_SCATTER ? 1 : 2;
  GonioShape updates = gonio_gl_shape (gonio_gl_in (graph, node, from));
  const char *reduction = find_reduction (node), *reason = find_rows (graph, node, &rows);
  if (reason)
    return reason;
  if (!reduction)
    return "this reduction is not known";
  if (rows.rows > GONIO_GL_MOST_INDEX / 4)
    return "the data is too large for a table";
  if (rows.n * rows.slice != gonio_gl_count (&updates))
    return "the updates do not fit the indices";
  g_autofree gint32 *by_row = invert (&rows, g_str_equal (reduction, "b"));
  return by_row ? NULL : "an index occurs twice";
}

static gboolean
scatter_lower (GonioGlLower *lower, GError **error)
{
  g_auto (GonioGlRows) rows = {0};
  const char *reduction = find_reduction (lower->node);
  GonioGlStep step = {.kernel = "scatter.glsl", .n_inputs = 3};
  (void)find_rows (lower->graph, lower->node, &rows); /* as claimed */
  g_autofree gint32 *by_row = invert (&rows, g_str_equal (reduction, "b"));
  guint from = lower->node->op == GONIO_OP_TENSOR_SCATTER ? 1 : 2;
  if (!gonio_gl_read (lower, 0, GONIO_GL_PLAIN, &step.inputs[0], error) ||
      !gonio_gl_read (lower, from, GONIO_GL_PLAIN, &step.inputs[1], error) ||
      !gonio_gl_table (lower, by_row, (gsize)rows.rows, &step.inputs[2], error))
    return FALSE;
  step.params[0] = (int)rows.slice;
  gonio_gl_tell_count (&step, rows.rows * rows.slice);
  step.defines = g_strdup_printf ("OP %s", reduction);
  step.output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  return gonio_gl_add (lower, &step, error);
}

/* ---- Where, whose condition is constant ---- */

#define AXES 6

static const char *
where_claim (const GonioGraph *graph, const GonioNode *node)
{
  const GonioValue *condition = gonio_gl_in (graph, node, 0);
  GonioShape shape = gonio_gl_shape (condition);
  if (condition->dtype != GONIO_DTYPE_BOOL)
    return "the condition is not bool";
  if (gonio_gl_shape (gonio_gl_out (graph, node, 0)).rank > AXES)
    return "more than 6 axes";
  return gonio_gl_count (&shape) > GONIO_GL_MOST_INDEX / 4 ? "the condition is too large" : NULL;
}

static gboolean
where_lower (GonioGlLower *lower, GError **error)
{
  const GonioTensor *condition = gonio_gl_in (lower->graph, lower->node, 0)->constant;
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  GonioGlStep step = {.kernel = "where.glsl", .n_inputs = 3};
  gsize n = (gsize)gonio_tensor_count (condition);
  const guint8 *given = gonio_tensor_data (condition);
  g_autofree gint32 *numbers = g_new (gint32, n + 1);
  for (gsize i = 0; i < n; i++)
    numbers[i] = given[i] != 0;
  if (!gonio_gl_table (lower, numbers, n, &step.inputs[0], error) ||
      !gonio_gl_read (lower, 1, GONIO_GL_PLAIN, &step.inputs[1], error) ||
      !gonio_gl_read (lower, 2, GONIO_GL_PLAIN, &step.inputs[2], error))
    return FALSE;
  for (int i = 0; i < AXES; i++) {
    int axis = i - (AXES - out.rank);
    step.params[i] = axis < 0 ? 1 : (int)out.dims[axis];
  }
  gonio_gl_tell_count (&step, gonio_gl_count (&out));
  for (guint o = 0; o < 3; o++) {
    GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, o));
    int64_t strides[GONIO_MAX_RANK];
    gonio_shape_strides (&shape, strides);
    for (int i = 0; i < AXES; i++) {
      int axis = i - (AXES - shape.rank);
      gboolean walks = axis >= 0 && shape.dims[axis] != 1;
      step.params[AXES * ((int)o + 1) + i] = walks ? (int)strides[axis] : 0;
    }
  }
  step.output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  return gonio_gl_add (lower, &step, error);
}

/* ---- Trilu ---- */

static const char *
trilu_claim (const GonioGraph *graph, const GonioNode *node)
{
  gsize n = 1;
  g_autofree gint64 *diagonal = gonio_gl_ints (graph, node, 1, &n);
  if (gonio_gl_in (graph, node, 1) &&
      (!diagonal || n != 1 || !gonio_gl_are_int64 (graph, node, 0x2)))
    return "the diagonal is not one integer";
  return gonio_gl_shape (gonio_gl_in (graph, node, 0)).rank < 2 ? "not a matrix" : NULL;
}

static gboolean
trilu_lower (GonioGlLower *lower, GError **error)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0));
  GonioGlStep step = {.kernel = "triangle.glsl", .n_inputs = 1};
  gsize n;
  g_autofree gint64 *diagonal = gonio_gl_ints (lower->graph, lower->node, 1, &n);
  gint64 rows = shape.dims[shape.rank - 2], columns = shape.dims[shape.rank - 1];
  if (!gonio_gl_read (lower, 0, GONIO_GL_PLAIN, &step.inputs[0], error))
    return FALSE;
  step.params[0] = (int)rows;
  step.params[1] = (int)columns;
  gonio_gl_tell_count (&step, gonio_gl_count (&shape));
  step.params[2] = diagonal ? (int)CLAMP (diagonal[0], -rows, columns) : 0;
  if (gonio_node_attr_int (lower->node, "upper", 1))
    step.defines = g_strdup ("UPPER 1");
  step.output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  return gonio_gl_add (lower, &step, error);
}

/* ---- CumSum, CumProd: every element adds up what is before it ---- */

#define LONGEST 4096

static int
scan_axis (const GonioGraph *graph, const GonioNode *node)
{
  gsize n = 0;
  g_autofree gint64 *axis = gonio_gl_ints (graph, node, 1, &n);
  int rank = gonio_gl_shape (gonio_gl_in (graph, node, 0)).rank;
  return axis && n == 1 ? gonio_gl_axis (axis[0], rank) : -1;
}

static const char *
scan_claim (const GonioGraph *graph, const GonioNode *node)
{
  int axis = scan_axis (graph, node);
  if (axis < 0)
    return "axis is out of range";
  return gonio_gl_shape (gonio_gl_in (graph, node, 0)).dims[axis] > LONGEST ? "the axis is too long"
                                                                            : NULL;
}

static gboolean
scan_lower (GonioGlLower *lower, GError **error)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0));
  int axis = scan_axis (lower->graph, lower->node);
  GonioGlStep step = {.kernel = "scan.glsl", .n_inputs = 1};
  if (!gonio_gl_read (lower, 0, GONIO_GL_PLAIN, &step.inputs[0], error))
    return FALSE;
  gint64 inner = 1;
  for (int i = axis + 1; i < shape.rank; i++)
    inner *= shape.dims[i];
  step.params[0] = (int)shape.dims[axis];
  step.params[1] = (int)inner;
  gonio_gl_tell_count (&step, gonio_gl_count (&shape));
  step.reads = 4 * shape.dims[axis];
  step.params[2] = gonio_node_attr_int (lower->node, "exclusive", 0) != 0;
  step.params[3] = gonio_node_attr_int (lower->node, "reverse", 0) != 0;
  if (lower->node->op == GONIO_OP_CUM_PROD)
    step.defines = g_strdup ("PRODUCT 1");
  step.output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  return gonio_gl_add (lower, &step, error);
}

const GonioGlOp gonio_gl_ops_scatter[] = {
    {GONIO_OP_CUM_PROD, scan_claim, scan_lower, 0x2},
    {GONIO_OP_CUM_SUM, scan_claim, scan_lower, 0x2},
    {GONIO_OP_SCATTER_ELEMENTS, scatter_claim, scatter_lower, 0x2},
    {GONIO_OP_SCATTER_ND, scatter_claim, scatter_lower, 0x2},
    {GONIO_OP_TENSOR_SCATTER, scatter_claim, scatter_lower, 0x4},
    {GONIO_OP_TRILU, trilu_claim, trilu_lower, 0x2},
    {GONIO_OP_WHERE, where_claim, where_lower, 0x1},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
