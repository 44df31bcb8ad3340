/* What the import rows of ai.onnx.ml have in common. Depends on ml.h. */
#include "core/onnx/import/ml.h"

#include "core/base/error.h"
#include "core/base/memory.h"

/* ---- constants ---- */

GonioTensor *
gonio_ml_list (GonioDType dtype, const void *data, size_t n, size_t size, GError **error)
{
  GonioShape shape = GONIO_SHAPE ((int64_t)n);
  return gonio_tensor_new_copy (dtype, &shape, data, n * size, error);
}

GonioTensor *
gonio_ml_texts (char *const *texts, size_t n, GError **error)
{
  GonioShape shape = GONIO_SHAPE ((int64_t)n);
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (GONIO_DTYPE_STRING, &shape, error);
  for (size_t i = 0; tensor && i < n; i++)
    if (!gonio_tensor_set_string (tensor, (int64_t)i, texts[i], error))
      return NULL;
  return g_steal_pointer (&tensor);
}

GonioTensor *
gonio_ml_flat (const GonioAttr *attr, GError **error)
{
  switch (attr->type) {
  case GONIO_ATTR_INTS:
    return gonio_ml_list (GONIO_DTYPE_INT64, attr->ints, attr->count, sizeof *attr->ints, error);
  case GONIO_ATTR_FLOATS:
    return gonio_ml_list (GONIO_DTYPE_FLOAT, attr->floats, attr->count, sizeof *attr->floats,
                          error);
  case GONIO_ATTR_STRINGS:
    return gonio_ml_texts (attr->strings, attr->count, error);
  case GONIO_ATTR_TENSOR: {
    GonioShape shape = GONIO_SHAPE (gonio_tensor_count (attr->tensor));
    return gonio_tensor_new_view (attr->tensor, &shape, error);
  }
  default:
    gonio_import_malformed (error, "attribute “%s” is no list.", attr->name);
    return NULL;
  }
}

gboolean
gonio_ml_doubles (const GonioImportNode *in, const char *name, double **out_numbers, size_t *out_n,
                  gboolean *out_is_double, GError **error)
{
  g_autofree char *other = g_strdup_printf ("%s_as_tensor", name);
  const GonioAttr *list = gonio_node_attr (in->node, name);
  const GonioAttr *tensor = gonio_node_attr (in->node, other);
  const GonioAttr *attr = tensor ? tensor : list;

  *out_numbers = NULL;
  *out_n = 0;
  *out_is_double = FALSE;
  if (tensor && list && list->count > 0)
    return gonio_import_malformed (error, "attributes “%s” and “%s” are both given.", name, other);
  if (!attr)
    return TRUE;
  if (attr->type != GONIO_ATTR_FLOATS && attr->type != GONIO_ATTR_TENSOR)
    return gonio_import_malformed (error, "attribute “%s” is no list of numbers.", attr->name);
  g_autoptr (GonioTensor) flat = gonio_ml_flat (attr, error);
  if (!flat)
    return FALSE;
  if (!gonio_dtype_is_float (gonio_tensor_dtype (flat)))
    return gonio_import_malformed (error, "attribute “%s” is of type %s.", attr->name,
                                   gonio_dtype_name (gonio_tensor_dtype (flat)));
  size_t n = (size_t)gonio_tensor_count (flat);
  double *numbers = n > 0 ? gonio_new (double, n, "the numbers of a model", error) : NULL;
  if (n > 0 && !numbers)
    return FALSE;
  for (size_t i = 0; i < n; i++)
    numbers[i] = gonio_tensor_get_double (flat, (int64_t)i);
  *out_numbers = numbers;
  *out_n = n;
  *out_is_double = gonio_tensor_dtype (flat) == GONIO_DTYPE_DOUBLE;
  return TRUE;
}

GonioValueId
gonio_ml_constant (GonioImportNode *in, const char *hint, GonioTensor *tensor)
{
  g_autofree char *name = g_strdup_printf ("%s/%s", in->node->name, hint);
  return tensor ? gonio_graph_add_constant (in->graph, name, tensor)
                : gonio_graph_add_value (in->graph, name, GONIO_DTYPE_NONE, NULL);
}

GonioValueId
gonio_ml_numbers (GonioImportNode *in, const char *hint, GonioDType dtype, const GonioShape *shape,
                  const double *numbers)
{
  GError **error = in->failure ? NULL : &in->failure;
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (dtype, shape, error);

  for (int64_t i = 0; tensor && i < gonio_tensor_count (tensor); i++) {
    if (dtype == GONIO_DTYPE_DOUBLE)
      ((double *)gonio_tensor_writable_data (tensor))[i] = numbers[i];
    else
      ((float *)gonio_tensor_writable_data (tensor))[i] = (float)numbers[i];
  }
  return gonio_ml_constant (in, hint, tensor);
}

/* ---- nodes ---- */

GonioValueId
gonio_ml_rows (GonioImportNode *in, GonioDType dtype)
{
  const int64_t first = 0;
  GonioValueId x = gonio_import_input (in, 0);
  GonioDType from = gonio_import_dtype (in, x);

  if (gonio_import_rank (in, x) == 1)
    x = gonio_import_binary (in, GONIO_OP_UNSQUEEZE, "row", x,
                             gonio_import_const_ints (in, "first", &first, 1));
  return dtype == GONIO_DTYPE_NONE || dtype == from ? x : gonio_import_cast (in, x, dtype, "x");
}

int64_t
gonio_ml_n_features (const GonioImportNode *in)
{
  GonioValueId x = gonio_import_input (in, 0);
  int rank = gonio_import_rank (in, x);

  return rank < 1 ? -1 : gonio_graph_value (in->graph, x)->shape.dims[rank - 1].value;
}

GonioValueId
gonio_ml_product (GonioImportNode *in, const char *hint, GonioValueId x, GonioValueId w,
                  GonioValueId b)
{
  const GonioValueId inputs[3] = {x, w, b};
  GonioNodeId node = GONIO_NODE_NONE;
  GonioValueId y =
      gonio_import_emit (in, GONIO_OP_GEMM, hint, inputs, b == GONIO_VALUE_NONE ? 2 : 3, &node);

  gonio_graph_set_attr_int (in->graph, node, "transB", 1);
  return y;
}

GonioValueId
gonio_ml_columns (GonioImportNode *in, const char *hint, GonioValueId first, GonioValueId second)
{
  const GonioValueId inputs[2] = {first, second};
  GonioNodeId node = GONIO_NODE_NONE;
  GonioValueId y = gonio_import_emit (in, GONIO_OP_CONCAT, hint, inputs, 2, &node);

  gonio_graph_set_attr_int (in->graph, node, "axis", 1);
  return y;
}

/* ---- scores ---- */

gboolean
gonio_ml_transform (const GonioImportNode *in, GonioMlTransform *out_transform, GError **error)
{
  static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  const GonioAttr *attr = gonio_node_attr (in->node, "post_transform");

  *out_transform = GONIO_ML_NONE;
  if (!attr)
    return TRUE;
  if (attr->type == GONIO_ATTR_INT && attr->i >= GONIO_ML_NONE && attr->i <= GONIO_ML_PROBIT) {
    *out_transform = (GonioMlTransform)attr->i;
    return TRUE;
  }
  for (guint i = 0; attr->type == GONIO_ATTR_STRING && i < G_N_ELEMENTS (names); i++) {
    if (g_str_equal (attr->s, names[i])) {
      *out_transform = (GonioMlTransform)i;
      return TRUE;
    }
  }
  return gonio_import_malformed (error, "post_transform is “%s”.",
                                 attr->type == GONIO_ATTR_STRING ? attr->s : "?");
}

/* Softmax that leaves zeros out; of zeros alone each is 0.5. */
static GonioValueId
softmax_zero (GonioImportNode *in, GonioDType dtype, GonioValueId s)
{
  const int64_t last = 1;
  GonioValueId axis = gonio_import_const_ints (in, "columns", &last, 1);
  GonioValueId zero = gonio_import_const_scalar (in, "zero", dtype, 0);
  GonioValueId counts = gonio_import_binary (in, GONIO_OP_GREATER, "counts",
                                             gonio_import_unary (in, GONIO_OP_ABS, "size", s),
                                             gonio_import_const_scalar (in, "least", dtype, 1e-7));
  GonioValueId top = gonio_import_binary (in, GONIO_OP_REDUCE_MAX, "top", s, axis);
  GonioValueId power = gonio_import_unary (in, GONIO_OP_EXP, "power",
                                           gonio_import_binary (in, GONIO_OP_SUB, "below", s, top));
  const GonioValueId kept[3] = {counts, power, zero};
  power = gonio_import_emit (in, GONIO_OP_WHERE, "kept", kept, 3, NULL);
  GonioValueId sum = gonio_import_binary (in, GONIO_OP_REDUCE_SUM, "sum", power, axis);
  GonioValueId share = gonio_import_binary (in, GONIO_OP_DIV, "share", power, sum);
  const GonioValueId all[3] = {gonio_import_binary (in, GONIO_OP_EQUAL, "none", sum, zero),
                               gonio_import_const_scalar (in, "half", dtype, 0.5), share};
  return gonio_import_emit (in, GONIO_OP_WHERE, "softmax_zero", all, 3, NULL);
}

GonioValueId
gonio_ml_transformed (GonioImportNode *in, GonioMlTransform transform, GonioDType dtype,
                      GonioValueId scores)
{
  GonioNodeId node = GONIO_NODE_NONE;

  switch (transform) {
  case GONIO_ML_SOFTMAX:
    scores = gonio_import_emit (in, GONIO_OP_SOFTMAX, "softmax", &scores, 1, &node);
    gonio_graph_set_attr_int (in->graph, node, "axis", 1);
    return scores;
  case GONIO_ML_LOGISTIC:
    return gonio_import_unary (in, GONIO_OP_SIGMOID, "logistic", scores);
  case GONIO_ML_SOFTMAX_ZERO:
    return softmax_zero (in, dtype, scores);
  case GONIO_ML_PROBIT:
    return gonio_import_unary (in, GONIO_OP_PROBIT, "probit", scores);
  default:
    return scores;
  }
}

/* ---- classifiers ---- */

GonioTensor *
gonio_ml_labels (const GonioImportNode *in, const char *integers, GError **error)
{
  const GonioAttr *texts = gonio_node_attr (in->node, "classlabels_strings");
  const GonioAttr *numbers = gonio_node_attr (in->node, integers);

  if (texts && numbers && texts->count > 0 && numbers->count > 0) {
    gonio_import_malformed (error, "attributes “%s” and “%s” are both given.", texts->name,
                            numbers->name);
    return NULL;
  }
  if (texts && numbers && texts->count == 0) /* some writers leave an empty list */
    texts = NULL;
  const GonioAttr *labels = texts ? texts : numbers;
  if (!labels || labels->type != (texts ? GONIO_ATTR_STRINGS : GONIO_ATTR_INTS)) {
    gonio_import_malformed (error, "it has no class labels (“classlabels_strings” or “%s”).",
                            integers);
    return NULL;
  }
  if (labels->count < 2) {
    gonio_import_unsupported (error, "it has %" G_GSIZE_FORMAT " class label(s); 2 are needed.",
                              labels->count);
    return NULL;
  }
  return gonio_ml_flat (labels, error);
}

GonioMlOutputs
gonio_ml_begin (GonioImportNode *in)
{
  GonioMlOutputs out;

  for (guint i = 0; i < 2; i++)
    out.outputs[i] = i < in->node->n_outputs ? in->node->outputs[i] : GONIO_VALUE_NONE;
  gonio_graph_set_outputs (in->graph, in->id, NULL, 0);
  return out;
}

void
gonio_ml_give (GonioImportNode *in, const GonioMlOutputs *out, guint i, GonioValueId value)
{
  gonio_ml_give_as (in, out, i, value, GONIO_DTYPE_FLOAT);
}

void
gonio_ml_give_as (GonioImportNode *in, const GonioMlOutputs *out, guint i, GonioValueId value,
                  GonioDType dtype)
{
  if (out->outputs[i] == GONIO_VALUE_NONE)
    return;
  GonioNodeId node = gonio_import_emit_to (in, GONIO_OP_CAST, "result", &value, 1, out->outputs[i]);
  gonio_graph_set_attr_int (in->graph, node, "to", dtype);
}

void
gonio_ml_give_label (GonioImportNode *in, const GonioMlOutputs *out, GonioValueId columns,
                     GonioTensor *labels)
{
  GonioNodeId node = GONIO_NODE_NONE;

  if (out->outputs[0] == GONIO_VALUE_NONE)
    return;
  GonioValueId best = gonio_import_emit (in, GONIO_OP_ARG_MAX, "best", &columns, 1, &node);
  gonio_graph_set_attr_int (in->graph, node, "axis", 1);
  gonio_graph_set_attr_int (in->graph, node, "keepdims", 0);
  const GonioValueId inputs[2] = {gonio_ml_constant (in, "labels", labels), best};
  gonio_import_emit_to (in, GONIO_OP_GATHER, "label", inputs, 2, out->outputs[0]);
}

void
gonio_ml_end (GonioImportNode *in)
{
  gonio_graph_remove_node (in->graph, in->id);
}
