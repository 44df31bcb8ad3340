/* Small files that ask for more than anyone has: endless loops, values that double, giant tensors
 * out of a few bytes, functions that call each other. Each ends in an error that says why, within
 * a time and the memory that the session was given. */
#include "app/backends.h"
#include "core/base/error.h"
#include "core/onnx/load.h"
#include "core/session/session.h"
#include "tests/support/model-parts.h"

#include <string.h>
#include <sys/resource.h>

#define MIB         ((size_t)1 << 20)
#define MAX_MEMORY  (64 * MIB)
#define MAX_ROUNDS  20000
#define MAX_SECONDS 20 /* a sanitized build on a busy machine included */

typedef struct {
  const char *name;
  void (*make) (GByteArray *graph);
  const char *message; /* part of it */
  int opset;           /* 0: 17 */
} Hostile;

/* ---- loops ---- */

static void
add_loop (GByteArray *graph, const char *inputs, const char *outputs, GByteArray *body)
{
  parts_node (graph, "Loop", inputs, outputs, onnx_attr_graph ("body", body), NULL);
}

/* A body that goes on for ever; s becomes next. */
static GByteArray *
endless (const char *op, const char *operands)
{
  GByteArray *body = parts_body ("i go s");

  parts_node (body, "Identity", "go", "go2", NULL);
  parts_node (body, op, operands, "next",
              g_str_equal (op, "Concat") ? onnx_attr_int ("axis", 0) : NULL, NULL);
  parts_outputs (body, "go2 next");
  return body;
}

static void
start (GByteArray *g)
{
  parts_bool (g, "yes", TRUE);
  parts_int (g, "one", 1);
  parts_int (g, "zero", 0);
  onnx_graph_init (g, onnx_tensor_floats ("x", 2, (const float[]){1, 2}));
}

static void
endless_loop (GByteArray *g)
{
  start (g);
  add_loop (g, "- yes x", "y", endless ("Neg", "s"));
  parts_outputs (g, "y");
}

static void
nested_loops (GByteArray *g)
{
  GByteArray *body = endless ("Neg", "s");

  start (g);
  parts_int (g, "many", G_GINT64_CONSTANT (1) << 62);
  parts_int (g, "few", 50);
  for (int depth = 0; depth < 6; depth++) {
    GByteArray *outer = parts_body ("i go s");

    parts_node (outer, "Identity", "go", "go2", NULL);
    add_loop (outer, "few yes s", "next", body);
    parts_outputs (outer, "go2 next");
    body = outer;
  }
  add_loop (g, "many yes x", "y", body);
  parts_outputs (g, "y");
}

static void
state_doubles (GByteArray *g)
{
  start (g);
  add_loop (g, "- yes x", "y", endless ("Concat", "s s"));
  parts_outputs (g, "y");
}

static void
text_doubles (GByteArray *g)
{
  start (g);
  parts_text (g, "text", "ab");
  add_loop (g, "- yes text", "y", endless ("StringConcat", "s s"));
  parts_outputs (g, "y");
}

static void
outputs_pile_up (GByteArray *g)
{
  GByteArray *body = parts_body ("i go s");

  start (g);
  PARTS_CONST_INTS (g, "shape", 1024, 64);
  parts_node (body, "Identity", "go", "go2", NULL);
  parts_node (body, "Identity", "s", "next", NULL);
  parts_node (body, "Expand", "one shape", "pile", NULL);
  parts_outputs (body, "go2 next pile");
  add_loop (g, "- yes x", "y z", body);
  parts_outputs (g, "z");
}

static void
sequence_grows (GByteArray *g)
{
  GByteArray *body = endless ("SequenceInsert", "s large");

  start (g);
  PARTS_CONST_INTS (g, "shape", 1024, 64);
  parts_node (g, "Expand", "one shape", "large", NULL);
  parts_node (g, "SequenceEmpty", "", "none", onnx_attr_int ("dtype", ONNX_INT64), NULL);
  add_loop (g, "- yes none", "y", body);
  parts_outputs (g, "y");
}

static void
long_scan (GByteArray *g)
{
  GByteArray *body = parts_body ("row");

  start (g);
  PARTS_CONST_INTS (g, "shape", 1000000);
  parts_node (g, "Expand", "one shape", "rows", NULL);
  parts_node (body, "Neg", "row", "minus", NULL);
  parts_outputs (body, "minus");
  parts_node (g, "Scan", "rows", "y", onnx_attr_graph ("body", body),
              onnx_attr_int ("num_scan_inputs", 1), NULL);
  parts_outputs (g, "y");
}

static void
long_map (GByteArray *g)
{
  GByteArray *body = parts_body ("item");

  start (g);
  PARTS_CONST_INTS (g, "shape", 100000);
  parts_node (g, "Expand", "one shape", "rows", NULL);
  parts_node (g, "SplitToSequence", "rows", "list", NULL);
  parts_node (body, "Neg", "item", "minus", NULL);
  parts_outputs (body, "minus");
  parts_node (g, "SequenceMap", "list", "y", onnx_attr_graph ("body", body), NULL);
  parts_outputs (g, "y");
}

/* ---- giants ---- */

#define GIANT(func, ...)                                                                           \
  static void func (GByteArray *g)                                                                 \
  {                                                                                                \
    start (g);                                                                                     \
    PARTS_CONST_INTS (g, "huge", 1 << 14, 1 << 14);                                                \
    PARTS_CONST_INTS (g, "two", 2);                                                                \
    parts_int (g, "far", 1 << 28);                                                                 \
    parts_node (g, __VA_ARGS__, NULL);                                                             \
    parts_outputs (g, "y");                                                                        \
  }
GIANT (giant_expand, "Expand", "one huge", "y")
GIANT (giant_constant, "ConstantOfShape", "huge", "y")
GIANT (giant_range, "Range", "zero far one", "y")
GIANT (giant_random, "RandomNormal", "", "y", PARTS_INTS ("shape", 1 << 14, 1 << 14))
GIANT (giant_window, "HannWindow", "far", "y")
GIANT (giant_one_hot, "OneHot", "huge far x", "y")

static void
giant_tile (GByteArray *g)
{
  start (g);
  PARTS_CONST_INTS (g, "times", 1 << 28);
  parts_node (g, "Tile", "x times", "y", NULL);
  parts_outputs (g, "y");
}

static void
giant_pad (GByteArray *g)
{
  start (g);
  PARTS_CONST_INTS (g, "pads", 0, 1 << 28);
  parts_node (g, "Pad", "x pads", "y", NULL);
  parts_outputs (g, "y");
}

static void
giant_product (GByteArray *g)
{
  start (g);
  PARTS_CONST_INTS (g, "column", 1 << 14, 1);
  PARTS_CONST_INTS (g, "row", 1, 1 << 14);
  parts_node (g, "ConstantOfShape", "column", "a", NULL);
  parts_node (g, "ConstantOfShape", "row", "b", NULL);
  parts_node (g, "MatMul", "a b", "y", NULL);
  parts_outputs (g, "y");
}

static void
giant_resize (GByteArray *g)
{
  start (g);
  onnx_graph_init (g, onnx_tensor_floats ("scales", 1, (const float[]){1 << 28}));
  parts_node (g, "Resize", "x - scales", "y", NULL);
  parts_outputs (g, "y");
}

/* As constants double, folding must stop before they fill the memory; and so must the run. */
static void
constants_double (GByteArray *g)
{
  start (g);
  parts_node (g, "Concat", "x x", "d0", onnx_attr_int ("axis", 0), NULL);
  for (int i = 0; i < 30; i++) {
    g_autofree char *in = g_strdup_printf ("d%d d%d", i, i);
    g_autofree char *out = g_strdup_printf ("d%d", i + 1);

    parts_node (g, "Concat", in, out, onnx_attr_int ("axis", 0), NULL);
  }
  parts_outputs (g, "d30");
}

/* The same with sizes that only the run knows. */
static void
values_double (GByteArray *g)
{
  start (g);
  parts_node (g, "RandomUniform", "", "chance", PARTS_INTS ("shape", 2), NULL);
  parts_node (g, "NonZero", "chance", "d0", NULL);
  for (int i = 0; i < 30; i++) {
    g_autofree char *in = g_strdup_printf ("d%d d%d", i, i);
    g_autofree char *out = g_strdup_printf ("d%d", i + 1);

    parts_node (g, "Concat", in, out, onnx_attr_int ("axis", 1), NULL);
  }
  parts_outputs (g, "d30");
}

static void
texts_double (GByteArray *g)
{
  start (g);
  parts_text (g, "t0", "abcdefgh");
  for (int i = 0; i < 60; i++) {
    g_autofree char *in = g_strdup_printf ("t%d t%d", i, i);
    g_autofree char *out = g_strdup_printf ("t%d", i + 1);

    parts_node (g, "StringConcat", in, out, NULL);
  }
  parts_outputs (g, "t60");
}

/* ---- structure ---- */

static void
deep_ifs (GByteArray *g)
{
  GByteArray *branch = NULL;

  start (g);
  for (int depth = 0; depth < 200; depth++) {
    GByteArray *both[2];

    for (int side = 0; side < 2; side++) {
      both[side] = parts_body ("");
      if (side == 0 && branch != NULL)
        parts_node (both[0], "If", "yes", "a", onnx_attr_graph ("then_branch", branch),
                    onnx_attr_graph ("else_branch", parts_body ("")), NULL);
      else
        parts_node (both[side], "Neg", "x", "a", NULL);
      parts_outputs (both[side], "a");
    }
    g_byte_array_unref (both[1]);
    branch = both[0];
  }
  parts_node (g, "If", "yes", "y", onnx_attr_graph ("then_branch", branch),
              onnx_attr_graph ("else_branch", parts_body ("")), NULL);
  parts_outputs (g, "y");
}

/* f0 calls f1 twice, f1 calls f2 twice, ...: 2^30 nodes out of 30 functions. */
static GByteArray *
calling_functions (int levels)
{
  GByteArray *g = onnx_graph ("calls"), *model, *node;

  start (g);
  node = onnx_node ("f0", "x", "y");
  onnx_node_domain (node, "local");
  onnx_graph_node (g, node);
  parts_outputs (g, "y");
  model = onnx_model (g, 17);
  onnx_model_opset (model, "local", 1);
  for (int i = 0; i < levels; i++) {
    GByteArray *function = g_byte_array_new (), *opset = g_byte_array_new ();
    g_autofree char *name = g_strdup_printf ("f%d", i), *next = g_strdup_printf ("f%d", i + 1);

    pb_text (function, 1, name);
    pb_text (function, 4, "a");
    pb_text (function, 5, "c");
    for (int call = 0; call < 2; call++) {
      GByteArray *inner =
          onnx_node (i + 1 < levels ? next : "Neg", call == 0 ? "a" : "b", call == 0 ? "b" : "c");

      if (i + 1 < levels)
        onnx_node_domain (inner, "local");
      pb_message (function, 7, inner);
    }
    pb_text (opset, 1, "");
    pb_int (opset, 2, 17);
    pb_message (function, 9, opset);
    opset = g_byte_array_new ();
    pb_text (opset, 1, "local");
    pb_int (opset, 2, 1);
    pb_message (function, 9, opset);
    pb_text (function, 10, "local");
    pb_message (model, 25, function);
  }
  return model;
}

/* ---- running them ---- */

static const Hostile cases[] = {
    {"endless-loop", endless_loop, "20000 rounds together, which is the limit", 0},
    {"nested-loops", nested_loops, "20000 rounds together, which is the limit", 0},
    {"state-doubles", state_doubles, "its limit is 64 MiB", 0},
    {"text-doubles", text_doubles, "its limit is 64 MiB", 20},
    {"outputs-pile-up", outputs_pile_up, "its limit is 64 MiB", 0},
    {"sequence-grows", sequence_grows, "its limit is 64 MiB", 0},
    {"long-scan", long_scan, "20000 rounds together, which is the limit", 0},
    {"long-map", long_map, "20000 rounds together, which is the limit", 18},
    {"giant-expand", giant_expand, "its limit is 64 MiB", 0},
    {"giant-constant", giant_constant, "its limit is 64 MiB", 0},
    {"giant-range", giant_range, "its limit is 64 MiB", 0},
    {"giant-random", giant_random, "its limit is 64 MiB", 0},
    {"giant-window", giant_window, "its limit is 64 MiB", 0},
    {"giant-one-hot", giant_one_hot, "limit", 0},
    {"giant-tile", giant_tile, "its limit is 64 MiB", 0},
    {"giant-pad", giant_pad, "its limit is 64 MiB", 0},
    {"giant-product", giant_product, "its limit is 64 MiB", 0},
    {"giant-resize", giant_resize, "its limit is 64 MiB", 0},
    {"constants-double", constants_double, "its limit is 64 MiB", 0},
    {"values-double", values_double, "its limit is 64 MiB", 0},
    {"texts-double", texts_double, "limit", 20},
    {"deep-ifs", deep_ifs, "nests messages more than 64 deep", 0},
};

static void
check_fails (GonioSession *session, const Hostile *hostile, gint64 begin, GError *error)
{
  GonioTensor **outputs = NULL;

  if (session != NULL)
    g_assert_false (gonio_session_run (session, NULL, NULL, 0, &outputs, NULL, &error));
  double seconds = (double)(g_get_monotonic_time () - begin) / G_USEC_PER_SEC;
  g_assert_nonnull (error);
  g_test_message ("%.2f s: %s", seconds, error->message);
  if (strstr (error->message, hostile->message) == NULL)
    g_error ("%s: this is not about \"%s\": %s", hostile->name, hostile->message, error->message);
  g_assert_cmpfloat (seconds, <, MAX_SECONDS);
  g_error_free (error);
  g_clear_pointer (&session, gonio_session_unref);
}

static GonioSession *
open_model (GByteArray *model, const char *list, GError **error)
{
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (model);
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (list, NULL);
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  GonioGraph *graph = gonio_onnx_load_bytes (bytes, NULL, NULL, error);

  options.backends = backends;
  options.evaluate = gonio_backends_evaluate;
  options.threads = 1;
  options.max_memory = MAX_MEMORY;
  options.max_rounds = MAX_ROUNDS;
  return graph != NULL ? gonio_session_new_from_graph (graph, &options, NULL, error) : NULL;
}

static void
test_hostile (gconstpointer data)
{
  const Hostile *hostile = data;

  for (int i = 0; i < 2; i++) {
    GError *error = NULL;
    GByteArray *graph = onnx_graph (hostile->name);
    gint64 begin = g_get_monotonic_time ();

    hostile->make (graph);
    GonioSession *session =
        open_model (onnx_model (graph, hostile->opset > 0 ? hostile->opset : 17),
                    i == 0 ? "reference" : "auto", &error);
    check_fails (session, hostile, begin, error);
  }
}

static void
test_functions (void)
{
  const Hostile hostile = {"functions", NULL, "once its functions are inlined", 0};
  GError *error = NULL;
  gint64 begin = g_get_monotonic_time ();
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (calling_functions (30));
  const GonioLoadLimits limits = {.max_nodes = 50000};

  g_assert_null (gonio_onnx_load_bytes (bytes, NULL, &limits, &error));
  check_fails (NULL, &hostile, begin, error);
}

/* All of it together took no more than one of them may, and what surrounds it. */
static void
test_peak (void)
{
  struct rusage usage = {0};

  getrusage (RUSAGE_SELF, &usage);
  g_test_message ("peak: %ld MiB", usage.ru_maxrss >> 10);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  g_assert_cmpint (usage.ru_maxrss >> 10, <, 400);
#endif
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/hostile-models/%s", cases[i].name);

    g_test_add_data_func (path, &cases[i], test_hostile);
  }
  g_test_add_func ("/hostile-models/functions", test_functions);
  g_test_add_func ("/hostile-models/peak", test_peak);
  return g_test_run ();
}
