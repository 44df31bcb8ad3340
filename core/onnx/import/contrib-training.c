/* Import rows of the gradients of softmax and cross entropy, which ONNX Runtime writes into
 * graphs for training (com.microsoft). Depends on import.h. */
#include "core/onnx/import.h"

#define DOMAIN "com.microsoft"

static const GonioAttrSchema attrs_softmax[] = {{"axis", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_loss[] = {
    {"ignore_index", GONIO_ATTR_INT, FALSE}, {"reduction", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_internal[] = {{"ignore_index", GONIO_ATTR_INT, FALSE},
                                                 {"output_type", GONIO_ATTR_INT, FALSE},
                                                 {"reduction", GONIO_ATTR_STRING, FALSE},
                                                 {0}};

/* Sums are taken in a type that can hold a count of elements. */
static GonioDType
wide_type (GonioDType dtype)
{
  return dtype == GONIO_DTYPE_DOUBLE ? GONIO_DTYPE_DOUBLE : GONIO_DTYPE_FLOAT;
}

static GonioValueId
widened (GonioImportNode *in, GonioValueId value, GonioDType wide, const char *hint)
{
  return gonio_import_dtype (in, value) == wide ? value : gonio_import_cast (in, value, wide, hint);
}

/* ---- softmax ---- */

/* The axes that softmax was taken over: one, or (before opset 13) all from axis on, as the input
 * counted as a matrix that is split there. */
static gboolean
softmax_axes (const GonioImportNode *in, int64_t out_axes[GONIO_MAX_RANK], guint *out_n,
              GError **error)
{
  gboolean one = g_str_has_suffix (in->op, "_13");
  int64_t axis = gonio_node_attr_int (in->node, "axis", one ? -1 : 1);
  int rank = gonio_import_rank (in, gonio_import_input (in, 1));

  if (rank < 0 && axis != -1)
    return gonio_import_unsupported (error, "its input needs a known rank.");
  if (rank >= 0 && (axis < -rank || axis >= rank))
    return gonio_import_malformed (
        error, "axis is %" G_GINT64_FORMAT "; its input has %d dimensions.", axis, rank);
  *out_n = 0;
  if (one || axis == -1) {
    out_axes[(*out_n)++] = axis;
    return TRUE;
  }
  for (int64_t d = axis < 0 ? axis + rank : axis; d < rank; d++)
    out_axes[(*out_n)++] = d;
  return TRUE;
}

/* Inputs: gradient of the result, the result. Softmax: y (dy - sum (y dy)); its logarithm:
 * dy - exp (y) sum (dy). */
static gboolean
softmax_grad (GonioImportNode *in, GError **error)
{
  GonioValueId dy = gonio_import_input (in, 0), y = gonio_import_input (in, 1);
  gboolean log = g_str_has_prefix (in->op, "Log");
  int64_t axes[GONIO_MAX_RANK];
  guint n = 0;

  if (dy == GONIO_VALUE_NONE || y == GONIO_VALUE_NONE || in->node->n_inputs > 2)
    return gonio_import_malformed (error, "it must have two inputs.");
  if (!gonio_import_check_attrs (in, attrs_softmax, error) || !softmax_axes (in, axes, &n, error))
    return FALSE;
  GonioValueId over = gonio_import_const_ints (in, "axes", axes, n);
  GonioValueId sum = log ? dy : gonio_import_binary (in, GONIO_OP_MUL, "product", y, dy);
  sum = gonio_import_binary (in, GONIO_OP_REDUCE_SUM, "sum", sum, over);
  if (!log) {
    gonio_import_become (in, GONIO_OP_MUL, y,
                         gonio_import_binary (in, GONIO_OP_SUB, "apart", dy, sum));
    return TRUE;
  }
  GonioValueId p = gonio_import_unary (in, GONIO_OP_EXP, "p", y);
  gonio_import_become (in, GONIO_OP_SUB, dy,
                       gonio_import_binary (in, GONIO_OP_MUL, "part", p, sum));
  return TRUE;
}

/* ---- cross entropy ---- */

typedef struct {
  GonioValueId dy, log_p, labels, weights, ignore, bias; /* those that are omitted: NONE */
  GonioDType dtype, wide;
} Loss;

/* [batch,classes,...] and [batch,...]; a batch of one must not be spread over many. */
static gboolean
check_shapes (const GonioImportNode *in, GonioValueId log_p, GonioValueId labels, GError **error)
{
  const GonioSymShape *p = &gonio_graph_value (in->graph, log_p)->shape;
  const GonioSymShape *l = &gonio_graph_value (in->graph, labels)->shape;

  if (!p->has_rank || !l->has_rank)
    return gonio_import_unsupported (error, "its inputs need known ranks.");
  gboolean fits = p->rank == l->rank + 1 && l->rank > 0;
  for (int d = 0; fits && d < l->rank; d++) {
    int64_t there = p->dims[d > 0 ? d + 1 : 0].value, here = l->dims[d].value;
    fits = there < 0 || here < 0 || there == here;
  }
  return fits ||
         gonio_import_malformed (error, "its labels do not have the shape of its probabilities "
                                        "without the classes.");
}

static gboolean
read_loss (GonioImportNode *in, Loss *out, GError **error)
{
  guint n = in->node->n_inputs, at = n == 2 ? 0 : 1; /* two: the gradient of the loss is 1 */
  const GonioAttr *ignore = gonio_node_attr (in->node, "ignore_index");

  *out = (Loss){.dy = at == 0 ? GONIO_VALUE_NONE : gonio_import_input (in, 0),
                .log_p = gonio_import_input (in, at),
                .labels = gonio_import_input (in, at + 1),
                .weights = gonio_import_input (in, 3),
                .ignore = gonio_import_input (in, 4),
                .bias = gonio_import_input (in, 5)};
  if (out->labels == GONIO_VALUE_NONE || out->log_p == GONIO_VALUE_NONE ||
      (at == 1 && out->dy == GONIO_VALUE_NONE) || n > 6)
    return gonio_import_malformed (error, "its inputs are not gradient, log probabilities, "
                                          "labels, weights, ignored label and bias.");
  if (!check_shapes (in, out->log_p, out->labels, error))
    return FALSE;
  out->dtype = gonio_import_dtype (in, out->log_p);
  out->wide = wide_type (out->dtype);
  GonioDType label = gonio_import_dtype (in, out->labels);
  if (out->dtype == GONIO_DTYPE_NONE || label == GONIO_DTYPE_NONE)
    return gonio_import_unsupported (error, "its inputs need known types.");
  if (!gonio_dtype_is_float (out->dtype) || !gonio_dtype_is_integer (label))
    return gonio_import_malformed (error, "log probabilities must be real numbers and labels "
                                          "integers.");
  if (out->ignore == GONIO_VALUE_NONE && ignore)
    out->ignore = gonio_import_const_ints (in, "ignore", &ignore->i, 1);
  if (label != GONIO_DTYPE_INT64)
    out->labels = gonio_import_cast (in, out->labels, GONIO_DTYPE_INT64, "labels");
  return TRUE;
}

static GonioValueId
expanded (GonioImportNode *in, GonioDType dtype, double value, GonioValueId like, const char *hint)
{
  return gonio_import_binary (in, GONIO_OP_EXPAND, hint,
                              gonio_import_const_scalar (in, "fill", dtype, value),
                              gonio_import_unary (in, GONIO_OP_SHAPE, "shape", like));
}

static GonioValueId
choose (GonioImportNode *in, const char *hint, GonioValueId condition, GonioValueId yes,
        GonioValueId no)
{
  const GonioValueId args[3] = {condition, yes, no};
  return gonio_import_emit (in, GONIO_OP_WHERE, hint, args, 3, NULL);
}

/* How much each label counts, shaped as the labels; ignored ones count nothing, and become labels
 * that exist. */
static GonioValueId
label_weights (GonioImportNode *in, Loss *loss)
{
  GonioValueId ignored = GONIO_VALUE_NONE, weights = GONIO_VALUE_NONE;

  if (loss->ignore != GONIO_VALUE_NONE) {
    ignored = gonio_import_binary (in, GONIO_OP_EQUAL, "ignored", loss->labels, loss->ignore);
    loss->labels =
        choose (in, "used_labels", ignored,
                gonio_import_const_scalar (in, "first", GONIO_DTYPE_INT64, 0), loss->labels);
  }
  if (loss->weights == GONIO_VALUE_NONE)
    weights = expanded (in, loss->wide, 1, loss->labels, "ones");
  else
    weights =
        gonio_import_binary (in, GONIO_OP_GATHER, "weights",
                             widened (in, loss->weights, loss->wide, "wide_weights"), loss->labels);
  if (ignored == GONIO_VALUE_NONE)
    return weights;
  return choose (in, "used_weights", ignored,
                 gonio_import_const_scalar (in, "nothing", loss->wide, 0), weights);
}

/* The factor of each label: its weight times the gradient of the loss, of the mean if asked for. */
static GonioValueId
label_factors (GonioImportNode *in, const Loss *loss, GonioValueId weights, gboolean mean)
{
  const GonioValueId none = gonio_import_const_scalar (in, "none", loss->wide, 0);
  const GonioValueId one = gonio_import_const_scalar (in, "one", loss->wide, 1);
  GonioNodeId node = GONIO_NODE_NONE;
  GonioValueId dy =
      loss->dy == GONIO_VALUE_NONE ? one : widened (in, loss->dy, loss->wide, "wide_dy");

  if (mean) {
    GonioValueId sum = gonio_import_emit (in, GONIO_OP_REDUCE_SUM, "sum", &weights, 1, &node);
    gonio_graph_set_attr_int (in->graph, node, "keepdims", 0);
    sum = choose (in, "divisor", gonio_import_binary (in, GONIO_OP_EQUAL, "is_zero", sum, none),
                  one, sum);
    dy = gonio_import_binary (in, GONIO_OP_DIV, "share", dy, sum);
  }
  return gonio_import_binary (in, GONIO_OP_MUL, "factors", weights, dy);
}

/* Probabilities less 1 at the label; the labels [batch,1,...] say where. Adding there, unlike
 * comparing, refuses labels that do not exist. */
static GonioValueId
beyond_label (GonioImportNode *in, const Loss *loss, GonioValueId places)
{
  GonioNodeId node = GONIO_NODE_NONE;
  const GonioValueId args[3] = {
      gonio_import_unary (in, GONIO_OP_EXP, "p",
                          widened (in, loss->log_p, loss->wide, "wide_log_p")),
      places, expanded (in, loss->wide, -1, places, "minus_ones")};
  GonioValueId result = gonio_import_emit (in, GONIO_OP_SCATTER_ELEMENTS, "beyond", args, 3, &node);

  gonio_graph_set_attr_int (in->graph, node, "axis", 1);
  gonio_graph_set_attr_string (in->graph, node, "reduction", "add");
  return result;
}

/* Inputs: gradient of the loss, log probabilities [batch,classes,...], labels [batch,...], weights
 * of the classes, label to ignore, something to add to the result. With two inputs only the
 * gradient of the loss is left out (Deeploy writes it so). */
static gboolean
cross_entropy_grad (GonioImportNode *in, GError **error)
{
  gboolean internal = g_str_has_suffix (in->op, "InternalGrad");
  const char *reduction = gonio_node_attr_string (in->node, "reduction", "mean");
  gboolean mean = g_str_equal (reduction, "mean");
  const int64_t classes = 1;
  Loss loss;

  if (!gonio_import_check_attrs (in, internal ? attrs_internal : attrs_loss, error))
    return FALSE;
  if (!mean && !g_str_equal (reduction, "sum") && !g_str_equal (reduction, "none"))
    return gonio_import_malformed (error, "reduction is “%s”.", reduction);
  if (!read_loss (in, &loss, error))
    return FALSE;
  int64_t to = gonio_node_attr_int (in->node, "output_type", loss.dtype);
  if (to <= 0 || to >= GONIO_DTYPE_COUNT || !gonio_dtype_is_float ((GonioDType)to))
    return gonio_import_malformed (error, "output_type is %" G_GINT64_FORMAT ".", to);
  GonioValueId weights = label_weights (in, &loss);
  GonioValueId factors = label_factors (in, &loss, weights, mean);
  GonioValueId axis = gonio_import_const_ints (in, "axis", &classes, 1);
  factors = gonio_import_binary (in, GONIO_OP_UNSQUEEZE, "columns", factors, axis);
  GonioValueId places = gonio_import_binary (in, GONIO_OP_UNSQUEEZE, "places", loss.labels, axis);
  GonioValueId result =
      gonio_import_binary (in, GONIO_OP_MUL, "gradient", beyond_label (in, &loss, places), factors);
  if (loss.bias != GONIO_VALUE_NONE)
    result = gonio_import_binary (in, GONIO_OP_ADD, "biased", result,
                                  widened (in, loss.bias, loss.wide, "wide_bias"));
  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_CAST);
  gonio_graph_set_inputs (in->graph, in->id, &result, 1);
  gonio_graph_set_attr_int (in->graph, in->id, "to", to);
  return TRUE;
}

const GonioImportRow gonio_import_contrib_training[] = {
    {"LogSoftmaxGrad", DOMAIN, 1, 0, softmax_grad},
    {"LogSoftmaxGrad_13", DOMAIN, 1, 0, softmax_grad},
    {"SoftmaxCrossEntropyLossGrad", DOMAIN, 1, 0, cross_entropy_grad},
    {"SoftmaxCrossEntropyLossInternalGrad", DOMAIN, 1, 0, cross_entropy_grad},
    {"SoftmaxGrad", DOMAIN, 1, 0, softmax_grad},
    {"SoftmaxGrad_13", DOMAIN, 1, 0, softmax_grad},
    {0},
};
