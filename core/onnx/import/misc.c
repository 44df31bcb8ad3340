/* Import rows of constants, dropout and the families that have kept their form. Depends on
 * import.h. */
#include "core/base/error.h"
#include "core/onnx/import.h"

/* ---- Constant ---- */

static GonioTensor *
strings_tensor (char *const *texts, guint n, int rank, GError **error)
{
  GonioShape shape = {.rank = rank, .dims = {n}};
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (GONIO_DTYPE_STRING, &shape, error);
  for (guint i = 0; tensor && i < n; i++)
    if (!gonio_tensor_set_string (tensor, i, texts[i], error))
      return NULL;
  return g_steal_pointer (&tensor);
}

static GonioTensor *
attr_to_tensor (const GonioAttr *attr, GError **error)
{
  GonioShape list = {.rank = 1, .dims = {(int64_t)attr->count}};
  GonioShape scalar = GONIO_SHAPE_SCALAR;

  switch (attr->type) {
  case GONIO_ATTR_TENSOR:
    return gonio_tensor_ref (attr->tensor);
  case GONIO_ATTR_INT:
    return gonio_tensor_new_copy (GONIO_DTYPE_INT64, &scalar, &attr->i, sizeof attr->i, error);
  case GONIO_ATTR_FLOAT:
    return gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &scalar, &attr->f, sizeof attr->f, error);
  case GONIO_ATTR_INTS:
    return gonio_tensor_new_copy (GONIO_DTYPE_INT64, &list, attr->ints,
                                  attr->count * sizeof *attr->ints, error);
  case GONIO_ATTR_FLOATS:
    return gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &list, attr->floats,
                                  attr->count * sizeof *attr->floats, error);
  case GONIO_ATTR_STRING:
    return strings_tensor (&attr->s, 1, 0, error);
  case GONIO_ATTR_STRINGS:
    return strings_tensor (attr->strings, (guint)attr->count, 1, error);
  default:
    gonio_import_malformed (error, "attribute “%s” holds no value.", attr->name);
    return NULL;
  }
}

static const GonioAttrSchema attrs_constant[] = {{"sparse_value", GONIO_ATTR_TENSOR, FALSE},
                                                 {"value", GONIO_ATTR_TENSOR, FALSE},
                                                 {"value_float", GONIO_ATTR_FLOAT, FALSE},
                                                 {"value_floats", GONIO_ATTR_FLOATS, FALSE},
                                                 {"value_int", GONIO_ATTR_INT, FALSE},
                                                 {"value_ints", GONIO_ATTR_INTS, FALSE},
                                                 {"value_string", GONIO_ATTR_STRING, FALSE},
                                                 {"value_strings", GONIO_ATTR_STRINGS, FALSE},
                                                 {0}};

static gboolean
constant (GonioImportNode *in, GError **error)
{
  if (in->node->n_attrs != 1 || !gonio_import_has_output (in, 0))
    return gonio_import_malformed (error, "a constant has exactly one attribute and one output.");
  if (!gonio_import_check_attrs (in, attrs_constant, error))
    return FALSE;
  g_autoptr (GonioTensor) tensor = attr_to_tensor (&in->node->attrs[0], error);
  if (!tensor)
    return FALSE;
  GonioValueId output = in->node->outputs[0];
  gonio_graph_remove_node (in->graph, in->id);
  gonio_graph_set_constant (in->graph, output, tensor);
  return TRUE;
}

/* ---- Dropout ---- */

/* The element of a constant input as a number; fallback when the input is omitted. */
static gboolean
constant_number (const GonioImportNode *in, guint i, double fallback, double *out)
{
  GonioValueId id = gonio_import_input (in, i);
  const GonioTensor *tensor =
      id == GONIO_VALUE_NONE ? NULL : gonio_graph_value (in->graph, id)->constant;

  *out = fallback;
  if (id == GONIO_VALUE_NONE)
    return TRUE;
  if (!tensor || gonio_tensor_count (tensor) != 1)
    return FALSE;
  *out = gonio_tensor_get_double (tensor, 0);
  return TRUE;
}

static void
emit_mask (GonioImportNode *in, GonioValueId output)
{
  GonioValueId x = gonio_import_input (in, 0);
  GonioShape one = GONIO_SHAPE (1);
  GonioValueId shape = gonio_import_emit (in, GONIO_OP_SHAPE, "shape", &x, 1, NULL);
  GonioNodeId node =
      gonio_import_emit_to (in, GONIO_OP_CONSTANT_OF_SHAPE, "mask", &shape, 1, output);
  g_autoptr (GonioTensor) kept =
      gonio_tensor_new_copy (GONIO_DTYPE_BOOL, &one, &(guint8){1}, 1, &in->failure);
  if (kept)
    gonio_graph_set_attr_tensor (in->graph, node, "value", kept);
}

/* Does it take numbers out, or may it, in a run for training? Since opset 12 an input says so;
 * before, and without that input, models that are run do not. */
static gboolean
may_train (const GonioImportNode *in)
{
  double training = 0;
  return in->version >= 12 && (!constant_number (in, 2, 0, &training) || training != 0);
}

/* is_test and consumed_inputs: opset 1 to 6. */
static const GonioAttrSchema attrs_dropout[] = {{"consumed_inputs", GONIO_ATTR_INTS, FALSE},
                                                {"is_test", GONIO_ATTR_INT, FALSE},
                                                {"ratio", GONIO_ATTR_FLOAT, FALSE},
                                                {"seed", GONIO_ATTR_INT, FALSE},
                                                {0}};

/* Nothing is dropped outside of training: the data pass, and the mask is all ones. */
static gboolean
dropout (GonioImportNode *in, GError **error)
{
  GonioValueId x = gonio_import_input (in, 0);

  if (x == GONIO_VALUE_NONE || in->node->n_outputs < 1)
    return gonio_import_malformed (error, "input or output is missing.");
  if (may_train (in))
    return TRUE;
  if (!gonio_import_check_attrs (in, attrs_dropout, error))
    return FALSE;
  if (gonio_import_has_output (in, 1)) {
    if (in->version < 10)
      return gonio_import_unsupported (error, "the mask is not supported before opset 10.");
    GonioValueId data = in->node->outputs[0], mask = in->node->outputs[1];
    gonio_graph_set_outputs (in->graph, in->id, &data, 1);
    emit_mask (in, mask);
  }
  GonioValueId data = in->node->outputs[0];
  gonio_graph_set_outputs (in->graph, in->id, &data, 1);
  gonio_graph_set_inputs (in->graph, in->id, &x, 1);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_IDENTITY);
  gonio_import_drop_all (in);
  return TRUE;
}

/* ---- others ---- */

/* Opset 1 to 6 could leave the sequence of states out; an omitted output says the same. */
static gboolean
old_recurrent (GonioImportNode *in, GError **error)
{
  gonio_import_drop (in, "output_sequence", GONIO_ATTR_INT);
  return TRUE;
}

/* Opset 17 to 19: the axis is an attribute. */
static gboolean
old_dft (GonioImportNode *in, GError **error)
{
  int64_t axis = gonio_node_attr_int (in->node, "axis", 1);

  gonio_import_set_input (in, 2,
                          gonio_import_const_scalar (in, "axis", GONIO_DTYPE_INT64, (double)axis));
  gonio_import_drop (in, "axis", GONIO_ATTR_INT);
  return TRUE;
}

#define SINCE(NAME, VERSION)                                                                       \
  {                                                                                                \
    NAME, "", VERSION, 0, NULL                                                                     \
  }
#define RECURRENT(NAME)                                                                            \
  {NAME, "", 1, 6, old_recurrent},                                                                 \
  {                                                                                                \
    NAME, "", 7, 0, NULL                                                                           \
  }

const GonioImportRow gonio_import_misc[] = {
    SINCE ("Attention", 23),
    SINCE ("Bernoulli", 15),
    SINCE ("BlackmanWindow", 17),
    {"Constant", "", 1, 0, constant},
    SINCE ("DequantizeLinear", 10),
    {"DFT", "", 17, 19, old_dft},
    SINCE ("DFT", 20),
    {"Dropout", "", 1, 0, dropout},
    SINCE ("DynamicQuantizeLinear", 11),
    RECURRENT ("GRU"),
    SINCE ("HammingWindow", 17),
    SINCE ("HannWindow", 17),
    SINCE ("LinearAttention", 27),
    RECURRENT ("LSTM"),
    SINCE ("MelWeightMatrix", 17),
    SINCE ("Multinomial", 7),
    SINCE ("NegativeLogLikelihoodLoss", 12),
    SINCE ("QuantizeLinear", 10),
    SINCE ("RandomNormal", 1),
    SINCE ("RandomNormalLike", 1),
    SINCE ("RandomUniform", 1),
    SINCE ("RandomUniformLike", 1),
    SINCE ("RegexFullMatch", 20),
    RECURRENT ("RNN"),
    SINCE ("RotaryEmbedding", 23),
    SINCE ("SoftmaxCrossEntropyLoss", 12),
    SINCE ("STFT", 17),
    SINCE ("StringConcat", 20),
    SINCE ("StringNormalizer", 10),
    SINCE ("StringSplit", 20),
    SINCE ("TfIdfVectorizer", 9),
    {0},
};
