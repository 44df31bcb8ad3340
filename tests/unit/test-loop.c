/* Loop, Scan and SequenceMap from the file to the result, well-behaved and hostile. */
#include "backends/reference/reference.h"
#include "core/base/error.h"
#include "core/onnx/load.h"
#include "core/session/session.h"
#include "tests/support/onnx-writer.h"
#include "tests/support/reference-case.h"

#include <string.h>

/* ---- models in a few words ---- */

/* "Add a b -> c; Relu c -> d" */
static void
add_nodes (GByteArray *graph, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "; ", -1);

  for (guint i = 0; lines[i] != NULL; i++) {
    g_auto (GStrv) sides = g_strsplit (lines[i], " -> ", 2);
    char *space = strchr (sides[0], ' ');

    if (space != NULL)
      *space = '\0';
    onnx_graph_node (graph, onnx_node (sides[0], space != NULL ? space + 1 : "", sides[1]));
  }
}

static void
add_outputs (GByteArray *graph, const char *names)
{
  g_auto (GStrv) words = g_strsplit (names, " ", -1);

  for (guint i = 0; words[i] != NULL; i++)
    onnx_graph_output (graph, words[i]);
}

/* A body whose inputs say nothing of their type; nodes may be "". */
static GByteArray *
body_of (const char *inputs, const char *nodes, const char *outputs)
{
  GByteArray *graph = onnx_graph ("body");
  g_auto (GStrv) words = g_strsplit (inputs, " ", -1);

  for (guint i = 0; *inputs != '\0' && words[i] != NULL; i++) {
    GByteArray *value = g_byte_array_new ();

    pb_text (value, 1, words[i]);
    pb_message (graph, 11, value);
  }
  if (*nodes != '\0')
    add_nodes (graph, nodes);
  add_outputs (graph, outputs);
  return graph;
}

static GByteArray *
node_with_body (const char *op, const char *inputs, const char *outputs, GByteArray *body)
{
  GByteArray *node = onnx_node (op, inputs, outputs);

  onnx_node_attr (node, onnx_attr_graph ("body", body));
  return node;
}

static GonioGraph *
import (GByteArray *graph, int opset, GError **error)
{
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (onnx_model (graph, opset));

  return gonio_onnx_load_bytes (bytes, NULL, NULL, error);
}

/* Consumes the graph. NULL with an error. */
static GonioSession *
open_model (GByteArray *graph, int opset, GError **error)
{
  static const GonioBackendDef *const backends[] = {&gonio_backend_reference, NULL};
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  GonioGraph *imported = import (graph, opset, error);

  options.backends = backends;
  return imported != NULL ? gonio_session_new_from_graph (imported, &options, NULL, error) : NULL;
}

/* Takes the inputs, which are the model's in order. */
static GonioTensor **
run_model (GonioSession *session, GonioTensor *a, GonioTensor *b, GCancellable *cancellable,
           GError **error)
{
  GonioTensor *inputs[2] = {a, b}, **outputs = NULL;
  const char *names[2] = {NULL, NULL};
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);

  g_assert_cmpuint (n, <=, 2);
  for (guint i = 0; i < n; i++)
    names[i] = ports[i].name;
  gonio_session_run (session, names, inputs, n, &outputs, cancellable, error);
  for (guint i = 0; i < 2; i++)
    if (inputs[i] != NULL)
      gonio_tensor_unref (inputs[i]);
  return outputs;
}

static void
free_outputs (GonioSession *session, GonioTensor **outputs)
{
  guint n;

  gonio_session_outputs (session, &n);
  gonio_session_free_outputs (outputs, n);
}

/* Takes expected. */
static void
assert_tensor (const GonioTensor *got, GonioTensor *expected)
{
  g_autofree char *mine = gonio_list_describe (got), *theirs = gonio_list_describe (expected);

  g_assert_cmpstr (mine, ==, theirs);
  for (int64_t i = 0; i < gonio_tensor_count (got); i++)
    g_assert_cmpfloat (gonio_tensor_get_double (got, i), ==, gonio_tensor_get_double (expected, i));
  gonio_tensor_unref (expected);
}

/* Loading or running the model fails with that message. Takes the inputs. */
static void
assert_fails (GByteArray *graph, GonioTensor *a, GonioTensor *b, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) session = open_model (graph, 17, &error);

  if (session != NULL)
    g_assert_null (run_model (session, a, b, NULL, &error));
  else
    for (guint i = 0; i < 2; i++)
      if ((i == 0 ? a : b) != NULL)
        gonio_tensor_unref (i == 0 ? a : b);
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, message));
}

#define F(shape, ...) TENSOR (FLOAT, shape, __VA_ARGS__)
#define I(x)          TENSOR_I64 (INT64, "", x)

/* ---- Loop ---- */

/* s starts as x and grows by x in each of n rounds. */
static GByteArray *
sum_model (void)
{
  GByteArray *graph = onnx_graph ("sum");

  onnx_graph_input (graph, "n", ONNX_INT64, "");
  onnx_graph_input (graph, "x", ONNX_FLOAT, "2");
  onnx_graph_node (graph, node_with_body ("Loop", "n - x", "y ys",
                                          body_of ("i go s", "Add s x -> t", "go t t")));
  add_outputs (graph, "y ys");
  return graph;
}

static void
test_trip_count (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) session = open_model (sum_model (), 17, &error);
  static const int64_t trips[] = {3, 0, -5, INT64_MIN};

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (trips); i++) {
    GonioTensor **y = run_model (session, I (trips[i]), F ("2", 1, 10), NULL, &error);

    g_assert_no_error (error);
    assert_tensor (y[0], i == 0 ? F ("2", 4, 40) : F ("2", 1, 10));
    assert_tensor (y[1], i == 0 ? F ("3 2", 2, 20, 3, 30, 4, 40) : TENSOR_EMPTY (FLOAT, "0 2"));
    free_outputs (session, y);
  }
  guint n;
  const GonioPort *ports = gonio_session_outputs (session, &n);
  g_autofree char *kept = gonio_sym_shape_to_string (&ports[0].shape);
  g_autofree char *piled = gonio_sym_shape_to_string (&ports[1].shape);
  g_assert_cmpint (ports[1].dtype, ==, GONIO_DTYPE_FLOAT);
  g_assert_cmpstr (kept, ==, "[2]"); /* by induction */
  g_assert_cmpstr (piled, ==, "[?,2]");
}

/* Doubles s while it is below the limit; also with a trip count, whichever ends first. */
static GByteArray *
until_model (const char *trips)
{
  static const float limit = 100;
  static const gint64 five = 5;
  static const guint8 no = 0;
  GByteArray *graph = onnx_graph ("until");
  g_autofree char *inputs = g_strdup_printf ("%s x", trips);

  onnx_graph_input (graph, "x", ONNX_FLOAT, "1");
  onnx_graph_init (graph, onnx_tensor ("limit", ONNX_FLOAT, &limit, 4, -1));
  onnx_graph_init (graph, onnx_tensor ("five", ONNX_INT64, &five, 8, -1));
  onnx_graph_init (graph, onnx_tensor ("no", ONNX_BOOL, &no, 1, -1));
  onnx_graph_node (
      graph, node_with_body ("Loop", inputs, "y is",
                             body_of ("i go s", "Add s s -> t; Less t limit -> more", "more t i")));
  add_outputs (graph, "y is");
  return graph;
}

static void
test_condition (void)
{
  static const struct {
    const char *trips;
    float y;
    int rounds;
  } rows[] = {{"- -", 128, 7}, {"five -", 32, 5}, {"five no", 1, 0}, {"- no", 1, 0}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioSession) session = open_model (until_model (rows[i].trips), 17, &error);
    GonioTensor **y;

    g_assert_no_error (error);
    y = run_model (session, F ("1", 1), NULL, NULL, &error);
    g_assert_no_error (error);
    assert_tensor (y[0], F ("1", rows[i].y));
    g_assert_cmpint (gonio_tensor_dtype (y[1]), ==, GONIO_DTYPE_INT64);
    g_assert_cmpint (gonio_tensor_count (y[1]), ==, rows[i].rounds);
    for (int r = 0; r < rows[i].rounds; r++)
      g_assert_cmpint (gonio_tensor_get_int (y[1], r), ==, r);
    free_outputs (session, y);
  }
}

/* A state may change its shape, whatever the body declares. */
static void
test_growing_state (void)
{
  g_autoptr (GError) error = NULL;
  GByteArray *graph = onnx_graph ("grow"), *body = onnx_graph ("body");
  GByteArray *concat = onnx_node ("Concat", "s s", "t");

  onnx_graph_input (graph, "n", ONNX_INT64, "1"); /* a list of one is taken as well */
  onnx_graph_input (graph, "x", ONNX_FLOAT, "1");
  onnx_graph_input (body, "i", ONNX_INT64, "1");
  onnx_graph_input (body, "go", ONNX_BOOL, "");
  onnx_graph_input (body, "s", ONNX_FLOAT, "1");
  onnx_node_attr (concat, onnx_attr_int ("axis", 0));
  onnx_graph_node (body, concat);
  onnx_graph_node (body, onnx_node ("Shape", "s", "length"));
  add_outputs (body, "go t length");
  onnx_graph_node (graph, node_with_body ("Loop", "n - x", "y lengths", body));
  add_outputs (graph, "y lengths");

  g_autoptr (GonioSession) session = open_model (graph, 17, &error);
  g_assert_no_error (error);
  GonioTensor **y = run_model (session, TENSOR_I64 (INT64, "1", 3), F ("1", 7), NULL, &error);
  g_assert_no_error (error);
  assert_tensor (y[0], F ("8", 7, 7, 7, 7, 7, 7, 7, 7));
  assert_tensor (y[1], TENSOR_I64 (INT64, "3 1", 1, 2, 4));
  free_outputs (session, y);
}

/* A sequence grows by x in each round; what comes out is joined outside. */
static void
test_carried_sequence (void)
{
  g_autoptr (GError) error = NULL;
  GByteArray *graph = onnx_graph ("sequence"), *join;

  onnx_graph_input (graph, "n", ONNX_INT64, "");
  onnx_graph_input (graph, "x", ONNX_FLOAT, "2");
  add_nodes (graph, "SequenceEmpty -> none");
  onnx_graph_node (graph, node_with_body ("Loop", "n - none", "all",
                                          body_of ("i go q", "SequenceInsert q x -> r", "go r")));
  add_nodes (graph, "SequenceLength all -> length");
  join = onnx_node ("ConcatFromSequence", "all", "y");
  onnx_node_attr (join, onnx_attr_int ("axis", 0));
  onnx_graph_node (graph, join);
  add_outputs (graph, "length y all");

  g_autoptr (GonioSession) session = open_model (graph, 17, &error);
  g_assert_no_error (error);
  GonioTensor **y = run_model (session, I (3), F ("2", 1, 2), NULL, &error);
  g_assert_no_error (error);
  assert_tensor (y[0], I (3));
  assert_tensor (y[1], F ("6", 1, 2, 1, 2, 1, 2));
  g_assert_cmpint (gonio_tensor_kind (y[2]), ==, GONIO_KIND_SEQUENCE);
  assert_tensor (gonio_list_item (y[2], 2), F ("2", 1, 2));
  free_outputs (session, y);
  g_assert_null (run_model (session, I (0), F ("2", 1, 2), NULL, &error));
  g_assert_nonnull (strstr (error->message, "the sequence is empty"));
}

/* A loop in a loop, each reading what is outside of it. */
static void
test_nested (void)
{
  g_autoptr (GError) error = NULL;
  GByteArray *graph = onnx_graph ("nested");
  GByteArray *outer = body_of ("i go s", "Identity x -> copy", "go t");

  onnx_graph_input (graph, "n", ONNX_INT64, "");
  onnx_graph_input (graph, "x", ONNX_FLOAT, "1");
  onnx_graph_node (outer, node_with_body ("Loop", "n - s", "t",
                                          body_of ("j more u", "Add u copy -> v", "more v")));
  onnx_graph_node (graph, node_with_body ("Loop", "n - x", "y", outer));
  add_outputs (graph, "y");
  g_autoptr (GonioSession) session = open_model (graph, 17, &error);
  g_assert_no_error (error);
  GonioTensor **y = run_model (session, I (4), F ("1", 2), NULL, &error);
  g_assert_no_error (error);
  assert_tensor (y[0], F ("1", 34)); /* 2 + 4 * 4 * 2 */
  free_outputs (session, y);
}

/* ---- hostile loops ---- */

static gpointer
cancel_soon (gpointer data)
{
  g_usleep (100 * 1000);
  g_cancellable_cancel (data);
  return NULL;
}

/* Never ends; depth: loops within each other. Everything is constant, so that building the
 * session would hang if the folder ran it. */
static GByteArray *
endless_model (guint depth)
{
  static const float one = 1;
  GByteArray *body = body_of ("i go s", "Mul s one -> t", "go t"), *graph = onnx_graph ("endless");

  for (guint i = 1; i < depth; i++) {
    GByteArray *around = body_of ("i go s", "Identity s -> u", "go t");

    onnx_graph_node (around, node_with_body ("Loop", "- - u", "t", body));
    body = around;
  }
  onnx_graph_init (graph, onnx_tensor ("one", ONNX_FLOAT, &one, 4, -1));
  onnx_graph_node (graph, node_with_body ("Loop", "- - one", "y", body));
  add_outputs (graph, "y");
  return graph;
}

static void
test_endless (void)
{
  for (guint depth = 1; depth <= 3; depth++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioSession) session = open_model (endless_model (depth), 17, &error);
    g_autoptr (GCancellable) cancellable = g_cancellable_new ();

    g_assert_no_error (error);
    GThread *thread = g_thread_new ("cancel", cancel_soon, cancellable);
    g_assert_null (run_model (session, NULL, NULL, cancellable, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_thread_join (thread);
  }
}

/* Piles up a captured tensor of 64 MiB for ever; the pile holds references only. */
static void
test_pile_budget (void)
{
  GByteArray *graph = onnx_graph ("pile");
  g_autoptr (GError) error = NULL;

  onnx_graph_input (graph, "x", ONNX_FLOAT, "16777216");
  onnx_graph_node (graph,
                   node_with_body ("Loop", "", "xs", body_of ("i go", "Identity i -> j", "go x")));
  add_outputs (graph, "xs");
  g_autoptr (GonioSession) session = open_model (graph, 17, &error);
  g_assert_no_error (error);
  GonioShape shape = GONIO_SHAPE (16777216);
  GonioTensor *x = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, &error);
  g_assert_null (run_model (session, x, NULL, NULL, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "have grown beyond 2048 MiB"));
}

static GByteArray *
loop_model (const char *op, const char *inputs, const char *outputs, GByteArray *body)
{
  GByteArray *graph = onnx_graph ("model");

  onnx_graph_input (graph, "n", ONNX_INT64, NULL);
  onnx_graph_input (graph, "x", ONNX_FLOAT, NULL);
  add_nodes (graph, "SequenceConstruct x x -> q");
  onnx_graph_node (graph, node_with_body (op, inputs, outputs, body));
  add_outputs (graph, "y");
  return graph;
}

static void
test_wrong_loops (void)
{
#define FAILS(n, inputs, outputs, body, message)                                                   \
  assert_fails (loop_model ("Loop", inputs, outputs, body), n, F ("2", 1, 2), message)
  FAILS (I (3), "n - x", "y", body_of ("i go s", "Shape s -> t", "go t"),
         "state 0 must stay alike");
  FAILS (I (3), "n - x", "y", body_of ("i go s", "Add s x -> t", "t t"), "condition is no bool");
  FAILS (I (3), "n - x", "y", body_of ("i go", "Identity go -> t", "t t"), "its body has 2 inputs");
  FAILS (I (3), "n - x", "y z", body_of ("i go s", "Add s x -> t", "go t"),
         "its body has 3 inputs");
  FAILS (I (3), "n - x", "y", body_of ("i go s", "Add s gone -> t", "go t"), "“gone”");
  FAILS (I (3), "n - q", "y", body_of ("i go s", "Add s x -> t", "go t"), "must be a tensor");
  FAILS (I (3), "n -", "y", body_of ("i go", "Identity q -> r", "go r"), "of kind sequence");
  FAILS (I (3), "n - x", "z y", body_of ("i go s", "Concat s s -> t", "go t t"), "axis");
  FAILS (TENSOR_I64 (INT64, "2", 1, 2), "n - x", "y", body_of ("i go s", "Add s x -> t", "go t"),
         "the trip count must be one number");
  FAILS (I (3), "n - x", "y", body_of ("i go s", "Gather x i -> t", "go t"), "round 2: ");
#undef FAILS
  /* Unequal rounds do not pile up. */
  GByteArray *body = body_of ("i go s", "Add s s -> u", "go t t");
  GByteArray *concat = onnx_node ("Concat", "s s", "t");
  onnx_node_attr (concat, onnx_attr_int ("axis", 0));
  onnx_graph_node (body, concat);
  assert_fails (loop_model ("Loop", "n - x", "z y", body), I (3), F ("2", 1, 2),
                "what piles up must be alike: float [4] in round 0, float [8] in round 1");
}

/* ---- Scan ---- */

/* s + x and s * x along an axis of x [2,3]. */
static GByteArray *
scan_model (int64_t axis, int64_t backwards, int64_t output_axis, int64_t output_backwards)
{
  GByteArray *graph = onnx_graph ("scan"), *node;
  GByteArray *body = body_of ("s a", "Add s a -> t; Mul s a -> p", "t p");
  const gint64 axes[] = {axis}, directions[] = {backwards};
  const gint64 out_axes[] = {output_axis}, out_directions[] = {output_backwards};

  onnx_graph_input (graph, "first", ONNX_FLOAT, axis == 0 ? "3" : "2");
  onnx_graph_input (graph, "x", ONNX_FLOAT, "2 3");
  node = node_with_body ("Scan", "first x", "last products", body);
  onnx_node_attr (node, onnx_attr_int ("num_scan_inputs", 1));
  onnx_node_attr (node, onnx_attr_ints ("scan_input_axes", 1, axes));
  onnx_node_attr (node, onnx_attr_ints ("scan_input_directions", 1, directions));
  onnx_node_attr (node, onnx_attr_ints ("scan_output_axes", 1, out_axes));
  onnx_node_attr (node, onnx_attr_ints ("scan_output_directions", 1, out_directions));
  onnx_graph_node (graph, node);
  add_outputs (graph, "last products");
  return graph;
}

static void
check_scan (GByteArray *graph, GonioTensor *first, GonioTensor *last, GonioTensor *products)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) session = open_model (graph, 17, &error);
  guint n;

  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++) {
    const GonioPort *port = &gonio_session_outputs (session, &n)[i];
    g_autofree char *known = gonio_sym_shape_to_string (&port->shape);
    g_autofree char *right = gonio_shape_to_string (gonio_tensor_shape (i ? products : last));

    g_assert_cmpstr (known, ==, right); /* inference has seen it all */
  }
  GonioTensor **y = run_model (session, first, F ("2 3", 1, 2, 3, 4, 5, 6), NULL, &error);
  g_assert_no_error (error);
  assert_tensor (y[0], last);
  assert_tensor (y[1], products);
  free_outputs (session, y);
}

static void
test_scan (void)
{
  check_scan (scan_model (0, 0, 0, 0), F ("3", 1, 1, 1), F ("3", 6, 8, 10),
              F ("2 3", 1, 2, 3, 8, 15, 24));
  check_scan (scan_model (0, 0, 1, 1), F ("3", 1, 1, 1), F ("3", 6, 8, 10),
              F ("3 2", 8, 1, 15, 2, 24, 3));
  check_scan (scan_model (-1, 1, 0, 0), F ("2", 1, 1), F ("2", 7, 16),
              F ("3 2", 3, 6, 8, 35, 6, 48));
  check_scan (scan_model (1, 0, -1, 0), F ("2", 1, 1), F ("2", 7, 16),
              F ("2 3", 1, 4, 12, 4, 25, 60));
}

/* Opset 8: a batch in front, and how much of each sequence counts. */
static void
test_scan_8 (void)
{
  for (int lengths = 0; lengths < 2; lengths++) {
    g_autoptr (GError) error = NULL;
    GByteArray *graph = onnx_graph ("scan"), *node;
    const gint64 sizes[] = {3, 1}, backwards[] = {1};
    const float ten = 10;

    onnx_graph_input (graph, "first", ONNX_FLOAT, "2 1");
    onnx_graph_input (graph, "x", ONNX_FLOAT, "2 3 1");
    onnx_graph_init (graph, onnx_tensor_ints ("sizes", 2, sizes));
    onnx_graph_init (graph, onnx_tensor ("ten", ONNX_FLOAT, &ten, 4, -1));
    add_nodes (graph, "Sub ten ten -> nil"); /* captured below */
    node = node_with_body ("Scan", lengths ? "sizes first x" : "- first x", "last sums",
                           body_of ("s a", "Add s a -> b; Add b nil -> t", "t t"));
    onnx_node_attr (node, onnx_attr_int ("num_scan_inputs", 1));
    if (!lengths)
      onnx_node_attr (node, onnx_attr_ints ("directions", 1, backwards));
    onnx_graph_node (graph, node);
    add_outputs (graph, "last sums");
    g_autoptr (GonioSession) session = open_model (graph, 8, &error);
    g_assert_no_error (error);
    GonioTensor **y =
        run_model (session, F ("2 1", 0, 0), F ("2 3 1", 1, 2, 3, 4, 5, 6), NULL, &error);
    g_assert_no_error (error);
    assert_tensor (y[0], lengths ? F ("2 1", 6, 4) : F ("2 1", 6, 15));
    assert_tensor (y[1], lengths ? F ("2 3 1", 1, 3, 6, 4, 0, 0) : F ("2 3 1", 3, 5, 6, 6, 11, 15));
    free_outputs (session, y);
  }
}

static GByteArray *
scan_of (const char *inputs, int64_t n_scanned, GByteArray *body)
{
  GByteArray *graph = onnx_graph ("scan"), *node = node_with_body ("Scan", inputs, "y", body);

  onnx_graph_input (graph, "a", ONNX_FLOAT, NULL);
  onnx_graph_input (graph, "b", ONNX_FLOAT, NULL);
  onnx_node_attr (node, onnx_attr_int ("num_scan_inputs", n_scanned));
  onnx_graph_node (graph, node);
  add_outputs (graph, "y");
  return graph;
}

static void
test_wrong_scans (void)
{
  GByteArray *grow = body_of ("s u", "Identity u -> v", "t"), *concat;

  assert_fails (scan_of ("a b", 0, body_of ("s u", "Add s u -> t", "t")), F ("1", 1), F ("2", 1, 2),
                "num_scan_inputs is 0");
  assert_fails (scan_of ("a b", INT64_MAX, body_of ("s u", "Add s u -> t", "t")), F ("1", 1),
                F ("2", 1, 2), "num_scan_inputs is");
  assert_fails (scan_of ("a b", 2, body_of ("s u", "Add s u -> t", "t")), F ("3", 1, 2, 3),
                F ("2", 1, 2), "differ in length");
  assert_fails (scan_of ("a b", 1, body_of ("s", "Add s s -> t", "t")), F ("1", 1), F ("2", 1, 2),
                "its body has 1 inputs");
  assert_fails (scan_of ("a b", 1, body_of ("s u", "Add s u -> t", "t")), F ("1", 1), F ("", 1),
                "axis 0 is out of range");
  assert_fails (scan_of ("a b", 2, body_of ("s u", "Add s u -> t", "t")),
                TENSOR_EMPTY (FLOAT, "40000000 0"), TENSOR_EMPTY (FLOAT, "40000000 0"),
                "rounds over an empty tensor are too many");
  concat = onnx_node ("Concat", "s s", "t");
  onnx_node_attr (concat, onnx_attr_int ("axis", 0));
  onnx_graph_node (grow, concat);
  assert_fails (scan_of ("a b", 1, grow), F ("1", 1), F ("2", 1, 2), "known as [1]");
}

/* ---- SequenceMap ---- */

static void
test_sequence_map (void)
{
  g_autoptr (GError) error = NULL;
  GByteArray *graph = onnx_graph ("map");

  onnx_graph_input (graph, "x", ONNX_FLOAT, "2 2");
  onnx_graph_input (graph, "b", ONNX_FLOAT, "1");
  add_nodes (graph, "SplitToSequence x -> rows");
  onnx_graph_node (graph, node_with_body ("SequenceMap", "rows b rows", "sums same",
                                          body_of ("r c d", "Add r c -> t; Add t d -> u", "u c")));
  add_outputs (graph, "sums same");
  g_autoptr (GonioSession) session = open_model (graph, 17, &error);
  g_assert_no_error (error);
  GonioTensor **y = run_model (session, F ("2 2", 1, 2, 3, 4), F ("1", 10), NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gonio_list_length (y[0]), ==, 2);
  assert_tensor (gonio_list_item (y[0], 1), F ("1 2", 16, 18));
  assert_tensor (gonio_list_item (y[1], 1), F ("1", 10));
  free_outputs (session, y);

  assert_fails (loop_model ("SequenceMap", "x", "y", body_of ("r", "Add r r -> t", "t")), I (0),
                F ("2", 1, 2), "must be of kind sequence");
  assert_fails (loop_model ("SequenceMap", "q x", "y", body_of ("r", "Add r r -> t", "t")), I (0),
                F ("2", 1, 2), "its body has 1 inputs");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/loop/trip-count", test_trip_count);
  g_test_add_func ("/loop/condition", test_condition);
  g_test_add_func ("/loop/growing-state", test_growing_state);
  g_test_add_func ("/loop/carried-sequence", test_carried_sequence);
  g_test_add_func ("/loop/nested", test_nested);
  g_test_add_func ("/loop/endless", test_endless);
  g_test_add_func ("/loop/pile-budget", test_pile_budget);
  g_test_add_func ("/loop/wrong-loops", test_wrong_loops);
  g_test_add_func ("/scan/directions", test_scan);
  g_test_add_func ("/scan/opset-8", test_scan_8);
  g_test_add_func ("/scan/wrong-scans", test_wrong_scans);
  g_test_add_func ("/sequence-map", test_sequence_map);
  return g_test_run ();
}
