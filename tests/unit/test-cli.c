/* gonio-cli model ...: exit codes, outputs and keys that scripts rely on. The models are
 * written here. Usage: test-cli PATH-OF-GONIO-CLI */
#include "core/tensor/tensor.h"
#include "tests/support/cli-run.h"
#include "tests/support/onnx-writer.h"

#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/resource.h>

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

static void
test_usage (void)
{
  cli_expect ("", 2, "", "Usage:");
  cli_expect ("model", 2, "", "Usage:");
  cli_expect ("model dance", 2, "", "Usage:");
  cli_expect ("model bench", 2, "", "wrong number of arguments");
  cli_expect ("model bench a b", 2, "", "wrong number of arguments");
  cli_expect ("model bench --frobnicate a", 2, "", "--frobnicate");
  cli_expect ("model bench --runs 0 a", 2, "", "--runs");
  cli_expect ("model bench --backend abacus @/relu.onnx", 2, "", "no backend 'abacus'");
  cli_expect ("model bench --backend reference,reference @/relu.onnx", 2, "", "listed twice");
  cli_expect ("model bench --precision fp8 @/relu.onnx", 2, "", "no precision 'fp8'");
  cli_expect ("measure --precision half @/relu.onnx", 2, "", "no precision 'half'");
  cli_expect ("model bench --optimize much @/relu.onnx", 2, "", "no optimisation level 'much'");
  cli_expect ("model bench --disable-pass magic @/relu.onnx", 2, "", "no pass 'magic'");
  cli_expect ("model compare --backends reference @/relu.onnx", 2, "", "two names");
  cli_expect ("model run @/relu.onnx", 2, "", "--output-dir");
  cli_expect ("--help", 0, "model bench", "");
  cli_expect ("model run --help", 0, "--output-dir", "");
  cli_expect ("--version", 0, GONIO_VERSION, "");
  cli_expect ("doctor", 0, "backend reference: ", "");
}

static void
test_check (void)
{
  cli_expect ("model check @/relu.onnx", 0, "every node can run", "");
  cli_expect ("model check @/unknown.onnx", 1, "Frobnicate\tthe_node", "");
  cli_expect ("model check @/text.onnx", 1, "", "text.onnx");
  cli_expect ("model check @/missing.onnx", 1, "", "missing.onnx");
  cli_expect ("model infer-shapes @/relu.onnx", 0, "Relu", "");
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
  g_auto (CliResult) result = cli_run ("model info --json @/relu.onnx", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object = parse_object (result.out, parser);
  g_assert_cmpint (json_object_get_int_member (object, "nodes"), ==, 1);
  JsonObject *input =
      json_array_get_object_element (json_object_get_array_member (object, "inputs"), 0);
  g_assert_cmpstr (json_object_get_string_member (input, "shape"), ==, "[2,N]");
  cli_expect ("model info @/relu.onnx", 0, "op           Relu 1", "");
}

static void
test_bench (void)
{
  static const char *const keys[] = {"load_ms", "first_ms",    "median_ms", "min_ms",
                                     "max_ms",  "rss_peak_mb", "gflops"};
  g_auto (CliResult) result = cli_run (
      "model bench --json --runs 3 --threads 1 --backend reference --dim N=7 @/relu.onnx", NULL);
  g_assert_cmpint (result.code, ==, 0);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object = parse_object (result.out, parser);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    g_assert_cmpfloat (json_object_get_double_member (object, keys[i]), >=, 0);
  g_assert_cmpint (json_object_get_int_member (object, "runs"), ==, 3);
  JsonObject *placement = json_object_get_object_member (object, "placement");
  g_assert_cmpint (json_object_get_int_member (placement, "reference"), ==, 1);
  cli_expect ("model profile --runs 2 --backend reference @/relu.onnx", 0, "the_node", "");
  cli_expect ("model compare --backends reference,reference @/relu.onnx", 0,
              "no divergence in 1 values", "");
  cli_expect ("model bench --precision fp16 --backend reference @/relu.onnx", 0, "median_ms", "");
  cli_expect ("model bench --log-level info --backend reference @/relu.onnx", 0, "median_ms",
              "plan for [2,1]");
}

static void
test_run (void)
{
  const float x[] = {-1, 2, 3, -4, 5, -6};
  GonioShape shape = GONIO_SHAPE (2, 3), wrong = GONIO_SHAPE (3, 2);
  g_autofree char *in = cli_path ("x.npy");
  g_autofree char *turned = cli_path ("turned.npy");
  g_autofree char *out = cli_path ("out/y.npy");
  g_autoptr (GonioTensor) tensor =
      gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &shape, x, sizeof x, NULL);
  g_autoptr (GonioTensor) view = gonio_tensor_new_view (tensor, &wrong, NULL);
  g_assert_true (gonio_tensor_save_npy (tensor, in, NULL));
  g_assert_true (gonio_tensor_save_npy (view, turned, NULL));
  cli_expect ("model run @/relu.onnx --input x=@/x.npy --output-dir @/out", 0, "float [2,3]", "");
  g_autoptr (GonioTensor) y = gonio_tensor_load_npy (out, NULL);
  g_assert_nonnull (y);
  for (int64_t i = 0; i < 6; i++)
    g_assert_cmpfloat (gonio_tensor_get_double (y, i), ==, (double)MAX (x[i], 0));
  cli_expect ("model run @/relu.onnx --input x=@/turned.npy --output-dir @/out", 1, "",
              "wants float [2,N], given is float [3,2]");
  cli_expect ("model run @/relu.onnx --output-dir @/out", 1, "", "input 'x' is missing");
  cli_expect ("model run @/relu.onnx --input z=@/x.npy --output-dir @/out", 1, "", "no input 'z'");
  cli_expect ("model run @/relu.onnx --input x=@/none.npy --output-dir @/out", 1, "", "none.npy");
  cli_expect ("model run @/relu.onnx --input x=@/x.txt --output-dir @/out", 2, "", ".npy or .pb");
  cli_expect ("model run @/relu.onnx --input x --output-dir @/out", 2, "", "NAME=FILE");
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
  cli_save (model, path);
  cli_save (matrix ? onnx_tensor ("x", ONNX_FLOAT, x, size, 2, n / 2, -1)
                   : onnx_tensor ("x", ONNX_FLOAT, x, size, 1, -1),
            in);
  cli_save (matrix ? onnx_tensor ("y", ONNX_FLOAT, y, size, 2, n / 2, -1)
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
  g_auto (CliResult) plain = cli_run ("model test --backend reference @/cases", NULL);
  g_assert_cmpint (plain.code, ==, 1);
  g_assert_true (g_str_has_prefix (plain.out, "PASS a_good\nFAIL b_bad test_data_set_0: output "
                                              "'y' 1 of 4 values differ, the first at 2: 3, "));
  g_assert_nonnull (strstr (plain.out, "\nFAIL c_unknown "));
  g_assert_true (g_str_has_suffix (plain.out, "\n1 passed, 2 failed, 0 skipped\n"));
  cli_expect ("model test --backend reference --rtol 0.1 @/cases/b_bad", 0, "1 passed, 0 failed",
              "");
  cli_expect ("model test --backend reference @/out", 1, "", "no ONNX backend test here");

  /* One that hangs and one that is killed are failures and not the end. */
  save_case ("a_slow", slow_model (), 1, x, y);
  g_auto (CliResult) hung = cli_run ("model test --backend reference --timeout 2 @/cases", NULL);
  g_assert_true (
      g_str_has_prefix (hung.out, "PASS a_good\nFAIL a_slow no result after 2 s\nFAIL b_bad"));
  g_assert_true (g_str_has_suffix (hung.out, "\n1 passed, 3 failed, 0 skipped\n"));
  g_auto (CliResult) killed = cli_run ("model test --backend reference @/cases", limit_cpu);
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
  cli_save (proto, path);
}

static void
test_lists (void)
{
  const float x[] = {1, 2}, wrong[] = {1, 3};
  GByteArray *graph = onnx_graph ("g");
  g_autofree char *item = cli_path ("lists/y.1.npy");

  cli_save (optional_model (), "optional/model.onnx");
  save_optional ("optional/test_data_set_0/input_0.pb", 2, x);
  save_optional ("optional/test_data_set_0/output_0.pb", 2, x);
  cli_expect ("model test --backend reference @/optional", 0, "1 passed", "");
  save_optional ("optional/test_data_set_0/output_0.pb", 2, wrong);
  cli_expect ("model test --backend reference @/optional", 1,
              "output 'y' item 0: 1 of 2 values differ", "");
  save_optional ("optional/test_data_set_0/output_0.pb", 0, NULL);
  cli_expect ("model test --backend reference @/optional", 1,
              "output 'y' is optional float [2], not empty optional none", "");
  cli_expect ("model run @/optional/model.onnx --input x=@/optional/test_data_set_0/input_0.pb "
              "--output-dir @/lists",
              0, "y\toptional float [2]\ny.0\tfloat [2]\t", "");
  /* What is of another kind is refused, not misread. */
  cli_expect ("model run @/optional/model.onnx --input x=@/x.npy --output-dir @/lists", 1, "",
              "input 'x': the model wants optional of float, given is float [2,3]");
  cli_expect ("model compare --backends reference,reference @/optional/model.onnx", 0,
              "no divergence", "");

  onnx_graph_input (graph, "x", ONNX_FLOAT, "2 3");
  onnx_graph_node (graph, onnx_node ("SplitToSequence", "x", "y"));
  onnx_graph_output (graph, "y");
  cli_save (onnx_model (graph, 11), "split.onnx");
  cli_expect ("model run @/split.onnx --input x=@/x.npy --output-dir @/lists", 0,
              "y\tsequence of 2 float\n", "");
  g_autoptr (GonioTensor) row = gonio_tensor_load_npy (item, NULL);
  g_assert_nonnull (row);
  g_assert_cmpfloat (gonio_tensor_get_double (row, 0), ==, -4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  cli_start (argv[1]);
  cli_save (small_model ("Relu"), "relu.onnx");
  cli_save (small_model ("Frobnicate"), "unknown.onnx");
  GByteArray *text = g_byte_array_new ();
  g_byte_array_append (text, (const guint8 *)"not a model", 11);
  cli_save (text, "text.onnx");
  g_test_add_func ("/cli/usage", test_usage);
  g_test_add_func ("/cli/check", test_check);
  g_test_add_func ("/cli/info", test_info);
  g_test_add_func ("/cli/bench", test_bench);
  g_test_add_func ("/cli/run", test_run);
  g_test_add_func ("/cli/test", test_test);
  g_test_add_func ("/cli/lists", test_lists);
  int result = g_test_run ();
  cli_end ();
  return result;
}
