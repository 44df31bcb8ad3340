/* Doctor: backends with a graph that is really run, models with their checksums. */
#include "app/backends.h"
#include "app/cli/doctor.h"
#include "app/data-dirs.h"
#include "core/graph/edit.h"
#include "core/models/store.h"
#include "core/ops/op.h"

#include <math.h>

/* ---- self-test ---- */

static GonioValueId
add_floats (GonioGraph *graph, const char *name, const float *data, const GonioShape *shape)
{
  size_t size = 0;
  gonio_tensor_bytes (GONIO_DTYPE_FLOAT, shape, &size);
  g_autoptr (GonioTensor) tensor =
      gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, shape, data, size, NULL);
  return gonio_graph_add_constant (graph, name, tensor);
}

static GonioValueId
add_node (GonioGraph *graph, guint op, const char *name, GonioValueId a, GonioValueId b,
          GonioNodeId *out_node)
{
  const GonioValueId inputs[] = {a, b};
  GonioValueId output = gonio_graph_add_value (graph, name, GONIO_DTYPE_NONE, NULL);
  *out_node =
      gonio_graph_add_node (graph, op, name, inputs, b == GONIO_VALUE_NONE ? 1 : 2, &output, 1);
  return output;
}

/* p = relu (x * w + b) for x [2,3]; c = each 3 x 3 sum of i [1,1,4,4] with a border of zeros. */
static GonioGraph *
make_graph (void)
{
  static const float w[] = {1, -1, 0.5f, 2, -1, 1}, b[] = {0.5f, -1};
  static const float ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  static const int64_t pads[] = {1, 1, 1, 1};
  const GonioShape w_shape = GONIO_SHAPE (3, 2), b_shape = GONIO_SHAPE (2);
  const GonioShape k_shape = GONIO_SHAPE (1, 1, 3, 3), x_shape = GONIO_SHAPE (2, 3);
  const GonioShape i_shape = GONIO_SHAPE (1, 1, 4, 4);
  GonioSymShape x_sym = gonio_sym_shape_from_shape (&x_shape);
  GonioSymShape i_sym = gonio_sym_shape_from_shape (&i_shape);
  GonioGraph *graph = gonio_graph_new ("self-test");
  GonioNodeId node;
  GonioValueId x = gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &x_sym);
  GonioValueId i = gonio_graph_add_input (graph, "i", GONIO_DTYPE_FLOAT, &i_sym);
  GonioValueId p =
      add_node (graph, GONIO_OP_MATMUL, "product", x, add_floats (graph, "w", w, &w_shape), &node);
  p = add_node (graph, GONIO_OP_ADD, "sum", p, add_floats (graph, "b", b, &b_shape), &node);
  p = add_node (graph, GONIO_OP_RELU, "relu", p, GONIO_VALUE_NONE, &node);
  GonioValueId c =
      add_node (graph, GONIO_OP_CONV, "conv", i, add_floats (graph, "k", ones, &k_shape), &node);
  gonio_graph_set_attr_ints (graph, node, "pads", pads, G_N_ELEMENTS (pads));
  gonio_graph_add_output (graph, p);
  gonio_graph_add_output (graph, c);
  return graph;
}

static gboolean
check_output (const GonioTensor *tensor, const float *expected, guint n, GError **error)
{
  for (guint k = 0; k < n; k++) {
    double got = gonio_tensor_count (tensor) == n ? gonio_tensor_get_double (tensor, k) : NAN;
    if (!(fabs (got - (double)expected[k]) <= 1e-4)) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                   "it computed %g where %g is right (number %u)", got, (double)expected[k], k);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
run_self_test (const GonioBackendDef *def, GError **error)
{
  static const float x[] = {1, 2, 3, 4, 5, 6}, p[] = {0, 5, 1, 11};
  static const float i[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  static const float c[] = {4, 6, 6, 4, 6, 9, 9, 6, 6, 9, 9, 6, 4, 6, 6, 4};
  const GonioShape x_shape = GONIO_SHAPE (2, 3), i_shape = GONIO_SHAPE (1, 1, 4, 4);
  const GonioBackendDef *const only[] = {def, NULL};
  const char *const names[] = {"x", "i"};
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  GonioTensor **outputs = NULL;
  options.backends = only;
  options.strict = TRUE; /* no other backend may help */
  g_autoptr (GonioSession) session =
      gonio_session_new_from_graph (make_graph (), &options, NULL, error);
  if (session == NULL)
    return FALSE;
  g_autoptr (GonioTensor) tx =
      gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &x_shape, x, sizeof x, NULL);
  g_autoptr (GonioTensor) ti =
      gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &i_shape, i, sizeof i, NULL);
  GonioTensor *const inputs[] = {tx, ti};
  if (!gonio_session_run (session, names, inputs, 2, &outputs, NULL, error))
    return FALSE;
  gboolean ok = check_output (outputs[0], p, G_N_ELEMENTS (p), error) &&
                check_output (outputs[1], c, G_N_ELEMENTS (c), error);
  gonio_session_free_outputs (outputs, 2);
  return ok;
}

void
gonio_doctor_backends (GPtrArray *findings)
{
  for (const GonioBackendDef *const *def = gonio_backends (); *def != NULL; def++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *name = g_strconcat ("backend ", (*def)->name, NULL);
    g_autofree char *text = NULL;
    if (!gonio_backend_describe (*def, &text, &error))
      gonio_doctor_add (findings, GONIO_HEALTH_NOTE, name,
                        g_strdup_printf ("not available: %s", error->message),
                        g_strdup ("The other backends do its work, more slowly."));
    else if (!run_self_test (*def, &error))
      gonio_doctor_add (findings, GONIO_HEALTH_FAIL, name,
                        g_strdup_printf ("%s; self-test failed: %s", text, error->message),
                        g_strdup_printf ("Leave it out (--backend with the others), and report "
                                         "this machine's processor with gonio-cli %s.",
                                         GONIO_VERSION));
    else
      gonio_doctor_add (findings, GONIO_HEALTH_OK, name,
                        g_strdup_printf ("%s; self-test passed", text), NULL);
  }
}

/* ---- models ---- */

static void
check_model (GPtrArray *findings, const GonioManifest *manifest)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = g_strdup_printf ("model %s %s", manifest->id, manifest->version);
  if (gonio_manifest_verify (manifest, NULL, &error))
    gonio_doctor_add (findings, GONIO_HEALTH_OK, name,
                      g_strdup_printf ("%s, checksum right", manifest->model_path), NULL);
  else
    gonio_doctor_add (findings, GONIO_HEALTH_FAIL, name, g_strdup (error->message),
                      g_strdup_printf ("Install the model again, or remove %s.", manifest->path));
}

void
gonio_doctor_models (GPtrArray *findings)
{
  const char *chosen = g_getenv ("GONIO_DATA_DIR");
  if (chosen != NULL && *chosen != '\0' && !g_file_test (chosen, G_FILE_TEST_IS_DIR))
    gonio_doctor_add (findings, GONIO_HEALTH_FAIL, "data folder",
                      g_strdup_printf ("GONIO_DATA_DIR is %s, which is no folder", chosen),
                      g_strdup ("Correct the variable or unset it."));
  g_auto (GStrv) dirs = gonio_data_dirs ();
  g_auto (GStrv) folders = gonio_data_subdirs ((const char *const *)dirs, "models");
  g_autoptr (GonioModelStore) store = gonio_model_store_new ((const char *const *)folders);
  GPtrArray *models = gonio_model_store_models (store);
  GPtrArray *problems = gonio_model_store_problems (store);
  for (guint i = 0; i < models->len; i++)
    check_model (findings, gonio_model_manifest (g_ptr_array_index (models, i)));
  for (guint i = 0; i < problems->len; i++)
    gonio_doctor_add (findings, GONIO_HEALTH_FAIL, "model",
                      g_strdup (g_ptr_array_index (problems, i)),
                      g_strdup ("Correct the manifest, or remove the folder."));
  if (models->len == 0) {
    g_autofree char *list = g_strjoinv (", ", folders);
    gonio_doctor_add (
        findings, GONIO_HEALTH_FAIL, "models",
        g_strdup_printf ("none found in %s", *list != '\0' ? list : "any data folder"),
        g_strdup ("Install gonio's data, or set GONIO_DATA_DIR to the folder that "
                  "holds models/ and protocols/."));
  }
}
