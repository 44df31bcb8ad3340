/* Sequences and optional values. Depends on kernel.h.
 *
 * Lists are shared, never changed; a tensor that becomes part of one is copied, because its
 * memory may belong to the run. */
#include "backends/reference/kernel.h"

/* ---- positions ---- */

/* Position i of a list of n, counted from the end when negative; extra: one past the end is
 * allowed. fallback when the input is omitted. */
static gboolean
position (const GonioKernel *k, guint input, guint n, gboolean extra, guint fallback, guint *out,
          GError **error)
{
  const GonioTensor *tensor = ref_in (k, input);
  int64_t at = fallback;

  if (tensor != NULL && !ref_scalar_int (tensor, &at, "the position", error))
    return FALSE;
  if (at < -(int64_t)n || at >= (int64_t)n + (extra ? 1 : 0))
    return ref_bad_value (
        error, "position %" G_GINT64_FORMAT " is outside a sequence of %u tensors", at, n);
  *out = (guint)(at < 0 ? at + n : at);
  return TRUE;
}

/* Items from..to-1 of a list are added to items. */
static gboolean
add_items (RefItems *items, const GonioTensor *list, guint from, guint to, GError **error)
{
  for (guint i = from; i < to; i++)
    if (!ref_items_take (items, gonio_tensor_ref (gonio_list_item (list, i)), error))
      return FALSE;
  return TRUE;
}

static gboolean
output_list (GonioKernel *k, GonioKind kind, GonioDType dtype, const RefItems *items,
             GError **error)
{
  k->outputs[0] = gonio_list_new (kind, dtype, items->items, (guint)items->n, error);
  return k->outputs[0] != NULL;
}

/* ---- making and changing ---- */

static gboolean
run_construct (GonioKernel *k, GError **error)
{
  g_auto (RefItems) items = {0};

  for (guint i = 0; i < k->node->n_inputs; i++) {
    if (k->inputs[i] == NULL)
      return ref_bad_shape (error, "input %u is missing", i);
    if (!ref_items_take (&items, ref_own (k->inputs[i], error), error))
      return FALSE;
  }
  return output_list (k, GONIO_KIND_SEQUENCE, GONIO_DTYPE_NONE, &items, error);
}

static gboolean
run_empty (GonioKernel *k, GError **error)
{
  const RefItems none = {0};
  int64_t dtype = ref_attr_int (k, "dtype", GONIO_DTYPE_FLOAT);

  if (dtype <= GONIO_DTYPE_NONE || dtype >= GONIO_DTYPE_COUNT)
    return ref_bad_value (error, "element type %" G_GINT64_FORMAT " is unknown", dtype);
  return output_list (k, GONIO_KIND_SEQUENCE, (GonioDType)dtype, &none, error);
}

static gboolean
run_insert (GonioKernel *k, GError **error)
{
  GonioTensor *list = ref_in_kind (k, 0, GONIO_KIND_SEQUENCE, error);
  g_auto (RefItems) items = {0};
  guint at, n;

  if (list == NULL || ref_in_kind (k, 1, GONIO_KIND_TENSOR, error) == NULL)
    return FALSE;
  n = gonio_list_length (list);
  if (!position (k, 2, n, TRUE, n, &at, error))
    return FALSE;
  return add_items (&items, list, 0, at, error) &&
         ref_items_take (&items, ref_own (k->inputs[1], error), error) &&
         add_items (&items, list, at, n, error) &&
         output_list (k, GONIO_KIND_SEQUENCE, gonio_list_dtype (list), &items, error);
}

static gboolean
run_erase (GonioKernel *k, GError **error)
{
  GonioTensor *list = ref_in_kind (k, 0, GONIO_KIND_SEQUENCE, error);
  g_auto (RefItems) items = {0};
  guint at, n;

  if (list == NULL)
    return FALSE;
  n = gonio_list_length (list);
  if (n == 0)
    return ref_bad_value (error, "the sequence is empty, nothing can be taken out");
  if (!position (k, 1, n, FALSE, n - 1, &at, error))
    return FALSE;
  return add_items (&items, list, 0, at, error) && add_items (&items, list, at + 1, n, error) &&
         output_list (k, GONIO_KIND_SEQUENCE, gonio_list_dtype (list), &items, error);
}

/* ---- SplitToSequence ---- */

/* The size of every part but the last, from a scalar split; *out_n parts. */
static gboolean
even_parts (int64_t dim, int64_t size, int64_t *out_n, GError **error)
{
  if (size < 1)
    return ref_bad_value (error, "parts of size %" G_GINT64_FORMAT " are impossible", size);
  *out_n = dim / size + (dim % size != 0);
  return TRUE;
}

typedef struct {
  int axis;
  int64_t n;    /* parts */
  int64_t size; /* of each, when there is no list */
  const GonioTensor *sizes;
  gboolean keep_axis;
} Split;

static gboolean
plan_split (const GonioKernel *k, Split *split, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (k->inputs[0]);
  const GonioTensor *sizes = ref_in (k, 1);
  int64_t dim;

  *split = (Split){.size = 1, .keep_axis = TRUE};
  if (!ref_axis (ref_attr_int (k, "axis", 0), shape->rank, &split->axis, error))
    return FALSE;
  dim = shape->dims[split->axis];
  if (sizes != NULL && gonio_tensor_shape (sizes)->rank > 0) {
    split->sizes = sizes;
    split->n = gonio_tensor_count (sizes);
  } else {
    if (sizes != NULL)
      ref_load_i64 (sizes, 0, 1, &split->size);
    else
      split->keep_axis = ref_attr_int (k, "keepdims", 1) != 0;
    if (!even_parts (dim, split->size, &split->n, error))
      return FALSE;
  }
  if (split->n > GONIO_LIST_MAX_ITEMS)
    return ref_bad_value (error, "%" G_GINT64_FORMAT " parts are more than a sequence holds (%u)",
                          split->n, GONIO_LIST_MAX_ITEMS);
  return TRUE;
}

static gboolean
run_split (GonioKernel *k, GError **error)
{
  g_auto (RefItems) items = {0};
  const GonioTensor *x = k->inputs[0];
  int64_t dim, at = 0;
  Split split;

  if (!plan_split (k, &split, error))
    return FALSE;
  dim = gonio_tensor_shape (x)->dims[split.axis];
  for (int64_t i = 0; i < split.n; i++) {
    int64_t size = MIN (split.size, dim - at);

    if (split.sizes != NULL)
      ref_load_i64 (split.sizes, i, 1, &size);
    if (size < 0 || size > dim - at)
      return ref_bad_value (error,
                            "part %" G_GINT64_FORMAT " has size %" G_GINT64_FORMAT
                            ", %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " elements are left",
                            i, size, dim - at, dim);
    if (!ref_items_take (&items, ref_part (x, split.axis, at, size, split.keep_axis, error), error))
      return FALSE;
    at += size;
  }
  if (at != dim)
    return ref_bad_value (
        error, "the parts hold %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " elements of axis %d",
        at, dim, split.axis);
  return output_list (k, GONIO_KIND_SEQUENCE, gonio_tensor_dtype (x), &items, error);
}

/* ---- taking apart ---- */

static gboolean
run_at (GonioKernel *k, GError **error)
{
  GonioTensor *list = ref_in_kind (k, 0, GONIO_KIND_SEQUENCE, error);
  guint at;

  return list != NULL && position (k, 1, gonio_list_length (list), FALSE, 0, &at, error) &&
         ref_output_value (k, 0, gonio_list_item (list, at), TRUE, error);
}

static gboolean
run_length (GonioKernel *k, GError **error)
{
  GonioTensor *list = ref_in_kind (k, 0, GONIO_KIND_SEQUENCE, error);
  GonioTensor *y =
      list != NULL ? ref_output (k, 0, GONIO_DTYPE_INT64, &GONIO_SHAPE_SCALAR, error) : NULL;

  if (y != NULL)
    *(int64_t *)gonio_tensor_writable_data (y) = gonio_list_length (list);
  return y != NULL;
}

static gboolean
run_concat (GonioKernel *k, GError **error)
{
  GonioTensor *list = ref_in_kind (k, 0, GONIO_KIND_SEQUENCE, error);
  int64_t axis = ref_attr_int (k, "axis", 0);
  g_auto (RefItems) items = {0};

  if (list == NULL)
    return FALSE;
  if (gonio_list_length (list) == 0)
    return ref_bad_value (error, "the sequence is empty, there is nothing to join");
  if (!add_items (&items, list, 0, gonio_list_length (list), error))
    return FALSE;
  return ref_attr_int (k, "new_axis", 0) != 0
             ? ref_stack (k, 0, items.items, (guint)items.n, axis, error)
             : ref_join (k, 0, items.items, (guint)items.n, axis, error);
}

/* ---- optional values ---- */

static gboolean
is_optional (const GonioTensor *value)
{
  GonioKind kind = gonio_tensor_kind (value);
  return kind == GONIO_KIND_OPTIONAL || kind == GONIO_KIND_OPTIONAL_SEQUENCE;
}

/* Nothing inside: inference has read the type from the attribute. */
static gboolean
output_nothing (GonioKernel *k, GError **error)
{
  const GonioValue *planned = gonio_graph_value (k->graph, k->node->outputs[0]);
  GonioKind kind = planned->kind == GONIO_KIND_TENSOR ? GONIO_KIND_OPTIONAL : planned->kind;

  k->outputs[0] = gonio_list_new (kind, planned->dtype, NULL, 0, error);
  return k->outputs[0] != NULL;
}

static gboolean
run_optional (GonioKernel *k, GError **error)
{
  g_auto (RefItems) inside = {0};
  GonioKind kind = GONIO_KIND_OPTIONAL_SEQUENCE;
  GonioTensor *x = ref_in (k, 0);

  if (x == NULL)
    return !ref_wants (k, 0) || output_nothing (k, error);
  if (is_optional (x))
    return ref_bad_shape (error, "an optional value cannot hold another one");
  if (gonio_tensor_kind (x) == GONIO_KIND_TENSOR) {
    kind = GONIO_KIND_OPTIONAL;
    x = ref_own (x, error);
  } else {
    gonio_tensor_ref (x);
  }
  return ref_items_take (&inside, x, error) &&
         output_list (k, kind, GONIO_DTYPE_NONE, &inside, error);
}

static gboolean
run_get_element (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0];

  if (!is_optional (x))
    return ref_output_value (k, 0, x, FALSE, error);
  if (gonio_list_length (x) == 0)
    return ref_bad_value (error, "the optional value is empty");
  return ref_output_value (k, 0, gonio_list_item (x, 0), TRUE, error);
}

static gboolean
run_has_element (GonioKernel *k, GError **error)
{
  const GonioTensor *x = ref_in (k, 0);
  GonioTensor *y = ref_output (k, 0, GONIO_DTYPE_BOOL, &GONIO_SHAPE_SCALAR, error);

  if (y != NULL)
    *(guint8 *)gonio_tensor_writable_data (y) =
        x != NULL && (!is_optional (x) || gonio_list_length (x) > 0);
  return y != NULL;
}

#define LISTS (REF_ANY | REF_LIST)

const RefRow ref_rows_sequence[] = {
    {GONIO_OP_CONCAT_FROM_SEQUENCE, run_concat, NULL, {LISTS}, 0, 0},
    {GONIO_OP_OPTIONAL, run_optional, NULL, {LISTS}, 0, 0},
    {GONIO_OP_OPTIONAL_GET_ELEMENT, run_get_element, NULL, {LISTS}, 0, 0},
    {GONIO_OP_OPTIONAL_HAS_ELEMENT, run_has_element, NULL, {LISTS}, 0, 0},
    {GONIO_OP_SEQUENCE_AT, run_at, NULL, {LISTS, REF_INDEX}, 0, 0},
    {GONIO_OP_SEQUENCE_CONSTRUCT, run_construct, NULL, {REF_ANY}, REF_SAME_ALL, 0},
    {GONIO_OP_SEQUENCE_EMPTY, run_empty, NULL, {REF_ANY}, 0, 0},
    {GONIO_OP_SEQUENCE_ERASE, run_erase, NULL, {LISTS, REF_INDEX}, 0, 0},
    {GONIO_OP_SEQUENCE_INSERT, run_insert, NULL, {LISTS, REF_ANY, REF_INDEX}, 3, 0},
    {GONIO_OP_SEQUENCE_LENGTH, run_length, NULL, {LISTS}, 0, 0},
    {GONIO_OP_SPLIT_TO_SEQUENCE, run_split, NULL, {REF_ANY, REF_INDEX}, 0, 0},
    {0},
};
