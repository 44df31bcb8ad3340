/* Softmax, and normalisations along rows: LayerNormalization, RMSNormalization, LpNormalization.
 * Depends on lower. */
#include "backends/gl/common/rows.h"

/* Programs of the first step, if there is enough to do, and fours of elements of each. */
#define ENOUGH_TEXELS 1024
#define LEAST_FOURS   8
#define MOST_FOURS    256

/* ---- steps ---- */

typedef struct {
  gint64 rows, length; /* elements */
  gint64 fours, parts, part_length;
  gint64 step, side, behind; /* see row-stats.glsl */
  gboolean each, image;
} Layout;

static Layout
lay_out (const GonioShape *shape, int first, int n, gboolean image)
{
  Layout at = {.length = 1, .side = 1, .rows = 1, .image = image};
  for (int d = 0; d < shape->rank; d++) {
    gint64 size = shape->dims[d];
    if (d >= first && d < first + n)
      at.length *= size;
    else
      at.rows *= size;
    if (d >= first + n)
      at.side *= size;
  }
  at.fours = (at.length + 3) / 4;
  at.each = !image && (at.side != 1 || at.length % 4 != 0);
  at.step = at.side;
  at.behind = at.side * (at.each ? at.length : at.fours);
  gint64 parts = MIN (ENOUGH_TEXELS / MAX (at.rows, 1), at.fours / LEAST_FOURS);
  parts = MAX (parts, (at.fours + MOST_FOURS - 1) / MOST_FOURS);
  at.part_length = parts > 1 ? (at.fours + parts - 1) / parts : MAX (at.fours, 1);
  at.parts = MAX ((at.fours + at.part_length - 1) / at.part_length, 1);
  return at;
}

static void
write_layout (const Layout *at, GonioGlStep *step)
{
  const gint64 all[] = {at->fours, at->length, at->parts,  at->part_length, at->step,
                        at->side,  at->behind, at->behind, at->rows - 1,    at->rows * at->length};
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    step->params[i] = (int)all[i];
  step->floats[2] = (float)at->length;
}

static gboolean
add_stats (GonioGlLower *lower, const Layout *at, const GonioGlRows *rows, GonioGlSlot in,
           gboolean join, GonioGlSlot out, GError **error)
{
  gboolean is_last = join || at->parts == 1;
  GonioGlStep step = {.kernel = "row-stats.glsl", .inputs = {in}, .n_inputs = 1, .output = out};
  write_layout (at, &step);
  step.floats[3] = rows->number;
  step.reads = join ? at->parts : at->part_length * (at->each ? 8 : 2);
  step.defines =
      g_strdup_printf ("KIND %d;FINISH %s%s%s", (int)rows->kind, is_last ? rows->finish : "a",
                       join ? ";JOIN 1" : "", at->each ? ";EACH 1" : "");
  return gonio_gl_add (lower, &step, error);
}

gboolean
gonio_gl_rows (GonioGlLower *lower, const GonioGlRows *rows, const GonioShape *shape, int first,
               int n, const GonioGlRowSlots *slots, GError **error)
{
  gboolean image = slots->form == GONIO_GL_IMAGE;
  Layout at = lay_out (shape, first, n, image);
  GonioGlStep step = {.kernel = "row-apply.glsl", .n_inputs = 2, .output = slots->out};
  GonioGlSlot stats = gonio_gl_scratch (lower, at.rows);
  if (at.parts > 1) {
    GonioGlSlot parts = gonio_gl_scratch (lower, at.rows * at.parts);
    if (!add_stats (lower, &at, rows, slots->in, FALSE, parts, error) ||
        !add_stats (lower, &at, rows, parts, TRUE, stats, error))
      return FALSE;
  } else if (!add_stats (lower, &at, rows, slots->in, FALSE, stats, error)) {
    return FALSE;
  }
  step.inputs[0] = slots->in;
  step.inputs[1] = stats;
  for (guint i = 0; i < slots->n_along; i++)
    step.inputs[step.n_inputs++] = slots->along[i];
  write_layout (&at, &step);
  step.reads = at.each ? 12 : 4;
  step.defines =
      g_strdup_printf ("RESULT %s%s%s%s%s", rows->result, slots->n_along > 0 ? ";GAIN 1" : "",
                       slots->n_along > 1 ? ";BIAS 1" : "", at.each ? ";EACH 1" : "",
                       image && at.length % 4 != 0 ? ";IMAGE 1" : "");
  return gonio_gl_add (lower, &step, error);
}

/* Input 0 into output 0. */
static gboolean
lower_rows (GonioGlLower *lower, const GonioGlRows *rows, int first, int n, guint n_along,
            GError **error)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0));
  gboolean image = n == 1 && first == 1 && shape.rank >= 3 && gonio_gl_count (&shape) > 0 &&
                   n_along == 0 && gonio_gl_has (lower, 0, GONIO_GL_IMAGE);
  GonioGlRowSlots slots = {.n_along = n_along, .form = image ? GONIO_GL_IMAGE : GONIO_GL_PLAIN};
  if (!gonio_gl_read (lower, 0, slots.form, &slots.in, error))
    return FALSE;
  for (guint i = 0; i < n_along; i++)
    if (!gonio_gl_read (lower, i + 1, GONIO_GL_PLAIN, &slots.along[i], error))
      return FALSE;
  slots.out = gonio_gl_write (lower, 0, slots.form);
  return gonio_gl_rows (lower, rows, &shape, first, n, &slots, error);
}

/* ---- along one axis ---- */

static const struct {
  GonioOpId op;
  GonioGlRows rows;
} along[] = {
    {GONIO_OP_HARDMAX, {GONIO_GL_ROW_LARGEST, "a", "vec4 (equal (vec4 (place), b))", 0}},
    {GONIO_OP_LOG_SOFTMAX, {GONIO_GL_ROW_EXP, "vec4 (a.x, log (a.y), 0.0, 0.0)", "x - a - b", 0}},
    {GONIO_OP_SOFTMAX, {GONIO_GL_ROW_EXP, "a", "exp (x - a) / b", 0}},
};

/* A row of zeros stays zero. */
static const GonioGlRows lp[] = {
    {GONIO_GL_ROW_MAGNITUDES, "a", "mix (x / b, vec4 (0.0), equal (b, vec4 (0.0)))", 0},
    {GONIO_GL_ROW_SQUARES, "sqrt (a)", "mix (x / b, vec4 (0.0), equal (b, vec4 (0.0)))", 0},
};

static gboolean
find_axis (const GonioGraph *graph, const GonioNode *node, int *out_axis)
{
  int rank = gonio_gl_shape (gonio_gl_in (graph, node, 0)).rank;
  gint64 axis = gonio_node_attr_int (node, "axis", -1);
  if (axis < -rank || axis >= rank)
    return FALSE;
  *out_axis = (int)(axis < 0 ? axis + rank : axis);
  return TRUE;
}

static const char *
along_claim (const GonioGraph *graph, const GonioNode *node)
{
  int axis;
  gint64 p = gonio_node_attr_int (node, "p", 2);
  if (!find_axis (graph, node, &axis))
    return "axis is out of range";
  if (node->op == GONIO_OP_LP_NORMALIZATION && p != 1 && p != 2)
    return "p is neither 1 nor 2";
  /* places in a row are floats */
  return gonio_gl_shape (gonio_gl_in (graph, node, 0)).dims[axis] > 1 << 24 ? "the axis is too long"
                                                                            : NULL;
}

static gboolean
along_lower (GonioGlLower *lower, GError **error)
{
  const GonioGlRows *rows = NULL;
  int axis = 0;
  (void)find_axis (lower->graph, lower->node, &axis); /* as claimed */
  for (guint i = 0; i < G_N_ELEMENTS (along); i++)
    if (along[i].op == (GonioOpId)lower->node->op)
      rows = &along[i].rows;
  if (!rows)
    rows = &lp[gonio_node_attr_int (lower->node, "p", 2) - 1];
  return lower_rows (lower, rows, axis, 1, 0, error);
}

/* ---- along the last axes ---- */

static const char *
last_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  int axis;
  if (!find_axis (graph, node, &axis))
    return "axis is out of range";
  if (gonio_gl_out (graph, node, 1) || gonio_gl_out (graph, node, 2))
    return "mean and deviation outputs are not supported";
  for (guint i = 1; i < node->n_inputs; i++) {
    const GonioValue *value = gonio_gl_in (graph, node, i);
    GonioShape own = value ? gonio_gl_shape (value) : shape;
    for (int d = 1; d <= MAX (shape.rank, own.rank); d++) { /* from the end */
      gint64 is = d <= own.rank ? own.dims[own.rank - d] : 1;
      gint64 has_to_be = d <= shape.rank - axis ? shape.dims[shape.rank - d] : 1;
      if (value && is != has_to_be)
        return "scale or bias does not cover the normalised axes";
    }
  }
  return NULL;
}

static gboolean
last_lower (GonioGlLower *lower, GError **error)
{
  gboolean centred = lower->node->op == GONIO_OP_LAYER_NORMALIZATION;
  int rank = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0)).rank, axis = 0;
  GonioGlRows rows = {centred ? GONIO_GL_ROW_MOMENTS : GONIO_GL_ROW_SQUARES,
                      "vec4 (a.x, 1.0 / sqrt (a.y / f[2] + f[3]), 0.0, 0.0)", "(x - a) * b",
                      gonio_node_attr_float (lower->node, "epsilon", 1e-5f)};
  (void)find_axis (lower->graph, lower->node, &axis); /* as claimed */
  return lower_rows (lower, &rows, axis, rank - axis,
                     gonio_gl_in (lower->graph, lower->node, 2) ? 2 : 1, error);
}

const GonioGlOp gonio_gl_ops_rows[] = {
    {GONIO_OP_HARDMAX, along_claim, along_lower, 0},
    {GONIO_OP_LAYER_NORMALIZATION, last_claim, last_lower, 0},
    {GONIO_OP_LOG_SOFTMAX, along_claim, along_lower, 0},
    {GONIO_OP_LP_NORMALIZATION, along_claim, along_lower, 0},
    {GONIO_OP_RMS_NORMALIZATION, last_claim, last_lower, 0},
    {GONIO_OP_SOFTMAX, along_claim, along_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
