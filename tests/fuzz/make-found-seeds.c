/* Writes what fuzzing found, reduced and by hand, below a folder of seeds: one model for each
 * defect that was mended. */
#include "tests/support/onnx-writer.h"

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

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    GByteArray *(*make) (void);
  } seeds[] = {
      {"onnx/gradient-of-one-operand.onnx", gradient_of_one_operand},
      {"onnx/clip-integers-to-nan.onnx", clip_integers_to_nan},
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
