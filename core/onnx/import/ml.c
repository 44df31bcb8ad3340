/* Import rows of ai.onnx.ml: what prepares features and labels. Depends on ml.h. */
#include "core/onnx/import/ml.h"

#include "core/base/error.h"
#include "core/base/memory.h"

#include <math.h>

#define DOMAIN "ai.onnx.ml"

/* ---- attributes ---- */

#define A(NAME, TYPE)                                                                              \
  {                                                                                                \
    NAME, GONIO_ATTR_##TYPE, FALSE                                                                 \
  }

static const GonioAttrSchema attrs_none[] = {{0}};
static const GonioAttrSchema attrs_binarizer[] = {A ("threshold", FLOAT), {0}};
static const GonioAttrSchema attrs_scaler[] = {A ("offset", FLOATS), A ("scale", FLOATS), {0}};
static const GonioAttrSchema attrs_normalizer[] = {A ("norm", STRING), {0}};
static const GonioAttrSchema attrs_vectorizer[] = {A ("inputdimensions", INTS), {0}};
static const GonioAttrSchema attrs_imputer[] = {A ("imputed_value_floats", FLOATS),
                                                A ("imputed_value_int64s", INTS),
                                                A ("replaced_value_float", FLOAT),
                                                A ("replaced_value_int64", INT),
                                                {0}};
static const GonioAttrSchema attrs_one_hot[] = {
    A ("cats_int64s", INTS), A ("cats_strings", STRINGS), A ("zeros", INT), {0}};
static const GonioAttrSchema attrs_label[] = {
    A ("classes_strings", STRINGS), A ("default_float", FLOAT),
    A ("default_int64", INT),       A ("default_string", STRING),
    A ("default_tensor", TENSOR),   A ("keys_floats", FLOATS),
    A ("keys_int64s", INTS),        A ("keys_strings", STRINGS),
    A ("keys_tensor", TENSOR),      A ("values_floats", FLOATS),
    A ("values_int64s", INTS),      A ("values_strings", STRINGS),
    A ("values_tensor", TENSOR),    {0}};

/* 1 where x exceeds the threshold, else 0, in the type of x. */
static gboolean
binarizer (GonioImportNode *in, GError **error)
{
  GonioValueId x = gonio_import_input (in, 0);
  GonioDType dtype = gonio_import_dtype (in, x);
  float threshold = gonio_node_attr_float (in->node, "threshold", 0);
  const GonioValueId pair[2] = {
      x, gonio_import_const_scalar (in, "threshold", dtype ? dtype : GONIO_DTYPE_FLOAT, threshold)};
  const GonioValueId cast[2] = {gonio_import_emit (in, GONIO_OP_GREATER, "above", pair, 2, NULL),
                                x};

  if (!gonio_import_check_attrs (in, attrs_binarizer, error))
    return FALSE;
  gonio_import_drop (in, "threshold", GONIO_ATTR_FLOAT);
  gonio_graph_set_inputs (in->graph, in->id, cast, 2);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_CAST_LIKE);
  return TRUE;
}

/* Columns of the last axis; a vector counts as one row. */
static gboolean
array_feature_extractor (GonioImportNode *in, GError **error)
{
  const int64_t flat = -1, first = 0;
  GonioValueId x = gonio_import_input (in, 0);
  const GonioValueId list[2] = {gonio_import_input (in, 1),
                                gonio_import_const_ints (in, "flat", &flat, 1)};
  int rank = gonio_import_rank (in, x);

  if (!gonio_import_check_attrs (in, attrs_none, error))
    return FALSE;
  if (rank < 1)
    return gonio_import_unsupported (error, "its input needs a known rank.");
  gonio_import_set_input (in, 1, gonio_import_emit (in, GONIO_OP_RESHAPE, "list", list, 2, NULL));
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_GATHER);
  gonio_graph_set_attr_int (in->graph, in->id, "axis", -1);
  if (rank == 1) {
    GonioValueId output = in->node->outputs[0];
    const GonioValueId row[2] = {gonio_import_detour_output (in, "chosen"),
                                 gonio_import_const_ints (in, "first", &first, 1)};
    gonio_import_emit_to (in, GONIO_OP_UNSQUEEZE, "row", row, 2, output);
  }
  return TRUE;
}

/* ---- features of a row: the last axis ---- */

/* (x - offset) scale, as float; one number for all features or one for each. */
static gboolean
scaler (GonioImportNode *in, GError **error)
{
  guint n_offset = 0, n_scale = 0;
  const float *offset = gonio_node_attr_floats (in->node, "offset", &n_offset);
  const float *scale = gonio_node_attr_floats (in->node, "scale", &n_scale);
  GonioValueId x = gonio_import_cast (in, gonio_import_input (in, 0), GONIO_DTYPE_FLOAT, "x");

  if (!gonio_import_check_attrs (in, attrs_scaler, error))
    return FALSE;
  if (n_offset == 0 || n_scale == 0)
    return gonio_import_malformed (error, "offset or scale is missing.");
  GonioValueId factors = gonio_import_const_floats (in, "scale", scale, n_scale);
  x = gonio_import_binary (in, GONIO_OP_SUB, "moved", x,
                           gonio_import_const_floats (in, "offset", offset, n_offset));
  gonio_import_become (in, GONIO_OP_MUL, x, factors);
  return TRUE;
}

/* Rows divided by their norm; rows of zeros stay. */
static gboolean
normalizer (GonioImportNode *in, GError **error)
{
  static const struct {
    const char *name;
    GonioOpId op;
  } norms[] = {
      {"MAX", GONIO_OP_REDUCE_MAX}, {"L1", GONIO_OP_REDUCE_L1}, {"L2", GONIO_OP_REDUCE_L2}};
  const char *name = gonio_node_attr_string (in->node, "norm", "MAX");
  const int64_t last = -1;
  guint which = 0;

  if (!gonio_import_check_attrs (in, attrs_normalizer, error))
    return FALSE;
  while (which < G_N_ELEMENTS (norms) && !g_str_equal (norms[which].name, name))
    which++;
  if (which == G_N_ELEMENTS (norms))
    return gonio_import_malformed (error, "norm is “%s”.", name);
  GonioValueId x = gonio_import_cast (in, gonio_import_input (in, 0), GONIO_DTYPE_FLOAT, "x");
  GonioValueId size = gonio_import_binary (in, norms[which].op, "norm",
                                           gonio_import_unary (in, GONIO_OP_ABS, "size", x),
                                           gonio_import_const_ints (in, "axis", &last, 1));
  size = gonio_import_binary (in, GONIO_OP_MAX, "divisor", size,
                              gonio_import_const_scalar (in, "least", GONIO_DTYPE_FLOAT, 1e-30));
  gonio_import_become (in, GONIO_OP_DIV, x, size);
  return TRUE;
}

/* One value, NaN among them, replaced by one number or one for each feature. */
static gboolean
imputer (GonioImportNode *in, GError **error)
{
  GonioValueId x = gonio_import_input (in, 0);
  GonioDType dtype = gonio_import_dtype (in, x);
  gboolean whole = dtype == GONIO_DTYPE_INT64;
  guint n_reals = 0, n_ints = 0;
  const float *reals = gonio_node_attr_floats (in->node, "imputed_value_floats", &n_reals);
  const int64_t *ints = gonio_node_attr_ints (in->node, "imputed_value_int64s", &n_ints);
  float real = gonio_node_attr_float (in->node, "replaced_value_float", 0);
  int64_t number = gonio_node_attr_int (in->node, "replaced_value_int64", 0);

  if (!gonio_import_check_attrs (in, attrs_imputer, error))
    return FALSE;
  if (!whole && dtype != GONIO_DTYPE_FLOAT)
    return gonio_import_unsupported (error, "its input must be known to be float or int64.");
  if ((whole ? n_ints : n_reals) == 0)
    return gonio_import_malformed (error, "there is nothing to put in.");
  GonioValueId put = whole ? gonio_import_const_ints (in, "put", ints, n_ints)
                           : gonio_import_const_floats (in, "put", reals, n_reals);
  GonioValueId is_missing =
      !whole && isnan (real)
          ? gonio_import_unary (in, GONIO_OP_IS_NAN, "missing", x)
          : gonio_import_binary (in, GONIO_OP_EQUAL, "missing", x,
                                 whole ? gonio_import_const_ints (in, "what", &number, 1)
                                       : gonio_import_const_floats (in, "what", &real, 1));
  const GonioValueId inputs[3] = {is_missing, put, x};
  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_WHERE);
  gonio_graph_set_inputs (in->graph, in->id, inputs, 3);
  return TRUE;
}

/* All inputs side by side, as float. */
static gboolean
feature_vectorizer (GonioImportNode *in, GError **error)
{
  guint n = in->node->n_inputs;
  g_autofree GonioValueId *parts = g_new0 (GonioValueId, n + 1);

  if (!gonio_import_check_attrs (in, attrs_vectorizer, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    if (in->node->inputs[i] == GONIO_VALUE_NONE)
      return gonio_import_malformed (error, "input %u is missing.", i);
    parts[i] = gonio_import_cast (in, in->node->inputs[i], GONIO_DTYPE_FLOAT, "part");
  }
  if (n == 0)
    return gonio_import_malformed (error, "it has no inputs.");
  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_CONCAT);
  gonio_graph_set_inputs (in->graph, in->id, parts, n);
  gonio_graph_set_attr_int (in->graph, in->id, "axis", -1);
  return TRUE;
}

/* ---- LabelEncoder ---- */

/* The one of keys_strings, keys_tensor, ... that is given. */
static GonioTensor *
given_list (const GonioImportNode *in, const char *what, GError **error)
{
  static const char *const kinds[] = {"tensor", "strings", "int64s", "floats"};
  const GonioAttr *found = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    g_autofree char *name = g_strdup_printf ("%s_%s", what, kinds[i]);
    const GonioAttr *attr = gonio_node_attr (in->node, name);
    if (attr && found) {
      gonio_import_malformed (error, "attributes “%s” and “%s” are both given.", found->name, name);
      return NULL;
    }
    found = attr ? attr : found;
  }
  if (!found) {
    gonio_import_malformed (error, "it has no %s.", what);
    return NULL;
  }
  return gonio_ml_flat (found, error);
}

/* What stands for values without a key, in the type of the others. */
static GonioTensor *
given_default (const GonioImportNode *in, GonioDType dtype, GError **error)
{
  const GonioAttr *tensor = gonio_node_attr (in->node, "default_tensor");
  GonioShape one = GONIO_SHAPE (1);
  const int64_t number = gonio_node_attr_int (in->node, "default_int64", -1);
  const float real = gonio_node_attr_float (in->node, "default_float", -0.0f);
  char *text = (char *)gonio_node_attr_string (in->node, "default_string", "_Unused");

  if (tensor) {
    if (tensor->type != GONIO_ATTR_TENSOR || gonio_tensor_count (tensor->tensor) != 1 ||
        gonio_tensor_dtype (tensor->tensor) != dtype) {
      gonio_import_malformed (error, "default_tensor is not one element of the values' type.");
      return NULL;
    }
    return gonio_tensor_new_view (tensor->tensor, &one, error);
  }
  if (dtype == GONIO_DTYPE_STRING)
    return gonio_ml_texts (&text, 1, error);
  if (dtype == GONIO_DTYPE_INT64)
    return gonio_ml_list (dtype, &number, 1, sizeof number, error);
  if (dtype == GONIO_DTYPE_FLOAT)
    return gonio_ml_list (dtype, &real, 1, sizeof real, error);
  gonio_import_unsupported (error, "values of type %s need default_tensor.",
                            gonio_dtype_name (dtype));
  return NULL;
}

static void
set_constant (GonioImportNode *in, guint i, const char *hint, GonioTensor *tensor)
{
  gonio_import_set_input (in, i, gonio_ml_constant (in, hint, tensor));
}

/* Keys, values and default become inputs. */
static gboolean
label_encoder (GonioImportNode *in, GError **error)
{
  g_autoptr (GonioTensor) keys = given_list (in, "keys", error);
  g_autoptr (GonioTensor) values = keys ? given_list (in, "values", error) : NULL;
  g_autoptr (GonioTensor) other =
      values ? given_default (in, gonio_tensor_dtype (values), error) : NULL;

  if (!gonio_import_check_attrs (in, attrs_label, error))
    return FALSE;
  if (!other)
    return FALSE;
  if (gonio_tensor_count (keys) != gonio_tensor_count (values))
    return gonio_import_malformed (
        error, "it has %" G_GINT64_FORMAT " keys and %" G_GINT64_FORMAT " values.",
        gonio_tensor_count (keys), gonio_tensor_count (values));
  set_constant (in, 1, "keys", keys);
  set_constant (in, 2, "values", values);
  set_constant (in, 3, "default", other);
  gonio_import_drop_all (in);
  return TRUE;
}

/* ---- OneHotEncoder ---- */

/* A further axis with 1 at the place of the category, 0 elsewhere. */
static gboolean
one_hot_encoder (GonioImportNode *in, GError **error)
{
  const GonioAttr *numbers = gonio_node_attr (in->node, "cats_int64s");
  const GonioAttr *texts = gonio_node_attr (in->node, "cats_strings");
  GonioValueId x = gonio_import_input (in, 0);
  const int64_t last = -1;

  if (!gonio_import_check_attrs (in, attrs_one_hot, error))
    return FALSE;
  if ((numbers == NULL) == (texts == NULL))
    return gonio_import_malformed (error, "it needs cats_int64s or cats_strings.");
  if (gonio_node_attr_int (in->node, "zeros", 1) == 0)
    return gonio_import_unsupported (error, "refusing unknown categories (zeros 0) is not "
                                            "supported.");
  g_autoptr (GonioTensor) list = gonio_ml_flat (numbers ? numbers : texts, error);
  if (!list)
    return FALSE;
  if (numbers)
    x = gonio_import_cast (in, x, GONIO_DTYPE_INT64, "x");
  x = gonio_import_binary (in, GONIO_OP_UNSQUEEZE, "column", x,
                           gonio_import_const_ints (in, "last", &last, 1));
  set_constant (in, 1, "categories", list);
  GonioValueId hit = gonio_import_binary (in, GONIO_OP_EQUAL, "hit", x, gonio_import_input (in, 1));
  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_CAST);
  gonio_graph_set_inputs (in->graph, in->id, &hit, 1);
  gonio_graph_set_attr_int (in->graph, in->id, "to", GONIO_DTYPE_FLOAT);
  return TRUE;
}

/* ---- LabelEncoder, version 1 ---- */

/* Version 1: texts become their place in the list, or the other way round. */
static gboolean
label_encoder_1 (GonioImportNode *in, GError **error)
{
  const GonioAttr *classes = gonio_node_attr (in->node, "classes_strings");
  gboolean to_text = gonio_import_dtype (in, gonio_import_input (in, 0)) == GONIO_DTYPE_INT64;

  if (!gonio_import_check_attrs (in, attrs_label, error))
    return FALSE;
  if (!classes || classes->type != GONIO_ATTR_STRINGS)
    return gonio_import_malformed (error, "it has no classes_strings.");
  g_autofree int64_t *places = gonio_new (int64_t, classes->count, "the labels", error);
  if (!places)
    return FALSE;
  for (size_t i = 0; i < classes->count; i++)
    places[i] = (int64_t)i;
  g_autoptr (GonioTensor) texts = gonio_ml_texts (classes->strings, classes->count, error);
  g_autoptr (GonioTensor) numbers =
      texts ? gonio_ml_list (GONIO_DTYPE_INT64, places, classes->count, sizeof *places, error)
            : NULL;
  g_autoptr (GonioTensor) other =
      numbers ? given_default (in, to_text ? GONIO_DTYPE_STRING : GONIO_DTYPE_INT64, error) : NULL;
  if (!other)
    return FALSE;
  set_constant (in, 1, "keys", to_text ? numbers : texts);
  set_constant (in, 2, "values", to_text ? texts : numbers);
  set_constant (in, 3, "default", other);
  gonio_import_drop_all (in);
  return TRUE;
}

static const GonioAttrSchema attrs_mapper[] = {{"cats_int64s", GONIO_ATTR_INTS, TRUE},
                                               {"cats_strings", GONIO_ATTR_STRINGS, TRUE},
                                               {"default_int64", GONIO_ATTR_INT, FALSE},
                                               {"default_string", GONIO_ATTR_STRING, FALSE},
                                               {0}};

/* Texts and numbers in pairs; the type of the input says which way. */
static gboolean
category_mapper (GonioImportNode *in, GError **error)
{
  const GonioAttr *names = gonio_node_attr (in->node, "cats_strings");
  const GonioAttr *codes = gonio_node_attr (in->node, "cats_int64s");
  GonioDType from = gonio_import_dtype (in, gonio_import_input (in, 0));
  gboolean to_text = from == GONIO_DTYPE_INT64;

  if (from != GONIO_DTYPE_INT64 && from != GONIO_DTYPE_STRING)
    return gonio_import_unsupported (error, "its input must be known to be string or int64.");
  if (!gonio_import_check_attrs (in, attrs_mapper, error))
    return FALSE;
  if (names->count != codes->count)
    return gonio_import_malformed (error, "cats_strings and cats_int64s are not equally long.");
  g_autoptr (GonioTensor) texts = gonio_ml_flat (names, error);
  g_autoptr (GonioTensor) numbers = texts ? gonio_ml_flat (codes, error) : NULL;
  g_autoptr (GonioTensor) other =
      numbers ? given_default (in, to_text ? GONIO_DTYPE_STRING : GONIO_DTYPE_INT64, error) : NULL;
  if (!other)
    return FALSE;
  set_constant (in, 1, "keys", to_text ? numbers : texts);
  set_constant (in, 2, "values", to_text ? texts : numbers);
  set_constant (in, 3, "default", other);
  gonio_import_drop_all (in);
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_LABEL_ENCODER);
  return TRUE;
}

const GonioImportRow gonio_import_ml[] = {
    {"ArrayFeatureExtractor", DOMAIN, 1, 0, array_feature_extractor},
    {"Binarizer", DOMAIN, 1, 0, binarizer},
    {"CategoryMapper", DOMAIN, 1, 0, category_mapper},
    {"FeatureVectorizer", DOMAIN, 1, 0, feature_vectorizer},
    {"Imputer", DOMAIN, 1, 0, imputer},
    {"LabelEncoder", DOMAIN, 1, 1, label_encoder_1},
    {"LabelEncoder", DOMAIN, 2, 0, label_encoder},
    {"Normalizer", DOMAIN, 1, 0, normalizer},
    {"OneHotEncoder", DOMAIN, 1, 0, one_hot_encoder},
    {"Scaler", DOMAIN, 1, 0, scaler},
    {0},
};
