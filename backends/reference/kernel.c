/* What kernels share: outputs, attributes, axes, errors, scratch memory.
 * Depends on core/ops, graph, tensor, base. */
#include "backends/reference/kernel.h"

#include <string.h>

GonioTensor *
ref_in (const GonioKernel *k, guint i)
{
  return i < k->node->n_inputs ? k->inputs[i] : NULL;
}

gboolean
ref_wants (const GonioKernel *k, guint i)
{
  return i < k->node->n_outputs && k->node->outputs[i] != GONIO_VALUE_NONE;
}

GonioTensor *
ref_output (GonioKernel *k, guint i, GonioDType dtype, const GonioShape *shape, GError **error)
{
  GonioTensor *planned;

  g_return_val_if_fail (i < k->node->n_outputs, NULL);
  g_return_val_if_fail (k->outputs[i] == NULL, NULL);

  if (!ref_check_shape (shape, error))
    return NULL;
  planned = k->planned[i];
  if (planned != NULL && gonio_tensor_dtype (planned) == dtype &&
      gonio_shape_equal (gonio_tensor_shape (planned), shape))
    k->outputs[i] = gonio_tensor_ref (planned);
  else
    k->outputs[i] = gonio_tensor_new (dtype, shape, error);
  return k->outputs[i];
}

gboolean
ref_output_value (GonioKernel *k, guint i, GonioTensor *value, gboolean own, GError **error)
{
  GonioTensor *y;

  if (gonio_tensor_kind (value) != GONIO_KIND_TENSOR || (own && k->planned[i] == NULL)) {
    k->outputs[i] = gonio_tensor_ref (value);
    return TRUE;
  }
  y = ref_output (k, i, gonio_tensor_dtype (value), gonio_tensor_shape (value), error);
  if (y == NULL)
    return FALSE;
  ref_copy (y, 0, value, 0, gonio_tensor_count (y));
  return TRUE;
}

GonioTensor *
ref_in_kind (const GonioKernel *k, guint i, GonioKind kind, GError **error)
{
  GonioTensor *value = ref_in (k, i);

  if (value != NULL && gonio_tensor_kind (value) == kind)
    return value;
  ref_raise (error, GONIO_RUN_ERROR_SHAPE, "input %u must be of kind %s, not %s", i,
             gonio_kind_name (kind),
             value == NULL ? "missing" : gonio_kind_name (gonio_tensor_kind (value)));
  return NULL;
}

GonioTensor *
ref_own (const GonioTensor *tensor, GError **error)
{
  GonioTensor *copy =
      gonio_tensor_new (gonio_tensor_dtype (tensor), gonio_tensor_shape (tensor), error);

  if (copy != NULL)
    ref_copy (copy, 0, tensor, 0, gonio_tensor_count (copy));
  return copy;
}

void
ref_raise (GError **error, GonioRunError code, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, GONIO_RUN_ERROR, code, text);
}

/* ---- attributes and integer inputs ---- */

gboolean
ref_axis (int64_t axis, int rank, int *out_axis, GError **error)
{
  if (axis < -rank || axis >= rank)
    return ref_bad_value (error, "axis %" G_GINT64_FORMAT " is outside a tensor of rank %d", axis,
                          rank);
  *out_axis = (int)(axis < 0 ? axis + rank : axis);
  return TRUE;
}

gboolean
ref_axis_set (const GonioTensor *tensor, int rank, gboolean out_set[GONIO_MAX_RANK], GError **error)
{
  gboolean set[GONIO_MAX_RANK] = {FALSE};
  int64_t axes[GONIO_MAX_RANK];
  int n = 0;

  if (tensor != NULL && !ref_ints (tensor, GONIO_MAX_RANK, axes, &n, "axes", error))
    return FALSE;
  for (int i = 0; i < n; i++) {
    int axis;

    if (!ref_axis (axes[i], rank, &axis, error))
      return FALSE;
    if (set[axis])
      return ref_bad_value (error, "axis %d is given twice", axis);
    set[axis] = TRUE;
  }
  for (int i = 0; i < GONIO_MAX_RANK; i++)
    out_set[i] = n == 0 ? i < rank : set[i];
  return TRUE;
}

gboolean
ref_ints (const GonioTensor *tensor, int max, int64_t *out, int *out_count, const char *what,
          GError **error)
{
  int64_t count = gonio_tensor_count (tensor);

  if (gonio_tensor_shape (tensor)->rank > 1) {
    g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (tensor));

    return ref_bad_shape (error, "%s must be a list, not a tensor of shape %s", what, shape);
  }
  if (count > max)
    return ref_bad_shape (error, "%s has %" G_GINT64_FORMAT " elements, at most %d fit", what,
                          count, max);
  ref_load_i64 (tensor, 0, count, out);
  *out_count = (int)count;
  return TRUE;
}

static gboolean
check_single (const GonioTensor *tensor, const char *what, GError **error)
{
  if (gonio_tensor_count (tensor) != 1) {
    g_autofree char *shape = gonio_shape_to_string (gonio_tensor_shape (tensor));

    return ref_bad_shape (error, "%s must be one number, not a tensor of shape %s", what, shape);
  }
  return TRUE;
}

gboolean
ref_scalar_int (const GonioTensor *tensor, int64_t *out, const char *what, GError **error)
{
  if (!check_single (tensor, what, error))
    return FALSE;
  ref_load_i64 (tensor, 0, 1, out);
  return TRUE;
}

gboolean
ref_scalar_f64 (const GonioTensor *tensor, double *out, const char *what, GError **error)
{
  if (!check_single (tensor, what, error))
    return FALSE;
  ref_load_f64 (tensor, 0, 1, out);
  return TRUE;
}

gboolean
ref_attr_ints (const GonioKernel *k, const char *name, int n, int64_t fallback, int64_t *out,
               GError **error)
{
  guint count;
  const int64_t *ints = gonio_node_attr_ints (k->node, name, &count);

  if (ints != NULL && count != (guint)n)
    return ref_bad_value (error, "attribute %s has %u numbers where %d are needed", name, count, n);
  for (int i = 0; i < n; i++)
    out[i] = ints != NULL ? ints[i] : fallback;
  return TRUE;
}

/* ---- memory ---- */

static gpointer
alloc_checked (int64_t count, size_t size, gboolean zero, GError **error)
{
  GonioMemoryBudget *budget = NULL;
  size_t bytes;

  g_return_val_if_fail (count >= 0, NULL);
  if (!gonio_checked_mul ((size_t)count, size, &bytes) || bytes > REF_SCRATCH_MAX) {
    ref_raise (error, GONIO_RUN_ERROR_MEMORY,
               "%" G_GINT64_FORMAT " scratch elements of %" G_GSIZE_FORMAT
               " bytes exceed the limit of %zu MiB",
               count, size, REF_SCRATCH_MAX >> 20);
    return NULL;
  }
  /* Asked of the budget, but not held: it is gone before the kernel ends. */
  if (!gonio_memory_budget_take (bytes, "scratch memory", &budget, error))
    return NULL;
  gonio_memory_budget_give (budget, bytes);
  return zero ? gonio_alloc0 (1, bytes, "scratch memory", error)
              : gonio_alloc (1, bytes, "scratch memory", error);
}

gpointer
ref_alloc (int64_t count, size_t size, GError **error)
{
  return alloc_checked (count, size, FALSE, error);
}

gpointer
ref_alloc0 (int64_t count, size_t size, GError **error)
{
  return alloc_checked (count, size, TRUE, error);
}

gboolean
ref_items_take (RefItems *items, GonioTensor *tensor, GError **error)
{
  if (tensor == NULL)
    return FALSE;
  if (!gonio_reserve ((gpointer *)&items->items, &items->capacity, items->n, 1,
                      sizeof *items->items, "a list of tensors", error)) {
    gonio_tensor_unref (tensor);
    return FALSE;
  }
  items->items[items->n++] = tensor;
  return TRUE;
}

void
ref_items_clear (RefItems *items)
{
  for (size_t i = 0; i < items->n; i++)
    gonio_tensor_unref (items->items[i]);
  g_clear_pointer (&items->items, g_free);
  items->n = items->capacity = 0;
}

/* ---- shapes ---- */

int64_t
ref_dims_product (const GonioShape *shape, int from, int to)
{
  int64_t product = 1;

  for (int i = from; i < to; i++)
    if (shape->dims[i] == 0)
      return 0;
  for (int i = from; i < to; i++)
    if (!gonio_checked_mul_i64 (product, shape->dims[i], &product))
      return G_MAXINT64;
  return product;
}

gboolean
ref_check_shape (const GonioShape *shape, GError **error)
{
  int64_t count;

  if (shape->rank < 0 || shape->rank > GONIO_MAX_RANK)
    return ref_bad_shape (error, "result would have rank %d, at most %d is supported", shape->rank,
                          GONIO_MAX_RANK);
  for (int i = 0; i < shape->rank; i++)
    if (shape->dims[i] < 0) {
      g_autofree char *text = gonio_shape_to_string (shape);

      return ref_bad_shape (error, "result would have the impossible shape %s", text);
    }
  if (!gonio_shape_count (shape, &count)) {
    g_autofree char *text = gonio_shape_to_string (shape);

    return ref_bad_shape (error, "result of shape %s has too many elements", text);
  }
  return TRUE;
}

/* ---- broadcasting ---- */

/* Merges output dimensions that every operand walks in one stride; the last becomes the row. */
static void
merge_dims (RefBroadcast *b, const int64_t *full)
{
  int64_t dims[GONIO_MAX_RANK];
  int merged = 0;

  for (int d = 0; d < b->shape.rank; d++) {
    gboolean joins = merged > 0;

    if (b->shape.dims[d] == 1)
      continue;
    for (guint i = 0; i < b->n && joins; i++)
      joins = b->strides[i * GONIO_MAX_RANK + merged - 1] ==
              full[i * GONIO_MAX_RANK + d] * b->shape.dims[d];
    if (!joins)
      merged++;
    dims[merged - 1] = joins ? dims[merged - 1] * b->shape.dims[d] : b->shape.dims[d];
    for (guint i = 0; i < b->n; i++)
      b->strides[i * GONIO_MAX_RANK + merged - 1] = full[i * GONIO_MAX_RANK + d];
  }
  b->row = 1;
  b->rank = MAX (merged - 1, 0);
  if (merged > 0) {
    b->row = dims[merged - 1];
    for (guint i = 0; i < b->n; i++)
      b->step[i] = b->strides[i * GONIO_MAX_RANK + merged - 1] != 0;
  }
  b->rows = 1;
  for (int d = 0; d < b->rank; d++) {
    b->dims[d] = dims[d];
    b->rows *= dims[d];
  }
}

gboolean
ref_broadcast_init_to (RefBroadcast *b, const GonioShape *shape, GonioTensor *const *operands,
                       guint n, GError **error)
{
  g_autofree int64_t *full = g_new0 (int64_t, (gsize)n * GONIO_MAX_RANK);
  int64_t count;

  *b = (RefBroadcast){.shape = *shape, .n = n};
  if (!ref_check_shape (shape, error) || !gonio_shape_count (shape, &count))
    return FALSE;
  b->offset = g_new0 (int64_t, n);
  b->step = g_new0 (int, n);
  b->strides = g_new0 (int64_t, (gsize)n * GONIO_MAX_RANK);
  if (count == 0)
    return TRUE;

  for (guint i = 0; i < n; i++) {
    const GonioShape *own = gonio_tensor_shape (operands[i]);
    int64_t strides[GONIO_MAX_RANK];
    int lead = shape->rank - own->rank;

    gonio_shape_strides (own, strides);
    for (int d = 0; d < own->rank; d++) {
      if (lead < 0 || (own->dims[d] != 1 && own->dims[d] != shape->dims[lead + d])) {
        g_autofree char *from = gonio_shape_to_string (own);
        g_autofree char *to = gonio_shape_to_string (shape);

        ref_broadcast_clear (b);
        return ref_bad_shape (error, "shape %s cannot be broadcast to %s", from, to);
      }
      full[i * GONIO_MAX_RANK + lead + d] = own->dims[d] == 1 ? 0 : strides[d];
    }
  }
  merge_dims (b, full);
  return TRUE;
}

gboolean
ref_broadcast_init (RefBroadcast *b, GonioTensor *const *operands, guint n, GError **error)
{
  GonioShape shape = GONIO_SHAPE_SCALAR;

  *b = (RefBroadcast){0};
  for (guint i = 0; i < n; i++) {
    const GonioShape *own = gonio_tensor_shape (operands[i]);

    if (!gonio_shape_broadcast (&shape, own, &shape)) {
      g_autofree char *left = gonio_shape_to_string (&shape);
      g_autofree char *right = gonio_shape_to_string (own);

      return ref_bad_shape (error, "shapes %s and %s do not broadcast", left, right);
    }
  }
  return ref_broadcast_init_to (b, &shape, operands, n, error);
}

void
ref_broadcast_next (RefBroadcast *b)
{
  for (int d = b->rank - 1; d >= 0; d--) {
    if (++b->index[d] < b->dims[d]) {
      for (guint i = 0; i < b->n; i++)
        b->offset[i] += b->strides[i * GONIO_MAX_RANK + d];
      return;
    }
    for (guint i = 0; i < b->n; i++)
      b->offset[i] -= b->strides[i * GONIO_MAX_RANK + d] * (b->dims[d] - 1);
    b->index[d] = 0;
  }
}

void
ref_broadcast_clear (RefBroadcast *b)
{
  g_clear_pointer (&b->offset, g_free);
  g_clear_pointer (&b->step, g_free);
  g_clear_pointer (&b->strides, g_free);
}

/* ---- activations ---- */

void
ref_activate_tensor (const GonioActivation *activation, GonioTensor *tensor)
{
  int64_t count = gonio_tensor_count (tensor);
  RefChunk chunk;

  if (activation->kind == GONIO_ACT_NONE || !gonio_dtype_is_float (gonio_tensor_dtype (tensor)))
    return;
  for (int64_t at = 0; at < count; at += REF_CHUNK) {
    int n = (int)MIN (REF_CHUNK, count - at);

    ref_load (tensor, at, 1, n, REF_FORM_FLOAT, &chunk);
    ref_activate (activation, chunk.f, n);
    ref_store (tensor, at, n, REF_FORM_FLOAT, &chunk);
  }
}
