/* core/onnx: what a file may ask for. Small files that want much get an error. */
#include "core/base/error.h"
#include "core/onnx/load.h"
#include "core/ops/op.h"
#include "tests/support/onnx-writer.h"

#include <string.h>

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

/* A graph of one initializer "w" that is its output. */
static GByteArray *
model_of (GByteArray *tensor)
{
  GByteArray *graph = onnx_graph ("g");
  onnx_graph_init (graph, tensor);
  onnx_graph_output (graph, "w");
  return onnx_model (graph, 17);
}

/* If inside If inside If ... */
static GByteArray *
nested (guint depth)
{
  GByteArray *graph = onnx_graph ("deep");
  onnx_graph_node (graph, onnx_node ("Identity", "c", "inner"));
  onnx_graph_output (graph, "inner");
  for (guint i = 0; i < depth; i++) {
    GByteArray *outer = onnx_graph ("deep"), *holder = onnx_node ("If", "c", "out");
    GByteArray *other = onnx_graph ("flat");
    onnx_graph_node (other, onnx_node ("Identity", "c", "inner"));
    onnx_graph_output (other, "inner");
    onnx_node_attr (holder, onnx_attr_graph ("then_branch", graph));
    onnx_node_attr (holder, onnx_attr_graph ("else_branch", other));
    onnx_graph_node (outer, holder);
    onnx_graph_output (outer, "out");
    graph = outer;
  }
  onnx_graph_input (graph, "c", ONNX_BOOL, "");
  return onnx_model (graph, 17);
}

static void
test_limits (void)
{
  const float numbers[4] = {0};
  const GonioLoadLimits nodes = {.max_nodes = 3}, bytes = {.max_tensor_bytes = 15};
  GByteArray *many = relu_graph (), *attrs = onnx_node ("Relu", "x", "y");
  GByteArray *crowded = onnx_graph ("g");
  g_autoptr (GError) too_many = NULL, too_large = NULL;

  g_autoptr (GonioGraph) shallow = load (nested (15)); /* 4 messages a level */
  g_assert_nonnull (shallow);
  assert_refused (nested (100), GONIO_LOAD_ERROR_LIMIT, "nests messages more than 64 deep");
  for (guint i = 0; i < 3; i++)
    onnx_graph_node (many, onnx_node ("Relu", "x", (const char *[]){"a", "b", "c"}[i]));
  g_assert_null (load_in (onnx_model (many, 17), NULL, &nodes, &too_many));
  g_assert_error (too_many, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT);
  g_assert_null (
      load_in (model_of (onnx_tensor_floats ("w", 4, numbers)), NULL, &bytes, &too_large));
  g_assert_error (too_large, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT);
  for (guint i = 0; i < 257; i++) {
    g_autofree char *name = g_strdup_printf ("a%u", i);
    onnx_node_attr (attrs, onnx_attr_int (name, 1));
  }
  onnx_graph_node (crowded, attrs);
  assert_refused (onnx_model (crowded, 17), GONIO_LOAD_ERROR_LIMIT, "more than 256 attributes");
}

/* Functions that call each other twice per level would grow without end. */
static void
test_function_bomb (void)
{
  GByteArray *graph = onnx_graph ("g"), *call = onnx_node ("F0", "x", "y"), *model = NULL;
  g_autoptr (GError) error = NULL;
  const GonioLoadLimits limits = {.max_nodes = 5000};

  onnx_graph_input (graph, "x", ONNX_FLOAT, "2");
  onnx_node_domain (call, "my");
  onnx_graph_node (graph, call);
  onnx_graph_output (graph, "y");
  model = onnx_model (graph, 17);
  onnx_model_opset (model, "my", 1);
  for (guint i = 0; i < 25; i++) {
    GByteArray *function = g_byte_array_new ();
    g_autofree char *name = g_strdup_printf ("F%u", i), *next = g_strdup_printf ("F%u", i + 1);
    pb_text (function, 1, name);
    pb_text (function, 10, "my");
    pb_text (function, 4, "a");
    pb_text (function, 5, "b");
    for (guint k = 0; k < 2; k++) {
      GByteArray *inner = onnx_node (i < 24 ? next : "Relu", k ? "m" : "a", k ? "b" : "m");
      if (i < 24)
        onnx_node_domain (inner, "my");
      pb_message (function, 7, inner);
    }
    pb_message (model, 25, function);
  }
  g_assert_null (load_in (model, NULL, &limits, &error));
  g_assert_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_LIMIT);
}

/* One value read over and over makes use lists that edits would walk for ever. */
static void
test_many_uses (void)
{
  GByteArray *graph = onnx_graph ("g");
  GString *inputs = g_string_new (NULL);

  onnx_graph_input (graph, "x", ONNX_FLOAT, "2");
  for (guint i = 0; i < 66000; i++)
    g_string_append (inputs, "x ");
  onnx_graph_node (graph, onnx_node ("Sum", inputs->str, "y"));
  onnx_graph_output (graph, "y");
  g_string_free (inputs, TRUE);
  assert_refused (onnx_model (graph, 17), GONIO_LOAD_ERROR_LIMIT, "“x” is read more than");
}

/* Every node of a long chain knows a thousand integers: only so many are kept. */
static void
test_many_known (void)
{
  g_autofree gint64 *numbers = g_new0 (gint64, GONIO_MAX_KNOWN);
  GByteArray *graph = onnx_graph ("g");
  gsize known = 0;

  onnx_graph_init (graph, onnx_tensor_ints ("v0", GONIO_MAX_KNOWN, numbers));
  for (guint i = 0; i < 6000; i++) {
    g_autofree char *from = g_strdup_printf ("v%u v0", i), *to = g_strdup_printf ("v%u", i + 1);
    onnx_graph_node (graph, onnx_node ("Add", from, to));
  }
  onnx_graph_output (graph, "v6000");
  g_autoptr (GonioGraph) loaded = load (onnx_model (graph, 17));
  g_assert_true (gonio_infer_graph (loaded, NULL));
  for (GonioValueId id = 0; id < gonio_graph_n_values (loaded); id++)
    known += gonio_graph_value (loaded, id)->n_partial;
  g_assert_cmpuint (known, >, 1000000);
  g_assert_cmpuint (known, <=, 4 << 20);
}

static void
test_many_unsupported (void)
{
  GByteArray *graph = onnx_graph ("g");
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 20000; i++) {
    g_autofree char *out = g_strdup_printf ("v%u", i);
    onnx_graph_node (graph, onnx_node ("Frobnicate", "", out));
  }
  onnx_graph_output (graph, "v0");
  g_assert_null (load_in (onnx_model (graph, 17), NULL, NULL, &error));
  g_assert_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_UNSUPPORTED);
  g_assert_cmpuint (strlen (error->message), <, 1000);
}

/* Number i as a text of "Aa" and "B@", which g_str_hash() cannot tell apart. */
static void
colliding_name (guint i, char out[35])
{
  for (guint bit = 0; bit < 17; bit++)
    memcpy (out + 2 * bit, i >> bit & 1 ? "Aa" : "B@", 2);
  out[34] = '\0';
}

/* Names that fall into one place of a hash table, if that is known, make reading them quadratic:
 * minutes instead of a second. */
static void
test_colliding_names (void)
{
  const guint n = 60000;
  GByteArray *graph = onnx_graph ("g");
  char name[35] = "x", next[35];
  gint64 start = g_get_monotonic_time ();

  onnx_graph_input (graph, "x", ONNX_FLOAT, "1");
  for (guint i = 0; i < n; i++) {
    colliding_name (i, next);
    onnx_graph_node (graph, onnx_node ("Neg", name, next));
    memcpy (name, next, sizeof name);
  }
  onnx_graph_output (graph, name);
  g_autoptr (GonioGraph) loaded = load (onnx_model (graph, 17));
  g_assert_cmpuint (gonio_graph_n_nodes (loaded), ==, n);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 20 * G_USEC_PER_SEC);
}

/* Names of attributes are kept for ever, so there may not be any number of them. */
static void
test_many_words (void)
{
  GByteArray *graph = onnx_graph ("g");
  char name[35];

  onnx_graph_input (graph, "x", ONNX_FLOAT, "1");
  for (guint i = 0; i < 200; i++) {
    g_autofree char *output = g_strdup_printf ("y%u", i);
    GByteArray *node = onnx_node ("Neg", "x", output);

    for (guint a = 0; a < 100; a++) {
      colliding_name (i * 100 + a, name);
      onnx_node_attr (node, onnx_attr_int (name, 1));
    }
    onnx_graph_node (graph, node);
  }
  onnx_graph_output (graph, "y0");
  assert_refused (onnx_model (graph, 17), GONIO_LOAD_ERROR_LIMIT, "more than 16384 names");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-limits/limits", test_limits);
  g_test_add_func ("/onnx-limits/function-bomb", test_function_bomb);
  g_test_add_func ("/onnx-limits/many-uses", test_many_uses);
  g_test_add_func ("/onnx-limits/many-known", test_many_known);
  g_test_add_func ("/onnx-limits/many-unsupported", test_many_unsupported);
  g_test_add_func ("/onnx-limits/colliding-names", test_colliding_names);
  g_test_add_func ("/onnx-limits/many-words", test_many_words);
  return g_test_run ();
}
