/* Writes what fuzzing found, reduced and by hand, below a folder of seeds: one model for each
 * defect that was mended. */
#include "tests/support/model-parts.h"

#include <math.h>
#include <stdio.h>

/* Gradient of a sum that has one operand: the rule read the second. */
static GByteArray *
gradient_of_one_operand (void)
{
  GByteArray *graph = onnx_graph ("g"), *node = onnx_node ("Gradient", "x", "d");

  onnx_graph_input (graph, "x", ONNX_FLOAT, "");
  onnx_graph_node (graph, onnx_node ("Add", "x", "y"));
  onnx_node_domain (node, "ai.onnx.preview.training");
  onnx_node_attr (node, onnx_attr_texts ("xs", "x"));
  onnx_node_attr (node, onnx_attr_text ("y", "y"));
  onnx_graph_node (graph, node);
  onnx_graph_output (graph, "d");
  GByteArray *model = onnx_model (graph, 12);
  onnx_model_opset (model, "ai.onnx.preview.training", 1);
  return model;
}

/* A bound that is not a number became an integer constant. */
static GByteArray *
clip_integers_to_nan (void)
{
  GByteArray *graph = onnx_graph ("g"), *node = onnx_node ("Clip", "x", "y");

  onnx_graph_input (graph, "x", ONNX_INT64, "2");
  onnx_node_attr (node, onnx_attr_float ("max", NAN));
  onnx_graph_node (graph, node);
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 6);
}

/* Votes for one of two classes and no base values: an offset to where there are none. */
static GByteArray *
trees_without_base (void)
{
  const float zero = 0, one = 1;
  GByteArray *graph = onnx_graph ("g");

  onnx_graph_input (graph, "x", ONNX_FLOAT, "1 1");
  parts_domain_node (
      graph, "ai.onnx.ml", "TreeEnsembleClassifier", "x", "y z", PARTS_INTS ("nodes_treeids", 0),
      PARTS_INTS ("nodes_nodeids", 0), PARTS_INTS ("nodes_featureids", 0),
      onnx_attr_texts ("nodes_modes", "LEAF"), onnx_attr_floats ("nodes_values", 1, &zero),
      PARTS_INTS ("nodes_truenodeids", 0), PARTS_INTS ("nodes_falsenodeids", 0),
      PARTS_INTS ("class_treeids", 0), PARTS_INTS ("class_nodeids", 0), PARTS_INTS ("class_ids", 0),
      onnx_attr_floats ("class_weights", 1, &one), PARTS_INTS ("classlabels_int64s", 0, 1), NULL);
  parts_outputs (graph, "y z");
  GByteArray *model = onnx_model (graph, 12);
  onnx_model_opset (model, "ai.onnx.ml", 1);
  return model;
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    GByteArray *(*make) (void);
  } seeds[] = {
      {"onnx/gradient-of-one-operand.onnx", gradient_of_one_operand},
      {"onnx/clip-integers-to-nan.onnx", clip_integers_to_nan},
      {"onnx/trees-without-base.onnx", trees_without_base},
  };

  if (argc != 2) {
    fprintf (stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  for (guint i = 0; i < G_N_ELEMENTS (seeds); i++) {
    g_autoptr (GByteArray) model = seeds[i].make ();
    g_autofree char *path = g_build_filename (argv[1], seeds[i].path, NULL);
    g_autoptr (GError) error = NULL;
    if (!g_file_set_contents (path, (const char *)model->data, (gssize)model->len, &error)) {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }
  }
  return 0;
}
