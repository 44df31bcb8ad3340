/* The inference driver and what inference functions share. Depends on graph, base. */
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/ops/family.h"

#include <string.h>

/* ---- dimensions ---- */

const char *
gonio_dim_negative_mark (void)
{
  return g_intern_static_string ("#negative");
}

GonioDim
gonio_dim_from_int (int64_t value)
{
  return (GonioDim){.value = value, .symbol = value < 0 ? gonio_dim_negative_mark () : NULL};
}

gboolean
gonio_dim_known (GonioDim dim, int64_t *out_value)
{
  if (dim.value < 0 && dim.symbol != gonio_dim_negative_mark ())
    return FALSE;
  *out_value = dim.value;
  return TRUE;
}

gboolean
gonio_dim_merge (GonioDim a, GonioDim b, GonioDim *out)
{
  if (a.value >= 0 && b.value >= 0 && a.value != b.value)
    return FALSE;
  *out = a.value >= 0 ? a : b.value >= 0 ? b : a.symbol ? a : b;
  return TRUE;
}

GonioDim
gonio_dim_mul (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0, z = 0;
  gboolean known_x = gonio_dim_known (a, &x), known_y = gonio_dim_known (b, &y);

  if (known_x && known_y)
    return gonio_checked_mul_i64 (x, y, &z) ? gonio_dim_from_int (z) : GONIO_DIM_UNKNOWN;
  if (known_x)
    return x == 1 ? b : x == 0 ? a : GONIO_DIM_UNKNOWN;
  if (known_y)
    return y == 1 ? a : y == 0 ? b : GONIO_DIM_UNKNOWN;
  return GONIO_DIM_UNKNOWN;
}

GonioDim
gonio_dim_add (GonioDim a, GonioDim b)
{
  int64_t x = 0, y = 0, z = 0;
  gboolean known_x = gonio_dim_known (a, &x), known_y = gonio_dim_known (b, &y);

  if (known_x && known_y)
    return gonio_checked_add_i64 (x, y, &z) ? gonio_dim_from_int (z) : GONIO_DIM_UNKNOWN;
  if (known_x && x == 0)
    return b;
  return known_y && y == 0 ? a : GONIO_DIM_UNKNOWN;
}

GonioSymShape
gonio_sym_rank (int rank)
{
  GonioSymShape shape = {.has_rank = rank >= 0 && rank <= GONIO_MAX_RANK, .rank = rank};
  for (int i = 0; shape.has_rank && i < rank; i++)
    shape.dims[i] = GONIO_DIM_UNKNOWN;
  return shape;
}

gboolean
gonio_sym_broadcast (const GonioSymShape *a, const GonioSymShape *b, GonioSymShape *out,
                     GError **error)
{
  if (!a->has_rank || !b->has_rank) {
    *out = (GonioSymShape){0};
    return TRUE;
  }
  GonioSymShape result = {.has_rank = TRUE, .rank = MAX (a->rank, b->rank)};
  for (int i = 0; i < result.rank; i++) {
    int at_a = i - (result.rank - a->rank), at_b = i - (result.rank - b->rank);
    GonioDim x = at_a < 0 ? GONIO_DIM (1) : a->dims[at_a];
    GonioDim y = at_b < 0 ? GONIO_DIM (1) : b->dims[at_b];
    if (x.value == 1) {
      result.dims[i] = y;
    } else if (y.value == 1) {
      result.dims[i] = x;
    } else if (x.value >= 0 && y.value >= 0) {
      if (x.value != y.value) {
        g_autofree char *text_a = gonio_sym_shape_to_string (a);
        g_autofree char *text_b = gonio_sym_shape_to_string (b);
        return gonio_infer_fail (error, "shapes %s and %s cannot be broadcast.", text_a, text_b);
      }
      result.dims[i] = x;
    } else if (x.value >= 0 || y.value >= 0) { /* not 1: the other is this or 1 */
      result.dims[i] = x.value >= 0 ? x : y;
    } else {
      result.dims[i] = gonio_dim_equal (x, y) ? x : GONIO_DIM_UNKNOWN;
    }
  }
  *out = result;
  return TRUE;
}

/* ---- facts of inputs ---- */

const GonioValue *
gonio_infer_input (const GonioInfer *infer, guint i)
{
  if (i >= infer->node->n_inputs || infer->node->inputs[i] == GONIO_VALUE_NONE)
    return NULL;
  return gonio_graph_value (infer->graph, infer->node->inputs[i]);
}

gboolean
gonio_infer_has_output (const GonioInfer *infer, guint i)
{
  return i < infer->node->n_outputs && infer->node->outputs[i] != GONIO_VALUE_NONE;
}

GonioDType
gonio_infer_dtype (const GonioInfer *infer, guint i)
{
  const GonioValue *value = gonio_infer_input (infer, i);
  return value ? value->dtype : GONIO_DTYPE_NONE;
}

const GonioSymShape *
gonio_infer_shape (const GonioInfer *infer, guint i)
{
  static const GonioSymShape unknown = {0};
  const GonioValue *value = gonio_infer_input (infer, i);
  return value && value->kind == GONIO_KIND_TENSOR ? &value->shape : &unknown;
}

int
gonio_infer_rank (const GonioInfer *infer, guint i)
{
  const GonioSymShape *shape = gonio_infer_shape (infer, i);
  return shape->has_rank ? shape->rank : -1;
}

GonioDim
gonio_infer_dim (const GonioInfer *infer, guint i, int d)
{
  const GonioSymShape *shape = gonio_infer_shape (infer, i);
  return shape->has_rank && d >= 0 && d < shape->rank ? shape->dims[d] : GONIO_DIM_UNKNOWN;
}

static gboolean
is_small_integer (const GonioTensor *tensor)
{
  GonioDType dtype = gonio_tensor_dtype (tensor);
  return (gonio_dtype_is_integer (dtype) || dtype == GONIO_DTYPE_BOOL) &&
         dtype != GONIO_DTYPE_UINT64 && gonio_tensor_shape (tensor)->rank <= 1 &&
         gonio_tensor_count (tensor) <= GONIO_MAX_KNOWN;
}

gboolean
gonio_infer_elements (const GonioInfer *infer, guint i, GonioDim **out_dims, guint *out_count)
{
  const GonioValue *value = gonio_infer_input (infer, i);

  if (!value)
    return FALSE;
  if (value->constant && is_small_integer (value->constant)) {
    guint n = (guint)gonio_tensor_count (value->constant);
    *out_dims = g_new0 (GonioDim, n + 1);
    for (guint k = 0; k < n; k++)
      (*out_dims)[k] = gonio_dim_from_int (gonio_tensor_get_int (value->constant, k));
    *out_count = n;
    return TRUE;
  }
  if (!value->partial)
    return FALSE;
  *out_dims = g_new0 (GonioDim, value->n_partial + 1);
  memcpy (*out_dims, value->partial, value->n_partial * sizeof (GonioDim));
  *out_count = value->n_partial;
  return TRUE;
}

gboolean
gonio_infer_ints (const GonioInfer *infer, guint i, int64_t **out_ints, guint *out_count)
{
  g_autofree GonioDim *dims = NULL;
  guint n = 0;

  if (!gonio_infer_elements (infer, i, &dims, &n))
    return FALSE;
  g_autofree int64_t *ints = g_new0 (int64_t, n + 1);
  for (guint k = 0; k < n; k++) {
    if (!gonio_dim_known (dims[k], &ints[k]))
      return FALSE;
  }
  *out_ints = g_steal_pointer (&ints);
  *out_count = n;
  return TRUE;
}

gboolean
gonio_infer_scalar (const GonioInfer *infer, guint i, int64_t *out_value)
{
  g_autofree int64_t *ints = NULL;
  guint n = 0;

  if (!gonio_infer_ints (infer, i, &ints, &n) || n != 1)
    return FALSE;
  *out_value = ints[0];
  return TRUE;
}

/* ---- results ---- */

gboolean
gonio_infer_fail (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  GError *made = g_error_new_valist (GONIO_RUN_ERROR, GONIO_RUN_ERROR_SHAPE, format, args);
  va_end (args);
  g_propagate_error (error, made);
  return FALSE;
}

static gboolean
merge_shape (const GonioValue *value, const GonioSymShape *shape, GonioSymShape *out,
             GError **error)
{
  *out = shape->has_rank ? *shape : value->shape;
  if (!shape->has_rank)
    return TRUE;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d].value > GONIO_MAX_DIM)
      return gonio_infer_fail (error,
                               "dimension %d of its result is too large (%" G_GINT64_FORMAT ").", d,
                               shape->dims[d].value);
    if (shape->dims[d].value < 0)
      out->dims[d].value = -1;
  }
  if (!value->shape.has_rank)
    return TRUE;
  gboolean fits = value->shape.rank == shape->rank;
  for (int d = 0; fits && d < shape->rank; d++)
    fits = gonio_dim_merge (value->shape.dims[d], shape->dims[d], &out->dims[d]);
  if (fits)
    return TRUE;
  g_autofree char *known = gonio_sym_shape_to_string (&value->shape);
  g_autofree char *found = gonio_sym_shape_to_string (shape);
  return gonio_infer_fail (error, "its result “%s” was known as %s, but its inputs give %s.",
                           value->name, known, found);
}

gboolean
gonio_infer_set (GonioInfer *infer, guint i, GonioDType dtype, const GonioSymShape *shape,
                 GError **error)
{
  if (!gonio_infer_has_output (infer, i))
    return TRUE;
  GonioValueId id = infer->node->outputs[i];
  const GonioValue *value = gonio_graph_value (infer->graph, id);
  GonioSymShape merged = {0};

  if (dtype != GONIO_DTYPE_NONE && value->dtype != GONIO_DTYPE_NONE && value->dtype != dtype)
    return gonio_infer_fail (error, "its result “%s” was known as %s, but its inputs give %s.",
                             value->name, gonio_dtype_name (value->dtype),
                             gonio_dtype_name (dtype));
  if (shape && !merge_shape (value, shape, &merged, error))
    return FALSE;
  if (dtype != GONIO_DTYPE_NONE)
    gonio_graph_set_dtype (infer->graph, id, dtype);
  if (shape)
    gonio_graph_set_shape (infer->graph, id, &merged);
  return TRUE;
}

gboolean
gonio_infer_dtype_only (GonioInfer *infer, guint i, GonioDType dtype, GError **error)
{
  return gonio_infer_set (infer, i, dtype, NULL, error);
}

gboolean
gonio_infer_same (GonioInfer *infer, GError **error)
{
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), gonio_infer_shape (infer, 0),
                          error);
}

void
gonio_infer_set_elements (GonioInfer *infer, guint i, const GonioDim *dims, guint n)
{
  if (gonio_infer_has_output (infer, i) && n <= GONIO_MAX_KNOWN)
    gonio_graph_set_partial (infer->graph, infer->node->outputs[i], dims, n);
}

gboolean
gonio_infer_same_dtype (const GonioInfer *infer, guint a, guint b, GError **error)
{
  GonioDType x = gonio_infer_dtype (infer, a), y = gonio_infer_dtype (infer, b);
  if (x != GONIO_DTYPE_NONE && y != GONIO_DTYPE_NONE && x != y)
    return gonio_infer_fail (error, "inputs %u and %u must have one type, but are %s and %s.", a, b,
                             gonio_dtype_name (x), gonio_dtype_name (y));
  return TRUE;
}

gboolean
gonio_infer_axis (int64_t axis, int rank, int *out_axis, GError **error)
{
  if (axis < -rank || axis >= rank)
    return gonio_infer_fail (error, "axis %" G_GINT64_FORMAT " is out of range for rank %d.", axis,
                             rank);
  *out_axis = (int)(axis < 0 ? axis + rank : axis);
  return TRUE;
}

gboolean
gonio_infer_need_rank (const GonioInfer *infer, guint i, int min, int max, GError **error)
{
  int rank = gonio_infer_rank (infer, i);
  if (rank < 0 || (rank >= min && rank <= max))
    return TRUE;
  g_autofree char *shape = gonio_sym_shape_to_string (gonio_infer_shape (infer, i));
  return gonio_infer_fail (error, "input %u has shape %s, but its rank must be %d to %d.", i, shape,
                           min, max);
}

/* ---- driver ---- */

/* Infer functions may then add and multiply dimensions with small numbers freely. */
static gboolean
check_input_dims (const GonioInfer *infer, GError **error)
{
  for (guint i = 0; i < infer->node->n_inputs; i++) {
    const GonioSymShape *shape = gonio_infer_shape (infer, i);
    for (int d = 0; shape->has_rank && d < shape->rank; d++) {
      if (shape->dims[d].value > GONIO_MAX_DIM)
        return gonio_infer_fail (error,
                                 "dimension %d of input %u is too large (%" G_GINT64_FORMAT ").", d,
                                 i, shape->dims[d].value);
    }
  }
  return TRUE;
}

gboolean
gonio_infer_node (GonioGraph *graph, GonioNodeId id, GError **error)
{
  const GonioNode *node = gonio_graph_node (graph, id);
  GonioInfer infer = {.graph = graph, .id = id, .node = node};
  const GonioOpDef *def = gonio_op_def (node->op);

  if (check_input_dims (&infer, error) && (!def->infer || def->infer (&infer, error)))
    return TRUE;
  g_prefix_error (error, "Node “%s” (%s): ", node->name, gonio_op_name (node->op));
  return FALSE;
}

gboolean
gonio_infer_graph (GonioGraph *graph, GError **error)
{
  guint n = 0;
  const GonioNodeId *order = gonio_graph_order (graph, &n);

  for (guint i = 0; i < n; i++) {
    if (!gonio_work_go_on (error) || !gonio_infer_node (graph, order[i], error))
      return FALSE;
  }
  return TRUE;
}
