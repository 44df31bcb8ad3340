/* gonio-cli model ...: exit codes, outputs and keys that scripts rely on. The models are
 * written here. Usage: test-cli PATH-OF-GONIO-CLI */
#include "core/tensor/tensor.h"
#include "tests/support/onnx-writer.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/resource.h>

static const char *cli;
static char *folder;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static void
save (GByteArray *bytes, const char *name)
{
  g_autofree char *path = in_folder (name);
  g_autofree char *dir = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, (char *)bytes->data, bytes->len, NULL));
  g_byte_array_unref (bytes);
}

/* y = op (x) for x of shape [2,N]. */
static GByteArray *
small_model (const char *op)
{
  GByteArray *graph = onnx_graph ("small");
  GByteArray *node = onnx_node (op, "x", "y");
  onnx_node_name (node, "the_node");
  onnx_graph_input (graph, "x", ONNX_FLOAT, "2 N");
  onnx_graph_node (graph, node);
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 17);
}

/* Multiplies two matrices of 5000 x 5000: minutes of work from a few bytes. */
static GByteArray *
slow_model (void)
{
  static const gint64 sizes[] = {5000, 5000};
  GByteArray *graph = onnx_graph ("slow");
  onnx_graph_input (graph, "x", ONNX_FLOAT, "1");
  onnx_graph_init (graph, onnx_tensor_ints ("sizes", 2, sizes));
  onnx_graph_node (graph, onnx_node ("Expand", "x sizes", "a"));
  onnx_graph_node (graph, onnx_node ("MatMul", "a a", "b"));
  onnx_graph_node (graph, onnx_node ("MatMul", "b a", "y"));
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 17);
}

static void
limit_cpu (gpointer data)
{
  struct rlimit limit = {1, 1};
  setrlimit (RLIMIT_CPU, &limit);
}

typedef struct {
  int code;
  char *out, *err;
} Result;

static void
clear_result (Result *result)
{
  g_free (result->out);
  g_free (result->err);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Result, clear_result)

/* arguments: separated by spaces; '@' stands for the folder. */
static Result
run_limited (const char *arguments, GSpawnChildSetupFunc setup)
{
  Result result = {0};
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) line = g_string_new (arguments);
  g_string_replace (line, "@", folder, 0);
  g_auto (GStrv) words = g_strsplit (line->str, " ", -1);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_ptr_array_add (argv, (gpointer)cli);
  for (guint i = 0; words[i] != NULL && *arguments != '\0'; i++)
    g_ptr_array_add (argv, words[i]);
  g_ptr_array_add (argv, NULL);
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  if (setup != NULL)
    g_subprocess_launcher_set_child_setup (launcher, setup, NULL, NULL);
  g_autoptr (GSubprocess) process =
      g_subprocess_launcher_spawnv (launcher, (const char *const *)argv->pdata, &error);
  g_assert_no_error (error);
  g_assert_true (
      g_subprocess_communicate_utf8 (process, NULL, NULL, &result.out, &result.err, &error));
  g_assert_true (g_subprocess_get_if_exited (process));
  result.code = g_subprocess_get_exit_status (process);
  return result;
}

static Result
run (const char *arguments)
{
  return run_limited (arguments, NULL);
}

static void
expect (const char *arguments, int code, const char *out_part, const char *err_part)
{
  g_auto (Result) result = run (arguments);
  if (result.code != code || strstr (result.out, out_part) == NULL ||
      strstr (result.err, err_part) == NULL)
    g_error ("'%s' ended with %d\nstdout: %s\nstderr: %s", arguments, result.code, result.out,
             result.err);
}

static void
test_usage (void)
{
  expect ("", 2, "", "Usage:");
  expect ("model", 2, "", "Usage:");
  expect ("model dance", 2, "", "Usage:");
  expect ("model bench", 2, "", "wrong number of arguments");
  expect ("model bench a b", 2, "", "wrong number of arguments");
  expect ("model bench --frobnicate a", 2, "", "--frobnicate");
  expect ("model bench --runs 0 a", 2, "", "--runs");
  expect ("model bench --backend abacus @/relu.onnx", 2, "", "no backend 'abacus'");
  expect ("model bench --backend reference,reference @/relu.onnx", 2, "", "listed twice");
  expect ("model bench --optimize much @/relu.onnx", 2, "", "no optimisation level 'much'");
  expect ("model bench --disable-pass magic @/relu.onnx", 2, "", "no pass 'magic'");
  expect ("model compare --backends reference @/relu.onnx", 2, "", "two names");
  expect ("model run @/relu.onnx", 2, "", "--output-dir");
  expect ("--help", 0, "model bench", "");
  expect ("model run --help", 0, "--output-dir", "");
  expect ("--version", 0, GONIO_VERSION, "");
  expect ("doctor", 0, "backend reference: ", "");
}

static void
test_check (void)
{
  expect ("model check @/relu.onnx", 0, "every node can run", "");
  expect ("model check @/unknown.onnx", 1, "Frobnicate\tthe_node", "");
  expect ("model check @/text.onnx", 1, "", "text.onnx");
  expect ("model check @/missing.onnx", 1, "", "missing.onnx");
  expect ("model infer-shapes @/relu.onnx", 0, "Relu", "");
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
test_info (void)
{
  g_auto (Result) result = run ("model info --json @/relu.onnx");
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object = parse_object (result.out, parser);
  g_assert_cmpint (json_object_get_int_member (object, "nodes"), ==, 1);
  JsonObject *input =
      json_array_get_object_element (json_object_get_array_member (object, "inputs"), 0);
  g_assert_cmpstr (json_object_get_string_member (input, "shape"), ==, "[2,N]");
  expect ("model info @/relu.onnx", 0, "op           Relu 1", "");
}

static void
test_bench (void)
{
  static const char *const keys[] = {"load_ms", "first_ms",    "median_ms", "min_ms",
                                     "max_ms",  "rss_peak_mb", "gflops"};
  g_auto (Result) result =
      run ("model bench --json --runs 3 --threads 1 --backend reference --dim N=7 @/relu.onnx");
  g_assert_cmpint (result.code, ==, 0);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object = parse_object (result.out, parser);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    g_assert_cmpfloat (json_object_get_double_member (object, keys[i]), >=, 0);
  g_assert_cmpint (json_object_get_int_member (object, "runs"), ==, 3);
  JsonObject *placement = json_object_get_object_member (object, "placement");
  g_assert_cmpint (json_object_get_int_member (placement, "reference"), ==, 1);
  expect ("model profile --runs 2 --backend reference @/relu.onnx", 0, "the_node", "");
  expect ("model compare --backends reference,reference @/relu.onnx", 0,
          "no divergence in 1 values", "");
  expect ("model bench --log-level info --backend reference @/relu.onnx", 0, "median_ms",
          "plan for [2,1]");
}

static void
test_run (void)
{
  const float x[] = {-1, 2, 3, -4, 5, -6};
  GonioShape shape = GONIO_SHAPE (2, 3), wrong = GONIO_SHAPE (3, 2);
  g_autofree char *in = in_folder ("x.npy");
  g_autofree char *turned = in_folder ("turned.npy");
  g_autofree char *out = in_folder ("out/y.npy");
  g_autoptr (GonioTensor) tensor =
      gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &shape, x, sizeof x, NULL);
  g_autoptr (GonioTensor) view = gonio_tensor_new_view (tensor, &wrong, NULL);
  g_assert_true (gonio_tensor_save_npy (tensor, in, NULL));
  g_assert_true (gonio_tensor_save_npy (view, turned, NULL));
  expect ("model run @/relu.onnx --input x=@/x.npy --output-dir @/out", 0, "float [2,3]", "");
  g_autoptr (GonioTensor) y = gonio_tensor_load_npy (out, NULL);
  g_assert_nonnull (y);
  for (int64_t i = 0; i < 6; i++)
    g_assert_cmpfloat (gonio_tensor_get_double (y, i), ==, (double)MAX (x[i], 0));
  expect ("model run @/relu.onnx --input x=@/turned.npy --output-dir @/out", 1, "",
          "wants float [2,N], given is float [3,2]");
  expect ("model run @/relu.onnx --output-dir @/out", 1, "", "input 'x' is missing");
  expect ("model run @/relu.onnx --input z=@/x.npy --output-dir @/out", 1, "", "no input 'z'");
  expect ("model run @/relu.onnx --input x=@/none.npy --output-dir @/out", 1, "", "none.npy");
  expect ("model run @/relu.onnx --input x=@/x.txt --output-dir @/out", 2, "", ".npy or .pb");
  expect ("model run @/relu.onnx --input x --output-dir @/out", 2, "", "NAME=FILE");
}

/* A test folder for a model of one input and one output. */
static void
save_case (const char *name, GByteArray *model, guint n, const float *x, const float *y)
{
  g_autofree char *path = g_build_filename ("cases", name, "model.onnx", NULL);
  g_autofree char *in = g_build_filename ("cases", name, "test_data_set_0", "input_0.pb", NULL);
  g_autofree char *out = g_build_filename ("cases", name, "test_data_set_0", "output_0.pb", NULL);
  gsize size = n * sizeof (float);
  gboolean matrix = n > 1;
  save (model, path);
  save (matrix ? onnx_tensor ("x", ONNX_FLOAT, x, size, 2, n / 2, -1)
               : onnx_tensor ("x", ONNX_FLOAT, x, size, 1, -1),
        in);
  save (matrix ? onnx_tensor ("y", ONNX_FLOAT, y, size, 2, n / 2, -1)
               : onnx_tensor ("y", ONNX_FLOAT, y, size, 1, -1),
        out);
}

/* Identity of an optional tensor. */
static GByteArray *
optional_model (void)
{
  GByteArray *tensor = g_byte_array_new (), *element = g_byte_array_new ();
  GByteArray *optional = g_byte_array_new (), *type = g_byte_array_new ();
  GByteArray *value = g_byte_array_new (), *graph = onnx_graph ("g");
  pb_int (tensor, 1, ONNX_FLOAT);
  pb_message (element, 1, tensor);   /* TypeProto.tensor_type */
  pb_message (optional, 1, element); /* Optional.elem_type */
  pb_message (type, 9, optional);    /* TypeProto.optional_type */
  pb_text (value, 1, "x");
  pb_message (value, 2, type);
  pb_message (graph, 11, value); /* GraphProto.input */
  onnx_graph_node (graph, onnx_node ("Identity", "x", "y"));
  onnx_graph_output (graph, "y");
  return onnx_model (graph, 16);
}

static void
test_test (void)
{
  const float x[] = {-1, 2, 3, -4}, y[] = {0, 2, 3, 0}, wrong[] = {0, 2, 3.1f, 0};
  save_case ("a_good", small_model ("Relu"), 4, x, y);
  save_case ("b_bad", small_model ("Relu"), 4, x, wrong);
  save_case ("c_unknown", small_model ("Frobnicate"), 4, x, y);
  g_auto (Result) plain = run ("model test --backend reference @/cases");
  g_assert_cmpint (plain.code, ==, 1);
  g_assert_true (g_str_has_prefix (plain.out, "PASS a_good\nFAIL b_bad test_data_set_0: output "
                                              "'y' 1 of 4 values differ, the first at 2: 3, "));
  g_assert_nonnull (strstr (plain.out, "\nFAIL c_unknown "));
  g_assert_true (g_str_has_suffix (plain.out, "\n1 passed, 2 failed, 0 skipped\n"));
  expect ("model test --backend reference --rtol 0.1 @/cases/b_bad", 0, "1 passed, 0 failed", "");
  expect ("model test --backend reference @/out", 1, "", "no ONNX backend test here");

  /* One that hangs and one that is killed are failures and not the end. */
  save_case ("a_slow", slow_model (), 1, x, y);
  g_auto (Result) hung = run ("model test --backend reference --timeout 2 @/cases");
  g_assert_true (
      g_str_has_prefix (hung.out, "PASS a_good\nFAIL a_slow no result after 2 s\nFAIL b_bad"));
  g_assert_true (g_str_has_suffix (hung.out, "\n1 passed, 3 failed, 0 skipped\n"));
  g_auto (Result) killed = run_limited ("model test --backend reference @/cases", limit_cpu);
  g_assert_true (g_str_has_prefix (killed.out, "PASS a_good\nFAIL a_slow crashed: "));
  g_assert_true (g_str_has_suffix (killed.out, "\n1 passed, 3 failed, 0 skipped\n"));
}

/* OptionalProto with a tensor of n values inside; n 0: empty. */
static void
save_optional (const char *path, guint n, const float *values)
{
  GByteArray *proto = g_byte_array_new ();
  pb_int (proto, 2, n > 0 ? 1 : 0); /* elem_type: tensor or nothing */
  if (n > 0)
    pb_message (proto, 3, onnx_tensor_floats ("", n, values));
  save (proto, path);
}

static void
test_lists (void)
{
  const float x[] = {1, 2}, wrong[] = {1, 3};
  GByteArray *graph = onnx_graph ("g");
  g_autofree char *item = in_folder ("lists/y.1.npy");

  save (optional_model (), "optional/model.onnx");
  save_optional ("optional/test_data_set_0/input_0.pb", 2, x);
  save_optional ("optional/test_data_set_0/output_0.pb", 2, x);
  expect ("model test --backend reference @/optional", 0, "1 passed", "");
  save_optional ("optional/test_data_set_0/output_0.pb", 2, wrong);
  expect ("model test --backend reference @/optional", 1, "output 'y' item 0: 1 of 2 values differ",
          "");
  save_optional ("optional/test_data_set_0/output_0.pb", 0, NULL);
  expect ("model test --backend reference @/optional", 1,
          "output 'y' is optional float [2], not empty optional none", "");
  expect ("model run @/optional/model.onnx --input x=@/optional/test_data_set_0/input_0.pb "
          "--output-dir @/lists",
          0, "y\toptional float [2]\ny.0\tfloat [2]\t", "");
  /* What is of another kind is refused, not misread. */
  expect ("model run @/optional/model.onnx --input x=@/x.npy --output-dir @/lists", 1, "",
          "input 'x': the model wants optional of float, given is float [2,3]");
  expect ("model compare --backends reference,reference @/optional/model.onnx", 0, "no divergence",
          "");

  onnx_graph_input (graph, "x", ONNX_FLOAT, "2 3");
  onnx_graph_node (graph, onnx_node ("SplitToSequence", "x", "y"));
  onnx_graph_output (graph, "y");
  save (onnx_model (graph, 11), "split.onnx");
  expect ("model run @/split.onnx --input x=@/x.npy --output-dir @/lists", 0,
          "y\tsequence of 2 float\n", "");
  g_autoptr (GonioTensor) row = gonio_tensor_load_npy (item, NULL);
  g_assert_nonnull (row);
  g_assert_cmpfloat (gonio_tensor_get_double (row, 0), ==, -4);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    remove_all (child);
  }
  g_remove (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  cli = argv[1];
  folder = g_dir_make_tmp ("gonio-cli-XXXXXX", NULL);
  save (small_model ("Relu"), "relu.onnx");
  save (small_model ("Frobnicate"), "unknown.onnx");
  GByteArray *text = g_byte_array_new ();
  g_byte_array_append (text, (const guint8 *)"not a model", 11);
  save (text, "text.onnx");
  g_test_add_func ("/cli/usage", test_usage);
  g_test_add_func ("/cli/check", test_check);
  g_test_add_func ("/cli/info", test_info);
  g_test_add_func ("/cli/bench", test_bench);
  g_test_add_func ("/cli/run", test_run);
  g_test_add_func ("/cli/test", test_test);
  g_test_add_func ("/cli/lists", test_lists);
  int result = g_test_run ();
  remove_all (folder);
  g_free (folder);
  return result;
}
