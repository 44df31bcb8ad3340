/* Writes the seed models of fuzz-onnx into a folder: small, and each a different part of the
 * format. */
#include "tests/support/ml-parts.h"

#include <stdio.h>

static const float numbers[24] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static GByteArray *
layers (void)
{
  const gint64 pads[4] = {1, 1, 1, 1}, shape[2] = {0, -1};
  GByteArray *graph = onnx_graph ("layers"), *conv = onnx_node ("Conv", "x w", "c");
  GByteArray *pool = onnx_node ("MaxPool", "r", "p");
  const gint64 kernel[2] = {2, 2};

  onnx_graph_input (graph, "x", ONNX_FLOAT, "N 3 8 8");
  onnx_graph_init (graph, onnx_tensor ("w", ONNX_FLOAT, numbers, 96, 2, 3, 2, 2, -1));
  onnx_graph_init (graph, onnx_tensor_ints ("shape", 2, shape));
  onnx_node_attr (conv, onnx_attr_ints ("pads", 4, pads));
  onnx_graph_node (graph, conv);
  for (guint i = 0; i < 4; i++)
    onnx_graph_init (graph,
                     onnx_tensor_floats ((const char *[]){"s", "b", "m", "v"}[i], 2, numbers));
  onnx_graph_node (graph, onnx_node ("BatchNormalization", "c s b m v", "n"));
  onnx_graph_node (graph, onnx_node ("Relu", "n", "r"));
  onnx_node_attr (pool, onnx_attr_ints ("kernel_shape", 2, kernel));
  onnx_node_attr (pool, onnx_attr_text ("auto_pad", "SAME_UPPER"));
  onnx_graph_node (graph, pool);
  onnx_graph_node (graph, onnx_node ("Reshape", "p shape", "y"));
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 17);
}

static GByteArray *
shapes (void)
{
  const gint64 zero = 0, minus = -1;
  GByteArray *graph = onnx_graph ("shapes"), *concat = onnx_node ("Concat", "row open", "target");

  onnx_graph_input (graph, "x", ONNX_FLOAT, "N 3 4");
  onnx_graph_init (graph, onnx_tensor ("zero", ONNX_INT64, &zero, 8, -1));
  onnx_graph_init (graph, onnx_tensor_ints ("open", 1, &minus));
  onnx_graph_init (graph, onnx_tensor_ints ("axes", 1, &zero));
  onnx_graph_node (graph, onnx_node ("Shape", "x", "shape"));
  onnx_graph_node (graph, onnx_node ("Gather", "shape zero", "batch"));
  onnx_graph_node (graph, onnx_node ("Unsqueeze", "batch axes", "row"));
  onnx_node_attr (concat, onnx_attr_int ("axis", 0));
  onnx_graph_node (graph, concat);
  onnx_graph_node (graph, onnx_node ("Reshape", "x target", "y"));
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 13);
}

static GByteArray *
choice (void)
{
  GByteArray *graph = onnx_graph ("choice"), *holder = onnx_node ("If", "cond", "y");

  onnx_graph_input (graph, "x", ONNX_FLOAT, "4");
  onnx_graph_input (graph, "cond", ONNX_BOOL, "");
  for (guint i = 0; i < 2; i++) {
    GByteArray *branch = onnx_graph ("branch");
    onnx_graph_node (branch, onnx_node (i ? "Neg" : "Exp", "x", "b"));
    onnx_graph_output (branch, "b");
    onnx_node_attr (holder, onnx_attr_graph (i ? "else_branch" : "then_branch", branch));
  }
  onnx_graph_node (graph, holder);
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 16);
}

static GByteArray *
function (void)
{
  GByteArray *graph = onnx_graph ("function"), *call = onnx_node ("Twice", "x", "y");
  GByteArray *body = g_byte_array_new ();

  onnx_graph_input (graph, "x", ONNX_FLOAT, "4");
  onnx_node_domain (call, "my");
  onnx_graph_node (graph, call);
  onnx_graph_output (graph, "y");
  GByteArray *model = onnx_model (graph, 17);
  onnx_model_opset (model, "my", 1);
  pb_text (body, 1, "Twice");
  pb_text (body, 10, "my");
  pb_text (body, 4, "a");
  pb_text (body, 5, "b");
  pb_message (body, 7, onnx_node ("Add", "a a", "b"));
  pb_message (model, 25, body);
  return model;
}

/* Opset 6: attributes that are inputs now; typed data; text; a sparse tensor. */
static GByteArray *
old_forms (void)
{
  const gint64 axes[1] = {1}, places[2] = {0, 3};
  GByteArray *graph = onnx_graph ("old"), *add = onnx_node ("Add", "x b", "s");
  GByteArray *squeeze = onnx_node ("Squeeze", "s", "q"), *clip = onnx_node ("Clip", "q", "y");
  GByteArray *typed = onnx_tensor ("b", ONNX_FLOAT, NULL, 0, 1, -1), *sparse = g_byte_array_new ();
  GByteArray *texts = onnx_tensor ("t", ONNX_STRING, NULL, 0, 1, -1);

  onnx_graph_input (graph, "x", ONNX_FLOAT, "3 1 5");
  pb_float (typed, 4, 2);
  onnx_graph_init (graph, typed);
  pb_text (texts, 6, "text");
  onnx_graph_init (graph, texts);
  pb_message (sparse, 1, onnx_tensor_floats ("dense", 2, numbers));
  pb_message (sparse, 2, onnx_tensor_ints (NULL, 2, places));
  pb_int (sparse, 3, 4);
  pb_message (graph, 15, sparse);
  onnx_node_attr (add, onnx_attr_int ("broadcast", 1));
  onnx_node_attr (add, onnx_attr_int ("axis", 1));
  onnx_graph_node (graph, add);
  onnx_node_attr (squeeze, onnx_attr_ints ("axes", 1, axes));
  onnx_graph_node (graph, squeeze);
  onnx_node_attr (clip, onnx_attr_float ("min", 0));
  onnx_graph_node (graph, clip);
  onnx_graph_output (graph, "y");
  onnx_graph_output (graph, "dense");
  return onnx_model (graph, 6);
}

/* Trees, linear models, texts: apart, as mutation breaks a small model less often. */
static GByteArray *
ml (void (*add) (GByteArray *graph))
{
  GByteArray *graph = onnx_graph ("ml");

  onnx_graph_input (graph, "x", ONNX_FLOAT, "N 2");
  add (graph);
  return ml_parts_model (graph);
}

static GByteArray *
ml_trees (void)
{
  return ml (ml_parts_trees);
}

static GByteArray *
ml_linear (void)
{
  return ml (ml_parts_linear);
}

static GByteArray *
ml_features (void)
{
  return ml (ml_parts_features);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    GByteArray *(*make) (void);
  } seeds[] = {{"layers.onnx", layers},       {"shapes.onnx", shapes},
               {"choice.onnx", choice},       {"function.onnx", function},
               {"old-forms.onnx", old_forms}, {"ml-trees.onnx", ml_trees},
               {"ml-linear.onnx", ml_linear}, {"ml-features.onnx", ml_features}};

  if (argc != 2) {
    fprintf (stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  for (guint i = 0; i < G_N_ELEMENTS (seeds); i++) {
    g_autoptr (GByteArray) model = seeds[i].make ();
    g_autofree char *path = g_build_filename (argv[1], seeds[i].name, NULL);
    g_autoptr (GError) error = NULL;
    if (!g_file_set_contents (path, (const char *)model->data, (gssize)model->len, &error)) {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }
  }
  return 0;
}
