/* See small-models.h. */
#include "tests/support/small-models.h"

#include "tests/support/ml-parts.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

const char *const small_models[] = {"net",     "fixed", "external", "plain",
                                    "control", "text",  "ml",       NULL};

#define BULK "weights.bin"

/* ---- weights ---- */

/* A float tensor, in the file itself or at the end of bulk. */
static void
weights (GByteArray *graph, GByteArray *bulk, const char *name, guint rank, const gint64 *dims)
{
  GByteArray *tensor = g_byte_array_new ();
  gsize n = 1;

  for (guint i = 0; i < rank; i++) {
    pb_int (tensor, 1, dims[i]);
    n *= (gsize)dims[i];
  }
  g_autofree float *values = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    values[i] = (float)((i * 7 + rank) % 11) / 10 - 0.3f;
  pb_int (tensor, 2, ONNX_FLOAT);
  pb_text (tensor, 8, name);
  if (bulk == NULL) {
    pb_bytes (tensor, 9, values, n * sizeof *values);
  } else {
    g_autofree char *offset = g_strdup_printf ("%u", bulk->len);
    g_autofree char *length = g_strdup_printf ("%zu", n * sizeof *values);
    const char *const pairs[][2] = {{"location", BULK}, {"offset", offset}, {"length", length}};

    for (guint i = 0; i < G_N_ELEMENTS (pairs); i++) {
      GByteArray *entry = g_byte_array_new ();

      pb_text (entry, 1, pairs[i][0]);
      pb_text (entry, 2, pairs[i][1]);
      pb_message (tensor, 13, entry);
    }
    pb_int (tensor, 14, 1);
    g_byte_array_append (bulk, (const guint8 *)values, (guint)(n * sizeof *values));
  }
  onnx_graph_init (graph, tensor);
}

#define WEIGHTS(graph, bulk, name, ...)                                                            \
  weights (graph, bulk, name, G_N_ELEMENTS (((const gint64[]){__VA_ARGS__})),                      \
           (const gint64[]){__VA_ARGS__})

/* ---- the models ---- */

static GByteArray *
make_net (const char *shape, GByteArray *bulk)
{
  GByteArray *g = onnx_graph ("net");
  const float ones[4] = {1, 1.5f, 2, 0.5f};

  onnx_graph_input (g, "x", ONNX_FLOAT, shape);
  WEIGHTS (g, bulk, "w1", 4, 3, 3, 3);
  WEIGHTS (g, bulk, "w2", 4, 1, 3, 3);
  WEIGHTS (g, bulk, "w3", 4, 4, 2, 2);
  WEIGHTS (g, bulk, "w4", 4, 5);
  WEIGHTS (g, bulk, "b4", 5);
  WEIGHTS (g, bulk, "w5", 5, 6);
  for (guint i = 0; i < 4; i++)
    onnx_graph_init (g, onnx_tensor_floats ((const char *[]){"s", "t", "m", "v"}[i], 4, ones));
  onnx_graph_init (g, onnx_tensor_floats ("scales", 4, (const float[]){1, 1, 2, 2}));
  parts_node (g, "Conv", "x w1", "c1", PARTS_INTS ("pads", 1, 1, 1, 1), NULL);
  parts_node (g, "BatchNormalization", "c1 s t m v", "n1", NULL);
  parts_node (g, "Relu", "n1", "r1", NULL);
  parts_node (g, "Conv", "r1 w2", "c2", onnx_attr_int ("group", 4), PARTS_INTS ("pads", 1, 1, 1, 1),
              NULL);
  parts_node (g, "MaxPool", "c2", "p2", PARTS_INTS ("kernel_shape", 2, 2),
              PARTS_INTS ("strides", 2, 2), NULL);
  parts_node (g, "ConvTranspose", "p2 w3", "d3", PARTS_INTS ("strides", 2, 2), NULL);
  parts_node (g, "Resize", "d3 - scales", "u3", onnx_attr_text ("mode", "linear"), NULL);
  parts_node (g, "Concat", "u3 u3", "k3", onnx_attr_int ("axis", 2), NULL);
  parts_node (g, "GlobalAveragePool", "k3", "a3", NULL);
  parts_node (g, "Flatten", "a3", "f3", NULL);
  parts_node (g, "Gemm", "f3 w4 b4", "g4", NULL);
  parts_node (g, "MatMul", "g4 w5", "m5", NULL);
  parts_node (g, "Softmax", "m5", "y", NULL);
  parts_outputs (g, "y");
  return g;
}

static GByteArray *
make_plain (void)
{
  GByteArray *g = onnx_graph ("plain");

  onnx_graph_input (g, "x", ONNX_FLOAT, "4 N");
  PARTS_CONST_INTS (g, "two", 2);
  PARTS_CONST_INTS (g, "zero", 0);
  PARTS_CONST_INTS (g, "shape", 1, -1);
  PARTS_CONST_INTS (g, "pads", 0, 1, 0, 1);
  PARTS_CONST_INTS (g, "boxes_shape", 1, -1, 4);
  PARTS_CONST_INTS (g, "scores_shape", 1, 1, -1);
  parts_node (g, "Transpose", "x", "t", NULL);
  parts_node (g, "Einsum", "x t", "e", onnx_attr_text ("equation", "ij,jk->ik"), NULL);
  parts_node (g, "TopK", "e two", "top at", NULL);
  parts_node (g, "Pad", "top pads", "padded", onnx_attr_text ("mode", "edge"), NULL);
  parts_node (g, "Unique", "padded", "unique first inverse counts", NULL);
  parts_node (g, "NonZero", "x", "nz", NULL);
  parts_node (g, "CumSum", "x zero", "sums", NULL);
  parts_node (g, "LayerNormalization", "e e", "ln", NULL);
  parts_node (g, "Reshape", "t boxes_shape", "boxes", NULL);
  parts_node (g, "ReduceMax", "t", "best", onnx_attr_int ("keepdims", 0), PARTS_INTS ("axes", 1),
              NULL);
  parts_node (g, "Reshape", "best scores_shape", "scores", NULL);
  parts_node (g, "NonMaxSuppression", "boxes scores two", "kept", NULL);
  parts_node (g, "Gather", "sums two", "row", NULL);
  parts_node (g, "Cast", "row", "half", onnx_attr_int ("to", 10), NULL);
  parts_node (g, "Softmax", "half", "soft", NULL);
  parts_node (g, "Size", "x", "size", NULL);
  parts_node (g, "Range", "zero_scalar size one_scalar", "range", NULL);
  parts_int (g, "zero_scalar", 0);
  parts_int (g, "one_scalar", 1);
  parts_outputs (g, "padded unique inverse nz ln kept soft range");
  return g;
}

static void
add_loops (GByteArray *g)
{
  GByteArray *b = parts_body ("i go s");

  parts_node (b, "Add", "s x", "s2", NULL);
  parts_node (b, "Identity", "go", "go2", NULL);
  parts_node (b, "Mul", "s2 s2", "sq", NULL);
  parts_outputs (b, "go2 s2 sq");
  parts_node (g, "Loop", "trips yes x", "grown squares", onnx_attr_graph ("body", b), NULL);
  b = parts_body ("state row");
  parts_node (b, "Add", "state row", "next", NULL);
  parts_node (b, "Neg", "row", "minus", NULL);
  parts_outputs (b, "next minus");
  parts_node (g, "Scan", "x squares", "total negated", onnx_attr_graph ("body", b),
              onnx_attr_int ("num_scan_inputs", 1), NULL);
}

static GByteArray *
make_control (void)
{
  GByteArray *g = onnx_graph ("control"), *then = parts_body (""), *other = parts_body (""), *b;

  onnx_graph_input (g, "x", ONNX_FLOAT, "3");
  onnx_graph_input (g, "cond", ONNX_BOOL, "");
  parts_int (g, "trips", 3);
  parts_bool (g, "yes", TRUE);
  parts_int (g, "at", 1);
  add_loops (g);
  parts_node (then, "Mul", "total x", "a", NULL);
  parts_outputs (then, "a");
  parts_node (other, "Sub", "total x", "a", NULL);
  parts_outputs (other, "a");
  parts_node (g, "If", "cond", "chosen", onnx_attr_graph ("then_branch", then),
              onnx_attr_graph ("else_branch", other), NULL);
  parts_node (g, "SequenceConstruct", "chosen x total", "list", NULL);
  parts_node (g, "SequenceInsert", "list grown at", "longer", NULL);
  parts_node (g, "SequenceErase", "longer at", "shorter", NULL);
  b = parts_body ("item");
  parts_node (b, "Exp", "item", "bigger", NULL);
  parts_outputs (b, "bigger");
  parts_node (g, "SequenceMap", "shorter", "mapped", onnx_attr_graph ("body", b), NULL);
  parts_node (g, "ConcatFromSequence", "mapped", "joined", onnx_attr_int ("axis", 0),
              onnx_attr_int ("new_axis", 1), NULL);
  parts_node (g, "SplitToSequence", "joined", "parts", NULL);
  parts_node (g, "SequenceAt", "parts at", "part", NULL);
  parts_node (g, "Optional", "part", "maybe", NULL);
  parts_node (g, "OptionalGetElement", "maybe", "sure", NULL);
  parts_outputs (g, "negated longer joined sure maybe");
  return g;
}

static GByteArray *
make_text (void)
{
  GByteArray *g = onnx_graph ("text"), *node;
  const char picture[] = "P6 2 2 255 abcdefghijkl";

  onnx_graph_input (g, "x", ONNX_FLOAT, "3");
  parts_text (g, "units", "mm deg px");
  onnx_graph_init (
      g, onnx_tensor ("file", 2, picture, sizeof picture - 1, (int)sizeof picture - 1, -1));
  parts_node (g, "Cast", "x", "numbers", onnx_attr_int ("to", ONNX_STRING), NULL);
  parts_node (g, "StringConcat", "numbers units", "marked", NULL);
  parts_node (g, "StringSplit", "marked", "pieces n_pieces", onnx_attr_text ("delimiter", "."),
              NULL);
  parts_node (g, "StringNormalizer", "marked", "loud",
              onnx_attr_text ("case_change_action", "UPPER"),
              onnx_attr_texts ("stopwords", "1.0px"), NULL);
  parts_node (g, "RegexFullMatch", "marked", "hits", onnx_attr_text ("pattern", ".*mm"), NULL);
  parts_node (g, "Cast", "numbers", "again", onnx_attr_int ("to", ONNX_FLOAT), NULL);
  parts_node (g, "Unique", "loud", "all_loud", NULL);
  node = onnx_node ("LabelEncoder", "units", "codes");
  onnx_node_domain (node, "ai.onnx.ml");
  onnx_node_attr (node, onnx_attr_texts ("keys_strings", "deg mm"));
  onnx_node_attr (node, PARTS_INTS ("values_int64s", 7, 8));
  onnx_graph_node (g, node);
  parts_node (g, "TfIdfVectorizer", "marked", "grams", onnx_attr_text ("mode", "TF"),
              onnx_attr_int ("min_gram_length", 1), onnx_attr_int ("max_gram_length", 2),
              onnx_attr_int ("max_skip_count", 1), PARTS_INTS ("ngram_counts", 0, 2),
              PARTS_INTS ("ngram_indexes", 0, 1, 2),
              onnx_attr_texts ("pool_strings", "1.0px 0.5mm a b"), NULL);
  parts_node (g, "ImageDecoder", "file", "picture", NULL);
  parts_node (g, "Cast", "picture", "levels", onnx_attr_int ("to", ONNX_FLOAT), NULL);
  parts_outputs (g, "pieces n_pieces loud hits again all_loud codes grams levels");
  return g;
}

static GByteArray *
make_ml (void)
{
  GByteArray *g = onnx_graph ("ml");

  onnx_graph_input (g, "x", ONNX_FLOAT, "N 2");
  ml_parts_trees (g);
  ml_parts_linear (g);
  ml_parts_features (g);
  return g;
}

/* ---- files ---- */

static GByteArray *
make (const char *name, GByteArray *bulk)
{
  GByteArray *model;

  if (g_str_equal (name, "plain"))
    return onnx_model (make_plain (), 17);
  if (g_str_equal (name, "control"))
    return onnx_model (make_control (), 17);
  if (g_str_equal (name, "ml"))
    return ml_parts_model (make_ml ());
  if (g_str_equal (name, "text")) {
    model = onnx_model (make_text (), 20);
    onnx_model_opset (model, "ai.onnx.ml", 3);
    return model;
  }
  return onnx_model (make_net (g_str_equal (name, "net") ? "1 3 H 12" : "1 3 8 12",
                               g_str_equal (name, "external") ? bulk : NULL),
                     17);
}

static char *
path_of (const char *dir, const char *name)
{
  g_autofree char *file = g_strconcat (name, ".onnx", NULL);

  return g_build_filename (dir, file, NULL);
}

char *
small_model_write (const char *dir, const char *name)
{
  g_autoptr (GByteArray) bulk = g_byte_array_new ();
  g_autoptr (GByteArray) model = make (name, bulk);
  g_autofree char *beside = g_build_filename (dir, BULK, NULL);
  char *path = path_of (dir, name);

  g_assert_true (g_file_set_contents (path, (const char *)model->data, model->len, NULL));
  if (bulk->len > 0)
    g_assert_true (g_file_set_contents (beside, (const char *)bulk->data, bulk->len, NULL));
  return path;
}

void
small_model_remove (const char *dir, const char *name)
{
  g_autofree char *path = path_of (dir, name);
  g_autofree char *beside = g_build_filename (dir, BULK, NULL);

  g_unlink (path);
  if (g_str_equal (name, "external"))
    g_unlink (beside);
}

/* ---- runs ---- */

GPtrArray *
small_model_inputs (GonioSession *session, int64_t size)
{
  GPtrArray *inputs = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);

  for (guint i = 0; i < n; i++) {
    GonioShape shape = {.rank = ports[i].shape.rank};
    GonioTensor *tensor;

    for (int d = 0; d < shape.rank; d++)
      shape.dims[d] = ports[i].shape.dims[d].value >= 0 ? ports[i].shape.dims[d].value : size;
    tensor = gonio_tensor_new_zeroed (ports[i].dtype, &shape, NULL);
    g_assert_nonnull (tensor);
    for (int64_t e = 0; e < gonio_tensor_count (tensor); e++) {
      if (ports[i].dtype == GONIO_DTYPE_FLOAT)
        ((float *)gonio_tensor_writable_data (tensor))[e] = (float)((e * 3 + 1) % 7) / 2 - 0.5f;
      else
        ((guint8 *)gonio_tensor_writable_data (tensor))[e] = 1;
    }
    g_ptr_array_add (inputs, tensor);
  }
  return inputs;
}

GonioTensor **
small_model_run (GonioSession *session, GPtrArray *inputs, GCancellable *cancellable,
                 GError **error)
{
  const char *names[4] = {NULL};
  GonioTensor **outputs = NULL;
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);

  g_assert_cmpuint (n, <=, G_N_ELEMENTS (names));
  for (guint i = 0; i < n; i++)
    names[i] = ports[i].name;
  gonio_session_run (session, names, (GonioTensor *const *)inputs->pdata, n, &outputs, cancellable,
                     error);
  return outputs;
}

/* Whether passes have changed the order of sums must not matter. */
static gboolean
close_to (double a, double b)
{
  return a == b || fabs (a - b) <= 1e-5 * (1 + fabs (b));
}

static gboolean
equal (const GonioTensor *a, const GonioTensor *b)
{
  if (gonio_tensor_kind (a) != gonio_tensor_kind (b) ||
      gonio_list_length (a) != gonio_list_length (b) ||
      gonio_tensor_dtype (a) != gonio_tensor_dtype (b) ||
      !gonio_shape_equal (gonio_tensor_shape (a), gonio_tensor_shape (b)))
    return FALSE;
  for (guint i = 0; i < gonio_list_length (a); i++)
    if (!equal (gonio_list_item (a, i), gonio_list_item (b, i)))
      return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (a); i++)
    if (gonio_tensor_dtype (a) == GONIO_DTYPE_STRING
            ? !g_str_equal (gonio_tensor_string (a, i), gonio_tensor_string (b, i))
            : !close_to (gonio_tensor_get_double (a, i), gonio_tensor_get_double (b, i)))
      return FALSE;
  return TRUE;
}

gboolean
small_model_equal (GonioTensor *const *a, GonioTensor *const *b, guint n)
{
  for (guint i = 0; i < n; i++)
    if (!equal (a[i], b[i]))
      return FALSE;
  return TRUE;
}
