/* gonio-cli's tools of trust: stats, compare, check-values. The models are written here.
 * Usage: test-cli-tools PATH-OF-GONIO-CLI */
#include "core/tensor/tensor.h"
#include "tests/support/cli-run.h"
#include "tests/support/model-parts.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* y = exp (log (x)) + w for x of shape [2,N]: NaN for negative x. */
static GByteArray *
chain_model (void)
{
  static const float w[] = {0.5f};
  GByteArray *graph = onnx_graph ("chain");
  GByteArray *log = onnx_node ("Log", "x", "l"), *exp = onnx_node ("Exp", "l", "e");
  GByteArray *add = onnx_node ("Add", "e w", "y");
  onnx_node_name (log, "the_log");
  onnx_node_name (exp, "the_exp");
  onnx_node_name (add, "the_add");
  onnx_graph_input (graph, "x", ONNX_FLOAT, "2 N");
  onnx_graph_init (graph, onnx_tensor_floats ("w", 1, w));
  onnx_graph_node (graph, log);
  onnx_graph_node (graph, exp);
  onnx_graph_node (graph, add);
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 17);
}

static void
save_npy (const char *name, guint n, const float *values)
{
  GonioShape shape = GONIO_SHAPE (2, n / 2);
  g_autofree char *path = cli_path (name);
  g_autofree char *dir = g_path_get_dirname (path);
  g_autoptr (GonioTensor) tensor =
      gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &shape, values, n * sizeof *values, NULL);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_true (gonio_tensor_save_npy (tensor, path, NULL));
}

static JsonObject *
parse_object (const char *text, JsonParser *parser)
{
  g_autoptr (GError) error = NULL;
  json_parser_load_from_data (parser, text, -1, &error);
  g_assert_no_error (error);
  return json_node_get_object (json_parser_get_root (parser));
}

static void
test_stats (void)
{
  const float x[] = {1, 2, 4, -1};
  save_npy ("x.npy", 4, x);
  g_auto (CliResult) result = cli_run ("model stats --json --input x=@/x.npy @/chain.onnx", NULL);
  g_assert_cmpint (result.code, ==, 0);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *rows = json_object_get_array_member (parse_object (result.out, parser), "values");
  g_assert_cmpint (json_array_get_length (rows), ==, 3);
  JsonObject *log = json_array_get_object_element (rows, 0);
  JsonObject *exp = json_array_get_object_element (rows, 1);
  g_assert_cmpstr (json_object_get_string_member (log, "name"), ==, "l");
  g_assert_cmpstr (json_object_get_string_member (log, "node"), ==, "the_log");
  g_assert_cmpstr (json_object_get_string_member (log, "shape"), ==, "[2,2]");
  g_assert_cmpint (json_object_get_int_member (log, "nan"), ==, 1);
  g_assert_cmpint (json_object_get_int_member (log, "inf"), ==, 0);
  g_assert_cmpfloat (json_object_get_double_member (log, "min"), ==, 0);
  /* 1, 2 and 4: the NaN is left out. */
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (exp, "mean"), 7.0 / 3, 1e-5);
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (exp, "std"), 1.2472191, 1e-5);
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (exp, "max"), 4, 1e-5);

  cli_expect ("model stats --dim N=5 @/chain.onnx", 0, "[2,5]", "");
  cli_expect ("model stats --input z=@/x.npy @/chain.onnx", 2, "", "NAME one of 'x'");
  g_auto (CliResult) one = cli_run ("model stats --seed 1 --dim N=9 @/chain.onnx", NULL);
  g_auto (CliResult) again = cli_run ("model stats --seed 1 --dim N=9 @/chain.onnx", NULL);
  g_auto (CliResult) two = cli_run ("model stats --seed 2 --dim N=9 @/chain.onnx", NULL);
  g_assert_cmpstr (one.out, ==, again.out);
  g_assert_cmpstr (one.out, !=, two.out);
}

/* s = [x, -x] */
static GByteArray *
sequence_model (void)
{
  GByteArray *graph = onnx_graph ("sequence");
  onnx_graph_input (graph, "x", ONNX_FLOAT, "2 2");
  onnx_graph_node (graph, onnx_node ("Neg", "x", "n"));
  onnx_graph_node (graph, onnx_node ("SequenceConstruct", "x n", "s"));
  onnx_graph_output (graph, "s");
  return onnx_model (graph, 17);
}

/* Items of lists are values like others. */
static void
test_lists (void)
{
  const float x[] = {1, 2, 3, 4}, minus[] = {-1, -2, -3, -4};
  cli_save (sequence_model (), "sequence.onnx");
  save_npy ("items/x.npy", 4, x);
  save_npy ("items/s.0.npy", 4, x);
  save_npy ("items/s.1.npy", 4, minus);
  cli_expect ("model stats --input x=@/items/x.npy @/sequence.onnx", 0, " s.1\n", "");
  cli_expect ("model compare --backends reference,reference @/sequence.onnx", 0,
              "no divergence in 3 values", "");
  cli_expect ("model compare --with @/items @/sequence.onnx", 0, "no divergence in 2 values", "");
  save_npy ("items/s.1.npy", 4, x);
  cli_expect ("model compare --with @/items @/sequence.onnx", 1, "first divergence: 's.1'", "");
}

static void
test_compare (void)
{
  const float x[] = {1, 2, 4, 8}, l[] = {0, 0.6931472f, 1.3862944f, 2.0794415f};
  const float y[] = {1.5f, 2.5f, 4.5f, 8.5f}, off[] = {1, 2, 4, 8.01f};
  save_npy ("theirs/x.npy", 4, x);
  save_npy ("theirs/l.npy", 4, l);
  save_npy ("theirs/y.npy", 4, y);
  cli_expect ("model compare --with @/theirs @/chain.onnx", 0, "no divergence in 2 values", "");
  cli_expect ("model compare --with @/theirs @/chain.onnx", 0, "1 values of the model have no", "");
  save_npy ("theirs/e.npy", 4, off);
  cli_expect ("model compare --with @/theirs @/chain.onnx", 1,
              "first divergence: 'e' of Exp 'the_exp': 1 of 4 differ", "");
  /* 0.01 <= atol + rtol * |8.01|, number by number */
  cli_expect ("model compare --rtol 0.0013 --atol 0 --with @/theirs @/chain.onnx", 0,
              "no divergence in 3 values", "");
  cli_expect ("model compare --rtol 0 --atol 0.011 --with @/theirs @/chain.onnx", 0,
              "no divergence", "");
  cli_expect ("model compare --rtol-of-largest 0.01 --with @/theirs @/chain.onnx", 0,
              "no divergence", "");
  cli_expect ("model compare --with @/none @/chain.onnx", 2, "", "input 'x' is not given");
  cli_expect ("model compare @/chain.onnx", 2, "", "--backends A,B or --with DIR");
  cli_expect ("model compare --backends reference,reference --seed 3 @/chain.onnx", 0,
              "no divergence in ", "");
}

static void
test_check_values (void)
{
  const float good[] = {1, 2, 3, 4}, bad[] = {1, 2, -3, 4};
  save_npy ("good.npy", 4, good);
  save_npy ("bad.npy", 4, bad);
  cli_expect ("model run --check-values --input x=@/good.npy --output-dir @/out @/chain.onnx", 0,
              "float [2,2]", "");
  cli_expect ("model run --input x=@/bad.npy --output-dir @/out @/chain.onnx", 0, "", "");
  cli_expect ("model run --check-values --input x=@/bad.npy --output-dir @/out @/chain.onnx", 1, "",
              "node 'the_log' (Log) is the first to make NaN or infinities: its output 'l' float "
              "[2,2] holds 1 NaN and 0 infinities among 4 numbers, the first at 2; it read 'x' "
              "float [2,2] from -3 to 4");
}

/* 2.5 less 1 in each of four rounds: its logarithm is no number in the third, which nothing outside
 * of the loop gets to see. */
static void
test_check_values_in_loop (void)
{
  const float start[] = {2.5f, 2.5f, 4.5f, 5.5f};
  GByteArray *g = onnx_graph ("g"), *body = parts_body ("i go s");

  onnx_graph_input (g, "x", ONNX_FLOAT, "2 2");
  parts_int (g, "trips", 4);
  parts_bool (g, "yes", TRUE);
  parts_float (body, "one", 1);
  parts_node (body, "Identity", "go", "on", NULL);
  parts_node (body, "Sub", "s one", "less", NULL);
  parts_node (body, "Log", "less", "l", NULL);
  parts_node (body, "IsNaN", "l", "hidden", NULL);
  parts_outputs (body, "on less hidden");
  parts_node (g, "Loop", "trips yes x", "last flags", onnx_attr_graph ("body", body), NULL);
  parts_outputs (g, "last flags");
  cli_save (onnx_model (g, 17), "loop.onnx");
  save_npy ("start.npy", 4, start);
  cli_expect ("model run --input x=@/start.npy --output-dir @/out @/loop.onnx", 0, "bool [4,2,2]",
              "");
  cli_expect (
      "model run --check-values --input x=@/start.npy --output-dir @/out @/loop.onnx", 1, "",
      "node 'l' (Log) within 'last flags' (Loop) is the first to make NaN or infinities, in "
      "its run 3: its output 'l' float [2,2] holds 2 NaN and 0 infinities among 4 numbers, the "
      "first at 0; it read 'less' float [2,2] from -0.5 to 2.5");
}

/* Three nodes, four runs: twelve complete events, none before the one before. */
static void
check_trace (const char *text)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *trace = parse_object (text, parser);
  JsonArray *events = json_object_get_array_member (trace, "traceEvents");
  double end = 0;
  g_assert_cmpint (json_array_get_length (events), ==, 12);
  for (guint i = 0; i < 12; i++) {
    static const char *const names[] = {"the_log", "the_exp", "the_add"};
    JsonObject *event = json_array_get_object_element (events, i);
    JsonObject *args = json_object_get_object_member (event, "args");
    g_assert_cmpstr (json_object_get_string_member (event, "name"), ==, names[i % 3]);
    g_assert_cmpstr (json_object_get_string_member (event, "ph"), ==, "X");
    g_assert_cmpfloat (json_object_get_double_member (event, "ts"), >=, end);
    end =
        json_object_get_double_member (event, "ts") + json_object_get_double_member (event, "dur");
    g_assert_cmpstr (json_object_get_string_member (args, "backend"), ==, "reference");
    /* [2,5] floats, and w */
    g_assert_cmpint (json_object_get_int_member (args, "read_bytes"), ==, i % 3 == 2 ? 44 : 40);
    g_assert_cmpint (json_object_get_int_member (args, "written_bytes"), ==, 40);
  }
  JsonArray *sums = json_object_get_array_member (trace, "operators");
  g_assert_cmpint (json_array_get_length (sums), ==, 3);
}

static void
test_profile (void)
{
  static const char options[] = "-O disabled --backend reference --runs 4 --dim N=5";
  g_autofree char *line = g_strconcat ("model profile --json ", options, " @/chain.onnx", NULL);
  g_autofree char *traced =
      g_strconcat ("model profile --trace @/t.json ", options, " @/chain.onnx", NULL);
  g_autofree char *path = cli_path ("t.json");
  g_autofree char *text = NULL;
  g_auto (CliResult) result = cli_run (line, NULL);
  g_assert_cmpint (result.code, ==, 0);
  check_trace (result.out);
  cli_expect (traced, 0, "mean of 4 runs", "");
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  check_trace (text);
  cli_expect ("model profile --trace @/none/t.json @/chain.onnx", 1, "", "none/t.json");
}

/* ValueInfoProto of a float tensor [2,N]. */
static GByteArray *
info_entry (const char *name)
{
  GByteArray *two = g_byte_array_new (), *n = g_byte_array_new (), *shape = g_byte_array_new ();
  GByteArray *tensor = g_byte_array_new (), *type = g_byte_array_new ();
  GByteArray *info = g_byte_array_new ();
  pb_int (two, 1, 2);
  pb_text (n, 2, "N");
  pb_message (shape, 1, two);
  pb_message (shape, 1, n);
  pb_int (tensor, 1, ONNX_FLOAT);
  pb_message (tensor, 2, shape);
  pb_message (type, 1, tensor);
  pb_text (info, 1, name);
  pb_message (info, 2, type);
  return info;
}

static gboolean
file_holds (const char *name, guint field, GByteArray *entry)
{
  g_autofree char *path = cli_path (name);
  g_autoptr (GByteArray) wanted = g_byte_array_new ();
  g_autofree char *text = NULL;
  gsize size;
  pb_message (wanted, field, entry);
  g_assert_true (g_file_get_contents (path, &text, &size, NULL));
  return memmem (text, size, wanted->data, wanted->len) != NULL;
}

static gboolean
same_npy (const char *a, const char *b)
{
  g_autofree char *path_a = cli_path (a), *path_b = cli_path (b);
  g_autofree char *text_a = NULL, *text_b = NULL;
  gsize size_a, size_b;
  g_assert_true (g_file_get_contents (path_a, &text_a, &size_a, NULL));
  g_assert_true (g_file_get_contents (path_b, &text_b, &size_b, NULL));
  return size_a == size_b && memcmp (text_a, text_b, size_a) == 0;
}

static guint
count_files (const char *name)
{
  g_autofree char *path = cli_path (name);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;
  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
test_infer_shapes (void)
{
  const float x[] = {1, 2, 3, 4};
  g_auto (CliResult) before = cli_run ("model infer-shapes @/chain.onnx", NULL);
  save_npy ("x.npy", 4, x);
  cli_save (g_byte_array_new (), "shaped/keep");
  cli_expect ("model infer-shapes -o @/shaped/m.onnx @/chain.onnx", 0, "shapes of 3 values", "");
  g_assert_false (file_holds ("chain.onnx", 13, info_entry ("l")));
  g_assert_true (file_holds ("shaped/m.onnx", 13, info_entry ("l")));
  g_assert_true (file_holds ("shaped/m.onnx", 13, info_entry ("e")));
  g_assert_true (file_holds ("shaped/m.onnx", 12, info_entry ("y")));
  g_assert_false (file_holds ("shaped/m.onnx", 13, info_entry ("y")));
  cli_expect ("model info @/shaped/m.onnx", 0, "output       y: float [2,N]", "");
  g_auto (CliResult) after = cli_run ("model infer-shapes @/shaped/m.onnx", NULL);
  g_assert_cmpstr (before.out, ==, after.out);
  cli_expect ("model run --input x=@/x.npy --output-dir @/a @/chain.onnx", 0, "", "");
  cli_expect ("model run --input x=@/x.npy --output-dir @/b @/shaped/m.onnx", 0, "", "");
  g_assert_true (same_npy ("a/y.npy", "b/y.npy"));

  /* A second time, over itself: nothing is doubled, nothing is left over. */
  cli_expect ("model infer-shapes -o @/shaped/again.onnx @/shaped/m.onnx", 0, "of 3 values", "");
  g_assert_true (same_npy ("shaped/m.onnx", "shaped/again.onnx"));
  cli_expect ("model infer-shapes -o @/shaped/m.onnx @/shaped/m.onnx", 0, "of 3 values", "");
  g_assert_true (same_npy ("shaped/m.onnx", "shaped/again.onnx"));
  cli_expect ("model infer-shapes -o @/none/m.onnx @/chain.onnx", 1, "", "none/m.onnx");
  g_assert_cmpuint (count_files ("shaped"), ==, 3);
}

/* y = x + w, with w in another file. */
static GByteArray *
external_model (void)
{
  GByteArray *tensor = onnx_tensor ("w", ONNX_FLOAT, NULL, 0, 2, -1);
  GByteArray *entry = g_byte_array_new (), *graph = onnx_graph ("g");
  pb_text (entry, 1, "location");
  pb_text (entry, 2, "w.bin");
  pb_message (tensor, 13, entry);
  pb_int (tensor, 14, 1);
  onnx_graph_input (graph, "x", ONNX_FLOAT, "2");
  onnx_graph_init (graph, tensor);
  onnx_graph_node (graph, onnx_node ("Add", "x w", "y"));
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 17);
}

static void
test_infer_shapes_external (void)
{
  const float w[] = {1, 2};
  GByteArray *bytes = g_byte_array_new ();
  g_byte_array_append (bytes, (const guint8 *)w, sizeof w);
  cli_save (external_model (), "external/m.onnx");
  cli_save (bytes, "external/w.bin");
  cli_save (g_byte_array_new (), "elsewhere/keep");
  cli_expect ("model infer-shapes -o @/external/n.onnx @/external/m.onnx", 0, "of 1 values", "");
  cli_expect ("model infer-shapes -o @/elsewhere/n.onnx @/external/m.onnx", 1, "",
              "must be written beside them");
  g_assert_cmpuint (count_files ("elsewhere"), ==, 1);
}

/* y = conv (a = relu (x)) of [1,2,4,4] with 3 kernels of 2 x 3 x 3 and no border. */
static GByteArray *
conv_model (void)
{
  float w[54] = {0};
  GByteArray *graph = onnx_graph ("conv");
  w[7] = 1.5f;
  onnx_graph_input (graph, "x", ONNX_FLOAT, "B 2 4 4");
  onnx_graph_init (graph, onnx_tensor ("w/1", ONNX_FLOAT, w, sizeof w, 3, 2, 3, 3, -1));
  onnx_graph_node (graph, onnx_node ("Relu", "x", "a"));
  onnx_graph_node (graph, onnx_node ("Conv", "a w/1", "y"));
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 17);
}

static void
test_info (void)
{
  cli_save (conv_model (), "conv.onnx");
  g_auto (CliResult) result = cli_run ("model info --json --initializers @/conv.onnx", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *info = parse_object (result.out, parser);
  g_assert_cmpint (json_object_get_int_member (info, "parameters"), ==, 54);
  g_assert_cmpint (json_object_get_int_member (info, "parameter_bytes"), ==, 216);
  /* 3 x 2 x 2 outputs of 18 multiply-adds */
  g_assert_cmpfloat (json_object_get_double_member (info, "flops"), ==, 12 * 18 * 2);
  g_assert_cmpint (json_object_get_int_member (info, "activation_bytes"), ==, 32 * 4 + 12 * 4);
  g_assert_cmpint (json_object_get_int_member (info, "activation_peak_bytes"), ==, 2 * 32 * 4);
  JsonArray *list = json_object_get_array_member (info, "initializers");
  g_assert_cmpint (json_array_get_length (list), ==, 1);
  JsonObject *w = json_array_get_object_element (list, 0);
  g_assert_cmpstr (json_object_get_string_member (w, "name"), ==, "w/1");
  g_assert_cmpstr (json_object_get_string_member (w, "shape"), ==, "[3,2,3,3]");

  cli_expect ("model info --dim B=10 @/conv.onnx", 0, "flops        4320 ", "");
  cli_expect ("model info --dim B @/conv.onnx", 2, "", "NAME=SIZE");
  cli_expect ("model info --export @/weights @/conv.onnx", 0, "initializer  w/1: float ", "");
  g_autofree char *path = cli_path ("weights/w_1.npy");
  g_autoptr (GonioTensor) tensor = gonio_tensor_load_npy (path, NULL);
  g_assert_nonnull (tensor);
  g_assert_cmpint (gonio_tensor_count (tensor), ==, 54);
  g_assert_cmpfloat (gonio_tensor_get_double (tensor, 7), ==, 1.5);
}

/* Three nodes that cannot run, one of them inside a branch: all are named at once. */
static GByteArray *
unsupported_model (void)
{
  GByteArray *graph = onnx_graph ("g"), *branch = onnx_graph ("b"), *other = onnx_graph ("o");
  GByteArray *choice = onnx_node ("If", "c", "y");
  onnx_graph_node (branch, onnx_node ("Frob", "a", "q"));
  onnx_graph_output (branch, "q");
  onnx_graph_node (other, onnx_node ("Relu", "a", "r"));
  onnx_graph_output (other, "r");
  onnx_graph_input (graph, "x", ONNX_FLOAT, "2");
  onnx_graph_input (graph, "c", ONNX_BOOL, "");
  onnx_graph_node (graph, onnx_node ("Foo", "x", "z"));
  onnx_graph_node (graph, onnx_node ("Bar", "z", "a"));
  onnx_node_attr (choice, onnx_attr_graph ("then_branch", branch));
  onnx_node_attr (choice, onnx_attr_graph ("else_branch", other));
  onnx_graph_node (graph, choice);
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 17);
}

static void
test_check (void)
{
  cli_save (unsupported_model (), "unsupported.onnx");
  g_auto (CliResult) result = cli_run ("model check @/unsupported.onnx", NULL);
  g_assert_cmpint (result.code, ==, 1);
  g_assert_cmpstr (result.out, ==,
                   "Foo\tFoo_0\tthe operator is not implemented.\n"
                   "Bar\tBar_1\tthe operator is not implemented.\n"
                   "Frob\tFrob_3\tthe operator is not implemented.\n");
}

/* The table that people read is the one that the code makes. */
static void
test_ops (void)
{
  g_auto (CliResult) table = cli_run ("ops --markdown", NULL);
  g_assert_cmpint (table.code, ==, 0);
  g_assert_nonnull (strstr (table.out, "| Relu | 1+ | "));
  cli_expect ("ops", 0, "com.microsoft.Gelu\t1+\t", "");
  cli_expect ("ops --update @/chain.onnx", 1, "", "no place for the table");
  if (strstr (table.out, "| cpu |") == NULL) {
    g_test_skip ("built without the cpu backend, whose column the table has");
    return;
  }
  g_autofree char *readme = NULL;
  g_assert_true (g_file_get_contents (GONIO_SOURCE_DIR "/backends/README.md", &readme, NULL, NULL));
  if (strstr (readme, table.out) == NULL)
    g_error ("backends/README.md is stale: run build/.../bin/gonio-cli ops --update "
             "backends/README.md and commit it");
  GByteArray *bytes = g_byte_array_new ();
  g_byte_array_append (bytes, (guint8 *)readme, (guint)strlen (readme));
  cli_save (bytes, "README.md");
  cli_expect ("ops --update @/README.md", 0, "", "");
  g_autofree char *path = cli_path ("README.md");
  g_autofree char *again = NULL;
  g_assert_true (g_file_get_contents (path, &again, NULL, NULL));
  g_assert_cmpstr (readme, ==, again);
}

/* State of a check of doctor --json; NULL when there is none of that name. */
static const char *
check_state (JsonObject *report, const char *name)
{
  JsonArray *checks = json_object_get_array_member (report, "checks");
  for (guint i = 0; i < json_array_get_length (checks); i++) {
    JsonObject *check = json_array_get_object_element (checks, i);
    if (g_str_has_prefix (json_object_get_string_member (check, "name"), name))
      return json_object_get_string_member (check, "state");
  }
  return NULL;
}

static void
test_doctor (void)
{
  g_auto (CliResult) result = cli_run ("doctor --json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *report = parse_object (result.out, parser);
  g_assert_cmpint (result.code, ==, 0);
  g_assert_true (json_object_get_boolean_member (report, "ok"));
  g_assert_cmpstr (check_state (report, "backend reference"), ==, "ok");
  g_assert_cmpstr (check_state (report, "model view"), ==, "ok");
  g_assert_nonnull (check_state (report, "display"));
  g_assert_nonnull (check_state (report, "library GLib"));
  cli_expect ("doctor", 0, "self-test passed", "");

  /* A model of our name whose network is another file. */
  g_autofree char *manifest = NULL;
  g_autofree char *data = cli_path ("data");
  gsize size;
  g_assert_true (g_file_get_contents (GONIO_SOURCE_DIR "/resources/models/view/manifest.json",
                                      &manifest, &size, NULL));
  GByteArray *bytes = g_byte_array_new ();
  g_byte_array_append (bytes, (guint8 *)manifest, (guint)size);
  cli_save (bytes, "data/models/view/manifest.json");
  cli_save (chain_model (), "data/models/view/model.onnx");
  g_setenv ("GONIO_DATA_DIR", data, TRUE);
  cli_expect ("doctor", 1, "its manifest says", "");
  cli_expect ("doctor", 1, "-> Install the model again", "");
  g_setenv ("GONIO_DATA_DIR", "/none", TRUE);
  cli_expect ("doctor", 1, "GONIO_DATA_DIR is /none", "");
  g_unsetenv ("GONIO_DATA_DIR");
}

/* A loop without end. */
static GByteArray *
endless_model (void)
{
  GByteArray *graph = onnx_graph ("endless"), *body = parts_body ("i go s");
  parts_bool (graph, "yes", TRUE);
  parts_float (graph, "x", 1);
  parts_node (body, "Identity", "go", "go2", NULL);
  parts_node (body, "Neg", "s", "minus", NULL);
  parts_outputs (body, "go2 minus");
  parts_node (graph, "Loop", "- yes x", "turning", onnx_attr_graph ("body", body), NULL);
  parts_outputs (graph, "turning");
  return onnx_model (graph, 17);
}

static void
test_limits (void)
{
  const char *const commands[] = {"run -o @/out", "bench", "profile", "stats",
                                  "compare --backends reference,reference"};
  cli_save (endless_model (), "endless.onnx");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++) {
    g_autofree char *late = g_strdup_printf (
        "model %s --timeout 1 --max-rounds 9000000000000000000 @/endless.onnx", commands[i]);
    cli_expect (late, 1, "", "stopped after 1 s (--timeout): turning (Loop): round ");
  }
  cli_expect ("model run -o @/out --timeout 100 --max-rounds 500 @/endless.onnx", 1, "",
              "turning (Loop): round 500: the loops of this run have made 500 rounds together");
  cli_expect ("model run -o @/out --timeout -1 @/endless.onnx", 2, "",
              "--timeout must lie in 0 to");
  cli_expect ("model bench --max-memory 1 @/chain.onnx --dim N=200000", 1, "",
              "its limit is 1 MiB (raise max-memory)");
  cli_expect ("model run --help", 0, "--timeout=SECONDS", "");
  cli_expect ("model test --help", 0, "seconds one test may take", "");
}

/* Types without a .npy form: what a run writes for them it also reads. */
static void
test_narrow_types (void)
{
  static const struct {
    GonioDType dtype;
    float values[2];
  } rows[] = {{GONIO_DTYPE_BFLOAT16, {-1.5f, 256}},
              {GONIO_DTYPE_FLOAT8E4M3FN, {-1.5f, 448}},
              {GONIO_DTYPE_FLOAT8E5M2, {-1.5f, 57344}},
              {GONIO_DTYPE_FLOAT4E2M1, {-1.5f, 6}},
              {GONIO_DTYPE_FLOAT8E8M0, {0.25f, 4}},
              {GONIO_DTYPE_INT4, {-8, 7}},
              {GONIO_DTYPE_UINT4, {0, 15}},
              {GONIO_DTYPE_INT2, {-2, 1}},
              {GONIO_DTYPE_UINT2, {0, 3}}};
  GonioShape shape = GONIO_SHAPE (2);
  g_autofree char *in = cli_path ("narrow.npy");
  g_autofree char *out = cli_path ("narrow/y.npy");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    gboolean whole = gonio_dtype_is_integer (rows[i].dtype);
    const gint8 bytes[2] = {(gint8)rows[i].values[0], (gint8)rows[i].values[1]}, many[2] = {0, 16};
    GonioDType wide = !whole                                  ? GONIO_DTYPE_FLOAT
                      : gonio_dtype_is_signed (rows[i].dtype) ? GONIO_DTYPE_INT8
                                                              : GONIO_DTYPE_UINT8;
    GByteArray *graph = onnx_graph ("narrow");
    onnx_graph_input (graph, "x", (int)rows[i].dtype, "2");
    onnx_graph_node (graph, onnx_node ("Identity", "x", "y"));
    onnx_graph_output (graph, "y");
    cli_save (onnx_model (graph, 25), "narrow.onnx");
    g_autoptr (GonioTensor) given = gonio_tensor_new_copy (
        wide, &shape, whole ? (const void *)bytes : rows[i].values, whole ? 2 : 8, NULL);
    g_assert_true (gonio_tensor_save_npy (given, in, NULL));
    cli_expect ("model run -i x=@/narrow.npy -o @/narrow @/narrow.onnx", 0, "", "");
    g_autoptr (GonioTensor) got = gonio_tensor_load_npy (out, NULL);
    g_assert_nonnull (got);
    g_assert_cmpint (gonio_tensor_dtype (got), ==, wide);
    for (guint k = 0; k < 2; k++)
      g_assert_cmpfloat (gonio_tensor_get_double (got, k), ==, rows[i].values[k]);
    if (!whole)
      continue;
    g_autoptr (GonioTensor) large = gonio_tensor_new_copy (wide, &shape, many, 2, NULL);
    g_assert_true (gonio_tensor_save_npy (large, in, NULL));
    cli_expect ("model run -i x=@/narrow.npy -o @/narrow @/narrow.onnx", 1, "",
                "element 1 is 16, which");
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  cli_start (argv[1]);
  cli_save (chain_model (), "chain.onnx");
  g_test_add_func ("/cli-tools/stats", test_stats);
  g_test_add_func ("/cli-tools/compare", test_compare);
  g_test_add_func ("/cli-tools/check-values", test_check_values);
  g_test_add_func ("/cli-tools/check-values-in-loop", test_check_values_in_loop);
  g_test_add_func ("/cli-tools/profile", test_profile);
  g_test_add_func ("/cli-tools/infer-shapes", test_infer_shapes);
  g_test_add_func ("/cli-tools/infer-shapes-external", test_infer_shapes_external);
  g_test_add_func ("/cli-tools/doctor", test_doctor);
  g_test_add_func ("/cli-tools/info", test_info);
  g_test_add_func ("/cli-tools/ops", test_ops);
  g_test_add_func ("/cli-tools/lists", test_lists);
  g_test_add_func ("/cli-tools/narrow-types", test_narrow_types);
  g_test_add_func ("/cli-tools/check", test_check);
  g_test_add_func ("/cli-tools/limits", test_limits);
  int result = g_test_run ();
  cli_end ();
  return result;
}
