/* Weights that are packed leave the graph of a session from a file, and nothing else does: results
 * stay, whoever else uses a weight still has it, and a region that turns out not to compile does.
 */
#include "backends/cpu/cpu.h"
#include "backends/reference/reference.h"
#include "core/base/error.h"
#include "core/session/session.h"
#include "tests/support/model-parts.h"
#include "tests/support/small-models.h"

#include <glib/gstdio.h>
#include <string.h>

#define CHANNELS 32 /* 36 KiB of weights */

static GonioBackendDef refusing;
static guint to_refuse, n_compiled, n_releasing;
static const GonioBackendDef *const tested[] = {&gonio_backend_cpu, &gonio_backend_reference, NULL};
static const GonioBackendDef *const refused[] = {&refusing, &gonio_backend_reference, NULL};
static const GonioBackendDef *const reference[] = {&gonio_backend_reference, NULL};

/* Compiles, and then says that it could not. */
static GonioCompiled *
compile (GonioBackend *backend, const GonioRegion *region, GError **error)
{
  n_compiled++;
  n_releasing += region->release != NULL;
  GonioCompiled *compiled = gonio_backend_cpu.compile (backend, region, error);
  if (compiled == NULL || to_refuse == 0)
    return compiled;
  to_refuse--;
  gonio_backend_cpu.compiled_free (compiled);
  g_set_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_UNSUPPORTED, "not this time");
  return NULL;
}

/* ---- the model ---- */

static void
add_weights (GByteArray *graph, const char *name)
{
  float values[CHANNELS * CHANNELS * 9];
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_str_hash (name));
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    values[i] = (float)g_rand_double_range (rand, -0.1, 0.1);
  onnx_graph_init (
      graph, onnx_tensor (name, ONNX_FLOAT, values, sizeof values, CHANNELS, CHANNELS, 3, 3, -1));
}

static void
add_conv (GByteArray *graph, const char *inputs, const char *output)
{
  parts_node (graph, "Conv", inputs, output, PARTS_INTS ("pads", 1, 1, 1, 1), NULL);
}

/* once: packed and done with; twice: by two nodes; shown: also an output; given: also an input,
 * as in models of old; inner: also a subgraph's; added: also by a node that comes after the region,
 * as it lies. */
static char *
write_model (const char *dir)
{
  static const char *const names[] = {"once", "twice", "shown", "given", "inner", "added"};
  GByteArray *g = onnx_graph ("release"), *yes = onnx_graph ("yes"), *no = onnx_graph ("no");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    add_weights (g, names[i]);
  onnx_graph_input (g, "x", ONNX_FLOAT, "1 32 20 20");
  onnx_graph_input (g, "c", ONNX_BOOL, "1");
  onnx_graph_input (g, "given", ONNX_FLOAT, "32 32 3 3");
  add_conv (g, "x once", "a");
  add_conv (g, "a twice", "b");
  add_conv (g, "b twice", "d");
  add_conv (g, "d shown", "e");
  add_conv (g, "e given", "f");
  add_conv (g, "f inner", "h");
  add_conv (g, "h added", "i");
  parts_node (yes, "Where", "c inner inner", "n", NULL); /* not to be known before */
  parts_outputs (yes, "n");
  parts_node (no, "Where", "c inner inner", "m", NULL);
  parts_outputs (no, "m");
  parts_node (g, "If", "c", "j", onnx_attr_graph ("then_branch", yes),
              onnx_attr_graph ("else_branch", no), NULL);
  parts_node (g, "Add", "j added", "k", NULL);
  parts_outputs (g, "i k shown");

  g_autoptr (GByteArray) model = onnx_model (g, 17);
  char *path = g_build_filename (dir, "release.onnx", NULL);
  g_assert_true (g_file_set_contents (path, (const char *)model->data, model->len, NULL));
  return path;
}

/* ---- sessions ---- */

static GonioSession *
load (const char *path, const GonioBackendDef *const *backends, guint threads, gboolean expose_all)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = backends;
  options.threads = threads;
  options.expose_all = expose_all;
  GonioSession *session = gonio_session_new_from_file (path, &options, NULL, &error);
  g_assert_no_error (error);
  return session;
}

static void
check_results (const char *path, GonioSession *session)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) other = load (path, reference, 1, FALSE);
  g_autoptr (GPtrArray) inputs = small_model_inputs (session, 1);
  GonioTensor **expected = small_model_run (other, inputs, NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 2; i++) {
    GonioTensor **outputs = small_model_run (session, inputs, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (small_model_equal (outputs, expected, 3));
    gonio_session_free_outputs (outputs, 3);
  }
  gonio_session_free_outputs (expected, 3);
}

static gboolean
has_weights (GonioSession *session, const char *name)
{
  g_autoptr (GonioGraph) graph = gonio_session_dup_graph (session);
  for (guint i = 0; i < gonio_graph_n_values (graph); i++) {
    const GonioValue *value = gonio_graph_value (graph, i);
    if (value->name != NULL && g_str_equal (value->name, name))
      return value->constant != NULL;
  }
  return FALSE;
}

static void
test_release (gconstpointer path)
{
  GonioSessionStats kept, stats;
  for (guint threads = 1; threads <= 2; threads++) {
    g_autoptr (GonioSession) session = load (path, tested, threads, FALSE);
    g_autoptr (GonioSession) keeping = load (path, tested, threads, TRUE);
    g_assert_false (has_weights (session, "once"));
    g_assert_false (has_weights (session, "twice"));
    g_assert_true (has_weights (session, "shown"));
    g_assert_true (has_weights (session, "added"));
    g_assert_true (has_weights (keeping, "once"));
    gonio_session_stats (session, &stats);
    gonio_session_stats (keeping, &kept);
    g_assert_cmpuint (stats.constant_bytes, ==, kept.constant_bytes);
    g_assert_cmpfloat (stats.flops, ==, kept.flops);
    check_results (path, session);
  }
}

/* Nothing is left to compile with, so the file is read again, and weights stay. */
static void
test_refused (gconstpointer path)
{
  refusing = gonio_backend_cpu;
  refusing.compile = compile;
  for (guint n = 1; n <= 2; n++) {
    to_refuse = n;
    n_compiled = n_releasing = 0;
    g_autoptr (GonioSession) session = load (path, refused, 2, FALSE);
    g_assert_cmpuint (n_releasing, ==, 1);
    g_assert_cmpuint (n_compiled, >, 1);
    check_results (path, session);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_autofree char *dir = g_dir_make_tmp ("gonio-release-XXXXXX", NULL);
  g_autofree char *path = write_model (dir);
  g_test_add_data_func ("/cpu-release/once-packed", path, test_release);
  g_test_add_data_func ("/cpu-release/refused", path, test_refused);
  int code = g_test_run ();
  g_unlink (path);
  g_rmdir (dir);
  return code;
}
