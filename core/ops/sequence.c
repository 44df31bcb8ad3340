/* Sequences and optional values: making them, taking them apart. Depends on family.h.
 *
 * Of the tensors inside a list only their element type is known; their shapes may differ. */
#include "core/ops/family.h"

#include <string.h>

/* ---- kinds ---- */

/* A value nothing is known of yet counts as a tensor in the graph. */
static gboolean
is_unknown (const GonioValue *value)
{
  return value->kind == GONIO_KIND_TENSOR && value->dtype == GONIO_DTYPE_NONE &&
         !value->shape.has_rank && !value->constant;
}

gboolean
gonio_infer_need_kind (const GonioInfer *infer, guint i, GonioKind kind, GError **error)
{
  const GonioValue *value = gonio_infer_input (infer, i);

  if (!value || value->kind == kind || is_unknown (value))
    return TRUE;
  return gonio_infer_fail (error, "input %u (“%s”) must be of kind %s, but is of kind %s.", i,
                           value->name, gonio_kind_name (kind), gonio_kind_name (value->kind));
}

gboolean
gonio_infer_set_list (GonioInfer *infer, guint i, GonioKind kind, GonioDType dtype, GError **error)
{
  if (!gonio_infer_has_output (infer, i))
    return TRUE;
  gonio_graph_set_kind (infer->graph, infer->node->outputs[i], kind);
  return gonio_infer_dtype_only (infer, i, dtype, error);
}

static GonioKind
kind_of (const GonioInfer *infer, guint i)
{
  const GonioValue *value = gonio_infer_input (infer, i);
  return value ? value->kind : GONIO_KIND_TENSOR;
}

/* The better known of the types of two inputs. */
static GonioDType
either_dtype (const GonioInfer *infer, guint a, guint b)
{
  GonioDType dtype = gonio_infer_dtype (infer, a);
  return dtype ? dtype : gonio_infer_dtype (infer, b);
}

static gboolean
need_sequence (const GonioInfer *infer, GError **error)
{
  return gonio_infer_need_kind (infer, 0, GONIO_KIND_SEQUENCE, error);
}

/* ---- sequences ---- */

static gboolean
infer_construct (GonioInfer *infer, GError **error)
{
  GonioDType dtype = GONIO_DTYPE_NONE;

  for (guint i = 0; i < infer->node->n_inputs; i++) {
    GonioDType given = gonio_infer_dtype (infer, i);
    if (!gonio_infer_need_kind (infer, i, GONIO_KIND_TENSOR, error))
      return FALSE;
    if (dtype && given && dtype != given)
      return gonio_infer_fail (error, "a sequence of %s cannot hold input %u, which is %s.",
                               gonio_dtype_name (dtype), i, gonio_dtype_name (given));
    dtype = dtype ? dtype : given;
  }
  return gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, dtype, error);
}

static gboolean
infer_empty (GonioInfer *infer, GError **error)
{
  int64_t dtype = gonio_node_attr_int (infer->node, "dtype", GONIO_DTYPE_FLOAT);

  if (dtype <= GONIO_DTYPE_NONE || dtype >= GONIO_DTYPE_COUNT)
    return gonio_infer_fail (error, "element type %" G_GINT64_FORMAT " is unknown.", dtype);
  return gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, (GonioDType)dtype, error);
}

static gboolean
infer_insert (GonioInfer *infer, GError **error)
{
  return need_sequence (infer, error) &&
         gonio_infer_need_kind (infer, 1, GONIO_KIND_TENSOR, error) &&
         gonio_infer_same_dtype (infer, 0, 1, error) &&
         gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, either_dtype (infer, 0, 1), error);
}

static gboolean
infer_erase (GonioInfer *infer, GError **error)
{
  return need_sequence (infer, error) &&
         gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, gonio_infer_dtype (infer, 0), error);
}

/* ---- lists whose maker is at hand ----
 *
 * The graph keeps no shapes of what is inside a list, but where a list is taken apart right after
 * it was made, they can be looked up at the node that made it. */

/* The node that makes the list of input 0, if it is of that operator. */
static gboolean
made_by (const GonioInfer *infer, GonioOpId op, GonioInfer *out_maker)
{
  const GonioValue *list = gonio_infer_input (infer, 0);
  const GonioNode *node = list && list->producer != GONIO_NODE_NONE
                              ? gonio_graph_node (infer->graph, list->producer)
                              : NULL;

  if (!node || node->op != op)
    return FALSE;
  *out_maker = (GonioInfer){.graph = infer->graph, .id = list->producer, .node = node};
  return TRUE;
}

/* Parts of SplitToSequence as far as they are known; *out_count: -1 when unknown. size: of the
 * part at that position. */
static void
split_parts (const GonioInfer *split, int64_t dim, int64_t at, int64_t *out_count,
             int64_t *out_size)
{
  g_autofree int64_t *sizes = NULL;
  guint n = 0;
  gboolean given = split->node->n_inputs > 1 && split->node->inputs[1] != GONIO_VALUE_NONE;
  gboolean known = given && gonio_infer_ints (split, 1, &sizes, &n) && n > 0;
  int64_t each = known ? sizes[0] : 1;

  *out_count = *out_size = -1;
  if (known && gonio_infer_rank (split, 1) == 1) {
    *out_count = n;
    at = at < 0 ? at + n : at;
    *out_size = at >= 0 && at < n ? sizes[at] : -1;
  } else if ((!given || (known && gonio_infer_rank (split, 1) == 0)) && dim >= 0 && each > 0) {
    *out_count = dim / each + (dim % each != 0);
    at = at < 0 && at >= -*out_count ? at + *out_count : at;
    *out_size = at >= 0 && at < *out_count ? MIN (each, dim - at * each) : -1;
  } else if (!given) {
    *out_size = 1;
  }
}

/* The shape of the part that SequenceAt takes of a split tensor. */
static GonioSymShape
part_shape (const GonioInfer *split, gboolean has_position, int64_t at)
{
  GonioSymShape shape = *gonio_infer_shape (split, 0);
  gboolean given = split->node->n_inputs > 1 && split->node->inputs[1] != GONIO_VALUE_NONE;
  int64_t count, size;
  int axis = 0;

  if (!shape.has_rank ||
      !gonio_infer_axis (gonio_node_attr_int (split->node, "axis", 0), shape.rank, &axis, NULL))
    return (GonioSymShape){0};
  if (!given && gonio_node_attr_int (split->node, "keepdims", 1) == 0) {
    for (int d = axis; d + 1 < shape.rank; d++)
      shape.dims[d] = shape.dims[d + 1];
    shape.rank--;
    return shape;
  }
  split_parts (split, shape.dims[axis].value, has_position ? at : INT64_MAX, &count, &size);
  shape.dims[axis] = size >= 0 ? GONIO_DIM (size) : GONIO_DIM_UNKNOWN;
  if (!given)
    shape.dims[axis] = GONIO_DIM (1);
  return shape;
}

static gboolean
infer_at (GonioInfer *infer, GError **error)
{
  GonioInfer maker;
  GonioSymShape shape = {0};
  int64_t at = 0;
  gboolean has_position = gonio_infer_scalar (infer, 1, &at);

  if (!need_sequence (infer, error))
    return FALSE;
  if (made_by (infer, GONIO_OP_SEQUENCE_CONSTRUCT, &maker) && has_position) {
    int64_t n = maker.node->n_inputs;
    at = at < 0 && at >= -n ? at + n : at;
    if (at >= 0 && at < n)
      shape = *gonio_infer_shape (&maker, (guint)at);
  } else if (made_by (infer, GONIO_OP_SPLIT_TO_SEQUENCE, &maker)) {
    shape = part_shape (&maker, has_position, at);
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static gboolean
infer_length (GonioInfer *infer, GError **error)
{
  GonioSymShape scalar = gonio_sym_rank (0);
  GonioInfer maker;
  int64_t count = -1, size;
  int axis = 0;

  if (!need_sequence (infer, error) ||
      !gonio_infer_set (infer, 0, GONIO_DTYPE_INT64, &scalar, error))
    return FALSE;
  if (made_by (infer, GONIO_OP_SEQUENCE_CONSTRUCT, &maker))
    count = maker.node->n_inputs;
  else if (made_by (infer, GONIO_OP_SPLIT_TO_SEQUENCE, &maker) &&
           gonio_infer_axis (gonio_node_attr_int (maker.node, "axis", 0),
                             gonio_infer_rank (&maker, 0), &axis, NULL))
    split_parts (&maker, gonio_infer_dim (&maker, 0, axis).value, 0, &count, &size);
  if (count >= 0)
    gonio_infer_set_elements (infer, 0, &GONIO_DIM (count), 1);
  return TRUE;
}

static gboolean
infer_split (GonioInfer *infer, GError **error)
{
  int rank = gonio_infer_rank (infer, 0), axis = 0;

  if (!gonio_infer_need_kind (infer, 0, GONIO_KIND_TENSOR, error) ||
      (rank >= 0 &&
       !gonio_infer_axis (gonio_node_attr_int (infer->node, "axis", 0), rank, &axis, error)))
    return FALSE;
  return gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, gonio_infer_dtype (infer, 0), error);
}

/* ---- optional values ---- */

static gboolean
infer_optional (GonioInfer *infer, GError **error)
{
  const char *type = gonio_node_attr_string (infer->node, "type", "");
  GonioKind inside = g_str_has_prefix (type, "seq(") ? GONIO_KIND_SEQUENCE : kind_of (infer, 0);
  GonioDType dtype = gonio_infer_dtype (infer, 0);

  if (inside != GONIO_KIND_TENSOR && inside != GONIO_KIND_SEQUENCE)
    return gonio_infer_fail (error, "an optional value cannot hold another one.");
  if (!gonio_infer_need_kind (infer, 0, inside, error))
    return FALSE;
  if (dtype == GONIO_DTYPE_NONE && *type) {
    g_autofree char *name = g_strdup (strrchr (type, '(') ? strrchr (type, '(') + 1 : type);
    g_strdelimit (name, ")", '\0');
    dtype = gonio_dtype_from_name (name);
  }
  return gonio_infer_set_list (
      infer, 0, inside == GONIO_KIND_SEQUENCE ? GONIO_KIND_OPTIONAL_SEQUENCE : GONIO_KIND_OPTIONAL,
      dtype, error);
}

/* Since opset 18 what is certainly there may be asked for as well. */
static gboolean
infer_get_element (GonioInfer *infer, GError **error)
{
  GonioKind kind = kind_of (infer, 0);

  if (kind == GONIO_KIND_TENSOR)
    return gonio_infer_same (infer, error);
  if (kind == GONIO_KIND_OPTIONAL)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  return gonio_infer_set_list (infer, 0, GONIO_KIND_SEQUENCE, gonio_infer_dtype (infer, 0), error);
}

static gboolean
infer_has_element (GonioInfer *infer, GError **error)
{
  GonioSymShape scalar = gonio_sym_rank (0);
  return gonio_infer_set (infer, 0, GONIO_DTYPE_BOOL, &scalar, error);
}

/* ---- ConcatFromSequence ---- */

/* Tensors of a SequenceConstruct joined along an axis, or side by side along a new one. */
static gboolean
joined_shape (const GonioInfer *maker, int64_t axis_given, gboolean new_axis, GonioSymShape *out,
              GError **error)
{
  int rank = gonio_infer_rank (maker, 0), axis = 0;
  GonioSymShape shape = *gonio_infer_shape (maker, 0);

  for (guint i = 1; i < maker->node->n_inputs; i++) {
    if (gonio_infer_rank (maker, i) != rank)
      return TRUE;
  }
  if (rank < 0 || rank + new_axis > GONIO_MAX_RANK)
    return TRUE;
  if (!gonio_infer_axis (axis_given, rank + new_axis, &axis, error))
    return FALSE;
  for (guint i = 1; i < maker->node->n_inputs; i++) {
    for (int d = 0; d < rank; d++) {
      GonioDim dim = gonio_infer_dim (maker, i, d);
      if (d == axis && !new_axis)
        shape.dims[d] = gonio_dim_add (shape.dims[d], dim);
      else if (!gonio_dim_merge (shape.dims[d], dim, &shape.dims[d]))
        return gonio_infer_fail (error, "the tensors it joins differ in dimension %d.", d);
    }
  }
  if (new_axis) {
    for (int d = shape.rank++; d > axis; d--)
      shape.dims[d] = shape.dims[d - 1];
    shape.dims[axis] = GONIO_DIM (maker->node->n_inputs);
  }
  *out = shape;
  return TRUE;
}

static gboolean
infer_concat (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = {0};
  GonioInfer maker;

  if (!need_sequence (infer, error))
    return FALSE;
  if (made_by (infer, GONIO_OP_SEQUENCE_CONSTRUCT, &maker) &&
      !joined_shape (&maker, gonio_node_attr_int (infer->node, "axis", 0),
                     gonio_node_attr_int (infer->node, "new_axis", 0) != 0, &shape, error))
    return FALSE;
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* ---- rows ---- */

static const GonioAttrSchema attrs_concat[] = {
    {"axis", GONIO_ATTR_INT, TRUE}, {"new_axis", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_empty[] = {{"dtype", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_optional[] = {{"type", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_split[] = {
    {"axis", GONIO_ATTR_INT, FALSE}, {"keepdims", GONIO_ATTR_INT, FALSE}, {0}};

#define EXACT  GONIO_TOLERANCE_EXACT
#define DATA   GONIO_OPF_DYNAMIC
#define D_AXIS (GONIO_OPF_DYNAMIC | GONIO_OPF_LAYOUT_SENSITIVE)

const GonioOpDef gonio_ops_sequence[] = {
    {GONIO_OP_CONCAT_FROM_SEQUENCE, 1, 1, 1, 1, D_AXIS, 0, EXACT, attrs_concat, infer_concat},
    {GONIO_OP_OPTIONAL, 0, 1, 1, 1, DATA, 0, EXACT, attrs_optional, infer_optional},
    {GONIO_OP_OPTIONAL_GET_ELEMENT, 1, 1, 1, 1, DATA, 0, EXACT, NULL, infer_get_element},
    {GONIO_OP_OPTIONAL_HAS_ELEMENT, 0, 1, 1, 1, 0, 0, EXACT, NULL, infer_has_element},
    {GONIO_OP_SEQUENCE_AT, 2, 2, 1, 1, DATA, 0, EXACT, NULL, infer_at},
    {GONIO_OP_SEQUENCE_CONSTRUCT, 1, -1, 1, 1, DATA, 0, EXACT, NULL, infer_construct},
    {GONIO_OP_SEQUENCE_EMPTY, 0, 0, 1, 1, DATA, 0, EXACT, attrs_empty, infer_empty},
    {GONIO_OP_SEQUENCE_ERASE, 1, 2, 1, 1, DATA, 0, EXACT, NULL, infer_erase},
    {GONIO_OP_SEQUENCE_INSERT, 2, 3, 1, 1, DATA, 0, EXACT, NULL, infer_insert},
    {GONIO_OP_SEQUENCE_LENGTH, 1, 1, 1, 1, 0, 0, EXACT, NULL, infer_length},
    {GONIO_OP_SPLIT_TO_SEQUENCE, 1, 2, 1, 1, D_AXIS, 0, EXACT, attrs_split, infer_split},
    {.id = GONIO_OP_INVALID},
};
