/* See ml-parts.h. */
#include "tests/support/ml-parts.h"

#define ML "ai.onnx.ml"

#define PARTS_FLOATS(name, ...)                                                                    \
  onnx_attr_floats (name, G_N_ELEMENTS (((const float[]){__VA_ARGS__})),                           \
                    (const float[]){__VA_ARGS__})

/* The attribute as a tensor of floats. */
static GByteArray *
float_tensor (const char *name, guint n, const float *values)
{
  return onnx_attr_tensor (name, onnx_tensor_floats (NULL, n, values));
}

#define PARTS_FLOAT_TENSOR(name, ...)                                                              \
  float_tensor (name, G_N_ELEMENTS (((const float[]){__VA_ARGS__})), (const float[]){__VA_ARGS__})

/* ---- trees ---- */

/* Two branches and three leaves, which the attributes of votes name by what. */
static GByteArray *
tree (const char *op, const char *outputs, const char *what)
{
  GByteArray *node = onnx_node (op, "x", outputs);
  g_autofree char *trees = g_strconcat (what, "_treeids", NULL);
  g_autofree char *nodes = g_strconcat (what, "_nodeids", NULL);
  g_autofree char *ids = g_strconcat (what, "_ids", NULL);
  g_autofree char *weights = g_strconcat (what, "_weights", NULL);
  GByteArray *attrs[] = {
      PARTS_INTS ("nodes_treeids", 0, 0, 0, 0, 0),
      PARTS_INTS ("nodes_nodeids", 0, 1, 2, 3, 4),
      PARTS_INTS ("nodes_featureids", 0, 1, 0, 0, 0),
      onnx_attr_texts ("nodes_modes", "BRANCH_LEQ BRANCH_GT LEAF LEAF LEAF"),
      PARTS_FLOATS ("nodes_values", 0.5f, -0.25f, 0, 0, 0),
      PARTS_INTS ("nodes_truenodeids", 1, 3, 0, 0, 0),
      PARTS_INTS ("nodes_falsenodeids", 2, 4, 0, 0, 0),
      PARTS_INTS ("nodes_missing_value_tracks_true", 1, 0, 0, 0, 0),
      PARTS_INTS (trees, 0, 0, 0),
      PARTS_INTS (nodes, 2, 3, 4),
      PARTS_INTS (ids, 0, 1, 0),
      PARTS_FLOATS (weights, 1.5f, -2, 0.25f),
  };

  for (guint i = 0; i < G_N_ELEMENTS (attrs); i++)
    onnx_node_attr (node, attrs[i]);
  onnx_node_domain (node, ML);
  return node;
}

/* A branch, then whether the value is one of a set. */
static GByteArray *
tree_of_sets (void)
{
  const guint8 modes[2] = {1, 6};
  const float nan = (float)g_ascii_strtod ("nan", NULL);
  GByteArray *node = onnx_node ("TreeEnsemble", "x", "chosen");
  GByteArray *attrs[] = {
      onnx_attr_int ("n_targets", 2),
      onnx_attr_int ("aggregate_function", 1),
      PARTS_INTS ("tree_roots", 0),
      onnx_attr_tensor ("nodes_modes", onnx_tensor (NULL, 2, modes, sizeof modes, 2, -1)),
      PARTS_INTS ("nodes_featureids", 0, 1),
      PARTS_FLOAT_TENSOR ("nodes_splits", 1, 0),
      PARTS_INTS ("nodes_truenodeids", 1, 1),
      PARTS_INTS ("nodes_trueleafs", 0, 1),
      PARTS_INTS ("nodes_falsenodeids", 0, 2),
      PARTS_INTS ("nodes_falseleafs", 1, 1),
      PARTS_FLOAT_TENSOR ("membership_values", 1, 0.5f, nan),
      PARTS_INTS ("leaf_targetids", 0, 1, 0),
      PARTS_FLOAT_TENSOR ("leaf_weights", 1, 10, 100),
  };

  for (guint i = 0; i < G_N_ELEMENTS (attrs); i++)
    onnx_node_attr (node, attrs[i]);
  onnx_node_domain (node, ML);
  return node;
}

void
ml_parts_trees (GByteArray *graph)
{
  GByteArray *node = tree ("TreeEnsembleClassifier", "kind kinds", "class");

  onnx_node_attr (node, onnx_attr_texts ("classlabels_strings", "no yes"));
  onnx_node_attr (node, onnx_attr_text ("post_transform", "SOFTMAX"));
  onnx_graph_node (graph, node);
  node = tree ("TreeEnsembleRegressor", "value", "target");
  onnx_node_attr (node, onnx_attr_int ("n_targets", 2));
  onnx_node_attr (node, onnx_attr_text ("aggregate_function", "AVERAGE"));
  onnx_node_attr (node, PARTS_FLOATS ("base_values", 0.5f, 1));
  onnx_graph_node (graph, node);
  onnx_graph_node (graph, tree_of_sets ());
  parts_outputs (graph, "kind kinds value chosen");
}

/* ---- linear models and support vector machines ---- */

void
ml_parts_linear (GByteArray *graph)
{
  parts_domain_node (graph, ML, "LinearRegressor", "x", "line",
                     PARTS_FLOATS ("coefficients", 1, -0.5f, 0.25f, 2),
                     PARTS_FLOATS ("intercepts", 0.1f, 0.2f), onnx_attr_int ("targets", 2), NULL);
  parts_domain_node (graph, ML, "LinearClassifier", "x", "side sides",
                     PARTS_FLOATS ("coefficients", 1, -0.5f, 0.25f, 2, 0, 1),
                     PARTS_FLOATS ("intercepts", 0.1f, 0.2f, 0.3f),
                     PARTS_INTS ("classlabels_ints", 4, 5, 6),
                     onnx_attr_text ("post_transform", "LOGISTIC"), NULL);
  parts_domain_node (graph, ML, "SVMRegressor", "x", "curve",
                     PARTS_FLOATS ("support_vectors", 0, 1, 2, 0.5f),
                     PARTS_FLOATS ("coefficients", 1, -1), PARTS_FLOATS ("rho", 0.5f),
                     PARTS_FLOATS ("kernel_params", 0.5f, 0, 3),
                     onnx_attr_text ("kernel_type", "RBF"), onnx_attr_int ("n_supports", 2), NULL);
  parts_domain_node (
      graph, ML, "SVMClassifier", "x", "class classes",
      PARTS_FLOATS ("support_vectors", 0, 1, 2, 0.5f, -1, -1),
      PARTS_FLOATS ("coefficients", 1, -1, 0.5f, 0.5f, -0.5f, 1),
      PARTS_FLOATS ("rho", 0.5f, -0.1f, 0), PARTS_FLOATS ("prob_a", -1, -2, -1),
      PARTS_FLOATS ("prob_b", 0, 0.1f, 0), PARTS_FLOATS ("kernel_params", 0.5f, 1, 2),
      PARTS_INTS ("vectors_per_class", 1, 1, 1), onnx_attr_text ("kernel_type", "POLY"),
      onnx_attr_texts ("classlabels_strings", "low mid high"), NULL);
  parts_outputs (graph, "line side sides curve class classes");
}

/* ---- features, categories, texts ---- */

void
ml_parts_features (GByteArray *graph)
{
  PARTS_CONST_INTS (graph, "second", 1);
  parts_text (graph, "words", "mm deg mm px");
  parts_domain_node (graph, ML, "Imputer", "x", "whole",
                     PARTS_FLOATS ("imputed_value_floats", 0.5f, 1),
                     onnx_attr_float ("replaced_value_float", 0), NULL);
  parts_domain_node (graph, ML, "Scaler", "whole", "scaled", PARTS_FLOATS ("offset", 0.5f, 0),
                     PARTS_FLOATS ("scale", 2, 0.5f), NULL);
  parts_domain_node (graph, ML, "Normalizer", "scaled", "normal", onnx_attr_text ("norm", "L2"),
                     NULL);
  parts_domain_node (graph, ML, "Binarizer", "normal", "bits", onnx_attr_float ("threshold", 0.25f),
                     NULL);
  parts_domain_node (graph, ML, "ArrayFeatureExtractor", "normal second", "column", NULL);
  parts_domain_node (graph, ML, "FeatureVectorizer", "bits normal column", "vector",
                     PARTS_INTS ("inputdimensions", 2, 2, 1), NULL);
  parts_domain_node (graph, ML, "CategoryMapper", "words", "numbers",
                     onnx_attr_texts ("cats_strings", "mm deg"), PARTS_INTS ("cats_int64s", 7, 8),
                     onnx_attr_int ("default_int64", -1), NULL);
  parts_domain_node (graph, ML, "LabelEncoder", "numbers", "names",
                     PARTS_INTS ("keys_int64s", 7, 8),
                     onnx_attr_texts ("values_strings", "length angle"),
                     onnx_attr_text ("default_string", "none"), NULL);
  parts_domain_node (graph, ML, "OneHotEncoder", "names", "hot",
                     onnx_attr_texts ("cats_strings", "angle length"), onnx_attr_int ("zeros", 1),
                     NULL);
  parts_node (graph, "StringConcat", "names words", "joined", NULL);
  parts_node (graph, "StringNormalizer", "joined", "upper",
              onnx_attr_text ("case_change_action", "UPPER"), NULL);
  parts_node (graph, "StringSplit", "upper", "parts n_parts", onnx_attr_text ("delimiter", "M"),
              NULL);
  parts_node (graph, "RegexFullMatch", "upper", "found", onnx_attr_text ("pattern", "L.*M+"), NULL);
  parts_node (graph, "TfIdfVectorizer", "upper", "grams", onnx_attr_text ("mode", "TF"),
              onnx_attr_int ("min_gram_length", 1), onnx_attr_int ("max_gram_length", 1),
              onnx_attr_int ("max_skip_count", 0), PARTS_INTS ("ngram_counts", 0),
              PARTS_INTS ("ngram_indexes", 0, 1),
              onnx_attr_texts ("pool_strings", "LENGTHMM NONEPX"), NULL);
  parts_outputs (graph, "vector hot parts n_parts found grams");
}

GByteArray *
ml_parts_model (GByteArray *graph)
{
  GByteArray *model = onnx_model (graph, 20);

  onnx_model_opset (model, ML, 5);
  return model;
}
