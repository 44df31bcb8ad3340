/* Views, and what moves whole axes about. Depends on move. */
#include "backends/gl/common/move.h"

#include <string.h>

/* Tells a node's move; NULL, or why it cannot. */
typedef const char *(*Teller) (const GonioGraph *graph, const GonioNode *node, guint o,
                               GonioGlMove *move);

static const char *
claim_move (const GonioGraph *graph, const GonioNode *node, Teller tell)
{
  const char *reason = NULL;
  for (guint o = 0; !reason && o < node->n_outputs; o++) {
    g_auto (GonioGlMove) move = {0};
    reason = gonio_gl_out (graph, node, o) ? tell (graph, node, o, &move) : "a part is left out";
    if (!reason)
      reason = gonio_gl_move_check (&move);
  }
  return reason;
}

static gboolean
lower_move (GonioGlLower *lower, Teller tell, GError **error)
{
  for (guint o = 0; o < lower->node->n_outputs; o++) {
    g_auto (GonioGlMove) move = {0};
    (void)tell (lower->graph, lower->node, o, &move); /* as claimed */
    if (!gonio_gl_move_lower (lower, o, 0, &move, error))
      return FALSE;
  }
  return TRUE;
}

#define MOVE(NAME)                                                                                 \
  static const char *NAME##_claim (const GonioGraph *graph, const GonioNode *node)                 \
  {                                                                                                \
    return claim_move (graph, node, NAME);                                                         \
  }                                                                                                \
  static gboolean NAME##_lower (GonioGlLower *lower, GError **error)                               \
  {                                                                                                \
    return lower_move (lower, NAME, error);                                                        \
  }

static const char not_int64[] = "what says how to move is not int64";

/* A list of at most rank numbers, none of them negative. */
static gboolean
is_list (const GonioGraph *graph, const GonioNode *node, guint i, int rank)
{
  gsize n = 0;
  g_autofree gint64 *ints = gonio_gl_ints (graph, node, i, &n);
  if (!ints || gonio_gl_shape (gonio_gl_in (graph, node, i)).rank != 1 || n > (gsize)rank)
    return FALSE;
  for (gsize k = 0; k < n; k++)
    if (ints[k] < 0)
      return FALSE;
  return TRUE;
}

/* ---- views ---- */

static const char *
view_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  if (!gonio_gl_are_int64 (graph, node, 0x2))
    return not_int64;
  return gonio_gl_count (&in) == gonio_gl_count (&out) ? NULL : "the element counts differ";
}

static gboolean
view_lower (GonioGlLower *lower, GError **error)
{
  return gonio_gl_alias (lower, 0, 0, error);
}

static const char *
dropout_claim (const GonioGraph *graph, const GonioNode *node)
{
  const GonioValue *training = gonio_gl_in (graph, node, 2), *ratio = gonio_gl_in (graph, node, 1);
  if (gonio_gl_out (graph, node, 1))
    return "the mask is not supported";
  if (training &&
      (training->dtype != GONIO_DTYPE_BOOL || gonio_tensor_count (training->constant) != 1 ||
       *(const guint8 *)gonio_tensor_data (training->constant)))
    return "training is not supported";
  if (ratio && (ratio->dtype != GONIO_DTYPE_FLOAT || gonio_tensor_count (ratio->constant) != 1 ||
                !(*(const float *)gonio_tensor_data (ratio->constant) >= 0) ||
                !(*(const float *)gonio_tensor_data (ratio->constant) < 1)))
    return "the ratio is out of range";
  return NULL;
}

/* ---- Transpose ---- */

static const char *
transpose (const GonioGraph *graph, const GonioNode *node, guint o, GonioGlMove *move)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  guint n, seen = 0;
  const gint64 *perm = gonio_node_attr_ints (node, "perm", &n);
  gonio_gl_move_init (move, &in);
  if (perm && (int)n != in.rank)
    return "perm is not a permutation";
  for (int i = 0; i < in.rank; i++) {
    int axis = perm ? gonio_gl_axis (perm[i], in.rank) : in.rank - 1 - i;
    if (axis < 0 || seen >> axis & 1)
      return "perm is not a permutation";
    seen |= 1u << axis;
    gonio_gl_move_push (move, in.dims[axis], axis, 1);
  }
  return NULL;
}

/* ---- Slice, Split ---- */

static const char *
slice (const GonioGraph *graph, const GonioNode *node, guint o, GonioGlMove *move)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  gsize n = 0, n_ends = 0, n_axes = 0, n_steps = 0;
  g_autofree gint64 *starts = gonio_gl_ints (graph, node, 1, &n);
  g_autofree gint64 *ends = gonio_gl_ints (graph, node, 2, &n_ends);
  g_autofree gint64 *axes = gonio_gl_ints (graph, node, 3, &n_axes);
  g_autofree gint64 *steps = gonio_gl_ints (graph, node, 4, &n_steps);
  gint64 step[GONIO_MAX_RANK];
  guint seen = 0;
  gonio_gl_move_init (move, &in);
  if (!starts || !ends || n_ends != n || !axes != !gonio_gl_in (graph, node, 3) ||
      !steps != !gonio_gl_in (graph, node, 4) || (axes && n_axes != n) || (steps && n_steps != n) ||
      n > (gsize)in.rank)
    return "starts, ends, axes and steps differ in length";
  for (int i = 0; i < in.rank; i++)
    step[i] = 1;
  for (gsize i = 0; i < n; i++) {
    int axis = gonio_gl_axis (axes ? axes[i] : (gint64)i, in.rank);
    gint64 dim = axis < 0 ? 0 : in.dims[axis];
    if (axis < 0 || seen >> axis & 1 || (steps && steps[i] == 0))
      return "an axis or step is out of range";
    seen |= 1u << axis;
    gint64 start = starts[i] < 0 ? (starts[i] < -dim ? -1 : starts[i] + dim) : starts[i];
    step[axis] = steps ? steps[i] : 1;
    move->start[axis] = step[axis] > 0 ? CLAMP (start, 0, dim) : CLAMP (start, -1, dim - 1);
  }
  for (int i = 0; i < in.rank; i++) { /* trust nothing: the whole run must lie inside */
    gint64 dim = in.dims[i], from = move->start[i], size = out.dims[i], span;
    if (size > 0 && (__builtin_mul_overflow (size - 1, step[i], &span) || from < 0 || from >= dim ||
                     span > dim || span < -dim || from + span < 0 || from + span >= dim))
      return "the slice does not fit its result";
    gonio_gl_move_push (move, size, i, size > 1 ? step[i] : 1);
  }
  return NULL;
}

static const char *
split (const GonioGraph *graph, const GonioNode *node, guint o, GonioGlMove *move)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  int axis = gonio_gl_axis (gonio_node_attr_int (node, "axis", 0), in.rank);
  gint64 length = 0;
  gonio_gl_move_init (move, &in);
  if (axis < 0)
    return "axis is out of range";
  if (!gonio_gl_are_int64 (graph, node, 0x2))
    return not_int64;
  for (guint i = 0; i < node->n_outputs; i++) {
    const GonioValue *part = gonio_gl_out (graph, node, i);
    if (!part)
      return "a part is left out";
    if (i == o)
      move->start[axis] = length;
    length += gonio_gl_shape (part).dims[axis];
  }
  if (length != in.dims[axis])
    return "the parts do not fit the input";
  for (int i = 0; i < in.rank; i++)
    gonio_gl_move_push (
        move, i == axis ? gonio_gl_shape (gonio_gl_out (graph, node, o)).dims[i] : in.dims[i], i,
        1);
  return NULL;
}

/* ---- Pad, CenterCropPad ---- */

/* What is kept of an axis, and where that lies in the result. */
typedef struct {
  gint64 first, n, begin, out;
} Kept;

/* Place on the axis that result index o shows; -1: the fill value. */
static gint64
pad_place (const Kept *kept, char mode, gint64 o)
{
  gint64 i = o - kept->begin, n = kept->n, turn = 2 * (n - 1);
  if (i >= 0 && i < n)
    return kept->first + i;
  switch (mode) {
  case 'e':
    return kept->first + (i < 0 ? 0 : n - 1);
  case 'w':
    return kept->first + (i % n + n) % n;
  case 'r':
    if (n == 1)
      return kept->first;
    i = (i % turn + turn) % turn;
    return kept->first + (i < n ? i : turn - i);
  default:
    return -1;
  }
}

static const char *
push_kept (GonioGlMove *move, int axis, const Kept *kept, char mode)
{
  if (mode != 'c' && kept->n == 0 && kept->out > 0)
    return "nothing to repeat";
  if (kept->begin == 0 && kept->out == kept->n) {
    move->start[axis] = kept->first;
    gonio_gl_move_push (move, kept->out, axis, 1);
    return NULL;
  }
  if (kept->out > GONIO_GL_MOST_INDEX / 4)
    return "an axis is too long for a table";
  g_autofree gint32 *places = g_new (gint32, kept->out + 1);
  for (gint64 o = 0; o < kept->out; o++)
    places[o] = (gint32)pad_place (kept, mode, o);
  gonio_gl_move_push_table (move, kept->out, axis, places);
  return NULL;
}

static const char *
pad (const GonioGraph *graph, const GonioNode *node, guint o, GonioGlMove *move)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  const GonioValue *fill = gonio_gl_in (graph, node, 2);
  const char *mode = gonio_node_attr_string (node, "mode", "constant");
  gsize n = 0, n_axes = 0;
  g_autofree gint64 *pads = gonio_gl_ints (graph, node, 1, &n);
  g_autofree gint64 *axes = gonio_gl_ints (graph, node, 3, &n_axes);
  Kept kept[GONIO_MAX_RANK];
  guint seen = 0;
  static const char *const modes[] = {"constant", "edge", "reflect", "wrap", NULL};
  gonio_gl_move_init (move, &in);
  if (!g_strv_contains (modes, mode))
    return "this mode is not known";
  if (!gonio_gl_are_int64 (graph, node, 0x2))
    return not_int64;
  if (fill && (fill->dtype != GONIO_DTYPE_FLOAT || gonio_tensor_count (fill->constant) != 1))
    return "the fill value is not one float";
  n_axes = axes ? n_axes : (gsize)in.rank;
  if (!pads || !axes != !gonio_gl_in (graph, node, 3) || n != 2 * n_axes || n_axes > (gsize)in.rank)
    return "pads do not fit the axes";
  for (int i = 0; i < in.rank; i++)
    kept[i] = (Kept){0, in.dims[i], 0, in.dims[i]};
  for (gsize i = 0; i < n_axes; i++) {
    int axis = gonio_gl_axis (axes ? axes[i] : (gint64)i, in.rank);
    gint64 begin = pads[i], end = pads[n_axes + i], dim = axis < 0 ? 0 : in.dims[axis];
    if (axis < 0 || seen >> axis & 1 || begin < -dim || end < -dim || begin > G_MAXINT32 ||
        end > G_MAXINT32 || MAX (-begin, 0) + MAX (-end, 0) > dim)
      return "an axis or pad is out of range";
    seen |= 1u << axis;
    kept[axis] = (Kept){.first = MAX (-begin, 0), .begin = MAX (begin, 0)};
    kept[axis].n = dim - kept[axis].first - MAX (-end, 0);
    kept[axis].out = kept[axis].begin + kept[axis].n + MAX (end, 0);
  }
  move->fill = fill ? *(const float *)gonio_tensor_data (fill->constant) : 0;
  for (int i = 0; i < in.rank; i++) {
    if (kept[i].out != out.dims[i])
      return "pads do not fit the result";
    const char *reason = push_kept (move, i, &kept[i], *mode);
    if (reason)
      return reason;
  }
  return NULL;
}

static const char *
center_crop_pad (const GonioGraph *graph, const GonioNode *node, guint o, GonioGlMove *move)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  const char *reason = NULL;
  gonio_gl_move_init (move, &in);
  if (!is_list (graph, node, 1, in.rank))
    return "the shape is no list of sizes";
  for (int i = 0; !reason && i < in.rank; i++) {
    gint64 from = in.dims[i], to = out.dims[i];
    Kept kept = {MAX ((from - to) / 2, 0), MIN (from, to), MAX ((to - from) / 2, 0), to};
    reason = push_kept (move, i, &kept, 'c');
  }
  return reason;
}

/* ---- Expand, Tile ---- */

static const char *
expand (const GonioGraph *graph, const GonioNode *node, guint o, GonioGlMove *move)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  gonio_gl_move_init (move, &in);
  move->image = in.rank == out.rank && in.rank >= 3;
  if (!gonio_gl_are_int64 (graph, node, 0x2))
    return not_int64;
  if (!is_list (graph, node, 1, out.rank))
    return "the shape is no list of sizes";
  for (int i = 0; i < out.rank; i++) {
    int from = i - (out.rank - in.rank);
    if (from >= 0 && in.dims[from] != 1 && in.dims[from] != out.dims[i])
      return "the input does not broadcast to the result";
    gboolean repeats = from < 0 || (in.dims[from] == 1 && out.dims[i] != 1);
    gonio_gl_move_push (move, out.dims[i], repeats ? -1 : from, 1);
  }
  return out.rank < in.rank ? "the input does not broadcast to the result" : NULL;
}

/* Every axis is one that repeats and one that walks. */
static const char *
tile (const GonioGraph *graph, const GonioNode *node, guint o, GonioGlMove *move)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  gonio_gl_move_init (move, &in);
  move->image = FALSE;
  if (!gonio_gl_are_int64 (graph, node, 0x2))
    return not_int64;
  if (in.rank != out.rank || !is_list (graph, node, 1, in.rank))
    return "the result is not a multiple of the input";
  for (int i = 0; i < in.rank; i++) {
    if (in.dims[i] > 0 ? out.dims[i] % in.dims[i] != 0 : out.dims[i] != 0)
      return "the result is not a multiple of the input";
    gonio_gl_move_push (move, in.dims[i] > 0 ? out.dims[i] / in.dims[i] : 0, -1, 1);
    gonio_gl_move_push (move, in.dims[i], i, 1);
  }
  return NULL;
}

/* ---- DepthToSpace, SpaceToDepth ---- */

static const char *
blocks (const GonioGraph *graph, const GonioNode *node, guint o, GonioGlMove *move)
{
  static const int dcr[] = {0, 3, 4, 1, 5, 2}, crd[] = {0, 1, 4, 2, 5, 3},
                   deep[] = {0, 3, 5, 1, 2, 4};
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  const char *mode = gonio_node_attr_string (node, "mode", "DCR");
  gint64 b = gonio_node_attr_int (node, "blocksize", 0), *x = in.dims;
  gboolean deepens = node->op == GONIO_OP_SPACE_TO_DEPTH, by_depth = g_str_equal (mode, "DCR");
  if (in.rank != 4 || b < 1 || b > 1 << 15)
    return "blocksize or rank is out of range";
  if (!by_depth && !g_str_equal (mode, "CRD"))
    return "this mode is not known";
  if (deepens ? x[2] % b || x[3] % b : x[1] % (b * b))
    return "the shape is not a multiple of the block";
  gint64 c = x[1] / (b * b);
  const gint64 wide[] = {x[0], x[1], x[2] / b, b, x[3] / b, b},
               by_d[] = {x[0], b, b, c, x[2], x[3]}, by_c[] = {x[0], c, b, b, x[2], x[3]};
  const gint64 *seen = deepens ? wide : by_depth ? by_d : by_c;
  const int *perm = deepens ? deep : by_depth ? dcr : crd;
  gonio_gl_move_init_view (move, 6, seen);
  for (int i = 0; i < 6; i++)
    gonio_gl_move_push (move, seen[perm[i]], perm[i], 1);
  return NULL;
}

/* ---- ReverseSequence ---- */

/* Its two axes are the first two, seen as one that a table turns about. */
static const char *
reverse_sequence (const GonioGraph *graph, const GonioNode *node, guint o, GonioGlMove *move)
{
  GonioShape in = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  int batch = gonio_gl_axis (gonio_node_attr_int (node, "batch_axis", 1), in.rank);
  int time = gonio_gl_axis (gonio_node_attr_int (node, "time_axis", 0), in.rank);
  gint64 inner = 1;
  gsize n = 0;
  g_autofree gint64 *lengths = gonio_gl_ints (graph, node, 1, &n);
  if (!gonio_gl_are_int64 (graph, node, 0x2))
    return not_int64;
  if (batch < 0 || time < 0 || batch > 1 || time > 1 || batch == time)
    return "the axes are not the first two";
  for (int i = 2; i < in.rank; i++)
    inner *= in.dims[i];
  gint64 rows = in.dims[0] * in.dims[1];
  if (!lengths || (gint64)n != in.dims[batch] || rows > GONIO_GL_MOST_INDEX / 4)
    return "the lengths do not fit the batch or are too many";
  g_autofree gint32 *places = g_new (gint32, rows + 1);
  for (gint64 row = 0; row < rows; row++) {
    gint64 at[2] = {row / in.dims[1], row % in.dims[1]}, length = lengths[at[batch]];
    if (length < 0 || length > in.dims[time])
      return "a length is out of range";
    at[time] = at[time] < length ? length - 1 - at[time] : at[time];
    places[row] = (gint32)(at[0] * in.dims[1] + at[1]);
  }
  gonio_gl_move_init_view (move, 2, (gint64[]){rows, inner});
  gonio_gl_move_push_table (move, rows, 0, places);
  gonio_gl_move_push (move, inner, 1, 1);
  return NULL;
}

MOVE (transpose)
MOVE (slice)
MOVE (split)
MOVE (pad)
MOVE (center_crop_pad)
MOVE (expand)
MOVE (tile)
MOVE (blocks)
MOVE (reverse_sequence)

const GonioGlOp gonio_gl_ops_layout[] = {
    {GONIO_OP_CENTER_CROP_PAD, center_crop_pad_claim, center_crop_pad_lower, 0x2},
    {GONIO_OP_DEPTH_TO_SPACE, blocks_claim, blocks_lower, 0},
    {GONIO_OP_DROPOUT, dropout_claim, view_lower, 0x6},
    {GONIO_OP_EXPAND, expand_claim, expand_lower, 0x2},
    {GONIO_OP_FLATTEN, view_claim, view_lower, 0},
    {GONIO_OP_PAD, pad_claim, pad_lower, 0xe},
    {GONIO_OP_RESHAPE, view_claim, view_lower, 0x2},
    {GONIO_OP_REVERSE_SEQUENCE, reverse_sequence_claim, reverse_sequence_lower, 0x2},
    {GONIO_OP_SLICE, slice_claim, slice_lower, 0x1e},
    {GONIO_OP_SPACE_TO_DEPTH, blocks_claim, blocks_lower, 0},
    {GONIO_OP_SPLIT, split_claim, split_lower, 0x2},
    {GONIO_OP_SQUEEZE, view_claim, view_lower, 0x2},
    {GONIO_OP_TILE, tile_claim, tile_lower, 0x2},
    {GONIO_OP_TRANSPOSE, transpose_claim, transpose_lower, 0},
    {GONIO_OP_UNSQUEEZE, view_claim, view_lower, 0x2},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
