#include "backends/gl/common/move.h"

#include <math.h>
#include <string.h>

#define KERNEL_AXES 10 /* as move.glsl has room for */

/* ---- telling ---- */

void
gonio_gl_move_init_view (GonioGlMove *move, int rank, const gint64 *dims)
{
  *move = (GonioGlMove){.in_rank = rank, .fours = -1};
  for (int i = 0; i < rank; i++)
    move->in[i] = dims[i];
}

void
gonio_gl_move_init (GonioGlMove *move, const GonioShape *in)
{
  gonio_gl_move_init_view (move, in->rank, in->dims);
  move->image = in->rank >= 3;
}

void
gonio_gl_move_push (GonioGlMove *move, gint64 size, int from, gint64 step)
{
  move->axes[move->rank++] = (GonioGlMoveAxis){size, from, step, -1};
}

/* Whole fours of channels that become whole fours, or nothing. */
static void
add_fours (GonioGlMove *move, gint64 size, const gint32 *places)
{
  int start = (int)move->places->len;
  for (gint64 k = 0; k < size; k += 4) {
    gint32 four = places[k] < 0 ? -1 : places[k] / 4;
    for (gint64 lane = 0; lane < 4 && k + lane < size; lane++)
      if (four < 0 ? places[k + lane] >= 0 : places[k + lane] != four * 4 + lane)
        return;
    g_array_append_val (move->places, four);
  }
  move->fours = start;
}

void
gonio_gl_move_push_table (GonioGlMove *move, gint64 size, int from, const gint32 *places)
{
  if (!move->places)
    move->places = g_array_new (FALSE, FALSE, sizeof (gint32));
  move->axes[move->rank++] = (GonioGlMoveAxis){size, from, 1, (int)move->places->len};
  g_array_append_vals (move->places, places, (guint)size);
  for (gint64 k = 0; k < size; k++)
    move->fills |= places[k] < 0;
  if (move->rank == 2 && from == 1)
    add_fours (move, size, places);
}

void
gonio_gl_move_clear (GonioGlMove *move)
{
  g_clear_pointer (&move->places, g_array_unref);
}

/* ---- as the kernel is told ---- */

typedef struct {
  int n;
  gint64 size[GONIO_GL_MOVE_AXES], stride[GONIO_GL_MOVE_AXES];
  int table[GONIO_GL_MOVE_AXES];
  gint64 base;
} Flat;

/* One that has one element only, or runs on where the one behind it ends, is none of its own. */
static void
merge (const GonioGlMove *move, Flat *flat)
{
  int n = 0;
  for (int i = 0; i < flat->n; i++) {
    int table = flat->table[i];
    gint32 place =
        table >= 0 && flat->size[i] == 1 ? g_array_index (move->places, gint32, (guint)table) : -1;
    if (flat->size[i] == 1 && (table < 0 || place >= 0)) {
      flat->base += table < 0 ? 0 : place * flat->stride[i];
      continue;
    }
    if (n > 0 && table < 0 && flat->table[n - 1] < 0 &&
        flat->stride[n - 1] == flat->stride[i] * flat->size[i]) {
      flat->size[n - 1] *= flat->size[i];
      flat->stride[n - 1] = flat->stride[i];
      continue;
    }
    flat->size[n] = flat->size[i];
    flat->stride[n] = flat->stride[i];
    flat->table[n++] = table;
  }
  if (n == 0) {
    flat->size[0] = 1;
    flat->stride[0] = 0;
    flat->table[n++] = -1;
  }
  flat->n = n;
}

/* images: counts texels of images, whose channels come in fours. */
static Flat
flatten (const GonioGlMove *move, gboolean images)
{
  Flat flat = {.n = move->rank};
  gint64 strides[GONIO_GL_MOVE_AXES], stride = 1;
  for (int i = move->in_rank - 1; i >= 0; i--) {
    gboolean fours = images && i == 1;
    strides[i] = stride;
    flat.base += (fours ? move->start[i] / 4 : move->start[i]) * stride;
    stride *= fours ? (move->in[i] + 3) / 4 : move->in[i];
  }
  for (int i = 0; i < move->rank; i++) {
    const GonioGlMoveAxis *axis = &move->axes[i];
    flat.size[i] = images && i == 1 ? (axis->size + 3) / 4 : axis->size;
    flat.stride[i] = axis->from < 0 ? 0 : axis->step * strides[axis->from];
    flat.table[i] = images && i == 1 && axis->table >= 0 ? move->fours : axis->table;
  }
  merge (move, &flat);
  return flat;
}

/* Do whole texels of the image of the input become whole texels of that of the result? */
static gboolean
keeps_fours (const GonioGlMove *move)
{
  if (!move->image || move->rank < 3 || move->in_rank < 3 || move->axes[1].from != 1 ||
      move->axes[1].step != 1 || (move->axes[1].table >= 0 && move->fours < 0) ||
      move->start[1] % 4 || (move->fills && !isfinite (move->fill)))
    return FALSE;
  for (int i = 0; i < move->rank; i++)
    if (i != 1 && move->axes[i].from == 1)
      return FALSE;
  return TRUE;
}

/* Counts texels of plain values instead of elements, where only whole ones are moved. */
static gboolean
count_texels (Flat *flat)
{
  int last = flat->n - 1;
  if (flat->base % 4 || flat->table[last] >= 0 || flat->stride[last] != 1 || flat->size[last] % 4)
    return FALSE;
  for (int i = 0; i < last; i++)
    if (flat->stride[i] % 4)
      return FALSE;
  for (int i = 0; i < last; i++)
    flat->stride[i] /= 4;
  flat->size[last] /= 4;
  flat->base /= 4;
  return TRUE;
}

const char *
gonio_gl_move_check (const GonioGlMove *move)
{
  if (flatten (move, FALSE).n > KERNEL_AXES)
    return "it falls into too many axes";
  if (move->places && move->places->len > GONIO_GL_MOST_INDEX / 4)
    return "its indices are too many for a table";
  for (int i = 0; i < move->rank; i++)
    if (move->axes[i].table >= 0 && move->in[move->axes[i].from] >= GONIO_GL_MOST_INDEX)
      return "an axis is too long for a table";
  return NULL;
}

/* ---- lowering ---- */

void
gonio_gl_move_as_image (GonioGlStep *step, gint64 count, const int from[2], const int to[2])
{
  step->kernel = "move.glsl";
  step->defines = g_strdup ("AXES 1;FROM_IMAGE 1;TO_IMAGE 1");
  memset (step->params, 0, sizeof step->params);
  step->params[0] = (int)count;
  step->params[10] = 1;
  memcpy (&step->params[31], from, 2 * sizeof *from);
  memcpy (&step->params[33], to, 2 * sizeof *to);
}

static gboolean
add_step (GonioGlLower *lower, guint o, const GonioGlMove *move, const Flat *flat,
          GonioGlStep *step, const char *form, GError **error)
{
  g_autoptr (GString) defines = g_string_new (NULL);
  gboolean has_table = FALSE;
  g_string_printf (defines, "AXES %d%s", flat->n, form);
  for (int i = 0; i < flat->n; i++) {
    step->params[i] = (int)flat->size[i];
    step->params[10 + i] = (int)flat->stride[i];
    step->params[20 + i] = flat->table[i];
    has_table = has_table || flat->table[i] >= 0;
  }
  step->kernel = "move.glsl";
  step->params[30] = (int)flat->base;
  step->floats[0] = move->fill;
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, o));
  gonio_gl_tell_count (step, gonio_gl_count (&out));
  step->n_inputs = 1;
  if (has_table) {
    g_string_append (defines, move->fills ? ";TABLE 1;FILL 1" : ";TABLE 1");
    step->n_inputs = 2;
    if (!gonio_gl_table (lower, (const gint32 *)(gpointer)move->places->data, move->places->len,
                         &step->inputs[1], error))
      return FALSE;
  }
  step->defines = g_strdup (defines->str);
  return gonio_gl_add (lower, step, error);
}

static gboolean
is_whole (const GonioGlLower *lower, guint o, guint i, const Flat *flat)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, i));
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, o));
  return flat->n == 1 && flat->table[0] < 0 && flat->base == 0 &&
         (flat->stride[0] == 1 || flat->size[0] == 1) &&
         gonio_gl_count (&in) == gonio_gl_count (&out);
}

gboolean
gonio_gl_move_lower (GonioGlLower *lower, guint o, guint i, const GonioGlMove *move, GError **error)
{
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, o));
  GonioGlStep step = {0};
  int to[2], from[2];
  if (gonio_gl_count (&out) == 0) {
    gonio_gl_write (lower, o, GONIO_GL_PLAIN);
    return TRUE;
  }
  Flat flat = flatten (move, FALSE);
  if (is_whole (lower, o, i, &flat))
    return gonio_gl_alias (lower, o, i, error);
  gboolean image = gonio_gl_wants_image (lower, o, &to[0], &to[1]);
  if (image && gonio_gl_is_own (lower, o, to[0], to[1]) && keeps_fours (move) &&
      gonio_gl_has (lower, i, GONIO_GL_IMAGE)) {
    flat = flatten (move, TRUE);
    if (!gonio_gl_read (lower, i, GONIO_GL_IMAGE, &step.inputs[0], error))
      return FALSE;
    step.output = gonio_gl_write (lower, o, GONIO_GL_IMAGE);
    return add_step (lower, o, move, &flat, &step, ";TEXELS 1", error);
  }
  if (!gonio_gl_read_any (lower, i, &step.inputs[0], &from[0], &from[1], error))
    return FALSE;
  memcpy (&step.params[31], from, sizeof from);
  if (image) {
    memcpy (&step.params[33], to, sizeof to);
    step.output = gonio_gl_write_image (lower, o, to[0], to[1]);
    return add_step (lower, o, move, &flat, &step,
                     from[0] ? ";FROM_IMAGE 1;TO_IMAGE 1" : ";TO_IMAGE 1", error);
  }
  step.output = gonio_gl_write (lower, o, GONIO_GL_PLAIN);
  gboolean texels = !from[0] && count_texels (&flat);
  return add_step (lower, o, move, &flat, &step,
                   texels    ? ";TEXELS 1"
                   : from[0] ? ";FROM_IMAGE 1"
                             : "",
                   error);
}

/* ---- what families of moves share ---- */

int
gonio_gl_axis (gint64 axis, int rank)
{
  if (axis < -rank || axis >= rank)
    return -1;
  return (int)(axis < 0 ? axis + rank : axis);
}

gint64 *
gonio_gl_ints (const GonioGraph *graph, const GonioNode *node, guint i, gsize *out_n)
{
  const GonioValue *value = gonio_gl_in (graph, node, i);
  if (!value || !value->constant ||
      (value->dtype != GONIO_DTYPE_INT64 && value->dtype != GONIO_DTYPE_INT32))
    return NULL;
  gint64 n = gonio_tensor_count (value->constant);
  if (n > GONIO_GL_MOST_INDEX / 4)
    return NULL;
  gint64 *ints = g_new (gint64, (gsize)n + 1);
  for (gint64 k = 0; k < n; k++)
    ints[k] = gonio_tensor_get_int (value->constant, k);
  *out_n = (gsize)n;
  return ints;
}

gboolean
gonio_gl_are_int64 (const GonioGraph *graph, const GonioNode *node, guint mask)
{
  for (guint i = 0; i < node->n_inputs && i < 32; i++) {
    const GonioValue *value = gonio_gl_in (graph, node, i);
    if (mask >> i & 1 && value && value->dtype != GONIO_DTYPE_INT64)
      return FALSE;
  }
  return TRUE;
}

static gboolean
is_one_of (guint op, const GonioOpId *ops)
{
  for (; *ops != GONIO_OP_INVALID; ops++)
    if (*ops == (GonioOpId)op)
      return TRUE;
  return FALSE;
}

/* Looks along what reads a value, and what reads that where the form goes on; at most `left` of
 * them.
 */
static gboolean
wants_image (const GonioGraph *graph, GonioValueId id, int *left, int *out_channels, int *out_rest)
{
  static const GonioOpId readers[] = {
      GONIO_OP_CONV,
      GONIO_OP_CONV_TRANSPOSE,
      GONIO_OP_AVERAGE_POOL,
      GONIO_OP_LP_POOL,
      GONIO_OP_MAX_POOL,
      GONIO_OP_GLOBAL_AVERAGE_POOL,
      GONIO_OP_GLOBAL_LP_POOL,
      GONIO_OP_GLOBAL_MAX_POOL,
      GONIO_OP_GRID_SAMPLE,
      GONIO_OP_GROUP_NORMALIZATION,
      GONIO_OP_INSTANCE_NORMALIZATION,
      GONIO_OP_LRN,
      GONIO_OP_RESIZE,
      GONIO_OP_INVALID,
  };
  static const GonioOpId views[] = {GONIO_OP_FLATTEN, GONIO_OP_RESHAPE, GONIO_OP_SQUEEZE,
                                    GONIO_OP_UNSQUEEZE, GONIO_OP_INVALID};
  static const GonioOpId passers[] = {GONIO_OP_BATCH_NORMALIZATION,
                                      GONIO_OP_CONCAT,
                                      GONIO_OP_PAD,
                                      GONIO_OP_SLICE,
                                      GONIO_OP_SPLIT,
                                      GONIO_OP_INVALID};
  GonioShape shape;
  guint n;
  int batch;
  const GonioNodeId *users = gonio_graph_users (graph, id, &n);
  if (!gonio_sym_shape_known (&gonio_graph_value (graph, id)->shape, &shape))
    return FALSE;
  for (guint i = 0; i < n && --*left > 0; i++) {
    const GonioNode *node = gonio_graph_node (graph, users[i]);
    if (shape.rank >= 3 && is_one_of (node->op, readers)) {
      gonio_gl_image_sizes (&shape, &batch, out_channels, out_rest);
      return TRUE;
    }
    gboolean passes =
        shape.rank >= 3 &&
        ((gonio_op_def (node->op)->flags & GONIO_OPF_ELEMENTWISE) || is_one_of (node->op, passers));
    if (!passes && !is_one_of (node->op, views))
      continue;
    int channels, rest;
    if (!wants_image (graph, node->outputs[0], left, &channels, &rest))
      continue;
    if (passes)
      gonio_gl_image_sizes (&shape, &batch, &channels, &rest);
    *out_channels = channels;
    *out_rest = rest;
    return TRUE;
  }
  return FALSE;
}

gboolean
gonio_gl_wants_image (const GonioGlLower *lower, guint o, int *out_channels, int *out_rest)
{
  int left = 64;
  return wants_image (lower->graph, lower->node->outputs[o], &left, out_channels, out_rest);
}

gboolean
gonio_gl_is_own (const GonioGlLower *lower, guint o, int channels, int rest)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, o));
  int batch, own_channels = 0, own_rest = 0;
  if (shape.rank >= 3)
    gonio_gl_image_sizes (&shape, &batch, &own_channels, &own_rest);
  return channels == own_channels && rest == own_rest;
}
