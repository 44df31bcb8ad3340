/* core/onnx: the guarded reader, tensor encodings, external data, scopes, functions. The
 * conversion of old opsets is in test-onnx-import.c. */
#include "core/base/error.h"
#include "core/onnx/load.h"
#include "core/ops/op.h"
#include "tests/support/onnx-writer.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static GonioGraph *
load_in (GByteArray *model, const char *dir, const GonioLoadLimits *limits, GError **error)
{
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (model);
  return gonio_onnx_load_bytes (bytes, dir, limits, error);
}

static GonioGraph *
load (GByteArray *model)
{
  g_autoptr (GError) error = NULL;
  GonioGraph *graph = load_in (model, NULL, NULL, &error);
  g_assert_no_error (error);
  return graph;
}

static void
assert_refused (GByteArray *model, int code, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioGraph) graph = load_in (model, NULL, NULL, &error);
  g_assert_null (graph);
  g_assert_error (error, GONIO_LOAD_ERROR, code);
  if (!strstr (error->message, words))
    g_error ("“%s” does not say “%s”", error->message, words);
}

/* x -> Relu -> y */
static GByteArray *
relu_graph (void)
{
  GByteArray *graph = onnx_graph ("g");
  onnx_graph_input (graph, "x", ONNX_FLOAT, "N 3 ? 8");
  onnx_graph_node (graph, onnx_node ("Relu", "x", "y"));
  onnx_graph_output (graph, "y");
  return graph;
}

static void
test_minimal (void)
{
  GByteArray *model = onnx_model (relu_graph (), 17);
  GByteArray *entry = g_byte_array_new ();
  guint n = 0;

  pb_text (entry, 1, "author");
  pb_text (entry, 2, "nobody");
  pb_message (model, 14, entry);
  pb_text (model, 2, "hand");
  pb_text (model, 3, "1.0");
  g_autoptr (GonioGraph) graph = load (model);
  const GonioValue *x = gonio_graph_value (graph, gonio_graph_inputs (graph, &n)[0]);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpstr (x->name, ==, "x");
  g_assert_cmpint (x->dtype, ==, GONIO_DTYPE_FLOAT);
  g_assert_cmpstr (x->shape.dims[0].symbol, ==, "N");
  g_assert_cmpint (x->shape.dims[3].value, ==, 8);
  const GonioNode *relu = gonio_graph_node (graph, 0);
  g_assert_cmpuint (relu->op, ==, GONIO_OP_RELU);
  g_assert_cmpstr (relu->name, ==, "Relu_0"); /* nameless in the file */
  const GonioModelInfo *info = gonio_graph_info (graph);
  g_assert_cmpint (info->opset, ==, 17);
  g_assert_cmpstr (info->opsets, ==, "ai.onnx 17");
  g_assert_cmpstr (info->producer, ==, "hand 1.0");
  g_assert_cmpstr (g_hash_table_lookup (info->metadata, "author"), ==, "nobody");
}

/* ---- tensors ---- */

/* A graph of one initializer "w" that is its output. */
static GByteArray *
model_of (GByteArray *tensor)
{
  GByteArray *graph = onnx_graph ("g");
  onnx_graph_init (graph, tensor);
  onnx_graph_output (graph, "w");
  return onnx_model (graph, 17);
}

static GonioTensor *
load_tensor (GByteArray *tensor)
{
  g_autoptr (GonioGraph) graph = load (model_of (tensor));
  GonioValueId id = gonio_graph_find_value (graph, "w");
  return gonio_tensor_ref (gonio_graph_value (graph, id)->constant);
}

/* Typed fields: the number in the file, then what it means. */
typedef struct {
  GonioDType dtype;
  guint field;
  gint64 stored[3];
  double meant[3];
} TypedRow;

static const TypedRow typed_rows[] = {
    {GONIO_DTYPE_INT32, 5, {-1, 0, 7}, {-1, 0, 7}},
    {GONIO_DTYPE_INT8, 5, {-128, 0, 127}, {-128, 0, 127}},
    {GONIO_DTYPE_UINT8, 5, {255, 0, 1}, {255, 0, 1}},
    {GONIO_DTYPE_INT16, 5, {-32768, 1, 2}, {-32768, 1, 2}},
    {GONIO_DTYPE_UINT16, 5, {65535, 1, 2}, {65535, 1, 2}},
    {GONIO_DTYPE_BOOL, 5, {0, 1, 5}, {0, 1, 1}},
    {GONIO_DTYPE_FLOAT16, 5, {0x3c00, 0xc000, 0x3800}, {1, -2, 0.5}},
    {GONIO_DTYPE_BFLOAT16, 5, {0x3f80, 0xc000, 0x3f00}, {1, -2, 0.5}},
    {GONIO_DTYPE_INT64, 7, {-1, INT64_C (1) << 40, 3}, {-1, 1099511627776.0, 3}},
    {GONIO_DTYPE_UINT32, 11, {4294967295, 0, 1}, {4294967295.0, 0, 1}},
    {GONIO_DTYPE_UINT64, 11, {INT64_C (1) << 50, 0, 1}, {1125899906842624.0, 0, 1}},
};

static GByteArray *
typed_tensor (const TypedRow *row, gboolean packed)
{
  GByteArray *tensor = onnx_tensor ("w", (int)row->dtype, NULL, 0, 3, -1);
  GByteArray *data = g_byte_array_new ();

  for (guint i = 0; i < 3; i++) {
    if (packed)
      pb_varint (data, (guint64)row->stored[i]);
    else
      pb_int (tensor, row->field, row->stored[i]);
  }
  if (packed)
    pb_message (tensor, row->field, data);
  else
    g_byte_array_unref (data);
  return tensor;
}

static void
test_typed_data (void)
{
  for (guint r = 0; r < G_N_ELEMENTS (typed_rows); r++) {
    for (guint packed = 0; packed < 2; packed++) {
      g_autoptr (GonioTensor) tensor = load_tensor (typed_tensor (&typed_rows[r], packed != 0));
      g_assert_cmpint (gonio_tensor_dtype (tensor), ==, typed_rows[r].dtype);
      for (guint i = 0; i < 3; i++)
        g_assert_cmpfloat (gonio_tensor_get_double (tensor, i), ==, typed_rows[r].meant[i]);
    }
  }
}

static void
test_other_data (void)
{
  const float numbers[3] = {1.5f, -2, 3};
  const double wide[2] = {0.1, -7};
  const guint8 nibbles[2] = {0x7f, 0x08}; /* -1, 7, -8, low half first */
  GByteArray *unpacked = onnx_tensor ("w", ONNX_FLOAT, NULL, 0, 3, -1);
  GByteArray *doubles = onnx_tensor ("w", GONIO_DTYPE_DOUBLE, NULL, 0, 2, -1);
  GByteArray *texts = onnx_tensor ("w", ONNX_STRING, NULL, 0, 2, -1);
  GByteArray *split = onnx_tensor ("w", ONNX_FLOAT, NULL, 0, 3, -1);

  for (guint i = 0; i < 3; i++)
    pb_float (unpacked, 4, numbers[i]);
  pb_bytes (doubles, 10, wide, sizeof wide);
  pb_text (texts, 6, "Grüße");
  pb_text (texts, 6, "");
  pb_bytes (split, 4, numbers, 8); /* a packed part and a single number make one list */
  pb_float (split, 4, numbers[2]);
  g_autoptr (GonioTensor) raw = load_tensor (onnx_tensor_floats ("w", 3, numbers));
  g_autoptr (GonioTensor) a = load_tensor (unpacked);
  g_autoptr (GonioTensor) b = load_tensor (doubles);
  g_autoptr (GonioTensor) c = load_tensor (texts);
  g_autoptr (GonioTensor) d = load_tensor (split);
  g_autoptr (GonioTensor) small =
      load_tensor (onnx_tensor ("w", GONIO_DTYPE_INT4, nibbles, 2, 3, -1));
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpfloat (gonio_tensor_get_double (raw, i), ==, numbers[i]);
    g_assert_cmpfloat (gonio_tensor_get_double (a, i), ==, numbers[i]);
    g_assert_cmpfloat (gonio_tensor_get_double (d, i), ==, numbers[i]);
  }
  g_assert_cmpfloat (gonio_tensor_get_double (b, 0), ==, 0.1);
  g_assert_cmpstr (gonio_tensor_string (c, 0), ==, "Grüße");
  g_assert_cmpstr (gonio_tensor_string (c, 1), ==, "");
  g_assert_cmpint (gonio_tensor_get_int (small, 0), ==, -1);
  g_assert_cmpint (gonio_tensor_get_int (small, 1), ==, 7);
  g_assert_cmpint (gonio_tensor_get_int (small, 2), ==, -8);
}

static void
test_bad_tensors (void)
{
  const float numbers[3] = {1, 2, 3};
  GByteArray *nul = onnx_tensor ("w", ONNX_STRING, NULL, 0, 1, -1);
  GByteArray *negative = onnx_tensor ("w", ONNX_FLOAT, NULL, 0, -1);
  GByteArray *overflow = onnx_tensor ("w", ONNX_FLOAT, "", 0, -1);
  GByteArray *segment = onnx_tensor_floats ("w", 3, numbers);

  assert_refused (model_of (onnx_tensor ("w", ONNX_FLOAT, numbers, 12, 4, -1)),
                  GONIO_LOAD_ERROR_MALFORMED, "needs 16 bytes, it has 12");
  assert_refused (model_of (onnx_tensor ("w", ONNX_FLOAT, NULL, 0, 2000000000, 10, -1)),
                  GONIO_LOAD_ERROR_LIMIT, "exceed");
  assert_refused (model_of (onnx_tensor ("w", ONNX_INT64, NULL, 0, 1000000, -1)),
                  GONIO_LOAD_ERROR_MALFORMED, "needs 1000000 elements, it has 0");
  assert_refused (model_of (onnx_tensor ("w", 99, NULL, 0, 1, -1)), GONIO_LOAD_ERROR_UNSUPPORTED,
                  "element type 99");
  assert_refused (model_of (onnx_tensor ("w", ONNX_FLOAT, NULL, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1)),
                  GONIO_LOAD_ERROR_LIMIT, "9 dimensions");
  pb_bytes (nul, 6, "a\0b", 3);
  assert_refused (model_of (nul), GONIO_LOAD_ERROR_UNSUPPORTED, "NUL");
  pb_int (negative, 1, -5);
  assert_refused (model_of (negative), GONIO_LOAD_ERROR_MALFORMED, "negative");
  for (guint i = 0; i < 3; i++)
    pb_int (overflow, 1, INT64_C (1) << 40);
  assert_refused (model_of (overflow), GONIO_LOAD_ERROR_LIMIT, "overflows");
  pb_message (segment, 3, g_byte_array_new ());
  assert_refused (model_of (segment), GONIO_LOAD_ERROR_UNSUPPORTED, "segments");
}

static void
test_sparse (void)
{
  const float numbers[2] = {5, 7};
  const gint64 places[2] = {1, 5}, outside[2] = {1, 6};

  for (guint bad = 0; bad < 2; bad++) {
    GByteArray *graph = onnx_graph ("g"), *sparse = g_byte_array_new ();
    pb_message (sparse, 1, onnx_tensor_floats ("w", 2, numbers));
    pb_message (sparse, 2, onnx_tensor_ints (NULL, 2, bad ? outside : places));
    pb_int (sparse, 3, 2);
    pb_int (sparse, 3, 3);
    pb_message (graph, 15, sparse);
    onnx_graph_output (graph, "w");
    if (bad) {
      assert_refused (onnx_model (graph, 17), GONIO_LOAD_ERROR_MALFORMED, "out of range");
      continue;
    }
    g_autoptr (GonioGraph) loaded = load (onnx_model (graph, 17));
    const GonioTensor *w =
        gonio_graph_value (loaded, gonio_graph_find_value (loaded, "w"))->constant;
    g_assert_cmpint (gonio_tensor_count (w), ==, 6);
    for (guint i = 0; i < 6; i++)
      g_assert_cmpfloat (gonio_tensor_get_double (w, i), ==, i == 1 ? 5 : i == 5 ? 7 : 0);
  }
}

/* ---- external data ---- */

static GByteArray *
external_tensor (const char *location, const char *offset, const char *length)
{
  GByteArray *tensor = onnx_tensor ("w", ONNX_FLOAT, NULL, 0, 2, -1);
  const char *const pairs[3][2] = {{"location", location}, {"offset", offset}, {"length", length}};

  for (guint i = 0; i < 3; i++) {
    GByteArray *entry = g_byte_array_new ();
    if (pairs[i][1]) {
      pb_text (entry, 1, pairs[i][0]);
      pb_text (entry, 2, pairs[i][1]);
      pb_message (tensor, 13, entry);
    } else {
      g_byte_array_unref (entry);
    }
  }
  pb_int (tensor, 14, 1);
  return tensor;
}

static void
remove_tree (const char *dir)
{
  g_autoptr (GDir) listing = g_dir_open (dir, 0, NULL);
  for (const char *name = g_dir_read_name (listing); name; name = g_dir_read_name (listing)) {
    g_autofree char *path = g_build_filename (dir, name, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
      remove_tree (path);
    else
      g_unlink (path);
  }
  g_rmdir (dir);
}

static void
test_external (void)
{
  static const struct {
    const char *location, *offset, *length;
    int code; /* -1: loads */
  } rows[] = {
      {"data.bin", "4", "8", -1},
      {"data.bin", "4", NULL, -1},
      {"sub/more.bin", NULL, NULL, -1},
      {"link-inside.bin", NULL, NULL, -1},
      {"data.bin", "8", NULL, GONIO_LOAD_ERROR_MALFORMED}, /* too short */
      {"data.bin", "18446744073709551615", NULL, GONIO_LOAD_ERROR_MALFORMED},
      {"data.bin", "-4", NULL, GONIO_LOAD_ERROR_MALFORMED},
      {"data.bin", "4", "12", GONIO_LOAD_ERROR_MALFORMED}, /* not the shape's size */
      {"missing.bin", NULL, NULL, GONIO_LOAD_ERROR_IO},
      {"../outside.bin", NULL, NULL, GONIO_LOAD_ERROR_MALFORMED},
      {"sub/../data.bin", NULL, NULL, GONIO_LOAD_ERROR_MALFORMED},
      {"/etc/passwd", NULL, NULL, GONIO_LOAD_ERROR_MALFORMED},
      {"link-outside.bin", NULL, NULL, GONIO_LOAD_ERROR_IO},
      {"sub", NULL, NULL, GONIO_LOAD_ERROR_IO}, /* a folder */
      {"", NULL, NULL, GONIO_LOAD_ERROR_MALFORMED},
      {NULL, NULL, NULL, GONIO_LOAD_ERROR_MALFORMED},
  };
  const float numbers[3] = {9, 1, 2};
  g_autofree char *top = g_dir_make_tmp ("gonio-external-XXXXXX", NULL);
  g_autofree char *dir = g_build_filename (top, "model", NULL);
  g_autofree char *sub = g_build_filename (dir, "sub", NULL);
  g_autofree char *data = g_build_filename (dir, "data.bin", NULL);
  g_autofree char *more = g_build_filename (sub, "more.bin", NULL);
  g_autofree char *outside = g_build_filename (top, "outside.bin", NULL);
  g_autofree char *link_in = g_build_filename (dir, "link-inside.bin", NULL);
  g_autofree char *link_out = g_build_filename (dir, "link-outside.bin", NULL);

  g_assert_cmpint (g_mkdir_with_parents (sub, 0700), ==, 0);
  g_file_set_contents (data, (const char *)numbers, sizeof numbers, NULL);
  g_file_set_contents (more, (const char *)(numbers + 1), 8, NULL);
  g_file_set_contents (outside, (const char *)numbers, sizeof numbers, NULL);
  g_assert_cmpint (symlink ("sub/more.bin", link_in), ==, 0);
  g_assert_cmpint (symlink ("../outside.bin", link_out), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioGraph) graph =
        load_in (model_of (external_tensor (rows[i].location, rows[i].offset, rows[i].length)), dir,
                 NULL, &error);
    if (rows[i].code >= 0) {
      g_assert_error (error, GONIO_LOAD_ERROR, rows[i].code);
      continue;
    }
    g_assert_no_error (error);
    const GonioTensor *w = gonio_graph_value (graph, gonio_graph_find_value (graph, "w"))->constant;
    g_assert_cmpfloat (gonio_tensor_get_double (w, 0), ==, 1);
    g_assert_cmpfloat (gonio_tensor_get_double (w, 1), ==, 2);
  }
  assert_refused (model_of (external_tensor ("data.bin", NULL, NULL)), GONIO_LOAD_ERROR_UNSUPPORTED,
                  "does not come from a folder");
  remove_tree (top);
}

/* ---- malformed ---- */

/* A model with a bit of everything. */
static GByteArray *
rich_model (void)
{
  const float numbers[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const gint64 pads[4] = {1, 1, 1, 1};
  GByteArray *graph = relu_graph (), *conv = onnx_node ("Conv", "y w", "z");
  GByteArray *constant = onnx_node ("Constant", "", "c"), *branch = onnx_graph ("b");
  GByteArray *choice = onnx_node ("If", "cond", "out");

  onnx_graph_init (graph, onnx_tensor ("w", ONNX_FLOAT, numbers, 24, 2, 3, 1, 1, -1));
  onnx_node_attr (conv, onnx_attr_ints ("pads", 4, pads));
  onnx_node_attr (conv, onnx_attr_text ("auto_pad", "NOTSET"));
  onnx_graph_node (graph, conv);
  onnx_node_attr (constant, onnx_attr_tensor ("value", onnx_tensor_floats (NULL, 8, numbers)));
  onnx_graph_node (graph, constant);
  onnx_graph_node (branch, onnx_node ("Neg", "z", "n"));
  onnx_graph_output (branch, "n");
  onnx_graph_input (graph, "cond", ONNX_BOOL, "");
  onnx_node_attr (choice, onnx_attr_graph ("then_branch", branch));
  branch = onnx_graph ("e");
  onnx_graph_node (branch, onnx_node ("Identity", "z", "n"));
  onnx_graph_output (branch, "n");
  onnx_node_attr (choice, onnx_attr_graph ("else_branch", branch));
  onnx_graph_node (graph, choice);
  onnx_graph_output (graph, "out");
  return onnx_model (graph, 17);
}

static void
load_and_infer (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioGraph) graph = gonio_onnx_load_bytes (bytes, NULL, NULL, &error);

  g_assert_true ((graph != NULL) == (error == NULL));
  if (graph)
    gonio_infer_graph (graph, NULL);
}

/* Cut anywhere: an error or a smaller model, never more. */
static void
test_truncated (void)
{
  g_autoptr (GByteArray) model = rich_model ();
  for (guint size = 0; size < model->len; size++)
    load_and_infer (model->data, size);
}

static void
test_bit_flips (void)
{
  g_autoptr (GByteArray) model = rich_model ();
  g_autoptr (GRand) random = g_rand_new_with_seed (11);

  for (guint i = 0; i < 8 * model->len; i++) {
    model->data[i / 8] ^= (guint8)(1u << i % 8);
    load_and_infer (model->data, model->len);
    model->data[i / 8] ^= (guint8)(1u << i % 8);
  }
  for (guint i = 0; i < 4000; i++) {
    g_autofree guint8 *copy = g_memdup2 (model->data, model->len);
    for (guint k = 0; k < 4; k++)
      copy[g_rand_int_range (random, 0, (gint32)model->len)] = (guint8)g_rand_int (random);
    load_and_infer (copy, model->len);
  }
}

static void
test_malformed (void)
{
  GByteArray *twice = relu_graph (), *cycle = onnx_graph ("g"), *lost = onnx_graph ("g");
  GByteArray *no_output = onnx_graph ("g"), *two_graphs = onnx_model (relu_graph (), 17);
  GByteArray *future = onnx_model (relu_graph (), 29), *old = g_byte_array_new ();
  GByteArray *latin = onnx_graph ("g"), *group = g_byte_array_new ();

  onnx_graph_node (twice, onnx_node ("Neg", "x", "y"));
  assert_refused (onnx_model (twice, 17), GONIO_LOAD_ERROR_MALFORMED, "produced twice");
  onnx_graph_node (cycle, onnx_node ("Neg", "b", "a"));
  onnx_graph_node (cycle, onnx_node ("Neg", "a", "b"));
  onnx_graph_output (cycle, "b");
  assert_refused (onnx_model (cycle, 17), GONIO_LOAD_ERROR_MALFORMED, "cycle");
  onnx_graph_node (lost, onnx_node ("Neg", "nowhere", "a"));
  assert_refused (onnx_model (lost, 17), GONIO_LOAD_ERROR_MALFORMED, "“nowhere”");
  onnx_graph_output (no_output, "y");
  assert_refused (onnx_model (no_output, 17), GONIO_LOAD_ERROR_MALFORMED, "Output “y”");
  pb_message (two_graphs, 7, relu_graph ());
  assert_refused (two_graphs, GONIO_LOAD_ERROR_MALFORMED, "appears twice");
  assert_refused (future, GONIO_LOAD_ERROR_UNSUPPORTED, "opset 29");
  pb_int (old, 1, 2);
  pb_message (old, 7, relu_graph ());
  assert_refused (old, GONIO_LOAD_ERROR_UNSUPPORTED, "IR version 2");
  assert_refused (g_byte_array_new (), GONIO_LOAD_ERROR_MALFORMED, "no graph");
  pb_text (latin, 2, "caf\xe9");
  assert_refused (onnx_model (latin, 17), GONIO_LOAD_ERROR_MALFORMED, "UTF-8");
  pb_varint (group, 1 << 3 | 3);
  assert_refused (group, GONIO_LOAD_ERROR_MALFORMED, "wire type");
}

/* ---- what is not supported is all told at once ---- */

static GByteArray *
unsupported_model (void)
{
  GByteArray *graph = relu_graph (), *foreign = onnx_node ("Sparkle", "y", "c");

  onnx_node_domain (foreign, "com.example");
  onnx_node_name (foreign, "third");
  onnx_graph_node (graph, onnx_node ("Frobnicate", "x", "a"));
  onnx_graph_node (graph, onnx_node ("Frobnicate", "a", "b"));
  onnx_graph_node (graph, foreign);
  onnx_graph_node (graph, onnx_node ("Gelu", "y", "d")); /* since opset 20 */
  return onnx_model (graph, 17);
}

/* An input "picky" whose type (field of TypeProto) is none that values have. */
static GByteArray *
model_with_input (guint field, gboolean in_sequence)
{
  GByteArray *graph = relu_graph (), *info = g_byte_array_new (), *type = g_byte_array_new ();

  pb_message (type, field, g_byte_array_new ());
  if (in_sequence) {
    GByteArray *sequence = g_byte_array_new (), *outer = g_byte_array_new ();
    pb_message (sequence, 1, type);
    pb_message (outer, 4, sequence);
    type = outer;
  }
  pb_text (info, 1, "picky");
  pb_message (info, 2, type);
  pb_message (graph, 11, info);
  return onnx_model (graph, 17);
}

static void
test_input_types (void)
{
  static const struct {
    guint field;
    const char *what, *advice;
  } rows[] = {{5, "Input “picky”: it is a map", "give the model the numbers as a tensor"},
              {8, "Input “picky”: it is a sparse tensor", "ordinary tensor"},
              {7, "Input “picky”: its type is neither tensor", "export the model anew"}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    for (int in_sequence = 0; in_sequence < 2; in_sequence++) {
      assert_refused (model_with_input (rows[i].field, in_sequence), GONIO_LOAD_ERROR_UNSUPPORTED,
                      rows[i].what);
      assert_refused (model_with_input (rows[i].field, in_sequence), GONIO_LOAD_ERROR_UNSUPPORTED,
                      rows[i].advice);
    }
  }
}

static void
test_unsupported (void)
{
  g_autoptr (GError) error = NULL, io = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("gonio-XXXXXX.onnx", &path, NULL);
  g_autoptr (GByteArray) model = unsupported_model ();

  g_close (fd, NULL);
  assert_refused (unsupported_model (), GONIO_LOAD_ERROR_UNSUPPORTED,
                  "Frobnicate: the operator is not implemented");
  assert_refused (unsupported_model (), GONIO_LOAD_ERROR_UNSUPPORTED, "com.example.Sparkle");
  assert_refused (unsupported_model (), GONIO_LOAD_ERROR_UNSUPPORTED, "“third”");
  assert_refused (unsupported_model (), GONIO_LOAD_ERROR_UNSUPPORTED, "Gelu");
  g_file_set_contents (path, (const char *)model->data, model->len, NULL);
  g_autoptr (GPtrArray) rows = gonio_onnx_check_file (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (rows->len, ==, 4);
  const GonioUnsupported *third = g_ptr_array_index (rows, 2);
  g_assert_cmpstr (third->op, ==, "Sparkle");
  g_assert_cmpstr (third->domain, ==, "com.example");
  g_assert_cmpstr (third->node, ==, "third");
  g_unlink (path);
  g_assert_null (gonio_onnx_check_file (path, NULL, &io));
  g_assert_error (io, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO);
}

/* ---- scopes ---- */

static void
test_any_order (void)
{
  GByteArray *graph = onnx_graph ("g");
  guint n = 0;

  onnx_graph_input (graph, "x", ONNX_FLOAT, "2");
  onnx_graph_node (graph, onnx_node ("Neg", "a", "y"));
  onnx_graph_node (graph, onnx_node ("Relu", "x", "a"));
  onnx_graph_output (graph, "y");
  g_autoptr (GonioGraph) loaded = load (onnx_model (graph, 17));
  const GonioNodeId *order = gonio_graph_order (loaded, &n);
  g_assert_cmpuint (gonio_graph_node (loaded, order[0])->op, ==, GONIO_OP_RELU);
}

/* Initializers listed as inputs are constants, and no inputs. */
static void
test_initializer_inputs (void)
{
  const float numbers[2] = {1, 2};
  GByteArray *graph = onnx_graph ("g");
  guint n = 0;

  onnx_graph_input (graph, "x", ONNX_FLOAT, "2");
  onnx_graph_input (graph, "w", ONNX_FLOAT, "2");
  onnx_graph_init (graph, onnx_tensor_floats ("w", 2, numbers));
  onnx_graph_node (graph, onnx_node ("Add", "x w", "y"));
  onnx_graph_output (graph, "y");
  g_autoptr (GonioGraph) loaded = load (onnx_model (graph, 9));
  gonio_graph_inputs (loaded, &n);
  g_assert_cmpuint (n, ==, 1);
  g_assert_nonnull (gonio_graph_value (loaded, gonio_graph_find_value (loaded, "w"))->constant);
}

static void
test_subgraph_scope (void)
{
  g_autoptr (GonioGraph) loaded = load (rich_model ());
  const GonioNode *choice = NULL;
  guint n = 0;

  for (GonioNodeId id = 0; id < gonio_graph_n_nodes (loaded); id++) {
    const GonioNode *each = gonio_graph_node (loaded, id);
    if (each && each->op == GONIO_OP_IF)
      choice = each;
  }
  g_assert_nonnull (choice);
  const GonioGraph *taken = gonio_node_attr (choice, "then_branch")->graph;
  const GonioCapture *captures = gonio_graph_captures (taken, &n);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (captures[0].outer, ==, gonio_graph_find_value (loaded, "z"));
  gonio_graph_users (loaded, captures[0].outer, &n);
  g_assert_cmpuint (n, ==, 2);
  /* An outer constant is shared, not captured. */
  GByteArray *graph = relu_graph (), *holder = onnx_node ("If", "cond", "out");
  const float numbers[8] = {0};
  onnx_graph_input (graph, "cond", ONNX_BOOL, "");
  onnx_graph_init (graph, onnx_tensor_floats ("k", 8, numbers));
  for (guint i = 0; i < 2; i++) {
    GByteArray *inner = onnx_graph ("b");
    onnx_graph_node (inner, onnx_node ("Add", "y k", "s"));
    onnx_graph_output (inner, "s");
    onnx_node_attr (holder, onnx_attr_graph (i ? "else_branch" : "then_branch", inner));
  }
  onnx_graph_node (graph, holder);
  onnx_graph_output (graph, "out");
  g_autoptr (GonioGraph) shared = load (onnx_model (graph, 17));
  GonioValueId k = gonio_graph_find_value (shared, "k");
  gonio_graph_users (shared, k, &n);
  g_assert_cmpuint (n, ==, 0);
}

/* f (a, scale) = a * scale + a, with scale an attribute of the call. */
static void
test_functions (void)
{
  GByteArray *graph = onnx_graph ("g"), *function = g_byte_array_new ();
  GByteArray *call = onnx_node ("Scaled", "x", "y"), *constant = onnx_node ("Constant", "", "k");
  GByteArray *ref = g_byte_array_new (), *opset = g_byte_array_new (), *model = NULL;
  guint n = 0;

  onnx_graph_input (graph, "x", ONNX_FLOAT, "2");
  onnx_node_domain (call, "my");
  onnx_node_name (call, "here");
  onnx_node_attr (call, onnx_attr_float ("scale", 3));
  onnx_graph_node (graph, call);
  onnx_graph_output (graph, "y");
  model = onnx_model (graph, 17);
  onnx_model_opset (model, "my", 1);

  pb_text (function, 1, "Scaled");
  pb_text (function, 10, "my");
  pb_text (function, 4, "a");
  pb_text (function, 5, "b");
  pb_text (function, 6, "scale");
  pb_text (ref, 1, "value_float");
  pb_int (ref, 20, 1);
  pb_text (ref, 21, "scale");
  onnx_node_attr (constant, ref);
  pb_message (function, 7, constant);
  pb_message (function, 7, onnx_node ("Mul", "a k", "product"));
  pb_message (function, 7, onnx_node ("Add", "product a", "b"));
  pb_text (opset, 1, "");
  pb_int (opset, 2, 17);
  pb_message (function, 9, opset);
  pb_message (model, 25, function);

  g_autoptr (GonioGraph) loaded = load (model);
  const GonioNodeId *order = gonio_graph_order (loaded, &n);
  g_assert_cmpuint (n, ==, 2);
  const GonioNode *mul = gonio_graph_node (loaded, order[0]);
  g_assert_cmpuint (mul->op, ==, GONIO_OP_MUL);
  g_assert_true (g_str_has_prefix (mul->name, "here/"));
  const GonioTensor *k = gonio_graph_value (loaded, mul->inputs[1])->constant;
  g_assert_cmpfloat (gonio_tensor_get_double (k, 0), ==, 3);
  GonioValueId y = gonio_graph_outputs (loaded, &n)[0];
  g_assert_cmpstr (gonio_graph_value (loaded, y)->name, ==, "y");
  g_assert_cmpuint (gonio_graph_value (loaded, y)->producer, ==, order[1]);
}

/* ---- files ---- */

static void
test_files (void)
{
  g_autoptr (GError) folder = NULL, missing = NULL;
  g_assert_null (gonio_onnx_load_file ("/", NULL, &folder));
  g_assert_error (folder, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO);
  g_assert_null (gonio_onnx_load_file ("/nonexistent/model.onnx", NULL, &missing));
  g_assert_error (missing, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO);
}

static void
walk (const char *dir, void (*visit) (const char *path, guint *count), guint *count)
{
  g_autoptr (GDir) listing = g_dir_open (dir, 0, NULL);
  for (const char *name = listing ? g_dir_read_name (listing) : NULL; name;
       name = g_dir_read_name (listing)) {
    g_autofree char *path = g_build_filename (dir, name, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      walk (path, visit, count);
    else
      visit (path, count);
  }
}

static void
visit_hostile (const char *path, guint *count)
{
  g_autofree char *data = NULL;
  gsize size = 0;

  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  load_and_infer ((const guint8 *)data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioTensor) tensor = gonio_onnx_load_tensor_pb (path, &error);
  g_assert_true ((tensor != NULL) == (error == NULL));
  (*count)++;
}

static void
visit_model (const char *path, guint *count)
{
  g_autoptr (GError) error = NULL;

  if (!g_str_has_suffix (path, ".onnx"))
    return;
  g_autoptr (GonioGraph) graph = gonio_onnx_load_file (path, NULL, &error);
  if (!graph) {
    g_test_message ("%s", error->message);
    g_assert_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED);
    return;
  }
  *count += gonio_infer_graph (graph, NULL);
}

static void
test_corpora (void)
{
  const char *data = g_getenv ("GONIO_TEST_DATA");
  guint n_hostile = 0, n_models = 0;

  if (!data) {
    g_test_skip ("GONIO_TEST_DATA is not set");
    return;
  }
  g_autofree char *hostile = g_build_filename (data, "hostile", NULL);
  g_autofree char *models = g_build_filename (data, "onnx-models", NULL);
  walk (hostile, visit_hostile, &n_hostile);
  walk (models, visit_model, &n_models);
  g_test_message ("%u hostile files read, %u models load and infer", n_hostile, n_models);
  g_assert_cmpuint (n_hostile, >, 500);
  g_assert_cmpuint (n_models, >, 200);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-load/minimal", test_minimal);
  g_test_add_func ("/onnx-load/typed-data", test_typed_data);
  g_test_add_func ("/onnx-load/other-data", test_other_data);
  g_test_add_func ("/onnx-load/bad-tensors", test_bad_tensors);
  g_test_add_func ("/onnx-load/sparse", test_sparse);
  g_test_add_func ("/onnx-load/external", test_external);
  g_test_add_func ("/onnx-load/truncated", test_truncated);
  g_test_add_func ("/onnx-load/bit-flips", test_bit_flips);
  g_test_add_func ("/onnx-load/malformed", test_malformed);
  g_test_add_func ("/onnx-load/unsupported", test_unsupported);
  g_test_add_func ("/onnx-load/input-types", test_input_types);
  g_test_add_func ("/onnx-load/any-order", test_any_order);
  g_test_add_func ("/onnx-load/initializer-inputs", test_initializer_inputs);
  g_test_add_func ("/onnx-load/subgraph-scope", test_subgraph_scope);
  g_test_add_func ("/onnx-load/functions", test_functions);
  g_test_add_func ("/onnx-load/files", test_files);
  g_test_add_func ("/onnx-load/corpora", test_corpora);
  return g_test_run ();
}
